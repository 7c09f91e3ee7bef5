"""Signs: pictures with text, and pictures with everything but text."""

import numpy as np

from utils.pictures import Pictures

from .backdrops import Place, backdrop, company, grain, overlap, shadow
from .colours import Palette, palette
from .draw import (
    INK,
    Mark,
    Posed,
    Shape,
    arc,
    between,
    box,
    box_at,
    chance,
    corners,
    finish,
    lighter,
    mix,
    oval,
    paint,
    pick,
    pose,
    rounded,
    smooth,
    whole,
)
from .furniture import part
from .letters import WORDS, word
from .patterns import columns, diamonds, dots, rows, ticks, waves, zigzags
from .stage import balanced, check, collect

# What carries a word: each draws a thing with room for a line of half width w and half height 0.5
# around (0, 0).


def board(c, w):
    posts = [part(box(x - 0.06, 0, x + 0.06, 1.8), c.deep) for x in (-w * 0.6, w * 0.6)]
    return [*posts, part(rounded(-w - 0.15, -0.65, w + 0.15, 0.65, 0.12), c.main)]


def shop(c, w):
    flaps = Mark(columns((-w - 0.3, 0.5, w + 0.3, 1.2), 7), c.pale, 0.16, 230)
    door, pane = box(w * 0.3, 1.3, w * 0.8, 3), box(-w * 0.85, 1.4, w * 0.1, 2.4)
    glass = mix((206, 230, 238), c.pale, 0.3)
    return [
        part(box(-w - 0.15, -0.8, w + 0.15, 3), c.second),
        part(door, c.accent),
        part(
            pane, glass, Mark(ticks((-w, 1.3, w, 2.5), 0.7, 0.3, -0.5), (255, 250, 238), 0.08, 170)
        ),
        part(
            corners((-w - 0.1, 0.65), (w + 0.1, 0.65), (w + 0.35, 1.25), (-w - 0.35, 1.25)),
            c.main,
            flaps,
        ),
        part(box(-w - 0.1, -0.6, w + 0.1, 0.6), c.pale),
    ]


def mug(c, w):
    return [
        part(arc_ring(w + 0.35), c.main),
        part(rounded(-w - 0.35, -1.2, w + 0.35, 1.5, 0.3), c.main),
        part(oval(0, -1.2, w + 0.35, 0.28), lighter(c.main, 0.5)),
        part(oval(0, -1.16, w + 0.15, 0.2), (126, 82, 64), shade=0),
    ]


def arc_ring(x):
    outer, inner = arc(x, 0.1, 0.9, 0.9, -90, 90), arc(x, 0.1, 0.55, 0.55, 90, -90)
    return np.vstack([outer, inner])


def ferry(c, w):
    hull = smooth(
        (-w - 0.9, -0.75), (0, -0.68), (w + 1.2, -0.85), (w + 0.6, 0.75), (-w - 0.4, 0.75)
    )
    ports = [part(oval(x, -1.2, 0.16), c.pale) for x in np.linspace(-w * 0.6, w * 0.5, 4)]
    return [
        part(rounded(-w * 0.5, -2.6, -w * 0.2, -1.4, 0.08), c.accent),
        part(rounded(-w * 0.9, -1.65, w * 0.8, -0.6, 0.15), c.second),
        *ports,
        part(hull, c.main),
    ]


def banner(c, w):
    poles = [part(box(x - 0.07, -0.9, x + 0.07, 2.2), c.deep) for x in (-w - 0.3, w + 0.3)]
    return [
        *poles,
        part(
            smooth(
                (-w - 0.3, -0.7),
                (0, -0.6),
                (w + 0.3, -0.7),
                (w + 0.3, 0.68),
                (0, 0.76),
                (-w - 0.3, 0.68),
            ),
            c.main,
        ),
    ]


def van(c, w):
    wheels = [part(oval(x, 1.15, 0.5), (70, 64, 84)) for x in (-w * 0.6, w * 0.75)]
    hubs = [part(oval(x, 1.15, 0.24), c.pale, shade=0) for x in (-w * 0.6, w * 0.75)]
    cab = corners((w + 0.2, -0.7), (w + 0.9, -0.6), (w + 1.3, 0.2), (w + 1.4, 1.0), (w + 0.2, 1.0))
    return [
        part(cab, c.second),
        part(
            corners((w + 0.4, -0.45), (w + 0.8, -0.4), (w + 1.05, 0.1), (w + 0.4, 0.1)),
            (206, 230, 238),
        ),
        part(rounded(-w - 0.3, -1.0, w + 0.3, 1.1, 0.15), c.main),
        *wheels,
        *hubs,
    ]


CARRIERS = (board, shop, mug, ferry, banner, van)


def signs(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures, half of them with a word somewhere (label 1), half without any text (label 0).

    Words stand on boards, shops, cups, boats, banners and vans and fill 3 to 10 % of the picture.
    The same carriers, with stripes, dots or nothing on them, stand in all pictures. masks and boxes
    cover the line of text, and are empty without text; the one part is "text".
    """
    check(n, seed, size)
    labels = balanced(n, 2, 12, seed)
    drawn = [
        _sign(np.random.default_rng([13, seed, i]), size, bool(c)) for i, c in enumerate(labels)
    ]
    images, numbers = zip(*drawn, strict=True)
    return collect(
        images, labels, [m > 0 for m in numbers], numbers, ("no text", "text"), ("", "text")
    )


def _sign(rng, size: int, text: bool):
    place, first, second = Place(rng), *(pick(rng, CARRIERS) for _ in range(2))
    main, half = _carrier(rng, first, palette(rng, place.middle), text)
    other, _ = _carrier(rng, second, palette(rng, place.middle), False)
    area = between(rng, 0.03, 0.1) * size**2
    scale = min((area / (2 * half * 0.8)) ** 0.5, 0.94 * size / max(main.size))
    main_at = _spot(rng, size, main, scale, [])
    scale = between(rng, 0.28, 0.4) * size / max(other.size)
    other_at = _spot(rng, size, other, scale, [box_at(main, *main_at)])
    placed = ((other, *other_at), (main, *main_at))
    boxes = [box_at(*thing) for thing in placed]
    horizon = min(max(min(b[3] for b in boxes) / size - between(rng, 0.04, 0.2), 0.2), 0.8)
    canvas = backdrop(rng, size, place, horizon)
    company(canvas, rng, place, horizon, boxes)
    for thing, (x0, y0, x1, y1) in zip(placed, boxes, strict=True):
        shadow(canvas.image, place, x0, y0, x1 - x0, y1 - y0)
        paint(canvas, *thing, {"": 0, "text": 1})
    image, numbers = finish(canvas)
    return grain(image, rng), numbers


def _spot(rng, size: int, thing: Posed, scale: float, taken) -> tuple[float, float, float]:
    """Of six places for the thing, the one that covers least: (x, y, scale)."""
    w, h = (side * scale for side in thing.size)
    tries = [
        (
            0.02 * size + rng.random() * (0.96 * size - w),
            0.02 * size + rng.random() ** 0.7 * (0.96 * size - h),
        )
        for _ in range(6)
    ]
    x, y = min(tries, key=lambda t: overlap((*t, t[0] + w, t[1] + h), taken))
    return x, y, scale


def _carrier(rng, carrier, c: Palette, text: bool) -> tuple[Posed, float]:
    """A carrier with a word or a pattern on it, posed; and half the width of its line."""
    strokes, width = word(pick(rng, WORDS), 0.8)
    half = width / 2 + 0.15
    shapes = carrier(c, half)
    field = shapes[-1].colour if carrier in (board, shop, banner) else c.main
    ink = max(
        (c.deep, c.pale, INK), key=lambda k: sum(abs(p - q) for p, q in zip(k, field, strict=True))
    )
    if text:
        line = box(-width / 2 - 0.08, -0.46, width / 2 + 0.08, 0.46)
        shapes.append(Shape("text", line, field, (Mark(strokes, ink, 0.13, 255),), 0, False))
    else:
        shapes += _pattern(rng, half, field, ink)
    return pose(shapes, between(rng, -7, 7), False), half


def _pattern(rng, w, field, ink) -> list[Shape]:
    area = (-w, -0.5, w, 0.5)
    strokes, width = pick(
        rng,
        (
            (rows(area, 3), 0.1),
            (columns(area, whole(rng, 7, 12)), 0.12),
            (dots(area, 0.5, 0.13), 0),
            (zigzags((-w, -0.4, w, 0.4), 1, 6), 0.13),
            (waves(area, 2, 4, 0.1), 0.1),
            (diamonds(area, 0.55, 0.17), 0),
            (ticks(area, 0.4, 0.15, 0.3), 0.1),
            (rows(area, 1), 0.2),
        ),
    )
    if chance(rng, 0.15):
        return []
    return [Shape("", box(*area), field, (Mark(strokes, ink, width, 230),), 0, False)]
