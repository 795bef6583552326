// The ball of the q-norm that the loss of two features touches.
import { contour } from "../maths.mjs";
import { number, significant } from "../text.mjs";
import { add, frame, panel, path, place, set } from "../view.mjs";

/** 4n points with |w1|^q + |w2|^q = t^q, counterclockwise from (t, 0). */
export function ball(q, t, n = 60) {
  const quarter = Array.from({ length: n }, (_, i) => {
    const phi = (Math.PI / 2) * (i / n);
    return [t * Math.cos(phi) ** (2 / q), t * Math.sin(phi) ** (2 / q)];
  });
  const next = quarter.map(([x, y]) => [-y, x]), minus = ([x, y]) => [-x, -y];
  return [...quarter, ...next, ...quarter.map(minus), ...next.map(minus)];
}

const gradient = (G, w_hat, w) => G.map((row) => row[0] * (w[0] - w_hat[0]) + row[1] * (w[1] - w_hat[1]));

/**
 * The point w of the ball ||w||_q <= t with the smallest (w - w_hat)' G (w - w_hat) / 2: w_hat if it is inside, else
 * the best of the four corners and of the points where the loss along the boundary stops falling and starts rising.
 */
export function constrained_minimum(G, w_hat, q, t, n = 200) {
  if (Math.abs(w_hat[0]) ** q + Math.abs(w_hat[1]) ** q <= t ** q) return [...w_hat];
  const place = (phi, signs) => [t * Math.max(0, Math.cos(phi)) ** (2 / q) * signs[0],
    t * Math.max(0, Math.sin(phi)) ** (2 / q) * signs[1]];
  const slope = (phi, signs) => { // of the loss along the boundary, from (t, 0) to (0, t), times a positive number
    const w = place(phi, signs), g = gradient(G, w_hat, w);
    const size1 = Math.abs(w[0]), size2 = Math.abs(w[1]);
    return q >= 1 ? g[1] * signs[1] * size1 ** (q - 1) - g[0] * signs[0] * size2 ** (q - 1)
      : g[1] * signs[1] * size2 ** (1 - q) - g[0] * signs[0] * size1 ** (1 - q);
  };
  const candidates = [[t, 0], [0, t], [-t, 0], [0, -t]];
  for (const signs of [[1, 1], [-1, 1], [-1, -1], [1, -1]]) {
    let before = slope(0, signs);
    for (let i = 0; i < n; i++) {
      let low = (Math.PI / 2) * (i / n), high = (Math.PI / 2) * ((i + 1) / n);
      const after = slope(high, signs);
      if (before < 0 && after >= 0) {
        for (let k = 0; k < 60; k++) {
          const middle = (low + high) / 2;
          if (slope(middle, signs) < 0) low = middle; else high = middle;
        }
        candidates.push(place((low + high) / 2, signs));
      }
      before = after;
    }
  }
  const loss = (w) => { const g = gradient(G, w_hat, w); return g[0] * (w[0] - w_hat[0]) + g[1] * (w[1] - w_hat[1]); };
  return candidates.reduce((best, w) => (loss(w) < loss(best) ? w : best));
}

/** w is the constrained minimum. */
export function sentence(G, w_hat, q, t, w) {
  if (w[0] === w_hat[0] && w[1] === w_hat[1]) return "The ball contains ŵ: w = ŵ, and the constraint does nothing.";
  const name = (j) => (j ? "w₂" : "w₁"), zero = w.indexOf(0), small = w.findIndex((value) => Math.abs(value) < 0.005);
  const said = zero >= 0 ? `${name(zero)} is exactly 0: the loss touches the ball at a corner.`
    : small >= 0 ? `No weight is exactly 0: ${name(small)} is ${significant(w[small])}, small, but not zero.`
    : "No weight is exactly 0: the loss touches the ball away from the axes.";
  const g = gradient(G, w_hat, w), pull = Math.max(0, -(g[0] * w[0] + g[1] * w[1]));
  if (q === 1) return `${said} The lasso with λ = ${number(pull / t)} gives the same weights.`;
  if (q === 2) return `${said} Ridge with λ = ${number(pull / (t * t))} gives the same weights.`;
  return q < 1 ? `${said} The ball is not convex: there can be other local minima, and the best can jump from one to another.` : said;
}

export function render(root, { start, G, w_hat }) {
  const wide = { span: 3, height: 321 }, height = 234; // a circle is round
  const plane = panel({ ...place(root, wide, { span: 4, height }), letter: "A",
    label: "Weight space: the ball of the q-norm and the contour of the loss that touches it",
    x: [-2.2, 3.8], y: [-2.7, 2.7], xticks: [-2, -1, 0, 1, 2, 3], yticks: [-2, -1, 0, 1, 2], xlabel: "weight w₁", ylabel: "weight w₂" });
  const bars = panel({ ...place(root, wide, { span: 2, height }), letter: "B",
    label: "The two weights as bars, beside the least-squares weights",
    x: [0.4, 2.6], y: [-1, 3], xticks: [], yticks: [-1, 0, 1, 2, 3], xlabel: "ŵ outlined", ylabel: "ŵ and w" });
  add(plane.plot, "path", { class: "rule", d: `M0 ${plane.Y(0)}H${plane.w}M${plane.X(0)} 0V${plane.h}` });
  const shape = add(plane.plot, "path", { class: "dot", opacity: 0.22 });
  const edge = add(plane.plot, "path", { class: "line" });
  const contours = [0.25, 1, 1.7].map((share) => ({ share,
    node: add(plane.plot, "path", { class: share === 1 ? "none line" : "none line thin" }) }));
  add(plane.over, "circle", { class: "none dot", cx: plane.X(w_hat[0]), cy: plane.Y(w_hat[1]), r: 5 });
  add(plane.over, "text", { class: "halo", x: plane.X(w_hat[0]) + 8, y: plane.Y(w_hat[1]) - 8 }, "ŵ");
  const touch = add(plane.over, "circle", { class: "dot", r: 6 });
  const touchName = add(plane.over, "text", { class: "halo" }, "w");

  add(bars.plot, "path", { class: "axis", d: `M0 ${bars.Y(0)}H${bars.w}` });
  const block = (x, value) => ({ x: bars.X(x - 0.17), width: bars.X(x + 0.17) - bars.X(x - 0.17),
    y: Math.min(bars.Y(0), bars.Y(value)), height: Math.abs(bars.Y(value) - bars.Y(0)) });
  const heights = w_hat.map((value, j) => {
    add(bars.plot, "rect", { class: "none line", ...block(0.81 + j, value) });
    add(bars.plot, "text", { x: bars.X(1 + j), y: bars.Y(-0.75), "text-anchor": "middle" }, j ? "w₂" : "w₁");
    return { bar: add(bars.plot, "rect", {}), text: add(bars.over, "text", { class: "halo" }) };
  });
  const shown = (value) => (value === 0 ? "0" : Math.abs(value) < 0.005 ? significant(value) : number(value));

  function draw({ q, t }) {
    const w = constrained_minimum(G, w_hat, q, t), g = gradient(G, w_hat, w);
    const level = (g[0] * (w[0] - w_hat[0]) + g[1] * (w[1] - w_hat[1])) / 2;
    const kind = q === 1 ? "l1" : q === 2 ? "l2" : "";
    set(shape, { class: `${kind} dot`, d: path(plane, ball(q, t), true) });
    set(edge, { class: `${kind} line`, stroke: "currentColor", d: path(plane, ball(q, t), true) });
    for (const { share, node } of contours)
      set(node, { d: level > 0 ? path(plane, contour(G, w_hat, share * level), true) : "" });
    set(touch, { class: `${kind} dot`, cx: plane.X(w[0]), cy: plane.Y(w[1]) });
    set(touchName, { x: plane.X(w[0]) + (level > 0 ? 6 : -20), y: plane.Y(w[1]) + 20 });
    heights.forEach(({ bar, text }, j) => {
      set(bar, { class: `${kind} dot`, ...block(1.19 + j, w[j]) });
      set(text, { x: bars.X(1.02 + j), y: bars.Y(Math.max(0, w[j])) - 5 }).textContent = shown(w[j]);
    });
    return sentence(G, w_hat, q, t, w);
  }

  frame(root, { views: [plane.node, bars.node], start, draw, longest: sentence(G, w_hat, 0.5, 1, [1, 0]),
    sliders: [
      { name: "q", label: "norm q", min: 0.5, max: 4, step: 0.05, format: number },
      { name: "t", label: "radius t", min: 0.2, max: 3, step: 0.05, format: number }],
    settings: [{ label: "Lasso: q = 1", values: { q: 1, t: 1.3 } }, { label: "Ridge: q = 2", values: { q: 2, t: 1.3 } },
      { label: "q below 1 is not convex", values: { q: 0.5, t: 1.3 } }] });
}
