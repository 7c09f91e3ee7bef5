"""Live figures as they are stored: what is in them, and what they refuse. (Browsers run them.)"""

import base64
import io
import json
import re
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import sketchbook
from tools.notebooks import all_notebooks, problems, read
from utils import cam, live, localization, models, networks
from utils.live import look, page

NAMES = ["<b>bird</b>", "fish & chips", 'a "car"']


@pytest.fixture
def displayed(monkeypatch) -> list[dict]:
    bundles: list[dict] = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


@pytest.fixture(scope="module")
def net() -> networks.CamNetwork:
    torch.manual_seed(0)
    return networks.cam_network(models.CourseNetwork(3), NAMES)


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return sketchbook.objects(1, seed=3).images[0]


def data_of(html: str) -> dict:
    """The data that a figure holds."""
    return json.loads(re.search(r'application/json">(.*?)</script>', html, re.S)[1])


def numbers(packed: dict) -> np.ndarray:
    whole = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), "<i2")
    return whole * packed["step"]


def still_of(html: str) -> Image.Image:
    address = re.search(r'<img src="data:image/jpeg;base64,([^"]+)"', html)[1]
    return Image.open(io.BytesIO(base64.b64decode(address)))


def test_a_figure_is_html_and_words_and_needs_nothing_from_elsewhere(displayed, net, picture):
    assert live.explorer(net, picture) is None
    bundle = displayed[0]
    assert set(bundle) == {"text/html", "text/plain"}
    html = bundle["text/html"]
    assert not re.search(r"\b(fetch|import|XMLHttpRequest|eval)\s*\(", html)
    assert set(re.findall(r"https?://[^\"'\s]+", html)) == {
        "http://www.w3.org/2000/svg"  # a name, which nobody asks
    }
    assert still_of(html).size == (400, 400)


def test_the_words_of_the_still_picture_are_escaped(displayed, net, picture):
    live.explorer(net, picture, NAMES[0])
    html = displayed[0]["text/html"]
    assert NAMES[0] not in html and "&lt;b&gt;bird&lt;/b&gt;: " in html
    assert data_of(html)["names"][0] == NAMES[0]
    assert displayed[0]["text/plain"].startswith(f"Heat map over its picture. {NAMES[0]}: ")


def test_the_data_are_the_networks_maps_and_weights(displayed, net, picture):
    live.explorer(net, picture)
    data, p = data_of(displayed[0]["text/html"]), net.forward_pass(net.prepare(picture))
    c = [NAMES.index(name) for name in data["names"]]
    loud = [k for k in range(data["K"]) if k not in data["quiet"]]
    f = numbers(data["f"]).reshape(len(loud), *p.f.shape[2:])
    w = numbers(data["w"]).reshape(len(c), len(loud))
    assert not p.f[0, data["quiet"]].any()
    M = cam.class_maps(p.f, p.w, classes=c)[0].numpy()
    assert np.allclose(np.einsum("khw,ck->chw", f, w), M, atol=1e-3 * np.abs(M).max())
    assert data["S"] == pytest.approx(p.S[0, c].tolist())


@pytest.mark.parametrize("figure", [live.explorer, live.bench])
def test_a_second_run_stores_the_same(displayed, net, picture, figure):
    figure(net, picture)
    figure(net, picture)
    assert displayed[0] == displayed[1]


def test_a_large_picture_is_made_640_pixels(displayed, net):
    live.explorer(net, torch.zeros(3, 900, 1800, dtype=torch.uint8))
    assert data_of(displayed[0]["text/html"])["size"] == [320, 640]


def test_the_true_box_shrinks_with_a_large_picture(displayed, net):
    live.paint(net, torch.zeros(3, 900, 1800, dtype=torch.uint8), torch.tensor([90, 90, 900, 450]))
    assert data_of(displayed[0]["text/html"])["box"] == pytest.approx([32, 32, 320, 160])


@pytest.mark.parametrize(
    "figure", [live.explorer, live.bench, lambda *a: live.paint(*a, [0, 0, 1, 1])]
)
def test_what_is_no_network_or_no_picture_gives_one_sentence(net, picture, figure):
    with pytest.raises(TypeError, match=r"models\.load"):
        figure(net.model, picture)
    with pytest.raises(ValueError, match=r"\(3, h, w\) uint8, as photos.load"):
        figure(net, picture[None])


def test_a_name_that_does_not_exist_gives_near_ones(net, picture):
    with pytest.raises(ValueError, match="there is no class 'fish'"):
        live.explorer(net, picture, "fish")


def test_a_menu_holds_the_classes_asked_for_once_then_the_best_twenty(net, picture):
    S = torch.arange(300).float()
    many = networks.CamNetwork(net.model, [f"kind {c}" for c in range(300)], net.prepare, net.tail)
    best, names = look.chosen(many, S, ["kind 7", "kind 298", "kind 7"])
    assert best == [7, 298, 299, *range(297, 279, -1)] and names[0] == "kind 7"
    nameless = networks.CamNetwork(net.model, (), net.prepare, net.tail)
    assert look.chosen(nameless, torch.tensor([0.0, 2.0, 1.0]), ())[1][0] == "class 1"


def test_a_map_that_is_nowhere_positive_is_said_to_be_so(displayed, picture):
    torch.manual_seed(0)
    dark = networks.cam_network(models.CourseNetwork(3), NAMES)
    dark.model.fc.weight.data.neg_().clamp_(max=0)  # features are never negative after the ReLU
    live.explorer(dark, picture)
    assert "nowhere positive" in displayed[0]["text/plain"]


@pytest.mark.parametrize("scale", [1.0, 1e-30, 0.0])
def test_packed_numbers_come_back(scale):
    values = scale * torch.randn(500, generator=torch.Generator().manual_seed(0))
    error = np.abs(numbers(page.packed(values)) - values.double().numpy()).max()
    assert error <= values.abs().max().item() / page.FINE


def test_the_board_holds_the_networks_weights_and_says_what_it_shows(displayed):
    net = models.load("objects-gap")
    live.board(net)
    live.board(net)
    assert displayed[0] == displayed[1]
    words = "A drawn picture of a bird and a cup, and over it the map of bird."
    assert displayed[0]["text/plain"] == words
    html = displayed[0]["text/html"]
    assert f'alt="{words}"' in html and still_of(html).size == (336, 336)
    data = data_of(html)
    own = [t for t in net.model.parameters() if t.ndim > 1]  # convolutions, then w
    held = [layer["w"] for layer in data["layers"] if "w" in layer] + [data["w"]]
    for t, text in zip(own, held, strict=True):
        low, high = np.frombuffer(zlib.decompress(base64.b64decode(text)), "u1").reshape(2, -1)
        halves = np.stack([low, high], 1).reshape(-1).view("<f2")
        assert np.array_equal(halves, t.detach().half().flatten().numpy())
    assert data["weights"] == sum(t.numel() for t in own)


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_stored_figures_hold_the_present_scripts(path):
    """After a change of a script: `make notebooks` for those that show a live figure."""
    html = [
        "".join(output["data"].get("text/html", ""))
        for cell in read(path).cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    found = {
        v for text in html for v in re.findall(r'class="cam-live"[^>]* data-version="(\w+)"', text)
    }
    assert found <= {page.version()}
    assert problems(read(path)) == []


def test_the_box_of_the_still_picture_is_the_packages(displayed, net, picture):
    live.explorer(net, picture, NAMES[1])
    p = net.forward_pass(net.prepare(picture))
    M = cam.class_maps(p.f, p.w, 1)
    big = cam.upsample(M, picture.shape[1:], net.cells(net.prepare(picture)))[0, 0]
    box = tuple(localization.box_from_map(big).tolist())
    assert f"Box {box} in 112 × 112 pixels" in displayed[0]["text/plain"] or not (big > 0).any()
