"""How much memory a submission's processes take together, read from outside; and their end.

A limit holds for one process, and eight processes have eight of them. So the grader adds up what
all take and ends them in time. It reads Linux's /proc, needs no rights but those over its own
processes, and no set-up.

Between two looks they may take more. Where the grader may make a control group, the kernel holds
them all to a limit of its own, a little higher, at once.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

TOTAL = 2 << 30  # bytes of one submission, all processes together
EVERY = 0.05  # seconds from one look to the next
MORE = 1.25  # times that, for a control group: it counts files in memory and the kernel's own, too
LIMITS = {  # of a control group, by the kind of its file system: memory, then memory and swap
    "cgroup": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "cgroup2": ("memory.max", "memory.swap.max"),
}
ENDED = ("memory.oom_control", "memory.events")  # say how many processes the kernel has ended
NUMBER = count()


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


# ---------------------------------------------------------------- the kernel's own limit


class Group:
    """A control group for a jail's submissions, which the kernel holds to a limit. Close it.

    Raises OSError where none can be made, which is so for most ordinary users.
    """

    def __init__(self, total: int) -> None:
        problem = OSError("there are no control groups here")
        for kind, above in _parents():
            self.path = above / f"grading-{os.getpid()}-{next(NUMBER)}"
            try:
                self.path.mkdir()
            except OSError as why:
                problem = why
                continue
            try:
                self._hold(kind, int(MORE * total))
                return
            except OSError as why:
                problem = why
                self.close()
        raise problem

    def _hold(self, kind: str, most: int) -> None:
        """Set the limit, and see whether a process can be put under it."""
        self.limit, with_swap = LIMITS[kind]
        (self.path / self.limit).write_text(str(most))
        with suppress(OSError):  # a kernel that does not count swap
            (self.path / with_swap).write_text(str(most if kind == "cgroup" else 0))
        try_it = ["/bin/sh", "-c", 'echo 0 > "$0"', str(self.joins)]
        if subprocess.run(try_it, stderr=subprocess.DEVNULL).returncode:
            raise PermissionError("no process can be put into a control group of ours")

    @property
    def joins(self) -> Path:
        """The file that a process writes 0 into to be in the group."""
        return self.path / "cgroup.procs"

    def ended(self) -> int:
        """How many processes the kernel has ended, since they went over the limit."""
        for name in ENDED:
            with suppress(OSError):
                lines = (line.split() for line in (self.path / name).read_text().splitlines())
                return sum(int(some[1]) for some in lines if some[0] == "oom_kill")
        return 0

    def close(self) -> None:
        """Take the group away; its last processes may take a moment to be gone."""
        for _ in range(40):
            try:
                self.path.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(EVERY)


def _parents(proc: Path = Path("/proc/self")) -> Iterator[tuple[str, Path]]:
    """Groups in which another may be made, with the kind of their file system, nearest first.

    Of the old kind it is our own. Of the new kind it is one above, for a group that holds
    processes has no groups with limits in it; and only such as hand their memory on.
    """
    for kind, place, mine in _mounted(proc):
        if kind == "cgroup":
            yield kind, place / mine
            continue
        for path in [place / mine, *(place / mine).parents]:
            with suppress(OSError):
                if "memory" in (path / "cgroup.subtree_control").read_text().split():
                    yield kind, path
            if path == place:
                break


def _mounted(proc: Path) -> Iterator[tuple[str, Path, str]]:
    """Kind and place of each tree of groups that may limit memory, and where we are in it."""
    with suppress(OSError, ValueError):
        ours = {}
        for line in (proc / "cgroup").read_text().splitlines():
            _, limits, path = line.split(":", 2)
            ours["cgroup" if limits else "cgroup2", "memory" in limits.split(",")] = path
        for line in (proc / "mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            top, place = before.split(" ")[3:5]
            path = ours.get((kind, kind == "cgroup"))
            if path and (kind == "cgroup2" or "memory" in options.split(",")):
                mine = os.path.relpath(path, top)
                if ".." not in [*path.split("/"), *mine.split("/")]:  # what is mounted holds us
                    yield kind, Path(place), mine
