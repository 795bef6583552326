// Dropout and batch normalization: what is stored in training, and what it makes of the values at test time.
import { normal_cdf } from "../maths.mjs";
import { number } from "../text.mjs";
import { add, frame, longestOf, panel, place, set } from "../view.mjs";

const density = (z) => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);

/** Mean and variance of what dropout gets: a normal variable of that mean and variance 1, or its ReLU. */
export function moments(order, mean) {
  if (order !== "relu") return [mean, 1];
  const above = normal_cdf(mean), at = density(mean), mu = mean * above + at;
  return [mu, (mean * mean + 1) * above + mean * at - mu * mu];
}

/** Test variance over training variance behind a batch normalization; 1 where it stands before the dropout. */
export function shift(order, p, mean) {
  const [mu, s2] = moments(order, mean);
  return order === "after" ? 1 : s2 / (s2 + (p / (1 - p)) * (s2 + mu * mu));
}

/** The probability of the normalized value in each of so many equal bins from low to high; with masks if `masked`. */
export function masses(order, p, mean, masked, low, high, bins) {
  const [mu, s2] = moments(order, mean), std = Math.sqrt(s2 / shift(order, p, mean)), rate = masked ? p : 0;
  const at = (u) => { // below the edge u: dropout behind the normalization acts on u, before it on the value itself
    const x = order === "after" ? (1 - rate) * u * std + mu : (1 - rate) * (u * std + mu);
    const kept = order === "relu" ? (x > 0 ? normal_cdf(x - mean) : 0) : normal_cdf(x - mean);
    const zero = order === "after" ? u : u * std + mu; // the dropped ones are 0, in units of the edge
    return (1 - rate) * kept + (zero > 0 ? rate : 0);
  };
  const below = Array.from({ length: bins + 1 }, (_, i) => at(low + ((high - low) * i) / bins));
  return below.slice(1).map((value, i) => value - below[i]);
}

const NAMES = { before: "Dropout, then batch norm", relu: "ReLU, dropout, batch norm", after: "Batch norm, then dropout" };

export function sentence(order, p, mean) {
  const ratio = shift(order, p, mean);
  if (p === 0) return "Nothing is dropped: the variance that is stored is the one that is met.";
  if (order === "after")
    return `This batch norm sees no masks: its values have variance 1 in training and at test. The next layer's batch norm does see them.`;
  return `At test the variance is ${number(ratio)} of the stored one, but each row gets its average over the masks. ` +
    `With new statistics the variance is 1, and each row is ${number(1 / Math.sqrt(ratio))} times as far from the mean.`;
}

const LOW = -3.5, HIGH = 3.5, BINS = 70;

function histograms(root) {
  const view = panel({ ...place(root, { span: 6, height: 200 }, { span: 6, height: 190 }), letter: "A",
    label: "How often each normalized value occurs, in training with masks and at test without", x: [LOW, HIGH], y: [0, 1],
    xticks: [-3, -2, -1, 0, 1, 2, 3], yticks: [], xlabel: "value behind the batch norm", ylabel: "how often", left: 12 });
  return { ...view, train: add(view.plot, "path", { class: "dropout dot", opacity: 0.45 }),
    test: add(view.plot, "path", { class: "norm line" }),
    trainName: add(view.over, "text", { class: "dropout halo", x: view.w, y: 14, "text-anchor": "end" }, "training"),
    testName: add(view.over, "text", { class: "norm halo", x: view.w, y: 32, "text-anchor": "end" }, "test") };
}

function bars(root, letter, ylabel, label, first) {
  const colors = ["dropout", "norm", "norm"], names = [[...first], ["test", "stored"], ["test, new", "statistics"]];
  const view = panel({ ...place(root, { span: 3, height: 180 }, { span: 3, height: 170 }), letter, label, x: [0, 3], y: [0, 3],
    xticks: [], yticks: [0, 1, 2, 3], xlabel: "", ylabel, left: 20 });
  return { ...view, bars: colors.map((color, i) => ({
    body: add(view.plot, "rect", { class: `${color} dot`, x: view.X(i + 0.15), width: view.X(0.7) - view.X(0), opacity: i ? 0.9 : 0.45 }),
    value: add(view.over, "text", { class: "halo", x: view.X(i + 0.5), "text-anchor": "middle" }),
    name: [0, 1].map((row) => add(view.over, "text", { class: "tick", x: view.X(i + 0.5), y: view.h + 14 + 13 * row, "text-anchor": "middle" },
      names[i][row])) })) };
}

export function render(root, { start, order: first }) {
  const A = histograms(root);
  const B = bars(root, "B", "variance", "Bars: the variance in training, at test, and at test with new statistics", ["training", ""]);
  const C = bars(root, "C", "distance of one row", "Bars: how far one row lies from the mean, on average over masks, at test, and with new statistics",
    ["training,", "average"]);

  let order = first;

  function draw({ p, mean }) {
    const ratio = shift(order, p, mean), width = (HIGH - LOW) / BINS;
    // zeros fill a bin of their own in each: the third-highest sets the scale
    const [train, test] = [true, false].map((masked) => masses(order, p, mean, masked, LOW, HIGH, BINS));
    const most = 1.15 * [...test, ...train].sort((a, b) => b - a)[2], Y = (mass) => A.h * (1 - Math.min(1, mass / most));
    set(A.train, { d: train.map((mass, i) => {
      const x = A.X(LOW + i * width).toFixed(1), y = Y(mass).toFixed(1);
      return `M${x} ${A.h}V${y}h${(A.X(width) - A.X(0) - 0.4).toFixed(1)}V${A.h}Z`;
    }).join("") });
    set(A.test, { d: test.map((mass, i) => `${i ? "L" : "M"}${A.X(LOW + i * width).toFixed(1)} ${Y(mass).toFixed(1)}H${A.X(LOW + (i + 1) * width).toFixed(1)}`).join("") });
    for (const [view, values] of [[B, [1, ratio, 1]], [C, [1, 1, 1 / Math.sqrt(ratio)]]])
      values.forEach((value, i) => {
        const y = view.Y(Math.min(value, 3));
        set(view.bars[i].body, { y, height: view.h - y });
        set(view.bars[i].value, { y: Math.max(y - 6, 12) });
        view.bars[i].value.textContent = number(value);
      });
    return sentence(order, p, mean);
  }

  frame(root, { views: [A.node, B.node, C.node], start, draw,
    longest: longestOf(["relu", "before", "after"].map((one) => sentence(one, 0.5, 1))),
    sliders: [
      { name: "p", label: "drop p", min: 0, max: 0.8, step: 0.05, format: number },
      { name: "mean", label: "mean of z", min: -1, max: 2, step: 0.1, format: (value) => number(value, 1) }],
    settings: Object.entries(NAMES).map(([one, label]) => ({ label, act() { order = one; }, pressed: () => order === one })),
    reset() { order = first; } });
}
