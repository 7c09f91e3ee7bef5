"""JupyterLab itself, in headless Chromium: run all cells, then use what the notebooks show.

A copy of the course in a temporary folder is opened, so nothing here is ever written to.
"""

import json
import re
import shutil
import time
import urllib.request
from pathlib import Path

import pytest

from course import COPIES, hand_out

playwright = pytest.importorskip(
    "playwright.sync_api",
    reason="nothing was driven in a browser, for playwright is missing: pip install playwright",
)

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[3]
SECONDS = 1000  # playwright counts in milliseconds

SMALL = [
    "import sys; sys.path.insert(0, '..')",
    "import torch\nfrom utils import cam, explore, live, models, networks\ntorch.manual_seed(0)",
    "net = networks.cam_network(models.CourseNetwork(), [f'kind {c}' for c in range(10)])\n"
    "picture = (255 * cam.upsample(torch.rand(1, 3, 5, 6), (300, 360))[0]).to(torch.uint8)\n"
    "explore.explorer(net, picture)",
    "kind = explore.guess('Which kind has two legs?', ['kind 3', 'kind 7'])",
    "live.explorer(net, picture)",
]  # a network with random weights: its maps are nonsense, but they are maps


def with_explorer() -> list[str]:
    """The course's notebooks that hold an explorer, and a small one that always does."""
    found = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    return ["small.ipynb"] + [
        path.name for path in found if "explore.explorer(" in path.read_text(encoding="utf-8")
    ]


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


# ---------------------------------------------------------------- what a learner does


@pytest.mark.parametrize("name", with_explorer())
def test_run_all_then_use_the_explorer(browser, lab, course, name, tmp_path):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.set_default_timeout(90 * SECONDS)
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


# ---------------------------------------------------------------- a live figure, on the next day


def test_a_live_figure_works_after_its_kernel_is_gone(browser, lab, course, tmp_path):
    """Run, saved, the kernel ended, opened again: the figure answers, and keeps its keys."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(90 * SECONDS)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        with page.expect_websocket(lambda socket: "/channels" in socket.url):
            page.goto(lab("small.ipynb"))
        run_all(page)
        operate(page)
        save(page, course / COPIES / "small.ipynb")
        end_kernels(lab)
        page.goto("about:blank")
        page.goto(lab("small.ipynb"))
        operate(page)
        change_theme(page)
        distrusted = json.loads((course / COPIES / "small.ipynb").read_text("utf8"))
        distrusted["cells"][-1]["source"] = "live.explorer(net, picture)  # from somebody else"
        (course / COPIES / "copy.ipynb").write_text(json.dumps(distrusted), "utf8")
        page.goto(lab("copy.ipynb"))
        look_without_trust(page)
        assert said == []
    finally:
        page.screenshot(path=tmp_path / "page.png")
        page.close()


def end_kernels(lab) -> None:
    """What happens over night."""
    address = lab("x")
    api, token = address.split("/doc/")[0] + "/api/sessions", re.search(r"token=\w+", address)[0]
    with urllib.request.urlopen(f"{api}?{token}") as answer:
        sessions = json.load(answer)
    assert sessions
    for session in sessions:
        request = urllib.request.Request(f"{api}/{session['id']}?{token}", method="DELETE")
        urllib.request.urlopen(request).close()


def operate(page) -> None:
    """Sliders, the class menu and the map by keys, none of which reaches the notebook."""
    figure = page.locator(".cam-live[data-state=alive]")
    figure.wait_for()
    cells = page.locator(".jp-Cell").count()
    words, title = figure.locator(".cl-words"), figure.locator(".cl-title")
    slider = figure.get_by_role("slider", name="Threshold")
    slider.focus()
    page.keyboard.press("Home")
    playwright.expect(words).to_contain_text("above 0.00 of the map")
    page.keyboard.press("ArrowUp")
    playwright.expect(words).to_contain_text("above 0.01 of the map")
    menu, score = figure.get_by_role("listbox"), figure.locator(".cl-equation")
    menu.focus()
    page.keyboard.press("Home")
    before = score.inner_text()
    page.keyboard.press("ArrowDown")
    playwright.expect(score).not_to_have_text(before)
    figure.get_by_role("application").focus()
    page.keyboard.press("Home")
    playwright.expect(title).to_contain_text("column 1 of")
    for key in ("ArrowRight", "b", "d", "d", "x"):
        page.keyboard.press(key)
    playwright.expect(title).to_contain_text("column 2 of")
    assert page.locator(".jp-Cell").count() == cells
    assert page.evaluate("document.activeElement.getAttribute('role')") == "application"


def change_theme(page) -> None:
    """In JupyterLab's dark theme the figure is dark, too, and back."""
    ground = "getComputedStyle(document.querySelector('.cam-live')).backgroundColor"
    light = page.evaluate(ground)
    for theme, is_light in (("JupyterLab Dark", False), ("JupyterLab Light", True)):
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.locator(".lm-Menu-item", has_text="Theme").first.hover()
        page.locator("[data-command='apputils:change-theme']", has_text=theme).first.click()
        page.wait_for_function(
            f"light => ({ground} === light) === {str(is_light).lower()}", arg=light
        )


def look_without_trust(page) -> None:
    """A notebook from somebody else: the picture and its words, and no script."""
    image = page.locator("img[alt^='Heat map over its picture']").last
    image.wait_for()
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") == 400
    assert page.locator(".cam-live[data-state]").count() == 0
