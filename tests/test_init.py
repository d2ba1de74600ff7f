from __future__ import annotations

import lossbook


def test_what_it_offers_is_listed() -> None:
    assert dir(lossbook) == ["compose", "evaluate", "load", "train"]
