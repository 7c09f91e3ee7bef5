"""Simulated learners: what they are shown, and that only the light tells two of them apart."""

import pytest
import torch

from utils import teaching
from utils.experiments import teaching as experiment


@pytest.fixture(scope="module")
def birds():
    return experiment.cards(16, seed=1)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_cards_hold_the_part_that_tells_the_species(birds):
    assert birds.images.shape == (16, 3, 112, 112) and birds.labels.bincount().tolist() == [2] * 8
    told = birds.masks.flatten(1).sum(1)
    plain = birds.labels == birds.class_names.index("plain wren")
    assert (told[plain] == 0).all() and (told[~plain] > 0).all()
    ours = experiment.asked_for(birds)
    assert ours.labels.bincount().tolist() == [2] * 4 and ours.class_names == experiment.LETTERS
    for i, c in enumerate(ours.labels.tolist()):
        part = {"bar", "cap", "beak", "collar"} & {
            ours.part_names[p].split()[1] for p in ours.parts[i][ours.masks[i]].unique()
        }
        assert part == {["bar", "cap", "beak", "collar"][c]}


def test_a_light_for_every_card_and_every_kind(birds):
    pool = experiment.asked_for(birds)
    found = experiment.lights(experiment.teacher(birds), pool)
    assert found.pop("no light") is None
    assert {tuple(light.shape) for light in found.values()} == {(8, 14, 14)}
    assert all((light >= 0).all() for light in found.values())
    assert not torch.equal(found["map of the species"], found["map of another species"])
    assert not torch.equal(found["map of the species"], found["another card's map"])


def world(n: int, seed: int):
    """Cards whose class is told by channel 1 in the one cell where channel 0 is on."""
    h, labels = drawn(n, 6, 5, 5, seed=seed), torch.arange(n) % 4
    h[:, 0] = 0
    at = torch.randint(25, (n,), generator=torch.Generator().manual_seed(seed))
    light = torch.zeros(n, 25)
    light[torch.arange(n), at] = 1
    cells = h.flatten(2)
    rows = torch.arange(n)
    cells[rows, 0, at] = 6
    for k in range(4):
        cells[rows, k + 1, at] = torch.where(labels == k, 3.0, 0.0)
    return cells.view_as(h), labels, light.view(n, 5, 5)


def test_a_light_on_the_telling_cell_teaches_and_one_beside_it_does_not():
    h, labels, light = world(80, 0)
    new, truth, _ = world(200, 1)

    def right(shown):
        found = experiment.answers(experiment.study(h, labels, shown), new)
        return (found == truth).double().mean().item()

    assert right(light) > 0.9 > right(None) + 0.2
    assert right(light) > right(light.roll(2, 2)) + 0.2


def test_without_a_light_every_cell_counts_the_same():
    h = drawn(5, 3, 4, 4)
    learner = experiment.study(h, torch.arange(5) % 4, None)
    assert learner.where is None
    turned = h.flip(2, 3)
    assert torch.equal(experiment.answers(learner, h), experiment.answers(learner, turned))


def test_ridge_is_least_squares_without_a_price():
    X, w = drawn(30, 4), drawn(4, 2, seed=1)
    assert torch.allclose(experiment.ridge(X, X @ w, 0.0), w, atol=1e-4)


def test_learners_of_two_groups_differ_in_the_light_only(birds):
    pool = experiment.asked_for(birds)
    light = torch.rand(8, 14, 14, generator=torch.Generator().manual_seed(0))
    lit = {"no light": None, "one": light, "the same": light}
    called = experiment.taught(pool, lit, pool, learners=2, each=2)
    assert set(called) == {"first round", *lit}
    assert all(rows.shape == (2, 8) for rows in called.values())
    assert torch.equal(called["one"], called["the same"])
    again = experiment.taught(pool, lit, pool, learners=2, each=2)
    assert all(torch.equal(called[name], again[name]) for name in called)
    right = experiment.right(called, pool)["one"]
    assert torch.equal(right, (called["one"] == pool.labels).double())


def test_a_learner_plays_its_first_round_without_the_study(birds):
    pool = experiment.asked_for(experiment.cards(32, seed=2))
    plan = teaching.plan(pool.labels, asked=1, studied=1)
    light = torch.rand(16, 14, 14, generator=torch.Generator().manual_seed(0))
    lit, bare = (experiment.plays(plan, pool, shown) for shown in (light, None))
    first = list(plan.first)
    assert torch.equal(lit[first], bare[first]) and lit.shape == (16,)
    other = light.clone()
    other[list(plan.second)] = 0  # what is asked in the second round is never lit
    assert torch.equal(experiment.plays(plan, pool, other), lit)
