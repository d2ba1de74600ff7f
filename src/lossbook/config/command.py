"""The command that every script is: from the command line to a config, and on to the script's job."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lossbook.config import folders, sweep_keys
from lossbook.config.arguments import belongs_to_hydra, parse
from lossbook.config.completion import candidates, installation
from lossbook.config.flags import only_shows, read_flags
from lossbook.config.options import GROUPS, Options, conf_folder
from lossbook.config.paths import split_ckpt, verbatim
from lossbook.config.script_keys import taken
from lossbook.errors import UserError, refuse
from lossbook.exits import exit_code, stopped_by
from lossbook.invocation import as_typed

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Request:
    """What a command line asks of a script's job."""

    config: DictConfig
    folder: Path | None  # that the user or the sweep named; None: the job chooses its own
    options: Options  # that could have been chosen, for errors
    keys: Mapping[str, Any]  # the values of the script's own keys
    config_dir: str | None  # the user's folder of options, as it was typed


Job = Callable[[Request], Any]
Run = Callable[["DictConfig", "Path | None", Sequence[Path]], Any]  # the config, the folder, those of the options
_RUN_DIR = "hydra.run.dir="
_NO_KEYS: Mapping[str, Any] = MappingProxyType({})


def command(
    name: str,
    job: Job,
    *,
    sweeper: str | None = None,
    keys: Mapping[str, Any] = _NO_KEYS,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a script's job on the config that the command line asks for, or on each one of a sweep.

    A user's mistake is printed in a few lines, without a traceback unless HYDRA_FULL_ERROR=1 is set.

    Args:
        name: of the help text in ``conf/hydra/help``.
        job: does the work. It raises errors and never exits.
        sweeper: Hydra's option for sweeps, which then trains by itself; None: ``job`` is called for each config.
        keys: keys that this script alone has, with their defaults.
        arguments: of the command line; those of ``sys.argv`` if None.

    Returns:
        The exit code.
    """
    return exit_code(lambda: _command(name, job, sweeper, keys, sys.argv[1:] if arguments is None else arguments))


def _command(name: str, job: Job, sweeper: str | None, keys: Mapping[str, Any], arguments: Sequence[str]) -> int:
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # where the user's own criteria, models, optimizers and datasets are found
    try:
        values, others = taken(arguments, keys)
        flags, given = read_flags(others)
        if flags.shell_completion:
            if not any(one.partition("=")[0] in ("install", "uninstall", "query") for one in given):
                rule = "--shell-completion needs to know whether to install or to uninstall."
                raise refuse("--shell-completion", rule, "--shell-completion install=bash")
            if (script := installation(given)) is not None:
                print(script)
                return 0
            print(*candidates(os.environ.get("COMP_LINE", ""), [*keys, *(sweep_keys.KEYS if sweeper else ())]))
        return _run(name, job, sweeper, values, flags, verbatim(given))
    except UserError as error:
        if stopped_by(error) or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(as_typed(str(error)), file=sys.stderr)
        return 1


def _run(
    name: str, job: Job, sweeper: str | None, keys: Mapping[str, Any], flags: Namespace, given: Sequence[str]
) -> int:
    """Print what the flags ask for, or run the job, by ourselves where Hydra has no part in it."""
    sweep, given = sweep_keys.taken(given) if sweeper else ({}, list(given))
    flags.multirun = flags.multirun or "resume" in sweep
    flags.config_dir = sweep_keys.options_before(sweep, flags.config_dir)
    if flags.cfg and flags.multirun:
        fix = "leave out -m, and give one value a key"
        raise refuse(f"--cfg {flags.cfg} -m", "--cfg prints the config of one run.", fix)
    where = [Path(flags.config_path).absolute() if flags.config_path else conf_folder()]
    where += [Path(flags.config_dir).absolute()] if flags.config_dir else []
    if flags.cfg == "job" and not (flags.help or flags.config_path):
        _print_config(flags, given, where)
        return 0
    ckpt, others = split_ckpt(given)
    recipe = sweep_keys.brings_a_sweep(others, Options(where)) if sweeper and "hydra.mode=RUN" not in others else None
    flags.multirun = flags.multirun or bool(recipe and not flags.cfg)
    sweeps = flags.multirun or "hydra.mode=MULTIRUN" in others
    if ckpt is not None and sweeps:
        rule = "Every job of a sweep would resume the same checkpoint, as the same run."
        raise refuse(f"{recipe or '-m'} ckpt={ckpt}", rule, f"leave out {recipe or '-m'} to resume, or ckpt to sweep")
    if sweep and not (sweeps or only_shows(flags)):
        key, text = next(iter(sweep.items()))
        raise refuse(f"sweep.{key}={text}", "This is one run, not a sweep.", "-m, or leave it out")

    def run(config: DictConfig, folder: Path | None, folders: Sequence[Path]) -> Any:
        return job(Request(config, folder, Options(folders), keys, flags.config_dir))

    hydras_work = sweeps or only_shows(flags) or flags.config_path or flags.config_name
    if not (hydras_work or _sets_hydra(others, where)):
        _run_once(run, ckpt, others, where)
        return 0
    from lossbook.config.hydra_jobs import run_with_hydra

    if another := next((one for one in others if one.startswith("hydra/sweeper=")), ""):
        if sweep and another != f"hydra/sweeper={sweeper}":
            given_both = f"sweep.{next(iter(sweep))} with {another}"
            raise refuse(given_both, "Another sweeper does not know it.", f"leave {another} out")
        sweeper = None
    ours = [f"hydra/help={name}", "hydra/job_logging=stdout"]
    ours += [f"hydra/sweeper={sweeper}", "hydra/hydra_logging=none"] if sweeper else []
    return run_with_hydra(run, flags, ckpt, sweep_keys.for_hydra(sweep, others), ours, where)


def _print_config(flags: Namespace, given: Sequence[str], where: Sequence[Path]) -> None:
    from omegaconf import OmegaConf

    from lossbook.config.compose import compose
    from lossbook.config.keys import dotted_keys, nearest_key

    config = compose(*(one for one in given if not belongs_to_hydra(one)), config_dir=where[1] if where[1:] else None)
    shown: Any = config
    if flags.package not in (None, "_global_"):
        shown = OmegaConf.select(config, flags.package)
        if not OmegaConf.is_config(shown):
            near = nearest_key(flags.package, dotted_keys(OmegaConf.to_container(config, resolve=False))) or "optim"
            fix = f"--cfg job --package {near.partition('.')[0]}"
            raise refuse(f"--package {flags.package}", "There is no node of this name to print.", fix)
        sys.stdout.write(f"# @package {flags.package}\n")
    sys.stdout.write(OmegaConf.to_yaml(shown, resolve=flags.resolve))


def _sets_hydra(arguments: Sequence[str], where: Sequence[Path]) -> bool:
    """Return whether arguments or option files change settings of Hydra's, other than where a run writes."""
    if any(belongs_to_hydra(one) and (not one.startswith(_RUN_DIR) or "${" in one) for one in arguments):
        return True
    if any((folder / "hydra").is_dir() for folder in where[1:]):
        return True
    files = [path for folder in where[1:] for group in GROUPS for path in (folder / group).rglob("*.yaml")]
    for key, _, name in (one.lstrip("+").partition("=") for one in arguments):
        if key == "experiment" and (path := Options(where).file(f"experiment/{name}")):
            files.append(path)
    return any("hydra" in path.read_text(encoding="utf-8", errors="replace") for path in files)


def _run_once(run: Run, ckpt: str | None, arguments: Sequence[str], where: Sequence[Path]) -> None:
    """Run the job in this process, on a config that is composed without Hydra's own node."""
    from lossbook.config.compose import config_of_run
    from lossbook.config.hydra_errors import in_words

    with in_words(arguments, where):
        named = [parse([one])[0].value() for one in arguments if one.startswith(_RUN_DIR)]
    config = config_of_run(ckpt, [one for one in arguments if not belongs_to_hydra(one)], where)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    if not named or named[-1] == ".":
        run(config, None, where)
        return
    folder = Path(os.path.abspath(str(named[-1])))
    with folders.discarding([*folders.missing(folder), folder]):
        with in_words(arguments, where):
            folder.mkdir(parents=True, exist_ok=True)
        run(config, folders.shown(folder), where)
