"""The study of a search: its trials in an SQLite file that several processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lossbook.errors import refuse

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage

FILE = "study.db"
NAME = "search"
_PATIENCE_S = 120  # for another process that writes; SQLite's default is 5 s


def required() -> None:
    """Import Optuna with its log messages turned off.

    Raises:
        UserError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        rule = "Searching needs Optuna, which the base installation does not include."
        raise refuse(f"{error}.", rule, "pip install -e '.[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def url(folder: Path) -> str:
    """Return the storage address of the study in a folder."""
    return f"sqlite:///{(folder / FILE).absolute().as_posix()}"


@lru_cache(maxsize=8)
def storage(address: str) -> RDBStorage:
    """Return the storage at this address, opened once per process."""
    from optuna.storages import RDBStorage

    return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": _PATIENCE_S}})


def create(folder: Path, mode: str, trials: int) -> Study:
    """Create a study; ``mode`` is ``max`` or ``min``."""
    import optuna

    required()
    study = optuna.create_study(
        storage=storage(url(folder)), study_name=NAME, direction="maximize" if mode == "max" else "minimize"
    )
    study.set_user_attr("trials", trials)
    return study


def load(folder: Path) -> Study:
    """Load the study in a search's folder.

    Raises:
        UserError: there is none.
    """
    import optuna

    required()
    if not (folder / FILE).is_file():
        raise refuse(f"{folder} holds no {FILE}.", "It holds the trials of a search.", "start another search")
    return optuna.load_study(study_name=NAME, storage=storage(url(folder)))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let only one thread of one process at a time decide what is tried next."""
    from lossbook.sweeps.locks import lock

    with lock(folder / "search"):
        yield


def total(study: Study) -> int:
    """Return how many trials the search is to have, as last set by a command."""
    return int(study.user_attrs["trials"])


def identity(kept: RDBStorage, number: int) -> int:
    """Return the storage's id of the trial with this number."""
    return kept.get_trial_id_from_study_id_trial_number(kept.get_study_id_from_name(NAME), number)
