"""An assignment, written once: its text, its questions, their solutions and usual mistakes.

    work = Assignment("formulas", "Bird rather than boat", after="01", minutes=60, story="...")

    @work.question(points={"any maps": 3, "maps below 0": 1}, cases=_cases, hint="...", right="...",
                   repeat="notebook 01, section 6")
    def difference_map(f, w, b, c, d):
        \"\"\"...\"\"\"
        return ...

    difference_map.mistakes(("M_c - M_d", "the biases are missing.", 1), ...)

`cases(seed)` gives the cases of each group: those of the release are public, those of a class's own
secret seed are what the grade is made on. A row of `mistakes` is one of `utils.check.exercise` with
the points that it costs behind the sentence. `given` and `show` are code cells, `figure` and
`written` the two other kinds of question. From this file follow the student's notebook, the grade
and the feedback.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.check.exercise import Exercise
from utils.check.handout import Check
from utils.check.judge import Known, outcome

FOLDER = Path(__file__).parents[2] / "assignments"
Cases = Callable[[int], dict[str, list[tuple]]]


class Question(Exercise):
    """A function to be written: points for each group of cases, and for each known mistake."""

    def __init__(
        self,
        solution: Callable,
        cases: Cases,
        points: dict[str, float],
        hint: str,
        right: str,
        repeat: str,
        tolerance: float,
    ) -> None:
        self.drawn, self.groups, self.repeat = cases, points, repeat
        super().__init__(solution, _flat(cases(0)), hint, right, tolerance)
        self.lost: list[float] = []  # by each of self.known
        self.rows: list[tuple[str, ...]] = []  # the edits of each
        self.shown_by: list[str] = []  # the group of cases that shows each, "" for all

    @property
    def points(self) -> float:
        return sum(self.groups.values())

    def mistakes(self, *rows: tuple, at: tuple[int, ...] = (), group: str = "") -> None:
        """As in an exercise; behind each sentence stand the points that the mistake costs.

        With `group` they are known by these cases alone; in the others rounding decides.
        """
        for *row, lost in rows:
            if not 0 < lost <= self.points:
                raise ValueError(f"{self.name}: a mistake costs more than nothing and at most all")
            super().mistakes(tuple(row), at=at)
            self.lost += [lost] * (len(self.known) - len(self.lost))
            self.shown_by += [group] * (len(self.known) - len(self.shown_by))
            several = row[0] if isinstance(row[0], list) else [None]
            self.rows += [(one,) if one else tuple(row[:-1]) for one in several]

    def by_case(self, seed: int) -> list[str]:
        """The group of each case, in their order."""
        return [group for group, cases in self.drawn(seed).items() for _ in cases]

    def at(self, seed: int) -> Check:
        """What solution and mistakes give on the cases of a seed."""
        cases = _flat(self.drawn(seed))
        groups = self.by_case(seed)
        tries = [*zip(groups, cases, strict=True), (groups[0], cases[0])]
        known = [
            Known(
                m.sentence,
                [outcome(m.function, c) if only in ("", group) else None for group, c in tries],
                m.at,
            )
            for m, only in zip(self.known, self.shown_by, strict=True)
        ]
        wanted = [outcome(self.solution, c) for _, c in tries]
        return Check(cases, wanted, known, self.right, self.tolerance)


def _flat(groups: dict[str, list[tuple]]) -> list[tuple]:
    return [case for cases in groups.values() for case in cases]


@dataclass(frozen=True)
class Figure:
    """A function that draws: its figure is read axis by axis and compared with what was given.

    shown(*case) gives the curves that must be there, each as (words, x, y); `words` names it in the
    feedback. `ask` are words of which one must stand on the axis of its name.
    """

    solution: Callable
    cases: Cases
    shown: Callable[..., list[tuple[str, Any, Any]]]
    ask: dict[str, tuple[str, ...]]
    points: dict[str, float]  # labels, content, alt
    hint: str
    repeat: str
    log_x: bool = False
    legend: bool = True

    @property
    def name(self) -> str:
        return self.solution.__name__

    @property
    def total(self) -> float:
        return sum(self.points.values())

    @property
    def code(self) -> str:
        """The solution as text, as a question of a function has it."""
        text = inspect.getsource(self.solution)
        return text[text.index("def ") :]

    @property
    def stub(self) -> str:
        text = inspect.getsource(self.solution)
        node = ast.parse(text).body[0]
        assert isinstance(node, ast.FunctionDef)
        head = text.splitlines()[node.lineno - 1 : node.body[0].end_lineno]
        return "\n".join([*head, "    ..."])


@dataclass(frozen=True)
class Written:
    """An answer in words, graded by hand: what it is asked, and what is worth a point."""

    name: str
    ask: str
    rubric: tuple[tuple[float, str], ...]
    samples: tuple[tuple[float, str], ...]  # points and an answer that gets them, for the teacher

    @property
    def total(self) -> float:
        return sum(points for points, _ in self.rubric)


@dataclass
class Assignment:
    """Cells in their order: ("text" | "given" | "show", source) or a question."""

    name: str
    title: str
    after: str
    minutes: int
    story: str
    parts: list[Any] = field(default_factory=list)

    def text(self, source: str) -> None:
        """A cell of text."""
        self.parts.append(("text", inspect.cleandoc(source)))

    def given(self, source: str) -> None:
        """A code cell that needs nothing of the student's: imports, pictures, networks."""
        self.parts.append(("given", inspect.cleandoc(source)))

    def show(self, source: str) -> None:
        """A code cell that shows what the student's functions give; `ok` says which are right."""
        self.parts.append(("show", inspect.cleandoc(source)))

    def question(
        self,
        *,
        points: dict[str, float],
        cases: Cases,
        hint: str,
        right: str,
        repeat: str,
        tolerance: float = 1e-4,
    ) -> Callable[[Callable], Question]:
        """Make a question of its solution; `points` has the groups of `cases`."""

        def made(solution: Callable) -> Question:
            one = Question(solution, cases, points, hint, right, repeat, tolerance)
            if points.keys() != cases(0).keys():
                raise ValueError(f"{one.name}: points and cases have other groups")
            self.parts.append(one)
            return one

        return made

    def figure(self, **about: Any) -> Callable[[Callable], Figure]:
        """Make a question of a function that draws."""

        def made(solution: Callable) -> Figure:
            self.parts.append(Figure(solution, **about))
            return self.parts[-1]

        return made

    def written(self, name: str, ask: str, rubric: Any, samples: Any) -> None:
        """Ask for an answer in words."""
        self.parts.append(Written(name, inspect.cleandoc(ask), tuple(rubric), tuple(samples)))

    @property
    def questions(self) -> list[Question]:
        return [part for part in self.parts if isinstance(part, Question)]

    @property
    def drawing(self) -> Figure:
        return next(part for part in self.parts if isinstance(part, Figure))

    @property
    def writing(self) -> Written:
        return next(part for part in self.parts if isinstance(part, Written))

    def asked(self) -> Iterator[tuple[str, float, str]]:
        """Name, points and what to repeat, of every question in order."""
        for part in self.parts:
            if isinstance(part, Question):
                yield part.name, part.points, part.repeat
            elif isinstance(part, Figure):
                yield part.name, part.total, part.repeat
            elif isinstance(part, Written):
                yield part.name, part.total, ""

    @property
    def total(self) -> float:
        return sum(points for _, points, _ in self.asked())


def names() -> list[str]:
    """The assignments in their order: each file begins with its number, as in a1_formulas.py."""
    return [path.stem for path in sorted(FOLDER.glob("a[0-9]_*.py"))]


def assignment(name: str) -> Assignment:
    """One assignment. Raises ValueError for an unknown name."""
    if name not in names():
        raise ValueError(f"there is no assignment {name!r}: {', '.join(names())}")
    return importlib.import_module(f"assignments.{name}").work
