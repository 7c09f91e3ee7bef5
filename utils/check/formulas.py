"""The exercises of notebook 01."""

import torch
from torch import Tensor

from utils import cam
from utils.check import judge


def _inputs() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Three times f (N, K, H, W), w (C, K), b (C,); the last with C = K, where a transpose hides."""
    g = torch.Generator().manual_seed(1)
    sizes = [(2, 5, 4, 3, 6), (1, 8, 3, 4, 4), (3, 4, 4, 5, 2)]
    return [
        (
            torch.randn(n, k, h, w, generator=g).relu(),
            torch.randn(c, k, generator=g),
            torch.randn(c, generator=g),
        )
        for n, k, c, h, w in sizes
    ]


def pooled(answer) -> bool:
    """Exercise 1: F_k as a network computes it, (N, K, H, W) -> (N, K)."""
    return judge(
        answer,
        lambda f: f.mean((2, 3)),
        [(f,) for f, _, _ in _inputs()],
        [
            (lambda f: f.sum((2, 3)), "that is the sum over x and y, the paper's F_k. A network with GAP takes the mean."),
            (lambda f: f.amax((2, 3)), "that is the maximum (GMP). GAP takes the mean over x and y."),
            (lambda f: f.mean(1), "you averaged over the channels. F_k keeps the channels and averages over x and y, axes 2 and 3."),
            (lambda f: f.mean((0, 2, 3)), "you averaged over the pictures too. Keep axes 0 and 1."),
            (lambda f: f.mean(), "you averaged over everything. Keep axes 0 and 1."),
            (lambda f: f.mean(2), "you averaged over the rows only. Both axes 2 and 3 have to go."),
            (lambda f: f.sum((2, 3)) / 14**2, "you divided by 14 x 14. Not every map has that size: take it from f."),
            (lambda f: f.sum((2, 3)) / f.shape[2], "you divided by the height only. There are H x W cells."),
            (lambda f: f.mean((2, 3), keepdim=True), "the values are right, but the axes 2 and 3 are still there with length 1."),
        ],
        "One number for each channel: how strongly it fired, on average over the picture.",
    )  # fmt: skip


def class_scores(answer) -> bool:
    """Exercise 2: S_c from the maps f, (N, K, H, W), (C, K), (C,) -> (N, C)."""

    def reference(f: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return cam.scores(cam.pool(f), w, b)

    return judge(
        answer,
        reference,
        _inputs(),
        [
            (lambda f, w, b: f.mean((2, 3)) @ w.T, "the bias b_c is missing."),
            (lambda f, w, b: f.sum((2, 3)) @ w.T + b, "F_k is the sum here, but this network was trained with the mean."),
            (lambda f, w, b: f.sum((2, 3)) @ w.T, "F_k is the sum and there is no bias: the paper's convention. This network has the mean and a bias."),
            (lambda f, w, b: reference(f, w, b).softmax(1), "that is P_c. S_c is the input of the softmax: leave the softmax out."),
            (lambda f, w, b: f.mean((2, 3)) @ w + b, "the weights are the wrong way round: w has one row for each class, (C, K), and so needs w.T here."),
            (lambda f, w, b: f.amax((2, 3)) @ w.T + b, "F_k is the maximum (GMP) here. This network has GAP, the mean."),
            (lambda f, w, b: f.mean((2, 3)) @ w.T - b, "the bias is added, not subtracted."),
            (lambda f, w, b: reference(f, w, b).relu(), "the scores lost their negative values. Nothing is cut off at 0."),
        ],
        "A class score is a weighted sum of the pooled channels, plus a bias.",
    )  # fmt: skip


def class_map(answer) -> bool:
    """Exercise 3: M_c of one class, (N, K, H, W), (C, K), int -> (N, H, W)."""

    def reference(f: Tensor, w: Tensor, c: int) -> Tensor:
        return cam.class_maps(f, w, c)[:, 0]

    return judge(
        answer,
        reference,
        [(f, w, c) for (f, w, _), c in zip(_inputs(), (1, 2, 1), strict=True)],
        [
            (lambda f, w, c: reference(f, w, c).relu(), "negative evidence is gone. M_c may be below 0, and those cells count in S_c: no ReLU here."),
            (lambda f, w, c: reference(f, w.T, c), "you took a column of w. The weights of class c are the row w[c]."),
            (lambda f, w, c: reference(f, w.softmax(0), c), "you put a softmax on the weights. The softmax comes after the scores, never before the map."),
            (lambda f, w, c: reference(f, w.softmax(1), c), "you put a softmax on the weights. The softmax comes after the scores, never before the map."),
            (lambda f, w, c: cam.class_maps(f, w).softmax(1)[:, c], "you put a softmax over the classes before taking the map. M_c is linear: the softmax comes after the sum over x and y."),
            (lambda f, w, c: reference(f, w, 0), "that is the map of class 0, not of class c."),
            (lambda f, w, c: reference(f, w, c - 1), "that is the map of the class before c. Classes count from 0 here."),
            (lambda f, w, c: reference(f, w, min(c + 1, len(w) - 1)), "that is the map of the class after c."),
            (lambda f, w, c: reference(f, w, int((f.mean((2, 3)) @ w.T)[0].argmax())), "that is the map of the class with the highest score. It should be the class c that is asked for."),
            (lambda f, w, c: reference(f, w, c) / f.shape[1], "you averaged over the channels. M_c is their weighted sum."),
            (lambda f, w, c: reference(f, w.abs(), c), "you lost the signs of the weights."),
            (lambda f, w, c: reference(f, w, c)[:1], "that is the map of the first picture only. Keep the axis of the pictures: f[:, k], not f[0, k]."),
            (lambda f, w, c: reference(f, w, c)[0], "that is the map of the first picture only. Keep the axis of the pictures: f[:, k], not f[0, k]."),
            (lambda f, w, c: f.sum(1), "the weights of the class are missing."),
            (lambda f, w, c: cam.normalize(reference(f, w, c)), "you scaled the map. That is for drawing: M_c itself has the units of the score."),
            (lambda f, w, c: cam.class_maps(f, w, c), "the values are right, but a class axis of length 1 is still there: (N, H, W) is wanted."),
        ],
        "These few symbols are class activation mapping.",
    )  # fmt: skip


def scores_from_maps(answer) -> bool:
    """Exercise 4: S_c back from the maps of every class, (N, C, H, W), (C,) -> (N, C)."""
    return judge(
        answer,
        lambda M, b: M.mean((2, 3)) + b,
        [(cam.class_maps(f, w), b) for f, w, b in _inputs()],
        [
            (lambda M, b: M.mean((2, 3)), "the bias b_c is missing: it belongs to no place, so no map holds it."),
            (lambda M, b: M.sum((2, 3)), "that is the paper's identity, for sum pooling without bias. This network has the mean and a bias."),
            (lambda M, b: M.sum((2, 3)) + b, "F_k is a mean here, so S_c is the mean of M_c plus the bias, not the sum."),
            (lambda M, b: (M + b[:, None, None]).sum((2, 3)), "you added the bias to every cell and summed: it is counted H x W times."),
            (lambda M, b: (M.sum((2, 3)) + b) / M[0, 0].numel(), "only the sum is divided by H x W. The bias is added afterwards, whole."),
            (lambda M, b: M.relu().mean((2, 3)) + b, "negative evidence is gone. It belongs to the score: no ReLU here."),
            (lambda M, b: M.amax((2, 3)) + b, "that is the maximum of the map: the score of a network with GMP, not GAP."),
            (lambda M, b: (M.mean((2, 3)) + b).softmax(1), "that is P_c. S_c is the input of the softmax."),
        ],
        "So a map is its class's score, spread over the picture. What may be read from a single map: section 9.",
    )  # fmt: skip
