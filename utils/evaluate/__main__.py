"""The command line, and the run over all pictures, in one process or in many."""

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from tqdm.auto import tqdm

import sketchbook
from utils import checkpoints, evaluate, models, networks, photos, training
from utils.data import DataError, Photographs, cub, imagenet, pets, skipped
from utils.digest import digest
from utils.evaluate import figures, measure, store
from utils.networks import CamNetwork
from utils.pictures import Pictures
from utils.store import WeightsError

READERS = {"imagenet": imagenet, "cub": cub, "pets": pets}
SEED, DRAWN = 8, 1000  # of the sketchbook: the test pictures of `make train`


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
            print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if _first_here():
            print("Stopped. What is measured is kept: the same command goes on from there.")
        return 130


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
    add("--out", default="results", help="folder for the results (results)")
    add("--download", action="store_true", help="let torchvision fetch the data (pets only)")
    return parser


# ---------------------------------------------------------------- the run


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
    if refusal := _gather(store.claim(folder, settings) if rank == 0 else "")[0]:
        raise DataError(refusal)
    done = _joined(_gather(store.read_rows(folder)))
    mine = [i for i, name in enumerate(names) if name not in done][rank::world]
    fresh, broken = _measure(args, net, data, mine, folder, rank)
    done |= _joined(_gather(fresh))
    problems = dict(getattr(data, "problems", {})) | _joined(_gather(broken))
    rows = [done[name] for name in names if name in done]
    if not rows:
        raise DataError(f"Not one picture could be measured. {skipped(problems)}")
    if rank == 0:
        _report(folder, rows, settings, problems)
    _gather(None)
    store.remove_parts(folder)
    return 0


def _measure(
    args: argparse.Namespace,
    net: CamNetwork,
    data: Pictures | Photographs,
    chosen: Sequence[int],
    folder: Path,
    rank: int,
) -> tuple[dict[str, store.Row], dict[str, str]]:
    """Measure the chosen pictures, each row written at once: rows and broken files, by name."""
    rows, broken = {}, {}
    net.model.to(_device())
    known = _knows_the_classes(args, net, data)
    with store.appending(folder, rank) as write:
        for i in tqdm(chosen, unit="picture", disable=rank != 0):
            try:
                picture = data[i]
            except DataError as problem:
                broken[data.names[i]] = str(problem)
                continue
            row = measure.measure_picture(
                net, picture, args.size, args.threshold, args.normalize, known
            )
            rows[picture.name] = row
            write(row)
    return rows, broken


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

    if args.network not in torchvision.models.list_models(torchvision.models):
        if args.weights:
            raise DataError(
                f"--weights goes with a torchvision network: give a file of the course's own as "
                f"--network {args.weights}."
            )
        try:
            return models.load(args.network)
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


def _device() -> torch.device:
    """This process's own GPU where there are several."""
    if torch.cuda.is_available():
        number = int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()
        return torch.device("cuda", number)
    return training.best_device()


def _settings(args: argparse.Namespace, data, net: CamNetwork, n: int) -> dict[str, object]:
    """Everything that the numbers depend on."""
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
    }


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
