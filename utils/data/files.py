"""Photographs on disk behind the pictures' interface, and what every layout of folders needs."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from utils.pictures import Picture, box_of

SUFFIXES = (".jpeg", ".jpg", ".png")
MOST_PIXELS = 90_000_000  # of a picture; ImageNet's largest has 61 million


class DataError(ValueError):
    """Data are not where or what they should be. The text says what was expected, and where."""


Mask = tuple[Tensor, Tensor | None]  # the object's pixels and the ignored ones, (h, w) bool


class Entry(NamedTuple):
    """Where one photograph and its truth are to be found."""

    name: str
    file: Path
    label: int
    boxes: Tensor | None = None  # (B, 4); None: the box of the mask
    frame: tuple[float, float] | None = None  # width and height that the boxes refer to
    mask: Path | None = None

    def __reduce__(self):
        """Numbers travel to other processes ten times faster than as many small tensors."""
        boxes = None if self.boxes is None else self.boxes.tolist()
        return _entry, (*self[:3], boxes, *self[4:])


def _entry(name, file, label, boxes, frame, mask) -> Entry:
    return Entry(name, file, label, None if boxes is None else torch.tensor(boxes), frame, mask)


@dataclass(frozen=True)
class Photographs:
    """Photographs on disk, read when they are asked for: len(), [i] -> Picture, class_names.

    `problems` says for each picture that was left out, by name, why. A file that turns out to be
    unreadable raises DataError at [i]: whoever walks over all pictures notes it and goes on.
    """

    entries: tuple[Entry, ...]
    class_names: tuple[str, ...]
    problems: Mapping[str, str] = field(default_factory=dict)
    read_mask: Callable[[Path], Mask] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    def __getitem__(self, i: int) -> Picture:
        entry = self.entries[i]
        image = torch.from_numpy(pixels(entry.file, "RGB")).permute(2, 0, 1).contiguous()
        h, w = image.shape[1:]
        mask, ignore = self._mask(entry, h, w)
        boxes = _boxes_inside(entry, mask, h, w)
        return Picture(image, entry.label, boxes, mask, entry.name, ignore)

    def _mask(self, entry: Entry, h: int, w: int) -> Mask | tuple[None, None]:
        if entry.mask is None or self.read_mask is None:
            return None, None
        mask, ignore = self.read_mask(entry.mask)
        if mask.shape != (h, w):
            size = "×".join(map(str, mask.shape[::-1]))
            raise DataError(f"{entry.name}: the mask has {size} pixels, the picture {w}×{h}")
        return mask, ignore


def _boxes_inside(entry: Entry, mask: Tensor | None, h: int, w: int) -> Tensor:
    """An entry's boxes in pixels of its picture, cut at the border: (B, 4), B >= 1."""
    sides = torch.tensor([w, h, w, h])
    boxes = box_of(mask)[None] if entry.boxes is None and mask is not None else entry.boxes
    if boxes is None:
        raise DataError(f"{entry.name}: neither a box nor a mask is known")
    if entry.frame:
        boxes = boxes * sides / torch.tensor(entry.frame * 2)
    boxes = torch.minimum(boxes.clamp(min=0), sides)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]
    if len(boxes) == 0:
        raise DataError(f"{entry.name}: no box lies inside the picture of {w}×{h} pixels")
    return boxes


def pixels(file: Path, mode: str) -> np.ndarray:
    """A picture file as (h, w, 3) or (h, w) uint8, as it is stored: boxes refer to these pixels.

    `photos.load` would turn it upright and shrink it, and the boxes would no longer fit.
    """
    try:
        with Image.open(file) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} × {image.height} pixels are too many")
            return np.array(image.convert(mode))
    except Exception as error:  # Pillow has many words for a broken file
        raise DataError(f"{file.name}: cannot be read, copy it again ({error})") from None


# ---------------------------------------------------------------- folders, tables, words


def existing(root: str | Path) -> Path:
    """The folder, with ~ for the home folder; DataError if there is none."""
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Give the folder that holds the data.")
    return root


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files with one of the suffixes in the folder and its folders, in order of their names."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes)


def named(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Files by name; where two folders have a file of one name, by the path from the folder."""
    count = Counter(file.name for file in files)
    paths = (file.relative_to(folder).as_posix() for file in files)
    return {
        path if count[file.name] > 1 else file.name: file
        for path, file in zip(paths, files, strict=True)
    }


def folder_with(root: Path, folders: Sequence[str], suffixes: Sequence[str]) -> Path | None:
    """The first of the folders that holds such a file, directly or one level below."""
    for folder in folders:
        files = (p for depth in ("*", "*/*") for p in (root / folder).glob(depth))
        if any(p.suffix.lower() in suffixes for p in files):
            return root / folder
    return None


def text_of(file: Path) -> str:
    """A text file, without a byte order mark; DataError if it is not UTF-8."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise DataError(
            f"{file} is not UTF-8 text (line {line}): save it as UTF-8, or copy it again"
        ) from None


def table(file: Path, *columns: str) -> list[dict[str, str]]:
    """The lines of a CSV file whose first line names the columns; DataError if it is none.

    A value that a line lacks is "". A last line without a line break may have been cut off, so its
    last value is taken as missing.
    """
    text = text_of(file)
    rows = csv.DictReader(io.StringIO(text, newline=""), restval="")
    try:
        lines = list(rows)
    except csv.Error as error:
        raise DataError(f"{file} is not a table (line {rows.line_num}: {error})") from None
    names = rows.fieldnames or ()
    if missing := [c for c in columns if c not in names]:
        other = next((mark for mark in ";\t" if mark in text.partition("\n")[0]), "")
        raise DataError(
            f"{file} has no column {', '.join(missing)}; the first line names them"
            + f", with commas between them, not {other!r}" * bool(other)
        )
    if lines and not text.endswith("\n"):
        written = [name for name in names if lines[-1][name]]
        lines[-1] |= {name: "" for name in written[-1:]}
    return lines


def usable(data: Photographs, expected: str) -> Photographs:
    """The same data, after one sentence on what was left out; DataError if nothing is left."""
    if twice := [name for name, n in Counter(data.names).items() if n > 1]:
        raise DataError(f"{twice[0]} is listed more than once, and a picture is measured once")
    left_out = skipped(data.problems)
    if not data.entries:
        raise DataError(f"Not one usable picture. Expected: {expected}. {left_out}".strip())
    if left_out:
        print(left_out)
    return data


def skipped(problems: Mapping[str, str], most: int = 5) -> str:
    """How many pictures are left out, and which: one sentence, `most` of them by name."""
    if not problems:
        return ""
    named = [f"{name}: {why}" for name, why in list(problems.items())[:most]]
    more = [f"and {len(problems) - most} more"] * (len(problems) > most)
    return f"Left out: {len(problems)} ({'; '.join(named + more)})."
