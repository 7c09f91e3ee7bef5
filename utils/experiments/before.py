"""The gradients against CAM on photographs with boxes, read at one scale: notebook 02.

    python -m utils.experiments.before ../shared/imagenet-val 200

takes any folder that `utils.data.imagenet` reads.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from utils import baselines, before, cam, compare, localization, models
from utils.data import imagenet
from utils.networks import CamNetwork
from utils.pictures import Picture

BLURS = (0, 2, 4, 8, 16)
GRADIENTS = {
    "gradient": before.saliency,
    "deconvnet": before.deconvnet,
    "guided": before.guided_backprop,
}


def maps_of(net: CamNetwork, photo: Picture, side: int) -> dict[str, Tensor]:
    """CAM and the three gradients of one photograph's class, each (h, w) as the photograph."""
    x, size = net.prepare(photo.image, side), photo.image.shape[1:]
    found = {"CAM": cam.upsample(net(x, photo.label)[1], size, net.cells(x))[0, 0]}
    for name, method in GRADIENTS.items():
        found[name] = cam.upsample(method(net.model, x, photo.label)[None], size)[0, 0]
    return found


def boxes_as_mask(photo: Picture) -> Tensor:
    """The pixels in any of its boxes: (h, w) bool."""
    mask = torch.zeros(photo.image.shape[1:], dtype=torch.bool)
    for x0, y0, x1, y1 in photo.boxes.round().long().tolist():
        mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
    return mask


def crossed(
    maps: Tensor, boxes: Sequence[Tensor], masks: Tensor, blurs: Sequence[float] = (0,)
) -> tuple[Tensor, Tensor]:
    """`before.read` of each half with what `before.tune` chose on the other: (N,), (N,)."""
    found, hit = torch.zeros(len(maps)).double(), torch.zeros(len(maps)).double()
    for odd in (0, 1):
        here, other = slice(odd, None, 2), slice(1 - odd, None, 2)
        setting = before.tune(maps[other], boxes[other], masks[other], blurs)
        found[here], hit[here] = before.read(maps[here], boxes[here], masks[here], setting)
    return found, hit


def readings(maps: Tensor, boxes: Sequence[Tensor], masks: Tensor, cells: int) -> dict[str, tuple]:
    """Boxes and peaks of maps as they come, on CAM's cells, and smoothed."""
    return {
        "as it comes": crossed(maps, boxes, masks),
        f"on {cells} x {cells} cells": crossed(before.on_cells(maps, cells), boxes, masks),
        "smoothed": crossed(maps, boxes, masks, BLURS),
    }


def photographs(
    root: str | Path, n: int = 200, name: str = "mobilenet_v2", side: int = 225
) -> None:
    """Print boxes found and peaks in a box, in per cent, and their differences from CAM's."""
    net, data = models.pretrained(name), imagenet(root)
    if net is None:
        return
    photos = [data[i] for i in range(min(n, len(data)))]
    cells = len(net(net.prepare(photos[0].image, side), 0)[1][0, 0])
    every = [maps_of(net, photo, side) for photo in photos]
    boxes, masks = [p.boxes for p in photos], torch.stack([boxes_as_mask(p) for p in photos])
    found = {m: readings(torch.stack([e[m] for e in every]), boxes, masks, cells) for m in every[0]}
    for method, of in found.items():
        for how, values in of.items():
            box, peak = (f"{100 * v.mean():.1f}" for v in values)
            print(f"{method:>10}, {how:<16} box {box}, peak {peak}")
    middle = localization.centred_map(*masks.shape[1:]).expand(masks.shape)
    knows = baselines.max_box_acc(boxes, localization.THRESHOLDS), baselines.pointing(masks)
    box, peak = (f"{100 * torch.as_tensor(of(middle)).mean():.1f}" for of in knows)
    print(f"blob in the middle: box {box}, peak {peak}")
    for method in GRADIENTS:
        for how in found[method]:
            for k, what in enumerate(("box", "peak")):
                d = compare.paired(found[method][how][k], found["CAM"][how][k])
                print(f"{method} - CAM, {what}, {how}: {compare.said(d)}")


if __name__ == "__main__":
    root, *more = sys.argv[1:]
    photographs(root, int(more[0]) if more else 200)
