"""Whatever is handed to a public function: a right number, or one sentence of ours."""

import inspect
import re
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from utils import (
    before,
    cam,
    channels,
    checkpoints,
    concepts,
    features,
    fields,
    gradcam,
    localization,
    plots,
    recognition,
    valid,
    vqa,
)  # fmt: skip
from utils.networks import cam_network

UTILS = Path(valid.__file__).parent
NOT_OURS = re.compile(
    r"aten|Tensor\.|Expected|expected|size mismatch|dim \d|Dimension|dtype Long|_cuda|operand|"
    r"object is not|has no attribute|unsupported|not supported|must be|argument '|broadcast"
)
nan, inf = float("nan"), float("inf")


def rand(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def network():
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(5, 4)).eval()


MODEL = network()
NET = cam_network(MODEL, list("abcd"), prepare=lambda p: (p[None] if p.ndim == 3 else p) / 255)

# ---------------------------------------------------------------- what is wrong, by kind

NO_TENSOR = {"None": None, "text": "cat", "a dict": {0: 1}, "ragged": [[1.0], [1.0, 2.0]],
             "no numbers": np.array([None, "x"])}  # fmt: skip


def wrong_tensors(good, looked_at):
    """Everything that is no such tensor; NaN where the function must look for it."""
    found = NO_TENSOR | {
        "an empty list": [], "one number": 3.5, "an axis more": good[None, None, None],
        "empty": good[:0], "complex": good.to(torch.complex64), "elsewhere": good.to("meta"),
    }  # fmt: skip
    if good.dtype == torch.bool:
        return found | {"numbers for bool": good.float()}
    if good.is_floating_point():
        found |= {"bool": good > 0}
        for bad in (nan, inf) if looked_at else ():
            holed = good.clone()
            holed.view(-1)[1] = bad
            found[str(bad)] = holed
    return found


WRONG_CLASSES = {
    "text": "cat", "names": ["cat"], "halves": [0.5], "negative": [-1], "too large": 99,
    "a set": {1}, "none": [], "bool": torch.tensor([True]), "a dict": {},
}  # fmt: skip
WRONG_NUMBER = {"None": None, "text": "much", "NaN": nan, "a list": [0.5], "negative": -1}
WRONG_BOXES = {"None": None, "text": "box", "a number": 3, "too few": [[0, 0, 1, 1]],
               "three corners": rand(2, 3), "NaN": torch.full((2, 4), nan), "none in one": [
                   rand(1, 4), rand(0, 4)], "words": ["a", "b"]}  # fmt: skip
WRONG_IMAGES = {"None": None, "text": "cat.png", "empty": [], "a number": 3, "Nones": [None, None],
                "one picture": torch.zeros(3, 8, 8, dtype=torch.uint8)}  # fmt: skip
NO_RECORD = {"None": None, "numbers": [0.5, 0.7], "a tensor": rand(2, 2)}

# ---------------------------------------------------------------- the functions and good arguments

f, w, b, F, S = rand(2, 5, 6, 6), rand(4, 5), rand(4), rand(2, 5), rand(2, 4)
maps, masks, M = rand(2, 6, 6), rand(2, 6, 6) > 0.4, rand(6, 6)
boxes, labels = torch.tensor([[0.0, 0, 3, 4], [1, 1, 5, 5]]), torch.tensor([0, 3])
images = (rand(2, 3, 8, 8) * 255).byte()
x = rand(2, 3, 8, 8)
record = localization.records(maps, boxes, masks)
picture_parts = torch.tensor([[[0, 1], [2, 1]]], dtype=torch.uint8)
T = rand(5)
overlap = channels.overlap(f, T, masks[:, None].expand(2, 3, 6, 6))
field = channels.Field(3, 1, 0.5)
cells, small = NET.cells(x), NET.cells(x[:, :, :6, :6])
with recognition.Trace() as trace:
    last = MODEL[:2](x)
svm = features.linear_svm(rand(6, 5), torch.tensor([0, 1] * 3))


def laid(M, cells=None):
    return cam.upsample(M, (9, 9), cells)


def laid_over(picture, M, cells=None):
    return plots.overlay(picture, M, cells=cells)


laid.__module__ = laid_over.__module__ = "utils.cells"
FUNCTIONS = {  # good arguments by name; below, what is tried in their places
    cam.pool: {"f": f},
    cam.scores: {"F": F, "w": w, "b": b},
    cam.class_maps: {"f": f, "w": w},
    cam.upsample: {"M": f, "size": (9, 9)},
    laid: {"M": f, "cells": small},
    cam.normalize: {"M": maps},
    localization.box_from_map: {"M": M, "threshold": 0.2},
    localization.component_boxes: {"mask": masks[0]},
    localization.iou: {"a": boxes, "b": boxes},
    localization.best_iou: {"boxes": boxes, "true_boxes": boxes},
    localization.gt_known: {"boxes": boxes, "true_boxes": boxes},
    localization.ranks: {"S": S, "labels": labels},
    localization.top_k_localization: {
        "S": S, "labels": labels, "boxes": boxes, "true_boxes": boxes, "k": 1
    },
    localization.record: {"M": M, "true_boxes": boxes, "mask": masks[0]},
    localization.records: {"maps": maps, "true_boxes": boxes, "masks": masks},
    localization.stacked: {"rows": [localization.record(M, boxes)]},
    localization.iou_curves: {"M": M, "true_boxes": boxes, "thresholds": [0.2]},
    localization.accuracy: {"records": record, "least": 0.5},
    localization.accuracy_at: {"records": record, "threshold": 0.2},
    localization.max_box_acc: {"records": record},
    localization.max_box_acc_v2: {"records": record},
    localization.pointing: {"records": record},
    localization.sweep: {"maps": maps, "true_boxes": boxes},
    localization.best_threshold: {"maps": maps, "true_boxes": boxes},
    localization.hottest_point: {"maps": maps},
    localization.peaks_in: {"maps": maps, "masks": masks},
    localization.pointing_accuracy: {"maps": maps, "masks": masks},
    localization.pixel_counts: {"maps": maps, "masks": masks, "levels": 10},
    localization.precision_recall: {"counts": rand(2, 11)},
    localization.average_precision: {"counts": rand(2, 11)},
    localization.pxap: {"maps": maps, "masks": masks},
    localization.whole_picture: {"n": 2, "h": 5, "w": 5},
    localization.centred_boxes: {"h": 5, "w": 5, "sides": [0.5, 1.0]},
    localization.centred_map: {"h": 5, "w": 5},
    localization.random_maps: {"n": 2, "h": 5, "w": 5, "seed": 0},
    localization.coverage: {"maps": maps, "masks": masks, "threshold": 0.5},
    channels.top: {"values": w, "n": 3},
    channels.contributions: {"f": f, "w": w, "c": 1},
    channels.n_carrying: {"values": w, "share": 0.9},
    channels.without: {"w": w, "channels": [0, 1]},
    channels.others: {"values": w[0], "channels": [0, 1], "draw": torch.Generator()},
    channels.at_peak: {"f": f, "parts": picture_parts.expand(2, -1, -1)},
    channels.receptive_field: {"layers": [nn.Conv2d(1, 1, 3)]},
    channels.field_box: {"field": field, "y": 1, "x": 1, "height": 9, "width": 9},
    channels.thresholds: {"f": f, "share": 0.1},
    channels.regions: {"f": f, "T": T, "size": (9, 9)},
    channels.overlap: {"f": f, "T": T, "masks": masks[:, None], "batch_size": 2},
    channels.chance_iou: {"parts": overlap, "thing": overlap._replace(both=overlap.both[:, :1])},
    channels.part_masks: {"parts": picture_parts, "numbers": [0, 1]},
    features.features: {"net": NET, "images": images, "batch_size": 2},
    features.linear_svm: {"F": rand(6, 5), "labels": torch.tensor([0, 1] * 3), "C": 0.1},
    features.folded: {"svm": svm},
    features.with_head: {"net": NET, "w": w, "b": b},
    features.svm_network: {"net": NET, "images": images, "labels": torch.tensor([0, 1])},
    features.accuracy: {"net": NET, "images": images, "labels": labels},
    features.grown: {"boxes": boxes, "h": 8, "w": 8, "margin": 0.1},
    features.crops: {"images": images, "boxes": boxes, "size": 16},
    before.occlusion: {"model": MODEL, "x": x, "c": 1, "size": 4, "stride": 4, "fill": 0.5},
    before.patches: {"model": MODEL, "x": x, "c": 1, "size": 4, "stride": 4, "fill": 0.5},
    before.saliency: {"model": MODEL, "x": x, "c": 1},
    before.deconvnet: {"model": MODEL, "x": x, "c": 1},
    before.guided_backprop: {"model": MODEL, "x": x, "c": 1},
    before.input_gradient: {"model": MODEL, "x": x, "c": 1},
    before.pointing_accuracy: {"maps": maps, "masks": masks},
    gradcam.grad_cam: {"model": MODEL, "x": x, "c": 1, "layer": "0"},
    gradcam.explain: {"model": MODEL, "x": x, "c": 1},
    gradcam.last_layer: {"model": MODEL, "x": x},
    gradcam.read: {"model": MODEL, "x": x, "layer": "0"},
    fields.grids: {"operations": trace.operations, "x": x},
    fields.cells: {"operations": trace.operations, "x": x, "f": last},
    concepts.hot: {"M": maps, "threshold": 0.2},
    concepts.frequency: {"area": F},
    concepts.overlap_rate: {"inside": F, "area": F},
    concepts.ranking: {"values": T, "area": F},
    concepts.pairs_right: {"S_yes": T, "S_no": T},
    concepts.precision_recall: {"M": maps, "masks": masks},
    vqa.fit: {"q": rand(4, 3), "F": rand(4, 5), "answers": torch.tensor([0, 1, 0, 1])},
    plots.overlay: {"picture": images[0], "M": M},
    laid_over: {"picture": images[0], "M": M, "cells": small},
}  # fmt: skip
PLAIN = {  # they add and multiply: NaN passes on
    cam.pool, cam.scores, cam.class_maps, cam.upsample, laid, channels.contributions,
    channels.without,
}  # fmt: skip
ANY_AXES = {
    cam.normalize, localization.iou, localization.precision_recall, channels.top,
    localization.average_precision, channels.n_carrying, features.grown,
}  # fmt: skip
PASSED_ON = {"x": True}  # to the network, which may answer with NaN
NUMBERS = {"threshold", "least", "share", "C", "fill", "margin"}
COUNTS = {
    "k",
    "n",
    "levels",
    "h",
    "w",
    "seed",
    "height",
    "width",
    "batch_size",
    "size",
    "stride",
    "y",
}
NETWORKS = {
    "operations",
    "cells",
    "net",
    "model",
    "svm",
    "layers",
    "field",
    "o",
    "parts",
    "thing",
    "records",
    "rows",
}


def wrong(function, name, good):
    """What is tried in the place of one good argument."""
    if name in ("classes", "labels", "channels", "answers", "c"):
        one = name == "c" and function is cam.class_maps
        kinds = {"None": None, "text": "cat", "too large": 9} if one else WRONG_CLASSES
        return {k: v for k, v in kinds.items() if (name, k) != ("channels", "none")}
    if name == "true_boxes":
        return WRONG_BOXES if function not in (localization.record, localization.iou_curves) else {
            "None": None, "text": "box", "NaN": torch.full((2, 4), nan), "three": rand(2, 3)
        }  # fmt: skip
    if name == "images":
        return WRONG_IMAGES
    if function is fields.cells and name == "f":  # any tensor may be asked for; None says unknown
        return {"None": None, "numbers": [0.5, 0.7], "text": "conv1"}
    if isinstance(good, torch.Tensor):
        return wrong_tensors(good, function not in PLAIN and name not in PASSED_ON)
    if name in NETWORKS:
        return NO_RECORD | {"a word": "resnet18"}
    if name == "size" and isinstance(good, tuple):
        return {
            "None": None,
            "a number": 9,
            "one": (9,),
            "zero": (0, 9),
            "halves": (2.5, 9),
            "text": "99",
        }
    if name in NUMBERS:
        return {k: v for k, v in WRONG_NUMBER.items() if (name, k) != ("fill", "negative")}
    if name in COUNTS or isinstance(good, int):
        return {"None": None, "text": "2", "halves": 1.5, "negative": -1}
    return {"None": None, "a number": 3}


def title(function):
    return f"{function.__module__[6:]}.{function.__name__}"


CASES = [
    pytest.param(function, good, name, bad, id=f"{title(function)}-{name}-{what}")
    for function, good in FUNCTIONS.items()
    for name in good
    for what, bad in wrong(function, name, good[name]).items()
    if not (bad is None and inspect.signature(function).parameters[name].default is None)
    and not (what == "an axis more" and function in ANY_AXES)
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=title)
def test_good_arguments_are_taken(function):
    function(**FUNCTIONS[function])


@pytest.mark.parametrize("function, good, name, bad", CASES)
def test_bad_arguments_get_one_sentence_of_ours(function, good, name, bad):
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        function(**good | {name: bad})
    said, frames = str(caught.value), traceback.extract_tb(caught.tb)
    assert Path(frames[-1].filename).is_relative_to(UTILS), f"{frames[-1].filename} says: {said}"
    assert not NOT_OURS.search(said) and "\n" not in said and 15 < len(said) < 300, said
    assert frames[-1].line.startswith("raise"), f"not raised by us: {said}"


def test_there_are_many_cases():
    assert len(CASES) >= 150


# ---------------------------------------------------------------- what is taken


def test_arrays_and_lists_of_numbers_are_taken_as_tensors():
    def same(got, wanted):
        assert torch.equal(torch.as_tensor(got), torch.as_tensor(wanted))

    same(cam.normalize(maps.numpy()), cam.normalize(maps))
    same(cam.pool(f.tolist()), cam.pool(f))
    some = cam.class_maps(f.numpy(), w.numpy(), classes=np.array([1, 3]))
    same(some, cam.class_maps(f, w, classes=[1, 3]))
    same(localization.iou([0, 0, 2, 1], [0, 0, 1, 1]), 0.5)
    same(localization.box_from_map(M.numpy()[::-1]), localization.box_from_map(M.flip(0)))
    same(localization.gt_known(boxes.tolist(), boxes.numpy()), 1.0)
    same(localization.ranks(S.tolist(), [0, 3]), localization.ranks(S, labels))
    same(localization.pxap(maps.numpy(), masks.numpy()), localization.pxap(maps, masks))
    same(channels.top(w.tolist(), 2), channels.top(w, 2))
    same(features.grown([0, 0, 3, 4], 8, 8), features.grown(boxes[0], 8, 8))
    same(gradcam.grad_cam(MODEL, x.tolist(), [1, 2]), gradcam.grad_cam(MODEL, x, [1, 2]))
    same(gradcam.explain(MODEL, x.numpy(), 1).maps, gradcam.explain(MODEL, x, 1).maps)
    same(before.saliency(MODEL, x.numpy(), [1, 2]), before.saliency(MODEL, x, torch.tensor([1, 2])))


def test_no_channel_may_be_removed():
    for none in ([], torch.arange(0)):
        assert torch.equal(channels.without(w, none), w)


def test_whole_numbers_are_numbers():
    assert cam.pool(torch.arange(8).reshape(1, 2, 2, 2)).tolist() == [[1.5, 5.5]]
    assert cam.normalize(torch.tensor([[0, 2], [1, 4]])).tolist() == [[0, 0.5], [0.25, 1]]


# ---------------------------------------------------------------- numbers are never invented


def test_large_finite_numbers_are_no_infinity():
    """Their sum may overflow."""
    big = torch.full((2, 4, 4), 3e38)
    big[:, 0, 0] = 0
    assert cam.normalize(big).amax() == 1
    assert valid.finite(torch.full((300,), 6e4, dtype=torch.float16), "F", "N").shape == (300,)


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_nan_is_named_and_never_drawn(bad):
    S_bad, M_bad = S.clone(), M.clone()
    S_bad[1, 2], M_bad[3, 3] = bad, bad
    with pytest.raises(ValueError, match="NaN or infinity in the scores S"):
        localization.top_k_localization(S_bad, labels, boxes, boxes)
    with pytest.raises(ValueError, match="NaN or infinity in the maps"):
        cam.normalize(M_bad)
    with pytest.raises(ValueError, match="NaN or infinity in the true boxes"):
        localization.gt_known(boxes, boxes.index_fill(1, torch.tensor([0]), bad))
    fig, axes = plots.row(1)
    for draw in (lambda: plots.overlay(images[0], M_bad), lambda: plots.heat_panel(axes[0], M_bad)):
        with pytest.raises(ValueError, match="NaN or infinity in the map"):
            draw()
    assert not axes[0].images
    plots.plt.close(fig)


def test_sums_pass_nan_on():
    f_bad = f.clone()
    f_bad[0, 0, 0, 0] = nan
    assert cam.pool(f_bad)[0, 0].isnan() and cam.class_maps(f_bad, w)[0, :, 0, 0].isnan().all()


# ---------------------------------------------------------------- devices and types that differ


def test_what_belongs_together_is_on_one_device_and_of_one_type():
    with pytest.raises(ValueError, match="features float32 on cpu, weights float64 on cpu"):
        cam.class_maps(f, w.double())
    with pytest.raises(ValueError, match="one dtype on one device"):
        cam.scores(F.half(), w, b)
    with pytest.raises(ValueError, match="4 biases for the weights of 3 classes"):
        cam.scores(F, w[:3], b)
    with pytest.raises(ValueError, match="one shape on one device"):
        localization.pxap(maps, masks[:, :3])


@pytest.mark.gpu
def test_a_gpu_is_told_apart():
    if not torch.cuda.is_available():
        pytest.skip("tensors on two devices were not tried: run the tests on a machine with a GPU")
    with pytest.raises(ValueError, match="on one device"):
        cam.class_maps(f.cuda(), w)
    with pytest.raises(ValueError, match="on one device"):
        localization.pxap(maps.cuda(), masks)
    assert cam.class_maps(f.cuda(), w.cuda(), own=labels).is_cuda
    assert localization.ranks(S.cuda(), labels).tolist() == localization.ranks(S, labels).tolist()
    assert localization.gt_known(boxes.cuda(), boxes) == 1


# ---------------------------------------------------------------- labels or classes


ASKED = {
    "net": lambda **which: NET(x, **which)[1],
    "class_maps": lambda **which: cam.class_maps(f, w, **which),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_each_meaning_has_its_name(ask):
    every = ask()
    assert torch.allclose(ask(c=3), every[:, 3:], atol=1e-6)
    assert torch.allclose(ask(classes=2), every[:, 2:3], atol=1e-6)
    for same in ([0, 3], (0, 3), torch.tensor([0, 3]), torch.tensor([0, 3], dtype=torch.uint8)):
        assert torch.allclose(ask(classes=same), every[:, [0, 3]], atol=1e-6)
    for own in ([0, 3], torch.tensor([0, 3]), torch.tensor([[0], [3]])):
        M = ask(own=own)
        assert M.shape == (2, 1, *every.shape[2:])
        assert torch.allclose(M[:, 0], every[[0, 1], [0, 3]], atol=1e-6)
    two = ask(own=torch.tensor([[0, 3], [1, 1]]))
    assert torch.allclose(two, torch.stack([every[0, [0, 3]], every[1, [1, 1]]]), atol=1e-6)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize(
    "which, error, said",
    [
        ({"c": labels}, ValueError, "several numbers need their name"),
        ({"c": [0, 3]}, ValueError, "classes=... are the same for every picture"),
        ({"c": labels[:, None]}, ValueError, "own=... holds one for each picture"),
        ({"c": "cat"}, IndexError, r"net\.index"),
        ({"classes": []}, ValueError, "name at least one"),
        ({"classes": {1, 2}}, TypeError, "a list is wanted, not a set"),
        ({"classes": labels[:, None]}, ValueError, "own="),
        ({"classes": [0, 4]}, IndexError, "0 to 3"),
        ({"own": 1}, ValueError, "N = 2 here"),
        ({"own": [1]}, ValueError, "N = 2 here"),
        ({"own": [0.5, 1]}, IndexError, "whole numbers"),
        ({"own": [0, 4]}, IndexError, "0 to 3"),
        ({"c": 1, "own": labels}, ValueError, "not several"),
    ],
)
def test_what_could_be_misread_is_refused(ask, which, error, said):
    with pytest.raises(error, match=said):
        ask(**which)


def test_labels_by_their_place_are_refused():
    with pytest.raises(ValueError, match="several numbers need their name"):
        NET(x, labels)
    with pytest.raises(ValueError, match="several numbers need their name"):
        cam.class_maps(f, w, [0, 3])


# ---------------------------------------------------------------- names that are near


def test_a_hint_holds_the_word():
    names = ["crate", "oxcart", "tiger cat", "Egyptian cat", "caterpillar", "dog"]
    net = cam_network(nn.Sequential(*MODEL[:-1], nn.Linear(5, 6)), names)
    with pytest.raises(ValueError, match="Did you mean 'tiger cat' or 'Egyptian cat'") as caught:
        net.index("cat")
    assert "crate" not in str(caught.value) and "oxcart" not in str(caught.value)
    with pytest.raises(ValueError, match="'caterpillar'"):
        net.index("caterpilar")
    with pytest.raises(ValueError, match="All of them"):
        net.index("")
    names = ["tabby, tabby cat", "Egyptian_cat", "cat's eye", "caterpillar", "dog", "pig"]
    with pytest.raises(ValueError, match="'tabby, tabby cat' or 'Egyptian_cat' or \"cat's eye\""):
        cam_network(net, names).index("Cat")


def test_what_is_near_holds_the_word_before_it_is_spelled_alike():
    layers = ["conv1", "layer1.0.conv1", "layer1.0.convolution", "layer2.0.bn1"]
    assert valid.near("conv1", layers) == ["conv1", "layer1.0.conv1"]
    assert valid.near("convo", layers, 1) == ["layer1.0.convolution"]
    assert valid.near("CONV2", layers) == ["conv1"] and not valid.near("zebra", layers)
    assert valid.hint("My cat", ["my cat.jpg"], '"{}"'.format) == ' Did you mean "my cat.jpg"?'
    assert valid.hint("zebra", layers) == ""


# ---------------------------------------------------------------- a network in its wrappers


class Parallel(nn.parallel.DistributedDataParallel):
    """As DistributedDataParallel, without the processes that it wants."""

    def __init__(self, module):
        nn.Module.__init__(self)
        self.module = module


@pytest.mark.parametrize(
    "wrap", [Parallel, nn.DataParallel, torch.compile, lambda m: torch.compile(Parallel(m))]
)
def test_every_wrapper_is_taken_off(wrap):
    assert valid.unwrapped(wrap(MODEL)) is MODEL
    with pytest.raises(checkpoints.WeightsError, match=r"weights\.pt does not fit Sequential"):
        checkpoints.fit(wrap(MODEL), {"9.weight": rand(2)}, "weights.pt")


# ---------------------------------------------------------------- as many names as classes


def test_class_names_are_as_many_as_the_scores():
    for given in (list("wxyz"), tuple("wxyz"), np.array(list("wxyz"))):
        assert cam_network(MODEL, given).class_names == tuple("wxyz")
    for given in ((), None, np.array([])):
        assert cam_network(MODEL, given).class_names == ()
    named = cam_network(NET, list("wxyz"))
    assert named.class_names == tuple("wxyz") and named.prepare is NET.prepare
    assert cam_network(NET).class_names == tuple("abcd")
    head = features.with_head(NET, rand(2, 5), rand(2), ["cat", "dog"])
    assert head.class_names == ("cat", "dog")


@pytest.mark.parametrize("given", [["a"], list("abcde"), np.array(["a", "b"])], ids=len)
def test_another_number_of_names_is_refused(given):
    for make in (lambda: cam_network(MODEL, given), lambda: cam_network(NET, given),
                 lambda: features.with_head(NET, rand(4, 5), rand(4), given)):  # fmt: skip
        with pytest.raises(ValueError, match=rf"gives 4 scores, .* given are {len(given)}: one"):
            make()


@pytest.mark.parametrize("given", ["abcd", {0: "a", 1: "b"}, {"a", "b", "c", "d"}, [1, 2, 3, 4], 4])
def test_names_are_texts_in_order(given):
    with pytest.raises(TypeError, match="class names are texts in a list, not"):
        cam_network(MODEL, given)


def test_without_names_there_is_no_index():
    with pytest.raises(ValueError, match="has no class names: cam_network"):
        cam_network(MODEL).index("cat")
