from __future__ import annotations

import torch
from torch import tensor

from lossbook.data.schema import Schema
from lossbook.targets.embeddings import Embedding, with_distances
from lossbook.targets.pairs import PairEmbedding
from lossbook.targets.triplets import TripletEmbedding

X = tensor([[0.0, 0.0], [3.0, 4.0]])


def test_with_distances():
    assert with_distances(X, X.flip(0)).tolist() == [5, 5]
    assert with_distances(X, X.flip(0), X).tolist() == [[5, 0], [5, 0]]


def test_an_embedding_leaves_labels_and_scores_as_they_are():
    encoding = Embedding(Schema("class", (1,), 10, classes=2), embedding_dim=7)
    assert encoding.width == 7
    assert encoding.encode(tensor([1, 0])).tolist() == [1, 0]
    assert torch.equal(encoding.decide(X), X)
    assert list(encoding.measures()) == ["retrieval"]
    verifying = Embedding(encoding.schema, 7, distance="cosine", verify=True).measures()
    assert list(verifying) == ["retrieval", "verification"]
    assert {measure.metric.distance for measure in verifying.values()} == {"cosine"}
    assert Embedding(Schema("none", (1,), 10), 7).measures() == {}


def test_pairs_become_signs():
    encoding = PairEmbedding(Schema("pair", (1,), 10), 7)
    assert encoding.encode(tensor([1, 0])).tolist() == [1, -1]
    (measure,) = encoding.measures().values()
    measure.metric.update(*measure.view(tensor([0.1, 0.3, 0.2, 2.0]), tensor([1, 0, 1, 0])))
    assert {k: float(v) for k, v in measure.metric.compute().items()} == {"pair_acc": 1.0, "auroc": 1.0}


def test_triplets_count_who_is_nearer():
    encoding = TripletEmbedding(Schema("triplet", (1,), 10), 7)
    (measure,) = encoding.measures().values()
    measure.metric.update(*measure.view(tensor([[0.1, 0.2], [0.3, 0.3], [0.5, 0.9]]), None))
    assert float(measure.metric.compute()) == float(tensor(2 / 3))  # a tie is no success
