// A posterior of two weights, the best factorized Gaussian, and stochastic ascent with a step that can be too large.
import { contour } from "../maths.mjs";
import { number } from "../text.mjs";
import { add, frame, longestOf, panel, path, place, set } from "../view.mjs";

/** X'X / noise² of n standardized rows with correlation r between their two columns, at noise 1. */
export function gram(n, r) {
  return [[n, n * r], [n * r, n]];
}

/** The learning rate from which on ascent in mu diverges: 2 / (largest eigenvalue of G + I). */
export function limit([[a, b]]) {
  return 2 / (a + Math.abs(b) + 1);
}

/** Mean of the exact posterior under the prior N(0, I): (G + I)⁻¹ G ŵ, with ŵ the least-squares weights. */
export function posterior_mean([[a, b], [, c]], [w1, w2]) {
  const [u, v] = [a * w1 + b * w2, b * w1 + c * w2], det = (a + 1) * (c + 1) - b * b;
  return [((c + 1) * u - b * v) / det, ((a + 1) * v - b * u) / det];
}

/** Standard deviation of the first weight: exact, and of the best factorized Gaussian. */
export function widths([[a, b], [, c]]) {
  return [Math.sqrt((c + 1) / ((a + 1) * (c + 1) - b * b)), 1 / Math.sqrt(a + 1)];
}

/**
 * Ascent of the ELBO by one draw a step, eps[t], in mu and in rho = log sigma: rows [mu1, mu2, sigma1, sigma2], the start
 * first. Ends where a value passes 10⁶ or a sigma falls below 10⁻⁶.
 */
export function ascend([[a, b], [, c]], [w1, w2], lr, eps, sigma) {
  let mu = [0, 0], rho = [Math.log(sigma), Math.log(sigma)];
  const rows = [[0, 0, sigma, sigma]];
  for (const e of eps) {
    const s = rho.map(Math.exp), off = [w1 - mu[0] - s[0] * e[0], w2 - mu[1] - s[1] * e[1]];
    const g = [a * off[0] + b * off[1], b * off[0] + c * off[1]];
    rho = rho.map((value, j) => value + lr * (g[j] * e[j] * s[j] - s[j] * s[j] + 1));
    mu = mu.map((value, j) => value + lr * (g[j] - value));
    const row = [...mu, ...rho.map(Math.exp)];
    if (!row.every((value) => Math.abs(value) <= 1e6) || Math.min(row[2], row[3]) < 1e-6) break;
    rows.push(row);
  }
  return rows;
}

/** Log evidence minus ELBO, in nats: [all of it, what is left for the best factorized Gaussian]. */
export function shortfall([[a, b], [, c]], mean, [mu1, mu2, s1, s2]) {
  const e = [mu1 - mean[0], mu2 - mean[1]], u = [(a + 1) * s1 * s1, (c + 1) * s2 * s2];
  const distance = (a + 1) * e[0] * e[0] + 2 * b * e[0] * e[1] + (c + 1) * e[1] * e[1];
  const price = 0.5 * Math.log(((a + 1) * (c + 1)) / ((a + 1) * (c + 1) - b * b));
  return [0.5 * distance + 0.5 * (u[0] - 1 - Math.log(u[0]) + u[1] - 1 - Math.log(u[1])) + price, price];
}

/** share is the step divided by its limit. */
export function sentence(n, r, share, w_hat, eps, sigma) {
  const G = gram(n, r), lr = share * limit(G), rows = ascend(G, w_hat, lr, eps, sigma), steps = rows.length - 1;
  const said = `η = ${number(lr, 3)}, ${number(share)} of the limit.`;
  const factor = `a step multiplies the error in the stiffest direction by ${number(1 - 2 * share)}`;
  if (steps < eps.length) return `${said} It diverges: ${factor}, and at step ${steps + 1} the values leave every chart.`;
  const mean = posterior_mean(G, w_hat), [exact, factorized] = widths(G), [mu1, mu2, s1] = rows[steps];
  if (share >= 1)
    return `${said} It diverges: ${factor}. After ${steps} steps μ is ${number(Math.hypot(mu1 - mean[0], mu2 - mean[1]), 1)} from the exact mean.`;
  const [all, price] = shortfall(G, mean, rows[steps]);
  return `${said} After ${steps} steps σ₁ is ${number(s1 / factorized)} times the factorized optimum, ` +
    `itself ${number(factorized / exact)} of the exact width. The ELBO is ${number(all)} nats below the evidence; ` +
    `${number(price)} of them are the price of independence.`;
}

export function render(root, { start, n, w_hat, eps, sigma }) {
  const wide = { span: 3, height: 300 }, slim = { span: 6, height: 232 };
  const plane = panel({ ...place(root, wide, slim), letter: "A",
    label: "The two weights: exact posterior, best factorized Gaussian, and the path of the mean with the Gaussian that was learned",
    x: [-0.4, 2.6], y: [-0.6, 1.9], xticks: [0, 1, 2], yticks: [0, 1], xlabel: "weight w₁", ylabel: "weight w₂" });
  const time = panel({ ...place(root, wide, { span: 6, height: 186 }), letter: "B",
    label: "The two learned standard deviations against the step, with the exact ones and those of the best factorized Gaussian",
    x: [0, eps.length], y: [0, 0.7], xticks: [0, 50, 100], yticks: [0, 0.2, 0.4, 0.6], xlabel: "step", ylabel: "standard deviation σ₁, σ₂" });
  const exact = add(plane.plot, "path", { class: "line truth" });
  const factorized = add(plane.plot, "path", { class: "line", stroke: "currentColor", style: "stroke-width: 1.3" });
  const learned = add(plane.plot, "path", { class: "dropout band" });
  const walk = add(plane.plot, "path", { class: "dropout line thin", style: "opacity: 0.8" });
  const end = add(plane.plot, "circle", { class: "dropout dot", r: 5 });
  const key = ["╌ exact posterior", "─ best factorized", "● learned by steps"];
  key.forEach((text, i) => add(plane.over, "text", { class: i === 2 ? "dropout halo" : "halo", x: plane.w - 4, y: 14 + 17 * i, "text-anchor": "end" }, text));
  const levels = ["line truth", "line"].map((kind) => add(time.plot, "path", { class: kind, stroke: "currentColor", style: "stroke-width: 1.3" }));
  const names = ["exact", "best factorized"].map((text) => add(time.over, "text", { class: "halo", x: time.w - 4, "text-anchor": "end" }, text));
  const curves = [0, 1].map((j) => add(time.plot, "path", { class: "dropout line", "stroke-dasharray": j ? "4 3" : "none" }));

  function draw({ log_share, r }) {
    const share = 10 ** log_share, G = gram(n, r), rows = ascend(G, w_hat, share * limit(G), eps, sigma);
    const mean = posterior_mean(G, w_hat), stds = widths(G), last = rows.at(-1);
    const precision = [[G[0][0] + 1, G[0][1]], [G[1][0], G[1][1] + 1]];
    set(exact, { d: path(plane, contour(precision, mean, 2), true) });
    set(factorized, { d: path(plane, contour([[n + 1, 0], [0, n + 1]], mean, 2), true) });
    const inside = Math.max(last[2], last[3]) < 2 && Math.hypot(last[0], last[1]) < 20; // else it would flood the chart
    set(learned, { d: inside ? path(plane, contour([[last[2] ** -2, 0], [0, last[3] ** -2]], last.slice(0, 2), 2), true) : "" });
    set(walk, { d: path(plane, rows) });
    set(end, { cx: plane.X(last[0]), cy: plane.Y(last[1]) });
    levels.forEach((node, i) => set(node, { d: `M0 ${time.Y(stds[i])}H${time.w}` }));
    names.forEach((node, i) => set(node, { y: time.Y(stds[i]) + (i ? 18 : -6) }));
    curves.forEach((node, j) => set(node, { d: path(time, rows.map((row, t) => [t, row[2 + j]])) }));
    return sentence(n, r, share, w_hat, eps, sigma);
  }

  frame(root, { views: [plane.node, time.node], start, draw, room: "4.2em",
    longest: longestOf([-2, -0.3, 0.25].flatMap((log_share) => [0, 0.9].map((r) => sentence(n, r, 10 ** log_share, w_hat, eps, sigma))))
      + " and so on",
    sliders: [
      { name: "log_share", label: "step / limit", min: -2, max: 0.25, step: 0.01, format: (v) => number(10 ** v) },
      { name: "r", label: "correlation", min: 0, max: 0.9, step: 0.05, format: number }],
    settings: [{ label: "Too small", values: { log_share: -1.7 } }, { label: "Too large", values: { log_share: 0.04 } },
      { label: "No correlation", values: { ...start, r: 0 } }] });
}
