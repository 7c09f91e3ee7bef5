"""Values as JSON and back: numbers, texts, tensors, lists, sets, and what the judge found.

Nothing is ever run or imported while reading, so what a stranger wrote can be read, too: it is a
value, or a ValueError. A tensor is its dtype, its shape and its bytes in base64.
"""

import base64
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from utils.check.judge import Outcome

LISTS = {"tuple": tuple, "list": list, "set": set}
NUMBERS = ("float64", "float32", "int64", "int32", "uint8", "bool")


def packed(value: Any) -> Any:
    """A value as what `json.dumps` takes. Raises TypeError for any other kind."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}  # JSON has no infinity
    if isinstance(value, (Tensor, np.ndarray)):
        array = np.ascontiguousarray(torch.as_tensor(value).detach().cpu().numpy())
        text = base64.b64encode(array.tobytes()).decode("ascii")
        kind = "array" if isinstance(value, np.ndarray) else "tensor"
        return {kind: [str(array.dtype), list(torch.as_tensor(value).shape), text]}
    if isinstance(value, Outcome):
        fields = value._asdict() | {"printed": "", "dtype": str(value.dtype or "")}
        return {"outcome": {name: packed(field) for name, field in fields.items()}}
    for name, like in LISTS.items():
        if type(value) is like:
            return {name: [packed(entry) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[packed(key), packed(entry)] for key, entry in value.items()]}
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def unpacked(data: Any) -> Any:
    """The value again. Raises ValueError for anything that `packed` did not write."""
    if data is None or isinstance(data, (bool, int, str)):
        return data
    if not isinstance(data, dict) or len(data) != 1:
        raise ValueError("not a packed value")
    ((kind, inner),) = data.items()
    try:
        return _unpacked(kind, inner)
    except (TypeError, KeyError, AttributeError, RecursionError, OverflowError) as problem:
        raise ValueError(f"not a packed {str(kind)[:20]}") from problem


def _unpacked(kind: str, inner: Any) -> Any:
    if kind == "float":
        return float.fromhex(inner)
    if kind in LISTS:
        return LISTS[kind]([unpacked(entry) for entry in inner])
    if kind == "dict":
        return {unpacked(key): unpacked(entry) for key, entry in inner}
    if kind in ("tensor", "array"):
        array = _array(*inner)
        return array if kind == "array" else torch.from_numpy(array)
    if kind == "outcome":
        return _outcome(**{name: unpacked(field) for name, field in inner.items()})
    raise ValueError("not a packed value")


def _array(dtype: str, shape: list[int], text: str) -> np.ndarray:
    if dtype not in NUMBERS or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("not an array")
    raw = base64.b64decode(text, validate=True)
    if len(raw) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError("an array of another size")
    return np.frombuffer(raw, dtype).reshape(shape).copy()


def _outcome(
    *,
    value: Any,
    kind: str,
    precision: float,
    problem: str,
    missing: bool,
    changes: str,
    printed: str,
    dtype: str,
) -> Outcome:
    texts = [str(text)[:1000] for text in (kind, problem, changes)]
    named = getattr(torch, dtype.removeprefix("torch."), None) if dtype else None
    if dtype and not isinstance(named, torch.dtype):
        raise ValueError("not a dtype")
    return Outcome(
        None if value is None else _doubles(value),
        texts[0],
        float(precision),
        texts[1],
        missing=bool(missing),
        changes=texts[2],
        dtype=named,
    )


def _doubles(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_doubles, value))
    if not isinstance(value, Tensor):
        raise ValueError("not numbers")
    return value.double()
