"""Paint the evidence: the reader marks cells, then sees what the map says. Notebook 05."""

from torch import Tensor

from utils import cam, localization, plots, valid
from utils.live import page
from utils.live.look import SIDE, THRESHOLD, looked, measured
from utils.networks import CamNetwork

OPACITY = 0.6


def paint(net: CamNetwork, picture: Tensor, box: Tensor, name: str = "") -> None:
    """The picture as cells to mark; then the map of a class, what both pay, the IoU of both boxes.

    `picture` is (3, h, w) uint8, `box` its true box (4,) in pixels, `name` the class, or else the
    likeliest. What cells pay is their share of the sum of M_c. The map's box follows the paper
    (section 3.2), the reader's holds all marked cells. Raises TypeError or ValueError for other
    input, and says what to do. Notebook 05.
    """
    p, cells = looked(net, picture)
    full = max(picture.shape[1:])
    box = valid.boxes(box).reshape(4).double()
    picture = measured(picture)
    box = box * (max(picture.shape[1:]) / full)
    c = net.index(name) if name else int(p.S[0].argmax())
    name = net.class_names[c] if len(net.class_names) else f"class {c}"
    M, shown = cam.class_maps(p.f, p.w, c), page.within(picture, SIDE)
    data = {
        "name": name,
        "M": page.packed(M[0, 0]),
        "cells": page.placed(cells, M.shape[2:]),
        "box": box.tolist(),
        "size": tuple(picture.shape[1:]),
        "shown": tuple(shown.shape[1:]),
        "photo": page.jpeg(page.as_image(shown), quality=78),
        "colours": page.colours(plots.HEAT),
        "alpha": OPACITY,
        "threshold": THRESHOLD,
    }
    big = cam.upsample(M, picture.shape[1:], cells)[0, 0]
    found = localization.iou(localization.box_from_map(big, THRESHOLD).double(), box)
    words = (
        f"A picture to mark cells in: which of them make it say {name}? "
        f"The box of the map has IoU {found:.2f} with the true box."
    )
    page.show("paint", data, page.as_image(shown), words)
