"""One command begins a notebook that passes the tests as it is, in a copy of the course."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import new
from tools.notebooks import ROOT, all_notebooks, read

NAME = "77_my_idea"
ENTERED = {"README.md", f"notebooks/{new.START.name}", f"notebooks/{all_notebooks()[-1].name}"}
MADE = {f"notebooks/{NAME}.ipynb", "utils/check/my_idea.py"}
TEXTS = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CITATION.cff")
CHECKS = ("tests/notebooks/test_notebooks.py", "tests/exercises/test_mistakes.py")
CHECKS += ("tests/unit/test_links.py", "tests/unit/test_house.py", "tests/notebooks/test_twice.py")


def course(folder: Path) -> Path:
    """A copy of what the course consists of."""
    for name in (".github", "notebooks", "sketchbook", "tests", "tools", "utils"):
        left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in TEXTS:
        shutil.copy(ROOT / name, folder)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python in a copy, and with it alone."""
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def state(folder: Path) -> dict[str, bytes]:
    """Every file of a copy."""
    files = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return course(tmp_path_factory.mktemp("course"))


@pytest.mark.slow
def test_a_new_notebook_passes_as_it_is(copy):
    before = state(copy)
    made = run(copy, "-m", "tools.new", NAME)
    assert made.returncode == 0, made.stdout + made.stderr
    after = state(copy)
    assert changed(before, after) == MADE | ENTERED
    style = run(copy, "-m", "ruff", "check", "--no-cache", *MADE)
    form = run(copy, "-m", "ruff", "format", "--no-cache", "--check", *MADE)
    assert style.returncode == form.returncode == 0, style.stdout + form.stdout
    options = ["-q", "-p", "no:cacheprovider", "-k", "my_idea or test_links or same_cell"]
    tests = run(copy, "-m", "pytest", *options, *CHECKS)
    assert tests.returncode == 0, tests.stdout[-5000:]
    assert changed(after, state(copy)) <= {n for n in state(copy) if n.startswith(".hypothesis")}

    again = run(copy, "-m", "tools.new", NAME)
    assert again.returncode == 1 and again.stdout == ""
    assert again.stderr.startswith(f"{NAME}.ipynb has the number 77 already; ")
    assert again.stderr.count("\n") == 1
    assert not changed(after, state(copy)) & (MADE | ENTERED)


# What follows does without running the notebook.
UNRUN = "from tools import new; new.refresh = lambda path: {}; raise SystemExit(new.main([{!r}]))"


def test_in_a_gap_the_neighbours_are_found_by_order(tmp_path):
    before, gone, after = all_notebooks()[3:6]
    folder = course(tmp_path)
    (folder / "notebooks" / gone.name).unlink()
    (folder / "utils" / "check" / f"{gone.stem[3:]}.py").unlink()
    first = folder / "notebooks" / before.name
    first.write_text(first.read_text("utf8").replace(gone.name, after.name), "utf8")
    for listing in (folder / "README.md", folder / "notebooks" / new.START.name):
        text = listing.read_text("utf8")
        listing.write_text(
            "".join(x for x in text.splitlines(True) if f"[{gone.stem[:2]} " not in x), "utf8"
        )
    name = f"{gone.stem[:2]}_between"
    made = run(folder, "-c", UNRUN.format("0", name))
    assert made.returncode == 0, made.stderr
    assert f"({name}.ipynb)" in read(first).cells[-1].source.split("## Next")[1]
    nb = read(folder / "notebooks" / f"{name}.ipynb")
    assert f"]({before.name})" in nb.cells[0].source
    moved = read(before).cells[-1].source.split("## Next")[1].replace(gone.name, after.name)
    assert nb.cells[-1].source.split("## Next")[1] == moved
    rows = new._map_cell(read(folder / "notebooks" / new.START.name)).source
    places = [rows.index(f"({x}.ipynb)") for x in (before.stem, name, after.stem)]
    assert places == sorted(places)


def test_where_the_template_fails_nothing_is_left_behind(copy):
    before = state(copy)
    failing = UNRUN.format("(_ for _ in ()).throw(ValueError('cell 4 fails'))", "78_other")
    done = run(copy, "-c", failing)
    assert done.returncode == 1
    assert done.stderr == "Nothing was made, for the template does not run here: cell 4 fails\n"
    assert changed(before, state(copy)) == set()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "make new NOTEBOOK="),
        ("my_idea", "two digits, then"),
        ("77", "two digits, then"),
        ("77_my idea", "two digits, then"),
        ("77_My_Idea", "two digits, then"),
        ("77-my-idea", "two digits, then"),
        ("../77_idea", "two digits, then"),
        ("00_idea", "00_start_here.ipynb has the number 00 already"),
        ("77_class", "means something else to Python"),
        ("77_judge", "a module in utils/check"),
        ("77_start_here", "a module in utils/check"),
        ("77_cam", "a module in utils."),
        ("77_data", "a module in utils."),
    ],
)
def test_a_wrong_name_gets_one_sentence(capsys, name, says):
    assert new.main(name.split()) == 1
    said = capsys.readouterr()
    assert says in said.err and said.err.count("\n") == 1 and said.out == ""


def test_a_row_stands_in_its_place_and_an_announced_one_is_replaced():
    table = "| | a |\n| --- | --- |\n| **x** | [01 A](a) | q |\n| | 03 C, and more | why |\nend"
    between = new.with_row(table, "| | [02 B](b) | r |", new.MAP_ROW).split("\n")
    assert between[2:5] == [*table.split("\n")[2:3], "| | [02 B](b) | r |", table.split("\n")[3]]
    last = new.with_row(table, "| | [04 D](d) | r |", new.MAP_ROW).split("\n")
    assert last[4:] == ["| | [04 D](d) | r |", "end"]
    linked = new.with_row(table, "| | [03 C, and more](c) | why |", new.MAP_ROW)
    assert linked.count("03") == 1 and "| | [03 C, and more](c) | why |\nend" in linked
