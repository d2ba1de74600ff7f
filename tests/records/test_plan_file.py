"""Plan files: errors name the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.records.plan_file import SWEEP


def test_it_is_resumed_where_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tmp_path / "my code"
    before.mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refusal:
        SWEEP.refuse_other_cwd(Path("found"), str(before))
    assert str(refusal.value).splitlines() == [
        f"sweep.resume=found in {tmp_path}.",
        f"  It was started in {before}, where its relative paths and your own code are found.",
        f"  Fix: cd '{before}', then sweep.resume={tmp_path}/found",
    ]
    SWEEP.refuse_other_cwd(Path("found"), str(tmp_path))
    SWEEP.refuse_other_cwd(Path("found"), str(tmp_path / "gone"))
