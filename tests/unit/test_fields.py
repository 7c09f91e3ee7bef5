"""Where a cell looks, against the middle of its gradient, on families of networks."""

import pytest
import torch
import torchvision

from utils import fields, recognition
from utils.networks import _beside, find_tail

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


def test_layers_in_a_row_follow_the_rules_of_notebook_08():
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
