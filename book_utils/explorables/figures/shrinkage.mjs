// Ridge regression on a polynomial: filter factors, coefficients and the curve, moved by one penalty.
import { number, significant } from "../text.mjs";
import { add, curve, frame, panel, place, set } from "../view.mjs";

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

const TALL = 16, STRENGTHS = [-15, 2]; // what B and C have room for

/** lam and best are penalties: the one at hand, and that of the smallest leave-one-out error. */
export function sentence(lam, best, U, s, Vt, Uy, y) {
  const n = y.length, dof = filter_factors(s, n, lam).reduce((a, b) => a + b);
  const outside = coefficients(s, Vt, Uy, n, lam).filter((v) => Math.abs(v) > TALL).length;
  return `${number(dof, 1)} of ${s.length} degrees of freedom are left. Leave-one-out error ${number(loo_mse(U, s, Uy, y, lam), 3)}; ` +
    `the smallest is ${number(loo_mse(U, s, Uy, y, best), 3)}.` +
    (outside ? ` ${outside} of the weights ${outside > 1 ? "are" : "is"} off the chart in B.` : "");
}

export function render(root, { best, x, y, level, grid, features, truth, U, s, Vt, Uy, range }) {
  const n = y.length, [low, high] = range, wide = { span: 2, height: 260 }, slim = { span: 3, height: 210 };
  const data = panel({ ...place(root, wide, { span: 6, height: 220 }), letter: "A",
    label: "Data, the true curve and the fitted curve",
    x: [0, 1], y: [-1.6, 1.8], xticks: [0, 0.5, 1], yticks: [-1, 0, 1], xlabel: "x", ylabel: "y" });
  const paths = panel({ ...place(root, wide, slim), letter: "B", label: "The nine weights against the penalty", x: [low, high],
    y: [-TALL, TALL], xticks: [-8, -6, -4, -2, 0], yticks: [-10, 0, 10], xlabel: "log₁₀ λ", ylabel: "nine weights" });
  const filters = panel({ ...place(root, wide, slim), letter: "C",
    label: "The filter factor of each singular direction against its strength",
    x: STRENGTHS, y: [0, 1.08], xticks: [-12, -8, -4, 0], yticks: [0, 0.5, 1], xlabel: "log₁₀ sᵢ²/n", ylabel: "filter factor" });

  add(data.plot, "path", { class: "line truth", d: curve(data, grid, truth) });
  const fit = add(data.plot, "path", { class: "l2 line bold" });
  x.forEach((v, i) => add(data.over, "circle", { class: "data dot", cx: data.X(v), cy: data.Y(y[i] + level), r: 3.5 }));
  ["l2 halo", "halo"].forEach((kind, i) => add(data.over, "text", { class: kind, x: data.X(0.5), y: 14 + 17 * i },
    ["— fit", "╌ truth"][i]));

  const steps = Array.from({ length: 81 }, (_, i) => low + (i * (high - low)) / 80);
  const table = steps.map((t) => coefficients(s, Vt, Uy, n, 10 ** t));
  Vt.forEach((_, j) => add(paths.plot, "path", { class: "l2 line", style: "stroke-width: 1.2",
    d: curve(paths, steps, table.map((w) => w[j])) }));
  const cursors = [paths, filters].map(({ over, h }) => add(over, "line", { class: "axis", style: "opacity: 1", y1: 0, y2: h }));
  const lamName = add(filters.over, "text", { class: "halo", y: filters.h - 8 }, "λ");
  const dots = Vt.map((_, j) => ({ dot: add(paths.plot, "circle", { class: "l2 dot", r: 3.5 }),
    name: add(paths.over, "text", { class: "tick halo", style: "opacity: 1" }, `x${j ? "⁰¹²³⁴⁵⁶⁷⁸⁹"[j + 1] : ""}`) }));

  const [weak, strong] = STRENGTHS, strengths = s.map((value) => Math.log10((value * value) / n));
  const across = steps.map((_, i) => weak + (i / 80) * (strong - weak));
  const passed = add(filters.plot, "path", { class: "l2 line" });
  const passing = s.map(() => add(filters.over, "circle", { class: "l2 dot", r: 4 }));

  function draw({ log_lam }) {
    const lam = 10 ** log_lam, w = coefficients(s, Vt, Uy, n, lam), f = filter_factors(s, n, lam);
    set(fit, { d: curve(data, grid, features.map((row) => row.reduce((sum, value, j) => sum + value * w[j], level))) });
    cursors.forEach((line, i) => set(line, { x1: [paths, filters][i].X(log_lam), x2: [paths, filters][i].X(log_lam) }));
    set(lamName, { x: filters.X(log_lam) + 5 });
    let above = paths.Y(Math.min(...w)) - paths.Y(Math.max(...w)) < 20 ? 999 : -99; // no name where it would stand on others
    [...dots.keys()].sort((i, j) => w[j] - w[i]).forEach((j) => {
      const { dot, name } = dots[j], at = { x: paths.X(log_lam), y: paths.Y(w[j]) }, off = at.y < 8 || at.y > paths.h - 4;
      set(dot, { cx: at.x, cy: at.y });
      const shown = !off && at.y >= above + 11;
      set(name, { x: at.x + 6, y: at.y + 4, visibility: shown ? "visible" : "hidden" });
      if (shown) above = at.y;
    });
    set(passed, { d: curve(filters, across, filter_factors(across.map((t) => 10 ** (t / 2)), 1, lam)) });
    passing.forEach((node, i) => set(node, { cx: filters.X(strengths[i]), cy: filters.Y(f[i]) }));
    return sentence(lam, 10 ** best, U, s, Vt, Uy, y);
  }

  frame(root, { views: [data.node, paths.node, filters.node], start: { log_lam: best }, draw,
    longest: sentence(10 ** low, 10 ** best, U, s, Vt, Uy, y),
    sliders: [{ name: "log_lam", label: "penalty λ", min: low, max: high, step: 0.1, format: (v) => significant(10 ** v) }],
    settings: [{ label: "Almost none", values: { log_lam: low } }, { label: "Leave-one-out optimum", values: { log_lam: best } },
      { label: "Too much", values: { log_lam: high } }] });
}
