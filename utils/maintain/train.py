"""Train every network that the course ships, and measure each over three seeds: `make train`.

    python -m utils.maintain.train                       all of them (about an hour on two cores)
    python -m utils.maintain.train objects-gap --seeds 0 one of them, one seed

Weights of seed 0 go to utils/weights/NAME.safetensors, the figures of all seeds to
utils/weights/results.json, after every network, so an interruption loses one network at most.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from utils import cam, localization, networks, sketchbook, training
from utils.datasets import Pictures

RESULTS = networks.WEIGHTS / "results.json"
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


def train(name: str, seed: int) -> tuple[networks.CourseNetwork, Pictures]:
    """One network of the table above, trained with this seed; also the pictures it saw."""
    pictures = sketchbook.objects(N_TRAIN, seed=TRAIN + seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = networks.CourseNetwork(**OBJECTS[name])
        return training.fit(network, pictures, epochs=EPOCHS, seed=seed), pictures


def measure(network: networks.CourseNetwork, seen: Pictures) -> dict:
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
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}


def measure_maps(others: Tensor, other_boxes: Tensor, maps: Tensor, test: Pictures) -> dict:
    """How well maps (N, h, w) find the things of the test pictures; the others choose t."""
    t = localization.best_threshold(others, other_boxes)
    sweep = localization.sweep(maps, test.boxes)
    boxes = torch.stack([localization.box_from_map(M, t) for M in maps])
    lit = cam.normalize(maps) > 0.5
    return {
        "threshold": t,
        "gt_known_sweep": {f"{t:.2f}": round(v, 4) for t, v in sweep.items()},
        "gt_known_at_20": sweep[0.2],
        "gt_known_at_chosen": sweep[t],
        "iou70_at_chosen": (localization.best_iou(boxes, test.boxes) >= 0.7).float().mean().item(),
        "max_box_acc_v2": localization.max_box_acc_v2(maps, test.boxes),
        "pxap": localization.pxap(maps, test.masks),
        "coverage": ((lit & test.masks).sum((1, 2)) / test.masks.sum((1, 2))).mean().item(),
    }


def _true_maps(network: networks.CourseNetwork, pictures: Pictures) -> Tensor:
    return networks.maps_of(networks.CamNetwork(network), pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help=f"any of {', '.join(OBJECTS)}; all if none is given"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    if unknown := set(args.names) - set(OBJECTS):
        parser.error(f"no such network: {', '.join(unknown)}. There are: {', '.join(OBJECTS)}")
    for name in args.names or OBJECTS:
        for seed in args.seeds:
            start = time.perf_counter()
            network, seen = train(name, seed)
            seconds = time.perf_counter() - start
            figures = measure(network, seen) | {"seconds": round(seconds)}
            if seed == 0 and network.head != "fc":  # 6 MB of fully connected weights stay out
                path = networks.WEIGHTS / f"{name}.safetensors"
                networks.save(network, path, OBJECTS[name], seen.class_names)
            record(RESULTS, name, seed, figures)
            print(f"{name}, seed {seed}: {figures}", flush=True)


def record(path: Path, name: str, seed: int, figures: dict) -> None:
    """Write one network's figures into the results file, next to the others."""
    results = json.loads(path.read_text()) if path.exists() else {}
    results.setdefault(name, {})[str(seed)] = figures
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
