"""A text detector from labels alone. Notebook 07."""

import torch
from torch.nn.functional import avg_pool2d
from torchvision.transforms import functional

import sketchbook
from utils import cam, concepts, features, localization, networks


def text(net: networks.CamNetwork, seed: int, n_train: int = 2400, n_test: int = 600) -> dict:
    """A text detector from labels alone: how often it is right, and how well its map finds text.

    Pictures of 112 pixels are seen as they are, and enlarged to 280, where a cell of the map is 3.2
    of their pixels. Maps are measured on the test pictures with text; "max_on_text" is the share
    whose maximum lies on it, "max_of_3x3" the same for means over 3 x 3 cells; "area" is what
    chance gives for both, and as precision. Notebook 07.
    """
    # (Seeds 1000 and 2000 served to choose the size of 280 and C; these are others.)
    train, test = (sketchbook.signs(n, 1000 * k + seed) for k, n in ((3, n_train), (4, n_test)))
    there = test.labels == 1
    masks = test.masks[there]
    result = {"area": masks.double().mean().item()}
    for side in (112, 280):
        seen = [functional.resize(d.images, [side, side], antialias=True) for d in (train, test)]
        svm = features.svm_network(net, seen[0], train.labels, C=0.01)
        M = torch.cat([svm(svm.prepare(some), 1)[1] for some in seen[1][there].split(100)])
        maps, smooth = (
            cam.upsample(m, masks.shape[1:])[:, 0]
            for m in (M, avg_pool2d(M, 3, stride=1, padding=1))
        )
        found = maps > 0.2 * maps.amax((1, 2), keepdim=True)
        figures = {
            "accuracy": features.accuracy(svm, seen[1], test.labels),
            "max_on_text": concepts.peak_in(maps, masks),
            "max_of_3x3": concepts.peak_in(smooth, masks),
            "precision_at_20": ((found & masks).sum() / found.sum()).item(),
            "recall_at_20": ((found & masks).sum() / masks.sum()).item(),
            "pxap": localization.pxap(maps, masks),
        }
        result |= {f"{name}_{side}": value for name, value in figures.items()}
    return result
