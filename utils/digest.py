"""A short word for many numbers, to tell whether they are the same as before."""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor


def digest(tensors: Iterable[Tensor]) -> str:
    """12 hexadecimal digits that change when any number does: tensors in order -> "f190072c5052".

    It is taken from the bytes alone: whoever must tell shapes apart keeps them beside it.
    """
    sha = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().cpu().contiguous().flatten()
        sha.update(flat.view(torch.uint8).numpy().data)  # numpy knows no bfloat16
    return sha.hexdigest()[:12]


def digest_of(text: str) -> str:
    """12 hexadecimal digits that change when any letter does."""
    return hashlib.sha256(text.encode("utf8", "surrogateescape")).hexdigest()[:12]
