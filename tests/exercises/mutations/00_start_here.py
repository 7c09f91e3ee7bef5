"""Usual mistakes in notebook 00, and what the check has to say about each."""

MUTATIONS = {
    "runner_up": [
        ("[:, 1]", "[:, 0]", "that is the best class"),
        ("[:, 1]", "[:, 2]", "the third best"),
        ("[:, 1]", "[1]", "that is the second picture"),
        ("S.argsort(1, descending=True)[:, 1]", "S[0].argsort(descending=True)[1]", "the first picture only"),
        (", descending=True", "", "second *worst*"),
        ("S.argsort(1, descending=True)", "S.sort(1, descending=True).values", "that is its score"),
        ("[:, 1]", "", "that is the whole order"),
        ("[:, 1]", "[:, 1:2]", "still there with length 1"),
        ("S.argsort(1, descending=True)[:, 1]", "S.argmax(1) - 1", "The next *score* is wanted"),
        ("S.argsort(1, descending=True)", "S.argsort(0, descending=True)", "you ordered the pictures"),
    ],
    "point_at": [
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "(row + 0.5) * h / H, (column + 0.5) * w / W", "x and y are exchanged"),
        (" + 0.5", "", "upper left corner"),
        (" + 0.5", " + 1", "lower right corner"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "column, row", "Scale it to pixels"),
        ("argmax", "argmin", "the coldest cell"),
        ("argmax", "abs().argmax", "without its sign"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "row * h / H, column * w / W", "upper left corner, and x and y"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "int(M.argmax())", "that is the number of the cell"),
        ("row, column =", "column, row =", "divmod gives the row first"),
        ("argmax()), W)", "argmax()), H)", "W in each row"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "(column + 0.5) * h / H, (row + 0.5) * w / W", "height and width are exchanged"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "(column + 0.5) * W / w, (row + 0.5) * H / h", "the values are not"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "column + 0.5, row + 0.5", "still counted in cells"),
        ("(column + 0.5) * w / W, (row + 0.5) * h / H", "int((column + 0.5) * w / W), int((row + 0.5) * h / H)", "do not round"),
    ],
}  # fmt: skip
