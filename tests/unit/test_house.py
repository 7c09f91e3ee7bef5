"""The house: its rooms stand on floors, and an import leads down, never up, never in a circle.

Mathematics at the bottom knows nothing of what is built on it. A new file in `utils` or a new
package gets its floor here; CONTRIBUTING says what lives where.
"""

import ast
import re
from pathlib import Path

import pytest

from tools.notebooks import all_notebooks

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
JUDGES = {"__init__", "exercise", "judge"}  # what every file of utils/check stands on


def room_of(name: str) -> str:
    """The room of a dotted name: utils.data.cub is in data, sketchbook.birds in the sketchbook."""
    top, *inner = name.split(".")
    return inner[0] if top == "utils" and inner else top


def dotted(path: Path) -> str:
    """A file's dotted name: utils.cam, and utils.data for the package's own."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports anywhere, in a function too, relative ones too."""
    here, names = list(path.relative_to(ROOT).with_suffix("").parts), set()
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
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
