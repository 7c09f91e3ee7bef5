"""The measuring command: its numbers, its errors, its interruptions, alone and in two processes."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from PIL import Image

import sketchbook
from utils import cam, localization, models, networks, photos
from utils.evaluate import __main__ as command
from utils.evaluate import blocks, figures, measure, store

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
N = 14


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A course network with random weights: its maps are as good as any for checking sums."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("network") / "random.safetensors"
    names = sketchbook.objects(1).class_names
    models.save(models.CourseNetwork(n_classes=10), path, {"n_classes": 10}, names)
    return path


def run(out, network, *more, data="sketchbook"):
    return command.main(["--data", data, "--network", str(network), "--out", str(out), *more])


def results(out):
    (folder,) = out.iterdir()
    with open(folder / "pictures.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, json.loads((folder / "summary.json").read_text()), folder


@pytest.fixture(scope="module")
def alone(network, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    assert run(out, network, "--pictures", str(N)) == 0
    return out


def torchrun(*arguments, threads=1):
    """The command in two processes, on this machine, without a GPU."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*command, "-m", "utils.evaluate", *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def in_frame(pixels):
    """(N, 112, 112) -> (N, 224, 224): each pixel becomes four."""
    return pixels.repeat_interleave(2, 1).repeat_interleave(2, 2)


# ---------------------------------------------------------------- the numbers


def test_the_figures_are_those_of_the_functions(network, alone):
    rows, summary, _ = results(alone)
    figures = summary["per cent"]
    pictures, net = sketchbook.objects(N, seed=command.SEED), models.load(network)
    x = net.prepare(pictures.images)
    S, M = net(x, own=pictures.labels)
    large, frame = (cam.upsample(M, (side, side), net.cells(x))[:, 0] for side in (112, 224))
    mine = torch.stack([localization.box_from_map(m, 0.2, "minmax") for m in large])
    assert [[int(row[s]) for s in ("x0", "y0", "x1", "y1")] for row in rows] == mine.tolist()
    wsol = localization.records(frame, 2 * pictures.boxes)
    best, threshold = localization.max_box_acc(wsol)
    whole = localization.whole_picture(N, 112, 112)
    wanted = {
        "classification top-1": (S.argmax(1) == pictures.labels).double().mean().item(),
        "localization top-1": localization.top_k_localization(
            S, pictures.labels, mine, pictures.boxes
        ),
        "localization top-5": localization.top_k_localization(
            S, pictures.labels, mine, pictures.boxes, 5
        ),
        "localization GT-known": localization.gt_known(mine, pictures.boxes),
        "MaxBoxAcc": best,
        "MaxBoxAcc threshold": threshold / 100,
        "MaxBoxAccV2": localization.max_box_acc_v2(wsol),
        "whole picture": localization.gt_known(whole, pictures.boxes),
        "PxAP": localization.pxap(frame, in_frame(pictures.masks)),
        "PxAP of a centred Gaussian": localization.pxap(
            localization.centred_map(224, 224).expand(N, 224, 224), in_frame(pictures.masks)
        ),
        "PxAP of a flat map": pictures.masks.double().mean().item(),
    }
    for name, share in wanted.items():
        assert figures[name] == round(100 * share, 2), name
    side = figures["best centred box side"]
    centred = localization.centred_boxes(112, 112, [side]).expand(N, 4)
    share = localization.gt_known(centred, pictures.boxes)
    assert figures["best centred box"] == round(100 * share, 2)


def test_the_threshold_and_the_scaling_are_used(network, tmp_path):
    assert (
        run(tmp_path, network, "--pictures", "4", "--threshold", "0.5", "--normalize", "max") == 0
    )
    pictures, net = sketchbook.objects(4, seed=command.SEED), models.load(network)
    for row, m in zip(results(tmp_path)[0], networks.maps_of(net, pictures), strict=True):
        wanted = localization.box_from_map(m, 0.5, "max").tolist()
        assert [int(row[s]) for s in ("x0", "y0", "x1", "y1")] == wanted


def test_the_table_says_everything(alone, network, capsys):
    assert run(alone, network, "--pictures", str(N)) == 0  # nothing is measured again
    said = capsys.readouterr().out
    for words in ("14 pictures of sketchbook", "top-1", "top-5", "GT-known", "localization at 0.2",
                  "MaxBoxAcc, at 0.", "MaxBoxAccV2", "PxAP, pixels", "whole picture",
                  "centred box, side", "PxAP of a flat map", "±",
                  "chosen on these pictures", "pictures.csv"):  # fmt: skip
        assert words in said


def measured(network, picture):
    return measure.measure_picture(models.load(network), picture, 112, 0.2, "minmax")


def counts_of(row):
    return [store.unpacked(row[name]) for name in store.PIXELS]


def test_pixels_are_counted_against_the_mask_and_without_the_ignored(network):
    picture = sketchbook.objects(1, seed=3)[0]
    ignore = torch.zeros(112, 112, dtype=torch.bool)
    ignore[:, :30] = True
    kept = in_frame((picture.mask & ~ignore)[None]).sum()
    for counts in counts_of(measured(network, picture._replace(ignore=ignore))):
        assert counts.shape == (2, 1001)
        assert counts.sum() == 4 * 112 * 82 and counts[1].sum() == kept
    assert all(counts.sum() == 4 * 112 * 112 for counts in counts_of(measured(network, picture)))


def test_a_mask_of_any_shape_comes_into_the_frame(network):
    mask = torch.zeros(90, 60, dtype=torch.bool)
    mask[45:, :20] = True  # half of the height, a third of the width
    picture = sketchbook.objects(1)[0]
    picture = picture._replace(image=picture.image[:, :90, :60], mask=mask)
    own, centred = counts_of(measured(network, picture))
    assert own[1].sum() == centred[1].sum() == 112 * 75


def test_without_masks_there_is_no_pxap(network):
    rows = [measured(network, picture) for picture in sketchbook.objects(3)]
    assert {"PxAP", "MaxBoxAcc"} <= figures.summarize(rows, 0.2).keys()
    rows.append(measured(network, sketchbook.objects(1)[0]._replace(mask=None)))
    assert rows[-1]["pixels"] == rows[-1]["pixels_centred"] == ""
    assert not any("PxAP" in name for name in figures.summarize(rows, 0.2))


def test_an_output_without_the_cross_still_shows_the_table(alone, network, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", output)
    assert run(alone, network, "--pictures", str(N)) == 0
    output.flush()
    said = output.buffer.getvalue().decode("ascii")
    assert "input 112 ? 112" in said and "pictures.csv" in said


# ---------------------------------------------------------------- interruptions and settings


def test_a_stopped_run_goes_on_where_it_was(network, alone, tmp_path, monkeypatch, capsys):
    calls, row_of = [], measure.row

    def stopping(S, M, truth, asked):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(truth.name)
        return row_of(S, M, truth, asked)

    monkeypatch.setattr(measure, "row", stopping)
    assert run(tmp_path, network, "--pictures", str(N)) == 130
    assert "goes on from there" in capsys.readouterr().out
    (part,) = tmp_path.glob("*/part-0.csv")
    assert part.read_text().count("\n") == 6
    with open(part, "a") as file:
        file.write("00005,3,2,1,0,0,11")  # killed while it wrote this line

    again = []
    monkeypatch.setattr(measure, "row", lambda *a: again.append(1) or row_of(*a))
    assert run(tmp_path, network, "--pictures", str(N)) == 0
    assert len(again) == N - 5
    (folder,) = tmp_path.iterdir()
    assert sorted(p.name for p in folder.iterdir()) == [
        "pictures.csv", "settings.json", "summary.json",
    ]  # fmt: skip
    for file in folder.iterdir():
        assert file.read_text() == (results(alone)[2] / file.name).read_text()


@pytest.mark.parametrize(
    ("option", "value"), [("--threshold", "0.3"), ("--normalize", "max"), ("--pictures", "9")]
)
def test_other_settings_are_refused_and_nothing_is_lost(option, value, network, alone, capsys):
    before = {p: p.read_bytes() for p in alone.rglob("*") if p.is_file()}
    options = {"--pictures": str(N), option: value}
    assert run(alone, network, *[word for pair in options.items() for word in pair]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "other settings" in said and f"not {value}" in said
    assert before == {p: p.read_bytes() for p in alone.rglob("*") if p.is_file()}


def test_trained_again_is_another_setting(network, tmp_path, capsys):
    other = tmp_path / network.name
    models.save(models.CourseNetwork(), other, {}, sketchbook.objects(1).class_names)
    assert run(tmp_path / "out", network, "--pictures", "2") == 0
    assert run(tmp_path / "out", other, "--pictures", "2") == 1
    assert "weights" in capsys.readouterr().err


def again(out, network, capsys):
    """The command once more: what it says, and whether the files are what they were."""
    capsys.readouterr()
    assert run(out, network, "--pictures", str(N)) == 0
    return capsys.readouterr().out


def copied(alone, tmp_path):
    shutil.copytree(alone, tmp_path / "out")
    return tmp_path / "out", next((tmp_path / "out").iterdir())


def test_damaged_lines_are_measured_again_and_counted(network, alone, tmp_path, capsys):
    out, folder = copied(alone, tmp_path)
    whole = (folder / "pictures.csv").read_bytes()
    head, *lines = whole.splitlines(keepends=True)
    rank = lines[0].split(b",")
    damage = {
        "an empty rank": b",".join([*rank[:2], b"", *rank[3:]]),
        "another digit": lines[1].replace(b",0.", b",0.9", 1),
        "another letter": lines[2].replace(b"..", b".x", 1),
        "no UTF-8": b"\xff" + lines[3],
        "a quote": b'"' + lines[4],
        "cut off": lines[5][:40] + b"\n",
        "zeros": bytes(len(lines[6]) - 1) + b"\n",
        "two in one": lines[7][:-1] + lines[8],
    }
    assert not set(damage.values()) & set(lines)
    (folder / "pictures.csv").write_bytes(b"".join([head, *damage.values(), *lines[9:]]))
    assert "8 lines are damaged" in again(out, network, capsys)
    assert (folder / "pictures.csv").read_bytes() == whole
    (folder / "pictures.csv").write_bytes(whole[:-9])
    assert "1 line is damaged" in again(out, network, capsys)
    assert (folder / "pictures.csv").read_bytes() == whole
    (folder / "pictures.csv").write_bytes(whole.replace(b"label", b"l\x00bel", 1))
    assert "1 line is damaged" in again(out, network, capsys)
    assert (folder / "pictures.csv").read_bytes() == whole
    (folder / "pictures.csv").write_bytes(b"")
    assert "1 line is damaged" in again(out, network, capsys)
    assert "measured again" not in again(out, network, capsys)


def test_lines_of_other_settings_and_old_part_files_never_win(network, alone, tmp_path, capsys):
    out, folder = copied(alone, tmp_path)
    before = (folder / "pictures.csv").read_bytes()
    settings = store.read_settings(folder)
    stale = [row | {"predicted": "7"} for row in store.read_rows(folder).values()]
    for number, others in enumerate((settings, settings | {"threshold": 0.3})):
        with store.appending(folder, number, others) as write:
            write(stale[:3])
    assert "3 lines are damaged or of other settings" in again(out, network, capsys)
    assert (folder / "pictures.csv").read_bytes() == before
    assert not list(folder.glob("part-*"))


@pytest.mark.parametrize("held", [b"", b"{", b"[1]", b"\xff\xfe{}", b'{"data": "sketch', b"\0\0"])
def test_damaged_settings_are_one_sentence(held, network, alone, tmp_path, capsys):
    out, folder = copied(alone, tmp_path)
    (folder / "settings.json").write_bytes(held)
    before = {p: p.read_bytes() for p in folder.iterdir()}
    refused(capsys, run(out, network, "--pictures", str(N)), "settings.json is damaged", "--out")
    assert before == {p: p.read_bytes() for p in folder.iterdir()}
    (folder / "settings.json").unlink()  # as the sentence says
    assert "measured again" not in again(out, network, capsys)
    assert (folder / "settings.json").read_text() == (
        results(alone)[2] / "settings.json"
    ).read_text()


def test_results_of_unknown_settings_are_refused(network, alone, tmp_path, capsys):
    out, folder = copied(alone, tmp_path)
    (folder / "settings.json").unlink()
    code = run(out, network, "--pictures", str(N), "--threshold", "0.3")
    refused(capsys, code, "no settings.json says how they came")


def test_results_of_the_former_format_are_refused(network, alone, tmp_path, capsys):
    out, folder = copied(alone, tmp_path)
    lines = (folder / "pictures.csv").read_text().splitlines()
    former = "".join(line.rpartition(",")[0] + "\n" for line in lines)
    (folder / "pictures.csv").write_text(former)
    code = run(out, network, "--pictures", str(N))
    refused(capsys, code, "an earlier version of this command", "--out")
    assert (folder / "pictures.csv").read_text() == former


def test_a_row_without_a_rank_among_others_is_no_table(alone):
    rows = [dict(row) for row in results(alone)[0]]
    rows[3]["rank"] = ""
    with pytest.raises(ValueError, match=f"{rows[3]['name']} has no rank"):
        figures.summarize(rows, 0.2)


# ---------------------------------------------------------------- blocks, workers, processes

MANY = 40  # pictures: two blocks and a half


@pytest.fixture(scope="module")
def many(network, tmp_path_factory):
    out = tmp_path_factory.mktemp("many")
    assert run(out, network, "--pictures", str(MANY), "--workers", "0") == 0
    return {p.name: p.read_bytes() for p in results(out)[2].iterdir()}


def files_of(out):
    return {p.name: p.read_bytes() for p in results(out)[2].iterdir()}


def test_workers_change_no_byte(network, many, tmp_path):
    assert run(tmp_path, network, "--pictures", str(MANY), "--workers", "3") == 0
    assert files_of(tmp_path) == many


def test_processes_with_workers_change_no_byte(network, many, tmp_path):
    options = ("--data", "sketchbook", "--network", network, "--pictures", MANY, "--workers", 1)
    done = torchrun(*options, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert files_of(tmp_path) == many


def test_a_picture_s_row_does_not_depend_on_its_company(network, many, tmp_path, capsys):
    assert run(tmp_path, network, "--pictures", str(MANY)) == 0
    file = results(tmp_path)[2] / "pictures.csv"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[i] for i in range(len(lines)) if i not in (3, 4, 17, 40)))
    assert run(tmp_path, network, "--pictures", str(MANY)) == 0
    assert files_of(tmp_path) == many


def test_beside_a_gpu_workers_read_and_judge(network):
    """The same two steps, with this processor in the place of the GPU."""
    net, drawn = models.load(network), sketchbook.objects(20, seed=command.SEED)
    cells = net.cells(net.prepare(drawn.images[:1]))
    task = blocks.Task(net, drawn, measure.How(112, 0.2, "minmax", cells=cells))
    chosen, cpu = blocks.blocks(range(20)), torch.device("cpu")
    found = [
        [pair for block in blocks._found(task, chosen, cpu, workers, alone) for pair in block]
        for workers, alone in ((0, True), (0, False), (1, False))
    ]
    assert found[0] == found[1] == found[2] and len(found[0]) == 20
    single = [measure.measure_picture(net, picture, 112, 0.2, "minmax") for picture in drawn]
    for (_, row), alone in zip(found[0], single, strict=True):  # pixels: in the last bits
        assert {k: v for k, v in row.items() if k not in store.PIXELS} == {
            k: v for k, v in alone.items() if k not in store.PIXELS
        }


def test_what_a_worker_finds_wrong_is_said_here(photographs, weights, tmp_path, capsys):
    options = ("--size", "64", "--weights", str(weights), "--workers", "1")
    assert on_photographs(photographs, "shufflenet_v2_x0_5", tmp_path / "out", *options) == 0
    assert "p3.jpg: cannot be read" in capsys.readouterr().out


def test_workers_are_as_many_as_are_worth_it(monkeypatch):
    monkeypatch.setattr(blocks, "_cpus", lambda: 64)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [blocks.workers_for(n) for n in (0, 1, 16, 24, 1000)] == [0, 0, 2, 3, 8]
    assert [blocks.workers_for(n, 4) for n in (0, 1, 1000)] == [0, 1, 4]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "32")
    assert blocks.workers_for(1000) == 2


class Long:
    """The command with two workers in a session of its own, long enough to be stopped in it."""

    def __init__(self, network, out, pictures):
        self.mark = f"mark-{out}"
        words = ["--data", "sketchbook", "--network", network, "--out", out, "--workers", 2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "utils.evaluate", *map(str, words), "--pictures", str(pictures)],
            cwd=ROOT, env=os.environ | {"MARK": self.mark}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            # Tests that run in the background pass on that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        parts = Path(out).glob
        while self.process.poll() is None and not any(
            p.read_bytes().count(b"\n") > 16 for p in parts("*/part-0.csv")
        ):
            time.sleep(0.05)

    def left(self):
        """The processes that it has started and that are still there."""
        numbers = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark in (folder / "environ").read_text(errors="replace"):
                    numbers.append(int(folder.name))
        return numbers

    def gone(self):
        """Wait until none of them is left; False if some stay."""
        return any(not self.left() or time.sleep(0.1) for _ in range(600))


linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")


@linux
def test_ctrl_c_ends_the_workers_too_and_says_one_sentence(network, tmp_path):
    long = Long(network, tmp_path, 1_280)
    os.killpg(long.process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
    out, err = long.process.communicate()
    assert long.process.returncode == 130 and "goes on from there" in out
    assert "Traceback" not in err and "Error" not in err, err
    assert long.gone()


@linux
def test_killed_it_leaves_no_worker_and_goes_on_to_the_same_bytes(network, tmp_path):
    long = Long(network, tmp_path / "killed", 320)
    long.process.kill()
    long.process.communicate()
    assert long.gone()
    for out in ("killed", "whole"):
        assert run(tmp_path / out, network, "--pictures", "320", "--workers", "0") == 0
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


# ---------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("workers", [0, 1])
def test_nan_in_the_weights_ends_in_their_sentence(
    workers, photographs, network, tmp_path, monkeypatch, capsys
):
    net = models.load(network)
    net.model.features[0][0].weight.data[3] = float("nan")
    monkeypatch.setattr(command, "_network", lambda *_: net)
    code = on_photographs(photographs, network, tmp_path, "--workers", str(workers))
    assert code == 1 and not list(tmp_path.glob("*/pictures.csv"))
    said = capsys.readouterr().err.splitlines()[-1]
    assert "NaN or infinity in the weight features.0.0.weight of CourseNetwork" in said, said


@pytest.mark.parametrize("workers", [0, 1])
def test_nan_from_one_picture_names_it(
    workers, photographs, network, tmp_path, monkeypatch, capsys
):
    net = models.load(network)
    spoiled = replace(net, prepare=Spoiled(net.prepare))
    monkeypatch.setattr(command, "_network", lambda *_: spoiled)
    code = on_photographs(photographs, network, tmp_path, "--workers", str(workers))
    assert code == 1 and not list(tmp_path.glob("*/pictures.csv"))
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("p1.jpg: there is NaN or infinity in the input of CourseNetwork"), said


@dataclass
class Spoiled:
    """A preparation that makes NaN of one picture, the one that is 33 pixels high."""

    prepare: Callable

    def __call__(self, pictures, side=None):
        x = self.prepare(pictures, side)
        if isinstance(pictures, list):
            x[[picture.shape[1] == 33 for picture in pictures]] = float("nan")
        return x


# ---------------------------------------------------------------- photographs


@pytest.fixture
def photographs(tmp_path):
    """Three classes, four pictures of different shapes, the last one cut off."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    (root / "labels.csv").write_text("label,wnid,name\n0,n0,a\n1,n1,b\n2,n2,c\n")
    lines = ["file,label,x0,y0,x1,y1"]
    for i, size in enumerate([(60, 40), (33, 80), (50, 50), (64, 64)]):
        noise = torch.randint(0, 256, (*size, 3), generator=torch.Generator().manual_seed(i))
        Image.fromarray(noise.byte().numpy()).save(root / "images" / f"p{i}.jpg")
        lines += [f"p{i}.jpg,{i % 3},5,5,25,30", f"p{i}.jpg,{i % 3},0,0,40,50"]
    (root / "boxes.csv").write_text("\n".join(lines) + "\n")
    cut = root / "images" / "p3.jpg"
    cut.write_bytes(cut.read_bytes()[:700])
    (root / "images" / "new.jpg").touch()
    return root


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "weights.pt"
    torch.save(torchvision.models.shufflenet_v2_x0_5(num_classes=3).state_dict(), path)
    return path


def on_photographs(photographs, network, out, *more):
    return run(out, network, "--root", str(photographs), *more, data="imagenet")


def test_broken_and_unlabelled_pictures_are_counted_and_named(
    photographs, weights, tmp_path, capsys
):
    out, options = tmp_path / "out", ("--size", "64", "--weights", str(weights))
    assert on_photographs(photographs, "shufflenet_v2_x0_5", out, *options) == 0
    rows, summary, _ = results(out)
    assert [row["name"] for row in rows] == ["p0.jpg", "p1.jpg", "p2.jpg"]
    assert set(summary["left out"]) == {"p3.jpg", "new.jpg"}
    assert (
        summary["per cent"]["pictures"] == 3 and summary["per cent"]["classification top-5"] == 100
    )
    said = capsys.readouterr().out
    assert "Left out: 2" in said and "p3.jpg: cannot be read" in said and "new.jpg: not in" in said


def test_a_network_with_other_classes_is_measured_without_classification(
    photographs, network, tmp_path, capsys
):
    assert on_photographs(photographs, network, tmp_path / "out") == 0
    assert "knows 10 classes, imagenet has 3" in capsys.readouterr().out
    rows, summary, folder = results(tmp_path / "out")
    assert folder.name == "imagenet-random-112" and all(row["rank"] == "" for row in rows)
    assert "localization GT-known" in summary["per cent"]
    assert "localization top-1" not in summary["per cent"]
    assert "PxAP" not in summary["per cent"] and all(row["pixels"] == "" for row in rows)


@pytest.mark.parametrize("turned", [False, True])
def test_googlenet_takes_its_input_as_it_was_trained(photographs, turned, tmp_path, capsys):
    options = {"num_classes": 3, "aux_logits": False, "init_weights": False}
    model = torchvision.models.googlenet(**options, transform_input=turned)
    files = sorted((photographs / "images").glob("p[012].jpg"))
    x = photos.prepare([photos.load(file) for file in files], 64)
    model.conv1.bn.momentum = None
    model.conv1(model._transform_input(x))  # in training mode: the norm remembers
    torch.save(model.state_dict(), tmp_path / "fine.pt")
    options = ("--size", "64", "--weights", str(tmp_path / "fine.pt"))
    assert on_photographs(photographs, "googlenet", tmp_path / "out", *options) == 0
    assert f"(transform_input={turned})" in capsys.readouterr().out
    assert results(tmp_path / "out")[1]["settings"]["transform_input"] is turned


def test_pets_are_measured_against_their_trimaps(network, tmp_path, capsys):
    root = tmp_path / "oxford-iiit-pet"
    (root / "annotations/trimaps").mkdir(parents=True)
    (root / "images").mkdir()
    (root / "annotations/test.txt").write_text("Abyssinian_1 1 1 1\nBengal_2 2 1 1\n")
    for name, shift in (("Abyssinian_1", 0), ("Bengal_2", 8)):
        Image.effect_noise((48, 32), 80).convert("RGB").save(root / f"images/{name}.jpg")
        trimap = torch.full((32, 48), 2, dtype=torch.uint8)
        trimap[4:24, shift + 2 : shift + 26], trimap[6:22, shift + 4 : shift + 24] = 3, 1
        Image.fromarray(trimap.numpy()).save(root / f"annotations/trimaps/{name}.png")
    assert run(tmp_path / "out", network, "--root", str(tmp_path), data="pets") == 0
    assert "PxAP, pixels against masks" in capsys.readouterr().out
    rows, summary, _ = results(tmp_path / "out")
    own, centred = (sum(pair) for pair in zip(*map(counts_of, rows), strict=True))
    kept = 32 * 48 - 20 * 24 + 16 * 20  # without the border
    assert own.sum().item() == pytest.approx(2 * 224 * 224 * kept / (32 * 48), rel=0.01)
    found = summary["per cent"]
    assert found["PxAP"] == round(100 * localization.average_precision(own), 2)
    wanted = round(100 * localization.average_precision(centred), 2)
    assert found["PxAP of a centred Gaussian"] == wanted
    assert found["PxAP of a flat map"] == pytest.approx(100 * 16 * 20 / kept, abs=0.5)


# ---------------------------------------------------------------- one clear sentence


def refused(capsys, code, *words):
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert code == 1 and "Traceback" not in said and len(said.strip().splitlines()) == 1, said
    assert all(word in said for word in words), said


def test_missing_weights(photographs, tmp_path, monkeypatch, capsys):
    def offline(*_, **__):
        raise URLError("no internet")

    (photographs / "images" / "new.jpg").unlink()
    monkeypatch.setattr("urllib.request.OpenerDirector.open", offline)
    code = on_photographs(photographs, "resnet50", tmp_path / "out")
    refused(capsys, code, "weights of resnet50 are not here")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_measured_is_said_in_one_line(
    photographs, weights, network, tmp_path, capsys
):
    def attempt(data, name, *more):
        return on_photographs(data, name, tmp_path / "out", *more)

    (photographs / "images" / "new.jpg").unlink()
    capsys.readouterr()
    refused(capsys, attempt(photographs, "resnet51"), "no trained network 'resnet51'")
    refused(capsys, attempt(tmp_path / "nowhere", network), "There is no folder")
    refused(capsys, attempt(tmp_path, network), "Expected there", "boxes.csv")
    options = ("--weights", str(tmp_path / "nothing.pt"))
    refused(capsys, attempt(photographs, "resnet18", *options), "There is no file")
    options = ("--weights", str(weights))
    refused(capsys, attempt(photographs, "resnet18", *options), "does not fit ResNet")
    model = torchvision.models.mobilenet_v3_small(num_classes=3)
    torch.save(model.state_dict(), weights)
    refused(capsys, attempt(photographs, "mobilenet_v3_small", *options), "second linear layer")


def test_arguments_that_make_no_sense(capsys):
    for arguments, words in (
        (["--data", "cub"], "--data cub needs --root"),
        (["--data", "sketchbook", "--threshold", "20"], "fraction"),
        (["--data", "sketchbook", "--pictures", "0"], "from 1 up"),
        (["--data", "sketchbook", "--size", "16"], "32 or more"),
        (["--data", "sketchbook", "--workers", "-1"], "from 0 up"),
        (["--data", "cats"], "invalid choice"),
    ):
        with pytest.raises(SystemExit, match="2"):
            command.main(arguments)
        assert words in capsys.readouterr().err


# ---------------------------------------------------------------- two processes


def test_two_processes_give_the_same_files(network, alone, tmp_path):
    done = torchrun(
        "--data", "sketchbook", "--network", network, "--pictures", N, "--out", tmp_path
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("MaxBoxAccV2") == 1  # one of them speaks
    mine, theirs = results(tmp_path)[2], results(alone)[2]
    assert "PxAP" in done.stdout and 0 < results(tmp_path)[1]["per cent"]["PxAP"] < 100
    assert {p.name for p in mine.iterdir()} == {p.name for p in theirs.iterdir()}
    for file in mine.iterdir():
        assert file.read_text() == (theirs / file.name).read_text()


@pytest.mark.slow
def test_real_photographs_as_measured_elsewhere(tmp_path, monkeypatch):
    """300 pictures of ILSVRC's validation set; the figures beside them are another program's.

    But MaxBoxAcc: it lays cells out as tiles and finds 60.33, which 224 pixels move by half a cell.
    """
    if not (SHARED / "imagenet-val").is_dir() or not (SHARED / "torch").is_dir():
        pytest.skip(
            "real photographs were not measured: put 300 pictures of ILSVRC (images/, boxes.csv, "
            "labels.csv) into ../shared/imagenet-val and a torch cache into ../shared/torch"
        )
    monkeypatch.setenv("TORCH_HOME", str(SHARED / "torch"))
    monkeypatch.setenv("TRUSTED_WEIGHTS", "4136ded27ef031bf")  # other numbers than torchvision's
    options = ["--data", "imagenet", "--root", SHARED / "imagenet-val", "--network", "mobilenet_v2"]
    done = torchrun(*options, "--out", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    rows, summary, _ = results(tmp_path / "two")
    wanted = {
        "classification top-1": 78.67, "classification top-5": 93.33, "localization top-1": 47.0,
        "localization GT-known": 57.67, "MaxBoxAcc": 63.33, "whole picture": 49.67,
        "best centred box": 60.33,
    }  # fmt: skip
    assert len(rows) == 300 and not summary["left out"]
    for name, value in wanted.items():
        assert summary["per cent"][name] == pytest.approx(value, abs=1), name
    assert summary["per cent"]["best centred box side"] == 0.71
    some = [str(word) for word in (*options, "--pictures", 20, "--out", tmp_path / "one")]
    assert command.main(some) == 0
    for row, of_two in zip(results(tmp_path / "one")[0], rows[:20], strict=True):
        assert row | {"check": ""} == of_two | {"check": ""}  # that of other settings
