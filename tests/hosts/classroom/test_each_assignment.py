"""Every assignment but the first in the jail: a perfect, a blank and a half-right notebook each.

The first has a class of its own, in test_rehearsal.
"""

import re
from html import unescape

import pytest
from pupils import answered, figure_code, handed_out, mistaken, skip_without_a_jail, text_of

from tools.classroom import collect, feedback, folder, grade, release
from tools.classroom.source import assignment, names

WORKS = [assignment(name) for name in names()[1:]]
AXIS = re.compile(r"    ax\.set_xlabel\(.*\)\n")
BLANK = ["Not answered."]
DRAWN = ["Axes, content and alt text are as they should be."]


def half_right(work):
    """The first function right, the second a usual mistake, the third stops; the x axis is bare."""
    first, second, third = work.questions
    bare, gone = AXIS.subn("", figure_code(work))
    assert gone == 1
    codes = {
        second.name: mistaken(second, 0),
        third.name: f"def {third.name}(*given):\n    return not_there",
        work.drawing.name: bare,
    }
    wanted = {
        first.name: (first.points, ["Right."]),
        second.name: (second.points - second.lost[0], [begun(second.known[0].sentence)]),
        third.name: (0, stopped(third)),
        work.drawing.name: (
            work.drawing.total - work.drawing.points["labels"],
            ["The x axis has no label."],
        ),
    }
    return answered(work, **codes), wanted


def begun(words):
    return words[:1].upper() + words[1:]


def stopped(question):
    return [
        *(f"Not right on {group}." for group in question.groups),
        "It stops with a NameError in this line: return not_there.",
    ]


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """What each student is to get, what they got, and the class's folder."""
    place, downloads = tmp_path_factory.mktemp("five") / "class", tmp_path_factory.mktemp("in")
    wanted = {}
    for work in WORKS:
        full = {q.name: (q.points, ["Right."]) for q in work.questions}
        full[work.drawing.name] = (work.drawing.total, DRAWN)
        half, wanted[work.name, "half"] = half_right(work)
        wanted[work.name, "perfect"] = full
        wanted[work.name, "blank"] = {name: (0, BLANK) for name in full}
        for who, nb in (("perfect", answered(work)), ("blank", handed_out(work)), ("half", half)):
            (downloads / who).mkdir(exist_ok=True)
            (downloads / who / f"{work.name}.ipynb").write_text(text_of(nb), "utf8")
    at = ["--class", str(place)]
    assert release.main(at) == 0
    assert collect.main([*at, str(downloads)]) == 0
    try:
        found = grade.grade(place)
    except ValueError as refused:
        skip_without_a_jail(refused)
    assert feedback.main(at) == 0
    return wanted, found, place


@pytest.mark.parametrize("work", [pytest.param(w, id=w.name) for w in WORKS])
@pytest.mark.parametrize("who", ["perfect", "blank", "half"])
def test_every_point_and_every_message(graded, work, who):
    wanted, found, place = graded
    record = found[work.name][who]
    got = {name: (one["points"], one["words"]) for name, one in record["questions"].items()}
    assert got == wanted[work.name, who]
    assert (record["notes"], record["repairs"]) == ([], [])
    page = unescape((place / "feedback" / work.name / f"{who}.html").read_text("utf8"))
    points = sum(points for points, _ in got.values())
    assert f"<b>{points:g} of {work.total:g} points</b>" in page
    assert all(words in page for _, some in got.values() for words in some)


def test_nobody_s_secret_is_in_what_is_handed_out(graded):
    _, _, place = graded
    for work in WORKS:
        text = (place / "release" / f"{work.name}.ipynb").read_text("utf8")
        assert folder.settings(place)["secret"] not in text
        assert str(folder.hidden_seed(place, work.name)) not in text
