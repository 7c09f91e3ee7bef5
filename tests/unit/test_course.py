"""The set-up script on a small folder. pip and venv are played by a function, save in one test."""

import ast
import json
import os
import shutil
import subprocess
import sys
import time
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
    folder = tmp_path / "Mein Kurs, süß & neu"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "constraints.txt").write_text("numpy==2.0\n")
    return folder


@pytest.fixture
def played(monkeypatch):
    """Play venv and pip: `asked` lists what was called, `pip` and `says` are how pip ends."""
    play = SimpleNamespace(asked=[], pip=0, says="")

    def logged(root, python, module, **_):
        if module[0] == "venv":
            play.asked.append("venv")
            course.python_in(root).parent.mkdir(parents=True, exist_ok=True)
            course.python_in(root).touch()
            course.unfinished(root).unlink(missing_ok=True)  # --clear does
            (root / ".venv" / "pyvenv.cfg").write_text("version = 3.12.1\n")
            return 0
        play.asked.append(module[-1])
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


@pytest.fixture
def module(project):
    """Write a module into the folder, for the real `logged` to run."""

    def write(text):
        (project / "played.py").write_text(text)
        return [sys.executable], ["played", "an argument"]

    return write


def test_pip_stays_inside_the_environment(project, module, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    names = "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PYTHONPATH"
    code = f"import os, sys; print([os.environ.get(n) for n in {names}], sys.argv[1:])"
    assert course.logged(project, *module(code)) == 0
    assert course.log(project).read_text().split("\n")[1] == "['1', '0', None] ['an argument']"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL: try it by hand, Task Manager")
def test_a_killed_set_up_takes_along_what_it_started(project, module):
    """The set-up plays dead at once; what it ran, and what that ran, must be gone soon after."""
    child = "import os, subprocess, sys, time\n"
    child += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    child += "print(os.getpid(), child.pid, flush=True)\ntime.sleep(60)"
    python, run = module(child)
    script = "import course, pathlib, sys; course.word_for = str.strip\n"
    script += f"course.logged(pathlib.Path(sys.argv[1]), {python}, {run})"
    command = [sys.executable, "-c", script, project]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as set_up:
        pids = [int(pid) for pid in set_up.stdout.readline().split()]
        assert len(pids) == 2 and all(map(runs, pids))
        set_up.kill()
    for _ in range(100):
        if not any(map(runs, pids)):
            return
        time.sleep(0.1)
    raise AssertionError("it goes on in the background")


def runs(pid):
    """True for a process that is there and no zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


def test_stopped_by_ctrl_c_nothing_goes_on(project, module, monkeypatch):
    def interrupted(line):
        pids.append(int(line))
        raise KeyboardInterrupt

    pids = []
    monkeypatch.setattr(course, "word_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        course.logged(
            project, *module("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)")
        )
    assert not runs(pids[0])


@pytest.mark.parametrize(
    ("last", "word"),
    [
        ("  Preparing metadata", "still at work"),
        ("Collecting torch", "no answer from the packages' server yet"),
        ("  Installing build dependencies: started", "still waiting for the packages' server"),
        ("  Downloading torch-2.9-cp311.whl (200 MB)", "still downloading"),
        ("Installing collected packages: torch", "still unpacking"),
    ],
)
def test_a_long_silence_is_explained(project, module, monkeypatch, capsys, last, word):
    monkeypatch.setattr(course, "SILENCE", 0.2)
    assert (
        course.logged(project, *module(f"import time\nprint({last!r}, flush=True)\ntime.sleep(1)"))
        == 0
    )
    assert word in capsys.readouterr().out


def test_the_environments_making_is_no_matter_of_a_server():
    assert course.waits_for("venv", "") == "still making the environment"


def test_a_server_that_does_not_answer_is_mentioned_once(project, module, capsys):
    line = "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError'"
    assert course.logged(project, *module(f"for _ in range(3): print({line!r})")) == 0
    assert capsys.readouterr().out == "  the packages' server does not answer; trying again\n"


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


def test_a_disk_that_is_full_explains_what_venv_does_not(project, played, monkeypatch, capsys):
    played.pip, played.says = 1, "Error: Command '[... ensurepip ...]' returned exit status 1."
    free = iter([1e11, 0])
    monkeypatch.setattr(course.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    assert course.main(["lab"], project) == 1
    assert capsys.readouterr().err.strip() == course.DISK_FULL


def test_a_path_that_cannot_be_spelled_reaches_the_log(project, module):
    python, run = module("")
    assert course.logged(project, python, [*run, "s\udcc3\udcbc\udcdf"]) == 0
    assert "\\udcc3" in course.log(project).read_text()


def test_an_earlier_failure_in_the_log_does_not_explain_a_later_one(project):
    course.log(project).write_text(
        course.BEGINS + "pip\nNewConnectionError\n" + course.BEGINS + "pip\nError of its own\n"
    )
    assert course.explain(course.log(project)) == course.UNKNOWN.format(course.log(project))


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
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, project / "course.py", "lab"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip() == course.OFFLINE
    assert not course.is_ready(project, "lab")


# --- the build of PyTorch ------------------------------------------------------------------------


@pytest.fixture
def linux(project, played, monkeypatch):
    """A Linux machine without an NVIDIA GPU, and a project that wants PyTorch."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(course.sys, "platform", "linux")
    monkeypatch.setattr(course, "has_nvidia", lambda: False)
    monkeypatch.setattr(course, "can_be_reached", lambda address: True)
    monkeypatch.setattr(
        course, "has_cpu_build", lambda root: any(root.rglob("torch-*+cpu.dist-info"))
    )
    return played


def torch_in(project, version):
    """A PyTorch that was installed."""
    packages = project / ".venv" / "lib" / "python3.12" / "site-packages"
    (packages / "torch").mkdir(parents=True)
    (packages / f"torch-{version}.dist-info").mkdir()


def test_a_pair_that_does_not_run_is_taken_out_again(project, linux, capsys):
    course.prepare(project, "lab")
    assert linux.asked == ["venv", "torchvision>=0.19", "torchvision", ".[lab]"]
    said = capsys.readouterr().out
    assert "without GPU libraries" in said and course.NOT_TAKEN in said


def test_with_a_pytorch_there_no_other_build_is_asked_for(project, linux):
    torch_in(project, "2.9.0")
    course.prepare(project, "test")
    assert linux.asked == ["venv", ".[test]"]


def test_the_cpu_build_comes_in_one_call_with_its_torchvision(project, linux, monkeypatch, capsys):
    calls = []

    def pip(root, arguments):
        calls.append(arguments)
        if course.CPU_BUILDS in arguments:
            torch_in(project, "2.9.0+cpu")
        return 0

    course.make_environment(project)
    monkeypatch.setattr(course, "pip", pip)
    course.install(project, "lab")
    assert calls[0][:2] == ["--index-url", course.CPU_BUILDS]
    assert calls[0][-2:] == ["torch>=2.4", "torchvision>=0.19"]
    assert calls[1][-1] == ".[lab]" and course.CPU_BUILDS not in calls[1]
    assert course.NOT_TAKEN not in capsys.readouterr().out


def test_where_its_server_is_not_reached_the_usual_build_comes(project, linux, monkeypatch, capsys):
    monkeypatch.setattr(course, "can_be_reached", lambda address: False)
    course.prepare(project, "lab")
    assert linux.asked == ["venv", ".[lab]"]
    assert course.NOT_TAKEN in capsys.readouterr().out


def test_a_server_is_reached_or_not(project):
    assert course.can_be_reached((project / "pyproject.toml").as_uri())
    assert not course.can_be_reached("http://127.0.0.1:9")


def test_a_failure_of_the_cpu_build_is_no_failure(project, linux, monkeypatch):
    monkeypatch.setattr(course, "pip", lambda root, arguments: int(course.CPU_BUILDS in arguments))
    assert course.main(["lab"], project) == 0


def test_only_a_pair_that_runs_and_has_no_gpu_libraries_counts(project, monkeypatch):
    monkeypatch.setattr(course, "python_in", lambda root: Path(sys.executable))
    monkeypatch.setenv("PYTHONPATH", str(project))
    for torch, torchvision, good in (
        ("'2.9.0+cpu'", "", True),
        ("'2.9.0+cpu'", "raise RuntimeError('operator torchvision::nms does not exist')", False),
        ("'2.9.0+cu130'", "", False),
    ):
        (project / "torch.py").write_text(f"__version__ = {torch}")
        (project / "torchvision.py").write_text(torchvision)
        shutil.rmtree(project / "__pycache__", ignore_errors=True)
        assert course.has_cpu_build(project) == good


@pytest.mark.parametrize(
    ("system", "nvidia"), [("linux", True), ("darwin", False), ("win32", False)]
)
def test_elsewhere_the_usual_build_is_taken(project, linux, monkeypatch, system, nvidia):
    monkeypatch.setattr(course.sys, "platform", system)
    monkeypatch.setattr(course, "has_nvidia", lambda: nvidia)
    assert not course.wants_cpu_build(project)


def test_an_nvidia_gpu_is_seen_by_its_tool(tmp_path, monkeypatch):
    monkeypatch.setattr(course.os.path, "exists", lambda path: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not course.has_nvidia()
    monkeypatch.setattr(course.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert course.has_nvidia()


@pytest.mark.parametrize(("translated", "says"), [(False, "INTEL_MAC"), (True, "ROSETTA")])
def test_a_mac_without_a_pytorch_says_so_before_it_loads_anything(
    project, played, monkeypatch, capsys, translated, says
):
    monkeypatch.setattr(course.sys, "platform", "darwin")
    monkeypatch.setattr(course.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(course, "is_translated", lambda: translated)
    assert course.main(["lab"], project) == 1
    assert capsys.readouterr().err == getattr(course, says) + "\n"
    assert played.asked == []


# --- a report for an issue -----------------------------------------------------------------------


def test_the_doctor_reports_where_nothing_works(project, monkeypatch, capsys):
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@example.org")
    course.log(project).write_text(
        f"line\n{Path.home()}/x: see https://me:secret@example.org/simple\n"
    )
    (project / ".venv").mkdir()
    assert course.main(["doctor"], project) == 0
    said = capsys.readouterr().out
    assert "secret" not in said and str(Path.home()) not in said
    assert "PIP_INDEX_URL" in said and "https://***@example.org/simple" in said
    assert "make lab makes it" in said and "fatal: not a git repository" in said
    assert " 0 files changed" in said
    assert said.count("```") == 2 and len(said) < 5000
    assert sorted(p.name for p in project.iterdir()) == [
        ".venv",
        "constraints.txt",
        "pyproject.toml",
        "setup.log",
    ]  # it changes nothing


def test_a_hole_in_the_report_does_not_end_it(project, monkeypatch, capsys):
    def fails(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(course, "the_computer", fails)
    assert course.main(["doctor"], project) == 0
    said = capsys.readouterr().out
    assert "computer cannot be told (PermissionError" in said and said.endswith("```\n")


def test_the_doctor_reports_what_is_installed(project, monkeypatch, capsys):
    monkeypatch.setattr(course, "python_in", lambda root: Path(sys.executable))
    assert course.main(["doctor"], ROOT) == 0
    said = capsys.readouterr().out
    import torch

    assert f"torch {torch.__version__.split('+')[0]}" in said
    assert "The course's own trained networks are here" in said


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


def test_a_disk_that_fills_up_leaves_no_half_copy(project, monkeypatch, capsys):
    def full(path, text):
        path.open("wb").write(text[:5])
        raise OSError(28, "No space left on device", str(path))

    teach(project, "00_start.ipynb", "1")
    with monkeypatch.context() as patch:
        patch.setattr(course.Path, "write_bytes", full)
        with pytest.raises(OSError):
            course.hand_out(project)
    assert course.hand_out(project) == []
    assert copies(project) == {"00_start.ipynb": "1"}


def test_git_sees_nothing_of_the_copies():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"{course.COPIES}/" in ignored


# --- the one list of dependencies ----------------------------------------------------------------


def test_conda_and_binder_install_what_make_installs(pyproject):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    builds = f"--extra-index-url {course.CPU_BUILDS}"
    assert packages == {"pip": [builds, "--constraint constraints.txt", "--editable .[lab]"]}
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
