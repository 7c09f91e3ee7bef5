"""Every kind of picture becomes one kind of tensor, everything else one clear error.

No test reaches the internet: web addresses are served by this machine to itself.
"""

import contextlib
import http.client
import http.server
import io
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile
from torchvision.models import MobileNet_V2_Weights

from utils import photos
from utils.photos import PhotoError, load, prepare, sample

ROOT = Path(__file__).parents[2]
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def gradient(height=24, width=40):
    """A smooth RGB picture that differs under each rotation and flip."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x // (width - 1), 255 * y // (height - 1), 128 + 0 * x], axis=2).astype(
        np.uint8
    )


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixel(photo, x=0, y=0):
    return tuple(photo[:, y, x].tolist())


def near(photo, expected, tolerance):
    """Whether an RGB tensor is an (H, W, 3) array up to `tolerance` grey levels on average."""
    expected = torch.from_numpy(np.asarray(expected).astype(np.float32)).permute(2, 0, 1)
    assert photo.shape == expected.shape
    return (photo.float() - expected).abs().mean() <= tolerance


def error(source, **options):
    """The text of the one clear error, which hides every other one."""
    with pytest.raises(PhotoError) as caught:
        load(source, **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert "During handling" not in shown and "direct cause" not in shown
    text = str(caught.value)
    assert len(text) < 900 and text.rstrip("?")[-1:] != " "
    return text


# Kinds of pictures


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP", "GIF", "JPEG"])
def test_formats(tmp_path, kind):
    path = tmp_path / "picture of anything"  # the content counts, not the suffix
    Image.fromarray(gradient()).save(path, kind, **({"lossless": True} if kind == "WEBP" else {}))
    photo = load(path)
    assert photo.dtype == torch.uint8 and photo.is_contiguous()
    assert near(photo, gradient(), {"GIF": 12, "JPEG": 6}.get(kind, 0))


def test_every_way_to_name_a_file(tmp_path, monkeypatch):
    Image.fromarray(gradient()).save(tmp_path / "cat.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    data = (tmp_path / "cat.png").read_bytes()
    for source in (
        "cat.png",
        "~/cat.png",
        tmp_path / "cat.png",
        str(tmp_path / "cat.png"),
        data,
        bytearray(data),
        memoryview(data),
        Image.open("cat.png"),
    ):
        assert near(load(source), gradient(), 0)


def test_open_files(tmp_path):
    data = encoded(Image.fromarray(gradient()))
    (tmp_path / "cat.png").write_bytes(data)
    with open(tmp_path / "cat.png", "rb") as file:
        for source in (file, io.BytesIO(data)):
            source.seek(50)  # where somebody stopped reading
            assert near(load(source), gradient(), 0) and not source.closed
            assert near(load([source]), gradient(), 0)
    assert "cat.png" in error(file)  # closed
    with open(tmp_path / "cat.png") as text:
        assert 'open(path, "rb")' in error(text)
    assert "not a picture" in error(io.BytesIO(b"1"))
    assert "is empty" in error(io.BytesIO())
    stream = http.client.HTTPResponse(type("", (), {"makefile": lambda *_: io.BytesIO(data)})())
    stream.length, stream.chunked, stream.will_close = None, False, True  # it cannot go back
    assert near(load(stream), gradient(), 0)


def test_file_addresses_quotes_and_lists(tmp_path, monkeypatch):
    path = tmp_path / "my große cat.png"
    Image.fromarray(gradient()).save(path)
    address = path.as_uri()
    for source in (
        address,
        address.replace("file:///", "file://localhost/"),
        address.replace("file:", "FILE:"),
        f'"{path}"',
        f"'{path}'",
        f' "{path}"\n',
        f'"{address}"',
        [path],
        (str(path),),
        [Image.open(path)],
        [gradient()],
        [torch.from_numpy(gradient()).permute(2, 0, 1)],
    ):
        assert near(load(source), gradient(), 0)
    assert "no file" in error(address + "x")
    assert "C:" in (text := error('"C:\\no folder\\x.jpg"')) and '""' not in text
    assert "value[0]" in error([path, path])
    monkeypatch.chdir(tmp_path)
    path.rename(tmp_path / "'quoted.png'")  # a file that is called so
    assert near(load("'quoted.png'"), gradient(), 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "LA", "PA"])
def test_modes_of_pil(mode):
    image = Image.new("RGB", (5, 3), WHITE)
    if mode in ("HSV", "YCbCr", "L", "1", "P", "CMYK", "RGBX"):
        image = image.convert(mode)
    elif mode == "LAB":
        image = Image.new("LAB", (5, 3), (255, 128, 128))
    else:
        image = Image.new("L", (5, 3), 255).convert(mode)
    assert load(image).float().mean() >= 253
    assert load(image).shape == (3, 3, 5)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    expected = np.repeat(np.round(ramp / 257)[..., None], 3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    Image.fromarray(ramp).save(tmp_path / "ramp.tif")
    assert near(load(tmp_path / "ramp.png"), expected, 0)
    assert near(load(tmp_path / "ramp.tif"), expected, 0)
    assert near(load(Image.fromarray(ramp.astype(np.int32))), expected, 0)  # mode I
    big_endian = Image.frombytes("I;16B", (8, 8), ramp.astype(">u2").tobytes())
    assert near(load(big_endian), expected, 0)
    grey = b"P5 8 8 65535\n" + ramp.astype(">u2").tobytes()
    assert near(load(grey), expected, 0)


def test_twelve_bits_in_sixteen_are_seen(tmp_path):
    ramp = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    expected = np.repeat(np.round(ramp / 4095 * 255)[..., None], 3, axis=2)
    for name in ("ramp.png", "ramp.tif"):
        Image.fromarray(ramp).save(tmp_path / name)
        assert near(load(tmp_path / name), expected, 0)
    assert load(ramp).max() == 16  # an array's numbers are what they are: white is 65535
    assert pixel(load(Image.fromarray(np.zeros((3, 3), np.uint16)))) == (0, 0, 0)
    assert "only 12" in error(png_bomb(4, 4, 2, depth=16, value=9))
    assert pixel(load(png_bomb(4, 4, 2, depth=16, value=99))) == (99, 99, 99)


def test_numbers_without_a_known_range(tmp_path):
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "half.tif")
    assert pixel(load(tmp_path / "half.tif")) == (128, 128, 128)
    Image.fromarray(np.full((4, 4), 80.0, np.float32)).save(tmp_path / "high.tif")
    assert "high.tif" in (text := error(tmp_path / "high.tif")) and "Divide" in text
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "nan.tif")
    assert "NaN" in error(tmp_path / "nan.tif")
    assert "int32" in error(Image.fromarray(np.full((4, 4), -7, np.int32)))


def test_cmyk_jpeg(tmp_path):
    image = Image.new("RGB", (16, 16), RED).convert("CMYK")
    image.save(tmp_path / "print.jpg", quality=95)
    red, green, blue = pixel(load(tmp_path / "print.jpg"), 8, 8)
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_becomes_white(mode, kind):
    image = Image.new(mode, (3, 1), 0)
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (0,) * (len(mode) - 1) + (alpha,))
    if kind == "WEBP":
        image = image.convert("RGBA")
    photo = load(encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert [pixel(photo, x)[0] for x in range(3)] == [255, 127, 0]


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_transparent_colour_becomes_white(mode):
    image = Image.new(mode, (2, 1), {"P": 1, "RGB": GREEN, "L": 90}[mode])
    if mode == "P":
        image.putpalette([0, 0, 0, *GREEN])
    image.putpixel((1, 0), {"P": 0, "RGB": RED, "L": 50}[mode])
    key = {"P": 0, "RGB": RED, "L": 50}[mode]
    photo = load(encoded(image, "PNG", transparency=key))
    assert pixel(photo, 0) == {"L": (90, 90, 90)}.get(mode, GREEN)
    assert pixel(photo, 1) == WHITE


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame(tmp_path, kind):
    frames = [Image.new("RGB", (9, 7), colour) for colour in (RED, GREEN, BLUE)]
    more = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(tmp_path / "film", kind, save_all=True, append_images=frames[1:], **more)
    assert pixel(load(tmp_path / "film")) == RED


def test_transparent_animated_palette_gif():
    image = Image.new("P", (4, 2), 1)
    image.putpalette([*BLUE, *GREEN, *RED])
    image.putpixel((0, 0), 0)
    other = image.point(lambda index: 2)
    data = encoded(image, "GIF", save_all=True, append_images=[other], transparency=0, disposal=2)
    assert pixel(load(data)) == WHITE and pixel(load(data), 1) == GREEN


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind, orientation):
    upright = gradient()
    # How the camera stores the pixels for the reader to turn them back (EXIF 2.3, tag 274).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    image = Image.fromarray(np.ascontiguousarray(stored))
    tag = {"tiffinfo": {274: orientation}}
    if kind != "TIFF":
        image.getexif()[274] = orientation
        tag = {"exif": image.getexif()}
    data = encoded(image, kind, **tag, **({"lossless": True} if kind == "WEBP" else {}))
    assert near(load(data), upright, 6 if kind == "JPEG" else 0)
    assert near(load(Image.open(io.BytesIO(data))), upright, 6 if kind == "JPEG" else 0)


def test_broken_exif_is_no_broken_photo():
    data = encoded(Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert near(load(data), gradient(), 6)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_tiny(size):
    assert load(encoded(Image.new("RGB", size, BLUE))).shape == (3, size[1], size[0])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_large_is_shrunk(kind):
    data = encoded(Image.fromarray(gradient(900, 1700)), kind)
    assert load(data).shape == (3, 847, 1600)
    small = load(data, max_side=170)
    assert near(small, Image.fromarray(gradient(900, 1700)).resize((170, 90), 1), 12)
    assert load(encoded(Image.new("L", (3000, 1)))).shape == (3, 1, 1600)


def test_shrinking_smooths():
    """A fine chessboard becomes even grey; taking every n-th pixel would keep black or white."""
    board = (255 * (np.indices((800, 800)).sum(0) % 2)).astype(np.uint8)
    for image in (Image.fromarray(board), Image.fromarray(board).convert("P")):
        assert (load(image, max_side=80).float() - 127.5).abs().max() < 8


def test_jpeg_is_drafted(monkeypatch):
    """A large JPEG is decoded small, or it would cost seconds and memory."""
    seen = []
    upright = photos._upright
    monkeypatch.setattr(photos, "_upright", lambda image: seen.append(image.size) or upright(image))
    load(encoded(Image.fromarray(gradient(800, 1600)), "JPEG"), max_side=100)
    assert seen == [(400, 200)]


def test_source_is_not_changed():
    image = Image.fromarray(gradient())
    image.info["transparency"] = (1, 2, 3)
    array = gradient()
    load(image, max_side=8)
    load(array)[:] = 0
    assert image.size == (40, 24) and (np.asarray(image) == array).all() and array.any()


def test_no_warning_reaches_the_learner(recwarn):
    board = Image.new("P", (4, 4))
    board.putpalette([0, 0, 0, 9, 9, 9])
    load(encoded(board, "PNG", transparency=b"\x00\x80"))
    with pytest.raises(PhotoError):
        load(encoded(Image.fromarray(gradient()), "TIFF")[:-200])
    assert not recwarn.list


# Arrays and tensors


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 3), (6, 5, 4), (3, 6, 5)])
def test_arrays(dtype, shape):
    top = {"bool": 1, "uint8": 255, "uint16": 65535}.get(dtype, 1.0)
    array = np.full(shape, top, dtype)
    for source in (array, torch.from_numpy(array)):
        photo = load(source)
        assert photo.shape == (3, 6, 5) and (photo == 255).all()
        assert (
            load(0 * source if dtype != "bool" else ~source) == (255 if shape[-1] == 4 else 0)
        ).all()


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)))
def test_arrays_keep_their_pixels(array):
    if array.shape[2] == 3:
        assert near(load(array), array, 0)
        assert near(load(Image.fromarray(array)), array, 0)
        assert near(load(array / 255), array, 0)
        assert near(load(array * np.uint16(257)), array, 0)
    if array.shape[0] == 3:
        assert torch.equal(load(torch.from_numpy(array)), torch.from_numpy(array))


@given(hnp.arrays(st.sampled_from("?BHfdiq"), hnp.array_shapes(min_dims=0, min_side=0, max_side=5)))
def test_any_array_is_a_photo_or_an_error(array):
    for source in (array, torch.from_numpy(array)):
        try:
            photo = load(source)
        except PhotoError:
            continue
        assert photo.dtype == torch.uint8 and photo.shape[0] == 3 and photo.numel()


def test_views_and_gradients():
    array = gradient()
    assert near(load(array[::-1, ::2]), array[::-1, ::2], 0)
    tensor = (torch.from_numpy(array).permute(2, 0, 1) / 255).requires_grad_()
    assert near(load(tensor), array, 0)
    assert near(load(tensor.bfloat16()), array, 2)
    assert load(array * (1 + 1e-4) / 255.0).max() == 255


@pytest.mark.parametrize(
    "array, word",
    [
        (np.zeros((2, 5, 5, 3)), "photos[0]"),
        (np.zeros((5, 5, 2)), "5×5×2"),
        (np.zeros(7), "H×W"),
        (np.array(0.5), "single number"),
        (np.zeros((0, 5, 3)), "no pixels"),
        (np.full((5, 5), 200.0), "Divide"),
        (np.full((5, 5), -1.0), "-1"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.array([[0, np.inf]]), "infinity"),
        (np.zeros((5, 5), np.int64), "astype('uint8')"),
        (np.zeros((5, 5), complex), "complex"),
        (np.array([["a"]]), "<U1"),
        (torch.zeros(1, 3, 5, 5), "tensor is 1×3×5×5"),
        (torch.zeros(5, 5, dtype=torch.int32), "int32"),
    ],
)
def test_wrong_arrays(array, word):
    assert word in error(array)


# Uploads


def test_uploads_of_each_kind():
    data = encoded(Image.fromarray(gradient()))
    file7 = {"metadata": {"name": "cat.png"}, "content": data}
    file8 = {"name": "cat.png", "type": "image/png", "size": 9, "content": memoryview(data)}
    for value in (
        {"cat.png": file7},
        {"content": file7},
        file7,
        (file8,),
        [file8],
        file8,
        {"cat.png": data},
        {"content": data},
    ):
        assert near(load(value), gradient(), 0)


def test_upload_of_the_installed_ipywidgets():
    widgets = pytest.importorskip("ipywidgets", reason="upload not tried: pip install ipywidgets")
    if int(widgets.__version__.split(".")[0]) < 8:
        pytest.skip("upload not tried, ipywidgets 7 is too old: pip install -U ipywidgets")
    data = encoded(Image.fromarray(gradient()))
    button = widgets.FileUpload()
    assert "Nothing is uploaded" in error(button.value)
    sent = {"name": "cat.png", "type": "image/png", "size": len(data), "last_modified": 0}
    button.set_state({"value": [{**sent, "content": memoryview(data)}]})
    assert near(load(button.value), gradient(), 0)
    assert near(load(button.value[0]), gradient(), 0)


def test_wrong_uploads():
    assert "Nothing is uploaded" in error({})
    assert "value['a.png']" in error({"a.png": b"1", "b.png": b"2"})
    assert "value[0]" in error(({"content": b"1"}, {"content": b"2"}))
    assert '"a.txt" is not a picture' in error(({"name": "a.txt", "content": b"hello"},))
    assert '"a.txt" is empty' in error({"a.txt": {"content": b""}})
    assert "The upload is empty" in error([{"content": b""}])
    for value in ([1], [[1]], {"a": 1}, {"content": None}, {"a": {"content": None}}, [{}]):
        assert "no uploaded file" in error(value)


# Files that are no pictures


def test_file_not_found(tmp_path):
    for name in ("My Cat.jpg", "dog.jpg", "notes.txt"):
        (tmp_path / name).touch()
    text = error(tmp_path / "my cat.jpeg")
    assert str(tmp_path) in text and 'Did you mean "My Cat.jpg"' in text and "notes" not in text
    assert "whole path" in error(tmp_path / "zebra.png")
    text = error(tmp_path / "holidays" / "cat.jpg")
    assert "no folder" in text and "holidays" in text
    for name in ("a\0b", "x" * 5000, "~nobody/cat.jpg", "*?.png"):
        error(name)


def test_not_a_file(tmp_path, monkeypatch):
    assert "is a folder" in error(tmp_path)
    assert "is a folder" in error("")
    for source in (None, 3, 2.5, {1, 2}, object()):
        assert "Give it a path" in error(source)
    (tmp_path / "cat.png").touch()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(photos, "open", refuse, raising=False)
    assert "Permission denied" in error(tmp_path / "cat.png")


@pytest.mark.parametrize(
    "data, word",
    [
        (b"", "is empty"),
        (b"hello", "is not a picture"),
        (b"\n<!-- saved --><!DOCTYPE html><html><svg/></html>", "web page"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "film"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"P6 0 5 255\n", "picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    ],
)
def test_not_a_picture(tmp_path, data, word):
    (tmp_path / "cat.jpg").write_bytes(data)
    text = error(tmp_path / "cat.jpg")
    assert word in text and "cat.jpg" in text
    assert word in error(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM"])
def test_truncated(kind):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    for share in (0.1, 0.5, 0.9):
        text = error(data[: int(share * len(data))])
        assert "cut off" in text or "is not a picture" in text
    assert "cut off" in error(Image.open(io.BytesIO(encoded(Image.fromarray(noise))[:-2000])))


def test_bombs(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    data = encoded(Image.new("1", (50, 50)))
    assert "too many pixels" in error(data)
    assert load(encoded(Image.new("1", (40, 40)))).shape == (3, 40, 40)  # Pillow only warns here

    def hungry(_):
        raise MemoryError

    monkeypatch.setattr(photos, "_upright", hungry)
    assert "too many pixels" in error(encoded(Image.new("1", (4, 4))))


def png_bomb(width, height, colour, depth=8, value=100):
    """A PNG of any size, made without its pixels: all samples are equal. colour: 0 grey, 6 RGBA."""
    row = b"\0" + bytes([value]) * (width * {0: 1, 2: 3, 6: 4}[colour] * depth // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    number = struct.Struct(">I").pack
    chunks = (number(len(d)) + k + d + number(zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_small_file_of_many_pixels_is_refused_by_its_header(tmp_path, monkeypatch):
    """700 kB that would take gigabytes and half a minute; nothing of it is decoded."""
    bomb = png_bomb(13_000, 13_000, 6)
    assert len(bomb) < 10**6
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(bomb), 22) + bomb
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    for data in (bomb, icon, Image.open(io.BytesIO(bomb))):
        text = error(data)
        assert "13000 × 13000" in text and "too many pixels" in text and "Save it" in text
    data = bytearray(png_bomb(3, 3, 6))
    data[16:24] = struct.pack(">II", 30_000, 30_000)  # beyond Pillow's own limit
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert "900 million" in error(bytes(data))


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_every_format_has_its_budget(kind, monkeypatch):
    if kind not in photos._formats():
        pytest.skip(f"{kind} was not tried: this Pillow does not read it")
    data = encoded(Image.fromarray(gradient()), kind)
    monkeypatch.setattr(photos, "MEMORY", 24 * 40 - 1)
    assert "40 × 24, too many pixels" in error(data)


def test_the_largest_strip_or_tile_of_a_packed_tiff_counts():
    def need(compression, tags):
        data = encoded(Image.new("L", (100, 100)), "TIFF", compression=compression)
        image = Image.open(io.BytesIO(data))
        for tag, value in tags.items():
            image.tag_v2[tag] = value
        return photos._memory(image)

    assert need("raw", {278: 100}) == 10_000  # no decoder, no copy
    assert [need("tiff_lzw", {278: rows}) for rows in (1, 100, 10**6)] == [10_100, 20_000, 20_000]
    assert need("tiff_lzw", {278: 1, 322: 10**5, 323: 10**4}) > 10**9


def test_memory_stays_small(tmp_path):
    """In a process of its own, since the peak of this one is past. Most of it is a margin."""
    pytest.importorskip("resource", reason="memory was not measured: this system cannot tell it")
    program = """if True:
        import resource, sys
        from utils import photos
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = peak()
        print(*(photos.load(path).shape[1] for path in sys.argv[1:]), peak() - before)
    """
    (tmp_path / "grey.png").write_bytes(png_bomb(13_000, 13_000, 0))
    (tmp_path / "colour.png").write_bytes(png_bomb(7_000, 7_000, 6))
    command = [sys.executable, "-c", program, tmp_path / "grey.png", tmp_path / "colour.png"]
    said = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout
    *sides, more = map(int, said.split())
    assert sides == [1600, 1600]
    assert more / (1e6 if sys.platform == "darwin" else 1e3) < 400  # megabytes


def test_bands_give_what_the_whole_gives(monkeypatch):
    for mode in ("RGB", "RGBA", "P", "L", "I;16"):
        image = Image.fromarray(gradient(301, 403)).convert("RGB" if mode == "I;16" else mode)
        if mode == "I;16":
            image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
        for side in (1000, 100):
            whole = load(image, max_side=side)
            with monkeypatch.context() as patch:
                patch.setattr(photos, "PLENTY", 1000)
                patch.setattr(photos, "BAND", 5000)
                assert (load(image, max_side=side).float() - whole.float()).abs().mean() <= 1


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_large_picture_is_upright_too(monkeypatch, orientation):
    monkeypatch.setattr(photos, "PLENTY", 1000)
    image = Image.fromarray(gradient(200, 300))
    plain = load(image, max_side=60)
    image.getexif()[274] = orientation
    turned = load(encoded(image, "PNG", exif=image.getexif()), max_side=60)
    turns = {1: 0, 3: 2, 6: -1}[orientation]
    assert (turned.float() - plain.rot90(turns, (1, 2)).float()).abs().max() <= 2


def test_a_large_jpeg_is_decoded_small_whatever_its_shape(monkeypatch):
    monkeypatch.setattr(photos, "PLENTY", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's limit is for whole pictures
    monkeypatch.setattr(photos, "BAND", 1000)
    monkeypatch.setattr(photos, "MEMORY", 4 * 200 * 25)
    wide = encoded(Image.fromarray(gradient(200, 1600)), "JPEG")
    assert near(load(wide, max_side=100), Image.fromarray(gradient(13, 100)), 4)
    assert "too many pixels" in error(wide, max_side=1600)
    monkeypatch.setattr(photos, "MAX_JPEG", 1600 * 200 - 1)
    assert "1600 × 200" in error(wide, max_side=100)


def test_a_jpeg_in_passes_keeps_all_of_them_in_memory(monkeypatch):
    image = Image.fromarray(gradient(400, 400))
    plain, passes = (encoded(image, "JPEG", progressive=p, subsampling=0) for p in (False, True))
    monkeypatch.setattr(photos, "MEMORY", 6 * 400 * 400)
    assert load(plain).shape == (3, 400, 400)
    assert "not progressive" in error(passes)
    last = passes[passes.rfind(b"\xff\xda") : -2]
    assert "too slow" in error(passes[:-2] + 100 * last + passes[-2:])
    start = plain.rfind(b"\xff\xda")  # a first scan of one component: the rest comes later
    one = plain[: start + 2] + b"\0\x08\x01\x01\0\0\x3f\0" + plain[start + 14 :]
    assert photos._first_scan(io.BytesIO(plain)) == 3 and photos._first_scan(io.BytesIO(one)) == 1
    assert "too many pixels" in error(one)


def test_jpeg_2000_is_halved_while_it_is_decoded(monkeypatch):
    if "JPEG2000" not in photos._formats():
        pytest.skip("JPEG 2000 was not tried: this Pillow does not read it")
    data = encoded(Image.fromarray(gradient(240, 400)), "JPEG2000")
    whole = load(data, max_side=50)
    monkeypatch.setattr(photos, "MEMORY", 20 * 240 * 400 / 16)
    assert load(data).shape == (3, 60, 100)
    assert (load(data, max_side=50).float() - whole.float()).abs().mean() < 4
    monkeypatch.setattr(photos, "MEMORY", 20)
    assert "400 × 240" in error(data)


def test_other_bad_input(recwarn):
    assert "no pixels" in error(Image.new("RGB", (0, 5)))
    closed = Image.open(io.BytesIO(encoded(Image.new("RGB", (2, 2)))))
    closed.close()
    assert "PIL image" in error(closed)
    assert "max_side is 0" in error(gradient(), max_side=0)


@given(st.binary())
@example(b"II*\0\x08\0\0\0\0\0")
@example(b"GIF89a\x01\0\x01\0\0\0\0,")
@example(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
def test_random_bytes_give_a_photo_error(data):
    error(data)


MAGIC = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x20\0\0\0WEBP", b"II*\0", b"BM"]
MAGIC += [b"P5 ", b"\0\0\x01\0", b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x18ftypavif"]
SMALL = [
    encoded(Image.fromarray(gradient(7, 9)), kind)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "ICO")
]


def photo_or_error(data):
    try:
        photo = load(data, max_side=64)
    except PhotoError:
        return
    assert photo.dtype == torch.uint8 and photo.shape[0] == 3 and max(photo.shape) <= 64


@given(st.sampled_from(MAGIC), st.binary(max_size=200))
def test_random_bytes_after_a_promising_start(start, rest):
    photo_or_error(start + rest)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SMALL), st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)))
)
def test_damaged_pictures(data, damages):
    data = bytearray(data)
    for where, what in damages:
        start = int(where * (len(data) - len(what)))
        data[start : start + len(what)] = what
    # A header that asks for more pixels than this test has time for is a case of its own.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 10**6
    try:
        photo_or_error(bytes(data))
    finally:
        Image.MAX_IMAGE_PIXELS = limit


# The web


class Site(http.server.BaseHTTPRequestHandler):
    picture = encoded(Image.fromarray(gradient()))

    def do_GET(self):
        body, kind = self.picture, "image/png"
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/cat.png")
            self.end_headers()
            return
        if self.path.startswith("/to:"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to:"))
            self.end_headers()
            return
        if self.path in ("/headers.png", "/endless.png"):
            self.drip()
            return
        if self.path == "/none.png":
            self.send_error(404)
            return
        if self.path == "/page.png":
            body, kind = b"<!doctype html><title>Cat</title>", "image/png"
        if self.path == "/large.png":
            body = bytes(2_000_000)
        if self.path == "/empty.png":
            body = b""
        if self.path == "/slow.png":
            time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if self.path == "/cut.png":
                body = body[:-60]
            if self.path == "/drip.png":
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            self.wfile.write(body)
        except OSError:  # the reader has left
            pass

    def drip(self):
        """Headers or a body without an end, a little at a time, until the reader leaves."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        self.wfile.write(b"X-Cat: " if self.path == "/headers.png" else b"\r\n")
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"x")
                time.sleep(0.02)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize("path", ["cat.png", "moved", "große katze.png?a=1&b=%20#top"])
def test_web(site, path):
    assert near(load(f"{site}/{path}"), gradient(), 0)
    assert near(load(f" {site}/{path}\n"), gradient(), 0)


def test_web_errors(site, monkeypatch):
    assert "404" in error(f"{site}/none.png")
    assert "web page" in (text := error(f"{site}/page.png")) and "page.png" in text
    assert "empty" in error(f"{site}/empty.png")
    assert "cut off" in error(f"{site}/cut.png")
    monkeypatch.setattr(photos, "MAX_MEGABYTES", 1)
    assert "over 1 MB" in error(f"{site}/large.png")
    monkeypatch.setattr(photos, "WHOLE", 0.2)
    assert "too long" in error(f"{site}/drip.png")
    monkeypatch.setattr(photos, "SILENCE", 0.1)
    assert "too long" in error(f"{site}/slow.png")


@pytest.mark.parametrize("path", ["headers.png", "endless.png"])
def test_one_deadline_for_headers_and_body(site, monkeypatch, path):
    monkeypatch.setattr(photos, "WHOLE", 0.3)
    assert "too long" in error(f"{site}/{path}")


def test_redirects_stay_on_the_web(site):
    assert near(load(f"{site}/to:{site}/cat.png"), gradient(), 0)
    with socket.create_server(("127.0.0.1", 0)) as ftp:
        ftp.settimeout(0)
        for target in (f"ftp://127.0.0.1:{ftp.getsockname()[1]}/cat.png", "file:///etc/hosts"):
            assert "could not be downloaded" in (text := error(f"{site}/to:{target}"))
            assert target in text
        with pytest.raises(BlockingIOError):  # nobody has called
            ftp.accept()


def test_no_server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, not listening: whoever calls is refused
        assert "connection failed" in error(f"http://127.0.0.1:{free.getsockname()[1]}/cat.png")


@pytest.mark.parametrize(
    "reason, word",
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), "internet connection"),
        (TimeoutError("timed out"), "too long"),
        (OSError(101, "Network is unreachable"), "internet connection"),
    ],
)
def test_no_internet(monkeypatch, reason, word):
    def fail(*_, **__):
        raise urllib.error.URLError(reason)

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fail)
    assert word in (text := error("https://example.org/cat.jpg")) and "example.org" in text


def test_malformed_addresses():
    for url in ("http://", "http://[", "http://127.0.0.1:x/", "http://\0", "http://a..b/\ud800"):
        assert "could not be downloaded" in error(url)
    for url in ("ftp://127.0.0.1/cat.png", "gopher://127.0.0.1/cat.png", "://"):
        assert "http" in error(url)


# Samples


def test_samples():
    data = pytest.importorskip("skimage.data", reason="no samples: pip install scikit-image")
    for name in ("chelsea", "coffee", "astronaut", "rocket"):
        assert near(sample(name), getattr(data, name)(), 0)
    assert sample("motorcycle_left").shape == (3, 500, 741)
    assert sample("camera").shape == (3, 512, 512)
    assert sample("hubble_deep_field").shape == (3, 872, 1000)


def test_every_offered_sample_loads():
    with pytest.raises(PhotoError, match="chelsea") as caught:
        sample("Chelsey")
    assert 'Did you mean "chelsea"' in str(caught.value)
    names = str(caught.value).split("internet: ")[1].rstrip(".").split(", ")
    assert len(names) >= 20
    for name in names:
        assert sample(name).float().std() > 1


# The input of a network


@pytest.mark.parametrize("side", [64, 224])
def test_prepare_is_torchvisions_preset(side):
    square = sample("astronaut")
    preset = MobileNet_V2_Weights.IMAGENET1K_V1.transforms(crop_size=side, resize_size=side)
    assert torch.allclose(prepare(square, side), preset(square)[None], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(32, 70))
def test_prepare_sizes(height, width, side):
    result = prepare(torch.zeros(3, height, width, dtype=torch.uint8), side)
    assert result.dtype == torch.float32 and result.shape == (1, 3, side, side)


def test_prepare_keeps_the_whole_photo_in_place():
    """What lies at a share of the photograph lies at the same share of the network's input."""
    photo = torch.zeros(3, 300, 450, dtype=torch.uint8)
    photo[:, 150:, 300:] = 255
    white = prepare(photo)[0, 0] > 0
    height, width = white.shape
    assert white[height // 2 + 2 :, width * 2 // 3 + 2 :].all()
    assert not white[: height // 2 - 2].any() and not white[:, : width * 2 // 3 - 2].any()


@pytest.mark.parametrize(
    "photo, word",
    [
        ("cat.jpg", "a str"),
        (np.zeros((5, 5, 3), np.uint8), "a ndarray"),
        (torch.zeros(3, 5, 5), "float32"),
        (torch.zeros(2, 1, 5, 5, dtype=torch.uint8), "1×5×5"),
        (torch.zeros(5, 5, 3, dtype=torch.uint8), "5×5×3"),
        (torch.zeros(3, 0, 0, dtype=torch.uint8), "no pixels"),
        (torch.zeros(3, 0, 5, dtype=torch.uint8), "no pixels"),
    ],
)
def test_prepare_refuses(photo, word):
    with pytest.raises(PhotoError, match=word):
        prepare(photo)


def test_prepare_refuses_a_side_below_one_cell():
    with pytest.raises(PhotoError, match="at least 32"):
        prepare(torch.zeros(3, 5, 5, dtype=torch.uint8), 31)
