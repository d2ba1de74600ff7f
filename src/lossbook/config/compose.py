"""From the arguments of a command line to the config of a run, for Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lossbook.config.arguments import split_ckpt
from lossbook.config.finish import composed
from lossbook.config.hydras import reader
from lossbook.config.options import conf_folder
from lossbook.config.resume import resume
from lossbook.errors import refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig


def compose(*overrides: str, config_dir: str | Path | None = None) -> DictConfig:
    """Composes the config of a run, as ``python scripts/train.py <overrides>`` does.

    Args:
        overrides: arguments of the command line, such as ``"loss=ctc"`` and ``"optim.lr=0.1"``. With ``"ckpt=PATH"``
            the config that the checkpoint holds is the base, and the others go on top.
        config_dir: a folder of the user's own options, laid out like ``conf``.

    Returns:
        The config, interpolations left as they are, with ``choices`` (the option of each group) and ``overrides``.

    Raises:
        UserError: an argument that Hydra or the rule of types refuses.
    """
    return composer(config_dir)(*overrides)


def composer(config_dir: str | Path | None = None) -> Callable[..., DictConfig]:
    """``compose`` for the many jobs of a sweep, in a quarter of its time: a file of options is read once.

    Args:
        config_dir: as for ``compose``. What is changed in it, or in our ``conf``, after the first config is not seen.

    Returns:
        Takes overrides, and gives the config that ``compose`` gives.
    """
    folders = [conf_folder(), *([Path(config_dir).absolute()] if config_dir is not None else [])]
    composes = reader(folders)

    def compose_one(*overrides: str) -> DictConfig:
        ckpt, others = split_ckpt(overrides)
        if ckpt is not None:
            return resume(ckpt, others, folders)
        if not folders[-1].is_dir():
            raise refuse(f"config_dir={config_dir}", "There is no such folder.", "give the path of a folder")
        return composed(others, folders, composes)

    return compose_one
