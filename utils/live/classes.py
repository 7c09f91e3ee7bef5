"""The CAM explorer, alive without a kernel. Notebook 00 shows the first one."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from utils import cam, plots
from utils.live import page
from utils.live.look import OPACITY, THRESHOLD, chosen, looked, with_box
from utils.networks import CamNetwork

SIDE = 400  # pixels of the longer side on the screen
LARGEST = 640  # pixels of the longer side of the picture that boxes are measured in


def explorer(net: CamNetwork, picture: Tensor, also: str | Sequence[str] = ()) -> None:
    """The map of any likely class over a picture, its box, and what each of its cells is made of.

    `net` comes from `models.load` or `models.pretrained`; `picture` is (3, h, w) uint8, of which a
    longer side of more than 640 pixels is made 640; `also` names one class or several, first in the
    menu, before the 20 likeliest. The network runs once; from then on the page itself computes
    M_c = sum_k w_k^c f_k from the maps and weights it holds. The box follows the paper (section
    3.2), in pixels of the picture. Raises TypeError or ValueError for other input, and says what to
    do. Notebook 00.
    """
    p, cells = looked(net, picture)
    if max(picture.shape[1:]) > LARGEST:
        picture = page.within(picture, LARGEST)
    c, names = chosen(net, p.S[0], also)
    shown, size = page.within(picture, SIDE), tuple(picture.shape[1:])
    f, M = p.f[0], cam.class_maps(p.f, p.w, classes=c)
    fires = f.flatten(1).any(1)  # the other channels add nothing to any map
    data = {
        "names": names,
        "K": len(f),
        "quiet": (~fires).nonzero()[:, 0].tolist(),
        "f": page.packed(f[fires]),
        "w": page.packed(p.w[c][:, fires]),
        "b": [0.0] * len(c) if p.b is None else p.b[c].tolist(),
        "S": p.S[0, c].tolist(),
        "P": p.S[0].softmax(0)[c].tolist(),
        "cells": page.placed(cells, tuple(f.shape[1:])),
        "size": size,
        "shown": tuple(shown.shape[1:]),
        "photo": page.jpeg(page.as_image(shown), quality=78),
        "colours": {
            plots.HEAT: page.colours(plots.HEAT),
            "cividis": page.colours("cividis"),
            "grey": page.colours("gray"),
            "for and against": page.colours(plots.SIGNED),
        },
        "alpha": OPACITY,
        "threshold": THRESHOLD,
    }
    over = plots.overlay(shown, M[0, 0], OPACITY, cells)
    big = cam.upsample(M[:, :1], size, cells)[0, 0]
    image, words = with_box(
        Image.fromarray((over * 255).astype(np.uint8)), big, THRESHOLD, names[0]
    )
    page.show("explorer", data, image, f"Heat map over its picture. {words}")
