"""One picture to one row: the class that the network names, the map's box, and how both fit."""

import base64
import zlib

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from utils import cam, localization, photos
from utils.evaluate.store import COLUMNS, Row
from utils.localization import Scaling
from utils.networks import CamNetwork
from utils.pictures import Picture

FRAME = 224  # pixels: side of the frame of MaxBoxAcc and PxAP, as in the WSOL evaluation
SIDES = tuple(round(0.01 * i, 2) for i in range(1, 101))  # of the centred box


def measure_picture(
    net: CamNetwork,
    picture: Picture,
    size: int,
    threshold: float,
    how: Scaling,
    known: bool = True,
) -> Row:
    """One line of pictures.csv, by the names in `store.COLUMNS`.

    `known` says that the network's classes are those of the data; if not, the map is that of the
    class with the highest score. Of the columns,
    rank        place of the true class among all, 1 for the best; empty if the network has others
    predicted   the class with the highest score
    x0 ... y1   the box, in pixels of the picture; `iou` and `found` (IoU >= 0.5, 1 or 0) judge it
    whole       1 if the box of the whole picture would be found
    largest_50, any_30, any_50, any_70   a mark for each threshold of `localization.FINE`: x where
                the box of the largest, or of any component has an IoU of 0.5, 0.3, 0.5, 0.7 at
                least, the map scaled by minmax in a frame of 224 x 224; . elsewhere
    centred_50  a mark for each of SIDES: x where the centred box of that side has IoU >= 0.5
    pixels, pixels_centred   empty without a mask; `localization.pixel_counts` of the map, and of a
                Gaussian in the middle, against the mask in that frame, packed. Summed over the
                pictures they give PxAP, whichever process measured them, and when
    """
    size_hw = picture.image.shape[1:]
    p = net.forward_pass(_input(net, picture.image, size).to(next(net.model.parameters()).device))
    S, best = p.S.float().cpu(), int(p.S.argmax())
    M = cam.class_maps(p.f, p.w, picture.label if known else best).float().cpu()
    box = localization.box_from_map(cam.upsample(M, size_hw)[0, 0], threshold, how)
    fit = localization.best_iou(box[None], [picture.boxes]).item()
    rank = int(localization.ranks(S, torch.tensor([picture.label]))) if known else ""
    values = picture.name, picture.label, rank, best, *box.tolist(), round(fit, 4), int(fit >= 0.5)
    curves = _curves(M, picture.boxes, *size_hw)
    whole = int(curves[-1][-1])  # the centred box of side 1
    marks = ("".join("x" if found else "." for found in curve) for curve in curves)
    pixels = map(_packed, _pixels(M, picture))
    return dict(zip(COLUMNS, map(str, (*values, whole, *marks, *pixels)), strict=True))


def _input(net: CamNetwork, image: Tensor, size: int) -> Tensor:
    """The whole picture, squashed to size x size: (3, h, w) uint8 -> (1, 3, size, size)."""
    if net.prepare is photos.prepare:
        return photos.prepare(image, size)
    return functional.interpolate(net.prepare(image), (size, size), mode="bilinear", antialias=True)


def _curves(M: Tensor, boxes: Tensor, h: int, w: int) -> tuple[Tensor, ...]:
    """What is found at each threshold, and at each side of the centred box; see CURVES."""
    in_frame = boxes * FRAME / torch.tensor([w, h, w, h])
    largest, any_ = localization.iou_curves(cam.upsample(M, (FRAME, FRAME))[0, 0], in_frame)
    centred = localization.iou(localization.centred_boxes(h, w, SIDES)[:, None], boxes).amax(1)
    return largest >= 0.5, any_ >= 0.3, any_ >= 0.5, any_ >= 0.7, centred >= 0.5


def _pixels(M: Tensor, picture: Picture) -> tuple[Tensor | None, ...]:
    """The pixel counts of the map and of the centred Gaussian; None for both without a mask."""
    if picture.mask is None:
        return None, None
    mask, ignore = (
        None if pixels is None else _in_frame(pixels) for pixels in (picture.mask, picture.ignore)
    )
    maps = cam.upsample(M, (FRAME, FRAME))[0], localization.centred_map(FRAME, FRAME)[None]
    return tuple(localization.pixel_counts(m, mask, ignore) for m in maps)


def _in_frame(pixels: Tensor) -> Tensor:
    """Marked pixels in the frame, each taking its nearest one: (h, w) bool -> (1, FRAME, FRAME)."""
    return functional.interpolate(pixels[None, None].float(), (FRAME, FRAME))[0] > 0


def _packed(counts: Tensor | None) -> str:
    """Whole numbers (2, T) as a short word; "" for None."""
    if counts is None:
        return ""
    return base64.b64encode(zlib.compress(counts.numpy().astype("<i4").tobytes())).decode()


def unpacked(word: str) -> Tensor:
    """The counts (2, T) that a word of the columns `pixels` stands for."""
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(word)), "<i4")
    return torch.from_numpy(numbers.astype(np.int64)).reshape(2, -1)
