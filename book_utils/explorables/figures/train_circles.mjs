// A 2-16-1 network that trains in the page: with a penalty beside without, from one start, on the same batches.
import { histogram, normal_cdf } from "../maths.mjs";
import { counted, number, significant } from "../text.mjs";
import { add, frame, narrow, panel, path, place, set } from "../view.mjs";

const HIDDEN = 16, SIZE = 4 * HIDDEN + 1; // theta: W1 (16 x 2, by unit), b1 (16), w2 (16), b2
const B1 = 2 * HIDDEN, W2 = 3 * HIDDEN, B2 = 4 * HIDDEN;
const isBias = (k) => (k >= B1 && k < W2) || k === B2;
const LR = 3e-2, BATCH = 32;

/** The network's output w2 · GELU(W1 x + b1) + b2 for each point of X. */
export function logits(theta, X) {
  return X.map(([p, q]) => {
    let sum = theta[B2];
    for (let j = 0; j < HIDDEN; j++) {
      const z = theta[2 * j] * p + theta[2 * j + 1] * q + theta[B1 + j];
      sum += theta[W2 + j] * z * normal_cdf(z);
    }
    return sum;
  });
}

/** Mean cross-entropy of labels y in {0, 1} given logits: log(1 + e^z) - yz, in the form that cannot overflow. */
export function loss(z, y) {
  let sum = 0;
  for (let i = 0; i < z.length; i++) sum += Math.max(z[i], 0) - z[i] * y[i] + Math.log1p(Math.exp(-Math.abs(z[i])));
  return sum / z.length;
}

/** Gradient (65) of the mean cross-entropy + lam2/2 ||w||^2 + lam1 ||w||_1; biases are not penalized. */
export function gradient(theta, X, y, lam2, lam1) {
  const g = Array(SIZE).fill(0.5), n = X.length, slope = Array(HIDDEN).fill(0.5), active = Array(HIDDEN).fill(0.5);
  for (let k = 0; k < SIZE; k++) g[k] = isBias(k) ? 0 : lam2 * theta[k] + lam1 * Math.sign(theta[k]);
  for (let i = 0; i < n; i++) {
    const p = X[i][0], q = X[i][1];
    let out = theta[B2];
    for (let j = 0; j < HIDDEN; j++) {
      const z = theta[2 * j] * p + theta[2 * j + 1] * q + theta[B1 + j];
      const gauss = Math.exp(-0.5 * z * z), c = normal_cdf(z, gauss);
      active[j] = z * c;
      slope[j] = c + (z * gauss) / Math.sqrt(2 * Math.PI); // d GELU / dz
      out += theta[W2 + j] * active[j];
    }
    const delta = (1 / (1 + Math.exp(-out)) - y[i]) / n;
    g[B2] += delta;
    for (let j = 0; j < HIDDEN; j++) {
      g[W2 + j] += delta * active[j];
      const back = delta * theta[W2 + j] * slope[j];
      g[B1 + j] += back;
      g[2 * j] += back * p;
      g[2 * j + 1] += back * q;
    }
  }
  return g;
}

/** 0 ... n-1 in an order that a seed decides: Fisher and Yates, with a linear congruential generator. */
export function shuffled(n, seed) {
  const order = Array.from({ length: n }, (_, i) => i);
  let state = seed >>> 0;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    const j = Math.floor((state / 4294967296) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Adam on mini-batches, shuffled in each epoch; `advance` can be called again and goes on where it stopped. */
class Training {
  constructor(theta, { X, y }, lam2, lam1, seed) {
    Object.assign(this, { theta: [...theta], X, y, lam2, lam1, seed, steps: 0,
      m: theta.map(() => 0), v: theta.map(() => 0), batches: Math.ceil(X.length / BATCH) });
  }
  advance(steps) {
    const { theta, m, v, X, y } = this;
    for (const last = this.steps + steps; this.steps < last;) {
      const batch = this.steps % this.batches, epoch = (this.steps - batch) / this.batches;
      let rows = X, labels = y;
      if (this.batches > 1) {
        if (batch === 0 || !this.order) this.order = shuffled(X.length, 1000 * this.seed + epoch);
        const chosen = this.order.slice(batch * BATCH, (batch + 1) * BATCH);
        [rows, labels] = [chosen.map((i) => X[i]), chosen.map((i) => y[i])];
      }
      const g = gradient(theta, rows, labels, this.lam2, this.lam1);
      this.steps++;
      const c1 = 1 - 0.9 ** this.steps, c2 = 1 - 0.999 ** this.steps;
      for (let k = 0; k < SIZE; k++) {
        m[k] = 0.9 * m[k] + 0.1 * g[k];
        v[k] = 0.999 * v[k] + 0.001 * g[k] * g[k];
        theta[k] -= (LR * (m[k] / c1)) / (Math.sqrt(v[k] / c2) + 1e-8);
      }
    }
    return this;
  }
}

/** The weights after so many steps of Adam (learning rate 0.03, batches of 32) from theta. */
export function train(theta, X, y, lam2, lam1, seed, steps) {
  return new Training(theta, { X, y }, lam2, lam1, seed).advance(steps).theta;
}

/** Where the output changes sign on a k x k grid over [-reach, reach]^2: segments [x1, y1, x2, y2] by marching squares. */
export function boundary(theta, reach, k) {
  const at = Array.from({ length: k }, (_, i) => -reach + (2 * reach * i) / (k - 1));
  const values = at.map((y) => logits(theta, at.map((x) => [x, y])));
  const segments = [];
  for (let r = 0; r + 1 < k; r++) {
    for (let c = 0; c + 1 < k; c++) {
      const cuts = []; // on the bottom, right, top and left edge of the cell
      for (const [r1, c1, r2, c2] of [[r, c, r, c + 1], [r, c + 1, r + 1, c + 1], [r + 1, c, r + 1, c + 1], [r, c, r + 1, c]]) {
        const a = values[r1][c1], b = values[r2][c2];
        if (a > 0 === b > 0) continue;
        const t = a / (a - b);
        cuts.push(at[c1] + t * (at[c2] - at[c1]), at[r1] + t * (at[r2] - at[r1]));
      }
      for (let i = 0; i + 3 < cuts.length; i += 4) segments.push(cuts.slice(i, i + 4));
    }
  }
  return segments;
}

const REACH = 1.5, GRID = 45, LOW = -7.25, HIGH = 7.25, BINS = 29, STEPS = 440, LOSS = 1.2;

/**
 * After so many steps on n points: test losses and shares of right answers (without the penalty, with it), and how many
 * weights are exactly zero with it.
 */
export function sentence(steps, n, lam2, lam1, losses, right, zeros) {
  const after = `After ${counted(steps, "step")} on ${n} points`, [free, tied] = losses.map((value) => number(value));
  const [free_share, tied_share] = right.map((share) => `${number(100 * share, 0)} %`);
  if (lam1 + lam2 === 0) return `${after}, no penalty: test loss ${free}, ${free_share} of the test points right.`;
  return `${after}: test loss ${tied} with the penalty, ${free} without; ${tied_share} and ${free_share} of the test points right. ` +
    `${zeros} of the 48 penalized weights ${zeros === 1 ? "is" : "are"} exactly zero.`;
}

/** A training together with what is drawn of it; `to` trains on, or from the start again if that lies behind. */
class Network {
  constructor(data, lam2, lam1) {
    Object.assign(this, { data, lam2, lam1 });
    this.restart();
  }
  restart() {
    this.training = new Training(this.data.theta, this.data, this.lam2, this.lam1, this.data.seed);
    this.losses = [];
    this.note();
  }
  note() {
    const { theta } = this.training, { X, y, X_test, y_test } = this.data, z = logits(theta, X_test);
    this.accuracy = z.reduce((sum, value, i) => sum + (value > 0 === y_test[i] > 0), 0) / z.length;
    this.losses.push([this.training.steps, loss(logits(theta, X), y), loss(z, y_test)]);
  }
  to(steps) {
    if (steps < this.training.steps) this.restart();
    const { every } = this.data, { training } = this;
    while (training.steps < steps) {
      training.advance(Math.min(steps, training.steps - (training.steps % every) + every) - training.steps);
      this.note();
    }
    return this;
  }
  get weights() {
    return this.training.theta.filter((_, k) => !isBias(k));
  }
}

const strength = (position) => (position === 0 ? 0 : Number((10 ** (position / 5 - 5)).toPrecision(1))); // 0, 2e-5, ... 0.1
const position = (lam) => (lam === 0 ? 0 : Math.round(5 * (5 + Math.log10(lam))));

export function render(root, { few, many, start }) {
  const side = narrow(root) ? 2.1 : 1.4, wide = { span: 3, height: 158 }, slim = { span: 3, height: 160 }; // circles are round
  const plane = panel({ ...place(root, { span: 3, rows: 2, height: 322 }, { span: 6, height: 251 }), letter: "A",
    label: "The training points and where each network's output changes sign",
    x: [-side, side], y: [-1.26, 1.26], xticks: [-1, 0, 1], yticks: [-1, 0, 1], xlabel: "x₁", ylabel: "x₂" });
  const course = panel({ ...place(root, wide, slim), letter: "B",
    label: "Training and test loss of both networks against the steps of Adam",
    x: [0, STEPS], y: [0, LOSS], xticks: [0, 200, 400], yticks: [0, 0.5, 1], xlabel: "steps of Adam", ylabel: "loss, test dashed" });
  const weights = panel({ ...place(root, wide, slim), letter: "C", label: "Histograms of the 48 weights of both networks",
    x: [LOW, HIGH], y: [0, 48], xticks: [-6, -3, 0, 3, 6], yticks: [0, 24, 48], xlabel: "weight", ylabel: "how many of 48" });
  const points = add(plane.plot, "g");
  const parts = ["none", "l2"].map((color) => ({
    line: add(plane.plot, "path", { class: `${color} line` }),
    train: add(course.plot, "path", { class: `${color} line` }),
    test: add(course.plot, "path", { class: `${color} line`, "stroke-dasharray": "6 4" }),
    bars: add(weights.plot, "path", { class: `${color} line` }) }));
  add(plane.over, "text", { class: "none halo", x: 6, y: 16 }, "no penalty");
  const name = add(plane.over, "text", { class: "l2 halo", x: plane.w - 4, y: 16, "text-anchor": "end" }, "penalty");

  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let seed = 0, crowd = false, steps = few[0].steps, playing = false, networks = [];
  const data = () => (crowd ? { ...many, theta: few[seed].theta, seed: few[seed].seed } : few[seed]);
  const total = () => data().steps;

  function drawPoints({ X, y, wrong }) {
    points.replaceChildren();
    X.forEach(([p, q], i) => add(points, "circle", { cx: plane.X(p), cy: plane.Y(q), r: crowd ? 1.8 : 4, class: "data",
      fill: y[i] ? "currentColor" : "none", stroke: "currentColor", "stroke-width": crowd ? 0.8 : 1.5 }));
    for (const i of wrong) {
      const x = plane.X(X[i][0]), h = plane.Y(X[i][1]);
      add(points, "path", { class: "line", stroke: "currentColor", d: `M${x - 6} ${h - 6}l12 12m0-12l-12 12` });
    }
  }

  function drawNetwork({ training, losses, weights: values }, { line, train, test, bars }) {
    const { X, Y } = plane;
    set(line, { d: boundary(training.theta, REACH, GRID).map(([a, b, c, d]) =>
      `M${X(a).toFixed(1)} ${Y(b).toFixed(1)}L${X(c).toFixed(1)} ${Y(d).toFixed(1)}`).join("") });
    set(train, { d: path(course, losses) });
    set(test, { d: path(course, losses.map(([step, , value]) => [step, value])) });
    const within = values.map((value) => Math.min(HIGH, Math.max(LOW, value))), ones = within.map(() => 1);
    const outline = histogram(within, ones, LOW, HIGH, BINS).flatMap((count, i) =>
      [[LOW + i * 0.5, count], [LOW + (i + 1) * 0.5, count]]);
    set(bars, { d: path(weights, outline) });
  }

  function draw({ i2, i1 }) {
    const lams = [[0, 0], [strength(i2), strength(i1)]], now = data();
    if (networks[0]?.data.X !== now.X) drawPoints(now);
    lams.forEach(([lam2, lam1], k) => {
      const old = networks[k];
      const same = old && old.data.X === now.X && old.data.seed === now.seed && old.lam2 === lam2 && old.lam1 === lam1;
      if (same && old.training.steps === steps) return;
      if (!same) networks[k] = new Network(now, lam2, lam1);
      drawNetwork(networks[k].to(steps), parts[k]);
    });
    const [lam2, lam1] = lams[1], color = lam1 > lam2 ? "l1" : "l2";
    for (const node of Object.values(parts[1])) set(node, { class: `${color} line`, opacity: lam1 + lam2 ? 1 : 0 });
    set(name, { class: `${color} halo`, opacity: lam1 + lam2 ? 1 : 0 });
    if (playing) return "Both networks are training: from the same weights, on the same batches.";
    return sentence(steps, now.X.length, lam2, lam1, networks.map(({ losses }) => losses.at(-1)[2]),
      networks.map(({ accuracy }) => accuracy), networks[1].weights.filter((value) => value === 0).length);
  }

  const onward = (by) => { steps = Math.min((steps >= total() ? 0 : steps) + by, total()); };
  function go_on(on) {
    playing = on;
    play.node.textContent = on ? "Pause" : play.label;
  }
  function tick() {
    if (!playing || !root.isConnected) return;
    onward(3);
    if (steps === total()) go_on(false);
    view.update();
    requestAnimationFrame(tick);
  }
  const play = { label: reduced ? "100 steps" : "Play", act() {
    if (reduced) return onward(100);
    go_on(!playing);
    if (!playing) return;
    onward(0);
    requestAnimationFrame(tick);
  } };
  const show = (many_points) => { go_on(false); crowd = many_points; steps = total(); };
  const view = frame(root, { views: [plane.node, course.node, weights.node], longest: sentence(400, 700, 1, 0, [0.5, 0.5], [1, 1], 48),
    start: { i2: position(start.lam2), i1: position(start.lam1) }, draw,
    sliders: [
      { name: "i2", label: "L2 strength λ₂", min: 0, max: 20, step: 1, format: (v) => significant(strength(v)) },
      { name: "i1", label: "L1 strength λ₁", min: 0, max: 20, step: 1, format: (v) => significant(strength(v)) }],
    settings: [play,
      { label: "Step", act() { go_on(false); onward(1); } },
      { label: "New draw", act() { seed = (seed + 1) % few.length; } },
      { label: "700 clean points", act() { show(true); } },
      { label: "32 points, 6 wrong", act() { show(false); } }],
    reset() { seed = 0; show(false); } });
}
