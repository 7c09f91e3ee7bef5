"""JupyterLab itself, in headless Chromium: run all cells, then use the explorer with the keyboard.

A copy of the course in a temporary folder is opened, so nothing here is ever written to. Needs
playwright (`pip install playwright`) and a Chromium: Debian's `chromium` package, or playwright's
own (`python -m playwright install chromium`). Without one the tests are skipped and say so.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from course import COPIES, hand_out

LACKS = "JupyterLab was not driven in a browser, for {0} is missing: pip install {0}"
pytest.importorskip("jupyterlab", reason=LACKS.format("jupyterlab"))
playwright = pytest.importorskip("playwright.sync_api", reason=LACKS.format("playwright"))

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
SECONDS = 1000  # playwright counts in milliseconds
playwright.expect.set_options(timeout=20 * SECONDS)  # for slow machines

SMALL = [
    "import sys; sys.path.insert(0, '..')",
    "import torch\nfrom utils import cam, explore, models, networks\ntorch.manual_seed(0)",
    "net = networks.cam_network(models.CourseNetwork(), [f'kind {c}' for c in range(10)])\n"
    "picture = (255 * cam.upsample(torch.rand(1, 3, 5, 6), (300, 360))[0]).to(torch.uint8)\n"
    "explore.explorer(net, picture)",
    "kind = explore.guess('Which kind has two legs?', ['kind 3', 'kind 7'])",
]  # a network with random weights: its maps are nonsense, but they are maps


def with_explorer() -> list[str]:
    """The course's notebooks that hold an explorer, and a small one that always does."""
    found = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    return ["small.ipynb"] + [
        path.name for path in found if "explore.explorer(" in path.read_text(encoding="utf-8")
    ]


# ---------------------------------------------------------------- a server and a browser


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of what the notebooks need, handed out without outputs: every output seen is new."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(REPOSITORY / "utils", folder / "utils", ignore=lambda *_: ["__pycache__"])
    shutil.copytree(REPOSITORY / "sketchbook", folder / "sketchbook")
    (folder / "notebooks").mkdir()
    for name in with_explorer()[1:]:
        shutil.copy(REPOSITORY / "notebooks" / name, folder / "notebooks")
    plain = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [plain | {"id": f"c{i}", "source": source} for i, source in enumerate(SMALL)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    small = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    (folder / "notebooks" / "small.ipynb").write_text(json.dumps(small), encoding="utf-8")
    assert hand_out(folder) == []
    return folder


@pytest.fixture(scope="module")
def lab(course, tmp_path_factory):
    """JupyterLab on a free loopback port, with settings of its own: the address of a notebook."""
    home = tmp_path_factory.mktemp("jupyter")
    settings = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight count, too
    }
    for name, values in settings.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    own = {
        "JUPYTER_CONFIG_DIR": home / "config",
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
        wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, log)
        yield lambda name: f"http://127.0.0.1:{port}/doc/tree/{COPIES}/{name}?token={token}&reset"
    finally:
        server.terminate()  # the server ends its kernels
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 45) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        path = str(CHROMIUM) if CHROMIUM.exists() else None
        try:
            chromium = p.chromium.launch(executable_path=path, args=FLAGS)
        except playwright.Error as problem:
            pytest.skip(
                "JupyterLab was not driven in a browser, for there is no Chromium that starts: "
                "sudo apt install chromium, or .venv/bin/python -m playwright install chromium "
                f"({str(problem).splitlines()[0]})"
            )
        yield chromium
        chromium.close()


# ---------------------------------------------------------------- what a learner does


@pytest.mark.parametrize("name", with_explorer())
def test_run_all_then_use_the_explorer(browser, lab, course, name, tmp_path):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.set_default_timeout(30 * SECONDS)
        with page.expect_websocket(lambda socket: "/channels" in socket.url):  # of the kernel
            page.goto(lab(name))
        run_all(page)
        explorer = page.locator(".jp-OutputArea-output:has(img.widget-image):has(select)").first
        check_looks(explorer)
        slide_threshold(page, explorer)
        choose_class(explorer)
        if name == "small.ipynb":
            put_a_guess_down(page)
        save(page, course / COPIES / name)
    finally:
        page.screenshot(path=tmp_path / "page.png")  # what it looked like in the end
        page.close()


def run_all(page) -> None:
    """Run > Run All Cells, and wait until every code cell has its number."""
    playwright.expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu [data-command='runmenu:run-all']").click()
    failed = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    done = """() => document.querySelector("[data-mime-type='application/vnd.jupyter.error']")
        || [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
           .every(prompt => /\\d/.test(prompt.textContent))"""
    page.wait_for_function(done, timeout=300 * SECONDS)
    assert failed.all_inner_texts() == []


def check_looks(explorer) -> None:
    """The picture is there and not too large, and no label is cut off."""
    image = explorer.locator("img.widget-image")
    image.wait_for()
    width, height = image.evaluate("i => i.decode().then(() => [i.naturalWidth, i.naturalHeight])")
    assert max(width, height) == 480
    assert image.bounding_box()["width"] == pytest.approx(width, abs=8)
    labels = explorer.locator(".widget-label:visible")
    assert labels.all_inner_texts() == ["Class", "Map opacity", "Threshold"]
    for label in labels.all():
        assert label.evaluate("l => l.scrollWidth <= l.clientWidth"), label.inner_text()


def slide_threshold(page, explorer) -> None:
    """One key press on the slider changes the number, the words and the picture."""
    words, image = explorer.get_by_role("status"), explorer.locator("img.widget-image")
    playwright.expect(words).to_contain_text("above 0.20 of the map's maximum")
    before = image.get_attribute("src")
    slider = explorer.locator(".widget-slider", has_text="Threshold").get_by_role("slider")
    slider.focus()
    for reached in ("0.25", "0.30"):
        page.keyboard.press("ArrowRight")
        playwright.expect(words).to_contain_text(f"above {reached} of the map's maximum")
    playwright.expect(image).not_to_have_attribute("src", before)


def choose_class(explorer) -> None:
    """The second class of the menu, chosen in the browser, is the one that the words name."""
    words, image = explorer.get_by_role("status"), explorer.locator("img.widget-image")
    before = image.get_attribute("src")
    menu = explorer.get_by_role("listbox")
    second = menu.locator("option").nth(1).inner_text().replace("\xa0", " ").split(": P_c")[0]
    menu.select_option(index=1)
    playwright.expect(words).to_contain_text(f"{second}:")
    playwright.expect(image).not_to_have_attribute("src", before)


def put_a_guess_down(page) -> None:
    """Tab goes from choice to choice, Space takes one, and the line below says so."""
    guess = page.locator(".jp-OutputArea-output:has(button:text-is('kind 3'))")
    guess.get_by_role("button", name="kind 3").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    playwright.expect(guess.get_by_role("status")).to_have_text("You put down: kind 7.")


def save(page, path: Path) -> None:
    """The saved file holds a picture or text beside every widget, for where widgets cannot live."""
    before = path.stat().st_mtime_ns
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator(".lm-Menu [data-command='docmanager:save']").click()
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    end = time.monotonic() + 10
    while path.stat().st_mtime_ns == before and time.monotonic() < end:
        time.sleep(0.1)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    view = "application/vnd.jupyter.widget-view+json"
    shown = [output for output in outputs if view in output.get("data", {})]
    assert shown
    for output in shown:
        pictured = output["data"].get("image/png") and output["metadata"]["image/png"]["alt"]
        assert pictured or output["data"]["text/html"]
