"""Where a cell looks, against the middle of its gradient, on families of networks."""

import copy

import pytest
import torch
import torchvision

from utils import cam, fields, models, recognition
from utils.gradcam import explain
from utils.networks import _beside, cam_network, find_tail

FAMILIES = [
    "resnet18", "mobilenet_v2", "densenet121", "googlenet", "shufflenet_v2_x0_5",
    "efficientnet_b0", "regnet_y_400mf", "mnasnet0_5", "swin_t", "squeezenet1_1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "side"),
    [(name, 224) for name in FAMILIES] + [(name, 225) for name in ("resnet18", "densenet121")],
)
def test_a_cell_looks_where_its_gradient_is(name, side):
    torch.manual_seed(0)
    quick = {"init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **quick).eval()
    x = recognition.trial(3, 3, side, side)
    with torch.no_grad():
        tail = find_tail(model, x)
        with recognition.Trace() as seen:
            model(x)
    down, across = fields.grids(seen.operations, x)[id(seen.operations[tail.at].out)].fields

    noise = torch.randn(12, 3, side, side).requires_grad_()
    whole, _ = _beside(model.get_submodule(tail.module), tail.given, model, noise)
    f = dict(recognition.views(whole, 12))[tail.layout]
    i, j = f.shape[2] // 2, f.shape[3] // 2
    (g,) = torch.autograd.grad(f[:, :, i, j].sum(), noise)
    weight, pixels = g.abs().sum((0, 1)), torch.arange(side) + 0.5
    middle = (
        (weight.sum(1) @ pixels / weight.sum()).item(),
        (weight.sum(0) @ pixels / weight.sum()).item(),
    )
    assert middle == pytest.approx(
        (down.start + i * down.jump, across.start + j * across.jump), abs=8
    )


def test_a_bright_spot_is_found_where_it_is():
    """Cells do not tile the picture here: the enlarged map lies on the spot all the same."""
    torch.manual_seed(0)
    body = torch.nn.Sequential(*(torch.nn.Conv2d(k, 3, 3, 2, 1, bias=False) for k in (1, 3, 3, 3)))
    for layer in body:
        layer.weight.data = torch.rand(*layer.weight.shape[:2], 1, 1).expand(layer.weight.shape)
    model = torch.nn.Sequential(
        body, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2)
    )
    torch.nn.init.uniform_(model[3].weight)
    net = cam_network(model.eval(), example=torch.zeros(1, 1, 96, 96))
    for at in (33, 48, 64):
        x = torch.zeros(1, 1, 96, 96)
        x[:, :, at - 2 : at + 3, at - 2 : at + 3] = 1
        M = net(x, 0)[1]
        found = [centre(cam.upsample(M, (96, 96), cells)[0, 0]) for cells in (net.cells(x), None)]
        assert found[0] == pytest.approx(at + 0.5, abs=1.5)
        assert abs(found[1] - at - 0.5) > 4  # cells that are laid out as tiles lie beside it


def centre(M):
    """The mean row of a map, by its values."""
    return (M.sum(1) @ (torch.arange(len(M)) + 0.5) / M.sum()).item()


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_cells_are_found_of_every_kind_of_network_that_is_taken():
    model = torchvision.models.resnet18().eval()
    x = torch.zeros(1, 3, 224, 224)
    for made in (model, torch.jit.script(model), torch.jit.trace(model, x)):
        cells = cam_network(made).cells(x)
        assert cells == ((0.5 / 224,) * 2, (32 / 224,) * 2, (7, 7))


def test_where_grad_cams_layers_look():
    alexnet, x = torchvision.models.alexnet().eval(), torch.zeros(1, 3, 224, 224)
    seen = explain(alexnet, x, 0)
    assert seen.method == "Grad-CAM" and seen.cells is not None
    assert seen.cells.start[0] * 224 == pytest.approx(31.5) and seen.layer == "avgpool"
    vit = explain(torchvision.models.vit_b_32().eval(), x, 0)
    assert vit.cells is None  # tokens of blocks: the usual enlargement is right


def test_layers_in_a_row_follow_the_rules_of_notebook_09():
    from utils import channels, models

    network = models.CourseNetwork(stride=8).eval()
    x = recognition.trial(3, 3, 112, 112)
    with torch.no_grad():
        tail = find_tail(network, x)
        with recognition.Trace() as seen:
            network(x)
    grid = fields.grids(seen.operations, x)[id(seen.operations[tail.at].out)]
    wanted = channels.receptive_field(network.features)
    assert grid.fields == (tuple(wanted), tuple(wanted)) and grid.cells == (14, 14)


def test_a_patch_as_large_as_a_field_unpadded_scores_the_map_of_its_cell():
    """Where the field lies inside the picture; notebook 01, section 9."""
    torch.manual_seed(0)
    model = models.CourseNetwork().eval()
    x = torch.rand(1, 3, 112, 112)
    _, M = cam_network(model)(x)
    b = model.fc.bias.detach()
    unpadded = copy.deepcopy(model)
    for layer in unpadded.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.padding = (0, 0)
    for i, j in ((5, 5), (5, 8), (8, 6)):
        top, left = (round(3.5 + 8 * at - 37.5) for at in (i, j))
        patch = x[..., top : top + 75, left : left + 75]
        with torch.no_grad():
            torch.testing.assert_close(unpadded(patch)[0], M[0, :, i, j] + b, atol=1e-5, rtol=1e-4)
            assert (model(patch)[0] - M[0, :, i, j] - b).abs().max() > 1e-3
