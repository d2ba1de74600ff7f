from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lossbook.errors import UserError
from lossbook.losses.criteria.info_nce import InfoNCELoss
from lossbook.optim.make import OptimizerFactory
from lossbook.optim.resume import Loading
from lossbook.trust import OWN_CONFIG

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.1, "weight_decay": 0.5, "fused": None}
MUON = {"_target_": "torch.optim.Muon", "lr": 0.1, "weight_decay": 0.1, "rest": {**ADAM, "weight_decay": 0.5}}
NO_DECAY = [{"vectors": True, "weight_decay": 0.0, "name": "no_decay"}]


class Module(nn.Module):
    def __init__(self, sparse: bool = False) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        if sparse:
            self.table = nn.EmbeddingBag(5, 3, sparse=True)
        self.objective = nn.ParameterDict({"temperature": nn.Parameter(torch.ones(()))})


class Adversaries(nn.Module):
    """A generator, and a critic whose loss learns a temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        self.critic = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1))
        self.objective = nn.ModuleDict({"criterion": InfoNCELoss(learnable=True)})


def factory(node: dict[str, Any], rules: Any = (), preset: Any = (), **trainer: Any) -> OptimizerFactory:
    config = {"optim": node, "param_groups": {"rules": rules, "preset": preset}, "trainer": trainer}
    return OptimizerFactory(config, OWN_CONFIG)


@pytest.mark.parametrize(
    ("more", "trainer", "fused"),
    [
        ({}, {}, True),
        ({"fused": False}, {}, False),
        ({"foreach": True}, {}, None),
        ({}, {"precision": "bf16-mixed"}, True),
        ({}, {"precision": "bf16-mixed", "gradient_clip_val": 1.0}, None),
        ({}, {"gradient_clip_val": 1.0}, True),
    ],
)
def test_fused_wherever_nothing_speaks_against_it(more: dict[str, Any], trainer: dict[str, Any], fused: Any) -> None:
    optimizer = factory({**ADAM, **more}, **trainer)(Module())
    assert optimizer.defaults["fused"] is fused


def test_sparse_gradients_speak_against_it() -> None:
    node = {"_target_": "torch.optim.SGD", "lr": 0.1, "fused": None}
    assert factory(node)(Module()).defaults["fused"] is True
    assert factory(node)(Module(sparse=True)).defaults["fused"] is None


def test_groups_are_planned_once_and_named() -> None:
    module, make = Module(), factory(ADAM, [{"match": "model.0.*", "freeze": True}], NO_DECAY)
    planned = make.plan(module)
    assert make.plan(module) is planned
    assert not module.model[0].weight.requires_grad
    optimizer = make(module)
    assert [(group["name"], group["param_names"]) for group in optimizer.param_groups] == [
        ("no_decay", ["model.1.weight", "model.1.bias", "model.2.bias", "objective.temperature"]),
        ("rest", ["model.2.weight"]),
    ]
    assert [(group["lr"], group["initial_lr"]) for group in optimizer.param_groups] == [(0.1, 0.1)] * 2
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.5]


def test_making_it_again_gives_another_optimizer_over_the_same_groups() -> None:
    module, make = Module(), factory(ADAM, [{"match": "*.bias", "freeze": True}])
    first = make(module)
    first.param_groups[0]["lr"] = 7.0
    assert make(module).param_groups[0]["lr"] == 0.1


def test_a_temperature_has_no_weight_decay_whatever_the_preset() -> None:
    groups = factory(ADAM).plan(Module())
    assert [[name for name, _ in g["params"]] for g in groups if g.get("weight_decay") == 0] == [
        ["objective.temperature"]
    ]


def test_matrices_go_to_the_one_part_and_the_rest_to_the_other() -> None:
    optimizer = factory(MUON, preset=NO_DECAY)(Module())
    assert {group["name"]: len(group["params"]) for group in optimizer.param_groups} == {"muon": 2, "adam+no_decay": 5}
    assert optimizer.param_groups[0]["momentum"] == 0.95
    assert optimizer.param_groups[1]["fused"] is True


def test_a_part_that_would_be_empty_is_refused() -> None:
    module = Module()
    module.model = nn.Sequential(nn.BatchNorm1d(3))
    with pytest.raises(UserError, match=r"Muon only trains two-dimensional weights .*, and this model has none"):
        factory(MUON).plan(module)


def test_a_part_that_rules_freeze_wholly_is_refused_and_the_model_not_blamed() -> None:
    with pytest.raises(UserError, match=r"Muon only trains .*, and all of this model's are frozen"):
        factory(MUON, [{"match": "*.weight", "freeze": True}]).plan(Module())


def test_the_rest_is_fused_where_gradients_are_scaled_and_clipped_because_the_scaler_sees_one_optimizer() -> None:
    optimizer = factory(MUON, precision="16-mixed", gradient_clip_val=1.0)(Module())
    assert optimizer.param_groups[-1]["fused"] is True
    assert not getattr(optimizer, "_step_supports_amp_scaling", False)  # what Lightning raises for


def test_errors_name_the_part_that_they_are_about() -> None:
    with pytest.raises(UserError, match=r"optim\.rest\.eps=-1\.0"):
        factory({**MUON, "rest": {**ADAM, "eps": -1.0}}).plan(Module())


def test_what_a_node_leaves_out_is_the_optimizers_own() -> None:
    """Norms are exempt from AdamW's default weight decay, and rules may set hyperparameters that the node omits."""
    lean = {"_target_": "torch.optim.AdamW", "lr": 1e-3}
    optimizer = factory(lean, [{"match": "model.0.*", "betas": [0.5, 0.9]}], NO_DECAY)(Module())
    decay = {name: group["weight_decay"] for group in optimizer.param_groups for name in group["param_names"]}
    assert decay["model.1.weight"] == decay["model.0.bias"] == 0.0
    assert (
        decay["model.0.weight"]
        == decay["model.2.weight"]
        == torch.optim.AdamW([torch.ones(1)]).defaults["weight_decay"]
    )
    assert next(g for g in optimizer.param_groups if "model.0.weight" in g["param_names"])["betas"] == [0.5, 0.9]
    with pytest.raises(UserError, match="AdamW has no such hyperparameter; it has lr, betas"):
        factory(lean, [{"match": "*", "momentum": 0.5}]).plan(Module())


@pytest.mark.parametrize("entry", [{"layer_decay": 0.5}, {"unfrozen_by": 0.5}, {"part": "backbone", "lr_scale": 0.1}])
def test_a_preset_about_layers_is_refused_for_a_network_of_one(entry: dict[str, Any]) -> None:
    module = Module()
    factory(ADAM, preset=[entry]).plan(module)
    module.model = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(UserError, match="this network has only one"):
        factory(ADAM, preset=[entry]).plan(module)


def test_no_graph_is_captured_where_torch_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"optim\.capturable=true\n.*only on a GPU"):
        factory({**ADAM, "capturable": True})


def test_weight_decay_of_sparse_gradients_is_refused_where_no_rule_spares_them() -> None:
    node = {"_target_": "torch.optim.SGD", "lr": 0.1, "weight_decay": 0.5}
    with pytest.raises(UserError, match=r"weight_decay=0\.5 for table\.weight with model\.sparse=true"):
        factory(node, [{"match": "*.bias", "weight_decay": 0.0}]).plan(Module(sparse=True))
    factory(node, [{"match": "table.*", "weight_decay": 0.0}]).plan(Module(sparse=True))


def test_a_stranger_without_a_learning_rate_keeps_its_own() -> None:
    optimizer = factory({"_target_": "torch.optim.RAdam"})(Module())
    assert {group["lr"] for group in optimizer.param_groups} == {0.001}


def names_of(optimizer: torch.optim.Optimizer) -> list[str]:
    return [name for group in optimizer.param_groups for name in group["param_names"]]


def test_a_rule_may_name_what_a_criterion_learns() -> None:
    make = factory(ADAM, [{"match": "objective.criterion.log_scale", "lr": 0.5, "name": "temperature"}])
    groups = {group["name"]: group for group in make(Adversaries()).param_groups}
    assert groups["temperature+no_decay"]["param_names"] == ["objective.criterion.log_scale"]
    assert groups["temperature+no_decay"]["lr"] == 0.5
    assert groups["rest"]["lr"] == 0.1


def test_the_nearest_names_include_what_a_criterion_learns() -> None:
    with pytest.raises(UserError, match=r"nearest names are objective\.criterion\.log_scale, .*\n.*log_scale'\?"):
        factory(ADAM, [{"match": "objective.criterion.logit_scale", "lr": 0.5}]).plan(Adversaries())


def test_several_optimizers_share_a_module_and_its_rules() -> None:
    rules = [{"match": "critic.0.*", "lr": 0.5, "name": "stem"}, {"match": "*", "lr_scale": 0.5, "name": "half"}]
    module, make = Adversaries(), factory(ADAM, rules)
    generator, critic = make(module, ["generator"]), make(module, ("critic", "objective"))
    assert names_of(generator) == [f"generator.{name}" for name, _ in module.generator.named_parameters()]
    assert sorted(names_of(generator) + names_of(critic)) == sorted(name for name, _ in module.named_parameters())
    assert {group["name"]: group["lr"] for group in generator.param_groups} == {"generator+half": 0.05}
    assert {group["name"]: group["lr"] for group in critic.param_groups} == {
        "critic+stem": 0.5, "critic+half": 0.05, "critic+half+no_decay": 0.05
    }  # fmt: skip
    assert make.plan(module, {"objective", "critic"}) is make.plan(module, ("critic", "objective"))


def test_freezing_for_one_optimizer_leaves_the_others_parameters_alone() -> None:
    module = Adversaries()
    make = factory(ADAM, [{"match": "*.bias", "freeze": True}, {"match": "generator.0.*", "weight_decay": 0.0}])
    make.plan(module, {"critic", "objective"})
    assert module.generator[0].bias.requires_grad
    assert not module.critic[0].bias.requires_grad
    make.plan(module, {"generator"})
    assert not module.generator[0].bias.requires_grad


def test_a_rule_that_covers_nothing_in_any_of_the_parts_is_refused_with_the_nearest_name_of_all() -> None:
    with pytest.raises(UserError, match=r"'critic\.2\.weight'\?"):
        factory(ADAM, [{"match": "critic.2.weigth", "lr": 0.5}]).plan(Adversaries(), {"generator"})


def test_layers_are_counted_in_the_parts_of_an_optimizer() -> None:
    make = factory(ADAM, preset=[{"layer_decay": 0.5}])
    critic = make(Adversaries(), {"critic", "objective"})
    rates = {name: group["lr"] for group in critic.param_groups for name in group["param_names"]}
    assert [rates[f"critic.{layer}.weight"] for layer in range(3)] == [0.025, 0.05, 0.1]
    assert rates["objective.criterion.log_scale"] == 0.1


def test_a_tied_parameter_is_trained_by_one_optimizer_alone() -> None:
    module = Adversaries()
    module.critic[0].weight = module.generator[0].weight = nn.Parameter(torch.ones(4, 3))
    make = factory(ADAM)
    assert "generator.0.weight" in names_of(make(module, {"generator"}))
    assert not {"generator.0.weight", "critic.0.weight"} & set(names_of(make(module, {"critic"})))


def test_each_of_several_optimizers_loads_its_state_by_name() -> None:
    """Saved with one group each, loaded with another order of groups."""
    parts = [("generator",), ("critic", "objective")]
    module, make = Adversaries(), factory(ADAM)
    before = [make(module, part) for part in parts]
    for number, parameter in enumerate(module.parameters()):
        parameter.grad = torch.full_like(parameter, float(number))
    for optimizer in before:
        optimizer.step()
    states = [optimizer.state_dict() for optimizer in before]
    config = {"optim": ADAM, "param_groups": {"rules": [{"match": "*.bias", "lr": 0.5}]}}
    resumed = OptimizerFactory(config, OWN_CONFIG, Loading())
    again = [resumed(module, part) for part in parts]
    for optimizer, state, one in zip(again, states, before, strict=True):
        assert names_of(optimizer) != names_of(one)
        optimizer.load_state_dict(state)
    for parameter in module.parameters():
        (found,) = [optimizer.state[parameter] for optimizer in again if parameter in optimizer.state]
        (saved,) = [optimizer.state[parameter] for optimizer in before if parameter in optimizer.state]
        assert torch.equal(found["exp_avg"], saved["exp_avg"])
        assert torch.equal(found["step"], saved["step"])
