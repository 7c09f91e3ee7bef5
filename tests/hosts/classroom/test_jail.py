"""What the jail keeps students' code from: tried from inside, as root and as an ordinary user."""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools.classroom import container, jail, memory
from tools.classroom.folder import ROOT
from tools.classroom.sandbox import CONTAINER, PROTECTED, Sandbox
from utils.check.wire import packed, unpacked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's own")
HEADERS = (Path("/usr/include"), *sorted(Path("/usr/include").glob("*-linux-gnu")))
FAST = {"cell": 1.0, "question": 60.0, "case": 20.0, "all": 3}  # seconds
ATTEMPTS = {  # each ends well where the jail leaks
    "reads the assignments": "os.listdir(ROOT + '/assignments')",
    "reads the tools": "os.listdir(ROOT + '/tools')",
    "reads the history": "os.listdir(ROOT + '/.git')",
    "reads the class": "open(SECRET).read()",
    "sees more of the course": "assert set(os.listdir(ROOT)) - {'utils', 'sketchbook', '.venv'}",
    "reads another's work": "assert os.path.exists('/tmp/left-by-another')",
    "imports the assignments": "__import__('assignments.a1_formulas')",
    "imports the tools anew": "__import__('tools.classroom.source')",
    "writes into the course": "open(ROOT + '/utils/mine.py', 'w')",
    "writes into the packages": "open(os.path.dirname(os.__file__) + '/mine.py', 'w')",
    "writes into the system": "open('/usr/mine', 'w')",
    "writes into the root": "open('/mine', 'w')",
    "mounts": "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "remounts": "assert libc.mount(b'none', ROOT.encode() + b'/utils', b'', 32 | 4096, None) == 0",
    "makes a user namespace": "assert libc.unshare(1 << 28) == 0",
    "changes its root": "os.chroot('/tmp')",
    "becomes another user": "os.setuid(12)",
    "raises a limit": "resource.setrlimit(resource.RLIMIT_NPROC, (4000, 4000))",
    "sees other processes": "assert os.listdir('/proc') != ['cpuinfo']",
    "ends other processes": "[os.kill(n, 0) for n in range(20, 40000)]",
    "traces the process outside": "assert libc.ptrace(16, 1, 0, 0) == 0 and os.getpid() != 1",
    "makes a device": "os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0))",
    "reaches the internet": "socket.create_connection(('192.0.2.1', 80), 1)",
    "reaches this machine": "socket.create_connection(('127.0.0.1', 22), 1)",
    "asks for a name": "socket.gethostbyname('localhost.localdomain.example')",
    "finds a secret in the environment": "assert os.environ['A_TOKEN']",
    "finds an open file": "[os.read(n, 1) for n in range(4, 200)]",
    "takes 3 GB": "torch.zeros(3 << 30, dtype=torch.uint8)",
    "writes a large file": "open('/tmp/large', 'wb').write(b'0' * (20 << 20))",
    "fills /tmp": "[open(f'/tmp/{n}', 'wb').write(b'0' * (15 << 20)) for n in range(9)]",
    "makes a file of memory": "os.memfd_create('mine')",
    "takes memory that is nobody's": "assert libc.shmget(0, 4096, 0o1666) >= 0",
    "fills a queue that is nobody's": "assert libc.msgget(0, 0o1666) >= 0",
    "starts twenty processes": "[os.fork() or time.sleep(9) for _ in range(20)]",
}
PROBE = """
import ctypes, os, resource, signal, socket, time
import torch
ROOT, SECRET = {root!r}, {secret!r}
libc = ctypes.CDLL(None)
open('/tmp/mine', 'w').write('0')

def tried(code):
    me = os.getpid()
    try:
        exec(code, globals())
        return 1
    except BaseException:
        return 0
    finally:
        if os.getpid() != me:
            os._exit(0)

def probe(code):
    return tried(code)
"""


@pytest.fixture(scope="module", params=["root", "user"])
def sandbox(request, tmp_path_factory):
    secret = tmp_path_factory.mktemp("class") / "class.json"
    secret.write_text("the secret")
    os.environ["A_TOKEN"] = "0123"
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("only root can be shut in as root")
    try:
        made = Sandbox([secret.parent], as_user=request.param == "user")
    except ValueError as refused:
        pytest.skip(f"this system cannot: {refused}")
    with made as one:
        assert one.how == request.param
        one.prepare(["import torch", "given = 7"])
        one.secret = str(secret)
        yield one
    del os.environ["A_TOKEN"]


def asked(name, *cases):
    return [{"name": name, "figure": False, "cases": packed([*cases])}]


def values(report, name):
    return [int(one.value) for one in unpacked(report.answers[name]["found"])][:-1]


def test_no_attempt_gets_through(sandbox):
    cell = PROBE.format(root=str(ROOT), secret=sandbox.secret)
    questions = asked("probe", *[(code,) for code in ["1 + 1", *ATTEMPTS.values()]])
    found = values(
        sandbox.attempt([(0, cell)], questions, **FAST | {"question": 300, "case": 60, "all": 60}),
        "probe",
    )
    assert found[0] == 1, "the probe itself does not work"
    through = [name for name, got in zip(ATTEMPTS, found[1:], strict=True) if got]
    assert not through


def test_the_next_submission_finds_nothing_of_the_one_before(sandbox):
    mine = "open('/tmp/left', 'w').write('x')\nimport builtins\nbuiltins.left = 1\ngiven = 8"
    sandbox.attempt([(0, mine)], [], **FAST)
    code = (
        "import os, builtins\n"
        "def found():\n"
        "    return os.path.exists('/tmp/left') + hasattr(builtins, 'left') + (given != 7)"
    )
    assert values(sandbox.attempt([(0, code)], asked("found", ()), **FAST), "found") == [0]


ANSWER = (9, "def good():\n    return 42")


STOPPED = {  # cells, and the error that ends each
    "while True:\n    pass": "TimeoutError",
    "x = bytearray(10**10)": "MemoryError",
    "print('x' * 10**8)": "",
    "import sys\nsys.exit()": "SystemExit",
    "def f(): return f()\nf()": "RecursionError",
    "this is no Python": "SyntaxError",
    "import os\nwhile True:\n    os.fork()": "BlockingIOError",
}


def test_cells_that_stop_cost_nothing_but_themselves(sandbox):
    cells = [*enumerate(STOPPED), ANSWER]
    report = sandbox.attempt(cells, asked("good", ()), **FAST | {"all": 6})
    assert values(report, "good") == [42]
    assert [report.problems.get(i, "") for i in range(len(STOPPED))] == [*STOPPED.values()]
    assert report.deadly == []


@pytest.mark.parametrize(
    ("cell", "deadly"),
    [
        (
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
            None,  # either way
        ),
        ("import ctypes\nctypes.string_at(0)", [3]),
        ("import os\nos._exit(0)", [3]),
        ("import os, signal\nos.kill(-1, signal.SIGKILL)", None),
        ("import os\nos.write(3, b'x' * 10**8)", [3]),
    ],
)
def test_a_cell_that_ends_the_process_costs_nothing_but_itself(sandbox, cell, deadly):
    report = sandbox.attempt([(3, cell), ANSWER], asked("good", ()), **FAST)
    assert values(report, "good") == [42]
    assert deadly in (None, report.deadly)


def test_bad_functions_cost_nothing_but_themselves(sandbox):
    bodies = ["while True: pass", "os._exit(3)", "ctypes.string_at(0)"]
    cell = "import ctypes, os\n"
    cell += "".join(f"def bad{i}():\n    {body}\n" for i, body in enumerate(bodies))
    bad = [one for i in range(len(bodies)) for one in asked(f"bad{i}", ())]
    limits = FAST | {"case": 1.0}
    report = sandbox.attempt([(0, cell), ANSWER], bad + asked("good", ()), **limits)
    assert values(report, "good") == [42]
    found = [unpacked(one["found"]) for name, one in report.answers.items() if name != "good"]
    assert all(one.problem for some in found for one in some)


@pytest.mark.parametrize(("body", "seconds"), [("os._exit(3)", 60.0), ("time.sleep(60)", 1.0)])
def test_a_function_that_never_answers_is_lost(sandbox, body, seconds):
    cell = (0, f"import os, time\ndef never():\n    {body}\n")
    report = sandbox.attempt([cell], asked("never", ()), **FAST | {"question": seconds})
    assert (report.answers, report.lost, report.hungry) == ({}, ["never"], [])


HERD = """
import os, time
def herd(processes, megabytes, seconds):
    for _ in range(processes):
        if os.fork() == 0:
            mine = b"1" * (megabytes << 20)
            time.sleep(seconds)
            os._exit(0)
    time.sleep(seconds)
    return 1
"""
SLOW = FAST | {"cell": 10.0}  # for a busy computer


@pytest.mark.parametrize("by", ["grader", "kernel"])
def test_processes_that_together_take_too_much_are_ended(sandbox, monkeypatch, by):
    """Each is far below its own limit, which a test of one process would not see."""
    if by == "grader":
        monkeypatch.setattr(sandbox, "total", 700 << 20)
    elif sandbox.group is None:
        pytest.skip("no control group can be made here")
    else:  # a grader that adds up too late
        monkeypatch.setattr(memory, "taken", lambda first, most: 0)
        (sandbox.group.path / sandbox.group.limit).write_text(str(700 << 20))
    cell = (3, HERD + "herd(6, 200, 15)")
    report = sandbox.attempt([cell, ANSWER], asked("good", ()), **SLOW)
    assert (report.deadly, report.hungry) == ([3], [3])
    assert values(report, "good") == [42]
    if by == "kernel":
        return
    both = asked("herd", (6, 200, 15)) + asked("good", ())
    report = sandbox.attempt([(3, HERD), ANSWER], both, **SLOW)
    assert (report.deadly, report.hungry, report.lost) == ([], ["herd"], ["herd"])
    assert values(report, "good") == [42]


PLACES = {  # what /proc/self/cgroup and /proc/self/mountinfo say, and where a group may be made
    "old": (
        "4:memory:/a/b\n3:pids:/c\n0::/",
        "35 31 0:32 / {top} rw - cgroup cgroup rw,memory\n36 31 0:33 / /x rw - cgroup c rw,pids",
        [("cgroup", "a/b")],
    ),
    "new": (
        "0::/user/one",
        "41 31 0:38 / {top} rw shared:4 - cgroup2 cgroup2 rw",
        [("cgroup2", "user")],
    ),
    "in a container": ("0::/", "41 31 0:38 / {top} ro - cgroup2 cgroup ro", []),
    "not ours": ("4:memory:/../b", "35 31 0:32 / {top} rw - cgroup cgroup rw,memory", []),
    "none": ("0::/", "22 1 0:5 / /proc rw - proc proc rw", []),
}


@pytest.mark.parametrize("where", PLACES)
def test_where_a_control_group_may_be_made(where, tmp_path):
    """Of the new kind (cgroup v2) in a group above ours that hands its memory on."""
    ours, mounted, wanted = PLACES[where]
    top = tmp_path / "fs"
    (top / "user" / "one").mkdir(parents=True)
    (top / "user" / "cgroup.subtree_control").write_text("memory pids")
    (top / "cgroup.subtree_control").write_text("pids")
    (tmp_path / "cgroup").write_text(ours)
    (tmp_path / "mountinfo").write_text(mounted.format(top=top))
    assert list(memory._parents(tmp_path)) == [(kind, top / path) for kind, path in wanted]


def test_what_processes_share_counts_once(sandbox, monkeypatch):
    monkeypatch.setattr(sandbox, "total", 700 << 20)
    seen = []
    monkeypatch.setattr(
        memory, "_part", lambda pid, part=memory._part: seen.append(pid) or part(pid)
    )
    cell = (3, HERD + "herd(6, 20, 2)")
    report = sandbox.attempt([cell, ANSWER], asked("good", ()), **SLOW)
    assert seen, "added up as if nothing was shared, they would be too much"
    assert (report.deadly, report.hungry, report.problems) == ([], [], {})
    assert values(report, "good") == [42]


def test_frames_and_patches_find_inputs_only(sandbox):
    """Whatever is reachable from inside, what is wanted is not: it was never sent."""
    cell = """
import gc, sys
from utils.check import judge
def spy(x):
    seen, frame = [], sys._getframe()
    while frame:
        seen += list(frame.f_locals.values())
        frame = frame.f_back
    seen += gc.get_objects()
    return any(type(s) is float and s == 1234.5678 for s in seen) or any(
        isinstance(s, torch.Tensor) and s.numel() == 1 and float(s) == 1234.5678 for s in seen)
judge._same = lambda *a: True
judge.compared = judge.verdict = lambda *a, **k: judge.Verdict(True, "")
"""
    wanted = 1234.5678  # what the grader compares with; the case is another number
    report = sandbox.attempt([(0, cell)], asked("spy", (3.0,)), **FAST)
    assert values(report, "spy") == [0]
    assert wanted not in values(report, "spy")


def test_what_comes_back_is_read_as_numbers_or_not_at_all():
    for text in (
        {"tensor": ["object", [1], ""]},
        {"tensor": ["float64", [9**9], "AAAA"]},
        {"x": 1},
    ):
        with pytest.raises(ValueError, match=r"packed|array"):
            unpacked(text)
    deep = None
    for _ in range(100_000):
        deep = {"list": [deep]}
    with pytest.raises(ValueError, match="packed"):
        unpacked(deep)


def test_unprotected_works_and_is_called_so():
    with Sandbox(unprotected=True) as sandbox:
        assert sandbox.how == "none"
        assert PROTECTED[sandbox.how].startswith("NOT PROTECTED")
        sandbox.prepare(["import torch"])
        assert values(sandbox.attempt([ANSWER], asked("good", ()), **FAST), "good") == [42]


def test_a_course_in_a_folder_that_submissions_have_for_themselves_is_refused():
    jail.refuse_hidden(["/home/ana/tmp/course/utils", "/tmporary/course"])
    with pytest.raises(jail.Refused, match=r"/tmp/course/utils lies in /tmp, .* move the course"):
        jail.refuse_hidden(["/usr", "/tmp/course/utils"])


def numbers(header: str) -> dict[str, int]:
    """Calls and constants by name, from a header of the kernel's."""
    found = re.findall(r"^#define\s+(?:__NR_)?(\w+)\s+(0x[0-9a-f]+|\d+)\b", header, re.MULTILINE)
    return {name: int(number, 0) for name, number in found}


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")]
)
def test_calls_have_the_numbers_that_the_kernel_s_headers_give_them(machine, name):
    """ARM64 takes the numbers that are common to the newer processors."""
    places = [top / name for top in HEADERS if (top / name).exists()]
    if not places:
        pytest.skip(f"the kernel's headers are not here: {name}")
    known = numbers(places[0].read_text("utf8"))
    ours = {"pivot_root": jail.PIVOT_ROOT[machine], "mount_setattr": jail.MOUNT_SETATTR}
    for call, number in (ours | jail.OUTSIDE[machine]).items():
        assert known[call] == number, call


def test_processors_have_the_numbers_that_the_kernel_s_headers_give_them():
    """What a filter compares first: the processor's number, of 64 bits, low bytes first."""
    header = HEADERS[0] / "linux" / "elf-em.h"
    if not header.exists():
        pytest.skip("the kernel's headers are not here")
    known = numbers(header.read_text("utf8"))
    for machine, name in (("x86_64", "EM_X86_64"), ("aarch64", "EM_AARCH64")):
        assert jail.ABI[machine] == known[name] | 0x80000000 | 0x40000000


def test_a_container_sees_the_class_and_a_copy_of_the_course_only(tmp_path):
    asked = ["--student", "ana"]
    set_up, grading = container.commands("podman", "python:3.12", tmp_path, asked, workers=2)
    assert [c for c in set_up if "source=/" in c] == [container.bound(ROOT, "/source", True)]
    assert [c for c in grading if "source=/" in c] == [container.bound(tmp_path, "/class")]
    assert {"--network=none", "--memory=8g", *container.WALLS} <= set(grading)
    assert not {"--network=none", *container.WALLS} & set(set_up)
    assert grading[-2:] == asked
    with pytest.raises(ValueError, match="no-engine is not here: install it"):
        container.grade("no-engine", "python:3.12", tmp_path, [])


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request):
    """An engine that runs containers here, with an image that holds nothing."""
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    made = subprocess.run(
        [request.param, "import", "-", "cam-course-test"],
        input=empty.getvalue(),
        capture_output=True,
    )
    if made.returncode:
        pytest.skip(f"{request.param} does not run here: {made.stderr.decode()[-200:].strip()}")
    yield request.param
    subprocess.run([request.param, "rmi", "--force", "cam-course-test"], capture_output=True)


def test_the_jail_holds_in_a_container(engine):
    """With the options that grading gives it: no attempt gets through from in there, either.

    (Python and the packages are this computer's, read-only, so that nothing is to be installed.)
    """
    shown = {sys.prefix, sys.base_prefix, str(ROOT), *filter(os.path.isdir, jail.SYSTEM)}
    binds = [container.bound(Path(place), place, read_only=True) for place in sorted(shown)]
    tests = [f"{Path(__file__)}::{test.__name__}" for test in (
        test_no_attempt_gets_through, test_the_next_submission_finds_nothing_of_the_one_before
    )]  # fmt: skip
    python = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "root"]
    done = subprocess.run(
        [engine, "run", "--rm", "--network=none", *container.WALLS, *binds, "--tmpfs=/tmp",
         f"--workdir={ROOT}", "--env=HOME=/tmp", "cam-course-test", *python, *tests],
        capture_output=True,
        text=True,
    )  # fmt: skip
    if "OCI" in done.stderr:  # the engine's own runtime, before anything of ours
        pytest.skip(f"{engine} starts no container here: {done.stderr[-300:].strip()}")
    assert "2 passed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


def test_elsewhere_grading_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ValueError, match="Only Linux") as refused:
        Sandbox()
    assert CONTAINER in str(refused.value)
