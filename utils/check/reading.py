"""The exercises of the second half of notebook 07: reading text, and answering questions."""

import torch
from torch import Tensor

from utils import cam
from utils.check.old import judge


def _two(answer):
    """The same function, with a clear word where it does not give two numbers."""
    if not callable(answer):
        return answer

    def checked(*case):
        found = answer(*case)
        if found is None or found is Ellipsis:
            return found
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise ValueError("it gives one thing. Two are wanted: return precision, recall")
        if any(torch.as_tensor(part).numel() != 1 for part in found):
            raise ValueError(
                "it gives numbers for each picture. Wanted are two numbers for all of them together"
            )
        return tuple(float(part) for part in found)

    return checked


def found_text(answer) -> bool:
    """Exercise of (c): precision and recall over all pixels, -> two numbers."""
    g = torch.Generator().manual_seed(71)

    def found(maps: Tensor, t: float) -> Tensor:
        return maps > t * maps.amax((1, 2), keepdim=True)

    def reference(maps: Tensor, masks: Tensor, t: float):
        return counted(found(maps, t), masks)

    def counted(lit: Tensor, masks: Tensor):
        right = (lit & masks).sum()
        return right / lit.sum(), right / masks.sum()

    def single(maps: Tensor, masks: Tensor, t: float):
        pairs = [reference(*pair, t) for pair in zip(maps.split(1), masks.split(1), strict=True)]
        return torch.tensor(pairs).mean(0).tolist()

    def over(total):
        def function(maps: Tensor, masks: Tensor, t: float):
            lit = found(maps, t)
            right = (lit & masks).sum()
            return right / total(lit, masks), right / total(lit, masks)

        return function

    cases = []
    for n, h, w, share, t in ((3, 8, 9, 0.3, 0.2), (2, 6, 6, 0.1, 0.5), (4, 7, 10, 0.5, 0.8)):
        masks = torch.rand(n, h, w, generator=g) < share * torch.rand(n, 1, 1, generator=g)
        masks[:, 2, 3] = True
        maps = torch.randn(n, h, w, generator=g) + masks
        cases.append((maps * (1 + 3 * torch.rand(n, 1, 1, generator=g)), masks, t))
    return judge(
        _two(answer),
        reference,
        cases,
        [
            (lambda M, m, t: reference(M, m, t)[::-1], "precision and recall are exchanged. Precision asks the map: how much of what it found is text? Recall asks the text: how much of it was found?"),
            (single, "you took the mean over pictures. Count the pixels of all pictures together: then a picture with much text counts for more than one with little."),
            (lambda M, m, t: counted(t * M.max() < M, m), "one maximum for all pictures. Each map is compared with its own maximum: amax over the last two axes, keepdim=True."),
            (lambda M, m, t: counted(t < M, m), "the threshold is a fraction of each map's maximum, not a value of the map."),
            (lambda M, m, t: counted(cam.normalize(M, "minmax") > t, m), "you stretched each map from its minimum to its maximum first. Here 0 stays 0: t times the maximum is the limit."),
            (lambda M, m, t: counted(~found(M, t), m), "you counted what lies below the threshold."),
            (over(lambda lit, m: (lit | m).sum()), "that is intersection over union. Precision divides by what was found, recall by what is there."),
            (over(lambda lit, m: m.numel()), "you divided by all pixels. Precision divides by what was found, recall by what is there."),
            (lambda M, m, t: (1, found(M, t).sum() / m.sum()), "every pixel that was found counts as right. It has to be text, too: found & masks."),
            (lambda M, m, t: (reference(M, m, t)[0],) * 2, "precision is right, and you gave it twice. Recall divides by the pixels of the text."),
            (lambda M, m, t: (reference(M, m, t)[1],) * 2, "recall is right, and you gave it twice. Precision divides by the pixels that were found."),
            (lambda M, m, t: [100 * float(v) for v in reference(M, m, t)], "as fractions, please, not in per cent."),
        ],
        "Two questions, two denominators.",
    )  # fmt: skip


def answer_map(answer) -> bool:
    """Exercise of (d): the map of the answer to one question about one picture, -> (H, W)."""
    g = torch.Generator().manual_seed(72)

    def score(f: Tensor, q: Tensor, v: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return v @ q + w @ f.mean((1, 2)) + b

    def chosen(S):
        """The function that answers by other scores S and draws the map of that answer."""
        return lambda f, *rest: M(f, rest[2], S(f, *rest).argmax())

    def M(f: Tensor, w: Tensor, c) -> Tensor:
        return torch.einsum("khw,k->hw", f, w[c])

    def every(f: Tensor, w: Tensor) -> Tensor:
        return torch.einsum("khw,ck->chw", f, w)

    def with_c(draw):
        return lambda f, q, v, w, b: draw(f, q, v, w, b, score(f, q, v, w, b).argmax())

    reference = chosen(score)
    cases = []
    for k, h, width, n_words, n_answers in (
        (4, 3, 4, 5, 6),
        (6, 2, 1, 3, 5),
        (5, 5, 3, 4, 7),
        (3, 2, 2, 6, 5),
        (8, 4, 4, 8, 8),
    ):
        f = torch.rand(k, h, width, generator=g) * 2
        q = torch.randint(0, 2, (n_words,), generator=g).float()
        v = torch.randn(n_answers, n_words, generator=g)
        w = torch.randn(n_answers, k, generator=g)
        cases.append((f, q, v, w, torch.randn(n_answers, generator=g)))

    return judge(
        answer,
        reference,
        cases,
        [
            (chosen(lambda f, q, v, w, b: w @ f.mean((1, 2)) + b), "the words are missing from the score: v @ q. The picture alone has chosen the answer, the same for every question."),
            (chosen(lambda f, q, v, w, b: v @ q + b), "the picture is missing from the score. The question alone has chosen whose map you draw: add w @ F with F the mean of each map."),
            (chosen(lambda f, q, v, w, b: v @ q), "the map is that of the answer which fits the words best. The score needs the picture and the bias as well."),
            (chosen(lambda f, q, v, w, b: v @ q + w @ f.mean((1, 2))), "the biases are missing from the score: without them another answer may come first."),
            (chosen(lambda f, q, v, w, b: v @ q + w @ f.sum((1, 2)) + b), "you pooled with a sum. The model was fitted to means; against a sum, the words are too quiet."),
            (chosen(lambda f, q, v, w, b: v @ q + w @ f.amax((1, 2)) + b), "you pooled with a maximum. F_k is the mean of f_k."),
            (chosen(lambda f, *rest: -score(f, *rest)), "that is the map of the answer with the lowest score."),
            (chosen(lambda f, q, v, w, b: torch.ones(1)), "that is the map of answer 0, whatever was asked. Take the one with the highest score."),
            (with_c(lambda f, q, v, w, b, c: every(f, w).softmax(0)[c]), "you took the softmax before the map. It mixes the answers in every cell, and then the cells no longer add up to the score. The map is the plain weighted sum."),
            (with_c(lambda f, q, v, w, b, c: M(f, w, c) * score(f, q, v, w, b).softmax(0)[c]), "you multiplied the map by the probability of the answer. The map is the plain weighted sum."),
            (with_c(lambda f, q, v, w, b, c: M(f, w, c) + b[c]), "the bias lies in every cell of your map. It belongs to no place."),
            (with_c(lambda f, q, v, w, b, c: M(f, w, c) + v[c] @ q), "the words lie in every cell of your map. They belong to no place; they only help to choose the answer."),
            (with_c(lambda f, q, v, w, b, c: M(f, w, c) + v[c] @ q + b[c]), "words and bias lie in every cell of your map. They belong to no place."),
            (with_c(lambda f, q, v, w, b, c: M(f, w, c).relu()), "negative evidence is gone. M_c may be below 0."),
            (with_c(lambda f, q, v, w, b, c: cam.normalize(M(f, w, c))), "you scaled the map to its maximum. That is for drawing."),
            (with_c(lambda f, q, v, w, b, c: every(f, w)), "those are the maps of all answers. Take the one of the answer with the highest score."),
            (with_c(lambda f, q, v, w, b, c: M(f, w, c).sum()), "that is the sum over the map, one number. Keep x and y."),
        ],
        "Words choose the answer, the picture shows it.",
    )  # fmt: skip
