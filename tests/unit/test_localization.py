"""Boxes from maps and how they are judged, also against references written from the definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from utils import cam, localization
from utils.localization import box_from_map, gt_known, iou


def blob(h, w, *boxes):
    M = torch.zeros(h, w)
    for height, (x0, y0, x1, y1) in enumerate(boxes, 1):
        M[y0:y1, x0:x1] = height
    return M


def test_box_is_half_open_and_tight():
    assert box_from_map(blob(20, 30, (4, 2, 7, 6))).tolist() == [4, 2, 7, 6]
    assert box_from_map(blob(5, 5, (0, 0, 1, 1))).tolist() == [0, 0, 1, 1]


def test_largest_component_wins_not_the_hottest():
    M = blob(20, 30, (1, 1, 11, 11), (20, 5, 23, 8))
    assert box_from_map(M).tolist() == [1, 1, 11, 11]
    assert box_from_map(M, 0.6).tolist() == [20, 5, 23, 8]


def test_pixels_touching_at_a_corner_belong_together():
    assert box_from_map(torch.eye(6)).tolist() == [0, 0, 6, 6]


def test_threshold_is_a_fraction_of_the_maximum_and_strict():
    M = torch.tensor([[1.0, 2.0, 10.0]])
    assert box_from_map(M, 0.2).tolist() == [2, 0, 3, 1]  # 2.0 is not above 20 % of 10
    assert box_from_map(M, 0.19).tolist() == [1, 0, 3, 1]
    assert box_from_map(M * 1e-12, 0.19).tolist() == [1, 0, 3, 1]


def test_minmax_does_not_see_a_constant_and_max_does():
    M = torch.tensor([[1.0, 2.0, 10.0]])
    assert box_from_map(M, 0.15, "minmax").tolist() == [2, 0, 3, 1]
    assert box_from_map(M + 100, 0.15, "minmax").tolist() == [2, 0, 3, 1]
    assert box_from_map(M + 100, 0.15).tolist() == [0, 0, 3, 1]


def test_many_maps_have_the_box_of_each():
    maps = torch.stack([blob(20, 30, (4, 2, 7, 6)), blob(20, 30, (1, 1, 9, 9))])
    found = localization.boxes_from_maps(maps, 0.15, "minmax")
    assert found.tolist() == [box_from_map(M, 0.15, "minmax").tolist() for M in maps]


def test_a_map_without_evidence_gives_the_whole_picture():
    assert box_from_map(-torch.rand(4, 6)).tolist() == [0, 0, 6, 4]
    assert box_from_map(torch.full((4, 6), 3.0), how="minmax").tolist() == [0, 0, 6, 4]


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="one map"):
        box_from_map(torch.rand(1, 3, 3))
    with pytest.raises(ValueError, match="fraction"):
        box_from_map(torch.rand(3, 3), 20)
    with pytest.raises(ValueError, match="NaN"):
        box_from_map(torch.full((3, 3), float("nan")))
    with pytest.raises(ValueError, match="2 boxes, but the true boxes of 3 pictures"):
        gt_known(torch.ones(2, 4), torch.ones(3, 4))
    with pytest.raises(ValueError, match="2 maps, but the true boxes of 3 pictures"):
        localization.sweep(torch.rand(2, 4, 4), torch.ones(3, 4))
    with pytest.raises(ValueError, match="same thresholds"):
        row = torch.rand(4, 4), torch.ones(4)
        localization.stacked([localization.record(*row, thresholds=t) for t in ([0.1], [0.2])])
    bare = localization.records(torch.rand(2, 4, 4), torch.ones(2, 4))
    with pytest.raises(ValueError, match="needs masks"):
        localization.pointing(bare)
    with pytest.raises(ValueError, match="needs masks"):
        localization.average_precision(bare.pixels)
    with pytest.raises(ValueError, match="True or False is wanted"):
        localization.pxap(torch.rand(2, 4, 4), torch.ones(2, 4, 4))
    with pytest.raises(ValueError, match="right masks"):
        localization.pxap(torch.rand(2, 4, 4), torch.zeros(2, 4, 4, dtype=torch.bool))


sides = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 9)] * 2)
boxes = sides.map(lambda s: (s[0], s[1], s[0] + s[2], s[1] + s[3]))


@settings(deadline=None)
@given(boxes, boxes)
def test_iou_counts_pixels(a, b):
    wanted = iou_by_hand(a, b)
    assert iou(torch.tensor(a), torch.tensor(b)).item() == pytest.approx(wanted)


def test_iou_of_an_empty_box_is_zero():
    empty, turned = torch.tensor([3, 3, 3, 3]), torch.tensor([5, 5, 2, 3])
    for box in (empty, turned, torch.tensor([2, 2, 4, 4])):
        assert iou(empty, box).item() == iou(box, empty).item() == 0
        assert iou(empty.float(), box.float()).item() == iou(turned, box).item() == 0


def test_iou_of_a_box_with_itself_is_one():
    box = torch.tensor([[0, 0, 3, 4]])
    assert iou(box, box).item() == 1  # an evaluator that adds 1 to exclusive sides gives 0.6


def test_gt_known_counts_half_as_found():
    true = torch.tensor([[0, 0, 10, 10]] * 3)
    mine = torch.tensor([[0, 0, 10, 5], [0, 0, 10, 4], [20, 20, 30, 30]])
    assert gt_known(mine, true) == pytest.approx(1 / 3)


def test_any_of_several_true_boxes_will_do():
    mine = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 10]])
    true = [torch.tensor([[50, 50, 60, 60], [0.0, 0.0, 10.0, 8.0]]), torch.tensor([[5, 5, 20, 20]])]
    assert localization.best_iou(mine, true).tolist() == pytest.approx([0.8, 25 / 300])
    assert gt_known(mine, true) == 0.5


def test_ranks_agree_with_argmax_even_for_ties():
    S = torch.randint(0, 4, (200, 5), generator=torch.Generator().manual_seed(0)).float()
    labels = torch.arange(200) % 5
    found = localization.ranks(S, labels)
    assert ((found == 1) == (torch.from_numpy(S.numpy().argmax(1)) == labels)).all()
    for rank, row, label in zip(found, S, labels, strict=True):
        order = sorted(range(5), key=lambda c: (-row[c], c))
        assert order.index(label) + 1 == rank


def test_top_k_localization_needs_the_class_and_the_place():
    S = torch.tensor([[3.0, 2, 1], [3, 2, 1], [3, 2, 1], [3, 2, 1]])
    labels = torch.tensor([0, 1, 2, 0])
    true = torch.tensor([[0, 0, 10, 10]] * 4)
    mine = torch.tensor([[0, 0, 10, 9]] * 3 + [[0, 0, 3, 3]])
    shares = [localization.top_k_localization(S, labels, mine, true, k) for k in (1, 2, 3)]
    assert shares == [0.25, 0.5, 0.75]
    assert shares[-1] == gt_known(mine, true)


# ---------------------------------------------------------------- written from the definitions
# Plain loops over Python lists; nothing is taken from the package but the float32 of its maps.


def scaled_by_hand(M, how):
    values = [[np.float32(v) for v in row] for row in M]
    flat = [v for row in values for v in row]
    low = min(flat) if how == "minmax" else np.float32(0)
    top = max(max(v - low, np.float32(0)) for v in flat)
    return [[max(v - low, np.float32(0)) / top if top > 0 else top for v in row] for row in values]


def components_by_hand(M, threshold):
    """The pixel sets of all components above the threshold, by flood fill, in reading order."""
    above = {
        (x, y) for y, row in enumerate(M) for x, v in enumerate(row) if v > np.float32(threshold)
    }
    found = []
    for seed in sorted(above, key=lambda p: (p[1], p[0])):
        if any(seed in component for component in found):
            continue
        component, border = {seed}, [seed]
        while border:
            x, y = border.pop()
            near = {(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
            border += list((near & above) - component)
            component |= near & above
        found.append(component)
    return found or [{(x, y) for y, row in enumerate(M) for x, _ in enumerate(row)}]


def box_by_hand(pixels):
    x, y = [p[0] for p in pixels], [p[1] for p in pixels]
    return min(x), min(y), max(x) + 1, max(y) + 1


def iou_by_hand(a, b):
    pixels = [{(x, y) for x in range(r[0], r[2]) for y in range(r[1], r[3])} for r in (a, b)]
    return len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])


def share_found_by_hand(maps, true_boxes, threshold, least, every, how):
    right = 0
    for M, true in zip(maps, true_boxes, strict=True):
        components = components_by_hand(scaled_by_hand(M, how), threshold)
        judged = components if every else [max(components, key=len)]  # max takes the first
        right += any(iou_by_hand(box_by_hand(c), t) >= least for c in judged for t in true)
    return right / len(maps)


def pxap_by_hand(maps, masks, ignore, levels):
    values, true = [], []
    for M, mask, left_out in zip(maps, masks, ignore, strict=True):
        for row, mask_row, out_row in zip(scaled_by_hand(M, "minmax"), mask, left_out, strict=True):
            for v, on, out in zip(row, mask_row, out_row, strict=True):
                if not out:
                    values.append(int(v * np.float32(levels)))
                    true.append(on)
    area = recall_before = 0
    for level in range(levels, -1, -1):
        found = [on for v, on in zip(values, true, strict=True) if v >= level]
        if found:
            recall = sum(found) / sum(true)
            area += sum(found) / len(found) * (recall - recall_before)
            recall_before = recall
    return area


@st.composite
def worlds(draw):
    """A few small maps with flat places and ties, true boxes, masks and ignored pixels."""
    n, h, w = draw(st.integers(1, 3)), draw(st.integers(1, 7)), draw(st.integers(1, 7))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    maps = random.integers(-draw(st.integers(0, 3)), draw(st.integers(1, 9)), (n, h, w))
    true_boxes = []
    for _ in range(n):
        corners = random.integers(0, [w, h], (random.integers(1, 4), 2))
        far = [[random.integers(x, w) + 1, random.integers(y, h) + 1] for x, y in corners]
        true_boxes.append(np.hstack([corners, far]).tolist())
    masks, ignore = random.random((n, h, w)) < 0.5, random.random((n, h, w)) < 0.2
    masks[0, 0, 0], ignore[0, 0, 0] = True, False
    return maps.astype(np.float32) * 0.7, true_boxes, masks, ignore


GRID = tuple(round(0.1 * i, 1) for i in range(10))


@settings(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from(localization.FINE), st.sampled_from(["max", "minmax"]))
def test_box_as_by_hand(world, threshold, how):
    for M in world[0]:
        components = components_by_hand(scaled_by_hand(M, how), threshold)
        wanted = box_by_hand(max(components, key=len))
        assert tuple(box_from_map(torch.from_numpy(M), threshold, how).tolist()) == wanted


def tensors_of(world):
    maps, true, masks, ignore = world
    boxes = [torch.tensor(t) for t in true]
    return torch.from_numpy(maps), boxes, torch.from_numpy(masks), torch.from_numpy(ignore)


@settings(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from(["max", "minmax"]))
def test_one_record_gives_all_measures_as_by_hand(world, how):
    maps, true, masks, ignore = world
    r = localization.records(*tensors_of(world), GRID, how)

    def shares(least, every):
        return [share_found_by_hand(maps, true, t, least, every, how) for t in GRID]

    largest = shares(0.5, False)
    assert localization.accuracy(r).tolist() == largest
    assert [localization.accuracy_at(r, t) for t in GRID] == largest
    assert localization.max_box_acc(r) == (max(largest), GRID[largest.index(max(largest))])
    best = [shares(least, True) for least in (0.3, 0.5, 0.7)]
    for least, wanted in zip((0.3, 0.5, 0.7), best, strict=True):
        assert localization.accuracy(r, least, "best").tolist() == wanted
    wanted = sum(map(max, best)) / 3
    assert localization.max_box_acc_v2(r) == pytest.approx(wanted, abs=1e-15)
    wanted = pxap_by_hand(maps, masks.tolist(), ignore.tolist(), 1000)
    assert localization.average_precision(r.pixels) == pytest.approx(wanted, abs=1e-12)
    firsts = [max(np.ndindex(M.shape), key=M.__getitem__) for M in maps]  # max takes the first
    wanted = sum(mask[at] for mask, at in zip(masks, firsts, strict=True)) / len(maps)
    assert localization.pointing(r) == pytest.approx(wanted)


@settings(deadline=None, max_examples=30)
@given(worlds())
def test_records_of_many_are_the_records_of_each(world):
    together = localization.records(*tensors_of(world), GRID)
    one_by_one = [localization.record(*row, GRID) for row in zip(*tensors_of(world), strict=True)]
    for found, wanted in zip(together[1:], localization.stacked(one_by_one)[1:], strict=True):
        assert torch.equal(found, wanted)
    bare = localization.records(*tensors_of(world)[:2], thresholds=GRID)
    assert torch.equal(bare.largest, together.largest) and bare.pixels is bare.peak is None


@settings(deadline=None, max_examples=30)
@given(worlds())
def test_sweep_as_by_hand(world):
    maps, true, *_ = world
    tensors = torch.from_numpy(maps), [torch.tensor(t) for t in true]
    wanted = {t: share_found_by_hand(maps, true, t, 0.5, False, "max") for t in GRID}
    assert localization.sweep(*tensors, GRID) == wanted


@settings(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from([10, 255, 1000]))
def test_pxap_as_by_hand(world, levels):
    maps, _, masks, ignore = world
    tensors = (torch.from_numpy(t) for t in (maps, masks, ignore))
    wanted = pxap_by_hand(maps, masks.tolist(), ignore.tolist(), levels)
    assert localization.pxap(*tensors, levels) == pytest.approx(wanted, abs=1e-12)


# ---------------------------------------------------------------- larger maps, properties


@pytest.fixture(scope="module")
def smooth():
    maps = localization.random_maps(12, 56, 48, seed=3)
    corners = torch.randint(0, 24, (12, 2), generator=torch.Generator().manual_seed(1))
    return maps, torch.cat([corners, corners + 24], 1)


def test_sweep_is_gt_known_of_the_boxes_at_each_threshold(smooth):
    maps, true = smooth
    for t, share in localization.sweep(maps, true).items():
        assert share == gt_known(torch.stack([box_from_map(M, t) for M in maps]), true)


def test_best_threshold_is_the_first_best(smooth):
    found = localization.sweep(*smooth)
    best = localization.best_threshold(*smooth)
    assert found[best] == max(found.values())
    assert all(found[t] < found[best] for t in found if t < best)


def test_any_component_is_at_least_as_good_as_the_largest(smooth):
    for M, true in zip(*smooth, strict=True):
        largest, every = localization.iou_curves(M, true)
        assert (every >= largest).all() and len(largest) == len(localization.FINE)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(0, 10**6))
def test_all_thresholds_at_once_find_the_components_of_each(h, w, tall, seed):
    random = np.random.default_rng(seed)
    M = torch.from_numpy(random.integers(-2, tall, (h, w)) * 0.7)
    true = torch.tensor([0, 0, w // 2 + 1, h // 3 + 1])
    thresholds = [0.5, 0.0, 0.21, 0.5, 0.99, 0.4]  # in any order, and twice
    found = localization.iou_curves(M, true, thresholds, "max")
    for t, largest, best in zip(thresholds, *found, strict=True):
        above = (cam.normalize(M.float()) > t).numpy()
        boxes = torch.from_numpy(localization.component_boxes(above))
        fits = iou(boxes if len(boxes) else torch.tensor([[0, 0, w, h]]), true)
        assert (fits[0], fits.max()) == (largest, best)


def test_boxes_of_one_object_as_tensor_and_as_list_are_the_same(smooth):
    maps, true = smooth
    listed = [box[None].float() for box in true]
    one, other = (localization.records(maps, boxes) for boxes in (true, listed))
    assert localization.max_box_acc(one) == localization.max_box_acc(other)
    assert localization.max_box_acc_v2(one) == localization.max_box_acc_v2(other)


def test_pxap_is_average_precision_of_the_rounded_maps(smooth):
    maps, _ = smooth
    masks = torch.zeros_like(maps, dtype=torch.bool)
    masks[:, 10:40, 8:30] = True
    low, top = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    levels = ((maps - low) / (top - low) * 1000).int()
    wanted = average_precision_score(masks.flatten(), levels.flatten())
    assert localization.pxap(maps, masks) == pytest.approx(wanted, abs=1e-9)


def test_pixel_counts_add_up_picture_by_picture(smooth):
    maps, _ = smooth
    masks = maps > 0.6
    ignore = (maps > 0.5) & ~masks
    together = localization.pixel_counts(maps, masks, ignore)
    rows = zip(maps.split(1), masks.split(1), ignore.split(1), strict=True)
    one_by_one = sum(localization.pixel_counts(*row) for row in reversed(list(rows)))
    assert torch.equal(one_by_one, together) and together.shape == (2, 1001)
    assert together.sum(1).tolist() == [(~masks & ~ignore).sum(), masks.sum()]
    found = localization.average_precision(one_by_one)
    assert found == localization.pxap(maps, masks, ignore)


def test_pxap_of_a_perfect_map_is_one_and_of_a_flat_one_the_objects_share():
    masks = torch.zeros(3, 8, 10, dtype=torch.bool)
    masks[:, 2:4, 3:8] = True
    assert localization.pxap(masks.float(), masks) == 1
    assert localization.pxap(torch.ones(3, 8, 10), masks) == pytest.approx(10 / 80)
    assert localization.pxap(torch.ones(3, 8, 10), masks, ~masks) == 1
    precision, recall = localization.precision_recall(
        localization.pixel_counts(masks.float() - 0.5, masks)
    )
    assert precision[0] == recall[0] == 1 and precision[-1] == 10 / 80 and len(recall) == 1001


@given(st.integers(0, 6), st.integers(0, 4), st.integers(1, 3))
def test_of_equal_maxima_the_first_or_the_middle_counts(column, row, side):
    M = torch.zeros(1, 8, 10)
    M[:, row : row + side, column : column + side] = 2
    mask = torch.zeros_like(M, dtype=torch.bool)
    first, middle = mask.clone(), mask.clone()
    first[:, row, column] = middle[:, row + side // 2, column + side // 2] = True
    assert localization.peaks_in(M, first).all()
    assert localization.peaks_in(M, middle, middle=True).all()
    assert localization.peaks_in(M, middle).any() == (side == 1)


# ---------------------------------------------------------------- baselines


def test_the_whole_picture_is_found_where_the_object_fills_half_of_it():
    mine = localization.whole_picture(2, 10, 20)
    assert mine.tolist() == [[0, 0, 20, 10]] * 2
    assert gt_known(mine, torch.tensor([[0, 0, 10, 10], [0, 0, 9, 10]])) == 0.5


def test_centred_boxes_have_the_shape_of_the_picture():
    found = localization.centred_boxes(10, 20, [1, 0.5])
    assert found.tolist() == [[0, 0, 20, 10], [5, 2.5, 15, 7.5]]


def test_the_centred_map_sweeps_through_the_centred_boxes():
    M = localization.centred_map(40, 80)
    assert torch.allclose(M, M.flip(0)) and torch.allclose(M, M.flip(1)) and M.max() > 0.99
    boxes = torch.stack([box_from_map(M, t) for t in localization.FINE[1:]])
    assert (boxes[:, :2] + boxes[:, 2:] == torch.tensor([80, 40])).all()  # around the centre
    assert (boxes[:, 2] - boxes[:, 0] - 2 * (boxes[:, 3] - boxes[:, 1])).abs().max() <= 2
    true = torch.tensor([[20, 10, 60, 30]])
    assert localization.max_box_acc(localization.records(M[None], true))[0] == 1


def test_random_maps_are_smooth_and_the_same_for_a_seed():
    a, b, c = (localization.random_maps(3, 28, 35, seed=s) for s in (1, 1, 2))
    assert a.shape == (3, 28, 35) and torch.equal(a, b) and not torch.equal(a, c)
    assert (a[:, 1:] - a[:, :-1]).abs().max() < 0.3


def test_the_best_centred_box_is_right_most_often():
    small, large = torch.tensor([[4.0, 4, 6, 6]]), torch.tensor([[1.0, 1, 9, 9]])
    side, right = localization.best_centred([small, large, large], 10, 10, [0.2, 0.8])
    assert side == 0.8 and right.tolist() == [0, 1, 1]
