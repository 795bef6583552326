"""What the exercises of the part *Doubt* ask. Torch is imported where it is needed."""

import numpy as np
from scipy.special import entr

from book_utils.bayes import linear_posterior
from book_utils.dropout import enumerate_masks
from book_utils.exercises._asked import close, off


def mc_mean_std(ask):
    """Mean and standard deviation over passes with dropout on and batch norm in evaluation mode."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 1)).double()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        for training in False, True:
            model.train(training)
            ask([(2, 1), (2, 1)], model=model, x=torch.tensor([[1.0, 0, 2], [0, 1, 1]]).double(), n_passes=3)
            ask.must(all(torch.equal(value, before[name]) for name, value in model.state_dict().items()),
                     "the running statistics of the batch norm moved: it was in training mode")
            ask.must(all(layer.training == training for layer in model), "the model is not given back in the mode, "
                     f"training={training}, in which it was")
        ask.must(not any(getattr(part, "requires_grad", False) for part in ask.returned), "the results carry gradients")
        model.eval()
        row, passes = torch.tensor([[1.0, 0, 2]]).double(), 2000
        mean, std = ask([(1, 1), (1, 1)], model=model, x=row, n_passes=passes)
        ask.must((std > 1e-9).all(), "the standard deviation is 0: dropout is off, or the passes have equal masks")
        with torch.no_grad():
            terms = (model[-1].weight * model[:-1](row)).numpy()
            exact, spread = model(row).numpy(), np.sqrt((terms**2).sum())
        ask.must(abs(std / spread - 1) < 0.1, "the spread of the passes is not the one that these masks have")
        ask.must(abs(mean - exact) < 5 * spread / np.sqrt(passes),
                 "the mean over passes is not the one that these masks have")
        many = row.repeat(4000, 1)
        _, std = ask([(4000, 1), (4000, 1)], model=model, x=many, n_passes=2)
        ask.must(not off(std**2, spread**2), "the mean of the squared standard deviations of equal rows is not the "
                 "variance: with 2 passes the denominator matters")


def predictive(ask):
    """Mean and variance of a new target in Bayesian linear regression."""
    X, y = np.array([[1, 0], [1, 1], [1, 3]], dtype=float), np.array([1, 2, 5], dtype=float)
    X_new = np.array([[1, 2], [0, 0], [1, 9]], dtype=float)
    given = {"X": X, "y": y, "X_new": X_new, "noise_std": 0.5, "prior_std": 2.0}
    mean, var = ask([(3,), (3,)], **given)
    ask.must((var > 0.25 - 1e-9).all(), "a variance is below that of the noise")
    ask.must(close([mean[1], var[1]], [0, 0.25]),
             "for the row of zeros only the noise is in doubt, and mean or variance says otherwise")
    scaled, wider = ask([(3,), (3,)], **given | {"y": 10 * y, "noise_std": 5.0, "prior_std": 20.0})
    ask.must(close(scaled, 10 * mean) and close(wider, 100 * var), "y and both standard deviations are ten times what "
             "they were, and the mean is not ten times or the variance not a hundred times what it was")
    exact = linear_posterior(X, y, 0.5, 2.0)
    mean, var = ask([(3,), (3,)], **given)
    ask.must(close(mean, X_new @ exact.mean), "the mean is not that of the exact posterior")
    ask.must(close(var, 0.25 + np.einsum("ij,jk,ik->i", X_new, exact.cov, X_new)),
             "the variance is not noise plus model, with the whole covariance of the exact posterior")


def free_energy(ask):
    """What dropout as variational inference minimizes in a linear model, up to a constant."""
    X, y = np.array([[1, 0], [1, 2], [0, 1]], dtype=float), np.array([1, 4, 1], dtype=float)
    given = {"X": X, "y": y, "w": np.array([1.0, -2]), "p": 0.0, "noise_std": 1.0, "prior_std": 1.0}
    none = np.zeros(2)
    ask.must(close(ask((), **given | {"w": none}), y @ y / 2),
             "the weights and p are 0, and the result is not the misfit")
    F, p = ask((), **given | {"w": none, "p": 0.2}), 0.2
    ask.must(F < y @ y / 2, "the weights are 0, and masks do not lower the result: their entropy is a gain")
    ask.must(close(y @ y / 2 - F, 2 * entr([p, 1 - p]).sum()), "the entropy is not that of 2 masks, in nats")
    ask.must(close(ask((), **given | {"w": none, "p": p, "noise_std": 0.5}) - F, 1.5 * y @ y), "the weights are 0, and "
             "half of the noise does not make the misfit four times as large")
    wide = given | {"prior_std": 1e6, "p": p}
    nothing, free = ask((), **wide | {"w": none}), ask((), **wide)
    masks, weights = enumerate_masks(2, p)
    rows = ((y - (masks[:, None] * X / (1 - p)) @ given["w"]) ** 2).T @ weights  # (n,)
    ask.must(close(free - nothing, (rows.sum() - y @ y) / 2), "the misfit is not the one expected over the masks")
    for prior_std in 1.0, 2.0:
        F = ask((), **given | {"prior_std": prior_std, "p": p})
        ask.must(close(F - free, given["w"] @ given["w"] / (2 * prior_std**2 * (1 - p))),
                 "the price of the weights is not half the expected squared length of w * mask / (1 - p), in units of "
                 "the prior's variance")


def noisy_outputs(ask):
    """The outputs of a layer with Gaussian weights, each drawn from its own distribution."""
    x, mu = np.array([[1, 2, 0], [0, -1, 3]], dtype=float), np.array([[1, 0], [0.5, -1], [2, 1]])
    ask.must(close(ask((2, 2), x=x, mu=mu, log_var=np.full((3, 2), -80.0), rng=0), x @ mu),
             "the weights have no noise, and the result is not x @ mu")
    log_var = np.array([[0, 1], [-1, 0.5], [0.5, -2]])
    ask.draws_from_rng((2, 2), x=x, mu=mu, log_var=log_var)
    x = np.tile(x, (10_000, 1))
    noise = ask(x.shape[:1] + (2,), x=x, mu=mu, log_var=log_var, rng=0) - x @ mu
    ask.must(np.ptp(noise[::2, 0]) > 0, "equal rows have equal noise: the weights were drawn once for all rows")
    noise = noise.reshape(10_000, 2, 2)
    ask.must(not off(noise, 0, axis=0), "the mean over 10,000 equal rows is not x @ mu")
    ask.must(not off(noise[..., 0] * noise[..., 1], 0, axis=0), "the two outputs of a row have noise in common")
    ask.must(not off(noise**2, (x**2 @ np.exp(log_var))[:2], axis=0),
             "the variance over 10,000 equal rows is not the one that sums of these weights have")


def held_out_cells(ask):
    """Test rows by whole cells of one degree."""
    rng = np.random.default_rng(0)
    longitude, latitude = rng.uniform(-3, 3, 600).round(2), rng.uniform(-2, 4, 600).round(2)
    corners = np.floor(np.column_stack([longitude, latitude]))
    _, first, cells = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    rows = np.bincount(cells.ravel())
    for share in 0.2, 0.5:
        given = {"longitude": longitude, "latitude": latitude, "share": share}
        ask.draws_from_rng((600,), **given)
        test = ask((600,), **given, rng=0)
        ask.must(np.isin(test, (0, 1)).all(), "the result is not one truth value for each row")
        inside = np.bincount(cells.ravel(), weights=test)
        ask.must(not (inside % rows).any(), "a cell of one degree, from one whole number to the next, has rows on both "
                 "sides")
        ask.must(test.mean() >= share, f"only {test.mean():.2f} of the rows are test rows")
        ask.must(inside.sum() - rows[inside > 0].max() < share * 600,
                 f"{test.mean():.2f} of the rows are test rows, at least one cell more than it takes")
        draws = np.stack([ask((600,), **given, rng=seed) for seed in range(60)])[:, first]
        ask.must((draws.std(axis=0) > 0).all(), "and with 59 other generators, some cells are held out always or never")
        ask.must(len(np.unique(draws, axis=1).T) == len(rows),
                 "and with 59 other generators, some cells of one degree are always on the same side")


def crps_of_samples(ask):
    """The continuous ranked probability score of an empirical distribution."""
    ask.must(close(ask((3,), samples=np.array([[1.0, 4, 2]]), y=np.array([3.0, 3, 3])), [2, 1, 1]),
             "the score of a single sample is not its distance from y")
    samples, y = np.array([[1, 0, 5], [3, 0, 2], [4, 6, 7]], dtype=float), np.array([2.0, 9, 4])
    found = ask((3,), samples=samples, y=y)
    ask.must((found >= 0).all(), "a score is negative")
    ask.must(close(ask((3,), samples=np.tile(samples, (2, 1)), y=y), found),
             "each sample twice changes the score, and not the distribution")
    found = ask((3,), samples=samples, y=y)
    for i in range(3):
        edges = np.sort(np.append(samples[:, i], y[i]))
        left = edges[:-1]
        gap = (samples[:, i] <= left[:, None]).mean(axis=1) - (y[i] <= left)
        ask.must(close(found[i], gap**2 @ np.diff(edges)),
                 f"result[{i}] is not the integral of the squared distance of the two step functions")


def decide(ask):
    """Benign (0), malignant (1) or referred (2): what costs least."""
    for miss, alarm, refer in (1.0, 1.0, 0.2), (10.0, 1.0, 0.5), (10.0, 1.0, 2.0), (1.0, 4.0, 0.6):
        probability = np.array([0.01, 0.04, 0.08, 0.15, 0.3, 0.45, 0.6, 0.7, 0.77, 0.83, 0.9, 0.98])
        found = ask((12,), probability=probability, miss=miss, alarm=alarm, refer=refer)
        ask.must(np.isin(found, (0, 1, 2)).all(), "an answer is none of 0, 1 and 2")
        costs = np.stack([miss * probability, alarm * (1 - probability), np.full(12, refer)])
        paid = np.take_along_axis(costs, found[None].astype(int), axis=0)[0]
        worst = (paid - costs.min(axis=0)).argmax()
        cheaper = ("to say benign", "to say malignant", "to refer")[costs[:, worst].argmin()]
        ask.must(close(paid, costs.min(axis=0)), f"it answers {found[worst]:g} at probability {probability[worst]:g}, "
                 f"where it costs less {cheaper}")


def rmse_of_passes(ask):
    """The root mean squared error of the average of k passes, expected over which passes they are."""
    passes, y = np.array([[1, 5], [2, 3], [6, 4]], dtype=float), np.array([2.0, 6])
    one = ask((), passes=passes, y=y, k=1)
    ask.must(close(one, np.sqrt(np.mean((passes - y) ** 2))),
             "the result is not the root of the mean of all squared errors of single passes")
    two = ask((), passes=passes, y=y, k=2)
    ask.must(close(ask((), passes=np.tile(passes, (2, 1)), y=y, k=2), two), "each pass twice changes the result")
    two, pairs = ask((), passes=passes, y=y, k=2), (passes[:, None] + passes[None]) / 2  # (T, T, n)
    ask.must(close(two, np.sqrt(np.mean((pairs - y) ** 2))), "the result is not that of all 9 averages of two of the "
             "three passes, drawn with replacement")
    ask.must(close(ask((), passes=passes, y=y, k=10**9), np.sqrt(np.mean((passes.mean(axis=0) - y) ** 2))),
             "the result is not the error of the mean of all passes")
