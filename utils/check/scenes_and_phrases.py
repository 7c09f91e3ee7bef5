"""The exercises of notebook 07."""

import torch
from torch import Tensor

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
    `there = area > 0` says which pictures hold which objects. Compare `inside` with `area / 2` rather than divide:
    0 / 0 is not a number. `&` combines two bool tensors, `.sum(0)` counts over the pictures.
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
    ("(inside / area.clamp(min=1)).mean(0)", "that is the mean share of the object, over all pictures. Decide for each that holds it whether at least half is hot, then count."),
    (["(inside / area).mean(0)", "(inside / area).sum(0) / there.sum(0)"], "0 / 0 is not a number, and some pictures do not hold the object. Look only at those that do, and decide for each whether at least half of it is hot."),
    (["(mostly & there).sum(1) / there.sum(1)", "(mostly & there).double().mean(1)", "mostly.double().mean(1)"], "you counted over the objects of a picture. Count over the pictures, axis 0: one number for each object."),
    (["(mostly & there).sum() / there.sum()", "(mostly & there).double().mean()"], "that is one number for all objects together. Count over the pictures only, axis 0: one number for each object."),
    ("((inside / area).nanmean(0) >= 0.5).double()", "you took the mean share of each object first, and asked once. Decide for each picture, then count the pictures."),
    ("(mostly & there).sum(0) / (inside > 0).sum(0)", "you divided by the pictures in which something of it is hot. Divide by those that hold it, area > 0."),
    ("(mostly & there).sum(0) / there.sum()", "you divided by how often any object is there. Each object has its own number of pictures: there.sum(0)."),
    ("(mostly & there).sum(0)", "that is a count. Divide by the number of pictures that hold the object."),
    (["mostly & there", "mostly"], "that is one answer for each picture. Count them for each object, and divide."),
    ("there.double().mean(0)", "that is how frequent the objects are. The map is not in it."),
    ("1 - solution(inside, area)", "you counted the pictures where less than half is hot."),
    ("100 * solution(inside, area)", "as fractions, please, not in per cent."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    For **a** and **d** compare columns of the last table. For **b**: what are *other* rooms called when they are empty?
    For **c** read the bathroom's line in the first table.
    """,
    right="Two things were seen, and two were only said.",
)
def borne_out():
    """The letters of the statements that the tables bear, such as {"a", "b"}."""
    return {"a", "d"}


borne_out.mistakes(
    ('{"a", "b", "c", "d"}', "not all of them. Two are stories that sound right: find the number that each of them would need."),
    ('{"b", "c"}', "just the other way round."),
)  # fmt: skip
borne_out.statements(
    a="(a) look at the kitchens: without their telling things hardly any keeps its name, without the others more than half do.",
    b="(b) look what other empty rooms are called. Their walls are others, and they are called dining rooms as well.",
    c="(c) read the bathroom's line in the first table: which share of what is hot lies on telling things? (The reverse holds: those things are mostly hot.)",
    d="(d) look at the gardens: with everything covered, hardly any keeps its name.",
)


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
    `masked_fill` can push pictures to the end before `topk(n)` takes the first n, and gives you their `indices`.
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
    ("S.masked_fill(out, -torch.inf).argsort()[:n]", "you sorted upwards, so those that are out come first. The highest score comes first: descending=True."),
    (["S.masked_fill(out, 0).topk(n).indices", "(S * ~out).topk(n).indices", "(S * ~out).argsort(descending=True)[:n]"], "you gave the pictures that are out the score 0. Most scores are below 0, so those win. Give them -torch.inf."),
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
