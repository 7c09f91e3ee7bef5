"""CAM as attention: GAP looks everywhere alike; a learnt attention, Swin and ViT stand beside it.

GAP gives every cell the weight 1 / HW. Attention pooling learns where to look: a query q is
compared with each cell, and a softmax over the cells gives weights a(x, y) that add up to 1,

    F_k = sum_{x,y} a(x, y) f_k(x, y)    so    S_c = sum_{x,y} a(x, y) M_c(x, y) + b_c.

The map M_c is that of CAM, and a cell's share in the score is a(x, y) M_c(x, y). With q = 0 it is
GAP. One query serves all classes, as the class token of a ViT does (Dosovitskiy et al., ICLR 2021):
where it looks does not hang on the class that is asked for. Notebook 10.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from torchvision.models import VisionTransformer

import sketchbook
from utils import baselines, cam, localization, models, networks
from utils.gradcam import hooked
from utils.networks import CamNetwork
from utils.pictures import Pictures

N_TRAIN, N_TEST = 300, 240
TRAIN, TEST, PAIRS = 1000, 1100, 1200  # seeds of the pictures; each run adds its own
STEPS, BATCH, LR, DECAY = 300, 100, 0.01, 0.05


# ---------------------------------------------------------------- attention in the place of GAP


class Head(NamedTuple):
    """A query, and the last linear map."""

    q: Tensor  # (K,); all 0: GAP
    w: Tensor  # (C, K)
    b: Tensor  # (C,)


def attention(f: Tensor, q: Tensor) -> Tensor:
    """a = softmax over the cells of q . f / sqrt(K): (N, K, H, W), (K,) -> (N, H, W), adds up to 1.

    Vaswani et al., NeurIPS 2017, equation 1, with one query. Notebook 10.
    """
    asked = torch.einsum("nkhw,k->nhw", f, q) / len(q) ** 0.5
    return asked.flatten(1).softmax(1).view_as(asked)


def pooled(f: Tensor, a: Tensor) -> Tensor:
    """F_k = sum_{x,y} a f_k: (N, K, H, W), (N, H, W) -> (N, K). With a = 1 / HW it is GAP."""
    return torch.einsum("nkhw,nhw->nk", f, a)


def scores(f: Tensor, head: Head) -> Tensor:
    """S_c: (N, K, H, W) -> (N, C)."""
    return linear(pooled(f, attention(f, head.q)), head.w, head.b)


def identity_error(f: Tensor, head: Head) -> float:
    """The largest |S_c - sum a M_c - b_c|, as a part of the largest |S_c|."""
    S, M = scores(f, head), cam.class_maps(f, head.w)
    back = torch.einsum("nchw,nhw->nc", M, attention(f, head.q)) + head.b
    return ((S - back).abs().max() / S.abs().max()).item()


def learn(f: Tensor, labels: Tensor, start: Head, attend: bool, seed: int = 0) -> Head:
    """A head on frozen maps (N, K, H, W), labels (N,), trained on from `start`.

    Without `attend` the query stays as it is: the same recipe with nothing but w and b.
    """
    if not attend:  # what is pooled stays as it is, too, so it is pooled once
        f = pooled(f, attention(f, start.q))[..., None, None]
    q, w, b = (t.detach().clone().requires_grad_() for t in start)
    taught = [q, w, b] if attend else [w, b]
    optimizer = torch.optim.AdamW(taught, LR, weight_decay=DECAY)
    order = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        for _ in range(STEPS):
            at = torch.randint(len(f), (BATCH,), generator=order)
            loss = cross_entropy(scores(f[at], Head(q, w, b)), labels[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return Head(q.detach(), w.detach(), b.detach())


def started(net: CamNetwork) -> Head:
    """The network's own head: GAP, its w and b."""
    p = net.forward_pass(net.prepare(sketchbook.objects(1).images))
    return Head(torch.zeros(p.w.shape[1]), p.w, torch.zeros(len(p.w)) if p.b is None else p.b)


def last_maps(net: CamNetwork, images: Tensor) -> Tensor:
    """f of many pictures: (N, 3, h, w) uint8 -> (N, K, H, W)."""
    return torch.cat([p.f for _, p in networks.passes(net, images)])


# ---------------------------------------------------------------- the maps of one and the other


def maps(f: Tensor, labels: Tensor, gap: Head, att: Head) -> dict[str, Tensor]:
    """What can be drawn of a picture's class: (N, K, H, W), (N,) -> (N, H, W) each.

    M_c of GAP, M_c of the attention head, the attention a alone, and a M_c, each cell's share.
    """
    a = attention(f, att.q)
    M = cam.class_maps(f, att.w, own=labels)[:, 0]
    return {
        "M_c, GAP": cam.class_maps(f, gap.w, own=labels)[:, 0],
        "M_c, attention": M,
        "a": a,
        "a M_c": a * M,
    }


def rank_correlation(A: Tensor, B: Tensor) -> Tensor:
    """Spearman's, over the cells of each pair of maps: (N, H, W), (N, H, W) -> (N,), -1 to 1."""
    ranks = (t.flatten(1).argsort(1).argsort(1).double() for t in (A, B))
    x, y = (r - r.mean(1, keepdim=True) for r in ranks)
    return (x * y).sum(1) / (x.square().sum(1) * y.square().sum(1)).sqrt()


def enlarged(found: dict[str, Tensor], net: CamNetwork, images: Tensor) -> dict[str, Tensor]:
    """The maps at the pictures' size, each value where its cell looks: (N, H, W) -> (N, h, w)."""
    cells = net.cells(net.prepare(images[:1]))
    return {k: cam.upsample(M[:, None], images.shape[-2:], cells)[:, 0] for k, M in found.items()}


def measures(pictures: Pictures) -> dict[str, baselines.Measure]:
    """MaxBoxAcc and the pointing game, for maps and for what knows nothing."""
    return {
        "box right": baselines.max_box_acc(pictures.boxes, localization.THRESHOLDS),
        "maximum on the thing": baselines.pointing(pictures.masks),
    }


def on_pairs(net: CamNetwork, gap: Head, att: Head, pairs: Pictures) -> dict[str, Tensor]:
    """With two things in a picture: whether the maximum lies on the one asked for, (2 N,) each.

    Each picture is asked for both. A map that cannot be asked is the same for both. Last comes the
    best of `utils.baselines`, under its name.
    """
    asked = baselines.one_each(pairs)
    f = last_maps(net, asked.images)
    on = baselines.pointing(asked.masks)
    large = enlarged(maps(f, asked.labels, gap, att), net, asked.images)
    nothing = baselines.values(net, asked, on, large["M_c, GAP"], things=asked.parts > 0)
    best = next(iter(nothing))
    return {name: torch.as_tensor(on(M)) for name, M in large.items()} | {best: nothing[best]}


# ---------------------------------------------------------------- all of it, one seed


def compared(net: CamNetwork, seed: int, n_train: int = N_TRAIN, n_test: int = N_TEST) -> dict:
    """GAP against a learnt attention on the frozen maps of a network of ten things; shares, 0..1.

    "..., nothing" is the best map of `utils.baselines`, "rank_another_..." the correlation with the
    map of another picture.
    """
    train, test = sketchbook.objects(n_train, TRAIN + seed), sketchbook.objects(n_test, TEST + seed)
    f, start = last_maps(net, train.images), started(net)
    gap, att = (learn(f, train.labels, start, attend, seed) for attend in (False, True))
    g = last_maps(net, test.images)
    found = maps(g, test.labels, gap, att)
    result: dict[str, Any] = {
        f"top1_{name}": (scores(g, head).argmax(1) == test.labels).double().mean().item()
        for name, head in (("gap", gap), ("attention", att))
    }
    result["identity_error"] = identity_error(g, att)
    first = found["M_c, GAP"]
    for name in ("M_c, attention", "a", "a M_c"):
        result[f"rank_{name}"] = rank_correlation(found[name], first).mean().item()
        result[f"rank_another_{name}"] = (
            rank_correlation(found[name].roll(1, 0), first).mean().item()
        )
    large = enlarged(found, net, test.images)
    for name, of in measures(test).items():
        result |= {
            f"{name}, {key}": torch.as_tensor(of(M)).mean().item() for key, M in large.items()
        }
        nothing = baselines.values(net, test, of, large["M_c, GAP"])
        result[f"{name}, nothing"] = max(v.mean().item() for v in nothing.values())
    pairs = on_pairs(net, gap, att, sketchbook.pairs(n_test // 3, PAIRS + seed))
    result |= {f"of two, {key}": v.mean().item() for key, v in pairs.items() if key in found}
    (nothing_is,) = pairs.keys() - found.keys()
    return result | {"of two, nothing": pairs[nothing_is].mean().item()}


# ---------------------------------------------------------------- Swin and ViT


def swin_error(net: CamNetwork, x: Tensor) -> dict[str, float]:
    """How far S_c is from mean M_c + b_c, as a part of the largest |S_c|; and without the norm.

    torchvision's Swin ends in a LayerNorm, GAP and a linear map. "before the norm" takes the maps
    one layer too early: what the identity says when it does not hold.
    """
    p = net.forward_pass(x)
    norm = net.model.get_submodule("norm")
    given: list[Tensor] = []
    with torch.no_grad(), hooked([norm], lambda m, args, out: given.append(args[0])):
        net.model(x)
    early = given[0].permute(0, 3, 1, 2)

    def error(f: Tensor) -> float:
        back = cam.class_maps(f, p.w).mean((2, 3)) + (0 if p.b is None else p.b)
        return ((p.S - back).abs().max() / p.S.abs().max()).item()

    return {"after the norm": error(p.f), "before the norm": error(early)}


def class_token_attention(model: VisionTransformer, x: Tensor, layer: int = -1) -> Tensor:
    """How much the class token takes from each cell in a block: x (N, 3, h, w) -> (N, heads, H, W).

    The row of the class token in the softmax of queries and keys, without its first column, which
    is the class token itself: a row adds up to 1 less that. No class c comes in. Dosovitskiy et
    al., ICLR 2021, equation 2 and appendix D.7.
    """
    block = model.encoder.layers[layer]
    kept: list[Tensor] = []

    def ask(_: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    handle = block.self_attention.register_forward_pre_hook(ask, with_kwargs=True)
    try:
        with torch.no_grad(), networks.evaluating(model), hooked(
            [block.self_attention], lambda m, args, out: kept.append(out[1])
        ):  # fmt: skip
            model(x)
    finally:
        handle.remove()
    side = x.shape[-1] // model.patch_size
    return kept[0][:, :, 0, 1:].unflatten(2, (-1, side))


def attending(seed: int) -> dict:
    """`compared` for the network that is shipped."""
    return compared(models.load("objects-gap"), seed)
