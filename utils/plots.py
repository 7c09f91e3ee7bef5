"""Every figure of the course: one style, the heat map over the picture, captions, alternative text.

Nothing is computed here: maps, scores and boxes come in ready. Colours are chosen to be told apart
in grey and by colour-blind readers: heat maps brighten with their value ("inferno"), signed maps
are orange for and blue against, boxes are told apart by line style as well as by colour. Figures
lie on a card of their own, which is as easy to read on a light page as on a dark one.
"""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from utils import cam, preparation, valid

CARD, RULE = "#d6dbe1", "#bcc4cc"  # the ground of every figure, and faint lines on it
INK, GREY, BLUE, ORANGE, GREEN, ROSE = (
    "#1c2833",
    "#6f7b87",
    "#1f5a8a",
    "#c4690f",
    "#2b7a57",
    "#a3355f",
)
CYCLE = [BLUE, ORANGE, GREEN, ROSE, GREY, INK]
HEAT = "inferno"
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#1f4e79", "#7fb0d6", "#f7f5f0", "#efb072", "#a8500f"]
)

STYLE: dict[str, Any] = {
    "figure.dpi": 100, "savefig.dpi": 120,
    "figure.facecolor": CARD, "savefig.facecolor": CARD, "axes.facecolor": CARD,
    "font.size": 11, "axes.titlesize": 11, "axes.labelsize": 11, "legend.fontsize": 10,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GREY, "axes.titlecolor": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=CYCLE), "axes.grid": False, "grid.color": RULE,
    "lines.linewidth": 2, "legend.frameon": False, "image.interpolation": "nearest",
    "figure.constrained_layout.use": True,
}  # fmt: skip
plt.style.use(STYLE)
PANEL = 1.6  # inches of the smallest panel in which details can be seen


# ---------------------------------------------------------------- pictures and heat maps


def overlay(
    picture: Tensor, M: Tensor, alpha: float = 0.6, cells: cam.Cells | None = None
) -> np.ndarray:
    """A heat map laid over its picture: (3, h, w) uint8, (H, W) -> (h, w, 3) floats in 0..1.

    The map is enlarged bilinearly, scaled by its maximum and coloured; negative evidence counts as
    none. `cells`, from `net.cells(x)`, lays each value where its cell looks. `alpha` 0 shows the
    picture alone, 1 the map alone; between them the map hides least where it has least to say. The
    picture turns paler and greyer below it, so that colour always means the map. Raises ValueError
    for other shapes, and for NaN and infinity: a network that diverged has no map to draw.
    """
    picture = valid.tensor(picture, "one picture", "3 h w")
    M = valid.finite(M, "the map", "H W").detach().cpu().float()
    heat = cam.normalize(cam.upsample(M[None, None], picture.shape[-2:], cells))[0, 0].numpy()
    rgb = as_array(picture)
    grey = rgb @ np.array(preparation.GREY)
    pale = rgb + alpha * (0.85 * grey[..., None] + 0.15 - rgb)
    colours = plt.get_cmap(HEAT)(heat)[..., :3]
    here = alpha ** (2.5 - 1.5 * heat[..., None])  # steeper, and white paper would dim below a map
    return np.clip((1 - here) * pale + here * colours, 0, 1).view(Overlay)


class Overlay(np.ndarray):
    """A picture with its map over it; `panel` sees by its type that it needs a colour bar."""


def as_array(picture: Tensor) -> np.ndarray:
    """A picture as matplotlib wants it: (3, h, w) uint8 -> (h, w, 3) floats in 0..1."""
    return picture.cpu().permute(1, 2, 0).numpy() / 255


def row(
    n: int, size: float = 2.6, n_rows: int = 1, like: Tensor | None = None
) -> tuple[Figure, np.ndarray]:
    """A figure with `n_rows` x `n` empty panels, `size` inches wide; the axes as a flat array.

    Panels are square, or shaped like `like`, a picture (3, h, w): then a colour bar is as high as
    what is drawn beside it. No panel is smaller than `PANEL`, whatever `size` says.
    """
    size = max(size, PANEL)
    high = size if like is None else max(PANEL, size * like.shape[-2] / like.shape[-1])
    fig, axes = plt.subplots(n_rows, n, figsize=(n * size, n_rows * (high + 0.25)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    return fig, axes.ravel()


def panel(ax: Axes, picture: Tensor | np.ndarray, title: str = "") -> None:
    """One picture, (3, h, w) uint8, an overlay or anything that imshow takes, with its title."""
    array = as_array(picture) if isinstance(picture, Tensor) and picture.ndim == 3 else picture
    ax.imshow(array, gid=HEAT if isinstance(picture, Overlay) else None)
    ax.set_title(title)
    ax.axis("off")


def heat_panel(
    ax: Axes,
    M: Tensor,
    title: str = "",
    signed: bool = False,
    limit: float | None = None,
    like: Tensor | None = None,
):
    """One map (H, W) as coloured cells; `signed` shows both signs around 0, up to +-`limit`.

    `like`, the picture the map belongs to, gives the panel the picture's shape and pixels. Raises
    ValueError for NaN and infinity, which would be drawn as darkness.
    """
    M = valid.finite(M, "the map", "H W").detach().cpu()
    top = limit or M.abs().max().item() or 1.0
    colours = {"cmap": SIGNED, "vmin": -top} if signed else {"cmap": HEAT, "vmin": 0}
    extent = None if like is None else (-0.5, like.shape[-1] - 0.5, like.shape[-2] - 0.5, -0.5)
    image = ax.imshow(
        M.numpy(), vmax=top, extent=extent, gid=SIGNED.name if signed else HEAT, **colours
    )
    ax.set_title(title)
    ax.axis("off")
    return image


def box(
    ax: Axes,
    xyxy: Sequence[float] | Tensor,
    colour: str = ORANGE,
    style: str = "-",
    label: str = "",
):
    """A box (x0, y0, x1, y1) in pixels, half-open, drawn around the pixels it holds."""
    x0, y0, x1, y1 = (float(v) for v in xyxy)
    for width, ink in ((4.5, "white"), (2.5, colour)):  # a white rim keeps it readable anywhere
        edge = Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, linewidth=width)
        edge.set(
            edgecolor=ink, linestyle=style if ink == colour else "-", label=label * (ink == colour)
        )
        ax.add_patch(edge)


def grid(
    pictures: Sequence[Tensor], titles: Sequence[str] = (), columns: int = 6, size: float = 1.7
):
    """Many pictures in rows of `columns`; returns the figure and the axes of the pictures."""
    n_rows = -(-len(pictures) // columns)
    fig, axes = row(min(columns, len(pictures)), size, n_rows)
    for ax, picture, title in zip(
        axes, pictures, list(titles) + [""] * len(pictures), strict=False
    ):
        panel(ax, picture, title)
    return fig, axes[: len(pictures)]


def bars(
    ax: Axes, names: Sequence[str], values: Sequence[float] | Tensor, label: str, decimals: int = 2
):
    """Horizontal bars, the first on top, each with its value written at its end.

    Where some are negative, the colours are those of signed maps: orange for, blue against.
    """
    values = [float(v) for v in values]
    signed = min(values) < 0
    colours = [ORANGE if signed and v >= 0 else BLUE for v in values]
    drawn = ax.barh(range(len(values)), values, color=colours)
    ax.bar_label(
        drawn, [f"{v:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for v in values], padding=3
    )
    ax.set_yticks(range(len(values)), names)
    ax.invert_yaxis()
    ax.margins(x=0.18)
    ax.set_xlabel(label)


# ---------------------------------------------------------------- into the notebook


def show(fig: Figure, alt: str, caption: str = "") -> None:
    """Put the figure below its cell, with `alt`: what a reader who cannot see it has to know.

    The caption stands below the figure, as text, and is `alt` where none is given. Heat maps that
    have no colour bar get one for all of them. Drawings are stored as PNG, photographs as JPEG,
    whichever is smaller. Raises ValueError when `alt` is missing.
    """
    if not alt.strip():
        raise ValueError("describe the figure in one sentence: show(fig, alt='...')")
    png, jpeg = io.BytesIO(), io.BytesIO()
    colour_bars(fig)
    same = {"Software": None}  # no version of matplotlib, so equal figures are equal bytes
    fig.savefig(png, format="png", bbox_inches="tight", pad_inches=0.15, metadata=same)
    plt.close(fig)
    from PIL import Image

    picture = Image.open(png).convert("RGB")
    picture.save(jpeg, format="JPEG", quality=88)
    kind, data = min((("png", png), ("jpeg", jpeg)), key=lambda pair: len(pair[1].getvalue()))
    mime = f"image/{kind}"
    size = {"width": round(picture.width / 1.2), "alt": alt}
    display({mime: data.getvalue(), "text/plain": alt}, raw=True, metadata={mime: size})
    words = (caption or alt).strip()
    display({"text/markdown": f"*{words}*", "text/plain": words}, raw=True)


def colour_bars(fig: Figure) -> None:
    """One slim colour bar for all heat maps and overlays of a figure, one for all signed maps.

    Each map is scaled by its own maximum, and so are the bars, unless one scale fits all of them.
    Maps of a kind that has a colour bar in this figure already get no other.
    """
    images = [image for ax in fig.axes for image in ax.images]
    kinds = {cmap: [i for i in images if i.get_gid() == cmap] for cmap in (HEAT, SIGNED.name)}
    barred = [[image.colorbar is not None for image in maps] for maps in kinds.values()]
    wide = any(any(of_kind) and not all(of_kind) for of_kind in barred)  # a bar for several panels
    for cmap, low, what in ((HEAT, 0, "maximum"), (SIGNED.name, -1, "largest value")):
        maps = kinds[cmap]
        if not maps or any(image.colorbar for image in maps):
            continue
        whose = "its" if len(maps) == 1 else "each map's"
        scale, label = plt.cm.ScalarMappable(plt.Normalize(low, 1)), f"share of {whose} {what}"
        scale.set_cmap(plt.get_cmap(HEAT) if cmap == HEAT else SIGNED)
        if cmap != HEAT and len({image.norm.vmax for image in maps}) == 1:
            scale, label = maps[0], "evidence"
        own = [image.axes for image in maps]
        every = [ax for ax in fig.axes if ax.get_subplotspec()]
        beside = every if wide or _between(own, every) else own
        fig.set_figwidth(fig.get_figwidth() + 0.6)
        bar = fig.colorbar(scale, ax=beside, label=label, aspect=40, pad=0.02, fraction=0.05)
        bar.outline.set_visible(False)
        bar.ax.locator_params(nbins=3)


def _between(own: Sequence[Axes], every: Sequence[Axes]) -> bool:
    """Whether a bar beside these panels would stand between pictures: others are further right."""

    def last(axes: Sequence[Axes]) -> int:
        specs = [ax.get_subplotspec() for ax in axes]
        return max((spec.colspan.stop for spec in specs if spec), default=0)

    return last([ax for ax in every if ax.images]) > last(own)


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> None:
    """A small table as Markdown: numbers to the right, text to the left, short cells unbroken."""
    cells = [[_unbroken(f"{c:.1f}" if isinstance(c, float) else str(c)) for c in r] for r in rows]
    right = [all(isinstance(r[i], (int, float)) for r in rows) for i in range(len(header))]
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join("--:" if r else ":--" for r in right) + "|",
    ]
    lines += ["| " + " | ".join(r) + " |" for r in cells]
    display({"text/markdown": "\n".join(lines), "text/plain": "\n".join(lines)}, raw=True)


def _unbroken(cell: str) -> str:
    """A short cell, such as "-14.5 to 17.9", in one line, whatever the width of the table."""
    plain = len(cell) <= 16 and not any(mark in cell for mark in "$`*[")
    return cell.replace(" ", "\N{NO-BREAK SPACE}") if plain else cell
