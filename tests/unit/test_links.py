"""The repository's address stands in one place, and everything else follows it."""

import re
import shutil
from pathlib import Path

import pytest

from tools import links
from tools.notebooks import all_notebooks, read

ROOT = links.ROOT
SLUG = links.address()


@pytest.fixture
def copy(tmp_path):
    """The files that carry the address, somewhere else."""
    for path in [ROOT / "pyproject.toml", *(ROOT / name for name in links.TEXTS), *all_notebooks()]:
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def test_everything_agrees_with_pyproject(copy):
    assert links.rewrite(copy) == []


def test_another_address_goes_everywhere_and_only_once(copy):
    pyproject = copy / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8").replace(SLUG, "somebody/my.course")
    pyproject.write_text(text, encoding="utf-8")
    changed = links.rewrite(copy)
    assert len(changed) == len(links.TEXTS) + len(all_notebooks())
    for path in changed:
        text = path.read_text(encoding="utf-8")
        assert SLUG not in text
        assert "somebody/my.course" in text
    assert links.rewrite(copy) == []


@pytest.mark.parametrize(
    "place",
    [
        "https://colab.research.google.com/github/{}/blob/main/notebooks/00_start_here.ipynb",
        "https://mybinder.org/v2/gh/{}/HEAD",
        "https://github.com/{}/actions/workflows/test.yml/badge.svg",
        "git clone https://github.com/{}\n",
    ],
)
def test_the_readme_has_it(place):
    assert place.format(SLUG) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_notebook():
    listed = re.findall(r"\(notebooks/(.*?\.ipynb)\)", (ROOT / "README.md").read_text("utf-8"))
    assert listed == [path.name for path in all_notebooks()]


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_a_notebook_opens_and_clones_itself(path):
    nb = read(path)
    target = f"https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/{path.name}"
    assert f"]({target})" in nb.cells[0].source
    first_code = next(cell.source for cell in nb.cells if cell.cell_type == "code")
    assert f'"https://github.com/{SLUG}"' in first_code


def test_other_peoples_repositories_are_left_alone():
    text = "See https://github.com/zhoubolei/CAM and git clone https://github.com/a/b now."
    assert links.linked(text, "me/mine") == text.replace("a/b", "me/mine")


def test_a_renamed_notebook_gets_its_badge(tmp_path):
    text = (
        '{"cells": [{"source": ["[x](https://colab.research.google.com/github/a/b/blob/main/c)"]}]}'
    )
    assert "/github/me/mine/blob/main/notebooks/d.ipynb)" in links.linked_notebook(
        text, "me/mine", "d.ipynb"
    )


def test_no_address_gives_one_sentence(tmp_path):
    Path(tmp_path, "pyproject.toml").write_text("[project]\n")
    with pytest.raises(ValueError, match="write the address under"):
        links.address(tmp_path)
