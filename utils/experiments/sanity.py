"""Two networks that the sanity checks and Grad-CAM are shown on: notebook 10.

objects-fc-s16        fully connected layers on its last maps, as VGG has: CAM does not apply
objects-gap-shuffled  learnt 200 pictures by heart, with the labels dealt out at random
"""

from dataclasses import replace

import torch

import sketchbook
from utils import models, training
from utils.experiments import objects
from utils.pictures import Pictures

FC = {"head": "fc", "stride": 16, "widths": (16, 32, 48, 24)}
SHUFFLED = {"head": "gap", "stride": 8}
N_SHUFFLED, EPOCHS = 200, 110  # as many steps as usual, and few enough to be learnt by heart


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
