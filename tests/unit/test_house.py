"""The house: its rooms stand on floors, and an import leads down, never up, never in a circle.

Mathematics at the bottom knows nothing of what is built on it. A new file in `utils` or a new
package gets its floor here; CONTRIBUTING says what lives where.
"""

import ast
import re
import sys
from pathlib import Path

import pytest

from tools.notebooks import all_notebooks, read

ROOT = Path(__file__).parents[2]
FLOORS = (  # bottom to top; the rooms of one floor do not know each other
    "valid",
    "cam pictures digest preparation store compare teaching",
    "recognition photos checkpoints",
    "fields",
    "sketchbook localization networks training plots data",
    "models before channels results features vqa gradcam baselines faithfulness",
    "concepts environment",
    "live",
    "explore check",
    "experiments evaluate",
    "tools",
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}
FILES = [p for top in ("utils", "sketchbook", "tools") for p in sorted((ROOT / top).rglob("*.py"))]
# What is installed under another name than it is imported by.
INSTALLED = {
    "IPython": "ipython",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}
HOSTS_OWN = {"google"}  # is there on Colab and nowhere else
JUDGES = {"__init__", "exercise", "handout", "judge", "wire"}  # no exercises


def room_of(name: str) -> str:
    """The room of a dotted name: utils.data.cub is in data, sketchbook.birds in the sketchbook."""
    top, *inner = name.split(".")
    return inner[0] if top == "utils" and inner else top


def dotted(path: Path) -> str:
    """A file's dotted name: utils.cam, and utils.data for the package's own."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports anywhere, in a function too, relative ones too."""
    return imported_by(path.read_text("utf8"), path)


def imported_by(source: str, path: Path = ROOT / "cells.py") -> set[str]:
    """The same for Python that stands in that place, which need not be a file."""
    here, names = list(path.relative_to(ROOT).with_suffix("").parts), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*here[: -node.level], *([node.module] if node.module else [])])
            base = base if node.level else node.module
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def rooms_below(path: Path) -> set[str]:
    """The other rooms of ours that a file imports from."""
    ours = [name for name in imported(path) if name.split(".")[0] in ("utils", *FLOOR)]
    return {room_of(name) for name in ours} - {room_of(dotted(path))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_lead_down_a_floor_never_up_or_across(path):
    own = room_of(dotted(path))
    if own == "utils":
        assert not rooms_below(path), "utils itself knows none of its rooms"
        return
    assert own in FLOOR, f"{own} has no floor yet: enter it in FLOORS"
    wrong = {room for room in rooms_below(path) if FLOOR.get(room, len(FLOORS)) >= FLOOR[own]}
    assert not wrong, f"{own} (floor {FLOOR[own]}) may not import {', '.join(sorted(wrong))}"


def test_no_imports_go_in_a_circle():
    """File by file, so that the files of one room have an order too."""
    files = {dotted(path): path for path in FILES}
    below = {
        name: {i if i in files else i.rpartition(".")[0] for i in imported(path)} & files.keys()
        for name, path in files.items()
    }
    while free := {name for name, names in below.items() if not names & below.keys()}:
        below = {name: names for name, names in below.items() if name not in free}
    assert not below, f"these import each other: {', '.join(below)}"


def test_the_sketchbook_needs_what_a_picture_is_and_nothing_else_of_utils():
    drawn = [path for path in FILES if path.is_relative_to(ROOT / "sketchbook")]
    assert set().union(*map(rooms_below, drawn)) == {"pictures"}


def test_the_judge_knows_torch_and_no_room_of_the_course():
    for name in JUDGES:
        assert not rooms_below(ROOT / "utils" / "check" / f"{name}.py")


def test_every_file_of_exercises_is_named_as_its_notebook():
    named = {path.stem.split("_", 1)[1] for path in all_notebooks()}
    assert {path.stem for path in (ROOT / "utils" / "check").glob("*.py")} - JUDGES == named


def test_one_file_opens_the_results():
    opening = re.compile(r"[\"']results\.json[\"']")
    assert [path for path in FILES if opening.search(path.read_text("utf8"))] == [
        ROOT / "utils" / "results.py"
    ]


# --- what is imported is asked for ---------------------------------------------------------------


def asked_for(*extras: str) -> set[str]:
    """The packages that pyproject.toml lists, with some extras. (3.10 cannot read TOML.)"""
    text = (ROOT / "pyproject.toml").read_text("utf8")
    lists = dict(re.findall(r"^(\w+) = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE))
    chosen = "".join(lists[name] for name in ("dependencies", *extras))
    return set(re.findall(r'^    "([\w-]+)[><=]', chosen, re.MULTILINE))


def foreign(names: set[str]) -> set[str]:
    """Of dotted names that are imported the packages that are to be installed."""
    tops = {name.split(".")[0] for name in names}
    ours = {p.stem for p in ROOT.iterdir()} | {p.stem for p in ROOT.glob("tests/**/*.py")}
    tops -= ours | HOSTS_OWN | {"__future__"} | set(sys.stdlib_module_names)
    return {INSTALLED.get(name, name.replace("_", "-")) for name in tops}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("utils", []),
        ("sketchbook", []),
        ("tools/classroom", ["lab"]),
        ("tools", ["lab", "test"]),
        ("assignments", ["lab"]),
        ("tests", ["lab", "test"]),
    ],
)
def test_what_is_imported_is_asked_for_by_a_line_of_our_own(folder, extras):
    """What only comes with another package is gone when that one does without it."""
    names = set().union(*(imported(path) for path in (ROOT / folder).rglob("*.py")))
    assert foreign(names) - asked_for(*extras) == set()


def test_a_notebook_imports_what_the_course_asks_for():
    for notebook in all_notebooks():
        cells = [cell.source for cell in read(notebook).cells if cell.cell_type == "code"]
        names = imported_by("\n".join(cells))
        assert foreign(names) - asked_for() == set(), notebook.name


def test_an_import_without_a_line_is_found():
    names = imported_by("import os, tools.site\nimport no_such.part\nfrom PIL import Image")
    assert foreign(names) == {"no-such", "pillow"}
