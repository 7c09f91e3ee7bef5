"""Boxes from maps and how they are judged."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_map_without_evidence_gives_the_whole_picture():
    assert box_from_map(-torch.rand(4, 6)).tolist() == [0, 0, 6, 4]


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="one map"):
        box_from_map(torch.rand(1, 3, 3))
    with pytest.raises(ValueError, match="fraction"):
        box_from_map(torch.rand(3, 3), 20)


sides = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 9)] * 2)
boxes = sides.map(lambda s: (s[0], s[1], s[0] + s[2], s[1] + s[3]))


@given(boxes, boxes)
def test_iou_counts_pixels(a, b):
    pixels = [{(x, y) for x in range(r[0], r[2]) for y in range(r[1], r[3])} for r in (a, b)]
    wanted = len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])
    assert iou(torch.tensor(a), torch.tensor(b)).item() == pytest.approx(wanted)


def test_iou_of_a_box_with_itself_is_one():
    box = torch.tensor([[0, 0, 3, 4]])
    assert iou(box, box).item() == 1  # an evaluator that adds 1 to exclusive sides gives 0.6


def test_gt_known_counts_half_as_found():
    true = torch.tensor([[0, 0, 10, 10]] * 3)
    mine = torch.tensor([[0, 0, 10, 5], [0, 0, 10, 4], [20, 20, 30, 30]])
    assert gt_known(mine, true) == pytest.approx(1 / 3)
