"""Assignment 1: which cells decide between two classes."""

import matplotlib.pyplot as plt
import torch

from tools.classroom.source import Assignment

work = Assignment(
    "a1_formulas",
    "Bird rather than boat",
    after="notebooks 00 and 01",
    minutes=60,
    story="""
    A network says *bird*. It might have said *boat*. The map of the bird shows what speaks for a bird;
    it does not show what speaks for a bird **rather than** a boat. In this assignment you make the map
    that does, take parts of a picture away without touching the picture, and count how few cells
    settle the matter.
    """,
)

work.given("""
import matplotlib.pyplot as plt
import torch

import sketchbook
from utils import models, plots

net = models.load("objects-gap")
pictures = sketchbook.pairs(12, seed=SEED)
seen = net.forward_pass(net.prepare(pictures.images))
f, w, b = seen.f, seen.w, seen.b
first, second = pictures.labels.T  # the two things of each picture
print("f", tuple(f.shape), "w", tuple(w.shape), "b", tuple(b.shape))
""")


def _maps(seed, sizes):
    """f (N, K, H, W) with negative entries, w (C, K), b (C,), for each (N, K, H, W, C)."""
    g = torch.Generator().manual_seed(seed + 101)
    return [
        (
            torch.randn(n, k, h, x, generator=g),
            torch.randn(c, k, generator=g),
            torch.randn(c, generator=g),
        )
        for n, k, h, x, c in sizes
    ]


def _difference_cases(seed):
    plain = _maps(seed, [(2, 5, 4, 3, 6), (3, 4, 5, 2, 4)])
    one = _maps(seed + 1, [(1, 6, 3, 7, 5), (1, 3, 6, 6, 3)])
    return {
        "several pictures": [(*m, c, d) for m, c, d in zip(plain, (1, 3), (4, 0), strict=True)],
        "one picture": [(*m, c, d) for m, c, d in zip(one, (4, 0), (2, 1), strict=True)],
    }


work.text("""
## 1 · The map of a difference

In notebook 01, S_c = mean(M_c) + b_c. Write the map D of class c against class d, whose **mean over the
cells is S_c - S_d**, exactly and with nothing to be added. Where D is above 0, the cell speaks for c
rather than d. (The biases belong to no cell: let every cell carry the same part of them.)
""")


@work.question(
    points={"several pictures": 3, "one picture": 1},
    cases=_difference_cases,
    hint="""
    Write S_c - S_d with the identity of notebook 01 and ask which constant, added to each cell, changes
    the mean by b_c - b_d.
    """,
    right="The mean of D is S_c - S_d, and what both classes share is gone.",
    repeat="notebook 01, sections 6 and 8",
)
def difference_map(f, w, b, c, d):
    """D of class c against class d: (N, K, H, W), (C, K), (C,), two classes -> (N, H, W)."""
    M = torch.einsum("nkhw,k->nhw", f, w[c] - w[d])
    return M + (b[c] - b[d])


difference_map.mistakes(
    ("M", "the biases are missing: the mean of your map is not S_c - S_d.", 1),
    ("- w[d]", "- 0 * w[d]", "that is the map of class c with a constant. The map of class d has to be taken away from it.", 2),
    ("solution(f, w, b, d, c)", "you took d against c: the sign is the wrong way round.", 1),
    ("+ (b[c] - b[d])", "+ (b[c] - b[d]) / M[0].numel()", "you shared the biases out among the cells. In a mean each cell carries the whole of b_c - b_d.", 1),
    ("+ (b[c] - b[d])", "+ (b[d] - b[c])", "the biases have the wrong sign: b_c - b_d, as the maps.", 1),
    ("+ (b[c] - b[d])", "+ b[c]", "the bias of class d is missing.", 1),
    ("+ (b[c] - b[d])", "+ b[c] + b[d]", "b_d is added. It goes with M_d, so it is taken away.", 1),
    (["solution(f.relu(), w, b, c, d)", "solution(f, w, b, c, d).relu()"], "a ReLU cuts evidence away, and with it the identity. D may be below 0.", 2),
    ("torch.einsum('nkhw,k->nhw', f, w[c]).relu() - torch.einsum('nkhw,k->nhw', f, w[d]).relu() + (b[c] - b[d])", "you cut both maps off at 0 before the difference. Evidence against d speaks for c: no ReLU.", 2),
    (["solution(f, w.softmax(0), b, c, d)", "solution(f, w.softmax(1), b, c, d)"], "you put a softmax on the weights. S_c is its input: leave it out.", 2),
    ("solution(f, w, b, c, d).abs()", "you lost the sign, which says for which of the two a cell speaks.", 2),
    (["solution(f, w, b, c, d).mean((1, 2))", "f.mean((2, 3)) @ (w[c] - w[d]) + (b[c] - b[d])"], "that is S_c - S_d itself, one number for each picture. Keep the cells.", 3),
    ("solution(f, w, b, c, d) / M[0].numel()", "you divided by H x W. The mean over the cells does that already.", 1),
    ("solution(f, w, b, c, d)[0]", "that is the first picture only. Keep the axis of the pictures.", 2),
)  # fmt: skip

work.show("""
if ok["difference_map"]:
    D = torch.stack([difference_map(f[i:i+1], w, b, int(first[i]), int(second[i]))[0] for i in range(4)])
    fig, axes = plots.row(4, size=2)
    for ax, picture, M, c, d in zip(axes, pictures.images, D, first, second):
        plots.panel(ax, picture, f"{net.class_names[c]} against {net.class_names[d]}")
        ax.imshow(M, extent=(0, 112, 112, 0), cmap="RdBu", vmin=-M.abs().max(), vmax=M.abs().max(), alpha=0.6)
    plots.show(fig, "Four pictures with two things each; blue cells speak for the first, red ones for the second.")
""")


def _without_cases(seed):
    g = torch.Generator().manual_seed(seed + 202)
    some = [
        (*m, torch.rand(len(m[0]), *m[0].shape[2:], generator=g) < 0.6)
        for m in _maps(seed + 2, [(2, 5, 4, 3, 6), (3, 4, 5, 2, 4), (1, 6, 3, 7, 5)])
    ]
    for *_, keep in some:
        keep[:, 0, 0], keep[:, 1, 1] = True, False
    (m,) = _maps(seed + 3, [(2, 4, 3, 5, 3)])
    none = torch.zeros(2, 3, 5, dtype=torch.bool)
    none[1, 2] = True
    return {"some cells left": some, "a picture with no cell left": [(*m, none)]}


work.text("""
## 2 · Without a place

What would the network say without the cells on the boat? Painting over the boat changes all cells that
see the paint. The sum of the map lets you ask directly: keep some cells of f as they are and let the
others **pay nothing**. The mean is still taken over all H x W cells, as the network does. `keep` is True for
the cells that stay. Give the scores of all classes.
""")


@work.question(
    points={"some cells left": 4, "a picture with no cell left": 1},
    cases=_without_cases,
    hint="""
    `keep[:, None]` has the shape (N, 1, H, W). A cell that pays nothing is a 0 in the mean, and not one
    cell less.
    """,
    right="Asking is free: no second pass, no paint.",
    repeat="notebook 01, sections 3 and 6",
)
def scores_of_the_rest(f, w, b, keep):
    """S when only kept cells pay: (N, K, H, W), (C, K), (C,), keep (N, H, W) bool -> (N, C)."""
    F = (f * keep[:, None]).mean((2, 3))
    return F @ w.T + b


scores_of_the_rest.mistakes(
    (["(f * keep[:, None]).sum((2, 3)) / keep.sum((1, 2)).clamp(min=1)[:, None] @ w.T + b", "(f * keep[:, None]).sum((2, 3)) / keep.sum((1, 2))[:, None] @ w.T + b"], "you took the mean over the kept cells. The network's mean has H x W cells: a cell that pays nothing counts as 0.", 2),
    ("keep[:, None]", "~keep[:, None]", "you kept the others: the mask is the wrong way round.", 1),
    ("F @ w.T", "the bias b_c is missing. It belongs to no cell, so it stays.", 1),
    ("F @ w.T + b * keep.float().mean((1, 2))[:, None]", "you took a part of the bias away with the cells. It belongs to no cell, so it stays whole.", 1),
    ("mean((2, 3))", "sum((2, 3))", "F_k is the sum here, but this network was trained with the mean.", 2),
    ("f * keep", "f.relu() * keep", "a ReLU cuts what is negative. Cells may speak against a class.", 1),
    ("(F @ w.T + b).softmax(1)", "that is P_c. S_c is the input of the softmax.", 2),
    ("F @ w.T + b - (f.mean((2, 3)) @ w.T + b)", "that is by how much the scores change. The scores themselves are wanted.", 2),
    ("f.mean((2, 3)) @ w.T + b", "all cells pay: the mask was not used.", 4),
    ("mean((2, 3))", "amax((2, 3))", "F_k is the maximum (GMP) here. This network has GAP, the mean.", 3),
    ("(F @ w.T + b).T", "the axes are exchanged: pictures first, then classes.", 1),
    ("f * keep[:, None]", "f * keep[0]", "you used the first picture's mask for all.", 2),
)  # fmt: skip

work.show("""
if ok["scores_of_the_rest"]:
    boxes = pictures.masks[:, 1].float()[:, None]
    on_second = torch.nn.functional.adaptive_max_pool2d(boxes, f.shape[2:])[:, 0] > 0
    rest = scores_of_the_rest(f, w, b, ~on_second)
    for i in range(6):
        c, d = int(first[i]), int(second[i])
        print(f"{net.class_names[c]:>9} - {net.class_names[d]:<9}: S_c - S_d = {seen.S[i, c] - seen.S[i, d]:6.2f},"
              f" without the {net.class_names[d]}: {rest[i, c] - rest[i, d]:6.2f}")
""")


def _deciding_cases(seed):
    g = torch.Generator().manual_seed(seed + 303)
    plain = [
        (torch.rand(n, h, x, generator=g).double() ** 3 + 0.01,)
        for n, h, x in ((3, 6, 5), (1, 4, 9))
    ]
    mixed = []
    for n, h, x in ((6, 5, 6), (5, 7, 4)):
        D = torch.randn(n, h, x, generator=g).double() * 3
        D[:, 1, 2] = -12
        mixed.append((D - D.mean((1, 2), keepdim=True) + 1,))
    whole = torch.zeros(2, 2, 4).double()
    order = torch.randperm(8, generator=g)
    whole[0].view(-1)[order] = torch.tensor([4.0, 2, 1, 1, 0, 0, 0, 0]).double()
    whole[1].view(-1)[order] = torch.tensor([3.0, 3, 3, 3, 0, 0, 0, 0]).double()
    return {"cells above 0": plain, "cells below 0 as well": mixed, "exactly half": [(whole,)]}


work.text("""
## 3 · How few cells settle it

Take the cells of D from the largest downwards. After how many have you collected **at least half** of the
sum over all cells? If it is two of 196, the network decides at a glance. (The sum is above 0 here. With
cells below 0 the curve rises above the whole before it comes down: stop where half is first reached.)
""")


@work.question(
    points={"cells above 0": 2, "cells below 0 as well": 1, "exactly half": 1},
    cases=_deciding_cases,
    hint="""
    `D.flatten(1).sort(1, descending=True).values.cumsum(1)` is what has been collected after 1, 2, 3, ...
    cells. Count those that are not enough, and think about one more.
    """,
    right="Now compare pictures: where the number is small, one place decides.",
    repeat="notebook 01, sections 5 and 8",
)
def deciding_cells(D):
    """The fewest cells with at least half of the sum: (N, H, W), sum above 0 -> (N,) whole numbers."""
    paid = D.flatten(1).sort(1, descending=True).values.cumsum(1)
    half = D.sum((1, 2))[:, None] / 2
    return (paid < half).long().cumprod(1).sum(1) + 1


deciding_cells.mistakes(
    (" + 1", "", "you counted the cells that are not enough. One more is needed.", 1),
    ("paid < half", "paid <= half", "exactly half is at least half: you took one cell too many there.", 1),
    ("descending=True", "descending=False", "you began with the smallest cells.", 2),
    ("D.sum((1, 2))", "D.clamp(min=0).sum((1, 2))", "you took half of what is above 0. The cells below 0 count in the sum, too.", 1),
    ("D.sum((1, 2))[:, None] / 2", "D.amax((1, 2))[:, None] / 2", "you compared with half the maximum. It is half of the sum.", 3),
    ("(D > D.amax((1, 2), keepdim=True) / 2).sum((1, 2))", "those are the cells above half of the maximum. Wanted is how many it takes to collect half of the sum.", 3),
    ("D.sum((1, 2))[:, None]", "D.sum()", "you took the sum over all pictures. Each picture has its own.", 2),
    ("D.flatten(1).sort(1, descending=True).values", "D.flatten(1).abs().sort(1, descending=True).values", "you lost the signs before sorting.", 1),
    ("D.flatten(1).sort(1, descending=True).values", "D.flatten(1)", "the cells are not sorted yet.", 3),
    ("solution(D) / D[0].numel()", "that is a share of the cells. Their number is wanted.", 1),
    ("(paid < half).long().cumprod(1).sum(1) + 1", "paid.shape[1] - (paid >= half).sum(1)", "you counted the cells that are not enough. One more is needed.", 1),
    ("solution(D)[:1]", "that is the first picture only.", 2),
)  # fmt: skip


def _curve_cases(seed):
    g = torch.Generator().manual_seed(seed + 404)
    return {
        "any maps": [
            (torch.rand(n, h, x, generator=g).double() ** 2 + 0.01,)
            for n, h, x in ((3, 6, 6), (1, 5, 8))
        ]
    }


def _paid(D):
    paid = D.flatten(1).sort(1, descending=True).values.cumsum(1) / D.sum((1, 2))[:, None]
    return [(f"picture {i}", list(range(1, len(p) + 1)), p.tolist()) for i, p in enumerate(paid)]


work.text("""
## 4 · The figure

Draw the curve behind question 3: the number of cells taken, the largest first (x, from 1), against the
**share** of the whole sum that they have collected (y), one curve for each picture, with a legend. Give the
figure and its alt text: two sentences for a reader who cannot see it.
""")


@work.figure(
    cases=_curve_cases,
    shown=_paid,
    ask={"x": ("cell",), "y": ("share", "part", "fraction", "sum", "%", "s_c")},
    points={"labels": 1, "content": 2, "alt text": 1},
    hint="`ax.plot(x, y, label=...)`, `ax.set_xlabel`, `ax.legend()`.",
    repeat="notebook 01, section 8",
)
def collected(D):
    """The curves of D (N, H, W), whose sums are above 0 -> (fig, alt)."""
    fig, ax = plt.subplots()
    for i, p in enumerate(D.flatten(1).sort(1, descending=True).values.cumsum(1)):
        ax.plot(range(1, len(p) + 1), p / p[-1], label=f"picture {i}")
    ax.set_xlabel("cells taken, largest first")
    ax.set_ylabel("share of S_c - S_d collected")
    ax.legend()
    return fig, "Curves that rise steeply: a tenth of the cells collects half of the difference."


work.show("""
if ok["difference_map"]:
    positive = [i for i in range(4) if D[i].sum() > 0]
    drawn = collected(D[positive].double())
    if drawn is not None:
        plots.show(*drawn)
""")

work.text("## 5 · In words")

work.written(
    "cells_below_zero",
    """
    Somebody says: "The cells of D below 0 are the cells that see the boat" (or whatever the second thing is).
    Take one of the pictures above. Say what you would have to find if this were true and what if it were
    not, look (in a cell of your own), and say what you conclude from one picture and what you do not. Four to
    eight sentences. In the cell below question 2, `on_second` says which cells lie on the second thing.
    """,
    rubric=(
        (1, "Names something that would refute the claim, before looking: cells below 0 off the boat, or cells on it above 0."),
        (1, "Looks, with a number: such as the share of the cells below 0 that lie on the boat's mask."),
        (1, "Compares with what a map that knows nothing would give: the share of all cells that lie on the boat."),
        (1, "Separates what was seen in one picture from what holds in general, or notes that a cell sees more than itself."),
    ),
    samples=(
        (4, "If it were true, few cells below 0 would lie off the boat. In picture 2, 41 of 60 such cells are on it: 68 %, where the boat has 20 % of all cells. So they prefer the boat, but a third does not see it, and one picture cannot say more than that; a cell at the edge of the boat sees both."),
        (2, "Most of the cells below 0 are on the boat, 41 of 60, so it is mostly true."),
        (0, "Yes, since the boat is class d and D is M_c - M_d."),
    ),
)  # fmt: skip
