"""The exercises of notebook 00."""

import torch
from torch import Tensor

from utils import cam
from utils.check import exercise


def _scores() -> list[tuple[Tensor]]:
    """Three times S (N, C); in the last all are below 0."""
    g = torch.Generator().manual_seed(2)
    sizes = ((3, 6, 0), (1, 10, 0), (4, 4, -20))
    return [(torch.randn(n, c, generator=g) + start,) for n, c, start in sizes]


_ORDER = "S.argsort(1, descending=True)"


@exercise(
    cases=_scores(),
    hint="""
    `S.argsort(1, descending=True)` orders the classes of each picture, best first. Positions count from 0.
    """,
    right="These are class numbers; net.class_names turns them into words.",
)
def runner_up(S):
    """The class with the second best score: scores (N, C) -> (N,) class numbers."""
    return S.argsort(1, descending=True)[:, 1]


runner_up.mistakes(
    ("[:, 1]", "[:, 0]", "that is the best class. Positions count from 0, so the second is at position 1."),
    ("[:, 1]", "[:, 2]", "that is the third best class. Positions count from 0."),
    ("[:, 1]", "[:, -1]", "that is the worst class."),
    (", descending=True", "", "that is the second *worst* class: argsort goes upwards unless you say descending=True."),
    (["S.argsort(0, descending=True)[1]", "S.argsort(0, descending=True)[:, 1]", "S.argsort(0)[:, 1]", "S.argmax(0)"], "you ordered the pictures. Order the classes: axis 1."),
    ("S.sort(1, descending=True).values[:, 1]", "that is its score. The number of the class is wanted: argsort, not sort."),
    ("[:, 1]", "[1]", "that is the second picture. Pictures are axis 0, classes axis 1: [:, 1]."),
    (["S[0].argsort(descending=True)[1]", "solution(S)[:1]", f"{_ORDER}[0]"], "that is the answer for the first picture only. S has one row for each picture."),
    ("S.argmax(1)[1]", "that is the best class of the second picture. The second best class of every picture is wanted."),
    ("S.argmax()", "that is the highest score of all pictures together. Each picture, one row of S, has a second best class of its own: axis 1."),
    ("S.argmax(1) + 1", "that is the class with the next number. The next *score* is wanted."),
    ("S.argmax(1) - 1", "that is the class with the number before. The next *score* is wanted."),
    ("return S.argsort(1, descending=True)[:, 1]", "S[S.argmax(1)] = -torch.inf\n    return S.argmax(1)", "S[S.argmax(1)] is whole pictures, for pictures are axis 0. One score of each is meant: S[range(len(S)), S.argmax(1)]."),
    ("return S.argsort(1, descending=True)[:, 1]", "S[:, S.argmax(1)] = -torch.inf\n    return S.argmax(1)", "S[:, S.argmax(1)] takes these classes from every picture. Each loses its own best only: S[range(len(S)), S.argmax(1)]."),
    ("S.softmax(0).argsort(1, descending=True)[:, 1]", "softmax(0) shares 1 among the pictures. The classes are axis 1, and their order is that of S already."),
    ("S.masked_fill(S == S.max(), -torch.inf).argmax(1)", "you took out the highest score of all pictures together. Each picture has a best class of its own: S.max(1)."),
    (["S.scatter(1, S.argmax(1, keepdim=True), 0).argmax(1)", "S.scatter(1, S.argmax(1, keepdim=True), -1).argmax(1)"], "a score that is set to 0 or -1 may still be the best, for scores may all lie far below. Set it to -torch.inf."),
    (_ORDER, "that is the whole order. Take the second column of it."),
    ("[:, 1]", "[:, 1:2]", "the class is right, but its axis is still there with length 1: [:, 1] takes it away."),
    ("[:, 1]", "[:, :2]", "those are the two best classes. Take the second one only."),
)  # fmt: skip


def _maps() -> list[tuple[Tensor, cam.Cells, int, int]]:
    """Four times M (H, W), its cells, and the size h, w of its picture; the last M is below 0.

    The hottest cell never lies at the edge, where the enlarged map would be flat.
    """
    g = torch.Generator().manual_seed(100)
    kinds = (
        (7, 7, 224, 224, 0, (0.002, 0.002), (0.143, 0.143)),
        (6, 9, 300, 480, 0, (0.1, 0.04), (0.15, 0.11)),
        (10, 4, 90, 60, 0, (0.03, 0.12), (0.09, 0.2)),
        (5, 6, 112, 160, -9, (0.05, 0.09), (0.21, 0.15)),
    )
    return [
        (torch.randn(H, W, generator=g) + least, cam.Cells(start, step, (H, W)), h, w)
        for H, W, h, w, least, start, step in kinds
    ]


def _enlarged(M: Tensor, cells: cam.Cells, h: int, w: int) -> tuple[int, int]:
    """The hottest pixel of the enlarged map, as (x, y)."""
    row, column = divmod(int(cam.upsample(M[None, None], (h, w), cells).argmax()), w)
    return column, row


_ROWS = "the cells are counted row by row: divide by the number of columns, M.shape[1]."
_AXIS = "argmax along one axis gives a number for each row or column. M.argmax(), without an axis, gives the hottest cell of all."
_START = "the first cell does not look at the picture's edge: begin at cells.start."
_DOWN = (
    "start and step name the way down first, then the way across: rows take [0], columns take [1]."
)
_TILED = "that lays the cells out like tiles. Where this network's cells look, cells.start and cells.step say."


@exercise(
    cases=_maps(),
    hint="""
    `int(M.argmax())` is the number of the hottest cell, counted row by row: `divmod` with the number of columns
    gives its row and its column. Begin at `cells.start` and go `cells.step` as many times. Both are parts of the picture:
    pixels come from its height and width. And x goes to the right: it comes from the *column*.
    """,
    right="With this you can check whether a map points at the right thing: notebook 02 does.",
)
def point_at(M, cells, h, w):
    """Where the hottest cell looks: map (H, W), its cells, picture h × w -> (x, y) in pixels."""
    row, column = divmod(int(M.argmax()), M.shape[1])
    y = cells.start[0] + row * cells.step[0]
    x = cells.start[1] + column * cells.step[1]
    return x * w, y * h


point_at.mistakes(
    ("x * w, y * h", "x, y", "that is the right place, as parts of the picture. Pixels are wanted: times w and h."),
    ("x * w, y * h", "y * h, x * w", "x and y are exchanged. x goes to the right and comes from the column."),
    ("x * w, y * h", "y, x", "those are parts of the picture, and x and y are exchanged. Give x first, times w; then y, times h."),
    ("x * w, y * h", "x * h, y * w", "height and width are exchanged: x scales with w, y with h."),
    ("x * w, y * h", "y * w, x * h", "x and y are exchanged before they are made pixels. x comes from the column, first, and scales with w."),
    ("M.argmax", "M.max", "M.max() is the largest value. The number of its cell is M.argmax()."),
    (["tuple(round(v) for v in solution(M, cells, h, w))", "tuple(int(v) for v in solution(M, cells, h, w))"], "do not round: a cell may look at a place between two pixels."),
    ("cells.start[0] + ", "", "cells.start[1] + ", "", _START),
    ("cells.start[0]", "cells.step[0] / 2", "cells.start[1]", "cells.step[1] / 2", _START),
    ("cells.start[0] + row * cells.step[0]", "(row + 0.5) / M.shape[0]", "cells.start[1] + column * cells.step[1]", "(column + 0.5) / M.shape[1]", _TILED),
    ("cells.start[0] + row * cells.step[0]", "row / M.shape[0]", "cells.start[1] + column * cells.step[1]", "column / M.shape[1]", _TILED),
    ("cells.start[0] + row", "(cells.start[0] + row)", "cells.start[1] + column", "(cells.start[1] + column)", "* comes before +: the start is a place already. Only the row and the column count steps."),
    ("row * cells.step[0]", "row * cells.step[0] * h", "column * cells.step[1]", "column * cells.step[1] * w", "x * w, y * h", "x, y", "only the steps became pixels. The start is a part of the picture, too: add it first, then times w and h."),
    ("row * cells.step[0]", "(row + 1) * cells.step[0]", "column * cells.step[1]", "(column + 1) * cells.step[1]", "that is one step too far: cell 0 looks at cells.start itself."),
    ("row * cells.step[0]", "(row + 0.5) * cells.step[0]", "column * cells.step[1]", "(column + 0.5) * cells.step[1]", "that is half a step too far: cells.start is the middle of what cell 0 sees, not its edge."),
    ("cells.start[0]", "cells.start[1]", "cells.start[1]", "cells.start[0]", _DOWN),
    ("cells.step[0]", "cells.step[1]", "cells.step[1]", "cells.step[0]", _DOWN),
    ("cells.start[0] + row * cells.step[0]", "cells.start[1] + row * cells.step[1]", "cells.start[1] + column * cells.step[1]", "cells.start[0] + column * cells.step[0]", _DOWN),
    ("x * w, y * h", "column, row", "that is the cell's column and row. Where it looks, cells.start and cells.step say."),
    ("x * w, y * h", "row, column", "that is the cell's row and column. Where it looks, cells.start and cells.step say; and give x (from the column) first."),
    ("x * w, y * h", "int(M.argmax())", "that is the number of the cell, counted row by row. Its row and column come from divmod(..., M.shape[1])."),
    ("x * w, y * h", "M.max()", "that is the largest value. Where it lies is wanted: M.argmax()."),
    ("row, column =", "column, row =", "row and column are exchanged: divmod gives the row first."),
    ("M.shape[1])", "M.shape[0])", _ROWS),
    ("M.shape[1])", "w)", _ROWS),
    ("M.shape[1])", "h)", _ROWS),
    ("divmod(int(M.argmax()), M.shape[1])", "int(M.argmax()) // M.shape[0], int(M.argmax()) % M.shape[1]", _ROWS),
    ("argmax()", "argmax(0)", _AXIS),
    ("argmax()", "argmax(1)", _AXIS),
    ("int(M.argmax())", "M.argmax()", "divmod takes plain numbers: int(M.argmax()), without an axis."),
    ("divmod(int(M.argmax()), M.shape[1])", "M.argmax()", "argmax gives one number, counted row by row. divmod(int(M.argmax()), M.shape[1]) makes a row and a column of it."),
    ("row, column = divmod(int(M.argmax()), M.shape[1])", "row, column = int(M[:, 0].argmax()), int(M[0].argmax())", "you searched the first row and the first column only. The hottest cell may lie anywhere: M.argmax()."),
    ("row, column = divmod(int(M.argmax()), M.shape[1])", "row, column = int(M.sum(1).argmax()), int(M.sum(0).argmax())", "that is the column and the row with the largest *sum*. The hottest single cell is wanted: M.argmax()."),
    ("tuple(v - 0.5 for v in solution(M, cells, h, w))", "that counts from the centre of the first pixel. Here (0, 0) is its corner: leave the - 0.5 out."),
    (["_enlarged(M, cells, h, w)", "[v + 0.5 for v in _enlarged(M, cells, h, w)]"], "you searched the enlarged map. Search the small one, and compute where its cell looks."),
    ("M.argmax", "M.abs().argmax", "that is the largest value without its sign. A cell far below 0 is cold."),
    ("M.argmax", "M.relu().argmax", "a map may lie below 0 everywhere, and its hottest cell with it: leave the ReLU out."),
    ("argmax", "argmin", "that is the coldest cell. The hottest one is at argmax."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    Go from what is printed to what it fixes: the softmax keeps the order of the scores and shares 1 among *all* 1000
    classes, and each drawn map has a scale of its own. What is left would have to be tried.
    """,
    right="Two scores fix an order. What else there is, and what the light stands on, has to be looked at.",
)
def what_follows():
    """The letters of what follows, such as {"a", "d"}."""
    return {"b", "e"}


what_follows.statements(
    a="(a) the score is no largest value: one small spot can be brighter than a map that is bright all over. Drawn, each map has a scale of its own.",
    b="(b) both are shares of the same sum, and exp grows with the score: the softmax keeps the order of S.",
    c="(c) a map shows where the evidence for its class would lie, whether the thing is there or not: think of *ski* in section 4.",
    d="(d) two scores of 1000 are known. Any of the other 998 may be above 9.",
    e="(e) 998 classes are not shown, and all P share 1: one other class with S = 20 leaves next to nothing for these two.",
    f="(f) the map suggests it, but a covered picture is another picture, with other scores for every class. It has to be tried.",
)
