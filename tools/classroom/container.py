"""Grading in a container, where students' code cannot be shut in otherwise.

    make grade CONTAINER=docker       (or podman)

The container gets a copy of the course, packages of its own in a volume that stays, and the class's
folder; nothing else of the computer's is in there. The first time it installs the packages. Grading
itself has no network and a limit of memory for all, and shuts each submission in as it does on
Linux: the options below only allow that. The container is a wall around those walls.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.classroom.folder import ROOT

IMAGE = "python:3.12"
VOLUME = "cam-course"  # the course as it was copied, and its packages in .venv
WALLS = (  # so that the jail can make its own: tools/classroom/jail.py
    "--cap-add=SYS_ADMIN",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=label=disable",
)
COPY = """
set -e
find /course -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
cd /source
tar -c --exclude=.git --exclude=.venv --exclude=node_modules --exclude='my-*' . | tar -x -C /course
cd /course
python3 course.py run lab pip --version || { tail -n 20 setup.log; exit 1; }
"""
GRADE = """
python3 course.py run lab tools.classroom.grade --class /class "$@"
code=$?
chown -R "$(stat -c %u /class)" /class
exit $code
"""
HANDED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")


def memory(workers: int) -> str:
    """What the container may take: the grader, and a jail with its submission for each worker."""
    return f"{2 + 3 * workers}g"


def bound(source: Path, target: str, read_only: bool = False) -> str:
    """A folder of the computer's, as the container sees it."""
    return f"--mount=type=bind,source={source},target={target}" + ",readonly" * read_only


def commands(
    engine: str, image: str, place: Path, arguments: Sequence[str], workers: int = 1
) -> list[list[str]]:
    """What is to be run: the set-up, which has the network, and the grading, which has none."""
    run = [engine, "run", "--rm"]
    course = [f"--mount=type=volume,source={VOLUME},target=/course", "--workdir=/course"]
    known = [f"--env={name}" for name in HANDED_ON if os.environ.get(name)]
    source = bound(ROOT, "/source", read_only=True)
    walls = ["--network=none", f"--memory={memory(workers)}", *WALLS]
    return [
        [*run, *known, source, *course, image, "sh", "-c", COPY],
        [*run, *walls, bound(place, "/class"), *course, image, "sh", "-c", GRADE, "sh", *arguments],
    ]


def grade(engine: str, image: str, place: Path, arguments: Sequence[str], workers: int = 1) -> int:
    """Grade in a container; the exit status. Raises ValueError where there is no such engine."""
    if not shutil.which(engine):
        raise ValueError(f"{engine} is not here: install it, or say CONTAINER=podman or docker")
    for command in commands(engine, image, place.resolve(), arguments, workers):
        if code := subprocess.call(command):
            return code
    print(f"(In the container {place.resolve()} is called /class.)")
    return 0
