"""Further things, for the worlds that hold several at once, and how large each of them may be.

Drawn like `things`, but without named parts: every shape's part is "".
"""

import numpy as np

from .backdrops import ball, frame, rug, star
from .draw import (
    LIGHT,
    Colour,
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
    move,
    oval,
    pick,
    ribbon,
    rounded,
    smooth,
    turn,
)
from .patterns import columns, dots, fan, rows, ticks, waves
from .things import soft

STEEL: Colour = (196, 204, 210)
PORCELAIN: Colour = (246, 244, 240)
GLASS: Colour = (196, 222, 234)


def part(points, colour, *marks, shade=50, outline=True) -> Shape:
    return Shape("", points, colour, marks, shade, outline)


def table(rng, c):
    top = rounded(-0.6, -0.5, 0.6, -0.42, 0.03)
    legs = [part(corners((x - 0.04, -0.44), (x + 0.04, -0.44), (x + 0.025, 0), (x - 0.025, 0)),
                 darker(c.second, 0.15))
            for x in (-0.5, 0.5)]
    skirt = box(-0.54, -0.43, 0.54, -0.36)
    return [*legs,
            part(skirt, darker(c.second, 0.1)),
            part(top, c.second, soft(rows((-1, -0.5, 1, -0.42), 2)))]


def chair(rng, c):
    back = rounded(-0.2, -1.0, 0.2, -0.56, 0.07)
    legs = [box(x - 0.03, -0.46, x + 0.03, 0) for x in (-0.2, 0.2)]
    slats = soft(columns((-0.2, -1, 0.2, -0.5), 3), 0.03)
    return [*(part(leg, darker(c.second, 0.2)) for leg in legs),
            part(back, c.second, slats),
            part(rounded(-0.26, -0.54, 0.26, -0.42, 0.05), c.main)]


def stove(rng, c):
    rings = np.stack([oval(x, -0.83, 0.1, 0.03) for x in (-0.2, 0.2)])
    knobs = np.stack([oval(x, -0.72, 0.03)[::2] for x in (-0.27, -0.09, 0.09, 0.27)])
    oven = rounded(-0.28, -0.6, 0.28, -0.14, 0.04)
    return [part(box(-0.4, -0.8, 0.4, 0), c.pale, Mark(knobs, c.deep, 0, 230)),
            part(box(-0.42, -0.88, 0.42, -0.79), STEEL, Mark(rings, (70, 64, 80), 0, 230)),
            part(oven, mix(c.deep, (60, 60, 70), 0.5),
                 Mark(ticks((-0.3, -0.6, 0.3, 0), 0.2, 0.1, -0.14), LIGHT, 0.03, 110)),
            part(box(-0.24, -0.66, 0.24, -0.63), STEEL, shade=0)]


def pot(rng, c):
    return [part(ribbon(arc(0, -0.3, 0.42, 0.1, 180, 360, 9), 0.05), c.deep, shade=0),
            part(rounded(-0.34, -0.36, 0.34, 0, 0.1), c.main, soft(rows((-0.4, -0.4, 0.4, 0), 2))),
            part(smooth((-0.36, -0.35), (0, -0.46), (0.36, -0.35)), lighter(c.main, 0.2)),
            part(oval(0, -0.46, 0.05), c.deep, shade=0)]


def fridge(rng, c):
    handles = np.array([[(-0.2, -1.0), (-0.2, -0.85)], [(-0.2, -0.65), (-0.2, -0.35)]])
    notes = np.stack([box(x, y, x + 0.09, y + 0.1) for x, y in ((0.02, -0.62), (0.14, -0.5))])
    return [part(rounded(-0.28, -1.2, 0.28, 0, 0.06), lighter(c.main, 0.3),
                 soft(np.array([[(-0.3, -0.76), (0.3, -0.76)]]), 0.03, 200),
                 Mark(handles, STEEL, 0.05, 255), Mark(notes, c.accent, 0, 230))]


def sink(rng, c):
    tap = ribbon(bend((0.02, -0.8), (0.02, -1.0), (0.12, -1.04), (0.16, -0.94)), 0.05)
    return [part(tap, STEEL, shade=0),
            part(box(-0.1, -0.6, 0.1, 0), darker(PORCELAIN, 0.08)),
            part(smooth((-0.4, -0.8), (0, -0.84), (0.4, -0.8), (0.3, -0.56), (0, -0.5),
                        (-0.3, -0.56)), PORCELAIN)]


def bathtub(rng, c):
    foam = [part(oval(x, -0.5 - y, r), (250, 252, 254), shade=25)
            for x, y, r in ((-0.35, 0.0, 0.1), (-0.16, 0.05, 0.13), (0.08, 0.02, 0.11),
                            (0.28, 0.0, 0.08))]
    feet = [part(oval(x, -0.04, 0.06, 0.05), c.accent) for x in (-0.42, 0.42)]
    tap = ribbon(bend((0.52, -0.46), (0.52, -0.68), (0.4, -0.68)), 0.05)
    tub = smooth((-0.68, -0.5), (0, -0.47), (0.68, -0.5), (0.62, -0.2), (0.42, -0.05),
                 (-0.42, -0.05), (-0.62, -0.2))
    band = Mark(corners((-0.8, -0.28), (0.8, -0.28))[None], c.main, 0.08, 190)
    return [part(tap, STEEL, shade=0), *foam, *feet, part(tub, PORCELAIN, band)]


def toilet(rng, c):
    return [part(rounded(-0.3, -0.86, -0.04, -0.4, 0.04), PORCELAIN),
            part(smooth((-0.26, -0.44), (0.3, -0.44), (0.3, -0.3), (0.08, -0.18), (0.1, 0),
                        (-0.22, 0), (-0.2, -0.2)), PORCELAIN),
            part(oval(0.05, -0.44, 0.3, 0.05), c.main)]


def mirror(rng, c):
    glint = ticks((-0.4, -0.5, 0.4, 0.5), 0.3, 0.16, -0.22)
    shape = pick(rng, (oval(0, 0, 0.34, 0.44), rounded(-0.32, -0.42, 0.32, 0.42, 0.1)))
    return [part(shape * 1.14, c.second),
            part(shape, GLASS, Mark(glint, LIGHT, 0.05, 190), shade=20)]


def towel(rng, c):
    stripes = Mark(rows((-0.3, -0.4, 0.3, 0.4), 4), c.pale, 0.06, 220)
    return [part(box(-0.34, -0.44, 0.34, -0.38), STEEL, shade=0),
            part(corners((-0.24, -0.42), (0.24, -0.42), (0.26, 0.38), (0, 0.42), (-0.26, 0.38)),
                 c.main, stripes)]


def bed(rng, c):
    quilt = smooth((-0.42, -0.4), (0.2, -0.46), (0.74, -0.38), (0.76, -0.12), (0.1, -0.1),
                   (-0.44, -0.12))
    patches = Mark(dots((-0.5, -0.5, 0.8, 0), 0.17, 0.045), c.pale, 0, 210)
    return [part(rounded(-0.86, -0.78, -0.74, 0, 0.04), c.second),
            part(rounded(0.72, -0.5, 0.82, 0, 0.04), c.second),
            part(box(-0.78, -0.24, 0.76, -0.08), darker(c.second, 0.12)),
            part(smooth((-0.74, -0.36), (-0.6, -0.48), (-0.4, -0.4), (-0.42, -0.26),
                        (-0.72, -0.25)), PORCELAIN),
            part(quilt, c.main, patches)]


def wardrobe(rng, c):
    knobs = np.stack([oval(x, -0.55, 0.03)[::2] for x in (-0.06, 0.06)])
    return [part(box(-0.44, -1.16, 0.44, -1.06), darker(c.second, 0.1)),
            part(box(-0.4, -1.08, 0.4, 0), c.second,
                 soft(np.array([[(0, -1.1), (0, 0)]]), 0.03, 220),
                 soft(columns((-0.4, -1.1, 0.4, 0), 5), 0.02, 70), Mark(knobs, c.pale, 0, 255))]


def screen(rng, c):
    chart = pick(rng, (rows((-0.3, -0.6, 0.2, -0.2), 4),
                       columns((-0.3, -0.5, 0.3, -0.2), 4),
                       waves((-0.4, -0.6, 0.4, -0.2), 2, 3, 0.05)))
    return [part(corners((-0.06, -0.2), (0.06, -0.2), (0.16, 0), (-0.16, 0)), (90, 88, 104),
                 shade=0),
            part(rounded(-0.44, -0.72, 0.44, -0.12, 0.04), (76, 76, 92)),
            part(box(-0.39, -0.67, 0.39, -0.18), mix(c.pale, GLASS, 0.6),
                 Mark(chart, c.main, 0.04, 220), shade=0)]


def bookcase(rng, c):
    books, inside = [], darker(c.second, 0.3)
    for y in (-0.8, -0.44, -0.08):
        x = -0.32
        while x < 0.2:
            w = between(rng, 0.06, 0.12)
            books.append(part(box(x, y - between(rng, 0.18, 0.28), x + w, y), pick(rng, c),
                              shade=30))
            x += w + 0.01
    boards = [part(box(-0.42, y, 0.42, y + 0.05), c.second, shade=0) for y in (-0.8, -0.44, -0.08)]
    return [part(box(-0.42, -1.16, 0.42, 0), c.second),
            part(box(-0.35, -1.1, 0.35, -0.04), inside, shade=0),
            *books,
            *boards]


def plate(rng, c):
    food = [part(oval(x, y, 0.1, 0.06), k)
            for x, y, k in ((-0.1, -0.09, c.main), (0.1, -0.1, c.accent), (0.0, -0.13, c.second))]
    return [part(oval(0, -0.06, 0.36, 0.07), PORCELAIN,
                 Mark(oval(0, -0.07, 0.25, 0.045)[None], c.main, 0.02, 160)),
            *food]


def candle(rng, c):
    flame = smooth((0, -1.02), (0.08, -0.84), (0, -0.76), (-0.08, -0.84))
    return [part(rounded(-0.2, -0.08, 0.2, 0, 0.03), c.deep),
            part(box(-0.08, -0.72, 0.08, -0.06), c.main,
                 soft(ticks((-0.1, -0.7, 0.1, 0), 0.12, 0.06, 0.05))),
            part(flame, (252, 196, 92), shade=0)]


def window(rng, c):
    view = mix((190, 222, 236), (252, 226, 190), rng.random())
    hill = smooth((-0.6, 0.6), (-0.4, 0.16), (0, 0.26), (0.4, 0.1), (0.6, 0.6))
    bars = np.array([[(0, -0.5), (0, 0.5)], [(-0.5, -0.06), (0.5, -0.06)]])
    cloth = [part(corners((s * 0.5, -0.54), (s * 0.18, -0.54), (s * 0.36, 0.1), (s * 0.52, 0.5)),
                  c.main, soft(columns((-0.6, -0.6, 0.6, 0.6), 13)))
             for s in (-1, 1)] * chance(rng, 0.6)
    return [part(box(-0.46, -0.5, 0.46, 0.48), PORCELAIN),
            part(box(-0.4, -0.44, 0.4, 0.42), view, Mark(hill[None], (158, 190, 140), 0, 230),
                 Mark(bars, PORCELAIN, 0.06, 255), shade=0),
            *cloth]


def picture(rng, c):
    return frame(rng, c)


def plant(rng, c):
    green = mix(c.main, (104, 150, 104), 0.7)
    leaf = smooth((0, 0), (0.09, -0.25), (0, -0.6), (-0.09, -0.25))
    rib = np.array([[(0.0, 0.0), (0.0, -0.55)]])
    leaves = []
    for a in (-55, -28, 28, 55, 0):
        leaves.append(part(move(turn(leaf, a), 0, -0.38), lighter(green, 0.1 * (a == 0)),
                           soft(move(turn(rib, a), 0, -0.38)), shade=35))
    return [*leaves,
            part(corners((-0.2, -0.42), (0.2, -0.42), (0.15, 0), (-0.15, 0)), c.accent,
                 soft(rows((-0.3, -0.42, 0.3, 0), 2)))]


def pendant(rng, c):
    """A hanging lamp: its cord starts at the top."""
    return [part(box(-0.015, -1.4, 0.015, -0.4), c.deep, shade=0),
            part(oval(0, -0.02, 0.09), (255, 236, 160), shade=0),
            part(np.vstack([arc(0, -0.02, 0.42, 0.42, 180, 360, 15)]), c.main,
                 soft(fan(0, -0.5, 0, 1, 40, 140, 9)))]


def traffic_light(rng, c):
    lights = [part(oval(0, y, 0.085), k, shade=0)
              for y, k in ((-1.24, (222, 84, 72)), (-1.03, (246, 190, 84)),
                           (-0.82, (116, 176, 112)))]
    return [part(box(-0.035, -0.8, 0.035, 0), (92, 90, 104), shade=0),
            part(rounded(-0.15, -1.4, 0.15, -0.66, 0.06), (76, 74, 92)),
            *lights]


def bench(rng, c):
    legs = [part(box(x - 0.03, -0.3, x + 0.03, 0), (92, 90, 104)) for x in (-0.42, 0.42)]
    slats = [part(rounded(-0.55, y, 0.55, y + 0.09, 0.03), c.second) for y in (-0.66, -0.53, -0.34)]
    return [*legs, *slats]


def fence(rng, c):
    posts = [part(corners((x - 0.06, 0), (x - 0.06, -0.5), (x, -0.6), (x + 0.06, -0.5),
                          (x + 0.06, 0)), PORCELAIN, shade=35)
             for x in np.linspace(-0.7, 0.7, 8)]
    return [part(box(-0.8, -0.42, 0.8, -0.34), darker(PORCELAIN, 0.1), shade=0),
            part(box(-0.8, -0.2, 0.8, -0.12), darker(PORCELAIN, 0.1), shade=0),
            *posts]


def watering_can(rng, c):
    spout = corners((0.2, -0.16), (0.56, -0.5), (0.62, -0.42), (0.2, -0.02))
    return [part(ribbon(arc(-0.18, -0.34, 0.26, 0.24, 110, 300, 13), 0.06), darker(c.main)),
            part(spout, c.main),
            part(corners((-0.24, -0.46), (0.22, -0.46), (0.26, 0), (-0.28, 0)), c.main,
                 Mark(rows((-0.4, -0.5, 0.4, 0), 2), c.pale, 0.05, 200))]


def wheelbarrow(rng, c):
    return [part(ribbon(corners((-0.75, -0.42), (0.3, -0.14)), 0.05), c.deep),
            part(box(-0.36, -0.3, -0.3, 0), c.deep, shade=0),
            part(smooth((-0.3, -0.52), (0.05, -0.66), (0.4, -0.52)), (150, 116, 92)),
            part(corners((-0.46, -0.52), (0.52, -0.52), (0.26, -0.18), (-0.3, -0.18)), c.main,
                 soft(rows((-0.5, -0.6, 0.5, -0.1), 2))),
            part(oval(0.42, -0.14, 0.14), (76, 74, 92)),
            part(oval(0.42, -0.14, 0.07), c.pale, shade=0)]


def lighthouse(rng, c):
    stripes = Mark(rows((-0.4, -1.1, 0.4, 0), 3), c.main, 0.15, 240)
    return [part(corners((-0.26, 0), (-0.16, -1.1), (0.16, -1.1), (0.26, 0)), PORCELAIN, stripes),
            part(box(-0.2, -1.14, 0.2, -1.08), c.deep, shade=0),
            part(box(-0.12, -1.32, 0.12, -1.13), (255, 228, 140), shade=0),
            part(corners((-0.18, -1.3), (0, -1.5), (0.18, -1.3)), c.main)]


def pier(rng, c):
    wood = (166, 128, 98)
    posts = [part(box(x - 0.05, -0.32, x + 0.05, 0), darker(wood, 0.2))
             for x in np.linspace(-0.8, 0.8, 5)]
    return [*posts, part(box(-1, -0.4, 1, -0.26), wood, soft(columns((-1, -0.5, 1, 0), 11)))]


def barrel(rng, c):
    hoops = Mark(np.array([[(-0.5, y), (0.5, y)] for y in (-0.6, -0.16)]), (92, 90, 104), 0.06, 230)
    return [part(smooth((-0.26, 0), (-0.34, -0.38), (-0.26, -0.76), (0.26, -0.76), (0.34, -0.38),
                        (0.26, 0)), (176, 130, 92), soft(columns((-0.4, -1, 0.4, 0), 5)), hoops)]


def anchor(rng, c):
    iron = (84, 88, 108)
    return [part(ribbon(corners((0, -0.8), (0, -0.05)), 0.09), iron, shade=0),
            part(ribbon(corners((-0.22, -0.64), (0.22, -0.64)), 0.08), iron, shade=0),
            part(ribbon(arc(0, -0.42, 0.4, 0.4, 15, 165, 13), 0.1), iron),
            part(ribbon(arc(0, -0.88, 0.1, 0.1, 0, 350, 13), 0.05), iron, shade=0)]


# Animals for the questions, besides bird and fish.


def cat(rng, c):
    fur = soft(ticks((-0.6, -1, 0.6, 0), 0.12, 0.03, 0.06), strength=80)
    tail = ribbon(bend((-0.3, -0.1), (-0.62, -0.16), (-0.6, -0.5), (-0.46, -0.62)), 0.13, 0.07)
    ears = [part(corners((x - 0.13, -0.78), (x + s * 0.06, -1.04), (x + 0.13, -0.78)), c.main)
            for x, s in ((0.02, -1), (0.34, 1))]
    face = oval(0.18, -0.66, 0.28, 0.24)
    eyes = [part(oval(x, -0.68, 0.05, 0.06), (250, 236, 160),
                 Mark(oval(x, -0.68, 0.02, 0.05)[None], c.deep, 0, 255), shade=0)
            for x in (0.08, 0.3)]
    beard = Mark(np.array([[(0.2, -0.58), (0.52, -0.62)], [(0.2, -0.56), (0.5, -0.52)],
                           [(0.16, -0.58), (-0.14, -0.62)], [(0.16, -0.56), (-0.12, -0.52)]]),
                 c.deep, 0.015, 200)
    return [part(tail, c.main, fur),
            part(smooth((-0.4, 0), (-0.38, -0.4), (-0.05, -0.62), (0.3, -0.5), (0.38, -0.1),
                        (0.36, 0)), c.main, fur,
                 Mark(oval(0.2, -0.16, 0.17, 0.24)[None], c.pale, 0, 200)),
            *ears,
            part(face, c.main, fur, beard),
            *eyes,
            part(oval(0.19, -0.58, 0.035, 0.025), c.deep, shade=0)]


def snail(rng, c):
    a = np.linspace(0, 5 * np.pi, 40)
    spiral = np.stack([-0.06 + 0.3 * (1 - a / 17) * np.cos(a),
                       -0.4 + 0.3 * (1 - a / 17) * np.sin(a)], 1)
    horns = [part(ribbon(corners((x, -0.4), (x + d, -0.62)), 0.04), c.second, shade=0)
             for x, d in ((0.46, 0.02), (0.54, 0.1))]
    foot = smooth((-0.6, 0), (-0.2, -0.14), (0.3, -0.12), (0.38, -0.4), (0.5, -0.48), (0.62, -0.38),
                  (0.54, -0.08), (0.42, 0))
    eye = part(oval(0.53, -0.37, 0.03), c.deep, shade=0)
    return [*horns,
            part(foot, c.second, soft(ticks((-0.6, -0.5, 0.6, 0), 0.1, 0.02, 0.05))),
            part(oval(-0.06, -0.4, 0.34), c.main, Mark(spiral[None], None, 0.035, 110)),
            eye]


def rabbit(rng, c):
    fur = soft(ticks((-0.6, -1.2, 0.6, 0), 0.12, 0.04, 0.05), strength=80)
    ear = smooth((-0.07, 0), (-0.1, -0.3), (0, -0.46), (0.1, -0.3), (0.07, 0))
    ears = [part(move(turn(ear, a), 0.26, -0.72), c.main,
                 Mark(move(turn(ear * 0.6, a), 0.26, -0.74)[None], c.pale, 0, 200))
            for a in (-22, 8)]
    return [part(oval(-0.48, -0.22, 0.12), PORCELAIN),
            part(smooth((-0.46, 0), (-0.44, -0.36), (-0.1, -0.52), (0.24, -0.4), (0.3, -0.08),
                        (0.3, 0)), c.main, fur),
            part(oval(-0.2, -0.14, 0.2, 0.14), lighter(c.main, 0.12)),
            part(oval(0.22, -0.05, 0.13, 0.06), c.main),
            *ears,
            part(oval(0.28, -0.6, 0.22, 0.19), c.main, fur),
            part(oval(0.34, -0.64, 0.035), c.deep, shade=0),
            part(oval(0.49, -0.58, 0.03, 0.025), (214, 120, 130), shade=0)]


FURNITURE = {f.__name__.replace("_", " "): f for f in (
    table, chair, stove, pot, fridge, sink, bathtub, toilet, mirror, towel, bed, wardrobe, screen,
    bookcase, plate, candle, window, picture, plant, pendant, traffic_light, bench, fence,
    watering_can, wheelbarrow, lighthouse, pier, barrel, anchor, cat, snail, rabbit, ball, star,
    rug,
)}

# Width and height at most, as fractions of the picture; some of these are drawn in `things`.
SIZES = {
    "stove": (0.3, 0.34), "fridge": (0.26, 0.5), "pot": (0.15, 0.12), "sink": (0.28, 0.34),
    "bathtub": (0.52, 0.32), "toilet": (0.24, 0.3), "towel": (0.2, 0.24), "mirror": (0.24, 0.3),
    "plate": (0.19, 0.08), "candle": (0.1, 0.16), "pendant": (0.24, 0.42), "bed": (0.62, 0.34),
    "wardrobe": (0.36, 0.5), "screen": (0.24, 0.2), "bookcase": (0.34, 0.5), "table": (0.54, 0.26),
    "window": (0.3, 0.3), "picture": (0.2, 0.2), "chair": (0.2, 0.32), "plant": (0.22, 0.26),
    "lamp": (0.18, 0.24), "cup": (0.13, 0.11), "car": (0.46, 0.28), "traffic light": (0.14, 0.46),
    "house": (0.46, 0.46), "flower": (0.22, 0.3), "fence": (0.56, 0.2), "bench": (0.3, 0.2),
    "watering can": (0.24, 0.2), "wheelbarrow": (0.32, 0.22), "boat": (0.42, 0.4),
    "lighthouse": (0.24, 0.6), "pier": (0.5, 0.14), "barrel": (0.16, 0.2), "anchor": (0.2, 0.24),
    "tree": (0.4, 0.5), "bird": (0.2, 0.18), "ball": (0.14, 0.14),
}
