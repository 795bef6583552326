// A board of voters: what their average gains, and the share of pairs that differ.
import { number } from "../text.mjs";
import { add, canvas, element, frame, longestOf, panel, place, set } from "../view.mjs";

/** [E_ind, E_ens]: the squared error of a voter on average and of the average vote, if 1 is right; 0 counts as -1 if `signed`. */
export function errors(votes, signed) {
  const h = votes.map((vote) => (signed ? 2 * vote - 1 : vote)), T = h.length;
  return [h.reduce((sum, v) => sum + (v - 1) ** 2, 0) / T, (h.reduce((a, b) => a + b) / T - 1) ** 2];
}

/** The share of pairs of different voters that differ. */
export function disagreement(votes) {
  const T = votes.length, yes = votes.reduce((a, b) => a + b);
  return (2 * yes * (T - yes)) / (T * (T - 1));
}

/** (T - 1) / (2T) times the disagreement. */
export function share(votes) {
  return ((votes.length - 1) / (2 * votes.length)) * disagreement(votes);
}

/** What the page says of these votes. */
export function sentence(votes, signed) {
  const T = votes.length, yes = votes.reduce((a, b) => a + b), [ind, ens] = errors(votes, signed), pairs = (T * (T - 1)) / 2;
  const first = `${yes} of ${T} voters are right. A voter errs by ${number(ind)} on average, the average vote by ${number(ens)}`;
  if (yes === 0 || yes === T) return `${first}: all agree, D = 0, and nothing is gained.`;
  const said = `${first}: a gain of ${number(ind - ens)}. ${yes * (T - yes)} of ${pairs} pairs differ, D = ${number(disagreement(votes))}, and ` +
    `(T − 1)/(2T) · D = ${number(share(votes))}`;
  return signed ? `${said}: a quarter of the gain.` : `${said}: the gain.`;
}

export function render(root, { start, votes: first }) {
  const most = first.length, { width, height, style } = place(root, { span: 3, height: 246 }, { span: 6, height: 190 });
  const board = canvas({ letter: "A", label: "Voters on a circle; a line joins each pair that differs", title: "the voters, and the pairs that differ", width, height });
  const edges = add(board, "g"), discs = add(board, "g"), middle = [width / 2, 20 + (height - 20) / 2], radius = (height - 20) / 2 - 17;
  const charts = [[1, [0, 0.25, 0.5, 0.75, 1]], [4, [0, 1, 2, 3, 4]]].map(([top, yticks]) => {
    const chart = panel({ ...place(root, { span: 3, height: 276 }, { span: 6, height: 176 }), letter: "B",
      label: "The error of a voter as that of the average vote plus the gain, beside the share of disagreement", x: [0, 2.3], y: [0, top], xticks: [],
      yticks, xlabel: "", ylabel: "squared error" });
    const bar = (kind, x) => add(chart.plot, "rect", { class: kind, x: chart.X(x), width: chart.X(0.6) });
    const text = (kind, x) => add(chart.plot, "text", { class: kind, x: chart.X(x) });
    const parts = { ens: bar("data dot", 0.06), gain: bar("dropout dot", 0.06), base: bar("data band", 1.4), side: bar("line truth", 1.4) };
    const names = { ens: text("data halo", 0.72), gain: text("dropout halo", 0.72), side: text("halo", 1.7) };
    set(names.side, { "text-anchor": "middle" });
    add(chart.node, "text", { x: 34 + chart.X(0.5), y: 24 + chart.h + 17, "text-anchor": "middle" }, "a voter, on average");
    add(chart.node, "text", { x: 34 + chart.X(1.7), y: 24 + chart.h + 17, "text-anchor": "middle" }, "by the pairs");
    return { ...chart, parts, names, top };
  });

  let votes = [...first], signed = false, T = start.T;
  const boxes = votes.map((_, t) => element("input", { type: "checkbox", "aria-label": `voter ${t + 1} is right` }));
  const labels = boxes.map((box) => element("label", {}, box));
  boxes.forEach((box, t) => box.addEventListener("change", () => { votes[t] = Number(box.checked); view.update(); }));
  const row = element("div", { class: "voters dropout", role: "group", "aria-label": "voters that are right" }, ...labels);
  root.append(element("style", {}, `
    .voters { display: grid; grid-template-columns: repeat(${most}, 1fr); }
    .voters label { display: grid; place-items: center; min-height: 30px; cursor: pointer; }
    .voters label[hidden] { display: none; }
    .voters input { width: 18px; height: 18px; margin: 0; color: inherit; accent-color: currentColor; }
    @media (max-width: 600px), (pointer: coarse) { .voters label { min-height: 44px; } }`));
  const voters = votes.map((_, t) => {
    const group = add(discs, "g", { style: "cursor: pointer" });
    const disc = add(group, "circle", { r: 15, stroke: "currentColor", "stroke-width": 1.5 });
    const text = add(group, "text", { "text-anchor": "middle", style: "pointer-events: none" });
    group.addEventListener("click", () => { votes[t] = 1 - votes[t]; view.update(); });
    return { group, disc, text };
  });

  function drawBoard(now) {
    const at = now.map((_, t) => [middle[0] + radius * Math.sin((2 * Math.PI * t) / T), middle[1] - radius * Math.cos((2 * Math.PI * t) / T)]);
    edges.replaceChildren();
    for (let s = 0; s < T; s++) for (let t = s + 1; t < T; t++) {
      const apart = now[s] !== now[t];
      add(edges, "line", { x1: at[s][0], y1: at[s][1], x2: at[t][0], y2: at[t][1], class: apart ? "dropout line" : "rule", "stroke-width": apart ? 1.5 : 1,
        style: apart ? "stroke-width: 1.5; opacity: 0.75" : "" });
    }
    voters.forEach(({ group, disc, text }, t) => {
      labels[t].hidden = t >= T;
      boxes[t].checked = Boolean(votes[t]);
      set(group, { style: t < T ? "cursor: pointer" : "display: none", class: votes[t] ? "dropout" : "data" });
      if (t >= T) return;
      set(disc, { cx: at[t][0], cy: at[t][1], "stroke-dasharray": votes[t] ? "" : "3 3", style: `fill: ${votes[t]
        ? "color-mix(in srgb, currentColor 25%, var(--pst-color-background, Canvas))" : "var(--pst-color-background, Canvas)"}` });
      set(text, { x: at[t][0], y: at[t][1] + 4 });
      text.textContent = votes[t] ? (signed ? "+1" : "1") : signed ? "−1" : "0";
    });
  }

  function draw(values) {
    T = values.T;
    const now = votes.slice(0, T), [ind, ens] = errors(now, signed), part = share(now);
    drawBoard(now);
    charts.forEach((chart, k) => {
      chart.node.style.display = k === Number(signed) ? "" : "none";
      const { parts, names, Y, h } = chart, place_of = (low, high) => ({ y: Y(high), height: Math.max(0, Y(low) - Y(high)) });
      set(parts.ens, place_of(0, Math.min(ens, chart.top)));
      set(parts.gain, place_of(Math.min(ens, chart.top), Math.min(ind, chart.top)));
      set(parts.base, place_of(0, Math.min(ens, chart.top)));
      set(parts.side, place_of(Math.min(ens, chart.top), Math.min(ens + part, chart.top)));
      names.ens.textContent = ens > 0.05 * chart.top ? "average" : "";
      names.gain.textContent = ind - ens > 0.05 * chart.top ? "gain" : "";
      names.side.textContent = part > 0 ? "(T − 1)/(2T) · D" : "";
      set(names.ens, { y: Math.min(h - 4, Y(ens / 2) + 4) });
      set(names.gain, { y: Y((ind + ens) / 2) + 4 });
      set(names.side, { y: Math.max(12, Y(ens + part) - 6) });
    });
    return sentence(now, signed);
  }

  const only = (which) => { votes = first.map((_, t) => Number(which(t))); };
  const view = frame(root, { start: { T: start.T }, draw, views: [element("div", { style }, board, row), ...charts.map(({ node }) => node)],
    longest: longestOf([sentence(first, true), sentence(first, false)]),
    sliders: [{ name: "T", label: "voters T", min: 2, max: most, step: 1, format: String }],
    settings: [{ label: "One is wrong", act() { only((t) => t > 0); } }, { label: "One is right", act() { only((t) => t === 0); } },
      { label: "Votes −1 and +1", act() { signed = !signed; }, pressed: () => signed }],
    reset() { votes = [...first]; signed = false; } });
}
