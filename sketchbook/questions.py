"""Questions: a picture, four questions, and one-word answers."""

import numpy as np

from utils.pictures import Pictures

from .colours import NAMED, named_palette
from .draw import between, chance, pick, whole
from .furniture import FURNITURE
from .stage import Stage, check, collect, finished, put, stage
from .things import THINGS

NAMES = ("", *THINGS, *FURNITURE)
ANIMALS = ("bird", "fish", "cat", "snail", "rabbit")
ALONE = ("car", "cup", "flower", "lamp", "mushroom", "tree", "boat")
ON_TABLE = ("cup", "flower", "lamp", "mushroom")
COUNTED = ("cup", "flower", "mushroom", "star", "ball")
COUNTS = ("one", "two", "three", "four")
ANSWERS = (*ANIMALS, *NAMED, *COUNTS, *ALONE)
PLACES = ("room", "meadow", "snow", "desert", "paper", "mist", "dusk")


def questions(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures with four questions each: which animal, which colour, how many, and what is where.

    questions[i] are the four questions on picture i; labels (N, 4) are their answers, indices into
    class_names; masks (N, 4, H, W) and boxes (N, 4, 4) show what each answer is about. Answers are
    drawn evenly, so that the question alone says little. parts is an index image of whole things.
    """
    check(n, seed, size)
    drawn = [_asked(np.random.default_rng([11, seed, i]), size) for i in range(n)]
    images, numbers, texts, answers, masks = zip(*drawn, strict=True)
    labels = [[ANSWERS.index(answer) for answer in row] for row in answers]
    return collect(images, labels, masks, numbers, ANSWERS, NAMES, questions=texts)


def _asked(rng, size: int):
    s = stage(rng, size, PLACES, between(rng, 0.4, 0.56), NAMES)
    animal, counted = pick(rng, ANIMALS), pick(rng, COUNTED)
    single = pick(rng, [name for name in ALONE if name != counted])
    names, count = {"animal": animal, "single": single, "group": counted}, whole(rng, 1, 4)
    column = dict(zip(("animal", "single", "group"), rng.random(3).argsort().tolist(), strict=True))
    table = single in ON_TABLE and chance(rng, 0.6)
    colours = {role: pick(rng, tuple(NAMED)) for role in column}
    for role in ("single", "group", "animal"):
        x = (0.19, 0.5, 0.81)[column[role]] + between(rng, -0.03, 0.03)
        _put(s, role, names[role], x, named_palette(rng, colours[role]), count, table)
    on_left = column["group"] == 2 or (column["group"] == 1 and chance(rng, 0.5))
    side, there = ("left", 0) if on_left else ("right", 2)
    role = next(r for r, c in column.items() if c == there)
    on_table = table and (role == "single" or chance(rng, 0.5))
    where = ("single", "What is on the table?") if on_table else (role, f"What is on the {side}?")
    coloured = pick(rng, ("single", "animal"))
    asked = [
        ("animal", "What animal is there?", animal),
        (coloured, f"What colour is the {names[coloured]}?", colours[coloured]),
        ("group", f"How many {counted}s are there?", COUNTS[count - 1]),
        (where[0], where[1], names[where[0]]),
    ]
    image, numbers = finished(s)
    masks = np.stack([numbers == NAMES.index(names[role]) for role, _, _ in asked])
    return image, numbers, tuple(q for _, q, _ in asked), [answer for _, _, answer in asked], masks


def _put(s: Stage, role: str, name: str, x: float, c, count: int, table: bool) -> None:
    base = between(s.rng, 0.72, 0.95)
    if role == "group":
        for i in range(count):
            dx, dy = (i % 2 - 0.5 * (count > 1)) * 0.16, (i // 2) * 0.2
            put(s, name, x + dx, base - 0.2 * (count > 2) + dy, 0.15, 0.19, c)
    elif role == "single" and table:
        box = put(s, "table", x, base, 0.36, 0.3)
        put(s, name, x, box[1] + 0.015, 0.26, 0.28, c, shaded=False)
    else:
        put(s, name, x, base, 0.32, 0.42, c)
