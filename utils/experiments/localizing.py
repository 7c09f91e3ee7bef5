"""Where the boxes go: the geometry of wrong boxes, and what placing the cells is worth.

Notebook 05. On photographs with true boxes, as a folder of ImageNet's validation set has them:

    seen = localizing.look(models.pretrained(), data.imagenet("FOLDER"), side=224)
    print(compare.paired(localizing.found(seen), localizing.found(seen, tiles=True)))
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from utils import cam, localization
from utils.data.files import Photographs
from utils.networks import CamNetwork

FRAME = 224  # pixels: side of the frame in which boxes are compared, as in the WSOL evaluation
GEOMETRY = ("inside", "contains", "displaced", "elsewhere")  # what a wrong box can be
NEARLY = 0.9  # a box with this share of its area in another one lies inside


# ---------------------------------------------------------------- the geometry of boxes


def shares(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Box precision and box recall of N boxes: (N, 4), (N, 4) -> (N,), (N,), in 0..1.

    The shared area as a part of the found box's, and of the true one's. The two make the IoU:
    1 / IoU = 1 / precision + 1 / recall - 1.
    """
    near, far = torch.maximum(found[:, :2], true[:, :2]), torch.minimum(found[:, 2:], true[:, 2:])
    shared = (far - near).clamp(min=0).prod(1).double()
    return shared / _area(found), shared / _area(true)


def geometry(found: Tensor, true: Tensor) -> list[str]:
    """What each box is: "right" from IoU 0.5 on, or one of GEOMETRY: (N, 4), (N, 4) -> N words.

    inside     nine tenths of the found box lie in the true one
    contains   nine tenths of the true box lie in the found one
    elsewhere  they share no pixel
    displaced  all others: each holds something that the other lacks
    """
    right = localization.iou(found, true) >= 0.5
    rows = zip(right.tolist(), *(s.tolist() for s in shares(found, true)), strict=True)
    return [_kind(*row) for row in rows]


def _kind(right: bool, precision: float, recall: float) -> str:
    if right:
        return "right"
    if precision == 0:
        return "elsewhere"
    return "inside" if precision >= NEARLY else "contains" if recall >= NEARLY else "displaced"


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


# ---------------------------------------------------------------- where the cells are laid


class Seen(NamedTuple):
    """What a network makes of N photographs at one input size."""

    maps: Tensor  # (N, 1, H, W), of the true classes
    anything: Tensor  # (N, 1, H, W), the mean of all f_k
    cells: cam.Cells | None  # where the cells look
    ranks: Tensor  # (N,), place of the true class, 1 for the best
    boxes: list[Tensor]  # N true boxes (B, 4), in the frame


def look(net: CamNetwork, photographs: Photographs, side: int, batch_size: int = 20) -> Seen:
    """Each photograph squashed to side x side, in batches, its classes those of the network."""
    maps, anything, ranks, boxes = [], [], [], []
    for start in range(0, len(photographs), batch_size):
        some = [photographs[i] for i in range(start, min(start + batch_size, len(photographs)))]
        x, labels = (
            net.prepare([p.image for p in some], side),
            torch.tensor([p.label for p in some]),
        )
        seen = net.forward_pass(x)
        maps.append(cam.class_maps(seen.f, seen.w, own=labels))
        anything.append(seen.f.mean(1, keepdim=True))
        ranks.append(localization.ranks(seen.S, labels))
        boxes += [_in_frame(p.boxes, p.image) for p in some]
    cells = net.cells(x)
    return Seen(torch.cat(maps), torch.cat(anything), cells, torch.cat(ranks), boxes)


def _in_frame(boxes: Tensor, picture: Tensor) -> Tensor:
    h, w = picture.shape[1:]
    return boxes * FRAME / torch.tensor([w, h, w, h])


def framed(seen: Seen, tiles: bool = False) -> Tensor:
    """The maps at FRAME x FRAME, each value where its cell looks, or as tiles: (N, h, w)."""
    return cam.upsample(seen.maps, (FRAME, FRAME), None if tiles else seen.cells)[:, 0]


def found(
    seen: Seen, tiles: bool = False, thresholds: Sequence[float] = localization.FINE
) -> Tensor:
    """MaxBoxAcc picture by picture: 1 where the box is right at the best threshold, (N,)."""
    fits = localization.records(framed(seen, tiles), seen.boxes, thresholds=thresholds).largest
    right = (fits >= 0.5).double()
    return right[:, right.mean(0).argmax()]
