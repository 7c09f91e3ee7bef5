"""Thing or surroundings: what a photograph's name hangs on, and where its map is hot. Notebook 07.

    python -m utils.experiments.covering FOLDER               ImageNet's validation pictures
    python -m utils.experiments.covering FOLDER --most 1000   the first so many, of any such command

What is covered is painted in the median colour of its photograph. As a control the same number of
pixels, on average, is covered without asking where the thing is: at another photograph's boxes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms import functional

from utils import baselines, compare, networks, photos
from utils.data.files import Photographs
from utils.experiments import folder
from utils.pictures import Pictures, filled, squashed

SIDE = 289  # pixels: each photograph is squashed to a square of it, the network's input
HOT = 0.2  # of the maximum
BY_HAND = {  # photographs of scikit-image: the class, and the thing's box in their own pixels
    "coffee": ("espresso", (172, 17, 412, 310)),
    "motorcycle_left": ("motor scooter", (92, 70, 690, 456)),
    "rocket": ("missile", (305, 124, 341, 408)),
    "camera": ("tripod", (228, 136, 410, 512)),
}


def framed(
    shown: Sequence[tuple[Tensor, Tensor, int]], class_names: Sequence[str], side: int = SIDE
) -> Pictures:
    """Photographs (3, h, w) with boxes (B, 4) and a label each, as squares; masks are all boxes."""
    images, masks = [], []
    for image, boxes, _ in shown:
        images.append(functional.resize(image, [side, side], antialias=True))
        masks.append(filled(squashed(boxes, image, side), side))
    stacked = torch.stack(masks)
    return Pictures(
        torch.stack(images), torch.tensor([label for *_, label in shown]), tuple(class_names),
        torch.tensor([[0, 0, side, side]]).repeat(len(masks), 1), stacked,
        torch.zeros_like(stacked, dtype=torch.uint8), ("",),
    )  # fmt: skip


def samples(net: networks.CamNetwork) -> Pictures:
    """The photographs of BY_HAND, with the labels of a network trained on ImageNet."""
    shown = [
        (photos.sample(name), torch.tensor([box]), net.index(label))
        for name, (label, box) in BY_HAND.items()
    ]
    return framed(shown, net.class_names)


def read(photographs: Photographs, class_names: Sequence[str]) -> Pictures:
    """The photographs of a folder: all of them are in memory, 250 KB each."""
    some = (photographs[i] for i in range(len(photographs)))
    return framed([(p.image, p.boxes, p.label) for p in some], class_names)


def covered(images: Tensor, masks: Tensor) -> Tensor:
    """What lies in the masks, painted in each photograph's median colour: -> (N, 3, h, w)."""
    plain = images.flatten(2).median(2).values[..., None, None]
    return torch.where(masks[:, None], plain, images)


def ways(pictures: Pictures) -> dict[str, Tensor]:
    """The photographs as they are, without their things, with another's boxes, things alone."""
    masks, images = pictures.masks, pictures.images
    elsewhere = masks[baselines.other_pictures(torch.zeros(len(masks), dtype=torch.long))]
    return {
        "as it is": images,
        "thing covered": covered(images, masks),
        "another's box covered": covered(images, elsewhere),
        "all but the thing covered": covered(images, ~masks),
    }


def called(net: networks.CamNetwork, images: Tensor) -> Tensor:
    """What each photograph is called: (N, 3, h, w) -> (N,)."""
    return torch.cat([p.S.argmax(1).cpu() for _, p in networks.passes(net, images, 20)])


def lines(net: networks.CamNetwork, pictures: Pictures) -> list[str]:
    """Names that are kept, and where maps are hot, in words; differences with their intervals."""
    right = {how: (called(net, some) == pictures.labels) for how, some in ways(pictures).items()}
    said = [f"named right, {how}: {100 * v.double().mean():.1f} %" for how, v in right.items()]
    for a, b in (("thing covered", "another's box covered"), ("as it is", list(right)[-1])):
        said.append(f"  {a} minus {b}: {compare.paired(right[a], right[b])}")
    maps, of_all = networks.maps_of(net, pictures), networks.mean_maps(net, pictures.images)
    area = pictures.masks.double().mean()
    said.append(f"the things' boxes cover {100 * area:.1f} % of a photograph")
    for title, measure in (
        ("heat in the box", baselines.precision(pictures.masks, HOT)),
        ("maximum in the box", baselines.pointing(pictures.masks)),
    ):
        own = torch.as_tensor(measure(maps))
        found = baselines.values(None, pictures, measure, maps, more={"mean of all f_k": of_all})
        shares = {"class map": own, **found}
        said += [f"{title}, {name}: {100 * v.mean():.1f} %" for name, v in shares.items()]
        for name in dict.fromkeys([next(iter(found)), "mean of all f_k"]):
            rival = found[name].expand(len(own))
            said.append(f"  class map minus {name}: {compare.paired(own, rival)}")
    return said


if __name__ == "__main__":
    folder.main(__doc__, lambda net, some: lines(net, read(some, net.class_names)))
