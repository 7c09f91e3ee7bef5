"""Insertion, deletion, randomised networks, and how alike two maps are: known answers."""

import pytest
import torch
from scipy import stats
from skimage.metrics import structural_similarity
from torch import nn
from torch.testing import assert_close

from utils import baselines, faithfulness, models, networks
from utils.faithfulness import area, curves, deletion, insertion, randomised, rank_correlation, ssim


class Share(nn.Module):
    """P_0 is the share of a known region's pixels that show 1: linear in what is hidden."""

    def __init__(self, region):
        super().__init__()
        self.region = region

    def forward(self, x):
        share = (x[:, 0] * self.region).sum((1, 2)) / self.region.sum()
        return torch.stack([share, 1 - share], 1).clamp(min=1e-12).log()


REGION = torch.zeros(8, 8)
REGION[2:6, 2:6] = 1  # a quarter of the picture
X, BLACK = torch.ones(1, 3, 8, 8), torch.zeros(1)


def areas(M, steps=64):
    return tuple(
        float(way(Share(REGION), X, 0, BLACK, steps)(M[None])) for way in (insertion, deletion)
    )


def test_the_best_the_worst_and_a_random_order_have_the_areas_that_a_pencil_gives():
    """A quarter of the picture holds all of P: the line to 1 takes a quarter of the way."""
    assert areas(REGION) == pytest.approx((1 - 1 / 8, 1 / 8))
    assert areas(-REGION) == pytest.approx((1 / 8, 1 - 1 / 8))
    assert areas(torch.zeros(8, 8)) == pytest.approx((0.5, 0.5), abs=0.1)  # no order: random


def test_insertion_and_deletion_mirror_each_other_here():
    M = torch.rand(8, 8, generator=torch.Generator().manual_seed(1))
    i, d = areas(M)
    assert i + d == pytest.approx(1)


def test_a_curve_begins_and_ends_where_it_says_and_steps_by_equal_numbers_of_pixels():
    P = curves(Share(REGION), X, 0, REGION[None], X, BLACK, steps=8)
    assert P.shape == (1, 9)
    assert_close(P[0], torch.tensor([1, 0.5, 0, 0, 0, 0, 0, 0, 0.0]), atol=1e-6, rtol=0)
    assert_close(area(P), torch.tensor([(0.5 + 0.5 + 0) / 8]), atol=1e-6, rtol=0)


def test_pixels_of_equal_value_come_in_a_random_order_not_row_by_row():
    steps = curves(Share(REGION), X, 0, torch.zeros(1, 8, 8), X, BLACK, steps=4)[0]
    assert ((steps[:-1] - steps[1:]) > 0.03).all()  # the first two rows alone would take none
    again = curves(Share(REGION), X, 0, torch.zeros(1, 8, 8), X, BLACK, steps=4)[0]
    other = curves(Share(REGION), X, 0, torch.zeros(1, 8, 8), X, BLACK, steps=4, seed=1)[0]
    assert torch.equal(steps, again) and not torch.equal(steps, other)


def test_a_batch_is_its_pictures_one_by_one_whatever_the_batch_size():
    net = models.load("objects-gap")
    x = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    M = torch.rand(3, 112, 112, generator=torch.Generator().manual_seed(1))
    whole = curves(net.model, x, [1, 2, 3], M, x, torch.tensor(0.5), steps=4)
    for n in range(3):
        one = curves(
            net.model, x[n : n + 1], n + 1, M[n : n + 1], x[n], torch.tensor(0.5), steps=4,
            batch_size=2,
        )  # fmt: skip
        assert_close(one[0], whole[n], atol=1e-5, rtol=1e-4)


def test_they_are_measures_for_the_table_of_what_knows_nothing():
    import sketchbook

    pictures, net = sketchbook.objects(6, seed=8), models.load("objects-gap")
    x = pictures.images / 255
    of = {"insertion": insertion(net.model, x, pictures.labels, torch.tensor(0.5), steps=4)}
    rows, header = baselines.table(net, pictures, of, short=True)
    assert header == ["", "insertion"] and len(rows) == 2


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"maps": torch.zeros(1, 4, 4)}, ValueError, r"pictures' size, \(1, 8, 8\)"),
        ({"maps": torch.full((1, 8, 8), torch.nan)}, ValueError, "NaN or infinity in the maps"),
        ({"c": 2}, IndexError, "class 2 is asked for"),
        ({"end": torch.zeros(1, 3, 5, 5)}, ValueError, "start and end are pictures as x"),
        ({"steps": 0}, ValueError, "steps is a whole number from 1"),
        ({"model": "resnet18"}, TypeError, "a network, of a CamNetwork its .model"),
    ],
)
def test_errors_say_what_to_do(change, error, said):
    given = {"model": Share(REGION), "x": X, "c": 0, "maps": REGION[None], "start": X, "end": BLACK}
    with pytest.raises(error, match=said):
        curves(**(given | change))


# ---------------------------------------------------------------- broken networks


def test_layers_are_drawn_anew_from_the_top_one_more_each_time():
    net = models.load("objects-gap")
    before = {k: v.clone() for k, v in net.model.state_dict().items()}
    x = torch.rand(1, 3, 112, 112)
    copies = list(randomised(net.model, x))
    assert [name for name, _ in copies] == [
        "fc", "features.7.0", "features.6.0", "features.5.0", "features.3.0", "features.2.0",
        "features.0.0",
    ]  # fmt: skip
    for i, (_, broken) in enumerate(copies):
        changed = [
            name.removesuffix(".weight")
            for name, p in broken.named_parameters()
            if p.ndim > 1 and not torch.equal(p, before[name])
        ]
        assert sorted(changed) == sorted(name for name, _ in copies[: i + 1])
        assert not broken.training
    assert all(torch.equal(v, before[k]) for k, v in net.model.state_dict().items())
    last = copies[-1][1].features[0][1]  # the normalisation of the first layer went along
    assert last.running_mean.eq(0).all() and last.weight.eq(1).all()


def test_each_copy_goes_on_from_the_one_before_and_a_seed_gives_the_same():
    net, x = models.load("objects-gap"), torch.rand(1, 3, 112, 112)
    state = torch.random.get_rng_state()
    one, two = (dict(randomised(net.model, x, seed=3)) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    other = dict(randomised(net.model, x, seed=4))
    assert all(torch.equal(one[n].fc.weight, two[n].fc.weight) for n in one)
    assert len({one[n].fc.weight.sum().item() for n in one}) == 1
    assert not torch.equal(one["fc"].fc.weight, other["fc"].fc.weight)


def test_a_network_without_layers_to_draw_says_so():
    with pytest.raises(ValueError, match="no layer of Flatten can be drawn anew"):
        list(randomised(nn.Flatten(), torch.zeros(1, 3, 4, 4)))


# ---------------------------------------------------------------- how alike maps are


def test_rank_correlation_is_scipys_and_sees_the_order_alone():
    g = torch.Generator().manual_seed(0)
    a, b = torch.randn(4, 9, 8, generator=g), torch.randn(4, 9, 8, generator=g).round()  # ties
    wanted = [
        stats.spearmanr(u.flatten(), v.flatten()).statistic for u, v in zip(a, b, strict=True)
    ]
    assert_close(rank_correlation(a, b), torch.tensor(wanted, dtype=torch.float64))
    assert_close(rank_correlation(a, a.exp() * 7), torch.ones(4).double())
    assert_close(rank_correlation(a, -a), -torch.ones(4).double())
    assert rank_correlation(a, torch.ones(4, 9, 8)).eq(0).all()


def test_ssim_is_scikit_images_on_maps_from_0_to_1():
    g = torch.Generator().manual_seed(0)
    a, b = torch.rand(3, 12, 10, generator=g).double(), torch.rand(3, 12, 10, generator=g).double()
    stretched = [
        (m - m.amin((1, 2), True)) / (m.amax((1, 2), True) - m.amin((1, 2), True)) for m in (a, b)
    ]
    wanted = [
        structural_similarity(u.numpy(), v.numpy(), data_range=1)
        for u, v in zip(*stretched, strict=True)
    ]
    assert_close(ssim(a, b), torch.tensor(wanted))
    assert_close(ssim(a, 3 * a + 2), torch.ones(3).double())
    with pytest.raises(ValueError, match="windows of 7 × 7"):
        ssim(a[:, :6], b[:, :6])
    with pytest.raises(ValueError, match="one shape"):
        ssim(a, b[:2])


def test_cam_changes_with_the_last_layer_alone():
    """The first step of the cascade: the class's weights are others, the maps f_k are the same."""
    net = models.load("objects-gap")
    x = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(2))
    name, broken = next(randomised(net.model, x))
    assert name == "fc"
    other = networks.CamNetwork(broken)
    assert_close(other.forward_pass(x).f, net.forward_pass(x).f)
    maps, others = (n(x, 3)[1][:, 0] for n in (net, other))
    assert faithfulness.rank_correlation(maps, others).abs().max() < 0.95
