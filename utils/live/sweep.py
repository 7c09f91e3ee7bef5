"""Maps of several networks on one picture: box, IoU, and all test pictures at each threshold.

The switch between GAP and GMP (notebook 03) and the threshold bench (notebook 05).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from utils import cam, localization, plots, valid
from utils.live import page
from utils.live.look import SIDE, THRESHOLD, with_box
from utils.networks import CamNetwork

OPACITY = 0.55


class Variant(NamedTuple):
    """What one network says of a picture; made by `variant`."""

    S: Tensor  # (C,), the scores
    M: Tensor  # (C, H, W), the maps
    cells: cam.Cells | None  # where their cells look; None: each in its own block
    names: Sequence[str]
    curve: Tensor | None  # (T,), the share of the test pictures found at each threshold


def variant(
    net: CamNetwork, x: Tensor, curve: Tensor | Sequence[float] | None = None, placed: bool = True
) -> Variant:
    """One pass of one prepared picture (1, 3, h, w): its scores, its maps, where their cells look.

    `curve` (T,), if there is one, goes along: the share of many pictures that are found at each of
    T thresholds from 0 on, below 1. Without `placed` every cell is drawn in a block of its own.
    Raises ValueError for other shapes.
    """
    x = valid.tensor(x, "one prepared picture", "1 3 h w")
    S, M = net(x)
    shares = None if curve is None else valid.finite(curve, "the curve", "T").float()
    return Variant(S[0], M[0], net.cells(x) if placed else None, net.class_names, shares)


def thresholds(
    picture: Tensor, box: Tensor, variants: Mapping[str, Variant], name: str = ""
) -> None:
    """The map of a class in each of several variants: threshold, pieces, box, its IoU, the curve.

    `picture` is (3, h, w) uint8, `box` its true box (4,), `variants` are named as they are to be
    chosen from, and share their classes; `name` is the class to begin with, or the likeliest of the
    first variant. The box follows the paper (section 3.2). Raises ValueError for variants of
    different classes and for what is no picture. Notebooks 03 and 05.
    """
    picture = valid.tensor(picture, "one picture", "3 h w")
    box = valid.boxes(box).reshape(4)
    first = next(iter(variants.values()))
    names = list(first.names) or [f"class {i}" for i in range(len(first.S))]
    if any(list(v.names) != list(first.names) for v in variants.values()):
        raise ValueError("the variants know different classes: give networks of the same ones")
    if name and name not in names:
        raise ValueError(f"there is no class {name!r}: take one of {', '.join(names)}")
    c = names.index(name) if name else int(first.S.argmax())
    shown, size = page.within(picture, SIDE), tuple(picture.shape[1:])
    data = {
        "names": names,
        "c": c,
        "variants": [_data(label, v) for label, v in variants.items()],
        "box": [float(v) for v in box],
        "size": size,
        "shown": tuple(shown.shape[1:]),
        "photo": page.jpeg(page.as_image(shown), quality=78),
        "colours": page.colours(plots.HEAT),
        "alpha": OPACITY,
        "threshold": THRESHOLD,
    }
    M = first.M[c]
    over = plots.overlay(shown, M, OPACITY, first.cells)
    big = cam.upsample(M[None, None], size, first.cells)[0, 0]
    still = Image.fromarray((over * 255).astype(np.uint8))
    image, words = with_box(still, big, THRESHOLD, f"{next(iter(variants))}, {names[c]}")
    found = localization.iou(localization.box_from_map(big, THRESHOLD).float(), box.float())
    words = f"Heat map over its picture. {words} IoU with the true box {found:.2f}."
    page.show("thresholds", data, image, words)


def _data(label: str, v: Variant) -> dict[str, Any]:
    return {
        "label": label,
        "M": page.packed(v.M),
        "S": v.S.tolist(),
        "cells": page.placed(v.cells, v.M.shape[1:]),
        "curve": None if v.curve is None else [round(share, 4) for share in v.curve.tolist()],
    }
