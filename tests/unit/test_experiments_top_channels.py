"""The experiments of notebook 09: what is removed, what is hidden, what is counted."""

import pytest
import torch

import sketchbook
from utils import cam, channels, models
from utils.experiments import top_channels as experiment


@pytest.fixture(scope="module")
def net():
    return models.load("objects-gap")


@pytest.fixture(scope="module")
def pictures():
    return sketchbook.objects(20, seed=8)


@pytest.fixture(scope="module")
def seen(net, pictures):
    return experiment.seen(net, pictures.images)


def test_what_is_seen_gives_the_scores(net, pictures, seen):
    S, _ = net(net.prepare(pictures.images))
    assert torch.allclose(seen.S, S, atol=1e-5)


def test_contributions_are_lost_and_the_mean_comes_back(pictures, seen):
    pay, labels = experiment.payments(seen, pictures.labels), pictures.labels
    found = experiment.without(seen, labels, list(channels.top(seen.w, 3)))
    assert torch.allclose(found.lost, pay.gather(1, channels.top(seen.w, 3)).sum(1), atol=1e-4)
    everything = experiment.without(seen, labels, [torch.arange(64)] * 10)
    constant = seen.F.mean(0) @ seen.w.T + seen.b  # what is left when nothing speaks
    assert everything.own.tolist() == [float(c == seen.b.argmax()) for c in range(10)]
    assert everything.given_back.tolist() == [float(c == constant.argmax()) for c in range(10)]


def test_others_of_equal_contribution_lose_as_much(pictures, seen):
    found = experiment.removals(seen, pictures.labels, 3, draws=4)
    top, rival = found["its top 3"], found["others, equal contribution"]
    assert torch.allclose(top.lost, rival.lost, atol=0.3)
    assert (rival.channels > top.channels).all() and (top.channels == 3).all()
    again = experiment.removals(seen, pictures.labels, 3, draws=4)
    assert all(torch.equal(a, b) for x in found for a, b in zip(found[x], again[x], strict=True))


def test_each_part_is_hidden_once_and_nothing_else(pictures):
    gone = experiment.each_hidden(pictures, 10, seed=8)
    assert len(gone) == len(pictures.part_names) - 1
    for c, thing in enumerate(pictures.class_names):
        own = pictures.labels[:10] == c
        for p in experiment.numbers_of(pictures, thing):
            changed = (gone[p] != pictures.images[:10][own]).any(1)
            assert not changed[pictures.parts[:10][own] == 0].float().mean() > 0.05
            assert changed.sum() >= (pictures.parts[:10][own] == p).sum() / 2


def test_the_two_ends_of_a_thing_are_parts_of_it_and_not_the_same():
    for thing, (one, two) in experiment.TWO_ENDS.items():
        assert not set(one) & set(two)
        assert {f"{thing} {p}" for p in one + two} <= set(sketchbook.objects(1).part_names)


def test_a_map_that_is_the_part_agrees_with_it(pictures, seen):
    """Channels that are masks of the first parts: found at once, at their peaks and in regions."""
    first = torch.tensor([experiment.numbers_of(pictures, t)[0] for t in pictures.class_names])
    masks = (pictures.parts == first[pictures.labels][:, None, None]).float()
    f = torch.cat(
        [masks[:, None], torch.rand(20, 5, 112, 112, generator=torch.Generator().manual_seed(0))], 1
    )
    w = torch.tensor([1.0, 0.1, 0.1, 0.1, 0.1, 0.1]).repeat(10, 1)
    s = experiment.Seen(f, w, torch.zeros(10), None)
    there = masks.sum((1, 2)) > 0
    for peak in experiment.peaks(pictures, s, pictures, s, n=1):
        own = there[pictures.labels == peak.c]
        if own.all():
            assert peak.part == first[peak.c] and peak.channel.all()


def test_agreement_has_a_row_for_each_class(pictures, seen):
    found = experiment.agreement(pictures, seen, 0.01)
    assert all(v.shape == (10,) and (v >= 0).all() and (v <= 1).all() for v in found)
    assert experiment.together([found, found]).top.shape == (2, 10)


def test_falls_are_shares_of_what_was_there(net, pictures):
    gone = experiment.each_hidden(pictures, 10, seed=8)
    part = torch.tensor([[experiment.numbers_of(pictures, t)[0]] * 3 for t in pictures.class_names])
    found = experiment.falls(net, pictures, gone, part)
    assert all(v.shape == (30,) and (v <= 1).all() for v in found)
    labels, same = pictures.labels[:10], {}
    for c, thing in enumerate(pictures.class_names):
        whole = pictures.images[:10][labels == c]
        same |= dict.fromkeys(experiment.numbers_of(pictures, thing), whole)
    for v in experiment.falls(net, pictures, same, part):
        assert torch.allclose(v, torch.zeros(30), atol=1e-5)


def test_a_row_of_its_own_for_every_part(pictures):
    found = experiment.rows_of_parts(models.load("parts-gap"), pictures)
    assert len(found.names) == 48 and found.names[0] == "bird tail"
    assert all(v.shape == (48,) and (v >= 0).all() and (v <= 1).all() for v in found[:-1])
    assert (found.chance > 0).all() and found.map.mean() > found.thing_map.mean()


def test_few_channels_carry_where_few_pay(net, pictures):
    found = experiment.carried(
        net, [(p.image, p.label) for p in map(pictures.__getitem__, range(3))]
    )
    p = net.forward_pass(net.prepare(pictures.images[:3]))
    pay = cam.pool(p.f) * p.w[pictures.labels[:3]]
    assert torch.equal(found.few, channels.n_carrying(pay).float())
    assert torch.allclose(found.sum, pay.clamp(min=0).sum(1))
    assert ((found.top > 0) & (found.top < 1)).all()


def test_a_folder_is_told_in_words_with_its_controls():
    class Folder(list):
        entries = property(list)  # each has its label

    net, pictures = models.load("objects-gap"), sketchbook.objects(3, seed=8)
    said = experiment.lines(net, Folder(pictures[i] for i in range(3)))
    assert [line.split(":")[0] for line in said][-1] == "the sum, another class" and len(said) == 4
