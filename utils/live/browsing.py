"""The channel browser: where a channel fires most, whom it speaks for, what it agrees with."""

import torch
from PIL import Image
from torch import Tensor

from utils import cam, channels, plots
from utils.live import page
from utils.networks import CamNetwork, passes
from utils.pictures import Pictures

SIDE = 80  # pixels of a picture's longer side in the sheet
EACH = 4  # pictures shown for a channel
MOST = 100  # pictures looked at
REGION = 0.02  # the share of all cells that is called the strongest region
LEVELS = 100  # steps from 0 to the largest value: the maps are looked at, not read
COLUMNS = 10


def browser(net: CamNetwork, pictures: Pictures, name: str = "") -> None:
    """Page through the channels in the order of their weights for a class.

    Each shows the four of these `pictures` in which it fires most, its strongest region outlined in
    them (the 2 % of all cells with the largest values, `channels.thresholds`), its weight for every
    class, and the three parts whose pixels fit the region best (IoU over all pictures). `name` is
    the class to begin with, or the first. Up to 100 pictures, of which the page holds those shown.
    Raises TypeError or ValueError for other input. Notebook 09.
    """
    if not isinstance(net, CamNetwork):
        raise TypeError(f"the browser takes a network of models.load, not {type(net).__name__}")
    if not isinstance(pictures, Pictures) or not EACH <= len(pictures) <= MOST:
        raise ValueError(
            f"the browser takes {EACH} to {MOST} pictures with parts, such as "
            f"sketchbook.objects(60, seed=8)"
        )
    names = list(net.class_names)
    c = net.index(name) if name else 0
    f = torch.cat([p.f for _, p in passes(net, pictures.images)])
    w = net.forward_pass(net.prepare(pictures.images[:1])).w
    cells = net.cells(net.prepare(pictures.images[:1]))
    T = channels.thresholds(f, REGION)
    best = f.flatten(2).amax(2).topk(EACH, 0).indices.T.contiguous()  # (K, 4), pictures
    shown = best.unique()
    data = {
        "names": names,
        "c": c,
        "w": page.packed(w),
        "K": w.shape[1],
        "f": page.packed(torch.stack([f[best[k], k] for k in range(len(best))]), LEVELS),
        "T": T.tolist(),
        "best": torch.searchsorted(shown, best).tolist(),
        "labels": [names_of(pictures, int(i)) for i in shown],
        "parts": _parts(pictures, f, T, cells),
        "cells": page.placed(cells, f.shape[2:]),
        "tile": tuple(page.within(pictures.images[0], SIDE).shape[1:]),
        "columns": COLUMNS,
        "sheet": page.jpeg(_sheet(pictures.images[shown]), quality=66),
        "colours": page.colours(plots.HEAT),
    }
    first = int(w[c].argmax())
    tiles = _sheet(pictures.images[best[first]], columns=EACH)
    things = ", ".join(names_of(pictures, int(i)) for i in best[first])
    words = (
        f"The four pictures in which channel {first} fires most, which has the largest weight for "
        f"{names[c]}, {w[c, first]:.2f}: {things}."
    )
    page.show("browser", data, tiles, words)


def names_of(pictures: Pictures, i: int) -> str:
    """What is in a picture."""
    return pictures.class_names[int(pictures.labels[i])]


def _parts(pictures: Pictures, f: Tensor, T: Tensor, cells: cam.Cells | None) -> list:
    """For each channel the three parts that fit its region best: [[name, IoU], ...]."""
    masks = channels.part_masks(pictures.parts, range(1, len(pictures.part_names)))
    iou = channels.overlap(f, T, masks, cells=cells).iou  # (K, P)
    found = iou.topk(3, 1)
    return [
        [[pictures.part_names[p + 1], round(v, 4)] for p, v in zip(ps, values, strict=True)]
        for ps, values in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    ]


def _sheet(images: Tensor, columns: int = COLUMNS) -> Image.Image:
    """Small pictures side by side, in rows: (N, 3, h, w) uint8."""
    tiles = [page.as_image(page.within(image, SIDE)) for image in images]
    w, h = tiles[0].size
    sheet = Image.new("RGB", (w * min(columns, len(tiles)), h * -(-len(tiles) // columns)))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * w, i // columns * h))
    return sheet
