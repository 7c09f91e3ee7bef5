"""Usual mistakes in notebook 03, and what the check has to say about each."""

MUTATIONS = {
    "gmp": [
        ("f.amax((2, 3))", "f.mean((2, 3))", "that is the mean, GAP"),
        ("f.amax((2, 3))", "f.amax(1)", "the maximum over the channels"),
        ("f.amax((2, 3))", "f.amax(2)", "Both axes 2 and 3"),
        ("f.amax((2, 3))", "f.abs().amax((2, 3))", "lost the signs"),
        ("f.amax((2, 3))", "f.flatten(2).argmax(2)", "argmax"),
        ("f.amax((2, 3))", "f.relu().amax((2, 3))", "may lie below 0"),
        ("f.amax((2, 3))", "f.max(2)", "positions"),
        ("f.amax((2, 3))", "f.amax((0, 1))", "you kept the places"),
        ("f.amax((2, 3))", "f.amax((2, 3)).squeeze()", "squeeze() also takes away"),
        ("f.amax((2, 3))", "f.amax(3).mean(2)", "averaged the rows' maxima"),
    ],
    "gap_gradient": [
        (" / (H * W)", "", "1/(H W) is missing"),
        ("w[c][:", "w[0][:", "not of class c"),
        ("w[c][:", "w.softmax(0)[c][:", "softmax on the weights"),
        ("(H * W)", "H", "divided by the height only"),
        ("(H * W)", "14**2", "take it from f"),
        ("/ (H * W)", "/ H * W", "put brackets"),
        ("/ (H * W)", "* (H * W)", "you multiplied by H W"),
        ("w[c][:, None, None].expand(f.shape)", "torch.ones_like(f)", "w is missing"),
        ("return w[c]", "return (f > 0) * w[c]", "does not depend on f"),
    ],
    "coverage": [
        ("M > t", "M >= t", "lie *above*"),
        ("mask.sum((1, 2))", "lit.sum((1, 2))", "share of the *lit* pixels"),
        ("t * M.amax((1, 2), keepdim=True)", "t", "t is a fraction of the maximum"),
        ("M.amax((1, 2), keepdim=True)", "M.max()", "one maximum for all pictures"),
        (", keepdim=True", "", "keepdim=True keeps"),
        ("t * M.amax", "t * M.masked_fill(~mask, 0).amax", "the maximum on the object only"),
        ("t * M.amax", "(1 - t) * M.amax", "1 - t times the maximum"),
        ("M > t", "M.abs() > t", "you lost the sign"),
        ("(lit & mask)", "100 * (lit & mask)", "that is a percentage"),
        ("(lit & mask)", "lit", "lit pixels beside the object too"),
    ],
}
