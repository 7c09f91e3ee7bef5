"""The evidence bench: what if a weight were another, a channel off? Notebooks 01 and 09."""

from torch import Tensor

from utils import cam, plots
from utils.live import page
from utils.live.look import SIDE, looked, measured, packed, signed_overlay
from utils.networks import CamNetwork

MOST = 40  # classes: the page holds the weights of all, for the softmax needs every score
CHANNELS = 8  # sliders
OPACITY = 0.7


def bench(net: CamNetwork, picture: Tensor, name: str = "", rival: str = "") -> None:
    """Sliders on the weights of one class, channels to switch off, and what would turn the answer.

    The class is `name`, or the likeliest; `rival` is to win instead, or else the second likeliest
    does. M_c, S_c and P_c of every class follow each change, computed in the page. Asked what
    would make it the rival, it answers in two ways: by the smallest change of weights (the least
    sum of squares over all rows; every row moves along F), and by channels switched off, one by
    one, each the one that helps most against the leader (between two classes: the fewest).

    `net` has at most 40 classes and global average pooling, such as `models.load("objects-gap")`.
    Raises TypeError or ValueError for other input, and says what to do. Notebooks 01 and 09.
    """
    p, cells = looked(net, picture)
    n = p.S.shape[1]
    if n > MOST or p.pooling != "mean":
        raise ValueError(
            f"the bench takes networks with at most {MOST} classes and average pooling, such as "
            f'models.load("objects-gap"): this one has {n} and pools by {p.pooling}'
        )
    picture = measured(picture)
    first, second = p.S[0].topk(2).indices.tolist()
    c = net.index(name) if name else first
    other = net.index(rival) if rival else (second if c == first else first)
    if other == c:
        raise ValueError(f"the rival is another class than {name or net.class_names[c]!r}")
    names = list(net.class_names) or [f"class {i}" for i in range(n)]
    M = cam.class_maps(p.f, p.w, c)[0, 0]
    limit = M.abs().max().item() or 1.0
    data = packed(p, cells, picture, range(n)) | {
        "names": names,
        "c": c,
        "rival": other,
        "channels": CHANNELS,
        "colours": page.colours(plots.SIGNED),
        "alpha": OPACITY,
    }
    words = (
        f"Map of {names[c]} over its picture, orange for and blue against: mean(M_c) "
        f"{M.mean():.2f}, S_c {p.S[0, c]:.2f}, P_c {p.S[0].softmax(0)[c]:.3f}."
    )
    shown = page.within(picture, SIDE)
    page.show("bench", data, signed_overlay(shown, M, OPACITY, cells, limit), words)
