"""Eight look-alike birds, told apart on whole pictures, CAM crops and true boxes. Notebook 06.

The notebook goes through these steps with one set of pictures, `birds` with another for each seed.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms import functional

import sketchbook
from utils import features, localization, networks
from utils.experiments.backbone import DRAWN
from utils.pictures import Pictures

SEEN = 112  # pixels a side of what the network is given; pictures are drawn at twice that
BOXED = 200  # training pictures whose boxes choose the threshold
Both = Sequence[Tensor]  # of the pictures to learn from, and of those to be tested on


def birds(net: networks.CamNetwork, seed: int, n_train: int = 1600, n_test: int = 800) -> dict:
    """Accuracy of a linear SVM on whole pictures, CAM crops, true boxes; how right the boxes are.

    Pictures are drawn at 224 pixels and seen at 112, whole or cropped. Boxes come from the map of
    "bird", at 20 % of the maximum and at the best threshold for the first 200 training pictures,
    and from the SVM's own map of the species it names. Notebook 06; paper, table 4.
    """
    sets = [sketchbook.birds(n, 1000 * k + seed, DRAWN) for k, n in ((1, n_train), (2, n_test))]
    train, test = sets
    maps = [bird_maps(net, some) for some in sets]
    chosen = chosen_threshold(maps[0], train.boxes)
    whole = [small(some.images) for some in sets]
    views = {
        "full": whole,
        "full_224": [some.images for some in sets],
        "crop_at_20": crops(sets, [boxes(M, 0.2) for M in maps]),
        "crop_at_chosen": crops(sets, [boxes(M, chosen) for M in maps]),
        "true_box": crops(sets, [some.boxes for some in sets]),
    }
    svm = features.svm_network(net, whole[0], train.labels)
    named = networks.maps_at(svm, whole[1], None, (DRAWN, DRAWN))
    return {
        **{name: accuracy(net, sets, view) for name, view in views.items()},
        **right_boxes(maps[1], test.boxes, chosen),
        "threshold": chosen,
        "box_of_species_map_at_20": localization.gt_known(boxes(named, 0.2), test.boxes),
    }


# ---------------------------------------------------------------- where the bird is


def small(images: Tensor) -> Tensor:
    """Whole pictures as the network sees them: (N, 3, h, w) uint8 -> (N, 3, 112, 112)."""
    return functional.resize(images, [SEEN, SEEN], antialias=True)


def bird_maps(net: networks.CamNetwork, pictures: Pictures) -> Tensor:
    """The map of "bird" of every picture, at the size it was drawn: -> (N, h, w)."""
    size = pictures.images.shape[-2:]
    return networks.maps_at(net, small(pictures.images), net.index("bird"), size)


def boxes(maps: Tensor, threshold: float) -> Tensor:
    """The paper's box of every map: (N, h, w) -> (N, 4)."""
    return torch.stack([localization.box_from_map(M, threshold) for M in maps])


def chosen_threshold(maps: Tensor, true_boxes: Tensor) -> float:
    """The best threshold for the first 200 pictures: (N, h, w), (N, 4) -> share of the maximum."""
    return localization.best_threshold(maps[:BOXED], true_boxes[:BOXED])


def right_boxes(
    maps: Tensor,
    true_boxes: Tensor,
    chosen: float,
    sides: Sequence[float] = localization.THRESHOLDS[1:],
) -> dict[str, float]:
    """Share of boxes with IoU >= 0.5, from maps and by chance: (N, h, w), (N, 4), ... -> 0..1 each.

    Chance gets every favour: of the centred boxes with these sides (fractions of the picture's),
    the one that suits these pictures best.
    """
    n, h, w = maps.shape

    def right(found: Tensor) -> float:
        return localization.gt_known(found, true_boxes)

    centred = [localization.centred_boxes(h, w, [side]).expand(n, 4) for side in sides]
    return {
        "box_at_20": right(boxes(maps, 0.2)),
        "box_at_chosen": right(boxes(maps, chosen)),
        "box_best_centre": max(map(right, centred)),
        "box_whole_picture": right(localization.whole_picture(n, h, w)),
    }


# ---------------------------------------------------------------- which bird it is


def crops(sets: Sequence[Pictures], found: Both) -> list[Tensor]:
    """What lies in the boxes, (N, 4) for each set: -> (N, 3, 112, 112) for each set."""
    return [features.crops(d.images, b, SEEN) for d, b in zip(sets, found, strict=True)]


def accuracy(net: networks.CamNetwork, sets: Sequence[Pictures], seen: Both) -> float:
    """Features and SVM afresh on what is seen of each set's pictures: share named rightly, 0..1."""
    train, test = sets
    svm = features.svm_network(net, seen[0], train.labels)
    return features.accuracy(svm, seen[1], test.labels)
