"""Usual mistakes in notebook 01, and what the check has to say about each."""

MUTATIONS = {
    "pooled": [
        ("f.mean((2, 3))", "f.sum((2, 3))", "that is the sum over x and y"),
        ("f.mean((2, 3))", "f.amax((2, 3))", "that is the maximum (GMP)"),
        ("f.mean((2, 3))", "f.mean(1)", "averaged over the channels"),
        ("f.mean((2, 3))", "f.mean(2)", "Both axes 2 and 3"),
        ("f.mean((2, 3))", "f.mean()", "averaged over everything"),
        ("f.mean((2, 3))", "f.mean((2, 3), keepdim=True)", "still there with length 1"),
        ("f.mean((2, 3))", "f.std((2, 3))", "the shape is right, the values are not"),
        ("f.mean((2, 3))", "f.sum((2, 3)) / (f > 0).sum((2, 3))", "the values are not"),
        ("f.mean((2, 3))", "f.sum((2, 3)) / 14**2", "take it from f"),
        ("f.mean((2, 3))", "f.mul_(2).mean((2, 3)) / 2", "changes the tensor it is given"),
    ],
    "class_scores": [
        (" + b", "", "the bias b_c is missing"),
        ("f.mean((2, 3))", "f.sum((2, 3))", "trained with the mean"),
        ("w.T", "w", "the wrong way round"),
        ("F @ w.T + b", "(F @ w.T + b).softmax(1)", "that is P_c"),
        ("F @ w.T + b", "(F @ w.T + b).relu()", "lost their negative values"),
    ],
    "class_map": [
        ("w[c])", "w[c]).relu()", "negative evidence is gone"),
        ("w[c]", "w[:, c]", "The weights of class c are the row w[c]"),
        ("w[c]", "w.softmax(0)[c]", "softmax on the weights"),
        ('torch.einsum("nkhw,k->nhw", f, w[c])', 'torch.einsum("nkhw,ck->nchw", f, w).softmax(1)[:, c]', "softmax over the classes"),
        ("w[c]", "w[0]", "the map of class 0"),
        ("w[c]", "w[c - 1]", "the class before c"),
        ("w[c]", "w[c].abs()", "lost the signs"),
        ("f, w[c])", "f, w[c])[0]", "the first picture only"),
        ("w[c])", "w[c]) / f.shape[1]", "averaged over the channels"),
    ],
    "scores_from_maps": [
        (" + b", "", "the bias b_c is missing"),
        ("M.mean((2, 3)) + b", "M.sum((2, 3))", "the paper's identity"),
        ("M.mean((2, 3))", "M.sum((2, 3))", "not the sum"),
        ("M.mean((2, 3)) + b", "(M.sum((2, 3)) + b) / M[0, 0].numel()", "The bias is added afterwards, whole"),
        ("M.mean", "M.relu().mean", "negative evidence is gone"),
        ("M.mean((2, 3))", "M.amax((2, 3))", "network with GMP"),
    ],
}  # fmt: skip
