"""JupyterLab itself, in headless Chromium: run all cells, then use what the notebooks show.

A small notebook in a temporary folder shows each kind of control and of live figure: nothing here
is written to.
"""

import json
import re
import shutil
import time
import urllib.request
from pathlib import Path

import pytest
from operating import LETTERS, OPERATE, press
from PIL import Image
from reading import brightness
from shown import FIGURES

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
    "import shown\n"
    "from utils import explore, models, plots, teaching\n"
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
    *(f"shown.FIGURES[{kind!r}]()" for kind in FIGURES),
]
KINDS = list(FIGURES)
LIVE = ".cam-live[data-state=alive]"
WIDGETS = ".jp-OutputArea-output:has(.jupyter-widgets)"
CONTROLS = "button, select, input, textarea, img, [role=slider]"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of what the notebook needs, handed out without outputs: every output seen is new."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(REPOSITORY / "utils", folder / "utils", ignore=lambda *_: ["__pycache__"])
    shutil.copytree(REPOSITORY / "sketchbook", folder / "sketchbook")
    shutil.copy(Path(__file__).with_name("shown.py"), folder)
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
def open_tab(browser, errors):
    """A new page at an address; what its console says of errors is kept."""

    def open_tab(address: str):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120 * SECONDS)  # for slow machines
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(address)
        return page

    return open_tab


@pytest.fixture(scope="module")
def ran(open_tab, lab):
    """The notebook, all cells run. One page serves all tests of this file, in their order."""
    page = open_tab(lab("small.ipynb"))
    run_all(page)
    yield page
    page.close()


@pytest.fixture
def page(ran):
    return ran


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
    press(first, *"abddxzm", "ArrowDown", "Tab", "Space")
    playwright.expect(guess.get_by_role("status")).to_have_text("You put down: kind 7.")
    press(first, "Enter")
    playwright.expect(guess.get_by_role("status")).to_have_text("You put down: kind 3.")


def test_a_picture_and_a_network_of_ones_own(page, tmp_path):
    """Notebook 11: by mouse and by keys; the cells behind show five classes and a map of it."""
    panel = page.locator(WIDGETS, has=page.get_by_role("button", name="Load the address"))
    words, shown = panel.get_by_role("status"), panel.locator("img")
    menu = panel.get_by_role("combobox", name="Picture")
    before = shown.get_attribute("src")
    press(menu, "ArrowDown")
    playwright.expect(words).to_have_text("second: 112 × 112 pixels.")
    playwright.expect(shown).not_to_have_attribute("src", before)
    press(menu, "f")  # a menu goes to what begins with the letter
    playwright.expect(words).to_have_text("first: 112 × 112 pixels.")
    menu.select_option("second")
    playwright.expect(words).to_have_text("second: 112 × 112 pixels.")

    for n, how in ((30, "mouse"), (40, "keys")):
        Image.new("RGB", (n, 20), "red").save(tmp_path / f"{how}.png")
        upload = panel.get_by_role("button", name="Upload a picture")
        with page.expect_file_chooser() as chooser:
            upload.click() if how == "mouse" else press(upload, "Enter")
        chooser.value.set_files(tmp_path / f"{how}.png")
        playwright.expect(words).to_have_text(f"Your upload: {n} × 20 pixels.")
    press(menu, "s")  # the one from before the uploads
    playwright.expect(words).to_have_text("second: 112 × 112 pixels.")
    address = panel.get_by_role("textbox", name="Address")
    press(address, *"a/b")
    press(address, "Tab", "Space")
    playwright.expect(words).to_contain_text("The picture before it stays.")

    networks = page.get_by_role("combobox", name="Network")
    press(networks, "Home")
    told = page.locator(WIDGETS, has=networks).get_by_role("status")
    playwright.expect(told).to_contain_text("resnet18")
    outputs = run_again(page, "topk(5)")
    printed = outputs.first.inner_text().split()
    assert printed[0] == "resnet18" and len(set(printed[1:])) == 5
    playwright.expect(outputs.last).to_have_text("The maps of the two best classes.")
    image = outputs.locator("img")
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100


def test_a_picture_of_the_camera(page):
    """Notebook 11: refused, it is a sentence; with leave, its picture goes to the cells behind."""
    panel = page.locator(WIDGETS, has=page.get_by_role("button", name="Use the camera"))
    words, use = panel.get_by_role("status"), panel.get_by_role("button", name="Use the camera")
    shown = panel.locator("img")
    before = shown.get_attribute("src")

    use.click()
    playwright.expect(words).to_have_text(re.compile("gave no picture.* The picture before it st"))
    assert shown.get_attribute("src") == before
    page.context.grant_permissions(["camera"])
    press(use, "Enter")
    take = panel.get_by_role("button", name="Take the picture")
    playwright.expect(take).to_be_focused()
    press(take, "Space")
    playwright.expect(words).to_have_text(re.compile(r"Your camera: \d+ × \d+ pixels\."))
    playwright.expect(take).to_have_count(0)
    assert shown.get_attribute("src") != before
    printed = run_again(page, "topk(5)").first.inner_text().split()
    assert len(set(printed[1:])) == 5


def test_a_lesson_by_keys(page):
    """Notebook 12: both rounds and the study by letters, Enter and the mouse; then the score."""
    lesson = page.locator(WIDGETS, has=page.get_by_role("button", name="Next page"))
    words, shown = lesson.get_by_role("status"), lesson.locator("img").last
    names = ("A", "B", "Next page (N)")
    a, b, turn = (lesson.get_by_role("button", name=x, exact=True) for x in names)
    for n, how in enumerate(("a", "B", "Enter", "click"), 1):
        playwright.expect(words).to_have_text(f"First round, picture {n} of 4: which is it?")
        before = shown.get_attribute("src")
        b.click() if how == "click" else press(a, how)
        playwright.expect(shown).not_to_have_attribute("src", before)
    for n, name in enumerate("AB", 1):
        playwright.expect(words).to_contain_text(f"Study, page {n} of 2: {name}.")
        playwright.expect(turn).to_be_focused()
        press(turn, "n")
    for n, how in enumerate("abab", 1):
        playwright.expect(words).to_have_text(f"Second round, picture {n} of 4: which is it?")
        playwright.expect(a).to_be_focused()
        press(a, how)
    playwright.expect(words).to_contain_text(re.compile(r"Second round: \d of 4"))
    assert a.is_disabled() and turn.is_disabled()
    assert run_again(page, "teaching.report").first.inner_text().strip() == words.inner_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_live_figure_by_keys_and_by_mouse(page, kind):
    """Its numbers, boxes and pixels are those of the package; its keys stay in it."""
    OPERATE[kind](page.locator(LIVE).nth(KINDS.index(kind)))


def test_what_is_saved_can_be_seen_without_widgets(page, saved, errors):
    """The file holds a picture or text beside every widget, for where widgets cannot live."""
    assert errors == []  # of all the tests above
    cells = json.loads(saved)["cells"]
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


# ---------------------------------------------------------------- live figures, on the next day


@pytest.fixture(scope="module")
def saved(ran, course) -> str:
    return save(ran, course / COPIES / "small.ipynb")


@pytest.fixture(scope="module")
def next_day(ran, saved, lab, open_tab):
    """Run and saved, the kernel ended, the page closed; then opened again, with nothing run."""
    end_kernels(lab)
    ran.close()
    page = open_tab(lab("small.ipynb"))
    wait_for_figures(page)
    yield page
    page.close()


def wait_for_figures(page) -> None:
    alive = f"() => document.querySelectorAll('{LIVE}').length === {len(KINDS)}"
    page.wait_for_function(alive)


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_live_figure_works_after_its_kernel_is_gone(next_day, kind):
    """By keys and by mouse: numbers, boxes and pixels are those of the package again."""
    OPERATE[kind](next_day.locator(LIVE).nth(KINDS.index(kind)))


def change_theme(page, theme: str) -> None:
    """Settings > Theme > JupyterLab Dark, or Light."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    name = f"JupyterLab {theme}"
    page.locator("[data-command='apputils:change-theme']", has_text=name).first.click()
    is_light = str(theme == "Light").lower()
    page.wait_for_selector(f"body[data-jp-theme-light={is_light}]", state="attached")


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_live_figures_follow_the_theme_of_jupyterlab(next_day, theme):
    """All are as dark as it is, and every letter can be read."""
    change_theme(next_day, theme)
    computed = """all => all.map(e => {
      const { color, backgroundColor } = getComputedStyle(e);
      return [color, backgroundColor];
    })"""
    for colours in next_day.locator(LIVE).evaluate_all(computed):
        low, high = sorted(map(brightness, colours))
        assert (brightness(colours[1]) < 0.05) == (theme == "Dark")
        assert (high + 0.05) / (low + 0.05) >= 7


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_axe_finds_nothing_serious_in_jupyterlab(next_day, serious, theme):
    change_theme(next_day, theme)
    assert serious(next_day, ".cam-live") == []


def test_a_copy_from_somebody_else_stands_still_until_it_is_trusted(saved, course, lab, open_tab):
    """Pictures and their words, and no script; with trust all are alive, with nothing run."""
    copy = json.loads(saved)
    copy["cells"] = [cell for cell in copy["cells"] if "FIGURES" in "".join(cell["source"])]
    for cell in copy["cells"]:
        cell["source"] += "  # from somebody else"
    (course / COPIES / "copy.ipynb").write_text(json.dumps(copy), "utf8")
    page = open_tab(lab("copy.ipynb"))
    stills = page.locator(".jp-OutputArea-output img")
    playwright.expect(stills).to_have_count(len(KINDS))
    seen = stills.evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => [i.alt, i.naturalWidth])))"
    )
    for (words, width), kind in zip(seen, KINDS, strict=True):
        assert len(words) > 40 and width >= 320, kind
        assert page.get_by_role("img", name=words).first.is_visible()
    assert page.locator(".cam-live[data-state]").count() == 0
    playwright.expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("trust notebook")
    page.locator(".lm-CommandPalette-item[data-command='notebook:trust']").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    wait_for_figures(page)
    for figure in page.locator(LIVE).all():
        press(figure.locator("input[type=range], [role=application]").first, "ArrowRight", *LETTERS)
    page.close()


def test_the_console_said_nothing_of_errors(errors):
    """Of all pages above, but that panels need their kernel: these have ended with it."""
    assert [error for error in errors if "widget model not found" not in error] == []
