from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.search import storage

WRITER = """
import sys
from pathlib import Path
from optuna.trial import TrialState, create_trial
from lossbook.search import storage
folder = Path(sys.argv[1])
study = storage.load(folder)
kept = storage.storage(storage.url(folder))
for _ in range(4):
    with storage.alone(folder):
        study.add_trial(create_trial(state=TrialState.RUNNING))
        number = len(study.get_trials(deepcopy=False)) - 1
    for step in range(3):
        kept.set_trial_intermediate_value(storage.identity(kept, number), step, float(number))
    study.tell(number, float(number))
"""


@pytest.mark.slow
def test_several_processes_write_into_one_study(tmp_path: Path) -> None:
    storage.create(tmp_path, "max", 8)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    trials = storage.load(tmp_path).trials
    assert [one.number for one in trials] == list(range(8))
    assert all(one.value == one.number and len(one.intermediate_values) == 3 for one in trials)
    assert storage.total(storage.load(tmp_path)) == 8


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no study.db"):
        storage.load(tmp_path)


def test_without_optuna_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"pip install -e '.\[search\]'"):
        storage.required()
