"""Hydra settings that have no effect on jobs that train in processes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lossbook.errors import refuse

_FOLDERS = "A job's folder is its number, inside the sweep's folder."
_STARTED = "The process that trains has already started by then."
_TYPED = {  # key -> why it has no effect, and what to do instead
    "hydra.sweep.subdir": (_FOLDERS, "hydra.sweep.dir=DIR sets the sweep's folder"),
    "hydra.run.dir": (_FOLDERS, "hydra.sweep.dir=DIR sets the sweep's folder"),
    "hydra.output_subdir": ("A run writes its config into its own folder.", "remove it"),
    "hydra.job.chdir": ("A job runs where the sweep was started.", "cd DIR before starting it"),
    "hydra.job.env_set": (_STARTED, "set it in the shell: NAME=VALUE python ..."),
    "hydra.job.env_copy": (_STARTED, "remove it: jobs inherit the environment of the sweep"),
}


def refuse_ineffective(typed: Sequence[str], hydra: Any) -> None:
    """Refuse settings that have no effect in a sweep.

    Args:
        typed: arguments of the command.
        hydra: Hydra's own composed config.

    Raises:
        UserError: there is one.
    """
    for argument in typed:
        for key, (rule, fix) in _TYPED.items():
            if argument.lstrip("+").startswith((f"{key}=", f"{key}.")):
                raise refuse(argument, rule, fix)
    if hydra.job.env_set:  # set by an experiment
        fix = "set it in the shell: NAME=VALUE python ..."
        raise refuse(f"hydra.job.env_set={dict(hydra.job.env_set)}", _STARTED, fix)
    if hydra.searchpath:
        rule = "A sweep finds options in conf and in one additional folder."
        raise refuse(f"hydra.searchpath={list(hydra.searchpath)}", rule, "--config-dir DIR")
    if "joblib" in str(hydra.launcher._target_):
        from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf

        if hydra.launcher.n_jobs == 0:
            rule = "n_jobs is the number of processes that train in parallel; -1 means one per processor."
            raise refuse("hydra.launcher.n_jobs=0", rule, "hydra.launcher.n_jobs=2")
        for key, default in vars(JobLibLauncherConf()).items():
            if key not in ("_target_", "n_jobs") and hydra.launcher[key] != default:
                rule = "A sweep starts its processes itself: of joblib's settings only n_jobs has an effect."
                fix = "sweep.timeout=SECONDS" if key == "timeout" else "remove it"
                raise refuse(f"hydra.launcher.{key}={hydra.launcher[key]}", rule, fix)
