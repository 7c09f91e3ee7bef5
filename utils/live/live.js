"use strict";
// Live figures: what all of them share. No dependencies, no network, no kernel.
//
// A figure is a <div class="cam-live"> with a still picture, its data as JSON, and this script with
// the script of its kind behind it (utils/live/page.py puts them together). The definitions are made
// once for each version and page; `start` wakes every figure of that version that still sleeps.
//
// Letters as in utils/cam.py: f (K, H, W), w (C, K), M (H, W), all of them flat Float32Arrays.

// eslint-disable-next-line no-unused-vars
const makeLive = (version) => {
  // ---------------------------------------------------------------- data

  /** Numbers that utils.live.page.packed wrote: whole multiples of a step, deflated, base64. */
  const unpack = async ({ data, step }) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const whole = new DataView(await new Response(stream).arrayBuffer());
    const numbers = new Float32Array(whole.byteLength / 2);
    for (let i = 0; i < numbers.length; i++) numbers[i] = whole.getInt16(2 * i, true) * step;
    return numbers;
  };

  /** A picture at the size it is drawn at: its colours and how bright they are, in 0..255. */
  const photo = async (source, [height, width]) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = el("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, width, height);
    return grabbed(context, width, height);
  };

  /** What a canvas shows, for `paint`: its colours and how bright they are, in 0..255. */
  const grabbed = (context, width, height) => {
    const rgba = context.getImageData(0, 0, width, height).data;
    const grey = new Float32Array(width * height);
    for (let i = 0, p = 0; i < grey.length; i++, p += 4) {
      grey[i] = 0.299 * rgba[p] + 0.587 * rgba[p + 1] + 0.114 * rgba[p + 2];
    }
    return { rgba, grey, width, height };
  };

  /** 256 colours for `paint`, from every fifth of them in six hexadecimal digits. */
  const colours = (hex) => {
    const fifth = hex.match(/../g).map((pair) => parseInt(pair, 16));
    return Uint8Array.from({ length: 768 }, (_, p) => {
      const [i, channel] = [Math.floor(p / 3), p % 3];
      const at = 3 * Math.min(50, Math.floor(i / 5)) + channel;
      const share = i / 5 - Math.min(50, Math.floor(i / 5));
      return Math.round(fifth[at] + share * (fifth[at + 3] - fifth[at]));
    });
  };

  // ---------------------------------------------------------------- the mathematics

  /** M_c(x, y) = sum_k w_k f_k(x, y): f (K, n), weights (K,) -> (n,). utils.cam.class_maps. */
  const classMap = (f, w) => {
    const n = f.length / w.length;
    const M = new Float64Array(n);
    for (let k = 0; k < w.length; k++) {
      if (!w[k]) continue;
      for (let i = 0; i < n; i++) M[i] += w[k] * f[k * n + i];
    }
    return Float32Array.from(M);
  };

  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

  /** P_c of scores. */
  const softmax = (S) => {
    const top = Math.max(...S);
    const e = Array.from(S, (s) => Math.exp(s - top));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / sum);
  };

  /** For each of `side` pixels the cell before it and the share of the next: utils.cam._weights. */
  const places = (n, side, start, step) => {
    const at = new Int32Array(side);
    const share = new Float64Array(side);
    for (let p = 0; p < side; p++) {
      const t = Math.min(n - 1, Math.max(0, ((p + 0.5) / side - start) / step));
      at[p] = Math.min(Math.floor(t), Math.max(0, n - 2));
      share[p] = n > 1 ? t - at[p] : 0;
    }
    return { at, share };
  };

  /** A map (H, W) enlarged to [height, width], each value where its cell looks: cam.upsample. */
  const upsample = (M, cells, [height, width]) => {
    const [H, W] = cells.shape;
    const down = places(H, height, cells.start[0], cells.step[0]);
    const across = places(W, width, cells.start[1], cells.step[1]);
    const row = new Float64Array(W);
    const big = new Float32Array(height * width);
    for (let y = 0, p = 0; y < height; y++) {
      const above = down.at[y] * W;
      const below = H > 1 ? above + W : above;
      for (let j = 0; j < W; j++) {
        row[j] = M[above + j] + down.share[y] * (M[below + j] - M[above + j]);
      }
      for (let x = 0; x < width; x++, p++) {
        const j = across.at[x];
        const next = W > 1 ? j + 1 : j;
        big[p] = row[j] + across.share[x] * (row[next] - row[j]);
      }
    }
    return big;
  };

  // Plain loops: `reduce` and `map` take several times as long, and these run at every frame.
  const largest = (M) => {
    let top = 0;
    for (let i = 0; i < M.length; i++) if (M[i] > top) top = M[i];
    return top;
  };

  /** The cell (row, column) of a map's maximum. */
  const peak = (M, W) => {
    const first = M.indexOf(Math.max(...M));
    return [Math.floor(first / W), first % W];
  };

  /** The largest size of a value. */
  const limit = (M) => {
    let top = 0;
    for (let i = 0; i < M.length; i++) top = Math.max(top, Math.abs(M[i]));
    return top || 1;
  };

  /** Scaled by its maximum, negative evidence cut off: cam.normalize. Without evidence 0. */
  const normalize = (M) => {
    const top = largest(M);
    const heat = new Float32Array(M.length);
    for (let i = 0; top > 0 && i < heat.length; i++) heat[i] = Math.max(0, M[i]) / top;
    return heat;
  };

  /** Values from -limit to limit as colours, 0..1: 0.5 is where they have no sign. */
  const signed = (M, limit) => {
    const level = new Float32Array(M.length);
    for (let i = 0; i < level.length; i++) {
      level[i] = Math.min(1, Math.max(0, 0.5 + M[i] / limit / 2));
    }
    return level;
  };

  /** Connected pieces (8-neighbours) above the threshold, largest first: [{size, box}]. */
  const pieces = (heat, [height, width], threshold) => {
    const t = Math.fround(threshold);
    const open = new Uint8Array(heat.length);
    for (let p = 0; p < heat.length; p++) open[p] = heat[p] > t ? 1 : 0;
    const stack = new Int32Array(heat.length);
    const found = [];
    for (let first = 0; first < open.length; first++) {
      if (!open[first]) continue;
      let [size, left, top, right, bottom] = [0, width, height, 0, 0];
      let n = 0;
      stack[n++] = first;
      open[first] = 0;
      while (n) {
        const p = stack[--n];
        const y = (p / width) | 0;
        const x = p - y * width;
        size++;
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        if (y > bottom) bottom = y;
        const lastRow = Math.min(height - 1, y + 1);
        const lastColumn = Math.min(width - 1, x + 1);
        for (let v = Math.max(0, y - 1); v <= lastRow; v++) {
          for (let u = Math.max(0, x - 1); u <= lastColumn; u++) {
            const q = v * width + u;
            if (open[q]) {
              open[q] = 0;
              stack[n++] = q;
            }
          }
        }
      }
      found.push({ size, box: [left, top, right + 1, bottom + 1] });
    }
    return found.sort((a, b) => b.size - a.size); // stable: of equal ones, the upper first
  };

  /** The box of a map's largest piece, half-open; the whole picture where nothing is above. */
  const boxOf = (found, [height, width]) => (found.length ? found[0].box : [0, 0, width, height]);

  const area = ([x0, y0, x1, y1]) => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);

  /** Intersection over union of two boxes: localization.iou. */
  const iou = (a, b) => {
    const shared = area([
      Math.max(a[0], b[0]),
      Math.max(a[1], b[1]),
      Math.min(a[2], b[2]),
      Math.min(a[3], b[3]),
    ]);
    return shared / (area(a) + area(b) - shared || 1);
  };

  // ---------------------------------------------------------------- drawing

  /**
   * The map laid over its picture, as plots.overlay does it; `level` holds the colour, 0..1. It hides
   * least where it has least to say: at 0, or at 0.5 where the colours have a sign.
   */
  const paint = (context, picture, level, palette, alpha, signed = false) => {
    const { rgba, grey, width, height } = picture;
    const says = (v) => (signed ? Math.abs(2 * v - 1) : v);
    const hides = Float32Array.from({ length: 256 }, (_, c) => alpha ** (2.5 - 1.5 * says(c / 255)));
    const image = context.createImageData(width, height);
    const out = image.data;
    for (let i = 0, p = 0; i < grey.length; i++, p += 4) {
      const colour = Math.min(255, (level[i] * 256) | 0);
      const [here, c] = [hides[colour], 3 * colour];
      const thin = (1 - here) * (1 - alpha);
      const pale = (1 - here) * alpha * (0.85 * grey[i] + 38.25);
      out[p] = thin * rgba[p] + pale + here * palette[c];
      out[p + 1] = thin * rgba[p + 1] + pale + here * palette[c + 1];
      out[p + 2] = thin * rgba[p + 2] + pale + here * palette[c + 2];
      out[p + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  };

  const [ORANGE, BLUE] = ["#d9822b", "#2f6f9f"];

  /** Two canvases, one on the other: the picture below, and what is drawn on it, [height, width]. */
  const layers = ([height, width]) => {
    const below = el("canvas", { width, height });
    const above = el("canvas", { width, height, className: "cl-above" });
    below.setAttribute("aria-hidden", "true");
    return {
      node: el("div", { className: "cl-map" }, below, above),
      above,
      under: below.getContext("2d"),
      over: above.getContext("2d"),
    };
  };

  /** The colours from low to high, with a mark at the threshold; `set` gives all of them. */
  const legend = () => {
    const ramp = el("canvas", { width: 256, height: 1 });
    const [low, high, tick] = [el("span"), el("span"), el("i")];
    const track = el("div", { className: "cl-track" }, ramp, tick);
    track.setAttribute("aria-hidden", "true");
    const context = ramp.getContext("2d");
    const set = (palette, from, to, at) => {
      const image = context.createImageData(256, 1);
      for (let i = 0; i < 256; i++) {
        image.data.set([...palette.subarray(3 * i, 3 * i + 3), 255], 4 * i);
      }
      context.putImageData(image, 0, 0);
      low.textContent = short(from);
      high.textContent = short(to);
      tick.hidden = at === undefined;
      tick.style.left = `${100 * at}%`;
    };
    return { node: el("div", { className: "cl-legend" }, low, track, high), set };
  };

  /** A box around the pixels it holds; the white rim keeps it readable anywhere. */
  const drawBox = (context, [x0, y0, x1, y1], { ink = ORANGE, dash = [] } = {}) => {
    for (const [width, colour, pattern] of [
      [5, "white", []],
      [2.5, ink, dash],
    ]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.setLineDash(pattern);
      context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    context.setLineDash([]);
  };

  /** The edge of all that lies above the threshold, in white. */
  const outline = (context, heat, [height, width], [tall, wide], threshold) => {
    const t = Math.fround(threshold);
    const [down, across] = [tall / height, wide / width];
    const edge = new Path2D();
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const here = heat[p] > t;
        if (x && here !== heat[p - 1] > t) {
          edge.moveTo(x * across, y * down);
          edge.lineTo(x * across, (y + 1) * down);
        }
        if (y && here !== heat[p - width] > t) {
          edge.moveTo(x * across, y * down);
          edge.lineTo((x + 1) * across, y * down);
        }
      }
    }
    context.lineWidth = 1.25;
    context.strokeStyle = "white";
    context.stroke(edge);
  };

  /** The place of a cell, as a frame: (row, column), where cells look, the size drawn at. */
  const drawCell = (context, [i, j], { start, step }, [height, width]) => {
    const [x, y] = [(start[1] + j * step[1]) * width, (start[0] + i * step[0]) * height];
    const [across, down] = [step[1] * width, step[0] * height];
    for (const [line, ink] of [
      [4, "#000a"],
      [2, "white"],
    ]) {
      context.lineWidth = line;
      context.strokeStyle = ink;
      context.strokeRect(x - across / 2, y - down / 2, across, down);
    }
  };

  /** A cell filled in blue, as far as `alpha` covers. */
  const fillCell = (context, [i, j], { start, step }, [height, width], alpha) => {
    const [x, y] = [(start[1] + j * step[1]) * width, (start[0] + i * step[0]) * height];
    const [across, down] = [step[1] * width, step[0] * height];
    context.globalAlpha = alpha;
    context.fillStyle = BLUE;
    context.fillRect(x - across / 2, y - down / 2, across, down);
    context.globalAlpha = 1;
    context.lineWidth = 1;
    context.strokeStyle = "white";
    context.strokeRect(x - across / 2, y - down / 2, across, down);
  };

  /** Draw at the next frame, once, with whatever the latest values are. */
  const atFrame = (draw) => {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    };
  };

  // ---------------------------------------------------------------- the page

  /** An element; properties that it does not know become attributes. Text is text, never markup. */
  const el = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  /** A control of JupyterLab's page: it keeps its own keys. The mark must be on the control. */
  const focusable = (element) => {
    element.setAttribute("data-lm-suppress-shortcuts", "true");
    return element;
  };

  const minus = (text) => text.replace("-", "\u2212");
  const fixed = (value, digits = 2) => minus(value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1"));
  /** Three digits that count, or fewer: 37.3, 0.0052, 0. */
  const short = (value) => minus(String(Number(value.toPrecision(3))));
  const percent = (value) => `${(100 * value).toFixed(1)} %`;

  /** Words with a subscript behind each "_": S_c, f_k(x, y). */
  const math = (text) =>
    text.split(/(_\w)/).map((part) => (/^_\w$/.test(part) ? el("sub", {}, part[1]) : part));

  /** "mean(M_c) + b_c = 2.49 + 0.01 = ", rounded so that the line adds up to S_c as it is shown. */
  const account = (S, b) => {
    const [whole, part] = [Math.round(100 * S), Math.round(100 * b)];
    const sum = `${fixed((whole - part) / 100)} ${part < 0 ? "\u2212" : "+"} ${fixed(Math.abs(part) / 100)}`;
    return [
      ...math(`mean(M_c) + b_c = ${sum} = `),
      el("strong", {}, ...math(`S_c = ${fixed(whole / 100)}`)),
    ];
  };

  let made = 0; // for labels that point to their control
  const named = (element) => {
    element.id = `cam-live-${version}-${++made}`;
    return element;
  };

  /** A labelled slider; `said` words its value. Returns the row, with `input` and `set`. */
  const slider = ({ label, min = 0, max = 1, step = 0.01, value, said = fixed, change }) => {
    const input = named(focusable(el("input", { type: "range", min, max, step, value })));
    const shown = el("output", { htmlFor: input.id });
    const tell = (v) => {
      shown.textContent = said(v);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.addEventListener("input", () => {
      tell(+input.value);
      change(+input.value);
    });
    tell(value);
    const row = el("div", { className: "cl-row" });
    row.append(el("label", { htmlFor: input.id }, ...[label].flat()), input, shown);
    const set = (v) => {
      input.value = v; // the nearest step
      tell(v);
    };
    return Object.assign(row, { input, set });
  };

  /** A labelled menu; options are [value, text]. Returns the row, with `select`. */
  const menu = ({ label, options, value, size = 1, change }) => {
    const select = named(focusable(el("select", { size })));
    select.append(...options.map(([v, text]) => el("option", { value: v, textContent: text })));
    select.value = value;
    select.addEventListener("change", () => change(select.value));
    const row = el("div", { className: size > 1 ? "cl-block" : "cl-row" });
    row.append(el("label", { htmlFor: select.id }, ...[label].flat()), select);
    return Object.assign(row, { select });
  };

  /** One of a few: buttons of which one is pressed in, as radio buttons. */
  const choice = ({ label, options, value, change }) => {
    const group = el("div", { className: "cl-row", role: "radiogroup" });
    const title = named(el("span", { className: "cl-quiet" }, label));
    group.setAttribute("aria-labelledby", title.id);
    const name = `${title.id}-choice`;
    const buttons = options.map((text, at) => {
      const input = focusable(el("input", { type: "radio", name, value: at, checked: at === value }));
      input.addEventListener("change", () => change(at));
      return el("label", {}, input, el("span", {}, text));
    });
    group.append(title, el("div", { className: "cl-choice" }, ...buttons));
    return group;
  };

  /** Elements of SVG. */
  const svg = (tag, properties = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  /** Shares (0..1) over thresholds from 0 on, one line each; `set` marks the present point. */
  const plot = (lines) => {
    const [wide, tall, left, foot, head] = [300, 180, 30, 34, 24];
    const right = (t) => left + t * (wide - left - 8);
    const up = (v) => tall - foot - v * (tall - foot - head);
    const node = svg("svg", { viewBox: `0 0 ${wide} ${tall}`, class: "cl-plot", role: "img" });
    for (const v of [0, 0.5, 1]) {
      node.append(
        svg("path", { d: `M${left} ${up(v)}H${wide - 8}`, class: "cl-grid" }),
        svg("text", { x: left - 6, y: up(v) + 4, "text-anchor": "end" }, `${100 * v}`),
        svg("text", { x: right(v), y: tall - foot + 15, "text-anchor": "middle" }, `${v}`),
      );
    }
    node.append(
      svg("text", { x: right(0.5), y: tall - 3, "text-anchor": "middle" }, "threshold"),
      svg("text", { x: left, y: 11 }, "% of the test pictures found"),
    );
    const paths = lines.map(({ values }) => {
      const d = (values ?? []).map((v, i) => `${i ? "L" : "M"}${right(i / values.length)} ${up(v)}`);
      return node.appendChild(svg("path", { d: d.join(""), class: "cl-line" }));
    });
    const dot = node.appendChild(svg("circle", { r: 4, class: "cl-dot" }));
    const value = node.appendChild(svg("text", { class: "cl-value" }));
    const set = (at, threshold) => {
      paths.forEach((path, i) => path.classList.toggle("cl-present", i === at));
      const { values, label } = lines[at];
      for (const mark of [dot, value]) mark.style.display = values ? "" : "none";
      node.setAttribute("aria-label", `${label} has no curve`);
      if (!values) return `${label} has no curve`;
      const place = Math.min(values.length - 1, threshold * values.length);
      const before = Math.min(values.length - 2, Math.floor(place));
      const share = values[before] + (place - before) * (values[before + 1] - values[before]);
      dot.setAttribute("cx", right(threshold));
      dot.setAttribute("cy", up(share));
      value.setAttribute("x", right(threshold) + (threshold > 0.7 ? -8 : 8));
      value.setAttribute("text-anchor", threshold > 0.7 ? "end" : "start");
      value.setAttribute("y", up(share) + (share > 0.8 ? 16 : -8));
      value.textContent = percent(share);
      const words = `${percent(share)} of the test pictures found at ${fixed(threshold)}`;
      node.setAttribute("aria-label", `${label}: ${words}`);
      return words;
    };
    return { node, set };
  };

  /** A field that narrows a menu to the options with these letters, in any order of words. */
  const finder = (select, options, say) => {
    const field = focusable(el("input", { type: "search", placeholder: "find a class" }));
    field.setAttribute("aria-label", "Find a class");
    field.addEventListener("input", () => {
      const chosen = select.value || field.dataset.chosen;
      field.dataset.chosen = chosen;
      const parts = field.value.toLowerCase().split(/\s+/);
      const kept = options.filter(([, text]) => parts.every((p) => text.toLowerCase().includes(p)));
      select.replaceChildren(...kept.map(([v, text]) => el("option", { value: v, textContent: text })));
      select.value = chosen;
      say(`${kept.length} of ${options.length} classes`);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      select.focus();
      if (select.selectedIndex < 0 && select.options.length) {
        select.selectedIndex = 0;
        select.dispatchEvent(new Event("change"));
      }
    });
    return field;
  };

  /** A labelled box to tick. Returns the label, with `input`. */
  const tickbox = ({ label, checked, change }) => {
    const input = focusable(el("input", { type: "checkbox", checked }));
    input.addEventListener("change", () => change(input.checked));
    const row = el("label", { className: "cl-tick" }, input, ...[label].flat());
    return Object.assign(row, { input });
  };

  const button = (label, press, pressed) => {
    const made = focusable(el("button", { type: "button", textContent: label }));
    if (pressed !== undefined) made.setAttribute("aria-pressed", pressed);
    made.addEventListener("click", press);
    return made;
  };

  /** Tells a screen reader, when the hand comes to rest: a drag would flood it. */
  const announcer = () => {
    const node = el("div", { className: "cl-unseen", role: "status" });
    let timer = 0;
    const say = (text) => {
      clearTimeout(timer);
      timer = setTimeout(() => (node.textContent = text), 300);
    };
    return { node, say };
  };

  /** Rows of a name, a bar (orange for, blue against) and words; the largest, or `top`, fills its bar. */
  const bars = (node, rows, top = limit(rows.map(([, value]) => value))) => {
    const lines = rows.map(([name, value, words, kind = ""]) => {
      const bar = el("i", { className: value < 0 ? "cl-against" : "cl-for" });
      bar.style.width = `${(100 * Math.min(1, Math.abs(value) / top)).toFixed(2)}%`;
      const line = el("div", { className: `cl-bar ${kind}` });
      line.append(el("span", {}, ...[name].flat()), el("b", {}, bar), el("span", {}, words));
      return line;
    });
    node.replaceChildren(...lines);
  };

  /** The map itself as a control: the pointer and the arrow keys choose a cell (row, column). */
  const pointing = (canvas, cells, label, choose) => {
    const [H, W] = cells.shape;
    const at = [0, 0];
    at.go = ([i, j]) => {
      at[0] = Math.min(H - 1, Math.max(0, i));
      at[1] = Math.min(W - 1, Math.max(0, j));
    };
    const go = (i, j, event) => {
      at.go([i, j]);
      choose(at, event);
    };
    const nearest = (part, axis) => Math.round((part - cells.start[axis]) / cells.step[axis]);
    const point = (event) => {
      const frame = canvas.getBoundingClientRect();
      const down = (event.clientY - frame.top) / frame.height;
      go(nearest(down, 0), nearest((event.clientX - frame.left) / frame.width, 1), event);
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("keydown", (event) => {
      const [i, j] = at;
      const keys = {
        ArrowUp: [i - 1, j],
        ArrowDown: [i + 1, j],
        ArrowLeft: [i, j - 1],
        ArrowRight: [i, j + 1],
        Home: [i, 0],
        End: [i, W - 1],
        PageUp: [0, j],
        PageDown: [H - 1, j],
      };
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      go(...keys[event.key], event);
    });
    focusable(canvas);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", label);
    return at;
  };

  /** End a worker when its figure is gone from the page, as after its cell has run again. */
  const gone = new FinalizationRegistry((worker) => worker.terminate());
  const endWith = (body, worker) => gone.register(body, worker);

  // ---------------------------------------------------------------- waking up

  const kinds = {};

  const wake = async (root) => {
    root.dataset.state = "waking";
    const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    const body = el("div", { className: "cl-body" });
    try {
      await kinds[data.kind](body, data);
      root.querySelector(".cl-still").hidden = true;
      root.append(body);
      root.dataset.state = "alive";
    } catch (problem) {
      root.dataset.state = "still"; // the picture stays
      console.error("This figure stays still:", problem);
    }
  };

  const start = () => {
    for (const root of document.querySelectorAll(
      `.cam-live[data-version="${version}"]:not([data-state])`,
    )) {
      const { kind } = root.dataset;
      if (kinds[kind]) wake(root);
    }
  };

  return {
    kinds, start, unpack, photo, grabbed, colours, classMap, mean, softmax, upsample, largest, peak, limit,
    normalize, signed, pieces, boxOf, area, iou, paint, layers, legend, drawBox, drawCell, fillCell, atFrame, el,
    focusable, fixed, short, minus, percent, slider, tickbox, choice, plot, outline, menu, finder,
    button, account, math, announcer, bars, pointing, named, endWith, ORANGE, BLUE,
  };
};
