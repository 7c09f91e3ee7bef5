"""The sketchbook draws what it says, the same every time, and hides nothing in the background."""

import numpy as np
import pytest
import torch

from sketchbook import birds, captions, objects, pairs, questions, scenes, signs, swatches
from sketchbook.birds import SPECIES
from sketchbook.captions import PHRASES
from sketchbook.cutouts import cutout, empty
from sketchbook.scenes import SCENES
from sketchbook.things import PARTS, THINGS

N = 120
WORLDS = [objects, pairs, birds, scenes, captions, signs, questions, swatches]

# objects(10, seed=0)
LABELS = [9, 2, 4, 7, 5, 0, 8, 6, 3, 1]
AREAS = [1853, 1914, 3539, 669, 713, 2731, 801, 2599, 1336, 1073]
COLOURS = [
    [198, 202, 197],
    [216, 204, 215],
    [173, 166, 162],
    [233, 209, 201],
    [90, 75, 111],
    [82, 88, 106],
    [162, 162, 178],
    [183, 178, 179],
    [168, 180, 191],
    [142, 170, 163],
]


@pytest.fixture(scope="module")
def some():
    return objects(N, seed=3)


@pytest.fixture(scope="module")
def two():
    return pairs(30, seed=3)


def grown(mask: torch.Tensor) -> torch.Tensor:
    """The mask and its neighbouring pixels."""
    return torch.nn.functional.max_pool2d(mask[:, None].float(), 3, 1, 1)[:, 0] > 0


def test_shapes_and_types(some, two):
    assert some.images.shape == (N, 3, 112, 112) and some.images.dtype == torch.uint8
    assert some.labels.shape == (N,) and some.labels.dtype == torch.int64
    assert some.boxes.shape == (N, 4) and some.boxes.dtype == torch.int64
    assert some.masks.shape == some.parts.shape == (N, 112, 112)
    assert some.masks.dtype == torch.bool and some.parts.dtype == torch.uint8
    assert some.class_names == tuple(PARTS) == tuple(THINGS)
    assert two.labels.shape == (30, 2) and two.boxes.shape == (30, 2, 4)
    assert two.masks.shape == (30, 2, 112, 112)
    assert objects(2, size=64).images.shape == (2, 3, 64, 64)


def test_same_seed_same_pictures(some):
    again = objects(N, seed=3)
    for name in ("images", "labels", "boxes", "masks", "parts"):
        assert torch.equal(getattr(some, name), getattr(again, name))
    assert not torch.equal(some.images[:10], objects(10, seed=4).images)


@pytest.mark.parametrize("draw", WORLDS)
def test_a_longer_set_starts_with_the_shorter_one(draw):
    short, long = draw(7, seed=5), draw(23, seed=5)
    for name in ("images", "labels", "boxes", "masks", "parts"):
        assert torch.equal(getattr(short, name), getattr(long, name)[:7])
    for name in ("captions", "phrases", "questions"):
        assert getattr(short, name) == getattr(long, name)[:7]


def test_the_pictures_of_seed_0_stay_as_they_are():
    # Areas and mean colours, not a checksum: Pillow versions may round an edge differently.
    p = objects(10, seed=0)
    area = p.masks.sum((1, 2)).tolist()
    colour = p.images.float().mean((2, 3)).round().int().tolist()
    assert p.labels.tolist() == LABELS
    assert area == pytest.approx(AREAS, rel=0.01, abs=4)
    assert np.abs(np.array(colour) - COLOURS).max() <= 2


def test_boxes_are_tight(some, two):
    boxes = torch.cat([some.boxes, two.boxes.flatten(0, 1)])
    masks = torch.cat([some.masks, two.masks.flatten(0, 1)])
    for (x0, y0, x1, y1), mask in zip(boxes.tolist(), masks, strict=True):
        assert mask.sum() == mask[y0:y1, x0:x1].sum() > 0
        inside = mask[y0:y1, x0:x1]
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_parts_make_up_the_mask_and_belong_to_the_class(some, two):
    assert torch.equal(some.parts > 0, some.masks)
    assert torch.equal(two.parts > 0, two.masks.any(1)) and not two.masks.all(1).any()
    for label, parts in zip(some.labels, some.parts, strict=True):
        owners = {some.part_names[p].split()[0] for p in parts.unique().tolist() if p}
        assert owners == {some.class_names[label]}


def test_every_part_appears(some):
    seen = {some.part_names[p] for p in some.parts.unique().tolist()}
    assert seen == set(some.part_names)


def test_classes_are_balanced_and_sizes_vary(some, two):
    assert some.labels.bincount().tolist() == [N // 10] * 10
    assert (two.labels[:, 0] != two.labels[:, 1]).all()
    assert two.labels.flatten().bincount(minlength=10).min() >= 3
    x0, y0, x1, y1 = some.boxes.T
    share = ((x1 - x0) * (y1 - y0)) / 112**2
    assert share.min() > 0.08 and share.max() < 0.62 and share.std() > 0.1


def test_hiding_a_part_leaves_every_other_pixel_as_it_was(some):
    for part in ("bird beak", "car wheels", "mushroom cap"):
        without = objects(20, seed=3, hide=(part,))
        number = some.part_names.index(part)
        there = some.parts[:20] == number
        changed = (without.images != some.images[:20]).any(1)
        assert there.any() and not (without.parts == number).any()
        assert not (changed & ~grown(there)).any()
        assert (changed & there).sum() > 0.8 * there.sum()


def test_the_background_does_not_give_the_class_away():
    p = objects(400, seed=8, size=64)
    border = torch.cat([p.images[:, :, :4].flatten(2), p.images[:, :, -4:].flatten(2)], 2)
    colour = border.float().mean(2)
    train, test = slice(0, 200), slice(200, 400)
    means = torch.stack([colour[train][p.labels[train] == c].mean(0) for c in range(10)])
    guess = torch.cdist(colour[test], means).argmin(1)
    assert (guess == p.labels[test]).float().mean() < 0.2


def test_subset(some):
    assert len(some.subset([])) == 0 and len(some.subset(slice(3))) == 3
    part = some.subset([4, 2])
    assert len(part) == 2 and torch.equal(part.images[1], some.images[2])
    assert len(some.subset(some.labels == 3)) == N // 10
    assert part.class_names == some.class_names


@pytest.mark.parametrize(
    "wrong, words",
    [
        (dict(n=0), "number of pictures"),
        (dict(n=2.5), "number of pictures"),
        (dict(n=3, seed=-1), "seed"),
        (dict(n=3, size=8), "size"),
        (dict(n=3, hide=("bird nose",)), "bird beak"),
        (dict(n=3, hide="bird beak"), "tuple"),
    ],
)
def test_clear_errors(wrong, words):
    with pytest.raises(ValueError, match=words):
        objects(**wrong)


@pytest.mark.parametrize("draw", WORLDS)
def test_every_world_checks_its_input_and_fills_its_fields(draw):
    for wrong in (dict(n=0), dict(n=1, seed=-1), dict(n=1, size=5)):
        with pytest.raises(ValueError, match=r"whole number|pixels"):
            draw(**wrong)
    p = draw(6, seed=2, size=48)
    assert p.images.shape == (6, 3, 48, 48) and p.parts.shape == (6, 48, 48)
    assert p.masks.shape == (*p.labels.shape, 48, 48) and p.boxes.shape == (*p.labels.shape, 4)
    assert p.labels.min() >= 0 and p.labels.max() < len(p.class_names)
    assert p.parts.max() < len(p.part_names)


def test_bird_species_differ_in_one_part():
    p = birds(80, seed=2)
    assert p.labels.bincount().tolist() == [10] * 8
    number = {name: i for i, name in enumerate(p.part_names)}
    for species, (part, _) in SPECIES.items():
        own = p.parts[p.labels == p.class_names.index(species)]
        assert not part or (own == number[f"bird {part}"]).any((1, 2)).float().mean() > 0.9
        for extra in {"bar", "cap", "crest", "ring", "collar"} - {part}:
            assert not (own == number[f"bird {extra}"]).any()
    width, height = (p.boxes[:, 2:] - p.boxes[:, :2]).T
    share = width * height / 112**2
    assert share.min() < 0.04 and share.median() < 0.15 and share.max() > 0.2


def test_scenes_hold_the_things_that_tell_them():
    p = scenes(80, seed=2)
    number = {name: i for i, name in enumerate(p.part_names)}
    for label, parts, mask in zip(p.labels, p.parts, p.masks, strict=True):
        telling = [number[t] for t in SCENES[p.class_names[label]]]
        assert torch.equal(torch.isin(parts, torch.tensor(telling)), mask) and mask.any()
    tables = [(p.parts[p.labels == c] == number["table"]).any() for c in range(5)]
    assert all(tables)  # a table tells no room


def test_captions_speak_of_what_is_there():
    p = captions(60, seed=2)
    assert p.class_names == PHRASES and len(p.captions) == len(p.phrases) == 60
    for label, caption, phrases, mask in zip(p.labels, p.captions, p.phrases, p.masks, strict=True):
        assert phrases[0] == PHRASES[label] and caption.endswith(".") and mask.any()
        assert all(phrase in caption for phrase in phrases[1:]) and phrases[0] in caption
    part = p.subset(torch.tensor([5, 3]))
    assert part.captions == (p.captions[5], p.captions[3])
    assert p.subset(p.labels == 0).phrases[0][0] == PHRASES[0]


def test_signs_have_text_where_the_mask_says():
    p = signs(60, seed=2)
    assert p.labels.bincount().tolist() == [30, 30]
    share = p.masks.float().mean((1, 2))
    assert (share[p.labels == 0] == 0).all() and (p.boxes[p.labels == 0] == 0).all()
    assert share[p.labels == 1].min() > 0.02 and share[p.labels == 1].max() < 0.11
    grey = p.images.float().mean(1)  # letters stand out from what they are written on
    contrast = [g[m].std() for g, m in zip(grey, p.masks, strict=True) if m.any()]
    assert min(contrast) > 8


def test_questions_need_the_picture():
    p = questions(120, seed=2, size=64)
    assert p.labels.shape == (120, 4) and all(len(q) == 4 for q in p.questions)
    assert p.masks.any((2, 3)).all()
    answers = {}
    for row, labels in zip(p.questions, p.labels.tolist(), strict=True):
        for question, label in zip(row, labels, strict=True):
            answers.setdefault(question, []).append(label)
    # Always saying the most frequent answer to a question is right less than half of the time.
    often = sum(max(a.count(x) for x in set(a)) for a in answers.values())
    assert often / 480 < 0.45
    assert len(p.labels.unique()) > 20


def test_swatches_wear_the_pattern_that_their_numbers_say():
    p = swatches(44, seed=1)
    assert p.class_names == p.part_names[1:] and p.labels.bincount().tolist() == [4] * 11
    assert (p.masks == (p.parts == (p.labels + 1)[:, None, None])).all()
    assert p.masks.flatten(1).any(1).float().mean() > 0.9  # another swatch may hide one


def test_cutouts_have_one_shape_in_every_colour_and_say_what_there_is():
    red, blue = cutout("cup", "red", 3), cutout("cup", "blue", 3)
    assert max(red.shape[:2]) == 96 and red.shape == blue.shape
    assert (red[..., 3] == blue[..., 3]).all() and not (red == blue).all()
    assert red[..., 3].max() == 255 and red[0, 0, 3] == 0
    picture, shade = empty("meadow")
    assert picture.shape == (112, 112, 3) and len(shade) == 3
    with pytest.raises(ValueError, match="there is no 'dog' here; there are bird"):
        cutout("dog", "red")
    with pytest.raises(ValueError, match="'mauve'"):
        cutout("cup", "mauve")
