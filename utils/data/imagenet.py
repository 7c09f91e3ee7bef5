"""ILSVRC2012 validation pictures with their boxes: one folder in one of three layouts."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import torch
from torch import Tensor

from utils.data.files import (
    SUFFIXES,
    DataError,
    Entry,
    Photographs,
    existing,
    files_in,
    folder_with,
    table,
    usable,
)

WNID = re.compile(r"n\d{8}")  # a class of WordNet, such as n01440764
PICTURE_FOLDERS = (
    "val", "ILSVRC2012_img_val", "Data/CLS-LOC/val", "ILSVRC/Data/CLS-LOC/val", "images",
)  # fmt: skip
BOX_FOLDERS = (
    "Annotations/CLS-LOC/val", "ILSVRC/Annotations/CLS-LOC/val", "ILSVRC2012_bbox_val_v3/val",
    "ILSVRC2012_bbox_val_v3", "bbox_val", "bbox/val", "bbox", "Annotations/val", "Annotations",
    "annotations", "Annotation", "val",
)  # fmt: skip


def imagenet(root: str | Path) -> Photographs:
    """ILSVRC2012 validation pictures with their boxes, in one of three layouts below `root`.

    Tables:    images/ with the pictures, boxes.csv (file,label,x0,y0,x1,y1: a line for each box,
               half-open) and labels.csv (label,wnid,name).
    Official:  the pictures in val/ (or ILSVRC2012_img_val/), flat or in a folder for each class,
               and the XML files of ILSVRC2012_bbox_val_v3 in a folder of that name, or bbox_val/.
    Kaggle:    Data/CLS-LOC/val/ and Annotations/CLS-LOC/val/, also below ILSVRC/.
    Labels are 0..999 in torchvision's order, that of the sorted wnids. The XML files count pixels
    from 0 and include the last one, so 1 is added to xmax and ymax. Raises DataError.
    """
    root = existing(root)
    if (root / "boxes.csv").is_file():
        return usable(_from_tables(root), f"images/ with the pictures of boxes.csv in {root}")
    pictures = folder_with(root, PICTURE_FOLDERS, SUFFIXES)
    boxes = folder_with(root, BOX_FOLDERS, (".xml",))
    if pictures is None or boxes is None:
        raise DataError(
            f"{root} has no {'pictures' if pictures is None else 'boxes'} of ImageNet's validation "
            f"set. Expected there: val/ with the pictures and bbox_val/ with the XML files of "
            f"ILSVRC2012_bbox_val_v3; or Data/CLS-LOC/val/ and Annotations/CLS-LOC/val/; or "
            f"images/, boxes.csv and labels.csv."
        )
    return usable(_from_annotations(root, pictures, boxes), f"pictures in {pictures}")


# ---------------------------------------------------------------- tables


def _from_tables(root: Path) -> Photographs:
    names = _class_names(root / "labels.csv")
    boxes, labels, problems = _boxes_and_labels(root / "boxes.csv", len(names))
    here = {p.name: p for p in files_in(root / "images", SUFFIXES)}
    problems |= {name: "no such file in images/" for name in sorted(boxes.keys() - here.keys())}
    problems |= {name: "not in boxes.csv" for name in sorted(here.keys() - boxes.keys())}
    entries = tuple(
        Entry(name, here[name], labels[name], torch.tensor(boxes[name]))
        for name in sorted(boxes.keys() - problems.keys())
    )
    return Photographs(entries, names, problems)


def _class_names(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        raise DataError(
            f"{file.name} (label,wnid,name) is missing; it is expected in {file.parent}"
        )
    names = {row["label"]: row["name"] for row in table(file, "label", "name")}
    if names.keys() != {str(label) for label in range(len(names))}:
        raise DataError(f"{file} must hold one line for each label, and labels count from 0")
    return tuple(names[str(label)] for label in range(len(names)))


def _boxes_and_labels(
    file: Path, n_classes: int
) -> tuple[dict[str, list[list[float]]], dict[str, int], dict[str, str]]:
    """boxes.csv: each picture's boxes, its label, and what is wrong with it, by its name."""
    boxes: dict[str, list[list[float]]] = {}
    labels: dict[str, int] = {}
    problems: dict[str, str] = {}
    for row in table(file, "file", "label", "x0", "y0", "x1", "y1"):
        name = row["file"]
        try:
            boxes.setdefault(name, []).append([float(row[s]) for s in ("x0", "y0", "x1", "y1")])
            label = labels.setdefault(name, int(row["label"]))
        except (TypeError, ValueError):
            problems[name] = "a line of boxes.csv is not complete"
            continue
        if not 0 <= label < n_classes or label != int(row["label"]):
            problems[name] = "its label in boxes.csv is unknown, or another one in each line"
    return boxes, labels, problems


# ---------------------------------------------------------------- the official layout, and Kaggle's


class _Truth(NamedTuple):
    """What an XML file says."""

    wnid: str
    boxes: Tensor  # (B, 4), half-open
    frame: tuple[float, float] | None  # the width and height that the boxes refer to


def _from_annotations(root: Path, pictures: Path, annotations: Path) -> Photographs:
    from torchvision.models import ResNet18_Weights

    files = files_in(pictures, SUFFIXES)
    truths, problems = _truths(files, pictures, annotations)
    numbers = _wnids(root, {t.wnid for t in truths.values()} | {f.parent.name for f in files})
    entries = []
    for file, (wnid, boxes, frame) in truths.items():
        if wnid not in numbers:
            problems[file.name] = f"its class {wnid} is unknown"
        elif WNID.fullmatch(file.parent.name) and file.parent.name != wnid:
            problems[file.name] = f"its class is {wnid}, its folder's is {file.parent.name}"
        else:
            entries.append(Entry(file.name, file, numbers[wnid], boxes, frame))
    names = ResNet18_Weights.DEFAULT.meta["categories"]
    return Photographs(tuple(entries), tuple(names), problems)


def _truths(
    files: Sequence[Path], pictures: Path, annotations: Path
) -> tuple[dict[Path, _Truth], dict[str, str]]:
    """What the annotations say of each picture file, and where they do not."""
    xml = {p.stem: p for p in files_in(annotations, (".xml",))}
    absent = sorted(xml.keys() - {file.stem for file in files})
    problems = {stem: f"no such picture in {pictures}" for stem in absent}
    truths = {}
    for file in files:
        try:
            truths[file] = _truth(xml[file.stem])
        except KeyError:
            problems[file.name] = f"no {file.stem}.xml in {annotations}"
        except Exception as error:  # an XML file can be broken in many ways
            problems[file.name] = f"{file.stem}.xml cannot be read ({error})"
    return truths, problems


def _truth(file: Path) -> _Truth:
    tree = ElementTree.parse(file).getroot()
    objects = [(_text(o, "name"), o) for o in tree.findall("object")]
    if not objects:
        raise ValueError("no object in it")
    wnid = objects[0][0]
    sides = [
        [float(_text(o, f"bndbox/{s}")) for s in ("xmin", "ymin", "xmax", "ymax")]
        for name, o in objects if name == wnid
    ]  # fmt: skip
    boxes = torch.tensor(sides) + torch.tensor([0.0, 0.0, 1.0, 1.0])
    w, h = (float(tree.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    return _Truth(wnid, boxes, (w, h) if w and h else None)


def _text(element: ElementTree.Element, path: str) -> str:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"no {path} in it")
    return text.strip()


def _wnids(root: Path, seen: set[str]) -> dict[str, int]:
    """The place of each wnid among the 1000: from the file that lists them, or if all are seen."""
    listed = [folder / "LOC_synset_mapping.txt" for folder in (root, root.parent)]
    lines = next((f.read_text("utf-8-sig").splitlines() for f in listed if f.is_file()), seen)
    wnids = sorted({line.split()[0] for line in lines if re.match(rf"{WNID.pattern}\b", line)})
    if len(wnids) != 1000:
        raise DataError(
            f"{len(wnids)} of ImageNet's classes are to be seen in {root}. Which of the 1000 these "
            f"are says LOC_synset_mapping.txt of the Kaggle download: put it into that folder."
        )
    return {wnid: i for i, wnid in enumerate(wnids)}
