"""Places for things to stand in, and the small things around them that belong to no class."""

from functools import lru_cache

import numpy as np
from PIL import Image

from . import patterns
from .colours import PLACES, Palette, palette
from .draw import (
    INK,
    LIGHT,
    OVERSAMPLE,
    Canvas,
    Colour,
    Mark,
    Shape,
    arc,
    bend,
    between,
    box,
    canvas_on,
    chance,
    corners,
    darker,
    lighter,
    mix,
    oval,
    paint,
    pick,
    points_of,
    pose,
    ribbon,
    smooth,
    stain,
    turn,
    whole,
)

_GRAIN = (
    np.random.default_rng(7).normal(0, 1.6, (512, 512, 1)).round().astype(np.int16).repeat(3, 2)
)


def gradient(n: int, top: Colour, bottom: Colour) -> np.ndarray:
    """(n, 3) uint8, n rows from one colour to the other."""
    t = np.arange(n)[:, None] / n
    return (np.array(top) * (1 - t) + np.array(bottom) * t + 0.5).astype(np.uint8)


@lru_cache
def _spot(strength: float) -> Image.Image:
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    fade = np.clip(1 - np.hypot(x, y), 0, 1) ** 1.5
    return Image.fromarray((255 * strength * fade).astype(np.uint8))


@lru_cache(32)  # the sun has always the same size
def _large_spot(strength: float, width: int, height: int) -> Image.Image:
    return _spot(strength).resize((width, height), Image.Resampling.BILINEAR)


def glow(image: Image.Image, x, y, rx, ry, colour: Colour, strength: float) -> None:
    """A soft spot of colour around (x, y), in final pixels: light, or a shadow on the ground."""
    x, y, rx, ry = (int(v * OVERSAMPLE) for v in (x, y, rx, ry))
    stain(image, colour, (x - rx, y - ry), _large_spot(strength, 2 * rx + 1, 2 * ry + 1))


def grain(picture: np.ndarray, rng) -> np.ndarray:
    """The texture of paper."""
    h, w = picture.shape[:2]
    y, x = int(rng.random() * (513 - h)), int(rng.random() * (513 - w))
    grainy = picture + _GRAIN[y : y + h, x : x + w]
    return np.clip(grainy, 0, 255, out=grainy).astype(np.uint8)


class Place:
    """A backdrop's kind and colours, chosen before anything is drawn."""

    def __init__(self, rng, kinds=tuple(PLACES)):
        self.kind = pick(rng, kinds)
        self.sky, self.low, self.far, self.near, self.ground = pick(rng, PLACES[self.kind])
        self.middle = mix(mix(self.sky, self.low, 0.6), self.near, 0.5)


def backdrop(rng, size: int, place: Place, horizon: float) -> Canvas:
    """Sky and ground of `place`, with the horizon at this height (fraction of the picture)."""
    size *= OVERSAMPLE
    y = int(size * horizon)
    halves = gradient(y, place.sky, place.low), gradient(size - y, place.near, place.ground)
    column = Image.fromarray(np.concatenate(halves)[:, None])
    canvas = canvas_on(column.resize((size, size), Image.Resampling.NEAREST))
    image, pen = canvas.image, canvas.pen
    behind = {"room": _wall, "lagoon": _rays, "night": _stars}.get(place.kind, _sun)
    behind(image, pen, rng, place, size, y)
    if place.kind in ("meadow", "dusk", "snow", "desert", "mist", "night", "lagoon"):
        for t in (0.55, 0.1):
            tall = between(rng, 0.05, 0.16) * (0.6 + 0.6 * t)
            pen.polygon(_ridge(rng, size, y, tall), fill=mix(place.far, place.low, t))
    if place.kind not in ("sea", "room", "paper"):
        pen.polygon(_ridge(rng, size, y, 0.025), fill=place.near)
    texture = {"sea": _ripples, "room": _boards, "meadow": _grass, "snow": _flakes}
    texture.get(place.kind, _pebbles)(image, pen, rng, place, size, y)
    return canvas


_ACROSS = np.linspace(0, 1, 29)


def _ridge(rng, size, y, height) -> list[int]:
    """A wavy hill line that ends just below y."""
    a, b, c, d = (rng.random() for _ in range(4))
    x = _ACROSS
    wave = np.sin(2 * np.pi * ((0.6 + a) * x + b)) + 0.5 * np.sin(2 * np.pi * ((1.4 + c) * x + d))
    top = y - size * height * (0.55 + 0.35 * wave)
    line = points_of(x * size, np.minimum(top, y + 3))
    return [*np.rint(line).astype(int).ravel().tolist(), size, y + 4, 0, y + 4]


def _sun(image, pen, rng, place, size, y):
    x, up, r = between(rng, 0.1, 0.9), between(rng, 0.1, 0.7), between(rng, 0.04, 0.08)
    shine = lighter(place.low, 0.6)
    glow(image, x * size / 3, up * y / 3, size * 0.07, size * 0.07, shine, 0.7)
    if place.kind != "paper" and chance(rng, 0.6):
        r *= size
        pen.ellipse((x * size - r, up * y - r, x * size + r, up * y + r), fill=shine)


def _wall(image, pen, rng, place, size, y):
    faint, style, gap = mix(place.sky, place.far, 0.45), whole(rng, 0, 3), whole(rng, 14, 30)
    if style == 0:
        for x in range(gap // 2, size, 2 * gap):
            pen.rectangle((x, 0, x + gap, y), fill=faint)
    elif style == 1:
        for x, v in patterns.dots((0, 0, size, y), gap, 4)[:, 0].astype(int).tolist():
            pen.ellipse((x, v, x + gap // 4, v + gap // 4), fill=faint)
    elif style == 2:
        pen.rectangle((0, y - y // 3, size, y), fill=faint)
    pen.rectangle((0, y - 9, size, y), fill=lighter(place.low, 0.5))
    pen.line((0, y - 10, size, y - 10), fill=place.far, width=2)


def _rays(image, pen, rng, place, size, y):
    for _ in range(3):
        x, w, slant = between(rng, 0, 1) * size, between(rng, 0.04, 0.1) * size, 0.3 * y
        ray = mix(place.low, place.sky, 0.6)
        pen.polygon(
            [int(v) for v in (x, 0, x + w, 0, x + w - slant, y, x - 2 * slant, y)], fill=ray
        )


def _stars(image, pen, rng, place, size, y):
    pale = mix(place.low, LIGHT, 0.5)
    for x, v, r in (rng.random((14, 3)) * (size, y * 0.8, 1.6) + (0, 0, 1)).tolist():
        pen.ellipse((x - r, v - r, x + r, v + r), fill=pale)


def _strokes(pen, rng, size, y, n, colour, template, grow=1.0, width=2):
    """Small strokes on the ground, larger towards the viewer."""
    x, depth = rng.random((2, n, 1, 1))
    spots = np.concatenate([x * size, y + 6 + depth * (size - y)], 2)
    strokes = template * (0.5 + depth) * size * 0.02 * grow + spots
    for stroke in strokes.astype(int).reshape(n, -1).tolist():
        pen.line(stroke, fill=colour, width=width)


def _ripples(image, pen, rng, place, size, y):
    _strokes(pen, rng, size, y, 16, mix(place.near, LIGHT, 0.35), _RIPPLE, 2.2)


def _boards(image, pen, rng, place, size, y):
    dark, n = mix(place.ground, INK, 0.1), whole(rng, 0, 8)
    for x in np.linspace(-1.0, 2.0, n) if n > 3 else ():
        pen.line((int(size * (0.5 + 0.7 * (x - 0.5))), y, int(size * x), size), fill=dark, width=2)


def _grass(image, pen, rng, place, size, y):
    _strokes(pen, rng, size, y, 16, mix(place.ground, INK, 0.1), _BLADES)
    _strokes(pen, rng, size, y, 5, lighter(place.near, 0.6), _POINT, width=5)


def _flakes(image, pen, rng, place, size, y):
    _strokes(pen, rng, size, -6, 26, (255, 255, 255), _POINT, width=4)


def _pebbles(image, pen, rng, place, size, y):
    _strokes(pen, rng, size, y, 9, mix(place.ground, INK, 0.08), _RIPPLE, 1.3)


_RIPPLE = arc(0, 0, 1, 0.35, 200, 340, 6)
_BLADES = np.array([(-0.6, -1), (0, 0), (0, -1.3), (0, 0), (0.6, -1)], float)
_POINT = np.array([(0, 0), (0.25, 0)], float)


# Small things that belong to none of the classes. They share colours and forms with the things
# that do: wheels, stripes, roofs, round heads, leaves.


def cloud(rng, c: Palette) -> list[Shape]:
    top = [(x, -between(rng, 0.12, 0.34)) for x in (-0.3, 0, 0.3)]
    body = smooth((-0.6, 0), (-0.5, -0.14), *top, (0.5, -0.12), (0.62, 0), (0, 0.06))
    return [Shape("", body, mix((250, 250, 250), c.pale, 0.3), shade=22, outline=False)]


def ball(rng, c):
    stripes = pick(
        rng,
        (
            lambda: patterns.fan(0.1, -0.15, 0, 1, 0, 300, 6),
            lambda: patterns.rows((-0.5, -0.5, 0.5, 0.5), 3),
            lambda: patterns.dots((-0.5, -0.5, 0.5, 0.5), 0.34, 0.09),
        ),
    )()
    filled = 0 if stripes.shape[1] > 3 else 0.09
    return [Shape("", oval(0, 0, 0.5), c.main, (Mark(stripes, c.pale, filled, 220),))]


def pebbles(rng, c):
    stones = [(x, between(rng, 0.12, 0.24)) for x in (-0.34, 0.3, 0)]
    grey = mix(c.deep, (214, 208, 202), 0.75)
    return [
        Shape("", oval(x, -r * 0.6, r * 1.3, r * 0.7), mix(grey, c.pale, x * x)) for x, r in stones
    ]


def tuft(rng, c):
    blades = [
        bend((0, 0), (x * 0.5, -0.3), (x, -between(rng, 0.45, 0.75)))
        for x in (-0.34, -0.14, 0.1, 0.3)
    ]
    return [Shape("", ribbon(b, 0.11, 0.01), c.main, shade=0) for b in blades]


def crate(rng, c):
    marks = pick(
        rng,
        (
            patterns.rows((-0.4, -0.8, 0.4, 0), 3),
            corners((-0.4, -0.8), (0.4, 0))[None],
            patterns.columns((-0.4, -0.8, 0.4, 0), 2),
        ),
    )
    return [
        Shape("", box(-0.4, -0.8, 0.4, 0), c.second, (Mark(marks, darker(c.second, 0.4), 0.03),))
    ]


def gift(rng, c):
    ribbons = (Mark(corners((0, -0.7), (0, 0))[None], c.accent, 0.14, 255),)
    bow = [
        Shape("", turn(oval(x, -0.78, 0.16, 0.09), a), c.accent)
        for x, a in ((-0.15, 25), (0.15, -25))
    ]
    return [Shape("", box(-0.4, -0.7, 0.4, 0), c.main, ribbons), *bow]


def parasol(rng, c):
    wedges = [corners((0, -1), (x, -0.5), (x + 0.2, -0.5)) for x in (-0.5, -0.1, 0.3)]
    shade = corners(*arc(0, -0.55, 0.55, 0.42, 180, 360, 15))
    return [
        Shape("", box(-0.025, -0.6, 0.025, 0), c.deep, shade=0),
        Shape("", shade, c.main, (Mark(np.stack(wedges), c.pale, 0, 230),)),
    ]


def tent(rng, c):
    left = corners((0, -0.75), (-0.6, 0), (0.6, 0))
    stripes = patterns.fan(0, -0.75, 0, 1.2, 58, 122, 5)
    return [
        Shape("", left, c.main, (Mark(stripes, c.pale, 0.06, 200),)),
        Shape("", corners((0, -0.5), (-0.16, 0), (0.16, 0)), c.deep, shade=0),
    ]


def hoop(rng, c):
    spokes = patterns.fan(0, -0.5, 0, 0.4, 0, 300, 6)
    return [
        Shape("", oval(0, -0.5, 0.5), c.deep),
        Shape("", oval(0, -0.5, 0.37), c.pale, (Mark(spokes, c.deep, 0.05, 220),), 0),
    ]


def blocks(rng, c):
    colours = (c.main, c.second, c.accent)
    return [
        Shape("", box(x, y, x + 0.4, y + 0.4), k)
        for (x, y), k in zip(((-0.45, -0.4), (0.02, -0.4), (-0.22, -0.8)), colours, strict=True)
    ]


def buoy(rng, c):
    bands = patterns.rows((-0.5, -0.7, 0.5, 0), 2)
    return [
        Shape("", box(-0.03, -1, 0.03, -0.6), c.deep, shade=0),
        Shape(
            "",
            smooth((-0.3, 0), (-0.16, -0.7), (0.16, -0.7), (0.3, 0)),
            c.main,
            (Mark(bands, c.pale, 0.12, 230),),
        ),
    ]


def weed(rng, c):
    lean = between(rng, -0.3, 0.3)
    stalks = [
        bend((x, 0), (x + 0.12, -0.35), (x - 0.05, -0.7), (x + lean, -1.0)) for x in (-0.15, 0.15)
    ]
    return [Shape("", ribbon(s, 0.14, 0.03), c.main, shade=30) for s in stalks]


def star(rng, c):
    a = np.arange(10) * np.pi / 5 - np.pi / 2
    r = np.where(np.arange(10) % 2, 0.22, 0.5)
    return [Shape("", np.stack([r * np.cos(a), r * np.sin(a)], 1), c.main)]


def balloon(rng, c):
    string = bend((0, 0.5), (0.05, 0.75), (-0.05, 1.0))
    return [
        Shape("", ribbon(string, 0.03), c.deep, shade=0, outline=False),
        Shape(
            "",
            smooth((0, -0.5), (0.38, -0.3), (0.34, 0.15), (0, 0.5), (-0.34, 0.15), (-0.38, -0.3)),
            c.main,
        ),
    ]


def kite(rng, c):
    tail = bend((0, 0.5), (0.12, 0.7), (-0.05, 0.9), (0.1, 1.1))
    cross = np.array([[(0, -0.5), (0, 0.5)], [(-0.36, -0.08), (0.36, -0.08)]])
    return [
        Shape("", ribbon(tail, 0.04), c.accent, shade=0, outline=False),
        Shape(
            "",
            corners((0, -0.5), (0.36, -0.08), (0, 0.5), (-0.36, -0.08)),
            c.main,
            (Mark(cross, c.pale, 0.05, 220),),
        ),
    ]


def bunting(rng, c):
    x = np.linspace(-0.8, 0.8, 6)
    y = 0.2 * (1 - (x / 0.8) ** 2)
    cord = ribbon(np.stack([x, y], 1), 0.03)
    flags = [
        Shape("", corners((a - 0.12, b), (a + 0.12, b), (a, b + 0.26)), k)
        for a, b, k in zip(x, y, (c.main, c.second, c.accent) * 2, strict=True)
    ]
    return [Shape("", cord, c.deep, shade=0, outline=False), *flags]


def frame(rng, c):
    w, h = between(rng, 0.3, 0.5), between(rng, 0.3, 0.5)
    hill = smooth((-w, h), (-w * 0.4, between(rng, -0.2, 0.2)), (w * 0.4, 0.1), (w, h))
    return [
        Shape("", box(-w, -h, w, h), c.second),
        Shape(
            "",
            box(-w + 0.07, -h + 0.07, w - 0.07, h - 0.07),
            c.pale,
            (Mark(hill[None], c.main, 0, 200),),
            0,
        ),
    ]


def shelf(rng, c):
    books, x = [], -0.5
    for colour in (c.main, c.pale, c.accent, c.second, c.main):
        w = between(rng, 0.1, 0.2)
        books.append(Shape("", box(x, -between(rng, 0.3, 0.5), x + w, 0), colour))
        x += w
    return [*books, Shape("", box(-0.6, 0, 0.6, 0.07), c.deep)]


def rug(rng, c):
    rings = np.stack([oval(0, 0, 0.45, 0.13), oval(0, 0, 0.28, 0.08)])
    return [Shape("", oval(0, 0, 0.6, 0.18), c.pale, (Mark(rings, c.main, 0.04, 200),), 0)]


def bubbles(rng, c):
    spots = [
        (between(rng, -0.2, 0.2), y, between(rng, 0.05, 0.13)) for y in (-0.4, -0.1, 0.2, 0.45)
    ]
    return [
        Shape("", oval(x, y, r), mix(c.pale, (160, 206, 214), 0.6), shade=30) for x, y, r in spots
    ]


_PLAY = (ball, gift, blocks, hoop, crate)
_OUT = ((cloud, cloud, balloon, kite, star, bunting), (*_PLAY, pebbles, tuft, parasol, tent))
ABOVE_AND_BELOW = {
    **dict.fromkeys(PLACES, _OUT),
    "sea": ((cloud, cloud, balloon, kite, star), (buoy, buoy, ball, crate, hoop, pebbles)),
    "room": ((frame, frame, bunting, shelf, star, balloon), (*_PLAY, rug, parasol, tent)),
    "paper": ((star, frame, bunting, balloon, kite), (*_PLAY, rug, tuft, parasol, tent)),
    "lagoon": ((bubbles, bubbles, star, balloon), (weed, weed, pebbles, *_PLAY)),
    "night": ((star, star, cloud, balloon, bunting), _OUT[1]),
}


def company(canvas: Canvas, rng, place: Place, horizon: float, keep_free) -> None:
    """Two or three small things, where they cover the boxes `keep_free` least.

    They are drawn before the things that count, so they never hide one.
    """
    size = canvas.image.width / OVERSAMPLE
    above, below = ABOVE_AND_BELOW[place.kind]
    for i in range(whole(rng, 2, 3)):
        high = i % 2 == 0
        shapes = pick(rng, above if high else below)(rng, palette(rng, place.middle))
        thing = pose(shapes, between(rng, -6, 6), chance(rng, 0.5))
        w, h = thing.size
        scale = between(rng, 0.16, 0.32) * size / max(w, h)
        w, h = w * scale, h * scale
        tries = []
        for _ in range(6):
            x = between(rng, -0.1, 1.1) * size - w / 2
            low, span = (0.02, horizon - 0.1) if high else (horizon, 1.02 - horizon)
            y = (low + rng.random() * span) * size - (0 if high else h)
            tries.append((overlap((x, y, x + w, y + h), keep_free), x, y))
            if tries[-1][0] == 0:
                break
        _, x, y = min(tries)
        keep_free = [*keep_free, (x, y, x + w, y + h)]
        if not high:
            shadow(canvas.image, place, x, y, w, h)
        paint(canvas, thing, x, y, scale)


def shadow(image, place: Place, x, y, w, h) -> None:
    """The soft shadow of a thing whose box starts at (x, y), on the ground below it."""
    colour = mix(place.ground, INK, 0.75)
    glow(image, x + 0.54 * w, y + h * 0.985, 0.62 * w, 0.05 * (w + h), colour, 0.62)


def overlap(a, boxes) -> float:
    """Area that box a shares with the boxes."""
    return sum(
        max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
        for b in boxes
    )
