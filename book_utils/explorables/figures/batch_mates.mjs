// Batch normalization: one example among its batch mates, and the same example in forty batches.
import { number } from "../text.mjs";
import { add, curve, frame, panel, path, place, set } from "../view.mjs";

/** Batches of the first `size` values in each row of z, moved by `drift` times a ramp that starts at row `still`. */
export function stream(z, size, drift, still) {
  return z.map((row, t) => row.slice(0, size).map((value) => value + drift * Math.max(0, (t + 1 - still) / (z.length - still))));
}

/** Mean and biased variance of a batch. */
export function batch_stats(x) {
  const mean = x.reduce((a, b) => a + b) / x.length;
  return [mean, x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length];
}

/** A value normalized by a mean and a variance. */
export function normalized(x, mean, variance, eps = 1e-5) {
  return (x - mean) / Math.sqrt(variance + eps);
}

/** The running mean and (unbiased) variance before each batch and after the last; batches of one change nothing. */
export function running_stats(batches, momentum) {
  const seen = [[0, 1]];
  for (const x of batches) {
    const [mean, variance] = seen.at(-1), [new_mean, biased] = batch_stats(x), n = x.length;
    seen.push(n < 2 ? [mean, variance] : [(1 - momentum) * mean + momentum * new_mean,
      (1 - momentum) * variance + (momentum * biased * n) / (n - 1)]);
  }
  return seen;
}

/** The normalized value of x in each batch, where it takes the first seat. */
export function in_each_batch(batches, x) {
  return batches.map((batch) => normalized(x, ...batch_stats([x, ...batch.slice(1)])));
}

/**
 * `values` are those of x1 in each batch, the last one included; `running` are mean and variance before the last batch,
 * drift its exact mean.
 */
export function sentence(x1, size, values, running, drift, still) {
  if (size === 1) return "A batch of one is its own mean: every normalized value is 0, whatever x₁ is. PyTorch refuses it.";
  const said = `In the last batch x₁ = ${number(x1, 0)} becomes ${number(values.at(-1))}; by the running statistics it is ` +
    `${number(normalized(x1, ...running))}, by the exact mean and variance ${number(normalized(x1, drift, 1))}.`;
  if (size === 2) return `${said} Of two different rows one becomes +1 and the other −1, whatever their values are.`;
  const spread = Math.sqrt(batch_stats(values.slice(0, still))[1]);
  return `${said} In the first ${still} batches its standard deviation is ${number(spread)}: same example, other mates.`;
}

export function render(root, { start, z, x1, still, momentum }) {
  const T = z.length, count = z.map((_, t) => t + 1), yaxis = { ...place(root, { span: 3, height: 290 }, { span: 6, height: 196 }),
    y: [-4.5, 4.5], yticks: [-4, -2, 0, 2, 4] };
  const now = panel({ ...yaxis, letter: "A", label: "The last batch: each value before and after normalization", x: [-4, 6],
    xticks: [-4, -2, 0, 2, 4, 6], xlabel: "value x in the last batch", ylabel: "normalized value" });
  const time = panel({ ...yaxis, letter: "B", label: "The same example in each of forty batches, in training mode and in evaluation mode",
    x: [0, T + 1.5], xticks: [1, 10, 20, 30, 40], xlabel: "batch", ylabel: "x₁ normalized" });

  for (const { plot, Y, w } of [now, time]) add(plot, "path", { class: "rule", d: `M0 ${Y(0)}H${w}` });
  const lines = ["line truth", "norm line", "norm line"].map((kind) => add(now.plot, "path", { class: kind }));
  lines[1].setAttribute("stroke-dasharray", "7 4");
  const mates = z[0].map(() => add(now.plot, "circle", { class: "norm dot", r: 3.5 }));
  const stems = [0, 1].map(() => add(now.plot, "line", { class: "line", stroke: "currentColor", "stroke-width": 1 }));
  const ring = add(now.over, "circle", { class: "norm line", r: 7, style: "fill: var(--pst-color-background, Canvas)" });
  const handle = add(now.over, "circle", { r: 22, fill: "transparent", style: "cursor: ew-resize; touch-action: none" });
  const example = add(now.over, "circle", { class: "dot", r: 6 });
  const names = ["x₁", "x₂"].map((name) => add(now.over, "text", { class: "halo" }, name));

  const exact = add(time.plot, "path", { class: "line truth" });
  const running = add(time.plot, "path", { class: "norm line", "stroke-dasharray": "7 4" });
  const dots = z.map((_, t) => add(time.over, "circle", { class: t === T - 1 ? "dot" : "norm dot", r: t === T - 1 ? 6 : 3 }));
  const key = ["• training: its batch", "╌ evaluation: running statistics", "╌ exact mean and variance"];
  key.forEach((text, i) => add(time.over, "text", { class: i < 2 ? "norm halo" : "halo", x: 6, y: time.h - 42 + 17 * i }, text));

  function draw({ log_size, x2, drift }) {
    const size = 2 ** log_size, batches = stream(z, size, drift, still);
    const seen = running_stats(batches.slice(0, -1), momentum);
    const batch = [x1, x2, ...batches.at(-1).slice(2)].slice(0, size), stats = batch_stats(batch);
    const values = [...in_each_batch(batches.slice(0, -1), x1), normalized(x1, ...stats)];
    const means = stream(z.map(() => [0]), 1, drift, still).map(([m]) => m);

    [[drift, 1], seen.at(-1), stats].forEach((s, i) => set(lines[i], { opacity: i === 2 && size === 1 ? 0 : 1,
      d: path(now, [-4, 6].map((v) => [v, normalized(v, ...s)])) }));
    mates.forEach((node, i) => set(node, { display: i > 1 && i < size ? "inline" : "none",
      cx: now.X(batch[i] ?? 0), cy: now.Y(normalized(batch[i] ?? 0, ...stats)) }));
    [example, handle].forEach((node, i) => {
      const v = [x1, x2][i], y = now.Y(normalized(v, ...stats)), shown = i < size ? "inline" : "none";
      for (const one of i ? [ring, node] : [node]) set(one, { display: shown, cx: now.X(v), cy: y });
      set(stems[i], { display: shown, x1: now.X(v), x2: now.X(v), y1: now.Y(0), y2: y });
      set(names[i], { display: shown, x: now.X(v) + (now.X(v) > now.w - 34 ? -26 : 9), y: y + (i ? 19 : -9) });
    });
    set(exact, { d: curve(time, count, means.map((m) => normalized(x1, m, 1))) });
    set(running, { d: curve(time, count, seen.map((s) => normalized(x1, ...s))) });
    dots.forEach((node, t) => set(node, { cx: time.X(t + 1), cy: time.Y(values[t]) }));
    return sentence(x1, size, values, seen.at(-1), drift, still);
  }

  frame(root, { views: [now.node, time.node], start, draw, longest: sentence(-1, 2, [-1.11], [-1.11, 1], -3, still),
    sliders: [
      { name: "log_size", label: "batch size B", min: 0, max: Math.log2(z[0].length), step: 1, format: (v) => String(2 ** v) },
      { name: "x2", label: "batch mate x₂", min: -4, max: 6, step: 0.1, format: (v) => number(v, 1) },
      { name: "drift", label: "drift of the inputs", min: 0, max: 3, step: 0.1, format: (v) => number(v, 1) }],
    settings: [{ label: "One mate far away", values: { ...start, x2: 6 } }, { label: "Batch of two", values: { ...start, log_size: 1 } },
      { label: "Inputs drift", values: { ...start, log_size: 5, drift: 2 } }] });

  const input = root.querySelector("input[name=x2]"); // dragging the ring moves the slider, which the keyboard moves too
  const drag = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(now.plot.getScreenCTM().inverse()).x;
    input.value = -4 + (10 * at) / now.w;
    input.dispatchEvent(new Event("input"));
  };
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.addEventListener("pointermove", drag);
  });
  for (const end of ["pointerup", "pointercancel"])
    handle.addEventListener(end, () => handle.removeEventListener("pointermove", drag));
}
