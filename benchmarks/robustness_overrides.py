"""Random overrides of every key of every option: wrong types, signs, sizes and structures."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from lossbook.config.compose import composer
from lossbook.config.options import Options, conf_folder
from lossbook.errors import UserError

GROUPS = ("loss", "optim", "param_groups", "scheduler", "data", "model", "trainer", "callbacks", "logger")
VALUES = (
    "-1", "0", "1", "2", "3", "7", "0.5", "1.5", "-0.5", "1e-30", "1e30", "-1e30", "inf", "-inf", "nan",
    "100000000000000000000", "true", "false", "null", "text", "''", "'1'", "all", "auto", "[]", "[1]", "[0.5,0.5]",
    "[null]", "[[a]]", "[-1,-1]", "{}", "{a:1}", "{_target_:torch.nn.ReLU}", "???", "'${seed}'", "'${nowhere}'",
)  # fmt: skip
# of a node, or of a key that does not exist
STRUCTURES = ("~{key}", "+{key}.robustness=1", "+{key}=1", "++{key}=1", "++{key}=nan", "++{key}=null", "~{key}=1")
SMALL = (
    "data.limit=32", "data.batch_size=16", "trainer.max_epochs=1", "trainer.limit_train_batches=2",
    "trainer.accelerator=cpu", "logger=none",
)  # fmt: skip
# other options that an option needs
BESIDE = {
    "data=diabetes": ("loss=mse",), "data=digit_lines": ("loss=ctc",), "data=digit_mixtures": ("loss=kl_div",),
    "data=digit_pairs": ("loss=hinge_embedding",), "data=digit_triplets": ("loss=triplet_margin",),
    "data=digit_views": ("loss=info_nce",), "data=scene_counts": ("loss=poisson_nll",),
    "data=scene_labels": ("loss=bce_logits",), "data=scene_masks": ("loss=cross_entropy",),
    "data=breast_cancer": ("loss=cross_entropy",), "data=digits": ("loss=cross_entropy",),
    "model=bag": ("data=digit_tokens",), "model=crnn": ("loss=ctc",), "model=unet": ("data=scene_masks",),
    "model=mlp": ("data=breast_cancer",),
}  # fmt: skip


def overrides(seed: int, count: int) -> Iterator[tuple[str, ...]]:
    """Yield ``count`` lists of overrides, of which the last is tested; the same for the same seed."""
    every = list(_every())
    random.Random(seed).shuffle(every)
    yield from every[:count]


def _every() -> Iterator[tuple[str, ...]]:
    options, compose = Options([conf_folder()]), composer()
    for group in GROUPS:
        for name in options.names(group):
            if options.needs_files(f"{group}/{name}"):
                continue
            option = f"{group}={name}"
            base = (*(one for one in SMALL if not (group == "logger" and one.startswith("logger"))), option)
            base = (*base, *BESIDE.get(option, ()))
            try:
                config = compose(*base)
            except UserError:
                continue  # an option of a user's own may need more
            from omegaconf import OmegaConf

            whole: Any = OmegaConf.to_container(config, resolve=False)
            for key in (*_keys(whole[group] or {}, group), group, "seed", "ckpt"):
                yield from ((*base, f"{key}={value}") for value in VALUES)
                yield from ((*base, form.format(key=key)) for form in STRUCTURES)


def _keys(node: dict[str, Any], prefix: str) -> Sequence[str]:
    found = []
    for key, value in node.items():
        found.append(f"{prefix}.{key}")
        if isinstance(value, dict):
            found += _keys(value, f"{prefix}.{key}")
    return found
