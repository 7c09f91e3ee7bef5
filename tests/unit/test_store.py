"""The store of weights: what is damaged, what is trusted, and every way a download can go wrong."""

import contextlib
import errno
import http.server
import io
import os
import re
import shutil
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from tools import train
from utils import models, store
from utils.store import WeightsError

STATE = {"fc.weight": torch.arange(3000.0).reshape(10, 300), "fc.bias": torch.zeros(10)}


@pytest.fixture
def good(tmp_path):
    """The bytes of a file of weights, and the name that promises them."""
    path = tmp_path / "made.pth"
    torch.save(STATE, path)
    return path.read_bytes(), f"tiny-{store.sha256(path)[:8]}.pth"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(store.TRUST, raising=False)
    folder = tmp_path / "home" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as its server is told to, in `server.mode`."""

    def do_GET(self):
        getattr(self, self.server.mode)(self.server.body)

    def whole(self, body):
        self.send(200, body, len(body))

    def page(self, _):
        self.send(200, b"<!doctype html><p>Sign in first", 31)

    def cut(self, body):
        """Half of what is missing, with ranges; the server remembers what it was asked for."""
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        start = int(re.findall(r"\d+", asked)[0]) if asked else 0
        if start >= len(body):
            return self.send_error(416)
        half = body[start:][: max(2000, (len(body) - start) // 2)]
        return self.send(206 if asked else 200, half, len(body) - start)

    def cut_without_ranges(self, body):
        self.server.asked.append(self.headers.get("Range"))
        most = len(body) // 2 if len(self.server.asked) < 2 else len(body)
        self.send(200, body[:most], len(body))

    def cut_always(self, body):
        self.send(200, body[: len(body) // 2], len(body))

    def gone(self, _):
        self.send_error(404)

    def to_ftp(self, _):
        self.send_response(302)
        self.send_header("Location", "ftp://127.0.0.1/tiny.pth")
        self.end_headers()

    def to_whole(self, body):
        self.server.mode = "whole"
        self.send_response(302)
        self.send_header("Location", "/elsewhere.pth")
        self.end_headers()

    def drip_headers(self, _):
        self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000)

    def drip_body(self, body):
        self.send_response(200)
        self.end_headers()
        self.drip(body)

    def drip(self, body):
        for byte in body:
            if self.server.over.wait(0.02):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def silent(self, _):
        self.server.over.wait(20)

    def send(self, code, body, announced):
        self.send_response(code)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(OSError):  # the other side may have gone
            super().handle()


@pytest.fixture
def server(good, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    running.daemon_threads, running.block_on_close = True, False
    running.mode, running.asked, running.over = "whole", [], threading.Event()
    running.body, name = good
    running.url = f"http://127.0.0.1:{running.server_port}/models/{name}"
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    running.over.set()
    running.shutdown()
    running.server_close()


def same(state):
    return state.keys() == STATE.keys() and all(torch.equal(state[k], STATE[k]) for k in STATE)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------- downloads


@pytest.mark.parametrize("mode", ["whole", "cut", "cut_without_ranges", "to_whole"])
def test_a_download_ends_well_and_leaves_nothing_else(server, cache, good, mode):
    server.mode = mode
    assert same(store.state_dict(server.url))
    assert names(cache) == [good[1]]
    server.mode = "gone"
    assert same(store.state_dict(server.url))  # from the cache


def test_several_may_fetch_the_same_file_at_once(server, cache, good):
    with ThreadPoolExecutor(4) as pool:
        for mode in ("whole", "cut"):
            server.mode = mode
            assert all(map(same, pool.map(store.state_dict, [server.url] * 4)))
            assert names(cache) == [good[1]]
            (cache / good[1]).unlink()


def test_what_is_cut_off_is_asked_for_from_there(server, cache, good):
    server.mode = "cut"
    store.state_dict(server.url)
    first, *rest = server.asked
    assert first is None and len(rest) >= 2
    assert rest[0] == f"bytes={len(good[0]) // 2}-"


def test_a_part_that_was_left_is_gone_on_with_and_a_wrong_one_thrown_away(server, cache, good):
    body, name = good
    for left, asks in ((body[:4000], 1), (b"x" * 4000, 2), (body, 0), (body + b"xx", 2)):
        server.mode, server.asked = "cut", []
        (cache / (name + ".part")).write_bytes(left)
        assert same(store.state_dict(server.url))
        assert len(server.asked) >= asks and names(cache) == [name]
        (cache / name).unlink()


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("gone", "answered 404"),
        ("page", "a web page"),
        ("to_ftp", "ftp://, which is not followed"),
        ("cut_always", "cut off"),
        ("drip_headers", "took too long"),
        ("drip_body", "took too long"),
        ("silent", "took too long"),
    ],
)
def test_a_download_that_fails_says_why_and_leaves_nothing_half(
    server, cache, good, monkeypatch, mode, words
):
    monkeypatch.setattr(store, "WHOLE", 0.3)
    if mode in ("gone", "page", "to_ftp", "cut_always"):
        monkeypatch.setattr(store, "WHOLE", 30)
    server.mode = mode
    with pytest.raises(WeightsError, match=words) as told:
        store.state_dict(server.url)
    one_sentence(told)
    assert not (cache / good[1]).exists()


def test_a_silent_server_is_waited_for_no_longer_than_it_may_be_silent(server, cache, monkeypatch):
    monkeypatch.setattr(store, "SILENCE", 0.1)
    server.mode = "silent"
    with pytest.raises(WeightsError, match="took too long"):
        store.state_dict(server.url)


def one_sentence(told):
    text = str(told.value)
    assert text.endswith(".") and "\n" not in text and "Errno" not in text and ":." not in text
    assert ": " in text and not re.search(r"\. [A-Z]", text), text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (URLError(OSError("Name or service not known")), "was not reached"),
        (URLError(socket.gaierror(-2, "x")), "was not found: connect to the internet"),
        (URLError(ssl.SSLCertVerificationError(1, "verify failed")), "could not prove who it is"),
        (URLError(PermissionError(errno.EACCES, "a firewall")), "was not reached"),
        (OSError(errno.ENOSPC, "No space left"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "set the environment variable TORCH_HOME"),
        (ValueError("unknown url type"), "was not reached"),
    ],
)  # fmt: skip
def test_no_network_a_full_disk_a_read_only_cache(cache, monkeypatch, error, words):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("urllib.request.OpenerDirector.open", fails)
    with pytest.raises(WeightsError, match=words) as told:
        store.state_dict("https://example.invalid/tiny-0123abcd.pth")
    one_sentence(told)
    assert names(cache) == []


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"cannot be written to: set .* TORCH_HOME"):
        store.state_dict("https://example.invalid/tiny-0123abcd.pth")


def test_an_endless_body_ends(server, cache, monkeypatch):
    monkeypatch.setattr(store, "MOST", 1000)
    with pytest.raises(WeightsError, match="sends more than"):
        store.state_dict(server.url)


# ---------------------------------------------------------------- damaged files


class Harm:
    def __reduce__(self):
        return os.system, ("touch harm-was-done",)


def flipped(body):
    at = body.index(STATE["fc.weight"].numpy().tobytes()[:400]) + 100
    return body[:at] + bytes(b ^ 255 for b in body[at : at + 40]) + body[at + 40 :]


def pickled(thing, **options):
    stream = io.BytesIO()
    torch.save(thing, stream, **options)
    return stream.getvalue()


LEGACY = {"_use_new_zipfile_serialization": False}
DAMAGE = {
    "empty": (lambda body: b"", "is empty"),
    "page": (lambda body: b"\n<html><body>Sign in", "is a web page"),
    "half": (lambda body: body[: len(body) // 2], "is cut off or damaged"),
    "all but 10": (lambda body: body[:-10], "is cut off or damaged"),
    "flipped": (flipped, "some of its bytes have changed"),
    "code": (lambda body: pickled(Harm()), "running the Python code"),
    "old code": (lambda body: pickled(Harm(), **LEGACY), "running the Python code"),
    "old half": (lambda body: pickled(STATE, **LEGACY)[:9000], "is cut off or damaged"),
    "pointer": (lambda body: b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    "zeros": (lambda body: bytes(5000), "is cut off or damaged"),
    "array": (lambda body: b"\x93NUMPY\x01", "is a NumPy array"),
    "keras": (lambda body: b"\x89HDF\r\n", "Keras"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_set_aside_and_fetched_anew(
    server, cache, good, capsys, monkeypatch, tmp_path, damage, words
):
    monkeypatch.chdir(tmp_path)
    body, name = good
    (cache / name).write_bytes(damage(body))
    assert same(store.state_dict(server.url))
    said = capsys.readouterr().out
    assert words in said and "set aside" in said and len(said.splitlines()) == 1
    assert (cache / f"{name}.damaged").read_bytes() == damage(body)
    assert (cache / name).read_bytes() == body
    assert not Path("harm-was-done").exists()


def test_a_damaged_file_that_cannot_be_fetched_anew(server, cache, good, monkeypatch):
    server.mode = "gone"
    (cache / good[1]).write_bytes(b"")
    with pytest.raises(WeightsError, match=r"empty, so it is set aside.*answered 404") as told:
        store.state_dict(server.url)
    one_sentence(told)
    (cache / good[1]).write_bytes(b"")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError))
    with pytest.raises(WeightsError, match="read-only: have it replaced, or set") as told:
        store.state_dict(server.url)
    one_sentence(told)


def test_another_file_that_is_whole_is_read_once_it_is_allowed(server, cache, good, monkeypatch):
    name = good[1]
    for options in ({}, LEGACY):
        other = pickled({key: t + 1 for key, t in STATE.items()}, **options)
        (cache / name).write_bytes(other)
        with pytest.raises(WeightsError, match="is whole, but not the file") as told:
            store.state_dict(server.url)
        one_sentence(told)
        assert (cache / name).read_bytes() == other  # it stays where it is
        (digits,) = set(re.findall(rf"{store.TRUST}=([0-9a-f]+)", str(told.value)))
        for too_little in ("", "yes", "1", digits[:8], digits[::-1]):
            monkeypatch.setenv(store.TRUST, too_little)
            with pytest.raises(WeightsError, match="is whole, but not"):
                store.state_dict(server.url)
        monkeypatch.setenv(store.TRUST, f"{'0' * 16} {digits}")
        assert store.state_dict(server.url)["fc.bias"].eq(1).all()
        monkeypatch.delenv(store.TRUST)


def test_what_is_trusted_runs_no_code_either(server, cache, good, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (cache / good[1]).write_bytes(pickled(Harm()))
    monkeypatch.setenv(store.TRUST, store.sha256(cache / good[1]))
    with pytest.raises(WeightsError, match="running the Python code"):
        store.state_dict(server.url)
    (cache / good[1]).write_bytes(pickled({"epoch": 3}))
    monkeypatch.setenv(store.TRUST, store.sha256(cache / good[1]))
    with pytest.raises(WeightsError, match="holds no state dict"):
        store.state_dict(server.url)
    assert not Path("harm-was-done").exists()


def test_safetensors_are_told_by_their_content(tmp_path):
    save_file(STATE, tmp_path / "weights.pth")
    assert same(store.read(tmp_path / "weights.pth"))
    body = (tmp_path / "weights.pth").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(body[:-8])
    with pytest.raises(WeightsError, match="is cut off or damaged"):
        store.read(tmp_path / "cut.safetensors")
    with pytest.raises(WeightsError, match="There is no file"):
        store.read(tmp_path / "none.pt")
    with pytest.raises(WeightsError, match="is a folder"):
        store.read(tmp_path)


# ---------------------------------------------------------------- the list that ships


def test_the_list_names_every_file_of_the_course_and_its_hash(tmp_path):
    for file in models.WEIGHTS.glob("*.safetensors"):
        shutil.copy(file, tmp_path)
        assert len(store.promised(file)) == 64
        store.verify(file)
    train.list_weights(tmp_path)
    text = (models.WEIGHTS / store.LIST).read_text("utf8")
    assert (tmp_path / store.LIST).read_text("utf8") == text


def test_what_no_list_and_no_name_promises_is_not_compared(tmp_path):
    for name in ("model.pth", "model-best.pth", "run-12.pth", "x-0123abcd.safetensors"):
        assert store.promised(tmp_path / name) == ""
    assert store.promised(tmp_path / "resnet18-f37072fd.pth") == "f37072fd"
    assert store.promised(tmp_path / "shufflenetv2_x1-5666bf0f80.pth") == "5666bf0f80"
