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
    check       a digest of the run's settings and of all that stands before it in the line

A line is believed if its check holds. Lines that were damaged, or that belong to other settings,
are as good as not there: their pictures are measured again. In pictures.csv or in a part file, each
line speaks for itself.
"""

import base64
import csv
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from utils.digest import digest_of

LEAST = {  # the IoU that a mark in the column stands for
    "found": 0.5, "largest_50": 0.5, "any_30": 0.3, "any_50": 0.5, "any_70": 0.7, "centred_50": 0.5,
}  # fmt: skip
SIDES = tuple(round(0.01 * i, 2) for i in range(1, 101))  # of the centred box
PIXELS = ("pixels", "pixels_centred")
VALUES = (
    "name", "label", "rank", "predicted", "x0", "y0", "x1", "y1", "iou", "found", "whole",
    "largest_50", "any_30", "any_50", "any_70", "centred_50", *PIXELS,
)  # fmt: skip
COLUMNS = (*VALUES, "check")
PICTURES = "pictures.csv"
HEAD = ",".join(COLUMNS) + "\n"  # the first line of the files
Row = dict[str, str]  # a line of pictures.csv by the names in VALUES; with its check on disk only
Settings = Mapping[str, object]


# ---------------------------------------------------------------- tensors as words


def marks(found: Tensor) -> str:
    """x where found, . where not: (T,) bool -> T letters."""
    return "".join("x" if here else "." for here in found.tolist())


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


# ---------------------------------------------------------------- lines


def as_line(row: Row, settings: Settings) -> str:
    """A row as a line of the file, with its check and a line break."""
    values = [row[column] for column in VALUES]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([*values, _check(values, settings)])
    return text.getvalue()


def _check(values: Sequence[str], settings: Settings) -> str:
    return digest_of(json.dumps([settings, values], sort_keys=True))


def _believed(line: bytes, settings: Settings) -> Row | None:
    """The row that a line holds; None if its check does not hold."""
    try:
        (words,) = csv.reader([line.decode("utf8", "surrogateescape")])
        *values, check = words
    except (ValueError, csv.Error):
        return None
    if len(values) != len(VALUES) or check != _check(values, settings):
        return None
    return dict(zip(VALUES, values, strict=True))


def _lines(file: Path) -> list[bytes]:
    """The lines of a file without the first, the names of the columns.

    What has no line break was being written when a process was stopped, if it is a part file;
    pictures.csv is written as a whole, so there it was damaged.
    """
    if not file.is_file():
        return []
    *lines, rest = file.read_bytes().split(b"\n")
    if file.name == PICTURES and (rest or not lines):
        lines.append(rest)
    return lines[1:] if lines and lines[0].strip() == HEAD.strip().encode() else lines


def found(folder: Path, settings: Settings) -> tuple[dict[str, Row], int]:
    """What earlier runs have measured, by name, and how many lines are not to be believed."""
    rows: dict[str, Row] = {}
    damaged = 0
    for file in (*_parts(folder), folder / PICTURES):  # the last has the last word
        held = [_believed(line, settings) for line in _lines(file)]
        rows |= {row["name"]: row for row in held if row}
        damaged += held.count(None)
    return rows, damaged


def read_rows(folder: Path) -> dict[str, Row]:
    """The rows of a run, by name, of pictures.csv and part files; only those to be believed.

    Raises DamagedFile where settings.json cannot be read.
    """
    return found(folder, read_settings(folder))[0]


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.csv"))


# ---------------------------------------------------------------- files


class DamagedFile(ValueError):
    """A file that is not what this command wrote. The text names it, and says what to do."""


def read_settings(folder: Path) -> dict[str, object]:
    """settings.json; raises DamagedFile."""
    file = folder / "settings.json"
    try:
        settings = json.loads(file.read_bytes())
        if not isinstance(settings, dict) or "data" not in settings:
            raise ValueError("it holds no settings")
    except ValueError as error:  # not JSON, or not UTF-8
        raise DamagedFile(
            f"{file} is damaged ({error}). Choose another --out, or delete that file: lines of "
            f"pictures.csv that fit this command are kept, all others measured again."
        ) from None
    return settings


def claim(folder: Path, settings: Settings) -> str:
    """Make the folder this run's own; a sentence if it holds results of other settings."""
    instead = "Choose another --out, or delete that folder to start anew."
    if any(_is_former(file) for file in (folder / PICTURES, *_parts(folder))):
        return (
            f"{folder} holds results of an earlier version of this command, whose lines carry no "
            f"check, so damage would not be seen. {instead}"
        )
    if not (folder / "settings.json").is_file():
        if (folder / PICTURES).is_file() and not found(folder, settings)[0]:
            return f"{folder} holds results, and no settings.json says how they came. {instead}"
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "settings.json", json.dumps(settings, indent=1) + "\n")
        return ""
    try:
        old = read_settings(folder)
    except DamagedFile as problem:
        return str(problem)
    other = [f"{k} {old.get(k)}, not {v}" for k, v in settings.items() if old.get(k) != v]
    return f"{folder} holds results of other settings ({'; '.join(other)}). {instead}" * bool(other)


def _is_former(file: Path) -> bool:
    """Whether the file has the columns that it had before lines got a check."""
    if not file.is_file():
        return False
    with open(file, "rb") as stream:
        return stream.readline(10_000).strip().decode("utf8", "replace") == ",".join(VALUES)


def write_results(
    folder: Path,
    rows: Iterable[Row],
    settings: Settings,
    figures: Mapping[str, float],
    problems: Mapping[str, str],
) -> None:
    """Write pictures.csv and summary.json."""
    lines = (as_line(row, settings) for row in rows)
    _replace(folder / PICTURES, HEAD + "".join(lines))
    text = json.dumps({"settings": settings, "per cent": figures, "left out": problems}, indent=1)
    _replace(folder / "summary.json", text + "\n")


def _replace(file: Path, text: str) -> None:
    """Write a file: the old one stays until the new one is complete and on disk."""
    new = file.with_suffix(".new")
    with open(new, "wb") as stream:
        stream.write(text.encode("utf8", "surrogateescape"))
        _to_disk(stream)
    os.replace(new, file)
    if os.name == "posix":  # the folder, so that the new name is on disk too
        number = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _to_disk(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


@contextmanager
def appending(
    folder: Path, rank: int, settings: Settings
) -> Iterator[Callable[[Sequence[Row]], None]]:
    """Give a function that adds rows to the process's part file, on disk before it returns."""
    file = folder / f"part-{rank}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    kept = file.read_bytes() if file.is_file() else b""
    if not kept.endswith(b"\n"):  # a line that was being written is cut off
        file.touch()
        os.truncate(file, kept.rfind(b"\n") + 1)
    with open(file, "ab") as stream:
        if b"\n" not in kept:
            stream.write(HEAD.encode())

        def write(rows: Sequence[Row]) -> None:
            text = "".join(as_line(row, settings) for row in rows)
            stream.write(text.encode("utf8", "surrogateescape"))
            _to_disk(stream)

        yield write


def remove_parts(folder: Path) -> None:
    """Take the part files away: all of it stands in pictures.csv now."""
    for part in _parts(folder):
        part.unlink(missing_ok=True)
