"""Figures: the overlay's and the card's colours, colour bars, boxes, captions, alternative text."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from utils import plots, preparation

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


@pytest.mark.parametrize("paper", [0, 60, 128, 200, 255])
def test_overlay_brightens_with_the_map_on_any_ground(paper):
    ramp = torch.linspace(0, 1, 60)[None]
    over = plots.overlay(torch.full((3, 4, 60), paper, dtype=torch.uint8), ramp)
    grey = np.asarray(over)[0] @ preparation.GREY
    assert (np.maximum.accumulate(grey) - grey).max() < 0.01


def test_overlay_leaves_the_picture_to_be_read():
    """Black on white keeps more than half of its contrast where the map says nothing."""
    black_and_white = torch.zeros(3, 4, 8, dtype=torch.uint8)
    black_and_white[..., 4:] = 255
    over = plots.overlay(black_and_white, torch.zeros(2, 2)) @ preparation.GREY
    assert over[0, -1] - over[0, 0] > 0.5


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


@pytest.fixture
def shown(monkeypatch):
    """What `show` hands to the notebook, one dict a display."""
    calls: list[dict] = []
    monkeypatch.setattr(plots, "display", lambda data, **rest: calls.append({**rest, "data": data}))
    yield calls
    plt.close("all")


def test_show_hands_the_text_along(shown):
    fig, (ax,) = plots.row(1)
    plots.panel(ax, PICTURE)
    plots.show(fig, "Coloured noise.")
    figure, caption = shown
    (mime,) = figure["metadata"]
    assert mime in ("image/png", "image/jpeg")
    assert figure["metadata"][mime]["alt"] == figure["data"]["text/plain"] == "Coloured noise."
    assert len(figure["data"][mime]) > 1000
    assert caption["data"]["text/markdown"] == "*Coloured noise.*"
    with pytest.raises(ValueError, match="describe the figure"):
        plots.show(plt.figure(), " ")


def test_a_caption_may_say_other_than_the_alternative_text(shown):
    fig, _ = plots.row(1)
    plots.show(fig, "An empty panel.", "Nothing is seen.")
    assert shown[0]["data"]["text/plain"] == "An empty panel."
    assert shown[1]["data"]["text/markdown"] == "*Nothing is seen.*"


M = torch.tensor([[0.0, 1.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("draw", "label", "limits"),
    [
        (lambda a, b: plots.panel(a, plots.overlay(PICTURE, M)), "share of its maximum", (0, 1)),
        (lambda a, b: plots.heat_panel(a, M), "share of its maximum", (0, 1)),
        (
            lambda a, b: [plots.heat_panel(a, M), plots.panel(b, plots.overlay(PICTURE, M))],
            "share of each map's maximum",
            (0, 1),
        ),
        (lambda a, b: plots.heat_panel(a, M, signed=True), "evidence", (-4, 4)),
        (
            lambda a, b: [plots.heat_panel(ax, m, signed=True) for ax, m in ((a, M), (b, 2 * M))],
            "share of each map's largest value",
            (-1, 1),
        ),
    ],
)
def test_maps_get_one_colour_bar(draw, label, limits):
    fig, axes = plots.row(2)
    draw(*axes)
    plots.colour_bars(fig)
    (bar,) = fig.axes[2:]
    assert bar.get_ylabel() == label and bar.get_ylim() == limits
    plt.close(fig)


def test_no_colour_bar_without_a_map_nor_a_second_one():
    fig, axes = plots.row(2)
    plots.panel(axes[0], PICTURE)
    plots.colour_bars(fig)
    assert len(fig.axes) == 2
    fig.colorbar(plots.heat_panel(axes[1], M), ax=axes[1])
    plots.colour_bars(fig)
    assert len(fig.axes) == 3
    plt.close(fig)


@pytest.mark.parametrize("each", [True, False])
def test_colour_bars_stand_clear_of_each_other(shown, each):
    """Those that are there already, of single panels or of all, and the one that `show` adds."""
    fig, axes = plots.row(4)
    signed = [plots.heat_panel(axes[k], M, signed=True) for k in (0, 2)]
    for k in (1, 3):
        plots.panel(axes[k], plots.overlay(PICTURE, M))
    for image in signed if each else signed[:1]:
        fig.colorbar(image, ax=image.axes if each else list(axes))
    plots.show(fig, "Two signed maps, two overlays.")
    places = [ax.get_tightbbox().padded(-2) for ax in fig.axes]
    assert len(places) == 4 + each + 2
    for i, place in enumerate(places):
        assert not any(place.overlaps(other) for other in places[:i])


def test_a_colour_bar_stands_beside_the_figure_not_between_its_pictures():
    fig, axes = plots.row(3)
    plots.panel(axes[1], plots.overlay(PICTURE, M))
    plots.panel(axes[2], PICTURE)
    plots.colour_bars(fig)
    fig.canvas.draw()
    assert fig.axes[3].get_position().x0 > axes[2].get_position().x1
    plt.close(fig)


def test_a_colour_bar_is_as_high_as_a_wide_picture():
    wide = torch.zeros(3, 40, 64, dtype=torch.uint8)
    fig, axes = plots.row(2, like=wide)
    for ax in axes:
        plots.panel(ax, plots.overlay(wide, M), "its title")
    plots.colour_bars(fig)
    fig.canvas.draw()
    *drawn, bar = (ax.get_position().height for ax in fig.axes)
    assert drawn == pytest.approx([bar, bar], rel=0.05)
    plt.close(fig)


def test_no_panel_is_too_small_to_be_seen():
    fig, _ = plots.row(4, size=0.5)
    assert fig.get_figwidth() >= 4 * plots.PANEL
    plt.close(fig)


def contrast(a: str, b: str) -> float:
    """The ratio of two colours' luminance, 1 to 21, as WCAG 2.2 defines it."""
    linear = [np.array(matplotlib.colors.to_rgb(colour)) for colour in (a, b)]
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in linear]
    dark, light = sorted(c @ [0.2126, 0.7152, 0.0722] + 0.05 for c in linear)
    return light / dark


def test_a_figure_is_read_on_any_page_and_does_not_glare_on_a_dark_one():
    assert contrast(plots.INK, plots.CARD) > 7 and contrast("white", plots.CARD) > 1.3
    assert all(contrast(colour, plots.CARD) > 2.7 for colour in plots.CYCLE)


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


def test_a_short_cell_of_a_table_is_not_broken(monkeypatch):
    shown = {}
    monkeypatch.setattr(plots, "display", lambda data, **rest: shown.update(data))
    cells = ("-14.5 to 17.9", "mean of $f_k$", "three seeds with pictures of their own")
    plots.table([cells], ("95 %", "map", "over"))
    kept = "\N{NO-BREAK SPACE}".join(("-14.5", "to", "17.9"))
    assert shown["text/markdown"].splitlines()[-1] == f"| {' | '.join((kept, *cells[1:]))} |"
