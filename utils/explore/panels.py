"""What the panels share: pictures with their words, a line that is read out, keys of their own."""

import base64
import html
import io
from collections.abc import Callable
from typing import Any

from IPython.display import display
from PIL import Image

NAME = "cam-panel"  # of a panel on the page
LETTERS = "cam-letters"  # of one whose buttons are pressed by their first letters, too
# JupyterLab hears the keys of a widget: B would insert a cell, and an arrow leave the menu for the
# next cell. It lets alone what bears a mark, which ipywidgets cannot set.
KEYS = """<script>(() => {
  if (window.camPanels) return;
  window.camPanels = true;
  document.addEventListener("focusin", (e) => {
    if (e.target.closest?.(".PANEL")) e.target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
  document.addEventListener("keydown", (e) => {
    const box = e.target.closest?.(".LETTERS");
    if (!box || e.ctrlKey || e.metaKey || e.altKey) return;
    const meant = (b) => b.textContent.trim()[0].toLowerCase() === e.key.toLowerCase();
    const b = [...box.querySelectorAll("button")].find(meant);
    if (b) { e.preventDefault(); e.stopPropagation(); b.click(); }
  });
})()</script>""".replace("PANEL", NAME).replace("LETTERS", LETTERS)


def shown(
    bundle: dict[str, Any], panel: Callable[[], Any], what: str, about: dict[str, Any] | None = None
) -> None:
    """Display the panel, and `bundle` for where it cannot live.

    `panel` makes a widget, or raises ImportError without ipywidgets; then `what` needs them, says
    the text. `about` describes the picture of the bundle.
    """
    try:
        bundle |= view(panel())
    except ImportError:
        bundle["text/plain"] += f" (The {what} need ipywidgets.)"
    if "image/png" not in bundle:
        bundle["text/html"] = f"<p>{html.escape(bundle['text/plain'])}</p>"
    display(bundle, raw=True, metadata={"image/png": about} if about else {})


def view(panel: Any) -> dict[str, Any]:
    """What a bundle needs to show the panel, whose keys are its own from then on."""
    model = {"version_major": 2, "version_minor": 0, "model_id": with_keys(panel).model_id}
    return {"application/vnd.jupyter.widget-view+json": model}


def with_keys(panel: Any):
    """The panel with its script, in a widget: an output of its own would be stored."""
    import ipywidgets as widgets

    script = {"output_type": "display_data", "data": {"text/html": KEYS}, "metadata": {}}
    made = widgets.VBox([panel, widgets.Output(outputs=(script,))])
    made.add_class(NAME)
    return made


def said(words: str) -> str:
    """A line that is read out when it changes, as HTML."""
    return f'<span role="status">{html.escape(words)}</span>'


def pictured(image: Image.Image, words: str) -> str:
    """A picture, and in words what it shows, as HTML: ipywidgets have no alternative text."""
    address = base64.b64encode(png(image)).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{address}">'


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()
