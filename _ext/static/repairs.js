// An equation wider than the page scrolls; the theme leaves the keyboard out.
const reachEquations = () =>
  document.querySelectorAll("mjx-container[display]").forEach((one) => {
    one.tabIndex = one.scrollWidth > one.clientWidth ? 0 : -1;
  });
addEventListener("load", () => window.MathJax?.startup?.promise.then(reachEquations));
addEventListener("resize", reachEquations);
