// A tensor of examples, channels and positions: which values share a mean, and what one of them moves.
import { counted, number, signed } from "../text.mjs";
import { add, canvas, frame, narrow, place, set } from "../view.mjs";

/** For each value of an (N, C, P) tensor, row by row, the number of the set that it is normalized with. */
export function set_ids(kind, N, C, P, G) {
  return Array.from({ length: N * C * P }, (_, i) => {
    const n = Math.floor(i / (C * P)), c = Math.floor(i / P) % C, t = i % P;
    return { batch: c, layer: n, token: n * P + t, rms: n * P + t, group: n * G + Math.floor((c * G) / C),
      instance: n * C + c }[kind];
  });
}

/** Each value less the mean of its set (unless center is 0), over the root of the set's mean square plus eps. */
export function normalize(x, ids, center, eps) {
  const size = Math.max(...ids) + 1, count = Array(size).fill(0), mean = Array(size).fill(0), square = Array(size).fill(0);
  x.forEach((value, i) => { count[ids[i]] += 1; mean[ids[i]] += value; });
  mean.forEach((sum, k) => { mean[k] = center ? sum / count[k] : 0; });
  x.forEach((value, i) => { square[ids[i]] += (value - mean[ids[i]]) ** 2 / count[ids[i]]; });
  return x.map((value, i) => (value - mean[ids[i]]) / Math.sqrt(square[ids[i]] + eps));
}

/** How far each normalized value moves when value i of x (N, C, P) becomes `value`. */
export function changes(kind, x, i, value, [N, C, P], G, eps) {
  const ids = set_ids(kind, N, C, P, G), center = kind === "rms" ? 0 : 1, before = normalize(x, ids, center, eps);
  return normalize(x.map((v, j) => (j === i ? value : v)), ids, center, eps).map((v, j) => v - before[j]);
}

/** What moves, of `change`, is what is not due to rounding. */
const moves = (change) => Math.abs(change) > 1e-9;

const SHARED = { batch: "The values of a channel, in all examples, share one mean", layer: "All values of an example share one mean",
  token: "The channels at one position of one example share one mean", instance: "Each channel of each example has its own mean",
  group: "The channels of a group share one mean, in each example",
  rms: "The channels at one position share one mean square, and no mean is subtracted" };

/** For value i of x (N, C, P), which becomes `value`. */
export function sentence(kind, x, i, value, shape, G, eps) {
  if (value === x[i]) return `${SHARED[kind]}. This value is where it was, so nothing moves.`;
  const change = changes(kind, x, i, value, shape, G, eps), example = (j) => Math.floor(j / (shape[1] * shape[2]));
  const others = change.map((_, j) => j).filter((j) => moves(change[j]) && j !== i);
  const mates = others.filter((j) => example(j) !== example(i)).length, reach = Math.max(0, ...others.map((j) => Math.abs(change[j])));
  return `${SHARED[kind]}. Taking this one from ${number(x[i], 1)} to ${number(value, 1)} moves its output by ${signed(change[i])} and ` +
    `${counted(others.length, "other output")} by up to ${number(reach)}, ${mates ? `${mates} of them` : "none"} in other examples.`;
}

/** Change of a cell only what differs: most of them stay as they are. */
function paint(part, shade, chosen, label) {
  if (part.shade !== shade) set(part.fill, { opacity: part.shade = shade });
  if (part.chosen !== chosen) set(part.hit, { "stroke-width": (part.chosen = chosen) ? 2.5 : 0 });
  if (part.label !== label) part.text.textContent = part.label = label;
}

function cells(root, { letter, title, label, N, C, P }, onPick) {
  const HEIGHT = narrow(root) ? 19 : 26, GAP = 16, LEFT = 20, TOP = 36, across = 2, down = Math.ceil(N / across);
  const height = TOP + down * (C * HEIGHT + 20) - 14, { width, style } = place(root, { span: 3, height }, { span: 6, height });
  const WIDTH = (width - LEFT - GAP) / (across * P), node = canvas({ letter, title, label, width, height, style });
  const parts = [];
  for (let n = 0; n < N; n++) {
    const left = LEFT + (n % across) * (P * WIDTH + GAP), top = TOP + Math.floor(n / across) * (C * HEIGHT + 20);
    add(node, "text", { class: "tick", x: left, y: top - 4 }, `example ${n + 1}`);
    for (let c = 0; c < C; c++)
      for (let t = 0; t < P; t++) {
        const box = { x: left + t * WIDTH, y: top + c * HEIGHT, width: WIDTH - 2, height: HEIGHT - 2 }, i = (n * C + c) * P + t;
        add(node, "rect", { ...box, fill: "none", class: "rule" });
        const fill = add(node, "rect", { ...box, class: "norm dot" });
        const text = add(node, "text", { x: box.x + WIDTH / 2 - 1, y: box.y + HEIGHT / 2 + 3, "text-anchor": "middle", class: "tick", style: "opacity: 1" });
        const hit = add(node, "rect", { ...box, fill: "transparent", stroke: "currentColor" });
        if (onPick) {
          hit.style.cursor = "pointer";
          hit.addEventListener("click", () => onPick(i));
        }
        parts.push({ fill, text, hit, shade: null, chosen: null, label: null });
      }
  }
  add(node, "text", { class: "tick", transform: `translate(12 ${TOP + (C * HEIGHT) / 2}) rotate(-90)`, "text-anchor": "middle" }, "channels");
  return { node, parts };
}

export function render(root, { x: base, shape: [N, C, P], G, eps, start, cell: first, kind: firstKind }) {
  let kind = firstKind;
  const names = { batch: "Batch", layer: "Layer", token: "Layer, each position", group: "Group", instance: "Instance", rms: "RMS" };
  const size = `${N} examples with ${C} channels in rows and ${P} positions in columns`;
  const input = cells(root, { letter: "A", title: "input x", label: `The values before normalization, ${size}`, N, C, P }, pick);
  const output = cells(root, { letter: "B", title: "change of the output", label: `How far each normalized value has moved, ${size}`, N, C, P }, pick);
  const where = (i) => `example ${Math.floor(i / (C * P)) + 1},\nchannel ${(Math.floor(i / P) % C) + 1}, position ${(i % P) + 1}`;
  const settings = Object.entries(names).map(([key, label]) => ({ label, act: () => { kind = key; }, pressed: () => kind === key }));

  function draw({ cell, x: value }) {
    const i = cell - 1, ids = set_ids(kind, N, C, P, G), change = changes(kind, base, i, value, [N, C, P], G, eps);
    const largest = Math.max(1e-9, ...change.map(Math.abs));
    input.parts.forEach((part, j) => paint(part, ids[j] === ids[i] ? 0.3 : 0, j === i, number(j === i ? value : base[j], 1)));
    output.parts.forEach((part, j) => paint(part, moves(change[j]) ? 0.1 + 0.3 * Math.abs(change[j]) / largest : 0, j === i,
      moves(change[j]) ? signed(change[j], 1) : "·"));
    return sentence(kind, base, i, value, [N, C, P], G, eps);
  }

  const view = frame(root, { views: [input.node, output.node], start: { cell: first + 1, x: start }, draw, settings,
    reset: () => { kind = firstKind; },
    room: "9.6em", longest: sentence("rms", base, first, -start, [N, C, P], G, eps),
    sliders: [{ name: "cell", label: "number", min: 1, max: N * C * P, step: 1, format: (v) => where(v - 1) },
      { name: "x", label: "its value x", min: -4, max: 4, step: 0.1, format: (v) => number(v, 1) }] });

  function pick(i) {
    root.querySelector("input[name=cell]").value = i + 1;
    view.update();
  }
}
