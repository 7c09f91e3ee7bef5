"""The exercises of notebook 03."""

import torch
from torch import Tensor

from utils.check import exercise


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _maps() -> list[Tensor]:
    """Three times f (N, K, H, W)."""
    g = _random(3)
    return [torch.randn(s, generator=g) for s in ((2, 5, 3, 6), (1, 8, 4, 4), (3, 4, 5, 2))]


@exercise(
    cases=[(f,) for f in [*_maps(), -1 - torch.rand(2, 3, 4, 5, generator=_random(6))]],
    hint="""
    `f.max(2)` gives values *and* positions, for one axis. `amax` gives the values only, and takes several axes at once.
    """,
    right="One word of difference from GAP: the rest of this notebook is about that word.",
)
def gmp(f):
    """GMP: (N, K, H, W) -> (N, K)."""
    return f.amax((2, 3))


gmp.mistakes(
    (["f.relu().amax((2, 3))", "f.amax((2, 3)).relu()"], "you cut the maps off at 0. The largest value of a map may lie below 0."),
    ("f.max(2)", "max(2) gives values *and* positions, and only the rows are gone. Take amax, over both axes 2 and 3."),
    ("f.max(3)", "max(3) gives values *and* positions, and only the columns are gone. Take amax, over both axes 2 and 3."),
    (["f.amax(2).max(2)", "f.amax(3).max(2)", "f.flatten(2).max(2)", "f.max(2).max(2)"], "max gives the values *and* their positions. Take amax, or the values alone."),
    (["f.max((2, 3))", "torch.max(f, 2, 3)"], "max takes one axis at a time, and gives positions as well. amax takes both axes 2 and 3 at once."),
    ("f.amax((0, 1))", "you kept the places and lost the pictures and channels. Axes 2 and 3 go."),
    ("f.amax((2, 3)).squeeze()", "the values are right, but squeeze() also takes away the axis of the pictures where there is only one."),
    ("f.mean((2, 3))", "that is the mean, GAP. GMP takes the maximum."),
    ("f.sum((2, 3))", "that is the sum, the paper's F_k of GAP. GMP takes the maximum."),
    ("f.amax(1)", "that is the maximum over the channels: one number for each place. F_k keeps the channels, and the places go: axes 2 and 3."),
    ("f.amax((0, 2, 3))", "you took the maximum over the pictures too. Keep axes 0 and 1."),
    (["f.amax((1, 2))", "f.amax((1, 3))"], "axis 1 is the channels, which stay. The places are axes 2 and 3."),
    ("f.max()", "that is one maximum of everything. Keep axes 0 and 1."),
    ("f.amax((1, 2, 3))", "that is one maximum for each picture. Keep the channels too: axes 0 and 1 stay."),
    ("f[0].amax((1, 2))", "that is the first picture only. Keep the axis of the pictures, axis 0."),
    ("f.amax(2)", "only the rows are gone. Both axes 2 and 3 have to go."),
    ("f.amax(3)", "only the columns are gone. Both axes 2 and 3 have to go."),
    ("f.amin((2, 3))", "that is the minimum."),
    ("f.abs().amax((2, 3))", "you lost the signs before taking the maximum."),
    ("f.flatten(2).argmax(2)", "that is the number of the winning cell: argmax. Its value is wanted: amax."),
    ("f.amax((2, 3), keepdim=True)", "the values are right, but the axes 2 and 3 are still there with length 1."),
    ("f.amax((2, 3)).T", "the axes are exchanged: pictures first, then channels."),
    ("f.mean(2).amax(2)", "you took the maximum of the columns' means. It is the maximum over all cells."),
    ("f.mean(3).amax(2)", "you took the maximum of the rows' means. It is the maximum over all cells."),
    ("f.amax(2).mean(2)", "you averaged the columns' maxima. Take the maximum over both axes."),
    ("f.amax(3).mean(2)", "you averaged the rows' maxima. Take the maximum over both axes."),
)  # fmt: skip


def _weights() -> list[Tensor]:
    """Three times w (C, K), for the maps above."""
    g = _random(4)
    return [torch.randn(s, generator=g) for s in ((4, 5), (8, 8), (6, 4))]


def _winners(f: Tensor) -> Tensor:
    return (f == f.amax((2, 3), keepdim=True)).to(f)


@exercise(
    cases=list(zip(_maps(), _weights(), (2, 5, 1), strict=True)),
    hint="""
    The values depend on the channel only, so (K,) numbers are enough. `v[:, None, None].expand(f.shape)` copies them
    to every cell of every picture.
    """,
    right="The same for every cell and for every picture: GAP asks all places alike.",
)
def gap_gradient(f, w, c):
    """dS_c / df_k(x, y) with GAP: maps (N, K, H, W), weights (C, K), class c -> (N, K, H, W)."""
    H, W = f.shape[2:]
    return w[c][:, None, None].expand(f.shape) / (H * W)


gap_gradient.mistakes(
    (" / (H * W)", "", "1/(H W) is missing. Each cell is only one of H x W that share the mean: a change of 1 moves F_k by 1/(H W)."),
    ("(H * W)", "H * W", "the division comes before the multiplication: put brackets around H * W."),
    ("/ (H", "* (H", "you multiplied by H W. The mean divides by it."),
    ("w[c][:, None, None].expand(f.shape)", "torch.ones_like(f)", "w is missing: that is what F_k gains. S_c counts it with the weight of its channel."),
    (["torch.einsum('nkhw,k->nhw', f, w[c])", "torch.einsum('nkhw,k->nhw', f, w[c]) / (H * W)"], "that is M_c. The gradient has one value for each channel too, and it does not depend on f."),
    ("(f > 0) * solution(f, w, c)", "you left out the cells where f is 0. Raising them raises the mean just as well: the gradient does not depend on f."),
    ("w[c]", "w[:, c]", "you took a column of w. The weights of class c are the row w[c]."),
    ("w[c]", "w[0]", "those are the weights of class 0, not of class c."),
    ("w[c]", "w[c - 1]", "those are the weights of the class before c. Classes count from 0."),
    (["solution(f, w.softmax(0), c)", "solution(f, w.softmax(1), c)"], "you put a softmax on the weights. S_c is the input of the softmax: there is none here."),
    ("f * solution(f, w, c)", "that is f times the gradient: what each cell *pays* to S_c. The gradient itself does not depend on f."),
    ("f * w[c][:, None, None]", "that is w f, the terms of M_c. The gradient of S_c does not depend on f."),
    ("f.mean((2, 3)) * w[c]", "those are the terms of S_c itself. Its gradient does not depend on f, and has a value for every cell."),
    ("_winners(f) * w[c][:, None, None]", "that is GMP's gradient: everything to the winning cell. GAP gives every cell the same."),
    ("(H * W)", "H", "you divided by the height only. There are H x W cells."),
    ("(H * W)", "W", "you divided by the width only. There are H x W cells."),
    ("(H * W)", "14**2", "you divided by 14 x 14. Not every map has that size: take it from f."),
    ("(H * W)", "f.shape[1]", "you divided by the number of channels. The mean is taken over the H x W cells."),
    ("(H * W)", "f[0].numel()", "you divided by the channels too. The mean is taken over the H x W cells of one channel."),
    ("(H * W)", "f.numel()", "you divided by the pictures and channels too. The mean is taken over the H x W cells of one channel."),
    ("solution(f, w.relu(), c)", "the negative weights are gone. A channel may speak against the class."),
    ("solution(f, w.abs(), c)", "you lost the signs of the weights."),
    ("solution(f, w, c)[0]", "the axis of the pictures is missing: the result has the shape of f."),
    ("return w[c][:, None, None].expand(f.shape) / (H * W)", "gradient = torch.zeros_like(f)\n    for k in range(f.shape[1]):\n        gradient[k] = w[c, k] / (H * W)\n    return gradient", "[k] is picture k. Channel k of every picture is [:, k]."),
    ("w[c] / (H * W)", "the values are right, one for each channel. Every cell of every picture gets its copy: .expand(f.shape) after two new axes."),
    (["w[c][:, None, None] / (H * W)", "w[c][None, :, None, None] / (H * W)"], "the values are right. Give every cell of every picture its copy: .expand(f.shape)."),
    (["w[c].expand(f.shape) / (H * W)", "w[c] * torch.ones_like(f) / (H * W)"], "the K numbers of w[c] are laid along the last axis, which is x. Give them two new axes first: [:, None, None]."),
)  # fmt: skip


def _lit_maps() -> list[tuple[Tensor, Tensor, float]]:
    """M (N, h, w), masks (N, h, w), t. Whole numbers: some lie exactly on t times the maximum."""
    g, cases = _random(5), []
    for n, h, w, t in ((2, 6, 7, 0.5), (3, 8, 5, 0.25), (1, 9, 9, 0.125)):
        M = torch.randint(-6, 13, (n, h, w), generator=g).float()
        M[:, 0, 0] = 16  # the maximum, off the object
        M *= 2.0 ** torch.arange(n)[:, None, None]  # each map has a maximum of its own
        mask = torch.rand(n, h, w, generator=g) < 0.4
        mask[:, 0, 0], mask[:, 1] = False, True
        cases.append((M, mask, t))
    return cases


@exercise(
    cases=_lit_maps(),
    hint="""
    `M.amax((1, 2), keepdim=True)` has the shape (N, 1, 1), so it can be compared with M. Combine two bool
    tensors with `&`, count with `.sum((1, 2))`, and think about what to divide by.
    """,
    right="It asks how much of the thing is lit, and does not care what else is. So it needs a partner, the precision.",
)
def coverage(M, mask, t):
    """Share of the object above t times the maximum: (N, h, w), (N, h, w) bool, t -> (N,)."""
    lit = M > t * M.amax((1, 2), keepdim=True)
    return (lit & mask).sum((1, 2)) / mask.sum((1, 2))


coverage.mistakes(
    ("/ mask", "/ lit", "that is the share of the *lit* pixels that lies on the object. Divide by the object's pixels, not by the lit ones."),
    ("solution(M - M.amin((1, 2), keepdim=True), mask, t)", "you stretched the map from minimum to maximum first. Here 0 stays 0: compare with t times the maximum."),
    ("M >", "M >=", "a pixel exactly on the threshold counts as lit here. It has to lie *above*: >, not >=."),
    ("t * M.amax((1, 2), keepdim=True)", "t", "t is a fraction of the maximum. Compare with t times each map's maximum, not with t."),
    ("M.amax((1, 2), keepdim=True)", "M.max()", "you took one maximum for all pictures. Each map has its own: amax over axes 1 and 2, with keepdim=True."),
    ("amax((1, 2), keepdim=True)", "max((1, 2))", "max takes one axis at a time. amax takes both, (1, 2), with keepdim=True."),
    ("amax", "max", "max takes one axis at a time. amax takes both, (1, 2), with keepdim=True."),
    ("solution(M.masked_fill(~mask, -torch.inf), mask, t)", "you took the maximum on the object only. The map's maximum may lie beside it."),
    ("(1, 2), keepdim", "1, keepdim", "you took the maximum over the rows only, one for each column. A map has one maximum: amax over both axes, (1, 2)."),
    ("(1, 2), keepdim", "2, keepdim", "you took the maximum over the columns only, one for each row. A map has one maximum: amax over both axes, (1, 2)."),
    ("(lit & mask).float().mean((1, 2))", "that is a share of the picture. Divide by the object's pixels."),
    (["(lit & mask).mean((1, 2))", "lit.mean((1, 2))"], "True and False have no mean. Count them, .sum((1, 2)), and divide by the object's pixels."),
    ("lit.float().mean((1, 2))", "that is how much of the picture is lit. The object's mask is missing."),
    ("(lit == mask).float().mean((1, 2))", "that counts the pixels on which map and mask agree, dark ground too. Count what is lit *and* on the object."),
    ("(lit & mask)", "lit", "you counted lit pixels beside the object too. Keep those that are lit *and* on the object."),
    (", keepdim=True", "", "(N,) maxima cannot stand beside maps (N, h, w): keepdim=True keeps the two axes, with length 1."),
    ("True)", "True) & mask", "& binds more strongly than >. Put the comparison into brackets, or give it a name: lit = M > ..."),
    ("lit & mask", "lit and mask", "`and` wants one truth for the whole tensor. Pixel by pixel, it is &."),
    ("100 * solution(M, mask, t)", "that is a percentage. A share lies between 0 and 1."),
    ("solution(M, mask, 1 - t)", "you compared with 1 - t times the maximum. Lit is what lies above t times the maximum."),
    ("solution(M.abs(), mask, t)", "you lost the sign of the map. What speaks against the class is not lit."),
    ("solution(M, ~mask, t)", "that is the share of the *background* that is lit."),
    ("/ mask.sum", "/ (lit | mask).sum", "that is intersection over union. Here the union does not count: divide by the object's pixels."),
    ("1 - solution(M, mask, t)", "that is the share of the object that stays dark."),
    ("(lit & mask).sum((1, 2))", "that is a number of pixels. Divide by the object's pixels."),
    (["(lit & mask).sum(1) / mask.sum(1)", "(lit & mask).sum(2) / mask.sum(2)"], "you counted along one axis only. Sum over both, (1, 2): one number for each picture."),
    ("solution(M, mask, t).mean()", "that is the mean over the pictures. One number for each is wanted."),
    ("(lit & mask).sum() / mask.sum()", "you counted the pixels of all pictures together. One number for each picture is wanted: sum over axes 1 and 2."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    The first two columns have one thing in each picture, the last two have two. Which question can be answered without
    knowing the class? For (c) and (d), hold the first row of numbers against the second.
    """,
    right="A number says what a map knows only beside a map that does not know it.",
)
def true_of_the_maps():
    """The letters of the true statements, such as {"a", "b"}."""
    return {"b", "c", "e"}


true_of_the_maps.statements(
    a="(a) the mean of all f_k does not know the class, and with one thing in the picture its boxes are as good or better.",
    b="(b) look at the row of the channels against the class, first two columns: GMP's find most of the things, GAP's few.",
    c="(c) first column pair, GMP: from the first row to the second only the weights below 0 go. That is most of the way to the mean's boxes.",
    d="(d) look at the last column: of two things GMP's map finds the one asked for less often without the weights below 0. They tell things apart.",
    e="(e) a map that finds any of two things is on the one asked for in about half of the cases. Compare the last row, last two columns.",
    f="(f) in the first row GMP's maximum is on the thing asked for at least as often as GAP's: its peaks know the class.",
)  # fmt: skip
