"""Usual mistakes in notebook 05, and what the check has to say about each."""

MUTATIONS = {
    "iou": [
        ("max(a[0], b[0])", "max(a[0], b[0]) + 1", "the shape is right, the values are not"),
        (
            "a[0], b[0])\n    h = min(a[3], b[3]) - max(a[1], b[1])\n    shared = max(w, 0) * max(h, 0)\n    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])",
            "a[0], b[0]) + 1\n    h = min(a[3], b[3]) - max(a[1], b[1]) + 1\n    shared = max(w, 0) * max(h, 0)\n    areas = (a[2] - a[0] + 1) * (a[3] - a[1] + 1) + (b[2] - b[0] + 1) * (b[3] - b[1] + 1)",
            "you added 1 to the sides",
        ),
        ("max(w, 0) * max(h, 0)", "w * h", "do not touch"),
        ("max(w, 0) * max(h, 0)", "max(w * h, 0)", "cut off at 0 too late"),
        ("(areas - shared)", "areas", "counts the shared part twice"),
        ("(areas - shared)", "(areas - 2 * shared)", "subtracted the shared part twice"),
        ("shared / (areas - shared)", "2 * shared / areas", "Dice"),
        ("shared / (areas - shared)", "shared", "shared area in pixels"),
        ("(areas - shared)", "((a[2] - a[0]) * (a[3] - a[1]))", "area of the first box"),
        ("    w =", "    a, b = [torch.stack([v[0], v[1], v[0] + v[2], v[1] + v[3]]) for v in (a, b)]\n    w =", "(x, y, width, height)"),
    ],
    "mask_from_map": [
        ("M > threshold * M.max()", "(M - M.min()) / (M.max() - M.min()) > threshold", "stretched minimum to maximum"),
        (">", ">=", "exactly on the threshold"),
        (" * M.max()", "", "compared with the threshold itself"),
        ("M.max()", "M.mean()", "a fraction of the mean"),
        ("threshold * M.max()", "M.quantile(threshold)", "a quantile"),
        ("threshold * M.max()", "(1 - threshold) * M.max()", "below* the maximum"),
        ("M > threshold * M.max()", "M.abs() > threshold * M.abs().max()", "without its sign"),
        (">", "<", "the other side"),
    ],
    "top_k": [
        (" & fitting", "", "classification alone"),
        ("named & fitting", "fitting", "that is GT-known"),
        ("fits.gather(1, labels[:, None])[:, 0]", "fits.amax(1)", "box of another class"),
        ("fits.gather(1, labels[:, None])[:, 0]", "fits.gather(1, best).amax(1)", "box of another class"),
        ("fits.gather(1, labels[:, None])[:, 0]", "fits.gather(1, best)[:, 0]", "box of the best class"),
        ("(named & fitting)", "(fits.gather(1, best) >= 0.5).any(1)", "any of the k classes"),
        ("topk(k, 1)", "topk(1, 1)", "the best class only"),
        ("topk(k, 1)", "topk(5, 1)", "always took five"),
        (">= 0.5", "> 0.5", "exactly 0.5 counts"),
        ("named & fitting", "named | fitting", "class *or* box"),
        ("(named & fitting).float().mean()", "named.float().mean() * fitting.float().mean()", "multiplied two shares"),
        (".float().mean()", ".sum()", "that is a count"),
    ],
}  # fmt: skip
