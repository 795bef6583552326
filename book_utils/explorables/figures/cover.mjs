// A penalty, noise and doubt in one picture: a curve through data with a gap.
import { ridge } from "../linear.mjs";
import { band, gap_averages } from "../maths.mjs";
import { number, significant } from "../text.mjs";
import { add, curve, frame, panel, path, place, set, shade } from "../view.mjs";

/** Gaussian bumps: phi_j(x) = exp(-(x - c_j)^2 / (2 width^2)), one row for each x. */
export function bumps(x, centers, width) {
  return x.map((value) => centers.map((c) => Math.exp(-((value - c) ** 2) / (2 * width * width))));
}

/** Standard deviation of the prediction when each term is dropped with probability p and the rest scaled by 1/(1 - p). */
export function dropout_std(X, w, p) {
  return X.map((row) => Math.sqrt((p / (1 - p)) * row.reduce((sum, value, j) => sum + (value * w[j]) ** 2, 0)));
}

/** The prediction Xw for each row of X. */
export function predictions(X, w) {
  return X.map((row) => row.reduce((sum, value, j) => sum + value * w[j], 0));
}

/** The weights that are kept, those whose number in [0, 1) is below 1 - p, divided by 1 - p; the rest are 0. */
export function dropped(w, uniforms, p) {
  return w.map((value, j) => (uniforms[j] < 1 - p ? value / (1 - p) : 0));
}

/** std holds that of the dropped prediction at each point of x. */
export function sentence(w, p, x, std, gap) {
  const said = `The weights have norm ${number(Math.hypot(...w), 1)}.`;
  if (p === 0) return `${said} The curve is one answer, and it does not say how far to trust it.`;
  const [outside, inside] = gap_averages(x, std, gap);
  return `${said} The band reaches ±${number(2 * outside)} on average where there are data and ±${number(2 * inside)} in the gap.` +
    (inside < outside ? " It is narrower where nothing is known: a spread is not yet a doubt." : "");
}

export function render(root, { start, x, y, truth, grid, centers, width, uniforms, gap }) {
  const view = panel({ label: "Data with a gap, the fitted curve, thirty curves with dropped features, and their band",
    x: [0, 1], y: [-2, 2.4], xticks: [0, 0.25, 0.5, 0.75, 1], yticks: [-2, -1, 0, 1, 2], xlabel: "x", ylabel: "y",
    ...place(root, { span: 6, height: 330 }, { span: 6, height: 290 }) });
  const X = bumps(x, centers, width), G = bumps(grid, centers, width);

  shade(view, gap);
  const spread = add(view.plot, "path", { class: "dropout band" });
  const threads = uniforms.map(() => add(view.plot, "path", { class: "dropout line thin" }));
  add(view.plot, "path", { class: "line truth", d: curve(view, grid, truth) });
  const fit = add(view.plot, "path", { class: "line" });
  x.forEach((value, i) => add(view.plot, "circle", { class: "data dot", cx: view.X(value), cy: view.Y(y[i]), r: 4 }));

  const name = (look, at, text, anchor) =>
    add(view.over, "text", { class: `${look} halo`, x: view.X(at[0]), y: view.Y(at[1]), "text-anchor": anchor }, text);
  name("data", [0.88, -1.33], "a measurement", "end");
  name("", [0.66, -0.85], "the truth", "end");
  const fitName = name("", [0.5, 0], "", "start"), noiseName = name("dropout", [0.2, 0], "with noise, thirty times", "start");
  const within = (pixels) => Math.min(Math.max(pixels, 14), view.h - 24);

  function draw({ log_lam, p }) {
    const lam = 10 ** log_lam, w = ridge(X, y, lam), mean = predictions(G, w), std = dropout_std(G, w, p);
    const none = lam < 2e-6, middle = grid.findIndex((v) => v >= 0.5), early = grid.findIndex((v) => v >= 0.2);
    set(fitName, { class: `${none ? "none" : "l2"} halo`, y: within(view.Y(mean[middle]) - 16) });
    fitName.textContent = none ? "without a penalty" : "with a penalty";
    set(noiseName, { y: within(view.Y(mean[early] + 2 * std[early]) - 8), visibility: p ? "visible" : "hidden" });
    set(fit, { d: curve(view, grid, mean), class: `${none ? "none" : "l2"} line bold` });
    set(spread, { d: p ? path(view, band(grid, mean, std), true) : "" });
    threads.forEach((node, t) => set(node, { d: p ? curve(view, grid, predictions(G, dropped(w, uniforms[t], p))) : "" }));
    return sentence(w, p, grid, std, gap);
  }

  frame(root, { views: [view.node], start, draw, longest: sentence([-999], 0.5, [0.5, 0], [0, 9], gap),
    sliders: [{ name: "log_lam", label: "penalty λ", min: -6, max: 0, step: 0.1, format: (v) => significant(10 ** v) },
      { name: "p", label: "noise p", min: 0, max: 0.5, step: 0.01, format: (v) => v.toFixed(2) }],
    settings: [{ label: "Neither", values: { log_lam: -6, p: 0 } }, { label: "Penalty", values: { log_lam: -3, p: 0 } },
      { label: "Penalty and noise", values: { log_lam: -3, p: 0.2 } }] });
}
