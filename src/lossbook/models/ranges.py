"""The allowed range of each hyperparameter of the networks. Does not import torch."""

from __future__ import annotations

from lossbook.ranges import FLAG, FLAG_OR_NULL, Range, listed, number, one_of, or_null, whole

WIDTH = whole(1, 16_384, example=64)
CHANNELS = whole(1, 4096, example=32)
DROPOUT = number(0, 1, below=True, example=0.2)
KEYS: dict[str, Range] = {
    "model.strict": one_of("backbone", "all", "none"),
    "model.embedding_dim": or_null(WIDTH, "for the width that the targets or the loss ask for"),
}
"""By dotted key of the config."""
CLASSES: dict[str, dict[str, Range]] = {
    "lossbook.models.bag.Bag": {"dim": WIDTH, "dropout": DROPOUT, "sparse": FLAG_OR_NULL},
    "lossbook.models.cnn.CNN": {
        "channels": listed(CHANNELS, 1, 32),
        "hidden": WIDTH,
        "dropout": DROPOUT,
        "grid": whole(1, 64),
    },
    "lossbook.models.crnn.CRNN": {"channels": listed(CHANNELS, 3, 3), "hidden": WIDTH, "dropout": DROPOUT},
    "lossbook.models.mlp.MLP": {
        "hidden": listed(WIDTH, 0, 100),
        "dropout": DROPOUT,
        "batch_norm": FLAG,
        "clip": or_null(number(0, 1e6, above=True, example=4.0), "for inputs without a bound"),
        "periodic": FLAG,
        "embedding_width": or_null(WIDTH, "for one that grows with the number of categories"),
        "embedding_dropout": DROPOUT,
        "sparse": FLAG_OR_NULL,
    },
    "lossbook.models.timm_net.TimmNet": {
        "pretrained": FLAG,
        "drop_rate": or_null(DROPOUT, "for the network's own"),
        "drop_path_rate": or_null(DROPOUT, "for the network's own"),
    },
    "lossbook.models.timm_unet.TimmUNet": {"pretrained": FLAG, "width": whole(1, 1024, example=16)},
    "lossbook.models.unet.UNet": {"channels": listed(CHANNELS, 1, 16)},
}
"""By class, and the name of its argument."""
