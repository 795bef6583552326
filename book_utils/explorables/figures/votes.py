"""A board of voters and the gain of their average: the numbers behind `votes.mjs`."""

import numpy as np

from book_utils import uncertainty
from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.style import COLORS

START = {"T": 6}
VOTES = [1, 1, 0, 1, 1, 0, 1, 0]  # of all that the slider can show


def errors(votes, signed):
    """[E_ind, E_ens]: squared error of a voter on average and of the average vote, if 1 is right; 0 is -1 if signed."""
    h = 2 * np.asarray(votes) - 1 if signed else np.asarray(votes)
    return [np.mean((h - 1) ** 2), (np.mean(h) - 1) ** 2]


def disagreement(votes):
    """The share of pairs of different voters that differ."""
    return uncertainty.disagreement(votes)


def share(votes):
    """(T - 1) / (2T) times the disagreement."""
    return (len(votes) - 1) / (2 * len(votes)) * disagreement(votes)


def sentence(votes, signed):
    """What the page says of these votes."""
    voters, yes, (ind, ens) = len(votes), int(sum(votes)), errors(votes, signed)
    first = (f"{yes} of {voters} voters are right. A voter errs by {number(ind)} on average, the average vote by "
             f"{number(ens)}")
    if yes in (0, voters):
        return f"{first}: all agree, D = 0, and nothing is gained."
    said = (f"{first}: a gain of {number(ind - ens)}. {yes * (voters - yes)} of {voters * (voters - 1) // 2} pairs "
            f"differ, D = {number(disagreement(votes))}, and (T − 1)/(2T) · D = {number(share(votes))}")
    return f"{said}: a quarter of the gain." if signed else f"{said}: the gain."


def votes():
    """Voters to click right or wrong, and both sides of the identity that joins gain and disagreement."""
    import matplotlib.pyplot as plt

    now = np.array(VOTES[:START["T"]])
    ind, ens = errors(now, False)
    angle = 2 * np.pi * np.arange(len(now)) / len(now)
    x, y = np.sin(angle), np.cos(angle)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    for s in range(len(now)):
        for t in range(s):
            apart = now[s] != now[t]
            left.plot(x[[s, t]], y[[s, t]], color=COLORS["dropout" if apart else "data"], lw=1.5 if apart else 0.4)
    for s, vote in enumerate(now):
        color = COLORS["dropout" if vote else "data"]
        left.plot(x[s], y[s], "o", color=color, ms=20, mfc="white")
        left.text(x[s], y[s], str(vote), ha="center", va="center", color=color)
    left.set(xlim=(-1.6, 1.6), ylim=(-1.2, 1.2), aspect="equal")
    left.axis("off")
    right.bar([0, 1], ens, 0.6, color=COLORS["data"], alpha=0.9)
    right.bar(0, ind - ens, 0.6, bottom=ens, color=COLORS["dropout"])
    right.bar(1, share(now), 0.6, bottom=ens, fill=False, ls="--", lw=1.5)
    right.text(0.35, ens / 2, "average", va="center", color=COLORS["data"])
    right.text(0.35, (ind + ens) / 2, "gain", va="center", color=COLORS["dropout"])
    right.annotate("(T − 1)/(2T) · D", (1, ind), xytext=(0, 4), textcoords="offset points", ha="center")
    right.set(xticks=[0, 1], xticklabels=["a voter, on average", "by the pairs"], xlim=(-0.5, 1.6), ylim=(0, 1))
    head(left, "A", "the voters, and the pairs that differ")
    head(right, "B", "squared error")
    return Explorable(
        "votes", {"start": START, "votes": VOTES}, fallback=figure,
        alt="A: six voters on a circle, four right and two wrong, with a line between each of the eight pairs that "
            "differ. B: the average error of a voter is the error of the average vote plus a gain, and the share of "
            "disagreement that stands beside it is exactly as high as the gain.")
