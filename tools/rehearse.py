"""Run every notebook and assignment as another host would, in an empty folder: `make rehearse`.

    python -m tools.rehearse HOST [--python PYTHON] [--once] [NOTEBOOK ...]

HOST is a folder of tests/hosts with a list of versions: `colab`, `oldest`. Its environment is made
once, in .hosts/HOST, with the Python that the list names (`--python` takes one that is there). Each
lies alone in an empty folder of its own and finds the course by its set-up cell; git, and what an
assignment fetches without it, get a copy of this working tree for the public address. Every cell is
run twice, in one kernel: an assignment as it is handed out, then with its solutions.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tools import links
from tools.classroom.source import assignment
from tools.notebooks import ROOT, all_notebooks, execute, read

HOSTS = ROOT / "tests" / "hosts"
ASSIGNMENTS = sorted((ROOT / "assignments").glob("*.ipynb"))
SLUG = "somebody/cam-course"
KERNEL = "rehearsed"
ABOUT = "import sys, torch; print('Python', sys.version.split()[0], 'torch', torch.__version__)"
ZIP = "archive/refs/heads/main.zip"  # below a repository's address, as GitHub serves it
LAUNCH = f"""
import os
import urllib.request as web

fetch, served = web.urlopen, os.environ["SERVED"]
web.urlopen = lambda url, **k: fetch(url.replace("https://github.com/{SLUG}", served), **k)
from ipykernel import kernelapp

kernelapp.launch_new_instance()
"""


def hosts() -> list[str]:
    """The hosts that can be rehearsed."""
    return sorted(path.parent.name for path in HOSTS.glob("*/requirements.txt"))


def environment(host: str) -> Path:
    """The Python of the host's environment, made where it is not there yet."""
    wanted = HOSTS / host / "requirements.txt"
    folder = ROOT / ".hosts" / host
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "whole").exists():
        version = re.search(r"Python (3\.\d+)", wanted.read_text("utf8"))
        base = shutil.which(f"python{version[1]}") if version else None
        if base is None:
            print(f"The Python of {host} is not here, so this one is taken.", flush=True)
        subprocess.run([base or sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "-r", wanted]
        subprocess.run(pip, check=True)
        (folder / "whole").touch()
    return python


def repository(folder: Path) -> Path:
    """The working tree as git would serve it, with an address."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    links.rewrite(folder, SLUG)
    ours = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(folder)]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*ours, *command], check=True)
    (folder / ZIP).parent.mkdir(parents=True)
    top = f"--prefix={Path(SLUG).name}-main/"
    subprocess.run([*ours, "archive", f"--output={folder / ZIP}", top, "HEAD"], check=True)
    return folder


def variables(served: Path, host: str = "") -> dict[str, str]:
    """What a kernel must have in its environment so that the course is taken from `served`."""
    return {
        "SERVED": served.as_uri(),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{served.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{SLUG}",
        "PYTHONPATH": str(HOSTS / host) if host else "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or its debugger warns, between the rows
    }


@contextmanager
def kernel(python: Path | str, env: dict[str, str], folder: Path) -> Iterator[str]:
    """A kernel of another Python, by its name: of Colab, where its stand-in is on the path."""
    spec = folder / "kernels" / KERNEL
    spec.mkdir(parents=True)
    stand_in = Path(env["PYTHONPATH"] or folder) / "google"
    code = ("import google.colab\n" if stand_in.exists() else "") + LAUNCH
    argv = [str(python), "-c", code, "-f", "{connection_file}"]
    about = {"argv": argv, "display_name": KERNEL, "language": "python", "env": env}
    (spec / "kernel.json").write_text(json.dumps(about), encoding="utf8")
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(folder)
    try:
        yield KERNEL
    finally:
        os.environ.pop("JUPYTER_PATH")
        if before is not None:
            os.environ["JUPYTER_PATH"] = before


def rehearse(notebook: Path, folder: Path, name: str, times: int = 2) -> float:
    """Run a notebook alone in an empty folder, every cell `times` times; return the seconds.

    Raises CellExecutionError where a cell fails.
    """
    folder.mkdir(parents=True)
    nb = read(notebook)
    code = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    nb.cells = [new_code_cell(cell.source) for cell in code]
    for _ in range(1, times):
        nb.cells += [new_code_cell(source) for source in again(nb.metadata, code)]
    return execute(nb, folder, name)


def again(about: NotebookNode, code: list[NotebookNode]) -> list[str]:
    """What a second run executes: the same, but for an assignment with its solutions."""
    solutions = {}
    if "assignment" in about:
        work = assignment(about["assignment"]["name"])
        solutions = {q.name.replace("_", "-"): q.code for q in [*work.questions, work.drawing]}
    answers = [cell.id.partition("-answer-")[2] for cell in code]
    return [solutions.get(name, cell.source) for name, cell in zip(answers, code, strict=True)]


def main(arguments: list[str]) -> int:
    """Rehearse, print one row for each notebook, return the exit status."""
    about = (__doc__ or "").partition(":")[0]
    parser = argparse.ArgumentParser(prog="tools.rehearse", description=about)
    parser.add_argument("host", choices=hosts())
    parser.add_argument("--python", help="a Python with the host's versions")
    parser.add_argument("--once", action="store_true", help="run each cell once only")
    parser.add_argument("notebooks", nargs="*", type=Path)
    given = parser.parse_intermixed_args(arguments)
    python, bad = given.python or environment(given.host), 0
    about = subprocess.run([python, "-c", ABOUT], capture_output=True, text=True, check=True).stdout
    print(f"{date.today()}, {given.host}: {about.strip()}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        served = repository(Path(place) / "served")
        env = variables(served, given.host)
        with kernel(python, env, Path(place) / "jupyter") as name:
            for path in given.notebooks or [*all_notebooks(), *ASSIGNMENTS]:
                path = served / path.resolve().relative_to(ROOT)
                try:
                    seconds = rehearse(path, Path(place) / path.stem, name, 2 - given.once)
                    print(f"| {path.stem} | runs | {seconds:.0f} s |", flush=True)
                except CellExecutionError as error:
                    bad += 1
                    print(f"| {path.stem} | {error.ename}: {error.evalue} | |", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
