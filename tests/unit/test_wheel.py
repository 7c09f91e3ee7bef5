"""The wheel: the packages as somebody gets them who installs the project and has no checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip(
    "setuptools",
    minversion="77",
    reason="no wheel was built, for that needs setuptools 77 or newer: pip install -U setuptools",
)

ROOT = Path(__file__).parents[2]
PACKAGES = ("utils", "sketchbook")
USE = """
import sys
from pathlib import Path

import sketchbook
from utils import models, networks, results

assert len(models.load("objects-gap").class_names) == 10
assert results.runs("objects-gap")[0]["top1"] > 0.8
assert sketchbook.objects(1).images[0].shape == (3, 112, 112)
for name, module in sys.modules.items():
    if name.split(".")[0] in ("utils", "sketchbook"):
        print(Path(module.__file__).resolve())
"""


def run(command: list, folder: Path, **variables: str) -> str:
    """What a command prints. Fails with what it says where it fails."""
    done = subprocess.run(
        [str(c) for c in command],
        cwd=folder,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, for setuptools leaves files behind, and without the internet."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", *ROOT.glob("LICENSE*")]:
        shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*pip, "--wheel-dir", built, source], source)
    return next(built.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    held = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    held = {path for path in held if not path.parts[0].endswith(".dist-info")}
    files = {p for name in PACKAGES for p in (ROOT / name).rglob("*") if p.is_file()}
    wanted = {p.relative_to(ROOT) for p in files if "__pycache__" not in p.parts}
    assert held == wanted


def test_the_wheel_works_far_from_the_checkout(wheel, tmp_path):
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target]
    run([*pip, wheel], elsewhere)
    used = run([sys.executable, "-c", USE], elsewhere, PYTHONPATH=str(target)).split("\n")[:-1]
    assert len(used) > 10
    assert [path for path in used if not Path(path).is_relative_to(target.resolve())] == []
