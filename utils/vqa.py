"""Answers to questions about a picture, from words and pooled features in one linear model.

A question becomes a bag of words, the picture its pooled features F_k, and one softmax regression
takes both: S_c = sum_j v_j^c q_j + sum_k w_k^c F_k + b_c for each answer c. The words have no place
in the picture, so they shift scores only, and the answer's map is M_c = sum_k w_k^c f_k as ever.
Paper, section 4, "Interpreting visual question answering"; notebook 08 derives all of it.

Letters: Q questions, V words, K channels, C answers. `q` holds the bags (Q, V), `F` the features of
each question's picture (Q, K), `v` and `w` the weights (C, V) and (C, K), `b` the biases (C,).
"""

import re
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from utils import cam, valid


def words(question: str) -> list[str]:
    """The words of a question, in small letters and without punctuation, in their order."""
    valid.texts([question], "questions")
    return re.findall(r"\w+", question.lower())


def vocabulary(questions: Sequence[str]) -> tuple[str, ...]:
    """Every word that stands in one of the questions, once, in alphabetical order: V words."""
    valid.texts(questions, "questions")
    return tuple(sorted({word for question in questions for word in words(question)}))


def bags(questions: Sequence[str], vocabulary: Sequence[str]) -> Tensor:
    """How often each word stands in each question: Q questions, V words -> (Q, V) floats.

    A word that is not in the vocabulary counts for nothing; the order of the words is lost.
    """
    valid.texts(vocabulary, "the words of the vocabulary")
    counted = [Counter(words(question)) for question in valid.texts(questions, "questions")]
    counts = [[count[word] for word in vocabulary] for count in counted]
    return torch.tensor(counts, dtype=torch.float32).reshape(len(questions), len(vocabulary))


def fit(q: Tensor, F: Tensor, answers: Tensor, C: float = 0.1) -> tuple[Tensor, Tensor, Tensor]:
    """A softmax regression: bags (Q, V), features (Q, K), answers (Q,) int -> v, w, b.

    Each channel is scaled to mean 0 and deviation 1 first, and the scaling folded into w and b (see
    `features.folded`). `C` is the price of a wrong answer against that of large weights. Bags or
    features that are all zero get no weight, so `0 * F` asks what the words alone can do. Raises
    ValueError if one of the answers 0, 1, ... never occurs.
    """
    from sklearn.linear_model import LogisticRegression  # here: slow to import
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    q, F = valid.finite(q, "the bags q", "Q V"), valid.finite(F, "the features F", "Q K")
    if len(q) != len(F):
        raise ValueError(f"{len(q)} bags, but the features of {len(F)} pictures")
    answers = valid.learnt_from(answers, len(q), "questions")
    scaling = StandardScaler().fit(F.double().numpy())
    scaled = torch.from_numpy(scaling.transform(F.double().numpy()))
    model = LogisticRegression(C=C, max_iter=1000, tol=1e-3)
    with threadpool_limits(1):  # several threads wait for each other here: twice the time
        model.fit(torch.cat([q.double(), scaled], 1).numpy(), answers.numpy())
    weights, b = (torch.from_numpy(t) for t in (model.coef_, model.intercept_))
    if len(weights) == 1:  # of two answers, only the second has a row
        weights, b = torch.cat([-weights, weights]) / 2, torch.cat([-b, b]) / 2
    v, w = weights.split([q.shape[1], F.shape[1]], 1)
    w = w / torch.from_numpy(scaling.scale_)
    b = b - w @ torch.from_numpy(scaling.mean_)
    return v.float(), w.float(), b.float()


def scores(q: Tensor, F: Tensor, v: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """S_c of every answer, input of the softmax: (Q, V), (Q, K), v, w, b -> (Q, C)."""
    return cam.scores(F, w, b) + cam.scores(q, v)


def answers(q: Tensor, F: Tensor, learnt: Tensor, q_test: Tensor, F_test: Tensor) -> Tensor:
    """Answers to new questions, of a model fitted to others and their answers `learnt`: -> (Q,)."""
    S = scores(q_test, F_test, *fit(q, F, learnt))
    return valid.finite(S, "the scores S", "Q C").argmax(1)


def look_there(f: Tensor, M: Tensor) -> Tensor:
    """Means of f_k weighted by the positive part of a map: (K, H, W), (H, W) -> (K,).

    The plain mean where the map is nowhere positive. Attention, made of a class activation map: it
    says where to look before anything is averaged. Notebook 08, exercise 3.
    """
    f, M = valid.finite(f, "the maps f_k", "K H W"), valid.finite(M, "the map", "H W")
    a = M.clamp(min=0)
    a = a if a.any() else torch.ones_like(a)
    return (f * a).sum((1, 2)) / a.sum()
