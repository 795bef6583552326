// Mathematics of several figures; the same in _maths.py.

/** The weight in each of so many equal bins from low to high, without what lies outside. */
export function histogram(values, weights, low, high, bins) {
  const mass = Array(bins).fill(0);
  values.forEach((value, i) => {
    const bin = Math.floor(((value - low) / (high - low)) * bins);
    if (value >= low && value <= high) mass[Math.min(bin, bins - 1)] += weights[i];
  });
  return mass;
}

/** n points w with (w - w_hat)' G (w - w_hat) / 2 = level. */
export function contour(G, w_hat, level, n = 80) {
  const [[a, b], [, c]] = G, phi = Math.atan2(2 * b, a - c) / 2, cos = Math.cos(phi), sin = Math.sin(phi);
  const s1 = a * cos * cos + 2 * b * cos * sin + c * sin * sin;
  const s2 = a * sin * sin - 2 * b * cos * sin + c * cos * cos;
  return Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * i) / n;
    const e1 = Math.sqrt((2 * level) / s1) * Math.cos(angle), e2 = Math.sqrt((2 * level) / s2) * Math.sin(angle);
    return [w_hat[0] + e1 * cos - e2 * sin, w_hat[1] + e1 * sin + e2 * cos];
  });
}

/** The outline of mean ± 2 std over x: forth along its upper edge and back along the lower. */
export function band(x, mean, std) {
  const edge = (sign) => x.map((value, i) => [value, mean[i] + sign * 2 * std[i]]);
  return [...edge(1), ...edge(-1).reverse()];
}

/** The average of the values at x outside of the gap, and inside of it. */
export function gap_averages(x, values, [low, high]) {
  return [(v) => v < low || v > high, (v) => v > low && v < high].map((chosen) => {
    const kept = values.filter((_, i) => chosen(x[i]));
    return kept.reduce((a, b) => a + b, 0) / kept.length;
  });
}
