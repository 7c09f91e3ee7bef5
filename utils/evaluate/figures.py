"""All rows to the figures, and the figures to the table."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from utils import localization
from utils.evaluate.measure import SIDES, unpacked
from utils.evaluate.store import CURVES, PIXELS, Row


def summarize(rows: Sequence[Row]) -> dict:
    """All figures, in per cent of the pictures, from the lines of pictures.csv."""
    found = torch.tensor([row["found"] == "1" for row in rows])
    curves = {name: _marks(rows, name) for name in CURVES}
    best = int(curves["largest_50"].argmax())
    side = int(curves["centred_50"].argmax())
    figures = {"pictures": len(rows)}
    if all(row["rank"] for row in rows):
        rank = torch.tensor([int(row["rank"]) for row in rows])
        for k in (1, 5):
            figures[f"classification top-{k}"] = _percent(rank <= k)
            figures[f"localization top-{k}"] = _percent((rank <= k) & found)
    return (
        figures
        | {
            "localization GT-known": _percent(found),
            "MaxBoxAcc": _percent(curves["largest_50"][best]),
            "MaxBoxAcc threshold": localization.FINE[best],
            "MaxBoxAccV2": _percent(torch.stack([curves[f"any_{d}"].max() for d in (30, 50, 70)])),
            "whole picture": _percent(torch.tensor([row["whole"] == "1" for row in rows])),
            "best centred box": _percent(curves["centred_50"][side]),
            "best centred box side": SIDES[side],
        }
        | _pixel_figures(rows)
    )


def _pixel_figures(rows: Sequence[Row]) -> dict:
    """PxAP, and that of maps that have not seen the picture; nothing where masks are missing."""
    if not all(row["pixels"] for row in rows):
        return {}
    own, centred = (sum(unpacked(row[name]) for row in rows) for name in PIXELS)
    if not own[1].any():  # objects too small for a pixel of the frame
        return {}
    return {
        "PxAP": round(100 * localization.average_precision(own), 2),
        "PxAP of a centred Gaussian": round(100 * localization.average_precision(centred), 2),
        "PxAP of a flat map": round(100 * (own[1].sum() / own.sum()).item(), 2),
    }


def _marks(rows: Sequence[Row], column: str) -> Tensor:
    """The share of pictures with an x at each place of a column: -> (T,)."""
    return torch.tensor([[mark == "x" for mark in row[column]] for row in rows]).double().mean(0)


def _percent(share: Tensor) -> float:
    return round(100 * share.double().mean().item(), 2)


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
