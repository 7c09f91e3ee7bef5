"""The contest of what came before CAM: notebook 02. On drawings, and the gradients on photographs:

    python -m utils.experiments.before FOLDER 300

takes any folder that `utils.data.imagenet` reads. All is read at the pixels of the network's input.
"""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils import baselines, before, cam, compare, localization, models
from utils.data import imagenet
from utils.networks import CamNetwork
from utils.pictures import Picture, Pictures, filled, squashed

Method = Callable[[Tensor, Tensor], Tensor]  # (N, 3, h, w), classes (N,) -> maps (N, H, W)
ANY, BLOB = "mean of all f_k", "blob in the middle"
STRIDE = 16  # of squares and patches, pixels
WAYS: dict[str, tuple[int, tuple[float, ...]]] = {  # cells a side (0: all), blurs to choose from
    "as it comes": (0, (0,)),
    "14 × 14": (14, (0,)),
    "smoothed": (0, (2, 4, 8)),
}
BLURS = (0, 2, 4, 8, 16)
GRADIENTS = {
    "gradient": before.saliency,
    "deconvnet": before.deconvnet,
    "guided": before.guided_backprop,
}


# ---------------------------------------------------------------- the contest on drawings


def methods(
    net: CamNetwork, gmp: CamNetwork, occlusion: int = 32, patches: int = 48
) -> dict[str, Method]:
    """All methods, with squares and patches of so many pixels; the maximum is that of `gmp`."""

    def own_maps(of: CamNetwork, x: Tensor, c: Tensor) -> Tensor:
        return cam.upsample(of(x, own=c)[1], x.shape[2:], of.cells(x))[:, 0]

    return {
        "CAM": functools.partial(own_maps, net),
        "maximum (GMP)": functools.partial(own_maps, gmp),
        "occlusion": lambda x, c: before.occlusion(net.model, x, c, occlusion, STRIDE),
        "patches": lambda x, c: before.patches(net.model, x, c, patches, STRIDE),
        **{name: functools.partial(of, net.model) for name, of in GRADIENTS.items()},
    }


def know_nothing(net: CamNetwork) -> dict[str, Method]:
    """Two that never hear the class; the second does not see the picture either."""
    return {
        ANY: lambda x, c: net.forward_pass(x).f.mean(1),
        BLOB: lambda x, c: localization.centred_map(*x.shape[2:]).expand(len(x), -1, -1),
    }


def ask(method: Method, pictures: Pictures) -> Tensor:
    """A method's maps of each drawing's own class, at picture size: (N, h, w)."""
    x = pictures.images / 255
    return cam.upsample(method(x, pictures.labels)[:, None], x.shape[2:])[:, 0]


def cost(method: Method, networks: Sequence[nn.Module], pictures: Pictures) -> str:
    """Forward + backward passes for one picture, through all of the networks together."""
    with ExitStack() as stack:
        counts = [stack.enter_context(before.count_passes(model)) for model in networks]
        ask(method, pictures.subset(slice(1)))
    return " + ".join(str(sum(n[way] for n in counts)) for way in ("forward", "backward"))


def tune(maps: Tensor, pictures: Pictures) -> dict[str, before.Setting]:
    """`before.tune` for each of WAYS: maps (N, h, w) of these pictures."""
    return {
        way: before.tune(_on(maps, cells), pictures.boxes, pictures.masks, blurs)
        for way, (cells, blurs) in WAYS.items()
    }


class Found(NamedTuple):
    """1 where a method was right, 0 elsewhere."""

    box: Tensor  # (N,) IoU >= 0.5
    peak: Tensor  # (N,) the hottest pixel is on the thing


def read(
    maps: Tensor, pictures: Pictures, settings: Mapping[str, before.Setting]
) -> dict[str, Found]:
    """`before.read` for each of WAYS, as `tune` chose on other pictures: maps (N, h, w)."""
    return {
        way: Found(*before.read(_on(maps, cells), pictures.boxes, pictures.masks, settings[way]))
        for way, (cells, _) in WAYS.items()
    }


def _on(maps: Tensor, cells: int) -> Tensor:
    return before.on_cells(maps, cells) if cells else maps


def try_sides(
    net: CamNetwork, pictures: Pictures, sides: Mapping[str, Sequence[int]]
) -> list[tuple[str, int, int, int]]:
    """(method, side, box %, peak %) for each side in pixels, tuned and read on these pictures."""
    truth, rows = (pictures.boxes, pictures.masks), []
    for name, tried in sides.items():
        for side in tried:
            maps = ask(methods(net, net, **{name: side})[name], pictures)
            box, peak = before.read(maps, *truth, before.tune(maps, *truth))
            rows.append((name, side, per_cent(box), per_cent(peak)))
    return rows


def best_sides(rows: Sequence[tuple[str, int, int, int]]) -> dict[str, int]:
    """Of each method of `try_sides` the side with the most boxes and peaks together."""
    worst_first = sorted(reversed(rows), key=lambda row: row[2] + row[3])
    return {name: side for name, side, *_ in worst_first}


def table(
    found: Mapping[str, Mapping[str, Found]], passes: Mapping[str, str]
) -> tuple[list[tuple], list[str]]:
    """Rows and header for plots.table: of each method its passes, boxes and peaks in per cent."""
    rows = [
        (name, passes[name], *(per_cent(of[way][k]) for k in (0, 1) for way in WAYS))
        for name, of in found.items()
    ]
    return rows, ["method", "passes", *(f"{w} %, {way}" for w in ("box", "peak") for way in WAYS)]


def per_cent(values: Tensor) -> int:
    """The mean of single pictures' values, a whole number."""
    return round(100 * values.mean().item())


def near(masks: Tensor, pixels: int) -> Tensor:
    """The masks, wider by so many pixels on every side: (N, h, w) bool, twice."""
    wide = nn.functional.max_pool2d(masks[:, None].float(), 2 * pixels + 1, 1, pixels)
    return wide[:, 0] > 0


class Pointed(NamedTuple):
    """Of N pictures with several things, each asked for: means over a picture's questions."""

    point: Tensor  # (N,) the hottest pixel is on the thing asked for
    point_other: Tensor  # (N,) it is on the other one
    heat: Tensor  # (N,) share of the positive values on the thing asked for
    heat_other: Tensor  # (N,) on the other one


def point(method: Method, pairs: Pictures, blur: float) -> Pointed:
    """Where a method points, its maps smoothed by `blur` pixels, and where its heat lies."""
    maps = ask(method, baselines.one_each(pairs)).clamp(min=0)
    smooth, total = before.blurred(maps, blur), maps.sum((1, 2)).clamp(min=1e-12)
    asked_for, other = _both(pairs)
    values = [
        *(localization.peaks_in(smooth, m, middle=True).double() for m in (asked_for, other)),
        *((maps * m).sum((1, 2)) / total for m in (asked_for, other)),
    ]
    return Pointed(*(v.reshape(len(pairs), -1).mean(1) for v in values))


def random_point(pairs: Pictures) -> Pointed:
    """What a point anywhere on one of the two things gets, in the place of `point`."""
    either = pairs.masks.any(1).repeat_interleave(2, 0).float()
    chance = [torch.as_tensor(baselines.pointing(m)(either)) for m in _both(pairs)]
    return Pointed(*(v.reshape(len(pairs), -1).mean(1) for v in chance * 2))


def _both(pairs: Pictures) -> tuple[Tensor, Tensor]:
    """Masks of the thing asked for and of the other one, as in `one_each`: (2 N, h, w)."""
    return pairs.masks.flatten(0, 1), pairs.masks.flip(1).flatten(0, 1)


# ---------------------------------------------------------------- the gradients on photographs


def maps_of(net: CamNetwork, photo: Picture, side: int) -> dict[str, Tensor]:
    """One photograph's class by CAM and the three gradients, and any thing: side × side each."""
    x, size = net.prepare(photo.image, side), (side, side)
    p = net.forward_pass(x)
    coarse = {"CAM": cam.class_maps(p.f, p.w, photo.label), ANY: p.f.mean(1, keepdim=True)}
    found = {name: cam.upsample(M, size, net.cells(x))[0, 0] for name, M in coarse.items()}
    for name, method in GRADIENTS.items():
        found[name] = cam.upsample(method(net.model, x, photo.label)[None], size)[0, 0]
    return found


def crossed(
    maps: Tensor, boxes: Sequence[Tensor], masks: Tensor, blurs: Sequence[float] = (0,)
) -> tuple[Tensor, Tensor]:
    """`before.read` of each half with what `before.tune` chose on the other: (N,), (N,)."""
    found, hit = torch.zeros(len(maps)).double(), torch.zeros(len(maps)).double()
    for odd in (0, 1):
        here, other = slice(odd, None, 2), slice(1 - odd, None, 2)
        setting = before.tune(maps[other], boxes[other], masks[other], blurs)
        found[here], hit[here] = before.read(maps[here], boxes[here], masks[here], setting)
    return found, hit


def readings(maps: Tensor, boxes: Sequence[Tensor], masks: Tensor, cells: int) -> dict[str, tuple]:
    """Boxes and peaks of maps as they come, on CAM's cells, and smoothed."""
    return {
        "as it comes": crossed(maps, boxes, masks),
        f"on {cells} x {cells} cells": crossed(before.on_cells(maps, cells), boxes, masks),
        "smoothed": crossed(maps, boxes, masks, BLURS),
    }


def photographs(
    root: str | Path, n: int = 300, name: str = "mobilenet_v2", side: int = 225
) -> None:
    """Print boxes found and peaks in a box, in per cent, and their differences from CAM's."""
    net, data = models.pretrained(name), imagenet(root)
    if net is None:
        return
    photos = [data[i] for i in range(min(n, len(data)))]
    cells = len(net(net.prepare(photos[0].image, side), 0)[1][0, 0])
    every = [maps_of(net, photo, side) for photo in photos]
    boxes = [squashed(photo.boxes, photo.image, side) for photo in photos]
    masks = torch.stack([filled(some, side) for some in boxes])
    found = {m: readings(torch.stack([e[m] for e in every]), boxes, masks, cells) for m in every[0]}
    for method, of in found.items():
        for how, values in of.items():
            box, peak = (f"{100 * v.mean():.1f}" for v in values)
            print(f"{method:>10}, {how:<16} box {box}, peak {peak}")
    middle = localization.centred_map(*masks.shape[1:]).expand(masks.shape)
    knows = baselines.max_box_acc(boxes, localization.THRESHOLDS), baselines.pointing(masks)
    blob = [torch.as_tensor(of(middle)) for of in knows]
    print(f"{BLOB}: box {100 * blob[0].mean():.1f}, peak {100 * blob[1].mean():.1f}")
    for how, values in found["CAM"].items():
        for k, what in enumerate(("box", "peak")):
            d = compare.paired(values[k], blob[k])
            print(f"CAM - {BLOB}, {what}, {how}: {compare.said(d)}")
    for method in (*GRADIENTS, ANY):
        for how in found[method]:
            for k, what in enumerate(("box", "peak")):
                d = compare.paired(found[method][how][k], found["CAM"][how][k])
                print(f"{method} - CAM, {what}, {how}: {compare.said(d)}")


if __name__ == "__main__":
    root, *more = sys.argv[1:]
    photographs(root, int(more[0]) if more else 300)
