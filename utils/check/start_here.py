"""The exercises of notebook 00."""

import torch
from torch import Tensor

from utils import cam
from utils.check.old import judge


def runner_up(answer) -> bool:
    """Exercise 1: the class with the second best score, (N, C) -> (N,)."""
    g = torch.Generator().manual_seed(2)

    def nth(n: int):
        return lambda S: S.argsort(1, descending=True)[:, n]

    return judge(
        answer,
        nth(1),
        [(torch.randn(n, c, generator=g),) for n, c in ((3, 6), (1, 10), (4, 4))],
        [
            (nth(0), "that is the best class. Positions count from 0, so the second is at position 1."),
            (nth(2), "that is the third best class. Positions count from 0."),
            (nth(-1), "that is the worst class."),
            (lambda S: S.argsort(1)[:, 1], "that is the second *worst* class: argsort goes upwards unless you say descending=True."),
            (lambda S: S.argsort(0, descending=True)[1], "you ordered the pictures. Order the classes: axis 1."),
            (lambda S: S.argsort(0, descending=True)[:, 1], "you ordered the pictures. Order the classes: axis 1."),
            (lambda S: S.argsort(0)[:, 1], "you ordered the pictures. Order the classes: axis 1."),
            (lambda S: S.sort(1, descending=True).values[:, 1], "that is its score. The number of the class is wanted: argsort, not sort."),
            (lambda S: S.argsort(1, descending=True)[1], "that is the second picture. Pictures are axis 0, classes axis 1: [:, 1]."),
            (lambda S: S[0].argsort(descending=True)[1], "that is the answer for the first picture only. S has one row for each picture."),
            (lambda S: S.argmax(1)[1], "that is the best class of the second picture. The second best class of every picture is wanted."),
            (lambda S: S.argmax(1) + 1, "that is the class with the next number. The next *score* is wanted."),
            (lambda S: S.argmax(1) - 1, "that is the class with the number before. The next *score* is wanted."),
            (lambda S: S.argsort(1, descending=True), "that is the whole order. Take the second column of it."),
            (lambda S: S.argsort(1, descending=True)[:, 1:2], "the class is right, but its axis is still there with length 1: [:, 1] takes it away."),
            (lambda S: S.topk(2, 1).indices, "those are the two best classes. Take the second one only."),
        ],
        "These are class numbers; net.class_names turns them into words.",
    )  # fmt: skip


def point_at(answer) -> bool:
    """Exercise 2: centre of the hottest cell, (H, W), h, w -> (x, y) in pixels."""
    g = torch.Generator().manual_seed(3)

    def solve(M: Tensor, h: int, w: int, shift: float = 0.5) -> tuple[float, float]:
        row, column = divmod(int(M.argmax()), M.shape[1])
        return (column + shift) * w / M.shape[1], (row + shift) * h / M.shape[0]

    def swapped(M: Tensor, h: int, w: int, shift: float = 0.5) -> tuple[float, float]:
        return solve(M, h, w, shift)[::-1]

    def cells(M: Tensor, *_) -> tuple[int, int]:
        return divmod(int(M.argmax()), M.shape[1])[::-1]

    def counted(M: Tensor, h: int, w: int, columns: int) -> tuple[float, float]:
        row, column = divmod(int(M.argmax()), columns)
        return (column + 0.5) * w / M.shape[1], (row + 0.5) * h / M.shape[0]

    def searched_large(M: Tensor, h: int, w: int) -> tuple[int, int]:
        return divmod(int(cam.upsample(M[None, None], (h, w)).argmax()), w)[::-1]

    count = "the cells are counted row by row, W in each row: divide by the number of columns, W."
    return judge(
        answer,
        solve,
        [(torch.randn(H, W, generator=g), h, w) for H, W, h, w in ((7, 7, 224, 224), (6, 9, 300, 480), (10, 4, 90, 60))],
        [
            (lambda M, h, w: tuple(v + 0.5 for v in cells(M, h, w)), "that is the centre of the cell, still counted in cells. Scale it to pixels: w/W and h/H."),
            (lambda M, h, w: tuple(v + 0.5 for v in solve(M, h, w, 0.0)), "that is half a *pixel* from the corner. Half a *cell* is wanted: add 0.5 before you scale."),
            (lambda M, h, w: tuple(round(v) for v in solve(M, h, w)), "do not round: the centre of a cell may lie between two pixels."),
            (lambda M, h, w: tuple(int(v) for v in solve(M, h, w)), "do not round: the centre of a cell may lie between two pixels."),
            (swapped, "x and y are exchanged. x goes to the right and comes from the column."),
            (lambda M, h, w: swapped(M, h, w, 0.0), "that is the cell's upper left corner, and x and y are exchanged. Add 0.5 before you scale, and give x (from the column) first."),
            (lambda M, h, w: solve(M, h, w, 0.0), "that is the cell's upper left corner. Its centre lies half a cell further: add 0.5 before you scale."),
            (lambda M, h, w: solve(M, h, w, 1.0), "that is the cell's lower right corner. Add 0.5, not 1."),
            (cells, "that is the cell's column and row. Scale it to pixels: one cell is w/W pixels wide and h/H high."),
            (lambda M, h, w: cells(M, h, w)[::-1], "that is the cell's row and column. Scale it to pixels, and give x (from the column) first."),
            (lambda M, h, w: M.argmax(), "that is the number of the cell, counted row by row. Its row and column come from divmod(..., W)."),
            (lambda M, h, w: solve(M, w, h), "height and width are exchanged: columns scale with w/W, rows with h/H."),
            (lambda M, h, w: ((cells(M)[0] + 0.5) * h / M.shape[0], (cells(M)[1] + 0.5) * w / M.shape[1]), "height and width are exchanged: columns scale with w/W, rows with h/H."),
            (lambda M, h, w: ((cells(M)[1] + 0.5) * w / M.shape[1], (cells(M)[0] + 0.5) * h / M.shape[0]), "row and column are exchanged: divmod gives the row first."),
            (lambda M, h, w: counted(M, h, w, M.shape[0]), count),
            (lambda M, h, w: counted(M, h, w, w), count),
            (lambda M, h, w: counted(M, h, w, h), count),
            (lambda M, h, w: tuple(v - 0.5 for v in solve(M, h, w)), "that counts from the centre of the first pixel. Here (0, 0) is its corner: leave the - 0.5 out."),
            (searched_large, "you searched the enlarged map. Search the small one, and compute the centre of its cell."),
            (lambda M, h, w: solve(M.abs(), h, w), "that is the largest value without its sign. A cell far below 0 is cold."),
            (lambda M, h, w: solve(-M, h, w), "that is the coldest cell. The hottest one is at argmax."),
        ],
        "With this you can check whether a map points at the right thing: notebook 02 does.",
    )  # fmt: skip
