"""The experiment of notebook 03: hidden parts, payments, one step, and maps that know no class."""

import dataclasses

import pytest
import torch

import sketchbook
from utils import cam, models, networks
from utils.check import gap_or_gmp
from utils.experiments import pooling


@pytest.fixture(scope="module")
def pictures():
    return sketchbook.objects(10, seed=3, size=56)


def fresh(head):
    """A small untrained network for pictures of 56 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.CourseNetwork(head=head, stride=4, size=56, widths=(8, 16, 24, 32)).eval()


def net_of(head):
    return networks.CamNetwork(fresh(head))


def test_hidden_parts_change_their_own_pixels_only():
    whole, hidden, changed = pooling.hide_parts(10, size=56)
    assert hidden.shape == (10, changed.shape[1], 3, 56, 56) and changed.any(1).all()
    assert all(len(names) > 1 for names in pooling.parts_of(whole).values())
    off = (hidden != whole.images[:, None]).any(2) & ~whole.masks[:, None]
    assert off.float().mean() < 0.02  # the rim of a thing, and what lies behind it


def test_a_network_that_sees_no_part_loses_nothing():
    whole, hidden, changed = pooling.hide_parts(10, size=56)
    same = whole.images[:, None].expand_as(hidden)
    cost = pooling.lost(net_of("gap"), whole, same, changed)
    assert torch.equal(cost.isnan(), ~changed)
    assert cost[changed].abs().max() < 1e-5
    assert not pooling.parts_that_count(cost).any()


def test_the_counts_of_parts_by_hand():
    cost = torch.tensor([[0.3, 0.1, torch.nan, -0.2], [torch.nan] * 4])
    assert pooling.parts_that_count(cost).tolist() == [1, 0]
    assert pooling.share_of_costliest(cost) == pytest.approx(torch.tensor([0.75, 0.0]).double())


@pytest.mark.parametrize("head", ["gap", "gmp"])
def test_payments_and_the_bias_are_the_score(head, pictures):
    p = net_of(head).forward_pass(pictures.images)
    own = p.S.gather(1, pictures.labels[:, None])[:, 0]
    paid = pooling.payments(p, pictures.labels)
    assert torch.allclose(paid.sum((1, 2)) + p.b[pictures.labels], own, atol=1e-5)
    if head == "gap":
        M = cam.class_maps(p.f, p.w, own=pictures.labels)[:, 0]
        assert torch.allclose(paid * paid[0].numel(), M, atol=1e-5)
        slope = gap_or_gmp.gap_gradient.solution(p.f[:1], p.w, int(pictures.labels[0]))
        assert torch.allclose((p.f[:1] * slope).sum(1)[0], paid[0], atol=1e-6)


def test_a_swapped_pooling_is_the_network_that_has_it(pictures):
    prepare = lambda image, side: image[None, :, :side, :side] / 255  # noqa: E731
    net = networks.CamNetwork(fresh("gmp"), prepare=prepare)
    passes = [net.forward_pass(prepare(image, 56)) for image in pictures.images[:3]]
    right = [int(p.S.argmax()) for p in passes]
    some = [pictures[i]._replace(label=c) for i, c in enumerate([*right[:2], (right[2] + 1) % 10])]
    found = pooling.swapped(net, some, 56)
    assert found["max"].named.tolist() == [1, 1, 0]
    paid = pooling.payments(passes[0], torch.tensor(right[:1]))
    assert found["max"].cells[0] == pooling.cells_paying_half(paid).item()
    assert (found["mean"].cells >= 1).all()
    lines = pooling.told(found)
    assert len(lines) == 4 and lines[0].startswith("mean: named right ") and "cells" in lines[3]


def test_how_many_cells_pay_half():
    paid = torch.tensor([[[4.0, 3.0], [2.0, -9.0]], [[8.0, 1.0], [1.0, 1.0]]])
    assert pooling.cells_paying_half(paid).tolist() == [2, 1]


def test_few_cells_and_how_much_is_lit(pictures):
    net = net_of("gap")
    p, masks = net.forward_pass(pictures.images), pictures.masks.float()
    cells, lit = pooling.few_and_lit(p, masks, pictures)
    assert lit == 100 and 1 <= cells <= 14 * 14
    assert pooling.few_and_lit(p, 1 - masks, pictures) == (cells, 0)


def test_a_step_leaves_the_network_alone_and_lowers_the_loss(pictures):
    network = fresh("gmp")
    before = {name: t.clone() for name, t in network.state_dict().items()}
    asked, change = pooling.step(network, pictures)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    assert asked.shape == change.shape == (10, 14, 14) and (asked == 0).any() and change.any()
    assert not pooling.step(network, pictures, lr=0).change.any()


def test_means_of_channels_for_and_against_make_up_the_mean_of_all(pictures):
    net = net_of("gap")
    maps = pooling.kinds_of_maps(net, pictures)
    assert tuple(maps) == pooling.KINDS
    of_class, _, in_favour, against, every = maps.values()
    assert torch.allclose(in_favour + against, every, atol=1e-4)
    assert torch.allclose(of_class, networks.maps_of(net, pictures), atol=1e-5)


def test_what_is_measured_has_the_names_notebook_03_reads(pictures, monkeypatch):
    hidden = pooling.hide_parts(10, size=56)
    monkeypatch.setattr(pooling, "_pictures", lambda: (pictures, hidden))
    monkeypatch.setattr(pooling, "pairs", lambda: dataclasses.replace(pictures))
    figures = pooling.measure(models.CourseNetwork(stride=4, size=56, widths=(8, 16, 24, 32)))
    assert set(figures["of_one"]) == set(figures["of_two"]) == set(pooling.KINDS)
    assert figures["coverage_sweep"]["0.00"] >= figures["coverage_sweep"]["0.95"]
    assert {"parts_that_count", "share_of_costliest", "cells_paying_half"} <= set(figures)
