"""The exercises of notebook 01."""

import torch
from torch import Tensor

from utils import cam
from utils.check import exercise


def _inputs() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Three times f (N, K, H, W), w (C, K), b (C,); the last with C = K, where a transpose hides."""
    g = torch.Generator().manual_seed(1)
    sizes = [(2, 5, 4, 3, 6), (1, 8, 3, 4, 4), (3, 4, 4, 5, 2)]
    return [
        (
            torch.randn(n, k, h, w, generator=g).relu(),
            torch.randn(c, k, generator=g),
            torch.randn(c, generator=g),
        )
        for n, k, c, h, w in sizes
    ]


@exercise(
    cases=_inputs(),
    hint="""
    Pool first. Then (N, K) times (K, C) gives (N, C): `w` has to be turned over. One term is still missing.
    """,
    right="A class score is a weighted sum of the pooled channels, plus a bias.",
)
def class_scores(f, w, b):
    """S_c: maps (N, K, H, W), weights (C, K), biases (C,) -> (N, C)."""
    F = f.mean((2, 3))
    return F @ w.T + b


class_scores.mistakes(
    ("f.mean((2, 3)) @ w.T", "the bias b_c is missing."),
    ("f.sum((2, 3)) @ w.T + b", "F_k is the sum here, but this network was trained with the mean."),
    ("f.sum((2, 3)) @ w.T", "F_k is the sum and there is no bias: the paper's convention. This network has the mean and a bias."),
    ("(f.sum((2, 3)) @ w.T + b) / f[0, 0].numel()", "you divided the bias by H x W as well. It is added afterwards, whole."),
    ("f.sum((2, 3)) @ w.T / 14 ** 2 + b", "you divided by 14 x 14. Not every map has that size: take it from f."),
    (["solution(f, w, b).softmax(1)", "solution(f, w, b).softmax(0)", "(f.mean((2, 3)) @ w.T).softmax(1)", "(f.mean((2, 3)) @ w.T).softmax(1) + b", "solution(f, w, b).log_softmax(1)"], "that is P_c, for a softmax was taken. S_c is the input of the softmax: leave the softmax out."),
    ("f.mean((2, 3)).softmax(1) @ w.T + b", "you put a softmax on F_k. It comes after the scores: leave it out."),
    (["f.mean((2, 3)) @ w.softmax(0).T + b", "f.mean((2, 3)) @ w.softmax(1).T + b"], "you put a softmax on the weights. It comes after the scores: leave it out."),
    (["f.mean((2, 3)) @ w + b", "f.mean((2, 3)) @ w"], "the weights are the wrong way round: w has one row for each class, (C, K), and so needs w.T here."),
    (["w @ f.mean((2, 3)) + b", "w @ f.mean((2, 3))", "w.T @ f.mean((2, 3)) + b"], "the shapes do not fit. Pictures come first: F @ w.T, (N, K) times (K, C), gives (N, C)."),
    (["f.mean((1, 2)) @ w.T + b", "f.mean((1, 3)) @ w.T + b"], "you averaged over the channels. Keep axes 0 and 1; the places are axes 2 and 3."),
    (["w @ f.mean((0, 2, 3)) + b", "f.mean((0, 2, 3)) @ w.T + b"], "you averaged over the pictures too. Each has scores of its own: the mean over axes 2 and 3."),
    ("f.mean((2, 3), keepdim=True) @ w.T + b", "keepdim=True keeps the axes 2 and 3, and @ takes the last two. Leave it out."),
    (["f.mean(2) @ w.T + b", "f.mean(3) @ w.T + b"], "one axis of the places is still there. Average over both: (2, 3)."),
    ("(f.mean((2, 3)) + b) @ w.T", "the bias is added to F_k here, one for each channel. It is added to the score, one for each class."),
    (["f.mean() * w + b", "f.mean() * w.T + b"], "you averaged over everything. Each picture and channel has its own F_k: the mean over axes 2 and 3."),
    (["w @ f.mean((2, 3)).T", "w @ f.mean((2, 3)).T + b", "solution(f, w, b).T"], "your result lies on its side, (C, N). Pictures come first: F @ w.T gives (N, C)."),
    ("f.amax((2, 3)) @ w.T + b", "F_k is the maximum (GMP) here. This network has GAP, the mean."),
    ("f.amax((2, 3)) @ w.T", "F_k is the maximum (GMP) here, and the bias b_c is missing. This network has GAP, the mean."),
    ("f.mean((2, 3)) @ w.T - b", "the bias is added, not subtracted."),
    ("f.mean((2, 3)) @ w.T * b", "the bias is added, not multiplied."),
    (["f.mean((2, 3)) @ w.T + b.sum()", "f.mean((2, 3)) @ w.T + b.mean()", "f.mean((2, 3)) @ w.T + b[0]"], "every class has a bias of its own: add b as it is."),
    ("f.mean((2, 3)) @ (w.T + b)", "the bias is added to the weights here. It is added to the score, once."),
    ("f.mean((2, 3)) @ w.abs().T + b", "you lost the signs of the weights."),
    ("solution(f, w, b).relu()", "the scores lost their negative values. Nothing is cut off at 0."),
    (["(f.mean((2, 3)) * w).sum(1) + b", "f.mean((2, 3)) * w + b", "f.mean((2, 3)) * w.T + b"], "* multiplies entry by entry, so pictures and classes get mixed up. The sum over k is @."),
    ("solution(f, w, b)[0]", "those are the scores of the first picture only. Keep the axis of the pictures."),
    ("solution(f, w, b).argmax(1)", "that is the best class. The scores of all classes are wanted."),
)  # fmt: skip


def _scaled(M: Tensor, how: str, over: tuple[int, ...]) -> Tensor:
    low = M.amin(over, keepdim=True) if how == "minmax" else 0
    return (M - low) / (M.amax(over, keepdim=True) - low)


@exercise(
    cases=[(f, w, c) for (f, w, _), c in zip(_inputs(), (1, 2, 1), strict=True)],
    hint="""
    The weights of class `c` are the row `w[c]`, one for each channel; `f[:, k]` is channel `k` of every picture. In `torch.einsum("nkhw,k->nhw", ...)`
    the letter that disappears is summed over.
    """,
    right="These few symbols are class activation mapping.",
)
def class_map(f, w, c):
    """M_c of one class: maps (N, K, H, W), weights (C, K), class c -> (N, H, W)."""
    return torch.einsum("nkhw,k->nhw", f, w[c])


class_map.mistakes(
    ("solution(f, w, c).relu()", "negative evidence is gone. M_c may be below 0, and those cells count in S_c: no ReLU here."),
    ("solution(f, w.relu(), c)", "the negative weights are gone, and the evidence against the class with them: no ReLU here."),
    ("solution(f, w, c).abs()", "you lost the sign of the map. Evidence against the class is below 0."),
    ("solution(f, w.abs(), c)", "you lost the signs of the weights."),
    ("solution(f, -w, c)", "the map has the wrong sign."),
    ("solution(f, w.T, c)", "you took a column of w. The weights of class c are the row w[c]."),
    (["solution(f, w.softmax(0), c)", "solution(f, w.softmax(1), c)"], "you put a softmax on the weights. The softmax comes after the scores, never before the map."),
    ("cam.class_maps(f, w).softmax(1)[:, c]", "you put a softmax over the classes before taking the map. M_c is linear: the softmax comes after the sum over x and y."),
    ("solution(f, w, c).flatten(1).softmax(1).view_as(f[:, 0])", "you put a softmax over the cells. M_c is a plain weighted sum."),
    ("solution(f, w, 0)", "that is the map of class 0, not of class c."),
    ("solution(f, w, c - 1)", "that is the map of the class before c. Classes count from 0 here."),
    ("solution(f, w, c + 1)", "that is the map of the class after c. Classes count from 0 here."),
    ("solution(f, w, int((f.mean((2, 3)) @ w.T)[0].argmax()))", "that is the map of the class with the highest score. It should be the class c that is asked for."),
    ("f[:, c]", "that is the map of channel c. The map of *class* c adds up all channels, each with its weight w[c, k]."),
    ("w[c, 0] * f[:, 0]", "only the first channel was counted. Does return stand inside the loop?"),
    ("w[c, -1] * f[:, -1]", "only the last channel was counted. Add the channels up: += instead of =."),
    ("sum(w[c, k] * f[:, k] for k in range(len(f)))", "len(f) is the number of pictures. The channels are axis 1: range(f.shape[1])."),
    ("f.sum(1)", "the weights of the class are missing."),
    ("f.mean(1)", "the weights of the class are missing, and M_c is a sum over the channels, not their mean."),
    ("cam.class_maps(f, w).sum(1)", "you added up the maps of all classes. Take the weights of class c alone, w[c]."),
    ("cam.class_maps(f, w)", "those are the maps of all classes. Only class c is wanted."),
    ("cam.class_maps(f, w)[c]", "[c] picks a picture there, for pictures come first. Class c of every picture is [:, c]."),
    ("w[c][:, None, None] * f", "the channels are weighted, but not added up yet: sum over axis 1."),
    (["(w[c][:, None, None] * f).sum(0)", "solution(f, w, c).sum(0)"], "you added up the pictures. Add up the channels, axis 1, and keep the pictures."),
    (["(w[c] * f).sum(1)", "(f * w[c, :]).sum(0)"], "shapes are lined up from the right, so the K weights meet the columns. w[c][:, None, None] * f brings them to the channels."),
    (["w[c] @ f", "f @ w[c]"], "@ takes the last axes, which are places. The channels are axis 1: w[c][:, None, None] * f, summed over it."),
    ("solution(f, w, c) / f.shape[1]", "you averaged over the channels. M_c is their weighted sum."),
    ("solution(f, w, c) / f[0, 0].numel()", "you divided by H x W. The mean over the cells comes later, in S_c."),
    (["solution(f, w, c).mean((1, 2))", "solution(f, w, c).sum((1, 2))"], "that is one number for each picture. A map keeps its cells: sum over the channels only."),
    (["solution(f, w, c)[:1]", "solution(f, w, c)[0]"], "that is the map of the first picture only. Keep the axis of the pictures: f[:, k], not f[0, k]."),
    ("solution(f, w, c).flatten(1)", "the cells are in one row still: give them back their H rows and W columns, .reshape(N, H, W)."),
    (["cam.normalize(solution(f, w, c))", "_scaled(solution(f, w, c), 'max', (1, 2))", "_scaled(solution(f, w, c), 'max', (0, 1, 2))", "_scaled(solution(f, w, c), 'minmax', (1, 2))", "_scaled(solution(f, w, c), 'minmax', (0, 1, 2))"], "you scaled the map. That is for drawing: M_c itself has the units of the score."),
    ("cam.class_maps(f, w, c)", "the values are right, but a class axis of length 1 is still there: (N, H, W) is wanted."),
)  # fmt: skip


@exercise(
    cases=[(cam.class_maps(f, w), b) for f, w, b in _inputs()],
    hint="""
    Which of the two conventions is this one? The bias comes once for each class, not once for each cell.
    """,
    right="So a map is its class's score, spread over the picture. What may be read from a single map: section 8.",
)
def scores_from_maps(M, b):
    """S_c of a network with GAP and a bias: maps (N, C, H, W), biases (C,) -> (N, C)."""
    return M.mean((2, 3)) + b


scores_from_maps.mistakes(
    ("M.mean((2, 3))", "the bias b_c is missing: it belongs to no place, so no map holds it."),
    ("M.sum((2, 3))", "that is the paper's identity, for sum pooling without bias. This network has the mean and a bias."),
    ("M.sum((2, 3)) + b", "F_k is a mean here, so S_c is the mean of M_c plus the bias, not the sum."),
    ("(M + b[:, None, None]).sum((2, 3))", "you added the bias to every cell and summed: it is counted H x W times."),
    ("(M.sum((2, 3)) + b) / M[0, 0].numel()", "only the sum is divided by H x W. The bias is added afterwards, whole."),
    (["M.sum((2, 3)) / 14**2 + b", "(M + b[:, None, None]).sum((2, 3)) / 14**2"], "you divided by 14 x 14. Not every map has that size: take it from M."),
    (["M.relu().mean((2, 3)) + b", "M.relu().mean((2, 3))"], "negative evidence is gone. It belongs to the score: no ReLU here."),
    ("M.abs().mean((2, 3)) + b", "you lost the sign of the maps. Evidence against a class lowers its score."),
    (["(M.mean((2, 3)) + b).relu()", "M.mean((2, 3)).relu() + b"], "the scores lost their negative values. Nothing is cut off at 0."),
    (["M.amax((2, 3)) + b", "M.amax((2, 3))"], "that is the maximum of the map: the score of a network with GMP, not GAP."),
    (["(M.mean((2, 3)) + b).softmax(1)", "M.mean((2, 3)).softmax(1)", "M.mean((2, 3)).softmax(1) + b"], "that is P_c, for a softmax was taken. S_c is the input of the softmax: leave the softmax out."),
    ("M.softmax(1).mean((2, 3)) + b", "you put a softmax over the classes of every cell. It comes after the scores: leave it out."),
    ("M.mean((2, 3)) - b", "the bias is added, not subtracted."),
    (["M.mean((2, 3)) + b.mean()", "M.mean((2, 3)) + b.sum()"], "every class has a bias of its own: add b as it is."),
    ("M.mean() + b", "you averaged over everything. Keep axes 0 and 1: each picture and class has its own mean."),
    ("M.mean((2, 3) + b)", "the bracket ends too late: b is added to the mean, not to its axes."),
    (["M.mean((1, 2)) + b", "M.mean((1, 3)) + b"], "axis 1 is the classes. The places are axes 2 and 3."),
    ("M.sum((2, 3)) / len(M) + b", "len(M) is the number of pictures. The mean is taken over the H x W cells."),
    (["M.sum((2, 3)) / M.shape[2] + b", "M.sum((2, 3)) / M.shape[3] + b"], "you divided by one side only. A map has H x W cells."),
    ("M.mean((2, 3)) * b", "the bias is added, not multiplied."),
    ("M.mean((2, 3)) + b[:, None]", "b[:, None] stands upright, (C, 1). The biases belong to the columns of (N, C): b as it is."),
    (["M.mean(2) + b", "M.mean(3) + b", "M.sum(2) + b", "M.sum(3) + b"], "one axis of the places is still there. Average over both: (2, 3)."),
    (["(M + b).mean((2, 3))", "(M + b).sum((2, 3))"], "shapes are lined up from the right, so the biases meet the columns. Take the mean first: (N, C) and (C,) fit."),
    ("M.mean((0, 2, 3)) + b", "you averaged over the pictures too. Keep axes 0 and 1."),
    ("M.mean((2, 3))[0] + b", "those are the scores of the first picture only. Keep the axis of the pictures."),
    ("M.mean((2, 3), keepdim=True) + b[:, None, None]", "the values are right, but the axes 2 and 3 are still there with length 1."),
    ("(M.mean((2, 3)) + b).T", "the axes are exchanged: pictures first, then classes."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    Write down both scores, then the difference of the two maps, cell by cell. For (c) to (f) ask whether the difference of the
    scores has changed.
    """,
    right="Scores decide, and between two classes the difference of their maps says where.",
)
def true_of_maps():
    """The letters of the true statements, such as {"a", "b"}."""
    return {"a", "c", "d"}


true_of_maps.statements(
    a="(a) each map has the sum 8, so both scores are 8 / 4 = 2, and the softmax sees no difference.",
    b="(b) cell 1 pays 6 to the bird, but 5 to the tree as well. Subtract the maps: where is the difference largest?",
    c="(c) the bird's map has no cell below 0. The tree's has one, and without it the tree's sum is 9.",
    d="(d) both scores rise by 4, so their difference stays. But the bird's maximum is 10 then, 20 % of it is 2, and now all four cells lie above.",
    e="(e) only one score rises then, by 4, and the softmax sees the difference.",
    f="(f) both scores become 4 times as large, and they were equal.",
    g="(g) they pay 0 to the bird but 1 and 3 to the tree, and what counts is the difference.",
)
