"""Figures: the overlay's colours, boxes around the right pixels, and alternative text."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from utils import plots

PICTURE = torch.randint(0, 256, (3, 40, 60), dtype=torch.uint8)


def test_overlay_keeps_the_picture_at_0_and_the_map_at_1():
    M = torch.rand(5, 6)
    assert np.allclose(plots.overlay(PICTURE, M, 0), plots.as_array(PICTURE))
    alone = plots.overlay(PICTURE, M, 1)
    assert np.allclose(alone, plots.overlay(255 - PICTURE, M, 1))
    assert alone.shape == (40, 60, 3)


def test_overlay_is_brightest_where_the_map_is():
    M = torch.zeros(4, 6)
    M[1, 4] = 3.0
    grey = plots.overlay(torch.full((3, 40, 60), 128, dtype=torch.uint8), M).mean(-1)
    y, x = np.unravel_index(grey.argmax(), grey.shape)
    assert (x // 10, y // 10) == (4, 1)


def test_negative_evidence_counts_as_none():
    M = torch.tensor([[-5.0, 1.0], [0.0, 2.0]])
    assert np.allclose(
        plots.overlay(PICTURE, M), plots.overlay(PICTURE, M * 8)
    )  # 8: exact in floating point
    assert np.allclose(plots.overlay(PICTURE, -torch.ones(2, 2)), plots.overlay(PICTURE, M * 0))


def test_the_heat_colours_can_be_read_in_grey():
    colours = plt.get_cmap(plots.HEAT)(np.linspace(0, 1, 64))[:, :3]
    assert (np.diff(colours @ [0.299, 0.587, 0.114]) > 0).all()


def test_box_frames_the_pixels_it_holds():
    _, ax = plt.subplots()
    plots.box(ax, (2, 3, 6, 9))
    frame = ax.patches[-1]
    assert frame.get_xy() == (1.5, 2.5) and (frame.get_width(), frame.get_height()) == (4, 6)
    plt.close()


def test_show_hands_the_text_along(monkeypatch):
    shown = {}
    monkeypatch.setattr(plots, "display", lambda data, **rest: shown.update(data=data, **rest))
    fig, (ax,) = plots.row(1)
    plots.panel(ax, PICTURE)
    plots.show(fig, "Coloured noise.")
    (mime,) = shown["metadata"]
    assert (
        mime in ("image/png", "image/jpeg") and shown["metadata"][mime]["alt"] == "Coloured noise."
    )
    assert shown["data"]["text/plain"] == "Coloured noise." and len(shown["data"][mime]) > 1000
    with pytest.raises(ValueError, match="describe the figure"):
        plots.show(plt.figure(), " ")
    plt.close("all")


def test_table_is_markdown(monkeypatch):
    shown = {}
    monkeypatch.setattr(plots, "display", lambda data, **rest: shown.update(data))
    plots.table([("GAP", 66.14), ("GMP", 5)], ("network", "found"))
    assert shown["text/markdown"].splitlines() == [
        "| network | found |",
        "|:--|--:|",
        "| GAP | 66.1 |",
        "| GMP | 5 |",
    ]
