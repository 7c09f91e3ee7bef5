"""The ten classes: each function draws one thing from chance and a palette, part by part.

Coordinates are the thing's own: about one unit in size, y pointing down, facing right.
Shapes come back to front. PARTS lists the names in the order in which they are numbered.
"""

import numpy as np

from .colours import Palette
from .draw import (
    LIGHT,
    Mark,
    Shape,
    arc,
    bend,
    between,
    box,
    chance,
    corners,
    darker,
    lighter,
    mix,
    oval,
    pick,
    ribbon,
    rounded,
    smooth,
    turn,
    whole,
)
from .patterns import (
    bricks,
    columns,
    diamonds,
    dots,
    fan,
    plumes,
    rows,
    scales,
    stamp,
    ticks,
    waves,
    zigzags,
)

PARTS = {
    "bird": ("tail", "legs", "body", "wing", "head", "beak", "eye"),
    "fish": ("tail", "fins", "body", "gill", "mouth", "eye"),
    "car": ("body", "cabin", "windows", "door", "wheels", "lights"),
    "house": ("wall", "roof", "chimney", "door", "windows"),
    "tree": ("trunk", "crown", "fruit"),
    "boat": ("hull", "mast", "sail", "flag"),
    "cup": ("saucer", "handle", "bowl", "drink"),
    "flower": ("stem", "leaves", "petals", "centre"),
    "lamp": ("foot", "pole", "bulb", "shade"),
    "mushroom": ("stem", "ring", "gills", "cap", "dots"),
}


def soft(strokes, width=0.022, strength=120) -> Mark:
    """Pattern lines a little darker than what they lie on."""
    return Mark(strokes, None, width, strength // 2)


def bird(rng, c: Palette):
    long, plump, up = between(rng, 0.5, 0.9), between(rng, 0.3, 0.42), between(rng, -0.34, 0.05)
    leg, bill = between(rng, 0.1, 0.32), between(rng, 0.16, 0.4)
    step = between(rng, 0.13, 0.19)
    tip = (-0.4 - long * 0.6, up)
    tail = pick(rng, (lambda: corners((-0.3, -0.1), tip, (tip[0] + 0.06, up + 0.2), (-0.3, 0.14)),
                      lambda: smooth((-0.3, -0.08), (tip[0], up - 0.04), (tip[0] - 0.02, up + 0.2),
                                     (-0.3, 0.16)),
                      lambda: corners((-0.3, -0.08), (tip[0], up - 0.1), (tip[0] + 0.16, up + 0.1),
                                      (tip[0], up + 0.28), (-0.3, 0.16))))()
    vanes = fan(-0.2, 0.05, 0.1, 1.2, 160, 215, 7)
    ground = plump + leg
    legs = [ribbon(bend((x, 0.2), (x + 0.03, ground - 0.04), (x + 0.14, ground)), 0.05)
            for x in (-0.08, 0.12)]
    body = smooth((-0.5, 0.0), (-0.2, -plump * 0.8), (0.15, -plump), (0.46, -plump * 0.7),
                  (0.52, 0.05), (0.32, plump * 0.86), (0, plump), (-0.34, plump * 0.7))
    belly = smooth((-0.3, 0.2), (0.1, 0.1), (0.56, -0.1), (0.6, 0.4), (0.1, 0.55))
    wing = smooth((0.26, -0.14), (0.18, 0.1), (-0.16, 0.22), (-0.64, between(rng, -0.1, 0.24)),
                  (-0.3, -0.12), (0.05, -0.24))
    hx, hy, r = 0.44, -plump - between(rng, 0, 0.12), between(rng, 0.2, 0.25)
    cap = oval(hx - 0.05, hy - 0.16, r * 1.1, 0.16)[None]
    beak = pick(rng, (corners((hx + r * 0.75, hy - 0.09), (hx + r + bill, hy + 0.03),
                              (hx + r * 0.75, hy + 0.12)),
                      smooth((hx + r * 0.7, hy - 0.1), (hx + r + bill * 0.8, hy),
                             (hx + r + bill, hy + 0.14), (hx + r * 0.7, hy + 0.12))))
    eye = (hx + r * 0.3, hy - r * 0.12)
    return [Shape("tail", tail, c.second, (soft(vanes),)),
            *(Shape("legs", leg, c.deep, shade=0) for leg in legs),
            Shape("body", body, c.main, (Mark(belly[None], c.pale, 0, 210),
                                         soft(plumes((-0.6, -0.45, 0.6, 0.45), step)))),
            Shape("wing", wing, c.second,
                  (soft(plumes((-0.7, -0.3, 0.3, 0.3), step * 0.9), 0.026, 150),)),
            Shape("head", oval(hx, hy, r), c.main, (Mark(cap, c.accent, 0, 220 * chance(rng, 0.5)),
                                                    soft(plumes((hx - r, hy - r, hx, hy + r),
                                                                step * 0.8), strength=90))),
            Shape("beak", beak, c.accent),
            Shape("eye", oval(*eye, 0.065), LIGHT,
                  (Mark(oval(eye[0] + 0.015, eye[1], 0.04)[None], c.deep, 0, 255),), 0)]


def fish(rng, c):
    tall, step = between(rng, 0.24, 0.42), between(rng, 0.15, 0.21)
    fork, fin = between(rng, 0.02, 0.16), between(rng, 0.12, 0.26)
    tail = smooth((-0.38, 0), (-0.6, -0.16), (-0.86, -0.32), (-0.76 + fork, 0), (-0.86, 0.32),
                  (-0.6, 0.16))
    top = pick(rng, (lambda: smooth((-0.3, -tall * 0.5), (-0.22, -tall - fin),
                                    (0.05, -tall - fin * 0.9), (0.26, -tall * 0.8)),
                     lambda: corners((-0.3, -tall * 0.5), (-0.2, -tall - fin),
                                     (0.26, -tall * 0.8))))()
    under = smooth((-0.2, tall * 0.6), (-0.26, tall + fin * 0.7), (-0.1, tall + fin * 0.6),
                   (0.1, tall * 0.8))
    body = smooth((-0.5, 0), (-0.25, -tall * 0.8), (0.1, -tall), (0.42, -tall * 0.62),
                  (0.62, -0.02), (0.42, tall * 0.66), (0.1, tall), (-0.25, tall * 0.8))
    bands = columns((-0.6, -0.5, 0.3, 0.5), whole(rng, 3, 5))
    side = smooth((0.06, 0.04), (-0.1, -0.05), (-0.3, 0.02), (-0.26, 0.2), (-0.06, 0.17))
    vein = darker(c.second, 0.4)
    pattern: tuple[Mark, ...] = (soft(scales((-0.55, -0.5, 0.28, 0.5), step), 0.024, 150),)
    if chance(rng, 0.4):
        pattern = (Mark(bands, c.pale, 0.09, 200), *pattern)
    return [Shape("tail", tail, c.second,
                  (Mark(fan(-0.35, 0, 0.1, 0.7, 140, 220, 8), vein, 0.022, 140),)),
            Shape("fins", top, c.second,
                  (Mark(ticks((-0.4, -0.8, 0.4, 0), 0.09, -0.06, -0.2), vein, 0.02, 120),)),
            Shape("fins", under, c.second, shade=40),
            Shape("body", body, c.main, pattern),
            Shape("gill",
                  smooth((0.3, -tall * 0.74), (0.44, -tall * 0.55), (0.6, -0.03),
                         (0.44, tall * 0.55), (0.3, tall * 0.72), (0.24, 0)), lighter(c.main, 0.3),
                  shade=40),
            Shape("fins", side, c.accent,
                  (Mark(fan(0.1, 0.05, 0.05, 0.5, 150, 200, 5), darker(c.accent), 0.02),)),
            Shape("mouth", smooth((0.5, 0.04), (0.6, 0.0), (0.68, 0.05), (0.6, 0.12)), c.accent,
                  shade=30),
            Shape("eye", oval(0.42, -0.1, 0.075), LIGHT,
                  (Mark(oval(0.435, -0.1, 0.045)[None], c.deep, 0, 255),), 0)]


def car(rng, c):
    nose, roof, sill = between(rng, 0.5, 0.68), between(rng, 0.26, 0.4), between(rng, 0.22, 0.3)
    r = between(rng, 0.14, 0.19)
    back = pick(rng, (-0.62, -0.5, -0.36))
    body = smooth((-0.72, 0.06), (-0.7, -0.14), (-0.45, -0.17), (0.2, -0.17), (nose, -0.12),
                  (0.76, 0.02), (0.76, sill - 0.08), (0.5, sill), (-0.5, sill),
                  (-0.73, sill - 0.06))
    cabin = corners((back - 0.04, -0.12), (back + 0.08, -0.12 - roof), (0.14, -0.12 - roof),
                    (0.4, -0.12))
    top = -0.12 - roof + 0.07
    glass = mix((206, 232, 240), c.pale, 0.3)
    shine = ticks((-0.8, -0.8, 0.6, 0.1), 0.2, 0.09, -0.16)
    panes = [corners((back + 0.06, -0.15), (back + 0.13, top), (-0.12, top), (-0.12, -0.15)),
             corners((-0.06, -0.15), (-0.06, top), (0.12, top), (0.31, -0.15))]
    paint_work = pick(rng, (
        (Mark(rows((-0.8, -0.2, 0.8, 0.3), 1), c.pale, 0.1, 230),),
        (Mark(dots((-0.8, -0.2, 0.8, 0.3), 0.17, 0.045), c.pale, 0, 220),),
        (Mark(box(-0.9, 0.06, 0.9, 0.4)[None], c.second, 0, 255),),
        (Mark(ticks((-0.9, -0.2, 0.9, 0.4), 0.2, 0.14, -0.28), c.pale, 0.07, 180),),
    ))
    seams = soft(rows((-0.8, 0.06, 0.8, sill), 2))
    shapes = [Shape("cabin", cabin, lighter(c.main, 0.12),
                    (soft(rows((-0.7, -0.6, 0.5, -0.1), 5), strength=70),)),
              *(Shape("windows", p, glass, (Mark(shine, LIGHT, 0.045, 200),), 25) for p in panes),
              Shape("body", body, c.main, (*paint_work, seams)),
              Shape("door", rounded(-0.34, -0.13, -0.02, sill - 0.04, 0.05), lighter(c.main, 0.18),
                    (*paint_work, Mark(corners((-0.12, 0), (-0.06, 0))[None], c.deep, 0.04, 255))),
              Shape("lights", oval(0.71, -0.02, 0.05, 0.06), (255, 236, 160), shade=0),
              Shape("lights", oval(-0.7, -0.02, 0.03, 0.06), (214, 84, 72), shade=0)]
    for x in (-0.42, 0.44):
        spokes = Mark(fan(x, sill, 0, r, 0, 300, whole(rng, 5, 7)), c.deep, 0.03, 220)
        shapes.append(Shape("wheels", oval(x, sill, r), darker(c.deep, 0.5)))
        shapes.append(Shape("wheels", oval(x, sill, r * 0.62), c.pale, (spokes,), 0))
    return shapes


def house(rng, c):
    w, h, peak = between(rng, 0.36, 0.56), between(rng, 0.4, 0.7), between(rng, 0.26, 0.5)
    flat = pick(rng, (0.0, 0.0, 0.3)) * w
    wall = box(-w, -h, w, 0)
    masonry = pick(rng, (lambda: bricks((-w, -h, w, 0), whole(rng, 5, 8)),
                         lambda: rows((-w, -h, w, 0), whole(rng, 5, 8)),
                         lambda: columns((-w, -h, w, 0), whole(rng, 6, 9))))()
    roof = corners((-w - 0.1, -h + 0.03), (-flat, -h - peak), (flat, -h - peak),
                   (w + 0.1, -h + 0.03))
    area = (-w - 0.2, -h - peak, w + 0.2, -h + 0.1)
    tiles = pick(rng,
                 (lambda: scales(area, 0.13), lambda: rows(area, 5), lambda: bricks(area, 5)))()
    cx = w * pick(rng, (-0.5, 0.5))
    chimney = box(cx - 0.07, -h - peak * 0.95, cx + 0.07, -h - peak * 0.2)
    dx = w * pick(rng, (-0.45, 0.0, 0.45))
    door = pick(rng, (box(dx - 0.1, -0.34, dx + 0.1, 0),
                      np.vstack([arc(dx, -0.26, 0.1, 0.1, 180, 360, 9),
                                 corners((dx + 0.1, 0), (dx - 0.1, 0))])))
    boards = soft(columns((dx - 0.1, -0.4, dx + 0.1, 0), 2))
    knob = Mark(oval(dx + 0.055, -0.15, 0.02)[None], c.pale, 0, 255)
    wide, y = between(rng, 0.075, 0.1), -h + between(rng, 0.1, 0.14)
    sides = (-0.55 * w, 0.55 * w)
    spots = [(x, y) for x in sides]
    spots += [(x, -0.17) for x in sides if abs(x - dx) > 0.2 and h > 0.52]
    if flat == 0 and peak > 0.36:
        spots.append((0, -h - peak * 0.32))
    shapes = [Shape("chimney", chimney, c.accent,
                    (soft(bricks((cx - 0.07, -h - peak, cx + 0.07, -h), 8)),)),
              Shape("wall", wall, c.pale if chance(rng, 0.4) else c.second, (soft(masonry, 0.02),)),
              Shape("roof", roof, c.main, (soft(tiles, 0.026, 140),)),
              Shape("door", door, c.accent, (boards, knob), 40)]
    for x, y in spots:
        cross = np.array([[(x - wide, y), (x + wide, y)], [(x, y - 0.2), (x, y + 0.2)]])
        glass = mix((255, 226, 150), (196, 224, 236), rng.random())
        pane = rounded(x - wide, y - wide * 1.1, x + wide, y + wide * 1.1, 0.02)
        shapes.append(Shape("windows", pane, glass, (Mark(cross, c.deep, 0.025, 230),), 0))
    return shapes


def tree(rng, c):
    kind, tall = whole(rng, 0, 3), between(rng, 0.25, 0.5)
    trunk = smooth((-0.14, 0), (-0.07, -0.15), (-0.06, -tall - 0.2), (0.06, -tall - 0.2),
                   (0.07, -0.15), (0.15, 0))
    bark = (soft(ticks((-0.2, -tall - 0.3, 0.2, 0.1), 0.06, 0.01, 0.09), 0.018, 150),)
    area = (-0.7, -tall - 1.1, 0.7, -tall + 0.3)
    leaves = pick(rng, (lambda: scales(area, 0.15),
                        lambda: scales(area, 0.15, flip=True),
                        lambda: zigzags(area, 11, 9),
                        lambda: ticks(area, 0.16, 0.05, 0.09)))()
    marks = (soft(leaves, 0.024, 130),)
    top = -tall
    if kind == 0:  # a round crown of clusters
        blobs = [(-0.3, -0.12, 0.28), (0.3, -0.14, 0.27), (-0.14, -0.45, 0.28), (0.2, -0.42, 0.26),
                 (0, -0.2, 0.34)]
        crowns = [oval(x * between(rng, 0.7, 1.1), top + y, r) for x, y, r in blobs]
    elif kind == 1:  # a fir
        crowns = [smooth((-w, top + y + 0.02), (-w * 0.45, top + y - 0.22), (0, top + y - 0.42),
                         (w * 0.45, top + y - 0.22), (w, top + y + 0.02), (0, top + y + 0.09))
                  for y, w in ((0.1, 0.48), (-0.14, 0.39), (-0.38, 0.28))]
    elif kind == 2:  # a poplar
        w = between(rng, 0.24, 0.34)
        crowns = [smooth((0, top + 0.14), (-w, top - 0.06), (-w * 0.8, top - 0.5), (0, top - 0.85),
                         (w * 0.8, top - 0.5), (w, top - 0.06))]
    else:  # one broad dome
        w = between(rng, 0.44, 0.6)
        crowns = [smooth((-w, top), (-w * 0.85, top - 0.28), (-w * 0.3, top - 0.5),
                         (w * 0.35, top - 0.5), (w * 0.85, top - 0.26), (w, top),
                         (w * 0.4, top + 0.12), (-w * 0.4, top + 0.12))]
    shades = (darker(c.main, 0.1), c.main, lighter(c.main, 0.1))
    spread = 0.28 if kind != 2 else 0.16
    fruit = [(between(rng, -spread, spread), top - between(rng, 0, 0.4))
             for _ in range(whole(rng, 3, 6))]
    shapes = [Shape("trunk", trunk, c.second, bark)]
    shapes += [Shape("crown", p, shades[i % 3], marks) for i, p in enumerate(crowns)]
    if kind != 1 and chance(rng, 0.5):
        shapes += [Shape("fruit", oval(x, y, 0.05), c.accent) for x, y in fruit]
    return shapes


def boat(rng, c):
    w, deep, tall = between(rng, 0.5, 0.7), between(rng, 0.22, 0.34), between(rng, 0.6, 0.95)
    hull = smooth((-w, -deep), (-w * 0.5, -deep * 0.84), (0, -deep * 0.8), (w * 0.6, -deep * 0.86),
                  (w, -deep * 1.1), (w * 0.8, -0.06), (w * 0.4, 0), (-w * 0.5, 0),
                  (-w * 0.86, -0.08))
    planks = soft(waves((-w, -deep, w, 0.04), 3, 1, 0.012), 0.026, 170)
    nails = soft(ticks((-w, -deep, w, 0.1), 0.16, 0, 0.07), 0.02, 120)
    band = Mark(corners((-w, -deep * 0.86), (0, -deep * 0.72), (w, -deep * 0.98))[None], c.pale,
                0.07, 230)
    x = between(rng, -0.12, 0.12)
    top = -deep - tall
    big = pick(rng, (corners((x + 0.04, top + 0.04), (x + w * 0.85, -deep - 0.06),
                             (x + 0.04, -deep - 0.06)),
                     smooth((x + 0.05, top + 0.08), (x + w * 0.55, -deep - tall * 0.4),
                            (x + w * 0.62, -deep - 0.08), (x + 0.05, -deep - 0.1)),
                     corners((x - w * 0.5, top + 0.1), (x + w * 0.5, top + 0.1),
                             (x + w * 0.62, -deep - 0.1), (x - w * 0.62, -deep - 0.1))))
    small = corners((x - 0.04, top + 0.16), (x - 0.04, -deep - 0.07), (x - w * 0.75, -deep - 0.07))
    area = (-1, top, 1, -deep)
    sun = Mark(oval(x + 0.18, -deep - tall * 0.35, 0.1)[None], c.accent, 0, 230)
    seams = pick(rng, (lambda: (soft(rows(area, 5)),),
                       lambda: (Mark(rows(area, 3), c.accent, 0.09, 200),),
                       lambda: (soft(columns(area, 11)),),
                       lambda: (soft(rows(area, 5)), sun)))()
    flag = corners((x, top - 0.14), (x + 0.2, top - 0.08), (x, top - 0.02))
    shapes = [Shape("mast", box(x - 0.025, top - 0.14, x + 0.025, -deep * 0.7), c.deep, shade=0),
              Shape("flag", flag, c.accent, shade=30)]
    if big[0][0] > x and chance(rng, 0.7):
        shapes.append(Shape("sail", small, lighter(c.second, 0.5), seams))
    return [*shapes,
            Shape("sail", big, c.second, seams),
            Shape("hull", hull, c.main, (band, planks, nails))]


def cup(rng, c):
    w, h, foot = between(rng, 0.3, 0.42), between(rng, 0.45, 0.75), between(rng, 0.5, 0.95)
    rim = w * 0.22
    bowl = np.vstack([bend((w, -h), (w * (foot + 1) / 2 + 0.02, -h * 0.4), (w * foot, -0.05)),
                      arc(0, -0.05, w * foot, rim * 0.6, 0, 180, 11),
                      bend((-w * foot, -0.05), (-w * (foot + 1) / 2 - 0.02, -h * 0.4), (-w, -h)),
                      arc(0, -h, w, rim, 180, 0, 11)])
    area = (-w - 0.1, -h - 0.05, w + 0.1, 0.1)
    decor = pick(rng, (lambda: (Mark(rows(area, whole(rng, 2, 4)), c.second, 0.08, 240),),
                       lambda: (Mark(dots(area, between(rng, 0.15, 0.2), 0.05), c.second, 0, 240),),
                       lambda: (Mark(zigzags(area, 3, 5), c.second, 0.05, 240),),
                       lambda: (Mark(columns(area, 6), c.second, 0.05, 240),),
                       lambda: (Mark(waves(area, 3, 3, 0.04), c.second, 0.05, 240),),
                       lambda: (Mark(diamonds(area, 0.2, 0.06), c.second, 0, 240),)))()
    big = between(rng, 0.13, 0.19)
    handle = ribbon(arc(w * 0.93, -h * 0.55, big * 1.2, big, -100, 115, 15), 0.075)
    ring = Mark(oval(0, -0.01, w * 1.15, 0.08)[None], darker(c.accent, 0.3), 0.025, 160)
    saucer = Shape("saucer", oval(0, 0.0, w * 1.45, 0.12), c.accent, (ring,))
    return [*[saucer] * chance(rng, 0.6),
            Shape("handle", handle, darker(c.main, 0.08), shade=40),
            Shape("bowl", bowl, c.main, decor, 90),
            Shape("drink", oval(0, -h, w, rim), lighter(c.main, 0.5),
                  (Mark(oval(0, -h + rim * 0.25, w * 0.86, rim * 0.78)[None],
                        pick(rng, ((120, 78, 62), (198, 140, 84), (150, 76, 70))), 0, 255),), 0)]


def flower(rng, c):
    tall, n, lean = between(rng, 0.45, 0.8), whole(rng, 5, 9), between(rng, -0.15, 0.15)
    stem = bend((0, 0), (lean * 0.3, -tall * 0.5), (lean, -tall))
    green = mix(c.second, (104, 148, 104), 0.6)
    leaf = smooth((0, 0), (0.16, -0.1), (0.4, -0.08), (0.2, 0.04))
    rib = soft(np.array([[(0, 0), (0.4, -0.08)], [(0.1, -0.02), (0.18, -0.1)],
                         [(0.18, -0.03), (0.28, -0.09)]]))
    leaves = []
    for side in (1, -1):
        at = (lean * 0.3 * side, -tall * between(rng, 0.15, 0.45))
        leaves.append(Shape("leaves", leaf * (side, 1) + at, green,
                            (rib._replace(strokes=rib.strokes * (side, 1) + at),), 40))
    x, y, r, fat = lean, -tall - 0.1, between(rng, 0.3, 0.42), between(rng, 0.8, 1.15) * 2.0 / n
    petal = pick(rng, (smooth((0.06, 0), (r * 0.5, -fat * 0.5 * r), (r, -fat * 0.6 * r),
                              (r * 1.1, 0), (r, fat * 0.6 * r), (r * 0.5, fat * 0.5 * r)),
                       smooth((0.06, 0), (r * 0.55, -fat * 0.75 * r), (r * 1.2, 0),
                              (r * 0.55, fat * 0.75 * r)),
                       smooth((0.06, 0), (r * 0.7, -fat * 0.8 * r), (r * 1.1, -fat * 0.4 * r),
                              (r, 0), (r * 1.1, fat * 0.4 * r), (r * 0.7, fat * 0.8 * r))))
    veins = fan(0, 0, 0.1, r * 0.95, -14, 14, 3)
    start = rng.random() * 360
    petals, middle = [], np.array([x, y])
    for i in range(n):
        a = start + i * 360 / n
        mark = soft(turn(veins, a) + middle, 0.02, 130)
        petals.append(Shape("petals", turn(petal, a) + middle,
                            (c.main, lighter(c.main, 0.12))[i % 2], (mark,), 50))
    heart = between(rng, 0.1, 0.15)
    seeds = Mark(dots((x - heart, y - heart, x + heart, y + heart), 0.06, 0.016),
                 darker(c.accent, 0.5), 0, 180)
    return [Shape("stem", ribbon(stem, 0.055), darker(green, 0.1), shade=0),
            *leaves,
            *petals,
            Shape("centre", oval(x, y, heart), c.accent, (seeds,))]


def lamp(rng, c):
    tall, wide, high = between(rng, 0.4, 0.8), between(rng, 0.3, 0.48), between(rng, 0.32, 0.5)
    neck, top = between(rng, 0.35, 0.7), -tall - high
    cloth = pick(rng, (lambda: corners((-wide * neck, top), (wide * neck, top), (wide, -tall),
                                       (-wide, -tall)),
                       lambda: smooth((-wide * neck, top), (wide * neck, top),
                                      (wide * 0.85, -tall - high * 0.45), (wide, -tall),
                                      (-wide, -tall), (-wide * 0.85, -tall - high * 0.45)),
                       lambda: arc(0, -tall, wide, high, 180, 360, 15)))()
    y = top - high * neck / (1 - neck) * 0.9
    pleats = soft(fan(0, y, 0.05, 3, 50, 130, whole(rng, 11, 17)), 0.022, 140)
    trim = pick(rng, (
        (Mark(corners((-1, -tall - 0.02), (1, -tall - 0.02))[None], c.accent, 0.07, 240),),
        (Mark(rows((-1, top, 1, -tall), 2), c.accent, 0.05, 220),),
        (Mark(dots((-0.6, top, 0.6, -tall), 0.15, 0.035), c.pale, 0, 230),),
    ))
    if chance(rng, 0.5):  # a vase
        w = between(rng, 0.14, 0.24)
        pole = smooth((-0.05, -tall), (-0.06, -tall * 0.8), (-w, -tall * 0.4), (-w * 0.6, -0.04),
                      (w * 0.6, -0.04), (w, -tall * 0.4), (0.06, -tall * 0.8), (0.05, -tall))
        rings = Mark(pick(rng, (rows, zigzags_band, waves_band))((-0.3, -tall, 0.3, 0), 4), c.pale,
                     0.03, 200)
    else:
        pole = box(-0.035, -tall - 0.05, 0.035, -0.04)
        rings = Mark(rows((-0.3, -tall, 0.3, 0), 5), c.pale, 0.04, 200)
    foot = pick(rng, (smooth((-0.24, 0), (-0.2, -0.05), (0, -0.09), (0.2, -0.05), (0.24, 0),
                             (0, 0.03)),
                      rounded(-0.22, -0.07, 0.22, 0.0, 0.03)))
    return [Shape("foot", foot, c.deep, shade=40),
            Shape("pole", pole, c.second, (rings,)),
            Shape("bulb", oval(0, -tall + 0.01, 0.075), (255, 240, 176), shade=0),
            Shape("shade", cloth, c.main, (pleats, *trim), 80)]


def zigzags_band(area, n):
    return zigzags(area, n, 5)


def waves_band(area, n):
    return waves(area, n, 4, 0.03)


def mushroom(rng, c):
    tall, w, h = between(rng, 0.35, 0.65), between(rng, 0.36, 0.55), between(rng, 0.28, 0.48)
    fat, bow = between(rng, 0.1, 0.17), between(rng, -0.06, 0.06)
    stem = smooth((-fat * 1.25, 0), (-fat + bow, -tall * 0.5), (-fat * 0.8, -tall),
                  (fat * 0.8, -tall), (fat + bow, -tall * 0.5), (fat * 1.25, 0))
    streaks = soft(ticks((-0.3, -tall, 0.3, 0.05), 0.075, 0.01, 0.11), 0.018, 110)
    cap = pick(rng, (lambda: np.vstack([arc(0, -tall, w, h, 180, 360, 19),
                                        arc(0, -tall, w, 0.09, 0, 180, 9)[1:-1]]),
                     lambda: smooth((-w, -tall), (-w * 0.6, -tall - h * 0.6), (0, -tall - h * 1.2),
                                    (w * 0.6, -tall - h * 0.6), (w, -tall), (0, -tall + 0.09)),
                     lambda: smooth((-w * 1.05, -tall - 0.02), (-w * 0.8, -tall - h * 0.55),
                                    (0, -tall - h * 0.75), (w * 0.8, -tall - h * 0.55),
                                    (w * 1.05, -tall - 0.02), (0, -tall + 0.07))))()
    gills = smooth((-w * 0.9, -tall), (0, -tall + 0.13), (w * 0.9, -tall), (0, -tall - 0.05))
    spots = []
    for x, y, r in ((-0.55, 0.32, 0.07), (0.0, 0.55, 0.085), (0.5, 0.36, 0.075), (-0.2, 0.2, 0.06),
                    (0.22, 0.14, 0.05), (0.76, 0.1, 0.045), (-0.8, 0.08, 0.04)):
        x, y = x + between(rng, -0.08, 0.08), y + between(rng, -0.05, 0.05)
        spots.append(Shape("dots", oval(x * w, -tall - y * h, r, r * 0.85), c.pale, shade=25))
    skin = soft(pick(rng, (fan(0, -tall + 0.1, 0.2, 1, 190, 350, 11),
                           stamp((-0.6, -tall - 0.6, 0.6, -tall + 0.1),
                                 arc(0, 0, 0.05, 0.03, 180, 360, 4), 0.16, 0.1))), 0.02, 100)
    collar = smooth((-fat - 0.06, -tall * 0.62), (0, -tall * 0.7), (fat + 0.06, -tall * 0.62),
                    (0, -tall * 0.52))
    return [Shape("stem", stem, c.pale, (streaks,)),
            *[Shape("ring", collar, mix(c.pale, c.second, 0.3), shade=40)] * chance(rng, 0.5),
            Shape("gills", gills, mix(c.pale, c.deep, 0.35),
                  (soft(fan(0, -tall - 0.25, 0, 1, 30, 150, 17), 0.018),), 0),
            Shape("cap", cap, c.main, (skin,), 85),
            *spots[: whole(rng, 3, 7)]]


THINGS = {f.__name__: f for f in (bird, fish, car, house, tree, boat, cup, flower, lamp, mushroom)}
