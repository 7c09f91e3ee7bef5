"""The exercises of notebook 02."""

import torch
from torch import Tensor, nn

from utils import before
from utils.check.old import judge


class Score(nn.Module):
    """A score for each picture that depends on every pixel and colour: (N, 3, h, w) -> (N,)."""

    def __init__(self, h: int, w: int, seed: int) -> None:
        super().__init__()
        self.weights = torch.randn(3, h, w, generator=torch.Generator().manual_seed(seed))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError(
                f"score takes (1, 3, h, w), not {tuple(x.shape)}: give it picture[None]"
            )
        return (self.weights * x).sum((1, 2, 3)) + 0.3 * (self.weights * x**2).sum((1, 2, 3))

    def __repr__(self) -> str:
        return "for small pictures"


class Network(Score):
    """A smooth little network: (N, 3, h, w) -> (N, 4)."""

    def forward(self, x: Tensor) -> Tensor:
        F = torch.stack([(self.weights.roll(k, 2) * x).sum((2, 3)) for k in range(4)], 1)
        return torch.sin(F).sum(2) + 0.5 * (F**2).mean(2)


def _walk(score, x, size, stride, fill, start=None, edge="cut", keep=False, swap=False) -> Tensor:
    """Occlusion, with the usual mistakes to choose from; `start` is the way from cell to square.

    A square that begins outside is "cut", "push"ed in, or, with "wrap", left to Python.
    """
    start = -((size - stride) // 2) if start is None else start
    S, picture = score(x[None])[0], x.clone()
    drop = torch.zeros(x.shape[1] // stride, x.shape[2] // stride)
    for i in range(drop.shape[0]):
        for j in range(drop.shape[1]):
            top, left = i * stride + start, j * stride + start
            top, left = (left, top) if swap else (top, left)
            first_row, first_column = (top, left) if edge == "wrap" else (max(top, 0), max(left, 0))
            top, left = (first_row, first_column) if edge == "push" else (top, left)
            picture = picture if keep else x.clone()
            picture[:, first_row : top + size, first_column : left + size] = fill
            drop[i, j] = S - score(picture[None])[0]
    return drop


def occlusion_map(answer) -> bool:
    """Exercise 1: score drops, (score, (3, h, w), size, stride, fill) -> (h / stride, w / stride)."""
    g = torch.Generator().manual_seed(4)
    cases = [
        (Score(h, w, seed), torch.rand(3, h, w, generator=g), size, stride, fill)
        for seed, (h, w, size, stride, fill) in enumerate(
            [(12, 18, 7, 3, 0.5), (12, 12, 6, 2, 0.4)]
        )
    ]

    def one_colour(score, x, size, stride, fill):
        def fake(picture):
            return score(torch.cat([picture[:, :1], x[None, 1:]], 1))

        return _walk(fake, x, size, stride, fill)

    def inside(score, x, size, stride, fill):
        drop = _walk(score, x, size, stride, fill, start=0)
        return drop[: (x.shape[1] - size) // stride + 1, : (x.shape[2] - size) // stride + 1]

    def unfinished(rows, columns):
        def wrong(*a):
            whole = _walk(*a)
            drop = torch.zeros_like(whole)
            drop[:rows, :columns] = whole[:rows, :columns]
            return drop

        return wrong

    return judge(
        answer,
        _walk,
        cases,
        [
            (lambda *a: -_walk(*a), "the sign is turned round. A drop is the score of the whole picture minus the score of the covered one."),
            (lambda score, x, *a: score(x[None])[0] - _walk(score, x, *a), "those are the scores of the covered pictures. The drop is wanted: the score of the whole picture minus each of them."),
            (lambda *a: _walk(*a).abs(), "you lost the sign. Where covering helps the class, the drop is below 0."),
            (lambda *a: _walk(*a).relu(), "negative drops are gone. Where covering helps the class, the drop is below 0: keep it."),
            (lambda *a: _walk(*a, start=0), "your squares begin at the cell's corner, so the map is shifted by half of size - stride. Begin (size - stride) // 2 pixels further up and left."),
            (lambda *a: _walk(*a, start=-(a[2] // 2)), "the middle of your square is the cell's corner. Half a cell is missing: begin at (size - stride) // 2 before the cell, not at size // 2."),
            (lambda *a: _walk(*a, edge="push"), "the squares at the upper and left edge are pushed into the picture. Cut them off: they begin at max(top, 0), and still end at top + size."),
            (lambda *a: _walk(*a, edge="wrap"), "the squares at the upper and left edge cover nothing: a negative start counts from the other end. Use max(top, 0) and max(left, 0)."),
            (lambda *a: _walk(*a, keep=True), "the squares pile up: each picture still has the squares before it. Start every time from a fresh x.clone()."),
            (lambda *a: _walk(*a, start=a[3] - a[2]), "you went back by all of size - stride. The cell lies in the middle of its square: half of it, (size - stride) // 2."),
            (inside, "those are the squares that lie inside the picture. Here each cell has its square, cut off at the edges."),
            (unfinished(1, 1), "only the first cell is filled: your return stands inside the loops. Move it to the left, behind them."),
            (unfinished(1, None), "only the first row is filled: your return stands inside the outer loop. Move it to the left, behind it."),
            (lambda s, x, size, stride, fill: _walk(s, x, size, stride, 0.0), "you covered with black. The square has the value `fill`."),
            (lambda s, x, size, stride, fill: _walk(s, x, size, stride, 1.0), "you covered with white. The square has the value `fill`."),
            (lambda s, x, size, stride, fill: _walk(s, x, stride, stride, fill), "your square has the size of one cell: `stride` is the step, `size` is the side of the square."),
            (lambda s, x, size, stride, fill: _walk(s, x, size, size, fill, start=0), "your steps are as long as the square: `stride` is the step, `size` is the side of the square."),
            (lambda s, x, size, stride, fill: _walk(s, x, size, size, fill, start=-((size - stride) // 2)), "your steps are as long as the square: `stride` is the step, `size` is the side of the square."),
            (one_colour, "you covered one colour only. The square covers all three: picture[:, ...]."),
            (lambda *a: _walk(*a, swap=True), "rows and columns are exchanged. i counts the rows (top), j the columns (left)."),
            (lambda *a: _walk(*a).T, "rows and columns are exchanged: the result is (rows, columns)."),
            (lambda score, x, *a: _walk(score, x, *a) / score(x[None])[0], "you divided by the whole score. The drop itself is wanted, in points of the score."),
            (lambda *a: _walk(*a) / (3 * a[2] ** 2), "you divided by the size of the square. The drop itself is wanted, in points of the score."),
        ],
        "Whatever can be scored can be explained this way; nobody has to open the network.",
    )  # fmt: skip


def passes(answer) -> bool:
    """Exercise 3: [[forward, backward]] of occlusion, gradient and CAM for the maps of C classes."""

    def solve(h, w, size, stride, C):
        return [[1 + (h // stride) * (w // stride), 0], [1, C], [1, 0]]

    def changed(row: int, column: int, value):
        """The answer with one entry wrong, whatever else is: each entry is judged alone."""

        def wrong(h, w, size, stride, C):
            table = [list(entries) for entries in answer(h, w, size, stride, C)]
            table[row][column] = value(h, w, size, stride, C)
            return table

        return wrong

    def fitting(h, w, size, stride):
        return ((h - size) // stride + 1) * ((w - size) // stride + 1)

    return judge(
        answer,
        solve,
        [(112, 112, 32, 16, 10), (225, 225, 75, 25, 1000), (60, 90, 20, 10, 1)],
        [
            (lambda *a: solve(*a)[::-1], "the order is occlusion, gradient, CAM."),
            (lambda *a: [r[::-1] for r in solve(*a)], "forward comes first, then backward."),
            (lambda *a: [v for row in solve(*a) for v in row], "the numbers are right. Put the two of each method into a list of their own."),
            (changed(0, 0, lambda h, w, z, s, C: (h // s) * (w // s)), "occlusion also needs the score of the whole picture: one pass is missing."),
            (changed(0, 0, lambda h, w, z, s, C: 1 + (h // z) * (w // z)), "the number of squares follows from the stride: one for each cell, however large they are."),
            (changed(0, 0, lambda h, w, z, s, C: (h // z) * (w // z)), "the number of squares follows from the stride, and the whole picture needs a pass, too."),
            (changed(0, 0, lambda h, w, z, s, C: 1 + fitting(h, w, z, s)), "those are the squares that lie inside the picture. Here each cell has its square, cut off at the edges."),
            (changed(0, 0, lambda h, w, z, s, C: fitting(h, w, z, s)), "those are the squares that lie inside the picture, and without the pass for the whole picture."),
            (changed(0, 0, lambda h, w, z, s, C: 1 + h // s), "you counted one row of squares only."),
            (changed(0, 0, lambda h, w, z, s, C: 1 + h * w), "you counted pixels. Occlusion covers one square for each *cell* of stride x stride pixels."),
            (changed(0, 0, lambda h, w, z, s, C: C * (1 + (h // s) * (w // s))), "one pass gives the scores of all classes, so the same covered pictures serve every class."),
            (changed(0, 0, lambda h, w, z, s, C: 1 + C * (h // s) * (w // s)), "one pass gives the scores of all classes, so the same covered pictures serve every class."),
            (changed(0, 0, lambda h, w, z, s, C: C * (h // s) * (w // s)), "one pass gives the scores of all classes, so the same covered pictures serve every class. And the whole picture needs a pass, too."),
            (changed(0, 1, lambda h, w, z, s, C: answer(h, w, z, s, C)[0][1] or -1), "occlusion needs no gradient: its backward passes are 0."),
            (changed(1, slice(None), lambda h, w, z, s, C: [C, 1]), "for the gradient it is the other way round: one forward pass gives all scores, and each of them is followed back."),
            (changed(1, 0, lambda h, w, z, s, C: C), "the gradient's forward pass can be shared: one gives all scores, and each of them is then followed back."),
            (changed(1, 0, lambda *a: 0), "the gradient goes back through what a forward pass computed: one forward pass comes first."),
            (changed(1, 1, lambda *a: 1), "one backward pass gives the gradient of one score. Each class needs its own."),
            (changed(1, 1, lambda h, w, z, s, C: 1 + C), "you counted the forward pass among the backward ones. Each class is followed back once."),
            (changed(1, 1, lambda h, w, z, s, C: h * w), "one backward pass gives the gradient of one score for all pixels at once."),
            (changed(1, 1, lambda h, w, z, s, C: C * h * w), "one backward pass gives the gradient of one score for all pixels at once."),
            (changed(2, 0, lambda h, w, z, s, C: C), "CAM's maps of all classes come from the same f_k: one forward pass in all."),
            (changed(2, 0, lambda *a: 0), "CAM's f_k have to be computed: one forward pass."),
            (changed(2, 1, lambda h, w, z, s, C: answer(h, w, z, s, C)[2][1] or -1), "CAM needs no gradient: its backward passes are 0."),
        ],
        "Only CAM's price depends neither on the size of the map nor on the number of classes.",
    )  # fmt: skip


def saliency_map(answer) -> bool:
    """Exercise 2: the largest |dS_c / dx| over the colours, (model, (N, 3, h, w), c) -> (N, h, w)."""
    g = torch.Generator().manual_seed(5)
    cases = [
        (Network(h, w, seed), torch.rand(n, 3, h, w, generator=g), c)
        for seed, (n, h, w, c) in enumerate([(2, 5, 6, 1), (1, 4, 4, 3), (3, 3, 7, 2)])
    ]

    def of(target, reduce=lambda g: g.abs().amax(1)):
        def wrong(model, x, c):
            x = x.clone().requires_grad_()
            return reduce(torch.autograd.grad(target(model(x), c), x)[0].detach())

        return wrong

    def own(S, c):
        return S[:, c].sum()

    return judge(
        answer,
        before.saliency,
        cases,
        [
            (of(lambda S, c: S[:, c]), "a gradient is taken of one number. Sum the scores of class c over the pictures first."),
            (of(lambda S, c: S[c].sum()), "the scores are (N, C): [c] is picture c with all its scores. Take class c of every picture, [:, c]."),
            (of(own, lambda g: g.abs().max(1)), "max(1) gives the values *and* their positions. Take amax(1), or the values alone."),
            (of(own, lambda g: g.abs().amax(0)), "you took the maximum over the pictures. The colours are axis 1."),
            (of(own, lambda g: g.abs().amax((2, 3))), "you took the maximum over the places. Keep them; the colours, axis 1, go."),
            (of(own, lambda g: g.abs().amax(1) / g.abs().amax((1, 2, 3))[:, None, None]), "you scaled each map to its own maximum. Leave the gradient as it is."),
            (of(own, lambda g: g.amax(1)), "the absolute value is missing: a pixel whose darkening helps counts as much as one whose brightening helps."),
            (of(own, lambda g: g.amax(1).abs()), "the absolute value comes too late: take it first, then the maximum over the colours."),
            (of(own, lambda g: g.clamp(min=0).amax(1)), "you cut negative gradients off. Take the absolute value instead."),
            (of(own, lambda g: g.sum(1).abs()), "you summed over the colours, where gradients of opposite sign cancel. Take the maximum of the absolute values."),
            (of(own, lambda g: g.sum(1)), "you summed over the colours and kept the sign. Take the maximum of the absolute values."),
            (of(own, lambda g: g.abs().sum(1)), "you summed over the colours. Take their maximum."),
            (of(own, lambda g: g.abs().mean(1)), "you averaged over the colours. Take their maximum."),
            (of(own, lambda g: g.norm(dim=1)), "you took the length over the colours. Take the maximum of the absolute values."),
            (of(own, lambda g: g.abs()), "there is still one map for each colour, (N, 3, h, w). Take the maximum over axis 1."),
            (of(own, lambda g: g.abs().amax(1, keepdim=True)), "the values are right, but the axis of the colours is still there with length 1."),
            (of(lambda S, c: S.softmax(1)[:, c].sum()), "that is the gradient of P_c. It vanishes where the network is sure, and other classes play into it. Take S_c, before the softmax."),
            (of(lambda S, c: S.log_softmax(1)[:, c].sum()), "that is the gradient of log P_c. Take S_c, before the softmax."),
            (of(lambda S, c: S.sum()), "that is the gradient of all scores together. Pick the column of class c first."),
            (of(lambda S, c: S.amax(1).sum()), "that is the gradient of the best class. It should be the class c that is asked for."),
            (of(lambda S, c: S[:, 0].sum()), "that is the gradient of class 0, not of class c."),
            (of(lambda S, c: S[:, c].mean()), "you averaged the scores of the pictures, so each gradient is divided by N. Take the sum."),
            (of(lambda S, c: S[0, c]), "only the first picture has a gradient. Take the scores of class c of all pictures, and sum them."),
            (lambda model, x, c: (of(own, lambda g: g)(model, x, c) * x).abs().amax(1), "you multiplied by the picture. That is another method (gradient times input); here the gradient alone is wanted."),
        ],
        "One forward and one backward pass, and every pixel has a number.",
    )  # fmt: skip
