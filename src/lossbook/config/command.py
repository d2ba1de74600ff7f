"""What the scripts share: Hydra runs the job, and mistakes are worded outside it."""

from __future__ import annotations

import os
import re
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from lossbook.config import folders, sweep_keys
from lossbook.config.arguments import belongs_to_hydra, split_ckpt
from lossbook.config.as_called import for_hydra
from lossbook.config.completion import candidates, installation
from lossbook.config.options import Options, conf_folder
from lossbook.config.sweep_keys import brings_a_sweep
from lossbook.errors import UserError, nearest, refuse
from lossbook.exits import exit_code, stopped_by
from lossbook.processes import is_first

if TYPE_CHECKING:
    from omegaconf import DictConfig

Job = Callable[["DictConfig", "Path | None"], Any]


@dataclass
class Session:
    """One call of a script: what was asked for, what came of its jobs, and the folders that are removed if empty."""

    ckpt: str | None
    on_top: list[str]  # overrides of a checkpoint's config, kept from Hydra, which composes without it
    flags: list[str] = field(default_factory=list)  # other than overrides, and than the one that asks for a sweep
    jobs: int = 0
    failed: list[str] = field(default_factory=list)
    begun: dict[int, Any] = field(default_factory=dict)  # where the traceback of a job's error begins
    made: list[Path] = field(default_factory=list)
    sweeping: bool = False
    sweep: str | None = None
    own: list[str] = field(default_factory=list)  # arguments for Hydra that nobody typed
    called: list[str] = field(default_factory=list)  # the script and its arguments, as they were typed
    sweep_only: list[str] = field(default_factory=list)  # arguments that say how a sweep is run

    def sweep_folder(self, mode: Any) -> str:
        """The sweep's folder, claimed when it is first asked for; outside a sweep only named."""
        base = folders.sweep_base()
        if getattr(mode, "name", mode) != "MULTIRUN":
            return str(base)
        if self.sweep is None:
            self.made += folders.missing(base.parent)
            claimed = folders.claim(base)
            self.made.append(claimed.absolute())
            self.sweep = str(claimed)
        return self.sweep


def command(name: str, job: Job, sweeper: str | None = None, own: Collection[str] = ()) -> int:
    """Runs ``job`` on the config that the command line asks for, or on each of a sweep; returns the exit code.

    A mistake of the user's is printed in a few lines, without a traceback unless HYDRA_FULL_ERROR=1 asks for one.

    Args:
        name: of the help text in ``conf/hydra/help``.
        job: takes the config, and the folder that the user or the sweep gave it, else None. It raises, never exits.
        sweeper: Hydra's option for sweeps, which then trains by itself; None: ``job`` is called for each of a sweep.
        own: keys of the script's own, which the tab key completes as well.
    """
    return exit_code(lambda: _command(name, job, sweeper, own))


def _command(name: str, job: Job, sweeper: str | None, own: Collection[str]) -> int:
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # a criterion, model, optimizer or dataset of one's own is found there
    full_error = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        flags, given = read_flags(sys.argv[1:])
        if flags.shell_completion:
            if not any(one.partition("=")[0] in ("install", "uninstall", "query") for one in given):
                raise refuse("--shell-completion", "It is installed, or taken out.", "--shell-completion install=bash")
            if (script := installation(given)) is not None:
                print(script)
                return 0
            print(*candidates(os.environ.get("COMP_LINE", ""), [*own, *(sweep_keys.KEYS if sweeper else ())]))
        return _run(name, job, flags, given, sweeper)
    except UserError as error:
        if stopped_by(error) or full_error:
            raise
        print(error, file=sys.stderr)
        return 1


def read_flags(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """The flags and, wherever they stood among them, the overrides."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()

    def refused(message: str) -> Any:
        flag = next((one for one in arguments if one.startswith("-") and one in message), "")
        known = {option: action for action in parser._actions for option in action.option_strings}
        fix = (nearest(flag, known) if len(flag) > 2 else None) or "--help shows the flags"
        if flag in known and (choices := known[flag].choices):  # a value is missing
            fix = f"{flag} {next(iter(choices))}"
        if choice := re.search(r"invalid choice: '?([^' ]*)'? \(choose from (.*)\)", message):
            there = re.findall(r"[\w-]+", choice[2])
            flag, fix = f"{flag} {choice[1]}", f"{flag} {nearest(choice[1], there) or there[0]}"
        raise refuse(flag or " ".join(arguments), f"{message[:1].upper()}{message[1:]}.", fix)

    parser.error = refused  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(list(arguments))
    _refuse_idle(flags)
    return flags, list(flags.overrides)


def _refuse_idle(flags: Namespace) -> None:
    """Refuse flags that have no effect beside the others, or that Hydra answers with a traceback."""
    if flags.resolve and not (flags.cfg or flags.help):
        raise refuse("--resolve", "It resolves the config that --cfg prints.", "--cfg job --resolve")
    if flags.package and not flags.cfg:
        rule = "It picks the part of the config that --cfg prints."
        raise refuse(f"--package {flags.package}", rule, f"--cfg job --package {flags.package}")
    if flags.hydra_help and flags.overrides:
        raise refuse(f"--hydra-help {flags.overrides[0]}", "Hydra's help is the same for every config.", "--hydra-help")
    if flags.experimental_rerun:
        rule = "It needs a file that only Hydra's own callback writes."
        raise refuse(f"--experimental-rerun {flags.experimental_rerun}", rule, "ckpt=PATH goes on from a checkpoint")
    if flags.config_path and not (Path(flags.config_path) / "train.yaml").is_file():
        rule = "There is no train.yaml, which lists what is chosen; a folder of your own options stands beside ours."
        raise refuse(f"--config-path {flags.config_path}", rule, f"--config-dir={flags.config_path}")


def _run(name: str, job: Job, flags: Namespace, given: list[str], sweeper: str | None) -> int:
    flags_alone = [argument for argument in sys.argv[1:] if argument not in given]
    sweep, given = sweep_keys.taken(given) if sweeper else ({}, given)
    flags.multirun = flags.multirun or "resume" in sweep
    ckpt, others = split_ckpt(given)
    if (folder := sweep_keys.options_before(sweep, flags.config_dir)) != flags.config_dir:
        flags.config_dir = folder
        flags_alone.append(f"--config-dir={folder}")
    if flags.cfg and flags.multirun:
        raise refuse(
            f"--cfg {flags.cfg} -m", "It shows the config of one run.", "leave out -m, and give one value a key"
        )
    on_top = [argument for argument in others if not belongs_to_hydra(argument)]
    where = [conf_folder(), *([Path(flags.config_dir).absolute()] if flags.config_dir else [])]
    if flags.cfg == "job" and not (flags.multirun or flags.help or flags.config_path):
        _print_config(flags, given, where)
        return 0
    recipe = brings_a_sweep(others, Options(where)) if sweeper and "hydra.mode=RUN" not in others else None
    flags.multirun = flags.multirun or bool(recipe and not flags.cfg)
    if ckpt is not None and flags.multirun:
        rule = "Every job of a sweep would go on from the same checkpoint, as the same run."
        raise refuse(f"{recipe or '-m'} ckpt={ckpt}", rule, f"leave out {recipe or '-m'} to go on, or ckpt to sweep")
    another = next(
        (one for one in others if one.startswith("hydra/sweeper=") and one != f"hydra/sweeper={sweeper}"), ""
    )
    if another and sweep:
        raise refuse(
            f"sweep.{next(iter(sweep))} with {another}", "Another sweeper does not know it.", f"leave {another} out"
        )
    session = Session(ckpt, on_top, called=list(sys.argv), sweep_only=[f"sweep.{key}={sweep[key]}" for key in sweep])
    others = sweep_keys.for_hydra(sweep, others)
    for argument in others:
        key, _, path = argument.partition("=")
        if key in ("hydra.run.dir", "hydra.sweep.dir") and "${" not in path:
            session.made += folders.missing(Path(path.strip("'\"")))
    hydras = others if ckpt is None else [argument for argument in others if belongs_to_hydra(argument)]
    own = [f"hydra/help={name}", "hydra/job_logging=stdout"]
    if sweeper and not any(argument.startswith("hydra/sweeper=") for argument in hydras):
        own += [f"hydra/sweeper={sweeper}", "hydra/hydra_logging=none"]
    session.own = own
    session.flags = [flag for flag in flags_alone if flag not in ("-m", "--multirun")]
    multirun = ["--multirun"] if flags.multirun else []
    with folders.discarding(session.made):
        return _with_hydra(job, session, [*session.flags, *multirun, *own, *hydras], where)


def _print_config(flags: Namespace, given: list[str], where: list[Path]) -> None:
    from omegaconf import OmegaConf

    from lossbook.config.compose import compose
    from lossbook.config.types import nearest_key
    from lossbook.config.wording import flat

    config = compose(*(one for one in given if not belongs_to_hydra(one)), config_dir=where[1] if where[1:] else None)
    shown: Any = config
    if flags.package not in (None, "_global_"):
        shown = OmegaConf.select(config, flags.package)
        if not OmegaConf.is_config(shown):
            known = flat(OmegaConf.to_container(config, resolve=False))
            near = nearest_key(flags.package, known) or "optim"
            rule = "There is no node of this name to print."
            raise refuse(f"--package {flags.package}", rule, f"--cfg job --package {near.partition('.')[0]}")
        sys.stdout.write(f"# @package {flags.package}\n")
    sys.stdout.write(OmegaConf.to_yaml(shown, resolve=flags.resolve))


def _with_hydra(job: Job, session: Session, arguments: list[str], where: list[Path]) -> int:
    """Lets Hydra compose and run, once or as a sweep."""
    from omegaconf import OmegaConf

    from lossbook.config.hydras import main, register
    from lossbook.config.wording import word

    register("lossbook.sweep_folder", session.sweep_folder, use_cache=True)
    register("lossbook.command", lambda: OmegaConf.create(session.called))
    register("lossbook.options", lambda group: _options(group, where))

    with for_hydra(["lossbook", *arguments]) as as_called:

        @main(config_path=str(where[0]), config_name="train")
        def task(config: DictConfig) -> Any:
            with as_called():
                return _job(job, session, config)

        try:
            task()
        except Exception as error:
            begun = session.begun.get(id(error))
            if begun is None:  # not a job's: Hydra's, while it composed
                given = [one for one in arguments if "=" in one and one[:1] != "-" and one not in session.own]
                worded = word(error, given, where)
                if worded is None:
                    raise
                raise worded from error
            if not session.sweeping:
                error.__traceback__ = begun  # without the frames that Hydra put before the job's
                raise
    if not session.failed:
        return 0
    print(f"{len(session.failed)} of {session.jobs} jobs failed: {', '.join(session.failed)}.", file=sys.stderr)
    return 1


def _options(group: str, where: list[Path]) -> str:
    """The options of a group, for the help, in lines of a terminal's width."""
    return fill(", ".join(Options(where).names(group)), 100).replace("\n", "\n  ")


def _job(job: Job, session: Session, config: DictConfig) -> Any:
    """One job: finish and check its config, then train; its failure is noted, in a sweep printed, and raised."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    sweeping = session.sweeping = hydra.mode is not None and hydra.mode.name == "MULTIRUN"
    if session.sweep_only and not sweeping:
        raise refuse(session.sweep_only[0], "This is one run, not a sweep.", "-m, or leave it out")
    folder = _shown(Path(hydra.runtime.output_dir)) if sweeping or hydra.run.dir != "." else None
    if folder is not None:
        session.made.append(folder.absolute())
    session.jobs += 1
    try:
        checked = _checked(session, config, hydra)
        with _one_of_a_sweep(session, _overrides(hydra)) if sweeping else nullcontext():
            return job(checked, folder)
    except Exception as error:
        session.begun[id(error)] = error.__traceback__
        session.failed.append(f"#{hydra.job.num if sweeping else 0} ({' '.join(_overrides(hydra))})")
        if sweeping:
            print(f"Job {session.failed[-1]} failed:", file=sys.stderr)
            print(error if isinstance(error, UserError) else traceback.format_exc(), file=sys.stderr, flush=True)
        raise


def _shown(folder: Path) -> Path:
    """Relative to the working folder where it lies there, as the folder of a single run is."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


@contextmanager
def _one_of_a_sweep(session: Session, overrides: list[str]) -> Iterator[None]:
    """Whoever starts this script again for a job's other processes starts that job, and not the whole sweep."""
    whole, sys.argv = sys.argv, [sys.argv[0], *session.flags, *sweep_keys.alone(overrides)]
    try:
        yield
    finally:
        sys.argv = whole


def _checked(session: Session, config: DictConfig, hydra: Any) -> DictConfig:
    from omegaconf import OmegaConf

    from lossbook.config.check import check
    from lossbook.config.finish import finish
    from lossbook.config.plain import plain

    sources = [source for source in hydra.runtime.config_sources if source.schema == "file" and source.path]
    where = [Path(source.path).absolute() for source in sources]
    if session.ckpt is not None:
        from lossbook.config.resume import resume

        finished = resume(session.ckpt, session.on_top, where)
        changed = f", but for {', '.join(session.on_top)}" if session.on_top else "."
        if is_first():
            print(f"{session.ckpt}: everything as it was{changed}")
    else:
        values = OmegaConf.to_container(config, resolve=False)
        assert isinstance(values, dict)
        finished = finish(values, hydra.runtime.choices, _overrides(hydra), where)
    check(plain(finished), Options(where))
    return finished


def _overrides(hydra: Any) -> list[str]:
    """The job's own arguments, as they were typed: an interpolation in one of them is not for this place."""
    from omegaconf import OmegaConf

    overrides = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    assert isinstance(overrides, list)
    return [str(override) for override in overrides]
