"""The one boundary: what people hand to the course's functions becomes a tensor, or one sentence.

What is meant for a tensor may be a tensor, a numpy array or (nested) lists of numbers, on any
device. Else a sentence says what is wanted and what came: TypeError for what holds no numbers,
ValueError for other shapes, kinds, devices and sizes, IndexError for classes that do not exist.

Adding and multiplying pass NaN on, so a product needs no look. Comparing, sorting and counting lose
it: whatever does so asks for `finite` numbers first.
"""

import difflib
import functools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
WHOLE = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
KINDS = {
    "floats": FLOATS,  # whole numbers are made floats
    "numbers": FLOATS | WHOLE,
    "whole numbers": WHOLE,
    "True or False": {torch.bool},
}
Kind = Literal["floats", "numbers", "whole numbers", "True or False"]
Boxes = Tensor | Sequence[Tensor]  # of N pictures: (N, 4), or N tensors (B, 4)


# ---------------------------------------------------------------- tensors


def tensor(x: object, what: str, axes: str, kind: Kind = "numbers") -> Tensor:
    """`x` as a tensor with these axes, such as "N K H W" or "... 4", and at least one value.

    `what` names it in the sentence, with its article. Costs a microsecond where it is one already.
    """
    t = x if isinstance(x, Tensor) else _made(x, what, axes, kind)
    if t.is_meta or t.layout is not torch.strided:
        layout = str(t.layout).removeprefix("torch.")
        came = "one on the device meta, without numbers" if t.is_meta else f"a {layout} one"
        raise ValueError(_sentence(what, axes, kind, came))
    if t.dtype not in KINDS[kind]:
        if kind != "floats" or t.dtype not in WHOLE:
            raise ValueError(_sentence(what, axes, kind, said(t)))
        t = t.float()
    n, more, fixed = _read(axes)
    fits = t.ndim >= n if more else t.ndim == n
    if not fits or not t.numel() or (fixed and any(t.shape[i] != size for i, size in fixed)):
        raise ValueError(_sentence(what, axes, kind, said(t)))
    return t


@functools.cache
def _read(axes: str) -> tuple[int, bool, tuple[tuple[int, int], ...]]:
    """How many axes there are, whether more may stand before, and which have a fixed size."""
    names = axes.removeprefix("...").split()
    fixed = [(i - len(names), int(name)) for i, name in enumerate(names) if name.isdigit()]
    return len(names), axes.startswith("..."), tuple(fixed)


NETWORK = "the network's weights and its input"


def finite(
    x: object, what: str, axes: str, kind: Kind = "numbers", source: str = NETWORK
) -> Tensor:
    """As `tensor`, without NaN and infinity: for all that compares, sorts or counts."""
    t = tensor(x, what, axes, kind)
    if t.is_floating_point() and not all_finite(t):
        raise ValueError(f"there is NaN or infinity in {what}: look at {source}")
    return t


def all_finite(t: Tensor) -> bool:
    """Mostly one pass: a finite sum has finite terms; only large ones may add up to infinity."""
    return math.isfinite(t.sum().item()) or bool(t.isfinite().all())


def together(**tensors: Tensor) -> None:
    """Raises ValueError unless these tensors share one device and one dtype."""
    kinds = {(t.device, t.dtype) for t in tensors.values()}
    if len(kinds) > 1:
        each = ", ".join(f"{n} {_dtype(t)} on {t.device}" for n, t in tensors.items())
        raise ValueError(f"one dtype on one device is wanted, as b.to(a) makes it, not {each}")


def one_shape(**tensors: Tensor) -> None:
    """Raises ValueError unless these tensors share one shape and one device."""
    if len({(t.shape, t.device) for t in tensors.values()}) > 1:
        each = ", ".join(f"{n} {tuple(t.shape)} on {t.device}" for n, t in tensors.items())
        raise ValueError(f"one shape on one device is wanted, not {each}")


def layer(f: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, K, ...), which are a tensor already, and weights (C, K): of one layer?"""
    w = tensor(w, "the weights", "C K", "floats")
    if f.shape[1] != w.shape[1]:
        raise ValueError(
            f"the weights need the shape (C, K) with the K channels of the features: "
            f"features {tuple(f.shape)}, weights {tuple(w.shape)}"
            + (" (transposed?)" if f.shape[1] == w.shape[0] else "")
        )
    together(features=f, weights=w)
    return f, w


def masks(x: object, maps: Tensor, what: str = "the masks") -> Tensor:
    """Masks of the maps' own shape, True or False, on their device."""
    t = tensor(x, what, " ".join(["N", "h", "w"][-maps.ndim :]), "True or False")
    one_shape(maps=maps, masks=t)
    return t


def _made(x: object, what: str, axes: str, kind: str) -> Tensor:
    """A tensor of a numpy array or of lists of numbers."""
    if isinstance(x, (np.ndarray, np.generic, Sequence, int, float)) and not isinstance(
        x, (str, bytes)
    ):
        try:
            return torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else torch.tensor(x)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            pass
    raise TypeError(_sentence(what, axes, kind, said(x)))


def _sentence(what: str, axes: str, kind: str, came: str) -> str:
    kind = "numbers" if kind == "floats" else kind
    shape = axes.replace(" ", ", ") + ("," if axes.count(" ") == 0 else "")
    return f"{what}: a tensor ({shape}) of {kind} is wanted, not {came}"


def said(x: object) -> str:
    """A thing in a few words: its shape and dtype, or its kind."""
    if isinstance(x, Tensor):
        return f"{tuple(x.shape)} {_dtype(x)}"
    if isinstance(x, np.ndarray):
        return f"a numpy array {x.shape} {x.dtype}"
    if x is None or isinstance(x, (str, int, float)):
        return repr(x) if len(repr(x)) < 60 else repr(x)[:56] + " ..."
    if isinstance(x, Sequence):
        return f"a {type(x).__name__} that is no table of numbers"
    return f"a {type(x).__name__}"


def _dtype(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")


# ---------------------------------------------------------------- classes, boxes, numbers


def numbers_of(x: object, what: str, least: int = 1) -> Tensor:
    """`least` or more whole numbers as int64, of any axes. IndexError for others and for names."""
    if isinstance(x, str) or (isinstance(x, Sequence) and any(isinstance(i, str) for i in x)):
        raise IndexError(f"{what} are numbers here, not {x!r}: see net.index(name)")
    if isinstance(x, (set, frozenset)):
        raise TypeError(f"{what} have an order: a list is wanted, not a {type(x).__name__}")
    t = x if isinstance(x, Tensor) else _made(x, what, "N", "whole numbers")
    if not t.numel() and least:
        raise ValueError(f"{what} are empty: name at least one")
    if not t.numel():
        return t.long()
    if t.dtype not in WHOLE:
        raise IndexError(f"{what} are whole numbers, not {_dtype(t)}")
    return tensor(t, what, "...", "whole numbers").long()


def classes(x: object, n: int, what: str = "classes", least: int = 1) -> Tensor:
    """`numbers_of` classes, or channels, of which there are n: from 0 to n - 1."""
    t = numbers_of(x, what, least)
    if t.numel() and not 0 <= int(t.min()) <= int(t.max()) < n:
        some = f"{t.flatten()[:20].tolist()}" + " ..." * (t.numel() > 20)
        raise IndexError(f"{what} run from 0 to {n - 1}, got {some}")
    return t


def labels(x: object, n: int, n_classes: int) -> Tensor:
    """The class of each of n pictures, (N,) int64."""
    t = classes(x, n_classes, "labels")
    if t.shape != (n,):
        raise ValueError(f"one label for each of the {n} pictures is wanted, not {tuple(t.shape)}")
    return t


def each(x: object, n: int) -> Tensor:
    """The class of each of n pictures, (N,) int64: one number for all, or one for each."""
    t = numbers_of(x, "classes")
    if t.ndim > 1 or (t.ndim == 1 and len(t) != n):
        raise ValueError(f"one class, or one for each of the {n} pictures, not {tuple(t.shape)}")
    return t.expand(n)


def learnt_from(x: object, n: int, things: str = "pictures") -> Tensor:
    """The label of each of n things, (N,) int64; each class 0, 1, ... has one, two are wanted."""
    t = labels(x, n, 2**31)
    counts = t.bincount() if int(t.max()) < n else torch.zeros(1)
    if len(counts) < 2 or not counts.all():
        said = f"there are {counts.tolist()}" if len(counts) > 1 else f"labels go to {int(t.max())}"
        raise ValueError(f"each class 0, 1, ... needs {things}; {said}")
    return t


def boxes(x: object, axes: str = "... 4", what: str = "the boxes") -> Tensor:
    """Boxes (x0, y0, x1, y1), finite."""
    return finite(x, what, axes, source="where they come from")


def true_boxes(x: object, n: int, whose: str = "boxes") -> list[Tensor]:
    """The true boxes of n pictures, (B, 4) each; from (N, 4), or N tensors (B, 4) or (4,)."""
    if isinstance(x, (Tensor, np.ndarray)):
        found = list(boxes(x, "N 4", "the true boxes")[:, None])
    elif not isinstance(x, Sequence) or isinstance(x, (str, bytes)):
        raise TypeError(_sentence("the true boxes", "N 4", "numbers", said(x)))
    else:
        found = [boxes(b, what="the true boxes of a picture").reshape(-1, 4) for b in x]
    if len(found) != n or n == 0:
        raise ValueError(f"{n} {whose}, but the true boxes of {len(found)} pictures")
    return found


def number(x: object, what: str, least: float = -math.inf, below: float = math.inf) -> float:
    """A number, at least `least` and below `below`. Raises ValueError for another."""
    if not isinstance(x, (int, float, np.number)) or not least <= x < below:
        limits = f", from {least:g}" * (least > -math.inf) + f" to below {below:g}" * (
            below < math.inf
        )
        raise ValueError(f"{what} is a number{limits}, not {said(x)}")
    return float(x)


def whole(x: object, what: str, least: int = 0, most: float = math.inf) -> int:
    """A whole number, from `least` to `most`. Raises ValueError for another."""
    if not isinstance(x, (int, np.integer)) or isinstance(x, bool) or not least <= x <= most:
        limits = f"from {least}" + f" to {most}" * (most < math.inf)
        raise ValueError(f"{what} is a whole number {limits}, not {said(x)}")
    return int(x)


def instance(x: object, kind: type, wanted: str) -> None:
    """Raises TypeError unless x is of this kind; `wanted` says what is, and where it comes from."""
    if not isinstance(x, kind):
        raise TypeError(f"{wanted} is wanted, not {said(x)}")


def sequence(x: object, what: str) -> Sequence:
    """A list or tuple. Raises TypeError for another."""
    if not isinstance(x, (list, tuple)):
        raise TypeError(f"{what}: a list is wanted, not {said(x)}")
    return x


def texts(x: object, what: str) -> Sequence[str]:
    """Several texts. A single one is refused, for it would be taken letter by letter."""
    if isinstance(x, str) or not isinstance(x, Sequence) or not all(isinstance(t, str) for t in x):
        raise TypeError(f"{what} are texts in a list, not {said(x)}")
    return x


def class_names(x: object, n: int, whose: str) -> tuple[str, ...]:
    """The names of n classes, in order, or none at all: texts in a list, tuple or array.

    Raises TypeError for other things, ValueError for another number of them.
    """
    x = () if x is None else x.tolist() if hasattr(x, "tolist") else x
    found = tuple(texts(x, "class names"))
    if len(found) not in (0, n):
        raise ValueError(
            f"{whose} gives {n} scores, and the class names given are {len(found)}: one for each "
            f"score is wanted"
        )
    return found


# ---------------------------------------------------------------- networks, and names that are near


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside torch.compile's or a parallel wrapper."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def near(name: str, names: Iterable[str], n: int = 3) -> list[str]:
    """Up to n names that hold this one, as a word or else anywhere, or else are spelled like it."""
    low, lower = name.lower(), {text.lower(): text for text in reversed(list(names))}
    known = list(reversed(lower))
    found = [text for text in known if low and low in re.split(r"[\W_]+", text)]
    found = found or [text for text in known if low and low in text]
    return [lower[text] for text in (found or difflib.get_close_matches(low, known, n))[:n]]


def hint(name: str, names: Iterable[str], quote: Callable[[str], str] = repr) -> str:
    """A question to end a sentence with, of names that are `near`; nothing where there are none."""
    found = near(name, names)
    return f" Did you mean {' or '.join(map(quote, found))}?" if found else ""
