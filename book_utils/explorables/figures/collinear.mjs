// Two features, nearly parallel: what least squares makes of them.
import { lstsq } from "../linear.mjs";
import { contour } from "../maths.mjs";
import { number } from "../text.mjs";
import { add, frame, narrow, panel, path, place, set } from "../view.mjs";

/** Four observations of two unit features with the angle theta (degrees) between them: [[x1, x2], ...]. */
export function columns(theta) {
  const half = (theta * Math.PI) / 360;
  const along = Math.cos(half) / 2, across = Math.sin(half) / 2;
  return [1, -1, 1, -1].map((sign) => [along + sign * across, along - sign * across]);
}

/** X'X of X (n x 2). */
export function gram(X) {
  let a = 0, b = 0, c = 0;
  for (const [p, q] of X) { a += p * p; b += p * q; c += q * q; }
  return [[a, b], [b, c]];
}

/** Singular values of X (n x 2), largest first, from the 2 x 2 matrix X'X. */
export function singular_values(X) {
  const [[a, b], [, c]] = gram(X), s1 = Math.sqrt((a + c) / 2 + Math.hypot((a - c) / 2, b));
  let det = 0; // det(X'X) as a sum of squared 2 x 2 minors: no cancellation when the columns are nearly parallel
  for (let i = 0; i < X.length; i++)
    for (let j = i + 1; j < X.length; j++) det += (X[i][0] * X[j][1] - X[i][1] * X[j][0]) ** 2;
  return [s1, Math.sqrt(det) / s1];
}

/** How far the least-squares weights move when the first of the four targets moves by 1. */
export function sensitivity(X) {
  return Math.hypot(...lstsq(X, [1, 0, 0, 0]));
}

const WEIGHTS = { x: [-6, 8], y: [-7, 7] }, EDGE = 4; // of A, and of B on the right

/** For the four targets y; theta in degrees. */
export function sentence(theta, y) {
  const X = columns(theta), [w1, w2] = lstsq(X, y), [s1, s2] = singular_values(X), { x: [left, right], y: [low, high] } = WEIGHTS;
  const outside = { A: w1 < left || w1 > right || w2 < low || w2 > high, B: w1 * Math.cos((theta * Math.PI) / 360) > EDGE };
  const off = ["A", "B"].filter((letter) => outside[letter]).join(" and ");
  return `cond(X) = s₁/s₂ = ${number(s1 / s2, 1)}. The best weights are ŵ = (${number(w1, 1)}, ${number(w2, 1)})` +
    `${off && `, off the chart in ${off}`}; moving the one target y₁ by 1 moves ŵ by ${number(sensitivity(X), 1)}.`;
}

export function render(root, { start, y, levels }) {
  const wide = { span: 3, height: 300 }, slim = { span: 6, height: 232 }, tall = narrow(root) ? 1.5 : 2.3; // B has true angles
  const weights = panel({ ...place(root, wide, slim), letter: "A",
    label: "Weight space: contours of the training error around the least-squares weights",
    ...WEIGHTS, xticks: [-5, 0, 5], yticks: [-5, 0, 5], xlabel: "weight w₁", ylabel: "weight w₂" });
  const plane = panel({ ...place(root, wide, slim), letter: "B",
    label: "Data space: the two features as arrows, the prediction as their combination, and the ellipse of singular values",
    x: [-1.6, EDGE], y: [-tall, tall], xticks: [-1, 0, 1, 2, 3, 4], yticks: narrow(root) ? [-1, 0, 1] : [-2, -1, 0, 1, 2],
    xlabel: "along both features", ylabel: "across them" });

  const valley = add(weights.plot, "path", { class: "none band" });
  const contours = levels.map(() => add(weights.plot, "path", { class: "none line thin" }));
  const best = add(weights.over, "circle", { class: "none dot", r: 4 });
  const bestName = add(weights.over, "text", { class: "halo" }, "ŵ");

  const ellipse = add(plane.plot, "path", { class: "axis", "stroke-dasharray": "3 3" });
  const axes = ["s₁", "s₂"].map(() => ({ line: add(plane.plot, "path", { class: "line truth", style: "stroke-dasharray: none" }),
    text: add(plane.plot, "text", { class: "halo" }) }));
  const steps = add(plane.plot, "path", { class: "none line" });
  const arrows = ["x₁", "x₂"].map((name) => ({ line: add(plane.plot, "line", { class: "line", stroke: "currentColor" }),
    head: add(plane.plot, "path", { class: "dot" }), text: add(plane.plot, "text", { class: "halo" }, name) }));
  const target = add(plane.plot, "path", { class: "none dot" });
  const targetName = add(plane.plot, "text", { class: "halo" }, "ŷ");

  function draw({ theta, y1 }) {
    const X = columns(theta), targets = [y1, ...y.slice(1)];
    const w = lstsq(X, targets), [s1, s2] = singular_values(X);
    const outlines = levels.map((level) => path(weights, contour(gram(X), w, level / 2), true));

    contours.forEach((node, i) => set(node, { d: outlines[i] }));
    set(valley, { d: outlines[0] });
    const half = (theta * Math.PI) / 360, tip = [Math.cos(half), Math.sin(half)];
    const at = [Math.min(7.8, Math.max(-5.8, w[0])), Math.min(6.8, Math.max(-6.8, w[1]))];
    set(best, { cx: weights.X(at[0]), cy: weights.Y(at[1]) });
    set(bestName, { x: weights.X(at[0]) + (at[0] > 7 ? -18 : 9), y: weights.Y(at[1]) - 8 });

    set(ellipse, { d: path(plane, Array.from({ length: 60 }, (_, i) =>
      [s1 * Math.cos((i * Math.PI) / 30), s2 * Math.sin((i * Math.PI) / 30)]), true) });
    set(axes[0].line, { d: `M${plane.X(0)} ${plane.Y(0)}H${plane.X(-s1)}m0 -5v10` }); // half-axes, each with a bar at its end
    set(axes[1].line, { d: `M${plane.X(0)} ${plane.Y(0)}V${plane.Y(-s2)}m-5 0h10` });
    set(axes[0].text, { x: plane.X(-s1) - 2, y: plane.Y(0) - 10 }).textContent = `s₁ ${number(s1)}`;
    set(axes[1].text, { x: plane.X(0) - 4, y: plane.Y(-s2) + 15, "text-anchor": "end" }).textContent = `s₂ ${number(s2)}`;
    const corner = [w[0] * tip[0], w[0] * tip[1]];
    set(steps, { d: path(plane, [[0, 0], corner, [corner[0] + w[1] * tip[0], corner[1] - w[1] * tip[1]]]) });
    arrows.forEach(({ line, head, text }, i) => {
      const x = plane.X(tip[0]), sign = i ? -1 : 1, height = plane.Y(sign * tip[1]);
      set(line, { x1: plane.X(0), y1: plane.Y(0), x2: x, y2: height });
      set(head, { d: "M3 0L-7 4.5V-4.5Z", transform: `translate(${x} ${height}) rotate(${-sign * theta / 2})` });
      set(text, { x: x + 4, y: height + (i ? 17 : -8) });
    });
    const fitted = [targets.reduce((a, b) => a + b) / 2, (targets[0] - targets[1] + targets[2] - targets[3]) / 2];
    const end = [plane.X(fitted[0]), plane.Y(fitted[1])]; // the tip of the path, and nothing to take hold of
    set(target, { d: "M2 0L-9 4.5V-4.5Z", transform: `translate(${end}) rotate(${(w[1] > 0 ? 0 : 180) + theta / 2})` });
    set(targetName, { x: end[0] - 4, y: end[1] - 9 });

    return sentence(theta, targets);
  }

  frame(root, { views: [weights.node, plane.node], start, draw, longest: sentence(2, [2, ...y.slice(1)]),
    sliders: [
      { name: "theta", label: "angle θ", min: 2, max: 90, step: 1, format: (v) => `${v}°` },
      { name: "y1", label: "target y₁", min: 0, max: 2, step: 0.05, format: (v) => v.toFixed(2) }],
    settings: [{ label: "Perpendicular", values: { theta: 90 } }, { label: "Nearly parallel", values: { theta: 6 } }] });
}
