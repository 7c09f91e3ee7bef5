"""The experiment of notebooks 03 to 05: what is measured on a network, and that it is one thing."""

import pytest
import torch

import sketchbook
from utils import localization, models, networks, results
from utils.check import gap_or_gmp, why_no_pooling
from utils.experiments import objects


@pytest.fixture(scope="module")
def pictures():
    return sketchbook.objects(40, seed=objects.TEST)


@pytest.fixture(scope="module")
def maps(pictures):
    return networks.maps_of(models.load("objects-gap"), pictures)


def test_training_begins_with_the_untrained_network_and_both_heads_with_one(monkeypatch):
    monkeypatch.setattr(objects, "N_TRAIN", 1)
    monkeypatch.setattr(objects.training, "fit", lambda network, *_, **__: network)
    first = [objects.untrained(f"objects-{head}", 3).state_dict() for head in ("gap", "gmp")]
    begun = objects.train("objects-gap", 3)[0].state_dict()
    for name, t in begun.items():
        assert torch.equal(t, first[0][name]) and torch.equal(t, first[1][name])


def test_maps_that_are_the_masks_are_right_at_every_threshold(pictures):
    figures = objects.map_figures(pictures.masks.float(), pictures)
    assert set(figures.found) == set(localization.THRESHOLDS)
    assert figures.coverage == 1 and figures.pxap == pytest.approx(1)
    whole = [len(localization.component_boxes(mask.numpy())) == 1 for mask in pictures.masks]
    assert figures.found[0.5] >= sum(whole) / len(whole)


def test_the_figures_at_a_threshold_are_those_of_its_boxes(maps, pictures):
    figures = objects.map_figures(maps, pictures, (0.2, 0.4))
    for t in (0.2, 0.4):
        boxes = torch.stack([localization.box_from_map(M, t) for M in maps])
        fits = localization.best_iou(boxes, pictures.boxes)
        assert figures.found[t] == pytest.approx(localization.gt_known(boxes, pictures.boxes))
        assert figures.tight[t] == pytest.approx((fits >= 0.7).double().mean().item())


def test_the_others_choose_the_threshold(maps, pictures):
    """Whatever is measured on the test pictures."""
    half = pictures.subset(slice(20, 40))
    other = localization.best_threshold(maps[:20], pictures.boxes[:20])
    figures = objects.measure_maps(maps[:20], pictures.boxes[:20], maps[20:], half)
    of = objects.map_figures(maps[20:], half)
    assert figures["threshold"] == other
    assert figures["gt_known_at_chosen"] == of.found[other]
    assert figures["iou70_at_chosen"] == of.tight[other]
    assert figures["gt_known_sweep"]["0.20"] == round(figures["gt_known_at_20"], 4)


def test_coverage_is_the_one_of_the_exercise(maps, pictures):
    for t in (0, 0.25, 0.5):
        ours = localization.coverage(maps, pictures.masks, t)
        theirs = gap_or_gmp.coverage.solution(maps, pictures.masks, t)
        assert (ours - theirs).abs().max() < 0.01  # a pixel on the threshold may fall either way


def test_parameters_are_those_of_the_exercise():
    heads = why_no_pooling.head_parameters.solution(64, 14, 14, 256, 10)
    for head, n in zip(("fc", "gap"), heads, strict=True):
        network = models.CourseNetwork(head=head)
        assert objects.parameters(network) == objects.parameters(network.features) + n
        assert objects.parameters(network) == results.runs(f"objects-{head}")[0]["parameters"]


def test_the_figures_in_the_results_file_have_the_names_of_the_experiment(maps, pictures):
    measured = objects.measure_maps(maps, pictures.boxes, maps, pictures)
    for name, config in objects.OBJECTS.items():
        for run in results.runs(name):
            assert {"train_top1", "top1", "parameters", "seconds"} <= set(run)
            assert config["head"] == "fc" or set(measured) <= set(run)


def test_the_shipped_network_is_near_its_results(maps, pictures):
    """40 of the 1,000 pictures: within five standard errors of a share."""
    run = results.runs("objects-gap")[0]
    figures = objects.map_figures(maps, pictures)
    assert figures.coverage == pytest.approx(run["coverage"], abs=0.15)
    assert figures.found[0.2] == pytest.approx(run["gt_known_at_20"], abs=0.35)
