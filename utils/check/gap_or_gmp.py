"""The exercises of notebook 03."""

import torch
from torch import Tensor

from utils.check.old import judge


def _maps() -> list[Tensor]:
    """Three times f (N, K, H, W)."""
    g = torch.Generator().manual_seed(3)
    return [torch.randn(s, generator=g) for s in ((2, 5, 3, 6), (1, 8, 4, 4), (3, 4, 5, 2))]


def gmp(answer) -> bool:
    """Exercise 1: F_k of a network with GMP, (N, K, H, W) -> (N, K)."""
    return judge(
        answer,
        lambda f: f.amax((2, 3)),
        [(f,) for f in [*_maps(), -1 - torch.rand(2, 3, 4, 5)]],
        [
            (lambda f: f.relu().amax((2, 3)), "you cut the maps off at 0. The largest value of a map may lie below 0."),
            (lambda f: f.max(2), "max(2) gives values *and* positions, and only the rows are gone. Take amax, over both axes 2 and 3."),
            (lambda f: f.max(3), "max(3) gives values *and* positions, and only the columns are gone. Take amax, over both axes 2 and 3."),
            (lambda f: f.amax(2).max(2), "max gives the values *and* their positions. Take amax, or the values alone."),
            (lambda f: f.flatten(2).max(2), "max gives the values *and* their positions. Take amax, or the values alone."),
            (lambda f: f.amax((0, 1)), "you kept the places and lost the pictures and channels. Axes 2 and 3 go."),
            (lambda f: f.amax((2, 3)).squeeze(), "the values are right, but squeeze() also takes away the axis of the pictures where there is only one."),
            (lambda f: f.mean((2, 3)), "that is the mean, GAP. GMP takes the maximum."),
            (lambda f: f.sum((2, 3)), "that is the sum, the paper's F_k of GAP. GMP takes the maximum."),
            (lambda f: f.amax(1), "that is the maximum over the channels: one number for each place. F_k keeps the channels, and the places go: axes 2 and 3."),
            (lambda f: f.amax((0, 2, 3)), "you took the maximum over the pictures too. Keep axes 0 and 1."),
            (lambda f: f.max(), "that is one maximum of everything. Keep axes 0 and 1."),
            (lambda f: f.amax((1, 2, 3)), "that is one maximum for each picture. Keep the channels too: axes 0 and 1 stay."),
            (lambda f: f.amax(2), "only the rows are gone. Both axes 2 and 3 have to go."),
            (lambda f: f.amax(3), "only the columns are gone. Both axes 2 and 3 have to go."),
            (lambda f: f.amin((2, 3)), "that is the minimum."),
            (lambda f: f.abs().amax((2, 3)), "you lost the signs before taking the maximum."),
            (lambda f: f.flatten(2).argmax(2), "that is the number of the winning cell: argmax. Its value is wanted: amax."),
            (lambda f: f.amax((2, 3), keepdim=True), "the values are right, but the axes 2 and 3 are still there with length 1."),
            (lambda f: f.mean(2).amax(2), "you took the maximum of the columns' means. It is the maximum over all cells."),
            (lambda f: f.mean(3).amax(2), "you took the maximum of the rows' means. It is the maximum over all cells."),
            (lambda f: f.amax(2).mean(2), "you averaged the columns' maxima. Take the maximum over both axes."),
            (lambda f: f.amax(3).mean(2), "you averaged the rows' maxima. Take the maximum over both axes."),
        ],
        "One word of difference from GAP: the rest of this notebook is about that word.",
    )  # fmt: skip


def gap_gradient(answer) -> bool:
    """Exercise 2: dS_c / df_k(x, y) with GAP, (N, K, H, W), (C, K), int -> (N, K, H, W)."""
    g = torch.Generator().manual_seed(4)
    weights = [torch.randn(s, generator=g) for s in ((4, 5), (8, 8), (6, 4))]

    def reference(f: Tensor, w: Tensor, c: int) -> Tensor:
        return spread(w[c], f) / f.shape[2:].numel()

    def spread(values: Tensor, f: Tensor) -> Tensor:
        return values[:, None, None].expand(f.shape)

    def winners(f: Tensor) -> Tensor:
        return (f == f.amax((2, 3), keepdim=True)).to(f)

    return judge(
        answer,
        reference,
        list(zip(_maps(), weights, (2, 5, 1), strict=True)),
        [
            (lambda f, w, c: spread(w[c], f), "1/(H W) is missing. Each cell is only one of H x W that share the mean: a change of 1 moves F_k by 1/(H W)."),
            (lambda f, w, c: spread(w[c], f) / f.shape[2] * f.shape[3], "the division comes before the multiplication: put brackets around H * W."),
            (lambda f, w, c: spread(w[c], f) * f.shape[2:].numel(), "you multiplied by H W. The mean divides by it."),
            (lambda f, w, c: torch.ones_like(f) / f.shape[2:].numel(), "w is missing: that is what F_k gains. S_c counts it with the weight of its channel."),
            (lambda f, w, c: torch.einsum("nkhw,k->nhw", f, w[c]), "that is M_c. The gradient has one value for each channel too, and it does not depend on f."),
            (lambda f, w, c: (f > 0) * reference(f, w, c), "you left out the cells where f is 0. Raising them raises the mean just as well: the gradient does not depend on f."),
            (lambda f, w, c: spread(w[:, c], f) / f.shape[2:].numel(), "you took a column of w. The weights of class c are the row w[c]."),
            (lambda f, w, c: reference(f, w, 0), "those are the weights of class 0, not of class c."),
            (lambda f, w, c: reference(f, w, c - 1), "those are the weights of the class before c. Classes count from 0."),
            (lambda f, w, c: reference(f, w.softmax(0), c), "you put a softmax on the weights. S_c is the input of the softmax: there is none here."),
            (lambda f, w, c: reference(f, w.softmax(1), c), "you put a softmax on the weights. S_c is the input of the softmax: there is none here."),
            (lambda f, w, c: f * reference(f, w, c), "that is f times the gradient: what each cell *pays* to S_c. The gradient itself does not depend on f."),
            (lambda f, w, c: f * spread(w[c], f), "that is w f, the terms of M_c. The gradient of S_c does not depend on f."),
            (lambda f, w, c: winners(f) * spread(w[c], f), "that is GMP's gradient: everything to the winning cell. GAP gives every cell the same."),
            (lambda f, w, c: spread(w[c], f) / f.shape[2], "you divided by the height only. There are H x W cells."),
            (lambda f, w, c: spread(w[c], f) / f.shape[3], "you divided by the width only. There are H x W cells."),
            (lambda f, w, c: spread(w[c], f) / 14**2, "you divided by 14 x 14. Not every map has that size: take it from f."),
            (lambda f, w, c: spread(w[c], f) / f.shape[1], "you divided by the number of channels. The mean is taken over the H x W cells."),
            (lambda f, w, c: spread(w[c], f) / f[0].numel(), "you divided by the channels too. The mean is taken over the H x W cells of one channel."),
            (lambda f, w, c: spread(w[c], f) / f.numel(), "you divided by the pictures and channels too. The mean is taken over the H x W cells of one channel."),
            (lambda f, w, c: reference(f, w.relu(), c), "the negative weights are gone. A channel may speak against the class."),
            (lambda f, w, c: reference(f, w.abs(), c), "you lost the signs of the weights."),
            (lambda f, w, c: reference(f, w, c)[0], "the axis of the pictures is missing: the result has the shape of f."),
            (lambda f, w, c: w[c] / f.shape[2:].numel(), "the values are right, one for each channel. Every cell of every picture gets its copy: .expand(f.shape) after two new axes."),
            (lambda f, w, c: w[c][:, None, None] / f.shape[2:].numel(), "the values are right. Give every cell of every picture its copy: .expand(f.shape)."),
        ],
        "The same for every cell and for every picture: GAP asks all places alike.",
    )  # fmt: skip


def coverage(answer) -> bool:
    """Exercise 3: share of the object above t times the map's maximum -> (N,)."""
    g = torch.Generator().manual_seed(5)

    def case(n: int, h: int, w: int, t: float) -> tuple[Tensor, Tensor, float]:
        """Whole numbers, so that some lie exactly on t times the maximum: 16, 32 or 64."""
        M = torch.randint(-6, 13, (n, h, w), generator=g).float()
        M[:, 0, 0] = 16  # the maximum, off the object
        M *= 2.0 ** torch.arange(n)[:, None, None]
        mask = torch.rand(n, h, w, generator=g) < 0.4
        mask[:, 0, 0], mask[:, 1] = False, True
        return M, mask, t

    def share(lit: Tensor, mask: Tensor) -> Tensor:
        return (lit & mask).sum((1, 2)) / mask.sum((1, 2))

    def lit(M: Tensor, t: float, mask: Tensor | None = None) -> Tensor:
        return t * M.amax((1, 2), keepdim=True) < M

    def stretched(M: Tensor) -> Tensor:
        return M - M.amin((1, 2), keepdim=True)

    def inside(M: Tensor, mask: Tensor) -> Tensor:
        return M.masked_fill(~mask, -torch.inf).amax((1, 2), keepdim=True)

    def union(M: Tensor, mask: Tensor, t: float) -> Tensor:
        return (lit(M, t) & mask).sum((1, 2)) / (lit(M, t) | mask).sum((1, 2))

    return judge(
        answer,
        lambda M, mask, t: share(lit(M, t), mask),
        [case(2, 6, 7, 0.5), case(3, 8, 5, 0.25), case(1, 9, 9, 0.125)],
        [
            (lambda M, mask, t: (lit(M, t) & mask).sum((1, 2)) / lit(M, t).sum((1, 2)), "that is the share of the *lit* pixels that lies on the object. Divide by the object's pixels, not by the lit ones."),
            (lambda M, mask, t: share(lit(stretched(M), t), mask), "you stretched the map from minimum to maximum first. Here 0 stays 0: compare with t times the maximum."),
            (lambda M, mask, t: share(t * M.amax((1, 2), keepdim=True) <= M, mask), "a pixel exactly on the threshold counts as lit here. It has to lie *above*: >, not >=."),
            (lambda M, mask, t: share(t < M, mask), "t is a fraction of the maximum. Compare with t times each map's maximum, not with t."),
            (lambda M, mask, t: share(t * M.max() < M, mask), "you took one maximum for all pictures. Each map has its own: amax over axes 1 and 2, with keepdim=True."),
            (lambda M, mask, t: share(t * inside(M, mask) < M, mask), "you took the maximum on the object only. The map's maximum may lie beside it."),
            (lambda M, mask, t: (lit(M, t) & mask).float().mean((1, 2)), "that is a share of the picture. Divide by the object's pixels."),
            (lambda M, mask, t: lit(M, t).float().mean((1, 2)), "that is how much of the picture is lit. The object's mask is missing."),
            (lambda M, mask, t: lit(M, t).sum((1, 2)) / mask.sum((1, 2)), "you counted lit pixels beside the object too. Keep those that are lit *and* on the object."),
            (lambda M, mask, t: share(t * M.amax((1, 2)) < M, mask), "(N,) maxima cannot stand beside maps (N, h, w): keepdim=True keeps the two axes, with length 1."),
            (lambda M, mask, t: share(t < M / M.amax((1, 2), keepdim=True), mask) * 100, "that is a percentage. A share lies between 0 and 1."),
            (lambda M, mask, t: share(lit(M, 1 - t), mask), "you compared with 1 - t times the maximum. Lit is what lies above t times the maximum."),
            (lambda M, mask, t: share(lit(M.abs(), t), mask), "you lost the sign of the map. What speaks against the class is not lit."),
            (lambda M, mask, t: share(lit(M, t), ~mask), "that is the share of the *background* that is lit."),
            (union, "that is intersection over union. Here the union does not count: divide by the object's pixels."),
            (lambda M, mask, t: share(~lit(M, t), mask), "that is the share of the object that stays dark."),
            (lambda M, mask, t: (lit(M, t) & mask).sum((1, 2)), "that is a number of pixels. Divide by the object's pixels."),
            (lambda M, mask, t: share(lit(M, t), mask).mean(), "that is the mean over the pictures. One number for each is wanted."),
            (lambda M, mask, t: (lit(M, t) & mask).sum() / mask.sum(), "you counted the pixels of all pictures together. One number for each picture is wanted: sum over axes 1 and 2."),
        ],
        "It asks how much of the thing is lit, and does not care what else is. So it needs a partner: section 7.",
    )  # fmt: skip
