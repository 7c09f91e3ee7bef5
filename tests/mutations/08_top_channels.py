"""Usual mistakes in notebook 08, and what the check has to say about each."""

MUTATIONS = {
    "top_channels": [
        ("w[c]", "w[:, c]", "a column of w"),
        ("w[c]", "w[c].abs()", "ranked by absolute value"),
        ("descending=True", "descending=False", "the smallest weights"),
        ("w[c].argsort(descending=True)[:n]", "w[c].argsort()[-n:]", "smallest first"),
        ("w[c].argsort(descending=True)[:n]", "w[c].argmax()", "the first channel only"),
        ("argsort(descending=True)[:n]", "topk(n).values", "these are the weights"),
        ("[:n]", "", "every channel in order"),
    ],
    "contribution": [
        ("(w[c] * F).mean(0)", "w[c]", "the weights alone"),
        ("w[c] * F", "F", "F_k alone"),
        ("f.mean((2, 3))", "f.sum((2, 3))", "F_k is the sum here"),
        ("f.mean((2, 3))", "f.amax((2, 3))", "the maximum here (GMP)"),
        (".mean(0)", ".sum(0)", "summed over the pictures"),
        (".mean(0)", "", "one row for each picture"),
        ("w[c]", "w[:, c]", "a column of w"),
        ("w[c]", "w[c].abs()", "lost the signs"),
        ("w[c]", "w[c].relu()", "negative weights are gone"),
    ],
    "agreement": [
        ("(region | masks).sum()", "min(region.sum(), masks.sum())", "divided by the smaller"),
        (
            "(region & masks).sum() / (region | masks).sum()",
            "((region & masks).sum((1, 2)) / (region | masks).sum((1, 2))).mean()",
            "mean over the pictures",
        ),
        ("(region | masks).sum()", "(region.sum() + masks.sum())", "counts the shared pixels once"),
        ("(region | masks).sum()", "region.sum()", "that is precision"),
        ("(region | masks).sum()", "masks.sum()", "that is recall"),
        ("maps >= T", "maps <= T", "below the threshold"),
        ("maps >= T", "maps > T", "exactly at the threshold"),
        ("maps >= T", "maps >= T * maps.max()", "not a share of the maximum"),
        ("maps >= T", "maps > 0", "the threshold is missing"),
    ],
}  # fmt: skip
