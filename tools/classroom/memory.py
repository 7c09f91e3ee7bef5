"""How much memory a submission's processes take together, read from outside; and their end.

A limit holds for one process, and eight processes have eight of them. So the grader adds up what
all take and ends them in time. It reads Linux's /proc, needs no rights but those over its own
processes, and no set-up.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

TOTAL = 2 << 30  # bytes of one submission, all processes together
EVERY = 0.05  # seconds from one look to the next


def below(pid: int) -> list[int]:
    """The children of a process."""
    found: list[int] = []
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def first_of(jail: int) -> int | None:
    """The first process of the submission that a jail attends to: its keeper's only child."""
    return next((one for keeper in below(jail) for one in below(keeper)), None)


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    return [pid, *(one for child in below(pid) for one in family(child))]


def taken(pid: int, most: int) -> int:
    """Bytes that a process and its descendants take, exact where they may be more than `most`.

    Pages that several share count once: each has its part of them. Where that is kept from us, all
    that a process has counts.
    """
    some = family(pid)
    at_most = sum(map(_whole, some))
    return at_most if at_most <= most else sum(map(_part, some))


def _whole(pid: int) -> int:
    return _added(f"/proc/{pid}/status", ("VmRSS:", "VmSwap:"))


def _part(pid: int) -> int:
    try:
        return _added(f"/proc/{pid}/smaps_rollup", ("Pss:", "SwapPss:"))
    except OSError:
        return _whole(pid)


def _added(path: str, names: tuple[str, ...]) -> int:
    """The sum of some lines, in bytes; 0 for a process that has ended."""
    try:
        lines = Path(path).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    words = (line.split() for line in lines)
    return 1024 * sum(int(some[1]) for some in words if some and some[0] in names)


def end(pid: int) -> None:
    """End the first process of a submission, and with it all the others."""
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
