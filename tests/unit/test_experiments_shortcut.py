"""A stamp on one class: what wears it, what is learnt, and what the map of the class shows."""

import pytest
import torch

from utils.experiments import shortcut as experiment
from utils.experiments.shortcut import CUP


@pytest.fixture(scope="module")
def pictures():
    return experiment.things(20, seed=1)


@pytest.fixture(scope="module")
def nets():
    return experiment.loaded()


@pytest.fixture(scope="module")
def tests():
    return experiment.tests(seed=0, n=30)


def test_there_are_as_many_of_each_of_five_things(pictures):
    assert pictures.images.shape == (20, 3, 96, 96)
    assert pictures.labels.bincount().tolist() == [4] * 5
    for i, c in enumerate(pictures.labels.tolist()):  # the parts say what is drawn
        parts = {pictures.part_names[p].split()[0] for p in pictures.parts[i].unique() if p}
        assert parts == {experiment.CLASSES[c]}


def test_the_stamp_is_red_on_white():
    colours = {tuple(c) for c in experiment.stamp().flatten(1).T.tolist()}
    assert {experiment.INK, experiment.PAPER} <= colours


def test_a_stamp_changes_its_own_place_and_no_other(pictures):
    which = torch.arange(20) % 2 == 0
    found = experiment.stamped(pictures, 3, which)
    changed = (found.images != pictures.images).any(1)
    assert not changed[~which].any() and changed[which].any((1, 2)).all()
    assert not (changed & ~found.masks).any()
    assert (found.masks.sum((1, 2)) == experiment.stamp()[0].numel()).all()
    covered = experiment.stamped(pictures, 3, which, covered=True)
    assert torch.equal(covered.masks, found.masks)
    for image, mask in zip(covered.images[which], found.masks[which], strict=True):
        assert len(image[:, mask].unique(dim=1).T) == 1  # one colour


def test_only_cups_are_marked_half_of_all_are_spread_none_is_clean(pictures):
    sets = experiment.training_sets(pictures, seed=0)
    assert sets.keys() == experiment.SETS.keys()
    worn = {k: (p.images != pictures.images).flatten(1).any(1) for k, p in sets.items()}
    cups = pictures.labels == CUP
    assert torch.equal(worn["marked"], cups) and torch.equal(worn["covered"], cups)
    assert not worn["clean"].any()
    assert 4 < worn["spread"].sum() < 16 and worn["spread"][~cups].any()


def test_the_share_of_a_map_on_a_mask():
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[:, 0] = True
    maps = torch.stack([masks[0].float(), torch.ones(4, 4), -torch.ones(4, 4)])
    maps[0, 3] = -5  # evidence against counts for nothing
    assert experiment.mass_on(masks)(maps).tolist() == [1, 0.25, 0]


def test_near_is_one_cell_around():
    masks = torch.zeros(1, 40, 40, dtype=torch.bool)
    masks[0, 20, 20] = True
    grown = experiment.near(masks, 8)
    assert grown.sum() == 17**2 and grown[0, 12, 28] and not grown[0, 11, 20]


def test_accuracy_hides_the_stamp_and_clean_pictures_do_not(nets, tests):
    found = {name: experiment.accuracies(net, tests) for name, net in nets.items()}
    assert found["marked"]["as_trained"] >= found["clean"]["as_trained"]
    assert found["marked"]["clean_cups"] < 0.2 < 0.5 < found["spread"]["clean_cups"]
    assert found["marked"]["others_marked_called_cup"] > 0.8
    assert found["spread"]["others_marked_called_cup"] < 0.2


def test_the_map_of_cup_lies_on_the_stamp_only_where_it_was_learnt(nets, tests):
    looks = experiment.looked_at(nets, tests)["share of the map"]
    assert all(v.shape == (6,) for v in (looks["marked"], looks["mean of all f_k"]))
    rest = [v.mean() for name, v in looks.items() if name != "marked"]
    assert looks["marked"].mean() > max(rest)
    assert looks["marked"].mean() > looks["spread"].mean() + 0.1
