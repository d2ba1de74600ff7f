from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from lossbook.data.batch_order import BatchOrder


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
