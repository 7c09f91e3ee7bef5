"""GAP features of a trained network, and a linear SVM on them that is a CAM network itself.

A network learnt one task; its pooled features F_k serve another. A linear SVM on them has a weight
for each channel, so its weights take the place of w_k^c, and every class of the new task gets its
map. Paper, section 4, "Deep Features for Generic Localization". Notebook 06.
"""

import copy
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from utils import cam, valid
from utils.networks import CamNetwork, passes
from utils.preparation import resized

if TYPE_CHECKING:  # slow to import: the functions that need it do it themselves
    from sklearn.pipeline import Pipeline

Images = Tensor | Sequence[Tensor]  # (N, 3, h, w) uint8, or N pictures (3, h, w) of any sizes
_KNOWN: dict[str, Tensor] = {}  # features that were computed already, by network and pictures


# ---------------------------------------------------------------- features


def features(net: CamNetwork, images: Images, batch_size: int = 100) -> Tensor:
    """F_k of many pictures, pooled as the network pools: N pictures uint8 -> (N, K).

    What was computed once is remembered until Python ends: the same weights and the same pixels
    give the same features at once. Raises ValueError if there are no pictures. Notebook 06.
    """
    valid.instance(net, CamNetwork, "a CAM network, cam_network(model),")
    images, batch_size = _pictures(images), valid.whole(batch_size, "batch_size", 1)
    weights, first = net.model.state_dict().values(), _pooled(net, images[:1])
    key = _fingerprint([*weights, *images, first])  # `first` tells heads and strides apart
    if key not in _KNOWN:
        _KNOWN[key] = _pooled(net, images, batch_size)
    return _KNOWN[key].clone()


def _pictures(images: Images) -> Images:
    """(N, 3, h, w) uint8, or a list of pictures (3, h, w), at least one."""
    if isinstance(images, (Tensor, np.ndarray)) and len(images):
        return valid.tensor(images, "the pictures", "N C h w")
    if not isinstance(images, (Sequence, Tensor, np.ndarray)) or isinstance(images, str):
        raise TypeError(f"pictures are (N, 3, h, w) or a list, not a {type(images).__name__}")
    if len(images) == 0:
        raise ValueError("there are no pictures: give at least one")
    return [valid.tensor(image, "a picture", "C h w") for image in images]


def _pooled(net: CamNetwork, images: Images, batch_size: int = 100) -> Tensor:
    """F_k without the memory, with a bar; pictures of any sizes are prepared one by one."""
    from tqdm.auto import tqdm

    device = next(net.model.parameters()).device
    each = replace(net, prepare=lambda some: torch.cat([net.prepare(i) for i in some]).to(device))
    n_batches = math.ceil(len(images) / batch_size)
    found = passes(each, images, batch_size)
    bar = tqdm(found, "features", n_batches, unit="batch", leave=False, disable=len(images) == 1)
    return torch.cat([cam.pool(p.f, p.pooling).cpu() for _, p in bar])


def pooled_in(
    net: CamNetwork, images: Tensor, boxes: Tensor, batch_size: int = 25
) -> tuple[Tensor, Tensor]:
    """F_k over the whole map, and over the cells in a box only: pictures, (N, 4) -> (N, K) twice.

    Boxes are fractions of the picture. A cell counts as inside if its middle is at most half a step
    outside, so every box has one. Raises ValueError where the network's cells cannot be placed.
    Notebook 06.
    """
    cells = net.cells(net.prepare(images[:1]))
    if cells is None:
        raise ValueError("it cannot be told where the cells of this network look")
    boxes = valid.boxes(boxes, "N 4").float()
    down, across = (
        start + step * torch.arange(n)
        for start, step, n in zip(cells.start, cells.step, cells.shape, strict=True)
    )
    rows = _inside(down, boxes[:, 1], boxes[:, 3], cells.step[0])
    inside = rows[:, :, None] * _inside(across, boxes[:, 0], boxes[:, 2], cells.step[1])[:, None]
    share = inside / inside.sum((1, 2), keepdim=True)  # (N, H, W), adds up to 1
    found = [
        (p.f.mean((2, 3)).cpu(), torch.einsum("nkhw,nhw->nk", p.f.cpu(), share[at]))
        for at, p in passes(net, images, batch_size)
    ]
    whole, part = zip(*found, strict=True)
    return torch.cat(whole), torch.cat(part)


def _inside(middles: Tensor, low: Tensor, high: Tensor, step: float) -> Tensor:
    """Which cells along one axis lie in each box: (n,), (N,), (N,) -> (N, n) of 0 and 1."""
    near = (middles >= low[:, None] - step / 2) & (middles <= high[:, None] + step / 2)
    return near.float()


def _fingerprint(tensors: Sequence[Tensor]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for t in tensors:
        digest.update(str(tuple(t.shape)).encode())
        digest.update(t.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


# ---------------------------------------------------------------- a linear SVM and its weights


def linear_svm(F: Tensor, labels: Tensor, C: float = 0.1) -> "Pipeline":
    """A linear SVM on features, one class against all others: (N, K), (N,) int -> pipeline.

    Every channel is scaled to mean 0 and deviation 1 first: an SVM punishes large weights, and
    a channel of small values would need one. `C` is the price of a picture on the wrong side.
    Classes are 0, 1, ... Raises ValueError if one of them has no picture. Paper, section 4.
    """
    from sklearn.svm import LinearSVC

    return _scaled(LinearSVC(C=valid.number(C, "C, a price,", 1e-12), dual=False), F, labels)


def softmax_layer(F: Tensor, labels: Tensor, C: float = 0.1) -> "Pipeline":
    """A new last layer, as a network would be given: softmax and cross-entropy, on the same scale.

    `C` is one over the weight decay. `folded` takes it as it takes an SVM. Notebook 06.
    """
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=valid.number(C, "C, a price,", 1e-12), max_iter=1000)
    return _scaled(classifier, F, labels)


def _scaled(classifier: Any, F: Tensor, labels: Tensor) -> "Pipeline":
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    F = valid.finite(F, "the features F", "N K").cpu()
    labels = valid.learnt_from(labels, len(F)).cpu()
    return make_pipeline(StandardScaler(), classifier).fit(F.double().numpy(), labels.numpy())


Layer = Callable[[Tensor, Tensor, float], "Pipeline"]
PRICES = (0.001, 0.01, 0.1, 1.0)  # of C, to choose from


def chosen_C(
    F: Tensor, labels: Tensor, among: Sequence[float] = PRICES, make: Layer = linear_svm
) -> float:
    """The C that names most of the held-out pictures: (N, K), (N,) -> one of `among`.

    Every fourth picture of each class is held out; of equals the smallest. Notebook 06.
    """
    held = held_out(labels)
    right = {
        C: (
            cam.scores(F[held], *folded(make(F[~held], labels[~held], C))).argmax(1) == labels[held]
        )
        for C in sorted(among)
    }
    return max(right, key=lambda C: right[C].sum().item())


def held_out(labels: Tensor, every: int = 4) -> Tensor:
    """Every fourth picture of each class: (N,) -> (N,) bool."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    for c in labels.unique():
        held[(labels == c).nonzero()[every - 1 :: every, 0]] = True
    return held


def folded(svm: "Pipeline") -> tuple[Tensor, Tensor]:
    """Weights and biases of the SVM for features as they are: pipeline -> w (C, K), b (C,).

    With the scaling's means m_k and deviations s_k, w (F - m) / s + b = (w / s) F + b - (w / s) m.
    Of two classes an SVM keeps only the second's row; the first gets the opposite. Notebook 06.
    """
    from sklearn.pipeline import Pipeline

    valid.instance(svm, Pipeline, "a linear SVM, from linear_svm,")
    scaling, classifier = svm[0], svm[-1]
    w = classifier.coef_ / scaling.scale_
    b = classifier.intercept_ - w @ scaling.mean_
    w, b = torch.from_numpy(w).float(), torch.from_numpy(b).float()
    return (torch.cat([-w, w]), torch.cat([-b, b])) if len(w) == 1 else (w, b)


def with_head(net: CamNetwork, w: Tensor, b: Tensor, class_names: Sequence[str] = ()) -> CamNetwork:
    """The same network with another last layer: weights (C, K), biases (C,), C names.

    The SVM takes the place of the last linear layer, so `S, M = net(x)` gives its scores and maps
    and S_c = mean M_c + b_c holds. The given network stays as it is. Raises ValueError if the
    channels or the number of names differ. Paper, section 4; notebook 06.
    """
    valid.instance(net, CamNetwork, "a CAM network, cam_network(model),")
    w = valid.finite(w, "the weights w", "C K", "floats")
    b = valid.finite(b, "the biases b", "C", "floats")
    model = copy.deepcopy(net.model)
    name, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    if w.shape[1] != last.in_features or b.shape != w.shape[:1]:
        raise ValueError(
            f"the network pools {last.in_features} channels, so w is (C, {last.in_features}) and "
            f"b (C,); they are {tuple(w.shape)} and {tuple(b.shape)}"
        )
    head = nn.Linear(w.shape[1], len(w)).to(last.weight)
    head.load_state_dict({"weight": w, "bias": b})
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, head)
    names = valid.class_names(class_names, len(w), "this head")
    return CamNetwork(model.eval(), names, net.prepare)


def svm_network(
    net: CamNetwork, images: Images, labels: Tensor, class_names: Sequence[str] = (), C: float = 0.1
) -> CamNetwork:
    """A linear SVM for a new task, as a network with maps: N pictures, labels (N,) -> network."""
    return with_head(net, *folded(linear_svm(features(net, images), labels, C)), class_names)


def accuracy(net: CamNetwork, images: Images, labels: Tensor) -> float:
    """Share of the pictures whose best score is that of their class: pictures, (N,) -> 0..1."""
    F, labels = features(net, images), valid.tensor(labels, "the labels", "N", "whole numbers")
    if len(labels) != len(F):
        raise ValueError(f"{len(F)} pictures, but {len(labels)} labels")
    p = net.forward_pass(torch.cat([net.prepare(image) for image in images[:1]]))
    S = cam.scores(F, p.w.cpu(), None if p.b is None else p.b.cpu())
    return (valid.finite(S, "the scores S", "N C").argmax(1) == labels.cpu()).double().mean().item()


# ---------------------------------------------------------------- crops


def grown(boxes: Tensor, h: int, w: int, margin: float = 0.1, square: bool = True) -> Tensor:
    """Boxes with a margin on each side, inside a picture of h x w: (..., 4) -> (..., 4) int64.

    `margin` is a fraction of the longer side. `square` makes both sides as long as the longer, so
    that nothing is squashed later. A box that would cross the edge is moved inside; it is smaller
    only where the picture is. Raises ValueError for a box without a pixel inside the picture.
    """
    boxes, margin = valid.boxes(boxes), valid.number(margin, "the margin", 0)
    h, w = (valid.whole(n, "a side of the picture", 1) for n in (h, w))
    limit = torch.tensor([w, h], dtype=torch.float64)
    corner, far = boxes[..., :2].double(), boxes[..., 2:].double()
    if (corner < 0).any() or (far > limit).any() or (corner >= far).any():
        raise ValueError(f"boxes are (x0, y0, x1, y1) in {w} x {h} pixels: {boxes.tolist()}")
    side = far - corner
    longer = side.amax(-1, keepdim=True)
    side = ((longer if square else side) + 2 * margin * longer).ceil().minimum(limit)
    corner = ((corner + far - side) / 2).clamp(min=0).minimum(limit - side).floor()
    return torch.cat([corner, corner + side], -1).long()


def crops(
    images: Images, boxes: Tensor, size: int = 112, margin: float = 0.1, square: bool = True
) -> Tensor:
    """What lies in the boxes, resized to size x size: N pictures, (N, 4) -> (N, 3, size, size).

    Boxes are in pixels of these pictures, half-open, and are grown first: see `grown`. Raises
    ValueError if there are not as many boxes as pictures. Paper, section 4.1; notebook 06.
    """
    images, boxes, size = _pictures(images), valid.boxes(boxes, "N 4"), valid.whole(size, "size", 1)
    if len(images) != len(boxes):
        raise ValueError(f"{len(images)} pictures, but {len(boxes)} boxes")
    return torch.stack(
        [_crop(i, b, size, margin, square) for i, b in zip(images, boxes, strict=True)]
    )


def _crop(image: Tensor, box: Tensor, size: int, margin: float, square: bool) -> Tensor:
    h, w = image.shape[-2:]
    x0, y0, x1, y1 = grown(box, h, w, margin, square).tolist()
    return resized(image[:, y0:y1, x0:x1], (size, size))
