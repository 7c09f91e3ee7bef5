"""Is one method better than another, and by how much? Paired differences with 95 % intervals.

Two methods are measured on the same pictures, with networks of the same seeds: only the differences
d[s, i] of seed s at picture i count. They vary for two reasons, for which seeds were drawn and for
which pictures were, and an interval has to hold both:

    variance of the mean = (MS_seeds + max(MS_pictures - MS_rest, 0)) / (S N)

with the mean squares of a two-way table, and t with Hillis' degrees of freedom, S - 1 at least.
This is how radiology compares two ways of reading with few readers and many cases (Obuchowski and
Rockette 1995; Hillis, "A comparison of denominator degrees of freedom methods for multiple observer
ROC analysis", Statistics in Medicine 26, 2007). A bootstrap that draws seeds, then pictures (Davison
and Hinkley 1997, section 3.8) would be too narrow: of three seeds it sees two thirds of their
variance, and it knows no t. In `tests/unit/test_compare.py` 300 pictures and 3 seeds are simulated:
its 95 % are 75 to 81 where seeds matter, these are 95 to 97.

With one seed the interval knows the pictures only, and its text says so. Where many differences are
tested, `holm` corrects their p (Holm 1979). Notebook 03 derives it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from utils import valid

Values = Tensor | np.ndarray | Sequence  # (N,) of one seed, (S, N), or S lists, one for each seed
Source = Literal["pictures", "seeds", "pictures and seeds"]


@dataclass(frozen=True)
class Difference:
    """The first method minus the second; `print` says it in points, for shares of 0..1."""

    mean: float
    low: float  # the interval
    high: float
    p: float  # two-sided, against no difference
    pictures: int | None  # N for each seed; None where only sums over pictures are known
    seeds: int
    source: Source  # the variation that the interval holds
    level: float = 0.95
    tests: int = 1  # so many were tested, and p is corrected for them

    def __str__(self) -> str:
        return said(self)


def paired(
    a: Values, b: Values, *, level: float = 0.95, pictures: Literal["same", "own"] = "same"
) -> Difference:
    """Mean difference a - b of values for each picture: (N,) or (S, N), twice -> Difference.

    The rows are seeds; a and b saw the same pictures with each. `pictures` says whether all seeds
    share one set of them ("same") or each has its "own"; lists of several lengths must be "own",
    and the mean is that of the seeds' means. Raises ValueError where the shapes differ, for NaN,
    and for fewer than two pictures.
    """


def over_seeds(
    a: Values, b: Values, *, level: float = 0.95, pictures: Literal["same", "own"] = "same"
) -> Difference:
    """Mean difference a - b of one number for each seed, such as PxAP: (S,), (S,) -> Difference.

    For results.json, which holds no single pictures: t over seeds. Where each seed had pictures of
    its "own" the interval holds both variations; with the "same" it holds that of seeds alone, and
    says so. Raises ValueError for fewer than two seeds.
    """


def holm(found: Mapping[str, Difference]) -> dict[str, Difference]:
    """The same differences, each with p corrected for the others (Holm 1979)."""


def said(d: Difference, unit: str = "points", times: float = 100, decimals: int = 1) -> str:
    """ "+11.4 points (95 %: 6.2 to 15.9), over 1,000 pictures and 3 seeds"."""


def table(
    found: Mapping[str, Difference], unit: str = "points", times: float = 100, decimals: int = 1
) -> tuple[list[list[str]], list[str]]:
    """Several differences, corrected by `holm`, for `plots.table(*compare.table({...}))`."""
