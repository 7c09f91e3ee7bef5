"""Attention pooling beside GAP: the identity, what is learnt, and how Swin and ViT are read."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torchvision.models import VisionTransformer
from torchvision.models.swin_transformer import SwinTransformer

import sketchbook
from utils import cam, models, networks
from utils.experiments import attention as experiment
from utils.experiments.attention import Head


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_scores_are_the_maps_weighted_by_attention(seed, C, side):
    f = drawn(3, 7, side, side + 1, seed=seed).relu()
    head = Head(drawn(7, seed=seed + 1), drawn(C, 7, seed=seed + 2), drawn(C, seed=seed + 3))
    a = experiment.attention(f, head.q)
    assert torch.allclose(a.sum((1, 2)), torch.ones(3), atol=1e-5) and (a >= 0).all()
    assert experiment.identity_error(f, head) < 1e-4


def test_a_query_of_zeros_is_gap():
    f = drawn(2, 5, 3, 4)
    a = experiment.attention(f, torch.zeros(5))
    assert torch.allclose(a, torch.full((2, 3, 4), 1 / 12))
    assert torch.allclose(experiment.pooled(f, a), cam.pool(f), atol=1e-6)


def test_the_head_begins_as_the_networks_own():
    net = models.load("objects-gap")
    images = sketchbook.objects(3, seed=1).images
    S, _ = net(net.prepare(images))
    f = experiment.last_maps(net, images)
    assert torch.allclose(experiment.scores(f, experiment.started(net)), S, atol=1e-4)


def test_attention_learns_where_the_evidence_lies_and_gap_cannot():
    """One cell is flagged by channel 0 and holds the class in channel 1; all others hold noise."""
    f, labels = 3 * drawn(400, 2, 4, 4), torch.arange(400) % 2
    f[:, 0] = 0
    f[:, 0, 1, 2] = 4
    f[:, 1, 1, 2] = 2.0 * labels - 1
    start = Head(torch.zeros(2), torch.zeros(2, 2), torch.zeros(2))
    right = {}
    for attend in (False, True):
        head = experiment.learn(f[:300], labels[:300], start, attend)
        right[attend] = (experiment.scores(f[300:], head).argmax(1) == labels[300:]).float().mean()
        assert bool(head.q.any()) == attend
    assert right[True] > 0.95 and right[False] < 0.8


def test_rank_correlation_is_spearmans():
    A, B = drawn(4, 3, 5), drawn(4, 3, 5, seed=1)
    found = experiment.rank_correlation(A, B)
    wanted = [stats.spearmanr(a.flatten(), b.flatten())[0] for a, b in zip(A, B, strict=True)]
    assert found.tolist() == pytest.approx(wanted)
    assert torch.allclose(experiment.rank_correlation(A, A.exp()), torch.ones(4).double())


def test_attention_is_the_same_whichever_of_two_things_is_asked_for():
    net = models.load("objects-gap")
    start = experiment.started(net)
    head = start._replace(q=drawn(len(start.q)))
    pairs = sketchbook.pairs(4, seed=3)
    f = experiment.last_maps(net, pairs.images)
    one, two = (experiment.maps(f, pairs.labels[:, k], start, head) for k in (0, 1))
    assert torch.equal(one["a"], two["a"]) and not torch.equal(one["a M_c"], two["a M_c"])
    found = experiment.on_pairs(net, start, head, pairs)
    assert all(v.shape == (8,) for v in found.values()) and len(found) == 5
    assert (found["a"].view(4, 2).sum(1) <= 1).all()  # the maximum is on one of them at most


def test_swin_ends_in_a_cam_behind_its_norm():
    torch.manual_seed(0)
    swin = SwinTransformer([4, 4], 16, [1, 1], [2, 2], [7, 7], num_classes=5)
    net = networks.cam_network(swin.eval(), example=drawn(1, 3, 56, 56))
    found = experiment.swin_error(net, drawn(2, 3, 56, 56))
    assert found["after the norm"] < 1e-5 < 1e-2 < found["before the norm"]


@pytest.mark.parametrize("layer", [0, 1])
def test_the_class_tokens_row_of_attention_is_read(layer):
    torch.manual_seed(0)
    vit = VisionTransformer(32, 8, 2, 4, 16, 32).train()
    x, given = drawn(2, 3, 32, 32), []
    block = vit.encoder.layers[layer].self_attention
    handle = block.register_forward_pre_hook(lambda m, args: given.append(args[0]))
    found = experiment.class_token_attention(vit, x, layer)
    handle.remove()
    both = torch.nn.functional.linear(given[0], block.in_proj_weight, block.in_proj_bias)
    q, k, _ = both.chunk(3, -1)  # (N, L, K) each, four heads of 4 channels
    q, k = (t.unflatten(2, (4, 4)).transpose(1, 2) for t in (q, k))
    rows = (q[:, :, :1] @ k.transpose(2, 3) / 2).softmax(-1)[:, :, 0]
    assert found.shape == (2, 4, 4, 4)
    assert torch.allclose(found.flatten(2), rows[:, :, 1:], atol=1e-5)
    assert vit.training and not block._forward_pre_hooks and not block._forward_hooks
