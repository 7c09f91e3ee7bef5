"""Finer maps of a network that is trained already: dilation, or a larger input. Notebook 04.

On photographs that you have, ILSVRC2012's validation pictures with their boxes:

    python -m utils.experiments.resolution --root FOLDER --pictures 60
"""

import argparse
import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils import baselines, cam, compare, localization, models
from utils.data import Photographs, imagenet
from utils.networks import CamNetwork
from utils.pictures import Picture

FRAME = 224  # pixels: side of the frame in which boxes are judged, as in the WSOL evaluation
BATCH = 4
STRIDES = {32: 0, 16: 1, 8: 2}  # and how many strides of the network become dilation
SIDES = (225, 289, 385, 577)  # of the input, pixels
SIDE = 225  # of the input to the dilated networks, pixels


def finer(model: nn.Module, times: int) -> nn.Module:
    """The last `times` strides of 2 become 1, and later layers are dilated: same weights.

    For networks whose layers follow one another with odd kernels, such as MobileNetV2.
    """
    model, spread = copy.deepcopy(model), 1
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    strided = [m for m in convolutions if m.stride == (2, 2)]
    for m in convolutions:
        m.dilation = (spread, spread)
        m.padding = (spread * (m.kernel_size[0] // 2),) * 2
        if m in strided[len(strided) - times :]:
            m.stride, spread = (1, 1), 2 * spread
    return model


class Measured(NamedTuple):
    """What a network makes of N photographs whose classes it was trained on."""

    named: Tensor  # (N,) 1 where the true class has the highest score
    confidence: Tensor  # (N,) probability of the true class
    fits: Tensor  # (N, T) IoU of the box at each of localization.THRESHOLDS, min-max scaled


def measured(net: CamNetwork, photographs: Sequence[Picture], side: int) -> Measured:
    """Scores, and boxes from the maps of the true classes, for inputs of side × side pixels."""
    parts = [
        _measured(net, photographs[i : i + BATCH], side) for i in range(0, len(photographs), BATCH)
    ]
    return Measured(*(torch.cat(values) for values in zip(*parts, strict=True)))


@torch.no_grad()
def _measured(net: CamNetwork, some: Sequence[Picture], side: int) -> Measured:
    labels = torch.tensor([picture.label for picture in some])
    x = net.prepare([picture.image for picture in some], side)
    p = net.forward_pass(x)
    maps = cam.class_maps(p.f, p.w, own=labels)
    maps = cam.upsample(maps, (FRAME, FRAME), net.cells(x))[:, 0]
    boxes = [_in_frame(picture) for picture in some]
    fits = localization.records(maps, boxes, thresholds=localization.THRESHOLDS).largest
    confidence = p.S.softmax(1)[torch.arange(len(labels)), labels]
    return Measured((p.S.argmax(1) == labels).double(), confidence.double(), fits)


def _in_frame(picture: Picture) -> Tensor:
    h, w = picture.image.shape[-2:]
    return picture.boxes * FRAME / torch.tensor([w, h, w, h])


def found(of: Measured, at: float | None = None) -> Tensor:
    """GT-known: 1 where the box has an IoU of 0.5 or more: -> (N,).

    At the threshold nearest to `at`; without, at the one that is best for these pictures.
    """
    right = (of.fits >= 0.5).double()
    if at is None:
        return right[:, right.mean(0).argmax()]
    return right[:, (torch.tensor(localization.THRESHOLDS) - at).abs().argmin()]


def lines(net: CamNetwork, photographs: Sequence[Picture]) -> list[str]:
    """Strides and inputs in words, each against the network as it is; at last, a centred box."""
    ways = {
        f"stride {stride}": (replace(net, model=finer(net.model, times)), SIDE)
        for stride, times in STRIDES.items()
    }
    ways |= {f"input {side}": (net, side) for side in SIDES[1:]}
    seen = {way: measured(of, photographs, side) for way, (of, side) in ways.items()}
    first = seen["stride 32"]
    told = [line for way, of in seen.items() for line in _told(way, of, first)]
    return [*told, f"best centred box, GT-known: {100 * centred(photographs):.1f}"]


def centred(photographs: Sequence[Picture]) -> float:
    """GT-known of the one centred box, of baselines.SIDES, that suits these photographs best."""
    true = [_in_frame(picture) for picture in photographs]
    boxes = localization.centred_boxes(FRAME, FRAME, baselines.SIDES)
    fits = [localization.best_iou(box.expand(len(true), 4), true) >= 0.5 for box in boxes]
    return torch.stack(fits).double().mean(1).max().item()


def _told(way: str, of: Measured, first: Measured) -> list[str]:
    one = {
        "top-1": (of.named, first.named),
        "confidence": (of.confidence, first.confidence),
        "GT-known at 0.2": (found(of, 0.2), found(first, 0.2)),
        "GT-known, best threshold": (found(of), found(first)),
    }
    return [
        f"{way}, {what}: {100 * a.mean():.1f}; {compare.paired(a, b)}"
        for what, (a, b) in one.items()
    ]


def _photographs(root: str, n: int) -> list[Picture]:
    data: Photographs = imagenet(root)
    return [data[i] for i in range(min(n, len(data)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", required=True, help="folder of ILSVRC2012 validation pictures")
    parser.add_argument("--pictures", type=int, default=60)
    args = parser.parse_args()
    net = models.pretrained("mobilenet_v2")
    if net is not None:
        print("\n".join(lines(net, _photographs(args.root, args.pictures))))


if __name__ == "__main__":
    main()
