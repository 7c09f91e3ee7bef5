"""What notebook 06 measures: ways to see a bird, faces and their rival, breeds on photographs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import sketchbook
from utils import cam, features, models, networks
from utils.data import cub, pets
from utils.experiments import birds, breeds, faces


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    network = models.CourseNetwork(3, widths=(4, 4, 8, 8)).eval()
    return networks.CamNetwork(network, ("bird", "car", "cup"))


# --- pooling in a box, C, a new last layer -------------------------------------------------------


def test_pooling_in_a_box_takes_the_cells_whose_middles_lie_there(net):
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    f = net.forward_pass(net.prepare(images)).f
    boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0.5, 0.51, 0.51]])
    whole, inside = features.pooled_in(net, images, boxes, batch_size=2)
    assert torch.allclose(whole, f.mean((2, 3)), atol=1e-5)
    assert torch.allclose(inside[0], whole[0], atol=1e-5)
    cells, n = net.cells(net.prepare(images)), f.shape[-1]
    middles = cells.start[1] + cells.step[1] * torch.arange(n)
    left = middles <= 0.5 + cells.step[1] / 2
    assert torch.allclose(inside[1], f[1][:, :, left].mean((1, 2)), atol=1e-5)
    assert inside.isfinite().all(), "the smallest box has a cell"


def test_held_out_pictures_come_from_every_class_and_C_is_judged_on_them():
    labels = torch.tensor([0] * 8 + [1] * 4)
    assert features.held_out(labels).nonzero()[:, 0].tolist() == [3, 7, 11]
    asked = []

    def make(F, labels, C):
        asked.append((C, len(F)))
        return features.linear_svm(F, labels, C)

    F = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)) + labels[:, None]
    assert features.chosen_C(F, labels, (1.0, 0.01), make) in (0.01, 1.0)
    assert asked == [(0.01, 9), (1.0, 9)]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_new_last_layer_folds_as_an_svm_does(n_classes):
    draw = torch.Generator().manual_seed(1)
    labels = torch.arange(60) % n_classes
    F = torch.randn(60, 4, generator=draw) * 3 + labels[:, None]
    layer = features.softmax_layer(F, labels)
    w, b = features.folded(layer)
    assert (F @ w.T + b).argmax(1).tolist() == layer.predict(F.double().numpy()).tolist()


# --- birds ---------------------------------------------------------------------------------------


def test_every_way_has_features_of_both_sets(net):
    sets = [sketchbook.birds(n, seed, birds.DRAWN) for n, seed in ((3, 1), (2, 2))]
    found = [some.boxes for some in sets]
    seen = birds.ways(net, sets, found)
    assert all([len(F) for F in both] == [3, 2] for both in seen.values())
    same = torch.equal(seen["crop_at_chosen"][0], seen["true_box"][0])
    assert same and not torch.equal(seen["true_box"][0], seen["true_box_same_pixels"][0])


def test_a_box_in_the_middle_is_as_large_as_it_was():
    moved = birds.centred(torch.tensor([[0, 0, 24, 10], [100, 3, 201, 90]]))
    assert moved.tolist() == [[100, 107, 124, 117], [61, 68, 162, 155]]


def test_the_rival_s_threshold_is_chosen_for_the_rival(net, monkeypatch):
    learn, test = (sketchbook.birds(n, 1, birds.DRAWN) for n in (3, 2))
    maps = birds.mean_maps(net, test)
    images = birds.small(test.images)
    f = net.forward_pass(net.prepare(images)).f.mean(1, keepdim=True)
    by_hand = cam.upsample(f, (birds.DRAWN,) * 2, net.cells(net.prepare(images)))[:, 0]
    assert torch.allclose(maps, by_hand, atol=1e-6)
    faint = [torch.full((birds.DRAWN,) * 2, 0.6) for _ in learn.boxes]  # found above 60 % only
    for M, (x0, y0, x1, y1) in zip(faint, learn.boxes.tolist(), strict=True):
        M[y0:y1, x0:x1] = 1
    of = {len(learn): torch.stack(faint), len(test): torch.stack(faint[:2])}
    monkeypatch.setattr(birds, "mean_maps", lambda net, pictures: of[len(pictures)])
    assert birds.mean_f(net, learn, test) == {"mean_f_at_own": 1.0, "mean_f_threshold": 0.6}


def test_what_is_blown_up_shows_nothing_new():
    images = sketchbook.birds(1, 0, birds.DRAWN).images
    big = birds.enlarged(images)
    assert big.shape == images.shape
    assert (birds.small(big).int() - birds.small(images).int()).abs().float().mean() < 4


def test_marks_are_looked_for_in_birds_that_have_one(net):
    pictures = sketchbook.birds(16, 3, 224)
    images = features.crops(pictures.images, pictures.boxes, 112)
    crop, near = birds.in_crops(pictures, images)
    assert len(crop) == 14 and "plain wren" not in {crop.class_names[c] for c in crop.labels}
    assert crop.masks.flatten(1).any(1).all() and (near | ~crop.masks).all()
    found = birds.at_marks(
        features.with_head(net, torch.randn(8, 8), torch.zeros(8)), pictures, images
    )
    assert found.keys() == {"peak_at_mark", "nothing_at_mark"} and 0 <= min(found.values())


# --- faces ---------------------------------------------------------------------------------------


def test_sharpness_is_the_mean_difference_of_neighbours():
    flat, stripes = torch.full((3, 6, 6), 90), torch.zeros(3, 6, 6)
    stripes[:, :, ::2] = 255
    assert faces.sharpness([flat.byte(), stripes.byte()]).tolist() == [0, 0.5]


def test_windows_are_patches_and_stay_inside():
    cut = faces.windows(torch.zeros(3, 60, 51), 13)
    assert len(cut) == 3 * 3 and {tuple(w.shape) for w in cut} == {(3, 25, 25)}


def test_surroundings_lie_around_the_same_windows():
    photo = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    cut = faces.windows(photo, 13)
    for grey in (True, False):
        views = faces.with_surroundings(photo, 13, grey)
        assert {tuple(v.shape) for v in views} == {(3, 75, 75)}
        inner = [v[:, 25:50, 25:50] for v in views]
        assert all(torch.equal(*pair) for pair in zip(inner, cut, strict=True))
        assert all((v[:, :25] == 124).all() == grey for v in views)


def seen(n=80, per_photo=30, n_photos=6):
    draw = torch.Generator().manual_seed(0)
    is_face = (torch.arange(n) < n // 2).long()
    there = torch.randn(per_photo * n_photos, 3, generator=draw)
    F = torch.randn(n, 3, generator=draw) + 3 * is_face[:, None]
    photo = torch.arange(n_photos).repeat_interleave(per_photo)
    return faces.Seen(F, is_face, F[:, 0], there, there[:, 0], photo)


def test_no_photograph_is_learnt_from_and_tested_on():
    some = seen()
    learn, ask, ours = faces.split(some, 0)
    assert not {*some.photo[ours].tolist()} & {*some.photo[~ours].tolist()}
    assert not {*learn.tolist()} & {*ask.tolist()} and len(learn) == len(ask) == 40


def test_false_alarms_are_counted_at_the_score_that_finds_the_faces():
    of_faces = torch.linspace(0, 1, 101)
    assert faces.false_alarms(of_faces, torch.tensor([0.04, 0.06, 0.5, -1.0])) == 0.5


def test_one_split_has_shares_for_detectors_and_rival():
    found = faces.faces(seen(), 3)
    assert len(found) == 4 * 2 and all(0 <= share <= 1 for share in found.values())
    assert found["right_sharpness"] > 0.7, "sharpness was made to tell these faces"
    assert faces.faces(seen(), 3, faces.heads_of(seen(), 3)) == found


# --- photographs with boxes, made up -------------------------------------------------------------


def speckled(file, colour, w=60, h=50):
    """A photograph with a bright square in a dark field."""
    rng = np.random.default_rng(len(str(file)) + sum(colour))
    values = rng.integers(0, 60, (h, w, 3), dtype=np.uint8)
    values[10:40, 15:45] = np.array(colour, np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(file)


COLOURS = ((220, 40, 40), (40, 220, 40))


@pytest.fixture
def cats(tmp_path):
    root = tmp_path / "oxford-iiit-pet"
    for split in ("trainval", "test"):
        lines = []
        for c, breed in enumerate(("Abyssinian", "shiba_inu")):
            for i in range(8):
                name = f"{breed}_{i + 8 * (split == 'test')}"
                speckled(root / "images" / f"{name}.jpg", COLOURS[c])
                trimap = np.full((50, 60), 2, np.uint8)
                trimap[10:40, 15:45] = 1
                (root / "annotations/trimaps").mkdir(parents=True, exist_ok=True)
                Image.fromarray(trimap).save(root / f"annotations/trimaps/{name}.png")
                lines.append(f"{name} {c + 1} 1 1\n")
        (root / f"annotations/{split}.txt").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def albatrosses(tmp_path):
    root = tmp_path / "CUB_200_2011"
    kinds = ("001.Black_footed_Albatross", "002.Laysan_Albatross")
    names = [f"{kind}/{kind[4]}_{i}.jpg" for kind in kinds for i in range(16)]
    for i, name in enumerate(names):
        speckled(root / "images" / name, COLOURS[i // 16])
    text = {
        "images": names,
        "image_class_labels": [str(1 + i // 16) for i in range(32)],
        "train_test_split": [str(i % 2) for i in range(32)],
        "bounding_boxes": ["15.0 10.0 30.0 30.0"] * 32,
        "classes": kinds,
    }
    for name, values in text.items():
        lines = [f"{i} {value}\n" for i, value in enumerate(values, 1)]
        (root / f"{name}.txt").write_text("".join(lines))
    return tmp_path


WAYS = {"whole", "cam_crop", "centred_crop", "another_box", "mean_f_crop", "true_box"}
BOXES = {"box_cam_crop", "box_centred_crop", "box_another_box", "box_mean_f_crop"}


@pytest.mark.parametrize("name", ["pets", "cub"])
def test_the_paper_s_experiment_runs_on_folders(name, net, request):
    root = request.getfixturevalue({"pets": "cats", "cub": "albatrosses"}[name])
    train, test = breeds.load(name, root)
    found = breeds.breeds(net, breeds.some(train), breeds.some(test, 2, 6))
    assert found.keys() == WAYS | BOXES and {len(v) for v in found.values()} == {12}
    assert found["whole"].mean() == 1, "red and green are told apart"
    assert any("CAM crop against whole" in line for line in breeds.lines(found))


def test_classes_of_imagenet_become_kinds(cats):
    data = pets(cats)
    labels = (7, 151, 397, 398)  # a bird, a dog, a fish, a thing
    first = zip(data.entries, labels, strict=False)
    of = replace(data, entries=tuple(e._replace(name=str(c + 100), label=c) for e, c in first))
    assert [entry.label for entry in breeds.of_kinds(of).entries] == [1, 0, 2, 3]


def test_some_are_the_first_of_the_first_classes(cats, albatrosses):
    data = breeds.some(pets(cats), 1, 3)
    assert len(data) == 3 and data.class_names == ("Abyssinian",)
    assert len(breeds.some(cub(albatrosses), each=2)) == 4


def test_the_command_says_what_it_found(cats, net, monkeypatch, capsys):
    monkeypatch.setattr(models, "pretrained", lambda name: net)
    breeds.main(["pets", str(cats), "--each", "4"])
    assert "true_box: " in capsys.readouterr().out
    monkeypatch.setattr(models, "pretrained", lambda name: None)
    breeds.main(["pets", str(cats)])
    assert not capsys.readouterr().out
