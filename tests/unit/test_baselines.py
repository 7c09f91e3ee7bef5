"""What maps that know nothing get, on pictures where the answer is known without a computer."""

import pytest
import torch
from torch import nn

import sketchbook
from utils import baselines, localization, models
from utils.networks import cam_network, maps_of
from utils.pictures import Pictures

N, SIDE, THING = 12, 32, 8  # a thing is a square of 8 x 8 pixels


def prepared(p):
    return (p[None] if p.ndim == 3 else p).float() / 255


def coloured():
    """Pictures of two squares of two colours; the label is the colour of the first."""
    images = torch.zeros(N, 3, SIDE, SIDE, dtype=torch.uint8)
    masks = torch.zeros(N, 2, SIDE, SIDE, dtype=torch.bool)
    labels = torch.arange(N) % 3
    for i in range(N):
        for k, (y, x) in enumerate(((1 + i, 2), (20 - i, 18))):
            images[i, (labels[i] + k) % 3, y : y + THING, x : x + THING] = 255
            masks[i, k, y : y + THING, x : x + THING] = True
    boxes = torch.tensor([[2, 1 + i, 2 + THING, 1 + i + THING] for i in range(N)])
    parts = masks[:, 0].byte() + 2 * masks[:, 1].byte()
    names = ("red", "green", "blue")
    return Pictures(images, labels, names, boxes, masks[:, 0], parts, ("", "own", "other"))


@pytest.fixture(scope="module")
def net():
    """f_k is the k-th colour, and class k asks for it alone."""
    conv, last = nn.Conv2d(3, 3, 1, bias=False), nn.Linear(3, 3, bias=False)
    model = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    with torch.no_grad():
        conv.weight.copy_(torch.eye(3)[:, :, None, None])
        last.weight.copy_(torch.eye(3))
    return cam_network(model.eval(), ("red", "green", "blue"), prepared)


PICTURES = coloured()
AREA = THING**2 / SIDE**2


def mean(values):
    return values.mean().item()


# ---------------------------------------------------------------- what each knows


def test_pointing_on_two_equal_squares(net):
    things = PICTURES.parts > 0
    measure = baselines.pointing(PICTURES.masks)
    found = baselines.values(net, PICTURES, measure, things=things)
    assert mean(measure(maps_of(net, PICTURES))) == 1
    assert mean(found["mean of all f_k"]) == mean(found["random point on a thing"]) == 0.5
    assert mean(found["whole picture"]) == pytest.approx(AREA)
    own, nowhere = found["another class's map"], AREA  # the other thing, or a map of zeros
    assert set(own.tolist()) == {0.0, nowhere}
    assert {round(v, 4) for v in found["shuffled weights"].tolist()} <= {0.0, 1.0, nowhere}
    assert [mean(v) for v in found.values()] == sorted(map(mean, found.values()), reverse=True)


def test_boxes_of_two_equal_squares(net):
    found = baselines.values(net, PICTURES, baselines.found_at(PICTURES.boxes))
    assert mean(baselines.found_at(PICTURES.boxes)(maps_of(net, PICTURES))) == 1
    assert found["whole picture"].tolist() == found["best centred box"].tolist() == [0.0] * N
    assert mean(found["another class's map"]) == 0
    assert "random point on a thing" not in found


def test_another_picture_of_the_class_shows_where_this_one_is_not(net):
    measure = baselines.found_at(PICTURES.boxes)
    found = baselines.values(net, PICTURES, measure)["another picture's map, same class"]
    partner = baselines.other_pictures(PICTURES.labels, 0)
    assert found.tolist() == measure(maps_of(net, PICTURES)[partner]).tolist()
    assert mean(found) < 0.5


def test_the_best_centred_box_is_the_best_of_all_sides():
    boxes = localization.centred_boxes(SIDE, SIDE, [0.6]).round().long().expand(N, 4)
    masks = torch.ones(N, SIDE, SIDE, dtype=torch.bool)
    found = baselines.values(
        None, PICTURES, baselines.found_at(boxes), masks.float(), more={"mine": masks.float()}
    )
    assert mean(found["best centred box"]) == 1 and mean(found["mine"]) == 0
    assert "mean of all f_k" not in found and "untrained network" not in found


def test_other_pictures_are_others_and_of_the_class_where_it_has_two():
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 1, 1])
    for seed in range(20):
        partner = baselines.other_pictures(labels, seed)
        assert (partner != torch.arange(8)).all()
        of_two = labels != 2
        assert (labels[partner] == labels)[of_two].all()
        assert partner.tolist() == baselines.other_pictures(labels, seed).tolist()


def test_an_untrained_network_is_another_and_leaves_everything_as_it_was(net):
    before = [p.clone() for p in net.model.parameters()]
    state = torch.random.get_rng_state()
    fresh, again = (baselines.untrained(net, 3) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(map(torch.equal, net.model.parameters(), before))
    assert all(map(torch.equal, fresh.model.parameters(), again.model.parameters()))
    assert not any(map(torch.equal, fresh.model.parameters(), before))


def test_the_courses_own_network_has_all_the_rows():
    """And the numbers do not depend on what was drawn before."""
    pictures = sketchbook.objects(12, seed=3)
    net = models.load("objects-gap")
    measures = {"peak": baselines.pointing(pictures.masks)}
    rows, _ = baselines.table(net, pictures, measures, things=pictures.parts > 0)
    torch.rand(5)
    assert rows == baselines.table(net, pictures, measures, things=pictures.parts > 0)[0]
    assert len(rows) == 11 and rows[0][0] == "class map"


# ---------------------------------------------------------------- the table


def test_the_strongest_is_marked_in_every_column(net):
    measures = {
        "peak": baselines.pointing(PICTURES.masks),
        "recall": baselines.coverage(PICTURES.masks),
        "PxAP": baselines.pxap(PICTURES.masks),
    }
    rows, header = baselines.table(net, PICTURES, measures, things=PICTURES.parts > 0)
    assert header == ["", "peak", "recall", "PxAP"]
    assert rows[0] == ["class map", "100.0", "100.0", "100.0"]
    cells = {row[0]: row[1:] for row in rows}
    assert cells["whole picture"][1] == "**100.0**"  # recall alone is worth nothing
    assert cells["random point on a thing"][1:] == ["", ""]
    assert cells["mean of all f_k"][1] == "**100.0**"  # equals are all marked
    assert all(any(row[i].startswith("**") for row in rows) for i in (1, 2, 3))
    assert all(row[0] != "class map" or "**" not in "".join(row) for row in rows)


def test_the_short_form_names_the_strongest(net):
    measures = {"peak": baselines.pointing(PICTURES.masks)}
    rows, header = baselines.table(
        net, PICTURES, measures, {"CAM": maps_of(net, PICTURES)}, short=True
    )
    name, best = next(iter(baselines.values(net, PICTURES, measures["peak"]).items()))
    assert header == ["", "peak"] and rows[0] == ["CAM", "100.0"]
    assert rows[1:] == [["the best that knows nothing", f"{100 * mean(best):.1f} ({name})"]]


def test_own_measures_and_units():
    def brightest(maps):
        return maps.amax((1, 2))

    rows, _ = baselines.table(
        None, PICTURES, {"top": brightest}, torch.full((N, SIDE, SIDE), 3.0), times=1
    )
    assert rows[0] == ["class map", "3.0"] and ["whole picture", "1.0"] in rows


def test_pictures_of_several_things_are_taken_apart():
    pairs = sketchbook.pairs(4, seed=1)
    apart = baselines.one_each(pairs)
    assert len(apart) == 8 and baselines.one_each(apart) is apart
    assert torch.equal(apart.images[0], apart.images[1])
    for i in range(8):
        assert apart.labels[i] == pairs.labels[i // 2, i % 2]
        assert torch.equal(apart.masks[i], pairs.masks[i // 2, i % 2])
        assert torch.equal(apart.boxes[i], pairs.boxes[i // 2, i % 2])
    asked = sketchbook.questions(2, seed=1)
    assert baselines.one_each(asked).questions == tuple(
        (q,) for row in asked.questions for q in row
    )


# ---------------------------------------------------------------- measures


@pytest.fixture(scope="module")
def noisy():
    return localization.random_maps(N, SIDE, SIDE, seed=1)


def test_measures_are_those_of_localization(noisy):
    boxes, masks = PICTURES.boxes, PICTURES.masks
    fits = localization.records(noisy, boxes, masks)
    assert mean(baselines.max_box_acc(boxes)(noisy)) == localization.max_box_acc(fits)[0]
    cut_off = localization.records(noisy, boxes, how="max")
    best = mean(baselines.max_box_acc(boxes, how="max")(noisy))
    assert best == localization.max_box_acc(cut_off)[0] >= mean(baselines.found_at(boxes)(noisy))
    at_20 = localization.sweep(noisy, boxes, [0.2])[0.2]
    assert mean(baselines.found_at(boxes, 0.2)(noisy)) == at_20
    assert mean(baselines.pointing(masks)(noisy)) == localization.pointing(fits)
    assert baselines.pxap(masks)(noisy) == localization.pxap(noisy, masks)
    assert torch.equal(baselines.coverage(masks)(noisy), localization.coverage(noisy, masks))


def test_one_map_for_all_pictures_is_measured_as_many_are():
    one = localization.centred_map(SIDE, SIDE).expand(N, SIDE, SIDE)
    boxes = localization.centred_boxes(SIDE, SIDE, torch.linspace(0.2, 0.9, N)).round()
    for measure in (baselines.max_box_acc(boxes), baselines.found_at(boxes, 0.4)):
        assert torch.equal(measure(one), measure(one.contiguous()))
        assert mean(measure(one)) > 0


def test_precision_by_hand():
    maps = torch.tensor([[[1.0, 0.6, 0.4, 0.0]], [[-1.0, -1, -1, -1]]])
    masks = torch.tensor([[[True, False, True, False]]] * 2)
    assert baselines.precision(masks)(maps).tolist() == [0.5, 0.0]
    assert baselines.precision(masks, 0.3)(maps).tolist() == pytest.approx([2 / 3, 0])


# ---------------------------------------------------------------- errors


def test_errors_say_what_to_do(net):
    measures = {"peak": baselines.pointing(PICTURES.masks)}
    with pytest.raises(ValueError, match="there is nothing to measure"):
        baselines.table(None, PICTURES, measures)
    with pytest.raises(ValueError, match="name one measure"):
        baselines.table(net, PICTURES, {})
    with pytest.raises(TypeError, match="a dict of measures"):
        baselines.table(net, PICTURES, baselines.pointing(PICTURES.masks))
    with pytest.raises(ValueError, match="the pictures' size"):
        baselines.table(net, PICTURES, measures, torch.rand(N, 7, 7))
    with pytest.raises(ValueError, match="one method at least"):
        baselines.table(net, PICTURES, measures, {})
    with pytest.raises(ValueError, match="one value for each of 12 pictures"):
        baselines.table(net, PICTURES, {"odd": lambda maps: torch.rand(3)})
    with pytest.raises(ValueError, match="NaN"):
        baselines.table(net, PICTURES, {"odd": lambda maps: float("nan")})
    with pytest.raises(ValueError, match="the things"):
        baselines.table(net, PICTURES, measures, things=torch.rand(N, SIDE, SIDE))
    with pytest.raises(ValueError, match="one label for each"):
        baselines.table(net, sketchbook.pairs(2, seed=1), measures, torch.rand(2, 112, 112))
    with pytest.raises(TypeError, match="a CAM network"):
        baselines.table(net.model, PICTURES, measures)
    with pytest.raises(TypeError, match="labelled pictures"):
        baselines.table(net, PICTURES.images, measures)
    with pytest.raises(ValueError, match="the seed"):
        baselines.table(net, PICTURES, measures, seed=-1)
    with pytest.raises(ValueError, match="the threshold"):
        baselines.precision(PICTURES.masks, 20)
    with pytest.raises(TypeError, match="such as sketchbook"):
        baselines.one_each(PICTURES.images)
