"""Files of weights: verified before they are read, and fetched whole or not at all.

torchvision's files carry the beginning of their SHA-256 in their name, the course's stand in
utils/weights/SHA256SUMS. What differs and is damaged is set aside and fetched anew; what differs
and is whole, a mirror of your own for one, is read once you allow it: set the environment variable
TRUSTED_WEIGHTS to the first 16 or more digits of its SHA-256. Nothing that a file brings is ever
run. Whatever is wrong, there is one `WeightsError` that says what to do.
"""

import argparse
import codecs
import errno
import hashlib
import http.client
import os
import pickle
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm.auto import tqdm

T = TypeVar("T")
TRUST = "TRUSTED_WEIGHTS"
LIST = "SHA256SUMS"  # in a folder of weights, as the command sha256sum writes it
WHOLE, SILENCE = 300, 15  # seconds: for a whole download, and for a server's next bytes
MOST = 4e9  # bytes of a download; torchvision's largest file has 2.6e9
USER_AGENT = "Mozilla/5.0 (compatible; class-activation-mapping-course)"
AGAIN = "copy or download it again"
HEADS = {  # how files begin that hold no weights -> what to say of them
    rb"$": f"is empty: {AGAIN}",
    rb"\s*<": "is a web page: download the file that the page is about",
    rb"version https://git-lfs": "is a pointer of git-lfs: run git lfs pull where you cloned",
    rb"\x89HDF": "is a file of Keras (HDF5): convert it to PyTorch first",
    rb"\x93NUMPY": "is a NumPy array: save a state dict with torch.save",
}
CODE = (
    "can be read only by running the Python code in it, which is not done here: where it was made, "
    "write torch.save(model.state_dict(), file)"
)
NO_WEIGHTS = f"is cut off or damaged, or holds no weights of PyTorch: {AGAIN}"
SCRIPT = "is a TorchScript archive: save torch.jit.load(file).state_dict() and take that"
# What people's checkpoints hold beside tensors; none of it runs anything.
HARMLESS = [argparse.Namespace, type(Path()), np.dtype]
HARMLESS += [np.float64(0).__reduce__()[0], codecs.encode]  # torch 2.5 does, too
HARMLESS += [type(np.dtype(kind)) for kind in ("float32", "float64", "int64", "bool")]


class WeightsError(ValueError):
    """Weights that cannot be used. The text says what is wrong and what to do."""


class Damaged(WeightsError):
    """A file that cannot be right, whoever made it."""

    @property
    def what(self) -> str:
        """The sentence without what to do."""
        return str(self).partition(": ")[0]


# ---------------------------------------------------------------- verified


def promised(file: Path) -> str:
    """The beginning of a file's SHA-256 by its name or its folder's list; "" where none is known.

    A name such as resnet18-f37072fd.pth holds it, as torchvision's do.
    """
    if in_name := re.search(r"-([0-9a-f]{8,64})\.pth$", file.name):
        return in_name[1]
    try:
        listed = (file.parent / LIST).read_text("utf8", "replace")
    except OSError:
        return ""
    found = re.search(rf"^([0-9a-f]{{64}}) [ *]{re.escape(file.name)}$", listed, re.M)
    return found[1] if found else ""


def sha256(file: Path) -> str:
    """64 hexadecimal digits for the bytes of a file."""
    sha = hashlib.sha256()
    with open(file, "rb") as stream:
        while part := stream.read(1 << 20):
            sha.update(part)
    return sha.hexdigest()


def verify(file: Path) -> None:
    """Pass a file that is what its name or list promises, or that you trust.

    Raises Damaged for one that cannot be right, WeightsError for one that is whole and another.
    """
    wanted, found = promised(file), _readable(sha256, file)
    if found.startswith(wanted) or _trusted(found):
        return
    if why := flaw(file):
        raise Damaged(f"{file.name} {why}.")
    raise WeightsError(
        f"{file.name} in {short(file.parent)} is whole, but not the file that this name promises "
        f"(its SHA-256 begins {found[:16]}, not {wanted[:16]}): delete it to have it fetched anew, "
        f"or, if you know where it comes from, allow it by {TRUST}={found[:16]} in the environment "
        f"(in a notebook: %env {TRUST}={found[:16]})."
    )


def _trusted(found: str) -> bool:
    """Whether the user allows a file with this SHA-256; 16 digits at least must be given."""
    allowed = re.findall(r"\b[0-9a-f]{16,64}\b", os.environ.get(TRUST, "").lower())
    return any(found.startswith(digits) for digits in allowed)


def flaw(file: Path) -> str:
    """Why a file of weights cannot be read, and what to do: "is empty: ..."; "" for a whole one."""
    try:
        _content(file)
    except _Flaw as why:
        return str(why)
    return ""


def read(file: str | Path) -> object:
    """What a file of weights holds, on the CPU: a state dict, or a checkpoint around one.

    Reads what torch.save writes, with `weights_only`, and safetensors, whatever the file is called.
    Raises WeightsError.
    """
    if not isinstance(file, (str, os.PathLike)):
        raise WeightsError(f"The path of a file of weights is wanted, not a {type(file).__name__}.")
    path = Path(file).expanduser()
    if not path.exists():
        raise WeightsError(f"There is no file {file}: check the path.")
    if not path.is_file():
        raise WeightsError(f"{file} is a folder: give the path of one file.")
    try:
        return _readable(_content, path)
    except _Flaw as why:
        raise WeightsError(f"{file} {why}.") from None


class _Flaw(Exception):
    pass


def _content(file: Path) -> object:
    """What a file holds; raises _Flaw for one that is no file of weights, or no longer."""
    with open(file, "rb") as stream:
        head = stream.read(512)
    for start, words in HEADS.items():
        if re.match(start, head):
            raise _Flaw(words)
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:  # torch itself does not compare checksums
                if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                    raise _Flaw(SCRIPT)
                if archive.testzip():
                    raise _Flaw(f"is damaged, for some of its bytes have changed: {AGAIN}")
        return _load(file)
    except _Flaw:
        raise
    except pickle.UnpicklingError as error:
        a_pickle = re.match(rb"\x80[\2-\5]|PK", head)
        needs = "GLOBAL" in str(error) or ("Unsupported" in str(error) and a_pickle)
        raise _Flaw(CODE if needs else NO_WEIGHTS) from None
    except Exception:  # torch and safetensors have many words for a broken file
        raise _Flaw(NO_WEIGHTS) from None


def _readable(ask: Callable[[Path], T], file: Path) -> T:
    """What `ask` says of a file; WeightsError where the file cannot be opened."""
    try:
        return ask(file)
    except OSError as error:
        raise WeightsError(
            f"{short(file)} cannot be read ({error.strerror}): check its permissions, or copy it."
        ) from None


def _load(file: Path) -> object:
    with open(file, "rb") as stream, _allowed(HARMLESS):
        if stream.read(9)[8:] == b"{":
            return load_file(file)
        stream.seek(0)  # an open file, for torch would judge a path by its ending
        return torch.load(stream, map_location="cpu", weights_only=True)


@contextmanager
def _allowed(some: list) -> Iterator[None]:
    """What torch.serialization.safe_globals does, for torch 2.4, which has its parts only."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals(some)
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def short(path: Path) -> str:
    """A path as people write it, with ~ for the home folder."""
    return str(path).replace(str(Path.home()), "~")


# ---------------------------------------------------------------- torchvision's, in torch's cache


def cached(url: str) -> Path:
    """Where the file behind an address lies, or will lie: in torch's own cache."""
    return Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(url).path).name)


def state_dict(url: str) -> dict[str, Tensor]:
    """The weights behind one of torchvision's addresses: from the cache, or fetched. Verified.

    A damaged file is set aside as NAME.damaged and fetched anew. Raises WeightsError.
    """
    file, aside = cached(url), ""
    try:
        if file.exists():
            verify(file)
    except Damaged as damaged:
        aside = _set_aside(file, damaged.what)
    if not file.exists():
        try:
            fetch(url, file)
        except WeightsError as error:
            raise WeightsError(f"{aside}, and {error}" if aside else str(error)) from None
        if aside:
            print(f"{aside} and fetched anew.")
    state = read(file)
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise WeightsError(f"{short(file)} holds no state dict: delete it to have it fetched anew.")
    return state


def _set_aside(file: Path, what: str) -> str:
    """Rename a damaged file, and say so."""
    aside = file.with_name(file.name + ".damaged")
    try:
        os.replace(file, aside)
    except OSError:
        raise WeightsError(
            f"{what} and cannot be renamed, for {short(file.parent)} is read-only: have it "
            f"replaced, or set the environment variable TORCH_HOME to a folder of your own."
        ) from None
    return f"{what}, so it is set aside as {aside.name}"


# ---------------------------------------------------------------- downloads


def fetch(url: str, file: Path) -> None:
    """Download a file, which appears under its name when it is whole and its hash is right.

    WHOLE seconds for everything: name look-up, connection, headers and content. What came until
    then stays in NAME.part, and the next call goes on from there. Raises WeightsError.
    """
    part, end = file.with_name(file.name + ".part"), time.monotonic() + WHOLE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        _in_time(lambda: _receive(url, part, promised(file), end), part, end)
        os.replace(part, file)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, WeightsError):
            raise
        if isinstance(error, FileNotFoundError) and file.exists():
            return  # another process had the same task, and was faster
        raise WeightsError(
            f"{file.name} could not be downloaded, for {_reason(error, url, file)}."
        ) from None
    finally:
        if part.exists() and part.stat().st_size == 0:
            part.unlink()


def _in_time(job: Callable[[], None], part: Path, end: float) -> None:
    """Do it in a thread of its own, for nothing else ends a server that drips its headers."""
    problems: list[BaseException] = []

    def work() -> None:
        try:
            job()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with tqdm(desc=part.stem, unit="B", unit_scale=True, leave=False, delay=1) as bar:
        while thread.is_alive() and time.monotonic() < end:
            thread.join(min(0.2, WHOLE))
            bar.update(part.stat().st_size - bar.n)
    if thread.is_alive():
        raise TimeoutError
    if problems:
        raise problems[0]


def _receive(url: str, part: Path, wanted: str, end: float) -> None:
    """Download to `part` until its hash is right, going on as long as more comes each time.

    Bytes are written at their own place, so a second process with the same task does no harm.
    """
    while True:
        start = part.stat().st_size
        try:
            whole = _receive_once(url, part, end)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not start:
                raise
            whole = True  # there are no bytes behind those that are here
        except (ConnectionError, http.client.IncompleteRead):
            whole = False
            if part.stat().st_size == start:
                raise
        if whole and sha256(part).startswith(wanted):
            return
        if whole and not start:
            raise WeightsError(_not_the_file(url, part, wanted))
        if whole:
            os.truncate(part, 0)  # what was here was the beginning of something else
        elif part.stat().st_size <= start:
            raise ConnectionResetError("cut off")


def _receive_once(url: str, part: Path, end: float) -> bool:
    """One request, for what is missing: whether everything came that was announced."""
    start = part.stat().st_size
    headers = {"User-Agent": USER_AGENT} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(_WebOnly)
    with opener.open(request, timeout=SILENCE) as reply, open(part, "r+b") as stream:
        start = start if reply.status == 206 else 0  # this server sends all of it again
        stream.seek(start)
        announced = reply.headers.get("Content-Length")
        while piece := reply.read1(1 << 16):
            stream.write(piece)
            if time.monotonic() > end:
                raise TimeoutError
            if stream.tell() > MOST:
                raise OSError(errno.EFBIG, "endless")
        if announced and stream.tell() < start + int(announced):
            return False
        stream.truncate()
        return True


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to ftp."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.startswith(("http://", "https://")):
            raise _Redirected(f"it sends on to {newurl.split(':')[0]}://, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Redirected(OSError):
    pass


def _not_the_file(url: str, part: Path, wanted: str) -> str:
    """What to say of a download with another hash, which is thrown away."""
    why, found = flaw(part).partition(": ")[0], sha256(part)
    os.truncate(part, 0)
    return (
        f"{part.stem} could not be downloaded, for what {urlsplit(url).hostname} sent "
        f"{why or 'is another file'} (its SHA-256 begins {found[:8]}, not {wanted[:8]}): a proxy "
        f"or a sign-in page may stand between, so open any web page in your browser and try again, "
        f"or put the file into {short(cached(url).parent)}."
    )


def _reason(error: Exception, url: str, file: Path) -> str:
    """Why a download failed, and what to do, to follow after "for"."""
    folder, host = short(file.parent), urlsplit(url).hostname
    cause = getattr(error, "reason", error)  # a URLError wraps the real one
    number = None if isinstance(error, urllib.error.URLError) else getattr(error, "errno", None)
    by_hand = f"or put that file into {folder}"
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if 300 <= error.code < 400:
            return f"{host} sends on in a circle: try again later, {by_hand}"
        return f"{host} answered {error.code} {error.reason}: try again later, {by_hand}"
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: make room in {folder}, then run this again"
    if number == errno.EFBIG:
        return f"{host} sends more than {MOST / 1e9:.0f} GB: try again later, {by_hand}"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return (
            f"{folder} cannot be written to: set the environment variable TORCH_HOME to a folder "
            f"of your own, then run this again"
        )
    if isinstance(cause, _Redirected):
        return f"{host} cannot be trusted with it ({cause}): try another network, {by_hand}"
    if isinstance(cause, TimeoutError):
        return (
            f"{host} took too long: run this again, which goes on from what has come, or connect "
            f"to a faster network, {by_hand}"
        )
    if isinstance(cause, (ConnectionResetError, http.client.IncompleteRead)):
        return f"the connection was cut off: run this again, which goes on from there, {by_hand}"
    if isinstance(cause, ssl.SSLError):
        return (
            f"{host} could not prove who it is, as behind the proxies of some schools: try another "
            f"network, {by_hand}"
        )
    if isinstance(cause, http.client.HTTPException):
        return f"{host} gave no answer of the web: try again later, or elsewhere, {by_hand}"
    if isinstance(cause, socket.gaierror):
        return f"{host} was not found: connect to the internet and run this again, {by_hand}"
    words = getattr(cause, "strerror", None) or cause
    return f"{host} was not reached ({words}): connect to the internet, run this again, {by_hand}"
