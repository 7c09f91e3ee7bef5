"""Guesses, put down without a browser: what is shown, what is judged, what is counted."""

import sys

import pytest

from utils import explore
from utils.explore import predictions

VIEW = "application/vnd.jupyter.widget-view+json"
QUESTION, CHOICES = "Where will <tripod> light up?", ["legs", "camera", "man"]


@pytest.fixture(autouse=True)
def shown(monkeypatch) -> list[dict]:
    """What is displayed in a notebook that has just begun."""
    bundles: list[dict] = []
    monkeypatch.setattr(predictions, "_asked", {})
    monkeypatch.setattr(predictions, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


@pytest.fixture
def panels(monkeypatch) -> list:
    """The widgets behind the guesses."""
    made, kept = predictions._panel, []
    monkeypatch.setattr(predictions, "_panel", lambda asked: kept.append(made(asked)) or kept[-1])
    return kept


def buttons(panel) -> list:
    return panel.children[1].children


def status(panel) -> str:
    return panel.children[2].value


def test_a_button_puts_the_guess_down_and_the_last_one_counts(panels, capsys):
    tripod = explore.guess(QUESTION, CHOICES)
    for row in (2, 0):
        buttons(panels[0])[row].click()
    assert tripod.mine == "legs"
    assert [b.description for b in buttons(panels[0])] == ["✔ legs", "camera", "man"]
    assert status(panels[0]) == '<span role="status">You put down: legs.</span>'
    assert capsys.readouterr().out == ""
    tripod.is_("legs")
    assert capsys.readouterr().out == "You put down: legs, and so it is.\n"


def test_after_the_answer_no_guess_can_be_put_down(panels, capsys):
    tripod = explore.guess(QUESTION, CHOICES)
    tripod.is_("man", "camera")
    assert all(button.disabled for button in buttons(panels[0]))
    assert "run this cell again" in status(panels[0])
    assert capsys.readouterr().out == ""
    again = explore.guess(QUESTION, CHOICES)
    assert not again.truth and not any(button.disabled for button in buttons(panels[1]))
    buttons(panels[1])[0].click()
    again.is_("man", "camera")
    assert capsys.readouterr().out == "You put down: legs, and it is: man or camera.\n"
    assert "and it is: man or camera." in status(panels[1])


def test_what_is_stored_is_text(shown):
    explore.guess(QUESTION, CHOICES)
    (bundle,) = shown
    assert set(bundle) == {VIEW, "text/plain", "text/html"}
    assert bundle["text/plain"] == f"{QUESTION} legs, camera or man?"
    assert "&lt;tripod&gt;" in bundle["text/html"] and len(bundle["text/html"]) < 200


def test_without_ipywidgets_a_guess_is_written(monkeypatch, shown):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    explore.guess(QUESTION, CHOICES).is_("man")
    assert set(shown[0]) == {"text/plain", "text/html"}
    assert shown[0]["text/plain"].endswith('To put a guess down, end the line in: , "legs")')
    tripod = explore.guess(QUESTION, CHOICES, "man")
    assert shown[1]["text/plain"].endswith("You put down: man.")
    tripod.is_("man")
    assert tripod.came_true()


def test_the_end_counts_what_was_put_down(capsys):
    explore.guesses()
    assert capsys.readouterr().out == "You put down no guess this time.\n"
    explore.guess("Silent?", ["yes", "no"]).is_("yes")
    explore.guess("First?", ["yes", "no"], "yes").is_("yes")
    capsys.readouterr()
    explore.guesses()
    assert capsys.readouterr().out == "You put down 1 guess; 1 came true.\n"
    explore.guess("Second?", ["yes", "no"], "no").is_("yes")
    explore.guess("Third?", ["yes", "no"], "no")
    capsys.readouterr()
    explore.guesses()
    assert capsys.readouterr().out == (
        "You put down 3 guesses; 1 came true. 1 still open: run the cells behind.\n"
        "  Second? You put down: no, and it is: yes.\n"
    )


def test_asked_again_a_question_counts_once(capsys):
    for mine in ("no", "yes"):
        explore.guess("First?", ["yes", "no"], mine).is_("yes")
    capsys.readouterr()
    explore.guesses()
    assert capsys.readouterr().out == "You put down 1 guess; 1 came true.\n"


def test_every_button_tells_a_screen_reader_what_it_answers(panels):
    explore.guess(QUESTION, CHOICES)
    for button, choice in zip(buttons(panels[0]), CHOICES, strict=True):
        assert button.tooltip == f"{QUESTION} {choice}"
    assert "&lt;tripod&gt;" in panels[0].children[0].value


def test_what_is_none_of_the_choices_is_refused():
    with pytest.raises(ValueError, match="'leg' is none of the choices"):
        explore.guess(QUESTION, CHOICES, "leg")
    with pytest.raises(ValueError, match="take one of"):
        explore.guess(QUESTION, CHOICES).is_("coat")
