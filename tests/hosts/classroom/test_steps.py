"""The steps by themselves: whose file it is, what is later, tables, and refusals."""

import importlib.util
import io
import json
import sys
import urllib.request
import zipfile

import pytest
from pupils import SLUG, answered, handed_out, text_of

from tools.classroom import collect, container, folder, grade, grades, release
from tools.classroom.sandbox import Report
from tools.classroom.source import assignment

WORK = assignment("a1_formulas")


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("Ana Ruiz_4711_assignsubmission_file_/a1_formulas.ipynb", "Ana-Ruiz_4711"),
        ("Ana Ruiz_4711_assignsubmission_file_a1_formulas.ipynb", "Ana-Ruiz_4711"),
        ("ruizana_4711_90210_a1_formulas.ipynb", "ruizana_4711"),
        ("ruizana_LATE_4711_90210_a1_formulas-2.ipynb", "ruizana_4711"),
        ("submitted/ana/a1_formulas/a1_formulas.ipynb", "ana"),
        ("a1_formulas-ana/a1_formulas.ipynb", "ana"),
        ("ana/a1_formulas (1).ipynb", "ana"),
        ("ana.ipynb", "ana"),
        ("ana_a1_formulas.ipynb", "ana"),
        ("a1_formulas_ana.ipynb", "ana"),
        ("../../ana/a1_formulas.ipynb", "ana"),
    ],
)
def test_whose_file_it_is(path, who):
    assert collect.owner(path, "a1_formulas") == who


def test_a_file_that_says_nobody_s_name_is_rejected():
    with pytest.raises(collect.Rejected, match="whose it is"):
        collect.owner("a1_formulas.ipynb", "a1_formulas")


@pytest.fixture
def place(tmp_path):
    folder.settings(tmp_path / "class")
    return tmp_path / "class"


def zipped(path, **dates):
    """An archive with a notebook for each year."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, year in dates.items():
            info = zipfile.ZipInfo(f"ana/a1_formulas{name}.ipynb", (year, 1, 1, 0, 0, 0))
            archive.writestr(info, text_of(answered(WORK, words=f"of {year}")))
    return path


def test_the_later_of_two_counts_whatever_its_place(tmp_path, place):
    rows = collect.take([zipped(tmp_path / "a.zip", _b=2025, _a=2026, _c=2024)], place)
    assert [row[3].split(":")[0] for row in rows].count("taken") == 1
    assert folder.read(place / "collected/a1_formulas/ana.json")["written"] == "of 2026"
    rows = collect.take([zipped(tmp_path / "b.zip", _d=2023)], place)
    assert rows[0][3] == "not used: a later one was collected before"
    assert folder.read(place / "collected/a1_formulas/ana.json")["written"] == "of 2026"
    collect.take([zipped(tmp_path / "c.zip", _e=2027)], place)
    assert folder.read(place / "collected/a1_formulas/ana.json")["written"] == "of 2027"


@pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators there")
def test_a_damaged_archive_and_a_link_stop_nobody(tmp_path, place):
    files = tmp_path / "files"
    (files / "ana").mkdir(parents=True)
    (files / "ana" / "a1_formulas.ipynb").write_text(text_of(answered(WORK)))
    (files / "bad.zip").write_bytes(b"PK\x03\x04 nothing")
    (files / "link.ipynb").symlink_to(files / "ana" / "a1_formulas.ipynb")
    rows = {row[0]: row[3] for row in collect.take([files], place)}
    assert rows["bad.zip/bad.zip"].startswith("REJECTED: the archive is damaged")
    assert rows["ana/a1_formulas.ipynb"] == "taken"
    assert len(rows) == 2


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path, place):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ana/a1_formulas.ipynb", b" " * (collect.MOST * 5))
    ((_, _, _, said),) = collect.take([path], place)
    assert said.startswith("REJECTED: it is larger than 20 MB")


def test_with_several_jails_everybody_is_graded_once_and_said(tmp_path, place, monkeypatch, capsys):
    for who in ("ana", "ben", "cleo"):
        (tmp_path / f"{who}.ipynb").write_text(text_of(handed_out(WORK)))
    collect.take([tmp_path / f"{who}.ipynb" for who in ("ana", "ben", "cleo")], place)
    jails = []

    class Jail:
        """Finds no answer in anything."""

        words = "no jail"

        def __init__(self, secret, unprotected):
            jails.append(secret)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def prepare(self, cells):
            pass

        def attempt(self, cells, questions):
            return Report({}, {}, [], [], [])

    monkeypatch.setattr(grade, "Sandbox", Jail)
    assert sorted(grade.grade(place, workers=2)["a1_formulas"]) == ["ana", "ben", "cleo"]
    assert jails == [[place], [place]]
    assert capsys.readouterr().out.count(": 0 of 17; no answer in words\n") == 3
    assert grade.grade(place, workers=2) == {"a1_formulas": {}}


def test_grading_in_a_container_hands_on_what_was_asked(place, monkeypatch):
    calls = []
    monkeypatch.setattr(container, "grade", lambda *given: calls.append(given) or 3)
    at = ["--class", str(place), "--container", "podman"]
    assert grade.main([*at, "--student", "ana", "--question", "difference_map"]) == 3
    asked = ["--student", "ana", "--question", "difference_map", "--workers", "1"]
    assert calls == [("podman", container.IMAGE, place, asked, 1)]


def test_another_seed_for_the_same_class_is_refused(place):
    with pytest.raises(ValueError, match="CLASS=my-class-2027"):
        folder.settings(place, 2027)
    assert folder.settings(place)["seed"] == 1


def test_another_seed_is_another_variant(tmp_path, capsys):
    for seed in ("1", "2027"):
        assert release.main(["--class", str(tmp_path / seed), "--seed", seed, "a1_formulas"]) == 0
    one, two = (
        json.loads((tmp_path / s / "release/a1_formulas.ipynb").read_text()) for s in ("1", "2027")
    )
    differ = [a["id"] for a, b in zip(one["cells"], two["cells"], strict=True) if a != b]
    assert differ == ["a1-c0", "a1-c1-setup", "a1-c2-checks"]  # the way to Colab is the first
    capsys.readouterr()


def test_the_public_variant_is_that_of_seed_1(tmp_path, capsys):
    given = ["--class", str(tmp_path / "mine"), "--to", str(folder.ROOT / "assignments")]
    assert folder.told(release.main, [*given, "--seed", "2027"]) == 1
    assert "holds the variant of seed 1. Leave TO= out for your own" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_a_release_written_elsewhere_is_the_class_s_own(tmp_path, capsys):
    place = tmp_path / "mine"
    folder.settings(place, 2027)
    given = ["--class", str(place), "--to", str(tmp_path / "web"), "a1_formulas"]
    assert release.main(given) == 0
    assert "SEED = 2027" in (tmp_path / "web/a1_formulas.ipynb").read_text("utf8")
    assert "seed 2027" in capsys.readouterr().out


def test_hidden_cases_follow_from_a_secret_of_the_class(tmp_path):
    seeds = {folder.hidden_seed(tmp_path / name, "a1_formulas") for name in ("a", "b", "c")}
    assert len(seeds) == 3
    assert folder.hidden_seed(tmp_path / "a", "a1_formulas") in seeds
    assert folder.hidden_seed(tmp_path / "a", "a2_gap_or_gmp") not in seeds


def test_a_text_that_a_spreadsheet_would_run_is_disarmed():
    table = folder.table([["=1+1", "@x", "fine", -3, 0.5]])
    assert table == "'=1+1,'@x,fine,-3,0.5\r\n"


def test_canvas_gets_back_the_export_it_gave():
    line = grades.Line({"a": 3.0, "b": 1.5}, [])
    unread = grades.Line({"a": 3.0, "b": None}, [])
    roster = [
        [*grades.CANVAS, "Old work (7)"],
        ["    Points Possible", "", "", "", "", "10"],
        ["Ruiz, Ana", "4711", "s1", "ana", "A", "8"],
        ["Roy, Ben", "4712", "s2", "ben", "A", ""],
        ["Sun, Cleo", "4713", "s3", "cleo", "A", ""],
    ]
    results = {"a1_formulas": {"ruizana_4711": line, "Ben-Roy": line, "cleo": unread, "dan": line}}
    filled, missing = grades.filled(roster, results)
    assert [row[-1] for row in filled] == ["a1_formulas", f"{WORK.total:g}", "4.5", "4.5", ""]
    assert missing == ["dan"]
    assert all(row[:6] == old for row, old in zip(filled, roster, strict=True))


def test_moodle_gets_the_name_in_two_columns_and_its_numbers_are_no_id_numbers():
    line = grades.Line({"a": 3.0, "b": 1.5}, [])
    roster = [
        ["First name", "Last name", "ID number", "Email address"],
        ["Ana", "Ruiz", "77", "ana.r@x.org"],
        ["Ben", "Roy", "4711", "roy@x.org"],
        ["Cleo", "Sun", "79", "sun@x.org"],
        ["Cleo", "Sun", "80", "sun2@x.org"],
    ]
    results = {"a1_formulas": {"Ana-Ruiz_4711": line, "Cleo-Sun_5": line, "roy_3": line}}
    filled, missing = grades.filled(roster, results)
    assert [row[-1] for row in filled] == ["a1_formulas", "4.5", "4.5", "", ""]
    assert missing == ["Cleo-Sun_5"]


def test_a_student_whom_moodle_numbers_anew_is_one_student_and_namesakes_are_two():
    line = grades.Line({}, [])
    results = {
        "a1_formulas": {"Ana-Ruiz_1": line, "Cleo-Sun_2": line, "Cleo-Sun_3": line, "ben": line},
        "a2_gap_or_gmp": {"Ana-Ruiz_7": line, "Cleo-Sun_8": line, "dan_9": line},
    }
    found = grades.together(results)
    assert list(found["a1_formulas"]) == ["Ana-Ruiz", "Cleo-Sun_2", "Cleo-Sun_3", "ben"]
    assert list(found["a2_gap_or_gmp"]) == ["Ana-Ruiz", "Cleo-Sun_8", "dan_9"]


@pytest.mark.parametrize(
    ("step", "words"),
    [(collect, "Say where they are"), (grades, "make grade first")],
)
def test_a_step_without_its_input_says_what_to_do(step, words, tmp_path, capsys):
    assert folder.told(step.main, ["--class", str(tmp_path)]) == 1
    assert words in capsys.readouterr().err


@pytest.fixture
def set_up(monkeypatch, tmp_path):
    """Runs the set-up cell in a folder; gives what it puts on the path."""
    setup = next(c.source for c in handed_out(WORK).cells if c.metadata.get("role") == "setup")

    def run(where):
        monkeypatch.chdir(where)
        monkeypatch.setattr(sys, "path", list(sys.path))
        before = list(sys.path)
        exec(setup, {})
        return [place for place in sys.path if place not in before] or sys.path[:1]

    return run


def test_the_set_up_finds_the_course_above(set_up):
    assert set_up(folder.ROOT / "notebooks") == [str(folder.ROOT)]


def test_the_set_up_fetches_the_course_into_an_empty_folder(set_up, tmp_path, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("cam-course-main/utils/check/handout.py", "")
    asked = []

    def fetched(url, timeout):
        asked.append(url)
        return io.BytesIO(packed.getvalue())

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(urllib.request, "urlopen", fetched)
    assert set_up(tmp_path) == [str(tmp_path / "cam-course-main")]
    assert asked == [f"https://github.com/{SLUG}/archive/refs/heads/main.zip"]
    assert set_up(tmp_path) == [str(tmp_path / "cam-course-main")]
    assert len(asked) == 1, "it is fetched once"


def test_the_set_up_says_what_to_do_without_internet(set_up, tmp_path, monkeypatch):
    def fails(url, timeout):
        raise OSError("no route to host")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(urllib.request, "urlopen", fails)
    with pytest.raises(SystemExit, match=r"cannot be fetched\. Put this notebook into it"):
        set_up(tmp_path)
