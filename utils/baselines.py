"""What would a map that knows nothing get? Beside any number about maps, the numbers of such maps.

Each of these lacks one kind of knowledge, so each says what the number owes to it:

    another class's map     the picture, not the class: a random other class, on the same picture
    another picture's map   the class, not the picture; with "of the class" from its own class
    mean of all f_k         where anything is, whatever it is
    shuffled weights        w_k^c of the class, but on the wrong channels, for each picture anew
    untrained network       nothing was learnt (Adebayo et al., "Sanity Checks for Saliency Maps",
                            NeurIPS 2018)
    any thing               the masks of all things; for pointing a random point on any of them
    centred Gaussian        the WSOL evaluation's centre baseline (Choe et al., CVPR 2020)
    best centred box        the one of SIDES that suits these very pictures best
    whole picture           "everywhere"; for pointing a random point

All are maps, so they fit any measure: a function from maps (N, h, w) to values (N,), one for each
picture, or to one number for all of them. Ready-made ones are below. Notebook 05.
"""

from collections.abc import Callable, Mapping
import torch
from torch import Tensor
from utils import cam, localization, networks, valid
from utils.networks import CamNetwork
from utils.pictures import Pictures

Measure = Callable[[Tensor], Tensor | float]  # maps (N, h, w) -> (N,), or one number


def table(
    net: CamNetwork | None,
    pictures: Pictures,
    measures: Mapping[str, Measure],
    maps: Tensor | Mapping[str, Tensor] | None = None,
    *,
    things: Tensor | None = None,
    more: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    short: bool = False,
    times: float = 100,
) -> tuple[list[list[object]], list[str]]:
    """Rows and header for `plots.table`: methods, then what knows nothing, the best of it **bold**.

    maps    the methods' maps, (N, h, w) each, under their names; left out: the class maps of `net`
    net     left out (None), the rows that need a network are left out too
    things  (N, h, w) bool, the pixels of all things of each picture, for "any thing"
    more    maps of your own that know nothing, such as of an SVM on shuffled labels
    short   one row instead of many: the strongest, with its name
    """


def values(
    net: CamNetwork | None,
    pictures: Pictures,
    measure: Measure,
    maps: Tensor | None = None,
    *,
    things: Tensor | None = None,
    more: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """What each map that knows nothing gets, the strongest first: {name: (N,), or ()}."""


def one_each(pictures: Pictures) -> Pictures:
    """N pictures of K things as N K pictures of one thing each, for `sketchbook.pairs`, ...."""


def found_at(true_boxes: valid.Boxes, threshold: float = 0.2) -> Measure:
    """GT-known localization: whether the box at this share of the maximum has IoU >= 0.5."""


def max_box_acc(true_boxes: valid.Boxes) -> Measure:
    """The same at the threshold that is best for these maps, min-max scaled (MaxBoxAcc)."""


def pointing(masks: Tensor) -> Measure:
    """Pointing game: whether the maximum lies on the mask; of equal maxima, the share that does."""


def coverage(masks: Tensor, threshold: float = 0.5) -> Measure:
    """Recall of pixels: the share of the mask above this share of the maximum."""


def precision(masks: Tensor, threshold: float = 0.5) -> Measure:
    """Precision of pixels: the share of what lies above this share of the maximum on the mask."""


def pxap(masks: Tensor) -> Measure:
    """PxAP of all pictures together: one number."""
