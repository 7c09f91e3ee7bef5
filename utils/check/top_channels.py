"""The exercises of notebook 09."""

import torch
from torch import Tensor

from utils.check import exercise


def _weights() -> list[tuple[Tensor, int, int]]:
    """Weights (C, K) with C = K, where a transpose hides; a class; how many channels."""
    g = torch.Generator().manual_seed(5)
    return [(torch.randn(k, k, generator=g), c, n) for k, c, n in ((9, 2, 3), (7, 0, 2), (8, 5, 3))]


@exercise(
    cases=_weights(),
    hint="""
    The weights of class `c` are a row. `argsort` gives positions, and sorts upwards unless told otherwise.
    """,
    right="Nothing was run on a picture for this: the classifier's weights are enough.",
)
def top_channels(w, c, n):
    """The n channels with the largest weights of class c, largest first: (C, K) -> (n,)."""
    return w[c].argsort(descending=True)[:n]


top_channels.mistakes(
    ("w[c]", "w[:, c]", "you ranked a column of w: the classes that channel c speaks for. The weights of class c are the row w[c]."),
    ("w[c]", "w[c].abs()", "you ranked by absolute value. A large negative weight speaks against the class: keep the sign."),
    ("descending=True", "", "these are the smallest weights, the channels that speak most against the class. Sort the other way round."),
    ("w[c].argsort()[-n:]", "the right channels, smallest first. The largest weight comes first."),
    (["w[c].argmax()", "w[c].argmax()[None]"], "that is the first channel only. n of them are wanted."),
    ("w[c].topk(n).values", "these are the weights. The channels, their indices, are wanted."),
    ("w[c].topk(n)", "topk gives two things, the weights and the channels. Keep the second, .indices."),
    ("w[c].sort(descending=True)", "sort gives two things, the weights and the channels. Keep the second, .indices, and of it the first n."),
    ("[:n]", "[-n:]", "these are the last n of the list, the smallest weights. Keep the first n."),
    ("[:n]", "[1 : n + 1]", "the largest is left out: counting starts at 0, so the first n are [:n]."),
    ("[:n]", "[: n + 1]", "that is one too many: the first n are [:n]."),
    ("[:n]", "[:3]", "that is always three. How many are wanted stands in n."),
    ("w[c]", "w[0]", "that is the ranking of class 0, not of class c."),
    ("w[c]", "w.softmax(0)[c]", "a softmax over the classes changes the order. Rank the weights themselves."),
    ("[:n]", "", "that is every channel in order. Keep the first n."),
    ("w.topk(n, dim=1).indices", "that is the answer for every class. Take class c only."),
)  # fmt: skip


def _inputs() -> list[tuple[Tensor, Tensor, int]]:
    """Twice f (N, K, H, W), w (C, K), c; the second with C = K, where a transpose hides."""
    g = torch.Generator().manual_seed(3)
    sizes = [(3, 9, 5, 4, 3, 1), (2, 6, 6, 3, 3, 4)]
    return [
        (torch.rand(n, k, h, w, generator=g), torch.randn(classes, k, generator=g), c)
        for n, k, classes, h, w, c in sizes
    ]


@exercise(
    cases=_inputs(),
    hint="""
    First $F_k$ for every picture, (N, K). Times one row of `w`. Then the mean over the pictures.
    """,
    right="A large weight on a channel that is silent pays nothing.",
)
def contribution(f, w, c):
    """Mean of w_k^c F_k over the pictures, with GAP: (N, K, H, W), (C, K), class -> (K,)."""
    F = f.mean((2, 3))
    return (w[c] * F).mean(0)


contribution.mistakes(
    ("w[c]", "these are the weights alone. Each pays w times F: multiply by the pooled maps."),
    ("w[c] * F", "F", "that is F_k alone. Multiply by the weights of the class."),
    ("f.mean", "f.sum", "F_k is the sum here. This network has GAP: take the mean over x and y."),
    ("(w[c] * F).sum(0)", "you summed over the pictures. Take their mean, so that it does not depend on how many there are."),
    ("w[c] * f.sum((0, 2, 3))", "you summed over places and pictures. Both are means."),
    ("f.mean", "f.amax", "F_k is the maximum here (GMP). This network takes the mean."),
    ("w[c] * F", "that is one row for each picture. The mean over the pictures is still missing."),
    ("solution(f[:1], w, c)", "that is the first picture only. Take the mean over all of them."),
    ("(w[c][:, None, None] * f).mean(0)", "x and y are still there. F_k is the mean over them, axes 2 and 3."),
    ("w[c]", "w[:, c]", "you took a column of w. The weights of class c are the row w[c]."),
    ("w[c]", "w[0]", "these are the weights of class 0, not of class c."),
    ("w[c]", "w[c].relu()", "the negative weights are gone. They take from the score, and belong here."),
    ("w[c]", "w[c].abs()", "you lost the signs of the weights."),
    ("w[c] * f.mean()", "that is one mean for all channels. F_k is a mean for each, over x and y."),
    ("solution(f, w, c) / solution(f, w, c).sum()", "that is each channel's share of the score. What it pays is wanted, w times F."),
    ("solution(f, w, c).sum()", "you summed over the channels: that is the score without its bias. Keep one number for each channel."),
    ("F @ w[c]", "that is a score for each picture, without its bias: @ adds up the channels. Multiply with *, and take the mean over the pictures."),
    ("(w[c] * F).mean(1)", "that is a mean over the channels. The pictures are the first axis: mean(0)."),
    ("w * F.mean(0)", "that is the answer for every class. Take the row w[c] only."),
)  # fmt: skip


def _regions() -> list[tuple[Tensor, float, Tensor]]:
    """Maps (N, h, w), threshold, masks (N, h, w): strong, silent, covering, without the part."""
    g = torch.Generator().manual_seed(7)
    cases = []
    for n, side, T, level in ((4, 8, 0.5, 0.8), (3, 10, 0.625, 0.05), (5, 6, 0.5, 0.6)):
        maps = torch.rand(n, side, side, generator=g) * torch.linspace(0.7, 1.4, n)[:, None, None]
        maps = (64 * maps).round() / 64  # the same in half precision
        masks = torch.rand(n, side, side, generator=g) > level
        masks[0] = False
        masks[1] &= maps[1] >= T
        maps[-1, 0, 0] = T  # exactly at the threshold: it counts
        masks[-1, 0, 0] = True
        cases.append((maps, T, masks))
    cases[-1][0][2:4] *= 0.3  # silent in two pictures, whose masks count in the union all the same
    return cases


@exercise(
    cases=_regions(),
    hint="""
    `&` and `|` of two bool tensors, then a sum over everything, then one division.
    """,
    right="One threshold and one division for the whole set of pictures.",
)
def agreement(maps, T, masks):
    """IoU of the pixels at or above T with the masks, pooled: (N, h, w), T, (N, h, w) bool -> number."""
    region = maps >= T
    return (region & masks).sum() / (region | masks).sum()


def _of_each_picture(maps: Tensor, T: float, masks: Tensor) -> Tensor:
    region = maps >= T
    return (region & masks).sum((1, 2)) / (region | masks).sum((1, 2))


def _where(kept: Tensor, maps: Tensor, T: float, masks: Tensor) -> Tensor:
    """The agreement in some of the pictures."""
    return agreement.solution(maps[kept], T, masks[kept])


agreement.mistakes(
    ("(region & masks).sum() / min(region.sum(), masks.sum())", "you divided by the smaller of the two. Then a speck inside the part scores 1: divide by the union."),
    ("_of_each_picture(maps, T, masks).mean()", "that is the mean over the pictures. Pool: count pixels over all pictures first, divide once."),
    ("_of_each_picture(maps, T, masks)", "that is one number for each picture. Count over all pictures, then divide."),
    ("_where((maps >= T).any(2).any(1), maps, T, masks)", "you left out the pictures in which nothing is marked. The part is there, and the region misses it: its pixels belong to the union."),
    ("_where(masks.any(2).any(1), maps, T, masks)", "you left out the pictures without the part. What is marked there is marked wrongly, and belongs to the union."),
    ("_where((maps >= T).any(2).any(1) & masks.any(2).any(1), maps, T, masks)", "you left out the pictures in which nothing is marked, and those without the part. All their pixels belong to the union."),
    ("(region & masks).sum() / (region.sum() + masks.sum())", "the union counts the shared pixels once. You counted them twice: use region | mask."),
    ("(region & masks).sum() / (region.sum() + masks.sum() + (region & masks).sum())", "to get the union, take the shared pixels *off* the two areas: region | mask."),
    ("(region & masks).sum() / (region ^ masks).sum()", "^ is where only one of the two is. The union holds the shared pixels, too: region | mask."),
    ("2 * (region & masks).sum() / (region.sum() + masks.sum())", "that is the Dice score, 2 I / (A + B). IoU is I / (A | B)."),
    ("(region & masks).sum() / region.sum()", "you divided by the region: that is precision. Divide by the union."),
    ("(region & masks).sum() / masks.sum()", "you divided by the part: that is recall. Divide by the union."),
    ("maps >= T", "maps <= T", "you marked what lies below the threshold. The strongest regions are at or above it."),
    (["solution(maps, T * maps.max(), masks)", "solution(maps / maps.max(), T, masks)"], "T is a value of the map already, not a share of the maximum."),
    ("solution(maps, T * maps.amax((1, 2), keepdim=True), masks)", "T is a value of the map already, not a share of each picture's maximum."),
    ("maps >= T", "maps > 0", "the threshold is missing: every pixel above 0 is marked."),
    ("(region & masks).sum()", "that is the number of shared pixels. Divide it by the union."),
    ("(region & masks).sum() // (region | masks).sum()", "// rounds down to whole numbers. Divide with /."),
    ("(region | masks).sum() / (region & masks).sum()", "it is upside down: the shared pixels belong above the line, the union below."),
    ("(region == masks).double().mean()", "that is accuracy: it counts the pixels outside both as well, and they are most of the picture."),
    ("maps >= T", "maps > T", "a pixel exactly at the threshold counts as marked: use >=, not >."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    Ask of each: would it also be so if the channels meant nothing and only had large weights?
    """,
    right="A control removes as much, in another way. The next cells try three of them.",
)
def judged():
    """The letters of the true statements, such as {"a", "b"}."""
    return {"a", "c", "f"}


judged.statements(
    a="(a) a large weight times F_k, which is never negative, is taken away from S_bird on every bird. Does that need any meaning?",
    b="(b) as many is not as much. Channels at random pay far less, many even speak against the bird, so the score hardly moves.",
    c="(c) when the score loses as much either way, what is left to differ is which channels they are.",
    d="(d) the same may happen with channels that nobody ranked. First see whether others that paid as much leave the other nine alone, too.",
    e="(e) a score that is lower by the same amount in every picture loses against the others, and still ranks the birds above the rest.",
    f="(f) a constant is the same in every picture: it cannot tell a bird from a boat. Only channels that are left can.",
)
