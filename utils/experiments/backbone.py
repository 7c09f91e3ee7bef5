"""The network whose features notebooks 06 to 08 build on.

It learns which things are to be seen, which of their named parts, the colour of each part, and the
patterns on shapes without a name: more than is needed to name things, so that its features serve
other tasks. Of these tasks it sees nothing: no species, scene, caption, letter or question.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import functional

import sketchbook
from sketchbook.objects import CLASS_NAMES, PART_NAMES
from sketchbook.swatches import NAMES as PATTERNS
from utils import models, training
from utils.pictures import Pictures

NAME = "parts-gap"
PARTS = PART_NAMES[1:]
COLOURS = ("pale", "dark", "red", "yellow", "green", "blue", "violet")
HUES = torch.tensor([30, 75, 165, 255, 330])  # degrees where red, yellow, ..., violet end
LABELS = (*CLASS_NAMES, *PARTS, *COLOURS, *PATTERNS)
CONFIG: dict[str, Any] = {"n_classes": len(LABELS), "widths": (16, 32, 64, 128)}
OWNER = torch.tensor([CLASS_NAMES.index(name.split()[0]) for name in PARTS])
CHUNK, DRAWN = 100, 224  # pictures with the same parts hidden; their sides in pixels
WINDOWS, SIDE, SMALL, LARGE = 5, 72, 48, 180  # of a picture; pixels a side; before resizing
FEWEST, FEWEST_OF_A_PATTERN = 4, 60  # pixels of a part, a thing, a pattern that count as seen
TRAIN, TEST, EPOCHS = 300, 390, 10  # seeds of the first chunk; passes over the pictures


def seen(image: Tensor, numbers: Tensor, swatches: bool = False) -> Tensor:
    """What is to be seen: (3, h, w) uint8, numbers (h, w) -> (C,) floats for LABELS: 1 yes, 0 no.

    The numbers are those of parts or, with `swatches`, of patterns. Among swatches there is no
    thing; which pattern a thing wears is not known, and NaN.
    """
    n = 1 + len(PATTERNS if swatches else PARTS)
    flat = numbers.flatten().long()
    areas = flat.bincount(minlength=n)
    sums = torch.stack([flat.bincount(band, n) for band in image.flatten(1).double()], 1)
    there = areas[1:] >= (FEWEST_OF_A_PATTERN if swatches else FEWEST)
    means = (sums / areas.clamp(min=1)[:, None] / 255)[1:]
    colours = colour(means)[there].bincount(minlength=len(COLOURS)) > 0
    if swatches:
        nothing = torch.zeros(len(CLASS_NAMES) + len(PARTS))
        return torch.cat([nothing, colours, there]).float()
    things = torch.zeros(len(CLASS_NAMES), dtype=areas.dtype).index_add(0, OWNER, areas[1:])
    unknown = torch.full((len(PATTERNS),), torch.nan)
    return torch.cat([things >= FEWEST, there, colours, unknown]).float()


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
    """Windows of CHUNK drawings: of four chunks two show a thing with some parts hidden, one two
    things, one swatches.

    Each window is square, lies around a pixel of a thing, and is resized to SIDE pixels: so things
    come small and large, whole and cut off, and parts without each other.
    """
    rng, kind = np.random.default_rng([20, seed]), seed % 4
    if kind == 3:
        drawn = sketchbook.swatches(CHUNK, seed, DRAWN)
    elif kind == 2:
        drawn = sketchbook.pairs(CHUNK, seed, DRAWN)
    else:
        drawn = sketchbook.objects(
            CHUNK, seed, DRAWN, hide=tuple(p for p in PARTS if rng.random() < 0.3)
        )
    pairs = zip(drawn.images, drawn.parts, strict=True)
    views = [_window(rng, *pair) for pair in pairs for _ in range(WINDOWS)]
    images, parts = (torch.stack(both) for both in zip(*views, strict=True))
    labels = torch.stack([seen(*view, swatches=kind == 3) for view in views])
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


def train(n_chunks: int = 40, epochs: int = EPOCHS, seed: int = 0) -> models.CourseNetwork:
    """The backbone, trained with this seed."""
    drawn = pictures(n_chunks, TRAIN)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = models.CourseNetwork(**CONFIG)
        return training.fit(network, drawn, epochs=epochs, seed=seed)


def average_precision(S: Tensor, labels: Tensor) -> Tensor:
    """Average precision of each label: scores and labels (N, C) -> (C,), NaN where none is 1.

    Pictures whose label is NaN, not known, are left out.
    """
    return torch.stack(
        [
            _average_precision(s[~y.isnan()], y[~y.isnan()])
            for s, y in zip(S.T, labels.T, strict=True)
        ]
    )


def _average_precision(s: Tensor, y: Tensor) -> Tensor:
    right = y[s.argsort(descending=True)]
    precision = right.cumsum(0) / torch.arange(1, len(s) + 1)
    return (precision * right).sum() / right.sum()


def measure(network: models.CourseNetwork) -> dict:
    """Mean average precision over the things, and over the parts of each thing, on new pictures."""
    drawn = pictures(8, TEST)
    found = average_precision(training.scores(network, drawn.images), drawn.labels)
    things, parts, colours, patterns = found.split(
        [len(CLASS_NAMES), len(PARTS), len(COLOURS), len(PATTERNS)]
    )
    groups = {"things": things.mean(), "parts": parts.nanmean()}
    groups |= {"colours": colours.nanmean(), "patterns": patterns.nanmean()}
    for c, name in enumerate(CLASS_NAMES):
        groups[f"parts of {name}"] = parts[c == OWNER].nanmean()
    return {k: v.item() for k, v in groups.items()}
