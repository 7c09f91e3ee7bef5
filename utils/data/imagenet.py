"""ILSVRC2012 validation pictures with their boxes: one folder in one of three layouts."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
    named,
    table,
    text_of,
    usable,
)

NO_FILE = "no such file in images/"
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
    A picture is called after its file, and with its folder where two folders have a file of that
    name; then boxes.csv has to name the folder (n01440764/1.JPEG), or the XML files have to lie in
    folders of the same names. Without LOC_synset_mapping.txt or all 1000 classes, folders that are
    called as torchvision calls the classes (tench, great_white_shark) say which is which.
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
    class_names = _class_names(root / "labels.csv")
    folder = root / "images"
    files = named(files_in(folder, SUFFIXES), folder)
    spelled = {file.relative_to(folder).as_posix(): name for name, file in files.items()}
    boxes, labels, problems = _boxes_and_labels(root / "boxes.csv", len(class_names), spelled)
    several: dict[str, list[str]] = {}
    for name, file in files.items():
        several.setdefault(file.name, []).append(name)
    for name in sorted(boxes.keys() - files.keys()):
        which = " or ".join(several.get(name, ()))
        problems[name] = f"which of them? In boxes.csv write {which}" if which else NO_FILE
    rest = [n for n, f in files.items() if n not in boxes and f.name not in problems]
    problems |= {name: "not in boxes.csv" for name in sorted(rest)}
    entries = tuple(
        Entry(name, files[name], labels[name], torch.tensor(boxes[name]))
        for name in sorted(boxes.keys() - problems.keys())
    )
    return Photographs(entries, class_names, problems)


def _class_names(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        raise DataError(
            f"{file.name} (label,wnid,name) is missing; it is expected in {file.parent}"
        )
    rows = table(file, "label", "name")
    names = {row["label"]: row["name"] for row in rows}
    if names.keys() != {str(label) for label in range(len(rows))}:
        raise DataError(f"{file} must hold one line for each label, and labels count from 0")
    if unnamed := [label for label, name in names.items() if not name]:
        raise DataError(
            f"{file} has no whole line for label {unnamed[0]}: a name stands behind each label, "
            f"and a line break at the end of the last line, too"
        )
    return tuple(names[str(label)] for label in range(len(names)))


def _boxes_and_labels(
    file: Path, n_classes: int, spelled: Mapping[str, str]
) -> tuple[dict[str, list[list[float]]], dict[str, int], dict[str, str]]:
    """boxes.csv: each picture's boxes, its label, and what is wrong with it, by its name.

    `spelled` has the names of pictures that the file calls otherwise, with their folders.
    """
    boxes: dict[str, list[list[float]]] = {}
    labels: dict[str, int] = {}
    problems: dict[str, str] = {}
    for row in table(file, "file", "label", "x0", "y0", "x1", "y1"):
        name = spelled.get(row["file"], row["file"])
        try:
            boxes.setdefault(name, []).append(_finite(row[s] for s in ("x0", "y0", "x1", "y1")))
            label = labels.setdefault(name, int(row["label"]))
        except ValueError:
            problems[name] = "a line of boxes.csv is not complete, or not of numbers"
            continue
        if not 0 <= label < n_classes or label != int(row["label"]):
            problems[name] = "its label in boxes.csv is unknown, or another one in each line"
    return boxes, labels, problems


def _finite(words: Iterable[str]) -> list[float]:
    """Numbers; ValueError if one is none, NaN or infinite."""
    numbers = [float(word) for word in words]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{numbers} are not all numbers")
    return numbers


# ---------------------------------------------------------------- the official layout, and Kaggle's


class _Truth(NamedTuple):
    """What an XML file says."""

    wnid: str
    boxes: Tensor  # (B, 4), half-open
    frame: tuple[float, float] | None  # the width and height that the boxes refer to


def _from_annotations(root: Path, pictures: Path, annotations: Path) -> Photographs:
    from torchvision.models import ResNet18_Weights

    class_names = tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    files = named(files_in(pictures, SUFFIXES), pictures)
    truths, problems = _truths(files, pictures, annotations)
    wnids = {name: truth.wnid for name, truth in truths.items()}
    folders = {name: files[name].parent.name for name in truths}
    numbers, by_folder = _wnids(root, wnids, folders, class_names)
    entries = []
    for name, (wnid, boxes, frame) in truths.items():
        folder = folders[name]
        if wnid not in numbers:
            problems[name] = f"its class {wnid} is unknown"
        elif WNID.fullmatch(folder) and folder != wnid:
            problems[name] = f"its class is {wnid}, its folder's is {folder}"
        elif by_folder.get(folder, numbers[wnid]) != numbers[wnid]:
            problems[name] = f"its class is {class_names[numbers[wnid]]}, its folder is {folder}"
        else:
            entries.append(Entry(name, files[name], numbers[wnid], boxes, frame))
    return Photographs(tuple(entries), class_names, problems)


def _truths(
    files: Mapping[str, Path], pictures: Path, annotations: Path
) -> tuple[dict[str, _Truth], dict[str, str]]:
    """What the annotations say of each picture file, and where they do not.

    An XML file belongs to the picture in the same place, or else to the one of its name.
    """
    xml = files_in(annotations, (".xml",))
    placed = {p.relative_to(annotations).with_suffix(""): p for p in xml}
    stems = {p.stem: p for p in xml}
    if len(stems) < len(xml):  # a name in two folders says nothing
        count = Counter(p.stem for p in xml)
        stems = {stem: p for stem, p in stems.items() if count[stem] == 1}
    own = {
        name: placed.get(file.relative_to(pictures).with_suffix("")) or stems.get(file.stem)
        for name, file in files.items()
    }
    taken = Counter(own.values())
    absent = sorted({p.stem for p in xml} - {file.stem for file in files.values()})
    problems = {stem: f"no such picture in {pictures}" for stem in absent}
    truths = {}
    for name, file in own.items():
        if file is None:
            problems[name] = f"no {files[name].stem}.xml in {annotations}"
        elif taken[file] > 1:
            problems[name] = f"{file.name} is the only one for {taken[file]} pictures of that name"
        else:
            try:
                truths[name] = _truth(file)
            except Exception as error:  # an XML file can be broken in many ways
                problems[name] = f"{file.name} cannot be read ({error})"
    return truths, problems


def _truth(file: Path) -> _Truth:
    tree = ElementTree.parse(file).getroot()
    objects = [(_text(o, "name"), o) for o in tree.findall("object")]
    if not objects:
        raise ValueError("no object in it")
    wnid = objects[0][0]
    sides = [
        _finite(_text(o, f"bndbox/{s}") for s in ("xmin", "ymin", "xmax", "ymax"))
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


def _wnids(
    root: Path,
    wnids: Mapping[str, str],
    folders: Mapping[str, str],
    class_names: Sequence[str],
) -> tuple[dict[str, int], dict[str, int]]:
    """The place of each wnid among the 1000; and of each folder, if the places are taken from them.

    They come from the file that lists all wnids; or from the wnids of all pictures (by name) and of
    their folders, if these are 1000; or from folders that are called as torchvision calls classes.
    """
    listed = [folder / "LOC_synset_mapping.txt" for folder in (root, root.parent)]
    file = next((f for f in listed if f.is_file()), None)
    lines = text_of(file).splitlines() if file else {*wnids.values(), *folders.values()}
    seen = sorted({line.split()[0] for line in lines if re.match(rf"{WNID.pattern}\b", line)})
    if len(seen) == 1000:
        return {wnid: i for i, wnid in enumerate(seen)}, {}
    if file:
        raise DataError(f"{file} lists {len(seen)} of ImageNet's 1000 classes: copy it again")
    places = _places(folders.values(), class_names)
    votes: dict[str, Counter[int]] = {wnid: Counter() for wnid in wnids.values()}
    for name, wnid in wnids.items():
        if folders[name] in places:
            votes[wnid][places[folders[name]]] += 1
    if votes and all(votes.values()):
        return {wnid: count.most_common(1)[0][0] for wnid, count in votes.items()}, places
    raise DataError(
        f"{len(seen)} of ImageNet's classes are to be seen in {root}. Which of the 1000 these "
        f"are says LOC_synset_mapping.txt of the Kaggle download: put it into that folder."
    )


def _places(folders: Iterable[str], class_names: Sequence[str]) -> dict[str, int]:
    """The classes that folders are called after: {"Great_White_Shark": 2}. (A cardigan is two.)"""

    def plain(name: str) -> str:
        return name.replace("_", " ").casefold()

    names = [plain(name) for name in class_names]
    once = {folder for folder in folders if names.count(plain(folder)) == 1}
    return {folder: names.index(plain(folder)) for folder in once}
