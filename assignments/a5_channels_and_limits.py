"""Assignment 5: what removing, randomising and masking say about a map."""

import matplotlib.pyplot as plt
import torch

from tools.classroom.source import Assignment

work = Assignment(
    "a5_channels_and_limits",
    "Three ways to doubt a map",
    after="notebook 09",
    minutes=90,
    story="""
    A heat map convinces at once, and that is the trouble with it. You build three instruments of doubt:
    take channels away without leaving a hole, see whether the map notices when the network forgets
    what it learned, and measure what the class's probability does when only the hot part is left.
    """,
)

work.given("""
import copy

import matplotlib.pyplot as plt
import torch

import sketchbook
from utils import models, plots
from utils.networks import CamNetwork

net = models.load("objects-gap")
pictures = sketchbook.objects(24, seed=SEED)
x, labels = net.prepare(pictures.images), pictures.labels
seen = net.forward_pass(x)
f, w, b = seen.f, seen.w, seen.b


def forgetful(n):
    \"\"\"The network with its last n layers drawn anew.\"\"\"
    model = copy.deepcopy(net.model)
    layers = [layer for layer in model.modules() if hasattr(layer, "reset_parameters")]
    torch.manual_seed(SEED)
    for layer in layers[len(layers) - n :]:
        layer.reset_parameters()
    return CamNetwork(model, net.class_names, net.prepare)


print("f", tuple(f.shape), "w", tuple(w.shape))
""")


def _removal_cases(seed):
    g = torch.Generator().manual_seed(seed + 211)

    def one(n, k, h, x, c, m, off):
        f, other = (torch.rand(i, k, h, x, generator=g) ** 2 * 3 for i in (n, m))
        w, b = torch.randn(c, k, generator=g), torch.randn(c, generator=g)
        return f, w, b, off, other

    several = [one(3, 6, 4, 3, 5, 7, [1, 4]), one(2, 5, 3, 5, 4, 4, [0, 2, 3])]
    single = [one(1, 4, 3, 3, 3, 5, [2]), one(4, 7, 2, 6, 2, 3, [6])]
    return {"several channels": several, "one channel": single}


work.text("""
## 1 · Away without a hole

Setting a channel to 0 removes it, but 0 may be a value that hardly any picture gives: a hole. Set F_k of the
channels `off` to their **mean over reference pictures** instead: then they say nothing about this picture. Give
the scores of all classes.
""")


@work.question(
    points={"several channels": 3, "one channel": 1},
    cases=_removal_cases,
    hint="Pool both first. `F[:, off] = ...` changes F in place: fine here, for F is your own.",
    right="What is left is the score of a picture that is average in these channels.",
    repeat="notebook 09, section 8",
)
def scores_without(f, w, b, off, reference):
    """S: (N, K, H, W), (C, K), (C,), list of channels, reference maps (N', K, H, W) -> (N, C)."""
    F = f.mean((2, 3))
    F[:, off] = reference.mean((0, 2, 3))[off]
    return F @ w.T + b


scores_without.mistakes(
    ("F[:, off] = reference.mean((0, 2, 3))[off]", "F[:, off] = 0", "you set the channels to 0. Their mean over the reference pictures is wanted.", 2),
    ("reference.mean((0, 2, 3))", "f.mean((0, 2, 3))", "you took the mean over the pictures themselves. The reference pictures give it.", 1),
    ("reference.mean((0, 2, 3))[off]", "reference[0].mean((1, 2))[off]", "you took the first reference picture. The mean of all is wanted.", 1),
    ("reference.mean((0, 2, 3))[off]", "reference.mean()", "you took one mean of all channels. Each has its own.", 2),
    ("F[:, off] = reference.mean((0, 2, 3))[off]", "F[:] = reference.mean((0, 2, 3))", "you replaced all channels, not only those in off.", 3),
    ("F[:, off] = reference.mean((0, 2, 3))[off]", "on = [k for k in range(F.shape[1]) if k not in off]; F[:, on] = reference.mean((0, 2, 3))[on]", "you replaced the other channels: off are those that go.", 2),
    ("F @ w.T", "the bias b_c is missing.", 1),
    ("f.mean((2, 3)) @ w.T + b - (F @ w.T + b)", "that is by how much the scores fall. The scores themselves are wanted.", 2),
    ("(F @ w.T + b).softmax(1)", "that is P_c. S_c is the input of the softmax.", 1),
    ("f.mean((2, 3)) @ w.T + b", "nothing was removed.", 3),
    ("reference.mean((0, 2, 3))[off]", "reference.amax((0, 2, 3))[off]", "you took the maximum over the reference pictures. Their mean is wanted.", 2),
    ("f.mean((2, 3))", "f.sum((2, 3))", "F_k is the sum here, but this network was trained with the mean.", 2),
    ("(F @ w.T + b).T", "the axes are exchanged: pictures first, then classes.", 1),
    ("reference.mean((0, 2, 3))[off]", "reference.flatten(2).mean(2).median(0).values[off]", "that is the median over the reference pictures. Their mean is wanted.", 1),
)  # fmt: skip

work.show("""
if ok["scores_without"]:
    c = int(labels[0])
    top = w[c].topk(3).indices.tolist()
    zeroed = seen.S[0, c] - (w[c, top] * f[0].mean((1, 2))[top]).sum()
    print(f"{net.class_names[c]}: S = {seen.S[0, c]:.2f}; channels {top} at 0: {zeroed:.2f};"
          f" at their mean over all pictures: {scores_without(f, w, b, top, f)[0, c]:.2f}")
""")


def _pairs(g, n, h, x):
    A = torch.randn(n, h, x, generator=g).double()
    return A, 0.6 * A + torch.randn(n, h, x, generator=g).double()


def _rank_cases(seed):
    g = torch.Generator().manual_seed(seed + 221)
    plain = [_pairs(g, *s) for s in ((3, 5, 6), (1, 7, 4), (4, 4, 4))]
    A, B = _pairs(g, 2, 5, 5)
    B[0] = (2 * A[0]).exp()
    B[1] = -(A[1] ** 3)
    return {"any maps": plain, "the same order on another scale": [(A, B)]}


work.text("""
## 2 · Does the map notice?

If the network forgets, its map has to change; a map that does not explains nothing. Compare two maps by the
**order** of their cells: replace each value by its rank among the cells of its map (there are no ties), and
take the correlation of the ranks. 1: the same order; 0: nothing in common; -1: reversed.
""")


@work.question(
    points={"any maps": 3, "the same order on another scale": 1},
    cases=_rank_cases,
    hint="`v.argsort(1).argsort(1)` gives the ranks: the first tells who is where, the second who comes how late.",
    right="It is Spearman's correlation, and does not care how a map is scaled.",
    repeat="notebook 09, sections 2 and 8",
)
def same_order(A, B):
    """Rank correlation of maps, pair by pair: (N, H, W), (N, H, W) -> (N,)."""
    a, b = (M.flatten(1).argsort(1).argsort(1).double() for M in (A, B))
    a, b = (r - r.mean(1, keepdim=True) for r in (a, b))
    return (a * b).sum(1) / ((a**2).sum(1) * (b**2).sum(1)).sqrt()


same_order.mistakes(
    ("M.flatten(1).argsort(1).argsort(1).double()", "M.flatten(1).double()", "that is the correlation of the values. Take their ranks first.", 2),
    (".argsort(1).argsort(1)", ".argsort(1)", "argsort once gives who is where, not the ranks. Take it twice.", 2),
    ("solution(A, B).abs()", "you lost the sign: a reversed map is not the same.", 1),
    ("1 - solution(A, B)", "that is a distance: 0 where the order is the same.", 1),
    ("-solution(A, B)", "the sign is the wrong way round.", 1),
    ("solution(A, B) ** 2", "you squared the correlation.", 1),
    ("solution(A.reshape(1, -1, 1), B.reshape(1, -1, 1)).expand(len(A))", "you ranked the cells of all pictures together. Each map has its own order.", 2),
    ("solution(A, B).mean()", "that is the mean over the pictures. One number for each pair is wanted.", 1),
    ("r - r.mean(1, keepdim=True)", "r", "the ranks' mean has to be taken away: this is the cosine.", 2),
    ("(a * b).mean(1)", "that is the covariance of the ranks. Divide by both deviations.", 2),
    ("(A.flatten(1).argmax(1) == B.flatten(1).argmax(1)).double()", "you compared the hottest cells only. All cells count.", 3),
    ("((A - B) ** 2).mean((1, 2))", "that is a squared distance of the values.", 3),
    ("torch.stack([(torch.sign(u[:, None] - u) * torch.sign(v[:, None] - v)).sum() / (len(u) * (len(u) - 1)) for u, v in zip(A.flatten(1), B.flatten(1))])", "that is Kendall's tau, which counts pairs. Wanted is the correlation of the ranks.", 1),
    ("solution(A, B)[0]", "that is the first pair only.", 2),
)  # fmt: skip


def _drop_cases(seed):
    g = torch.Generator().manual_seed(seed + 231)
    plain = []
    for n, c in ((7, 4), (5, 3)):
        S = torch.randn(n, c, generator=g).double() * 2
        R = 0.5 * S + torch.randn(n, c, generator=g).double()
        R[0] = S[0]
        plain.append((S, R, torch.randint(0, c, (n,), generator=g)))
        y = plain[-1][2]
        S[1, y[1]], R[1, y[1]] = -1.0, 2.0  # one that rises
        S[2, y[2]], R[2, y[2]] = 3.0, -2.0  # one that falls
        y[3], y[4] = S[3].argmin(), S[4].argmin()
    S = torch.randn(6, 4, generator=g).double() * 3 + 900
    far = (S, S + torch.randn(6, 4, generator=g).double(), torch.randint(0, 4, (6,), generator=g))
    return {"ordinary scores": plain, "very large scores": [far]}


work.text("""
## 3 · When only the hot part is left

S are the scores of whole pictures, R those of the same pictures with only the hot part left, c the class of
each. With P_c the **probabilities**: by what fraction of itself does P_c drop on average, where a rise counts as
no drop? And in which share of the pictures does P_c rise?
""")


@work.question(
    points={"ordinary scores": 4, "very large scores": 1},
    cases=_drop_cases,
    hint="`P[torch.arange(len(c)), c]` picks each picture's own class.",
    right="The literature calls them average drop and increase in confidence. Neither says the map is right.",
    repeat="notebook 01, section 4; notebook 09, section 8",
)
def drop_and_rise(S, R, c):
    """Scores (N, C), (N, C), classes (N,) -> (average drop, share that rises), both from 0 to 1."""
    n = torch.arange(len(c))
    P, Q = S.softmax(1)[n, c], R.softmax(1)[n, c]
    return ((P - Q).clamp(min=0) / P).mean(), (Q > P).double().mean()


drop_and_rise.mistakes(
    ("S.softmax(1)[n, c], R.softmax(1)[n, c]", "S[n, c], R[n, c]", "you compared the scores. The probabilities are wanted.", 3),
    (".clamp(min=0)", "", "a rise counts as no drop: cut at 0.", 1),
    ("(P - Q).clamp(min=0) / P", "(P - Q).clamp(min=0)", "that is the drop itself. It is wanted as a part of P.", 1),
    ("(P - Q).clamp(min=0) / P", "(P - Q).clamp(min=0) / Q", "you divided by what is left. Divide by what there was, P.", 1),
    ("((P - Q).clamp(min=0) / P).mean()", "(P - Q).clamp(min=0).sum() / P.sum()", "you divided the sums. Divide for each picture, then take the mean.", 1),
    ("S.softmax(1)[n, c], R.softmax(1)[n, c]", "S.softmax(1).amax(1), R.softmax(1).amax(1)", "you took the best class. The class c of each picture is wanted.", 2),
    ("softmax(1)", "softmax(0)", "the softmax goes over the pictures. It goes over the classes, axis 1.", 2),
    ("(Q > P)", "(Q >= P)", "the same is no rise: >, not >=.", 1),
    ("(Q > P)", "(Q < P)", "that is the share that falls.", 1),
    ("((P - Q).clamp(min=0) / P).mean()", "the share that rises is missing: two numbers are wanted.", 2),
    ("(Q > P).double().mean(), ((P - Q).clamp(min=0) / P).mean()", "the two are exchanged: first the drop, then the rise.", 1),
    (["100 * ((P - Q).clamp(min=0) / P).mean(), 100 * (Q > P).double().mean()", "100 * ((P - Q).clamp(min=0) / P).mean(), (Q > P).double().mean()"], "percentages: both should lie between 0 and 1.", 1),
    ("S.softmax(1)[n, c], R.softmax(1)[n, c]", "(S.exp() / S.exp().sum(1, keepdim=True))[n, c], (R.exp() / R.exp().sum(1, keepdim=True))[n, c]", "right on paper, but exp overflows for large scores. softmax does not.", 1),
    ("S.softmax(1)[n, c], R.softmax(1)[n, c]", "S.softmax(1)[:, c[0]], R.softmax(1)[:, c[0]]", "you took the first picture's class for all.", 2),
)  # fmt: skip


def _figure_cases(seed):
    g = torch.Generator().manual_seed(seed + 241)
    names = ["none", "head", "last block", "half", "all"]
    return {"any": [(names, torch.rand(5, generator=g).double() * 1.6 - 0.6)]}


work.text("""
## 4 · The figure

Draw how alike the maps are (y, from -1 to 1) against what was forgotten (x, the names in their order), and a
line at 0, where nothing is left of the map. Name the steps on the x axis.
""")


@work.figure(
    cases=_figure_cases,
    shown=lambda names, alike: [
        ("the points of the correlations", list(range(len(names))), alike.tolist()),
        ("the line at 0", list(range(len(names))), [0.0] * len(names)),
    ],
    ask={
        "x": ("layer", "forgot", "random", "anew"),
        "y": ("correlation", "alike", "similar", "order", "rho"),
    },
    points={"labels": 1, "content": 2, "alt text": 1},
    hint="`ax.plot(names, alike, 'o-')` takes names for x; `ax.axhline(0)`.",
    repeat="notebook 09, section 8",
    legend=False,
)
def forgetting(names, alike):
    """Names of the steps, rank correlations (n,) -> (fig, alt)."""
    fig, ax = plt.subplots()
    ax.plot(names, alike, "o-")
    ax.axhline(0, color="grey")
    ax.set_xlabel("layers drawn anew")
    ax.set_ylabel("rank correlation with the true map")
    return (
        fig,
        "The correlation falls from 1 with nothing forgotten towards 0 when the whole network is drawn anew.",
    )


work.show("""
if ok["same_order"]:
    M = net(x, own=labels)[1][:, 0]
    steps = {"none": 0, "head": 1, "5 layers": 5, "9 layers": 9, "all": 100}
    alike = [same_order(M, forgetful(n)(x, own=labels)[1][:, 0]).mean() for n in steps.values()]
    drawn = forgetting(list(steps), torch.stack(alike))
    if drawn is not None:
        plots.show(*drawn)
""")

work.text("## 5 · In words")

work.written(
    "what_it_proves",
    """
    Your curve falls. Somebody concludes: "So these maps show what the network looks at." Say what the curve
    does show, name one map that would also pass this test and still mislead, and propose one more experiment,
    with its control, that could refute the conclusion. Five to eight sentences.
    """,
    rubric=(
        (1, "The curve shows that the map depends on what was learned: a necessary condition, not a proof."),
        (1, "Names a map that passes and misleads, with a reason: such as the map of another class, or the map times -1."),
        (1, "Proposes an experiment that could fail: such as removing the hot part and measuring the score."),
        (1, "Names its control: as large a part elsewhere, another class's map, or channels that pay as much."),
    ),
    samples=(
        (4, "It shows that the map depends on the learned weights; a map that does not change would explain nothing. The map of another class would pass as well, and would mislead. I would paint over the hottest tenth and see how far S_c falls, against a tenth chosen by the map of another class; if both fall alike, the map is not about this class."),
        (2, "It only shows that the map needs the trained network. One could also cover the hot part."),
        (0, "It proves that CAM works."),
    ),
)  # fmt: skip
