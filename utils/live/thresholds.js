"use strict";
// One class in the maps of several networks: threshold, pieces, box, IoU, and the curve over many.

// eslint-disable-next-line no-unused-vars
const thresholds = (live) => async (body, data) => {
  const { el, fixed, percent, math } = live;
  const picture = await live.photo(data.photo, data.shown);
  const palette = live.colours(data.colours);
  const maps = await Promise.all(data.variants.map(({ M }) => live.unpack(M)));
  const [height, width] = data.size; // of the picture that boxes are measured in
  const scale = data.shown[1] / width;
  const onScreen = (box) => box.map((v) => v * scale);
  const state = { at: 0, c: data.c, threshold: data.threshold };

  // ------------------------------------------------ what is shown

  const { node: map, above, under, over } = live.layers(data.shown);
  above.setAttribute("role", "img");
  const legend = live.legend();
  const line = el("p", { className: "cl-equation" });
  const words = el("p", { className: "cl-words" });
  const status = live.announcer();
  const curves = data.variants.some(({ curve }) => curve)
    ? live.plot(data.variants.map(({ label, curve }) => ({ label, values: curve })))
    : null;

  let seen; // all that follows from the variant and the class
  const drawMap = () => {
    const { cells, S } = data.variants[state.at];
    const [H, W] = cells.shape;
    const M = maps[state.at].subarray(state.c * H * W, (state.c + 1) * H * W);
    const shown = live.upsample(M, cells, data.shown);
    const heat = live.normalize(live.upsample(M, cells, data.size));
    const lit = heat.reduce((sum, v) => sum + (v > 0.5), 0) / heat.length;
    seen = { heat, lit, top: live.largest(shown), cells: `${H} × ${W} cells` };
    live.paint(under, picture, live.normalize(shown), palette, data.alpha);
    line.replaceChildren(
      el("strong", {}, data.variants[state.at].label),
      ...math(`: S_c = ${fixed(S[state.c])},  P_c = ${fixed(live.softmax(S)[state.c], 3)}`),
    );
    drawBox();
  };

  const drawBox = () => {
    const { heat, lit, top, cells } = seen;
    const found = live.pieces(heat, data.size, state.threshold);
    const box = live.boxOf(found, data.size);
    over.clearRect(0, 0, data.shown[1], data.shown[0]);
    live.outline(over, heat, data.size, data.shown, state.threshold);
    live.drawBox(over, onScreen(data.box), { ink: live.BLUE, dash: [7, 5] });
    live.drawBox(over, onScreen(box));
    const iou = live.iou(box, data.box);
    const n = found.length;
    words.textContent =
      `${n} piece${n === 1 ? "" : "s"} above ${fixed(state.threshold)} of the maximum. The box of the ` +
      `largest, (${box.join(", ")}), has IoU ${fixed(iou, 3)} with the true one: ` +
      `${iou >= 0.5 ? "found" : "missed"}. Above half of the maximum lies ${percent(lit)} of the ` +
      `picture; the map has ${cells}.`;
    legend.set(palette, 0, top, state.threshold);
    const spoken = `${data.variants[state.at].label}, ${data.names[state.c]}`;
    above.setAttribute("aria-label", `Map of ${spoken}: box solid, true box dashed`);
    let said = `${spoken}: IoU ${fixed(iou, 2)}, ${iou >= 0.5 ? "found" : "missed"}`;
    if (curves) said += `; ${curves.set(state.at, state.threshold)}`;
    status.say(said);
  };

  // ------------------------------------------------ what is asked

  const redraw = live.atFrame(drawMap);
  const set = (name, then) => (value) => {
    state[name] = +value;
    then();
  };
  const panel = el("div", { className: "cl-panel" });
  panel.append(
    live.choice({
      label: "Map of",
      options: data.variants.map(({ label }) => label),
      value: 0,
      change: set("at", redraw),
    }),
    live.menu({
      label: "Class",
      options: data.names.map((name, c) => [c, name]),
      value: state.c,
      change: set("c", redraw),
    }),
    live.slider({
      label: "Threshold",
      value: state.threshold,
      max: 0.95,
      change: set("threshold", live.atFrame(drawBox)),
    }),
    line,
    words,
  );
  if (curves) panel.append(curves.node);
  body.append(el("div", { className: "cl-side" }, map, legend.node), panel, status.node);
  drawMap();
};
