"""Build the course as pages that need nothing: `make site`. And print them: `make pdf`.

One page for each notebook, from what is stored in it, one for the glossary, and a front page with
the drawing board. The pages load nothing from elsewhere, so they work from a folder on disk as they
do on a server: mathematics becomes MathML, pictures become files beside the pages, and the only
scripts are ours (tools/pages/site.js, and the live figures' own).
"""

import base64
import hashlib
import html
import io
import itertools
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tools import links
from tools.notebooks import ROOT, all_notebooks, read
from utils import live, models, results
from utils.live import page as figures

PAGES = Path(__file__).with_name("pages")
SITE, PDF = ROOT / "site", ROOT / "pdf"
SHOWN = ("text/html", "text/markdown", "text/plain")  # of an output; pictures are HTML by then
MARGIN = dict.fromkeys(("top", "bottom", "left", "right"), "16mm")
ON_PAPER = """(pages) => {
  for (const image of document.images) image.loading = "eager";
  for (const map of document.querySelectorAll("canvas[role=application]")) {
    map.setAttribute("role", "img"); // nothing moves there: it has the words of its still picture
    map.setAttribute("aria-label", map.closest(".cam-live").querySelector(".cl-still img").alt);
  }
  for (const link of document.querySelectorAll("a[href]")) {
    const there = link.getAttribute("href"); // another page: no file of this computer's
    if (!/^[\\w.-]+\\.html/.test(there)) continue;
    if (pages) link.href = pages + there;
    else link.removeAttribute("href");
  }
  const end = document.createElement("section"); // paper does not unfold
  end.innerHTML = "<h2>Hints and solutions</h2>";
  let exercise = "";
  for (const part of document.querySelectorAll("main :is(h2, h3, details)")) {
    if (part.tagName !== "DETAILS") {
      exercise = part.textContent;
      continue;
    }
    const kind = part.querySelector("summary").textContent;
    if (kind === "Hint" || kind === "Solution") {
      const heading = document.createElement("h3");
      heading.textContent = `${exercise}: ${kind.toLowerCase()}`;
      part.querySelector("summary").remove();
      end.append(heading, ...part.childNodes);
    }
    if (kind === "Solution") part.replaceWith("Hint and solution: on the last pages.");
    else part.remove();
  }
  if (end.children.length > 1) document.querySelector("main").append(end);
}"""
ROW = re.compile(
    r"^\| (\d\d) \| \[(.+?)\]\(notebooks/(\w+)\.ipynb\) \| ([^|]+) \| (.+?) \|$", re.MULTILINE
)
BADGE = re.compile(r"\[!\[Open In Colab\]\([^)]*\)\]\([^)]*\)\s*")
HEADING = re.compile(r'<h([23]) id="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
NAMED = re.compile(r"(<mi>(?:exp|log|max|min)</mi>)(?!<mo|</)")  # functions: a space follows
MAP = r"M_c(x, y) = \sum_k w_k^c f_k(x, y)"


@dataclass
class Notebook:
    """A notebook of the course, as README's table lists it."""

    number: str
    title: str
    stem: str
    time: str
    words: str
    colab: str  # addresses, "" as long as the course has none
    source: str
    before: "Notebook | None" = None
    after: "Notebook | None" = None


def notebooks(root: Path = ROOT) -> list[Notebook]:
    """Those of README's table, in order. Raises ValueError for one that is not there."""
    slug, found = links.address(root), []
    for number, title, stem, time, words in ROW.findall((root / "README.md").read_text("utf8")):
        if not (root / "notebooks" / f"{stem}.ipynb").exists():
            raise ValueError(f"README.md lists {stem}.ipynb, which is not in notebooks")
        at = f"github.com/{slug}/blob/main/notebooks/{stem}.ipynb"
        places = f"https://colab.research.google.com/{at.replace('.com', '', 1)}", f"https://{at}"
        places = ("", "") if slug == links.NOWHERE else places
        found.append(Notebook(number, title, stem, time, words, *places))
    for one, other in itertools.pairwise(found):
        one.after, other.before = other, one
    return found


# ---------------------------------------------------------------- text and code


class Renderer(IPythonRenderer):
    """Markdown to HTML: mathematics as MathML, headings with addresses, links within the site."""

    def __init__(self, slug: str, seen: set[str]) -> None:
        super().__init__(escape=False)
        self.slug, self.seen = slug, seen

    def block_math(self, body: str) -> str:
        """$$...$$, which may scroll where it is wider than the page."""
        return f'<span class="scroll">{mathml(body, "block")}</span>'  # a paragraph holds no div

    def inline_math(self, body: str) -> str:
        """$...$ in a line."""
        return mathml(body, "inline")

    def heading(self, text: str, level: int, **_: Any) -> str:
        """A heading whose address is its words; each only once in a page."""
        name = re.sub(r"\W+", "-", plain(text).lower()).strip("-") or "section"
        while name in self.seen:
            name += "-"
        self.seen.add(name)
        return f'<h{level} id="{name}"{heard(text)}>{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Notebooks and the glossary are pages; the package's files are where the sources are."""
        url = re.sub(r"^(\w+)\.ipynb(?=$|#)", r"\1.html", url)
        url = re.sub(r"^(?:\.\./)?GLOSSARY\.md(?=$|#)", "glossary.html", url)
        if url.startswith("../") and self.slug == links.NOWHERE:
            return text  # it has no sources yet that a link could lead to
        url = re.sub(r"^\.\./", f"https://github.com/{self.slug}/blob/main/", url)
        return str(super().link(text, url, title))

    def table(self, text: str) -> str:
        """A table, which may scroll where it is wider than the page."""
        return f'<div class="scroll"><table>\n{text}</table></div>\n'


def mathml(latex: str, display: str) -> str:
    """LaTeX as MathML. Raises ValueError for what would stand there as a command."""
    made = NAMED.sub(r'\1<mspace width="0.17em"/>', convert(latex.strip(), display=display))
    if "\\" in made:
        raise ValueError(f"this cannot be set: ${latex}$")
    return made


def plain(text: str) -> str:
    """HTML without its marks."""
    return html.unescape(TAG.sub("", text)).strip()


def heard(text: str, apart: str = " ") -> str:
    """The attribute that names a heading or a link with formulas; browsers leave these out.

    The signs of a formula stand apart, to be read one by one; in a link they may not, for its name
    has to hold what is to be seen.
    """
    if not MATH.search(text):
        return ""
    signs = MATH.sub(lambda found: apart.join(TAG.sub(" ", found[0]).split()), text)
    return f' aria-label="{html.escape(plain(signs))}"'


def code(source: str) -> str:
    """Python, with its words marked."""
    return highlight(source, PythonLexer(), HtmlFormatter(wrapcode=True))


# ---------------------------------------------------------------- pages


def without_pictures(nb: NotebookNode, folder: Path, render: Callable[[str], str]) -> None:
    """Pictures become files in `folder`/images, and figures with caption in the notebook."""
    for cell in (c for c in nb.cells if c.cell_type == "code"):
        captions = []  # of pictures, put into the next output by plots.show
        for output, below in zip(cell.outputs, [*cell.outputs[1:], NotebookNode()], strict=False):
            for kind in ("png", "jpeg"):
                if f"image/{kind}" in output.get("data", {}):
                    raw = base64.b64decode(output.data[f"image/{kind}"])
                    about = output.metadata[f"image/{kind}"]
                    caption = below.get("data", {}).get("text/markdown", "")
                    output.data = {"text/html": figure(raw, kind, about, render(caption), folder)}
                    captions += [below] if caption else []
        cell.outputs = [o for o in cell.outputs if not any(o is caption for caption in captions)]


def figure(raw: bytes, kind: str, about: dict[str, Any], caption: str, folder: Path) -> str:
    """One picture, stored under the hash of its bytes, with its caption, which is HTML."""
    name = f"images/{hashlib.sha256(raw).hexdigest()[:12]}.{kind}"
    (folder / name).write_bytes(raw)
    width, height = Image.open(io.BytesIO(raw)).size
    shown = about.get("width", width)
    heard = ' aria-hidden="true"' if plain(caption) == about["alt"].strip() else ""
    return (
        f'<figure><img src="{name}" alt="{html.escape(about["alt"])}" width="{shown}" '
        f'height="{round(shown * height / width)}" loading="lazy">'
        f"<figcaption{heard}>{caption}</figcaption></figure>"
    )


def best(data: dict[str, Any]) -> list[str]:
    """The kind of an output that is shown."""
    return [kind for kind in SHOWN if kind in data][:1]


def sections(page: str) -> str:
    """The second headings of a page, as a list of links for its contents."""
    found = [(name, words) for level, name, words in HEADING.findall(page) if level == "2"]
    items = "".join(
        f'<li><a href="#{name}"{heard(words, "")}>{words}</a></li>' for name, words in found
    )
    return f"<ol>{items}</ol>" if items else ""


def notebook_page(n: Notebook, about: dict[str, Any], folder: Path) -> str:
    """The page of one notebook; its pictures go into `folder`."""
    nb = read(ROOT / "notebooks" / f"{n.stem}.ipynb")
    nb.cells[0].source = BADGE.sub("", nb.cells[0].source).replace(links.NO_COLAB, "")
    markdown = MarkdownWithMath(renderer=Renderer(links.address(), {"main", "contents"}))
    without_pictures(nb, folder, markdown.render)
    exporter = HTMLExporter(
        template_name="pages",
        extra_template_basedirs=[str(PAGES.parent)],
        filters={"text_of": markdown.render, "code_of": code, "filter_data_type": best},
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    # Not by HTMLExporter itself: it would parse the page, to add alt texts that are there already.
    page, _ = TemplateExporter.from_notebook_node(exporter, nb, {"site": about, "notebook": n})
    return page.replace("<!-- sections -->", sections(page.split("<main", 1)[1]), 1)


def board() -> str:
    """The drawing board as HTML, as a notebook would store it."""
    shown: list[dict[str, str]] = []
    before, figures.display = figures.display, lambda bundle, **_: shown.append(bundle)
    try:
        live.board(models.load("objects-gap"))
    finally:
        figures.display = before
    return shown[0]["text/html"]


def findings(listed: list[Notebook]) -> Iterator[dict[str, Any]]:
    """Rows of the front page's table, from results.json."""

    def of(name: str, key: str) -> str:
        return results.spread(results.values(name, key))

    def row(stem: str, asked: str, answer: str, beside: str) -> dict[str, Any]:
        notebook = next(n for n in listed if n.stem == stem)
        return {"notebook": notebook, "asked": asked, "answer": answer, "beside": beside}

    yield row(
        "03_gap_or_gmp",
        "Does average pooling cost accuracy? Ten things",
        f"average: {of('objects-gap', 'top1')}",
        f"maximum: {of('objects-gmp', 'top1')}; fully connected: {of('objects-fc', 'top1')}",
    )
    yield row(
        "06_linear_svm",
        "Does a box from a map help to tell bird species apart?",
        f"its crop: {of('birds', 'crop_at_chosen')}",
        f"whole picture: {of('birds', 'full')}; a crop as large in the middle: "
        f"{of('birds', 'crop_centred')}; the true box: {of('birds', 'true_box')}",
    )
    yield row(
        "08_text_and_questions",
        "Does the map's maximum lie on the text, which no label ever placed?",
        f"yes: {of('text', 'max_on_text_280')}",
        f"a place by chance: {of('text', 'area')}",
    )
    yield row(
        "08_text_and_questions",
        "Questions about a picture, answered right",
        f"picture and words: {of('questions', 'own')}",
        f"words alone: {of('questions', 'words')}; picture alone: {of('questions', 'picture')}",
    )


def glossary_page(about: dict[str, Any]) -> str:
    """GLOSSARY.md as a page; its headings have the addresses that they have on GitHub."""
    markdown = MarkdownWithMath(renderer=Renderer(links.address(), {"main", "contents"}))
    environment = HTMLExporter(
        template_name="pages", extra_template_basedirs=[str(PAGES.parent)]
    ).environment
    return environment.get_template("glossary.html.j2").render(
        site=about,
        text=markdown.render((ROOT / "GLOSSARY.md").read_text("utf8")),
        words="The symbols and terms of a course on Class Activation Mapping, to look up.",
    )


def front_page(about: dict[str, Any]) -> str:
    """The first page: the board, how to start, the notebooks, what comes out."""
    environment = HTMLExporter(
        template_name="pages", extra_template_basedirs=[str(PAGES.parent)]
    ).environment
    return environment.get_template("front.html.j2").render(
        site=about,
        board=board(),
        equation=mathml(MAP, "inline"),
        results=list(findings(about["notebooks"])),
        seeds=len(results.runs("birds")),
        words="A hands-on course on Class Activation Mapping, with a network in the page.",
    )


def index(pages: dict[str, str]) -> list[list[str]]:
    """What the search knows: [address, page, section, words] of each section."""
    found = []
    for name, page in pages.items():
        title = html.unescape(page.split("<title>")[1].split("</title>")[0])
        body = page.split('<main id="main">')[1].split("</main>")[0]
        body = re.sub(r"<(script|style)\b.*?</\1>", " ", body, flags=re.DOTALL)
        pieces = HEADING.split(body)
        found.append([name, title, "", words_of(pieces[0])])
        for _, address, heading, text in zip(*(pieces[i::4] for i in range(1, 5)), strict=True):
            found.append([f"{name}#{address}", title, plain(heading), words_of(text)])
    return found


def words_of(text: str) -> str:
    """The words of a piece of HTML, each once, in small letters."""
    return " ".join(dict.fromkeys(re.findall(r"[\w-]{2,}", plain(TAG.sub(" ", text)).lower())))


def build(folder: Path = SITE) -> dict[str, int]:
    """Write all pages into `folder`, which is emptied first; return how large each file is."""
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "images").mkdir(parents=True)
    address = links.address()
    about = {
        "notebooks": notebooks(),
        "address": f"https://github.com/{address}",
        "folder": address.split("/")[1],
    }
    pages = {"index.html": front_page(about), "glossary.html": glossary_page(about)}
    for n in about["notebooks"]:
        pages[f"{n.stem}.html"] = notebook_page(n, about, folder)
    for name, text in pages.items():
        (folder / name).write_text(text, "utf8")
    text = json.dumps(index(pages), ensure_ascii=False, separators=(",", ":"))
    (folder / "search.js").write_text(f"searched({text});\n", "utf8")
    for name in ("site.css", "site.js"):
        shutil.copy(PAGES / name, folder)
    (folder / ".nojekyll").touch()  # GitHub Pages serves the files as they are
    return {p.name: p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}


def print_pages(folder: Path, target: Path) -> None:
    """Print the page of every notebook, and the glossary, as PDF (A4), by Chromium."""
    from playwright.sync_api import sync_playwright

    target.mkdir(exist_ok=True)
    system = Path("/usr/bin/chromium")
    options = {"executable_path": str(system)} if system.exists() else {}
    with sync_playwright() as p:
        browser = p.chromium.launch(args=["--no-sandbox"], **options)
        for name in [*(n.stem for n in notebooks()), "glossary"]:
            page = browser.new_page(color_scheme="light")
            page.goto((folder / f"{name}.html").as_uri())
            (target / f"{name}.pdf").write_bytes(printed(page, links.pages()))
            page.close()


def printed(page: Any, pages: str = "") -> bytes:
    """A page in the browser as PDF, with its headings, tables and alt texts marked for a reader.

    Links to other pages go to `pages`, where these are to be read; without, they are words only.
    """
    page.evaluate(ON_PAPER, pages)
    page.wait_for_load_state("networkidle")
    return page.pdf(format="A4", margin=MARGIN, tagged=True, outline=True)


def main(arguments: list[str]) -> int:
    """Build, and say what there is; with "pdf", print it, too."""
    missing = {path.stem for path in all_notebooks()} - {n.stem for n in notebooks()}
    if missing:
        print(f"README.md does not list {', '.join(sorted(missing))}: no pages for these")
        return 1
    sizes = build()
    megabytes = sum(sizes.values()) / 1e6
    print(f"{len(sizes)} files, {megabytes:.1f} MB. Open {(SITE / 'index.html').as_uri()}")
    if "pdf" in arguments:
        print_pages(SITE, PDF)
        print(f"Printed into {PDF}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
