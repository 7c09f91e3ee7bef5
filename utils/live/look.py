"""What explorers begin with: one look at the picture, its data, and the still picture."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from utils import cam, localization, plots, preparation
from utils.live import page
from utils.networks import CamNetwork, ForwardPass

BEST = 20  # classes in a menu, at most, beside those asked for
OPACITY, THRESHOLD = 0.6, 0.2  # where the sliders begin
SIDE = 400  # pixels of the longer side on the screen
LARGEST = 640  # pixels of the longer side of the picture that boxes are measured in


def looked(net: CamNetwork, picture: Tensor) -> tuple[ForwardPass, cam.Cells | None]:
    """One forward pass of one picture (3, h, w) uint8, and where the cells of its maps look.

    Raises TypeError for what is no CamNetwork, ValueError for what is no picture.
    """
    if not isinstance(net, CamNetwork):
        made = "models.load, models.pretrained or networks.cam_network"
        raise TypeError(f"explorer takes a network made by {made} first, not {type(net).__name__}")
    tensor = isinstance(picture, Tensor)
    good = tensor and picture.numel() > 0 and picture.shape[:-2] == (3,)
    if not (good and picture.dtype == torch.uint8):
        kind = (
            f"{tuple(picture.shape)} {picture.dtype}" if tensor else f"a {type(picture).__name__}"
        )
        raise ValueError(f"a picture is (3, h, w) uint8, as photos.load(...) gives it, not {kind}")
    x = net.prepare(picture)
    return net.forward_pass(x), net.cells(x)


def chosen(net: CamNetwork, S: Tensor, also: str | Sequence[str]) -> tuple[list[int], list[str]]:
    """A menu's classes, those asked for first, then the likeliest: scores (C,) -> numbers, names.

    Raises ValueError where the network has no such class.
    """
    also = [also] if isinstance(also, str) else also
    asked = dict.fromkeys(net.index(name) for name in also)  # each once
    likely = S.argsort(descending=True)[:BEST].tolist()
    best = list(asked | dict.fromkeys(likely))
    return best, [net.class_names[c] if len(net.class_names) else f"class {c}" for c in best]


def measured(picture: Tensor) -> Tensor:
    """The picture that boxes are measured in: as it is, or with 640 pixels on its longer side."""
    return page.within(picture, LARGEST) if max(picture.shape[1:]) > LARGEST else picture


def packed(
    p: ForwardPass, cells: cam.Cells | None, picture: Tensor, c: Sequence[int]
) -> dict[str, Any]:
    """What figures of one picture hold: f, w and b of the classes c, their S and P, the picture."""
    f, c = p.f[0], list(c)
    fires = f.flatten(1).any(1)  # the other channels add nothing to any map
    shown = page.within(picture, SIDE)
    return {
        "K": len(f),
        "quiet": (~fires).nonzero()[:, 0].tolist(),
        "f": page.packed(f[fires]),
        "w": page.packed(p.w[c][:, fires]),
        "b": [0.0] * len(c) if p.b is None else p.b[c].tolist(),
        "S": p.S[0, c].tolist(),
        "P": p.S[0].softmax(0)[c].tolist(),
        "cells": page.placed(cells, f.shape[1:]),
        "size": tuple(picture.shape[1:]),
        "shown": tuple(shown.shape[1:]),
        "photo": page.jpeg(page.as_image(shown), quality=78),
    }


def signed_overlay(
    picture: Tensor, M: Tensor, alpha: float, cells: cam.Cells | None, limit: float
) -> Image.Image:
    """As `plots.overlay`, in the colours of signed maps from -limit to limit."""
    big = cam.upsample(M[None, None], picture.shape[1:], cells)[0, 0].numpy()
    rgb = plots.as_array(picture)
    pale = rgb + alpha * (0.85 * (rgb @ np.array(preparation.GREY))[..., None] + 0.15 - rgb)
    here = alpha ** (2.5 - 1.5 * np.clip(np.abs(big) / limit, 0, 1)[..., None])
    colours = plt.get_cmap(plots.SIGNED)(0.5 + big / (2 * limit))[..., :3]
    over = np.clip((1 - here) * pale + here * colours, 0, 1)
    return Image.fromarray((over * 255).astype(np.uint8))


def with_box(image: Image.Image, M: Tensor, threshold: float, name: str) -> tuple[Image.Image, str]:
    """The box of a map (h, w) drawn on its picture, of any size, and the same in words."""
    h, w = M.shape
    box = localization.box_from_map(M, threshold).tolist()
    share = 100 * (cam.normalize(M) > threshold).float().mean().item()
    x0, y0, x1, y1 = (round(v * image.width / w) for v in box)
    pen = ImageDraw.Draw(image)
    for out, ink in ((2, "white"), (1, plots.ORANGE)):  # a white rim keeps it readable anywhere
        corners = x0 - out, y0 - out, x1 - 1 + out, y1 - 1 + out
        pen.rectangle(corners, outline=ink, width=2 * out + 1)
    if not share:
        return image, f"{name}: the map is nowhere positive, so the box is the whole picture."
    words = f"{name}: {share:.1f} % of the picture lies above {threshold:.2f} of the map's maximum."
    return image, f"{words} Box {tuple(box)} in {w} × {h} pixels."
