"""CUB-200-2011, 200 kinds of birds."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from utils.data.files import DataError, Entry, Photographs, existing, pixels, text_of, usable

LISTS = (
    "images.txt", "image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt",
    "classes.txt",
)  # fmt: skip


def cub(root: str | Path, split: Literal["test", "train"] = "test") -> Photographs:
    """CUB-200-2011, 200 kinds of birds with one box each; `root` is CUB_200_2011/ or holds it.

    Boxes are x, y, width, height of bounding_boxes.txt. Masks come from segmentations/ (a download
    of its own, beside CUB_200_2011/ or in it), where it is there: a pixel is bird if most of those
    who drew outlines said so (values above 127). Raises DataError.
    """
    root = existing(root)
    root = root / "CUB_200_2011" if (root / "CUB_200_2011").is_dir() else root
    files, labels, training, boxes, class_names = _lists(root)
    outlines = next((p for p in (root, root.parent) if (p / "segmentations").is_dir()), None)
    other_split = "0" if split == "train" else "1"
    names = tuple(name[4:].replace("_", " ") for name in class_names.values())  # 001.Some_Bird
    entries, problems = [], {}
    for number, name in files.items():
        if training.get(number) == other_split:
            continue
        file = root / "images" / name
        mask = (outlines / "segmentations" / name).with_suffix(".png") if outlines else None
        box, label = _box(boxes.get(number, "")), labels.get(number, "")
        needed = {
            "no line in train_test_split.txt": number in training,
            "no line in image_class_labels.txt": number in labels,
            "its class is not in classes.txt": number not in labels or label in class_names,
            "no box in bounding_boxes.txt": box is not None,
            "no such picture in images/": file.is_file(),
            "no mask in segmentations/": mask is None or mask.is_file(),
        }
        if missing := [what for what, there in needed.items() if not there]:
            problems[name] = ", ".join(missing)
        else:
            entries.append(Entry(name, file, int(label) - 1, box, mask=mask))
    expected = f"pictures of the {split} split in {root / 'images'}"
    return usable(Photographs(tuple(entries), names, problems, _outline), expected)


def _lists(root: Path) -> list[dict[str, str]]:
    """CUB's text files: each line a number, then what belongs to it -> {number: the rest}."""
    if missing := [name for name in (*LISTS, "images") if not (root / name).exists()]:
        raise DataError(
            f"{root} is not CUB-200-2011: {', '.join(missing)} missing. Expected there: images/, "
            f"{', '.join(LISTS)}, as CUB_200_2011.tgz holds them."
        )
    lists = []
    for name in LISTS:
        lines = [line.split(maxsplit=1) for line in text_of(root / name).splitlines()]
        if bad := [i for i, line in enumerate(lines, 1) if len(line) == 1 or _odd(line)]:
            raise DataError(f"{root / name} is damaged (line {bad[0]}): unpack CUB_200_2011.tgz")
        lists.append({number: rest.strip() for number, rest in filter(None, lines)})
    if [*lists[-1]] != [str(i) for i in range(1, len(lists[-1]) + 1)]:
        raise DataError(f"{root / LISTS[-1]} is damaged: its lines count from 1 up")
    return lists


def _odd(line: list[str]) -> bool:
    """Whether a line does not begin with a number. (Empty ones do not matter.)"""
    return bool(line) and not line[0].isdecimal()


def _box(values: str) -> Tensor | None:
    """x, y, width, height as CUB has them -> (1, 4); None if they are not four numbers."""
    try:
        x, y, w, h = map(float, values.split())
    except ValueError:
        return None
    box = torch.tensor([[x, y, x + w, y + h]])
    return box if box.isfinite().all() else None


def _outline(file: Path) -> tuple[Tensor, None]:
    """The bird's pixels, (h, w) bool; none are ignored."""
    return torch.from_numpy(pixels(file, "L") > 127), None
