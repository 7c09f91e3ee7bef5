"""What came before CAM: maps from covered pictures, patches and gradients."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from utils import before
from utils.models import CourseNetwork
from utils.networks import CamNetwork

METHODS = {
    "occlusion": before.occlusion,
    "patches": before.patches,
    "saliency": before.saliency,
    "deconvnet": before.deconvnet,
    "guided_backprop": before.guided_backprop,
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


class FromFunction(nn.Module):
    """A network whose scores are a function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class TwoLayers(nn.Module):
    """Two inputs, three hidden units, one score; the ReLU is spelled by `relu`."""

    def __init__(self, relu):
        super().__init__()
        self.relu = relu
        self.first = nn.Linear(2, 3, bias=False)
        self.second = nn.Linear(3, 1, bias=False)
        self.first.weight.data = torch.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]])
        self.second.weight.data = torch.tensor([[2.0, 3.0, -1.0]])

    def forward(self, x):
        return self.second(self.relu(self.first(x.flatten(1))))


def in_place_without_return(a):
    functional.relu(a, inplace=True)
    return a


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 5),
    ).eval()  # fmt: skip


@pytest.fixture
def x():
    return torch.rand(3, 3, 16, 24, generator=torch.Generator().manual_seed(1))


# --- occlusion and patches -----------------------------------------------------------------------


def one_patch_decides(x):
    return torch.stack([x[:, :, 16:32, 32:48].mean((1, 2, 3)), torch.zeros(len(x))], 1)


def test_occlusion_finds_the_patch_that_alone_decides():
    drop = before.occlusion(FromFunction(one_patch_decides), torch.ones(2, 3, 48, 64), 0, 16, 16)
    wanted = torch.zeros(2, 3, 4)
    wanted[:, 1, 2] = 0.5  # from 1 to the grey 0.5
    assert torch.allclose(drop, wanted)


def test_an_occluding_square_is_centred_on_its_cell():
    drop = before.occlusion(FromFunction(one_patch_decides), torch.ones(1, 3, 48, 64), 0, 32, 16, 0)
    side = torch.tensor([0.5, 1.0, 0.5])  # half of the patch is covered from the next cell
    assert torch.allclose(drop[0, :, 1:], torch.outer(side, side))
    assert torch.allclose(drop[0, :, 0], torch.zeros(3))


def test_occlusion_is_cut_off_at_the_edges_and_keeps_its_sign():
    brightness = FromFunction(lambda x: x.mean((1, 2, 3))[:, None])
    drop = before.occlusion(brightness, torch.zeros(1, 3, 8, 8), 0, size=8, stride=4, fill=1)
    assert torch.allclose(drop, torch.full((1, 2, 2), -36 / 64))  # 6 x 6 pixels lie inside


def test_each_picture_has_its_own_class():
    x = torch.ones(2, 3, 48, 64)
    drop = before.occlusion(FromFunction(one_patch_decides), x, torch.tensor([1, 0]), 16, 16)
    assert drop[0].abs().max() == 0 and drop[1].abs().max() == 0.5


def test_patches_of_a_mean_are_a_sliding_mean(x):
    mean = FromFunction(lambda x: x.mean((2, 3)))
    got = before.patches(mean, x, 1, size=8, stride=4, fill=0)
    wanted = functional.avg_pool2d(x[:, 1:2], 8, stride=4, padding=2, count_include_pad=True)
    assert got.shape == (3, 4, 6)
    assert torch.allclose(got, wanted[:, 0], atol=1e-6)


def test_a_patch_as_large_as_the_picture_gives_its_score():
    model, x = small_network(), torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        S = model(x)
    assert torch.allclose(before.patches(model, x, 2, 16, 16)[:, 0, 0], S[:, 2], atol=1e-6)


@pytest.mark.parametrize("method", [before.occlusion, before.patches])
def test_batches_change_nothing(method, x):
    model, own = small_network(), torch.tensor([0, 4, 2])
    together = method(model, x, own, 8, 4)
    apart = torch.cat([method(model, x[n : n + 1], own[n : n + 1], 8, 4) for n in range(3)])
    assert torch.allclose(together, apart, atol=1e-5)
    assert torch.allclose(together, method(model, x, own, 8, 4, batch_size=7), atol=1e-5)


@pytest.mark.parametrize("method", [before.occlusion, before.patches])
def test_squares_that_do_not_fit_are_refused(method, x):
    for size, stride in ((8, 5), (7, 4), (0, 4), (8, 0)):
        with pytest.raises(ValueError, match="stride"):
            method(small_network(), x, 0, size, stride)


# --- gradients -----------------------------------------------------------------------------------


def test_saliency_of_a_linear_network_is_its_weights(x):
    w = torch.randn(2, *x.shape[1:])
    linear = FromFunction(lambda x: torch.einsum("nkhw,ckhw->nc", x, w))
    assert torch.allclose(before.saliency(linear, x, 1), w[1].abs().amax(0).expand(3, -1, -1))
    signed = before.input_gradient(linear, x, torch.tensor([1, 0, 1]))
    assert torch.allclose(signed, w[[1, 0, 1]])


RULES = {None: [1, -1], "deconvnet": [2, -3], "guided": [2, 0]}
SPELLINGS = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": functional.relu,
    "F.relu in place": lambda a: functional.relu(a, inplace=True),
    "in place, return value unused": in_place_without_return,
    "torch.relu": torch.relu,
    "method": lambda a: a.relu(),
    "method in place": lambda a: a.relu_(),
    "torch.relu_": torch.relu_,
    "nn.ReLU6": nn.ReLU6(),
    "nn.ReLU6 in place": nn.ReLU6(inplace=True),
    "F.relu6": functional.relu6,
    "F.hardtanh from 0": lambda a: functional.hardtanh(a, 0.0, 6.0),
}


@pytest.mark.parametrize("relu", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("rule", RULES)
def test_the_rules_by_hand(rule, relu):
    """x = (1, 2), hidden units (1, -2, 3) before the ReLU, gradient (2, 3, -1) from above."""
    x = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    got = before.input_gradient(TwoLayers(relu), x, 0, rule)
    assert got.flatten().tolist() == RULES[rule]


def test_a_relu6_passes_nothing_above_six():
    model = FromFunction(lambda x: functional.relu6(x).sum((2, 3)))
    x = torch.tensor([-1.0, 1.0, 7.0]).reshape(1, 1, 1, 3)
    wanted = {None: [0, 1, 0], "guided": [0, 1, 0], "deconvnet": [1, 1, 1]}
    for rule, gradient in wanted.items():
        assert before.input_gradient(model, x, 0, rule).flatten().tolist() == gradient


def test_a_rule_changes_no_score(x):
    model = CourseNetwork().eval()
    wanted = model(x)
    with before.relu_rule("guided"):
        assert torch.equal(model(x), wanted)


def test_a_rule_ends_with_its_context_also_after_an_error():
    x = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    with pytest.raises(IndexError):
        before.guided_backprop(TwoLayers(torch.relu), x, 7)
    with pytest.raises(RuntimeError, match="stop"), before.relu_rule("guided"):
        raise RuntimeError("stop")
    assert before.input_gradient(TwoLayers(torch.relu), x, 0).flatten().tolist() == RULES[None]


def test_a_network_without_relu_is_refused(x):
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="ran none"):
        before.guided_backprop(model, x, 0)
    with pytest.raises(ValueError, match='"deconvnet" or "guided"'):
        before.input_gradient(model, x, 0, "guide")


def test_gradients_are_found_where_the_caller_switched_them_off(x):
    model = small_network()
    with torch.no_grad():
        quiet = before.saliency(model, x, 0)
    assert torch.equal(quiet, before.saliency(model, x, 0)) and not quiet.requires_grad


@every_method
def test_inference_mode_changes_nothing(method, x):
    """Of the caller, of the pictures, or of both."""
    model, own, small = small_network(), torch.tensor([0, 4, 2]), x[:, :, :, :16]
    sizes = (8, 4) if method in (before.occlusion, before.patches) else ()
    wanted = method(model, small, own, *sizes)
    with torch.inference_mode():
        made_inside, own_inside = small.clone(), own.clone()
        assert torch.equal(method(model, small, own, *sizes), wanted)
        assert torch.equal(method(model, made_inside, own_inside, *sizes), wanted)
    assert torch.equal(method(model, made_inside, own_inside, *sizes), wanted)


def test_a_network_made_in_inference_mode_is_refused_in_words(x):
    with torch.inference_mode():
        model = small_network()
    with pytest.raises(ValueError, match="make it outside"):
        before.saliency(model, x, 0)


def test_scores_without_a_gradient_are_refused_in_words(x):
    with pytest.raises(ValueError, match="cuts it off"):
        before.saliency(FromFunction(lambda x: x.detach().mean((2, 3))), x, 0)


# --- all of them ---------------------------------------------------------------------------------


def state_of(model):
    return (
        {k: v.clone() for k, v in model.state_dict().items()},
        [m.training for m in model.modules()],
        [(p.grad, p.requires_grad) for p in model.parameters()],
        [len(h) for m in model.modules() for name, h in vars(m).items() if name.endswith("hooks")],
    )  # fmt: skip


@every_method
@pytest.mark.parametrize("own", [1, 99], ids=["answered", "after an error"])
def test_the_model_and_the_picture_stay_as_they_were(method, own):
    model, x = CourseNetwork().train(), torch.rand(2, 3, 32, 32)
    model.features[1].eval()  # modes may differ inside
    before, pixels = state_of(model), x.clone()
    if own == 1:
        assert not method(model, x, own).requires_grad
    else:
        with pytest.raises(IndexError, match="0 to 9"):
            method(model, x, own)
    weights, *rest = state_of(model)
    assert all(torch.equal(v, weights[k]) for k, v in before[0].items())
    assert list(before[1:]) == rest
    assert torch.equal(x, pixels) and x.grad is None and not x.requires_grad


@every_method
def test_bad_input_is_told_apart(method):
    model, x = CourseNetwork(), torch.rand(2, 3, 32, 32)
    bad = [
        (x[0], 0, ValueError, "float"),
        ((x * 255).byte(), 0, ValueError, "uint8"),
        (x, torch.tensor([1]), ValueError, "each of the 2 pictures"),
        (x, torch.tensor([[1], [2]]), ValueError, "each of the 2 pictures"),
        (x, 0.5, IndexError, "whole numbers"),
        (x, -1, IndexError, "0 to 9"),
    ]
    for pictures, classes, error, message in bad:
        with pytest.raises(error, match=message):
            method(model, pictures, classes)
    with pytest.raises(TypeError, match=r"its \.model"):
        method(CamNetwork(model), x, 0)
    with pytest.raises(ValueError, match=r"\(N, C\)"):
        method(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()), x, 0)


def test_the_passes_are_those_of_the_docstrings():
    model, x = CourseNetwork(), torch.rand(2, 3, 32, 48)
    wanted = {
        "occlusion": (1 + 2 * 3, 0),
        "patches": (2 * 3, 0),
        "saliency": (1, 1),
        "deconvnet": (1, 1),
        "guided_backprop": (1, 1),
    }
    for name, (forward, backward) in wanted.items():
        with before.count_passes(model) as passes:
            METHODS[name](model, x, 0)
        assert passes == {"forward": 2 * forward, "backward": 2 * backward}, name
    with pytest.raises(RuntimeError), before.count_passes(model):
        raise RuntimeError
    assert not model._forward_hooks


# --- judging -------------------------------------------------------------------------------------


@given(st.integers(0, 6), st.integers(0, 4), st.integers(1, 3))
def test_the_hottest_point_is_the_middle_of_what_shares_the_maximum(column, row, side):
    M = torch.zeros(1, 8, 10)
    M[:, row : row + side, column : column + side] = 2
    assert before.hottest_point(M).tolist() == [[column + side / 2, row + side / 2]]


def test_pointing_counts_points_on_the_thing():
    maps, masks = torch.zeros(2, 6, 6), torch.zeros(2, 6, 6, dtype=torch.bool)
    maps[:, 2, 5] = 1
    masks[0, 2, 5] = masks[1, 5, 2] = True  # the second one is right if x and y are exchanged
    assert before.pointing_accuracy(maps, masks) == 0.5


def test_maps_on_cells_are_the_means_of_their_cells():
    fine = torch.rand(2, 8, 12)
    assert torch.allclose(
        before.on_cells(fine, 1), fine.mean((1, 2), keepdim=True).expand(2, 8, 12)
    )
    even = torch.full((2, 8, 12), 3.0)
    assert torch.allclose(before.on_cells(even, 4), even)
    with pytest.raises(ValueError, match="cells a side"):
        before.on_cells(fine, 0)


def test_blurring_spreads_a_point_and_keeps_its_sum():
    point = torch.zeros(1, 31, 31)
    point[0, 15, 15] = 1
    assert torch.equal(before.blurred(point, 0), point)
    smooth = before.blurred(point, 2)
    assert torch.isclose(smooth.sum(), torch.tensor(1.0)) and smooth.argmax() == 15 * 31 + 15
    wanted = torch.exp(torch.tensor(-1 / (2 * 2**2)))  # one pixel aside
    assert torch.isclose(smooth[0, 15, 16] / smooth[0, 15, 15], wanted)
    with pytest.raises(ValueError, match="more than 60"):
        before.blurred(point, 20)


def speckled_thing():
    """One map of a thing, columns 10 to 20 of 40, with one hotter pixel far from it."""
    mask = torch.zeros(1, 40, 40, dtype=torch.bool)
    mask[:, 10:20, 10:20] = True
    maps = mask.float()
    maps[0, 35, 35] = 3
    return maps, torch.tensor([[10, 10, 20, 20]]), mask


def test_tuning_chooses_the_smoothing_under_which_speckle_vanishes():
    maps, boxes, mask = speckled_thing()
    raw, smooth = before.tune(maps, boxes, mask), before.tune(maps, boxes, mask, (0, 2))
    assert raw.peak_blur == 0 and smooth.peak_blur == 2
    assert [v.tolist() for v in before.read(maps, boxes, mask, raw)] == [[1], [0]]
    assert [v.tolist() for v in before.read(maps, boxes, mask, smooth)] == [[1], [1]]
    with pytest.raises(TypeError, match="Setting"):
        before.read(maps, boxes, mask, (0, 0.2, 0))


# --- parity --------------------------------------------------------------------------------------


@pytest.fixture
def captum():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about its hooks
        yield pytest.importorskip(
            "captum.attr", reason="gradients were not held against captum's: pip install captum"
        )


def test_gradients_agree_with_captum(captum, x):
    model, own = small_network(), torch.tensor([4, 0, 2])
    theirs = {
        None: captum.Saliency,
        "guided": captum.GuidedBackprop,
        "deconvnet": captum.Deconvolution,
    }
    for rule, method in theirs.items():
        wanted = method(model).attribute(x.clone(), target=own).detach()
        got = before.input_gradient(model, x, own, rule)
        got = got.abs() if rule is None else got
        assert torch.allclose(got, wanted, atol=1e-4 * wanted.abs().max().item(), rtol=0), rule


def test_occlusion_agrees_with_captum_where_squares_do_not_overlap(captum, x):
    """With overlap, captum gives each pixel the mean of all squares over it."""
    model, own = small_network(), torch.tensor([4, 0, 2])
    wanted = captum.Occlusion(model).attribute(
        x, sliding_window_shapes=(3, 8, 8), strides=(3, 8, 8), baselines=0.5, target=own
    )
    got = before.occlusion(model, x, own, 8, 8)
    wanted = wanted.detach()[:, 0, ::8, ::8]
    assert torch.allclose(got, wanted, atol=1e-4 * wanted.abs().max().item(), rtol=0)
