"""Objects that tell a scene, detectors of phrases and of text. (Notebooks 07 and 08)"""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sketchbook
from utils import concepts, features, models, networks
from utils.data.files import Entry, Photographs
from utils.experiments import covering, folder, phrases, scenes, text

SEEDS = st.integers(0, 2**31 - 1)


def random(seed):
    return torch.Generator().manual_seed(seed)


# --- objects -------------------------------------------------------------------------------------


def test_hot_is_above_a_share_of_each_maps_own_maximum():
    M = torch.tensor([[[10.0, 2.0, 1.9], [-5.0, 2.1, 0.0]], [[-1.0, -2.0, -3.0]] * 2])
    assert concepts.hot(M)[0].tolist() == [[True, False, False], [False, True, False]]
    assert not concepts.hot(M)[1].any()
    assert torch.equal(concepts.hot(M), concepts.hot(7 * M))


@given(SEEDS, st.integers(1, 4), st.integers(2, 6))
def test_areas_count_pixels(seed, n, n_objects):
    g = random(seed)
    parts = torch.randint(0, n_objects, (n, 5, 7), generator=g, dtype=torch.uint8)
    where = torch.rand(n, 5, 7, generator=g) < 0.5
    area, inside = concepts.areas(parts, n_objects), concepts.areas(parts, n_objects, where)
    for p in range(n_objects):
        assert torch.equal(area[:, p], (parts == p).sum((1, 2)))
        assert torch.equal(inside[:, p], ((parts == p) & where).sum((1, 2)))
    assert (area.sum(1) == 35).all()


def test_overlap_counts_the_pictures_that_hold_the_object():
    area = torch.tensor([[10, 4, 0], [10, 0, 0], [10, 8, 0]])
    inside = torch.tensor([[5, 4, 0], [4, 0, 0], [10, 3, 0]])
    assert torch.allclose(concepts.overlap_rate(inside, area), torch.tensor([2 / 3, 1 / 2, 0]))
    assert concepts.overlap_rate(inside, area, least=0.3).tolist() == [1, 1, 0]
    assert torch.allclose(concepts.frequency(area), torch.tensor([1, 2 / 3, 0]).double())


def test_a_ranking_leaves_out_what_is_rare_and_what_is_no_object():
    area = torch.tensor([[1, 1, 1, 0, 1]] * 4 + [[1, 1, 1, 1, 0]])
    values = torch.tensor([9.0, 0.1, 0.5, 0.9, 0.5])
    assert concepts.ranking(values, area, 0.3).tolist() == [2, 4, 1]
    assert concepts.ranking(values, area).tolist() == [3, 2, 4, 1]


def test_right_objects_among_the_first():
    ranked = torch.tensor([5, 2, 7, 1, 3])
    assert concepts.first_right(ranked, [5, 2]) == 1
    assert concepts.first_right(ranked, {2, 3, 9}) == 0.5  # 9 is not ranked, so R = 2
    assert concepts.first_right(ranked, (1, 3)) == 0
    with pytest.raises(ValueError, match="none of the right"):
        concepts.first_right(ranked, [9])


# --- phrases -------------------------------------------------------------------------------------


def test_captions_are_read_word_by_word():
    captions = (
        "A red bird on the roof, with a blue carpet.",
        "A bird beside the house, at dusk.",
        "On the roof, a car.",
    )
    assert concepts.mentions(captions, "bird on the roof").tolist() == [True, False, False]
    assert concepts.mentions(captions, "car").tolist() == [False, False, True]
    assert concepts.touches(captions, "bird on the roof").tolist() == [True, True, True]
    assert concepts.touches(captions, "boat on the sand").tolist() == [False] * 3
    assert concepts.touches(captions, "car beside the house").tolist() == [False, True, True]


def split(n, k, seed, shift=1.0):
    """Features of n pictures, the first quarter positive and moved along the first channel."""
    F = torch.randn(n, k, generator=random(seed))
    positive = torch.arange(n) < n // 4
    F[positive, 0] += shift
    return F, positive


def test_a_detector_scores_its_pictures_above_the_others():
    F, positive = split(80, 3, 0, shift=9.0)
    w, b = concepts.detector(F, positive, torch.arange(20, 40))
    assert w.shape == (3,) and b.shape == ()
    assert torch.equal(F @ w + b > 0, positive)


def test_a_detector_needs_both_kinds():
    F, positive = split(20, 3, 0)
    with pytest.raises(ValueError, match="needs pictures"):
        concepts.detector(F, positive, torch.arange(0))
    with pytest.raises(ValueError, match="needs pictures"):
        concepts.detector(F, positive & False, torch.arange(9))


@given(SEEDS, st.integers(1, 6))
def test_the_hardest_are_unused_negatives_and_none_left_is_harder(seed, n):
    g = random(seed)
    S = torch.randn(30, generator=g)
    positive, used = (torch.rand(2, 30, generator=g) < 0.3).unbind()
    if (~(positive | used)).sum() < n:
        with pytest.raises(ValueError, match="are left"):
            concepts.hardest(S, positive, used, n)
        return
    found = concepts.hardest(S, positive, used, n)
    assert len(found.unique()) == n and not positive[found].any() and not used[found].any()
    left = ~(positive | used).index_fill(0, found, True)
    assert (S[found].diff() <= 0).all() and (S[left] <= S[found].min()).all()


@settings(max_examples=20)
@given(SEEDS)
def test_mining_adds_negatives_that_look_like_positives(seed):
    F, positive = split(120, 4, seed, shift=2.0)
    first = torch.arange(30, 50)
    found = concepts.mine(F, positive, first, n=5, rounds=3)
    assert len(found) == len(found.unique()) == 35 and not positive[found].any()
    assert torch.equal(found[:20], first)
    w, b = concepts.detector(F, positive, first)
    S, rest = F @ w + b, ~positive.index_fill(0, first, True)
    assert torch.equal(
        found[20:25].sort().values, S.masked_fill(~rest, -99).topk(5).indices.sort().values
    )


def test_pairs_in_order():
    assert concepts.pairs_right(torch.tensor([2.0, 3.0]), torch.tensor([1.0])) == 1
    assert concepts.pairs_right(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 1.0])) == 0.625


# --- where ---------------------------------------------------------------------------------------


def test_around_grows_on_every_side():
    masks = torch.zeros(2, 9, 12, dtype=torch.bool)
    masks[0, 4, 5] = True
    grown = concepts.around(masks, 2)
    assert grown[0, 2:7, 3:8].all() and grown.sum() == 25


def test_peaks_are_counted():
    M = torch.zeros(3, 4, 4)
    M[0, 1, 1] = M[1, 2, 3] = M[2, 0, 0] = 1
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[0, 1], masks[1, :, 0], masks[2, 0, 0] = True, True, True
    assert concepts.peak_in(M, masks) == pytest.approx(2 / 3)


def test_precision_and_recall_count_the_pixels_of_all_maps_together():
    M = torch.tensor([[[10.0, 5.0], [1.0, 3.0]], [[-1.0, -2.0], [-3.0, -4.0]]])
    masks = torch.tensor([[[True, False], [True, False]], [[True, False], [False, False]]])
    assert concepts.precision_recall(M, masks, 0.2) == pytest.approx((1 / 3, 1 / 3))
    assert concepts.precision_recall(M, masks, 0.9) == pytest.approx((1, 1 / 3))
    assert math.isnan(concepts.precision_recall(M, masks, 1.0)[0])


def test_tiles_keep_every_pixel_in_its_place():
    images = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    cut = concepts.tiles(images, 2)
    assert cut.shape == (2, 6, 3, 2, 2)
    assert torch.equal(cut[1, 4], images[1, :, 2:4, 2:4])
    with pytest.raises(ValueError, match="do not fill"):
        concepts.tiles(images, 4)


def test_tile_features_see_one_tile_at_a_time():
    torch.manual_seed(0)
    model = models.CourseNetwork(3, widths=(4, 4, 8, 8)).eval()
    net = networks.CamNetwork(model)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=random(0))
    F = concepts.tile_features(net, images, 32)
    corners = [images[1, :, y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32)]
    assert torch.allclose(F[1], features.features(net, corners).mean(0), atol=1e-6)
    assert torch.allclose(concepts.tile_features(net, images, 64), features.features(net, images))


def test_a_thing_is_moved_along_its_rows():
    image = torch.arange(3 * 2 * 8).reshape(3, 2, 8)
    mask, free = torch.zeros(2, 8, dtype=torch.bool), torch.ones(2, 8, dtype=torch.bool)
    mask[0, 2:4] = True
    found = concepts.moved(image, mask, free, 3)
    assert torch.equal(found[:, 0, 5:7], image[:, 0, 2:4])
    assert torch.equal(found[:, 0, 2:4], image[:, 0, 5:7])  # what was there fills the hole
    assert torch.equal(found[:, 1], image[:, 1]) and torch.equal(found[:, 0, :2], image[:, 0, :2])
    free[0, 5] = False
    found = concepts.moved(image, mask, free, 3, keep=False)
    assert found[0, 0].tolist() == [0, 1, 7, 6, 4, 5, 6, 7]
    left = concepts.moved(image, mask, free, -2)
    assert left[0, 0].tolist() == [2, 3, 0, 1, 4, 5, 6, 7]


# --- the parts of the experiments ----------------------------------------------------------------


def test_a_rate_is_asked_only_for_objects_that_are_there():
    area, inside = torch.tensor([[4, 0, 2], [4, 0, 0]]), torch.tensor([[4, 0, 0], [1, 0, 0]])

    def rate(inside, area):
        return [a / b for a, b in zip(inside.sum(0).tolist(), area.sum(0).tolist(), strict=True)]

    assert scenes.rated(rate, inside, area).tolist() == [0.625, 0, 0]
    found = scenes.rated(concepts.overlap_rate, inside, area)
    assert torch.equal(found, concepts.overlap_rate(inside, area))


def test_perfect_maps_put_all_telling_objects_first():
    pictures = sketchbook.scenes(64, 5)
    telling = [
        [pictures.part_names.index(n) for n in scenes.TELLING[s]] for s in pictures.class_names
    ]
    maps = torch.stack(
        [
            torch.isin(parts, torch.tensor(telling[c], dtype=torch.uint8)).float()
            for parts, c in zip(pictures.parts, pictures.labels.tolist(), strict=True)
        ]
    )
    found = scenes.first_places(pictures, scenes.rules(pictures, maps))
    assert list(found) == ["informative", "informative_at_50", "one_pixel", "frequent", "chance"]
    assert found["informative"] == found["one_pixel"] == [1.0] * 8
    assert max(found["frequent"]) < 1 and all(0 < share < 1 for share in found["chance"])


def test_five_kinds_of_negatives_never_show_the_phrase():
    captions = sketchbook.captions(120, 3).captions
    F, order = torch.randn(120, 5, generator=random(0)), torch.randperm(120, generator=random(1))
    found = phrases.negatives(F, captions, "bird on the roof", order, n=10)
    assert {kind: len(some) for kind, some in found.items()} == {
        "first": 10, "more": 20, "random": 20, "mined": 20, "all": 110,
    }  # fmt: skip
    positive = concepts.mentions(captions, "bird on the roof")
    for some in found.values():
        assert not positive[some].any() and len(some.unique()) == len(some)
    assert not concepts.touches(captions, "bird on the roof")[found["more"]].any()


def test_birds_leave_the_roof():
    test = sketchbook.captions(48, 4)
    moved = phrases.birds_moved(test)
    assert list(moved) == ["roof", "air", "gone", "beside"] and len(moved["roof"]) == 4
    bird = test.subset(test.labels == test.class_names.index("bird on the roof"))
    bird = bird.parts == bird.part_names.index("bird")
    for key in ("air", "gone"):
        changed = (moved[key] != moved["roof"]).any(1)
        assert (changed & bird).sum() > 0.9 * bird.sum()


def test_pictures_are_enlarged_before_they_are_read():
    torch.manual_seed(0)
    net = networks.CamNetwork(models.CourseNetwork(2, widths=(4, 4, 8, 8)).eval())
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=random(0))
    S, M = text.seen_by(net, images, 64)
    wanted, maps = net(net.prepare(text.enlarged(images, 64)), 1)
    assert torch.allclose(S, wanted[:, 1], atol=1e-6) and torch.allclose(M, maps[:, 0], atol=1e-6)


def test_more_negatives_teach_what_they_show():
    positive, negatives = torch.arange(24) % 2 == 0, torch.arange(1, 24, 2)
    F = 0.3 * torch.randn(24, 3, generator=random(0)) + 2 * positive[:, None] * torch.eye(3)[0]
    new = torch.tensor([[2.0, 0.0, 2.0]])  # what the positives have, and something else
    before = concepts.detector(F, positive, negatives)
    after = phrases.with_more(F, positive, negatives, new.repeat(8, 1))
    assert new @ before[0] + before[1] > 0 > new @ after[0] + after[1]


@pytest.fixture(scope="module")
def photographs():
    """Twelve made-up photographs with a box and a label each, and a network for them."""
    torch.manual_seed(0)
    net = networks.CamNetwork(models.CourseNetwork(2, widths=(4, 4, 8, 8)).eval(), ("a", "b"))
    images = torch.randint(0, 256, (12, 3, 100, 120), dtype=torch.uint8, generator=random(1))
    return net, [(image, torch.tensor([[12, 10, 60, 50]]), i % 2) for i, image in enumerate(images)]


def test_a_photograph_is_covered_where_its_thing_is_or_everywhere_else(photographs):
    net, shown = photographs
    pictures = covering.framed(shown, net.class_names, 50)
    assert pictures.masks[0].nonzero().aminmax(dim=0).max.tolist() == [24, 24]  # 5 to 25 of 50
    found = covering.ways(pictures)
    rest = ~pictures.masks[:, None].expand(-1, 3, -1, -1)
    plain, thing, _, alone = found.values()
    assert torch.equal(thing[rest], plain[rest]) and torch.equal(alone[~rest], plain[~rest])
    assert (thing[0][:, pictures.masks[0]].amax(1) == plain[0].flatten(1).median(1).values).all()
    said = covering.lines(net, pictures)
    right = (covering.called(net, thing) == pictures.labels).double().mean()
    assert f"named right, thing covered: {100 * right:.1f} %" in said


def test_a_folder_is_measured_from_the_command_line(monkeypatch, capsys):
    entries = tuple(Entry(name, Path(name), 0) for name in "abc")
    monkeypatch.setattr(folder, "imagenet", lambda root: Photographs(entries, (root,)))
    monkeypatch.setattr(folder.models, "pretrained", lambda name: name if name == "here" else None)

    def lines(net, some):
        return [net, *some.class_names, *(entry.name for entry in some.entries)]

    folder.main("About it.", lines, ["ROOT", "--network", "here", "--most", "2"])
    assert capsys.readouterr().out == "here\nROOT\na\nb\n"
    folder.main("About it.", lines, ["ROOT", "--network", "here"])
    assert capsys.readouterr().out.endswith("a\nb\nc\n")
    folder.main("About it.", lines, ["ROOT", "--network", "nowhere"])  # which has said why
    assert capsys.readouterr().out == ""


def test_text_is_read_across_many_photographs(photographs):
    net, shown = photographs
    said = text.lines(net, [image for image, *_ in shown])
    assert said[0].startswith("12 photographs") and any("mean of all f_k" in line for line in said)


def test_what_knows_nothing_of_text_gets_what_the_best_of_it_gets(photographs):
    net, texts = photographs[0], sketchbook.signs(12, 4)
    texts = texts.subset(texts.labels == 1)
    of_all = networks.mean_maps(net, texts.images, texts.masks.shape[1:])
    own = concepts.peak_in(of_all, texts.masks)
    assert text.nothing(net, texts, 112) >= max(own, texts.masks.double().mean())


def test_every_pixel_has_one_owner_and_shares_add_up():
    pictures = sketchbook.scenes(16, 5)
    owners = scenes.groups(pictures)
    assert (owners.sum(1) == 1).all()
    assert torch.equal(owners[:, 0] | pictures.masks, owners[:, 0])  # road and water tell, too
    everywhere = torch.ones_like(owners[:, 0])
    assert torch.allclose(scenes.shares(owners, everywhere).sum(1), torch.ones(16).double())
    assert not scenes.shares(owners, ~everywhere).any()


def test_what_is_covered_is_as_its_surroundings_and_the_rest_stays():
    pictures = sketchbook.scenes(8, 5)
    owners = scenes.groups(pictures)
    things = owners[:, 0] | owners[:, 1]
    found = scenes.covered(pictures, things)
    grown = concepts.around(things, 1)[:, None].expand(-1, 3, -1, -1)
    assert torch.equal(found[~grown], pictures.images[~grown])
    for before, after, mask in zip(pictures.images, found, things, strict=True):
        inside = [image[:, mask].double().std(1).mean() for image in (before, after)]
        assert inside[1] < inside[0]
    nothing = torch.zeros_like(things)
    assert torch.equal(scenes.covered(pictures, nothing), pictures.images)


def test_windows_of_photographs_differ_in_their_words_only():
    pictures, of = text.on_photographs(2, seed=3)
    plain, written = pictures.images[:20], pictures.images[20:]
    assert of.bincount().tolist() == [4] * len(text.PHOTOGRAPHS)
    assert pictures.labels.tolist() == [0] * 20 + [1] * 20
    assert not pictures.masks[:20].any() and pictures.masks[20:].flatten(1).any(1).all()
    changed = (plain != written).any(1)
    near = concepts.around(pictures.masks[20:], 3)
    assert changed.flatten(1).any(1).all() and not (changed & ~near).any()


def test_a_fold_is_read_by_what_the_others_taught():
    f = torch.rand(12, 3, 2, 2, generator=random(0))
    labels, of = torch.arange(12) % 2, torch.arange(12) // 4
    f[:, 0] += labels[:, None, None]
    S, M = text.read_across(f, labels, of)
    assert torch.equal(S > 0, labels == 1) and M.shape == (12, 2, 2)
    turned = torch.where(of == 0, 1 - labels, labels)  # a fold's own labels teach it nothing
    assert torch.equal(text.read_across(f, turned, of)[0][of == 0], S[of == 0])
