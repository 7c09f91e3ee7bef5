"""What stands in the folder of a run: settings.json, pictures.csv, summary.json and part files.

A part file holds what one process has measured so far. At the end everything is in pictures.csv,
and the part files go. Both have a line for each picture, with the columns
    name, label   of the picture
    rank        place of the true class among all, 1 for the best; empty if the network has others
    predicted   the class with the highest score
    x0 ... y1   the box, in pixels of the picture; `iou` and `found` (IoU >= 0.5, 1 or 0) judge it
    whole       1 if the box of the whole picture would be found
    largest_50, any_30, any_50, any_70   a mark for each threshold of `localization.FINE`: x where
                the box of the largest, or of any component has an IoU of 0.5, 0.3, 0.5, 0.7 at
                least, the map scaled by minmax in a frame of 224 x 224; . elsewhere
    centred_50  a mark for each of SIDES: x where the centred box of that side has IoU >= 0.5
    pixels, pixels_centred   empty without a mask; `localization.pixel_counts` of the map, and of a
                Gaussian in the middle, against the mask in that frame, packed. Summed over the
                pictures they give PxAP, whichever process measured them, and when
"""

import base64
import csv
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

LEAST = {  # the IoU that a mark in the column stands for
    "found": 0.5, "largest_50": 0.5, "any_30": 0.3, "any_50": 0.5, "any_70": 0.7, "centred_50": 0.5,
}  # fmt: skip
SIDES = tuple(round(0.01 * i, 2) for i in range(1, 101))  # of the centred box
PIXELS = ("pixels", "pixels_centred")
COLUMNS = (
    "name", "label", "rank", "predicted", "x0", "y0", "x1", "y1", "iou", "found", "whole",
    "largest_50", "any_30", "any_50", "any_70", "centred_50", *PIXELS,
)  # fmt: skip
Row = dict[str, str]  # a line of pictures.csv, by the names in COLUMNS


# ---------------------------------------------------------------- tensors as words


def marks(found: Tensor) -> str:
    """x where found, . where not: (T,) bool -> T letters."""
    return "".join("x" if here else "." for here in found)


def marked(rows: Sequence[Row], column: str) -> Tensor:
    """Where the rows have an x in a column, or a 1: N rows -> (N, T) bool."""
    return torch.tensor([[mark in "x1" for mark in row[column]] for row in rows])


def packed(counts: Tensor | None) -> str:
    """Whole numbers (2, T) as a short word; "" for None."""
    if counts is None:
        return ""
    return base64.b64encode(zlib.compress(counts.numpy().astype("<i4").tobytes())).decode()


def unpacked(word: str) -> Tensor:
    """The whole numbers that a word stands for: (2, T) int64."""
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(word)), "<i4")
    return torch.from_numpy(numbers.astype(np.int64)).reshape(2, -1)


# ---------------------------------------------------------------- files


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
    rows: dict[str, Row] = {}
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
