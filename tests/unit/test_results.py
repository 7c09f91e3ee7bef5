"""The results file: one place that writes and reads it, and words for the spread of the seeds."""

import pytest
import torch

from utils import results


def test_what_is_recorded_is_read_in_the_order_of_the_seeds(tmp_path):
    path = tmp_path / "new" / "results.json"
    for seed in (10, 0, 2):
        results.record("one", seed, {"top1": seed / 3, "n": seed, "sweep": {"0.10": 0.5}}, path)
    results.record("other", 0, {"top1": 1.0}, path)
    assert [run["n"] for run in results.runs("one", path)] == [0, 2, 10]
    assert [run["top1"] for run in results.runs("one", path)] == [0, 0.6667, 3.3333]
    assert results.runs("other", path) == [{"top1": 1.0}]


def test_recording_a_seed_again_replaces_it_and_keeps_the_others(tmp_path):
    path = tmp_path / "results.json"
    for seed, value in ((0, 1.0), (1, 2.0), (0, 3.0)):
        results.record("one", seed, {"v": value}, path)
    assert [run["v"] for run in results.runs("one", path)] == [3.0, 2.0]


def test_a_name_that_is_not_there_hears_which_are(tmp_path):
    with pytest.raises(KeyError, match=r"no results of 'objects-gaps'.*objects-gap, .*scenes"):
        results.runs("objects-gaps")


def test_the_file_lies_as_record_writes_it(tmp_path):
    """So `make train` changes the lines of what it measured, and no others."""
    copy = tmp_path / "results.json"
    copy.write_text(results.PATH.read_text("utf8"), "utf8")
    results.record("objects-gap", 0, results.runs("objects-gap")[0], copy)
    assert copy.read_text("utf8") == results.PATH.read_text("utf8")


def test_values_are_one_number_for_each_seed():
    top1 = [run["top1"] for run in results.runs("objects-gap")]
    percent = results.values("objects-gap", "top1").tolist()
    assert percent == pytest.approx([100 * v for v in top1])
    assert results.values("objects-gap", "top1", 1).tolist() == top1


def test_a_curve_is_one_row_for_each_seed():
    steps, found = results.curve("objects-gap", "gt_known_sweep")
    at = steps.index(0.2)
    assert found.shape == (len(results.runs("objects-gap")), len(steps))
    assert torch.allclose(found[:, at], results.values("objects-gap", "gt_known_at_20"))


def test_spread_and_deviation_in_words():
    v = torch.tensor([66.1, 66.2, 69.0], dtype=torch.float64)
    assert results.spread(v) == "67.1 (66.1 to 69.0)"
    assert results.spread(v, 0, "–") == "67 (66–69)"
    assert results.deviation(v) == "67.1 ± 1.6"
    assert results.deviation(v, 2) == "67.10 ± 1.65"
