"""Class activation mapping: the whole mathematics, in pure functions on tensors.

Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative
Localization", CVPR 2016 ("the paper"), section 2. Derived in notebook 01.

Letters: N images, K channels, C classes, a map of H x W cells.
`f` holds the maps f_k(x, y) of the last convolutional layer, (N, K, H, W).
`w` holds the weights w_k^c of the last linear layer, (C, K); `b` its biases, (C,).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from utils import valid

Pooling = Literal["mean", "sum", "max"]


def pool(f: Tensor, how: Pooling = "mean") -> Tensor:
    """F_k, one number for each channel: (N, K, H, W) -> (N, K).

    The paper writes the *sum* over x and y; networks compute the *mean* (GAP); GMP is the maximum.
    Raises ValueError if `f` has no spatial axes or `how` is unknown. Paper, section 2; notebook 01.
    """
    f = valid.tensor(f, "the feature maps", "N K H W", "floats")
    if how not in ("mean", "sum", "max"):
        raise ValueError(f'pooling is "mean", "sum" or "max", not {how!r}')
    return f.amax((2, 3)) if how == "max" else getattr(f, how)((2, 3))


def scores(F: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """S_c = sum_k w_k^c F_k + b_c, the input of the softmax: (N, K), (C, K) -> (N, C).

    The paper sets the bias to 0. Raises ValueError if the channels differ. Section 2; notebook 01.
    """
    F, w = valid.layer(valid.tensor(F, "the features", "N K", "floats"), w)
    if b is not None:
        b = valid.tensor(b, "the biases", "C", "floats")
        valid.together(features=F, biases=b)
        if len(b) != len(w):
            raise ValueError(f"{len(b)} biases for the weights of {len(w)} classes")
    return functional.linear(F, w, b)


def class_maps(
    f: Tensor,
    w: Tensor,
    c: int | None = None,
    *,
    classes: int | Sequence[int] | Tensor | None = None,
    own: Sequence[int] | Tensor | None = None,
) -> Tensor:
    """M_c(x, y) = sum_k w_k^c f_k(x, y): (N, K, H, W), (C, K) -> (N, C', H, W).

    Which classes, said in one of three ways; without, all of them:
    c        one class, an int, of every picture: C' is 1
    classes  the same C' classes of every picture, a list of ints
    own      other classes for each picture, its label for example: (N,), and C' is 1, or (N, C')
    Negative values are evidence *against* a class: nothing is cut off. Then S_c = sum_{x,y} M_c
    with sum pooling, mean_{x,y} M_c + b_c with GAP. Raises ValueError, IndexError or TypeError for
    other shapes and classes. Equation 2; notebook 01.
    """
    f, w = valid.layer(valid.tensor(f, "the feature maps", "N K H W", "floats"), w)
    return product(f, w[asked(len(w), len(f), c, classes, own)])


def asked(
    n_classes: int, n: int, c: object = None, classes: object = None, own: object = None
) -> slice | Tensor:
    """The rows of w (C, K) that `class_maps` is asked for: a slice, (C',), or (N, C') with `own`.

    Raises ValueError, IndexError or TypeError for what are no classes.
    """
    if (c is not None) + (classes is not None) + (own is not None) > 1:
        raise ValueError("give one of c, classes=... and own=..., not several")
    one = classes if c is None else c
    if type(one) is int and 0 <= one < n_classes:  # the usual case, and the rest can be spared
        return slice(one, one + 1)
    if own is not None:
        return _own(own, n_classes, n)
    return slice(None) if one is None else _same(one, n_classes, single=c is not None)


def _same(classes: object, n_classes: int, single: bool) -> Tensor:
    """The classes that every picture is asked for, (C',)."""
    t = valid.classes(classes, n_classes)
    if not single and t.ndim > 1:
        raise ValueError("classes is one list for every picture: a table (N, C') is own=...")
    if single and t.numel() > 1:  # labels, or several classes: the place cannot tell
        raise ValueError(
            "several numbers need their name: classes=... are the same for every picture, "
            "own=... holds one for each picture"
        )
    return t.reshape(-1)


def _own(own: object, n_classes: int, n: int) -> Tensor:
    """The classes of each of n pictures, (N, C')."""
    t = valid.classes(own, n_classes)
    if t.ndim not in (1, 2) or len(t) != n:
        raise ValueError(
            f"own holds the classes of each picture, (N,) or (N, C') with N = {n} here, "
            f"not {tuple(t.shape)}"
        )
    return t.reshape(n, -1)


def product(f: Tensor, w: Tensor) -> Tensor:
    """sum_k w_k^c f_k(x, y), unchecked: (N, K, H, W), (C, K) or (N, C, K) -> (N, C, H, W).

    Three ways to write one product, each the fastest for its sizes (`make bench`).
    """
    flat, size = f.flatten(2), f.shape[2:]
    if w.ndim == 2 and len(w) > 16:
        return torch.tensordot(flat, w, ([1], [1])).mT.unflatten(2, size)
    if w.ndim == 2 and len(f) == 1:
        return torch.mm(w, flat[0]).view(1, -1, *size)
    return (w @ flat).unflatten(2, size)


class Cells(NamedTuple):
    """Where the cells of a map look: cell (i, j) at start + step (i, j), as parts of the picture.

    Of `CamNetwork.cells`, which follows the network's convolutions and poolings. Notebook 09.
    """

    start: tuple[float, float]  # the middle of what cell (0, 0) sees, down and across: 0 to 1
    step: tuple[float, float]  # from one cell to the next
    shape: tuple[int, int]  # how many there are: H, W

    def blocks(self, n: int) -> "Cells":
        """Of maps averaged over blocks of n × n cells, a whole number of them."""
        (down, across), (row, column), (H, W) = self
        half = (n - 1) / 2
        start, step = (down + half * row, across + half * column), (n * row, n * column)
        return Cells(start, step, (H // n, W // n))


def upsample(M: Tensor, size: Sequence[int], cells: Cells | None = None) -> Tensor:
    """Maps enlarged bilinearly to `size`, (height, width) in pixels: (N, C, H, W) -> (N, C, *size).

    With `cells` the value of a cell lies where the cell looks. Without, every cell covers a block
    of its own and lies in the middle of it (`align_corners=False`); then the mean is kept (exactly
    for whole factors), the sum is not: notebook 01, section 11. Beyond the outermost cells their
    values go on. Raises ValueError for other shapes, TypeError for what is no tensor and no Cells.
    """
    M = valid.tensor(M, "the maps", "N C H W", "floats")
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2:
        raise ValueError(f"the size is (height, width) in pixels, not {size!r}")
    size = [valid.whole(side, "a side of the size, in pixels,", 1) for side in size]
    if cells is None:
        return functional.interpolate(M, size=tuple(size), mode="bilinear", align_corners=False)
    valid.instance(cells, Cells, "where the cells look, as net.cells(x) says it,")
    if tuple(M.shape[2:]) != tuple(cells.shape):
        raise ValueError(
            f"the maps have {tuple(M.shape[2:])} cells, and these are {cells.shape}: give "
            f"net.cells(x) of the x that the maps came from"
        )
    down, across = (
        _weights(*of, like=M) for of in zip(cells.shape, size, cells.start, cells.step, strict=True)
    )
    return down @ M @ across.T


def _weights(n: int, side: int, start: float, step: float, like: Tensor) -> Tensor:
    """How much each of n cells along an axis counts at each of `side` pixels: (side, n)."""
    pixels = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    at = ((pixels - start) / step).clamp(0, n - 1)  # in cells
    return (1 - (at[:, None] - torch.arange(n)).abs()).clamp(min=0).to(like)


def normalize(M: Tensor, how: Literal["max", "minmax"] = "max") -> Tensor:
    """Each map scaled for display or thresholds, to at most 1: (..., H, W) -> (..., H, W).

    "max" keeps 0 at 0, cuts negative evidence off and divides by the maximum (the paper's rule of
    20 %); "minmax" stretches minimum..maximum to 0..1 (the WSOL evaluation of CVPR 2020).
    A constant map (with "max": one that is nowhere positive) gives 0, however small its values are.
    Raises ValueError for NaN and infinity: a map that holds them is no map without evidence.
    """
    M = valid.finite(M, "the maps", "... H W")
    if how not in ("max", "minmax"):
        raise ValueError(f'how is "max" or "minmax", not {how!r}')
    M = M.clamp(min=0) if how == "max" else M - M.amin((-2, -1), keepdim=True)
    top = M.amax((-2, -1), keepdim=True)
    return torch.where(top > 0, M / torch.where(top > 0, top, 1), 0)
