"""One picture to one row: the class that the network names, the map's box, and how both fit."""

import torch
from torch import Tensor
from torch.nn import functional

from utils import cam, localization, photos
from utils.evaluate import store
from utils.localization import Scaling
from utils.networks import CamNetwork
from utils.pictures import Picture

FRAME = 224  # pixels: side of the frame of MaxBoxAcc and PxAP, as in the WSOL evaluation


def measure_picture(
    net: CamNetwork, picture: Picture, size: int, threshold: float, how: Scaling, known: bool = True
) -> store.Row:
    """One line of pictures.csv; `store` says what its columns hold.

    The picture is squashed to size x size; the box is taken at picture size, at `threshold` of the
    map scaled by `how`. `known` says that the network's classes are those of the data; if not, the
    map is that of the class with the highest score, and `rank` stays empty.
    """
    p = net.forward_pass(_input(net, picture.image, size).to(next(net.model.parameters()).device))
    S, best = p.S.float().cpu(), int(p.S.argmax())
    M = cam.class_maps(p.f, p.w, picture.label if known else best).float().cpu()
    rank = int(localization.ranks(S, torch.tensor([picture.label]))) if known else ""
    values = {"name": picture.name, "label": picture.label, "rank": rank, "predicted": best}
    values |= _box(M, picture, threshold, how) | _fits(M, picture)
    return {column: str(values[column]) for column in store.COLUMNS}


def _input(net: CamNetwork, image: Tensor, size: int) -> Tensor:
    """The whole picture, squashed to size x size: (3, h, w) uint8 -> (1, 3, size, size)."""
    if net.prepare is photos.prepare:
        return photos.prepare(image, size)
    return functional.interpolate(net.prepare(image), (size, size), mode="bilinear", antialias=True)


def _box(M: Tensor, picture: Picture, threshold: float, how: Scaling) -> dict[str, object]:
    """The columns of the box: map (1, 1, H, W)."""
    enlarged = cam.upsample(M, picture.image.shape[1:])[0, 0]
    box = localization.box_from_map(enlarged, threshold, how)
    iou = localization.best_iou(box[None], [picture.boxes]).item()
    corners = zip(("x0", "y0", "x1", "y1"), box.tolist(), strict=True)
    return dict(corners) | {"iou": round(iou, 4), "found": int(iou >= store.LEAST["found"])}


def _fits(M: Tensor, picture: Picture) -> dict[str, object]:
    """The columns of what is found at all thresholds, and of what needs no network: (1, 1, H, W).

    Map, boxes and mask are brought into the frame of 224 x 224; centred boxes are compared in the
    picture itself.
    """
    h, w = picture.image.shape[1:]
    mask, ignore = _in_frame(picture.mask), _in_frame(picture.ignore)
    boxes = picture.boxes * FRAME / torch.tensor([w, h, w, h])
    record = localization.record(cam.upsample(M, (FRAME, FRAME))[0, 0], boxes, mask, ignore)
    centred = localization.centred_boxes(h, w, store.SIDES)[:, None]
    curves = {
        "largest_50": record.largest,
        "any_30": record.best,
        "any_50": record.best,
        "any_70": record.best,
        "centred_50": localization.iou(centred, picture.boxes).amax(1),
    }
    words = {name: store.marks(iou >= store.LEAST[name]) for name, iou in curves.items()}
    return words | {
        "whole": int(words["centred_50"][-1] == "x"),  # the centred box of side 1
        "pixels": store.packed(record.pixels),
        "pixels_centred": store.packed(_centred_pixels(mask, ignore)),
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
