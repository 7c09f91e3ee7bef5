"""Take in what students handed in, from a folder or a zip: `make collect FROM=downloads.zip`.

    python -m tools.classroom.collect [--class my-class] FROM ...

Every file is looked at by itself: what can be mended is mended and said, what cannot is rejected by
name with the reason, and the rest goes on. A second submission of a student replaces the first if
it is later: by the time stamp in the archive or of the file, and at equal times by the name's
number (formulas-1 is later than formulas). Files are never unpacked, run or trusted here.

Whose file it is follows from its path: Moodle's "Name_12345_assignsubmission_file_", Canvas's
"name_12345_67890_file.ipynb", nbgrader's "submitted/WHO/ASSIGNMENT/", GitHub Classroom's
"ASSIGNMENT-WHO/", a folder WHO/, or WHO.ipynb and WHO_ASSIGNMENT.ipynb.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from tools import links
from tools.classroom import folder, release
from tools.classroom.source import Figure, Question, assignment, names

MOST = 20 << 20  # bytes of a notebook
CELLS, SOURCE = 500, 200_000  # of a notebook, and characters of one cell
ENTRIES = 5000  # files of an archive or folder
MOODLE = re.compile(r"(?P<who>[^/_]+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?")
CANVAS = re.compile(r"(?P<who>[^/_]+?)_(?:LATE_)?(?P<id>\d+)_\d+_[^/]+")
DULL = {"submitted", "submissions", "collected", "downloads", "download", "files"}


class Found(NamedTuple):
    """A file that was handed in."""

    path: str  # within the folder or the archive
    size: int
    time: float
    data: bytes | None  # None where it is too large
    problem: str = ""


class Taken(NamedTuple):
    """A submission that can be graded."""

    name: str  # of the assignment
    who: str
    order: tuple  # the larger, the later
    path: str
    cells: list[dict]  # role, name, source
    written: str
    repairs: list[str]


class Rejected(ValueError):
    """Why a file cannot be graded."""


# ---------------------------------------------------------------- files


def files(source: Path) -> Iterator[Found]:
    """Every notebook in a folder, in the archives in it, or in one archive."""
    if source.is_dir():
        paths = sorted(p for p in source.rglob("*") if p.is_file() and not p.is_symlink())
        for path in paths[:ENTRIES]:
            if ".ipynb_checkpoints" in path.parts:
                continue
            inside = path.relative_to(source).as_posix()
            if path.suffix == ".zip":
                yield from (f._replace(path=f"{inside}/{f.path}") for f in _zipped(path))
            elif path.suffix == ".ipynb":
                about = path.stat()
                large = about.st_size > MOST
                data = None if large else path.read_bytes()
                yield Found(inside, about.st_size, about.st_mtime, data)
    elif source.suffix == ".zip":
        yield from _zipped(source)
    elif source.suffix == ".ipynb":
        about = source.stat()
        data = None if about.st_size > MOST else source.read_bytes()
        yield Found(source.name, about.st_size, about.st_mtime, data)
    else:
        raise ValueError(f"{source} is no folder, no zip and no notebook: make collect FROM=...")


def _zipped(path: Path) -> Iterator[Found]:
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist()[:ENTRIES]:
                name = info.filename
                hidden = name.startswith("__MACOSX") or ".ipynb_checkpoints" in name
                if info.is_dir() or hidden or not name.endswith(".ipynb"):
                    continue
                time = datetime(*info.date_time).timestamp() if info.date_time[1] else 0.0
                data, problem = None, ""
                try:
                    with archive.open(info) as file:
                        data = file.read(MOST + 1)  # whatever the archive says of its size
                except (
                    zipfile.BadZipFile,
                    RuntimeError,
                    NotImplementedError,
                    OSError,
                    EOFError,
                ) as error:
                    problem = f"it cannot be read in the archive ({error})"
                large = data is not None and len(data) > MOST
                yield Found(name, info.file_size, time, None if large else data, problem)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        yield Found(path.name, 0, 0, b"", f"the archive is damaged ({error})")


def owner(path: str, name: str) -> str:
    """Whose file this is, from its path, for an assignment called `name`. Raises Rejected."""
    parts = [part for part in PurePosixPath(path).parts if part.strip("./")]
    for part in reversed(parts):
        if found := MOODLE.match(part):
            return _plain(f"{found['who']}_{found['id']}")
        if found := CANVAS.fullmatch(part):
            return _plain(f"{found['who']}_{found['id']}")
    stem = (
        re.sub(r"[ (_-]*\(?\d{1,2}\)?$", "", PurePosixPath(path).stem) or PurePosixPath(path).stem
    )
    short = re.sub(r"^a\d_", "", name)
    said = [
        re.sub(rf"(^|[_ -])(a\d_)?{re.escape(short)}([_ -]|$)", "", part)
        for part in [*parts[:-1], stem]
    ]
    said = [s.strip("_- ") for s in said]
    said = [s for s in said if s and s.lower() not in DULL and not s.endswith(".zip")]
    if not said:
        raise Rejected("nothing says whose it is: put it into a folder with the student's name")
    return _plain(said[0] if len(parts) > 1 and said[0] not in ("", stem) else said[-1])


def _plain(who: str) -> str:
    """A name that can be a file's."""
    return re.sub(r"[^\w.@+-]+", "-", who).strip("-.")[:80] or "unnamed"


# ---------------------------------------------------------------- one notebook


def parsed(found: Found) -> dict[str, Any]:
    """The notebook's JSON. Raises Rejected with the reason."""
    if found.problem:
        raise Rejected(found.problem)
    if found.data is None:
        raise Rejected(f"it is larger than {MOST >> 20} MB: clear its outputs and hand it in again")
    try:
        nb = json.loads(found.data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Rejected("it is no text in UTF-8") from None
    except (ValueError, RecursionError) as error:
        at = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Rejected(f"it is no valid JSON{at}: was the download complete?") from None
    if not isinstance(nb, dict) or not isinstance(nb.get("cells"), list):
        raise Rejected("it is no notebook: it has no cells")
    if len(nb["cells"]) > CELLS:
        raise Rejected(f"it has more than {CELLS} cells")
    return nb


def texts(nb: dict[str, Any]) -> tuple[list[dict], int]:
    """Kind, source, id and grade_id of every cell that has a source, and how many have none."""
    cells, broken = [], 0
    for cell in nb["cells"]:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str) or len(source) > SOURCE:
            broken += 1
            continue
        kept = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
        about = kept.get("nbgrader") if isinstance(kept.get("nbgrader"), dict) else {}
        cells.append(
            {
                "code": cell.get("cell_type") == "code",
                "source": source,
                "id": str(about.get("grade_id") or cell.get("id") or ""),
                "marked": bool(about.get("grade_id")),
            }
        )
    return cells, broken


def which(nb: dict[str, Any], cells: list[dict], path: str) -> str:
    """The assignment that this is. Raises Rejected for another notebook."""
    about = nb.get("metadata")
    told = about.get("assignment") if isinstance(about, dict) else None
    if isinstance(told, dict) and told.get("name") in names():
        return str(told["name"])
    defined = {d for c in cells if c["code"] for d in re.findall(r"^def (\w+)", c["source"], re.M)}
    scores = {}
    for name in names():
        work = assignment(name)
        ids = sum(c["id"].startswith(name[:2] + "-c") for c in cells)
        scores[name] = len(defined & {q.name for q in work.questions}) + min(ids, 3)
    best = max(scores, key=lambda name: (scores[name], name in path))
    if not scores[best]:
        raise Rejected("it is another notebook: none of the assignments' questions is in it")
    return best


def taken(found: Found, seeds: dict[str, int]) -> Taken:
    """A submission as it will be graded, and what was mended. Raises Rejected."""
    nb = parsed(found)
    cells, broken = texts(nb)
    name = which(nb, cells, found.path)
    who = owner(found.path, name)
    work, ours = assignment(name), handed_out(name, seeds["seed"])
    repairs = [f"{broken} cells without a readable source were left out"] if broken else []
    counts: dict[str, int] = {}
    for cell in cells:
        counts[cell["id"]] = counts.get(cell["id"], 0) + 1
    if double := [i for i, n in counts.items() if i and n > 1]:
        repairs.append(
            f"copied cells with the same id: {', '.join(sorted(double))}; all run, the last counts"
        )
    if cells and not any(c["marked"] for c in cells):
        repairs.append("its metadata were stripped: cells were found by what stands in them")
    here = {c["id"] for c in cells}
    sources = {c["source"].strip() for c in cells}
    for one in ours.values():
        there = one["id"] in here or one["source"].strip() in sources
        if one["role"] == "check" and not there:
            repairs.append(
                f"the check of {one['name']} was deleted: it is not needed for the grade"
            )
        if one["role"] == "check" and one["id"] in here and one["source"].strip() not in sources:
            repairs.append(f"the check of {one['name']} was edited: the grade does not use it")
    defined = {
        d for c in cells if c["code"] for d in re.findall(r"^\s*(?:def )?(\w+)", c["source"], re.M)
    }
    for part in work.parts:
        if isinstance(part, (Question, Figure)) and part.name not in defined:
            repairs.append(f"{part.name} is nowhere in it")
    told = (
        nb.get("metadata", {}).get("assignment") if isinstance(nb.get("metadata"), dict) else None
    )
    if isinstance(told, dict) and told.get("seed") not in (None, seeds["seed"]):
        repairs.append(f"it is the variant of seed {told['seed']!r}, not {seeds['seed']}")
    number = re.search(r"(\d{1,2})\)?$", PurePosixPath(found.path).stem)
    order = (found.time, int(number[1]) if number else 0, found.path)
    kept = [{"source": c["source"], "role": _role(c, ours)} for c in cells if c["code"]]
    return Taken(
        name, who, order, found.path, kept, answer_in(cells, ours, work.writing.name), repairs
    )


def handed_out(name: str, seed: int) -> dict[str, dict]:
    """The release's cells by id: role, name of the question, source."""
    key = (name, seed)
    if key not in HANDED:
        nb = release.notebook(assignment(name), seed, links.address())
        asked = {q[0].replace("_", "-"): q[0] for q in assignment(name).asked()}
        HANDED[key] = {
            c.id: {
                "id": c.id,
                "role": c.metadata.get("role", "text"),
                "name": next((n for short, n in asked.items() if c.id.endswith(f"-{short}")), ""),
                "source": c.source,
            }
            for c in nb.cells
        }
    return HANDED[key]


HANDED: dict[tuple[str, int], dict[str, dict]] = {}


def _role(cell: dict, ours: dict[str, dict]) -> str:
    """What a code cell is; "own" for all that differs from what was handed out."""
    source = cell["source"].strip()
    for one in ours.values():
        if one["source"].strip() == source and one["role"] != "answer":
            return one["role"]
    if ours.get(cell["id"], {}).get("role") in ("setup", "checks"):
        return ours[cell["id"]]["role"]  # edited, and of no use here in any case
    return "own"


def answer_in(cells: list[dict], ours: dict[str, dict], name: str) -> str:
    """The answer in words: from its cell, a copy of it, or what stands behind its question."""
    one = next(c for c in ours.values() if c["role"] == "written")
    before = list(ours.values())[list(ours).index(one["id"]) - 1]
    inside = [c["source"] for c in cells if c["id"] == one["id"]]
    sources = [c["source"].strip() for c in cells]
    if not any(_said(text) for text in inside) and before["source"].strip() in sources:
        at = sources.index(before["source"].strip())
        inside += [c["source"] for c in cells[at + 1 :] if not c["code"]]
    return "\n\n".join(dict.fromkeys(filter(None, map(_said, inside))))[:20_000]


def _said(text: str) -> str:
    return text.replace(release.EMPTY, "").strip()


# ---------------------------------------------------------------- the step


def take(sources: list[Path], place: Path) -> list[tuple[str, str, str, str]]:
    """Take everything in; returns path, student, assignment and what happened, of every file."""
    seeds, rows, best = folder.settings(place), [], {}
    for source in sources:
        for found in files(source):
            try:
                one = taken(found, seeds)
            except Rejected as reason:
                rows.append((found.path, "", "", f"REJECTED: {reason}"))
                continue
            except Exception as problem:  # a notebook nobody thought of must not stop the class
                rows.append(
                    (found.path, "", "", f"REJECTED: it cannot be read ({type(problem).__name__})")
                )
                continue
            key = (one.name, one.who)
            if key in best and best[key].order >= one.order:
                rows.append((one.path, one.who, one.name, f"not used: {best[key].path} is later"))
                continue
            if key in best:
                at = next(i for i, row in enumerate(rows) if row[0] == best[key].path)
                rows[at] = (*rows[at][:3], f"not used: {one.path} is later")
            best[key] = one
            rows.append((one.path, one.who, one.name, "; ".join(["taken", *one.repairs])))
    for one in best.values():
        kept = place / "collected" / one.name / f"{one.who}.json"
        if kept.exists() and tuple(folder.read(kept)["order"]) > one.order:
            at = next(i for i, row in enumerate(rows) if row[0] == one.path)
            rows[at] = (*rows[at][:3], "not used: a later one was collected before")
            continue
        folder.write(kept, json.dumps(one._asdict(), indent=1))
    return rows


def main(arguments: list[str]) -> int:
    """Take in files, say what happened; return the exit status."""
    given = folder.parser(__doc__, "sources").parse_args(arguments)
    if not given.sources:
        raise ValueError("Say where they are: make collect FROM=a-folder-or-zip")
    rows = take([Path(source) for source in given.sources], given.place)
    head = ("file", "student", "assignment", "what happened")
    folder.write(given.place / "collected.csv", folder.table([head, *rows]))
    for row in rows:
        if row[3] != "taken":
            print(f"{row[0]}: {row[3]}")
    good = sum(row[3].startswith("taken") for row in rows)
    print(f"{good} of {len(rows)} files taken. All of them: {given.place / 'collected.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(folder.told(main, sys.argv[1:]))
