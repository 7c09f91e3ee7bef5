"""One live figure as HTML: its still picture, its data, its script and style. No dependencies."""

import base64
import functools
import hashlib
import html
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.colors import Colormap
from PIL import Image
from torch import Tensor

from utils import cam
from utils.preparation import resized

HERE = Path(__file__).parent
FINE, COARSE = 32767, 4095  # steps from 0 to the largest value
MANY = 30_000  # numbers, of which each costs: M_c of 1280 coarse channels errs by 1e-3
PAGE = """<div class="cam-live" data-kind="{kind}" data-version="{version}">
<style>{style}</style>
<div class="cl-still"><img src="{still}" alt="{alt}" width="{width}"></div>
<script type="application/json">{data}</script>
<script>(() => {{
{core}
{module}
const live = ((globalThis.camLive ??= {{}})["{version}"] ??= makeLive("{version}"));
live.kinds["{kind}"] ??= {kind}(live);
live.start();
}})();</script>
</div>"""


def show(kind: str, data: Mapping[str, Any], still: Image.Image, words: str) -> None:
    """Put a live figure below its cell; `words` are the still picture's alternative text."""
    display(
        {"text/html": page(kind, data, still, words), "text/plain": words},
        raw=True,
    )


def page(kind: str, data: Mapping[str, Any], still: Image.Image, words: str) -> str:
    """The figure's HTML. `kind` names a script of this folder; `data` is what JSON can hold."""
    return PAGE.format(
        kind=kind,
        version=version(),
        style=_style(kind),
        still=jpeg(still, quality=72),
        alt=html.escape(words),
        width=still.width,
        data=_json({**data, "kind": kind}),
        core=_text("live.js"),
        module=_text(f"{kind}.js"),
    )


@functools.cache
def version() -> str:
    """Changes with every script and style: old outputs and new ones never share definitions."""
    files = sorted([*HERE.glob("*.js"), *HERE.glob("*.css")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


@functools.cache
def _text(name: str) -> str:
    return (HERE / name).read_text("utf8").strip()


def _style(kind: str) -> str:
    """The style of all figures, and what a kind adds."""
    own = HERE / f"{kind}.css"
    return _text("live.css") + ("\n" + _text(own.name) if own.exists() else "")


def _json(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the script it stands in: no name holds a "<" any more."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def packed(t: Tensor, levels: int = 0) -> dict[str, Any]:
    """Numbers as whole multiples of a step, int16, deflated, base64; `unpack` in live.js reads it.

    The step is the largest size over `levels`; left out, 32767, or 4095 for many numbers.
    """
    values = t.detach().cpu().double().numpy()
    levels = levels or (FINE if values.size < MANY else COARSE)
    step = float(np.abs(values).max()) / levels or 1.0
    whole = np.rint(values / step).astype("<i2")
    return {"step": step, "data": base64.b64encode(zlib.compress(whole.tobytes(), 9)).decode()}


def placed(cells: cam.Cells | None, shape: Sequence[int]) -> dict[str, Any]:
    """Where the cells look, as live.js wants it; where that is not known, each in its own block."""
    H, W = shape
    of = cells or cam.Cells((0.5 / H, 0.5 / W), (1 / H, 1 / W), (H, W))
    return of._asdict()


def colours(scale: str | Colormap) -> str:
    """Every fifth of the 256 colours of a scale, six hexadecimal digits each."""
    rgb = plt.get_cmap(scale)(np.arange(0, 256, 5) / 255)[:, :3]
    return (rgb * 255).round().astype(np.uint8).tobytes().hex()


def as_image(picture: Tensor) -> Image.Image:
    """(3, h, w) uint8 as a picture of PIL."""
    return Image.fromarray(picture.cpu().permute(1, 2, 0).contiguous().numpy())


def within(picture: Tensor, side: int) -> Tensor:
    """A picture (3, h, w) uint8 so that its longer side has `side` pixels."""
    size = picture.shape[1:]
    return resized(picture, [max(1, round(s * side / max(size))) for s in size])


def jpeg(image: Image.Image, quality: int) -> str:
    """A picture as the address of itself."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "jpeg", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
