"use strict";
// The evidence bench: weights of one class on sliders, channels off, and what would turn the answer.

// eslint-disable-next-line no-unused-vars
const bench = (live) => async (body, data) => {
  const { el, fixed, math } = live;
  const [f, w] = await Promise.all([live.unpack(data.f), live.unpack(data.w)]);
  const picture = await live.photo(data.photo, data.shown);
  const palette = live.colours(data.colours);
  const quiet = new Set(data.quiet); // channels that are 0 everywhere: neither in f nor in w
  const channels = [...Array(data.K).keys()].filter((k) => !quiet.has(k));
  const [K, C] = [channels.length, data.names.length];
  const n = f.length / K;
  const F = Float64Array.from(channels, (_, k) => live.mean(f.subarray(k * n, (k + 1) * n)));
  const state = { c: data.c, rival: data.rival, w: Float64Array.from(w), off: new Set() };

  // ------------------------------------------------ the mathematics

  /** F_k, of channels that are off 0. */
  const pooled = () => F.map((v, k) => (state.off.has(k) ? 0 : v));
  const dot = (c, G, weights = state.w) => G.reduce((sum, v, k) => sum + weights[c * K + k] * v, 0);
  const scores = (G, weights) => data.b.map((b, c) => dot(c, G, weights) + b);
  const winner = (S) => S.indexOf(Math.max(...S));
  const AHEAD = 0.01; // of the score by which the rival is to win

  /**
   * The smallest change of all weights, in squares, after which the rival wins: every row moves
   * along F, the rival's score rises to a level, those above fall to it. The level is the mean of
   * the scores that move.
   */
  const turnWeights = () => {
    const G = pooled();
    const S = scores(G).map((s, c) => (c === state.rival ? s : s + AHEAD));
    let moving = [state.rival];
    let level = S[state.rival];
    const others = [...S.keys()].filter((c) => c !== state.rival).sort((a, b) => S[b] - S[a]);
    for (const c of others) {
      if (S[c] <= level) break;
      moving.push(c);
      level = live.mean(moving.map((m) => S[m]));
    }
    const length = G.reduce((sum, v) => sum + v * v, 0);
    const change = { rows: moving.length, largest: 0, square: 0 };
    if (moving.length === 1 || !length) return change;
    for (const c of moving) {
      for (let k = 0; k < K; k++) {
        const step = ((level - S[c]) * G[k]) / length;
        state.w[c * K + k] += step;
        change.largest = Math.max(change.largest, Math.abs(step));
        change.square += step * step;
      }
    }
    return change;
  };

  /** Channels to switch off until the rival wins, each the one that helps most against the leader. */
  const turnChannels = () => {
    const taken = [];
    while (state.off.size < K) {
      const G = pooled();
      const S = scores(G);
      const lead = winner(S.map((s, c) => (c === state.rival ? -Infinity : s)));
      if (S[state.rival] >= S[lead] + AHEAD) return taken;
      const pays = G.map((v, k) => (state.w[lead * K + k] - state.w[state.rival * K + k]) * v);
      const most = pays.indexOf(Math.max(...pays));
      if (pays[most] <= 0) break;
      state.off.add(most);
      taken.push(most);
    }
    taken.forEach((k) => state.off.delete(k));
    return null;
  };

  // ------------------------------------------------ what is shown

  const { node: map, under } = live.layers(data.shown);
  map.lastChild.remove();
  under.canvas.setAttribute("role", "img");
  under.canvas.removeAttribute("aria-hidden");
  const legend = live.legend();
  const equation = el("p", { className: "cl-equation" });
  const words = el("p", { className: "cl-words" });
  const classes = el("div", { className: "cl-bars cl-short" });
  const rows = el("div", { className: "cl-channels" });
  const status = live.announcer();
  let limit = 1;

  const now = () => {
    const weights = Float64Array.from({ length: K }, (_, k) =>
      state.off.has(k) ? 0 : state.w[state.c * K + k],
    );
    const M = live.classMap(f, weights);
    const S = scores(pooled());
    return { M, S, P: live.softmax(S) };
  };

  const draw = () => {
    const { M, S, P } = now();
    const { c } = state;
    const shown = live.upsample(M, data.cells, data.shown);
    live.paint(under, picture, live.signed(shown, limit), palette, data.alpha, true);
    equation.replaceChildren(
      ...live.account(live.mean(M) + data.b[c], data.b[c]), // from the map: the bars below are from F
      ...math(`,  P_c = ${fixed(P[c], 3)}`),
    );
    const order = [...S.keys()].sort((i, j) => S[j] - S[i]).slice(0, 5);
    live.bars(classes, order.map((i) => [data.names[i], P[i], `${fixed(S[i])}   ${fixed(P[i], 3)}`]), 1);
    for (const { k, slider, paid } of shownChannels) {
      const v = state.off.has(k) ? 0 : state.w[c * K + k] * F[k];
      paid.textContent = fixed(v);
      slider.classList.toggle("cl-off", state.off.has(k));
    }
    const leader = data.names[winner(S)];
    under.canvas.setAttribute("aria-label", `Map of ${data.names[c]}, orange for and blue against`);
    status.say(`${data.names[c]}: score ${fixed(S[c])}, probability ${fixed(P[c], 3)}. ${leader} leads.`);
    return leader;
  };
  const redraw = live.atFrame(draw);

  // ------------------------------------------------ what is asked

  let shownChannels = [];
  /** One slider and one tick for each of the channels that pay most, for or against. */
  const rebuild = () => {
    const row = state.w.subarray(state.c * K, (state.c + 1) * K);
    const pays = F.map((v, k) => Math.abs(v * w[state.c * K + k]));
    const most = [...pays.keys()].sort((i, j) => pays[j] - pays[i]).slice(0, data.channels);
    const top = 2 * Math.max(...most.map((k) => Math.abs(w[state.c * K + k])));
    limit = live.limit(live.classMap(f, w.subarray(state.c * K, (state.c + 1) * K)));
    legend.set(palette, -limit, limit);
    shownChannels = most.map((k) => {
      const slider = live.slider({
        label: math("w_k"),
        min: -top,
        max: top,
        step: top / 100,
        value: row[k],
        change: (value) => {
          row[k] = value;
          redraw();
        },
      });
      slider.input.setAttribute("aria-label", `weight of channel ${channels[k]}`);
      const tick = live.tickbox({
        label: `k = ${channels[k]}`,
        checked: !state.off.has(k),
        change: (on) => {
          if (on) state.off.delete(k);
          else state.off.add(k);
          redraw();
        },
      });
      const paid = el("span", { className: "cl-paid" });
      slider.firstChild.replaceWith(tick);
      slider.append(el("span", { className: "cl-quiet" }, `× ${fixed(F[k])} =`), paid);
      return { k, slider, tick, paid };
    });
    rows.replaceChildren(...shownChannels.map(({ slider }) => slider));
    words.textContent = "";
    draw();
  };

  const refresh = () => {
    for (const { k, slider, tick } of shownChannels) {
      slider.set(state.w[state.c * K + k]);
      tick.input.checked = !state.off.has(k);
    }
  };
  const reset = () => {
    state.w.set(w);
    state.off.clear();
    refresh();
    words.textContent = "";
    draw();
  };
  const turn = (how) => () => {
    reset();
    const rival = data.names[state.rival];
    if (data.names[winner(scores(pooled()))] === rival) {
      words.textContent = `It is ${rival} as it stands.`;
    } else if (how === "weights") {
      const { rows: moved, largest, square } = turnWeights();
      const whole = Math.hypot(...w);
      words.textContent =
        `${rival} wins after the smallest change of weights: ${moved} rows move along F, no weight ` +
        `by more than ${live.short(largest)}, all together by ${live.short((100 * Math.sqrt(square)) / whole)} % ` +
        `of the length of w.`;
    } else {
      const taken = turnChannels();
      words.textContent = taken
        ? `${rival} wins without ${taken.length} of ${K} channels: ` +
          `${taken.map((k) => channels[k]).join(", ")}.`
        : `No channels to switch off make it ${rival}.`;
    }
    refresh();
    draw();
    status.say(words.textContent);
  };

  const choices = data.names.map((name, c) => [c, name]);
  const rival = live.menu({
    label: "Make it a",
    options: choices,
    value: state.rival,
    change: (v) => {
      state.rival = +v;
    },
  });
  const named = live.menu({
    label: "Class",
    options: choices,
    value: state.c,
    change: (v) => {
      state.c = +v;
      rebuild();
    },
  });
  const by = (what, words) => {
    const made = live.button(`by ${what}`, turn(what));
    made.title = words;
    return made;
  };
  const ask = el("div", { className: "cl-ask" }, rival);
  ask.append(by("weights", "the smallest change of weights"));
  ask.append(by("channels", "the fewest channels off"), live.button("Reset", reset));
  const title = el("p", { className: "cl-title" });
  title.append("The channels that pay most: ", ...math("w_k × F_k"), ". A tick off: the channel is 0, for every class.");
  const panel = el("div", { className: "cl-panel" }, named, title, rows, rival, ask, words);
  const best = el("p", { className: "cl-title" }, "The five best classes: ", ...math("S_c and P_c"));
  const side = el("div", { className: "cl-side" }, map, legend.node, equation, best, classes);
  body.append(side, panel, status.node);
  rebuild();
};
