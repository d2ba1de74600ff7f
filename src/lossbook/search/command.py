"""``python scripts/search.py``: from the command line to a search, a new one or one that is gone on with."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.config import command as scripts
from lossbook.config.arguments import belongs_to_hydra, split_ckpt, unquoted
from lossbook.config.flags import only_shows, read_flags
from lossbook.config.folders import OUTPUTS, claim, discarding, missing, sweep_base
from lossbook.config.options import Options, conf_folder
from lossbook.config.script_keys import taken
from lossbook.errors import UserError, nearest, refuse
from lossbook.exits import exit_code, stopped_by
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


def command() -> int:
    """Run the search that ``sys.argv`` asks for, and return the exit code.

    A user's mistake is printed in a few lines, without a traceback unless HYDRA_FULL_ERROR=1 is set.
    """
    return exit_code(_command)


def _command() -> int:
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # where the user's own code is found
    typed = list(sys.argv)
    try:
        how, others = taken(sys.argv[1:], OPTIONS)
        _check(how)
        flags, given = read_flags(others)
        if only_shows(flags):
            return _show(flags, others, given)
        return _search(typed, how, flags, given)
    except UserError as error:
        if stopped_by(error) or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(error, file=sys.stderr)
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
            rule = f"{key} must be a whole number of at least {least}."
            raise refuse(f"{key}={how[key]}", rule, f"{key}={OPTIONS[key]}")
    text = how["search.timeout"]
    try:
        how["search.timeout"] = None if text in (None, "null") else float(text)
    except ValueError:
        how["search.timeout"] = -1.0
    if how["search.timeout"] is not None and not how["search.timeout"] > 0:
        rule = "search.timeout must be a number of seconds above 0."
        raise refuse(f"search.timeout={text}", rule, "search.timeout=600")


def _search(typed: Sequence[str], how: dict[str, Any], flags: Namespace, given: Sequence[str]) -> int:
    """Plan, claim a folder or go on in one, search, and say what came out."""
    if flags.multirun:
        raise refuse("-m", "A search is a sweep of its own.", "leave it out")
    if flags.config_name or flags.config_path:
        flag = f"--config-name {flags.config_name}" if flags.config_name else f"--config-path {flags.config_path}"
        raise refuse(flag, "A search composes what scripts/train.py does.", "--config-dir DIR has your options")
    ckpt, others = split_ckpt(given)
    if ckpt is not None:
        raise refuse(
            f"ckpt={ckpt}", "Every trial would go on from the same checkpoint, as the same run.", "leave it out"
        )
    where = next((one.removeprefix(_FOLDER).strip("'\"") for one in others if one.startswith(_FOLDER)), None)
    arguments = [one for one in others if not one.startswith(_FOLDER)]
    if about_hydra := next(filter(belongs_to_hydra, arguments), None):
        raise refuse(
            about_hydra, "Hydra has no part in a search but to compose.", "hydra.sweep.dir=DIR names its folder"
        )
    folders = [conf_folder(), *([Path(flags.config_dir).absolute()] if flags.config_dir else [])]
    if how["search.resume"] is not None:
        if where is not None:
            raise refuse(f"{_FOLDER}{where}", "A search that goes on has its folder.", "leave it out")
        return _resume(typed, how, arguments, folders)

    from lossbook.search import storage
    from lossbook.search.comparable import make_plan

    plan = make_plan(arguments, folders, how, typed)
    storage.required()
    base = Path(where) if where else OUTPUTS / "searches" / sweep_base().name
    new = missing(base)
    with discarding(new):
        folder = claim(base)
        new.append(folder.absolute())
        storage.create(folder, plan.primary[1], how["search.trials"])
        plan.write(folder)  # last: a folder with a plan is one to go on with
    return _run(typed, how, folder, plan)


def _resume(typed: Sequence[str], how: dict[str, Any], arguments: Sequence[str], folders: Sequence[Path]) -> int:
    from lossbook.search import storage
    from lossbook.search.comparable import make_plan
    from lossbook.search.plan import Plan, refuse_changed, refuse_other
    from lossbook.sweeps.plan import refuse_elsewhere

    folder = Path(unquoted(how["search.resume"]))
    plan = Plan.read(folder)
    if plan.cwd is not None:
        refuse_elsewhere(folder, plan.cwd, "search.resume")
    keys = [argument.partition("=")[0] for argument in typed[1:]]
    refuse_changed(plan, how, keys)
    if arguments and not any(one.is_sweep_override() for one in overrides(arguments, Options(folders))):
        rule = f"Every trial has {' '.join(plan.fixed) or 'the defaults'}, and a search goes on as it began."
        raise refuse(" ".join(arguments), rule, f"{shlex.quote(f'search.resume={folder}')} alone")
    if arguments:
        refuse_other(plan, make_plan(arguments, folders, how, typed), folder)
    elif folders[1:] and tuple(map(str, folders[1:])) != plan.folders:
        rule = f"The search has {', '.join(plan.folders) or 'none'}."
        raise refuse(f"--config-dir {folders[1]}", rule, "leave it out")
    storage.required()
    if "search.trials" in keys:
        storage.load(folder).set_user_attr("trials", how["search.trials"])
    return _run(typed, how, folder, plan)


def _run(typed: Sequence[str], how: dict[str, Any], folder: Path, plan: Any) -> int:
    from rich.console import Console

    from lossbook.search import storage
    from lossbook.search.claiming import trials_now
    from lossbook.search.importance import importances
    from lossbook.search.search import How, run
    from lossbook.search.telling import Teller
    from lossbook.search.trials import ranked

    study = storage.load(folder)
    teller = Teller(folder, plan, Console(highlight=False, soft_wrap=True))
    total, workers = storage.total(study), how["search.workers"]
    teller.plan_told(trials_now(study, folder), total, workers)
    interrupted = None
    try:
        script = str(Path(typed[0]).with_name("train.py"))  # which runs a trial's other processes
        run(folder, plan, How(script, workers, how["search.timeout"]), teller)
    except KeyboardInterrupt as error:
        interrupted = error
    from lossbook.search.pictures import draw  # matplotlib takes a while, too

    trials = trials_now(study, folder)
    shares = importances(study, ranked(trials, plan))
    pictures = draw(folder / "report", plan, trials, shares)
    teller.outcome(trials, shares, pictures)
    teller.left(trials, storage.total(study), interrupted is not None)
    if interrupted is not None:
        raise interrupted
    return 0
