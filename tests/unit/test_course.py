"""The set-up script on a small folder. pip and venv are played by a function, save in one test."""

import ast
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
