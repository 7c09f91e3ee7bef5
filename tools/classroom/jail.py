"""The process that runs students' code: it shuts itself in, then forks once for each submission.

Started by `tools.classroom.sandbox`, never by hand. In here are the system's and Python's own
files, the installed packages, `utils` and `sketchbook`, all read-only, and an empty /tmp for each
submission; no network, no other processes, no /proc, no solutions, no gradebook, nobody else's
work. Requests come in as lines of JSON, answers go out the same way. Nothing that comes from a
student is unpickled or believed: the grader outside reads numbers and compares them.

Not protected: the processor and the kernel are shared, so a fault in the kernel is a way out; and
whatever is installed on the system can be read.
"""

import contextlib
import ctypes
import errno
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (1 << n for n in (17, 26, 27, 28, 29, 30))
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 1 << 14, 1 << 18
DETACH, RECURSIVE = 2, 0x8000
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}  # by processor; the next is the same on both
MOUNT_SETATTR = 442
NO_NEW_RIGHTS, DROP, SECCOMP = 38, 24, 22  # of prctl
OUTSIDE = {  # calls that take memory which belongs to no process, so nobody could add it up
    "x86_64": {
        "memfd_create": 319, "memfd_secret": 447, "shmget": 29, "msgget": 68, "semget": 64,
        "mq_open": 240, "io_uring_setup": 425, "bpf": 321, "add_key": 248,
    },
    "aarch64": {
        "memfd_create": 279, "memfd_secret": 447, "shmget": 194, "msgget": 186, "semget": 190,
        "mq_open": 180, "io_uring_setup": 425, "bpf": 280, "add_key": 217,
    },
}  # fmt: skip
ABI = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # calls are numbered by it
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin")
OWN = ("utils", "sketchbook")  # of the course
SECRET = ("assignments", "tools", "tests", ".git")  # of the course: refused if they can be seen
FRESH = ("/dev", "/etc", "/tmp", "/proc")  # a submission has its own
DEVICES = ("null", "zero", "urandom", "random")
ANSWER = 8 << 20  # bytes that may come back
FILES = 16 << 20  # bytes that a file may have
SCRATCH = "64m"  # of /tmp
PROCESSES = 8  # and threads, of one submission
WAITING = 5  # seconds by the clock for each second of the processor: a busy computer is no fault
MEMORY = 3 << 29  # bytes on top of what is loaded: 1.5 GB
NOBODY, NOBODIES = 60000, 4000  # users who own nothing
FIRST_NOBODY = [0]  # in here; 0 where there are none
GROUP = [-1]  # the open file through which a submission joins its control group, if it has one
Work = Callable[[dict, int], None]


class Refused(Exception):
    """This system cannot shut the process in; the text says why."""


# ---------------------------------------------------------------- a room of one's own


def call(name: str, *arguments: object) -> None:
    """A function of the C library. Raises OSError where it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    given = [a.encode() if isinstance(a, str) else a for a in arguments]
    if getattr(libc, name)(*given) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, data: str | None = None) -> None:
    call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def leave_the_world(as_user: bool = False) -> str:
    """Namespaces of our own: "root" at once, or "user" inside a user namespace.

    Raises Refused where neither is allowed.
    """
    ours = NEWNS | NEWIPC | NEWNET | NEWUTS
    root = os.geteuid() == 0
    if root and not as_user:
        with contextlib.suppress(OSError):  # root in a container may not have the right
            call("unshare", ours)
            FIRST_NOBODY[0] = NOBODY
            return "root"
    try:
        with named_by(root_names if root else own_name):
            call("unshare", ours | NEWUSER)
    except OSError as problem:
        raise Refused(f"namespaces are not allowed here ({problem})") from problem
    FIRST_NOBODY[0] = 1 if root else 0  # the limit of processes does not hold for root
    return "user"


@contextlib.contextmanager
def named_by(names: Callable[[int, int, int], None]) -> Iterator[None]:
    """Say who is who in a user namespace that is made inside, from a process that stays outside.

    Raises OSError where that is not allowed.
    """
    me, user, group = os.getpid(), os.geteuid(), os.getegid()
    done, ready = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(ready)
        os.read(done, 1)
        try:
            names(me, user, group)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(done)
    try:
        yield
    finally:
        os.close(ready)
        status = os.waitpid(helper, 0)[1]
    if status != 0:
        raise OSError(1, "user names cannot be given")


def own_name(pid: int, user: int, group: int) -> None:
    """An ordinary user is root in there, and nobody else is there."""
    Path(f"/proc/{pid}/setgroups").write_text("deny")
    Path(f"/proc/{pid}/uid_map").write_text(f"0 {user} 1")
    Path(f"/proc/{pid}/gid_map").write_text(f"0 {group} 1")


def root_names(pid: int, user: int, group: int) -> None:
    """Root has others in there that own nothing outside."""
    for kind in ("uid", "gid"):
        Path(f"/proc/{pid}/{kind}_map").write_text(f"0 0 1\n1 {NOBODY} {NOBODIES}\n")


def build_a_room(secret: list[str]) -> None:
    """A new root that holds what a submission may see, read-only; the old one is gone.

    Raises Refused where something secret would be seen, OSError where the system does not allow it.
    """
    shown = [sys.base_prefix, sys.prefix, *(str(ROOT / name) for name in OWN)]
    refuse_hidden(shown)
    mount("none", "/", "", REC | PRIVATE)
    top = "/sys" if os.path.isdir("/sys") else "/mnt"
    mount("tmpfs", top, "tmpfs", NOSUID | NODEV, "mode=755,size=16m")
    room = f"{top}/room"
    os.mkdir(room)
    os.mkdir(f"{top}/old")
    for path in SYSTEM:
        show(path, room)
    if os.path.isdir(f"{room}{ROOT}"):  # the course lies in a folder of the system
        mount("tmpfs", f"{room}{ROOT}", "tmpfs", NOSUID | NODEV, "mode=755,size=1m")
    for path in shown:
        if not os.path.isdir(room + path):
            show(path, room)
    for path in [*(str(ROOT / name) for name in SECRET), *secret]:
        if os.path.lexists(room + path):
            raise Refused(f"{path} lies in a folder that submissions can read: move the course")
    for folder in FRESH:
        os.mkdir(room + folder)
    for name in DEVICES:
        Path(f"{room}/dev/{name}").touch()
        mount(f"/dev/{name}", f"{room}/dev/{name}", "", BIND)
    for copy in ("/etc/ld.so.cache", "/proc/cpuinfo"):  # what libraries look into
        with contextlib.suppress(OSError):
            Path(room + copy).write_bytes(Path(copy).read_bytes())
    Path(f"{room}/etc/passwd").write_text("student:x:0:0::/tmp:/bin/sh\n")
    mount("tmpfs", f"{room}/tmp", "tmpfs", NOSUID | NODEV, f"mode=755,size={SCRATCH}")
    number = PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise Refused(f"the processor {os.uname().machine} is not known here")
    call("syscall", number, top, f"{top}/old")
    os.chdir("/")
    call("umount2", "/old", DETACH)
    read_only("/", all_below=False)
    os.chroot("/room")  # in a changed root no user namespace can be made
    os.chdir("/tmp")


def refuse_hidden(paths: Iterable[str]) -> None:
    """Raise Refused for what a submission needs and its own folders would hide."""
    for path in paths:
        for folder in FRESH:
            if path.startswith(folder + "/"):
                raise Refused(f"{path} lies in {folder}, which is empty in there: move the course")


def show(path: str, room: str) -> None:
    """Put a folder into the room, read-only; a link stays a link."""
    if os.path.islink(path):
        os.makedirs(os.path.dirname(room + path), exist_ok=True)
        os.symlink(os.readlink(path), room + path)
        show(os.path.realpath(path), room)
    elif os.path.isdir(path) and not os.path.isdir(room + path):
        os.makedirs(room + path)
        mount(path, room + path, "", BIND | REC)
        read_only(room + path)


def read_only(path: str, all_below: bool = True) -> None:
    """Nobody writes below a mount any more (Linux 5.12 and later)."""
    asked = (ctypes.c_uint64 * 4)(RDONLY | NOSUID, 0, 0, 0)
    how = RECURSIVE if all_below else 0
    call("syscall", MOUNT_SETATTR, -100, path, how, asked, ctypes.c_size_t(32))


# ---------------------------------------------------------------- what a submission may use


def limit(seconds: int, loaded: int) -> None:
    """Of memory, time, files; none of it can be raised again."""
    limits = {
        "AS": loaded + MEMORY,
        "CPU": seconds,
        "FSIZE": FILES,
        "NOFILE": 64,
        "CORE": 0,
        "MEMLOCK": 0,
    }
    for name, most in limits.items():
        what = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def give_up_rights(nobody: int) -> None:
    """Become a user who owns nothing, where we are root; be without any capability in any case."""
    call("prctl", NO_NEW_RIGHTS, 1, 0, 0, 0)
    with contextlib.suppress(OSError):  # until the first number that is no capability
        for number in range(64):
            call("prctl", DROP, number, 0, 0, 0)
    if nobody:
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)
    call("capset", (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
    resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))


def can_forbid() -> bool:
    """Whether the kernel has filters: a program at no address is then an address that is wrong."""
    if os.uname().machine not in OUTSIDE:
        return False
    try:
        call("prctl", SECCOMP, 2, None, 0, 0)
    except OSError as problem:
        return problem.errno == errno.EFAULT
    return False


def forbid_memory_outside() -> None:
    """From here on this process, and all that it starts, is refused the calls of OUTSIDE.

    A program of the kernel's filter: load a number, compare it, jump ahead or fall through.
    """
    load, at_least, equal, answer = 0x20, 0x35, 0x15, 0x06
    machine = os.uname().machine
    numbers = sorted(OUTSIDE[machine].values())
    left = len(numbers) + 2  # lines from the second comparison to the refusal
    program = [(load, 0, 0, 4), (equal, 0, left + 1, ABI[machine]), (load, 0, 0, 0)]
    program += [(at_least, left - 1, 0, 1 << 30)]  # the same calls under other numbers
    program += [(equal, left - 2 - i, 0, number) for i, number in enumerate(numbers)]
    program += [(answer, 0, 0, 0x7FFF0000), (answer, 0, 0, 0x00050001)]  # allowed; refused, EPERM
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code, len(code))
    given = struct.pack("@HP", len(program), ctypes.addressof(held))
    call("prctl", SECCOMP, 2, given, 0, 0)


# ---------------------------------------------------------------- one submission


def attend(request: dict, how: str, loaded: int, work: Work) -> dict:
    """Run a submission in a fork of its own and read what it says, up to a time and a size."""
    out, into = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        try:
            os.close(out)
            keep(request, how, loaded, into, work)
        finally:
            os._exit(1)
    os.close(into)
    lines, why = collected(out, request["seconds"] * WAITING)
    os.close(out)
    os.kill(keeper, signal.SIGTERM)
    os.waitpid(keeper, 0)
    return {"lines": lines, "why": why}


def keep(request: dict, how: str, loaded: int, into: int, work: Work) -> None:
    """Put up the last walls, fork the student's process, and end everything in there with it."""
    if how != "none":
        call("unshare", NEWPID | NEWNS | NEWIPC | NEWNET | NEWUTS)
        mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, f"mode=777,size={SCRATCH},nr_inodes=4k")
    os.chdir("/tmp" if how != "none" else request["scratch"])
    first, student = FIRST_NOBODY[0], [0]
    nobody = first + os.getpid() % (NOBODIES - 1) if first else 0

    def end(*_: object) -> None:
        if student[0]:
            with contextlib.suppress(OSError):
                (os.killpg if how == "none" else os.kill)(student[0], signal.SIGKILL)
            os.waitpid(student[0], 0)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    student[0] = os.fork()
    if student[0] == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if GROUP[0] >= 0:
                os.write(GROUP[0], b"0")
            os.setsid()
            null = os.open("/dev/null", os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(null, number)
            os.dup2(into, 3)
            os.closerange(4, 4096)
            limit(request["seconds"], loaded)
            if how != "none":
                give_up_rights(nobody)
                forbid_memory_outside()
            work(request, 3)
        finally:
            os._exit(0)
    os.close(into)
    os.waitid(os.P_PID, student[0], os.WEXITED | os.WNOWAIT)
    end()


def collected(out: int, seconds: float) -> tuple[list[str], str]:
    """Lines until the end, the limit of time, or that of size; and which it was."""
    end, data = time.monotonic() + seconds, bytearray()
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([out], [], [], left)[0]:
            why = "time"
            break
        some = os.read(out, 1 << 16)
        data += some
        if not some:
            why = "end"
            break
        if len(data) > ANSWER:
            why = "size"
            break
    return bytes(data[:ANSWER]).decode("utf8", "replace").split("\n"), why


# ---------------------------------------------------------------- serving


def serve(how: str, secret: list[str]) -> None:
    """Load what all submissions need, then answer requests until there are no more."""
    apart_from_prints()
    sys.path.insert(0, str(ROOT))
    from tools.classroom import run

    run.load()
    size = os.open("/proc/self/statm", os.O_RDONLY) if how != "none" else None
    with contextlib.suppress(OSError):  # if memory is short, the kernel ends this before the grader
        Path("/proc/self/oom_score_adj").write_text("1000")
    if how != "none":
        if not can_forbid():
            raise Refused("calls cannot be filtered here (seccomp, on x86-64 or ARM64)")
        try:
            build_a_room(secret)
        except OSError as problem:
            raise Refused(f"a room of its own cannot be built here ({problem})") from problem
    work: Work | None = None
    say({"ready": how})
    for line in sys.stdin:
        request = json.loads(line)
        if "given" in request:
            base = run.Base(request["given"])
            work = base.attempt
            gc.collect()
            gc.freeze()
            say({"problem": base.problem})
            continue
        assert work is not None
        loaded = int(os.pread(size, 100, 0).split()[0]) * 4096 if size else 8 << 30
        say(attend(request, how, loaded, work))


CHANNEL = [1]


def apart_from_prints() -> None:
    """Answers keep the way out to themselves: what a cell prints goes nowhere."""
    CHANNEL[0] = os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)


def say(answer: dict) -> None:
    """One line to the grader."""
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(CHANNEL[0], data) :]


if __name__ == "__main__":
    try:
        asked, group, *hide = sys.argv[1:]
        if group:
            GROUP[0] = os.open(group, os.O_WRONLY)
        serve("none" if asked == "unprotected" else leave_the_world(asked == "user"), hide)
    except Refused as refused:
        say({"refused": str(refused)})
