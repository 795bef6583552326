"""Recorded logits of a network, divided by a temperature: the numbers behind `temperature.mjs`.

`train` makes the network whose logits `temperature.json` stores; torch is imported there only.
"""

import json
from pathlib import Path

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import counted, number
from book_utils.style import COLORS

START = {"log_T": 0, "bins": 10}
GRID = np.arange(-40, 61, 2) / 20  # of log2 T
STORED = Path(__file__).with_suffix(".json")
ANGLE = 20
MARK = 4.0  # the area of a dot, in square pixels for each digit in its bin


def confidences(logits, T):
    """The largest of the probabilities softmax(logits / T), for each row of logits (n, C): (n,)."""
    z = np.asarray(logits) / T
    return 1 / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)


def correct(logits, y):
    """1 where the largest logit, the first one if several are, is that of the label: (n,)."""
    return (np.argmax(logits, axis=1) == np.asarray(y)).astype(int)


def nll(logits, y, T):
    """The mean of minus the logarithm of the probability of the label."""
    z = np.asarray(logits) / T
    top = z.max(axis=1)
    return np.mean(top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[np.arange(len(z)), y])


def reliability(confidence, right, bins):
    """Mean confidence, share right and number of the rows in each of equal bins: (3, bins), 0 where one is empty."""
    confidence, right = np.asarray(confidence), np.asarray(right)
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    sums = [np.bincount(which, weights=v, minlength=bins) for v in (confidence, right)]
    return np.array([*(v / np.maximum(count, 1) for v in sums), count])


def calibration_error(confidence, right, bins):
    """The gap between mean confidence and share right, averaged over the rows of all bins: the ECE."""
    mean, share, count = reliability(confidence, right, bins)
    return count @ abs(mean - share) / len(confidence)


def best(logits, y, log_Ts):
    """Which of some log2 T gives the least NLL."""
    return log_Ts[np.argmin([nll(logits, y, 2**v) for v in log_Ts])]


def sentence(T, bins, logits, y, lowest):
    """`lowest` is the temperature with the least NLL on these rows."""
    confidence, right = confidences(logits, T), correct(logits, y)
    mean, share = np.mean(confidence), np.mean(right)
    gap = mean - share
    if abs(gap) < 0.005:
        how = "on average neither too sure nor too modest"
    else:
        how = f"{number(abs(gap))} too {'sure' if gap > 0 else 'modest'} on average"
    return (f"T = {number(T)}: confidence {number(mean)}, right {number(share)}, {how}. ECE with "
            f"{counted(bins, 'bin')} {number(calibration_error(confidence, right, bins), 3)}. NLL "
            f"{number(nll(logits, y, T), 3)}, least at T = {number(lowest)}.")


def train(steps=600):
    """Logits on 500 held-out digits, on 300 others, and on these turned, each rounded, with the labels."""
    import torch
    from scipy.ndimage import rotate

    from book_utils.data import mnist5k

    split = mnist5k(n_train=1500, seed=0)
    X, y = split.X_train / 255, split.y_train
    order = np.random.default_rng(0).permutation(len(split.y_test))[:300]
    clean, y_test = split.X_test[order] / 255, split.y_test[order]
    turned = rotate(clean.reshape(-1, 28, 28), ANGLE, axes=(1, 2), reshape=False, order=1).reshape(-1, 784)
    rng = np.random.default_rng(0)
    layers = [torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU(),
              torch.nn.Linear(128, 10)]
    for layer in layers[::2]:
        layer.weight.data = torch.tensor(rng.standard_normal(layer.weight.shape) * (2 / layer.in_features) ** 0.5)
        layer.bias.data = torch.zeros(layer.out_features, dtype=torch.float64)
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images, labels = torch.tensor(X[:1000]), torch.tensor(y[:1000]).long()
    for _ in range(steps):
        rows = rng.integers(1000, size=100)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        logits = [model(torch.tensor(v)).numpy() for v in (X[1000:], clean, turned)]
    return [(z - z.max(axis=1, keepdims=True)).round(1) for z in logits], y[1000:].astype(int), y_test.astype(int)


def store():
    """Train the network and write `temperature.json`: logits and labels of three sets, and the fitted log2 T."""
    (held_out, clean, turned), y, y_test = train()
    fitted = best(held_out, y, GRID)
    p = np.exp(clean / 2**fitted)
    p /= p.sum(axis=1, keepdims=True)
    drawn = (p.cumsum(axis=1) < np.random.default_rng(0).random((len(p), 1))).sum(axis=1).clip(max=9)
    sets = {"clean": [clean.tolist(), y_test.tolist()], "turned": [turned.tolist(), y_test.tolist()],
            "drawn": [clean.tolist(), drawn.tolist()]}
    STORED.write_text(json.dumps({"fitted": fitted, "sets": sets}).replace(", ", ",") + "\n", encoding="utf-8")


def temperature():
    """A reliability diagram, ECE and NLL of recorded logits, moved by the temperature and the number of bins."""
    import matplotlib.pyplot as plt

    stored = json.loads(STORED.read_text(encoding="utf-8"))
    logits, y = stored["sets"]["clean"]
    bins, T, right = START["bins"], 2 ** START["log_T"], correct(logits, y)
    mean, share, count = reliability(confidences(logits, T), right, bins)
    full = count > 0
    figure, (ax, curves) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
    ax.plot([0, 1], [0, 1], "k--", lw=1.2)
    ax.vlines(mean[full], mean[full], share[full], color=COLORS["none"], lw=2)
    ax.scatter(mean[full], share[full], 2 * MARK / np.pi * count[full] ** 0.5 + 8, color=COLORS["none"])
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence")
    head(ax, "A", "share right")
    curves.plot(GRID, [nll(logits, y, 2**v) for v in GRID], color=COLORS["none"])
    curves.plot(GRID, [calibration_error(confidences(logits, 2**v), right, bins) for v in GRID],
                color=COLORS["data"])
    curves.axvline(stored["fitted"], color="black", ls="--", lw=1.2)
    for values in (nll(logits, y, T), calibration_error(confidences(logits, T), right, bins)):
        curves.plot(START["log_T"], values, "ko")
    curves.text(-1.9, 0.72, "NLL", color=COLORS["none"])
    curves.text(-1.9, 0.15, "ECE", color=COLORS["data"])
    curves.set(xlim=(-2, 3), ylim=(0, 1.5), xlabel="log₂ T")
    head(curves, "B", "NLL in nats, and ECE")
    return Explorable(
        "temperature", {"start": START, "grid": GRID, **stored}, fallback=figure,
        alt="A: a reliability diagram of 300 digits at temperature 1; most bins lie below the dashed diagonal. B: the "
            "NLL against the logarithm of the temperature, a smooth valley, and the ECE, a jagged one; a dashed line "
            "marks the temperature fitted on other digits.")
