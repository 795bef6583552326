"""Numbers and counts as the live sentences write them; the same in `text.mjs`."""

from decimal import ROUND_HALF_UP, Context, Decimal


def _rounded(value, digits):
    """As JavaScript's toFixed rounds: half away from zero; Python's own formats round half to even."""
    return Decimal(float(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def number(value, digits=2):
    """A number with a true minus sign, and without one if it rounds to zero."""
    short = _rounded(value, digits)
    return f"{short or abs(short):f}".replace("-", "−")


def signed(value, digits=2):
    """A number with its sign, unless it rounds to zero."""
    return ("+" if _rounded(value, digits) > 0 else "") + number(value, digits)


def significant(value, digits=1):
    """A number to so many significant digits; below 0.001 as 3·10⁻⁷."""
    short = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(float(value) or 0).normalize()
    if not short or abs(short) >= Decimal("0.001"):
        return f"{short:f}".replace("-", "−")
    power = str(short.adjusted()).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{short.scaleb(-short.adjusted()):f}·10{power}".replace("-", "−")


def counted(count, noun):
    """So many things: 1 step, 2 steps."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
