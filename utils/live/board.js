"use strict";
// The drawing board: the course's own network runs in the page, on pictures that the reader makes.

// eslint-disable-next-line no-unused-vars
const board = (live) => async (body, data) => {
  const { el, fixed, focusable, percent } = live;
  const { names, side } = data;

  // ------------------------------------------------ the network

  /**
   * The network, with nothing of the page in it, for a worker is made from this text. Returns a
   * function: pixels, as a canvas gives them -> the maps M (C, n) and the scores S (C,).
   */
  const network = async (data) => {
    /** Half-precision numbers, as utils.live.drawing.halves packs them. */
    const halves = async (text) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      const planes = new Uint8Array(await new Response(stream).arrayBuffer());
      const n = planes.length / 2;
      return Float64Array.from({ length: n }, (_, i) => {
        const high = planes[n + i];
        const [power, part] = [(high >> 2) & 31, ((high & 3) << 8) | planes[i]];
        const size = power ? (1024 + part) * 2 ** (power - 25) : part * 2 ** -24;
        return high >> 7 ? -size : size;
      });
    };

    /** One convolution, its batch normalization and ReLU: (n_in, H, W) -> (n_out, h, w). */
    const convolution = async ({ shape, stride, dilation, w, scale, shift }) => {
      const [nOut, nIn, size] = shape;
      const taps = nIn * size * size;
      const weights = (await halves(w)).map((v, i) => v * scale[Math.floor(i / taps)]);
      const pad = (size >> 1) * dilation;
      let columns = new Float64Array(0);
      return ({ f, H, W }) => {
        const h = Math.floor((H + 2 * pad - dilation * (size - 1) - 1) / stride) + 1;
        const wide = Math.floor((W + 2 * pad - dilation * (size - 1) - 1) / stride) + 1;
        const n = h * wide;
        if (columns.length !== n * taps) columns = new Float64Array(n * taps); // outside stays 0
        for (let y = 0, at = 0; y < h; y++) {
          for (let x = 0; x < wide; x++) {
            for (let k = 0; k < nIn; k++) {
              for (let i = 0; i < size; i++) {
                const row = y * stride + i * dilation - pad;
                for (let j = 0; j < size; j++, at++) {
                  const column = x * stride + j * dilation - pad;
                  const inside = row >= 0 && row < H && column >= 0 && column < W;
                  if (inside) columns[at] = f[(k * H + row) * W + column];
                }
              }
            }
          }
        }
        const out = new Float64Array(nOut * n);
        // Two places and four channels at a time: each number that is read is used several times.
        for (let o = 0; o < nOut; o += 4) {
          const a = o * taps;
          const b = a + taps;
          const c = b + taps;
          const d = c + taps;
          for (let p = 0; p < n; p += 2) {
            const q = p * taps;
            const r = p + 1 < n ? q + taps : q;
            let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;
            for (let i = 0; i < taps; i++) {
              const u = columns[q + i];
              const v = columns[r + i];
              a0 += weights[a + i] * u;
              a1 += weights[a + i] * v;
              b0 += weights[b + i] * u;
              b1 += weights[b + i] * v;
              c0 += weights[c + i] * u;
              c1 += weights[c + i] * v;
              d0 += weights[d + i] * u;
              d1 += weights[d + i] * v;
            }
            const next = r === q ? 0 : 1; // the last of an odd number stands alone
            const at = o * n + p;
            out[at + next] = a1;
            out[at] = a0;
            out[at + n + next] = b1;
            out[at + n] = b0;
            out[at + 2 * n + next] = c1;
            out[at + 2 * n] = c0;
            out[at + 3 * n + next] = d1;
            out[at + 3 * n] = d0;
          }
        }
        for (let o = 0, at = 0; o < nOut; o++) {
          for (const end = at + n; at < end; at++) out[at] = Math.max(0, out[at] + shift[o]);
        }
        return { f: out, H: h, W: wide };
      };
    };

    /** The largest of each 2 × 2. */
    const pooling = ({ f, H, W }) => {
      const [h, w] = [H >> 1, W >> 1];
      const out = new Float64Array((f.length / (H * W)) * h * w);
      for (let i = 0; i < out.length; i++) {
        const [k, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
        const p = (k * H + 2 * y) * W + 2 * x;
        out[i] = Math.max(f[p], f[p + 1], f[p + W], f[p + W + 1]);
      }
      return { f: out, H: h, W: w };
    };

    const layers = await Promise.all(data.layers.map((l) => (l.pool ? () => pooling : convolution)(l)));
    const w = await halves(data.w);
    const K = w.length / data.b.length;

    return (rgba) => {
      const pixels = rgba.length / 4;
      const x = new Float64Array(3 * pixels);
      for (let k = 0, i = 0; k < 3; k++) {
        for (let p = k; p < rgba.length; p += 4, i++) x[i] = (rgba[p] / 255 - 0.5) / 0.25;
      }
      const { f } = layers.reduce((seen, layer) => layer(seen), { f: x, H: data.side, W: data.side });
      const n = f.length / K;
      const M = new Float64Array(data.b.length * n);
      for (let i = 0; i < w.length; i++) {
        const [c, k] = [Math.floor(i / K), i % K];
        for (let p = 0; p < n; p++) M[c * n + p] += w[i] * f[k * n + p];
      }
      const S = data.b.map((b, c) => b + M.subarray(c * n, (c + 1) * n).reduce((a, v) => a + v) / n);
      return { M, S };
    };
  };

  /** The network in a worker, so that the hand never waits for it. Rejects where there is none. */
  const working = () =>
    new Promise((resolve, reject) => {
      const text = `const network = ${network};
        let run;
        onmessage = async ({ data }) => {
          if (run) postMessage(run(data));
          else postMessage(typeof (run = await network(data)));
        };`;
      const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      const worker = new Worker(address);
      const ask = (message, done) => {
        worker.onmessage = (answer) => {
          worker.onmessage = null; // it shall hold nothing of this figure
          done(answer.data);
        };
        worker.postMessage(message);
      };
      worker.onerror = reject;
      ask(parts, () => {
        URL.revokeObjectURL(address);
        live.endWith(body, worker);
        resolve((rgba) => new Promise((done) => ask(rgba, done)));
      });
    });

  const parts = { layers: data.layers, w: data.w, b: data.b, side };
  let run = await network(parts);

  // ------------------------------------------------ the picture

  const images = async (sources) => {
    const made = sources.map((src) => el("img", { src, alt: "" }));
    await Promise.all(made.map((image) => image.decode()));
    return made;
  };
  const sprites = {};
  for (const [name, sources] of Object.entries(data.sprites)) sprites[name] = await images(sources);
  const kinds = Object.keys(data.places);
  const places = await images(kinds.map((kind) => data.places[kind].image));
  const colours = Object.keys(data.colours);
  const MOST = 6; // things at once
  const [SMALL, LARGE] = [24, 100]; // pixels of the longer side
  const RUBBER = 6; // pixels, its radius

  const state = { things: [], at: -1, place: 0, c: -1, alpha: data.alpha, erasing: false };
  const chosen = () => state.things[state.at];
  const scene = el("canvas", { width: side, height: side });
  const pen = scene.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";

  /** How large a thing is, and how many of its cutout's pixels go into one of the picture. */
  const sizeOf = (thing) => {
    const { naturalWidth, naturalHeight } = sprites[thing.name][0];
    const scale = thing.size / Math.max(naturalWidth, naturalHeight);
    return { width: naturalWidth * scale, height: naturalHeight * scale, scale };
  };

  /** A thing's own cutout, in its colour, with what was erased gone. */
  const dress = (thing) => {
    const sprite = sprites[thing.name][thing.colour];
    thing.canvas ??= el("canvas", { width: sprite.naturalWidth, height: sprite.naturalHeight });
    const context = thing.canvas.getContext("2d", { willReadFrequently: true });
    context.globalCompositeOperation = "copy";
    context.drawImage(sprite, 0, 0);
    context.globalCompositeOperation = "destination-out";
    for (const [x, y, r] of thing.holes) {
      context.beginPath();
      context.arc(x, y, r, 0, 2 * Math.PI);
      context.fill();
    }
  };

  const drawScene = () => {
    pen.drawImage(places[state.place], 0, 0, side, side);
    const shade = data.places[kinds[state.place]].shadow.join(" ");
    for (const thing of state.things) {
      const { width, height } = sizeOf(thing);
      pen.save();
      pen.translate(thing.x, thing.y + 0.485 * height);
      pen.scale(0.62 * width, 0.05 * (width + height));
      const soft = pen.createRadialGradient(0, 0, 0, 0, 0, 1);
      for (const t of [0, 0.25, 0.5, 0.75, 1]) {
        soft.addColorStop(t, `rgb(${shade} / ${0.62 * (1 - t) ** 1.5})`);
      }
      pen.fillStyle = soft;
      pen.fillRect(-1, -1, 2, 2);
      pen.restore();
      pen.save();
      pen.translate(thing.x, thing.y);
      if (thing.flipped) pen.scale(-1, 1);
      pen.drawImage(thing.canvas, -width / 2, -height / 2, width, height);
      pen.restore();
    }
    return pen.getImageData(0, 0, side, side).data;
  };

  /** A place of the picture in a thing's cutout, of which one pixel may be more or less. */
  const within = (thing, x, y) => {
    const { width, height, scale } = sizeOf(thing);
    const across = (thing.flipped ? -1 : 1) * (x - thing.x);
    return [(across + width / 2) / scale, (y - thing.y + height / 2) / scale, 1 / scale];
  };

  /** The uppermost thing at a place of the picture, or -1. */
  const thingAt = (x, y) =>
    state.things.findLastIndex((thing) => {
      const [u, v, unit] = within(thing, x, y);
      const { data: near } = thing.canvas
        .getContext("2d")
        .getImageData(u - 3 * unit, v - 3 * unit, 6 * unit + 1, 6 * unit + 1);
      return near.some((value, i) => i % 4 === 3 && value > 0);
    });

  // ------------------------------------------------ what is shown

  const shown = [data.shown, data.shown];
  const { node: map, above, under, over } = live.layers(shown);
  const legend = live.legend();
  const heat = live.colours(data.heat);
  const large = el("canvas", { width: data.shown, height: data.shown });
  const enlarged = large.getContext("2d", { willReadFrequently: true });
  enlarged.imageSmoothingQuality = "high";
  const equation = el("p", { className: "cl-equation" });
  const status = live.announcer();
  const hand = { x: side / 2, y: side / 2 }; // the rubber
  let seen;

  let busy = false;
  let next = null; // the pixels to be looked at; only the latest count
  const look = async (rgba) => {
    next = rgba;
    if (busy) return;
    busy = true;
    classes.setAttribute("aria-busy", true);
    while (next) {
      const now = next;
      next = null;
      seen = await run(now);
      tell();
    }
    busy = false;
    classes.setAttribute("aria-busy", false);
  };

  let moved = false;
  /** At each frame: the picture as the hand left it, under the latest map that there is. */
  const refresh = live.atFrame(() => {
    if (moved) look(drawScene());
    moved = false;
    drawMap();
  });
  const redraw = () => {
    moved = true;
    refresh();
  };

  let level; // of the class shown, enlarged: 0 to 1

  /** The map over the enlarged picture. */
  const drawMap = () => {
    enlarged.drawImage(scene, 0, 0, ...shown);
    live.paint(under, live.grabbed(enlarged, ...shown), level, heat, state.alpha);
    drawMarks();
  };

  /** What follows from the scores and the class: the map, all numbers. */
  const tell = () => {
    const { M, S } = seen;
    const P = live.softmax(S);
    const leader = S.indexOf(Math.max(...S));
    const c = state.c < 0 ? leader : state.c;
    const n = M.length / names.length;
    const map = M.subarray(c * n, (c + 1) * n);
    level = live.normalize(live.upsample(map, data.cells, shown));
    legend.set(heat, 0, live.largest(map));
    rows.forEach(({ row, bar, value }, i) => {
      row.classList.toggle("cl-leads", i === leader);
      row.dataset.score = S[i];
      bar.style.width = `${100 * P[i]}%`;
      value.textContent = `${fixed(S[i])}   ${fixed(P[i], 3)}`;
    });
    equation.replaceChildren(`${names[c]}: `, ...live.account(S[c], data.b[c]));
    const thing = chosen();
    const where = thing
      ? `${thing.name} at ${Math.round(thing.x)}, ${Math.round(thing.y)} of ${side}. `
      : "";
    status.say(`${where}${names[leader]} leads with ${percent(P[leader])}. Map of ${names[c]}.`);
    refresh();
  };

  /** A frame around the chosen thing, and the rubber. */
  const drawMarks = () => {
    const scale = data.shown / side;
    over.clearRect(0, 0, ...shown);
    const thing = chosen();
    if (!thing) return;
    const { width, height } = sizeOf(thing);
    const corner = [thing.x - width / 2 - 2, thing.y - height / 2 - 2];
    const frame = [...corner, width + 4, height + 4].map((v) => v * scale);
    for (const [line, ink, dash] of [[3, "#0007", []], [1.5, "white", [5, 4]]]) {
      over.lineWidth = line;
      over.strokeStyle = ink;
      over.setLineDash(dash);
      over.strokeRect(...frame);
      if (!state.erasing) continue;
      over.setLineDash([]);
      over.beginPath();
      over.arc(hand.x * scale, hand.y * scale, RUBBER * scale, 0, 2 * Math.PI);
      over.stroke();
    }
  };

  // ------------------------------------------------ what is done

  const inside = (v) => Math.min(side - 4, Math.max(4, v));

  const choose = (at) => {
    state.at = at;
    const thing = chosen();
    if (thing) [hand.x, hand.y] = [thing.x, thing.y];
    showThings();
    drawMarks();
  };

  /** A new thing, where there is room or where it is told. Returns it, or nothing when it is full. */
  const add = (name, { x, y, size = 46, colour = state.things.length % colours.length } = {}) => {
    if (state.things.length === MOST) {
      status.say(`${MOST} things are the most: remove one first`);
      return null;
    }
    const free = [28, 84, 56].find((v) => state.things.every((t) => Math.abs(t.x - v) > 20)) ?? 56;
    const thing = { name, colour, size, x: x ?? free, y: y ?? 66, flipped: false, holes: [] };
    dress(thing);
    state.things.push(thing);
    choose(state.things.length - 1);
    return thing;
  };

  const remove = () => {
    if (!chosen()) return;
    state.things.splice(state.at, 1);
    choose(state.things.length - 1);
    redraw();
  };

  const change = (act) => () => {
    if (!chosen()) return status.say("Choose a thing first");
    act(chosen());
    showThings();
    redraw();
  };
  const grow = (by) => change((t) => (t.size = Math.min(LARGE, Math.max(SMALL, t.size + by))));
  const flip = change((t) => (t.flipped = !t.flipped));
  const recolour = (colour) =>
    change((t) => {
      t.colour = colour;
      dress(t);
    });
  const mend = change((t) => {
    t.holes = [];
    dress(t);
  });
  const rub = change((t) => {
    const [u, v, unit] = within(t, hand.x, hand.y);
    t.holes.push([u, v, RUBBER * unit]);
    dress(t);
  });

  // by pointer
  const placeOf = (event) => {
    const frame = above.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * side;
    return { x, y: ((event.clientY - frame.top) / frame.height) * side };
  };
  const isOn = ({ x, y }) => x > 0 && y > 0 && x < side && y < side;
  let held = null; // the thing in the hand, and where it is held
  const hold = (thing, { x, y }) => (held = { thing, dx: thing.x - x, dy: thing.y - y });
  const drag = ({ x, y }) => {
    [held.thing.x, held.thing.y] = [inside(x + held.dx), inside(y + held.dy)];
    redraw();
  };
  const rubAt = ({ x, y }) => {
    [hand.x, hand.y] = [x, y];
    rub();
  };
  above.addEventListener("pointerdown", (event) => {
    const place = placeOf(event);
    above.setPointerCapture(event.pointerId);
    if (state.erasing && chosen()) return rubAt(place);
    const at = thingAt(place.x, place.y);
    choose(at);
    if (at >= 0) hold(chosen(), place);
    return undefined;
  });
  above.addEventListener("pointermove", (event) => {
    const place = placeOf(event);
    if (held) return drag(place);
    if (!state.erasing) return undefined;
    if (event.buttons) return rubAt(place);
    [hand.x, hand.y] = [place.x, place.y];
    return drawMarks();
  });
  for (const end of ["pointerup", "pointercancel"]) above.addEventListener(end, () => (held = null));

  // by keys
  above.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 1 : 4;
    const move = (dx, dy) => () => {
      const what = state.erasing ? hand : chosen();
      if (!what) return status.say("Choose a thing first");
      [what.x, what.y] = [inside(what.x + dx), inside(what.y + dy)];
      return state.erasing ? drawMarks() : redraw();
    };
    const n = Math.max(1, state.things.length);
    const turn = (by) => () => {
      choose((state.at + by + n) % n);
      redraw(); // so that it is said
    };
    const keys = {
      ArrowLeft: move(-step, 0),
      ArrowRight: move(step, 0),
      ArrowUp: move(0, -step),
      ArrowDown: move(0, step),
      PageUp: turn(-1),
      PageDown: turn(1),
      Delete: remove,
      Backspace: remove,
      "+": grow(6),
      "-": grow(-6),
      " ": state.erasing ? rub : flip,
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  focusable(above);
  above.tabIndex = 0;
  above.setAttribute("role", "application");
  above.setAttribute(
    "aria-label",
    "Drawing board. Arrow keys move the chosen thing, with Shift by one pixel; Page Up and Page " +
      "Down choose another; plus and minus change its size; Space turns it round; Delete removes it.",
  );

  // ------------------------------------------------ controls

  const group = (label, ...inner) => {
    const node = el("div", { className: "cl-tools", role: "group" }, ...inner);
    node.setAttribute("aria-label", label);
    return node;
  };
  const pressed = (button, is) => button.setAttribute("aria-pressed", is);

  const tray = group("Add a thing");
  tray.classList.add("cl-tray");
  for (const name of names) {
    const picture = el("img", { src: data.sprites[name][names.indexOf(name) % colours.length] });
    Object.assign(picture, { alt: "", draggable: false });
    let dragged = false;
    const button = live.button("", () => {
      if (!dragged && add(name)) redraw();
    });
    button.append(picture);
    button.className = "cl-thing";
    button.title = `add a ${name}`;
    button.setAttribute("aria-label", `Add a ${name}`);
    button.addEventListener("pointerdown", (event) => {
      dragged = false;
      button.setPointerCapture(event.pointerId);
    });
    button.addEventListener("pointermove", (event) => {
      if (!button.hasPointerCapture(event.pointerId)) return;
      const place = placeOf(event);
      if (!held && !dragged && isOn(place)) {
        dragged = true; // full or not: the click that follows adds no second one
        const colour = names.indexOf(name) % colours.length;
        const thing = add(name, { ...place, colour });
        if (thing) hold(thing, place);
      }
      if (held) drag(place);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      button.addEventListener(end, () => (held = null));
    }
    tray.append(button);
  }

  const swatches = colours.map((name, i) => {
    const button = live.button("", recolour(i), false);
    button.className = "cl-swatch";
    button.title = name;
    button.setAttribute("aria-label", name);
    button.style.setProperty("--swatch", `rgb(${data.colours[name].join(" ")})`);
    return button;
  });
  const eraser = live.button(
    "erase",
    () => {
      state.erasing = !state.erasing;
      pressed(eraser, state.erasing);
      above.classList.toggle("cl-erasing", state.erasing);
      drawMarks();
      status.say(
        state.erasing ? "Erasing: arrow keys move the rubber, Space rubs" : "Moving things again",
      );
    },
    false,
  );
  const [smaller, larger] = [live.button("−", grow(-6)), live.button("+", grow(6))];
  smaller.setAttribute("aria-label", "smaller");
  larger.setAttribute("aria-label", "larger");
  const looks = group("Colour and size", ...swatches, smaller, larger, live.button("turn", flip));
  const changes = group(
    "The chosen thing",
    eraser,
    live.button("mend", mend),
    live.button("remove", remove),
  );
  const background = kinds.map((kind, i) => {
    const button = live.button(
      "",
      () => {
        state.place = i;
        background.forEach((b, j) => pressed(b, i === j));
        redraw();
      },
      i === 0,
    );
    button.className = "cl-place";
    button.title = kind;
    button.setAttribute("aria-label", kind);
    button.append(el("img", { src: data.places[kind].image, alt: "" }));
    return button;
  });
  const again = live.button("start again", () => {
    state.things = [];
    begin();
    redraw();
  });

  const showThings = () => {
    const thing = chosen();
    swatches.forEach((swatch, i) => pressed(swatch, thing?.colour === i));
  };

  /** The classes: one radio button each, with its probability as a bar, its score and probability. */
  const radio = (c, label) => {
    const input = focusable(el("input", { type: "radio", name: classes.id, checked: c === state.c }));
    input.addEventListener("change", () => {
      state.c = c;
      tell();
    });
    return el("label", {}, input, el("span", {}, label));
  };
  const classes = live.named(el("div", { className: "cl-classes", role: "radiogroup" }));
  classes.setAttribute("aria-label", "Class whose map is shown; its score and probability");
  const title = el("span", { className: "cl-quiet" }, ...live.math("S_c      P_c"));
  classes.append(el("div", { className: "cl-class" }, radio(-1, "whichever leads"), el("b"), title));
  const rows = names.map((name, c) => {
    const [bar, value] = [el("i"), el("span", { className: "cl-value" })];
    const row = el("div", { className: "cl-class" }, radio(c, name), el("b", {}, bar), value);
    row.dataset.name = name;
    classes.append(row);
    return { row, bar, value };
  });

  scene.setAttribute("role", "img");
  scene.setAttribute("aria-label", `The picture as the network gets it, ${side} × ${side} pixels`);
  const gets = el("figure", { className: "cl-gets" }, scene);
  gets.append(
    el(
      "figcaption",
      {},
      `What the network gets: ${side} × ${side} pixels. Its ${data.weights.toLocaleString("en")} weights are ` +
        "in this page and run in it, at every move.",
    ),
  );
  const panel = el(
    "div",
    { className: "cl-panel" },
    tray,
    group("Place", ...background, again),
    classes,
    equation,
    live.slider({
      label: "Opacity",
      value: state.alpha,
      step: 0.05,
      change: (alpha) => {
        state.alpha = alpha;
        refresh();
      },
    }),
    gets,
  );
  body.classList.add("cl-board");
  body.append(el("div", { className: "cl-side" }, map, legend.node, looks, changes), panel, status.node);

  const begin = () => {
    for (const { name, ...rest } of data.first) add(name, rest);
    choose(0);
  };
  begin();
  seen = await run(drawScene());
  tell();
  drawMap();
  working().then(
    (elsewhere) => (run = elsewhere),
    () => {}, // then it runs here, and the hand waits for it
  );
};
