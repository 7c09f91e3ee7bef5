"""A lesson in telling look-alikes apart: its plan, how far somebody is, and the scores.

Somebody names pictures, studies some, and names new ones. Nothing here knows what is in a picture,
or who answers: a person at the buttons of `explore.lesson`, or a simulated learner. Notebook 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from utils import valid

Stage = Literal["first round", "study", "second round", "done"]


@dataclass(frozen=True)
class Plan:
    """Which pictures come when, as numbers of pictures; none comes twice."""

    guide: tuple[int, ...]  # one of each class, to be seen with its name all the time
    first: tuple[int, ...]
    study: tuple[tuple[int, ...], ...]  # the pages: those of each class
    second: tuple[int, ...]
    truth: tuple[int, ...]  # the class of every picture, shown or not

    @property
    def n_classes(self) -> int:
        return len(self.guide)

    def classes(self, pictures: Sequence[int]) -> list[int]:
        """The classes of some pictures."""
        return [self.truth[i] for i in pictures]


def plan(labels: Tensor, asked: int = 3, studied: int = 6, seed: int = 0) -> Plan:
    """A plan for labelled pictures (N,): `asked` of each class in a round, `studied` on its page.

    Classes are 0, 1, ...; the order in a round is random. Raises ValueError where a class has too
    few pictures.
    """
    labels = valid.tensor(labels, "the labels", "N", "whole numbers")
    asked, studied = valid.whole(asked, "asked", 1), valid.whole(studied, "studied", 1)
    draw = torch.Generator().manual_seed(valid.whole(seed, "the seed"))
    mixed = torch.randperm(len(labels), generator=draw)
    of_class = [mixed[labels[mixed] == c].tolist() for c in range(int(labels.max()) + 1)]
    need, least = 1 + 2 * asked + studied, min(map(len, of_class))
    if least < need:
        raise ValueError(f"each class needs {need} pictures for this plan, and one has {least}")

    def shuffled(start: int) -> tuple[int, ...]:
        some = [i for own in of_class for i in own[start : start + asked]]
        return tuple(some[k] for k in torch.randperm(len(some), generator=draw).tolist())

    return Plan(
        tuple(own[0] for own in of_class),
        shuffled(1),
        tuple(tuple(own[1 + 2 * asked : need]) for own in of_class),
        shuffled(1 + asked),
        tuple(labels.tolist()),
    )


@dataclass(frozen=True)
class Progress:
    """How far somebody is in a plan."""

    plan: Plan
    answers: tuple[int, ...] = ()  # of the first round, then of the second
    pages: int = 0  # that were studied

    @property
    def stage(self) -> Stage:
        if len(self.answers) < len(self.plan.first):
            return "first round"
        if self.pages < len(self.plan.study):
            return "study"
        return "second round" if len(self.answers) < len(self._asked) else "done"

    @property
    def _asked(self) -> tuple[int, ...]:
        return self.plan.first + self.plan.second

    @property
    def picture(self) -> int:
        """The picture that is asked for. Raises ValueError where none is."""
        if self.stage in ("study", "done"):
            raise ValueError(f"no picture is asked for: the stage is {self.stage!r}")
        return self._asked[len(self.answers)]

    @property
    def number(self) -> tuple[int, int]:
        """Which picture of its round it is, from 1 on, and of how many."""
        k, n = len(self.answers), len(self.plan.first)
        return (k + 1, n) if k < n else (k - n + 1, len(self.plan.second))

    def answered(self, c: int) -> "Progress":
        """With an answer more. Raises ValueError where none is wanted, IndexError for no class."""
        if self.stage in ("study", "done"):
            raise ValueError(f"no answer is wanted now: the stage is {self.stage!r}")
        c = valid.whole(c, "the class", 0)
        if c >= self.plan.n_classes:
            raise IndexError(f"there are {self.plan.n_classes} classes, so there is no class {c}")
        return replace(self, answers=(*self.answers, c))

    def turned(self) -> "Progress":
        """With a page more studied. Raises ValueError outside the study."""
        if self.stage != "study":
            raise ValueError(f"there is no page to turn: the stage is {self.stage!r}")
        return replace(self, pages=self.pages + 1)

    def rounds(self) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
        """Answers and truth of each round, as far as they go."""
        n = len(self.plan.first)
        parts = ((self.answers[:n], self.plan.first), (self.answers[n:], self.plan.second))
        first, second = ((list(a), self.plan.classes(p[: len(a)])) for a, p in parts)
        return first, second


# ---------------------------------------------------------------- scores


def n_right(answers: Sequence[int], truth: Sequence[int]) -> int:
    """How many answers are right. Raises ValueError where there are not as many of both."""
    return sum(a == t for a, t in zip(answers, truth, strict=True))


def by_guessing(right: int, n: int, n_classes: int) -> float:
    """How likely somebody who guesses gets as many right or more: the upper tail of the binomial.

    Raises ValueError for numbers that do not go together.
    """
    from scipy import stats  # here: slow to import

    right, n = valid.whole(right, "the number right", 0), valid.whole(n, "n", 1)
    if right > n:
        raise ValueError(f"{right} right of {n}: there cannot be more")
    return float(stats.binom.sf(right - 1, n, 1 / valid.whole(n_classes, "n_classes", 2)))


def confusion(answers: Sequence[int], truth: Sequence[int], n_classes: int) -> Tensor:
    """How often class t was called a: -> (C, C) int64, truth in the rows, answers in the columns.

    Raises ValueError where there are not as many of both.
    """
    found = torch.zeros(n_classes, n_classes, dtype=torch.int64)
    for a, t in zip(answers, truth, strict=True):
        found[t, a] += 1
    return found


def report(progress: Progress) -> str:
    """A finished lesson in words; how far somebody is where it is not finished."""
    (first, of_first), (second, of_second) = progress.rounds()
    if progress.stage != "done":
        return f"The lesson is in its {progress.stage}, with {len(progress.answers)} answers."
    C = progress.plan.n_classes
    one, two = n_right(first, of_first), n_right(second, of_second)
    p = 100 * by_guessing(two, len(second), C)
    chance = f"{p:.1f} %" if p >= 0.1 else "less than 0.1 %"
    return (
        f"First round: {one} of {len(first)} right. Second round: {two} of {len(second)}. "
        f"Guessing gives {len(second) / C:g} on average, "
        f"and {two} or more with a chance of {chance}."
    )
