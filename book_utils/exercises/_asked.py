"""The reader's function as the exercises ask it."""

import numpy as np


class Wrong(Exception):
    """The first property that fails, as a sentence without its full stop."""


def close(a, b):
    return np.allclose(a, b, rtol=1e-6, atol=1e-9)


def _array(value):
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _written(name, value):
    """An input as a reader can type it, where it is small."""
    if name == "rng":
        return f"rng = np.random.default_rng({value})"
    if hasattr(value, "modules"):
        return f"{name} = {type(value).__name__}({', '.join(type(part).__name__ for part in value)})"
    if not hasattr(value, "shape"):
        return f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
    if np.prod(value.shape) > 12:
        return f"{name} of shape {tuple(value.shape)}"
    text = np.array2string(_array(value), separator=", ", formatter={"float": "{:g}".format})
    return f"{name} = {' '.join(text.split())}"


class Asked:
    """Calls a function and raises `Wrong` where it fails, or where what it returns does not have a property.

    Attributes
    ----------
    on : str
        The inputs of the last call.
    returned : object
        What that call returned, as it was.
    """

    def __init__(self, function):
        self.function = function

    def __call__(self, shape, **inputs):
        """The result as a float array of this shape, or several for a list of shapes; `rng` is given by its seed."""
        self.on = ", ".join(_written(name, value) for name, value in inputs.items())
        given = {name: np.random.default_rng(value) if name == "rng" else
                 value.copy() if isinstance(value, np.ndarray) else
                 value.clone() if hasattr(value, "clone") else value for name, value in inputs.items()}
        try:
            with np.errstate(all="ignore"):
                self.returned = self.function(*given.values())
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:150].rstrip(":. ")
            raise Wrong(f"with {self.on}, it raises {said}") from error
        for name, value in inputs.items():
            if hasattr(value, "shape"):
                self.must(np.array_equal(_array(value), _array(given[name])), f"it changes its argument {name}")
        self.must(self.returned is not None, "it returns None, as a function without a return does")
        if not isinstance(shape, list):
            return self._numbers("the result", self.returned, shape)
        self.must(isinstance(self.returned, (tuple, list)) and len(self.returned) == len(shape),
                  f"it does not return {len(shape)} results")
        return [self._numbers(f"result {i}", value, one)
                for i, (value, one) in enumerate(zip(self.returned, shape, strict=True), 1)]

    def _numbers(self, which, value, shape):
        try:
            found = _array(value).astype(float, casting="same_kind")
        except (TypeError, ValueError, RuntimeError):
            raise Wrong(f"with {self.on}, {which} cannot be read as an array of numbers") from None
        self.must(found.shape == shape, f"{which} has shape {found.shape}, not {shape}")
        self.must(np.isfinite(found).all(), f"{which} is not finite everywhere")
        return found

    def must(self, holds, otherwise):
        """Raise `Wrong` with the last input and what is wrong, unless it holds."""
        if not holds:
            raise Wrong(f"with {self.on}, {otherwise}")

    def draws_from_rng(self, shape, **inputs):
        """Equal generators must give equal results, and others others."""
        first, again, other = (self(shape, **inputs, rng=seed) for seed in (0, 0, 1))
        self.must(np.array_equal(first, again),
                  "two calls with equal generators give different results: something is not drawn from rng")
        self.must(not np.array_equal(first, other),
                  "the result is the same with another generator: nothing is drawn from rng")


def off(values, expected, axis=None):
    """Whether a mean of independent values lies more than five standard errors from what is expected."""
    values = np.asarray(values)
    count = values.size if axis is None else values.shape[axis]
    error = values.std(axis=axis, ddof=1) / np.sqrt(count)
    return bool((abs(values.mean(axis=axis) - expected) > 5 * error + 1e-9).any())
