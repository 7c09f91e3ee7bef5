"""What would a map that knows nothing get? Beside any number about maps, the numbers of such maps.

Each of them lacks some kind of knowledge, so each says what the number owes to it:

another class's map      knows the picture, not the class: one of the other classes, drawn at random
another picture's map    knows neither; "of the same class" knows the class, not the picture
mean of all f_k          knows where anything is, whatever it is
shuffled weights         w_k^c of the class on the wrong channels, for each picture anew
untrained network        knows what convolutions do to any picture (Adebayo et al., "Sanity Checks
                         for Saliency Maps", NeurIPS 2018)
random point on a thing  where all the things are, not which; for `pointing` only
centred Gaussian         the centre baseline of the WSOL evaluation (Choe et al., CVPR 2020)
best centred box         of those with SIDES the one that suits these very pictures best
whole picture            "everywhere"; for pointing: a random point

All of them are maps, so they fit any measure, a function of maps (N, h, w) that gives a value for
each picture (N,), or one number. The usual ones are below. A threshold that was chosen for one kind
of map need not suit another: `max_box_acc` and `pxap` choose for each. Notebook 05.
"""

import copy
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from utils import cam, localization, networks, valid
from utils.networks import CamNetwork
from utils.pictures import Pictures

Measure = Callable[[Tensor], Tensor | float]
Rival = tuple[str, Iterable[Tensor]]  # a name, and one map for each picture; several: the best one
POINT = "random point on a thing"
SIDES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the centred boxes, as fractions of the picture's


# ---------------------------------------------------------------- the table


def table(
    net: CamNetwork | None,
    pictures: Pictures,
    measures: Mapping[str, Measure],
    maps: Tensor | Mapping[str, Tensor] | None = None,
    *,
    things: Tensor | None = None,
    more: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    short: bool = False,
    times: float = 100,
) -> tuple[list[list[object]], list[str]]:
    """Rows and header for `plots.table`: methods, then what knows nothing, the best of it **bold**.

    maps    of the methods, (N, h, w) each, by name; left out: the class maps of `net`
    net     None leaves out the rows that need a network
    things  (N, h, w) bool, the pixels of all things of each picture, such as pictures.parts > 0
    more    maps of your own that know nothing, such as of an SVM that learnt shuffled labels
    short   one row instead of many: the strongest, with its name
    times   makes the unit: 100 for per cent

    With several maps, "another picture's" are taken from the first. Raises ValueError where maps,
    pictures and masks do not go together.
    """
    methods = _methods(net, pictures, maps)
    found = {name: {key: of(M) for key, M in methods.items()} for name, of in _checked(measures)}
    first = next(iter(methods.values()))
    nothing = _all_values(net, pictures, measures, first, things, more, seed)
    rows: list[list[object]] = [
        [method, *(f"{times * _mean(found[m][method]):.1f}" for m in measures)]
        for method in methods
    ]
    under = _strongest_only(nothing, times) if short else _all_marked(nothing, times)
    return rows + under, ["", *measures]


def _strongest_only(
    nothing: Mapping[str, Mapping[str, Tensor]], times: float
) -> list[list[object]]:
    best = [max((times * _mean(v), name) for name, v in of.items()) for of in nothing.values()]
    return [["the best that knows nothing", *(f"{value:.1f} ({name})" for value, name in best)]]


def _all_marked(nothing: Mapping[str, Mapping[str, Tensor]], times: float) -> list[list[object]]:
    """A row for each map that knows nothing; the strongest bold, empty where one does not apply."""
    columns = []
    for of in nothing.values():
        said = {name: f"{times * _mean(v):.1f}" for name, v in of.items()}
        top = f"{max(times * _mean(v) for v in of.values()):.1f}"
        columns.append({name: f"**{c}**" if c == top else c for name, c in said.items()})
    names = dict.fromkeys(name for column in columns for name in column)
    return [[name, *(column.get(name, "") for column in columns)] for name in names]


def values(
    net: CamNetwork | None,
    pictures: Pictures,
    measure: Measure,
    maps: Tensor | None = None,
    *,
    things: Tensor | None = None,
    more: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """What each map that knows nothing gets, the strongest first: {name: (N,), or (1,)}.

    For `compare.paired` against the strongest; arguments as for `table`.
    """
    (first,) = _methods(net, pictures, maps).values()
    found = _all_values(net, pictures, {"": measure}, first, things, more, seed)[""]
    return dict(sorted(found.items(), key=lambda item: -_mean(item[1])))


def _methods(net: CamNetwork | None, pictures: Pictures, maps: object) -> dict[str, Tensor]:
    """The maps that are asked about, by name; all at the pictures' size."""
    valid.instance(pictures, Pictures, "labelled pictures, such as sketchbook.objects gives,")
    if pictures.labels.ndim > 1:
        raise ValueError("one label for each picture is wanted: baselines.one_each(pictures)")
    if net is not None:
        valid.instance(net, CamNetwork, "a CAM network, cam_network(model),")
    if maps is None:
        if net is None:
            raise ValueError("give a network, or maps (N, h, w): there is nothing to measure")
        maps = networks.maps_of(net, pictures)
    named = dict(maps) if isinstance(maps, Mapping) else {"class map": maps}
    if not named:
        raise ValueError("give the maps of one method at least")
    return {name: _fitting(M, pictures, f"the maps of {name!r}") for name, M in named.items()}


def _fitting(maps: object, pictures: Pictures, what: str) -> Tensor:
    maps = valid.tensor(maps, what, "N h w")
    wanted = (len(pictures), *pictures.images.shape[-2:])
    if tuple(maps.shape) != wanted:
        raise ValueError(f"{what} have the pictures' size, {wanted}, not {tuple(maps.shape)}")
    return maps


def _checked(measures: object) -> list[tuple[str, Callable[[Tensor], Tensor]]]:
    """The measures by name, what they give looked at."""
    valid.instance(measures, Mapping, "a dict of measures by name, such as baselines.pointing(m),")
    assert isinstance(measures, Mapping)
    if not measures:
        raise ValueError("name one measure at least")

    def checked(measure: Measure) -> Callable[[Tensor], Tensor]:
        return lambda maps: _value(measure(maps), len(maps))

    return [(name, checked(measure)) for name, measure in measures.items()]


def _value(found: object, n: int) -> Tensor:
    """What a measure gave: (N,) or (1,) in double precision."""
    found = found.double() if isinstance(found, Tensor) else found
    t = valid.finite(found, "what a measure gives", "...").double().cpu().reshape(-1)
    if len(t) not in (1, n):
        raise ValueError(f"a measure gives one value for each of {n} pictures, not {len(t)}")
    return t


def _mean(found: Tensor) -> float:
    return found.mean().item()


def _all_values(
    net: CamNetwork | None,
    pictures: Pictures,
    measures: Mapping[str, Measure],
    maps: Tensor,
    things: Tensor | None,
    more: Mapping[str, Tensor] | None,
    seed: int,
) -> dict[str, dict[str, Tensor]]:
    """By measure and by what knows nothing; one set of maps in memory at a time."""
    seed = valid.whole(seed, "the seed")
    found: dict[str, dict[str, Tensor]] = {name: {} for name in measures}
    for rival, candidates in _rivals(net, pictures, maps, things, more, seed):
        for M in candidates:
            for name, of in _checked(measures):
                if rival == POINT and not _looks_at_points(measures[name]):
                    continue
                new, old = of(M), found[name].get(rival)
                if old is None or _mean(new) > _mean(old):
                    found[name][rival] = new
    return found


# ---------------------------------------------------------------- the maps that know nothing


def _rivals(
    net: CamNetwork | None,
    pictures: Pictures,
    maps: Tensor,
    things: Tensor | None,
    more: Mapping[str, Tensor] | None,
    seed: int,
) -> Iterator[Rival]:
    draw = torch.Generator().manual_seed(seed)
    labels = valid.labels(pictures.labels, len(pictures), len(pictures.class_names))
    for name, M in (more or {}).items():
        yield name, [_fitting(M, pictures, f"the maps of {name!r}")]
    if net is not None:
        yield from _of_the_network(net, pictures, labels, draw)
    if len(pictures) > 1:
        same = other_pictures(labels, seed)
        yield "another picture's map, same class", [maps[same]]
        yield "another picture's map", [maps[other_pictures(torch.zeros_like(labels), seed)]]
    if things is not None:
        yield POINT, [valid.masks(things, maps, "the things").float()]
    n, h, w = maps.shape
    yield "centred Gaussian", [localization.centred_map(h, w).expand(n, h, w)]
    yield "best centred box", (box.expand(n, h, w) for box in _boxes(h, w))
    yield "whole picture", [torch.ones(1, 1, 1).expand(n, h, w)]


def other_pictures(labels: Tensor, seed: int = 0) -> Tensor:
    """Another picture for each, of the same class where there are two: (N,) -> (N,) int64."""
    draw = torch.Generator().manual_seed(valid.whole(seed, "the seed"))
    labels = valid.numbers_of(labels, "labels")
    mixed = torch.randperm(len(labels), generator=draw)
    partner = torch.empty_like(mixed)
    partner[mixed] = mixed.roll(1)  # for those that are alone in their class
    for c in labels.unique():
        own = mixed[labels[mixed] == c]
        if len(own) > 1:
            partner[own] = own.roll(1)
    return partner


def _of_the_network(
    net: CamNetwork, pictures: Pictures, labels: Tensor, draw: torch.Generator
) -> Iterator[Rival]:
    """What the network's own maps give without the class; one pass for all of it."""
    small: dict[str, list[Tensor]] = {}
    for at, p in networks.passes(net, pictures.images):
        C, own = len(p.w), valid.labels(labels[at], len(p.f), len(p.w))
        rows = p.w[own.to(p.w.device)]
        if C > 1:
            step = torch.randint(1, C, rows.shape[:1], generator=draw)
            other = cam.class_maps(p.f, p.w, own=(own + step) % C)[:, 0]
            small.setdefault("another class's map", []).append(other)
        small.setdefault("mean of all f_k", []).append(p.f.mean(1))
        mixed = torch.rand(rows.shape, generator=draw).argsort(1).to(rows.device)
        shuffled = torch.einsum("nkhw,nk->nhw", p.f, rows.gather(1, mixed))
        small.setdefault("shuffled weights", []).append(shuffled)
    size, cells = pictures.images.shape[-2:], net.cells(net.prepare(pictures.images[:1]))
    for name, M in small.items():
        yield name, [cam.upsample(torch.cat(M)[:, None], size, cells)[:, 0]]
    if (fresh := untrained(net, int(draw.initial_seed()))) is not None:
        yield "untrained network", [networks.maps_of(fresh, pictures)]


def untrained(net: CamNetwork, seed: int = 0) -> CamNetwork | None:
    """The same network as it was before training, its weights drawn anew; None where none can be.

    Every layer that knows how (`reset_parameters`) draws its own; what a network keeps beside its
    layers stays.
    """
    valid.instance(net, CamNetwork, "a CAM network, cam_network(model),")
    model = copy.deepcopy(net.model)
    resets = [getattr(layer, "reset_parameters", None) for layer in model.modules()]
    draws = [reset for reset in resets if callable(reset)]
    if not draws:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(valid.whole(seed, "the seed"))
        for draw in draws:
            draw()
    return CamNetwork(model, net.class_names, net.prepare)


def _boxes(h: int, w: int) -> Iterator[Tensor]:
    """Centred boxes as maps: 1 inside, 0 outside, (h, w) each."""
    for x0, y0, x1, y1 in localization.centred_boxes(h, w, SIDES).round().long().tolist():
        box = torch.zeros(h, w)
        box[y0:y1, x0:x1] = 1
        yield box


def one_each(pictures: Pictures) -> Pictures:
    """N pictures with K things as N K pictures with one: of `sketchbook.pairs`, `questions`, ..."""
    valid.instance(pictures, Pictures, "labelled pictures, such as sketchbook.pairs gives,")
    if pictures.labels.ndim == 1:
        return pictures
    n, k = pictures.labels.shape
    again = pictures.subset(torch.arange(n).repeat_interleave(k))
    return replace(
        again,
        labels=pictures.labels.flatten(),
        boxes=pictures.boxes.flatten(0, 1),
        masks=pictures.masks.flatten(0, 1),
        questions=tuple((q,) for row in pictures.questions for q in row),
    )


# ---------------------------------------------------------------- measures


def found_at(
    true_boxes: valid.Boxes, threshold: float = 0.2, how: localization.Scaling = "max"
) -> Measure:
    """GT-known localization: whether the box at this share of the maximum has IoU >= 0.5."""

    def measure(maps: Tensor) -> Tensor:
        boxes = localization.boxes_from_maps(_different(maps), threshold, how)
        every = boxes.expand(len(maps), 4)
        return (localization.best_iou(every, true_boxes) >= 0.5).double()

    return measure


def max_box_acc(
    true_boxes: valid.Boxes,
    thresholds: Sequence[float] = localization.FINE,
    how: localization.Scaling = "minmax",
) -> Measure:
    """MaxBoxAcc: the same at the one threshold that is best for these maps, min-max scaled.

    A hundred thresholds are the WSOL evaluation's; `localization.THRESHOLDS` are quicker. `how`
    "max" scales as `found_at` does, so that the two may be compared.
    """

    def measure(maps: Tensor) -> Tensor:
        if len(_different(maps)) == 1:  # then the few boxes of one map are all there are
            boxes = [localization.box_from_map(maps[0], t, how) for t in thresholds]
            tried = torch.stack(boxes).unique(dim=0)[:, None].expand(-1, len(maps), -1)
            fits = torch.stack([localization.best_iou(b, true_boxes) for b in tried], 1)
        else:
            fits = localization.records(maps, true_boxes, thresholds=thresholds, how=how).largest
        right = (fits >= 0.5).double()
        return right[:, right.mean(0).argmax()]

    return measure


def _different(maps: Tensor) -> Tensor:
    """The maps, or one of them where one was expanded to all pictures."""
    return maps[:1] if maps.stride(0) == 0 else maps


def pointing(masks: Tensor) -> Measure:
    """The pointing game: whether the maximum lies on the mask; of equal maxima the share that does.

    So a map that is 1 on a region stands for a random point of this region, without its luck.
    """
    return functools.partial(_pointing, masks)


def _pointing(masks: Tensor, maps: Tensor) -> Tensor:
    maps = valid.finite(maps, "the maps", "N h w")
    on = valid.masks(masks, maps)
    hot = maps == maps.amax((1, 2), keepdim=True)
    return (hot & on).sum((1, 2)).double() / hot.sum((1, 2))


def _looks_at_points(measure: Measure) -> bool:
    return isinstance(measure, functools.partial) and measure.func is _pointing


def coverage(masks: Tensor, threshold: float = 0.5) -> Measure:
    """Recall of pixels: the share of the mask that is above this share of the maximum.

    The whole picture has all of it: recall says nothing without `precision` beside it.
    """
    return lambda maps: localization.coverage(maps, masks, threshold)


def precision(masks: Tensor, threshold: float = 0.5) -> Measure:
    """Precision of pixels: of those above this share of the maximum, the share that is on the mask.

    0 where nothing is.
    """
    threshold = valid.number(threshold, "the threshold", 0, 1)

    def measure(maps: Tensor) -> Tensor:
        on = valid.masks(masks, valid.tensor(maps, "the maps", "N h w"))
        lit = cam.normalize(maps) > threshold
        return (lit & on).sum((1, 2)).double() / lit.sum((1, 2)).clamp(min=1)

    return measure


def pxap(masks: Tensor) -> Measure:
    """PxAP of all pictures together: one number."""
    return lambda maps: localization.pxap(maps, masks)
