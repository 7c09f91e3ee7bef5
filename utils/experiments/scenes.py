"""Objects that tell a scene, ranked by how often the scene's map lights them up. Notebook 07."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

import sketchbook
from sketchbook.scenes import SCENES, STUFF
from utils import concepts, features, networks
from utils.pictures import Pictures

# What comes in one scene only tells it, too.
TELLING = SCENES | {"street": (*SCENES["street"], "road"), "harbour": (*SCENES["harbour"], "water")}

Rule = Callable[[Tensor], Tensor]  # some pictures (N,) bool -> a value for every object (P,)
Rate = Callable[[Tensor, Tensor], Tensor]  # as `concepts.overlap_rate`


def scenes(net: networks.CamNetwork, seed: int, n_train: int = 1200, n_test: int = 800) -> dict:
    """Whether the objects that a scene's map lights up most often are those that tell the scene.

    Of the test pictures whose scene the SVM names right, the objects are ranked by how often the
    map's hot pixels take in half of them. The first R are compared with the R telling ones, mean
    over the scenes; beside it other rules, the most frequent objects, and chance. Notebook 07.
    """
    train, test = (sketchbook.scenes(n, 1000 * k + seed) for k, n in ((3, n_train), (4, n_test)))
    svm = features.svm_network(net, train.images, train.labels, train.class_names)
    known = test.subset(named_right(svm, test))
    maps = networks.maps_of(svm, known)
    found = first_places(known, rules(known, maps))
    means = {rule: sum(values) / len(values) for rule, values in found.items()}
    hot = concepts.hot(maps)
    return {
        "accuracy": len(known) / len(test),
        **means,
        "shuffled": shuffled(net, train, known, seed),
        "hot_area": hot.double().mean().item(),
        **where_and_why(svm, known, hot),
    }


def shuffled(net: networks.CamNetwork, train: Pictures, known: Pictures, seed: int) -> float:
    """The same ranking by maps of an SVM that learnt shuffled labels: mean over the scenes."""
    mixed = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    svm = features.svm_network(net, train.images, train.labels[mixed], train.class_names)
    found = first_places(known, rules(known, networks.maps_of(svm, known)))["informative"]
    return sum(found) / len(found)


def where_and_why(svm: networks.CamNetwork, known: Pictures, hot: Tensor) -> dict[str, float]:
    """Shares of the hot pixels (N, h, w) by owner, and of names that are kept with things covered.

    `known` are pictures that the SVM names right. Notebook 07, section 6.
    """
    owners = groups(known)
    on_telling, _, around = shares(owners, hot).mean(0).tolist()
    masks = {"others": owners[:, 1], "telling": owners[:, 0], "all": owners[:, :2].any(1)}
    kept = {
        f"kept_without_{whose}": (scores(svm, covered(known, mask)).argmax(1) == known.labels)
        for whose, mask in masks.items()
    }
    means = {name: right.double().mean().item() for name, right in kept.items()}
    return {"hot_on_telling": on_telling, "hot_around": around, **means}


def named_right(net: networks.CamNetwork, pictures: Pictures) -> Tensor:
    """Of which pictures the network names the class: -> (N,) bool."""
    return scores(net, pictures.images).argmax(1) == pictures.labels


def rules(pictures: Pictures, maps: Tensor, rate: Rate = concepts.overlap_rate) -> dict[str, Rule]:
    """Ways to value objects: how much of them is hot in maps (N, h, w), or how frequent they are.

    At least half of it above 20 % of the map's maximum, half above 50 %, one pixel above 20 %; and
    frequency, which needs no map. `rate` takes the place of `concepts.overlap_rate` in the first
    two. Notebook 07, section 5.
    """
    n = len(pictures.part_names)
    area = concepts.areas(pictures.parts, n)
    at_20, at_50 = (
        concepts.areas(pictures.parts, n, concepts.hot(maps, threshold)) for threshold in (0.2, 0.5)
    )
    return {
        "informative": lambda of: rated(rate, at_20[of], area[of]),
        "informative_at_50": lambda of: rated(rate, at_50[of], area[of]),
        "one_pixel": lambda of: concepts.overlap_rate(at_20[of], area[of], 1e-9),
        "frequent": lambda of: concepts.frequency(area[of]),
    }


def rated(rate: Rate, inside: Tensor, area: Tensor) -> Tensor:
    """What `rate` gives for objects that some picture holds, 0 for the others: (N, P) x 2 -> (P,).

    So it may be a learner's own, which need not know what to say of an object that is nowhere.
    """
    there = (area > 0).any(0)
    values = torch.as_tensor(rate(inside[:, there], area[:, there]))
    return torch.zeros(len(there), dtype=values.dtype).masked_scatter(there, values)


def first_places(pictures: Pictures, rules: Mapping[str, Rule]) -> dict[str, list[float]]:
    """For each rule and scene: of the R objects that tell it, how many rank among the first R.

    Last comes "chance", what a random order would have. Notebook 07, section 5.
    """
    area = concepts.areas(pictures.parts, len(pictures.part_names))
    found: dict[str, list[float]] = {name: [] for name in (*rules, "chance")}
    for c, scene in enumerate(pictures.class_names):
        of = pictures.labels == c
        telling = [pictures.part_names.index(thing) for thing in TELLING[scene]]
        for name, rule in rules.items():
            ranked = concepts.ranking(rule(of), area[of])
            found[name].append(concepts.first_right(ranked, telling))
        found["chance"].append(torch.isin(ranked, torch.tensor(telling)).double().mean().item())
    return found


def scores(net: networks.CamNetwork, images: Tensor) -> Tensor:
    """S of many pictures: (N, 3, h, w) uint8 -> (N, C)."""
    return torch.cat([p.S for _, p in networks.passes(net, images)])


# ---------------------------------------------------------------- where the evidence lies

GROUPS = ("telling things", "other things", "wall, floor, sky, ground")


def groups(pictures: Pictures) -> Tensor:
    """Whose pixels they are, by `GROUPS`: -> (N, 3, h, w) bool, each pixel in one of the three.

    Road and water tell their scene; they belong to the first group there. Notebook 07.
    """
    names, parts = pictures.part_names, pictures.parts
    surroundings = torch.tensor([name in ("", *STUFF) for name in names])
    telling = torch.tensor([[name in TELLING[s] for name in names] for s in pictures.class_names])
    tells = torch.stack([telling[c][p.long()] for c, p in zip(pictures.labels, parts, strict=True)])
    around = surroundings[parts.long()] & ~tells
    return torch.stack([tells, ~tells & ~around, around], 1)


def shares(owners: Tensor, where: Tensor) -> Tensor:
    """Of the pixels in `where`, the share of each group: (N, G, h, w), (N, h, w) bool -> (N, G).

    A picture without such a pixel has 0 everywhere. Notebook 07.
    """
    inside = (owners & where[:, None]).sum((2, 3)).double()
    return inside / where.sum((1, 2))[:, None].clamp(min=1)


def covered(pictures: Pictures, masks: Tensor) -> Tensor:
    """The pictures with what lies in the masks painted over: -> (N, 3, h, w) uint8.

    Each row is filled with the median colour of its wall, floor, sky or ground, so that no form
    is left; a row that shows none of them takes the colour of the picture's. masks (N, h, w) bool
    are grown by a pixel, for the things' soft edges. Notebook 07.
    """
    stuff = groups(pictures)[:, 2] & ~concepts.around(masks, 1)
    found = pictures.images.clone()
    for image, mask, plain in zip(found, concepts.around(masks, 1), stuff, strict=True):
        everywhere = image[:, plain].median(1).values if plain.any() else image.new_zeros(3)
        n = plain.sum(1)  # of each row; its plain pixels come first, in order
        ordered = image.short().masked_fill(~plain, 256).sort(2).values
        middle = ((n - 1).clamp(min=0) // 2).expand(3, -1)[..., None]
        colours = ordered.gather(2, middle).to(image)  # (3, h, 1)
        colours = torch.where(n[:, None] > 0, colours, everywhere[:, None, None])
        image[:] = torch.where(mask, colours, image)
    return found
