"""The gradients against CAM on photographs: each half is read as the other half chose."""

import torch

from utils import before
from utils.experiments import before as experiment
from utils.models import CourseNetwork
from utils.networks import CamNetwork
from utils.pictures import Picture


def test_each_half_is_read_as_the_other_half_chose():
    maps = torch.rand(5, 24, 24, generator=torch.Generator().manual_seed(0))
    boxes = [torch.tensor([[4, 4, 20, 20]])] * 5
    masks = torch.zeros(5, 24, 24, dtype=torch.bool)
    masks[:, 4:20, 4:20] = True
    found, hit = experiment.crossed(maps, boxes, masks, (0, 2))
    even, odd = slice(0, None, 2), slice(1, None, 2)
    setting = before.tune(maps[odd], boxes[odd], masks[odd], (0, 2))
    wanted = before.read(maps[even], boxes[even], masks[even], setting)
    assert torch.equal(found[even], wanted[0]) and torch.equal(hit[even], wanted[1])


def test_maps_have_the_size_of_their_photograph():
    image = torch.randint(0, 256, (3, 60, 50), dtype=torch.uint8)
    photo = Picture(image, 3, torch.tensor([[10.2, 5, 30, 70]]), None, "one")
    net = CamNetwork(
        CourseNetwork(), prepare=lambda image, side: image[None, :, :side, :side] / 255
    )
    found = experiment.maps_of(net, photo, 48)
    assert set(found) == {"CAM", "gradient", "deconvnet", "guided"}
    assert {tuple(M.shape) for M in found.values()} == {(60, 50)}
    assert experiment.boxes_as_mask(photo).sum() == 20 * 55
