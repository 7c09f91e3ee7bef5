"""What students get back, a page each: `make feedback` writes my-class/feedback/NAME/WHO.html.

    python -m tools.classroom.feedback [--class my-class] [--assignment NAME]

It names the mistake and says which kinds of cases were right; no hidden case stands in it and no
solution, for none of either is in the records that it is made from.
"""

import sys
from html import escape
from pathlib import Path

from tools.classroom import folder
from tools.classroom.grade import code_of, points_given
from tools.classroom.source import Assignment, assignment, names

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; }}
td, th {{ border: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top; }}
</style></head><body>
{body}
</body></html>
"""


def rows(headers: list[str], lines: list[list[str]]) -> str:
    """A table; its cells are HTML already."""
    head = "".join(f'<th scope="col">{h}</th>' for h in headers)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in line) + "</tr>\n" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def written_points(place: Path, work: Assignment, record: dict) -> tuple[float | None, str]:
    """Points of the answer in words, None where nobody has read it yet; and the comment.

    Raises ValueError for points that are no number or more than their line is worth.
    """
    if not record["written"]:
        return 0.0, "Not answered."
    given, comment = points_given(place, work).get(code_of(place, record["student"]), ([], ""))
    if not given or not all(text.strip() for text in given):
        return None, comment
    total = 0.0
    for text, (most, what) in zip(given, work.writing.rubric, strict=True):
        try:
            points = float(text.strip().lstrip("'").replace(",", "."))
        except ValueError:
            points = -1
        if not 0 <= points <= most:
            raise ValueError(f"written/{work.name}.csv: {text!r} is not 0 to {most:g} for: {what}")
        total += points
    return total, comment


def page(place: Path, work: Assignment, record: dict) -> str:
    """A student's page."""
    points, comment = written_points(place, work, record)
    lines, total = [], 0.0
    for name, worth, repeat in work.asked():
        if name == work.writing.name:
            words = escape(
                comment or ("Read by a person." if points is not None else "Not read yet.")
            )
            lines.append([name, "–" if points is None else f"{points:g} of {worth:g}", words])
            total += points or 0
            continue
        one = record["questions"].get(name, {"points": 0, "of": worth, "words": ["Not answered."]})
        words = "<br>".join(map(escape, one["words"]))
        if one["points"] < one["of"]:
            words += f"<br>To repeat: {escape(repeat)}."
        lines.append([name, f"{one['points']:g} of {one['of']:g}", words])
        total += one["points"]
    some = [
        f"<p>{escape(t[:1].upper() + t[1:])}</p>"
        for t in [*record["repairs"], *record["notes"], *record["history"]]
    ]
    open_ = "" if points is not None else " so far; the answer in words has not been read yet"
    body = [
        f"<h1>{escape(work.title)}</h1>",
        f"<p>{escape(record['student'])}: <b>{total:g} of {work.total:g} points</b>{open_}.</p>",
        rows(["question", "points", "what was seen"], lines),
        f"<h2>About your file</h2>{''.join(some)}" if some else "",
        "<h2>Not convinced?</h2><p>Ask for one question to be graded again: say its name and why.",
        "The check in the notebook is the same judge, on public cases.</p>",
    ]
    return PAGE.format(title=escape(work.title), body="\n".join(body))


def main(arguments: list[str]) -> int:
    """Write the pages; return the exit status."""
    asks = folder.parser(__doc__)
    asks.add_argument("--assignment", default="")
    given = asks.parse_args(arguments)
    for name in [given.assignment] if given.assignment else names():
        work, records = assignment(name), folder.records(given.place, "graded", name)
        for who, record in records.items():
            folder.write(
                given.place / "feedback" / name / f"{who}.html", page(given.place, work, record)
            )
        if records:
            print(f"{len(records)} pages: {given.place / 'feedback' / name}")
    return 0


if __name__ == "__main__":
    sys.exit(folder.told(main, sys.argv[1:]))
