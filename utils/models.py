"""Networks to work with: the course's own small ones, and torchvision's trained on ImageNet.

`load` gives one of the course's, `pretrained` one of torchvision's, both ready to draw class maps.
Notebooks 00 and 01.
"""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.error import URLError

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from utils import photos
from utils.networks import CamNetwork, cam_network

WEIGHTS = Path(__file__).parent / "weights"

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
    return cam_network(model.eval(), categories, photos.prepare)


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
    return cam_network(network, json.loads(metadata["class_names"]))
