"""The exercises of notebook 05."""

import torch
from torch import Tensor

from utils import localization
from utils.check import judge


def mask_from_map(answer) -> bool:
    """Exercise 1: pixels above a fraction of the maximum, (h, w), threshold -> (h, w) bool."""
    g = torch.Generator().manual_seed(5)
    # Whole numbers up to 8 and thresholds of eighths: some pixels lie on the threshold exactly.
    maps = [torch.randint(-6, 9, size, generator=g).float() for size in ((6, 7), (5, 5), (9, 4))]
    for M in maps:
        M[0, 0], M[-1, -1], M[1, 1], M[2, 2] = 8, -6, 2, 4
    tiny = maps[0] / 1024  # no pixel above 0.25 itself

    def minmax(M: Tensor, t: float) -> Tensor:
        return (M - M.min()) / (M.max() - M.min()) > t

    return judge(
        answer,
        lambda M, t: M > t * M.max(),
        [(maps[0], 0.25), (maps[1], 0.5), (maps[2], 0.25), (tiny, 0.25), (30 * maps[1], 0.125)],
        [
            (minmax, "you stretched minimum to maximum first. The paper's threshold is a fraction of the maximum: 0 stays 0."),
            (lambda M, t: M >= t * M.max(), "pixels exactly on the threshold are in your mask. The paper's rule is *above*: > and not >=."),
            (lambda M, t: M > t, "you compared with the threshold itself. It is a fraction of the map's maximum, which differs from map to map."),
            (lambda M, t: M.abs() > t * M.abs().max(), "evidence against the class came in: you took the map without its sign."),
            (lambda M, t: M > t * M.mean(), "you took a fraction of the mean. The maximum is wanted."),
            (lambda M, t: M > M.quantile(t), "you took a quantile: a fixed share of the pixels. A fraction of the largest value is wanted."),
            (lambda M, t: M > M.quantile(1 - t), "you took a quantile: a fixed share of the pixels. A fraction of the largest value is wanted."),
            (lambda M, t: M > (1 - t) * M.max(), "you kept what lies within a fraction t *below* the maximum. Keep what lies above t times the maximum."),
            (lambda M, t: M < t * M.max(), "that is the other side: the pixels below the threshold."),
            (lambda M, t: M > t * M.sum(), "you took a fraction of the sum. The maximum is wanted."),
            (lambda M, t: (M > t * M.max()) * M, "you kept the map's values. A mask says only yes or no."),
        ],
        "The maximum sets the scale, so maps of any size of values get comparable masks.",
    )  # fmt: skip


def iou(answer) -> bool:
    """Exercise 2: intersection over union of two half-open boxes, (4,), (4,) -> a number."""

    def solve(a: Tensor, b: Tensor, more: float = 0, clamp: bool = True) -> tuple[Tensor, ...]:
        """Shared area and both areas, with `more` added to every side."""
        sides = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2]) + more
        shared = (sides.clamp(min=0) if clamp else sides).prod()
        return shared, (a[2:] - a[:2] + more).prod(), (b[2:] - b[:2] + more).prod()

    def ratio(below, **how):
        """Shared area over whatever `below` makes of the three areas."""
        return lambda a, b: (areas := solve(a, b, **how))[0] / below(*areas)

    def union(shared: Tensor, one: Tensor, other: Tensor) -> Tensor:
        return one + other - shared

    def enclosing(a: Tensor, b: Tensor) -> Tensor:
        frame = torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])
        return solve(a, b)[0] / frame.prod()

    def widths(a: Tensor, b: Tensor) -> Tensor:
        far = [torch.cat([box[:2], box[:2] + box[2:]]) for box in (a, b)]
        return ratio(union)(*far)

    boxes = [
        ((2, 3, 8, 9), (4, 1, 10, 7)),  # a corner shared
        ((0, 0, 10, 4), (3, 1, 5, 3)),  # one inside the other
        ((1, 1, 3, 4), (6, 7, 9, 12)),  # apart in x and in y: two negative sides
        ((0, 2, 4, 6), (6, 3, 9, 5)),  # apart in x only
        ((0, 0, 3, 4), (0, 0, 3, 4)),  # the same
        ((0, 0, 4, 4), (4, 0, 8, 4)),  # side by side: half-open boxes share no pixel
    ]
    return judge(
        answer,
        lambda a, b: localization.iou(a, b),
        [(torch.tensor(a).float(), torch.tensor(b).float()) for a, b in boxes],
        [
            (ratio(union, more=1), "you added 1 to the sides. These boxes are half-open: x1 is the first column that is outside, so a side is x1 - x0."),
            (ratio(union, clamp=False), "boxes that do not touch give something other than 0. Where the boxes are apart, the shared width or height is negative: set it to 0 before you multiply."),
            (lambda a, b: ratio(union, clamp=False)(a, b).clamp(min=0), "you cut off at 0 too late. Two negative sides have a positive product: set the sides to 0 before you multiply."),
            (ratio(lambda s, one, other: one + other), "the union counts the shared part twice. Subtract it once from the sum of the areas."),
            (ratio(lambda s, one, other: one + other - 2 * s), "you subtracted the shared part twice. Once is enough: it belongs to the union."),
            (ratio(lambda s, one, other: one), "you divided by the area of the first box. The union of both belongs below the line."),
            (ratio(lambda s, one, other: other), "you divided by the area of the second box. The union of both belongs below the line."),
            (ratio(torch.minimum), "you divided by the smaller area. The union of both belongs below the line."),
            (ratio(lambda s, one, other: torch.minimum(one, other)), "you divided by the smaller area. The union of both belongs below the line."),
            (enclosing, "you divided by the box around both. The union holds only pixels of one box or the other."),
            (lambda a, b: 2 * solve(a, b)[0] / sum(solve(a, b)[1:]), "that is the Dice coefficient, twice the shared part over the sum of both areas. IoU has the union below the line."),
            (lambda a, b: solve(a, b)[0], "that is the shared area in pixels. Divide it by the union."),
            (widths, "you read the boxes as (x, y, width, height). They are (x0, y0, x1, y1)."),
        ],
        "1 is the same box, 0 is no pixel in common, and one half is already a good fit.",
    )  # fmt: skip


def top_k(answer) -> bool:
    """Exercise 3: top-k localization, scores (N, C), labels (N,), fits (N, C), k -> a share."""
    g = torch.Generator().manual_seed(6)
    cases = []
    for n, c, k in ((40, 8, 5), (30, 6, 1), (50, 7, 3)):
        S, labels = torch.randn(n, c, generator=g), torch.randint(c, (n,), generator=g)
        fits = torch.rand(n, c, generator=g)
        fits[::4] = 0.5  # exactly on the limit, which counts
        cases.append((S, labels, fits, k))

    def named(S: Tensor, labels: Tensor, k: int) -> Tensor:
        return (S.topk(k, 1).indices == labels[:, None]).any(1)

    def own(fits: Tensor, labels: Tensor) -> Tensor:
        return fits.gather(1, labels[:, None])[:, 0]

    def solve(S: Tensor, labels: Tensor, fits: Tensor, k: int) -> Tensor:
        return (named(S, labels, k) & (own(fits, labels) >= 0.5)).double().mean()

    def best_box(S, labels, fits, k):
        among = fits.gather(1, S.topk(k, 1).indices)
        return among, named(S, labels, k)

    return judge(
        answer,
        solve,
        cases,
        [
            (lambda S, labels, fits, k: (best_box(S, labels, fits, k)[0].amax(1) >= 0.5).double().mean(), "a box of any of the k classes was enough. The class has to be right too, and the box has to come from that class's own map."),
            (lambda S, labels, fits, k: ((b := best_box(S, labels, fits, k))[1] & (b[0].amax(1) >= 0.5)).double().mean(), "the right class was named, but the box of another class was accepted. It must be the box of the right class's own map."),
            (lambda S, labels, fits, k: (named(S, labels, k) & (fits.amax(1) >= 0.5)).double().mean(), "the right class was named, but the box of another class was accepted. It must be the box of the right class's own map."),
            (lambda S, labels, fits, k: (named(S, labels, k) & (best_box(S, labels, fits, 1)[0][:, 0] >= 0.5)).double().mean(), "you judged the box of the best class. It must be the box of the true class."),
            (lambda S, labels, fits, k: named(S, labels, k).double().mean(), "that is classification alone. The box counts too: IoU of at least 0.5."),
            (lambda S, labels, fits, k: (own(fits, labels) >= 0.5).double().mean(), "that is GT-known: the box alone. The true class must be among the k best too."),
            (lambda S, labels, fits, k: solve(S, labels, fits, 1), "you looked at the best class only. The true class may be any of the k best."),
            (lambda S, labels, fits, k: solve(S, labels, fits, 5), "you always took five classes. Take the k that are asked for."),
            (lambda S, labels, fits, k: (named(S, labels, k) & (own(fits, labels) > 0.5)).double().mean(), "an IoU of exactly 0.5 counts as found: >= and not >."),
            (lambda S, labels, fits, k: solve(-S, labels, fits, k), "you took the k *worst* classes."),
            (lambda S, labels, fits, k: (named(S, labels, k) | (own(fits, labels) >= 0.5)).double().mean(), "class *or* box was enough. Both have to be right."),
            (lambda S, labels, fits, k: named(S, labels, k).double().mean() * (own(fits, labels) >= 0.5).double().mean(), "you multiplied two shares. Both have to be right in the *same* picture: combine picture by picture, then take the mean."),
            (lambda S, labels, fits, k: (named(S, labels, k) & (own(fits, labels) >= 0.5)).double().sum(), "that is a count. A share is wanted: the mean."),
            (lambda S, labels, fits, k: (named(S, labels, k) & (own(fits, labels) >= 0.5)).double(), "those are the single pictures. Their mean is wanted."),
        ],
        "The class has to be named and its own box has to fit, in the same picture.",
    )  # fmt: skip
