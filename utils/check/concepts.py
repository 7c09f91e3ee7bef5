"""The exercises of the first half of notebook 07: objects that tell a scene, and phrases."""

import torch
from torch import Tensor

from utils import concepts
from utils.check.old import judge


def overlap_rate(answer) -> bool:
    """Exercise 1: how often at least half of each object is hot, (N, P), (N, P) -> (P,)."""
    g = torch.Generator().manual_seed(71)
    cases = []
    for n, n_objects in ((6, 4), (5, 5), (9, 3)):
        area = 2 * torch.randint(1, 20, (n, n_objects), generator=g)
        inside = (area * torch.rand(n, n_objects, generator=g)).long()
        inside[0], inside[1] = area[0] // 2, 0  # exactly half, and nothing
        gone = torch.rand(n, n_objects, generator=g) < 0.3
        gone[0], gone[2, 0] = False, True  # every object is in some picture, one is missing in one
        cases.append((inside.masked_fill(gone, 0), area.masked_fill(gone, 0)))

    def there(area: Tensor) -> Tensor:
        return (area > 0).sum(0)

    def hot(inside: Tensor, area: Tensor, least: float = 0.5) -> Tensor:
        return (inside >= least * area) & (area > 0)

    def flipped(inside: Tensor, area: Tensor) -> Tensor:
        return hot(inside, area).sum(1) / (area > 0).sum(1)

    def checked(inside: Tensor, area: Tensor):
        found = answer(inside, area)
        if isinstance(found, Tensor) and found.isnan().any():
            raise ValueError("0 / 0 is not a number, and some pictures do not hold the object")
        return found

    return judge(
        checked if callable(answer) else answer,
        concepts.overlap_rate,
        cases,
        [
            (lambda i, a: (i >= a / 2).double().mean(0), "a picture without the object counts as one where it is hot: 0 >= 0 is true. Look only at pictures that hold it, area > 0."),
            (lambda i, a: (i >= a / 2).sum(0) / there(a), "a picture without the object counts as one where it is hot: 0 >= 0 is true. Look only at pictures that hold it, area > 0."),
            (lambda i, a: hot(i, a).double().mean(0), "you divided by all pictures. Divide by those that hold the object, or rare objects look unimportant."),
            (lambda i, a: ((i > 0) & (a > 0)).sum(0) / there(a), "one hot pixel is enough in your count. At least half of the object's pixels have to be hot."),
            (lambda i, a: (i > a / 2).sum(0) / there(a), "exactly half counts, too: at least half."),
            (lambda i, a: hot(i, a, 0.2).sum(0) / there(a), "the 20 % belong to the map. Of the object, at least half has to be hot."),
            (lambda i, a: (i == a).sum(0) / there(a), "you ask for the whole object. Half of it is enough."),
            (lambda i, a: hot(i, a, 1).sum(0) / there(a), "you ask for the whole object. Half of it is enough."),
            (lambda i, a: i.sum(0) / a.sum(0), "you counted the pixels of all pictures together, so that one large object outvotes many small ones. Decide for each picture, then count pictures."),
            (lambda i, a: (i / a).nanmean(0), "that is the mean share of the object. Decide for each picture whether at least half is hot, then count the pictures."),
            (flipped, "you counted over the objects of a picture. Count over the pictures, axis 0: one number for each object."),
            (lambda i, a: hot(i, a).double().mean(1), "you counted over the objects of a picture. Count over the pictures, axis 0: one number for each object."),
            (lambda i, a: hot(i, a).sum(0), "that is a count. Divide by the number of pictures that hold the object."),
            (lambda i, a: hot(i, a), "that is one answer for each picture. Count them for each object, and divide."),
            (lambda i, a: there(a) / len(a), "that is how frequent the objects are. The map is not in it."),
            (lambda i, a: 1 - concepts.overlap_rate(i, a), "you counted the pictures where less than half is hot."),
        ],
        "A wall is always there, and hardly ever hot.",
    )  # fmt: skip


def hardest(answer) -> bool:
    """Exercise 2: the n hardest negatives that are not used yet, highest score first -> (n,)."""
    g = torch.Generator().manual_seed(72)
    cases = []
    for size, n, top in ((12, 2, 4.0), (30, 5, 0.4), (21, 4, 0.3)):
        order = torch.randperm(size, generator=g)
        S = torch.linspace(-3, top, size)[order.argsort()]  # mostly, most pictures are below 0
        positive, used = torch.zeros(2, size, dtype=torch.bool).unbind()
        positive[order[[-1, -3]]], used[order[[-2, -5, 1]]] = True, True
        cases.append((S, positive, used, n))

    def masked(S: Tensor, out: Tensor, n: int, value: float = -torch.inf) -> Tensor:
        return S.masked_fill(out, value).topk(n).indices

    def late(S: Tensor, positive: Tensor, used: Tensor, n: int) -> Tensor:
        best = S.topk(n).indices
        return best[~(positive | used)[best]]

    def lowest(S: Tensor, positive: Tensor, used: Tensor, n: int) -> Tensor:
        return S.masked_fill(positive | used, torch.inf).topk(n, largest=False).indices

    return judge(
        answer,
        concepts.hardest,
        cases,
        [
            (lowest, "these are the easiest negatives, those with the lowest scores. A hard one scores high: the detector takes it for the phrase."),
            (lambda S, p, u, n: S.topk(n, largest=False).indices, "these are the lowest scores of all. A hard negative scores high, and it is neither positive nor used."),
            (lambda S, p, u, n: S.topk(n).indices, "you took the best of all pictures. Positives are no mistakes, and a picture that is used already teaches nothing new: leave out what is positive or used."),
            (lambda S, p, u, n: masked(S, u, n), "there are positives among them. You would tell the detector that the phrase is not there, where it is."),
            (lambda S, p, u, n: masked(S, p, n), "there are pictures among them that it has learnt from already. Leave out what is used."),
            (lambda S, p, u, n: masked(S, p | u, n, 0.0), "you gave the pictures that are out the score 0. Most scores are below 0, so those win. Give them -torch.inf."),
            (lambda S, p, u, n: (S * ~(p | u)).topk(n).indices, "you gave the pictures that are out the score 0. Most scores are below 0, so those win. Give them -torch.inf."),
            (lambda S, p, u, n: S[~(p | u)].topk(n).indices, "these numbers count only the pictures that are left. Wanted are the numbers of the pictures among all."),
            (lambda S, p, u, n: masked(-S.abs(), p | u, n), "these are the scores nearest to 0. A negative far above 0 is a worse mistake: take the highest."),
            (lambda S, p, u, n: masked(S.abs(), p | u, n), "by absolute value, the surest negatives come in, far below 0. Keep the sign."),
            (lambda S, p, u, n: masked(S, p | u, n).flip(0), "the right ones, in the other order. The highest score comes first."),
            (lambda S, p, u, n: S.masked_fill(p | u, -torch.inf).topk(n).values, "these are scores. The numbers of the pictures are wanted: .indices."),
            (late, "you took the n best first and threw out afterwards, so fewer than n are left. First out, then the n best."),
            (lambda S, p, u, n: masked(S, p | u, 1), "that is one. n of them are wanted."),
            (lambda S, p, u, n: masked(S, p | u, 1)[0], "that is one. n of them are wanted."),
            (lambda S, p, u, n: masked(S, p | u, int((~(p | u)).sum())), "that is every negative in order. Keep the first n."),
            (lambda S, p, u, n: masked(S, ~(p | u), n), "you kept what should go. Out are positives and used ones."),
        ],
        "The detector now learns from what it gets wrong.",
    )  # fmt: skip
