"""Questions as bags of words, and one linear model of words and features."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sketchbook
from utils import cam, features, models, networks, vqa
from utils.experiments import questions

SEEDS = st.integers(0, 2**31 - 1)
ASKED = ("What colour is the cat?", "Is the cat on the left of the boat?")


def course_net(n_classes=3, seed=0):
    torch.manual_seed(seed)
    network = models.CourseNetwork(n_classes, widths=(4, 4, 8, 8)).eval()
    return networks.CamNetwork(network, tuple("abcdefgh"[:n_classes]))


def table(n=120, n_words=4, k=6, n_answers=3, seed=0):
    """Bags (n, V), features (n, K) of different scales, and answers that depend on both."""
    g = torch.Generator().manual_seed(seed)
    q = torch.randint(0, 3, (n, n_words), generator=g).float()
    F = torch.randn(n, k, generator=g) * torch.logspace(-2, 1, k) + torch.arange(k)
    picture = (F - F.mean(0)) / F.std(0) @ torch.randn(k, n_answers, generator=g)
    answers = (picture + q @ torch.randn(n_words, n_answers, generator=g)).argmax(1)
    answers[:n_answers] = torch.arange(n_answers)
    return q, F, answers


# --- words ---------------------------------------------------------------------------------------


def test_words_are_small_and_without_punctuation():
    assert vqa.words("What's on the LEFT, a cat?") == ["what", "s", "on", "the", "left", "a", "cat"]
    assert vqa.words("?") == []


def test_the_vocabulary_holds_every_word_once():
    of, the = vqa.vocabulary(ASKED), "boat cat colour is left of on the what"
    assert of == tuple(the.split())


def test_a_bag_counts_words_and_forgets_their_order():
    names = ("cat", "colour", "the", "star")
    assert vqa.bags(ASKED, names).tolist() == [[1, 1, 1, 0], [1, 0, 3, 0]]
    shuffled = "the colour what? cat is"
    assert torch.equal(vqa.bags([shuffled], names), vqa.bags(ASKED[:1], names))
    assert vqa.bags(["How many stars?"], names).tolist() == [[0, 0, 0, 0]]  # stars is no star
    assert vqa.bags([], names).shape == (0, 4) and vqa.bags(ASKED, ()).shape == (2, 0)


# --- the linear model ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_answers", [2, 3, 5])
def test_the_model_learns_what_is_linear(n_answers):
    q, F, answers = table(n=400, n_answers=n_answers)
    v, w, b = vqa.fit(q, F, answers, C=10.0)
    assert v.shape == (n_answers, 4) and w.shape == (n_answers, 6) and b.shape == (n_answers,)
    S = vqa.scores(q, F, v, w, b)
    assert S.shape == (400, n_answers)
    assert (S.argmax(1) == answers).double().mean() > 0.93


def test_the_scale_of_the_features_does_not_matter():
    q, F, answers = table()
    scale, shift = torch.tensor([1.0, 5, 0.1, 2, 30, 0.5]), torch.arange(6.0)
    S = vqa.scores(q, F, *vqa.fit(q, F, answers))
    moved = F * scale + shift
    assert torch.allclose(S, vqa.scores(q, moved, *vqa.fit(q, moved, answers)), atol=1e-3)


def test_what_is_all_zero_has_no_say():
    q, F, answers = table()
    v, w, b = vqa.fit(q, 0 * F, answers)
    assert w.abs().max() == 0 and v.abs().max() > 0.01 and b.isfinite().all()
    v, w, b = vqa.fit(0 * q, F, answers)
    assert v.abs().max() < 1e-6 and w.abs().max() > 0.01


def test_new_questions_are_answered_by_the_best_score():
    q, F, learnt = table(n=200)
    S = vqa.scores(q[150:], F[150:], *vqa.fit(q[:150], F[:150], learnt[:150]))
    found = vqa.answers(q[:150], F[:150], learnt[:150], q[150:], F[150:])
    assert torch.equal(found, S.argmax(1))


@pytest.mark.parametrize("answers", [[0, 0, 0], [0, 2, 2], [1, 1, 2]])
def test_every_answer_needs_a_question(answers):
    with pytest.raises(ValueError, match="needs questions"):
        vqa.fit(torch.rand(3, 2), torch.rand(3, 4), torch.tensor(answers))


# --- scores and maps -----------------------------------------------------------------------------


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 4), st.integers(1, 6), st.integers(2, 5))
def test_a_score_is_its_words_the_mean_of_its_map_and_its_bias(seed, n, n_words, n_answers):
    torch.manual_seed(seed)
    f, q = torch.rand(n, 7, 3, 4), torch.rand(n, n_words)
    v, w, b = torch.randn(n_answers, n_words), torch.randn(n_answers, 7), torch.randn(n_answers)
    S = vqa.scores(q, cam.pool(f), v, w, b)
    M = cam.class_maps(f, w)
    assert torch.allclose(S, q @ v.T + M.mean((2, 3)) + b, atol=1e-4)


def test_another_question_shifts_the_scores_of_every_picture_alike():
    torch.manual_seed(1)
    F, v, w, b = torch.rand(9, 7), torch.randn(5, 4), torch.randn(5, 7), torch.randn(5)
    one, other = torch.rand(2, 1, 4).expand(2, 9, 4)
    shift = vqa.scores(one, F, v, w, b) - vqa.scores(other, F, v, w, b)
    assert torch.allclose(shift, shift[:1].expand(9, 5), atol=1e-5)


def test_a_question_is_a_bias_of_a_cam_network():
    net = course_net()
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    v, w, b, q = torch.randn(5, 4), torch.randn(5, 8), torch.randn(5), torch.rand(1, 4)
    asked = features.with_head(net, w, b + (q @ v.T)[0])
    S, M = asked(asked.prepare(images))
    F = features.features(net, images)
    assert torch.allclose(S, vqa.scores(q, F, v, w, b), atol=1e-5)
    assert torch.allclose(S, M.mean((2, 3)) + b + q @ v.T, atol=1e-5)


# --- the parts of the experiment -----------------------------------------------------------------


def test_figures_of_each_kind_of_question():
    asked = ["What animal is there?", "How many cups are there?", "What is on the left?"] * 2
    values = torch.tensor([1.0, 0, 1, 0, 0, 1])
    found = questions.by_kind(values, asked)
    assert len(found) == 1 + len(questions.KINDS)
    assert found[0] == 0.5 and found[1] == 0.5 and found[3] == 0 and found[5] == 1


def test_a_picture_has_one_question_of_a_kind_at_most():
    pictures = sketchbook.questions(12, seed=1)
    for row in pictures.questions:
        assert len(set(questions.kinds_of(row))) == len(row)


def test_a_mean_over_things_sees_nothing_else():
    f = torch.zeros(1, 2, 4, 4)
    f[0, 0, :2], f[0, 1, 2:, 2:] = 3, 5
    masks = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, :4], masks[0, 1, 4:, 4:], masks[0, 2, 4:] = True, True, True
    told = questions.over_things(f, masks)
    assert told.shape == (3, 2)
    assert told[0, 0] > 2.7 and told[1, 1] > 4.2 and told[2, 1] == pytest.approx(2.5, abs=0.2)


def test_what_is_in_a_picture_and_what_is_asked_about_it():
    pictures = sketchbook.questions(12, 3)
    asked, answers = questions.in_one_row(pictures)
    assert len(asked) == len(answers) == 48
    pairs = questions.pairs_of_questions(pictures)
    painted = 0
    for i, texts in enumerate(pairs["colour"]):
        animal, single, group = questions.things_in(pictures, i)
        assert len({animal, single, group}) == 3 and asked[4 * i + 1] in texts
        one = asked[4 * i + 1].split()[-1][:-1]
        painted += questions.paint(pictures, i, one) == pictures.class_names[answers[4 * i + 1]]
    assert painted >= 10  # little is seen of some things
    right = questions.colours_named(pictures, pictures.labels[:, 1])
    assert right == {"colour_asked": 1, "colour_other": 0, "colour_group": 0, "colour_none": 0}


def test_answers_to_two_questions_are_compared():
    names, F = ("left", "right"), torch.zeros(2, 1)
    v, w, b = torch.tensor([[1.0, 0], [0, 1]]), torch.zeros(2, 1), torch.zeros(2)
    pairs = [("left?", "right?"), ("left?", "on the left?")]
    assert questions.same_answers(pairs, F, names, (v, w, b)).tolist() == [False, True]


def test_maps_of_answers_peak_on_things():
    f = torch.zeros(1, 2, 4, 4)
    f[0, 0, 0, 0] = f[0, 1, 3, 3] = 1
    masks = torch.zeros(1, 4, 8, 8, dtype=torch.bool)
    masks[0, :, :3, :3] = True
    found = questions.on_things(f, torch.eye(2), torch.tensor([0, 1, 0, 1]), masks)
    assert found.tolist() == [True, False, True, False]


# --- attention made of CAM -----------------------------------------------------------------------


def test_looking_is_a_mean_weighted_by_the_positive_part():
    f = torch.arange(8.0).reshape(2, 2, 2)
    assert vqa.look_there(f, torch.tensor([[0.0, 2], [-5, 0]])).tolist() == [1, 5]
    assert vqa.look_there(f, torch.tensor([[0.0, 1], [0, 3]])).tolist() == [2.5, 6.5]
    for nowhere in (torch.zeros(2, 2), -torch.ones(2, 2)):
        assert vqa.look_there(f, nowhere).tolist() == [1.5, 5.5]
    with pytest.raises(ValueError):
        vqa.look_there(f, torch.full((2, 2), torch.nan))


def test_nouns_are_read_from_questions_and_answers():
    assert questions.NOUNS[questions.noun_asked("How many stars are there?")] == "star"
    assert questions.NOUNS[questions.noun_asked("What colour is the cat?")] == "cat"
    assert questions.noun_asked("What is on the left?") == -1
    pictures = sketchbook.questions(20, 3)
    spoken = questions.spoken_of(pictures)
    for i, row in enumerate(spoken):
        there = {pictures.part_names[p] for p in pictures.parts[i].unique().tolist()}
        assert {questions.NOUNS[j] for j in row.nonzero()[:, 0].tolist()} <= there


def test_a_question_without_a_noun_sees_the_plain_mean():
    f = torch.rand(1, 5, 3, 3)
    nouns = torch.randn(len(questions.NOUNS), 5)
    asked = ["What is on the left?", "What colour is the cat?"] * 2
    pooled = questions.looked(f, nouns, asked)
    cat = torch.einsum("khw,k->hw", f[0], nouns[questions.NOUNS.index("cat")])
    assert torch.allclose(pooled[::2], f.mean((2, 3)).expand(2, -1))
    assert torch.allclose(pooled[1::2], vqa.look_there(f[0], cat).expand(2, -1))


def test_each_question_has_a_model_of_its_own():
    g = torch.Generator().manual_seed(0)
    F = torch.randn(80, 3, generator=g)
    asked = ["a?", "b?"] * 40
    sign = torch.tensor([1, -1] * 40)  # what counts for one question counts against the other
    answers = (F[:, 0] * sign > 0).long()
    found = questions.answered_one_by_one(asked, F, answers, [*asked, "c?"], F[[*range(80), 0]])
    assert (found[:80] == answers).double().mean() > 0.9 and found[80] == -1
