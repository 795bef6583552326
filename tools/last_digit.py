"""Which printed numbers count as the stored ones; as a plugin of pytest, it teaches that to nbval.

Networks trained on processors of two makers end a little apart, and somewhere in the book a mean then lies just above
or below the point where it is rounded. So a number may differ by one unit of its last digit: 1.41 may come out as 1.40
or 1.42, and "94 ± 1" as "93 ± 1". The same number with another sign or other blanks is not the same. A whole number
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


def near(a, b):
    """Whether two printed numbers count as one; another sign or other blanks before the same number do not."""
    if value(a) == value(b) != 0:
        return a == b
    return unit(a) == unit(b) and abs(value(a) - value(b)) < 1.5 * unit(a)


def settle(new, old):
    """The old text if only last digits differ, else the new one."""
    one, other = NUMBER.split(new), NUMBER.split(old)  # words, number, words, …
    same = one[::2] == other[::2] and all(map(near, one[1::2], other[1::2]))
    return old if same else new


def settle_outputs(new, old):
    """Write the old texts into the new outputs of a cell, where only last digits differ."""
    for one, other in zip(new, old, strict=False):
        for a, b, key in ((one, other, "text"), (one.get("data", {}), other.get("data", {}), "text/plain")):
            if key in a and key in b:
                a[key] = settle(a[key], b[key])


def compare_outputs(self, test, ref, skip_compare=None):
    settle_outputs(test, ref)
    return strict(self, test, ref, skip_compare)


IPyNbCell.compare_outputs = compare_outputs
