"""A trained 1-D network, asked T times with masks: the numbers behind `mc_curves.mjs`.

theta (481,) holds a 1-20-20-1 ReLU network: W1 (20), b1 (20), W2 (20 x 20, by input), b2 (20), w3 (20), b3. `train`
makes the networks that `mc_curves.json` stores; torch is imported there only.
"""

import json
from pathlib import Path

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._maths import band, gap_averages
from book_utils.explorables._text import number
from book_utils.style import COLORS

HIDDEN = 20
GAP = (0.1, 0.7)
RATES = (0.05, 0.1, 0.2, 0.3, 0.5)
PAIR = (22, 24)  # two neighbors in the grid, where there are data
SEED = 1
START = {"rate": 2, "T": 40}
STORED = Path(__file__).with_suffix(".json")


def uniforms(seed, n):
    """n numbers in [0, 1): the generator mulberry32 (T. Ettinger), which starts anew from each seed."""
    with np.errstate(over="ignore"):
        t = np.uint32(seed % 2**32) + np.arange(1, n + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        z = (t ^ t >> np.uint32(15)) * (t | np.uint32(1))
        z = z ^ (z + (z ^ z >> np.uint32(7)) * (z | np.uint32(61)))
        return (z ^ z >> np.uint32(14)) / 2.0**32


def curves(theta, x, p, n_passes, per_row, seed):
    """Outputs (T, n) of T passes; each unit is dropped with probability p, by a mask a pass or a mask a point."""
    theta, x, h = np.asarray(theta), np.asarray(x), HIDDEN
    W1, b1, W2, b2, w3 = np.split(theta[:-1], np.cumsum([h, h, h * h, h]))
    rows = len(x) if per_row else 1
    keep = uniforms(seed, n_passes * rows * 2 * h).reshape(n_passes, rows, 2, h) >= p
    first = np.maximum(x[:, None] * W1 + b1, 0) * keep[:, :, 0] / (1 - p)            # (T, n, h)
    second = np.maximum(first @ W2.reshape(h, h) + b2, 0) * keep[:, :, 1] / (1 - p)
    return second @ w3 + theta[-1]


def summary(samples):
    """Mean and standard deviation (with T - 1) of samples (T, n) over T: (2, n). One pass has no spread: 0."""
    samples = np.asarray(samples)
    return np.stack([samples.mean(axis=0), samples.std(axis=0, ddof=1) if len(samples) > 1 else 0 * samples[0]])


def correlation(a, b):
    """Pearson's correlation of two samples; 0 where one of them does not vary."""
    a, b = np.asarray(a) - np.mean(a), np.asarray(b) - np.mean(b)
    size = np.sqrt(a @ a * (b @ b))
    return a @ b / size if size else 0.0


def truth(x):
    """The curve that the data follow."""
    return np.sin(4 * x) + 0.3 * x


def data():
    """Sixty points on [-1, 1] without the gap: x (60,) and y (60,), noise of standard deviation 0.1."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 600)
    x = x[(x < GAP[0]) | (x > GAP[1])][:60].round(4)
    return x, (truth(x) + 0.1 * rng.standard_normal(60)).round(4)


def train(p, *, steps=1500, seed=0):
    """theta (481,), trained on `data()` with dropout at rate p: Adam, all points in each step."""
    import torch

    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    shapes = [(1, HIDDEN), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,)]
    W1, b1, W2, b2, w3, b3 = parts = [
        torch.tensor(rng.uniform(-1, 1, s) * (6 / s[0] if len(s) == 2 else 1) ** 0.5).requires_grad_() for s in shapes]
    x, y = (torch.tensor(v)[:, None] for v in data())
    optimizer = torch.optim.AdamW(parts, lr=1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def dropped(h):
        return h * (torch.rand(h.shape, generator=generator, dtype=h.dtype) >= p) / (1 - p)

    for _ in range(steps):
        optimizer.zero_grad()
        out = dropped(torch.relu(dropped(torch.relu(x @ W1 + b1)) @ W2 + b2)) @ w3 + b3
        (out - y).square().mean().backward()
        optimizer.step()
        schedule.step()
    return torch.cat([part.detach().flatten() for part in parts]).numpy()


def store():
    """Train one network for each rate and write `mc_curves.json`."""
    thetas = [train(p).round(4).tolist() for p in RATES]
    STORED.write_text(json.dumps(thetas) + "\n", encoding="utf-8")


def sentence(p, per_row, samples, x, truth, gap, pair):
    """`samples` (T, n) are the answers at the points of x (n,); `pair` names two of these."""
    samples = np.asarray(samples)
    if len(samples) == 1:
        what = "no curve, since each point met another network" if per_row else "a curve of one thinned network"
        return f"One pass with p = {p:g}: {what}, and no spread."
    mean, std = summary(samples)
    (error, wrong), (known, unknown) = (gap_averages(x, v, gap) for v in (abs(mean - truth), std))
    return (f"Trained and asked with p = {p:g}. Where there are data the mean is off by {number(error)} and std is "
            f"{number(known)}; in the gap it is off by {number(wrong)} and std is {number(unknown)} (averages). "
            f"Answers at the two neighbors correlate by {number(correlation(*samples[:, pair].T))}.")


def mc_curves():
    """Sixty points with a gap, a network trained on them with dropout, and the T curves that it answers with."""
    import matplotlib.pyplot as plt

    p, n_passes = RATES[START["rate"]], START["T"]
    thetas = json.loads(STORED.read_text(encoding="utf-8"))
    (x, y), grid = data(), np.linspace(-1, 1, 81).round(4)
    samples = curves(thetas[START["rate"]], grid, p, n_passes, False, SEED)
    mean, std = summary(samples)

    figure, (ax, right) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
    ax.axvspan(*GAP, color="0.94")
    ax.text(np.mean(GAP), -1.85, "no data here", ha="center")
    ax.fill(*band(grid, mean, std).T, color=COLORS["dropout"], alpha=0.2, lw=0)
    ax.plot(grid, samples[:12].T, color=COLORS["dropout"], lw=0.6, alpha=0.5)
    ax.plot(grid, truth(grid), "k--", lw=1.2)
    ax.plot(grid, mean, color=COLORS["dropout"], lw=2.4)
    ax.plot(x, y, "o", color=COLORS["data"], ms=3.5)
    ax.plot(grid[list(PAIR)], [1.95, 1.95], "|", color="black")
    ax.text(grid[list(PAIR)].max() + 0.06, 1.95, "the points of B", va="top", fontsize=8)
    ax.set(xlim=(-1, 1), ylim=(-2, 2), xlabel="x")
    head(ax, "A", "y")
    right.plot(*samples[:, PAIR].T, "o", color=COLORS["dropout"], ms=4)
    right.set(xlim=(-1.5, 0.1), ylim=(-1.5, 0.1))
    right.set(xlabel=f"answer at x = {number(grid[PAIR[0]])}")
    head(right, "B", f"answer at x = {number(grid[PAIR[1]])}")
    return Explorable(
        "mc_curves",
        {"start": START, "rates": RATES, "thetas": thetas, "x": x, "y": y,
         "grid": grid, "truth": truth(grid).round(4), "gap": GAP, "pair": PAIR, "seed": SEED},
        fallback=figure,
        alt="A: gray data points on both sides of a gap, a dozen green curves of one network under different masks, "
            "and their band. In the gap the band is narrower than on the data, and the dashed truth runs outside "
            "it. B: the answers of all passes at two neighboring points lie close to a line.")
