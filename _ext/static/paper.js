// What a page is on paper: light, its solutions open, each figure that moves a picture, each question with its answers.
// Code that was folded away stays folded: the fold says how many lines it is.
const undo = [];
addEventListener("beforeprint", () => {
  const page = document.documentElement, { theme } = page.dataset;
  page.dataset.theme = "light";
  undo.push(() => { page.dataset.theme = theme; });
  for (const fold of document.querySelectorAll("article details:not([open])")) {
    if (fold.closest(".tag_hide-input")) continue;
    const name = fold.querySelector("summary p.collapsed"), words = name?.textContent; // "Show the solution, 7 lines"
    fold.open = true;
    if (name) name.textContent = words.replace(/^Show (.)/, (_, first) => first.toUpperCase());
    undo.push(() => {
      fold.open = false;
      if (name) name.textContent = words;
    });
  }
  for (const figure of document.querySelectorAll("article .explorable > :first-child")) {
    if (!figure.shadowRoot) continue;
    const still = document.createElement("div");
    still.append(...figure.childNodes); // moved, not copied: a copy of a picture would have to load first
    figure.replaceWith(still);
    undo.push(() => {
      figure.append(...still.childNodes);
      still.replaceWith(figure);
    });
  }
});
addEventListener("afterprint", () => undo.splice(0).forEach((step) => step()));
