"""Tries the function that a reader wrote for a chapter's *Write it yourself*.

One function a chapter, in the modules of its part: each asks the reader's function a few questions whose answers are
known, by a theorem or from a reference, and says which answer is wrong. The reader's solution may be any; nothing
here reads its code.
"""

import textwrap

from book_utils._checks import shown
from book_utils.exercises import _doubt, _noise, _penalties, _scale
from book_utils.exercises._asked import Asked, Wrong

# In the order of the chapters.
EXERCISES = {exercise.__name__: exercise for exercise in (
    _penalties.shortest, _penalties.leave_one_out, _penalties.best_weight, _penalties.loss_of_logits,
    _penalties.scale_both,
    _noise.inverted_dropout, _noise.geometric_mean, _noise.logistic_strengths, _noise.mean_relu,
    _noise.channel_dropout,
    _scale.batch_norm_backward, _scale.group_norm, _scale.stored_moments,
    _doubt.mc_mean_std, _doubt.predictive, _doubt.free_energy, _doubt.noisy_outputs, _doubt.held_out_cells,
    _doubt.crps_of_samples, _doubt.decide, _doubt.rmse_of_passes)}


def check(function, name=None):
    """Try a function that you wrote, and print in one sentence whether it does what its exercise asks for.

    The first property that fails is named, with the input on which it fails; so is an error that the function raises
    and an argument that it changes. What is random is tried with fixed seeds and judged at five standard errors.

    Parameters
    ----------
    function : callable
        Yours, with the arguments of the exercise in their order.
    name : str, optional
        Which exercise it is for, if the function's own name does not say.

    Raises
    ------
    ValueError
        If `function` cannot be called, or no exercise has that name.

    Examples
    --------
    >>> def mean_relu(mu, s):
    ...     return mu
    >>> check(mean_relu)
    mean_relu: with mu = [-2, 0, 1], s = [0, 0, 0], the result is not max(mu, 0),
    although z does not vary.
    """
    if not callable(function):
        raise ValueError(f"function must be the function that you wrote, without parentheses, not {shown(function)}.")
    name = getattr(function, "__name__", None) if name is None else name
    if not isinstance(name, str) or name not in EXERCISES:
        raise ValueError(f"No exercise is called {shown(name)}: give your function the name of one of these, or pass "
                         f"that as name: {', '.join(EXERCISES)}.")
    try:
        EXERCISES[name](Asked(function))
    except Wrong as wrong:
        print(textwrap.fill(f"{name}: {wrong}.", 79, break_long_words=False, break_on_hyphens=False))
    else:
        print(f"{name}: every property that was tried holds.")
