"""Many fits: each done once, and what their mean is worth.

Results are kept in files, so that a run that was stopped goes on where it was. How the fits are spread is joblib's
business: one after the other, over processes, or over a cluster of machines.
"""

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np

from book_utils._checks import checked_count, checked_factors, checked_flag, checked_number, shown
from book_utils._files import write_whole


def run(task, settings, *, store, n_jobs=1, progress=False):
    """Call a function with each of many settings, and keep what it returns in one JSON file a setting.

    Parameters
    ----------
    task : callable
        Called as ``task(**setting)``; returns a dict that JSON can hold (no nan, ``array.tolist()`` for an array).
    settings : list of dicts
        Each of plain values: strings, finite numbers, True, False, None, and lists of them. No two alike.
    store : path
        The folder of the results, made if need be. It belongs to one task: a setting whose file is there is not run
        again, whatever the task would return by now.
    n_jobs : int
        How many processes, or -1 for as many as there are cores. With 1, one setting after the other, unless
        ``joblib.parallel_config`` says otherwise.
    progress : bool
        Show a bar.

    Returns
    -------
    list of dicts
        One result for each setting, in their order, as its file holds it.

    Raises
    ------
    ValueError
        If an argument is none of the above, or a file in the store holds no result of its setting.
    RuntimeError
        At the end, if settings failed: it names them and their errors. The results of the others are kept.

    Notes
    -----
    A file appears whole or not at all, as soon as its setting is done: a run may be killed at any time, and two may
    share a store. Only this process writes, so that machines of a cluster need no common disk. Inside
    ``with dask.distributed.Client(address), joblib.parallel_config("dask"):`` the same call runs on that cluster, which
    gives the setting of a worker that died to another. If a process of joblib's own dies, what was not done by
    then counts as failed, and the next call does it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as store:
    ...     run(lambda x: {"square": x * x}, [{"x": 2}, {"x": 3}], store=store)
    [{'square': 4}, {'square': 9}]
    """
    import joblib
    from tqdm.auto import tqdm

    n_jobs = checked_number("n_jobs", n_jobs, "a whole number of processes, or -1 for all cores",
                            lambda v: v == -1 or (1 <= v <= 10**6 and v == int(v)))
    n_jobs = None if n_jobs == 1 else int(n_jobs)  # None: what parallel_config says, otherwise 1
    if not callable(task):
        raise ValueError(f"task must be a function that takes the values of a setting by name, not {shown(task)}.")
    if joblib.effective_n_jobs(n_jobs) > 1:
        try:
            pickle.dumps(joblib.wrap_non_picklable_objects(task))
        except Exception as error:  # which Dask would wait for without end
            raise ValueError(f"task cannot be sent to other processes ({type(error).__name__}: {error}): let it import "
                             "what it needs, or use n_jobs=1.") from None
    progress, names = checked_flag("progress", progress), _names(settings)
    try:
        (store := Path(store)).mkdir(parents=True, exist_ok=True)
    except (TypeError, OSError) as error:
        raise ValueError(f"store must be a folder to write to, not {shown(store)} ({type(error).__name__}).") from None
    todo = {name: setting for name, setting in names.items() if _stored(store / name, setting) is None}
    errors = dict.fromkeys(todo)
    parallel = joblib.Parallel(n_jobs, batch_size=1, return_as="generator_unordered")
    with tqdm(total=len(names), initial=len(names) - len(todo), disable=not progress) as bar:
        try:
            for name, text, error in parallel(joblib.delayed(_attempt)(task, *item) for item in todo.items()):
                if error is None:
                    write_whole(store / name, text + "\n")
                    del errors[name]
                else:
                    errors[name] = error
                bar.update()
        except Exception as error:  # of the processes or of the cluster: what has no result yet has none to come
            ended = f"it was not finished ({type(error).__name__}: {error})"
            errors = {name: own or ended for name, own in errors.items()}
    if errors:
        raise RuntimeError("\n".join([f"{len(errors)} of {len(names)} settings failed; the results of the others are "
                                      f"kept in {store}.", *(f"{names[name]}: {errors[name]}" for name in errors)]))
    return [_stored(store / name, setting) for name, setting in names.items()]


def pm(values, digits=2):
    """The mean of independent runs and its standard error, as text.

    Parameters
    ----------
    values : array_like, shape (n,)
        One number a run, n at least 2. To compare two methods on the same runs give their differences.
    digits : int
        How many digits after the point, 0 to 15.

    Returns
    -------
    str
        The standard error is the standard deviation (divisor n - 1) over the square root of n.

    Raises
    ------
    ValueError
        If an argument is none of the above.

    Examples
    --------
    >>> pm([3.1, 2.7, 3.4, 2.8])
    '3.00 ± 0.16'
    """
    (values,) = checked_factors(values=values)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must have shape (n,), one number a run and two runs at least, not {values.shape}.")
    digits = checked_count("digits", digits, 0, 15)
    error = values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():z.{digits}f} ± {error:.{digits}f}"


def _names(settings):
    """The settings by the names of their files: a hash of their text, whatever the order of their keys."""
    if isinstance(settings, (str, dict)) or not hasattr(settings, "__iter__"):
        raise ValueError(f"settings must be a list of dicts, not {shown(settings)}.")
    names = {}
    for setting in settings:
        try:
            text = json.dumps(setting, sort_keys=True, allow_nan=False)
            plain = isinstance(setting, dict) and json.loads(text) == setting
        except (TypeError, ValueError):
            plain = False
        if not plain:
            raise ValueError("settings must be dicts of strings, finite numbers, True, False, None and lists of them, "
                             f"by names that are strings, not {shown(setting)}.")
        name = hashlib.sha256(text.encode()).hexdigest()[:20] + ".json"
        if name in names:
            raise ValueError(f"settings must differ: {shown(setting)} is among them twice.")
        names[name] = setting
    return names


def _stored(path, setting):
    """The result in a setting's file, or None if there is no such file."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["setting"] == setting:
            return kept["result"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{path} does not hold the result of {shown(setting)}: remove it, or choose another store.")


def _attempt(task, name, setting):
    """The name of a setting's file, and its text or else the error; on whichever machine."""
    try:
        result = task(**setting)
        if not isinstance(result, dict):
            raise TypeError(f"the task returned {shown(result)}, not a dict")
        return name, json.dumps({"setting": setting, "result": result}, allow_nan=False), None
    except Exception as error:
        return name, None, f"{type(error).__name__}: {error}"
