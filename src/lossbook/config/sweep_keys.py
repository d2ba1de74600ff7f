"""The keys ``sweep.*`` (``sweep.timeout=600``): how a sweep is run, which is not part of any run's config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.config.arguments import belongs_to_hydra, quoted, unquoted
from lossbook.config.options import Options
from lossbook.errors import nearest, refuse

# key -> its values; the sweeper has the same keys
_TAKES = {
    "timeout": "a number of seconds, such as 600",
    "on_error": "continue or stop",
    "resume": "the folder of a sweep",
    "retry": "true or false",
}
KEYS = tuple(f"sweep.{name}" for name in _TAKES)
_FIX = {"timeout": "600", "on_error": "stop", "resume": "outputs/sweeps/<date>_<time>", "retry": "true"}


def taken(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Separate the values of ``sweep.*`` from the other arguments.

    Raises:
        UserError: a key that does not exist, or a value that it does not take.
    """
    values: dict[str, str] = {}
    others = []
    for argument in arguments:
        key, _, text = argument.partition("=")
        if not key.startswith("sweep."):
            others.append(argument)
            continue
        name = key.removeprefix("sweep.")
        if name not in _TAKES:
            near = nearest(name, _TAKES)
            raise refuse(
                argument,
                f"The keys of a sweep are {', '.join(_TAKES)}.",
                f"sweep.{near or 'timeout'}={_FIX[near or 'timeout']}",
            )
        if not _fits(name, text):
            raise refuse(argument, f"{key} takes {_TAKES[name]}.", f"{key}={_FIX[name]}")
        values[name] = unquoted(text)
    return values, others


def for_hydra(values: dict[str, str], arguments: Sequence[str]) -> list[str]:
    """Return the arguments for the sweeper; of a resumed sweep, its own ones with the given keys replaced.

    Raises:
        UserError: the sweep does not exist, or was started in another folder.
    """
    if "resume" not in values:
        if "retry" in values:
            rule = "Only a sweep that is resumed has failed jobs."
            raise refuse(
                f"sweep.retry={values['retry']} without sweep.resume.", rule, "sweep.resume=DIR sweep.retry=true"
            )
        return [*arguments, *_own(values)]
    from lossbook.records.plan_file import SWEEP
    from lossbook.records.sweep import SweepPlan

    folder = Path(values["resume"])
    plan = SweepPlan.read(folder)
    SWEEP.refuse_other_cwd(folder, plan.cwd)
    jobs, hydras = _split(arguments)
    jobs_before, hydras_before = _split(plan.arguments)
    how = {key: text for key, text in taken(plan.command[1:])[0].items() if key in ("timeout", "on_error")}
    if other := next((one for one in hydras if _key(one) == "hydra.sweep.dir"), None):
        raise refuse(f"{other} with sweep.resume={folder}.", "A sweep that is resumed has its folder.", "leave it out")
    if any(_key(one) == "hydra/launcher" for one in hydras):  # settings of the other launcher
        hydras_before = [one for one in hydras_before if not _key(one).startswith("hydra.launcher.")]
    kept = [one for one in _merged(hydras_before, hydras) if _key(one) != "hydra.sweep.dir"]
    return [*_merged(jobs_before, jobs), *kept, f"hydra.sweep.dir={quoted(str(folder))}", *_own(how | values)]


def options_before(values: dict[str, str], given: str | None) -> str | None:
    """Return the user's folder of options: that of the resumed sweep, or ``given`` if none is resumed.

    Args:
        values: of ``sweep.*``.
        given: ``--config-dir`` of this command.

    Raises:
        UserError: the resumed sweep has another one.
    """
    if "resume" not in values:
        return given
    from lossbook.records.sweep import SweepPlan

    kept = next(iter(SweepPlan.read(Path(values["resume"])).folders), None)
    if given is not None and str(Path(given).absolute()) != kept:
        raise refuse(f"--config-dir {given}", f"The sweep was started with {kept or 'none'}.", "leave it out")
    return kept


def brings_a_sweep(arguments: Sequence[str], options: Options) -> str | None:
    """Return the argument ``experiment=NAME`` whose file sweeps over values and so needs no ``-m``, else None."""
    for argument in arguments:
        key, _, name = argument.lstrip("+").partition("=")
        if key == "experiment" and name in options.names("experiment"):
            hydra = options.stated(f"experiment/{name}")[0].get("hydra") or {}
            if (hydra.get("sweeper") or {}).get("params"):
                return argument
    return None


def alone(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that run a job by itself, even if one of them is an experiment that is a sweep."""
    recipe = any(_key(one) == "experiment" for one in arguments)
    return [*arguments, *(["hydra.mode=RUN"] if recipe else [])]


def _own(values: dict[str, str]) -> list[str]:
    return [f"hydra.sweeper.{key}={quoted(text) if key == 'resume' else text}" for key, text in values.items()]


def _merged(before: Sequence[str], given: Sequence[str]) -> list[str]:
    """Replace arguments by those given for the same key, and append the others."""
    anew = {_key(one): one for one in given}
    return [*(anew.pop(_key(one), one) for one in before), *anew.values()]


def _key(argument: str) -> str:
    return argument.lstrip("+~").partition("=")[0]


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the arguments that make jobs from Hydra's own."""
    return (
        [one for one in arguments if not belongs_to_hydra(one)],
        [one for one in arguments if belongs_to_hydra(one)],
    )


def _fits(name: str, text: str) -> bool:
    if name == "timeout":
        try:
            return text == "null" or 0 < float(text) < float("inf")
        except ValueError:
            return False
    allowed: dict[str, Any] = {"on_error": ("continue", "stop"), "retry": ("true", "false")}
    return text in allowed.get(name, (text or None,))
