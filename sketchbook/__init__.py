"""The sketchbook: a drawn world with exact truth, from a seed.

    objects(n, seed)    one thing of ten classes in each picture
    pairs(n, seed)      two things of different classes side by side
    birds(n, seed)      eight look-alike species that differ in small parts
    scenes(n, seed)     rooms and places, each known by what it holds
    captions(n, seed)   things in relations, with sentences about them
    signs(n, seed)      text or no text
    questions(n, seed)  four questions about each picture, with answers
    swatches(n, seed)   shapes without a name, each covered by one pattern

Each gives `utils.pictures.Pictures` and has a file of its name (`pairs` live with `objects`).
They are made of

    draw                pencil and paper: curves, shapes, and how these get onto the canvas
    colours, patterns   what shapes wear
    letters             an alphabet of pen strokes
    things, furniture   the ten classes, part by part; and everything else a scene may hold
    backdrops           places, and the small things around that belong to no class
    cutouts             single things, and places with nothing in them
    stage               what the worlds share: checks, labels, things put where they belong
"""

from .birds import birds
from .captions import captions
from .objects import objects, pairs
from .questions import questions
from .scenes import scenes
from .signs import signs
from .swatches import swatches

__all__ = ["birds", "captions", "objects", "pairs", "questions", "scenes", "signs", "swatches"]
