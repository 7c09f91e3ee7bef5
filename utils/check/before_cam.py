"""The exercises of notebook 02."""

import torch
from torch import Tensor, nn

from utils.check import exercise


class _Score(nn.Module):
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


class _Network(_Score):
    """A smooth little network: (N, 3, h, w) -> (N, 4)."""

    def __init__(self, h: int, w: int, seed: int) -> None:
        super().__init__(h, w, seed)
        self.weights = nn.Parameter(self.weights)  # a real network's scores remember gradients, too

    def forward(self, x: Tensor) -> Tensor:
        F = torch.stack([(self.weights.roll(k, 2) * x).sum((2, 3)) for k in range(4)], 1)
        return torch.sin(F).sum(2) + 0.5 * (F**2).mean(2)


def _covered() -> list[tuple[_Score, Tensor, int, int, float]]:
    """Twice score, x (3, h, w), size, stride and fill."""
    g = torch.Generator().manual_seed(4)
    sizes = [(12, 18, 7, 3, 0.5), (12, 12, 6, 2, 0.4)]
    return [
        (_Score(h, w, seed), torch.rand(3, h, w, generator=g), size, stride, fill)
        for seed, (h, w, size, stride, fill) in enumerate(sizes)
    ]


_CELLS = "x.shape[1] // stride, x.shape[2] // stride"
_MARGIN = "margin = (size - stride) // 2"
_TRANSPOSED = "rows and columns are exchanged: the result is (rows, columns)."
_HALVES = "size // 2 pixels to either side lose one where size is odd: end at top + size."
_BATCH = "score takes a batch, (1, 3, h, w). A picture alone is (3, h, w): picture[None] makes it a batch of one."
_STEP = (
    "your steps are as long as the square: `stride` is the step, `size` is the side of the square."
)


@exercise(
    cases=_covered(),
    hint="""
    Cell (i, j) begins at row `i * stride`, its square `(size - stride) // 2` pixels earlier. That may be
    less than 0, and in Python a negative start counts from the other end. Each square needs a fresh copy of `x`.
    """,
    right="Whatever can be scored can be explained this way; nobody has to open the network.",
)
def occlusion_map(score, x, size, stride, fill):
    """Score drops: score takes pictures (1, 3, h, w), x is (3, h, w) -> (h / stride, w / stride)."""
    S = score(x[None])
    margin = (size - stride) // 2
    drop = torch.zeros(x.shape[1] // stride, x.shape[2] // stride)
    for i in range(drop.shape[0]):
        for j in range(drop.shape[1]):
            top, left = i * stride - margin, j * stride - margin
            covered = x.clone()
            covered[:, max(top, 0) : top + size, max(left, 0) : left + size] = fill
            drop[i, j] = S - score(covered[None])
    return drop


occlusion_map.mistakes(
    ("-drop", "the sign is turned round. A drop is the score of the whole picture minus the score of the covered one."),
    ("S - drop", "those are the scores of the covered pictures. The drop is wanted: the score of the whole picture minus each of them."),
    ("drop.abs()", "you lost the sign. Where covering helps the class, the drop is below 0."),
    ("drop.relu()", "negative drops are gone. Where covering helps the class, the drop is below 0: keep it."),
    (_MARGIN, "margin = 0", "your squares begin at the cell's corner, so the map is shifted by half of size - stride. Begin (size - stride) // 2 pixels further up and left."),
    (_MARGIN, "margin = size // 2", "the middle of your square is the cell's corner. Half a cell is missing: begin at (size - stride) // 2 before the cell, not at size // 2."),
    (_MARGIN, "margin = size - stride", "you went back by all of size - stride. The cell lies in the middle of its square: half of it, (size - stride) // 2."),
    ("top + size", "top + size // 2 * 2", "left + size", "left + size // 2 * 2", _HALVES),
    ("max(top, 0) : top + size", "top : top + size // 2 * 2", "max(left, 0) : left + size", "left : left + size // 2 * 2", f"{_HALVES} And a negative start counts from the other end: max(top, 0)."),
    (_MARGIN, "margin = -((size - stride) // 2)", "your squares begin (size - stride) // 2 pixels *after* the cell's corner. They begin before it: take it away."),
    ("= i * stride - margin, j * stride - margin", "= max(i * stride - margin, 0), max(j * stride - margin, 0)", "the squares at the upper and left edge are pushed into the picture. Cut them off: they begin at max(top, 0), and still end at top + size."),
    ("max(top, 0) : top", "top : top", "max(left, 0) : left", "left : left", "the squares at the upper and left edge cover nothing: a negative start counts from the other end. Use max(top, 0) and max(left, 0)."),
    ("x.clone()", "x", "the squares pile up: each picture still has the squares before it. Start every time from a fresh x.clone()."),
    ("x.clone()", "x", "S - score(", "score(x[None]) - score(", "the two scores are those of one picture, for `covered` is x itself. Start every time from a fresh x.clone()."),
    ("i * stride - margin, j * stride - margin", "i - margin, j - margin", "i and j count cells, not pixels: cell (i, j) begins at row i * stride and column j * stride."),
    (_MARGIN, "margin = 0", _CELLS, "(x.shape[1] - size) // stride + 1, (x.shape[2] - size) // stride + 1", "those are the squares that lie inside the picture. Here each cell has its square, cut off at the edges."),
    ("    return drop", "            return drop", "only the first cell is filled: your return stands inside the loops. Move it to the left, behind them."),
    ("    return drop", "        return drop", "only the first row is filled: your return stands inside the outer loop. Move it to the left, behind it."),
    ("solution(score, x, size, stride, 0.0)", "you covered with black. The square has the value `fill`."),
    ("solution(score, x, size, stride, 1.0)", "you covered with white. The square has the value `fill`."),
    ("solution(score, x, stride, stride, fill)", "your square has the size of one cell: `stride` is the step, `size` is the side of the square."),
    ("solution(score, x, size, size, fill)", _STEP),
    (_MARGIN, f"{_MARGIN}\n    stride = size", _STEP),
    ("covered[:, ", "covered[0, ", "you covered one colour only. The square covers all three: picture[:, ...]."),
    ("top, left =", "left, top =", "rows and columns are exchanged. i counts the rows (top), j the columns (left)."),
    ("drop.T", _TRANSPOSED),
    (_CELLS, "x.shape[2] // stride, x.shape[1] // stride", _TRANSPOSED),
    (_CELLS, "x.shape[1] // stride, x.shape[1] // stride", "you took the height for both sides. The picture is (3, h, w): h / stride rows, w / stride columns."),
    ("drop / S", "you divided by the whole score. The drop itself is wanted, in points of the score."),
    ("drop.flatten()", "the drops are right, but in one row: .reshape(x.shape[1] // stride, x.shape[2] // stride) gives them their cells."),
    (["drop / (3 * size**2)", "drop / size**2"], "you divided by the size of the square. The drop itself is wanted, in points of the score."),
    ("covered[None]", "covered", _BATCH),
    ("score(x[None])", "score(x)", _BATCH),
)  # fmt: skip


def _smooth() -> list[tuple[_Network, Tensor, int]]:
    """Three times model, x (N, 3, h, w) and class c."""
    g = torch.Generator().manual_seed(5)
    sizes = [(2, 5, 6, 1), (1, 4, 4, 3), (3, 3, 7, 2)]
    return [
        (_Network(h, w, seed), torch.rand(n, 3, h, w, generator=g), c)
        for seed, (n, h, w, c) in enumerate(sizes)
    ]


_NO_GRADIENT = (
    "x keeps no gradient. Make it x = x.clone().requires_grad_(), before the model gets it."
)
_EMPTY = "there is None where the gradient should be. S_c.backward() gives nothing back: it fills x.grad, and only for the very tensor that got requires_grad_()."
_OTHER_TENSOR = "the gradient is taken of another tensor than the one that the model was given. Make x.clone().requires_grad_() first, under one name, and use it in both places."


@exercise(
    cases=_smooth(),
    hint="""
    Gradients are kept for tensors with `requires_grad_()` only: make a clone of `x` one of them.
    `torch.autograd.grad(a_single_number, x)` gives a tuple with one gradient. The single number: the *sum* of the scores,
    each the input of the softmax, for a picture's gradient is in one term only.
    """,
    right="One forward and one backward pass, and every pixel has a number.",
)
def saliency_map(model, x, c):
    """The largest |dS_c / dx| over the colours: pictures (N, 3, h, w), class c -> (N, h, w)."""
    x = x.clone().requires_grad_()
    S_c = model(x)[:, c].sum()
    gradient = torch.autograd.grad(S_c, x)[0]
    return gradient.abs().amax(1)


saliency_map.mistakes(
    (".requires_grad_()", "", _NO_GRADIENT),
    ("x = x.clone().requires_grad_()", "given = x", "model(x)", "model(given.clone().requires_grad_())", _NO_GRADIENT),
    ("x = x.clone().requires_grad_()", "given = x.clone()", "S_c = model(x)[:, c].sum()", "S_c = model(given)[:, c].sum()\n    x.requires_grad_()", _OTHER_TENSOR),
    ("model(x)", "model(x.clone())", "torch.autograd.grad(S_c, x)", "torch.autograd.grad(S_c, x.clone())", _OTHER_TENSOR),
    ("model(x)[:, c].sum()", "model(x)[:, c].sum().detach()", "the score remembers nothing that could be followed back: leave torch.no_grad, detach and numpy out until the gradient is there."),
    ("[:, c].sum()", "[:, c]", "a gradient is taken of one number. Sum the scores of class c over the pictures first."),
    ("[:, c]", "[c]", "the scores are (N, C): [c] is picture c with all its scores. Take class c of every picture, [:, c]."),
    (".grad(S_c, x)[0]", ".grad(S_c, x)", "torch.autograd.grad gives a tuple, with one gradient for each tensor asked for. Take the first: [0]."),
    ("torch.autograd.grad(S_c, x)[0]", "x.grad", _EMPTY),
    ("torch.autograd.grad(S_c, x)[0]", "S_c.backward()", _EMPTY),
    (".grad(S_c, x)", ".grad(x, S_c)", "the other way round: first what the gradient is taken of, S_c, then by what, x."),
    ("gradient.abs().max(1)", "max(1) gives the values *and* their positions. Take amax(1), or the values alone."),
    ("gradient.abs().max(1)[1]", "those are the positions of the maximum. Its values are wanted: amax(1)."),
    ("gradient.abs().amax(0)", "you took the maximum over the pictures. The colours are axis 1."),
    ("gradient.abs().amax((2, 3))", "you took the maximum over the places. Keep them; the colours, axis 1, go."),
    ("gradient.abs().amax(2)", "you took the maximum over the rows. The colours are axis 1."),
    ("gradient.abs().amax(3)", "you took the maximum over the columns. The colours are axis 1."),
    ("gradient.abs().amax()", "that is one number for everything. Take the maximum over the colours only, axis 1."),
    ("gradient.abs().amax((1, 2, 3))", "that is one number for each picture. Take the maximum over the colours only, axis 1."),
    (["gradient[0].abs().amax(0)", "solution(model, x, c)[0]"], "that is the map of the first picture only. Keep the axis of the pictures."),
    ("solution(model, x, c) / gradient.abs().amax((1, 2, 3))[:, None, None]", "you scaled each map to its own maximum. Leave the gradient as it is."),
    ("gradient.amax(1)", "the absolute value is missing: a pixel whose darkening helps counts as much as one whose brightening helps."),
    ("gradient.amax(1).abs()", "the absolute value comes too late: take it first, then the maximum over the colours."),
    ("gradient.clamp(min=0).amax(1)", "you cut negative gradients off. Take the absolute value instead."),
    ("gradient.sum(1).abs()", "you summed over the colours, where gradients of opposite sign cancel. Take the maximum of the absolute values."),
    ("gradient.sum(1)", "you summed over the colours and kept the sign. Take the maximum of the absolute values."),
    ("gradient.abs().sum(1)", "you summed over the colours. Take their maximum."),
    ("gradient.abs().mean(1)", "you averaged over the colours. Take their maximum."),
    ("gradient.norm(dim=1)", "you took the length over the colours. Take the maximum of the absolute values."),
    ("gradient[:, 0].abs()", "you took the first colour only. Take the maximum over all three."),
    ("gradient.abs()", "there is still one map for each colour, (N, 3, h, w). Take the maximum over axis 1."),
    ("gradient.abs().amax(1, keepdim=True)", "the values are right, but the axis of the colours is still there with length 1."),
    ("[:, c]", ".softmax(1)[:, c]", "that is the gradient of P_c. It vanishes where the network is sure, and other classes play into it. Take S_c, before the softmax."),
    ("[:, c]", ".log_softmax(1)[:, c]", "that is the gradient of log P_c. Take S_c, before the softmax."),
    ("[:, c]", "", "that is the gradient of all scores together. Pick the column of class c first."),
    ("[:, c]", ".amax(1)", "that is the gradient of the best class. It should be the class c that is asked for."),
    ("[:, c]", "[:, 0]", "that is the gradient of class 0, not of class c."),
    (".sum()", ".mean()", "you averaged the scores of the pictures, so each gradient is divided by N. Take the sum."),
    (".sum()", ".max()", "only the picture with the highest score has a gradient. Sum the scores: every picture has its part."),
    ("[:, c].sum()", "[0, c]", "only the first picture has a gradient. Take the scores of class c of all pictures, and sum them."),
    ("(gradient * x).abs().amax(1)", "you multiplied by the picture. That is another method (gradient times input); here the gradient alone is wanted."),
)  # fmt: skip


@exercise(
    cases=[(112, 112, 32, 16, 10), (225, 225, 75, 25, 1000), (60, 90, 20, 10, 1)],
    hint="""
    How many cells are there? Which picture is scored besides the covered ones? Does a second class need
    new covered pictures, when each pass gives the scores of all classes? And does one way back serve two scores?
    """,
    right="Only CAM's price depends neither on the size of the map nor on the number of classes.",
)
def passes(h, w, size, stride, C):
    """[[forward, backward] of occlusion, of the gradient, of CAM] for the maps of all C classes."""
    occlusion = [1 + (h // stride) * (w // stride), 0]
    gradient = [1, C]
    cam = [1, 0]
    return [occlusion, gradient, cam]


_SQUARES = "(h // stride) * (w // stride)"
_STEPS = "(h // size) * (w // size)"
_INSIDE = "((h - size) // stride + 1) * ((w - size) // stride + 1)"
_SHARED = (
    "one pass gives the scores of all classes, so the same covered pictures serve every class."
)
_ONE_SCORE = "one backward pass gives the gradient of one score for all pixels at once."


def _one(entry: str, *counts: str) -> list[str]:
    """Tables in which one entry is another count."""
    tables = {
        "occlusion": "[[{}, 0], gradient, cam]",
        "occlusion back": "[[occlusion[0], {}], gradient, cam]",
        "gradient": "[occlusion, [{}, C], cam]",
        "gradient back": "[occlusion, [1, {}], cam]",
        "cam": "[occlusion, gradient, [{}, 0]]",
        "cam back": "[occlusion, gradient, [1, {}]]",
    }
    return [tables[entry].format(count) for count in counts]


passes.mistakes(
    ("[cam, gradient, occlusion]", "the order is occlusion, gradient, CAM."),
    ("[row[::-1] for row in solution(h, w, size, stride, C)]", "forward comes first, then backward."),
    ("occlusion + gradient + cam", "the numbers are right. Put the two of each method into a list of their own."),
    ("[sum(row) for row in solution(h, w, size, stride, C)]", "you added the passes up. Keep them apart: [forward, backward] for each method."),
    ("[row[0] for row in solution(h, w, size, stride, C)]", "those are the forward passes. Each method has two numbers, [forward, backward]."),
    ("list(zip(*solution(h, w, size, stride, C)))", "your table lies on its side. Each method has a list of its own, [forward, backward], and there are three of them."),
)  # fmt: skip
passes.mistakes(
    (_one("occlusion", _SQUARES), "occlusion also needs the score of the whole picture: one pass is missing."),
    (_one("occlusion", f"1 + {_STEPS}"), "the number of squares follows from the stride: one for each cell, however large they are."),
    (_one("occlusion", _STEPS), "the number of squares follows from the stride, and the whole picture needs a pass, too."),
    (_one("occlusion", f"1 + {_INSIDE}"), "those are the squares that lie inside the picture. Here each cell has its square, cut off at the edges."),
    (_one("occlusion", _INSIDE), "those are the squares that lie inside the picture, and without the pass for the whole picture."),
    (_one("occlusion", "1 + h // stride", "h // stride"), "you counted one row of squares only."),
    (_one("occlusion", "1 + h * w", "h * w"), "you counted pixels. Occlusion covers one square for each *cell* of stride x stride pixels."),
    (_one("occlusion", "1 + h * w // stride", "h * w // stride"), "the stride counts down and across: (h // stride) * (w // stride) cells."),
    (_one("occlusion", f"C * (1 + {_SQUARES})", f"1 + C * {_SQUARES}"), _SHARED),
    (_one("occlusion", f"C * {_SQUARES}"), f"{_SHARED} And the whole picture needs a pass, too."),
    at=(0, 0),
)  # fmt: skip
passes.mistakes(
    (_one("occlusion back", "1", "C", "1 + C", _SQUARES, f"1 + {_SQUARES}", f"C * {_SQUARES}"), "occlusion needs no gradient: its backward passes are 0."),
    at=(0, 1),
)  # fmt: skip
passes.mistakes(
    ("[occlusion, [C, 1], cam]", "for the gradient it is the other way round: one forward pass gives all scores, and each of them is followed back."),
    at=(1,),
)  # fmt: skip
passes.mistakes(
    (_one("gradient", "C"), "the gradient's forward pass can be shared: one gives all scores, and each of them is then followed back."),
    (_one("gradient", "0"), "the gradient goes back through what a forward pass computed: one forward pass comes first."),
    at=(1, 0),
)  # fmt: skip
passes.mistakes(
    (_one("gradient back", "1"), "one backward pass gives the gradient of one score. Each class needs its own."),
    (_one("gradient back", "1 + C"), "you counted the forward pass among the backward ones. Each class is followed back once."),
    (_one("gradient back", "h * w", "C * h * w"), _ONE_SCORE),
    at=(1, 1),
)  # fmt: skip
passes.mistakes(
    (_one("cam", "C"), "CAM's maps of all classes come from the same f_k: one forward pass in all."),
    (_one("cam", "0"), "CAM's f_k have to be computed: one forward pass."),
    at=(2, 0),
)  # fmt: skip
passes.mistakes(
    (_one("cam back", "1", "C", "1 + C"), "CAM needs no gradient: its backward passes are 0."),
    at=(2, 1),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    Hold every number against the blob's. Which columns cannot tell *where things are* from *where this thing is*? And
    which two columns differ in nothing but the scale at which a map is read?
    """,
    right="One number says little; the number beside its control says what it is owed to.",
)
def true_of_the_table():
    """The letters of the true statements, such as {"a", "b"}."""
    return {"b", "d", "f"}


true_of_the_table.statements(
    a="(a) read on cells, P's peak is on the thing in 88 %, the blob's in 50 %: it knows the place.",
    b="(b) of two things, P points at the one asked for in 45 % and at the other in 44 %: no better than a coin.",
    c="(c) with one thing in the picture, a map that finds *any* thing does as well. Of two, R points at the wrong one in 35 %.",
    d="(d) look at the last two columns: 80 % on the thing asked for and 1 % on the other, more apart than for P, R and S.",
    e="(e) read at the same 14 × 14 cells, R's peak keeps its 94 % against 85 %: the finer map is not the reason.",
    f="(f) S has the blob's numbers in every column. Nothing here tells the two apart.",
)
