// Questions that answer back: every choice says why it is right or wrong.
import { element } from "./view.mjs";

export function render(root, { questions }) {
  root.append(element("style", {}, `
    fieldset { border: 0; margin: 0 0 1.6em; padding: 0; min-width: 0; }
    legend { padding: 0; font-weight: 600; margin-bottom: 0.5em; }
    .choice { display: grid; grid-template-columns: auto 1fr; gap: 0.6em; padding: 0.35em 0; cursor: pointer; }
    input[type=radio] { width: 18px; height: 18px; margin: 0.15em 0 0; accent-color: var(--pnd-accent, auto); }
    .because { margin: 0.3em 0 0; padding-left: 0.9em; border-left: 3px solid transparent; min-height: 0; }
    .because.right { border-color: currentColor; } .because.wrong { border-left: 3px dashed currentColor; }
    @media (max-width: 600px), (pointer: coarse) {
      .choice { min-height: 44px; align-items: center; }
      input[type=radio] { margin: 0; }
    }`));
  questions.forEach(({ ask, choices }, k) => {
    const because = element("p", { class: "because", "aria-live": "polite" });
    const legend = element("legend");
    legend.innerHTML = `${k + 1}. ${ask}`;
    const labels = choices.map(({ text, right, because: reason }) => {
      const input = element("input", { type: "radio", name: `question-${k}` });
      input.addEventListener("change", () => {
        because.className = `because ${right ? "right" : "wrong"}`;
        because.innerHTML = `<strong>${right ? "Yes." : "No."}</strong> ${reason}`;
      });
      const words = element("span");
      words.innerHTML = text;
      return element("label", { class: "choice" }, input, words);
    });
    root.append(element("fieldset", {}, legend, ...labels, because));
  });
}
