// Mathematics of several figures; the same in _maths.py.

/** The integral of exp(-t^2) from 0 to x, times 2/sqrt(pi): Cody (1969), Mathematics of Computation 23. */
export function erf(x, gauss = Math.exp(-x * x)) {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a <= 0.46875) {
    const z = x * x;
    return x * ((((0.185777706184603153 * z + 3.16112374387056560) * z + 113.864154151050156) * z + 377.485237685302021) * z + 3209.37758913846947) /
      ((((z + 23.6012909523441209) * z + 244.024637934444173) * z + 1282.61652607737228) * z + 2844.23683343917062);
  }
  const p = ((((((((2.15311535474403846e-8 * a + 0.564188496988670089) * a + 8.88314979438837594) * a + 66.1191906371416295) * a +
    298.635138197400131) * a + 881.952221241769090) * a + 1712.04761263407058) * a + 2051.07837782607147) * a + 1230.33935479799725);
  const q = ((((((((a + 15.7449261107098347) * a + 117.693950891312499) * a + 537.181101862009858) * a + 1621.38957456669019) * a +
    3290.79923573345963) * a + 4362.61909014324716) * a + 3439.36767414372164) * a + 1230.33935480374942);
  return Math.sign(x) * (1 - (p / q) * gauss);
}

/** Probability that a standard normal variable is below z; gauss = exp(-z^2 / 2). */
export function normal_cdf(z, gauss = Math.exp(-0.5 * z * z)) {
  return 0.5 * (1 + erf(z * Math.SQRT1_2, gauss));
}

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
