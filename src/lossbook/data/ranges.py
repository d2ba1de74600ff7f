"""The allowed range of each option of loaders, sources and augmentation. Does not import torch."""

from __future__ import annotations

from typing import Any

from lossbook.ranges import COUNT, Range, either, is_whole, listed, number, one_of, or_null, row, whole

SEED = whole(0, 2**32 - 1)  # numpy's largest
BATCH_SIZE = either(whole(1, COUNT, example=64), one_of("all", "auto"))
_SIZE = either(whole(1, 8192, example=64), listed(whole(1, 8192, example=64), 2, 2))


def _are_classes(value: Any) -> bool:
    named = isinstance(value, (list, tuple)) and value and all(type(name) in (str, int, bool) for name in value)
    return is_whole(value) and 0 < value <= COUNT if not named else len({str(name) for name in value}) == len(value)


KEYS: dict[str, Range] = {
    "data.batch_size": BATCH_SIZE,
    "data.views": whole(1, 2).because("loss=info_nce takes 2, other losses 1."),
    "data.limit": or_null(whole(1, COUNT), "for all samples"),
    "data.epochs": whole(1, COUNT, example=20),
    "data.seed": SEED,
    "data.num_workers": either(whole(0, 256), one_of("auto")),
    "data.classes": or_null(
        Range(_are_classes, "the number of classes, or a list of their names", 10), "for what the data says"
    ),
    "data.image_size": or_null(_SIZE, "where images may keep theirs"),
    "data.channels": one_of(3, 1, None),
    "data.resize": one_of("crop", "pad", "squash"),
    "data.normalise": either(
        one_of("imagenet", "measured", "none", None),
        row(listed(number(-1000, 1000), 3, 3), listed(number(0, 1000, above=True), 3, 3)),
        row(listed(number(-1000, 1000), 1, 1), listed(number(0, 1000, above=True), 1, 1)),
    ),
    "data.sampling": or_null(one_of("balanced"), "for every sample once"),
    "data.mixup": or_null(number(0, 1000, above=True, example=0.2)),
    "data.cutmix": or_null(number(0, 1000, above=True, example=1.0)),
    "data.grey_bits": or_null(whole(8, 16, example=12), "for 16"),
    "data.categories": one_of("onehot", "embedding"),
    "data.missing": one_of("impute", "fail"),
    "data.decimal": one_of(None, "point", "comma"),
    "data.on_bad": one_of("fail", "skip"),
    "data.cache": one_of("auto", "none", "ram", "disk"),
    "data.fractions": or_null(listed(number(0, 1, example=0.25), 3, 3), "for 70 / 15 / 15"),
    "data.folds": or_null(whole(2, COUNT, example=5), "for no folds"),
    "data.fold": whole(0, COUNT),
    "data.ignored": or_null(whole(0, 65535, example=255), "for none"),
    "data.values": or_null(listed(whole(0, 65535), 2, 65536), "for those that are found"),
}
"""By dotted key of the config."""
_OF_IMAGES = (
    "image_size", "channels", "resize", "normalise", "grey_bits", "on_bad", "fractions", "folds", "fold",
)  # fmt: skip
_OF_DATASETS = (
    "classes", "image_size", "channels", "resize", "normalise", "fractions", "folds", "fold", "num_workers", "seed",
)  # fmt: skip
_OF_TABLES = ("categories", "missing", "decimal", "on_bad", "fractions", "folds", "fold")
_SHARE = number(0, 1, example=0.5)
_SEEDED = (
    "digit_lines.DigitLines", "digits.Digits", "digit_mixtures.DigitMixtures", "digit_tokens.DigitTokens",
    "digit_tuples.DigitPairs", "digit_tuples.DigitTriplets", "scenes.SceneCounts", "scenes.SceneLabels",
    "scenes.SceneMasks", "scenes.SceneTargets", "tabular.BreastCancer", "tabular.Diabetes",
)  # fmt: skip
CLASSES: dict[str, dict[str, Range]] = {
    "lossbook.data.images.folder.ImageFolder": {
        **{key: KEYS[f"data.{key}"] for key in _OF_IMAGES},
        "seed": SEED,
    },
    "lossbook.data.images.table.ImageTable": {
        **{key: KEYS[f"data.{key}"] for key in (*_OF_IMAGES, "decimal")},
        "seed": SEED,
    },
    "lossbook.data.tables.source.TableSource": {
        **{key: KEYS[f"data.{key}"] for key in _OF_TABLES},
        "seed": SEED,
    },
    "lossbook.data.masks.source.MaskFolder": {
        **{key: KEYS[f"data.{key}"] for key in (*_OF_IMAGES, "ignored", "values")},
        "seed": SEED,
    },
    "lossbook.data.datasets.source.OwnDataset": {key: KEYS[f"data.{key}"] for key in _OF_DATASETS},
    "lossbook.data.huggingface.source.HuggingFace": {
        key: KEYS[f"data.{key}"] for key in _OF_DATASETS if key != "num_workers"
    },
    "lossbook.data.torchvision_files.TorchvisionFiles": {
        key: KEYS[f"data.{key}"] for key in ("image_size", "resize", "normalise", "fractions", "seed")
    },
    "lossbook.data.tuples.source.TupleTable": {
        **{key: KEYS[f"data.{key}"] for key in _OF_IMAGES},
        "seed": SEED,
    },
    "lossbook.data.torchvision_images.TorchvisionImages": {"validation": whole(1, COUNT, example=5000), "seed": SEED},
    **{f"lossbook.data.{name}": {"seed": SEED} for name in _SEEDED},
    "lossbook.data.augment.Affine": {
        "degrees": number(0, 180, example=10),
        "scale": listed(number(0, 100, above=True, example=1.0), 2, 2),
        "translate": number(0, 1, below=True, example=0.1),
    },
    "lossbook.data.augment.HorizontalFlip": {"p": _SHARE},
    "lossbook.data.augment.PadCrop": {
        "padding": either(whole(1, 4096, example=4), number(0, 1, above=True, below=True))
    },
    "lossbook.data.augment.ResizedCrop": {
        "scale": listed(number(0, 1, above=True, example=1.0), 2, 2),
        "ratio": listed(number(0, 100, above=True, example=1.0), 2, 2),
    },
    "lossbook.data.augment.Erasing": {
        "p": _SHARE,
        "scale": listed(number(0, 1, above=True, example=0.2), 2, 2),
        "ratio": listed(number(0, 100, above=True, example=1.0), 2, 2),
    },
    "lossbook.data.augment.ColorJitter": {
        "brightness": number(0, 10, example=0.4),
        "contrast": number(0, 10, example=0.4),
        "saturation": number(0, 10, example=0.4),
        "hue": number(0, 0.5, example=0.1),
        "p": _SHARE,
    },
    "lossbook.data.augment.Grayscale": {"p": _SHARE},
    "lossbook.data.augment.GaussianBlur": {
        "sigma": listed(number(0, 1, above=True, example=0.005), 2, 2),
        "p": _SHARE,
    },
    "lossbook.data.augment.RandAugment": {"n": whole(1, 14, example=2), "magnitude": number(0, 30, example=9)},
    "lossbook.data.augment.GaussianNoise": {"std": number(0, 1000, above=True, example=0.1)},
    "lossbook.data.augment.BrightnessContrast": {
        "brightness": number(0, 1, example=0.2),
        "contrast": number(0, 1, example=0.2),
    },
}  # fmt: skip
"""By class, and the name of its argument."""
