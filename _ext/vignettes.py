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


def jensen():
    """A curve, and a chord above it: the average of f is not f of the average."""
    limits, ends, x = ((-2.3, 2), (-0.5, 6.4)), np.array([-1.7, 1.7]), np.linspace(-3, 3, 80)
    chord, middle = points(ends, np.exp(ends), *limits), points([0, 0], [1, np.exp(ends).mean()], *limits)
    return (path(points(x, np.exp(x), *limits), "line") + path(chord, "dropout line") + path(middle, "line truth")
            + dots(chord, "dropout dot") + dots(middle[:1], "none dot", 4.5) + dots(middle[1:], "dropout dot", 4.5))


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
