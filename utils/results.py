"""The results file: figures that take too long for a notebook, of several seeds each.

`make train` writes it, one entry for each network or task, and notebooks read it. Nothing else
opens the file. A figure is a fraction, a number or a table of such, under its name.
"""

import json
from pathlib import Path

import torch
from torch import Tensor

PATH = Path(__file__).with_name("results.json")


def runs(name: str, path: Path = PATH) -> list[dict]:
    """The figures of every seed of a network or task, in the order of the seeds.

    Raises KeyError with the names there are.
    """
    results = json.loads(path.read_text("utf8"))
    if name not in results:
        raise KeyError(f"no results of {name!r}. There are: {', '.join(sorted(results))}")
    return [figures for _, figures in sorted(results[name].items(), key=lambda run: int(run[0]))]


def values(name: str, key: str, unit: float = 100) -> Tensor:
    """One figure of every seed, here in per cent: -> (S,) float64."""
    return unit * torch.tensor([run[key] for run in runs(name)], dtype=torch.float64)


def curve(name: str, key: str, unit: float = 100) -> tuple[list[float], Tensor]:
    """A figure that is a table, such as "gt_known_sweep": its T steps, values (S, T) float64."""
    tables = [run[key] for run in runs(name)]
    rows = [list(table.values()) for table in tables]
    return [float(step) for step in tables[0]], unit * torch.tensor(rows, dtype=torch.float64)


def spread(v: Tensor, decimals: int = 1, between: str = " to ") -> str:
    """Mean, lowest and highest over the seeds: (S,) -> "67.1 (66.1 to 69.0)"."""
    mean, low, high = (f"{x:.{decimals}f}" for x in (v.mean(), v.min(), v.max()))
    return f"{mean} ({low}{between}{high})"


def deviation(v: Tensor, decimals: int = 1) -> str:
    """Mean and standard deviation over the seeds: (S,) -> "67.1 ± 1.6"."""
    return f"{v.mean():.{decimals}f} ± {v.std():.{decimals}f}"


def record(name: str, seed: int, figures: dict, path: Path = PATH) -> None:
    """Write one seed's figures into the file, next to the others; fractions to four places."""
    results = json.loads(path.read_text("utf8")) if path.exists() else {}
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    results.setdefault(name, {})[str(seed)] = rounded
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf8")
