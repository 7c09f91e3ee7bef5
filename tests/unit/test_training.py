"""One fit for every network: it learns, it repeats itself, and it leaves the world as it was."""

import pytest
import torch
from torch.testing import assert_close

import sketchbook
from utils import models, training
from utils.models import CourseNetwork


def trained(epochs: int, seed: int = 0) -> CourseNetwork:
    pictures = sketchbook.objects(96, seed=1)
    torch.manual_seed(0)
    network = CourseNetwork(stride=16)
    return training.fit(
        network, pictures, epochs, batch_size=32, seed=seed, device="cpu", progress=False
    )


def test_fit_learns():
    pictures = sketchbook.objects(96, seed=1)
    torch.manual_seed(0)
    untrained = CourseNetwork(stride=16).eval()
    network = trained(15)
    losses = [
        torch.nn.functional.cross_entropy(training.scores(n, pictures.images), pictures.labels)
        for n in (untrained, network)
    ]
    assert losses[1] < losses[0] - 0.3
    assert not network.training


def test_the_same_seed_gives_the_same_network():
    networks = trained(2), trained(2), trained(2, seed=1)
    for a, b, c in zip(*(network.parameters() for network in networks), strict=True):
        assert_close(a, b)
        if a.ndim == 4:
            assert not torch.equal(a, c)


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="do not fill one batch"):
        training.fit(CourseNetwork(), sketchbook.objects(10), progress=False)


def test_labels_that_are_not_known_count_for_nothing():
    S = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    labels = torch.tensor([[1.0, torch.nan], [0.0, torch.nan]])
    alone = training.loss_of(S[:, 0], labels[:, 0])
    assert torch.equal(training.loss_of(S, labels), alone) and alone.isfinite()


def test_accuracy_counts_right_pictures():
    pictures = sketchbook.objects(20, seed=3)

    class Oracle(torch.nn.Module):
        def forward(self, x):
            wrong = self.truth.clone()
            wrong[:5] = (wrong[:5] + 1) % 10
            return torch.eye(10)[wrong]

    oracle = Oracle()
    oracle.truth = pictures.labels
    assert training.accuracy(oracle, pictures) == 0.75


def test_the_shipped_networks_name_fresh_pictures():
    """At least 98 % of 1,000 in the results of `make train`; a quick sample here."""

    pictures = sketchbook.objects(200, seed=4242)
    for name in ("objects-gap", "objects-gmp"):
        assert training.accuracy(models.load(name).model, pictures) >= 0.96
