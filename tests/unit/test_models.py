"""Networks from files: every damaged or foreign file gets one sentence, and so does the check."""

import contextlib
import io
import json
import re

import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from utils import environment, models, store
from utils.models import CourseNetwork
from utils.store import WeightsError

NAMES = ["a", "b", "c"]


@pytest.fixture
def file(tmp_path):
    """A small network of the course's kind, stored."""
    torch.manual_seed(0)
    config = {"n_classes": 3, "widths": [4, 4, 4, 8]}
    models.save(CourseNetwork(**config), tmp_path / "net.safetensors", config, NAMES)
    return tmp_path / "net.safetensors"


def rewritten(file, tensors=None, **metadata):
    """The same file with other tensors or metadata; None takes an entry away."""
    with safe_open(file, "pt") as stored:
        old = stored.metadata()
    state = load_file(file) | (tensors or {})
    state = {key: t for key, t in state.items() if t is not None}
    save_file(state, file, {k: v for k, v in (old | metadata).items() if v is not None})


def unsealed(file, tensors=None, **metadata):
    rewritten(file, tensors, seal=None, **metadata)


def overwritten(file, change):
    file.write_bytes(change(file.read_bytes()))


NAN = torch.full((3, 8), torch.nan)
CONFIG = {"n_classes": 3, "widths": [4, 4, 4, 8]}
FILES = {
    "empty": (lambda f: overwritten(f, lambda _: b""), "is empty: copy"),
    "a pointer": (lambda f: overwritten(f, lambda _: b"version https://git-lfs.github.com/spec"),
                  "is a pointer of git-lfs: run git lfs pull"),
    "a page": (lambda f: overwritten(f, lambda _: b"<!DOCTYPE html>"), "is a web page"),
    "half": (lambda f: overwritten(f, lambda b: b[: len(b) // 2]), "is cut off or damaged"),
    "the head alone": (lambda f: overwritten(f, lambda b: b[:300]), "is cut off or damaged"),
    "a huge head": (lambda f: overwritten(f, lambda b: b"\xff" * 7 + b"\x7f" + b[8:]), "cut off"),
    "zeros": (lambda f: overwritten(f, lambda b: bytes(len(b))), "is cut off or damaged"),
    "changed bytes": (lambda f: overwritten(f, lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:]),
                      "was changed after it was written"),
    "a list": (lambda f: torch.save([1, 2], f), "holds no state dict"),
    "torch's own format": (lambda f: torch.save({"fc.weight": NAN}, f), "does not say how"),
    "no metadata": (lambda f: save_file(load_file(f), f), "does not say how its network is built"),
    "no classes": (lambda f: rewritten(f, class_names=None), "does not say how"),
    "no config": (lambda f: rewritten(f, config=None), "does not say how"),
    "config, no JSON": (lambda f: rewritten(f, config="{"), "does not say how"),
    "config, unknown": (lambda f: rewritten(f, config='{"depth": 3}'), "does not say how"),
    "config, senseless": (lambda f: rewritten(f, config='{"widths": "wide"}'), "does not say how"),
    "other widths": (lambda f: unsealed(f, config=json.dumps(CONFIG | {"widths": [4, 4, 4, 6]})),
                     "features.5.0.weight is 8×4×3×3 in the file and 6×4×3×3 in the network"),
    "other classes": (lambda f: unsealed(f, config=json.dumps(CONFIG | {"n_classes": 5})),
                      "fc.weight gives 3 classes in the file and 5 in the network"),
    "a head of two layers": (lambda f: unsealed(f, config=json.dumps(CONFIG | {"head": "fc"})),
                             "lacks fc.0.weight (and 3 more) and holds fc.bias"),
    "another head": (lambda f: rewritten(f, config=json.dumps(CONFIG | {"head": "gmp"})),
                     "do not belong together"),
    "wrong names": (lambda f: unsealed(f, {"fc.weight": None, "head.weight": torch.ones(3, 8)}),
                    "lacks fc.weight and holds head.weight"),
    "one missing": (lambda f: unsealed(f, {"features.0.0.weight": None}),
                    "lacks features.0.0.weight"),
    "one more": (lambda f: unsealed(f, {"extra": torch.ones(2)}), "holds extra, which"),
    "NaN": (lambda f: unsealed(f, {"fc.weight": NAN}), "fc.weight holds NaN or infinity"),
    "infinity": (lambda f: unsealed(f, {"fc.bias": torch.full((3,), torch.inf)}), "fc.bias holds"),
    "whole numbers": (lambda f: unsealed(f, {"fc.bias": torch.ones(3, dtype=torch.int64)}),
                      "fc.bias holds torch.int64"),
    "two names": (lambda f: unsealed(f, class_names='["a", "b"]'), "do not belong together"),
    "names, no list": (lambda f: unsealed(f, class_names='"abc"'), "do not belong together"),
    "other names": (lambda f: rewritten(f, class_names='["a", "c", "b"]'), "do not belong"),
}  # fmt: skip


def is_one_sentence(text):
    assert text.endswith(".") and "\n" not in text and ": " in text, text
    assert not re.search(r"\. [A-Z]", text), text


@pytest.mark.parametrize(("change", "words"), FILES.values(), ids=FILES)
def test_a_file_that_is_not_what_save_wrote(file, change, words):
    assert models.load(file).class_names == tuple(NAMES)
    change(file)
    with pytest.raises(WeightsError, match=re.escape(words)) as told:
        models.load(file)
    is_one_sentence(str(told.value))


def test_files_without_a_seal_are_still_read(file):
    unsealed(file)
    assert models.load(file).class_names == tuple(NAMES)


def test_the_courses_own_files_are_compared_with_the_list(file, monkeypatch):
    """Whatever is wrong with one, the way out is the same."""
    monkeypatch.setattr(models, "WEIGHTS", file.parent)
    (file.parent / store.LIST).write_bytes(f"{store.sha256(file)}  {file.name}\r\n".encode())
    assert models.load("net").class_names == tuple(NAMES)
    unsealed(file, {"fc.bias": torch.ones(3)})
    changed = file.read_bytes()
    for content in (changed, b"", changed[:-1]):
        file.write_bytes(content)
        with pytest.raises(WeightsError, match="run make train NAMES=net") as told:
            models.load("net")
        is_one_sentence(str(told.value))
    file.write_bytes(changed)
    monkeypatch.setenv(store.TRUST, store.sha256(file))
    models.load("net")


# ---------------------------------------------------------------- torchvision's


def of(name):
    """A network without the time that drawing random weights takes, and its name in the cache."""
    with torch.device("meta"):
        quick = {"init_weights": False} if name == "googlenet" else {}
        model = torchvision.models.get_model(name, **quick)
    file = store.cached(torchvision.models.get_model_weights(name).DEFAULT.url)
    return {key: torch.ones(t.shape, dtype=t.dtype) for key, t in model.state_dict().items()}, file


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(store.TRUST, raising=False)

    def offline(*_, **__):
        raise OSError("no internet")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", offline)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)


def trusted(monkeypatch, name, change=lambda state: state):
    state, file = of(name)
    torch.save(change(state), file)
    monkeypatch.setenv(store.TRUST, store.sha256(file))


@pytest.mark.parametrize("name", ["googlenet", "densenet121"])
def test_torchvision_builds_the_network_as_it_always_does(cache, monkeypatch, name):
    """No auxiliary heads, the input turned; old names of layers in the file."""

    def old(state):
        late = re.compile(r"(denselayer\d+\.(?:norm|conv))([12]\.(?:weight|bias|running_\w+))$")
        return {late.sub(r"\1.\2", key): t for key, t in state.items()}

    trusted(monkeypatch, name, old if name == "densenet121" else lambda state: state)
    monkeypatch.setattr(models, "cam_network", lambda model, *_: model)
    model = models.pretrained(name)
    assert all(bool(t.eq(1).all()) for t in model.state_dict().values())
    if name == "googlenet":
        assert model.aux1 is None and not model.aux_logits and model.transform_input


def test_a_network_that_cam_refuses_comes_as_it_is(cache, monkeypatch):
    trusted(monkeypatch, "mobilenet_v3_small")
    model, words = models.pretrained_classifier("mobilenet_v3_small")
    assert not model.training and words[282] == "tiger cat"


PHOTO_FILES = {
    "missing": (lambda f, s: None, "are not here", "was not reached (no internet)"),
    "empty": (lambda f, s: f.write_bytes(b""), "are not here", "is empty, so it is set aside as"),
    "page": (lambda f, s: f.write_bytes(b"<html>"), "are not here", "is a web page, so it is set"),
    "half": (lambda f, s: overwritten(saved(f, s), lambda b: b[:9999]), "are not here", "cut off"),
    "another": (lambda f, s: saved(f, s), "cannot be used", "is whole, but not the file"),
    "NaN": (lambda f, s: trust(f, s | {"classifier.1.bias": torch.full((1000,), torch.nan)}),
            "cannot be used", "NaN or infinity in classifier.1.bias"),
    "another's": (lambda f, s: trust(f, {"conv1.weight": torch.ones(1)}), "cannot be used",
                  "is another network's"),
}  # fmt: skip


def saved(file, state):
    torch.save(state, file)
    return file


def trust(file, state):
    import os

    os.environ[store.TRUST] = store.sha256(saved(file, state))


@pytest.mark.parametrize(("change", "what", "why"), PHOTO_FILES.values(), ids=PHOTO_FILES)
def test_weights_of_torchvision_that_cannot_be_used(cache, monkeypatch, capsys, change, what, why):
    monkeypatch.setenv(store.TRUST, "")
    state, file = of("mobilenet_v2")
    change(file, state)
    assert models.pretrained("mobilenet_v2") is None
    said = capsys.readouterr().out
    assert f"The weights of mobilenet_v2 {what}: " in said and why in said
    assert len(said.splitlines()) == 1 and "Traceback" not in said


# ---------------------------------------------------------------- the environment check


def reported():
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        environment.report()
    return said.getvalue().splitlines()


def test_the_check_ticks_no_file_that_would_not_be_read(cache, monkeypatch):
    file = of("mobilenet_v2")[1]
    assert "No ImageNet network in the cache yet" in reported()[-1]
    trusted(monkeypatch, "mobilenet_v2")
    good = "✔ A network trained on ImageNet (mobilenet_v2) is in the cache."
    assert reported()[-1] == good
    monkeypatch.delenv(store.TRUST)
    assert reported()[-1].startswith("▷ mobilenet_v2-7ebf99e0.pth in ")
    for content, words in (
        (b"", "is empty, in "),
        (file.read_bytes()[:-100], "cut off or damaged"),
    ):
        file.write_bytes(content)
        line = reported()[-1]
        assert line.startswith("▷ ") and words in line and line.endswith("fetches it anew.")
        assert file.exists()  # the check looks, and changes nothing


def test_the_check_knows_the_courses_own_files(file, monkeypatch):
    monkeypatch.setattr(models, "WEIGHTS", file.parent)
    (file.parent / store.LIST).write_bytes(f"{store.sha256(file)}  {file.name}\n".encode())
    assert reported()[-2] == "✔ The course's own trained networks are here: 1 files."
    file.write_bytes(b"")
    assert reported()[-2].startswith("▷ Not what the course ships: net. Clone")
    file.unlink()
    assert "are missing" in reported()[-2]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf8"])
def test_the_check_speaks_in_any_encoding(monkeypatch, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr("sys.stdout", out)
    environment.report()
    out.flush()
    lines = out.buffer.getvalue().decode(encoding).splitlines()
    assert lines[0].startswith("✔ Python" if encoding == "utf8" else "ok Python")
