// The page "Your predictions": all that were made in this browser, and how well calibrated their maker is.
import { keep, predictions, SURE } from "./store.mjs";
import { counted, number } from "./text.mjs";
import { add, curve, element, panel, place } from "./view.mjs";

/** For each level of sureness: how many predictions were made at it, and how many of them were right. */
export function levels(made) {
  return SURE.map((sure) => {
    const here = made.filter((one) => one.sure === sure);
    return { sure, count: here.length, right: here.filter(({ right }) => right).length };
  });
}

/** The mean of (sureness − what came true)². */
export function brier(made) {
  return made.reduce((sum, { sure, right }) => sum + (sure / 100 - right) ** 2, 0) / made.length;
}

/** Between which shares right chance leaves 95 of 100 who are right with probability p, in so many answers. */
export function by_chance(count, p) {
  let term = (1 - p) ** count, below = term, k = 0;
  return [0.025, 0.975].map((level) => {
    while (below < level && k < count) {
      term *= ((count - k) / (k + 1)) * (p / (1 - p));
      below += term;
      k += 1;
    }
    return k / count;
  });
}

/** What the page says; `total` is how many predictions the book asks for. */
export function sentence(made, total) {
  const n = made.length, mean = (values) => values.reduce((sum, v) => sum + v, 0) / n;
  if (!n) return `No prediction is kept in this browser. The book asks for ${total}, in the boxes marked Predict.`;
  const sure = mean(made.map((one) => one.sure)), right = 100 * mean(made.map((one) => Number(one.right)));
  const gap = sure - right, chance = 200 * Math.sqrt(mean(made.map((one) => (one.sure / 100) * (1 - one.sure / 100))) / n);
  const first = `${n} of ${counted(total, "prediction")} made: ${number(right, 0)} % right, ${number(sure, 0)} % sure on ` +
    `average. Brier score ${number(brier(made))}; who always says 50 % has 0.25.`;
  if (n < 10) return `${first} So few answers say hardly anything about how well calibrated you are.`;
  return `${first} You were ${number(Math.abs(gap), 0)} points ${gap < 0 ? "less sure" : "surer"} than right; ` +
    `${Math.abs(gap) > chance ? "that is more than" : "that may be"} chance, which gives a calibrated reader up to ` +
    `${number(chance, 0)} points (two standard errors).`;
}

function diagram(root, rows) {
  const view = panel({ ...place(root, { span: 4, height: 380 }, { span: 6, height: 330 }),
    label: "Share right against how sure you were; the numbers stand in the table", x: [0, 1], y: [0, 1],
    xticks: rows.map(({ sure }) => sure / 100), yticks: [0, 0.2, 0.4, 0.6, 0.8, 1], xlabel: "how sure", ylabel: "share right" });
  const { X, Y, plot, over } = view;
  add(plot, "path", { class: "line truth", d: curve(view, [0, 1], [0, 1]) });
  for (const { sure, count, right } of rows.filter((row) => row.count)) {
    const x = X(sure / 100), y = Y(right / count), [low, high] = by_chance(count, sure / 100);
    add(plot, "line", { class: "data chance", x1: x, x2: x, y1: Y(low), y2: Y(high) });
    add(plot, "line", { class: "none line", x1: x, x2: x, y1: Y(sure / 100), y2: y });
    add(over, "circle", { class: "none dot", cx: x, cy: y, r: 3 + Math.sqrt(count) });
  }
  return view.node;
}

function table(rows) {
  const row = (kind, cells) => element("tr", {}, ...cells.map((text) => element(kind, kind === "th" ? { scope: "col" } : {}, text)));
  return element("div", { style: "grid-column: span 2" }, element("table", {}, row("th", ["sure", "made", "right"]),
    ...rows.map(({ sure, count, right }) => row("td", [`${sure} %`, String(count), String(right)]))));
}

const STYLE = `
  .chance { stroke: currentColor; stroke-width: 6; opacity: 0.35; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: 24px; }
  th, td { text-align: right; white-space: nowrap; padding: 0.2em 0 0.2em 1.2em; } th { font-weight: 600; }
  h2 { font-size: 1.25em; margin: 1.6em 0 0.4em; } h3 { font-size: 1em; margin: 1.1em 0 0.3em; }
  ul { margin: 0; padding-left: 1.2em; } li { margin: 0.25em 0; }
  a { color: var(--pnd-accent, currentColor); }
  .say { margin-bottom: 1.2em; } .say:focus { outline: none; }
  @media (max-width: 600px), (pointer: coarse) { li { padding: 0.5em 0; } }`;

export function render(root, { chapters }) {
  const say = element("p", { class: "say", "aria-live": "polite", tabindex: "-1" }), rest = element("div");
  const names = chapters.flatMap(({ asks }) => asks.map(([name]) => name));

  function forget() {
    const all = element("button", { type: "button" }, "Forget all predictions"), controls = element("div", { class: "controls" }, all);
    all.addEventListener("click", () => {
      const yes = element("button", { type: "button" }, "Forget them"), no = element("button", { type: "button" }, "Keep them");
      yes.addEventListener("click", () => {
        keep({});
        draw();
        say.focus();
      });
      no.addEventListener("click", () => {
        controls.replaceChildren(all);
        all.focus();
      });
      controls.replaceChildren(element("span", { role: "alert" }, "They cannot be brought back."), yes, no);
      no.focus();
    });
    return controls;
  }

  function draw() {
    const stored = predictions(), known = names.filter((name) => Object.hasOwn(stored, name));
    const made = known.map((name) => stored[name]), rows = levels(made);
    say.textContent = sentence(made, names.length);
    rest.replaceChildren();
    if (made.length) rest.append(element("div", { class: "views" }, diagram(root, rows), table(rows)));
    rest.append(element("h2", {}, "By chapter"));
    for (const { title, page, asks } of chapters) {
      const items = asks.map(([name, ask]) => {
        const link = element("a", { href: `${page}#predict-${name}` }), one = stored[name];
        link.innerHTML = ask;
        return element("li", {}, link, made.includes(one) ? ` ${one.sure}\u00a0% sure, ${one.right ? "right" : "not right"}` : "");
      });
      const done = asks.filter(([name]) => known.includes(name)).length;
      rest.append(element("h3", {}, `${title}: ${done} of ${asks.length}`), element("ul", {}, ...items));
    }
    if (Object.keys(stored).length) rest.append(forget());
  }

  root.append(element("style", {}, STYLE), say, rest);
  draw();
  addEventListener("pageshow", ({ persisted }) => { if (persisted) draw(); }); // back from a box
}
