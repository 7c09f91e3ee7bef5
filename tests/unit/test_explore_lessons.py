"""The lesson at the buttons, driven without a browser."""

import base64
import io
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from utils import teaching
from utils.explore import lessons as explore
from utils.explore import panels

VIEW = "application/vnd.jupyter.widget-view+json"
LABELS, NAMES = torch.arange(24) % 2, ["A", "B"]
PLAN = teaching.plan(LABELS, asked=2, studied=3, seed=0)
PICTURES = torch.randint(0, 255, (24, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
MAPS = torch.rand(24, 2, 2, generator=torch.Generator().manual_seed(1))


class Shown:
    """A lesson, what was displayed, and the widgets behind it."""

    def __init__(self, monkeypatch, maps=None):
        self.bundles = []
        made = explore._panel

        def panel(lesson):
            self.panel = made(lesson)
            return self.panel

        monkeypatch.setattr(explore, "_panel", panel)
        monkeypatch.setattr(panels, "display", lambda bundle, **_: self.bundles.append(bundle))
        self.lesson = explore.lesson(PICTURES, PLAN, NAMES, maps)
        _, self.guide, self.status, row, self.image = self.panel.children
        *self.buttons, self.turn = row.children

    def pixels(self):
        address = re.search('base64,([^"]+)', self.image.value)[1]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(address))))


@pytest.fixture
def shown(monkeypatch):
    return Shown(monkeypatch)


def test_the_widget_with_a_picture_and_words_and_its_keys(shown):
    (bundle,) = shown.bundles
    assert set(bundle) == {VIEW, "image/png", "text/plain"}
    around = panels.with_keys(shown.panel)
    assert around.children[-1].outputs[0]["data"]["text/html"] == panels.KEYS
    for name, widget in ((panels.NAME, around), (panels.LETTERS, shown.panel)):
        assert name in widget._dom_classes and f'(".{name}")' in panels.KEYS


def test_without_ipywidgets_the_guide_is_still_shown(monkeypatch):
    bundles = []
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(panels, "display", lambda bundle, **_: bundles.append(bundle))
    explore.lesson(PICTURES, PLAN, NAMES)
    assert [set(bundle) for bundle in bundles] == [{"image/png", "text/plain"}]
    assert "need ipywidgets" in bundles[0]["text/plain"]


def test_buttons_lead_through_the_lesson(shown):
    for stage, times in (("first round", 4), ("study", 2), ("second round", 4)):
        for _ in range(times):
            assert shown.lesson.progress.stage == stage
            on = shown.turn if stage == "study" else shown.buttons[1]
            off = shown.buttons[1] if stage == "study" else shown.turn
            assert off.disabled and not on.disabled
            on.click()
    assert shown.lesson.progress.stage == "done" and shown.lesson.progress.answers == (1,) * 8
    assert "Second round: 2 of 4" in shown.status.value
    assert all(button.disabled for button in (*shown.buttons, shown.turn))


def test_every_press_changes_words_and_picture(shown):
    before = shown.status.value, shown.pixels()
    shown.buttons[0].click()
    assert shown.status.value != before[0] and "picture 2 of 4" in shown.status.value
    assert (shown.pixels() != before[1]).any()


def test_every_button_says_what_it_does(shown):
    assert [b.description for b in (*shown.buttons, shown.turn)] == ["A", "B", "Next page (N)"]
    assert all(b.tooltip for b in (*shown.buttons, shown.turn))
    assert 'role="status"' in shown.status.value


def test_the_study_lays_maps_on_and_the_control_group_sees_pictures_alone(monkeypatch):
    pages = []
    for maps in (MAPS, None):
        one = Shown(monkeypatch, maps)
        first = one.pixels()
        for _ in range(4):
            one.buttons[0].click()
        pages.append((first, one.pixels(), one.status.value))
    (first, lit, said), (first_bare, bare, said_bare) = pages
    assert np.array_equal(first, first_bare)  # the rounds are the same for both
    assert lit.shape == bare.shape and (lit != bare).any()
    assert "Bright" in said and "Bright" not in said_bare


def test_a_lesson_can_be_played_by_anybody(shown):
    shown.lesson.play(LABELS)
    (_, _), (answers, truth) = shown.lesson.progress.rounds()
    assert answers == truth and len(truth) == 4


@pytest.mark.parametrize(
    ("pictures", "names", "maps", "says"),
    [
        (PICTURES[:5], NAMES, None, "5 pictures and 2 names came"),
        (PICTURES, ["A"], None, "24 pictures and 1 names came"),
        (PICTURES, NAMES, MAPS[:3], "24 pictures, but 3 maps"),
    ],
)
def test_what_does_not_go_together_is_refused(pictures, names, maps, says):
    with pytest.raises(ValueError, match=says):
        explore.Lesson(pictures, PLAN, names, maps)
