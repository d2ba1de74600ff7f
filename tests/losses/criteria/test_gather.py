from __future__ import annotations

import subprocess
import sys

import torch

from lossbook.losses.criteria.gather import gather
from lossbook.losses.criteria.info_nce import MODES

# Each process holds half of the batch; what DDP makes of their gradients is the mean.
PROCESS = """
import sys, torch, torch.distributed as dist
from lossbook.losses.criteria.gather import gather
from lossbook.losses.criteria.info_nce import InfoNCELoss

rank, folder = int(sys.argv[1]), sys.argv[2]
given = torch.load(f"{folder}/given.pt")
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
mine = slice(4 * rank, 4 * rank + 4)
found = {}
for mode, block, labelled in given["cases"]:
    weight = given["weight"].clone().requires_grad_()
    criterion = InfoNCELoss(0.5, learnable=True, mode=mode, block_size=block)
    labels = given["labels"][mine] if labelled else None
    loss = criterion(given["first"][mine] @ weight, given["second"][mine] @ weight, labels)
    loss.backward()
    for gradient in (weight.grad, criterion.log_scale.grad):
        dist.all_reduce(gradient)
        gradient /= 2
    dist.all_reduce(loss.data)
    found[mode, block, labelled] = (loss.detach() / 2, weight.grad, criterion.log_scale.grad)
found["candidates"] = [InfoNCELoss(mode=mode).candidates(4) for mode in ("one_way", "both_views")]
uneven = torch.arange(3.0)[:, None] if rank == 0 else torch.full((1, 1), 9.0)
offset, rows, numbers = gather(uneven, torch.arange(len(uneven)))
found["uneven"] = (offset, rows.flatten().tolist(), numbers.tolist())
torch.save(found, f"{folder}/found{rank}.pt")
dist.destroy_process_group()
"""


def test_alone_nothing_is_gathered():
    tensors = torch.randn(3, 2), torch.arange(3)
    offset, *got = gather(*tensors)
    assert offset == 0
    assert all(a is b for a, b in zip(got, tensors, strict=True))


def test_two_processes_have_the_gradient_of_one_with_the_whole_batch(tmp_path):
    from lossbook.losses.criteria.info_nce import InfoNCELoss

    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 8, 5, generator=generator).unbind()
    weight, labels = torch.randn(5, 3, generator=generator), torch.tensor([0, 1, 2, 0, 4, 1, 0, 3])
    cases = [(mode, block, labelled) for mode in MODES for block in (None, 3) for labelled in (False, True)]
    given = {"first": first, "second": second, "weight": weight, "labels": labels, "cases": cases}
    torch.save(given, tmp_path / "given.pt")
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS, str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    found = [torch.load(tmp_path / f"found{rank}.pt") for rank in (0, 1)]
    assert [each["candidates"] for each in found] == [[8, 15]] * 2  # of all eight samples
    for mode, block, labelled in cases:
        whole, criterion = weight.clone().requires_grad_(), InfoNCELoss(0.5, learnable=True, mode=mode)
        loss = criterion(first @ whole, second @ whole, labels if labelled else None)
        loss.backward()
        for one in found:
            expected = (loss.detach(), whole.grad, criterion.log_scale.grad)
            torch.testing.assert_close(one[mode, block, labelled], expected, rtol=1e-5, atol=1e-6)
    everything = [0, 1, 2, 9], [0, 1, 2, 0]
    assert [one["uneven"] for one in found] == [(0, *everything), (3, *everything)]
