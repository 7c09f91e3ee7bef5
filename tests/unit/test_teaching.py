"""A lesson's plan, how far somebody is in it, and the scores."""

import pytest
import torch

from utils import teaching

LABELS = torch.arange(60) % 4


@pytest.fixture
def plan():
    return teaching.plan(LABELS, asked=2, studied=3, seed=1)


def play(progress, answer):
    """To the end, answering picture i with answer(i)."""
    while progress.stage != "done":
        study = progress.stage == "study"
        progress = progress.turned() if study else progress.answered(answer(progress.picture))
    return progress


def test_no_picture_comes_twice_and_every_class_as_often(plan):
    shown = [*plan.guide, *plan.first, *sum(plan.study, ()), *plan.second]
    assert len(shown) == len(set(shown)) == 4 * (1 + 2 + 3 + 2)
    assert plan.classes(plan.guide) == [0, 1, 2, 3]
    assert [set(plan.classes(page)) for page in plan.study] == [{0}, {1}, {2}, {3}]
    for asked in (plan.first, plan.second):
        assert sorted(plan.classes(asked)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_seed_gives_the_same_plan_and_another_seed_another(plan):
    assert teaching.plan(LABELS, 2, 3, seed=1) == plan != teaching.plan(LABELS, 2, 3, seed=2)


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="needs 13 pictures for this plan, and one has 3"):
        teaching.plan(torch.arange(12) % 4)


def test_the_stages_follow_each_other(plan):
    progress, stages = teaching.Progress(plan), []
    while progress.stage != "done":
        stages.append(progress.stage)
        studying = progress.stage == "study"
        progress = progress.turned() if studying else progress.answered(0)
    assert stages == ["first round"] * 8 + ["study"] * 4 + ["second round"] * 8


def test_pictures_are_asked_for_in_the_order_of_the_plan(plan):
    asked, numbers, progress = [], [], teaching.Progress(plan)
    while progress.stage != "done":
        if progress.stage == "study":
            progress = progress.turned()
            continue
        asked.append(progress.picture)
        numbers.append(progress.number)
        progress = progress.answered(1)
    assert asked == [*plan.first, *plan.second]
    assert numbers == [(k, 8) for k in (*range(1, 9), *range(1, 9))]


def test_what_is_not_wanted_is_refused(plan):
    start = teaching.Progress(plan)
    with pytest.raises(ValueError, match="no page to turn"):
        start.turned()
    with pytest.raises(IndexError, match="no class 4"):
        start.answered(4)
    end = play(start, lambda i: 0)
    with pytest.raises(ValueError, match="no answer is wanted"):
        end.answered(0)
    with pytest.raises(ValueError, match="no picture is asked for"):
        _ = end.picture


def test_rounds_hold_answers_and_truth(plan):
    right = play(teaching.Progress(plan), lambda i: plan.truth[i])
    for answers, truth in right.rounds():
        assert answers == truth and len(truth) == 8
    half = teaching.Progress(plan, answers=(3, 3))
    assert half.rounds() == (([3, 3], plan.classes(plan.first[:2])), ([], []))


def test_confusion_counts_the_truth_in_its_rows():
    found = teaching.confusion([0, 1, 1, 2], [0, 0, 0, 2], 3)
    assert found.tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError):
        teaching.confusion([0], [0, 1], 2)


def test_the_chance_of_guessing_as_many():
    assert teaching.by_guessing(0, 12, 4) == 1
    assert teaching.by_guessing(2, 2, 4) == pytest.approx(1 / 16)
    assert teaching.by_guessing(1, 2, 4) == pytest.approx(7 / 16)
    with pytest.raises(ValueError, match="there cannot be more"):
        teaching.by_guessing(3, 2, 4)


def test_the_report_says_both_scores_or_how_far_it_is(plan):
    assert "first round, with 0 answers" in teaching.report(teaching.Progress(plan))
    said = teaching.report(play(teaching.Progress(plan), lambda i: plan.truth[i]))
    assert "First round: 8 of 8 right. Second round: 8 of 8." in said and "2 on average" in said
