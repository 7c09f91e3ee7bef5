"""Every assignment: its solutions, ten ways each, its mistakes, its notebook."""

import ast
import json
import re

import matplotlib
import nbformat
import numpy as np
import pytest
import scipy.stats
import sklearn.linear_model
import sklearn.preprocessing
import torch
import torchvision
from pupils import SLUG, answered, figure_code, handed_out, way
from ways import WAYS

from tools.classroom import grade, release, run
from tools.classroom.source import assignment, names
from utils import localization
from utils.check import handout
from utils.check.judge import trials
from utils.check.wire import packed

# Loaded here, so that answers that import them are not slow.
LOADED = (scipy.stats, sklearn.linear_model, sklearn.preprocessing)

SECRET = 20_263_107  # of hidden cases
WORKS = [assignment(name) for name in names()]
QUESTIONS = [pytest.param(w, q, id=q.name) for w in WORKS for q in w.questions]
ONE = [pytest.param(w, id=w.name) for w in WORKS]


def marked(work, question, function):
    """The mark of a function on hidden cases."""
    check, groups = grade.checks(work.name, SECRET)[question.name]
    found = packed(trials(function, check.cases))
    return grade.mark(question, check, groups, {"found": json.loads(json.dumps(found))}, {})


def test_there_are_five_of_45_to_90_minutes():
    assert [w.name[:2] for w in WORKS][:5] == ["a1", "a2", "a3", "a4", "a5"]
    assert all(45 <= w.minutes <= 90 for w in WORKS)
    assert all(w.writing and w.drawing and len(w.questions) >= 3 for w in WORKS)
    for written in [w.writing for w in WORKS]:  # a rubric, and answers that show how it is used
        points = [points for points, _ in written.samples]
        assert len(written.rubric) >= 3
        assert written.total in points
        assert 0 in points
        assert any(0 < p < written.total for p in points)


@pytest.mark.parametrize("work", ONE)
def test_the_teacher_s_table_says_what_the_assignment_says(work):
    text = (release.folder.ROOT / "assignments" / "README.md").read_text("utf8")
    (row,) = re.findall(rf"^.*\[{re.escape(work.title)}\]\({work.name}\.ipynb\).*$", text, re.M)
    assert row.endswith(f"| {work.minutes} | {work.total:g} |")


def sections(number):
    """The numbers of a notebook's sections."""
    (path,) = (release.folder.ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text("utf8"))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    return [int(n) for text in texts for n in re.findall(r"^## (\d+)", text, re.M)]


def test_the_teacher_s_minutes_are_for_every_section_of_every_notebook():
    text = (release.folder.ROOT / "assignments" / "README.md").read_text("utf8")
    rows = dict(re.findall(r"^\| (\d\d) [A-Z][^|]*\|([^|]*)\|", text, re.M))
    notebooks = (release.folder.ROOT / "notebooks").glob("[0-9]*.ipynb")
    assert sorted(rows) == sorted(path.name[:2] for path in notebooks)
    for number, row in rows.items():
        parts = re.findall(r"(\d+)(?:-(\d+))?: \d+", row)
        said = [n for first, last in parts for n in range(int(first), int(last or first) + 1)]
        assert said == sections(number), number


def test_what_is_to_be_repeated_is_there():
    repeats = [repeat for work in WORKS for _, _, repeat in work.asked() if repeat]
    assert repeats
    for repeat in repeats:
        for number, said in re.findall(r"notebook (\d\d), sections? ([\d, and]+)", repeat):
            asked = [int(n) for n in re.findall(r"\d+", said)]
            assert set(asked) <= set(sections(number)), repeat


@pytest.mark.parametrize("work", ONE)
def test_the_story_is_text_and_every_question_says_what_it_is_worth(work):
    texts = [c.source for c in handed_out(work).cells if c.cell_type == "markdown"]
    assert not re.search(r"^    ", texts[0], re.M), "four spaces begin a block of code"
    said = [int(n) for text in texts[1:] for n in re.findall(r"(\d+) points\b", text)]
    assert sum(said) == work.total


@pytest.mark.parametrize(("work", "question"), QUESTIONS)
def test_ten_ways_get_every_point(work, question):
    assert len(WAYS[question.name]) >= 10
    for text in WAYS[question.name]:
        space = {"torch": torch, "np": np, "localization": localization, "torchvision": torchvision}
        exec(way(question, text), space)
        found = marked(work, question, space[question.name])
        assert (found["points"], found["mistake"]) == (question.points, ""), (text, found["words"])


@pytest.mark.parametrize(("work", "question"), QUESTIONS)
def test_a_mistake_costs_what_it_says_and_is_named(work, question):
    assert len(question.known) >= 10
    for mistake, lost in zip(question.known, question.lost, strict=True):
        found = marked(work, question, mistake.function)
        assert found["mistake"] == mistake.sentence, (mistake.sentence, found)
        assert found["points"] == question.points - lost, (mistake.sentence, found)


@pytest.mark.parametrize(("work", "question"), QUESTIONS)
def test_a_part_that_is_right_gets_its_points(work, question):
    """A function that is right on one group of cases only gets that group's points."""
    check, groups = grade.checks(work.name, SECRET)[question.name]
    for group, points in question.groups.items():
        found = trials(question.solution, check.cases)
        found = [
            one if g == group else one._replace(value=torch.tensor(1234.5))
            for one, g in zip(found, [*groups, groups[0]], strict=True)
        ]
        assert grade.mark(question, check, groups, {"found": packed(found)}, {})["points"] == points


@pytest.mark.parametrize("work", ONE)
def test_the_notebook_runs_with_and_without_answers(work, capsys):
    matplotlib.use("agg")
    for nb, right in ((handed_out(work), False), (answered(work), True)):
        space = {}
        for c in nb.cells:
            if c.cell_type == "code":
                exec(compile(c.source, c.id, "exec"), space)
        assert space["ok"] == dict.fromkeys([q.name for q in work.questions], right)
    said = capsys.readouterr().out
    assert said.count("Right.") == said.count("Not answered yet") == len(work.questions)


def without_checks(text):
    """A release's file without the line of its checks, and that line."""
    (line,) = re.findall(r'handout.opened\(\\"(.+?)\\"\)', text)
    return text.replace(line, ""), line


def equal(one, other):
    """Equal but for rounding, in which two computers differ."""
    if isinstance(one, (torch.Tensor, np.ndarray, float)):
        return np.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True)
    if isinstance(one, dict):
        return list(one) == list(other) and equal(list(one.values()), list(other.values()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.mark.parametrize("work", ONE)
def test_the_release_lies_beside_its_source_and_holds_no_solution(work):
    text = release.text_of(handed_out(work))
    stored = (release.folder.ROOT / "assignments" / f"{work.name}.ipynb").read_text("utf8")
    (there, line), (made, other) = without_checks(stored), without_checks(text)
    run_it = "run `make release TO=assignments`"
    assert there == made, run_it
    assert equal(handout.opened(line), handout.opened(other)), run_it
    nbformat.validate(nbformat.reads(text, 4))
    lines = {line.strip() for q in work.questions for line in q.code.split("\n")[1:]}
    lines |= {line.strip() for line in figure_code(work).split("\n")[2:]}
    lines = {line for line in lines if len(line) > 24}
    everything = "\n".join(c.source for c in nbformat.reads(text, 4).cells)
    assert lines
    assert not [line for line in lines if line in everything]
    assert f"github.com/{SLUG}/archive" in nbformat.reads(text, 4).cells[1].source


@pytest.mark.parametrize("work", ONE)
def test_the_public_check_names_every_mistake_and_holds_no_function(work, capsys):
    space = {}
    nb = handed_out(work)
    for c in nb.cells:
        if c.metadata.get("role") in ("setup", "checks"):
            exec(c.source, space)
    for question in work.questions:
        check = space["CHECKS"][question.name]
        for mistake in question.known[:4]:
            assert not check(mistake.function)
            assert capsys.readouterr().out.startswith("Not yet: ")
        assert check(question.solution)
        assert capsys.readouterr().out.startswith("\N{WHITE HEAVY CHECK MARK} Right.")


@pytest.mark.parametrize("work", ONE)
def test_the_figure_that_is_wanted_gets_every_point(work):
    cases = grade.figure_cases(work, SECRET)
    figures = [run._drawn(work.drawing.solution, case) for case in cases]
    found = grade.mark_figure(work.drawing, cases, {"figures": json.loads(json.dumps(figures))})
    assert (found["points"], len(found["words"])) == (work.drawing.total, 1), found["words"]


def test_figures_get_points_for_what_is_there():
    work = WORKS[0]
    cases = grade.figure_cases(work, SECRET)

    def marks(old="", new=""):
        code = figure_code(work)
        assert old in code
        space = {"torch": torch}
        exec("import matplotlib.pyplot as plt\n" + code.replace(old, new), space)
        figures = [run._drawn(space[work.drawing.name], case) for case in cases]
        return grade.mark_figure(work.drawing, cases, {"figures": json.loads(json.dumps(figures))})

    assert marks()["points"] == 4
    assert marks("p / p[-1]", "100 * p / p[-1]")["points"] == 4
    for old, new, points, words in (
        ('    ax.set_xlabel("cells taken, largest first")\n', "", 3, "The x axis has no label."),
        ('"cells taken, largest first"', '"x"', 3, "The label of the x axis does not say"),
        ("    ax.legend()\n", "", 3, "A legend that tells the curves apart is missing."),
        ("p / p[-1]", "p", 2, "This is not there, or has other values: picture."),
        ("range(1, len(p) + 1)", "range(len(p))", 2, "This is not there, or has other values"),
        ("    ax.legend()\n", "    ax.legend(); ax.set_xlim(3, 9)\n", 2, "The axes cut off"),
        ("        ax.plot(", "        (lambda *a, **k: None)(", 0, "Nothing is drawn in it."),
    ):  # fmt: skip
        found = marks(old, new)
        assert any(w.startswith(words) for w in found["words"]), (old, found)
        assert found["points"] == points, (old, found)
    assert marks("return fig, ", "return fig, '' and ")["words"][0].startswith("The alt text")
    assert marks("return fig, ", "1 / 0; return fig, ")["words"][0].startswith("It stops with Zero")
    assert marks("    fig, ax", "    return None\n    fig, ax")["words"] == ["Not answered."]


@pytest.mark.parametrize("work", ONE)
def test_nbgrader_knows_its_metadata(work):
    reason = "nbgrader is for teachers only: course.py run teach"
    nbgraderformat = pytest.importorskip("nbgrader.nbgraderformat", reason=reason)
    nb = nbformat.reads(release.text_of(handed_out(work)), 4)
    nbgraderformat.MetadataValidator().validate_nb(nb)
    graded = [c for c in nb.cells if c.metadata.nbgrader.grade]
    assert sum(c.metadata.nbgrader.points for c in graded) == work.total


def test_no_question_repeats_an_exercise_of_the_course():
    course = set()
    for path in (release.folder.ROOT / "utils" / "check").glob("*.py"):
        tree = ast.parse(path.read_text("utf8"))
        course |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not course & {q.name for w in WORKS for q in w.questions}
