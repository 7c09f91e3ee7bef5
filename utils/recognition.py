"""What a classifier computes at its end: the last maps, their pooling, and the last linear map.

A network is tried on a few made-up pictures while every operation is written down. Then its last
tensor of maps f is looked for whose pooled channels, weighted by numbers that the network used,
give its scores: S_c = sum_k w_k^c pool(f_k) + b_c. Nothing is asked about layers or their names, so
it does not matter how a mean, a linear layer or a bias was written. Notebooks 01 and 10.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from utils import cam

Layout = Literal["channels first", "channels last", "tokens"]
LINEAR = ("aten.addmm", "aten.mm", "aten.bmm", "aten.linear", "aten.convolution", "aten.baddbmm")


class NotACamNetwork(ValueError):
    """The network does not end in global pooling and one linear map; the text says what to do."""


class Operation(NamedTuple):
    """One step of a forward pass, with one of the tensors that it gave."""

    name: str  # such as "aten.mean"
    inputs: tuple[Tensor, ...]
    out: Tensor
    arguments: tuple[Any, ...]


class Ending(NamedTuple):
    """How a network ends: with these, S = pool(f) w + b for the pictures it was tried on."""

    f: Tensor  # (N, K, H, W), the last maps
    w: Tensor  # (C, K)
    b: Tensor  # (C,)
    pooling: cam.Pooling
    layout: Layout  # how the network itself holds f
    whole: Tensor  # f as the network itself holds it
    at: int  # which operation gave it


class Trace(TorchDispatchMode):
    """Writes down every operation of a forward pass, and keeps its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name, inputs = str(func).rsplit(".", 1)[0], tuple(tensors_in((args, kwargs)))
        self.operations += [Operation(name, inputs, t, args) for t in tensors_in(out)]
        return out


def tensors_in(value: object) -> Iterator[Tensor]:
    """Every tensor in a nested structure of tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors_in(part)


def views(t: Tensor, n: int) -> Iterator[tuple[Layout, Tensor]]:
    """The ways to read a tensor as maps of n pictures with more than one cell: (N, K, H, W)."""
    for layout in get_args(Layout):
        if (f := view(t, n, layout)) is not None:
            yield layout, f


def view(t: Tensor, n: int, layout: Layout) -> Tensor | None:
    """A tensor read in one way as maps of n pictures, (N, K, H, W); None where it is none."""
    shape = t.shape
    if len(shape) != (3 if layout == "tokens" else 4) or shape[0] != n or not t.is_floating_point():
        return None
    if layout == "tokens":  # (N, L, K), if they fill a square
        side = round(shape[1] ** 0.5)
        square = side > 1 and side**2 == shape[1]
        return t.transpose(1, 2).unflatten(2, (side, side)) if square else None
    if shape[2] * shape[3] <= 1 or shape[1] * shape[2] <= 1:  # it is pooled already
        return None
    return t if layout == "channels first" else t.movedim(3, 1)


def find_ending(
    operations: Sequence[Operation], S: Tensor, known: Iterable[Tensor]
) -> Ending | None:
    """The last maps whose pooled channels meet a linear map that gives the scores S (N, C).

    `known` are tensors that may be that linear map besides those that the operations used.
    """
    used = [t for operation in operations for t in operation.inputs]
    matrices = _matrices([*used, *known], S.shape[1])
    vectors = _vectors(used, len(S))
    biases = [t for t in [*used, *known] if t.numel() == S.shape[1] and t.is_floating_point()]
    tried: set[tuple] = set()
    for at in reversed(range(len(operations))):
        whole = operations[at].out
        for layout, f in views(whole, len(S)):
            key = f.data_ptr(), tuple(f.shape), f.stride()
            if key in tried or f.shape[1] not in matrices:
                continue
            tried.add(key)
            if found := _match(f, S, matrices[f.shape[1]], vectors.get(f.shape[1], []), biases):
                w, b, pooling = found
                return Ending(f, w, b, pooling, layout, whole, at)
    return None


def _matrices(tensors: Iterable[Tensor], n_classes: int) -> dict[int, list[Tensor]]:
    """Everything that may map K channels to the classes, as (C, K), by K; the identity first."""
    found: dict[int, list[Tensor]] = {n_classes: [torch.eye(n_classes)]}
    seen: set[tuple] = set()
    for t in tensors:
        flat = t.squeeze()
        if flat.ndim == 3 and flat.stride(0) == 0:  # one matrix for each picture, the same
            flat = flat[0]
        if n_classes == 1 and flat.ndim == 1:
            flat = flat[None]
        if flat.ndim != 2 or n_classes not in flat.shape or not t.is_floating_point():
            continue
        for w in (flat, flat.T):
            key = w.data_ptr(), tuple(w.shape), w.stride()
            if len(w) == n_classes and key not in seen:
                seen.add(key)
                found.setdefault(w.shape[1], []).append(w)
    return found


def _vectors(tensors: Iterable[Tensor], n: int) -> dict[int, list[Tensor]]:
    """One number for each channel of each picture, (N, K), by K: what may be pooled maps."""
    found: dict[int, list[Tensor]] = {}
    for t in tensors:
        if t.ndim >= 2 and len(t) == n and t.numel() == n * max(t.shape[1:]):
            found.setdefault(t.numel() // n, []).append(t.reshape(n, -1))
    return found


def _match(
    f: Tensor, S: Tensor, matrices: list[Tensor], vectors: list[Tensor], biases: list[Tensor]
):
    """The first linear map with which the pooled f gives S, up to a bias: (w, b, pooling).

    What is left of S must be the same for every picture. Where the scores hardly differ (a deep
    network with random weights), that says little, so the pooled f must also be met among the
    `vectors`, and what is left among the `biases`, or be 0.
    """
    small = 8 * torch.finfo(S.dtype).eps
    S, f = S.double(), f.double()
    differ = (S - S[:1]).abs().max()
    for how in ("mean", "sum", "max"):
        F = cam.pool(f, how)
        for w in matrices:
            b = S - F @ w.double().to(F.device).T
            apart = (b - b[:1]).abs().max()
            if apart <= max(1e-3, small) * differ and differ > small * S.abs().max():
                return w, b.mean(0), how
            if apart > small * S.abs().max() or not any(_equal(F, v, small) for v in vectors):
                continue
            off = ((b.mean(0) - t.flatten()).abs().max() for t in [torch.zeros_like(S[0]), *biases])
            if any(o <= small * S.abs().max() for o in off):
                return w, b.mean(0), how
    return None


def _equal(a: Tensor, b: Tensor, relative: float) -> bool:
    return bool((a - b.double()).abs().max() <= relative * a.abs().max()) and bool(a.any())


# ---------------------------------------------------------------- why not


def reason(operations: Sequence[Operation], S: Tensor, known: Iterable[Tensor]) -> str:
    """Why there is no ending: what the network does where global pooling should meet its scores.

    Follows the network's name. With a full stop at its end it says what to do instead; without,
    Grad-CAM is the way out.
    """
    if any(o.name.startswith("quantized") for o in operations):
        return (
            "rounds its numbers where they are quantized, so its scores are not the sum of its "
            "maps: take the model before it was quantized."
        )
    linear = [o for o in operations if o.name in LINEAR and len(o.out) == len(S)]
    if not linear:
        return "has no linear map before its scores"
    if _adds_heads([o.out.flatten(1) for o in linear], S):
        return (
            "adds up the scores of several linear layers (two heads of a distilled network, for "
            "one), so no single weight w_k^c belongs to one map"
        )
    Z = linear[-1].out.flatten(1)
    changed = Z.shape != S.shape or not torch.equal(Z, S)
    if changed and Z.shape[1] > 1 and find_ending(operations, Z, known):
        return (
            "changes its scores after the last linear layer (by a softmax, for one), while S_c is "
            "the input of the softmax: let the network end at that layer."
        )
    if any(_takes_flat_maps(o, operations, len(S)) for o in linear):
        return (
            "has no global pooling of its last maps, which are flattened, so a weight belongs to "
            "one cell of a map, and not to the map"
        )
    if any(_is_pooled(o) for o in operations[-60:]):
        return (
            "has more between its pooling and its scores than one linear layer (a norm, an "
            "activation, a second linear layer, or two poolings side by side), so the last weights "
            "do not belong to the maps"
        )
    return (
        "has no global pooling of its last maps, for its scores come from tokens or single cells, "
        "so no weight w_k^c belongs to one map"
    )


def _adds_heads(given: Sequence[Tensor], S: Tensor) -> bool:
    """Whether the scores are a weighted sum of what several linear layers give."""
    heads = [Z for Z in given if Z.shape == S.shape]
    if len(heads) < 2 or any(torch.equal(Z, S) for Z in heads) or S.numel() <= 4 * len(heads):
        return False
    Z, s = torch.stack([Z.double().flatten() for Z in heads], 1), S.double().flatten()
    share = torch.linalg.lstsq(Z, s[:, None]).solution
    several = int((share.abs() > 1e-3 * share.abs().max()).sum()) > 1
    return several and bool(((Z @ share)[:, 0] - s).abs().max() <= 1e-5 * s.abs().max())


def _takes_flat_maps(o: Operation, operations: Sequence[Operation], n: int) -> bool:
    """Whether a linear layer takes every cell of every map as a number of its own."""
    flat = next((t for t in o.inputs if t.ndim == 2 and len(t) == n), None)
    if flat is None or o.name == "aten.convolution":
        return False
    maps = (f for before in operations for _, f in views(before.out, n))
    maps = (f for f in maps if min(f.shape[1:]) > 1)  # one token, or one channel, is no set of maps
    return any(f.numel() == flat.numel() and torch.equal(f.flatten(1), flat) for f in maps)


def _is_pooled(o: Operation) -> bool:
    """Whether an operation took more than one cell to one number for each channel."""
    if not o.name.endswith(("mean", "sum", "amax", "pool2d", "pool2d_with_indices")):
        return False
    for _, f in views(o.inputs[0], len(o.inputs[0])) if o.inputs and o.inputs[0].ndim else ():
        if o.out.numel() == f.shape[0] * f.shape[1]:
            return True
    return False


def no_scores(model: nn.Module) -> str:
    """What to do with a network that is no classifier: a detector, or one that gives maps."""
    return (
        f"{type(model).__name__} does not return scores of the shape (N, C), so there is no class "
        f"to map: give a classifier, or a module around this network whose forward returns one "
        f"score for each class"
    )


# ---------------------------------------------------------------- made-up pictures


def trial(n: int, channels: int, height: int, width: int) -> Tensor:
    """Pictures of noise, coarse and fine, to try a network on: (n, channels, height, width)."""
    g = torch.Generator().manual_seed(0)
    cells = [(max(1, height // d), max(1, width // d)) for d in (1, 4, 32)]
    coarse = [torch.randn(1, channels, *cells[i % 3], generator=g) for i in range(n)]
    size = height, width
    return torch.cat([nn.functional.interpolate(c, size, mode="bilinear") for c in coarse])
