"""The pages of the course, built from the stored notebooks and opened from disk, offline.

Nothing is asked of any network, every link leads somewhere, and the front page's board is alive.
"""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from tools import links, site

pytestmark = pytest.mark.browser

SECONDS = 1000  # playwright counts in milliseconds
TOTAL, FIRST = 25e6, 1.5e6  # bytes
BOARD = ".cam-live[data-kind=board]"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


@pytest.fixture(scope="session")
def names(folder) -> list[str]:
    return sorted(path.name for path in folder.glob("*.html"))


@pytest.fixture
def visit(browser, folder):
    """Opens pages from disk; in the end no console said anything, and nothing left the folder."""
    contexts, said, asked = [], [], []

    def visit(name: str, theme: str = "light", width: int = 1200):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60 * SECONDS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / name).as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    home = folder.as_uri()
    assert said == []
    own = (home, "data:", "blob:")  # what the page itself holds or made
    assert [url for url in asked if not url.startswith(own)] == []


class Seen(HTMLParser):
    """What a page refers to, and what it can be referred to by."""

    def __init__(self) -> None:
        super().__init__()
        self.links, self.sources, self.ids = [], [], []
        self.images = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.links += [given["href"]] if tag == "a" else []
        self.sources += [given["src"]] if "src" in given else []
        self.sources += [given["href"]] if tag == "link" else []
        self.ids += [given["id"]] if "id" in given else []
        self.images += [given] if tag == "img" else []


@pytest.fixture(scope="session")
def pages(folder, names) -> dict[str, Seen]:
    seen = {name: Seen() for name in names}
    for name, page in seen.items():
        page.feed((folder / name).read_text("utf8"))
    return seen


# ---------------------------------------------------------------- as files


def test_every_notebook_has_its_page_and_stands_in_the_contents(pages):
    stems = [path.stem for path in site.all_notebooks()]
    assert set(pages) == {"index.html", "glossary.html", *(f"{stem}.html" for stem in stems)}
    for page in pages.values():
        assert [link for link in page.links if link in pages][1:][: len(stems) + 2] == [
            "index.html",
            *(f"{stem}.html" for stem in stems),
            "glossary.html",
        ]


def test_every_link_within_the_site_leads_somewhere(pages, folder):
    assert sum(len(page.links) for page in pages.values()) > 200
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), f"{name} has two elements of one id"
        for link in page.links:
            if link.startswith("https://"):
                assert links.NOWHERE not in link, f"{name}: {link} leads nowhere yet"
                continue
            there, _, place = link.partition("#")
            assert (there or name) in pages, f"{name}: {link}"
            assert not place or unquote(place) in pages[there or name].ids, f"{name}: {link}"
        for source in page.sources:
            assert source.startswith("data:") or (folder / source).is_file(), f"{name}: {source}"


def test_every_picture_has_its_words(pages):
    assert sum(len(page.images) for page in pages.values()) > 90
    for name, page in pages.items():
        for image in page.images:
            assert image["alt"].strip(), f"{name}: {image['src'][:60]}"


def test_no_mathematics_is_left_as_it_was_written(folder, names):
    for name in names:
        text = re.sub(
            r"<(script|style|pre|code)\b.*?</\1>", "", (folder / name).read_text(), flags=re.S
        )
        assert not re.search(r"\$[^$\s][^$]*\$|\\(?:sum|frac|text|begin)\b", text), name
    assert (folder / "01_formulas.html").read_text().count("<math") > 50


def test_formulas_are_in_the_names_that_a_screen_reader_lists(folder, names):
    """Chromium leaves MathML out of the name of a heading or a link."""
    found = []
    for name in names:
        text = (folder / name).read_text("utf8")
        assert not re.search(r"<p>[^<]*<div", text), f"{name}: a paragraph ends before its formula"
        for tag in re.findall(r"<(?:h\d|a)\b[^>]*>(?=(?:(?!</h\d>|</a>).)*<math)", text):
            assert "aria-label=" in tag, f"{name}: {tag}"
            found.append(tag)
    assert any('aria-label="4. P c: the softmax"' in tag for tag in found)


def test_what_cannot_be_set_is_an_error():
    with pytest.raises(ValueError, match="cannot be set"):
        site.mathml(r"\nosuchcommand x", "inline")


def test_the_pages_are_small(folder, pages):
    assert sum(path.stat().st_size for path in folder.rglob("*")) < TOTAL
    with_all = [
        folder / "index.html",
        *(folder / s for s in pages["index.html"].sources if s[:5] != "data:"),
    ]
    assert sum(path.stat().st_size for path in with_all) < FIRST


def test_the_only_scripts_are_ours(folder, names):
    for name in names:
        scripts = re.findall(r"<script\b([^>]*)>\s*(\S*)", (folder / name).read_text("utf8"))
        for attributes, first in scripts:
            ours = 'src="site.js"' in attributes or "application/json" in attributes
            assert ours or first == "(()", f"{name}: {attributes} {first}"


# ---------------------------------------------------------------- in a browser


def test_every_page_opens_and_its_pictures_load(visit, names):
    """At 600 pixels and at 1200, nothing is wider than the screen."""
    page = visit(names[0])
    for name in names:
        page.goto(page.url.rsplit("/", 1)[0] + f"/{name}")
        for width in (1200, 600):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is wider than {width} pixels"
        failed = page.evaluate(
            """async () => {
              const images = [...document.images].filter((i) => i.closest(":not([hidden])"));
              images.forEach((i) => (i.loading = "eager"));
              const done = await Promise.allSettled(images.map((i) => i.decode()));
              return done.filter((d) => d.status === "rejected").length;
            }"""
        )
        assert failed == 0, name


def test_the_theme_follows_the_system_until_it_is_chosen(visit):
    shade = "getComputedStyle(document.body).backgroundColor"
    figure = f"getComputedStyle(document.querySelector('{BOARD}')).backgroundColor"
    page = visit("index.html", "dark")
    assert page.evaluate(shade) == page.evaluate(figure) == "rgb(20, 25, 30)"
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(shade) == page.evaluate(figure) == "rgb(255, 255, 255)"
    page.reload()  # it is kept
    assert page.evaluate(shade) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(shade) == "rgb(20, 25, 30)"
    for wish, scrolls in (("no-preference", "smooth"), ("reduce", "auto")):
        page.emulate_media(reduced_motion=wish)
        style = "getComputedStyle(document.documentElement).scrollBehavior"
        assert page.evaluate(style) == scrolls


def test_the_search_leads_to_a_section(visit):
    page = visit("index.html")
    field = page.get_by_role("searchbox")
    field.fill("softmax shift")
    field.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    field.fill("upsampling sum")
    link = page.locator(".search a", has_text="What upsampling does to the sum")
    link.click()
    page.wait_for_url(re.compile(r"01_formulas\.html#"))
    assert page.evaluate("document.querySelector(':target').tagName") == "H2"


def test_nothing_serious_is_found_by_axe(visit, serious):
    page = visit("index.html")
    for name in ("index.html", "01_formulas.html", "glossary.html"):
        page.goto(page.url.rsplit("/", 1)[0] + f"/{name}")
        page.wait_for_function(
            "[...document.querySelectorAll('.cam-live')].every(e => e.dataset.state === 'alive')"
        )
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)
            assert serious(page) == [], f"{name}, {theme}"


# ---------------------------------------------------------------- the drawing board


def test_the_board_answers_on_the_front_page(visit):
    """Its numbers are held against PyTorch's in test_figures.py."""
    page = visit("index.html")
    page.wait_for_selector(f"{BOARD}[data-state=alive]")
    row = page.locator(f"{BOARD} .cl-class[data-name=bird]")
    before = row.get_attribute("data-score")
    page.locator(BOARD).get_by_role("application").press("ArrowRight")
    page.wait_for_function(
        "([row, before]) => row.dataset.score !== before", arg=[row.element_handle(), before]
    )


def written(pdf: bytes, key: str) -> list[str]:
    """The texts that stand in a PDF under a key; those with other letters than ASCII are UTF-16."""
    found = []
    for plain, coded in re.findall(
        rb"/%b (?:\(((?:\\.|[^\\)])*)\)|<([0-9A-F]*)>)" % key.encode(), pdf
    ):
        text = re.sub(rb"\\(.)", rb"\1", plain).decode("latin-1")
        found.append(bytes.fromhex(coded.decode()).decode("utf-16") if coded else text)
    return found


def test_a_printed_page_is_marked_for_a_screen_reader(visit):
    """Its language, its headings as an outline, the alt text of every picture and live figure."""
    page = visit("01_formulas.html")
    page.wait_for_function(
        "[...document.querySelectorAll('.cam-live')].every(e => e.dataset.state === 'alive')"
    )
    alts = page.evaluate(
        "[...document.images].filter(e => !e.closest('.cam-live')).map(e => e.alt)"
    )
    headings = page.locator("main h2").all_inner_texts()
    pdf = site.printed(page, "https://example.org/course/")
    figures = page.evaluate(
        "[...document.querySelectorAll('.cam-live canvas[role=img]')].map(e => e.ariaLabel)"
    )
    assert b"/StructTreeRoot" in pdf and b"/Marked true" in pdf
    assert set(written(pdf, "Lang")) == {"en"}
    assert len(headings) > 5 and len(written(pdf, "Title")) > len(headings)
    assert len(alts) > 6 and len(figures) > 3
    assert {*alts, *figures} <= set(written(pdf, "Alt"))
    titles = written(pdf, "Title")
    assert "Hints and solutions" in titles  # what paper does not unfold stands at its end
    assert [t for t in titles if t.startswith("Exercise 1") and t.endswith(": solution")]
    addresses = set(written(pdf, "URI"))
    assert "https://example.org/course/glossary.html#symbols" in addresses
    assert all(address.startswith("https://") for address in addresses)
    page.goto(page.url.rsplit("/", 1)[0] + "/glossary.html")
    page.evaluate(site.ON_PAPER, "")  # without pages no link to a folder of this computer's
    assert page.locator("a[href*='.html']").count() == 0
