"""Which cases go to a person, and what that costs: the numbers behind `referral.mjs`.

`referral.json` holds what two networks of the chapter on decisions said of the 285 tumors of its first split that they
were not trained on: probabilities and standard deviations. The chapter asserts that they are those that it computes.
"""

import json
from pathlib import Path

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.style import COLORS

START = {"t": 0.15, "c": 0.1}
FIRST = "std, p = 0.1"
CUTS = np.arange(51) / 100
STORED = Path(__file__).with_suffix(".json")


def outcome(doubt, wrong, t):
    """[share referred, share of all that are kept and wrong, share wrong of those kept (0 if none is kept)]."""
    kept = np.asarray(doubt) <= t
    errors, n = int(np.asarray(wrong)[kept].sum()), len(kept)
    return [1 - kept.sum() / n, errors / n, errors / kept.sum() if kept.any() else 0.0]


def cost(doubt, wrong, t, c):
    """Mean cost of a case if an error costs 1, and what is doubted more than t goes to a person, at c each."""
    referred, errors, _ = outcome(doubt, wrong, t)
    return c * referred + errors


def costs(doubt, wrong, cuts, c):
    """The cost at each of several thresholds."""
    return [cost(doubt, wrong, t, c) for t in cuts]


def sentence(name, doubt, wrong, t, c):
    """What the page says of a score and its threshold."""
    referred, _, risk = outcome(doubt, wrong, t)
    return (f"Refer where {name}, is above {number(t)}: {number(100 * referred, 1)} % go to a person, and "
            f"{number(100 * risk, 1)} % of the rest are wrong. If a referral costs {number(c)} of an error, a case "
            f"costs {number(cost(doubt, wrong, t, c), 3)}; never to refer {number(cost(doubt, wrong, 1, c), 3)}, "
            f"always {number(c, 3)}.")


def scores():
    """By name: the doubt, whether the answer is wrong, and the probability of a malignant tumor, of 285 cases."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    truth, found = np.array(stored["malignant"], bool), {}
    for name in ("std", "1 − max"):
        for p, (prob, std) in stored["nets"].items():
            prob = np.array(prob)
            doubt = np.array(std) if name == "std" else np.minimum(prob, 1 - prob).round(3)
            found[f"{name}, p = {p}"] = {"doubt": doubt, "wrong": ((prob > 0.5) != truth).astype(int), "prob": prob}
    return found


def referral():
    """Tumors by the doubt of a network, a threshold that sends some to a person, and what it costs."""
    import matplotlib.pyplot as plt

    every, (t, c) = scores(), START.values()
    doubt, wrong, prob = every[FIRST].values()
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    left.axvspan(t, 0.5, color="0.94")
    left.text(t + 0.01, 0.47, "to a person", fontsize=9)
    left.plot(doubt[wrong == 0], prob[wrong == 0], "o", color=COLORS["data"], ms=4, mew=0)
    left.plot(doubt[wrong == 1], prob[wrong == 1], "kx", ms=7, mew=1.8)
    left.set(xlim=(0, 0.5), ylim=(-0.05, 1.05), xlabel="score of doubt")
    right.plot(CUTS, costs(doubt, wrong, CUTS, c), color=COLORS["dropout"], lw=2.4)
    for level, name in ((cost(doubt, wrong, 1, c), "never"), (c, "always")):
        right.axhline(level, color="black", ls="--", lw=1)
        right.text(0.495, level + 0.002, name, ha="right", fontsize=9)
    right.plot(t, cost(doubt, wrong, t, c), "o", color=COLORS["dropout"], ms=7)
    right.set(xlim=(0, 0.5), ylim=(0, 0.16), xlabel="threshold t")
    head(left, "A", "probability of a malignant tumor")
    head(right, "B", "cost of a case")
    return Explorable(
        "referral", {"start": START, "score": FIRST, "scores": every, "cuts": CUTS}, fallback=figure,
        alt="A: 285 tumors by the standard deviation of a network under dropout and its probability of a malignant "
            "tumor; the few beyond 0.15 go to a person, and several of the wrong answers are not among them. B: the "
            "cost of a case against the threshold, with its level if nobody is referred and if everybody is.")
