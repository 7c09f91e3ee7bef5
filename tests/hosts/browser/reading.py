"""What stands on a live figure, read and held against `utils`, which computed nothing of it.

`figure` is a page that shows nothing else, or the element of the figure in a page.
"""

import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image
from shown import BIRD, net, picture, test, variants

from utils import cam, channels, localization, plots
from utils.live import look
from utils.live import page as packing

ORANGE = (217, 130, 43)
FRAMES = "requestAnimationFrame(() => requestAnimationFrame(done))"
HEIGHT = WIDTH = 112  # pixels of every picture that is shown


def drawn(figure) -> None:
    """Wait until the figure has drawn what was asked of it: it draws in the next frame."""
    figure.evaluate(f"() => new Promise(done => {FRAMES})")


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))


def numbers(text: str) -> list[float]:
    """All numbers of a line, with their signs; those behind a letter are names."""
    text = text.replace("\N{MINUS SIGN}", "-")
    return [float(v) for v in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)]


def equation(figure) -> str:
    """The line of the score, each sign at its number."""
    return figure.locator(".cl-equation").inner_text().replace("\N{MINUS SIGN} ", "-")


def words(figure) -> str:
    return figure.locator(".cl-words").inner_text()


def box_in(text: str) -> list[int]:
    return [int(v) for v in re.search(r"\((\d+, \d+, \d+, \d+)\)", text)[1].split(",")]


def pixels(canvas) -> np.ndarray:
    """A canvas's own pixels, whatever its size on the screen: (h, w, 4)."""
    address = canvas.evaluate("c => c.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))), float)


def brightness(colour: str) -> float:
    """Relative luminance of a computed colour, 0 to 1 (WCAG 2)."""
    rgb = np.array([float(v) for v in re.findall(r"[\d.]+", colour)[:3]]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def check_pixels(canvas, want: np.ndarray, tolerance: float = 6) -> None:
    """The colours (h, w, 3), 0 to 1, but for what a JPEG loses of the picture below."""
    got = pixels(canvas)[..., :3]
    assert got.shape == want.shape
    off = np.abs(got - 255 * want)
    assert off.mean() < tolerance / 4 and np.percentile(off, 99) < 4 * tolerance


def check_overlay(figure, image, M, alpha, cells, side=look.SIDE, tolerance=6) -> None:
    """A map (H, W) over its picture (3, h, w), as `plots.overlay` draws it."""
    want = plots.overlay(packing.within(image, side), M, alpha, cells)
    check_pixels(figure.locator(".cl-map canvas").first, want, tolerance)


def check_box(figure, box) -> None:
    """The orange box on the map stands where it is said to: (x0, y0, x1, y1) in pixels of 112."""
    above = pixels(figure.locator(".cl-map canvas").nth(1))
    x0, y0, x1, y1 = (v * above.shape[1] / WIDTH for v in box)
    on = (np.abs(above[..., :3] - ORANGE).max(-1) < 30) & (above[..., 3] > 200)
    ys, xs = on.nonzero()
    assert (xs.min(), ys.min()) == pytest.approx((x0, y0), abs=3)
    assert (xs.max(), ys.max()) == pytest.approx((x1, y1), abs=3)


# ---------------------------------------------------------------- the explorer


def seen(name, threshold=0.2):
    """What `utils` says of a class: its map, score, probability, box, share above."""
    x = net.prepare(picture)
    S, M = net(x)
    c = net.index(name)
    big = cam.upsample(M[:, [c]], picture.shape[1:], net.cells(x))[0, 0]
    box = localization.box_from_map(big, threshold).tolist()
    share = 100 * (cam.normalize(big) > threshold).float().mean().item()
    return M[0, c], S[0, c].item(), S.softmax(1)[0, c].item(), box, share


def check_class(figure, name, threshold=0.2) -> torch.Tensor:
    """An explorer's score, probability, box and share; returns the map (H, W) of the class."""
    M, S, P, box, share = seen(name, threshold)
    line = equation(figure).removeprefix(f"{name}: ")
    mean, b, score, probability = numbers(line)
    assert line != equation(figure) and mean + b == pytest.approx(score, abs=1e-6)
    assert score == pytest.approx(S, abs=0.006)
    assert probability == pytest.approx(P, abs=0.0006)
    said = words(figure)
    assert box_in(said) == pytest.approx(box, abs=1)  # where a pixel lies on the threshold
    assert numbers(said)[0] == pytest.approx(share, abs=0.2)
    return M


def check_cell(figure, name, i, j) -> None:
    """The bars: (k, w, f, w f) of six channels, the rest, and their sum."""
    assert f"Row {i + 1}, column {j + 1} of 14 × 14" in figure.locator(".cl-title").inner_text()
    p = net.forward_pass(net.prepare(picture))
    paid = p.w[net.index(name)] * p.f[0, :, i, j]
    rows = figure.locator(".cl-bar").all_inner_texts()
    six = [tuple(numbers(row.replace("k =", ""))) for row in rows[:-2]]
    rest, total = numbers(rows[-2])[-1], numbers(rows[-1])[-1]
    assert total == pytest.approx(paid.sum().item(), abs=0.006)
    assert sum(value for *_, value in six) + rest == pytest.approx(total, abs=0.006)
    largest = paid.abs().topk(6)
    for (k, w, f, value), most in zip(six, largest.values.tolist(), strict=True):
        assert abs(value) == pytest.approx(most, abs=0.002)
        assert value == pytest.approx(paid[int(k)].item(), abs=0.002)
        assert w == pytest.approx(p.w[net.index(name), int(k)].item(), abs=0.001)
        assert f == pytest.approx(p.f[0, int(k), i, j].item(), abs=0.01)


# ---------------------------------------------------------------- the evidence bench


class Changed:
    """The network's last layer on this picture, changed in `utils`' terms as on the page."""

    def __init__(self) -> None:
        p = net.forward_pass(net.prepare(picture))
        self.f, self.w, self.b, self.own = p.f.clone(), p.w.clone(), p.b, p

    def pays(self, name: str) -> list[int]:
        """The eight channels that pay most for or against a class: those on sliders."""
        paid = self.own.w[net.index(name)] * cam.pool(self.own.f)[0]
        return paid.abs().topk(8).indices.tolist()

    def check(self, figure, name="bird") -> torch.Tensor:
        """The identity, the score, the probability, the five best classes; returns S (C,)."""
        S = cam.scores(cam.pool(self.f), self.w, self.b)[0]
        P, c = S.softmax(0), net.index(name)
        mean, b, score, probability = numbers(equation(figure))
        assert mean + b == pytest.approx(score, abs=1e-6)
        M = cam.class_maps(self.f, self.w, c)[0, 0]
        assert mean == pytest.approx(M.mean().item(), abs=0.0102)  # so that the line adds up
        assert score == pytest.approx(S[c].item(), abs=0.0052)
        assert probability == pytest.approx(P[c].item(), abs=0.00052)
        rows = figure.locator(".cl-short .cl-bar").all_inner_texts()
        order = [net.index(re.split(r"\s", row)[0]) for row in rows]
        best = S.sort(descending=True).values[: len(rows)]
        assert torch.allclose(S[order], best, atol=1e-3)  # of equal scores, in any order
        for row, i in zip(rows, order, strict=True):
            assert numbers(row) == pytest.approx([S[i].item(), P[i].item()], abs=0.0052)
        return S

    def check_map(self, figure, name="bird") -> None:
        """Orange for and blue against, on the scale of the map as it was."""
        c = net.index(name)
        limit = cam.class_maps(self.own.f, self.own.w, c).abs().max().item()
        M = cam.class_maps(self.f, self.w, c)[0, 0]
        image = packing.within(picture, look.SIDE)
        want = look.signed_overlay(image, M, 0.7, net.cells(net.prepare(picture)), limit)
        check_pixels(figure.locator(".cl-map canvas").first, np.asarray(want) / 255)


# ---------------------------------------------------------------- maps of several networks


def check_variant(figure, label, name, threshold) -> None:
    """Score, pieces, box, IoU, share above half, cells, and the present point of the curve."""
    v = variants[label]
    c = test.class_names.index(name)
    big = cam.upsample(v.M[None, [c]], (HEIGHT, WIDTH), v.cells)[0, 0]
    pieces = localization.component_boxes((cam.normalize(big) > threshold).numpy())
    box = localization.box_from_map(big, threshold)
    iou = localization.iou(box.float(), test.boxes[BIRD].float()).item()
    S, P = numbers(equation(figure).split(":")[1])
    assert S == pytest.approx(v.S[c].item(), abs=0.006)
    assert P == pytest.approx(v.S.softmax(0)[c].item(), abs=0.0006)
    said = words(figure)
    n, above, *corners, overlap, lit, H, W = numbers(said)
    assert (n, above, (H, W)) == (len(pieces), threshold, tuple(v.M.shape[1:]))
    assert corners == pytest.approx(box.tolist(), abs=1)
    assert overlap == pytest.approx(iou, abs=0.02)  # one pixel of a side
    assert ("found" in said) == (overlap >= 0.5)
    assert lit == pytest.approx(100 * (cam.normalize(big) > 0.5).float().mean().item(), abs=0.1)
    value = figure.locator(".cl-value")
    assert value.is_visible() == (v.curve is not None)
    heard = figure.locator(".cl-plot").get_attribute("aria-label")
    if v.curve is None:
        assert heard == f"{label} has no curve"
    else:
        grid = np.arange(len(v.curve)) / len(v.curve)
        share = 100 * np.interp(threshold, grid, v.curve)
        assert numbers(value.text_content()) == pytest.approx([share], abs=0.06)
        assert heard.startswith(f"{label}: {value.text_content()} of the test pictures found")


# ---------------------------------------------------------------- paint the evidence


def place(surface, i, j, cells) -> tuple[float, float]:
    """Where a cell of a map looks, as a point of the screen (x, y)."""
    frame = surface.bounding_box()
    across, down = (cells.start[a] + n * cells.step[a] for a, n in ((1, j), (0, i)))
    return frame["x"] + across * frame["width"], frame["y"] + down * frame["height"]


def cells_box(cells, top, left, bottom, right) -> torch.Tensor:
    """What cells cover of 112 pixels, each a step wide."""
    low = [WIDTH * (cells.start[a] + (n - 0.5) * cells.step[a]) for a, n in ((1, left), (0, top))]
    high = [
        WIDTH * (cells.start[a] + (n + 0.5) * cells.step[a]) for a, n in ((1, right), (0, bottom))
    ]
    return torch.tensor([math.ceil(v - 0.5 - 1e-6) for v in low + high])


def check_painted(figure, mine: list[tuple[int, int]]) -> None:
    """What the marked cells pay, how many are the map's own best, and the IoU of both boxes."""
    v = variants["GAP"]
    M = v.M[test.class_names.index("bird")]
    marked = [i * M.shape[1] + j for i, j in mine]
    best = M.flatten().topk(len(mine)).indices.tolist()
    n, of, pays, k, theirs, shared, overlap, ours = numbers(words(figure))
    assert (n, of, k, shared) == (len(mine), 196, len(mine), len(set(marked) & set(best)))
    M = M.flatten()
    assert pays == pytest.approx(100 * (M[marked].sum() / M.sum()).item(), abs=0.06)
    assert theirs == pytest.approx(100 * (M[best].sum() / M.sum()).item(), abs=0.06)
    big = cam.upsample(v.M[None, [test.class_names.index("bird")]], (HEIGHT, WIDTH), v.cells)
    rows, columns = zip(*mine, strict=True)
    own = cells_box(v.cells, min(rows), min(columns), max(rows), max(columns))
    boxes = torch.stack([localization.box_from_map(big[0, 0]), own])
    want = localization.iou(boxes.float(), test.boxes[BIRD].float()).tolist()
    assert (overlap, ours) == pytest.approx(want, abs=0.01)


# ---------------------------------------------------------------- the channel browser


class Channels:
    """What `utils` says of the channels over the test pictures."""

    def __init__(self) -> None:
        self.p = net.forward_pass(net.prepare(test.images))
        self.cells = net.cells(net.prepare(test.images[:1]))
        T = channels.thresholds(self.p.f, 0.02)
        masks = channels.part_masks(test.parts, range(1, len(test.part_names)))
        self.iou = channels.overlap(self.p.f, T, masks, cells=self.cells).iou

    def check(self, figure, name: str, rank: int) -> None:
        """A channel: its weights, the pictures in which it fires most, the parts that fit it."""
        p, w = self.p, self.p.w[net.index(name)]
        k = int(w.argsort(descending=True, stable=True)[rank])
        head, line = equation(figure).split(":")
        assert numbers(head.replace("k =", "")) == [k]
        assert numbers(line) == [pytest.approx(w[k].item(), abs=0.0052), rank + 1, 64]
        best = p.f[:, k].amax((1, 2)).topk(4)
        captions = figure.locator("figcaption").all_inner_texts()
        for caption, i, value in zip(captions, best.indices, best.values.tolist(), strict=True):
            assert caption.startswith(test.class_names[test.labels[i]])
            assert numbers(caption)[-1] == pytest.approx(value, rel=0.15)  # enlarged: flatter
        bars = figure.locator(".cl-bar").all_inner_texts()
        for bar, (value, part) in zip(bars, zip(*self.iou[k].topk(3), strict=True), strict=False):
            assert bar.startswith(test.part_names[part + 1])
            assert numbers(bar) == pytest.approx([value.item()], abs=0.0006)
        own = [numbers(bar)[0] for bar in bars[3:]]
        assert own == pytest.approx(p.w[:, k].tolist(), abs=0.0052)

    def check_map(self, figure, name: str, rank: int) -> None:
        """The first of the pictures under the channel's map."""
        k = int(self.p.w[net.index(name)].argsort(descending=True, stable=True)[rank])
        i = int(self.p.f[:, k].amax((1, 2)).argmax())
        small = packing.within(test.images[i], 80)
        check_overlay(figure, small, self.p.f[i, k], 0.5, self.cells, side=160, tolerance=16)


# ---------------------------------------------------------------- the drawing board


def check_scores(figure) -> torch.Tensor:
    """The page's scores (C,) are PyTorch's for the picture it shows; returns them."""
    drawn(figure)
    while figure.locator("[aria-busy=true]").count():
        drawn(figure)
    drawn(figure)
    want = net.forward_pass(net.prepare(board_picture(figure))).S[0]
    rows = figure.locator(".cl-class[data-name]")
    scores = torch.tensor(rows.evaluate_all("rows => rows.map(r => Number(r.dataset.score))"))
    assert (scores - want).abs().max() < 1e-3
    return scores


def board_picture(figure) -> torch.Tensor:
    """The picture that the board's network gets: (3, 112, 112) uint8."""
    rgba = pixels(figure.locator(".cl-gets canvas"))
    image = torch.tensor(rgba[..., :3], dtype=torch.uint8).permute(2, 0, 1)
    assert image.shape == (3, HEIGHT, WIDTH)
    return image


def check_board_map(figure, name: str) -> None:
    """The map of a class, at full opacity, over the picture that the network gets."""
    x = net.prepare(board_picture(figure))
    M = net(x, net.index(name))[1][0, 0]
    want = plots.overlay(packing.within(board_picture(figure), 336), M, 1, net.cells(x))
    got = pixels(figure.locator(".cl-map canvas").first)[..., :3]
    assert np.abs(got - 255 * want).mean() < 3
