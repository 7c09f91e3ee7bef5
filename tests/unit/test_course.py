"""The set-up script on a small folder. pip and venv are played by a function, save in one test."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement

import course

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    """A folder with the two files that the script reads."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("numpy==2.0\n")
    return tmp_path


@pytest.fixture
def played(monkeypatch):
    """Play venv and pip: `asked` lists what was called, `pip` and `says` are how pip ends."""
    play = SimpleNamespace(asked=[], pip=0, says="")

    def logged(root, command, **_):
        if "venv" in command:
            play.asked.append("venv")
            course.python_in(root).parent.mkdir(parents=True, exist_ok=True)
            course.python_in(root).touch()
            course.unfinished(root).unlink(missing_ok=True)  # --clear does
            (root / ".venv" / "pyvenv.cfg").write_text("version = 3.12.1\n")
            return 0
        play.asked.append(command[-1])
        course.log(root).write_text(play.says)
        if play.pip == "killed":
            raise KeyboardInterrupt
        return play.pip

    monkeypatch.setattr(course, "logged", logged)

    def whole(root):
        return course.python_in(root).exists() and not course.unfinished(root).exists()

    monkeypatch.setattr(course, "is_sound", whole)
    monkeypatch.setattr(course, "call", lambda root, *command: play.asked.append(command[1]) or 0)
    return play


def test_nothing_is_installed_twice(project, played):
    assert course.main(["lab", "--no-browser"], project) == 0
    assert course.main(["lab"], project) == 0
    assert played.asked == ["venv", ".[lab]", "jupyterlab", "jupyterlab"]


def test_the_test_extra_serves_the_lab_too(project, played):
    course.prepare(project, "test")
    course.prepare(project, "lab")
    assert played.asked == ["venv", ".[test]"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", ".venv/pyvenv.cfg"])
def test_a_change_is_installed_into_the_same_environment(project, played, name):
    course.prepare(project, "lab")
    (project / name).write_text("changed")
    course.prepare(project, "lab")
    assert played.asked == ["venv", ".[lab]", ".[lab]"]


def test_a_folder_that_moved_is_noticed(project, played):
    course.prepare(project, "lab")
    moved = project.rename(project.with_name("moved"))
    assert not course.is_ready(moved, "lab")


def test_an_interrupted_installation_starts_afresh(project, played, capsys):
    played.pip = "killed"
    assert course.main(["lab"], project) == 130
    assert "Run the same command again" in capsys.readouterr().err
    played.pip = 0
    assert course.main(["lab"], project) == 0
    assert played.asked == ["venv", ".[lab]", "venv", ".[lab]", "jupyterlab"]
    assert not course.unfinished(project).exists()


def test_only_a_whole_environment_is_sound(project):
    venv = project / ".venv"
    assert not course.is_sound(project)
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", venv])
    assert not course.is_sound(project)
    subprocess.check_call([sys.executable, "-m", "venv", venv])
    assert course.is_sound(project)
    course.unfinished(project).touch()
    assert not course.is_sound(project)
    course.unfinished(project).unlink()
    (venv / "pyvenv.cfg").unlink()  # now its Python is the computer's own
    assert not course.is_sound(project)
    assert not course.is_ready(project, "lab")


def test_pip_stays_inside_the_environment(project):
    code = "import os; print(os.environ['PIP_REQUIRE_VIRTUALENV'], os.environ['PIP_USER'])"
    assert course.logged(project, [sys.executable, "-c", code]) == 0
    assert course.log(project).read_text() == "1 0\n"


def test_style_tests_and_arguments(project, played):
    assert course.main(["test", "-k", "box"], project) == 0
    assert played.asked == ["venv", ".[test]", "ruff", "ruff", "mypy", "pytest"]


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("ERROR: [Errno 28] No space left on device", course.DISK_FULL),
        ("WARNING: Retrying after connection broken by 'NewConnectionError", course.OFFLINE),
        ("ERROR: No matching distribution found for torch>=2.4", course.NO_WHEEL.format("torch")),
        ("created successfully because ensurepip is not available", course.NO_VENV),
        ("something new", course.UNKNOWN),
    ],
)
def test_a_failure_gives_one_sentence(project, played, capsys, says, sentence):
    played.pip, played.says = 1, says
    assert course.main(["lab"], project) == 1
    assert capsys.readouterr().err == sentence.format(project / "setup.log") + "\n"


def test_without_internet_the_packages_of_last_time_do(project, played, capsys):
    course.prepare(project, "lab")
    (project / "constraints.txt").write_text("numpy==2.1\n")
    played.pip, played.says = 1, "connection broken"
    assert course.main(["lab"], project) == 0
    assert played.asked[-1] == "jupyterlab"
    assert "packages of last time" in capsys.readouterr().out


def test_two_set_ups_do_not_meet(project, played, capsys):
    with (project / "setup.lock").open("w") as file:
        course.hold(file)
        assert course.main(["lab"], project) == 1
    assert capsys.readouterr().err.strip() == course.AT_WORK
    assert played.asked == []
    assert course.main(["lab"], project) == 0


def test_a_full_disk_is_seen_before_the_download(project, played, monkeypatch, capsys):
    monkeypatch.setattr(course.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9))
    assert course.main(["lab"], project) == 1
    assert capsys.readouterr().err.strip() == course.DISK_FULL
    assert played.asked == []


def test_a_folder_that_cannot_be_written_gives_one_sentence(project, monkeypatch, capsys):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(course.Path, "open", refuse)
    assert course.main(["lab"], project) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Permission denied" in error


@pytest.mark.parametrize("arguments", [[], ["test"]])
def test_run_without_a_module_gives_one_sentence(project, played, capsys, arguments):
    assert course.main(["run", *arguments], project) == 1
    assert capsys.readouterr().err == course.RUN_WHAT + "\n"
    assert played.asked == []


def test_an_old_python_finds_a_newer_one(monkeypatch):
    here = {"python3.11": (3, 11), "python3.10": (3, 10)}
    monkeypatch.setattr(course.os, "name", "posix")
    monkeypatch.setattr(course, "version_of", lambda command: here.get(command[0]))
    assert course.find_python() == ["python3.11"]


def test_an_old_python_alone_says_so(project, monkeypatch, capsys):
    monkeypatch.setattr(course, "version_of", lambda command: None)
    monkeypatch.setattr(course.sys, "version_info", (3, 8, 18))
    assert course.main(["lab"], project) == 1
    error = capsys.readouterr().err
    assert error.startswith("The course needs Python 3.10 or newer, and this is 3.8.")
    assert error.count("\n") == 1


def test_a_command_that_is_no_python_has_no_version():
    assert course.version_of(["no-such-python"]) is None
    assert course.version_of([sys.executable]) == sys.version_info[:2]


def test_the_script_can_be_read_by_python_3_6():
    ast.parse(Path(course.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


def test_really_without_internet(project):
    """The real script, venv and pip, with an index that nobody serves."""
    (project / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (project / "course.py").write_text(Path(course.__file__).read_text(encoding="utf-8"))
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    env |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
        "PIP_INDEX_URL": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, project / "course.py", "lab"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip() == course.OFFLINE
    assert not course.is_ready(project, "lab")


# --- the learner's own copies --------------------------------------------------------------------


def teach(project, name, source):
    """A notebook of the course that was run; as text it ends up in git."""
    output = {"output_type": "stream", "name": "stdout", "text": "long\n"}
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["setup"]}, "source": source}
    cell |= {"outputs": [output], "execution_count": 1}
    text = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "# Ä × π"}
    nb = {"cells": [text, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (project / "notebooks").mkdir(exist_ok=True)
    (project / "notebooks" / name).write_text(json.dumps(nb), encoding="utf-8")


def copies(project):
    """What lies in the learner's folder: by name, the source of the code cell."""
    found = sorted((project / "my-course").glob("*.ipynb"))
    read = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in found}
    return {name: nb["cells"][1]["source"] for name, nb in read.items()}


def work(project, name="00_start.ipynb"):
    """The learner runs a notebook and saves it."""
    path = project / "my-course" / name
    path.write_text(path.read_text(encoding="utf-8").replace("null", "7"), encoding="utf-8")
    return path.read_bytes()


def test_the_learner_gets_copies_without_outputs(project, played, capsys):
    teach(project, "00_start.ipynb", "1 + 1")
    before = (project / "notebooks" / "00_start.ipynb").read_bytes()
    assert course.main(["lab"], project) == 0
    assert (project / "notebooks" / "00_start.ipynb").read_bytes() == before
    text = (project / "my-course" / "00_start.ipynb").read_text(encoding="utf-8")
    nb = json.loads(text)
    assert nb["cells"][1]["outputs"] == [] and nb["cells"][1]["execution_count"] is None
    assert nb["cells"][1]["metadata"] == {"tags": ["setup"]} and "Ä × π" in text
    assert "my-course" not in capsys.readouterr().out


def test_what_the_learner_wrote_stays_and_a_changed_notebook_lies_beside_it_once(project):
    teach(project, "00_start.ipynb", "old")
    assert course.hand_out(project) == []
    mine = work(project)
    assert course.hand_out(project) == []
    teach(project, "00_start.ipynb", "new")
    (line,) = course.hand_out(project)
    assert line.startswith("00_start.ipynb has changed") and "00_start (new).ipynb" in line
    assert copies(project) == {"00_start (new).ipynb": "new", "00_start.ipynb": "old"}
    assert course.hand_out(project) == []
    (project / "my-course" / "00_start (new).ipynb").unlink()
    assert course.hand_out(project) == []
    assert (project / "my-course" / "00_start.ipynb").read_bytes() == mine


def test_the_one_beside_it_is_renewed_until_the_learner_works_in_it(project):
    teach(project, "00_start.ipynb", "1")
    course.hand_out(project)
    work(project)
    for version in "234":
        teach(project, "00_start.ipynb", version)
        assert len(course.hand_out(project)) == 1
        if version == "3":
            work(project, "00_start (new).ipynb")
    ours = {"00_start.ipynb": "1", "00_start (new).ipynb": "3", "00_start (new 2).ipynb": "4"}
    assert copies(project) == ours


def test_a_copy_that_nobody_touched_is_renewed_and_new_notebooks_appear(project):
    teach(project, "00_start.ipynb", "old")
    course.hand_out(project)
    teach(project, "00_start.ipynb", "new")
    teach(project, "01_next.ipynb", "more")
    assert course.hand_out(project) == []
    assert copies(project) == {"00_start.ipynb": "new", "01_next.ipynb": "more"}


def test_a_copy_that_was_deleted_comes_back(project):
    teach(project, "00_start.ipynb", "1")
    course.hand_out(project)
    work(project)
    (project / "my-course" / "00_start.ipynb").unlink()
    assert course.hand_out(project) == []
    assert copies(project) == {"00_start.ipynb": "1"}


@pytest.mark.parametrize("record", [None, "{", "[]", "3"])
def test_without_its_record_nothing_is_lost(project, record):
    teach(project, "00_start.ipynb", "1")
    teach(project, "01_next.ipynb", "1")
    course.hand_out(project)
    mine = work(project)
    path = project / "my-course" / ".handed-out.json"
    path.unlink() if record is None else path.write_text(record)
    assert len(course.hand_out(project)) == 1  # the untouched 01 is known by what it holds
    assert (project / "my-course" / "00_start.ipynb").read_bytes() == mine
    assert len(copies(project)) == 3


@pytest.mark.parametrize("text", ["<<<<<<< HEAD", ""])
def test_a_damaged_notebook_is_left_out_and_named(project, text):
    teach(project, "00_start.ipynb", "1")
    teach(project, "01_next.ipynb", "1")
    (project / "notebooks" / "00_start.ipynb").write_text(text)
    assert course.hand_out(project) == [course.DAMAGED.format("00_start.ipynb")]
    assert list(copies(project)) == ["01_next.ipynb"]


def test_git_sees_nothing_of_the_copies():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"{course.COPIES}/" in ignored


# --- the one list of dependencies ----------------------------------------------------------------


def test_conda_and_binder_install_what_make_installs(pyproject):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    assert packages == {"pip": ["--constraint constraints.txt", "--editable .[lab]"]}
    assert pip == "pip"
    assert python in {f"python=3.{minor}" for minor in range(10, course.NEWEST[1] + 1)}
    assert environment["name"] == pyproject["project"]["name"]


def test_the_oldest_python_is_the_same_everywhere(pyproject):
    oldest = "{}.{}".format(*course.OLDEST)
    assert pyproject["project"]["requires-python"] == f">={oldest}"
    assert pyproject["tool"]["mypy"]["python_version"] == oldest
    assert pyproject["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert oldest in course.TOO_OLD


def test_every_dependency_is_pinned_save_torch(pyproject):
    lists = [pyproject["project"]["dependencies"]]
    lists += pyproject["project"]["optional-dependencies"].values()
    wanted = {r.name: r.specifier for names in lists for r in map(Requirement, names)}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    free = {"torch", "torchvision", "cam-course"}
    assert wanted.keys() - {pin.name for pin in pins} == free
    for pin in pins:
        (version,) = pin.specifier
        assert version.operator == "=="
        assert wanted.get(pin.name, pin.specifier).contains(version.version)


@pytest.fixture
def pyproject():
    tomllib = pytest.importorskip(
        "tomllib",
        reason="pyproject.toml was not compared with the rest, for Python 3.10 cannot read TOML: "
        "run the tests with Python 3.11 or newer",
    )
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
