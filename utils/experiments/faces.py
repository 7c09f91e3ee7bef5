"""A face detector from small patches: its one-line rival, and its false alarms. Notebook 06.

scikit-image brings along 100 grey patches of 25 x 25 pixels that show a face and 100 that do not.
Windows of the same size come from photographs without a face. What is learnt from and what is
tested on are kept apart by photograph: two windows of one photograph share its focus, its light and
often their pixels, so a split by window would test what was learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torchvision.transforms import functional

from utils import cam, features, networks, photos

SIDE = 25  # pixels of a patch
SEEN = 96  # pixels that the network is given for it
COARSE = 128  # pixels a side of a photograph, so that a window of 25 holds about a face
STEP = 17  # pixels from one window to the next
PRICE = 0.01  # C; from 0.0001 to 0.1 it makes no difference of more than a patch in a hundred
PHOTOGRAPHS = (
    "brick", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "ihc",
    "motorcycle_left", "page", "rocket", "text",
)  # fmt: skip
ADDED = 60  # windows that a second detector learns from as well
Head = tuple[Tensor, Tensor]  # w (2, K), b (2,)


# ---------------------------------------------------------------- what is shown


def patches() -> tuple[list[Tensor], Tensor]:
    """The 200 patches of scikit-image and whether they show a face: (3, 25, 25) each, (200,)."""
    import skimage.data

    return [photos.load(p) for p in skimage.data.lfw_subset()], (torch.arange(200) < 100).long()


def coarse(name: str) -> Tensor:
    """A sample photograph, as grey and small as the patches: name -> (3, 128, 128) uint8."""
    photo = functional.resize(photos.sample(name), [COARSE, COARSE], antialias=True)
    return functional.rgb_to_grayscale(photo, 3)


def windows(photo: Tensor, step: int = STEP) -> list[Tensor]:
    """All windows of a photograph, so many pixels apart: (3, h, w) -> each (3, 25, 25)."""
    return [photo[:, y : y + SIDE, x : x + SIDE] for y, x in corners(photo, step)]


def corners(photo: Tensor, step: int) -> list[tuple[int, int]]:
    """Where windows begin, row by row: -> (y, x) each."""
    h, w = photo.shape[-2:]
    return [(y, x) for y in range(0, h - SIDE + 1, step) for x in range(0, w - SIDE + 1, step)]


def with_surroundings(photo: Tensor, step: int, grey: bool) -> list[Tensor]:
    """Windows with as much again on each side, of the photograph or grey: -> (3, 75, 75) each.

    Beyond the edge of the photograph is its mirror image.
    """
    wide = functional.pad(photo, [SIDE], padding_mode="reflect")
    found = [wide[:, y : y + 3 * SIDE, x : x + 3 * SIDE].clone() for y, x in corners(photo, step)]
    inner = slice(SIDE, 2 * SIDE)
    for view in found if grey else []:
        window = view[:, inner, inner].clone()
        view[:] = 124  # the mean of ImageNet, to a unit
        view[:, inner, inner] = window
    return found


def middles(net: networks.CamNetwork, views: Sequence[Tensor]) -> Tensor:
    """F over the cells of the window alone, the middle third each way: (3, 75, 75) -> (N, K)."""
    wide = replace(net, prepare=partial(photos.prepare, side=3 * SEEN))
    third = SEEN // photos.STRIDE
    inner = slice(third, 2 * third)
    found = (p.f[:, :, inner, inner] for _, p in networks.passes(wide, views, 9))
    return torch.cat([cam.pool(f) for f in found])


def of_patches(net: networks.CamNetwork) -> networks.CamNetwork:
    """The network, for patches: each enlarged to SEEN pixels."""
    return replace(net, prepare=partial(photos.prepare, side=SEEN))


def sharpness(images: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of neighbouring pixels, down and across: (3, h, w) each -> (N,)."""
    grey = [image.double().mean(0) / 255 for image in images]
    return torch.stack(
        [(g.diff(dim=0).abs().mean() + g.diff(dim=1).abs().mean()) / 2 for g in grey]
    )


# ---------------------------------------------------------------- the detector


def halves(seed: int, n: int) -> tuple[Tensor, Tensor]:
    """Two halves of n things, at random: -> (n // 2,), (n - n // 2,) int64."""
    mixed = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return mixed[: n // 2], mixed[n // 2 :]


def head(F: Tensor, is_face: Tensor, more: Tensor) -> Head:
    """The detector: features (N, K), labels (N,), features (M, K) that are no faces -> head."""
    labels = torch.cat([is_face, torch.zeros(len(more), dtype=torch.long)])
    return features.folded(features.linear_svm(torch.cat([F, more]), labels, PRICE))


def score(F: Tensor, detector: Head) -> Tensor:
    """How much like a face: (N, K) -> (N,)."""
    return cam.scores(F, *detector)[:, 1]


def false_alarms(of_faces: Tensor, of_windows: Tensor, found: float = 0.95) -> float:
    """Share of the windows above the score that finds this share of the faces: (N,), (M,)."""
    return (of_windows >= of_faces.quantile(1 - found)).double().mean().item()


@dataclass(frozen=True)
class Seen:
    """What detectors and rival are given: N patches, and M windows of photographs."""

    F: Tensor  # features of the patches (N, K)
    is_face: Tensor  # (N,) 0 or 1
    sharp: Tensor  # sharpness of the patches (N,)
    there: Tensor  # features of the windows (M, K)
    sharp_there: Tensor  # (M,)
    photo: Tensor  # the number of each window's photograph (M,)


def look(net: networks.CamNetwork) -> Seen:
    """All patches, and all windows of PHOTOGRAPHS, as the network sees them."""
    shown, is_face = patches()
    cut = [windows(coarse(name)) for name in PHOTOGRAPHS]
    there = [window for photo in cut for window in photo]
    photo = torch.arange(len(cut)).repeat_interleave(torch.tensor([len(photo) for photo in cut]))
    F, F_there = (features.features(of_patches(net), some, 25) for some in (shown, there))
    return Seen(F, is_face, sharpness(shown), F_there, sharpness(there), photo)


def faces(seen: Seen, seed: int, heads: dict[str, Head] | None = None) -> dict[str, float]:
    """One split: how often the detectors and the rival are right, and their false alarms.

    Half of the patches and half of the *photographs* are learnt from. "right" is the share of the
    other patches; "alarms" the share of windows of the other photographs at the score that finds
    95 % of the other faces. `heads` of this split, from `heads_of`, where they are there already.
    """
    learn, ask, ours = split(seen, seed)
    heads = heads or heads_of(seen, seed)
    rules = {name: (score(seen.F, d), score(seen.there, d)) for name, d in heads.items()}
    cut = best_cut(seen.sharp[learn], seen.is_face[learn])
    rules["sharpness"] = seen.sharp - cut, seen.sharp_there - cut
    face = seen.is_face[ask] == 1
    figures: dict[str, float] = {}
    for name, (S, S_there) in rules.items():
        S, S_there = S[ask], S_there[~ours]
        figures |= {
            f"right_{name}": ((S > 0) == face).double().mean().item(),
            f"alarms_{name}": false_alarms(S[face], S_there),
        }
    return figures


def split(seen: Seen, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Patches to learn from and to ask, and which windows (M,) bool may be learnt from."""
    learn, ask = halves(seed, len(seen.F))
    n_photographs = int(seen.photo.max()) + 1
    return learn, ask, torch.isin(seen.photo, halves(seed, n_photographs)[0])


def heads_of(seen: Seen, seed: int) -> dict[str, Head]:
    """Three detectors: from patches alone, with ADDED windows at random, with as many hard ones."""
    learn, _, ours = split(seen, seed)
    F, is_face, there = seen.F[learn], seen.is_face[learn], seen.there[ours]
    dice = torch.Generator().manual_seed(seed)
    plain = head(F, is_face, there[:0])
    drawn = torch.randperm(len(there), generator=dice)[:ADDED]
    hard = torch.empty(0, dtype=torch.long)
    for _ in range(2):  # each time those that the detector takes for faces most
        S = score(there, head(F, is_face, there[hard])).index_fill(0, hard, -torch.inf)
        hard = torch.cat([hard, S.topk(ADDED // 2).indices])
    return {
        "patches": plain,
        "random": head(F, is_face, there[drawn]),
        "hard": head(F, is_face, there[hard]),
    }


def best_cut(sharp: Tensor, is_face: Tensor) -> Tensor:
    """The sharpness that parts most patches rightly, if more means a face: (N,), (N,) -> ()."""
    right = ((sharp >= sharp[:, None]) == (is_face == 1)).sum(1)
    return sharp[right.argmax()] - 1e-9  # the cut itself still counts as a face
