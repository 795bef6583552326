"""The course report's network on the California houses at full size, and draws of regions, for the chapter to read.

Run it with `python benchmarks/california.py`. It writes `book_utils/records/california.json` after each training and
skips what the file holds. An epoch at full size takes about ten seconds of one core, and each ten of the hundred passes
half as long; a draw of regions takes seconds.

What the report states: four hidden layers of 1024 ReLU units, dropout 0.1 behind each, batches of 64, mean squared
error, 100 passes. What it leaves open, and what is taken here: a fifth of the rows to test on; inputs standardized by
the training rows, the target in 100,000 $; torch's first weights; Adam at its default 1e-3, falling to 0 along a
cosine; no weight decay. Some training rows, drawn at random, are held back: they give the noise.

The draws of regions take a smaller network, three layers of 128, and logarithms of the four skewed features.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from book_utils._files import write_whole
from book_utils.data import california
from book_utils.mc_dropout import mc_predict

RECORD = Path(__file__).parents[1] / "book_utils" / "records" / "california.json"
SETTINGS = {
    "full": {"hidden": [1024] * 4, "batch_size": 64, "lr": 1e-3, "n_passes": 100, "held": 1000, "logs": False},
    "regions": {"hidden": [128] * 3, "batch_size": 128, "lr": 3e-3, "n_passes": 30, "held": 2000, "logs": True}}
P = 0.1
RUNS = [("full", "random", 0, 4)] + [("regions", "spatial", seed, epochs) for epochs in (10, 3) for seed in range(20)]
KEYS = ("part", "split", "seed", "epochs")


def network(d, hidden, p):
    """Linear, ReLU, dropout for each hidden layer, and a linear output."""
    layers = []
    for width in hidden:
        layers += [nn.Linear(d, width), nn.ReLU(), nn.Dropout(p)]
        d = width
    return nn.Sequential(*layers, nn.Linear(d, 1))


def features(X, logs):
    """The eight features, those that are skewed as logarithms if asked."""
    return np.column_stack([X[:, :2], np.log(X[:, 2:6]), X[:, 6:]]) if logs else X


def rows_of(data, seed, held, logs):
    """Standardized inputs and targets, float32 tensors: of training, held and test rows."""
    order = np.random.default_rng(seed).permutation(len(data.y_train))
    train, test = features(data.X_train, logs), features(data.X_test, logs)
    mean, std = train.mean(0), train.std(0)
    train, test = (train - mean) / std, (test - mean) / std
    parts = [(train[order[held:]], data.y_train[order[held:]]), (train[order[:held]], data.y_train[order[:held]]),
             (test, data.y_test)]
    return [(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)) for X, y in parts]


def rmse(model, X, y):
    """Of one pass without dropout."""
    model.eval()
    with torch.no_grad():
        return F.mse_loss(model(X)[:, 0], y).sqrt().item()


def train(model, X, y, X_test, y_test, *, epochs, batch_size, lr, seed):
    """Test error of one pass without dropout after each epoch."""
    torch.manual_seed(seed)
    optimizer, curve = torch.optim.Adam(model.parameters(), lr), []
    anneal = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(X) // batch_size))
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            F.mse_loss(model(X[rows])[:, 0], y[rows]).backward()
            optimizer.step()
            anneal.step()
        curve.append(round(rmse(model, X_test, y_test), 4))
    return curve


def log_lik(off2, var):
    """Mean Gaussian log-likelihood, nats."""
    return -np.mean(np.log(2 * np.pi * var) + off2 / var) / 2


def noise_of(off2, var):
    """The variance on a grid that rows with squared errors off2 prefer, added to var."""
    grid = off2.mean() * np.geomspace(1e-3, 2, 400)
    return grid[np.argmax([log_lik(off2, var + noise) for noise in grid])]


def like_priced(values, price, held, held_price):
    """What the held rows have at the price of each test row: the mean in tenths of their price; (n,)."""
    edges = np.quantile(held_price, np.linspace(0, 1, 11)[1:-1])
    means = np.array([held[np.digitize(held_price, edges) == k].mean() for k in range(10)])
    return means[np.digitize(price, edges)]


def full_figures(mean, std, y, held_mean, held_std, held_y):
    """What the chapter says of the network at full size, as numbers."""
    off, off2, held2 = mean - y, (mean - y) ** 2, (held_mean - held_y) ** 2
    noise, constant = noise_of(held2, held_std**2), held2.mean()
    inside = {"std": std**2, "std and noise": std**2 + noise, "constant": np.full_like(std, constant)}
    return {"rmse": off2.mean() ** 0.5, "rmse held": constant**0.5, "noise variance": noise,
            "mean residual": off.mean(), "median residual": np.median(off), "mean std": std.mean(),
            "spearman std error": spearmanr(std, abs(off))[0], "spearman mean error": spearmanr(mean, abs(off))[0],
            "spearman std mean": spearmanr(std, mean)[0],
            "coverage": {name: np.mean(off2 < 1.96**2 * var) for name, var in inside.items()},
            "log-likelihood": {name: log_lik(off2, var) for name, var in inside.items()}}


def region_figures(mean, std, y, held_mean, held_std, held_y):
    """Test rows over held rows: error and std, as they are and at equal predicted price."""
    off2, held2 = (mean - y) ** 2, (held_mean - held_y) ** 2
    std_like = like_priced(std, mean, held_std, held_mean)
    off2_like = like_priced(off2, mean, held2, held_mean)
    return {"error": (off2.mean() / held2.mean()) ** 0.5, "std": std.mean() / held_std.mean(),
            "error, equal price": (off2.mean() / off2_like.mean()) ** 0.5,
            "std, equal price": std.mean() / std_like.mean(), "price": mean.mean() / held_mean.mean()}


def rounded(value):
    """Four digits behind the point, also inside of a dict."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return round(float(value), 4)


def one_run(part, split, seed, epochs):
    """Train, ask, and say what was found; of the full size also each test row, in thousandths."""
    start, settings = time.process_time(), SETTINGS[part]
    data = california(split=split, seed=seed)
    (X, y), (X_held, y_held), (X_test, y_test) = rows_of(data, seed, settings["held"], settings["logs"])
    torch.manual_seed(seed)
    model = network(X.shape[1], settings["hidden"], P)
    curve = train(model, X, y, X_test, y_test, epochs=epochs, batch_size=settings["batch_size"], lr=settings["lr"],
                  seed=seed)
    trained = time.process_time()
    asked = [mc_predict(model, rows, settings["n_passes"], seed=seed) for rows in (X_test, X_held)]
    (mean, std), (held_mean, held_std) = ([v.double().numpy()[:, 0] for v in found[:2]] for found in asked)
    found = [mean, std, y_test.double().numpy(), held_mean, held_std, y_held.double().numpy()]
    run = dict(zip(KEYS, (part, split, seed, epochs), strict=True)) | {"curve": curve}
    if part == "full":
        run |= {"figures": rounded(full_figures(*found))}
        run |= {name: (1000 * v).round().astype(int).tolist() for name, v in (("mean", mean), ("std", std))}
    else:
        cells = np.unique(np.floor(data.X_test[:, :5:-1]), axis=0)
        run |= {"figures": rounded(region_figures(*found)), "cells": cells.astype(int).tolist()}
    return run | {"seconds": {"train": round(trained - start), "ask": round(time.process_time() - trained)}}


def main(parts):
    """Do the runs of these parts that the record lacks, and write it after each."""
    torch.set_num_threads(1)
    versions = {"torch": torch.__version__.split("+")[0], "numpy": np.__version__}
    record = {"settings": SETTINGS, "p": P, "versions": versions, "runs": []}
    if RECORD.exists() and (old := json.loads(RECORD.read_text()))["settings"] == SETTINGS:
        record = old
    for run in RUNS:
        if run[0] not in parts or any(tuple(old[key] for key in KEYS) == run for old in record["runs"]):
            continue
        record["runs"].append(one_run(*run))
        write_whole(RECORD, json.dumps(record, separators=(",", ":")).replace('{"part"', '\n{"part"') + "\n")
        print(run, record["runs"][-1]["figures"], record["runs"][-1]["seconds"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETTINGS))
