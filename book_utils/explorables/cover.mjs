// A penalty, noise and doubt in one picture: a curve through data with a gap.
import { ridge } from "./linear.mjs";
import { add, frame, number, panel, path, set } from "./view.mjs";

/** Gaussian bumps: phi_j(x) = exp(-(x - c_j)^2 / (2 width^2)), one row for each x. */
export function bumps(x, centers, width) {
  return x.map((value) => centers.map((c) => Math.exp(-((value - c) ** 2) / (2 * width * width))));
}

/** Standard deviation of the prediction when each term is dropped with probability p and the rest scaled by 1/(1 - p). */
export function dropout_std(X, w, p) {
  return X.map((row) => Math.sqrt((p / (1 - p)) * row.reduce((sum, value, j) => sum + (value * w[j]) ** 2, 0)));
}

export function render(root, { start, x, y, truth, grid, centers, width, uniforms, gap }) {
  const wide = root.host.clientWidth > 540;
  const view = panel({ label: "Data with a gap, the fitted curve, thirty curves with dropped features, and their band",
    x: [0, 1], y: [-2, 2.4], xticks: [0, 0.25, 0.5, 0.75, 1], yticks: [-2, -1, 0, 1, 2], xlabel: "x", ylabel: "y",
    width: wide ? 690 : 340, height: wide ? 320 : 290 });
  const X = bumps(x, centers, width), G = bumps(grid, centers, width);

  add(view.plot, "rect", { x: view.X(gap[0]), y: 0, width: view.X(gap[1]) - view.X(gap[0]), height: view.h,
    fill: "currentColor", opacity: 0.06 });
  add(view.plot, "text", { x: view.X((gap[0] + gap[1]) / 2), y: view.h - 12, "text-anchor": "middle", opacity: 0.85 }, "no data here");
  const band = add(view.plot, "path", { class: "dropout band" });
  const threads = uniforms.map(() => add(view.plot, "path", { class: "dropout line thin" }));
  add(view.plot, "path", { class: "line truth", d: path(view, grid.map((v, i) => [v, truth[i]])) });
  const fit = add(view.plot, "path", { class: "line" });
  x.forEach((value, i) => add(view.plot, "circle", { class: "data dot", cx: view.X(value), cy: view.Y(y[i]), r: 4 }));

  function draw({ log_lam, p }) {
    const lam = 10 ** log_lam, w = ridge(X, y, lam), std = dropout_std(G, w, p);
    const mean = G.map((row) => row.reduce((sum, value, j) => sum + value * w[j], 0));
    set(fit, { d: path(view, grid.map((v, i) => [v, mean[i]])), class: `${lam < 2e-6 ? "none" : "l2"} line bold` });
    const edge = (sign) => grid.map((v, i) => [v, mean[i] + sign * 2 * std[i]]);
    set(band, { d: p ? path(view, [...edge(1), ...edge(-1).reverse()], true) : "" });
    threads.forEach((node, t) => {
      const masked = w.map((value, j) => (uniforms[t][j] < 1 - p ? value / (1 - p) : 0));
      set(node, { d: p ? path(view, grid.map((v, i) => [v, G[i].reduce((sum, value, j) => sum + value * masked[j], 0)])) : "" });
    });
    const average = (inside) => {
      const kept = grid.map((v, i) => (v > gap[0] && v < gap[1]) === inside ? i : -1).filter((i) => i >= 0);
      return kept.map((i) => 2 * std[i]).reduce((a, b) => a + b) / kept.length;
    };
    const size = Math.sqrt(w.reduce((sum, value) => sum + value * value, 0));
    const said = `The weights have norm ${number(size, 1)}.`;
    if (!p) return `${said} The curve is one answer, and it does not say how far to trust it.`;
    return `${said} The band reaches ±${number(average(false))} on average where there are data and ±${number(average(true))} ` +
      `in the gap. ${average(true) < average(false) ? "It is narrower where nothing is known: a spread is not yet a doubt." : ""}`;
  }

  const power = (v) => (10 ** v < 0.001 ? (10 ** v).toExponential(0).replace("-", "−") : (10 ** v).toPrecision(1));
  frame(root, { views: [view.node], start, draw,
    sliders: [{ name: "log_lam", label: "penalty λ", min: -6, max: 0, step: 0.1, format: power },
      { name: "p", label: "noise p", min: 0, max: 0.5, step: 0.01, format: (v) => v.toFixed(2) }],
    settings: [{ label: "Neither", values: { log_lam: -6, p: 0 } }, { label: "Penalty", values: { log_lam: -3, p: 0 } },
      { label: "Penalty and noise", values: { log_lam: -3, p: 0.2 } }] });
}
