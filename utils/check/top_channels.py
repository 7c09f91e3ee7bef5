"""The exercises of notebook 08."""

import torch
from torch import Tensor

from utils import channels
from utils.check.old import judge


def _inputs() -> list[tuple[Tensor, Tensor, int]]:
    """Twice f (N, K, H, W), w (C, K), c; the second with C = K, where a transpose hides."""
    g = torch.Generator().manual_seed(3)
    sizes = [(3, 9, 5, 4, 3, 1), (2, 6, 6, 3, 3, 4)]
    return [
        (torch.rand(n, k, h, w, generator=g), torch.randn(classes, k, generator=g), c)
        for n, k, classes, h, w, c in sizes
    ]


def top_channels(answer) -> bool:
    """Exercise 1: the n channels with the largest weights, (C, K), class, n -> (n,) int64."""

    def reference(w: Tensor, c: int, n: int) -> Tensor:
        return channels.top(w[c], n)

    g = torch.Generator().manual_seed(5)
    cases = [
        (torch.randn(k, k, generator=g), c, n) for k, c, n in ((9, 2, 3), (7, 0, 2), (8, 5, 3))
    ]
    return judge(
        answer,
        reference,
        cases,
        [
            (lambda w, c, n: channels.top(w[:, c], n), "you ranked a column of w: the classes that channel c speaks for. The weights of class c are the row w[c]."),
            (lambda w, c, n: channels.top(w[c].abs(), n), "you ranked by absolute value. A large negative weight speaks against the class: keep the sign."),
            (lambda w, c, n: w[c].argsort()[:n], "these are the smallest weights, the channels that speak most against the class. Sort the other way round."),
            (lambda w, c, n: w[c].argsort()[-n:], "the right channels, smallest first. The largest weight comes first."),
            (lambda w, c, n: w[c].argmax(), "that is the first channel only. n of them are wanted."),
            (lambda w, c, n: w[c].argmax()[None], "that is the first channel only. n of them are wanted."),
            (lambda w, c, n: w[c].topk(n).values, "these are the weights. The channels, their indices, are wanted."),
            (lambda w, c, n: torch.stack([t.double() for t in w[c].topk(n)]), "topk gives two things, the weights and the channels. Keep the second, .indices."),
            (lambda w, c, n: w[c].argsort(descending=True)[-n:], "these are the last n of the list, the smallest weights. Keep the first n."),
            (lambda w, c, n: w[c].argsort(descending=True)[1 : n + 1], "the largest is left out: counting starts at 0, so the first n are [:n]."),
            (lambda w, c, n: channels.top(w.softmax(0)[c], n), "a softmax over the classes changes the order. Rank the weights themselves."),
            (lambda w, c, n: w[c].argsort(descending=True), "that is every channel in order. Keep the first n."),
            (lambda w, c, n: w.topk(n, dim=1).indices, "that is the answer for every class. Take class c only."),
        ],
        "Nothing was run on a picture for this: the classifier's weights are enough.",
    )  # fmt: skip


def contribution(answer) -> bool:
    """Exercise 2: mean of w_k^c F_k over the pictures, (N, K, H, W), (C, K), class -> (K,)."""

    def reference(f: Tensor, w: Tensor, c: int) -> Tensor:
        return channels.contributions(f, w, c).mean(0)

    return judge(
        answer,
        reference,
        _inputs(),
        [
            (lambda f, w, c: w[c], "these are the weights alone. Each pays w times F: multiply by the pooled maps."),
            (lambda f, w, c: f.mean((0, 2, 3)), "that is F_k alone. Multiply by the weights of the class."),
            (lambda f, w, c: (w[c] * f.sum((2, 3))).mean(0), "F_k is the sum here. This network has GAP: take the mean over x and y."),
            (lambda f, w, c: (w[c] * f.mean((2, 3))).sum(0), "you summed over the pictures. Take their mean, so that it does not depend on how many there are."),
            (lambda f, w, c: w[c] * f.sum((0, 2, 3)), "you summed over places and pictures. Both are means."),
            (lambda f, w, c: (w[c] * f.amax((2, 3))).mean(0), "F_k is the maximum here (GMP). This network takes the mean."),
            (lambda f, w, c: w[c] * f.mean((2, 3)), "that is one row for each picture. The mean over the pictures is still missing."),
            (lambda f, w, c: reference(f, w.T, c), "you took a column of w. The weights of class c are the row w[c]."),
            (lambda f, w, c: reference(f, w.relu(), c), "the negative weights are gone. They take from the score, and belong here."),
            (lambda f, w, c: reference(f, w.abs(), c), "you lost the signs of the weights."),
            (lambda f, w, c: reference(f, w, c).sum(), "you summed over the channels: that is the score without its bias. Keep one number for each channel."),
            (lambda f, w, c: f.mean((2, 3)) @ w[c], "that is a score for each picture, without its bias: @ adds up the channels. Multiply with *, and take the mean over the pictures."),
            (lambda f, w, c: (w[c] * f.mean((2, 3))).mean(1), "that is a mean over the channels. The pictures are the first axis: mean(0)."),
            (lambda f, w, c: w * f.mean((0, 2, 3)), "that is the answer for every class. Take the row w[c] only."),
        ],
        "A large weight on a channel that is silent pays nothing.",
    )  # fmt: skip


def _maps() -> list[tuple[Tensor, float, Tensor]]:
    """Maps (N, h, w), threshold, masks (N, h, w); one region covers its mask, one mask is empty."""
    g = torch.Generator().manual_seed(7)
    cases = []
    for n, side, T, level in ((4, 8, 0.5, 0.8), (3, 10, 0.6, 0.05)):
        maps = torch.rand(n, side, side, generator=g) * torch.linspace(0.7, 1.4, n)[:, None, None]
        masks = torch.rand(n, side, side, generator=g) > level
        masks[0] = False
        masks[1] &= maps[1] >= T
        maps[-1, 0, 0] = T  # exactly at the threshold: it counts
        masks[-1, 0, 0] = True
        cases.append((maps, T, masks))
    return cases


def agreement(answer) -> bool:
    """Exercise 3: IoU of thresholded maps with masks, pooled over the pictures -> a number."""

    def counts(maps: Tensor, T: float, masks: Tensor, axes=(0, 1, 2)) -> tuple[Tensor, ...]:
        marked = maps >= T
        return (
            (marked & masks).sum(axes),
            (marked | masks).sum(axes),
            marked.sum(axes),
            masks.sum(axes),
        )

    def ratio(i: int, j: int, axes=(0, 1, 2)):
        return lambda *case: (lambda n: n[i] / n[j])(counts(*case, axes))

    def smaller(*case: Tensor) -> Tensor:
        both, _, marked, masks = counts(*case)
        return both / torch.minimum(marked, masks)

    def mean_of_pictures(*case: Tensor) -> Tensor:
        both, either, *_ = counts(*case, axes=(1, 2))
        return (both / either.clamp(min=1)).mean()

    def no_union(*case: Tensor) -> Tensor:
        both, _, marked, masks = counts(*case)
        return both / (marked + masks)

    return judge(
        answer,
        ratio(0, 1),
        _maps(),
        [
            (smaller, "you divided by the smaller of the two. Then a speck inside the part scores 1: divide by the union."),
            (mean_of_pictures, "that is the mean over the pictures. Pool: count pixels over all pictures first, divide once."),
            (ratio(0, 1, (1, 2)), "that is one number for each picture. Count over all pictures, then divide."),
            (no_union, "the union counts the shared pixels once. You counted them twice: use region | mask."),
            (lambda m, T, k: 2 * no_union(m, T, k), "that is the Dice score, 2 I / (A + B). IoU is I / (A | B)."),
            (ratio(0, 2), "you divided by the region: that is precision. Divide by the union."),
            (ratio(0, 3), "you divided by the part: that is recall. Divide by the union."),
            (lambda m, T, k: ratio(0, 1)(-m, -T, k), "you marked what lies below the threshold. The strongest regions are at or above it."),
            (lambda m, T, k: ratio(0, 1)(m, T * m.amax(), k), "T is a value of the map already, not a share of the maximum."),
            (lambda m, T, k: ratio(0, 1)(m, T * m.amax((1, 2), keepdim=True), k), "T is a value of the map already, not a share of each picture's maximum."),
            (lambda m, T, k: ratio(0, 1)(m, 1e-9, k), "the threshold is missing: every pixel above 0 is marked."),
            (lambda m, T, k: counts(m, T, k)[0], "that is the number of shared pixels. Divide it by the union."),
            (ratio(1, 0), "it is upside down: the shared pixels belong above the line, the union below."),
            (lambda m, T, k: ((m >= T) == k).double().mean(), "that is accuracy: it counts the pixels outside both as well, and they are most of the picture."),
            (lambda m, T, k: (lambda a: (a & k).sum() / (a | k).sum())(m > T), "a pixel exactly at the threshold counts as marked: use >=, not >."),
        ],
        "One threshold and one division for the whole set of pictures.",
    )  # fmt: skip
