"""The exercises of notebook 05."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from utils import localization
from utils.check.old import judge


def mask_from_map(answer) -> bool:
    """Exercise 1: pixels above a fraction of the maximum, (h, w), threshold -> (h, w) bool."""
    g = torch.Generator().manual_seed(5)
    # Eighths up to 8 and thresholds of eighths: some pixels lie on the threshold exactly.
    sizes = (6, 7), (5, 5), (9, 4)
    maps = [torch.randint(-24, 65, size, generator=g) / 8 for size in sizes]
    for M in maps:
        M[0, 0], M[-1, -1], M[1, 1], M[2, 2] = 8, -6, 2, 4
    maps[2][-1, -1] = -20  # larger than the maximum, but against the class
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
            (lambda M, t: M > t * (M.max() - M.min()), "you took a fraction of maximum minus minimum. A fraction of the maximum alone is wanted."),
            (lambda M, t: M > t * M.abs().max(), "you took the largest value without its sign. Evidence against the class does not set the scale: take the maximum."),
            (lambda M, t: M > t * M.amax(0), "each column got a maximum of its own. One maximum serves the whole map: M.max()."),
            (lambda M, t: M > t * M.amax(1, keepdim=True), "each row got a maximum of its own. One maximum serves the whole map: M.max()."),
            (lambda M, t: M / M.max(), "that is the scaled map. Compare it with the threshold."),
            (lambda M, t: M > 0.2 * M.max(), "the threshold is given: 0.2 is only the paper's."),
            (lambda M, t: M > t / 100 * M.max(), "the threshold is a fraction, not per cent: do not divide it by 100."),
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


Numbers = tuple[int, int, int, int]


def _box_of(pixels: np.ndarray) -> Numbers:
    rows, columns = pixels.nonzero()
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def _component(best: Callable, near: int = 2) -> Callable[[Tensor], Numbers]:
    """The box of the component that `best` chooses of (pieces, their sizes); near=1: 4-neighbours."""

    def box(mask: Tensor) -> Numbers:
        pieces, _ = ndimage.label(mask.numpy(), ndimage.generate_binary_structure(2, near))
        return _box_of(pieces == best(pieces, np.bincount(pieces.ravel())[1:]))

    return box


def _largest(pieces: np.ndarray, sizes: np.ndarray) -> int:
    return 1 + sizes.argmax()


def _widest(pieces: np.ndarray, sizes: np.ndarray) -> int:
    areas = [np.prod([side.stop - side.start for side in s]) for s in ndimage.find_objects(pieces)]
    return 1 + int(np.argmax(areas))


def _drawn(h: int, w: int, *boxes: Numbers) -> Tensor:
    """A mask of some rectangles, (h, w)."""
    mask = torch.zeros(h, w, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def box_of_largest(answer) -> bool:
    """Exercise 2: the box of the largest component, (h, w) bool -> (x0, y0, x1, y1) half-open."""
    right = _component(_largest)

    def written(change: Callable) -> Callable[[Tensor], tuple]:
        """The right box, its four numbers written down as `change` does."""
        return lambda mask: change(*right(mask))

    diagonal = [(i, 9 - i, i + 1, 10 - i) for i in range(1, 9)]  # 8 pixels in a wide box
    masks = [
        _drawn(8, 12, (7, 1, 9, 3), (1, 3, 5, 7), (10, 6, 12, 8)),  # the second of three
        _drawn(12, 16, (11, 0, 16, 4), *diagonal),  # the widest is not the largest
        _drawn(10, 9, (0, 0, 3, 4), (3, 4, 5, 7), (6, 0, 9, 5)),  # two touch at a corner
        _drawn(8, 14, (2, 5, 9, 8), (12, 0, 13, 2)),  # the first is the smaller one
        _drawn(6, 7, (4, 2, 5, 3)),  # a single pixel
    ]
    return judge(
        answer,
        right,
        [(mask,) for mask in masks],
        [
            (written(lambda x0, y0, x1, y1: (x0, y0, x1 - 1, y1 - 1)), "x1 and y1 are the last column and row of the component. The box is half-open: add 1 to both."),
            (written(lambda x0, y0, x1, y1: (y0, x0, y1, x1)), "x and y are exchanged: columns give x, rows give y."),
            (written(lambda x0, y0, x1, y1: (y0, x0, y1 - 1, x1 - 1)), "x and y are exchanged, and a half-open box ends one pixel later: add 1 to x1 and y1."),
            (written(lambda x0, y0, x1, y1: (x0, y0, x1 - x0, y1 - y0)), "that is (x0, y0, width, height). A box is (x0, y0, x1, y1)."),
            (written(lambda x0, y0, x1, y1: (x0, x1, y0, y1)), "the order of the four numbers is x0, y0, x1, y1."),
            (lambda mask: _box_of(mask.numpy()), "that is the box around *all* components. Only the largest counts."),
            (_component(lambda pieces, sizes: 1), "you took the first component. The one with the most pixels counts."),
            (_component(lambda pieces, sizes: len(sizes)), "you took the last component. The one with the most pixels counts."),
            (_component(lambda pieces, sizes: 1 + sizes.argmin()), "you took the smallest component. The one with the most pixels counts."),
            (_component(_widest), "you took the component with the largest *box*. The one with the most pixels counts."),
            (_component(_largest, near=1), "pixels that touch at a corner belong together: structure=[[1] * 3] * 3."),
            (_component(lambda pieces, sizes: np.bincount(pieces.ravel()).argmax()), "you took the background: it has the number 0, components count from 1."),
            (_component(lambda pieces, sizes: sizes.argmax()), "you took the component before the largest: components count from 1, places in a list from 0."),
        ],
        "Of all the warm spots, the largest one makes the box.",
    )  # fmt: skip


def iou(answer) -> bool:
    """Exercise 3: intersection over union of two half-open boxes, (4,), (4,) -> a number."""

    def solve(a: Tensor, b: Tensor, more: float = 0, extra: float = 0, clamp: bool = True):
        """Shared area and both areas; `more` is added to every side, `extra` to the shared ones."""
        sides = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2]) + more + extra
        shared = (sides.clamp(min=0) if clamp else sides).prod()
        return shared, (a[2:] - a[:2] + more).prod(), (b[2:] - b[:2] + more).prod()

    def ratio(below, **how):
        """Shared area over whatever `below` makes of the three areas."""
        return lambda a, b: (areas := solve(a, b, **how))[0] / below(*areas)

    def union(shared: Tensor, one: Tensor, other: Tensor) -> Tensor:
        return one + other - shared

    def frame(a: Tensor, b: Tensor) -> Tensor:
        """The area of the box around both."""
        return (torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])).prod()

    def outer(a: Tensor, b: Tensor) -> Tensor:
        shared, (_, one, other) = frame(a, b), solve(a, b)
        return shared / union(shared, one, other)

    def half_clamped(axis: int):
        def wrong(a: Tensor, b: Tensor) -> Tensor:
            sides = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])
            sides[axis] = sides[axis].clamp(min=0)
            _, one, other = solve(a, b)
            return sides.prod() / union(sides.prod(), one, other)

        return wrong

    def positive(a: Tensor, b: Tensor) -> Tensor:
        shared, one, other = solve(a, b, clamp=False)
        return shared.abs() / union(shared.abs(), one, other)

    def widths(a: Tensor, b: Tensor) -> Tensor:
        far = [torch.cat([box[:2], box[:2] + box[2:]]) for box in (a, b)]
        return ratio(union)(*far)

    def grown(i: int, by: float):
        """One of the two boxes with its far corner moved."""
        step = torch.tensor([0, 0, by, by])
        return lambda a, b: ratio(union)(*((a + step, b) if i == 0 else (a, b + step)))

    boxes = [
        ((2, 3, 8, 9), (4, 1, 10, 7)),  # a corner shared
        ((0, 0, 10, 4), (3, 1, 5, 3)),  # the second inside the first
        ((4, 2, 6, 5), (1, 1, 9, 9)),  # the first inside the second
        ((1, 1, 3, 4), (6, 7, 9, 12)),  # apart in x and in y: two negative sides
        ((0, 2, 4, 6), (6, 3, 9, 5)),  # apart in x only
        ((0, 2, 4, 6), (1, 8, 3, 9)),  # apart in y only
        ((0, 0, 3, 4), (0, 0, 3, 4)),  # the same
        ((0, 0, 4, 4), (4, 0, 8, 4)),  # side by side: half-open boxes share no pixel
    ]
    apart = "boxes that do not touch give something other than 0. Where the boxes are apart, the shared width or height is negative: set it to 0 before you multiply."
    exact = (
        "These boxes are half-open: x1 is the first column that is outside, so a side is x1 - x0."
    )
    below = "The union of both belongs below the line."
    return judge(
        answer,
        lambda a, b: localization.iou(a, b),
        [(torch.tensor(a).float(), torch.tensor(b).float()) for a, b in boxes],
        [
            (ratio(union, more=1), f"you added 1 to the sides. {exact}"),
            (ratio(union, extra=1), f"you added 1 to the shared sides. {exact}"),
            (ratio(union, more=1, extra=-1), f"you added 1 to the sides of the boxes. {exact}"),
            (ratio(union, more=-1), f"you took 1 off the sides. {exact}"),
            (grown(0, 1), f"the first box has grown by 1. {exact}"),
            (grown(1, 1), f"the second box has grown by 1. {exact}"),
            (ratio(union, clamp=False), apart),
            (positive, apart),
            (half_clamped(0), apart),
            (half_clamped(1), apart),
            (lambda a, b: ratio(union, clamp=False)(a, b).clamp(min=0), "you cut off at 0 too late. Two negative sides have a positive product: set the sides to 0 before you multiply."),
            (ratio(lambda s, one, other: one + other), "the union counts the shared part twice. Subtract it once from the sum of the areas."),
            (ratio(lambda s, one, other: one + other - 2 * s), "you subtracted the shared part twice. Once is enough: it belongs to the union."),
            (ratio(lambda s, one, other: one), f"you divided by the area of the first box. {below}"),
            (ratio(lambda s, one, other: other), f"you divided by the area of the second box. {below}"),
            (ratio(lambda s, one, other: torch.minimum(one, other)), f"you divided by the smaller area. {below}"),
            (ratio(lambda s, one, other: torch.maximum(one, other)), f"you divided by the larger area. {below}"),
            (lambda a, b: solve(a, b)[0] / frame(a, b), "you divided by the box around both. The union holds only pixels of one box or the other."),
            (outer, "that is the box around both in the place of the intersection. The shared part begins at the *larger* x0 and ends at the *smaller* x1."),
            (lambda a, b: 2 * solve(a, b)[0] / sum(solve(a, b)[1:]), "that is the Dice coefficient, twice the shared part over the sum of both areas. IoU has the union below the line."),
            (lambda a, b: 1 / ratio(union)(a, b), "that is upside down: the intersection belongs above the line, the union below."),
            (lambda a, b: (areas := solve(a, b))[0] / (areas[1] + areas[2]) - areas[0], "parentheses are missing: shared / (areas - shared)."),
            (lambda a, b: solve(a, b)[0], "that is the shared area in pixels. Divide it by the union."),
            (lambda a, b: union(*solve(a, b)), "that is the area of the union. It belongs below the line."),
            (lambda a, b: 100 * ratio(union)(a, b), "a share between 0 and 1 is wanted, not per cent."),
            (lambda a, b: ratio(union)(a, b) >= 0.5, "that says whether the box is right. The IoU itself is wanted."),
            (widths, "you read the boxes as (x, y, width, height). They are (x0, y0, x1, y1)."),
        ],
        "1 is the same box, 0 is no pixel in common, and one half is already a good fit.",
    )  # fmt: skip


PAIRED = "that pairs pictures with the labels of other pictures. Each picture's own: fits[range(N), labels], or gather."


def top_k(answer) -> bool:
    """Exercise 4: top-k localization, scores (N, C), labels (N,), fits (N, C), k -> a share."""
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
            (lambda S, labels, fits, k: (named(S, labels, k)[:, None] & (fits[:, labels] >= 0.5)).double().mean(), PAIRED),
            (lambda S, labels, fits, k: (named(S, labels, k) & (fits[:, labels] >= 0.5)).double().mean(), PAIRED),
            (lambda S, labels, fits, k: (named(S, labels, k) & (fits[labels][:, 0] >= 0.5)).double().mean(), PAIRED),
            (lambda S, labels, fits, k: (named(fits, labels, k) & (own(fits, labels) >= 0.5)).double().mean(), "you ranked the classes by their IoU. The network does not know it: rank them by their scores S."),
            (lambda S, labels, fits, k: ((S.topk(k, 1).indices[:, -1] == labels) & (own(fits, labels) >= 0.5)).double().mean(), "only the k-th class was looked at. The true class may be any of the k best."),
            (lambda S, labels, fits, k: ((S.topk(k, 1).indices == labels[:, None]) & (own(fits, labels)[:, None] >= 0.5)).double().mean(), "you took the mean over the k places as well. First ask of each picture whether any place is right: .any(1)."),
            (lambda S, labels, fits, k: (own(fits, labels)[named(S, labels, k)] >= 0.5).double().mean(), "that is the share among the pictures whose class was named. Pictures with the wrong class count as wrong: divide by all."),
            (lambda S, labels, fits, k: (own(fits, labels) * named(S, labels, k)).double().mean(), "that is a mean of IoUs. A picture is right or wrong: IoU >= 0.5."),
            (lambda S, labels, fits, k: 1 - solve(S, labels, fits, k), "that is the error. The share of right pictures is wanted."),
            (lambda S, labels, fits, k: 100 * solve(S, labels, fits, k), "a share between 0 and 1 is wanted, not per cent."),
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
