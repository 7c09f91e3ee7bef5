"use strict";
// The channel browser: where a channel fires most, whom it speaks for, which parts it agrees with.

// eslint-disable-next-line no-unused-vars
const browser = (live) => async (body, data) => {
  const { el, fixed, math } = live;
  const [f, w] = await Promise.all([live.unpack(data.f), live.unpack(data.w)]);
  const palette = live.colours(data.colours);
  const sheet = new Image();
  sheet.src = data.sheet;
  await sheet.decode();
  const [H, W] = data.cells.shape;
  const [h, wide] = data.tile;
  const each = data.best[0].length;
  const shown = [2 * h, 2 * wide]; // pixels of a picture on the screen
  const state = { c: data.c, rank: 0 };
  let order = [];

  // ------------------------------------------------ what is shown

  const tiles = data.best[0].map(() => {
    const { node, under, over, above } = live.layers(shown);
    above.setAttribute("role", "img");
    const caption = el("figcaption", { className: "cl-quiet" });
    return { node: el("figure", {}, node, caption), under, over, above, caption };
  });
  const scratch = el("canvas", { width: shown[1], height: shown[0] });
  const read = scratch.getContext("2d", { willReadFrequently: true });
  const line = el("p", { className: "cl-equation" });
  const weights = el("div", { className: "cl-bars cl-short" });
  const parts = el("div", { className: "cl-bars cl-short" });
  const status = live.announcer();

  /** One picture of the sheet under the map of channel k, its strongest region outlined. */
  const drawTile = ({ under, over, above, caption }, k, n) => {
    const i = data.best[k][n];
    const [column, row] = [i % data.columns, Math.floor(i / data.columns)];
    const [height, width] = shown;
    read.drawImage(sheet, column * wide, row * h, wide, h, 0, 0, width, height);
    const picture = live.grabbed(read, width, height);
    const at = (k * each + n) * H * W;
    const big = live.upsample(f.subarray(at, at + H * W), data.cells, shown);
    live.paint(under, picture, live.normalize(big), palette, 0.5);
    over.clearRect(0, 0, width, height);
    if (data.T[k] > 0) live.outline(over, big, shown, shown, data.T[k] * 0.999);
    const top = live.largest(big);
    caption.replaceChildren(`${data.labels[i]}, up to ${fixed(top)}`);
    above.setAttribute("aria-label", `A ${data.labels[i]} under the map of channel ${k}`);
  };

  const draw = () => {
    const k = order[state.rank];
    tiles.forEach((tile, n) => drawTile(tile, k, n));
    const name = data.names[state.c];
    const own = w[state.c * data.K + k];
    line.replaceChildren(
      el("strong", {}, `k = ${k}`),
      ...math(`: w_k = ${fixed(own)} for ${name}, number ${state.rank + 1} of ${data.K}`),
    );
    live.bars(weights, data.names.map((each, c) => [each, w[c * data.K + k], fixed(w[c * data.K + k])]));
    live.bars(parts, data.parts[k].map(([part, iou]) => [part, iou, fixed(iou, 3)]), 1);
    status.say(
      `Channel ${k}, weight ${fixed(own)} for ${name}. Best part: ${data.parts[k][0][0]}, ` +
        `IoU ${fixed(data.parts[k][0][1], 2)}.`,
    );
  };

  // ------------------------------------------------ what is asked

  const redraw = live.atFrame(draw);
  const sort = () => {
    const weight = (k) => w[state.c * data.K + k];
    order = [...Array(data.K).keys()].sort((a, b) => weight(b) - weight(a));
  };
  const turn = (rank) => {
    state.rank = Math.min(data.K - 1, Math.max(0, rank));
    slider.set(state.rank + 1);
    redraw();
  };
  const slider = live.slider({
    label: "Channel",
    min: 1,
    max: data.K,
    step: 1,
    value: 1,
    said: (v) => `${v}.`,
    change: (v) => turn(v - 1),
  });
  const classes = live.menu({
    label: "Class",
    options: data.names.map((name, c) => [c, name]),
    value: state.c,
    change: (v) => {
      state.c = +v;
      sort();
      turn(0);
    },
  });
  const pages = el(
    "div",
    { className: "cl-ask" },
    live.button("Larger weight", () => turn(state.rank - 1)),
    live.button("Smaller weight", () => turn(state.rank + 1)),
  );
  const left = el("div", { className: "cl-panel" }, classes, slider, pages, line);
  left.append(el("p", { className: "cl-title" }, "IoU of its strongest region with parts:"), parts);
  const right = el("div", { className: "cl-panel" });
  right.append(el("p", { className: "cl-title" }, "Its weight for every class:"), weights);
  const row = el("div", { className: "cl-wide cl-tiles" }, ...tiles.map(({ node }) => node));
  body.append(row, left, right, status.node);
  sort();
  draw();
};
