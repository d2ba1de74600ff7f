"""Settings of Hydra's that would have no effect on jobs that train in processes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lossbook.errors import refuse

_FOLDERS = "The folder of a job is its number, within the sweep's."
_STARTED = "The process that trains has started by then."
_TYPED = {  # key -> why it has no effect, and what has
    "hydra.sweep.subdir": (_FOLDERS, "hydra.sweep.dir=DIR names the sweep's"),
    "hydra.run.dir": (_FOLDERS, "hydra.sweep.dir=DIR names the sweep's"),
    "hydra.output_subdir": ("A run writes its config into its own folder.", "leave it out"),
    "hydra.job.chdir": ("A job runs where the sweep was started.", "cd DIR, before it starts"),
    "hydra.job.env_set": (_STARTED, "set it in the shell: NAME=VALUE python ..."),
    "hydra.job.env_copy": (_STARTED, "leave it out: it has the environment of the sweep"),
}


def refuse_unheeded(typed: Sequence[str], hydra: Any) -> None:
    """Refuse what has no effect in a sweep.

    Args:
        typed: the arguments of the command.
        hydra: Hydra's own config, composed.

    Raises:
        UserError: the first of them.
    """
    for argument in typed:
        for key, (rule, fix) in _TYPED.items():
            if argument.lstrip("+").startswith((f"{key}=", f"{key}.")):
                raise refuse(argument, rule, fix)
    if hydra.job.env_set:  # a recipe's
        fix = "set it in the shell: NAME=VALUE python ..."
        raise refuse(f"hydra.job.env_set={dict(hydra.job.env_set)}", _STARTED, fix)
    if hydra.searchpath:
        rule = "A sweep finds options in conf and in one folder beside it."
        raise refuse(f"hydra.searchpath={list(hydra.searchpath)}", rule, "--config-dir DIR")
    if "joblib" in str(hydra.launcher._target_):
        from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf

        if hydra.launcher.n_jobs == 0:
            rule = "It counts the processes that train beside each other; -1 is one a processor."
            raise refuse("hydra.launcher.n_jobs=0", rule, "hydra.launcher.n_jobs=2")
        for key, default in vars(JobLibLauncherConf()).items():
            if key not in ("_target_", "n_jobs") and hydra.launcher[key] != default:
                rule = "A sweep starts and watches its processes itself: of joblib's settings n_jobs counts."
                fix = "sweep.timeout=SECONDS" if key == "timeout" else "leave it out"
                raise refuse(f"hydra.launcher.{key}={hydra.launcher[key]}", rule, fix)
