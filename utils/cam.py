"""Class activation mapping: the whole mathematics, in pure functions on tensors.

Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative
Localization", CVPR 2016 ("the paper"), section 2. Derived in notebook 01.

Letters: N images, K channels, C classes, a map of H x W cells.
`f` holds the maps f_k(x, y) of the last convolutional layer, (N, K, H, W).
`w` holds the weights w_k^c of the last linear layer, (C, K); `b` its biases, (C,).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Pooling = Literal["mean", "sum", "max"]


def pool(f: Tensor, how: Pooling = "mean") -> Tensor:
    """F_k, one number for each channel: (N, K, H, W) -> (N, K).

    The paper writes the *sum* over x and y; networks compute the *mean* (GAP); GMP is the maximum.
    Raises ValueError if `f` has no spatial axes or `how` is unknown. Paper, section 2; notebook 01.
    """
    if f.ndim != 4:
        raise ValueError(f"feature maps have the shape (N, K, H, W), not {tuple(f.shape)}")
    if how not in ("mean", "sum", "max"):
        raise ValueError(f'pooling is "mean", "sum" or "max", not {how!r}')
    return f.amax((2, 3)) if how == "max" else getattr(f, how)((2, 3))


def scores(F: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """S_c = sum_k w_k^c F_k + b_c, the input of the softmax: (N, K), (C, K) -> (N, C).

    The paper sets the bias to 0. Raises ValueError if the channels differ. Section 2; notebook 01.
    """
    _same_channels(F, w)
    return functional.linear(F, w, b)


def class_maps(f: Tensor, w: Tensor, classes: int | Sequence[int] | Tensor | None = None) -> Tensor:
    """M_c(x, y) = sum_k w_k^c f_k(x, y): (N, K, H, W), (C, K) -> (N, C', H, W).

    `classes` None gives every class; an int or a sequence of C' ints, these of every image; a
    tensor (N, C'), its own classes for each image. Negative values are evidence *against* a class:
    nothing is cut off. Then S_c = sum_{x,y} M_c with sum pooling, mean_{x,y} M_c + b_c with GAP.
    Raises ValueError or IndexError for wrong shapes and classes. Equation 2; notebook 01.
    """
    _same_channels(f, w)
    if isinstance(classes, Tensor) and classes.ndim == 2:
        own = w[_valid(classes, len(w)).to(w.device)]  # (N, C', K)
        if len(own) != len(f):
            raise ValueError(f"{len(own)} rows of classes for {len(f)} images")
        return torch.einsum("nkhw,nck->nchw", f, own)
    if classes is not None:
        if isinstance(classes, str):
            raise IndexError(f"a class is a number here, not {classes!r}: see net.index(name)")
        wanted = torch.as_tensor(classes, device=w.device).reshape(-1)
        w = w[_valid(wanted, len(w))]
    return torch.einsum("nkhw,ck->nchw", f, w)


def upsample(M: Tensor, size: Sequence[int]) -> Tensor:
    """Maps enlarged bilinearly to `size`, (height, width) in pixels: (N, C, H, W) -> (N, C, *size).

    Pixel centres correspond (`align_corners=False`): cell (i, j) covers its own block of pixels.
    The mean is kept (exactly for whole factors), the sum is not: notebook 01, section 11. Raises
    ValueError for other shapes.
    """
    if M.ndim != 4 or not isinstance(size, Sequence) or len(size) != 2:
        raise ValueError(
            f"maps (N, C, H, W) and size = (height, width) are wanted, "
            f"not {tuple(M.shape)} and {size}"
        )
    return functional.interpolate(M, size=tuple(size), mode="bilinear", align_corners=False)


def normalize(M: Tensor, how: Literal["max", "minmax"] = "max") -> Tensor:
    """Each map scaled for display or thresholds, to at most 1: (..., H, W) -> (..., H, W).

    "max" keeps 0 at 0, cuts negative evidence off and divides by the maximum (the paper's rule of
    20 %); "minmax" stretches minimum..maximum to 0..1 (the WSOL evaluation of CVPR 2020).
    A constant map (with "max": one that is nowhere positive) gives 0, however small its values are.
    """
    if how not in ("max", "minmax"):
        raise ValueError(f'how is "max" or "minmax", not {how!r}')
    M = M.clamp(min=0) if how == "max" else M - M.amin((-2, -1), keepdim=True)
    top = M.amax((-2, -1), keepdim=True)
    return torch.where(top > 0, M / torch.where(top > 0, top, 1), 0)


def _same_channels(f: Tensor, w: Tensor) -> None:
    if w.ndim != 2 or f.ndim < 2 or f.shape[1] != w.shape[1]:
        raise ValueError(
            f"the weights need the shape (C, K) with the K channels of the features: "
            f"features {tuple(f.shape)}, weights {tuple(w.shape)}"
            + (" (transposed?)" if w.ndim == 2 and f.ndim > 1 and f.shape[1] == w.shape[0] else "")
        )


def _valid(classes: Tensor, n_classes: int) -> Tensor:
    if classes.is_floating_point() or classes.dtype == torch.bool:
        raise IndexError(f"classes are whole numbers, not {classes.dtype}")
    if classes.numel() and not 0 <= int(classes.min()) <= int(classes.max()) < n_classes:
        raise IndexError(f"classes run from 0 to {n_classes - 1}, got {classes.tolist()}")
    return classes
