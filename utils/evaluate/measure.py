"""One picture to one row: the class that the network names, the map's box, and how both fit."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from utils import cam, localization
from utils.evaluate import store
from utils.localization import Scaling
from utils.networks import CamNetwork
from utils.pictures import Picture

FRAME = 224  # pixels: side of the frame of MaxBoxAcc and PxAP, as in the WSOL evaluation


class How(NamedTuple):
    """How pictures are measured.

    `known` says that the network's classes are those of the data; if not, the map is that of the
    class with the highest score, and `rank` stays empty.
    """

    size: int  # side of the network's input in pixels; pictures are squashed to it
    threshold: float  # of the box, taken at picture size, as a fraction of the map's maximum
    scaling: Scaling  # of the map, before the threshold
    known: bool = True
    cells: cam.Cells | None = None  # where the map's cells look, for an input of this size


class Truth(NamedTuple):
    """What is true of a picture: all that is needed of it once the network has seen its pixels."""

    name: str
    label: int
    boxes: Tensor  # (B, 4)
    h: int
    w: int
    mask: Tensor | None  # (FRAME, FRAME) bool
    ignore: Tensor | None  # (FRAME, FRAME) bool


def measure_picture(
    net: CamNetwork, picture: Picture, size: int, threshold: float, how: Scaling, known: bool = True
) -> store.Row:
    """One line of pictures.csv, without its check; `store` says what the columns hold.

    The arguments are those of `How`. Raises ValueError where the network gives NaN or infinity.
    """
    device = next(net.model.parameters()).device
    x = net.prepare([picture.image], size).to(device)
    asked = How(size, threshold, how, known, net.cells(x))
    S, M = seen(net, x, [picture.label], asked)
    return row(S[0], M[0], truth_of(picture), asked)


@torch.no_grad()
def seen(net: CamNetwork, x: Tensor, labels: list[int], asked: How) -> tuple[Tensor, Tensor]:
    """What the network makes of a batch: scores (N, C) and each picture's own map (N, 1, H, W)."""
    p = net.forward_pass(x)
    own = torch.tensor(labels, device=p.S.device) if asked.known else p.S.argmax(1)
    return p.S.float().cpu(), cam.class_maps(p.f, p.w, own=own).float().cpu()


def truth_of(picture: Picture) -> Truth:
    h, w = picture.image.shape[1:]
    mask, ignore = _in_frame(picture.mask), _in_frame(picture.ignore)
    return Truth(picture.name, picture.label, picture.boxes, h, w, mask, ignore)


def row(S: Tensor, M: Tensor, truth: Truth, asked: How) -> store.Row:
    """One picture's row, from its scores (C,) and its map (1, H, W)."""
    label = torch.tensor([truth.label])
    rank = int(localization.ranks(S[None], label)) if asked.known else ""
    values = {"name": truth.name, "label": truth.label, "rank": rank, "predicted": int(S.argmax())}
    values |= _box(M[None], truth, asked) | _fits(M[None], truth, asked)
    return {column: str(values[column]) for column in store.VALUES}


def _box(M: Tensor, truth: Truth, asked: How) -> dict[str, object]:
    """The columns of the box: map (1, 1, H, W)."""
    enlarged = cam.upsample(M, (truth.h, truth.w), asked.cells)[0, 0]
    box = localization.box_from_map(enlarged, asked.threshold, asked.scaling)
    iou = localization.best_iou(box[None], [truth.boxes]).item()
    corners = zip(("x0", "y0", "x1", "y1"), box.tolist(), strict=True)
    return dict(corners) | {"iou": round(iou, 4), "found": int(iou >= store.LEAST["found"])}


def _fits(M: Tensor, truth: Truth, asked: How) -> dict[str, object]:
    """The columns of what is found at all thresholds, and of what needs no network: (1, 1, H, W).

    Map, boxes and mask are brought into the frame of 224 x 224; centred boxes are compared in the
    picture itself.
    """
    h, w = truth.h, truth.w
    boxes = truth.boxes * FRAME / torch.tensor([w, h, w, h])
    enlarged = cam.upsample(M, (FRAME, FRAME), asked.cells)[0, 0]
    record = localization.record(enlarged, boxes, truth.mask, truth.ignore)
    centred = localization.centred_boxes(h, w, store.SIDES)[:, None]
    curves = {
        "largest_50": record.largest,
        "any_30": record.best,
        "any_50": record.best,
        "any_70": record.best,
        "centred_50": localization.iou(centred, truth.boxes).amax(1),
    }
    words = {name: store.marks(iou >= store.LEAST[name]) for name, iou in curves.items()}
    return words | {
        "whole": int(words["centred_50"][-1] == "x"),  # the centred box of side 1
        "pixels": store.packed(record.pixels),
        "pixels_centred": store.packed(_centred_pixels(truth.mask, truth.ignore)),
    }


def _in_frame(pixels: Tensor | None) -> Tensor | None:
    """Marked pixels in the frame, each taking its nearest one: (h, w) bool -> (FRAME, FRAME)."""
    if pixels is None:
        return None
    return functional.interpolate(pixels[None, None].float(), (FRAME, FRAME))[0, 0] > 0


def _centred_pixels(mask: Tensor | None, ignore: Tensor | None) -> Tensor | None:
    """The pixel counts of a Gaussian in the middle; None without a mask."""
    if mask is None:
        return None
    M = localization.centred_map(FRAME, FRAME)[None]
    return localization.pixel_counts(M, mask[None], None if ignore is None else ignore[None])
