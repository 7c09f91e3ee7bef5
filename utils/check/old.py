"""Exercise checks: they compare your function with the course's on small random inputs.

A check never stops the notebook. It prints "Right", or what is still missing, or, where it knows the
mistake, what it is. One module for each notebook holds its exercises; the judge is here.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class _ChangesItsInput(Exception):
    pass


Mistake = tuple[Callable, str]  # a wrong function, and what to tell somebody who wrote it


def judge(
    answer: Callable,
    reference: Callable,
    cases: Sequence[tuple],
    mistakes: Sequence[Mistake] = (),
    right: str = "",
    tolerance: float = 1e-5,
) -> bool:
    """Print what is to be said of the learner's function `answer`; True if it is right.

    It is called with every tuple of arguments in `cases` and must give what `reference` gives, up to
    the relative `tolerance`. A wrong answer that equals one of the `mistakes` gets its message.
    """
    message = _first_problem(answer, reference, cases, mistakes, tolerance)
    print(f"\N{WHITE HEAVY CHECK MARK} Right. {right}".rstrip() if message is None else message)
    return message is None


def _first_problem(answer, reference, cases, mistakes, tolerance) -> str | None:
    if not callable(answer):
        return f"Not yet: give the check your function, without calling it. It got {_kind(answer)}."
    outcomes = [_outcome(answer, case) for case in cases]
    for case, mine in zip(cases, outcomes, strict=True):
        if mine is None or mine is Ellipsis:
            return (
                "Not answered yet: the function gives nothing back.\n"
                "Write it above, end it with return ..., run its cell, then run this one again."
            )
        true = reference(*case)
        if not _same(mine, true, tolerance):
            found = (text for wrong, text in mistakes if _alike(outcomes, wrong, cases, tolerance))
            return "Not yet: " + next(found, _difference(mine, true, case))
    return None


def _outcome(function: Callable, case: tuple):
    """What the function gives, or the exception it raises; its arguments are safe from it."""
    given = [a.clone() if isinstance(a, Tensor) else a for a in case]
    try:
        result = function(*given)
    except Exception as problem:
        return problem
    if any(
        isinstance(a, Tensor) and not torch.equal(a, g) for a, g in zip(case, given, strict=True)
    ):
        return _ChangesItsInput("it changes the tensor it is given: begin with a copy, .clone()")
    return result


def _alike(outcomes: list, wrong: Callable, cases, tolerance: float) -> bool:
    """Whether both give the same values in every case, or both stop there, but not everywhere."""
    values = 0
    for mine, case in zip(outcomes, cases, strict=True):
        theirs = _outcome(wrong, case)
        if isinstance(mine, Exception) and isinstance(theirs, Exception):
            continue
        if not _same(mine, theirs, tolerance):
            return False
        values += 1
    return values > 0


def _same(mine, true, tolerance: float) -> bool:
    mine, true = _tensor(mine), _tensor(true)
    if mine is None or true is None or mine.shape != true.shape:
        return False
    scale = true.abs().max().item() if true.numel() else 0
    return torch.allclose(mine.to(true), true, rtol=tolerance, atol=tolerance * max(scale, 1e-30))


def _tensor(value) -> Tensor | None:
    if isinstance(value, (tuple, list)):
        value = [v.item() if isinstance(v, Tensor) and v.numel() == 1 else v for v in value]
    try:
        if isinstance(value, list) and value and all(isinstance(v, Tensor) for v in value):
            value = torch.stack(value)
        value = torch.as_tensor(value).detach().cpu()
        return None if value.is_complex() else value.double()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None  # an exception, a string, None: not a number


def _difference(mine, true, case) -> str:
    given = "It was given " + ", ".join(_kind(a) for a in case) + "."
    if isinstance(mine, Exception):
        first = (str(mine).splitlines() or [""])[0]
        kind = "" if isinstance(mine, _ChangesItsInput) else f"{type(mine).__name__}: "
        return f"{'' if not kind else 'your function stopped with '}{kind}{first}\n{given}"
    got, wanted = _tensor(mine), _tensor(true)
    if got is None:
        return f"your function gives {_kind(mine)}, which holds no numbers. {given}"
    if got.shape != wanted.shape:
        shapes = f"{tuple(got.shape)}, wanted is {tuple(wanted.shape)}"
        return f"your result has the shape {shapes}. {given}"
    at = (got - wanted).abs().nan_to_num(torch.inf).argmax()
    mine, true = got.flatten()[at], wanted.flatten()[at]
    digits = next((d for d in (4, 6, 9) if f"{mine:.{d}g}" != f"{true:.{d}g}"), 12)
    values = f"{mine:.{digits}g} where {true:.{digits}g} is wanted"
    return f"the shape is right, the values are not: {values}. {given}"


def _kind(value) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    return " ".join(f"{type(value).__name__} {value!r}".split())[:60]
