"""GAP features, the SVM whose weights are a CAM classifier, and crops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from utils import cam, features, models, networks, results
from utils.experiments import backbone, birds

SEEDS = st.integers(0, 2**31 - 1)


def course_net(n_classes=3, head="gap", seed=0):
    torch.manual_seed(seed)
    network = models.CourseNetwork(n_classes, head, widths=(4, 4, 8, 8)).eval()
    return networks.CamNetwork(network, tuple("abcdefgh"[:n_classes]))


def noise(n, h=32, w=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, h, w), dtype=torch.uint8, generator=generator)


def table(n, k, n_classes, seed):
    """Features with very different means and deviations, and labels that depend on them."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    F = rng.normal(labels[:, None] * rng.normal(size=k), 1) * rng.uniform(0.01, 30, k)
    return torch.tensor(F + rng.uniform(-5, 5, k)).float(), torch.tensor(labels)


# --- features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["gap", "gmp"])
def test_features_are_the_pooled_maps(head):
    net, images = course_net(head=head), noise(7)
    p = net.forward_pass(net.prepare(images))
    F = features.features(net, images, batch_size=3)
    assert torch.allclose(F, cam.pool(p.f, p.pooling), atol=1e-6)
    assert torch.allclose(cam.scores(F, p.w, p.b), p.S, atol=1e-5)


def test_pictures_may_have_any_size():
    net, small, large = course_net(), noise(1)[0], noise(1, 48, 64)[0]
    side = 40

    def prepare(picture):
        return nn.functional.interpolate(picture[None] / 255, (side, side))

    F = features.features(networks.CamNetwork(net.model, prepare=prepare), [small, large])
    assert F.shape == (2, 8)


def test_features_are_computed_once(monkeypatch):
    net, images = course_net(seed=5), noise(4, seed=5)
    first = features.features(net, images)
    first += 1  # the caller's own copy
    calls, pooled = [], features._pooled
    monkeypatch.setattr(features, "_pooled", lambda n, x, *a: calls.append(len(x)) or pooled(n, x))
    assert torch.allclose(features.features(net, images) + 1, first)
    assert calls == [1]  # one picture, to know the network
    changed = images.clone()
    changed[2, 0, 0, 0] ^= 1  # another pixel, other features
    features.features(net, changed)
    with torch.no_grad():
        net.model.fc.bias[0] += 1  # other weights, too
    features.features(net, images)
    assert calls == [1, 1, 4, 1, 4]


def test_no_pictures_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        features.features(course_net(), noise(0))


# --- the SVM -------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(SEEDS, st.integers(2, 5), st.integers(1, 12))
def test_the_folded_svm_is_the_svm(seed, n_classes, k):
    F, labels = table(40, k, n_classes, seed)
    svm = features.linear_svm(F, labels)
    w, b = features.folded(svm)
    assert w.shape == (n_classes, k) and b.shape == (n_classes,)
    S, decision = cam.scores(F, w, b), torch.tensor(svm.decision_function(F.double())).float()
    if n_classes == 2:
        decision = torch.stack([-decision, decision], 1)
    assert (S - decision).abs().max() <= 1e-5 * max(decision.abs().max(), 1)
    ahead = decision.topk(2).values.diff().abs()[:, 0] > 1e-4
    assert (S.argmax(1).numpy() == svm.predict(F.double()))[ahead].all()


def test_a_channel_that_never_fires_gets_no_weight():
    F, labels = table(30, 4, 3, 0)
    F[:, 2] = 0
    w, b = features.folded(features.linear_svm(F, labels))
    assert w.isfinite().all() and b.isfinite().all() and (w[:, 2] == 0).all()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 2, 2], [1, 1, 2]])
def test_every_class_needs_a_picture(labels):
    with pytest.raises(ValueError, match="needs pictures"):
        features.linear_svm(torch.rand(3, 2), torch.tensor(labels))


# --- the SVM as a network ------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_score_is_the_svms_decision_and_the_mean_of_the_map(n_classes):
    net, images = course_net(seed=1), noise(24, seed=1)
    labels = torch.arange(24) % n_classes
    svm_net = features.svm_network(net, images, labels, list("wxyz"[:n_classes]))
    S, M = svm_net(svm_net.prepare(images))
    assert S.shape == (24, n_classes) and M.shape == (24, n_classes, 4, 4)
    svm = features.linear_svm(features.features(net, images), labels)
    decision = torch.tensor(svm.decision_function(features.features(net, images).double())).float()
    wanted = torch.stack([-decision, decision], 1) if n_classes == 2 else decision
    scale = wanted.abs().max()
    assert (S - wanted).abs().max() <= 1e-5 * scale
    assert (S - M.mean((2, 3)) - svm_net.model.fc.bias).abs().max() <= 1e-5 * scale
    assert svm_net.class_names == tuple("wxyz"[:n_classes])


def test_the_network_that_lends_its_features_stays_as_it_was():
    net, images = course_net(seed=2), noise(6, seed=2)
    before = {k: v.clone() for k, v in net.model.state_dict().items()}
    S = net(net.prepare(images))[0]
    svm_net = features.with_head(net, torch.rand(5, 8), torch.rand(5))
    assert svm_net(svm_net.prepare(images))[0].shape == (6, 5)
    assert torch.equal(net(net.prepare(images))[0], S)
    assert all(torch.equal(v, before[k]) for k, v in net.model.state_dict().items())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "googlenet"])
def test_torchvision_networks_take_another_head(name):
    import torchvision

    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, **options).eval()
    net = networks.cam_network(model)
    x = torch.rand(1, 3, 64, 64)
    f = net.forward_pass(x).f
    w, b = torch.randn(4, f.shape[1]), torch.randn(4)
    S, M = features.with_head(net, w, b)(x)
    assert torch.allclose(S, cam.scores(cam.pool(f), w, b), rtol=1e-4, atol=1e-4)
    assert torch.allclose(S, M.mean((2, 3)) + b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("w, b", [((3, 7), 3), ((8, 3), 8), ((3, 8), 2), ((8,), 1)])
def test_a_head_of_another_shape_is_an_error(w, b):
    with pytest.raises(ValueError, match=r"the network pools 8 channels|\(C, K\) of numbers"):
        features.with_head(course_net(), torch.rand(w), torch.rand(b))


def test_accuracy_counts_what_the_network_says():
    net, images = course_net(seed=3), noise(20, seed=3)
    best = net(net.prepare(images))[0].argmax(1)
    labels = best.clone()
    labels[:5] = (labels[:5] + 1) % 3
    assert features.accuracy(net, images, labels) == 0.75


# --- crops ---------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 60), st.integers(1, 60), st.floats(0, 1), st.booleans())
def test_a_grown_box_holds_the_box_and_stays_inside(data, h, w, margin, square):
    x = sorted(data.draw(st.lists(st.integers(0, w), min_size=2, max_size=2, unique=True)))
    y = sorted(data.draw(st.lists(st.integers(0, h), min_size=2, max_size=2, unique=True)))
    box = torch.tensor([x[0], y[0], x[1], y[1]])
    x0, y0, x1, y1 = features.grown(box, h, w, margin, square).tolist()
    assert 0 <= x0 <= x[0] and x[1] <= x1 <= w and 0 <= y0 <= y[0] and y[1] <= y1 <= h
    if square and max(x1 - x0, y1 - y0) < min(h, w):
        assert x1 - x0 == y1 - y0
    if margin == 0 and not square:
        assert [x0, y0, x1, y1] == box.tolist()


def test_many_boxes_grow_like_each():
    boxes = torch.tensor([[0, 0, 5, 2], [3, 4, 9, 20], [28, 1, 30, 3]])
    assert torch.equal(
        features.grown(boxes, 20, 30), torch.stack([features.grown(b, 20, 30) for b in boxes])
    )
    assert features.grown(boxes[2], 20, 30, margin=0.5).tolist() == [26, 0, 30, 4]  # moved inside


def test_a_crop_shows_what_is_in_the_box():
    images = torch.zeros(2, 3, 40, 60, dtype=torch.uint8)
    images[0, :, 10:20, 30:50] = 200
    images[1, :, :8, :8] = 100
    boxes = torch.tensor([[30, 10, 50, 20], [0, 0, 8, 8]])
    found = features.crops(images, boxes, size=16, margin=0, square=False)
    assert found.shape == (2, 3, 16, 16) and (found[0] == 200).all() and (found[1] == 100).all()
    squared = features.crops(list(images), boxes, size=16, margin=0)
    assert (squared[0, 0, 8] == 200).all() and (squared[0, 0, 0] == 0).all()


@pytest.mark.parametrize("box", [[3, 3, 3, 9], [-1, 0, 4, 4], [0, 0, 31, 5], [0, 5, 9, 2]])
def test_a_box_that_is_none_is_an_error(box):
    with pytest.raises(ValueError, match="30 x 20 pixels"):
        features.grown(torch.tensor(box), 20, 30)


def test_each_picture_needs_its_box():
    with pytest.raises(ValueError, match="3 pictures, but 2 boxes"):
        features.crops(noise(3), torch.tensor([[0, 0, 4, 4]] * 2))


# --- the network behind the features -------------------------------------------------------------


def test_colours_have_their_names():
    rgb = torch.tensor(
        [
            *([1, 1, 1], [0.1, 0.1, 0.1], [0.9, 0.2, 0.2], [0.9, 0.8, 0.2], [0.2, 0.7, 0.2]),
            *([0.2, 0.3, 0.9], [0.7, 0.2, 0.8], [0.9, 0.3, 0.5], [0.4, 0.4, 0.42]),
        ]
    )
    names = [backbone.COLOURS[i] for i in backbone.colour(rgb)]
    assert names == [*backbone.COLOURS, "red", "dark"]


def test_what_is_seen_is_what_the_parts_say():
    image, parts = torch.zeros(3, 10, 10, dtype=torch.uint8), torch.zeros(10, 10, dtype=torch.uint8)
    parts[:3, :3], parts[8, :3] = backbone.PARTS.index("fish eye") + 1, 1  # 9 pixels, and 3
    image[0, :3, :3] = 220
    found = backbone.seen(image, parts)
    names = [backbone.LABELS[i] for i in found.nonzero()[:, 0]]
    assert names == ["fish", "fish eye", "red", *backbone.PATTERNS]  # NaN, not known
    assert found[-len(backbone.PATTERNS) :].isnan().all()


def test_among_swatches_there_are_patterns_and_no_thing():
    image = torch.full((3, 10, 10), 250, dtype=torch.uint8)
    numbers = torch.zeros(10, 10, dtype=torch.uint8)
    numbers[:7], numbers[7:9] = backbone.PATTERNS.index("rings") + 1, 1  # 70 pixels, and 20
    found = backbone.seen(image, numbers, swatches=True)
    assert [backbone.LABELS[i] for i in found.nonzero()[:, 0]] == ["pale", "rings"]


def test_a_chunk_of_drawings_is_ready_for_training(monkeypatch):
    monkeypatch.setattr(backbone, "CHUNK", 4)
    for seed in (1, 2, 3):  # with hidden parts; of two things; swatches
        drawn = backbone.chunk(seed)
        n = 4 * backbone.WINDOWS
        assert drawn.images.shape == (n, 3, backbone.SIDE, backbone.SIDE)
        assert drawn.labels.shape == (n, len(backbone.LABELS)) and drawn.labels.nansum() > 0
        again = torch.stack(
            [backbone.seen(*v, seed == 3) for v in zip(drawn.images, drawn.parts, strict=True)]
        )
        assert torch.equal(again.isnan(), drawn.labels.isnan())
        assert torch.equal(again.nan_to_num(), drawn.labels.nan_to_num())


def test_average_precision_of_a_perfect_and_of_a_wrong_order():
    unknown = float("nan")
    labels = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [unknown, unknown]])
    S = torch.tensor([[3.0, 0.0], [2.0, 1.0], [1.0, 2.0], [9.0, 9.0]])
    assert torch.allclose(backbone.average_precision(S, labels), torch.tensor([1, 1 / 3]))


def test_the_shipped_network_is_the_one_described():
    net = models.load(backbone.NAME)
    assert net.class_names == backbone.LABELS
    assert net(net.prepare(noise(1, 112, 112)))[1].shape == (1, len(backbone.LABELS), 14, 14)


# --- the experiment with birds -------------------------------------------------------------------


def test_boxes_from_perfect_maps_are_right_and_chance_takes_its_best_box():
    maps, true = (
        torch.zeros(3, 40, 40),
        torch.tensor([[10, 10, 30, 30], [0, 0, 20, 20], [10, 10, 30, 30]]),
    )
    for M, (x0, y0, x1, y1) in zip(maps, true.tolist(), strict=True):
        M[y0:y1, x0:x1] = 1
    found = birds.right_boxes(maps, true, 0.5, sides=[0.1, 0.5])
    assert found["box_at_20"] == found["box_at_chosen"] == 1
    assert found["box_best_centre"] == pytest.approx(2 / 3) and found["box_whole_picture"] == 0


def test_one_seed_of_the_birds_gives_the_figures_that_are_stored():
    found = birds.birds(models.load(backbone.NAME), 0, n_train=40, n_test=16)
    assert found.keys() >= results.runs("birds")[0].keys()
    assert all(0 <= share <= 1 for share in found.values())
