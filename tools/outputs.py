"""What do the notebooks say otherwise than before? Text and pictures, cell by cell: `make outputs`.

    python -m tools.outputs BASE         a commit against the files as they lie here
    python -m tools.outputs BASE HEAD    two commits
    ... --ignore-checks                  without the cells that check an exercise

Cells are matched by their id, those left over by their order. What was printed is shown as a diff;
of pictures it is said how many have other pixels. Exit status 1 where anything differs.
"""

import argparse
import subprocess
import sys
from difflib import unified_diff
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
from nbformat import NotebookNode

from tools.notebooks import ROOT, pixels


class Change(NamedTuple):
    """A notebook's difference."""

    cells: int  # that say something else
    pictures: int  # with other pixels, new ones and lost ones
    of: int
    diff: list[str]  # what is said otherwise, line by line


def paths(commit: str | None, root: Path) -> list[str]:
    """The notebooks of a commit, or of the folder (None) as git sees it, ignored files left out."""
    kept = ["ls-tree", "-r", "--name-only", commit] if commit else []
    here = ["ls-files", "--cached", "--others", "--exclude-standard"]
    names = _git(root, *(kept or here)).splitlines()
    return [n for n in names if n.endswith(".ipynb") and (commit or (root / n).exists())]


def load(commit: str | None, name: str, root: Path) -> NotebookNode:
    """One notebook of a commit, or from the folder (None)."""
    text = _git(root, "show", f"{commit}:{name}") if commit else (root / name).read_text("utf8")
    return nbformat.reads(text, as_version=4)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotepath=off", *arguments]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, encoding="utf8")
    return done.stdout


def pairs(base: NotebookNode, head: NotebookNode) -> list[tuple]:
    """Code cells before and after, in the order of `head`; None where there is no such cell."""
    old, new = ([c for c in nb.cells if c.cell_type == "code"] for nb in (base, head))
    before = {cell.get("id"): cell for cell in old if cell.get("id")}
    ids = before.keys() & {cell.get("id") for cell in new}
    spare = iter([cell for cell in old if cell.get("id") not in ids])
    both = [(before[c.id] if c.get("id") in ids else next(spare, None), c) for c in new]
    return [*both, *((cell, None) for cell in spare)]


def texts(cell: NotebookNode | None) -> list[str]:
    """The lines that a cell shows: printed ones, plain text and Markdown, the same text once."""
    lines: list[str] = []
    for output in cell.outputs if cell else []:
        data = output.get("data", {})
        words = [data[mime] for mime in sorted(data) if mime.startswith("text/")]
        for text in dict.fromkeys([output.get("text", ""), *words]):
            lines += text.splitlines()
    return lines


def pictures(cell: NotebookNode | None) -> list[str]:
    """The pictures that a cell shows, as they are stored; no vector graphics."""
    data = [output.get("data", {}) for output in (cell.outputs if cell else [])]
    return [d[m] for d in data for m in sorted(d) if m.startswith("image/") and "svg" not in m]


def _differ(a: str | None, b: str | None) -> bool:
    return a != b and (a is None or b is None or not np.array_equal(pixels(a), pixels(b)))


def change(base: NotebookNode, head: NotebookNode, ignore_checks: bool = False) -> Change:
    """What a notebook shows otherwise."""
    cells, apart, of, diff = 0, 0, 0, []
    for number, (old, new) in enumerate(pairs(base, head)):
        tags = [tag for cell in (old, new) if cell for tag in cell.metadata.get("tags", [])]
        if ignore_checks and "check" in tags:
            continue
        if lines := [*unified_diff(texts(old), texts(new), lineterm="", n=0)][2:]:
            cells += 1
            source = next(iter((new or old).source.splitlines()), "")
            where = "gone: " if new is None else "new: " if old is None else ""
            diff.append(f"  code cell {number}, {where}{source[:60]}")
            diff += [f"    {line}" for line in lines if not line.startswith("@@")]
        both = [*zip_longest(pictures(old), pictures(new))]
        apart, of = apart + sum(_differ(*pair) for pair in both), of + len(both)
    return Change(cells, apart, of, diff)


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Print the differences of all notebooks; return 1 where there are any."""
    about = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tools.outputs", description=about)
    parser.add_argument("base", help="a commit, such as main or HEAD")
    parser.add_argument("head", nargs="?", help="another; without it, the files as they lie here")
    parser.add_argument("--ignore-checks", action="store_true", help="leave out cells tagged check")
    args = parser.parse_args(argv)
    try:
        before, after = paths(args.base, root), paths(args.head, root)
    except subprocess.CalledProcessError as problem:
        print(problem.stderr.strip().splitlines()[0], file=sys.stderr)
        return 2
    bad = 0
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            bad += 1
            print(f"{name}: {'new' if name in after else 'gone'}")
            continue
        old, new = load(args.base, name, root), load(args.head, name, root)
        cells, apart, of, diff = change(old, new, args.ignore_checks)
        bad += bool(cells or apart)
        print(f"{name}: cells with other text {cells}, other pictures {apart} of {of}")
        for line in diff:
            print(line)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
