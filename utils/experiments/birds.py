"""Eight look-alike birds, told apart on whole pictures, CAM crops and true boxes. Notebook 06.

The notebook goes through these steps with one set of pictures, `birds` with another for each seed.
Between the whole picture and the crop lie three changes at once: the bird gets larger, it gets
finer, and what is not bird is gone. `ways` makes them one by one.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torchvision.transforms import functional

import sketchbook
from sketchbook.birds import SPECIES
from utils import baselines, cam, concepts, features, localization, networks
from utils.experiments.backbone import DRAWN
from utils.pictures import Pictures

SEEN = 112  # pixels a side of what the network is given; pictures are drawn at twice that
BOXED = 200  # training pictures whose boxes choose the threshold
Both = Sequence[Tensor]  # of the pictures to learn from, and of those to be tested on


def birds(net: networks.CamNetwork, seed: int, n_train: int = 1600, n_test: int = 800) -> dict:
    """Accuracy of a linear SVM for each of `ways` to see the birds; how right the boxes are.

    Pictures are drawn at 224 pixels. Boxes come from the map of "bird", at 20 % of the maximum and
    at the best threshold for the first 200 training pictures, and from an SVM's own map (C = 0.1)
    of the species it names. "nothing_at_20" is the best of `utils.baselines`, "mean_f..." the mean
    of all f_k at the threshold that suits it. C is chosen on held-out training pictures, for each
    way anew; "softmax_..." is a new last layer in the SVM's place. Notebook 06; paper, table 4.
    """
    sets = [sketchbook.birds(n, 1000 * k + seed, DRAWN) for k, n in ((1, n_train), (2, n_test))]
    train, test = sets
    maps = [bird_maps(net, some) for some in sets]
    chosen = chosen_threshold(maps[0], train.boxes)
    found = [localization.boxes_from_maps(M, chosen) for M in maps]
    at_20 = [localization.boxes_from_maps(M) for M in maps]
    seen = ways(net, sets, found)
    seen["crop_at_20"] = pooled(net, crops(sets, at_20))
    right = {name: right_with(sets, F)[0] for name, F in seen.items()}
    for name in ("full", "true_box"):
        right[f"softmax_{name}"] = right_with(sets, seen[name], features.softmax_layer)[0]
    species = crops(sets, [some.boxes for some in sets])
    C = right_with(sets, seen["true_box"])[1]
    closer = features.svm_network(net, species[0], train.labels, train.class_names, C)
    svm = features.svm_network(net, small(train.images), train.labels)
    named = networks.maps_at(svm, small(test.images), None, (DRAWN, DRAWN))
    return {
        **{name: value.mean().item() for name, value in right.items()},
        **{f"C_{name}": right_with(sets, seen[name])[1] for name in ("full", "crop_at_chosen")},
        **right_boxes(maps[1], test.boxes, chosen),
        "nothing_at_20": nothing(net, test, maps[1]),
        **mean_f(net, train.subset(slice(BOXED)), test),
        **at_marks(closer, test, species[1]),
        "threshold": chosen,
        "box_of_species_map_at_20": localization.gt_known(
            localization.boxes_from_maps(named), test.boxes
        ),
    }


# ---------------------------------------------------------------- where the bird is


def small(images: Tensor) -> Tensor:
    """Whole pictures as the network sees them: (N, 3, h, w) uint8 -> (N, 3, 112, 112)."""
    return functional.resize(images, [SEEN, SEEN], antialias=True)


def enlarged(images: Tensor) -> Tensor:
    """The same picture with four times the pixels and nothing new in them: -> (N, 3, 224, 224)."""
    return functional.resize(small(images), [DRAWN, DRAWN], antialias=True)


def bird_maps(net: networks.CamNetwork, pictures: Pictures) -> Tensor:
    """The map of "bird" of every picture, at the size it was drawn: -> (N, h, w)."""
    size = pictures.images.shape[-2:]
    return networks.maps_at(net, small(pictures.images), net.index("bird"), size)


def mean_maps(net: networks.CamNetwork, pictures: Pictures) -> Tensor:
    """The mean of all f_k of every picture, at the size it was drawn: -> (N, h, w)."""
    return networks.mean_maps(net, small(pictures.images), pictures.images.shape[-2:])


def chosen_threshold(maps: Tensor, true_boxes: Tensor) -> float:
    """The best threshold for the first 200 pictures: (N, h, w), (N, 4) -> share of the maximum."""
    return localization.best_threshold(maps[:BOXED], true_boxes[:BOXED])


def right_boxes(
    maps: Tensor,
    true_boxes: Tensor,
    chosen: float,
    sides: Sequence[float] = localization.THRESHOLDS[1:],
) -> dict[str, float]:
    """Share of boxes with IoU >= 0.5, from maps and by chance: (N, h, w), (N, 4), ... -> 0..1 each.

    Chance gets every favour: of the centred boxes with these sides (fractions of the picture's),
    the one that suits these pictures best.
    """
    n, h, w = maps.shape

    def right(found: Tensor) -> float:
        return localization.gt_known(found, true_boxes)

    centred = [localization.centred_boxes(h, w, [side]).expand(n, 4) for side in sides]
    return {
        "box_at_20": right(localization.boxes_from_maps(maps)),
        "box_at_chosen": right(localization.boxes_from_maps(maps, chosen)),
        "box_best_centre": max(map(right, centred)),
        "box_whole_picture": right(localization.whole_picture(n, h, w)),
    }


def as_bird(net: networks.CamNetwork, pictures: Pictures) -> Pictures:
    """The pictures with "bird" as their class, as the network sees them, for `utils.baselines`."""
    labels = torch.full_like(pictures.labels, net.index("bird"))
    return replace(pictures, labels=labels, class_names=tuple(net.class_names))


def at_seen_size(net: networks.CamNetwork) -> networks.CamNetwork:
    """The network, for pictures as they are drawn: it makes them small itself."""
    return replace(net, prepare=lambda images: net.prepare(small(images)))


def nothing(net: networks.CamNetwork, pictures: Pictures, maps: Tensor) -> float:
    """The best map that knows nothing, at 20 %: share of boxes with IoU >= 0.5."""
    measure = baselines.found_at(pictures.boxes)
    values = baselines.values(at_seen_size(net), as_bird(net, pictures), measure, maps)
    return max(v.mean().item() for v in values.values())


def mean_f(net: networks.CamNetwork, learn: Pictures, test: Pictures) -> dict[str, float]:
    """The mean of all f_k in the place of the map of "bird", at the best threshold for *it*."""
    threshold = chosen_threshold(mean_maps(net, learn), learn.boxes)
    found = localization.boxes_from_maps(mean_maps(net, test), threshold)
    right = localization.gt_known(found, test.boxes)
    return {"mean_f_at_own": right, "mean_f_threshold": threshold}


# ---------------------------------------------------------------- which bird it is


def marks(pictures: Pictures) -> Tensor:
    """The pixels of the mark of each bird's species, in the crop of its true box: -> (N, 112, 112).

    The plain wren has none: its eye stands there, and nobody asks for it.
    """
    parts = [f"bird {SPECIES[name][0] or 'eye'}" for name in pictures.class_names]
    number = torch.tensor([pictures.part_names.index(part) for part in parts], dtype=torch.uint8)
    there = pictures.parts == number[pictures.labels][:, None, None]
    return features.crops(255 * there[:, None].byte(), pictures.boxes, SEEN)[:, 0] > 127


def in_crops(pictures: Pictures, images: Tensor) -> tuple[Pictures, Tensor]:
    """Birds whose species has a mark, as crops (N, 3, 112, 112); what is within a cell of it."""
    told = torch.tensor([bool(SPECIES[name][0]) for name in pictures.class_names])
    there = marks(pictures)
    crop = replace(pictures, images=images, masks=there, parts=there.byte())
    near = concepts.around(there)
    return crop.subset(told[pictures.labels]), near[told[pictures.labels]]


def at_marks(closer: networks.CamNetwork, test: Pictures, images: Tensor) -> dict[str, float]:
    """How often the map of the species peaks at its mark, and the strongest that knows nothing."""
    crop, near = in_crops(test, images)
    maps, measure = networks.maps_of(closer, crop), baselines.pointing(near)
    strongest = next(iter(baselines.values(closer, crop, measure, maps).values()))
    hit = torch.as_tensor(measure(maps))
    return {"peak_at_mark": hit.mean().item(), "nothing_at_mark": strongest.mean().item()}


def ways(net: networks.CamNetwork, sets: Sequence[Pictures], found: Both) -> dict[str, Both]:
    """F of each set, seen in each way: pictures, boxes (N, 4) from maps -> {way: (N, K) each}.

    full, full_224            whole pictures, at 112 pixels and as they were drawn
    enlarged                  at 224 pixels, blown up from 112: larger, with nothing new to be seen
    ..._in_box                of these, F_k pooled over the cells in the box only
    crop_at_chosen, true_box  what lies in the box, from the drawn picture, to 112 pixels
    ..._same_pixels           the same from the picture of 112 pixels: nothing new to be seen
    crop_centred              as large as the crop, and in the middle of the picture
    crop_of_another           where another picture's bird is
    """
    true = [some.boxes for some in sets]
    seen: dict[str, Both] = {}
    for name, view in (("full", small), ("enlarged", enlarged), ("full_224", _as_drawn)):
        seen[name], seen[f"{name}_in_box"] = both_pools(net, sets, found, view)
    for name, where in (("crop_at_chosen", found), ("true_box", true)):
        seen[name] = pooled(net, crops(sets, where))
        seen[f"{name}_same_pixels"] = pooled(net, crops(sets, where, enlarged))
    seen["crop_centred"] = pooled(net, crops(sets, [centred(b) for b in found]))
    seen["crop_of_another"] = pooled(net, crops(sets, [b.roll(1, 0) for b in found]))
    return seen


def _as_drawn(images: Tensor) -> Tensor:
    return images


def centred(found: Tensor, side: int = DRAWN) -> Tensor:
    """Boxes of the same size in the middle of a picture: (N, 4) -> (N, 4)."""
    size = found[:, 2:] - found[:, :2]
    corner = (side - size) // 2
    return torch.cat([corner, corner + size], 1)


def crops(sets: Sequence[Pictures], found: Both, view=_as_drawn) -> list[Tensor]:
    """What lies in the boxes, (N, 4) for each set: -> (N, 3, 112, 112) for each set."""
    pairs = zip(sets, found, strict=True)
    return [features.crops(view(some.images), b, SEEN) for some, b in pairs]


def pooled(net: networks.CamNetwork, seen: Both) -> list[Tensor]:
    """F of what is seen of each set: (N, 3, h, w) each -> (N, K) each."""
    return [features.features(net, images) for images in seen]


def both_pools(
    net: networks.CamNetwork, sets: Sequence[Pictures], found: Both, view=small
) -> tuple[list[Tensor], list[Tensor]]:
    """F of each set, pooled over the whole picture and over its box only, after one pass."""
    pairs = [
        features.pooled_in(net, view(some.images), b / DRAWN)
        for some, b in zip(sets, found, strict=True)
    ]
    return [whole for whole, _ in pairs], [inside for _, inside in pairs]


def right_with(
    sets: Sequence[Pictures], F: Both, make: features.Layer = features.linear_svm
) -> tuple[Tensor, float]:
    """Which test pictures are named rightly with a layer on F, (N,) 0 or 1, and the C chosen."""
    train, test = sets
    C = features.chosen_C(F[0], train.labels, make=make)
    S = cam.scores(F[1], *features.folded(make(F[0], train.labels, C)))
    return (S.argmax(1) == test.labels).double(), C
