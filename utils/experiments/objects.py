"""The networks that name ten drawn things: heads, strides, and how well their maps localize.

Notebooks 03, 04 and 05.
"""

import torch
from torch import Tensor

import sketchbook
from utils import cam, localization, models, networks, training
from utils.pictures import Pictures

N_TRAIN, EPOCHS = 5000, 5
TRAIN, VALIDATION, TEST = 100, 7, 8  # seeds of the drawn pictures; training adds its own seed
OBJECTS = {
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


def measure(network: models.CourseNetwork, seen: Pictures) -> dict:
    """Accuracy on seen and fresh pictures; localization, its threshold chosen on other pictures."""
    validation, test = sketchbook.objects(500, seed=VALIDATION), sketchbook.objects(1000, seed=TEST)
    result = {
        "train_top1": training.accuracy(network, seen.subset(slice(0, 1000))),
        "top1": training.accuracy(network, test),
        "parameters": sum(p.numel() for p in network.parameters()),
    }
    if network.head != "fc":
        result |= measure_maps(
            _true_maps(network, validation), validation.boxes, _true_maps(network, test), test
        )
    return result


def measure_maps(others: Tensor, other_boxes: Tensor, maps: Tensor, test: Pictures) -> dict:
    """How well maps (N, h, w) find the things of the test pictures; the others choose t."""
    t = localization.best_threshold(others, other_boxes)
    sweep = localization.sweep(maps, test.boxes)
    boxes = torch.stack([localization.box_from_map(M, t) for M in maps])
    wsol = localization.records(maps, test.boxes, test.masks)
    lit = cam.normalize(maps) > 0.5
    return {
        "threshold": t,
        "gt_known_sweep": {f"{t:.2f}": round(v, 4) for t, v in sweep.items()},
        "gt_known_at_20": sweep[0.2],
        "gt_known_at_chosen": sweep[t],
        "iou70_at_chosen": (localization.best_iou(boxes, test.boxes) >= 0.7).float().mean().item(),
        "max_box_acc_v2": localization.max_box_acc_v2(wsol),
        "pxap": localization.average_precision(wsol.pixels),
        "coverage": ((lit & test.masks).sum((1, 2)) / test.masks.sum((1, 2))).mean().item(),
    }


def _true_maps(network: models.CourseNetwork, pictures: Pictures) -> Tensor:
    return networks.maps_of(networks.CamNetwork(network), pictures)
