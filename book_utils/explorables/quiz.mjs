// Questions that answer back: every choice says why it is right or wrong. A prediction says so when one has committed
// oneself, and remembers it.
import { keep, predictions, SURE } from "./store.mjs";
import { significant } from "./text.mjs";
import { element } from "./view.mjs";

const STYLE = `
  fieldset { border: 0; margin: 0 0 1.6em; padding: 0; min-width: 0; }
  legend, .ask { padding: 0; font-weight: 600; margin: 0 0 0.5em; }
  .choice { display: grid; grid-template-columns: auto 1fr; gap: 0.6em; padding: 0.35em 0; cursor: pointer; }
  input[type=radio] { width: 18px; height: 18px; margin: 0.15em 0 0; accent-color: var(--pnd-accent, auto); }
  .because { margin: 0.3em 0 0; padding-left: 0.9em; border-left: 3px solid transparent; min-height: 0; }
  .because.right { border-color: currentColor; } .because.wrong { border-left: 3px dashed currentColor; }
  :host([id]) { margin: 0 0 1.6em; padding: 0.1em 0 0.1em 20px; scroll-margin-top: 10em;
    border-left: 2px dashed var(--pnd-accent, currentColor); }
  :host([id]) fieldset { margin-bottom: 0.9em; }
  .number { display: flex; flex-wrap: wrap; gap: 0.3em 0.6em; align-items: center; }
  input[type=number] { font: inherit; width: 8em; padding: 0.2em 0.4em; color: inherit; background: none;
    border: 1px solid currentColor; border-radius: 4px; }
  .sure { display: flex; flex-wrap: wrap; gap: 0 1.4em; } .sure legend { float: left; width: 100%; }
  button:disabled { opacity: 0.5; cursor: default; background: none; }
  dl { display: flex; flex-wrap: wrap; gap: 0.3em 2.4em; margin: 0 0 0.6em; } dd { margin: 0; font-weight: 600; }
  .verdict:focus { outline: none; } .again { margin-top: 0.8em; }
  [hidden] { display: none; }
  @media (max-width: 600px), (pointer: coarse) {
    .choice { min-height: 44px; align-items: center; }
    input[type=radio] { margin: 0; } input[type=number] { min-height: 44px; }
    .sure { gap: 0 0.5em; } .sure .choice { gap: 0.35em; }
  }`;

/** An element that holds HTML. */
function written(tag, attributes, html) {
  const node = element(tag, attributes);
  node.innerHTML = html;
  return node;
}

/** Radio buttons under a question; `chosen` is told the place of the one that is taken. */
function group(name, ask, texts, chosen) {
  return element("fieldset", {}, written("legend", {}, ask), ...texts.map((text, i) => {
    const input = element("input", { type: "radio", name });
    input.addEventListener("change", () => chosen(i));
    return element("label", { class: "choice" }, input, written("span", {}, text));
  }));
}

const judged = (right, yes, no, reason) => [`because ${right ? "right" : "wrong"}`,
  `<strong>${right ? yes : no}</strong> ${reason}`];

/** Whether a number is as near to the measured one as asked for; at the limit it is, whatever the last digit. */
export function near(answer, measured, within) {
  return Math.abs(answer - measured) <= within * Math.abs(measured) * (1 + 1e-9);
}

/** What became of an answer: { right, said, result, reasons }, or nothing if it is none. */
function outcome({ choices, measured, within, unit, because }, answer) {
  if (!choices) {
    const show = (value) => `${significant(value, 12)} ${unit}`.trim();
    return typeof answer === "number" ? { right: near(answer, measured, within), said: show(answer), result: show(measured),
      reasons: [because] } : undefined;
  }
  const mine = choices.find(({ text }) => text === answer), truth = choices.find(({ right }) => right);
  return mine && { right: mine.right, said: mine.text, result: truth.text,
    reasons: mine.right ? [mine.because] : [mine.because, `<em>${truth.text}:</em> ${truth.because}`] };
}

function prediction(root, state) {
  const { name, ask, choices, within, unit } = state;
  let answer, sure;
  const see = element("button", { type: "button", disabled: "" }, "See");
  const again = element("button", { type: "button", class: "again" }, "Predict again");
  const verdict = element("div", { class: "verdict", "aria-live": "polite", tabindex: "-1" });
  const asked = written("p", { class: "ask" }, ask), form = element("div");
  const ready = () => { see.disabled = answer === undefined || sure === undefined; };

  function empty() {
    answer = sure = undefined;
    let first;
    if (choices) first = group("answer", ask, choices.map(({ text }) => text), (i) => { answer = choices[i].text; ready(); });
    else {
      const input = element("input", { type: "number", step: "any", "aria-label": `your number${unit && `, in ${unit}`}` });
      input.addEventListener("input", () => {
        answer = Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : undefined;
        ready();
      });
      input.addEventListener("keydown", ({ key }) => { if (key === "Enter") see.click(); });
      first = element("fieldset", {}, written("legend", {}, ask), element("div", { class: "number" }, input,
        written("span", {}, `${unit} (right within ${significant(100 * within, 3)} % of the result)`)));
    }
    const second = group("sure", "How sure are you?", SURE.map((one) => `${one} %`), (i) => { sure = SURE[i]; ready(); });
    second.className = "sure";
    form.replaceChildren(first, second, see);
    ready();
  }

  function show(made, kept = true) {
    const found = made && outcome(state, made.answer);
    form.hidden = Boolean(found);
    asked.hidden = again.hidden = !found;
    if (!found) {
      verdict.replaceChildren();
      empty();
      return;
    }
    const [kind, reason] = judged(found.right, "Right.", "Not right.", found.reasons[0]);
    verdict.replaceChildren(
      written("dl", {}, `<div><dt>You, ${made.sure} % sure</dt><dd>${found.said}</dd></div>
        <div><dt>Result</dt><dd>${found.result}</dd></div>`),
      ...[reason, ...found.reasons.slice(1)].map((text) => written("p", { class: kind }, text)),
      ...(kept ? [] : [element("p", {}, "This browser keeps nothing here: the answer is gone when you leave the page.")]));
  }

  see.addEventListener("click", () => {
    if (see.disabled) return;
    const made = { answer, sure, right: outcome(state, answer).right };
    show(made, keep({ ...predictions(), [name]: made }));
    verdict.focus();
  });
  again.addEventListener("click", () => {
    const { [name]: _, ...others } = predictions();
    keep(others);
    show();
    form.querySelector("input").focus();
  });
  root.append(asked, form, verdict, again);
  show(predictions()[name]);
}

export function render(root, state) {
  root.append(element("style", {}, STYLE));
  if (state.name) {
    prediction(root, state);
    return;
  }
  state.questions.forEach(({ ask, choices }, k) => {
    const because = element("p", { class: "because", "aria-live": "polite" });
    const fieldset = group(`question-${k}`, `${k + 1}. ${ask}`, choices.map(({ text }) => text), (i) => {
      [because.className, because.innerHTML] = judged(choices[i].right, "Yes.", "No.", choices[i].because);
    });
    fieldset.append(because);
    root.append(fieldset);
  });
}
