"""What a labelled picture and a set of them are, with the truth about them.

Every data set has a length, `names`, `class_names`, and gives a `Picture` for [i]: the drawn worlds
(`Pictures`, all in memory: `sketchbook`) and photographs on disk (`utils.data`). Notebook 05.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

WORDS = ("captions", "phrases", "questions")  # fields with one entry for each picture


@dataclass(frozen=True)
class Pictures:
    """N pictures and everything that is known about them.

    images      (N, 3, H, W) uint8, RGB
    labels      (N,) int64, indices into class_names
    class_names the C names
    boxes       (N, 4) int64, (x0, y0, x1, y1) half-open, around the labelled object's pixels
    masks       (N, H, W) bool, the visible pixels of the labelled object
    parts       (N, H, W) uint8, 0 = no part, p > 0 = the part called part_names[p]
    part_names  part_names[0] == "", then names such as "bird beak"

    With K objects or questions to a picture (`sketchbook.pairs`, `sketchbook.questions`) labels
    are (N, K), boxes (N, K, 4) and masks (N, K, H, W).

    Some worlds add words, one entry for each picture, empty elsewhere:
    captions    N sentences
    phrases     N tuples of short phrases, each of which stands in the caption
    questions   N tuples of K questions; the answers are class_names[labels]
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    boxes: Tensor
    masks: Tensor
    parts: Tensor
    part_names: tuple[str, ...]
    captions: tuple[str, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    questions: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> "Picture":
        """One picture with one object. Raises ValueError where each has several (pairs, ...)."""
        if self.labels.ndim > 1:
            raise ValueError("each of these pictures has several labels: use .images, .labels, ...")
        boxes = self.boxes[i].reshape(-1, 4)
        return Picture(self.images[i], int(self.labels[i]), boxes, self.masks[i], self.names[i])

    @property
    def names(self) -> tuple[str, ...]:
        """Drawn pictures have numbers for names."""
        return tuple(f"{i:05d}" for i in range(len(self)))

    def subset(self, indices) -> "Pictures":
        """The pictures at `indices` (list, slice, index tensor or bool tensor), in that order."""
        if not isinstance(indices, slice):
            indices = torch.as_tensor(indices)
            indices = indices if indices.dtype == torch.bool else indices.long()
        rows = torch.arange(len(self))[indices]
        taken: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        taken |= {k: v[rows] for k, v in taken.items() if torch.is_tensor(v)}
        taken |= {k: tuple(taken[k][i] for i in rows.tolist()) for k in WORDS if taken[k]}
        return replace(self, **taken)


class Picture(NamedTuple):
    """One labelled picture with the truth about it: what every data set here gives for [i]."""

    image: Tensor  # (3, h, w) uint8, RGB
    label: int  # index into class_names
    boxes: Tensor  # (B, 4), pixels of this picture, half-open; B >= 1
    mask: Tensor | None  # (h, w) bool, the object's pixels, where they are known
    name: str  # no other picture of the data set has it
    ignore: Tensor | None = None  # (h, w) bool, pixels that are neither object nor background


def squashed(boxes: Tensor, image: Tensor, side: int) -> Tensor:
    """Boxes of an image (3, h, w) where it is squashed to side × side pixels: (B, 4) -> (B, 4)."""
    h, w = image.shape[-2:]
    return boxes * side / torch.tensor([w, h, w, h])


def filled(boxes: Tensor, side: int) -> Tensor:
    """The pixels in any of the boxes, rounded: (B, 4) -> (side, side) bool."""
    mask = torch.zeros(side, side, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes.round().long().clamp(min=0).tolist():
        mask[y0:y1, x0:x1] = True
    return mask


def box_of(mask: Tensor) -> Tensor:
    """The box around a mask's pixels: (h, w) bool -> (4,) int64, all 0 if there are none."""
    y, x = mask.any(1).nonzero(), mask.any(0).nonzero()
    if len(y) == 0:
        return torch.zeros(4, dtype=torch.int64)
    return torch.cat([x[0], y[0], x[-1] + 1, y[-1] + 1])
