from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lossbook.data.images.files import ImageFiles
from lossbook.data.images.format import ImageFormat


def test_rows_and_no_digests_without_a_scan(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    form = ImageFormat(1, (4, 5), grey_bits=12)
    files = ImageFiles(paths, form, torch.tensor([0, 1, 2])).rows(np.array([2, 0]))
    assert files.paths == [paths[2], paths[0]]
    assert files.targets.tolist() == [2, 0]
    assert files.form == form
    assert len(files) == 2
    assert files.digests is None
