"""Networks whose class maps can be read: torchvision's classifiers and the course's small ones.

`cam_network` is the one idea here: the last feature maps are whatever the global pooling pools.
So one forward pass is watched, no layer is named, and no hook is ever set. Notebooks 00 and 01.
"""

import difflib
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.error import URLError

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from utils import cam, photos
from utils.datasets import Pictures

WEIGHTS = Path(__file__).parent / "weights"
POOLINGS = {
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
        if x.ndim != 4 or (x.dtype == torch.uint8 and not isinstance(self.model, CourseNetwork)):
            raise ValueError(
                f"a batch of prepared pictures is wanted, net(net.prepare(picture)), "
                f"not {tuple(x.shape)} {x.dtype}"
            )
        with _evaluating(self.model):
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
        self.pooled = self.linear = None

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


def _is_global_pooling(maps: Tensor, pooled: Tensor) -> bool:
    tensors = isinstance(maps, Tensor) and isinstance(pooled, Tensor) and maps.ndim == 4
    return tensors and pooled.shape[:2] == maps.shape[:2] and pooled.shape[2:].numel() == 1


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
def _evaluating(model: nn.Module) -> Iterator[None]:
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


def maps_of(net: CamNetwork, pictures: Pictures, batch_size: int = 100) -> Tensor:
    """The map of each picture's own class at picture size, in batches: (N, h, w)."""
    size, maps = pictures.images.shape[-2:], []
    for start in range(0, len(pictures), batch_size):
        batch = pictures.subset(slice(start, start + batch_size))
        _, M = net(net.prepare(batch.images), batch.labels[:, None])
        maps.append(cam.upsample(M, size)[:, 0])
    return torch.cat(maps)


# ---------------------------------------------------------------- networks trained on ImageNet


def pretrained(name: str = "mobilenet_v2") -> CamNetwork | None:
    """A torchvision network trained on ImageNet, through torchvision's own download and cache.

    Where the weights cannot be had (no internet, and nothing in the cache), one sentence says so
    and the answer is None: the notebook goes on without them. Raises ValueError for another name.
    """
    import torchvision

    if name not in torchvision.models.list_models(torchvision.models):
        raise ValueError(
            f"torchvision has no classifier called {name!r}; try mobilenet_v2, resnet18"
        )
    weights = torchvision.models.get_model_weights(name).DEFAULT
    timeout = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(15)
        model = torchvision.models.get_model(name, weights=weights)
    except (URLError, OSError, RuntimeError) as problem:
        folder = str(Path(torch.hub.get_dir(), "checkpoints")).replace(str(Path.home()), "~")
        print(
            f"The weights of {name} are not here and could not be downloaded "
            f"({type(problem).__name__}). Connect to the internet and run this again, or put "
            f"{Path(weights.url).name} into {folder}."
        )
        return None
    finally:
        socket.setdefaulttimeout(timeout)
    categories = [n.replace("_", " ") for n in weights.meta["categories"]]
    net = cam_network(model.eval(), categories)
    return CamNetwork(net.model, net.class_names, photos.prepare)


# ---------------------------------------------------------------- the course's own networks


class CourseNetwork(nn.Module):
    """Six convolutions, a head, ten classes: small enough to train in two minutes on a laptop.

    `head`: "gap" or "gmp" (global pooling and one linear layer), or "fc" (flattened maps and two
    fully connected layers, as in AlexNet and VGG). `stride`: 16, 8 or 4 pixels of the picture for
    one cell of the last maps; a smaller stride leaves the later max-poolings out. `dilated` spreads
    the later convolutions instead, so that they still see as far as at stride 8 (notebook 04).
    `widths`: channels at stride 2, at stride 4 (twice) and in the last three convolutions.
    Takes pictures (N, 3, h, w), uint8 or float in 0..1, and gives scores (N, C).
    """

    def __init__(
        self,
        n_classes: int = 10,
        head: Literal["gap", "gmp", "fc"] = "gap",
        stride: Literal[4, 8, 16] = 8,
        dilated: bool = False,
        size: int = 112,
        widths: Sequence[int] = (16, 32, 48, 64),
    ) -> None:
        super().__init__()
        if head not in ("gap", "gmp", "fc") or stride not in (4, 8, 16):
            raise ValueError(
                f'head is "gap", "gmp" or "fc", stride 4, 8 or 16: {head!r}, {stride!r}'
            )
        a, b, c, d = widths
        spread = 2 if dilated and stride == 4 else 1
        layers = [_convolution(3, a, 5, stride=2), nn.MaxPool2d(2)]
        layers += [_convolution(a, b), _convolution(b, c)] + [nn.MaxPool2d(2)] * (stride > 4)
        layers += [_convolution(c, d, dilation=spread)] + [nn.MaxPool2d(2)] * (stride > 8)
        layers += [_convolution(d, d, dilation=spread), _convolution(d, d, dilation=spread)]
        self.features = nn.Sequential(*layers)
        self.head = head
        if head == "fc":
            self.fc = nn.Sequential(
                nn.Linear(d * (size // stride) ** 2, 256), nn.ReLU(), nn.Dropout(0.5),
                nn.Linear(256, n_classes),
            )  # fmt: skip
        else:
            self.fc = nn.Linear(d, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            x = x / 255
        f = self.features((x - 0.5) / 0.25)
        if self.head == "fc":
            return self.fc(f.flatten(1))
        F = f.mean((2, 3)) if self.head == "gap" else f.amax((2, 3))
        return self.fc(F)


def _convolution(n_in: int, n_out: int, size: int = 3, **options: int) -> nn.Sequential:
    padding = size // 2 * options.get("dilation", 1)
    layer = nn.Conv2d(n_in, n_out, size, padding=padding, bias=False, **options)
    return nn.Sequential(layer, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


def save(network: CourseNetwork, path: Path, config: dict, class_names: Sequence[str]) -> None:
    """Write a course network with everything `load` needs, in half precision (about 0.5 MB)."""
    tensors = {
        name: t.detach().cpu().to(torch.float16 if t.is_floating_point() else t.dtype).contiguous()
        for name, t in network.state_dict().items()
    }
    metadata = {"config": json.dumps(config), "class_names": json.dumps(list(class_names))}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


def load(name: str | Path) -> CamNetwork:
    """One of the course's trained networks, ready to draw class maps: `load("objects-gap")`.

    `name` is a file in utils/weights or a path to a .safetensors file that `save` wrote. Raises
    FileNotFoundError with the names there are; `make train` trains every one of them again.
    """
    path = Path(name) if Path(name).suffix == ".safetensors" else WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in WEIGHTS.glob("*.safetensors"))) or "none yet"
        raise FileNotFoundError(f"no trained network {str(name)!r}. There are: {names}")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    network = CourseNetwork(**json.loads(metadata["config"])).eval()
    network.load_state_dict(state)
    return CamNetwork(network, tuple(json.loads(metadata["class_names"])), as_batch)
