// What every explorable shares: elements, a panel with axes, and a frame with controls. No mathematics here, no colors:
// the rules for .none, .l2 and so on come from Python, out of book_utils/style.py.
import { significant } from "./text.mjs";

const SVG = "http://www.w3.org/2000/svg";

export const css = `
:host { display: block; max-width: 44rem; margin: 1.4em 0; color: inherit; text-align: left;
  font: 400 15px/1.45 var(--pnd-sans, system-ui, sans-serif); }
* { box-sizing: border-box; }
.views { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 6px 16px; }
.views > * { grid-column: span 3; width: 100%; height: auto; }
.views > :only-child { grid-column: 1 / -1; }
svg { display: block; overflow: visible; }
svg svg { overflow: hidden; }
text { fill: currentColor; stroke: none; font-size: 13px; font-variant-numeric: tabular-nums; }
.tick { font-size: 12px; opacity: 0.8; }
.letter { font-weight: 700; font-size: 14px; }
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
.controls { display: flex; flex-wrap: wrap; gap: 0.5em; margin-top: 0.6em; }
.sliders { display: grid; grid-template-columns: repeat(2, auto 1fr var(--room)); gap: 0.35em 0.7em; margin-top: 0.6em; }
label.slider { display: grid; grid-template-columns: subgrid; grid-column: span 3; column-gap: 0.7em; align-items: center; }
label.slider:only-child { grid-template-columns: auto 1fr var(--room); grid-column: 1 / -1; }
label.slider:nth-child(even) > :first-child { margin-left: 1.2em; }
output { font-variant-numeric: tabular-nums; text-align: right; white-space: pre-line; line-height: 1.2; }
input[type=range] { width: 100%; min-width: 5em; height: 24px; margin: 0; accent-color: var(--pnd-accent, auto); cursor: pointer; }
button { font: inherit; font-size: 14px; color: inherit; background: none; cursor: pointer; min-height: 28px;
  border: 1px solid currentColor; border-radius: 4px; padding: 0.1em 0.7em; }
button[aria-pressed=true] { font-weight: 600; box-shadow: inset 0 0 0 1px currentColor; }
button:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
:focus-visible { outline: 2px solid var(--pnd-accent, currentColor); outline-offset: 2px; }
.room { display: grid; margin-top: 0.6em; } /* as high as the longest sentence: nothing below it jumps */
.room::after { content: attr(data-longest); visibility: hidden; }
.say, .room::after { grid-area: 1 / 1; margin: 0; }
@media (max-width: 600px), (pointer: coarse) {
  .views > * { grid-column: 1 / -1; }
  .sliders { grid-template-columns: auto 1fr var(--room); gap: 0 0.7em; }
  label.slider:nth-child(even) > :first-child { margin: 0; }
  input[type=range] { height: 44px; }
  button { min-width: 44px; min-height: 44px; }
  .room { font-size: 14px; line-height: 1.4; }
}
`;

const GAP = 16; // between panels, as in `.views`

/** Whether there is room for one panel beside another. */
export const narrow = (root) => root.host.clientWidth > 0 && root.host.clientWidth < 540;

/**
 * The place of a panel as `panel` takes it, so that its text is as large on the screen as it is drawn: `wide` and, where
 * it is narrow, `slim` hold { span, height }: how many sixths of the width and how many pixels.
 */
export function place(root, wide, slim) {
  const { span, height, rows = 1 } = narrow(root) ? slim : wide, all = root.host.clientWidth || 672;
  return { width: (span / 6) * (all + GAP) - GAP, height, style: `grid-column: span ${span}; grid-row: span ${rows}` };
}

/** An HTML element: element("p", { class: "say" }, "text", child, ...). */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The longest of some sentences. */
export const longestOf = (sentences) => sentences.reduce((one, two) => (one.length > two.length ? one : two));

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

/** Begin the picture of a panel: its letter and what its height means stand above it. */
export function canvas({ label, letter = "", title, width, height, style = "" }) {
  const node = document.createElementNS(SVG, "svg");
  set(node, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": letter ? `${letter}: ${label}` : label, style });
  if (letter) add(node, "text", { y: 13, class: "letter" }, letter);
  add(node, "text", { x: letter ? 17 : 0, y: 13 }, title);
  return node;
}

/**
 * A panel with axes. x and y are [low, high]; `plot` clips what is drawn in it, `over` lies above it and does not;
 * X and Y map data to the pixels of both.
 */
export function panel({ label, letter, x, y, xlabel, ylabel, xticks, yticks, width = 330, height = 300, left = 34, style }) {
  const bottom = 40, top = 24, right = 8;
  const w = width - left - right, h = height - top - bottom;
  const X = (value) => ((value - x[0]) / (x[1] - x[0])) * w;
  const Y = (value) => ((y[1] - value) / (y[1] - y[0])) * h;
  const node = canvas({ label, letter, title: ylabel, width, height, style });
  for (const t of xticks) {
    add(node, "line", { class: "rule", x1: left + X(t), x2: left + X(t), y1: top, y2: top + h });
    add(node, "text", { class: "tick", x: left + X(t), y: top + h + 15, "text-anchor": "middle" }, significant(t, 3));
  }
  for (const t of yticks) {
    add(node, "line", { class: "rule", x1: left, x2: left + w, y1: top + Y(t), y2: top + Y(t) });
    add(node, "text", { class: "tick", x: left - 6, y: top + Y(t) + 4, "text-anchor": "end" }, significant(t, 3));
  }
  add(node, "path", { class: "axis", d: `M${left} ${top}V${top + h}H${left + w}` });
  add(node, "text", { x: left + w / 2, y: height - 7, "text-anchor": "middle" }, xlabel);
  const plot = add(node, "svg", { x: left, y: top, width: w, height: h });
  const over = add(node, "g", { transform: `translate(${left} ${top})` });
  return { node, plot, over, X, Y, w, h };
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
 * all views and returns the sentence; `longest` is the longest that it returns, whose height is kept free; `room` is the
 * width of the sliders' values; `reset` undoes what the acts did. Returns { update }, which draws again.
 */
export function frame(root, { views, sliders, start, settings = [], draw, reset, longest = "", room = "3.6em" }) {
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
  root.append(element("div", { class: "views" }, ...views),
    element("div", { class: "sliders", style: `--room: ${room}` }, ...parts.map((part) => part.node)),
    element("div", { class: "controls" }, ...buttons),
    element("div", { class: "room", "data-longest": longest }, say));
  go(start);
  return { update };
}
