"""A notebook and an assignment as other hosts meet them. (`make rehearse` runs all of them.)"""

import re
import sys
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from packaging.version import Version

from tools import rehearse
from tools.notebooks import ROOT, all_notebooks, execute, read
from utils import environment

OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Path:
    """The working tree as git would serve it, made once."""
    return rehearse.repository(tmp_path_factory.mktemp("served"))


def run(cells: list[str], folder: Path, tmp: Path, **env: str) -> list:
    """Run cells in a folder with this environment's Python, as on Colab; their outputs."""
    nb = new_notebook(cells=[new_code_cell(source) for source in cells])
    with rehearse.kernel(sys.executable, env, tmp / "jupyter") as name:
        execute(nb, folder, name)
    return [cell.outputs for cell in nb.cells]


@pytest.mark.slow
def test_alone_on_colab_offline_and_without_weights_00_draws_its_first_picture(served, tmp_path):
    """Its set-up fetches the course; imports and the first picture follow, a drawn one."""
    (tmp_path / "content").mkdir()
    start = read(served / "notebooks" / all_notebooks()[0].name)
    cells = [c.source for c in start.cells if c.cell_type == "code"][:3]
    where = "import sys, utils; assert 'google.colab' in sys.modules; print(utils.__file__)"
    env = rehearse.variables(served, "colab") | OFFLINE | {"TORCH_HOME": str(tmp_path / "no")}
    *_, picture, last = run([*cells, where], tmp_path / "content", tmp_path, **env)
    shown = {mime for output in picture for mime in output.get("data", {})}
    assert any(mime.startswith("image/") for mime in shown)
    assert any("goes on with drawings" in output.get("text", "") for output in picture)
    assert last[0].text.startswith(str(tmp_path / "content" / "cam-course"))


def test_an_assignment_alone_fetches_the_course_and_is_solved_the_second_time(served, tmp_path):
    """What it fetches comes from the copy; the first question is then right."""
    (tmp_path / "content").mkdir()
    nb = read(served / "assignments" / rehearse.ASSIGNMENTS[0].name)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    first = [cell.metadata.role for cell in code].index("answer")
    cells = [cell.source for cell in code[: first + 2]]
    solved = rehearse.again(nb.metadata, code)[first : first + 2]
    bare = "import importlib.util; importlib.util.find_spec = lambda name: None"  # not installed
    cells = [bare, *cells, *solved, "import utils; print(utils.__file__)"]
    env = rehearse.variables(served, "colab")
    *_, before, _, after, last = run(cells, tmp_path / "content", tmp_path, **env)
    assert before[0].text.startswith("Not answered yet") and "Right." in after[0].text
    assert last[0].text.startswith(str(tmp_path / "content" / "cam-course-main"))


def test_a_clone_that_fails_stops_the_notebook_with_one_sentence(served, tmp_path):
    start = read(served / "notebooks" / all_notebooks()[0].name)
    setup = next(c.source for c in start.cells if c.cell_type == "code")
    env = rehearse.variables(tmp_path / "nothing", "colab") | OFFLINE
    with pytest.raises(CellExecutionError) as stopped:
        run([setup], tmp_path, tmp_path, **env)
    said = str(stopped.value)
    assert "The course cannot be fetched. Once online, run this again." in said
    assert "Traceback" not in said and "line " not in said


def test_the_copy_that_is_served_is_the_whole_course(served):
    for name in ("course.py", "utils/weights/SHA256SUMS", "notebooks/00_start_here.ipynb"):
        assert (served / name).exists()
    assert not (served / ".venv").exists()


def test_each_notebook_gets_a_row_and_a_failing_one_fails_the_rehearsal(monkeypatch, capsys):
    first, second = all_notebooks()[:2]

    def play(notebook, folder, name, times):
        assert times == 1 and not folder.exists()
        if notebook.name == second.name:
            raise CellExecutionError("", "NameError", "x")
        return 3.2

    monkeypatch.setattr(rehearse, "rehearse", play)
    monkeypatch.setattr(rehearse, "repository", lambda folder: folder)
    given = ["colab", "--python", sys.executable, "--once", str(first), str(second)]
    assert rehearse.main(given) == 1
    about, *rows = capsys.readouterr().out.splitlines()
    assert "colab: Python 3." in about
    assert rows == [f"| {first.stem} | runs | 3 s |", f"| {second.stem} | NameError: x | |"]


def required(path: Path) -> dict[str, Requirement]:
    lines = path.read_text("utf8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {requirement.name: requirement for requirement in found}


def least() -> dict[str, Version]:
    """The lower bound of each dependency in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text("utf8")
    return {name: Version(v) for name, v in re.findall(r'"([\w-]+)>=([\d.]+)[",;]', text)}


def test_the_oldest_versions_are_those_of_pyproject():
    oldest, bounds = required(rehearse.HOSTS / "oldest" / "requirements.txt"), least()
    for name, requirement in oldest.items():
        assert Version(str(requirement.specifier)[2:]) == bounds[name], name
    text = (ROOT / "pyproject.toml").read_text("utf8").split("[project.optional-dependencies]")[0]
    assert set(re.findall(r'^    "([\w-]+)>=', text, re.MULTILINE)) <= set(oldest)
    for name, (major, minor) in environment.NEEDED.items():
        assert Version(f"{major}.{minor}") == bounds[name], name


@pytest.mark.parametrize("host", rehearse.hosts())
def test_a_hosts_versions_are_within_what_the_course_allows(host):
    bounds = least()
    for name, requirement in required(rehearse.HOSTS / host / "requirements.txt").items():
        pinned = re.sub(r"^==|\.\*$", "", str(requirement.specifier))
        if pinned and name in bounds and name not in ("ipykernel",):
            assert Version(pinned) >= bounds[name], name
