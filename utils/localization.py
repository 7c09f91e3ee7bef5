"""From a heat map to a box, and how good boxes and maps are. Notebook 05 derives all of it.

Boxes are (x0, y0, x1, y1) in pixels, half-open, origin top left: one pixel has (0, 0, 1, 1). The
true boxes of N pictures are a tensor (N, 4) or, where a picture may hold several objects, a list of
N tensors (B, 4); a box is right when it fits *any* of its picture's true boxes.

There are two families of measures. The paper's (CVPR 2016, sections 3.2 and 3.3) fix the threshold
at 20 % of the maximum: `gt_known`, `top_k_localization`. Those of Choe et al., "Evaluating Weakly
Supervised Object Localization Methods Right", CVPR 2020 ("the WSOL evaluation"), take the best
threshold, or all of them: `max_box_acc`, `max_box_acc_v2`, `pxap`.

Each map is looked at once: `record` says how well its boxes fit at every threshold, how many pixels
of each level lie on the object, and whether its maximum does. All measures over many pictures are
means and sums of `records`.

The published evaluator of CVPR 2020 gives slightly other numbers, because it adds 1 to the sides of
boxes that are half-open already (a blob of 3 x 4 pixels gets IoU 0.6 with its own box). It also
cuts boxes at the picture's last pixel, rounds maps to 256 levels, and its largest contour is the
one that encloses most, holes included. Here a side is x1 - x0, maps keep their values, and pixels
are counted.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from utils import cam, valid

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(20))  # fractions of the maximum, 0 to 0.95
FINE = tuple(round(0.01 * i, 2) for i in range(100))  # 0 to 0.99
EIGHT = np.ones((3, 3), int)  # pixels that touch at a corner belong together
Boxes = valid.Boxes
Scaling = Literal["max", "minmax"]


# ---------------------------------------------------------------- from a map to a box


def box_from_map(M: Tensor, threshold: float = 0.2, how: Scaling = "max") -> Tensor:
    """The box of one map at picture size: (h, w) -> (4,) int64.

    The paper's rule (section 3.2): keep what lies above 20 % of the maximum, take the bounding box
    of the largest connected component (8-neighbours; of two equal ones, the upper). `how` is the
    scaling before the threshold, see `cam.normalize`: "max" is the paper's, "minmax" the WSOL
    evaluation's. A map without evidence (constant, or with "max" nowhere positive) gives the
    whole picture. Raises ValueError if `M` is not one map or holds NaN, or if the threshold is
    not in [0, 1).
    """
    return torch.from_numpy(_boxes_at(_scaled(M, how), threshold)[0])


def boxes_from_maps(maps: Tensor, threshold: float = 0.2, how: Scaling = "max") -> Tensor:
    """`box_from_map` of each map: (N, h, w) -> (N, 4) int64."""
    return torch.stack([box_from_map(M, threshold, how) for M in maps])


def component_boxes(mask: np.ndarray) -> np.ndarray:
    """The boxes of the connected components (8-neighbours), largest first: (h, w) bool -> (K, 4).

    Size is the number of pixels; of equal components, the one met first from the top comes first.
    """
    from scipy import ndimage  # here: slow to import

    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype != bool:
        mask = valid.tensor(mask, "the mask", "h w", "True or False").numpy(force=True)
    y, x = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(y) == 0:
        return np.empty((0, 4), np.int64)
    frame = np.array([[x[0], y[0], x[-1] + 1, y[-1] + 1]], np.int64)
    labels, count = ndimage.label(mask[y[0] : y[-1] + 1, x[0] : x[-1] + 1], EIGHT)
    if count == 1:  # the usual case, and the rest of the work can be spared
        return frame
    sizes = np.bincount(labels.ravel())[1:]
    found = [(c.start, r.start, c.stop, r.stop) for r, c in ndimage.find_objects(labels)]
    return (frame[:, [0, 1, 0, 1]] + found)[np.argsort(-sizes, kind="stable")]


def _scaled(M: Tensor, how: Scaling) -> np.ndarray:
    """One map as numbers up to 1, in float32, as `cam.normalize` scales them."""
    M = valid.tensor(M, "one map", "h w")
    return cam.normalize(M.detach().float().cpu(), how).numpy()


def _boxes_at(values: np.ndarray, threshold: float) -> np.ndarray:
    """Every component's box above the threshold, largest first; the whole picture if nothing is."""
    boxes = component_boxes(values > _valid(threshold))
    return boxes if len(boxes) else np.array([[0, 0, *values.shape[::-1]]], np.int64)


def _valid(threshold: float) -> np.float32:
    return np.float32(valid.number(threshold, "the threshold, a fraction of the maximum,", 0, 1))


# ---------------------------------------------------------------- a box against the true ones


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes, pair by pair: (..., 4), (..., 4) -> (...), in 0..1.

    An empty box shares no pixel with any, so it gets 0. Raises ValueError for NaN and for shapes
    that do not go together.
    """
    a, b = valid.boxes(a), valid.boxes(b)
    if a.device != b.device or any(m != n and 1 not in (m, n) for m, n in _ends(a, b)):
        raise ValueError(
            f"boxes of one shape on one device are wanted, or one box and many: not "
            f"{tuple(a.shape)} on {a.device} and {tuple(b.shape)} on {b.device}"
        )
    return _iou(a, b)


def _ends(a: Tensor, b: Tensor) -> Iterable[tuple[int, int]]:
    """The sizes of two shapes in pairs, from the last."""
    return zip(a.shape[::-1], b.shape[::-1], strict=False)


def _iou(a: Tensor, b: Tensor) -> Tensor:
    corner, far = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (far - corner).clamp(min=0).prod(-1)
    union = _area(a) + _area(b) - shared
    return shared / torch.where(union > 0, union, 1)


def best_iou(boxes: Tensor, true_boxes: Boxes) -> Tensor:
    """IoU of each picture's box with the true box that it fits best: (N, 4), true boxes -> (N,).

    Raises ValueError if there are not as many, or if a box holds NaN.
    """
    boxes = valid.boxes(boxes, "N 4")
    pairs = zip(boxes, valid.true_boxes(true_boxes, len(boxes)), strict=True)
    return torch.stack([_iou(box, true.to(box.device)).max() for box, true in pairs])


def gt_known(boxes: Tensor, true_boxes: Boxes) -> float:
    """Share of the pictures whose box has IoU >= 0.5 with a true box: (N, 4), true boxes -> 0..1.

    The class is taken as known (the box comes from the true class's map), so that only the place is
    judged. Notebook 05.
    """
    return _share(best_iou(boxes, true_boxes) >= 0.5)


def ranks(S: Tensor, labels: Tensor) -> Tensor:
    """The place of the true class among all, 1 for the best: scores (N, C), (N,) -> (N,) int64.

    Of classes with equal scores the first counts as the better one, as in argmax. Raises ValueError
    for NaN and infinity, of which no rank can be told, and IndexError for labels without a score.
    """
    S = valid.finite(S, "the scores S", "N C")
    labels = valid.labels(labels, len(S), S.shape[1]).to(S.device)
    true = S.gather(1, labels[:, None])
    earlier = torch.arange(S.shape[1], device=S.device) < labels[:, None]
    return 1 + (S.gt(true) | (S.eq(true) & earlier)).sum(1)


def top_k_localization(
    S: Tensor, labels: Tensor, boxes: Tensor, true_boxes: Boxes, k: int = 1
) -> float:
    """Share of the pictures that are classified *and* localized: scores (N, C), ... -> 0..1.

    The rule of ILSVRC, which the paper's table 2 uses: k classes are named, each with the box of
    its own map; the picture is right if one of them is the true class and *its* box has IoU >= 0.5
    with a true box. Only the true class can be right, so one box is enough for each picture:
    `boxes` (N, 4), from the maps of the true classes. With k = C this is `gt_known`. Notebook 05.
    """
    k = valid.whole(k, "k", 1)
    return _share((ranks(S, labels) <= k).cpu() & (best_iou(boxes, true_boxes) >= 0.5).cpu())


def _area(box: Tensor) -> Tensor:
    return (box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1)


def _share(right: Tensor) -> float:
    """Share of the pictures that are right: (N,) bool -> 0..1."""
    return right.double().mean().item()


# ---------------------------------------------------------------- one record for each map


class Record(NamedTuple):
    """All that the measures need of one map; of N maps, every tensor has N rows.

    `pixels` and `peak` are None where no mask is known.
    """

    thresholds: tuple[float, ...]
    largest: Tensor  # (T,), IoU of the box of the largest component, at each threshold
    best: Tensor  # (T,), IoU of the best of all components' boxes, at each threshold
    pixels: Tensor | None  # (2, levels + 1), see `pixel_counts`
    peak: Tensor | None  # bool: does the maximum lie on the object? See `peaks_in`


def record(
    M: Tensor,
    true_boxes: Tensor,
    mask: Tensor | None = None,
    ignore: Tensor | None = None,
    thresholds: Sequence[float] = FINE,
    how: Scaling = "minmax",
) -> Record:
    """One map, looked at once: map at picture size (h, w), true boxes (B, 4) or (4,) -> Record.

    `mask` (h, w) bool marks the object's pixels; those in `ignore` do not count. `how` is the
    scaling before the thresholds, as in `box_from_map`. Raises ValueError as `box_from_map` does
    for the map and thresholds, as `pixel_counts` for the mask. Notebook 05.
    """
    largest, best = iou_curves(M, true_boxes, thresholds, how)
    if mask is None:
        return Record(tuple(thresholds), largest, best, None, None)
    M = valid.tensor(M, "one map", "h w")
    mask = valid.masks(mask, M)
    ignore = None if ignore is None else valid.masks(ignore, M, "the ignored pixels")
    pixels = pixel_counts(M[None], mask[None], None if ignore is None else ignore[None])
    return Record(tuple(thresholds), largest, best, pixels, peaks_in(M[None], mask[None])[0])


def records(
    maps: Tensor,
    true_boxes: Boxes,
    masks: Tensor | None = None,
    ignore: Tensor | None = None,
    thresholds: Sequence[float] = FINE,
    how: Scaling = "minmax",
) -> Record:
    """`record` of N maps (N, h, w), masks and ignored pixels (N, h, w) -> one Record of N rows."""
    maps = valid.tensor(maps, "the maps", "N h w")
    boxes = valid.true_boxes(true_boxes, len(maps), "maps")
    pixels = [[None] * len(maps) if p is None else valid.masks(p, maps) for p in (masks, ignore)]
    rows = zip(maps, boxes, *pixels, strict=True)
    return stacked([record(M, box, m, off, thresholds, how) for M, box, m, off in rows])


def stacked(rows: Sequence[Record]) -> Record:
    """Records of single maps as one of N rows. Raises ValueError where their thresholds differ."""
    for row in rows if isinstance(rows, Sequence) else [rows]:
        valid.instance(row, Record, "a list of records, from localization.record,")
    if len({row.thresholds for row in rows}) != 1:
        raise ValueError("records of the same thresholds are wanted, and at least one")
    largest, best = (torch.stack(found) for found in zip(*(r[1:3] for r in rows), strict=True))
    pixels = [r.pixels for r in rows if r.pixels is not None]
    peak = [r.peak for r in rows if r.peak is not None]
    if not pixels:
        return Record(rows[0].thresholds, largest, best, None, None)
    return Record(rows[0].thresholds, largest, best, torch.stack(pixels), torch.stack(peak))


def iou_curves(
    M: Tensor,
    true_boxes: Tensor,
    thresholds: Sequence[float] = FINE,
    how: Scaling = "minmax",
) -> tuple[Tensor, Tensor]:
    """One map's best IoU at each of T thresholds: (h, w), (B, 4) or (4,) -> (T,), (T,).

    First for the box of the largest component, then for the best box of any component.
    """
    if isinstance(thresholds, str) or not isinstance(thresholds, Iterable):
        raise ValueError(f"thresholds are a list of fractions, not {thresholds!r}")
    true_boxes = valid.boxes(true_boxes, what="the true boxes").detach().cpu().reshape(-1, 4)
    known = type(thresholds) is tuple and all(type(t) is float for t in thresholds)
    steps, place = _steps(thresholds) if known else _steps.__wrapped__(thresholds)
    boxes, starts = _boxes_at_all(_scaled(M, how), steps)
    found = _iou(torch.from_numpy(boxes)[:, None], true_boxes).amax(1).numpy()
    largest, best = found[starts], np.maximum.reduceat(found, starts)
    return torch.from_numpy(largest[place]), torch.from_numpy(best[place])


@functools.lru_cache(maxsize=8)  # a hundred checks for each map would take as long as its boxes
def _steps(thresholds: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds in rising order, each once, and the place of each given one among them."""
    return np.unique(list(map(_valid, thresholds)), return_inverse=True)


def _levels(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many of T rising thresholds lie below each value, values up to 1: int32, same shape.

    A table says so for 1024 bins of values; at most one threshold in a bin is left to compare.
    """
    edges = np.arange(1026, dtype=np.float32) / 1024
    below = np.searchsorted(thresholds, edges)
    if np.diff(below).max() > 1 or values.min() < 0:
        return np.searchsorted(thresholds, values).astype(np.int32)
    bins = (values * 1024).astype(np.int32)  # a power of two: nothing is rounded
    following = np.append(thresholds, np.float32(np.inf))[below]
    return below.astype(np.int32)[bins] + (values > following[bins])


def _boxes_at_all(values: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`_boxes_at` for T rising thresholds at once: all boxes (K, 4), where each one's begin (T,).

    Every row of the map falls into runs of pixels above a threshold; runs that touch in
    neighbouring rows belong together. So one graph of runs holds the components of all thresholds.
    """
    from scipy.sparse import csr_array  # here: slow to import
    from scipy.sparse.csgraph import connected_components

    if not values.any():
        return np.array([[0, 0, *values.shape[::-1]]]), np.zeros(len(thresholds), int)
    h, w = values.shape
    wide = w + 1
    page = (h + 1) * wide
    whole = np.int32 if page * len(thresholds) < 2**31 else np.int64
    level = np.zeros(h * wide + 1, whole)  # row after row, a pixel of level 0 before each
    level[:-1].reshape(h, wide)[:, 1:] = _levels(values, thresholds)
    step = np.diff(level)
    begin, end = _run_ends(step, level[:-1], page), _run_ends(-step, level[1:], page)

    # A run touches, corners too, those of the next row from the first that ends at x0 or further
    # to the last that begins at x1 or before: neighbours in the list, as the graph wants them.
    first = np.searchsorted(end, begin + whole(wide)).astype(np.int32)
    n = np.searchsorted(begin, end + whole(wide), "right").astype(np.int32) - first
    stops = np.zeros(len(n) + 1, np.int32)
    np.cumsum(n, out=stops[1:])
    touched = np.repeat(first - stops[:-1], n) + np.arange(stops[-1], dtype=np.int32)
    graph = csr_array((np.ones(len(touched)), touched, stops), (len(n), len(n)))
    label = connected_components(graph, directed=False)[1]  # by threshold, then from the top

    order = np.argsort(label, kind="stable")
    counts = np.bincount(label)
    at, last = counts.cumsum() - counts, counts.cumsum() - 1
    x0, x1 = begin % wide, end % wide
    near, far = np.minimum.reduceat(x0[order], at), np.maximum.reduceat(x1[order], at)
    t, y = np.divmod(begin[order[at]] // wide, h + 1)
    low = end[order[last]] // wide % (h + 1) + 1
    boxes = np.stack([near, y, far, low], 1).astype(np.int64)
    largest_first = np.lexsort((-np.bincount(label, x1 - x0), t))
    return boxes[largest_first], np.searchsorted(t, np.arange(len(thresholds)))


def _run_ends(rise: np.ndarray, low: np.ndarray, page: int) -> np.ndarray:
    """Where runs begin (or end), as numbers that sort by threshold, then row, then column.

    From one pixel to the next the level rises by `rise` from `low`, both (h (w + 1),): there begins
    one run for each threshold in between. One threshold's numbers lie `page` after the last one's.
    """
    at = np.flatnonzero(rise > 0).astype(rise.dtype)
    n = rise[at]
    t = np.repeat(low[at] - (n.cumsum(dtype=n.dtype) - n), n)
    t += np.arange(len(t), dtype=n.dtype)
    small = t.astype(np.min_scalar_type(t.max(initial=0)))  # bytes are sorted without comparing
    order = np.argsort(small, kind="stable")
    return (t * page + np.repeat(at, n))[order]


# ---------------------------------------------------------------- from records to measures
# PxAP is `average_precision(records.pixels)`.


def accuracy(
    records: Record, least: float = 0.5, boxes: Literal["largest", "best"] = "largest"
) -> Tensor:
    """Share of the pictures found at each threshold, IoU >= `least`: Record of N rows -> (T,).

    A picture's box is that of the largest component, or the one of all components that fits best.
    """
    valid.instance(records, Record, "a Record, from localization.records,")
    if boxes not in ("largest", "best"):
        raise ValueError(f'boxes are "largest" or "best", not {boxes!r}')
    least = valid.number(least, "least, an IoU,", 0, math.inf)
    fits = valid.finite(getattr(records, boxes), "the records", "N T")
    return (fits >= least).double().mean(0)


def accuracy_at(records: Record, threshold: float, least: float = 0.5) -> float:
    """`gt_known` at one threshold of the records: 0..1. Raises ValueError for another one."""
    shares = accuracy(records, least)
    if threshold not in records.thresholds:
        raise ValueError(
            f"{threshold!r} is none of the {len(records.thresholds)} thresholds of these records"
        )
    return shares[records.thresholds.index(threshold)].item()


def max_box_acc(records: Record) -> tuple[float, float]:
    """The best accuracy and its threshold, of equals the lowest: Record of N rows -> 0..1, t.

    Of maps scaled by "minmax" this is MaxBoxAcc of the WSOL evaluation (CVPR 2020): the share of
    pictures whose largest component's box has IoU >= 0.5 with a true box, at the one threshold that
    is best for *all* pictures together, the true class known. The threshold is chosen on the very
    pictures it is measured on, so this is an upper bound. Notebook 05.
    """
    shares = accuracy(records).tolist()
    return max(shares), records.thresholds[shares.index(max(shares))]


def max_box_acc_v2(records: Record) -> float:
    """MaxBoxAccV2 (the journal version of the WSOL evaluation): Record of N rows -> 0..1.

    As MaxBoxAcc, with two changes: the box of *any* component may be right, and the mean is taken
    over the best accuracies at IoU 0.3, 0.5 and 0.7, each at its own best threshold.
    """
    best = [accuracy(records, least, "best").max() for least in (0.3, 0.5, 0.7)]
    return torch.stack(best).mean().item()


def pointing(records: Record) -> float:
    """Share of the maps whose maximum lies on the object: Record of N rows -> 0..1.

    Raises ValueError for records without masks.
    """
    valid.instance(records, Record, "a Record, from localization.records,")
    return _share(_known(records.peak))


def _known(values: Tensor | None) -> Tensor:
    if values is None:
        raise ValueError("this needs masks of the objects: give them to `records`")
    return values


def sweep(
    maps: Tensor,
    true_boxes: Boxes,
    thresholds: Sequence[float] = THRESHOLDS,
    how: Scaling = "max",
) -> dict:
    """`gt_known` at every threshold: maps (N, h, w) at picture size, true boxes -> {t: 0..1}."""
    found = accuracy(records(maps, true_boxes, thresholds=thresholds, how=how))
    return dict(zip(thresholds, found.tolist(), strict=True))


def best_threshold(maps: Tensor, true_boxes: Boxes) -> float:
    """The threshold with the best `gt_known`. Choose it on some pictures, report it on others."""
    return max_box_acc(records(maps, true_boxes, thresholds=THRESHOLDS, how="max"))[1]


# ---------------------------------------------------------------- a map against the true pixels


def hottest_point(maps: Tensor) -> Tensor:
    """The centre of the hottest pixel of each map: (N, h, w) -> (N, 2), as (x, y) in pixels.

    Where neighbouring pixels share the maximum, the middle of them all. Oquab et al., CVPR 2015,
    read no more than this point off a network that ends in a maximum. Notebook 02.
    """
    maps = valid.finite(maps, "the maps", "N h w", "floats")
    h, w = maps.shape[-2:]
    hot = (maps == maps.amax((-2, -1), keepdim=True)).to(maps)
    columns, rows = torch.arange(w).to(maps) + 0.5, torch.arange(h).to(maps) + 0.5
    x, y = hot.sum(-2) @ columns, hot.sum(-1) @ rows
    return torch.stack([x, y], 1) / hot.sum((-2, -1))[:, None]


def peaks_in(maps: Tensor, masks: Tensor, middle: bool = False) -> Tensor:
    """Whether each map has its maximum in the mask: (N, h, w), (N, h, w) bool -> (N,) bool.

    Of equal maxima the first counts, row by row; or, with `middle`, the middle of them all. Raises
    ValueError for NaN and infinity, and for other shapes.
    """
    maps = valid.finite(maps, "the maps", "N h w")
    masks = valid.masks(masks, maps)
    if middle:
        columns, rows = hottest_point(maps).floor().long().T
        return masks[torch.arange(len(masks)), rows, columns]
    return masks.flatten(1).gather(1, maps.flatten(1).argmax(1)[:, None])[:, 0]


def pointing_accuracy(maps: Tensor, masks: Tensor) -> float:
    """Share of the maps that have their maximum in the mask: (N, h, w), (N, h, w) bool -> 0..1.

    The pointing game of Zhang et al., ECCV 2016, without their margin of 15 pixels. Notebook 02.
    """
    return _share(peaks_in(maps, masks))


def pixel_counts(
    maps: Tensor, masks: Tensor, ignore: Tensor | None = None, levels: int = 1000
) -> Tensor:
    """How many pixels have each level: maps, masks, ignored pixels (N, h, w) -> (2, levels + 1).

    A pixel's level is its min-max scaled value times `levels`, rounded down. Row 0 counts pixels
    off the objects, row 1 pixels on them; pixels in `ignore` count for neither. Counts may be added
    up, picture by picture and in any order: their sum is all that PxAP needs of a data set. Raises
    ValueError if the shapes differ or the masks are not bool.
    """
    maps = valid.tensor(maps, "the maps", "N h w")
    masks, levels = valid.masks(masks, maps), valid.whole(levels, "the number of levels", 1)
    off = torch.zeros_like(masks) if ignore is None else ignore
    ignore = valid.masks(off, maps, "the ignored pixels")
    batches = (t.split(20) for t in (maps, masks, ignore))  # fit into the cache
    counts = [_pixel_counts(M, on, off, levels) for M, on, off in zip(*batches, strict=True)]
    return torch.stack(counts).sum(0)


def _pixel_counts(maps: Tensor, masks: Tensor, ignore: Tensor, levels: int) -> Tensor:
    level = (cam.normalize(maps.float(), "minmax") * levels).int()
    kind = masks.int().masked_fill(ignore, 2)
    counts = torch.bincount((level + (levels + 1) * kind).flatten(), minlength=3 * (levels + 1))
    return counts.cpu().reshape(3, -1)[:2]


def precision_recall(counts: Tensor | None) -> tuple[Tensor, Tensor]:
    """Pixel precision and recall from `pixel_counts`: (..., 2, L + 1) -> two of (L + 1,).

    At each level from the highest to 0, the pixels of all pictures at this level or above count as
    found: precision is the share of them that lies on an object (0 if nothing is found), recall the
    share of the objects' pixels that is found. Raises ValueError if no pixel belongs to an object,
    or there are no counts, for want of masks.
    """
    counts = valid.finite(_known(counts), "the counts of pixels", "... 2 L")
    summed = counts.double().reshape(-1, *counts.shape[-2:]).sum(0)
    wrong, right = summed.flip(1).cumsum(1)
    if not right[-1]:
        raise ValueError("no pixel belongs to an object: are these the right masks?")
    return right / (right + wrong).clamp(min=1), right / right[-1]


def average_precision(counts: Tensor | None) -> float:
    """PxAP from the `pixel_counts` of all pictures, or their sum: (..., 2, levels + 1) -> 0..1.

    The area under the precision-recall curve: precision times the gain in recall, over all levels.
    """
    precision, recall = precision_recall(counts)
    return (precision * recall.diff(prepend=recall.new_zeros(1))).sum().item()


def pxap(maps: Tensor, masks: Tensor, ignore: Tensor | None = None, levels: int = 1000) -> float:
    """PxAP of the WSOL evaluation (CVPR 2020): maps, true masks, ignored pixels (N, h, w) -> 0..1.

    The area under the pixel precision-recall curve of all pictures together. No threshold, no box.
    Pixels are counted in a histogram of 1000 levels, as the published evaluator does, and not
    sorted: for maps rounded down to thousandths the result is exact. Notebook 05.
    """
    return average_precision(pixel_counts(maps, masks, ignore, levels))


# ---------------------------------------------------------------- what knows nothing of the picture


def whole_picture(n: int, h: int, w: int) -> Tensor:
    """The baseline that answers "everywhere": n times the box of the whole picture, (n, 4)."""
    n, h, w = _sizes(n, h, w)
    return torch.tensor([0, 0, w, h]).repeat(n, 1)


def centred_boxes(h: int, w: int, sides: Sequence[float]) -> Tensor:
    """Centred boxes of the picture's shape, their sides as fractions of its own: T -> (T, 4)."""
    h, w = _sizes(h, w)
    half = valid.finite(sides, "the sides", "T")[:, None] * torch.tensor([w, h]) / 2
    middle = torch.tensor([w, h]) / 2
    return torch.cat([middle - half, middle + half], 1)


def best_centred(
    boxes: Sequence[Tensor], h: int, w: int, sides: Sequence[float]
) -> tuple[float, Tensor]:
    """Of the centred boxes with these sides the one that is right most often, IoU 0.5 or more.

    N pictures of h × w with their true boxes (B, 4) -> its side, and 1 where it is right, (N,).
    """
    tried = (box.expand(len(boxes), 4) for box in centred_boxes(h, w, sides))
    right = torch.stack([best_iou(box, boxes) >= 0.5 for box in tried]).double()
    best = int(right.sum(1).argmax())
    return sides[best], right[best]


def centred_map(h: int, w: int) -> Tensor:
    """A Gaussian in the middle of the picture, the centre baseline of the WSOL evaluation: (h, w).

    Its standard deviation is a quarter of each side, its maximum about 1.
    """
    h, w = _sizes(h, w)
    y, x = (torch.linspace(1 / n - 1, 1 - 1 / n, n) for n in (h, w))  # pixel centres in -1..1
    return torch.exp(-2 * (y[:, None] ** 2 + x**2))


def random_maps(n: int, h: int, w: int, seed: int = 0, cells: int = 7) -> Tensor:
    """Noise of cells x cells, enlarged as a class map would be: (n, h, w), the same for a seed."""
    n, h, w, cells = _sizes(n, h, w, cells)
    seed = valid.whole(seed, "the seed")
    noise = torch.rand(n, 1, cells, cells, generator=torch.Generator().manual_seed(seed))
    return cam.upsample(noise, (h, w))[:, 0]


def _sizes(*sizes: int) -> list[int]:
    return [valid.whole(n, "a number of pictures, pixels or cells", 1) for n in sizes]


# ---------------------------------------------------------------- how much of the object is lit


def coverage(maps: Tensor, masks: Tensor, threshold: float = 0.5) -> Tensor:
    """Share of each object's pixels above the threshold: (N, h, w), (N, h, w) bool -> (N,), 0..1.

    The threshold is a fraction of each map's maximum. Raises ValueError for NaN, and for a mask
    without a pixel. Notebook 03.
    """
    maps = valid.tensor(maps, "the maps", "N h w")
    masks, threshold = valid.masks(masks, maps), valid.number(threshold, "the threshold", 0, 1)
    if not masks.any(2).any(1).all():
        raise ValueError("a mask has no pixel, so no share of it is lit: leave such pictures out")
    lit = cam.normalize(maps) > threshold
    return (lit & masks).sum((1, 2)) / masks.sum((1, 2))
