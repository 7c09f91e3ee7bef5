"""Networks whose class maps can be read: any classifier that ends in global pooling.

`cam_network` is the one idea here: the last feature maps are whatever the global pooling pools.
So one forward pass is watched, no layer is named, and no hook is ever set. Notebooks 00 and 01.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from utils import cam
from utils.pictures import Pictures

POOLINGS: dict[str, cam.Pooling] = {
    "adaptive_avg_pool2d": "mean", "avg_pool2d": "mean", "mean": "mean", "sum": "sum",
    "adaptive_max_pool2d": "max", "max_pool2d": "max", "amax": "max",
}  # fmt: skip


# ---------------------------------------------------------------- any network that ends in GAP


@dataclass
class ForwardPass:
    """What CAM needs of one forward pass; S_c = pooled M_c + b_c holds between them."""

    f: Tensor  # (N, K, H, W), the maps that the global pooling pools
    w: Tensor  # (C, K), the weights of the last linear layer
    b: Tensor | None  # (C,), its biases
    S: Tensor  # (N, C), the class scores, input of the softmax
    pooling: cam.Pooling  # "mean" for GAP, "max" for GMP, "sum" for the paper's own formula


class NotACamNetwork(ValueError):
    """The network does not end in global pooling and one linear layer; the text says what to do."""


def as_batch(pictures: Tensor) -> Tensor:
    """(3, h, w) or (N, 3, h, w), uint8 -> (N, 3, h, w), float in 0..1."""
    return (pictures[None] if pictures.ndim == 3 else pictures) / 255


@dataclass(frozen=True)
class CamNetwork:
    """A classifier together with what is needed to draw its class maps; made by `cam_network`.

    `S, M = net(x)` gives the scores (N, C) and the maps (N, C', H, W) from one forward pass,
    without gradients and in evaluation mode; the model itself is left as it was.
    """

    model: nn.Module
    class_names: Sequence[str] = ()
    prepare: Callable[..., Tensor] = as_batch  # pictures uint8 -> network input

    @property
    def takes_bytes(self) -> bool:
        """Whether the model scales uint8 pictures itself, as the course's own networks do."""
        return getattr(self.model, "takes_bytes", False)

    @torch.no_grad()
    def __call__(
        self, x: Tensor, classes: int | Sequence[int] | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(N, 3, h, w) -> scores (N, C), maps (N, C', H, W); `classes` as in `cam.class_maps`."""
        p = self.forward_pass(x)
        return p.S, cam.class_maps(p.f, p.w, classes)

    def index(self, name: str) -> int:
        """The number of a class. Raises ValueError with near names if there is no such class."""
        if name in self.class_names:
            return list(self.class_names).index(name)
        near = difflib.get_close_matches(str(name).lower(), self.class_names, 3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"there is no class {name!r}.{hint} All of them: net.class_names")

    @torch.no_grad()
    def forward_pass(self, x: Tensor) -> ForwardPass:
        """The maps f_k, weights, biases and scores of one batch, (N, 3, h, w)."""
        if x.ndim != 4 or (x.dtype == torch.uint8 and not self.takes_bytes):
            raise ValueError(
                f"a batch of prepared pictures is wanted, net(net.prepare(picture)), "
                f"not {tuple(x.shape)} {x.dtype}"
            )
        with evaluating(self.model):
            return _watch(self.model, x)


@torch.no_grad()
def cam_network(model: nn.Module, class_names: Sequence[str] = ()) -> CamNetwork:
    """Any classifier that ends in global pooling and one linear layer, ready to draw class maps.

    It is tried on one picture of noise. Raises NotACamNetwork for a network to which CAM does not
    apply (VGG, AlexNet, ViT, MobileNetV3, ConvNeXt, a head of two layers, ...), and says why.
    Paper, section 2: "a simple modification ... just before the final output layer, we perform
    global average pooling". Notebook 01.
    """
    if isinstance(model, CamNetwork):
        return model
    first = next(model.parameters(), None)
    if first is None:
        raise NotACamNetwork("the network has no weights, so there is no class to map")
    noise = torch.rand(1, _input_channels(model), *[getattr(model, "image_size", 224)] * 2)
    net = CamNetwork(model, tuple(class_names))
    net.forward_pass(noise.to(first))
    return net


class _Watch(TorchFunctionMode):
    """Remembers the last global pooling and the last linear layer that a forward pass runs."""

    def __init__(self) -> None:
        super().__init__()
        self.pooled: tuple[Tensor, cam.Pooling, Tensor] | None = None
        self.linear: tuple[Tensor, Tensor, Tensor | None, Tensor] | None = None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == "linear" or name in POOLINGS:
            given = dict(zip(("input", "weight", "bias"), args, strict=False)) | (kwargs or {})
            if name == "linear":
                self.linear = given["input"], given["weight"], given.get("bias"), out
            elif _is_global_pooling(given.get("input"), out):
                self.pooled = given["input"], POOLINGS[name], out
        return out


def _is_global_pooling(maps: object, pooled: object) -> bool:
    if not isinstance(maps, Tensor) or not isinstance(pooled, Tensor) or maps.ndim != 4:
        return False
    return pooled.shape[:2] == maps.shape[:2] and pooled.shape[2:].numel() == 1


def _watch(model: nn.Module, x: Tensor) -> ForwardPass:
    with _Watch() as seen:
        S = model(x)
    name = type(model).__name__
    instead = "Use Grad-CAM (notebook 09), or a network such as resnet18 or mobilenet_v2."
    if not isinstance(S, Tensor) or S.ndim != 2:
        raise NotACamNetwork(f"{name} does not return scores of the shape (N, C). {instead}")
    if seen.linear is None:
        raise NotACamNetwork(
            f"{name} has no linear layer after its pooling (SqueezeNet, for one, pools the output "
            f"of a class convolution and a ReLU, so S_c is not the mean of M_c). {instead}"
        )
    F, w, b, last = seen.linear
    if not _equal(last, S):
        raise NotACamNetwork(
            f"{name} changes its scores after the last linear layer. S_c is the input of the "
            f"softmax: let the network end there. {instead}"
        )
    if seen.pooled is None:
        raise NotACamNetwork(
            f"{name} has no global pooling of its last maps: they are flattened or turned into "
            f"tokens, so no weight w_k^c belongs to one map. {instead}"
        )
    f, pooling, pooled = seen.pooled
    if not _equal(F, pooled.flatten(1)):
        raise NotACamNetwork(
            f"{name} has more between its pooling and its scores than one linear layer (a norm, an "
            f"activation, a second linear layer, or two poolings side by side), so the last "
            f"weights do not belong to the maps. {instead}"
        )
    return ForwardPass(f, w.detach(), None if b is None else b.detach(), S, pooling)


def _equal(a: Tensor, b: Tensor) -> bool:
    return a is b or (a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every module's own mode again afterwards."""
    training = [m for m in model.modules() if m.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _input_channels(model: nn.Module) -> int:
    convolutions = (m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d))
    return next(convolutions, 3)


def passes(
    net: CamNetwork, images: Tensor | Sequence[Tensor], batch_size: int = 100
) -> Iterator[tuple[slice, ForwardPass]]:
    """Many pictures in batches, (N, 3, h, w) uint8: each batch's place among them and its pass.

    One way for everybody, for example all scores (N, C), or all pooled maps (N, K):
    torch.cat([p.S for _, p in passes(net, images)])
    """
    for start in range(0, len(images), batch_size):
        at = slice(start, start + batch_size)
        yield at, net.forward_pass(net.prepare(images[at]))


def maps_at(
    net: CamNetwork,
    images: Tensor,
    classes: int | Tensor | None = None,
    size: Sequence[int] | None = None,
) -> Tensor:
    """One map of each picture, enlarged: (N, 3, h, w) uint8 -> (N, *size), the pictures' own size.

    `classes` is one class for all, one for each (N,), or None: each picture's best class.
    """
    found = []
    for at, p in passes(net, images):
        if isinstance(classes, Tensor):
            own = classes[at]
        else:
            own = p.S.argmax(1) if classes is None else torch.full((len(p.S),), classes)
        M = cam.class_maps(p.f, p.w, own[:, None])
        found.append(cam.upsample(M, size or images.shape[-2:])[:, 0])
    return torch.cat(found)


def maps_of(net: CamNetwork, pictures: Pictures) -> Tensor:
    """The map of each picture's own class, at picture size: (N, h, w)."""
    return maps_at(net, pictures.images, pictures.labels)
