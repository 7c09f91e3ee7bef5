"""What is to be read: links lead somewhere, pictures have alt text, words are spelled right."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tools import tables
from tools.notebooks import ROOT, all_notebooks, read

ASSIGNMENTS = ROOT / "assignments"  # (the pictures of its slides.md are figures of notebooks)
PAGES = [*sorted(ROOT.glob("*.md")), *all_notebooks(), ASSIGNMENTS / "README.md"]
PAGES += sorted(ASSIGNMENTS.glob("*.ipynb"))
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)|<img\b[^>]*>")
HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def text_of(path: Path) -> str:
    """What is to be read in a Markdown file or in a notebook's text cells."""
    if path.suffix == ".md":
        return path.read_text("utf8")
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


def anchors(text: str) -> set[str]:
    """The names that a page's headings can be linked by, as GitHub makes them."""
    found = [re.sub(r"[*_`]|\]\([^)]*\)|\[", "", h) for h in HEADING.findall(CODE.sub("", text))]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found}


def broken(path: Path, text: str) -> list[str]:
    """Links to places that are not there. Those into the internet are not followed."""
    found = []
    text = CODE.sub("", text)
    for target in [*LINK.findall(text), *(m[2] for m in IMAGE.finditer(text) if m[2])]:
        parts = urlsplit(target)
        if parts.scheme in ("http", "https", "mailto", "attachment", "data"):
            continue
        place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        there = place.exists() and place.is_relative_to(ROOT)
        if not there or (parts.fragment and parts.fragment not in anchors(text_of(place))):
            found.append(target)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_links_lead_somewhere(path):
    assert broken(path, text_of(path)) == []


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_a_notebook_leads_to_the_glossary(path):
    assert any(link.startswith("../GLOSSARY.md") for link in LINK.findall(text_of(path)))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_picture_has_alt_text(path):
    for image in IMAGE.finditer(CODE.sub("", text_of(path))):
        alt = image[1] or re.search(r"\balt=([\"'])(.+?)\1", image[0])
        assert alt, f"{image[0]}: say what is to be seen"


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("[a](no.md) [b](README.md) [c](https://x.org/no)", ["no.md"]),
        ("[a](#the-map-and-more) [b](#here-it-is)\n\n## Here, *it* is\n", ["#the-map-and-more"]),
        ("[a](GLOSSARY.md#symbols) [b](GLOSSARY.md#none)", ["GLOSSARY.md#none"]),
        (
            "`[a](no.md)` ![a](images/no.png) [![x](https://x.org)](no.md)",
            ["no.md", "images/no.png"],
        ),
        ("[a](../outside.md) [b](/etc/hosts)", ["../outside.md", "/etc/hosts"]),
    ],
)
def test_a_broken_link_is_found(tmp_path, text, bad):
    page = ROOT / "page.md"  # never written
    if "#" in text and "GLOSSARY" not in text:
        page = tmp_path / "page.md"
        page.write_text(text)
        assert [
            t for t in ("#the-map-and-more", "#here-it-is") if t[1:] not in anchors(text)
        ] == bad
    else:
        assert broken(page, text) == bad


def test_words_are_spelled_right(tmp_path):
    pytest.importorskip("codespell_lib", reason="spelling was not checked: pip install codespell")
    for path in all_notebooks():
        (tmp_path / f"{path.stem}.md").write_text(
            "\n".join(cell.source for cell in read(path).cells), encoding="utf8"
        )
    texts = [
        p
        for kind in ("*.md", "*.toml", "*.yml", "*.cff", "Makefile", "*.py")
        for p in ROOT.glob(kind)
    ]
    texts += [p for kind in ("*.md", "*.py") for p in ASSIGNMENTS.glob(kind)]
    folders = [ROOT / name for name in ("utils", "sketchbook", "tools", "tests", ".github")]
    command = [sys.executable, "-m", "codespell_lib", "--toml", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [
            *command,
            "--skip",
            "*.safetensors,SHA256SUMS,*.json,__pycache__",
            *texts,
            *folders,
            tmp_path,
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout + done.stderr == ""


# --- what the README takes from elsewhere --------------------------------------------------------


def test_the_readme_has_the_results_and_times_that_there_are():
    text = (ROOT / "README.md").read_text("utf8")
    assert tables.written(text) == text, "run make figures"


def test_times_are_read_from_the_notebooks():
    assert tables.minutes("**Time**: about 45 minutes. **Before**") == 45
    assert tables.minutes("**Time**: about an hour. ") == 60
    assert (
        tables.minutes("**Time**: five minutes to the first map, half an hour for all of it.") == 30
    )
    with pytest.raises(ValueError, match="Time"):
        tables.minutes("no word of it")


# --- forms and workflows -------------------------------------------------------------------------


def test_the_issue_forms_ask_for_what_helps():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    for name, asks in (("mistake", {"where", "what", "why"}), ("setup", {"did", "doctor"})):
        form = yaml.safe_load((folder / f"{name}.yml").read_text("utf8"))
        assert {"name", "description", "body"} <= form.keys()
        assert {part["id"] for part in form["body"]} == asks
        assert all(part["attributes"]["label"] for part in form["body"])
    assert "make doctor" in (folder / "setup.yml").read_text("utf8")


@pytest.fixture
def flows():
    """The workflows, by name."""
    found = (ROOT / ".github/workflows").iterdir()
    return {path.stem: yaml.safe_load(path.read_text("utf8")) for path in found}


def test_a_workflow_may_do_what_it_is_for_and_ends(flows):
    may = {"address": {"contents"}, "pages": {"pages", "id-token"}}  # write
    for name, flow in flows.items():
        rights = flow["permissions"]
        assert {right for right in rights if rights[right] == "write"} == may.get(name, set())
        assert flow["concurrency"]["group"].startswith(name)
        assert all(job["timeout-minutes"] <= 60 for job in flow["jobs"].values())


def test_a_forks_pages_carry_its_own_address(flows):
    """What address.yml commits starts no run: GitHub leaves out what its own token pushes."""
    said = [step.get("run", "") for step in flows["pages"]["jobs"]["pages"]["steps"]]
    stamp = next(i for i, run in enumerate(said) if "tools.links" in run)
    assert "GITHUB_REPOSITORY" in said[stamp] and "make site" in said[stamp + 1]
    assert "GitHub Actions" in (ROOT / "README.md").read_text("utf8")  # the owner turns them on


def test_a_newer_push_ends_the_older_run_and_nothing_runs_twice(flows):
    on = flows["test"][True]  # YAML's own reading of "on"
    assert on["push"] == {"branches": ["main"]} and "pull_request" in on
    assert flows["test"]["concurrency"]["cancel-in-progress"] is True
    assert flows["weekly"][True]["schedule"]
