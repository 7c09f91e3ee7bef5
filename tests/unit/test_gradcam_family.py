"""Grad-CAM++, LayerCAM and Score-CAM: what they are, and the same maps from other software.

The maps are compared after division by their maximum, to 1e-4, on two torchvision networks with
random weights and on mobilenet_v2 as trained, where it is in the cache. Where somebody else's
software differs by definition, its test says how, and holds ours against that definition.
"""

import os
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.testing import assert_close

from utils import cam, models
from utils.gradcam import METHODS, grad_cam, grad_cam_plus_plus, layer_cam, read, score_cam
from utils.networks import cam_network

X = torch.randn(2, 3, 93, 93, generator=torch.Generator().manual_seed(0))
CLASSES = (3, 700)
# The last maps, 3 × 3, and earlier ones, 6 × 6. At 93 pixels, the middle of each of the 3 × 3 cells
# is the middle of a pixel, so an enlarged map keeps its minimum and its maximum.
LAYERS = {"resnet18": ("layer4", "layer3"), "mobilenet_v2": ("features", "features.13")}
# Score-CAM asks once for each channel: layers of 3 × 3 cells, too, with 192 and 320 of them.
SCORED = {"shufflenet_v2_x0_5": "stage4", "mobilenet_v2": "features.17"}


class Loud(nn.Module):
    """A network with its scores times ten millions.

    Other software adds 1e-8 or 1e-6 to what it divides by, which random weights, whose gradients
    are as small, would show. No definition minds the factor, for all of them get the same network.
    """

    def __init__(self, model, times=1e7):
        super().__init__()
        self.model, self.times = model, times

    def forward(self, x):
        return self.model(x) * self.times


def build(name):
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None).eval()


def trained():
    """mobilenet_v2 as trained on ImageNet; skips, and says so, where the cache has none."""
    folder = Path(os.environ.get("TORCH_HOME", Path.home() / ".cache/torch"))
    if not list((folder / "hub" / "checkpoints").glob("mobilenet_v2*")):
        pytest.skip("maps of a trained network were not compared: no mobilenet_v2 in TORCH_HOME")
    net = models.pretrained("mobilenet_v2")
    if net is None:
        pytest.skip("maps of a trained network were not compared: its weights cannot be used")
    return net.model


NETWORKS = [*LAYERS, "mobilenet_v2, trained"]


def asked(name, times=1e7):
    """A network that scores loudly, and its two layers, named inside it."""
    model = trained() if "trained" in name else build(name)
    return Loud(model, times).eval(), [f"model.{layer}" for layer in LAYERS[name.split(",")[0]]]


def scored():
    """Networks for Score-CAM, their layer and one picture; random weights want louder scores."""
    for name, layer in SCORED.items():
        yield Loud(build(name), 10).eval(), f"model.{layer}", X[:1]


def scored_trained():
    yield Loud(trained(), 0.1).eval(), f"model.{SCORED['mobilenet_v2']}", X[:1]


WAYS = pytest.mark.parametrize("networks", [scored, scored_trained])


def normalised(M):
    return cam.normalize(M.detach().float())


def same(a, b):
    assert normalised(a).amax() == 1  # a map of zeros would say nothing
    assert_close(normalised(a), normalised(b), rtol=0, atol=1e-4)


def half_pixels(M, size):
    """Cells as every other software places them: each in the middle of a block of its own."""
    step = 1 / M.shape[-2], 1 / M.shape[-1]
    return cam.Cells((step[0] / 2, step[1] / 2), step, tuple(M.shape[-2:]))


def corners(M, size):
    """Cells with `align_corners=True`: the outermost look at the picture's corner pixels."""
    step = tuple((p - 1) / (n - 1) / p for n, p in zip(M.shape[-2:], size, strict=True))
    return cam.Cells((0.5 / size[0], 0.5 / size[1]), step, tuple(M.shape[-2:]))


# ---------------------------------------------------------------- what they are


def test_on_a_gap_network_each_comes_down_to_its_formula():
    """With GAP g_k = w_k / HW in every cell, so the definitions can be written without it."""
    net = models.load("objects-gap")
    x = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(4))
    p, c = net.forward_pass(x), torch.tensor([0, 4, 7])
    w, F, cells = p.w[c], p.f.mean((2, 3)), p.f[0, 0].numel()
    assert (w < 0).any(1).all()  # else what the ReLU cuts off would not show

    def weighted(weights):
        return torch.einsum("nk,nkhw->nhw", weights, p.f).relu()

    kinds = {
        "Grad-CAM": weighted(w / cells),
        "Grad-CAM++": weighted(w.relu() / (2 + w * F)),
        "LayerCAM": weighted(w.relu() / cells),
    }
    for name, wanted in kinds.items():
        assert_close(METHODS[name](net, x, c), wanted, rtol=1e-4, atol=1e-6)


class Small(nn.Module):
    """A convolution, a ReLU, four scores of all cells together: g differs from cell to cell."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body, self.relu, self.head = nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Linear(5 * 4 * 6, 4)

    def forward(self, x):
        f = self.relu(self.body(x))
        return self.head((f * f).flatten(1))  # g = 2 f w: it depends on f, too


SMALL = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(3))


def by_hand(c):
    model = Small()
    f = model.relu(model.body(SMALL)).detach()
    w = model.head.weight[c].detach().reshape(5, 4, 6)
    return f, 2 * f * w


def test_grad_cam_plus_plus_by_hand():
    """The paper's a_k with its powers, not the shortened form."""
    f, g = by_hand(2)
    below = 2 * g**2 + g**3 * f.sum((2, 3), keepdim=True)
    a = torch.where(g == 0, 0.0, g**2 / torch.where(g == 0, 1.0, below))
    weights = (a * g.relu()).sum((2, 3))
    wanted = (weights[:, :, None, None] * f).sum(1).relu()
    assert_close(grad_cam_plus_plus(Small(), SMALL, 2, "relu"), wanted, rtol=1e-4, atol=1e-6)


def test_layer_cam_by_hand():
    f, g = by_hand(1)
    assert_close(layer_cam(Small(), SMALL, 1, "relu"), (g.relu() * f).sum(1).relu())


def test_score_cam_by_hand():
    """One picture and channel at a time; subtracting the baseline's score changes nothing."""
    model, c = Small().eval(), 3
    f = model.relu(model.body(SMALL)).detach()
    cells = cam.Cells((0.2, 0.2), (0.2, 0.1), (4, 6))
    for baseline in (0.0, 5.0):
        S = torch.empty(2, 5)
        for n in range(2):
            for k in range(5):
                H = cam.normalize(cam.upsample(f[n : n + 1, k : k + 1], (6, 8), cells), "minmax")
                S[n, k] = model(SMALL[n : n + 1] * H)[0, c].detach() - baseline
        wanted = torch.einsum("nk,nkhw->nhw", S.softmax(1), f).relu()
        for batch_size in (2, 64):
            M = score_cam(model, SMALL, c, "relu", cells=cells, batch_size=batch_size)
            assert_close(M, wanted, rtol=1e-4, atol=1e-6)


def test_score_cam_lays_its_masks_where_the_cells_look():
    net = models.load("objects-gap")
    x = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(4))
    layer = "features.7.2"
    found = score_cam(net, x, 2, layer)
    assert_close(found, score_cam(net, x, 2, layer, cells=net.cells(x)))
    f = read(net, x, layer).f
    assert not torch.allclose(found, score_cam(net, x, 2, layer, cells=half_pixels(f, (112, 112))))


def test_score_cam_takes_bytes():
    net = models.load("objects-gap")
    seeded = torch.Generator().manual_seed(0)
    picture = torch.randint(0, 256, (1, 3, 112, 112), dtype=torch.uint8, generator=seeded)
    ours = normalised(score_cam(net, picture, 2))  # each masked picture is cut to whole bytes
    assert_close(ours, normalised(score_cam(net, picture / 255, 2)), rtol=0, atol=0.05)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_one_class_for_all_or_one_for_each_in_any_mode(method):
    model = Small().train()
    each = method(model, SMALL, [2, 0], "relu")
    assert each.shape == (2, 4, 6)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            for n, c in enumerate((2, 0)):
                one = method(model, SMALL[n : n + 1], torch.tensor(c), "relu")
                assert_close(one[0], each[n])
                assert not one.is_inference() and not one.requires_grad
    assert model.training and not model.relu._forward_hooks
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_errors_are_those_of_grad_cam(method):
    model = Small()
    for ask, error, said in (
        (lambda: method(model, SMALL, 4, "relu"), IndexError, "0 to 3"),
        (lambda: method(model, SMALL, 0, "rule"), ValueError, "no layer 'rule'; near are"),
        (lambda: method(model, SMALL, 0, "head"), ValueError, "'head' gives no maps"),
        (lambda: method(model, SMALL * torch.inf, 0, "relu"), ValueError, "NaN or infinity"),
        (lambda: method("resnet18", SMALL, 0), ValueError, "not a str"),
    ):
        with pytest.raises(error, match=said) as caught:
            ask()
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="batch_size is a whole number"):
        score_cam(model, SMALL, 0, "relu", batch_size=0)


def test_without_a_layer_it_is_the_last():
    net = models.load("objects-gap")
    x = torch.rand(1, 3, 112, 112)
    for method in (grad_cam, grad_cam_plus_plus, layer_cam):
        assert method(net, x, 1).shape == (1, 14, 14)
    assert cam_network(net).cells(x).shape == (14, 14)


# ---------------------------------------------------------------- torchcam


@pytest.fixture(scope="module")
def torchcam():
    return pytest.importorskip(
        "torchcam.methods",
        reason="maps were not held against torchcam's: pip install torchcam (Python 3.11 or newer)",
    )


def torchcams(kind, model, layer, x, c):
    with kind(model, layer) as extractor:
        scores = model(x)
        if "Score" in kind.__name__:
            return extractor(c, normalized=False)[0].detach()
        return extractor(c, scores, normalized=False)[0].detach()


@pytest.mark.parametrize("name", NETWORKS)
def test_torchcam_draws_the_same_layer_cam(torchcam, name):
    model, layers = asked(name)
    for layer in layers:
        for c in CLASSES:
            theirs = torchcams(torchcam.LayerCAM, model, layer, X, c)
            same(layer_cam(model, X, c, layer), theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_torchcam_draws_another_grad_cam_plus_plus(torchcam, name):
    """Its a_k has two differences. It sums f g³ where the paper has g³ times the sum of f: the same
    where g is the same in all cells, as at the last maps of a network with GAP. And up to version
    0.5 it divides a copy of its numerator, so that what is used is g² without any division. Either
    way, its map is the one with these weights on our maps and gradients.
    """
    model, layers = asked(name)
    for layer in layers:
        for c in CLASSES:
            theirs = torchcams(torchcam.GradCAMpp, model, layer, X, c)
            r = read(model, X, layer)
            f, g = r.f, r.gradient(c)
            below = 2 * g**2 + (f * g**3).sum((2, 3), keepdim=True)
            undivided = (g**2 * g.relu()).sum((2, 3))
            divided = (torch.where(g == 0, 0.0, g**2 / (below + 1e-8)) * g.relu()).sum((2, 3))
            kinds = [torch.einsum("nk,nkhw->nhw", w, f).relu() for w in (undivided, divided)]
            assert any(torch.allclose(normalised(M), normalised(theirs), 0, 1e-4) for M in kinds)


@WAYS
def test_torchcam_draws_the_same_score_cam(torchcam, networks):
    """It stretches a map to 0..1 before it is enlarged, where the paper does so afterwards. At 93
    pixels these maps keep minimum and maximum, so there it is no difference.
    """
    for model, layer, x in networks():
        cells = half_pixels(read(model, x, layer).f, x.shape[2:])
        theirs = torchcams(torchcam.ScoreCAM, model, layer, x, 3)
        same(score_cam(model, x, 3, layer, cells=cells), theirs)


# ---------------------------------------------------------------- pytorch-grad-cam


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip(
        "pytorch_grad_cam", reason="maps were not held against its own: pip install grad-cam"
    )


def peers(kind, model, layer, x, c):
    """Its map of the layer's cells, before it is stretched, enlarged and stretched again."""
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    with kind(model, [model.get_submodule(layer)]) as explainer:
        wanted = [targets.ClassifierOutputTarget(c)] * len(x)
        kept = []
        image = explainer.get_cam_image
        explainer.get_cam_image = lambda *a, **k: kept.append(image(*a, **k)) or kept[-1]
        explainer(x, wanted)
    return torch.as_tensor(kept[0]).relu()


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_grad_cam_draws_the_same_layer_cam_and_grad_cam_plus_plus(peer, name):
    """To its denominator of Grad-CAM++ it adds 1e-6, which loud scores outweigh."""
    model, layers = asked(name)
    for layer in layers:
        for c in CLASSES:
            same(layer_cam(model, X, c, layer), peers(peer.LayerCAM, model, layer, X, c))
            theirs = peers(peer.GradCAMPlusPlus, model, layer, X, c)
            same(grad_cam_plus_plus(model, X, c, layer), theirs)


@WAYS
def test_pytorch_grad_cam_draws_the_same_score_cam(peer, networks, capfd):
    """It enlarges with `align_corners=True`: its cells are spread from corner to corner."""
    for model, layer, x in networks():
        cells = corners(read(model, x, layer).f, x.shape[2:])
        ours = score_cam(model, x, 3, layer, cells=cells)
        same(ours, peers(peer.ScoreCAM, model, layer, x, 3))


# ---------------------------------------------------------------- captum


@pytest.fixture(scope="module")
def captum():
    return pytest.importorskip(
        "captum.attr", reason="maps were not held against captum's: pip install captum"
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_captums_gradients_and_activations_give_the_same_maps(captum, name):
    """captum has Grad-CAM alone. But its g times f is LayerCAM, where f is never below 0 and what
    is below 0 is cut off before the sum; and its g is all that Grad-CAM++ needs beside f.
    """
    model, (layer, _) = asked(name)
    module = model.get_submodule(layer)
    f = captum.LayerActivation(model, module).attribute(X).detach()
    assert f.min() == 0
    for c in CLASSES:
        product = captum.LayerGradientXActivation(model, module)
        same(layer_cam(model, X, c, layer), product.attribute(X, c).relu().sum(1))
        alone = captum.LayerGradientXActivation(model, module, multiply_by_inputs=False)
        g = alone.attribute(X, c).double()
        below = 2 * g**2 + g**3 * f.sum((2, 3), keepdim=True)
        a = torch.where(g == 0, 0.0, g**2 / torch.where(g == 0, 1.0, below))
        weights = (a * g.relu()).sum((2, 3))
        same(
            grad_cam_plus_plus(model, X, c, layer),
            torch.einsum("nk,nkhw->nhw", weights, f.double()).relu(),
        )


@WAYS
def test_captums_activations_mask_the_picture_alike(captum, networks):
    """Its maps, enlarged and stretched, laid on the picture: Score-CAM's scores come from there."""
    for model, layer, x in networks():
        f = captum.LayerActivation(model, model.get_submodule(layer)).attribute(x).detach()
        H = cam.normalize(cam.upsample(f, x.shape[2:]), "minmax")[0, :, None]
        with torch.no_grad():
            S = torch.cat([model(x * masks)[:, 3] for masks in H.split(64)])
        theirs = torch.einsum("k,nkhw->nhw", S.softmax(0), f).relu()
        ours = score_cam(model, x, 3, layer, cells=half_pixels(f, x.shape[2:]))
        same(ours, theirs)


# ---------------------------------------------------------------- what the README says


def test_the_readme_has_a_place_for_the_bench_and_a_row_for_each_method():
    text = (Path(__file__).parents[2] / "README.md").read_text("utf8")
    _, rest = text.split("<!-- written by make bench -->\n")
    table, _ = rest.split("<!-- to here -->\n")
    rows = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]]
    assert rows == list(METHODS)
