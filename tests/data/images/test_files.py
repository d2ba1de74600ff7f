from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lossbook.data.images.files import ImageFiles


def test_rows_and_no_digests_without_a_scan(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    files = ImageFiles(paths, torch.tensor([0, 1, 2]), 4, grey_bits=12).rows(np.array([2, 0]))
    assert files.paths == [paths[2], paths[0]]
    assert files.targets.tolist() == [2, 0]
    assert files.grey_bits == 12
    assert len(files) == 2
    assert files.digests is None
