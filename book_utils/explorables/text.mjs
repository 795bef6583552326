// Numbers and counts as the live sentences write them; the same in _text.py.

/** A number with a true minus sign, and without one if it rounds to zero. */
export function number(value, digits = 2) {
  const short = value.toFixed(digits);
  return short.replace("-", Number(short) ? "−" : "");
}

/** A number with its sign, unless it rounds to zero. */
export function signed(value, digits = 2) {
  return (Number(value.toFixed(digits)) > 0 ? "+" : "") + number(value, digits);
}

/** A number to so many significant digits; below 0.001 as 3e−7. */
export function significant(value, digits = 1) {
  const short = Number(value.toPrecision(digits));
  return (short && Math.abs(short) < 0.001 ? short.toExponential() : String(short)).replaceAll("-", "−");
}

/** So many things: 1 step, 2 steps. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
