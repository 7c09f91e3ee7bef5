"""Every data set behind one interface, from tiny folders made up in each layout."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import sketchbook
from utils.data import DataError, cub, imagenet, pets, skipped
from utils.pictures import box_of

WNIDS = [f"n{10_000_000 + 7 * i}" for i in range(1000)]


def picture(file, w=40, h=30, colour=(200, 30, 30)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (w, h), colour).save(file)


def cut_off(file):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:900])


def check(data, n, n_classes):
    """What holds for every data set."""
    assert len(data) == n == len(data.names) == len(set(data.names))
    assert len(data.class_names) == n_classes and all(isinstance(c, str) for c in data.class_names)
    for i in range(n):
        image, label, boxes, mask, name, ignore = data[i]
        h, w = image.shape[1:]
        assert image.dtype == torch.uint8 and image.shape[0] == 3 and name == data.names[i]
        assert isinstance(label, int) and 0 <= label < n_classes
        assert boxes.ndim == 2 and boxes.shape[1] == 4 and len(boxes) >= 1
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= torch.tensor([w, h])).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        for pixels in (mask, ignore):
            assert pixels is None or (pixels.dtype == torch.bool and pixels.shape == (h, w))


# ---------------------------------------------------------------- drawn pictures


def test_the_sketchbook_gives_pictures_one_by_one():
    drawn = sketchbook.objects(5, seed=3)
    check(drawn, 5, 10)
    assert [p.label for p in drawn] == drawn.labels.tolist()
    for p in drawn:
        assert torch.equal(box_of(p.mask), p.boxes[0])
    assert drawn[-1].name == "00004"
    with pytest.raises(IndexError):
        drawn[5]
    with pytest.raises(ValueError, match="several labels"):
        sketchbook.pairs(2)[0]


def test_the_box_of_a_mask_is_half_open():
    mask = torch.zeros(6, 8, dtype=torch.bool)
    assert box_of(mask).tolist() == [0, 0, 0, 0]
    mask[2, 3] = mask[4, 5] = True
    assert box_of(mask).tolist() == [3, 2, 6, 5]


# ---------------------------------------------------------------- ImageNet, tables


@pytest.fixture
def tables(tmp_path):
    for name in ("a", "b", "c"):
        picture(tmp_path / "images" / f"{name}.JPEG")
    (tmp_path / "labels.csv").write_text('label,wnid,name\n0,n1,"cat, puss"\n1,n2,dog\n')
    (tmp_path / "boxes.csv").write_text(
        "file,wnid,label,x0,y0,x1,y1\n"
        "b.JPEG,n2,1,0.50,1.25,20,22\nb.JPEG,n2,1,25,1,50,30\na.JPEG,n1,0,1,2,3,4\n"
        "c.JPEG,n1,0,0,0,40,30\n"
    )
    return tmp_path


def test_tables(tables, capsys):
    data = imagenet(tables)
    check(data, 3, 2)
    assert data.names == ("a.JPEG", "b.JPEG", "c.JPEG") and data.class_names == ("cat, puss", "dog")
    assert data[1].label == 1 and data[1].mask is None
    assert data[1].boxes.tolist() == [[0.5, 1.25, 20, 22], [25, 1, 40, 30]]  # cut at the border
    assert data[0].image.float().mean((1, 2)) == pytest.approx([200, 30, 30], abs=3)
    assert not data.problems and capsys.readouterr().out == ""


def test_what_does_not_fit_is_named_and_left_out(tables, capsys):
    with open(tables / "boxes.csv", "a") as file:
        file.write("gone.JPEG,n1,0,1,2,3,4\na.JPEG,n1,0,1,2,three,4\nodd.JPEG,n9,9,1,2,3,4\n")
        file.write("c.JPEG,n2,1,0,0,40,30\n")
    picture(tables / "images" / "odd.JPEG")
    picture(tables / "images" / "unlabelled.JPEG")
    data = imagenet(tables)
    check(data, 1, 2)
    assert data.names == ("b.JPEG",)
    assert set(data.problems) == {f"{n}.JPEG" for n in ("gone", "a", "odd", "c", "unlabelled")}
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "Left out: 5" in said and "gone.JPEG: no such file" in said


def test_a_broken_picture_is_named_when_it_is_read(tables):
    cut_off(tables / "images" / "b.JPEG")
    data = imagenet(tables)
    with pytest.raises(DataError, match=r"b\.JPEG: cannot be read"):
        data[1]
    assert data[2].name == "c.JPEG"


def test_boxes_outside_the_picture_are_an_error_of_that_picture(tables):
    with open(tables / "boxes.csv", "a") as file:
        file.write("d.JPEG,n1,0,50,2,60,4\n")
    picture(tables / "images" / "d.JPEG")
    with pytest.raises(DataError, match=r"d\.JPEG: no box lies inside the picture of 40×30"):
        imagenet(tables)[3]


def test_incomplete_tables(tables):
    shutil.copy(tables / "boxes.csv", tables / "kept")
    (tables / "boxes.csv").write_text("file,label,x0,y0\n")
    with pytest.raises(DataError, match="has no column x1, y1"):
        imagenet(tables)
    shutil.move(tables / "kept", tables / "boxes.csv")
    (tables / "labels.csv").write_text("label,wnid,name\n1,n2,dog\n")
    with pytest.raises(DataError, match="count from 0"):
        imagenet(tables)
    (tables / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"labels\.csv .* is missing"):
        imagenet(tables)


def damaged(file, change):
    file.write_bytes(change(file.read_bytes()))


TABLES = {  # what is done to boxes.csv and labels.csv -> what is said
    "not UTF-8": (lambda b: b.replace(b"n1", b"\xe9", 1), r"is not UTF-8 text \(line \d\)"),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "is not UTF-8 text"),
    "semicolons": (lambda b: b.replace(b",", b";"), "commas between them, not ';'"),
    "tabs": (lambda b: b.replace(b",", b"\t"), "commas between them, not"),
    "no first line": (lambda b: b.split(b"\n", 1)[1], "has no column"),
    "empty": (lambda _: b"", "has no column"),
    "cut off in the first line": (lambda b: b[:7], "has no column"),
    "an endless value": (lambda b: b + b'"' + b"a" * 200_000, "is not a table"),
    "zeros": (lambda b: bytes(len(b)), "has no column|is not a table"),
}


@pytest.mark.parametrize("name", ["boxes.csv", "labels.csv"])
@pytest.mark.parametrize("damage", TABLES)
def test_a_damaged_table_is_one_sentence_that_names_it(tables, name, damage):
    change, said = TABLES[damage]
    damaged(tables / name, change)
    with pytest.raises(DataError, match=rf"{name}.*({said})") as error:
        imagenet(tables)
    assert "\n" not in str(error.value)


def test_a_table_may_begin_with_a_byte_order_mark(tables):
    for name in ("boxes.csv", "labels.csv"):
        damaged(tables / name, lambda b: b"\xef\xbb\xbf" + b)
    assert len(imagenet(tables)) == 3


INCOMPLETE = "a line of boxes.csv is not complete, or not of numbers"


def test_a_table_that_was_cut_off_is_not_believed_to_its_end(tables, capsys):
    damaged(tables / "boxes.csv", lambda b: b[:-2])  # 40,3 instead of 40,30
    assert imagenet(tables).problems == {"c.JPEG": INCOMPLETE}
    damaged(tables / "boxes.csv", lambda b: b[:-4])
    assert imagenet(tables).problems == {"c.JPEG": INCOMPLETE}
    damaged(tables / "labels.csv", lambda b: b[:-2])
    with pytest.raises(DataError, match=r"labels\.csv has no whole line for label 1.*line break"):
        imagenet(tables)


def test_labels_are_not_listed_twice(tables):
    damaged(tables / "labels.csv", lambda b: b + b"1,n2,hound\n")
    with pytest.raises(DataError, match=r"labels\.csv must hold one line for each label"):
        imagenet(tables)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", ""])
def test_a_box_has_four_finite_numbers(tables, number):
    with open(tables / "boxes.csv", "a") as file:
        file.write(f"c.JPEG,n1,0,0,0,{number},30\n")
    assert set(imagenet(tables).problems) == {"c.JPEG"}


def test_one_file_name_in_two_folders_is_told_apart(tables):
    picture(tables / "images" / "n1" / "a.JPEG", colour=(0, 0, 250))
    data = imagenet(tables)  # boxes.csv says a.JPEG, which is the one beside the folder
    assert data.names == ("a.JPEG", "b.JPEG", "c.JPEG") and set(data.problems) == {"n1/a.JPEG"}
    (tables / "images" / "n2").mkdir()
    (tables / "images" / "a.JPEG").rename(tables / "images" / "n2" / "a.JPEG")
    data = imagenet(tables)
    assert data.names == ("b.JPEG", "c.JPEG")
    assert data.problems["a.JPEG"].endswith("In boxes.csv write n1/a.JPEG or n2/a.JPEG")
    damaged(tables / "boxes.csv", lambda b: b.replace(b"a.JPEG", b"n1/a.JPEG"))
    data = imagenet(tables)
    assert data.names == ("b.JPEG", "c.JPEG", "n1/a.JPEG")
    assert data[2].image.float().mean((1, 2)) == pytest.approx([0, 0, 250], abs=3)


def test_a_picture_may_be_called_with_its_folder(tables):
    (tables / "images" / "n2").mkdir()
    (tables / "images" / "b.JPEG").rename(tables / "images" / "n2" / "b.JPEG")
    assert imagenet(tables).names == ("a.JPEG", "b.JPEG", "c.JPEG")
    damaged(tables / "boxes.csv", lambda b: b.replace(b"b.JPEG", b"n2/b.JPEG"))
    assert imagenet(tables).names == ("a.JPEG", "b.JPEG", "c.JPEG")


def test_a_picture_of_too_many_pixels_is_not_unpacked(tables, monkeypatch):
    monkeypatch.setattr("utils.data.files.MOST_PIXELS", 1000)
    with pytest.raises(DataError, match=r"a\.JPEG: cannot be read.*40 × 30 pixels are too many"):
        imagenet(tables)[0]


def test_pictures_travel_to_other_processes(tables):
    data = imagenet(tables)
    other = pickle.loads(pickle.dumps(data))
    assert other.names == data.names and other.class_names == data.class_names
    for a, b in zip(data.entries, other.entries, strict=True):
        assert torch.equal(a.boxes, b.boxes) and a[:3] == b[:3] and a[4:] == b[4:]


# ---------------------------------------------------------------- ImageNet, official


def xml(file, wnid, *boxes, size=(40, 30)):
    file.parent.mkdir(parents=True, exist_ok=True)
    objects = "".join(
        f"<object><name>{wnid}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
        f"<ymax>{y1}</ymax></bndbox></object>"
        for x0, y0, x1, y1 in boxes
    )
    w, h = size
    file.write_text(
        f"<annotation><size><width>{w}</width><height>{h}</height></size>{objects}</annotation>"
    )


def official(root, pictures, annotations, in_folders=False, wnids=WNIDS[:4]):
    for i, wnid in enumerate(wnids):
        name = f"ILSVRC2012_val_{i:08d}"
        folder = root / pictures / wnid if in_folders else root / pictures
        picture(folder / f"{name}.JPEG")
        xml(root / annotations / f"{name}.xml", wnid, (i, 2, 19, 25), (0, 0, 39, 29))


def mapping(file, encoding="utf8"):
    lines = [f"{wnid} thing {i}, what not\n" for i, wnid in enumerate(WNIDS)]
    file.write_text("".join(lines), encoding)


@pytest.mark.parametrize("in_folders", [False, True])
@pytest.mark.parametrize(
    ("pictures", "annotations", "listed"),
    [
        ("val", "bbox_val", "."),
        ("val", "ILSVRC2012_bbox_val_v3/val", "."),
        ("ILSVRC2012_img_val", "val", "."),  # both archives unpacked as they are
        ("Data/CLS-LOC/val", "Annotations/CLS-LOC/val", ".."),
        ("ILSVRC/Data/CLS-LOC/val", "ILSVRC/Annotations/CLS-LOC/val", "."),
    ],
)
def test_official_layouts(tmp_path, pictures, annotations, listed, in_folders):
    root = tmp_path / "imagenet"
    official(root, pictures, annotations, in_folders)
    mapping(root / listed / "LOC_synset_mapping.txt")
    data = imagenet(root)
    check(data, 4, 1000)
    assert [p.label for p in map(data.__getitem__, range(4))] == [0, 1, 2, 3]
    assert data[3].boxes.tolist() == [
        [3, 2, 20, 26],
        [0, 0, 40, 30],
    ]  # the last pixel belongs to it
    assert data.class_names[0] == "tench"


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path):
    official(tmp_path, "val", "bbox_val")
    mapping(tmp_path / "LOC_synset_mapping.txt", "utf-8-sig")
    assert [entry.label for entry in imagenet(tmp_path).entries] == [0, 1, 2, 3]


def test_folders_may_be_called_as_one_likes_but_not_as_another_class(tmp_path, capsys):
    official(tmp_path, "val", "bbox_val", in_folders=True)
    mapping(tmp_path / "LOC_synset_mapping.txt")
    (tmp_path / "val" / WNIDS[1]).rename(tmp_path / "val" / "great white shark")
    (tmp_path / "val" / WNIDS[2]).rename(tmp_path / "val" / WNIDS[7])
    assert sorted(entry.label for entry in imagenet(tmp_path).entries) == [0, 1, 3]
    assert f"its class is {WNIDS[2]}, its folder's is {WNIDS[7]}" in capsys.readouterr().out


def test_one_picture_name_in_two_class_folders_is_told_apart(tmp_path, capsys):
    mapping(tmp_path / "LOC_synset_mapping.txt")
    for i in (0, 1):
        picture(tmp_path / "val" / WNIDS[i] / "1.JPEG", 40 + i, 30)
        xml(tmp_path / "bbox_val" / WNIDS[i] / "1.xml", WNIDS[i], (i, 2, 19, 25), size=(40 + i, 30))
    data = imagenet(tmp_path)
    assert data.names == tuple(f"{wnid}/1.JPEG" for wnid in WNIDS[:2])
    assert [(p.label, p.image.shape[2], p.boxes[0, 0].item()) for p in (data[0], data[1])] == [
        (0, 40, 0), (1, 41, 1),
    ]  # fmt: skip
    picture(tmp_path / "val" / WNIDS[2] / "2.JPEG")
    picture(tmp_path / "val" / WNIDS[3] / "2.JPEG")
    xml(tmp_path / "bbox_val" / "2.xml", WNIDS[2], (1, 2, 19, 25))
    data = imagenet(tmp_path)
    assert len(data) == 2 and set(data.problems) == {f"{wnid}/2.JPEG" for wnid in WNIDS[2:4]}
    assert "2.xml is the only one for 2 pictures" in capsys.readouterr().out


def test_folders_named_after_classes_need_no_list(tmp_path, capsys):
    official(tmp_path, "val", "bbox_val", in_folders=True)
    for wnid, name in zip(WNIDS, ("tench", "Great_White_Shark", "sea snake", "ice cream")):  # noqa: B905
        (tmp_path / "val" / wnid).rename(tmp_path / "val" / name)
    data = imagenet(tmp_path)
    named = {entry.name: data.class_names[entry.label] for entry in data.entries}
    assert list(map(named.get, sorted(named))) == [
        "tench", "great white shark", "sea snake", "ice cream",
    ]  # fmt: skip
    for i in (4, 5):  # two tenches more, then one of them among the sharks
        picture(tmp_path / "val" / "tench" / f"ILSVRC2012_val_{i:08d}.JPEG")
        xml(tmp_path / f"bbox_val/ILSVRC2012_val_{i:08d}.xml", WNIDS[0], (1, 2, 19, 25))
    last = "ILSVRC2012_val_00000005.JPEG"
    (tmp_path / "val" / "tench" / last).rename(tmp_path / "val" / "Great_White_Shark" / last)
    data = imagenet(tmp_path)
    assert data.problems == {last: "its class is tench, its folder is Great_White_Shark"}
    (tmp_path / "val" / "sea snake").rename(tmp_path / "val" / "cardigan")  # a dog, or a jacket
    with pytest.raises(DataError, match=r"LOC_synset_mapping.txt"):
        imagenet(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b[: len(b) // 2], "lists 50[0-9] of ImageNet's 1000 classes"),
        (lambda b: b.replace(b"what", b"\xe9", 1), "is not UTF-8 text"),
        (lambda _: b"", "lists 0 of"),
    ],
)
def test_a_damaged_list_of_classes_is_named(change, said, tmp_path):
    official(tmp_path, "val", "bbox_val")
    mapping(tmp_path / "LOC_synset_mapping.txt")
    damaged(tmp_path / "LOC_synset_mapping.txt", change)
    with pytest.raises(DataError, match=rf"LOC_synset_mapping.txt ({said})"):
        imagenet(tmp_path)


def test_all_classes_need_no_list(tmp_path):
    official(tmp_path, "val", "bbox_val", wnids=list(reversed(WNIDS)))
    data = imagenet(tmp_path)
    assert len(data) == 1000 and data.entries[0].label == 999


def test_without_the_list_a_part_of_the_classes_is_refused(tmp_path):
    official(tmp_path, "val", "bbox_val")
    with pytest.raises(DataError, match=r"4 of ImageNet's classes .* LOC_synset_mapping.txt"):
        imagenet(tmp_path)


def test_boxes_follow_pictures_that_were_made_smaller(tmp_path):
    official(tmp_path, "val", "bbox_val")
    mapping(tmp_path / "LOC_synset_mapping.txt")
    xml(
        tmp_path / "bbox_val/ILSVRC2012_val_00000000.xml",
        WNIDS[0],
        (20, 60, 39, 119),
        size=(80, 120),
    )
    assert imagenet(tmp_path)[0].boxes.tolist() == [[10, 15, 20, 30]]


def test_missing_and_broken_annotations_are_named(tmp_path, capsys):
    official(tmp_path, "val", "bbox_val", wnids=WNIDS[:6])
    mapping(tmp_path / "LOC_synset_mapping.txt")
    names = [f"ILSVRC2012_val_{i:08d}" for i in range(6)]
    (tmp_path / f"bbox_val/{names[0]}.xml").unlink()
    (tmp_path / f"bbox_val/{names[1]}.xml").write_text("<annotation><obj")
    xml(tmp_path / f"bbox_val/{names[2]}.xml", WNIDS[2])
    xml(tmp_path / f"bbox_val/{names[3]}.xml", "n99999999", (1, 1, 2, 2))
    (tmp_path / f"val/{names[4]}.JPEG").unlink()
    data = imagenet(tmp_path)
    assert data.names == (f"{names[5]}.JPEG",) and len(data.problems) == 5
    assert "Left out: 5" in capsys.readouterr().out
    for name, why in zip(
        names, ("no ", "cannot be read", "cannot be read", "unknown"), strict=False
    ):
        assert why in data.problems[f"{name}.JPEG"]


def test_a_wrong_root_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        imagenet(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no pictures .* Expected there: val/"):
        imagenet(tmp_path)
    picture(tmp_path / "val" / "x.JPEG")
    with pytest.raises(DataError, match=r"no boxes .* Expected there: val/"):
        imagenet(tmp_path)


# ---------------------------------------------------------------- CUB-200-2011


@pytest.fixture
def birds(tmp_path):
    root = tmp_path / "CUB_200_2011"
    names = [f"001.Black_footed_Albatross/A_{i}.jpg" for i in (1, 2)]
    names += [f"002.Laysan_Albatross/L_{i}.jpg" for i in (1, 2)]
    for i, name in enumerate(names):
        picture(root / "images" / name, 40 + i, 30)
    text = {
        "images": [f"{i} {n}" for i, n in enumerate(names, 1)],
        "classes": ["1 001.Black_footed_Albatross", "2 002.Laysan_Albatross"],
        "image_class_labels": ["1 1", "2 1", "3 2", "4 2"],
        "train_test_split": ["1 1", "2 0", "3 0", "4 1"],
        "bounding_boxes": [f"{i} 10.0 5.0 20.0 15.0" for i in range(1, 5)],
    }
    for name, lines in text.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def test_cub(birds):
    data = cub(birds.parent)
    check(data, 2, 2)
    assert data.class_names == ("Black footed Albatross", "Laysan Albatross")
    assert [data[i].label for i in (0, 1)] == [0, 1]
    assert data[1].boxes.tolist() == [[10, 5, 30, 20]] and data[1].image.shape == (3, 30, 42)
    assert cub(birds, "train").names == (
        "001.Black_footed_Albatross/A_1.jpg", "002.Laysan_Albatross/L_2.jpg",
    )  # fmt: skip


@pytest.mark.parametrize("inside", [True, False])
def test_cub_segmentations(birds, inside):
    folder = (birds if inside else birds.parent) / "segmentations"
    for entry in cub(birds).entries:
        values = np.zeros((30, 41 if "A_" in entry.name else 42), np.uint8)
        values[5:20, 10:30] = 204
        values[0, :] = 51  # one of five people saw bird here
        file = (folder / entry.name).with_suffix(".png")
        file.parent.mkdir(parents=True)
        Image.fromarray(values).save(file)
    data = cub(birds)
    check(data, 2, 2)
    assert box_of(data[0].mask).tolist() == [10, 5, 30, 20]
    file.unlink()
    data = cub(birds)
    assert len(data) == 1 and "no mask" in data.problems["002.Laysan_Albatross/L_1.jpg"]


def test_a_mask_of_another_size_is_named(birds):
    for entry in cub(birds).entries:
        file = (birds / "segmentations" / entry.name).with_suffix(".png")
        picture(file, 7, 5)
    with pytest.raises(DataError, match="the mask has 7×5 pixels, the picture 41×30"):
        cub(birds)[0]


def test_cub_problems(birds, capsys):
    (birds / "images/001.Black_footed_Albatross/A_2.jpg").unlink()
    assert len(cub(birds)) == 1
    assert "A_2.jpg: no such picture" in capsys.readouterr().out
    (birds / "image_class_labels.txt").write_text("1 1\n2 1\n4 2\n")
    with pytest.raises(DataError, match=r"Not one usable picture.*Left out: 2"):
        cub(birds)
    (birds / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"not CUB-200-2011: classes\.txt missing\. Expected"):
        cub(birds)


@pytest.mark.parametrize("name", ["images", "classes", "image_class_labels", "train_test_split"])
@pytest.mark.parametrize("text", [b"\xff\xfe\n", b"<html>\n", b"1\n"])
def test_damaged_lists_of_birds_are_named(birds, name, text):
    (birds / f"{name}.txt").write_bytes(text)
    with pytest.raises(DataError, match=rf"{name}\.txt is (not UTF-8|damaged)"):
        cub(birds)


def test_birds_whose_lines_do_not_fit_are_left_out(birds):
    (birds / "bounding_boxes.txt").write_bytes(b"\xef\xbb\xbf2 10.0 nan 20.0 15.0\n3 1 2 3 4\n")
    (birds / "image_class_labels.txt").write_text("1 1\n2 1\n3 x\n4 2\n")
    with pytest.raises(DataError, match=r"A_2\.jpg: no box .*; .*L_1\.jpg: its class is not in"):
        cub(birds)


def test_a_bird_is_listed_once(birds):
    with open(birds / "images.txt", "a") as file:
        file.write("5 001.Black_footed_Albatross/A_2.jpg\n")
    for name, line in (("image_class_labels", "5 1"), ("train_test_split", "5 0"),
                       ("bounding_boxes", "5 10.0 5.0 20.0 15.0")):  # fmt: skip
        with open(birds / f"{name}.txt", "a") as file:
            file.write(f"{line}\n")
    with pytest.raises(DataError, match=r"A_2\.jpg is listed more than once"):
        cub(birds)


# ---------------------------------------------------------------- Oxford-IIIT Pet


@pytest.fixture
def cats(tmp_path):
    root = tmp_path / "oxford-iiit-pet"
    names = ["Abyssinian_1", "Abyssinian_2", "shiba_inu_3"]
    (root / "annotations/trimaps").mkdir(parents=True)
    for name in names:
        picture(root / "images" / f"{name}.jpg")
        trimap = np.full((30, 40), 2, np.uint8)
        trimap[4:21, 9:31], trimap[5:20, 10:30] = 3, 1
        Image.fromarray(trimap).save(root / f"annotations/trimaps/{name}.png")
    lines = [f"{name} {i} 1 1\n" for name, i in zip(names, (1, 1, 2), strict=True)]
    (root / "annotations/test.txt").write_text("".join(lines))
    return root


def test_pets(cats):
    for root in (cats, cats.parent):
        data = pets(root)
        check(data, 3, 2)
        assert data.class_names == ("Abyssinian", "Shiba Inu") and data[2].label == 1
        assert data[0].boxes.tolist() == [[10, 5, 30, 20]]  # without the border
        assert data[0].mask.sum() == 15 * 20 and data[0].ignore.sum() == 17 * 22 - 15 * 20
        assert not (data[0].mask & data[0].ignore).any()


def test_pets_problems(cats, capsys):
    (cats / "annotations/trimaps/Abyssinian_1.png").unlink()
    Image.new("L", (40, 30), 2).save(cats / "annotations/trimaps/Abyssinian_2.png")
    data = pets(cats)
    assert len(data) == 2 and "Left out: 1 (Abyssinian_1: no such file" in capsys.readouterr().out
    with pytest.raises(DataError, match="Abyssinian_2: no box"):
        data[0]
    with pytest.raises(
        DataError, match=r"not found .* Expected in .*trainval\.txt.* download=True"
    ):
        pets(cats, "trainval")
    with pytest.raises(DataError, match="There is no folder"):
        pets(cats / "nowhere")
    shutil.rmtree(cats / "images")
    with pytest.raises(DataError, match="download=True"):
        pets(cats)


@pytest.mark.parametrize(
    "lines", ["Abyssinian_1 1 1\n", "Abyssinian_1 one 1 1\n", "Abyssinian_1 2 1 1\n", "\xff"]
)
def test_a_damaged_list_of_pets_is_named(cats, lines):
    (cats / "annotations/test.txt").write_bytes(lines.encode("latin1"))
    with pytest.raises(DataError, match=r"test\.txt"):
        pets(cats)


# ---------------------------------------------------------------- the words for what is left out


def test_five_of_many_problems_are_named():
    said = skipped({f"p{i}": "gone" for i in range(12)})
    assert said.startswith("Left out: 12 (p0: gone; ") and said.endswith("p4: gone; and 7 more).")
    assert skipped({}) == ""
