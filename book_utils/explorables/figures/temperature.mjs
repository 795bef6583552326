// Recorded logits divided by a temperature: the reliability diagram, and NLL and ECE against the temperature.
import { counted, number } from "../text.mjs";
import { add, curve, frame, longestOf, panel, place, set } from "../view.mjs";

/** The largest of the probabilities softmax(logits / T), for each row of logits. */
export function confidences(logits, T) {
  return logits.map((row) => {
    const top = Math.max(...row);
    return 1 / row.reduce((sum, z) => sum + Math.exp(z / T - top / T), 0);
  });
}

/** 1 where the largest logit, the first one if several are, is that of the label. */
export function correct(logits, y) {
  return logits.map((row, i) => Number(row.indexOf(Math.max(...row)) === y[i]));
}

/** The mean of minus the logarithm of the probability of the label. */
export function nll(logits, y, T) {
  let total = 0;
  logits.forEach((row, i) => {
    const top = Math.max(...row);
    total += Math.log(row.reduce((sum, z) => sum + Math.exp((z - top) / T), 0)) - (row[y[i]] - top) / T;
  });
  return total / logits.length;
}

/** Mean confidence, share right and number of the rows in each of equal bins, 0 where one is empty. */
export function reliability(confidence, right, bins) {
  const [mean, share, count] = [0, 1, 2].map(() => Array(bins).fill(0));
  confidence.forEach((c, i) => {
    const k = Math.min(Math.max(Math.ceil(c * bins) - 1, 0), bins - 1);
    mean[k] += c;
    share[k] += right[i];
    count[k] += 1;
  });
  return [mean, share].map((sums) => sums.map((v, k) => v / Math.max(count[k], 1))).concat([count]);
}

/** The gap between mean confidence and share right, averaged over the rows of all bins: the ECE. */
export function calibration_error(confidence, right, bins) {
  const [mean, share, count] = reliability(confidence, right, bins);
  return count.reduce((sum, c, k) => sum + c * Math.abs(mean[k] - share[k]), 0) / confidence.length;
}

/** Which of some log2 T gives the least NLL. */
export function best(logits, y, logTs) {
  const values = logTs.map((v) => nll(logits, y, 2 ** v));
  return logTs[values.indexOf(Math.min(...values))];
}

const average = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** `lowest` is the temperature with the least NLL on these rows. */
export function sentence(T, bins, logits, y, lowest) {
  const confidence = confidences(logits, T), right = correct(logits, y), gap = average(confidence) - average(right);
  const how = Math.abs(gap) < 0.005 ? "on average neither too sure nor too modest"
    : `${number(Math.abs(gap))} too ${gap > 0 ? "sure" : "modest"} on average`;
  return `T = ${number(T)}: confidence ${number(average(confidence))}, right ${number(average(right))}, ${how}. ECE with ` +
    `${counted(bins, "bin")} ${number(calibration_error(confidence, right, bins), 3)}. NLL ` +
    `${number(nll(logits, y, T), 3)}, least at T = ${number(lowest)}.`;
}

export function render(root, { start, grid, fitted, sets }) {
  const MOST = 30; // bins
  const diagram = panel({ ...place(root, { span: 3, height: 300 }, { span: 6, height: 236 }), letter: "A",
    label: "Share right against confidence, bin by bin; the larger a dot the more digits", x: [0, 1], y: [0, 1],
    xticks: [0, 0.2, 0.4, 0.6, 0.8, 1], yticks: [0, 0.2, 0.4, 0.6, 0.8, 1], xlabel: "confidence", ylabel: "share right" });
  const valley = panel({ ...place(root, { span: 3, height: 300 }, { span: 6, height: 190 }), letter: "B",
    label: "NLL and ECE against the logarithm of the temperature", x: [-2, 3], y: [0, 1.5], xticks: [-2, -1, 0, 1, 2, 3],
    yticks: [0, 0.5, 1, 1.5], xlabel: "log₂ T", ylabel: "NLL in nats, and ECE" });

  add(diagram.plot, "path", { class: "line truth", d: curve(diagram, [0, 1], [0, 1]) });
  const gaps = Array.from({ length: MOST }, () => add(diagram.plot, "line", { class: "none line" }));
  const dots = Array.from({ length: MOST }, () => add(diagram.over, "circle", { class: "none dot" }));
  add(valley.plot, "path", { class: "line truth", d: curve(valley, [fitted, fitted], [0, 1.5]) });
  add(valley.over, "text", { class: "tick halo", x: valley.X(fitted) + 5, y: 12 }, "fitted on other digits");
  const lines = ["none line bold", "data line"].map((kind) => add(valley.plot, "path", { class: kind }));
  const marks = ["none dot", "data dot"].map((kind) => add(valley.over, "circle", { class: kind, r: 5 }));
  const names = ["NLL", "ECE"].map((name, i) =>
    add(valley.over, "text", { class: `${i ? "data" : "none"} halo`, x: valley.X(2.95), "text-anchor": "end" }, name));

  // For each set, once: what does not depend on the bins.
  const known = {};
  for (const [name, [logits, y]] of Object.entries(sets))
    known[name] = { logits, y, right: correct(logits, y), lowest: best(logits, y, grid),
      nlls: grid.map((v) => nll(logits, y, 2 ** v)), tops: grid.map((v) => confidences(logits, 2 ** v)) };
  let shown = "clean";

  function draw({ log_T, bins }) {
    const { logits, y, right, lowest, nlls, tops } = known[shown], T = 2 ** log_T, top = confidences(logits, T);
    const [mean, share, count] = reliability(top, right, bins);
    for (let k = 0; k < MOST; k++) {
      const there = k < bins && count[k] > 0, x = there ? diagram.X(mean[k]) : 0, visibility = there ? "visible" : "hidden";
      set(gaps[k], there ? { x1: x, x2: x, y1: diagram.Y(mean[k]), y2: diagram.Y(share[k]), visibility } : { visibility });
      set(dots[k], there ? { cx: x, cy: diagram.Y(share[k]), r: 2.5 + 0.35 * Math.sqrt(count[k]), visibility } : { visibility });
    }
    const errors = tops.map((one) => calibration_error(one, right, bins));
    [nlls, errors].forEach((values, i) => {
      set(lines[i], { d: curve(valley, grid, values) });
      set(names[i], { y: valley.Y(Math.min(values.at(-1), 1.4)) - 9 });
    });
    [nll(logits, y, T), calibration_error(top, right, bins)].forEach((value, i) =>
      set(marks[i], { cx: valley.X(log_T), cy: valley.Y(Math.min(value, 1.5)) }));
    return sentence(T, bins, logits, y, 2 ** lowest);
  }

  const sentences = Object.values(known).map(({ logits, y, lowest }) => sentence(0.25, 30, logits, y, 2 ** lowest));
  const choose = (label, name) => ({ label, act() { shown = name; }, pressed: () => shown === name });
  frame(root, { views: [diagram.node, valley.node], start, draw, reset() { shown = "clean"; }, longest: longestOf(sentences),
    sliders: [
      { name: "log_T", label: "temperature T", min: -2, max: 3, step: 0.05, format: (v) => number(2 ** v) },
      { name: "bins", label: "bins", min: 1, max: MOST, step: 1, format: String }],
    settings: [choose("Test digits", "clean"), choose("Turned", "turned"), choose("Calibrated labels", "drawn"),
      { label: "Fitted T", values: { log_T: fitted } }] });
}
