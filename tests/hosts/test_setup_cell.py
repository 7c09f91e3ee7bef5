"""The set-up cell, the same in every notebook, where a notebook may find itself.

The course is played by a small repository, the public address by git's `insteadOf`, which takes it
from there: nothing leaves this computer.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tools import links
from tools.notebooks import all_notebooks, read

SLUG = "somebody/my.course"
CELL = links.setup_cell(SLUG)


def course(folder: Path) -> Path:
    """A folder with what the cell looks for: a `utils` that says where it comes from."""
    (folder / "utils").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    for name in ("__init__", "cam"):
        (folder / "utils" / f"{name}.py").write_text("whose = 'ours'\n")
    return folder


def repository(folder: Path) -> Path:
    """The same, as git would serve it."""
    course(folder)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", folder]
    for what in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *what], check=True)
    return folder


@pytest.fixture
def host(tmp_path, monkeypatch):
    """An empty folder that a notebook was opened in; `serve` gives the public address its course.

    Only this course and nothing of the internet can be reached.
    """
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(links.ROOT))])
    kept = {n: m for n, m in sys.modules.items() if n.split(".")[0] in ("utils", "sketchbook")}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    served = tmp_path / "served"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{served.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"https://github.com/{SLUG}")
    yield SimpleNamespace(here=tmp_path / "here", serve=lambda: repository(served), tmp=tmp_path)
    for name in [n for n in sys.modules if n.split(".")[0] in ("utils", "sketchbook")]:
        del sys.modules[name]


def run() -> str:
    """Run the cell in a shell as a notebook does; what it shows, "" where all is well."""
    shell = InteractiveShell()
    shown: list[str] = []
    shell._showtraceback = lambda kind, value, lines: shown.extend(lines)
    shell.run_cell(CELL, store_history=False)
    return "\n".join(shown)


def whose() -> str:
    import utils.cam

    return utils.cam.whose


@pytest.mark.parametrize("place", [".", "notebooks", "my-course", "notebooks/deeper"])
def test_inside_the_course_it_is_found_and_nothing_is_fetched(host, monkeypatch, place):
    folder = course(host.tmp / "binder" / "cam-course") / place  # Binder has the whole course
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    assert run() == "" and whose() == "ours"
    assert sys.path[0] == str(host.tmp / "binder" / "cam-course")
    assert run() == "" and sys.path.count(sys.path[0]) == 1


@pytest.mark.parametrize("layout", ["content", "kaggle/working", "Ein Ordner, süß"])
def test_a_notebook_alone_fetches_the_course_once(host, monkeypatch, layout):
    host.serve()
    folder = host.tmp / layout
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert run() == "" and whose() == "ours"
    assert Path(sys.path[0]) == folder / "my.course"
    (host.tmp / "served").rename(host.tmp / "gone")
    assert run() == ""


def test_a_failing_clone_is_one_sentence_and_the_next_run_mends_it(host):
    said = run()
    assert said.startswith("The course cannot be fetched. Once online, run this again. fatal: ")
    assert "Traceback" not in said
    assert list(host.here.iterdir()) == []
    host.serve()
    assert run() == "" and whose() == "ours"


def test_without_git_it_says_so(host, monkeypatch):
    monkeypatch.setenv("PATH", str(host.tmp))
    said = run()
    assert "git" in said and "not found" in said


def test_git_waits_neither_for_a_password_nor_for_a_silent_server(host, monkeypatch):
    """Its own options do it; here they are only looked at, for they take 20 seconds."""
    (host.tmp / "git").write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    (host.tmp / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(host.tmp) + os.pathsep + os.environ["PATH"])
    said = run()
    for part in ("core.askPass=true", "lowSpeedLimit=1", "lowSpeedTime=20", f"github.com/{SLUG}"):
        assert part in said


def test_somebody_elses_packages_give_way_and_ours_stay(host):
    other = host.tmp / "other" / "utils"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("whose = 'theirs'\n")
    (host.here / "utils.py").write_text("whose = 'theirs'\n")
    sys.path[:0] = ["", str(other.parent)]
    import utils

    assert utils.whose == "theirs"
    sys.modules["utils.helpers"] = ModuleType("utils.helpers")  # has no file
    host.serve()
    assert run() == "" and whose() == "ours" and "utils.helpers" not in sys.modules
    kept = sys.modules["utils.cam"]
    assert run() == "" and sys.modules["utils.cam"] is kept


def test_without_pytorch_it_says_how_the_course_is_opened(host, monkeypatch):
    import importlib.util

    root = course(host.here / "my.course")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert run() == f"PyTorch is missing: open this by make lab in {root}."


def test_it_is_the_first_code_cell_everywhere_folded_and_without_a_word():
    for path in all_notebooks():
        cell = next(cell for cell in read(path).cells if cell.cell_type == "code")
        assert cell.source == links.setup_cell(links.address()), f"{path.name}: run make links"
        assert cell.metadata == links.SETUP
        assert cell.outputs == []
        assert cell.source.startswith("# @title ")  # Colab shows it where the code is folded
        assert "pip" not in cell.source
