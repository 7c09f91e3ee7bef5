"""Ten ways and more of writing each solution: what is returned, or a whole function.

All of them are right, and must get every point.
"""

WAYS = {
    "difference_map": [
        "torch.einsum('nkhw,k->nhw', f, w[c]) - torch.einsum('nkhw,k->nhw', f, w[d]) + b[c] - b[d]",
        "(f * (w[c] - w[d])[:, None, None]).sum(1) + (b[c] - b[d])",
        "(f * w[c][None, :, None, None]).sum(1) + b[c] - ((f * w[d][None, :, None, None]).sum(1) + b[d])",
        "torch.tensordot(f, w[c] - w[d], ([1], [0])) + b[c] - b[d]",
        "f.permute(0, 2, 3, 1) @ (w[c] - w[d]) + (b[c] - b[d])",
        "torch.nn.functional.conv2d(f, (w[c] - w[d])[None, :, None, None], (b[c] - b[d])[None])[:, 0]",
        "np.einsum('nkhw,k->nhw', f.numpy(), (w[c] - w[d]).numpy()) + float(b[c] - b[d])",
        """
def difference_map(f, w, b, c, d):
    M = torch.einsum("nkhw,ck->nchw", f, w) + b[:, None, None]
    return M[:, c] - M[:, d]
""",
        """
def difference_map(f, w, b, c, d):
    N, K, H, W = f.shape
    D = torch.zeros(N, H, W)
    for n in range(N):
        for k in range(K):
            D[n] += (w[c, k] - w[d, k]) * f[n, k]
    return D + b[c] - b[d]
""",
        """
def difference_map(f, w, b, c, d):
    D = []
    for picture in f:
        rows = picture.flatten(1).T @ (w[c] - w[d])
        D.append(rows.reshape(picture.shape[1:]) + b[c] - b[d])
    return torch.stack(D)
""",
        """
def difference_map(f, w, b, c, d):
    return [[[float(f[n, :, y, x] @ (w[c] - w[d]) + b[c] - b[d]) for x in range(f.shape[3])]
             for y in range(f.shape[2])] for n in range(f.shape[0])]
""",
    ],
    "scores_of_the_rest": [
        "(f * keep[:, None]).mean((2, 3)) @ w.T + b",
        "torch.where(keep[:, None], f, 0).mean((2, 3)) @ w.T + b",
        "f.masked_fill(~keep[:, None], 0).mean((2, 3)) @ w.T + b",
        "torch.einsum('nkhw,nhw,ck->nc', f, keep.float(), w) / keep[0].numel() + b",
        "(torch.einsum('nkhw,ck->nchw', f, w) * keep[:, None]).mean((2, 3)) + b",
        "torch.nn.functional.linear((f * keep.unsqueeze(1).float()).mean(3).mean(2), w, b)",
        "b + (f * keep[:, None]).flatten(2).sum(2) / (f.shape[2] * f.shape[3]) @ w.T",
        "np.where(keep.numpy()[:, None], f.numpy(), 0).mean((2, 3)) @ w.numpy().T + b.numpy()",
        """
def scores_of_the_rest(f, w, b, keep):
    f = f.clone()
    f.permute(0, 2, 3, 1)[~keep] = 0
    return torch.nn.functional.adaptive_avg_pool2d(f, 1)[:, :, 0, 0] @ w.T + b
""",
        """
def scores_of_the_rest(f, w, b, keep):
    S = torch.zeros(len(f), len(w))
    for n in range(len(f)):
        for c in range(len(w)):
            M = sum(w[c, k] * f[n, k] for k in range(f.shape[1]))
            S[n, c] = (M * keep[n]).mean() + b[c]
    return S
""",
        """
def scores_of_the_rest(f, w, b, keep):
    whole = f.mean((2, 3))
    gone = (f * (~keep)[:, None]).mean((2, 3))
    return (whole - gone) @ w.T + b
""",
    ],
    "deciding_cells": [
        "((D.flatten(1).sort(1, descending=True).values.cumsum(1) >= D.sum((1, 2))[:, None] / 2).int().argmax(1)) + 1",
        "[int((v.sort(descending=True).values.cumsum(0) >= v.sum() / 2).nonzero()[0]) + 1 for v in D.flatten(1)]",
        "np.array([np.argmax(np.cumsum(np.sort(v)[::-1]) >= v.sum() / 2) + 1 for v in D.flatten(1).numpy()])",
        "1 + (D.flatten(1).sort(1, descending=True).values.cumsum(1).cummax(1).values < D.sum((1, 2))[:, None] / 2).sum(1)",
        "(2 * D.flatten(1).sort(1).values.flip(1).cumsum(1) >= D.sum((1, 2))[:, None]).byte().argmax(1) + 1",
        "torch.stack([1 + (v.sort(descending=True).values.cumsum(0) >= v.sum() / 2).float().argmax() for v in D.flatten(1)])",
        """
def deciding_cells(D):
    n = []
    for M in D:
        left, count = float(M.sum()) / 2, 0
        for value in sorted(M.flatten().tolist(), reverse=True):
            if left <= 1e-12:
                break
            left, count = left - value, count + 1
        n.append(count)
    return torch.tensor(n)
""",
        """
def deciding_cells(D):
    D = D.clone().flatten(1)
    half, got = D.sum(1) / 2, torch.zeros(len(D)).double()
    n = torch.zeros(len(D)).long()
    for _ in range(D.shape[1]):
        top = D.max(1)
        more = got < half
        got = torch.where(more, got + top.values, got)
        n += more
        D[torch.arange(len(D)), top.indices] = -torch.inf
    return n
""",
        """
def deciding_cells(D):
    v = D.reshape(len(D), -1)
    order = (-v).argsort(dim=1)
    paid = torch.gather(v, 1, order).cumsum(1)
    enough = paid >= v.sum(1, keepdim=True) / 2
    steps = torch.arange(1, v.shape[1] + 1).expand_as(v)
    return torch.where(enough, steps, v.shape[1] + 1).amin(1)
""",
        """
def deciding_cells(D):
    def one(M):
        for n in range(1, M.numel() + 1):
            if M.flatten().topk(n).values.sum() >= M.sum() / 2:
                return n
    return [one(M) for M in D]
""",
    ],
    "soft_pool": [
        "(torch.logsumexp(r * f, (2, 3)) - math.log(f[0, 0].numel())) / r",
        "(torch.logsumexp(r * f, dim=[2, 3]) - np.log(f.shape[2] * f.shape[3])) / r",
        "(r * f).flatten(2).logsumexp(2) / r - math.log(f.shape[2] * f.shape[3]) / r",
        "f.amax((2, 3)) + torch.exp(r * (f - f.amax((2, 3), keepdim=True))).mean((2, 3)).log() / r",
        "torch.logsumexp(torch.logsumexp(r * f, 3), 2) / r - math.log(f[0, 0].numel()) / r",
        "torch.logsumexp(r * f - math.log(f[0, 0].numel()), (2, 3)) / r",
        "(r * f.double()).exp().mean((2, 3)).log() / r if (r * f).amax() < 600 else (torch.logsumexp(r * f, (2, 3)) - math.log(f[0, 0].numel())) / r",
        """
def soft_pool(f, r):
    top = f.flatten(2).max(2).values
    rest = torch.exp(r * (f - top[:, :, None, None])).mean(dim=(2, 3))
    return top + torch.log(rest) / r
""",
        """
def soft_pool(f, r):
    F = torch.empty(f.shape[:2])
    for n in range(len(f)):
        for k in range(f.shape[1]):
            v = r * f[n, k].flatten()
            F[n, k] = (torch.logsumexp(v, 0) - math.log(len(v))) / r
    return F
""",
        """
def soft_pool(f, r):
    x = f.numpy().astype(np.float64) * r
    m = x.max((2, 3), keepdims=True)
    return (np.log(np.exp(x - m).mean((2, 3))) + m[:, :, 0, 0]) / r
""",
        """
def soft_pool(f, r):
    total = f[:, :, 0, 0] * r
    for i, v in enumerate(f.flatten(2).unbind(2)):
        total = torch.logaddexp(total, v * r) if i else total
    return (total - math.log(f.shape[2] * f.shape[3])) / r
""",
    ],
    "soft_gradient": [
        "w[c][:, None, None] * (r * f).flatten(2).softmax(2).view_as(f)",
        "torch.softmax((r * f).flatten(2), -1).reshape(f.shape) * w[c].view(1, -1, 1, 1)",
        "torch.exp(r * f - torch.logsumexp(r * f, (2, 3), keepdim=True)) * w[c][None, :, None, None]",
        "torch.einsum('k,nkhw->nkhw', w[c], (r * f).flatten(2).softmax(2).unflatten(2, f.shape[2:]))",
        "(r * f).flatten(2).log_softmax(2).exp().view(f.shape) * w[c][:, None, None].expand(f.shape)",
        "torch.stack([w[c, k] * (r * f[:, k]).flatten(1).softmax(1).view_as(f[:, k]) for k in range(f.shape[1])], 1)",
        """
def soft_gradient(f, w, c, r):
    f = f.clone().requires_grad_()
    F = (torch.logsumexp(r * f, (2, 3)) - math.log(f[0, 0].numel())) / r
    return torch.autograd.grad((F @ w[c]).sum(), f)[0]
""",
        """
def soft_gradient(f, w, c, r):
    f = f.detach().clone().requires_grad_(True)
    S = torch.logsumexp(r * f, dim=(2, 3)) / r @ w.T
    S[:, c].sum().backward()
    return f.grad
""",
        """
def soft_gradient(f, w, c, r):
    e = torch.exp(r * (f - f.amax((2, 3), keepdim=True)))
    return w[c][:, None, None] * e / e.sum((2, 3), keepdim=True)
""",
        """
def soft_gradient(f, w, c, r):
    x = f.numpy().astype(np.float64) * r
    e = np.exp(x - x.max((2, 3), keepdims=True))
    return e / e.sum((2, 3), keepdims=True) * w[c].numpy()[None, :, None, None]
""",
        """
def soft_gradient(f, w, c, r):
    g = torch.zeros_like(f)
    for n in range(f.shape[0]):
        for k in range(f.shape[1]):
            g[n, k] = w[c, k] * torch.softmax(r * f[n, k].reshape(-1), 0).reshape(f.shape[2:])
    return g
""",
    ],
    "cells_in_charge": [
        "g.abs().sum((2, 3)) ** 2 / (g**2).sum((2, 3))",
        "1 / ((g.abs() / g.abs().sum((2, 3), keepdim=True)) ** 2).sum((2, 3))",
        "g.flatten(2).norm(p=1, dim=2) ** 2 / g.flatten(2).norm(dim=2) ** 2",
        "(g.abs() / g.abs().sum((2, 3))[:, :, None, None]).square().sum((2, 3)).reciprocal()",
        "1 / torch.einsum('nkhw,nkhw->nk', *[g.abs() / g.abs().sum((2, 3), keepdim=True)] * 2)",
        "g.shape[2] * g.shape[3] * g.abs().mean((2, 3)) ** 2 / (g * g).mean((2, 3))",
        "torch.nn.functional.normalize(g.flatten(2), p=1, dim=2).pow(2).sum(2) ** -1",
        "np.abs(g.numpy()).sum((2, 3)) ** 2 / (g.numpy() ** 2).sum((2, 3))",
        "(g.abs().flatten(2).sum(2) / g.flatten(2).pow(2).sum(2).sqrt()).pow(2)",
        """
def cells_in_charge(g):
    out = torch.zeros(g.shape[:2])
    for n in range(g.shape[0]):
        for k in range(g.shape[1]):
            p = g[n, k].abs().flatten()
            p = p / p.sum()
            out[n, k] = 1 / (p @ p)
    return out
""",
        """
def cells_in_charge(g):
    return [[float(m.abs().sum() ** 2 / (m**2).sum()) for m in picture] for picture in g]
""",
    ],
    "honest": [
        "(lambda t: (t, (test[:, t] >= 0.5).float().mean()))(int((val >= 0.5).sum(0).argmax()))",
        "(lambda t: [t, float((test[:, t] >= 0.5).double().mean())])((val >= 0.5).sum(0).argmax().item())",
        "(lambda t: np.array([t, (test.numpy()[:, t] >= 0.5).mean()]))(np.argmax((val.numpy() >= 0.5).mean(0)))",
        "(lambda t: torch.tensor([t, (test[:, t] >= 0.5).sum() / len(test)]))((val >= 0.5).double().mean(0).argmax())",
        "(lambda s, u: (s.argmax(), u[s.argmax()]))((val >= 0.5).double().mean(0), (test >= 0.5).double().mean(0))",
        """
def honest(val, test):
    best, at = -1, 0
    for t in range(val.shape[1]):
        share = (val[:, t] >= 0.5).double().mean()
        if share > best:
            best, at = share, t
    return at, (test[:, at] >= 0.5).double().mean()
""",
        """
def honest(val, test):
    counts = [sum(bool(v >= 0.5) for v in column) for column in val.T]
    t = counts.index(max(counts))
    return t, sum(bool(v >= 0.5) for v in test[:, t]) / len(test)
""",
        """
def honest(val, test):
    shares = (val >= 0.5).double().mean(0)
    t = (shares == shares.max()).nonzero()[0, 0]
    return t, 1 - (test[:, t] < 0.5).double().mean()
""",
        """
def honest(val, test):
    t = max(range(val.shape[1]), key=lambda t: (val[:, t] >= 0.5).sum().item())
    return t, torch.where(test[:, t] >= 0.5, 1.0, 0.0).mean().item()
""",
        """
def honest(val, test):
    found = torch.ge(val, 0.5).float().mean(dim=0)
    t = torch.argmax(found).item()
    hits = torch.count_nonzero(test[:, t] >= 0.5)
    return t, hits.item() / test.shape[0]
""",
    ],
    "heat_inside": [
        "torch.stack([M[i, b[1]:b[3], b[0]:b[2]].relu().sum() / M[i].relu().sum().clamp(min=1e-12) for i, b in enumerate(boxes)])",
        "[float(m.relu()[y0:y1, x0:x1].sum()) / max(float(m.relu().sum()), 1e-12) for m, (x0, y0, x1, y1) in zip(M, boxes.tolist())]",
        "torch.nan_to_num(torch.stack([m[y0:y1, x0:x1].clamp(min=0).sum() / m.clamp(min=0).sum() for m, (x0, y0, x1, y1) in zip(M, boxes)]))",
        """
def heat_inside(M, boxes):
    out = torch.zeros(len(M)).double()
    for i in range(len(M)):
        x0, y0, x1, y1 = boxes[i]
        P = torch.where(M[i] > 0, M[i], 0)
        if P.sum() > 0:
            out[i] = P[y0:y1, x0:x1].sum() / P.sum()
    return out
""",
        """
def heat_inside(M, boxes):
    P, H, W = M.relu(), M.shape[1], M.shape[2]
    x, y = torch.arange(W)[None], torch.arange(H)[None]
    across = (x >= boxes[:, 0:1]) & (x < boxes[:, 2:3])
    down = (y >= boxes[:, 1:2]) & (y < boxes[:, 3:4])
    inside = torch.einsum("nhw,nh,nw->n", P, down.double(), across.double())
    total = P.sum((1, 2))
    return torch.where(total > 0, inside / total, 0.0)
""",
        """
def heat_inside(M, boxes):
    P = np.maximum(M.numpy(), 0)
    S = np.pad(P.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    n = np.arange(len(P))
    x0, y0, x1, y1 = boxes.numpy().T
    inside = S[n, y1, x1] - S[n, y0, x1] - S[n, y1, x0] + S[n, y0, x0]
    total = P.sum((1, 2))
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
""",
        """
def heat_inside(M, boxes):
    masks = torch.zeros_like(M)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes):
        mask[y0:y1, x0:x1] = 1
    P = M * (M > 0)
    return (P * masks).flatten(1).sum(1) / (P.flatten(1).sum(1) + 1e-30)
""",
        """
def heat_inside(M, boxes):
    shares = []
    for m, box in zip(M.tolist(), boxes.tolist()):
        total = inside = 0.0
        for y, row in enumerate(m):
            for x, value in enumerate(row):
                if value > 0:
                    total += value
                    inside += value * (box[0] <= x < box[2] and box[1] <= y < box[3])
        shares.append(inside / total if total else 0.0)
    return shares
""",
        """
def heat_inside(M, boxes):
    P = M.clamp_min(0)
    y, x = torch.meshgrid(torch.arange(M.shape[1]), torch.arange(M.shape[2]), indexing="ij")
    b = boxes[:, :, None, None]
    inside = (b[:, 0] <= x) & (x <= b[:, 2] - 1) & (b[:, 1] <= y) & (y <= b[:, 3] - 1)
    return torch.nan_to_num((P * inside).sum((1, 2)) / P.sum((1, 2)))
""",
        """
def heat_inside(M, boxes):
    P = M.masked_fill(M < 0, 0)
    outside = P.clone()
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        outside[i, y0:y1, x0:x1] = 0
    total = P.sum((1, 2))
    return (total - outside.sum((1, 2))) / total.clamp(min=1e-9)
""",
    ],
    "blind": [
        "(torch.stack([(lambda l, h: (lambda s, a, b: s / (a + b - s))((h - l).clamp(min=0).prod(), (m[2:] - m[:2]).prod(), (t[2:] - t[:2]).prod()))(torch.maximum(m[:2], t[:2]), torch.minimum(m[2:], t[2:])) for m in [train.median(0).values] for t in test]) >= 0.5).double().mean()",
        "(torchvision.ops.box_iou(train.median(0).values[None], test)[0] >= 0.5).double().mean()",
        "(localization.iou(train.median(0).values.expand_as(test), test) >= 0.5).double().mean()",
        """
def blind(train, test):
    m = np.median(train.numpy(), axis=0)
    found = 0
    for t in test.numpy():
        w = max(0, min(m[2], t[2]) - max(m[0], t[0]))
        h = max(0, min(m[3], t[3]) - max(m[1], t[1]))
        both = (m[2] - m[0]) * (m[3] - m[1]) + (t[2] - t[0]) * (t[3] - t[1]) - w * h
        found += w * h / both >= 0.5
    return found / len(test)
""",
        """
def blind(train, test):
    x0, y0, x1, y1 = train.median(dim=0).values
    w = (torch.minimum(x1, test[:, 2]) - torch.maximum(x0, test[:, 0])).relu()
    h = (torch.minimum(y1, test[:, 3]) - torch.maximum(y0, test[:, 1])).relu()
    area = (test[:, 2] - test[:, 0]) * (test[:, 3] - test[:, 1])
    return (w * h / ((x1 - x0) * (y1 - y0) + area - w * h) >= 0.5).float().mean()
""",
        """
def blind(train, test):
    box = train.sort(0).values[len(train) // 2]
    low = torch.stack([box[:2].expand(len(test), 2), test[:, :2]]).amax(0)
    high = torch.stack([box[2:].expand(len(test), 2), test[:, 2:]]).amin(0)
    size = torch.where(high > low, high - low, 0)
    shared = size[:, 0] * size[:, 1]
    union = (box[2] - box[0]) * (box[3] - box[1]) + (test[:, 2:] - test[:, :2]).prod(1) - shared
    return ((2 * shared >= union).sum() / len(test)).item()
""",
        """
def blind(train, test):
    def area(b):
        return max(b[2] - b[0], 0) * max(b[3] - b[1], 0)
    box = [sorted(column)[len(column) // 2] for column in train.T.tolist()]
    hits = []
    for t in test.tolist():
        shared = area([max(box[0], t[0]), max(box[1], t[1]), min(box[2], t[2]), min(box[3], t[3])])
        hits.append(shared / (area(box) + area(t) - shared) >= 0.5)
    return sum(hits) / len(hits)
""",
        """
def blind(train, test):
    box = torch.quantile(train, 0.5, dim=0)
    low, high = torch.max(box[:2], test[:, :2]), torch.min(box[2:], test[:, 2:])
    inter = torch.prod(torch.clamp(high - low, min=0), dim=1)
    areas = torch.prod(test[:, 2:] - test[:, :2], dim=1)
    iou = inter / (torch.prod(box[2:] - box[:2]) + areas - inter)
    return torch.mean((iou >= 0.5).double())
""",
        """
def blind(train, test):
    box = train.double().median(axis=0)[0]
    good = 0
    for t in test:
        low, high = torch.maximum(box[:2], t[:2]), torch.minimum(box[2:], t[2:])
        if (high <= low).any():
            continue
        shared = (high - low).prod()
        good += int(shared >= 0.5 * ((box[2:] - box[:2]).prod() + (t[2:] - t[:2]).prod() - shared))
    return good / test.shape[0]
""",
        """
def blind(train, test):
    box = torch.tensor(np.median(train, 0))
    wh = (torch.minimum(box[None, 2:], test[:, 2:]) - torch.maximum(box[None, :2], test[:, :2])).clamp(0)
    shared = wh[:, 0] * wh[:, 1]
    a, b = ((x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1]) for x in (box, test))
    return np.mean((shared / (a + b - shared)).numpy() >= 0.5)
""",
    ],
    "standardised": [
        "(test - train.mean(0)) / torch.where(train.std(0, correction=0) > 0, train.std(0, correction=0), 1)",
        "(test - train.mean(0)) / torch.where((train == train[0]).all(0), 1, train.std(0, unbiased=False))",
        "(test - train.mean(0, keepdim=True)) / train.var(0, correction=0).sqrt().where(train.std(0) > 0, torch.tensor(1.0).double())",
        "(test.numpy() - train.numpy().mean(0)) / np.where(train.numpy().std(0) > 0, train.numpy().std(0), 1)",
        "__import__('sklearn.preprocessing').preprocessing.StandardScaler().fit(train.numpy()).transform(test.numpy())",
        "(test - train.mean(0)) / train.std(0, correction=0).masked_fill(train.std(0) == 0, 1)",
        "torch.stack([(t - x.mean()) / (x.std(correction=0) if x.std(correction=0) > 0 else 1) for t, x in zip(test.T, train.T)], 1)",
        """
def standardised(train, test):
    mean = train.sum(0) / len(train)
    sd = ((train - mean) ** 2).mean(0).sqrt()
    sd[sd == 0] = 1
    return (test - mean) / sd
""",
        """
def standardised(train, test):
    out = test.clone()
    for k in range(train.shape[1]):
        sd = np.std(train[:, k].numpy())
        out[:, k] = (test[:, k] - train[:, k].mean()) / (sd if sd else 1.0)
    return out
""",
        """
def standardised(train, test):
    var, mean = torch.var_mean(train, 0, correction=0)
    return (test - mean) * torch.where(var > 0, var.rsqrt(), 1.0)
""",
    ],
    "nearest_mean": [
        "(lambda w: (w, -(w**2).sum(1) / 2))(torch.stack([F[y == c].mean(0) for c in range(C)]))",
        "(lambda w: (w, -0.5 * w.norm(dim=1) ** 2))(torch.stack([F[y == c].mean(dim=0) for c in range(C)]))",
        "(lambda w: (w, -torch.einsum('ck,ck->c', w, w) / 2))(torch.cat([F[y == c].mean(0, keepdim=True) for c in range(C)]))",
        "(lambda Y: (lambda w: (w, -w.square().sum(1) / 2))(Y.T @ F / Y.sum(0)[:, None]))(torch.eye(C).double()[y])",
        "(lambda w: [w, -(w * w).sum(1) / 2])(torch.zeros(C, F.shape[1]).double().index_reduce(0, y, F, 'mean', include_self=False))",
        "(lambda w: (w, -np.sum(w**2, 1) / 2))(np.stack([F.numpy()[y.numpy() == c].mean(0) for c in range(C)]))",
        "(lambda w: (w, -(w @ w.T).diag() / 2))(torch.stack([F[(y == c).nonzero()[:, 0]].mean(0) for c in range(C)]))",
        """
def nearest_mean(F, y, C):
    w, b = [], []
    for c in range(C):
        mu = F[y == c].mean(0)
        w.append(mu)
        b.append(-(mu @ mu) / 2)
    return torch.stack(w), torch.stack(b)
""",
        """
def nearest_mean(F, y, C):
    total, count = torch.zeros(C, F.shape[1]).double(), torch.zeros(C)
    for row, label in zip(F, y):
        total[label] += row
        count[label] += 1
    w = total / count[:, None]
    return w, -(w**2).sum(dim=1) / 2
""",
        """
def nearest_mean(F, y, C):
    w = torch.zeros(C, F.shape[1], dtype=F.dtype).index_add(0, y, F)
    w = w / torch.bincount(y, minlength=C)[:, None]
    return w, -torch.linalg.vector_norm(w, dim=1).pow(2).div(2)
""",
        """
def nearest_mean(F, y, C):
    w = np.array([F[y == c].mean(0).tolist() for c in range(C)])
    return w.tolist(), [-float(row @ row) / 2 for row in w]
""",
    ],
    "least_squares": [
        """
def least_squares(F, y, C, lam):
    T = torch.where(y[:, None] == torch.arange(C), 1.0, -1.0).double()
    X, m = F - F.mean(0), T.mean(0)
    w = torch.linalg.inv(X.T @ X + lam * torch.eye(F.shape[1]).double()) @ X.T @ (T - m)
    return w.T, m - F.mean(0) @ w
""",
        """
def least_squares(F, y, C, lam):
    T = 2 * torch.nn.functional.one_hot(y, C).double() - 1
    X = F - F.mean(0)
    w = torch.linalg.solve(X.T @ X + lam * torch.eye(F.shape[1]), X.T @ T)
    return w.T, T.mean(0) - F.mean(0) @ w
""",
        """
def least_squares(F, y, C, lam):
    T = -torch.ones(len(F), C).double()
    T[torch.arange(len(F)), y] = 1
    X = F - F.mean(0)
    K = X @ X.T + lam * torch.eye(len(F)).double()
    w = (X.T @ torch.linalg.solve(K, T - T.mean(0))).T
    return w, T.mean(0) - w @ F.mean(0)
""",
        """
def least_squares(F, y, C, lam):
    from sklearn.linear_model import Ridge
    T = np.where(np.arange(C) == y.numpy()[:, None], 1.0, -1.0)
    fit = Ridge(alpha=lam).fit(F.numpy(), T)
    return fit.coef_, fit.intercept_
""",
        """
def least_squares(F, y, C, lam):
    ones = torch.ones(len(F), 1).double()
    A = torch.cat([F, ones], 1)
    P = lam * torch.eye(A.shape[1]).double()
    P[-1, -1] = 0
    T = 2.0 * (y[:, None] == torch.arange(C)) - 1
    sol = torch.linalg.solve(A.T @ A + P, A.T @ T.double())
    return sol[:-1].T, sol[-1]
""",
        """
def least_squares(F, y, C, lam):
    X = F - F.mean(0)
    U, s, V = torch.linalg.svd(X, full_matrices=False)
    T = 2.0 * torch.eye(C).double()[y] - 1
    w = (V.T * (s / (s**2 + lam))) @ U.T @ (T - T.mean(0))
    return w.T, T.mean(0) - F.mean(0) @ w
""",
        """
def least_squares(F, y, C, lam):
    w, b = [], []
    for c in range(C):
        t = torch.where(y == c, 1.0, -1.0).double()
        X = F - F.mean(0)
        w.append(torch.linalg.solve(X.T @ X + lam * torch.eye(X.shape[1]).double(), X.T @ (t - t.mean())))
        b.append(t.mean() - w[-1] @ F.mean(0))
    return torch.stack(w), torch.stack(b)
""",
        """
def least_squares(F, y, C, lam):
    X = F.numpy() - F.numpy().mean(0)
    T = 2.0 * np.eye(C)[y.numpy()] - 1
    w = np.linalg.solve(X.T @ X + lam * np.eye(X.shape[1]), X.T @ (T - T.mean(0))).T
    return w, T.mean(0) - w @ F.numpy().mean(0)
""",
        """
def least_squares(F, y, C, lam):
    T = 2.0 * torch.eye(C).double()[y] - 1
    X = torch.cat([F - F.mean(0), lam**0.5 * torch.eye(F.shape[1]).double()])
    Y = torch.cat([T - T.mean(0), torch.zeros(F.shape[1], C).double()])
    w = torch.linalg.lstsq(X, Y).solution
    return w.T, T.mean(0) - F.mean(0) @ w
""",
        """
def least_squares(F, y, C, lam):
    T = 2.0 * torch.eye(C).double()[y] - 1
    X = F - F.mean(0)
    L = torch.linalg.cholesky(X.T @ X + lam * torch.eye(F.shape[1]).double())
    w = torch.cholesky_solve(X.T @ T, L).T
    return w, (T - F @ w.T).mean(0)
""",
    ],
    "scores_without": [
        """
def scores_without(f, w, b, off, reference):
    F = f.mean((2, 3)).clone()
    for k in off:
        F[:, k] = reference[:, k].mean()
    return F @ w.T + b
""",
        """
def scores_without(f, w, b, off, reference):
    f = f.clone()
    f[:, off] = reference[:, off].mean((0, 2, 3))[None, :, None, None]
    return f.mean((2, 3)) @ w.T + b
""",
        """
def scores_without(f, w, b, off, reference):
    gone = torch.zeros(f.shape[1], dtype=torch.bool)
    gone[off] = True
    F = torch.where(gone, reference.mean((0, 2, 3)), f.mean((2, 3)))
    return torch.nn.functional.linear(F, w, b)
""",
        """
def scores_without(f, w, b, off, reference):
    S = f.mean((2, 3)) @ w.T + b
    change = reference.mean((2, 3)).mean(0)[off] - f.mean((2, 3))[:, off]
    return S + change @ w[:, off].T
""",
        """
def scores_without(f, w, b, off, reference):
    on = [k for k in range(f.shape[1]) if k not in off]
    F = f.mean((2, 3))
    return F[:, on] @ w[:, on].T + w[:, off] @ reference.mean((0, 2, 3))[off] + b
""",
        """
def scores_without(f, w, b, off, reference):
    F = f.numpy().mean((2, 3))
    F[:, off] = reference.numpy().mean((0, 2, 3))[off]
    return F @ w.numpy().T + b.numpy()
""",
        """
def scores_without(f, w, b, off, reference):
    F = f.flatten(2).mean(2)
    m = reference.flatten(2).mean(2).mean(0)
    F = F.index_copy(1, torch.tensor(off), m[off].expand(len(F), -1).contiguous())
    return F @ w.t() + b
""",
        """
def scores_without(f, w, b, off, reference):
    S = torch.zeros(len(f), len(w))
    for n in range(len(f)):
        for c in range(len(w)):
            S[n, c] = b[c]
            for k in range(f.shape[1]):
                S[n, c] += w[c, k] * (reference[:, k].mean() if k in off else f[n, k].mean())
    return S
""",
        """
def scores_without(f, w, b, off, reference):
    m = torch.ones(f.shape[1])
    m[off] = 0
    F = f.mean((2, 3)) * m + reference.mean((0, 2, 3)) * (1 - m)
    return torch.einsum("nk,ck->nc", F, w) + b
""",
        """
def scores_without(f, w, b, off, reference):
    columns = [reference[:, k].mean().expand(len(f)) if k in off else f[:, k].mean((1, 2))
               for k in range(f.shape[1])]
    return torch.stack(columns, 1) @ w.T + b
""",
    ],
    "same_order": [
        "[__import__('scipy.stats').stats.spearmanr(a.flatten(), b.flatten())[0] for a, b in zip(A, B)]",
        "torch.stack([torch.corrcoef(torch.stack([a.flatten().argsort().argsort().double(), b.flatten().argsort().argsort().double()]))[0, 1] for a, b in zip(A, B)])",
        "np.array([np.corrcoef(a.flatten().argsort().argsort(), b.flatten().argsort().argsort())[0, 1] for a, b in zip(A.numpy(), B.numpy())])",
        "1 - 6 * (A.flatten(1).argsort(1).argsort(1) - B.flatten(1).argsort(1).argsort(1)).double().pow(2).sum(1) / (A[0].numel() * (A[0].numel() ** 2 - 1))",
        "torch.nn.functional.cosine_similarity(*(r - r.mean(1, keepdim=True) for r in (M.flatten(1).argsort(1).argsort(1).double() for M in (A, B))))",
        """
def same_order(A, B):
    def ranks(M):
        v = M.flatten(1)
        return (v[:, :, None] > v[:, None, :]).sum(2).double()
    a, b = ranks(A), ranks(B)
    a, b = (a - a.mean(1, keepdim=True)) / a.std(1, keepdim=True), (b - b.mean(1, keepdim=True)) / b.std(1, keepdim=True)
    return (a * b).sum(1) / (a.shape[1] - 1)
""",
        """
def same_order(A, B):
    from scipy.stats import rankdata
    out = []
    for a, b in zip(A.numpy(), B.numpy()):
        x, y = rankdata(a.ravel()), rankdata(b.ravel())
        out.append(np.corrcoef(x, y)[0, 1])
    return torch.tensor(out)
""",
        """
def same_order(A, B):
    n = A[0].numel()
    ranks = torch.empty(2, len(A), n).double()
    for i, M in enumerate((A, B)):
        order = M.reshape(len(M), -1).sort(1).indices
        ranks[i].scatter_(1, order, torch.arange(n).double().expand(len(M), n).contiguous())
    d = ranks[0] - ranks[1]
    return 1 - 6 * (d * d).sum(1) / (n**3 - n)
""",
        """
def same_order(A, B):
    result = []
    for a, b in zip(A, B):
        x, y = (sorted(range(a.numel()), key=m.flatten().tolist().__getitem__) for m in (a, b))
        rx, ry = {c: i for i, c in enumerate(x)}, {c: i for i, c in enumerate(y)}
        n = len(x)
        result.append(1 - 6 * sum((rx[c] - ry[c]) ** 2 for c in range(n)) / (n * (n * n - 1)))
    return result
""",
        """
def same_order(A, B):
    a, b = (M.flatten(1).argsort(1, descending=True).argsort(1).float() for M in (A, B))
    a, b = a - a.mean(1)[:, None], b - b.mean(1)[:, None]
    return torch.einsum("nc,nc->n", a, b) / (a.norm(dim=1) * b.norm(dim=1))
""",
    ],
    "drop_and_rise": [
        "(lambda P, Q: (((P - Q).clamp(min=0) / P).mean(), (Q > P).double().mean()))(S.softmax(1)[range(len(c)), c], R.softmax(1)[range(len(c)), c])",
        "(lambda P, Q: ((P - Q).relu().div(P).mean(), (Q > P).float().mean()))(S.softmax(1).gather(1, c[:, None])[:, 0], R.softmax(1).gather(1, c[:, None])[:, 0])",
        "(lambda P, Q: ((1 - Q / P).clamp(min=0).mean(), (Q > P).double().mean()))(torch.softmax(S, 1)[torch.arange(len(c)), c], torch.softmax(R, 1)[torch.arange(len(c)), c])",
        "(lambda P, Q: (1 - torch.minimum(P, Q).div(P).mean(), (P < Q).sum() / len(c)))(*(X.softmax(1)[torch.arange(len(c)), c] for X in (S, R)))",
        "(lambda p, q: torch.stack([(1 - (q - p).exp()).clamp(min=0).mean(), (q > p).double().mean()]))(*(X.log_softmax(1)[torch.arange(len(c)), c] for X in (S, R)))",
        """
def drop_and_rise(S, R, c):
    drops, rises = [], 0
    for s, r, k in zip(S, R, c):
        p, q = s.softmax(0)[k].item(), r.softmax(0)[k].item()
        drops.append(max(0, p - q) / p)
        rises += q > p
    return sum(drops) / len(drops), rises / len(c)
""",
        """
def drop_and_rise(S, R, c):
    def P(X):
        X = X.numpy()
        e = np.exp(X - X.max(1, keepdims=True))
        return (e / e.sum(1, keepdims=True))[np.arange(len(X)), c.numpy()]
    p, q = P(S), P(R)
    return np.maximum(p - q, 0).__truediv__(p).mean(), (q > p).mean()
""",
        """
def drop_and_rise(S, R, c):
    own = torch.nn.functional.one_hot(c, S.shape[1])
    P, Q = (S.softmax(1) * own).sum(1), (R.softmax(1) * own).sum(1)
    return (torch.where(Q < P, P - Q, 0) / P).mean(), torch.count_nonzero(Q > P) / len(P)
""",
        """
def drop_and_rise(S, R, c):
    P = torch.tensor([S.softmax(1)[i, k] for i, k in enumerate(c)])
    Q = torch.tensor([R.softmax(1)[i, k] for i, k in enumerate(c)])
    return [((P - Q).clamp(0) / P).mean().item(), (Q > P).float().mean().item()]
""",
        """
def drop_and_rise(S, R, c):
    P = torch.exp(-torch.nn.functional.cross_entropy(S, c, reduction="none"))
    Q = torch.exp(-torch.nn.functional.cross_entropy(R, c, reduction="none"))
    return torch.clamp((P - Q) / P, min=0).mean(), torch.gt(Q, P).double().mean()
""",
    ],
}
