// An equation wider than the page scrolls; the theme leaves the keyboard out.
const reach = new ResizeObserver((entries) => {
  for (const { target } of entries) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
});
addEventListener("load", () =>
  window.MathJax?.startup?.promise.then(() =>
    document.querySelectorAll("mjx-container[display]").forEach((equation) => reach.observe(equation))));
