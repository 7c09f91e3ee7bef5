"""Usual mistakes in notebook 02, and what the check has to say about each."""

LOOPS = """    for i in range(drop.shape[0]):
        for j in range(drop.shape[1]):
            top, left = i * stride - margin, j * stride - margin
            covered = x.clone()
"""

MUTATIONS = {
    "occlusion_map": [
        ("S - score(covered[None])", "score(covered[None]) - S", "the sign is turned round"),
        ("S - score(covered[None])", "score(covered[None])", "the scores of the covered pictures"),
        ("S - score(covered[None])", "(S - score(covered[None])).abs()", "you lost the sign"),
        ("return drop", "return drop.relu()", "negative drops are gone"),
        ("(size - stride) // 2", "0", "begin at the cell's corner"),
        ("(size - stride) // 2", "size // 2", "Half a cell is missing"),
        ("max(top, 0) : top + size, max(left, 0)", "top : top + size, left", "a negative start counts from the other end"),
        ("x.clone()", "x", "begin with a copy"),
        (LOOPS, "    covered = x.clone()\n" + LOOPS.replace("            covered = x.clone()\n", ""), "the squares pile up"),
        ("= fill", "= 0", "you covered with black"),
        ("= fill", "= 1", "you covered with white"),
        ("margin = (size - stride) // 2", "size, margin = stride, 0", "your square has the size of one cell"),
        ("margin = (size - stride) // 2", "stride, margin = size, 0", "your steps are as long as the square"),
        ("covered[:, max(top", "covered[0, max(top", "one colour only"),
        ("max(top, 0) : top + size, max(left, 0) : left + size", "max(left, 0) : left + size, max(top, 0) : top + size", "rows and columns are exchanged"),
        ("return drop", "return drop.T", "rows and columns are exchanged"),
    ],
    "passes": [
        ("1 + (h // stride) * (w // stride)", "(h // stride) * (w // stride)", "one pass is missing"),
        ("(h // stride) * (w // stride)", "(h // size) * (w // size)", "follows from the stride"),
        ("(h // stride) * (w // stride)", "((h - size) // stride + 1) * ((w - size) // stride + 1)", "cut off at the edges"),
        ("(h // stride) * (w // stride)", "(h // stride)", "one row of squares only"),
        ("1 + (h // stride) * (w // stride)", "C * (1 + (h // stride) * (w // stride))", "the same covered pictures serve every class"),
        ("[1, C]", "[1, 1]", "Each class needs its own"),
        ("[1, C]", "[C, C]", "the forward pass can be shared"),
        ("[1, C]", "[C, 1]", "the other way round"),
        ("[1, 0]", "[C, 0]", "the same f_k"),
        ("[1, 0]", "[1, 1]", "CAM needs no gradient"),
        ("[occlusion, gradient, cam]", "[cam, gradient, occlusion]", "the order is"),
    ],
    "saliency_map": [
        (".abs().amax(1)", ".amax(1)", "the absolute value is missing"),
        (".abs().amax(1)", ".amax(1).abs()", "comes too late"),
        (".abs().amax(1)", ".sum(1).abs()", "cancel"),
        (".abs().amax(1)", ".abs().sum(1)", "you summed over the colours"),
        (".abs().amax(1)", ".abs().mean(1)", "you averaged over the colours"),
        (".abs().amax(1)", ".abs()", "one map for each colour"),
        (".abs().amax(1)", ".abs().amax(1, keepdim=True)", "still there with length 1"),
        ("model(x)[:, c]", "model(x).softmax(1)[:, c]", "that is the gradient of P_c"),
        ("model(x)[:, c]", "model(x).log_softmax(1)[:, c]", "the gradient of log P_c"),
        ("model(x)[:, c]", "model(x)", "all scores together"),
        ("model(x)[:, c]", "model(x).amax(1)", "the best class"),
        ("[:, c].sum()", "[:, c].mean()", "divided by N"),
        ("[:, c].sum()", "[0, c]", "only the first picture"),
        ("return gradient", "return (gradient * x).detach()", "you multiplied by the picture"),
        (".requires_grad_()", "", "does not require grad"),
    ],
}  # fmt: skip
