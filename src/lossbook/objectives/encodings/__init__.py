"""Encodings by the name that a contract calls them, for each target kind that they encode."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lossbook.objectives.encodings.classes import Index, OneHot, PaddedClass, PlusMinusOne, Smoothed
from lossbook.objectives.encodings.distributions import Distribution
from lossbook.objectives.encodings.embeddings import Embedding, PairEmbedding, TripletEmbedding
from lossbook.objectives.encodings.encoding import Encoding
from lossbook.objectives.encodings.masks import MaskIndex, MaskOneHot
from lossbook.objectives.encodings.multilabel import MultiHot, MultiPlusMinusOne, PaddedIndices
from lossbook.objectives.encodings.numbers import Numbers, Ranking, Rates, Standardised
from lossbook.objectives.encodings.texts import Symbols

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
