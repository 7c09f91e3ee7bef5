"""A text detector from labels alone. Notebook 08."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torchvision.transforms import functional

import sketchbook
from utils import cam, concepts, features, localization, networks

SIDE = 280  # pixels that a picture of 112 is enlarged to: a cell of the map is 3.2 of its pixels


def text(net: networks.CamNetwork, seed: int, n_train: int = 2400, n_test: int = 600) -> dict:
    """A text detector from labels alone: how often it is right, and how well its map finds text.

    Pictures of 112 pixels are seen as they are, and enlarged. Maps are measured on the test
    pictures with text; "max_on_text" is the share whose maximum lies on it, "max_of_3x3" the same
    for means over 3 x 3 cells; "area" is what chance gives for both, and as precision. Notebook 08.
    """
    # (Seeds 1000 and 2000 served to choose the size of 280 and C; these are others.)
    train, test = (sketchbook.signs(n, 1000 * k + seed) for k, n in ((3, n_train), (4, n_test)))
    there = test.labels == 1
    masks = test.masks[there]
    result = {"area": masks.double().mean().item()}
    for side in (112, SIDE):
        reader = detector(net, train.images, train.labels, side)
        S, M = seen_by(reader, test.images, side)
        cells = reader.cells(reader.prepare(enlarged(test.images[:1], side)))
        maps, smooth = (
            cam.upsample(m, masks.shape[1:], cells)[:, 0]
            for m in (M[there, None], avg_pool2d(M[there, None], 3, stride=1, padding=1))
        )
        precision, recall = concepts.precision_recall(maps, masks, 0.2)
        figures = {
            "accuracy": ((S > 0) == there).double().mean().item(),
            "max_on_text": concepts.peak_in(maps, masks),
            "max_of_3x3": concepts.peak_in(smooth, masks),
            "precision_at_20": precision,
            "recall_at_20": recall,
            "pxap": localization.pxap(maps, masks),
        }
        result |= {f"{name}_{side}": value for name, value in figures.items()}
    return result


def enlarged(images: Tensor, side: int = SIDE) -> Tensor:
    """Pictures (N, 3, h, w) -> (N, 3, side, side)."""
    return functional.resize(images, [side, side], antialias=True)


def detector(
    net: networks.CamNetwork, images: Tensor, labels: Tensor, side: int = SIDE
) -> networks.CamNetwork:
    """A linear SVM on what the network sees in enlarged pictures: class 1 is text."""
    return features.svm_network(net, enlarged(images, side), labels, C=0.01)


def seen_by(net: networks.CamNetwork, images: Tensor, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Scores and maps of class 1, text, for enlarged pictures: -> (N,), (N, H, W)."""
    seen = [
        (p.S[:, 1], cam.class_maps(p.f, p.w, 1)[:, 0])
        for _, p in networks.passes(net, enlarged(images, side))
    ]
    S, M = zip(*seen, strict=True)
    return torch.cat(S), torch.cat(M)
