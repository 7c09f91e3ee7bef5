"""The exercises of notebook 06."""

import torch
from torch import Tensor

from utils import cam
from utils.check.old import judge

Parts = tuple[Tensor, Tensor, Tensor, Tensor]


def _svms() -> list[Parts]:
    """Three times coef (C, K), intercept (C,), mean (K,), scale (K,); the last with C = K."""
    g = torch.Generator().manual_seed(6)
    return [
        (
            torch.randn(c, k, generator=g),
            torch.randn(c, generator=g),
            torch.rand(k, generator=g) + 0.5,
            torch.rand(k, generator=g) * 2 + 0.2,
        )
        for c, k in ((3, 5), (1, 8), (4, 4))
    ]


def _joined(answer):
    """The same function with w and b in one tensor (C, K + 1), so that they can be compared."""
    if not callable(answer):
        return answer

    def together(*case):
        found = answer(*case)
        if found is None or found is Ellipsis:
            return found
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise ValueError("it gives one thing. Two are wanted: return w, b")
        w, b = (torch.as_tensor(t) for t in found)
        if w.shape == case[1].shape and b.shape == case[0].shape:
            raise ValueError("w and b are exchanged. w comes first: return w, b")
        if w.shape != case[0].shape or b.shape != case[1].shape:
            raise ValueError(
                f"it gives w {tuple(w.shape)} and b {tuple(b.shape)}; wanted are (C, K) = "
                f"{tuple(case[0].shape)} and (C,) = {tuple(case[1].shape)}"
            )
        return torch.cat([w, b[:, None]], 1)

    return together


def fold(answer) -> bool:
    """Exercise 1: weights and biases for unscaled features, -> w (C, K), b (C,)."""

    def bias(change):
        return _joined(lambda coef, intercept, m, s: (coef / s, change(coef, intercept, m, s)))

    def both(w):
        return _joined(lambda coef, intercept, m, s: (w(coef, m, s), intercept - w(coef, m, s) @ m))

    return judge(
        _joined(answer),
        bias(lambda coef, intercept, m, s: intercept - (coef / s) @ m),
        _svms(),
        [
            (bias(lambda coef, intercept, m, s: intercept), "the mean is missing. The scaling subtracts m_k from every channel first: that is a constant, so it goes into b."),
            (both(lambda coef, m, s: coef * s), "you multiplied by the deviation. The scaled feature is divided by s_k, so the weight is, too."),
            (bias(lambda coef, intercept, m, s: intercept + (coef / s) @ m), "the sign of the mean in b is wrong: the scaling subtracts m_k, so b gets smaller by w times m."),
            (bias(lambda coef, intercept, m, s: intercept - coef @ m), "w is right. In b you took the SVM's weights as they were: m_k is divided by s_k as well."),
            (both(lambda coef, m, s: coef), "the weights are not divided by the deviations s_k."),
            (both(lambda coef, m, s: coef / s**2), "you divided by the variance. The scaling divides by the deviation s_k, once."),
            (bias(lambda coef, intercept, m, s: (coef / s) @ m), "the SVM's own intercept is missing in b."),
            (bias(lambda coef, intercept, m, s: (coef / s) @ m - intercept), "b has the wrong sign."),
            (_joined(lambda coef, intercept, m, s: (coef / s, intercept - (m / s).sum())), "w is right. In b each m_k / s_k needs the SVM's weight of its channel and class."),
            (_joined(lambda coef, intercept, m, s: ((coef - m) / s, intercept)), "you scaled the weights as if they were features. Write out coef . (F - m) / s + intercept and collect what stands with F."),
            (bias(lambda coef, intercept, m, s: intercept - m @ (coef / s)), "w is right. In b the sum runs over the channels, the columns of w: w @ mean, not mean @ w."),
            (bias(lambda coef, intercept, m, s: intercept - (coef / s * m).mean(1)), "w is right. In b you took the mean over the channels. S_c is a sum over them, and so is what goes into b."),
            (_joined(lambda coef, intercept, m, s: (coef / s[:, None], intercept - (coef / s[:, None]) @ m)), "you divided every row by one number, a deviation for each class. Channels are the columns: (C, K) / (K,) divides each column by its own."),
        ],
        "Now the SVM takes features as they are, and so it can take f_k(x, y) as it is.",
    )  # fmt: skip


def svm_map(answer) -> bool:
    """Exercise 2: the map of one class of an SVM, -> (N, H, W)."""
    g = torch.Generator().manual_seed(7)

    def reference(f: Tensor, coef: Tensor, mean: Tensor, scale: Tensor, c: int) -> Tensor:
        return cam.class_maps(f, coef / scale, c)[:, 0]

    def cells(f, scale):
        return f / scale[:, None, None]

    cases = []
    for (coef, _, mean, scale), (n, h, w), c in zip(
        _svms(), ((2, 4, 3), (1, 3, 5), (2, 4, 4)), (1, 0, 2), strict=True
    ):
        cases.append((torch.rand(n, len(mean), h, w, generator=g), coef, mean, scale, c))

    return judge(
        answer,
        reference,
        cases,
        [
            (lambda f, coef, m, s, c: cam.class_maps(f, coef, c)[:, 0], "the scaling is missing: the SVM's weights belong to F_k / s_k. Divide by the deviations."),
            (lambda f, coef, m, s, c: cam.class_maps(f, coef * s, c)[:, 0], "you multiplied by the deviations. Divide by them."),
            (lambda f, coef, m, s, c: reference(f - m[:, None, None], coef, m, s, c), "you subtracted the mean in every cell: the whole map moves by a constant. That constant belongs to no place; it is part of b."),
            (lambda f, coef, m, s, c: reference(f, coef, m, s, 0), "that is the map of class 0, not of class c."),
            (lambda f, coef, m, s, c: reference(f, coef, m, s, c - 1 if c else 0), "that is the map of the class before c. Classes count from 0."),
            (lambda f, coef, m, s, c: reference(f, coef, m, s, c).relu(), "negative evidence is gone. M_c may be below 0, and those cells count in S_c."),
            (lambda f, coef, m, s, c: reference(f, coef, m, s, c).mean((1, 2)), "that is the mean of the map: the score without its bias. Keep x and y."),
            (lambda f, coef, m, s, c: reference(f, coef.abs(), m, s, c), "you lost the signs of the weights."),
            (lambda f, coef, m, s, c: torch.einsum("nkhw,k->nhw", cells(f, s), coef[:, c]), "you took a column of the weights. Those of class c are the row coef[c]."),
            (lambda f, coef, m, s, c: cam.normalize(reference(f, coef, m, s, c)), "you scaled the map to its maximum. That is for drawing."),
            (lambda f, coef, m, s, c: cam.class_maps(f, coef / s, c), "the values are right, but a class axis of length 1 is still there: (N, H, W) is wanted."),
            (lambda f, coef, m, s, c: cam.class_maps(f, coef / s), "these are the maps of all classes. That of class c is wanted: take the row coef[c]."),
            (lambda f, coef, m, s, c: reference(f, coef, m, s, c) / f.shape[1], "you took the mean over the channels. M_c is their weighted sum."),
            (lambda f, coef, m, s, c: f * (coef[c] / s)[:, None, None], "each channel is weighted, but they are not added up yet: sum over the channels."),
            (lambda f, coef, m, s, c: reference(f, coef, m, s**2, c), "you divided by the variance. The scaling divides by the deviation, once."),
        ],
        "A new task, an old network, and still one weighted sum.",
    )  # fmt: skip


def cut_out(answer) -> bool:
    """Exercise 3: what lies in a box and its margin, (3, h, w), box, margin -> (3, h', w')."""
    g = torch.Generator().manual_seed(8)

    def cut(picture: Tensor, x0, y0, x1, y1) -> Tensor:
        return picture[:, max(0, y0) : y1, max(0, x0) : x1]

    def grown(near: int, far: int, end: int = 0):
        def function(picture: Tensor, box: Tensor, m: int) -> Tensor:
            x0, y0, x1, y1 = box.tolist()
            return cut(
                picture, x0 - near * m, y0 - near * m, x1 + far * m + end, y1 + far * m + end
            )

        return function

    def turned(picture: Tensor, box: Tensor, m: int) -> Tensor:
        return grown(1, 1)(picture, box[[1, 0, 3, 2]], m)

    def unclipped(picture: Tensor, box: Tensor, m: int) -> Tensor:
        x0, y0, x1, y1 = box.tolist()
        return picture[:, y0 - m : y1 + m, x0 - m : x1 + m]

    def lowest(picture: Tensor, box: Tensor, m: int) -> Tensor:
        x0, y0, x1, y1 = box.tolist()
        return picture[:, min(0, y0 - m) : y1 + m, min(0, x0 - m) : x1 + m]

    def colourless(picture: Tensor, box: Tensor, m: int) -> Tensor:
        x0, y0, x1, y1 = box.tolist()
        return picture[max(0, y0 - m) : y1 + m, max(0, x0 - m) : x1 + m]

    def sized(picture: Tensor, box: Tensor, m: int) -> Tensor:
        x0, y0, x1, y1 = box.tolist()
        return cut(picture, x0 - m, y0 - m, x0 + x1 + m, y0 + y1 + m)

    cases = [
        (torch.randint(0, 256, (3, h, w), generator=g), torch.tensor(box), margin)
        for h, w, box, margin in (
            (30, 40, (10, 5, 22, 12), 3),
            (24, 24, (1, 6, 9, 20), 2),
            (20, 30, (12, 2, 29, 10), 4),
        )
    ]
    return judge(
        answer,
        grown(1, 1),
        cases,
        [
            (turned, "x and y are exchanged. A picture is (3, h, w): rows (y) come before columns (x)."),
            (unclipped, "at the left or upper edge the start of the slice falls below 0, and Python then counts from the other end. Start at max(0, ...)."),
            (grown(1, 1, end=1), "one pixel too many at the right and below. The box is half-open: x1 and y1 are the first pixels outside, as in a slice."),
            (grown(1, 1, end=-1), "one pixel too few at the right and below. The box is half-open, and so is a slice: nothing is to be subtracted."),
            (grown(0, 0), "the margin is missing."),
            (grown(0, 1), "there is no margin on the left and above: it is subtracted from x0 and y0."),
            (grown(1, 0), "there is no margin on the right and below: it is added to x1 and y1."),
            (grown(-1, 1), "the margin moved the box instead of growing it: it is subtracted from x0 and y0, and added to x1 and y1."),
            (grown(-1, -1), "the box got smaller: the margin is subtracted from x0 and y0, and added to x1 and y1."),
            (sized, "you read the last two numbers as width and height. They are the far corner, x1 and y1."),
            (lowest, "min(0, ...) is never above 0. The larger of the two is wanted: max(0, ...)."),
            (colourless, "you cut along the colours and the rows. The first axis holds the colours: picture[:, rows, columns]."),
            (lambda picture, box, m: grown(1, 1)(picture, box, m).permute(1, 2, 0), "the right pixels, with the colours last. Keep them first, (3, h', w')."),
            (lambda picture, box, m: grown(1, 1)(picture, box, m)[0], "the three colours are gone: keep the first axis."),
        ],
        "Half-open boxes and slices speak the same language.",
    )  # fmt: skip
