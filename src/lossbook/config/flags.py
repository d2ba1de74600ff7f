"""The flags of the command line (``--cfg job``, ``-m``, ``--config-dir DIR``): Hydra's, checked before Hydra runs."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.config.hydra_internals import flags_parser
from lossbook.errors import nearest, refuse


def read_flags(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Separate the flags from the overrides, which may stand anywhere among them.

    Raises:
        UserError: a flag that does not exist, lacks its value, or has no effect.
    """
    parser, known = flags_parser()

    def refused(message: str) -> Any:
        flag = next((one for one in arguments if one.startswith("-") and one in message), "")
        fix = (nearest(flag, known) if len(flag) > 2 else None) or "--help shows the flags"
        if flag in known and (choices := known[flag].choices):  # a value is missing
            fix = f"{flag} {next(iter(choices))}"
        if choice := re.search(r"invalid choice: '?([^' ]*)'? \(choose from (.*)\)", message):
            there = re.findall(r"[\w-]+", choice[2])
            flag, fix = f"{flag} {choice[1]}", f"{flag} {nearest(choice[1], there) or there[0]}"
        raise refuse(flag or " ".join(arguments), f"{message[:1].upper()}{message[1:]}.", fix)

    parser.error = refused  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(list(arguments))
    _refuse_useless(flags)
    return flags, list(flags.overrides)


def only_shows(flags: Namespace) -> bool:
    """Return whether the flags ask for a text to be printed, and for no run."""
    return bool(flags.help or flags.hydra_help or flags.shell_completion or flags.info or flags.cfg)


def repeated(flags: Namespace) -> list[str]:
    """Return the flags that say which options there are, as arguments for running one job of a sweep again."""
    given = {name: getattr(flags, name) for name in ("config_dir", "config_path", "config_name")}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value]


def _refuse_useless(flags: Namespace) -> None:
    """Refuse flags that have no effect next to the others, or that Hydra answers with a traceback."""
    if flags.resolve and not (flags.cfg or flags.help):
        raise refuse("--resolve", "--resolve changes only what --cfg prints.", "--cfg job --resolve")
    if flags.package and not flags.cfg:
        rule = "--package picks the part of the config that --cfg prints."
        raise refuse(f"--package {flags.package}", rule, f"--cfg job --package {flags.package}")
    if flags.hydra_help and flags.overrides:
        raise refuse(f"--hydra-help {flags.overrides[0]}", "Hydra's help is the same for every config.", "--hydra-help")
    if flags.experimental_rerun:
        rule = "It needs a file that only Hydra's own callback writes."
        raise refuse(f"--experimental-rerun {flags.experimental_rerun}", rule, "ckpt=PATH resumes from a checkpoint")
    if flags.config_path and not (Path(flags.config_path) / "train.yaml").is_file():
        rule = "This folder has no train.yaml, which lists the choices. --config-dir adds a folder of your own options."
        raise refuse(f"--config-path {flags.config_path}", rule, f"--config-dir={flags.config_path}")
    if flags.config_dir and not Path(flags.config_dir).is_dir():
        rule = "There is no such folder."
        raise refuse(f"--config-dir {flags.config_dir}", rule, "give the path of a folder with your options")
