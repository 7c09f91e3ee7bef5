"""What the top channels of a class are worth: against controls, over classes and networks.

Notebook 09. A figure "over three networks" is of NETWORKS, which ship with the course: trained
apart, from other random numbers, and with other strides.

    python -m utils.experiments.top_channels FOLDER     its last part, on ImageNet's pictures
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

import sketchbook
from utils import cam, channels, compare, networks
from utils.data.files import Photographs
from utils.experiments import folder, pooling
from utils.pictures import Pictures

NETWORKS = ("objects-gap", "objects-gap-s16", "objects-gap-s4")
TWO_ENDS = {  # two groups of parts of each thing that do not lie on each other
    "bird": (("tail",), ("head", "beak", "eye")), "fish": (("tail",), ("gill", "mouth", "eye")),
    "car": (("wheels",), ("cabin", "windows")), "house": (("roof", "chimney"), ("door", "windows")),
    "tree": (("trunk",), ("crown", "fruit")), "boat": (("hull",), ("sail", "flag")),
    "cup": (("handle",), ("saucer",)), "flower": (("stem", "leaves"), ("petals", "centre")),
    "lamp": (("foot", "pole"), ("shade", "bulb")), "mushroom": (("stem", "ring"), ("cap", "dots")),
}  # fmt: skip


Figures = TypeVar("Figures", bound=tuple)


class Seen(NamedTuple):
    """What a network saw in N pictures."""

    f: Tensor  # (N, K, H, W)
    w: Tensor  # (C, K)
    b: Tensor  # (C,)
    cells: cam.Cells | None

    @property
    def F(self) -> Tensor:
        """The pooled maps, (N, K)."""
        return cam.pool(self.f)

    @property
    def S(self) -> Tensor:
        """The scores, (N, C)."""
        return cam.scores(self.F, self.w, self.b)


def seen(net: networks.CamNetwork, images: Tensor) -> Seen:
    """The maps of pictures (N, 3, h, w), the weights and where the cells look."""
    passes = [p for _, p in networks.passes(net, images)]
    w, b = passes[0].w, passes[0].b
    b = torch.zeros(len(w)) if b is None else b
    return Seen(torch.cat([p.f for p in passes]), w, b, net.cells(net.prepare(images[:1])))


def payments(s: Seen, labels: Tensor) -> Tensor:
    """Mean contribution of each channel to its class, over the class's pictures: -> (C, K)."""
    F = s.F
    return torch.stack([(F[labels == c] * s.w[c]).mean(0) for c in range(len(s.w))])


def over(d: compare.Difference, whom: str) -> compare.Difference:
    """A difference whose values were no pictures: `whom` says what it holds over."""
    return replace(d, over=whom)


def together(each: Iterable[Figures]) -> Figures:
    """The figures of S networks as one: (C,) each -> (S, C)."""
    found = list(each)
    return type(found[0])(*(torch.stack(v) for v in zip(*found, strict=True)))


# ---------------------------------------------------------------- removing channels


class Without(NamedTuple):
    """Without some channels of each class; one figure for each of the C classes."""

    channels: Tensor  # how many were removed
    own: Tensor  # share of the class's pictures still named rightly
    others: Tensor  # the same of all other pictures
    lost: Tensor  # S_c on the class's pictures, before minus after
    won: Tensor  # what each other class gained there, after minus before, mean over classes
    given_back: Tensor  # own, when each score gets back the mean of what was taken from it


def without(s: Seen, labels: Tensor, removed: Sequence[Tensor]) -> Without:
    """The network without the channels removed[c], for each class c in turn. Notebook 09.

    Their columns of w are 0 for all classes. "Given back" adds to each bias w_k^j times the mean
    of F_k over all pictures: then the channels say nothing any more, and no score sinks as a whole.
    """
    F, S, rows = s.F, s.S, []
    for c, ks in enumerate(removed):
        own, w = labels == c, channels.without(s.w, ks)
        after = cam.scores(F, w, s.b)
        given_back = after + s.w[:, ks] @ F.mean(0)[ks]
        change = (after - S)[own].mean(0)
        right = after.argmax(1) == labels
        won = (change.sum() - change[c]) / (len(s.w) - 1)
        back = (given_back.argmax(1) == labels)[own]
        parts = (right[own].float().mean(), right[~own].float().mean(), -change[c], won)
        rows.append(torch.stack([torch.tensor(float(len(ks))), *parts, back.float().mean()]))
    return Without(*torch.stack(rows, 1))


def removals(s: Seen, labels: Tensor, n: int, draws: int = 10, seed: int = 0) -> dict[str, Without]:
    """Without the top n of each class, and without what could refute that they matter.

    The controls are means over `draws`: n channels at random; others that have the same sum of
    weights; others that pay as much to the score. Notebook 09.
    """
    pay, dice = payments(s, labels), torch.Generator().manual_seed(seed)
    top = channels.top(s.w, n)
    K = s.w.shape[1]

    def drawn(values: Tensor) -> list[Tensor]:
        return [channels.others(v, ks, dice) for v, ks in zip(values, top, strict=True)]

    def mean(found: Iterable[Without]) -> Without:
        return Without(*(v.mean(0) for v in together(found)))

    rounds = range(draws)
    any_n = [[torch.randperm(K, generator=dice)[:n] for _ in top] for _ in rounds]
    return {
        f"its top {n}": without(s, labels, list(top)),
        f"any {n}": mean(without(s, labels, ks) for ks in any_n),
        "others, equal weight": mean(without(s, labels, drawn(s.w)) for _ in rounds),
        "others, equal contribution": mean(without(s, labels, drawn(pay)) for _ in rounds),
    }


# ---------------------------------------------------------------- agreement with parts


class Agreement(NamedTuple):
    """IoU of the strongest regions with the part they fit best; one mean for each class (C,)."""

    top: Tensor  # the top three channels of the class
    chance: Tensor  # regions that share as much with the thing, spread evenly over it
    class_map: Tensor  # the class map, which is the sum of all channels
    others: Tensor  # three others that support the class, at random


def agreement(pictures: Pictures, s: Seen, share: float, n: int = 3, seed: int = 0) -> Agreement:
    """The regions hold a `share` of each channel's cells over all pictures. Notebook 09."""
    dice, rows = torch.Generator().manual_seed(seed), []
    for c, thing in enumerate(pictures.class_names):
        own, top = pictures.labels == c, channels.top(s.w[c], n)
        rest = s.w[c].clamp(min=0)
        rest[top] = 0
        some = rest.nonzero()[:, 0]
        some = some[torch.randperm(len(some), generator=dice)[:n]]
        f = torch.cat([s.f[:, top], cam.class_maps(s.f, s.w, c), s.f[:, some]], 1)
        masks = channels.part_masks(pictures.parts[own], numbers_of(pictures, thing))
        masks = torch.cat([masks, pictures.masks[own, None]], 1)
        o = channels.overlap(f[own], channels.thresholds(f, share), masks, cells=s.cells)
        parts, whole = _parts_and_thing(o)
        iou, chance = parts.iou.amax(1), channels.chance_iou(parts, whole).amax(1)
        rows.append(torch.stack([v.mean() for v in (iou[:n], chance[:n], iou[n], iou[n + 1 :])]))
    return Agreement(*torch.stack(rows, 1))


class Rows(NamedTuple):
    """IoU of each part with what a network that names parts has for it; (P,) each."""

    own: Tensor  # the top three channels of the part's own row of weights
    thing: Tensor  # of its thing's row
    siblings: Tensor  # of the rows of the thing's other parts, mean
    any_three: Tensor  # three channels at random
    chance: Tensor  # regions that share as much with the thing as its own, spread evenly over it
    map: Tensor  # the part's own map, the sum over all channels
    thing_map: Tensor  # the thing's map
    names: tuple[str, ...]


def rows_of_parts(
    net: networks.CamNetwork, pictures: Pictures, share: float = 0.005, seed: int = 0
) -> Rows:
    """For a network with a label for each part, such as "parts-gap". Notebook 09."""
    s, dice, found = seen(net, pictures.images), torch.Generator().manual_seed(seed), []
    K, T = s.w.shape[1], channels.thresholds(s.f, share)
    for c, thing in enumerate(pictures.class_names):
        own, numbers = pictures.labels == c, numbers_of(pictures, thing)
        masks = channels.part_masks(pictures.parts[own], numbers)
        masks = torch.cat([masks, pictures.masks[own, None]], 1)
        labels = [net.index(pictures.part_names[p]) for p in numbers]
        chosen = [channels.top(s.w[i]) for i in (net.index(thing), *labels)]
        ks = torch.cat([*chosen, torch.randperm(K, generator=dice)[:3]])
        parts, whole = _parts_and_thing(
            channels.overlap(s.f[own][:, ks], T[ks], masks, cells=s.cells)
        )
        iou, chance = (
            v.reshape(-1, 3, len(numbers)).mean(1)  # (thing, its parts, any) x (its parts)
            for v in (parts.iou, channels.chance_iou(parts, whole))
        )
        itself = iou[1:-1].diagonal()
        siblings = (iou[1:-1].sum(0) - itself) / (len(numbers) - 1)
        M = cam.class_maps(s.f, s.w, classes=[net.index(thing), *labels])
        of_maps = channels.overlap(M[own], channels.thresholds(M, share), masks, cells=s.cells)
        maps = of_maps.iou[:, :-1]  # (thing, its parts) x (its parts)
        rivals = iou[0], siblings, iou[-1], chance[1:-1].diagonal()
        found.append(torch.stack([itself, *rivals, maps[1:].diagonal(), maps[0]]))
    order = [p for thing in pictures.class_names for p in numbers_of(pictures, thing)]
    names = tuple(pictures.part_names[p] for p in order)
    v = torch.cat(found, 1)
    return Rows(v[0], v[1], v[2], v[3], v[4], v[5], v[6], names)


def _parts_and_thing(o: channels.Overlap) -> tuple[channels.Overlap, channels.Overlap]:
    """The overlap with all masks but the last, and with the last, that of the whole thing."""
    parts = o._replace(both=o.both[:, :-1], mask=o.mask[:-1])
    return parts, o._replace(both=o.both[:, -1:], mask=o.mask[-1:])


# ---------------------------------------------------------------- where the maximum lies


class Peak(NamedTuple):
    """One of the top channels; whether maxima lie on its part, in each fresh picture (N_c,)."""

    c: int
    k: int
    part: int  # the part's number, on which the channel's maximum lay most often before
    channel: Tensor  # the channel's own maximum: 0 or 1
    class_map: Tensor  # that of M_c
    mean_f: Tensor  # that of the mean of all f_k, which knows of no class
    area: Tensor  # the part's share of the thing: a point on the thing at random


def peaks(first: Pictures, s: Seen, fresh: Pictures, s_fresh: Seen, n: int = 3) -> list[Peak]:
    """The top n channels of each class; their parts are chosen on `first`, counted on `fresh`."""
    found = []
    for c, thing in enumerate(first.class_names):
        own, new = first.labels == c, fresh.labels == c
        numbers, top = torch.tensor(numbers_of(first, thing)), channels.top(s.w[c], n)
        before = channels.at_peak(s.f[own][:, top], first.parts[own], s.cells)
        M, mean = cam.class_maps(s_fresh.f[new], s.w, c), s_fresh.f[new].mean(1, keepdim=True)
        f, parts = torch.cat([s_fresh.f[new][:, top], M, mean], 1), fresh.parts[new]
        after = channels.at_peak(f, parts, s.cells)
        for i, k in enumerate(top.tolist()):
            part = int(numbers[(before[:, i, None] == numbers).sum(0).argmax()])
            hit = (after == part).double()
            area = (parts == part).sum((1, 2)) / fresh.masks[new].sum((1, 2))
            found.append(Peak(c, k, part, hit[:, i], hit[:, n], hit[:, n + 1], area.double()))
    return found


# ---------------------------------------------------------------- parts that are hidden


def hidden(n: int, seed: int, names: Iterable[str]) -> Tensor:
    """The pictures of sketchbook.objects(n, seed) without these parts: -> (n, 3, h, w)."""
    return sketchbook.objects(n, seed, hide=tuple(names)).images


def numbers_of(pictures: Pictures, thing: str) -> list[int]:
    """The numbers that a thing's parts have in `pictures.parts`."""
    return [p for p, name in enumerate(pictures.part_names) if name.startswith(thing + " ")]


def each_hidden(pictures: Pictures, n: int, seed: int) -> dict[int, Tensor]:
    """The first n pictures without one part of their thing: {part number: pictures of its class}.

    `pictures` are sketchbook.objects of this seed, as `pooling.hide_parts` draws them.
    """
    _, without_part, _ = pooling.hide_parts(n, seed)
    return {
        p: without_part[pictures.labels[:n] == c, r]
        for c, thing in enumerate(pictures.class_names)
        for r, p in enumerate(numbers_of(pictures, thing))
    }


def ends_hidden(n: int, seed: int) -> list[Tensor]:
    """The n pictures without one end of each thing, without the other, and without both."""
    one, two = ([f"{t} {p}" for t, ends in TWO_ENDS.items() for p in ends[i]] for i in (0, 1))
    return [hidden(n, seed, names) for names in (one, two, one + two)]


class Fall(NamedTuple):
    """What is lost when a channel's own part is hidden; fractions, one for each channel."""

    channel: Tensor  # of F_k of the channel itself
    rest: Tensor  # of what the class's other supporting channels pay together
    other_parts: Tensor  # of F_k, when one of the other parts is hidden, mean over these parts
    rest_other_parts: Tensor  # of what the others pay, when one of these other parts is hidden


def falls(
    net: networks.CamNetwork,
    pictures: Pictures,
    gone: dict[int, Tensor],
    part: Tensor,
    n: int = 3,
) -> Fall:
    """Top n channels (C, n), each with its part's number `part` (C, n): -> fractions (C n,).

    `gone` from `each_hidden`, of the first pictures. Notebook 09.
    """
    many = sum(len(gone[numbers_of(pictures, t)[0]]) for t in pictures.class_names)
    first, rows = pictures.subset(slice(0, many)), []
    s = seen(net, first.images)
    for c, thing in enumerate(pictures.class_names):
        before = s.F[first.labels == c].mean(0)
        after = {p: seen(net, gone[p]).F.mean(0) for p in numbers_of(pictures, thing)}
        top = channels.top(s.w[c], n)
        rest = s.w[c].clamp(min=0)
        rest[top] = 0
        for k, p in zip(top.tolist(), part[c].tolist(), strict=True):
            fall = {q: 1 - F[k] / before[k] for q, F in after.items()}
            others = {q: 1 - (rest @ F) / (rest @ before) for q, F in after.items()}
            elsewhere = [
                torch.stack([v for q, v in fallen.items() if q != p]).mean()
                for fallen in (fall, others)
            ]
            rows.append(torch.stack([fall[p], others[p], *elsewhere]))
    return Fall(*torch.stack(rows, 1))


# ---------------------------------------------------------------- photographs


class Carried(NamedTuple):
    """How few channels carry a class's score in a picture, beside shuffled weights; (N,) each."""

    few: Tensor  # channels for 90 % of the positive contributions
    few_shuffled: Tensor  # the same with w_k^c on the wrong channels, mean of the draws
    top: Tensor  # share of the positive contributions that the top three by weight pay
    top_shuffled: Tensor
    sum: Tensor  # of the positive contributions
    sum_shuffled: Tensor


def carried(
    net: networks.CamNetwork,
    pictures: Iterable[tuple[Tensor, int]],
    n: int = 3,
    draws: int = 20,
    seed: int = 0,
) -> Carried:
    """One row for each photograph (3, h, w) and label, such as of data.imagenet. Notebook 09.

    The control keeps the values of w^c and of F and breaks only which belongs to which.
    """
    dice, rows = torch.Generator().manual_seed(seed), []
    for image, c in pictures:
        p = net.forward_pass(net.prepare(image))
        F, w = cam.pool(p.f)[0].cpu(), p.w[c].cpu()
        mixed = torch.stack([torch.randperm(len(w), generator=dice) for _ in range(draws)])
        own, shuffled = _few_top_sum(F[None], w, n), _few_top_sum(F[mixed], w, n)
        rows.append(torch.stack([own.mean(1), shuffled.mean(1)], 1).flatten())
    return Carried(*torch.stack(rows, 1))


def _few_top_sum(F: Tensor, w: Tensor, n: int) -> Tensor:
    """Pooled maps (D, K), weights (K,) -> (3, D)."""
    pay = F * w
    positive = pay.clamp(min=0)
    top = positive[:, channels.top(w, n)].sum(1) / positive.sum(1)
    return torch.stack([channels.n_carrying(pay).float(), top, positive.sum(1)])


def lines(net: networks.CamNetwork, photographs: Photographs) -> list[str]:
    """`carried` for a folder of photographs, with its controls, in words. Notebook 09."""
    n, labels = len(photographs), [entry.label for entry in photographs.entries]
    own = carried(net, ((photographs[i].image, labels[i]) for i in range(n)))
    of_next = carried(net, ((photographs[i].image, labels[(i + 1) % n]) for i in range(n)))
    said = []
    for title, mine, mixed, times, unit in (
        ("channels for 90 %", own.few, own.few_shuffled, 1, "channels"),
        ("what the top three pay", own.top, own.top_shuffled, 100, "points"),
        ("the sum", own.sum, own.sum_shuffled, 1, ""),
        ("the sum, another class", of_next.sum, of_next.sum_shuffled, 1, ""),
    ):
        gap = compare.said(compare.paired(mine, mixed), unit, times)
        said.append(f"{title}: {times * mine.mean():.1f}, more than shuffled: {gap}")
    return said


if __name__ == "__main__":
    folder.main(__doc__, lines)
