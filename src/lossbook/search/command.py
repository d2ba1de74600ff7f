"""``python scripts/search.py``: start or resume a search from the command line."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.config import command as scripts
from lossbook.config.arguments import belongs_to_hydra, unquoted
from lossbook.config.flags import only_shows, read_flags
from lossbook.config.folders import OUTPUTS, claim, discarding, missing, sweep_base
from lossbook.config.options import Options, conf_folder
from lossbook.config.paths import split_ckpt, verbatim
from lossbook.config.script_keys import taken
from lossbook.errors import UserError, nearest, refuse
from lossbook.exits import exit_code, stopped_by
from lossbook.invocation import as_typed
from lossbook.search.space import overrides

OPTIONS: dict[str, Any] = {
    "search.trials": 40,
    "search.workers": 1,
    "search.seed": 0,
    "search.sampler": "tpe",
    "search.pruner": "median",
    "search.timeout": None,
    "search.resume": None,
}
_WORDS = {"search.sampler": ("tpe", "random"), "search.pruner": ("median", "hyperband", "none")}
_LEAST = {"search.trials": 1, "search.workers": 1, "search.seed": 0}
_FOLDER = "hydra.sweep.dir="


def command(arguments: Sequence[str]) -> int:
    """Run the search that the arguments ask for; return the exit code.

    User errors are printed without a traceback unless HYDRA_FULL_ERROR=1 is set.
    """
    return exit_code(lambda: _command(arguments))


def _command(arguments: Sequence[str]) -> int:
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # the user's own code
    typed = [sys.argv[0], *arguments]
    try:
        how, others = taken(arguments, OPTIONS)
        _check(how)
        flags, given = read_flags(others)
        if only_shows(flags):
            return _show(flags, others, given)
        return _search(typed, how, flags, verbatim(given))
    except UserError as error:
        if stopped_by(error) or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(as_typed(str(error)), file=sys.stderr)
        return 1


def _show(flags: Namespace, others: list[str], given: list[str]) -> int:
    """Print what needs no search: help, completion, the config that all trials share."""
    fixed = given
    if flags.cfg:
        read = overrides(given, Options([conf_folder()]))
        fixed = [one.input_line for one in read if not one.is_sweep_override()]
    arguments = [one for one in others if one not in given or one in fixed]
    return scripts.command("search", lambda request: None, keys=OPTIONS, arguments=arguments)


def _check(how: dict[str, Any]) -> None:
    for key, words in _WORDS.items():
        if how[key] not in words:
            near = nearest(str(how[key]), words) or words[0]
            raise refuse(f"{key}={how[key]}", f"{key} must be one of {', '.join(words)}.", f"{key}={near}")
    for key, least in _LEAST.items():
        if how[key] < least:
            raise refuse(f"{key}={how[key]}", f"{key} must be an integer of at least {least}.", f"{key}={OPTIONS[key]}")
    text = how["search.timeout"]
    try:
        how["search.timeout"] = None if text in (None, "null") else float(text)
    except ValueError:
        how["search.timeout"] = -1.0
    if how["search.timeout"] is not None and not how["search.timeout"] > 0:
        rule = "search.timeout must be a positive number of seconds, after which a trial is killed."
        raise refuse(f"search.timeout={text}", rule, "search.timeout=600")


def _search(typed: Sequence[str], how: dict[str, Any], flags: Namespace, given: Sequence[str]) -> int:
    """Make or resume a plan, run the search, and print the outcome."""
    if flags.multirun:
        raise refuse("-m", "A search needs no -m.", "remove it")
    if flags.config_name or flags.config_path:
        flag = f"--config-name {flags.config_name}" if flags.config_name else f"--config-path {flags.config_path}"
        raise refuse(flag, "A search uses the config of scripts/train.py.", "--config-dir DIR adds your options")
    ckpt, others = split_ckpt(given)
    if ckpt is not None:
        raise refuse(f"ckpt={ckpt}", "Every trial would resume the same run from its checkpoint.", "remove it")
    where = next((one.removeprefix(_FOLDER).strip("'\"") for one in others if one.startswith(_FOLDER)), None)
    arguments = [one for one in others if not one.startswith(_FOLDER)]
    if about_hydra := next(filter(belongs_to_hydra, arguments), None):
        raise refuse(
            about_hydra,
            "Of Hydra's own settings only hydra.sweep.dir has an effect.",
            "hydra.sweep.dir=DIR sets the folder",
        )
    folders = [conf_folder(), *([Path(flags.config_dir).absolute()] if flags.config_dir else [])]
    if how["search.resume"] is not None:
        if where is not None:
            raise refuse(f"{_FOLDER}{where}", "A search is resumed in its own folder.", "remove it")
        return _resume(typed, how, arguments, folders)

    from lossbook.search import storage
    from lossbook.search.make_plan import make_plan

    plan = make_plan(arguments, folders, how, typed)
    storage.required()
    base = Path(where) if where else OUTPUTS / "searches" / sweep_base().name
    new = missing(base)
    with discarding(new):
        folder = claim(base)
        new.append(folder.absolute())
        storage.create(folder, plan.primary[1], how["search.trials"])
        plan.write(folder)  # last: a folder with a plan can be resumed
    return _run(typed, how, folder, plan)


def _resume(typed: Sequence[str], how: dict[str, Any], arguments: Sequence[str], folders: Sequence[Path]) -> int:
    from lossbook.records.plan_file import SEARCH
    from lossbook.search import storage
    from lossbook.search.make_plan import make_plan
    from lossbook.search.plan import SearchPlan, refuse_changed, refuse_other

    folder = Path(unquoted(how["search.resume"]))
    plan = SearchPlan.read(folder)
    if plan.cwd is not None:
        SEARCH.refuse_other_cwd(folder, plan.cwd)
    keys = [argument.partition("=")[0] for argument in typed[1:]]
    refuse_changed(plan, how, keys)
    if arguments and not any(one.is_sweep_override() for one in overrides(arguments, Options(folders))):
        rule = f"Every trial has {' '.join(plan.fixed) or 'the defaults'}; that cannot change when it is resumed."
        raise refuse(" ".join(arguments), rule, f"{shlex.quote(f'search.resume={folder}')} alone")
    if arguments:
        refuse_other(plan, make_plan(arguments, folders, how, typed), folder)
    elif folders[1:] and tuple(map(str, folders[1:])) != plan.folders:
        rule = f"The search was started with {', '.join(plan.folders) or 'none'}."
        raise refuse(f"--config-dir {folders[1]}", rule, "remove it")
    storage.required()
    if "search.trials" in keys:
        storage.load(folder).set_user_attr("trials", how["search.trials"])
    return _run(typed, how, folder, plan)


def _run(typed: Sequence[str], how: dict[str, Any], folder: Path, plan: Any) -> int:
    from rich.console import Console

    from lossbook.search import storage
    from lossbook.search.claims import trials_now
    from lossbook.search.search import run_search
    from lossbook.search.terminal import SearchPrinter
    from lossbook.search.trials import importances, ranked

    study = storage.load(folder)
    printer = SearchPrinter(folder, plan, Console(highlight=False, soft_wrap=True))
    total, workers = storage.total(study), how["search.workers"]
    printer.print_plan(trials_now(study, folder), total, workers)
    interrupted = None
    try:
        script = str(Path(typed[0]).with_name("train.py"))  # which runs a trial's other processes
        run_search(folder, plan, script, workers, how["search.timeout"], printer)
    except KeyboardInterrupt as error:
        interrupted = error
    from lossbook.search.plots import draw_search  # importing matplotlib takes a while, too

    trials = trials_now(study, folder)
    shares = importances(study, ranked(trials, plan))
    pictures = draw_search(folder / "report", plan, trials, shares)
    printer.print_outcome(trials, shares, pictures)
    printer.print_rest(trials, storage.total(study), interrupted is not None)
    if interrupted is not None:
        raise interrupted
    return 0
