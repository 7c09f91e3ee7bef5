"""How well does a network classify and localize? Measured on drawn pictures or real data sets.

    python -m utils.evaluate --data sketchbook
    python -m utils.evaluate --data imagenet --root ~/imagenet --network resnet50
    torchrun --nproc_per_node=4 -m utils.evaluate --data cub --root ~/data --network resnet50

Each picture is squashed to the input size; the map of its true class is enlarged to the picture and
thresholded, and the box of the largest component is compared with the true boxes (notebook 05).
Where the data have masks (the sketchbook, pets, CUB with its segmentations), PxAP is measured too.
Results go to OUT/DATA-NETWORK-SIZE/: pictures.csv with a line for each picture, summary.json with
the table. A run that was stopped goes on where it was. Under torchrun the pictures are shared out
over processes, GPUs and machines; each takes them one by one, so the numbers stay the same.
"""

import argparse
import base64
import csv
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed
from torch.nn import functional
from tqdm.auto import tqdm

import sketchbook
from utils import cam, localization, models, networks, photos, training
from utils.data import DataError, Photographs, cub, imagenet, pets, skipped
from utils.networks import CamNetwork
from utils.pictures import Picture, Pictures

READERS = {"imagenet": imagenet, "cub": cub, "pets": pets}
SEED, DRAWN = 8, 1000  # of the sketchbook: the test pictures of `make train`
FRAME = 224  # pixels: side of the frame of MaxBoxAcc and PxAP, as in the WSOL evaluation
SIDES = tuple(round(0.01 * i, 2) for i in range(1, 101))  # of the centred box
CURVES = ("largest_50", "any_30", "any_50", "any_70", "centred_50")  # x where found, . where not
PIXELS = ("pixels", "pixels_centred")  # counts of pixels, packed
COLUMNS = (
    "name", "label", "rank", "predicted", "x0", "y0", "x1", "y1", "iou", "found", "whole", *CURVES,
    *PIXELS,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, or 1 after one sentence on what is wrong."""
    args = _arguments(argv)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    try:
        with _team(world), redirect_stdout(None) if rank else nullcontext():
            return _run(args, rank, world)
    except (DataError, networks.NotACamNetwork, photos.PhotoError, OSError) as error:
        if _first_here():
            print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if _first_here():
            print("Stopped. What is measured is kept: the same command goes on from there.")
        return 130


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    about = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m utils.evaluate", description=about)
    add = parser.add_argument
    add("--data", choices=("sketchbook", "imagenet", "cub", "pets"), required=True)
    add("--root", help="the folder that holds the data (not for the sketchbook)")
    add("--network", help="a torchvision classifier, or one of the course's, such as objects-gap")
    add("--weights", help="state dict of a torchvision network trained on these very classes")
    add("--size", type=int, help="side of the network's input in pixels: 224; 112 for the course's")
    add("--threshold", type=float, default=0.2, help="fraction of the map's maximum (0.2)")
    scaling = (
        "before the threshold: minmax (the default) as MaxBoxAcc and most published figures have "
        "it, so one rule holds for the whole table; max as the paper has it, negative cut off"
    )
    add("--normalize", choices=("minmax", "max"), default="minmax", help=scaling)
    add("--pictures", type=int, help="measure the first so many pictures only")
    add("--out", default="results", help="folder for the results (results)")
    add("--download", action="store_true", help="let torchvision fetch the data (pets only)")
    args = parser.parse_args(argv)
    if args.data != "sketchbook" and not args.root:
        parser.error(f"--data {args.data} needs --root, the folder that holds it")
    if not 0 <= args.threshold < 1:
        parser.error(f"--threshold is a fraction of the maximum, 0 to below 1: {args.threshold}")
    if args.size is not None and args.size < photos.STRIDE:
        parser.error(f"--size is the side of the input in pixels, {photos.STRIDE} or more")
    if args.pictures is not None and args.pictures < 1:
        parser.error("--pictures is a number from 1 up")
    args.network = args.network or ("objects-gap" if args.data == "sketchbook" else "mobilenet_v2")
    return args


def _run(args: argparse.Namespace, rank: int, world: int) -> int:
    with _first_on_each_machine() if args.download else nullcontext():
        data = _data(args)
    with _first_on_each_machine():
        net = _network(args, data.class_names)
    if net is None:
        return 1
    args.size = args.size or (224 if net.prepare is photos.prepare else 112)
    names = data.names[: args.pictures]
    folder = Path(args.out) / f"{args.data}-{Path(args.network).stem}-{args.size}"
    settings = _settings(args, data, net, len(names))
    if refusal := _gather(_claim(folder, settings) if rank == 0 else "")[0]:
        raise DataError(refusal)
    done = _joined(_gather(_read_rows(folder)))
    mine = [i for i, name in enumerate(names) if name not in done][rank::world]
    net.model.to(_device())
    one = partial(measure, net, size=args.size, threshold=args.threshold, how=args.normalize)
    known = len(net.class_names) == len(data.class_names)
    if not known:
        print(
            f"{Path(args.network).stem} knows {len(net.class_names)} classes, {args.data} has "
            f"{len(data.class_names)}: the map of the class that it prefers is measured, and "
            f"classification is left out. --weights takes a network trained on these classes."
        )
    part = folder / f"part-{rank}.csv"
    fresh, broken = _measure_all(partial(one, known=known), data, mine, part, bar=rank == 0)
    done |= _joined(_gather(fresh))
    problems = dict(getattr(data, "problems", {})) | _joined(_gather(broken))
    rows = [done[name] for name in names if name in done]
    if not rows:
        raise DataError(f"Not one picture could be measured. {skipped(problems)}")
    if rank == 0:
        _report(folder, rows, settings, problems)
    _gather(None)
    for part in folder.glob("part-*.csv"):  # all of it stands in pictures.csv now
        part.unlink(missing_ok=True)
    return 0


def _report(folder: Path, rows: list[dict], settings: dict, problems: dict[str, str]) -> None:
    """Write pictures.csv and summary.json, print the table."""
    summary = summarize(rows)
    _write_rows(folder / "pictures.csv", rows)
    text = json.dumps({"settings": settings, "per cent": summary, "left out": problems}, indent=1)
    (folder / "summary.json").write_text(text + "\n", encoding="utf8")
    print(table(summary, settings))
    if problems:
        print(skipped(problems))
    print(f"Written to {folder}: pictures.csv, summary.json")


# ---------------------------------------------------------------- what is measured


def _data(args: argparse.Namespace) -> Pictures | Photographs:
    if args.data == "sketchbook":
        return sketchbook.objects(args.pictures or DRAWN, seed=SEED)
    options = {"download": args.download} if args.data == "pets" else {}
    return READERS[args.data](args.root, **options)


def _network(args: argparse.Namespace, class_names: Sequence[str]) -> CamNetwork | None:
    """The network; None if its weights cannot be had, which `models.pretrained` has explained."""
    import torchvision

    if args.network not in torchvision.models.list_models(torchvision.models):
        return models.load(args.network)
    if not args.weights:
        return models.pretrained(args.network)
    model = torchvision.models.get_model(args.network, num_classes=len(class_names))
    try:
        model.load_state_dict(torch.load(args.weights, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise DataError(f"There is no file {args.weights}.") from None
    except Exception as error:  # not a state dict, or that of another network
        raise DataError(
            f"{args.weights} is not the state dict of a {args.network} with {len(class_names)} "
            f"classes: {str(error).splitlines()[0]}"
        ) from None
    net = networks.cam_network(model, class_names)
    return CamNetwork(net.model, net.class_names, photos.prepare)


def _device() -> torch.device:
    """This process's own GPU where there are several."""
    if torch.cuda.is_available():
        number = int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()
        return torch.device("cuda", number)
    return training.best_device()


def _settings(args: argparse.Namespace, data, net: CamNetwork, n: int) -> dict:
    """Everything that the numbers depend on."""
    drawn = args.data == "sketchbook"
    return {
        "data": args.data,
        "root": f"objects, seed {SEED}, {_digest([data.images])}" if drawn else str(_root(args)),
        "pictures": n,
        "network": args.network,
        "weights": _digest(net.model.state_dict().values()),
        "size": args.size,
        "threshold": args.threshold,
        "normalize": args.normalize,
    }


def _root(args: argparse.Namespace) -> Path:
    return Path(args.root).expanduser().resolve()


def _digest(tensors: Iterable[Tensor]) -> str:
    """A short word that changes when any number does."""
    sha = hashlib.sha256()
    for tensor in tensors:
        sha.update(tensor.detach().cpu().contiguous().numpy())
    return sha.hexdigest()[:12]


# ---------------------------------------------------------------- one picture, all pictures


def measure(
    net: CamNetwork, picture: Picture, size: int, threshold: float, how: str, known: bool = True
) -> dict[str, str]:
    """One line of pictures.csv, by the names in COLUMNS.

    `known` says that the network's classes are those of the data; if not, the map is that of the
    class with the highest score. Of the columns,
    rank        place of the true class among all, 1 for the best; empty if the network has others
    predicted   the class with the highest score
    x0 ... y1   the box, in pixels of the picture; `iou` and `found` (IoU >= 0.5, 1 or 0) judge it
    whole       1 if the box of the whole picture would be found
    largest_50, any_30, any_50, any_70   a mark for each threshold of `localization.FINE`: x where
                the box of the largest, or of any component has an IoU of 0.5, 0.3, 0.5, 0.7 at
                least, the map scaled by minmax in a frame of 224 x 224
    centred_50  a mark for each of SIDES: x where the centred box of that side has IoU >= 0.5
    pixels, pixels_centred   empty without a mask; `localization.pixel_counts` of the map, and of a
                Gaussian in the middle, against the mask in that frame, packed. Summed over the
                pictures they give PxAP, whichever process measured them, and when
    """
    size_hw = picture.image.shape[1:]
    p = net.forward_pass(_input(net, picture.image, size).to(next(net.model.parameters()).device))
    S, best = p.S.float().cpu(), int(p.S.argmax())
    M = cam.class_maps(p.f, p.w, picture.label if known else best).float().cpu()
    box = localization.box_from_map(cam.upsample(M, size_hw)[0, 0], threshold, how)
    fit = localization.best_iou(box[None], [picture.boxes]).item()
    rank = int(localization.ranks(S, torch.tensor([picture.label]))) if known else ""
    values = picture.name, picture.label, rank, best, *box.tolist(), round(fit, 4), int(fit >= 0.5)
    curves = _curves(M, picture.boxes, *size_hw)
    whole = int(curves[-1][-1])  # the centred box of side 1
    marks = ("".join("x" if found else "." for found in curve) for curve in curves)
    pixels = map(_packed, _pixels(M, picture))
    return dict(zip(COLUMNS, map(str, (*values, whole, *marks, *pixels)), strict=True))


def _curves(M: Tensor, boxes: Tensor, h: int, w: int) -> tuple[Tensor, ...]:
    """What is found at each threshold, and at each side of the centred box; see CURVES."""
    in_frame = boxes * FRAME / torch.tensor([w, h, w, h])
    largest, any_ = localization.iou_curves(cam.upsample(M, (FRAME, FRAME))[0, 0], in_frame)
    centred = localization.iou(localization.centred_boxes(h, w, SIDES)[:, None], boxes).amax(1)
    return largest >= 0.5, any_ >= 0.3, any_ >= 0.5, any_ >= 0.7, centred >= 0.5


def _pixels(M: Tensor, picture: Picture) -> tuple[Tensor | None, ...]:
    """The pixel counts of the map and of the centred Gaussian; None for both without a mask."""
    if picture.mask is None:
        return None, None
    mask, ignore = (
        None if pixels is None else _in_frame(pixels) for pixels in (picture.mask, picture.ignore)
    )
    maps = cam.upsample(M, (FRAME, FRAME))[0], localization.centred_map(FRAME, FRAME)[None]
    return tuple(localization.pixel_counts(m, mask, ignore) for m in maps)


def _in_frame(pixels: Tensor) -> Tensor:
    """Marked pixels in the frame, each taking its nearest one: (h, w) bool -> (1, FRAME, FRAME)."""
    return functional.interpolate(pixels[None, None].float(), (FRAME, FRAME))[0] > 0


def _packed(counts: Tensor | None) -> str:
    """Whole numbers (2, T) as a short word; "" for None."""
    if counts is None:
        return ""
    return base64.b64encode(zlib.compress(counts.numpy().astype("<i4").tobytes())).decode()


def _unpacked(word: str) -> Tensor:
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(word)), "<i4")
    return torch.from_numpy(numbers.astype(np.int64)).reshape(2, -1)


def _input(net: CamNetwork, image: Tensor, size: int) -> Tensor:
    """The whole picture, squashed to size x size: (3, h, w) uint8 -> (1, 3, size, size)."""
    if net.prepare is photos.prepare:
        return photos.prepare(image, size)
    return functional.interpolate(net.prepare(image), (size, size), mode="bilinear", antialias=True)


def _measure_all(
    measure_one: Callable[[Picture], dict], data, chosen: Sequence[int], part: Path, bar: bool
) -> tuple[dict[str, dict], dict[str, str]]:
    """Measure the chosen pictures, each line written at once: lines and broken files, by name."""
    rows, broken = {}, {}
    with _appending(part) as write:
        for i in tqdm(chosen, unit="picture", disable=not bar):
            try:
                picture = data[i]
            except DataError as problem:
                broken[data.names[i]] = str(problem)
                continue
            rows[picture.name] = measure_one(picture)
            write(rows[picture.name])
    return rows, broken


# ---------------------------------------------------------------- the table


def summarize(rows: Sequence[dict]) -> dict:
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


def _pixel_figures(rows: Sequence[dict]) -> dict:
    """PxAP, and that of maps that have not seen the picture; nothing where masks are missing."""
    if not all(row["pixels"] for row in rows):
        return {}
    own, centred = (sum(_unpacked(row[name]) for row in rows) for name in PIXELS)
    if not own[1].any():  # objects too small for a pixel of the frame
        return {}
    return {
        "PxAP": round(100 * localization.average_precision(own), 2),
        "PxAP of a centred Gaussian": round(100 * localization.average_precision(centred), 2),
        "PxAP of a flat map": round(100 * (own[1].sum() / own.sum()).item(), 2),
    }


def _marks(rows: Sequence[dict], column: str) -> Tensor:
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


# ---------------------------------------------------------------- files


def _claim(folder: Path, settings: dict) -> str:
    """Make the folder this run's own; a sentence if it holds results of other settings."""
    file = folder / "settings.json"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf8")
        return ""
    old = json.loads(file.read_text("utf8"))
    other = [f"{k} {old.get(k)}, not {v}" for k, v in settings.items() if old.get(k) != v]
    if not other:
        return ""
    return (
        f"{folder} holds results of other settings ({'; '.join(other)}). Choose another --out, or "
        f"delete that folder to start anew."
    )


def _read_rows(folder: Path) -> dict[str, dict]:
    """What earlier runs have measured, by name; a line that was being written does not count."""
    rows = {}
    for file in (folder / "pictures.csv", *sorted(folder.glob("part-*.csv"))):
        if file.is_file():
            text = file.read_bytes().decode("utf8", "replace")
            lines = csv.DictReader(text[: text.rfind("\n")].split("\n"))
            rows |= {r["name"]: r for r in lines if all(isinstance(r.get(c), str) for c in COLUMNS)}
    return rows


def _write_rows(file: Path, rows: Iterable[dict]) -> None:
    """All lines at once: the old file stays until the new one is complete."""
    new = file.with_suffix(".new")
    with open(new, "w", newline="", encoding="utf8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(new, file)


@contextmanager
def _appending(file: Path) -> Iterator[Callable[[dict], None]]:
    """Give a function that adds a line to the file, and has it on disk before it returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = file.read_bytes() if file.is_file() else b""
    if not kept.endswith(b"\n"):  # a line that was being written is cut off
        file.touch()
        os.truncate(file, kept.rfind(b"\n") + 1)
    with open(file, "a", newline="", encoding="utf8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if b"\n" not in kept:
            writer.writeheader()

        def write(row: dict) -> None:
            writer.writerow(row)
            stream.flush()

        yield write


# ---------------------------------------------------------------- several processes


@contextmanager
def _team(world: int) -> Iterator[None]:
    """Join the other processes that torchrun started; alone, nothing happens."""
    if world > 1:
        distributed.init_process_group("gloo", timeout=timedelta(days=1))
    try:
        yield
    finally:
        if world > 1:
            distributed.destroy_process_group()


def _gather(thing: object) -> list:
    """What each process gives here, in all of them; so they wait for each other."""
    if not distributed.is_available() or not distributed.is_initialized():
        return [thing]
    things = [None] * distributed.get_world_size()
    distributed.all_gather_object(things, thing)
    return things


def _joined(parts: Sequence[dict]) -> dict:
    return {key: value for part in parts for key, value in part.items()}


@contextmanager
def _first_on_each_machine() -> Iterator[None]:
    """One process of each machine goes ahead, so that a download happens once."""
    if not _first_here():
        _gather(None)
    try:
        yield
    finally:
        if _first_here():
            _gather(None)


def _first_here() -> bool:
    return int(os.environ.get("LOCAL_RANK", 0)) == 0
