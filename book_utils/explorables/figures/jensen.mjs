// A distribution goes through a curve: the average of the outputs beside the output of the average.
import { histogram, normal_cdf } from "../maths.mjs";
import { number, signed } from "../text.mjs";
import { add, curve, frame, longestOf, panel, place, set } from "../view.mjs";

/** phi(z) for one of the five names. */
export function activation(name, z) {
  if (name === "square") return z * z;
  if (name === "relu") return Math.max(z, 0);
  if (name === "gelu") return z * normal_cdf(z);
  return name === "sigmoid" ? 1 / (1 + Math.exp(-z)) : Math.tanh(z);
}

/** phi''(z); 0 for ReLU, which has none at its kink. */
export function curvature(name, z) {
  if (name === "square") return 2;
  if (name === "relu") return 0;
  if (name === "gelu") return ((2 - z * z) * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  const s = 1 / (1 + Math.exp(-z)), t = Math.tanh(z);
  return name === "sigmoid" ? s * (1 - s) * (1 - 2 * s) : -2 * t * (1 - t * t);
}

/** z - E z and its probability for each of the 2^d masks of inverted dropout; a holds w_j x_j. */
export function deviations(a, p) {
  let atoms = [[0, 1]];
  for (const v of a) {
    const kept = (v * p) / (1 - p);
    atoms = atoms.flatMap(([dev, prob]) => [[dev - v, prob * p], [dev + kept, prob * (1 - p)]]);
  }
  return atoms;
}

/** E phi(z) for z = mean + deviation; atoms holds [deviation, probability]. */
export function average(name, atoms, mean) {
  return atoms.reduce((sum, [dev, prob]) => sum + prob * activation(name, mean + dev), 0);
}

const EDGE = 5, REACH = 3, BINS = 50;
// what is drawn of each curve: outputs y, their ticks, gaps g, their ticks
const CURVES = {
  square: { label: "z²", y: [0, 14], yticks: [0, 4, 8, 12], g: [-1, 5], gticks: [0, 2, 4] },
  relu: { label: "ReLU", y: [0, 4], yticks: [0, 1, 2, 3, 4], g: [-0.2, 1], gticks: [0, 0.5, 1] },
  gelu: { label: "GELU", y: [-0.2, 4], yticks: [0, 1, 2, 3, 4], g: [-0.2, 1], gticks: [0, 0.5, 1] },
  sigmoid: { label: "sigmoid", y: [0, 1], yticks: [0, 0.5, 1], g: [-0.2, 0.2], gticks: [-0.2, -0.1, 0, 0.1, 0.2] },
  tanh: { label: "tanh", y: [-1, 1], yticks: [-1, 0, 1], g: [-0.8, 0.8], gticks: [-0.5, 0, 0.5] },
};

/** a holds w_j x_j of the inputs; mean is E z. */
export function sentence(name, a, p, mean) {
  const atoms = deviations(a, p), out = average(name, atoms, mean), plain = activation(name, mean), gap = out - plain;
  const share = (which) => atoms.reduce((sum, [dev, prob]) => sum + (which(mean + dev) ? prob : 0), 0);
  const said = `${CURVES[name].label}: the average of z gives ${number(plain)}, the average over ` +
    `${p ? `${2 ** a.length} masks` : "the one mask"} is ${number(out)}.`;
  if (p === 0) return `${said} Nothing is dropped, so there is no gap.`;
  const outside = share((z) => Math.abs(z) > EDGE), size = `Gap ${signed(gap)}`;
  const off = outside > 0.015 ? ` ${number(100 * outside, 0)} % of the masks' probability is outside of A.` : "";
  if (name === "square") return `${said} ${size}: the variance of z, wherever the mean is.${off}`;
  if (name === "relu" && (share((z) => z < 0) === 0 || share((z) => z > 0) === 0))
    return `${said} No mask takes z across the kink, so the gap is exactly 0.${off}`;
  if (name === "relu") return `${said} ${size}: a convex curve lifts the average, and only masks across the kink from the mean count.${off}`;
  if (Math.abs(gap) < 0.005) return `${said} The gap is below 0.005 here.${off}`;
  if (name === "gelu") return `${said} ${size}: GELU bends up between −1.4 and 1.4 and down outside; ` +
    `here the part that bends ${gap > 0 ? "up" : "down"} wins.${off}`;
  const center = activation(name, 0), at = name === "sigmoid" ? "½" : "0";
  return `${said} ${size}: the average lies ` + (Math.abs(out - center) < Math.abs(plain - center)
    ? `nearer to ${at}, as it always does for a symmetric z` : `farther from ${at}, which only a skewed z can do`) + `.${off}`;
}

function passage(root, name, { label, y: [low, high], yticks }) {
  const base = low - 0.35 * (high - low);
  const view = panel({ ...place(root, { span: 3, height: 310 }, { span: 6, height: 236 }), letter: "A",
    label: `The distribution of z and the curve ${label}, with the output of the average and the average of the outputs`,
    x: [-EDGE, EDGE], y: [base, high], xticks: [-4, -2, 0, 2, 4], yticks, xlabel: "pre-activation z", ylabel: `output of ${label}` });
  const { plot, over, X, Y } = view, grid = Array.from({ length: 241 }, (_, i) => -EDGE + (2 * EDGE * i) / 240);
  add(plot, "path", { class: "rule", d: `M0 ${Y(low)}H${view.w}` });
  const bars = add(plot, "path", { class: "dropout dot", opacity: 0.75 });
  add(plot, "path", { class: "data line", d: curve(view, grid, grid.map((z) => activation(name, z))) });
  return { ...view, low, bars, stem: add(plot, "path", { class: "axis", "stroke-dasharray": "2 3" }),
    gap: add(over, "path", { class: "line", stroke: "currentColor", style: "stroke-width: 4" }),
    plain: add(over, "circle", { class: "none dot", r: 5 }), mean: add(over, "circle", { class: "dropout dot", r: 5 }),
    plainName: add(over, "text", { class: "none halo" }, "φ(E z)"), meanName: add(over, "text", { class: "dropout halo" }, "E φ(z)") };
}

function gaps(root, { label, g, gticks }) {
  const view = panel({ ...place(root, { span: 3, height: 310 }, { span: 6, height: 176 }), letter: "B",
    label: `The gap between the two averages against the mean, for ${label}`, x: [-REACH, REACH], y: g, xticks: [-3, -2, -1, 0, 1, 2, 3],
    yticks: gticks, xlabel: "mean E z", ylabel: "gap E φ(z) − φ(E z)" });
  add(view.plot, "path", { class: "axis", d: `M0 ${view.Y(0)}H${view.w}` });
  return { ...view, second: add(view.plot, "path", { class: "line truth" }), exact: add(view.plot, "path", { class: "dropout line bold" }),
    at: add(view.over, "circle", { class: "dropout dot", r: 6 }), secondName: add(view.over, "text", { class: "halo", x: 8, y: view.h - 7 }) };
}

export function render(root, { start, name: first, even, dominant }) {
  const views = Object.entries(CURVES).map(([name, curve]) => ({ name, ...curve, A: passage(root, name, curve), B: gaps(root, curve) }));
  let name = first, a = even;

  function drawPassage({ X, Y, h, low, ...part }, atoms, mean, out, plain) {
    const weights = atoms.map(([, prob]) => prob), bin = (2 * EDGE) / BINS;
    const entering = histogram(atoms.map(([dev]) => mean + dev), weights, -EDGE, EDGE, BINS), most = Math.max(...entering, 1e-12);
    set(part.bars, { d: entering.map((mass, i) => {
      const tall = ((h - Y(low)) * 0.9 * mass) / most;
      return mass > 0 ? `M${X(-EDGE + i * bin).toFixed(1)} ${h}v${(-tall).toFixed(1)}h${(X(bin) - X(0) - 0.5).toFixed(1)}v${tall.toFixed(1)}Z` : "";
    }).join("") });
    const x = X(mean), y1 = Y(plain), y2 = Y(out), up = out >= plain ? 1 : -1; // the names stand on the side away from the curve
    set(part.stem, { d: `M${x} ${h}V${Math.min(y1, y2)}` });
    set(part.gap, { d: `M${x} ${y1}V${y2}` });
    set(part.plain, { cx: x, cy: y1 });
    set(part.mean, { cx: x, cy: y2 });
    set(part.plainName, { x: x + 10 * up, y: (up > 0 ? Math.max(y1, y2 + 17) : Math.min(y1, y2 - 17)) + 4, "text-anchor": up > 0 ? "start" : "end" });
    set(part.meanName, { x: x - 10 * up, y: y2 + 4, "text-anchor": up > 0 ? "end" : "start" });
  }

  function draw({ p, mean }) {
    const atoms = deviations(a, p), out = average(name, atoms, mean), plain = activation(name, mean);
    const variance = atoms.reduce((sum, [dev, prob]) => sum + prob * dev * dev, 0);
    const { A, B } = views.find((view) => view.name === name);
    for (const view of views) for (const panel of [view.A, view.B]) panel.node.style.display = view.name === name ? "" : "none";
    drawPassage(A, atoms, mean, out, plain);
    const means = Array.from({ length: 61 }, (_, i) => -REACH + (2 * REACH * i) / 60);
    set(B.exact, { d: curve(B, means, means.map((m) => average(name, atoms, m) - activation(name, m))) });
    if (name !== "relu") { // whose second derivative is 0 wherever it has one
      set(B.second, { d: curve(B, means, means.map((m) => (curvature(name, m) * variance) / 2)) });
      B.secondName.textContent = "╌ ½ φ″(E z) Var z";
    }
    set(B.at, { cx: B.X(mean), cy: B.Y(out - plain) });
    return sentence(name, a, p, mean);
  }

  const buttons = views.map((view) => ({ label: view.label, act() { name = view.name; }, pressed: () => name === view.name }));
  const one = { label: "One input dominates", act() { a = a === dominant ? even : dominant; }, pressed: () => a === dominant };
  frame(root, { views: views.flatMap(({ A, B }) => [A.node, B.node]), start, draw,
    longest: longestOf(Object.keys(CURVES).flatMap((curve) => [-2, 2].map((m) => sentence(curve, dominant, 0.7, m)))),
    sliders: [
      { name: "mean", label: "mean E z", min: -REACH, max: REACH, step: 0.05, format: number },
      { name: "p", label: "drop p", min: 0, max: 0.7, step: 0.05, format: number }],
    settings: [...buttons, one], reset() { name = first; a = even; } });
}
