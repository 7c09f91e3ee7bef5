"""Top channels, receptive fields and agreement with parts, against slow and independent ways."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from utils import cam, channels, models


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_top_channels_are_the_largest_weights_in_order():
    w = torch.tensor([[0.1, -3.0, 2.0, 1.0], [5.0, 4.0, -9.0, 0.0]])
    assert channels.top(w, 2).tolist() == [[2, 3], [0, 1]]
    with pytest.raises(ValueError, match="4 channels"):
        channels.top(w, 5)


def test_contributions_and_bias_add_up_to_the_score():
    f, w, b = random(3, 6, 4, 4), random(5, 6, seed=1) - 0.5, random(5, seed=2)
    S = cam.scores(cam.pool(f), w, b)
    for c in range(5):
        assert torch.allclose(channels.contributions(f, w, c).sum(1) + b[c], S[:, c], atol=1e-6)


def test_n_carrying_counts_how_few_are_enough():
    values = torch.tensor([[6.0, 3.0, 1.0, -5.0], [1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, 0.0, 0.0]])
    assert channels.n_carrying(values, 0.9).tolist() == [2, 4, 0]
    assert channels.n_carrying(values, 0.5).tolist() == [1, 2, 0]


def test_without_removes_columns_and_leaves_the_weights_alone():
    w = random(3, 5)
    left = channels.without(w, [1, 4])
    assert (left[:, [1, 4]] == 0).all() and torch.equal(left[:, [0, 2, 3]], w[:, [0, 2, 3]])
    assert (w > 0).all()


def test_others_have_the_same_sum_and_none_of_the_channels():
    values, dice = random(64) - 0.3, torch.Generator().manual_seed(0)
    top = channels.top(values)
    drawn = [channels.others(values, top, dice) for _ in range(20)]
    for some in drawn:
        assert not set(some.tolist()) & set(top.tolist()) and len(set(some.tolist())) == len(some)
        assert (values[some] > 0).all()
        assert abs(values[some].sum() - values[top].sum()) <= values.max() / 2
    assert len({tuple(some.tolist()) for some in drawn}) == 20


def test_others_are_all_that_is_left_where_that_is_too_little():
    values = torch.tensor([5.0, 1.0, 1.0, -1.0])
    some = channels.others(values, torch.tensor([0]), torch.Generator())
    assert sorted(some.tolist()) == [1, 2]
    with pytest.raises(ValueError, match="nothing to draw"):
        channels.others(values, torch.tensor([0, 1, 2]), torch.Generator())


def test_at_peak_is_the_part_under_the_maximum():
    parts = torch.zeros(2, 8, 8, dtype=torch.uint8)
    parts[:, :4, 4:], parts[:, 4:, :4] = 3, 5
    f = torch.zeros(2, 2, 4, 4)
    f[:, 0, 0, 3] = f[:, 1, 3, 0] = 1
    assert channels.at_peak(f, parts).tolist() == [[3, 5], [3, 5]]
    with pytest.raises(ValueError, match="parts of 1"):
        channels.at_peak(f, parts[:1])


def seen(features: nn.Module, side: int, y: int, x: int) -> list[int]:
    """The box of all pixels that have a gradient to one cell, (x0, y0, x1, y1)."""
    picture = random(1, 1, side, side).requires_grad_()
    features(picture)[0, 0, y, x].backward()
    ys, xs = picture.grad[0, 0].nonzero().T
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


layer = st.tuples(
    st.integers(1, 5), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3), st.booleans()
)


@given(st.lists(layer, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_receptive_field_is_the_support_of_the_gradient(layers):
    made = []
    for k, s, p, d, pool in layers:
        if pool:  # an average sees its whole window; a maximum would leave zeros in the gradient
            made.append(nn.AvgPool2d(k, s, min(p, k // 2)))
        else:
            made.append(nn.Conv2d(1, 1, k, s, min(p, (k - 1) * d // 2), d, bias=False))
            nn.init.ones_(made[-1].weight)
    features = nn.Sequential(*made)
    field = channels.receptive_field(features)
    side = field.size + 6 * field.jump
    if side > 260:
        return
    y, x = (features(torch.zeros(1, 1, side, side)).shape[-1] // 2 - i for i in (0, 1))
    box = channels.field_box(field, y, x, side, side)
    if 0 < box.min() and box.max() < side:  # at the border, dilation may leave its edge unseen
        assert box.tolist() == seen(features, side, y, x)


def test_receptive_field_is_clipped_at_the_border():
    features = nn.Sequential(nn.Conv2d(1, 1, 5, 2, 2, bias=False), nn.AvgPool2d(2))
    field = channels.receptive_field(features)
    assert channels.field_box(field, 0, 4, 20, 20).tolist() == seen(features, 20, 0, 4)


def averaging(model: nn.Sequential) -> nn.Sequential:
    """The same windows, with averages for maxima, one channel and no zeros."""
    made = []
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            made.append(nn.Conv2d(1, 1, m.kernel_size, m.stride, m.padding, m.dilation, bias=False))
            nn.init.ones_(made[-1].weight)
        elif isinstance(m, nn.MaxPool2d):
            made.append(nn.AvgPool2d(m.kernel_size, m.stride, m.padding))
    return nn.Sequential(*made)


@pytest.mark.parametrize("stride, dilated", [(4, False), (4, True), (8, False), (16, False)])
def test_receptive_field_of_the_course_networks(stride, dilated):
    features = models.CourseNetwork(stride=stride, dilated=dilated).features
    field = channels.receptive_field(features)
    assert field.jump == stride
    cell = 112 // stride // 2
    box = channels.field_box(field, cell, cell, 112, 112).tolist()
    assert box == seen(averaging(features), 112, cell, cell)


def test_field_of_stride_eight():
    assert channels.receptive_field(models.CourseNetwork().features) == (75, 8, 3.5)
    assert channels.receptive_field([]) == (1, 1, 0.5)


@pytest.mark.parametrize("bad", [nn.Linear(2, 2), nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 1, (1, 3))])
def test_layers_without_one_square_field_are_refused(bad):
    with pytest.raises(ValueError, match=r"receptive field|square windows"):
        channels.receptive_field([bad])


def test_thresholds_leave_the_share_of_cells_of_each_channel():
    f = random(10, 3, 10, 10) * torch.tensor([1.0, 10.0, 0.1])[:, None, None]
    T = channels.thresholds(f, 0.05)
    assert ((f >= T[:, None, None]).sum((0, 2, 3)) == 50).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        channels.thresholds(f, 5)


def test_dead_channels_mark_nothing():
    f = torch.zeros(2, 1, 4, 4)
    assert not channels.regions(f, channels.thresholds(f, 0.1), (8, 8)).any()


def test_overlap_equals_a_slow_count_in_any_batches():
    f, masks = random(7, 3, 4, 4), random(7, 2, 12, 12, seed=1) > 0.6
    T = channels.thresholds(f, 0.2)
    marked = channels.regions(f, T, (12, 12))
    wanted = torch.tensor(
        [[((marked[:, k] & masks[:, p]).sum() / (marked[:, k] | masks[:, p]).sum()).item()
          for p in range(2)] for k in range(3)]
    )  # fmt: skip
    for batch_size in (1, 3, 100):
        assert torch.allclose(channels.overlap(f, T, masks, batch_size).iou, wanted)


def test_part_masks():
    parts = torch.tensor([[[0, 2], [5, 2]]], dtype=torch.uint8)
    assert channels.part_masks(parts, [2, 5])[0].tolist() == [
        [[False, True], [False, True]], [[False, False], [True, False]]
    ]  # fmt: skip


def test_chance_is_what_many_random_regions_on_the_thing_get():
    parts = torch.zeros(1, 12, 12, dtype=torch.uint8)
    parts[0, 2:10, 2:5], parts[0, 2:10, 5:10] = 1, 2
    masks, thing = channels.part_masks(parts, [1, 2]), (parts > 0)[None]
    places, beside = (parts[0] > 0).flatten().nonzero()[:, 0], 6
    generator, found = torch.Generator().manual_seed(0), []
    for _ in range(400):  # 20 pixels on the thing and 6 beside it
        on = places[torch.randperm(len(places), generator=generator)[:20]]
        region = torch.zeros(144)
        region[on], region[:beside] = 1, 1
        both = torch.stack([region[m.flatten()].sum() for m in masks[0]])
        found.append(channels.Overlap(both[None], region.sum()[None], masks[0].sum((1, 2))))
    whole = channels.Overlap(torch.tensor([[20.0]]), found[0].region, thing.sum()[None])
    chance = channels.chance_iou(found[0], whole)
    assert torch.allclose(chance, torch.stack([o.iou for o in found]).mean(0), atol=0.01)
    assert (chance <= whole.iou).all()
