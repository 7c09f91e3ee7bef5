"""The experiment of notebook 05: what wrong boxes do, and where maps are laid."""

import pytest
import torch

import sketchbook
from utils import baselines, localization, models, networks
from utils.experiments import localizing

TRUE = torch.tensor([10, 10, 30, 30])
KINDS = {
    "right": (11, 10, 30, 29),
    "inside": (12, 12, 20, 20),
    "contains": (0, 0, 60, 60),
    "displaced": (20, 10, 40, 30),
    "elsewhere": (40, 40, 50, 50),
}


@pytest.mark.parametrize(("kind", "box"), KINDS.items())
def test_each_box_gets_its_geometry(kind, box):
    assert localizing.geometry(torch.tensor([box]), TRUE[None]) == [kind]


def test_a_small_box_over_the_edge_is_displaced_and_not_inside():
    assert localizing.geometry(torch.tensor([[5, 12, 15, 20]]), TRUE[None]) == ["displaced"]


def test_the_two_shares_make_the_iou():
    draw = torch.Generator().manual_seed(0)
    corner, size = torch.randint(0, 20, (2, 50, 2), generator=draw)
    found = torch.cat([corner, corner + size + 1], 1)
    precision, recall = localizing.shares(found, TRUE.expand(50, 4))
    met = precision > 0
    made = 1 / (1 / precision[met] + 1 / recall[met] - 1)
    assert torch.allclose(made, localization.iou(found, TRUE.expand(50, 4))[met].double())
    assert (localization.iou(found, TRUE.expand(50, 4))[~met] == 0).all()


def test_what_a_network_sees_is_what_the_other_rooms_say():
    """Of drawn pictures, brought to the frame's size, in two batches."""
    net, pictures = models.load("objects-gap"), sketchbook.objects(5, seed=8)
    seen = localizing.look(net, pictures, side=112, batch_size=3)
    own = networks.maps_at(net, pictures.images, pictures.labels, (localizing.FRAME,) * 2)
    assert torch.allclose(localizing.framed(seen), own, atol=1e-4)
    assert not torch.allclose(localizing.framed(seen, tiles=True), own, atol=1e-2)
    boxes = [b[None] for b in 2 * pictures.boxes]
    assert torch.equal(torch.stack(boxes).float(), torch.stack(seen.boxes).float())
    steps = (0.2, 0.4)
    found = localizing.found(seen, thresholds=steps)
    assert torch.equal(found, baselines.max_box_acc(boxes, steps)(own))
    assert seen.ranks.tolist() == [1] * 5


def test_the_table_of_a_folder_says_what_the_other_rooms_say():
    net, pictures = models.load("objects-gap"), sketchbook.objects(6, seed=8)
    said = localizing.lines(net, pictures)
    seen = localizing.look(net, pictures, side=225)
    right = localizing.right_at(localizing.framed(seen), seen.boxes)
    at_20 = right[:, localization.FINE.index(0.2)].mean()
    best = f"GT-known at 0.2 {100 * at_20:.1f} %, MaxBoxAcc {100 * right.mean(0).max():.1f} %"
    assert any(line.startswith(f"225: {best}") for line in said), said
    assert localizing.on_others(torch.ones(4, 3)) == 1
