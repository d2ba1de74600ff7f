"""Draw what an optimizer, a loss or an augmentation does; --help shows what else there is.

python scripts/explore.py optim=sgd optim.momentum=0 out=docs/explore_sgd.png
python scripts/explore.py loss=smooth_l1 out=docs/explore_smooth_l1.png
python scripts/explore.py augment=strong data=scene_masks
"""

from __future__ import annotations

import sys

from lossbook.config.command import Request, command
from lossbook.training.explore import OPTIONS


def job(request: Request) -> None:
    from lossbook.training.explore import explore

    explore(request.config, request.folder, request.keys, request.options)


if __name__ == "__main__":
    sys.exit(command("explore", job, keys=OPTIONS))
