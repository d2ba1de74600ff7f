"""Jobs that Hydra starts: those of its sweeps, and single runs with settings of Hydra's (``hydra.job.chdir=true``)."""

from __future__ import annotations

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from lossbook.config import folders
from lossbook.config.arguments import belongs_to_hydra
from lossbook.config.compose import config_of_run
from lossbook.config.flags import repeated
from lossbook.config.hydra_errors import in_words
from lossbook.config.hydra_internals import register, run_hydra
from lossbook.config.options import Options
from lossbook.config.sweep_keys import alone
from lossbook.errors import UserError
from lossbook.invocation import as_typed
from lossbook.processes import started_again_as

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbook.config.command import Run


def run_with_hydra(
    run: Run,
    flags: Namespace,
    ckpt: str | None,
    arguments: Sequence[str],
    ours: Sequence[str],
    where: Sequence[Path],
) -> int:
    """Let Hydra do what the flags ask for, and return the exit code.

    Args:
        run: called for each config, if Hydra runs jobs.
        flags: of the command line.
        ckpt: checkpoint that is resumed, without Hydra's part.
        arguments: the other overrides.
        ours: overrides that nobody typed.
        where: folders of options.
    """
    for_hydra = [one for one in arguments if ckpt is None or belongs_to_hydra(one)]
    jobs = _Jobs(run, ckpt, [one for one in arguments if not belongs_to_hydra(one)], repeated(flags))
    for argument in arguments:
        key, _, path = argument.partition("=")
        if key in ("hydra.run.dir", "hydra.sweep.dir") and "${" not in path:
            jobs.made += folders.missing(Path(path.strip("'\"")))
    register("lossbook.sweep_folder", jobs.sweep_folder, use_cache=True)
    register("lossbook.options", lambda group: fill(", ".join(Options(where).names(group)), 100).replace("\n", "\n  "))
    with folders.discarding(jobs.made):
        with in_words(arguments, where):
            run_hydra(flags, [*ours, *for_hydra], where, jobs)
        if jobs.error is not None:
            raise jobs.error
    if not jobs.failed:
        return 0
    print(f"{len(jobs.failed)} of {jobs.count} jobs failed: {', '.join(jobs.failed)}.", file=sys.stderr)
    return 1


@dataclass
class _Jobs:
    """The jobs of one command, what came of them, and the folders that are removed if they stay empty."""

    run: Run
    ckpt: str | None
    changes: list[str]  # overrides of the checkpoint's config
    flags: list[str]
    count: int = 0
    failed: list[str] = field(default_factory=list)
    error: Exception | None = None  # of a single run
    made: list[Path] = field(default_factory=list)
    sweep: str | None = None
    process: int = field(default_factory=os.getpid)

    def sweep_folder(self, mode: Any) -> str:
        """Return the sweep's folder, which is claimed when it is first asked for; outside a sweep, its name only."""
        base = folders.sweep_base()
        if getattr(mode, "name", mode) != "MULTIRUN":
            return str(base)
        if self.sweep is None:
            self.made += folders.missing(base.parent)
            claimed = folders.claim(base)
            self.made.append(claimed.absolute())
            self.sweep = str(claimed)
        return self.sweep

    def __call__(self, config: DictConfig) -> Any:
        """Run one job. Its error is kept here: Hydra would print a line of its own, and add its frames."""
        from hydra.core.hydra_config import HydraConfig

        hydra: Any = HydraConfig.get()
        sweeping = hydra.mode.name == "MULTIRUN"
        arguments = _arguments(hydra)
        self.count += 1
        try:
            with started_again_as([*self.flags, *alone(arguments)]) if sweeping else nullcontext():
                return self._run(hydra, sweeping, arguments)
        except Exception as error:
            if not sweeping:
                self.error = error
                return None
            self.failed.append(f"#{hydra.job.num} ({' '.join(arguments)})")
            print(f"Job {self.failed[-1]} failed:", file=sys.stderr)
            said = as_typed(str(error)) if isinstance(error, UserError) else traceback.format_exc()
            print(said, file=sys.stderr, flush=True)
            if os.getpid() != self.process:  # the launcher takes the error to the process that started it
                raise
            return None

    def _run(self, hydra: Any, sweeping: bool, arguments: list[str]) -> Any:
        sources = [source for source in hydra.runtime.config_sources if source.schema == "file" and source.path]
        where = [Path(source.path).absolute() for source in sources]
        folder = folders.shown(Path(hydra.runtime.output_dir)) if sweeping or hydra.run.dir != "." else None
        if folder is not None:
            self.made.append(folder.absolute())
        return self.run(config_of_run(self.ckpt, self.changes if self.ckpt else arguments, where), folder, where)


def _arguments(hydra: Any) -> list[str]:
    """Return the job's own arguments as they were typed, interpolations not resolved."""
    from omegaconf import OmegaConf

    arguments = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    assert isinstance(arguments, list)
    return [str(argument) for argument in arguments]
