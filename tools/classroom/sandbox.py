"""From outside the jail: start it, send submissions in, read what comes back.

with Sandbox(secret=[...]) as sandbox:
    sandbox.prepare(cells)             # what every submission starts from
    report = sandbox.attempt(cells, questions)
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tools.classroom import memory

JAIL = Path(__file__).with_name("jail.py")
CONTAINER = (
    "Grade in a container, make grade CONTAINER=docker, or on a virtual machine with Linux "
    '(assignments/README.md, "Where grading runs")'
)
SECONDS = 180  # of the processor, of one submission; then of one cell, one question, one case:
CELL, QUESTION, CASE = 60.0, 60.0, 20.0
DEADLY = 6  # cells that may end the process before the rest is given up
PROTECTED = {
    "root": "Protected: namespaces of its own, another user, no network, limits.",
    "user": "Protected: namespaces of its own without any capability, no network, limits.",
    "none": "NOT PROTECTED: submissions run as you, and can read and write what you can.",
}


class Report(NamedTuple):
    """What a submission did."""

    answers: dict[str, dict]  # by question: what the jail says of it
    problems: dict[int, str]  # by cell: the class of its error
    deadly: list[int]  # cells that ended the process, and were left out in the end
    hungry: list[int | str]  # cells and questions whose processes took too much memory together
    lost: list[str]  # questions that were begun and never answered


class Sandbox:
    """A jail that is running. Raises ValueError, with what to do, where there can be none."""

    def __init__(
        self,
        secret: Sequence[Path] = (),
        unprotected: bool = False,
        as_user: bool = False,
        total: int = memory.TOTAL,
    ) -> None:
        if os.name == "nt":
            raise ValueError(f"Windows has no namespaces and no fork. {CONTAINER}.")
        if sys.platform != "linux" and not unprotected:
            raise ValueError(f"Only Linux can shut students' code in. {CONTAINER}.")
        self.total, self.over = total, False
        self.group: memory.Group | None = None
        with suppress(OSError):
            self.group = None if unprotected else memory.Group(total)
        self.scratch = tempfile.TemporaryDirectory(prefix="grading-")
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(Path.home()),
            "LANG": "C.UTF-8",
            "IPYTHONDIR": self.scratch.name,
            "MPLBACKEND": "agg",
            "PIP_NO_INDEX": "1",
            **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
        }
        if place := os.environ.get("MPLCONFIGDIR"):
            environment["MPLCONFIGDIR"] = place
        how = "unprotected" if unprotected else "user" if as_user else "protected"
        secrets = [str(Path(path).resolve()) for path in secret]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                str(JAIL),
                how,
                str(self.group.joins if self.group else ""),
                *secrets,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd="/",
        )
        answer = self._heard(900)
        if "refused" in answer:
            self.close()
            raise ValueError(
                f"Students' code cannot be shut in on this system: {answer['refused']}. "
                f"{CONTAINER}. Or, if you trust every submission: UNPROTECTED=yes"
            )
        self.how: str = answer["ready"]
        held = "the kernel" if self.group else "the grader alone"
        self.words = PROTECTED[self.how] + f" Memory is held by {held}." * (self.how != "none")

    def prepare(self, cells: Sequence[str]) -> None:
        """Run the cells that are given. Raises ValueError where one of them fails."""
        self._say({"given": list(cells)})
        if problem := self._heard(900)["problem"]:
            raise ValueError(f"the assignment's own cells fail: {problem}")

    def attempt(
        self, cells: Sequence[tuple[int, str]], questions: Sequence[dict], **seconds: float
    ) -> Report:
        """Run a submission: its cells (number, source), then its questions.

        A cell that ends the process, or never ends itself, is left out in another try; so is a
        question that takes all the memory.
        """
        deadly: list[int] = []
        hungry: list[int | str] = []
        lost: list[str] = []
        answers: dict[str, dict] = {}
        problems: dict[int, str] = {}
        left = list(questions)
        while len(deadly) <= DEADLY and (left or not questions):
            told = self._once([c for c in cells if c[0] not in deadly], left, seconds)
            answers |= {
                line["answer"]: line for line in told if isinstance(line.get("answer"), str)
            }
            problems |= {
                line["end"]: str(line.get("problem", ""))[:60]
                for line in told
                if type(line.get("end")) is int
            }
            begun = [line["begin"] for line in told if type(line.get("begin")) is int]
            asked = [line["question"] for line in told if isinstance(line.get("question"), str)]
            lost += [name for name in asked if name not in [*answers, *lost]]
            if asked and self.over:
                hungry.append(asked[-1])
                left = [q for q in left if q["name"] != asked[-1]]
                continue
            if asked or not begun or begun[-1] in deadly:
                break
            deadly.append(begun[-1])
            if self.over:
                hungry.append(begun[-1])
        lost = [name for name in lost if name not in answers]
        return Report(answers, {k: v for k, v in problems.items() if v}, deadly, hungry, lost)

    def _once(self, cells: Sequence, questions: Sequence[dict], seconds: dict) -> list[dict]:
        self._say(
            {
                "cells": list(cells),
                "questions": [q | {"seconds": seconds.get("case", CASE)} for q in questions],
                "seconds": int(seconds.get("all", SECONDS)),
                "cell_seconds": seconds.get("cell", CELL),
                "question_seconds": seconds.get("question", QUESTION),
                "scratch": self.scratch.name,
            }
        )
        lines = []
        self.over, ended = False, self._ended()
        said = self._heard(seconds.get("all", SECONDS) * 5 + 300, lambda: self._watch(ended))
        self.over |= self._ended() > ended
        for line in said["lines"]:
            try:
                read = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(read, dict):
                lines.append(read)
        return lines

    def _say(self, request: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def _watch(self, ended: int) -> None:
        """End a submission whose processes take too much memory together.

        So too where the kernel, which had ended so many processes before, has now ended one of its.
        """
        first = None if self.how == "none" else memory.first_of(self.process.pid)
        if first and (memory.taken(first, self.total) > self.total or self._ended() > ended):
            self.over = True
            memory.end(first)

    def _ended(self) -> int:
        return self.group.ended() if self.group else 0

    def _heard(self, seconds: float, meanwhile: Callable = lambda: None) -> dict[str, Any]:
        """The jail's next line that is its own. Raises ValueError where none comes."""
        assert self.process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            while not waiting.select(memory.EVERY):
                meanwhile()
                if time.monotonic() > until:
                    self.close()
                    raise ValueError("the sandbox does not answer")
        line = self.process.stdout.readline()
        if not line:
            raise ValueError("the sandbox has ended")
        return json.loads(line)

    def close(self) -> None:
        """End the jail and everything in it."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.group:
            self.group.close()
        self.scratch.cleanup()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
