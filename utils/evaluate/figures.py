"""All rows to the figures, and the figures to the table. The measures are those of `localization`.

A row keeps marks where a record has IoUs. The records that come back from rows hold the least IoU
that the marks vouch for, which is all that the measures ask.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from utils import localization
from utils.evaluate import store
from utils.localization import Record


def summarize(rows: Sequence[store.Row], threshold: float) -> dict[str, float]:
    """All figures, in per cent of the pictures, from the lines of pictures.csv.

    `threshold` is the one that the boxes x0 ... y1 were taken at.
    """
    own = _record((threshold,), _iou(rows, "found"))
    return (
        {"pictures": len(rows)}
        | _class_figures(rows, own)
        | {"localization GT-known": _percent(localization.accuracy_at(own, threshold))}
        | _sweep_figures(rows)
        | _pixel_figures(rows)
    )


def _class_figures(rows: Sequence[store.Row], own: Record) -> dict[str, float]:
    """Classification and both together; nothing where the network has other classes.

    Raises ValueError where a rank is missing beside others: their share would be another one.
    """
    unranked = [row["name"] for row in rows if not row["rank"]]
    if len(unranked) == len(rows):
        return {}
    if unranked:
        raise ValueError(f"{unranked[0]} has no rank, though others have: measure it again")
    rank = torch.tensor([int(row["rank"]) for row in rows])
    figures = {}
    for k in (1, 5):
        named = (rank <= k).double()
        boxes = own._replace(largest=own.largest * named[:, None])  # no box for a class not named
        figures[f"classification top-{k}"] = _percent(named.mean().item())
        share = localization.accuracy_at(boxes, own.thresholds[0])
        figures[f"localization top-{k}"] = _percent(share)
    return figures


def _sweep_figures(rows: Sequence[store.Row]) -> dict[str, float]:
    """The best of all thresholds, and of all boxes that know nothing of the picture."""
    any_ = _iou(rows, "any_30", "any_50", "any_70")
    maps = _record(localization.FINE, _iou(rows, "largest_50"), any_)
    centred = _record(store.SIDES, _iou(rows, "centred_50"))
    best, threshold = localization.max_box_acc(maps)
    best_centred, side = localization.max_box_acc(centred)
    return {
        "MaxBoxAcc": _percent(best),
        "MaxBoxAcc threshold": threshold,
        "MaxBoxAccV2": _percent(localization.max_box_acc_v2(maps)),
        "whole picture": _percent(localization.accuracy_at(centred, 1.0)),
        "best centred box": _percent(best_centred),
        "best centred box side": side,
    }


def _iou(rows: Sequence[store.Row], *columns: str) -> Tensor:
    """The largest IoU that a mark in the columns stands for, 0 without any: -> (N, T)."""
    marks = [store.LEAST[column] * store.marked(rows, column).double() for column in columns]
    return torch.stack(marks).amax(0)


def _record(thresholds: tuple[float, ...], largest: Tensor, best: Tensor | None = None) -> Record:
    return Record(thresholds, largest, largest if best is None else best, None, None)


def _pixel_figures(rows: Sequence[store.Row]) -> dict[str, float]:
    """PxAP, and that of maps that have not seen the picture; nothing where masks are missing."""
    if not all(row["pixels"] for row in rows):
        return {}
    own, centred = (_pixels(rows, name) for name in store.PIXELS)
    if not own[1].any():  # objects too small for a pixel of the frame
        return {}
    flat = own.sum(1, keepdim=True)  # one level for all pixels
    shares = {"PxAP": own, "PxAP of a centred Gaussian": centred, "PxAP of a flat map": flat}
    return {name: _percent(localization.average_precision(c)) for name, c in shares.items()}


def _pixels(rows: Sequence[store.Row], column: str) -> Tensor:
    """The sum of all pictures' counts: -> (2, levels + 1)."""
    total = store.unpacked(rows[0][column])
    for row in rows[1:]:
        total += store.unpacked(row[column])
    return total


def _percent(share: float) -> float:
    return round(100 * share, 2)


def table(summary: dict, settings: dict) -> str:
    """The figures as text, each with its standard error."""
    n = summary["pictures"]
    at = f"localization at {settings['threshold']:g}"
    best, side = summary["MaxBoxAcc threshold"], summary["best centred box side"]
    shown = {
        "classification, top-1": "classification top-1",
        "classification, top-5": "classification top-5",
        f"{at}, top-1": "localization top-1",
        f"{at}, top-5": "localization top-5",
        f"{at}, GT-known": "localization GT-known",
        f"MaxBoxAcc, at {best:.2f}": "MaxBoxAcc",
        "MaxBoxAccV2, any component, IoU 0.3, 0.5, 0.7": "MaxBoxAccV2",
        "PxAP, pixels against masks": "PxAP",
        "baseline: the whole picture": "whole picture",
        f"baseline: best centred box, side {side:.2f}": "best centred box",
        "baseline: PxAP of a centred Gaussian": "PxAP of a centred Gaussian",
        "baseline: PxAP of a flat map": "PxAP of a flat map",
    }
    values = {text: summary[key] for text, key in shown.items() if key in summary}
    lines = [f"{text:48}{v:6.1f}{_error(text, v, n)}" for text, v in values.items()]
    name, size = Path(settings["network"]).stem, settings["size"]
    head = (
        f"{name} on {n} pictures of {settings['data']}, input {size} × {size}, "
        f"maps scaled by {settings['normalize']}"
    )
    note = "Per cent ± standard error. Best thresholds and sides were chosen on these pictures."
    return "\n".join(["", head, "", *lines, "", note])


def _error(text: str, percent: float, n: int) -> str:
    """The standard error of a share of n pictures; PxAP is none."""
    return "" if "PxAP" in text else f" ± {(percent * (100 - percent) / n) ** 0.5:.1f}"
