"""Networks to work with: the course's own small ones, and torchvision's trained on ImageNet.

`load` gives one of the course's, `pretrained` one of torchvision's, both ready to draw class maps.
Notebooks 00 and 01.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from utils import checkpoints, photos, store
from utils.digest import digest
from utils.networks import CamNetwork, cam_network
from utils.store import WeightsError

WEIGHTS = Path(__file__).parent / "weights"
# torchvision's that end in GAP and one linear map, one or two of each family, smallest file first.
IMAGENET = (
    "shufflenet_v2_x1_0", "mobilenet_v2", "regnet_y_400mf", "mnasnet1_0", "efficientnet_b0",
    "densenet121", "resnet18", "googlenet", "resnext50_32x4d", "resnet50", "inception_v3", "swin_t",
)  # fmt: skip

# ---------------------------------------------------------------- networks trained on ImageNet


def pretrained(name: str = "mobilenet_v2") -> CamNetwork | None:
    """A torchvision network trained on ImageNet, from torchvision's own address and cache.

    The file is verified before it is read (`utils.store`). Where it cannot be had or used, one
    sentence says why and what to do, and the answer is None: the notebook goes on without it.
    Raises ValueError for another name, and NotACamNetwork where CAM does not apply.
    """
    found = pretrained_classifier(name)
    return cam_network(*found, photos.prepare) if found else None


def pretrained_classifier(name: str) -> tuple[nn.Module, list[str]] | None:
    """The same network as it is, CAM or not, and its class names. Notebook 10."""
    import torchvision

    weights = _weights(name)
    try:
        model = torchvision.models.get_model(name, weights=_Verified(weights))
        _finite(model, store.cached(weights.url).name)
    except WeightsError as problem:
        here = store.cached(weights.url).exists()
        print(f"The weights of {name} {'cannot be used' if here else 'are not here'}: {problem}")
        return None
    except RuntimeError:  # a file that the user trusts, and that is another network's
        print(
            f"The weights of {name} cannot be used: {store.cached(weights.url).name} is another "
            f"network's, so delete it to have it fetched anew."
        )
        return None
    return model.eval(), [n.replace("_", " ") for n in weights.meta["categories"]]


class Offer(NamedTuple):
    """What using a network trained on ImageNet would cost, and what torchvision says of it."""

    name: str
    here: bool  # whether a file of its weights is in the cache; `pretrained` verifies it
    megabytes: int
    top1: float  # accuracy on ImageNet's validation pictures, in %, as torchvision publishes it

    @property
    def words(self) -> str:
        """One sentence: whether it is here, and what would be downloaded if not."""
        if self.here:
            return f"{self.name} is here: nothing is downloaded."
        return f"{self.name} is not here: its first use downloads {self.megabytes} MB, once."


def offered(name: str) -> Offer:
    """What `pretrained(name)` would download, without doing it. ValueError for another name.

    Notebook 11.
    """
    weights = _weights(name)
    top1 = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    megabytes = max(1, round(weights.meta["_file_size"]))
    return Offer(name, store.cached(weights.url).exists(), megabytes, top1)


def _weights(name: str) -> Any:
    """torchvision's description of a classifier's weights. Raises ValueError for another name."""
    import torchvision

    if name not in torchvision.models.list_models(torchvision.models):
        raise ValueError(
            f"torchvision has no classifier called {name!r}; try mobilenet_v2, resnet18"
        )
    return torchvision.models.get_model_weights(name).DEFAULT


class _Verified:
    """torchvision's own description of weights, except that the file comes through the store.

    So its builders go on doing what each has to: no auxiliary heads, the input turned, old names.
    """

    def __init__(self, weights: Any) -> None:
        self._weights = weights

    @property  # type: ignore[misc]  # told to the builders, which take their own kind only
    def __class__(self):
        return type(self._weights)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._weights, name)

    def get_state_dict(self, *_: object, **__: object) -> dict[str, Tensor]:
        return store.state_dict(self._weights.url)


def _finite(model: nn.Module, file: str) -> None:
    bad = next((key for key, t in model.state_dict().items() if not t.isfinite().all()), None)
    if bad:
        raise WeightsError(f"{file} holds NaN or infinity in {bad}: delete it, and run this again.")


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
        self.takes_bytes = True  # uint8 is scaled in `forward`
        self.image_size = size  # on which `cam_network` tries it
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
            hidden = [nn.Linear(d * (size // stride) ** 2, 256), nn.ReLU(), nn.Dropout(0.5)]
            self.fc: nn.Module = nn.Sequential(*hidden, nn.Linear(256, n_classes))
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


def _convolution(
    n_in: int, n_out: int, size: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = size // 2 * dilation
    layer = nn.Conv2d(n_in, n_out, size, stride, padding, dilation, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


def save(network: CourseNetwork, path: Path, config: dict, class_names: Sequence[str]) -> None:
    """Write a course network with everything `load` needs, in half precision (about 0.5 MB)."""
    tensors = {
        name: t.detach().cpu().to(torch.float16 if t.is_floating_point() else t.dtype).contiguous()
        for name, t in network.state_dict().items()
    }
    metadata = {"config": json.dumps(config), "class_names": json.dumps(list(class_names))}
    metadata["seal"] = _seal(tensors, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


def load(name: str | Path) -> CamNetwork:
    """One of the course's trained networks, ready to draw class maps: `load("objects-gap")`.

    `name` is a file in utils/weights or a path to a .safetensors file that `save` wrote. Raises
    FileNotFoundError with the names there are, and WeightsError for a file that is not, or no
    longer, what `save` wrote; `make train` trains every one of the course's again. Raises
    NotACamNetwork where CAM does not apply: `classifier` gives such a network as it is.
    """
    return cam_network(*classifier(name))


def classifier(name: str | Path) -> tuple[CourseNetwork, tuple[str, ...]]:
    """One of the course's trained networks as it is, CAM or not, and its class names.

    Raises as `load` does. Notebook 10.
    """
    path = Path(name) if Path(name).suffix == ".safetensors" else WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in WEIGHTS.glob("*.safetensors"))) or "none yet"
        raise FileNotFoundError(f"no trained network {str(name)!r}. There are: {names}")
    try:
        store.verify(path)
        return _rebuilt(path)
    except WeightsError as problem:
        if path.parent != WEIGHTS:
            raise
        raise WeightsError(
            f"{str(problem).partition(': ')[0].rstrip('.')}: clone or install the course again, or "
            f"run make train NAMES={path.stem}."
        ) from None


def _rebuilt(path: Path) -> tuple[CourseNetwork, tuple[str, ...]]:
    """The network in a file that `save` wrote, and the names of its classes."""
    state = checkpoints.state_in(store.read(path), path.name)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        config, names = json.loads(metadata["config"]), json.loads(metadata["class_names"])
        network = CourseNetwork(**config).eval()
    except Exception:  # whatever the file says instead
        raise WeightsError(
            f"{path.name} does not say how its network is built, and with which classes: write it "
            f"with models.save(network, path, config, class_names)."
        ) from None
    checkpoints.fit(network, state, path.name)
    n = len(list(network.parameters())[-1])
    if not isinstance(names, list) or len(names) != n or metadata.get("seal") not in (
        None, _seal(state, metadata)
    ):  # fmt: skip
        raise WeightsError(
            f"{path.name} was changed after it was written, for its {n} classes, names, numbers "
            f"and settings do not belong together: write it again with models.save."
        )
    return network, tuple(names)


def _seal(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """A word for the numbers, their names and the settings: GAP and GMP have the same tensors."""
    shapes = [(key, list(t.shape), str(t.dtype)) for key, t in sorted(tensors.items())]
    words = json.dumps([metadata["config"], metadata["class_names"], shapes])
    numbers = digest(t for _, t in sorted(tensors.items()))
    return hashlib.sha256((words + numbers).encode()).hexdigest()[:16]
