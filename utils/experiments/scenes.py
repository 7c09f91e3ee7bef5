"""Objects that tell a scene, ranked by how often the scene's map lights them up. Notebook 07."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

import sketchbook
from sketchbook.scenes import SCENES
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
    hot = concepts.hot(maps).double().mean().item()
    return {"accuracy": len(known) / len(test), **means, "hot_area": hot}


def named_right(net: networks.CamNetwork, pictures: Pictures) -> Tensor:
    """Of which pictures the network names the class: -> (N,) bool."""
    S = torch.cat([p.S for _, p in networks.passes(net, pictures.images)])
    return S.argmax(1) == pictures.labels


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
