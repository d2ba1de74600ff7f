"""What each number of our losses may be: of the criteria, and of the encodings. No torch.

Bounds that hold only beside other values are rules in the YAML of the loss.
"""

from __future__ import annotations

from lossbook.ranges import FLAG, Range, either, listed, number, one_of, or_null, whole

_WEIGHT = or_null(either(listed(number(0, 1_000_000_000), 1, 1_000_000), one_of("auto")), "for none")
_CLASS = whole(-1_000_000_000, 1_000_000_000, example=-100)
_SMOOTHING = number(0, 1, below=True, example=0.1).because("It is a probability, and 1 leaves nothing of the target.")
_MARGIN = number(0, 10_000, above=True, example=1.0)
_EMBEDDED = _MARGIN.because("Without a margin one point for all samples is optimal.")
_RANKED = _MARGIN.because("Without a margin equal scores for all are optimal.")
KEYS: dict[str, Range] = {
    "loss.terms.*.weight": number(0, 1_000_000_000, above=True, example=1.0),
    "loss.accepts.*.smoothing": _SMOOTHING,
    "loss.accepts.*.threshold": number(-1000, 1000, example=0.0),
    "loss.accepts.*.negative": whole(-1, 0, example=0),
    "loss.accepts.*.binary": FLAG,
    "loss.accepts.*.verify": FLAG,
}
"""By dotted key of the config, ``*`` for any term or target kind."""
CLASSES: dict[str, dict[str, Range]] = {
    "torch.nn.BCELoss": {"weight": _WEIGHT},
    "torch.nn.BCEWithLogitsLoss": {"weight": _WEIGHT, "pos_weight": _WEIGHT},
    "torch.nn.CosineEmbeddingLoss": {
        "margin": number(-1, 1, below=True, example=0.0).because("It is a cosine, and at 1 no pair is ever too close."),
    },
    "torch.nn.CrossEntropyLoss": {"weight": _WEIGHT, "ignore_index": _CLASS, "label_smoothing": _SMOOTHING},
    "torch.nn.CTCLoss": {
        "blank": whole(0, 1_000_000).because("It is an index among the outputs, 0 to the number of symbols."),
        "zero_infinity": FLAG,
    },
    "lossbook.losses.criteria.dice.DiceLoss": {"smooth": number(0, 1_000_000), "ignore_index": _CLASS},
    "torch.nn.HingeEmbeddingLoss": {"margin": _EMBEDDED},
    "torch.nn.KLDivLoss": {"log_target": FLAG},
    "torch.nn.MarginRankingLoss": {"margin": _RANKED},
    "torch.nn.MultiLabelSoftMarginLoss": {"weight": _WEIGHT},
    "torch.nn.MultiMarginLoss": {
        "p": one_of(1, 2).because("torch has the hinge and its square."),
        "margin": _RANKED,
        "weight": _WEIGHT,
    },
    "torch.nn.NLLLoss": {"weight": _WEIGHT, "ignore_index": _CLASS},
    "torch.nn.PoissonNLLLoss": {
        "log_input": FLAG,
        "full": FLAG,
        "eps": number(0, 1, above=True, below=True, example=1e-8),
    },
    "torch.nn.SmoothL1Loss": {"beta": number(0, 1000, example=1.0).because("The square ends there; 0 is l1.")},
    "torch.nn.TripletMarginLoss": {
        "margin": _EMBEDDED,
        "p": number(1, 10, example=2.0).because("Below 1 it is no norm; powers beyond 10 leave float32."),
        "eps": number(0, 1, below=True, example=1e-6),
        "swap": FLAG,
    },
    "lossbook.losses.criteria.info_nce.InfoNCELoss": {
        "temperature": number(0, 100, above=True, example=0.2).because("Similarities are divided by it."),
        "learnable": FLAG,
        "normalize": FLAG,
        "block_size": or_null(whole(1, 1_000_000_000), "for all rows at once"),
    },
}
"""By class, and the name of its argument."""
