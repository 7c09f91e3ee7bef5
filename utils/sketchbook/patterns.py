"""Patterns: arrays of strokes (M, V, 2) that fill a box (x0, y0, x1, y1) in thing coordinates."""

import numpy as np

from .draw import arc, oval


def _grid(area, dx, dy, stagger=0.5) -> np.ndarray:
    """Points of a grid whose odd rows are shifted by `stagger` steps: (M, 1, 2)."""
    x0, y0, x1, y1 = area
    y, x = np.mgrid[0 : int((y1 - y0) / dy) + 2, 0 : int((x1 - x0) / dx) + 2].astype(float)
    points = np.stack([x0 + (x + stagger * (y % 2) - 0.25) * dx, y0 + y * dy], -1)
    return points.reshape(-1, 1, 2)


def stamp(area, template: np.ndarray, dx: float, dy: float, stagger=0.5) -> np.ndarray:
    """The template repeated on a staggered grid."""
    return _grid(area, dx, dy, stagger) + template


def scales(area, step: float, flip: bool = False) -> np.ndarray:
    """Rows of arcs, open at the top (flip: at the bottom): fish scales, roof tiles, leaves."""
    x0, y0, x1, y1 = area
    high = 0.62 * step
    bow = arc(0, 0, step / 2, -high if flip else high, 180, 0, 6)
    row = (bow + np.arange(int((x1 - x0) / step) + 2)[:, None, None] * (step, 0)).reshape(-1, 2)
    y = np.arange(int((y1 - y0) / high) + 2)
    start = np.stack([x0 + step * (0.5 * (y % 2) - 0.25), y0 + high * y], -1)
    return row + start[:, None]


def plumes(area, step: float) -> np.ndarray:
    """Columns of arcs open to the right: feathers lying towards the tail."""
    x0, y0, x1, y1 = area
    return scales((y0, -x1, y1, -x0), step)[:, :, ::-1] * (-1, 1)


def ticks(area, step: float, dx: float, dy: float) -> np.ndarray:
    return stamp(area, np.array([(0, 0), (dx, dy)], float), step, step)


def dots(area, step: float, r: float) -> np.ndarray:
    """Small filled ovals: draw with width 0."""
    return stamp(area, oval(0, 0, r)[::3], step, step)


def diamonds(area, step: float, r: float) -> np.ndarray:
    return stamp(area, np.array([(0, -r), (r, 0), (0, r), (-r, 0)], float), step, step)


def rows(area, n: int) -> np.ndarray:
    """n horizontal lines between top and bottom."""
    x0, y0, x1, y1 = area
    y = np.linspace(y0, y1, n + 2)[1:-1]
    return np.stack([np.stack([np.full(n, x), y], -1) for x in (x0, x1)], 1)


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
    x = np.linspace(x0, x1, 2 * teeth + 1)
    up = np.arange(2 * teeth + 1) % 2 * (x1 - x0) / (2 * teeth)
    return np.stack([np.stack([x, y - up], -1) for y in rows(area, n)[:, 0, 1] + up[1] / 2])


def waves(area, n: int, crests: int, height: float) -> np.ndarray:
    """n horizontal wavy lines."""
    x = np.linspace(area[0], area[2], 6 * crests)
    swing = height * np.sin(np.linspace(0, crests * 2 * np.pi, 6 * crests))
    return np.stack([np.stack([x, y + swing], -1) for y in rows(area, n)[:, 0, 1]])


def fan(x: float, y: float, r0: float, r1: float, start: float, end: float, n: int) -> np.ndarray:
    """n spokes around (x, y) from radius r0 to r1; angles in degrees, 0 = right, 90 = down."""
    a = np.linspace(start, end, n) * (np.pi / 180)
    spoke = np.stack([np.cos(a), np.sin(a)], -1)[:, None]
    return spoke * np.array([[r0], [r1]]) + (x, y)
