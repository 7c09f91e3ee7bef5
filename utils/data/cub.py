"""CUB-200-2011, 200 kinds of birds."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from utils.data.files import DataError, Entry, Photographs, existing, found, pixels


def cub(root: str | Path, split: Literal["test", "train"] = "test") -> Photographs:
    """CUB-200-2011, 200 kinds of birds with one box each; `root` is CUB_200_2011/ or holds it.

    Boxes are x, y, width, height of bounding_boxes.txt. Masks come from segmentations/ (a download
    of its own, beside CUB_200_2011/ or in it), where it is there: a pixel is bird if most of those
    who drew outlines said so (values above 127). Raises DataError.
    """
    root = existing(root)
    root = root / "CUB_200_2011" if (root / "CUB_200_2011").is_dir() else root
    files, label, split_of, boxes, class_names = _lists(
        root, "images.txt", "image_class_labels.txt", "train_test_split.txt",
        "bounding_boxes.txt", "classes.txt",
    )  # fmt: skip
    outlines = next((p for p in (root, root.parent) if (p / "segmentations").is_dir()), None)
    entries, problems = [], {}
    for number, (name,) in files.items():
        if split_of.get(number) == ["0" if split == "train" else "1"]:
            continue  # it belongs to the other split
        file = root / "images" / name
        mask = (outlines / "segmentations" / name).with_suffix(".png") if outlines else None
        needed = {
            "no line in train_test_split.txt": number in split_of,
            "no line in image_class_labels.txt": number in label,
            "no box in bounding_boxes.txt": len(boxes.get(number, ())) == 4,
            "no such picture in images/": file.is_file(),
            "no mask in segmentations/": mask is None or mask.is_file(),
        }
        if missing := [what for what, good in needed.items() if not good]:
            problems[name] = ", ".join(missing)
            continue
        x, y, w, h = map(float, boxes[number])
        box = torch.tensor([[x, y, x + w, y + h]])
        entries.append(Entry(name, file, int(label[number][0]) - 1, box, None, mask))
    names = [name[4:].replace("_", " ") for (name,) in class_names.values()]
    expected = f"pictures of the {split} split in {root / 'images'}"
    return found(entries, names, problems, expected, _outline)


def _outline(file: Path) -> tuple[Tensor, None]:
    return torch.from_numpy(pixels(file, "L") > 127), None


def _lists(root: Path, *names: str) -> list[dict[str, list[str]]]:
    """CUB's text files: each line a number, then one or more values -> {number: values}."""
    if missing := [name for name in (*names, "images") if not (root / name).exists()]:
        raise DataError(
            f"{root} is not CUB-200-2011: {', '.join(missing)} missing. Expected there: images/, "
            f"{', '.join(names)}, as CUB_200_2011.tgz holds them."
        )
    lines = ([x.split() for x in (root / n).read_text("utf8").splitlines()] for n in names)
    return [{line[0]: line[1:] for line in some if line} for some in lines]
