"""Notebooks as they are stored, and the tool that stores them. (test_twice.py runs them.)"""

import base64
import io

import nbformat.v4 as v4
import numpy as np
import pytest
from PIL import Image

from tools import notebooks
from tools.notebooks import (
    WIDGET,
    all_notebooks,
    normalise,
    problems,
    read,
    refresh,
    write,
)

MEGABYTE = 1_000_000


# --- the course's notebooks ----------------------------------------------------------------------


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_a_stored_notebook_is_fit_to_be_read(path):
    assert problems(read(path)) == []
    assert path.stat().st_size < 2 * MEGABYTE


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_a_stored_notebook_is_in_the_stored_form(path):
    nb = read(path)
    normalise(nb, read(path))
    assert nb == read(path)


def test_all_begin_with_the_same_cell():
    firsts = {
        path.name: next(cell for cell in read(path).cells if cell.cell_type == "code")
        for path in all_notebooks()
    }
    assert all("setup" in cell.metadata.get("tags", []) for cell in firsts.values())
    sources = {cell.source: name for name, cell in firsts.items()}
    assert len(sources) == 1, f"the first code cell differs between {sorted(sources.values())}"


# --- the tool ------------------------------------------------------------------------------------


def picture(colour, compress_level=6):
    """A small PNG, as a notebook stores it."""
    file = io.BytesIO()
    image = Image.fromarray(np.full((8, 8, 3), colour, dtype=np.uint8))
    image.save(file, "PNG", compress_level=compress_level)
    return base64.b64encode(file.getvalue()).decode()


def notebook(*sources, outputs=()):
    """A notebook of code cells; `outputs` belong to the last."""
    nb = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    nb.cells[-1].outputs = list(outputs)
    return nb


def shown(metadata=None, **data):
    """An output; `png` stands for image/png."""
    data = {{"png": "image/png", "widget": WIDGET}.get(k, k): v for k, v in data.items()}
    return v4.new_output("display_data", data, metadata=metadata or {"image/png": {"alt": "grey"}})


def test_a_run_is_stored_and_a_second_run_changes_nothing(tmp_path):
    path = tmp_path / "small.ipynb"
    write(notebook("import os\nprint('two')\nprint('lines')", "", "2 + 2"), path)
    ids = [cell.id for cell in read(path).cells]
    refresh(path)
    stored, nb = path.read_bytes(), read(path)
    assert [cell.id for cell in nb.cells] == ids
    assert [cell.execution_count for cell in nb.cells] == [1, None, 2]
    assert nb.cells[0].outputs == [v4.new_output("stream", text="two\nlines\n")]
    assert nb.cells[2].outputs[0].data == {"text/plain": "4"}
    assert set(nb.metadata) == {"kernelspec", "language_info"}
    assert not any(cell.metadata for cell in nb.cells)
    assert b"\r" not in stored
    refresh(path)
    assert path.read_bytes() == stored


@pytest.mark.parametrize(
    ("source", "says"),
    [("1 / 0", "cell 0 fails with ZeroDivisionError"), ("print('/home/me')", "one machine")],
)
def test_a_bad_notebook_stays_as_it_was(tmp_path, capsys, source, says):
    path = tmp_path / "bad.ipynb"
    write(notebook(source), path)
    before = path.read_bytes()
    assert notebooks.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert says in capsys.readouterr().out


def test_an_equal_picture_keeps_its_bytes():
    old, same, other = picture(90, compress_level=9), picture(90, compress_level=0), picture(91)
    assert old != same
    before = notebook("draw()", outputs=[shown(png=old)])
    for new, kept in ((same, old), (other, other)):
        nb = before.copy()
        nb.cells = [before.cells[0].copy()]
        nb.cells[0].outputs = [shown(png=new)]
        normalise(nb, before)
        assert nb.cells[0].outputs[0].data["image/png"] == kept


def test_widgets_leave_their_picture():
    lonely = shown(widget={"model_id": "1"}, **{"text/plain": "VBox()"})
    pictured = shown(widget={"model_id": "1"}, png=picture(1))
    nb = notebook("explore()", outputs=[lonely, pictured])
    nb.metadata.widgets = {"state": {}}
    normalise(nb, nb)
    assert [set(output.data) for output in nb.cells[0].outputs] == [{"image/png"}]
    assert problems(nb) == []


@pytest.mark.parametrize(
    ("nb", "problem"),
    [
        (notebook("1"), "no outputs"),
        (notebook("1", outputs=[v4.new_output("error", ename="E")]), "an error"),
        (notebook("1", outputs=[v4.new_output("stream", name="stderr", text="!")]), "stderr"),
        (notebook("1", outputs=[v4.new_output("stream", text="in /home/me")]), "one machine"),
        (notebook("1", outputs=[shown(**{"text/html": "C:\\Users\\me"})]), "one machine"),
        (notebook("1", outputs=[shown({"a": 1}, png=picture(1))]), "alt text"),
        (notebook("1", outputs=[shown(widget={}, png=picture(1))]), "widget"),
        (notebook("1\n" * 26), "more than 25 lines"),
        (v4.new_notebook(cells=[v4.new_markdown_cell("![a](images/a.png)")]), "local image"),
        (v4.new_notebook(cells=[v4.new_markdown_cell("<img src='a.png'>")]), "local image"),
    ],
)
def test_problems_are_found(nb, problem):
    assert any(problem in found for found in problems(nb))


def test_good_things_are_no_problem():
    nb = notebook("x", outputs=[shown(png=picture(1)), v4.new_output("stream", text="9 /home")])
    text = "![a](https://x.org/home/a.png), $f:X\\to Y$, [next](01_formulas.ipynb)"
    nb.cells.append(v4.new_markdown_cell(text + "\n" * 30))
    assert problems(nb) == []
