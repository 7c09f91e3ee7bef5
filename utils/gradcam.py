"""Grad-CAM and its family: a map from any layer of any classifier, where CAM does not apply.

CAM takes the weights w_k^c of the last linear map. Where a network has no such weights, something
else stands in for them: the gradient of the score with respect to a layer's maps, or what the score
becomes when the picture is seen through one map alone. Letters as in `utils.cam`; f is any layer's
maps here, not only the last, and g = dS_c / df. The methods of `METHODS` are asked alike. On a
network with GAP, at the maps it pools over their HW cells, they come down to (notebook 10)

    Grad-CAM     ReLU(sum_k w_k^c f_k) / HW, which is CAM
    Grad-CAM++   sum_k ReLU(w_k^c) / (2 + w_k^c F_k) f_k
    LayerCAM     sum_k ReLU(w_k^c) f_k / HW
    Score-CAM    no formula in w_k^c: it asks the network K times
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from utils import cam, fields, recognition, valid
from utils.networks import (
    INSTEAD,
    CamNetwork,
    NotACamNetwork,
    OneCell,
    cam_network,
    evaluating,
    stopped,
)
from utils.recognition import tensors_in

EXTRA = 8  # tokens before those of the cells, at most: the class, a teacher, registers
PASSING = (nn.Dropout, nn.Identity, nn.Softmax)  # what attention passes through; no layer of maps


class Explanation(NamedTuple):
    """One map for each picture, and how it came about."""

    maps: Tensor  # (N, H, W): CAM with its sign; Grad-CAM, by its definition, from 0 upwards
    method: str  # "CAM" or "Grad-CAM"
    layer: str  # where the maps that were weighted pass by
    why: str  # why this method, in one sentence
    cells: cam.Cells | None  # where the maps' cells look, for `cam.upsample` and `plots.overlay`


@torch.inference_mode(False)
def explain(
    model: nn.Module | CamNetwork, x: Tensor, c: int | Sequence[int] | Tensor
) -> Explanation:
    """The map of a class from any classifier: CAM where it is exact, Grad-CAM elsewhere.

    x (N, channels, h, w) is a batch as the network takes it, and `c` as in `grad_cam`. What
    `cam_network` accepts gets CAM. To ask often, give what `cam_network` made: it is tried once.
    Raises ValueError and IndexError as these two do. Notebook 10.
    """
    x = _batch(x)
    try:
        net = model if isinstance(model, CamNetwork) else cam_network(model, example=x)
    except (NotACamNetwork, OneCell) as no:
        if not isinstance(model, nn.Module):
            raise
        layer = last_layer(model, x)
        reason = str(no).removesuffix(INSTEAD).strip(" .:")
        maps = grad_cam(model, x, c, layer)
        return Explanation(
            maps, "Grad-CAM", layer, f"CAM does not apply, for {reason}", cells_at(model, x, layer)
        )
    p = net.forward_pass(x)
    own = _own(c, p.S)
    M = _weighted(p.w[own], p.f)
    why = f"{type(net.model).__name__} pools its last maps ({p.pooling}) into one linear map"
    layer = (net.tail and net.tail.module) or "its pooling"
    return Explanation(M, "CAM", layer, f"{why}, so the map of a class is exact", net.cells(x))


def cells_at(model: nn.Module | CamNetwork, x: Tensor, layer: nn.Module | str) -> cam.Cells | None:
    """Where the cells of a layer look, for pictures like x; None where this cannot be followed.

    For `cam.upsample` and `plots.overlay`. One forward pass of one picture. Raises ValueError for a
    layer that is not there. Notebook 10.
    """
    model, one, given = _network(model), torch.zeros_like(x[:1]), []
    module, keep = _named(model, layer)[1], lambda m, args, out: given.append(out)
    with torch.no_grad(), recognition.Trace() as seen, hooked([module], keep):
        _run(model, one)
    return fields.cells(seen.operations, one, given[-1])


@torch.inference_mode(False)
def grad_cam(
    model: nn.Module | CamNetwork,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    layer: nn.Module | str | None = None,
    relu: bool = True,
) -> Tensor:
    """Grad-CAM, ReLU(sum_k alpha_k^c f_k) with alpha_k^c = mean_{x,y} dS_c / df_k(x, y).

    x (N, channels, h, w) is a batch as the network takes it; the maps are (N, H, W) of the layer's
    cells, at least float32. `c` is one class for all pictures, or N, one for each. `layer` is
    a module or its dotted name; None is `last_layer`, which costs a forward pass, so name the layer
    to ask often. `relu` False keeps the sign: then a network with GAP gives its CAM, divided by HW.

    Works in evaluation mode, whatever the caller's mode of gradients, and leaves the model as it
    was. The backward pass goes to the layer's maps only. Raises ValueError for a layer that is not
    there, is not used, gives no maps, or on which the scores do not hang, and IndexError for a
    class that is not there. Selvaraju et al., ICCV 2017, equations 1 and 2. Notebook 10.
    """
    r = _reading(model, x, layer)
    M = _finite(_weighted(_single(r.gradient(c)).mean((2, 3)), r.f), r)
    return M.relu() if relu else M


@torch.inference_mode(False)
def grad_cam_plus_plus(
    model: nn.Module | CamNetwork,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    layer: nn.Module | str | None = None,
) -> Tensor:
    """Grad-CAM++, ReLU(sum_k w_k f_k) with w_k = sum_{x,y} a_k(x, y) ReLU(g_k(x, y)): (N, H, W).

    a_k(x, y) = g² / (2 g² + g³ sum f_k), with g = g_k(x, y) and the sum over all cells of f_k. The
    paper takes exp(S_c) for the score: its second and third derivative are then g² and g³ times
    exp(S_c), which is the same for all k and left out here. What is added up is therefore
    g / (2 + g sum f_k) where g > 0, and 0 elsewhere. It is made for maps behind a ReLU, f_k >= 0:
    then nothing is divided by less than 2.

    Asked as `grad_cam`, for the same cost, with the same errors. Chattopadhay et al., WACV 2018,
    equations 5, 6 and 19 of the long version (arXiv:1710.11063). Notebook 10.
    """
    r = _reading(model, x, layer)
    g, total = _single(r.gradient(c)).relu(), _single(r.f).sum((2, 3), keepdim=True)
    return _finite(_weighted((g / (2 + g * total)).sum((2, 3)), r.f), r).relu()


@torch.inference_mode(False)
def layer_cam(
    model: nn.Module | CamNetwork,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    layer: nn.Module | str | None = None,
) -> Tensor:
    """LayerCAM, ReLU(sum_k ReLU(g_k(x, y)) f_k(x, y)), weights for every cell: (N, H, W).

    Asked as `grad_cam`, for the same cost, with the same errors. Jiang et al., IEEE Transactions on
    Image Processing 2021, section III, without its scaling of early layers. Notebook 10.
    """
    r = _reading(model, x, layer)
    return _finite((_single(r.gradient(c)).relu() * _single(r.f)).sum(1), r).relu()


@torch.inference_mode(False)
def score_cam(
    model: nn.Module | CamNetwork,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    layer: nn.Module | str | None = None,
    *,
    cells: cam.Cells | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Score-CAM, ReLU(sum_k a_k f_k) with a = softmax over k of S_c(x · H_k): (N, H, W).

    H_k is f_k enlarged to the picture and stretched from its minimum..maximum to 0..1, so the
    picture is seen through it: 0 is black, or grey for pictures that are prepared around 0. A map
    without differences hides everything. No gradient is used. The paper subtracts the score of a
    baseline picture; it is the same for all k, and the softmax does not see it.

    Asked as `grad_cam`, with its errors, but for NaN in the network's own scores. Cost of a
    picture: 1 + K forward passes, `batch_size` at once. The maps are laid where their cells look,
    as found for this layer, or at `cells`. Wang et al., CVPR workshops 2020, definitions 1 and 2
    and algorithm 1. Notebook 10.
    """
    r = _reading(model, x, layer)
    network = _network(model)
    own, size = _own(c, r.S), r.x.shape[2:]
    cells = cells or cells_at(network, r.x, r.layer)
    batch_size = valid.whole(batch_size, "batch_size", 1)
    S = torch.empty(r.f.shape[:2], device=r.x.device)
    with torch.no_grad():
        for n, f in enumerate(_single(r.f)):
            H = cam.normalize(cam.upsample(f[:, None], size, cells), "minmax")  # (K, 1, h, w)
            for start in range(0, len(H), batch_size):
                seen = (r.x[n] * H[start : start + batch_size]).to(r.x.dtype)
                scores = _scores(network, _run(network, seen), len(seen))
                S[n, start : start + batch_size] = scores[:, own[n]]
    return _finite(_weighted(S.softmax(1), r.f), r).relu()


METHODS: dict[str, Callable[..., Tensor]] = {
    "Grad-CAM": grad_cam,
    "Grad-CAM++": grad_cam_plus_plus,
    "LayerCAM": layer_cam,
    "Score-CAM": score_cam,
}


def _reading(model: nn.Module | CamNetwork, x: Tensor, layer: nn.Module | str | None) -> "Reading":
    return read(model, x, last_layer(model, x) if layer is None else layer)


def _finite(M: Tensor, r: "Reading") -> Tensor:
    """The map, (N, H, W). Raises ValueError for one that cannot be drawn."""
    if not valid.all_finite(M):
        raise ValueError(
            f"NaN or infinity at {r.layer!r}, so no map can be drawn: look for it in the input and "
            f"the weights with torch.isfinite"
        )
    return M


def _weighted(w: Tensor, f: Tensor) -> Tensor:
    """sum_k w_k f_k: (N, K), (N, K, H, W) -> (N, H, W), at least float32 under autocast too."""
    return cam.product(_single(f), _single(w)[:, None])[:, 0]


def _single(t: Tensor) -> Tensor:
    """At least float32: a mean over many cells is too much for half the digits."""
    return t.to(torch.promote_types(t.dtype, torch.float32))


def _batch(x: object) -> Tensor:
    """A batch of pictures that may take part in gradients. Raises ValueError and TypeError."""
    t = valid.tensor(x, "a batch of prepared pictures", "N channels h w")
    return t.clone() if t.is_inference() else t.detach()


# ---------------------------------------------------------------- reading a layer


class Reading(NamedTuple):
    """A layer's maps in one forward pass, and the scores that hang on them."""

    f: Tensor  # (N, K, H, W)
    S: Tensor  # (N, C)
    whole: Tensor  # f as the layer gives it
    x: Tensor  # (N, channels, h, w), the pictures
    layer: str

    def gradient(self, c: int | Sequence[int] | Tensor) -> Tensor:
        """dS_c / df for each picture's class: (N, K, H, W). Raises ValueError if there is none."""
        S, own = self.S, _own(c, self.S)
        one = torch.zeros_like(S, requires_grad=False).scatter_(1, own[:, None], 1)
        g = (
            torch.autograd.grad(S, self.whole, one, allow_unused=True)[0]
            if S.requires_grad
            else None
        )
        if g is None:
            raise ValueError(
                f"no gradient leads from the scores to {self.layer!r}: the network cuts it off "
                f"(detach, no_grad, rounding), or its scores do not hang on this layer"
            )
        found = as_maps(g, self.x)
        assert found is not None  # as f, which has the same shape
        return found


def read(model: nn.Module | CamNetwork, x: Tensor, layer: nn.Module | str) -> Reading:
    """One forward pass of x (N, channels, h, w) that keeps a layer's maps, as used last.

    No gradients are kept before the layer. Behind it the network works on a copy, so a ReLU in
    place does not change f. Raises ValueError as `grad_cam` does.
    """
    model, x = _network(model), _batch(x)
    name, module = _named(model, layer)
    kept: list[Tensor] = []

    def keep(_: nn.Module, args: tuple, out: Any) -> Any:
        t = out[0] if type(out) is tuple and out else out
        if not isinstance(t, Tensor) or not t.is_floating_point():
            return out
        kept[:] = [t.detach().requires_grad_()]
        torch.set_grad_enabled(True)  # until the pass ends: from here on the scores hang on f
        copy = kept[0].clone()
        return (copy, *out[1:]) if type(out) is tuple else copy

    with torch.no_grad(), hooked([module], keep) as used:
        S = _scores(model, _run(model, x), len(x))
    f = as_maps(kept[0].detach(), x) if kept else None
    if f is None:
        gives = f"{tuple(kept[0].shape)}" if kept else "none" if used else "it is not used"
        raise ValueError(
            f"layer {name!r} gives no maps of more than one cell ({gives}): name another, or "
            f"leave it out"
        )
    return Reading(f, S, kept[0], x, name)


def last_layer(model: nn.Module | CamNetwork, x: Tensor) -> str:
    """The name of the last layer of more than one cell that the best score hangs on as a whole.

    Found with the first picture of x: all ways from it to the score lead over this layer, and its
    cells move the score. (At the end of a ViT only the class token does, so there it is the layer
    before the last block.) Where ways run side by side, the last layer that moves the score; behind
    a head of zeros, which none does, the last maps. Raises ValueError if there are none.
    """
    model, x = _network(model), _batch(x)[:1]
    given, best, start = _all_layers(model, x)
    maps = [(n, t) for n, t in reversed(given) if t.requires_grad and as_maps(t, x) is not None]
    if not best.requires_grad or not maps:
        raise ValueError(
            f"no layer of {type(model).__name__} gives maps of more than one cell on which its "
            f"scores hang (a scripted network shows none, a quantized one has no gradients): take "
            f"the network as it was trained, or a larger input"
        )
    whole = [(name, t) for name, t in maps if _leads_over(t, best, start)]
    for name, t in [*whole, *maps]:
        g = torch.autograd.grad(best, t, retain_graph=True, allow_unused=True)[0]
        cells = None if g is None else as_maps(g, x)
        if cells is not None and bool(cells.any()):
            return name
        if g is not None and not bool(g.any()):
            break  # what comes before does not move the score either
    return maps[0][0]


def _all_layers(
    model: nn.Module, x: Tensor
) -> tuple[list[tuple[str, Tensor]], Tensor, Node | None]:
    """What each layer gives for one picture, in order; its best score; where the gradients end."""
    given: list[tuple[str, Tensor]] = []
    start: list[Node] = []  # at the picture, or at the first floats that were made of its bytes
    if x.is_floating_point():
        x = x.clone().requires_grad_().clone()
        start.append(_node(x))
    names = {m: name for name, m in model.named_modules() if name and not isinstance(m, PASSING)}

    def note(module: nn.Module, args: tuple, out: Any) -> Any:
        if isinstance(out, Tensor) and out.is_floating_point():
            if not start:
                out = out.detach().requires_grad_().clone()
                start.append(_node(out))
            given.append((names[module], out))
        return out

    with torch.enable_grad(), hooked(names, note):
        best = _scores(model, _run(model, x), 1).max()
    return given, best, start[0] if start else None


def _leads_over(t: Tensor, best: Tensor, start: Node | None) -> bool:
    """Whether every way of the gradients from the best score to their start leads over t."""
    ahead, seen = [_node(best)], {_node(t)}
    while ahead:
        node = ahead.pop()
        if node is start:
            return False
        if node not in seen:
            seen.add(node)
            ahead += [before for before, _ in node.next_functions if before is not None]
    return True


def _node(t: Tensor) -> Node:
    assert t.grad_fn is not None
    return t.grad_fn


@contextmanager
def hooked(modules: Iterable[nn.Module], hook: Callable) -> Iterator[list[nn.Module]]:
    """Inside, `hook` sees what the modules give; yields those that were used, in order."""
    used: list[nn.Module] = []

    def forward(module: nn.Module, args: tuple, out: Any) -> Any:
        used.append(module)
        return hook(module, args, out)

    plain = (m for m in modules if not isinstance(m, torch.jit.ScriptModule))
    handles = [m.register_forward_hook(forward) for m in plain]
    try:
        yield used
    finally:
        for handle in handles:
            handle.remove()


def as_maps(t: Tensor, x: Tensor) -> Tensor | None:
    """What a layer gives for pictures x, read as maps (N, K, H, W) of more than one cell, or None.

    Layers give (N, K, H, W), (N, H, W, K) as Swin does, or tokens (N, L, K) as ViT does, with
    others before those of the cells. Which one it is, the shape of the pictures tells.
    """
    if len(t) != len(x) or not t.is_floating_point() or t.ndim not in (3, 4):
        return None
    h, w = x.shape[2:]
    if t.ndim == 3:
        grid = _grid(t.shape[1], h, w)
        return t[:, -grid[0] * grid[1] :].transpose(1, 2).unflatten(2, grid) if grid else None
    first, last = _unlike(t.shape[2:], h, w), _unlike(t.shape[1:3], h, w)
    if min(first, last) > 0.2:
        return None
    return t if first <= last else t.movedim(3, 1)


def _unlike(cells: Sequence[int], h: int, w: int) -> float:
    """How far the shape of H × W cells is from that of the picture, up to one cell at the edge."""
    H, W = cells
    if H * W < 2:
        return float("inf")
    off = abs(H * w - W * h) / max(h, w)  # in cells
    return max(abs(log(H * w / (W * h))) if off > 1 else 0.0, 1e-3 * off)


def _grid(L: int, h: int, w: int) -> tuple[int, int] | None:
    """Rows and columns of L tokens that cover a picture, some of them before the cells' own."""
    for cells in range(L, max(L - EXTRA, 2) - 1, -1):
        H = max(1, round((cells * h / w) ** 0.5))
        W = cells // H
        if H * W == cells and abs(H * w - W * h) < max(h, w):
            return H, W
    return None


# ---------------------------------------------------------------- network, layer, scores, classes


def _network(model: nn.Module | CamNetwork) -> nn.Module:
    if isinstance(model, CamNetwork):
        return model.model
    if not isinstance(model, nn.Module):
        raise ValueError(f"a network (torch.nn.Module) is wanted, not a {type(model).__name__}")
    return valid.unwrapped(model)


def _named(model: nn.Module, layer: nn.Module | str) -> tuple[str, nn.Module]:
    """A layer's dotted name and the layer. Raises ValueError, with near names."""
    if isinstance(layer, nn.Module):
        name = next((name for name, m in model.named_modules() if m is layer), None)
        if name is None:
            raise ValueError(f"this {type(layer).__name__} is no layer of {type(model).__name__}")
        return name, layer
    with suppress(AttributeError):
        return str(layer), model.get_submodule(str(layer))
    near = valid.near(str(layer), dict(model.named_modules()))
    near = near or [n for n, _ in model.named_children()][-4:]
    raise ValueError(
        f"{type(model).__name__} has no layer {layer!r}; near are {', '.join(map(repr, near))}, "
        f"and all stand in dict(model.named_modules())"
    )


def _run(model: nn.Module, x: Tensor) -> Any:
    """What the model gives in evaluation mode, made under inference_mode or not."""
    try:
        with evaluating(model):
            if not next(model.parameters(), x).is_inference():
                return model(x)
            state = dict(model.named_parameters()) | dict(model.named_buffers())
            state = {name: t.clone() for name, t in state.items()}
            return torch.func.functional_call(model, state, (x,))
    except Exception as error:
        raise ValueError(stopped(model, x, error)) from error


def _scores(model: nn.Module, out: Any, n: int) -> Tensor:
    """The first tensor of the shape (N, C) in what a network gives. Raises ValueError."""
    for t in tensors_in(out):
        if t.ndim > 1 and len(t) == n and t[0].numel() == max(t.shape[1:]):
            return t.flatten(1)
    raise ValueError(recognition.no_scores(model))


def _own(c: int | Sequence[int] | Tensor, S: Tensor) -> Tensor:
    """One class for each picture, (N,). Raises IndexError and ValueError for what is none."""
    if type(c) is int and 0 <= c < S.shape[1]:  # the usual case, and the rest can be spared
        return torch.full((len(S),), c, device=S.device)
    own = valid.classes(valid.each(c, len(S)), S.shape[1]).to(S.device)
    return own.clone() if own.is_inference() else own
