from __future__ import annotations

import sys

import pytest

from lossbook.processes import gathered, is_first, own_of, started_again_as


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),  # Lightning's own children
        ({"RANK": "2", "LOCAL_RANK": "0"}, False),  # torchrun, the first process of the second machine
        ({"SLURM_PROCID": "3"}, False),
        ({"NODE_RANK": "1"}, False),  # Lightning's main process on the second machine, and its children
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"GROUP_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"NODE_RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"NODE_RANK": "1", "RANK": "0"}, True),  # RANK counts across machines
    ],
)
def test_the_first_writes_for_all(environment: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK", "NODE_RANK", "GROUP_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first() == first


def test_a_process_alone_has_its_own_and_of_another_number_nobody_has() -> None:
    assert own_of(gathered({"a": 1}, 1), 0, 1) == {"a": 1}
    assert own_of(["x", "y"], 1, 2) == "y"
    assert own_of(["x", "y"], 0, 1) is None


def test_other_processes_start_again_as_one_run() -> None:
    before = sys.argv
    with started_again_as(["seed=1"]):
        assert sys.argv == [before[0], "seed=1"]
    with started_again_as(["seed=2"], "train.py"):
        assert sys.argv == ["train.py", "seed=2"]
    assert sys.argv is before
