"""Assignment 4: linear classifiers on GAP features, without a library."""

import matplotlib.pyplot as plt
import torch

from tools.classroom.source import Assignment

work = Assignment(
    "a4_linear",
    "Three lines and a new task",
    after="notebook 06",
    minutes=80,
    story="""
    A network that has never heard of bird species holds them in its channels. You write two linear
    classifiers from nothing, one of which only knows the mean of each class, and see how few pictures
    they need. Each is linear in F_k, so each has a class activation map for nothing.
    """,
)

work.given("""
import matplotlib.pyplot as plt
import torch

import sketchbook
from utils import cam, features, models, plots

net = models.load("objects-gap")
train, test = sketchbook.birds(80, seed=SEED), sketchbook.birds(80, seed=SEED + 1000)
F_train, F_test = (features.features(net, some.images).double() for some in (train, test))
C = len(train.class_names)
print("features", tuple(F_train.shape), "of", C, "species")
""")


def _features(g, n, k, spread=1.0):
    """Features (n, k) of unlike channels, float64."""
    scale = torch.rand(k, generator=g).double() * 3 + 0.5
    return torch.randn(n, k, generator=g).double() * scale * spread + torch.arange(k)


def _standard_cases(seed):
    g = torch.Generator().manual_seed(seed + 111)
    plain = [(_features(g, n, k), _features(g, m, k) + 1) for n, m, k in ((9, 7, 4), (6, 11, 5))]
    still = _features(g, 8, 3)
    still[:, 1] = 4.0
    return {
        "ordinary channels": plain,
        "a channel that never changes": [(still, _features(g, 5, 3))],
    }


work.text("""
## 1 · The same ruler for all

Bring every channel to mean 0 and deviation 1 **as measured on the training features**, and apply that to the
test features. (Deviation: root of the mean squared distance, divided by N. Where a channel never changes
on the training features, divide by 1.)
""")


@work.question(
    points={"ordinary channels": 3, "a channel that never changes": 1},
    cases=_standard_cases,
    hint="`train.std(0, correction=0)` divides by N. `torch.where(sd > 0, sd, 1)` takes care of the rest.",
    right="What was measured on test pictures would have leaked into the classifier.",
    repeat="notebook 06, section 4",
)
def standardised(train, test):
    """Features (N, K), (N', K) -> test features (N', K) on the training features' scale."""
    sd = train.std(0, correction=0)
    sd = torch.where(sd > 0, sd, 1.0)
    return (test - train.mean(0)) / sd


standardised.mistakes(
    ("(test - test.mean(0)) / test.std(0, correction=0)", "mean and deviation come from the test features: each set has a ruler of its own then.", 2),
    ("train.std", "torch.cat([train, test]).std", "train.mean", "torch.cat([train, test]).mean", "the test features took part in the mean and the deviation.", 2),
    ("train.mean(0)", "test.mean(0)", "the mean is that of the test features.", 2),
    ("train.std(0, correction=0)", "train.std(0)", "that divides by N - 1. Here it is N: correction=0.", 1),
    ("sd = torch.where(sd > 0, sd, 1.0)", "sd = sd", "a channel never changes on the training features, and you divide by 0. Divide by 1 there.", 1),
    (["(test - train.mean(0)) / (train.std(0, correction=0) + 1e-6)", "(test - train.mean(0)) / (train.std(0, correction=0) + 1e-8)", "(test - train.mean(0)) / (train.std(0, correction=0) + 1e-7)"], "a tiny number added to the deviation blows up a channel that never changes. Divide by 1 there.", 1),
    ("test / sd", "the mean was not taken away.", 2),
    ("test - train.mean(0)", "the deviation is missing.", 2),
    ("(train - train.mean(0)) / sd", "those are the training features. The test features are wanted.", 2),
    ("(test - train.mean(0)) / sd**2", "you divided by the variance. The deviation is its root.", 1),
    ("(test - train.mean()) / train.std(correction=0)", "you used one mean and one deviation for all channels. Each has its own.", 2),
    ("(test - test.mean(1, keepdim=True)) / test.std(1, correction=0, keepdim=True)", "you standardised each picture. Each channel is wanted: axis 0.", 3),
    ("(test - train.median(0).values) / sd", "that is the median. The mean is wanted.", 1),
)  # fmt: skip


def _labels(g, n, c):
    """n labels, each class at least twice, in any order."""
    y = torch.cat(
        [torch.arange(c), torch.arange(c), torch.randint(0, c, (n - 2 * c,), generator=g)]
    )
    return y[torch.randperm(n, generator=g)]


def _mean_cases(seed):
    g = torch.Generator().manual_seed(seed + 121)
    even = []
    for c, each, k in ((3, 4, 5), (4, 3, 4)):
        y = torch.arange(c).repeat(each)
        even.append((_features(g, len(y), k), y, c))
    odd = []
    for n, c, k in ((17, 3, 4), (13, 2, 6)):
        y = _labels(g, n, c)
        y[y == 0] = torch.where(torch.rand(int((y == 0).sum()), generator=g) < 0.3, 0, 1)
        y[:2], y[2:5] = 0, torch.tensor([1, 1, c - 1])
        odd.append((_features(g, n, k), y, c))
    return {"classes of one size": even, "classes of several sizes": odd}


work.text("""
## 2 · The nearest mean is linear

Give a picture to the class whose mean feature is nearest. The squared distance is |F|² - 2 F·mu_c + |mu_c|²,
and |F|² is the same for all classes. So with **w_c = mu_c** and the right b_c, the highest S_c = w_c·F + b_c is
the nearest mean. Find w and b.
""")


@work.question(
    points={"classes of one size": 3, "classes of several sizes": 1},
    cases=_mean_cases,
    hint="Take -1/2 of the squared distance and drop the term that no class has to itself.",
    right="Three lines, no training, and a map for every class.",
    repeat="notebook 06, sections 2 and 3",
)
def nearest_mean(F, y, C):
    """Features (N, K), labels (N,), number of classes -> w (C, K), b (C,)."""
    w = torch.stack([F[y == c].mean(0) for c in range(C)])
    return w, -(w**2).sum(1) / 2


nearest_mean.mistakes(
    ("w, torch.zeros(C, dtype=F.dtype)", "b is missing: without it the class with the longest mean wins too often.", 2),
    ("w, -(w**2).sum(1)", "b has to be half of that: the cross term was 2 F·mu.", 1),
    ("w, (w**2).sum(1) / 2", "b has the wrong sign: a distance counts against a class.", 1),
    ("2 * w, -(w**2).sum(1)", "the same decisions with twice the scores. w_c = mu_c was wanted.", 1),
    ("F[y == c].mean(0)", "F[y == c].sum(0)", "that is the sum over a class. Its mean is wanted.", 2),
    ("F[y == c].mean(0)", "F[y == c].sum(0) * C / len(F)", "you divided by the mean number of pictures in a class. Each class has its own number.", 1),
    ("F[y == c].mean(0)", "F[y == c].median(0).values", "that is the median. The mean is wanted.", 2),
    ("F[y == c].mean(0)", "F[c]", "that is one picture of the class, or not even that. Take all of them: F[y == c].", 3),
    ("w, -w.norm(dim=1) / 2", "the length has to be squared.", 1),
    ("w, -(w**2).mean(1) / 2", "you took the mean over the channels. The square of a length is a sum.", 1),
    ("w", "b is missing: two results are wanted, w and b.", 2),
    ("w.T, -(w**2).sum(1) / 2", "w is the wrong way round: one row for each class, (C, K).", 1),
    ("-(w**2).sum(1) / 2, w", "the two are exchanged: first w, then b.", 1),
    ("w / w.norm(dim=1, keepdim=True), -(w**2).sum(1) / 2", "you brought the means to length 1. Then it is no longer the nearest mean.", 2),
)  # fmt: skip


def _ridge_cases(seed):
    g = torch.Generator().manual_seed(seed + 131)
    many = [
        (_features(g, n, k), _labels(g, n, c), c, lam)
        for n, k, c, lam in ((20, 4, 3, 2.0), (25, 5, 4, 0.5))
    ]
    few = [
        (_features(g, n, k), _labels(g, n, c), c, lam)
        for n, k, c, lam in ((6, 9, 2, 1.5), (8, 12, 3, 3.0))
    ]
    return {"more pictures than channels": many, "fewer pictures than channels": few}


work.text("""
## 3 · Least squares

For each class, let the target be +1 on its pictures and -1 on all others. Find w_c and b_c that make the sum of
(w_c·F + b_c - target)² plus **lam · |w_c|²** as small as possible. b_c is not punished: take the means away from
F and from the targets first, solve for w, and let b make up for the means.
""")


@work.question(
    points={"more pictures than channels": 3, "fewer pictures than channels": 2},
    cases=_ridge_cases,
    hint="With X and T centred: (X.T @ X + lam I) w.T = X.T @ T, `torch.linalg.solve`; then b = mean T - w·mean F.",
    right="A linear classifier in four lines. The SVM of notebook 06 differs in what it punishes.",
    repeat="notebook 06, section 3",
)
def least_squares(F, y, C, lam):
    """Features (N, K), labels (N,), classes, punishment > 0 -> w (C, K), b (C,)."""
    T = 2.0 * torch.eye(C, dtype=F.dtype)[y] - 1
    X = F - F.mean(0)
    A = X.T @ X + lam * torch.eye(F.shape[1], dtype=F.dtype)
    w = torch.linalg.solve(A, X.T @ (T - T.mean(0))).T
    return w, T.mean(0) - w @ F.mean(0)


least_squares.mistakes(  # with fewer pictures than channels nothing is determined without lam
    ("lam * torch", "0.0 * torch", "the punishment lam is missing.", 3),
    group="more pictures than channels",
)
least_squares.mistakes(
    ("2.0 * torch.eye(C, dtype=F.dtype)[y] - 1", "1.0 * torch.eye(C, dtype=F.dtype)[y]", "your targets are 0 and 1. They are -1 and +1 here.", 1),
    ("lam * torch", "lam * len(F) * torch", "lam is multiplied by the number of pictures: the errors are added up here, not averaged.", 1),
    ("lam * torch", "lam**2 * torch", "lam is squared.", 1),
    ("lam * torch", "lam / len(F) * torch", "lam is divided by the number of pictures.", 1),
    ("w, T.mean(0)", "b has to make up for the mean of F as well: b = mean T - w·mean F.", 2),
    ("w, torch.zeros(C, dtype=F.dtype)", "b is missing.", 2),
    ("X = F - F.mean(0)", "X = F", "F was not centred, so b no longer fits.", 2),
    ("w.T, T.mean(0) - w @ F.mean(0)", "w is the wrong way round: one row for each class, (C, K).", 1),
    ("w, T.mean(0) + w @ F.mean(0)", "b has the wrong sign: take w·mean F away.", 1),
    ("torch.eye(C, dtype=F.dtype)[y]", "torch.eye(C, dtype=F.dtype)[C - 1 - y]", "the classes are in reverse.", 2),
    ("w", "b is missing: two results are wanted, w and b.", 2),
    ("T.mean(0) - w @ F.mean(0), w", "the two are exchanged: first w, then b.", 1),
    ("X = F - F.mean(0)", "X = (F - F.mean(0)) / F.std(0)", "you scaled the channels as well. Then lam punishes them differently.", 2),
)  # fmt: skip

work.show("""
if ok["nearest_mean"] and ok["least_squares"]:
    for name, (w, b) in {"nearest mean": nearest_mean(F_train, train.labels, C),
                         "least squares": least_squares(F_train, train.labels, C, 10.0)}.items():
        right = ((F_test @ w.T + b).argmax(1) == test.labels).double().mean()
        print(f"{name}: {right:.1%} of the test birds (chance {1 / C:.1%})")
""")


def _figure_cases(seed):
    g = torch.Generator().manual_seed(seed + 141)
    ns = torch.tensor([8, 16, 32, 64, 128]).double()
    return {"any": [(ns, torch.rand(2, 5, generator=g).double(), 8)]}


work.text("""
## 4 · The figure

Draw accuracy on the test pictures against the number of training pictures (logarithmic), one curve for the
nearest mean, one for least squares, and the level of chance. A legend names the three.
""")


@work.figure(
    cases=_figure_cases,
    shown=lambda ns, right, C: [
        ("the curve of the nearest mean", ns.tolist(), right[0].tolist()),
        ("the curve of least squares", ns.tolist(), right[1].tolist()),
        ("the level of chance", ns.tolist(), [1 / C] * len(ns)),
    ],
    ask={"x": ("picture", "train"), "y": ("accura", "right", "share", "correct", "%")},
    points={"labels": 1, "content": 2, "alt text": 1},
    hint="`ax.semilogx(ns, right[0], label=...)`; chance is 1 / C.",
    repeat="notebook 06, section 8",
    log_x=True,
)
def learning_curves(ns, right, C):
    """Training pictures (n,), accuracies (2, n), classes -> (fig, alt)."""
    fig, ax = plt.subplots()
    for values, name in zip(right, ("nearest mean", "least squares"), strict=True):
        ax.semilogx(ns, values, "o-", label=name)
    ax.axhline(1 / C, linestyle=":", label="chance")
    ax.set_xlabel("training pictures")
    ax.set_ylabel("accuracy on test pictures")
    ax.legend()
    return (
        fig,
        "Both curves start near chance and rise; with few pictures the nearest mean leads, with many least squares.",
    )


work.show("""
if ok["nearest_mean"] and ok["least_squares"]:
    ns, right = [16, 24, 40, 80], []
    for learn in (nearest_mean, lambda F, y, C: least_squares(F, y, C, 10.0)):
        heads = [learn(F_train[:n], train.labels[:n], C) for n in ns]
        right.append([((F_test @ w.T + b).argmax(1) == test.labels).double().mean() for w, b in heads])
    drawn = learning_curves(torch.tensor(ns), torch.tensor(right).nan_to_num(), C)
    if drawn is not None:
        plots.show(*drawn)
""")

work.text("## 5 · In words")

work.written(
    "map_of_a_mean",
    """
    The nearest mean has a map, M_c = sum of mu_c,k f_k(x, y). All F_k are at least 0, so are all its weights:
    nothing in this map ever speaks against a class. Say what that does to the maps of two species on one
    picture, what you would show instead, and how you would measure which of the two is better. Look at an
    example: `net.forward_pass(net.prepare(test.images[:1])).f` are the f_k of a picture. Four to eight sentences.
    """,
    rubric=(
        (1, "Says that the maps of all classes will look alike, lit wherever any channel is strong."),
        (1, "Shows it on an example, with a number such as the correlation of two maps."),
        (1, "Shows a difference of two maps, or weights with the mean over the classes taken away."),
        (1, "Names a measure with a baseline: such as heat on the parts in which the species differ, against a map of the mean of all f_k."),
    ),
    samples=(
        (4, "All weights are positive, so every species lights the same strong channels: on test picture 3 the maps of the first two species correlate at 0.97. I would take the mean over the classes away from each mu_c. To compare, measure which share of the heat lies on the beak and the tail, for both maps and for the plain mean of f_k."),
        (2, "The maps look alike since no weight is negative. I would use the SVM's weights."),
        (0, "The map shows where the bird is."),
    ),
)  # fmt: skip
