"""Initialise a network with the weights of a file: tensors are matched by name and shape, and what does not is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.models.layers import is_within, layers
from lossbook.models.weight_files import read_weights

STRICT = ("all", "backbone", "none")
"""What must match: every tensor; all but the head; or nothing, as long as something does."""

# what may stand in front of names: of wrappers (parallel, compiled, Lightning's, ours), and of parts of a network
_WRAPPERS = ("module.", "_orig_mod.", "model.", "network.")
_PREFIXES = (*_WRAPPERS, "encoder.", "backbone.", "features.")
# usual names of heads and of auxiliary outputs, which a file may have beyond those of a network
_HEADS = (
    "aux", "aux1", "aux2", "aux_classifier", "AuxLogits", "classifier", "fc", "head", "head_dist", "heads",
    "last_linear",
)  # fmt: skip
_COUNTERS = "num_batches_tracked"  # of batch norm: older files lack them, and nothing depends on them


@dataclass(frozen=True)
class WeightMatch:
    """Which tensors of a file belong to which of a network.

    Args:
        taken: name in the network -> tensor.
        absent: names in the network that the file lacks.
        reshaped: name in the network -> tensor of another shape.
        left_over: names in the file that the network lacks.
    """

    taken: Mapping[str, Tensor]
    absent: tuple[str, ...]
    reshaped: Mapping[str, Tensor]
    left_over: tuple[str, ...]


def initialise(network: nn.Module, path: str, strict: str, channels: int | None) -> list[str]:
    """Load the weights of a file into a network; the attribute ``fresh`` names the parameters that stay random.

    Args:
        network: freshly built. ``head_names`` say what its head is (see ``layers``), ``file_names`` which further names
            its file may hold.
        path: see ``read_weights``.
        strict: one of ``STRICT``.
        channels: of the inputs, where these are images; filters for another number of channels are averaged.

    Returns:
        What matched, for the user, a line each.

    Raises:
        UserError: the file cannot be read, or too little of it matches.
    """
    assert strict in STRICT, strict
    state = network.state_dict()
    match = match_weights(state, read_weights(path), channels)
    _require(network, path, strict, match)
    loaded = network.state_dict()
    loaded.update(match.taken)  # in place: it also holds the versions of the modules, which some need
    network.load_state_dict(loaded)
    random = [name for name, _ in network.named_parameters() if name in state and name not in match.taken]
    network.fresh = tuple(random)  # type: ignore[assignment]
    notes = [f"model.weights={path}: {len(match.taken)} of {len(state)} tensors are the file's"]
    notes += [f"random stay {_listed(_said(name, match, state) for name in random)}"] if random else []
    notes += [f"not used of the file: {_listed(match.left_over)}"] if match.left_over else []
    return notes


def match_weights(state: Mapping[str, Tensor], file: Mapping[str, Tensor], channels: int | None = None) -> WeightMatch:
    """Match the tensors of a file with those of a network, by their names without prefixes, and by shape.

    The filters of an input layer for another number of channels become their mean, scaled to keep their sum, so that a
    grey image gives what its copy in three channels did.
    """
    places = _places(state, file)
    taken: dict[str, Tensor] = {}
    reshaped: dict[str, Tensor] = {}
    for name, here in state.items():
        if name not in places:
            continue
        there = file[places[name]]
        if _is_input_layer(here, there, channels):
            there = there.mean(1, keepdim=True).expand(here.shape) * (there.shape[1] / here.shape[1])
        (taken if there.shape == here.shape else reshaped)[name] = there
    absent = tuple(name for name in state if name not in places and not name.endswith(_COUNTERS))
    used = set(places.values())
    return WeightMatch(taken, absent, reshaped, tuple(name for name in file if name not in used))


def _places(state: Mapping[str, Tensor], file: Mapping[str, Tensor]) -> dict[str, str]:
    """Return for each name in the network its name in the file; the fewer prefixes are removed for it, the better."""
    found: dict[str, str] = {}
    # timm's encoders have underscores for dots (stages_0.blocks)
    for prefixes, flat in (((), False), (_WRAPPERS, False), (_PREFIXES, False), (_PREFIXES, True)):
        theirs = _bare(set(file) - set(found.values()), prefixes, flat)
        mine = _bare(set(state) - set(found), prefixes, flat)
        found |= {name: theirs[bare] for bare, name in mine.items() if bare in theirs}
    return found


def _bare(names: Iterable[str], prefixes: tuple[str, ...], flat: bool) -> dict[str, str]:
    """Return names by what is left of them without prefixes; where several are left with the same, none of them."""
    bare: dict[str, list[str]] = {}
    for name in names:
        key = without_prefixes(name, prefixes)
        if flat:
            key = without_prefixes(name.replace(".", "_"), tuple(prefix.replace(".", "_") for prefix in prefixes))
        bare.setdefault(key, []).append(name)
    return {key: several[0] for key, several in bare.items() if len(several) == 1}


def without_prefixes(name: str, prefixes: tuple[str, ...] = _PREFIXES) -> str:
    """Return a name without what stands in front of it."""
    while (prefix := next((one for one in prefixes if name.startswith(one)), None)) is not None:
        name = name.removeprefix(prefix)
    return name


def _is_input_layer(here: Tensor, there: Tensor, channels: int | None) -> bool:
    """Return whether these are filters of an input layer that differ in their number of channels alone."""
    same = here.ndim == there.ndim == 4 and (here.shape[0], here.shape[2:]) == (there.shape[0], there.shape[2:])
    return same and here.shape[1] == channels and there.shape[1] != channels


def _require(network: nn.Module, path: str, strict: str, match: WeightMatch) -> None:
    """Refuse a file of which too little matches."""
    given = f"model.weights={path}"
    if not match.taken:
        mine = _listed([*match.reshaped, *match.absent])
        rule = f"None of its tensors is one of this network's: it has {_listed(match.left_over)}, and this one {mine}."
        rule = rule if match.left_over else f"All of its tensors have other shapes: {mine}."
        raise refuse(given, rule, "the file of this network")
    odd = [*match.absent, *match.reshaped]
    extra = [name for name in match.left_over if not name.endswith(_COUNTERS)]
    if strict == "backbone":
        owners = (*getattr(network, "head_names", ()), *_HEADS)
        known = set(map(without_prefixes, getattr(network, "file_names", ())))
        head = {name.rpartition(".")[0] for layer in layers(network)[-1:] for name in layer}  # and its buffers
        odd = [name for name in odd if name.rpartition(".")[0] not in head]
        extra = [name for name in map(without_prefixes, extra) if not is_within(name, owners) and name not in known]
    if strict == "none" or not (odd or extra):
        return
    state = network.state_dict()
    parts = [f"here differ {_listed(_said(name, match, state) for name in odd)}"] if odd else []
    parts += [f"only the file has {_listed(extra)}"] if extra else []
    what = "All tensors" if strict == "all" else "All tensors but those of the head"
    raise refuse(given, f"{what} must match: {'; '.join(parts)}.", "the file of this network; or model.strict=none")


def _said(name: str, match: WeightMatch, state: Mapping[str, Tensor]) -> str:
    if name in match.reshaped:
        return f"{name} {tuple(state[name].shape)} (in the file {tuple(match.reshaped[name].shape)})"
    return f"{name} (not in the file)"


def _listed(names: Iterable[str]) -> str:
    several = list(names)
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    return f"{', '.join(several[:3])}{more}"
