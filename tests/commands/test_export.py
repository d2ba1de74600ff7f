"""The command, as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.commands.export import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "ckpt is not given"),
        (["ckpt=nowhere/last.ckpt"], "ckpt=nowhere/last.ckpt does not exist"),
        (["ckpt=nowhere/last.ckpt", "overwrite=maybe"], "overwrite"),
        (["ckpt=damaged.ckpt"], "damaged.ckpt is not a checkpoint file"),
        (["ckpt=damaged.ckpt", "output="], "output needs a value"),
    ],
)
def test_mistakes_are_worded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged.ckpt").write_text("no checkpoint")
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert len(error.splitlines()) <= 4
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.ckpt"]


def test_the_help_lists_formats_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("format=onnx", "torch_export", "output=FILE", "overwrite=false"))
