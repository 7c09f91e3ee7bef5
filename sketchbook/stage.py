"""What all worlds need: checks, balanced labels, and things put where they belong."""

from typing import NamedTuple

import numpy as np
import torch

from utils.pictures import Pictures, box_of

from .backdrops import Place, backdrop, grain, overlap, shadow
from .colours import palette
from .draw import (
    OVERSAMPLE,
    Box,
    Canvas,
    between,
    box_at,
    chance,
    finish,
    paint,
    pose,
    whole,
)
from .furniture import FURNITURE
from .things import THINGS


def check(n: int, seed: int, size: int) -> None:
    """One clear error for a bad number of pictures, seed or size."""
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n is the number of pictures, a whole number from 1 up; got {n!r}")
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed is a whole number from 0 up; got {seed!r}")
    if not isinstance(size, (int, np.integer)) or not 32 <= size <= 512:
        raise ValueError(f"size is the pictures' side in pixels, from 32 to 512; got {size!r}")


def balanced(n: int, n_classes: int, *key: int) -> np.ndarray:
    """(n,) every class once in each block of n_classes, in random order within the block.

    key: the number of this stream of chance, which no other has, and the seed.
    """
    blocks = [
        np.random.default_rng([*key, b]).random(n_classes).argsort()
        for b in range(-(-n // n_classes))
    ]
    return np.concatenate(blocks)[:n]


def collect(images, labels, masks, parts, class_names, part_names, **more) -> Pictures:
    """Lists of pictures (H, W, 3) and their truths -> Pictures; boxes come from the masks."""
    images, masks, parts = (torch.from_numpy(np.stack(a)) for a in (images, masks, parts))
    images, labels = images.permute(0, 3, 1, 2).contiguous(), torch.as_tensor(labels)
    boxes = torch.stack([box_of(mask) for mask in masks.flatten(0, -3)])
    boxes = boxes.reshape(*masks.shape[:-2], 4)
    return Pictures(images, labels, class_names, boxes, masks, parts, part_names, **more)


class Stage(NamedTuple):
    """A place being filled with things. Lengths on it are fractions of the picture's side."""

    canvas: Canvas
    rng: np.random.Generator
    place: Place
    numbers: dict[str, int]  # name -> number in the index image


def stage(rng, size: int, kinds, horizon: float, names: tuple[str, ...]) -> Stage:
    """An empty place of one of the kinds; names are what the index image tells apart."""
    place = Place(rng, kinds)
    canvas = backdrop(rng, size, place, horizon)
    return Stage(canvas, rng, place, {name: i for i, name in enumerate(names)})


def finished(s: Stage) -> tuple[np.ndarray, np.ndarray]:
    """Picture (H, W, 3) uint8 and index image (H, W) uint8."""
    image, numbers = finish(s.canvas)
    return grain(image, s.rng), numbers


def region(s: Stage, name: str, top: float, bottom: float) -> None:
    """Call the strip between two heights by its name: wall, floor, water, ..."""
    size = s.canvas.image.width
    strip = (0, int(top * size), size, int(bottom * size))
    s.canvas.part_pen.rectangle(strip, fill=s.numbers[name])


def put(
    s: Stage,
    name: str,
    x: float,
    base: float,
    width: float,
    height: float,
    c=None,
    shaded=True,
    part: str | None = None,
) -> Box:
    """Put a thing with the middle of its base at (x, base), as large as fits.

    c: its palette. shaded: with a shadow on the ground. Gives the thing's box, or that of a part.
    """
    size = s.canvas.image.width / OVERSAMPLE
    shapes = (THINGS.get(name) or FURNITURE[name])(s.rng, c or palette(s.rng, s.place.middle))
    thing = pose(shapes, 0, chance(s.rng, 0.5))
    w, h = thing.size
    scale = min(height / h, width / w)
    left, top = x - w * scale / 2, base - h * scale
    if shaded:
        shadow(s.canvas.image, s.place, *(v * size for v in (left, top, w * scale, h * scale)))
    numbers = dict.fromkeys({p.part for p in shapes}, s.numbers[name])
    paint(s.canvas, thing, left * size, top * size, scale * size, numbers)
    if part is None:
        return box_at(thing, left, top, scale)
    points = np.concatenate([p.points for p in shapes if p.part == part]) @ thing.matrix
    points = (points - thing.low) * scale + (left, top)
    return (*points.min(0).tolist(), *points.max(0).tolist())


def spread(rng, widths: list[float]) -> list[float]:
    """Middles of things of these widths, evenly spaced from left to right, with some chance."""
    gap = (1 - sum(widths)) / (len(widths) + 1)
    ends = np.cumsum([gap + w for w in widths])
    return [
        e - w / 2 + between(rng, -0.5, 0.5) * max(gap, 0) for e, w in zip(ends, widths, strict=True)
    ]


def free(rng, width: float, top: float, bottom: float, taken: list[Box]) -> float:
    """A middle x for a thing between these heights, where it covers the boxes taken least."""
    xs = [between(rng, width / 2 + 0.01, 0.99 - width / 2) for _ in range(8)]
    return min(xs, key=lambda x: overlap((x - width / 2, top, x + width / 2, bottom), taken))


def some(rng, names, low: int, high: int) -> list[str]:
    """Between low and high of the names, in random order."""
    order = rng.random(len(names)).argsort()
    return [names[i] for i in order[: whole(rng, low, high)]]
