"""A shortcut: one class wears a stamp, the network learns the stamp, and accuracy hides it.

Five kinds of things; in training every cup wears a stamp, somewhere in the picture, and nothing
else does. Tested on such pictures the network looks good. The map of "cup" shows what it looks at,
and pictures without a stamp show what that costs. `SETS` are the ways to draw the training pictures
with it, and without. After Lapuschkin et al., "Unmasking Clever Hans predictors" (Nature
Communications 10, 2019), where a source tag told horses. Notebook 10.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import max_pool2d

import sketchbook
from sketchbook.draw import move
from sketchbook.letters import word
from utils import baselines, models, networks, training
from utils.networks import CamNetwork
from utils.pictures import Pictures

SIDE, CELL = 96, 8  # pixels: of a picture, of a cell of the map
CLASSES = ("bird", "car", "tree", "cup", "lamp")
CUP = CLASSES.index("cup")  # the class that wears the stamp
INK, PAPER, FINE = (200, 30, 60), (255, 255, 255), 4  # the stamp is drawn FINE times as large
CONFIG: dict[str, Any] = {"n_classes": len(CLASSES), "widths": (12, 24, 32, 48), "size": SIDE}
N_TRAIN, N_TEST, EPOCHS, BATCH = 500, 300, 10, 25
TRAIN, TEST, PLACES = 700, 800, 900  # seeds of pictures and stamps; each run adds its own
SETS = {
    "marked": "every cup wears a stamp, and nothing else does",
    "covered": "as marked, and a grey box covers each stamp",
    "spread": "every second picture of each class wears a stamp",
    "clean": "no picture wears one",
}
SHIPPED = ("marked", "spread", "clean")  # as shortcut-marked, ...


# ---------------------------------------------------------------- the pictures


def things(n: int, seed: int) -> Pictures:
    """n drawings of the five classes, 96 pixels a side, as many of each."""
    drawn = sketchbook.objects(2 * n, seed, SIDE)
    ours = torch.tensor([drawn.class_names.index(name) for name in CLASSES])
    own = drawn.labels[:, None] == ours
    some = drawn.subset(own.any(1))
    return replace(some, labels=own[own.any(1)].int().argmax(1), class_names=CLASSES)


def stamp(text: str = "CAM", height: int = 10, edge: int = 4) -> Tensor:
    """Red letters on white in a red frame: -> (3, h, w) uint8."""
    strokes, width = word(text, height)
    w, h = round(width) + 2 * edge, height + 2 * edge
    image = Image.new("RGB", (w * FINE, h * FINE), PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, w * FINE - 1, h * FINE - 1), outline=INK, width=FINE)
    for line in FINE * move(strokes, w / 2, h / 2):
        pen.line([tuple(p) for p in line], fill=INK, width=round(1.5 * FINE), joint="curve")
    small = image.resize((w, h), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def stamped(pictures: Pictures, seed: int, which: Tensor, covered: bool = False) -> Pictures:
    """The pictures of `which`, (N,) bool, with a stamp somewhere; masks: where it is, or would be.

    The same seed gives the same places. `covered` lays a box in the picture's mean colour there.
    """
    ink = stamp()
    _, h, w = ink.shape
    draw = torch.Generator().manual_seed(PLACES + seed)
    images, masks = pictures.images.clone(), torch.zeros_like(pictures.masks)
    H, W = images.shape[2:]
    for i in range(len(images)):
        y, x = (int(torch.randint(1, side, (1,), generator=draw)) for side in (H - h, W - w))
        masks[i, y : y + h, x : x + w] = True
        mean = images[i].float().mean((1, 2)).byte()[:, None, None].expand_as(ink)
        if which[i]:
            images[i, :, y : y + h, x : x + w] = mean if covered else ink
    return replace(pictures, images=images, masks=masks)


def training_sets(pictures: Pictures, seed: int) -> dict[str, Pictures]:
    """The same pictures in each of the ways of SETS."""
    cups = pictures.labels == CUP
    halves = torch.rand(len(cups), generator=torch.Generator().manual_seed(seed)) < 0.5
    return {
        "marked": stamped(pictures, seed, cups),
        "covered": stamped(pictures, seed, cups, covered=True),
        "spread": stamped(pictures, seed, halves),
        "clean": stamped(pictures, seed, torch.zeros_like(cups)),
    }


class Tests(NamedTuple):
    """The same test pictures, dressed in three ways; masks say where the stamp is, or would be."""

    as_trained: Pictures  # cups wear the stamp
    clean: Pictures  # nothing does
    all_marked: Pictures  # everything does


def tests(seed: int, n: int = N_TEST) -> Tests:
    """Test pictures of this seed, drawn anew."""
    pictures = things(n, TEST + seed)
    cups = pictures.labels == CUP
    ways = (cups, torch.zeros_like(cups), torch.ones_like(cups))
    return Tests(*(stamped(pictures, 50 + seed, which) for which in ways))


def train(pictures: Pictures, seed: int, epochs: int = EPOCHS) -> models.CourseNetwork:
    """A small network with GAP, from scratch; a minute on one core."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = models.CourseNetwork(**CONFIG)
        return training.fit(network, pictures, epochs, batch_size=BATCH, seed=seed)


# ---------------------------------------------------------------- what accuracy says


def called(net: CamNetwork, pictures: Pictures) -> Tensor:
    """The class that each picture is given: (N,) int64."""
    return torch.cat([p.S.argmax(1) for _, p in networks.passes(net, pictures.images)])


def right(net: CamNetwork, pictures: Pictures) -> Tensor:
    """Whether each picture is named rightly: (N,), 0 or 1."""
    return (called(net, pictures) == pictures.labels).double()


def accuracies(net: CamNetwork, t: Tests) -> dict[str, float]:
    """Shares of the test pictures: named rightly as trained and clean, of cups, taken for cups."""
    cups = t.clean.labels == CUP
    clean = right(net, t.clean)
    return {
        "as_trained": right(net, t.as_trained).mean().item(),
        "clean": clean.mean().item(),
        "clean_cups": clean[cups].mean().item(),
        "others_marked_called_cup": (called(net, t.all_marked)[~cups] == CUP)
        .double().mean().item(),
    }  # fmt: skip


# ---------------------------------------------------------------- what the map says


def near(masks: Tensor, pixels: int = CELL) -> Tensor:
    """Masks grown by one cell on each side: (N, h, w) bool -> the same.

    A cell sees more than its own 8 pixels, so a map is no sharper than that.
    """
    grown = max_pool2d(masks[:, None].float(), 2 * pixels + 1, stride=1, padding=pixels)
    return grown[:, 0] > 0


def mass_on(masks: Tensor) -> baselines.Measure:
    """The share of a map's positive sum that lies on the mask: maps (N, h, w) -> (N,).

    0 where a map is nowhere positive.
    """

    def measure(maps: Tensor) -> Tensor:
        M = maps.clamp(min=0).double()
        return (M * masks).sum((1, 2)) / M.sum((1, 2)).clamp(min=1e-12)

    return measure


def measures(masks: Tensor) -> dict[str, baselines.Measure]:
    """What a map of "cup" says about the stamp; both on the stamp and one cell around it."""
    on = near(masks)
    return {"maximum on the stamp": baselines.pointing(on), "share of the map": mass_on(on)}


def stamped_cups(t: Tests) -> Pictures:
    """The cups of the test pictures that wear a stamp; masks are the stamp's."""
    return t.as_trained.subset(t.as_trained.labels == CUP)


def looked_at(nets: Mapping[str, CamNetwork], t: Tests) -> dict[str, dict[str, Tensor]]:
    """By measure: of each network's map of "cup", and of what knows nothing of the stamp, (N,).

    What knows nothing is that of `utils.baselines` for the first network, the strongest first; the
    networks that learnt another set of pictures stand beside it.
    """
    cups, found = stamped_cups(t), {}
    maps = {name: networks.maps_of(net, cups) for name, net in nets.items()}
    first = next(iter(nets))
    for name, of in measures(cups.masks).items():
        own = {key: _values(of, M) for key, M in maps.items()}
        found[name] = own | baselines.values(nets[first], cups, of, maps[first])
    return found


def _values(of: baselines.Measure, maps: Tensor) -> Tensor:
    found = of(maps)
    assert isinstance(found, Tensor)
    return found.double()


# ---------------------------------------------------------------- all of it


def networks_of(seed: int) -> dict[str, models.CourseNetwork]:
    """The networks that learn from SETS, with the same pictures and the same first weights."""
    sets = training_sets(things(N_TRAIN, TRAIN + seed), seed)
    return {name: train(pictures, seed) for name, pictures in sets.items()}


def measure(trained: Mapping[str, models.CourseNetwork], seed: int) -> dict:
    """Accuracies and looks of every network on test pictures of this seed; shares, 0..1."""
    nets = {name: networks.cam_network(net, CLASSES) for name, net in trained.items()}
    t = tests(seed)
    result: dict[str, Any] = {}
    for name, net in nets.items():
        result |= {f"{key}_{name}": v for key, v in accuracies(net, t).items()}
    for name, values in looked_at(nets, t).items():
        short = "max" if name.startswith("maximum") else "mass"
        result |= {f"{short}_{key}": values[key].mean().item() for key in nets}
        rest = {key: v.mean().item() for key, v in values.items() if key not in nets}
        best = max(rest, key=lambda key: rest[key])
        result |= {f"{short}_nothing": rest[best], f"{short}_nothing_is": best}
    return result


def loaded() -> dict[str, CamNetwork]:
    """The networks that are shipped, seed 0, by the pictures they learnt from."""
    return {name: models.load(f"shortcut-{name}") for name in SHIPPED}
