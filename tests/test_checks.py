"""The arrays that the NumPy modules take: what people have, with the same result, or a refusal that says the remedy."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from book_utils.dropout import (
    dropout_ridge,
    expected_squared_loss,
    jensen_gap,
    preactivation_moments,
    tikhonov_penalty,
)
from book_utils.linear import lasso, lstsq, ridge, ridge_path, soft_threshold
from book_utils.uncertainty import decompose, disagreement, ensemble_gain

# Whole numbers that bfloat16 holds and whose products fit no narrow integer, and a column of truth values.
X = np.random.default_rng(0).integers(0, 128, (9, 3)).astype(float)
X[:, 2] = X[:, 2] > 60
y, w = np.arange(9.0) % 2, np.array([100.0, 90.0, 1.0])


def frame(a, dtype):
    """A data frame, or a series, whose last column has another dtype."""
    table = pd.DataFrame(a)
    if a.ndim == 1:
        return table[0].astype("Int64" if dtype == "nullable" else bool) if set(a) <= {0, 1} else table[0]
    return table.astype({table.columns[-1]: "boolean" if dtype == "nullable" else bool})


KINDS = {
    "lists": lambda a: a.tolist(), "uint8": lambda a: a.astype(np.uint8), "int8": lambda a: a.astype(np.int8),
    "float16": lambda a: a.astype(np.float16), "a nullable frame": lambda a: frame(a, "nullable"),
    "a frame with truth values": lambda a: frame(a, "bool"), "a tensor": torch.tensor,
    "a tensor with gradient": lambda a: torch.tensor(a, requires_grad=True),
    "bfloat16 with gradient": lambda a: torch.tensor(a, dtype=torch.bfloat16, requires_grad=True),
    "bytes of torch": lambda a: torch.tensor(a, dtype=torch.uint8),
}
CALLS = {
    "lstsq": lambda X, y, w: lstsq(X, y), "ridge": lambda X, y, w: ridge(X, y, 0.1),
    "lasso": lambda X, y, w: lasso(X, y, 0.1), "ridge_path": lambda X, y, w: ridge_path(X, y, w).loo_mse,
    "soft_threshold": lambda X, y, w: soft_threshold(X, w), "dropout_ridge": lambda X, y, w: dropout_ridge(X, y, 0.3),
    "expected_squared_loss": lambda X, y, w: expected_squared_loss(X, y, w, 0.3),
    "preactivation_moments": lambda X, y, w: np.array(preactivation_moments(X, w, 0.3)),
    "jensen_gap": lambda X, y, w: jensen_gap(np.square, w, w, 0.3, y[1]),
    "tikhonov_penalty": lambda X, y, w: tikhonov_penalty(X, w, 0.3), "disagreement": lambda X, y, w: disagreement(y),
    "ensemble_gain": lambda X, y, w: ensemble_gain(y, 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLS)
def test_what_people_have_gives_what_float64_gives(name, kind):
    found = CALLS[name](*map(KINDS[kind], (X, y, w)))
    assert type(found) in (np.ndarray, np.float64, float) and np.array_equal(found, CALLS[name](X, y, w))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_probabilities_in_half_precision_are_taken(dtype):
    logits = 3 * torch.randn(5, 20, 10, generator=torch.Generator().manual_seed(0))
    exact, half = decompose(logits.softmax(-1)), decompose(logits.softmax(-1).to(dtype))
    assert np.allclose(half.total, exact.total, atol=0.02)


def test_what_is_missing_in_a_frame_is_named():
    table = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [True, False, True]})
    with pytest.raises(ValueError, match=r"X\[1, 0\] is nan: remove or impute"):
        lstsq(table, [1, 2, 3])


@pytest.mark.parametrize("bad, message", [
    (np.ma.masked_greater(X, 100), "X is a masked array.*X.filled"),
    (sparse.csr_matrix(X), r"X is sparse.*X.toarray\(\)"), (sparse.coo_array(X), "X is sparse"),
    (torch.tensor(X).to_sparse(), r"X is sparse.*X.to_dense\(\)"),
    (torch.tensor(X) + 1j, "X must hold real numbers"), (pd.DataFrame({"a": ["x"] * 9}), "X must hold real numbers"),
    (pd.DataFrame({"a": ["x"] * 9, "b": y}), "X must hold real numbers"),
])
@pytest.mark.parametrize("name", ["lstsq", "soft_threshold", "tikhonov_penalty"])
def test_arrays_of_another_kind_are_refused_by_name(name, bad, message):
    message = message.replace("X", "z") if name == "soft_threshold" else message
    with pytest.raises(ValueError, match=message):
        CALLS[name](bad, y, w)
