"""Objects that tell a scene, ranked by how often the scene's map lights them up. Notebook 07."""

import torch

import sketchbook
from sketchbook.scenes import SCENES
from utils import concepts, features, networks


def scenes(net: networks.CamNetwork, seed: int, n_train: int = 1200, n_test: int = 800) -> dict:
    """Whether the objects that a scene's map lights up most often are those that tell the scene.

    Of the test pictures whose scene the SVM names right, the objects are ranked by how often the
    map's hot pixels take in half of them. The first R are compared with the R telling ones, mean
    over the scenes; beside it other rules, the most frequent objects, and chance. Notebook 07.
    """
    train, test = (sketchbook.scenes(n, 1000 * k + seed) for k, n in ((3, n_train), (4, n_test)))
    svm = features.svm_network(net, train.images, train.labels, train.class_names)
    named = torch.cat([svm(svm.prepare(some))[0].argmax(1) for some in test.images.split(100)])
    right = test.subset(named == test.labels)
    maps, n_objects = networks.maps_of(svm, right), len(right.part_names)
    area = concepts.areas(right.parts, n_objects)
    inside = {t: concepts.areas(right.parts, n_objects, concepts.hot(maps, t)) for t in (0.2, 0.5)}
    rules = {
        "informative": lambda of: concepts.overlap_rate(inside[0.2][of], area[of]),
        "informative_at_50": lambda of: concepts.overlap_rate(inside[0.5][of], area[of]),
        "one_pixel": lambda of: (
            ((inside[0.2][of] > 0) & (area[of] > 0)).sum(0) / (area[of] > 0).sum(0).clamp(min=1)
        ),
        "frequent": lambda of: concepts.frequency(area[of]),
    }
    found: dict[str, list[float]] = {name: [] for name in (*rules, "chance")}
    for c, name in enumerate(right.class_names):
        of = right.labels == c
        telling = [right.part_names.index(thing) for thing in TELLING[name]]
        for rule, values in rules.items():
            ranked = concepts.ranking(values(of), area[of])
            found[rule].append(concepts.first_right(ranked, telling))
        found["chance"].append(torch.isin(ranked, torch.tensor(telling)).double().mean().item())
    means = {rule: sum(values) / len(values) for rule, values in found.items()}
    hot = concepts.hot(maps).double().mean().item()
    return {"accuracy": len(right) / len(test), **means, "hot_area": hot}


# What comes in one scene only tells it, too.
TELLING = SCENES | {"street": (*SCENES["street"], "road"), "harbour": (*SCENES["harbour"], "water")}
