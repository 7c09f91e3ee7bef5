"""Detectors of short phrases, with five kinds of negatives. Notebook 07."""

from collections.abc import Sequence

import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

import sketchbook
from utils import cam, concepts, features, networks
from utils.pictures import Pictures

Detector = tuple[Tensor, Tensor]  # w (K,), b ()
ROOF = "bird on the roof"


def phrases(net: networks.CamNetwork, seed: int, n_train: int = 1200, n_test: int = 600) -> dict:
    """Detectors of twelve phrases with five kinds of negatives; all figures are means over phrases.

    For each kind the figures of `judged`. Then where the mined detectors' maps peak, what becomes
    of "bird on the roof" when the bird is moved, and how well things and relations are told apart
    in tiles. Notebook 07.
    """
    train, test = (sketchbook.captions(n, 1000 * k + seed) for k, n in ((5, n_train), (6, n_test)))
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(n_train, generator=generator) for _ in train.class_names]
    figures, mined = compared(net, train, test, orders)
    result = {f"{kind}_{key}": v for kind, of in figures.items() for key, v in of.items()}
    w, b = (torch.stack(t) for t in zip(*mined, strict=True))
    detectors = features.with_head(net, w, b)
    result |= {key: v.double().mean().item() for key, v in evidence(detectors, test).items()}
    w, b = mined[train.class_names.index(ROOF)]
    for key, images in birds_moved(test).items():
        S = features.features(net, images) @ w + b
        result[f"bird_{key}"] = (S > 0).double().mean().item()
    for how, told in taught(net, train, test, orders[train.class_names.index(ROOF)]).items():
        result |= {f"bird_{key}_taught_{how}": v.double().mean().item() for key, v in told.items()}
    for side in (112, 56, 28, 16):
        things, relations = told_in_tiles(net, train, test, side)
        result |= {f"things_in_tiles_of_{side}": things, f"relation_in_tiles_of_{side}": relations}
    return result


def compared(
    net: networks.CamNetwork, train: Pictures, test: Pictures, orders: Sequence[Tensor]
) -> tuple[dict[str, dict[str, float]], list[Detector]]:
    """Every phrase's detectors: figures for each kind of negatives, and the mined detectors.

    `orders` shuffles the training pictures for each phrase, so that the first ones are random.
    Figures are means over the phrases. Notebook 07, section 8.
    """
    F, F_test = (features.features(net, d.images) for d in (train, test))
    found: dict[str, list[dict[str, float]]] = {}
    mined = []
    for c, (phrase, order) in enumerate(zip(train.class_names, orders, strict=True)):
        positive = concepts.mentions(train.captions, phrase)
        for kind, chosen in negatives(F, train.captions, phrase, order).items():
            w, b = concepts.detector(F, positive, chosen)
            figures = judged(F_test @ w + b, test.labels == c, test.labels == c ^ 1)
            found.setdefault(kind, []).append(figures)
            if kind == "mined":
                mined.append((w, b))
    means = {
        kind: {key: sum(run[key] for run in runs) / len(runs) for key in runs[0]}
        for kind, runs in found.items()
    }
    return means, mined


def negatives(
    F: Tensor, captions: Sequence[str], phrase: str, order: Tensor, n: int = 80
) -> dict[str, Tensor]:
    """Five sets of negatives for a phrase, as numbers of pictures: features (N, K), N captions.

    The first are n random pictures whose captions hold none of its words: the paper's rule. Then,
    together with these, n more of them, n random ones without the phrase, or the n hardest of
    those in two rounds. At last all pictures without the phrase. `order` (N,) shuffles the
    pictures. Notebook 07, section 8.
    """
    positive = concepts.mentions(captions, phrase)
    other = order[~concepts.touches(captions, phrase)[order]]
    without = order[~positive[order]]
    fresh = without[~torch.isin(without, other[:n])]
    return {
        "first": other[:n],
        "more": other[: 2 * n],
        "random": torch.cat([other[:n], fresh[:n]]),
        "mined": concepts.mine(F, positive, other[:n], n=n // 2, rounds=2),
        "all": without,
    }


def judged(S: Tensor, shows: Tensor, alike: Tensor) -> dict[str, float]:
    """Figures of a detector, from its scores (N,): which pictures show the phrase, which look so.

    Average precision (`ap`), pairs of a picture with the phrase and a look-alike that are in order
    (`pairs`), how many look-alikes (`false`) and pictures with the phrase (`found`) score above 0.
    """
    return {
        "ap": float(average_precision_score(shows, S)),
        "pairs": concepts.pairs_right(S[shows], S[alike]),
        "false": (S[alike] > 0).double().mean().item(),
        "found": (S[shows] > 0).double().mean().item(),
    }


def evidence(net: networks.CamNetwork, test: Pictures) -> dict[str, Tensor]:
    """Whether maps peak near the things of each picture, and the area there: three times (N,).

    For the picture's own phrase, and, where the map of the one that looks alike is lowest, against
    that one. Near is within a cell, 8 pixels. Notebook 07, section 9.
    """
    near = concepts.around(test.masks)
    against = -networks.maps_at(net, test.images, test.labels ^ 1)
    return {
        "peak_near_things": concepts.peaks_in(networks.maps_of(net, test), near),
        "against_near_things": concepts.peaks_in(against, near),
        "near_things": near.double().mean((1, 2)),
    }


def birds_moved(test: Pictures) -> dict[str, Tensor]:
    """Pictures of birds on a roof, the same changed, and birds beside a house: (N, 3, h, w) each.

    The bird is moved 40 pixels aside, towards the larger side, into the air; or it is taken away.
    Notebook 07, section 10.
    """
    on_roof, beside = (
        test.subset(test.labels == test.class_names.index(phrase))
        for phrase in (ROOF, "bird beside the house")
    )
    bird = on_roof.parts == on_roof.part_names.index("bird")
    bird = concepts.around(bird, 1)  # with its soft edge
    x = [b.nonzero()[:, 1].double().mean() for b in bird]
    by = [40 if middle < 56 else -40 for middle in x]
    rows = list(zip(on_roof.images, bird, on_roof.parts == 0, by, strict=True))
    return {
        "roof": on_roof.images,
        "air": torch.stack([concepts.moved(*row) for row in rows]),
        "gone": torch.stack([concepts.moved(*row, keep=False) for row in rows]),
        "beside": beside.images,
    }


def taught(
    net: networks.CamNetwork, train: Pictures, test: Pictures, order: Tensor
) -> dict[str, dict[str, Tensor]]:
    """What counts as "bird on the roof" when houses without a bird were negatives, too.

    {"gone": {place of the bird: (N,) bool}, "air": ...}: beside the mined negatives, the detector
    learnt from the training pictures of the phrase with their birds taken away, or, the control,
    moved into the air; the hole in the roof's row is the same. Notebook 07, section 10.
    """
    F, positive = features.features(net, train.images), concepts.mentions(train.captions, ROOF)
    mined = negatives(F, train.captions, ROOF, order)["mined"]
    changed = birds_moved(train)
    asked = {key: features.features(net, images) for key, images in birds_moved(test).items()}
    told = {}
    for how in ("gone", "air"):
        w, b = with_more(F, positive, mined, features.features(net, changed[how]))
        told[how] = {key: F_key @ w + b > 0 for key, F_key in asked.items()}
    return told


def with_more(F: Tensor, positive: Tensor, negatives: Tensor, more: Tensor) -> Detector:
    """A detector with more negatives: features (N, K), (N,) bool, numbers (Q,), features (M, K)."""
    none_of_these = torch.zeros(len(more), dtype=torch.bool)
    numbers = torch.cat([negatives, len(F) + torch.arange(len(more))])
    return concepts.detector(torch.cat([F, more]), torch.cat([positive, none_of_these]), numbers)


def told_in_tiles(
    net: networks.CamNetwork, train: Pictures, test: Pictures, side: int
) -> tuple[float, float]:
    """Which pair of things, and which relation, told right from features averaged over tiles.

    Linear SVMs. With six pairs of things chance is 1/6; the relation is asked of those whose things
    are known, one SVM for each pair, and chance is 1/2. Notebook 07, section 10.
    """
    F, F_test = (concepts.tile_features(net, d.images, side) for d in (train, test))
    things, relation = train.labels // 2, train.labels % 2
    w, b = features.folded(features.linear_svm(F, things))
    named = (cam.scores(F_test, w, b).argmax(1) == test.labels // 2).double().mean().item()
    right = []
    for k in range(6):
        w, b = features.folded(features.linear_svm(F[things == k], relation[things == k]))
        of = test.labels // 2 == k
        right.append(cam.scores(F_test[of], w, b).argmax(1) == test.labels[of] % 2)
    return named, torch.cat(right).double().mean().item()
