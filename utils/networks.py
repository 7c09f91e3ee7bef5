"""Networks whose class maps can be read: any classifier that ends in global pooling.

`cam_network` tries a classifier on a few made-up pictures and finds its last maps and weights by
what it computes (`utils.recognition`); from then on one forward pass gives the scores and, with one
product, the map of any class. Notebooks 00, 01 and 10.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

from utils import cam, fields, recognition, valid
from utils.pictures import Pictures
from utils.preparation import Prepare, fitted, own_preparation, unknown
from utils.recognition import Ending, Layout, NotACamNetwork

__all__ = ["CamNetwork", "ForwardPass", "NotACamNetwork", "cam_network", "maps_of", "passes"]
INSTEAD = "use Grad-CAM, utils.gradcam.grad_cam(model, x, c), or a network such as resnet18."
SIDE = 224  # pixels: of the pictures that most networks are made for


@dataclass
class ForwardPass:
    """What CAM needs of one forward pass; S_c = pooled M_c + b_c holds between them."""

    f: Tensor  # (N, K, H, W), the maps that the global pooling pools
    w: Tensor  # (C, K), the weights of the last linear map
    b: Tensor | None  # (C,), its biases
    S: Tensor  # (N, C), the class scores, input of the softmax
    pooling: cam.Pooling  # "mean" for GAP, "max" for GMP, "sum" for the paper's own formula


@dataclass(frozen=True)
class CamNetwork:
    """A classifier together with what is needed to draw its class maps; made by `cam_network`.

    `S, M = net(x)` gives the scores (N, C) and the maps (N, C', H, W) from one forward pass,
    without gradients and in evaluation mode; the model itself is left as it was.
    """

    model: nn.Module
    class_names: Sequence[str] = ()
    prepare: Prepare = unknown  # pictures uint8 -> network input; unknown: the model's own
    tail: "Tail | None" = field(default=None, repr=False)  # how it ends; found at the first pass
    places: dict = field(default_factory=dict, init=False, repr=False, compare=False)  # of `cells`

    def __post_init__(self) -> None:
        if self.prepare is unknown:
            object.__setattr__(self, "prepare", own_preparation(self.model))

    @property
    def takes_bytes(self) -> bool:
        """Whether the model scales uint8 pictures itself, as the course's own networks do."""
        return getattr(self.model, "takes_bytes", False)

    @torch.no_grad()
    def __call__(
        self,
        x: Tensor,
        c: int | None = None,
        *,
        classes: int | Sequence[int] | Tensor | None = None,
        own: Sequence[int] | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(N, 3, h, w) -> scores (N, C), maps (N, C', H, W); of which classes, as `cam.class_maps`.

        net(x)                  every class
        net(x, 281)             one class of every picture
        net(x, classes=[3, 7])  the same classes of every picture
        net(x, own=labels)      its own class for each picture: maps (N, 1, H, W)
        """
        p = self._pass(x)
        at = cam.asked(len(p.w), len(p.S), c, classes, own)
        M = cam.product(p.f, p.w[at])
        _check(self.model, x, p, at, M)
        return p.S, M

    def index(self, name: str) -> int:
        """The number of a class. Raises ValueError with near names if there is no such class."""
        if name in self.class_names:
            return list(self.class_names).index(name)
        if not len(self.class_names):
            raise ValueError(
                "this network has no class names: cam_network(model, class_names) gives it some, "
                "and a number needs none"
            )
        hint = valid.hint(str(name), self.class_names)
        raise ValueError(f"there is no class {name!r}.{hint} All of them: net.class_names")

    @torch.no_grad()
    def forward_pass(self, x: Tensor) -> ForwardPass:
        """The maps f_k, weights, biases and scores of one batch, (N, 3, h, w).

        Raises ValueError for a batch that is none, where the maps have one cell, and where the
        network gives NaN or infinity, with the first tensor that holds one.
        """
        p = self._pass(x)
        _check(self.model, x, p, p.S.argmax(1, keepdim=True))
        return p

    def _pass(self, x: Tensor) -> ForwardPass:
        self._check_batch(x)
        tail = self._tail(x)
        try:
            if not _learning(self.model):
                return tail.read(self.model, x)
            with evaluating(self.model):
                return tail.read(self.model, x)
        except RuntimeError as error:
            raise ValueError(stopped(self.model, x, error)) from error

    @torch.no_grad()
    def cells(self, x: Tensor) -> cam.Cells | None:
        """Where the cells of the maps of a batch like x (N, 3, h, w) look, for `cam.upsample`.

        From the convolutions and poolings between the picture and the maps (`utils.fields`); None
        where a network cannot be followed. One forward pass of one picture for each new size.
        """
        self._check_batch(x)
        kind = tuple(x.shape[1:])
        if kind not in self.places:
            tail, one = self._tail(x), torch.zeros_like(x[:1])
            try:
                with evaluating(self.model), recognition.Trace() as seen:
                    f = tail.pooled(self.model, one)[0]
            except RuntimeError as error:
                raise ValueError(stopped(self.model, x, error)) from error
            self.places[kind] = fields.cells(seen.operations, one, f)
        return self.places[kind]

    def _check_batch(self, x: Tensor) -> None:
        shaped = isinstance(x, Tensor) and x.ndim == 4
        if not shaped or (x.dtype == torch.uint8 and not self.takes_bytes):
            what = f"{tuple(x.shape)} {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(
                f"a batch of prepared pictures is wanted, net(net.prepare(picture)), not {what}"
            )

    def _tail(self, x: Tensor) -> "Tail":
        """How the model ends, found with pictures like these where it was not yet."""
        if self.tail is None:
            tried = recognition.trial(3, *x.shape[1:]).to(x.device)
            tail = find_tail(self.model, tried.to(x.dtype) if x.is_floating_point() else tried)
            object.__setattr__(self, "tail", tail)
        assert self.tail is not None
        return self.tail


@torch.no_grad()
def cam_network(
    model: nn.Module,
    class_names: Sequence[str] = (),
    prepare: Prepare | None = None,
    example: Tensor | None = None,
) -> CamNetwork:
    """Any classifier that ends in global pooling and one linear map, ready to draw class maps.

    class_names  one for each score
    prepare      makes the network's input of pictures: `preparation(mean, std, side)` or a function
                 of your own. Left out, it is taken from a timm model's own settings; a network that
                 carries none has a `prepare` that says what is missing. The batch it makes has
                 the channels, the dtype and the device that the example has, or else the weights.
    example      a batch as the network takes it, (N, channels, h, w), where it takes no pictures of
                 three channels and 224 pixels; its values do not matter

    It is tried on made-up pictures. Raises NotACamNetwork for a network to which CAM does not apply
    (VGG, AlexNet, ViT, MobileNetV3, ConvNeXt, a head of two layers, ...), and says why; ValueError
    for class names that are too few or too many, TypeError for what are no names. Paper, section 2:
    "a simple modification ... just before the final output layer, we perform global average
    pooling". Notebook 01.
    """
    own: Sequence[str] = ()
    tail, like = None, None
    if isinstance(model, CamNetwork):  # its own, where nothing else is given
        own, tail = model.class_names, None if prepare else model.tail
        prepare, model = prepare or model.prepare, model.model
    if not isinstance(model, nn.Module):
        raise NotACamNetwork(_no_network(model))
    model = valid.unwrapped(model)
    if tail is None:
        tail, like = _tried(model, example)
    prepare = prepare or own_preparation(model)
    if like is not None:
        prepare = fitted(prepare, like)
    names = valid.class_names(class_names, tail.shape[0], type(model).__name__)
    return CamNetwork(model, names or tuple(own), prepare, tail)


def _no_network(thing: object) -> str:
    """What to do with something that is no network."""
    if isinstance(thing, dict):
        how = "make the network first, then checkpoints.load_into(network, file)"
        return f"these are weights ({type(thing).__name__}) without their network: {how}"
    if isinstance(thing, str):
        how = f"models.pretrained({thing!r}) or models.load({thing!r})"
        return f"a network is wanted, not its name or file: {how} gives one"
    if callable(thing) and hasattr(thing, "__name__"):
        return f"a network is wanted, not what makes one: call it, {thing.__name__}(...)"
    return f"a network (torch.nn.Module) is wanted, not {valid.said(thing)}"


def _tried(model: nn.Module, example: Tensor | None) -> "tuple[Tail, Tensor]":
    """How the model ends, found on pictures like the example, or on a kind that it takes; these."""
    weights = [t for t in _state(model).values() if t.is_floating_point()]
    scripted = isinstance(model, torch.jit.ScriptModule)
    if any(t.is_meta for t in weights):
        raise NotACamNetwork(
            f"{type(model).__name__} is on the device meta, where weights have no numbers: load "
            f"them, as in checkpoints.load_into(model.to_empty(device='cpu'), file)"
        )
    if not weights and not scripted:
        packed = any("quantized" in type(m).__module__ for m in model.modules())
        raise NotACamNetwork(
            "the network is quantized, so its scores are rounded and not the sum of its maps: take "
            "the model before it was quantized"
            if packed
            else "the network has no weights, so there is no class to map"
        )
    if bad := next((n for n, t in _state(model).items() if not t.isfinite().all()), ""):
        raise ValueError(_not_finite(f"the weight {bad}", model))
    if example is not None:
        valid.instance(example, Tensor, "an example, a batch as the network takes it,")
        kinds = [tuple(example.shape[1:])]
        like = example if example.is_floating_point() else example.float()
    else:
        kinds, like = list(_kinds(model)), weights[0] if weights else torch.empty(0)
    problem: Exception | None = None
    for kind in kinds:
        if len(kind) != 3:
            problem = ValueError(f"it has {len(kind) + 1} axes")
            continue
        try:
            tried = recognition.trial(3, *kind).to(like)
            return find_tail(model, tried), tried
        except NotACamNetwork as no:
            if example is not None and _takes_larger(model, kind, like):
                raise OneCell(_one_cell(model, example)) from no
            raise
        except Exception as error:  # it takes no such pictures: channels or size are others
            problem = problem or error
    first = (str(problem).splitlines() or [""])[0][:200]
    like_it, other = ("noise", "") if example is None else ("noise like the example", "another ")
    raise NotACamNetwork(
        f"{type(model).__name__} could not be tried on pictures of {like_it} ({first}): give "
        f"{other}example=..., a batch (N, channels, h, w) as it takes them, for CAM needs maps in "
        f"two dimensions"
    )


def _takes_larger(model: nn.Module, kind: tuple[int, ...], like: Tensor) -> bool:
    """Whether pictures were too small for more than one cell, and CAM applies to larger ones."""
    if max(kind[1:]) >= SIDE:
        return False
    try:
        find_tail(model, recognition.trial(3, kind[0], SIDE, SIDE).to(like))
    except Exception:  # CAM does not apply, or no other size is taken
        return False
    return True


def _kinds(model: nn.Module) -> Iterator[tuple[int, int, int]]:
    """The kinds of picture that the model may take, (channels, h, w), the likeliest first."""
    config = getattr(model, "pretrained_cfg", None) or {}
    if "input_size" in config:
        yield tuple(config["input_size"])
    convolutions = (m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d))
    channels = next(convolutions, 3)
    sides = [getattr(model, "image_size", SIDE), 299, 384, 64, 32, 28]
    for side in sides:
        yield channels, side, side
    for side in sides[:1] + sides[-2:]:
        yield 3, side, side
        yield 1, side, side


# ---------------------------------------------------------------- how a network ends


@dataclass(frozen=True)
class Tail:
    """Where in a forward pass f and S are to be found, and where the weights lie."""

    module: str | None  # the module beside which f passes by; None: every operation is watched
    given: bool  # f is what that module is given, not what it gives
    at: int  # which operation gives f, where all are watched
    layout: Layout
    scores: int  # which of the tensors that the model gives holds S
    weight: str | Tensor  # a parameter's name, or the numbers where it has none
    turned: bool  # the parameter is (K, C)
    bias: str | Tensor | None
    pooling: cam.Pooling
    shape: tuple[int, int]  # (C, K)

    def read(self, model: nn.Module, x: Tensor) -> ForwardPass:
        """f, w, b and S of one forward pass."""
        whole, out = self.pooled(model, x)
        S = out if isinstance(out, Tensor) else list(recognition.tensors_in(out))[self.scores]
        f = recognition.view(whole, len(x), self.layout)
        if f is None or f.shape[1] != self.shape[1]:
            raise OneCell(_one_cell(model, x))
        w = self.w(model)
        w = w if w.dtype == f.dtype and w.device == f.device else w.to(f)
        return ForwardPass(f, w, self.b(model), S.flatten(1), self.pooling)

    def pooled(self, model: nn.Module, x: Tensor) -> tuple[Tensor, Any]:
        """What the global pooling is given, as the network holds it, and what the model gives."""
        if self.module is not None:
            module = attrgetter(self.module)(model) if self.module else model
            return _beside(module, self.given, model, x)
        with recognition.Trace() as seen:
            out = model(x)
        return (seen.operations[self.at].out if self.at < len(seen.operations) else x), out

    def w(self, model: nn.Module) -> Tensor:
        """The weights (C, K), as they are now."""
        w = self.weight if isinstance(self.weight, Tensor) else _parameter(model, self.weight)
        shape = self.shape[::-1] if self.turned else self.shape
        w = w.detach() if w.shape == shape else w.detach().reshape(shape)
        return w.T if self.turned else w

    def b(self, model: nn.Module) -> Tensor | None:
        """The biases (C,), as they are now; None where there are none."""
        b = _parameter(model, self.bias) if isinstance(self.bias, str) else self.bias
        return None if b is None else b.detach().flatten()


class OneCell(ValueError):
    """The last maps have one cell only, so they say nothing about place."""


def _one_cell(model: nn.Module, x: Tensor) -> str:
    h, w = x.shape[2:]
    return (
        f"the last maps of {type(model).__name__} have one cell for an input of {w} × {h} pixels, "
        f"which says nothing about place: give a larger input, of {2 * max(h, w)} pixels or more"
    )


def _beside(module: nn.Module, given: bool, model: nn.Module, x: Tensor) -> tuple[Tensor, Any]:
    """Run the model; what passed by at a module, and what the model gave."""
    seen: list[Tensor] = []
    if given:
        handle = module.register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    else:
        handle = module.register_forward_hook(lambda m, args, out: seen.append(out))
    try:
        out = model(x)
    finally:
        handle.remove()
    return (seen[-1] if seen else x), out


def find_tail(model: nn.Module, x: Tensor) -> Tail:
    """How the model ends, from a forward pass of x (N, 3, h, w). Raises NotACamNetwork."""
    passed: list[tuple[str, bool, Tensor]] = []
    name = type(model).__name__
    handles = _listen(model, passed)
    try:
        with evaluating(model), recognition.Trace() as seen:
            out = model(x)
    finally:
        for handle in handles:
            handle.remove()
    operations, state = seen.operations, _state(model)
    given = [t for t in recognition.tensors_in(out) if t.ndim > 1 and len(t) == len(x)]
    given = [t for t in given if t.flatten(1).shape[1] == max(t.shape[1:])]
    if not given:
        raise NotACamNetwork(recognition.no_scores(model))
    for number, t in enumerate(recognition.tensors_in(out)):
        if any(t is g for g in given):
            S = t.flatten(1)
            if ending := recognition.find_ending(operations, S, list(state.values())):
                return _tail(model, state, passed, ending, number)
    why = recognition.reason(operations, given[0].flatten(1), list(state.values()))
    raise NotACamNetwork(f"{name} {why}" if why.endswith(".") else f"{name} {why}: {INSTEAD}")


def _listen(model: nn.Module, passed: list[tuple[str, bool, Tensor]]) -> list:
    """Note what goes into and comes out of every module, in order. (Scripted ones keep silent.)"""
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue

        def before(_, args, name=name):
            if args and isinstance(args[0], Tensor):
                passed.append((name, True, args[0]))

        def after(_, args, out, name=name):
            if isinstance(out, Tensor):
                passed.append((name, False, out))

        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    return handles


def _tail(model, state: dict[str, Tensor], passed, ending: Ending, number: int) -> Tail:
    shape = (ending.w.shape[0], ending.w.shape[1])
    weight, turned = _named(ending.w, state)
    bias = _bias(ending, state)
    where = _last_place(passed, ending.whole)
    module, given = where if where else (None, False)
    return Tail(
        module, given, ending.at, ending.layout, number, weight, turned, bias, ending.pooling, shape
    )


def _last_place(passed: list[tuple[str, bool, Tensor]], whole: Tensor) -> tuple[str, bool] | None:
    """A module beside which the tensor passes by, nothing of the kind later."""
    last: dict[tuple[str, bool], Tensor] = {(name, given): t for name, given, t in passed}
    for place, t in last.items():
        same = t.data_ptr() == whole.data_ptr() and t.stride() == whole.stride()
        if same and t.shape == whole.shape:
            return place
    return None


def _named(w: Tensor, state: dict[str, Tensor]) -> tuple[str | Tensor, bool]:
    """The name of the parameter that holds w, and whether it lies the other way round there."""
    flat = w.squeeze()
    for name, p in state.items():
        if p.numel() == w.numel() and p.data_ptr() == w.data_ptr():
            return name, (p.squeeze().shape, p.squeeze().stride()) != (flat.shape, flat.stride())
    return w.detach().clone(), False


def _bias(ending: Ending, state: dict[str, Tensor]) -> str | Tensor | None:
    """The name of the bias, its numbers where no parameter holds them, or None."""
    b, size = ending.b, float(ending.b.abs().max())
    scale = float((cam.pool(ending.f.double(), ending.pooling) @ ending.w.double().T).abs().max())
    slack = 1e-4 * max(scale, size)
    for name, p in state.items():
        if p.numel() != b.numel() or not p.is_floating_point() or name.endswith("weight"):
            continue
        if float((p.detach().flatten().double() - b).abs().max()) <= slack:
            return name
    return None if size <= slack else b.to(ending.f.dtype)


def _parameter(model: nn.Module, name: str) -> Tensor:
    """One parameter or buffer by its dotted name, without a walk over all of them."""
    return attrgetter(name)(model)


def _state(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())


# ---------------------------------------------------------------- what must hold in every pass


def _check(
    model: nn.Module, x: Tensor, p: ForwardPass, at: slice | Tensor, M: Tensor | None = None
) -> None:
    """Finite numbers, and S_c = pooled M_c + b_c for the classes asked, `at`, and their maps M.

    One number for every answer, for small networks feel every step that is taken here.
    """
    S = p.S[:, at] if isinstance(at, slice) or at.ndim == 1 else p.S.gather(1, at.to(p.S.device))
    left = S - _pooled(p, at, M)
    left = left if p.b is None else left - p.b[at]
    most, off = (torch.linalg.vector_norm(t, math.inf).item() for t in (p.S, left))
    if most < math.inf and off <= 3 * max(1e-3, 16 * torch.finfo(p.S.dtype).eps) * most:
        return  # with NaN neither holds
    if not bool(p.S.isfinite().all()):
        raise ValueError(_first_bad(model, x, p))
    raise NotACamNetwork(
        f"the scores of {type(model).__name__} are not the pooled maps times its last weights "
        f"for this input, though they were for the pictures it was tried on: {INSTEAD}"
    )


def _pooled(p: ForwardPass, at: slice | Tensor, M: Tensor | None) -> Tensor:
    """Pooled M_c of the classes asked, (N, C'): of their maps, but for a maximum, which is of f."""
    if M is not None and p.pooling != "max":
        return getattr(M, p.pooling)((2, 3), dtype=torch.float32)
    F = cam.pool(p.f, p.pooling).float()
    return (p.w[at].float() @ F[:, :, None])[:, :, 0]


def stopped(model: nn.Module, x: Tensor, error: Exception) -> str:
    """Why the model itself refuses a batch: other channels, another dtype or device."""
    first = (str(error).splitlines() or [type(error).__name__])[0][:120]
    dtype = str(x.dtype).removeprefix("torch.")
    return (
        f"{type(model).__name__} stops at a batch {tuple(x.shape)} {dtype} on {x.device} "
        f"({first}): give it one as it was trained on, on its own device"
    )


def _first_bad(model: nn.Module, x: Tensor, p: ForwardPass) -> str:
    """The first tensor that holds NaN or infinity, in words."""
    tensors = {"the input": x} | {f"the weight {n}": t for n, t in _state(model).items()}
    tensors |= {"the last maps f": p.f}
    bad = next((n for n, t in tensors.items() if not t.isfinite().all()), "the scores S")
    return _not_finite(bad, model)


def _not_finite(what: str, model: nn.Module) -> str:
    inside = "train again with a lower learning rate, or load other weights"
    way = "look at what prepared it" if what == "the input" else inside
    where = f"in {what} of {type(model).__name__}"
    return f"there is NaN or infinity {where}, so no map can be drawn: {way}"


def _learning(model: nn.Module) -> list[nn.Module]:
    """The modules in training mode. (model.modules() takes thirty times as long.)"""
    training, found = [], [model]
    for module in found:  # it grows on the way
        if getattr(module, "training", False):
            training.append(module)
        if inside := getattr(module, "_modules", None):  # a module may be None: taken away
            found += inside.values()
    return training


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every module's own mode again afterwards."""
    training = _learning(model)
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


# ---------------------------------------------------------------- many pictures


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

    Each value lies where its cell looks. `classes` is one class for all, one for each (N,), or
    None: each picture's best class.
    """
    found, cells = [], net.cells(net.prepare(images[:1]))
    for at, p in passes(net, images):
        if isinstance(classes, Tensor):
            own = classes[at]
        else:
            own = p.S.argmax(1) if classes is None else torch.full((len(p.S),), classes)
        M = cam.class_maps(p.f, p.w, own=own)
        found.append(cam.upsample(M, size or images.shape[-2:], cells)[:, 0])
    return torch.cat(found)


def mean_maps(net: CamNetwork, images: Tensor, size: Sequence[int] | None = None) -> Tensor:
    """The mean of all f_k of each picture, which never hears a class, enlarged as by `maps_at`.

    (N, 3, h, w) uint8 -> (N, *size).
    """
    f = torch.cat([p.f.mean(1, keepdim=True) for _, p in passes(net, images)])
    return cam.upsample(f, size or images.shape[-2:], net.cells(net.prepare(images[:1])))[:, 0]


def maps_of(net: CamNetwork, pictures: Pictures) -> Tensor:
    """The map of each picture's own class, at picture size: (N, h, w)."""
    return maps_at(net, pictures.images, pictures.labels)
