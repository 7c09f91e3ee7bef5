"""Every notebook runs, and every code cell of it runs again afterwards and shows the same.

A learner goes back and runs a cell a second time, when every name below it is bound. So each
notebook is run once here, then each code cell again in the same kernel. Not run again are stubs of
exercises (they would undo the answer) and lines that begin with %. Not compared are the checks of
exercises, durations ("3.2 s"), and the outputs of a cell tagged `times`, which shows durations in
another way.
"""

import copy
import json
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tools.notebooks import all_notebooks, execute, only_a_widget, pixels, read

DURATION = re.compile(r"\d+(\.\d+)? ?(ms|s|seconds|min|minutes|it/s)\b|\d\d:\d\d\b")

# Keeps, after each cell, the type of every name that a notebook has bound, with the cell's number.
WATCH = """
def _watch(shell=get_ipython(), number=(int, float)):
    ours, kinds = set(shell.user_ns), {}
    def look(*_):
        for name, thing in shell.user_ns.items():
            if name[0] != "_" and name not in ours:
                kind = "number" if isinstance(thing, number) else type(thing).__name__
                kinds.setdefault(name, {}).setdefault(kind, shell.execution_count - 1)
    shell.events.register("post_run_cell", look)
    return kinds
_kinds = _watch()
"""
TELL = "import json as _json; print(_json.dumps(_kinds))"


def run_twice(nb: NotebookNode, folder: Path) -> SimpleNamespace:
    """Run a notebook, then its code cells again: both runs' cells, and each name's types.

    Raises CellExecutionError where a cell fails the first time.
    """
    first = [c for c in nb.cells if c.cell_type == "code" and c.source.strip()]
    second = [again(cell) for cell in first]
    whole = new_notebook(cells=[new_code_cell(WATCH), *first, new_code_cell(TELL), *second])
    execute(whole, folder)
    kinds = json.loads(whole.cells[len(first) + 1].outputs[0].text)
    return SimpleNamespace(pairs=list(zip(first, second, strict=True)), kinds=kinds)


def looked_at(nb: NotebookNode, folder: Path) -> SimpleNamespace:
    """`run_twice`, and once more where a cell shows something else the second time.

    What rounding or memory decides, such as a pixel on a threshold, is not there again: a warning.
    """
    done = run_twice(nb, folder)
    if found := differences(done.pairs):
        done = run_twice(nb, folder)
        if not differences(done.pairs):
            warnings.warn(f"seen once, and not again: {'; '.join(found)}", stacklevel=2)
    return done


def again(cell: NotebookNode) -> NotebookNode:
    """The cell as it is run a second time; where it fails, the run goes on."""
    tags = cell.metadata.get("tags", [])
    lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
    source = "" if "exercise" in tags else "\n".join(lines)
    return new_code_cell(source, metadata={"tags": [*tags, "raises-exception"]})


def failures(pairs: list) -> list[str]:
    """Which cells fail the second time, one line each."""
    return [
        f"code cell {number} ({begins(cell)}): {output.ename}: {output.evalue}"
        for number, (_, cell) in enumerate(pairs)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def differences(pairs: list) -> list[str]:
    """Which cells show something else the second time, one line each."""
    found = []
    for number, (old, new) in enumerate(pairs):
        failed = any(output.output_type == "error" for output in new.outputs)
        if failed or {"check", "exercise", "times"} & {*new.metadata.tags}:
            continue
        if said(old) != said(new):
            found.append(f"code cell {number} ({begins(new)}): {said(old)} then {said(new)}")
        if not same_pictures(shown(old), shown(new)):
            found.append(f"code cell {number} ({begins(new)}): another picture")
    return found


def begins(cell: NotebookNode) -> str:
    return cell.source.splitlines()[0][:60] if cell.source else ""


def said(cell: NotebookNode) -> list[str]:
    """What a cell prints or shows as text, durations left out, and bars, which are not stored."""
    outputs = [output for output in cell.outputs if not only_a_widget(output)]
    texts = ["".join(output.get("text", "") for output in outputs)]  # a bar may have parted it
    for output in outputs:
        data = output.get("data", {})
        texts += [data[mime] for mime in sorted(data) if mime.startswith("text/")]
    return [DURATION.sub("TIME", text) for text in texts if text]


def shown(cell: NotebookNode) -> list[str]:
    """The pictures that a cell shows, base64."""
    data = [output.get("data", {}) for output in cell.outputs]
    return [d[mime] for d in data for mime in sorted(d) if mime.startswith("image/")]


def same_pictures(old: list[str], new: list[str]) -> bool:
    """Equal bytes, or pixels that no eye can tell apart."""
    both = zip(old, new, strict=False)
    return len(old) == len(new) and all(a == b or alike(pixels(a), pixels(b)) for a, b in both)


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """No pixel apart by more than 16 levels of 255, and fewer than one in 200 at all.

    matplotlib's solver goes through a layout in the order of memory, so panels may end up a
    hundredth of a pixel aside, and the pictures in them a few levels apart.
    """
    if a.shape != b.shape:
        return False
    apart = np.abs(a.astype(int) - b.astype(int))
    return bool(apart.max() <= 16 and (apart > 0).mean() < 0.005)


def bound_twice(kinds: dict[str, dict[str, int]]) -> list[str]:
    """The names that were bound to things of two types, one line each."""
    return [
        f"{name} is " + ", then ".join(f"{kind} (code cell {n - 2})" for kind, n in found.items())
        for name, found in kinds.items()
        if len(found) > 1
    ]


# --- the course's notebooks ----------------------------------------------------------------------


@pytest.fixture(scope="module", params=all_notebooks(), ids=lambda path: path.stem)
def run(request) -> SimpleNamespace:
    """One notebook, run twice; its three tests share the run."""
    try:
        done = looked_at(read(request.param), request.param.parent)
    except CellExecutionError as error:
        return SimpleNamespace(error=str(error), pairs=[], kinds={})
    return SimpleNamespace(error="", **vars(done))


@pytest.mark.slow
def test_it_runs(run):
    assert not run.error, run.error


@pytest.mark.slow
def test_every_cell_runs_again_and_shows_the_same(run):
    found = failures(run.pairs) + differences(run.pairs)
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_no_name_is_bound_to_things_of_two_types(run):
    assert not bound_twice(run.kinds), "\n".join(bound_twice(run.kinds))


# --- the test itself -----------------------------------------------------------------------------

STUB = new_code_cell("def f(): ...", metadata={"tags": ["exercise"]})
CHECK = new_code_cell(
    "f = f if f() else (lambda: 'ours')\nprint(f())", metadata={"tags": ["check"]}
)


def small(tmp_path, *cells) -> SimpleNamespace:
    cells = [c if isinstance(c, NotebookNode) else new_code_cell(c) for c in cells]
    return run_twice(new_notebook(cells=copy.deepcopy(cells)), tmp_path)


PICTURE = new_code_cell("from PIL import Image\nImage.new('L', (9, 9), runs)")
TIMED = new_code_cell("import time\nprint(time.time_ns())", metadata={"tags": ["times"]})


@pytest.mark.slow
def test_what_breaks_or_changes_the_second_time_is_found(tmp_path):
    good = small(tmp_path, "%config InlineBackend.rc = {}\nruns = 1", "runs, '3.1 s'", STUB, CHECK)
    assert failures(good.pairs) == differences(good.pairs) == bound_twice(good.kinds) == []
    assert [cell.source for _, cell in good.pairs][:3] == ["runs = 1", "runs, '3.1 s'", ""]

    count = "runs = globals().get('runs', 0) + 1\nprint(runs)"
    bad = small(tmp_path, count, PICTURE, "'late' in globals() and 1 / 0", "late = 1", TIMED)
    assert failures(bad.pairs) == [
        "code cell 2 ('late' in globals() and 1 / 0): ZeroDivisionError: division by zero"
    ]
    assert differences(bad.pairs) == [
        "code cell 0 (runs = globals().get('runs', 0) + 1): ['1\\n'] then ['2\\n']",
        "code cell 1 (from PIL import Image): another picture",
    ]
    two = small(tmp_path, "a = 1", "a = 2.5", "a = []")
    assert bound_twice(two.kinds) == ["a is number (code cell 0), then list (code cell 2)"]


FIRST = """from pathlib import Path
known = Path("known").exists()
Path("known").touch()
print(known)"""


@pytest.mark.slow
def test_what_is_there_once_is_warned_of_and_what_is_there_again_is_found(tmp_path):
    with pytest.warns(UserWarning, match=r"not again: code cell 0 .*'False\\n'\] then \['True"):
        done = looked_at(new_notebook(cells=[new_code_cell(FIRST)]), tmp_path)
    assert differences(done.pairs) == []
    count = new_code_cell("runs = globals().get('runs', 0) + 1\nprint(runs)")
    assert differences(looked_at(new_notebook(cells=[count]), tmp_path).pairs)


def test_pictures_that_no_eye_can_tell_apart_are_the_same():
    grey = np.full((50, 80, 3), 90, dtype=np.uint8)
    aside, dotted, paler = grey.copy(), grey.copy(), grey + 3
    aside[7, 30:40] += 9
    dotted[7, 30] += 40
    assert alike(grey, grey) and alike(grey, aside)
    assert not (alike(grey, dotted) or alike(grey, paler) or alike(grey, grey[1:]))
