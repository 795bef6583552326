// One affine neuron whose inputs are dropped: the mask at hand beside the distribution over all masks.
import { histogram } from "../maths.mjs";
import { number, significant } from "../text.mjs";
import { add, canvas, element, frame, longestOf, narrow, panel, place, set } from "../view.mjs";

/** z = w'(m x) + b for one mask (1 = kept), with what is kept divided by 1 - p if inverted. */
export function preactivation(mask, x, w, b, p, inverted) {
  return w.reduce((sum, value, j) => sum + value * mask[j] * x[j], 0) / (inverted ? 1 - p : 1) + b;
}

const masks = (d) => Array.from({ length: 2 ** d }, (_, i) => Array.from({ length: d }, (_, j) => (i >> (d - 1 - j)) & 1));

/** z for each of the 2^d masks, which count up in binary: the first keeps nothing, the last everything. */
export function preactivations(x, w, b, p, inverted) {
  return masks(x.length).map((mask) => preactivation(mask, x, w, b, p, inverted));
}

/** The probability of one mask. */
export function probability(mask, p) {
  return mask.reduce((product, kept) => product * (kept ? 1 - p : p), 1);
}

/** The probability of each of the 2^d masks, in the same order. */
export function probabilities(d, p) {
  return masks(d).map((mask) => probability(mask, p));
}

/** [mean, variance] of z over the masks, from the formula. */
export function moments(x, w, b, p, inverted) {
  const signal = w.reduce((sum, value, j) => sum + value * x[j], 0);
  const power = w.reduce((sum, value, j) => sum + (value * x[j]) ** 2, 0);
  return inverted ? [signal + b, (p / (1 - p)) * power] : [(1 - p) * signal + b, p * (1 - p) * power];
}

const LOW = -9, HIGH = 15, BINS = 48, TALL = 0.15;

/** For the mask at hand, beside all masks. */
export function sentence(mask, x, w, b, p, inverted) {
  const d = x.length, z = preactivation(mask, x, w, b, p, inverted), [mean, variance] = moments(x, w, b, p, inverted);
  const first = `This mask keeps ${mask.reduce((a, v) => a + v)} of the ${d} inputs: z = ${number(z)}`, std = Math.sqrt(variance);
  const clean = number(preactivation(mask.map(() => 1), x, w, b, 0, false));
  if (p === 0) return `${first}. At p = 0 only the mask that keeps all can occur: z = ${clean}, without spread.`;
  const away = (z - mean) / std, where = Math.abs(away) < 0.05 ? "on the mean" :
    `${number(Math.abs(away), 1)} standard deviations ${away > 0 ? "above" : "below"} the mean`;
  const all = `Over all ${2 ** d} masks the mean is ${number(mean)}` + (inverted
    ? `, as without a mask, and the standard deviation ${number(std)}.`
    : ` and the standard deviation ${number(std)}; without a mask z is ${clean}.`);
  const [inside] = histogram(preactivations(x, w, b, p, inverted), probabilities(d, p), LOW, HIGH, 1), outside = 1 - inside;
  const off = outside >= 0.005 ? ` ${number(100 * outside, 0)} % of the probability lies outside of B.` : "";
  return `${first}, ${where}; its probability is ${significant(probability(mask, p), 2)}. ${all}${off}`;
}

export function render(root, { x, w, b, start }) {
  const d = x.length, { width, height, style } = place(root, { span: 3, height: 262 }, { span: 6, height: 176 });
  const at = (j) => ((j + 0.5) * width) / d, row = height - 34, top = narrow(root) ? 44 : 72, middle = width / 2;
  const picture = canvas({ letter: "A", label: "A neuron and its eight inputs, some of them dropped", title: "this mask", width, height });
  const chart = panel({ ...place(root, { span: 3, height: 292 }, { span: 6, height: 186 }), letter: "B",
    label: "Probability of each value of z over all 256 masks, with mean and standard deviation",
    x: [LOW, HIGH], y: [0, TALL], xticks: [-5, 0, 5, 10, 15], yticks: [0, 0.05, 0.1, 0.15],
    xlabel: "z = wᵀ(m ∘ x) + b", ylabel: "probability over all masks" });

  let mask = [...start.mask], inverted = true;
  const strongest = w.reduce((best, value, j) => (value * x[j] > w[best] * x[best] ? j : best), 0);
  const boxes = x.map((_, j) => element("input", { type: "checkbox", "aria-label": `keep input ${j + 1}` }));
  boxes.forEach((box, j) => box.addEventListener("change", () => { mask[j] = Number(box.checked); view.update(); }));
  const keep_row = element("div", { class: "keep dropout", role: "group", "aria-label": "inputs that are kept" },
    ...boxes.map((box) => element("label", {}, box)));

  root.append(element("style", {}, `
    .keep { display: grid; grid-template-columns: repeat(${d}, 1fr); }
    .keep label { display: grid; place-items: center; min-height: 30px; cursor: pointer; }
    .keep input { width: 18px; height: 18px; margin: 0; color: inherit; accent-color: currentColor; }
    @media (max-width: 600px), (pointer: coarse) { .keep label { min-height: 44px; } }`));
  const inputs = x.map((_, j) => {
    const group = add(picture, "g", { style: "cursor:pointer" });
    const line = add(group, "line", { x1: at(j), y1: row - 13, x2: middle, y2: top + 26, stroke: "currentColor" });
    const disc = add(group, "circle", { cx: at(j), cy: row, r: 13, stroke: "currentColor", "stroke-width": 1.5 });
    add(group, "text", { x: at(j), y: row + 4, "text-anchor": "middle", style: "pointer-events:none" }, String(j + 1));
    const value = add(group, "text", { class: "tick", x: at(j), y: row + 29, "text-anchor": "middle" });
    group.addEventListener("click", () => { mask[j] = 1 - mask[j]; view.update(); });
    return { group, line, disc, value };
  });
  add(picture, "circle", { cx: middle, cy: top, r: 26, fill: "none", stroke: "currentColor", "stroke-width": 2 });
  const result = add(picture, "text", { x: middle, y: top + 5, "text-anchor": "middle" });
  add(picture, "text", { class: "tick", x: middle + 36, y: top + 4 }, `bias ${number(b, 1)}`);

  const band = add(chart.plot, "rect", { class: "dropout band", y: 0, height: chart.h });
  const bars = Array.from({ length: BINS }, (_, i) => add(chart.plot, "rect", { class: "dropout dot",
    x: chart.X(LOW + ((HIGH - LOW) * i) / BINS) + 0.4, width: chart.w / BINS - 0.8 }));
  const tall = add(chart.plot, "text", { class: "tick halo", "text-anchor": "end", y: 14 });
  const full = add(chart.plot, "line", { class: "none line", y1: 0, y2: chart.h, "stroke-width": 2 });
  const mean = add(chart.plot, "line", { class: "line truth", y1: 0, y2: chart.h });
  const here = add(chart.plot, "path", { fill: "currentColor", stroke: "currentColor", "stroke-width": 1.5 });
  const low = Math.max(66, chart.h * 0.42); // below the other names
  const names = { full: add(chart.plot, "text", { class: "none halo tick", y: 32 }, "no mask"),
    mean: add(chart.plot, "text", { class: "halo tick", y: 48 }, "mean ± std"),
    here: add(chart.plot, "text", { class: "halo tick", y: low }, "this mask") };
  const put = (node, value, side) => set(node, { x: Math.min(chart.w - 4, Math.max(4, chart.X(value))) + 5 * side,
    "text-anchor": side > 0 ? "start" : "end" });

  function draw({ p }) {
    const on = inverted, z = preactivation(mask, x, w, b, p, on), all = preactivations(x, w, b, p, on);
    const weights = probabilities(d, p), [mu, variance] = moments(x, w, b, p, on), std = Math.sqrt(variance);
    const clean = preactivation(Array(d).fill(1), x, w, b, 0, false), mass = histogram(all, weights, LOW, HIGH, BINS);
    inputs.forEach(({ group, line, disc, value }, j) => {
      boxes[j].checked = Boolean(mask[j]);
      const term = (w[j] * x[j] * mask[j]) / (on ? 1 - p : 1);
      set(group, { class: mask[j] ? "dropout" : "data" });
      set(line, { "stroke-width": mask[j] ? 1 + 2.2 * Math.abs(term) ** 0.7 : 1, "stroke-dasharray": mask[j] ? "" : "3 4",
        opacity: mask[j] ? 0.75 : 0.5 });
      set(disc, { fill: mask[j] ? "color-mix(in srgb, currentColor 22%, transparent)" : "transparent",
        "stroke-dasharray": mask[j] ? "" : "3 3" });
      value.textContent = mask[j] ? number(term, 2) : "0";
    });
    result.textContent = number(z, 2);
    bars.forEach((bar, i) => set(bar, { y: chart.Y(Math.min(TALL, mass[i])), height: chart.h - chart.Y(Math.min(TALL, mass[i])) }));
    const top = mass.indexOf(Math.max(...mass));
    set(tall, { x: chart.X(LOW + ((HIGH - LOW) * top) / BINS) - 3 });
    tall.textContent = mass[top] > TALL ? number(mass[top], 2) : "";
    set(band, { x: chart.X(mu - std), width: Math.max(0, chart.X(mu + std) - chart.X(mu - std)) });
    set(mean, { x1: chart.X(mu), x2: chart.X(mu) });
    set(full, { x1: chart.X(clean), x2: chart.X(clean) });
    const spot = Math.min(chart.w - 4, Math.max(4, chart.X(z)));
    set(here, { d: `M${spot} ${low - 11}V${chart.h - 12}l6 12h-12l6 -12` });
    put(names.full, clean, 1);
    put(names.mean, mu, on ? 1 : -1);
    put(names.here, z, z > mu ? 1 : -1);

    return sentence(mask, x, w, b, p, on);
  }

  const keep = (which) => { mask = x.map((_, j) => Number(which(j))); };
  const view = frame(root, { start: { p: start.p }, draw,
    views: [element("div", { style }, picture, keep_row), chart.node],
    longest: longestOf([true, false].map((on) => sentence(start.mask, x, w, b, 0.8, on))),
    sliders: [{ name: "p", label: "drop probability p", min: 0, max: 0.8, step: 0.05, format: number }],
    settings: [{ label: "Keep all", act() { keep(() => true); } },
      { label: "Drop the strongest", act() { keep((j) => j !== strongest); } },
      { label: "Plain, weights not scaled", act() { inverted = !inverted; }, pressed: () => !inverted }],
    reset() { mask = [...start.mask]; inverted = true; } });
}
