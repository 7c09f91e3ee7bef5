"""Begin a notebook, exercises and all, and enter it wherever notebooks are listed: `make new`.

    python -m tools.new 13_my_idea

It runs as it is, and `make test` passes: what stands in italics is to be replaced. Made from
tools/template, with the files notebooks/13_my_idea.ipynb and utils/check/my_idea.py. Entered in the
tables of README.md and of notebook 00, and in the "Next" of the notebook before.
"""

import keyword
import re
import sys
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tools import links
from tools.exercises import exercises_of, fill
from tools.notebooks import ROOT, all_notebooks, read, refresh, write

TEMPLATE = ROOT / "tools" / "template"
START = ROOT / "notebooks" / "00_start_here.ipynb"
NAME = re.compile(r"\d\d_[a-z][a-z0-9_]*")
README_ROW = re.compile(r"\| (?P<number>\d\d) \| \[.*")
MAP_ROW = re.compile(r"\| (?:\*\*[^|]+\*\* )?\| \[?(?P<number>\d\d) (?P<title>[^]|]*).*")
NEXT = re.compile(r"(?<=## Next\n\n).*", re.DOTALL)


def refusal(name: str) -> str:
    """Why a notebook cannot have this name, in a sentence; nothing for a good one."""
    number, _, module = name.partition("_")
    taken, planned = {path.stem[:2]: path.name for path in all_notebooks()}, announced()
    free = next(f"{n:02}" for n in range(100) if f"{n:02}" not in {*taken, *planned})
    if not name:
        return f"Say how it is to be called: make new NOTEBOOK={free}_my_idea"
    if not NAME.fullmatch(name):
        return f"Call it as in {free}_my_idea: two digits, then small letters, digits and _."
    if number in taken:
        return f"{taken[number]} has the number {number} already; {free} is free."
    if number in planned and not _slug(planned[number]).startswith(module):
        return f'Number {number} is kept for "{planned[number]}" in notebook 00; {free} is free.'
    if keyword.iskeyword(module):
        return f"Choose another word than {module!r}, which means something else to Python."
    for folder in ("utils/check", "utils"):
        if (ROOT / folder / f"{module}.py").exists() or (ROOT / folder / module).is_dir():
            return f"Choose another word than {module!r}: it is the name of a module in {folder}."
    return ""


def announced() -> dict[str, str]:
    """Number and title of the notebooks that notebook 00 speaks of and that are not there yet."""
    rows = [MAP_ROW.match(line) for line in _map_cell(read(START)).source.split("\n")]
    there = {path.stem[:2] for path in all_notebooks()}
    found = {row["number"]: row["title"].strip() for row in rows if row}
    return {number: title for number, title in found.items() if number not in there}


def _map_cell(start: NotebookNode) -> NotebookNode:
    """The cell of notebook 00 that holds the map of the course."""
    return next(c for c in start.cells if any(map(MAP_ROW.match, c.source.split("\n"))))


def _slug(title: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", title.lower()))


def title_of(path: Path) -> str:
    """A notebook's number and title, as in "01 The formulas"."""
    return read(path).cells[0].source.splitlines()[0].lstrip("# ").replace(" · ", " ")


def link_to(path: Path) -> str:
    """A link from one notebook to another."""
    return f"[{title_of(path)}]({path.name})"


def with_row(text: str, row: str, pattern: re.Pattern) -> str:
    """The text with a row more in its table, by number; a row of that number is replaced."""
    lines = text.split("\n")
    number = pattern.match(row)["number"]
    found = [(i, m["number"]) for i, line in enumerate(lines) if (m := pattern.match(line))]
    if same := [i for i, n in found if n == number]:
        lines[same[0]] = row
    else:
        lines.insert(1 + max(i for i, n in found if n < number), row)
    return "\n".join(lines)


def made_from_template(path: Path, title: str, before: Path, following: str) -> NotebookNode:
    """The notebook, not yet run, its exercises still empty."""
    words = {
        "NUMBER": path.stem[:2],
        "TITLE": title,
        "NAME": path.stem[3:],
        "FILE": path.name,
        "BADGE": links.badge(links.address(), f"notebooks/{path.name}"),
        "BEFORE": link_to(before),
        "NEXT": following,
    }
    text = _filled((TEMPLATE / "notebook.md").read_text("utf8"), words)
    nb = jupytext.reads(text, fmt="md")
    nb.metadata.clear()
    for cell in nb.cells:
        cell.source = cell.source.strip()
    setup = links.setup_cell(links.address())
    nb.cells.insert(1, new_code_cell(setup, metadata=links.SETUP))
    return nb


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)


def make(name: str) -> None:
    """Write, fill and run the notebook, then enter it everywhere.

    Raises ValueError where a cell fails, and leaves nothing behind then.
    """
    path, check = ROOT / "notebooks" / f"{name}.ipynb", ROOT / "utils" / "check" / f"{name[3:]}.py"
    before = [p for p in all_notebooks() if p.name < path.name][-1]
    after = [p for p in all_notebooks() if p.name > path.name][:1]
    title = announced().get(name[:2], name[3:].replace("_", " ").capitalize())
    following = f"*What comes next*: {link_to(START)} has the map of the course."
    if after:
        said = _last_cell(read(before)).source.split("## Next\n\n")[1]
        following = said if after[0].name in said else f"{link_to(after[0])}: *what it is about*."
    try:
        exercises = (TEMPLATE / "exercises.py").read_text("utf8")
        check.write_text(_filled(exercises, {"NUMBER": name[:2]}), "utf8", newline="\n")
        nb = made_from_template(path, title, before, following)
        fill(nb, exercises_of(path))
        write(nb, path)
        refresh(path)
    except BaseException:
        path.unlink(missing_ok=True)
        check.unlink(missing_ok=True)
        raise
    enter(path, title, before)


def enter(path: Path, title: str, before: Path) -> None:
    """Put a notebook into the tables of README.md and 00, and into the "Next" before it."""
    number, link = path.stem[:2], f"[{path.stem[:2]} {title}]({path.name})"
    readme = ROOT / "README.md"
    row = f"| {number} | [{title}](notebooks/{path.name}) | 20 min | *what it shows* |"
    readme.write_text(with_row(readme.read_text("utf8"), row, README_ROW), "utf8", newline="\n")
    start = read(START)
    cell = _map_cell(start)
    rows = filter(MAP_ROW.match, cell.source.split("\n"))
    announced_row = next((row for row in rows if f"| {number} {title}" in row), "")
    row = announced_row.replace(f"{number} {title}", link)
    row = row or f"| | {link} | *the question it answers* |"
    cell.source = with_row(cell.source, row, MAP_ROW)
    write(start, START)
    nb = read(before)
    cell = _last_cell(nb)
    cell.source = NEXT.sub(f"{link}: *what it is about*.", cell.source)
    write(nb, before)


def _last_cell(nb: NotebookNode) -> NotebookNode:
    """The cell that ends in "Next"."""
    return next(cell for cell in reversed(nb.cells) if NEXT.search(cell.source))


def main(names: list[str]) -> int:
    """Make one notebook, or say in one sentence why not; return the exit status."""
    name = " ".join(names).removeprefix("notebooks/").removesuffix(".ipynb")
    if sentence := refusal(name):
        print(sentence, file=sys.stderr)
        return 1
    try:
        make(name)
    except ValueError as problem:
        print(f"Nothing was made, for the template does not run here: {problem}", file=sys.stderr)
        return 1
    print(f"notebooks/{name}.ipynb and utils/check/{name[3:]}.py are there, and links to them too.")
    print("Replace what stands in italics: in the notebook, in the tables of README.md and of 00,")
    print('in the "Next" of the notebook before. CONTRIBUTING.md says what a notebook needs.')
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
