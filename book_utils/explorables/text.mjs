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

const SUPERSCRIPTS = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((digit, i) => [i, digit])) };

/** A number to so many significant digits; below 0.001 as 3·10⁻⁷. */
export function significant(value, digits = 1) {
  const short = Number(value.toPrecision(digits));
  if (!short || Math.abs(short) >= 0.001) return String(short).replace("-", "−");
  const [factor, exponent] = short.toExponential().split("e");
  return `${factor.replace("-", "−")}·10${[...exponent].map((sign) => SUPERSCRIPTS[sign]).join("")}`;
}

/** So many things: 1 step, 2 steps. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
