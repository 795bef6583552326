// What every explorable shares: elements, a panel with axes, and a frame with controls. No mathematics here, no colors:
// the rules for .none, .l2 and so on come from Python, out of book_utils/style.py.

const SVG = "http://www.w3.org/2000/svg";

export const css = `
:host { display: block; margin: 1.4em 0; color: inherit; text-align: left;
  font: 400 15px/1.45 var(--pnd-sans, system-ui, sans-serif); }
* { box-sizing: border-box; }
.views { display: flex; flex-wrap: wrap; gap: 0.4em 1.2em; }
.views > svg, .views > .stack { flex: 1 1 270px; min-width: 0; width: 100%; height: auto; }
.views.three { gap: 0.4em 0.6em; }
.views.three > svg { flex-basis: 160px; max-height: 260px; }
svg { display: block; overflow: visible; }
svg svg { overflow: hidden; }
text { fill: currentColor; stroke: none; font-size: 13px; font-variant-numeric: tabular-nums; }
.tick { font-size: 12px; opacity: 0.8; }
.axis { stroke: currentColor; opacity: 0.55; fill: none; }
.rule { stroke: currentColor; opacity: 0.14; fill: none; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.bold { stroke-width: 3; }
.line.truth { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 5 4; }
.dot { stroke: none; fill: currentColor; }
.none.line, .l2.line, .l1.line, .dropout.line, .norm.line, .data.line { stroke: currentColor; }
.thin { stroke-width: 1; opacity: 0.45; }
.band { fill: currentColor; stroke: none; opacity: 0.18; }
.halo { paint-order: stroke; stroke: var(--pst-color-background, transparent); stroke-width: 4px; stroke-linejoin: round; }
.controls { display: flex; flex-wrap: wrap; gap: 0.35em 1.6em; align-items: center; margin-top: 0.5em; }
label.slider { display: grid; grid-template-columns: auto 1fr 4.2em; gap: 0.6em; align-items: center; flex: 1 1 270px; }
output { font-variant-numeric: tabular-nums; text-align: right; }
input[type=range] { width: 100%; min-width: 6em; height: 24px; margin: 0; accent-color: var(--pnd-accent, auto); cursor: pointer; }
button { font: inherit; font-size: 14px; color: inherit; background: none; cursor: pointer; min-height: 28px;
  border: 1px solid currentColor; border-radius: 4px; padding: 0.1em 0.7em; }
button[aria-pressed=true] { font-weight: 600; box-shadow: inset 0 0 0 1px currentColor; }
button:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
:focus-visible { outline: 2px solid var(--pnd-accent, currentColor); outline-offset: 2px; }
.say { margin: 0.6em 0 0; min-height: 3em; }
`;

/** An HTML element: element("p", { class: "say" }, "text", child, ...). */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Set attributes of an element; numbers are rounded to a hundredth of a pixel. */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes))
    node.setAttribute(name, typeof value === "number" ? Math.round(value * 100) / 100 : value);
  return node;
}

/** Add an SVG element to a parent. */
export function add(parent, tag, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, tag);
  set(node, attributes);
  node.textContent = text;
  parent.append(node);
  return node;
}

/** A panel with axes. x and y are [low, high]; `plot` clips what is drawn in it; X and Y map data to its pixels. */
export function panel({ label, x, y, xlabel, ylabel, xticks, yticks, width = 330, height = 300, left = 44 }) {
  const bottom = 42, top = 8, right = 8;
  const w = width - left - right, h = height - top - bottom;
  const X = (value) => ((value - x[0]) / (x[1] - x[0])) * w;
  const Y = (value) => ((y[1] - value) / (y[1] - y[0])) * h;
  const node = document.createElementNS(SVG, "svg");
  set(node, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const t of xticks) {
    add(node, "line", { class: "rule", x1: left + X(t), x2: left + X(t), y1: top, y2: top + h });
    add(node, "text", { class: "tick", x: left + X(t), y: top + h + 16, "text-anchor": "middle" }, String(t).replace("-", "−"));
  }
  for (const t of yticks) {
    add(node, "line", { class: "rule", x1: left, x2: left + w, y1: top + Y(t), y2: top + Y(t) });
    add(node, "text", { class: "tick", x: left - 6, y: top + Y(t) + 4, "text-anchor": "end" }, String(t).replace("-", "−"));
  }
  add(node, "path", { class: "axis", d: `M${left} ${top}V${top + h}H${left + w}` });
  add(node, "text", { x: left + w / 2, y: height - 8, "text-anchor": "middle" }, xlabel);
  add(node, "text", { transform: `translate(13 ${top + h / 2}) rotate(-90)`, "text-anchor": "middle" }, ylabel);
  const plot = add(node, "svg", { x: left, y: top, width: w, height: h });
  return { node, plot, X, Y, w, h };
}

/** The `d` of a path through points [[x, y], ...] given in data units. */
export function path({ X, Y }, points, close = false) {
  let d = "";
  for (let i = 0; i < points.length; i++)
    d += `${i ? "L" : "M"}${X(points[i][0]).toFixed(1)} ${Y(points[i][1]).toFixed(1)}`;
  return close ? d + "Z" : d;
}

/** The `d` of the line through (x[0], y[0]), (x[1], y[1]), ... */
export const curve = (view, x, y) => path(view, x.map((value, i) => [value, y[i]]));

/** Shade the gap [low, high] of a panel. */
export function shade({ plot, X, h }, [low, high]) {
  add(plot, "rect", { x: X(low), y: 0, width: X(high) - X(low), height: h, fill: "currentColor", opacity: 0.06 });
  add(plot, "text", { x: X((low + high) / 2), y: h - 10, "text-anchor": "middle", opacity: 0.85 }, "no data here");
}

function slider({ name, label, min, max, step, format }, onInput) {
  const input = element("input", { type: "range", name, min, max, step });
  const output = element("output");
  input.addEventListener("input", onInput);
  const show = () => {
    output.textContent = format(input.valueAsNumber);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { node: element("label", { class: "slider" }, element("span", {}, label), input, output), input, show };
}

/**
 * The frame of an explorable: views side by side, sliders and buttons beneath, one live sentence.
 * `start` holds the sliders' first values by name; each of `settings` is { label, values } or { label, act, pressed },
 * where act() changes what only the caller knows and pressed() says whether the button is down; `draw(values)` redraws
 * all views and returns the sentence; `reset` undoes what the acts did. Returns { update }, which draws again.
 */
export function frame(root, { views, sliders, start, settings = [], draw, reset }) {
  const say = element("p", { class: "say", "aria-live": "polite" });
  const parts = sliders.map((options) => slider(options, update));
  function update() {
    const values = {};
    for (const { input, show } of parts) {
      values[input.name] = input.valueAsNumber;
      show();
    }
    for (const { node, pressed } of settings) if (pressed) node.setAttribute("aria-pressed", pressed());
    const sentence = draw(values);
    if (say.textContent !== sentence) say.textContent = sentence; // said once
  }
  function go(values) {
    for (const { input } of parts) if (input.name in values) input.value = values[input.name];
    update();
  }
  const buttons = [...settings, { label: "Reset", values: start, act: reset }].map((setting) => {
    const button = setting.node = element("button", { type: "button" }, setting.label);
    button.addEventListener("click", () => {
      setting.act?.();
      go(setting.values ?? {});
    });
    return button;
  });
  root.append(element("div", { class: views.length > 2 ? "views three" : "views" }, ...views),
    element("div", { class: "controls" }, ...parts.map((part) => part.node)),
    element("div", { class: "controls" }, ...buttons), say);
  go(start);
  return { update };
}
