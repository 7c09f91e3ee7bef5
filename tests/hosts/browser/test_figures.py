"""Live figures opened from disk, offline: operated by mouse and keyboard, their numbers read.

What stands on the screen is held against `utils`, which computed nothing of it: the page did.
"""

import itertools
import re

import numpy as np
import pytest
import torch
from operating import OPERATE
from reading import (
    Changed,
    brightness,
    check_cell,
    check_class,
    check_overlay,
    check_scores,
    check_variant,
    drawn,
    numbers,
    words,
)
from shown import FIGURES, net, picture, test, variants

import sketchbook
from utils import cam, live, localization, models, networks, plots
from utils.live import page as packing

pytestmark = pytest.mark.browser

KINDS = list(FIGURES)
SAID = {  # to a screen reader, of what was done last
    "explorer": r"^car: .* above 0\.10 of the map's maximum\. Box \(",
    "bench": r"^cup wins after the smallest change of weights",
    "switch": r"^GMP, fish: IoU 0\.\d\d, (found|missed); \d+\.\d % of the test pictures found",
    "thresholds": r"^blocks, fish: IoU 0\.\d\d, (found|missed); blocks has no curve",
    "paint": r"^You marked 0 of 196 cells\.$",
    "browser": r"^Channel \d+, weight 0\.\d\d for fish\. Best part: ",
    "board": r" leads with \d+\.\d %\. Map of fish\.$",
}
SHARED = "Object.values(camLive)[0]"  # what live.js defines, for tests of its functions


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """On a busy machine, several threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def html_of(figure, *arguments, **options) -> str:
    """What a function of `live` puts below its cell."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "display", lambda bundle, **_: shown.append(bundle))
        figure(*arguments, **options)
    assert set(shown[0]) == {"text/html", "text/plain"}
    return shown[0]["text/html"]


@pytest.fixture(scope="module")
def figures() -> dict[str, str]:
    """The HTML of each figure of `shown`."""
    return {kind: html_of(show) for kind, show in FIGURES.items()}


@pytest.fixture(scope="module")
def explorer(figures) -> str:
    return figures["explorer"]


@pytest.fixture(scope="module")
def gallery(opened_once, figures):
    """One page with all figures, for tests that ask the same of each."""
    return opened_once(*figures.values())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_by_keys_and_by_mouse(opened, figures, kind):
    """As in JupyterLab (test_jupyterlab.py); what follows looks closer."""
    page = opened(figures[kind])
    OPERATE[kind](page.locator(".cam-live"))
    said = "pattern => RegExp(pattern).test(document.querySelector('.cl-unseen').textContent)"
    page.wait_for_function(said, arg=SAID[kind])


# ---------------------------------------------------------------- the shared functions


@pytest.fixture
def shared(gallery):
    """Calls a function of live.js: `shared("iou", a, b)`; arrays come back as lists."""
    plain = "v => ArrayBuffer.isView(v) ? [...v] : v"

    def call(name: str, *arguments):
        arguments = [
            a.tolist() if isinstance(a, (torch.Tensor, np.ndarray)) else a for a in arguments
        ]
        code = f"async a => ({plain})(await {SHARED}.{name}(...a))"
        return gallery.evaluate(code, arguments)

    return call


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 1), (5, 7)])
def test_maps_are_enlarged_as_cam_upsample_does(shared, size):
    torch.manual_seed(sum(size))
    M = torch.randn(1, 1, *size)
    for cells in (None, cam.Cells((0.03, 0.11), (0.2, 0.13), size)):
        got = shared("upsample", M.flatten(), packing.placed(cells, size), [23, 31])
        want = cam.upsample(M, (23, 31), cells).flatten()
        assert torch.allclose(torch.tensor(got), want, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_are_the_components_of_localization(shared, seed):
    M = torch.rand(20, 30, generator=torch.Generator().manual_seed(seed))
    for threshold in (0.2, 0.6, 0.8, 0.99):
        found = shared("pieces", M.flatten(), [20, 30], threshold)
        want = localization.component_boxes(np.float32(threshold) < M.numpy())
        assert [piece["box"] for piece in found] == want.tolist()


def test_the_rest_of_the_mathematics_is_that_of_the_package(shared):
    torch.manual_seed(0)
    f, w, S = torch.rand(6, 4, 5), torch.randn(6), torch.randn(8) * 300
    M = cam.class_maps(f[None], w[None])[0, 0]
    assert torch.allclose(torch.tensor(shared("classMap", f.flatten(), w)), M.flatten(), atol=1e-6)
    assert torch.allclose(torch.tensor(shared("softmax", S)), S.softmax(0), atol=1e-6)
    for values in (M, -M.abs(), torch.zeros(3, 3)):
        got = torch.tensor(shared("normalize", values.flatten())).float()
        assert torch.allclose(got, cam.normalize(values).flatten(), atol=1e-6)
    boxes = torch.tensor([[0, 0, 4, 4], [2, 2, 6, 7], [9, 9, 9, 9], [1, 0, 3, 5]])
    for a in boxes:
        for b in boxes:
            assert shared("iou", a, b) == pytest.approx(localization.iou(a, b).item(), abs=1e-6)


def test_numbers_travel_within_their_step(shared):
    for values in (
        torch.randn(300),
        torch.randn(40_000),
        torch.zeros(7),
        torch.tensor([1e-20, -3e-20]),
    ):
        got = torch.tensor(shared("unpack", packing.packed(values)))
        levels = packing.FINE if len(values) < packing.MANY else packing.COARSE
        assert (got - values).abs().max() <= values.abs().max() / (2 * levels) * 1.01


@pytest.mark.parametrize("scale", [plots.HEAT, plots.SIGNED, "cividis", "gray"])
def test_colours_are_matplotlibs(shared, scale):
    got = np.array(shared("colours", packing.colours(scale))).reshape(256, 3)
    want = plots.plt.get_cmap(scale)(np.arange(256) / 255)[:, :3] * 255
    assert np.abs(got - want).max() < 5


# ---------------------------------------------------------------- the explorer


def test_the_class_asked_for_comes_first_and_the_menu_gives_every_other(opened, explorer):
    page = opened(explorer)
    check_class(page, "car")
    menu = page.get_by_role("listbox")
    texts = menu.locator("option").all_inner_texts()
    assert len(texts) == 10 and texts[0].endswith("car")
    S = net(net.prepare(picture))[0][0]
    for row in (1, 4, 9):
        menu.select_option(index=row)
        drawn(page)
        name = re.split(r"\s", texts[row])[-1]
        check_class(page, name)
        c = net.index(name)
        want = [100 * S.softmax(0)[c].item(), S[c].item()]
        assert numbers(texts[row]) == pytest.approx(want, abs=0.06)


def test_the_threshold_moves_the_box_by_keys(opened, explorer):
    page = opened(explorer)
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    for key, reached in (("ArrowRight", 0.21), ("End", 0.95), ("ArrowLeft", 0.94), ("Home", 0)):
        page.keyboard.press(key)
        drawn(page)
        assert slider.get_attribute("aria-valuetext") == f"{reached:.2f}"
        check_class(page, "car", reached)


def test_the_map_is_drawn_as_plots_does(opened, explorer):
    page = opened(explorer)
    x = net.prepare(picture)
    M = net(x, net.index("car"))[1][0, 0]
    for alpha, tolerance in ((0.6, 6), (0, 12), (1, 6)):  # the page holds the picture as JPEG
        page.get_by_role("slider", name="Opacity").fill(str(alpha))
        drawn(page)
        check_overlay(page, picture, M, alpha, net.cells(x), tolerance=tolerance)


def test_the_explorer_begins_at_the_maximum_and_the_keys_go_from_cell_to_cell(opened, explorer):
    page = opened(explorer)
    M = net(net.prepare(picture), net.index("car"))[1][0, 0]
    i, j = divmod(int(M.argmax()), M.shape[1])
    check_cell(page, "car", i, j)
    page.get_by_role("application").focus()
    keys = {"Home": (i, 0), "ArrowRight": (i, 1), "PageUp": (0, 1), "End": (0, 13)}
    keys |= {"PageDown": (13, 13), "ArrowUp": (12, 13), "ArrowLeft": (12, 12)}
    for key, (row, column) in keys.items():
        page.keyboard.press(key)
        drawn(page)
        check_cell(page, "car", row, column)


# ---------------------------------------------------------------- the evidence bench


def test_weights_on_sliders_move_the_score_and_the_identity_stays(opened, figures):
    page, changed = opened(figures["bench"]), Changed()
    changed.check(page)
    bird = net.index("bird")
    sliders = page.get_by_role("slider")
    assert sliders.count() == 8
    pays = changed.pays("bird")
    for at, key in ((0, "End"), (3, "Home"), (5, "PageUp"), (5, "ArrowLeft")):
        slider = sliders.nth(at)
        assert slider.get_attribute("aria-label") == f"weight of channel {pays[at]}"
        slider.press(key)
        drawn(page)
        changed.w[bird, pays[at]] = float(slider.input_value())
        changed.check(page)


@pytest.mark.parametrize("rival", ["cup", "flower", "boat"])
def test_the_smallest_change_of_weights_turns_the_answer(opened, figures, rival):
    """Held against a solver that knows the scores only: least squares, the rival 0.01 ahead."""
    from scipy.optimize import minimize

    page, changed = opened(figures["bench"]), Changed()
    S = changed.check(page).double().numpy()
    page.get_by_role("combobox", name="Make it a").select_option(rival)
    page.get_by_role("button", name="by weights").click()
    drawn(page)
    o = net.index(rival)
    ahead = {"type": "ineq", "fun": lambda a: np.delete((S + a)[o] - (S + a) - 0.01, o)}
    found = minimize(lambda a: a @ a, np.zeros(10), jac=lambda a: 2 * a, constraints=ahead)
    assert found.success
    F = cam.pool(changed.f)[0].double().numpy()
    said = words(page)
    rows, largest, part = (float(v) for v in re.findall(r"[\d.]*\d", said))
    assert said.startswith(f"{rival} wins") and rows == (np.abs(found.x) > 1e-4).sum()
    whole = np.linalg.norm(found.x) / np.linalg.norm(F)
    assert part == pytest.approx(100 * whole / changed.w.norm().item(), rel=0.01)
    assert largest == pytest.approx(np.abs(found.x).max() * F.max() / (F @ F), rel=0.01)
    changed.w += torch.tensor(np.outer(found.x, F) / (F @ F)).float()
    assert changed.check(page).argmax() == o


def test_few_channels_turn_the_answer_and_fewer_cannot(opened, figures):
    page, changed = opened(figures["bench"]), Changed()
    bird, cup = net.index("bird"), net.index("cup")
    page.get_by_role("button", name="by channels").click()
    drawn(page)
    off = [int(k) for k in re.findall(r"\d+", words(page).split("channels:")[1])]
    gap = (changed.w[bird] - changed.w[cup]) * cam.pool(changed.f)[0]
    assert f"cup wins without {len(off)} of 64 channels" in words(page)
    lead = gap.sum() + changed.b[bird] - changed.b[cup]
    assert gap.topk(len(off) - 1).values.sum() < lead  # even the best of one channel fewer
    changed.f[:, off] = 0
    assert changed.check(page).argmax() == cup


def test_the_bench_refuses_what_it_cannot_show():
    with pytest.raises(ValueError, match="the rival is another class than 'bird'"):
        live.bench(net, picture, "bird", "bird")
    with pytest.raises(ValueError, match=r"average pooling, such as models\.load"):
        live.bench(models.load("objects-gmp"), picture)
    with pytest.raises(ValueError, match="this one has 50"):
        live.bench(networks.cam_network(models.CourseNetwork(50)), picture)


# ---------------------------------------------------------------- maps of several networks


def test_the_curve_is_followed_between_its_thresholds(opened, figures):
    page = opened(figures["switch"])
    slider = page.get_by_role("slider", name="Threshold")
    for label, name, threshold in (("GMP", "bird", 0.55), ("GMP", "fish", 0.43), ("GAP", "cup", 0)):
        page.get_by_role("radio", name=label).check()
        page.get_by_role("combobox", name="Class").select_option(name)
        slider.fill(str(threshold))
        drawn(page)
        check_variant(page, label, name, threshold)


def test_variants_of_different_classes_do_not_go_together():
    other = networks.cam_network(models.CourseNetwork(3), ["a", "b", "c"])
    mixed = variants | {"other": live.variant(other, other.prepare(picture))}
    with pytest.raises(ValueError, match="different classes"):
        live.thresholds(picture, test.boxes[2], mixed)
    with pytest.raises(ValueError, match="no class 'brid'"):
        live.thresholds(picture, test.boxes[2], variants, "brid")


# ---------------------------------------------------------------- the channel browser


def test_the_browser_refuses_what_it_cannot_show():
    with pytest.raises(ValueError, match="4 to 100 pictures"):
        live.browser(net, sketchbook.objects(2))
    with pytest.raises(TypeError, match=r"models\.load"):
        live.browser(net.model, sketchbook.objects(4))


# ---------------------------------------------------------------- the drawing board


def at_work(page) -> None:
    """Wait until the board's network runs in its worker."""
    if not page.workers:
        page.wait_for_event("worker")
    while page.workers[0].evaluate("typeof run") != "function":
        drawn(page)


@pytest.mark.parametrize("worker", [True, False])
def test_the_network_in_the_page_is_the_one_in_pytorch(opened, figures, worker):
    """By keyboard alone: moved, grown, turned, rubbed, recoloured, another place, another thing."""
    none = "" if worker else "<script>Worker = undefined</script>"
    page = opened(none + figures["board"])
    seen = [check_scores(page)]
    assert net.class_names[seen[0].argmax()] == "bird"
    if worker:
        at_work(page)
    area = page.get_by_role("application", name=re.compile("Drawing board"))
    for keys in (["ArrowRight"] * 3 + ["ArrowUp"], ["+"], [" "], ["PageDown", "Delete"]):
        area.focus()
        for key in keys:
            page.keyboard.press(key)
        seen.append(check_scores(page))
    for name in ("yellow", "night", "Add a car"):
        page.get_by_role("button", name=name, exact=True).press("Enter")
        seen.append(check_scores(page))
    page.get_by_role("button", name="erase").press("Enter")
    area.press("Space")
    seen.append(check_scores(page))
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(seen))
    status = page.locator(".cam-live [role=status]")
    page.wait_for_function(
        "e => /^car at .* leads with .*%/.test(e.textContent)", arg=status.element_handle()
    )
    assert len(page.workers) == worker


def test_a_thing_is_dragged_from_the_tray_and_about(opened, figures):
    page = opened(figures["board"])
    frame = page.locator(".cl-above").bounding_box()
    fish = page.get_by_role("button", name="Add a fish").bounding_box()

    def to(across, down):
        page.mouse.move(frame["x"] + across * frame["width"], frame["y"] + down * frame["height"])

    seen = [check_scores(page)]
    page.mouse.move(fish["x"] + 20, fish["y"] + 20)
    page.mouse.down()
    for share in (0.3, 0.5, 0.7):
        to(share, 0.2)
    page.mouse.up()
    seen.append(check_scores(page))
    assert seen[1][net.index("fish")] > seen[0][net.index("fish")]
    page.mouse.down()
    to(0.2, 0.9)
    page.mouse.up()
    assert not torch.equal(check_scores(page), seen[1])


def test_two_boards_do_not_share_their_choice(opened, figures):
    page = opened(figures["board"], figures["board"])
    first, second = page.locator(".cam-live").all()
    first.get_by_role("radio", name="cup").check()
    assert second.get_by_role("radio", name="whichever leads").is_checked()
    assert first.locator(".cl-equation").inner_text().startswith("cup:")
    assert second.locator(".cl-equation").inner_text().startswith("bird:")


def test_a_worker_ends_with_its_board(opened, figures):
    """As when a cell is run again."""
    page = opened(figures["board"])
    at_work(page)
    page.evaluate("() => document.querySelector('.cam-live').remove()")
    chromium = page.context.new_cdp_session(page)
    for _ in range(100):  # what is collected is told some time later
        chromium.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(50)
        if not page.workers:
            break
    assert page.workers == []


def test_the_board_takes_the_courses_own_networks():
    with pytest.raises(ValueError, match="average pooling"):
        live.board(models.load("objects-gmp"))
    with pytest.raises(TypeError, match=r"models\.load"):
        live.board(net.model)


# ---------------------------------------------------------------- for everybody


def test_two_figures_share_one_copy_of_the_definitions(opened, explorer):
    page = opened(explorer, explorer)
    assert page.evaluate("Object.keys(camLive).length") == 1
    first, second = page.locator(".cam-live").all()
    second.get_by_role("slider", name="Threshold").fill("0.5")
    drawn(page)
    assert "above 0.50" in second.locator(".cl-words").inner_text()
    assert "above 0.20" in first.locator(".cl-words").inner_text()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)) > 0


def test_without_scripts_the_picture_stands_there_and_says_what_it_shows(opened, explorer):
    page = opened(explorer, java_script_enabled=False)
    image = page.get_by_role("img")
    assert image.is_visible() and image.bounding_box()["width"] == 400
    assert re.match(r"Heat map over its picture. car: .* Box \(", image.get_attribute("alt"))
    assert page.locator("main").inner_text().strip() == "Figures"


def test_names_that_look_like_html_stay_text(opened):
    torch.manual_seed(0)
    names = ["</script><b>x</b>", "<img src=x onerror=alert(1)>", "& co"]
    three = networks.cam_network(models.CourseNetwork(3), names)
    page = opened(html_of(live.explorer, three, picture, names[1]))
    texts = page.get_by_role("listbox").locator("option").all_inner_texts()
    assert {text.split("\u2003")[1] for text in texts} == set(names)
    assert page.locator(".cam-live b", has_text="x").count() == 0
    assert page.locator(".cam-live img").count() == 1


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_serious_is_found_by_axe(gallery, serious, theme):
    gallery.emulate_media(color_scheme=theme)
    assert serious(gallery, "main") == []


def test_every_control_has_a_name(gallery):
    """What a screen reader says of it, as Chromium computes it."""
    roles = "application|button|checkbox|combobox|img|listbox|radiogroup|radio|searchbox|slider"
    controls = "button, select, input, svg, [role=application], [role=img], [role=radiogroup]"
    for figure in gallery.locator(".cl-body").all():
        said = figure.aria_snapshot()
        named = re.findall(rf"^\s*- '?(?:{roles})( \")?", said, re.M)
        assert all(named), said
        assert len(named) == figure.locator(controls).locator("visible=true").count()


# What each host marks its page with, and its own colours; widgets bring JupyterLab's light ones.
WIDGETS = "--jp-layout-color0: white; --jp-content-font-color1: #000d"
JUPYTERLAB = "--jp-layout-color0: {1}; --jp-content-font-color1: {0}".format
VS_CODE = f"{WIDGETS}; --vscode-foreground: {{}}; --vscode-editor-background: {{}}".format
HOSTS = {
    "jupyterlab-light": ("light", {"data-jp-theme-light": "true"}, JUPYTERLAB("#000d", "white")),
    "jupyterlab-dark": ("dark", {"data-jp-theme-light": "false"}, JUPYTERLAB("white", "#111")),
    "vscode-light": ("light", {"class": "vscode-light"}, VS_CODE("#616161", "#fff")),
    "vscode-dark": ("dark", {"class": "vscode-dark"}, VS_CODE("#ccc", "#1e1e1e")),
    "vscode-black": ("dark", {"class": "vscode-high-contrast"}, VS_CODE("#fff", "#000")),
    "vscode-white": (
        "light",
        {"class": "vscode-high-contrast vscode-high-contrast-light"},
        VS_CODE("#292929", "#fff"),
    ),
    "colab-light": ("light", {"theme": "light"}, WIDGETS),
    "colab-dark": ("dark", {"theme": "dark"}, WIDGETS),
}


@pytest.mark.parametrize("host", HOSTS)
def test_figures_are_as_dark_as_their_host_whatever_the_system_is(gallery, host):
    theme, marks, style = HOSTS[host]
    gallery.emulate_media(color_scheme={"light": "dark", "dark": "light"}[theme])
    read = """([marks, style, selectors]) => {
      document.body.style = style;
      const on = "theme" in marks ? document.documentElement : document.body;
      for (const [name, value] of Object.entries(marks)) on.setAttribute(name, value);
      const found = selectors.map((s) => [...document.querySelectorAll(s)].map((e) => {
        const { color, backgroundColor } = getComputedStyle(e);
        return [color, backgroundColor];
      }));
      for (const name of Object.keys(marks)) on.removeAttribute(name);
      document.body.removeAttribute("style");
      return found;
    }"""
    selectors = [".cam-live", ".cl-words", ".cam-live select"]
    grounds, quiet, fields = gallery.evaluate(read, [marks, style, selectors])
    assert len(grounds) == len(KINDS) and len(quiet) > 3 and len(fields) > 5
    pairs = [*grounds, *fields, *((ink, grounds[0][1]) for ink, _ in quiet)]
    for ink, behind in ((brightness(a), brightness(b)) for a, b in pairs):
        assert (behind < 0.05) == (theme == "dark")
        low, high = sorted((ink, behind))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_tab_reaches_every_control_and_each_keeps_its_keys(gallery):
    wanted = gallery.evaluate(
        "[...document.querySelectorAll('.cl-body :is(input, select, button, [tabindex])')]"
        ".filter(e => !e.disabled && e.tabIndex >= 0 && (e.type !== 'radio' || e.checked)).length"
    )
    gallery.locator("h1").click()  # from the beginning
    reached = set()
    for _ in range(wanted):
        gallery.keyboard.press("Tab")
        described = gallery.evaluate(
            "(e => [[...document.querySelectorAll('*')].indexOf(e), "
            "e.getAttribute('data-lm-suppress-shortcuts'), getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        assert described[1] == "true" and described[2] != "none"
        reached.add(described[0])
    assert len(reached) == wanted > 60


@pytest.mark.parametrize("width", [600, 1000])
def test_nothing_is_wider_than_the_page(gallery, width):
    gallery.set_viewport_size({"width": width, "height": 900})
    assert gallery.evaluate("document.documentElement.scrollWidth") <= width
    inner = "all => all.map((e) => e.scrollWidth - e.clientWidth)"
    assert max(gallery.locator(".cam-live, .cl-panel, .cl-side").evaluate_all(inner)) <= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_picture_makes_a_small_output(figures, kind):
    most = {"board": 500_000}  # it holds a whole network and the things to drag
    assert len(figures[kind]) < most.get(kind, 150_000)
