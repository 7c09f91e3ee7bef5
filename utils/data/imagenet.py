"""ILSVRC2012 validation pictures with their boxes: one folder in one of three layouts."""

import re
from pathlib import Path
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
    found,
    table,
)

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
        return found(*_from_tables(root), f"images/ with the pictures of boxes.csv in {root}")
    pictures = folder_with(root, PICTURE_FOLDERS, SUFFIXES)
    boxes = folder_with(root, BOX_FOLDERS, (".xml",))
    if pictures is None or boxes is None:
        raise DataError(
            f"{root} has no {'pictures' if pictures is None else 'boxes'} of ImageNet's validation "
            f"set. Expected there: val/ with the pictures and bbox_val/ with the XML files of "
            f"ILSVRC2012_bbox_val_v3; or Data/CLS-LOC/val/ and Annotations/CLS-LOC/val/; or "
            f"images/, boxes.csv and labels.csv."
        )
    return found(*_from_annotations(root, pictures, boxes), f"pictures in {pictures}")


def _from_tables(root: Path):
    names = _class_names(root / "labels.csv")
    boxes, labels, problems = {}, {}, {}
    for row in table(root / "boxes.csv", "file", "label", "x0", "y0", "x1", "y1"):
        name = row["file"]
        try:
            boxes.setdefault(name, []).append([float(row[s]) for s in ("x0", "y0", "x1", "y1")])
            label = labels.setdefault(name, int(row["label"]))
        except (TypeError, ValueError):
            problems[name] = "a line of boxes.csv is not complete"
            continue
        if not 0 <= label < len(names) or label != int(row["label"]):
            problems[name] = "its label in boxes.csv is unknown, or another one in each line"
    here = {p.name: p for p in files_in(root / "images", SUFFIXES)}
    problems |= {name: "no such file in images/" for name in sorted(boxes.keys() - here.keys())}
    problems |= {name: "not in boxes.csv" for name in sorted(here.keys() - boxes.keys())}
    good = sorted(boxes.keys() - problems.keys())
    entries = [Entry(name, here[name], labels[name], torch.tensor(boxes[name])) for name in good]
    return entries, names, problems


def _class_names(file: Path) -> list[str]:
    if not file.is_file():
        raise DataError(
            f"{file.name} (label,wnid,name) is missing; it is expected in {file.parent}"
        )
    names = {row["label"]: row["name"] for row in table(file, "label", "name")}
    if names.keys() != {str(label) for label in range(len(names))}:
        raise DataError(f"{file} must hold one line for each label, and labels count from 0")
    return [names[str(label)] for label in range(len(names))]


def _from_annotations(root: Path, pictures: Path, annotations: Path):
    xml = {p.stem: p for p in files_in(annotations, (".xml",))}
    files = files_in(pictures, SUFFIXES)
    absent = sorted(xml.keys() - {file.stem for file in files})
    problems = {stem: f"no such picture in {pictures}" for stem in absent}
    truth = {}
    for file in files:
        try:
            truth[file] = _annotation(xml[file.stem])
        except KeyError:
            problems[file.name] = f"no {file.stem}.xml in {annotations}"
        except Exception as error:  # an XML file can be broken in many ways, too
            problems[file.name] = f"{file.stem}.xml cannot be read ({error})"
    numbers = _wnids(root, {t[0] for t in truth.values()} | {f.parent.name for f in files})
    entries = []
    for file, (wnid, boxes, frame) in truth.items():
        if wnid in numbers and (file.parent == pictures or file.parent.name == wnid):
            entries.append(Entry(file.name, file, numbers[wnid], boxes, frame))
        else:
            problems[file.name] = f"its class {wnid} is unknown, or not that of its folder"
    from torchvision.models import ResNet18_Weights

    names = ResNet18_Weights.DEFAULT.meta["categories"]
    return entries, names, problems


def _annotation(file: Path) -> tuple[str, Tensor, tuple[float, float] | None]:
    """One XML file: its class, boxes (B, 4) half-open, and the width and height they refer to."""
    tree = ElementTree.parse(file).getroot()
    objects = tree.findall("object")
    wnid = objects[0].findtext("name").strip()
    sides = [
        [float(o.find("bndbox").findtext(s)) for s in ("xmin", "ymin", "xmax", "ymax")]
        for o in objects if o.findtext("name").strip() == wnid
    ]  # fmt: skip
    boxes = torch.tensor(sides) + torch.tensor([0.0, 0.0, 1.0, 1.0])
    frame = tuple(float(tree.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    return wnid, boxes, frame if all(frame) else None


def _wnids(root: Path, seen: set[str]) -> dict[str, int]:
    """The place of each wnid among the 1000: from the file that lists them, or if all are seen."""
    listed = [folder / "LOC_synset_mapping.txt" for folder in (root, root.parent)]
    lines = next((f.read_text("utf8").splitlines() for f in listed if f.is_file()), seen)
    wnids = sorted({line.split()[0] for line in lines if re.match(r"n\d{8}\b", line)})
    if len(wnids) != 1000:
        raise DataError(
            f"{len(wnids)} of ImageNet's classes are to be seen in {root}. Which of the 1000 these "
            f"are says LOC_synset_mapping.txt of the Kaggle download: put it into that folder."
        )
    return {wnid: i for i, wnid in enumerate(wnids)}
