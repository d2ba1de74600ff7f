"""Encodings by the name that a contract calls them, for each target kind that they encode."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lossbook.targets.classes import Index, OneHot, PaddedClass, PlusMinusOne, Smoothed
from lossbook.targets.distributions import Distribution
from lossbook.targets.embeddings import Embedding, PairEmbedding, TripletEmbedding
from lossbook.targets.encoding import Encoding
from lossbook.targets.masks import MaskIndex, MaskOneHot
from lossbook.targets.multilabel import MultiHot, MultiPlusMinusOne, PaddedIndices
from lossbook.targets.numbers import Numbers, Ranking, Rates, Standardised
from lossbook.targets.texts import Symbols

ENCODINGS: Mapping[str, Mapping[str, Callable[..., Encoding]]] = {
    "class": {
        "index": Index,
        "one_hot": OneHot,
        "plus_minus_one": PlusMinusOne,
        "padded_indices": PaddedClass,
        "smoothed": Smoothed,
        "embedding": Embedding,
    },
    "multilabel": {"one_hot": MultiHot, "plus_minus_one": MultiPlusMinusOne, "padded_indices": PaddedIndices},
    "mask": {"index": MaskIndex, "one_hot": MaskOneHot},
    "value": {"standardised": Standardised, "plain": Numbers, "ranking": Ranking},
    "count": {"plain": Numbers, "standardised": Standardised, "rates": Rates, "ranking": Ranking},
    "distribution": {"distribution": Distribution},
    "text": {"padded_indices": Symbols},
    "pair": {"embedding": PairEmbedding},
    "triplet": {"embedding": TripletEmbedding},
    "none": {"embedding": Embedding},
}
