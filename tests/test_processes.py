from __future__ import annotations

import pytest

from lossbook.processes import is_first


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),  # Lightning's own children
        ({"RANK": "2", "LOCAL_RANK": "0"}, False),  # torchrun, the first process of the second machine
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_the_first_writes_for_all(environment: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first() == first
