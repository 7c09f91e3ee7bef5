"""The contest on drawings; on photographs, each half is read as the other half chose."""

import torch

import sketchbook
from utils import before, cam
from utils.experiments import before as experiment
from utils.models import CourseNetwork
from utils.networks import CamNetwork
from utils.pictures import Picture, filled, squashed


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


def test_photographs_are_read_at_the_pixels_of_the_input():
    image = torch.randint(0, 256, (3, 60, 50), dtype=torch.uint8)
    photo = Picture(image, 3, torch.tensor([[10.2, 5, 30, 70]]), None, "one")
    net = CamNetwork(
        CourseNetwork(), prepare=lambda image, side: image[None, :, :side, :side] / 255
    )
    found = experiment.maps_of(net, photo, 48)
    assert set(found) == {"CAM", "gradient", "deconvnet", "guided", experiment.ANY}
    assert {tuple(M.shape) for M in found.values()} == {(48, 48)}
    rows, columns = filled(squashed(photo.boxes, image, 96), 96).nonzero().T  # of 60 × 50 pixels
    assert (rows.min(), rows.max()) == (8, 95)
    assert (columns.min(), columns.max()) == (20, 57)


# --- the contest on drawings --------------------------------------------------------------------

NET = CamNetwork(CourseNetwork(), prepare=lambda images: images / 255)
DRAWINGS = sketchbook.objects(4, seed=3)


def test_every_method_gives_maps_at_picture_size():
    contestants = experiment.methods(NET, NET) | experiment.know_nothing(NET)
    found = {name: experiment.ask(method, DRAWINGS) for name, method in contestants.items()}
    assert {M.shape for M in found.values()} == {(4, 112, 112)}
    x, c = NET.prepare(DRAWINGS.images), DRAWINGS.labels
    small = before.occlusion(NET.model, x, c, 32, 16)
    assert torch.allclose(found["occlusion"], cam.upsample(small[:, None], (112, 112))[:, 0])
    assert torch.equal(found["guided"], before.guided_backprop(NET.model, x, c))


def test_a_side_reaches_its_method():
    small, large = (experiment.methods(NET, NET, patches=side)["patches"] for side in (32, 48))
    assert not torch.equal(experiment.ask(small, DRAWINGS), experiment.ask(large, DRAWINGS))


def test_passes_of_one_picture():
    methods = experiment.methods(NET, NET) | experiment.know_nothing(NET)
    wanted = {"CAM": "1 + 0", "occlusion": "50 + 0", "gradient": "1 + 1", experiment.BLOB: "0 + 0"}
    assert {n: experiment.cost(methods[n], [NET.model], DRAWINGS) for n in wanted} == wanted


def test_each_way_is_tuned_and_read_at_its_own_scale():
    maps = torch.rand(4, 112, 112, generator=torch.Generator().manual_seed(1))
    truth = DRAWINGS.boxes, DRAWINGS.masks
    settings = experiment.tune(maps, DRAWINGS)
    found = experiment.read(maps, DRAWINGS, settings)
    coarse = before.on_cells(maps, 14)
    assert settings["14 × 14"] == before.tune(coarse, *truth)
    assert settings["smoothed"].box_blur in (2, 4, 8)
    assert torch.equal(found["14 × 14"].peak, before.read(coarse, *truth, settings["14 × 14"])[1])


def test_the_side_with_most_boxes_and_peaks_is_taken_of_equals_the_first():
    rows = [("a", 16, 40, 50), ("a", 32, 80, 10), ("a", 64, 20, 20), ("b", 8, 0, 1), ("b", 4, 1, 1)]
    assert experiment.best_sides(rows) == {"a": 16, "b": 4}


def test_sides_are_tried_in_order():
    rows = experiment.try_sides(NET, DRAWINGS, {"occlusion": (16,), "patches": (32, 48)})
    assert [row[:2] for row in rows] == [("occlusion", 16), ("patches", 32), ("patches", 48)]
    assert all(value in (0, 25, 50, 75, 100) for row in rows for value in row[2:])


def test_the_table_has_boxes_first_then_peaks():
    one, none = torch.ones(4).double(), torch.zeros(4).double()
    found = {"CAM": dict.fromkeys(experiment.WAYS, experiment.Found(one, none))}
    rows, header = experiment.table(found, {"CAM": "1 + 0"})
    assert rows == [("CAM", "1 + 0", 100, 100, 100, 0, 0, 0)]
    assert header[2] == "box %, as it comes" and header[-1] == "peak %, smoothed"


def test_near_is_wider_on_every_side():
    masks = torch.zeros(1, 9, 9, dtype=torch.bool)
    masks[0, 4, 4] = True
    assert experiment.near(masks, 2)[0].nonzero().tolist() == [
        [row, column] for row in range(2, 7) for column in range(2, 7)
    ]


def test_a_method_that_draws_the_thing_asked_for_points_at_it_alone():
    pairs = sketchbook.pairs(3, seed=2)
    right = experiment.point(lambda x, c: pairs.masks.flatten(0, 1).float(), pairs, 0)
    wrong = experiment.point(lambda x, c: pairs.masks.flip(1).flatten(0, 1).float(), pairs, 0)
    assert right.point.tolist() == right.heat.tolist() == [1, 1, 1]
    assert right.heat_other.tolist() == [0, 0, 0]
    assert wrong.point_other.tolist() == wrong.heat_other.tolist() == [1, 1, 1]


def test_a_random_point_is_on_either_thing_equally_often():
    chance = experiment.random_point(sketchbook.pairs(3, seed=2))
    for values in chance:
        assert torch.allclose(values, torch.full((3,), 0.5).double())
