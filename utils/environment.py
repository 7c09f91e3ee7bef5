"""Is everything here that the course needs? In words that a beginner can act on. Notebook 00."""

import importlib.metadata
import platform
import sys
from pathlib import Path

import torch

from utils import models, store, training

NEEDED = {"torch": (2, 4), "torchvision": (0, 19), "ipywidgets": (7, 7), "matplotlib": (3, 8)}


def report() -> None:
    """Print one line for each thing that is needed: a tick, or what is missing and what to do."""
    for good, text in [
        _python(),
        *map(_package, NEEDED),
        _device(),
        _own_weights(),
        _photo_weights(),
    ]:
        print(_mark(good), text)


def _mark(good: bool) -> str:
    """A tick or a triangle; words where the output's encoding has neither."""
    mark = "\N{HEAVY CHECK MARK}" if good else "\N{WHITE RIGHT-POINTING TRIANGLE}"
    try:
        mark.encode(getattr(sys.stdout, "encoding", None) or "utf8")
    except (UnicodeEncodeError, LookupError):
        return "ok" if good else "to do:"
    return mark


def _python() -> tuple[bool, str]:
    text = f"Python {platform.python_version()} on {platform.system()}"
    good = sys.version_info >= (3, 10)
    return good, text + (
        "." if good else ": the course needs 3.10 or later. Install it, then run make lab."
    )


def _package(name: str) -> tuple[bool, str]:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return (
            False,
            f"{name} is missing: run make lab in the course's folder (README, first lines).",
        )
    if tuple(int(n) for n in version.split(".")[:2]) < NEEDED[name]:
        least = ".".join(map(str, NEEDED[name]))
        return False, f"{name} {version} is older than {least}: run pip install --upgrade {name}."
    return True, f"{name} {version}."


def _device() -> tuple[bool, str]:
    kind, threads = training.best_device().type, torch.get_num_threads()
    words = {
        "cpu": "the processor (no GPU was found; none is needed)",
        "cuda": "an NVIDIA GPU",
        "mps": "Apple's GPU",
    }
    rest = f"{threads} threads" if threads > 1 else "one thread"
    return True, f"Training would run on {words[kind]}; the rest uses {rest}."


def _own_weights() -> tuple[bool, str]:
    files = sorted(models.WEIGHTS.glob("*.safetensors"))
    if not files:
        return False, (
            "The course's trained networks are missing: clone the repository again, or run make "
            "train."
        )
    if bad := [file.stem for file in files if _problem(file)]:
        return False, (
            f"Not what the course ships: {', '.join(bad)}. Clone the repository again, or run "
            f'make train NAMES="{" ".join(bad)}".'
        )
    return True, f"The course's own trained networks are here: {len(files)} files."


def _photo_weights() -> tuple[bool, str]:
    import torchvision

    file = store.cached(torchvision.models.get_model_weights("mobilenet_v2").DEFAULT.url)
    if file.exists():
        problem = _problem(file)
        return not problem, problem or (
            "A network trained on ImageNet (mobilenet_v2) is in the cache."
        )
    return False, (
        "No ImageNet network in the cache yet: the first cell that needs it downloads 14 MB. "
        "Without internet the notebooks go on with drawn pictures."
    )


def _problem(file: Path) -> str:
    """Why a file of weights will not be read as it is; "" for a good one."""
    try:
        store.verify(file)
    except store.Damaged as damaged:
        what = f"{damaged.what}, in {store.short(file.parent)}"
        return f"{what}: the first cell that needs it fetches it anew."
    except store.WeightsError as problem:
        return str(problem)
    return ""
