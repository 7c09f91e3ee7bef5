"""Usual mistakes in notebook 04, and what the check has to say about each."""

MUTATIONS = {
    "receptive_field": [
        (" * jump\n", "\n", "the jump is missing"),
        ("(kernel - 1)", "kernel", "you added the kernel."),
        ("dilation * (kernel - 1)", "kernel", "without its dilation"),
        ("dilation * (kernel - 1)", "(kernel - 1)", "the dilation is missing"),
        ("dilation * (kernel - 1)", "(dilation * kernel - 1)", "k - 1 gaps"),
        ("        r += dilation * (kernel - 1) * jump\n        jump *= stride\n", "        jump *= stride\n        r += dilation * (kernel - 1) * jump\n", "the order is wrong"),
        ("in layers", "in reversed(layers)", "from the last layer to the first"),
        ("r, jump = 1, 1", "r, jump = 0, 1", "r begins at 1"),
        ("jump *= stride", "jump += stride", "multiplied by each stride"),
        ("jump *= stride", "jump *= stride * dilation", "dilation does not change the jump"),
        ("return r", "return jump", "the stride of the last maps"),
        ("return r", "return r, jump", "only the field is wanted"),
    ],
    "head_parameters": [
        ("(K * H * W * hidden + hidden) + (hidden * C + C)", "(K * hidden + hidden) + (hidden * C + C)", "H and W are missing"),
        ("H * W", "(H + W)", "not H + W"),
        ("hidden + hidden", "hidden", "the biases of the hidden layer"),
        ("(hidden * C + C)", "(hidden * C)", "of the last fully connected layer"),
        ("(K * H * W * hidden + hidden) + (hidden * C + C)", "K * H * W * hidden + hidden * C", "one for each hidden unit and each class"),
        (" + (hidden * C + C)", "", "has a second layer"),
        ("K * C + C", "K * C", "the biases of the GAP head"),
        ("gap = K * C", "gap = K * H * W * C", "one number for each channel"),
        ("fully_connected, gap\n", "gap, fully_connected\n", "the other way round"),
        ("return fully_connected, gap", "return fully_connected", "fully connected head alone"),
    ],
    "smallest_side": [
        ("(cells - 1) * stride + 1", "cells * stride", "the *largest* side"),
        ("(cells - 1)", "cells", "one cell more than wanted"),
        (" + 1", "", "one pixel is missing"),
        ("(cells - 1) * stride + 1", "-(-cells // stride)", "the number of cells"),
        ("(cells - 1) * stride", "(stride - 1) * cells", "are exchanged"),
    ],
}  # fmt: skip
