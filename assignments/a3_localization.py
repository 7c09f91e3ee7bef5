"""Assignment 3: what a number for localization is worth."""

import matplotlib.pyplot as plt
import torch

from tools.classroom.source import Assignment

work = Assignment(
    "a3_localization",
    "What is 60 % worth?",
    after="notebook 05",
    minutes=75,
    story="""
    "Our maps find 60 % of the birds." Is that good? It depends on how the threshold was chosen, on what a
    box would reach that never looks at the picture, and on how much of the map's heat the box leaves out.
    You build the three instruments and use them on a network of the course.
    """,
)

work.given("""
import matplotlib.pyplot as plt
import torch

import sketchbook
from utils import localization, models, networks, plots

net = models.load("objects-gap")
val, test = sketchbook.objects(40, seed=SEED), sketchbook.objects(60, seed=SEED + 1000)
thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def ious(pictures):
    maps = networks.maps_of(net, pictures)
    boxes = [torch.stack([localization.box_from_map(M, t) for M in maps]) for t in thresholds]
    return maps, torch.stack([localization.iou(b, pictures.boxes) for b in boxes], 1)


(val_maps, val_iou), (test_maps, test_iou) = ious(val), ious(test)
print("IoU of each picture at each threshold:", tuple(val_iou.shape), tuple(test_iou.shape))
""")


def _table(g, n, peak, width):
    """IoU (n, width), better near column `peak`."""
    rise = 0.35 - 0.08 * (torch.arange(width) - peak).abs()
    return (torch.rand(n, width, generator=g).double() * 0.6 + rise).clamp(0, 1)


def _far_from_half(g, n):
    """IoU (n, 3): column 0 has the best mean and finds nothing, column 1 finds four in ten."""
    table = torch.full((n, 3), 0.1).double()
    table[:, 0], table[: n * 2 // 5, 1] = 0.48, 0.6
    return table[torch.randperm(n, generator=g)]


def _honest_cases(seed):
    g = torch.Generator().manual_seed(seed + 51)
    plain = [
        (_table(g, 41, 1, 7), _table(g, 153, 5, 7)),
        (_table(g, 37, 5, 6), _table(g, 129, 1, 6)),
        (_far_from_half(g, 50), _table(g, 43, 2, 3)),
    ]
    halves = torch.tensor(
        [[0.5, 0.6, 0.1], [0.5, 0.6, 0.2], [0.1, 0.2, 0.9], [0.7, 0.9, 0.3]]
    ).double()
    halves = halves[torch.randperm(4, generator=g)]
    other = torch.tensor([[0.5, 0.2, 0.5], [0.4, 0.5, 0.9], [0.5, 0.8, 0.6]]).double()
    return {"any tables": plain, "equals and exact halves": [(halves, other)]}


work.text("""
## 1 · An honest threshold

Two tables of IoU, one row for each picture, one column for each threshold. Choose the column that gives the
most pictures with IoU of **at least 0.5** on the first table (the first of equally good ones), and report
that column's share on the **second**. What you choose on must not be what you report.
""")


@work.question(
    points={"any tables": 3, "equals and exact halves": 1},
    cases=_honest_cases,
    hint="`(table >= 0.5).double().mean(0)` is the share for each threshold; `argmax` gives the first maximum.",
    right="On one table you choose, on the other you report.",
    repeat="notebook 05, section 7",
)
def honest(val, test):
    """IoU (N, T), (N', T) -> (number of the column, share found on test)."""
    t = int((val >= 0.5).double().mean(0).argmax())
    return t, (test[:, t] >= 0.5).double().mean()


honest.mistakes(
    ("int((val >= 0.5)", "int((test >= 0.5)", "you chose the threshold on the pictures that you report on: the number is too good.", 2),
    ("int((val >= 0.5)", "int((torch.cat([val, test]) >= 0.5)", "the pictures that you report on took part in the choice.", 2),
    ("(val >= 0.5)", "(val > 0.5)", "(test[:, t] >= 0.5)", "(test[:, t] > 0.5)", "exactly 0.5 is found: >=, not >.", 1),
    ("(val >= 0.5).double()", "val", "you chose by the mean IoU. Choose by the share that is found.", 2),
    ("(test[:, t] >= 0.5).double()", "test[:, t]", "that is the mean IoU. Report the share with at least 0.5.", 1),
    ("(test[:, t] >= 0.5)", "(val[:, t] >= 0.5)", "that is the share on the pictures you chose on. Report the other table's.", 2),
    ("t, (test.amax(1) >= 0.5).double().mean()", "you gave every picture its own best threshold. One is chosen for all.", 2),
    ("(test[:, t] >= 0.5).double().mean()", "the number of the column is missing.", 2),
    ("t", "the share on test is missing.", 3),
    ("t, 100 * (test[:, t] >= 0.5).double().mean()", "that is a percentage. A share lies between 0 and 1.", 1),
    ("(test[:, t] >= 0.5).double().mean(), t", "the two are exchanged: first the column, then the share.", 1),
    ("t = int((val >= 0.5).double().mean(0).argmax())", "t = val.shape[1] - 1 - int((val >= 0.5).double().mean(0).flip(0).argmax())", "of equally good thresholds the first is wanted, not the last.", 1),
    ("t, (test[:, t] >= 0.5).sum()", "that is a number of pictures. Their share is wanted.", 1),
)  # fmt: skip

work.show("""
if ok["honest"]:
    t, share = honest(val_iou, test_iou)
    best = (test_iou >= 0.5).float().mean(0).max()
    print(f"threshold {thresholds[t]}: {share:.1%} of the test pictures found (the best on test itself: {best:.1%})")
""")


def _drawn_boxes(g, n, h, w):
    """n boxes of whole pixels within h x w, at least 3 pixels a side."""
    x0 = torch.randint(0, w - 4, (n,), generator=g)
    y0 = torch.randint(0, h - 4, (n,), generator=g)
    x1 = x0 + 3 + (torch.rand(n, generator=g) * (w - 3 - x0)).long()
    y1 = y0 + 3 + (torch.rand(n, generator=g) * (h - 3 - y0)).long()
    return torch.stack([x0, y0, x1, y1], 1)


def _energy_cases(seed):
    g = torch.Generator().manual_seed(seed + 61)
    both = [
        (torch.randn(n, h, w, generator=g).double(), _drawn_boxes(g, n, h, w))
        for n, h, w in ((4, 9, 12), (3, 14, 8), (1, 10, 10))
    ]
    M, boxes = torch.randn(3, 8, 8, generator=g).double(), _drawn_boxes(g, 3, 8, 8)
    M[1] = -M[1].abs()
    return {"maps of both signs": both, "a map without a pixel above 0": [(M, boxes)]}


work.text("""
## 2 · How much of the heat is in the box

Which share of the map's **positive** values lies in the true box? No threshold is needed. Boxes are
(x0, y0, x1, y1), half-open; a map without a value above 0 gets 0.
""")


@work.question(
    points={"maps of both signs": 3, "a map without a pixel above 0": 1},
    cases=_energy_cases,
    hint="""
    Compare `torch.arange(w)` with x0 and x1, `torch.arange(h)[:, None]` with y0 and y1, and combine the four
    with `&`. Or loop over the pictures and slice: `M[i, y0:y1, x0:x1]`.
    """,
    right="It sees heat beside the object that a box does not.",
    repeat="notebook 05, sections 2 and 8",
)
def heat_inside(M, boxes):
    """Maps (N, h, w), boxes (N, 4) -> (N,), from 0 to 1."""
    P = M.clamp(min=0)
    x0, y0, x1, y1 = boxes.T[:, :, None, None]
    y, x = torch.arange(M.shape[1])[:, None], torch.arange(M.shape[2])
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return (P * inside).sum((1, 2)) / P.sum((1, 2)).clamp(min=1e-12)


heat_inside.mistakes(
    ("M.clamp(min=0)", "M", "values below 0 take part. Only what is above 0 is heat.", 2),
    ("M.clamp(min=0)", "M.abs()", "you lost the sign: what is far below 0 is not hot.", 2),
    ("x < x1", "x <= x1", "y < y1", "y <= y1", "the box is half-open: x1 and y1 lie outside.", 1),
    ("x0, y0, x1, y1 =", "y0, x0, y1, x1 =", "x and y are exchanged: boxes are (x0, y0, x1, y1).", 2),
    ("(P * inside).sum((1, 2)) / P.sum((1, 2))", "one map has nothing above 0: there you divide 0 by 0. It gets 0.", 1),
    ("(P * inside).sum((1, 2)) / P.sum()", "you divided by the heat of all pictures together.", 2),
    ("(P * inside).sum((1, 2)) / inside.sum((1, 2))", "that is the mean heat in the box. Divide by the heat of the whole map.", 2),
    ("((P > 0) & inside).sum((1, 2)) / (P > 0).sum((1, 2)).clamp(min=1)", "you counted the pixels. Add up their values.", 2),
    ("1 - solution(M, boxes)", "that is the share outside.", 1),
    ("M.clamp(min=0)", "M - M.amin((1, 2), keepdim=True)", "you moved the map up until nothing is below 0. Cut it at 0 instead.", 2),
    ("solution(M, boxes) / inside.double().mean((1, 2))", "you divided by the box's share of the picture. That is a concentration.", 2),
    ("(P * inside).sum((1, 2))", "that is the heat itself. Divide by the heat of the whole map.", 2),
    ("solution(M, boxes).mean()", "that is the mean over the pictures. One number for each is wanted.", 2),
    ("(P * ((x >= x0) & (x < x1))).sum((1, 2)) / P.sum((1, 2)).clamp(min=1e-12)", "you looked at x only: y0 and y1 are missing.", 3),
)  # fmt: skip


def _blind_cases(seed):
    g = torch.Generator().manual_seed(seed + 71)
    plain = []
    for n, m in ((21, 40), (15, 31), (19, 53), (17, 47), (25, 61)):
        middle = torch.tensor([30.0, 34.0, 76.0, 80.0]).double()
        train = middle + torch.randn(n, 4, generator=g).double() * 6
        train[:3] = torch.tensor([2.0, 3.0, 108.0, 110.0]).double()
        test = middle + torch.randn(m, 4, generator=g).double() * 11 + 5
        corner = torch.tensor(
            [[116.0, 118, 120, 122], [112, 114, 118, 120], [2, 1, 12, 10]]
        ).double()
        plain.append((train, torch.cat([test, corner])))
    box = torch.tensor([10.0, 10, 30, 30]).double()
    train = torch.stack([box, box, box])
    test = torch.tensor([[10.0, 10, 30, 20], [10, 10, 20, 30], [10, 10, 30, 30], [60, 60, 80, 80]])
    return {"any boxes": plain, "an IoU of exactly one half": [(train, test.double())]}


work.text("""
## 3 · The box that never looks

Take the **median** of each coordinate over the training boxes: one box for all pictures. Which share of the
test boxes has IoU of at least 0.5 with it? What your maps gain over this number is what looking is worth.
""")


@work.question(
    points={"any boxes": 3, "an IoU of exactly one half": 1},
    cases=_blind_cases,
    hint="""
    The overlap is from the larger of the two x0 to the smaller of the two x1; where that is negative there is
    none. The union is the sum of both areas without the overlap.
    """,
    right="No table of localization should be without it.",
    repeat="notebook 05, section 9",
)
def blind(train, test):
    """Boxes (N, 4), (N', 4) -> share of the test boxes that the training boxes' median finds."""
    box = train.double().median(0).values
    low, high = torch.maximum(box[:2], test[:, :2]), torch.minimum(box[2:], test[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = (box[2:] - box[:2]).prod() + (test[:, 2:] - test[:, :2]).prod(1) - shared
    return (shared / union >= 0.5).double().mean()


blind.mistakes(
    ("train.double().median(0).values", "train.double().mean(0)", "that is the mean. A few very large boxes move it: take the median.", 1),
    ("train.double().median(0).values", "test.double().median(0).values", "the box was made from the test boxes: it has seen the answers.", 2),
    ("train.double().median(0).values", "torch.cat([train, test]).double().median(0).values", "the test boxes took part in making the box.", 2),
    (">= 0.5", "> 0.5", "an IoU of exactly 0.5 counts as found: >=, not >.", 1),
    (".clamp(min=0)", "", "boxes that do not touch get a negative width and a negative height, and so an overlap. Cut at 0.", 1),
    (" - shared", "", "the union counts the overlap twice: take it away once.", 2),
    ("(shared / union).mean()", "that is the mean IoU. The share with at least 0.5 is wanted.", 2),
    ("(shared / (test[:, 2:] - test[:, :2]).prod(1) >= 0.5).double().mean()", "you divided by the test box's area: then a box around everything finds all.", 2),
    ("(shared / union >= 0.5).sum()", "that is a number of boxes. Their share is wanted.", 1),
    ("100 * solution(train, test)", "that is a percentage. A share lies between 0 and 1.", 1),
    ("(shared / union >= 0.5).double()", "that is an answer for each box. Their share is wanted.", 1),
    ("1 - solution(train, test)", "that is the share that is missed.", 1),
    (">= 0.5", ">= 0.3", "an IoU of 0.5 is wanted.", 2),
)  # fmt: skip

work.show("""
if ok["blind"] and ok["heat_inside"]:
    print(f"a box that never looks: {blind(val.boxes, test.boxes):.1%}")
    print(f"heat in the true box: {heat_inside(test_maps, test.boxes).mean():.1%},"
          f" of a map that is the same everywhere: {heat_inside(torch.ones_like(test_maps), test.boxes).mean():.1%}")
""")


def _figure_cases(seed):
    g = torch.Generator().manual_seed(seed + 81)
    ts = torch.linspace(0.1, 0.8, 8).double()
    return {"any": [(ts, torch.rand(8, generator=g).double(), 0.31)]}


work.text("""
## 4 · The figure

Draw the share of pictures found against the threshold, and the level that a box reaches which never looks,
both named in a legend. Give the figure and its alt text.
""")


@work.figure(
    cases=_figure_cases,
    shown=lambda ts, found, level: [
        ("the curve of the shares found", ts.tolist(), found.tolist()),
        ("the level of the box that never looks", ts.tolist(), [level] * len(ts)),
    ],
    ask={"x": ("threshold", "maximum"), "y": ("found", "share", "accura", "%", "localiz")},
    points={"labels": 1, "content": 2, "alt text": 1},
    hint="`ax.plot(ts, found, label=...)` and `ax.axhline(level, label=...)`.",
    repeat="notebook 05, section 6",
)
def found_by_threshold(ts, found, level):
    """Thresholds (T,), shares found (T,), level of the blind box -> (fig, alt)."""
    fig, ax = plt.subplots()
    ax.plot(ts, found, "o-", label="CAM")
    ax.axhline(level, linestyle="--", label="a box that never looks")
    ax.set_xlabel("threshold, fraction of the maximum")
    ax.set_ylabel("share of the pictures found")
    ax.legend()
    return (
        fig,
        "The share found rises to a peak and falls again; the box that never looks stays below the peak.",
    )


work.show("""
if ok["blind"]:
    drawn = found_by_threshold(torch.tensor(thresholds), (test_iou >= 0.5).double().mean(0), float(blind(val.boxes, test.boxes)))
    if drawn is not None:
        plots.show(*drawn)
""")

work.text("## 5 · In words")

work.written(
    "which_number",
    """
    You may put one sentence about this network's localization into a report. Write it, with its number, and
    then say in four to seven sentences what the sentence rests on: how the threshold was chosen, what it is
    compared with, how sure 60 pictures make you, and which kind of picture would make it worse.
    """,
    rubric=(
        (1, "The number is the one chosen on val and reported on test, not the best on test."),
        (1, "It is given beside the box that never looks, as a difference."),
        (1, "The uncertainty of 60 pictures is named, such as plus or minus 12 points, or an interval."),
        (1, "A kind of picture that would be worse, with a reason: small things, several things, a thing that is known by one part."),
    ),
    samples=(
        (4, "'At threshold 0.3 the maps find 68 % of the test pictures, 41 points more than the median training box.' The threshold was chosen on 40 other pictures. With 60 pictures the 95 % interval is about 12 points either way, so 60 % would not surprise me. Small things would be worse: a cell of the map is 8 pixels wide."),
        (2, "The maps find 70 % at the best threshold, which is better than the 27 % of the blind box."),
        (0, "CAM localizes very well."),
    ),
)  # fmt: skip
