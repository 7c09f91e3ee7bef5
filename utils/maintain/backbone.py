"""Train the network whose features notebooks 06 to 08 build on, and measure what they are worth.

    python -m utils.maintain.backbone            train (about five minutes on two cores), measure
    python -m utils.maintain.backbone birds      measure again how well its features tell birds

It learns which things are to be seen, which of their named parts, and the colour of each part:
more than is needed to name things, so that its features serve other tasks. Of these tasks it sees
nothing: no species, scene, caption, sign or question.
"""

import sys
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import functional

from utils import cam, features, localization, networks, sketchbook, training
from utils.datasets import Pictures
from utils.maintain.train import RESULTS, record
from utils.sketchbook.worlds import CLASS_NAMES, PART_NAMES

NAME = "parts-gap"
PARTS = PART_NAMES[1:]
COLOURS = ("pale", "dark", "red", "yellow", "green", "blue", "violet")
HUES = torch.tensor([30, 75, 165, 255, 330])  # degrees where red, yellow, ..., violet end
LABELS = (*CLASS_NAMES, *PARTS, *COLOURS)
CONFIG = {"n_classes": len(LABELS), "widths": (16, 32, 64, 112)}
OWNER = torch.tensor([CLASS_NAMES.index(name.split()[0]) for name in PARTS])
CHUNK, DRAWN = 100, 224  # pictures with the same parts hidden; their sides in pixels
WINDOWS, SIDE, SMALL, LARGE = 5, 72, 48, 180  # of a picture; pixels a side; before resizing
FEWEST = 4  # pixels of a part, or of a thing, that count as seen
TRAIN, TEST, EPOCHS = 300, 390, 12  # seeds of the first chunk


def seen(image: Tensor, parts: Tensor) -> Tensor:
    """What is to be seen: (3, h, w) uint8, part numbers (h, w) -> (C,) floats 0 or 1 for LABELS."""
    numbers, n = parts.flatten().long(), len(PART_NAMES)
    areas = numbers.bincount(minlength=n)
    sums = torch.stack([numbers.bincount(band, n) for band in image.flatten(1).double()], 1)
    means = sums / areas.clamp(min=1)[:, None] / 255
    things = torch.zeros(len(CLASS_NAMES), dtype=areas.dtype).index_add(0, OWNER, areas[1:])
    there = areas[1:] >= FEWEST
    colours = colour(means[1:])[there].bincount(minlength=len(COLOURS))
    return torch.cat([things >= FEWEST, there, colours > 0]).float()


def colour(rgb: Tensor) -> Tensor:
    """Colours (..., 3) in 0..1 -> indices into COLOURS: a hue, or pale or dark."""
    high, low = rgb.amax(-1), rgb.amin(-1)
    turned = torch.atan2(
        3**0.5 * (rgb[..., 1] - rgb[..., 2]), (2 * rgb[..., 0] - rgb[..., 1] - rgb[..., 2])
    )
    hue = torch.bucketize(turned.rad2deg() % 360, HUES) % 5 + 2
    grey = torch.where(high > 0.55, 0, 1)
    return torch.where((high < 0.3) | (high - low < 0.15 * high), grey, hue)


def chunk(seed: int) -> Pictures:
    """Windows of CHUNK drawings: a third of them of two things, the others with some parts hidden.

    Each window is square, lies around a pixel of a thing, and is resized to SIDE pixels: so things
    come small and large, whole and cut off, and parts without each other.
    """
    rng = np.random.default_rng([20, seed])
    if seed % 3 == 2:
        drawn = sketchbook.pairs(CHUNK, seed, DRAWN)
    else:
        hide = tuple(p for p in PARTS if rng.random() < 0.3)
        drawn = sketchbook.objects(CHUNK, seed, DRAWN, hide)
    pairs = zip(drawn.images, drawn.parts, strict=True)
    views = [_window(rng, *pair) for pair in pairs for _ in range(WINDOWS)]
    images, parts = (torch.stack(both) for both in zip(*views, strict=True))
    labels = torch.stack([seen(*view) for view in views])
    return replace(drawn, images=images, parts=parts, labels=labels, class_names=LABELS)


def _window(rng: np.random.Generator, image: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    side = round(SMALL * (LARGE / SMALL) ** rng.random())
    places = parts.nonzero()
    middle = places[rng.integers(len(places))].tolist() if len(places) else [DRAWN // 2] * 2
    y, x = (int(np.clip(m - side * rng.uniform(0.2, 0.8), 0, DRAWN - side)) for m in middle)
    view = functional.resize(image[:, y : y + side, x : x + side], [SIDE, SIDE], antialias=True)
    at = ((torch.arange(SIDE) + 0.5) * side / SIDE).long()
    return view, parts[y + at[:, None], x + at]


def pictures(n_chunks: int, seed: int) -> Pictures:
    """n_chunks x CHUNK drawings, WINDOWS of each; boxes and masks stay behind."""
    chunks = [chunk(seed + i) for i in range(n_chunks)]
    nothing = torch.empty(0)
    images, parts, labels = (
        torch.cat([getattr(c, k) for c in chunks]) for k in ("images", "parts", "labels")
    )
    return replace(
        chunks[0], images=images, parts=parts, labels=labels, boxes=nothing, masks=nothing
    )


def train(n_chunks: int = 30, epochs: int = EPOCHS, seed: int = 0) -> networks.CourseNetwork:
    """The backbone, trained with this seed."""
    drawn = pictures(n_chunks, TRAIN)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = networks.CourseNetwork(**CONFIG)
        return training.fit(network, drawn, epochs=epochs, seed=seed)


def average_precision(S: Tensor, labels: Tensor) -> Tensor:
    """Average precision of each label: scores and labels (N, C) -> (C,), NaN where none is 1."""
    right = labels.gather(0, S.argsort(0, descending=True))
    precision = right.cumsum(0) / torch.arange(1, len(S) + 1)[:, None]
    return (precision * right).sum(0) / right.sum(0)


def measure(network: networks.CourseNetwork) -> dict:
    """Mean average precision over the things, and over the parts of each thing, on new pictures."""
    drawn = pictures(6, TEST)
    found = average_precision(training.scores(network, drawn.images), drawn.labels)
    things, parts, colours = found.split([len(CLASS_NAMES), len(PARTS), len(COLOURS)])
    groups = {"things": things.mean(), "parts": parts.nanmean(), "colours": colours.nanmean()}
    for c, name in enumerate(CLASS_NAMES):
        groups[f"parts of {name}"] = parts[c == OWNER].nanmean()
    return {k: round(v.item(), 4) for k, v in groups.items()}


# ---------------------------------------------------------------- eight look-alike birds


def birds(net: networks.CamNetwork, seed: int, n_train: int = 1600, n_test: int = 800) -> dict:
    """Accuracy of a linear SVM on whole pictures, CAM crops, true boxes; how right the boxes are.

    Pictures are drawn at 224 pixels and seen at 112, whole or cropped. Boxes come from the map of
    "bird", at 20 % of the maximum and at the best threshold for the first 200 training pictures,
    and from the SVM's own map of the species it names. Notebook 06; paper, table 4.
    """
    train, test = (
        sketchbook.birds(n, 1000 * k + seed, DRAWN) for k, n in ((1, n_train), (2, n_test))
    )
    whole = [functional.resize(d.images, [112, 112], antialias=True) for d in (train, test)]
    svm = features.svm_network(net, whole[0], train.labels)
    maps = [_maps(net, images, net.index("bird")) for images in whole]
    own = _maps(svm, whole[1], None)
    chosen = localization.best_threshold(maps[0][:200], train.boxes[:200])

    def accuracy(images: list[Tensor]) -> float:
        network = features.svm_network(net, images[0], train.labels)
        return features.accuracy(network, images[1], test.labels)

    def crops(boxes: list[Tensor]) -> list[Tensor]:
        return [features.crops(d.images, b) for d, b in zip((train, test), boxes, strict=True)]

    at_20, at_chosen = ([_boxes(m, t) for m in maps] for t in (0.2, chosen))
    result = {
        "full": accuracy(whole),
        "full_224": accuracy([train.images, test.images]),
        "crop_at_20": accuracy(crops(at_20)),
        "crop_at_chosen": accuracy(crops(at_chosen)),
        "true_box": accuracy(crops([train.boxes, test.boxes])),
        "threshold": chosen,
        "box_at_20": localization.gt_known(at_20[1], test.boxes),
        "box_at_chosen": localization.gt_known(at_chosen[1], test.boxes),
        "box_of_species_map_at_20": localization.gt_known(_boxes(own, 0.2), test.boxes),
        "box_best_centre": max(
            localization.gt_known(
                localization.centred_boxes(DRAWN, DRAWN, [s]).repeat(n_test, 1), test.boxes
            )
            for s in localization.THRESHOLDS[1:]
        ),
        "box_whole_picture": localization.gt_known(
            localization.whole_picture(n_test, DRAWN, DRAWN), test.boxes
        ),
    }
    return {k: round(v, 4) for k, v in result.items()}


def _maps(net: networks.CamNetwork, images: Tensor, c: int | None) -> Tensor:
    """The map of class c, or of each best class if None, at DRAWN pixels: -> (N, h, w)."""
    found = []
    for batch in images.split(100):
        S, M = net(net.prepare(batch))
        chosen = S.argmax(1) if c is None else torch.full((len(S),), c)
        found.append(cam.upsample(M[range(len(S)), chosen][:, None], (DRAWN, DRAWN))[:, 0])
    return torch.cat(found)


def _boxes(maps: Tensor, threshold: float) -> Tensor:
    return torch.stack([localization.box_from_map(M, threshold) for M in maps])


# ---------------------------------------------------------------- the command


def main(names: list[str]) -> None:
    start = time.perf_counter()
    if "birds" not in names:
        network = train()
        networks.save(network, networks.WEIGHTS / f"{NAME}.safetensors", CONFIG, LABELS)
        figures = {"seconds": round(time.perf_counter() - start)} | measure(network)
        record(RESULTS, NAME, 0, figures)
        print(f"{NAME}: {figures}", flush=True)
    for seed in (0, 1, 2):
        figures = birds(networks.load(NAME), seed)
        record(RESULTS, "birds", seed, figures)
        print(f"birds, seed {seed}: {figures}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
