"""Does a map teach? Simulated learners study look-alike birds, with a map and without. Notebook 12.

The teacher is a linear SVM on the features of `parts-gap`, which names eight species. A learner is
another pair of eyes: the middle layer of `objects-gap`, which knows ten kinds of things and no
species, in its own noise. It sees a few pictures of each of four species with their names, learns
*where to look* from the light that it was shown (a linear map from what a cell looks like and where
it lies), pools its cells by that, and *what to say* from the pooled cells. New pictures come
without a light. Two learners differ in nothing but the light.

After Mac Aodha et al., "Teaching Categories to Human Learners with Visual Explanations" (CVPR
2018), where people were taught with CAMs.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, one_hot

import sketchbook
from sketchbook.birds import SPECIES
from utils import baselines, cam, features, localization, models, networks
from utils.experiments.shortcut import near
from utils.networks import CamNetwork
from utils.pictures import Pictures, box_of
from utils.teaching import Plan

DRAWN, SIDE, CELL = 224, 112, 8  # pixels: of a drawing, of the card cut from it, of a cell
ASKED = ("white-barred finch", "black-capped tit", "red-billed thrush", "collared plover")
LETTERS = ("A", "B", "C", "D")  # in the place of their names, which give the secret away
LEARNT, STUDY, TEST = 2000, 2100, 2200  # seeds of the pictures; each run adds its own
N_LEARNT, N_STUDY, N_TEST = 240, 160, 320  # of eight species; the learners meet half of them
EACH = 6  # pictures of each species that a learner studies
NOISE, SHARP, RIDGE, PRICE = 0.5, 2.0, 0.01, 0.01  # set on other pictures than those measured
LIGHTS = ("no light", "map of the species")  # the control, and what is asked about


# ---------------------------------------------------------------- cards and teacher


def cards(n: int, seed: int) -> Pictures:
    """n birds of eight species, each cut out with a margin, 112 pixels a side.

    Masks are the part that tells the species: none for the plain one.
    """
    drawn = sketchbook.birds(n, seed, DRAWN)
    images = features.crops(drawn.images, drawn.boxes, SIDE)
    grown = features.grown(drawn.boxes, DRAWN, DRAWN).tolist()
    parts = torch.stack([_cut(p, box) for p, box in zip(drawn.parts, grown, strict=True)])
    told = [f"bird {mark}" for mark, _ in SPECIES.values()]
    number = torch.tensor(
        [drawn.part_names.index(p) if p in drawn.part_names else 255 for p in told]
    )
    masks = parts == number[drawn.labels][:, None, None]
    boxes = torch.stack([box_of(p > 0) for p in parts])
    return replace(drawn, images=images, parts=parts, masks=masks, boxes=boxes)


def _cut(parts: Tensor, box: list[int]) -> Tensor:
    """Part numbers in a box, at a card's size, each pixel the nearest: (h, w) -> (SIDE, SIDE)."""
    x0, y0, x1, y1 = box
    down, across = (((torch.arange(SIDE) + 0.5) * n / SIDE).long() for n in (y1 - y0, x1 - x0))
    return parts[y0:y1, x0:x1][down[:, None], across]


def asked_for(pictures: Pictures) -> Pictures:
    """Those of the four species, with classes 0 to 3 and letters for names."""
    ours = torch.tensor([pictures.class_names.index(name) for name in ASKED])
    own = pictures.labels[:, None] == ours
    some = pictures.subset(own.any(1))
    return replace(some, labels=own[own.any(1)].int().argmax(1), class_names=LETTERS)


def teacher(learnt: Pictures) -> CamNetwork:
    """The network that names eight species, its last layer learnt from these cards."""
    net = models.load("parts-gap")
    return features.svm_network(net, learnt.images, learnt.labels, learnt.class_names, PRICE)


def species_maps(net: CamNetwork, pictures: Pictures, step: int = 0) -> Tensor:
    """Positive evidence for each card's species, or for the `step`-th after it: -> (N, H, W)."""
    ours = torch.tensor([net.index(name) for name in ASKED])
    own = ours[(pictures.labels + step) % len(ASKED)]
    found = [
        cam.class_maps(p.f, p.w, own=own[at])[:, 0]
        for at, p in networks.passes(net, pictures.images)
    ]
    return torch.cat(found).clamp(min=0)


def on_part(net: CamNetwork, pictures: Pictures) -> dict[str, Tensor]:
    """Whether the map's maximum lies on the telling part, and of what knows nothing: (N,) each.

    The cards are those of the four species; the maps' classes are the network's eight.
    """
    ours = torch.tensor([net.index(name) for name in ASKED])
    eight = replace(pictures, labels=ours[pictures.labels], class_names=tuple(net.class_names))
    of = baselines.pointing(near(pictures.masks))
    maps = networks.maps_of(net, eight)
    return {"map of the species": torch.as_tensor(of(maps))} | baselines.values(
        net, eight, of, maps
    )


# ---------------------------------------------------------------- the light that is shown


def lights(net: CamNetwork, study: Pictures) -> dict[str, Tensor | None]:
    """What may be laid over the study pictures, (N, H, W) each; None is no light at all.

    "the part itself" is what somebody who knows would point at: more than any map can give.
    """
    maps = species_maps(net, study)
    n, H, W = maps.shape
    anything = torch.cat([p.f.mean(1) for _, p in networks.passes(net, study.images)])
    strangers = baselines.other_pictures(torch.zeros_like(study.labels))
    return {
        "no light": None,
        "map of the species": maps,
        "the same, sharpened": (maps / maps.amax((1, 2), keepdim=True).clamp(min=1e-9)) ** 3,
        "centred Gaussian": localization.centred_map(H, W).expand(n, H, W),
        "another card's map": maps[strangers],
        "map of another species": species_maps(net, study, step=1),
        "mean of all f_k": anything,
        "the part itself": avg_pool2d(study.masks[:, None].float(), CELL)[:, 0],
    }


# ---------------------------------------------------------------- a learner


class Learner(NamedTuple):
    """What a learner took along from its study."""

    where: Tensor | None  # (D + 5,): how much a cell is worth looking at; None: all alike
    scale: tuple[Tensor, Tensor]  # mean and deviation of the cells' worth
    what: Tensor  # (D + 1, C): what pooled cells say about each class
    usual: tuple[Tensor, Tensor]  # mean and deviation of pooled cells, (D,) each


def seen(images: Tensor) -> Tensor:
    """What learners see in cards: the middle layer of another network -> (N, D, 14, 14)."""
    eye = models.load("objects-gap").model
    layers = torch.nn.Sequential(*list(eye.get_submodule("features").children())[:4])
    # four layers: a cell sees 23 pixels
    with torch.no_grad():
        found = torch.cat([layers((some / 255 - 0.5) / 0.25) for some in images.split(100)])
    h = avg_pool2d(found, found.shape[-1] * CELL // SIDE)
    return (h - h.mean((0, 2, 3), keepdim=True)) / h.std((0, 2, 3), keepdim=True).clamp(min=1e-3)


def noisy(h: Tensor, draw: torch.Generator) -> Tensor:
    """The same with a learner's own noise."""
    return h + NOISE * torch.randn(h.shape, generator=draw)


def _placed(h: Tensor) -> Tensor:
    """Cells in a row, and where they lie: (N, D, H, W) -> (N, H W, D + 5)."""
    n, _, H, W = h.shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W), indexing="ij")
    place = torch.stack([y, x, y**2, x**2, torch.ones(H, W)]).expand(n, 5, H, W)
    return torch.cat([h, place], 1).flatten(2).transpose(1, 2)


def ridge(X: Tensor, Y: Tensor, price: float) -> Tensor:
    """Least squares with a price on large weights: (n, D), (n, C) -> (D, C)."""
    A = X.T @ X + price * len(X) * torch.eye(X.shape[1])
    return torch.linalg.solve(A, X.T @ Y)


def study(h: Tensor, labels: Tensor, light: Tensor | None, n_classes: int = 4) -> Learner:
    """What is learnt from cards (n, D, H, W) with names (n,) and a light (n, H, W), or none."""
    where, scale = None, (torch.zeros(()), torch.ones(()))
    if light is not None:
        shown = light / light.amax((1, 2), keepdim=True).clamp(min=1e-9)
        cells = _placed(h).flatten(0, 1)
        where = ridge(cells, shown.flatten()[:, None], RIDGE)[:, 0]
        worth = cells @ where
        scale = worth.mean(), worth.std().clamp(min=1e-6)
    F = _pooled(h, where, scale)
    usual = F.mean(0), F.std(0).clamp(min=1e-6)
    truth = one_hot(labels, n_classes).float() - 1 / n_classes
    return Learner(where, scale, ridge(_standard(F, usual), truth, 1.0), usual)


def _pooled(h: Tensor, where: Tensor | None, scale: tuple[Tensor, Tensor]) -> Tensor:
    """What the cells say together, each as much as it is looked at: (n, D, H, W) -> (n, D)."""
    if where is None:
        return cam.pool(h)
    worth = (_placed(h) @ where - scale[0]) / scale[1]
    a = (SHARP * worth).softmax(1)
    return torch.einsum("nkl,nl->nk", h.flatten(2), a)


def _standard(F: Tensor, usual: tuple[Tensor, Tensor]) -> Tensor:
    F = (F - usual[0]) / usual[1]
    return torch.cat([F, torch.ones(len(F), 1)], 1)


def answers(learner: Learner, h: Tensor) -> Tensor:
    """What a learner calls new cards, without a light: (N, D, H, W) -> (N,)."""
    F = _pooled(h, learner.where, learner.scale)
    return (_standard(F, learner.usual) @ learner.what).argmax(1)


# ---------------------------------------------------------------- a class of learners


def chosen(labels: Tensor, each: int, draw: torch.Generator) -> Tensor:
    """`each` cards of every class, at random: (N,) -> (C each,)."""
    mixed = torch.randperm(len(labels), generator=draw)
    return torch.cat([mixed[labels[mixed] == c][:each] for c in range(int(labels.max()) + 1)])


def taught(
    pool: Pictures,
    lit: Mapping[str, Tensor | None],
    test: Pictures,
    learners: int = 20,
    each: int = EACH,
    seed: int = 0,
) -> dict[str, Tensor]:
    """What learners call the test cards after their study, by the light they had: (S, N) each.

    The s-th learner of each group has the same cards, the same eyes and the same noise. "first
    round" has seen one card of each species and no light.
    """
    h, new = seen(torch.cat([pool.images, test.images])).split([len(pool), len(test)])
    found: dict[str, list[Tensor]] = {name: [] for name in ("first round", *lit)}
    for s in range(learners):
        draw = torch.Generator().manual_seed(1000 * seed + s)
        at = chosen(pool.labels, each, draw)
        own, asked = noisy(h[at], draw), noisy(new, draw)
        one = torch.arange(len(at)) % each == 0  # the guide: the first of each species
        found["first round"].append(answers(study(own[one], pool.labels[at][one], None), asked))
        for name, light in lit.items():
            shown = None if light is None else light[at]
            found[name].append(answers(study(own, pool.labels[at], shown), asked))
    return {name: torch.stack(rows) for name, rows in found.items()}


def plays(plan: Plan, pictures: Pictures, light: Tensor | None, seed: int = 0) -> Tensor:
    """What one learner calls each picture of a lesson: (N,), as `Lesson.play` takes it.

    In the first round it knows the guide's cards, after that those of its study, with their light.
    """
    h = noisy(seen(pictures.images), torch.Generator().manual_seed(seed))
    guide, pages = list(plan.guide), [i for page in plan.study for i in page]
    shown = None if light is None else light[pages]
    called = answers(study(h[pages], pictures.labels[pages], shown), h)
    before = answers(study(h[guide], pictures.labels[guide], None), h)
    first = list(plan.first)
    called[first] = before[first]
    return called


def right(called: Mapping[str, Tensor], test: Pictures) -> dict[str, Tensor]:
    """Which answers are right: (S, N) each, 0 or 1."""
    return {name: (rows == test.labels).double() for name, rows in called.items()}


def teaching(seed: int, learners: int = 20) -> dict:
    """Share of right answers by the light, and how often the map's maximum is on the part."""
    learnt = cards(N_LEARNT, LEARNT + seed)
    pool, test = (asked_for(cards(n, k + seed)) for n, k in ((N_STUDY, STUDY), (N_TEST, TEST)))
    net = teacher(learnt)
    found = right(taught(pool, lights(net, pool), test, learners, seed=seed), test)
    peaks = {name: v.mean().item() for name, v in on_part(net, pool).items()}
    own = peaks.pop("map of the species")
    return {
        **{name: v.mean().item() for name, v in found.items()},
        "max_on_part": own,
        "max_on_part_nothing": max(peaks.values()),
    }
