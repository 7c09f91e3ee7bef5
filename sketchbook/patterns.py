"""Patterns: arrays of strokes (M, V, 2) that fill a box (x0, y0, x1, y1) in thing coordinates."""

import numpy as np

from .draw import arc, oval, points_of


def stamp(area, template: np.ndarray, dx: float, dy: float, stagger=0.5) -> np.ndarray:
    """The template (V, 2) repeated on a grid whose odd rows are shifted by `stagger` steps."""
    x0, y0, x1, y1 = area
    column = np.arange(int((x1 - x0) / dx) + 2)[:, None]
    row = np.arange(int((y1 - y0) / dy) + 2)[:, None, None]
    x = x0 + (column + stagger * (row % 2) - 0.25) * dx + template[:, 0]
    y = y0 + row * dy + template[:, 1]
    return points_of(x, y).reshape(-1, len(template), 2)


def scales(area, step: float, flip: bool = False) -> np.ndarray:
    """Rows of arcs, open at the top (flip: at the bottom): fish scales, roof tiles, leaves."""
    x0, y0, x1, y1 = area
    high = 0.62 * step
    bow = arc(0, 0, step / 2, -high if flip else high, 180, 0, 6)
    column = np.arange(int((x1 - x0) / step) + 2)[:, None]
    row = np.arange(int((y1 - y0) / high) + 2)[:, None, None]
    x = bow[:, 0] + column * step + (x0 + step * (0.5 * (row % 2) - 0.25))
    return points_of(x, bow[:, 1] + (y0 + high * row)).reshape(len(row), -1, 2)


def plumes(area, step: float) -> np.ndarray:
    """Columns of arcs open to the right: feathers lying towards the tail."""
    x0, y0, x1, y1 = area
    strokes = scales((y0, -x1, y1, -x0), step)
    return points_of(-strokes[..., 1], strokes[..., 0])


def ticks(area, step: float, dx: float, dy: float) -> np.ndarray:
    return stamp(area, np.array([(0, 0), (dx, dy)], float), step, step)


def dots(area, step: float, r: float) -> np.ndarray:
    """Small filled ovals: draw with width 0."""
    return stamp(area, oval(0, 0, r)[::3], step, step)


def diamonds(area, step: float, r: float) -> np.ndarray:
    return stamp(area, np.array([(0, -r), (r, 0), (0, r), (-r, 0)], float), step, step)


def _heights(area, n: int) -> np.ndarray:
    """(n, 1) heights of n evenly spaced lines between top and bottom."""
    return np.arange(1, n + 1)[:, None] * ((area[3] - area[1]) / (n + 1)) + area[1]


def rows(area, n: int) -> np.ndarray:
    """n horizontal lines between top and bottom."""
    return points_of(np.array((area[0], area[2])), _heights(area, n))


def columns(area, n: int) -> np.ndarray:
    x0, y0, x1, y1 = area
    return rows((y0, x0, y1, x1), n)[:, :, ::-1]


def bricks(area, n: int) -> np.ndarray:
    """n courses of bricks."""
    h = (area[3] - area[1]) / n
    joints = stamp(area, np.array([(0, 0), (0, h)]), 2.2 * h, h)
    return np.concatenate([rows(area, n - 1), joints])


def zigzags(area, n: int, teeth: int) -> np.ndarray:
    """n horizontal zigzag lines."""
    x0, _, x1, _ = area
    high = (x1 - x0) / (2 * teeth)
    up = np.arange(2 * teeth + 1) % 2 * high
    return points_of(np.linspace(x0, x1, 2 * teeth + 1), _heights(area, n) + high / 2 - up)


def waves(area, n: int, crests: int, height: float) -> np.ndarray:
    """n horizontal wavy lines."""
    swing = height * np.sin(np.linspace(0, crests * 2 * np.pi, 6 * crests))
    return points_of(np.linspace(area[0], area[2], 6 * crests), _heights(area, n) + swing)


def fan(x: float, y: float, r0: float, r1: float, start: float, end: float, n: int) -> np.ndarray:
    """n spokes around (x, y) from radius r0 to r1; angles in degrees, 0 = right, 90 = down."""
    spokes = arc(0, 0, 1, 1, start, end, n)[:, None]
    return spokes * np.array([[r0], [r1]]) + (x, y)
