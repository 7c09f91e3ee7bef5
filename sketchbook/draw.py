"""Pencil and paper of the sketchbook: curves, shapes, and how shapes get onto the canvas.

A *thing* (a bird, a cloud) is a list of `Shape`s in its own coordinates, y pointing down,
listed from back to front. `pose` turns them, `paint` moves and scales them onto a `Canvas`,
which holds the picture and, pixel for pixel, the number of the part drawn there. Both are drawn
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
Box = tuple[float, float, float, float]  # x0, y0, x1, y1


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
    return (
        int(a[0] * u + b[0] * t + 0.5),
        int(a[1] * u + b[1] * t + 0.5),
        int(a[2] * u + b[2] * t + 0.5),
    )


def darker(colour: Colour, t: float = 0.28) -> Colour:
    return mix(colour, INK, t)


def lighter(colour: Colour, t: float = 0.35) -> Colour:
    return mix(colour, LIGHT, t)


# Curves: every one is a polygon, an array of points (V, 2).

_T = np.arange(5)[:, None] / 5
_T2, _T3 = _T**2, _T**3
_WEIGHTS = (-_T + 2 * _T2 - _T3, 2 - 5 * _T2 + 3 * _T3, _T + 4 * _T2 - 3 * _T3, -_T2 + _T3)
_CATMULL_ROM = np.hstack(_WEIGHTS) / 2
_NEIGHBOURS = np.arange(-1, 3)
_CIRCLE = np.stack([f(np.arange(26) * 2 * np.pi / 26) for f in (np.cos, np.sin)], 1)


def points_of(x, y) -> np.ndarray:
    """Points (..., 2) from their x and y, two arrays that broadcast."""
    points = np.empty((*np.broadcast(x, y).shape, 2))
    points[..., 0], points[..., 1] = x, y
    return points


def corners(*points) -> np.ndarray:
    return np.array(points, float)


def smooth(*points) -> np.ndarray:
    """Closed curve through the points (Catmull-Rom)."""
    return _curve(np.array(points, float)[_closed(len(points))])


def bend(*points) -> np.ndarray:
    """Open curve through the points; it starts and ends straight."""
    p = np.array([points[0], *points, points[-1]], float)
    p[0], p[-1] = 2 * p[1] - p[2], 2 * p[-2] - p[-3]
    return np.concatenate([_curve(p[_open(len(points))]), p[-2:-1]])


def _curve(around: np.ndarray) -> np.ndarray:
    """(N, 4, 2), each point with its neighbours, to a curve (5N, 2)."""
    return (_CATMULL_ROM @ around).reshape(-1, 2)


@lru_cache
def _closed(n: int) -> np.ndarray:
    """(n, 4) Which points are neighbours on a closed curve through n points."""
    return (np.arange(n)[:, None] + _NEIGHBOURS) % n


@lru_cache
def _open(n: int) -> np.ndarray:
    """(n - 1, 4) The same on an open curve, with one more point before and after."""
    return np.arange(1, n)[:, None] + _NEIGHBOURS


def oval(x: float, y: float, rx: float, ry: float | None = None) -> np.ndarray:
    return _CIRCLE * (rx, rx if ry is None else ry) + (x, y)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, n=13) -> np.ndarray:
    """Open arc; angles in degrees, 0 = right, 90 = down."""
    return _unit_arc(start, end, n) * (rx, ry) + (x, y)


@lru_cache(512)
def _unit_arc(start, end, n) -> np.ndarray:
    a = np.linspace(start, end, n) * (np.pi / 180)
    return points_of(np.cos(a), np.sin(a))


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def rounded(x0: float, y0: float, x1: float, y1: float, r: float) -> np.ndarray:
    quarters = np.vstack([_unit_arc(a, a + 90, 5) for a in (0, 90, 180, 270)])
    middles = box(x1 - r, y1 - r, x0 + r, y0 + r)
    return quarters * r + np.repeat(middles, 5, axis=0)


def ribbon(points: np.ndarray, start: float, end: float | None = None) -> np.ndarray:
    """A curve made thick; the width runs from `start` to `end`."""
    p, along = points, np.empty_like(points)
    along[0], along[1:-1], along[-1] = p[1] - p[0], (p[2:] - p[:-2]) / 2, p[-1] - p[-2]
    x, y = along.T / (np.hypot(along[:, 0], along[:, 1]) + 1e-9)
    half = start / 2 if end is None else np.linspace(start, end, len(points)) / 2
    side = points_of(y * half, -x * half)
    return np.vstack([points + side, (points - side)[::-1]])


def move(points: np.ndarray, x: float, y: float) -> np.ndarray:
    return points + np.array([x, y])


def turn(points: np.ndarray, degrees: float) -> np.ndarray:
    """Turned clockwise (on the screen) around (0, 0)."""
    c, s = np.cos(degrees * np.pi / 180), np.sin(degrees * np.pi / 180)
    return points @ np.array([(c, s), (-s, c)])


# Onto the canvas.


def canvas_on(image: Image.Image) -> Canvas:
    """A canvas with this background, on which no part is drawn yet."""
    parts = Image.new("L", image.size)
    return Canvas(image, parts, ImageDraw.ImageDraw(image), ImageDraw.ImageDraw(parts))


def finish(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Canvas to picture (H, W, 3) uint8 and part numbers (H, W) uint8."""
    image = canvas.image.reduce(OVERSAMPLE)
    return np.asarray(image), np.asarray(canvas.parts.resize(image.size, Image.Resampling.NEAREST))


class Posed(NamedTuple):
    """Shapes, and how they are turned and shifted so that their box starts at (0, 0)."""

    shapes: list[Shape]
    outlines: np.ndarray  # (sum of V, 2): those of all shapes, turned and shifted
    matrix: np.ndarray  # (2, 2): turns and mirrors
    low: np.ndarray  # (2,): the corner of the turned shapes' box
    size: tuple[float, float]  # its width and height


def pose(shapes: list[Shape], degrees: float, mirror: bool) -> Posed:
    """Mirrored or not, then turned clockwise."""
    c, s = np.cos(degrees * np.pi / 180), np.sin(degrees * np.pi / 180)
    matrix = np.array([(-c if mirror else c, -s), (-s if mirror else s, c)])
    turned = np.concatenate([shape.points for shape in shapes]) @ matrix
    low = turned.min(0)
    outlines = turned - low
    return Posed(shapes, outlines, matrix, low, tuple(outlines.max(0).tolist()))


def box_at(thing: Posed, x: float, y: float, scale: float) -> Box:
    """The box of a thing whose corner is at (x, y), `scale` pixels to the unit."""
    return x, y, x + thing.size[0] * scale, y + thing.size[1] * scale


def paint(
    canvas: Canvas,
    thing: Posed,
    x: float,
    y: float,
    scale: float,
    numbers: dict[str, int] | None = None,
    hide=(),
) -> None:
    """Draw a thing with its box's corner at (x, y), `scale` final pixels to the unit.

    numbers: part name -> part number; None leaves the part numbers alone (background things).
    hide: names of parts that are left out.
    """
    scale, at = scale * OVERSAMPLE, np.array((x, y)) * OVERSAMPLE
    outlines = np.rint(thing.outlines * scale + at).astype(int)
    width = max(2, min(4, int(scale * 0.022 + 0.5)))
    end = 0
    for shape in thing.shapes:
        start, end = end, end + len(shape.points)
        if shape.part in hide:
            continue
        points = outlines[start:end]
        flat = points.ravel().tolist()
        canvas.pen.polygon(flat, fill=shape.colour)
        corner = (min(flat[::2]), min(flat[1::2]))
        size = (max(flat[::2]) - corner[0] + 1, max(flat[1::2]) - corner[1] + 1)
        if shape.marks or (shape.shade and max(size) >= 18):  # a small shaded side is not seen
            _decorate(canvas.image, thing, shape, points, corner, size, scale, at)
        if shape.outline:
            canvas.pen.line(flat + flat[:2], fill=mix(shape.colour, INK, 110 / 255), width=width)
        if numbers:
            canvas.part_pen.polygon(flat, fill=numbers[shape.part])
            if shape.outline:
                canvas.part_pen.line(flat + flat[:2], fill=numbers[shape.part], width=width)


def stain(image: Image.Image, colour: Colour, corner: tuple[int, int], mask: Image.Image) -> None:
    """Lay a colour over the image, as strong as the mask says, which starts at this corner."""
    # Pillow pastes an image of one colour twice as fast as the colour itself.
    image.paste(Image.new("RGB", mask.size, colour), corner, mask)


def _decorate(image, thing, shape, points, corner, size, scale, at):
    """Pattern and shaded side, cut to the shape.

    points (V, 2): its outline on the image; corner, size: the outline's box.
    scale, at: the thing's size and place on the image.
    """
    inside = points - corner
    cut = _layer(size, [inside.ravel().tolist()], 255)
    dark = _rim(size, inside, shape.shade) if shape.shade else Image.new("L", size)
    for mark in shape.marks:
        width = max(2, int(mark.width * scale + 0.5)) if mark.width else 0
        strokes = mark.strokes.swapaxes(0, 1) @ thing.matrix - thing.low  # (V, M, 2)
        strokes = np.rint(strokes * scale + (at - corner)).astype(int)
        pattern = _layer(size, _seen(strokes, size), mark.strength, width)
        if mark.colour is None:
            dark = ImageChops.add(dark, pattern)
        else:
            stain(image, mark.colour, corner, ImageChops.darker(cut, pattern))
    if dark.getbbox():
        stain(image, INK, corner, ImageChops.darker(cut, dark))


def _seen(strokes: np.ndarray, size) -> list[list[int]]:
    """The strokes (V, M, 2) that touch a layer of this size, as M lists x, y, x, y, ..."""
    seen = ((strokes.max(0) >= 0) & (strokes.min(0) < size)).all(1)
    return strokes[:, seen].swapaxes(0, 1).reshape(-1, 2 * len(strokes)).tolist()


_SHRINK = np.array([0.93, 0.82])[:, None, None]


def _rim(size, inside, strength) -> Image.Image:
    """The shaded side. The light comes from the upper left, so shrinking the outline towards
    that corner leaves a dark rim; done twice, the rim is soft. What is outside is dark, too."""
    layer = Image.new("L", size, strength)
    pen = ImageDraw.ImageDraw(layer)
    outlines = np.rint(inside * _SHRINK).astype(int).reshape(2, -1).tolist()
    for outline, left in zip(outlines, (strength // 2, 0), strict=True):
        pen.polygon(outline, fill=left)
    return layer


def _layer(size, polygons, strength, width=0) -> Image.Image:
    layer = Image.new("L", size)
    pen = ImageDraw.ImageDraw(layer)
    for flat in polygons:
        if width:
            pen.line(flat, fill=strength, width=width)
        else:
            pen.polygon(flat, fill=strength)
    return layer
