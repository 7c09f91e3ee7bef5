"""The exercises of notebook 10."""

import torch
from torch import Tensor

from utils.check import exercise


def _layers() -> list[tuple[Tensor, Tensor]]:
    """Maps f, never below 0, and gradients g of both signs: (N, K, H, W) each; also N = K = H."""
    draw = torch.Generator().manual_seed(3)
    cases = []
    for n, k, h, w in ((2, 5, 4, 3), (3, 3, 3, 3), (1, 6, 2, 5)):
        f = torch.rand(n, k, h, w, generator=draw)
        lean = torch.tensor([0.5, -0.5, 0.4, -0.3, 0.2, -0.4])[:k, None, None]
        cases.append((f, torch.randn(n, k, h, w, generator=draw) + lean))
    return cases


@exercise(
    cases=_layers(),
    hint="""
    One weight for each picture and channel: the mean of `g` over the cells, (N, K). Give it two axes of length 1
    to multiply it with `f`, and add up the channels. `relu()` comes last.
    """,
    right="It never asked what the layers behind f are.",
)
def weighted_by_gradient(f, g):
    """Grad-CAM from the maps of a layer and their gradient: (N, K, H, W), (N, K, H, W) -> (N, H, W)."""
    alpha = g.mean((2, 3), keepdim=True)
    return (alpha * f).sum(1).relu()


weighted_by_gradient.mistakes(
    (".relu()", "", "what speaks against the class is still there. Grad-CAM cuts it off: a ReLU at the end."),
    ("alpha * f", "g * f", "each cell has a weight of its own here. Grad-CAM has one for each channel: the mean of g over the cells."),
    ("g.mean", "g.sum", "the weights are sums over the cells here. Take the mean."),
    ("g.mean", "g.relu().mean", "you cut the gradient before its mean. The ReLU belongs to the finished map."),
    ("g.mean", "g.amax", "that is the largest gradient of each channel. Take the mean over the cells."),
    ("g.mean", "g.abs().mean", "you lost the sign of the gradient: what lowers the score counts as if it raised it."),
    ("(alpha * f).sum(1).relu()", "(alpha * f).relu().sum(1)", "channels that speak against the class are cut before the sum. They have to meet those that speak for it: sum, then ReLU."),
    ("(alpha * f).sum(1)", "(alpha * f).mean(1)", "that is the mean over the channels. The map is their sum."),
    ("(alpha * f).sum(1).relu()", "(alpha * f).sum(1).abs()", "you turned evidence against the class into evidence for it. relu() sets it to 0."),
    ("g.mean((2, 3), keepdim=True)", "f.mean((2, 3), keepdim=True)", "you took the mean of the maps. The weights are the mean of the gradient."),
    ("g.mean((2, 3), keepdim=True)", "g.mean((0, 2, 3), keepdim=True)", "you averaged over the pictures too. Each has its own gradient."),
    (["(g.mean((1, 2), keepdim=True) * f).sum(1).relu()", "(g.mean((1, 3), keepdim=True) * f).sum(1).relu()"], "the axes of g are N, K, H, W, so the cells are axes 2 and 3."),
    ("(f.mean((2, 3), keepdim=True) * g).sum(1).relu()", "you weighted the gradient with the mean of the maps. It is the other way round."),
    ("(alpha * f).sum(1).relu() / (alpha * f).sum(1).relu().amax((1, 2), keepdim=True).clamp(min=1e-12)", "you divided by the maximum. That is for the drawing; here the values themselves are wanted."),
    (["(g.mean(2, keepdim=True) * f).sum(1).relu()", "(g.mean(3, keepdim=True) * f).sum(1).relu()"], "only one axis of the cells is averaged. Both have to go: 2 and 3."),
    ("(g.mean((2, 3), keepdim=True) * f).relu()", "the channels are still there. Add them up: axis 1."),
    ("g.mean((2, 3), keepdim=True)", "g.mean(1, keepdim=True)", "you averaged over the channels. Average over the cells, axes 2 and 3."),
)  # fmt: skip


def _pictures() -> list[tuple[Tensor, Tensor, float, float]]:
    """Pictures (N, 3, h, w), maps (N, h, w), all values different and unevenly spread, share, fill."""
    g = torch.Generator().manual_seed(5)
    cases = []
    for n, h, w, share, fill in ((2, 4, 5, 0.25, 0.5), (3, 6, 6, 0.5, 0.3), (1, 5, 8, 0.1, -2.0)):
        maps = torch.stack([torch.randperm(h * w, generator=g) for _ in range(n)]).reshape(n, h, w)
        level = torch.arange(1, n + 1)[:, None, None]  # so that pictures share no threshold
        cases.append((torch.rand(n, 3, h, w, generator=g), maps**2 * level + 3.0, share, fill))
    return cases


@exercise(
    cases=_pictures(),
    hint="""
    How many pixels are to go? Sort each map, largest first: the value at that place is the first one that stays.
    What lies above it goes. `torch.where(mask, fill, x)` wants a mask (N, 1, h, w).
    """,
    right="The share counts pixels. A threshold of a box is a share of the maximum.",
)
def hide_hottest(x, M, share, fill):
    """Pictures whose hottest pixels, a share of all, show `fill`: (N, 3, h, w), (N, h, w) -> (N, 3, h, w)."""
    n = round(share * M[0].numel())
    first_to_stay = M.flatten(1).sort(1, descending=True).values[:, n]
    hottest = M > first_to_stay[:, None, None]
    return torch.where(hottest[:, None], fill, x)


def _one_threshold(x: Tensor, M: Tensor, share: float, fill: float) -> Tensor:
    T = M.flatten().sort(descending=True).values[round(share * M.numel())]
    return torch.where((M > T)[:, None], fill, x)


def _first_colour(x: Tensor, M: Tensor, share: float, fill: float) -> Tensor:
    return torch.cat([hide_hottest.solution(x, M, share, fill)[:, :1], x[:, 1:]], 1)


hide_hottest.mistakes(
    ("fill, x)", "x, fill)", "you show the hottest pixels alone. They are to be hidden."),
    ("fill, x)", "0.0, x)", "you hide with 0. What they are to show stands in fill."),
    ("M > first_to_stay", "M >= first_to_stay", "one pixel too many is hidden: the value at place n is the first one that stays, so > and not >=."),
    ("M > first_to_stay", "M < first_to_stay", "you hid the others and left the hottest."),
    ("M > first_to_stay[:, None, None]", "M < M.flatten(1).sort(1).values[:, n][:, None, None]", "you hid the coldest pixels. The hottest are to go."),
    ("round(share", "round((1 - share)", "you left a share of the pixels. `share` is what goes."),
    (", descending=True", "", "sort goes upwards unless told otherwise, so this is the n-th of the lowest values."),
    ("first_to_stay = M.flatten(1).sort(1, descending=True).values[:, n]", "first_to_stay = share * M.amax((1, 2))", "you hid what lies above a share of the maximum. Here the share counts pixels."),
    ("first_to_stay = M.flatten(1).sort(1, descending=True).values[:, n]", "first_to_stay = (1 - share) * M.amax((1, 2))", "you hid what lies above a share of the maximum. Here the share counts pixels."),
    ("M > first_to_stay[:, None, None]", "M > share", "you compared values of the map with share. It says how many pixels go, not how hot they are."),
    (_one_threshold, "one threshold serves all pictures. Each has its own share to lose: sort each map by itself."),
    (_first_colour, "only one colour changed. A pixel is all three: the mask needs an axis of length 1 for them."),
    ("torch.where(hottest[:, None], fill, x)", "hottest", "that is the mask. Use it: torch.where(mask, fill, x)."),
    ("torch.where(hottest[:, None], fill, x)", "torch.where(hottest[:, None], x + fill, x)", "you added fill to the pixels. They show it instead of what they showed."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    For each statement, find the row that knows nothing, and hold the number against it. Then ask what the test was
    made to show, and what not.
    """,
    right="A test that a map passes rules something out. It proves nothing.",
)
def true_of_the_tests():
    """The letters of the true statements, such as {"b", "c"}."""
    return {"a", "d", "f"}


true_of_the_tests.statements(
    a="a: it is true. With another last layer the network says other things, and P draws nearly the same map, 0.96. So what it draws does not come from there.",
    b="b: the higher insertion is P's, and P hardly notices when the last layer, which makes the classes, is drawn anew. A map of edges may score well without explaining a class.",
    c="c: the tests rule out, they do not prove. A map of noise that is drawn from the weights would change as well.",
    d="d: it is true. 0.58 of 0.60 and 0.62 are a blob's. Things stand in the middle, and the blob hides or shows the middle.",
    e="e: look at another picture's map, 0.34. What is left of P when all layers are drawn anew is what two maps of any pictures share.",
    f="f: it is true. The same 50 pictures gave both numbers, and no interval of their difference stands there.",
)
