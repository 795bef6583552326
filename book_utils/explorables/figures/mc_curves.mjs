// A network asked T times: the curves of its passes and their band, with a mask for each pass or for each point.
import { band, gap_averages } from "../maths.mjs";
import { number } from "../text.mjs";
import { add, curve, frame, panel, path, place, set, shade } from "../view.mjs";

const HIDDEN = 20; // theta: W1 (20), b1 (20), W2 (20 x 20, by input), b2 (20), w3 (20), b3
const B1 = HIDDEN, W2 = 2 * HIDDEN, B2 = W2 + HIDDEN * HIDDEN, W3 = B2 + HIDDEN, B3 = W3 + HIDDEN;

/** n numbers in [0, 1): the generator mulberry32 (T. Ettinger), which starts anew from each seed. */
export function uniforms(seed, n) {
  const out = Array(n).fill(0.5);
  let state = seed >>> 0;
  for (let i = 0; i < n; i++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    out[i] = ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  }
  return out;
}

/** Outputs (T, n) of T passes; each unit is dropped with probability p, by a mask a pass or a mask a point. */
export function curves(theta, x, p, T, perRow, seed) {
  const rows = perRow ? x.length : 1, u = uniforms(seed, T * rows * 2 * HIDDEN), scale = 1 / (1 - p);
  const z = new Float64Array(HIDDEN), out = [];
  for (let t = 0; t < T; t++) {
    const curve = Array(x.length).fill(0.5);
    for (let i = 0; i < x.length; i++) {
      const first = (t * rows + (perRow ? i : 0)) * 2 * HIDDEN, second = first + HIDDEN;
      for (let k = 0; k < HIDDEN; k++) z[k] = theta[B2 + k];
      for (let j = 0; j < HIDDEN; j++) {
        if (u[first + j] < p) continue;
        const h = (x[i] * theta[j] + theta[B1 + j]) * scale;
        if (h > 0) for (let k = 0, at = W2 + j * HIDDEN; k < HIDDEN; k++) z[k] += h * theta[at + k];
      }
      let sum = theta[B3];
      for (let k = 0; k < HIDDEN; k++) if (z[k] > 0 && u[second + k] >= p) sum += z[k] * scale * theta[W3 + k];
      curve[i] = sum;
    }
    out.push(curve);
  }
  return out;
}

/** Mean and standard deviation (with T - 1) of samples (T, n) over T: (2, n). One pass has no spread: 0. */
export function summary(samples) {
  const T = samples.length;
  const mean = samples[0].map((_, i) => samples.reduce((sum, s) => sum + s[i], 0) / T);
  const std = mean.map((m, i) => (T > 1 ? Math.sqrt(samples.reduce((sum, s) => sum + (s[i] - m) ** 2, 0) / (T - 1)) : 0));
  return [mean, std];
}

/** Pearson's correlation of two samples; 0 where one of them does not vary. */
export function correlation(a, b) {
  const average = (v) => v.reduce((x, y) => x + y, 0) / v.length, A = average(a), B = average(b);
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - A) * (b[i] - B);
    aa += (a[i] - A) ** 2;
    bb += (b[i] - B) ** 2;
  }
  return aa * bb ? ab / Math.sqrt(aa * bb) : 0;
}

/** samples (T, n) are the answers at the points of x; `pair` names two of these. */
export function sentence(p, perRow, samples, x, truth, gap, pair) {
  if (samples.length === 1) return `One pass with p = ${p}: ` +
    (perRow ? "no curve, since each point met another network, and no spread." : "a curve of one thinned network, and no spread.");
  const [mean, std] = summary(samples), [a, b] = pair.map((i) => samples.map((s) => s[i]));
  const [error, wrong] = gap_averages(x, mean.map((m, i) => Math.abs(m - truth[i])), gap), [known, unknown] = gap_averages(x, std, gap);
  return `Trained and asked with p = ${p}. Where there are data the mean is off by ${number(error)} and std is ` +
    `${number(known)}; in the gap it is off by ${number(wrong)} and std is ${number(unknown)} (averages). ` +
    `Answers at the two neighbors correlate by ${number(correlation(a, b))}.`;
}

export function render(root, { start, rates, thetas, x, y, grid, truth, gap, pair, seed }) {
  const SHOWN = 12; // of the curves; the band and the dots are of all passes
  const view = panel({ ...place(root, { span: 3, height: 300 }, { span: 6, height: 222 }), letter: "A",
    label: "Data with a gap, the answers of the network pass by pass, their mean and the band of two standard deviations",
    x: [-1, 1], y: [-2, 2], xticks: [-1, -0.5, 0, 0.5, 1], yticks: [-2, -1, 0, 1, 2], xlabel: "x", ylabel: "y" });
  const at = pair.map((i) => number(grid[i]));
  const cloud = panel({ ...place(root, { span: 3, height: 300 }, { span: 6, height: 206 }), letter: "B",
    label: `The answers of all passes at x = ${at[0]} and x = ${at[1]}, one dot a pass`,
    x: [-1.5, 0.1], y: [-1.5, 0.1], xticks: [-1.5, -1, -0.5, 0], yticks: [-1.5, -1, -0.5, 0], xlabel: `answer at x = ${at[0]}`,
    ylabel: `answer at x = ${at[1]}` });

  shade(view, gap);
  const spread = add(view.plot, "path", { class: "dropout band" });
  const threads = Array.from({ length: SHOWN }, () => add(view.plot, "path", { class: "dropout line thin" }));
  x.forEach((value, i) => add(view.plot, "circle", { class: "data dot", cx: view.X(value), cy: view.Y(y[i]), r: 2.5 }));
  add(view.plot, "path", { class: "line truth", d: curve(view, grid, truth) });
  const middle = add(view.plot, "path", { class: "dropout line bold" });
  for (const i of pair) add(view.plot, "line", { class: "axis", x1: view.X(grid[i]), x2: view.X(grid[i]), y1: 0, y2: 8 });
  add(view.over, "text", { class: "tick halo", x: view.X(grid[pair[1]]) + 6, y: 11 }, "the points of B");
  const dots = Array.from({ length: 100 }, () => add(cloud.plot, "circle", { class: "dropout dot", r: 3, opacity: 0.7 }));
  let perRow = false, draws = 0;

  function draw({ rate, T }) {
    const p = rates[rate], samples = curves(thetas[rate], grid, p, T, perRow, seed + 1000 * draws);
    const [mean, std] = summary(samples), [a, b] = pair.map((i) => samples.map((s) => s[i]));
    set(spread, { d: T > 1 ? path(view, band(grid, mean, std), true) : "" });
    set(middle, { d: curve(view, grid, mean) });
    threads.forEach((node, t) => set(node, { d: t < T && T > 1 ? curve(view, grid, samples[t]) : "" }));
    dots.forEach((node, t) => set(node, t < T ? { cx: cloud.X(a[t]), cy: cloud.Y(b[t]), visibility: "visible" } : { visibility: "hidden" }));
    return sentence(p, perRow, samples, grid, truth, gap, pair);
  }

  const masks = (value) => () => { perRow = value; };
  const settings = [{ label: "One mask a pass", act: masks(false), pressed: () => !perRow },
    { label: "A mask for each point", act: masks(true), pressed: () => perRow },
    { label: "New masks", act: () => { draws += 1; } }, { label: "T = 1", values: { T: 1 } }];
  frame(root, { views: [view.node, cloud.node], start, draw, settings,
    longest: sentence(0.05, false, [grid.map(() => 1), grid.map((v) => -v)], grid, truth, gap, pair),
    reset: () => { perRow = false; draws = 0; },
    sliders: [{ name: "rate", label: "noise p", min: 0, max: rates.length - 1, step: 1, format: (i) => number(rates[i]) },
      { name: "T", label: "passes T", min: 1, max: 100, step: 1, format: String }] });
}
