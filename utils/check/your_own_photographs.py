"""The exercises of notebook 11. Two to begin with: make them yours, or put others here.

`make exercises` writes them into the notebook. utils/check/exercise.py says what an exercise has.
"""

import torch
from torch import Tensor

from utils.check import exercise


def _maps(empty: float) -> list[tuple[Tensor]]:
    """Maps (N, C, H, W) of three sizes, some of their cells 0; no two axes are alike in all."""
    g = torch.Generator().manual_seed(1)
    sizes = [(2, 5, 4, 3), (1, 3, 3, 5), (3, 4, 4, 2)]
    return [
        (torch.randn(size, generator=g) * (torch.rand(size, generator=g) > empty),)
        for size in sizes
    ]


@exercise(
    cases=_maps(empty=0.2),
    hint="""
    `M > 0` is true or false in every cell. As numbers, `.float()`, these are 1 and 0: what is their mean, and over
    which axes?
    """,
    right="Say here where it leads: a class may win with a few strong cells, or with many weak ones.",
)
def positive_share(M):
    """Share of each map that is above 0: (N, C, H, W) -> (N, C)."""
    return (M > 0).float().mean((2, 3))


# Each mistake: what is returned instead, and what to tell somebody who wrote it.
positive_share.mistakes(
    ("(M >= 0).float().mean((2, 3))", "a cell with exactly 0 says nothing, and you counted it: above 0 is M > 0."),
    ("(M < 0).float().mean((2, 3))", "that is the share below 0, the evidence against the class."),
    ("(M > 0).float().sum((2, 3))", "that is the number of cells. Divide it by H x W, or take the mean."),
    ("M.relu().mean((2, 3))", "you averaged the values above 0. Here every such cell counts as 1, however high."),
    ("M.mean((2, 3))", "that is the mean of the map. Which cells are above 0: M > 0."),
    ("(M > 0).float().mean(1)", "you averaged over the classes. They stay: average over the cells, axes 2 and 3."),
    ("(M > 0).float().mean((1, 2, 3))", "you averaged over the classes too. Keep axes 0 and 1."),
    ("(M > 0).float().mean()", "you averaged over everything. Each picture and each class has its own share."),
    ("(M > 0).float().mean(2)", "only axis 2 is gone. Both axes 2 and 3 have to go."),
    ("(M > 0).float().mean(3)", "only axis 3 is gone. Both axes 2 and 3 have to go."),
    ("solution(M)[0]", "those are the shares of the first picture only. Keep the axis of the pictures."),
)  # fmt: skip


@exercise(
    cases=_maps(empty=0),
    hint="""
    `argmax` gives the place of the largest entry along one axis. Along which axis do the classes lie?
    """,
    right="Say here where it leads: every cell has an opinion, and the scores are what they add up to.",
)
def hottest_class(M):
    """The class with the highest map in each cell: (N, C, H, W) -> (N, H, W) class numbers."""
    return M.argmax(1)


hottest_class.mistakes(
    ("M.amax(1)", "that is the highest value. Which class has it: argmax."),
    ("M.argmin(1)", "that is the class with the lowest map: argmax instead of argmin."),
    ("M.abs().argmax(1)", "you lost the sign. A cell far below 0 speaks against its class, not for it."),
    ("M.argmax(0)", "you compared the pictures. Compare the classes: axis 1."),
    (["M.argmax(2)", "M.argmax(3)"], "you compared the cells of one map. Compare the maps of one cell: axis 1."),
    ("M.argmax()", "that is one number for everything. Compare the classes in every cell: axis 1."),
    ("M.amax((2, 3)).argmax(1)", "that is one class for the whole picture. Every cell has its own."),
    ("M.mean((2, 3)).argmax(1)", "that is the class with the highest mean, for the whole picture. Every cell has its own."),
    ("M[0].argmax(0)", "that is the first picture only. Keep the axis of the pictures."),
    ("M.argmax(1, keepdim=True)", "the values are right, but the axis of the classes is still there with length 1."),
    ("M.argmax(1) + 1", "classes count from 0 here."),
)  # fmt: skip
