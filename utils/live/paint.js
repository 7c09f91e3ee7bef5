"use strict";
// Paint the evidence: the reader marks the cells believed decisive, then sees the map and both.

// eslint-disable-next-line no-unused-vars
const paint = (live) => async (body, data) => {
  const { el, fixed, percent } = live;
  const picture = await live.photo(data.photo, data.shown);
  const palette = live.colours(data.colours);
  const M = await live.unpack(data.M);
  const { cells } = data;
  const [H, W] = cells.shape;
  const [height, width] = data.size; // of the picture that boxes are measured in
  const scale = data.shown[1] / width;
  const mine = new Set();
  let open = false;

  // ------------------------------------------------ the mathematics

  const heat = live.normalize(live.upsample(M, cells, data.size));
  const mapBox = live.boxOf(live.pieces(heat, data.size, data.threshold), data.size);
  const total = M.reduce((sum, v) => sum + v, 0);
  const paid = (some) => some.reduce((sum, cell) => sum + M[cell], 0) / total;
  const best = [...M.keys()].sort((a, b) => M[b] - M[a]);

  /** The first pixel whose middle lies behind an edge, at most `end`. */
  const pixel = (edge, end) => Math.min(end, Math.max(0, Math.ceil(edge - 0.5 - 1e-6)));

  /** What the marked cells cover, each a step wide, cut at the picture's edge. */
  const boxOfMine = () => {
    const edges = [Infinity, Infinity, -Infinity, -Infinity];
    for (const cell of mine) {
      const [i, j] = [Math.floor(cell / W), cell % W];
      const x = (cells.start[1] + j * cells.step[1]) * width;
      const y = (cells.start[0] + i * cells.step[0]) * height;
      const [across, down] = [(cells.step[1] * width) / 2, (cells.step[0] * height) / 2];
      edges[0] = Math.min(edges[0], pixel(x - across, width));
      edges[1] = Math.min(edges[1], pixel(y - down, height));
      edges[2] = Math.max(edges[2], pixel(x + across, width));
      edges[3] = Math.max(edges[3], pixel(y + down, height));
    }
    return edges;
  };

  // ------------------------------------------------ what is shown

  const { node: map, above, under, over } = live.layers(data.shown);
  const words = el("p", { className: "cl-words" });
  const status = live.announcer();
  const level = live.normalize(live.upsample(M, cells, data.shown));
  const onScreen = (box) => box.map((v) => v * scale);

  const drawMap = () => {
    live.paint(under, picture, level, palette, open ? data.alpha : 0);
    draw();
  };

  const draw = () => {
    over.clearRect(0, 0, data.shown[1], data.shown[0]);
    for (const cell of mine) {
      live.fillCell(over, [Math.floor(cell / W), cell % W], cells, data.shown, open ? 0.15 : 0.45);
    }
    if (open) {
      live.drawBox(over, onScreen(data.box), { ink: "#22303c", dash: [7, 5] });
      live.drawBox(over, onScreen(mapBox));
      if (mine.size) live.drawBox(over, onScreen(boxOfMine()), { ink: live.BLUE, dash: [2, 4] });
    }
    live.drawCell(over, at, cells, data.shown);
    words.textContent = said();
  };

  const said = () => {
    const n = mine.size;
    const marked = `You marked ${n} of ${H * W} cells.`;
    if (!open) return marked;
    const own = best.slice(0, n);
    const both = own.filter((cell) => mine.has(cell)).length;
    const overlap = (box) => fixed(live.iou(box, data.box), 3);
    const map = `IoU with the true box: the map's ${overlap(mapBox)}`;
    if (!n) return `${marked} ${map}.`;
    return (
      `${marked} They pay ${percent(paid([...mine]))} of the sum of the map; its own best ${n} pay ` +
      `${percent(paid(own))}, and ${both} of these are yours. ${map}, yours ${overlap(boxOfMine())}.`
    );
  };

  // ------------------------------------------------ what is asked

  const redraw = live.atFrame(draw);
  let marks = true; // whether this stroke marks cells or takes marks away
  let last = [0, 0];
  const mark = ([i, j]) => (marks ? mine.add(i * W + j) : mine.delete(i * W + j));
  const stroke = (to) => {
    const steps = Math.max(Math.abs(to[0] - last[0]), Math.abs(to[1] - last[1]));
    for (let s = 1; s <= steps; s++) mark([0, 1].map((a) => Math.round(last[a] + ((to[a] - last[a]) * s) / steps)));
    mark(to);
  };
  const label = `The picture as ${H} by ${W} cells. Arrow keys go from cell to cell, Space marks one.`;
  const at = live.pointing(above, cells, label, (to, event) => {
    if (event.type === "pointerdown") {
      marks = !mine.has(to[0] * W + to[1]);
      last = [...to];
    }
    if (event.type.startsWith("pointer") && event.buttons) stroke(to);
    last = [...to];
    const now = mine.has(to[0] * W + to[1]) ? "marked" : "not marked";
    status.say(`Row ${to[0] + 1}, column ${to[1] + 1}, ${now}.`);
    redraw();
  });
  above.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    marks = !mine.has(at[0] * W + at[1]);
    mark(at);
    status.say(marks ? "Marked." : "Mark taken away.");
    redraw();
  });
  const show = live.button("Show the map", () => {
    open = !open;
    show.setAttribute("aria-pressed", open);
    drawMap();
    status.say(words.textContent);
  }, false);
  const clear = live.button("Clear", () => {
    mine.clear();
    draw();
    status.say(words.textContent);
  });
  const ask = el("p", { className: "cl-title" });
  ask.append(
    `Which cells make it say ${data.name}? Mark them, by dragging or with the arrow keys and Space. `,
    "Then show the map. Boxes: solid the map's, dashed the true one, dotted yours.",
  );
  const panel = el("div", { className: "cl-panel" });
  panel.append(ask, el("div", { className: "cl-ask" }, show, clear), words);
  body.append(el("div", { className: "cl-side" }, map), panel, status.node);
  at.go([H >> 1, W >> 1]);
  drawMap();
};
