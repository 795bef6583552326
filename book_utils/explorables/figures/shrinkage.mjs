// Ridge regression on a polynomial: filter factors, coefficients and the curve, moved by one penalty.
import { number, significant } from "../text.mjs";
import { add, curve, frame, panel, set } from "../view.mjs";

/** What the penalty leaves of each singular direction: s^2 / (s^2 + n lam). */
export function filter_factors(s, n, lam) {
  return s.map((value) => (value * value) / (value * value + n * lam));
}

/** Ridge weights sum_i f_i (u_i'y / s_i) v_i from the singular value decomposition; Vt as rows. */
export function coefficients(s, Vt, Uy, n, lam) {
  const f = filter_factors(s, n, lam);
  return Vt[0].map((_, j) => Vt.reduce((sum, row, i) => sum + f[i] / s[i] * Uy[i] * row[j], 0));
}

/** Mean squared leave-one-out error of centered data, through (y_i - fitted_i) / (1 - 1/n - h_ii); lam > 0. */
export function loo_mse(U, s, Uy, y, lam) {
  const f = filter_factors(s, y.length, lam);
  const errors = U.map((row, i) => {
    const fitted = row.reduce((sum, u, j) => sum + u * f[j] * Uy[j], 0);
    return (y[i] - fitted) / (1 - 1 / y.length - row.reduce((sum, u, j) => sum + u * u * f[j], 0));
  });
  return errors.reduce((sum, e) => sum + e * e, 0) / y.length;
}

const TALL = 16; // the largest weight that the picture has room for

/** lam and best are penalties: the one at hand, and that of the smallest leave-one-out error. */
export function sentence(lam, best, U, s, Vt, Uy, y) {
  const n = y.length, dof = filter_factors(s, n, lam).reduce((a, b) => a + b);
  const outside = coefficients(s, Vt, Uy, n, lam).filter((v) => Math.abs(v) > TALL).length;
  return `${number(dof, 1)} of ${s.length} degrees of freedom are left. Leave-one-out error ${number(loo_mse(U, s, Uy, y, lam), 3)}; ` +
    `the smallest is ${number(loo_mse(U, s, Uy, y, best), 3)}.` +
    (outside ? ` ${outside} of the weights ${outside > 1 ? "are" : "is"} off the chart.` : "");
}

export function render(root, { start, best, x, y, level, grid, features, truth, U, s, Vt, Uy, range }) {
  const n = y.length, [low, high] = range, small = { width: 226, height: 250, left: 38 };
  const data = panel({ ...small, label: "Data, the true curve and the fitted curve", x: [0, 1], y: [-1.6, 1.8],
    xticks: [0, 0.5, 1], yticks: [-1, 0, 1], xlabel: "x", ylabel: "y" });
  const paths = panel({ ...small, label: "The nine weights against the penalty", x: [low, high], y: [-TALL, TALL],
    xticks: [-8, -6, -4, -2, 0], yticks: [-10, 0, 10], xlabel: "log₁₀ λ", ylabel: "weights" });
  const filters = panel({ ...small, label: "Filter factor of each singular direction", x: [0.3, s.length + 0.7], y: [0, 1.05],
    xticks: [1, 3, 5, 7, 9], yticks: [0, 1], xlabel: "direction i", ylabel: "filter factor" });

  add(data.plot, "path", { class: "line truth", d: curve(data, grid, truth) });
  const fit = add(data.plot, "path", { class: "l2 line bold" });
  x.forEach((v, i) => add(data.plot, "circle", { class: "data dot", cx: data.X(v), cy: data.Y(y[i] + level), r: 3.5 }));

  const steps = Array.from({ length: 81 }, (_, i) => low + (i * (high - low)) / 80);
  const table = steps.map((t) => coefficients(s, Vt, Uy, n, 10 ** t));
  Vt.forEach((_, j) => add(paths.plot, "path", { class: "l2 line", "stroke-width": 1.2,
    d: curve(paths, steps, table.map((w) => w[j])) }));
  const cursor = add(paths.plot, "line", { class: "line", stroke: "currentColor", y1: 0, y2: paths.h });
  const dots = Vt.map(() => add(paths.plot, "circle", { class: "l2 dot", r: 3.5 }));

  const bars = s.map((_, i) => add(filters.plot, "rect", { class: "l2 dot", x: filters.X(i + 1) - 6, width: 12 }));

  function draw({ log_lam }) {
    const lam = 10 ** log_lam, w = coefficients(s, Vt, Uy, n, lam), f = filter_factors(s, n, lam);
    set(fit, { d: curve(data, grid, features.map((row) => row.reduce((sum, value, j) => sum + value * w[j], level))) });
    set(cursor, { x1: paths.X(log_lam), x2: paths.X(log_lam) });
    dots.forEach((node, j) => set(node, { cx: paths.X(log_lam), cy: paths.Y(w[j]) }));
    bars.forEach((node, i) => set(node, { y: filters.Y(f[i]), height: filters.h - filters.Y(f[i]) }));
    return sentence(lam, 10 ** best, U, s, Vt, Uy, y);
  }

  frame(root, { views: [data.node, paths.node, filters.node], start: { log_lam: start }, draw,
    sliders: [{ name: "log_lam", label: "penalty λ", min: low, max: high, step: 0.1, format: (v) => significant(10 ** v) }],
    settings: [{ label: "Almost none", values: { log_lam: low } }, { label: "Leave-one-out optimum", values: { log_lam: best } },
      { label: "Too much", values: { log_lam: high } }] });
}
