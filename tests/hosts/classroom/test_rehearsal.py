"""A whole class, from the release to the CSV: every score, every message, and nothing leaks.

More than thirty submissions of one assignment: perfect ones, usual mistakes, all that goes wrong
with files, and all that students try. One jail grades them all. (Every way and every mistake is
marked in test_assignments, at a tenth of the cost: here are some of each.)
"""

import csv
import io
import json
import re
import sys
import zipfile
from contextlib import nullcontext

import pytest
from pupils import (
    answered,
    cell,
    figure_code,
    handed_out,
    mistaken,
    skip_without_a_jail,
    text_of,
    way,
)
from ways import WAYS

from tools.classroom import collect, feedback, folder, grade, grades, release
from tools.classroom.sandbox import Sandbox
from tools.classroom.source import assignment
from utils.check.wire import packed

WORK = assignment("a1_formulas")
Q1, Q2, Q3 = WORK.questions
FIG, WORDS = WORK.drawing.name, WORK.writing.name
FULL = {q.name: q.points for q in WORK.questions} | {FIG: WORK.drawing.total}
NAMES = list(FULL)
SECONDS = {"cell": 1.0, "question": 120.0, "case": 30.0, "all": 8}
UNANSWERED = "Not answered."


class Class:
    """Submissions, and what each is to come back with."""

    def __init__(self):
        self.files: dict[str, bytes] = {}  # by path
        self.points: dict[str, dict[str, float]] = {}  # by student
        self.said: dict[str, list[str]] = {}  # by student: what stands on the page
        self.rejected: dict[str, str] = {}  # by path: a part of the reason

    def add(self, who, nb, points=None, said=(), path=None):
        text = nb if isinstance(nb, bytes) else text_of(nb).encode()
        self.files[path or f"{who}/a1_formulas.ipynb"] = text
        self.points[who] = FULL | (points or {})
        self.said[who] = list(said)

    def reject(self, path, data, reason):
        self.files[path] = data
        self.rejected[path] = reason


def own_cell(nb, source, at=3):
    """A notebook with a cell more."""
    extra = json.loads(json.dumps(nb.cells[2]))
    extra |= {"cell_type": "code", "source": source, "id": f"own-{at}", "metadata": {}}
    nb.cells.insert(at, type(nb)(extra | {"outputs": [], "execution_count": None}))
    return nb


def the_class(place) -> Class:
    """Everybody; `place` is where the teacher keeps them."""
    made, none = Class(), dict.fromkeys(FULL, 0)
    for i in range(0, 10, 3):
        codes = {q.name: way(q, WAYS[q.name][i]) for q in WORK.questions}
        made.add(f"perfect{i}", answered(WORK, **codes))
    for i in range(0, max(len(q.known) for q in WORK.questions), 3):
        codes, points, said = {}, {}, []
        for q in WORK.questions:
            if i < len(q.known):
                codes[q.name] = mistaken(q, i)
                points[q.name] = q.points - q.lost[i]
                said.append(q.known[i].sentence[1:])
        made.add(f"mistake{i}", answered(WORK, **codes), points, said)
    made.add("blank", handed_out(WORK), none, [UNANSWERED])

    half = handed_out(WORK)
    cell(half, Q1.name).source = Q1.code
    made.add("half", half, none | {Q1.name: 4}, [UNANSWERED, "To repeat: notebook 01"])

    slow = f"import time\n{Q2.code}".replace("    F =", "    time.sleep(0.1)\n    F =")
    made.add("slow", answered(WORK, **{Q2.name: slow}))

    part = Q2.code.replace(
        "    F =", "    keep = keep if keep.any((1, 2)).all() else ~keep\n    F ="
    )
    made.add("part", answered(WORK, **{Q2.name: part}), {Q2.name: 4},
             ["Right on some cells left.", "Not right on a picture with no cell"])  # fmt: skip

    crash = answered(WORK, **{Q1.name: "def difference_map(f, w, b, c, d):\n    return f @ w[c]"})
    made.add("crash", crash, {Q1.name: 0}, ["a RuntimeError in this line: return f @ w[c]"])

    ends = "def difference_map(f, w, b, c, d):\n    import os\n    os._exit(0)"
    made.add(
        "ends", answered(WORK, **{Q1.name: ends}), {Q1.name: 0}, ["It came to no end: it ended"]
    )

    helper = answered(WORK, **{Q1.name: Q1.code.replace("torch.einsum", "summed")})
    helper.cells[3].source += "\nsummed = torch.einsum"  # into the cell of the imports
    made.add("helper", helper)

    copied = answered(WORK)
    twin = json.loads(json.dumps(cell(copied, Q1.name)))
    copied.cells.insert(8, type(copied)(twin))
    made.add("copied", copied, said=["Copied cells with the same id"])

    edited = answered(WORK, **{Q3.name: "def deciding_cells(D):\n    return [99] * len(D)"})
    for c in edited.cells:
        if c.metadata.get("role") == "check":
            c.source = "print('Right.'); ok = dict.fromkeys(CHECKS, True)"
    made.add("edited", edited, {Q3.name: 0}, ["was edited: the grade does not use it"])

    deleted = answered(WORK)
    gone = ("check", "checks", "setup", "show")
    deleted.cells = [c for c in deleted.cells if c.metadata.get("role") not in gone]
    made.add("deleted", deleted, said=["was deleted: it is not needed for the grade"])

    stripped = json.loads(text_of(answered(WORK)))
    stripped["metadata"] = {}
    for c in stripped["cells"]:
        c.pop("id"), c.update(metadata={})
    made.add("stripped", json.dumps(stripped).encode(), said=["Its metadata were stripped"])

    odd = json.loads(text_of(answered(WORK)))
    odd["cells"][5:5] = [7, {"cell_type": "code"}, {"source": 3}, {"source": ["1 +", 2]}]
    made.add("odd", b"\xef\xbb\xbf" + json.dumps(odd).encode(), said=["4 cells without a readable"])

    for who, source, note in (
        ("loop", "while True:\n    pass", "This cell took too long: while True:"),
        ("hog", "x = bytearray(10**10)", "with MemoryError: x = bytearray"),
        ("forks", "import os\nwhile True:\n    os.fork()", "with BlockingIOError: import os"),
        ("leaves", "import os\nos._exit(0)", "ended the whole process and was left out: import os"),
        ("floods", "import os\nprint('x' * 10**8)\nos.write(3, b'x' * 10**8)", ": import os"),
        ("calls", "import socket\nsocket.create_connection(('192.0.2.1', 80))", "with OSError"),
        ("writes", f"open({str(folder.ROOT)!r} + '/utils/mine.py', 'w')", "with OSError: open("),
        ("fills", "open('/tmp/x', 'wb').write(b'0' * 10**8)", "with OSError: open('/tmp/x'"),
        ("installs", "import nothing_like_this", "with ModuleNotFoundError: import nothing_like"),
    ):
        made.add(who, own_cell(answered(WORK), source), said=[note])

    root = str(folder.ROOT)
    cheats = {
        "reads": f"open({root!r} + '/assignments/a1_formulas.py').read()",
        "snoops": f"open({str(place / 'class.json')!r}).read()",
        "imports": "__import__('assignments.a1_formulas')",
        "tells": "(_ for _ in ()).throw(ValueError(repr(args)))",
        "renames": "(_ for _ in ()).throw(type(repr(args[0]), (Exception,), {})())",
    }
    for who, code in cheats.items():
        nb = handed_out(WORK)
        for name in NAMES:
            cell(nb, name).source = f"def {name}(*args):\n    return {code}"
        kind = {"imports": "a ModuleNotFoundError", "tells": "a ValueError", "renames": "an error"}
        made.add(who, nb, none, [f"It stops with {kind.get(who, 'a FileNotFoundError')}"])

    frames = """
import gc, sys
from utils.check import judge
judge._same = lambda *a: True
judge.compared = lambda *a, **k: judge.Verdict(True, "")
judge.trials = lambda answer, cases: [judge.outcome(lambda *a: torch.zeros(1), c) for c in cases]
for thing in gc.get_objects():
    if type(thing).__name__ in ("Question", "Known", "Check") and hasattr(thing, "wanted"):
        thing.wanted.clear()
"""
    patched = own_cell(handed_out(WORK), frames)
    for q in WORK.questions:
        cell(patched, q.name).source = f"def {q.name}(*args):\n    return torch.zeros(2)"
    made.add("patches", patched, none, ["Not right on"])

    public = handed_out(WORK)
    cell(public, Q1.name).source = """
def difference_map(*args):
    known = CHECKS["difference_map"]
    for case, wanted in zip(known.cases, known.wanted):
        pairs = [(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(args, case)]
        if all(torch.equal(a, b) for a, b in pairs):
            return wanted.value
    return torch.zeros(len(args[0]), *args[0].shape[2:])
"""
    made.add("looks-up", public, none, ["Its values are not those that are wanted."])

    twice = answered(WORK, **{Q1.name: "def difference_map(f, w, b, c, d):\n    return 0"})
    made.files["again/a1_formulas.ipynb"] = text_of(twice).encode()
    made.add("again", answered(WORK), path="again/a1_formulas-2.ipynb")

    made.reject(
        "broken/a1_formulas.ipynb", text_of(answered(WORK)).encode()[:9000], "no valid JSON"
    )
    made.reject("deep/a1_formulas.ipynb", b"[" * 200_000, "no valid JSON")
    made.reject("large/a1_formulas.ipynb", b" " * (collect.MOST + 1), "larger than 20 MB")
    made.reject("latin/a1_formulas.ipynb", '{"é": 1}'.encode("latin-1"), "no text in UTF-8")
    made.reject("list/a1_formulas.ipynb", b"[]", "no notebook")
    other = json.dumps({"cells": [{"cell_type": "code", "source": "1 + 1"}], "metadata": {}})
    made.reject("other/holiday.ipynb", other.encode(), "another notebook")
    return made


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """The class, and its folder after every step."""
    place = tmp_path_factory.mktemp("teacher") / "my-class"
    made = the_class(place)
    downloads = tmp_path_factory.mktemp("downloads")
    some, rest = list(made.files.items())[:20], list(made.files.items())[20:]
    with zipfile.ZipFile(downloads / "first.zip", "w") as archive:
        for path, data in some:
            archive.writestr(path, data)
        archive.writestr("../../outside/a1_formulas.ipynb", b"{}")
    for path, data in rest:
        (downloads / path).parent.mkdir(exist_ok=True)
        (downloads / path).write_bytes(data)
    at = ["--class", str(place)]
    assert release.main([*at, "a1_formulas"]) == 0
    assert collect.main([*at, str(downloads)]) == 0
    asked = []
    real = Sandbox._say

    def overheard(self, request):
        asked.append(json.dumps(request))
        real(self, request)

    try:
        jail = Sandbox([place])
    except ValueError as refused:
        skip_without_a_jail(refused)
    with jail, pytest.MonkeyPatch.context() as patch:
        patch.setattr(grade, "Sandbox", lambda *given: nullcontext(jail))  # one for all gradings
        patch.setattr(Sandbox, "_say", overheard)
        graded = grade.grade(place, ["a1_formulas"], **SECONDS)["a1_formulas"]
        patch.setattr(Sandbox, "_say", real)
        read_the_answers(place)
        assert feedback.main(at) == grades.main(at) == 0
        made.asked, made.graded = asked, graded
        yield made, place


def read_the_answers(place):
    """What the teacher does in a spreadsheet: points for all but one student."""
    path = place / "written" / "a1_formulas.csv"
    head, *rows = csv.reader(path.read_text("utf8").splitlines(keepends=True))
    left_out = grade.code_of(place, "perfect9")
    for row in rows:
        if row[0] != left_out:
            row[1:6] = ["1", "0,5", "0", "1", "A fair look."]
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows([head, *rows])  # as a spreadsheet saves it elsewhere
    path.write_text(out.getvalue(), "utf-8-sig")


def rows_of(path):
    """A table's rows."""
    return list(csv.reader(path.read_text("utf8").splitlines(keepends=True)))


def page(place, who):
    """A student's page as text."""
    from html import unescape

    text = (place / "feedback" / "a1_formulas" / f"{who}.html").read_text("utf8")
    return unescape(re.sub(r"<[^>]+>", " ", text.replace("<br>", " ")))


def test_thirty_and_more_are_graded_and_the_rest_is_named(rehearsed):
    made, place = rehearsed
    assert len(made.points) >= 30
    assert made.graded.keys() == made.points.keys()
    rows = {row[0].split("first.zip/")[-1]: row for row in rows_of(place / "collected.csv")}
    for path, reason in made.rejected.items():
        assert rows[path][3].startswith("REJECTED: ")
        assert reason in rows[path][3]
        assert path in (place / "report.html").read_text("utf8")
    assert "is later" in rows["again/a1_formulas.ipynb"][3]


def test_every_score(rehearsed):
    made, _ = rehearsed
    for who, points in made.points.items():
        found = {name: one["points"] for name, one in made.graded[who]["questions"].items()}
        assert found == points, (who, made.graded[who]["questions"], made.graded[who]["notes"])


def test_every_message(rehearsed):
    made, place = rehearsed
    for who, sentences in made.said.items():
        text = page(place, who)
        for sentence in sentences:
            assert sentence in text, (who, text)


def test_nobody_honest_loses_a_point(rehearsed):
    made, place = rehearsed
    for who in [w for w, points in made.points.items() if points == FULL]:
        assert f"{sum(FULL.values()) + (2.5 if who != 'perfect9' else 0):g} of" in page(place, who)
        words = [w for one in made.graded[who]["questions"].values() for w in one["words"]]
        assert all(w.startswith(("Right.", "Axes, content")) for w in words), (who, words)


def test_no_page_shows_a_solution_a_hidden_case_or_another_student(rehearsed):
    made, place = rehearsed
    kept = folder.settings(place)
    lines = {line.strip() for q in WORK.questions for line in q.code.split("\n")[1:]}
    lines |= {line.strip() for line in figure_code(WORK).split("\n")[2:]}
    for who in made.points:
        text = page(place, who)
        assert not [line for line in lines if len(line) > 24 and line in text], who
        assert not re.search(r"\d\.\d{3}", text), f"a number of a hidden case? {who}: {text}"
        assert kept["secret"] not in text
        assert str(folder.hidden_seed(place, "a1_formulas")) not in text
        others = [w for w in made.points if w not in (who, "part", "half", "slow") and len(w) > 6]
        assert not [other for other in others if re.search(rf"\b{re.escape(other)}\b", text)], who


def test_nothing_that_is_wanted_was_sent_into_the_jail(rehearsed):
    made, place = rehearsed
    sent = "\n".join(made.asked)
    hidden = grade.checks("a1_formulas", folder.hidden_seed(place, "a1_formulas"))
    for check, _ in hidden.values():
        assert json.dumps(packed(check.cases))[1:-1] in sent
        for one in check.wanted:
            ((_, (_, _, data)),) = packed(one.value).items()
            assert len(data) < 24 or data not in sent
    assert folder.settings(place)["secret"] not in sent
    assert "gradebook" not in sent


def test_the_tables_for_moodle_and_canvas(rehearsed):
    made, place = rehearsed
    canvas = rows_of(place / "canvas.csv")
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "a1_formulas"]
    assert canvas[1] == ["Points Possible", "", "", "", "", f"{WORK.total:g}"]
    moodle = dict(rows_of(place / "moodle.csv"))
    assert moodle.pop("Username") == "a1_formulas"
    totals = {row[3]: row[5] for row in canvas[2:]}
    assert totals == moodle
    assert totals.keys() == made.points.keys()
    for who, points in made.points.items():
        written = bool(made.graded[who]["written"])
        total = sum(points.values()) + 2.5 * written
        assert totals[who] == ("" if who == "perfect9" else f"{total:g}"), who


def test_the_page_about_the_class_counts_mistakes_and_names_nobody(rehearsed):
    made, place = rehearsed
    text = (place / "report.html").read_text("utf8")
    sentence = Q1.known[0].sentence
    same = sum(one["questions"][Q1.name]["mistake"] == sentence for one in made.graded.values())
    assert f"<td>{same}</td><td>difference_map</td>" in text
    assert "To repeat next week" in text
    assert not [who for who in made.points if f">{who}" in text]


def test_one_question_is_graded_again_and_one_decided_by_hand(rehearsed):
    _, place = rehearsed
    at = ["--class", str(place), "--assignment", "a1_formulas"]
    asked = [*at, "--student", "mistake0", "--question", Q1.name]
    before = folder.read(place / "graded" / "a1_formulas" / "mistake0.json")
    assert grade.main(asked) == 0
    after = folder.read(place / "graded" / "a1_formulas" / "mistake0.json")
    assert after["questions"] == before["questions"]
    assert grade.main([*asked, "--points", "4", "--why", "The bias stands in the next cell."]) == 0
    assert feedback.main(["--class", str(place)]) == 0
    assert "3 became 4 by hand: The bias stands in the next cell." in page(place, "mistake0")
    with pytest.raises(ValueError, match="worth 0 to 4"):
        grade.main([*asked, "--points", "5", "--why", "x"])
    with pytest.raises(ValueError, match="nothing was collected from nobody"):
        grade.main([*at, "--student", "nobody"])


def test_a_grade_stays_until_another_file_comes(rehearsed):
    _, place = rehearsed
    assert grade.grade(place, ["a1_formulas"]) == {"a1_formulas": {}}


def test_an_export_is_filled_in_and_who_is_missing_is_said(rehearsed, tmp_path, capsys):
    _, place = rehearsed
    roster = tmp_path / "export.csv"
    roster.write_text(
        "First name,Email address\nOne,perfect3@school.org\nNobody,nobody@school.org\n"
    )
    assert grades.main(["--class", str(place), "--roster", str(roster)]) == 0
    rows = rows_of(place / "moodle.csv")
    assert rows[0][-1] == "a1_formulas"
    assert [row[-1] for row in rows[1:]] == [f"{sum(FULL.values()) + 2.5:g}", ""]
    assert "blank: not in export.csv, or twice" in capsys.readouterr().out


def test_nothing_was_written_outside_the_class(rehearsed):
    assert not (folder.ROOT / "utils" / "mine.py").exists()
    assert "tools" not in {p.name for p in rehearsed[1].iterdir()}
    assert sys.platform != "linux" or not (rehearsed[1].parent.parent / "outside").exists()
