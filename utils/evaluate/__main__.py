"""The command line, and the run over all pictures, in one process or in many."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, redirect_stdout, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, distributed
from tqdm.auto import tqdm

import sketchbook
from utils import cam, checkpoints, evaluate, models, networks, photos, training, valid
from utils.data import DataError, Photographs, cub, imagenet, pets, skipped
from utils.digest import digest, digest_of
from utils.evaluate import blocks, figures, store
from utils.evaluate.measure import How
from utils.networks import CamNetwork
from utils.pictures import Pictures
from utils.store import WeightsError

READERS = {"imagenet": imagenet, "cub": cub, "pets": pets}
SEED, DRAWN = 8, 1000  # of the sketchbook: the test pictures of `make train`
FEW = 32  # pictures tell how a network wants its input


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, or 1 after one sentence on what is wrong."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a ? where the encoding has no ×
    args = _arguments(argv)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    try:
        with _team(world), redirect_stdout(None) if rank else nullcontext():
            return _run(args, rank, world)
    except (DataError, networks.NotACamNetwork, photos.PhotoError, OSError) as error:
        if _first_here():
            print(_said(error, args), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if _first_here():
            print("Stopped. What is measured is kept: the same command goes on from there.")
        return 130


def _said(error: Exception, args: argparse.Namespace) -> str:
    """An error in one sentence; the operating system's own words name no way out."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full: make room in {args.out}, then run the same command again, which "
            f"goes on from there."
        )
    return (
        f"{error.filename2 or error.filename or args.out} cannot be used ({error.strerror}): "
        f"mend or remove it, or choose another --out."
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.data != "sketchbook" and not args.root:
        parser.error(f"--data {args.data} needs --root, the folder that holds it")
    if not 0 <= args.threshold < 1:
        parser.error(f"--threshold is a fraction of the maximum, 0 to below 1: {args.threshold}")
    if args.size is not None and args.size < photos.STRIDE:
        parser.error(f"--size is the side of the input in pixels, {photos.STRIDE} or more")
    if args.pictures is not None and args.pictures < 1:
        parser.error("--pictures is a number from 1 up")
    if args.workers is not None and args.workers < 0:
        parser.error("--workers is a number from 0 up")
    args.network = args.network or ("objects-gap" if args.data == "sketchbook" else "mobilenet_v2")
    return args


def _parser() -> argparse.ArgumentParser:
    about = (evaluate.__doc__ or "").split("\n")[0]
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
    workers = "processes beside this one; 0 for none (as many as processors, 8 at most)"
    add("--workers", type=int, help=workers)
    add("--out", default="results", help="folder for the results (results)")
    add("--download", action="store_true", help="let torchvision fetch the data (pets only)")
    return parser


# ---------------------------------------------------------------- the run


class Measured(NamedTuple):
    """By name: the pictures' rows, and what is wrong with the others."""

    rows: dict[str, store.Row]
    broken: dict[str, str]


def _run(args: argparse.Namespace, rank: int, world: int) -> int:
    with _first_on_each_machine() if args.download else nullcontext():
        data = _data(args)
    with _first_on_each_machine():
        net = _network(args, data.class_names)
    if net is None:
        return 1
    args.size = args.size or (224 if net.prepare is photos.prepare else 112)
    turned = _input_as_trained(args, net, data) if args.weights else None
    names = data.names[: args.pictures]
    folder = Path(args.out) / f"{args.data}-{Path(args.network).stem}-{args.size}"
    settings = _settings(args, data, net, len(names))
    settings |= {} if turned is None else {"transform_input": turned}
    if refusal := _gather(store.claim(folder, settings) if rank == 0 else "")[0]:
        raise DataError(refusal)
    done = _believed(folder, settings)
    missing = [i for i, name in enumerate(names) if name not in done]
    mine = blocks.blocks(missing)[rank::world]
    known, cells = _knows_the_classes(args, net, data), _cells(net, args.size)
    how = How(args.size, args.threshold, args.normalize, known, cells)
    task = blocks.Task(net, data, how)
    fresh, broken = _in_all(lambda: _measure(task, mine, folder, rank, settings, args.workers))
    done |= fresh
    problems = dict(getattr(data, "problems", {}))
    problems |= {name: broken[name] for name in names if name in broken}  # whoever met them
    rows = [done[name] for name in names if name in done]
    if not rows:
        raise DataError(f"Not one picture could be measured. {skipped(problems)}")
    if rank == 0:
        _report(folder, rows, settings, problems)
    _gather(None)
    store.remove_parts(folder)
    return 0


def _believed(folder: Path, settings: store.Settings) -> dict[str, store.Row]:
    """What earlier runs have measured, after one sentence on lines that are not believed."""
    held = _gather(store.found(folder, settings))
    if damaged := max(count for _, count in held):
        several = "lines are" if damaged > 1 else "line is"
        print(
            f"{damaged} {several} damaged or of other settings in {folder}: what is missing is "
            f"measured again."
        )
    return _joined([rows for rows, _ in held])


def _measure(
    task: blocks.Task,
    chosen: Sequence[Sequence[int]],
    folder: Path,
    rank: int,
    settings: store.Settings,
    workers: int | None,
) -> Measured:
    """Measure the chosen blocks of pictures.

    Rows are on disk as soon as they are there: one by one, or with workers block by block.
    """
    rows: dict[str, store.Row] = {}
    broken: dict[str, str] = {}
    count = blocks.workers_for(len(chosen), workers)
    bar = tqdm(total=sum(map(len, chosen)), unit="picture", disable=rank != 0)
    results = blocks.found(task, chosen, _device(), count)
    with store.appending(folder, rank, settings) as write, closing(results), bar:
        for block in results:
            for some in [list(block)] if count else ([one] for one in block):
                fresh = {name: row for name, row in some if not isinstance(row, str)}
                write(list(fresh.values()))
                rows |= fresh
                broken |= {name: why for name, why in some if isinstance(why, str)}
                bar.update(len(some))
    return Measured(rows, broken)


def _knows_the_classes(args: argparse.Namespace, net: CamNetwork, data) -> bool:
    """Whether the network has as many classes as the data; if not, it is said what follows."""
    known = len(net.class_names) == len(data.class_names)
    if not known:
        print(
            f"{Path(args.network).stem} knows {len(net.class_names)} classes, {args.data} has "
            f"{len(data.class_names)}: the map of the class that it prefers is measured, and "
            f"classification is left out. --weights takes a network trained on these classes."
        )
    return known


def _report(folder: Path, rows: list[store.Row], settings: dict, problems: dict[str, str]) -> None:
    summary = figures.summarize(rows, settings["threshold"])
    store.write_results(folder, rows, settings, summary, problems)
    print(figures.table(summary, settings))
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

    known = torchvision.models.list_models(torchvision.models)
    if args.network not in known:
        if args.weights:
            raise DataError(
                f"--weights goes with a torchvision network: give a file of the course's own as "
                f"--network {args.weights}."
            )
        try:
            return models.load(args.network)
        except FileNotFoundError as problem:
            near = valid.near(args.network, known, 2) or ["mobilenet_v2", "resnet18"]
            raise DataError(f"{problem}; of torchvision's, {' or '.join(near)}") from None
        except WeightsError as problem:
            raise DataError(str(problem)) from None
    if not args.weights:
        return models.pretrained(args.network)
    slow = {"init_weights": False} if args.network in ("googlenet", "inception_v3") else {}
    model = torchvision.models.get_model(args.network, num_classes=len(class_names), **slow)
    try:
        checkpoints.load_into(model, args.weights)
    except WeightsError as problem:
        raise DataError(str(problem)) from None
    return networks.cam_network(model, class_names, photos.prepare)


def _input_as_trained(args: argparse.Namespace, net: CamNetwork, data) -> bool | None:
    """Give GoogLeNet and Inception their input as they were trained, and say how; see there."""
    if not hasattr(net.model, "transform_input"):
        return None
    images = []
    for i in range(0, len(data), max(1, len(data) // FEW)):
        with suppress(DataError):  # it is named when its turn comes
            images.append(data[i].image)
    if not images:
        return None
    turned = checkpoints.input_as_trained(net.model, net.prepare(images[:FEW], args.size))
    print(
        f"{args.network} takes its input {'turned' if turned else 'as it is'} "
        f"(transform_input={turned}), for the first norm of these weights was trained so."
    )
    return turned


def _device() -> torch.device:
    """This process's own GPU where there are several."""
    if torch.cuda.is_available():
        number = int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()
        return torch.device("cuda", number)
    return training.best_device()


def _settings(args: argparse.Namespace, data, net: CamNetwork, n: int) -> dict[str, object]:
    """Everything that the numbers depend on."""
    cells = _cells(net, args.size)
    if args.data == "sketchbook":
        root = f"objects, seed {SEED}, {digest([data.images])}"
    else:
        root = str(Path(args.root).expanduser().resolve())
    return {
        "data": args.data,
        "root": root,
        "pictures": n,
        "network": args.network,
        "weights": digest(net.model.state_dict().values()),
        "size": args.size,
        "threshold": args.threshold,
        "normalize": args.normalize,
        "where cells look": cells and [list(side) for side in cells],
        "labels and boxes": digest_of(_truth(data, n)),
    }


def _cells(net: CamNetwork, size: int) -> cam.Cells | None:
    """Where the maps' cells look in any picture, for all are squashed to squares of this size."""
    x = net.prepare(torch.zeros(3, size, size, dtype=torch.uint8), size)
    return net.cells(x.to(next(net.model.parameters()).device))


def _truth(data: Pictures | Photographs, n: int) -> str:
    """What the data set says of the first n pictures; of drawn ones `root` says it."""
    if isinstance(data, Pictures):
        return digest([data.labels, data.boxes, data.masks])
    known = [(e.name, e.label, _listed(e.boxes), e.frame) for e in data.entries[:n]]
    return repr((known, data.class_names))


def _listed(boxes: Tensor | None) -> list | None:
    return None if boxes is None else boxes.tolist()


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
    things: list = [None] * distributed.get_world_size()
    distributed.all_gather_object(things, thing)
    return things


def _in_all(step: Callable[[], Measured]) -> Measured:
    """The results of all processes together. What is wrong in one of them ends all of them."""
    wrong, result = "", Measured({}, {})
    try:
        result = step()
    except (DataError, networks.NotACamNetwork) as error:
        wrong = str(error)
    every = _gather((wrong, *result))
    if sentences := [words for words, *_ in every if words]:
        raise DataError(sentences[0])
    return Measured(*(_joined(parts) for parts in list(zip(*every, strict=True))[1:]))


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


if __name__ == "__main__":
    sys.exit(main())
