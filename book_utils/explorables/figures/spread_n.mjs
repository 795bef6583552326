// A line through the origin: the spread of dropout on its input beside that of the exact posterior, as the rows grow.
import { number } from "../text.mjs";
import { add, curve, frame, longestOf, panel, path, place, set } from "../view.mjs";

const NOISES = [0.3, 1, 3], EDGE = 3;

/** The slope that minimizes the squared error averaged over the masks of inverted dropout on x. */
export function slope(x, y, p) {
  let xy = 0, xx = 0;
  x.forEach((v, i) => { xy += v * y[i]; xx += v * v; });
  return ((1 - p) * xy) / xx;
}

/** The standard deviation over masks of the answer at x = 1. */
export function mc_std(w, p) {
  return Math.sqrt(p / (1 - p)) * Math.abs(w);
}

/** Mean and standard deviation of the slope given the data, under the prior N(0, 1). */
export function posterior(x, y, noise) {
  let xy = 0, xx = 0;
  x.forEach((v, i) => { xy += v * y[i]; xx += v * v; });
  const precision = xx / noise ** 2 + 1;
  return [xy / noise ** 2 / precision, 1 / Math.sqrt(precision)];
}

/** `w` is dropout's slope; `mean` and `std` are those of the posterior. */
export function sentence(n, noise, p, w, mean, std) {
  const rows = `${n} rows, noise ${noise}: at x = 1 the posterior's spread is ${number(std)}`;
  if (p === 0) return `${rows}. Nothing is dropped, so dropout's is 0, and its slope is that of least squares, ${number(w)}.`;
  const spread = mc_std(w, p), ratio = spread / std, times = ratio >= 1 ? ratio : 1 / ratio;
  return `${rows}, dropout's is ${number(spread)}, ${number(times, 1)} times as ${ratio >= 1 ? "large" : "small"}. ` +
    `Slope: posterior ${number(mean)}, dropout ${number(w)}.`;
}

export function render(root, { start, noise: first, x, e, slope: truth }) {
  const line = panel({ ...place(root, { span: 3, height: 300 }, { span: 6, height: 230 }), letter: "A",
    label: "The data, the band of dropout and the band of the exact posterior", x: [-EDGE, EDGE], y: [-9, 9],
    xticks: [-3, -2, -1, 0, 1, 2, 3], yticks: [-8, -4, 0, 4, 8], xlabel: "input x", ylabel: "y, and bands of ± 2 std" });
  const size = panel({ ...place(root, { span: 3, height: 300 }, { span: 6, height: 190 }), letter: "B",
    label: "The spread at x = 1 against the number of rows", x: [0.8, 3.1], y: [0, 1], xticks: [1, 1.5, 2, 2.5, 3],
    yticks: [0, 0.25, 0.5, 0.75, 1], xlabel: "log₁₀ of the number of rows", ylabel: "std at x = 1" });
  const logs = Array.from({ length: Math.log2(x.length) - 2 }, (_, i) => i + 3);

  const dots = add(line.plot, "path", { class: "data line", style: "stroke-width: 3.5", opacity: 0.55 });
  const band = add(line.plot, "path", { class: "dropout band", style: "opacity: 0.3" });
  const mean = add(line.plot, "path", { class: "dropout line bold" });
  const edges = [-2, 2].map(() => add(line.plot, "path", { class: "line truth" }));
  add(line.over, "text", { class: "dropout halo", x: 8, y: 16 }, "dropout");
  add(line.over, "text", { class: "halo", x: 8, y: 33 }, "╌ posterior");

  const exact = add(size.plot, "path", { class: "line truth" });
  const masks = add(size.plot, "path", { class: "dropout line bold" });
  const marks = ["dropout dot", "dot"].map((kind) => add(size.over, "circle", { class: kind, r: 5 }));
  add(size.over, "text", { class: "dropout halo", x: size.w - 8, y: 16, "text-anchor": "end" }, "dropout");
  add(size.over, "text", { class: "halo", x: size.w - 8, y: 33, "text-anchor": "end" }, "╌ posterior");
  let noise = first;

  function draw({ log_n, p }) {
    const y = x.map((v, i) => truth * v + noise * e[i]);
    const fitted = (log) => [slope(x.slice(0, 2 ** log), y, p), ...posterior(x.slice(0, 2 ** log), y, noise)];
    const n = 2 ** log_n, [w, m, s] = fitted(log_n), spread = mc_std(w, p);
    set(dots, { d: x.slice(0, n).map((v, i) => `M${line.X(v).toFixed(1)} ${line.Y(y[i]).toFixed(1)}h0.01`).join("") });
    const up = EDGE * (w + 2 * spread), down = EDGE * (w - 2 * spread);
    set(band, { d: path(line, [[-EDGE, -up], [EDGE, up], [EDGE, down], [-EDGE, -down]], true) });
    set(mean, { d: path(line, [[-EDGE, -EDGE * w], [EDGE, EDGE * w]]) });
    edges.forEach((edge, i) => {
      const steep = EDGE * (m + (i ? 2 : -2) * s);
      set(edge, { d: path(line, [[-EDGE, -steep], [EDGE, steep]]) });
    });
    const all = logs.map(fitted), at = logs.map((log) => Math.log10(2 ** log));
    set(exact, { d: curve(size, at, all.map(([, , std]) => std)) });
    set(masks, { d: curve(size, at, all.map(([v]) => mc_std(v, p))) });
    [spread, s].forEach((v, i) => set(marks[i], { cx: size.X(Math.log10(n)), cy: size.Y(v) }));
    return sentence(n, noise, p, w, m, s);
  }

  frame(root, { views: [line.node, size.node], start, draw, reset() { noise = first; },
    longest: longestOf([sentence(1024, 0.3, 0, 1.11, 1.11, 0.11), sentence(1024, 0.3, 0.2, 1.11, 1.11, 0.005)]),
    sliders: [
      { name: "log_n", label: "rows n", min: 3, max: Math.log2(x.length), step: 1, format: (v) => String(2 ** v) },
      { name: "p", label: "drop p", min: 0, max: 0.5, step: 0.01, format: number }],
    settings: NOISES.map((value) => ({ label: `Noise ${value}`, act() { noise = value; }, pressed: () => noise === value })) });
}
