// Masks of elements, blocks and channels on feature maps, at one rate, and what the neighbors tell of what is dropped.
import { number } from "../text.mjs";
import { add, canvas, curve, frame, longestOf, narrow, panel, place, set } from "../view.mjs";

const NAMES = { elements: "Single values", blocks: "Blocks of 3 × 3", channels: "Whole channels" };

/**
 * 1 where a value of the maps (C, s, s) is dropped, at an expected share p; `draws` are uniform numbers. A block of
 * b × b begins at each of C (s + b − 1)² places, some of them beyond the edge, with a probability that leaves every
 * value the chance 1 − p to be kept.
 */
export function dropped(kind, draws, p, [C, s, b]) {
  if (kind === "elements") return Array.from({ length: C * s * s }, (_, i) => Number(draws[i] < p));
  if (kind === "channels") return Array.from({ length: C * s * s }, (_, i) => Number(draws[Math.floor(i / (s * s))] < p));
  const n = s + b - 1, gamma = 1 - (1 - p) ** (1 / b ** 2), gone = Array(C * s * s).fill(0);
  for (let k = 0; k < C * n * n; k++) {
    if (!(draws[k] < gamma)) continue;
    const c = Math.floor(k / (n * n)), y = Math.floor(k / n) % n, x = k % n;
    for (let i = Math.max(0, y - b + 1); i <= Math.min(y, s - 1); i++)
      for (let j = Math.max(0, x - b + 1); j <= Math.min(x, s - 1); j++) gone[(c * s + i) * s + j] = 1;
  }
  return gone;
}

/** For each value the mean of those of its up to eight neighbors in the map that are kept; if none is, the mean. */
export function guesses(h, gone, [C, s]) {
  const mean = h.reduce((a, v) => a + v, 0) / h.length;
  return h.map((_, k) => {
    const c = Math.floor(k / (s * s)), y = Math.floor(k / s) % s, x = k % s;
    let total = 0, count = 0;
    for (let i = Math.max(0, y - 1); i <= Math.min(s - 1, y + 1); i++)
      for (let j = Math.max(0, x - 1); j <= Math.min(s - 1, x + 1); j++) {
        const at = (c * s + i) * s + j;
        if (at === k || gone[at]) continue;
        total += h[at];
        count += 1;
      }
    return count ? total / count : mean;
  });
}

/** How much of the dropped values' squared distance from the mean the guesses explain; 0 if nothing is dropped. */
export function explained(h, gone, shape) {
  const mean = h.reduce((a, v) => a + v, 0) / h.length, guess = guesses(h, gone, shape);
  let away = 0, missed = 0;
  h.forEach((v, k) => {
    if (!gone[k]) return;
    away += (v - mean) ** 2;
    missed += (v - guess[k]) ** 2;
  });
  return away > 0 ? 1 - missed / away : 0;
}

/** What is dropped, and how much of it can be guessed. */
export function sentence(kind, gone, share) {
  const out = gone.reduce((a, v) => a + v, 0), said = `${NAMES[kind]}: ${out} of ${gone.length} values are dropped.`;
  if (kind === "channels") return `${said} None of their neighbors in the map is left to guess them from.`;
  return out ? `${said} The neighbors that are left explain ${number(100 * share, 0)} % of them.` : said;
}

export function render(root, { start, h, draws, shape, rates }) {
  const [C, s] = shape, slim = narrow(root), across = 4, down = Math.ceil(C / across), gap = 8, top = 24;
  let { kind } = start;
  const room = slim ? root.host.clientWidth : place(root, { span: 3, height: 1 }, { span: 6, height: 1 }).width;
  const cell = Math.floor((Math.min(room, slim ? 288 : room) - gap * (across - 1)) / (across * s));
  const height = slim ? top + down * (cell * s + gap) : 250, box = place(root, { span: 3, height }, { span: 6, height });
  const picture = canvas({ letter: "A", title: "eight feature maps", label: "Eight feature maps and the values that are dropped", ...box });
  const corner = (k) => {
    const c = Math.floor(k / (s * s));
    return [(c % across) * (cell * s + gap) + (k % s) * cell, top + Math.floor(c / across) * (cell * s + gap) + (Math.floor(k / s) % s) * cell];
  };
  for (let c = 0; c < C; c++) {
    const [x, y] = corner(c * s * s);
    add(picture, "rect", { x, y, width: cell * s, height: cell * s, class: "rule" });
  }
  h.forEach((v, k) => {
    const [x, y] = corner(k);
    if (v > 0.02) add(picture, "rect", { x, y, width: cell, height: cell, fill: "currentColor", opacity: 0.85 * v });
  });
  const paint = add(picture, "path", { class: "dropout", fill: "currentColor", opacity: 0.9 });

  const B = panel({ ...place(root, { span: 3, height: 250 }, { span: 6, height: 178 }), letter: "B",
    label: "How much of the dropped values their neighbors in the map explain, against the drop probability",
    x: [0, 0.62], y: [-10, 100], xticks: [0, 0.2, 0.4, 0.6], yticks: [0, 25, 50, 75, 100],
    xlabel: "drop probability p", ylabel: "explained by neighbors, %" });
  for (const [name, dash] of [["elements", ""], ["blocks", "7 4"], ["channels", "2 3"]]) {
    const values = rates.map((p) => 100 * explained(h, dropped(name, draws, p, shape), shape));
    add(B.plot, "path", { class: "dropout line", "stroke-dasharray": dash, d: curve(B, rates, values) });
    add(B.over, "text", { class: "dropout halo", x: B.X(0.61), y: B.Y(values.at(-1)) - 7, "text-anchor": "end" }, name);
  }
  const dot = add(B.over, "circle", { class: "dot", r: 6 });

  function draw({ p }) {
    const gone = dropped(kind, draws, p, shape), share = explained(h, gone, shape);
    let d = "";
    gone.forEach((out, k) => { if (out) d += `M${corner(k).join(" ")}h${cell}v${cell}h${-cell}z`; });
    set(paint, { d });
    set(dot, { cx: B.X(p), cy: B.Y(100 * share) });
    return sentence(kind, gone, share);
  }

  const settings = Object.entries(NAMES).map(([key, label]) => ({ label, act() { kind = key; }, pressed: () => kind === key }));
  const all = Array(C * s * s).fill(1);
  frame(root, { views: [picture, B.node], start: { p: start.p }, draw, settings, reset() { kind = start.kind; },
    longest: longestOf(Object.keys(NAMES).map((name) => sentence(name, all, 0.5))),
    sliders: [{ name: "p", label: "drop p", min: 0, max: 0.6, step: 0.05, format: (v) => number(v) }] });
}
