"""Grade what was collected: `make grade`.

    python -m tools.classroom.grade [--class my-class] [--assignment NAME] [--student WHO]
                                    [--question Q] [--points P --why TEXT] [--unprotected]
                                    [--container docker] [--image python:3.12]

Students' code runs in the jail (tools/classroom/jail.py) on cases that follow from the class's
secret; the comparison with the solution is made out here. Who has a grade for the same file keeps
it, unless --student names them: that is a regrade, of one question with --question. With --points
a person sets a question's points, and says why.

A question's points: all where every hidden case is right; those of each group of cases that is
right as a whole; and where a known mistake explains everything, all but what it costs, if that is
more.
"""

import builtins
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from tools.classroom import collect, container, folder
from tools.classroom.sandbox import Report, Sandbox
from tools.classroom.source import Assignment, Figure, Question, assignment, names
from utils.check.handout import Check
from utils.check.judge import TOO_LONG, Outcome, agreeing, compared
from utils.check.wire import packed, unpacked

UNANSWERED = "Not answered."
HUNGRY = "Its processes took more memory together than a submission may take."
LOST = "It came to no end: it ended its own process, or took more than a minute in all."
SLOW = "It was still at work when its time was up. Is there a loop that never ends?"
HANDED_ON = ("assignment", "student", "question")  # to the grading in a container
MARKING = Lock()  # one at a time: the judge changes what a process has once, such as sys.stdout
ALT = 40  # characters of an alt text, at least


# ---------------------------------------------------------------- one question


def mark(
    question: Question, check: Check, groups: Sequence[str], said: dict | None, cells: dict
) -> dict:
    """Points, sentences and the known mistake's sentence of an answer that the jail reports."""
    if said is None or said.get("absent"):
        return _marked(question, 0, [UNANSWERED])
    try:
        found = [one for one in unpacked(said.get("found")) if isinstance(one, Outcome)]
    except (ValueError, TypeError):
        return _marked(question, 0, ["Nothing that can be read came back."])
    if not found or all(one.missing for one in found):
        return _marked(question, 0, [UNANSWERED])
    n = len(check.cases)
    right = (agreeing(found, check.wanted, check.tolerance) + [False] * n)[:n]
    earned = sum(
        worth
        for group, worth in question.groups.items()
        if all(r for r, g in zip(right, groups, strict=True) if g == group)
    )
    if all(right):
        remarks = _remarks(found, n, check)
        return _marked(question, earned, remarks or ["Right."])
    whole = len(found) == n + 1
    seen = (
        compared(found, check.wanted, check.cases, check.known, check.tolerance) if whole else None
    )
    lost = dict(zip([m.sentence for m in question.known], question.lost, strict=True))
    if seen and seen.words in lost:
        earned = max(earned, question.points - lost[seen.words])
        return _marked(question, earned, [_begun(seen.words)], seen.words)
    words = [f"Right on {g}." for g in question.groups if _of(right, groups, g) == 2]
    words += [f"Not right on {g}." for g in question.groups if _of(right, groups, g) < 2]
    return _marked(question, earned, [*words, *_why(found, check, said, cells)])


def _of(right: Sequence[bool], groups: Sequence[str], group: str) -> int:
    """2 where all cases of a group are right, 1 for some, 0 for none."""
    some = [r for r, g in zip(right, groups, strict=True) if g == group]
    return 2 if all(some) else int(any(some))


def _marked(question: Any, points: float, words: Sequence[str], mistake: str = "") -> dict:
    of = question.points if isinstance(question, Question) else question.total
    return {"points": points, "of": of, "words": list(words), "mistake": mistake}


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def _remarks(found: Sequence[Outcome], n: int, check: Check) -> list[str]:
    """What is worth saying about a right answer; it costs nothing."""
    remarks = []
    if len(found) == n + 1 and not agreeing(found[n:], check.wanted[n:], check.tolerance)[0]:
        remarks.append("Right. (Called again it gives something else: it keeps something outside.)")
    elif any(one.changes for one in found):
        remarks.append("Right. (It changes what it is given; a copy is safer.)")
    return remarks


def _why(found: Sequence[Outcome], check: Check, said: dict, cells: dict) -> list[str]:
    """What is wrong in words that show no hidden case: an error's class and line, or a shape."""
    bad = [i for i, good in enumerate(agreeing(found, check.wanted, check.tolerance)) if not good]
    first = found[bad[0]] if bad else found[-1]
    if first.problem == TOO_LONG or len(found) < len(check.cases):
        return [SLOW]
    if first.problem:
        return [f"It stops with {_error(said.get('stopped'), cells)}."]
    if first.missing:
        return ["In some cases it gives nothing back."]
    if first.value is None:
        return ["What it gives cannot be read as numbers."]
    if bad and bad[0] < len(check.cases):
        mine, wanted = (getattr(o.value, "shape", None) for o in (first, check.wanted[bad[0]]))
        if mine is not None and wanted is not None and len(mine) != len(wanted):
            return [f"Its result has {len(mine)} axes, wanted are {len(wanted)}."]
    return ["Its values are not those that are wanted."]


def _error(stopped: object, cells: dict) -> str:
    """An error of Python's own by name, and the student's line that raised it."""
    if not isinstance(stopped, list) or len(stopped) != 3:
        return "an error"
    name, cell, line = stopped
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    known = isinstance(kind, type) and issubclass(kind, BaseException)
    what = f"{'an' if str(name)[:1] in 'AEIOU' else 'a'} {name}" if known else "an error"
    source = cells.get(cell, "") if type(cell) is int else ""
    lines = source.split("\n")
    if type(line) is int and source and 1 <= line <= len(lines):
        return f"{what} in this line: {lines[line - 1].strip()[:120]}"
    return what


# ---------------------------------------------------------------- the figure


def mark_figure(figure: Figure, cases: Sequence[tuple], said: dict | None) -> dict:
    """Points for labels, content and alt text."""
    drawn = said.get("figures") if said and not said.get("absent") else None
    if not isinstance(drawn, list) or len(drawn) != len(cases) or drawn[0].get("missing"):
        return _marked(figure, 0, [UNANSWERED])
    if problems := [one["problem"] for one in drawn if one.get("problem")]:
        kind = str(problems[0])
        named = kind if isinstance(getattr(builtins, kind, None), type) else "an error"
        return _marked(figure, 0, [f"It stops with {named}, so there is no figure."])
    wrong: dict[str, list[str]] = {name: [] for name in figure.points}
    for one, case in zip(drawn, cases, strict=True):
        for what, words in _looked_at(figure, one, case):
            if words not in wrong[what]:
                wrong[what].append(words)
    points = sum(worth for name, worth in figure.points.items() if not wrong[name])
    words = list(dict.fromkeys(w for some in wrong.values() for w in some))
    return _marked(figure, points, words or ["Axes, content and alt text are as they should be."])


def _looked_at(figure: Figure, drawn: dict, case: tuple) -> Iterable[tuple[str, str]]:
    """What is missing, as (part, sentence)."""
    axes = [ax for ax in drawn.get("axes", []) if isinstance(ax, dict)]
    filled = [ax for ax in axes if ax.get("series")]
    if not filled:
        yield from ((part, "Nothing is drawn in it.") for part in figure.points)
        return
    ax = filled[0]
    for axis, words in figure.ask.items():
        label = str(ax.get(axis, "")).strip()
        if not label:
            yield "labels", f"The {axis} axis has no label."
        elif not any(word in label.lower() for word in words):
            yield (
                "labels",
                f"The label of the {axis} axis does not say what it is, such as {words[0]!r}.",
            )
    shown = figure.shown(*case)
    if figure.legend and len(shown) > 1 and len(ax.get("legend", [])) < len(shown):
        yield "labels", "A legend that tells the curves apart is missing."
    if figure.log_x and not ax.get("log_x"):
        yield "labels", "The x axis should be logarithmic."
    for words, x, y in shown:
        if not any(_same_series(one, x, y) for a in filled for one in a["series"]):
            yield "content", f"This is not there, or has other values: {_kind(words)}."
    if not _all_inside(ax):
        yield "content", "The axes cut off a part of what is drawn."
    alt = str(drawn.get("alt", "")).strip()
    if len(alt) < ALT or len(set(alt.lower().split())) < 6:
        yield (
            "alt text",
            "The alt text is missing or too short: two sentences that say what is to be seen.",
        )


def _kind(words: str) -> str:
    """A curve's name without the number of a hidden case's."""
    return words.rstrip("0123456789 ")


def _same_series(drawn: object, x: Sequence[float], y: Sequence[float]) -> bool:
    try:
        mine = torch.tensor(drawn, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return False
    wanted = torch.tensor([list(x), list(y)], dtype=torch.float64)
    if mine.ndim != 2 or len(mine) != 2:
        return False
    if len(set(y)) == 1:  # a level: drawn from edge to edge, however many points it has
        return mine.shape[1] > 1 and torch.allclose(mine[1], wanted[1, :1], rtol=1e-3, atol=1e-6)
    order = mine[0].argsort(stable=True)
    mine, wanted = mine[:, order], wanted[:, wanted[0].argsort(stable=True)]
    if mine.shape == wanted.shape and torch.allclose(mine, wanted, rtol=1e-3, atol=1e-6):
        return True
    percent = mine * torch.tensor([[1.0], [0.01]])
    return mine.shape == wanted.shape and torch.allclose(percent, wanted, rtol=1e-3, atol=1e-6)


def _all_inside(ax: dict) -> bool:
    try:
        for axis, limits in enumerate((ax["x_limits"], ax["y_limits"])):
            low, high = min(limits), max(limits)
            slack = 1e-6 * (high - low)
            for one in ax["series"]:
                if len(one[axis]) > 2 and not all(
                    low - slack <= v <= high + slack for v in one[axis]
                ):
                    return False
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    return True


# ---------------------------------------------------------------- one submission


@cache
def checks(name: str, seed: int) -> dict[str, tuple[Check, list[str]]]:
    """The hidden cases of an assignment with what is wanted, and their groups, by question."""
    return {q.name: (q.at(seed), q.by_case(seed)) for q in assignment(name).questions}


def figure_cases(work: Assignment, seed: int) -> list[tuple]:
    """The hidden cases of the figure."""
    return [case for some in work.drawing.cases(seed).values() for case in some]


def asked(work: Assignment, seed: int, only: str = "") -> list[dict]:
    """What the jail is asked: names and hidden cases, and nothing that is wanted."""
    hidden = checks(work.name, seed)
    some = [
        {"name": name, "figure": False, "cases": packed(check.cases)}
        for name, (check, _) in hidden.items()
    ]
    some.append(
        {"name": work.drawing.name, "figure": True, "cases": packed(figure_cases(work, seed))}
    )
    return [one for one in some if only in ("", one["name"])]


def graded(
    work: Assignment, seed: int, one: dict, sandbox: Sandbox, only: str = "", **seconds: float
) -> dict:
    """A submission's record: points and sentences of every question, and what its cells did."""
    cells = {i: c["source"] for i, c in enumerate(one["cells"]) if c["role"] == "own"}
    with MARKING:
        questions = asked(work, seed, only)
    report = sandbox.attempt(list(cells.items()), questions, **seconds)
    with MARKING:
        marks = marked(work, seed, report, cells)
    for name in {*report.lost, *report.hungry} & marks.keys() - report.answers.keys():
        marks[name]["words"] = [HUNGRY if name in report.hungry else LOST]
    if only:
        marks = {name: found for name, found in marks.items() if name == only}
    return {"path": one["path"], "questions": marks, "notes": notes(report, cells)}


def marked(work: Assignment, seed: int, report: Report, cells: dict[int, str]) -> dict[str, dict]:
    """Points and sentences of every question."""
    questions = {}
    for part in work.parts:
        name = getattr(part, "name", "")
        if name in checks(work.name, seed):
            check, groups = checks(work.name, seed)[name]
            questions[name] = _safely(mark, part, check, groups, report.answers.get(name), cells)
        elif isinstance(part, Figure):
            cases = figure_cases(work, seed)
            questions[name] = _safely(mark_figure, part, cases, report.answers.get(name))
    return questions


def _safely(marking: Any, part: Any, *arguments: Any) -> dict:
    """The mark; whatever a student's answer may hold, one of them never stops the class."""
    try:
        return marking(part, *arguments)
    except Exception:
        return _marked(part, 0, ["What came back cannot be read."])


def notes(report: Report, cells: dict[int, str]) -> list[str]:
    """What a student should know of the cells that stopped."""
    said = []
    for number in report.deadly:
        did = "took too much memory" if number in report.hungry else "ended the whole process"
        said.append(f"This cell {did} and was left out: {_head(cells[number])}")
    for number, kind in report.problems.items():
        if number in cells and number not in report.deadly:
            known = isinstance(getattr(builtins, kind, None), type)
            what = "took too long" if kind in ("TimeoutError", "Stopped") else "stopped"
            with_ = f" with {kind}" if known and what == "stopped" else ""
            said.append(f"This cell {what}{with_}: {_head(cells[number])}")
    return said


def _head(source: str) -> str:
    return next((line.strip() for line in source.split("\n") if line.strip()), "")[:80]


# ---------------------------------------------------------------- the class


def grade(
    place: Path,
    wanted: Sequence[str] = (),
    students: Sequence[str] = (),
    only: str = "",
    unprotected: bool = False,
    workers: int = 1,
    **seconds: float,
) -> dict[str, dict[str, dict]]:
    """Grade submissions of some assignments; returns the new records by assignment and student."""
    there = [n for n in names() if (place / "collected" / n).is_dir() and n in (wanted or names())]
    todo: list[tuple[str, str, dict]] = []
    for name in there:
        collected = folder.records(place, "collected", name)
        if unknown := set(students) - collected.keys():
            raise ValueError(
                f"{name}: nothing was collected from {', '.join(sorted(unknown))}. "
                f"The names stand in {place / 'collected.csv'}"
            )
        for who, one in collected.items():
            if who in students or (not students and _is_new(place, name, who, one)):
                todo.append((name, who, one))
    made: dict[str, dict[str, dict]] = {name: {} for name in there}

    def some(part: list[tuple[str, str, dict]]) -> None:
        with Sandbox([place], unprotected) as sandbox:
            print(sandbox.words, flush=True)
            now = ""
            for name, who, one in part:
                if name != now:
                    sandbox.prepare(start_of(name, folder.settings(place)["seed"]))
                    now = name
                seed = folder.hidden_seed(place, name)
                record = graded(assignment(name), seed, one, sandbox, only, **seconds)
                made[name][who] = _kept(place, name, who, one, record, only)
                with MARKING:
                    print(f"{name} {who}: {_in_short(name, made[name][who])}", flush=True)

    parts = [part for part in (todo[i::workers] for i in range(workers)) if part]
    with ThreadPoolExecutor(max(1, len(parts))) as pool:
        list(pool.map(some, parts))
    for name in there:
        written_sheet(assignment(name), place)
    return made


def _in_short(name: str, record: dict) -> str:
    """What a teacher sees of a record while the class is graded."""
    some = record["questions"].values()
    points, of = (sum(q[what] for q in some) for what in ("points", "of"))
    words = f"{assignment(name).writing.total:g} more for the words, which you read"
    return f"{points:g} of {of:g}; {words if record['written'] else 'no answer in words'}"


def start_of(name: str, seed: int) -> list[str]:
    """The cells that every submission of an assignment starts from."""
    ours = collect.handed_out(name, seed).values()
    given = [c["source"] for c in ours if c["role"] in ("given", "checks")]
    return ["from utils.check import handout", f"SEED = {seed}", *given]


def _is_new(place: Path, name: str, who: str, one: dict) -> bool:
    path = place / "graded" / name / f"{who}.json"
    return not path.exists() or folder.read(path)["order"] != one["order"]


def _kept(place: Path, name: str, who: str, one: dict, record: dict, only: str) -> dict:
    """Write a record; a regrade of one question leaves the others, and says what it changed."""
    path = place / "graded" / name / f"{who}.json"
    before = folder.read(path) if path.exists() else {}
    history = before.get("history", [])
    same = before.get("order") == one["order"]
    for question, now in record["questions"].items():
        was = before.get("questions", {}).get(question)
        if same and was and was["points"] != now["points"]:
            history.append(f"{question}: {was['points']:g} became {now['points']:g}, graded again")
        if same and was and was.get("by_hand") and not only:
            record["questions"][question] = was  # a person has decided
    if only and same:
        record["questions"] = before["questions"] | record["questions"]
    record |= {"student": who, "assignment": name, "order": one["order"], "repairs": one["repairs"]}
    record |= {"written": one["written"], "history": history}
    folder.write(path, json.dumps(record, indent=1))
    return record


def decide(place: Path, name: str, who: str, question: str, points: float, why: str) -> None:
    """A person sets the points of one question."""
    path = place / "graded" / name / f"{who}.json"
    if not path.exists():
        raise ValueError(f"{who} has no grade for {name} yet: make grade first")
    record = folder.read(path)
    if question not in record["questions"]:
        raise ValueError(f"{name} has the questions {', '.join(record['questions'])}")
    one = record["questions"][question]
    if not 0 <= points <= one["of"]:
        raise ValueError(f"{question} is worth 0 to {one['of']:g} points")
    record["history"].append(f"{question}: {one['points']:g} became {points:g} by hand: {why}")
    one |= {"points": points, "words": [why], "by_hand": True}
    folder.write(path, json.dumps(record, indent=1))


# ---------------------------------------------------------------- what is read by a person


def code_of(place: Path, who: str) -> str:
    """A name for a student that says nothing, so that answers are read blind."""
    return f"{folder.hidden_seed(place, who) % 0xFFFFFF:06x}"


def written_sheet(work: Assignment, place: Path) -> Path:
    """Bring my-class/written/NAME.csv up to date; points that stand in it stay."""
    path, one = place / "written" / f"{work.name}.csv", work.writing
    kept = points_given(place, work)
    head = [
        "answer of",
        *(f"{points:g} p: {what}" for points, what in one.rubric),
        "comment",
        "answer",
    ]
    rows = []
    for who, record in folder.records(place, "graded", work.name).items():
        code = code_of(place, who)
        given, comment = kept.get(code, ([""] * len(one.rubric), ""))
        if record["written"]:
            rows.append([code, *given, comment, record["written"]])
    folder.write(path, folder.table([head, *sorted(rows)]))
    return path


def points_given(place: Path, work: Assignment) -> dict[str, tuple[list[str], str]]:
    """What a person wrote into the sheet, by code: points of each line of the rubric, comment."""
    path, n = place / "written" / f"{work.name}.csv", len(work.writing.rubric)
    if not path.exists():
        return {}
    text = path.read_text("utf-8-sig")
    rows = list(
        csv.reader(
            text.splitlines(keepends=True),
            csv.excel if text.count(";") < text.count(",") else _Semicolons,
        )
    )
    return {row[0]: (row[1 : n + 1], row[n + 1]) for row in rows[1:] if len(row) > n + 1}


class _Semicolons(csv.excel):
    """What spreadsheets write where the comma is for decimals."""

    delimiter = ";"


def main(arguments: list[str]) -> int:
    """Grade, or set points; return the exit status."""
    asks = folder.parser(__doc__)
    for name in ("assignment", "student", "question", "why"):
        asks.add_argument(f"--{name}", default="")
    asks.add_argument("--points", type=float)
    asks.add_argument("--unprotected", action="store_true")
    asks.add_argument("--workers", type=int, default=1)
    asks.add_argument("--container", default="")
    asks.add_argument("--image", default=container.IMAGE)
    given = asks.parse_args(arguments)
    wanted = [given.assignment] if given.assignment else names()
    if given.points is not None:
        if not (given.assignment and given.student and given.question and given.why):
            raise ValueError("Points by hand want ASSIGNMENT=, STUDENT=, QUESTION= and WHY=")
        decide(
            given.place, given.assignment, given.student, given.question, given.points, given.why
        )
        print(f"{given.question}: {given.points:g} for {given.student}. Now make feedback.")
        return 0
    if given.container:
        asked = [(f"--{name}", getattr(given, name)) for name in HANDED_ON if getattr(given, name)]
        asked += [("--workers", str(given.workers))]
        again = [text for pair in asked for text in pair]
        return container.grade(given.container, given.image, given.place, again, given.workers)
    who = [given.student] if given.student else []
    made = grade(given.place, wanted, who, given.question, given.unprotected, given.workers)
    for name, found in made.items():
        print(
            f"{name}: {len(found)} graded; answers in words: {given.place / 'written' / name}.csv"
        )
    if not made:
        raise ValueError(f"nothing was collected in {given.place}: make collect FROM=... first")
    return 0


if __name__ == "__main__":
    sys.exit(folder.told(main, sys.argv[1:]))
