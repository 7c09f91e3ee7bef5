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
    ("S.masked_fill(S == S.max(), -torch.inf).argmax(1)", "you took out the highest score of all pictures together. Each picture has a best class of its own: S.max(1)."),
    (["S.scatter(1, S.argmax(1, keepdim=True), 0).argmax(1)", "S.scatter(1, S.argmax(1, keepdim=True), -1).argmax(1)"], "a score that is set to 0 or -1 may still be the best, for scores may all lie far below. Set it to -torch.inf."),
    (_ORDER, "that is the whole order. Take the second column of it."),
    ("[:, 1]", "[:, 1:2]", "the class is right, but its axis is still there with length 1: [:, 1] takes it away."),
    ("[:, 1]", "[:, :2]", "those are the two best classes. Take the second one only."),
)  # fmt: skip


def _maps() -> list[tuple[Tensor, int, int]]:
    """Four times M (H, W) and the size h, w of its picture; in the last all of M is below 0.

    The hottest cell never lies at the edge, where the enlarged map would be flat.
    """
    g = torch.Generator().manual_seed(100)
    sizes = ((7, 7, 224, 224, 0), (6, 9, 300, 480, 0), (10, 4, 90, 60, 0), (5, 6, 112, 160, -9))
    return [(torch.randn(H, W, generator=g) + start, h, w) for H, W, h, w, start in sizes]


def _enlarged(M: Tensor, h: int, w: int) -> tuple[int, int]:
    """The hottest pixel of the enlarged map, as (x, y)."""
    row, column = divmod(int(cam.upsample(M[None, None], (h, w)).argmax()), w)
    return column, row


_ROWS = "the cells are counted row by row, W in each row: divide by the number of columns, W."
_WHOLE = "you rounded the size of a cell. It need not be a whole number of pixels: divide with /, not with //."
_AXIS = "argmax along one axis gives a number for each row or column. M.argmax(), without an axis, gives the hottest cell of all."


@exercise(
    cases=_maps(),
    hint="""
    `int(M.argmax())` is the number of the hottest cell, counted row by row: `divmod` with the number of columns
    gives its row and its column. The centre of cell 0 lies half a cell from the edge. And x goes to the right: it comes from the *column*.
    """,
    right="With this you can check whether a map points at the right thing: notebook 02 does.",
)
def point_at(M, h, w):
    """Centre of the hottest cell: map (H, W), picture size h, w in pixels -> (x, y) in pixels."""
    H, W = M.shape
    row, column = divmod(int(M.argmax()), W)
    return (column + 0.5) * w / W, (row + 0.5) * h / H


point_at.mistakes(
    ("column + 0.5, row + 0.5", "that is the centre of the cell, still counted in cells. Scale it to pixels: w/W and h/H."),
    ("column * w / W + 0.5, row * h / H + 0.5", "that is half a *pixel* from the corner. Half a *cell* is wanted: add 0.5 before you scale."),
    ("column + 0.5 * w / W, row + 0.5 * h / H", "* comes before +, so only the 0.5 is scaled. Put brackets around the sum: (column + 0.5) * w / W."),
    (["tuple(round(v) for v in solution(M, h, w))", "tuple(int(v) for v in solution(M, h, w))"], "do not round: the centre of a cell may lie between two pixels."),
    ("w / W", "(w // W)", "h / H", "(h // H)", _WHOLE),
    (["column * (w // W) + w // W // 2, row * (h // H) + h // H // 2", "column * w // W + w // W // 2, row * h // H + h // H // 2"], _WHOLE),
    ("solution(M, h, w)[::-1]", "x and y are exchanged. x goes to the right and comes from the column."),
    ("row * h / H, column * w / W", "that is the cell's upper left corner, and x and y are exchanged. Add 0.5 before you scale, and give x (from the column) first."),
    (" + 0.5", "", "that is the cell's upper left corner. Its centre lies half a cell further: add 0.5 before you scale."),
    (" + 0.5", " + 1", "that is the cell's lower right corner. Add 0.5, not 1."),
    ("column, row", "that is the cell's column and row. Scale it to pixels: one cell is w/W pixels wide and h/H high."),
    ("row, column", "that is the cell's row and column. Scale it to pixels, and give x (from the column) first."),
    ("M.argmax()", "that is the number of the cell, counted row by row. Its row and column come from divmod(..., W)."),
    ("M.max()", "that is the largest value. Where it lies is wanted: M.argmax()."),
    ("w / W", "W / w", "h / H", "H / h", "the scale is upside down: one cell is w / W pixels wide and h / H high."),
    ("H, W = M.shape", "W, H = M.shape", "a shape gives the height first, H rows of W cells: H, W = M.shape."),
    (["(column + 0.5) * h / W, (row + 0.5) * w / H", "(column + 0.5) * h / H, (row + 0.5) * w / W"], "height and width are exchanged: columns scale with w/W, rows with h/H."),
    ("row, column =", "column, row =", "row and column are exchanged: divmod gives the row first."),
    (", W)", ", H)", _ROWS),
    (", W)", ", w)", _ROWS),
    (", W)", ", h)", _ROWS),
    ("argmax()", "argmax(0)", _AXIS),
    ("argmax()", "argmax(1)", _AXIS),
    ("int(M.argmax())", "M.argmax(0)", _AXIS),
    ("int(M.argmax())", "M.argmax(1)", _AXIS),
    ("(int(M[0].argmax()) + 0.5) * w / W, (int(M[:, 0].argmax()) + 0.5) * h / H", "you searched the first row and the first column only. The hottest cell may lie anywhere: M.argmax()."),
    ("(int(M.sum(0).argmax()) + 0.5) * w / W, (int(M.sum(1).argmax()) + 0.5) * h / H", "that is the column and the row with the largest *sum*. The hottest single cell is wanted: M.argmax()."),
    ("tuple(v - 0.5 for v in solution(M, h, w))", "that counts from the centre of the first pixel. Here (0, 0) is its corner: leave the - 0.5 out."),
    (["_enlarged(M, h, w)", "[v + 0.5 for v in _enlarged(M, h, w)]"], "you searched the enlarged map. Search the small one, and compute the centre of its cell."),
    ("M.argmax", "M.abs().argmax", "that is the largest value without its sign. A cell far below 0 is cold."),
    ("M.argmax", "M.relu().argmax", "a map may lie below 0 everywhere, and its hottest cell with it: leave the ReLU out."),
    ("argmax", "argmin", "that is the coldest cell. The hottest one is at argmax."),
)  # fmt: skip
