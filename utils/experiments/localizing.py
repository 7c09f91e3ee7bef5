"""Where the boxes go: the geometry of wrong boxes, and what placing the cells is worth.

    python -m utils.experiments.localizing FOLDER     ImageNet's validation pictures, with boxes

prints the table of notebook 05: three inputs, the cells where they look and as tiles, and maps
that know nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from utils import baselines, cam, compare, localization
from utils.data.files import Photographs
from utils.experiments import folder
from utils.networks import CamNetwork
from utils.pictures import squashed

FRAME = 224  # pixels: side of the frame in which boxes are compared, as in the WSOL evaluation
GEOMETRY = ("inside", "contains", "displaced", "elsewhere")  # what a wrong box can be
NEARLY = 0.9  # a box with this share of its area in another one lies inside


# ---------------------------------------------------------------- the geometry of boxes


def shares(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Box precision and box recall of N boxes: (N, 4), (N, 4) -> (N,), (N,), in 0..1.

    The shared area as a part of the found box's, and of the true one's. The two make the IoU:
    1 / IoU = 1 / precision + 1 / recall - 1.
    """
    near, far = torch.maximum(found[:, :2], true[:, :2]), torch.minimum(found[:, 2:], true[:, 2:])
    shared = (far - near).clamp(min=0).prod(1).double()
    return shared / _area(found), shared / _area(true)


def geometry(found: Tensor, true: Tensor) -> list[str]:
    """What each box is: "right" from IoU 0.5 on, or one of GEOMETRY: (N, 4), (N, 4) -> N words.

    inside     nine tenths of the found box lie in the true one
    contains   nine tenths of the true box lie in the found one
    elsewhere  they share no pixel
    displaced  all others: each holds something that the other lacks
    """
    right = localization.iou(found, true) >= 0.5
    rows = zip(right.tolist(), *(s.tolist() for s in shares(found, true)), strict=True)
    return [_kind(*row) for row in rows]


def _kind(right: bool, precision: float, recall: float) -> str:
    if right:
        return "right"
    if precision == 0:
        return "elsewhere"
    return "inside" if precision >= NEARLY else "contains" if recall >= NEARLY else "displaced"


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


# ---------------------------------------------------------------- where the cells are laid


class Seen(NamedTuple):
    """What a network makes of N photographs at one input size."""

    maps: Tensor  # (N, 1, H, W), of the true classes
    anything: Tensor  # (N, 1, H, W), the mean of all f_k
    cells: cam.Cells | None  # where the cells look
    ranks: Tensor  # (N,), place of the true class, 1 for the best
    boxes: list[Tensor]  # N true boxes (B, 4), in the frame


def look(net: CamNetwork, photographs: Photographs, side: int, batch_size: int = 20) -> Seen:
    """Each photograph squashed to side x side, in batches, its classes those of the network."""
    maps, anything, ranks, boxes = [], [], [], []
    for start in range(0, len(photographs), batch_size):
        some = [photographs[i] for i in range(start, min(start + batch_size, len(photographs)))]
        x, labels = (
            net.prepare([p.image for p in some], side),
            torch.tensor([p.label for p in some]),
        )
        seen = net.forward_pass(x)
        maps.append(cam.class_maps(seen.f, seen.w, own=labels))
        anything.append(seen.f.mean(1, keepdim=True))
        ranks.append(localization.ranks(seen.S, labels))
        boxes += [squashed(p.boxes, p.image, FRAME) for p in some]
    cells = net.cells(x)
    return Seen(torch.cat(maps), torch.cat(anything), cells, torch.cat(ranks), boxes)


def framed(seen: Seen, tiles: bool = False) -> Tensor:
    """The maps at FRAME x FRAME, each value where its cell looks, or as tiles: (N, h, w)."""
    return cam.upsample(seen.maps, (FRAME, FRAME), None if tiles else seen.cells)[:, 0]


def found(
    seen: Seen, tiles: bool = False, thresholds: Sequence[float] = localization.FINE
) -> Tensor:
    """MaxBoxAcc picture by picture: 1 where the box is right at the best threshold, (N,)."""
    right = right_at(framed(seen, tiles), seen.boxes, thresholds)
    return right[:, right.mean(0).argmax()]


def right_at(
    maps: Tensor, boxes: Sequence[Tensor], thresholds: Sequence[float] = localization.FINE
) -> Tensor:
    """1 where a box is right, for each threshold, min-max scaled: (N, h, w) -> (N, T)."""
    return (localization.records(maps, boxes, thresholds=thresholds).largest >= 0.5).double()


def on_others(right: Tensor, draws: int = 500) -> float:
    """The threshold chosen on a random half, measured on the other: (N, T) -> mean share."""
    dice, n = torch.Generator().manual_seed(0), len(right) // 2
    orders = (torch.randperm(len(right), generator=dice) for _ in range(draws))
    shares = [right[o[n:]][:, right[o[:n]].mean(0).argmax()].mean() for o in orders]
    return torch.stack(shares).mean().item()


def lines(net: CamNetwork, photographs: Photographs) -> list[str]:
    """The table of notebook 05, section 12, with its differences, in words."""
    said, best, at_20 = [], {}, {}
    size = FRAME, FRAME
    for side in (224, 225, 289):
        seen = look(net, photographs, side)
        maps = {f"{side}": framed(seen), f"{side}, tiles": framed(seen, tiles=True)}
        if side == 225:
            mixed = baselines.other_pictures(torch.zeros(len(seen.maps), dtype=torch.long))
            maps["225, mean of all f_k"] = cam.upsample(seen.anything, size, seen.cells)[:, 0]
            maps["225, another picture's map"] = maps["225"][mixed]
        for name, M in maps.items():
            right = right_at(M, seen.boxes)
            t = int(right.mean(0).argmax())
            best[name], at_20[name] = right[:, t], right[:, localization.FINE.index(0.2)]
            row = (
                f"{name}: GT-known at 0.2 {_percent(at_20[name])}, MaxBoxAcc {_percent(best[name])}"
            )
            said.append(f"{row} (at {localization.FINE[t]}), on others {on_others(right):.1%}")
        counted = [_percent(at_20[f"{side}"] * (seen.ranks <= k)) for k in (1, 5)]
        named = _percent((seen.ranks == 1).double())
        said.append(f"{side}: named {named}; top-1, top-5 at 0.2 {', '.join(counted)}")
    sides = [i / 100 for i in range(20, 101)]
    top, right = localization.best_centred(seen.boxes, *size, sides)
    best["centred box"] = at_20["centred box"] = right
    said.append(f"best centred box, side {top}: {_percent(right)}")
    for a, b in (
        *((f"{side}", f"{side}, tiles") for side in (224, 225, 289)), ("289", "224"),
        ("225", "224"), ("224", "centred box"), ("289", "centred box"),
        ("225", "225, mean of all f_k"), ("225", "225, another picture's map"),
    ):  # fmt: skip
        for words, of in (("at the best thresholds", best), ("at 0.2", at_20)):
            said.append(f"{a} minus {b}, {words}: {compare.paired(of[a], of[b])}")
    return said


def _percent(right: Tensor) -> str:
    return f"{100 * right.mean():.1f} %"


if __name__ == "__main__":
    folder.main(__doc__, lines)
