"""The identities of CAM on random tensors, and the same maps from other people's software."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from utils import cam

DEVICES = (
    ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
)


@st.composite
def layers(draw):
    """Random f (N, K, H, W), w (C, K), b (C,), in any float type, on any device there is."""
    n, k, c, h, w = (draw(st.integers(1, top)) for top in (3, 9, 7, 8, 8))
    device = draw(st.sampled_from(DEVICES))
    types = [torch.float32, torch.bfloat16] + [torch.float64] * (device != "mps")
    dtype = draw(st.sampled_from(types))
    g = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    tensors = (torch.randn(s, generator=g) for s in ((n, k, h, w), (c, k), (c,)))
    return [t.to(device, dtype) for t in tensors]


def close(a, b):
    loose = {torch.bfloat16: 0.1, torch.float32: 1e-4, torch.float64: 1e-10}[a.dtype]
    assert_close(a, b, rtol=loose, atol=loose)


@given(layers())
@settings(deadline=None, max_examples=60)
def test_score_is_mean_of_map_plus_bias(layer):
    f, w, b = layer
    close(cam.scores(cam.pool(f, "mean"), w, b), cam.class_maps(f, w).mean((2, 3)) + b)


@given(layers())
@settings(deadline=None, max_examples=60)
def test_score_is_sum_of_map_in_the_papers_convention(layer):
    f, w, _ = layer
    close(cam.scores(cam.pool(f, "sum"), w), cam.class_maps(f, w).sum((2, 3)))


@given(layers())
@settings(deadline=None, max_examples=30)
def test_a_map_is_a_one_by_one_convolution(layer):
    f, w, _ = layer
    close(cam.class_maps(f, w), torch.nn.functional.conv2d(f, w[:, :, None, None]))


@given(layers(), st.data())
@settings(deadline=None, max_examples=30)
def test_chosen_classes_are_slices_of_all_classes(layer, data):
    f, w, _ = layer
    every = cam.class_maps(f, w)
    chosen = data.draw(st.lists(st.integers(0, len(w) - 1), min_size=1, max_size=4))
    close(cam.class_maps(f, w, classes=chosen), every[:, chosen])
    close(cam.class_maps(f, w, chosen[0]), every[:, chosen[:1]])
    own = torch.tensor([[data.draw(st.integers(0, len(w) - 1))] for _ in f])
    for n, (c,) in enumerate(own.tolist()):
        close(cam.class_maps(f, w, own=own)[n, 0], every[n, c])


def test_maximum_pooling_is_not_the_mean_of_the_map():
    f, w = torch.rand(1, 3, 4, 4), torch.ones(2, 3)
    assert not torch.allclose(cam.scores(cam.pool(f, "max"), w), cam.class_maps(f, w).mean((2, 3)))


def test_upsampling_keeps_constant_maps_and_multiplies_the_sum():
    M = torch.full((1, 1, 7, 7), 2.5)
    big = cam.upsample(M, (224, 224))
    assert_close(big, torch.full((1, 1, 224, 224), 2.5))
    assert big.sum().item() == pytest.approx(M.sum().item() * 32 * 32, rel=1e-5)


def test_a_value_lies_where_its_cell_looks():
    """A cell is brightest where it looks, and half as bright half a cell beside it."""
    cells = cam.Cells(
        (0.05, 0.15), (0.1, 0.2), (9, 4)
    )  # of 9 x 4 cells, in a picture of 200 x 100 pixels
    M = torch.zeros(1, 1, 9, 4)
    M[0, 0, 6, 2] = 1
    big = cam.upsample(M, (201, 101), cells)[0, 0]
    row, column = divmod(int(big.argmax()), 101)
    assert (row + 0.5) / 201 == pytest.approx(0.65, abs=1 / 201)
    assert (column + 0.5) / 101 == pytest.approx(0.55, abs=1 / 101)
    assert big[round(0.7 * 201), column].item() == pytest.approx(0.5, abs=0.05)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(9, 40), st.integers(9, 40))
def test_cells_that_tile_the_picture_are_the_usual_enlargement(H, W, h, w):
    M = torch.randn(2, 3, H, W)
    tiles = cam.Cells((0.5 / H, 0.5 / W), (1 / H, 1 / W), (H, W))
    assert_close(cam.upsample(M, (h, w), tiles), cam.upsample(M, (h, w)), atol=1e-5, rtol=1e-5)


def test_beyond_the_outermost_cells_their_values_go_on():
    M, cells = torch.arange(4.0).view(1, 1, 2, 2), cam.Cells((0.4, 0.4), (0.2, 0.2), (2, 2))
    big = cam.upsample(M, (8, 8), cells)
    assert big[0, 0, :3, :3].eq(0).all() and big[0, 0, 6:, 6:].eq(3).all()
    with pytest.raises(ValueError, match=r"have \(2, 3\) cells, and these are \(2, 2\)"):
        cam.upsample(torch.zeros(1, 1, 2, 3), (8, 8), cells)


def test_blocks_of_tiles_are_tiles():
    def tiles(n):
        return cam.Cells((0.5 / n, 0.5 / n), (1 / n, 1 / n), (n, n))

    for ours, wanted in zip(tiles(28).blocks(4), tiles(7), strict=True):
        assert ours == pytest.approx(wanted)


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize("how", ["max", "minmax"])
def test_normalize_does_not_depend_on_the_scale(how, scale):
    M = torch.tensor([[[-1.0, 0.0], [1.0, 3.0]]])
    wanted = {"max": [[0, 0], [1 / 3, 1]], "minmax": [[0, 0.25], [0.5, 1]]}[how]
    assert_close(cam.normalize(M * scale, how), torch.tensor([wanted]))


def test_normalize_of_flat_and_negative_maps_is_zero():
    assert cam.normalize(torch.zeros(1, 3, 3)).eq(0).all()
    assert cam.normalize(-torch.rand(1, 3, 3) - 0.1).eq(0).all()
    assert cam.normalize(torch.full((1, 3, 3), 7.0), "minmax").eq(0).all()


def test_errors_say_what_to_do():
    f, w = torch.rand(2, 5, 3, 3), torch.rand(4, 5)
    with pytest.raises(ValueError, match=r"\(N, K, H, W\)"):
        cam.pool(f[0])
    with pytest.raises(ValueError, match="mean"):
        cam.pool(f, "median")
    with pytest.raises(ValueError, match="transposed"):
        cam.class_maps(f, w.T)
    with pytest.raises(ValueError, match="features"):
        cam.scores(torch.rand(2, 7), w)
    with pytest.raises(IndexError, match="0 to 3"):
        cam.class_maps(f, w, 4)
    with pytest.raises(IndexError, match="0 to 3"):
        cam.class_maps(f, w, -1)
    with pytest.raises(IndexError, match="whole numbers"):
        cam.class_maps(f, w, torch.tensor([0.5]))
    with pytest.raises(ValueError, match=r"N = 2 here, not \(3, 1\)"):
        cam.class_maps(f, w, own=torch.zeros(3, 1, dtype=torch.long))
    with pytest.raises(ValueError, match="minmax"):
        cam.normalize(f, "softmax")


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_torchcam_draws_the_same_map(name):
    """torchcam's CAM cuts negative values off and stretches what is left: so do we, to compare."""
    torchcam = pytest.importorskip(
        "torchcam.methods",
        reason="maps were not held against torchcam's: pip install torchcam (Python 3.11 or newer)",
    )
    import torchvision

    from utils.networks import cam_network

    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    x = torch.randn(2, 3, 96, 96)
    last = "layer4" if name == "resnet18" else "features"
    _, M = cam_network(model)(x, classes=[3, 700])
    for position, c in enumerate((3, 700)):
        with torchcam.CAM(model, last) as extractor:
            model(x)
            theirs = extractor(class_idx=c, normalized=False)[0]
        assert_close(M[:, position].relu(), theirs.detach().relu(), rtol=1e-5, atol=1e-5)
