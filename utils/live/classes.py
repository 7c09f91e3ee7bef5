"""The CAM explorer, alive without a kernel. Notebook 00 shows the first one."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from utils import cam, plots
from utils.live import page
from utils.live.look import OPACITY, SIDE, THRESHOLD, chosen, looked, measured, packed, with_box
from utils.networks import CamNetwork


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
    picture = measured(picture)
    c, names = chosen(net, p.S[0], also)
    data = packed(p, cells, picture, c) | {
        "names": names,
        "colours": {
            plots.HEAT: page.colours(plots.HEAT),
            "cividis": page.colours("cividis"),
            "grey": page.colours("gray"),
            "for and against": page.colours(plots.SIGNED),
        },
        "alpha": OPACITY,
        "threshold": THRESHOLD,
    }
    M = cam.class_maps(p.f, p.w, c[0])
    over = plots.overlay(page.within(picture, SIDE), M[0, 0], OPACITY, cells)
    big = cam.upsample(M, picture.shape[1:], cells)[0, 0]
    still = Image.fromarray((over * 255).astype(np.uint8))
    image, words = with_box(still, big, THRESHOLD, names[0])
    page.show("explorer", data, image, f"Heat map over its picture. {words}")
