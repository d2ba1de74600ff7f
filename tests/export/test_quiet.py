"""Silence."""

from __future__ import annotations

import logging
import sys
import warnings

import pytest

from lossbook.export.quiet import quiet


def test_nothing_is_heard_within_and_all_of_it_afterwards(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with quiet():
        print("printed")
        print("printed", file=sys.stderr)
        warnings.warn("a warning", stacklevel=1)
        logging.getLogger("torch").error("logged")
    assert "".join(capsys.readouterr()) == caplog.text == ""
    logging.getLogger("torch").error("logged")
    assert "logged" in caplog.text
    with pytest.warns(match="a warning"):
        warnings.warn("a warning", stacklevel=1)


def test_it_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="x"), quiet():
        raise ValueError("x")
    assert not logging.root.manager.disable
