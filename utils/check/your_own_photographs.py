"""The exercises of notebook 11. `make exercises` writes them into the notebook."""

import torch
from torch import Tensor

from utils import localization
from utils.check import exercise


def _drawn_boxes(n: int, h: int, w: int, seed: int) -> Tensor:
    """N boxes inside h x w pixels, none of them empty: (N, 4) int64."""
    g = torch.Generator().manual_seed(seed)
    ends = [torch.rand(n, 2, generator=g).sort(1).values * (side - 1) for side in (w, h)]
    (x0, x1), (y0, y1) = (e.floor().long().unbind(1) for e in ends)
    return torch.stack([x0, y0, x1 + 1, y1 + 1], 1)


@exercise(
    cases=[
        (_drawn_boxes(3, 300, 451, 1), 300, 451, 289),
        (_drawn_boxes(1, 640, 427, 2), 640, 427, 224),
        (_drawn_boxes(4, 90, 700, 3), 90, 700, 225),
        (torch.tensor([[0, 0, 60, 40]]), 40, 60, 112),
    ],
    hint="""
    Along x, w pixels of the photograph become `side` pixels, so x is multiplied by side / w. And y? A tensor of four
    factors, in the order of the box, multiplies all boxes at once.
    """,
    right="The whole photograph becomes the whole square, whatever its shape.",
)
def on_the_square(boxes, h, w, side):
    """Boxes (N, 4) of a photograph of h x w pixels, on the square of side x side -> (N, 4)."""
    return boxes * torch.tensor([side / w, side / h, side / w, side / h])


on_the_square.mistakes(
    ("boxes * torch.tensor([side / h, side / w, side / h, side / w])", "width and height are exchanged: the entries 0 and 2 of a box are x, and x runs over the width."),
    ("boxes * torch.tensor([w / side, h / side, w / side, h / side])", "that is the way back, from the square to the photograph."),
    ("boxes * torch.tensor([side / w, side / w, side / h, side / h])", "the order of a box is x0, y0, x1, y1, so the factors alternate."),
    ("boxes * (side / max(h, w))", "one factor for both axes keeps the shape. Here the photograph is squashed, so x and y have a factor each."),
    ("boxes * (side / min(h, w))", "one factor for both axes keeps the shape, and crops. Here nothing is cropped: x and y have a factor each."),
    ("boxes * (side / w)", "y has a factor of its own, side / h."),
    ("boxes * (side / h)", "x has a factor of its own, side / w."),
    ("boxes / torch.tensor([w, h, w, h])", "these are fractions of the photograph. In pixels of the square: times its side."),
    ("boxes * side", "the size of the photograph is missing: side / w along x, side / h along y."),
    ("boxes + 0.0", "the boxes are as they were. They have to shrink with the photograph."),
    (["solution(boxes, h, w, side).round()", "solution(boxes, h, w, side).long()"], "you cut the boxes to whole pixels. On the square they may end within one."),
    ("boxes * torch.tensor([(side - 1) / (w - 1), (side - 1) / (h - 1)] * 2)", "nothing is taken off the sizes: w pixels become side pixels."),
    ("torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1) * torch.tensor([side / w, side / h] * 2)", "the last two entries of a box are its far corner, not its width and height."),
    ("boxes * (side / (h * w) ** 0.5)", "one factor for both axes keeps the shape. Here the photograph is squashed, so x and y have a factor each."),
    (["solution(boxes, h, w, side) - torch.tensor([0, 0, 1, 1])", "solution(boxes, h, w, side).clamp(max=side - 1)"], "boxes are half-open here: the far edge is not a pixel, and nothing is subtracted."),
    ("boxes * torch.tensor([side // w, side // h, side // w, side // h])", "// cuts the factor to a whole number, mostly 0. Divide with /."),
)  # fmt: skip


@exercise(
    cases=[
        *((_drawn_boxes(n, 224, 289, seed),) for n, seed in ((3, 4), (4, 5), (2, 6), (6, 7))),
        (torch.tensor([[10, 10, 60, 60], [20, 5, 70, 50], [15, 20, 80, 90]]),),  # all share pixels
    ],
    hint="""
    `torch.triu_indices(N, N, 1)` gives the two members i < j of every pair, each pair once. `localization.iou(a, b)` takes
    N boxes and N boxes and gives N numbers.
    """,
    right="A number without any true box. What it is worth, the next table says.",
)
def steadiness(boxes):
    """Mean IoU over all pairs of different boxes: (N, 4), N >= 2 -> one number in 0..1."""
    i, j = torch.triu_indices(len(boxes), len(boxes), 1)
    return localization.iou(boxes[i], boxes[j]).mean()


_ALL = "localization.iou(boxes[:, None], boxes[None])"

steadiness.mistakes(
    ([f"{_ALL}.mean()", "localization.iou(*boxes[torch.triu_indices(len(boxes), len(boxes))]).mean()"], "every box is compared with itself, too, and agrees perfectly. Only pairs of different boxes count."),
    (f"({_ALL}.sum() - len(boxes)) / len(i)", "each pair is counted twice, as (i, j) and as (j, i). Divide by N (N - 1), or take each pair once."),
    ("localization.iou(boxes[i], boxes[j]).sum() / len(boxes)", "you divided by the number of boxes. There are N (N - 1) / 2 pairs."),
    ("localization.iou(boxes[i], boxes[j]).median()", "that is the median over the pairs. The mean is wanted."),
    ("100 * solution(boxes)", "that is per cent. A number in 0..1 is wanted."),
    ("localization.iou(boxes[i], boxes[j]).sum()", "that is the sum over the pairs. Divide by their number, or take the mean."),
    (f"{_ALL}.triu(1).mean()", "the cells that you set to 0 are counted in the mean. Take the mean over the pairs only."),
    (f"({_ALL}.sum() - len(boxes)) / len(boxes) ** 2", "you took the diagonal out of the sum, but not out of the number of pairs: N (N - 1)."),
    ("localization.iou(boxes[:-1], boxes[1:]).mean()", "you compared neighbours only. Every pair counts, the first and the last too."),
    ("localization.iou(boxes[0], boxes[1:]).mean()", "you compared with the first box only. Every pair counts."),
    ("localization.iou(boxes[i], boxes[j]).min()", "that is the worst pair. The mean is wanted."),
    ("localization.iou(boxes[i], boxes[j]).max()", "that is the best pair. The mean is wanted."),
    ("(localization.iou(boxes[i], boxes[j]) >= 0.5).double().mean()", "that is the share of pairs with an IoU of 0.5 or more. The mean IoU itself is wanted."),
    ("localization.iou(boxes[i], boxes[j])", "that is one number for each pair. Their mean is wanted."),
    ("localization.iou(boxes, boxes.double().mean(0)).mean()", "you compared each box with the mean box. Compare the boxes with each other."),
    ("1 - solution(boxes)", "that is how far they disagree. Steady boxes have a number near 1."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    For each statement: which cell would have shown the contrary, and did it? (a) and (b) are sections 5 and 6, (c) section 9,
    (d) section 8, (e) section 3, (f) the first interval below the last table of section 7.
    """,
    right="You may now say about your photographs what you can show, and no more.",
)
def may_be_said():
    """The letters of what may be said, such as {"a", "b"}."""
    return {"b", "c", "e"}


may_be_said.statements(
    a="a is wrong: the whole picture as a box is perfectly steady, and seldom right.",
    b="b holds: each would have to share more than half of the thing's pixels, so they would share some.",
    c="c holds: the threshold was the best for these very pictures. That flatters it.",
    d="d is wrong: wrongly ordered names raise no error. The names are yours to check, on pictures you know.",
    e="e holds: each map is drawn by its own maximum, so it is bright somewhere even for a class that is not there.",
    f="f is wrong: six pictures bear almost any difference. Look at the interval.",
)
