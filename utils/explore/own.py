"""A picture and a network of your own choice: menus, an upload, an address, a webcam.

    chosen = explore.own_picture({"cat": photos.sample("chelsea")})
    chosen.value  # (3, h, w) uint8: the cat, or what was uploaded since

What is chosen lies in `value`, for the cells behind to read. Where controls cannot live (GitHub, no
ipywidgets) one sentence stands in, and `chosen.take(source)` does the same by hand. Runs on
ipywidgets 7.7 (Colab) and 8, whose uploads differ: `photos.load` reads both. Notebook 11.
"""

import base64
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from utils import models, photos
from utils.explore import panels
from utils.preparation import resized

PREVIEW = 240  # pixels of the longer side


class Chosen:
    """What is chosen now: its `value`, and `words` about it."""

    def __init__(self, value: Any, words: str) -> None:
        self.value, self.words = value, words
        self.changed: Callable[[], None] = lambda: None  # the controls', which show it

    def put(self, value: Any, words: str) -> None:
        """Choose this, and show that it is chosen."""
        self.value, self.words = value, words
        self.changed()

    def take(self, source: photos.Source | None, name: str = "Your picture") -> None:
        """Choose a picture from any source that `photos.load` reads; None is none, and is let be.

        What cannot be read is said in one sentence, and the picture before it stays.
        """
        if source is None:
            return
        try:
            picture = photos.load(source)
        except photos.PhotoError as problem:
            return self.put(self.value, f"{problem} The picture before it stays.")
        self.put(picture, _about(name, picture))


def own_picture(samples: Mapping[str, Tensor]) -> Chosen:
    """Controls that choose a picture: one of `samples`, an upload, the camera, an address, a path.

    The first of `samples` ((3, h, w) uint8 by name) is chosen until another is. Raises ValueError
    where there are none.
    """
    if not samples:
        raise ValueError("give one picture at least, as in {'cat': photos.sample('chelsea')}")
    name = next(iter(samples))
    chosen = Chosen(samples[name], _about(name, samples[name]))
    panels.shown({"text/plain": chosen.words}, lambda: _picture_panel(chosen, samples), "controls")
    return chosen


def network(names: Sequence[str] = models.IMAGENET) -> Chosen:
    """A menu of networks trained on ImageNet; the value is the name, for `models.pretrained`.

    The first one whose weights are in the cache is chosen until another is; of every other one the
    menu says what it would download. Nothing is downloaded here. Raises ValueError for a name that
    torchvision does not have.
    """
    offers = {name: models.offered(name) for name in names}
    first = next((o for o in offers.values() if o.here), offers[names[0]])
    chosen = Chosen(first.name, first.words)
    panels.shown({"text/plain": chosen.words}, lambda: _network_panel(chosen, offers), "controls")
    return chosen


def webcam() -> bytes | None:
    """One picture of the camera, as the bytes of a JPEG, on Colab, where a cell can wait for it.

    The browser asks for your leave first. Elsewhere, or when leave is refused, one sentence says
    what to do instead, and the answer is None. (JupyterLab has a button in `own_picture`.)
    """
    if "google.colab" not in sys.modules:
        print(f"A cell can wait for the camera on Colab only: press Use the camera, or {INSTEAD}")
        return None
    from google.colab import output  # type: ignore[import-not-found]

    try:
        return _jpeg(output.eval_js(CAMERA))
    except Exception:  # whatever browser and host make of a refusal
        print(NO_PICTURE)
        return None


def _jpeg(address: str) -> bytes:
    """The bytes of a "data:image/jpeg;base64,..."."""
    return base64.b64decode(address.partition(",")[2])


INSTEAD = "take the picture with your camera's own program, or on a telephone, and upload it."
NO_PICTURE = f"The browser gave no picture of the camera: {INSTEAD}"


CAMERA = """(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: true});
  const box = document.createElement("div"), film = document.createElement("video");
  const press = document.createElement("button");
  press.textContent = "Take the picture";
  film.setAttribute("aria-label", "What the camera sees");
  film.style = "display: block; max-width: 320px";
  film.srcObject = stream;
  box.append(film, press);
  document.body.append(box);
  try {
    await film.play();
    await new Promise(taken => { press.onclick = taken; press.focus(); });
    const still = document.createElement("canvas");
    still.width = film.videoWidth;
    still.height = film.videoHeight;
    still.getContext("2d").drawImage(film, 0, 0);
    return still.toDataURL("image/jpeg", 0.9);
  } finally {
    stream.getTracks().forEach(track => track.stop());
    box.remove();
  }
})()"""
# In a panel: what the camera gives goes into a hidden field, of which the kernel hears.
IN_A_PANEL = """<script>CAMERA.catch(refused => "none").then(address => {
  const field = document.querySelector(".NAME textarea");
  field.value = address;
  for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, {bubbles: true}));
})</script>""".replace("CAMERA", CAMERA.replace("document.body", 'document.querySelector(".NAME")'))


# ---------------------------------------------------------------- how they are shown


def _about(name: str, picture: Tensor) -> str:
    return f"{name}: {picture.shape[2]} × {picture.shape[1]} pixels."


def _picture_panel(chosen: Chosen, samples: Mapping[str, Tensor]):
    """Menu, upload, address, and what is chosen. Raises ImportError without ipywidgets."""
    import ipywidgets as widgets

    wide = {"layout": widgets.Layout(width="400px"), "style": {"description_width": "90px"}}
    menu = widgets.Dropdown(options=list(samples), description="Picture", **wide)
    upload = widgets.FileUpload(accept="image/*", multiple=False, description="Upload a picture")
    upload.layout.width = "auto"
    if upload.has_trait("tooltip"):  # ipywidgets 8, which would say "null"
        upload.tooltip = "Choose a file with a picture"
    address = widgets.Text(description="Address", placeholder="https://… or a path", **wide)
    fetch = widgets.Button(description="Load the address", layout=widgets.Layout(width="auto"))
    image, words = widgets.HTML(), widgets.HTML()

    def seen() -> None:
        image.value = panels.pictured(_preview(chosen.value), f"Chosen is {chosen.words}")
        words.value = panels.said(chosen.words)
        menu.value = next((name for name, p in samples.items() if p is chosen.value), None)

    def sample(change: Any) -> None:
        if name := change["new"]:  # none is after an upload, so that any can be chosen again
            chosen.put(samples[name], _about(name, samples[name]))

    def uploaded(change: Any) -> None:
        if change["new"]:  # it is emptied, too
            chosen.take(change["new"], "Your upload")

    menu.observe(sample, "value")
    upload.observe(uploaded, "value")
    fetch.on_click(lambda _: chosen.take(address.value, "The address"))
    chosen.changed = seen
    seen()
    controls = [menu, upload, _camera(chosen), address, fetch, words]
    return widgets.HBox([widgets.VBox(controls), image])


def _camera(chosen: Chosen):
    """A button that asks for the camera, and where that happens; on Colab nothing: `webcam` asks.

    Browsers give the camera to pages of this computer, or by https. Raises ImportError.
    """
    import ipywidgets as widgets
    from IPython.display import HTML, display

    if "google.colab" in sys.modules:
        return widgets.VBox()
    button = widgets.Button(description="Use the camera", layout=widgets.Layout(width="auto"))
    script, field = widgets.Output(), widgets.Textarea(layout=widgets.Layout(display="none"))
    place = widgets.VBox([button, field, script])
    place.add_class(name := f"cam-camera-{place.model_id}")  # a page may have several

    def ask(_: Any) -> None:
        button.disabled = True  # until a picture or a refusal comes
        script.clear_output()
        with script:
            display(HTML(IN_A_PANEL.replace("NAME", name)))

    def came(change: Any) -> None:
        button.disabled = False
        if change["new"] == "none":
            chosen.put(chosen.value, f"{NO_PICTURE} The picture before it stays.")
        elif change["new"]:
            chosen.take(_jpeg(change["new"]), "Your camera")
        field.value = ""  # for the next one

    button.on_click(ask)
    field.observe(came, "value")
    return place


def _network_panel(chosen: Chosen, offers: Mapping[str, models.Offer]):
    """A menu, and a sentence on what is chosen. Raises ImportError without ipywidgets."""
    import ipywidgets as widgets

    labels = [
        (f"{o.name}: {'here' if o.here else f'would download {o.megabytes} MB'}", o.name)
        for o in offers.values()
    ]
    wide = {"layout": widgets.Layout(width="400px"), "style": {"description_width": "90px"}}
    menu = widgets.Dropdown(options=labels, value=chosen.value, description="Network", **wide)
    words = widgets.HTML()

    def seen() -> None:
        words.value = panels.said(chosen.words)

    menu.observe(lambda change: chosen.put(change["new"], offers[change["new"]].words), "value")
    chosen.changed = seen
    seen()
    return widgets.VBox([menu, words])


def _preview(picture: Tensor) -> Image.Image:
    size = [max(1, side * PREVIEW // max(picture.shape[1:])) for side in picture.shape[1:]]
    return Image.fromarray(resized(picture, size).permute(1, 2, 0).numpy())
