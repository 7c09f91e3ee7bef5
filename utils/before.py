"""Other ways to ask a network where it looked: what came before CAM.

Each function takes a classifier `model` (pictures x (N, 3, h, w) as it wants them -> scores
(N, C)) and the class to be explained: an int for all pictures, or a tensor (N,), one for each.
Each gives one map for each picture, (N, h, w) or coarser, computed in evaluation mode, and leaves
the model as it was: its weights, their gradients, its modes and hooks. Derived in notebook 02.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torchvision.transforms.functional import gaussian_blur

from utils import cam, localization, valid
from utils.networks import evaluating

Rule = Literal["deconvnet", "guided"]
RELUS = {"relu", "relu_", "relu6", "hardtanh"}  # the last is how torch spelled ReLU6 for a while


# ---------------------------------------------------------------- change the picture, ask again


def occlusion(
    model: nn.Module,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    size: int = 32,
    stride: int = 16,
    fill: float = 0.5,
    batch_size: int = 64,
) -> Tensor:
    """How much S_c drops where a square is covered: (N, 3, h, w) -> (N, h / stride, w / stride).

    Each cell of `stride` pixels is the middle of one square of `size` pixels, cut off at the edges.
    Its value is S_c(x) - S_c(x, covered); below 0, covering helped the class. `fill` is the grey,
    in the units of x: 0.5 for pictures in 0..1, 0 for normalised ones.
    Cost of a picture: 1 + (h / stride) (w / stride) forward passes.
    Raises ValueError where cells do not fill the picture or cannot be the middle of a square.
    Zeiler & Fergus, ECCV 2014, section 4.2, who watch P_c; S_c does not saturate. Notebook 02.
    """

    def covered(picture: Tensor, row: int, column: int) -> Tensor:
        picture = picture.clone()
        picture[:, max(row, 0) : row + size, max(column, 0) : column + size] = fill
        return picture

    (x, own), corners = _asked(x, c), _corners(x, size, stride)
    fill = valid.number(fill, "fill, the grey,")
    S_whole = _scores_at(model, x, own, [(0, 0)], lambda picture, *_: picture, batch_size)
    S_covered = _scores_at(model, x, own, corners, covered, batch_size)
    return (S_whole - S_covered).reshape(len(x), -1, x.shape[-1] // stride)


def patches(
    model: nn.Module,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    size: int = 48,
    stride: int = 16,
    fill: float = 0.5,
    batch_size: int = 64,
) -> Tensor:
    """S_c of each overlapping patch alone: (N, 3, h, w) -> (N, h / stride, w / stride).

    Each cell of `stride` pixels is the middle of one patch of `size` pixels; outside the picture
    lies `fill`, as in `occlusion`. The network must take pictures of that size, as with GAP.
    Cost of a picture: (h / stride) (w / stride) forward passes of a small picture.
    Raises ValueError where cells do not fill the picture or cannot be the middle of a patch.
    Oquab et al., CVPR 2014, who enlarge the patches to the network's usual size. Notebook 02.
    """
    (x, own), corners = _asked(x, c), _corners(x, size, stride)
    fill = valid.number(fill, "fill, the grey,")
    margin = (size - stride) // 2
    padded = functional.pad(x, [margin] * 4, value=fill)

    def cropped(picture: Tensor, row: int, column: int) -> Tensor:
        row, column = row + margin, column + margin
        return picture[:, row : row + size, column : column + size]

    S = _scores_at(model, padded, own, corners, cropped, batch_size)
    return S.reshape(len(x), -1, x.shape[-1] // stride)


# ---------------------------------------------------------------- ask for the gradient


def saliency(model: nn.Module, x: Tensor, c: int | Sequence[int] | Tensor) -> Tensor:
    """The largest |dS_c / dx| over the colours: (N, 3, h, w) -> (N, h, w).

    Cost: 1 forward and 1 backward pass. Simonyan et al., ICLR workshop 2014, section 3.
    Notebook 02.
    """
    return input_gradient(model, x, c).abs().amax(1)


def deconvnet(model: nn.Module, x: Tensor, c: int | Sequence[int] | Tensor) -> Tensor:
    """As `saliency`, with the deconvnet's rule at every ReLU: (N, 3, h, w) -> (N, h, w).

    Cost: 1 forward and 1 backward pass. Zeiler & Fergus, ECCV 2014, section 2. Notebook 02.
    """
    return input_gradient(model, x, c, "deconvnet").abs().amax(1)


def guided_backprop(model: nn.Module, x: Tensor, c: int | Sequence[int] | Tensor) -> Tensor:
    """As `saliency`, with the guided rule at every ReLU: (N, 3, h, w) -> (N, h, w).

    Cost: 1 forward and 1 backward pass. Springenberg et al., ICLR workshop 2015.
    Notebook 02; notebook 10 shows that it fails a sanity check.
    """
    return input_gradient(model, x, c, "guided").abs().amax(1)


def input_gradient(
    model: nn.Module, x: Tensor, c: int | Sequence[int] | Tensor, rule: Rule | None = None
) -> Tensor:
    """dS_c / dx, or what takes its place with another rule at the ReLUs: (N, 3, h, w), signed.

    The pictures do not see each other, so one backward pass of the summed scores serves them all.
    """
    x, own = _asked(x, c)
    with torch.inference_mode(False), torch.enable_grad():
        x, own = x.detach().clone().requires_grad_(), own.clone()  # of no inference mode any more
        _no_inference(model)
        with relu_rule(rule):
            S_own = _own_scores(model, x, own)
        if not S_own.requires_grad:
            raise ValueError("these scores have no gradient: the network cuts it off on its way")
        return torch.autograd.grad(S_own.sum(), x)[0]


def _no_inference(model: nn.Module) -> None:
    """Raises ValueError for weights without the means of a gradient."""
    if isinstance(model, nn.Module) and any(p.is_inference() for p in model.parameters()):
        raise ValueError(
            "the network was made inside torch.inference_mode(), so it gives no gradients: make it "
            "outside, and only ask it inside"
        )


@contextmanager
def relu_rule(rule: Rule | None) -> Iterator[None]:
    """Inside, a forward pass remembers another backward rule for each of its ReLUs.

    With gradient g coming from above and input a, the ReLU sends down
    None: g where a > 0; "deconvnet": g where g > 0; "guided": g where a > 0 and g > 0.
    The forward values stay the same and the model is not touched. Known are nn.ReLU and nn.ReLU6,
    in place or not, and relu and relu6 called as functions or methods; other activations, and a
    ReLU written as clamp or inside a scripted or compiled model, keep their own gradient.
    Raises ValueError for an unknown rule and if not one ReLU was met.
    """
    if rule is None:
        yield
        return
    if rule not in ("deconvnet", "guided"):
        raise ValueError(f'the rule is None, "deconvnet" or "guided", not {rule!r}')
    with _ReluRule(rule) as mode:
        yield
    if not mode.met:
        raise ValueError(
            f"the rule {rule!r} is about ReLUs, and this network ran none: use saliency"
        )


class _ReluRule(TorchFunctionMode):
    """Sends every ReLU of a forward pass through `_Relu`."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule, self.met = rule, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name not in RELUS or (name == "hardtanh" and kwargs.get("min_val", -1) != 0):
            return func(*args, **kwargs)
        self.met += 1
        a = kwargs["input"] if "input" in kwargs else args[0]
        top = {"relu6": 6.0, "hardtanh": kwargs.get("max_val", 1)}.get(name, torch.inf)
        out = _Relu.apply(a, top, self.rule)
        in_place = name == "relu_" or kwargs.get("inplace", args[1:] == (True,))
        return a.copy_(out) if in_place else out


class _Relu(torch.autograd.Function):
    """min(max(a, 0), top), and the rule of `relu_rule` on the way back, for torch.func as well."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, top: float, rule: Rule) -> Tensor:
        return a.clamp(0, top)

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: Tensor) -> None:
        a, top, ctx.rule = inputs
        ctx.save_for_backward((a > 0) & (a < top))

    @staticmethod
    def backward(ctx, g: Tensor):
        (passed,) = ctx.saved_tensors
        g = g.clamp(min=0)
        return (g * passed if ctx.rule == "guided" else g), None, None


# ---------------------------------------------------------------- judge the answers


hottest_point = localization.hottest_point


def pointing_accuracy(maps: Tensor, masks: Tensor) -> float:
    """Share of the maps whose hottest point lies on the thing: (N, h, w), (N, h, w) bool -> 0..1.

    `localization.pointing_accuracy`, but of equal maxima the middle counts. Notebook 02.
    """
    return localization.peaks_in(maps, masks, middle=True).float().mean().item()


def on_cells(maps: Tensor, n: int) -> Tensor:
    """The mean over each of n x n cells, enlarged again: (N, h, w) -> (N, h, w).

    So fine maps are read at the mapping resolution of coarse ones. Raises ValueError for n < 1.
    """
    maps = valid.tensor(maps, "the maps", "N h w")
    small = functional.adaptive_avg_pool2d(maps[:, None], valid.whole(n, "n, cells a side,", 1))
    return cam.upsample(small, maps.shape[1:])[:, 0]


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Smoothed by a Gaussian of `sigma` pixels; 0 leaves them as they are: (N, h, w), twice.

    Raises ValueError where the picture is smaller than the Gaussian, three sigma to each side.
    """
    maps, sigma = valid.tensor(maps, "the maps", "N h w"), valid.number(sigma, "sigma", 0)
    reach = int(3 * sigma + 0.5)
    if reach >= min(maps.shape[1:]):
        raise ValueError(f"a Gaussian of {sigma:g} pixels needs maps of more than {reach} pixels")
    if not reach:
        return maps
    across = gaussian_blur(maps, [2 * reach + 1, 1], [sigma, sigma])  # two passes are quicker
    return gaussian_blur(across, [1, 2 * reach + 1], [sigma, sigma])


class Setting(NamedTuple):
    """How the maps of a method are read: chosen on some pictures, used on others."""

    box_blur: float  # sigma in pixels, before the box
    threshold: float  # of the box, a fraction of the maximum
    peak_blur: float  # sigma in pixels, before the hottest point


def tune(maps: Tensor, boxes: valid.Boxes, masks: Tensor, blurs: Sequence[float] = (0,)) -> Setting:
    """The setting that suits these pictures best; of equals the least blur. Notebook 02.

    maps (N, h, w) at picture size, true boxes, masks (N, h, w) bool. The box is best where most
    have IoU >= 0.5 (GT-known), the peak where most lie on the mask.
    """
    found: dict[float, tuple[float, float]] = {}
    hits: dict[float, float] = {}
    for sigma in blurs:
        smooth = blurred(maps, sigma)
        fits = localization.records(smooth, boxes, thresholds=localization.THRESHOLDS, how="max")
        found[sigma] = localization.max_box_acc(fits)
        hits[sigma] = pointing_accuracy(smooth, masks)
    box_blur = max(found, key=lambda sigma: found[sigma][0])
    return Setting(box_blur, found[box_blur][1], max(hits, key=lambda sigma: hits[sigma]))


def read(
    maps: Tensor, boxes: valid.Boxes, masks: Tensor, setting: Setting
) -> tuple[Tensor, Tensor]:
    """Of each picture: has its box IoU >= 0.5, is its peak on the mask? -> (N,), (N,), 0 or 1.

    As `tune`, on other pictures. Notebook 02.
    """
    valid.instance(setting, Setting, "a Setting, from before.tune,")
    for_box, for_peak = blurred(maps, setting.box_blur), blurred(maps, setting.peak_blur)
    fits = localization.records(for_box, boxes, thresholds=[setting.threshold], how="max")
    hit = localization.peaks_in(for_peak, masks, middle=True)
    return (fits.largest[:, 0] >= 0.5).double(), hit.double()


@contextmanager
def count_passes(model: nn.Module) -> Iterator[dict[str, int]]:
    """Counts the pictures that go forward and backward through the model inside: notebook 02.

    `with count_passes(model) as passes: ...` fills passes["forward"] and passes["backward"].
    """
    passes = {"forward": 0, "backward": 0}

    def backward(gradient: Tensor) -> None:
        passes["backward"] += len(gradient)

    def forward(module: nn.Module, args: tuple, S: Tensor) -> None:
        passes["forward"] += len(S)
        if S.requires_grad:
            S.register_hook(backward)

    valid.instance(model, nn.Module, "a network, of a CamNetwork its .model,")
    hook = model.register_forward_hook(forward)
    try:
        yield passes
    finally:
        hook.remove()


# ---------------------------------------------------------------- shared


def _corners(x: Tensor, size: int, stride: int) -> list[tuple[int, int]]:
    """Upper left corners (row, column) of the squares around all cells; they may lie outside."""
    h, w = x.shape[-2:]
    size, stride = valid.whole(size, "size"), valid.whole(stride, "stride")
    if size < 1 or stride < 1 or h % stride or w % stride or (size - stride) % 2:
        raise ValueError(
            f"size {size}, stride {stride}, pictures of {h} x {w}: the stride has to divide both "
            "sides, and size - stride has to be even, so that each cell is the middle of its square"
        )
    margin = (size - stride) // 2
    return [(r - margin, c - margin) for r in range(0, h, stride) for c in range(0, w, stride)]


@torch.no_grad()
def _scores_at(
    model: nn.Module,
    x: Tensor,
    own: Tensor,
    corners: list[tuple[int, int]],
    change: Callable[[Tensor, int, int], Tensor],
    batch_size: int,
) -> Tensor:
    """S_c of every picture, changed at every place, in batches: (N, places)."""
    batch_size = valid.whole(batch_size, "batch_size", 1)
    own = own.repeat_interleave(len(corners))
    asked = [(n, corner) for n in range(len(x)) for corner in corners]
    found = []
    for start in range(0, len(asked), batch_size):
        batch = [change(x[n], *corner) for n, corner in asked[start : start + batch_size]]
        found.append(_own_scores(model, torch.stack(batch), own[start : start + batch_size]))
    return torch.cat(found).reshape(len(x), len(corners))


def _own_scores(model: nn.Module, x: Tensor, own: Tensor) -> Tensor:
    """S_c of each picture's own class, in evaluation mode: (N, 3, h, w), (N,) -> (N,)."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"a network is wanted, not a {type(model).__name__}: of a CamNetwork, its .model"
        )
    with evaluating(model):
        S = model(x)
    if not isinstance(S, Tensor) or S.ndim != 2:
        raise ValueError(f"{type(model).__name__} does not return scores of the shape (N, C)")
    if not 0 <= int(own.min()) <= int(own.max()) < S.shape[1]:
        raise IndexError(f"classes run from 0 to {S.shape[1] - 1}, got {own.unique().tolist()}")
    return S.gather(1, own[:, None])[:, 0]


def _asked(x: Tensor, c: int | Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
    """The pictures as the network wants them, and the class of each, (N,)."""
    x = valid.tensor(x, "pictures as the network takes them", "N C h w")
    if not x.is_floating_point():
        raise ValueError(f"pictures are float as the network takes them, not {x.dtype}")
    return x, valid.each(c, len(x)).to(x.device)
