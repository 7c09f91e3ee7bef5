"""Photographs: whatever picture a learner has, as one kind of tensor.

`load` reads a file, a web address, bytes, an upload, a PIL image or an array; `sample` takes one
of scikit-image's pictures, without internet; `prepare` makes the input of a network trained on
ImageNet. Whatever is wrong with a picture, there is one `PhotoError` that says what to do. A
picture has a budget of megabytes, seconds and memory, for a small file may hold very many pixels.
Notebook 11 uses them on your own photographs. Drawing is the work of `plots`.
"""

import http.client
import io
import os
import re
import socket
import string
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, JpegImagePlugin, UnidentifiedImageError
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from utils import valid
from utils.preparation import preparation

BYTES = (bytes, bytearray, memoryview)
Source = (
    str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray | Tensor | dict | tuple | list
)

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
MEMORY = 220e6  # bytes that decoding may take; what comes after it takes less than 80e6 more
MAX_JPEG, MAX_PASSES, MAX_LENGTH = 500e6, 100, 100_000  # pixels; scans of a JPEG; pixels of a side
PLENTY, BAND = 4e6, 1e6  # pixels: more than PLENTY are shrunk band by band
SMALL_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
# Bytes for one pixel while Pillow decodes, where these are more than the pixel's own. Measured.
DECODERS = {"WEBP": 16, "AVIF": 9, "HEIF": 9, "JPEG2000": 20}
SIDE = 289  # pixels of the input, unless another side is asked for
ORIENTATION = 274  # the EXIF tag: how the camera was held
STRIDE = 32  # pixels of the input for one cell of the last map, in torchvision's networks
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in torchvision's presets


class PhotoError(ValueError):
    """A picture that cannot be used. The text says what is wrong and what to do."""


def load(source: Source, max_side: int = 1600) -> Tensor:
    """Any picture -> (3, H, W) uint8 RGB, upright, at most `max_side` pixels on its longer side.

    source: a path (`~` is your home folder, quotes around it do no harm), an http(s) or file
        address, the bytes of a file, a file open in binary mode, a PIL image, the value of an
        ipywidgets FileUpload (or what Colab's `files.upload()` returns), or an array or tensor:
        (H, W), (H, W, 1 / 3 / 4) or channels first; bool, uint8, uint16 or float in [0, 1]. Where
        both orders fit, a tensor is channels first and an array channels last. A list of one of
        these will do, too.
    Transparent pixels become white, 16 bits are scaled to 8 (a grey file that holds only 12 of them
    counts as 12 bits, an array does not), of an animation the first frame is taken. Any size from
    1×1 is loaded; `prepare` enlarges what is too small for a network. Pictures that would take more
    than 300 MB while they are decoded are refused by the size in their header; JPEGs of up to 500
    million pixels are decoded at a smaller scale. Raises PhotoError.
    """
    if max_side < 1:
        raise PhotoError(f"max_side is {max_side}, but a photograph needs at least 1 pixel a side.")
    if isinstance(source, (list, tuple)) and len(source) == 1 and _is_picture(source[0]):
        source = source[0]
    if isinstance(source, (np.ndarray, Tensor)):
        source = _from_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, "The PIL image", max_side)
    opened, name = _open(source)
    with opened as file:
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
            f"There is no sample picture {_quote(name)}.{valid.hint(str(name), files, _quote)} "
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


def _is_picture(source: object) -> bool:
    """Whether `load` reads it by itself, when it stands in a list: bytes may be an upload's."""
    kinds = (str, os.PathLike, Image.Image, np.ndarray, Tensor)
    return isinstance(source, kinds) or hasattr(source, "read")


def _open(source: Source) -> tuple[AbstractContextManager[BinaryIO], str]:
    """The bytes of a picture as an open file, and what to call it in a message."""
    if isinstance(source, str):
        source = _unquoted(source)
        if source.lower().startswith("file:"):
            return _open_path(_path_of(source)), _quote(source)
        if "://" in source:
            return io.BytesIO(_download(source)), _quote(source)
    if isinstance(source, (str, os.PathLike)):
        return _open_path(source), _quote(source)
    if isinstance(source, BYTES):
        return io.BytesIO(source), "The data"
    if isinstance(source, (dict, tuple, list)):
        return _open_upload(source)
    if hasattr(source, "read"):
        return _open_file(source)
    raise PhotoError(
        f"load cannot read a {type(source).__name__}. Give it a path, an http(s) address, bytes, "
        "an open file, a PIL image, an array, a tensor or the value of an upload button."
    )


def _unquoted(text: str) -> str:
    """Without the quotes that Windows puts around a copied path; a file of that name goes first."""
    bare = text.strip()
    if len(bare) > 2 and bare[0] == bare[-1] and bare[0] in "\"'" and not os.path.exists(text):
        return bare[1:-1].strip()
    return bare if "://" in text else text


def _path_of(address: str) -> str:
    """file:///home/me/my%20cat.jpg -> /home/me/my cat.jpg, and so for Windows."""
    parts = urllib.parse.urlsplit(address)
    host = f"//{parts.netloc}" if parts.netloc.lower() not in ("", "localhost") else ""
    return urllib.request.url2pathname(host + parts.path)


def _open_file(file: Any) -> tuple[AbstractContextManager[BinaryIO], str]:
    """A file that the caller opened, from its beginning; it stays open."""
    name = getattr(file, "name", None)
    name = _quote(name) if isinstance(name, (str, os.PathLike)) else "The open file"
    try:
        if isinstance(file.read(0), str):
            raise PhotoError(f'{name} is open as text: open it with open(path, "rb").')
        if not getattr(file, "seekable", bool)():  # such as the answer of a server
            return io.BytesIO(file.read(int(MAX_MEGABYTES * 1e6))), name
        file.seek(0)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(f"{name} cannot be read ({error}). Open it again, as binary.") from None
    return nullcontext(file), name


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
        near = valid.hint(name, os.listdir(folder), _quote)
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
    data, deadline = bytearray(), time.monotonic() + WHOLE
    try:
        address = urllib.parse.quote(url, safe=string.punctuation)  # spaces, umlauts
        request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT})
        opener = urllib.request.build_opener(_Web(deadline), _Redirects)
        with opener.open(request, timeout=SILENCE) as reply:
            while len(data) <= MAX_MEGABYTES * 1e6 and (part := reply.read1(1 << 16)):
                data += part
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PhotoError(
            f"{_quote(url)} could not be downloaded: {_reason(error)}. You can also save the "
            "picture with a browser and load the file."
        ) from None
    if len(data) > MAX_MEGABYTES * 1e6:
        raise PhotoError(f"{_quote(url)} is over {MAX_MEGABYTES} MB. Look for a smaller version.")
    return bytes(data)


class _Web(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """http and https, where headers and body together end at a deadline, of `time.monotonic`."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(self._connection, http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(self._connection, http.client.HTTPSConnection), request)

    def _connection(self, kind: type, host: str, timeout: float) -> http.client.HTTPConnection:
        connection = kind(host, timeout=min(timeout, _left(self.deadline)))
        connection.response_class = partial(_Reply, deadline=self.deadline)
        return connection


class _Reply(http.client.HTTPResponse):
    """An answer that waits for each of its bytes until the deadline only, however they drip."""

    def __init__(self, sock: socket.socket, *args, deadline: float, **options) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Watched(self.fp.detach(), sock, deadline))


class _Watched(io.RawIOBase):
    """What comes out of a socket; each wait is as long as the deadline leaves."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self.raw, self.sock, self.deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        self.sock.settimeout(min(SILENCE, _left(self.deadline)))
        return self.raw.readinto(buffer)

    def close(self) -> None:
        self.raw.close()
        super().close()


def _left(deadline: float) -> float:
    """The seconds until a deadline. Raises TimeoutError if there are none."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows where the web leads on to the web, never to ftp (urllib refuses all others)."""

    def redirect_request(self, request, file, code, message, headers, url):
        if not url.lower().startswith(("http://", "https://")):
            text = f"{message}, and leads on to {_quote(url)}, which is not followed"
            raise urllib.error.HTTPError(url, code, text, headers, file)
        return super().redirect_request(request, file, code, message, headers, url)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if "infinite loop" in str(error.reason):
            return "the server sends on in a circle, so check the address"
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
    """Decode, make RGB, turn upright, shrink: everything that Pillow may stumble over."""
    head = b""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's warnings, none is the learner's business
            if isinstance(source, Image.Image):
                image = source
                _check_budget(image.size, name, _memory(image))
            else:
                head = source.read(1024)
                if not head:
                    raise PhotoError(f"{name} is empty (0 bytes). Copy or download it again.")
                image = _opened(source, head, name, max_side)
            deep = ";16" in str(getattr(image, "tile", ""))  # as the file is, before it is decoded
            image.load()
            if deep:
                _check_depth(image, name)
            small = _upright(_small_rgb(image, name, max_side))
            small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()
    except PhotoError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        count = re.search(r"\d{7,}", str(error))
        size = f" ({int(count[0]) / 1e6:.0f} million)" if count else ""
        raise PhotoError(
            f"{name} has too many pixels{size}: shrink it before you load it."
        ) from None
    except UnidentifiedImageError:
        hints = (text for start, text in HINTS.items() if re.match(start, head, re.I | re.S))
        hint = next(hints, "Export it as JPEG or PNG, or choose another file.")
        raise PhotoError(f"{name} is not a picture that can be read here. {hint}") from None
    except Exception:
        raise PhotoError(
            f"{name} is broken or cut off: only part of it can be read. Copy or download it again, "
            "or save it anew as JPEG or PNG."
        ) from None


def _opened(file: BinaryIO, head: bytes, name: str, max_side: int) -> ImageFile.ImageFile:
    """A picture whose header is read and whose pixels are not, at the scale that is needed."""
    if head.startswith(b"\0\0\1\0"):
        _check_icon(file, name)  # Pillow decodes icons while it opens them
    try:
        image = Image.open(file, formats=_formats())
    except Image.DecompressionBombError:
        if not head.startswith(b"\xff\xd8"):
            raise
        file.seek(0)
        image = JpegImagePlugin.JpegImageFile(file)  # which may be decoded at a smaller scale
    size, need = image.size, _memory(image)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        passes = _jpeg_memory(image, file, name)
        image.draft(None, _draft_size(size, max_side))  # decode at 1/2, 1/4 or 1/8
        need = _memory(image) + passes
    elif isinstance(image, Jpeg2KImageFile):
        image.reduce = halvings = _halvings(head, need)
        need /= 4**halvings
    _check_budget(size, name, need)
    return image


def _halvings(head: bytes, need: float) -> int:
    """How often the sides of a JPEG 2000 are halved while it is decoded, to need less memory."""
    cod = head.find(b"\xff\x52")  # the coding style: its byte 9 says how many halvings are kept
    kept = max(head[cod + 9 : cod + 10], default=0) if cod >= 0 else 0
    return next((n for n in range(kept) if need / 4**n <= MEMORY), kept)


def _draft_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """What a JPEG is decoded to at least: twice the sides asked for, or what those come to."""
    if size[0] * size[1] <= PLENTY:
        return 2 * max_side, 2 * max_side
    width, height = (max(1, side * 2 * max_side // max(size)) for side in size)
    return width, height


def _formats() -> list[str]:
    """Those of FORMATS that the installed Pillow reads; it fails at the name of any other."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


# What decoding will cost


def _check_budget(size: tuple[int, int], name: str, need: float) -> None:
    """Refuse a picture by its header: `need` is in bytes. Raises PhotoError with its size."""
    if need > MEMORY or max(size) > MAX_LENGTH:
        raise PhotoError(
            f"{name} is {size[0]} × {size[1]}, too many pixels to decode here "
            f"(it would take {need / 1e6:.0f} MB of memory). Save it smaller, or as an ordinary "
            "(not progressive) JPEG, which is decoded at a smaller scale."
        )


def _memory(image: Image.Image) -> float:
    """The bytes that Pillow will take to decode a picture of which it has read the header."""
    tiles = getattr(image, "tile", None)
    if image.format != "WEBP" and not tiles:
        return 0  # decoded already, by the caller
    per_pixel = DECODERS.get(str(image.format), SMALL_MODES.get(image.mode, 4))
    if tiles and tiles[0][0] == "bmp_rle":
        per_pixel += 6  # two copies in Python, and slow
    need: float = image.width * image.height * per_pixel
    if isinstance(image, TiffImageFile) and tiles and tiles[0][0] == "libtiff":
        need += _strip_memory(image)
    return need


def _strip_memory(image: TiffImageFile) -> float:
    """The bytes of a TIFF's largest strip or tile, which libtiff decodes in one piece."""
    # 278 rows of a strip, 322 and 323 sides of a tile, 258 bits of each sample
    tags: Mapping[int, Any] = image.tag_v2
    strip = image.width * min(tags.get(278, image.height), image.height)
    bits = sum(tags.get(258, (8,)))
    return max(strip, tags.get(322, 0) * tags.get(323, 0)) * max(bits / 8, 1)


def _jpeg_memory(image: JpegImagePlugin.JpegImageFile, file: BinaryIO, name: str) -> float:
    """The bytes of all coefficients of a JPEG, which are kept where it comes in several passes.

    Two bytes for a sample: 3 samples a pixel, or 2 or 1.5 where colour is coarser. Raises
    PhotoError for more pixels or passes than there is time for.
    """
    if image.width * image.height > MAX_JPEG:
        millions = round(image.width * image.height / 1e6)
        raise PhotoError(
            f"{name} is {image.width} × {image.height}, too many pixels ({millions} million). "
            "Save it smaller."
        )
    if (passes := _count(file, b"\xff\xda")) > MAX_PASSES:
        raise PhotoError(f"{name} is a JPEG of {passes} passes, too slow to decode. Save it anew.")
    at_once = "progressive" not in image.info and _first_scan(file) == image.layers
    samples = {0: 3, 1: 2, 2: 1.5}.get(JpegImagePlugin.get_sampling(image), image.layers)
    return 0 if at_once else 2 * samples * image.width * image.height


def _count(file: BinaryIO, what: bytes) -> int:
    """How often two bytes stand in a file, read piece by piece; the file stays where it was."""
    place, found, last = file.tell(), 0, b""
    file.seek(0)
    while part := file.read(1 << 20):
        found += (last + part).count(what)
        last = part[-1:]
    file.seek(place)
    return found


def _first_scan(file: BinaryIO) -> int:
    """How many of its components a JPEG brings in its first scan; 0 if the header is odd."""
    place, components = file.tell(), 0
    file.seek(2)
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        if head[1] == 0xDA:
            components = file.read(1)[0]
            break
        file.seek(max(2, struct.unpack(">H", head[2:])[0]) - 2, os.SEEK_CUR)
    file.seek(place)
    return components


def _check_icon(file: BinaryIO, name: str) -> None:
    """Refuse an icon that holds a large picture: real ones have up to 256 × 256 pixels, or 1024."""
    file.seek(4)
    count = struct.unpack("<H", file.read(2))[0]
    offsets = [struct.unpack("<I", file.read(16)[12:])[0] for _ in range(count)]
    for offset in offsets:
        file.seek(offset)
        head = file.read(24)
        png = head.startswith(b"\x89PNG")
        width, height = struct.unpack(">II" if png else "<ii", head[16:24] if png else head[4:12])
        if abs(width * height) > PLENTY:
            raise PhotoError(
                f"{name} is an icon of {width} × {abs(height)}, too many pixels. Save it as PNG."
            )
    file.seek(0)


def _check_depth(image: Image.Image, name: str) -> None:
    """Of 16-bit colours Pillow keeps the upper 8 bits, and 12-bit data leave nearly nothing."""
    if image.mode not in ("RGB", "RGBA", "RGBX", "LA"):
        return
    extrema: Any = image.getextrema()  # (lowest, highest) of each channel
    colours = extrema[: 1 if image.mode == "LA" else 3]
    if 1 <= max(high for _, high in colours) < 16:
        raise PhotoError(
            f"{name} has 16 bits for each colour and uses only 12 of them or fewer, so it would be "
            "almost black. Multiply its numbers by 16, or save it with 8 bits."
        )


# From decoded pixels to a small RGB picture


def _small_rgb(image: Image.Image, name: str, max_side: int) -> Image.Image:
    """A new RGB image that knows which way is up, reduced to about twice `max_side` if it is large.

    Band by band, since a whole copy of a large picture for each step would take gigabytes.
    """
    if not image.width * image.height:
        raise PhotoError(f"{name} has no pixels ({image.width}×{image.height}). Choose another.")
    large = image.width * image.height > PLENTY
    n = max(1, round(max(image.size) / (2 * max_side))) if large else 1
    rows = max(1, int(BAND) // (image.width * n)) * n
    white = _white(image, rows)
    small = Image.new("RGB", (-(-image.width // n), -(-image.height // n)))
    for y, band in _bands(image, rows):
        rgb = _rgb(band, name, white)
        small.paste(rgb.reduce(n) if n > 1 else rgb, (0, y // n))
    with suppress(Exception):  # the note on the camera's position may be broken
        small.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    return small


def _bands(image: Image.Image, rows: int) -> Iterator[tuple[int, Image.Image]]:
    """A picture in bands of so many rows, each with its first row's number."""
    for y in range(0, image.height, rows):
        yield y, image.crop((0, y, image.width, min(y + rows, image.height)))


def _white(image: Image.Image, rows: int) -> int:
    """The number that is white in a grey picture of 16 bits: 4095 where none is higher.

    Cameras and microscopes of 12 bits store their numbers in 16, where they would look black.
    """
    if image.mode != "I" and not image.mode.startswith("I;"):
        return 65535
    return 4095 if max(np.asarray(band).max() for _, band in _bands(image, rows)) < 4096 else 65535


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # again: the photograph is not broken
        return image


def _rgb(image: Image.Image, name: str, white: int) -> Image.Image:
    """An RGB image, of 8 bits, transparency laid on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):  # 16 or 32 bits; Pillow would clip
        pixels = np.asarray(image)
        if image.mode == "I" and pixels.min() >= 0 and pixels.max() < 2**16:
            pixels = pixels.astype(np.uint16)  # older Pillows keep 16 bits in 32
        image = Image.fromarray(_eight_bits(pixels, name, white))
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


def _eight_bits(pixels: np.ndarray, name: str, white: int = 65535) -> np.ndarray:
    """bool, uint8, uint16 or float in [0, 1] -> uint8, black to black and white to white."""
    kind = pixels.dtype.kind
    if kind == "b":
        return pixels * np.uint8(255)
    if kind == "u" and pixels.dtype.itemsize == 1:
        return pixels
    if kind == "u" and pixels.dtype.itemsize == 2:
        return ((pixels.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
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
