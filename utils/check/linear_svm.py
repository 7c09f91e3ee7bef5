"""The exercises of notebook 06."""

import torch
from torch import Tensor

from utils import cam  # noqa: F401, the mistakes use it
from utils.check import exercise


def _svms() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
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


@exercise(
    cases=_svms(),
    hint="""
    Write the fraction as two fractions. One holds $F_k$, the other $m_k$. In PyTorch a tensor (C, K) divided by a
    tensor (K,) divides every row; (C, K) times (K,) with `@` sums over the channels.
    """,
    right="Now the SVM takes features as they are, and so it can take f_k(x, y) as it is.",
)
def fold(coef, intercept, mean, scale):
    """Weights u (C, K), intercepts (C,), channel means and deviations (K,) -> w (C, K), b (C,)."""
    w = coef / scale
    b = intercept - w @ mean
    return w, b


fold.mistakes(
    ("w, intercept", "the mean is missing. The scaling subtracts m_k from every channel first: that is a constant, so it goes into b."),
    ("coef / scale", "coef * scale", "you multiplied by the deviation. The scaled feature is divided by s_k, so the weight is, too."),
    ("w, intercept + w @ mean", "the sign of the mean in b is wrong: the scaling subtracts m_k, so b gets smaller by w times m."),
    ("w, intercept - coef @ mean", "w is right. In b you took the SVM's weights as they were: m_k is divided by s_k as well."),
    ("coef / scale", "coef", "the weights are not divided by the deviations s_k."),
    ("coef, b", "b is right. The weights are not divided by the deviations s_k."),
    ("coef / scale", "coef / scale**2", "you divided by the variance. The scaling divides by the deviation s_k, once."),
    (["w, w @ mean", "w, -w @ mean"], "the SVM's own intercept is missing in b."),
    ("w, -b", "b has the wrong sign."),
    (["w, intercept - (mean / scale).sum()", "w, intercept - mean / scale"], "w is right. In b each m_k / s_k needs the SVM's weight of its channel and class."),
    ("w, intercept - w @ (mean / scale)", "w is right. In b you divided by s_k twice: w is divided by it already."),
    ("coef / scale", "coef / scale.sqrt()", "you took the root. scale is the deviation itself, not the variance: divide by it as it is."),
    ("w, intercept - w.sum(1)", "w is right. In b each weight is multiplied by its channel's mean m_k before the sum."),
    ("(coef - mean) / scale, intercept", "you scaled the weights as if they were features. Write out coef . (F - m) / s + intercept and collect what stands with F."),
    (["w, intercept - mean @ w", "w, intercept - (w * mean).sum(0)"], "w is right. In b the sum runs over the channels, the columns of w: w @ mean, not mean @ w."),
    ("w, intercept - (w * mean).sum()", "w is right. In b you summed over the classes as well. Each class has a sum of its own, over the channels: w @ mean."),
    ("w, intercept - w * mean", "w is right. In b * multiplies entry by entry, and the channels are not added up yet: w @ mean."),
    ("w, intercept - (w * mean).mean(1)", "w is right. In b you took the mean over the channels. S_c is a sum over them, and so is what goes into b."),
    ("w, b[:, None]", "w is right. The values of b are, too, but it has an axis of length 1 too many: (C,) is wanted."),
    ("coef / scale", "coef / scale[:, None]", "you divided every row by one number, a deviation for each class. Channels are the columns: (C, K) / (K,) divides each column by its own."),
    ("b, w", "w and b are exchanged. w comes first: return w, b"),
    (["w", "b", "torch.cat([w, b[:, None]], 1)"], "it gives one thing. Two are wanted: return w, b"),
)  # fmt: skip


def _maps() -> list[tuple[Tensor, Tensor, Tensor, Tensor, int]]:
    """Maps f (N, K, H, W), coef (C, K), mean (K,), scale (K,) and a class for each of the SVMs."""
    g = torch.Generator().manual_seed(7)
    sizes = (2, 4, 3, 1), (1, 3, 5, 0), (2, 4, 4, 2)
    return [
        (torch.rand(n, len(mean), h, w, generator=g), coef, mean, scale, c)
        for (coef, _, mean, scale), (n, h, w, c) in zip(_svms(), sizes, strict=True)
    ]


@exercise(
    cases=_maps(),
    hint="""
    One of the two numbers that scale a channel went into $w_k^c$, the other into $b_c$. A bias belongs to no place.
    """,
    right="A new task, an old network, and still one weighted sum.",
)
def svm_map(f, coef, mean, scale, c):
    """M_c: maps (N, K, H, W), u (C, K), channel means and deviations (K,), class c -> (N, H, W)."""
    return torch.einsum("nkhw,k->nhw", f, coef[c] / scale)


svm_map.mistakes(
    ("coef[c] / scale", "coef[c]", "the scaling is missing: the SVM's weights belong to F_k / s_k. Divide by the deviations."),
    ("/ scale", "* scale", "you multiplied by the deviations. Divide by them."),
    ("/ scale", "/ scale**2", "you divided by the variance. The scaling divides by the deviation, once."),
    ("/ scale", "/ scale[c]", "you divided by one deviation. Each channel has its own: divide by scale, not by scale[c]."),
    ("/ scale", "/ scale.mean()", "you divided by the mean of the deviations. Each channel has its own: divide by scale."),
    ("(f * (coef[c] / scale)).sum(1)", "the weights met the columns of the map. They belong to axis 1, the channels: give them two more axes, [:, None, None]."),
    ('torch.einsum("nkhw,ck->nhw", f, coef / scale)', "you added up the maps of all classes. That of class c is wanted: the row coef[c]."),
    ("solution(f - mean[:, None, None], coef, mean, scale, c)", "you subtracted the mean in every cell: the whole map moves by a constant. That constant belongs to no place; it is part of b."),
    ("coef[c]", "coef[0]", "that is the map of class 0, not of class c."),
    ("coef[c]", "coef[c - 1]", "that is the map of the class before c. Classes count from 0."),
    ("solution(f, coef, mean, scale, c).relu()", "negative evidence is gone. M_c may be below 0, and those cells count in S_c."),
    ("coef[c]", "coef[c].relu()", "the negative weights are gone, and the evidence against the class with them: no ReLU here."),
    ("coef[c]", "coef[c].abs()", "you lost the signs of the weights."),
    ("solution(f, coef, mean, scale, c).mean((1, 2))", "that is the mean of the map: the score without its bias. Keep x and y."),
    ("coef[c]", "coef[:, c]", "you took a column of the weights. Those of class c are the row coef[c]."),
    ("cam.normalize(solution(f, coef, mean, scale, c))", "you scaled the map to its maximum. That is for drawing."),
    ("solution(f, coef, mean, scale, c)[:, None]", "the values are right, but a class axis of length 1 is still there: (N, H, W) is wanted."),
    ("cam.class_maps(f, coef / scale)", "these are the maps of all classes. That of class c is wanted: take the row coef[c]."),
    ("solution(f, coef, mean, scale, c)[0]", "that is the map of the first picture only. Keep the axis of the pictures."),
    ("solution(f, coef, mean, scale, c) / f.shape[1]", "you took the mean over the channels. M_c is their weighted sum."),
    ("f * (coef[c] / scale)[:, None, None]", "each channel is weighted, but they are not added up yet: sum over the channels."),
    ("(f * (coef[c] / scale)[:, None, None]).sum(0)", "you added up the pictures. Add up the channels: axis 1."),
)  # fmt: skip


def _boxes() -> list[tuple[Tensor, Tensor, int]]:
    """Pictures (3, h, w), boxes, margins; one reaches over the upper left edge, two over others."""
    g = torch.Generator().manual_seed(8)
    sizes = (
        (30, 40, (10, 5, 22, 12), 3),
        (24, 24, (1, 6, 9, 20), 2),
        (20, 30, (12, 2, 29, 10), 4),
        (26, 18, (4, 9, 10, 25), 3),
    )
    return [
        (torch.randint(0, 256, (3, h, w), generator=g), torch.tensor(box), margin)
        for h, w, box, margin in sizes
    ]


@exercise(
    cases=_boxes(),
    hint="""
    `x0, y0, x1, y1 = box.tolist()`. Rows come first: `picture[:, rows, columns]`. A slice may end beyond
    the edge, Python stops there. But it must not *start* below 0.
    """,
    right="Half-open boxes and slices speak the same language.",
)
def cut_out(picture, box, margin):
    """A box and `margin` pixels on each side: (3, h, w), (4,), pixels -> (3, h', w')."""
    x0, y0, x1, y1 = box.tolist()
    rows = slice(max(0, y0 - margin), y1 + margin)
    columns = slice(max(0, x0 - margin), x1 + margin)
    return picture[:, rows, columns]


def _clipped(picture: Tensor, box: Tensor, margin: int, right: int, below: int) -> Tensor:
    """Cut out, and nothing beyond these two."""
    x0, y0, x1, y1 = box.tolist()
    rows = slice(max(0, y0 - margin), min(below, y1 + margin))
    return picture[:, rows, max(0, x0 - margin) : min(right, x1 + margin)]


cut_out.mistakes(
    ("solution(picture, box[[1, 0, 3, 2]], margin)", "x and y are exchanged. A picture is (3, h, w): rows (y) come before columns (x)."),
    ("max(0, y0 - margin)", "y0 - margin", "max(0, x0 - margin)", "x0 - margin", "at the left or upper edge the start of the slice falls below 0, and Python then counts from the other end. Start at max(0, ...)."),
    ("+ margin", "+ margin + 1", "one pixel too many at the right and below. The box is half-open: x1 and y1 are the first pixels outside, as in a slice."),
    ("+ margin", "+ margin - 1", "one pixel too few at the right and below. The box is half-open, and so is a slice: nothing is to be subtracted."),
    ("_clipped(picture, box, margin, picture.shape[2] - 1, picture.shape[1] - 1)", "at the right or lower edge a pixel is lost: a slice may end at w and h themselves."),
    ("_clipped(picture, box, margin, picture.shape[1], picture.shape[2])", "width and height are exchanged: a picture is (3, h, w), so its width is shape[2]."),
    ("max(0, y0 - margin)", "abs(y0 - margin)", "max(0, x0 - margin)", "abs(x0 - margin)", "abs() turns a start outside into one inside the picture. Beyond the edge the slice starts at 0: max(0, ...)."),
    ("+ margin", "+ 2 * margin", "that is twice the margin on the right and below. Each side gets it once."),
    ("solution(picture, box, margin // 2)", "half the margin is missing: all of it is kept on each side."),
    ("solution(picture, box, 0)", "the margin is missing."),
    ("- margin", "", "there is no margin on the left and above: it is subtracted from x0 and y0."),
    ("+ margin", "", "there is no margin on the right and below: it is added to x1 and y1."),
    ("- margin", "+ margin", "the margin moved the box instead of growing it: it is subtracted from x0 and y0, and added to x1 and y1."),
    ("solution(picture, box, -margin)", "the box got smaller: the margin is subtracted from x0 and y0, and added to x1 and y1."),
    ("x1 + margin", "x0 + x1 + margin", "y1 + margin", "y0 + y1 + margin", "you read the last two numbers as width and height. They are the far corner, x1 and y1."),
    ("max(0", "min(0", "min(0, ...) is never above 0. The larger of the two is wanted: max(0, ...)."),
    ("picture[rows, columns]", "you cut along the colours and the rows. The first axis holds the colours: picture[:, rows, columns]."),
    ("picture[:, rows, columns].permute(1, 2, 0)", "the right pixels, with the colours last. Keep them first, (3, h', w')."),
    ("picture[0, rows, columns]", "the three colours are gone: keep the first axis."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    Each statement compares two rows, or two steps from row to row. Find them, and ask whether the interval of the
    difference leaves room for the opposite. *Same pixels* and *enlarged* hold nothing that the small picture did not.
    """,
    right="Three changes lie in a crop, and no one of them is all of it.",
)
def borne_out():
    """The letters of the statements that the tables bear out, such as {"a", "d"}."""
    return {"b", "c", "f"}


borne_out.statements(
    a="(a) leaving the sky out of the average is the row 'whole, pooled in the box': it brings a few points, the crop several times as many.",
    b="(b) compare 'whole, pooled in the box' with 'enlarged, pooled in the box' or with 'CAM crop, same pixels': the same piece, blown up, without a new pixel.",
    c="(c) is the step from 'enlarged' to 'enlarged, pooled in the box'. Its interval lies well above 0.",
    d="(d) compare 'whole, enlarged' with 'CAM crop, same pixels': the crop leaves out what is not bird, and it is well above.",
    e="(e) the crop in the middle is a closer look too, at the wrong place. It brings nothing.",
    f="(f) 'CAM crop' and 'CAM crop, same pixels' show the same piece. The first has finer pixels, and it is better.",
)
