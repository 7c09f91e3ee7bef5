"""Checkpoints as people have them, into the network that they were made with; or one sentence."""

import argparse
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

import sketchbook
from utils import checkpoints, photos
from utils.data import DataError
from utils.evaluate import __main__ as command
from utils.store import WeightsError


class Small(nn.Module):
    """A convolution, a norm and a head; `layers` stand before the head's linear map."""

    def __init__(self, n_classes=4, layers=(), channels=3, width=6):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(channels, width, 3), nn.BatchNorm2d(width))
        head = nn.Linear(width, n_classes)
        self.fc = nn.Sequential(*layers, head) if layers else head

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


@pytest.fixture
def trained():
    torch.manual_seed(1)
    return Small().eval()


@pytest.fixture
def x():
    return torch.rand(2, 3, 8, 8)


def stored(folder, thing):
    torch.save(thing, folder / "file.pt")
    return folder / "file.pt"


def prefixed(state, prefix):
    return {prefix + key: t for key, t in state.items()}


# ---------------------------------------------------------------- what fits


NESTS = [
    lambda s: s,
    lambda s: {"state_dict": s, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}},
    lambda s: {"model": s, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.5)},
    lambda s: {"model_state_dict": s, "loss": torch.tensor(3.0)},
    lambda s: {"net": {"state_dict": s}},
    lambda s: {"ema": {"module": s}, "optimizer": {}},
    lambda s: {"model": s, "ema": {key: t + 1 for key, t in s.items()}},
    lambda s: {"my_own_name": s, "epoch": 3},
    lambda s: {**s, "epoch": 3, "names": ["a", "b"]},
    lambda s: {"model": s, "folder": Path("runs")},
    lambda s: prefixed(s, "module."),
    lambda s: prefixed(s, "_orig_mod."),
    lambda s: prefixed(s, "module._orig_mod.module."),
    lambda s: {"state_dict": prefixed(s, "model.") | {"criterion.weight": torch.ones(4)}},
    lambda s: prefixed(s, "backbone.net."),
    lambda s: prefixed(s, "net.") | {"n_averaged": torch.tensor(7)},
    lambda s: {key.replace("features.", "features._orig_mod."): t for key, t in s.items()},
    lambda s: {key.replace("fc.", "fc.1."): t for key, t in s.items()},
    lambda s: prefixed({key.replace("fc.", "fc.3."): t for key, t in s.items()}, "module."),
    lambda s: {key: t for key, t in s.items() if "num_batches" not in key},
    lambda s: {key: nn.Parameter(t) if t.is_floating_point() else t for key, t in s.items()},
]


@pytest.mark.parametrize("nest", NESTS, ids=range(len(NESTS)))
def test_weights_are_found_under_whatever_names(tmp_path, trained, x, nest):
    file = stored(tmp_path, nest(trained.state_dict()))
    model = Small().eval()
    assert checkpoints.load_into(model, file) is model
    assert torch.equal(model(x), trained(x))


def test_safetensors_and_half_precision(tmp_path, trained, x):
    state = {key.replace("fc.", "fc.1."): t for key, t in trained.state_dict().items()}
    save_file(prefixed(state, "module."), tmp_path / "a.safetensors")
    model = checkpoints.load_into(Small().eval(), tmp_path / "a.safetensors")
    assert torch.equal(model(x), trained(x))
    file = stored(tmp_path, {key: t.half() for key, t in trained.state_dict().items()})
    assert torch.allclose(checkpoints.load_into(Small().eval(), file)(x), trained(x), atol=1e-2)


def test_a_head_behind_a_dropout_and_a_wrapped_network(tmp_path, trained, x):
    file = stored(tmp_path, trained.state_dict())
    model = Small(layers=[nn.Dropout()]).eval()
    assert torch.equal(checkpoints.load_into(model, file)(x), trained(x))
    model = nn.DataParallel(Small().eval())
    assert torch.equal(checkpoints.load_into(model, file).module(x), trained(x))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_papers_network_with_and_without_auxiliary_heads(tmp_path, name):
    def make(aux, value):
        """Without the minute that drawing random weights takes."""
        with torch.device("meta"):
            model = torchvision.models.get_model(
                name, num_classes=3, aux_logits=aux, init_weights=False
            )
        model.to_empty(device="cpu").load_state_dict(
            {key: torch.full_like(t, value) for key, t in model.state_dict().items()}
        )
        return model

    for aux, to in ((False, True), (True, False), (True, True)):
        file = stored(tmp_path, make(aux, 1).state_dict())
        model = checkpoints.load_into(make(to, 0), file)
        assert all(bool(t.eq(1).all()) for t in model.state_dict().values())
        left = [head for head in checkpoints.AUXILIARY if getattr(model, head, None)]
        assert bool(left) == model.aux_logits == (aux and to)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.parametrize("turned", [False, True])
def test_input_is_turned_where_the_first_norm_was_trained_so(name, turned):
    """torchvision's own weights want it, and so does every fine-tune of them; no file says it."""
    with torch.device("meta"):
        model = torchvision.models.get_model(name, aux_logits=False, init_weights=False)
    stem = next(model.children()).to_empty(device="cpu")
    torch.manual_seed(0)
    nn.init.kaiming_normal_(stem.conv.weight)
    stem.bn.reset_running_stats()
    pictures = sketchbook.objects(24, seed=0).images
    x = photos.prepare(pictures, 112)
    model.transform_input = turned
    stem.train().bn.momentum = None  # the mean over all batches
    stem(model._transform_input(x[:16]))
    model.transform_input = not turned
    assert checkpoints.input_as_trained(model.eval(), x[16:]) is model.transform_input is turned


def test_other_networks_have_no_input_to_turn(trained, x):
    assert checkpoints.input_as_trained(trained, x) is None
    resnet = torchvision.models.resnet18()
    assert checkpoints.input_as_trained(resnet, x) is None
    assert not hasattr(resnet, "transform_input")


# ---------------------------------------------------------------- what does not


def without(state, *keys):
    return {key: t for key, t in state.items() if key not in keys}


def spoiled(state, key, value):
    return state | {key: torch.full_like(state[key], value)}


def headed(state, n):
    return state | {"fc.weight": torch.ones(n, 6), "fc.bias": torch.ones(n)}


MISFITS = {
    "1000 classes": (lambda s: headed(s, 1000), "fc.weight gives 1000 classes in the file and 4"),
    "no bias": (lambda s: without(s, "fc.bias"), "lacks fc.bias:"),
    "two missing": (lambda s: without(s, "fc.bias", "fc.weight"), "lacks fc.weight (and 1 more)"),
    "more": (lambda s: s | {"fc2.weight": torch.ones(2, 2)}, "holds fc2.weight, which"),
    "another": (lambda _: torchvision.models.shufflenet_v2_x0_5().state_dict(),
                "lacks features.0.weight (and"),
    "two heads": (lambda s: without(s, "fc.weight", "fc.bias") | {"fc.0.weight": torch.ones(4, 6),
                  "fc.2.weight": torch.ones(4, 4)}, "lacks fc.weight (and 1 more) and holds fc.0"),
    "other head": (lambda s: {k.replace("fc.", "classifier."): t for k, t in s.items()},
                   "lacks fc.weight (and 1 more) and holds classifier.weight"),
    "grey": (lambda s: s | {"features.0.weight": torch.ones(6, 1, 3, 3)},
             "features.0.weight is 6×1×3×3 in the file and 6×3×3×3"),
    "a number": (lambda s: s | {"fc.weight": torch.tensor(1.0)}, "fc.weight is a single number"),
    "NaN": (lambda s: spoiled(s, "features.0.bias", torch.nan), "features.0.bias holds NaN"),
    "infinity": (lambda s: spoiled(s, "fc.weight", torch.inf), "fc.weight holds NaN or infinity"),
    "NaN in a norm": (lambda s: spoiled(s, "features.1.running_var", torch.nan), "running_var"),
    "whole numbers": (lambda s: s | {"fc.weight": torch.ones(4, 6, dtype=torch.uint8)},
                      "fc.weight holds torch.uint8"),
    "twice": (lambda s: prefixed(s, "student.") | prefixed(s, "teacher."), "'student.' and"),
    "nothing": (lambda _: {"epoch": 3}, "holds no state dict"),
    "empty": (lambda _: {"model": {}}, "holds no state dict"),
    "a list": (lambda _: [torch.ones(3)], "holds no state dict"),
    "a tensor": (lambda _: torch.ones(3), "holds no state dict"),
    "two networks": (lambda s: {"generator": s, "critic": s}, "holds no state dict"),
    "whole model": (lambda _: Small(), "running the Python code"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_changes_nothing_and_is_named(tmp_path, trained, change, words):
    file = stored(tmp_path, change(trained.state_dict()))
    model = Small()
    before = {key: t.clone() for key, t in model.state_dict().items()}
    with pytest.raises(WeightsError, match=re.escape(words)) as told:
        checkpoints.load_into(model, file)
    text = str(told.value)
    assert text.startswith(str(file)) and text.endswith(".") and "\n" not in text
    assert not re.search(r"\. [A-Z]", text.replace(str(file), "")), text
    assert all(torch.equal(t, before[key]) for key, t in model.state_dict().items())


def test_evaluate_takes_what_load_into_takes(tmp_path):
    """Also for the paper's network, of which nobody keeps the auxiliary heads."""

    def network(name, weights, n=3):
        asked = argparse.Namespace(network=name, weights=str(weights))
        return command._network(asked, [str(i) for i in range(n)])

    torch.manual_seed(0)
    for name in ("googlenet", "shufflenet_v2_x0_5"):
        off = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
        state = torchvision.models.get_model(name, num_classes=3, **off).state_dict()
        file = stored(tmp_path, {"model": prefixed(state, "module."), "epoch": 1})
        net = network(name, file)
        assert net.class_names == ("0", "1", "2")
        assert all(torch.equal(t, state[key]) for key, t in net.model.state_dict().items())
    with pytest.raises(DataError, match=r"fc.weight gives 3 classes in the file and 5"):
        network(name, file, 5)
    with pytest.raises(DataError, match=r"lacks conv1.weight .* and holds conv1.0.weight"):
        network("resnet18", file)
    with pytest.raises(DataError, match=r"goes with a torchvision network: .* as --network"):
        network("objects-gap", file)


def test_neither_network_nor_path(tmp_path):
    with pytest.raises(TypeError, match=r"net\.model of what cam_network made"):
        checkpoints.load_into(None, tmp_path)
    with pytest.raises(WeightsError, match="path of a file of weights is wanted, not a NoneType"):
        checkpoints.load_into(Small(), None)
    for other in (b"\xff\xd8\xff\xe0 JPEG", b"\x08\x07\x12\x07pytorch"):
        (tmp_path / "other").write_bytes(other)
        with pytest.raises(WeightsError, match="or holds no weights of PyTorch"):
            checkpoints.load_into(Small(), tmp_path / "other")


def test_a_scripted_network_says_what_to_save(tmp_path, trained):
    torch.jit.script(trained).save(str(tmp_path / "scripted.pt"))
    with pytest.raises(WeightsError, match="TorchScript"):
        checkpoints.load_into(Small(), tmp_path / "scripted.pt")
