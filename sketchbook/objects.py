"""Objects: one thing of ten classes in each picture, or two side by side.

Each picture is drawn from random numbers of its own.
"""

import numpy as np

from utils.pictures import Pictures

from .backdrops import Place, backdrop, company, grain, shadow
from .colours import palette
from .draw import Box, Posed, between, box_at, chance, finish, paint, pose
from .stage import balanced, check, collect
from .things import PARTS, THINGS

CLASS_NAMES = tuple(THINGS)
PART_NAMES = ("", *(f"{thing} {part}" for thing, parts in PARTS.items() for part in parts))
_NUMBER = {name: i for i, name in enumerate(PART_NAMES)}
_NUMBERS = {t: {p: _NUMBER[f"{t} {p}"] for p in parts} for t, parts in PARTS.items()}


def _check_hide(hide) -> None:
    if isinstance(hide, str):
        raise ValueError(f"hide is a tuple of part names: write hide=({hide!r},)")
    for name in set(hide) - set(PART_NAMES[1:]):
        raise ValueError(f"there is no part {name!r}; the parts are {', '.join(PART_NAMES[1:])}")


def fit(rng, thing: Posed, room: Box, low: float, high: float) -> tuple[float, float, float]:
    """Place a thing in room (x0, y0, x1, y1): (x, y, scale).

    Its box covers a share of the room's area between low and high (log-uniform), less where
    a long thing would not fit.
    """
    w, h = thing.size
    wide, high_ = room[2] - room[0], room[3] - room[1]
    share = low * (high / low) ** rng.random()
    scale = min((share * wide * high_ / (w * h)) ** 0.5, 0.94 * wide / w, 0.94 * high_ / h)
    x = room[0] + (0.02 + rng.random() * 0.96) * (wide - w * scale)
    y = room[1] + (0.02 + rng.random() ** 0.7 * 0.96) * (high_ - h * scale)
    return x, y, scale


def _picture(rng, size: int, names: list[str], hide=()):
    """One picture with the named things side by side -> (H, W, 3) colours, (H, W) parts."""
    place = Place(rng)
    placed = []
    for i, name in enumerate(names):
        shapes = THINGS[name](rng, palette(rng, place.middle))
        thing = pose(shapes, between(rng, -6, 6), chance(rng, 0.5))
        room = (i * size / len(names), 0, (i + 1) * size / len(names), size)
        hidden = {h.removeprefix(name + " ") for h in hide if h.startswith(name + " ")}
        placed.append((thing, *fit(rng, thing, room, 0.12, 0.55), _NUMBERS[name], hidden))
    return draw(rng, size, place, placed)


def draw(rng, size: int, place: Place, placed: list):
    """The placed things (posed, x, y, scale, part numbers, hidden parts) in their place."""
    boxes = [box_at(*thing[:4]) for thing in placed]
    horizon = min(max(min(b[3] for b in boxes) / size - between(rng, 0.06, 0.3), 0.18), 0.82)
    canvas = backdrop(rng, size, place, horizon)
    company(canvas, rng, place, horizon, boxes)
    for thing, b in zip(placed, boxes, strict=True):
        shadow(canvas.image, place, b[0], b[1], b[2] - b[0], b[3] - b[1])
        paint(canvas, *thing)
    image, parts = finish(canvas)
    return grain(image, rng), parts


def objects(n: int, seed: int = 0, size: int = 112, hide: tuple[str, ...] = ()) -> Pictures:
    """n pictures of one thing each: a bird, fish, car, house, tree, boat, cup, flower, lamp or
    mushroom.

    The first pictures of a longer set are the same: objects(5) == objects(100)[:5]. Classes are
    balanced: each block of ten holds every class once. The thing's box covers about 12 to 55 % of
    the picture. `hide` leaves out parts, for example ("bird beak",), and keeps every other pixel as
    it was. Masks and parts are exact at the pixel centres. The same seed gives the same pictures
    everywhere, but for a few values in ten thousand at edges, which Pillow versions round
    differently (10.4 and 13.0 compared; masks agreed).

    Raises ValueError for n < 1, a size outside 32 to 512 and unknown part names.
    """
    check(n, seed, size)
    _check_hide(hide)
    labels = balanced(n, len(CLASS_NAMES), 1, seed)
    drawn = [
        _picture(np.random.default_rng([0, seed, i]), size, [CLASS_NAMES[c]], hide)
        for i, c in enumerate(labels)
    ]
    images, parts = zip(*drawn, strict=True)
    masks = [p > 0 for p in parts]
    return collect(images, labels, masks, parts, CLASS_NAMES, PART_NAMES)


def pairs(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures of two things of different classes side by side, the first one on the left.

    labels are (N, 2), masks (N, 2, H, W), boxes (N, 2, 4); everything else as in `objects`.
    """
    check(n, seed, size)
    first = balanced(n, len(CLASS_NAMES), 2, seed)
    second = (first + 1 + balanced(n, len(CLASS_NAMES) - 1, 3, seed)) % len(CLASS_NAMES)
    labels = np.stack([first, second], 1)
    drawn = [
        _picture(np.random.default_rng([4, seed, i]), size, [CLASS_NAMES[c] for c in pair])
        for i, pair in enumerate(labels)
    ]
    images, parts = zip(*drawn, strict=True)
    owner = np.array([-1, *(i for i, ps in enumerate(PARTS.values()) for _ in ps)])
    masks = [owner[p] == pair[:, None, None] for p, pair in zip(parts, labels, strict=True)]
    return collect(images, labels, masks, parts, CLASS_NAMES, PART_NAMES)
