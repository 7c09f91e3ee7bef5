"""Which channels speak for a class, what they see, and what is lost without them.

Zhou et al. 2016 ("the paper"), "Visualizing class-specific units": rank the channels of the last
maps by their weight for the class, show the strongest regions of the first three. How well such a
region agrees with a named part is measured as in Network Dissection (Bau, Zhou, Khosla, Oliva,
Torralba, CVPR 2017, section 2.2): one threshold for each channel over the whole data set, one
intersection over union pooled over all pictures. Derived in notebook 09.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils import cam, valid

TOP_SHARE = 0.005  # of all cells count as strongest (Bau et al. 2017)

# ---------------------------------------------------------------- which channels


def top(values: Tensor, n: int = 3) -> Tensor:
    """The n channels with the largest values, largest first: (..., K) -> (..., n) int64.

    On the weights `w`, (C, K), this is the paper's ranking. Signs count: a large negative weight
    speaks against the class. Raises ValueError for n outside 1..K. Notebook 09.
    """
    values = valid.finite(values, "the values", "... K")
    if not 1 <= valid.whole(n, "n") <= values.shape[-1]:
        raise ValueError(f"n runs from 1 to the {values.shape[-1]} channels, not {n}")
    return values.topk(n, dim=-1).indices


def contributions(f: Tensor, w: Tensor, c: int) -> Tensor:
    """w_k^c F_k, what each channel pays to the score of class c: (N, K, H, W), (C, K) -> (N, K).

    F_k is the mean, as in a network with GAP; a row and the bias add up to S_c. The mean over the
    class's pictures ranks its channels by use instead of by weight. Equation 1; notebook 09.
    """
    F, w = valid.layer(cam.pool(f), w)
    return F * w[valid.whole(c, "c, a class,", 0, len(w) - 1)]


def n_carrying(values: Tensor, share: float = 0.9) -> Tensor:
    """How few channels carry `share` of the positive sum: (..., K) -> (...) int64. Notebook 09."""
    values = valid.finite(values, "the values", "... K")
    if not 0 < valid.number(share, "share") <= 1:
        raise ValueError(f"share is a part of the sum, above 0 up to 1, not {share}")
    positive = values.clamp(min=0).sort(-1, descending=True).values.cumsum(-1)
    return (positive < share * positive[..., -1:]).sum(-1) + (positive[..., -1] > 0)


def without(w: Tensor, channels: Sequence[int] | Tensor) -> Tensor:
    """The weights (C, K) after these channels are removed: their columns are 0, for every class."""
    w = valid.tensor(w, "the weights", "C K").clone()
    w[:, valid.classes(channels, w.shape[1], "channels", 0).to(w.device)] = 0
    return w


def others(values: Tensor, channels: Tensor, draw: torch.Generator) -> Tensor:
    """Channels drawn among the rest, with about the same sum of `values`: (K,), (n,) -> (m,) int64.

    Only positive values are drawn, in a random order, until the sum comes nearest to that of
    `channels`; if all together are less, all are taken. A control for removing `channels`: of
    equal weight with w[c], of equal contribution with what each pays. Notebook 09.
    """
    values = valid.finite(values, "the values", "K")
    valid.instance(draw, torch.Generator, "a torch.Generator, which draws,")
    taken = valid.classes(channels, len(values), "channels", 0)
    left = values > 0
    left[taken] = False
    rest = left.nonzero()[:, 0]
    if not len(rest):
        raise ValueError("no other channel has a positive value, so there is nothing to draw")
    rest = rest[torch.randperm(len(rest), generator=draw)]
    distance = (values[rest].cumsum(0) - values[taken].sum()).abs()
    return rest[: int(distance.argmin()) + 1]


def at_peak(f: Tensor, parts: Tensor, cells: cam.Cells | None = None) -> Tensor:
    """The part's number under the maximum of each map: (N, K, H, W), (N, h, w) -> (N, K) int64.

    Maps are enlarged first, `cells` as in `cam.upsample`. No threshold is involved. Notebook 09.
    """
    f = valid.finite(f, "the feature maps", "N K H W")
    parts = valid.tensor(parts, "the part numbers", "N h w", "whole numbers")
    if len(f) != len(parts):
        raise ValueError(f"the maps of {len(f)} pictures, but the parts of {len(parts)}")
    highest = [
        cam.upsample(some, parts.shape[1:], cells).flatten(2).argmax(2) for some in f.split(25)
    ]
    return parts.flatten(1).gather(1, torch.cat(highest)).long()


# ---------------------------------------------------------------- how far a cell sees


class Field(NamedTuple):
    """The receptive field of the cells of a layer, in pixels; the same along both axes."""

    size: int  # side of the square that one cell sees
    jump: int  # from one cell to the next
    start: float  # middle of the first cell's square, from the picture's edge


def receptive_field(layers: Iterable[nn.Module]) -> Field:
    """What a cell sees after these layers, one after another (nested nn.Sequential, for example).

    Every convolution or pooling with kernel k, stride s, padding p, dilation d widens the square by
    (k - 1) d jumps, moves its middle by ((k - 1) d / 2 - p) jumps and multiplies the jump by s.
    Raises ValueError for a layer it does not know: branches have no single field. Notebook 09.
    """
    if not isinstance(layers, Iterable):
        raise TypeError(f"layers in a row are wanted, [layer, ...], not a {type(layers).__name__}")
    size, jump, start = 1, 1, 0.5  # a pixel sees itself, and its middle lies half a pixel inside
    for layer in _in_order(layers):
        k, s, p, d = (_one(layer, a) for a in ("kernel_size", "stride", "padding", "dilation"))
        start += ((k - 1) * d / 2 - p) * jump
        size += (k - 1) * d * jump
        jump *= s
    return Field(size, jump, start)


def field_box(field: Field, y: int, x: int, height: int, width: int) -> Tensor:
    """What the cell in row y, column x sees of a picture: (x0, y0, x1, y1), half-open, clipped."""
    valid.instance(field, Field, "a Field, from receptive_field,")
    y, x = (valid.whole(i, "a cell's row or column") for i in (y, x))
    height, width = (valid.whole(n, "a side of the picture", 1) for n in (height, width))
    middle = torch.tensor([x, y]) * field.jump + field.start
    corners = torch.cat([middle - field.size / 2, middle + field.size / 2])
    limits = torch.tensor([width, height, width, height])
    return corners.clamp(min=0).minimum(limits).long()


def _in_order(layers: Iterable[nn.Module]) -> Iterable[nn.Module]:
    """The layers with a window; those that work on single cells are passed over."""
    for layer in layers:
        if isinstance(layer, nn.Sequential):
            yield from _in_order(layer)
        elif isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            yield layer
        elif not isinstance(layer, (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Identity, nn.Dropout)):
            raise ValueError(
                f"the receptive field of {type(layer).__name__} is unknown: give convolutions, "
                f"poolings, batch norms and ReLUs in a row, as in net.model.features"
            )


def _one(layer: nn.Module, name: str) -> int:
    value = getattr(layer, name, 1)  # average pooling has no dilation
    values = set(value) if isinstance(value, tuple) else {value}
    if len(values) != 1 or isinstance(value, str):
        raise ValueError(f"{name} {value!r}: square windows with padding in cells are wanted")
    return values.pop()


# ---------------------------------------------------------------- what the channels see


def thresholds(f: Tensor, share: float = TOP_SHARE) -> Tensor:
    """T_k, the value that a share of the channel's cells exceeds: (N, K, H, W) -> (K,).

    One threshold for each channel over *all* pictures, those of other classes included, so a
    channel that is silent in a picture marks nothing there. Bau et al. 2017, section 2.2.
    """
    f = valid.finite(f, "the feature maps", "N K H W")
    if not 0 < valid.number(share, "share") < 1:
        raise ValueError(f"share is a part of all cells, between 0 and 1, not {share}")
    cells = f.transpose(0, 1).flatten(1)
    return cells.topk(max(1, round(share * cells.shape[1])), dim=1).values[:, -1]


def regions(f: Tensor, T: Tensor, size: Sequence[int], cells: cam.Cells | None = None) -> Tensor:
    """Strongest regions at picture size: (N, K, H, W), (K,), (h, w) -> (N, K, h, w) bool.

    Maps are enlarged first, `cells` as in `cam.upsample`, and cut at T_k afterwards, which keeps
    outlines smooth. A dead channel
    (threshold 0) marks nothing. Notebook 09.
    """
    T = _thresholds_of(T, valid.finite(f, "the feature maps", "N K H W"))
    big = cam.upsample(f, size, cells)
    return (big >= T[:, None, None]) & (big > 0)


def _thresholds_of(T: Tensor, f: Tensor) -> Tensor:
    """T_k, one for each channel of f."""
    T = valid.finite(T, "the thresholds T", "K")
    if len(T) != f.shape[1] or T.device != f.device:
        raise ValueError(
            f"one threshold for each of the {f.shape[1]} channels is wanted, on {f.device}, not "
            f"{len(T)} on {T.device}"
        )
    return T


class Overlap(NamedTuple):
    """Pixels counted over a set of pictures: K regions against P masks."""

    both: Tensor  # (K, P) in the region and in the mask
    region: Tensor  # (K,) in the region
    mask: Tensor  # (P,) in the mask

    @property
    def iou(self) -> Tensor:
        """Intersection over union, pooled over the pictures, (K, P); 0 where both are empty."""
        union = self.region[:, None] + self.mask - self.both
        return self.both / union.clamp(min=1)


def overlap(
    f: Tensor,
    T: Tensor,
    masks: Tensor,
    batch_size: int = 25,
    cells: cam.Cells | None = None,
) -> Overlap:
    """Regions of K channels against P masks: (N, K, H, W), (K,), (N, P, h, w) bool -> Overlap.

    `cells` as in `regions`. Pixels are counted over all pictures before the division, so large
    parts weigh more than in a mean over pictures, and pictures without the part count by what is
    marked there. Notebook 09.
    """
    f = valid.finite(f, "the feature maps", "N K H W")
    masks = valid.tensor(masks, "the masks", "N P h w", "True or False")
    batch_size = valid.whole(batch_size, "batch_size", 1)
    if len(f) != len(masks):
        raise ValueError(f"the maps of {len(f)} pictures, but the masks of {len(masks)}")
    both, region = torch.zeros(f.shape[1], masks.shape[1]), torch.zeros(f.shape[1])
    for some_f, some in zip(f.split(batch_size), masks.split(batch_size), strict=True):
        marked = regions(some_f, T, masks.shape[2:], cells).flatten(2).float()
        both += torch.einsum("nkx,npx->kp", marked, some.flatten(2).float())
        region += marked.sum((0, 2))
    return Overlap(both, region, masks.sum((0, 2, 3)).float())


def chance_iou(parts: Overlap, thing: Overlap) -> Tensor:
    """The IoU with each part of regions that care for the thing alone: -> (K, P).

    What a region shares with the thing, `thing` has it in its single column, is spread evenly over
    the thing; what lies beside it stays there. Every part then gets the same share. Notebook 09.
    """
    for o in (parts, thing):
        valid.instance(o, Overlap, "an Overlap, from channels.overlap,")
    if thing.both.shape != (len(parts.both), 1):
        raise ValueError(
            f"the thing is one mask of the same channels: ({len(parts.both)}, 1) is wanted, not "
            f"{tuple(thing.both.shape)}"
        )
    return parts._replace(both=thing.both * parts.mask / thing.mask).iou


def part_masks(parts: Tensor, numbers: Sequence[int] | Tensor) -> Tensor:
    """One mask for each part: part numbers (N, h, w) uint8 -> (N, P, h, w) bool."""
    parts = valid.tensor(parts, "the part numbers", "N h w", "whole numbers")
    some = valid.tensor(numbers, "the parts asked for", "P", "whole numbers")
    return parts[:, None] == some.to(parts)[:, None, None]
