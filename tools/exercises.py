"""Write every exercise into its notebook: stub, check, hint and folded solution: `make exercises`.

    python -m tools.exercises          all notebooks
    python -m tools.exercises NOTEBOOK some of them

Each exercise stands once, in utils/check, in the file named as its notebook. In the notebook a code
cell tagged "exercise" holds its stub; the two cells behind it are written, too. Running this twice
changes nothing.
"""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from tools.notebooks import all_notebooks, read, write
from utils.check import Exercise


def exercises_of(notebook: Path) -> dict[str, Exercise]:
    """The exercises of a notebook by name, in their order: utils/check/NAME.py for NN_NAME.ipynb.

    Raises ModuleNotFoundError, with the file that is missing, where there is none.
    """
    name = notebook.stem.split("_", 1)[1]
    found = vars(importlib.import_module(f"utils.check.{name}")).values()
    return {e.name: e for e in found if isinstance(e, Exercise)}


def stubs(nb: NotebookNode) -> Iterator[tuple[int, str]]:
    """The number of each exercise's stub cell, and the exercise's name."""
    for i, cell in enumerate(nb.cells):
        if "exercise" in cell.metadata.get("tags", []):
            function = re.search(r"^def (\w+)", cell.source, re.MULTILINE)
            if function is None:
                raise ValueError(f"cell {i} is tagged exercise and begins no function: def name(")
            yield i, function[1]


def fill(nb: NotebookNode, exercises: dict[str, Exercise]) -> None:
    """Bring the cells of every exercise up to date.

    Raises ValueError where a stub has no exercise, an exercise no stub, or the cells behind a stub
    are not its check (code) and its hint and solution (Markdown).
    """
    places = {name: i for i, name in stubs(nb)}
    if odd := places.keys() ^ exercises.keys():
        raise ValueError(f"in the notebook or in utils/check, but not in both: {', '.join(odd)}")
    for name, i in places.items():
        stub, check, answer = nb.cells[i : i + 3]
        if "check" not in check.metadata.get("tags", []) or answer.cell_type != "markdown":
            raise ValueError(f"{name}: behind the stub a cell tagged check and a text cell are due")
        exercise = exercises[name]
        stub.source, check.source, answer.source = exercise.stub, exercise.check, exercise.answer


def main(names: list[str]) -> int:
    """Fill the notebooks named, or all; print those that changed; return the exit status."""
    bad = 0
    for path in [Path(name).resolve() for name in names] or all_notebooks():
        nb = read(path)
        try:
            fill(nb, exercises_of(path))
        except (ValueError, ModuleNotFoundError) as problem:
            bad += 1
            print(f"{path.name}: {problem}")
            continue
        if nb != read(path):
            write(nb, path)
            print(f"{path.name}: exercises written. Now run it:")
            print(f"  make notebooks NOTEBOOKS=notebooks/{path.name}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
