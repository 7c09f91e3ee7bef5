"""Where a cell of a map looks: the middle, the step and the size of its field, for any network.

Along the path from the picture to the maps every convolution and pooling with kernel k, stride s,
padding p and dilation d widens the field by (k - 1) d jumps, moves its middle by
((k - 1) d / 2 - p) jumps and multiplies the jump by s. Where branches meet, the field holds them
all. Notebook 09 derives the rules for layers in a row; here they follow the operations of a forward
pass, so they hold for any graph.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from utils import valid
from utils.cam import Cells
from utils.recognition import Operation

WINDOWS = ("aten.max_pool2d_with_indices", "aten.avg_pool2d", "aten.max_pool2d")


class Field(NamedTuple):
    """What the cells of a map see, along one axis, in pixels of the network's input."""

    size: float  # side of what one cell sees
    jump: float  # from one cell to the next
    start: float  # middle of what the first cell sees, from the picture's edge


class Grid(NamedTuple):
    """The cells of a tensor: the fields down and across, and how many there are."""

    fields: tuple[Field, Field]
    cells: tuple[int, int]  # H, W


def grids(operations: Sequence[Operation], x: Tensor) -> dict[int, Grid]:
    """The grid of every tensor of a forward pass of x (N, c, h, w) that has one, by its id().

    Raises TypeError for what is no list of operations, ValueError for what are no pictures.
    """
    for o in valid.sequence(operations, "the operations of a forward pass (recognition.Trace)"):
        valid.instance(o, Operation, "an operation of recognition.Trace")
    x = valid.tensor(x, "the pictures of that forward pass", "N c h w")
    pixel = Field(1, 1, 0.5)
    known = {id(x): Grid((pixel, pixel), (x.shape[2], x.shape[3]))}
    for o in operations:
        before = [(t, known[id(t)]) for t in o.inputs if id(t) in known]
        if not before:
            continue
        found = (
            _windowed(o, before[0])
            or _cut(o, before[0])
            or _kept(o.out, [g for _, g in before], len(x))
        )
        if found:
            known[id(o.out)] = found
    return known


def cells(operations: Sequence[Operation], x: Tensor, f: Tensor) -> Cells | None:
    """Where the cells of f look, as parts of the pictures x; None where it cannot be followed.

    Raises as `grids` does.
    """
    valid.instance(f, Tensor, "a tensor of that forward pass")
    grid = grids(operations, x).get(id(f))
    if grid is None:
        return None
    (h, w), (down, across) = x.shape[2:], grid.fields
    return Cells((down.start / h, across.start / w), (down.jump / h, across.jump / w), grid.cells)


def _windowed(o: Operation, before: tuple[Tensor, Grid]) -> Grid | None:
    """Behind a convolution or pooling."""
    if o.name in ("aten.convolution", "aten._convolution") and not o.arguments[6]:
        kernel = o.arguments[1].shape[2:]
        stride, padding, dilation = (_pair(o.arguments[i]) for i in (3, 4, 5))
    elif o.name in WINDOWS:
        given = [*o.arguments[1:], *([], 0, 1)[len(o.arguments) - 2 :]]
        kernel, stride, padding = (
            _pair(v or given[0]) if i < 2 else _pair(v) for i, v in enumerate(given[:3])
        )
        dilation = (1, 1) if o.name == "aten.avg_pool2d" else _pair(given[3])
    else:
        return None
    axes = zip(before[1].fields, kernel, stride, padding, dilation, strict=True)
    fields = [
        Field(f.size + (k - 1) * d * f.jump, f.jump * s, f.start + ((k - 1) * d / 2 - p) * f.jump)
        for f, k, s, p, d in axes
    ]
    return Grid((fields[0], fields[1]), (o.out.shape[2], o.out.shape[3]))


def _cut(o: Operation, before: tuple[Tensor, Grid]) -> Grid | None:
    """Behind a padding, or a slice with or without steps, along the height or the width."""
    t, grid = before
    at = _axes_of(t, grid.cells)
    if at is None or o.name not in ("aten.constant_pad_nd", "aten.slice"):
        return None
    shift: dict[int, int] = {}
    step: dict[int, int] = {}
    if o.name == "aten.constant_pad_nd":
        pads = list(o.arguments[1])
        shift = {t.ndim - 1 - i: -pads[2 * i] for i in range(len(pads) // 2)}
    else:
        given = [*o.arguments[1:], *[0, 0, None, 1][len(o.arguments) - 1 :]]
        dim, start, by = given[0], given[1], given[3]
        shift, step = {dim % t.ndim: max(0, start or 0)}, {dim % t.ndim: by}
    fields = [
        Field(f.size, f.jump * step.get(axis, 1), f.start + shift.get(axis, 0) * f.jump)
        for f, axis in zip(grid.fields, at, strict=True)
    ]
    return Grid((fields[0], fields[1]), (o.out.shape[at[0]], o.out.shape[at[1]]))


def _kept(out: Tensor, before: Sequence[Grid], n: int) -> Grid | None:
    """Behind anything that leaves the cells where they are; where branches meet, all of them."""
    here = [g for g in before if _holds(out, g.cells, n)]
    if not here:
        return None
    most = max(here, key=lambda g: g.cells)
    here = [g for g in here if g.cells == most.cells]
    return Grid((_union(here, 0), _union(here, 1)), most.cells)


def _union(grids: Sequence[Grid], axis: int) -> Field:
    """The field that holds the fields of all branches."""
    fields = [g.fields[axis] for g in grids]
    low = min(f.start - f.size / 2 for f in fields)
    high = max(f.start + f.size / 2 for f in fields)
    return Field(high - low, max(f.jump for f in fields), (low + high) / 2)


def _axes_of(t: Tensor, cells: tuple[int, int]) -> tuple[int, int] | None:
    """The axes of a tensor along which the cells lie: (2, 3) for channels first."""
    for first in range(t.ndim - 2, 0, -1):
        if tuple(t.shape[first : first + 2]) == cells:
            return first, first + 1
    return None


def _holds(t: Tensor, cells: tuple[int, int], n: int) -> bool:
    """Whether a tensor may hold these cells, in a square, in a row, or with the pictures."""
    row = cells[0] * cells[1]
    if row < 2:
        return False
    in_a_row = row in t.shape[1:] or (t.ndim < 4 and t.shape[0] == n * row)
    return _axes_of(t, cells) is not None or in_a_row


def _pair(value) -> tuple[int, int]:
    numbers = list(value) if isinstance(value, (tuple, list)) else [value]
    return (numbers[0], numbers[-1])
