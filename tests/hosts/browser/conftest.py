"""What the tests in a browser share: Chromium, JupyterLab, and pages opened from disk.

They need playwright (`pip install playwright`) and a Chromium: Debian's `chromium` package, or
playwright's own (`python -m playwright install chromium`). Without one they are skipped and say so.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from course import COPIES

ROOT = Path(__file__).parents[3]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--use-fake-device-for-media-stream"]  # a camera, which shows a test picture
LACKS = "nothing was driven in a browser, for {0} is missing: pip install {0}"
SECONDS = 1000  # playwright counts in milliseconds


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason=LACKS.format("playwright"))
    playwright.expect.set_options(timeout=60 * SECONDS)  # for slow machines
    with playwright.sync_playwright() as p:
        path = str(CHROMIUM) if CHROMIUM.exists() else None
        try:
            chromium = p.chromium.launch(executable_path=path, args=FLAGS)
        except playwright.Error as problem:
            pytest.skip(
                "nothing was driven in a browser, for there is no Chromium that starts: "
                "sudo apt install chromium, or .venv/bin/python -m playwright install chromium "
                f"({str(problem).splitlines()[0]})"
            )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def serious():
    """What axe-core finds serious or worse in a page, or in the elements of a selector.

    It says what assistive technology would stumble over.
    """
    places = [Path(os.environ.get("AXE_CORE", "")), ROOT / "node_modules" / "axe-core"]
    script = next((p / "axe.min.js" for p in places if (p / "axe.min.js").is_file()), None)
    if script is None:
        pytest.skip("axe-core is missing: npm install --no-save axe-core (or AXE_CORE=its folder)")
    text = script.read_text("utf8")

    def serious(page, within: str = "html") -> list[tuple[str, str]]:
        page.evaluate(text)
        options = "{ preload: false, resultTypes: ['violations'] }"
        run = f"within => axe.run(within, {options}).then(r => r.violations)"
        found = [v for v in page.evaluate(run, within) if v["impact"] in ("serious", "critical")]
        return [(v["id"], v["nodes"][0]["html"]) for v in found]

    return serious


@pytest.fixture
def opened(browser, tmp_path):
    """Opens figures, as HTML, from disk: `opened(html, theme=...)` gives the page, all awake."""
    yield from opener(browser, tmp_path)


@pytest.fixture(scope="module")
def opened_once(browser, tmp_path_factory):
    """As `opened`, for a page that many tests look at."""
    yield from opener(browser, tmp_path_factory.mktemp("figures"))


def opener(browser, folder: Path):
    """The function that `opened` is.

    Whatever the console said beside its errors is asserted away in the end.
    """
    contexts, said = [], []

    def opened(*figures: str, theme: str = "light", width: int = 1000, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60 * SECONDS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        path = folder / f"page{len(contexts)}.html"
        head = "<meta charset=utf-8><title>Figures</title>"
        head += "<style>:root{color-scheme:light dark}</style>"
        body = f"<main><h1>Figures</h1>{''.join(figures)}</main>"
        path.write_text(f'<!doctype html><html lang="en">{head}<body>{body}', "utf8")
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            alive = page.locator(".cam-live[data-state=alive]")
            page.wait_for_function(
                "n => document.querySelectorAll('[data-state=alive]').length === n",
                arg=len(figures),
            )
            assert alive.count() == len(figures)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def lab(course, tmp_path_factory):
    """JupyterLab on a free loopback port, with settings of its own: the address of a notebook.

    `course`, of the test's own module, is the folder it opens.
    """
    pytest.importorskip("jupyterlab", reason=LACKS.format("jupyterlab"))
    home = tmp_path_factory.mktemp("jupyter")
    settings = {
        "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
        "notebook-extension/tracker": '{"windowingMode": "none"}',  # cells out of sight count, too
    }
    for name, values in settings.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(values)
    own = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.allow_root=True"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={course}"),
        "--LabApp.extension_manager=readonly",
    ]
    log = home / "log.txt"
    environment = os.environ | {name: str(path) for name, path in own.items()}
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=out, stderr=out)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, log)
        yield lambda name: f"http://127.0.0.1:{port}/doc/tree/{COPIES}/{name}?token={token}&reset"
    finally:
        server.terminate()  # the server ends its kernels
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
