"""JupyterLab itself, in headless Chromium: run all cells, then use what the notebooks show.

A small notebook in a temporary folder shows each kind of control: nothing here is written to.
"""

import json
import re
import shutil
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

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
    "import torch\n"
    "import sketchbook\n"
    "from utils import explore, live, models, plots, teaching\n"
    "net, world = models.load('objects-gap'), sketchbook.objects(24, seed=11)",
    "kind = explore.guess('Which kind has two legs?', ['kind 3', 'kind 7'])",
    "chosen = explore.own_picture({'first': world.images[0], 'second': world.images[1]})",
    "name = explore.network(['resnet18', 'mobilenet_v2'])",
    "S, M = net(net.prepare([chosen.value]))\n"
    "best = S[0].topk(5).indices.tolist()\n"
    "print(name.value, *(net.class_names[c] for c in best))\n"
    "fig, axes = plots.row(2, size=1.6)\n"
    "for ax, c in zip(axes, best):\n"
    "    plots.panel(ax, plots.overlay(chosen.value, M[0, c]), net.class_names[c])\n"
    "plots.show(fig, 'The maps of the two best classes.')",
    "plan = teaching.plan(torch.arange(24) % 2, asked=2, studied=3, seed=0)\n"
    "mine = explore.lesson(world.images, plan, ['A', 'B'], torch.rand(24, 4, 4))",
    "print(teaching.report(mine.progress))",
    "live.explorer(net, world.images[0])",
]
WIDGETS = ".jp-OutputArea-output:has(.jupyter-widgets)"
CONTROLS = "button, select, input, textarea, img, [role=slider]"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of what the notebook needs, handed out without outputs: every output seen is new."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(REPOSITORY / "utils", folder / "utils", ignore=lambda *_: ["__pycache__"])
    shutil.copytree(REPOSITORY / "sketchbook", folder / "sketchbook")
    (folder / "notebooks").mkdir()
    plain = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [plain | {"id": f"c{i}", "source": source} for i, source in enumerate(SMALL)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    small = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    (folder / "notebooks" / "small.ipynb").write_text(json.dumps(small), encoding="utf-8")
    assert hand_out(folder) == []
    return folder


@pytest.fixture(scope="module")
def errors() -> list[str]:
    """What the console says of errors."""
    return []


@pytest.fixture(scope="module")
def ran(browser, lab, course, errors):
    """The notebook, all cells run. One page serves all tests of this file, in their order."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(240 * SECONDS)  # for slow machines
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    with page.expect_websocket(lambda socket: "/channels" in socket.url):  # of the kernel
        page.goto(lab("small.ipynb"))
    run_all(page)
    yield page
    page.close()


@pytest.fixture
def page(ran, tmp_path):
    yield ran
    ran.screenshot(path=tmp_path / "page.png")  # what it looked like in the end


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


def run_again(page, text: str):
    """The cell that holds this text, run once more by Shift+Enter: its outputs."""
    cell = page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first
    before = cell.locator(".jp-InputPrompt").inner_text()
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    prompt = cell.locator(".jp-InputPrompt")
    playwright.expect(prompt).not_to_have_text(before)
    playwright.expect(prompt).to_have_text(re.compile(r"\d"))
    return cell.locator(".jp-OutputArea-output")


def cells_of(page) -> list[list[bool]]:
    """What JupyterLab's own keys would change: the cells, their kinds, and which one is active."""
    of_each = "cells => cells.map(c => ['.jp-CodeCell', '.jp-mod-active'].map(k => c.matches(k)))"
    return page.locator(".jp-Cell").evaluate_all(of_each)


def press(page, control, *keys: str) -> None:
    """Keys go to the control, and to nothing else."""
    control.focus()
    before = cells_of(page)
    for key in keys:
        page.keyboard.press(key)
    assert cells_of(page) == before


# ---------------------------------------------------------------- what a learner does


def test_every_control_has_a_name(page):
    """What a screen reader says of it, as Chromium computes it."""
    outputs = page.locator(WIDGETS)
    assert outputs.count() == 4  # guess, picture, network, lesson
    for output in outputs.all():
        said = output.aria_snapshot()
        named = re.findall(r"^\s*- '?(?:button|combobox|textbox|img|slider)( \")?", said, re.M)
        assert all(named), said
        assert len(named) == output.locator(CONTROLS).locator("visible=true").count()


def test_a_guess_by_keys(page):
    """Tab goes from choice to choice, Space or Enter takes one, and the line below says so.

    Letters, which would insert cells or delete them, do nothing.
    """
    guess = page.locator(WIDGETS, has=page.get_by_role("button", name="kind 3"))
    first = guess.get_by_role("button", name="kind 3")
    press(page, first, *"abddxzm", "ArrowDown", "Tab", "Space")
    playwright.expect(guess.get_by_role("status")).to_have_text("You put down: kind 7.")
    press(page, first, "Enter")
    playwright.expect(guess.get_by_role("status")).to_have_text("You put down: kind 3.")


def test_a_picture_and_a_network_of_ones_own(page, tmp_path):
    """Notebook 11: by mouse and by keys; the cells behind show five classes and a map of it."""
    panel = page.locator(WIDGETS, has=page.get_by_role("button", name="Load the address"))
    words, shown = panel.get_by_role("status"), panel.locator("img")
    menu = panel.get_by_role("combobox", name="Picture")
    before = shown.get_attribute("src")
    press(page, menu, "ArrowDown")
    playwright.expect(words).to_have_text("second: 112 × 112 pixels.")
    playwright.expect(shown).not_to_have_attribute("src", before)
    press(page, menu, "f")  # a menu goes to what begins with the letter
    playwright.expect(words).to_have_text("first: 112 × 112 pixels.")
    menu.select_option("second")
    playwright.expect(words).to_have_text("second: 112 × 112 pixels.")

    for n, how in ((30, "mouse"), (40, "keys")):
        Image.new("RGB", (n, 20), "red").save(tmp_path / f"{how}.png")
        upload = panel.get_by_role("button", name="Upload a picture")
        with page.expect_file_chooser() as chooser:
            upload.click() if how == "mouse" else press(page, upload, "Enter")
        chooser.value.set_files(tmp_path / f"{how}.png")
        playwright.expect(words).to_have_text(f"Your upload: {n} × 20 pixels.")
    press(page, menu, "s")  # the one from before the uploads
    playwright.expect(words).to_have_text("second: 112 × 112 pixels.")
    address = panel.get_by_role("textbox", name="Address")
    press(page, address, *"a/b")
    press(page, address, "Tab", "Space")
    playwright.expect(words).to_contain_text("The picture before it stays.")

    networks = page.get_by_role("combobox", name="Network")
    press(page, networks, "Home")
    told = page.locator(WIDGETS, has=networks).get_by_role("status")
    playwright.expect(told).to_contain_text("resnet18")
    outputs = run_again(page, "topk(5)")
    printed = outputs.first.inner_text().split()
    assert printed[0] == "resnet18" and len(set(printed[1:])) == 5
    playwright.expect(outputs.last).to_have_text("The maps of the two best classes.")
    image = outputs.locator("img")
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100


def test_a_lesson_by_keys(page):
    """Notebook 12: both rounds and the study by letters, Enter and the mouse; then the score."""
    lesson = page.locator(WIDGETS, has=page.get_by_role("button", name="Next page"))
    words, shown = lesson.get_by_role("status"), lesson.locator("img").last
    names = ("A", "B", "Next page (N)")
    a, b, turn = (lesson.get_by_role("button", name=x, exact=True) for x in names)
    for n, how in enumerate(("a", "B", "Enter", "click"), 1):
        playwright.expect(words).to_have_text(f"First round, picture {n} of 4: which is it?")
        before = shown.get_attribute("src")
        b.click() if how == "click" else press(page, a, how)
        playwright.expect(shown).not_to_have_attribute("src", before)
    for n, name in enumerate("AB", 1):
        playwright.expect(words).to_contain_text(f"Study, page {n} of 2: {name}.")
        playwright.expect(turn).to_be_focused()
        press(page, turn, "n")
    for n, how in enumerate("abab", 1):
        playwright.expect(words).to_have_text(f"Second round, picture {n} of 4: which is it?")
        playwright.expect(a).to_be_focused()
        press(page, a, how)
    playwright.expect(words).to_contain_text(re.compile(r"Second round: \d of 4"))
    assert a.is_disabled() and turn.is_disabled()
    assert run_again(page, "teaching.report").first.inner_text().strip() == words.inner_text()


def test_what_is_saved_can_be_seen_without_widgets(page, course, errors):
    """The file holds a picture or text beside every widget, for where widgets cannot live."""
    assert errors == []  # of all the tests above
    cells = json.loads(save(page, course / COPIES / "small.ipynb"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    view = "application/vnd.jupyter.widget-view+json"
    shown = [output for output in outputs if view in output.get("data", {})]
    assert len(shown) == 4
    for output in shown:
        pictured = output["data"].get("image/png") and output["metadata"]["image/png"]["alt"]
        assert pictured or output["data"]["text/html"]


def save(page, path: Path) -> str:
    """File > Save: what the file holds then."""
    before = path.stat().st_mtime_ns
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator(".lm-Menu [data-command='docmanager:save']").click()
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    end = time.monotonic() + 10
    while path.stat().st_mtime_ns == before and time.monotonic() < end:
        time.sleep(0.1)
    return path.read_text("utf8")


# ---------------------------------------------------------------- a live figure, on the next day


def test_a_live_figure_works_after_its_kernel_is_gone(page, lab, course, errors):
    """Run, saved, the kernel ended, opened again: the figure answers, and keeps its keys."""
    operate(page)
    saved = save(page, course / COPIES / "small.ipynb")
    end_kernels(lab)
    page.goto("about:blank")
    page.goto(lab("small.ipynb"))
    operate(page)
    change_theme(page)
    distrusted = json.loads(saved)
    distrusted["cells"][-1]["source"] += "  # from somebody else"
    (course / COPIES / "copy.ipynb").write_text(json.dumps(distrusted), "utf8")
    page.goto(lab("copy.ipynb"))
    look_without_trust(page)
    lost = "widget model not found"  # of the panels, whose kernel is gone
    assert [error for error in errors if lost not in error] == []


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


# ---------------------------------------------------------------- the camera


def test_a_picture_of_the_camera(browser, lab, course):
    """Notebook 11: refused, it is a sentence; with leave, its picture goes to the cells behind."""
    here = course / COPIES
    small = json.loads((here / "small.ipynb").read_text("utf8"))
    wanted = ("import sys", "import torch", "own_picture", "topk(5)")
    small["cells"] = [c for c in small["cells"] if any(w in "".join(c["source"]) for w in wanted)]
    small["cells"][-1]["source"] = "".join(small["cells"][-1]["source"]).replace("name.value, ", "")
    (here / "camera.ipynb").write_text(json.dumps(small), "utf8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(240 * SECONDS)
    page.goto(lab("camera.ipynb"))
    run_all(page)
    panel = page.locator(WIDGETS, has=page.get_by_role("button", name="Use the camera"))
    words, use = panel.get_by_role("status"), panel.get_by_role("button", name="Use the camera")
    shown = panel.locator("img")
    before = shown.get_attribute("src")

    use.click()
    playwright.expect(words).to_have_text(re.compile("gave no picture.* The picture before it st"))
    assert shown.get_attribute("src") == before
    page.context.grant_permissions(["camera"])
    press(page, use, "Enter")
    take = panel.get_by_role("button", name="Take the picture")
    playwright.expect(take).to_be_focused()
    press(page, take, "Space")
    playwright.expect(words).to_have_text(re.compile(r"Your camera: \d+ × \d+ pixels\."))
    playwright.expect(take).to_have_count(0)
    assert shown.get_attribute("src") != before
    printed = run_again(page, "topk(5)").first.inner_text().split()
    assert len(set(printed)) == 5
    page.close()
