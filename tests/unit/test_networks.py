"""cam_network on heads, modes and devices of every kind, and on the course's own networks.

(Families of networks, taken and refused: test_families.py.)
"""

import gc

import pytest
import torch
import torchvision
from torch import nn
from torch.testing import assert_close

import sketchbook
from utils import cam, models, networks, photos
from utils.models import CourseNetwork
from utils.networks import NotACamNetwork, cam_network
from utils.preparation import fitted, preparation


def build(name):
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None)


class Head(nn.Module):
    """A small network whose head is given, for the heads torchvision has none of."""

    def __init__(self, head):
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 6, 3), head

    def forward(self, x):
        return self.head(self.body(x).relu())


class ConcatPool(nn.Module):
    def forward(self, f):
        return torch.cat([f.mean((2, 3)), f.amax((2, 3))], 1)


def test_a_two_layer_head_with_fitting_shapes_is_refused():
    gap = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    with pytest.raises(NotACamNetwork, match="second linear layer"):
        cam_network(Head(nn.Sequential(*gap, nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 4))))
    with pytest.raises(NotACamNetwork, match="two poolings"):
        cam_network(Head(nn.Sequential(ConcatPool(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 4))))
    with pytest.raises(NotACamNetwork, match="softmax"):
        cam_network(Head(nn.Sequential(*gap, nn.Linear(6, 4), nn.Softmax(1))))
    with pytest.raises(NotACamNetwork, match="scores of the shape"):
        cam_network(Head(nn.Identity()))
    with pytest.raises(NotACamNetwork, match="no weights"):
        cam_network(nn.Identity())


def test_sum_and_max_pooling_and_no_bias_are_read_off():
    for pool, how in (
        (lambda f: f.sum((2, 3)), "sum"),
        (lambda f: torch.amax(input=f, dim=(2, 3)), "max"),
    ):
        linear = nn.Linear(6, 4, bias=False)
        head = Head(nn.Sequential(nn.Identity(), linear))
        head.head.forward = lambda f, pool=pool, linear=linear: linear(pool(f))
        p = cam_network(head).forward_pass(torch.rand(2, 3, 9, 8))
        assert p.pooling == how and p.b is None and p.f.shape == (2, 6, 7, 6)


def test_grey_networks_and_half_precision_work():
    model = Head(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)))
    model.body = nn.Conv2d(1, 6, 3)
    S, M = cam_network(model.to(torch.bfloat16))(torch.rand(1, 1, 9, 9, dtype=torch.bfloat16))
    assert S.dtype == M.dtype == torch.bfloat16


def test_the_model_is_left_as_it_was():
    model = build("resnet18").train()
    model.bn1.eval()  # frozen on purpose: must stay so
    before = {k: v.clone() for k, v in model.state_dict().items()}
    net = cam_network(model)
    S, M = net(torch.randn(1, 3, 64, 64))
    assert model.training and not model.bn1.training and model.layer1.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not S.requires_grad and not M.requires_grad


def test_an_error_inside_leaves_nothing_behind():
    model = build("resnet18").train()
    net = cam_network(model)
    with pytest.raises(ValueError, match="5 channels"):
        net(torch.randn(1, 5, 64, 64))
    assert model.training and torch.overrides._get_current_function_mode() is None
    net(torch.randn(1, 3, 64, 64))


def test_no_memory_grows_over_a_thousand_calls():
    net = networks.CamNetwork(CourseNetwork())
    x = torch.rand(1, 3, 16, 16)

    def living() -> int:
        gc.collect()
        return sum(isinstance(o, torch.Tensor) for o in gc.get_objects())

    net(x)
    before = living()
    for _ in range(1000):
        net(x)
    assert living() <= before


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_other_devices(device):
    there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if not there:
        pytest.skip(f"maps on {device} were not tried: run the tests on a machine that has it")
    model = CourseNetwork().eval()
    x = torch.rand(2, 3, 112, 112)
    here = cam_network(model)(x)
    net = cam_network(model.to(device))
    assert net.prepare(torch.zeros(3, 112, 112, dtype=torch.uint8)).device.type == device
    away = net(x.to(device))
    for a, b in zip(here, away, strict=True):
        assert_close(a, b.cpu(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize("head", ["gap", "gmp"])
def test_course_networks(stride, head):
    network = CourseNetwork(head=head, stride=stride).eval()
    p = cam_network(network).forward_pass(torch.rand(2, 3, 112, 112))
    assert p.f.shape == (2, 64, 112 // stride, 112 // stride)
    assert p.pooling == {"gap": "mean", "gmp": "max"}[head]
    assert sum(t.numel() for t in network.parameters()) < 300_000


def test_the_fully_connected_course_network_is_refused():
    with pytest.raises(NotACamNetwork, match="flattened"):
        cam_network(CourseNetwork(head="fc", size=224))
    with pytest.raises(ValueError, match="stride"):
        CourseNetwork(stride=3)


def test_bytes_and_floats_give_the_same_scores():
    network = CourseNetwork().eval()
    picture = torch.randint(0, 256, (1, 3, 112, 112), dtype=torch.uint8)
    assert_close(network(picture), network(picture / 255))


def test_save_and_load(tmp_path):
    network = CourseNetwork(n_classes=3, head="gmp", stride=4).eval()
    config = {"n_classes": 3, "head": "gmp", "stride": 4}
    models.save(network, tmp_path / "x.safetensors", config, ["a", "b", "c"])
    net = models.load(tmp_path / "x.safetensors")
    picture = torch.randint(0, 256, (3, 112, 112), dtype=torch.uint8)
    S, M = net(net.prepare(picture))
    assert net.class_names == ("a", "b", "c") and M.shape == (1, 3, 28, 28)
    assert_close(S, network(picture[None]).detach(), rtol=1e-2, atol=1e-2)  # half precision
    with pytest.raises(FileNotFoundError, match="There are"):
        models.load("no-such-network")


def test_weights_that_cannot_be_had_cost_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.OpenerDirector.open", _no_internet)
    assert models.pretrained("mobilenet_v2") is None
    said = capsys.readouterr().out.splitlines()[-1]
    assert "not here" in said and "internet" in said and "mobilenet_v2-7ebf99e0.pth" in said
    with pytest.raises(ValueError, match="no classifier"):
        models.pretrained("mobilenet_v22")


def _no_internet(*args, **kwargs):
    raise OSError("no internet")


def test_the_real_network_sees_a_cup_of_coffee():
    from utils import photos

    net = models.pretrained("mobilenet_v2")
    if net is None:
        pytest.skip(
            "the real mobilenet_v2 was not tried, for its weights are not here: connect to the "
            "internet once, or set TORCH_HOME to a torch cache that holds them"
        )
    S, M = net(net.prepare(photos.sample("coffee")))
    assert net.class_names[S[0].argmax()] == "espresso"
    p = net.forward_pass(net.prepare(photos.sample("coffee")))
    assert (M.mean((2, 3)) + p.b - S).abs().max() / S.abs().max() < 1e-5


def test_many_pictures_go_through_in_batches_and_come_out_in_order():
    torch.manual_seed(0)
    net = cam_network(CourseNetwork().eval())
    images = torch.randint(0, 256, (7, 3, 64, 64), dtype=torch.uint8)
    x = net.prepare(images)
    S, M = net(x)
    got = list(networks.passes(net, images, batch_size=3))
    assert [at.start for at, _ in got] == [0, 3, 6]
    assert torch.allclose(torch.cat([p.S for _, p in got]), S, atol=1e-5)
    labels = torch.arange(7) % 5
    for classes, own in ((4, torch.full((7,), 4)), (labels, labels), (None, S.argmax(1))):
        wanted = cam.upsample(M[range(7), own][:, None], (64, 64), net.cells(x))[:, 0]
        assert torch.allclose(networks.maps_at(net, images, classes), wanted, atol=1e-4)
    assert networks.maps_at(net, images, 0, (5, 6)).shape == (7, 5, 6)


def test_weights_that_are_no_numbers_are_named_and_not_called_another_network():
    model = build("resnet18").eval()
    model.layer3[0].conv1.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"the weight layer3\.0\.conv1\.weight of ResNet") as error:
        cam_network(model)
    assert not isinstance(error.value, NotACamNetwork)


def test_an_example_of_one_cell_says_so():
    model = build("resnet18").eval()
    with pytest.raises(networks.OneCell, match="32 × 32 pixels"):
        cam_network(model, example=torch.zeros(1, 3, 32, 32))
    with pytest.raises(networks.OneCell, match="one cell"):
        cam_network(model)(torch.zeros(1, 3, 32, 32))
    with pytest.raises(NotACamNetwork, match="no global pooling"):
        cam_network(build("alexnet"), example=torch.zeros(1, 3, 64, 64))


def test_a_network_of_one_channel_and_one_of_half_precision_get_their_pictures():
    grey = nn.Conv2d(1, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
    picture = torch.arange(3 * 64 * 64).reshape(3, 64, 64).to(torch.uint8)
    for prepare in (photos.prepare, preparation((0.5,), (0.25,), 64), preparation(0.5, 0.25, 64)):
        net = cam_network(nn.Sequential(*grey), list("abcd"), prepare=prepare)
        x = net.prepare(picture, 40)
        assert x.shape == (1, 1, 40, 40) and net(x, 1)[1].shape == (1, 1, 38, 38)
    black = net.prepare(torch.zeros(3, 64, 64, dtype=torch.uint8))
    assert_close(black, torch.full_like(black, -2.0))
    example = torch.zeros(1, 3, 64, 64).half()
    half = cam_network(build("resnet18").half(), prepare=photos.prepare, example=example)
    x = half.prepare([picture, picture], 64)
    assert x.dtype == torch.float16 and half(x, 1)[1].shape == (2, 1, 2, 2)
    assert cam_network(build("resnet18"), prepare=photos.prepare).prepare is photos.prepare


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (None, "a batch of prepared pictures is wanted.*not NoneType"),
        (
            torch.zeros(1, 1, 112, 112),
            r"Network stops at a batch \(1, 1, 112, 112\).*channels",
        ),
        (torch.zeros(1, 3, 112, 112).double(), "stops at a batch.*float64 on cpu"),
    ],
)
def test_a_batch_that_the_network_does_not_take_gets_one_sentence(x, said):
    net = cam_network(CourseNetwork().eval())
    with pytest.raises(ValueError, match=said) as error:
        net(x)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=said):
        net.cells(x)


def test_a_prepared_batch_lies_where_the_network_does():
    picture = torch.zeros(3, 8, 8, dtype=torch.uint8)
    like = torch.zeros(1, 1, 8, 8, dtype=torch.float16, device="meta")
    x = fitted(preparation(), like)(picture)
    assert (x.device.type, x.dtype, x.shape) == ("meta", torch.float16, (1, 1, 8, 8))


def test_a_preparation_given_later_is_fitted_too():
    grey = nn.Conv2d(1, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
    net = cam_network(cam_network(nn.Sequential(*grey), list("abcd")), prepare=preparation())
    assert net.prepare(torch.zeros(3, 64, 64, dtype=torch.uint8)).shape == (1, 1, 64, 64)


class Leaping(nn.Module):
    """Global pooling on most pictures; on dark ones another number is added to one score."""

    def __init__(self, pool):
        super().__init__()
        self.body, self.pool, self.head = nn.Conv2d(3, 6, 3), pool, nn.Linear(6, 4)

    def forward(self, x):
        S = self.head(self.pool(self.body(x)).flatten(1))
        return S + (x.amax((1, 2, 3)) < 0)[:, None] * torch.tensor([0, 0, 5.0, 0])


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)])
def test_a_map_that_is_not_its_score_is_refused_and_its_neighbour_is_not(pool):
    torch.manual_seed(0)
    net, dark = cam_network(Leaping(pool)), torch.stack([torch.ones(3, 9, 9), -torch.ones(3, 9, 9)])
    for asked in ({}, {"c": 2}, {"classes": [1, 2]}, {"own": [0, 2]}):
        with pytest.raises(NotACamNetwork, match="are not the pooled maps"):
            net(dark, **asked)
    for asked in ({"c": 1}, {"classes": [0, 3]}, {"own": [2, 0]}):
        assert net(dark, **asked)[1].shape[0] == 2


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_nan_in_another_class_than_the_one_asked_is_named(bad):
    net = cam_network(CourseNetwork().eval())
    net.model.fc.bias.data[3] = bad
    for ask in (lambda x: net(x, 0), net, net.forward_pass):
        with pytest.raises(ValueError, match=r"the weight fc\.bias of CourseNetwork"):
            ask(torch.rand(2, 3, 112, 112))


def test_a_map_without_a_class_is_the_mean_of_the_channels_where_the_cells_look():
    net, pictures = models.load("objects-gap"), sketchbook.objects(2, seed=3)
    x = net.prepare(pictures.images)
    f = net.forward_pass(x).f
    wanted = cam.upsample(f.mean(1, keepdim=True), (112, 112), net.cells(x))[:, 0]
    assert_close(networks.mean_maps(net, pictures.images), wanted)
