"""Finer maps of a network that is trained already: dilation, or a larger input. Notebook 04.

On photographs that you have, ILSVRC2012's validation pictures with their boxes:

    python -m utils.experiments.resolution --root FOLDER --pictures 300
"""

import argparse
import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils import cam, compare, localization, models
from utils.data import Photographs, imagenet
from utils.networks import CamNetwork
from utils.pictures import Picture, squashed

FRAME = 224  # pixels: side of the frame in which boxes are judged, as in the WSOL evaluation
BATCH = 4
STRIDES = {32: 0, 16: 1, 8: 2}  # and how many strides of the network become dilation
SIDES = (225, 289, 385, 577)  # of the input, pixels
SIDE = 225  # of the input to the dilated networks, pixels
BOXES = tuple(k / 100 for k in range(30, 101))  # sides of the centred boxes, of the picture's


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
    blind: Tensor  # (N, T) the same of the mean of all f_k, which knows no class


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
    boxes = [squashed(picture.boxes, picture.image, FRAME) for picture in some]
    confidence = p.S.softmax(1)[torch.arange(len(labels)), labels]
    fits = [
        localization.records(
            cam.upsample(M, (FRAME, FRAME), net.cells(x))[:, 0],
            boxes,
            thresholds=localization.THRESHOLDS,
        ).largest
        for M in (cam.class_maps(p.f, p.w, own=labels), p.f.mean(1, keepdim=True))
    ]
    return Measured((p.S.argmax(1) == labels).double(), confidence.double(), *fits)


def found(fits: Tensor, at: float | None = None) -> Tensor:
    """GT-known: 1 where the box has an IoU of 0.5 or more: (N, T) -> (N,).

    At the threshold nearest to `at`; without, at the one that is best for these pictures.
    """
    right = (fits >= 0.5).double()
    if at is None:
        return right[:, right.mean(0).argmax()]
    return right[:, (torch.tensor(localization.THRESHOLDS) - at).abs().argmin()]


def lines(net: CamNetwork, photographs: Sequence[Picture]) -> list[str]:
    """Strides and inputs in words, each against the network as it is; then what knows nothing."""
    ways = {
        f"stride {stride}": (replace(net, model=finer(net.model, times)), SIDE)
        for stride, times in STRIDES.items()
    }
    ways |= {f"input {side}": (net, side) for side in SIDES[1:]}
    seen = {way: measured(of, photographs, side) for way, (of, side) in ways.items()}
    first = seen["stride 32"]
    told = [line for way, of in seen.items() for line in _told(way, of)]
    against = {
        f"{way} - stride 32, {what}": compare.paired(a, b)
        for way, of in list(seen.items())[1:]
        for (what, a), b in zip(_values(of).items(), _values(first).values(), strict=True)
    }
    told += [f"{what}: {d}" for what, d in compare.holm(against).items()]
    box = centred(photographs)
    told += [
        f"{way}, {words}, against the box: {compare.paired(found(of.fits, at), box)}"
        for way, of in seen.items()
        for words, at in (("at 0.2", 0.2), ("best threshold", None))
    ]
    told += [
        f"{way}, mean of all f_k: {100 * found(of.blind, 0.2).mean():.1f} at 0.2, "
        f"{100 * found(of.blind).mean():.1f} at the best threshold; "
        f"the class map against it: {compare.paired(found(of.fits), found(of.blind))}"
        for way, of in seen.items()
    ]
    return [*told, f"best centred box, GT-known: {100 * box.mean():.1f}"]


def centred(photographs: Sequence[Picture]) -> Tensor:
    """GT-known of the centred box, of BOXES, that suits these photographs best: (N,)."""
    true = [squashed(picture.boxes, picture.image, FRAME) for picture in photographs]
    return localization.best_centred(true, FRAME, FRAME, BOXES)[1]


def _values(of: Measured) -> dict[str, Tensor]:
    return {
        "top-1": of.named,
        "P": of.confidence,
        "GT-known at 0.2": found(of.fits, 0.2),
        "GT-known, best threshold": found(of.fits),
    }


def _told(way: str, of: Measured) -> list[str]:
    return [f"{way}, {what}: {100 * v.mean():.1f}" for what, v in _values(of).items()]


def _photographs(root: str, n: int) -> list[Picture]:
    data: Photographs = imagenet(root)
    return [data[i] for i in range(min(n, len(data)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", required=True, help="folder of ILSVRC2012 validation pictures")
    parser.add_argument("--pictures", type=int, default=300)
    args = parser.parse_args()
    net = models.pretrained("mobilenet_v2")
    if net is not None:
        print("\n".join(lines(net, _photographs(args.root, args.pictures))))


if __name__ == "__main__":
    main()
