"""Grad-CAM on any layer of any classifier, and the same maps from other people's software."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.testing import assert_close

import utils.gradcam
from utils import cam, networks
from utils.gradcam import as_maps, explain, grad_cam, last_layer
from utils.models import CourseNetwork
from utils.networks import NotACamNetwork, cam_network

ROOT = Path(__file__).parents[2]


def build(name):
    """A torchvision network with random weights; a head of zeros, as ViT's, would hide mistakes."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None)
    for p in model.parameters():
        if p.ndim > 1 and not p.any():
            nn.init.normal_(p, std=0.02)
    return model.eval()


class Small(nn.Module):
    """A convolution, a ReLU in place, GAP, one linear map: small enough to do by hand."""

    def __init__(self, inplace=True, channels=3):
        super().__init__()
        torch.manual_seed(1)
        self.body, self.relu = nn.Conv2d(channels, 6, 3), nn.ReLU(inplace)
        self.unused, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.relu(self.body(x)).mean((2, 3)))


X = torch.randn(3, 3, 12, 9, generator=torch.Generator().manual_seed(0))


# ---------------------------------------------------------------- what it is


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5"])
def test_on_a_gap_network_grad_cam_is_cam_divided_by_the_number_of_cells(name):
    model, x = build(name), torch.randn(2, 3, 96, 128)
    _, M = cam_network(model)(x, 7)
    layer = last_layer(model, x)
    signed = grad_cam(model, x, 7, layer, relu=False)
    assert_close(signed * M[0, 0].numel(), M[:, 0], rtol=1e-4, atol=1e-4 * float(M.abs().max()))
    assert_close(grad_cam(model, x, 7), signed.relu())


def test_by_hand():
    """The definition on a layer that is not pooled: alpha is the mean of the gradient's cells."""
    model = Small()
    f = model.body(X).detach().requires_grad_()
    S = model.head(f.relu().mean((2, 3)))
    g = torch.autograd.grad(S[:, 2].sum(), f)[0]
    wanted = (g.mean((2, 3))[:, :, None, None] * f).sum(1)
    assert_close(grad_cam(model, X, 2, "body", relu=False), wanted.detach())
    assert_close(grad_cam(model, X, 2, model.body), wanted.detach().relu())


def test_one_class_for_all_or_one_for_each():
    model = Small()
    each = grad_cam(model, X, [2, 0, 3])
    assert each.shape == (3, 10, 7)
    for n, c in enumerate((2, 0, 3)):
        assert_close(grad_cam(model, X[n : n + 1], c)[0], each[n])
        assert_close(grad_cam(model, X, torch.tensor(c))[n], each[n])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_callers_mode_does_not_matter_and_nothing_is_left_behind(mode, frozen):
    model = build("resnet18").requires_grad_(not frozen).train()
    model.bn1.eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wanted = grad_cam(model, torch.ones(1, 3, 64, 64), 5, "layer4.0.relu")
    with mode():
        M = grad_cam(model, torch.ones(1, 3, 64, 64), 5, "layer4.0.relu")
        assert torch.is_grad_enabled() is (mode is torch.enable_grad)
    assert_close(M, wanted)
    assert not M.requires_grad and not M.is_inference()
    assert model.training and not model.bn1.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_network_made_under_inference_mode():
    with torch.inference_mode():
        model = Small().eval()
        M = grad_cam(model, X + 0, 1)
        assert explain(model, X, 1).method == "CAM"
    assert_close(M, grad_cam(Small(), X, 1))


def test_a_relu_in_place_behind_the_layer_does_not_change_its_maps():
    assert_close(grad_cam(Small(True), X, 1, "body"), grad_cam(Small(False), X, 1, "body"))


def test_an_error_inside_leaves_nothing_behind():
    model = Small().train()
    with pytest.raises(ValueError, match="to have 3 channels, but got 5"), torch.no_grad():
        grad_cam(model, torch.randn(1, 5, 9, 9), 0, "body")
    assert model.training and not model.body._forward_hooks and torch.is_grad_enabled()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions(dtype):
    model = build("resnet18")
    x = torch.randn(1, 3, 64, 64)
    wanted = cam.normalize(grad_cam(model, x, 3, "layer3"))
    M = grad_cam(model.to(dtype), x.to(dtype), 3, "layer3")
    assert M.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    apart = (cam.normalize(M).float() - wanted).abs()
    assert apart.mean() < 0.05 and apart.max() < 0.25  # computers round half precision differently


def test_bytes_channels_last_wrappers_and_several_outputs():
    network = CourseNetwork().eval()
    picture = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)
    M = grad_cam(network, picture, 4)
    assert_close(M, grad_cam(network, picture / 255, 4))
    assert_close(M, grad_cam(nn.DataParallel(network), picture, 4))
    last = network.to(memory_format=torch.channels_last)
    assert_close(grad_cam(last, picture, 4), M, rtol=1e-3, atol=1e-5)
    model = Small()
    plain = model.forward
    model.forward = lambda x: {"feature": torch.tensor(3.0), "logits": (plain(x), x)}
    assert_close(grad_cam(model, X, 1), grad_cam(Small(), X, 1))


# ---------------------------------------------------------------- how layers hold their maps


@pytest.mark.parametrize(
    ("shape", "size", "wanted"),
    [
        ((2, 5, 7, 7), (224, 224), (2, 5, 7, 7)),
        ((2, 7, 7, 5), (224, 224), (2, 5, 7, 7)),  # Swin
        ((2, 7, 5, 9), (224, 160), (2, 9, 7, 5)),
        ((2, 9, 7, 5), (224, 160), (2, 9, 7, 5)),
        ((2, 7, 7, 7), (224, 224), (2, 7, 7, 7)),
        ((2, 197, 9), (224, 224), (2, 9, 14, 14)),  # ViT: the class, then the cells
        ((2, 198, 9), (224, 224), (2, 9, 14, 14)),  # DeiT: a teacher's token too
        ((2, 196, 9), (224, 224), (2, 9, 14, 14)),
        ((2, 141, 9), (224, 160), (2, 9, 14, 10)),
        ((2, 12, 197, 64), (224, 224), None),  # queries of attention
        ((2, 5, 1, 1), (224, 224), None),
        ((2, 1, 9), (224, 224), None),
        ((4, 196, 9), (224, 224), None),  # windows, not pictures
        ((2, 9), (224, 224), None),
    ],
)
def test_what_a_layer_gives_is_arranged_as_maps(shape, size, wanted):
    f = as_maps(torch.zeros(shape), torch.zeros(2, 3, *size))
    assert (None if f is None else tuple(f.shape)) == wanted


def test_tokens_keep_their_place():
    cells = torch.arange(12.0).reshape(3, 4)
    t = torch.cat([torch.full((1,), -1.0), cells.flatten()])[None, :, None]
    assert torch.equal(as_maps(t, torch.zeros(1, 3, 30, 40))[0, 0], cells)


@pytest.mark.parametrize(
    ("name", "layer", "cells"),
    [
        ("vgg11", "avgpool", 7),
        ("alexnet", "avgpool", 6),
        ("densenet121", "features", 7),
        ("mobilenet_v3_small", "features", 7),
        ("swin_t", "permute", 7),
        ("vit_b_32", "encoder.layers.encoder_layer_10", 7),  # behind it only the class counts
    ],
)
def test_the_last_layer_is_found(name, layer, cells):
    model, x = build(name), torch.randn(1, 3, 224, 224)
    assert last_layer(model, x) == layer
    M = grad_cam(model, x, 3, relu=False)
    assert M.shape == (1, cells, cells) and len(M.unique()) == cells**2


def test_swin_and_channels_first_agree():
    """Swin gives the same maps as (N, H, W, K) before its permute, and as (N, K, H, W) after it."""
    model, x = build("swin_t"), torch.randn(1, 3, 224, 224)
    assert_close(grad_cam(model, x, 3, "norm"), grad_cam(model, x, 3, "permute"))


def test_a_head_of_zeros_gives_a_map_of_zeros():
    model = torchvision.models.vit_b_32(weights=None)
    assert grad_cam(model, torch.randn(1, 3, 224, 224), 3).eq(0).all()


# ---------------------------------------------------------------- one way of asking


def test_explain_takes_cam_where_it_is_exact():
    model, x = build("resnet18"), torch.randn(2, 3, 96, 96)
    net = cam_network(model)
    for asked in (model, net):
        e = explain(asked, x, [3, 700])
        assert e.method == "CAM" and e.layer.startswith("layer4") and "exact" in e.why
        assert_close(e.maps, torch.stack([net(x, c)[1][n, 0] for n, c in enumerate((3, 700))]))
    assert explain(CourseNetwork(head="gmp"), torch.rand(1, 3, 112, 112), 3).method == "CAM"


@pytest.mark.parametrize(
    ("name", "why"), [("alexnet", "flattened"), ("vit_b_32", "tokens"), ("convnext_tiny", "a norm")]
)
def test_explain_takes_grad_cam_elsewhere_and_says_why(name, why):
    model, x = build(name), torch.randn(2, 3, 224, 224)
    e = explain(model, x, [3, 700])
    assert e.method == "Grad-CAM" and e.layer == last_layer(model, x)
    assert why in e.why and networks.INSTEAD not in e.why
    assert_close(e.maps, grad_cam(model, x, [3, 700]))


@pytest.mark.parametrize("name", ["alexnet", "vit_b_32"])
def test_the_sentence_of_a_refusal_names_a_call_that_works(name):
    """Word for word: what stands between "use Grad-CAM, " and ", or a network"."""
    model, x, c = build(name), torch.randn(2, 3, 224, 224), [3, 700]
    with pytest.raises(NotACamNetwork) as refused:
        cam_network(model)
    call = str(refused.value).split("use Grad-CAM, ")[1].split(", or a network")[0]
    M = eval(call, {"utils": utils, "model": model, "x": x, "c": c})
    assert M.shape[0] == 2 and min(M.shape[1:]) > 1 and M.isfinite().all() and M.any()


def test_the_readmes_ten_lines_for_your_own_network_run(capsys):
    section = (ROOT / "README.md").read_text("utf8").split("## Bring your own network")[1]
    code = section.split("```python\n")[1].split("```")[0]
    assert sum(bool(line.strip()) for line in code.splitlines()) == 10
    names: dict = {}
    exec(code, names)
    assert names["S"].shape == (1, 2) and names["M"].shape == (1, 1, 10, 10)
    said = capsys.readouterr().out
    assert said.startswith("Grad-CAM at avgpool - ") and "flattened" in said


# ---------------------------------------------------------------- what cannot be


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda m: grad_cam(m, X, 0, "bodi"), ValueError, "no layer 'bodi'; near are 'body'"),
        (lambda m: grad_cam(m, X, 0, nn.ReLU()), ValueError, "this ReLU is no layer of Small"),
        (lambda m: grad_cam(m, X, 0, "unused"), ValueError, "'unused'.*it is not used"),
        (lambda m: grad_cam(m, X, 0, "head"), ValueError, r"'head' gives no maps.*\(3, 4\)"),
        (lambda m: grad_cam(m, X, 4), IndexError, "0 to 3"),
        (lambda m: grad_cam(m, X, [0, 1]), ValueError, "one for each of the 3 pictures"),
        (lambda m: grad_cam(m, X, "cat"), IndexError, "classes are numbers here"),
        (lambda m: grad_cam(m, X, 0.5), IndexError, "whole numbers"),
        (lambda m: grad_cam(m, X[0], 0), ValueError, r"\(N, channels, h, w\).*\(3, 12, 9\)"),
        (lambda m: grad_cam(m, X * torch.inf, 0), ValueError, "NaN or infinity at 'relu'"),
        (lambda m: grad_cam("resnet18", X, 0), ValueError, "not a str"),
        (lambda m: grad_cam(m, X[:, :1], 0), ValueError, r"Small stops at a batch \(1, 1, 12, 9\)"),
        (lambda m: explain(m, X.double()[:, :1], 0), ValueError, "as it was trained on"),
        (lambda m: explain("resnet18", X, 0), NotACamNetwork, "models.pretrained"),
        (lambda m: explain(m, X, 4), IndexError, "0 to 3"),
        (lambda m: grad_cam(nn.Flatten(), X, 0), ValueError, "no layer of Flatten"),
        (lambda m: grad_cam(m.body, X, 0, ""), ValueError, "scores of the shape"),
        (lambda m: grad_cam(torch.jit.script(m), X, 0), ValueError, "scripted"),
    ],
)
def test_errors_say_what_to_do(ask, error, said):
    with pytest.raises(error, match=said) as caught:
        ask(Small().eval())
    assert "\n" not in str(caught.value)


def test_scores_without_a_gradient():
    model = Small()
    model.head.forward = lambda F: F.detach()[:, :4]
    with pytest.raises(ValueError, match="no gradient leads from the scores to 'body'"):
        grad_cam(model, X, 0, "body")
    model = Small()
    model.forward = torch.no_grad()(model.forward)
    with pytest.raises(ValueError, match="scores hang"):
        grad_cam(model, X, 0)


# ---------------------------------------------------------------- other people's software

LAYERS = {"resnet18": "layer4", "mobilenet_v2": "features"}
CLASSES = (3, 700)


def ours_and(theirs, name, x):
    """Both maps for each class, after division by the maximum: positive evidence alone."""
    model = build(name)
    for c in CLASSES:
        ours = grad_cam(model, x, c, LAYERS[name])
        yield cam.normalize(ours), cam.normalize(theirs(model, c))


@pytest.mark.parametrize("name", LAYERS)
def test_torchcam_draws_the_same_map(name):
    torchcam = pytest.importorskip(
        "torchcam.methods",
        reason="maps were not held against torchcam's: pip install torchcam (Python 3.11 or newer)",
    )
    x = torch.randn(2, 3, 96, 96)

    def theirs(model, c):
        with torchcam.GradCAM(model, LAYERS[name]) as extractor:
            return extractor(c, model(x), normalized=False)[0].detach()

    for a, b in ours_and(theirs, name, x):
        assert_close(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_captum_draws_the_same_map(name):
    """captum keeps the sign unless it is told to cut: so it gives ours with relu=False."""
    captum = pytest.importorskip(
        "captum.attr", reason="maps were not held against captum's: pip install captum"
    )
    x = torch.randn(2, 3, 96, 96)

    def signed(model, c):
        layer = model.get_submodule(LAYERS[name])
        return captum.LayerGradCam(model, layer).attribute(x, c)[:, 0].detach()

    for a, b in ours_and(signed, name, x):
        assert_close(a, b, rtol=0, atol=1e-4)
    model = build(name)
    ours, theirs = grad_cam(model, x, 3, LAYERS[name], relu=False), signed(model, 3)
    assert_close(ours, theirs, rtol=0, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize("name", LAYERS)
def test_pytorch_grad_cam_draws_the_same_map(name):
    """It stretches each map from its minimum (after the ReLU) to 0..1, enlarges, stretches again.

    So ours is treated likewise, with the 1e-7 that it adds to each maximum: the maps of random
    weights are so small that this shows.
    """
    peer = pytest.importorskip(
        "pytorch_grad_cam", reason="maps were not held against its own: pip install grad-cam"
    )
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    x = torch.randn(2, 3, 96, 96)

    def theirs(model, c):
        with peer.GradCAM(model, [model.get_submodule(LAYERS[name])]) as extractor:
            return torch.tensor(extractor(x, [targets.ClassifierOutputTarget(c)] * len(x)))

    def stretched(M):
        M = M - M.amin((1, 2), keepdim=True)
        return M / (1e-7 + M.amax((1, 2), keepdim=True))

    model = build(name)
    for c in CLASSES:
        ours = stretched(grad_cam(model, x, c, LAYERS[name]))[:, None]
        ours = stretched(cam.upsample(ours, (96, 96))[:, 0])
        assert_close(ours, theirs(model, c), rtol=0, atol=1e-4)
