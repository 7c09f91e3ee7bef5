"""The repository's address stands in one place, and everything else follows it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools import links
from tools.notebooks import read

ROOT = links.ROOT
SLUG = links.address()
NOTEBOOKS = [p for room in links.ROOMS for p in sorted((ROOT / room).glob("*.ipynb"))]


@pytest.fixture
def copy(tmp_path):
    """The files that carry the address, somewhere else."""
    for path in [ROOT / "pyproject.toml", *(ROOT / name for name in links.TEXTS), *NOTEBOOKS]:
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def test_everything_agrees_with_pyproject(copy):
    assert links.rewrite(copy) == []


def test_another_address_goes_everywhere_and_only_once(copy):
    changed = links.rewrite(copy, "somebody/my.course")
    assert len(changed) == 1 + len(links.TEXTS) + len(NOTEBOOKS)
    for path in changed:
        text = path.read_text(encoding="utf-8")
        assert SLUG not in text
        assert "somebody/my.course" in text
    assert links.rewrite(copy) == []


@pytest.mark.parametrize(
    "place",
    [
        "https://colab.research.google.com/github/{}/blob/main/notebooks/00_start_here.ipynb",
        "https://mybinder.org/v2/gh/{}/HEAD",
        "https://github.com/{}/actions/workflows/test.yml/badge.svg",
        "git clone https://github.com/{}\ncd my.course\n",
    ],
)
def test_the_readme_has_it(copy, place):
    links.rewrite(copy, "somebody/my.course")
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert place.format("somebody/my.course") in readme and links.NO_BADGES not in readme


def test_without_an_address_the_badges_say_so_and_lead_nowhere(copy):
    for slug, other in (("a/b", False), (links.NOWHERE, True), ("c/d", False)):
        links.rewrite(copy, slug)
        texts = [p.read_text("utf-8") for p in copy.glob("*/*.ipynb")]
        assert len(texts) == len(NOTEBOOKS)
        readme = (copy / "README.md").read_text("utf-8")
        assert all((links.NO_COLAB in text) == other for text in texts)
        assert (links.NO_BADGES in readme) == other
        for text in [readme, *texts]:
            assert ("colab.research.google.com" in text) != other


def test_the_way_to_the_pages_stands_there_as_long_as_there_are_pages(copy):
    """They may be turned on and off; another fork's are not ours."""
    readme, place = copy / "README.md", "https://some-body.github.io/my.course/"
    for slug, has_pages, there in (
        ("Some-Body/my.course", False, False),
        ("Some-Body/my.course", True, True),
        ("", None, True),  # as by hand
        ("a/b", False, False),
    ):
        links.rewrite(copy, slug, has_pages)
        assert (place in readme.read_text("utf-8")) == there
        assert links.pages(copy) == (place if there else "")
        assert links.rewrite(copy) == []
    assert "Look at it first" not in readme.read_text("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="the workflow runs on Linux")
def test_a_forks_first_push_is_answered_by_a_commit_with_its_address(copy, tmp_path_factory):
    """The workflow's own script, in a clone as GitHub makes it, of a repository that is nowhere."""
    place = tmp_path_factory.mktemp("github")
    for path in NOTEBOOKS[1:]:  # one will do
        (copy / path.relative_to(ROOT)).unlink()
    for name in ("tools/__init__.py", "tools/links.py", "tools/template/setup.py"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)

    def git(folder, *command):
        own = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main"]
        done = subprocess.run(
            ["git", "-C", folder, *own, *command], check=True, capture_output=True, text=True
        )
        return done.stdout

    git(place, "init", "--quiet", "--bare", "remote.git")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        git(copy, *command)
    git(copy, "push", "--quiet", str(place / "remote.git"), "main")
    flow = yaml.safe_load((ROOT / ".github/workflows/address.yml").read_text("utf8"))
    _, step = flow["jobs"]["links"]["steps"]
    env = os.environ | {"GITHUB_REPOSITORY": "a-teacher/her-course"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    for commits, env["PAGES"] in ((2, ""), (2, ""), (3, "--pages")):  # pages are turned on
        git(place, "clone", "--quiet", "remote.git", "clone")
        subprocess.run(["bash", "-e", "-c", step["run"]], cwd=place / "clone", env=env, check=True)
        shutil.rmtree(place / "clone")
        said = git(place / "remote.git", "log", "--format=%an", "main").split("\n")[:-1]
        assert len(said) == commits and said[0] == "github-actions[bot]"
        readme = git(place / "remote.git", "show", "main:README.md")
        assert "https://mybinder.org/v2/gh/a-teacher/her-course/HEAD" in readme
        assert ("https://a-teacher.github.io/her-course/" in readme) == bool(env["PAGES"])


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/me/my.course",
        "https://github.com/me/my.course.git",
        "https://github.com/me/my.course/",
        "https://somebody:token@github.com/me/my.course.git",
        "git@github.com:me/my.course.git",
        "ssh://git@github.com/me/my.course",
    ],
)
def test_the_git_remote_gives_the_address_that_pyproject_lacks(copy, url):
    git = ["git", "-C", str(copy)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "remote", "add", "origin", url], check=True)
    assert links.remote(copy) == "me/my.course"
    links.rewrite(copy, links.NOWHERE)
    links.rewrite(copy)
    assert links.address(copy) == "me/my.course"
    subprocess.run([*git, "remote", "set-url", "origin", "https://github.com/x/y"], check=True)
    assert links.rewrite(copy) == []  # what pyproject.toml says stands


@pytest.mark.parametrize(
    "url", ["https://example.org/me/mine", "/srv/git/mine", "https://github.com.evil.org/a/b", ""]
)
def test_a_remote_elsewhere_is_no_address(copy, url):
    subprocess.run(["git", "-C", str(copy), "init", "--quiet"], check=True)
    if url:
        subprocess.run(["git", "-C", str(copy), "remote", "add", "origin", url], check=True)
    assert links.remote(copy) == ""


@pytest.mark.parametrize("bad", ["mine", "a/b/c", "https://github.com/a/b", "a b/c"])
def test_a_bad_address_is_one_sentence(capsys, bad):
    assert links.main([bad]) == 1
    assert capsys.readouterr().err.startswith(f"{bad} is no address: give OWNER/NAME")


def test_the_readme_lists_every_notebook():
    listed = re.findall(r"\(notebooks/(.*?\.ipynb)\)", (ROOT / "README.md").read_text("utf-8"))
    assert listed == [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def test_a_notebook_opens_and_clones_itself(copy):
    links.rewrite(copy, "somebody/my.course")
    for path in copy.glob("*/*.ipynb"):
        nb, place = read(path), path.relative_to(copy).as_posix()
        assert links.COLAB.format("somebody/my.course", place) in nb.cells[0].source
        first_code = next(cell.source for cell in nb.cells if cell.cell_type == "code")
        assert re.search('"https://github.com/somebody/my.course["/]', first_code)


def test_other_peoples_repositories_are_left_alone():
    text = "See https://github.com/zhoubolei/CAM and git clone https://github.com/a/b now."
    assert links.linked(text, "me/mine") == text.replace("a/b", "me/mine")


def test_a_renamed_notebook_gets_its_badge():
    text = json.dumps({"cells": [{"source": ["# A\n", links.COLAB.format("a/b", "c.ipynb")]}]})
    renamed = json.loads(links.linked_notebook(text, "me/mine", "d.ipynb"))
    assert renamed["cells"][0]["source"] == ["# A\n", links.COLAB.format("me/mine", "d.ipynb")]


def test_no_address_gives_one_sentence(tmp_path):
    Path(tmp_path, "pyproject.toml").write_text("[project]\n")
    with pytest.raises(ValueError, match="write the address under"):
        links.address(tmp_path)
