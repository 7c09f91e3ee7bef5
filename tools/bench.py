"""How fast is it? CAM against a plain forward pass, the sketchbook, the notebooks: `make bench`.

python -m tools.bench
"""

import time
from collections.abc import Callable
from statistics import median

import torch
from nbclient.exceptions import CellExecutionError
from torchvision import models

import sketchbook
from tools.notebooks import all_notebooks, execute, read
from utils.networks import cam_network

REPEATS = 15


def medians(tasks: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """Median seconds of each task. The tasks take turns, so a slow moment strikes all of them."""
    for task in tasks.values():
        task()
    times = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    return {name: median(seconds) for name, seconds in times.items()}


@torch.no_grad()
def cam_cost(name: str, batch: int) -> dict[str, float]:
    """Milliseconds of the plain forward pass, and what CAM takes as multiples of it."""
    model = getattr(models, name)().eval()
    net, x = cam_network(model), torch.rand(batch, 3, 224, 224)
    tasks = {
        "plain": lambda: model(x),
        "one class": lambda: net(x, classes=0),
        "all classes": lambda: net(x),
    }
    seconds = medians(tasks)
    plain = seconds.pop("plain")
    return {"plain": plain * 1000, **{task: s / plain for task, s in seconds.items()}}


def print_cam_cost() -> None:
    """Networks with random weights: the weights do not change the time."""
    print(f"CAM, as a multiple of the plain forward pass (medians of {REPEATS}, 224×224)\n")
    print("network       batch   plain     one class   all 1000 classes")
    for name in ("resnet18", "mobilenet_v2"):
        for batch in (1, 8):
            cost = cam_cost(name, batch)
            row = f"{name:13} {batch:5} {cost['plain']:7.1f} ms {cost['one class']:9.2f}"
            print(f"{row} {cost['all classes']:18.2f}", flush=True)


def print_sketchbook(n: int = 200) -> None:
    """Pictures drawn in a second, by one process."""
    seconds = medians({"objects": lambda: sketchbook.objects(n, seed=1)}, repeats=3)
    print(f"\nSketchbook: {n / seconds['objects']:.0f} pictures a second\n", flush=True)


def print_notebooks() -> None:
    """Seconds of each notebook from a fresh kernel, imports included; nothing is stored."""
    total = 0.0
    for path in all_notebooks():
        try:
            seconds = execute(read(path), path.parent)
        except CellExecutionError as error:
            print(f"  fails   {path.name}: {error.ename}", flush=True)
            continue
        total += seconds
        print(f"{seconds:6.1f} s  {path.name}", flush=True)
    print(f"{total:6.1f} s  in all")


if __name__ == "__main__":
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print_cam_cost()
    print_sketchbook()
    print_notebooks()
