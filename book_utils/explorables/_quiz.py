"""Self-check questions and predictions, built on the same element as the figures."""

import math
import re
import sys

from book_utils.explorables._element import Explorable
from book_utils.explorables._text import significant


class Questions(Explorable):
    """Questions of one notebook share one script: the first of them that a kernel has shown brings it for all."""

    carrier = None

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = super()._repr_mimebundle_(include, exclude)
        Questions.carrier = Questions.carrier or self.alt
        # In Colab each output stands in a frame of its own.
        if self.alt != Questions.carrier and "google.colab" not in sys.modules:
            bundle["text/html"] = bundle["text/html"].partition("\n<script>")[0]
        return bundle


def question(ask, *choices):
    """One question for `quiz` or `predict`.

    Parameters
    ----------
    ask : str
        The question, as HTML (plain text with <em>, <sub>, <sup>, <code> where needed).
    *choices : (str, bool, str)
        The choice's text, whether it is right, and why; two or more, all different, exactly one of them right.

    Returns
    -------
    dict
        For `quiz` or `predict`.

    Raises
    ------
    ValueError
        If there are fewer than two choices, two are the same, not exactly one is right, or one does not say why.

    Examples
    --------
    >>> question("Is 7 prime?", ("Yes", True, "1 and 7 alone divide it."), ("No", False, "What divides it?"))["ask"]
    'Is 7 prime?'
    """
    if len(choices) < 2 or sum(bool(right) for _, right, _ in choices) != 1:
        raise ValueError(f"A question needs two or more choices, exactly one of them right: {ask!r}.")
    if len({text for text, _, _ in choices}) < len(choices):
        raise ValueError(f"The choices of a question differ; here two are the same: {ask!r}.")
    if missing := [text for text, _, because in choices if not because.strip()]:
        raise ValueError(f"Every choice explains itself; this one does not: {missing[0]!r}.")
    return {"ask": ask, "choices": [{"text": t, "right": bool(r), "because": b} for t, r, b in choices]}


def estimate(ask, measured, *, within, because, unit=""):
    """A question for `predict` whose answer is a number.

    Parameters
    ----------
    ask : str
        The question, as HTML.
    measured : float
        The result, not 0: an answer is right if it is off by no more than `within` times its size.
    within : float
        In (0, 1]; 0.25 is a quarter.
    because : str
        Why the result is what it is, in a sentence or two, as HTML.
    unit : str, optional
        Of the answer, as in "points".

    Returns
    -------
    dict
        For `predict`.

    Raises
    ------
    ValueError
        If measured is 0 or not finite, within is outside (0, 1], or because is empty.

    Examples
    --------
    >>> estimate("How many of 25 numbers are prime?", 9, within=0.2, because="From 2 to 23.")["measured"]
    9.0
    """
    if not math.isfinite(measured) or measured == 0:
        raise ValueError(f"measured = {measured!r}: a share of it decides what is right, so it must not be 0.")
    if not 0 < within <= 1:
        raise ValueError(f"within = {within!r} is no share of the result: give a number above 0, at most 1.")
    if not because.strip():
        raise ValueError(f"A result explains itself; this one does not: {ask!r}.")
    return {"ask": ask, "measured": float(measured), "within": float(within), "unit": unit, "because": because}


def quiz(*questions):
    """Questions that explain every answer, right or wrong, with no kernel and no network.

    Parameters
    ----------
    *questions : dict
        From `question`, one or more.

    Returns
    -------
    Explorable

    Raises
    ------
    ValueError
        If there is no question.

    Examples
    --------
    >>> quiz(question("Is 7 prime?", ("Yes", True, "Only 1 and 7 divide it."), ("No", False, "What divides it?"))).alt
    '1 question to check yourself'
    """
    if not questions:
        raise ValueError("A quiz needs at least one question.")
    items = [f"<li>{q['ask']}{explained(q['choices'])}</li>" for q in questions]
    count = f"{len(questions)} question" + "s" * (len(questions) > 1)
    return Questions("quiz", {"questions": questions}, fallback=f"<ol>{''.join(items)}</ol>",
                     alt=f"{count} to check yourself")


def explained(choices):
    """The choices of a question, each with its answer, as a list in HTML."""
    items = "".join(f"<li>{c['text']} <em>{'Yes.' if c['right'] else 'No.'} {c['because']}</em></li>" for c in choices)
    return f"<ul>{items}</ul>"


def predict(name, question):
    """A box that takes an answer, and how sure one is of it, before it shows the result.

    The answer is kept in the reader's own browser, under `name`. The page *Your predictions* draws from all of them how
    well calibrated the reader is.

    Parameters
    ----------
    name : str
        Unique in the book, in lower case with hyphens: "ridge-peak". A later cell of the chapter holds a line with an
        `assert` that ends in `# prediction ridge-peak` and fails if the result is no longer the one given here.
    question : dict
        From `question` or `estimate`.

    Returns
    -------
    Explorable

    Raises
    ------
    ValueError
        If the name has other signs.

    Examples
    --------
    >>> predict("primes", estimate("How many of 25 numbers are prime?", 9, within=0.2, because="2 to 23.")).alt
    'Predict primes'
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"{name!r} names no prediction: write it in lower case with hyphens, as in 'ridge-peak'.")
    if "choices" in question:
        given = "".join(f"<li>{c['text']}</li>" for c in question["choices"])
        given, answer = f"<ul>{given}</ul>", explained(question["choices"])
    else:
        given, result = "", f"{significant(question['measured'], 12)} {question['unit']}".strip()
        answer = f"<p>{result}. {question['because']}</p>"
    folded = f"<details><summary>The result</summary>{answer}</details>"
    return Questions("quiz", {"name": name, **question}, fallback=f"<p>{question['ask']}</p>{given}{folded}",
                     alt=f"Predict {name}", anchor=f"predict-{name}")
