"""Train every network of the course and run every experiment, three seeds or more: `make train`.

    python -m tools.train                        all of it (about two hours on two cores)
    python -m tools.train objects-gap birds      some of it
    python -m tools.train objects-gap --seeds 0  one seed

Weights of seed 0 go to utils/weights/NAME.safetensors and their hashes into the list beside them,
the figures of all seeds to
utils/results.json, after every seed, so an interruption loses one seed at most.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from utils import models, results, store
from utils.experiments import (
    attention,
    backbone,
    birds,
    objects,
    phrases,
    questions,
    sanity,
    scenes,
    shortcut,
    teaching,
    text,
)

TASKS = {
    "birds": birds.birds,
    "text": text.text,
    "questions": questions.questions,
    "scenes": scenes.scenes,
    "phrases": phrases.phrases,
}


def train_objects(name: str, seed: int) -> dict:
    """One of the networks that name ten things, trained, measured and (seed 0) stored."""
    start = time.perf_counter()
    network, seen = objects.train(name, seed)
    seconds = round(time.perf_counter() - start)
    if seed == 0 and network.head != "fc":  # 6 MB of fully connected weights stay out
        path = models.WEIGHTS / f"{name}.safetensors"
        models.save(network, path, objects.OBJECTS[name], seen.class_names)
        list_weights()
    return objects.measure(network, seen) | {"seconds": seconds}


def train_backbone(seed: int) -> dict:
    """The network whose features notebooks 06 to 09 build on."""
    start = time.perf_counter()
    network = backbone.train(seed=seed)
    seconds = round(time.perf_counter() - start)
    if seed == 0:
        path = models.WEIGHTS / f"{backbone.NAME}.safetensors"
        models.save(network, path, backbone.CONFIG, backbone.LABELS)
        list_weights()
    return backbone.measure(network) | {"seconds": seconds}


def train_sanity(name: str, seed: int) -> dict:
    """A network that notebook 10 looks into, trained, measured and (seed 0) stored."""
    start = time.perf_counter()
    train, config = SANITY[name]
    network, seen = train(seed)
    seconds = round(time.perf_counter() - start)
    if seed == 0:
        models.save(network, models.WEIGHTS / f"{name}.safetensors", config, seen.class_names)
        list_weights()
    return sanity.measure(network, seen) | {"seconds": seconds}


def train_shortcut(seed: int) -> dict:
    """Four networks that learn from the same pictures, dressed in four ways; three are shipped."""
    trained = shortcut.networks_of(seed)
    if seed == 0:
        for name in shortcut.SHIPPED:
            path = models.WEIGHTS / f"shortcut-{name}.safetensors"
            models.save(trained[name], path, shortcut.CONFIG, shortcut.CLASSES)
        list_weights()
    return shortcut.measure(trained, seed)


def list_weights(folder: Path = models.WEIGHTS) -> None:
    """Write the list that the files of weights are verified by, as sha256sum would."""
    files = sorted(folder.glob("*.safetensors"))
    lines = [f"{store.sha256(file)}  {file.name}\n" for file in files]
    (folder / store.LIST).write_bytes("".join(lines).encode())


SANITY = {
    "objects-fc-s16": (sanity.train_fc, sanity.FC),
    "objects-gap-shuffled": (sanity.train_shuffled, sanity.SHUFFLED),
}


def run_task(name: str, seed: int) -> dict:
    """A task on the features of the backbone that is shipped: new pictures for each seed."""
    return TASKS[name](models.load(backbone.NAME), seed)


JOBS: dict[str, Callable[[int], dict]] = {
    **{name: partial(train_objects, name) for name in objects.OBJECTS},
    backbone.NAME: train_backbone,
    **{name: partial(train_sanity, name) for name in SANITY},
    **{name: partial(run_task, name) for name in TASKS},
    "shortcut": train_shortcut,
    "sanity": sanity.measure_tests,
    "attention": attention.attending,
    "teaching": teaching.teaching,
}


SEEDS = {"birds": 6, "phrases": 6}  # cheap, and much hangs on them; all others have three


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(JOBS)}; all if none is given")
    parser.add_argument("--seeds", type=int, nargs="+", help="numbers of seeds: 0 to 2, or to 5")
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(JOBS):
        parser.error(f"no such job: {', '.join(sorted(unknown))}. There are: {', '.join(JOBS)}")
    for name in args.names or JOBS:
        for seed in args.seeds or range(SEEDS.get(name, 3)):
            figures = JOBS[name](seed)
            results.record(name, seed, figures)
            print(f"{name}, seed {seed}: {figures}", flush=True)


if __name__ == "__main__":
    main()
