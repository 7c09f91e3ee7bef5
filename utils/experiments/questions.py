"""Answers to questions from words and pooled features, and what stands beside it. Notebook 08."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.transforms import functional

import sketchbook
from sketchbook.colours import NAMED
from sketchbook.questions import ALONE, ANIMALS, COUNTED
from utils import cam, concepts, features, networks, vqa
from utils.pictures import Pictures

Look = Callable[[Tensor, Tensor], Tensor]  # as `vqa.look_there`

# A word of the question -> what it asks for; none of them stands in those for left and right.
KINDS = {
    "animal": "animal",
    "colour": "colour",
    "many": "how many",
    "table": "on the table",
    "side": "left or right",
}


def questions(net: networks.CamNetwork, seed: int, n_train: int = 1500, n_test: int = 800) -> dict:
    """Answers from words and pooled features in one linear model, and the baselines beside it.

    "both" is the model; "words" and "picture" see one of the two; "told" pools over the thing asked
    for alone, its true mask standing for perfect attention. "on_thing" is the share of the maps
    whose maximum lies on that thing, "area" what chance gives. Each for all questions and for every
    kind. For the rest see `colours_named` and `pairs_of_questions`. Notebook 08.
    """
    train, test = (sketchbook.questions(n, 1000 * k + seed) for k, n in ((1, n_train), (2, n_test)))
    (asked, learnt), (asked_test, true) = (in_one_row(d) for d in (train, test))
    names = vqa.vocabulary(asked)
    q, q_test = (vqa.bags(texts, names) for texts in (asked, asked_test))
    f, f_test = (last_maps(net, d.images) for d in (train, test))
    F, F_test = (maps.mean((2, 3)).repeat_interleave(4, 0) for maps in (f, f_test))
    at, at_test = (over_things(*seen) for seen in ((f, train.masks), (f_test, test.masks)))
    nouns = noun_detectors(F[::4], spoken_of(train))
    (noun, noun_test), (wrong, wrong_test) = (
        (looked(f, nouns, asked, other=j), looked(f_test, nouns, asked_test, other=j))
        for j in (0, 1)
    )
    model = vqa.fit(q, F, learnt)
    given = vqa.scores(q_test, F_test, *model).argmax(1)
    cells = net.cells(net.prepare(test.images[:1]))
    values = {
        "both": given == true,
        "words": vqa.answers(q, 0 * F, learnt, q_test, 0 * F_test) == true,
        "picture": vqa.answers(0 * q, F, learnt, 0 * q_test, F_test) == true,
        "told": vqa.answers(q, at, learnt, q_test, at_test) == true,
        "own": answered_one_by_one(asked, F, learnt, asked_test, F_test) == true,
        "looked": vqa.answers(q, noun, learnt, q_test, noun_test) == true,
        "elsewhere": vqa.answers(q, wrong, learnt, q_test, wrong_test) == true,
        "on_thing": on_things(f_test, model[1], given, test.masks, cells),
        "area": test.masks.double().mean((2, 3)).flatten(),
    }
    result: dict[str, float] = {}
    for name, value in values.items():
        of_all, *of_kinds = by_kind(value, asked_test)
        result |= {name: of_all} | {f"{name}_{k}": v for k, v in zip(KINDS, of_kinds, strict=True)}
    result |= colours_named(test, given.reshape(-1, 4)[:, 1])
    for name, pairs in pairs_of_questions(test).items():
        same = same_answers(pairs, F_test[::4], names, model)
        result[f"same_{name}"] = same.double().mean().item()
    return result


# ---------------------------------------------------------------- questions and their kinds


def in_one_row(pictures: Pictures) -> tuple[list[str], Tensor]:
    """All questions and their answers, four of each picture: N pictures -> 4 N texts, (4 N,)."""
    return [text for row in pictures.questions for text in row], pictures.labels.flatten()


def kinds_of(asked: Sequence[str]) -> list[str]:
    """Which of `KINDS` each question is of; of one kind a picture has one question at most."""
    return [next((word for word in KINDS if word in text), "side") for text in asked]


def by_kind(values: Tensor, asked: Sequence[str]) -> list[float]:
    """Mean of values (Q,) over all questions, then over each of `KINDS`: six numbers."""
    kinds = kinds_of(asked)
    groups = [torch.tensor([kind == word for kind in kinds]) for word in KINDS]
    return [some.double().mean().item() for some in (values, *(values[g] for g in groups))]


# ---------------------------------------------------------------- where it looks


def last_maps(net: networks.CamNetwork, images: Tensor) -> Tensor:
    """The maps f_k of many pictures: (N, 3, h, w) uint8 -> (N, K, H, W)."""
    return torch.cat([p.f for _, p in networks.passes(net, images)])


def over_things(f: Tensor, masks: Tensor) -> Tensor:
    """Means of f_k over the things asked for: (N, K, H, W), (N, 4, h, w) bool -> (4 N, K).

    A cell counts by the share of it that the thing covers. Notebook 08.
    """
    cells = functional.resize(masks.float(), list(f.shape[-2:]), antialias=True)
    cells = cells / cells.sum((2, 3), keepdim=True)
    return torch.einsum("nkhw,nqhw->nqk", f, cells).flatten(0, 1)


def answered_one_by_one(
    asked: Sequence[str], F: Tensor, learnt: Tensor, asked_test: Sequence[str], F_test: Tensor
) -> Tensor:
    """Answers of a model of its own for each question, fitted to the pictures it was asked of.

    The most that words and pooled features can do together: given the question, every model with
    products q_j F_k is linear in F, as these are. Features (Q, K), answers (Q,) -> (Q_test,); a
    question that was never asked gets -1. Notebook 08.
    """
    given = torch.full((len(asked_test),), -1)
    for text in set(asked_test) & set(asked):
        at, new = (
            torch.tensor([other == text for other in texts]) for texts in (asked, asked_test)
        )
        names, own = learnt[at].unique(return_inverse=True)
        if len(names) == 1:
            given[new] = names[0]
            continue
        nothing = (torch.zeros(int(of.sum()), 1) for of in (at, new))
        given[new] = names[vqa.answers(next(nothing), F[at], own, next(nothing), F_test[new])]
    return given


# ---------------------------------------------------------------- attention made of CAM

NOUNS = tuple(dict.fromkeys((*ANIMALS, *ALONE, *COUNTED)))  # none of them has a mask or a box


def spoken_of(pictures: Pictures) -> Tensor:
    """Whether the questions about a picture, or their answers, name each of `NOUNS`: -> (N, J)."""
    said = [
        {word.removesuffix("s") for text in row for word in vqa.words(text)}
        | {pictures.class_names[c] for c in labels.tolist()}
        for row, labels in zip(pictures.questions, pictures.labels, strict=True)
    ]
    return torch.tensor([[noun in words for noun in NOUNS] for words in said])


def noun_detectors(F: Tensor, spoken: Tensor) -> Tensor:
    """A linear SVM for each noun, from pooled features (N, K) and (N, J) bool: weights (J, K)."""
    rows = [features.folded(features.linear_svm(F, noun.long(), C=0.01))[0][1] for noun in spoken.T]
    return torch.stack(rows)


def noun_asked(text: str) -> int:
    """Which of `NOUNS` a question names; -1 for none, as in "What is on the left?"."""
    words = [word.removesuffix("s") for word in vqa.words(text)]
    return next((j for j, noun in enumerate(NOUNS) if noun in words), -1)


def looked(
    f: Tensor, nouns: Tensor, asked: Sequence[str], look: Look = vqa.look_there, other: int = 0
) -> Tensor:
    """f_k pooled under each question's noun's map: (N, K, H, W), (J, K), 4 N texts -> (4 N, K).

    Where no noun is named it is the plain mean. `other` takes the map of the noun that many places
    further on in `NOUNS`, as a control. Notebook 08.
    """
    pooled = []
    for maps, texts in zip(f, (asked[i : i + 4] for i in range(0, len(asked), 4)), strict=True):
        for j in map(noun_asked, texts):
            M = torch.zeros(maps.shape[1:])
            if j >= 0:
                M = torch.einsum("khw,k->hw", maps, nouns[(j + other) % len(nouns)])
            pooled.append(torch.as_tensor(look(maps, M)))
    return torch.stack(pooled).to(f)


def on_things(
    f: Tensor, w: Tensor, given: Tensor, masks: Tensor, cells: cam.Cells | None = None
) -> Tensor:
    """Whether the map of each answer peaks on the thing asked for: -> (4 N,) bool.

    Maps (N, K, H, W), weights (C, K), answers (4 N,), masks (N, 4, h, w) bool; `cells` say where
    the maps look, as in `cam.upsample`.
    """
    M = cam.class_maps(f, w, own=given.reshape(-1, 4))
    M = cam.upsample(M, masks.shape[-2:], cells).flatten(0, 1)
    return concepts.peaks_in(M, masks.flatten(0, 1))


# ---------------------------------------------------------------- what a sum cannot do


def things_in(pictures: Pictures, i: int) -> tuple[str, str, str]:
    """The animal, the single thing and the kind that is counted in picture i of `questions`."""
    there = {pictures.part_names[p] for p in pictures.parts[i].unique().tolist()}
    animal = pictures.class_names[pictures.labels[i, 0]]
    group = pictures.questions[i][2].split()[2].removesuffix("s")
    (single,) = there - {"", "table", animal, group}
    return animal, single, group


def pairs_of_questions(pictures: Pictures) -> dict[str, list[tuple[str, str]]]:
    """Two questions about each picture that differ in one word, and mostly in their answers.

    For "colour" of the animal and of the single thing, for "side" what is left and right.
    """
    things = [things_in(pictures, i)[:2] for i in range(len(pictures))]
    colour = [(f"What colour is the {one}?", f"What colour is the {two}?") for one, two in things]
    side = [("What is on the left?", "What is on the right?")] * len(pictures)
    return {"colour": colour, "side": side}


def same_answers(
    pairs: Sequence[tuple[str, str]],
    F: Tensor,
    vocabulary: Sequence[str],
    model: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """Whether two questions about one picture get the same answer: N pairs, (N, K) -> (N,) bool."""
    given = [
        vqa.scores(vqa.bags(texts, vocabulary), F, *model).argmax(1)
        for texts in zip(*pairs, strict=True)
    ]
    return given[0] == given[1]


def colours_named(pictures: Pictures, given: Tensor) -> dict[str, float]:
    """Whose colour the answers (N,) to the second question name: shares of the pictures.

    That of the thing asked for, of the "other" single thing, of the "group", or of "none".
    """
    named = []
    for i, asked in enumerate(pictures.questions):
        animal, single, group = things_in(pictures, i)
        one = asked[1].split()[-1].removesuffix("?")
        other = single if one == animal else animal
        colours = {
            "asked": pictures.class_names[pictures.labels[i, 1]],
            "other": paint(pictures, i, other),
            "group": paint(pictures, i, group),
        }
        answer = pictures.class_names[given[i]]
        named.append(next((k for k, colour in colours.items() if colour == answer), "none"))
    whose = "asked", "other", "group", "none"
    return {f"colour_{k}": named.count(k) / len(pictures) for k in whose}


def paint(pictures: Pictures, i: int, name: str) -> str:
    """The colour of a thing in picture i: the one that most of its pixels come within 20 of."""
    pixels = pictures.images[i][:, pictures.parts[i] == pictures.part_names.index(name)].T.double()
    near = torch.cdist(pixels, torch.tensor(list(NAMED.values()), dtype=torch.float64)) < 20
    return tuple(NAMED)[near.sum(0).argmax()]
