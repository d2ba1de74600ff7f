from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.optim.resume import Loading, changes

NAMES = ("a", "b", "c")


def parameters():
    return {name: nn.Parameter(torch.full((2,), float(number))) for number, name in enumerate(NAMES, 1)}


def optimizer(groups, loading=None, lr=0.1, cls=torch.optim.Adam):
    """Return an optimizer over new parameters, in groups of names with their own hyperparameters."""
    values = parameters()
    made = cls(
        [
            {"params": [(name, values[name]) for name in names], **hyperparameters}
            for names, hyperparameters in (
                (group["names"], {key: value for key, value in group.items() if key != "names"}) for group in groups
            )
        ],
        lr=lr,
    )
    for group in made.param_groups:
        group["initial_lr"] = group["lr"]
    if loading is not None:
        loading.attach(made)
    return made, values


def trained(groups, **more):
    """The state after a step in which each parameter had a gradient of its own; average = 0.1 x gradient."""
    made, values = optimizer(groups, **more)
    for number, name in enumerate(NAMES, 1):
        values[name].grad = torch.full((2,), 10.0 * number)
    made.step()
    return made.state_dict()


def averages(made, values):
    return {name: float(made.state[values[name]]["exp_avg"][0]) for name in NAMES if values[name] in made.state}


@pytest.mark.parametrize(
    "groups",
    [
        [{"names": ["c"]}, {"names": ["b", "a"]}],
        [{"names": ["b", "c", "a"]}],
        [{"names": ["b"]}, {"names": ["a"]}, {"names": ["c"]}],
    ],
)
def test_states_are_found_by_name_however_the_groups_are_cut(groups):
    saved = trained([{"names": ["a", "b"]}, {"names": ["c"]}])
    made, values = optimizer(groups, Loading())
    made.load_state_dict(saved)
    assert averages(made, values) == pytest.approx({"a": 1.0, "b": 2.0, "c": 3.0})
    for value in values.values():
        value.grad = torch.ones(2)
    made.step()  # and torch goes on with them
    assert all(float(made.state[value]["step"]) == 2 for value in values.values())


def test_torch_alone_swaps_states_in_silence():
    """What this file is for: if torch learns to load by name, ``Loading`` has less to do."""
    saved = trained([{"names": ["a"]}, {"names": ["b"]}, {"names": ["c"]}])
    made, values = optimizer([{"names": ["b"]}, {"names": ["a"]}, {"names": ["c"]}])
    made.load_state_dict(saved)
    assert averages(made, values) == pytest.approx({"b": 1.0, "a": 2.0, "c": 3.0})


def test_a_new_parameter_starts_afresh_and_one_that_is_gone_is_left():
    saved = trained([{"names": ["a", "b", "c"]}])
    saved["param_groups"][0]["param_names"] = ["a", "b", "old"]
    made, values = optimizer([{"names": ["a", "b", "c"]}], Loading())
    made.load_state_dict(saved)
    assert averages(made, values) == pytest.approx({"a": 1.0, "b": 2.0})


def test_hyperparameters_are_the_configs_and_what_else_a_group_holds_the_checkpoints():
    saved = trained([{"names": list(NAMES), "weight_decay": 0.5}])
    saved["param_groups"][0] |= {"name": "old", "frozen_until": ["epoch", 3], "steps_seen": 7}
    made, _ = optimizer([{"names": list(NAMES), "weight_decay": 0.25, "name": "new"}], Loading())
    made.load_state_dict(saved)
    (group,) = made.param_groups
    assert (group["weight_decay"], group["name"], group["steps_seen"]) == (0.25, "new", 7)
    assert "frozen_until" not in group


@pytest.mark.parametrize(
    ("loading", "new", "expected"),
    [
        (Loading("config"), 0.1, (0.1, 0.025)),  # the same peak: exactly where the schedule had brought it
        (Loading("checkpoint"), 0.1, (0.1, 0.025)),
        (Loading("config"), 0.4, (0.4, 0.1)),
        (Loading("checkpoint"), 0.4, (0.1, 0.025)),
        (Loading("config", constant=True), 0.4, (0.4, 0.4)),
        (Loading("checkpoint", constant=True), 0.4, (0.1, 0.1)),
        (Loading("config", fresh=True), 0.4, (0.4, 0.4)),
    ],
)
def test_whose_learning_rate_counts(loading, new, expected):
    saved = trained([{"names": list(NAMES)}])
    saved["param_groups"][0]["lr"] = 0.025
    made, _ = optimizer([{"names": list(NAMES)}], loading, lr=new)
    made.load_state_dict(saved)
    (group,) = made.param_groups
    assert (group["initial_lr"], group["lr"]) == pytest.approx(expected)


def test_another_optimizers_state_is_left():
    saved = trained([{"names": list(NAMES)}])
    made, _ = optimizer([{"names": list(NAMES)}], Loading(fresh=True), cls=torch.optim.SGD)
    made.load_state_dict(saved)
    assert not made.state
    assert made.param_groups[0]["lr"] == 0.1
    assert "betas" not in made.param_groups[0]


def test_a_state_that_spans_all_parameters_is_taken_as_a_whole_or_not_at_all():
    def lbfgs(order):
        values = parameters()
        made = torch.optim.LBFGS([(name, values[name]) for name in order], lr=0.1)
        Loading(flat=True).attach(made)

        def closure():
            made.zero_grad()
            loss = sum(((value - 1) ** 2).sum() for value in values.values())
            loss.backward()
            return loss

        made.step(closure)
        return made

    saved = lbfgs(NAMES).state_dict()
    same, other = lbfgs(NAMES), lbfgs(("b", "a", "c"))
    same.load_state_dict(saved)
    other.load_state_dict(saved)
    assert same.state_dict()["state"][0]["n_iter"] == saved["state"][0]["n_iter"]
    assert not other.state


def test_changes_are_told_by_name():
    saved = [
        {"name": "body", "param_names": ["a", "b"], "initial_lr": 0.1},
        {"name": "head", "param_names": ["c"], "initial_lr": 0.1},
    ]
    planned = [
        {"name": "body", "params": [("a", None)], "initial_lr": 0.1},
        {"name": "top", "params": [("c", None), ("d", None)], "initial_lr": 0.5},
    ]
    assert changes(saved, planned, "config") == [
        "group head is gone",
        "group top is new, with c, d",
        "trained from here on, without a state: d",
        "no longer trained: b",
        "group top: lr 0.5 of the config, not 0.1 of the checkpoint",
    ]
    assert changes(saved, planned, "checkpoint")[-1] == "group top: lr 0.1 of the checkpoint, not 0.5 of the config"
    same = [{**group, "params": [(name, None) for name in group["param_names"]]} for group in saved]
    assert changes(saved, same, "config") == []


def test_a_stranger_whose_config_names_no_learning_rate():
    saved = trained([{"names": list(NAMES)}])  # with a schedule, which notes the peak
    saved["param_groups"][0]["lr"] = 0.025
    for loading, expected in ((Loading(), (0.4, 0.1)), (Loading("checkpoint", constant=True), (0.1, 0.1))):
        made, _ = optimizer([{"names": list(NAMES)}], loading, lr=0.4)
        del made.param_groups[0]["initial_lr"]
        made.load_state_dict(saved)
        (group,) = made.param_groups
        assert (group["initial_lr"], group["lr"]) == pytest.approx(expected)
    planned = [{"name": "all", "params": [(name, None) for name in NAMES]}]
    assert changes([{**saved["param_groups"][0], "name": "all"}], planned, "config") == []


@pytest.mark.parametrize(
    ("cls", "switch"),
    [
        (torch.optim.Adam, {"amsgrad": True}),
        (torch.optim.RMSprop, {"centered": True}),
        (torch.optim.RMSprop, {"momentum": 0.9}),
        (torch.optim.SGD, {"momentum": 0.9}),
    ],
)
def test_a_state_that_lacks_what_is_switched_on_is_dropped_and_that_is_said(cls, switch):
    saved = trained([{"names": ["a", "b"]}, {"names": ["c"]}], cls=cls)
    made, values = optimizer([{"names": ["a"], **switch}, {"names": ["b", "c"]}], Loading(), cls=cls)
    made.load_state_dict(saved)
    assert not made.state.get(values["a"])
    assert bool(made.state.get(values["b"])) == (cls is not torch.optim.SGD)
    for value in values.values():
        value.grad = torch.ones(2)
    made.step()
    planned = [
        {**group, "name": f"{number}", "params": [(name, None) for name in group["param_names"]]}
        for number, group in enumerate(made.param_groups)
    ]
    before = [{**group, "name": f"{number}"} for number, group in enumerate(saved["param_groups"])]
    said = f"group 0: {next(iter(switch))} needs a state of another kind, which starts afresh"
    assert changes(before, planned, "config") == [said]


def test_what_begins_with_a_state_has_it_where_the_checkpoint_gives_none():
    saved = trained([{"names": list(NAMES)}])
    made, values = optimizer([{"names": list(NAMES)}], Loading(fresh=True), cls=torch.optim.Adagrad)
    made.load_state_dict(saved)
    values["a"].grad = torch.full((2,), 3.0)
    made.step()
    assert float(made.state[values["a"]]["sum"][0]) == 9
