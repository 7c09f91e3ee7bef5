"""Run notebooks in place and store them in the form that is committed: `make notebooks`.

    python -m tools.notebooks                                 all of them
    python -m tools.notebooks notebooks/01_formulas.ipynb     one

A second run changes only what really changed: no widget state, no timings, no version of the
kernel, counts in order, and a picture whose pixels are the same keeps its bytes. A notebook that
fails, or that has one of the `problems` below, stays on disk as it was.
"""

import base64
import io
import re
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_LINES = 25
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|private|root|tmp|Users|work)/|\b[A-Z]:\\+Users")
LOCAL_IMAGE = re.compile(r"(?:!\[[^\]]*\]\(|<img[^>]*src=[\"'])(?!https?:|data:|attachment:)")


def all_notebooks() -> list[Path]:
    """The course's notebooks, in reading order."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """A notebook from disk."""
    return nbformat.read(path, as_version=4)


def write(nb: NotebookNode, path: Path) -> None:
    """A notebook to disk, with the same line ends on every system."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        nbformat.write(nb, file)


def execute(nb: NotebookNode, folder: Path, kernel: str = "python3") -> float:
    """Run every cell in `folder`, outputs going into `nb`; return the seconds it took.

    Raises CellExecutionError where a cell fails.
    """
    client = NotebookClient(
        nb,
        timeout=600,
        kernel_name=kernel,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # the kernel's, which would warn about itself
    )
    start = time.perf_counter()
    client.execute()
    return time.perf_counter() - start


def normalise(nb: NotebookNode, before: NotebookNode) -> None:
    """Bring a notebook that was just run into the stored form; `before` is what stood on disk."""
    nb.metadata.pop("widgets", None)
    nb.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nb.metadata.language_info = {"name": "python"}
    old_outputs = {cell.id: cell.get("outputs", []) for cell in before.cells}
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for count, cell in enumerate((cell for cell in code if cell.source.strip()), 1):
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.outputs if not only_a_widget(output)]
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET, None)
            if "execution_count" in output:
                output.execution_count = count
        for output, old in zip(cell.outputs, old_outputs.get(cell.id, []), strict=False):
            _keep_equal_pictures(output.get("data", {}), old.get("data", {}))


def only_a_widget(output: NotebookNode) -> bool:
    """True where nothing would be left to see without the widget."""
    data = output.get("data", {})
    return WIDGET in data and set(data) <= {WIDGET, "text/plain"}


def _keep_equal_pictures(data: dict, old: dict) -> None:
    for mime in data.keys() & old.keys():
        raster = mime.startswith("image/") and "svg" not in mime
        if raster and np.array_equal(pixels(data[mime]), pixels(old[mime])):
            data[mime] = old[mime]


def pixels(encoded: str) -> np.ndarray:
    """A stored picture, base64 text, as (h, w, 4) uint8."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))


def problems(nb: NotebookNode) -> list[str]:
    """What must not be in a committed notebook, one sentence each; none for a good one."""
    found = [f"cell {i}: {what}" for i, cell in enumerate(nb.cells) for what in _in_cell(cell)]
    if not any(cell.get("outputs") for cell in nb.cells):
        found.append("no outputs are stored: run `make notebooks`")
    if len({cell.id for cell in nb.cells}) < len(nb.cells):
        found.append("two cells have the same id")
    if "widgets" in nb.metadata:
        found.append("the state of widgets is stored")
    return found


def _in_cell(cell: NotebookNode) -> list[str]:
    outputs = cell.get("outputs", [])
    data = [(mime, text, o.metadata) for o in outputs for mime, text in o.get("data", {}).items()]
    texts = [cell.source, *(output.get("text", "") for output in outputs)]
    texts += [str(text) for mime, text, _ in data if not mime.startswith("image/")]
    images = [(mime, metadata) for mime, _, metadata in data if mime.startswith("image/")]
    markdown = cell.cell_type == "markdown"
    checks = {
        "an error is stored": any(o.output_type == "error" for o in outputs),
        "something was written to stderr": any(o.get("name") == "stderr" for o in outputs),
        "a path of one machine": any(MACHINE_PATH.search(text) for text in texts),
        "a widget without its picture": any(mime == WIDGET for mime, *_ in data),
        "a picture without alt text": any(not m.get(mime, {}).get("alt") for mime, m in images),
        "a local image, which Colab does not show": markdown and LOCAL_IMAGE.search(cell.source),
        f"more than {CELL_LINES} lines": not markdown
        and len(cell.source.splitlines()) > CELL_LINES,
    }
    return [what for what, is_so in checks.items() if is_so]


def refresh(path: Path) -> float:
    """Run one notebook and store it; return the seconds. Raises ValueError for a bad one."""
    nb, before = read(path), read(path)
    try:
        seconds = execute(nb, path.parent)
    except CellExecutionError as error:
        number = next(i for i, cell in enumerate(nb.cells) if _failed(cell))
        raise ValueError(f"cell {number} fails with {error.ename}: {error.evalue}") from error
    normalise(nb, before)
    if found := problems(nb):
        raise ValueError("\n  ".join(found))
    write(nb, path)
    return seconds


def _failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def main(names: list[str]) -> int:
    """Refresh the notebooks named, or all; print how long each took; return the exit status."""
    bad, total = 0, 0.0
    for path in [Path(name).resolve() for name in names] or all_notebooks():
        try:
            seconds = refresh(path)
            total += seconds
            print(f"{seconds:6.1f} s  {path.name}", flush=True)
        except ValueError as problem:
            bad += 1
            print(f"  failed  {path.name}, which stays as it was\n  {problem}", flush=True)
    print(f"{total:6.1f} s  in all")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
