"""Concepts in pictures: the objects that tell a scene, and detectors of short phrases.

Both are linear SVMs on the pooled features of a network that knows neither scenes nor phrases, so
both have maps (`utils.features`). Paper, section 4, "Discovering informative objects in the scenes"
and "Concept localization in weakly labeled images". Notebook 07.
"""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from utils import features, localization, valid
from utils.networks import CamNetwork

LINKS = ("the", "on", "in", "under", "beside")  # words of a phrase that name no thing

# ---------------------------------------------------------------- informative objects


def hot(M: Tensor, threshold: float = 0.2) -> Tensor:
    """Pixels above a fraction of each map's maximum: (N, h, w) -> (N, h, w) bool.

    The paper takes 20 % for its boxes; for scenes it only speaks of high activation. A map that is
    nowhere positive is nowhere hot. Raises ValueError for NaN and infinity. Notebook 07.
    """
    M, threshold = valid.finite(M, "the maps", "N h w"), valid.number(threshold, "the threshold", 0)
    return M > threshold * M.amax((1, 2), keepdim=True).clamp(min=0)


def areas(parts: Tensor, n_objects: int, where: Tensor | None = None) -> Tensor:
    """How many pixels each object has in each picture: index images (N, h, w) -> (N, P) int64.

    With `where`, (N, h, w) bool, only the pixels there count. P is n_objects. Notebook 07.
    """
    parts = valid.tensor(parts, "the index images", "N h w", "whole numbers")
    n_objects = valid.whole(n_objects, "n_objects", int(parts.max()) + 1)
    where = None if where is None else valid.masks(where, parts)
    wanted = parts.long() if where is None else parts.long().masked_fill(~where, n_objects)
    counts = [flat.bincount(minlength=n_objects + 1) for flat in wanted.flatten(1)]
    return torch.stack(counts)[:, :n_objects]


def overlap_rate(inside: Tensor, area: Tensor, least: float = 0.5) -> Tensor:
    """In how many of the pictures that hold an object most of it is hot: (N, P), (N, P) -> (P,).

    `inside` and `area` count each object's hot pixels, and all. It is hot if at least `least` of
    its pixels are. An object that is in no picture gets 0. Notebook 07, exercise 1.
    """
    inside, area = (valid.finite(t, "the areas", "N P") for t in (inside, area))
    valid.one_shape(inside=inside, area=area)
    there = area > 0
    return ((inside >= least * area) & there).sum(0) / there.sum(0).clamp(min=1)


def frequency(area: Tensor) -> Tensor:
    """Share of the pictures that hold each object: (N, P) -> (P,)."""
    return (valid.finite(area, "the areas", "N P") > 0).double().mean(0)


def ranking(values: Tensor, area: Tensor, share: float = 0.1) -> Tensor:
    """Objects by their value, largest first: (P,), (N, P) -> at most P numbers, int64.

    Left out are number 0, which stands for no object, and what less than this share of the pictures
    hold: of those one knows too little. Equal values keep the order of their numbers.
    """
    values, known = valid.finite(values, "the values", "P"), frequency(area) >= share
    if len(values) != len(known):
        raise ValueError(f"{len(values)} values, but the areas of {len(known)} objects")
    known[0] = False
    order = values.argsort(descending=True, stable=True)
    return order[known[order]]


def first_right(ranked: Tensor, right: Iterable[int]) -> float:
    """Of R right objects in a ranking, how many stand in its first R places: (P,) -> 0..1.

    Only right objects that are ranked at all count (R-precision). Raises ValueError if none is.
    """
    here = torch.isin(ranked, torch.tensor(list(right), dtype=ranked.dtype))
    if not here.any():
        raise ValueError("none of the right objects is in the ranking")
    return here[: int(here.sum())].double().mean().item()


# ---------------------------------------------------------------- phrases and hard negatives


def mentions(captions: Sequence[str], words: str) -> Tensor:
    """Which captions hold these words in this order: N captions -> (N,) bool."""
    captions, (words,) = valid.texts(captions, "captions"), valid.texts([words], "words")
    pattern = re.compile(rf"\b{re.escape(words)}\b", re.IGNORECASE)
    return torch.tensor([pattern.search(caption) is not None for caption in captions])


def touches(captions: Sequence[str], phrase: str) -> Tensor:
    """Which captions hold any word of the phrase, links left aside: N captions -> (N,) bool.

    The paper's negatives are random pictures of which this is not so. Notebook 07.
    """
    words = [word for word in phrase.split() if word not in LINKS]
    return torch.stack([mentions(captions, word) for word in words]).any(0)


def detector(
    F: Tensor, positive: Tensor, negatives: Tensor, C: float = 0.1
) -> tuple[Tensor, Tensor]:
    """A linear SVM for one phrase: features (N, K), positive (N,) bool, negatives (Q,) -> w, b.

    The negatives are numbers of pictures. w (K,) and b () score a picture by S = w F + b, above 0
    if it shows the phrase. Raises ValueError if there is no positive or no negative. Notebook 07.
    """
    yes = positive.nonzero()[:, 0]
    labels = torch.cat([torch.ones(len(yes)), torch.zeros(len(negatives))]).long()
    w, b = features.folded(features.linear_svm(F[torch.cat([yes, negatives])], labels, C))
    return w[1], b[1]


def hardest(S: Tensor, positive: Tensor, used: Tensor, n: int) -> Tensor:
    """The n negatives with the highest scores that are not used yet, highest first: -> (n,) int64.

    S (N,) are the scores of all pictures; positive and used, (N,) bool, say which show the phrase
    and which the detector has learnt from. Raises ValueError if fewer are left. Notebook 07,
    exercise 3.
    """
    left = ~(positive | used)
    if left.sum() < n:
        raise ValueError(f"{n} negatives are wanted, {int(left.sum())} are left")
    S = valid.finite(S, "the scores S", "N")
    return S.masked_fill(~left, -torch.inf).topk(n).indices


def mine(
    F: Tensor, positive: Tensor, negatives: Tensor, n: int = 40, rounds: int = 2, C: float = 0.1
) -> Tensor:
    """Hard-negative mining: numbers of first negatives (Q,) -> with n more from each round.

    Each round trains the detector, scores every picture and adds the negatives that it finds the
    hardest. Paper, section 4, "Concept localization in weakly labeled images". Notebook 07.
    """
    for _ in range(rounds):
        w, b = detector(F, positive, negatives, C)
        used = torch.zeros_like(positive).index_fill(0, negatives, True)
        negatives = torch.cat([negatives, hardest(F @ w + b, positive, used, n)])
    return negatives


def pairs_right(S_yes: Tensor, S_no: Tensor) -> float:
    """Of all pairs, one with the phrase and one without, how many are in order: (A,), (B,) -> 0..1.

    A tie counts half, so chance is 0.5; this is the area under the ROC curve.
    """
    S_yes, S_no = (valid.finite(S, "the scores S", "N") for S in (S_yes, S_no))
    difference = S_yes[:, None] - S_no
    return ((difference > 0).double() + 0.5 * (difference == 0)).mean().item()


# ---------------------------------------------------------------- where the evidence lies


def around(masks: Tensor, pixels: int = 8) -> Tensor:
    """Masks grown by some pixels on every side, here a cell of the map: (N, h, w) bool -> same."""
    masks = valid.tensor(masks, "the masks", "N h w", "True or False")
    pixels = valid.whole(pixels, "pixels")
    grown = functional.max_pool2d(masks[:, None].float(), 2 * pixels + 1, 1, pixels)
    return grown[:, 0] > 0


peaks_in, peak_in = localization.peaks_in, localization.pointing_accuracy


def precision_recall(M: Tensor, masks: Tensor, threshold: float = 0.2) -> tuple[float, float]:
    """How much of what is hot lies in the masks, and how much of the masks is hot, as fractions.

    Pixels of all maps (N, h, w) and masks (N, h, w) bool are counted together. Precision is nan
    where nothing is hot, recall where no mask has a pixel. Notebook 08, exercise 1.
    """
    found, masks = hot(M, threshold), valid.masks(masks, valid.tensor(M, "the maps", "N h w"))
    right = (found & masks).sum()
    return (right / found.sum()).item(), (right / masks.sum()).item()


def tiles(images: Tensor, side: int) -> Tensor:
    """Pictures cut into square tiles: (N, 3, h, w) -> (N, T, 3, side, side).

    Raises ValueError if the sides of the pictures are no multiples of `side`. Notebook 07.
    """
    images = valid.tensor(images, "the pictures", "N 3 h w")
    side, (n, colours, h, w) = valid.whole(side, "side", 1), images.shape
    if h % side or w % side:
        raise ValueError(f"tiles of {side} pixels do not fill a picture of {w} x {h}")
    cut = images.unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5)
    return cut.reshape(n, -1, colours, side, side)


def tile_features(net: CamNetwork, images: Tensor, side: int) -> Tensor:
    """F_k averaged over the tiles of each picture, seen one by one: (N, 3, h, w) -> (N, K).

    What lies in different tiles is never in one cell's sight. Notebook 07.
    """
    cut = tiles(images, side)
    F = features.features(net, cut.flatten(0, 1), batch_size=100 * cut.shape[1])
    return F.reshape(len(images), -1, F.shape[1]).mean(1)


def moved(image: Tensor, mask: Tensor, free: Tensor, by: int, keep: bool = True) -> Tensor:
    """A picture with the thing in the mask `by` pixels further right: (3, h, w) -> (3, h, w).

    mask and free are (h, w) bool. A negative `by` moves it left. The hole is filled from the same
    rows, `by` pixels further, or as far on the other side where that is not `free`. Without `keep`
    the thing is gone. Rows are taken as rings, so it must not reach the edge. Notebook 07.
    """
    one, other = image.roll(-by, -1), image.roll(by, -1)
    filled = torch.where(mask, torch.where(free.roll(-by, -1), one, other), image)
    return torch.where(mask.roll(by, -1), other, filled) if keep else filled
