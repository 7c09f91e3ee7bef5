"""The exercises of notebook 07."""

import torch
from torch import Tensor

from utils import cam  # noqa: F401, the mistakes use it
from utils.check import exercise


def _counts() -> list[tuple[Tensor, Tensor]]:
    """Three times inside (N, P) and area (N, P): exactly half, nothing, objects that are away."""
    g, cases = torch.Generator().manual_seed(71), []
    for n, n_objects in ((6, 4), (5, 5), (9, 3)):
        area = 2 * torch.randint(1, 20, (n, n_objects), generator=g)
        inside = (area * torch.rand(n, n_objects, generator=g)).long()
        inside[0], inside[1] = area[0] // 2, 0
        area[3:] += 1  # odd: half of it is no whole number of pixels
        inside[3] = area[3] // 2  # and this is less
        gone = torch.rand(n, n_objects, generator=g) < 0.3
        gone[0], gone[2, 0] = False, True  # every object is in some picture, one is missing in one
        gone[:, 1] = False  # and one is in all
        cases.append((inside.masked_fill(gone, 0), area.masked_fill(gone, 0)))
    return cases


@exercise(
    cases=_counts(),
    hint="""
    `there = area > 0` says which pictures hold which objects. Compare `inside` with `area / 2` rather than dividing:
    0 / 0 is not a number. Two bool tensors combine with `&`; `.sum(0)` counts over the pictures.
    """,
    right="A wall is always there, and hardly ever hot.",
)
def overlap_rate(inside, area):
    """How often at least half of each object is hot, where it is there: (N, P), (N, P) -> (P,)."""
    there = area > 0
    mostly = inside >= area / 2
    return (mostly & there).sum(0) / there.sum(0)


overlap_rate.mistakes(
    (["mostly.double().mean(0)", "mostly.sum(0) / there.sum(0)"], "a picture without the object counts as one where it is hot: 0 >= 0 is true. Look only at pictures that hold it, area > 0."),
    ("(mostly & there).double().mean(0)", "you divided by all pictures. Divide by those that hold the object, or rare objects look unimportant."),
    ("inside >= area / 2", "inside > 0", "one hot pixel is enough in your count. At least half of the object's pixels have to be hot."),
    ("inside >= area / 2", "inside > area / 2", "exactly half counts, too: at least half."),
    ("area / 2", "area // 2", "// rounds down: half of 5 pixels is 2.5, and 2 of them are less. Divide by /."),
    ("area / 2", "0.2 * area", "the 20 % belong to the map. Of the object, at least half has to be hot."),
    (["((inside == area) & there).sum(0) / there.sum(0)", "(inside == area).sum(0) / there.sum(0)", "(inside == area).double().mean(0)"], "you ask for the whole object. Half of it is enough. (So does inside // area: // turns every share below 1 into 0.)"),
    (["((inside // area >= 0.5) & there).sum(0) / there.sum(0)", "(inside % area).sum(0)"], "// stops where the object is not there, for nothing can be divided by 0; and it turns every share below 1 into 0. Compare inside with area / 2."),
    ("inside.sum(0) / area.sum(0)", "you counted the pixels of all pictures together, so that one large object outvotes many small ones. Decide for each picture, then count pictures."),
    ("(inside / area).nanmean(0)", "that is the mean share of the object. Decide for each picture whether at least half is hot, then count the pictures."),
    (["(inside / area).mean(0)", "(inside / area).sum(0) / there.sum(0)"], "0 / 0 is not a number, and some pictures do not hold the object. Look only at those that do, and decide for each whether at least half of it is hot."),
    (["(mostly & there).sum(1) / there.sum(1)", "(mostly & there).double().mean(1)", "mostly.double().mean(1)"], "you counted over the objects of a picture. Count over the pictures, axis 0: one number for each object."),
    (["(mostly & there).sum() / there.sum()", "(mostly & there).double().mean()"], "that is one number for all objects together. Count over the pictures only, axis 0: one number for each object."),
    ("(mostly & there).sum(0) / there.sum()", "you divided by how often any object is there. Each object has its own number of pictures: there.sum(0)."),
    ("(mostly & there).sum(0)", "that is a count. Divide by the number of pictures that hold the object."),
    (["mostly & there", "mostly"], "that is one answer for each picture. Count them for each object, and divide."),
    ("there.double().mean(0)", "that is how frequent the objects are. The map is not in it."),
    ("1 - solution(inside, area)", "you counted the pictures where less than half is hot."),
    ("100 * solution(inside, area)", "as fractions, please, not in per cent."),
)  # fmt: skip


def _scored() -> list[tuple[Tensor, Tensor, Tensor, int]]:
    """Four times S (N,), positive (N,), used (N,), n; most scores are below 0, the last all far."""
    g, cases = torch.Generator().manual_seed(72), []
    sizes = [(12, 2, -3.0, 4.0), (30, 5, -3.0, 0.4), (21, 4, -3.0, 0.3), (16, 3, -3e3, -1.5e3)]
    for size, n, low, top in sizes:
        order = torch.randperm(size, generator=g)
        S = torch.linspace(low, top, size)[order.argsort()]
        positive, used = torch.zeros(2, size, dtype=torch.bool).unbind()
        positive[order[[-1, -3]]], used[order[[-2, -5, 1]]] = True, True
        cases.append((S, positive, used, n))
    return cases


@exercise(
    cases=_scored(),
    hint="""
    `masked_fill` can push pictures to the end of the order before `topk(n)` takes the first n. It also gives you the
    `indices`.
    """,
    right="The detector now learns from what it gets wrong.",
)
def hardest(S, positive, used, n):
    """The n hardest negatives not used yet, highest first: (N,), (N,) bool, (N,) bool -> (n,) int."""
    out = positive | used
    return S.masked_fill(out, -torch.inf).topk(n).indices


hardest.mistakes(
    ("-torch.inf).topk(n)", "torch.inf).topk(n, largest=False)", "these are the easiest negatives, those with the lowest scores. A hard one scores high: the detector takes it for the phrase."),
    ("S.topk(n, largest=False).indices", "these are the lowest scores of all. A hard negative scores high, and it is neither positive nor used."),
    (["S.topk(n).indices", "S.masked_fill(positive & used, -torch.inf).topk(n).indices"], "you took the best of all pictures. Positives are no mistakes, and a picture that is used already teaches nothing new: leave out what is positive or used."),
    ("positive | used", "used", "there are positives among them. You would tell the detector that the phrase is not there, where it is."),
    ("positive | used", "positive", "there are pictures among them that it has learnt from already. Leave out what is used."),
    (["S.masked_fill(out, 0).topk(n).indices", "(S * ~out).topk(n).indices"], "you gave the pictures that are out the score 0. Most scores are below 0, so those win. Give them -torch.inf."),
    ([f"S.masked_fill(out, {low}).topk(n).indices" for low in (-1, -10, -1000)], "you gave the pictures that are out a low score, but others can score lower still, and then those win. Give them -torch.inf."),
    ("S[~out].topk(n).indices", "these numbers count only the pictures that are left. Wanted are the numbers of the pictures among all."),
    ("S.masked_fill", "(-S.abs()).masked_fill", "these are the scores nearest to 0. A negative far above 0 is a worse mistake: take the highest."),
    ("S.masked_fill", "S.abs().masked_fill", "by absolute value, the surest negatives come in, far below 0. Keep the sign."),
    ("solution(S, positive, used, n).flip(0)", "the right ones, in the other order. The highest score comes first."),
    ("solution(S, positive, used, n).sort().values", "the right ones, in the order of their numbers. The highest score comes first."),
    ("indices", "values", "these are scores. The numbers of the pictures are wanted: .indices."),
    ("S.topk(n).indices[~out[S.topk(n).indices]]", "you took the n best first and threw out afterwards, so fewer than n are left. First out, then the n best."),
    (["solution(S, positive, used, 1)", "solution(S, positive, used, 1)[0]"], "that is one. n of them are wanted."),
    ("solution(S, positive, used, int((~out).sum()))", "that is every negative in order. Keep the first n."),
    ("S.masked_fill(out, -torch.inf).argsort(descending=True)", "that is every picture in order. Keep the first n."),
    ("(out, -torch.inf)", "(~out, -torch.inf)", "you kept what should go. Out are positives and used ones."),
    ("S.masked_fill(out, -torch.inf).topk(n)", "topk gives two things, the scores and the numbers of the pictures. The numbers are wanted: .indices."),
)  # fmt: skip


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
    `maps.amax((1, 2), keepdim=True)` gives one maximum for each picture, in a shape that can be compared with the maps. Of two
    tensors of yes and no, `a & b` is where both say yes, and `.sum()` counts.
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
    ("right, right", "these are counts. Precision divides by what was found, recall by what is there."),
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
    ("solution(f, q, v, w, b)[None]", "the values are right, but there is an axis of length 1 too many: (H, W) is wanted."),
    ("solution(f, q, v, w, b).flatten()", "the cells are in one row still: give them back their H rows and W columns."),
)  # fmt: skip
