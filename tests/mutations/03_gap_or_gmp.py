"""Usual mistakes in notebook 03, and what the check has to say about each."""

MUTATIONS = {
    "gmp": [
        ("f.amax((2, 3))", "f.mean((2, 3))", "that is the mean, GAP"),
        ("f.amax((2, 3))", "f.amax(1)", "the maximum over the channels"),
        ("f.amax((2, 3))", "f.amax(2)", "Both axes 2 and 3"),
        ("f.amax((2, 3))", "f.abs().amax((2, 3))", "lost the signs"),
        ("f.amax((2, 3))", "f.flatten(2).argmax(2)", "argmax"),
    ],
    "gap_gradient": [
        (" / (H * W)", "", "1/(H W) is missing"),
        ("w[c][:", "w[0][:", "not of class c"),
        ("w[c][:", "w.softmax(0)[c][:", "softmax on the weights"),
        ("(H * W)", "H", "divided by the height only"),
        ("(H * W)", "14**2", "take it from f"),
    ],
    "coverage": [
        ("M > t", "M >= t", "lie *above*"),
        ("mask.sum((1, 2))", "lit.sum((1, 2))", "share of the *lit* pixels"),
        ("t * M.amax((1, 2), keepdim=True)", "t", "t is a fraction of the maximum"),
        ("M.amax((1, 2), keepdim=True)", "M.max()", "one maximum for all pictures"),
        ("(lit & mask)", "lit", "lit pixels beside the object too"),
    ],
}
