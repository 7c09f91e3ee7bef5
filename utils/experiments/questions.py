"""Answers to questions from words and pooled features, and what stands beside it. Notebook 07."""

import torch
from torch import Tensor
from torchvision.transforms import functional

import sketchbook
from sketchbook.colours import NAMED
from utils import cam, concepts, networks, vqa
from utils.pictures import Pictures

KINDS = "animal", "colour", "many", "table", "side"  # a word of the question; side: left or right


def questions(net: networks.CamNetwork, seed: int, n_train: int = 1500, n_test: int = 800) -> dict:
    """Answers from words and pooled features in one linear model, and the baselines beside it.

    "both" is the model; "words" and "picture" see one of the two; "told" pools over the thing asked
    for alone, its true mask standing for perfect attention. "on_thing" is the share of the maps
    whose maximum lies on that thing, "area" what chance gives. For the rest see `_additive`.
    Notebook 07.
    """
    train, test = (sketchbook.questions(n, 1000 * k + seed) for k, n in ((1, n_train), (2, n_test)))
    asked = [[text for row in d.questions for text in row] for d in (train, test)]
    names = vqa.vocabulary(asked[0])
    q, q_test = (vqa.bags(texts, names) for texts in asked)
    learnt, true = (d.labels.flatten() for d in (train, test))
    (f, told), (f_test, told_test) = (_seen_by(net, d) for d in (train, test))
    F, F_test = (maps.mean((2, 3)).repeat_interleave(4, 0) for maps in (f, f_test))
    model = vqa.fit(q, F, learnt)
    given = vqa.scores(q_test, F_test, *model).argmax(1)
    M = cam.class_maps(f_test, model[1], given.reshape(-1, 4))
    M = cam.upsample(M, test.images.shape[-2:]).flatten(0, 1)

    def right(q: Tensor, F: Tensor, q_test: Tensor, F_test: Tensor) -> Tensor:
        return vqa.scores(q_test, F_test, *vqa.fit(q, F, learnt)).argmax(1) == true

    values = {
        "both": given == true,
        "words": right(q, 0 * F, q_test, 0 * F_test),
        "picture": right(0 * q, F, 0 * q_test, F_test),
        "told": right(q, told, q_test, told_test),
        "on_thing": concepts.peaks_in(M, test.masks.flatten(0, 1)),
        "area": test.masks.double().mean((2, 3)).flatten(),
    }
    result = {name: value.double().mean().item() for name, value in values.items()}
    kind = [next((k for k in KINDS if k in text), "side") for text in asked[1]]
    for k in KINDS:
        some = torch.tensor([k == other for other in kind])
        result |= {f"{name}_{k}": v[some].double().mean().item() for name, v in values.items()}
    return result | _additive(test, given.reshape(-1, 4), F_test[::4], names, model)


def _seen_by(net: networks.CamNetwork, pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Maps f_k (N, K, H, W), and their means over each thing that is asked for (4 N, K)."""
    f = torch.cat([net.forward_pass(net.prepare(some)).f for some in pictures.images.split(100)])
    cells = functional.resize(pictures.masks.float(), f.shape[-2:], antialias=True)
    cells = cells / cells.sum((2, 3), keepdim=True)
    return f, torch.einsum("nkhw,nqhw->nqk", f, cells).flatten(0, 1)


def _additive(test: Pictures, given: Tensor, F: Tensor, names, model) -> dict:
    """What a model that adds words and picture must get wrong; `given` are its answers (N, 4).

    Shares of the pictures where the colour named is that of the thing asked for, of the "other"
    single thing, of the "group", or of "none"; and where two questions with different answers (the
    colours of both things; what is left and right) get the same one.
    """
    named, same_colour, same_side = [], [], []
    for i, asked in enumerate(test.questions):
        animal, single, group = things_in(test, i)
        one = asked[1].split()[-1].removesuffix("?")
        other = paint(test, i, single if one == animal else animal)
        colours = {"asked": test.class_names[test.labels[i, 1]], "other": other}
        colours["group"] = paint(test, i, group)
        answer = test.class_names[given[i, 1]]
        named.append(next((k for k, colour in colours.items() if colour == answer), "none"))
        texts = [f"What colour is the {name}?" for name in (animal, single)]
        texts += [f"What is on the {side}?" for side in ("left", "right")]
        S = vqa.scores(vqa.bags(texts, names), F[i].expand(4, -1), *model)
        first, second, left, right = S.argmax(1).tolist()
        same_colour.append(first == second)
        same_side.append(left == right)
    shares = {f"colour_{k}": named.count(k) / len(test) for k in (*colours, "none")}
    same = {"same_colour": same_colour, "same_side": same_side}
    return shares | {k: sum(v) / len(test) for k, v in same.items()}


def things_in(pictures: Pictures, i: int) -> tuple[str, str, str]:
    """The animal, the single thing and the kind that is counted in picture i of `questions`."""
    there = {pictures.part_names[p] for p in pictures.parts[i].unique().tolist()}
    animal = pictures.class_names[pictures.labels[i, 0]]
    group = pictures.questions[i][2].split()[2].removesuffix("s")
    (single,) = there - {"", "table", animal, group}
    return animal, single, group


def paint(pictures: Pictures, i: int, name: str) -> str:
    """The colour of a thing in picture i: the one that most of its pixels come within 20 of."""
    pixels = pictures.images[i][:, pictures.parts[i] == pictures.part_names.index(name)].T.double()
    near = torch.cdist(pixels, torch.tensor(list(NAMED.values()), dtype=torch.float64)) < 20
    return tuple(NAMED)[near.sum(0).argmax()]
