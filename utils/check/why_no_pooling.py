"""The exercises of notebook 04."""

from utils.check import exercise

_LAYERS = [  # the shortest first: it stands in the message of a mistake that is not known
    [(4, 3, 2)],
    [(7, 2, 1), (3, 2, 1), (5, 1, 1)],
    [(3, 1, 1), (3, 2, 3), (2, 2, 1), (3, 1, 2)],
    [(5, 2, 1), (2, 2, 1), (3, 1, 1), (3, 1, 2), (3, 2, 1), (7, 1, 4)],
]


@exercise(
    cases=[(layers,) for layers in _LAYERS],
    hint=r"""
    Only the first rule changes: the cells that a layer adds to the view are now $d\,(k - 1)$. Mind the
    order: a layer's own stride concerns the layers *after* it.
    """,
    right="A cell sees far more of the picture than the pixels it stands for.",
)
def receptive_field(layers):
    """Pixels that one last cell sees: [(kernel, stride, dilation), ...] from the picture on -> int."""
    r, jump = 1, 1
    for kernel, stride, dilation in layers:
        r += dilation * (kernel - 1) * jump
        jump *= stride
    return r


receptive_field.mistakes(
    (" * jump\n", "\n", "the jump is missing: after strides, a cell is j pixels wide, so a layer adds its cells times j."),
    ("dilation * (kernel - 1) * jump", "kernel - 1", "the jump and the dilation are missing: a layer adds d (k - 1) cells, each j pixels wide."),
    ("dilation * (kernel - 1)", "(dilation * (kernel - 1) + 1)", "you added the whole span, d (k - 1) + 1 cells. One of them was there before: d (k - 1) are added."),
    ("(kernel - 1)", "kernel", "you added the kernel. A kernel of 3 adds only 2 cells, since one was there before: k - 1."),
    ("dilation * (kernel - 1)", "kernel", "you added the kernel, without its dilation. A kernel of k cells adds d (k - 1)."),
    ("dilation * (kernel - 1)", "(kernel - 1)", "the dilation is missing: k cells with gaps span d (k - 1) + 1, so d (k - 1) are added."),
    ("dilation * (kernel - 1)", "(dilation * kernel - 1)", "a dilated kernel has k - 1 gaps: it spans d (k - 1) + 1 cells, not d k."),
    ("* jump", "* jump * stride", "the order is wrong: a layer's stride widens the steps of the layers *after* it. Add to r first, then multiply the jump."),
    ("in layers", "in layers[::-1]", "you walked from the last layer to the first. With these rules, begin at the picture."),
    ("r, jump = 1", "r, jump = 0", "one pixel is missing: before the first layer, a cell sees one pixel, so r begins at 1."),
    ("jump = 1, 1", "jump = 1, 0", "the jump begins at 1, for pixels are 1 apart: a jump of 0 stays 0, however often it is multiplied."),
    ("jump *=", "jump +=", "the jump is multiplied by each stride, not added to: two layers of stride 2 make a jump of 4."),
    ("jump *=", "jump =", "you took the stride of the layer before for the jump. All strides so far multiply: two layers of stride 2 make a jump of 4."),
    ("* jump\n", "* stride\n", "you took each layer's own stride for the jump. The jump is the product of all strides *before* the layer."),
    ("kernel, stride, dilation in", "kernel, dilation, stride in", "each layer is (kernel, stride, dilation), in this order."),
    ("    return", "        return", "that is the first layer's field: return stands inside the loop."),
    ("r +=", "r =", "r forgets what was there before: add to it, r += ..."),
    ("layers:\n        r += dilation * (kernel - 1) * jump", "layers[::-1]:\n        r = stride * r + dilation * (kernel - 1)", "walking back from the last cell, r becomes s (r - 1) + d (k - 1) + 1: between r cells there are r - 1 steps."),
    ("jump *= stride", "jump *= stride * dilation", "dilation does not change the jump: only the stride does."),
    ("dilation * (kernel - 1)", "(kernel - 1)", "jump *= stride", "jump *= stride * dilation", "the dilation widens the kernel, not the jump: d (k - 1) cells are added, and only the stride multiplies the jump."),
    ("jump", "that is the stride of the last maps. The field r is wanted."),
    ("r, jump", "that is right, but only the field is wanted: give r alone."),
)  # fmt: skip


@exercise(
    cases=[(3, 2, 5, 4, 6), (64, 14, 14, 256, 10), (512, 7, 6, 4096, 1000)],
    hint=r"""
    A linear layer from $n$ to $m$ numbers has $n \cdot m$ weights and $m$ biases. How many numbers are there after
    flattening, and how many after GAP?
    """,
    right="Try VGG's numbers: K = 512, H = W = 7, hidden = 4096, C = 1000.",
    tolerance=1e-9,
)
def head_parameters(K, H, W, hidden, C):
    """Parameters of both heads, with biases -> (fully connected, GAP), two ints."""
    fully_connected = (K * H * W * hidden + hidden) + (hidden * C + C)
    gap = K * C + C
    return fully_connected, gap


head_parameters.mistakes(
    ("K * H * W * hidden + hidden * C, K * C", "the biases are missing: a layer to m numbers has m of them."),
    ("solution(K, 1, 1, hidden, C)", "H and W are missing: flattening keeps every cell of every channel, K · H · W numbers."),
    ("solution(K, H, 1, hidden, C)", "W is missing: flattening keeps K · H · W numbers."),
    ("solution(K, 1, W, hidden, C)", "H is missing: flattening keeps K · H · W numbers."),
    ("K * H", "H", "K is missing: flattening keeps every cell of every channel, K · H · W numbers."),
    ("K * hidden + hidden * C, K * C", "H, W and the biases are missing."),
    ("gap = K", "gap = K * H * W", "GAP leaves one number for each channel, so its layer takes K numbers, not K · H · W."),
    ("K * C + C", "K * C", "the biases of the GAP head are missing: C of them."),
    ("K * C + C", "K + C", "each of the K means has a weight for each of the C classes: K · C, and C biases."),
    (["K * H * W * hidden * C, K * C", "K * H * W * hidden * C, gap"], "two layers stand one behind the other: their weights are added, K · H · W · hidden and hidden · C, and each has biases."),
    ("(hidden * C + C)", "C", "of the second layer only the biases were counted. From hidden units to the classes there are hidden · C weights."),
    ("K * H * W * hidden + hidden * C, gap", "the biases of the fully connected head are missing: one for each hidden unit and each class."),
    ("hidden + hidden)", "hidden)", "the biases of the hidden layer are missing."),
    ("hidden * C + C", "hidden * C", "the biases of the last fully connected layer are missing."),
    (" + (hidden * C + C)", "", "the fully connected head has a second layer: from the hidden units to the classes."),
    ("K * H * W * C + C, gap", "the hidden layer is missing: flatten, then `hidden` units, then the classes."),
    ("+ (hidden", "+ (hidden * hidden + hidden) + (hidden", "one layer too many: VGG has three, this head only two, to the hidden units and to the classes."),
    ("gap = K * C", "gap = K * hidden + hidden + hidden * C", "the GAP head has no hidden layer: its one layer goes from K means straight to the classes."),
    ("K * H * W * hidden + 1 + hidden * C + 1, K * C + 1", "a layer has a bias for *each* of its outputs, not one in all."),
    ("K * H * W * (hidden + 1) + hidden * (C + 1), K * (C + 1)", "you counted a bias for each input of a layer. It has one for each output."),
    ("fully_connected + gap", "that is the sum of both heads: give both, as a tuple."),
    ("H * W", "(H + W)", "a map of H by W has H · W cells, not H + W."),
    ("gap, fully_connected", "both are right, but the other way round: fully connected first, then GAP."),
    ("fully_connected", "that is the fully connected head alone: give both, as a tuple."),
    ("gap", "that is the GAP head alone: give both, as a tuple."),
)  # fmt: skip


@exercise(
    cases=[(10, 32), (8, 32), (14, 16), (28, 8), (5, 4)],
    hint="""
    224 = 7 · 32 still gives 7 cells, and so does every side down to 193. The first pixel beyond 6 full strides makes the
    seventh cell.
    """,
    right="So 225 and 289 are no magic numbers: they are the first sides with 8 and with 10 cells.",
)
def smallest_side(cells, stride):
    """Smallest input side in pixels whose map has `cells` cells a side -> int."""
    return (cells - 1) * stride + 1


smallest_side.mistakes(
    ("cells * stride", "that is the *largest* side with this many cells. 224 gives 7 cells, but so does 193."),
    ("cells * stride + 1", "that gives one cell more than wanted: 225 = 7 · 32 + 1 gives 8."),
    ("(cells - 1) * stride", "one pixel is missing: full strides alone give one cell fewer. The next pixel makes the next cell."),
    ("(cells - 1) * stride - 1", "too small: the first pixel *beyond* n - 1 full strides makes the next cell."),
    ("cells * stride - 1", "that many cells begin earlier: at the first pixel beyond n - 1 full strides."),
    ("(cells - 1) * (stride + 1)", "the strides are s pixels wide, and only one pixel is added at the end."),
    ("cells - 1 * stride + 1", "multiplication comes before subtraction: put brackets around cells - 1."),
    ("cells - 1 + stride", "each cell takes a stride: multiply, do not add."),
    ("-(-cells // stride)", "that is the number of cells of an input of n pixels. Here the cells are given and the side is wanted."),
    ("(cells - 1) * 32 + 1", "the stride is given: 32 is only that of the network above."),
    ("(stride - 1) * cells + 1", "take 1 from the cells, not from the stride: n cells need n - 1 full strides, and one pixel."),
)  # fmt: skip


@exercise(
    cases=[()],
    hint="""
    For each statement: which two numbers does it compare, and does the interval of their difference hold 0? An interval
    that holds 0 has two ends; what else does it hold? And how many intervals are there?
    """,
    right="What a network says of itself, what it gets right, and what too few pictures cannot tell are three things.",
)
def true_of_the_photographs():
    """The letters of the true statements, such as {"a", "b"}."""
    return {"b", "d"}


true_of_the_photographs.statements(
    a="(a) compare two columns of that row: P falls from 63 to 19, and yet 75 % are named right against 79. The interval holds 0.",
    b="(b) look at top-1 in the row of 577: 30 points fewer are right, and the interval is far from 0.",
    c="(c) look for the star: of twenty intervals of 95 % one misses by chance, and at the best threshold of each no gain is shown.",
    d="(d) look at P in the row of stride 8: its interval lies above 0, with a star.",
    e="(e) at 20 % the map of stride 32 finds 59.3 %, and the box of the last row, which knows no photograph, 60.3 %.",
    f="(f) an interval that holds 0 is no proof of 0: this one reaches up to 2.7 points.",
)  # fmt: skip
