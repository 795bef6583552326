"""A plugin of pytest: nbval accepts a printed number that differs from the stored one by one unit of its last digit.

Networks trained on processors of two makers end a little apart, and somewhere in the book a mean then lies just above
or below the point where it is rounded. So 1.41 may come out as 1.40 or 1.42, and "94 ± 1" as "93 ± 1". A whole number
must stay as it is unless ± stands at its side or % behind it; so must every word, and the data of an explorable.
"""

import re

from nbval.plugin import IPyNbCell

NUMBER = re.compile(r"( *[-−+]?(?:\d+\.\d+|(?<=± )\d+|\d+(?= ?[±%])))(?!\d|\.\d)")
strict = IPyNbCell.compare_outputs


def unit(number):
    """What one step of the last digit is worth."""
    return 10.0 ** -len(number.partition(".")[2])


def value(number):
    return float(number.replace("−", "-"))


def settle(new, old):
    """The old text if only last digits differ, else the new one."""
    one, other = NUMBER.split(new), NUMBER.split(old)  # words, number, words, …
    near = one[::2] == other[::2] and all(
        unit(a) == unit(b) and abs(value(a) - value(b)) < 1.5 * unit(a)
        for a, b in zip(one[1::2], other[1::2], strict=True))
    return old if near else new


def compare_outputs(self, test, ref, skip_compare=None):
    for new, old in zip(test, ref, strict=False):
        for one, other, key in ((new, old, "text"), (new.get("data", {}), old.get("data", {}), "text/plain")):
            if key in one and key in other:
                one[key] = settle(one[key], other[key])
    return strict(self, test, ref, skip_compare)


IPyNbCell.compare_outputs = compare_outputs
