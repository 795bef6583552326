"""A small picture for each chapter's card, in the book's colors, drawn from the chapter's own kind of numbers.

Each function gives what stands inside of an SVG of 160 × 100; book.css colors it, in light pages and in dark ones.
"""

import warnings

import numpy as np

WIDTH, HEIGHT = 160, 100


def points(x, y, xlim, ylim):
    """Data as the picture's points, (n, 2)."""
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    share = np.column_stack([(x - xlim[0]) / (xlim[1] - xlim[0]), (ylim[1] - y) / (ylim[1] - ylim[0])])
    return share * [WIDTH, HEIGHT]


def path(at, look, close=False):
    """A line through points (n, 2)."""
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
    return f'<path class="{look}" d="{d}{"Z" if close else ""}"/>'


def dots(at, look, r=3):
    return "".join(f'<circle class="{look}" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>' for x, y in at)


def bell(x, mean, std):
    """The density of a Gaussian."""
    return np.exp(-((x - mean) ** 2) / (2 * std**2)) / np.sqrt(2 * np.pi * std**2)


def pseudoinverse():
    """A valley of equally good weights, and the shortest of them."""
    from book_utils.explorables._maths import contour

    along = np.array([2, -1.2]) / np.hypot(2, 1.2)
    G = np.eye(2) - 0.96 * np.outer(along, along)
    limits, w = ((-4.4, 4.4), (-2.2, 3.3)), np.array([0.66, 1.1])
    valley = [path(points(*contour(G, w, level).T, *limits), "none line", close=True) for level in (0.01, 0.06, 0.2)]
    bottom = path(points(*(w[:, None] + along[:, None] * [-9, 9]), *limits), "line truth")
    reach = path(points([0, w[0]], [0, w[1]], *limits), "line axis")
    ends = dots(points(0, 0, *limits), "dot axis", 2) + dots(points(*w, *limits), "none dot", 4)
    return "".join(valley) + bottom + reach + ends


def _diabetes():
    from book_utils.data import diabetes

    split = diabetes()
    return ((v - v.mean(0)) / v.std(0) for v in (split.X_train, split.y_train))


def ridge():
    """Ten weights, as the penalty grows from left to right."""
    from book_utils.linear import ridge_path

    log_lams = np.linspace(-3.5, 1.5, 60)
    coefs = ridge_path(*_diabetes(), 10**log_lams).coefs
    return path(points([-9, 9], 0, (0, 1), (0, 1)), "axis line") + "".join(
        path(points(log_lams, w, (-3.5, 1.5), (-0.55, 0.62)), "l2 line") for w in coefs.T)


def lasso():
    """The same ten weights under the other penalty: each reaches zero, and stays."""
    from book_utils.linear import lasso_path

    log_lams = np.linspace(0, -2.6, 60)
    coefs = lasso_path(*_diabetes(), 10**log_lams)
    return "".join(path(points(log_lams, w, (-2.6, 0), (-0.45, 0.52)), "l1 line") for w in coefs.T)


def networks():
    """Two classes of points, some named wrongly, and the boundary without a penalty and with one."""
    from matplotlib.figure import Figure
    from sklearn.neural_network import MLPClassifier

    from book_utils.explorables.figures import train_circles as circles

    data, limits = circles._noisy(circles.SEEDS[0]), ((-2.1, 2.1), (-1.31, 1.31))
    drawn = [dots(points(*data["X"][data["y"] == label].T, *limits), look, 2.4)
             for label, look in enumerate(("data ring", "data dot"))]
    at = np.linspace(-circles.REACH, circles.REACH, 80)
    grid = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    for alpha, look in ((0, "none"), (0.1, "l2")):
        network = MLPClassifier(16, solver="lbfgs", alpha=alpha, max_iter=100, random_state=0)
        with warnings.catch_warnings(action="ignore"):  # without a penalty it does not converge: the weights grow
            network.fit(data["X"], data["y"])
        share = np.clip(network.predict_proba(grid)[:, 1], 1e-12, 1 - 1e-12).reshape(80, 80)
        boundary = Figure().subplots().contour(at, at, np.log(share / (1 - share)), [0.0]).allsegs[0]
        drawn += [path(points(*line.T, *limits), f"{look} line") for line in boundary]
    return "".join(drawn)


def data_and_time():
    """The filters of gradient descent as it goes on, and where one of them was stopped."""
    log_ell, limits = np.linspace(-4, 0.3, 70), ((-4, 0), (-0.1, 1.12))
    filters = [1 - np.exp(-t * 10**log_ell) for t in 3.0 ** np.arange(1, 9)]
    lines = "".join(path(points(log_ell, f, *limits), "none line thin") for f in filters)
    at = np.arange(-3.75, 0.1, 0.36)
    chosen = points(at, 1 - np.exp(-(3.0**5) * 10**at), *limits)
    return lines + path(points(log_ell, filters[4], *limits), "none line bold") + dots(chosen, "none dot", 3.5)


def dropout_statistics():
    """The value of a neuron under all 256 masks."""
    from book_utils.explorables import neuron
    from book_utils.explorables.figures.neuron import moments, preactivations, probabilities

    state = neuron().state
    at = [state[name] for name in "xwb"] + [0.5, True]
    heights, edges = np.histogram(preactivations(*at), 34, (-6, 14), weights=probabilities(8, 0.5))
    (mean, variance), limits = moments(*at), ((-6, 14), (-0.002, 0.13))
    z = np.linspace(-6, 14, 80)
    normal = (edges[1] - edges[0]) * bell(z, mean, variance**0.5)
    bars = points(np.repeat(edges, 2), np.concatenate([[0], np.repeat(heights, 2), [0]]), *limits)
    return path(bars, "dropout area") + path(bars, "dropout line") + path(points(z, normal, *limits), "line truth")


def ensemble():
    """Six voters, and a line between each pair that differs."""
    from book_utils.explorables.figures.votes import VOTES

    angle = 2 * np.pi * np.arange(6) / 6
    at = np.column_stack([80 + 40 * np.sin(angle), 50 - 40 * np.cos(angle)])
    pairs = [(s, t) for t in range(6) for s in range(t)]
    lines = [path(at[[s, t]], "dropout line" if VOTES[s] != VOTES[t] else "line axis") for s, t in pairs]
    return "".join(lines) + "".join(dots(at[[t]], "dropout dot" if VOTES[t] else "none dot", 6) for t in range(6))


def adaptive_ridge():
    """A circle and an ellipse of equal price, each touching a contour of the loss."""
    from book_utils.dropout import dropout_ridge
    from book_utils.explorables.figures.adaptive_ridge import data, level_curve, outline, scaled, sizes
    from book_utils.linear import lstsq, ridge

    X, y = data()
    X, limits = scaled(X, 0.5), ((-1.35, 3.15), (-1, 1.8))  # units of equal length in both directions
    w_hat, drawn = lstsq(X, y), []
    for look, w, s in (("l2", ridge(X, y, 1.0), np.ones(2)), ("dropout", dropout_ridge(X, y, 0.5), sizes(X))):
        drawn += [path(points(*level_curve(X, w_hat, w).T, *limits), "none line", close=True),
                  path(points(*outline(s, w).T, *limits), f"{look} line", close=True),
                  dots(points(*w, *limits), f"{look} dot", 4)]
    return "".join(drawn)


def jensen():
    """A curve, and a chord above it: the average of f is not f of the average."""
    limits, ends, x = ((-2.3, 2), (-0.5, 6.4)), np.array([-1.7, 1.7]), np.linspace(-3, 3, 80)
    chord, middle = points(ends, np.exp(ends), *limits), points([0, 0], [1, np.exp(ends).mean()], *limits)
    return (path(points(x, np.exp(x), *limits), "line") + path(chord, "dropout line") + path(middle, "line truth")
            + dots(chord, "dropout dot") + dots(middle[:1], "none dot", 4.5) + dots(middle[1:], "dropout dot", 4.5))


def architectures():
    """Three maps at one rate: single values, blocks and a whole map are missing."""
    rng, side, step = np.random.default_rng(4), 7, 6.4
    grid = np.arange(side)
    single = rng.random((side, side)) < 0.3
    block = (abs(grid[:, None] - 2) < 2) & (abs(grid - 4) < 2) | (grid[:, None] > 4) & (grid < 2)
    squares = {"dot axis": "", "dropout dot": ""}
    for k, gone in enumerate((single, block, np.ones((side, side), bool))):
        for i, j in np.ndindex(side, side):
            look, size = ("dropout dot", 5.4) if gone[i, j] else ("dot axis", 2.2)
            x, y = 6 + 51.5 * k + step * j + (step - size) / 2, 27 + step * i + (step - size) / 2
            squares[look] += f"M{x:.1f} {y:.1f}h{size}v{size}h-{size}z"
    return "".join(f'<path class="{look}" d="{d}"/>' for look, d in squares.items())


def batchnorm():
    """Five units before and after each gets mean 0 and variance 1."""
    x, limits = np.linspace(-4, 4, 90), ((-4, 4), (-0.04, 1.5))
    before = [path(points(x, bell(x, *unit), *limits)[abs(x - unit[0]) < 3.2 * unit[1]], "none line")
              for unit in ((-2.6, 0.3), (-1.5, 0.55), (0.4, 0.28), (1.5, 0.5), (2.9, 0.35))]
    after = points(x, bell(x, 0, 1), *limits)
    return "".join(before) + path(after, "norm area") + path(after, "norm line bold")


def layernorm():
    """A batch of examples, one of which is normalized on its own."""
    cells = []
    for row, column in np.ndindex(5, 9):
        look, most = ("norm", 1) if row == 2 else ("data", 0.5)
        shade = most * (0.2 + 0.8 * ((7 * row + 5 * column + row * column) % 11) / 10)
        cells.append(f'<rect class="{look} dot" x="{10 + 16 * column}" y="{6 + 18 * row}" width="13" height="15" '
                     f'rx="2" opacity="{shade:.2f}"/>')
    return "".join(cells) + f'<rect class="norm line" x="6.5" y="38.5" width="{16 * 9 + 4}" height="22" rx="4"/>'


def dropout_meets_batchnorm():
    """What a unit is in training, and narrower at test."""
    x, limits, p = np.linspace(-4, 4, 120), ((-4, 4), (-0.03, 0.62)), 0.5
    train = points(x, (1 - p) * bell(x, 0, (1 - p) ** -0.5) + p * bell(x, 0, 0.06) / 5, *limits)
    test = points(x, bell(x, 0, (1 - p) ** 0.5), *limits)
    return path(train, "dropout area") + path(train, "dropout line") + path(test, "norm line bold")


def mc_dropout():
    """Answers of one network under forty masks, and the truth."""
    from book_utils.explorables import mc_curves
    from book_utils.explorables.figures.mc_curves import curves

    state, limits = mc_curves().state, ((-1, 1), (-2.1, 2.1))
    grid = np.asarray(state["grid"])[::2]
    samples = curves(state["thetas"][2], grid, 0.2, 24, False, state["seed"])
    return ("".join(path(points(grid, one, *limits), "dropout line thin") for one in samples)
            + path(points(grid, samples.mean(0), *limits), "dropout line bold")
            + path(points(grid, state["truth"][::2], *limits), "line truth"))


def variational_linear_regression():
    """The slanting posterior of two correlated weights, and the best round one inside of it."""
    from book_utils.explorables._maths import contour
    from book_utils.explorables.figures import posterior_steps as steps

    G, limits = steps.gram(20, 0.85), ((-0.15, 2.65), (-0.2, 1.55))
    mean, eps = steps.posterior_mean(G, [1.4, 0.6]), np.random.default_rng(2).standard_normal((60, 2))
    rows = steps.ascend(G, [1.4, 0.6], 0.3 * steps.limit(G), eps, 0.3)
    exact = contour(G + np.eye(2), mean, 2)
    round_one = points(*contour(21 * np.eye(2), mean, 2).T, *limits)
    walk = points(*rows[:, :2].T, *limits)
    return (path(round_one, "dropout area", close=True) + path(round_one, "dropout line", close=True)
            + path(walk, "dropout line thin") + path(points(*exact.T, *limits), "line truth", close=True)
            + dots(walk[-1:], "dropout dot", 4))


def dropout_as_inference():
    """Two weights: the ellipses of a posterior, and the four points that dropout can draw."""
    mean, factor = np.array([1.2, 0.8]), np.array([[0.33, 0], [-0.22, 0.2]])
    turn, limits = np.linspace(0, 2 * np.pi, 60), ((-0.6, 2.6), (-0.55, 1.75))
    circle = np.stack([np.cos(turn), np.sin(turn)])
    rings = [path(points(*(mean[:, None] + level * factor @ circle), *limits), "line truth") for level in (1, 2)]
    kept = np.array([[i, j] for i in (0, 1) for j in (0, 1)])
    sizes = 4 + 10 * np.where(kept, 0.8, 0.2).prod(axis=1)
    atoms = [dots(points(*(one * mean * 1.25)[:, None], *limits), "dropout dot", round(float(r), 1))
             for one, r in zip(kept, sizes, strict=True)]
    return "".join(rings + atoms)


def variational_dropout():
    """What becomes of a weight: cut within one standard error of zero, and larger ones hardly shrunk."""
    u, share, limits = np.append(0, np.geomspace(1e-4, 9, 60)), (np.arange(200) + 0.5) / 200, ((-4, 4), (-4, 4))
    t = (1 + 2 * u) * np.sqrt(np.exp(-np.outer(u, 1 - share**2)).mean(axis=1))
    t, w = np.append(0, t), np.append(0, 2 * u / (1 + 2 * u) * t)
    t, w = np.append(-t[::-1], t), np.append(-w[::-1], w)
    some = np.array([-3.6, -3.1, -2.4, -1.7, -1.3, -0.8, -0.5, -0.2, 0.1, 0.4, 0.7, 0.9, 1.2, 1.6, 2.1, 2.8, 3.4])
    kept = dots(points(some, np.interp(some, t, w), *limits), "dropout dot", 2.5)
    diagonal = path(points([-4, 4], [-4, 4], *limits), "line truth")
    return diagonal + path(points(t, w, *limits), "dropout line bold") + kept


def california():
    """The growth of the error against that of the spread, in draws of regions: a steep cloud beside the diagonal."""
    from book_utils.records import read

    draws = [run["figures"] for run in read("california")["runs"] if run["part"] == "regions" and run["epochs"] == 10]
    spread, error = ([figures[f"{name}, equal price"] for figures in draws] for name in ("std", "error"))
    limits = ((0.7, 1.5), (0.8, 1.45))
    diagonal = path(points([0.8, 1.45], [0.8, 1.45], *limits), "line truth")
    return diagonal + dots(points(spread, error, *limits), "dropout dot", 3.5)


def calibration():
    """A reliability diagram: answers that are surer than they are right, and the diagonal."""
    limits, confidence = ((0, 1), (0, 1)), np.linspace(0.12, 0.97, 9)
    right = confidence - 0.75 * confidence * (1 - confidence) + np.tile([0.03, -0.03, 0], 3)
    gaps = "".join(path(points([c, c], [c, r], *limits), "none line") for c, r in zip(confidence, right, strict=True))
    diagonal = path(points([0, 1], [0, 1], *limits), "line truth")
    return diagonal + gaps + dots(points(confidence, right, *limits), "none dot", 4)


def decisions():
    """Cases by their doubt: what lies beyond the price goes to a person, most of the wrong answers with it."""
    rng, limits, price = np.random.default_rng(4), ((0, 1), (0, 1)), 0.62
    doubt, height = rng.beta(1.1, 2.2, 70), 0.08 + 0.84 * rng.random(70)
    wrong = rng.random(70) < 0.55 * doubt**2
    away = path(points([price, 1, 1, price], [0, 0, 1, 1], *limits), "data area", close=True)
    border = path(points([price, price], [0, 1], *limits), "line truth")
    right = dots(points(doubt[~wrong], height[~wrong], *limits), "data dot", 2)
    return away + border + right + dots(points(doubt[wrong], height[wrong], *limits), "dot", 3.5)


def published_tables():
    """Ours against theirs, six data sets: five on the diagonal, one far above it."""
    limits, theirs = ((0, 1), (0, 1)), np.array([0.17, 0.3, 0.46, 0.62, 0.84])
    ours = theirs + np.array([0.02, -0.03, 0.01, 0.03, -0.02])
    diagonal = path(points([0.04, 0.96], [0.04, 0.96], *limits), "line truth")
    bars = "".join(path(points([x, x], [y - 0.08, y + 0.08], *limits), "dropout line")
                   for x, y in zip([0.08, *theirs], [0.6, *ours], strict=True))
    return diagonal + bars + dots(points([0.08, *theirs], [0.6, *ours], *limits), "dropout dot", 4)
