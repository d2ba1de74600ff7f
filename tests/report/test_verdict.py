from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lossbook.report.leaderboard import Board, boards
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied
from lossbook.report.verdict import chance, verdict, winner

Write = Callable[..., Path]


def board_of(folder: Path, run: Write, **seeds: tuple[float | None, ...]) -> Board:
    for optim, values in seeds.items():
        for seed, value in enumerate(values):
            loss = {"metrics": {"val/loss": len(optim)}}  # the longer name has the higher loss
            run(folder / f"{optim}{seed}", value, optim=optim, seed=seed, **loss)
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board


SAID = [
    (
        {"adam": (0.99, 0.98), "sgd": (0.5, 0.6)},
        "adam: 0.9850 ± 0.0071 over 2 seeds, 0.4350 ahead of sgd (0.5500 ± 0.0707). Two seeds say little: run more.",
    ),
    (
        {"adam": (0.99, 0.96), "sgd": (0.97, 0.96), "muon": (0.97, 0.95), "rprop": (0.1, 0.1)},
        "adam: 0.9750 ± 0.0212 over 2 seeds, 0.0100 ahead of sgd (0.9650 ± 0.0071). Two seeds say little: run more.",
    ),
    (
        {"adam": (0.9,), "sgd": (0.8,)},
        "adam: 0.9000, one seed, 0.1000 ahead of sgd (0.8000). One seed cannot separate skill from luck: run several.",
    ),
    (
        {"sgd": (0.9, 0.8), "adam": (0.8, 0.9)},
        "sgd: 0.8500 ± 0.0707 over 2 seeds, level with adam; first by its lower val/loss.",
    ),
    (
        {"adam": (0.901, 0.9, 0.902), "sgd": (0.8, 0.801, 0.802), "muon": (0.9, 0.9, 0.6)},
        "adam: 0.9010 ± 0.0010 over 3 seeds, 0.1000 ahead of sgd (0.8010 ± 0.0010). This is significant (Welch's"
        " t-test over seeds: p < 0.001).",
    ),
    (
        {"adam": (0.901, 0.9, 0.902), "sgd": (0.8,)},
        "adam: 0.9010 ± 0.0010 over 3 seeds, 0.1010 ahead of sgd (0.8000). One seed cannot separate skill from"
        " luck: run several.",
    ),
    (
        {"adam": (0.9, None), "sgd": (0.8, 0.8)},
        "adam: 0.9000 over 1 of 2 seeds, 0.1000 ahead of sgd (0.8000 ± 0.0000). One seed cannot separate skill from"
        " luck: run several.",
    ),
    ({"adam": (0.9, 0.7)}, "adam: 0.8000 ± 0.1414 over 2 seeds."),
    ({"adam": (None,)}, "No run gave a result."),
]


@pytest.mark.parametrize(("seeds", "said"), SAID)
def test_who_won_and_whether_that_is_chance(tmp_path: Path, run: Write, seeds: dict, said: str) -> None:
    found = verdict(board_of(tmp_path, run, **seeds))
    assert found.replace("cross_entropy, ", "") == said


def test_chance_is_welchs_test(tmp_path: Path, run: Write) -> None:
    drawn = np.random.default_rng(0)
    few, many = drawn.normal(0.9, 0.01, 3).tolist(), drawn.normal(0.88, 0.03, 7).tolist()
    first, second = board_of(tmp_path, run, adam=tuple(few), sgd=tuple(many)).rows
    assert chance(first, second) == pytest.approx(stats.ttest_ind(few, many, equal_var=False).pvalue)
    assert chance(first, second) == chance(second, first)


def test_chance_where_there_is_no_deviation(tmp_path: Path, run: Write) -> None:
    one, two, three = board_of(tmp_path, run, a=(0.9, 0.9), b=(0.8, 0.8), c=(0.7,)).rows
    assert chance(one, two) == 0.0
    assert chance(one, one) == 1.0
    assert chance(one, three) == 1.0  # a single seed


def test_more_seeds_tell_more(tmp_path: Path, run: Write) -> None:
    adam, sgd = (0.81, 0.79) * 20, (0.80, 0.78) * 20
    said = verdict(board_of(tmp_path / "forty", run, adam=adam, sgd=sgd))
    assert said.endswith("This is significant (Welch's t-test over seeds: p < 0.001).")
    said = verdict(board_of(tmp_path / "four", run, adam=adam[:4], sgd=sgd[:4]))
    assert said.endswith("Not significant (Welch's t-test over seeds: p = 0.27).")


@pytest.mark.parametrize(
    ("third", "ending"),
    [
        ((0.89, 0.87, 0.9), "p = 0.74); the next 3 after the winner cannot be distinguished from it."),
        ((0.879, 0.879, 0.7), "p = 0.74)."),  # all seeds are worse, though p = 0.31
        ((0.88,), "p = 0.74)."),
        ((0.87, 0.871, 0.872), "p = 0.74)."),
    ],
)
def test_as_good_as_the_winner_are_the_next_that_overlap_with_it(
    tmp_path: Path, run: Write, third: tuple[float, ...], ending: str
) -> None:
    seeds = {"a": (0.9, 0.88, 0.92), "b": (0.89, 0.87, 0.92), "c": third, "d": (0.9, 0.3, 0.3)}  # d comes after c
    assert verdict(board_of(tmp_path, run, **seeds)).endswith(ending)


def test_what_agrees_in_six_digits_is_level_whoever_comes_first(tmp_path: Path, run: Write) -> None:
    said = verdict(board_of(tmp_path, run, sgd=(0.1000001,) * 3, adam=(0.1000004,) * 3))  # sgd has the lower loss
    assert said.endswith("sgd: 0.1000 ± 0.0000 over 3 seeds, level with adam; first by its lower val/loss.")


@pytest.mark.parametrize(
    ("losses", "seeds", "said"),
    [
        ("abcd", 1, "a, adam: 0.9000, one seed, level with b, adam, c, adam and d, adam."
         " One seed cannot separate skill from luck: run several."),
        ("ab", 2, "a, adam: 0.8500 ± 0.0707 over 2 seeds, level with b, adam. Two seeds say little; the next 1"
         " after them cannot be distinguished from them: run more."),
        ("abcde", 3, "a, adam: 0.8000 ± 0.1000 over 3 seeds, level with b, adam, c, adam and 2 more. No clear win; the"
         " next 1 after them cannot be distinguished from them."),
    ],
)  # fmt: skip
def test_different_losses_that_tie_are_level(tmp_path: Path, run: Write, losses: str, seeds: int, said: str) -> None:
    for at, loss in enumerate(losses):
        for seed in range(seeds):
            run(tmp_path / f"{loss}{seed}", 0.9 - seed / 10, loss=loss, seed=seed, metrics={"val/loss": 9 - at})
    for seed in range(seeds):
        run(tmp_path / f"sgd{seed}", 0.89 - seed / 10, loss="z", optim="sgd", seed=seed)
    runs, _ = find_runs([tmp_path])
    ((board,), _) = boards(runs, varied(runs))
    assert verdict(board) == said
    assert [row.rank for row in board.rows] == [1] * len(losses) + [len(losses) + 1]
    assert winner(board) == f"a, adam and {len(losses) - 1} level with it"


def test_a_changed_argument_makes_another_loss(tmp_path: Path, run: Write) -> None:
    for at, margin in enumerate((1.0, 2.0)):
        named = {"overrides": [f"loss.margin={margin}"], "values": {"loss.margin": margin}}
        run(tmp_path / str(at), 0.9, **named, metrics={"val/loss": margin})
    runs, _ = find_runs([tmp_path])
    ((board,), _) = boards(runs, varied(runs))
    assert [(row.label, row.rank) for row in board.rows] == [("margin=1", 1), ("margin=2", 1)]


def test_the_loss_stands_before_the_optimizer_whatever_is_shared(tmp_path: Path, run: Write) -> None:
    def of(folder: str, *settings: tuple[str, str, float], data: str = "digits", end: float = 0.9) -> None:
        for at, (loss, optim, lr) in enumerate(settings):
            typed = {"overrides": [f"optim={optim}", f"loss={loss}", f"optim.lr={lr}"], "values": {"optim.lr": lr}}
            run(tmp_path / f"{folder}{at}", end - at / 10, loss=loss, optim=optim, choices={"data": data}, **typed)

    of("both", ("mse", "adam", 0.1), ("mse", "adam", 0.2))
    of("optim", ("mse", "sgd", 0.1), ("l1", "sgd", 0.2), data="diabetes")
    of("loss", ("l1", "adam", 0.1), ("l1", "sgd", 0.1), data="mnist")
    runs, _ = find_runs([tmp_path])
    for keys in (("loss", "optim", "optim.lr"), ("optim", "loss", "optim.lr")):
        found, _ = boards(runs, keys)
        assert {board.contest.data: winner(board) for board in found} == {
            "digits": "mse, adam, lr=0.1",
            "diabetes": "mse, sgd, lr=0.1",
            "mnist": "l1, adam",
        }
