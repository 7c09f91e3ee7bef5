"""Captions: pictures of two things in a relation, or of the same two things without it."""

import numpy as np

from utils.pictures import Pictures

from .backdrops import glow
from .colours import NAMED, named_palette
from .draw import Shape, between, chance, mix, paint, pick, pose
from .furniture import FURNITURE
from .stage import (
    Stage,
    balanced,
    check,
    collect,
    finished,
    free,
    overlap,
    put,
    region,
    stage,
)
from .things import THINGS

NAMES = ("", "water", "sand", *THINGS, *FURNITURE)
AT = {
    "meadow": "on a summer day",
    "sea": "by the sea",
    "room": "at home",
    "dusk": "at dusk",
    "snow": "in the snow",
    "desert": "in the desert",
    "night": "at night",
}
OPEN_AIR = ("meadow", "dusk", "snow", "desert", "night")

# Each of these draws its two things and gives back the stage and the boxes that are taken.


def _boat_and_shore(rng, size, c, on_water):
    horizon, shore = between(rng, 0.35, 0.5), between(rng, 0.68, 0.74)
    s = stage(rng, size, ("sea",), horizon, NAMES)
    region(s, "water", horizon, 1)
    x = np.linspace(0, 1, 25)
    y = shore + 0.02 * np.sin(2 * np.pi * (1.5 * x + rng.random()))
    land = np.vstack([np.stack([x, y], 1), [(1, 1), (0, 1)]])
    sand = Shape("", land, mix((240, 216, 172), s.place.low, 0.2), shade=0, outline=False)
    paint(s.canvas, pose([sand], 0, False), 0, y.min() * size, size, {"": s.numbers["sand"]})
    base = between(rng, horizon + 0.1, shore - 0.02) if on_water else between(rng, 0.88, 0.96)
    return s, [put(s, "boat", between(rng, 0.26, 0.74), base, 0.42, 0.46, c)]


def _bird_and_house(rng, size, c, on_roof):
    s = stage(rng, size, OPEN_AIR, between(rng, 0.46, 0.6), NAMES)
    house = put(s, "house", between(rng, 0.36, 0.64), between(rng, 0.84, 0.92), 0.48, 0.5)
    x = (house[0] + house[2]) / 2
    if on_roof:
        return s, [house, put(s, "bird", x, house[1] + 0.012, 0.22, 0.17, c, shaded=False)]
    x = house[0] / 2 if house[0] > 1 - house[2] else (1 + house[2]) / 2
    return s, [house, put(s, "bird", x, house[3] + 0.02, 0.22, 0.17, c)]


def _cup_and_lamp(rng, size, c, under):
    s = stage(rng, size, ("room",), between(rng, 0.62, 0.7), NAMES)
    side = pick(rng, (-1, 1))
    table = put(s, "table", 0.5, between(rng, 0.88, 0.94), 0.8, 0.4)
    at = 0.5 + 0.2 * side
    lamp = put(s, "pendant", at, between(rng, 0.32, 0.4), 0.24, 0.4, shaded=False)
    glow(s.canvas.image, at * size, lamp[3] * size, 0.24 * size, 0.3 * size, (255, 240, 190), 0.4)
    x = 0.5 + 0.2 * side * (1 if under else -1) + between(rng, -0.03, 0.03)
    return s, [table, lamp, put(s, "cup", x, table[1] + 0.02, 0.2, 0.16, c, shaded=False)]


def _flower_and_cup(rng, size, c, inside):
    s = stage(rng, size, ("room", *OPEN_AIR), between(rng, 0.45, 0.6), NAMES)
    x, base = between(rng, 0.34, 0.66), between(rng, 0.86, 0.94)
    cup = put(s, "cup", x, base, 0.36, 0.28, part="drink")
    if inside:
        x, base = (cup[0] + cup[2]) / 2, (cup[1] + cup[3]) / 2 + 0.01
        return s, [(*cup[:3], 0.95), put(s, "flower", x, base, 0.3, 0.42, c, shaded=False)]
    x = x + 0.36 if x < 0.5 else x - 0.36
    return s, [(*cup[:3], 0.95), put(s, "flower", x, base, 0.26, 0.4, c)]


def _fish_and_boat(rng, size, c, under):
    horizon, side = between(rng, 0.28, 0.36), pick(rng, (-1, 1))
    s = stage(rng, size, ("sea",), horizon, NAMES)
    region(s, "water", horizon, 1)
    boat = put(s, "boat", 0.5 + 0.22 * side, between(rng, 0.5, 0.58), 0.4, 0.42)
    x = 0.5 + side * (between(rng, 0.18, 0.26) if under else between(rng, -0.3, -0.24))
    base = between(rng, 0.8, 0.92) if under else between(rng, 0.5, 0.6)
    return s, [boat, put(s, "fish", x, base, 0.3, 0.2, c, shaded=False)]


def _ball_and_table(rng, size, c, on_top):
    s = stage(rng, size, ("room",), between(rng, 0.58, 0.7), NAMES)
    table = put(s, "table", between(rng, 0.36, 0.64), between(rng, 0.84, 0.92), 0.66, 0.4)
    x = (table[0] + table[2]) / 2 + between(rng, -0.14, 0.14)
    base = table[1] + 0.01 if on_top else table[3] + 0.01
    return s, [table, put(s, "ball", x, base, 0.15, 0.15, c, shaded=not on_top)]


# The phrase when the relation holds and when it does not, the things it speaks of, how to draw.
RELATIONS = (
    ("boat on the water", "boat on the sand", ("boat",), _boat_and_shore),
    ("bird on the roof", "bird beside the house", ("bird", "house"), _bird_and_house),
    ("cup under the lamp", "cup beside the lamp", ("cup", "pendant"), _cup_and_lamp),
    ("flower in the cup", "flower beside the cup", ("flower", "cup"), _flower_and_cup),
    ("fish under the boat", "fish beside the boat", ("fish", "boat"), _fish_and_boat),
    ("ball on the table", "ball under the table", ("ball", "table"), _ball_and_table),
)
PHRASES = tuple(phrase for relation in RELATIONS for phrase in relation[:2])


def captions(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures, each with a caption such as "A blue bird on the roof, with a red car, at dusk."

    labels say which of the twelve relations in class_names the picture shows; 2k and 2k + 1 show
    the same things, related in another way: the hard negatives of each other. masks and boxes
    cover the things the relation speaks of, without water and sand. parts is an index image of
    whole things. phrases holds each caption's short phrases: ("bird on the roof", "blue bird",
    "red car", "at dusk").
    """
    check(n, seed, size)
    labels = balanced(n, len(PHRASES), 9, seed)
    drawn = [
        _captioned(np.random.default_rng([10, seed, i]), size, c) for i, c in enumerate(labels)
    ]
    images, masks, numbers, sentences, phrases = zip(*drawn, strict=True)
    return collect(
        images, labels, masks, numbers, PHRASES, NAMES, captions=sentences, phrases=phrases
    )


def _captioned(rng, size: int, label: int):
    *pair, about, draw = RELATIONS[label // 2]
    phrase, colour = pair[label % 2], pick(rng, tuple(NAMED))
    s, taken = draw(rng, size, named_palette(rng, colour), label % 2 == 0)
    extra, at = _extra(s, taken, about) if chance(rng, 0.8) else None, AT[s.place.kind]
    image, numbers = finished(s)
    mask = np.isin(numbers, [NAMES.index(name) for name in about])
    more = [f"with {_a(extra)}"] if extra else []
    sentence = ", ".join([f"{_a(colour).capitalize()} {phrase}", *more, at]) + "."
    phrases = (phrase, f"{colour} {about[0]}", *([extra] if extra else []), at)
    return image, mask, numbers, sentence, phrases


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _extra(s: Stage, taken, about) -> str | None:
    """One more thing, where it covers nothing: its colour and name, or None without room."""
    name = pick(s.rng, [t for t in THINGS if t not in (*about, "lamp", "house")])
    colour, base = pick(s.rng, tuple(NAMED)), between(s.rng, 0.9, 0.97)
    x = free(s.rng, 0.2, base - 0.2, base, taken)
    if overlap((x - 0.1, base - 0.2, x + 0.1, base), taken) > 0.003:
        return None
    put(s, name, x, base, 0.2, 0.2, named_palette(s.rng, colour))
    return f"{colour} {name}"
