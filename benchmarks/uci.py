"""Table 1 of Gal & Ghahramani (2016) again: MC dropout on UCI sets with the published splits, beside its rivals.

Run it with `python benchmarks/uci.py yacht energy --times 10 100 2016`. A set needs from a minute to an hour. Stop it
whenever you like: the same call goes on where it was. `--workers 4` uses four processes, `--cluster tcp://host:8786` a
Dask cluster, `--device cuda` a GPU. What is done stands in `book_utils/records`, one JSON a set (`read("uci-yacht")`),
which the chapter reads.

The protocol is that of the authors' code of 2018: one hidden layer of 50 ReLU units (100 for protein), dropout before
both layers, the decay l^2 (1 - p) / (2 N tau) with l = 0.01, Adam, batches of 128, 40 epochs (20 for protein) times 10
or 100. For each of the 20 splits (5 for protein) a grid of four rates p and three precisions tau is trained on the
first 80 % of the training rows; the pair with the best log-likelihood on the rest trains once more, on all of them.
T = 10000 passes; the log-likelihood is that of the targets in their own unit.

`--times 2016` is the code that the paper's table came from: batches of 32, 400 epochs on all training rows, and one
p, tau and l a set, which had been chosen once for all splits. Nothing is chosen again. `--times 2016b` is its later
version: the same with batches of 128 and 4000 epochs.

The rivals see the same rows, and choose on the same rest: the penalty of ridge, the trees of boosting, and each its own
precision of Gaussian noise. The networks without dropout are trained as those with it, at p = 0, five for each split:
the first is `network`, the average of all is `ensemble`. `dropout, scaled` is the chosen network with dropout off,
`dropout, one pass` its first random pass, and `dropout, own tau` has a precision that is not from the grid, chosen like
the rivals'.
"""

import argparse
import contextlib
import json
import math
import sys
import time
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from book_utils._files import write_whole
from book_utils.data import uci
from book_utils.experiments import run
from book_utils.linear import lstsq, ridge
from book_utils.uncertainty import log_likelihood

ROOT = Path(__file__).resolve().parents[1]
RATES = [0.005, 0.01, 0.05, 0.1]
TAUS = {
    "yacht": [0.25, 0.5, 0.75], "energy": [0.25, 0.5, 0.75], "concrete": [0.025, 0.05, 0.075],
    "wine-quality-red": [2.5, 3.0, 3.5], "power-plant": [0.05, 0.1, 0.15], "kin8nm": [150, 200, 250],
    "naval-propulsion-plant": [30000, 40000, 50000], "protein-tertiary-structure": [0.025, 0.05, 0.075]}
N_SPLITS, HIDDEN, EPOCHS = ({name: usual if name != "protein-tertiary-structure" else its for name in TAUS}
                            for usual, its in ((20, 5), (50, 100), (40, 20)))
AS_IN_2016 = {  # p, tau and l
    "yacht": (0.01, 0.541869562034, 0.1), "energy": (0.05, 0.427114830213, 0.01),
    "concrete": (0.01, 0.0557319157756, 0.01), "wine-quality-red": (0.05, 2.95833720839, 0.01),
    "power-plant": (0.005, 0.0871109017617, 0.01), "kin8nm": (0.05, 192.482910156, 0.01)}
MEMBERS = 5  # of the ensemble; the first of them is the single network without dropout
LENGTH_SCALE, BATCH, LR = 0.01, 128, 1e-3
CPU_ROWS = 2**11  # of a split, at once: their intermediate results fit a processor's cache
FULL = 10_000  # passes
TAU_PASSES = 1000  # enough to choose a precision with


def best_tau(samples, y):
    """The precision with the highest log-likelihood; for one prediction a row, one over its mean squared error."""
    middle = -math.log(((y - samples.mean(axis=0)) ** 2).mean())
    found = minimize_scalar(lambda log_tau: -log_likelihood(samples, y, math.exp(log_tau)),
                            bounds=(middle - 3, middle + 8), method="bounded")
    return math.exp(found.x)


def score(samples, y, tau):
    """What the table shows: the error of the mean prediction, and the log-likelihood."""
    rmse = np.sqrt(((y - samples.mean(axis=0)) ** 2).mean())
    return {"rmse": rounded(rmse), "ll": rounded(log_likelihood(samples, y, tau))}


def rounded(value):
    """Four digits, as a float that JSON can hold."""
    return float(f"{float(value):.4g}")


class Networks:
    """M networks for each of S splits, with one hidden layer and dropout before both layers, as batched products.

    Weights are (S·M, ...), p is (S, M). Each split has its own random numbers, so that its figures do not depend on
    which others are computed beside it.
    """

    def __init__(self, weights, p):
        self.weights, self.p, self._room = weights, p, {}

    @classmethod
    def drawn(cls, p, d, hidden, seeds):
        """Glorot's uniform weights, drawn on the CPU, so that they are the same on every device."""
        starts = [torch.Generator().manual_seed(seed) for seed in seeds]

        def glorot(rows, columns):
            parts = [torch.rand(p.shape[1], rows, columns, generator=start) for start in starts]
            return ((2 * torch.cat(parts) - 1) * math.sqrt(6 / (rows + columns))).to(p.device)

        zeros = partial(torch.zeros, p.numel(), 1, device=p.device)
        return cls([glorot(d, hidden), zeros(hidden), glorot(hidden, 1), zeros(1)], p)

    def some(self, numbers):
        """Those with the numbers (S, k) within their split."""
        index = torch.arange(len(self.p), device=self.p.device)[:, None], numbers
        return Networks([w.unflatten(0, self.p.shape)[index].flatten(0, 1) for w in self.weights], self.p[index])

    def room(self, name, *shape, dtype=torch.float32):
        """A tensor to write to, the same one at every call: fresh memory would cost more than the arithmetic."""
        if (name, shape) not in self._room:
            self._room[name, shape] = torch.empty(shape, dtype=dtype, device=self.p.device)
        return self._room[name, shape]

    def mask(self, name, rows, units, generators, common):
        """1 (kept) or 0 (S, M, rows, units), from 16 random bits an entry, which may be common to the M networks."""
        shape = 1 if common else self.p.shape[1], rows, units
        words = self.room(f"{name} bits", len(self.p), -(-math.prod(shape) // 4), dtype=torch.int64)
        for row, generator in zip(words, generators, strict=True):
            row.random_(-2**63, None, generator=generator)
        lanes = words.view(torch.int16)[:, :math.prod(shape)].unflatten(1, shape)
        threshold = (torch.round(self.p * 2**16) - 2**15).to(torch.int16)[..., None, None]
        return torch.ge(lanes, threshold, out=self.room(name, *self.p.shape, rows, units))

    def forward(self, x, generators=None, *, common=False):
        """Predictions (S·M, 1, rows) for standardized x (S, rows, d); without generators, those of dropout off."""
        W1, b1, W2, b2 = self.weights
        rows, units = x.shape[1], W1.shape[-1]
        self.x = self.room("x", *self.p.shape, *x.shape[1:]).copy_(x[:, None])
        self.scale = torch.ones_like(self.p.reshape(-1, 1, 1))
        if generators:
            self.x *= self.mask("input", *x.shape[1:], generators, common)
            self.scale /= 1 - self.p.reshape(-1, 1, 1)
        self.x = self.x.flatten(0, 1)
        self.h = torch.baddbmm(b1, self.x, W1 * self.scale, out=self.room("h", len(W1), rows, units)).relu_()
        if generators:
            self.h *= self.mask("hidden", rows, units, generators, common).flatten(0, 1)
        return torch.baddbmm(b2, (W2 * self.scale).mT, self.h.mT)

    def backward(self, g, decay):
        """Set the gradients, given the loss's (S·M, 1, rows) by the predictions and the penalty's factor (S·M, 1, 1).

        h > 0 exactly where a unit was kept and its input was positive. What h held is gone afterwards.
        """
        W1, b1, W2, b2 = self.weights
        W2.grad = (g @ self.h).mT * self.scale + 2 * decay * W2
        g_h = torch.mul(g.mT, (W2 * self.scale).mT, out=self.room("g", *self.h.shape))
        g_h *= self.h.sign_()
        W1.grad = (self.x.mT @ g_h) * self.scale + 2 * decay * W1
        b1.grad, b2.grad = g_h.sum(1, keepdim=True), g.sum(2, keepdim=True)


def train(part, p, decay, *, hidden, epochs, seeds, bar, batch=BATCH):
    """Networks fitted to the rows of a part; decay (S, M) multiplies the squared weights in the loss, as in Keras."""
    networks = Networks.drawn(p, part.X_fit.shape[-1], hidden, seeds)
    optimizer = torch.optim.Adam(networks.weights, lr=LR, eps=1e-7, fused=True)  # eps as in Keras
    generators = [torch.Generator(p.device).manual_seed(seed + 1) for seed in seeds]  # not those of the weights
    S, M = p.shape
    splits, decay = torch.arange(S, device=p.device)[:, None], decay.reshape(-1, 1, 1)
    for _ in range(epochs):
        order = torch.stack([torch.randperm(part.y_fit.shape[1], generator=generator, device=p.device)
                             for generator in generators])
        for rows in order.split(batch, dim=1):
            f = networks.forward(part.X_fit[splits, rows], generators).view(S, M, -1)
            g = 2 / rows.shape[1] * (f - part.y_fit[splits, rows][:, None])  # of the mean squared error
            networks.backward(g.view(S * M, 1, -1), decay)
            optimizer.step()
        bar.update()
    return networks


def passes(networks, part, n_passes, seeds):
    """Predictions of the rows to judge with dropout, block by block: (S, M, t, r), which passes and which rows."""
    S, n, d = part.X.shape
    M, device = networks.p.shape[1], networks.p.device
    budget = (CPU_ROWS if device.type == "cpu" else 2**19) // M + 1
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    for row in range(0, n, budget):
        rows = slice(row, min(row + budget, n))
        count = rows.stop - row
        for t in range(0, n_passes, step := max(1, budget // count)):
            ts = slice(t, min(t + step, n_passes))
            x = part.X[:, None, rows].expand(S, ts.stop - t, count, d).reshape(S, -1, d)
            f = networks.forward(x, generators, common=True)
            yield f.view(S, M, -1, count) * part.scale[..., None, None], ts, rows


class Part:
    """Rows to fit and rows to judge of several splits, on a device.

    X and y_fit are standardized by the rows to fit; y is centered, in the units of the file, as predictions times
    `scale` (S, 1) are.
    """

    def __init__(self, fit, judge, device="cpu", dtype=torch.float32):
        arrays = []
        for (X, y), (X_new, y_new) in zip(fit, judge, strict=True):
            mean, std = X.mean(axis=0), np.where(X.std(axis=0) == 0, 1, X.std(axis=0))
            arrays.append([(X - mean) / std, (y - y.mean()) / y.std(), (X_new - mean) / std, y_new - y.mean(),
                           y.std(keepdims=True)])
        self.X_fit, self.y_fit, self.X, self.y, self.scale = (
            torch.tensor(np.stack(array), dtype=dtype, device=device) for array in zip(*arrays, strict=True))


def parts(name, splits, **options):
    """The rows to choose on, and those to report on."""
    data = [uci(name, split) for split in splits]
    n_fit = int(0.8 * len(data[0].y_train))
    return (Part([(s.X_train[:n_fit], s.y_train[:n_fit]) for s in data],
                 [(s.X_train[n_fit:], s.y_train[n_fit:]) for s in data], **options),
            Part([(s.X_train, s.y_train) for s in data], [(s.X_test, s.y_test) for s in data], **options))


def mc_scores(networks, part, taus, n_passes, seeds):
    """RMSE (S, M) of the mean of all passes, log-likelihoods (k, S, M) at the precisions taus (k, S, M), and the RMSE
    (S, M) of the first pass alone."""
    total = torch.zeros(*networks.p.shape, part.y.shape[1], dtype=torch.float64, device=part.y.device)
    logs = torch.full((len(taus), *total.shape), -math.inf, dtype=torch.float64, device=part.y.device)
    first = torch.zeros_like(total)
    for f, ts, rows in passes(networks, part, n_passes, seeds):
        total[..., rows] += f.sum(2)
        squares = (part.y[:, None, None, rows] - f) ** 2
        if ts.start == 0:
            first[..., rows] = squares[:, :, 0].double()
        for log, tau in zip(logs, taus, strict=True):
            block = torch.logsumexp(-tau[..., None, None] / 2 * squares, dim=2)
            log[..., rows] = torch.logaddexp(log[..., rows], block.double())
    rmse = ((part.y[:, None] - total / n_passes) ** 2).mean(-1).sqrt()
    return rmse, logs.mean(-1) - math.log(n_passes) + (taus / (2 * math.pi)).log() / 2, first.mean(-1).sqrt()


def without_masks(networks, part):
    """Predictions (S, M, n) of the rows to judge with dropout off."""
    f = networks.forward(part.X).unflatten(0, networks.p.shape).squeeze(2)
    return (f * part.scale[..., None]).double().cpu().numpy()


def network_figures(name, splits, *, times, n_passes, seed, device, progress):
    """For each split: the grid and what it chose, and the scores of networks with dropout and without."""
    choosing, final = parts(name, splits, device=device)
    S, grid, epochs = len(splits), torch.tensor(list(product(RATES, TAUS[name])), device=device), EPOCHS[name] * times
    seeds = np.array([np.random.SeedSequence([seed, split]).generate_state(5) for split in splits]).T.tolist()
    bar = tqdm(total=2 * epochs, disable=not progress, leave=False, desc=f"{name} {times}x, epochs")

    def fitted(part, pairs, seeds):
        """Networks with the pairs (p, tau) (S, M, 2), and after them those without dropout."""
        off = torch.tensor([0.0, TAUS[name][1]], device=device).expand(S, MEMBERS, 2)
        p, tau = torch.cat([pairs, off], dim=1).unbind(-1)
        decay = LENGTH_SCALE**2 * (1 - p) / (2 * part.y_fit.shape[1] * tau)
        return train(part, p, decay, hidden=HIDDEN[name], epochs=epochs, seeds=seeds, bar=bar)

    networks = fitted(choosing, grid.expand(S, -1, -1), seeds[0])
    numbers = torch.arange(networks.p.shape[1], device=device).expand(S, -1)
    grid_rmse, (grid_ll,), _ = mc_scores(networks.some(numbers[:, :len(grid)]), choosing, grid[:, 1].expand(1, S, -1),
                                         n_passes, seeds[1])
    best = grid_ll.argmax(dim=1, keepdim=True)
    # Precisions are chosen with the networks that did not see these rows: the best one, and those without dropout.
    networks = networks.some(torch.cat([best, numbers[:, len(grid):]], dim=1))
    held, y_held = torch.empty(S, TAU_PASSES, choosing.y.shape[1]), choosing.y.double().cpu().numpy()
    for f, ts, rows in passes(networks.some(numbers[:, :1]), choosing, TAU_PASSES, seeds[2]):
        held[:, ts, rows] = f[:, 0].cpu()
    own_tau = [best_tau(*pair) for pair in zip(held.double().numpy(), y_held, strict=True)]
    held_off = without_masks(networks, choosing)
    # The same ones, fitted to all training rows.
    networks = fitted(final, grid[best], seeds[3])
    taus = torch.stack([grid[best, 1], torch.tensor(own_tau, dtype=torch.float32, device=device)[:, None]])
    rmse, lls, first = mc_scores(networks.some(numbers[:, :1]), final, taus, n_passes, seeds[4])
    off, y = without_masks(networks, final), final.y.double().cpu().numpy()
    bar.close()
    return [{
        "p": rounded(grid[best[s, 0], 0]), "tau": rounded(grid[best[s, 0], 1]), "own_tau": rounded(own_tau[s]),
        "grid_rmse": [rounded(value) for value in grid_rmse[s]], "grid_ll": [rounded(value) for value in grid_ll[s]],
        "scores": {
            "dropout": {"rmse": rounded(rmse[s, 0]), "ll": rounded(lls[0, s, 0])},
            "dropout, own tau": {"rmse": rounded(rmse[s, 0]), "ll": rounded(lls[1, s, 0])},
            "dropout, one pass": {"rmse": rounded(first[s, 0])},
        } | {method: score(off[s, which], y[s], best_tau(held_off[s, which], y_held[s])) for method, which in (
            ("dropout, scaled", slice(0, 1)), ("network", slice(1, 2)), ("ensemble", slice(1, None)))},
    } for s in range(S)]


def figures_of_2016(name, splits, *, times, n_passes, seed, device, progress):
    """For each split: the scores of one dropout network, trained as the code of 2016 did."""
    _, final = parts(name, splits, device=device)
    (p, tau, length), S = AS_IN_2016[name], len(splits)
    batch, epochs = (32, 10 * EPOCHS[name]) if times == "2016" else (BATCH, 100 * EPOCHS[name])
    seeds = np.array([np.random.SeedSequence([seed, split]).generate_state(2) for split in splits]).T.tolist()
    rates, taus = (torch.full((S, 1), value, device=device) for value in (p, tau))
    decay = length**2 * (1 - rates) / (2 * final.y_fit.shape[1] * taus)
    with tqdm(total=epochs, disable=not progress, leave=False, desc=f"{name} {times}, epochs") as bar:
        networks = train(final, rates, decay, hidden=HIDDEN[name], epochs=epochs, seeds=seeds[0], bar=bar, batch=batch)
    rmse, (ll,), first = mc_scores(networks, final, taus[None], n_passes, seeds[1])
    off, y = without_masks(networks, final), final.y.double().cpu().numpy()
    return [{"p": p, "tau": rounded(tau), "scores": {
        "dropout": {"rmse": rounded(rmse[s, 0]), "ll": rounded(ll[s, 0])},
        "dropout, one pass": {"rmse": rounded(first[s, 0])},
        "dropout, scaled": score(off[s], y[s], tau)}} for s in range(S)]


def other_figures(name, splits):
    """For each split: the scores of what is no network, each with the settings that were best on the rows held out."""
    figures = []
    for split in splits:
        # In float32 the features of `energy` are no longer collinear, and least squares fits their rounding errors.
        choosing, final = ([array[0].numpy() for array in (part.X_fit, part.y_fit, part.X, part.y, part.scale)]
                           for part in parts(name, [split], dtype=torch.float64))
        scores = {}
        for method, candidates in RIVALS.items():
            X, y, X_new, y_new, scale = choosing
            tried = [(f * scale, setting) for f, setting in candidates(X, y, X_new)]
            f, setting = min(tried, key=lambda pair: ((y_new - pair[0]) ** 2).mean())  # noqa: B023
            tau = best_tau(f[None], y_new)
            X, y, X_new, y_new, scale = final
            ((f, _),) = candidates(X, y, X_new, [setting])
            scores[method] = score(scale * f[None], y_new, tau)
        figures.append({"scores": scores})
    return figures


def linear(X, y, X_new, settings=(None,)):
    """Least squares."""
    return [(X_new @ lstsq(X, y), setting) for setting in settings]


def penalized(X, y, X_new, settings=tuple(10 ** (k / 4) for k in range(-20, 5))):
    """Ridge."""
    return [(X_new @ ridge(X, y, lam), lam) for lam in settings]


def boosting(X, y, X_new, settings=((7, 5, None), (7, 20, None), (31, 5, None), (31, 20, None))):
    """Boosted trees, with the number of trees that is best so far: leaves, rows in a leaf, trees."""
    for leaves, rows, trees in settings:
        model = HistGradientBoostingRegressor(max_iter=trees or 500, max_leaf_nodes=leaves, min_samples_leaf=rows,
                                              early_stopping=False).fit(X, y)
        for count, f in enumerate(model.staged_predict(X_new), 1):
            if trees in (None, count):
                yield f, (leaves, rows, count)


RIVALS = {"linear": linear, "ridge": penalized, "boosting": boosting}


def cell(name, times, splits, n_passes, seed, device, *, progress=False):
    """The figures of some splits of a set: of networks, or, at no epochs, of what is none."""
    networks = partial(figures_of_2016 if isinstance(times, str) else network_figures, times=times)
    started, threads = time.process_time(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            figures = (networks(name, splits, n_passes=n_passes, seed=seed, device=device, progress=progress)
                       if times else other_figures(name, splits))
    finally:
        torch.set_num_threads(threads)
    return {"splits": figures, "cpu_seconds": round(time.process_time() - started, 1),
            "versions": {package: version(package) for package in ("numpy", "torch", "scikit-learn")}}


def columns(splits):
    """Figures of each split, {name: value}, as a list of values for each name, at every depth."""
    if not isinstance(splits[0], dict):
        return splits
    return {name: columns([figures[name] for figures in splits]) for name in splits[0]}


def write(path, record):
    """A JSON file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(record) + "\n")


def write_record(folder, name, times, settings, results):
    """Put what a set has at these epochs into its file, beside what it has at others."""
    path = folder / f"uci-{name}.json"
    record = json.loads(path.read_text()) if path.exists() else {
        "name": name, "rates": RATES, "taus": TAUS[name], "hidden": HIDDEN[name], "epochs": EPOCHS[name],
        "batch": BATCH, "lr": LR, "length_scale": LENGTH_SCALE, "members": MEMBERS, "runs": {}}
    versions = [result["versions"] for result in results]
    record["runs"][str(times)] = {
        "settings": settings, "cpu_seconds": round(sum(result["cpu_seconds"] for result in results), 1),
        "versions": [one for i, one in enumerate(versions) if one not in versions[:i]],
        **columns([split for result in results for split in result["splits"]])}
    record["runs"] = dict(sorted(record["runs"].items(), key=lambda item: (int(item[0].strip("b")), item[0])))
    write(path, record)


def table(folder):
    """Print what there is: mean and standard error over splits."""
    for path in sorted(folder.glob("uci-*.json")):
        record = json.loads(path.read_text())
        for times, figures in record["runs"].items():
            for method, scores in figures["scores"].items():
                cells = [f"{np.mean(values):8.3f} ±{np.std(values, ddof=1) / math.sqrt(len(values)):6.3f}"
                         for values in scores.values()]
                print(f"{record['name']:28s}{times:>6s}  {method:18s}{''.join(cells)}")


def epochs(text):
    """What `--times` takes: a number, or the name of a protocol."""
    return text if text in ("2016", "2016b") else int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    usual = list(TAUS)[:6]
    parser.add_argument("names", nargs="*", metavar="SET", help=f"the first six of {', '.join(TAUS)}")
    parser.add_argument("--times", type=epochs, nargs="+", default=[10],
                        help="how many times 40 epochs; 2016, 2016b: as in the code of the paper, first and later")
    parser.add_argument("--workers", type=int, default=1, help="processes; -1: one a core")
    parser.add_argument("--cluster", help="the address of a Dask scheduler")
    parser.add_argument("--device", default="cpu", help="where the networks are: cpu, cuda")
    parser.add_argument("--together", type=int, default=5, help="splits that train together, and are kept together")
    parser.add_argument("--splits", type=int, default=20, help="only the first ones, to try")
    parser.add_argument("--passes", type=int, default=FULL, help="fewer, to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "uci", help="what is done so far")
    parser.add_argument("--records", type=Path, help="where the JSON files go; if not all is run, into the store")
    options = parser.parse_args()
    if unknown := set(options.names) - set(TAUS):
        parser.error(f"no such set: {', '.join(sorted(unknown))}; there are {', '.join(TAUS)}")
    full = options.splits >= 20 and options.passes == FULL
    records = options.records or (ROOT / "book_utils" / "records" if full else options.store / "tried")
    failed = []
    with contextlib.ExitStack() as stack:
        if options.cluster:
            import joblib
            from dask.distributed import Client

            stack.enter_context(Client(options.cluster))
            stack.enter_context(joblib.parallel_config("dask"))
        task = partial(cell, progress=options.workers == 1 and not options.cluster)
        for name, times in product(options.names or usual, [0, *options.times]):
            splits = list(range(min(options.splits, N_SPLITS[name])))
            together = options.together if times else len(splits)
            settings = [{"name": name, "times": times, "splits": splits[i:i + together],
                         "n_passes": options.passes if times else 0, "seed": options.seed if times else 0,
                         "device": options.device if times else "cpu"} for i in range(0, len(splits), together)]
            try:
                results = run(task, settings, store=options.store, n_jobs=options.workers, progress=True)
                write_record(records, name, times, settings, results)
            except RuntimeError as error:  # the next set is not its fault
                failed.append(str(error))
    if records.exists():
        table(records)
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
