"""How the benchmarks measure: rounds that alternate between the contenders, one to warm up, then the medians."""

import statistics
import time


def seconds(function):
    """The time of one run."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median_seconds(functions, repeats, seconds=seconds):
    """The median time of each function over so many rounds, each run timed by `seconds`."""
    rounds = [[seconds(function) for function in functions] for _ in range(repeats + 1)]
    return [statistics.median(times) for times in zip(*rounds[1:], strict=True)]
