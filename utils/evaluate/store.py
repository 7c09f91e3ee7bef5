"""What stands in the folder of a run: settings.json, pictures.csv, summary.json and part files.

A part file holds what one process has measured so far. At the end everything is in pictures.csv,
and the part files go.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CURVES = ("largest_50", "any_30", "any_50", "any_70", "centred_50")
PIXELS = ("pixels", "pixels_centred")
COLUMNS = (
    "name", "label", "rank", "predicted", "x0", "y0", "x1", "y1", "iou", "found", "whole", *CURVES,
    *PIXELS,
)  # fmt: skip
Row = dict[str, str]  # a line of pictures.csv, by the names in COLUMNS


def claim(folder: Path, settings: Mapping[str, object]) -> str:
    """Make the folder this run's own; a sentence if it holds results of other settings."""
    file = folder / "settings.json"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf8")
        return ""
    old = json.loads(file.read_text("utf8"))
    other = [f"{k} {old.get(k)}, not {v}" for k, v in settings.items() if old.get(k) != v]
    if not other:
        return ""
    return (
        f"{folder} holds results of other settings ({'; '.join(other)}). Choose another --out, or "
        f"delete that folder to start anew."
    )


def read_rows(folder: Path) -> dict[str, Row]:
    """What earlier runs have measured, by name; a line that was being written does not count."""
    rows = {}
    for file in (folder / "pictures.csv", *sorted(folder.glob("part-*.csv"))):
        if file.is_file():
            text = file.read_bytes().decode("utf8", "replace")
            lines = csv.DictReader(text[: text.rfind("\n")].split("\n"))
            rows |= {r["name"]: r for r in lines if all(isinstance(r.get(c), str) for c in COLUMNS)}
    return rows


def write_results(
    folder: Path,
    rows: Iterable[Row],
    settings: Mapping[str, object],
    figures: Mapping[str, float],
    problems: Mapping[str, str],
) -> None:
    """Write pictures.csv and summary.json."""
    _write_rows(folder / "pictures.csv", rows)
    text = json.dumps({"settings": settings, "per cent": figures, "left out": problems}, indent=1)
    (folder / "summary.json").write_text(text + "\n", encoding="utf8")


def _write_rows(file: Path, rows: Iterable[Row]) -> None:
    """All lines at once: the old file stays until the new one is complete."""
    new = file.with_suffix(".new")
    with open(new, "w", newline="", encoding="utf8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(new, file)


@contextmanager
def appending(folder: Path, rank: int) -> Iterator[Callable[[Row], None]]:
    """Give a function that adds a line to the process's part file, on disk before it returns."""
    file = folder / f"part-{rank}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    kept = file.read_bytes() if file.is_file() else b""
    if not kept.endswith(b"\n"):  # a line that was being written is cut off
        file.touch()
        os.truncate(file, kept.rfind(b"\n") + 1)
    with open(file, "a", newline="", encoding="utf8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if b"\n" not in kept:
            writer.writeheader()

        def write(row: Row) -> None:
            writer.writerow(row)
            stream.flush()

        yield write


def remove_parts(folder: Path) -> None:
    """Take the part files away: all of it stands in pictures.csv now."""
    for part in folder.glob("part-*.csv"):
        part.unlink(missing_ok=True)
