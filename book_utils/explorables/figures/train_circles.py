"""A 2-16-1 network that trains in the page: the numbers behind `train_circles.mjs`, here by torch in float64.

theta (65,) holds W1 by hidden unit (16 x 2), b1 (16), w2 (16), b2. Torch is imported where it is needed, so that
the other figures do without it.
"""

import numpy as np

from book_utils.data import circles
from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import counted, number
from book_utils.style import COLORS

HIDDEN, SIZE = 16, 65
IS_BIAS = np.r_[np.zeros(32), np.ones(16), np.zeros(16), 1].astype(bool)
REACH, GRID = 1.5, 45  # of the picture
SEEDS = (1, 2, 3, 4, 5, 6)
BATCH, LR = 32, 3e-2
START = {"lam2": 1e-3, "lam1": 0.0}


def _network(theta):
    """The same network as a torch module, in float64."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(2, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, 1)).double()
    with torch.no_grad():
        nn.utils.vector_to_parameters(torch.tensor(np.asarray(theta)), model.parameters())
    return model


def _objective(model, X, y, lam2, lam1):
    """Mean cross-entropy + lam2/2 ||w||² + lam1 ||w||₁, as a tensor."""
    import torch
    from torch.nn import functional as F

    from book_utils.penalties import l1_penalty, l2_penalty

    data = F.binary_cross_entropy_with_logits(model(torch.tensor(X))[:, 0], torch.tensor(y, dtype=torch.float64))
    return data + lam2 / 2 * l2_penalty(model) + lam1 * l1_penalty(model)


def logits(theta, X):
    """The network's output for each point of X: (n,)."""
    import torch

    with torch.no_grad():
        return _network(theta)(torch.tensor(np.asarray(X))).numpy()[:, 0]


def loss(z, y):
    """Mean cross-entropy of labels y in {0, 1} given logits z."""
    import torch
    from torch.nn import functional as F

    return F.binary_cross_entropy_with_logits(torch.tensor(z), torch.tensor(y, dtype=torch.float64)).item()


def gradient(theta, X, y, lam2, lam1):
    """Gradient (65,) of the penalized mean cross-entropy, by automatic differentiation."""
    model = _network(theta)
    _objective(model, X, y, lam2, lam1).backward()
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])


def shuffled(n, seed):
    """0 ... n-1 in an order that a seed decides: Fisher and Yates, with a linear congruential generator."""
    order, state = list(range(n)), seed % 2**32
    for i in range(n - 1, 0, -1):
        state = (1664525 * state + 1013904223) % 2**32
        j = state * (i + 1) // 2**32
        order[i], order[j] = order[j], order[i]
    return order


def train(theta, X, y, lam2, lam1, seed, steps):
    """The weights (65,) after so many steps of torch's Adam (learning rate 0.03, batches of 32) from theta."""
    import torch

    model, (X, y) = _network(theta), (np.asarray(X), np.asarray(y))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    batches = -(-len(X) // BATCH)
    for step in range(steps):
        epoch, batch = divmod(step, batches)
        rows = shuffled(len(X), 1000 * seed + epoch)[BATCH * batch:BATCH * (batch + 1)]
        optimizer.zero_grad()
        _objective(model, X[rows], y[rows], lam2, lam1).backward()
        optimizer.step()
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()


def boundary(theta, reach, k):
    """Where the output changes sign on a k x k grid over [-reach, reach]²: segments (s, 4) by marching squares."""
    at = np.linspace(-reach, reach, k)
    corners = np.stack(np.meshgrid(at, at), axis=-1)  # [row, column] = (x, y)
    values = logits(theta, corners.reshape(-1, 2)).reshape(k, k)
    segments = []
    for r, c in np.ndindex(k - 1, k - 1):
        cuts = []
        a, b, d, e = (r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c)
        for one, two in ((a, b), (b, d), (e, d), (a, e)):
            if (values[one] > 0) != (values[two] > 0):
                share = values[one] / (values[one] - values[two])
                cuts.append((1 - share) * corners[one] + share * corners[two])
        segments += [np.concatenate(pair) for pair in zip(cuts[::2], cuts[1::2], strict=True)]
    return np.array(segments).reshape(-1, 4)


def sentence(steps, n, lam2, lam1, losses, right, zeros):
    """After so many steps on n points; losses and right answers are the test's, without the penalty and with it."""
    after, (free, tied) = f"After {counted(steps, 'step')} on {n} points", map(number, losses)
    free_share, tied_share = (f"{number(100 * share, 0)} %" for share in right)
    if lam1 + lam2 == 0:
        return f"{after}, no penalty: test loss {free}, {free_share} of the test points right."
    return (f"{after}: test loss {tied} with the penalty, {free} without; {tied_share} and {free_share} of the test "
            f"points right. {zeros} of the 48 penalized weights {'is' if zeros == 1 else 'are'} exactly zero.")


def initial_weights(seed):
    """theta (65,) drawn as `nn.Linear` draws it, uniform within 1/sqrt(inputs of the layer), but by NumPy."""
    rng, inner, outer = np.random.default_rng(seed), 2**-0.5, HIDDEN**-0.5
    return np.concatenate([rng.uniform(-inner, inner, 48), rng.uniform(-outer, outer, 17)]).round(6)


def _as_state(split, seed, wrong, **course):
    """One data set as the page needs it; `course`: how many steps, and how many between two losses."""
    return {"X": split.X_train.round(4), "y": split.y_train.astype(int), "X_test": split.X_test.round(4),
            "y_test": split.y_test.astype(int), "wrong": np.flatnonzero(wrong), "theta": initial_weights(seed),
            "seed": seed, **course}


def _noisy(seed):
    """32 points with 6 wrong labels to train on, 200 to test."""
    arguments = {"n": 232, "test_size": 200 / 232, "seed": seed}
    split = circles(flip=0.2, **arguments)
    return _as_state(split, seed, split.y_train != circles(**arguments).y_train, steps=400, every=20)


def train_circles():
    """Train a small network twice, without a penalty and with one, from the same start on the same batches."""
    import matplotlib.pyplot as plt

    few, source = [_noisy(seed) for seed in SEEDS], circles()
    many = _as_state(source, 0, np.zeros(700), steps=440, every=22)
    data = few[0]
    thetas = [train(data["theta"], data["X"], data["y"], *lam, data["seed"], data["steps"])
              for lam in ((0, 0), START.values())]
    colors = COLORS["none"], COLORS["l2"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained")
    for label, face in ((0, "none"), (1, COLORS["data"])):
        left.scatter(*data["X"][data["y"] == label].T, s=24, facecolor=face, edgecolor=COLORS["data"])
    left.plot(*data["X"][data["wrong"]].T, "x", color="black", ms=9)
    edges = np.linspace(-7.25, 7.25, 30)
    for theta, color, name in zip(thetas, colors, ("no penalty", "with penalty"), strict=True):
        for x1, y1, x2, y2 in boundary(theta, REACH, GRID):
            left.plot([x1, x2], [y1, y2], color=color, lw=2)
        right.stairs(np.histogram(theta[~IS_BIAS], edges)[0], edges, color=color, lw=2, label=name)
    left.set(xlim=(-1.4, 1.4), ylim=(-1.26, 1.26), aspect="equal", xlabel="$x_1$")
    head(left, "A", "$x_2$")
    head(right, "C", "how many of 48")
    right.set(xlabel="weight", ylim=(0, 48), yticks=[0, 24, 48])
    right.legend(loc="upper right")
    return Explorable(
        "train_circles", {"start": START, "few": few, "many": many}, fallback=figure,
        alt="A: thirty-two points on two circles, six with wrong labels. The boundary of the network without a "
            "penalty bends around single points; with a penalty it is closer to a circle. C: without a penalty the "
            "weights spread further from zero.")
