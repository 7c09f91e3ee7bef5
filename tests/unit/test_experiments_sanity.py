"""Notebook 10's two networks, and what its maps are asked: three seeds lie in the results."""

import pytest
import torch

import sketchbook
from utils import models, results
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


# ---------------------------------------------------------------- what the maps are asked


def test_the_curves_begin_and_end_with_whole_pictures():
    model, few = models.classifier("objects-fc-s16")[0], sketchbook.objects(3, seed=8)
    maps = sanity.beside_nothing({"mine": torch.rand(3, 112, 112)})
    assert next(iter(maps)) == "mine" and len(maps) == 5
    assert all(M.shape == (3, 112, 112) for M in maps.values())
    assert torch.equal(maps["another picture's map"][1], maps["mine"][0])
    whole = model(few.images / 255).softmax(1).gather(1, few.labels[:, None])[:, 0]
    found = sanity.curves(model, few, maps)
    for m in maps:
        assert torch.allclose(found["insertion"][m][:, -1], whole, atol=1e-5)
        assert torch.allclose(found["deletion"][m][:, 0], whole, atol=1e-5)
        assert found["insertion"][m].shape == (3, sanity.STEPS + 1)


def test_maps_are_like_themselves_and_less_like_other_pictures():
    net, few = models.load("objects-gap"), sketchbook.objects(4, seed=8)
    maps = sanity.tested(net.model, few)
    other = sanity.chance(maps)
    for m, v in sanity.alike(maps, maps).items():
        assert torch.allclose(v, torch.ones(4, dtype=torch.float64)) and (other[m] < 0.9).all()


def test_one_seed_measures_what_the_results_hold():
    found, kept = sanity.measure_tests(0, n=2), results.runs("sanity")
    assert len(kept) == 3
    for run in kept:
        assert run.keys() == found.keys()
        assert run["kept, CAM"].keys() == found["kept, CAM"].keys()
    assert all(-1 <= v <= 1 for v in found["kept, CAM"].values())
    areas = [v for key, v in found.items() if key.startswith(("insertion", "deletion"))]
    assert len(areas) == 16 and all(0 <= v <= 1 for v in areas)
