"""Birds: eight look-alike species. Each differs from the plain one in a single small part."""

from collections.abc import Callable

import numpy as np

from utils.pictures import Pictures

from .backdrops import Place
from .colours import Palette, palette
from .draw import Colour, Shape, arc, bend, between, chance, corners, move, oval, pose, ribbon
from .objects import draw, fit
from .stage import balanced, check, collect
from .things import bird

# Species -> the part that tells it, and that part's colour.
SPECIES: dict[str, tuple[str, Colour | None]] = {
    "plain wren": ("", None),
    "white-barred finch": ("bar", (253, 250, 242)),
    "black-capped tit": ("cap", (44, 38, 54)),
    "crested lark": ("crest", (206, 78, 66)),
    "ring-eyed warbler": ("ring", (252, 214, 84)),
    "fork-tailed swift": ("tail", None),
    "red-billed thrush": ("beak", (226, 74, 58)),
    "collared plover": ("collar", (44, 38, 54)),
}
# From back to front.
LAYERS = (
    "tail",
    "legs",
    "body",
    "collar",
    "wing",
    "bar",
    "crest",
    "head",
    "cap",
    "ring",
    "beak",
    "eye",
)
HORN: Colour = (96, 86, 92)


def species(rng, c: Palette, name: str) -> list[Shape]:
    """`bird` of any build and colour, in the plumage of its species."""
    mark, colour = SPECIES[name]
    drawn = bird(rng, c)
    layers = {part: [s for s in drawn if s.part == part] for part in LAYERS}
    head = layers["head"][0]
    x, y = head.points.mean(0)
    r = np.ptp(head.points[:, 0]) / 2
    layers["head"] = [head._replace(marks=head.marks[1:])]  # without its chance cap
    layers["tail"] = [_tail(layers["tail"][0], forked=mark == "tail")]
    layers["beak"] = [Shape("beak", _beak(x, y, r), colour if colour and mark == "beak" else HORN)]
    if colour and mark in _EXTRAS:
        layers[mark] = [Shape(mark, p, colour, shade=30) for p in _EXTRAS[mark](x, y, r)]
    return [shape for part in LAYERS for shape in layers[part]]


def _tail(tail: Shape, forked: bool) -> Shape:
    tip, y = tail.points[:, 0].min(), tail.points[:, 1].mean()
    notch = tip + 0.24 if forked else tip
    points = corners((-0.3, -0.1), (tip, y - 0.13), (notch, y), (tip, y + 0.13), (-0.3, 0.16))
    return tail._replace(points=points)


def _beak(x, y, r):
    return corners((x + 0.75 * r, y - 0.1), (x + r + 0.2, y + 0.03), (x + 0.75 * r, y + 0.13))


# In radii of the head, around its middle.
_COLLAR = corners((-1.35, 0.8), (-0.3, 1.3), (0.5, 1.05))
_CREST = corners((0.35, -0.8), (-0.5, -2.0), (-0.45, -1.4), (-1.25, -1.5), (-0.9, -0.3))
_EXTRAS: dict[str, Callable[[float, float, float], list[np.ndarray]]] = {
    "bar": lambda x, y, r: [ribbon(bend((-0.06, -0.17), (-0.11, 0.0), (-0.08, 0.15)), 0.1)],
    "collar": lambda x, y, r: [ribbon(bend(*move(_COLLAR * r, x, y)), 0.11)],
    "crest": lambda x, y, r: [move(_CREST * r, x, y)],
    "cap": lambda x, y, r: [arc(x, y, r, r, 192, 342, 15)],
    "ring": lambda x, y, r: [oval(x + 0.3 * r, y - 0.12 * r, 0.115)],
}


def birds(n: int, seed: int = 0, size: int = 112) -> Pictures:
    """n pictures of one bird each, of eight species that differ in a single small part.

    Build, colours, pose, place and size vary; the box covers 2 to 30 % of the picture, so a crop
    helps. `SPECIES` says which part tells each species; the parts are numbered.
    """
    check(n, seed, size)
    names = tuple(SPECIES)
    labels = balanced(n, len(names), 5, seed)
    drawn = [
        _bird(np.random.default_rng([6, seed, i]), size, names[c]) for i, c in enumerate(labels)
    ]
    images, parts = zip(*drawn, strict=True)
    part_names = ("", *(f"bird {part}" for part in LAYERS))
    return collect(images, labels, [p > 0 for p in parts], parts, names, part_names)


def _bird(rng, size: int, name: str):
    place = Place(rng)
    shapes = species(rng, palette(rng, place.middle), name)
    thing = pose(shapes, between(rng, -8, 8), chance(rng, 0.5))
    numbers = {part: i + 1 for i, part in enumerate(LAYERS)}
    placed = (thing, *fit(rng, thing, (0, 0, size, size), 0.02, 0.3), numbers, ())
    return draw(rng, size, place, [placed])
