"""A text detector from labels alone. Notebook 08.

Its last part on ImageNet's validation pictures: python -m utils.experiments.text FOLDER
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torchvision.transforms import functional

import sketchbook
from sketchbook.letters import WORDS, word
from utils import (
    baselines,
    cam,
    compare,
    concepts,
    features,
    localization,
    networks,
    photos,
)
from utils.data.files import Photographs
from utils.experiments import folder
from utils.pictures import Pictures

WINDOW = 128  # pixels that the network is given for a window of a photograph
SIDE = 280  # pixels that a picture of 112 is enlarged to: a cell of the map is 3.2 of its pixels


def text(net: networks.CamNetwork, seed: int, n_train: int = 2400, n_test: int = 600) -> dict:
    """A text detector from labels alone: how often it is right, and how well its map finds text.

    Pictures of 112 pixels are seen as they are, and enlarged. Maps are measured on the test
    pictures with text; "max_on_text" is the share whose maximum lies on it, "max_of_3x3" the same
    for means over 3 x 3 cells, "nothing_on_text" for the best of the maps that know nothing; "area"
    is what chance gives for all of them, and as precision. Notebook 08.
    """
    # (Seeds 1000 and 2000 served to choose the size of 280 and C; these are others.)
    train, test = (sketchbook.signs(n, 1000 * k + seed) for k, n in ((3, n_train), (4, n_test)))
    there = test.labels == 1
    masks = test.masks[there]
    result = {"area": masks.double().mean().item()}
    for side in (112, SIDE):
        reader = detector(net, train.images, train.labels, side)
        S, M = seen_by(reader, test.images, side)
        cells = reader.cells(reader.prepare(enlarged(test.images[:1], side)))
        maps, smooth = (
            cam.upsample(m, masks.shape[1:], cells)[:, 0]
            for m in (M[there, None], avg_pool2d(M[there, None], 3, stride=1, padding=1))
        )
        precision, recall = concepts.precision_recall(maps, masks, 0.2)
        figures = {
            "accuracy": ((S > 0) == there).double().mean().item(),
            "max_on_text": concepts.peak_in(maps, masks),
            "max_of_3x3": concepts.peak_in(smooth, masks),
            "nothing_on_text": nothing(net, test.subset(there), side),
            "precision_at_20": precision,
            "recall_at_20": recall,
            "pxap": localization.pxap(maps, masks),
        }
        result |= {f"{name}_{side}": value for name, value in figures.items()}
    return result


def nothing(net: networks.CamNetwork, texts: Pictures, side: int) -> float:
    """Of maps that know nothing of text, the best: share of the maxima that lie on it."""
    of_all = networks.mean_maps(net, enlarged(texts.images, side), texts.masks.shape[1:])
    measure = baselines.pointing(texts.masks)
    found = baselines.values(None, texts, measure, of_all)
    every = (torch.as_tensor(measure(of_all)), *found.values())
    return max(v.mean().item() for v in every)


def enlarged(images: Tensor, side: int = SIDE) -> Tensor:
    """Pictures (N, 3, h, w) -> (N, 3, side, side)."""
    return functional.resize(images, [side, side], antialias=True)


def detector(
    net: networks.CamNetwork, images: Tensor, labels: Tensor, side: int = SIDE
) -> networks.CamNetwork:
    """A linear SVM on what the network sees in enlarged pictures: class 1 is text."""
    return features.svm_network(net, enlarged(images, side), labels, C=0.01)


def seen_by(net: networks.CamNetwork, images: Tensor, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Scores and maps of class 1, text, for enlarged pictures: -> (N,), (N, H, W)."""
    seen = [
        (p.S[:, 1], cam.class_maps(p.f, p.w, 1)[:, 0])
        for _, p in networks.passes(net, enlarged(images, side))
    ]
    S, M = zip(*seen, strict=True)
    return torch.cat(S), torch.cat(M)


# ---------------------------------------------------------------- on photographs

# scikit-image's pictures without a word in them: animals, things, textures, the sky, tissue.
PHOTOGRAPHS = (
    "chelsea", "coffee", "camera", "coins", "grass", "brick", "gravel", "moon", "ihc",
    "motorcycle_left",
)  # fmt: skip


def on_photographs(
    n: int, seed: int = 0, side: int = 96, shown: Sequence[Tensor] | None = None
) -> tuple[Pictures, Tensor]:
    """Windows of photographs, each plain and with words on it: pictures, whose they are (N,).

    n windows of each of `PHOTOGRAPHS`, or of those `shown`, (3, h, w) each, in grey, since colour
    would tell photographs apart; class 1 is text, and its masks cover the lines of words. The
    second tensor numbers the photographs: a test window must come from one that was not learnt
    from, for windows overlap. Notebook 08.
    """
    dice = random.Random(seed)
    shown = [photos.sample(name) for name in PHOTOGRAPHS] if shown is None else shown
    plain = torch.cat([windows(photo, n, seed + i, side) for i, photo in enumerate(shown)])
    images, masks = (torch.stack(t) for t in zip(*(written(p, dice) for p in plain), strict=True))
    masks = torch.cat([torch.zeros_like(masks), masks])
    boxes = torch.tensor([[0, 0, side, side]]).repeat(len(masks), 1)
    pictures = Pictures(
        torch.cat([plain, images]), torch.arange(2).repeat_interleave(len(plain)),
        ("no text", "text"), boxes, masks, torch.zeros_like(masks, dtype=torch.uint8), ("",),
    )  # fmt: skip
    return pictures, torch.arange(len(shown)).repeat_interleave(n).repeat(2)


def windows(photo: Tensor, n: int, seed: int, side: int = 96) -> Tensor:
    """n windows anywhere in a photograph (3, h, w), in grey: -> (n, 3, side, side) uint8."""
    photo, dice = functional.rgb_to_grayscale(photo, 3), random.Random(seed)
    tops, lefts = ([dice.randint(0, m - side) for _ in range(n)] for m in photo.shape[1:])
    return torch.stack(
        [photo[:, y : y + side, x : x + side] for y, x in zip(tops, lefts, strict=True)]
    )


def written(picture: Tensor, dice: random.Random) -> tuple[Tensor, Tensor]:
    """A picture with one to three words on it, in black or white: -> (3, h, w), where (h, w) bool.

    The mask is a box around each word. A word may hide part of another. Notebook 08.
    """
    image, mask = Image.fromarray(picture.permute(1, 2, 0).numpy()), torch.zeros(picture.shape[1:])
    pen, ink = ImageDraw.Draw(image), (255 if picture.float().mean() < 128 else 0,) * 3
    for _ in range(dice.randint(1, 3)):
        height = dice.uniform(9, 22)
        strokes, width = word(dice.choice(WORDS), height)
        x, y = dice.uniform(3, max(93 - width, 4)), dice.uniform(3, 93 - height)
        nib = max(1, round(height * dice.uniform(0.08, 0.2)))
        middle = np.array([x + width / 2, y + height / 2])
        for stroke in (strokes + middle).tolist():
            pen.line([tuple(p) for p in stroke], ink, nib)
        mask[int(y) : int(y + height) + 1, int(x) : int(x + width) + 1] = 1
    return photos.load(image), mask > 0


def read_across(f: Tensor, labels: Tensor, of: Tensor) -> tuple[Tensor, Tensor]:
    """Scores and maps of text for pictures of folds that were not learnt from: -> (N,), (N, H, W).

    Each fold, `of` (N,), is judged by a linear SVM that learnt from all the others: maps
    (N, K, H, W), labels (N,), 1 for text. Notebook 08.
    """
    F = f.mean((2, 3))
    S, M = torch.zeros(len(F)), torch.zeros(len(F), *f.shape[2:])
    for fold in of.unique():
        new = of == fold
        w, b = features.folded(features.linear_svm(F[~new], labels[~new], C=0.01))
        S[new], M[new] = F[new] @ w[1] + b[1], cam.class_maps(f[new], w[1:])[:, 0]
    return S, M


def lines(net: networks.CamNetwork, shown: Sequence[Tensor]) -> list[str]:
    """How often text is told, and where the map peaks, on many photographs (3, h, w), in words.

    Two windows of each, plain and written on; ten folds of photographs. Intervals are over
    photographs. A photograph that has a word of its own counts as "no text" all the same.
    """
    pictures, of_photo = on_photographs(2, shown=shown)
    reader = replace(net, prepare=partial(photos.prepare, side=WINDOW))
    f = torch.cat([p.f.cpu() for _, p in networks.passes(reader, pictures.images, 20)])
    S, M = read_across(f, pictures.labels, of_photo % 10)
    right = ((S > 0) == (pictures.labels == 1)).double()
    there = pictures.labels == 1
    on, cells = pictures.subset(there), reader.cells(reader.prepare(pictures.images[:1]))
    maps, of_all = (
        cam.upsample(m[there][:, None], on.images.shape[-2:], cells)[:, 0] for m in (M, f.mean(1))
    )
    measure = baselines.pointing(on.masks)
    own = torch.as_tensor(measure(maps))
    found = baselines.values(None, on, measure, maps, more={"mean of all f_k": of_all})
    said = [f"{len(shown)} photographs; text or not, right: {100 * right.mean():.1f} %"]
    shares = {"map of text": own, **found}
    said += [f"maximum on a word, {name}: {100 * v.mean():.1f} %" for name, v in shares.items()]
    for name in dict.fromkeys([next(iter(found)), "mean of all f_k"]):
        pair = (v.expand(len(maps)).reshape(-1, 2).mean(1) for v in (own, found[name]))
        said.append(f"  map of text minus {name}: {compare.paired(*pair)}")
    return said


def of_folder(net: networks.CamNetwork, photographs: Photographs) -> list[str]:
    """The same of a folder, without photographs that are too small for a window."""
    every = (photographs[i].image for i in range(len(photographs)))
    return lines(net, [photo for photo in every if min(photo.shape[1:]) >= 96])


if __name__ == "__main__":
    folder.main(__doc__, of_folder)
