"""Live figures opened from disk, offline: operated by mouse and keyboard, their numbers read.

What stands on the screen is held against `utils`, which computed nothing of it: the page did.
"""

import base64
import io
import itertools
import math
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

import sketchbook
from course import COPIES
from utils import cam, channels, live, localization, models, networks, plots
from utils.live import page as packing

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[3]
SECONDS = 1000  # playwright counts in milliseconds
SHARED = "Object.values(camLive)[0]"  # what live.js defines, for tests of its functions


def drawn(page) -> None:
    """Wait until the figure has drawn what was asked of it: it draws in the next frame."""
    frames = "requestAnimationFrame(() => requestAnimationFrame(done))"
    page.evaluate(f"() => new Promise(done => {frames})")


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
def net() -> networks.CamNetwork:
    return models.load("objects-gap")


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return sketchbook.pairs(12, seed=3).images[8]


@pytest.fixture(scope="module")
def explorer(net, picture) -> str:
    return html_of(live.explorer, net, picture, "car")


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))


def numbers(text: str) -> list[float]:
    """All numbers of a line, with their signs; those behind a letter are names."""
    text = text.replace("\N{MINUS SIGN}", "-")
    return [float(v) for v in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)]


def box_in(text: str) -> list[int]:
    return [int(v) for v in re.search(r"Box \(([\d, ]+)\)", text)[1].split(",")]


def pixels(canvas) -> np.ndarray:
    """A canvas's own pixels, whatever its size on the screen: (h, w, 4)."""
    address = canvas.evaluate("c => c.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))), float)


# ---------------------------------------------------------------- the shared functions


@pytest.fixture
def shared(opened, explorer):
    """Calls a function of live.js: `shared("iou", a, b)`; arrays come back as lists."""
    page = opened(explorer)
    plain = "v => ArrayBuffer.isView(v) ? [...v] : v"

    def call(name: str, *arguments):
        arguments = [
            a.tolist() if isinstance(a, (torch.Tensor, np.ndarray)) else a for a in arguments
        ]
        code = f"async a => ({plain})(await {SHARED}.{name}(...a))"
        return page.evaluate(code, arguments)

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


def seen(net, picture, name, threshold=0.2):
    """What `utils` says of a class: its map, score, probability, box, share above."""
    x = net.prepare(picture)
    S, M = net(x)
    c = net.index(name)
    big = cam.upsample(M[:, [c]], picture.shape[1:], net.cells(x))[0, 0]
    box = localization.box_from_map(big, threshold).tolist()
    share = 100 * (cam.normalize(big) > threshold).float().mean().item()
    return M[0, c], S[0, c].item(), S.softmax(1)[0, c].item(), box, share


def read(page) -> dict:
    """The numbers of an explorer."""
    words = page.locator(".cl-words").inner_text()
    mean, b, S, P = numbers(page.locator(".cl-equation").inner_text().replace("− ", "-"))
    return {"S": S, "mean": mean, "b": b, "P": P, "box": box_in(words), "share": numbers(words)[0]}


def check_class(page, net, picture, name, threshold=0.2):
    M, S, P, box, share = seen(net, picture, name, threshold)
    got = read(page)
    assert got["mean"] + got["b"] == pytest.approx(got["S"], abs=1e-6)
    assert got["S"] == pytest.approx(S, abs=0.006)
    assert got["P"] == pytest.approx(P, abs=0.0006)
    assert got["box"] == pytest.approx(box, abs=1)  # where a pixel lies on the threshold
    assert got["share"] == pytest.approx(share, abs=0.2)
    return M


def test_the_class_asked_for_comes_first_and_the_menu_gives_every_other(
    opened, explorer, net, picture
):
    page = opened(explorer)
    check_class(page, net, picture, "car")
    menu = page.get_by_role("listbox")
    texts = menu.locator("option").all_inner_texts()
    assert len(texts) == 10 and texts[0].endswith("car")
    for row in (1, 4, 9):
        menu.select_option(index=row)
        drawn(page)
        name = re.split(r"\s", texts[row])[-1]
        P, S = numbers(texts[row])
        check_class(page, net, picture, name)
        _, score, probability, *_ = seen(net, picture, name)
        assert (P, S) == pytest.approx((100 * probability, score), abs=0.06)


def test_the_threshold_moves_the_box_by_keys(opened, explorer, net, picture):
    page = opened(explorer)
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    for key, reached in (("ArrowRight", 0.21), ("End", 0.95), ("ArrowLeft", 0.94), ("Home", 0)):
        page.keyboard.press(key)
        drawn(page)
        assert slider.get_attribute("aria-valuetext") == f"{reached:.2f}"
        check_class(page, net, picture, "car", reached)


def test_the_map_is_drawn_as_plots_does(opened, explorer, net, picture):
    page = opened(explorer)
    shown = packing.within(picture, 400)
    x = net.prepare(picture)
    M = net(x, net.index("car"))[1][0, 0]
    for alpha, tolerance in ((0.6, 6), (0, 12), (1, 6)):  # the page holds the picture as JPEG
        slider = page.get_by_role("slider", name="Opacity")
        slider.fill(str(alpha))
        drawn(page)
        got = pixels(page.locator(".cl-map canvas").first)[..., :3]
        want = 255 * plots.overlay(shown, M, alpha, net.cells(x))
        assert got.shape == want.shape
        assert np.abs(got - want).mean() < tolerance / 4
        assert np.percentile(np.abs(got - want), 99) < 4 * tolerance


def test_a_box_is_drawn_where_the_words_say(opened, explorer):
    page = opened(explorer)
    x0, y0, x1, y1 = (v * 400 / 112 for v in read(page)["box"])
    above = pixels(page.locator(".cl-map canvas").nth(1))
    orange = np.array([217, 130, 43])
    on = (np.abs(above[..., :3] - orange).max(-1) < 30) & (above[..., 3] > 200)
    ys, xs = on.nonzero()
    assert (xs.min(), ys.min()) == pytest.approx((x0, y0), abs=3)
    assert (xs.max(), ys.max()) == pytest.approx((x1, y1), abs=3)


def cell(page) -> tuple[list[tuple[int, float, float, float]], float, float]:
    """The bars: (k, w, f, w f) of each channel, the rest, and their sum."""
    rows = page.locator(".cl-bar").all_inner_texts()
    channels = [tuple(numbers(row.replace("k =", ""))) for row in rows[:-2]]
    return channels, numbers(rows[-2])[-1], numbers(rows[-1])[-1]


def check_cell(page, net, picture, name, i, j):
    p = net.forward_pass(net.prepare(picture))
    paid = p.w[net.index(name)] * p.f[0, :, i, j]
    channels, rest, total = cell(page)
    assert total == pytest.approx(paid.sum().item(), abs=0.006)
    assert sum(value for *_, value in channels) + rest == pytest.approx(total, abs=0.006)
    largest = paid.abs().topk(6)
    for (k, w, f, value), most in zip(channels, largest.values.tolist(), strict=True):
        assert abs(value) == pytest.approx(most, abs=0.002)
        assert value == pytest.approx(paid[int(k)].item(), abs=0.002)
        assert w == pytest.approx(p.w[net.index(name), int(k)].item(), abs=0.001)
        assert f == pytest.approx(p.f[0, int(k), i, j].item(), abs=0.01)


def test_the_explorer_begins_at_the_maximum_and_the_keys_go_from_cell_to_cell(
    opened, explorer, net, picture
):
    page = opened(explorer)
    M = seen(net, picture, "car")[0]
    i, j = divmod(int(M.argmax()), M.shape[1])
    check_cell(page, net, picture, "car", i, j)
    surface = page.get_by_role("application")
    surface.focus()
    keys = {"Home": (i, 0), "ArrowRight": (i, 1), "PageUp": (0, 1), "End": (0, 13)}
    keys |= {"PageDown": (13, 13), "ArrowUp": (12, 13), "ArrowLeft": (12, 12)}
    for key, (row, column) in keys.items():
        page.keyboard.press(key)
        drawn(page)
        assert (
            f"Row {row + 1}, column {column + 1} of 14 × 14"
            in page.locator(".cl-title").inner_text()
        )
        check_cell(page, net, picture, "car", row, column)


def test_pointing_reads_the_cell_that_looks_there(opened, explorer, net, picture):
    page = opened(explorer)
    frame = page.get_by_role("application").bounding_box()
    cells = net.cells(net.prepare(picture))
    for i, j in ((0, 0), (3, 9), (13, 13)):
        down, across = (s + n * t for s, n, t in zip(cells.start, (i, j), cells.step, strict=True))
        page.mouse.move(frame["x"] + across * frame["width"], frame["y"] + down * frame["height"])
        drawn(page)
        assert f"Row {i + 1}, column {j + 1} of" in page.locator(".cl-title").inner_text()
        check_cell(page, net, picture, "car", i, j)


def test_a_few_letters_find_a_class(opened, explorer, net, picture):
    page = opened(explorer)
    field = page.get_by_role("searchbox", name="Find a class")
    field.fill("mush")
    assert len(page.get_by_role("listbox").locator("option").all()) == 1
    field.press("ArrowDown")
    drawn(page)
    check_class(page, net, picture, "mushroom")
    field.fill("")
    assert len(page.get_by_role("listbox").locator("option").all()) == 10
    check_class(page, net, picture, "mushroom")


# ---------------------------------------------------------------- the evidence bench


@pytest.fixture(scope="module")
def bench(net, picture) -> str:
    return html_of(live.bench, net, picture, "bird", "cup")


class Changed:
    """The network's last layer on this picture, changed in `utils`' terms as on the page."""

    def __init__(self, net, picture):
        p = net.forward_pass(net.prepare(picture))
        self.f, self.w, self.b, self.net = p.f.clone(), p.w.clone(), p.b, net

    def check(self, page, name="bird"):
        S = cam.scores(cam.pool(self.f), self.w, self.b)[0]
        P, c = S.softmax(0), self.net.index(name)
        line = page.locator(".cl-equation").inner_text().replace("− ", "-")
        mean, b, score, probability = numbers(line)
        assert mean + b == pytest.approx(score, abs=1e-6)
        M = cam.class_maps(self.f, self.w, c)[0, 0]
        assert mean == pytest.approx(M.mean().item(), abs=0.0102)  # so that the line adds up
        assert score == pytest.approx(S[c].item(), abs=0.0052)
        assert probability == pytest.approx(P[c].item(), abs=0.00052)
        rows = page.locator(".cl-short .cl-bar").all_inner_texts()
        order = [self.net.index(re.split(r"\s", row)[0]) for row in rows]
        best = S.sort(descending=True).values[: len(rows)]
        assert torch.allclose(S[order], best, atol=1e-3)  # of equal scores, in any order
        for row, i in zip(rows, order, strict=True):
            assert numbers(row) == pytest.approx([S[i].item(), P[i].item()], abs=0.0052)
        return S


def test_weights_on_sliders_move_the_score_and_the_identity_stays(opened, bench, net, picture):
    page, changed = opened(bench), Changed(net, picture)
    changed.check(page)
    bird = net.index("bird")
    sliders = page.get_by_role("slider")
    assert sliders.count() == 8
    pays = (changed.w[bird] * cam.pool(changed.f)[0]).abs().topk(8).indices.tolist()
    for at, key in ((0, "End"), (3, "Home"), (5, "PageUp"), (5, "ArrowLeft")):
        slider = sliders.nth(at)
        assert slider.get_attribute("aria-label") == f"weight of channel {pays[at]}"
        slider.press(key)
        drawn(page)
        changed.w[bird, pays[at]] = float(slider.input_value())
        changed.check(page)
    page.get_by_role("button", name="Reset").click()
    Changed(net, picture).check(page)


def test_a_channel_that_is_off_is_missed_by_every_class(opened, bench, net, picture):
    page, changed = opened(bench), Changed(net, picture)
    for at in (0, 2):
        tick = page.get_by_role("checkbox").nth(at)
        k = int(tick.locator("xpath=..").inner_text().removeprefix("k = "))
        tick.press("Space")
        drawn(page)
        changed.f[:, k] = 0
        changed.check(page)
    page.get_by_role("combobox", name="Class").select_option("flower")
    drawn(page)
    changed.check(page, "flower")


@pytest.mark.parametrize("rival", ["cup", "flower", "boat"])
def test_the_smallest_change_of_weights_turns_the_answer(opened, bench, net, picture, rival):
    """Held against a solver that knows the scores only: least squares, the rival 0.01 ahead."""
    from scipy.optimize import minimize

    page, changed = opened(bench), Changed(net, picture)
    S = changed.check(page).double().numpy()
    page.get_by_role("combobox", name="Make it a").select_option(rival)
    page.get_by_role("button", name="by weights").click()
    drawn(page)
    o = net.index(rival)
    ahead = {"type": "ineq", "fun": lambda a: np.delete((S + a)[o] - (S + a) - 0.01, o)}
    found = minimize(lambda a: a @ a, np.zeros(10), jac=lambda a: 2 * a, constraints=ahead)
    assert found.success
    F = cam.pool(changed.f)[0].double().numpy()
    words = page.locator(".cl-words").inner_text()
    rows, largest, part = (float(v) for v in re.findall(r"[\d.]*\d", words))
    assert words.startswith(f"{rival} wins") and rows == (np.abs(found.x) > 1e-4).sum()
    whole = np.linalg.norm(found.x) / np.linalg.norm(F)
    assert part == pytest.approx(100 * whole / changed.w.norm().item(), rel=0.01)
    assert largest == pytest.approx(np.abs(found.x).max() * F.max() / (F @ F), rel=0.01)
    changed.w += torch.tensor(np.outer(found.x, F) / (F @ F)).float()
    assert changed.check(page).argmax() == o


def test_few_channels_turn_the_answer_and_fewer_cannot(opened, bench, net, picture):
    page, changed = opened(bench), Changed(net, picture)
    bird, cup = net.index("bird"), net.index("cup")
    page.get_by_role("button", name="by channels").click()
    drawn(page)
    words = page.locator(".cl-words").inner_text()
    off = [int(k) for k in re.findall(r"\d+", words.split("channels:")[1])]
    gap = (changed.w[bird] - changed.w[cup]) * cam.pool(changed.f)[0]
    assert f"cup wins without {len(off)} of 64 channels" in words
    lead = gap.sum() + changed.b[bird] - changed.b[cup]
    assert gap.topk(len(off) - 1).values.sum() < lead  # even the best of one channel fewer
    changed.f[:, off] = 0
    assert changed.check(page).argmax() == cup


def test_the_bench_refuses_what_it_cannot_show(net, picture):
    with pytest.raises(ValueError, match="the rival is another class than 'bird'"):
        live.bench(net, picture, "bird", "bird")
    with pytest.raises(ValueError, match=r"average pooling, such as models\.load"):
        live.bench(models.load("objects-gmp"), picture)
    with pytest.raises(ValueError, match="this one has 50"):
        live.bench(networks.cam_network(models.CourseNetwork(50)), picture)


# ---------------------------------------------------------------- maps of several networks


@pytest.fixture(scope="module")
def several():
    """Three variants of one picture, with their curves over 20 pictures."""
    test = sketchbook.objects(20, seed=8)
    x, steps = test.images[2:3], localization.THRESHOLDS
    nets = {"GAP": models.load("objects-gap"), "GMP": models.load("objects-gmp")}
    variants = {}
    for label, one in nets.items():
        maps = networks.maps_of(one, test)
        found = localization.records(maps, test.boxes, thresholds=steps, how="max")
        variants[label] = live.variant(one, one.prepare(x[0]), localization.accuracy(found))
    gap = nets["GAP"]
    variants["blocks"] = live.variant(gap, gap.prepare(x[0]), placed=False)
    return test, variants


@pytest.fixture(scope="module")
def thresholds(several) -> str:
    test, variants = several
    return html_of(live.thresholds, test.images[2], test.boxes[2], variants, "bird")


def check_variant(page, several, label, name, threshold):
    test, variants = several
    v = variants[label]
    c = test.class_names.index(name)
    big = cam.upsample(v.M[None, [c]], (112, 112), v.cells)[0, 0]
    pieces = localization.component_boxes((cam.normalize(big) > threshold).numpy())
    box = localization.box_from_map(big, threshold)
    iou = localization.iou(box.float(), test.boxes[2].float()).item()
    S, P = numbers(page.locator(".cl-equation").inner_text().split(":")[1])
    assert S == pytest.approx(v.S[c].item(), abs=0.006)
    assert P == pytest.approx(v.S.softmax(0)[c].item(), abs=0.0006)
    words = page.locator(".cl-words").inner_text()
    n, above, *corners, overlap, lit, H, W = numbers(words)
    assert (n, above, (H, W)) == (len(pieces), threshold, tuple(v.M.shape[1:]))
    assert corners == pytest.approx(box.tolist(), abs=1)
    assert overlap == pytest.approx(iou, abs=0.02)  # one pixel of a side
    assert ("found" in words) == (overlap >= 0.5)
    assert lit == pytest.approx(100 * (cam.normalize(big) > 0.5).float().mean().item(), abs=0.1)


def test_every_variant_has_its_own_map_box_and_curve(opened, thresholds, several):
    page = opened(thresholds)
    variants = several[1]
    slider = page.get_by_role("slider", name="Threshold")
    for label, name, threshold in (
        ("GAP", "bird", 0.2),
        ("GMP", "bird", 0.2),
        ("GMP", "bird", 0.55),
        ("blocks", "fish", 0.4),
        ("GAP", "cup", 0.05),
    ):
        page.get_by_role("radio", name=label).check()
        page.get_by_role("combobox", name="Class").select_option(name)
        slider.fill(str(threshold))
        drawn(page)
        check_variant(page, several, label, name, threshold)
        curve = variants[label].curve
        value = page.locator(".cl-value")
        assert value.is_visible() == (curve is not None)
        if curve is not None:
            share = 100 * curve[round(20 * threshold)].item()
            assert numbers(value.text_content()) == pytest.approx([share], abs=0.06)


def test_the_arrows_go_from_network_to_network(opened, thresholds, several):
    page = opened(thresholds)
    page.get_by_role("radio", name="GAP").focus()
    page.keyboard.press("ArrowRight")
    drawn(page)
    check_variant(page, several, "GMP", "bird", 0.2)


def test_variants_of_different_classes_do_not_go_together(several, picture):
    test, variants = several
    other = networks.cam_network(models.CourseNetwork(3), ["a", "b", "c"])
    mixed = variants | {"other": live.variant(other, other.prepare(picture))}
    with pytest.raises(ValueError, match="different classes"):
        live.thresholds(picture, test.boxes[2], mixed)
    with pytest.raises(ValueError, match="no class 'brid'"):
        live.thresholds(picture, test.boxes[2], variants, "brid")


# ---------------------------------------------------------------- paint the evidence


@pytest.fixture(scope="module")
def paint(net, several) -> str:
    test = several[0]
    return html_of(live.paint, net, test.images[2], test.boxes[2], "bird")


def test_marked_cells_are_weighed_against_the_maps_own(opened, paint, several):
    page = opened(paint)
    test, variants = several
    v = variants["GAP"]
    M = v.M[test.class_names.index("bird")].flatten()
    surface = page.get_by_role("application")
    frame = surface.bounding_box()

    def place(i, j):
        across, down = (v.cells.start[a] + n * v.cells.step[a] for a, n in ((1, j), (0, i)))
        return frame["x"] + across * frame["width"], frame["y"] + down * frame["height"]

    page.mouse.move(*place(8, 4))  # one stroke along a row, its middle skipped by a fast hand
    page.mouse.down()
    page.mouse.move(*place(8, 9))
    page.mouse.up()
    surface.press("ArrowDown")
    surface.press("Space")
    drawn(page)
    words = page.locator(".cl-words")
    assert words.inner_text() == "You marked 7 of 196 cells."
    button = page.get_by_role("button", name="Show the map")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    mine = [8 * 14 + j for j in range(4, 10)] + [9 * 14 + 9]
    best = M.topk(7).indices.tolist()
    n, _, pays, _, theirs, shared, overlap, ours = numbers(words.inner_text())
    assert (n, shared) == (7, len(set(mine) & set(best)))
    assert pays == pytest.approx(100 * (M[mine].sum() / M.sum()).item(), abs=0.06)
    assert theirs == pytest.approx(100 * (M[best].sum() / M.sum()).item(), abs=0.06)
    big = cam.upsample(v.M[None, [test.class_names.index("bird")]], (112, 112), v.cells)
    boxes = torch.stack([localization.box_from_map(big[0, 0]), cells_box(v.cells, 8, 4, 9, 9)])
    want = localization.iou(boxes.float(), test.boxes[2].float()).tolist()
    assert (overlap, ours) == pytest.approx(want, abs=0.01)
    surface.press("Space")  # takes the mark away again
    drawn(page)
    assert words.inner_text().startswith("You marked 6 of")
    page.get_by_role("button", name="Clear").click()
    assert words.inner_text().startswith("You marked 0 of 196 cells. IoU with the true box")


def cells_box(cells, top, left, bottom, right) -> torch.Tensor:
    """What cells cover of 112 pixels, each a step wide."""
    low = [112 * (cells.start[a] + (n - 0.5) * cells.step[a]) for a, n in ((1, left), (0, top))]
    high = [
        112 * (cells.start[a] + (n + 0.5) * cells.step[a]) for a, n in ((1, right), (0, bottom))
    ]
    return torch.tensor([math.ceil(v - 0.5 - 1e-6) for v in low + high])


# ---------------------------------------------------------------- the channel browser


@pytest.fixture(scope="module")
def browsed(net) -> str:
    return html_of(live.browser, net, sketchbook.objects(40, seed=8), "bird")


def test_channels_come_in_the_order_of_their_weights(opened, browsed, net):
    page = opened(browsed)
    pictures = sketchbook.objects(40, seed=8)
    p = net.forward_pass(net.prepare(pictures.images))
    T = channels.thresholds(p.f, 0.02)
    masks = channels.part_masks(pictures.parts, range(1, len(pictures.part_names)))
    iou = channels.overlap(p.f, T, masks, cells=net.cells(net.prepare(pictures.images[:1]))).iou
    slider = page.get_by_role("slider", name="Channel")

    def check(name: str, rank: int) -> None:
        w = p.w[net.index(name)]
        k = int(w.argsort(descending=True, stable=True)[rank])
        head, line = page.locator(".cl-equation").inner_text().split(":")
        assert numbers(head.replace("k =", "")) == [k]
        assert numbers(line) == [pytest.approx(w[k].item(), abs=0.0052), rank + 1, 64]
        best = p.f[:, k].amax((1, 2)).topk(4)
        captions = page.locator("figcaption").all_inner_texts()
        for caption, i, value in zip(captions, best.indices, best.values.tolist(), strict=True):
            assert caption.startswith(pictures.class_names[pictures.labels[i]])
            assert numbers(caption)[-1] == pytest.approx(value, rel=0.15)  # enlarged: flatter
        bars = page.locator(".cl-bar").all_inner_texts()
        for bar, (value, part) in zip(bars, zip(*iou[k].topk(3), strict=True), strict=False):
            assert bar.startswith(pictures.part_names[part + 1])
            assert numbers(bar) == pytest.approx([value.item()], abs=0.0006)
        own = [numbers(bar)[0] for bar in bars[3:]]
        assert own == pytest.approx(p.w[:, k].tolist(), abs=0.0052)

    check("bird", 0)
    for key, rank in (("ArrowRight", 1), ("End", 63), ("Home", 0)):
        slider.press(key)
        drawn(page)
        check("bird", rank)
    page.get_by_role("button", name="Smaller weight").click()
    drawn(page)
    check("bird", 1)
    page.get_by_role("combobox", name="Class").select_option("cup")
    drawn(page)
    check("cup", 0)


def test_the_browser_refuses_what_it_cannot_show(net):
    with pytest.raises(ValueError, match="4 to 100 pictures"):
        live.browser(net, sketchbook.objects(2))
    with pytest.raises(TypeError, match=r"models\.load"):
        live.browser(net.model, sketchbook.objects(4))


# ---------------------------------------------------------------- the drawing board


@pytest.fixture(scope="module")
def board(net) -> str:
    return html_of(live.board, net)


def at_work(page) -> None:
    """Wait until the board's network runs in its worker."""
    if not page.workers:
        page.wait_for_event("worker")
    while page.workers[0].evaluate("typeof run") != "function":
        drawn(page)


def agrees(page, net) -> torch.Tensor:
    """Asserts that the page's scores (C,) are PyTorch's for the picture it shows; returns them."""
    drawn(page)
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
    drawn(page)
    rgba = pixels(page.locator(".cl-gets canvas"))
    picture = torch.tensor(rgba[..., :3], dtype=torch.uint8).permute(2, 0, 1)
    assert picture.shape == (3, 112, 112)
    want = net.forward_pass(net.prepare(picture)).S[0]
    rows = page.locator(".cl-class[data-name]")
    scores = torch.tensor(rows.evaluate_all("rows => rows.map(r => Number(r.dataset.score))"))
    assert (scores - want).abs().max() < 1e-3
    return scores


@pytest.mark.parametrize("worker", [True, False])
def test_the_network_in_the_page_is_the_one_in_pytorch(opened, board, net, worker):
    """By keyboard alone: moved, grown, turned, rubbed, recoloured, another place, another thing."""
    page = opened(board if worker else f"<script>Worker = undefined</script>{board}")
    seen = [agrees(page, net)]
    assert net.class_names[seen[0].argmax()] == "bird"
    if worker:
        at_work(page)
    area = page.get_by_role("application", name=re.compile("Drawing board"))
    for keys in (["ArrowRight"] * 3 + ["ArrowUp"], ["+"], [" "], ["PageDown", "Delete"]):
        area.focus()
        for key in keys:
            page.keyboard.press(key)
        seen.append(agrees(page, net))
    for name in ("yellow", "night", "Add a car"):
        page.get_by_role("button", name=name, exact=True).press("Enter")
        seen.append(agrees(page, net))
    page.get_by_role("button", name="erase").press("Enter")
    area.press("Space")
    seen.append(agrees(page, net))
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(seen))
    status = page.locator(".cam-live [role=status]")
    page.wait_for_function(
        "e => /^car at .* leads with .*%/.test(e.textContent)", arg=status.element_handle()
    )
    assert len(page.workers) == worker


def test_a_thing_is_dragged_from_the_tray_and_about(opened, board, net):
    page = opened(board)
    frame = page.locator(".cl-above").bounding_box()
    fish = page.get_by_role("button", name="Add a fish").bounding_box()

    def to(across, down):
        page.mouse.move(frame["x"] + across * frame["width"], frame["y"] + down * frame["height"])

    seen = [agrees(page, net)]
    page.mouse.move(fish["x"] + 20, fish["y"] + 20)
    page.mouse.down()
    for share in (0.3, 0.5, 0.7):
        to(share, 0.2)
    page.mouse.up()
    seen.append(agrees(page, net))
    assert seen[1][net.index("fish")] > seen[0][net.index("fish")]
    page.mouse.down()
    to(0.2, 0.9)
    page.mouse.up()
    assert not torch.equal(agrees(page, net), seen[1])


def test_the_class_chosen_is_the_class_shown(opened, board, net):
    page = opened(board)
    equation = page.locator(".cl-equation")
    assert equation.inner_text().startswith("bird:")
    page.get_by_role("radio", name="cup").check()
    scores = agrees(page, net)
    assert equation.inner_text().startswith("cup:")
    mean, b, S = numbers(equation.inner_text().replace("\N{MINUS SIGN} ", "-"))
    assert mean + b == pytest.approx(S, abs=1e-6)
    assert S == pytest.approx(scores[net.index("cup")].item(), abs=0.006)


def test_the_board_shows_the_map_of_what_it_was_given(opened, board, net):
    page = opened(board)
    page.get_by_role("slider", name="Opacity").fill("1")
    agrees(page, net)
    picture = torch.tensor(pixels(page.locator(".cl-gets canvas"))[..., :3], dtype=torch.uint8)
    x = net.prepare(picture.permute(2, 0, 1))
    M = net(x, net.index("bird"))[1][0, 0]
    large = packing.within(picture.permute(2, 0, 1), 336)
    want = 255 * plots.overlay(large, M, 1, net.cells(x))
    got = pixels(page.locator(".cl-map canvas").first)[..., :3]
    assert np.abs(got - want).mean() < 3


def test_two_boards_do_not_share_their_choice(opened, board):
    page = opened(board, board)
    first, second = page.locator(".cam-live").all()
    first.get_by_role("radio", name="cup").check()
    assert second.get_by_role("radio", name="whichever leads").is_checked()
    assert first.locator(".cl-equation").inner_text().startswith("cup:")
    assert second.locator(".cl-equation").inner_text().startswith("bird:")


def test_a_worker_ends_with_its_board(opened, board):
    """As when a cell is run again."""
    page = opened(board)
    at_work(page)
    page.evaluate("() => document.querySelector('.cam-live').remove()")
    chromium = page.context.new_cdp_session(page)
    for _ in range(100):  # what is collected is told some time later
        chromium.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(50)
        if not page.workers:
            break
    assert page.workers == []


def test_the_board_takes_the_courses_own_networks(net):
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


def test_names_that_look_like_html_stay_text(opened, picture):
    torch.manual_seed(0)
    names = ["</script><b>x</b>", "<img src=x onerror=alert(1)>", "& co"]
    net = networks.cam_network(models.CourseNetwork(3), names)
    page = opened(html_of(live.explorer, net, picture, names[1]))
    texts = page.get_by_role("listbox").locator("option").all_inner_texts()
    assert {text.split("\u2003")[1] for text in texts} == set(names)
    assert page.locator(".cam-live b", has_text="x").count() == 0
    assert page.locator(".cam-live img").count() == 1


def axe() -> str:
    """axe-core, which says what assistive technology would stumble over."""
    places = [Path(os.environ.get("AXE_CORE", "")), ROOT / "node_modules" / "axe-core"]
    for place in places:
        if (place / "axe.min.js").is_file():
            return (place / "axe.min.js").read_text("utf8")
    pytest.skip("axe-core is missing: npm install --no-save axe-core (or AXE_CORE=its folder)")


@pytest.fixture(scope="module")
def figures(explorer, bench, thresholds, paint, browsed, board) -> dict[str, str]:
    made = {"explorer": explorer, "bench": bench, "thresholds": thresholds, "paint": paint}
    return made | {"browser": browsed, "board": board}


KINDS = ["explorer", "bench", "thresholds", "paint", "browser", "board"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_serious_is_found_by_axe(opened, figures, kind, theme):
    script = axe()
    page = opened(figures[kind], theme=theme)
    page.evaluate(script)
    found = page.evaluate("axe.run('main').then(r => r.violations)")
    bad = [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in found]
    assert [v for v in bad if v[1] in ("serious", "critical")] == []


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


def brightness(colour: str) -> float:
    """Relative luminance of a computed colour, 0 to 1 (WCAG 2)."""
    rgb = np.array([float(v) for v in re.findall(r"[\d.]+", colour)[:3]]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("host", HOSTS)
def test_a_figure_is_as_dark_as_its_host_whatever_the_system_is(opened, explorer, host):
    theme, marks, style = HOSTS[host]
    page = opened(explorer, theme={"light": "dark", "dark": "light"}[theme])
    page.evaluate(
        """([marks, style]) => {
          document.body.style = style;
          const on = "theme" in marks ? document.documentElement : document.body;
          for (const [name, value] of Object.entries(marks)) on.setAttribute(name, value);
        }""",
        [marks, style],
    )
    computed = """selectors => selectors.map(s => {
      const { color, backgroundColor } = getComputedStyle(document.querySelector(s));
      return [color, backgroundColor];
    })"""
    colours = page.evaluate(computed, [".cam-live", ".cl-words", ".cam-live select"])
    (ink, ground), (quiet, _), (chosen, field) = [map(brightness, pair) for pair in colours]
    assert (ground < 0.05, field < 0.05) == (theme == "dark", theme == "dark")
    for text, behind in ((ink, ground), (quiet, ground), (chosen, field)):
        low, high = sorted((text, behind))
        assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("kind", KINDS)
def test_tab_reaches_every_control_and_each_keeps_its_keys(opened, figures, kind):
    page = opened(figures[kind])
    wanted = page.evaluate(
        "[...document.querySelectorAll('.cl-body :is(input, select, button, [tabindex])')]"
        ".filter(e => !e.disabled && e.tabIndex >= 0 && (e.type !== 'radio' || e.checked)).length"
    )
    reached = set()
    for _ in range(wanted):
        page.keyboard.press("Tab")
        described = page.evaluate(
            "(e => [[...document.querySelectorAll('*')].indexOf(e), "
            "e.getAttribute('data-lm-suppress-shortcuts'), getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        assert described[1] == "true" and described[2] != "none"
        reached.add(described[0])
    assert len(reached) == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [600, 1000])
def test_nothing_is_wider_than_the_page(opened, figures, kind, width):
    page = opened(figures[kind], width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_picture_makes_a_small_output(figures, kind):
    most = {"board": 500_000}  # it holds a whole network and the things to drag
    assert len(figures[kind]) < most.get(kind, 150_000)


# ---------------------------------------------------------------- in JupyterLab


@pytest.fixture(scope="module")
def course(figures, tmp_path_factory) -> Path:
    """A notebook that somebody else ran: the output of each figure, and no code behind it."""
    folder = tmp_path_factory.mktemp("course")
    (folder / COPIES).mkdir()
    html = [{"text/html": figures[kind]} for kind in KINDS]
    outputs = [nbformat.v4.new_output("display_data", data) for data in html]
    cells = [nbformat.v4.new_code_cell(outputs=[output]) for output in outputs]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / COPIES / "figures.ipynb")
    return folder


def test_in_jupyterlab_a_figure_stands_still_until_it_is_trusted(browser, lab):
    """Then all are alive, with nothing run, and their keys never reach the notebook."""
    stills, said = ".jp-OutputArea-output img", []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(240 * SECONDS)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.goto(lab("figures.ipynb"))
    page.wait_for_function(f"() => document.querySelectorAll('{stills}').length === {len(KINDS)}")
    seen = page.locator(stills).evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => i.alt && i.naturalWidth)))"
    )
    assert min(seen) >= 320 and page.locator(".cam-live[data-state]").count() == 0
    ready = "() => /Idle/.test(document.querySelector('#jp-main-statusbar')?.textContent)"
    page.wait_for_function(ready)
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("trust notebook")
    page.locator(".lm-CommandPalette-item[data-command='notebook:trust']").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    alive = ".cam-live[data-state=alive]"
    page.wait_for_function(f"() => document.querySelectorAll('{alive}').length === {len(KINDS)}")
    for figure in page.locator(alive).all():
        figure.locator("input[type=range], [role=application]").first.focus()
        for key in ("ArrowRight", "d", "d", "x", "b"):
            page.keyboard.press(key)
        assert figure.locator(":focus").count() == 1
    assert page.locator(".jp-Cell").count() == len(KINDS)
    page.close()
    assert said == []
