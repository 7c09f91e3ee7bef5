"""Is one method better than another, and by how much? Paired differences with 95 % intervals.

Two methods are measured on the same pictures, with networks of the same seeds: only the differences
d[s, i] of seed s at picture i count. Their mean would be another one with other seeds and with
other pictures, and the interval holds both. With the mean squares of the two-way table (seeds,
pictures, rest) and S seeds, N pictures its half-width h is

    h² = (t_(S-1)² MS_seeds + t_(N-1)² max(MS_pictures - MS_rest, 0)) / (S N)

t is Student's quantile: 4.3 for three seeds, which is what a spread that only three show costs. The
table is that of studies with few readers and many cases (Obuchowski and Rockette 1995); adding the
two squares is Howe's rule (Journal of the American Statistical Association 69, 1974). Simulated
with 3 seeds and 300 pictures, intervals of "95 %" hold the truth in 95 to 97 % of cases, however
large the seeds' effect. A hierarchical bootstrap, which draws seeds, then pictures, falls to 77 %
where seeds matter: of the variance of three seeds it sees two thirds, and it knows no t.

With one seed the interval holds the pictures' variation only, and its text says so. An interval of
shares ends at 1, for they differ by no more. Where several differences are tested, `holm` corrects
their p. Notebook 03.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from utils import valid

Values = Tensor | np.ndarray | Sequence  # (N,) of one seed, (S, N), or S lists, one for each seed
Whose = Literal["same", "own"]
LEAST = 1e-9  # p is not told below


@dataclass(frozen=True)
class Difference:
    """The first method minus the second; printed in points of a hundred, as `said` says it."""

    mean: float
    low: float  # the interval
    high: float
    p: float  # two-sided, against no difference; after `holm` corrected for all that were tested
    over: str  # whose variation the interval holds: "1,000 pictures and 3 seeds"
    level: float = 0.95
    tests: int = 1

    def __str__(self) -> str:
        return said(self)


def paired(a: Values, b: Values, *, level: float = 0.95, pictures: Whose = "same") -> Difference:
    """Mean difference a - b of values for each picture: (N,) or (S, N), twice -> Difference.

    The rows are seeds. With each seed a and b saw the same pictures; `pictures` says whether the
    seeds share them ("same") or each has its "own", of any number, when the seeds' means are
    compared. Raises ValueError where the shapes differ, for NaN, and for fewer than two pictures.
    """
    first, second = _rows(a, "the first values"), _rows(b, "the second values")
    if [len(v) for v in first] != [len(v) for v in second]:
        raise ValueError(
            f"paired values are of the same seeds and pictures: {_sizes(first)} against "
            f"{_sizes(second)}"
        )
    d = [x - y for x, y in zip(first, second, strict=True)]
    if _whose(pictures) == "own" and len(d) > 1:
        means = torch.stack([v.mean() for v in d])
        return over_seeds(means, torch.zeros_like(means), level=level, pictures="own")
    if len({len(v) for v in d}) > 1:
        raise ValueError('seeds with other numbers of pictures have pictures="own"')
    return _possible(_of_table(torch.stack(d), level), [*first, *second])


def over_seeds(
    a: Values, b: Values, *, level: float = 0.95, pictures: Whose = "same"
) -> Difference:
    """Mean difference a - b of one number for each seed, such as PxAP: (S,), (S,) -> Difference.

    For `results.values`, of which no single picture is kept: Student's t over the seeds. Where the
    pictures were the "same" for all seeds, it holds the variation of the seeds alone; where each
    seed drew its "own", that of both. Raises ValueError for fewer than two seeds.
    """
    first, second = _numbers(a, "the first values", "S"), _numbers(b, "the second values", "S")
    valid.one_shape(first=first, second=second)
    d, S = first - second, len(first)
    if S < 2:
        raise ValueError("one seed says nothing about seeds: give two or more, or single pictures")
    of = {"same": "on the same pictures", "own": "with pictures of their own"}[_whose(pictures)]
    found = _difference(d.mean().item(), [(d.var().item() / S, S - 1)], f"{S} seeds {of}", level)
    return _possible(found, [first, second])


def holm(found: Mapping[str, Difference]) -> dict[str, Difference]:
    """Each p corrected for all that are tested, the intervals as they were (Holm 1979).

    The least p counts for all m, the next for m - 1, ...: below 0.05 it stands in a family of which
    one in twenty, at most, has any false finding. Raises TypeError for what are no differences.
    """
    valid.instance(found, Mapping, "a dict of differences, from compare.paired,")
    for d in found.values():
        valid.instance(d, Difference, "a difference, from compare.paired,")
    corrected, last, m = {}, 0.0, len(found)
    for i, name in enumerate(sorted(found, key=lambda name: found[name].p)):
        last = max(last, min(1.0, (m - i) * found[name].p))
        corrected[name] = replace(found[name], p=last, tests=m)
    return {name: corrected[name] for name in found}


def said(d: Difference, unit: str = "points", times: float = 100, decimals: int = 1) -> str:
    """In words: "+11.4 points (95 %: 6.2 to 15.9), over 1,000 pictures and 3 seeds".

    `times` makes the unit of the values: 100 for points of shares. After `holm` p stands there too.
    """
    valid.instance(d, Difference, "a difference, from compare.paired,")
    mean = f"{times * d.mean:+.{decimals}f}{' ' * bool(unit)}{unit}"
    p = f"; {_p(d.p)}, corrected for {d.tests} tests" if d.tests > 1 else ""
    return f"{mean} ({100 * d.level:g} %: {_interval(d, times, decimals)}{p}), over {d.over}"


def table(
    found: Mapping[str, Difference], unit: str = "points", times: float = 100, decimals: int = 1
) -> tuple[list[list[str]], list[str]]:
    """Rows and header for plots.table(*compare.table({"PxAP": compare.paired(a, b), ...})).

    p is corrected by `holm` for all the rows.
    """
    rows = [
        [name, f"{times * d.mean:+.{decimals}f}", _interval(d, times, decimals), _p(d.p), d.over]
        for name, d in holm(found).items()
    ]
    levels = {f"{100 * d.level:g} %" for d in found.values()}
    p = f"p, corrected for {len(rows)} tests" if len(rows) > 1 else "p"
    return rows, ["", f"difference, {unit}", " or ".join(sorted(levels)), p, "over"]


def _interval(d: Difference, times: float, decimals: int) -> str:
    return f"{times * d.low:.{decimals}f} to {times * d.high:.{decimals}f}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


# ---------------------------------------------------------------- the interval


def _of_table(d: Tensor, level: float) -> Difference:
    """Differences of S seeds at the same N pictures (S, N): both variations, or the pictures'."""
    S, N = d.shape
    if N < 2:
        raise ValueError("two pictures or more are wanted; of one number a seed: over_seeds")
    if S == 1:
        parts = [(d.var().item() / N, N - 1)]
        return _difference(d.mean().item(), parts, f"{N:,} pictures, one seed", level)
    seeds, pictures = d.mean(1), d.mean(0)
    rest = d - seeds[:, None] - pictures + d.mean()
    noise = rest.square().sum().item() / ((S - 1) * (N - 1))
    parts = [
        (seeds.var().item() / S, S - 1),  # the rest's share of the variance is in here
        (max(pictures.var().item() - noise / S, 0) / N, N - 1),
    ]
    return _difference(d.mean().item(), parts, f"{N:,} pictures and {S} seeds", level)


def _difference(
    mean: float, parts: Sequence[tuple[float, int]], over: str, level: float
) -> Difference:
    """The interval from parts of the variance with their degrees of freedom, by Howe's rule."""
    level = _level(level)
    h = _half(parts, 1 - level)
    return Difference(mean, mean - h, mean + h, _where_zero_is_left(mean, parts), over, level)


def _possible(d: Difference, values: Sequence[Tensor]) -> Difference:
    """Shares, 0 to 1, differ by 1 at most, and so the interval of their difference ends there."""
    shares = all(0 <= v.min() and v.max() <= 1 for v in values)
    return replace(d, low=max(d.low, -1.0), high=min(d.high, 1.0)) if shares else d


def _half(parts: Sequence[tuple[float, int]], p: float) -> float:
    from scipy import special  # here: slow to import

    return math.sqrt(sum(v * special.stdtrit(df, 1 - p / 2) ** 2 for v, df in parts))


def _where_zero_is_left(mean: float, parts: Sequence[tuple[float, int]]) -> float:
    """p: the interval of level 1 - p just reaches 0."""
    from scipy import optimize

    if abs(mean) <= _half(parts, 1):  # both 0, or what rounding leaves of it
        return 1.0
    if _half(parts, LEAST) <= abs(mean):
        return LEAST
    return float(optimize.brentq(lambda p: _half(parts, p) - abs(mean), LEAST, 1))


# ---------------------------------------------------------------- what is handed in


def _level(level: float) -> float:
    return valid.number(level, "the level, such as 0.95,", 0.5, 1)


def _whose(pictures: str) -> str:
    if pictures not in ("same", "own"):
        raise ValueError(
            f'the pictures of the seeds are the "same" or their "own", not {pictures!r}'
        )
    return pictures


def _rows(x: Any, what: str) -> list[Tensor]:
    """The values of each seed, (N,) each; one seed may come without its axis."""
    listed = isinstance(x, Sequence) and not isinstance(x, str) and len(x) > 0
    if listed and all(isinstance(v, (Tensor, np.ndarray, list, tuple)) for v in x):
        return [_numbers(v, what, "N") for v in x]
    t = _numbers(x, what, "... N")
    if t.ndim > 2:
        raise ValueError(f"{what}: a tensor (S, N) of numbers is wanted, not {tuple(t.shape)}")
    return list(t.reshape(-1, t.shape[-1]))


def _numbers(x: Any, what: str, axes: str) -> Tensor:
    """Finite numbers in double precision; True and False count as 1 and 0."""
    if str(getattr(x, "dtype", "")).endswith("bool"):
        x = x * 1  # a tensor or an array
    elif isinstance(x, (list, tuple)) and x and all(isinstance(v, bool) for v in x):
        x = [int(v) for v in x]
    return valid.finite(x, what, axes, source="where they come from").detach().cpu().double()


def _sizes(rows: Sequence[Tensor]) -> str:
    return (
        f"{len(rows)} seeds of {', '.join(str(n) for n in sorted({len(v) for v in rows}))} pictures"
    )
