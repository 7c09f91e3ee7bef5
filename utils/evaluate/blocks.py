"""Pictures in blocks of 16: read, seen by the network and judged, in one process or in several.

Sums of floats depend in their last digits on how many pictures pass a network together, and on how
many threads add them up. So a picture's row would depend on its company; that it does not, whatever
the number of workers and processes and wherever a run was interrupted, rests on three rules:
    a picture passes in the same place of the same block always, which its number says;
    a pass has the same size always: places without a picture are filled with another one;
    on a CPU every process computes in one thread, and more speed comes from more processes.
(On 300 photographs passes of 1 and of 16 gave scores and maps 7e-5 apart at most, and equal rows.
That is luck, not a rule.) Rows from a CPU and from a GPU may differ.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from multiprocessing import connection
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from utils.data import DataError, Photographs
from utils.evaluate import measure, store
from utils.evaluate.measure import How, Truth
from utils.networks import CamNetwork, NotACamNetwork
from utils.pictures import Pictures

BLOCK = 16  # pictures
ON_CPU = 4  # pictures in a pass on a CPU: larger ones fall out of its cache, and cost up to twice
MOST = 8  # workers that start unasked
KEEP_MEMORY = {  # glibc keeps a pass's memory for the next; giving it back costs a fifth more
    "MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000",
}  # fmt: skip

Found = tuple[str, store.Row | str]  # a picture's name, and its row or why there is none
Submit = Callable[..., Callable[[], object]]  # a step and its arguments -> a function that waits


class Task(NamedTuple):
    """What every process has to know."""

    net: CamNetwork
    data: Pictures | Photographs
    asked: How


class Block(NamedTuple):
    """Some pictures of one block, ready for the network."""

    numbers: list[int]  # of the n readable ones, rising
    labels: list[int]
    x: np.ndarray | None  # (n, c, size, size)
    truths: bytes  # pickled: who passes it on need not unpack it
    problems: list[Found]  # of the others


def blocks(missing: Iterable[int]) -> list[list[int]]:
    """Numbers of pictures, rising -> those of each block that has any."""
    held: dict[int, list[int]] = {}
    for number in missing:
        held.setdefault(number // BLOCK, []).append(number)
    return list(held.values())


# ---------------------------------------------------------------- the steps


def load(task: Task, numbers: Sequence[int]) -> Block:
    """Read some pictures of one block and make the network's input of them."""
    pictures = {}
    problems: list[Found] = []
    for number in numbers:
        try:
            pictures[number] = task.data[number]
        except DataError as problem:
            name = task.data.names[number]
            problems.append((name, str(problem).removeprefix(f"{name}: ")))
    images = [picture.image for picture in pictures.values()]
    x = task.net.prepare(images, task.asked.size).numpy() if images else None
    truths = pickle.dumps([measure.truth_of(picture) for picture in pictures.values()])
    labels = [picture.label for picture in pictures.values()]
    return Block(list(pictures), labels, x, truths, problems)


def look(task: Task, block: Block, device: torch.device) -> tuple[np.ndarray, ...]:
    """The scores (n, C) and own maps (n, 1, H, W) of a block's n pictures; none of no pictures."""
    if block.x is None:
        return ()
    x = torch.from_numpy(block.x)
    row_of = {number % BLOCK: row for row, number in enumerate(block.numbers)}
    seen, step = [], ON_CPU if device.type == "cpu" else BLOCK
    for start in range(0, BLOCK, step):
        here = [place for place in range(start, start + step) if place in row_of]
        if here:
            rows = [row_of.get(place, row_of[here[0]]) for place in range(start, start + step)]
            S, M = _pass(task, block, x, rows, device)
            seen.append((S[[p - start for p in here]], M[[p - start for p in here]]))
    return tuple(torch.cat(parts).numpy() for parts in zip(*seen, strict=True))


def _pass(task: Task, block: Block, x: Tensor, rows: list[int], device: torch.device):
    try:
        labels = [block.labels[row] for row in rows]
        return measure.seen(task.net, _on(device, x[rows]), labels, task.asked)
    except NotACamNetwork:
        raise
    except ValueError as error:  # NaN or infinity
        raise DataError(_whose(task, block, x, rows, device, error)) from None


def _on(device: torch.device, x: Tensor) -> Tensor:
    """A batch where the network is; on a CPU channels last, which costs a tenth to a third less."""
    layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    return x.to(device, memory_format=layout)


def _whose(task: Task, block: Block, x: Tensor, rows, device, error: ValueError) -> str:
    """The error's sentence, with the picture named unless the weights themselves are wrong."""
    weights = task.net.model.state_dict().values()
    if not all(bool(t.isfinite().all()) for t in weights if t.is_floating_point()):
        return str(error)
    for row in dict.fromkeys(rows):
        try:
            measure.seen(task.net, _on(device, x[[row]]), [block.labels[row]], task.asked)
        except ValueError as own:
            return f"{task.data.names[block.numbers[row]]}: {own}"
    return str(error)


def judge(task: Task, block: Block, seen: tuple[np.ndarray, ...]) -> Iterator[Found]:
    """The rows of a block's pictures, one by one, and what was wrong with the others."""
    yield from block.problems
    truths: list[Truth] = pickle.loads(block.truths)
    for truth, *arrays in zip(truths, *seen, strict=True):
        S, M = map(torch.from_numpy, arrays)
        try:
            yield truth.name, measure.row(S, M, truth, task.asked)
        except ValueError as error:  # a map of NaN
            raise DataError(f"{truth.name}: {error}") from None


def whole(task: Task, numbers: Sequence[int]) -> Iterator[Found]:
    """All three steps on this processor."""
    block = load(task, numbers)
    return judge(task, block, look(task, block, torch.device("cpu")))


# ---------------------------------------------------------------- all blocks


def found(
    task: Task, chosen: Sequence[Sequence[int]], device: torch.device, workers: int
) -> Generator[Iterable[Found], None, None]:
    """What is found in each block, in order: rows one by one as they come, without workers.

    A CPU's workers do all of the work. Beside a GPU they read and judge, and this process does
    nothing but pass what they have read through the network. Raises DataError where the network
    gives NaN or infinity, and where a worker was ended from outside.
    """
    try:
        yield from _found(task, chosen, device, workers, alone=device.type == "cpu")
    except BrokenExecutor:
        raise DataError(
            "A worker was ended from outside, perhaps for want of memory. What is measured is "
            "kept: the same command with --workers 1 goes on from there."
        ) from None


def _found(
    task: Task, chosen, device: torch.device, workers: int, alone: bool
) -> Iterator[Iterable[Found]]:
    if alone:
        task.net.model.to(memory_format=torch.channels_last)
    theirs = task if alone else task._replace(net=replace(task.net, model=torch.nn.Identity()))
    ahead = 2 * workers + 1  # blocks under way: enough that nobody waits, few enough to be kept
    with _crew(theirs, workers) as submit:
        if alone:
            yield from _in_order((submit(whole, numbers) for numbers in chosen), ahead)
            return
        task.net.model.to(device)
        read = _in_order((submit(load, numbers) for numbers in chosen), ahead)
        passed = (submit(judge, b, look(task, b, device)) for b in map(_block, read))
        yield from _in_order(passed, ahead)


def _block(thing: object) -> Block:
    return cast(Block, thing)


def _in_order(waits: Iterator[Callable[[], object]], ahead: int) -> Iterator:
    """The results in order, with `ahead` of them under way."""
    under_way = deque(islice(waits, ahead))
    while under_way:
        result = under_way.popleft()()
        under_way.extend(islice(waits, 1))
        yield result


def workers_for(n_blocks: int, asked: int | None = None) -> int:
    """How many workers are worth their start, in each of this machine's processes of torchrun."""
    if asked is not None:
        return min(asked, n_blocks)
    mine = _cpus() // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    wanted = min(MOST, mine, n_blocks // 8)
    return wanted if wanted > 1 or torch.cuda.is_available() else 0


def _cpus() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# ---------------------------------------------------------------- worker processes


@contextmanager
def _crew(task: Task, workers: int) -> Iterator[Submit]:
    """Worker processes that know the task; with 0 workers this process does the work itself."""
    if workers == 0:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield lambda step, *args: partial(step, task, *args)
        finally:
            torch.set_num_threads(threads)
        return
    # Pickled here and once: tensors that multiprocessing pickles take a file of shared memory each.
    payload = pickle.dumps(task)
    context = _context(task)
    listen, alive = context.Pipe(duplex=False)
    with _deaf(), _environment(KEEP_MEMORY):
        pool = ProcessPoolExecutor(workers, context, _begin, (payload, listen))
        for _ in range(workers):
            pool.submit(int)  # starts them
    try:
        yield lambda step, *args: pool.submit(_own, step, *args).result
        pool.shutdown()
    finally:
        alive.close()  # whatever they are at, they end at once
        pool.shutdown(cancel_futures=True)


def _context(task: Task):
    """Processes that start fresh: copies of a process with threads, or with a GPU, may hang."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Imported once, so that workers begin at once:
    context.set_forkserver_preload(["utils.evaluate.__main__", type(task.net.model).__module__])
    return context


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C goes to every process of a terminal; those that start in here do not hear it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _environment(words: Mapping[str, str]) -> Iterator[None]:
    """Variables for processes that start in here; those that are set already stay as they are."""
    new = {name: word for name, word in words.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


_task: Task  # of a worker


def _begin(payload: bytes, listen: connection.Connection) -> None:
    """A worker's first step."""
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(listen,), daemon=True).start()
    torch.set_num_threads(1)
    _task = pickle.loads(payload)


def _end_with(listen: connection.Connection) -> None:
    """End this process when the one that started it closes its end of the pipe, or is killed."""
    connection.wait([listen])
    os._exit(1)


def _own(step: Callable, *args) -> object:
    """A step in a worker; what comes one by one goes back as a whole."""
    result = step(_task, *args)
    return result if isinstance(result, Block) else list(result)
