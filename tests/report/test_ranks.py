from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lossbook.report.ranks import Standing, places


def of(*standings: tuple[float | None, float | None, str, str]) -> list[tuple[str, int | None]]:
    every = [Standing(*one) for one in standings]
    return [(every[at].label, rank) for at, rank in places(every)]


def test_equals_of_different_losses_share_a_place() -> None:
    found = of((1.0, 0.5, "mse", "c"), (1.0, 0.1, "bce", "b"), (2.0, 0.0, "l1", "d"), (1.0, 0.9, "mse", "a"))
    assert found == [("a", 1), ("b", 1), ("c", 1), ("d", 4)]


def test_equals_of_one_loss_go_by_it_and_what_is_equal_in_both_shares_a_place() -> None:
    found = of((1.0, 0.5, "mse", "a"), (1.0, 0.1, "mse", "c"), (1.0000000001, 0.1, "mse", "b"), (1.0, None, "mse", "d"))
    assert found == [("b", 1), ("c", 1), ("a", 3), ("d", 4)]


def test_what_has_no_metric_has_no_rank() -> None:
    assert of((None, 0.5, "", "b"), (3.0, None, "mse", "c"), (None, None, "l1", "a")) == [
        ("c", 1), ("a", None), ("b", None)
    ]  # fmt: skip


METRICS = st.none() | st.sampled_from([0.0, 1.0, 2.0])


@given(st.lists(st.tuples(METRICS, METRICS, st.sampled_from("ab"), st.text("xyz", max_size=2))))
def test_a_rank_is_one_more_than_those_in_better_places(every: list[tuple]) -> None:
    standings = [Standing(*one) for one in every]
    found = places(standings)
    assert sorted(at for at, _ in found) == list(range(len(every)))
    for at, rank in found:
        metric = standings[at].result
        assert (rank is None) == (metric is None)
        if rank is not None:
            assert rank == 1 + sum(other is not None and other < rank for _, other in found)
            assert all(standings[one].result <= metric for one, other in found if other is not None and other <= rank)
