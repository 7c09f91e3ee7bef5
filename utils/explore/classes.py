"""The map of any class over a picture, with a class menu and two sliders.

Where controls cannot live (GitHub, a printed page, no ipywidgets), a still picture stands in.
They run on ipywidgets 7.7 (Colab) and 8: nothing newer is used. Notebook 00 shows the first one.
"""

import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from IPython.display import display
from PIL import Image
from torch import Tensor

from utils import cam, plots
from utils.live.look import OPACITY, THRESHOLD, chosen, looked, with_box
from utils.networks import CamNetwork
from utils.preparation import resized

SIDE = 480  # pixels of the longer side on the screen


def explorer(net: CamNetwork, picture: Tensor, also: str | Sequence[str] = ()) -> None:
    """The map of any likely class over a picture, with a class menu and two sliders.

    `net` comes from `models.load` or `models.pretrained`; `picture` is (3, h, w) uint8; `also`
    names one class or several, first in the menu, before the likeliest ones. The network runs once
    and gives every M_c; a control only draws anew. The box follows the paper (section 3.2), in
    pixels of `picture`. Raises TypeError or ValueError for other input, and says what to do.
    Notebook 00.
    """
    p, cells = looked(net, picture)
    best, names = chosen(net, p.S[0], also)
    M = cam.class_maps(p.f, p.w, classes=best)[0]
    S, P = p.S[0, best], 100 * p.S[0].softmax(0)[best]
    labels = [
        f"{name}: P_c {percent:.1f} %, S_c {score:.2f}"
        for name, percent, score in zip(names, P, S, strict=True)
    ]
    size = picture.shape[1:]
    shown = resized(picture, [max(1, side * SIDE // max(size)) for side in size])

    def draw(row: int, alpha: float, threshold: float) -> tuple[Image.Image, str]:
        big = cam.upsample(M[None, [row]], size, cells)[0, 0]
        over = plots.overlay(shown, M[row], alpha, cells)
        image = Image.fromarray((over * 255).astype(np.uint8))
        return with_box(image, big, threshold, names[row])

    image, words = draw(0, OPACITY, THRESHOLD)
    about = {"alt": f"Heat map over its picture. {words}", "width": image.width}
    bundle: dict[str, Any] = {"image/png": _encoded(image, "png"), "text/plain": words}
    try:
        view = {"version_major": 2, "version_minor": 0, "model_id": _panel(labels, draw).model_id}
        bundle["application/vnd.jupyter.widget-view+json"] = view
    except ImportError:
        bundle["text/plain"] += " (The menu and the sliders need ipywidgets.)"
    display(bundle, raw=True, metadata={"image/png": about})


def _panel(labels: list[str], draw: Callable[[int, float, float], tuple[Image.Image, str]]):
    """Picture, words and three controls as one widget. Raises ImportError without ipywidgets."""
    import ipywidgets as widgets

    wide = {"layout": widgets.Layout(width="400px"), "style": {"description_width": "90px"}}
    menu = widgets.Select(options=list(zip(labels, range(len(labels)), strict=True)), **wide)
    menu.rows, menu.description = min(len(labels), 14), "Class"
    wide |= {"step": 0.05, "readout_format": ".2f"}
    opacity = widgets.FloatSlider(OPACITY, min=0, max=1, description="Map opacity", **wide)
    threshold = widgets.FloatSlider(THRESHOLD, min=0, max=0.95, description="Threshold", **wide)
    image, words = widgets.Image(format="jpeg"), widgets.HTML()

    def redraw(_=None) -> None:
        drawn, text = draw(menu.value, opacity.value, threshold.value)
        image.value = _encoded(drawn, "jpeg", quality=92, subsampling=0)
        words.value = f'<span role="status">{html.escape(text)}</span>'

    redraw()
    tips = {
        menu: "The classes asked for, then the likeliest: P_c is the probability, S_c the score",
        opacity: "0 shows the picture alone, 1 the map alone",
        threshold: "A fraction of the map's maximum; the box holds the largest piece above it",
    }
    for control, tip in tips.items():  # ipywidgets 7 calls a tooltip `description_tooltip`
        name = "tooltip" if control.has_trait("tooltip") else "description_tooltip"
        setattr(control, name, tip)
        control.observe(redraw, "value")
    row = widgets.HBox([image, widgets.VBox([menu, opacity, threshold])])
    row.layout.flex_flow = "row wrap"  # a narrow window puts the controls below the picture
    return widgets.VBox([row, words])


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
