"""Labelled pictures with the truth about them: drawn ones and real ones behind one interface.

Every data set has a length, `names`, `class_names`, and gives a `Picture` for [i]: the drawn worlds
(`Pictures`, all in memory) and the photographs of `imagenet`, `cub` and `pets` (`Photographs`, read
from disk one by one). Notebooks 05 and 10; `python -m utils.evaluate` measures on all of them.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image
from torch import Tensor

WORDS = ("captions", "phrases", "questions")  # fields with one entry for each picture


@dataclass(frozen=True)
class Pictures:
    """N pictures and everything that is known about them.

    images      (N, 3, H, W) uint8, RGB
    labels      (N,) int64, indices into class_names
    class_names the C names
    boxes       (N, 4) int64, (x0, y0, x1, y1) half-open, around the labelled object's pixels
    masks       (N, H, W) bool, the visible pixels of the labelled object
    parts       (N, H, W) uint8, 0 = no part, p > 0 = the part called part_names[p]
    part_names  part_names[0] == "", then names such as "bird beak"

    With K objects or questions to a picture (`sketchbook.pairs`, `sketchbook.questions`) labels
    are (N, K), boxes (N, K, 4) and masks (N, K, H, W).

    Some worlds add words, one entry for each picture, empty elsewhere:
    captions    N sentences
    phrases     N tuples of short phrases, each of which stands in the caption
    questions   N tuples of K questions; the answers are class_names[labels]
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    boxes: Tensor
    masks: Tensor
    parts: Tensor
    part_names: tuple[str, ...]
    captions: tuple[str, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    questions: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> "Picture":
        """One picture with one object. Raises ValueError where each has several (pairs, ...)."""
        if self.labels.ndim > 1:
            raise ValueError("each of these pictures has several labels: use .images, .labels, ...")
        boxes = self.boxes[i].reshape(-1, 4)
        return Picture(self.images[i], int(self.labels[i]), boxes, self.masks[i], self.names[i])

    @property
    def names(self) -> tuple[str, ...]:
        """Drawn pictures have numbers for names."""
        return tuple(f"{i:05d}" for i in range(len(self)))

    def subset(self, indices) -> "Pictures":
        """The pictures at `indices` (list, slice, index tensor or bool tensor), in that order."""
        if not isinstance(indices, slice):
            indices = torch.as_tensor(indices)
            indices = indices if indices.dtype == torch.bool else indices.long()
        rows = torch.arange(len(self))[indices]
        taken = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {k: v[rows] for k, v in taken.items() if torch.is_tensor(v)}
        words = {k: tuple(taken[k][i] for i in rows.tolist()) for k in WORDS if taken[k]}
        return replace(self, **tensors, **words)


# ---------------------------------------------------------------- one picture at a time


class Picture(NamedTuple):
    """One labelled picture with the truth about it: what every data set here gives for [i]."""

    image: Tensor  # (3, h, w) uint8, RGB
    label: int  # index into class_names
    boxes: Tensor  # (B, 4), pixels of this picture, half-open; B >= 1
    mask: Tensor | None  # (h, w) bool, the object's pixels, where they are known
    name: str  # no other picture of the data set has it
    ignore: Tensor | None = None  # (h, w) bool, pixels that are neither object nor background


class DataError(ValueError):
    """Data are not where or what they should be. The text says what was expected, and where."""


class Entry(NamedTuple):
    """Where one photograph and its truth are to be found."""

    name: str
    file: Path
    label: int
    boxes: Tensor | None = None  # (B, 4); None: the box of the mask
    frame: tuple[float, float] | None = None  # width and height that the boxes refer to
    mask: Path | None = None


@dataclass(frozen=True)
class Photographs:
    """Photographs on disk, read when they are asked for: len(), [i] -> Picture, class_names.

    `problems` says for each picture that was left out, by name, why. A file that turns out to be
    unreadable raises DataError at [i]: whoever walks over all pictures notes it and goes on.
    """

    entries: tuple[Entry, ...]
    class_names: tuple[str, ...]
    problems: Mapping[str, str] = field(default_factory=dict)
    read_mask: Callable[[Path], tuple[Tensor, Tensor | None]] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    def __getitem__(self, i: int) -> Picture:
        entry = self.entries[i]
        image = torch.from_numpy(_pixels(entry.file, "RGB")).permute(2, 0, 1).contiguous()
        h, w = image.shape[1:]
        mask, ignore = self.read_mask(entry.mask) if entry.mask else (None, None)
        if mask is not None and mask.shape != (h, w):
            raise DataError(f"{entry.name}: the mask has {_size(mask)} pixels, the picture {w}×{h}")
        boxes = box_of(mask)[None] if entry.boxes is None else entry.boxes
        if entry.frame:
            boxes = boxes * torch.tensor([w, h, w, h]) / torch.tensor(entry.frame * 2)
        boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([w, h, w, h]))
        boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]
        if len(boxes) == 0:
            raise DataError(f"{entry.name}: no box lies inside the picture of {w}×{h} pixels")
        return Picture(image, entry.label, boxes, mask, entry.name, ignore)


def box_of(mask: Tensor) -> Tensor:
    """The box around a mask's pixels: (h, w) bool -> (4,) int64, all 0 if there are none."""
    y, x = mask.any(1).nonzero(), mask.any(0).nonzero()
    if len(y) == 0:
        return torch.zeros(4, dtype=torch.int64)
    return torch.cat([x[0], y[0], x[-1] + 1, y[-1] + 1])


def _pixels(file: Path, mode: str) -> np.ndarray:
    """A picture file as (h, w, 3) or (h, w) uint8, as it is stored: boxes refer to these pixels.

    `photos.load` would turn it upright and shrink it, and the boxes would no longer fit.
    """
    try:
        with Image.open(file) as image:
            return np.array(image.convert(mode))
    except Exception as error:  # Pillow has many words for a broken file
        raise DataError(f"{file.name}: cannot be read, copy it again ({error})") from None


def _size(mask: Tensor) -> str:
    return "×".join(map(str, mask.shape[::-1]))


# ---------------------------------------------------------------- ImageNet (ILSVRC) validation

PICTURE_FOLDERS = (
    "val", "ILSVRC2012_img_val", "Data/CLS-LOC/val", "ILSVRC/Data/CLS-LOC/val", "images",
)  # fmt: skip
BOX_FOLDERS = (
    "Annotations/CLS-LOC/val", "ILSVRC/Annotations/CLS-LOC/val", "ILSVRC2012_bbox_val_v3/val",
    "ILSVRC2012_bbox_val_v3", "bbox_val", "bbox/val", "bbox", "Annotations/val", "Annotations",
    "annotations", "Annotation", "val",
)  # fmt: skip
SUFFIXES = (".jpeg", ".jpg", ".png")


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
    root = _existing(root)
    if (root / "boxes.csv").is_file():
        return _found(*_from_tables(root), f"images/ with the pictures of boxes.csv in {root}")
    pictures = _folder_with(root, PICTURE_FOLDERS, SUFFIXES)
    boxes = _folder_with(root, BOX_FOLDERS, (".xml",))
    if pictures is None or boxes is None:
        raise DataError(
            f"{root} has no {'pictures' if pictures is None else 'boxes'} of ImageNet's validation "
            f"set. Expected there: val/ with the pictures and bbox_val/ with the XML files of "
            f"ILSVRC2012_bbox_val_v3; or Data/CLS-LOC/val/ and Annotations/CLS-LOC/val/; or "
            f"images/, boxes.csv and labels.csv."
        )
    return _found(*_from_annotations(root, pictures, boxes), f"pictures in {pictures}")


def _from_tables(root: Path):
    names = _class_names(root / "labels.csv")
    boxes, labels, problems = {}, {}, {}
    for row in _table(root / "boxes.csv", "file", "label", "x0", "y0", "x1", "y1"):
        name = row["file"]
        try:
            boxes.setdefault(name, []).append([float(row[s]) for s in ("x0", "y0", "x1", "y1")])
            label = labels.setdefault(name, int(row["label"]))
        except (TypeError, ValueError):
            problems[name] = "a line of boxes.csv is not complete"
            continue
        if not 0 <= label < len(names) or label != int(row["label"]):
            problems[name] = "its label in boxes.csv is unknown, or another one in each line"
    here = {p.name: p for p in _files(root / "images", SUFFIXES)}
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
    names = {row["label"]: row["name"] for row in _table(file, "label", "name")}
    if names.keys() != {str(label) for label in range(len(names))}:
        raise DataError(f"{file} must hold one line for each label, and labels count from 0")
    return [names[str(label)] for label in range(len(names))]


def _from_annotations(root: Path, pictures: Path, annotations: Path):
    xml = {p.stem: p for p in _files(annotations, (".xml",))}
    files = _files(pictures, SUFFIXES)
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


# ---------------------------------------------------------------- birds, cats and dogs


def cub(root: str | Path, split: Literal["test", "train"] = "test") -> Photographs:
    """CUB-200-2011, 200 kinds of birds with one box each; `root` is CUB_200_2011/ or holds it.

    Boxes are x, y, width, height of bounding_boxes.txt. Masks come from segmentations/ (a download
    of its own, beside CUB_200_2011/ or in it), where it is there: a pixel is bird if most of those
    who drew outlines said so (values above 127). Raises DataError.
    """
    root = _existing(root)
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
    return _found(entries, names, problems, expected, _outline)


def _outline(file: Path) -> tuple[Tensor, None]:
    return torch.from_numpy(_pixels(file, "L") > 127), None


def pets(
    root: str | Path, split: Literal["test", "trainval"] = "test", download: bool = False
) -> Photographs:
    """Oxford-IIIT Pet: 37 breeds of cats and dogs with trimaps; `root` holds oxford-iiit-pet/.

    torchvision reads it and, with `download`, fetches it (800 MB). Of the trimap, 1 is the pet: its
    mask, and the box around it. 2 is background. 3 is the border between them: it is in `ignore`
    and belongs to neither. Raises DataError.
    """
    from torchvision.datasets import OxfordIIITPet

    root = Path(root).expanduser()
    root = root.parent if root.name == "oxford-iiit-pet" else root
    if not download:
        _existing(root)
    try:
        data = OxfordIIITPet(root, split, "segmentation", download=download)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(
            f"Oxford-IIIT Pet was not found ({error}). Expected in {root / 'oxford-iiit-pet'}: "
            f"images/ and annotations/ with {split}.txt and trimaps/. pets(root, download=True) "
            f"fetches them (800 MB)."
        ) from None
    entries, problems = [], {}
    for file, mask, label in zip(data._images, data._segs, data._labels, strict=True):
        if missing := [p for p in (file, mask) if not p.is_file()]:
            problems[file.stem] = f"no such file: {', '.join(map(str, missing))}"
        else:
            entries.append(Entry(file.stem, file, label, None, None, mask))
    expected = f"pictures and trimaps in {root / 'oxford-iiit-pet'}"
    return _found(entries, data.classes, problems, expected, _trimap)


def _trimap(file: Path) -> tuple[Tensor, Tensor]:
    values = torch.from_numpy(_pixels(file, "L"))
    return values == 1, values == 3


# ---------------------------------------------------------------- folders, tables, words


def _existing(root: str | Path) -> Path:
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Give the folder that holds the data.")
    return root


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files with one of the suffixes in the folder and its folders, in order of their names."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes)


def _folder_with(root: Path, folders: Sequence[str], suffixes: Sequence[str]) -> Path | None:
    """The first of the folders that holds such a file, directly or one level below."""
    for folder in folders:
        files = (p for depth in ("*", "*/*") for p in (root / folder).glob(depth))
        if any(p.suffix.lower() in suffixes for p in files):
            return root / folder
    return None


def _table(file: Path, *columns: str) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        missing = [c for c in columns if c not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{file} has no column {', '.join(missing)}; the first line names them")
        return list(rows)


def _lists(root: Path, *names: str) -> list[dict[str, list[str]]]:
    """CUB's text files: each line a number, then one or more values -> {number: values}."""
    if missing := [name for name in (*names, "images") if not (root / name).exists()]:
        raise DataError(
            f"{root} is not CUB-200-2011: {', '.join(missing)} missing. Expected there: images/, "
            f"{', '.join(names)}, as CUB_200_2011.tgz holds them."
        )
    lines = ([x.split() for x in (root / n).read_text("utf8").splitlines()] for n in names)
    return [{line[0]: line[1:] for line in some if line} for some in lines]


def _found(entries, class_names, problems, expected: str, read_mask=None) -> Photographs:
    """The data set, with one sentence about what was left out; DataError if nothing is left."""
    if not entries:
        raise DataError(
            f"Not one usable picture. Expected: {expected}. {skipped(problems)}".strip()
        )
    if problems:
        print(skipped(problems))
    return Photographs(tuple(entries), tuple(class_names), problems, read_mask)


def skipped(problems: Mapping[str, str], most: int = 5) -> str:
    """How many pictures are left out, and which: one sentence, `most` of them by name."""
    if not problems:
        return ""
    named = [f"{name}: {why}" for name, why in list(problems.items())[:most]]
    more = [f"and {len(problems) - most} more"] * (len(problems) > most)
    return f"Left out: {len(problems)} ({'; '.join(named + more)})."
