"""The workbench's controls, driven without a browser: what they choose, say and refuse."""

import base64
import html
import io
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from PIL import Image

from utils import explore, models, photos
from utils.explore import own
from utils.explore import panels as shared

SAMPLES = {
    "tall": torch.full((3, 40, 20), 90, dtype=torch.uint8),
    "flat": torch.zeros(3, 5, 600, dtype=torch.uint8),
}


def png(width: int = 7, height: int = 4) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def shown(monkeypatch) -> list[dict]:
    bundles: list[dict] = []
    monkeypatch.setattr(shared, "display", lambda bundle, **_: bundles.append(bundle))
    return bundles


@pytest.fixture
def panels(monkeypatch) -> list:
    kept: list = []
    for name in ("_picture_panel", "_network_panel"):
        made = getattr(own, name)
        keep = lambda *a, made=made: kept.append(made(*a)) or kept[-1]  # noqa: E731
        monkeypatch.setattr(own, name, keep)
    return kept


def parts(panel) -> SimpleNamespace:
    column, image = panel.children
    names = ("menu", "upload", "camera", "address", "fetch", "words")
    return SimpleNamespace(image=image, **dict(zip(names, column.children, strict=True)))


# ---------------------------------------------------------------- pictures


def test_the_first_sample_is_chosen_and_the_menu_chooses_another(panels, shown):
    chosen = explore.own_picture(SAMPLES)
    assert chosen.value is SAMPLES["tall"]
    assert [bundle["text/plain"] for bundle in shown] == ["tall: 20 × 40 pixels."]
    controls = parts(panels[0])
    controls.menu.value = "flat"
    assert chosen.value is SAMPLES["flat"]
    assert controls.words.value == '<span role="status">flat: 600 × 5 pixels.</span>'
    alt, address = re.findall('"(.*?)"', controls.image.value)
    assert alt == "Chosen is flat: 600 × 5 pixels."
    assert Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).size == (240, 2)


@pytest.mark.parametrize(
    "value",
    [
        ({"name": "a.png", "type": "image/png", "size": 1, "content": memoryview(png())},),
        {"a.png": {"metadata": {"name": "a.png"}, "content": png()}},
    ],
    ids=["ipywidgets 8", "ipywidgets 7"],
)
def test_an_upload_is_chosen_in_the_form_of_either_ipywidgets(panels, value):
    chosen = explore.own_picture(SAMPLES)
    upload = parts(panels[0]).upload

    def arrives(new) -> None:
        upload.notify_change(
            {"name": "value", "old": None, "new": new, "owner": upload, "type": "change"}
        )

    arrives(value)
    assert chosen.value.shape == (3, 4, 7)
    assert chosen.words == "Your upload: 7 × 4 pixels."
    arrives(())
    assert chosen.value.shape == (3, 4, 7)
    menu = parts(panels[0]).menu
    assert menu.value is None  # so the first can be chosen again
    menu.value = "tall"
    assert chosen.value is SAMPLES["tall"]


def test_an_address_is_loaded_or_one_sentence_says_why_not(panels, tmp_path):
    chosen = explore.own_picture(SAMPLES)
    controls = parts(panels[0])
    for text, size in ((tmp_path / "none.png", (40, 20)), (tmp_path / "there.png", (4, 7))):
        (tmp_path / "there.png").write_bytes(png())
        controls.address.value = str(text)
        controls.fetch.click()
        assert tuple(chosen.value.shape[1:]) == size
    assert chosen.words == "The address: 7 × 4 pixels."
    controls.address.value = "ftp://a.b/c.png"
    controls.fetch.click()
    assert chosen.words.endswith("The picture before it stays.")
    assert tuple(chosen.value.shape[1:]) == (4, 7)
    assert html.escape(chosen.words) in controls.words.value


def test_take_reads_what_load_reads_and_lets_nothing_be_nothing():
    chosen = explore.own_picture(SAMPLES)
    chosen.take(None)
    assert chosen.value is SAMPLES["tall"]
    chosen.take(png(9, 3), "Mine")
    assert chosen.words == "Mine: 9 × 3 pixels."


def test_every_control_has_a_label(panels):
    explore.own_picture(SAMPLES)
    explore.network(["mobilenet_v2"])
    controls = parts(panels[0])
    labelled = [controls.menu, controls.upload, controls.address, controls.fetch]
    labelled.append(panels[1].children[0])
    assert all(control.description for control in labelled)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="one picture at least"):
        explore.own_picture({})


def test_without_ipywidgets_a_sentence_stands_in(monkeypatch, shown):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    chosen = explore.own_picture(SAMPLES)
    explore.network(["mobilenet_v2"])
    assert all("need ipywidgets" in bundle["text/html"] for bundle in shown)
    chosen.take(png())
    assert chosen.value.shape == (3, 4, 7)


# ---------------------------------------------------------------- networks


def test_the_menu_says_what_each_network_would_download(panels, monkeypatch):
    here = {"resnet18"}
    real = models.offered
    monkeypatch.setattr(models, "offered", lambda name: real(name)._replace(here=name in here))
    chosen = explore.network(["mobilenet_v2", "resnet18"])
    menu, words = panels[0].children
    assert chosen.value == "resnet18"
    assert "is here: nothing is downloaded." in words.value
    assert menu.options[0] == ("mobilenet_v2: would download 14 MB", "mobilenet_v2")
    menu.value = "mobilenet_v2"
    assert chosen.value == "mobilenet_v2"
    assert "mobilenet_v2 is not here: its first use downloads 14 MB, once." in words.value


def test_offers_know_the_cache_and_are_no_download(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    offer = models.offered("resnet18")
    assert offer == ("resnet18", False, 45, 69.758)
    file = models.store.cached(models._weights("resnet18").url)
    file.parent.mkdir(parents=True)
    file.touch()
    assert models.offered("resnet18").here
    with pytest.raises(ValueError, match="no classifier called 'resnet'"):
        models.offered("resnet")


def test_the_menu_is_in_the_order_of_its_promise_and_has_no_stranger():
    sizes = [models.offered(name).megabytes for name in models.IMAGENET]
    assert sizes == sorted(sizes)


# ---------------------------------------------------------------- the camera


def on_colab(monkeypatch, eval_js):
    colab = ModuleType("google.colab")
    colab.output = SimpleNamespace(eval_js=eval_js)
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)


def test_the_camera_gives_a_picture_on_colab(monkeypatch):
    data = base64.b64encode(png()).decode()
    on_colab(monkeypatch, lambda script: f"data:image/jpeg;base64,{data}")
    assert photos.load(explore.webcam()).shape == (3, 4, 7)


def test_a_refused_camera_is_one_sentence(monkeypatch, capsys):
    def refused(script):
        raise RuntimeError("NotAllowedError: Permission denied")

    on_colab(monkeypatch, refused)
    assert explore.webcam() is None
    assert capsys.readouterr().out.count("\n") == 1


def test_no_camera_elsewhere(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    assert explore.webcam() is None
    assert "on Colab only" in capsys.readouterr().out


def test_the_camera_of_a_panel_gives_a_picture_or_a_sentence(panels):
    """What its script writes into the hidden field; a test in a browser presses the button."""
    chosen = explore.own_picture(SAMPLES)
    button, field, _ = parts(panels[0]).camera.children
    assert button.description and field.layout.display == "none"
    for _ in range(2):
        button.click()
        assert button.disabled  # or a second one would ask beside the first
        field.value = "none"
        assert not button.disabled
        assert chosen.value is SAMPLES["tall"] and field.value == ""
        assert chosen.words.endswith("upload it. The picture before it stays.")
    field.value = f"data:image/jpeg;base64,{base64.b64encode(png()).decode()}"
    assert chosen.words == "Your camera: 7 × 4 pixels." and field.value == ""


def test_colab_has_the_camera_in_a_cell_and_not_in_the_panel(panels, monkeypatch):
    on_colab(monkeypatch, lambda script: "")
    explore.own_picture(SAMPLES)
    assert parts(panels[0]).camera.children == ()
