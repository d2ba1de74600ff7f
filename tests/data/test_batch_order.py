from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.batch_order import BatchOrder, automatic_size, balanced


@given(st.integers(1, 200), st.integers(1, 70) | st.just("all"), st.integers(1, 5), st.booleans())
def test_processes_share_all_samples_in_as_many_batches(
    samples: int, batch_size: int | str, processes: int, shuffle: bool
) -> None:
    processes = min(processes, samples)
    orders = [BatchOrder(samples, batch_size, shuffle, 3, rank, processes) for rank in range(processes)]
    sizes = [order.sizes() for order in orders]
    assert len({len(own) for own in sizes}) == 1
    assert sorted(torch.cat([order.indices(2) for order in orders]).tolist()) == list(range(samples))
    for order, own in zip(orders, sizes, strict=True):
        assert sum(own) == len(order.indices(2))
        assert all(size == batch_size for size in own[:-1])
        assert own[-1] >= 1
        if batch_size != "all":
            assert own[-1] <= int(batch_size) + 2
            if int(batch_size) > 1 and samples >= 2 * processes:
                assert own[-1] >= 2


def test_a_last_batch_of_one_joins_the_batch_before() -> None:
    assert BatchOrder(129, 64).sizes() == [64, 65]
    assert BatchOrder(130, 64).sizes() == [64, 64, 2]
    assert BatchOrder(3, 1).sizes() == [1, 1, 1]
    assert BatchOrder(5, 64).sizes() == BatchOrder(5, "all").sizes() == [5]


@pytest.mark.parametrize(
    ("samples", "size"),
    [(0, 64), (1, 64), (16_384, 64), (16_385, 128), (37_758, 256), (131_072, 512), (131_073, 1024), (10**9, 1024)],
)
def test_automatic_batches_grow_with_the_samples(samples: int, size: int) -> None:
    assert automatic_size(samples) == size


def test_order_is_a_function_of_seed_and_epoch() -> None:
    orders = {
        (seed, epoch): tuple(BatchOrder(50, 8, True, seed).indices(epoch).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(set(orders.values())) == 9
    assert orders[1, 2] == tuple(BatchOrder(50, 16, True, 1).indices(2).tolist())
    assert BatchOrder(4, 2).indices(7).tolist() == [0, 1, 2, 3]


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    BatchOrder(50, 8, True).indices(0)
    assert torch.equal(before, torch.get_rng_state())


@given(st.lists(st.integers(-1, 4), min_size=2, max_size=60), st.integers(1, 3), st.integers(0, 5))
def test_balanced_classes_are_equally_frequent(classes: list[int], processes: int, epoch: int) -> None:
    each = torch.tensor(classes)
    if not (each >= 0).any():
        return
    processes = min(processes, len(each))
    orders = [BatchOrder(len(each), 8, True, 3, rank, processes, each) for rank in range(processes)]
    for order in orders:
        assert sum(order.sizes()) == len(order.indices(epoch))
    drawn = torch.cat([order.indices(epoch) for order in orders])
    assert len(drawn) == len(each)
    present = each[each >= 0].unique().tolist()
    counts = [int((each[drawn] == one).sum()) for one in present]
    assert sum(counts) == len(each)
    assert max(counts) - min(counts) <= 1
    for one in present:  # a class goes through its samples before it repeats one
        times = drawn[each[drawn] == one].bincount(minlength=len(each))[each == one]
        assert times.max() - times.min() <= 1


def test_balanced_order_is_a_function_of_seed_and_epoch() -> None:
    classes = torch.tensor([0] * 40 + [1] * 8 + [2] * 2)
    orders = {
        (seed, epoch): tuple(BatchOrder(50, 8, True, seed, classes=classes).indices(epoch).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(set(orders.values())) == 9
    assert orders[1, 2] == tuple(BatchOrder(50, 16, True, 1, classes=classes).indices(2).tolist())
    first = set(orders[0, 0]) | set(orders[0, 1]) | set(orders[0, 2])
    assert len(first & set(range(40))) > 20  # other samples of a large class in each epoch
    assert BatchOrder(4, 2, classes=classes[:4]).indices(7).tolist() == [0, 1, 2, 3]


def test_balanced_classes_are_drawn_one_after_another() -> None:
    classes = torch.tensor([2, 0, -1, 2, 0, 2, 5, 2])
    order = balanced(classes, 8, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    more, drawn = (torch.randperm(3, generator=generator) < 2).tolist(), []
    for own, extra in zip(([1, 4], [0, 3, 5, 7], [6]), more, strict=True):
        times, some = divmod(2 + extra, len(own))
        drawn += own * times + [own[place] for place in torch.randperm(len(own), generator=generator)[:some]]
    assert order.tolist() == [drawn[place] for place in torch.randperm(8, generator=generator)]
