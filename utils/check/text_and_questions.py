"""The exercises of notebook 08."""

import torch
from torch import Tensor

from utils import cam  # noqa: F401, the mistakes use it
from utils.check import exercise


def _marked() -> list[tuple[Tensor, Tensor, float]]:
    """Three times maps (N, h, w), masks (N, h, w), threshold; some pictures have much more text."""
    g, cases = torch.Generator().manual_seed(71), []
    for n, h, w, share, t in ((3, 8, 9, 0.3, 0.2), (2, 6, 6, 0.1, 0.5), (4, 7, 10, 0.5, 0.8)):
        masks = torch.rand(n, h, w, generator=g) < share * torch.rand(n, 1, 1, generator=g)
        masks[:, 2, 3] = True
        maps = torch.randn(n, h, w, generator=g) + masks
        cases.append((maps * (1 + 3 * torch.rand(n, 1, 1, generator=g)), masks, t))
    return cases


@exercise(
    cases=_marked(),
    hint="""
    `maps.amax((1, 2), keepdim=True)` gives one maximum for each picture, in a shape that can be compared with the maps.
    `a & b` is where both are true, and `.sum()` counts.
    """,
    right="Two questions, two denominators.",
)
def found_text(maps, masks, threshold):
    """Precision and recall: maps (N, h, w), true pixels (N, h, w) bool, fraction -> two numbers."""
    found = maps > threshold * maps.amax((1, 2), keepdim=True)
    right = (found & masks).sum()
    return right / found.sum(), right / masks.sum()


_EACH = "(found & masks).sum((1, 2)) / {}.sum((1, 2))"

found_text.mistakes(
    ("solution(maps, masks, threshold)[::-1]", "precision and recall are exchanged. Precision asks the map: how much of what it found is text? Recall asks the text: how much of it was found?"),
    (f"({_EACH.format('found')}).mean(), ({_EACH.format('masks')}).mean()", "you took the mean over pictures. Count the pixels of all pictures together: then a picture with much text counts for more than one with little."),
    ([f"{_EACH.format('found')}, {_EACH.format('masks')}", "(found & masks).sum((1, 2)) / found.sum(), (found & masks).sum((1, 2)) / masks.sum()"], "it gives numbers for each picture. Wanted are two numbers for all of them together: count with .sum()."),
    (["right / found.sum()", "right / masks.sum()"], "it gives one thing. Two are wanted: return precision, recall."),
    ("maps.amax((1, 2), keepdim=True)", "maps.max()", "one maximum for all pictures. Each map is compared with its own maximum: amax over the last two axes, keepdim=True."),
    ("(1, 2)", "1", "that is a maximum for each column. Each *map* has one: amax over both axes, (1, 2)."),
    ("(1, 2)", "2", "that is a maximum for each row. Each *map* has one: amax over both axes, (1, 2)."),
    (", keepdim=True", "", "the maxima have the shape (N,) and cannot be compared with maps of (N, h, w). With keepdim=True they are (N, 1, 1)."),
    (" * maps.amax((1, 2), keepdim=True)", "", "the threshold is a fraction of each map's maximum, not a value of the map."),
    ("maps > threshold * maps.amax((1, 2), keepdim=True)", "cam.normalize(maps, 'minmax') > threshold", "you stretched each map from its minimum to its maximum first. Here 0 stays 0: t times the maximum is the limit."),
    ("maps > threshold", "maps <= threshold", "you counted what lies below the threshold."),
    ("right / (found | masks).sum(), right / (found | masks).sum()", "that is intersection over union. Precision divides by what was found, recall by what is there."),
    ("right / masks.numel(), right / masks.numel()", "you divided by all pixels. Precision divides by what was found, recall by what is there."),
    ("found & masks", "found", "every pixel that was found counts as right. It has to be text, too: found & masks."),
    ("found & masks", "masks", "every pixel of text counts as found. It has to be found, too: found & masks."),
    ("found & masks", "found == masks", "pixels that are no text and were not found count as right, too. Right is where both say yes: found & masks."),
    ("found & masks", "found | masks", "| is where one of the two says yes. Right is where both do: found & masks."),
    (["right, right", "right, found.sum()", "right, masks.sum()"], "these are counts. Precision divides by what was found, recall by what is there."),
    ("(found == masks).double().mean(), right / masks.sum()", "recall is right. The first is accuracy, which counts what is no text and was not found. Precision divides by what was found."),
    ("(right / found.sum(),) * 2", "precision is right, and you gave it twice. Recall divides by the pixels of the text."),
    ("(right / masks.sum(),) * 2", "recall is right, and you gave it twice. Precision divides by the pixels that were found."),
    ("[100 * v for v in solution(maps, masks, threshold)]", "as fractions, please, not in per cent."),
)  # fmt: skip


def _asked() -> list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """f (K, H, W), q (V,), v (C, V), w (C, K), b (C,); with few cells, too, and with K = C = V.

    Some channels are even and some spiky, so that other poolings choose other answers.
    """
    g, cases = torch.Generator().manual_seed(120), []
    sizes = [
        (4, 3, 4, 5, 6),
        (6, 2, 1, 3, 5),
        (5, 5, 3, 4, 7),
        (3, 2, 2, 6, 5),
        (8, 4, 4, 8, 8),
        (12, 6, 5, 3, 15),
        (16, 7, 7, 4, 20),
    ]
    for k, h, width, n_words, n_answers in sizes:
        f = torch.rand(k, h, width, generator=g) * 2
        f = f ** torch.linspace(0, 4, k)[:, None, None]
        q = torch.randint(0, 2, (n_words,), generator=g).float()
        v = torch.randn(n_answers, n_words, generator=g)
        w = torch.randn(n_answers, k, generator=g)
        cases.append((f, q, v, w, torch.randn(n_answers, generator=g)))
    return cases


@exercise(
    cases=_asked(),
    hint="""
    First the score of every answer: `v @ q` for the words, `w @ F` for the picture, and `b`. What is $F$? Then `S.argmax()`,
    and the map of that answer needs only one row of one of the weights.
    """,
    right="Words choose the answer, the picture shows it.",
)
def answer_map(f, q, v, w, b):
    """Maps (K, H, W), bag (V,), weights v (C, V) and w (C, K), b (C,) -> map of the answer (H, W)."""
    S = v @ q + w @ f.mean((1, 2)) + b
    return torch.einsum("khw,k->hw", f, w[S.argmax()])


_EVERY = 'torch.einsum("khw,ck->chw", f, w)'

answer_map.mistakes(
    ("v @ q + ", "", "the words are missing from the score: v @ q. The picture alone has chosen the answer, the same for every question."),
    ("w @ f.mean((1, 2)) + ", "", "the picture is missing from the score. The question alone has chosen whose map you draw: add w @ F with F the mean of each map."),
    (" + w @ f.mean((1, 2)) + b", "", "the map is that of the answer which fits the words best. The score needs the picture and the bias as well."),
    (" + b", "", "the biases are missing from the score: without them another answer may come first."),
    ("f.mean", "f.sum", "you pooled with a sum. The model was fitted to means; against a sum, the words are too quiet."),
    ("f.mean", "f.amax", "you pooled with a maximum. F_k is the mean of f_k."),
    ([f"torch.einsum('khw,k->hw', f, w[(v @ q + w @ {F} + b).argmax()])" for F in ("f.std((1, 2))", "f.std((1, 2), correction=0)", "f.var((1, 2))")], "you pooled with the deviation. F_k is the mean of f_k."),
    ("f.mean((1, 2))", "f.flatten(1).median(1).values", "you pooled with the median. F_k is the mean of f_k."),
    ("f.mean((1, 2))", "(f.sum((1, 2)) / 14**2)", "you divided by 14 x 14. Not every map has that size: take it from f, or use the mean."),
    ("argmax", "argmin", "that is the map of the answer with the lowest score."),
    ("S.argmax()", "0", "that is the map of answer 0, whatever was asked. Take the one with the highest score."),
    (f"{_EVERY}.softmax(0)[S.argmax()]", "you took the softmax before the map. It mixes the answers in every cell, and then the cells no longer add up to the score. The map is the plain weighted sum."),
    ("solution(f, q, v, w, b) * S.softmax(0).max()", "you multiplied the map by the probability of the answer. The map is the plain weighted sum."),
    ("solution(f, q, v, w, b) * S.max()", "you multiplied the map by the score of the answer. The map is the plain weighted sum; its mean is part of that score."),
    ("solution(f, q, v, w, b) + b[S.argmax()]", "the bias lies in every cell of your map. It belongs to no place."),
    ("solution(f, q, v, w, b) + v[S.argmax()] @ q", "the words lie in every cell of your map. They belong to no place; they only help to choose the answer."),
    ("solution(f, q, v, w, b) + v[S.argmax()] @ q + b[S.argmax()]", "words and bias lie in every cell of your map. They belong to no place."),
    ("solution(f, q, v, w, b).relu()", "negative evidence is gone. M_c may be below 0."),
    ("cam.normalize(solution(f, q, v, w, b))", "you scaled the map to its maximum. That is for drawing."),
    (_EVERY, "those are the maps of all answers. Take the one of the answer with the highest score."),
    ("solution(f, q, v, w, b).sum()", "that is the sum over the map, one number. Keep x and y."),
    (["solution(f, q, v, w, b).mean()", "S.max()"], "that is one number. The map keeps x and y: (H, W)."),
    ("S.argmax()", "that is the number of the answer. Its map is wanted: f_k weighted by its row of w."),
    ("S", "those are the scores of the answers. Wanted is the map of the answer with the highest one."),
    ("f[S.argmax() % len(f)]", "that is one channel. The map of an answer adds up all channels, each with its weight w[c, k]."),
    ("f.sum(0)", "the weights of the answer are missing: f_k times w[c, k], added up over k."),
    ("solution(f, q, v, w, b) / len(f)", "you took the mean over the channels. The map is their weighted sum."),
    ("w[S.argmax()]", "w[:, S.argmax()]", "you took a column of w. The weights of an answer are a row: w[c]."),
    ("solution(f, q, v, w, b)[None]", "the values are right, but there is an axis of length 1 too many: (H, W) is wanted."),
    ("solution(f, q, v, w, b).flatten()", "the cells are in one row still: give them back their H rows and W columns."),
)  # fmt: skip


def _weighted() -> list[tuple[Tensor, Tensor]]:
    """f (K, H, W) and a map (H, W) of both signs; one map is nowhere positive, one is zero."""
    g = torch.Generator().manual_seed(83)
    cases = [
        (torch.rand(k, h, w, generator=g), torch.randn(h, w, generator=g))
        for k, h, w in ((4, 5, 6), (6, 6, 6), (3, 2, 7))
    ]
    f, M = torch.rand(5, 4, 3, generator=g), torch.randn(4, 3, generator=g)
    return [*cases, (f, -M.abs() - 0.1), (f, 0 * M), (f, M)]


@exercise(
    cases=_weighted(),
    hint="""
    The weights are `M.clamp(min=0)`. Multiply $f_k$ by them, add up, and divide by the sum of the *weights*. If none is left,
    take the plain mean.
    """,
    right="Attention in three lines.",
)
def look_there(f, M):
    """Means of f_k where M is positive, weighted by M: maps (K, H, W), map (H, W) -> (K,)."""
    a = M.clamp(min=0)
    a = a if a.any() else torch.ones_like(a)
    return (f * a).sum((1, 2)) / a.sum()


look_there.mistakes(
    ("f.mean((1, 2))", "that is the plain mean: M is not in it."),
    (["(f * M).sum((1, 2)) / M.sum()", "(f * M).sum((1, 2)) / M.sum() if (M > 0).any() else f.mean((1, 2))"], "negative weights are left in: they subtract, and the sum below may be near 0. Keep the positive part of M."),
    ("a if a.any() else torch.ones_like(a)", "a", "where no cell is positive you divide 0 by 0. Take the plain mean there."),
    ("(f * M.clamp(min=0)).sum((1, 2)) / M.clamp(min=0).sum().clamp(min=1e-8)", "where no cell is positive you give 0. Take the plain mean of every f_k there."),
    ("(f * a).sum((1, 2)) / a.sum() if (M > 0).any() else f.sum((1, 2))", "where no cell is positive you give the sum. Take the plain mean there."),
    (["(f * a).sum((1, 2))", "(f * M.clamp(min=0)).sum((1, 2))"], "the weighted sum is right. For a mean, divide it by the sum of the weights."),
    (["(f * a).mean((1, 2))", "(f * a / a.max()).mean((1, 2))", "(f * M.clamp(min=0)).mean((1, 2))", "(f * M.clamp(min=0) / M.max()).mean((1, 2))"], "you divided by the number of cells. A weighted mean divides by the sum of the weights."),
    (["(f * (M > 0)).sum((1, 2)) / (M > 0).sum().clamp(min=1)", "(f * (a > 0)).sum((1, 2)) / (a > 0).sum()"], "every positive cell counts alike. The weights are the values of M."),
    ("f.flatten(1)[:, M.argmax()]", "you look at one cell only, the hottest. All positive cells count, each with its weight."),
    ("(f * M.flatten().softmax(0).reshape(M.shape)).sum((1, 2))", "a softmax gives weight to negative cells, too. Here the weights are the positive part of M."),
    (["(f * a).sum(0) / a.sum()", "(f * a).sum((0, 1)) / a.sum()"], "you added up over the channels. Add up over x and y, the axes 1 and 2: one number for each channel."),
    ("((f * a) / a.sum())", "these are the weighted maps. Add them up over x and y: one number for each channel."),
    ("(f * M.abs()).sum((1, 2)) / M.abs().sum().clamp(min=1e-9)", "you look where evidence speaks against, as well. Keep the positive part of M."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    For **a** compare the row of the noun's map with *words and picture*, column by column. For the others compare
    rows two by two: what differs between them?
    """,
    right="A number says something once its control stands beside it.",
)
def read_off():
    """The letters of the statements that the tables bear, such as {"a", "b"}."""
    return {"c", "d"}


read_off.mistakes(
    ('{"a", "b", "c", "d"}', "not all of them. Two sound right until their control is read."),
    ('{"a", "b"}', "just the other way round."),
)  # fmt: skip
read_off.statements(
    a="(a) go along the row of its noun's map: are questions for the animal answered any better than without looking?",
    b="(b) under the mean of all f_k the answers are as good as without looking, and worse than under the noun's map.",
    c="(c) only the noun differs between its own map and another noun's, and the wrong one is worse than no looking at all.",
    d="(d) told where to look, the same linear model on the same features gains several times as much.",
)
