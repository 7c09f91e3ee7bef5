"""The paper's experiment on photographs that somebody drew boxes in: whole, CAM crop, true box.

    python -m utils.experiments.breeds pets ~/data             37 breeds of cats and dogs
    python -m utils.experiments.breeds pets ~/data --download  fetches them first (800 MB)
    python -m utils.experiments.breeds cub ~/CUB_200_2011      200 kinds of birds
    python -m utils.experiments.breeds imagenet ~/ILSVRC       dogs, birds, other animals, things
    ... --classes 6 --each 30                                  some of them

Nobody tells the network where the animal is. The box comes from the map of the class that a first
SVM names; features and SVM afresh on what lies in it, in training and in test. Beside it stand
boxes that know nothing: as large and in the middle, another picture's, and that of the mean of all
f_k, whose threshold is chosen on the training pictures. Notebook 06; paper, section 4.1, table 4.

ImageNet's validation pictures are four kinds here, every other picture to learn from. The network
knows their thousand classes, so the kinds are easy for it; of interest are the boxes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from utils import cam, compare, features, localization, models, networks
from utils.data import cub, imagenet, pets
from utils.data.files import Photographs

SIDE = 224  # pixels a side of a crop; `prepare` makes the network's input of it
BOX = 0.2  # of the maximum, the paper's threshold
KINDS = ("dog", "bird", "other animal", "thing")
BIRDS = (*range(7, 25), *range(80, 101), *range(127, 147))  # of ImageNet's classes
DOGS, ANIMALS = range(151, 269), range(398)


def load(name: str, root: str | Path, download: bool = False) -> tuple[Photographs, Photographs]:
    """The photographs to learn from and to be tested on. Raises DataError where there are none."""
    if name == "pets":
        return pets(root, "trainval", download), pets(root, "test", download)
    if name == "imagenet":
        data = of_kinds(imagenet(root))
        even, odd = (replace(data, entries=data.entries[k::2]) for k in (0, 1))
        return even, odd
    return cub(root, "train"), cub(root, "test")


def of_kinds(data: Photographs) -> Photographs:
    """ImageNet's classes as KINDS, picture by picture in the order of their names."""

    def kind(c: int) -> int:
        return 0 if c in DOGS else 1 if c in BIRDS else 2 if c in ANIMALS else 3

    entries = sorted(data.entries, key=lambda entry: entry.name)
    told = tuple(entry._replace(label=kind(entry.label)) for entry in entries)
    return replace(data, entries=told, class_names=KINDS)


def some(data: Photographs, n_classes: int = 0, each: int = 0) -> Photographs:
    """The first pictures of the first classes; 0 stands for all of them."""
    kept, counts = [], [0] * len(data.class_names)
    for entry in data.entries:
        counts[entry.label] += 1
        known = not n_classes or entry.label < n_classes
        if known and (not each or counts[entry.label] <= each):
            kept.append(entry)
    names = data.class_names[:n_classes] if n_classes else data.class_names
    return replace(data, entries=tuple(kept), class_names=names)


def breeds(net: networks.CamNetwork, train: Photographs, test: Photographs) -> dict[str, Tensor]:
    """Right or wrong for each test picture, 0 or 1, seen in each way: {way: (N,)}.

    "box_..." is whether a box has IoU >= 0.5 with a true one. Pictures are read one by one, so any
    number of them may be there; C is chosen on held-out training pictures, for each way anew.
    """
    sets = train, test
    F = [seen(net, data) for data in sets]
    first = features.with_head(net, *fitted(F[0], _labels(train)), train.class_names)
    found = [boxes(first, data) for data in sets]
    where = {
        "cam_crop": found,
        "centred_crop": [centred(data, b) for data, b in zip(sets, found, strict=True)],
        "another_box": [another(data, b) for data, b in zip(sets, found, strict=True)],
        "mean_f_crop": of_mean(net, sets),
        "true_box": [[data[i].boxes[0] for i in range(len(data))] for data in sets],
    }
    result = {"whole": right(F, sets)}
    for name, places in where.items():
        views = [seen(net, data, b) for data, b in zip(sets, places, strict=True)]
        result[name] = right(views, sets)
        if name != "true_box":
            result[f"box_{name}"] = overlaps(test, places[1])
    return result


def seen(
    net: networks.CamNetwork, data: Photographs, places: Sequence[Tensor] | None = None
) -> Tensor:
    """F of each picture, whole or of what lies in its box: -> (N, K)."""
    return torch.cat(
        [cam.pool(_pass(net, _view(data, i, places)).f).cpu() for i in range(len(data))]
    )


def _view(data: Photographs, i: int, places: Sequence[Tensor] | None = None) -> Tensor:
    image = data[i].image[None]
    return image if places is None else features.crops(image, places[i][None], SIDE)


def _pass(net: networks.CamNetwork, images: Tensor) -> networks.ForwardPass:
    return next(networks.passes(net, images))[1]


def fitted(F: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """A linear SVM, its C chosen on held-out pictures: -> w (C, K), b (C,)."""
    return features.folded(features.linear_svm(F, labels, features.chosen_C(F, labels)))


def right(F: Sequence[Tensor], sets: Sequence[Photographs]) -> Tensor:
    """Whether each test picture is named rightly: features of both sets -> (N,) 0 or 1."""
    S = cam.scores(F[1], *fitted(F[0], _labels(sets[0])))
    return (S.argmax(1) == _labels(sets[1])).double()


def _labels(data: Photographs) -> Tensor:
    return torch.tensor([entry.label for entry in data.entries])


def boxes(net: networks.CamNetwork, data: Photographs) -> list[Tensor]:
    """The box of each picture from the map of the class that is named: -> N of (4,)."""
    maps = (networks.maps_at(net, data[i].image[None])[0] for i in range(len(data)))
    return [localization.box_from_map(M, BOX) for M in maps]


def of_mean(net: networks.CamNetwork, sets: Sequence[Photographs]) -> list[list[Tensor]]:
    """Boxes of the mean of all f_k, at the threshold that suits the training pictures best."""
    steps, (train, _) = localization.THRESHOLDS, sets
    fits = [
        localization.record(_mean_map(net, train, i), train[i].boxes, thresholds=steps, how="max")
        for i in range(len(train))
    ]
    right = torch.stack([fit.largest >= 0.5 for fit in fits]).double().mean(0)
    best = steps[int(right.argmax())]
    return [
        [localization.box_from_map(_mean_map(net, data, i), best) for i in range(len(data))]
        for data in sets
    ]


def _mean_map(net: networks.CamNetwork, data: Photographs, i: int) -> Tensor:
    return networks.mean_maps(net, data[i].image[None])[0].cpu()


def centred(data: Photographs, found: Sequence[Tensor]) -> list[Tensor]:
    """Boxes of the same size, each in the middle of its picture."""
    moved = []
    for i, box in enumerate(found):
        h, w = data[i].image.shape[-2:]
        size = box[2:] - box[:2]
        corner = (torch.tensor([w, h]) - size) // 2
        moved.append(torch.cat([corner, corner + size]))
    return moved


def another(data: Photographs, found: Sequence[Tensor]) -> list[Tensor]:
    """The next picture's box, in the same place of this one: as fractions of the picture."""
    sizes = [torch.tensor(data[i].image.shape[-2:]).flip(0).repeat(2) for i in range(len(data))]
    parts = [box / size for box, size in zip(found, sizes, strict=True)]
    moved = [p * size for p, size in zip(parts[1:] + parts[:1], sizes, strict=True)]
    return [torch.cat([b[:2].floor(), b[2:].ceil()]).long() for b in moved]


def overlaps(data: Photographs, found: Sequence[Tensor]) -> Tensor:
    """Whether each box has IoU >= 0.5 with a true one: -> (N,) 0 or 1."""
    best = [localization.best_iou(box[None], [data[i].boxes])[0] for i, box in enumerate(found)]
    return (torch.stack(best) >= 0.5).double()


def lines(found: dict[str, Tensor]) -> list[str]:
    """What `breeds` found, in words: shares, and differences with their intervals."""
    said = [f"{name:>16}: {100 * v.mean():.1f} %" for name, v in found.items()]
    for name in ("whole", "centred_crop", "another_box", "mean_f_crop"):
        d = compare.paired(found["cam_crop"], found[name])
        said.append(f"CAM crop against {name}: {d}")
    for name in ("box_centred_crop", "box_another_box", "box_mean_f_crop"):
        said.append(
            f"box, CAM against {name}: {compare.paired(found['box_cam_crop'], found[name])}"
        )
    return said


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", choices=["pets", "cub", "imagenet"])
    parser.add_argument("root", help="the folder that holds it")
    parser.add_argument("--download", action="store_true", help="fetch the pets first (800 MB)")
    parser.add_argument("--network", default="mobilenet_v2", help="any of torchvision's")
    parser.add_argument("--classes", type=int, default=0, help="the first so many; 0: all")
    parser.add_argument("--each", type=int, default=0, help="pictures of each; 0: all")
    args = parser.parse_args(argv)
    net = models.pretrained(args.network)
    if net is None:
        return
    sets = [
        some(data, args.classes, args.each) for data in load(args.data, args.root, args.download)
    ]
    print("\n".join(lines(breeds(net, *sets))))


if __name__ == "__main__":
    main()
