from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lossbook.errors import UserError
from lossbook.search.plan import SearchPlan
from lossbook.search.terminal import SearchPrinter, best_command
from lossbook.search.trials import Trial

Planned = Callable[..., SearchPlan]


@pytest.fixture
def plan(planned: Planned) -> SearchPlan:
    return planned("optim.lr=interval(1e-4,1e-1)", "seed=3")


def told(plan: SearchPlan, *calls: Callable[[SearchPrinter], None]) -> str:
    out = io.StringIO()
    printer = SearchPrinter(Path("found"), plan, Console(file=out, highlight=False, soft_wrap=True))
    for call in calls:
        call(printer)
    return out.getvalue()


DONE = Trial(0, "completed", {"optim.lr": 0.0123}, result=0.9, loss=0.3, epochs=30, seconds=3.0)
EQUAL = Trial(1, "completed", {"optim.lr": 0.02}, result=0.9, loss=0.2, epochs=30, seconds=3.0, threads=1)
PRUNED = Trial(2, "pruned", {"optim.lr": 0.1}, result=0.5, epochs=4, seconds=0.4)
FAILED = Trial(3, "failed", {"optim.lr": 0.1}, message="optim.lr=0.1\n  It is too large.\n  Fix: optim.lr=0.01")
REFUSED = Trial(4, "refused", {"optim.lr": 0.1}, message="No.")


def test_each_trial_is_a_line(plan: SearchPlan) -> None:
    trials = [DONE, EQUAL, PRUNED, FAILED, REFUSED]
    lines = told(plan, *(lambda printer, one=one: printer.print_trial(one, trials) for one in trials[:4])).splitlines()
    assert lines == [
        "   4  #0    val/acc 0.9000  optim.lr=0.0123  30 epochs, 3.0 s",
        "   4  #1    val/acc 0.9000  optim.lr=0.02  30 epochs, 3.0 s",
        "   4  #2    val/acc 0.5000  optim.lr=0.1  pruned after 4 epochs, 0.4 s",
        "   4  #3    failed  optim.lr=0.1  optim.lr=0.1 It is too large. Fix: optim.lr=0.01",
    ]


def test_a_long_message_is_cut(plan: SearchPlan) -> None:
    long = replace(FAILED, message="word " * 100)
    (line,) = told(plan, lambda printer: printer.print_trial(long, [long])).splitlines()
    assert line == "   1  #3    failed  optim.lr=0.1  " + "word " * 79 + "word…"


def test_only_a_better_metric_is_the_best_so_far(plan: SearchPlan) -> None:
    worse = replace(DONE, number=7, result=0.8)
    assert "best so far" in told(plan, lambda printer: printer.print_trial(DONE, [DONE, worse]))
    assert "best so far" not in told(plan, lambda printer: printer.print_trial(EQUAL, [DONE, EQUAL]))
    assert "best so far" not in told(plan, lambda printer: printer.print_trial(worse, [DONE, worse]))


def test_the_outcome_names_ties_and_the_best_command(plan: SearchPlan) -> None:
    text = told(
        plan, lambda printer: printer.print_outcome([DONE, EQUAL, PRUNED, FAILED], [("optim.lr", 1.0)], [Path("a.png")])
    )
    assert "2 completed, 1 pruned, 1 failed" in text
    assert "2 trials have this value; the lowest val/loss of them is first" in text
    assert "matters  optim.lr 100%" in text
    assert text.splitlines()[-1] == "best     OMP_NUM_THREADS=1 python scripts/train.py seed=3 optim.lr=0.02"


def test_where_losses_of_several_kinds_are_level_the_earlier_is_first(planned: Planned) -> None:
    plan = planned("loss.criterion.label_smoothing=0,0.1")
    kinds = [{"loss.criterion.label_smoothing": text} for text in ("0", "0.1")]
    trials = [replace(one, values=values) for one, values in zip((DONE, EQUAL), kinds, strict=True)]
    text = told(plan, lambda printer: printer.print_outcome(trials, [], []))
    assert "the earliest of them is first" in text
    assert "val/loss" not in text
    alike = [replace(one, values=kinds[0]) for one in (DONE, EQUAL)]
    assert "the lowest val/loss of them is first" in told(plan, lambda printer: printer.print_outcome(alike, [], []))
    level = [*alike, replace(EQUAL, number=2, values=kinds[0])]
    assert "the earliest of the lowest val/loss of them" in told(
        plan, lambda printer: printer.print_outcome(level, [], [])
    )


def test_a_command_is_safe_to_paste(plan: SearchPlan) -> None:
    plan = replace(plan, fixed=("model.channels=[8,16]", "hydra='a b'"), folders=("/my conf",))
    assert best_command(plan, DONE) == (
        "python scripts/train.py --config-dir '/my conf' 'model.channels=[8,16]' "
        "'hydra='\"'\"'a b'\"'\"'' optim.lr=0.0123"
    )


def test_why_trials_were_refused_is_told_once_a_reason(plan: SearchPlan) -> None:
    trials = [DONE, REFUSED, replace(REFUSED, number=5), replace(REFUSED, number=6, message="Nor this.\n Fix: that")]
    lines = told(plan, lambda printer: printer.print_outcome(trials, [], [])).splitlines()
    assert [one for one in lines if one.startswith("refused")] == [
        "refused  2 trials: No.",
        "refused  1 trial: Nor this. Fix: that",
    ]


def test_no_metric_at_all_is_an_error_with_the_first_message(plan: SearchPlan) -> None:
    with pytest.raises(UserError, match=r"The trial failed.(?s:.*)The first: optim.lr=0.1 It is too large\."):
        told(plan, lambda printer: printer.print_outcome([FAILED, REFUSED], [], []))


def test_what_is_left_is_told(plan: SearchPlan) -> None:
    running, cut = Trial(5, "running", {"optim.lr": 0.1}), Trial(6, "interrupted", {"optim.lr": 0.1})
    assert told(plan, lambda printer: printer.print_rest([DONE], 1, False)) == ""
    assert "every combination" in told(plan, lambda printer: printer.print_rest([DONE, REFUSED], 2, False))
    tried = "every combination of these values has been tried; 1 of them failed, which only a new search"
    assert tried in told(plan, lambda printer: printer.print_rest([DONE, FAILED], 3, False))
    assert "1 completed, 1 running\n" in told(plan, lambda printer: printer.print_plan([DONE, running], 2, 1))
    elsewhere = "note     other processes are still training 1 trial\n"
    assert told(plan, lambda printer: printer.print_rest([DONE, running], 3, False)) == elsewhere
    go_on = "go on    python scripts/search.py search.resume=found\n"
    assert told(plan, lambda printer: printer.print_rest([DONE], 2, True)) == go_on
    assert told(plan, lambda printer: printer.print_rest([DONE, cut, running], 3, False)) == elsewhere + go_on


def test_the_plan_is_told_with_what_is_refused(planned: Planned) -> None:
    plan = planned("optim=adam,sparse_adam", "data=digits", "model=cnn", "optim.betas=[0.9,0.99],[0.8,0.9]", seed=2)
    text = told(plan, lambda printer: printer.print_plan([DONE, PRUNED], 40, 2))
    assert "for     the largest val/acc of a best epoch" in text
    assert "optim.betas  [0.9,0.99], [0.8,0.9]" in text
    assert "fixed   data=digits model=cnn" in text
    assert "trials  40, sampler tpe, pruner median, seed 2, 2 workers" in text
    assert "refused optim=sparse_adam: " in text
    assert "so far  1 completed, 1 pruned" in text
    fewer = told(plan, lambda printer: printer.print_plan([DONE, PRUNED, REFUSED], 1, 2))
    assert "note    there are 2 trials already, more than the requested 1" in fewer
