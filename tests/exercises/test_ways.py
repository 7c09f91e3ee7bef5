"""Right ways to write an exercise: each passes its check, and the next cells can work with it.

Add a line for every way of writing that a check should know: numpy, loops, half precision, pairs
as lists or tensors. An expression of the arguments, or a whole function.
"""

# ruff: noqa: E501 (one way, one line)

import importlib
import inspect

import numpy as np
import pytest
import torch

from utils.check.judge import outcome

WAYS = {
    "start_here.runner_up": [
        "S.topk(2).indices[:, 1]",
        "S.argsort(1)[:, -2]",
        "torch.sort(-S, dim=-1, stable=True)[1][:, 1]",
        "S.kthvalue(S.shape[1] - 1, 1).indices",
        "S.scatter(1, S.argmax(1, keepdim=True), -torch.inf).argmax(1)",
        "S.softmax(1).half().topk(2, 1).indices[:, 1].int()",
        "S.numpy().argsort(1)[:, ::-1][:, 1]",
        "np.argpartition(-S.numpy(), 1, axis=1)[:, 1]",
        "[int(row.argsort()[-2]) for row in S]",
        "[row.argsort(descending=True)[1] for row in S]",
        "[sorted(range(len(row)), key=lambda c: -row[c])[1] for row in S.tolist()]",
        "def runner_up(S):\n    S[range(len(S)), S.argmax(1)] = -torch.inf\n    return S.argmax(1)",
    ],
    "start_here.point_at": [
        "((cells.start[1] + int(M.argmax()) % M.shape[1] * cells.step[1]) * w, (cells.start[0] + int(M.argmax()) // M.shape[1] * cells.step[0]) * h)",
        "[(a + i * d) * s for i, a, d, s in zip(np.unravel_index(int(M.argmax()), M.shape), cells.start, cells.step, (h, w))][::-1]",
        "((np.array(np.unravel_index(M.numpy().argmax(), M.shape)) * cells.step + cells.start) * (h, w))[::-1]",
        "(((M == M.max()).nonzero()[0] * torch.tensor(cells.step) + torch.tensor(cells.start)) * torch.tensor([h, w])).flip(0)",
        "(w * (cells[0][1] + M.amax(0).argmax() * cells[1][1]), h * (cells[0][0] + M.amax(1).argmax() * cells[1][0]))",
        "def point_at(M, cells, h, w):\n    H, W = cells.shape\n    best = max((float(M[i, j]), i, j) for i in range(H) for j in range(W))\n    (top, left), (down, across), _ = cells\n    return np.float32((left + best[2] * across) * w), np.float32((top + best[1] * down) * h)",
    ],
    "start_here.what_follows": ["{'b', 'e'}", "set('eb')", "frozenset({'E', 'B'})"],
    "formulas.true_of_maps": ["{'a', 'c', 'd'}", "set('dca')", "{'A', 'c', 'd'}"],
    "formulas.class_scores": [
        "torch.nn.functional.linear(f.mean((2, 3)), w, b)",
        "torch.einsum('nkhw,ck->nc', f, w) / f[0, 0].numel() + b[None]",
        "torch.nn.functional.conv2d(f, w[:, :, None, None], b).mean((2, 3))",
        "torch.addmm(b, f.mean((2, 3)), w.t())",
        "f.numpy().mean((2, 3)) @ w.numpy().T + b.numpy()",
        "(w @ f.mean((2, 3)).T + b[:, None]).T",
        "(f.double().mean((2, 3))[:, None] * w).sum(2) + b",
        "[[sum(w[c, k] * f[n, k].mean() for k in range(f.shape[1])) + b[c] for c in range(len(w))] for n in range(len(f))]",
        "[w @ picture.mean((1, 2)) + b for picture in f]",
    ],
    "formulas.class_map": [
        "sum(w[c, k] * f[:, k] for k in range(f.shape[1]))",
        "(f * w[c].view(1, -1, 1, 1)).sum(1)",
        "torch.tensordot(f, w[c], ([1], [0]))",
        "f.movedim(1, -1) @ w[c]",
        "torch.nn.functional.conv2d(f, w[c][None, :, None, None])[:, 0]",
        "(w[c] @ f.flatten(2)).unflatten(1, f.shape[2:])",
        "np.einsum('nkhw,k->nhw', f, w[c])",
        "np.tensordot(f.numpy(), w[c].numpy(), (1, 0))[::-1][::-1]",
        "(f.bfloat16() * w[c].bfloat16()[:, None, None]).float().sum(1).bfloat16()",
        "[torch.einsum('khw,k->hw', picture, w[c]) for picture in f]",
        "def class_map(f, w, c):\n    M = torch.zeros_like(f[:, 0])\n    for k in range(f.shape[1]):\n        M += w[c, k] * f[:, k]\n    return M",
        "def class_map(f, w, c):\n    f *= w[c][:, None, None]\n    return f.sum(1)",
    ],
    "formulas.scores_from_maps": [
        "M.flatten(2).mean(2) + b",
        "(M + b.view(1, -1, 1, 1)).mean((2, 3))",
        "M.sum((2, 3)).div(M[0, 0].numel()).add(b)",
        "torch.nn.functional.adaptive_avg_pool2d(M, 1).squeeze(3).squeeze(2) + b",
        "M.numpy().mean((2, 3)) + b.numpy()",
        "[M[n].mean((1, 2)) + b for n in range(len(M))]",
        "torch.stack([M[:, c].mean((1, 2)) + b[c] for c in range(M.shape[1])], 1).double()",
    ],
    "before_cam.occlusion_map": [
        """def occlusion_map(score, x, size, stride, fill):
    margin, pictures = (size - stride) // 2, []
    for top in range(-margin, x.shape[1] - margin, stride):
        for left in range(-margin, x.shape[2] - margin, stride):
            x_covered = x.clone()
            x_covered[:, max(0, top) : top + size, max(0, left) : left + size] = fill
            pictures.append(x_covered)
    with torch.no_grad():
        drop = score(x[None]) - score(torch.stack(pictures))
    return drop.reshape(x.shape[1] // stride, -1)""",
        """def occlusion_map(score, x, size, stride, fill):
    padded = torch.nn.functional.pad(x, [size] * 4)
    drop = np.zeros((x.shape[1] // stride, x.shape[2] // stride))
    for i, j in np.ndindex(*drop.shape):
        covered = padded.clone()
        row, column = (size + k * stride - (size - stride) // 2 for k in (i, j))
        covered[:, row : row + size, column : column + size] = fill
        drop[i, j] = score(x[None]).item() - score(covered[None, :, size:-size, size:-size]).item()
    return drop""",
        """def occlusion_map(score, x, size, stride, fill):
    rows, columns = torch.arange(x.shape[1]), torch.arange(x.shape[2])
    margin = (size - stride) // 2
    def hit(where, start):
        return (where >= start - margin) & (where < start - margin + size)
    return [
        [
            float(score(x[None]) - score(torch.where(hit(rows, i)[:, None] & hit(columns, j), fill, x)[None]))
            for j in range(0, x.shape[2], stride)
        ]
        for i in range(0, x.shape[1], stride)
    ]""",
        """def occlusion_map(score, x, size, stride, fill):
    def drop(i, j):
        kept = x[:, max(i, 0) : i + size, max(j, 0) : j + size].clone()
        x[:, max(i, 0) : i + size, max(j, 0) : j + size] = fill
        low = score(x[None])[0]
        x[:, max(i, 0) : i + size, max(j, 0) : j + size] = kept
        return whole - low
    whole, margin = score(x[None])[0], (size - stride) // 2
    return torch.stack([
        torch.stack([drop(i - margin, j - margin) for j in range(0, x.shape[2], stride)])
        for i in range(0, x.shape[1], stride)
    ])""",
    ],
    "before_cam.saliency_map": [
        "torch.func.grad(lambda x: model(x)[:, c].sum())(x).abs().amax(1)",
        "torch.func.vmap(torch.func.grad(lambda p: model(p[None])[0, c]))(x).abs().max(1)[0]",
        "torch.autograd.functional.jacobian(lambda x: model(x)[:, c].sum(), x).abs().max(1).values",
        """def saliency_map(model, x, c):
    x.requires_grad = True
    model(x)[:, c].sum().backward()
    return x.grad.abs().max(dim=1).values""",
        """def saliency_map(model, x, c):
    leaf = x.detach().clone()
    leaf.requires_grad_(True)
    S = model(leaf)
    (gradient,) = torch.autograd.grad(S[:, c], leaf, grad_outputs=torch.ones(len(S)))
    return gradient.abs().numpy().max(1)""",
        """def saliency_map(model, x, c):
    maps = []
    for picture in x:
        picture = picture[None].clone().requires_grad_()
        maps.append(torch.autograd.grad(model(picture)[0, c], picture)[0][0].abs().amax(0))
    return maps""",
        """def saliency_map(model, x, c):
    x = torch.autograd.Variable(x, requires_grad=True)
    (g,) = torch.autograd.grad(model(x)[:, c].sum(), x, create_graph=True)
    return torch.maximum(g.amax(1), -g.amin(1)).half()""",
    ],
    "before_cam.passes": [
        "[(1 + (h // stride) * (w // stride), 0), (1, C), (1, 0)]",
        "np.array([[h // stride * (w // stride) + 1, 0], [1, C], [1, 0]])[::-1][::-1]",
        "torch.tensor([[1 + h * w / stride**2, 0], [1, C], [1, 0]])",
        "[torch.tensor([1 + (h // stride) * (w // stride), 0]), torch.tensor([1, C]), torch.tensor([1, 0])]",
        "[np.array([1.0 + (h // stride) * (w // stride), 0.0]), np.array([1, C]), np.array([1, 0])]",
        "list(zip([1 + len(range(0, h, stride)) * len(range(0, w, stride)), 1, 1], [0, C, 0]))",
    ],
    "before_cam.true_of_the_table": [
        "set('bdf')",
        "frozenset({'B', 'D', 'F'})",
        "{letter for letter in 'fdb'}",
    ],
    "gap_or_gmp.gmp": [
        "f.flatten(2).max(2).values",
        "f.max(2)[0].max(2)[0]",
        "f.flatten(2).topk(1).values[..., 0]",
        "torch.nn.functional.adaptive_max_pool2d(f, 1)[..., 0, 0]",
        "-(-f).amin((-2, -1))",
        "f.numpy().max((2, 3))",
        "f.half().amax((2, 3))",
        "[[float(m.max()) for m in picture] for picture in f]",
    ],
    "gap_or_gmp.gap_gradient": [
        "torch.ones_like(f) * w[c].view(1, -1, 1, 1) / f[0, 0].numel()",
        "w[c][None, :, None, None].repeat(len(f), 1, *f.shape[2:]) / f[0, 0].numel()",
        "np.broadcast_to(w.numpy()[c][None, :, None, None] / f[0, 0].numel(), f.shape)",
        "torch.einsum('nkhw,k->nkhw', torch.ones_like(f), w[c]) / (f.shape[2] * f.shape[3])",
        "torch.autograd.functional.jacobian(lambda f: (f.mean((2, 3)) @ w[c]).sum(), f)",
        "def gap_gradient(f, w, c):\n    f = f.clone().requires_grad_()\n    (f.mean((2, 3)) @ w.T)[:, c].sum().backward()\n    return f.grad",
    ],
    "gap_or_gmp.coverage": [
        "((M > t * M.flatten(1).max(1).values[:, None, None]) & mask).sum((1, 2)) / mask.sum((1, 2))",
        "torch.stack([(m[k] > t * m.max()).float().mean() for m, k in zip(M, mask)])",
        "((M.numpy() > t * M.numpy().max((1, 2), keepdims=True)) & mask.numpy()).sum((1, 2)) / mask.numpy().sum((1, 2))",
        "[float((m[k] > t * m.max()).float().mean()) for m, k in zip(M, mask)]",
        "((M > t * M.amax((1, 2), keepdim=True)) * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)",
    ],
    "gap_or_gmp.true_of_the_maps": [
        "{'e', 'c', 'b'}",
        "set('bce')",
        "frozenset({'B', 'C', 'E'})",
    ],
    "linear_svm.fold": [
        "coef / scale, intercept - (coef / scale * mean).sum(1)",
        "(coef.T / scale[:, None]).T, intercept - torch.einsum('ck,k->c', coef / scale, mean)",
        "coef @ torch.diag(1 / scale), intercept - mean @ (coef / scale).T",
        "(coef.numpy() / scale.numpy(), intercept.numpy() - coef.numpy() / scale.numpy() @ mean.numpy())",
        "(coef.numpy() / scale.numpy(), (intercept - coef / scale @ mean).tolist())",
        "[coef / scale, intercept - torch.mv(coef / scale, mean)]",
        "((coef / scale).tolist(), (intercept - coef / scale @ mean).tolist())",
        "(list(coef / scale), list(intercept - coef / scale @ mean))",
        "(coef / scale).half(), (intercept - coef / scale @ mean).half()",
        "(coef.half() / scale.half(), intercept.half() - (coef.half() / scale.half() * mean.half()).sum(1))",
        "torch.stack([u / scale for u in coef]), [float(a) - float(u / scale @ mean) for u, a in zip(coef, intercept)]",
        "def fold(coef, intercept, mean, scale):\n    coef /= scale\n    intercept -= coef @ mean\n    return coef, intercept",
    ],
    "linear_svm.svm_map": [
        "(f * (coef[c] / scale)[:, None, None]).sum(1)",
        "sum(coef[c, k] / scale[k] * f[:, k] for k in range(f.shape[1]))",
        "np.einsum('nkhw,k->nhw', f.numpy(), coef[c].numpy() / scale.numpy())",
        "np.tensordot(f.numpy(), coef.numpy()[c] / scale.numpy(), (1, 0))[::-1][::-1]",
        "torch.tensordot(f, coef[c] / scale, ([1], [0]))",
        "torch.einsum('nkhw,k->nhw', f.half(), (coef[c] / scale).half())",
        "f.movedim(1, -1) @ (coef[c] / scale)",
        "torch.nn.functional.conv2d(f, (coef[c] / scale)[None, :, None, None])[:, 0]",
        "torch.einsum('nkhw,ck->nchw', f, coef / scale)[:, c]",
        "torch.einsum('nkhw,k->nhw', f / scale[:, None, None], coef[c])",
        "f.div_(scale[:, None, None]).mul_(coef[c][:, None, None]).sum(1)",
        "[torch.einsum('khw,k->hw', picture, coef[c] / scale) for picture in f]",
    ],
    "linear_svm.cut_out": [
        "picture[:, max(box[1] - margin, 0) : box[3] + margin, max(box[0] - margin, 0) : box[2] + margin]",
        "picture.numpy()[:, max(0, box[1] - margin) : box[3] + margin, max(0, box[0] - margin) : box[2] + margin]",
        "picture[:, (box[1] - margin).clamp(min=0) :][..., (box[0] - margin).clamp(min=0) : box[2] + margin][:, : box[3] + margin - (box[1] - margin).clamp(min=0)]",
        "def cut_out(picture, box, margin):\n    x0, y0, x1, y1 = map(int, box)\n    _, h, w = picture.shape\n    return picture[:, max(0, y0 - margin) : min(h, y1 + margin), max(0, x0 - margin) : min(w, x1 + margin)]",
        "def cut_out(picture, box, margin):\n    box[:2] -= margin\n    box[2:] += margin\n    x0, y0, x1, y1 = box.clamp(min=0).tolist()\n    return picture[..., y0:y1, x0:x1]",
        "def cut_out(picture, box, margin):\n    x0, y0, x1, y1 = box.tolist()\n    y, x = (torch.arange(n) for n in picture.shape[1:])\n    picture = picture[:, (y >= y0 - margin) & (y < y1 + margin)]\n    return picture[:, :, (x >= x0 - margin) & (x < x1 + margin)].tolist()",
    ],
    "linear_svm.borne_out": ["{'F', 'C', 'B'}", "set('bcf')", "frozenset('cfb')"],
    "top_channels.top_channels": [
        "w[c].topk(n).indices",
        "w.topk(n, 1)[1][c]",
        "np.argsort(-w[c].numpy())[:n]",
        "w[c].numpy().argsort()[::-1][:n]",
        "w[c].numpy().argsort()[-n:][::-1]",
        "sorted(range(len(w[c])), key=lambda k: -w[c][k])[:n]",
        "w[c].sort(descending=True)[1][:n]",
        "w[c].argsort().flip(0)[:n]",
        "w[c].half().topk(n).indices.int()",
        "[k for k in w[c].argsort(descending=True)[:n]]",
        "def top_channels(w, c, n):\n    found = []\n    for _ in range(n):\n        found.append(w[c].argmax())\n        w[c, found[-1]] = -torch.inf\n    return found",
    ],
    "top_channels.contribution": [
        "w[c] * f.mean((0, 2, 3))",
        "torch.einsum('nkhw,k->k', f, w[c]) / f[:, 0].numel()",
        "(w.numpy()[c] * f.numpy().mean((2, 3))).mean(0)",
        "[w[c, k] * f[:, k].mean() for k in range(f.shape[1])]",
        "[float(w[c, k] * f[:, k].mean()) for k in range(f.shape[1])]",
        "(w[c] * f.flatten(2).mean(2)).sum(0) / len(f)",
        "(w[c].half() * f.half().mean((2, 3))).mean(0)",
        "(w[c].view(1, -1, 1, 1) * f).mean((0, 2, 3)).bfloat16()",
        "f.mul_(w[c][:, None, None]).mean((0, 2, 3))",
        "torch.nn.functional.adaptive_avg_pool2d(f, 1).flatten(1).mul(w[c]).mean(0)",
    ],
    "top_channels.agreement": [
        "((maps >= T) & masks).sum() / ((maps >= T).sum() + masks.sum() - ((maps >= T) & masks).sum())",
        "np.logical_and(maps.numpy() >= T, masks.numpy()).sum() / np.logical_or(maps.numpy() >= T, masks.numpy()).sum()",
        "((maps >= T) * masks).sum() / ((maps >= T) + masks).sum()",
        "((maps >= T) & masks).float().mean() / ((maps >= T) | masks).float().mean()",
        "torch.logical_and(maps.ge(T), masks).sum().item() / torch.logical_or(maps.ge(T), masks).sum().item()",
        "1 - ((maps >= T) ^ masks).sum() / ((maps >= T) | masks).sum()",
        "len(((maps >= T) & masks).nonzero()) / len(((maps >= T) | masks).nonzero())",
        "masks[maps >= T].sum() / (masks.sum() + ((maps >= T) & ~masks).sum())",
        "(((maps.half() >= T) & masks).sum() / ((maps.half() >= T) | masks).sum()).half()",
        "def agreement(maps, T, masks):\n    both = either = 0\n    for M, mask in zip(maps, masks):\n        both += ((M >= T) & mask).sum()\n        either += ((M >= T) | mask).sum()\n    return both / either",
    ],
    "top_channels.judged": ["{'A', 'c', 'f'}", "set('fca')", "frozenset('acf')"],
    "scenes_and_phrases.borne_out": ["{'D', 'a'}", "set('ad')", "frozenset('da')"],
    "text_and_questions.read_off": ["{'D', 'c'}", "set('cd')", "frozenset('dc')"],
    "text_and_questions.look_there": [
        "(f * M.relu()).flatten(1).sum(1) / M.relu().sum() if (M > 0).any() else f.mean((1, 2))",
        "torch.einsum('khw,hw->k', f, M.clamp(min=0) / M.clamp(min=0).sum()) if M.max() > 0 else f.mean((1, 2))",
        "np.average(f.numpy(), axis=(1, 2), weights=np.broadcast_to(np.maximum(M.numpy(), 0), f.shape)) if M.max() > 0 else f.numpy().mean((1, 2))",
        "f[:, M > 0] @ M[M > 0] / M[M > 0].sum() if (M > 0).any() else f.flatten(1).mean(1)",
        "def look_there(f, M):\n    M[M < 0] = 0\n    if not M.any():\n        M += 1\n    return [float((maps * M).sum() / M.sum()) for maps in f]",
    ],
    "weak_localization.box_of_largest": [
        """def box_of_largest(mask):
    from scipy import ndimage
    pieces, _ = ndimage.label(np.asarray(mask), np.ones((3, 3)))
    k = np.bincount(pieces.ravel())[1:].argmax()
    rows, columns = ndimage.find_objects(pieces)[k]
    return np.array([columns.start, rows.start, columns.stop, rows.stop])""",
        """def box_of_largest(mask):
    left, best = {tuple(p) for p in mask.nonzero().tolist()}, []
    while left:
        piece, edge = [], [left.pop()]
        while edge:
            y, x = edge.pop()
            piece.append((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        best = max(best, piece, key=len)
    y, x = torch.tensor(best).T
    return [x.min(), y.min(), x.max() + 1, y.max() + 1]""",
    ],
    "weak_localization.iou": [
        "(lambda s: s / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - s))((torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod())",
        "len(set(np.ndindex(30, 30)) & {(y, x) for y in range(int(a[1]), int(a[3])) for x in range(int(a[0]), int(a[2]))} & {(y, x) for y in range(int(b[1]), int(b[3])) for x in range(int(b[0]), int(b[2]))}) / len({(y, x) for y in range(int(a[1]), int(a[3])) for x in range(int(a[0]), int(a[2]))} | {(y, x) for y in range(int(b[1]), int(b[3])) for x in range(int(b[0]), int(b[2]))})",
        """def iou(a, b):
    (ax, ay, au, av), (bx, by, bu, bv) = a.tolist(), b.tolist()
    if au <= bx or bu <= ax or av <= by or bv <= ay:
        return 0
    both = (min(au, bu) - max(ax, bx)) * (min(av, bv) - max(ay, by))
    return both / ((au - ax) * (av - ay) + (bu - bx) * (bv - by) - both)""",
        """def iou(a, b):
    import torchvision
    return torchvision.ops.box_iou(a[None], b[None]).item()""",
    ],
    "weak_localization.mirrored_back": [
        "torch.fliplr(map_of(picture.flip(2)))",
        "map_of(picture.flip([-1])).flip([1])",
        "map_of(picture[:, :, torch.arange(picture.shape[2] - 1, -1, -1)]).numpy()[:, ::-1]",
        "map_of(torch.from_numpy(picture.numpy()[..., ::-1].copy())).flip(dims=(-1,)).tolist()",
    ],
    "weak_localization.true_of_the_table": ["{'g', 'b', 'd'}", "set('BDG')", "frozenset('bdg')"],
    "why_no_pooling.true_of_the_photographs": ["{'d', 'b'}", "set('BD')", "frozenset('bd')"],
}
EACH = [(name, way) for name, ways in WAYS.items() for way in ways]


@pytest.mark.parametrize(("name", "way"), EACH, ids=lambda text: " ".join(text.split())[:60])
def test_a_right_way_passes_and_fits_the_next_cells(name, way, capsys):
    module, function = name.split(".")
    exercise = getattr(importlib.import_module(f"utils.check.{module}"), function)
    if not way.startswith("def "):
        way = f"def {function}{inspect.signature(exercise.solution)}:\n    return {way}"
    space = {"torch": torch, "np": np}
    exec(way, space)
    kept = exercise(space[function])
    assert capsys.readouterr().out.startswith("\N{WHITE HEAVY CHECK MARK} Right.")
    assert kept is not exercise.solution
    for case in exercise.cases:
        mine, theirs = outcome(kept, case), outcome(exercise.solution, case)
        assert mine.dtype == theirs.dtype or theirs.dtype is None
        assert not mine.changes
