"""From pictures to a network's input: one contract for every network.

`net.prepare(pictures, side=None)` takes one picture (c, h, w) uint8, several of one size
(N, c, h, w), or a list of pictures, and gives a batch (N, c, side, side) of floats. Notebook 00.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

Prepare = Callable[..., Tensor]
GREY = (0.299, 0.587, 0.114)  # how much red, green and blue count for how bright a pixel looks


def preparation(
    mean: float | Sequence[float] = (),
    std: float | Sequence[float] = (),
    side: int | None = None,
) -> Prepare:
    """A `prepare` for networks trained on pictures in 0..1, less a mean, over a deviation.

    The result takes one picture (c, h, w) uint8, several of one size (N, c, h, w), or a list of
    pictures, and gives a batch (N, c, side, side) of floats; without a side the pictures keep their
    own. Whole pictures are squashed to squares, so a map covers all of its picture. Raises
    ValueError for anything else.
    """

    m, s = ((v,) if isinstance(v, (int, float)) else tuple(v) for v in (mean, std))
    return partial(_prepared, m, s, side)  # goes to other processes, too


def _prepared(
    mean: tuple[float, ...],
    std: tuple[float, ...],
    own: int | None,
    pictures: Tensor | Sequence[Tensor],
    side: int | None = None,
) -> Tensor:
    side = own if side is None else side
    x = [p if side is None else resized(p, (side, side)) for p in _one_by_one(pictures)]
    if len({t.shape for t in x}) > 1:
        raise ValueError("pictures of several sizes go into one batch: give a side in pixels")
    batch = torch.stack(x) / 255
    if not mean:
        return batch
    m, s = (torch.tensor(v, dtype=batch.dtype)[:, None, None] for v in (mean, std))
    return (batch - m) / s


def _one_by_one(pictures: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    several = list(pictures) if not isinstance(pictures, Tensor) else None
    if isinstance(pictures, Tensor):
        several = [pictures] if pictures.ndim == 3 else list(pictures)
    for p in several or ():
        if not isinstance(p, Tensor) or p.ndim != 3 or p.dtype != torch.uint8 or not p.numel():
            what = f"{tuple(p.shape)} {p.dtype}" if isinstance(p, Tensor) else type(p).__name__
            raise ValueError(f"a picture is (c, h, w) uint8, as photos.load gives it, not {what}")
    if not several:
        raise ValueError("there is no picture to prepare")
    return several


def resized(picture: Tensor, size: Sequence[int]) -> Tensor:
    """A picture at another size: (c, H, W) uint8, (h, w) in pixels -> (c, h, w) uint8.

    Bilinear and antialiased; several pictures of one size (N, c, H, W) will do, too. Equal to the
    bit to torchvision's `resize`, whose import alone takes longer than most notebooks' first cells.
    """
    if picture.shape[-2:] == tuple(size):
        return picture
    x = picture.float().reshape(-1, *picture.shape[-3:])
    x = nn.functional.interpolate(x, tuple(size), mode="bilinear", antialias=True)
    return x.reshape(*picture.shape[:-2], *size).round().to(torch.uint8)


def fitted(prepare: Prepare, like: Tensor) -> Prepare:
    """The same for a network whose batches are like this one, (N, channels, h, w).

    Pictures for one channel become grey, and the batch has its dtype and lies on its device.
    """
    if like.shape[1] != 1 and like.dtype == torch.float32 and like.device.type == "cpu":
        return prepare
    return partial(_fitted, prepare, like.shape[1], like.dtype, like.device)


def _fitted(
    prepare: Prepare,
    channels: int,
    dtype: torch.dtype,
    device: torch.device,
    pictures: Tensor | Sequence[Tensor],
    side: int | None = None,
) -> Tensor:
    x = prepare(pictures) if side is None else prepare(pictures, side)
    if channels == 1 and x.ndim == 4 and x.shape[1] == 3:
        x = (x * x.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
    return x.to(device, dtype) if x.is_floating_point() else x.to(device)


def own_preparation(model: nn.Module) -> Prepare:
    """The preparation that a model brings along: the course's networks, and those of timm."""
    if getattr(model, "takes_bytes", False):
        return preparation()
    config = getattr(model, "pretrained_cfg", None) or {}
    if "mean" in config and "std" in config:
        return preparation(config["mean"], config["std"], config.get("input_size", (0, 0, 224))[-1])
    return unknown


def unknown(pictures: object, side: int | None = None) -> Tensor:
    """Stands where no preparation is known. Raises ValueError, and says how to give one."""
    raise ValueError(
        "how this network wants its pictures is not known, and a wrong preparation gives wrong "
        "scores without a word. Give it: cam_network(model, prepare=...), for example "
        "prepare=preparation(mean, std, side) of utils.preparation with the mean and deviation of "
        "its training, or prepare=photos.prepare for ImageNet's"
    )
