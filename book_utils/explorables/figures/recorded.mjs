// Curves that Python computed for each setting of the controls; nothing is computed here.
import { add, frame, longestOf, panel, path, place, set } from "../view.mjs";

const DRAW = {
  line: (view, points, look) => add(view.plot, "path", { class: `line ${look}`, d: path(view, points) }),
  dashed: (view, points, look) => set(DRAW.line(view, points, look), { "stroke-dasharray": "5 4" }),
  thin: (view, points, look) => DRAW.line(view, points, `thin ${look}`),
  band: (view, points, look) => add(view.plot, "path", { class: `band ${look}`, d: path(view, points, true) }),
  bars: (view, points, look) => [DRAW.band(view, points, look), DRAW.line(view, points, look)],
  dots: (view, points, look) => points.forEach(([x, y]) =>
    add(view.plot, "circle", { class: `dot ${look}`, cx: view.X(x), cy: view.Y(y), r: 4 })),
};

export function render(root, { panels, controls, start, arrays, frames }) {
  const left = 13 + 7 * Math.max(...panels.flatMap(({ yticks }) => yticks.map((t) => String(t).length)));
  const where = panels.length > 1 ? place(root, { span: 3, height: 260 }, { span: 6, height: 225 })
    : place(root, { span: 6, height: 320 }, { span: 6, height: 300 });
  const views = panels.map((options, k) => panel({ ...options, ...where, left, letter: panels.length > 1 ? "AB"[k] : "",
    label: `${options.ylabel} against ${options.xlabel}` }));

  function draw(values) {
    const [said, ...shown] = frames[controls.reduce((sum, { label, texts }) => sum * texts.length + values[label], 0)];
    views.forEach((view, k) => {
      view.plot.replaceChildren();
      for (const [kind, color, x, y, text, height] of shown[k]) {
        DRAW[kind](view, arrays[x].map((value, i) => [value, arrays[y][i]]), color);
        if (text) add(view.plot, "text", { class: `halo ${color}`, x: view.X(Math.max(...arrays[x])) + 5, y: view.Y(height) + 4 }, text);
      }
    });
    return said;
  }

  frame(root, { views: views.map((view) => view.node), start, draw, longest: longestOf(frames.map(([said]) => said)),
    sliders: controls.map(({ label, texts }) => ({ name: label, label, min: 0, max: texts.length - 1, step: 1, format: (i) => texts[i] })) });
}
