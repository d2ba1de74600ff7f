"""The study of a search: its trials in an SQLite file, which several processes share."""

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
_PATIENCE_S = 120  # for another process that writes; SQLite's own is 5 s


def required() -> None:
    """Import Optuna, quietly.

    Raises:
        UserError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        rule = "Searching needs Optuna, which the base installation leaves out."
        raise refuse(f"{error}.", rule, "pip install -e '.[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def url(folder: Path) -> str:
    return f"sqlite:///{(folder / FILE).absolute().as_posix()}"


@lru_cache(maxsize=8)
def storage(address: str) -> RDBStorage:
    """The storage at this address, opened once a process."""
    from optuna.storages import RDBStorage

    return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": _PATIENCE_S}})


def create(folder: Path, mode: str, trials: int) -> Study:
    """A new study; ``mode`` is ``max`` or ``min``."""
    import optuna

    required()
    study = optuna.create_study(
        storage=storage(url(folder)), study_name=NAME, direction="maximize" if mode == "max" else "minimize"
    )
    study.set_user_attr("trials", trials)
    return study


def load(folder: Path) -> Study:
    """The study in a search's folder.

    Raises:
        UserError: there is none.
    """
    import optuna

    required()
    if not (folder / FILE).is_file():
        raise refuse(f"{folder} holds no {FILE}.", "It holds the trials of a search.", "begin another search")
    return optuna.load_study(study_name=NAME, storage=storage(url(folder)))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one process, and one thread of it, decides at a time what is tried next."""
    from lossbook.sweeps.ledger import lock

    with lock(folder / "search"):
        yield


def total(study: Study) -> int:
    """How many trials the search is to have, as whoever last started it said."""
    return int(study.user_attrs["trials"])


def identity(kept: RDBStorage, number: int) -> int:
    """What the storage calls the trial of this number."""
    return kept.get_trial_id_from_study_id_trial_number(kept.get_study_id_from_name(NAME), number)
