"""The exercises of notebook 05."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from utils.check import exercise

# ---------------------------------------------------------------- exercise 1


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
        (_drawn(5, 8, (1, 0, 7, 5)),),  # larger than the background
    ],
    hint="""
    `ndimage.label` as above. Largest means: most pixels, `(pieces == k).sum()`. Components count from 1.
    `(pieces == k).nonzero()` gives rows (y) and columns (x).
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
    ("max(range(1, count + 1), key=lambda k: (pieces == k).sum())", "np.bincount(pieces.ravel()).argsort()[-2]", "the background need not have the most pixels. Leave out its number, 0, and take the most of the others."),
    ("range(1, count + 1)", "range(count + 1)", "you took the background: it has the number 0, components count from 1."),
    ("pieces == largest", "pieces == largest - 1", "you took the component before the largest: components count from 1, places in a list from 0."),
    ("range(1, count + 1)", "range(1, count)", "the last component was never looked at: range(1, count + 1) ends with count."),
    ("pieces == largest", "the pixels of the component are right. Its box is wanted: the first and last column and row."),
)  # fmt: skip

# ---------------------------------------------------------------- exercise 2

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
    Where does the shared part begin and end? What are its width and height for two boxes that lie apart, and what is the
    product of two negative numbers?
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
    ("min(a[2], b[2])", "max(a[2], b[2])", "min(a[3], b[3])", "max(a[3], b[3])", "the shared part begins at the larger x0 and y0, and ends at the *smaller* x1 and y1."),
    ("(max(w, 0) + max(h, 0)) / (areas - max(w, 0) - max(h, 0))", "you added the shared width and height. The shared area is their product."),
    ("shared / (a[2] * a[3] + b[2] * b[3] - shared)", "the area of a box is its width times its height, and these are x1 - x0 and y1 - y0."),
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

# ---------------------------------------------------------------- exercise 3


def _blurred(picture: Tensor) -> Tensor:
    """A map that keeps its place: the picture's mean, averaged over neighbours."""
    return _mean_of_three(picture.float().mean(0))


def _moved(picture: Tensor) -> Tensor:
    """A map that lies two pixels too far right and one too far down."""
    return _blurred(picture).roll((1, 2), (0, 1))


def _sloped(picture: Tensor) -> Tensor:
    """A map that is brighter on the right and below, whatever the picture shows."""
    M = _blurred(picture)
    return M + torch.arange(M.shape[1]) * 3 + torch.arange(M.shape[0])[:, None] * 2


def _first_channel(picture: Tensor) -> Tensor:
    """A map that tells red from blue."""
    return picture[0].float() - 0.5 * picture[2].float()


def _mean_of_three(M: Tensor) -> Tensor:
    """The mean of three neighbours in a row: (h, w) -> (h, w)."""
    return (M + M.roll(1, 1) + M.roll(-1, 1)) / 3


def _seen() -> list[tuple]:
    """Ways to a map, each with a picture."""
    g = torch.Generator().manual_seed(9)
    sizes = ((6, 9), (7, 7), (8, 5), (6, 6))
    pictures = [torch.randint(0, 256, (3, *s), generator=g).to(torch.uint8) for s in sizes]
    return list(zip((_moved, _sloped, _first_channel, _blurred), pictures, strict=True))


@exercise(
    cases=_seen(),
    hint="""
    `flip(-1)` turns the columns round, of a picture as of a map. How often has it to be done, and where?
    """,
    right="A map that lies where the network looks does not care: the next cells hold it to that.",
)
def mirrored_back(map_of, picture):
    """The map of the mirrored picture, turned back: (3, h, w) uint8 -> (h, w), by map_of(picture)."""
    return map_of(picture.flip(-1)).flip(-1)


mirrored_back.mistakes(
    ("map_of(picture.flip(-1))", "that is the map of the mirrored picture, still mirrored. Turn it back, so that it can be laid on the picture."),
    ("map_of(picture).flip(-1)", "you mirrored the map only. The network has to see the mirrored picture; its map is turned back after that."),
    ("map_of(picture)", "that is the map of the picture itself. Mirror the picture first, and turn its map back."),
    ("map_of(picture.flip(-2)).flip(-2)", "you turned the picture upside down: axis -2 holds the rows. Left and right are the columns, axis -1."),
    (["map_of(picture.flip(-1)).flip(-2)", "map_of(picture.flip(-1)).flip(0)"], "the picture was mirrored along its columns, the map along its rows. Both are axis -1."),
    ("map_of(picture.flip(-2)).flip(-1)", "the picture was mirrored along its rows, the map along its columns. Both are axis -1."),
    (["map_of(picture.flip((-2, -1))).flip((-2, -1))", "map_of(picture.rot90(2, (1, 2))).rot90(2)"], "that is half a turn: rows and columns. A mirror exchanges left and right only, axis -1."),
    ("map_of(picture.flip((-2, -1))).flip(-1)", "the picture was turned by half a turn, the map only mirrored. Flip axis -1 of both."),
    (["map_of(picture.flip(0)).flip(0)", "map_of(picture.flip(0))", "map_of(picture.flip(0)).flip(-1)"], "axis 0 of the picture holds its colours: you exchanged red and blue. The columns are axis -1."),
    ("map_of(picture) - map_of(picture.flip(-1)).flip(-1)", "that is the difference of the two maps. The second map itself is wanted: the next cells compare."),
    (["(map_of(picture) + map_of(picture.flip(-1)).flip(-1)) / 2", "0.5 * map_of(picture) + 0.5 * map_of(picture.flip(-1)).flip(-1)"], "that is the mean of both maps, which hides how far apart they lie. The second one alone is wanted."),
    ("map_of(picture.transpose(-1, -2)).transpose(-1, -2)", "you exchanged rows and columns. A mirror keeps the rows and turns the columns round: flip(-1)."),
    ("picture.flip(-1)", "that is the mirrored picture. Give it to map_of, and turn the map back."),
)  # fmt: skip

# ---------------------------------------------------------------- exercise 4


@exercise(
    cases=[()],
    hint="""
    Which two numbers does a statement compare, does the interval of their difference hold 0, and on which pictures was the
    threshold chosen? The mirror test is evidence too, and so is section 9.
    """,
    right="A number, its interval, its baseline, and what was chosen on what: so a table is read.",
)
def true_of_the_table():
    """The letters of the true statements, such as {"a", "b"}."""
    return {"b", "d", "g"}


true_of_the_table.statements(
    a="(a) 58.0 % at 20 % stands against 60.3 % for the centred box: plain CAM is not ahead there.",
    b="(b) look at the last column of the first row: does the interval hold 0?",
    c="(c) a score is no proof of a place. The corner cell looks at pixel 0 and a tile lays it at 14; and does the interval of that row hold 0?",
    d="(d) compare the two gains in the text below the table, and ask of each interval whether it holds 0.",
    e="(e) the threshold of 65.7 % was chosen on these very pictures, so it is an upper bound (section 8).",
    f="(f) more than five points are those of tiles, shifted at 224 and squeezed at 225. Where the cells look, the two sizes differ by less than one, and the interval holds 0.",
    g="(g) the last line below the table has the interval; section 9 has the same difference on drawings with one thing.",
)
