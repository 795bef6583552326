"""What the exercises of the part *Noise* ask."""

import numpy as np
from scipy.integrate import quad
from scipy.special import expit

from book_utils.dropout import preactivation_moments
from book_utils.exercises._asked import close, off


def inverted_dropout(ask):
    """Dropout whose expected value is its input."""
    x = np.arange(1.0, 7).reshape(2, 3)
    ask.must(close(ask(x.shape, x=x, p=0.0, rng=0), x), "p is 0, and the result is not x")
    ask.draws_from_rng((50,), x=np.arange(1.0, 51), p=0.5)
    x = np.full((200, 200), 2.0)
    out = ask(x.shape, x=x, p=0.2, rng=0)
    share = np.mean(out == 0)
    ask.must(not off(((out == 0).mean(axis=1) - share) ** 2, share * (1 - share) / 200),
             "the number of dropped entries varies from row to row by more, or by less, than if each is dropped alone")
    ask.must(not off(out == 0, 0.2), f"every entry is 2, and a share of {share:.2f} is dropped")
    ask.must(not off(out, 2), f"every entry is 2, and the mean of the result is {out.mean():.2f}")
    ask.must(np.ptp(out[out != 0]) < 1e-9, "every entry is 2, and those that are kept differ from each other")
    totals = [np.sum(ask((10,), x=np.ones(10), p=0.2, rng=seed) == 0) for seed in range(400)]
    ask.must(np.ptp(totals) > 0, "the number of dropped entries was the same in 400 calls")


def geometric_mean(ask):
    """The normalized geometric mean of T probability vectors."""
    probs = np.array([[0.1, 0.2, 0.7, 0.5], [0.6, 0.3, 0.1, 0.25], [0.3, 0.5, 0.2, 0.25]]).T.reshape(2, 2, 3)
    probs = np.concatenate([probs, probs[:1, ::-1]])
    ask.must(close(ask((2, 3), probs=probs[:1]), probs[0]), "one voter's mean is not its own prediction")
    q = ask((2, 3), probs=probs)
    ask.must(close(q.sum(axis=-1), 1), "the probabilities of a row do not sum to 1")
    ask.must(close(ask((2, 3), probs=np.repeat(probs, 2, axis=0)), q), "each voter twice changes the mean")
    q = ask((2, 3), probs=probs)
    ratio, wanted = q[:, 0] / q[:, 1], np.cbrt(np.prod(probs[..., 0] / probs[..., 1], axis=0))
    ask.must(close(ratio, wanted), "the odds of class 0 against class 1 are not the geometric mean of the voters' odds")
    q = ask((2, 3), probs=np.repeat(probs, 1000, axis=0))
    ask.must(close(q[:, 0] / q[:, 1], wanted), "with 1000 copies of each voter the result is another")


def logistic_strengths(ask):
    """The strength of the penalty that dropout of the inputs puts on each weight of a logistic regression."""
    X = np.array([[1, 0, 2], [0, 3, 1], [2, 1, 0], [1, 1, 4]], dtype=float)
    w, b = np.array([0.5, -1, 0.25]), 0.5
    ask.must(close(ask((3,), X=X, w=w, b=b, p=0.0), 0), "without dropout there is a penalty")
    found = ask((3,), X=X, w=w, b=b, p=0.3)
    ask.must((found > 0).all(), "a strength is not positive, although its feature is used")
    ask.must(close(ask((3,), X=np.tile(X, (2, 1)), w=w, b=b, p=0.3), found), "each row twice changes the strengths")
    units = np.array([10, 1, 1])
    ask.must(close(ask((3,), X=X * units, w=w / units, b=b, p=0.3), found * units**2),
             "feature 0 is measured in a unit ten times smaller, and the price of its weight, strength times weight "
             "squared, is not what it was")
    ask.must((ask((3,), X=X, w=w, b=60.0, p=0.3) < 1e-9).all(),
             "the model is sure of every row, and noise still has a price")
    found = ask((3,), X=X, w=w, b=b, p=0.3)
    s = expit(X @ w + b)
    for j in range(3):
        _, variance = preactivation_moments(X[:, [j]], w[[j]], 0.3)
        ask.must(close(found[j] * w[j] ** 2, np.mean(s * (1 - s) * variance)),
                 f"result[{j}] times w[{j}] squared is not the mean over rows of the loss's curvature times the "
                 f"variance that the mask of feature {j} gives z")


def mean_relu(ask):
    """The mean of max(z, 0) for a Gaussian z."""
    mu, s = np.array([-2.0, 0, 1]), np.zeros(3)
    ask.must(close(ask((3,), mu=mu, s=s), np.maximum(mu, 0)), "the result is not max(mu, 0), although z does not vary")
    mu, s = np.array([-1, 0, 0.5, 2]), np.array([2, 1, 0.5, 3])
    found = ask((4,), mu=mu, s=s)
    ask.must((found >= np.maximum(mu, 0)).all(), "the result is below max(mu, 0), and ReLU is convex")
    ask.must(close(ask((4,), mu=10 * mu, s=10 * s), 10 * found),
             "mu and s are ten times what they were in another call, and the result is not")
    ask.must(close(ask((4,), mu=0 - mu, s=s), found - mu),
             "the mean of max(-z, 0) is not the mean of max(z, 0) less that of z")
    found = ask((4,), mu=mu, s=s)
    exact = [quad(lambda t, m=m, d=d: (m + d * t) * np.exp(-(t**2) / 2), -m / d, 40)[0] / np.sqrt(2 * np.pi)
             for m, d in zip(mu, s, strict=True)]
    ask.must(close(found, exact), "the result is not the integral of max(z, 0) over the density of z")


def channel_dropout(ask):
    """Inverted dropout of whole channels."""
    x = np.arange(1.0, 13).reshape(1, 3, 2, 2)
    ask.must(close(ask(x.shape, x=x, p=0.0, rng=0), x), "p is 0, and the result is not x")
    ask.draws_from_rng((2, 20, 2, 2), x=np.arange(1.0, 161).reshape(2, 20, 2, 2), p=0.5)
    x = np.full((120, 120, 2, 3), 2.0)
    out = ask(x.shape, x=x, p=0.2, rng=0)
    dropped = out == 0
    ask.must(dropped.any(), "nothing is dropped")
    ask.must(close(dropped.all(axis=(2, 3)), dropped.any(axis=(2, 3))), "a channel is dropped in part")
    channels = dropped[:, :, 0, 0]
    ask.must((channels.std(axis=0) > 0).all(), "all rows have the same mask")
    ask.must((channels.std(axis=1) > 0).all(), "all channels of a row are dropped together")
    ask.must(not off(channels, 0.2), f"a share of {channels.mean():.2f} of the channels is dropped")
    ask.must(not off(out[:, :, 0, 0], 2), f"every entry is 2, and the mean of the result is {out.mean():.2f}")
    ask.must(np.ptp(out[~dropped]) < 1e-9, "every entry is 2, and those that are kept differ from each other")
