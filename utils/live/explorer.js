"use strict";
// The CAM explorer: any class, its map over the picture, its box, and what one cell is made of.

// eslint-disable-next-line no-unused-vars
const explorer = (live) => async (body, data) => {
  const { el, fixed, percent } = live;
  const [f, w] = await Promise.all([live.unpack(data.f), live.unpack(data.w)]);
  const picture = await live.photo(data.photo, data.shown);
  const quiet = new Set(data.quiet); // channels that are 0 everywhere: neither in f nor in w
  const channels = [...Array(data.K).keys()].filter((k) => !quiet.has(k));
  const K = channels.length;
  const [H, W] = data.cells.shape;
  const [height, width] = data.size; // of the picture that boxes are measured in
  const scale = data.shown[1] / width;
  const palettes = Object.fromEntries(
    Object.entries(data.colours).map(([name, hex]) => [name, live.colours(hex)]),
  );
  const SIGNED = "for and against";
  const BARS = 6;
  const state = { c: 0, alpha: data.alpha, threshold: data.threshold, colours: "inferno" };

  // ------------------------------------------------ what is shown

  const { node: map, above, under, over } = live.layers(data.shown);
  const legend = live.legend();
  const equation = el("p", { className: "cl-equation" });
  const words = el("p", { className: "cl-words" });
  const cellTitle = el("p", { className: "cl-title" });
  const parts = el("div", { className: "cl-bars" });
  const status = live.announcer();

  let seen; // all that follows from the class
  const look = () => {
    const weights = w.subarray(state.c * K, (state.c + 1) * K);
    const M = live.classMap(f, weights);
    const shown = live.upsample(M, data.cells, data.shown);
    const heat = live.normalize(live.upsample(M, data.cells, data.size));
    const [top, limit] = [live.largest(shown), live.limit(shown)];
    return { weights, M, shown, heat, top, limit, name: data.names[state.c] };
  };

  const paintMap = () => {
    const signed = state.colours === SIGNED;
    const { shown, limit } = seen;
    const level = signed ? live.signed(shown, limit) : live.normalize(shown);
    live.paint(under, picture, level, palettes[state.colours], state.alpha, signed);
  };

  const drawMap = () => {
    seen = look();
    paintMap();
    sayScore();
    drawBox();
  };

  const drawBox = () => {
    const { heat, top, limit, name } = seen;
    const found = live.pieces(heat, data.size, state.threshold);
    const box = live.boxOf(found, data.size);
    over.clearRect(0, 0, data.shown[1], data.shown[0]);
    live.drawBox(over, box.map((v) => v * scale));
    live.drawCell(over, at, data.cells, data.shown);
    const share = found.reduce((sum, piece) => sum + piece.size, 0) / heat.length;
    words.textContent = share
      ? `${percent(share)} of the picture lies above ${fixed(state.threshold)} of the map's ` +
        `maximum. Box (${box.join(", ")}) in ${width} × ${height} pixels.`
      : "The map is nowhere positive, so the box is the whole picture.";
    const signed = state.colours === SIGNED;
    const mark = signed ? 0.5 + (state.threshold * top) / limit / 2 : state.threshold;
    legend.set(palettes[state.colours], signed ? -limit : 0, signed ? limit : top, mark);
    status.say(`${name}: ${words.textContent}`);
  };

  const sayScore = () => {
    const b = data.b[state.c];
    equation.replaceChildren(
      `${seen.name}: `,
      ...live.account(live.mean(seen.M) + b, b),
      ...live.math(`,  P_c = ${fixed(data.P[state.c], 3)}`),
    );
  };

  const readCell = () => {
    const { weights, M, name } = seen;
    const [i, j] = at;
    const cell = i * W + j;
    const paid = Float32Array.from(weights, (weight, k) => weight * f[k * H * W + cell]);
    const order = [...paid.keys()].sort((a, b) => Math.abs(paid[b]) - Math.abs(paid[a]));
    const first = order.slice(0, BARS);
    const rest = M[cell] - first.reduce((sum, k) => sum + paid[k], 0);
    const rows = first.map((k) => [
      `k = ${channels[k]}`,
      paid[k],
      `${fixed(weights[k], 3)} × ${fixed(f[k * H * W + cell])} = ${fixed(paid[k], 3)}`,
    ]);
    rows.push([`${data.K - first.length} others`, 0, fixed(rest, 3), "cl-rest"]);
    rows.push([live.math("M_c"), 0, fixed(M[cell], 3), "cl-sum"]);
    live.bars(parts, rows);
    cellTitle.replaceChildren(
      `Row ${i + 1}, column ${j + 1} of ${H} × ${W} cells: the largest `,
      ...live.math("w_k f_k(x, y)"),
      ", and the sum of all",
    );
    return `${name}, row ${i + 1}, column ${j + 1}: M is ${fixed(M[cell], 3)}`;
  };

  // ------------------------------------------------ what is asked

  const redraw = live.atFrame(() => {
    drawMap();
    readCell();
  });
  const at = live.pointing(
    above,
    data.cells,
    `Class map over the picture, ${H} by ${W} cells. Arrow keys go from cell to cell.`,
    live.atFrame(() => {
      drawBox();
      status.say(readCell());
    }),
  );
  const set = (name, then) => (value) => {
    state[name] = value;
    then();
  };
  const pad = (text, n) => text.padStart(n, "\u2007"); // a space as wide as a digit
  const options = data.names.map((name, c) => [
    c,
    `${pad(fixed(100 * data.P[c], 1), 5)} %\u2002${pad(fixed(data.S[c], 1), 5)}\u2003${name}`,
  ]);
  const classes = live.menu({
    label: live.math("P_c, S_c, class"),
    options,
    value: 0,
    size: Math.min(8, Math.max(2, options.length)),
    change: (value) => set("c", redraw)(+value),
  });
  if (options.length > 8) {
    classes.insertBefore(live.finder(classes.select, options, status.say), classes.select);
  }
  const panel = el(
    "div",
    { className: "cl-panel" },
    classes,
    live.slider({
      label: "Opacity",
      value: state.alpha,
      step: 0.05,
      change: set("alpha", live.atFrame(paintMap)),
    }),
    live.slider({
      label: "Threshold",
      value: state.threshold,
      max: 0.95,
      change: set("threshold", live.atFrame(drawBox)),
    }),
    live.menu({
      label: "Colours",
      options: Object.keys(palettes).map((name) => [name, name]),
      value: state.colours,
      change: set("colours", redraw),
    }),
    equation,
    words,
  );
  body.append(el("div", { className: "cl-side" }, map, legend.node), panel);
  body.append(el("div", { className: "cl-wide" }, cellTitle, parts), status.node);
  drawMap();
  at.go(live.peak(seen.M, W));
  drawBox();
  readCell();
};
