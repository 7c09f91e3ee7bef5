"""Notebook 10's two networks: one that CAM refuses, one that knows shuffled labels by heart."""

import pytest
import torch

import sketchbook
from utils import models
from utils.experiments import sanity
from utils.networks import NotACamNetwork


def test_labels_are_dealt_out_and_the_pictures_stay():
    dealt, true = sanity.shuffled(30), sketchbook.objects(30, seed=100)
    assert torch.equal(dealt.images, true.images)
    assert torch.equal(dealt.labels.sort().values, true.labels.sort().values)
    assert (dealt.labels != true.labels).float().mean() > 0.5
    assert torch.equal(dealt.labels, sanity.shuffled(30).labels)


def test_the_network_that_is_shipped_knows_them_by_heart_and_nothing_else():
    dealt, net = sanity.shuffled(), models.load("objects-gap-shuffled")
    S = torch.cat([net(x / 255, 0)[0] for x in dealt.images.split(50)])
    assert (S.argmax(1) == dealt.labels).float().mean() > 0.95  # Adebayo et al. ask for that
    fresh = sketchbook.objects(60, seed=8)
    assert (net(fresh.images / 255, 0)[0].argmax(1) == fresh.labels).float().mean() < 0.35


def test_the_fully_connected_one_is_right_and_refused():
    network, names = models.classifier("objects-fc-s16")
    assert names == models.load("objects-gap").class_names and network.head == "fc"
    fresh = sketchbook.objects(60, seed=8)
    assert (network(fresh.images / 255).argmax(1) == fresh.labels).float().mean() > 0.85
    with pytest.raises(NotACamNetwork, match="flattened"):
        models.load("objects-fc-s16")


def test_both_kinds_can_be_built_again():
    for name, config in (("objects-fc-s16", sanity.FC), ("objects-gap-shuffled", sanity.SHUFFLED)):
        shipped, _ = models.classifier(name)
        models.CourseNetwork(**config).load_state_dict(shipped.state_dict())
