"""The figures that move: their JavaScript equals the Python of the same name, and what they emit is complete."""

import functools
import importlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from book_utils import explorables
from book_utils.explorables import _element, _maths, _text, lab, question, quiz, recorded
from book_utils.explorables.figures import (
    adaptive_ridge,
    batch_mates,
    collinear,
    cover,
    feature_masks,
    jensen,
    mc_curves,
    norm_axes,
    posterior_steps,
    qball,
    shrinkage,
    spread_n,
    temperature,
    train_circles,
)
from book_utils.linear import lstsq, ridge

FOLDER = Path(explorables.__file__).parent
RANDOM = np.random.default_rng(7)
FIGURES = sorted(set(explorables.__all__)
                 - {"Explorable", "estimate", "lab", "predict", "question", "quiz", "recorded"})


@functools.cache
def made(name):
    """The explorable of that name as it starts; some train networks before they are drawn."""
    return getattr(explorables, name)()


@pytest.fixture(autouse=True)
def same_draws():
    """Each test draws the same numbers, whichever ran before it and wherever."""
    RANDOM.bit_generator.state = np.random.default_rng(7).bit_generator.state


@pytest.fixture
def show(browser):
    """A function that opens an explorable alone on a page."""
    contexts = []

    def show(figure, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_content(figure.html)
        return page

    yield show
    for context in contexts:
        context.close()


def collinear_cases():
    for _ in range(20):
        X = RANDOM.standard_normal((4, 2))
        yield "columns", [RANDOM.uniform(1, 90)]
        yield "gram", [X]
        yield "singular_values", [X]
        yield "sensitivity", [X]
        yield "sentence", [RANDOM.uniform(2, 90), 2 * RANDOM.random(4)]


def adaptive_ridge_cases():
    for _ in range(20):
        n, c, p = int(RANDOM.integers(3, 12)), RANDOM.choice([1, RANDOM.uniform(0.3, 4)]), RANDOM.uniform(0.05, 0.95)
        X, y, w, w_hat = *(RANDOM.standard_normal(shape) for shape in ((n, 2), n, 2, 2)),
        yield "scaled", [X, c]
        yield "sizes", [X]
        yield "dropout_ridge", [X, y, p]
        yield "fitted", [X, w]
        yield "mean_gram", [X]
        yield "outline", [RANDOM.uniform(0.1, 5, 2), w]
        yield "level_curve", [X, w_hat, w]
        yield "moved", [y, RANDOM.standard_normal(n)]
        yield "sentence", [p, c, X, y]


def batch_mates_cases():
    for _ in range(20):
        T, n = RANDOM.integers(2, 30), RANDOM.integers(1, 20)
        z, x = 2 * RANDOM.standard_normal((T, n)), RANDOM.uniform(-4, 6)
        yield "stream", [z, int(RANDOM.integers(1, n + 1)), RANDOM.uniform(0, 3), int(RANDOM.integers(0, T))]
        yield "batch_stats", [z[0]]
        yield "normalized", [x, RANDOM.standard_normal(), RANDOM.random()]
        yield "running_stats", [z, RANDOM.random()]
        yield "in_each_batch", [z, x]
        yield "sentence", [x, 2**int(RANDOM.integers(0, 6)), z.ravel(), RANDOM.random(2), RANDOM.uniform(0, 3), int(T)]


def cover_cases():
    for _ in range(20):
        x, centers = RANDOM.random(20), np.linspace(0, 1, 24)
        yield "bumps", [x, centers, RANDOM.uniform(0.03, 0.2)]
        G, w, p = RANDOM.random((20, 24)), RANDOM.standard_normal(24), RANDOM.uniform(0, 0.9)
        yield "dropout_std", [G, w, p]
        yield "predictions", [G, w]
        yield "dropped", [w, RANDOM.random(24), p]
        yield "sentence", [w, RANDOM.choice([0, p]), x, RANDOM.random(20), [0.4, 0.6]]


def feature_masks_cases():
    for _ in range(8):
        C, s, b = RANDOM.integers(1, 5, 3).tolist()
        h, p = RANDOM.random(C * s * s), RANDOM.uniform(0, 0.9)
        for kind in ("elements", "blocks", "channels"):
            draws = RANDOM.random(C * (s + b - 1) ** 2)
            yield "dropped", [kind, draws, p, [C, s, b]]
            gone = feature_masks.dropped(kind, draws, p, [C, s, b])
            yield "guesses", [h, gone, [C, s, b]]
            for out in (gone, 0 * gone):
                yield "explained", [h, out, [C, s, b]]
                yield "sentence", [kind, out, feature_masks.explained(h, out, [C, s, b])]


def norm_axes_cases():
    for _ in range(5):
        N, C, P, G = *RANDOM.integers(1, 5, 3).tolist(), int(RANDOM.integers(1, 3))
        for kind in ("batch", "layer", "token", "group", "instance", "rms"):
            yield "set_ids", [kind, N, C * G, P, G]
        ids = RANDOM.permutation([*range(3), *RANDOM.integers(0, 3, 20)])
        yield "normalize", [5 * RANDOM.standard_normal(23) + 1, ids, int(RANDOM.integers(0, 2)), 1e-5]
        for kind in ("batch", "layer", "token", "group", "instance", "rms"):
            shape = RANDOM.integers(2, 5, 3) * [1, 2, 1]
            x, i = RANDOM.standard_normal(shape.prod()), int(RANDOM.integers(shape.prod()))
            for value in (x[i], RANDOM.uniform(-4, 4)):
                yield "changes", [kind, x, i, value, shape, 2, 1e-5]
                yield "sentence", [kind, x, i, value, shape, 2, 1e-5]


def qball_cases():
    for _ in range(100):
        A, w_hat = RANDOM.standard_normal((4, 2)), 2 * RANDOM.standard_normal(2)
        q, t = RANDOM.choice([0.5, 1, 2, 4, RANDOM.uniform(0.5, 4)]), RANDOM.uniform(0.1, 3)
        yield "ball", [q, t]
        yield "constrained_minimum", [A.T @ A / 4, w_hat, q, t]
        # With w = ŵ, at a corner, close to one or far from all: what is said of it.
        w = qball.constrained_minimum(A.T @ A / 4, w_hat, q, t)
        yield "sentence", [A.T @ A / 4, w_hat, q, t, w]
        yield "sentence", [A.T @ A / 4, w_hat, 0.5, t, [t, RANDOM.uniform(-0.006, 0.006)]]


def neuron_cases():
    for _ in range(20):
        d, p, inverted = int(RANDOM.integers(1, 9)), RANDOM.uniform(0, 0.95), bool(RANDOM.integers(2))
        x, w, b = RANDOM.standard_normal(d), RANDOM.standard_normal(d), RANDOM.standard_normal()
        yield "preactivation", [RANDOM.integers(0, 2, d), x, w, b, p, inverted]
        yield "preactivations", [x, w, b, p, inverted]
        yield "probability", [RANDOM.integers(0, 2, d), p]
        yield "probabilities", [d, p]
        for size in (1, 5):  # all on the chart, and some of it off
            yield "sentence", [RANDOM.integers(0, 2, d), size * x, w, b, RANDOM.choice([0, p]), inverted]
        yield "moments", [x, w, b, p, inverted]


def train_circles_cases():
    for seed in range(12):
        theta, n = RANDOM.standard_normal(65) * RANDOM.choice([0.3, 2]), int(RANDOM.integers(33, 90))
        X, y = RANDOM.uniform(-1.5, 1.5, (n, 2)), RANDOM.integers(0, 2, n)
        lams = RANDOM.choice([0, 1e-3, 0.1], 2)
        yield "logits", [theta, X]
        yield "loss", [RANDOM.standard_normal(n) * 300, y]
        yield "gradient", [theta, X, y, *lams]
        yield "shuffled", [n, 4_000_000 * seed]
        yield "train", [theta, X, y, *lams, seed, 50]
        yield "boundary", [theta, 1.5, int(RANDOM.integers(5, 20))]
        lams, right = RANDOM.choice([0, 1e-3, 0.1], 2), RANDOM.random(2)
        yield "sentence", [int(RANDOM.integers(0, 3)), n, *lams, RANDOM.random(2), right, int(RANDOM.integers(0, 3))]


def jensen_cases():
    for _ in range(12):
        p, mean, a = RANDOM.uniform(0, 0.8), RANDOM.uniform(-3, 3), RANDOM.standard_normal(int(RANDOM.integers(1, 9)))
        yield "deviations", [a, p]
        for name in ("square", "relu", "gelu", "sigmoid", "tanh"):
            atoms = np.column_stack([RANDOM.standard_normal(30), RANDOM.dirichlet(np.ones(30))])
            yield "activation", [name, 5 * RANDOM.standard_normal()]
            yield "curvature", [name, 3 * RANDOM.standard_normal()]
            yield "average", [name, atoms, mean]
            yield "sentence", [name, a, RANDOM.choice([0, p]), mean]
            yield "sentence", [name, np.abs(a), p, RANDOM.choice([-9, 9]) + 0.1]


def votes_cases():
    for T in range(2, 11):
        for yes in range(T + 1):
            votes = RANDOM.permutation(np.arange(T) < yes).astype(int)
            for signed in (False, True):
                yield "errors", [votes, signed]
                yield "sentence", [votes, signed]
            yield "disagreement", [votes]
            yield "share", [votes]


def variance_shift_cases():
    for order in ("before", "relu", "after"):
        for _ in range(12):
            p, mean = RANDOM.choice([0, RANDOM.uniform(0, 0.9)]), RANDOM.uniform(-1.5, 2.5)
            yield "moments", [order, mean]
            yield "shift", [order, p, mean]
            for masked in (True, False):
                low, bins = RANDOM.uniform(-4, -1), int(RANDOM.integers(1, 80))
                yield "masses", [order, p, mean, masked, low, RANDOM.uniform(1, 4), bins]
            yield "sentence", [order, p, mean]


def linear_cases():
    for _ in range(20):
        n, d = RANDOM.integers(2, 20), RANDOM.integers(1, 10)
        X, y = RANDOM.standard_normal((n + d, d)), RANDOM.standard_normal(n + d)
        yield "lstsq", [X, y]
        wide, lam = RANDOM.standard_normal((n, n + d)), 10 ** RANDOM.uniform(-5, 1)
        yield "ridge", [wide, RANDOM.standard_normal(n), lam]


def shrinkage_cases():
    for _ in range(20):
        n, lam = RANDOM.integers(5, 12), 10 ** RANDOM.uniform(-3, 1)
        X, y = RANDOM.standard_normal((n, 3)), RANDOM.standard_normal(n)
        U, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
        y = y - y.mean()
        yield "filter_factors", [s, int(n), lam]
        yield "coefficients", [s, Vt, U.T @ y, int(n), lam]
        yield "loo_mse", [U, s, U.T @ y, y, lam]
        y = RANDOM.choice([1, 30]) * y  # some weights are off the chart
        yield "sentence", [lam, 0.1, U, s, Vt, U.T @ y, y]


def spread_n_cases():
    for _ in range(20):
        n, p, noise = int(RANDOM.integers(1, 40)), RANDOM.uniform(0, 0.9), RANDOM.choice([0.3, 1, 3])
        x, y, w = RANDOM.standard_normal(n), RANDOM.standard_normal(n), RANDOM.standard_normal()
        yield "slope", [x, y, p]
        yield "mc_std", [w, p]
        yield "posterior", [x, y, noise]
        yield "sentence", [n, noise, RANDOM.choice([0, p]), w, RANDOM.standard_normal(), RANDOM.random()]


def referral_cases():
    for _ in range(20):
        n, t, c = int(RANDOM.integers(1, 60)), RANDOM.integers(0, 51) / 100, RANDOM.integers(1, 16) / 100
        doubt, wrong = RANDOM.integers(0, 501, n) / 1000, RANDOM.integers(0, 2, n)
        yield "outcome", [doubt, wrong, t]
        yield "cost", [doubt, wrong, t, c]
        yield "costs", [doubt, wrong, [0, t, 1], c]
        yield "sentence", ["std, p = 0.1", doubt, wrong, t, c]


def temperature_cases():
    for _ in range(20):
        n, C, T = int(RANDOM.integers(1, 40)), int(RANDOM.integers(2, 11)), 2 ** RANDOM.uniform(-3, 3)
        logits, y = 4 * RANDOM.standard_normal((n, C)).round(1), RANDOM.integers(0, C, n)
        bins = int(RANDOM.integers(1, 31))
        confidence, right = RANDOM.choice([RANDOM.random(n), np.ones(n)]), RANDOM.integers(0, 2, n)
        yield "confidences", [logits, T]
        yield "correct", [logits, y]
        yield "nll", [logits, y, T]
        yield "reliability", [confidence, right, bins]
        yield "calibration_error", [confidence, right, bins]
        yield "best", [logits, y, [-2, -1, 0, 1, 2, 3]]
        yield "sentence", [T, int(bins), logits, y, 2 ** RANDOM.uniform(-3, 3)]
    yield "sentence", [1, 1, [[0, 0], [0, 0]], [0, 1], 1]


def mc_curves_cases():
    for seed in range(12):
        theta, x = RANDOM.standard_normal(481), RANDOM.uniform(-1, 1, int(RANDOM.integers(2, 30)))
        p, T = RANDOM.choice([0.05, 0.2, 0.5]), int(RANDOM.integers(1, 20))
        yield "uniforms", [seed * 400_000_000, int(RANDOM.integers(0, 200))]
        yield "curves", [theta, x, p, T, bool(seed % 2), seed]
        samples, points = RANDOM.standard_normal((T, 7)), np.linspace(-1, 1, 7)
        yield "summary", [samples]
        yield "sentence", [p, bool(seed % 2), samples[:RANDOM.choice([1, T])], points, points**2, [-0.4, 0.4], [1, 2]]
        yield "correlation", [RANDOM.standard_normal(T), RANDOM.standard_normal(T)]
    yield "correlation", [[1, 1], [0, 1]]


def posterior_steps_cases():
    for _ in range(20):
        n, r, share = RANDOM.uniform(2, 60), RANDOM.uniform(-0.9, 0.9), RANDOM.uniform(0.01, 0.9)
        w_hat = 2 * RANDOM.random(2)
        G, eps, sigma = posterior_steps.gram(n, r), RANDOM.standard_normal((30, 2)), RANDOM.uniform(0.1, 1)
        yield "gram", [n, r]
        yield "limit", [G]
        yield "posterior_mean", [G, w_hat]
        yield "widths", [G]
        for step in (share, 1.05, 1.5):  # what stays, and what does not
            yield "ascend", [G, w_hat, step * posterior_steps.limit(G), eps, sigma]
            yield "sentence", [n, r, step, w_hat, eps, sigma]
        yield "shortfall", [G, w_hat, [*RANDOM.standard_normal(2), *RANDOM.uniform(0.1, 2, 2)]]


def text_cases():
    numbers = [0, -0.0, -0.004, 0.004, -0.005, 0.125, 2.5, -2.5, 1e-3, 9.996, 3e-7, -3.9e-11, 0.0039, 150]
    for value in [*numbers, *RANDOM.standard_normal(20), *10 ** RANDOM.uniform(-9, 9, 40)]:
        for digits in (0, 1, 2, 3):
            yield "number", [value, digits]
            yield "signed", [value, digits]
            yield "significant", [value, digits + 1]
    for count in (0, 1, 2):
        yield "counted", [count, "step"]


def maths_cases():
    for x in [*np.linspace(-9, 9, 73), *RANDOM.standard_normal(20), 0.46875, 1e-9]:
        yield "erf", [x]
        yield "normal_cdf", [x]
    for _ in range(20):
        A, x = RANDOM.standard_normal((4, 2)), RANDOM.uniform(-1, 1, 30)
        values, weights, low = 4 * RANDOM.standard_normal(50), RANDOM.random(50), RANDOM.uniform(-6, 0)
        yield "histogram", [np.append(values, 5), np.append(weights, 1), low, 5, int(RANDOM.integers(1, 40))]
        yield "contour", [A.T @ A, RANDOM.standard_normal(2), RANDOM.uniform(0.1, 3)]
        yield "band", [x, weights[:30], RANDOM.random(30)]
        yield "gap_averages", [np.append(x, [-0.3, 0.3]), values[:32], [-0.3, 0.3]]


@pytest.fixture(scope="module")
def module_page(browser):
    """A page that can import the modules of `book_utils/explorables`, served from the folder itself."""
    page = browser.new_page()
    page.route("http://explorables.test/**", lambda route: route.fulfill(
        body=(FOLDER / route.request.url.removeprefix("http://explorables.test/")).read_text(encoding="utf-8"),
        content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}))
    yield page


# The arguments that each module's functions are compared on stand in a function NAME_cases above.
SHARED = {"linear": "book_utils.linear", "maths": "book_utils.explorables._maths",
          "text": "book_utils.explorables._text"}


@pytest.mark.parametrize("name", [*SHARED, *FIGURES])
def test_javascript_equals_python(module_page, name):
    python = importlib.import_module(SHARED.get(name, f"book_utils.explorables.figures.{name}"))
    calls, path = list(globals()[f"{name}_cases"]()), _element.MODULES[name].relative_to(FOLDER).as_posix()
    results = module_page.evaluate(
        """async ([path, calls]) => {
          const module = await import(`http://explorables.test/${path}`);
          return calls.map(([f, args]) => module[f](...args));
        }""", [path, json.loads(json.dumps(calls, default=np.ndarray.tolist))])
    for (function, arguments), computed in zip(calls, results, strict=True):
        expected = getattr(python, function)(*arguments)
        if isinstance(expected, str):
            assert computed == expected
            continue
        expected = np.asarray(expected)
        computed = np.asarray(computed).reshape(expected.shape)
        scale = max(1, np.abs(expected).max(initial=0))
        assert np.abs(computed - expected).max(initial=0) <= 1e-9 * scale, function
    source = _element.MODULES[name].read_text(encoding="utf-8")
    assert {f for f, _ in calls} == set(re.findall(r"^export function (\w+)", source, flags=re.M)) - {"render"}


def test_a_number_is_written_as_in_a_book():
    """No exponent of a programming language, no minus before zero, no hyphen; digits as many as asked for."""
    for value in [0, -0.0, -1e-12, 3, *RANDOM.standard_normal(200) * 10 ** RANDOM.uniform(-9, 9, 200)]:
        for digits, pattern in enumerate([r"[+−]?\d+", *(rf"[+−]?\d+[.]\d{{{digits}}}" for digits in (1, 2, 3))]):
            for text in (_text.number(value, digits), _text.signed(value, digits)):
                assert re.fullmatch(pattern, text) and (re.search("[1-9]", text) or text[0] == "0"), text
            text = _text.significant(value, digits + 1)
            assert re.fullmatch("−?[0-9.]+(·10⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+)?", text) and text != "−0", text


def in_batches(state, log_size, x2, drift):
    """What `batch_mates.sentence` takes, computed again."""
    z, x1, size, still = np.array(state["z"]), state["x1"], 2 ** int(log_size), state["still"]
    batches = batch_mates.stream(z, size, drift, still)
    last = np.array([x1, x2, *batches[-1, 2:]])[:size]
    values = [batch_mates.normalized(x1, np.mean(b), np.var(b)) for b in ([x1, *row[1:]] for row in batches[:-1])]
    values.append(batch_mates.normalized(x1, last.mean(), last.var()))
    return x1, size, values, batch_mates.running_stats(batches[:-1], state["momentum"])[-1], drift, still


def fitted(state, log_lam):
    """The bumps of the cover on its grid, and the weights of ridge regression on its data."""
    X, G = (cover.bumps(state[k], state["centers"], state["width"]) for k in ("x", "grid"))
    return G, ridge(X, state["y"], 10**log_lam)


def of_the_cover(state, log_lam, p):
    """What `cover.sentence` takes."""
    G, w = fitted(state, log_lam)
    return w, p, state["grid"], cover.dropout_std(G, w, p), state["gap"]


def of_the_curves(state, rate, T):
    """What `mc_curves.sentence` takes."""
    p, grid = state["rates"][int(rate)], state["grid"]
    samples = mc_curves.curves(state["thetas"][int(rate)], grid, p, int(T), False, state["seed"])
    return p, False, samples, grid, state["truth"], state["gap"], state["pair"]


def of_the_maps(state, p):
    """What `feature_masks.sentence` takes."""
    kind = state["start"]["kind"]
    gone = feature_masks.dropped(kind, state["draws"], p, state["shape"])
    return kind, gone, feature_masks.explained(state["h"], gone, state["shape"])


def rows_of_a_line(state, log_n):
    """The first rows of `spread_n`: x and y."""
    x, e = (np.array(state[k])[:2 ** int(log_n)] for k in "xe")
    return x, state["slope"] * x + state["noise"] * e


# For each figure whose sentence follows from its state and its sliders alone: what `sentence` takes.
TAKES = {
    "adaptive_ridge": lambda state, p, c: (p, c, state["X"], state["y"]),
    "batch_mates": in_batches,
    "collinear": lambda state, theta, y1: (theta, [y1, *state["y"][1:]]),
    "cover": of_the_cover,
    "feature_masks": of_the_maps,
    "jensen": lambda state, mean, p: (state["name"], state["even"], p, mean),
    "mc_curves": of_the_curves,
    "neuron": lambda state, p: (state["start"]["mask"], state["x"], state["w"], state["b"], p, True),
    "norm_axes": lambda state, cell, x: (state["kind"], state["x"], int(cell) - 1, x, state["shape"], state["G"], 1e-5),
    "posterior_steps": lambda state, log_share, r: (
        state["n"], r, 10**log_share, *(state[k] for k in ("w_hat", "eps", "sigma"))),
    "qball": lambda state, q, t: (state["G"], state["w_hat"], q, t,
                                  qball.constrained_minimum(state["G"], state["w_hat"], q, t)),
    "temperature": lambda state, log_T, bins: (
        2**log_T, int(bins), *state["sets"]["clean"], 2 ** temperature.best(*state["sets"]["clean"], state["grid"])),
    "votes": lambda state, T: (state["votes"][:int(T)], False),
    "spread_n": lambda state, log_n, p: (
        2 ** int(log_n), state["noise"], p, spread_n.slope(*rows_of_a_line(state, log_n), p),
        *spread_n.posterior(*rows_of_a_line(state, log_n), state["noise"])),
    "referral": lambda state, t, c: (
        state["score"], *(state["scores"][state["score"]][key] for key in ("doubt", "wrong")), t, c),
    "shrinkage": lambda state, log_lam: (10**log_lam, 10 ** state["best"], *(state[k] for k in "U s Vt Uy y".split())),
    "variance_shift": lambda state, p, mean: (state["order"], p, mean),
}


@pytest.mark.parametrize("name", TAKES)
def test_the_page_says_the_sentence_of_its_numbers(show, name):
    """As it starts, and with its sliders at either end and in between."""
    page, state = show(made(name)), made(name).state
    module = importlib.import_module(f"book_utils.explorables.figures.{name}")
    sliders = page.locator("input[type=range]").all()
    names = [one.get_attribute("name") for one in sliders]
    for share in (None, 0, 1, 0.3, 0.8):
        for one in sliders if share is not None else ():
            one.evaluate("""(one, share) => {
              one.value = +one.min + share * (one.max - one.min);
              one.dispatchEvent(new Event("input"));
            }""", share)
        values = {name: float(one.input_value()) for name, one in zip(names, sliders, strict=True)}
        assert page.locator(".say").inner_text() == module.sentence(*TAKES[name](state, **values))


def lines(x, *ys):
    """The points of several lines over the same x."""
    return [np.column_stack([x, y]) for y in ys]


def cover_draws(state):
    grid, p, (G, w) = state["grid"], 0.2, fitted(state, -3)
    yield ".dropout.band", (0, 1), (-2, 2.4), [_maths.band(grid, G @ w, cover.dropout_std(G, w, p))]
    yield ".l2.bold", (0, 1), (-2, 2.4), lines(grid, G @ w)
    kept = np.array(state["uniforms"]) < 1 - p
    yield ".dropout.thin", (0, 1), (-2, 2.4), lines(grid, *(kept * w / (1 - p) @ G.T))


def mc_curves_draws(state):
    grid, samples = state["grid"], mc_curves.curves(state["thetas"][2], state["grid"], 0.2, 40, False, state["seed"])
    mean, std = samples.mean(axis=0), samples.std(axis=0, ddof=1)
    yield ".dropout.band", (-1, 1), (-2, 2), [_maths.band(grid, mean, std)]
    yield ".dropout.bold", (-1, 1), (-2, 2), lines(grid, mean)
    yield ".dropout.thin", (-1, 1), (-2, 2), lines(grid, *samples[:12])


def spread_n_draws(state):
    x, y = rows_of_a_line(state, 7)
    w, (mean, std), ends = spread_n.slope(x, y, 0.2), spread_n.posterior(x, y, 1), np.array([-3, 3])
    line = "svg[aria-label^='A:'] "
    yield line + ".dropout.bold", (-3, 3), (-9, 9), lines(ends, w * ends)
    low, high = (w + 2 * sign * spread_n.mc_std(w, 0.2) for sign in (-1, 1))
    yield line + ".dropout.band", (-3, 3), (-9, 9), [
        np.array([[-3, -3 * high], [3, 3 * high], [3, 3 * low], [-3, -3 * low]])]
    yield line + ".truth", (-3, 3), (-9, 9), lines(ends, *(ends * (mean + sign * std) for sign in (-2, 2)))


def shrinkage_draws(state):
    w = shrinkage.coefficients(state["s"], state["Vt"], state["Uy"], len(state["y"]), 10 ** state["best"])
    yield ".l2.bold", (0, 1), (-1.6, 1.8), lines(state["grid"], state["level"] + state["features"] @ w)


def jensen_draws(state):
    from book_utils.dropout import jensen_gap

    a, means = state["even"], np.linspace(-3, 3, 61)
    exact = [jensen_gap(lambda z: jensen.activation("gelu", z), a, np.ones(8), 0.5, m - a.sum()) for m in means]
    yield ".dropout.bold:visible", (-3, 3), (-0.2, 1), lines(means, exact)
    yield "svg svg .truth:visible", (-3, 3), (-0.2, 1), lines(means, jensen.curvature("gelu", means) / 2 * (a @ a))


def adaptive_ridge_draws(state):
    A, y, w_hat = np.array(state["X"]) * [1, 0.5], state["y"], state["w_hat"] / np.array([1, 0.5])
    fits, where = [ridge(A, y, 1), adaptive_ridge.dropout_ridge(A, y, 0.5)], ((-0.9, 2.5), (-0.8, 2))
    yield ".none.thin", *where, [adaptive_ridge.level_curve(A, w_hat, w) for w in fits]
    yield ".l2.line", *where, [adaptive_ridge.outline([1, 1], fits[0])]
    yield ".dropout.line", *where, [adaptive_ridge.outline((A**2).mean(axis=0), fits[1])]


def collinear_draws(state):
    X = collinear.columns(10)
    w = lstsq(X, state["y"])
    yield ".none.thin", (-6, 8), (-7, 7), [_maths.contour(X.T @ X, w, level / 2) for level in state["levels"]]


def qball_draws(state):
    G, w_hat = state["G"], state["w_hat"]
    w = qball.constrained_minimum(G, w_hat, 1, 1.3)
    level = (w - w_hat) @ G @ (w - w_hat) / 2
    yield "path.none", (-2.2, 3.8), (-2.7, 2.7), [_maths.contour(G, w_hat, share * level) for share in (0.25, 1, 1.7)]
    yield ".l1.dot:not(circle):not(rect)", (-2.2, 3.8), (-2.7, 2.7), [qball.ball(1, 1.3)]


def train_circles_draws(state):
    start, X, y, seed = (state["few"][0][key] for key in ("theta", "X", "y", "seed"))
    thetas = [train_circles.train(start, X, y, lam2, 0, seed, 400) for lam2 in (0, 1e-3)]
    edges = np.arange(-7.25, 7.5, 0.5)
    counts = [np.histogram(theta[~train_circles.IS_BIAS].clip(-7.25, 7.25), edges)[0] for theta in thetas]
    steps = np.repeat(edges, 2)[1:-1]
    yield "[aria-label*=Histograms] .line", (-7.25, 7.25), (0, 48), lines(steps, *(np.repeat(c, 2) for c in counts))


ON_A_PHONE = """(figure, steps) => {
  const root = figure.shadowRoot, box = (one) => one.getBoundingClientRect();
  const tall = () => Math.round(box(figure).height);
  const all = (selector) => [...root.querySelectorAll(selector)].filter((one) => one.getClientRects().length);
  const height = tall(), heights = new Set([height]);
  const small = all("button, input[type=range], label")
    .filter((one) => Math.min(box(one).width, box(one).height) < 43.9);
  const texts = all("svg text").filter((one) => one.textContent);
  const scale = ({ a, b }) => Math.hypot(a, b);
  const sizes = texts.map((one) => parseFloat(getComputedStyle(one).fontSize) * scale(one.getScreenCTM()));
  const letters = all(".views svg[role=img]").map((one) => one.querySelector(":scope > .letter")?.textContent);
  for (const button of all("button")) {
    button.click();
    for (const slider of all("input[type=range]")) {
      const first = slider.value;
      for (let k = 0; k <= steps + 1; k++) {
        slider.value = k > steps ? first : +slider.min + (k / steps) * (slider.max - slider.min);
        slider.dispatchEvent(new Event("input"));
        heights.add(tall());
      }
    }
  }
  return { height, letters, text: sizes.length && Math.min(...sizes),
    small: small.map((one) => one.textContent || one.name),
    heights: [...heights], wide: document.documentElement.scrollWidth - innerWidth };
}"""


@pytest.mark.parametrize("name", [*FIGURES, "quiz"])
def test_it_fits_a_phone_and_does_not_jump(show, measured, name):
    """On 390 x 844 px: on one screen, for fingers, text of 11 px or more, panels in the order of their letters."""
    figure = TWO if name == "quiz" else made(name)
    page = show(figure, viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page.set_content(f"<style>body {{ margin: 0 18px }}</style>{figure.html}")
    steps = 2 if name == "train_circles" else 12  # which trains two networks at each
    seen = page.locator(figure.html[1:figure.html.index(" ")]).evaluate(ON_A_PHONE, steps)
    text = f", text from {seen['text']:.0f} px" if seen["text"] else ""
    measured(f"{name} on a phone: {seen['height']} px high{text}")
    assert seen["height"] <= 760 and seen["wide"] <= 0 and (seen["text"] or 11) >= 11
    assert seen["small"] == [] and seen["heights"] == [seen["height"]]
    assert len(seen["letters"]) < 2 or "".join(seen["letters"]) in "ABC"


def test_a_phone_that_is_turned_gets_its_panels_side_by_side(show):
    page = show(made("collinear"), viewport={"width": 390, "height": 844})
    panels = page.locator(".views > svg")
    boxes = [panels.nth(k).bounding_box() for k in (0, 1)]
    assert boxes[1]["y"] > boxes[0]["y"] + 100 and boxes[1]["x"] == boxes[0]["x"]
    page.set_viewport_size({"width": 844, "height": 390})
    page.wait_for_function("[...document.querySelector('[state]').shadowRoot.querySelectorAll('.views > svg')]"
                           ".every((one) => one.clientWidth < 420)")
    boxes = [panels.nth(k).bounding_box() for k in (0, 1)]
    assert boxes[1]["y"] == boxes[0]["y"] and boxes[1]["x"] > boxes[0]["x"] + 300


@pytest.mark.parametrize("name", ["adaptive_ridge", "collinear", "cover", "jensen", "mc_curves", "qball", "shrinkage",
                                  "spread_n", "train_circles"])
def test_the_page_draws_what_python_computes(show, name):
    """Paths, to a tenth of a pixel."""
    page = show(made(name))
    if name == "jensen":
        page.get_by_role("button", name="GELU").click()
    for selector, x, y, expected in globals()[f"{name}_draws"](made(name).state):
        found = page.locator(selector).evaluate_all("""nodes => nodes.map(one => [one.getAttribute("d"),
          ...["width", "height"].map(size => Number(one.ownerSVGElement.getAttribute(size)))])""")
        for (d, *size), points in zip(found, expected, strict=True):
            pixels = (points - np.array([x[0], y[1]])) / [x[1] - x[0], y[0] - y[1]] * size
            assert np.allclose(np.array(re.findall(r"-?[\d.]+", d), float).reshape(-1, 2), pixels, atol=0.06), selector


def test_the_cover_names_its_curves(show):
    """Each name inside of the picture at either end of the sliders, and only the names of what is drawn."""
    page = show(made("cover"))
    picture = page.locator("svg[role=img]").bounding_box()
    for button, fit, noise in (("Neither", "without a penalty", False), ("Penalty", "with a penalty", False),
                               ("Penalty and noise", "with a penalty", True)):
        page.get_by_role("button", name=button, exact=True).click()
        names = [one for one in page.locator("svg text.halo").all() if one.is_visible()]
        assert [one.text_content() for one in names] == [
            "a measurement", "the truth", fit, *(["with noise, thirty times"] if noise else [])]
        for box in (one.bounding_box() for one in names):
            assert picture["y"] < box["y"] and box["y"] + box["height"] < picture["y"] + picture["height"]


def test_an_input_of_the_neuron_is_dropped_by_mouse_and_by_keyboard(show):
    page = show(made("neuron"))
    say, first = page.locator(".say"), page.locator(".say").inner_text()
    assert first.startswith("This mask keeps 5 of the 8 inputs")
    page.locator("g circle").nth(1).click()
    dropped = say.inner_text()
    assert "keeps 4" in dropped and not page.get_by_label("keep input 2").is_checked()
    page.get_by_label("keep input 2").focus()
    page.keyboard.press("Space")
    assert say.inner_text() == first
    page.get_by_role("button", name="Plain").click()
    assert "; without a mask z is 4.10" in say.inner_text()
    page.get_by_role("button", name="Keep all").click()
    page.get_by_label("drop probability").fill("0")
    assert say.inner_text().startswith("This mask keeps 8 of the 8 inputs: z = 4.10. At p = 0")
    page.get_by_role("button", name="Reset").click()
    assert say.inner_text() == first


def test_erf_is_accurate_to_twelve_digits(module_page):
    x = np.concatenate([np.linspace(-8, 8, 4001), np.geomspace(1e-12, 1, 100)])
    computed = module_page.evaluate(
        """async (x) => import("http://explorables.test/maths.mjs")
          .then(({ erf }) => x.map((v) => erf(v)))""", x.tolist())
    assert np.abs(np.array(computed) - [math.erf(v) for v in x]).max() <= 1e-12


def test_a_batch_mate_moves_the_others_by_key_and_by_mouse(show):
    page = show(made("batch_mates"))
    say, x2 = page.locator(".say"), page.locator("input[name=x2]")
    start, value = say.inner_text(), x2.input_value()
    x2.press("ArrowLeft")
    assert float(x2.input_value()) == pytest.approx(float(value) - 0.1)
    assert say.inner_text() != start  # x1 has not moved, its normalized value has
    box = page.locator("circle[style*=ew-resize]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"])
    page.mouse.up()
    assert float(x2.input_value()) < float(value) - 1
    page.locator("input[name=log_size]").press("Home")
    assert say.inner_text().startswith("A batch of one is its own mean")
    page.get_by_role("button", name="Reset").click()
    assert say.inner_text() == start


def test_norm_axes_normalizes_as_torch_does():
    from torch.nn import functional as F

    N, C, P, G = 3, 6, 5, 2
    x = torch.tensor(RANDOM.standard_normal((N, C, P)))
    theirs = {"batch": F.batch_norm(x, None, None, training=True), "layer": F.layer_norm(x, (C, P)),
              "token": F.layer_norm(x.mT, (C,)).mT, "rms": F.rms_norm(x.mT, (C,), eps=1e-5).mT,
              "group": F.group_norm(x, G), "instance": F.instance_norm(x)}
    for kind, expected in theirs.items():
        ours = norm_axes.normalize(x.ravel(), norm_axes.set_ids(kind, N, C, P, G), kind != "rms", 1e-5)
        assert np.allclose(ours, expected.ravel(), rtol=0, atol=1e-12), kind


def test_norm_axes_says_how_many_outputs_move(show):
    """Sizes of the sets of a (4, 4, 4) tensor: of one set all but the moved value are others."""
    page = show(made("norm_axes"))
    say, first = page.locator(".say"), page.locator(".say").inner_text()
    assert "15 other outputs" in first and "none in other examples" in first
    for name, others, mates in (("Batch", 15, "12 of them"), ("Group", 7, "none"), ("Instance", 3, "none"),
                                ("RMS", 3, "none"), ("Layer, each position", 3, "none"), ("Layer", 15, "none")):
        page.get_by_role("button", name=name, exact=True).click()
        assert page.locator("button[aria-pressed=true]").all_inner_texts() == [name]
        assert f"and {others} other outputs" in say.inner_text() and f"{mates} in other examples" in say.inner_text()
    assert say.inner_text() == first


def test_a_cell_is_chosen_by_mouse_and_by_keyboard(show):
    page = show(made("norm_axes"))
    say, slider = page.locator(".say"), page.locator("input[name=cell]")
    first = say.inner_text()
    page.locator("svg rect[fill=transparent]").nth(0).click()
    clicked = say.inner_text()
    assert clicked != first and slider.input_value() == "1"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert say.inner_text() != clicked and slider.get_attribute("aria-valuetext") == "example 1,\nchannel 1, position 2"
    page.get_by_role("button", name="Reset").click()
    assert say.inner_text() == first


def test_posterior_steps_climbs_to_the_posterior_of_the_package():
    from book_utils import bayes

    n, r, w_hat, prior_std = 20, 0.7, np.array([1.4, 0.6]), 1.0
    X = np.linalg.cholesky(posterior_steps.gram(n, r)).T
    exact, field = (f(X, X @ w_hat, 1.0, prior_std) for f in (bayes.linear_posterior, bayes.mean_field))
    G = posterior_steps.gram(n, r)
    assert posterior_steps.limit(G) == pytest.approx(bayes.max_stable_lr(X, 1.0, prior_std))
    assert posterior_steps.posterior_mean(G, w_hat) == pytest.approx(exact.mean)
    assert posterior_steps.widths(G) == pytest.approx([exact.cov[0, 0] ** 0.5, field.std[0]])
    row = [1.2, 0.3, 0.4, 0.1]
    elbo = bayes.linear_elbo(X, X @ w_hat, row[:2], row[2:], 1.0, prior_std)
    lost = exact.log_evidence - np.array([elbo, field.elbo])
    assert posterior_steps.shortfall(G, exact.mean, row) == pytest.approx(lost)


def test_the_page_trains_what_torch_trains(show):
    """The sentence that the untouched page shows, computed again by torch."""
    figure = made("train_circles")
    data, said = figure.state["few"][0], show(figure).locator(".say").inner_text()
    for lam2, where in ((1e-3, "{:.2f} with the penalty"), (0, ", {:.2f} without")):
        theta = train_circles.train(data["theta"], data["X"], data["y"], lam2, 0, data["seed"], data["steps"])
        expected = train_circles.loss(train_circles.logits(theta, data["X_test"]), data["y_test"])
        assert where.format(expected) in said


def test_play_trains_to_the_end_and_reset_returns(show, measured):
    """The report says how long a frame of Play takes: training steps of both networks and the redraw together."""
    page = show(made("train_circles"))
    first, say = page.locator(".say").inner_text(), page.locator(".say")
    page.evaluate("""() => {
      window.times = [];
      const ask = window.requestAnimationFrame.bind(window);
      window.requestAnimationFrame = (f) => ask((t) => {
        const start = performance.now();
        f(t);
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
      });
    }""")
    page.get_by_role("button", name="Play").click()
    assert "are training" in say.inner_text()
    page.get_by_role("button", name="Play").wait_for(timeout=60_000)  # it read Pause meanwhile
    assert say.inner_text() == first
    times = page.evaluate("times")
    assert len(times) >= 130
    median, slow = np.quantile(times, [0.5, 0.95])
    measured(f"train_circles: a frame of Play {median:.1f} ms, one in twenty above {slow:.1f} ms")
    page.get_by_role("button", name="New draw").click()
    page.get_by_role("button", name="700").click()
    assert "700 points" in say.inner_text()
    page.get_by_role("button", name="Step").click()
    assert say.inner_text().startswith("After 1 step on 700")
    page.get_by_role("button", name="Reset").click()
    assert say.inner_text() == first


def test_the_penalty_costs_accuracy_on_two_of_the_six_draws(show):
    """What the chapter says about New draw."""
    page, pairs = show(made("train_circles")), []
    for _ in range(6):
        sentence = page.locator(".say").inner_text()
        pairs.append([int(share) for share in re.findall(r"(\d+)\s%", sentence)])
        page.get_by_role("button", name="New draw").click()
    assert sum(penalized < free for penalized, free in pairs) == 2
    assert [int(share) for share in re.findall(r"(\d+)\s%", page.locator(".say").inner_text())] == pairs[0]


def test_with_reduced_motion_play_is_a_jump(show):
    page = show(made("train_circles"), reduced_motion="reduce")
    for steps in (100, 200):
        page.get_by_role("button", name="100 steps").click()
        assert page.locator(".say").inner_text().startswith(f"After {steps} steps on 32 points")


@pytest.mark.parametrize("name", FIGURES)
def test_the_fragment_is_complete_and_stable(name):
    bundle = made(name)._repr_mimebundle_()
    html = bundle["text/html"]
    assert html == getattr(explorables, name)()._repr_mimebundle_()["text/html"]
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")  # nothing is loaded from anywhere
    assert not re.search(r"^(import|export) ", html, flags=re.M) and "type=\"module\"" not in html
    assert not re.search(r"\sid=", html)
    assert f'<img alt="{bundle["text/plain"].split("] ", 1)[1]}"' in html
    assert bundle["image/png"].startswith("iVBOR")
    tag = re.match(rf"<(pnd-{name}-[0-9a-f]{{8}}) state=", html).group(1)
    assert f'customElements.define("{tag}"' in html


def test_no_point_of_a_q_ball_beats_the_constrained_minimum():
    for _ in range(60):
        A, w_hat = RANDOM.standard_normal((4, 2)), 2 * RANDOM.standard_normal(2)
        G, q, t = A.T @ A / 4, RANDOM.uniform(0.5, 4), RANDOM.uniform(0.1, 3)
        w = qball.constrained_minimum(G, w_hat, q, t)
        assert (abs(w) ** q).sum() <= t**q * (1 + 1e-9)
        rivals = RANDOM.uniform(-1, 1, (20_000, 2))
        size = (abs(rivals) ** q).sum(axis=1, keepdims=True) ** (1 / q)
        rivals *= t * np.minimum(1, RANDOM.uniform(0.7, 1.5, size.shape)) / size
        loss = np.einsum("ij,jk,ik->i", rivals - w_hat, G, rivals - w_hat)
        assert (w - w_hat) @ G @ (w - w_hat) <= loss.min() + 1e-12


def test_the_lasso_and_ridge_touch_their_balls_where_the_q_ball_says():
    from book_utils.linear import lasso

    for _ in range(20):
        X, y = RANDOM.standard_normal((10, 2)), RANDOM.standard_normal(10)
        G, w_hat = X.T @ X / 10, lstsq(X, y)
        for q, w in ((1, lasso(X, y, 0.05)), (2, ridge(X, y, 0.3))):
            found = qball.constrained_minimum(G, w_hat, q, (abs(w) ** q).sum() ** (1 / q))
            assert np.allclose(found, w, atol=1e-7)
            assert q == 2 or np.array_equal(found == 0, w == 0)


def test_the_gap_that_jensen_says_is_the_gap_over_all_masks(show):
    """Every curve, both sets of inputs: the live sentence against `book_utils.dropout`, moved by the keyboard alone."""
    from book_utils.dropout import jensen_gap

    page = show(made("jensen"))
    say, first = page.locator(".say"), page.locator(".say").inner_text()
    state = {"mean": 0.0, "p": 0.5}
    for a in (jensen.EVEN, jensen.DOMINANT):
        for name, label in jensen.LABELS.items():
            page.get_by_role("button", name=label, exact=True).focus()
            page.keyboard.press("Enter")
            assert page.get_by_role("button", name=label, exact=True).get_attribute("aria-pressed") == "true"
            for control, key, step in (("mean", "ArrowRight", 0.05), ("p", "ArrowLeft", -0.05)):
                page.locator(f"input[name={control}]").press(key)
                state[control] += step
            gap = jensen_gap(lambda z, name=name: jensen.activation(name, z), a, np.ones(8), state["p"],
                             state["mean"] - a.sum())
            if abs(gap) > 0.006:
                assert f"Gap {gap:+.2f}".replace("-", "−") in say.inner_text()
        page.get_by_role("button", name="One input dominates").press("Enter")
        for control in state:  # back to where the second set of inputs starts
            page.locator(f"input[name={control}]").press("ArrowRight")
            state[control] += 0.05
    page.get_by_role("button", name="Reset").click()
    assert say.inner_text() == first
    page.locator("input[name=p]").press("Home")
    assert "Nothing is dropped" in say.inner_text()


def test_uniforms_are_uniform_and_change_with_the_seed():
    u = np.stack([mc_curves.uniforms(seed, 20_000) for seed in range(20)])
    counts = np.histogram(u, bins=50, range=(0, 1))[0]
    expected = u.size / 50
    assert abs(counts - expected).max() < 4 * np.sqrt(expected)
    assert abs(np.corrcoef(u) - np.eye(20)).max() < 4 / np.sqrt(20_000)
    assert abs(np.corrcoef(u.ravel()[1:], u.ravel()[:-1])[0, 1]) < 4 / np.sqrt(u.size)


def test_passes_with_either_mask_have_the_variance_that_all_masks_of_a_layer_have():
    """With the second layer's masks undone by w3 = 0 but for one unit, mean and variance are known exactly."""
    p, T, h = 0.3, 20_000, mc_curves.HIDDEN
    theta = np.zeros(481)
    theta[:h], theta[2 * h:3 * h], theta[460] = 1, 1, 2.0  # h_j = x; unit 0 sees h_0; output 2 x m m'
    for per_row in (False, True):
        out = mc_curves.curves(theta, [0.5, 0.8], p, T, per_row, 3)
        exact = 1 / (1 - p) ** 2 - 1  # variance of m m' / (1 - p)^2
        assert np.allclose(out.mean(axis=0), [1, 1.6], atol=4 * 1.6 * np.sqrt(exact / T))
        assert np.allclose(out.var(axis=0) / np.array([1, 1.6]) ** 2, exact, atol=0.05)
        assert np.allclose(np.corrcoef(out.T)[0, 1], 0 if per_row else 1, atol=4 / np.sqrt(T))


def test_the_buttons_of_mc_curves_change_the_masks(show):
    page = show(made("mc_curves"))
    say, first = page.locator(".say"), page.locator(".say").inner_text()
    page.get_by_role("button", name="A mask for each point").click()
    assert page.locator("button[aria-pressed=true]").all_inner_texts() == ["A mask for each point"]
    assert abs(float(say.inner_text().split()[-1].rstrip(".").replace("−", "-"))) < 4 / np.sqrt(40)  # independent
    page.get_by_role("button", name="T = 1").click()
    assert "no curve" in say.inner_text()
    page.get_by_role("button", name="Reset").click()
    assert page.locator("button[aria-pressed=true]").all_inner_texts() == ["One mask a pass"]
    assert say.inner_text() == first
    page.get_by_role("button", name="New masks").click()
    assert say.inner_text() != first


def test_the_stored_networks_are_those_that_train_makes():
    """The same curve on the data; single weights may move with the instruction set."""
    x, theta = mc_curves.data()[0], made("mc_curves").state["thetas"][1]
    again, stored = (mc_curves.curves(t, x, 0.0, 1, False, 0)[0] for t in (mc_curves.train(0.1), theta))
    assert np.allclose(again, stored, atol=0.05)


def test_two_versions_get_two_names(monkeypatch):
    before = made("collinear").html
    monkeypatch.setattr(_element, "SCRIPT", _element.SCRIPT + "// changed")
    assert re.match(r"<(\S+)", before).group(1) != re.match(r"<(\S+)", made("collinear").html).group(1)


def test_state_survives_quotes_and_markup():
    item = quiz(question('Is "1 < 2" & true?', ("yes", True, "It's so."), ("no", False, "But it is.")))
    state = re.search(r'state="([^"]*)"', item.html).group(1)
    assert "<" not in state and '"' not in state


TWO = quiz(question("Two?", ("one", False, "Too few."), ("two", True, "Exactly.")))


def test_the_quiz_explains_each_choice(show):
    page = show(TWO)
    page.get_by_label("one", exact=True).click()
    assert page.locator(".because").inner_text() == "No. Too few."
    page.keyboard.press("ArrowDown")
    assert page.locator(".because").inner_text() == "Yes. Exactly."


def test_the_quiz_can_be_read_without_scripts():
    fallback = TWO.html[:TWO.html.index("<script>")]
    assert "<li>one <em>No. Too few.</em></li>" in fallback


@pytest.mark.parametrize("choices, message", [
    ([("a", True, "yes")], "two or more"),
    ([("a", True, "yes"), ("b", True, "also")], "exactly one"),
    ([("a", True, "yes"), ("b", False, " ")], "does not: 'b'"),
])
def test_questions_without_one_right_and_explained_answer_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        question("Which?", *choices)
    with pytest.raises(ValueError, match="at least one question"):
        quiz()


def figure_of(n=1, kind="a"):
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(2, 1))
    ax.set_title(f"{n} {kind}")
    return fig


def test_a_lab_shows_its_start_without_a_kernel():
    bundle = lab(figure_of, n=(0, 10, 1, 3), kind=["a", "b"])._repr_mimebundle_()
    assert bundle["text/plain"] == "[lab] figure_of: n = 3, kind = a"
    assert bundle["image/png"].startswith("iVBOR")
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("control", [(0, 10, 1), (0, 10, 1, 11), [], 3])
def test_a_lab_refuses_what_is_no_control(control):
    with pytest.raises(ValueError, match="is no control"):
        lab(figure_of, n=control)


X = np.linspace(0, 1, 30)
ONE = {"x": (0, 1), "y": (0, 4), "xlabel": "x", "ylabel": "y"}


def powers(q, size):
    """One mark of each kind; the sentence names its setting."""
    y = size * X**q
    return (f"The power {q}, times {size}.",
            [("band", "l2", X, [y - 0.1, y + 0.1]), ("line", "l2", X, y, "power"), ("dashed", "l2", X, y / 2, "half"),
             ("line", "truth", X, X), ("thin", "dropout", X, X / q)],
            [("bars", "norm", [0, 0.5, 1], [q, size]), ("dots", "data", X[::10], y[::10])])


def record(frame=powers, controls=None, **changed):
    two = {"q": [1, 2, 3], "size": [0.5, 1, 1e-4]} if controls is None else controls
    return recorded(frame, two, **({"start": {"q": 2, "size": 1}, "panels": [ONE, ONE], "alt": "Powers."} | changed))


def test_a_step_shows_what_was_recorded_for_it(show):
    """Every setting, reached by the keyboard: the sentence, and lines, bars and dots to a tenth of a pixel."""
    page = show(record())
    say, first = page.locator(".say"), page.locator(".say").inner_text()
    assert first == "The power 2, times 1." and page.locator(".say[aria-live=polite]").count() == 1
    q, size = (page.locator(f"input[name={name}]") for name in ("q", "size"))
    q.press("Home")
    for i, power in enumerate((1, 2, 3)):
        size.press("Home")
        for j, times in enumerate((0.5, 1, 1e-4)):
            said, _, _ = powers(power, times)
            assert say.inner_text() == said
            assert size.get_attribute("aria-valuetext") == ("0.5", "1", "1·10⁻⁴")[j]
            wide = page.locator("svg svg").first.evaluate("one => [one.width.baseVal.value, one.height.baseVal.value]")
            room = 1 + 0.15 / 0.85  # "power" has five letters
            found = page.locator(".l2.line").evaluate_all("all => all.map(one => one.getAttribute('d'))")
            for d, points in zip(found, lines(X, times * X**power, times * X**power / 2), strict=True):
                pixels = (points - [0, 4]) / [room, -4] * wide
                assert np.allclose(np.array(re.findall(r"-?[\d.]+", d), float).reshape(-1, 2), pixels, atol=0.06)
            bars = page.locator(".norm.line").get_attribute("d")
            heights = np.array(re.findall(r"-?[\d.]+", bars), float).reshape(-1, 2)[:, 1]
            assert np.allclose(4 - 4 * heights / wide[1], [0, power, power, times, times, 0], atol=0.01)
            assert page.locator(".data.dot").count() == 3 and page.locator(".dropout.thin").count() == 1
            if j < 2:
                size.press("ArrowRight")
        if i < 2:
            q.press("ArrowRight")
    page.get_by_role("button", name="Reset").click()
    assert say.inner_text() == first


def test_what_is_recorded_is_stored_once_and_the_same_each_time():
    bundle, again = record()._repr_mimebundle_(), record()._repr_mimebundle_()
    assert bundle["text/html"] == again["text/html"] and bundle["text/plain"] == "[recorded] Powers."
    assert bundle["image/png"].startswith("iVBOR") and '<img alt="Powers."' in bundle["text/html"]
    arrays = record().state["arrays"]
    assert len(arrays) == len(set(arrays)) and arrays.count(tuple(X.round(4))) == 1
    assert isinstance(json.loads(json.dumps(record().state)), dict)


@pytest.mark.parametrize("ends", [[1, 1, 1], [0, 3.99, 4], [0, 0, 0.1, 4, 4]])
def test_labels_of_recorded_lines_do_not_meet(ends):
    from book_utils.explorables.figures.recorded import _label_heights

    heights = _label_heights([("line", "l2", X, X, "name", end) for end in ends], 0, 4)
    assert np.diff(sorted(heights)).min() >= 0.339 and 0 < min(heights) and max(heights) < 4


@pytest.mark.parametrize("changed, message", [
    ({"controls": {}}, "0 controls"),
    ({"panels": [ONE] * 3}, "3 panels"),
    ({"panels": [ONE]}, r"At \(1, 0.5\) there are .* marks for 2 panels"),
    ({"panels": [ONE, ONE | {"y": (1, 1)}]}, "is no panel"),
    ({"panels": [ONE, {"x": (0, 1), "y": (0, 1)}]}, "is no panel"),
    ({"start": {"q": 2}}, r"start names \['q'\]"),
    ({"start": {"q": 5, "size": 1}}, "'q' starts at 5"),
    ({"controls": {"q": [2], "size": [1, 2]}}, "'q' starts at 2 and has the values"),
    ({"controls": {"q": [2, 2], "size": [1, 2]}}, "all different"),
    ({"frame": lambda q, size: ("", [], [])}, "return a sentence"),
    ({"frame": lambda q, size: ("Said.", [("curve", "l2", X, X)], [])}, r"'curve' in 'l2' at \(1, 0.5\)"),
    ({"frame": lambda q, size: ("Said.", [("line", "blue", X, X)], [])}, "'line' in 'blue'"),
    ({"frame": lambda q, size: ("Said.", [("line", "l2", X, X[1:])], [])}, r"has x \(30,\) and y \(29,\)"),
    ({"frame": lambda q, size: ("Said.", [("bars", "l2", X, X)], [])}, r"y \(29,\)\."),
    ({"frame": lambda q, size: ("Said.", [("band", "l2", X, X)], [])}, r"y \(2, 30\)\."),
    ({"frame": lambda q, size: ("Said.", [("line", "l2", [], [])], [])}, r"has x \(0,\)"),
    ({"frame": lambda q, size: ("Said.", [("line", "l2", X, X / (q - 1))], [])}, "not finite"),
    ({"frame": lambda q, size: ("Said.", [("line", "l2", np.arange(4000), RANDOM.random(4000))], [])}, "KB gzipped"),
])
@pytest.mark.filterwarnings("ignore:invalid value|divide by zero")
def test_recorded_refuses_what_it_cannot_show(changed, message):
    with pytest.raises(ValueError, match=message), np.errstate(all="ignore"):
        record(**changed)
