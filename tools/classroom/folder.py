"""A class's folder, my-class: what lies where, its seeds, and files written in one piece.

class.json               the seed of the variant, and the secret that hidden cases follow from
release/NAME.ipynb       what students get
collected/NAME/WHO.json  what they handed in, checked; collected.csv says what happened to each file
graded/NAME/WHO.json     points and reasons
written/NAME.csv         answers to be read by hand
feedback/NAME/WHO.html   what students get back
moodle.csv, canvas.csv, grades.csv, report.html
"""

import argparse
import csv
import hashlib
import io
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SEED = 1  # of the release that lies in assignments


def parser(about: str | None, *many: str) -> argparse.ArgumentParser:
    """What every step is told: the class's folder."""
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--class", dest="place", type=Path, default=ROOT / "my-class")
    for name in many:
        made.add_argument(name, nargs="*")
    return made


def told(step: Callable[[list[str]], int], arguments: list[str]) -> int:
    """A step's exit status; what a teacher can mend is one sentence and no traceback."""
    try:
        return step(arguments)
    except (ValueError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1


def settings(place: Path, seed: int | None = None) -> dict[str, Any]:
    """The class's seed and secret; both are made at the first call and kept."""
    path = place / "class.json"
    if path.exists():
        kept = json.loads(path.read_text("utf8"))
        if seed not in (None, kept["seed"]):
            raise ValueError(
                f"{path} says seed {kept['seed']}, and students may have it already. For another "
                f"year take another folder: CLASS=my-class-{seed}"
            )
        return kept
    made = {"seed": SEED if seed is None else seed, "secret": secrets.token_hex(16)}
    write(path, json.dumps(made, indent=1))
    return made


def hidden_seed(place: Path, name: str) -> int:
    """The seed of an assignment's hidden cases; nobody can guess it from the public one."""
    kept = settings(place)
    text = f"{kept['secret']} {kept['seed']} {name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def write(path: Path, text: str) -> None:
    """Write a file in one piece, with its folder, for nobody else to read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(path.name + ".new")
    new.write_text(text, "utf8", newline="")
    new.chmod(0o600)
    os.replace(new, path)


def read(path: Path) -> Any:
    """What a JSON file of ours holds."""
    return json.loads(path.read_text("utf8"))


def records(place: Path, step: str, name: str) -> dict[str, Any]:
    """What a step left of an assignment, by student."""
    return {path.stem: read(path) for path in sorted((place / step / name).glob("*.json"))}


def table(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV. A text that a spreadsheet would run as a formula is given a ' in front."""
    out = io.StringIO()
    csv.writer(out).writerows([[_cell(value) for value in row] for row in rows])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@"):
        return "'" + value
    return f"{value:g}" if isinstance(value, float) else value
