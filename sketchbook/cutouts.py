"""Single things without a picture around them, to be laid on any."""

import numpy as np
from PIL import Image

from .backdrops import Place, backdrop, grain
from .colours import NAMED, named_palette
from .draw import INK, OVERSAMPLE, canvas_on, mix, paint, pose
from .stage import check
from .things import PARTS, THINGS


def cutout(name: str, colour: str, seed: int = 0, size: int = 96) -> np.ndarray:
    """One thing of the ten classes in a named colour: (h, w, 4) uint8, the longer side `size`.

    The last channel is the opacity. The same seed gives the same shape in every colour. Raises
    ValueError for another thing or colour, and says which there are.
    """
    check(1, seed, size)
    for what, known in ((name, THINGS), (colour, NAMED)):
        if what not in known:
            raise ValueError(f"there is no {what!r} here; there are {', '.join(known)}")
    colours = named_palette(np.random.default_rng([10, seed]), colour)
    thing = pose(THINGS[name](np.random.default_rng([11, seed]), colours), 0, False)
    scale = (size - 3) / max(thing.size)  # room for half a line on either side
    w, h = (round(side * scale) + 3 for side in thing.size)
    canvas = canvas_on(Image.new("RGB", (w * OVERSAMPLE, h * OVERSAMPLE)))
    paint(canvas, thing, 1.5, 1.5, scale, dict.fromkeys(PARTS[name], 1))
    blocks = (h, OVERSAMPLE, w, OVERSAMPLE)
    inside = np.asarray(canvas.parts).reshape(*blocks, 1)
    rgb = np.asarray(canvas.image).reshape(*blocks, 3) * inside
    covered = inside.sum((1, 3))
    seen = rgb.sum((1, 3), dtype=int) // np.maximum(covered, 1)
    return np.concatenate([seen, 255 * covered // OVERSAMPLE**2], 2).astype(np.uint8)


def empty(kind: str, seed: int = 0, size: int = 112) -> tuple[np.ndarray, tuple[int, int, int]]:
    """An empty place, (size, size, 3) uint8, and the colour of shadows on its ground."""
    check(1, seed, size)
    rng = np.random.default_rng([12, seed])
    place = Place(rng, (kind,))
    image = backdrop(rng, size, place, 0.6).image.reduce(OVERSAMPLE)
    return grain(np.asarray(image), rng), mix(place.ground, INK, 0.75)
