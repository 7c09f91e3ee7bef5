"""The exercises of notebook 12."""

import torch
from torch import Tensor

from utils.check import exercise


def _answers() -> list[tuple[Tensor, Tensor, int]]:
    """Answers (N,), truth (N,), classes; every class is shown, and some are never called."""
    g = torch.Generator().manual_seed(4)
    cases = []
    for n, C in ((30, 4), (17, 3), (24, 5)):
        truth = torch.arange(n) % C
        called = torch.where(torch.rand(n, generator=g) < 0.5, truth, (truth + 1) % (C - 1))
        cases.append((called, truth, C))
    return cases


@exercise(
    cases=_answers(),
    hint="""
    Begin with `torch.zeros(C, C)`. Each answer adds 1 in one place: in the row of what it was, in the column of what it
    was called.
    """,
    right="Right answers lie on the diagonal; what lies beside it says what was taken for what.",
)
def confusion(answers, truth, C):
    """How often class t was called a: (N,), (N,), C -> (C, C), truth in the rows."""
    found = torch.zeros(C, C)
    for a, t in zip(answers, truth, strict=True):
        found[t, a] += 1
    return found


confusion.mistakes(
    ("found[t, a]", "found[a, t]", "rows and columns have changed places. What it was chooses the row, what it was called the column."),
    ("+= 1", "= 1", "that says whether it happened at all. Count: += 1."),
    ("found / found.sum(1, keepdim=True)", "these are shares of each row. The numbers themselves are wanted."),
    ("found / found.sum(0).clamp(min=1)", "these are shares of each column. The numbers themselves are wanted."),
    ("100 * found / found.sum(1, keepdim=True)", "this is per cent of each row. The numbers themselves are wanted."),
    ("found / found.sum()", "these are shares of all answers. The numbers themselves are wanted."),
    ("found.diag()", "that is the diagonal, the right answers only. The wrong ones belong into the table too."),
    ("found - found.diag().diag()", "the right answers are missing. They lie on the diagonal."),
    ("found.diag().sum() / found.sum()", "that is the share of right answers. A table is wanted, one row for each class."),
    ("found.sum(1)", "that says how often each class was shown. Keep a column for each answer."),
    ("found.sum(0)", "that says how often each class was called. Keep a row for each class."),
    ("torch.zeros(C, C)", "torch.ones(C, C)", "the table begins at 1 everywhere. It begins at 0."),
)  # fmt: skip


def _groups() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Two rounds of two groups, (S, N) each of 0 and 1; the groups are not equally large."""
    g = torch.Generator().manual_seed(6)
    cases = []
    for lit, bare, n in ((6, 4, 20), (3, 8, 15)):
        levels = ((lit, 0.3), (lit, 0.7), (bare, 0.4), (bare, 0.5))
        cases.append(tuple((torch.rand(s, n, generator=g) < p).double() for s, p in levels))
    return cases  # type: ignore[return-value]


@exercise(
    cases=_groups(),
    hint="""
    Each group has its own first round. What did each gain? And how much more did the one with maps gain?
    """,
    right="Where a group began, and what the pictures alone teach, are both taken off.",
)
def gained_by_maps(maps_first, maps_second, bare_first, bare_second):
    """How much more the group with maps gained: four times (S, N) of 0 and 1 -> a number."""
    maps = maps_second.mean() - maps_first.mean()
    bare = bare_second.mean() - bare_first.mean()
    return maps - bare


gained_by_maps.mistakes(
    (["maps", "(maps_second - maps_first).mean()"], "that is what the group with maps gained. Some of it comes from the pictures: take off what the other group gained."),
    ("maps_second.mean() - bare_second.mean()", "that compares the second rounds. The groups need not have begun alike: take off each one's first round."),
    ("bare - maps", "the sign is turned. It is to be positive where the maps helped."),
    ("(maps_second.mean() - bare_first.mean()) - (bare_second.mean() - maps_first.mean())", "the first rounds have changed places. Each group's own is taken off."),
    ("maps_second.mean() - maps_first.mean() - bare_second.mean()", "the first round of the group without maps is missing: it gained bare_second minus bare_first."),
    ("maps_second.mean() - maps_first.mean() - bare_second.mean() - bare_first.mean()", "you took both rounds of the group without maps off. Its gain is the second minus the first."),
    ("maps_second.mean() / maps_first.mean() - bare_second.mean() / bare_first.mean()", "these are ratios of the rounds. A gain is a difference: second minus first."),
    ("100 * (maps - bare)", "these are points of a hundred. Shares of the answers are wanted."),
    ("maps + bare", "you added the two gains. How much larger is the one?"),
    ("maps / bare", "that is a ratio. The difference is wanted, in shares of the answers."),
    ("maps_second.mean()", "that is the second round of one group. Compare it with its first, and with the other group."),
    ("bare", "that is what the group without maps gained. It has to be taken off the other's gain."),
    (".mean()", ".sum()", "you counted right answers. The groups are not equally large: take shares, with .mean()."),
    ("bare_second.mean() - maps_second.mean()", "that compares the second rounds, the wrong way round. Each group's first round belongs in, too."),
    ("maps_first.mean() - bare_first.mean()", "these are the first rounds, before anybody had studied."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    Ask of each: which two groups differ in just this one thing? And to whom does a number about these learners speak?
    """,
    right="A lesson is an experiment: it needs a group that differs in one thing only.",
)
def judged():
    """The letters of the true statements."""
    return {"a", "d", "f"}


judged.statements(
    a="a is true: the two groups see the same pictures with the same names, and differ in the maps only: a difference is owed to them.",
    b="b is not shown: nobody who merely beats *no map* has shown this. A blob in the middle hides the background too: compare with it.",
    c="c is wrong: whoever has seen a picture with its name may remember the picture. The second round asks for new ones.",
    d="d is true: both groups see as much light, and maps of the same network. What differs is whose evidence is lit.",
    e="e is not shown: these learners are a linear map with a few eyes. They show that the maps hold something to be learnt, and not that people learn it.",
    f="f is true: other learners and other pictures would give another number. An interval over the pictures alone holds for these very learners.",
)  # fmt: skip
