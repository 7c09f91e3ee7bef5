"""The differences between two states of the notebooks, in a small git repository."""

import base64
import io
import subprocess

import nbformat.v4 as v4
import numpy as np
import pytest
from PIL import Image

from tools import outputs
from tools.notebooks import write


def picture(grey: int, compress_level: int = 6) -> str:
    file = io.BytesIO()
    image = Image.fromarray(np.full((8, 8, 3), grey, dtype=np.uint8))
    image.save(file, "PNG", compress_level=compress_level)
    return base64.b64encode(file.getvalue()).decode()


def cell(name: str, *said: str, shows: str = "", tags: tuple = (), **data: str):
    """A code cell that printed something and shows a picture."""
    made = v4.new_code_cell(f"{name}()", id=name, metadata={"tags": list(tags)})
    made.outputs = [v4.new_output("stream", text=f"{text}\n") for text in said]
    data |= {"image/png": shows} if shows else {}
    made.outputs += [v4.new_output("display_data", data)] if data else []
    return made


@pytest.fixture
def course(tmp_path):
    """A repository with two notebooks; `course(cells, cells)` writes and commits them."""

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "core.autocrlf=false"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def commit(**notebooks):
        for name, cells in notebooks.items():
            write(v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
        git("add", "--all")
        git("commit", "--allow-empty", "-m", "state")

    git("init", "--quiet")
    commit.root = tmp_path
    return commit


FIRST = {
    "a": [
        cell("sum", "S = 1.0"),
        cell("draw", shows=picture(9)),
        cell("check_it", "no", tags=("check",)),
    ],
    "b": [
        v4.new_markdown_cell("text"),
        cell("table", **{"text/markdown": "| 1 |", "text/plain": "| 1 |"}),
    ],
}


def test_nothing_differs_where_only_bytes_and_sources_do(course, capsys):
    course(**FIRST)
    again = cell("draw", shows=picture(9, compress_level=0))
    again.source = "paint()"
    course(a=[FIRST["a"][0], again, FIRST["a"][2]])
    assert outputs.main(["HEAD~1", "HEAD"], course.root) == 0
    assert capsys.readouterr().out == (
        "a.ipynb: cells with other text 0, other pictures 0 of 1\n"
        "b.ipynb: cells with other text 0, other pictures 0 of 0\n"
    )


def test_numbers_tables_and_pixels_are_told_cell_by_cell(course, capsys):
    course(**FIRST)
    table = cell("table", **{"text/markdown": "| 2 |", "text/plain": "| 2 |"})
    course(
        a=[cell("sum", "S = 1.5"), cell("draw", shows=picture(8)), FIRST["a"][2]],
        b=[v4.new_markdown_cell("other text"), table],
    )
    assert outputs.main(["HEAD~1", "HEAD"], course.root) == 1
    said = capsys.readouterr().out
    assert "a.ipynb: cells with other text 1, other pictures 1 of 1\n" in said
    assert "code cell 0, sum()\n    -S = 1.0\n    +S = 1.5\n" in said
    assert "    -| 1 |\n    +| 2 |\n" in said


def test_checks_can_be_left_out(course, capsys):
    course(**FIRST)
    course(a=[*FIRST["a"][:2], cell("check_it", "yes", tags=("check",))])
    assert outputs.main(["HEAD~1", "HEAD"], course.root) == 1
    assert outputs.main(["HEAD~1", "HEAD", "--ignore-checks"], course.root) == 0


def test_cells_are_matched_by_id_then_by_order(course, capsys):
    course(**FIRST)
    renamed = cell("total", "S = 1.0")
    course(a=[cell("new", "hello"), FIRST["a"][1], FIRST["a"][2], renamed])
    assert outputs.main(["HEAD~1"], course.root) == 1
    said = capsys.readouterr().out
    assert "other pictures 0 of 1" in said  # the picture moved, and is found by its id
    assert "code cell 0, new()\n    -S = 1.0\n    +hello\n" in said  # the first left over
    assert "code cell 3, new: total()\n    +S = 1.0\n" in said
    course(a=[c.__class__(c, id=f"{c.id}_again") for c in FIRST["a"]])
    assert outputs.main(["HEAD~2"], course.root) == 0


def test_the_working_tree_counts_and_so_do_new_and_lost_notebooks(course, capsys):
    course(**FIRST)
    assert outputs.main(["HEAD"], course.root) == 0
    (course.root / "b.ipynb").rename(course.root / "c.ipynb")
    assert outputs.main(["HEAD"], course.root) == 1
    said = capsys.readouterr().out
    assert "b.ipynb: gone\nc.ipynb: new\n" in said


def test_an_unknown_commit_gives_one_sentence(course, capsys):
    course(**FIRST)
    assert outputs.main(["nowhere"], course.root) == 2
    assert capsys.readouterr().err.count("\n") == 1
