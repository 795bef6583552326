// Cases by a score of doubt, a threshold that sends some to a person, and what that costs.
import { number } from "../text.mjs";
import { add, curve, frame, longestOf, panel, place, set } from "../view.mjs";

/** [share referred, share of all that are kept and wrong, share wrong of those kept (0 if none is kept)]. */
export function outcome(doubt, wrong, t) {
  let kept = 0, errors = 0;
  doubt.forEach((u, i) => { if (u <= t) { kept++; errors += wrong[i]; } });
  return [1 - kept / doubt.length, errors / doubt.length, kept ? errors / kept : 0];
}

/** Mean cost of a case if an error costs 1, and what is doubted more than t goes to a person, at c each. */
export function cost(doubt, wrong, t, c) {
  const [referred, errors] = outcome(doubt, wrong, t);
  return c * referred + errors;
}

/** The cost at each of several thresholds. */
export function costs(doubt, wrong, cuts, c) {
  return cuts.map((t) => cost(doubt, wrong, t, c));
}

/** What the page says of a score and its threshold. */
export function sentence(name, doubt, wrong, t, c) {
  const [referred, , risk] = outcome(doubt, wrong, t);
  return `Refer where ${name}, is above ${number(t)}: ${number(100 * referred, 1)} % go to a person, and ` +
    `${number(100 * risk, 1)} % of the rest are wrong. If a referral costs ${number(c)} of an error, a case costs ` +
    `${number(cost(doubt, wrong, t, c), 3)}; never to refer ${number(cost(doubt, wrong, 1, c), 3)}, ` +
    `always ${number(c, 3)}.`;
}

export function render(root, { start, score: first, scores, cuts }) {
  const names = Object.keys(scores);
  const cases = panel({ ...place(root, { span: 3, height: 290 }, { span: 6, height: 205 }), letter: "A",
    label: "Tumors by doubt and probability; those beyond the threshold go to a person", x: [0, 0.5], y: [-0.05, 1.05],
    xticks: [0, 0.1, 0.2, 0.3, 0.4, 0.5], yticks: [0, 0.25, 0.5, 0.75, 1], xlabel: "score of doubt",
    ylabel: "probability of a malignant tumor" });
  const price = panel({ ...place(root, { span: 3, height: 290 }, { span: 6, height: 185 }), letter: "B",
    label: "The cost of a case against the threshold", x: [0, 0.5], y: [0, 0.16], xticks: [0, 0.1, 0.2, 0.3, 0.4, 0.5],
    yticks: [0, 0.04, 0.08, 0.12, 0.16], xlabel: "threshold t", ylabel: "cost of a case" });
  const away = add(cases.plot, "rect", { y: 0, height: cases.h, fill: "currentColor", opacity: 0.08 });
  const border = add(cases.plot, "line", { class: "line", y1: 0, y2: cases.h, stroke: "currentColor", style: "stroke-width: 1.5" });
  const dots = add(cases.plot, "path", { class: "data line", style: "stroke-width: 5", opacity: 0.6 });
  const crosses = add(cases.plot, "path", { class: "line", stroke: "currentColor", style: "stroke-width: 2" });
  const person = add(cases.over, "text", { class: "halo", y: cases.Y(0.47) }, "to a person");
  const curved = add(price.plot, "path", { class: "dropout line bold" });
  const levels = ["never", "always"].map((name) => ({ line: add(price.plot, "path", { class: "line truth" }),
    text: add(price.over, "text", { class: "halo", x: price.w - 4, "text-anchor": "end" }, name) }));
  const mark = add(price.over, "circle", { class: "dropout dot", r: 5.5 });
  let score = first;

  function draw({ t, c }) {
    const { doubt, wrong, prob } = scores[score];
    const at = (i) => [cases.X(Math.min(doubt[i], 0.499)), cases.Y(prob[i])];
    const right = [], off = [];
    doubt.forEach((_, i) => {
      const [x, y] = at(i);
      if (wrong[i]) off.push(`M${(x - 4).toFixed(1)} ${(y - 4).toFixed(1)}l8 8m0 -8l-8 8`);
      else right.push(`M${x.toFixed(1)} ${y.toFixed(1)}h0.01`);
    });
    set(dots, { d: right.join("") });
    set(crosses, { d: off.join("") });
    set(away, { x: cases.X(t), width: Math.max(0, cases.X(0.5) - cases.X(t)) });
    set(border, { x1: cases.X(t), x2: cases.X(t) });
    set(person, { x: Math.min(cases.X(t) + 6, cases.w - 80), style: t > 0.37 ? "display: none" : "" });
    const values = costs(doubt, wrong, cuts, c), never = cost(doubt, wrong, 1, c);
    set(curved, { d: curve(price, cuts, values) });
    const close = Math.abs(c - never) < 0.014, over = c >= never;
    [never, c].forEach((level, k) => {
      set(levels[k].line, { d: curve(price, [0, 0.5], [level, level]) });
      const above = !close || (k === 1) === over; // of two close levels the upper one is named above, the other below
      const y = price.Y(Math.min(level, 0.16)) + (above ? -5 : 15);
      set(levels[k].text, { y: Math.max(11, y), style: level > 0.162 ? "display: none" : "" });
    });
    set(mark, { cx: price.X(t), cy: price.Y(Math.min(0.16, cost(doubt, wrong, t, c))) });
    return sentence(score, doubt, wrong, t, c);
  }

  frame(root, { views: [cases.node, price.node], start, draw, reset() { score = first; },
    longest: longestOf(names.map((name) => sentence(name, scores[name].doubt, scores[name].wrong, 0.01, 0.11))),
    sliders: [{ name: "t", label: "threshold t", min: 0, max: 0.5, step: 0.01, format: number },
      { name: "c", label: "price c", min: 0.01, max: 0.15, step: 0.01, format: number }],
    settings: names.map((name) => ({ label: name, act() { score = name; }, pressed: () => score === name })) });
}
