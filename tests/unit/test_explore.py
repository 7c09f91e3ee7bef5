"""The explorer, driven without a browser: what it shows, what its controls do, what it refuses."""

import io
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from utils import cam, localization, models, networks, plots
from utils.explore import classes as explore

VIEW = "application/vnd.jupyter.widget-view+json"
NAMES = ["bird", "fish", "car", "house", "tree", "boat", "cup", "flower", "lamp", "mushroom"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """On a busy machine, several threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def picture() -> torch.Tensor:
    torch.manual_seed(1)
    small = torch.rand(1, 3, 6, 8)
    return (255 * cam.upsample(small, (384, 512))[0]).to(torch.uint8)


@pytest.fixture
def net() -> networks.CamNetwork:
    return random_network(NAMES)


def random_network(names) -> networks.CamNetwork:
    torch.manual_seed(0)
    model = models.CourseNetwork(n_classes=len(names)).eval()
    return networks.cam_network(model, tuple(names), lambda picture: picture[None])


class Shown:
    """What one call of `explorer` displayed, and the widgets behind it."""

    def __init__(self, monkeypatch, net, picture, *also):
        def panel(*arguments):
            self.panel = made(*arguments)
            return self.panel

        def display(bundle, raw, metadata):
            assert raw
            self.bundle, self.metadata = bundle, metadata

        made = explore._panel
        monkeypatch.setattr(explore, "_panel", panel)
        monkeypatch.setattr(explore, "display", display)
        assert explore.explorer(net, picture, *also) is None
        row, self.words = self.panel.children
        self.image, column = row.children
        self.menu, self.opacity, self.threshold = column.children
        self.controls = column.children

    def pixels(self) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(bytes(self.image.value))), float)


@pytest.fixture
def shown(monkeypatch, net, picture) -> Shown:
    return Shown(monkeypatch, net, picture)


# ---------------------------------------------------------------- what is shown


def test_the_bundle_holds_the_widget_a_picture_and_words(shown):
    assert set(shown.bundle) == {VIEW, "image/png", "text/plain"}
    assert shown.bundle[VIEW]["model_id"] == shown.panel.model_id
    assert json.loads(json.dumps(shown.bundle[VIEW]))["version_major"] == 2
    still = Image.open(io.BytesIO(shown.bundle["image/png"]))
    assert still.format == "PNG" and still.size == (480, 360)
    about = shown.metadata["image/png"]
    assert about["width"] == 480 and shown.bundle["text/plain"] in about["alt"]


def test_the_still_picture_is_the_first_state_of_the_widget(shown):
    still = np.asarray(Image.open(io.BytesIO(shown.bundle["image/png"])), float)
    assert np.abs(still - shown.pixels()).mean() < 3  # PNG and JPEG of the same pixels
    assert shown.bundle["text/plain"].replace("'", "&#x27;") in shown.words.value


@pytest.mark.parametrize("h, w", [(112, 112), (1600, 900), (64, 640), (480, 480)])
def test_every_picture_is_shown_with_480_pixels_on_its_longer_side(monkeypatch, net, h, w):
    shown = Shown(monkeypatch, net, torch.zeros(3, h, w, dtype=torch.uint8))
    height, width, _ = shown.pixels().shape
    assert max(height, width) == 480
    assert abs(height / width - h / w) < 0.02


def test_without_ipywidgets_the_picture_is_still_shown(monkeypatch, net, picture):
    displayed = []
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(explore, "display", lambda bundle, **_: displayed.append(bundle))
    explore.explorer(net, picture)
    assert set(displayed[0]) == {"image/png", "text/plain"}
    assert "ipywidgets" in displayed[0]["text/plain"]


# ---------------------------------------------------------------- the menu


def test_the_menu_lists_all_ten_classes_best_first(shown, net, picture):
    S, _ = net(net.prepare(picture))
    P = S.softmax(1)[0]
    order = S[0].argsort(descending=True).tolist()
    labels = [label for label, _ in shown.menu.options]
    assert [label.split(":")[0] for label in labels] == [NAMES[c] for c in order]
    for label, c in zip(labels, order, strict=True):
        assert f"P_c {100 * P[c]:.1f} %" in label and f"S_c {S[0, c]:.2f}" in label


def test_of_many_classes_the_menu_takes_the_best_twenty(monkeypatch, picture):
    shown = Shown(monkeypatch, random_network([f"kind {i}" for i in range(300)]), picture)
    scores = [float(label.split("S_c ")[1]) for label, _ in shown.menu.options]
    assert len(scores) == 20 and scores == sorted(scores, reverse=True)


def test_classes_asked_for_come_first_and_once(monkeypatch, net, picture):
    for also in ("lamp", ["lamp"], ["lamp", "boat", "lamp"]):
        names = [x.split(":")[0] for x, _ in Shown(monkeypatch, net, picture, also).menu.options]
        assert names[0] == "lamp" and sorted(names) == sorted(NAMES)
    assert names[1] == "boat"
    with pytest.raises(ValueError, match="Did you mean 'bird'"):
        explore.explorer(net, picture, "brid")


def test_a_network_without_names_gets_numbers(monkeypatch, net, picture):
    shown = Shown(monkeypatch, networks.CamNetwork(net.model, (), net.prepare, net.tail), picture)
    assert shown.menu.label.startswith("class ")


def test_names_that_look_like_html_stay_text(monkeypatch, picture):
    shown = Shown(monkeypatch, random_network(["<b>bird</b>", "<i>fish</i>"]), picture)
    assert "&lt;" in shown.words.value and "<b>" not in shown.words.value


# ---------------------------------------------------------------- the controls


@pytest.mark.parametrize("control, value", [("menu", 3), ("opacity", 0.3), ("threshold", 0.7)])
def test_every_control_changes_the_picture(shown, control, value):
    before = shown.pixels()
    getattr(shown, control).value = value
    assert np.abs(shown.pixels() - before).max() > 20


def test_the_words_give_the_box_and_the_share_of_the_whole_picture(shown, net, picture):
    x = net.prepare(picture)
    _, maps = net(x)
    for row, threshold in ((0, 0.2), (4, 0.5), (9, 0.0), (9, 0.95)):
        shown.menu.value, shown.threshold.value = row, threshold
        c = NAMES.index(shown.menu.label.split(":")[0])
        M = cam.upsample(maps[:, [c]], picture.shape[1:], net.cells(x))[0, 0]
        box = tuple(localization.box_from_map(M, threshold).tolist())
        share = torch.gt(M, threshold * M.max()).float().mean()
        assert M.max() > 0, "this picture should have evidence for every class"
        assert f"{NAMES[c]}: {100 * share:.1f} % of the picture" in shown.words.value
        assert f"Box {box} in 512 × 384 pixels" in shown.words.value


def test_opacity_0_is_the_picture_and_1_the_map(shown, picture):
    shown.threshold.value = 0.95  # a small box
    shown.opacity.value = 0
    plain = explore.resized(picture, [360, 480]).permute(1, 2, 0).numpy().astype(float)
    assert np.median(np.abs(shown.pixels() - plain)) <= 3
    shown.opacity.value = 1
    inferno = 255 * np.array(plots.plt.get_cmap(plots.HEAT).colors)
    pixels = shown.pixels()[::30, ::30].reshape(-1, 1, 3)
    assert np.median(np.abs(pixels - inferno).max(-1).min(-1)) <= 4  # colours of the map only


def test_one_forward_pass_is_enough(monkeypatch, net, picture):
    passes = []
    net.cells(net.prepare(picture))  # known from here on
    net.model.register_forward_hook(lambda *_: passes.append(1))
    shown = Shown(monkeypatch, net, picture)
    for row in range(10):
        shown.menu.value = row
    shown.opacity.value, shown.threshold.value = 0.1, 0.4
    assert len(passes) == 1


def test_a_map_that_is_nowhere_positive_is_said_to_be_so(monkeypatch, net, picture):
    net.model.fc.weight.data.neg_().clamp_(max=0)  # features are never negative after the ReLU
    shown = Shown(monkeypatch, net, picture)
    assert "nowhere positive" in shown.words.value


def test_a_slider_draws_once_and_no_more_than_the_screen_shows(monkeypatch, net):
    """Whatever the picture's size: what makes an answer quick, counted instead of timed."""
    passes, drawn, overlay = [], [], plots.overlay

    def counted(picture, *rest):
        drawn.append(picture.shape[1] * picture.shape[2])
        return overlay(picture, *rest)

    monkeypatch.setattr(plots, "overlay", counted)
    net.model.register_forward_hook(lambda *_: passes.append(1))
    shown = Shown(monkeypatch, net, torch.zeros(3, 900, 1600, dtype=torch.uint8))
    drawn.clear(), passes.clear()
    for step in range(5):
        shown.threshold.value = 0.05 * (step + 5)
    assert len(drawn) == 5 and max(drawn) <= 480 * 270
    assert not passes


def test_every_control_is_described(shown):
    for control in shown.controls:
        tip = getattr(control, "tooltip", None) or getattr(control, "description_tooltip", None)
        assert control.description and tip
        assert control.style.description_width == "90px"
    assert shown.threshold.min == 0 and shown.threshold.max == 0.95
    assert shown.threshold.continuous_update and shown.opacity.continuous_update


# ---------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    "wrong",
    [
        torch.rand(3, 20, 20),
        torch.zeros(1, 3, 20, 20, dtype=torch.uint8),
        torch.zeros(20, 20, 3, dtype=torch.uint8),
        torch.zeros(20, 20, dtype=torch.uint8),
        torch.zeros(3, 0, 20, dtype=torch.uint8),
        np.zeros((3, 20, 20), np.uint8),
        "cat.jpg",
        None,
    ],
    ids=["float", "batch", "channels last", "grey", "empty", "array", "path", "None"],
)
def test_a_wrong_picture_gives_one_clear_error(net, wrong):
    with pytest.raises(ValueError, match=r"\(3, h, w\) uint8, as photos.load"):
        explore.explorer(net, wrong)


@pytest.mark.parametrize("wrong", [None, torch.nn.Identity(), "mobilenet_v2"])
def test_anything_but_a_cam_network_gives_one_clear_error(picture, wrong):
    with pytest.raises(TypeError, match=r"models\.load"):
        explore.explorer(wrong, picture)
