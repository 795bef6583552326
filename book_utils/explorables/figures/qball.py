"""The ball of the q-norm that the loss of two features touches: the numbers behind `qball.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._maths import contour
from book_utils.explorables._text import number, significant
from book_utils.style import COLORS

GRAM = np.array([[1.0, 0.3], [0.3, 1.0]])
W_HAT = np.array([2.2, 0.62])
START = {"q": 1.0, "t": 1.3}


def ball(q, t, n=60):
    """4n points with |w1|^q + |w2|^q = t^q, counterclockwise from (t, 0): (4n, 2)."""
    phi = np.pi / 2 * np.arange(n) / n
    x, y = t * np.cos(phi) ** (2 / q), t * np.sin(phi) ** (2 / q)
    quarter, next_quarter = np.column_stack([x, y]), np.column_stack([-y, x])
    return np.vstack([quarter, next_quarter, -quarter, -next_quarter])


def constrained_minimum(G, w_hat, q, t, n=200):
    """The point w of the ball ||w||_q <= t with the smallest (w - w_hat)' G (w - w_hat) / 2.

    If w_hat is inside, w_hat. Else w lies on the boundary: of the four corners, and of the points in each quarter
    where the loss along the boundary stops falling and starts rising, the best. A quarter is searched at n + 1
    angles, and each change of sign is bisected.
    """
    G, w_hat = np.asarray(G, dtype=float), np.asarray(w_hat, dtype=float)
    if (abs(w_hat) ** q).sum() <= t**q:
        return w_hat

    def place(phi, signs):
        return t * np.column_stack([np.cos(phi), np.sin(phi)]).clip(0) ** (2 / q) * signs

    def slope(phi, signs):  # of the loss along the boundary, from (t, 0) to (0, t), times a positive number
        w = place(phi, signs)
        g, size = (w - w_hat) @ G * signs, abs(w)
        if q >= 1:
            return g[:, 1] * size[:, 0] ** (q - 1) - g[:, 0] * size[:, 1] ** (q - 1)
        return g[:, 1] * size[:, 1] ** (1 - q) - g[:, 0] * size[:, 0] ** (1 - q)

    candidates = [[t, 0.0], [0.0, t], [-t, 0.0], [0.0, -t]]
    phi = np.pi / 2 * np.arange(n + 1) / n
    for signs in ([1, 1], [-1, 1], [-1, -1], [1, -1]):
        slopes = slope(phi, signs)
        for i in np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0)):
            low, high = phi[i], phi[i + 1]
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if slope(np.array([middle]), signs)[0] < 0 else (low, middle)
            candidates.append(place(np.array([(low + high) / 2]), signs)[0])
    losses = [(w - w_hat) @ G @ (w - w_hat) for w in np.array(candidates)]
    return np.array(candidates[int(np.argmin(losses))])


def sentence(G, w_hat, q, t, w):
    """`w` is the constrained minimum; λ is what balances the gradient of the loss there."""
    w = np.asarray(w)
    if np.array_equal(w, w_hat):
        return "The ball contains ŵ: w = ŵ, and the constraint does nothing."
    smaller = int(np.argmin(abs(w)))
    name, size, gradient = ("w₁", "w₂")[smaller], abs(w[smaller]), G @ (w - w_hat)
    said = (f"{name} is exactly 0: the loss touches the ball at a corner." if size == 0 else
            f"No weight is exactly 0: {name} is {significant(w[smaller])}, small, but not zero." if size < 0.005 else
            "No weight is exactly 0: the loss touches the ball away from the axes.")
    if q == 1:
        return f"{said} The lasso with λ = {number(abs(gradient).max())} gives the same weights."
    if q == 2:
        return f"{said} Ridge with λ = {number(np.linalg.norm(gradient) / t)} gives the same weights."
    return said if q > 1 else (
        f"{said} The ball is not convex: there can be other local minima, and the best can jump from one to another.")


def qball():
    """Change the norm and the radius of a ball: where does the loss of two features touch it?"""
    import matplotlib.pyplot as plt

    q, t = START.values()
    w = constrained_minimum(GRAM, W_HAT, q, t)
    level = (w - W_HAT) @ GRAM @ (w - W_HAT) / 2
    color = COLORS["l1"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained", width_ratios=(6, 5))
    left.fill(*ball(q, t).T, facecolor=(color, 0.22), edgecolor=color, lw=2)
    for share in (0.25, 1, 1.7):
        points = contour(GRAM, W_HAT, share * level)
        left.plot(*np.vstack([points, points[:1]]).T, color=COLORS["none"],
                  lw=2 if share == 1 else 0.8)
    left.plot(*W_HAT, "o", color=COLORS["none"])
    left.annotate("ŵ", W_HAT, xytext=(6, 6), textcoords="offset points")
    left.plot(*w, "o", color=color)
    left.set(xlim=(-2.2, 3.8), ylim=(-2.7, 2.7), xlabel="weight $w_1$")
    head(left, "A", "weight $w_2$")
    right.bar([0.82, 1.82], W_HAT, 0.3, color="white", edgecolor=COLORS["none"])
    right.bar([1.18, 2.18], w, 0.3, color=color)
    for j in range(2):
        right.annotate("0" if w[j] == 0 else f"{w[j]:.2f}", (1.18 + j, w[j]), xytext=(0, 4),
                       textcoords="offset points", ha="center")
    right.set(xticks=[1, 2], xticklabels=["$w_1$", "$w_2$"], xlabel="ŵ outlined", ylim=(-1, 3))
    head(right, "B", "ŵ and w")
    return Explorable(
        "qball", {"start": START, "G": GRAM, "w_hat": W_HAT}, fallback=figure,
        alt=f"A: elliptic contours of the loss around the least-squares weights {W_HAT[0]} and {W_HAT[1]}; one of "
            f"them touches the ball of the {q:g}-norm of radius {t:g}. B: the weights of the point of contact, "
            f"{w[0]:.2f} and {w[1]:.2f}, as bars beside the least-squares weights.")
