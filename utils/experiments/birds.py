"""Eight look-alike birds, told apart on whole pictures, CAM crops and true boxes. Notebook 06."""

import torch
from torch import Tensor
from torchvision.transforms import functional

import sketchbook
from utils import cam, features, localization, networks
from utils.experiments.backbone import DRAWN


def birds(net: networks.CamNetwork, seed: int, n_train: int = 1600, n_test: int = 800) -> dict:
    """Accuracy of a linear SVM on whole pictures, CAM crops, true boxes; how right the boxes are.

    Pictures are drawn at 224 pixels and seen at 112, whole or cropped. Boxes come from the map of
    "bird", at 20 % of the maximum and at the best threshold for the first 200 training pictures,
    and from the SVM's own map of the species it names. Notebook 06; paper, table 4.
    """
    train, test = (
        sketchbook.birds(n, 1000 * k + seed, DRAWN) for k, n in ((1, n_train), (2, n_test))
    )
    whole = [functional.resize(d.images, [112, 112], antialias=True) for d in (train, test)]
    svm = features.svm_network(net, whole[0], train.labels)
    maps = [_maps(net, images, net.index("bird")) for images in whole]
    own = _maps(svm, whole[1], None)
    chosen = localization.best_threshold(maps[0][:200], train.boxes[:200])

    def accuracy(images: list[Tensor]) -> float:
        network = features.svm_network(net, images[0], train.labels)
        return features.accuracy(network, images[1], test.labels)

    def crops(boxes: list[Tensor]) -> list[Tensor]:
        return [features.crops(d.images, b) for d, b in zip((train, test), boxes, strict=True)]

    at_20, at_chosen = ([_boxes(m, t) for m in maps] for t in (0.2, chosen))
    result = {
        "full": accuracy(whole),
        "full_224": accuracy([train.images, test.images]),
        "crop_at_20": accuracy(crops(at_20)),
        "crop_at_chosen": accuracy(crops(at_chosen)),
        "true_box": accuracy(crops([train.boxes, test.boxes])),
        "threshold": chosen,
        "box_at_20": localization.gt_known(at_20[1], test.boxes),
        "box_at_chosen": localization.gt_known(at_chosen[1], test.boxes),
        "box_of_species_map_at_20": localization.gt_known(_boxes(own, 0.2), test.boxes),
        "box_best_centre": max(
            localization.gt_known(
                localization.centred_boxes(DRAWN, DRAWN, [s]).repeat(n_test, 1), test.boxes
            )
            for s in localization.THRESHOLDS[1:]
        ),
        "box_whole_picture": localization.gt_known(
            localization.whole_picture(n_test, DRAWN, DRAWN), test.boxes
        ),
    }
    return result


def _maps(net: networks.CamNetwork, images: Tensor, c: int | None) -> Tensor:
    """The map of class c, or of each best class if None, at DRAWN pixels: -> (N, h, w)."""
    found = []
    for batch in images.split(100):
        S, M = net(net.prepare(batch))
        chosen = S.argmax(1) if c is None else torch.full((len(S),), c)
        found.append(cam.upsample(M[range(len(S)), chosen][:, None], (DRAWN, DRAWN))[:, 0])
    return torch.cat(found)


def _boxes(maps: Tensor, threshold: float) -> Tensor:
    return torch.stack([localization.box_from_map(M, threshold) for M in maps])
