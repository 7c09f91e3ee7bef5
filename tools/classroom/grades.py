"""Grades for Moodle and Canvas, and a page about the class: `make grades [ROSTER=export.csv]`.

    python -m tools.classroom.grades [--class my-class] [--roster EXPORT.csv]

Writes grades.csv (every question of every student), moodle.csv, canvas.csv and report.html into
my-class. Both systems match students by columns of their own, so give the file that they export as
ROSTER: it is filled in and written again, and who is missing on either side is said. Without it the
names are those of the files.

Moodle: Grades, Import, CSV file; map the column that names students (email address, ID number or
username) and each assignment's column. Canvas: Grades, Import; the first five columns are its own,
and a new column becomes a new assignment. A total waits, as an empty cell, until its answer in
words has been read: both systems leave a grade alone where the cell is empty.
"""

import csv
import re
import sys
from collections import Counter
from html import escape
from pathlib import Path
from typing import NamedTuple

from tools.classroom import folder
from tools.classroom.feedback import PAGE, rows, written_points
from tools.classroom.source import assignment, names

CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
NUMBERED = ("identifier", "id")  # columns with the number that stands in a file's name
NAMED = ("first name", "last name")  # the name in two columns, as Moodle's gradebook has it
MATCHED = (  # columns of an export that may name a student
    "username", "email address", "id number", "sis login id", "sis user id", "full name", "student",
    *NUMBERED,
)  # fmt: skip


class Line(NamedTuple):
    """One student's result in one assignment."""

    points: dict[str, float | None]  # by question; None: not read yet
    mistakes: list[tuple[str, str]]  # question, sentence

    @property
    def total(self) -> float | None:
        parts = list(self.points.values())
        return None if None in parts else sum(p for p in parts if p is not None)


def lines(place: Path, name: str) -> dict[str, Line]:
    """The results of an assignment, by student."""
    work, found = assignment(name), {}
    for who, record in folder.records(place, "graded", name).items():
        points: dict[str, float | None] = {}
        for question, _, _ in work.asked():
            points[question] = record["questions"].get(question, {"points": 0})["points"]
        points[work.writing.name] = written_points(place, work, record)[0]
        said = [(q, one["mistake"]) for q, one in record["questions"].items() if one["mistake"]]
        found[who] = Line(points, said)
    return found


def _text(points: float | None) -> str:
    return "" if points is None else f"{points:g}"


def everything(results: dict[str, dict[str, Line]]) -> str:
    """grades.csv: a line for each student, a column for each question."""
    head = ["student"]
    for name in results:
        head += [f"{name} {q}" for q, _, _ in assignment(name).asked()] + [f"{name} total"]
    table = []
    for who in sorted({who for found in results.values() for who in found}):
        row = [who]
        for name, found in results.items():
            asked = [q for q, _, _ in assignment(name).asked()]
            one = found.get(who)
            row += [_text(one.points[q]) for q in asked] if one else [""] * len(asked)
            row.append(_text(one.total) if one else "")
        table.append(row)
    return folder.table([head, *table])


def exported(path: Path) -> list[list[str]]:
    """The rows of a file that Moodle or Canvas exported. Raises ValueError where it is none."""
    try:
        rows_ = list(csv.reader(path.read_text("utf-8-sig").splitlines(keepends=True)))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{path} is no CSV in UTF-8 ({problem})") from problem
    if not rows_ or not any(head.strip().lower() in (*MATCHED, *NAMED) for head in rows_[0]):
        raise ValueError(f"{path}: a column that names students is missing, such as Username")
    return rows_


def filled(
    roster: list[list[str]], results: dict[str, dict[str, Line]]
) -> tuple[list[list[str]], list[str]]:
    """The roster with a column for each assignment, and who was not found, or not only once."""
    head = [*roster[0], *(n for n in results if n not in roster[0])]
    out = [head, *([*row, *[""] * (len(head) - len(row))] for row in roster[1:])]
    heads = [h.strip().lower() for h in head]
    ids = [_ids(dict(zip(heads, row, strict=True))) for row in out[1:]]
    missing = []
    for who in sorted({who for found in results.values() for who in found}):
        places = [row for row, some in zip(out[1:], ids, strict=True) if _keys(who) & some]
        if len(places) != 1:
            missing.append(who)
            continue
        for name, found in results.items():
            if who in found:
                places[0][head.index(name)] = _text(found[who].total)
    for row in out[1:]:
        if row[0].strip() == "Points Possible":
            for name in results:
                row[head.index(name)] = f"{assignment(name).total:g}"
    return out, missing


def _key(text: str) -> str:
    """A name as it is compared: its words in any order, without what file names lose."""
    text = text.lower().split("@")[0].removeprefix("participant ")
    return " ".join(sorted(re.findall(r"[^\W_]+", text)))


def _ids(row: dict[str, str]) -> set[str]:
    """What names the student of a row; a number is marked as one."""
    found = [_key(" ".join(row.get(part, "") for part in NAMED))]
    for column in MATCHED:
        key = _key(row.get(column, ""))
        found.append(f"#{key}" if key and column in NUMBERED else key)
    return set(filter(None, found))


def _keys(who: str) -> set[str]:
    """What of a file's name may name its student: all of it, the name, the number."""
    name, _, number = who.rpartition("_")
    return {_key(who), _key(name), f"#{number}"} - {""} if number.isdigit() else {_key(who)}


def together(results: dict[str, dict[str, Line]]) -> dict[str, dict[str, Line]]:
    """The same, with one name for a student whom Moodle numbers anew in each assignment.

    Two students of one name keep their numbers.
    """
    alike = [one for found in results.values() for one in Counter(map(_name, found)).items()]
    two = {name for name, students in alike if students > 1}
    numbers = Counter(_name(who) for who in {who for found in results.values() for who in found})
    once = {name for name, several in numbers.items() if several > 1} - two
    return {
        name: {_name(who) if _name(who) in once else who: one for who, one in found.items()}
        for name, found in results.items()
    }


def _name(who: str) -> str:
    """A student without the number that Moodle or Canvas puts behind the name."""
    return re.sub(r"_\d+$", "", who) or who


def for_moodle(results: dict[str, dict[str, Line]]) -> str:
    """Username and totals, for students whose files carry their user names."""
    who = sorted({w for found in results.values() for w in found})
    table = [[w, *(_text(f[w].total) if w in f else "" for f in results.values())] for w in who]
    return folder.table([["Username", *results], *table])


def for_canvas(results: dict[str, dict[str, Line]]) -> str:
    """Canvas's five columns and totals; the number that Canvas puts into file names is the ID."""
    possible = ["Points Possible", "", "", "", "", *(f"{assignment(n).total:g}" for n in results)]
    table = [[*CANVAS, *results], possible]
    for who in sorted({w for found in results.values() for w in found}):
        name, _, number = who.rpartition("_")
        mine = [_text(f[who].total) if who in f else "" for f in results.values()]
        ids = [name, number, "", "", ""] if name and number.isdigit() else [who, "", "", who, ""]
        table.append([*ids, *mine])
    return folder.table(table)


# ---------------------------------------------------------------- the page about the class


def report(results: dict[str, dict[str, Line]], rejected: list[str]) -> str:
    """Points by question, the most frequent mistakes, and what to repeat next week; no names."""
    parts = ["<h1>The class</h1>"]
    for name, found in results.items():
        work, n = assignment(name), len(found)
        lines_, worst = [], []
        for question, worth, repeat in work.asked():
            got = [one.points[question] for one in found.values()]
            read = [p for p in got if p is not None]
            mean = sum(read) / len(read) / worth if read else 0
            full, none = sum(p == worth for p in read), sum(p == 0 for p in read)
            share = f"{mean:.0%}" if len(read) == n else "–"  # of some it would say nothing
            lines_.append([question, share, str(full), str(none), str(n - len(read))])
            if read and repeat:
                worst.append((mean, question, repeat))
        parts.append(f"<h2>{escape(work.title)} ({n} students)</h2>")
        parts.append(rows(["question", "mean", "all points", "no points", "not read yet"], lines_))
        counted = Counter(m for one in found.values() for m in one.mistakes).most_common(8)
        if counted:
            parts.append("<h3>The most frequent mistakes</h3>")
            said = [[str(k), escape(q), escape(words)] for (q, words), k in counted]
            parts.append(rows(["students", "question", "what they heard"], said))
        again = [w for w in sorted(worst)[:2] if w[0] < 0.8]
        words = "; ".join(f"{escape(r)} (for {escape(q)}, {m:.0%})" for m, q, r in again)
        parts.append(f"<p><b>To repeat next week</b>: {words or 'nothing is below 80 %'}.</p>")
    if rejected:
        parts.append(
            f"<h2>Rejected files</h2><ul>{''.join(f'<li>{escape(r)}</li>' for r in rejected)}</ul>"
        )
    return PAGE.format(title="The class", body="\n".join(parts))


def _rejected(place: Path) -> list[str]:
    path = place / "collected.csv"
    if not path.exists():
        return []
    table = csv.reader(path.read_text("utf8").splitlines(keepends=True))
    return [f"{row[0]}: {row[3]}" for row in table if row[3:] and row[3].startswith("REJECTED")]


def main(arguments: list[str]) -> int:
    """Write the tables and the page; return the exit status."""
    asks = folder.parser(__doc__)
    asks.add_argument("--roster", type=Path)
    given = asks.parse_args(arguments)
    results = {name: lines(given.place, name) for name in names()}
    results = together({name: found for name, found in results.items() if found})
    if not results:
        raise ValueError(f"nothing is graded in {given.place}: make grade first")
    canvas, moodle = for_canvas(results), for_moodle(results)
    if given.roster:
        table, missing = filled(exported(given.roster), results)
        if "SIS Login ID" in table[0]:
            canvas = folder.table(table)
        else:
            moodle = folder.table(table)
        for who in missing:
            print(f"{who}: not in {given.roster.name}, or twice; enter it by hand from grades.csv")
    open_ = sum(one.total is None for found in results.values() for one in found.values())
    texts = {"grades": everything(results), "moodle": moodle, "canvas": canvas}
    for name, text in texts.items():
        folder.write(given.place / f"{name}.csv", text)
    folder.write(given.place / "report.html", report(results, _rejected(given.place)))
    if open_:
        print(f"{open_} totals wait for an answer in words: they are left empty.")
    print(f"grades.csv, moodle.csv, canvas.csv and report.html: {given.place}")
    return 0


if __name__ == "__main__":
    sys.exit(folder.told(main, sys.argv[1:]))
