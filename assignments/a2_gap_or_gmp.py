"""Assignment 2: a pooling between the mean and the maximum."""

import math

import matplotlib.pyplot as plt
import torch

from tools.classroom.source import Assignment

work = Assignment(
    "a2_gap_or_gmp",
    "Between the mean and the maximum",
    after="notebooks 01 and 03",
    minutes=75,
    story="""
    GAP asks all cells alike, GMP asks one. Is there nothing between? There is a pooling with a knob: with
    `r` near 0 it is the mean, with large `r` the maximum. You write it, find out whom its gradient
    asks, and put a number on what "one cell" and "all cells" mean.
    """,
)

work.given("""
import math

import matplotlib.pyplot as plt
import torch

import sketchbook
from utils import models, plots

net = models.load("objects-gap")
pictures = sketchbook.objects(24, seed=SEED)
seen = net.forward_pass(net.prepare(pictures.images))
f, w, b, labels = seen.f, seen.w, seen.b, pictures.labels
print("f", tuple(f.shape), "w", tuple(w.shape))
""")


def _some(seed, shapes, scale=1.0, start=0.0):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=g) * scale + start for s in shapes]


PLAIN = [(2, 5, 4, 3), (3, 4, 5, 2), (1, 6, 3, 3)]


def _pool_cases(seed):
    plain = _some(seed + 11, PLAIN)
    large = _some(seed + 12, [(2, 3, 3, 4), (1, 4, 4, 4)], 30, 150)
    return {
        "ordinary values": [(f, r) for f, r in zip(plain, (1.0, 4.0, 0.5), strict=True)],
        "large values": [(f, r) for f, r in zip(large, (5.0, 3.0), strict=True)],
    }


work.text("""
## 1 · The pooling

F_k = (1 / r) log of the **mean** over the cells of exp(r f_k(x, y)). Write it so that it also works where
exp(r f) is larger than any number a float32 can hold: the maps of real networks get there.
""")


@work.question(
    points={"ordinary values": 3, "large values": 1},
    cases=_pool_cases,
    hint="""
    `torch.logsumexp` takes several axes and does not overflow. What is the difference between the log of a
    mean and the log of a sum?
    """,
    right="With r = 0.01 it is GAP to two digits, with r = 100 it is GMP. Try it.",
    repeat="notebook 03, section 1",
)
def soft_pool(f, r):
    """Log-mean-exp pooling: (N, K, H, W), r > 0 -> (N, K)."""
    H, W = f.shape[2:]
    return (torch.logsumexp(r * f, (2, 3)) - math.log(H * W)) / r


soft_pool.mistakes(
    ("torch.logsumexp(r * f, (2, 3)) / r", "that is the log of the *sum*: it grows with the number of cells. The mean divides by H x W.", 2),
    ("torch.logsumexp(r * f, (2, 3)) - math.log(H * W)", "1 / r is missing: the result is r times too large.", 1),
    ("torch.logsumexp(r * f, (2, 3)) / r - math.log(H * W)", "1 / r belongs to the whole logarithm, to log(H W) as well.", 1),
    (["(r * f).exp().mean((2, 3)).log() / r", "torch.log(torch.mean(torch.exp(r * f), (2, 3))) / r"], "right on paper, but exp(r f) overflows for large values. logsumexp does not.", 1),
    ("(torch.logsumexp(f, (2, 3)) - math.log(H * W)) / r", "r is missing inside of exp.", 2),
    ("torch.logsumexp(f, (2, 3)) - math.log(H * W)", "r is not used at all.", 2),
    ("((r * f).flatten(2).softmax(2) * f.flatten(2)).sum(2)", "that is the mean weighted by a softmax: another pooling with a knob. Wanted is the log of the mean of exp.", 2),
    ("f.mean((2, 3))", "that is the mean, GAP: the knob r has no effect.", 3),
    ("f.amax((2, 3))", "that is the maximum, GMP: the knob r has no effect.", 3),
    ("(2, 3)", "2", "only the rows are gone. Both axes 2 and 3 go.", 2),
    ("math.log(H * W)", "math.log(H)", "you divided by the height only. There are H x W cells.", 1),
    ("math.log(H * W)", "math.log(f[0].numel())", "you divided by the channels as well. There are H x W cells to a channel.", 1),
    ("solution(f, r).T", "the axes are exchanged: pictures first, then channels.", 1),
    ("(torch.logsumexp(r * f, (2, 3), keepdim=True) - math.log(H * W)) / r", "the axes 2 and 3 are still there with length 1.", 1),
    ("(torch.logsumexp(r * f, (2, 3)) + math.log(H * W)) / r", "log(H W) has the wrong sign: a mean is a sum *divided* by H W.", 1),
)  # fmt: skip


def _gradient_cases(seed):
    plain = _some(seed + 21, PLAIN)
    large = _some(seed + 22, [(2, 3, 3, 4), (1, 4, 4, 4)], 30, 150)
    w = _some(seed + 23, [(4, 5), (4, 4), (3, 6), (5, 3), (4, 4)])
    return {
        "ordinary values": [
            (*p, 1, r) for *p, r in zip(plain, w[:3], (1.0, 3.0, 0.5), strict=True)
        ],
        "large values": [(*p, 2, r) for *p, r in zip(large, w[3:], (2.0, 1.0), strict=True)],
    }


work.text("""
## 2 · Whom it asks

Let S_c = b_c + the sum over k of w_k^c F_k, with the F_k of question 1. Write dS_c / df_k(x, y): by how much the
score rises for a small change of each cell. GAP gives every cell the same, GMP gives everything to one. Derive
it by hand first. (GAP "asks" all cells, GMP one: the gradient says how much each is asked.)
""")


@work.question(
    points={"ordinary values": 4, "large values": 1},
    cases=_gradient_cases,
    hint="""
    The derivative of log sum exp(r f) by one f is r times a softmax. Over which cells does that softmax go,
    and what happens to the r?
    """,
    right="A softmax over the cells: every channel hands its weight out, and r says how generously.",
    repeat="notebook 03, section 4",
)
def soft_gradient(f, w, c, r):
    """dS_c / df: (N, K, H, W), (C, K), class, r > 0 -> (N, K, H, W)."""
    p = (r * f).flatten(2).softmax(2).view(f.shape)
    return w[c][:, None, None] * p


soft_gradient.mistakes(
    ("p", "w is missing: S_c counts each F_k with the weight of its channel.", 2),
    ("r * w[c][:, None, None] * p", "the r of the derivative and the 1 / r of the pooling cancel.", 1),
    ("w[c][:, None, None] * p / r", "1 / r is too much: it cancels with the r of the derivative.", 1),
    ("w[c][:, None, None] * p / f[0, 0].numel()", "the mean's 1 / (H W) cancels: the shares add up to 1 already.", 1),
    ("(r * f)", "f", "r is missing in the softmax.", 2),
    ("flatten(2).softmax(2)", "softmax(1)", "the softmax goes over the channels. It goes over the cells of one channel.", 2),
    ("flatten(2).softmax(2)", "flatten(1).softmax(1)", "the softmax goes over all channels together. Each channel has one of its own.", 2),
    ("flatten(2).softmax(2)", "softmax(2)", "the softmax goes over the rows only. It goes over all cells.", 2),
    ("flatten(2).softmax(2)", "softmax(3)", "the softmax goes over the columns only. It goes over all cells.", 2),
    ("w[c][:, None, None].expand(f.shape) / f[0, 0].numel()", "that is GAP's gradient: the same for every cell.", 3),
    ("(f == f.amax((2, 3), keepdim=True)) * w[c][:, None, None]", "that is GMP's gradient: everything to the winner.", 3),
    ("w[c]", "w[0]", "those are the weights of class 0.", 1),
    ("w[c]", "w[c - 1]", "those are the weights of the class before c. Classes count from 0.", 1),
    ("w[c]", "w.abs()[c]", "you lost the signs of the weights.", 1),
    ("(w[c][:, None, None] * p).sum(1)", "you added up the channels. The gradient has one value for each.", 2),
    ("(r * f).exp() / (r * f).exp().sum((2, 3), keepdim=True) * w[c][:, None, None]", "right on paper, but exp overflows for large values. softmax does not.", 1),
    ("w[c][:, None, None] * p * f", "f times the gradient is what each cell pays. The gradient alone is wanted.", 2),
)  # fmt: skip

work.show("""
if ok["soft_gradient"]:
    i, c = 0, int(labels[0])
    k = int((w[c] * f[i].mean((1, 2))).argmax())
    fig, axes = plots.row(4, size=2)
    plots.panel(axes[0], pictures.images[i], net.class_names[c])
    for ax, r in zip(axes[1:], (0.1, 2.0, 20.0)):
        ax.imshow(soft_gradient(f[i:i+1], w, c, r)[0, k])
        ax.set_title(f"r = {r}")
    plots.show(fig, "A picture, and whom its most important channel asks: everybody, some cells, one cell.")
""")


def _charge_cases(seed):
    plain = _some(seed + 31, PLAIN)
    even = torch.full((2, 3, 3, 4), -0.25)
    even[1] = 0
    even[1, :, 1, 2] = torch.tensor([2.0, -3.0, 0.5])
    return {"any gradients": [(g,) for g in plain], "all cells alike, or one cell": [(even,)]}


work.text("""
## 3 · How many cells are in charge

A number between "one" and "all": let p be the **absolute** gradient of a channel as shares that add up to 1
over its cells; then 1 / (sum of p squared) is H x W where all are alike and 1 where one has everything.
""")


@work.question(
    points={"any gradients": 3, "all cells alike, or one cell": 1},
    cases=_charge_cases,
    hint="Take the absolute values, divide by their sum over axes 2 and 3, and only then square.",
    right="Physicists call it participation ratio, ecologists the effective number of species.",
    repeat="notebook 03, section 4",
)
def cells_in_charge(g):
    """The effective number of cells: gradients (N, K, H, W) -> (N, K), from 1 to H x W."""
    p = g.abs()
    p = p / p.sum((2, 3), keepdim=True)
    return 1 / (p**2).sum((2, 3))


cells_in_charge.mistakes(
    ("(p**2).sum((2, 3))", "the number is 1 divided by that.", 1),
    ("g.abs()", "g", "without the absolute value shares of both signs cancel in the sum.", 1),
    ("g.abs()", "g.relu()", "cells with a negative gradient are asked, too: take the absolute value.", 1),
    ("p = p / p.sum((2, 3), keepdim=True)", "p = p", "the shares have to add up to 1 first: divide by their sum.", 2),
    ("solution(g) / g[0, 0].numel()", "that is a share of the cells. Their number is wanted.", 1),
    ("(-(p * p.clamp(min=1e-30).log()).sum((2, 3))).exp()", "that is the exponential of the entropy: another effective number. Wanted is 1 / sum of squares.", 2),
    ("1 / p.amax((2, 3))", "that is 1 / the largest share. Wanted is 1 / the sum of the squares.", 2),
    ("(g != 0).sum((2, 3))", "that counts the cells that are asked at all, however little.", 3),
    ("(p > p.amax((2, 3), keepdim=True) / 2).sum((2, 3))", "that counts the cells above half of the maximum.", 3),
    ("p.sum((2, 3), keepdim=True)", "p.sum((1, 2, 3), keepdim=True)", "the shares go over all channels together. Each channel has its own.", 2),
    ("1 / (p**2).sum((2, 3)).sqrt()", "the root is too much.", 1),
    ("1 / (p**2).mean((2, 3))", "you took the mean of the squares. It is their sum.", 1),
    ("p.sum((2, 3), keepdim=True)", "p.amax((2, 3), keepdim=True)", "you divided by the maximum. The shares have to add up to 1: divide by the sum.", 2),
    ("solution(g)[0]", "that is the first picture only.", 2),
)  # fmt: skip


def _figure_cases(seed):
    g = torch.Generator().manual_seed(seed + 41)
    rs = torch.tensor([0.1, 0.3, 1, 3, 10, 30]).double()
    cells = (100 * torch.rand(6, generator=g).double() + 2).sort(descending=True).values
    return {"any": [(rs, cells, 144)]}


work.text("""
## 4 · The figure

Draw the cells in charge against r, on a **logarithmic** x axis, and two level lines: where GAP stands
(all H x W cells) and where GMP stands (1). Label all three in a legend. Give figure and alt text.
""")


@work.figure(
    cases=_figure_cases,
    shown=lambda rs, cells, n: [
        ("the curve of the cells in charge", rs.tolist(), cells.tolist()),
        ("the level of GAP", rs.tolist(), [float(n)] * len(rs)),
        ("the level of GMP", rs.tolist(), [1.0] * len(rs)),
    ],
    ask={"x": ("r",), "y": ("cell",)},
    points={"labels": 1, "content": 2, "alt text": 1},
    hint="`ax.semilogx`, `ax.axhline(y, label=...)`.",
    repeat="notebook 03, section 7",
    log_x=True,
)
def from_mean_to_maximum(rs, cells, n):
    """Values of r (R,), cells in charge (R,), number of all cells -> (fig, alt)."""
    fig, ax = plt.subplots()
    ax.semilogx(rs, cells, "o-", label="cells in charge")
    ax.axhline(n, linestyle="--", label="GAP: all")
    ax.axhline(1, linestyle=":", label="GMP: one")
    ax.set_xlabel("r")
    ax.set_ylabel("cells in charge")
    ax.legend()
    return (
        fig,
        "A curve that falls from all 144 cells at small r to a handful at r = 30, towards the line of GMP.",
    )


work.show("""
if ok["soft_gradient"] and ok["cells_in_charge"]:
    rs = torch.logspace(-1, 1.5, 12)
    cells = [cells_in_charge(soft_gradient(f, w, int(labels[0]), float(r))).mean() for r in rs]
    drawn = from_mean_to_maximum(rs, torch.stack(cells), f[0, 0].numel())
    if drawn is not None:
        plots.show(*drawn)
""")

work.text("## 5 · In words")

work.written(
    "which_r",
    """
    Somebody wants to *train* a network with this pooling, for localization, and asks you for r. Describe the
    experiment that answers the question: what is trained, what is measured, on which pictures r is chosen,
    and what you would have to see to say "r makes no difference". Five to eight sentences.
    """,
    rubric=(
        (1, "Several r, GAP and GMP among them, each with the same recipe and at least three seeds."),
        (1, "A measure of localization and, beside it, classification, so that a loss there is seen."),
        (1, "r is chosen on one split with boxes and reported on another."),
        (1, "A paired interval or the spread over seeds decides; 'no difference' is an interval around 0 that is narrow enough to matter."),
    ),
    samples=(
        (4, "Train with r = 0.1, 1, 3, 10, 30, and with mean and maximum, three seeds each. Measure top-1 and MaxBoxAcc. Pick r on 200 pictures with boxes, report on another 500. If the paired 95 % interval of best r minus GAP lies within 1 point of 0, r makes no difference worth having."),
        (2, "Train one network for each r and take the one with the best boxes on the test pictures. Accuracy should stay the same."),
        (0, "r = 5, since it is between the mean and the maximum."),
    ),
)  # fmt: skip
