"""Every exercise: its folded solution passes, its stub is answered politely, mistakes are named.

The mistakes are textual changes of the solution, in tests/mutations/NOTEBOOK.py.
"""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTION = re.compile(r"<summary>Solution</summary>\s*```python\n(.*?)```", re.DOTALL)
FUNCTION = re.compile(r"^def (\w+)", re.MULTILINE)


def tagged(cell, tag: str) -> bool:
    return cell.cell_type == "code" and tag in cell.metadata.get("tags", [])


def exercises():
    """(notebook, imports, stub, check, solution) of every exercise of every notebook."""
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        imports = "\n".join(c.source for c in cells if tagged(c, "imports"))
        for i, cell in enumerate(cells):
            if tagged(cell, "exercise"):
                check, answer = cells[i + 1], cells[i + 2]
                solution = SOLUTION.search(answer.source)
                name = FUNCTION.search(cell.source).group(1)
                yield pytest.param(
                    path.stem, imports, cell, check, solution, id=f"{path.stem}-{name}"
                )


def mutations():
    for path in sorted((ROOT / "tests" / "exercises" / "mutations").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, changes in module.MUTATIONS.items():
            for number, change in enumerate(changes):
                yield pytest.param(path.stem, name, *change, id=f"{path.stem}-{name}-{number}")


def say(capsys, imports: str, answer: str, check: str) -> str:
    """What the check prints about this answer."""
    space: dict = {}
    exec(imports, space)
    exec(answer, space)
    capsys.readouterr()
    exec(check, space)
    return capsys.readouterr().out


ALL = list(exercises())


@pytest.mark.parametrize("notebook, imports, stub, check, solution", ALL)
def test_solution_passes_and_stub_is_answered_politely(
    notebook, imports, stub, check, solution, capsys
):
    assert tagged(check, "check") and solution, (
        "stub, check, then one cell with the folded solution"
    )
    assert say(capsys, imports, solution.group(1), check.source).startswith("\u2705 Right.")
    assert say(capsys, imports, stub.source, check.source).startswith("Not answered yet")


@pytest.mark.parametrize("notebook, name, old, new, message", list(mutations()))
def test_mistake_is_named(notebook, name, old, new, message, capsys):
    _, imports, _, check, solution = next(p.values for p in ALL if p.id == f"{notebook}-{name}")
    assert old in solution.group(1), "the mutation does not change the solution"
    said = say(capsys, imports, solution.group(1).replace(old, new), check.source)
    assert said.startswith("Not yet") and message in said


def test_every_notebook_has_exercises_and_six_mistakes():
    for path in NOTEBOOKS:
        asked = [p.id for p in ALL if p.id.startswith(path.stem)]
        tried = [m for m in mutations() if m.id.startswith(path.stem)]
        if not (ROOT / "tests" / "exercises" / "mutations" / f"{path.stem}.py").exists():
            continue  # its mistakes stand in utils/check alone: test_mistakes.py
        assert len(asked) >= 2 and len(tried) >= 6, f"{path.stem}: {len(asked)}, {len(tried)}"
