"""Photographs: whatever picture a learner has, as one kind of tensor.

`load` reads a file, a web address, bytes, an upload, a PIL image or an array; `sample` takes one
of scikit-image's pictures, without internet; `prepare` makes the input of a network trained on
ImageNet. Whatever is wrong with a picture, there is one `PhotoError` that says what to do.
Notebook 10 uses them on your own photographs. Drawing is the work of `plots`.
"""

import difflib
import http.client
import io
import os
import re
import socket
import string
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from utils.preparation import preparation

BYTES = (bytes, bytearray, memoryview)
Source = str | os.PathLike | bytes | Image.Image | np.ndarray | Tensor | dict | tuple | list

# Formats that announce themselves in their first bytes. Pillow knows more, but some of those
# accept any bytes at all (TGA) or start another program (EPS). HEIF needs the pillow-heif package.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "PPM", "ICO", "JPEG2000")
HINTS = {  # what the first bytes of a file that is not a picture look like -> what to do
    rb"\xff\xd8|\x89PNG|GIF8|RIFF....WEBP": "It begins like one, but is damaged or cut off: copy "
    "or download it again.",
    rb".{0,500}?<(!doctype html|html)": "It is a web page: right-click the picture on that page, "
    "copy the image's own address (often ending in .jpg or .png) and load that.",
    rb".{0,500}?<svg": "It is an SVG drawing: export it as PNG first.",
    rb"%PDF": "It is a PDF document: save the page as PNG first.",
    rb"....ftyp(hei|hev|mif|msf|avi)": "It is a HEIC or AVIF photograph, as many phones make them: "
    "export it as JPEG first.",
    rb"....ftyp": "It is a film: save one frame of it as JPEG or PNG first.",
}
USER_AGENT = "Mozilla/5.0 (compatible; class-activation-mapping-course)"
SILENCE, WHOLE = 15, 60  # seconds: the longest wait for a server's next bytes, and for all of them
MAX_MEGABYTES = 50  # of a download
SIDE = 289  # pixels of the input, unless another side is asked for
STRIDE = 32  # pixels of the input for one cell of the last map, in torchvision's networks
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in torchvision's presets


class PhotoError(ValueError):
    """A picture that cannot be used. The text says what is wrong and what to do."""


def load(source: Source, max_side: int = 1600) -> Tensor:
    """Any picture -> (3, H, W) uint8 RGB, upright, at most `max_side` pixels on its longer side.

    source: a path (`~` is your home folder), an http(s) address, the bytes of a file, a PIL image,
        the value of an ipywidgets FileUpload (or what Colab's `files.upload()` returns), or an
        array or tensor: (H, W), (H, W, 1 / 3 / 4) or channels first; bool, uint8, uint16 or float
        in [0, 1]. Where both orders fit, a tensor is channels first and an array channels last.
    Transparent pixels become white, 16 bits are scaled to 8, of an animation the first frame is
    taken. Any size from 1×1 is loaded; `prepare` enlarges what is too small for a network.
    Raises PhotoError.
    """
    if max_side < 1:
        raise PhotoError(f"max_side is {max_side}, but a photograph needs at least 1 pixel a side.")
    if isinstance(source, (np.ndarray, Tensor)):
        source = _from_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, "The PIL image", max_side)
    file, name = _open(source)
    with file:
        return _decode(file, name, max_side)


def sample(name: str) -> Tensor:
    """A picture that scikit-image brings along, by name -> (3, H, W) uint8 RGB, without internet.

    Good photographs: astronaut, camera, chelsea (a cat), coffee, hubble_deep_field,
    motorcycle_left, rocket. Raises PhotoError with the names that work.
    """
    import skimage  # here, since no other function needs it

    folder = Path(skimage.__file__).parent / "data"
    files = {f.stem: f for f in sorted(folder.iterdir()) if f.suffix in (".png", ".jpg")}
    if name not in files:
        raise PhotoError(
            f"There is no sample picture {_quote(name)}.{_near(str(name), files)} "
            f"These work without internet: {', '.join(files)}."
        )
    return load(files[name])


def prepare(photo: Tensor | list[Tensor], side: int | None = None) -> Tensor:
    """(3, H, W) uint8 -> (1, 3, side, side) float32, the input of a network trained on ImageNet.

    Several photographs, in a list or as (N, 3, H, W), give a batch of N; the side is 289 unless
    another is given.

    The whole photograph is squashed to a square (bilinear, antialiased), nothing is cropped, and
    normalised as torchvision's presets do: so the map covers the whole photograph, and plain
    resizing lays it over. A network that ends in GAP takes any side. At stride 32, 224 pixels, the
    side of training, give a map of 7 x 7 cells; 289 pixels give one of 10 x 10, which shows more.
    Raises PhotoError for anything but one photograph as `load` returns it.
    """
    side = SIDE if side is None else side
    if isinstance(photo, (list, tuple)) or (isinstance(photo, Tensor) and photo.ndim == 4):
        if not len(photo):
            raise PhotoError("There is no photograph to prepare.")
        return torch.cat([prepare(one, side) for one in photo])
    tensor = isinstance(photo, Tensor)
    if not (tensor and photo.dtype == torch.uint8 and photo.ndim == 3 and len(photo) == 3):
        what = f"{_shape(photo)} {photo.dtype}" if tensor else f"a {type(photo).__name__}"
        raise PhotoError(
            "prepare takes one photograph as load returns it, a (3, H, W) uint8 tensor, "
            f"not {what}. Call prepare(load(...))."
        )
    if side < STRIDE:
        raise PhotoError(f"side is {side}, but the networks need at least {STRIDE} pixels.")
    if 0 in photo.shape:
        raise PhotoError("The photograph has no pixels: load it again.")
    return preparation(MEAN, STD)(photo, side)


# From a source to an open file


def _open(source: Source) -> tuple[BinaryIO, str]:
    """The bytes of a picture as an open file, and what to call it in a message."""
    if isinstance(source, str) and "://" in source:
        return io.BytesIO(_download(source.strip())), _quote(source)
    if isinstance(source, (str, os.PathLike)):
        return _open_path(source), _quote(source)
    if isinstance(source, BYTES):
        return io.BytesIO(source), "The data"
    if isinstance(source, (dict, tuple, list)):
        return _open_upload(source)
    raise PhotoError(
        f"load cannot read a {type(source).__name__}. Give it a path, an http(s) address, bytes, "
        "a PIL image, an array, a tensor or the value of an upload button."
    )


def _open_path(source: str | os.PathLike) -> BinaryIO:
    path = os.path.abspath(os.path.expanduser(source))
    if os.path.isfile(path):
        try:
            return open(path, "rb")
        except OSError as error:
            raise PhotoError(
                f"{_quote(path)} cannot be opened ({error.strerror}). Close other programs that "
                "use it, check its permissions, or copy it elsewhere."
            ) from None
    if os.path.exists(path):
        what = "a folder" if os.path.isdir(path) else "no ordinary file"
        raise PhotoError(f"{_quote(path)} is {what}. Give the path of one picture.")
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise PhotoError(
            f"There is no folder {_quote(folder)} to look for {_quote(name)} in. Check the path."
        )
    try:
        near = _near(name, os.listdir(folder))
    except OSError:  # a folder one may not look into
        near = ""
    raise PhotoError(
        f"There is no file {_quote(name)} in the folder {_quote(folder)}."
        f"{near or ' Check the name, or give the whole path.'}"
    )


def _open_upload(value: dict | tuple | list) -> tuple[BinaryIO, str]:
    """ipywidgets 8 gives ({'name', 'content', ...}, ...), 7 gives {name: {'content', ...}, ...},
    Colab {name: bytes, ...}. One file taken out of these will do, too."""
    if isinstance(value, dict) and not isinstance(value.get("content"), (dict, type(None))):
        value = (value,)
    files = list(value.items() if isinstance(value, dict) else enumerate(value))
    if not files:
        raise PhotoError("Nothing is uploaded yet. Choose a photograph, then run this cell again.")
    if len(files) > 1:
        raise PhotoError(
            f"load reads one picture, and these are {len(files)}. "
            f"Choose one, as in value[{files[0][0]!r}]."
        )
    name, file = files[0]
    content = file.get("content") if isinstance(file, dict) else file
    if not isinstance(content, BYTES):
        raise PhotoError(
            f"This {type(value).__name__} holds no uploaded file. Give load the value of an upload "
            "button, or a NumPy array for plain numbers."
        )
    if not isinstance(value, dict):
        name = file.get("name") if isinstance(file, dict) else None
    return io.BytesIO(content), _quote(name) if name else "The upload"


def _download(url: str) -> bytes:
    if not url.lower().startswith(("http://", "https://")):
        raise PhotoError(f"{_quote(url)} cannot be read: use an http:// or https:// address.")
    data, start = bytearray(), time.monotonic()
    try:
        address = urllib.parse.quote(url, safe=string.punctuation)  # spaces, umlauts
        request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT})
        with urllib.request.urlopen(request, timeout=SILENCE) as reply:
            while len(data) <= MAX_MEGABYTES * 1e6 and (part := reply.read1(1 << 16)):
                data += part
                if time.monotonic() - start > WHOLE:
                    raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PhotoError(
            f"{_quote(url)} could not be downloaded: {_reason(error)}. You can also save the "
            "picture with a browser and load the file."
        ) from None
    if len(data) > MAX_MEGABYTES * 1e6:
        raise PhotoError(f"{_quote(url)} is over {MAX_MEGABYTES} MB. Look for a smaller version.")
    return bytes(data)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"the server answered {error.code} {error.reason}, so check the address"
    cause = getattr(error, "reason", error)  # a URLError wraps the real one
    if isinstance(cause, TimeoutError):
        return "the server took too long, so try again later"
    if isinstance(cause, socket.gaierror):
        return "its server was not found, so check the internet connection and the address"
    if isinstance(error, OSError):
        return f"the connection failed ({cause}), so check the internet connection and the address"
    return "the address is malformed, or the server's answer is, so check the address"


# From a file or an array to pixels


def _decode(source: BinaryIO | Image.Image, name: str, max_side: int) -> Tensor:
    """Decode, turn upright, make RGB, shrink: everything that Pillow may stumble over."""
    head = b""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's warnings, none is the learner's business
            if isinstance(source, Image.Image):
                image = source
            else:
                head = source.read(1024)
                if not head:
                    raise PhotoError(f"{name} is empty (0 bytes). Copy or download it again.")
                image = Image.open(source, formats=_formats())
                image.draft(None, (2 * max_side, 2 * max_side))  # JPEG: decode at 1/2, 1/4 or 1/8
            image.load()
            image = _rgb(_upright(image), name)
            image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    except PhotoError:
        raise
    except (Image.DecompressionBombError, MemoryError):
        raise PhotoError(f"{name} has too many pixels: shrink it before you load it.") from None
    except UnidentifiedImageError:
        hints = (text for start, text in HINTS.items() if re.match(start, head, re.I | re.S))
        hint = next(hints, "Export it as JPEG or PNG, or choose another file.")
        raise PhotoError(f"{name} is not a picture that can be read here. {hint}") from None
    except Exception:
        raise PhotoError(
            f"{name} is broken or cut off: only part of it can be read. Copy or download it again, "
            "or save it anew as JPEG or PNG."
        ) from None


def _formats() -> list[str]:
    """Those of FORMATS that the installed Pillow reads; it fails at the name of any other."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the note on the camera's position is broken, the photograph is not
        return image


def _rgb(image: Image.Image, name: str) -> Image.Image:
    """A new RGB image, of 8 bits, transparency laid on white."""
    if not image.width * image.height:
        raise PhotoError(f"{name} has no pixels ({image.width}×{image.height}). Choose another.")
    if image.mode in ("I", "F") or image.mode.startswith("I;"):  # 16 or 32 bits; Pillow would clip
        pixels = np.asarray(image)
        if image.mode == "I" and pixels.min() >= 0 and pixels.max() < 2**16:
            pixels = pixels.astype(np.uint16)  # older Pillows keep 16 bits in 32
        image = Image.fromarray(_eight_bits(pixels, name))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")


def _from_array(array: np.ndarray | Tensor) -> Image.Image:
    name = f"The {'tensor' if isinstance(array, Tensor) else 'array'}"
    if isinstance(array, Tensor):
        pixels = (array.float() if array.is_floating_point() else array).detach().cpu().numpy()
    else:
        pixels = array
    first, last = (pixels.ndim == 3 and pixels.shape[i] in (1, 3, 4) for i in (0, 2))
    if first and not (last and isinstance(array, np.ndarray)):
        pixels = np.moveaxis(pixels, 0, 2)
    elif not last and pixels.ndim != 2:
        several = " Choose one of the pictures, as in photos[0]." if pixels.ndim == 4 else ""
        raise PhotoError(
            f"{name} is {_shape(array)}, but a picture is H×W, H×W×3, H×W×4 or 3×H×W.{several}"
        )
    if not pixels.size:
        raise PhotoError(f"{name} has no pixels: it is {_shape(array)}. Choose another.")
    pixels = _eight_bits(pixels, name)
    grey = pixels.ndim == 3 and pixels.shape[2] == 1
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))


def _eight_bits(pixels: np.ndarray, name: str) -> np.ndarray:
    """bool, uint8, uint16 or float in [0, 1] -> uint8, black to black and white to white."""
    kind = pixels.dtype.kind
    if kind == "b":
        return pixels * np.uint8(255)
    if kind == "u" and pixels.dtype.itemsize == 1:
        return pixels
    if kind == "u" and pixels.dtype.itemsize == 2:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 / 257 = 255
    if kind != "f":
        raise PhotoError(
            f"{name} holds numbers of type {pixels.dtype}, so their range is unknown. Make it "
            "uint8 (0 to 255), as in array.astype('uint8'), or float (0 to 1)."
        )
    if not np.isfinite(pixels).all():
        raise PhotoError(f"{name} holds NaN or infinity. Replace them: np.nan_to_num(array).")
    low, high = pixels.min(), pixels.max()
    if low < -1e-3 or high > 1 + 1e-3:  # resizing may overshoot by a rounding error
        raise PhotoError(
            f"{name} holds floats from {low:.3g} to {high:.3g}, but they must lie between 0 and 1. "
            "Divide 0 to 255 by 255, or undo the normalisation."
        )
    return np.round(pixels.clip(0, 1) * 255).astype(np.uint8)


# Words for messages


def _quote(text: object) -> str:
    text = str(text)
    return f'"{text}"' if len(text) <= 200 else f'"{text[:100]} ... {text[-50:]}"'


def _shape(array: np.ndarray | Tensor) -> str:
    return "×".join(str(n) for n in array.shape) or "a single number"


def _near(name: str, names) -> str:
    lower = {n.lower(): n for n in names}
    near = difflib.get_close_matches(name.lower(), lower, n=3)
    return f" Did you mean {' or '.join(_quote(lower[n]) for n in near)}?" if near else ""
