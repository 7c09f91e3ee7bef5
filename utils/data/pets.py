"""Oxford-IIIT Pet, 37 breeds of cats and dogs."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from utils.data.files import DataError, Entry, Photographs, existing, pixels, usable


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
        existing(root)
    try:
        listed = OxfordIIITPet(root, split, "segmentation", download=download)
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        raise DataError(
            f"Oxford-IIIT Pet was not found ({error}). Expected in {root / 'oxford-iiit-pet'}: "
            f"images/ and annotations/ with {split}.txt and trimaps/. pets(root, download=True) "
            f"fetches them (800 MB)."
        ) from None
    if {*listed._labels} != {*range(len(listed.classes))}:
        file = root / "oxford-iiit-pet" / "annotations" / f"{split}.txt"
        raise DataError(f"{file} is damaged: its classes do not count from 1 up. Copy it again.")
    entries, problems = [], {}
    for file, mask, label in zip(listed._images, listed._segs, listed._labels, strict=True):
        if missing := [p for p in (file, mask) if not p.is_file()]:
            problems[file.stem] = f"no such file: {', '.join(map(str, missing))}"
        else:
            entries.append(Entry(file.stem, file, label, mask=mask))
    data = Photographs(tuple(entries), tuple(listed.classes), problems, _trimap)
    return usable(data, f"pictures and trimaps in {root / 'oxford-iiit-pet'}")


def _trimap(file: Path) -> tuple[Tensor, Tensor]:
    """The pet, and the border between it and the background: two of (h, w) bool."""
    values = torch.from_numpy(pixels(file, "L"))
    return values == 1, values == 3
