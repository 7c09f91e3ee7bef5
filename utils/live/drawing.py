"""The drawing board: a small network that runs in the page, on pictures that the reader makes.

The front page of the course and notebook 01 have one.
"""

import base64
import io
import zlib
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from sketchbook import colours, cutouts, things
from utils import cam, plots
from utils.live import page
from utils.live.look import looked
from utils.models import CourseNetwork
from utils.networks import CamNetwork

SIDE = 336  # pixels of the picture on the screen; the network takes 112
COLOURS = ("red", "yellow", "green", "blue", "purple")
PLACES = {"meadow": 0, "sea": 0, "room": 1, "night": 0}  # and the seed of each
OPACITY = 0.45
# What stands there first: thing, colour, middle x and y, longer side, in pixels of the picture.
FIRST = (("bird", "blue", 34, 62, 54), ("cup", "red", 82, 68, 44))


def board(net: CamNetwork) -> None:
    """Things to drag, erase and recolour; scores and the map of any class follow, in the page.

    `net` is one of the course's networks with global average pooling, for drawn things:
    `models.load("objects-gap")`. Its weights go into the page in half precision, as its file holds
    them, and a worker in the page computes every layer. Raises TypeError or ValueError for other
    networks, and says what to do. Notebook 01.
    """
    picture = torch.from_numpy(np.asarray(_first()).copy()).permute(2, 0, 1)
    p, cells = looked(net, picture)
    if not (isinstance(net.model, CourseNetwork) and net.model.head == "gap"):
        raise ValueError(
            "the board runs the course's own networks with average pooling, such as "
            'models.load("objects-gap")'
        )
    if set(net.class_names) - set(things.THINGS):
        raise ValueError("the board has no such things as this network names: load objects-gap")
    c = net.index(FIRST[0][0])
    data = {
        "names": list(net.class_names),
        "layers": layers(net.model),
        "weights": sum(t.numel() for t in net.model.parameters() if t.ndim > 1),
        "w": halves(p.w),
        "b": [0.0] * len(p.w) if p.b is None else p.b.tolist(),
        "cells": page.placed(cells, p.f.shape[2:]),
        "side": picture.shape[1],
        "shown": SIDE,
        "alpha": OPACITY,
        "heat": page.colours(plots.HEAT),
        "colours": {name: colours.NAMED[name] for name in COLOURS},
        "sprites": {
            name: [_png(cutouts.cutout(name, colour, i)) for colour in COLOURS]
            for i, name in enumerate(net.class_names)
        },
        "places": {kind: _place(kind, seed) for kind, seed in PLACES.items()},
        "first": [
            {"name": name, "colour": COLOURS.index(colour), "x": x, "y": y, "size": size}
            for name, colour, x, y, size in FIRST
        ],
    }
    M = cam.class_maps(p.f, p.w, c)[0, 0]
    over = plots.overlay(page.within(picture, SIDE), M, OPACITY, cells)
    drawn = " and ".join(f"a {name}" for name, *_ in FIRST)
    words = f"A drawn picture of {drawn}, and over it the map of {net.class_names[c]}."
    page.show("board", data, Image.fromarray((over * 255).astype(np.uint8)), words)


def layers(model: CourseNetwork) -> list[dict[str, Any]]:
    """The convolutions and poolings of a network, as board.js computes them.

    Each convolution (n_out, n_in, size, size) comes with what batch normalization does to its
    output afterwards, y * scale + shift; a ReLU follows. A pooling has no weights.
    """
    found: list[dict[str, Any]] = []
    for layer in model.features:
        if isinstance(layer, nn.MaxPool2d):
            found.append({"pool": 2})
            continue
        conv, norm, _ = cast(Iterable[Any], layer)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        found.append(
            {
                "shape": list(conv.weight.shape),
                "stride": conv.stride[0],
                "dilation": conv.dilation[0],
                "w": halves(conv.weight),
                "scale": [float(f"{v:.9g}") for v in scale.tolist()],
                "shift": [float(f"{v:.9g}") for v in shift.tolist()],
            }
        )
    return found


def halves(t: Tensor) -> str:
    """Numbers in half precision: all low bytes, then all high ones, which deflate far better."""
    raw = t.detach().cpu().half().numpy().astype("<f2").reshape(-1).view(np.uint8)
    planes = np.concatenate([raw[0::2], raw[1::2]]).tobytes()
    return base64.b64encode(zlib.compress(planes, 9)).decode()


def _place(kind: str, seed: int) -> dict[str, Any]:
    image, shadow = cutouts.empty(kind, seed)
    return {"image": page.jpeg(Image.fromarray(image), quality=90), "shadow": shadow}


def _png(cutout: np.ndarray) -> str:
    """A cutout (h, w, 4) as the address of itself; 64 colours are enough."""
    file = io.BytesIO()
    image = Image.fromarray(cutout).quantize(64, method=Image.Quantize.FASTOCTREE)
    image.save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _first() -> Image.Image:
    """The picture that the board begins with, near enough: the page draws its own."""
    image = Image.fromarray(cutouts.empty("meadow", PLACES["meadow"])[0])
    for name, colour, x, y, size in FIRST:
        number = list(things.THINGS).index(name)
        thing = Image.fromarray(cutouts.cutout(name, colour, number, size))
        image.paste(thing, (x - thing.width // 2, y - thing.height // 2), thing)
    return image
