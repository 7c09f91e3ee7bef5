"""Finer maps of a network that is trained already."""

import pytest
import torch
import torchvision
from torch.testing import assert_close

from utils import localization, photos
from utils.experiments import resolution
from utils.networks import cam_network
from utils.pictures import Picture


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return cam_network(torchvision.models.mobilenet_v2().eval(), prepare=photos.prepare)


def photographs():
    """Three of different shapes; the thing of one fills it, of the others a corner."""
    shapes, parts = (
        [(60, 90), (80, 40), (64, 64)],
        [(0, 0, 1, 1), (0, 0, 0.1, 0.1), (0, 0, 0.1, 0.1)],
    )
    return [
        Picture(
            image=torch.randint(0, 256, (3, h, w), dtype=torch.uint8),
            boxes=torch.tensor([[a * w, b * h, c * w, d * h]]),
            label=7,
            mask=None,
            name=f"{h}",
        )
        for (h, w), (a, b, c, d) in zip(shapes, parts, strict=True)
    ]


def test_the_old_cells_stay_as_they_were(net):
    x = torch.rand(1, 3, 65, 65)
    coarse, fine = (resolution.finer(net.model, n).features(x) for n in (0, 1))
    assert (coarse.shape[-1], fine.shape[-1]) == (3, 5)
    assert_close(fine[..., ::2, ::2], coarse, rtol=1e-4, atol=1e-5)


def test_each_photograph_gives_a_value_in_each_column(net):
    of = resolution.measured(net, photographs(), 65)
    assert of.named.shape == of.confidence.shape == (3,)
    assert of.fits.shape == of.blind.shape == (3, len(localization.THRESHOLDS))
    assert ((of.confidence > 0) & (of.confidence < 1)).all()
    assert resolution.found(of.fits).sum() >= resolution.found(of.fits, 0.2).sum()


def test_found_takes_the_threshold_that_is_asked_for():
    fits = torch.zeros(2, len(localization.THRESHOLDS))
    fits[:, list(localization.THRESHOLDS).index(0.2)] = torch.tensor([0.5, 0.49])
    assert resolution.found(fits, 0.2).tolist() == resolution.found(fits).tolist() == [1, 0]
    assert resolution.found(fits, 0.7).tolist() == [0, 0]


def test_a_centred_box_finds_what_fills_the_photograph():
    assert resolution.centred(photographs()).tolist() == [1, 0, 0]


def test_lines_compare_each_way_with_the_network_as_it_is(net, monkeypatch):
    monkeypatch.setattr(resolution, "SIDE", 65)
    monkeypatch.setattr(resolution, "SIDES", (65, 97))
    told = resolution.lines(net, photographs())
    assert len(told) == 4 * 4 + 3 * 4 + 4 * (2 + 1) + 1
    assert told[0].startswith("stride 32, top-1: ")
    assert told[16].startswith("stride 16 - stride 32, top-1: +")
    assert "corrected for 12 tests" in told[16] and "3 pictures, one seed" in told[16]
