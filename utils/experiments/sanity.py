"""Do maps say what a network used, and do they come from its weights? Notebook 10.

Two networks come along for it:

objects-fc-s16        fully connected layers on its last maps, as VGG has: CAM does not apply
objects-gap-shuffled  learnt 200 pictures by heart, with the labels dealt out at random
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

import sketchbook
from utils import before, cam, faithfulness, gradcam, localization, models, networks, training
from utils.experiments import objects
from utils.pictures import Pictures

Maps = Mapping[str, Tensor]  # (N, h, w) by the name of what drew them

FC = {"head": "fc", "stride": 16, "widths": (16, 32, 48, 24)}
SHUFFLED = {"head": "gap", "stride": 8}
N_SHUFFLED, EPOCHS = 200, 110  # as many steps as usual, and few enough to be learnt by heart
N_TEST, TEST = 100, 1300  # pictures, and their seed; each run adds its own
STEPS = 8  # of the curves of insertion and deletion


# ---------------------------------------------------------------- the networks


def shuffled(n: int = N_SHUFFLED, seed: int = 0) -> Pictures:
    """Pictures that got each other's labels, so that nothing can be learnt but by heart."""
    pictures = sketchbook.objects(n, seed=objects.TRAIN + seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return replace(pictures, labels=pictures.labels[order])


def train_shuffled(seed: int = 0) -> tuple[models.CourseNetwork, Pictures]:
    """A network of the kind of objects-gap that knows these labels by heart; what it saw."""
    return _trained(SHUFFLED, shuffled(seed=seed), EPOCHS, seed)


def train_fc(seed: int = 0) -> tuple[models.CourseNetwork, Pictures]:
    """A small network with fully connected layers, trained as the others are; what it saw."""
    pictures = sketchbook.objects(objects.N_TRAIN, seed=objects.TRAIN + seed)
    return _trained(FC, pictures, objects.EPOCHS, seed)


def _trained(
    config: dict, pictures: Pictures, epochs: int, seed: int
) -> tuple[models.CourseNetwork, Pictures]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = models.CourseNetwork(**config)
        return training.fit(network, pictures, epochs=epochs, seed=seed), pictures


def measure(network: models.CourseNetwork, seen: Pictures) -> dict:
    """Accuracy on what it saw, up to 1,000 of them, and on fresh pictures; its size."""
    return {
        "train_top1": training.accuracy(network, seen.subset(slice(0, 1000))),
        "top1": training.accuracy(network, sketchbook.objects(1000, seed=objects.TEST)),
        "parameters": objects.parameters(network),
    }


def networks_of(seed: int) -> list[nn.Module]:
    """Without GAP, with it, and that of shuffled labels; for other seeds than 0 trained here."""
    if seed == 0:
        names = ("objects-fc-s16", "objects-gap", "objects-gap-shuffled")
        return [models.classifier(name)[0] for name in names]
    return [train_fc(seed)[0], objects.train("objects-gap", seed)[0], train_shuffled(seed)[0]]


# ---------------------------------------------------------------- hide or show what a map says


def family(model: nn.Module, pictures: Pictures) -> dict[str, Tensor]:
    """Grad-CAM and its family at the last layer, of each picture's own class: (N, h, w) each."""
    x, c = pictures.images / 255, pictures.labels
    layer = gradcam.last_layer(model, x)
    size, cells = x.shape[2:], gradcam.cells_at(model, x, layer)
    return {
        m: cam.upsample(of(model, x, c, layer)[:, None], size, cells)[:, 0]
        for m, of in gradcam.METHODS.items()
    }


def beside_nothing(maps: Maps) -> dict[str, Tensor]:
    """Maps (N, h, w), and four that know nothing of the picture."""
    first = next(iter(maps.values()))
    n, h, w = first.shape
    return {
        **maps,
        "another picture's map": first.roll(1, 0),
        "a blob in the middle": localization.centred_map(h, w).expand(n, h, w),
        "random pixels": torch.zeros(n, h, w),  # equal values come in a random order
        "random blobs": localization.random_maps(n, h, w, seed=0),
    }


def curves(model: nn.Module, pictures: Pictures, maps: Maps) -> dict[str, dict[str, Tensor]]:
    """P of the class while each map's highest pixels come, and go: (N, STEPS + 1) each.

    Insertion begins with the picture out of focus, deletion ends in one grey.
    """
    x, c = pictures.images / 255, pictures.labels
    soft = before.blurred(x.flatten(0, 1), 10).view_as(x)
    ways = {"insertion": (soft, x), "deletion": (x, torch.tensor(0.5))}
    return {
        way: {
            m: faithfulness.curves(model, x, c, M, start, end, steps=STEPS) for m, M in maps.items()
        }
        for way, (start, end) in ways.items()
    }


# ---------------------------------------------------------------- break the network


def tested(model: nn.Module, pictures: Pictures) -> dict[str, Tensor]:
    """The maps that are tested, of each picture's own class, at picture size: (N, h, w) each."""
    x, c, net = pictures.images / 255, pictures.labels, networks.CamNetwork(model)
    return {
        "CAM": cam.upsample(net(x, own=c)[1], x.shape[2:], net.cells(x))[:, 0],
        "the gradient": before.saliency(model, x, c),
        "guided backpropagation": before.guided_backprop(model, x, c),
    }


def alike(maps: Maps, others: Maps) -> dict[str, Tensor]:
    """Rank correlation of each picture's two maps, by method: (N,) each."""
    return {m: faithfulness.rank_correlation(M, others[m]) for m, M in maps.items()}


def chance(maps: Maps) -> dict[str, Tensor]:
    """How alike the maps of two different pictures are, by method: (N,) each."""
    return alike(maps, {m: M.roll(1, 0) for m, M in maps.items()})


# ---------------------------------------------------------------- all of it, one seed


def measure_tests(seed: int, n: int = N_TEST) -> dict:
    """Means over n drawings of this seed, by networks of this seed, layers broken by its draw.

    "insertion, ..." and "deletion, ...": areas, 0..1. "kept, ...": rank correlation with the intact
    map, by the number of layers that were drawn anew. "by heart, ...": with the map of the network
    of shuffled labels. "another, ...": with another picture's map.
    """
    pictures, (flat, gap, by_heart) = sketchbook.objects(n, seed=TEST + seed), networks_of(seed)
    result: dict[str, Any] = {}
    asked = curves(flat, pictures, beside_nothing(family(flat, pictures)))
    for way, of in asked.items():
        result |= {f"{way}, {m}": faithfulness.area(P).mean().item() for m, P in of.items()}
    intact = tested(gap, pictures)
    kept: dict[str, dict[str, float]] = {m: {} for m in intact}
    broken = faithfulness.randomised(gap, pictures.images / 255, seed)
    for layers, (_, model) in enumerate(broken, 1):
        for m, v in alike(intact, tested(model, pictures)).items():
            kept[m][str(layers)] = round(v.mean().item(), 4)
    learnt = alike(intact, tested(by_heart, pictures))
    for m, v in chance(intact).items():
        result |= {f"kept, {m}": kept[m], f"another, {m}": v.mean().item()}
        result[f"by heart, {m}"] = learnt[m].mean().item()
    return result
