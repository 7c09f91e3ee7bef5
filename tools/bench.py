"""How fast is it? Maps beside a plain forward pass and other software, figures, the notebooks.

make bench, or parts of it:
    python -m tools.bench cam gradcam family sweep sketchbook live notebooks
The part "family" writes its table into README.md.
"""

import contextlib
import copy
import functools
import importlib
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torchvision
from nbclient.exceptions import CellExecutionError
from torch import Tensor, nn

import sketchbook
from tools.notebooks import ROOT, all_notebooks, execute, read
from utils import cam, gradcam, live, localization, models, photos
from utils.live import page as live_page
from utils.networks import cam_network, maps_at

Tasks = dict[str, Callable[[], object]]
REPEATS = 60
NETWORKS = ["resnet18", "resnet50", "mobilenet_v2", "shufflenet_v2_x1_0", "regnet_y_400mf"]
NETWORKS += ["objects-gap"]  # the course's own


def medians(tasks: Tasks, repeats: int = REPEATS) -> dict[str, float]:
    """Median seconds of CPU of each task.

    They take turns, so a slow moment strikes all of them, in another order each time, so none is
    always behind the same other.
    """
    for task in tasks.values():
        task()
    times: dict[str, list[float]] = {name: [] for name in tasks}
    names = list(tasks)
    for _ in range(repeats):
        random.shuffle(names)
        for name in names:
            start = time.process_time()
            tasks[name]()
            times[name].append(time.process_time() - start)
    return {name: median(seconds) for name, seconds in times.items()}


def peer(name: str) -> ModuleType | None:
    """Somebody else's software, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def network(name: str, batch: int) -> tuple[nn.Module, Tensor]:
    """A network and pictures for it. Random weights: the weights do not change the time."""
    if (models.WEIGHTS / f"{name}.safetensors").exists():
        return models.load(name).model.eval(), torch.rand(batch, 3, 112, 112)
    return torchvision.models.get_model(name).eval(), torch.rand(batch, 3, 224, 224)


def plain(model: nn.Module, x: Tensor) -> Callable[[], object]:
    """The forward pass that everything is measured against."""
    return torch.no_grad()(lambda: model(x))


def cam_tasks(model: nn.Module, x: Tensor) -> Tasks:
    """The calls that a user makes, and torchcam's CAM of one class, on a copy with its hooks.

    "bare" is what no call can be faster than: the plain pass, then the product and nothing else.
    """
    net = cam_network(model, example=x)
    p = net.forward_pass(x)

    @torch.no_grad()
    def bare(n: int) -> object:
        model(x)
        return cam.product(p.f, p.w[:n])

    tasks: Tasks = {
        "plain": plain(model, x),
        "one, bare": lambda: bare(1),
        "one class": lambda: net(x, classes=0),
        "all, bare": lambda: bare(len(p.w)),
        "all classes": lambda: net(x),
    }
    if methods := peer("torchcam.methods"):
        other = copy.deepcopy(model)
        head = [name for name, m in other.named_modules() if isinstance(m, nn.Linear)][-1]
        extractor = methods.CAM(other, gradcam.last_layer(other, x), head)

        @torch.no_grad()
        def torchcam() -> object:
            other(x)
            return extractor(0, normalized=False)

        tasks["torchcam"] = torchcam
    return tasks


def gradcam_tasks(model: nn.Module, x: Tensor) -> Tasks:
    """Grad-CAM of one class at the same named layer, each peer on a copy with its own hooks."""
    layer = gradcam.last_layer(model, x)
    tasks: Tasks = {
        "plain": plain(model, x),
        "ours": lambda: gradcam.grad_cam(model, x, 0, layer),
    }
    if methods := peer("torchcam.methods"):
        first = copy.deepcopy(model)
        extractor = methods.GradCAM(first, layer)
        tasks["torchcam"] = lambda: extractor(0, first(x), normalized=False)
    if captum := peer("captum.attr"):
        second = copy.deepcopy(model)
        attribution = captum.LayerGradCam(second, second.get_submodule(layer))
        tasks["captum"] = lambda: attribution.attribute(x, 0)
    if theirs := peer("pytorch_grad_cam"):
        third = copy.deepcopy(model)
        explainer = theirs.GradCAM(third, [third.get_submodule(layer)])
        target = importlib.import_module("pytorch_grad_cam.utils.model_targets")
        wanted = [target.ClassifierOutputTarget(0)] * len(x)
        tasks["pytorch-grad-cam"] = lambda: explainer(x, wanted)
    return tasks


def print_ratios(title: str, tasks_of: Callable[[nn.Module, Tensor], Tasks]) -> None:
    """One row for each network and batch: ms of the plain pass, the rest as multiples of it."""
    print(f"\n{title}, as multiples of the plain forward pass (CPU time, medians of {REPEATS})\n")
    for batch in (1, 8):
        for name in NETWORKS:
            torch.manual_seed(0)
            seconds = medians(tasks_of(*network(name, batch)))
            if name == NETWORKS[0]:
                print(f"batch {batch}".ljust(20) + "".join(f"{task:>17}" for task in seconds))
            once = seconds.pop("plain")
            row = "".join(f"{s / once:17.3f}" for s in seconds.values())
            print(f"{name:20}{once * 1000:14.1f} ms{row}", flush=True)


FAMILY = ("Grad-CAM", "GradCAM", "GradCAM"), ("Grad-CAM++", "GradCAMpp", "GradCAMPlusPlus")
FAMILY += (("LayerCAM", "LayerCAM", "LayerCAM"), ("Score-CAM", "ScoreCAM", "ScoreCAM"))
README = ROOT / "README.md"
MARKS = "<!-- written by make bench -->\n", "<!-- to here -->\n"


def family_tasks(model: nn.Module, x: Tensor, method: str, theirs: str, others: str) -> Tasks:
    """One method of `gradcam.METHODS` at the same layer, torchcam's and pytorch-grad-cam's beside.

    Each peer works on a copy with its own hooks.
    """
    layer = gradcam.last_layer(model, x)
    tasks: Tasks = {
        "plain": plain(model, x),
        "this course": lambda: gradcam.METHODS[method](model, x, 0, layer),
    }
    if methods := peer("torchcam.methods"):
        first = copy.deepcopy(model)
        extractor = getattr(methods, theirs)(first, layer)

        def torchcam() -> object:
            if method != "Score-CAM":
                return extractor(0, first(x), normalized=False)
            plain(first, x)()  # it keeps the picture, and asks for itself
            return extractor(0, normalized=False)

        tasks["torchcam"] = torchcam
    if explainers := peer("pytorch_grad_cam"):
        second = copy.deepcopy(model)
        explainer = getattr(explainers, others)(second, [second.get_submodule(layer)])
        target = importlib.import_module("pytorch_grad_cam.utils.model_targets")
        wanted = [target.ClassifierOutputTarget(0)] * len(x)
        tasks["pytorch-grad-cam"] = lambda: explainer(x, wanted)
    return tasks


def family_table() -> list[str]:
    """Each method's cost as a multiple of a plain pass, in lines of Markdown."""
    header = ["this course", "torchcam", "pytorch-grad-cam"]
    lines = [f"| one map | network | {' | '.join(header)} |", "| --- | --- |" + " --: |" * 3]
    for method, theirs, others in FAMILY:
        name = "objects-gap" if method == "Score-CAM" else "resnet18"
        torch.manual_seed(0)
        model, x = network(name, 1)
        tasks = family_tasks(model, x, method, theirs, others)
        with contextlib.redirect_stderr(io.StringIO()):  # one of them draws a progress bar
            seconds = medians(tasks, 3 if method == "Score-CAM" else REPEATS)
        once = seconds.pop("plain")
        cells = [f"{seconds[h] / once:.2f}" if h in seconds else "" for h in header]
        lines.append(f"| {method} | {name} | {' | '.join(cells)} |")
    return lines


def write_family() -> None:
    """Measure the family, print the table, and write it into README.md between the marks."""
    lines = family_table()
    print("\n" + "\n".join(lines), flush=True)
    text = README.read_text("utf8")
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    new = before + MARKS[0] + "\n".join(lines) + "\n" + MARKS[1] + after
    README.write_text(new, "utf8", newline="\n")


def opencv_boxes(M: np.ndarray, which: str) -> list[list[tuple[int, ...]]]:
    """Boxes at 100 thresholds as the WSOL evaluation of CVPR 2020 finds them with OpenCV.

    Of "all" contours, as its MaxBoxAccV2 wants them; of the "largest", as MaxBoxAcc does; or of
    "both", the largest first, which its two measures find in two runs.
    """
    import cv2

    levels = ((M - M.min()) / (M.max() - M.min()) * 255).astype(np.uint8)
    boxes: list[list[tuple[int, ...]]] = []
    for t in localization.FINE:
        _, mask = cv2.threshold(levels, int(t * levels.max()), 255, cv2.THRESH_BINARY)
        contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        largest = [max(contours, key=cv2.contourArea)] if contours and which != "all" else []
        wanted = largest if which == "largest" else [*largest, *contours]
        found = [cv2.boundingRect(contour) for contour in wanted] or [(0, 0, 0, 0)]
        boxes.append([(x, y, x + w, y + h) for x, y, w, h in found])
    return boxes


def print_sweep(n: int = 20, size: int = 224) -> None:
    """Boxes and IoU at 100 thresholds; ours finds the largest and all at once."""
    pictures = sketchbook.objects(n, seed=1)
    maps = maps_at(models.load("objects-gap"), pictures.images, pictures.labels, (size, size))
    box = torch.tensor([40, 60, 180, 200])

    def ours() -> None:
        for M in maps:
            localization.iou_curves(M, box)

    def opencv(which: str) -> None:
        for M in maps.numpy():
            boxes = opencv_boxes(M, which)
            flat = torch.tensor([one for at_once in boxes for one in at_once])
            found = localization.iou(flat, box).numpy()
            ends = np.cumsum([len(at_once) for at_once in boxes])
            [(part[0], part.max()) for part in np.split(found, ends[:-1])]

    tasks: Tasks = {"ours": ours}
    if cv2 := peer("cv2"):
        cv2.setNumThreads(1)
        for which in ("largest", "all", "both"):
            tasks[f"OpenCV, {which}"] = functools.partial(opencv, which)
    seconds = medians(tasks)
    row = "; ".join(f"{name} {s / n * 1000:.2f} ms" for name, s in seconds.items())
    print(f"\nSweep of 100 thresholds over a map of {size}×{size}: {row}", flush=True)


def print_sketchbook(n: int = 200) -> None:
    """Pictures drawn in a second, by one process."""
    seconds = medians({"objects": lambda: sketchbook.objects(n, seed=1)}, repeats=3)
    print(f"\nSketchbook: {n / seconds['objects']:.0f} pictures a second\n", flush=True)


# From an input to the end of the frame that shows it: layout and painting are done when the message
# comes. On the drawing board, too, to the frame with a map of a picture that held it: inputs that
# came while one was computed are in the next one.
WAITED = """(control) => {
    window.waited = {pixels: [], map: []};
    let [computed, next] = [[], []];
    const shown = (times, kind) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => waited[kind].push(...times.map((time) => performance.now() - time));
        port2.postMessage("");
    });
    const told = ({ timeStamp }) => {
        shown([timeStamp], "pixels");
        (computed.length ? next : computed).push(timeStamp);
    };
    const figure = control.closest(".cam-live");
    const kinds = { CANVAS: ["keydown", "pointermove"], SELECT: ["change"], INPUT: ["input"] };
    for (const kind of kinds[control.tagName]) figure.addEventListener(kind, told);
    const score = figure.querySelector("[data-score]");
    if (!score) return;
    const scored = new MutationObserver(() => {
        shown(computed, "map");
        [computed, next] = [next, []];
    });
    scored.observe(score, { attributes: true, attributeFilter: ["data-score"] });
}"""
# What is operated in each figure, by the keys there and back, and whether it is dragged over, too.
CONTROLS = {
    "class": ("select", "ArrowDown", "ArrowUp", False),
    "slider": ("input[type=range]", "ArrowRight", "ArrowLeft", True),
    "map": ("[role=application]", "ArrowRight", "ArrowLeft", True),
}


def print_live(repeats: int = 60) -> None:
    """Milliseconds from an input to the pixels of each live figure, in Chromium, and its size."""
    sync_playwright = getattr(peer("playwright.sync_api"), "sync_playwright", None)
    if sync_playwright is None:
        return print("\nLive figures: playwright is missing")
    system = Path("/usr/bin/chromium")
    with sync_playwright() as p, tempfile.TemporaryDirectory() as folder:
        options = {"executable_path": str(system)} if system.exists() else {}
        browser = p.chromium.launch(args=["--no-sandbox", "--disable-gpu"], **options)
        print("\nLive figures: ms from an input to drawn pixels, median and 95th percentile")
        for title, html in live_figures().items():
            print(f"{title}, {len(html) / 1000:.0f} KB", flush=True)
            path = Path(folder, "figure.html")
            path.write_text(f"<meta charset=utf-8>{html}", "utf8")
            for name, (selector, *how) in CONTROLS.items():
                tab = browser.new_page(viewport={"width": 1000, "height": 900})
                tab.goto(path.as_uri())
                tab.wait_for_selector("[data-state=alive]")
                if tab.locator(selector).count():
                    print_waits(name, tab, tab.locator(selector).last, repeats, *how)
                tab.close()
        browser.close()


def print_waits(
    name: str, tab: Any, control: Any, repeats: int, there: str, back: str, dragged: bool
) -> None:
    """Operate one control by keys and, where it can be, by dragging; one line for each."""
    control.evaluate(WAITED)
    tab.wait_for_timeout(500)  # the board's network goes into its worker

    def report(how: str) -> None:
        tab.wait_for_timeout(300)
        found = tab.evaluate("() => Object.entries(waited).map(([k, v]) => [k, v.splice(0)])")
        for what, ms in found:
            if ms:
                line = f"{median(ms):5.1f} and {np.percentile(ms, 95):5.1f}"
                print(
                    f"{name:>10}, by {how:4} to its {what:6}: {line}  (n = {len(ms)})", flush=True
                )

    for i in range(repeats):
        control.press(there if i % 8 < 4 else back)
    report("keys")
    if not dragged:
        return
    frame = control.bounding_box()
    x, y = frame["x"] + 0.3 * frame["width"], frame["y"] + 0.55 * frame["height"]
    tab.mouse.move(x, y)
    tab.mouse.down()
    for i in range(repeats):
        tab.mouse.move(x + i, y)
    tab.mouse.up()
    report("drag")


def live_figures() -> dict[str, str]:
    """Every kind of live figure as HTML; an explorer of a photograph where there are weights."""
    made: dict[str, str] = {}
    net, pictures = models.load("objects-gap"), sketchbook.objects(20, seed=8)
    picture, box = pictures.images[2], pictures.boxes[2]
    heads = {"GAP": net, "GMP": models.load("objects-gmp")}
    curve = torch.linspace(0.9, 0.1, len(localization.THRESHOLDS))  # its line, whatever it says
    seen = {name: live.variant(one, one.prepare(picture), curve) for name, one in heads.items()}
    figures: Tasks = {
        "explorer": lambda: live.explorer(net, picture),
        "bench": lambda: live.bench(net, picture),
        "switch and thresholds": lambda: live.thresholds(picture, box, seen),
        "paint": lambda: live.paint(net, picture, box),
        "browser": lambda: live.browser(net, pictures),
        "board": lambda: live.board(net),
    }
    if photo_net := models.pretrained():
        astronaut = photos.sample("astronaut")
        figures["explorer, 512 pixels"] = lambda: live.explorer(photo_net, astronaut)
    kept = live_page.display
    for title, show in figures.items():
        keep = functools.partial(made.__setitem__, title)
        live_page.display = lambda bundle, keep=keep, **_: keep(bundle["text/html"])
        try:
            show()
        finally:
            live_page.display = kept
    return made


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


PARTS: dict[str, Callable[[], None]] = {
    "cam": lambda: print_ratios("CAM", cam_tasks),
    "gradcam": lambda: print_ratios("Grad-CAM of one class", gradcam_tasks),
    "family": write_family,
    "sweep": print_sweep,
    "sketchbook": print_sketchbook,
    "live": print_live,
    "notebooks": print_notebooks,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread")
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
