"""Detectors of short phrases, with five kinds of negatives. Notebook 07."""

from dataclasses import replace

import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

import sketchbook
from utils import cam, concepts, features, networks
from utils.pictures import Pictures


def phrases(net: networks.CamNetwork, seed: int, n_train: int = 1200, n_test: int = 600) -> dict:
    """Detectors of twelve phrases with five kinds of negatives; all figures are means over phrases.

    For each kind: average precision (`ap`), pairs of a picture with the phrase and one of the same
    things without it that are in order (`pairs`), and how many of the latter (`false`) and of the
    former (`found`) score above 0. Then where the mined detectors' maps peak, and how well things
    and relations are told apart in tiles. Notebook 07.
    """
    train, test = (sketchbook.captions(n, 1000 * k + seed) for k, n in ((5, n_train), (6, n_test)))
    F, F_test = (features.features(net, d.images) for d in (train, test))
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, list[float]] = {}
    mined = []
    for c in range(len(train.class_names)):
        shows, alike = test.labels == c, test.labels == c ^ 1
        positive = concepts.mentions(train.captions, train.class_names[c])
        kinds = _negatives(F, train, c, generator)
        for kind, negatives in kinds.items():
            w, b = concepts.detector(F, positive, negatives)
            for key, value in _judged(F_test @ w + b, shows, alike).items():
                found.setdefault(f"{kind}_{key}", []).append(value)
        mined.append(concepts.detector(F, positive, kinds["mined"]))
    result = {key: sum(values) / len(values) for key, values in found.items()}
    w, b = map(torch.stack, zip(*mined, strict=True))
    result |= _evidence(features.with_head(net, w, b), test)
    result |= _birds_moved(net, mined[train.class_names.index("bird on the roof")], test)
    for side in (112, 56, 28, 16):
        result |= _in_tiles(net, train, test, side)
    return result


def _negatives(F: Tensor, train: Pictures, c: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Five sets of negatives for phrase c, as numbers of pictures.

    The first are 80 random pictures whose captions hold none of its words: the paper's rule. Then,
    together with these, 80 more of them, 80 random ones without the phrase, or the 80 hardest of
    those in two rounds. At last all pictures without the phrase.
    """
    phrase = train.class_names[c]
    positive = concepts.mentions(train.captions, phrase)
    shuffled = torch.randperm(len(F), generator=generator)
    other = shuffled[~concepts.touches(train.captions, phrase)[shuffled]]
    without = shuffled[~positive[shuffled]]
    fresh = without[~torch.isin(without, other[:80])]
    return {
        "first": other[:80],
        "more": other[:160],
        "random": torch.cat([other[:80], fresh[:80]]),
        "mined": concepts.mine(F, positive, other[:80], n=40, rounds=2),
        "all": without,
    }


def _judged(S: Tensor, shows: Tensor, alike: Tensor) -> dict[str, float]:
    """Scores (N,) of a phrase's detector, which pictures show it, which only look like it."""
    return {
        "ap": float(average_precision_score(shows, S)),
        "pairs": concepts.pairs_right(S[shows], S[alike]),
        "false": (S[alike] > 0).double().mean().item(),
        "found": (S[shows] > 0).double().mean().item(),
    }


def _evidence(net: networks.CamNetwork, test: Pictures) -> dict[str, float]:
    """How often maps peak at the things of a phrase, for it and, where it is false, against it."""
    near = concepts.around(test.masks)
    false = replace(test, labels=test.labels ^ 1)  # the phrase that looks alike
    return {
        "peak_near_things": concepts.peak_in(networks.maps_of(net, test), near),
        "against_near_things": concepts.peak_in(-networks.maps_of(net, false), near),
        "near_things": near.double().mean().item(),
    }


def _birds_moved(net: networks.CamNetwork, detector: tuple[Tensor, Tensor], test: Pictures) -> dict:
    """How many pictures score above 0 for "bird on the roof": as drawn, changed, and look-alikes.

    The bird is moved 40 pixels aside, into the air, or taken away.
    """
    (w, b), has = detector, test.subset(test.labels == test.class_names.index("bird on the roof"))
    bird = concepts.around(has.parts == has.part_names.index("bird"), 1)  # with its soft edge
    x = [b.nonzero()[:, 1].double().mean() for b in bird]
    by = [40 if middle < 56 else -40 for middle in x]
    rows = list(zip(has.images, bird, has.parts == 0, by, strict=True))
    beside = test.labels == test.class_names.index("bird beside the house")
    images = {
        "roof": has.images,
        "air": torch.stack([concepts.moved(*row) for row in rows]),
        "gone": torch.stack([concepts.moved(*row, keep=False) for row in rows]),
        "beside": test.images[beside],
    }
    scores = {key: features.features(net, some) @ w + b for key, some in images.items()}
    return {f"bird_{key}": (S > 0).double().mean().item() for key, S in scores.items()}


def _in_tiles(net: networks.CamNetwork, train: Pictures, test: Pictures, side: int) -> dict:
    """A linear SVM on features averaged over tiles: pairs of things, and relations, told right.

    With six pairs of things chance is 1/6; the relation is asked of those whose things are known,
    one SVM for each pair, and chance is 1/2.
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
    return {
        f"things_in_tiles_of_{side}": named,
        f"relation_in_tiles_of_{side}": torch.cat(right).double().mean().item(),
    }
