"""Swatches: shapes without a name, each covered by one pattern."""

import numpy as np

from utils.pictures import Pictures

from . import patterns
from .backdrops import Place, backdrop, company, grain
from .colours import palette
from .draw import (
    INK,
    Mark,
    Shape,
    between,
    box,
    chance,
    finish,
    oval,
    paint,
    pick,
    pose,
    rounded,
    smooth,
    whole,
)
from .stage import balanced, check, collect

# Each of these fills a box (x0, y0, x1, y1) with strokes of about this size, and says whether they
# are filled.


def rows(rng, area, step):
    return patterns.rows(area, max(1, round((area[3] - area[1]) / step))), False


def columns(rng, area, step):
    return patterns.columns(area, max(1, round((area[2] - area[0]) / step))), False


def zigzags(rng, area, step):
    lines, teeth = ((area[i + 2] - area[i]) / step for i in (1, 0))
    return patterns.zigzags(area, max(1, round(lines * 0.7)), max(2, round(teeth))), False


def waves(rng, area, step):
    lines, crests = ((area[i + 2] - area[i]) / step for i in (1, 0))
    return patterns.waves(area, max(1, round(lines)), max(2, round(crests)), 0.25 * step), False


def dots(rng, area, step):
    return patterns.dots(area, step, between(rng, 0.2, 0.36) * step), True


def diamonds(rng, area, step):
    return patterns.diamonds(area, step, between(rng, 0.25, 0.42) * step), True


def ticks(rng, area, step):
    return patterns.ticks(area, step, between(rng, -0.5, 0.5) * step, 0.6 * step), False


def scales(rng, area, step):
    return patterns.scales(area, step, chance(rng, 0.5)), False


def bricks(rng, area, step):
    return patterns.bricks(area, max(2, round((area[3] - area[1]) / step))), False


def crosses(rng, area, step):
    r, diagonal = 0.32 * step, chance(rng, 0.5)
    stroke = np.array([(-r, -r * diagonal), (r, r * diagonal)])
    other = stroke[:, ::-1] * (1, -1)
    both = [patterns.stamp(area, s, step, step, 0.3) for s in (stroke, other)]
    return np.concatenate(both), False


def rings(rng, area, step):
    return patterns.stamp(area, oval(0, 0, between(rng, 0.25, 0.4) * step)[::2], step, step), False


PATTERNS = (
    rows,
    columns,
    zigzags,
    waves,
    dots,
    diamonds,
    ticks,
    scales,
    bricks,
    crosses,
    rings,
)
NAMES = tuple(pattern.__name__ for pattern in PATTERNS)


def swatches(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures of three or four shapes, each with one of eleven patterns on it.

    parts says which pattern covers each pixel of a shape (part_names); labels, masks and boxes
    belong to the first shape. There is no letter and no thing among them: they serve to train a
    network that knows patterns.
    """
    check(n, seed, size)
    labels = balanced(n, len(NAMES), 14, seed)
    drawn = [_swatches(np.random.default_rng([15, seed, i]), size, c) for i, c in enumerate(labels)]
    images, numbers = zip(*drawn, strict=True)
    masks = [number == c + 1 for number, c in zip(numbers, labels, strict=True)]
    return collect(images, labels, masks, numbers, NAMES, ("", *NAMES))


def _swatches(rng, size: int, first: int):
    place, horizon = Place(rng), between(rng, 0.3, 0.7)
    canvas = backdrop(rng, size, place, horizon)
    company(canvas, rng, place, horizon, [])
    quarters = [(x, y) for x in (0.0, 0.5) for y in (0.0, 0.5)]
    order = rng.random(4).argsort()[: whole(rng, 3, 4)]
    for i, (x, y) in enumerate(quarters[j] for j in order):
        number = first if i == 0 else whole(rng, 0, len(NAMES) - 1)
        shape = _swatch(rng, palette(rng, place.middle), number)
        thing = pose([shape], between(rng, -20, 20), chance(rng, 0.5))
        scale = between(rng, 0.3, 0.5) * size / max(thing.size)
        x, y = (v * size + rng.random() * 0.08 * size for v in (x, y))
        paint(canvas, thing, x, y, scale, {NAMES[number]: int(number) + 1})
    image, numbers = finish(canvas)
    return grain(image, rng), numbers


def _swatch(rng, c, number: int) -> Shape:
    w, h = between(rng, 0.6, 1), between(rng, 0.35, 0.8)
    outline = pick(
        rng,
        (
            lambda: box(-w, -h, w, h),
            lambda: rounded(-w, -h, w, h, 0.2),
            lambda: oval(0, 0, w, h),
            lambda: smooth(
                (-w, -h * 0.7), (0, -h), (w, -h * 0.8), (w, h * 0.9), (0, h), (-w, h * 0.7)
            ),
        ),
    )()
    strokes, filled = PATTERNS[number](rng, (-w, -h, w, h), between(rng, 0.22, 0.5))
    ink = max((c.deep, c.pale, INK), key=lambda k: abs(sum(k) - sum(c.main)))
    width = 0 if filled else between(rng, 0.05, 0.13)
    mark = Mark(strokes, ink, width, whole(rng, 170, 255))
    return Shape(NAMES[number], outline, c.main, (mark,), whole(rng, 0, 60), chance(rng, 0.7))
