"""Self-check questions, built on the same element as the figures."""

from book_utils.explorables._element import Explorable


def question(ask, *choices):
    """One question for `quiz`.

    Parameters
    ----------
    ask : str
        The question, as HTML (plain text with <em>, <sub>, <sup>, <code> where needed).
    *choices : (str, bool, str)
        The choice's text, whether it is right, and why; two or more, exactly one of them right.

    Returns
    -------
    dict
        For `quiz`.

    Raises
    ------
    ValueError
        If there are fewer than two choices, not exactly one is right, or one does not say why.

    Examples
    --------
    >>> question("Is 7 prime?", ("Yes", True, "1 and 7 alone divide it."), ("No", False, "What divides it?"))["ask"]
    'Is 7 prime?'
    """
    if len(choices) < 2 or sum(bool(right) for _, right, _ in choices) != 1:
        raise ValueError(f"A question needs two or more choices, exactly one of them right: {ask!r}.")
    if missing := [text for text, _, because in choices if not because.strip()]:
        raise ValueError(f"Every choice explains itself; this one does not: {missing[0]!r}.")
    return {"ask": ask, "choices": [{"text": t, "right": bool(r), "because": b} for t, r, b in choices]}


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
    items = []
    for q in questions:
        choices = "".join(f"<li>{c['text']} <em>{'Yes.' if c['right'] else 'No.'} {c['because']}</em></li>"
                          for c in q["choices"])
        items.append(f"<li>{q['ask']}<ul>{choices}</ul></li>")
    count = f"{len(questions)} question" + "s" * (len(questions) > 1)
    return Explorable("quiz", {"questions": questions}, fallback=f"<ol>{''.join(items)}</ol>",
                      alt=f"{count} to check yourself")
