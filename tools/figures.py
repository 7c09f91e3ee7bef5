"""Draw the pictures in images/ for the README and for slides, and write its tables: `make figures`.

Everything is drawn by the course's own code from its own world, so the pictures are the same on
every machine and need no internet. The drawn network is the real one, with its real maps.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, FancyArrowPatch

import sketchbook
from tools import tables
from utils import models, plots

IMAGES = Path(__file__).parents[1] / "images"
SEED, DIAGRAM = 3, 8  # the pictures, and the one for the diagram


def opening() -> Figure:
    """Four drawn pictures, each with the maps of its two things: the same pass, two questions."""
    net = models.load("objects-gap")
    pictures = sketchbook.pairs(12, seed=SEED)
    _, M = net(net.prepare(pictures.images), own=pictures.labels)
    chosen = [8, 1, 5, 6]
    fig, axes = plt.subplots(3, len(chosen), figsize=(2.5 * len(chosen), 7.9))
    for column, i in zip(axes.T, chosen, strict=True):
        plots.panel(column[0], pictures.images[i])
        for ax, c, m in zip(column[1:], pictures.labels[i], M[i], strict=True):
            plots.panel(
                ax, plots.overlay(pictures.images[i], m), f"Where is the {net.class_names[c]}?"
            )
    return fig


def diagram() -> Figure:
    """The network with GAP, and its class map below: figure 2 of the paper, with computed maps."""
    net = models.load("objects-gap")
    pictures = sketchbook.pairs(12, seed=SEED)
    picture = pictures.images[DIAGRAM]
    p = net.forward_pass(net.prepare(picture))
    f, w = p.f[0], p.w
    c = int(p.S[0].argmax())
    paid = (w[c] * f.mean((1, 2))).argsort(descending=True).tolist()
    shown = [paid[0], paid[2], paid[-1]]  # two channels for the class, one against it
    M = torch.einsum("khw,k->hw", f, w[c])

    fig = plt.figure(figsize=(11, 5.4), constrained_layout=False)
    canvas = fig.add_axes((0, 0, 1, 1))
    canvas.set(xlim=(0, 11), ylim=(0, 5.4))
    canvas.axis("off")

    def tile(x, y, side, image, **options):
        ax = fig.add_axes((x / 11, y / 5.4, side / 11, side / 5.4))
        ax.imshow(image, **options)
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(visible=True, color=plots.INK, linewidth=0.8)
        return ax

    def arrow(start, end, colour=plots.INK, **options):
        style = {"arrowstyle": "-|>", "mutation_scale": 13, "linewidth": 1.3, "color": colour}
        canvas.add_patch(FancyArrowPatch(start, end, **(style | options)))

    def words(x, y, text, **options):
        canvas.text(x, y, text, **({"ha": "center", "va": "center", "fontsize": 11} | options))

    # above: picture -> convolutions -> maps -> GAP -> score
    tile(0.3, 3.2, 1.7, plots.as_array(picture))
    words(1.15, 2.98, "picture")
    arrow((2.05, 4.05), (2.35, 4.05))
    for i, height in enumerate((1.7, 1.35, 1.0, 0.8)):
        x = 2.45 + 0.36 * i
        canvas.add_patch(
            plt.Rectangle(
                (x, 4.05 - height / 2), 0.24, height, color=plots.BLUE, alpha=0.35 + 0.15 * i
            )
        )
    words(3.1, 2.98, "convolutions")
    arrow((3.9, 4.05), (4.25, 4.05))
    colours = (plots.BLUE, plots.GREEN, plots.ROSE)
    heights = (4.45, 3.55, 2.65)
    for n, (k, y, colour) in enumerate(zip(shown, heights, colours, strict=True), 1):
        ax = tile(4.35, y - 0.02, 0.8, f[k], cmap=plots.HEAT)
        for spine in ax.spines.values():
            spine.set(color=colour, linewidth=2.2)
        arrow((5.2, y + 0.38), (6.25, y + 0.38), colour)
        words(5.7, y + 0.53, "GAP", fontsize=9, color=plots.GREY)
        canvas.add_patch(plt.Circle((6.45, y + 0.38), 0.17, color=colour))
        words(6.45, y + 0.68, f"$F_{n}$", fontsize=11)
        canvas.add_patch(
            ConnectionPatch((6.63, y + 0.38), (8.25, 3.93), "data", color=colour, linewidth=1.6)
        )
        weight = f"$w_{n}$ = {w[c, k]:+.2f}".replace("-", "\N{MINUS SIGN}")
        words(*((7.95, 4.62), (7.3, 4.1), (8.0, 3.05))[n - 1], weight, color=colour)
    words(4.75, 2.42, "maps $f_k$ of the last convolution", fontsize=10)
    canvas.add_patch(
        plt.Circle((8.45, 3.93), 0.22, facecolor="white", edgecolor=plots.INK, linewidth=1.6)
    )
    words(8.45, 3.93, "$S_c$", fontsize=10)
    words(8.85, 3.93, f"“{net.class_names[c]}”", ha="left", fontsize=13)
    words(8.85, 3.6, "$S_c = \\sum_k w_k^c F_k$", ha="left", fontsize=11)

    # below: the same weights on the maps themselves
    x = 0.55
    for n, (k, colour) in enumerate(zip(shown, colours, strict=True), 1):
        words(x, 1.1, ("" if n == 1 else "+  ") + f"$w_{n}$ ×", fontsize=13, color=colour)
        tile(x + 0.45, 0.55, 1.1, f[k], cmap=plots.HEAT)
        x += 2.15
    words(x + 0.05, 1.1, "+ … =", fontsize=13)
    tile(x + 0.6, 0.4, 1.4, plots.overlay(picture, M))
    words(x + 1.3, 0.2, "class activation map $M_c$", fontsize=11)
    words(x + 2.15, 1.1, "$M_c = \\sum_k w_k^c f_k$", ha="left", fontsize=11)
    return fig


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for draw in (opening, diagram):
        path = IMAGES / f"{draw.__name__}.png"
        draw().savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
        print(path.relative_to(IMAGES.parent))


if __name__ == "__main__":
    plt.switch_backend("agg")
    main()
    tables.main()
