"""Scenes: a room or a place is known by what it holds."""

import numpy as np

from utils.pictures import Pictures

from .draw import between, chance, mix
from .furniture import FURNITURE, SIZES
from .stage import (
    Stage,
    balanced,
    check,
    collect,
    finished,
    free,
    put,
    region,
    some,
    spread,
    stage,
)
from .things import THINGS

# Scene -> the things that tell it.
ROOMS = {
    "kitchen": ("stove", "fridge", "pot", "sink"),
    "bathroom": ("bathtub", "toilet", "towel", "sink", "mirror"),
    "dining room": ("plate", "candle", "pendant"),
    "bedroom": ("bed", "wardrobe", "mirror"),
    "office": ("screen", "bookcase"),
}
OUTDOORS = {
    "street": ("car", "traffic light", "house"),
    "garden": ("flower", "fence", "watering can", "wheelbarrow"),
    "harbour": ("boat", "lighthouse", "pier", "barrel", "anchor"),
}
SCENES = ROOMS | OUTDOORS
# What comes in every room, or everywhere outdoors, tells nothing.
COMMON_INSIDE = ("table", "window", "picture", "chair", "plant", "lamp", "cup")
COMMON_OUTSIDE = ("tree", "bird", "bench", "ball")
STUFF = ("wall", "floor", "sky", "ground", "road", "water")
OBJECT_NAMES = ("", *STUFF, *THINGS, *FURNITURE)

# Where things go (the others stand on the floor).
ON_WALL = ("window", "picture", "mirror", "towel", "pendant")
ON_TABLE = ("pot", "plate", "candle", "screen", "lamp", "cup")
IN_FRONT = ("chair", "plant")
BEHIND = ("tree", "house", "lighthouse", "fence", "traffic light", "bench")
AFLOAT = ("boat", "pier")


def scenes(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures of eight rooms and places, labelled with the scene.

    Two or three of the things in `SCENES` tell the scene; others (table, window, tree, ...) come
    in many. parts and part_names are whole things here, an index image of wall, floor, table, ...;
    masks and boxes cover the telling things.
    """
    check(n, seed, size)
    names = tuple(SCENES)
    labels = balanced(n, len(names), 7, seed)
    drawn = [
        _scene(np.random.default_rng([8, seed, i]), size, names[c]) for i, c in enumerate(labels)
    ]
    images, numbers = zip(*drawn, strict=True)
    telling = [
        np.isin(image, [OBJECT_NAMES.index(t) for t in SCENES[names[c]]])
        for image, c in zip(numbers, labels, strict=True)
    ]
    return collect(images, labels, telling, numbers, names, OBJECT_NAMES)


def _scene(rng, size: int, name: str):
    inside = name in ROOMS
    things = some(rng, SCENES[name], 2, 3)
    things += some(rng, COMMON_INSIDE if inside else COMMON_OUTSIDE, 2, 3)
    if chance(rng, 0.15):  # now and then, something that belongs elsewhere
        things += some(rng, sum((ROOMS if inside else OUTDOORS).values(), ()), 1, 1)
    things = list(dict.fromkeys(things))
    things = some(rng, things, len(things), len(things))
    horizon = between(rng, 0.62, 0.7) if inside else between(rng, 0.46, 0.56)
    kinds = {
        "street": ("meadow", "dusk", "snow", "mist"),
        "garden": ("meadow", "dusk", "mist"),
        "harbour": ("sea",),
    }.get(name, ("room",))
    s = stage(rng, size, kinds, horizon, OBJECT_NAMES)
    (_room if inside else _outdoors)(s, name, things, horizon)
    return finished(s)


def _room(s: Stage, name: str, things: list[str], horizon: float) -> None:
    region(s, "wall", 0, horizon)
    region(s, "floor", horizon, 1)
    on_table = [t for t in things if t in ON_TABLE]
    if on_table and "table" not in things:
        things.append("table")
    row = [t for t in things if t not in (*ON_WALL, *ON_TABLE, *IN_FRONT)]
    zoom = min(between(s.rng, 0.85, 1.1), 0.96 / sum(SIZES[t][0] for t in row)) if row else 1
    sizes = {t: (SIZES[t][0] * zoom, SIZES[t][1] * zoom) for t in row}
    middles = dict(zip(row, spread(s.rng, [w for w, _ in sizes.values()]), strict=True))
    base = between(s.rng, horizon + 0.08, 0.88)
    taken = [
        (x - sizes[t][0] / 2, base - sizes[t][1], x + sizes[t][0] / 2, base)
        for t, x in middles.items()
    ]
    for thing in (t for t in things if t in ON_WALL):
        taken.append(_hang(s, thing, middles.get("table"), taken))
    for thing, x in middles.items():
        box = put(s, thing, x, base + between(s.rng, -0.02, 0.02), *sizes[thing])
        if thing == "table":
            for t, at in zip(on_table, spread(s.rng, [0.3] * len(on_table)), strict=True):
                put(s, t, box[0] + at * (box[2] - box[0]), box[1] + 0.015, *SIZES[t], shaded=False)
    for thing in (t for t in things if t in IN_FRONT):
        put(s, thing, between(s.rng, 0.1, 0.9), between(s.rng, 0.94, 0.98), *SIZES[thing])


def _hang(s: Stage, thing: str, table: float | None, taken):
    w, h = SIZES[thing]
    base = h if thing == "pendant" else between(s.rng, h + 0.03, 0.42)
    over = table if thing == "pendant" else None
    x = free(s.rng, w, base - h, base, taken) if over is None else over
    return put(s, thing, x, base - 0.02 * (thing == "pendant"), w, h, shaded=False)


def _outdoors(s: Stage, name: str, things: list[str], horizon: float) -> None:
    region(s, "sky", 0, horizon)
    region(s, "ground", horizon, 1)
    if name == "street":
        _road(s)
    if name == "harbour":
        _quay(s, horizon)
    behind, front = {
        "street": (0.72, 0.92),
        "harbour": (0.84, 0.97),
        "garden": (horizon + 0.1, 0.93),
    }[name]
    afloat = [t for t in things if t in AFLOAT]
    back = [t for t in things if t in BEHIND]
    near = [t for t in things if t not in (*AFLOAT, *BEHIND)]
    for row, base in ((afloat, horizon + 0.22), (back, behind), (near, front)):
        for thing, x in zip(row, spread(s.rng, [SIZES[t][0] for t in row]), strict=True):
            put(s, thing, x, base + between(s.rng, -0.03, 0.02), *SIZES[thing])


def _road(s: Stage) -> None:
    size, grey = s.canvas.image.width, mix((118, 116, 130), s.place.ground, 0.3)
    for pen, fill in ((s.canvas.pen, grey), (s.canvas.part_pen, s.numbers["road"])):
        pen.rectangle((0, int(0.75 * size), size, int(0.97 * size)), fill=fill)
    s.canvas.pen.rectangle(
        (0, int(0.74 * size), size, int(0.76 * size)), fill=mix(grey, (255, 250, 238), 0.5)
    )
    for x in range(-10, size, size // 5):
        dash = (x, int(0.85 * size), x + size // 10, int(0.865 * size))
        s.canvas.pen.rectangle(dash, fill=(240, 234, 220))


def _quay(s: Stage, horizon: float) -> None:
    size, stone = s.canvas.image.width, mix((196, 182, 164), s.place.ground, 0.15)
    region(s, "water", horizon, 0.78)
    for pen, fill in ((s.canvas.pen, stone), (s.canvas.part_pen, s.numbers["ground"])):
        pen.rectangle((0, int(0.78 * size), size, size), fill=fill)
    edge = (0, int(0.775 * size), size, int(0.8 * size))
    s.canvas.pen.rectangle(edge, fill=mix(stone, (255, 250, 238), 0.4))
