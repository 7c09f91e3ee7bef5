"""Pencil and paper of the sketchbook: curves, shapes, and how shapes get onto the canvas.

A *thing* (a bird, a cloud) is a list of `Shape`s in its own coordinates, y pointing down,
listed from back to front. `paint` moves, turns and scales them onto a `Canvas`, which holds
the picture and, pixel for pixel, the number of the part drawn there. Both are drawn
OVERSAMPLE times larger than the final picture: the colours are then averaged, the part
numbers are read at each pixel's centre.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw

OVERSAMPLE = 3  # odd, so that each final pixel has a middle sample

Colour = tuple[int, int, int]
INK: Colour = (58, 48, 74)
LIGHT: Colour = (255, 250, 238)


class Mark(NamedTuple):
    """Strokes of a pattern; they are only visible inside the shape that carries them."""

    strokes: np.ndarray  # (M, V, 2): M strokes of V points
    colour: Colour | None  # None: the shape's own colour, darkened
    width: float = 0.025  # 0 means: filled polygons instead of lines
    strength: int = 150  # opacity, 0 to 255


class Shape(NamedTuple):
    """A filled outline with a part name, a shaded side and a pattern."""

    part: str
    points: np.ndarray  # (V, 2)
    colour: Colour
    marks: tuple[Mark, ...] = ()
    shade: int = 70  # opacity of the shaded side, 0 to 255
    outline: bool = True


class Canvas(NamedTuple):
    image: Image.Image  # RGB, OVERSAMPLE times the final size
    parts: Image.Image  # part numbers, same size
    pen: ImageDraw.ImageDraw  # draws on image
    part_pen: ImageDraw.ImageDraw  # draws on parts


# Chance: everything is built on Generator.random, whose stream is the same everywhere.


def between(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def pick(rng: np.random.Generator, items):
    return items[int(rng.random() * len(items))]


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))


def chance(rng: np.random.Generator, p: float) -> bool:
    return rng.random() < p


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """t = 0 gives a, t = 1 gives b."""
    u = 1 - t
    return (int(a[0] * u + b[0] * t + 0.5), int(a[1] * u + b[1] * t + 0.5),
            int(a[2] * u + b[2] * t + 0.5))  # fmt: skip


def darker(colour: Colour, t: float = 0.28) -> Colour:
    return mix(colour, INK, t)


def lighter(colour: Colour, t: float = 0.35) -> Colour:
    return mix(colour, LIGHT, t)


# Curves: every one is a polygon, an array of points (V, 2).

_T = np.arange(5)[:, None] / 5
_CATMULL_ROM = np.hstack([-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3,
                          _T + 4 * _T**2 - 3 * _T**3, -(_T**2) + _T**3]) / 2  # fmt: skip
_NEIGHBOURS = np.arange(-1, 3)
_CIRCLE = np.stack([f(np.arange(26) * 2 * np.pi / 26) for f in (np.cos, np.sin)], 1)


def corners(*points) -> np.ndarray:
    return np.array(points, float)


def smooth(*points) -> np.ndarray:
    """Closed curve through the points (Catmull-Rom)."""
    p = np.array(points, float)
    around = p[(np.arange(len(p))[:, None] + _NEIGHBOURS) % len(p)]  # (V, 4, 2)
    return (_CATMULL_ROM @ around).reshape(-1, 2)


def bend(*points) -> np.ndarray:
    """Open curve through the points."""
    p = np.array(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    around = p[np.arange(1, len(p) - 2)[:, None] + _NEIGHBOURS]
    return np.vstack([(_CATMULL_ROM @ around).reshape(-1, 2), p[-2]])


def oval(x: float, y: float, rx: float, ry: float | None = None) -> np.ndarray:
    return _CIRCLE * (rx, rx if ry is None else ry) + (x, y)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, n=13) -> np.ndarray:
    """Open arc; angles in degrees, 0 = right, 90 = down."""
    return _unit_arc(start, end, n) * (rx, ry) + (x, y)


@lru_cache(512)
def _unit_arc(start, end, n) -> np.ndarray:
    a = np.linspace(start, end, n) * (np.pi / 180)
    return np.stack([np.cos(a), np.sin(a)], 1)


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def rounded(x0: float, y0: float, x1: float, y1: float, r: float) -> np.ndarray:
    quarter = [arc(x, y, r, r, a, a + 90, 5) for x, y, a in
               [(x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180),
                (x1 - r, y0 + r, 270)]]  # fmt: skip
    return np.vstack(quarter)


def ribbon(points: np.ndarray, start: float, end: float | None = None) -> np.ndarray:
    """A curve made thick; the width runs from `start` to `end`."""
    along = np.gradient(points, axis=0)
    along /= np.hypot(along[:, :1], along[:, 1:]) + 1e-9
    half = np.linspace(start, start if end is None else end, len(points))[:, None] / 2
    side = along[:, ::-1] * (1, -1) * half
    return np.vstack([points + side, (points - side)[::-1]])


def move(points: np.ndarray, x: float, y: float) -> np.ndarray:
    return points + np.array([x, y])


def turn(points: np.ndarray, degrees: float, x: float = 0, y: float = 0) -> np.ndarray:
    """Turned clockwise (on the screen) around (x, y)."""
    c, s = np.cos(degrees * np.pi / 180), np.sin(degrees * np.pi / 180)
    return (points - (x, y)) @ np.array([(c, s), (-s, c)]) + (x, y)


# Onto the canvas.


def blank(size: int) -> Canvas:
    full = (size * OVERSAMPLE, size * OVERSAMPLE)
    image, parts = Image.new("RGB", full), Image.new("L", full)
    return Canvas(image, parts, ImageDraw.Draw(image), ImageDraw.Draw(parts))


def finish(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Canvas to picture (H, W, 3) uint8 and part numbers (H, W) uint8."""
    middle = slice(OVERSAMPLE // 2, None, OVERSAMPLE)
    return np.asarray(canvas.image.reduce(OVERSAMPLE)), np.asarray(canvas.parts)[middle, middle]


def pose(shapes: list[Shape], degrees: float, mirror: bool) -> list[Shape]:
    """The shapes turned, mirrored, and shifted so that their box starts at (0, 0)."""
    c, s = np.cos(degrees * np.pi / 180), np.sin(degrees * np.pi / 180)
    matrix = np.array([(-c if mirror else c, -s if mirror else s), (-s, c)]).T
    turned = [p.points @ matrix for p in shapes]
    low = np.vstack(turned).min(0)
    return [s._replace(points=p - low, marks=tuple(
                m._replace(strokes=m.strokes @ matrix - low) for m in s.marks))
            for s, p in zip(shapes, turned, strict=True)]  # fmt: skip


def extent(shapes: list[Shape]) -> np.ndarray:
    """(width, height) of the box from (0, 0) around posed shapes."""
    return np.vstack([s.points for s in shapes]).max(0)


def paint(canvas: Canvas, shapes: list[Shape], x: float, y: float, scale: float,
          numbers: dict[str, int] | None = None, hide=()) -> None:  # fmt: skip
    """Draw posed shapes with their box's corner at (x, y), `scale` final pixels to the unit.

    Colours are drawn first; all that is merely darker (shaded sides, pattern lines, outlines)
    collects on a separate layer of ink, which is laid over the picture at the end.

    numbers: part name -> part number; None leaves the part numbers alone (background things).
    hide: names of parts that are left out.
    """
    scale = scale * OVERSAMPLE
    shift = np.array([x, y]) * OVERSAMPLE
    ink = Image.new("L", canvas.image.size)
    pens = [canvas.pen, ImageDraw.Draw(ink), canvas.part_pen]
    width = max(2, min(4, int(scale * 0.022 + 0.5)))
    for shape in shapes:
        if shape.part not in hide:
            points = np.rint(shape.points * scale + shift).astype(int)
            flat = points.ravel().tolist()
            fills = [shape.colour, 0] + ([numbers[shape.part]] if numbers else [])
            for pen, fill in zip(pens, fills, strict=False):
                pen.polygon(flat, fill=fill)
            if shape.shade or shape.marks:
                _decorate(canvas.image, ink, shape, points, scale, shift)
            if shape.outline:
                for pen, fill in zip(pens, [shape.colour, 110, *fills[2:]], strict=False):
                    pen.line(flat + flat[:2], fill=fill, width=width)
    if where := ink.getbbox():
        canvas.image.paste(INK, where, ink.crop(where))


def _decorate(image, ink, shape, points, scale, shift):
    """Pattern and shaded side, cut to the shape."""
    low, high = points.min(0), points.max(0) + 1
    where, size = (*low.tolist(), *high.tolist()), tuple((high - low).tolist())
    if max(size) < 18 and not shape.marks:
        return  # too small for a shaded side to be seen
    cut = _layer(size, (points - low)[None], 255)
    dark = _rim(size, points - low, shape.shade)
    for mark in shape.marks:
        pattern = _pattern(size, mark, scale, shift - low)
        if mark.colour is None:
            dark = ImageChops.add(dark, pattern)
        else:
            image.paste(mark.colour, where, ImageChops.darker(cut, pattern))
    ink.paste(255, where, ImageChops.darker(cut, dark))


def _pattern(size, mark, scale, shift) -> Image.Image:
    strokes = np.rint(mark.strokes * scale + shift).astype(int)
    seen = ((strokes.max(1) >= 0) & (strokes.min(1) < size)).all(1)
    width = max(2, int(mark.width * scale + 0.5)) if mark.width else 0
    return _layer(size, strokes[seen], mark.strength, width)


_SHRINK = np.array([1, 0.93, 0.82])[:, None, None]


def _rim(size, inside, strength) -> Image.Image:
    """The shaded side. The light comes from the upper left, so shrinking the outline towards
    that corner leaves a dark rim; done twice, the rim is soft."""
    layer = Image.new("L", size)
    if strength:
        pen = ImageDraw.Draw(layer)
        outlines = np.rint(inside * _SHRINK).astype(int).reshape(3, -1).tolist()
        for outline, left in zip(outlines, (strength, strength // 2, 0), strict=True):
            pen.polygon(outline, fill=left)
    return layer


def _layer(size, polygons, strength, width=0) -> Image.Image:
    layer = Image.new("L", size)
    pen = ImageDraw.Draw(layer)
    for flat in polygons.reshape(-1, 2 * polygons.shape[1]).tolist():
        if width:
            pen.line(flat, fill=strength, width=width)
        else:
            pen.polygon(flat, fill=strength)
    return layer
