"""What the exercises of the part *Penalties* ask."""

import numpy as np
from scipy.linalg import null_space
from scipy.special import expit

from book_utils.exercises._asked import close
from book_utils.linear import ridge


def shortest(ask):
    """Of all weights that predict as w does at the rows of X, the shortest."""
    cases = ([[1, 0], [1, 2], [0, 1]], [3, 1]), ([[1, 1], [2, 2]], [3, 1]), ([[1, 0, 2], [0, 1, 1]], [1, 2, 3])
    for X, w in cases:
        X, w = np.array(X, dtype=float), np.array(w, dtype=float)
        v = ask(w.shape, X=X, w=w)
        ask.must(close(X @ v, X @ w), "X @ result differs from X @ w: the predictions are not the same")
        ask.must(close(null_space(X).T @ v, 0), "there are shorter weights with the same predictions")
    v = ask(w.shape, X=1e-10 * X, w=w)
    ask.must(close(X @ v, X @ w), "the predictions change, only because X is measured in a larger unit")


def leave_one_out(ask):
    """The error of predicting each row by ridge from the others."""
    X = np.array([[1, 0], [1, 1], [1, 2], [1, 4], [0, 3]], dtype=float)
    y = np.array([1, 3, 2, 5, 4], dtype=float)
    n = len(y)
    for lam in (0.0, 0.5):
        raised = ask((n,), X=X, y=y + 10 * np.eye(n)[0], lam=lam)
        errors = ask((n,), X=X, y=y, lam=lam)
        others = [np.arange(n) != i for i in range(n)]
        refitted = [y[i] - X[i] @ ridge(X[rows], y[rows], lam * n / (n - 1)) for i, rows in enumerate(others)]
        ask.must(not close(errors, -np.array(refitted)), "every error has the wrong sign: take target minus prediction")
        ask.must(close(raised[0] - errors[0], 10),
                 "the prediction for row 0, which is y[0] - result[0], becomes another when y[0] is raised by 10")
        ask.must(close(errors, refitted),
                 "the errors are not those of 5 fits, each without one row and with the total penalty of all, 5 lam")


def best_weight(ask):
    """The value of one weight that minimizes the lasso's objective while the others stay."""
    X = np.array([[2, 1, 0], [0, 1, 1], [2, 0, 1], [4, 0, 0]], dtype=float)
    y, w = np.array([6, -1, 3, 4], dtype=float), np.array([0.5, 2, -1])

    def J(value, j, lam):
        v = np.where(np.arange(3) == j, value, w)
        return np.mean((y - X @ v) ** 2) / 2 + lam * abs(v).sum()

    for j, lam in (0, 0.0), (0, 0.5), (1, 0.25), (2, 0.1), (1, 3.0):
        moved = ask((), X=X, y=y, w=w + 7 * np.eye(3)[j], j=j, lam=lam)
        best = ask((), X=X, y=y, w=w, j=j, lam=lam)
        ask.must(close(best, moved), f"the result becomes another when w[{j}], which it shall replace, is raised by 7")
        steps = [step for step in (1e-4, -1e-4, -best) if J(best + step, j, lam) < J(best, j, lam) - 1e-12]
        ask.must(-best not in steps, f"the objective is smaller with w[{j}] = 0")
        ask.must(not steps, f"the objective gets smaller if w[{j}] is moved on from the result")


def loss_of_logits(ask):
    """The mean cross-entropy of logits, which no logit makes overflow."""
    two = ask((), z=np.zeros(2), y=np.array([0.0, 1]))
    ask.must(close(two, np.log(2)), "the loss of a fair coin is not log 2")
    z, y = np.array([2.0, -1, 0.5]), np.array([1.0, 0, 0])
    found = ask((), z=z, y=y)
    ask.must(close(ask((), z=-z, y=1 - y), found), "the loss changes when the classes trade names")
    right = ask((), z=np.array([40.0]), y=np.ones(1))
    ask.must(right < ask((), z=np.array([-40.0]), y=np.ones(1)), "the wrong answer costs no more than the right one")
    found = ask((), z=z, y=y)
    ask.must(close(found, -np.mean(np.log(np.where(y > 0, expit(z), 1 - expit(z))))),
             "the loss is not minus the mean log probability of the labels")
    ask.must(close(ask((), z=np.array([1000.0, -1000]), y=np.array([0.0, 1])), 1000),
             "the loss of two answers that are wrong and very sure is rounded away")


def scale_both(ask):
    """Training and test rows in units of the training rows."""
    X, X_test = np.array([[1, 10], [3, 30], [5, 80]], dtype=float), np.array([[2, 20], [9, 50]], dtype=float)
    shapes = [X.shape, X_test.shape]
    train, test = ask(shapes, X_train=X, X_test=X_test)
    ask.must(close(train.mean(axis=0), 0), "a column of the scaled training rows does not have the mean 0")
    ask.must(close(train.std(axis=0), 1), "a column of the scaled training rows does not have the standard deviation 1 "
             "(with n in the denominator)")
    _, longer = ask([X.shape, (3, 2)], X_train=X, X_test=np.vstack([X_test, [100, 0]]))
    ask.must(close(longer[:2], test), "the first two test rows come out differently than without the third")
    _, same = ask([X.shape, X.shape], X_train=X, X_test=X)
    ask.must(close(same, train), "the same rows come out differently as test rows than as training rows")
    constant = np.column_stack([X[:, 0], np.full(3, 4.0)])
    train, _ = ask(shapes, X_train=constant, X_test=X_test)
    ask.must(close(train[:, 1], 0), "the column that does not vary among the training rows does not become 0")
