"""Differences and their intervals: against scipy, against known answers, and by simulation."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import special, stats

from utils import compare

S, N, TRUE = 3, 300, 0.1


def drawn(kind, seed_effect, rng, seeds=S):
    """Values of two methods that differ by TRUE on average: a, b, both (seeds, N).

    Pictures are easy or hard for both methods, networks of a seed better or worse at all pictures.
    "crossed": numbers; the difference depends on the picture. "shares": right or wrong.
    """
    effect = seed_effect * rng.normal(size=(2, seeds, 1)) / 2**0.5  # of the difference: seed_effect
    if kind == "crossed":
        a, b = effect + 0.3 * rng.normal(size=(2, seeds, N)) + 0.4 * rng.normal(size=(2, 1, N))
        return a + TRUE, b
    hard, own = rng.random((1, 1, N)), rng.random((2, seeds, N))
    luck = np.where(rng.random((2, seeds, N)) < 0.5, own, hard)
    a, b = luck < effect + np.array([0.65 + TRUE, 0.65])[:, None, None]
    return a, b


def held(intervals):
    """The share of intervals that hold the truth."""
    return np.mean([low <= TRUE <= high for low, high in intervals])


# ---------------------------------------------------------------- coverage


@pytest.mark.parametrize("seed_effect", [0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("kind", ["crossed", "shares"])
def test_of_intervals_of_95_percent_about_95_hold_the_truth(kind, seed_effect):
    """3 seeds and 300 pictures, 1000 times: two standard errors of the share are 0.014."""
    rng = np.random.default_rng(0)
    found = [compare.paired(*drawn(kind, seed_effect, rng)) for _ in range(1000)]
    assert 0.936 <= held((d.low, d.high) for d in found) <= 0.99


def test_a_difference_that_rounding_leaves_is_none(monkeypatch):
    """Some SciPy gives 7e-17 for the middle of Student's t, where it is 0."""
    at = special.stdtrit
    monkeypatch.setattr(special, "stdtrit", lambda df, p: at(df, p) + 7e-17)
    assert compare._where_zero_is_left(1e-18, [(0.1, 9)]) == 1.0


@pytest.mark.parametrize("kind", ["crossed", "shares"])
def test_p_below_one_in_twenty_comes_once_in_twenty_where_nothing_differs(kind):
    rng = np.random.default_rng(1)
    found = [compare.paired(a, a[:, rng.permutation(N)]) for a, _ in
             (drawn(kind, 0.03, rng) for _ in range(600))]  # fmt: skip
    assert np.mean([d.p < 0.05 for d in found]) <= 0.068


def test_the_hierarchical_bootstrap_would_be_too_narrow_for_three_seeds():
    """Seeds drawn, then pictures for each: why `paired` does not do so."""
    rng, intervals = np.random.default_rng(2), []
    for _ in range(200):
        a, b = drawn("crossed", 0.06, rng)
        d = (a - b)[rng.integers(0, S, (200, S))]  # (200, S, N)
        weights = rng.multinomial(N, [1 / N] * N, (200, S)) / N
        intervals.append(np.percentile((d * weights).sum(2).mean(1), [2.5, 97.5]))
    assert held(intervals) < 0.88


def test_one_seed_covers_as_well():
    rng = np.random.default_rng(3)
    found = [compare.paired(*drawn("crossed", 0, rng, 1)) for _ in range(600)]
    assert 0.932 <= held((d.low, d.high) for d in found) <= 0.968


# ---------------------------------------------------------------- against scipy


def test_one_seed_is_the_paired_t_test_and_close_to_the_bootstrap():
    a, b = (x[0] for x in drawn("shares", 0, np.random.default_rng(4), 1))
    found, test = compare.paired(a, b), stats.ttest_rel(a * 1.0, b * 1.0)
    assert found.p == pytest.approx(test.pvalue, rel=1e-5)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()), rel=1e-9)
    means = np.random.default_rng(0).choice(a * 1.0 - b, (4000, len(a))).mean(1)  # drawn anew
    assert (found.low, found.high) == pytest.approx(np.quantile(means, (0.025, 0.975)), abs=0.006)


@pytest.mark.parametrize("pictures", ["same", "own"])
def test_over_seeds_is_the_paired_t_test_of_the_seeds(pictures):
    a, b = torch.tensor([0.67, 0.66, 0.69]), [0.46, 0.66, 0.55]
    found, test = compare.over_seeds(a, b, pictures=pictures), stats.ttest_rel(a, b)
    assert found.p == pytest.approx(test.pvalue, rel=1e-5)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()), rel=1e-5)
    assert pictures in found.over


def test_seeds_with_pictures_of_their_own_are_compared_by_their_means():
    a, b = ([torch.rand(n, generator=torch.Generator().manual_seed(n + k)) for n in (40, 50, 60)]
            for k in (0, 1))  # fmt: skip
    means = [torch.stack([v.double().mean() for v in x]) for x in (a, b)]
    found, wanted = compare.paired(a, b, pictures="own"), compare.over_seeds(*means, pictures="own")
    assert dataclasses.astuple(found)[:4] == pytest.approx(dataclasses.astuple(wanted)[:4])
    assert found.over == wanted.over == "3 seeds with pictures of their own"


def test_holm_by_hand():
    d = compare.paired([1.0, 2], [0.0, 0.5])
    tested = {str(p): dataclasses.replace(d, p=p) for p in (0.01, 0.04, 0.03, 0.005)}
    found = compare.holm(tested)
    assert list(found) == list(tested)
    assert [f.p for f in found.values()] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert {f.tests for f in found.values()} == {4}
    assert compare.holm({}) == {}


# ---------------------------------------------------------------- known answers


def test_what_varies_with_nothing_has_no_width_and_pairing_counts():
    a = torch.rand(3, 50, dtype=torch.float64)
    found = compare.paired(a + 0.25, a)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25)) and found.p < 1e-6
    assert compare.paired(a, a).p == 1


def test_the_first_minus_the_second_and_the_other_way_round():
    a, b = drawn("shares", 0.03, np.random.default_rng(5))
    there, back = compare.paired(a, b), compare.paired(b, a)
    assert there.mean == pytest.approx(a.mean() - b.mean())
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == pytest.approx(back.p)


def test_p_is_the_level_whose_interval_ends_at_zero():
    a, b = drawn("crossed", 0.03, np.random.default_rng(6))
    p = compare.paired(a, b).p
    assert compare.paired(a, b, level=1 - p).low == pytest.approx(0, abs=1e-9)


def test_where_seeds_differ_three_say_less_than_thirty():
    rng = np.random.default_rng(7)
    few, many = (
        np.mean([d.high - d.low for d in (
            compare.paired(*drawn("crossed", 0.5, rng, seeds)) for _ in range(20))])
        for seeds in (3, 30)
    )  # fmt: skip
    assert few > 4 * many


# ---------------------------------------------------------------- words


def test_the_words():
    d = compare.Difference(0.1138, 0.0621, 0.1589, 0.0004, "1,000 pictures and 3 seeds")
    assert str(d) == "+11.4 points (95 %: 6.2 to 15.9), over 1,000 pictures and 3 seeds"
    assert compare.said(d, "pixels", 1, 2).startswith("+0.11 pixels (95 %: 0.06 to 0.16)")
    assert "; p < 0.001, corrected for 2 tests), over" in str(compare.holm({"x": d, "y": d})["x"])
    rows, header = compare.table({"box": d, "peak": dataclasses.replace(d, p=0.04)})
    assert rows[1][:4] == ["peak", "+11.4", "6.2 to 15.9", "p = 0.040"]
    assert header[1:4] == ["difference, points", "95 %", "p, corrected for 2 tests"]
    assert compare.table({"box": d})[1][3] == "p"


def test_the_words_say_whose_variation_is_held():
    a, b = drawn("shares", 0.03, np.random.default_rng(9))
    assert compare.paired(a, b).over == "300 pictures and 3 seeds"
    assert compare.paired(a[0], b[0]).over == "300 pictures, one seed"
    assert compare.paired(a[:1], b[:1]).over == "300 pictures, one seed"
    assert compare.over_seeds(a.mean(1), b.mean(1)).over == "3 seeds on the same pictures"


def test_lists_arrays_tensors_and_true_or_false_are_taken():
    a, b = [True, False, True], [False, False, True]
    wanted = compare.paired([1.0, 0, 1], [0.0, 0, 1])
    for make in (list, np.array, torch.tensor):
        assert compare.paired(make(a), make(b)) == wanted
    assert compare.paired([a, a], [b, b]).mean == wanted.mean


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("bad, says", [
    (None, "wanted"), ("cat", "wanted"), ([], "wanted"), ([0.1, float("nan")], "NaN"),
    (torch.rand(2, 2, 2), r"\(S, N\)"), ([0.1, 0.2, 0.3], "1 seeds of 3 pictures"),
    ([[0.1, 0.2], [0.1, 0.2]], "2 seeds of 2"), ({1: 2}, "wanted"),
])  # fmt: skip
def test_values_that_cannot_be_paired_get_one_sentence(bad, says):
    for arguments in ((bad, [0.5, 0.7]), ([0.5, 0.7], bad)):
        with pytest.raises((ValueError, TypeError), match=says):
            compare.paired(*arguments)


def test_errors_say_what_to_do():
    a = torch.rand(3, 4)
    with pytest.raises(ValueError, match="two pictures or more"):
        compare.paired([0.5], [0.3])
    with pytest.raises(ValueError, match="one seed says nothing about seeds"):
        compare.over_seeds([0.5], [0.3])
    with pytest.raises(ValueError, match="one shape"):
        compare.over_seeds([0.5, 0.4], [0.3, 0.2, 0.1])
    with pytest.raises(ValueError, match='"own"'):
        compare.paired(a, a, pictures="others")
    with pytest.raises(ValueError, match='pictures="own"'):
        compare.paired([a[0], a[0, :3]], [a[0], a[0, :3]])
    with pytest.raises(ValueError, match="the level"):
        compare.paired(a, a, level=95)
    with pytest.raises(TypeError, match="a difference"):
        compare.said(0.5)
    with pytest.raises(TypeError, match="a difference"):
        compare.holm({"x": 0.04})
    with pytest.raises(TypeError, match="a dict of differences"):
        compare.table([0.04])


def test_shares_differ_by_one_at_most():
    few, none = [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]
    assert compare.paired(few, none).high == 1
    assert compare.paired(none, few).low == -1
    assert compare.paired([3 * v for v in few], none).high > 3  # no shares
    assert compare.over_seeds(few, none).high == 1
