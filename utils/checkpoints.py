"""Other people's checkpoints: the weights in them, under whatever names, into a network.

`load_into(model, file)` takes what training programs write: state dicts nested in others, names
with the prefixes of wrappers, a head whose keys a Dropout shifts, auxiliary heads or none. What
does not fit is refused whole, with its first key. Notebook 11.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from utils import store, valid
from utils.store import WeightsError

# Under which names a checkpoint holds the weights, the likeliest first.
NESTED = (
    "state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params",
    "ema", "model_ema", "ema_state_dict", "state_dict_ema",
)  # fmt: skip
AUXILIARY = ("aux1", "aux2", "AuxLogits")  # heads of GoogLeNet and Inception, for training only
State = dict[str, Tensor]


def load_into(model: nn.Module, file: str | Path) -> nn.Module:
    """Put the weights of a checkpoint into a network, and give the network back.

    Reads files of torch.save, without running code in them, and of safetensors. Nothing is changed
    unless everything fits; GoogLeNet and Inception lose auxiliary heads that the file has not. How
    these two want their input no file says: see `input_as_trained`.
    Raises WeightsError, with the first key that does not fit, and TypeError for no network.
    """
    wanted = "a network (torch.nn.Module, or net.model of what cam_network made)"
    valid.instance(model, nn.Module, wanted)
    state = state_in(store.read(file), str(file))
    fit(model, state, str(file))
    return model


def state_in(content: object, file: str) -> State:
    """The state dict in what a file holds. Raises WeightsError if there is none."""
    for _ in range(4):
        if not isinstance(content, Mapping):
            break
        tensors = {str(k): t for k, t in content.items() if isinstance(t, Tensor)}
        inner = {str(k): v for k, v in content.items() if isinstance(v, Mapping)}
        named = next((name for name in NESTED if name in inner), None)
        only = [n for n, v in inner.items() if any(isinstance(t, Tensor) for t in v.values())]
        if named is None and tensors:
            return tensors
        content = inner.get(named or (only[0] if len(only) == 1 else ""))
    raise WeightsError(
        f"{file} holds no state dict: where it was made, write "
        f"torch.save(model.state_dict(), file)."
    )


@torch.no_grad()
def fit(model: nn.Module, state: State, file: str) -> None:
    """Copy a state dict into a network, key by key, once all of it is known to fit."""
    own = {_plain(key): t for key, t in model.state_dict().items()}
    state = _unprefixed({_plain(key): t for key, t in state.items()}, own, file)
    for name in AUXILIARY:
        heads = [key for key in own if key.startswith(f"{name}.")]
        if any(key not in state or state[key].shape != own[key].shape for key in heads):
            own = {key: t for key, t in own.items() if key not in heads}
        state = {k: t for k, t in state.items() if k in own or not k.startswith(f"{name}.")}
    state = _head_renamed(state, own)
    what, head = f"{file} does not fit {type(valid.unwrapped(model)).__name__}", _head(own)
    _check_keys(state, own, what)
    for key, t in own.items():
        if key in state:
            _check_tensor(key, state[key], t, what, key in head)
    for key in own.keys() & state.keys():
        own[key].copy_(state[key])
    _drop_auxiliary(model, own)


@torch.no_grad()
def input_as_trained(model: nn.Module, x: Tensor) -> bool | None:
    """Set the `transform_input` of a GoogLeNet or Inception as its weights were trained.

    torchvision's own weights, and what was fine-tuned from them, want ImageNet's preparation turned
    into another (mean and deviation 1/2); what was trained anew mostly does not, and no file says
    so. But the first norm has kept the variance behind the first convolution, which is 4.8 times
    smaller for turned pictures. x is a batch of prepared pictures, (N, 3, h, w), of the kind it was
    trained on. Gives what was set; None for any other network, which stays as it is.
    """
    own: Any = model
    stem: Any = next((m for m in model.modules() if hasattr(m, "conv") and hasattr(m, "bn")), None)
    if stem is None or not hasattr(own, "transform_input"):
        return None
    apart = []
    for own.transform_input in (False, True):
        now = stem.conv(own._transform_input(x)).var((0, 2, 3))
        apart.append(float((stem.bn.running_var / now).log().median().abs()))
    own.transform_input = apart[True] < apart[False]
    return own.transform_input


# ---------------------------------------------------------------- names


def _plain(key: str) -> str:
    """A key without the marks of torch.compile and of parallel wrappers."""
    key = key.replace("_orig_mod.", "")
    while key.startswith("module."):
        key = key.removeprefix("module.")
    return key


def _unprefixed(state: State, own: State, file: str) -> State:
    """The part of a state dict whose keys, behind one prefix, are most of the network's own."""
    ends: dict[str, list[str]] = {}
    for key in own:
        ends.setdefault(key.rpartition(".")[2], []).append(key)
    found = Counter(
        key[: len(key) - len(end)]
        for key in state
        for end in ends.get(key.rpartition(".")[2], ())
        if f".{key}".endswith(f".{end}")
    )
    (prefix, n), (other, m) = (found.most_common(2) + [("", 0)] * 2)[:2]
    if n == m and 2 * n > len(own):
        raise WeightsError(
            f"{file} holds this network twice, under {prefix!r} and {other!r}: save one of them in "
            f"a file of its own."
        )
    if n <= found[""]:
        return state
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}


def _head(own: State) -> list[str]:
    """The keys of the last layer: its weight, and its bias where it has one."""
    layers = [key.rpartition(".")[0] for key, t in own.items() if t.ndim >= 2]
    return [key for key in own if layers and key.rpartition(".")[0] == layers[-1]]


def _head_renamed(state: State, own: State) -> State:
    """The same with the last layer's keys as the network has them.

    A Dropout before it shifts them: fc.1.weight for fc.weight. Nothing else may be missing.
    """
    missing = sorted(key for key in own if key not in state and not _counts(key))
    extra = sorted(key for key in state if key not in own)
    same = [k.rpartition(".")[2] for k in missing] == [k.rpartition(".")[2] for k in extra]
    one = len({k.rpartition(".")[0] for k in extra}) == 1
    if not same or not one or missing != sorted(_head(own)):
        return state
    if missing[0].split(".")[0] != extra[0].split(".")[0]:
        return state
    names = dict(zip(extra, missing, strict=True))
    return {names.get(key, key): t for key, t in state.items()}


def _counts(key: str) -> bool:
    """Batches that were counted: old checkpoints lack them, and nothing depends on them."""
    return key.endswith("num_batches_tracked")


# ---------------------------------------------------------------- what does not fit


def _check_keys(state: State, own: State, what: str) -> None:
    missing = [key for key in own if key not in state and not _counts(key)]
    extra = [key for key in state if key not in own and not _counts(key)]
    if not missing and not extra:
        return
    lacks = f"lacks {missing[0]}" + _more(missing) if missing else ""
    holds = f"holds {extra[0]}" + _more(extra) + ", which the network has not" if extra else ""
    raise WeightsError(
        f"{what}, for it {' and '.join(filter(None, (lacks, holds)))}: make the network that it "
        f"was trained as, or choose another file."
    )


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""


def _check_tensor(key: str, t: Tensor, wanted: Tensor, what: str, head: bool) -> None:
    """Shape, kind of number, and no NaN or infinity."""
    if t.shape != wanted.shape and head and t.ndim and t.shape[1:] == wanted.shape[1:]:
        raise WeightsError(
            f"{what}, for {key} gives {len(t)} classes in the file and {len(wanted)} in the "
            f"network: take a file trained on {len(wanted)} classes, or make the network with "
            f"num_classes={len(t)}."
        )
    if t.shape != wanted.shape:
        raise WeightsError(
            f"{what}, for {key} is {_size(t)} in the file and {_size(wanted)} in the network: make "
            f"the network that it was trained as, or choose another file."
        )
    if wanted.is_floating_point() and (t.is_quantized or not t.is_floating_point()):
        raise WeightsError(
            f"{what}, for {key} holds {t.dtype} where {wanted.dtype} is wanted: take the weights "
            f"before they were quantized."
        )
    if not bool(t.isfinite().all()):
        raise WeightsError(
            f"{what.replace(' does not fit ', ' cannot be used with ')}, for {key} holds NaN or "
            f"infinity: take an earlier checkpoint, or train again with a lower learning rate."
        )


def _size(t: Tensor) -> str:
    return "×".join(map(str, t.shape)) or "a single number"


def _drop_auxiliary(model: nn.Module, own: State) -> None:
    """Take auxiliary heads away that got no weights, as torchvision does with its own."""
    for module in model.modules():
        if not getattr(module, "aux_logits", False):
            continue
        for name in AUXILIARY:
            if hasattr(module, name) and not any(f"{name}." in key for key in own):
                setattr(module, name, None)
                setattr(module, "aux_logits", False)  # noqa: B010 (mypy: no tensor, no module)
