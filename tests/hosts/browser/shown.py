"""One live figure of each kind, as small as shows all that it can, and what it was made of.

The tests open them from disk; a notebook in JupyterLab imports this file and shows them itself.
"""

import sketchbook
from utils import live, localization, models, networks

net = models.load("objects-gap")
picture = sketchbook.pairs(12, seed=3).images[8]
test = sketchbook.objects(20, seed=8)
BIRD = 2  # the number of a test picture
LARGE = 168  # pixels of the picture as a larger input


def _curve(one: networks.CamNetwork):
    """The share of right boxes over the test pictures at each threshold."""
    maps = networks.maps_of(one, test)
    found = localization.records(maps, test.boxes, thresholds=localization.THRESHOLDS, how="max")
    return localization.accuracy(found)


def _variants() -> dict[str, live.sweep.Variant]:
    """The heads, a larger input, another place of the cells; two of them have their curve."""
    seen = {"GAP": net, "GMP": models.load("objects-gmp")}
    x = test.images[BIRD]
    made = {label: live.variant(one, one.prepare(x), _curve(one)) for label, one in seen.items()}
    made["input 168"] = live.variant(net, net.prepare(x, LARGE))
    return made | {"blocks": live.variant(net, net.prepare(x), placed=False)}


variants = _variants()
SWITCH, PLACES = ("GAP", "GMP"), ("GAP", "input 168", "blocks")


def _sweep(labels: tuple[str, ...]) -> None:
    chosen = {label: variants[label] for label in labels}
    live.thresholds(test.images[BIRD], test.boxes[BIRD], chosen, "bird")


FIGURES = {
    "explorer": lambda: live.explorer(net, picture, "car"),
    "bench": lambda: live.bench(net, picture, "bird", "cup"),
    "switch": lambda: _sweep(SWITCH),
    "thresholds": lambda: _sweep(PLACES),
    "paint": lambda: live.paint(net, test.images[BIRD], test.boxes[BIRD], "bird"),
    "browser": lambda: live.browser(net, test, "bird"),
    "board": lambda: live.board(net),
}
