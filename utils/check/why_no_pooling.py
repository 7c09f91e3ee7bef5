"""The exercises of notebook 04."""

from utils.check.old import judge

Layers = list[tuple[int, int, int]]  # (kernel, stride, dilation) of each layer, from the picture on


def _field(layers: Layers, start: int = 1, own_stride: bool = False) -> tuple[int, int]:
    """Receptive field and stride; `own_stride` lets a layer's stride count for itself (wrong)."""
    r, jump = start, 1
    for kernel, stride, dilation in layers:
        r += dilation * (kernel - 1) * jump * (stride if own_stride else 1)
        jump *= stride
    return r, jump


def _sum(layers: Layers, term) -> int:
    """1 + what `term(kernel, dilation, jump)` says that each layer adds."""
    r, jump = 1, 1
    for kernel, stride, dilation in layers:
        r += term(kernel, dilation, jump)
        jump *= stride
    return r


def _jumps(layers: Layers, step) -> int:
    """The field if the jump became `step(jump, stride)` behind each layer."""
    r, jump = 1, 1
    for kernel, stride, dilation in layers:
        r += dilation * (kernel - 1) * jump
        jump = step(jump, stride)
    return r


def _last_only(layers: Layers) -> int:
    """What the last layer adds, without all that was there before."""
    return _field(layers)[0] - _field(layers[:-1])[0]


def _backwards(layers: Layers) -> int:
    """From the last layer to the picture, without taking 1 off before the stride."""
    r = 1
    for kernel, stride, dilation in reversed(layers):
        r = stride * r + dilation * (kernel - 1)
    return r


def _dilated_stride(layers: Layers) -> int:
    return _field([(k, s * d, d) for k, s, d in layers])[0]


def receptive_field(answer) -> bool:
    """Exercise 1: pixels that one cell sees, [(kernel, stride, dilation), ...] -> int."""
    cases = [  # the shortest first: it stands in the message of a mistake that is not known
        [(4, 3, 2)],
        [(7, 2, 1), (3, 2, 1), (5, 1, 1)],
        [(3, 1, 1), (3, 2, 3), (2, 2, 1), (3, 1, 2)],
        [(5, 2, 1), (2, 2, 1), (3, 1, 1), (3, 1, 2), (3, 2, 1), (7, 1, 4)],
    ]
    return judge(
        answer,
        lambda layers: _field(layers)[0],
        [(layers,) for layers in cases],
        [
            (lambda layers: _sum(layers, lambda k, d, j: d * (k - 1)), "the jump is missing: after strides, a cell is j pixels wide, so a layer adds its cells times j."),
            (lambda layers: _sum(layers, lambda k, d, j: k - 1), "the jump and the dilation are missing: a layer adds d (k - 1) cells, each j pixels wide."),
            (lambda layers: _sum(layers, lambda k, d, j: (d * (k - 1) + 1) * j), "you added the whole span, d (k - 1) + 1 cells. One of them was there before: d (k - 1) are added."),
            (lambda layers: _sum(layers, lambda k, d, j: k * d * j), "you added the kernel. A kernel of 3 adds only 2 cells, since one was there before: k - 1."),
            (lambda layers: _sum(layers, lambda k, d, j: k * j), "you added the kernel, without its dilation. A kernel of k cells adds d (k - 1)."),
            (lambda layers: _sum(layers, lambda k, d, j: (k - 1) * j), "the dilation is missing: k cells with gaps span d (k - 1) + 1, so d (k - 1) are added."),
            (lambda layers: _sum(layers, lambda k, d, j: (d * k - 1) * j), "a dilated kernel has k - 1 gaps: it spans d (k - 1) + 1 cells, not d k."),
            (lambda layers: _field(layers, own_stride=True)[0], "the order is wrong: a layer's stride widens the steps of the layers *after* it. Add to r first, then multiply the jump."),
            (lambda layers: _field(layers[::-1])[0], "you walked from the last layer to the first. With these rules, begin at the picture."),
            (lambda layers: _field(layers, start=0)[0], "one pixel is missing: before the first layer, a cell sees one pixel, so r begins at 1."),
            (lambda layers: _jumps(layers, lambda jump, stride: jump + stride), "the jump is multiplied by each stride, not added to: two layers of stride 2 make a jump of 4."),
            (lambda layers: _jumps(layers, lambda jump, stride: stride), "you took the stride of the layer before for the jump. All strides so far multiply: two layers of stride 2 make a jump of 4."),
            (lambda layers: 1 + sum(d * (k - 1) * s for k, s, d in layers), "you took each layer's own stride for the jump. The jump is the product of all strides *before* the layer."),
            (lambda layers: _field([(k, s, d) for k, d, s in layers])[0], "each layer is (kernel, stride, dilation), in this order."),
            (lambda layers: _field(layers[:1])[0], "that is the first layer's field: return stands inside the loop."),
            (_last_only, "r forgets what was there before: add to it, r += ..."),
            (_backwards, "walking back from the last cell, r becomes s (r - 1) + d (k - 1) + 1: between r cells there are r - 1 steps."),
            (_dilated_stride, "dilation does not change the jump: only the stride does."),
            (lambda layers: _field(layers)[1], "that is the stride of the last maps. The field r is wanted."),
            (_field, "that is right, but only the field is wanted: give r alone."),
        ],
        "A cell sees far more of the picture than the pixels it stands for.",
    )  # fmt: skip


def head_parameters(answer) -> bool:
    """Exercise 2: parameters of a fully connected head and of a GAP head, ints -> (int, int)."""

    def solve(K, H, W, hidden, C, places=None, bias=1, gap=None):
        n = K * (H * W if places is None else places)
        return (n + bias) * hidden + (hidden + bias) * C, (K + bias) * C if gap is None else gap

    cases = [(3, 2, 5, 4, 6), (64, 14, 14, 256, 10), (512, 7, 6, 4096, 1000)]
    return judge(
        answer,
        solve,
        cases,
        [
            (lambda K, H, W, h, C: solve(K, H, W, h, C, bias=0), "the biases are missing: a layer to m numbers has m of them."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C, places=1), "H and W are missing: flattening keeps every cell of every channel, K · H · W numbers."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C, places=H), "W is missing: flattening keeps K · H · W numbers."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C, places=W), "H is missing: flattening keeps K · H · W numbers."),
            (lambda K, H, W, h, C: ((H * W + 1) * h + (h + 1) * C, (K + 1) * C), "K is missing: flattening keeps every cell of every channel, K · H · W numbers."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C, places=1, bias=0), "H, W and the biases are missing."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C, gap=(K * H * W + 1) * C), "GAP leaves one number for each channel, so its layer takes K numbers, not K · H · W."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C, gap=K * C), "the biases of the GAP head are missing: C of them."),
            (lambda K, H, W, h, C: (K * H * W * h + h * C, (K + 1) * C), "the biases of the fully connected head are missing: one for each hidden unit and each class."),
            (lambda K, H, W, h, C: (K * H * W * h + h * C + C, (K + 1) * C), "the biases of the hidden layer are missing."),
            (lambda K, H, W, h, C: ((K * H * W + 1) * h + h * C, (K + 1) * C), "the biases of the last fully connected layer are missing."),
            (lambda K, H, W, h, C: ((K * H * W + 1) * h, (K + 1) * C), "the fully connected head has a second layer: from the hidden units to the classes."),
            (lambda K, H, W, h, C: ((K * H * W + 1) * C, (K + 1) * C), "the hidden layer is missing: flatten, then `hidden` units, then the classes."),
            (lambda K, H, W, h, C: ((K * H * W + 1) * h + (h + 1) * h + (h + 1) * C, (K + 1) * C), "one layer too many: VGG has three, this head only two, to the hidden units and to the classes."),
            (lambda K, H, W, h, C: ((K * H * W + 1) * h + (h + 1) * C, (K + 1) * h + (h + 1) * C), "the GAP head has no hidden layer: its one layer goes from K means straight to the classes."),
            (lambda K, H, W, h, C: (K * H * W * h + 1 + h * C + 1, K * C + 1), "a layer has a bias for *each* of its outputs, not one in all."),
            (lambda K, H, W, h, C: (K * H * W * (h + 1) + h * (C + 1), K * (C + 1)), "you counted a bias for each input of a layer. It has one for each output."),
            (lambda K, H, W, h, C: sum(solve(K, H, W, h, C)), "that is the sum of both heads: give both, as a tuple."),
            (lambda K, H, W, h, C: ((K * (H + W) + 1) * h + (h + 1) * C, (K + 1) * C), "a map of H by W has H · W cells, not H + W."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C)[::-1], "both are right, but the other way round: fully connected first, then GAP."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C)[0], "that is the fully connected head alone: give both, as a tuple."),
            (lambda K, H, W, h, C: solve(K, H, W, h, C)[1], "that is the GAP head alone: give both, as a tuple."),
        ],
        "Try VGG's numbers: K = 512, H = W = 7, hidden = 4096, C = 1000.",
        tolerance=1e-9,
    )  # fmt: skip


def smallest_side(answer) -> bool:
    """Exercise 3: smallest input side whose map has that many cells, int, int -> int."""
    return judge(
        answer,
        lambda cells, stride: (cells - 1) * stride + 1,
        [(10, 32), (8, 32), (14, 16), (28, 8), (5, 4)],
        [
            (lambda n, s: n * s, "that is the *largest* side with this many cells. 224 gives 7 cells, but so does 193."),
            (lambda n, s: n * s + 1, "that gives one cell more than wanted: 225 = 7 · 32 + 1 gives 8."),
            (lambda n, s: (n - 1) * s, "one pixel is missing: full strides alone give one cell fewer. The next pixel makes the next cell."),
            (lambda n, s: (n - 1) * s - 1, "too small: the first pixel *beyond* n - 1 full strides makes the next cell."),
            (lambda n, s: n * s - 1, "that many cells begin earlier: at the first pixel beyond n - 1 full strides."),
            (lambda n, s: (n - 1) * (s + 1), "the strides are s pixels wide, and only one pixel is added at the end."),
            (lambda n, s: (n - 1) + s, "each cell takes a stride: multiply, do not add."),
            (lambda n, s: -(-n // s), "that is the number of cells of an input of n pixels. Here the cells are given and the side is wanted."),
            (lambda n, s: (n - 1) * 32 + 1, "the stride is given: 32 is only that of the network above."),
            (lambda n, s: (s - 1) * n + 1, "cells and stride are exchanged."),
        ],
        "So 225 and 289 are no magic numbers: they are the first sides with 8 and with 10 cells.",
    )  # fmt: skip
