"""The lecture: 45 minutes, every figure found, nothing fetched."""

import re

import pytest

from tools import slides


def test_it_takes_45_minutes_by_its_notes_and_has_one_for_each_slide():
    text = slides.TEXT.read_text("utf8")
    assert slides.minutes(text) == 45
    assert len(slides.NOTES.findall(text)) == len(re.split(r"^---$", text, flags=re.MULTILINE))


def test_every_figure_has_its_alt_text_and_nothing_comes_from_elsewhere(tmp_path):
    assert slides.main([str(tmp_path / "slides.html")]) == 0
    page = (tmp_path / "slides.html").read_text("utf8")
    pictures = re.findall(r'<img alt="([^"]*)" src="([^"]{40})', page)
    assert len(pictures) == len(re.findall(r"^!\[", slides.TEXT.read_text("utf8"), re.MULTILINE))
    assert all(len(alt) > 20 and source.startswith("data:image/") for alt, source in pictures)
    assert page.count("<math") == len(slides.MATH.findall(slides.TEXT.read_text("utf8"))) > 4
    said = re.sub(r"<style>.*?</style>|<script>.*?</script>|<math.*?</math>|<img[^>]*>", "", page)
    assert not re.search(r"[$\\]|\w_\w", said)
    assert "http" not in said


def test_a_figure_that_is_gone_is_named():
    with pytest.raises(ValueError, match="01_formulas has no figure whose alt text begins: Nobody"):
        slides.slide("# A slide\n![Nobody](01_formulas)")
