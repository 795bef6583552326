// Ridge and dropout in two weights, while the size of one feature changes.
import { ridge } from "../linear.mjs";
import { contour } from "../maths.mjs";
import { number } from "../text.mjs";
import { add, frame, narrow, panel, path, place, set } from "../view.mjs";

/** X (n x 2) with its second column times c. */
export function scaled(X, c) {
  return X.map(([first, second]) => [first, c * second]);
}

/** The mean squares of the two columns. */
export function sizes(X) {
  return [0, 1].map((j) => X.reduce((sum, row) => sum + row[j] * row[j], 0) / X.length);
}

/** The minimizer of the squared loss under dropout of the inputs: ridge on columns of length 1. */
export function dropout_ridge(X, y, p) {
  const lengths = sizes(X).map((square) => Math.sqrt(square * X.length));
  return ridge(X.map((row) => row.map((value, j) => value / lengths[j])), y, p / (1 - p) / X.length).map((w, j) => w / lengths[j]);
}

/** Xw. */
export function fitted(X, w) {
  return X.map((row) => row[0] * w[0] + row[1] * w[1]);
}

/** X'X/n. */
export function mean_gram(X) {
  const [a, c] = sizes(X), b = X.reduce((sum, row) => sum + row[0] * row[1], 0) / X.length;
  return [[a, b], [b, c]];
}

/** 80 weights with the penalty sum_j s_j w_j^2 of w. */
export function outline(s, w) {
  return contour([[s[0], 0], [0, s[1]]], [0, 0], (s[0] * w[0] * w[0] + s[1] * w[1] * w[1]) / 2);
}

/** 80 weights with the same loss as w. */
export function level_curve(X, w_hat, w) {
  const G = mean_gram(X), [e1, e2] = [w[0] - w_hat[0], w[1] - w_hat[1]];
  return contour(G, w_hat, (G[0][0] * e1 * e1 + 2 * G[0][1] * e1 * e2 + G[1][1] * e2 * e2) / 2);
}

/** The root of the mean squared difference. */
export function moved(a, b) {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
}

/** X at equal sizes; lam of ridge is p/(1-p), which is what dropout means there. */
export function sentence(p, c, X, y) {
  const A = scaled(X, c), lam = p / (1 - p), same = number(c, 1) === "1.0";
  const by_ridge = moved(fitted(A, ridge(A, y, lam)), fitted(X, ridge(X, y, lam)));
  const by_dropout = moved(fitted(A, dropout_ridge(A, y, p)), fitted(X, dropout_ridge(X, y, p)));
  if (same) return `Both features have mean square 1: dropout is ridge with λ = p/(1−p) = ${number(lam)}, and the two dots are one.`;
  return `Feature 2 times ${number(c, 1)}: ridge with λ = ${number(lam)} now fits other values (moved by ${number(by_ridge)}, root mean square). ` +
    `Dropout moved its weight w₂, and fits the same values (moved by ${number(by_dropout)}).`;
}

export function render(root, { start, X, y, w_hat }) {
  const wide = { span: 3, height: 300 }, slim = { span: 6, height: 222 };
  const weights = panel({ ...place(root, wide, slim), letter: "A", label: "The two weights: minimizers of least squares, ridge and dropout, "
    + "with the contour of the loss and of the penalty through each of the latter two",
    x: narrow(root) ? [-1.9, 3.6] : [-0.9, 2.5], y: [-0.8, 2], // a circle is a circle
    xticks: [-1, 0, 1, 2, 3].slice(...(narrow(root) ? [0] : [1, 4])), yticks: [0, 1, 2], xlabel: "weight w₁", ylabel: "weight w₂" });
  const values = panel({ ...place(root, wide, slim), letter: "B", label: "The eight fitted values of ridge and of dropout against the targets",
    x: [-3, 3], y: [-2, 2], xticks: [-2, 0, 2], yticks: [-2, -1, 0, 1, 2], xlabel: "target y", ylabel: "fitted value" });

  add(weights.plot, "path", { class: "rule", style: "opacity: 0.5", d: `M${weights.X(0)} 0V${weights.h}M0 ${weights.Y(0)}H${weights.w}` });
  const losses = [0, 1].map(() => add(weights.plot, "path", { class: "none line thin", style: "opacity: 0.8" }));
  const prices = ["l2", "dropout"].map((color) => add(weights.plot, "path", { class: `${color} line`, style: "stroke-width: 1.5" }));
  const dots = ["none", "l2", "dropout"].map((color, k) => ({
    dot: add(weights.over, "circle", { class: `${color} dot`, r: k === 1 ? 6 : 4 }),
    name: add(weights.over, "text", { class: `${color} halo` }, ["least squares", "ridge", "dropout"][k]) }));
  add(values.plot, "path", { class: "line truth", d: path(values, [[-3, -3], [3, 3]]) });
  add(values.over, "text", { class: "halo", x: values.X(1.7) - 6, y: values.Y(1.75), "text-anchor": "end" }, "fitted = target");
  const marks = y.map(() => ["l2", "dropout"].map((color, k) => add(values.over, "circle", { class: `${color} dot`, r: k ? 3.5 : 5.5 })));
  ["l2", "dropout"].forEach((color, k) => add(values.over, "text", { class: `${color} halo`, x: values.w - 4,
    y: values.h - (k ? 10 : 28), "text-anchor": "end" }, k ? "● dropout" : "● ridge"));

  function draw({ p, c }) {
    const A = scaled(X, c), lam = p / (1 - p), best = [w_hat[0], w_hat[1] / c];
    const found = [ridge(A, y, lam), dropout_ridge(A, y, p)], s = [[1, 1], sizes(A)];
    found.forEach((w, k) => {
      set(losses[k], { d: path(weights, level_curve(A, best, w), true) });
      set(prices[k], { d: path(weights, outline(s[k], w), true) });
      fitted(A, w).forEach((value, i) => set(marks[i][k], { cx: values.X(y[i]), cy: values.Y(value) }));
    });
    const low = found[1][1] <= found[0][1]; // of two names the lower one belongs to the lower dot
    [best, ...found].forEach(([w1, w2], k) => {
      const x = weights.X(w1), h = weights.Y(w2);
      set(dots[k].dot, { cx: x, cy: h });
      set(dots[k].name, { x: x + 9, y: k === 0 ? h + 4 : h + ((k === 2) === low ? 22 : -8) });
    });
    return sentence(p, c, X, y);
  }

  frame(root, { views: [weights.node, values.node], start, draw, longest: sentence(0.9, 2.9, X, y),
    sliders: [
      { name: "p", label: narrow(root) ? "p" : "drop probability p", min: 0.05, max: 0.9, step: 0.05, format: (v) => v.toFixed(2) },
      { name: "c", label: narrow(root) ? "size" : "feature 2 times", min: 0.5, max: 3, step: 0.1, format: (v) => v.toFixed(1) }],
    settings: [{ label: "Half as large", values: { c: 0.5 } }, { label: "Equal sizes", values: { c: 1 } },
      { label: "Three times as large", values: { c: 3 } }] });
}
