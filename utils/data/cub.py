"""CUB-200-2011, 200 kinds of birds."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from utils.data.files import DataError, Entry, Photographs, existing, pixels, usable

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
    other_split = ["0"] if split == "train" else ["1"]
    entries, problems = [], {}
    for number, (name,) in files.items():
        if training.get(number) == other_split:
            continue
        file = root / "images" / name
        mask = (outlines / "segmentations" / name).with_suffix(".png") if outlines else None
        needed = {
            "no line in train_test_split.txt": number in training,
            "no line in image_class_labels.txt": number in labels,
            "no box in bounding_boxes.txt": len(boxes.get(number, ())) == 4,
            "no such picture in images/": file.is_file(),
            "no mask in segmentations/": mask is None or mask.is_file(),
        }
        if missing := [what for what, there in needed.items() if not there]:
            problems[name] = ", ".join(missing)
        else:
            label, box = int(labels[number][0]) - 1, _box(boxes[number])
            entries.append(Entry(name, file, label, box, mask=mask))
    names = tuple(name[4:].replace("_", " ") for (name,) in class_names.values())  # 001.Some_Bird
    expected = f"pictures of the {split} split in {root / 'images'}"
    return usable(Photographs(tuple(entries), names, problems, _outline), expected)


def _lists(root: Path) -> list[dict[str, list[str]]]:
    """CUB's text files: each line a number, then one or more values -> {number: values}."""
    if missing := [name for name in (*LISTS, "images") if not (root / name).exists()]:
        raise DataError(
            f"{root} is not CUB-200-2011: {', '.join(missing)} missing. Expected there: images/, "
            f"{', '.join(LISTS)}, as CUB_200_2011.tgz holds them."
        )
    texts = [(root / name).read_text("utf8") for name in LISTS]
    lines = ([line.split() for line in text.splitlines()] for text in texts)
    return [{line[0]: line[1:] for line in some if line} for some in lines]


def _box(values: list[str]) -> Tensor:
    """x, y, width, height as CUB has them -> (1, 4)."""
    x, y, w, h = map(float, values)
    return torch.tensor([[x, y, x + w, y + h]])


def _outline(file: Path) -> tuple[Tensor, None]:
    """The bird's pixels, (h, w) bool; none are ignored."""
    return torch.from_numpy(pixels(file, "L") > 127), None
