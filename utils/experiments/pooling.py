"""GAP against GMP: which cells pay and learn, which parts count, and what knows no class.

Notebook 03. `objects.measure` adds what `measure` gives to the figures of every seed. What a
maximum in the mean's place does to photographs that you have, ILSVRC2012's validation pictures:

    python -m utils.experiments.pooling FOLDER
"""

import copy
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

import sketchbook
from utils import baselines, cam, compare, localization, models, networks, training
from utils.data.files import Photographs
from utils.experiments import folder
from utils.networks import CamNetwork
from utils.pictures import Picture, Pictures

TEST = 8  # seed of the drawn pictures, those of `objects`
N_HIDDEN, N_MAPS = 100, 200  # pictures whose parts are hidden, pictures whose maps are measured
AT_LEAST = 0.1  # a part counts if hiding it costs more than this share of the score


# ---------------------------------------------------------------- hiding parts


def hide_parts(n: int, seed: int = TEST, size: int = 112) -> tuple[Pictures, Tensor, Tensor]:
    """n pictures, and each again without the k-th part of its thing: (n, P, 3, h, w) uint8.

    Also which of them changed, (n, P) bool: not every thing shows, or has, every part.
    """
    whole = sketchbook.objects(n, seed=seed, size=size)
    parts = parts_of(whole)
    without = []
    for k in range(max(map(len, parts.values()))):
        hide = tuple(names[k] for names in parts.values() if k < len(names))
        without.append(sketchbook.objects(n, seed=seed, size=size, hide=hide).images)
    hidden = torch.stack(without, 1)
    return whole, hidden, (hidden != whole.images[:, None]).flatten(2).any(2)


def parts_of(pictures: Pictures) -> dict[str, list[str]]:
    """The parts of each kind of thing: {"bird": ["bird tail", ...], ...}."""
    parts: dict[str, list[str]] = {}
    for part in pictures.part_names[1:]:
        parts.setdefault(part.split()[0], []).append(part)
    return parts


def standing(net: CamNetwork, images: Tensor, labels: Tensor) -> Tensor:
    """S_c of each one's own class above the mean of all scores: (N, 3, h, w), (N,) -> (N,)."""
    S = torch.cat([p.S for _, p in networks.passes(net, images)])
    return S.gather(1, labels[:, None])[:, 0] - S.mean(1)


def lost(net: CamNetwork, whole: Pictures, hidden: Tensor, changed: Tensor) -> Tensor:
    """Share of the score that each part costs, from `hide_parts`: -> (N, P), NaN where no part is.

    Below 0 where the score rises without it.
    """
    which, part = changed.nonzero().T
    before = standing(net, whole.images, whole.labels)
    after = standing(net, hidden[which, part], whole.labels[which])
    cost = torch.full(changed.shape, torch.nan)
    cost[which, part] = 1 - after / before[which]
    return cost


def parts_that_count(cost: Tensor) -> Tensor:
    """How many parts cost over a tenth of the score: (N, P) -> (N,)."""
    return (cost.nan_to_num(0) > AT_LEAST).sum(1).double()


def share_of_costliest(cost: Tensor) -> Tensor:
    """The costliest part's share of all that the parts cost: (N, P) -> (N,), 0 if none costs."""
    paid = cost.nan_to_num(0).clamp(min=0)
    return (paid.amax(1) / paid.sum(1).clamp(min=1e-9)).double()


# ---------------------------------------------------------------- who pays


def payments(p: networks.ForwardPass, labels: Tensor) -> Tensor:
    """What each cell pays to S_c of its own class, f_k times its gradient: -> (N, H, W).

    With the bias they add up to S_c. Cells that tie for a maximum share it.
    """
    f = p.f.detach().requires_grad_()
    S = cam.scores(cam.pool(f, p.pooling), p.w)
    own = S.gather(1, labels[:, None]).sum()
    return (f * torch.autograd.grad(own, f)[0]).sum(1).detach()


def cells_paying_half(paid: Tensor) -> Tensor:
    """The fewest cells that pay half of what speaks for the class: (N, H, W) -> (N,)."""
    sums = paid.flatten(1).clamp(min=0).sort(1, descending=True).values.cumsum(1)
    return (sums < 0.5 * sums[:, -1:]).sum(1) + 1.0


# ---------------------------------------------------------------- a look at training


def few_and_lit(p: networks.ForwardPass, maps: Tensor, pictures: Pictures) -> tuple[float, float]:
    """Cells that pay half of S_c, and per cent of the thing above half of its map's maximum: means.

    Of the pictures' own classes; maps (N, h, w).
    """
    lit = localization.coverage(maps, pictures.masks, 0.5)
    cells = cells_paying_half(payments(p, pictures.labels))
    return cells.mean().item(), 100 * lit.mean().item()


class Step(NamedTuple):
    """One step of training: who asked for it, and what it did; (N, H, W) each."""

    asked: Tensor  # the gradient of the loss in each cell, its size summed over the channels
    change: Tensor  # of each picture's own M_c


def step(network: models.CourseNetwork, pictures: Pictures, lr: float = 1e-4) -> Step:
    """One step of a copy down the loss of these pictures; the last layer stays as it is.

    So do the numbers that normalise each layer: what changes a map is the kernels alone.
    """
    taught = copy.deepcopy(network).eval()
    f = taught.features((pictures.images / 255 - 0.5) / 0.25)
    f.retain_grad()
    F = f.mean((2, 3)) if taught.head == "gap" else f.amax((2, 3))
    training.loss_of(taught.fc(F), pictures.labels).backward()
    before = _small_maps(CamNetwork(taught), pictures)
    with torch.no_grad():
        for weights in taught.features.parameters():
            if weights.grad is not None:
                weights.sub_(lr * weights.grad)
    assert f.grad is not None
    asked = (f.grad.abs() * (f > 0)).sum(1)  # where f is 0, the rectifier lets nothing through
    return Step(asked, _small_maps(CamNetwork(taught), pictures) - before)


def _small_maps(net: CamNetwork, pictures: Pictures) -> Tensor:
    """M_c of each picture's own class, as small as it is: -> (N, H, W)."""
    maps = [
        cam.class_maps(p.f, p.w, own=pictures.labels[at])[:, 0]
        for at, p in networks.passes(net, pictures.images)
    ]
    return torch.cat(maps).detach()


# ---------------------------------------------------------------- maps that know no class


KINDS = (  # from all that w knows to nothing of it
    "class map",
    "the same, weights below 0 left out",
    "mean of the f_k for the class",
    "mean of the f_k against the class",
    "mean of all f_k",
)


def kinds_of_maps(net: CamNetwork, pictures: Pictures) -> dict[str, Tensor]:
    """The class map, and what is left of it when less of w is known: {kind of KINDS: (N, h, w)}.

    At the pictures' size. A channel is for the class where its weight is above 0, else against it.
    """
    small: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    for at, p in networks.passes(net, pictures.images):
        w = p.w[pictures.labels[at]]
        each = w, w.relu(), (w > 0).float(), (w <= 0).float(), torch.ones_like(w)
        for kind, rows in zip(KINDS, each, strict=True):
            small[kind].append(torch.einsum("nkhw,nk->nhw", p.f, rows))
    size, cells = pictures.images.shape[-2:], net.cells(net.prepare(pictures.images[:1]))
    return {
        kind: cam.upsample(torch.cat(M)[:, None], size, cells)[:, 0] for kind, M in small.items()
    }


# ---------------------------------------------------------------- photographs, the pooling swapped


class Swapped(NamedTuple):
    """A network whose f and w stay and whose pooling changes; a value for each photograph, (N,)."""

    named: Tensor  # 1 where the true class has the highest score
    cells: Tensor  # the fewest cells that pay half of what speaks for it


def swapped(net: CamNetwork, photographs: Sequence[Picture], side: int) -> dict[str, Swapped]:
    """With the mean and with the maximum, for inputs of side × side pixels."""
    found: dict[cam.Pooling, list[tuple[float, float]]] = {"mean": [], "max": []}
    for photo in photographs:
        p, label = net.forward_pass(net.prepare(photo.image, side)), torch.tensor([photo.label])
        for how, rows in found.items():
            other = replace(p, pooling=how, S=cam.scores(cam.pool(p.f, how), p.w, p.b))
            right = float(other.S.argmax(1).item() == photo.label)
            rows.append((right, cells_paying_half(payments(other, label)).item()))
    return {how: Swapped(*torch.tensor(rows).double().T) for how, rows in found.items()}


def told(found: dict[str, Swapped]) -> list[str]:
    """The same in words: each mean, and the paired differences."""
    lines = [
        f"{how}: named right {100 * of.named.mean():.1f} %, {of.cells.mean():.1f} cells pay half"
        for how, of in found.items()
    ]
    named, cells = (compare.paired(*values) for values in zip(*found.values(), strict=True))
    return [*lines, f"mean - max: {named}", f"mean - max: {compare.said(cells, 'cells', 1)}"]


# ---------------------------------------------------------------- the figures of one network


@functools.cache
def _pictures() -> tuple[Pictures, tuple[Pictures, Tensor, Tensor]]:
    return sketchbook.objects(N_MAPS, seed=TEST), hide_parts(N_HIDDEN)


def measure(network: models.CourseNetwork) -> dict:
    """What notebook 03 asks of each seed, as one dict for the results file.

    parts_that_count     mean number of parts that cost over a tenth of the score
    share_of_costliest   mean share of the costliest part in all that the parts cost
    cells_paying_half    mean number of cells that pay half of the score
    coverage_sweep       share of the thing above each threshold, by threshold
    of_one, of_two       by kind of map: MaxBoxAcc on pictures of one thing; the share of maxima on
                         the thing asked for, in pictures of two
    """
    net = CamNetwork(network.eval())
    test, hidden = _pictures()
    cost = lost(net, *hidden)
    paid = [payments(p, test.labels[at]) for at, p in networks.passes(net, test.images)]
    maps, two = kinds_of_maps(net, test), pairs()
    box = baselines.max_box_acc(test.boxes, localization.THRESHOLDS)
    point = baselines.pointing(two.masks)
    sweep = {
        f"{t:.2f}": round(localization.coverage(maps["class map"], test.masks, t).mean().item(), 4)
        for t in localization.THRESHOLDS
    }
    return {
        "parts_that_count": parts_that_count(cost).mean().item(),
        "share_of_costliest": share_of_costliest(cost).mean().item(),
        "cells_paying_half": cells_paying_half(torch.cat(paid)).mean().item(),
        "coverage_sweep": sweep,
        "of_one": {kind: round(_mean(box(M)), 4) for kind, M in maps.items()},
        "of_two": {kind: round(_mean(point(M)), 4) for kind, M in kinds_of_maps(net, two).items()},
    }


@functools.cache
def pairs(n: int = N_MAPS // 2) -> Pictures:
    """n pictures of two things, each asked for once: 2n."""
    return baselines.one_each(sketchbook.pairs(n, seed=TEST))


def _mean(found: Tensor | float) -> float:
    return torch.as_tensor(found).double().mean().item()


def lines(net: CamNetwork, photographs: Photographs) -> list[str]:
    """The mean and the maximum on a folder of photographs, 224 pixels, in words."""
    return told(swapped(net, [photographs[i] for i in range(len(photographs))], 224))


if __name__ == "__main__":
    folder.main(__doc__, lines)
