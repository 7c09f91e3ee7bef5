"""The networks that name ten drawn things: heads, strides, and how well their maps localize.

Notebooks 03, 04 and 05.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import sketchbook
from utils import localization, models, networks, training
from utils.experiments import pooling
from utils.pictures import Pictures

N_TRAIN, EPOCHS = 5000, 5
TRAIN, VALIDATION, TEST = 100, 7, 8  # seeds of the drawn pictures; training adds its own seed
OBJECTS: dict[str, dict[str, Any]] = {
    "objects-gap": {"head": "gap", "stride": 8},
    "objects-gmp": {"head": "gmp", "stride": 8},
    "objects-gap-s16": {"head": "gap", "stride": 16},
    "objects-gap-s4": {"head": "gap", "stride": 4},
    "objects-gmp-s4": {"head": "gmp", "stride": 4},
    "objects-gap-s4-dilated": {"head": "gap", "stride": 4, "dilated": True},
    "objects-fc": {"head": "fc", "stride": 8},
}


def train(name: str, seed: int) -> tuple[models.CourseNetwork, Pictures]:
    """One network of the table above, trained with this seed; also the pictures it saw."""
    pictures = sketchbook.objects(N_TRAIN, seed=TRAIN + seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = models.CourseNetwork(**OBJECTS[name])
        return training.fit(network, pictures, epochs=EPOCHS, seed=seed), pictures


def untrained(name: str, seed: int = 0) -> models.CourseNetwork:
    """The network that `train` begins with: GAP and GMP of one seed and stride have equal weights.

    The networks that come along are those of seed 0. Notebook 03.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return models.CourseNetwork(**OBJECTS[name])


def measure(network: models.CourseNetwork, seen: Pictures) -> dict:
    """Accuracy on seen and fresh pictures; localization, its threshold chosen on other pictures."""
    validation, test = sketchbook.objects(500, seed=VALIDATION), sketchbook.objects(1000, seed=TEST)
    result = {
        "train_top1": training.accuracy(network, seen.subset(slice(0, 1000))),
        "top1": training.accuracy(network, test),
        "parameters": parameters(network),
    }
    if network.head != "fc":
        result |= measure_maps(
            _true_maps(network, validation), validation.boxes, _true_maps(network, test), test
        )
        result |= pooling.measure(network)
    return result


def parameters(module: nn.Module) -> int:
    """How many numbers training sets in a network, or in a part of it."""
    return sum(p.numel() for p in module.parameters())


class MapFigures(NamedTuple):
    """How well maps find things, with no threshold chosen yet; shares of the pictures, 0..1."""

    found: dict[float, float]  # GT-known: IoU of 0.5 or more, at each threshold
    tight: dict[float, float]  # IoU of 0.7 or more, at each threshold
    coverage: float  # share of the thing above half of the maximum, mean over the pictures
    pxap: float


def map_figures(
    maps: Tensor, pictures: Pictures, thresholds: Sequence[float] = localization.THRESHOLDS
) -> MapFigures:
    """Maps (N, h, w) of the pictures' own classes, against the truth. Notebooks 03 and 04."""
    fits = localization.records(maps, pictures.boxes, thresholds=thresholds, how="max")
    found, tight = (localization.accuracy(fits, least).tolist() for least in (0.5, 0.7))
    return MapFigures(
        dict(zip(thresholds, found, strict=True)),
        dict(zip(thresholds, tight, strict=True)),
        localization.coverage(maps, pictures.masks).mean().item(),
        localization.pxap(maps, pictures.masks),
    )


def measure_maps(others: Tensor, other_boxes: Tensor, maps: Tensor, test: Pictures) -> dict:
    """How well maps (N, h, w) find the things of the test pictures; the others choose t."""
    t, of = localization.best_threshold(others, other_boxes), map_figures(maps, test)
    return {
        "threshold": t,
        "gt_known_sweep": {f"{at:.2f}": round(v, 4) for at, v in of.found.items()},
        "gt_known_at_20": of.found[0.2],
        "gt_known_at_chosen": of.found[t],
        "iou70_at_chosen": of.tight[t],
        "max_box_acc_v2": localization.max_box_acc_v2(localization.records(maps, test.boxes)),
        "pxap": of.pxap,
        "coverage": of.coverage,
    }


def _true_maps(network: models.CourseNetwork, pictures: Pictures) -> Tensor:
    return networks.maps_of(networks.CamNetwork(network), pictures)
