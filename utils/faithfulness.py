"""Does a map say what the network used? Two kinds of test that need no box and no mask.

`insertion` and `deletion` ask the network: show or hide the picture's pixels in the order of the
map, and watch P_c. `randomised` breaks the network: a map that stays the same when the weights are
drawn anew does not come from them; `rank_correlation` and `ssim` say how much it stays.

Both are necessary, not sufficient. The half-hidden pictures are of a kind that no network was
trained on, and a map may change with the weights and still be wrong. Notebook 10.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from utils import cam, valid
from utils.networks import evaluating

Measure = Callable[[Tensor], Tensor]  # of maps (N, h, w), a value for each picture (N,)


# ---------------------------------------------------------------- hide or show what the map says


def curves(
    model: nn.Module,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    maps: Tensor,
    start: Tensor,
    end: Tensor,
    *,
    steps: int = 16,
    seed: int = 0,
    batch_size: int = 128,
) -> Tensor:
    """P_c while the pixels of `start` become those of `end`, the map's highest first.

    Pictures x (N, 3, h, w) as the network takes them give their shape; start and end are such
    pictures, or anything that expands to them; maps (N, h, w). After step t of `steps` a share
    t / steps of the pixels is changed. Pixels of equal value come in a random order, the same for
    all pictures: so a constant map is a random one. -> (N, steps + 1)

    Cost of a picture: steps + 1 forward passes. Raises ValueError and IndexError for maps, pictures
    and classes that do not go together.
    """
    x, own, maps = _asked(model, x, c, maps)
    steps = valid.whole(steps, "steps", 1)
    batch_size = valid.whole(batch_size, "batch_size", 1)
    try:
        start, end = start.expand_as(x), end.expand_as(x)
    except RuntimeError:
        raise ValueError(
            f"start and end are pictures as x, {tuple(x.shape)}, not {tuple(start.shape)} and "
            f"{tuple(end.shape)}"
        ) from None
    rank = _ranks(maps, seed)
    found = []
    for n in range(len(x)):
        levels = torch.arange(steps + 1, device=x.device) * rank[n].numel() / steps
        changed = rank[n] < levels[:, None, None]  # (steps + 1, h, w)
        pictures = torch.where(changed[:, None], end[n], start[n])
        found.append(_probabilities(model, pictures, own[n], batch_size))
    return torch.stack(found)


def _ranks(maps: Tensor, seed: int) -> Tensor:
    """The place of each pixel when the highest come first: (N, h, w) -> (N, h, w)."""
    flat = maps.flatten(1)
    draw = torch.Generator().manual_seed(valid.whole(seed, "the seed"))
    mixed = torch.randperm(flat.shape[1], generator=draw).to(flat.device)
    order = mixed[flat[:, mixed].argsort(dim=1, descending=True, stable=True)]
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).reshape(maps.shape)


def area(P: Tensor) -> Tensor:
    """Area under curves over shares 0..1 of the pixels, by trapezoids: (N, T) -> (N,), 0..1."""
    P = valid.finite(P, "the curves", "N T")
    return torch.trapezoid(P, dx=1 / (P.shape[1] - 1), dim=1)


def insertion(
    model: nn.Module,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    background: Tensor,
    steps: int = 16,
) -> Measure:
    """How soon P_c rises where the map's highest pixels come first: more is better.

    The pictures x (N, 3, h, w) are put into `background`, the paper's being the picture itself out
    of focus, `before.blurred`. The measure takes maps (N, h, w) and gives the area under each
    curve, (N,), as `baselines.table` wants it. Petsiuk et al., BMVC 2018, section 4.1; notebook 10.
    """
    return lambda maps: area(curves(model, x, c, maps, background, x, steps=steps)).double()


def deletion(
    model: nn.Module,
    x: Tensor,
    c: int | Sequence[int] | Tensor,
    background: Tensor,
    steps: int = 16,
) -> Measure:
    """How soon P_c falls where the map's highest pixels go first: less is better.

    What is taken away shows `background`, the paper's being one grey. As `insertion` otherwise.
    """
    return lambda maps: area(curves(model, x, c, maps, x, background, steps=steps)).double()


@torch.no_grad()
def _probabilities(model: nn.Module, pictures: Tensor, c: Tensor, batch_size: int) -> Tensor:
    with evaluating(model):
        S = torch.cat([model(batch) for batch in pictures.split(batch_size)])
    if S.ndim != 2 or not 0 <= int(c) < S.shape[1]:
        raise IndexError(
            f"class {int(c)} is asked for, and {type(model).__name__} gives {tuple(S.shape)}"
        )
    return S.float().softmax(1)[:, int(c)]


def _asked(
    model: nn.Module, x: Tensor, c: int | Sequence[int] | Tensor, maps: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, the class of each (N,), and maps of their size."""
    valid.instance(model, nn.Module, "a network, of a CamNetwork its .model,")
    x = valid.tensor(x, "pictures as the network takes them", "N C h w")
    maps = valid.finite(maps, "the maps", "N h w").to(x.device)
    wanted = (len(x), *x.shape[2:])
    if tuple(maps.shape) != wanted:
        raise ValueError(
            f"the maps have the pictures' size, {wanted}, as cam.upsample makes them, not "
            f"{tuple(maps.shape)}"
        )
    return x, valid.each(c, len(x)), maps


# ---------------------------------------------------------------- break the network


def randomised(model: nn.Module, x: Tensor, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Copies of a network whose layers are drawn anew from the top down, one layer more each time.

    Yields the name of the last layer with weights that was drawn and the network; x, a batch as it
    takes them, tells the order in which layers are used. A layer without kernels (a normalisation)
    goes along with the one before it. Each network is a copy of its own, in evaluation mode.
    Raises ValueError where no layer can be drawn. Cascading randomisation of Adebayo et al.,
    "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3. Notebook 10.
    """
    valid.instance(model, nn.Module, "a network, of a CamNetwork its .model,")
    seed = valid.whole(seed, "the seed")
    names = _in_order(model, x)
    if not names:
        raise ValueError(
            f"no layer of {type(model).__name__} can be drawn anew: none has reset_parameters()"
        )
    broken = copy.deepcopy(model).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = torch.random.get_rng_state()
    for name in reversed(names):
        layer = broken.get_submodule(name)
        with torch.random.fork_rng(devices=[]):
            torch.random.set_rng_state(state)
            layer.reset_parameters()  # type: ignore[operator]  # every one of the names has it
            state = torch.random.get_rng_state()
        if _has_kernels(layer):
            yield name, copy.deepcopy(broken)


def _has_kernels(layer: nn.Module) -> bool:
    return any(p.ndim > 1 for p in layer.parameters(recurse=False))


@torch.no_grad()
def _in_order(model: nn.Module, x: Tensor) -> list[str]:
    """The layers that can be drawn anew, in the order in which they are first used."""
    names = {m: n for n, m in model.named_modules() if callable(getattr(m, "reset_parameters", 0))}
    used: list[str] = []
    note = lambda module, args, out: used.append(names[module])  # noqa: E731
    handles = [module.register_forward_hook(note) for module in names]
    try:
        with evaluating(model):
            model(x[:1])
    finally:
        for handle in handles:
            handle.remove()
    return list(dict.fromkeys(used))


# ---------------------------------------------------------------- how much of a map is left


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's rank correlation of each pair of maps: (N, H, W), twice -> (N,), -1..1.

    Of equal values each has the mean of their ranks. 0 where a map is constant: it ranks nothing.
    """
    from scipy import stats  # here: slow to import

    a, b = _pair(a, b)
    ranks = [
        torch.from_numpy(stats.rankdata(maps.flatten(1).numpy(), axis=1)).double()
        for maps in (a, b)
    ]
    first, second = (r - r.mean(1, keepdim=True) for r in ranks)
    size = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(size > 0, (first * second).sum(1) / size.clamp(min=1e-12), 0.0)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of each pair of maps, stretched to 0..1: (N, H, W), twice -> (N,).

    scikit-image's, windows of 7 × 7, so maps have 7 rows and columns or more. 1 for equal maps.
    """
    from skimage.metrics import structural_similarity

    first, second = (cam.normalize(maps, "minmax").numpy() for maps in _pair(a, b))
    if min(first.shape[1:]) < 7:
        raise ValueError(f"SSIM looks at windows of 7 × 7: enlarge the maps, of {first.shape[1:]}")
    pairs = zip(first, second, strict=True)
    return torch.tensor(
        np.array([structural_similarity(one, other, data_range=1.0) for one, other in pairs])
    )


def _pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    a, b = (valid.finite(m, w, "N H W") for m, w in ((a, "the maps"), (b, "the other maps")))
    valid.one_shape(maps=a, others=b)
    return a.detach().cpu().double(), b.detach().cpu().double()
