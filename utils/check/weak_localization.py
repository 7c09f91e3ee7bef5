"""The exercises of notebook 05."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from utils.check import exercise

# ---------------------------------------------------------------- exercise 1


def _maps() -> list[tuple[Tensor, float]]:
    """Maps of eighths, and thresholds of eighths: some pixels lie on the threshold exactly."""
    g = torch.Generator().manual_seed(5)
    maps = [torch.randint(-24, 64, size, generator=g) / 8 for size in ((6, 7), (5, 5), (9, 4))]
    for M, top in zip(maps, ((4, 5), (3, 1), (7, 0)), strict=True):
        M[top], M[-1, -1], M[1, 1], M[2, 2] = 8, -6, 2, 4
    maps[2][-1, -1] = -20  # larger than the maximum, but against the class
    tiny = maps[0] / 1024  # no pixel above 0.25 itself
    return [
        (maps[0], 0.25), (maps[1], 0.5), (maps[2], 0.25), (tiny, 0.25), (30 * maps[1], 0.125)
    ]  # fmt: skip


@exercise(
    cases=_maps(),
    hint="""
    Instead of dividing the map by its maximum you may multiply the threshold by it. What is below 0 stays
    out by itself.
    """,
    right="The maximum sets the scale, so maps of any size of values get comparable masks.",
)
def mask_from_map(M, threshold):
    """Pixels above threshold times the maximum: (h, w), a fraction -> (h, w) bool."""
    return M > threshold * M.max()


mask_from_map.mistakes(
    ("(M - M.min()) / (M.max() - M.min()) > threshold", "you stretched minimum to maximum first. The paper's threshold is a fraction of the maximum: 0 stays 0."),
    ("M >= threshold * M.max()", "pixels exactly on the threshold are in your mask. The paper's rule is *above*: > and not >=."),
    ("M > threshold", "you compared with the threshold itself. It is a fraction of the map's maximum, which differs from map to map."),
    ("M > threshold * M.argmax()", "argmax is the *place* of the largest value, its number counted row by row. The value itself is M.max()."),
    ("M > threshold * (M.max() - M.min())", "you took a fraction of maximum minus minimum. A fraction of the maximum alone is wanted."),
    ("M > threshold * M.abs().max()", "you took the largest value without its sign. Evidence against the class does not set the scale: take the maximum."),
    ("M > threshold * M.amax(0)", "each column got a maximum of its own. One maximum serves the whole map: M.max()."),
    (["M > threshold * M.amax(1, keepdim=True)", "M > threshold * M.amax(1)"], "each row got a maximum of its own. One maximum serves the whole map: M.max()."),
    ("M / M.max()", "that is the scaled map. Compare it with the threshold."),
    ("M > 0.2 * M.max()", "the threshold is given: 0.2 is only the paper's."),
    ("M > threshold / 100 * M.max()", "the threshold is a fraction, not per cent: do not divide it by 100."),
    ("M.abs() > threshold * M.abs().max()", "evidence against the class came in: you took the map without its sign."),
    ("M.abs() > threshold * M.max()", "evidence against the class came in: compare M itself, with its sign."),
    ("M > threshold * M.mean()", "you took a fraction of the mean. The maximum is wanted."),
    (["M > M.quantile(threshold)", "M > M.quantile(1 - threshold)"], "you took a quantile: a fixed share of the pixels. A fraction of the largest value is wanted."),
    ("M > (1 - threshold) * M.max()", "you kept what lies within a fraction t *below* the maximum. Keep what lies above t times the maximum."),
    (["M < threshold * M.max()", "M <= threshold * M.max()"], "that is the other side: the pixels below the threshold."),
    ("M > threshold * M.sum()", "you took a fraction of the sum. The maximum is wanted."),
    (["(M > threshold * M.max()) * M", "(M > threshold * M.max()) * M / M.max()"], "you kept the map's values. A mask says only yes or no."),
    ("M[M > threshold * M.max()]", "those are the values above the threshold, one after the other. The mask keeps its rows and columns: it is what stands in the brackets."),
)  # fmt: skip

# ---------------------------------------------------------------- exercise 2


def _drawn(h: int, w: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    """A mask of some rectangles, (h, w)."""
    mask = torch.zeros(h, w, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


_DIAGONAL = [(i, 9 - i, i + 1, 10 - i) for i in range(1, 9)]  # 8 pixels in a wide box


@exercise(
    cases=[
        (_drawn(8, 12, (7, 1, 9, 3), (1, 3, 5, 7), (10, 6, 12, 8)),),  # the second of three
        (_drawn(12, 16, (11, 0, 16, 4), *_DIAGONAL),),  # the widest is not the largest
        (_drawn(10, 9, (0, 0, 3, 4), (3, 4, 5, 7), (6, 0, 9, 5)),),  # two touch at a corner
        (_drawn(8, 14, (2, 5, 9, 8), (12, 0, 13, 2)),),  # the first is the smaller one
        (_drawn(6, 7, (4, 2, 5, 3)),),  # a single pixel
    ],
    hint="""
    `ndimage.label` as above. Largest means: most pixels, `(pieces == k).sum()`. Components count from 1; 0 is the background.
    `(pieces == k).nonzero()` gives the rows (y) and the columns (x) of the component.
    """,
    right="Of all the warm spots, the largest one makes the box.",
)
def box_of_largest(mask):
    """The box of the largest component: (h, w) bool -> (x0, y0, x1, y1), half-open."""
    pieces, count = ndimage.label(mask, structure=[[1] * 3] * 3)
    largest = max(range(1, count + 1), key=lambda k: (pieces == k).sum())
    rows, columns = (pieces == largest).nonzero()
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def _area(side: tuple[slice, slice]) -> int:
    """Pixels of a box as `ndimage.find_objects` gives it."""
    return int(np.prod([s.stop - s.start for s in side]))


box_of_largest.mistakes(
    ("columns.min(), rows.min(), columns.max(), rows.max()", "x1 and y1 are the last column and row of the component. The box is half-open: add 1 to both."),
    (["columns.min(), rows.min(), columns.max() + 1, rows.max()", "columns.min(), rows.min(), columns.max(), rows.max() + 1"], "only one of x1 and y1 lies behind the component. The box is half-open on both axes: add 1 to both."),
    ("rows.min(), columns.min(), rows.max() + 1, columns.max() + 1", "x and y are exchanged: columns give x, rows give y."),
    ("rows.min(), columns.min(), rows.max(), columns.max()", "x and y are exchanged, and a half-open box ends one pixel later: add 1 to x1 and y1."),
    (["columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min()", "columns.min(), rows.min(), columns.max() - columns.min(), rows.max() - rows.min()"], "that is (x0, y0, width, height). A box is (x0, y0, x1, y1)."),
    (["columns.min(), columns.max() + 1, rows.min(), rows.max() + 1", "columns.min(), columns.max(), rows.min(), rows.max()", "rows.min(), rows.max() + 1, columns.min(), columns.max() + 1"], "the order of the four numbers is x0, y0, x1, y1."),
    ("(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)", "the numbers are right. Give all four in one row, not in two pairs."),
    ("pieces == largest", "pieces > 0", "that is the box around *all* components. Only the largest counts."),
    ("pieces == largest", "pieces == 1", "you took the first component. The one with the most pixels counts."),
    ("pieces == largest", "pieces == count", "you took the last component. The one with the most pixels counts."),
    ("= max(", "= min(", "you took the smallest component. The one with the most pixels counts."),
    ("(pieces == k).sum()", "_area(ndimage.find_objects(pieces)[k - 1])", "you took the component with the largest *box*. The one with the most pixels counts."),
    (", structure=[[1] * 3] * 3", "", "pixels that touch at a corner belong together: structure=[[1] * 3] * 3."),
    ("range(1, count + 1)", "range(count + 1)", "you took the background: it has the number 0, components count from 1."),
    ("pieces == largest", "pieces == largest - 1", "you took the component before the largest: components count from 1, places in a list from 0."),
    ("range(1, count + 1)", "range(1, count)", "the last component was never looked at: range(1, count + 1) ends with count."),
    ("pieces == largest", "the pixels of the component are right. Its box is wanted: the first and last column and row."),
)  # fmt: skip

# ---------------------------------------------------------------- exercise 3

_FAR = torch.tensor([0, 0, 1, 1])  # a box and this: 1 wider and 1 higher
_SIDE = "These boxes are half-open: x1 is the first column that is outside, so a side is x1 - x0."
_BELOW = "The union of both belongs below the line."
_PAIRS = [
    ((2, 3, 8, 9), (4, 1, 10, 7)),  # a corner shared
    ((0, 0, 10, 4), (3, 1, 5, 3)),  # the second inside the first
    ((4, 2, 6, 5), (1, 1, 9, 9)),  # the first inside the second
    ((1, 1, 3, 4), (6, 7, 9, 12)),  # apart in x and in y: two negative sides
    ((0, 2, 4, 6), (6, 3, 9, 5)),  # apart in x only
    ((0, 2, 4, 6), (1, 8, 3, 9)),  # apart in y only
    ((0, 0, 3, 4), (0, 0, 3, 4)),  # the same
    ((1, 2, 9, 8), (2, 2, 9, 9)),  # a good fit
    ((0, 0, 4, 4), (4, 0, 8, 4)),  # side by side: half-open boxes share no pixel
]


@exercise(
    cases=[(torch.tensor(a).float(), torch.tensor(b).float()) for a, b in _PAIRS],
    hint="""
    As in the cell above. But what are the shared width and height of two boxes that lie apart? And what is
    the product of two negative numbers?
    """,
    right="1 is the same box, 0 is no pixel in common, and one half is already a good fit.",
)
def iou(a, b):
    """Intersection over union of two half-open boxes (x0, y0, x1, y1): (4,), (4,) -> a number."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (areas - shared)


def _from_sides(box: Tensor) -> Tensor:
    """(x0, y0, width, height) -> (x0, y0, x1, y1)."""
    return torch.cat([box[:2], box[:2] + box[2:]])


iou.mistakes(
    ("solution(a + _FAR, b + _FAR)", f"you added 1 to the sides. {_SIDE}"),
    ("max(w, 0) * max(h, 0)", "max(w + 1, 0) * max(h + 1, 0)", f"you added 1 to the shared sides. {_SIDE}"),
    ("a[2] - a[0]", "a[2] - a[0] + 1", "a[3] - a[1]", "a[3] - a[1] + 1", "b[2] - b[0]", "b[2] - b[0] + 1", "b[3] - b[1]", "b[3] - b[1] + 1", f"you added 1 to the sides of the boxes. {_SIDE}"),
    ("solution(a - _FAR, b - _FAR)", f"you took 1 off the sides. {_SIDE}"),
    ("solution(a + _FAR, b)", f"the first box has grown by 1. {_SIDE}"),
    ("solution(a, b + _FAR)", f"the second box has grown by 1. {_SIDE}"),
    (["w * h / (areas - w * h)", "w.abs() * h.abs() / (areas - w.abs() * h.abs())", "max(w, 0) * h / (areas - max(w, 0) * h)", "w * max(h, 0) / (areas - w * max(h, 0))"], "boxes that do not touch give something other than 0. Where the boxes are apart, the shared width or height is negative: set it to 0 before you multiply."),
    ("0 if w < 0 and h < 0 else w * h / (areas - w * h)", "boxes are apart where the shared width *or* the shared height is negative: one of them is enough."),
    ("max(w * h, 0) / (areas - max(w * h, 0))", "you cut off at 0 too late. Two negative sides have a positive product: set the sides to 0 before you multiply."),
    ("shared / areas", "the union counts the shared part twice. Subtract it once from the sum of the areas."),
    ("shared / (areas - 2 * shared)", "you subtracted the shared part twice. Once is enough: it belongs to the union."),
    ("shared / ((a[2] - a[0]) * (a[3] - a[1]))", f"you divided by the area of the first box. {_BELOW}"),
    ("shared / ((b[2] - b[0]) * (b[3] - b[1]))", f"you divided by the area of the second box. {_BELOW}"),
    ("shared / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))", f"you divided by the smaller area. {_BELOW}"),
    ("shared / max((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))", f"you divided by the larger area. {_BELOW}"),
    ("shared / ((max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1])))", "you divided by the box around both. The union holds only pixels of one box or the other."),
    ("min(a[2], b[2]) - max(a[0], b[0])", "max(a[2], b[2]) - min(a[0], b[0])", "min(a[3], b[3]) - max(a[1], b[1])", "max(a[3], b[3]) - min(a[1], b[1])", "that is the box around both in the place of the intersection. The shared part begins at the *larger* x0 and ends at the *smaller* x1."),
    ("2 * shared / areas", "that is the Dice coefficient, twice the shared part over the sum of both areas. IoU has the union below the line."),
    ("(areas - shared) / shared", "that is upside down: the intersection belongs above the line, the union below."),
    ("shared / areas - shared", "parentheses are missing: shared / (areas - shared)."),
    ("shared", "that is the shared area in pixels. Divide it by the union."),
    ("areas - shared", "that is the area of the union. It belongs below the line."),
    ("shared // (areas - shared)", "// cuts the fraction off. Divide with a single /."),
    ("100 * solution(a, b)", "a share between 0 and 1 is wanted, not per cent."),
    ("solution(a, b) >= 0.5", "that says whether the box is right. The IoU itself is wanted."),
    ("solution(_from_sides(a), _from_sides(b))", "you read the boxes as (x, y, width, height). They are (x0, y0, x1, y1)."),
    ("solution(a[[0, 2, 1, 3]], b[[0, 2, 1, 3]])", "you read the boxes as (x0, x1, y0, y1). They are (x0, y0, x1, y1)."),
    (["solution(a, b)[None]", "solution(a, b)[None, None]"], "the value is right, but axes of length 1 are still around it. A single number is wanted."),
)  # fmt: skip

# ---------------------------------------------------------------- exercise 4


def _pictures() -> list[tuple[Tensor, Tensor, Tensor, int]]:
    """Scores, true classes, IoUs and k."""
    g = torch.Generator().manual_seed(6)
    cases = []
    for n, c, k in ((40, 8, 5), (30, 6, 1), (50, 7, 3)):
        S, labels = torch.randn(n, c, generator=g), torch.randint(c, (n,), generator=g)
        fits = torch.rand(n, c, generator=g)
        fits[::4] = 0.5  # exactly on the limit, which counts
        cases.append((S, labels, fits, k))
    return cases


@exercise(
    cases=_pictures(),
    hint="""
    Two conditions for each picture: is the true class among `S.topk(k, 1).indices`? Is
    `fits[n, labels[n]]` at least 0.5? Combine them picture by picture; the mean comes last.
    """,
    right="The class has to be named and its own box has to fit, in the same picture.",
)
def top_k(S, labels, fits, k):
    """Share of pictures that are right: scores (N, C), true classes (N,), IoU (N, C), k -> 0..1."""
    best = S.topk(k, 1).indices
    named = (best == labels[:, None]).any(1)
    fitting = fits.gather(1, labels[:, None])[:, 0] >= 0.5
    return (named & fitting).float().mean()


top_k.mistakes(
    ("(fits.gather(1, best) >= 0.5).any(1).float().mean()", "a box of any of the k classes was enough. The class has to be right too, and the box has to come from that class's own map."),
    (["(named & (fits.gather(1, best) >= 0.5).any(1)).float().mean()", "(named & (fits >= 0.5).any(1)).float().mean()"], "the right class was named, but the box of another class was accepted. It must be the box of the right class's own map."),
    ("(named & (fits.gather(1, best)[:, 0] >= 0.5)).float().mean()", "you judged the box of the best class. It must be the box of the true class."),
    (["(named[:, None] & (fits[:, labels] >= 0.5)).float().mean()", "(named & (fits[:, labels] >= 0.5)).float().mean()", "(named & (fits[labels][:, 0] >= 0.5)).float().mean()"], "that pairs pictures with the labels of other pictures. Each picture's own: fits[range(N), labels], or gather."),
    ("solution(fits, labels, fits, k)", "you ranked the classes by their IoU. The network does not know it: rank them by their scores S."),
    ("((best[:, -1] == labels) & fitting).float().mean()", "only the k-th class was looked at. The true class may be any of the k best."),
    ("((best == labels[:, None]) & fitting[:, None]).float().mean()", "you took the mean over the k places as well. First ask of each picture whether any place is right: .any(1)."),
    ("((best == labels[:, None]).all(1) & fitting).float().mean()", "all k places cannot hold the true class. One of them is enough: .any(1)."),
    ("fitting[named].float().mean()", "that is the share among the pictures whose class was named. Pictures with the wrong class count as wrong: divide by all."),
    ("(named * fits.gather(1, labels[:, None])[:, 0]).mean()", "that is a mean of IoUs. A picture is right or wrong: IoU >= 0.5."),
    ("1 - solution(S, labels, fits, k)", "that is the error. The share of right pictures is wanted."),
    ("100 * solution(S, labels, fits, k)", "a share between 0 and 1 is wanted, not per cent."),
    ("named.float().mean()", "that is classification alone. The box counts too: IoU of at least 0.5."),
    ("fitting.float().mean()", "that is GT-known: the box alone. The true class must be among the k best too."),
    ("solution(S, labels, fits, 1)", "you looked at the best class only. The true class may be any of the k best."),
    ("solution(S, labels, fits, 5)", "you always took five classes. Take the k that are asked for."),
    (">= 0.5", "> 0.5", "an IoU of exactly 0.5 counts as found: >= and not >."),
    ("solution(-S, labels, fits, k)", "you took the k *worst* classes."),
    ("(named | fitting).float().mean()", "class *or* box was enough. Both have to be right."),
    ("named.float().mean() * fitting.float().mean()", "you multiplied two shares. Both have to be right in the *same* picture: combine picture by picture, then take the mean."),
    ("(named & fitting).sum()", "that is a count. A share is wanted: the mean."),
    ("named & fitting", "those are the single pictures. Their mean is wanted."),
)  # fmt: skip
