"""The search space: one parameter per override, in Hydra's grammar for sweeps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lossbook.config.arguments import parse
from lossbook.config.hydra_errors import in_words
from lossbook.config.options import Options
from lossbook.errors import refuse

LOG_FROM = 100  # a positive interval whose ends differ by this factor is searched on a log scale
_DIGITS = 4  # significant digits of a sampled value, which is trained with exactly as it is printed
_MANY = 10_000  # most values of a range


@dataclass(frozen=True)
class Parameter:
    """A parameter that a search varies.

    Args:
        key: as on the command line, including a ``+``.
        choices: the values as typed; empty for numbers.
        low, high: bounds, both included.
        step: between numbers; None: continuous.
        whole: whether the numbers are integers.
        log: whether numbers are sampled on a log scale.
        only: a searched group and those of its options that have this key; None: the key always exists.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    whole: bool = False
    log: bool = False
    only: tuple[str, tuple[str, ...]] | None = None

    @property
    def name(self) -> str:
        return self.key.lstrip("+~")

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether this parameter exists, given the values sampled before (by name)."""
        return self.only is None or self.only[0] not in values or values[self.only[0]] in self.only[1]

    def rounded(self, value: float) -> float:
        """Round a sampled number to about a ten-thousandth of the interval."""
        if self.whole:
            return round(value)
        if self.step is not None:  # decimal, since multiples of 0.1 are inexact as floats
            steps = round((value - self.low) / self.step)
            return float(Decimal(str(self.low)) + steps * Decimal(str(self.step)))
        if self.log:
            short = float(f"{value:.{_DIGITS}g}")
        else:
            span = self.high - self.low
            short = round(value, _DIGITS - 1 - math.floor(math.log10(span))) if span > 0 else value
        return min(max(short, self.low), self.high)

    def every(self) -> list[Any]:
        """Return all values in order; empty for a continuous interval."""
        if self.choices or self.step is None:
            return list(self.choices)
        return [self.rounded(self.low + place * self.step) for place in range(self._steps + 1)]

    @property
    def _steps(self) -> int:
        assert self.step is not None
        return round((self.high - self.low) / self.step)

    def override(self, value: Any) -> str:
        """Return the argument that sets the parameter to a value."""
        return f"{self.key}={value if isinstance(value, str) else number(value)}"

    def probes(self) -> list[str]:
        """Return the arguments to check before a search starts: all choices, or both ends and the middle."""
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        numbers = dict.fromkeys(map(self._typed, (self.low, self.high, self.rounded(middle))))
        return [self.override(value) for value in self.choices or numbers]

    def _typed(self, value: float) -> float:
        return int(value) if self.whole else float(value)

    def __str__(self) -> str:
        if self.choices:
            text = (
                ", ".join(self.choices)
                if len(self.choices) < 9
                else f"{', '.join(self.choices[:6])}, ... ({len(self.choices)})"
            )
        else:
            text = f"{number(self._typed(self.low))} to {number(self._typed(self.high))}"
            text += f" in steps of {number(self.step)}" if self.step not in (None, 1) else ""
            text += ", integers" if self.whole else ""
            text += ", log scale" if self.log else ""
        return text + (f"   if {self.only[0]}={','.join(self.only[1])}" if self.only else "")

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Parameter:
        only = values["only"]
        only = None if only is None else (only[0], tuple(only[1]))
        return cls(**{**values, "choices": tuple(values["choices"]), "only": only})


def number(value: float) -> str:
    """Format a number as one types it, so that reading it gives exactly the same number."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.12g}"
    text = text if float(text) == value else repr(value)
    text = re.sub(r"e([+-])0?", lambda found: "e-" if found[1] == "-" else "e", text)
    return text if re.search(r"[.e]|inf|nan", text) else f"{text}.0"


def overrides(arguments: Sequence[str], options: Options) -> list[Any]:
    """Parse arguments into Hydra's ``Override`` objects.

    Raises:
        UserError: an argument is not in Hydra's grammar.
    """
    with in_words(arguments, options.folders):
        return parse(arguments)


def parameter(override: Any, default: Any, options: Options) -> Parameter:
    """Return the parameter that an override describes.

    Args:
        override: Hydra's, with several values.
        default: of its key, None if unknown; decides whether numbers are integers.
        options: that ``glob(*)`` chooses from.

    Raises:
        UserError: a sweep of an unsupported kind, or an empty one.
    """
    key, given = override.get_key_element(), override.input_line
    if override.is_interval_sweep():
        return _interval(key, given, override.value(), default)
    if override.is_range_sweep() and not override.value().shuffle:
        return _range(key, given, override.value())
    found = _choices(override, options)
    if not found:
        raise refuse(given, "There is nothing to choose from.", f"{key}=ONE,OTHER")
    return Parameter(key, tuple(dict.fromkeys(found)))


def _choices(override: Any, options: Options) -> Iterator[str] | list[str]:
    from hydra.core.override_parser.types import Glob

    given, value = override.input_line, override.value()
    if isinstance(value, Glob):
        group = override.key_or_group
        if not options.has_group(group):
            raise refuse(given, "glob selects options of a group.", f"{override.get_key_element()}=ONE,OTHER")
        return list(value.filter(options.names(group)))
    if override.is_choice_sweep() and any(_sweeps(one) for one in value.list):
        rule = "A choice must list values, not intervals."
        raise refuse(given, rule, f"'{override.get_key_element()}=interval(LOW,HIGH)'")
    return [str(text) for text in override.sweep_string_iterator()]


def _sweeps(value: Any) -> bool:
    from hydra.core.override_parser.types import Sweep

    return isinstance(value, Sweep)


def _interval(key: str, given: str, value: Any, default: Any) -> Parameter:
    low, high = float(value.start), float(value.end)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise refuse(given, "Both ends of an interval must be finite.", f"'{key}=interval(1e-4,1e-1)'")
    whole = isinstance(default, int) and not isinstance(default, bool)
    if default is None or isinstance(default, str):  # null accepts any
        typed = re.search(r"interval\(([^()]*)\)", given)
        whole = typed is not None and not re.search(r"[.eE]", re.sub(r"\w+\s*=", "", typed[1]))
    first, last = (number(int(end) if whole and end.is_integer() else end) for end in (low, high))
    if low == high:
        raise refuse(given, "An interval of a single number leaves nothing to search.", f"{key}={first}")
    if low > high:
        rule = "The lower end of an interval comes first."
        raise refuse(given, rule, f"'{key}=interval({last},{first})'")
    if unknown := set(value.tags) - {"log", "linear"}:
        raise refuse(
            given,
            f"There is no tag {min(unknown)}; the tags are log and linear.",
            f"'{key}=tag(log,interval({first},{last}))', or tag(linear,...)",
        )
    if whole and not (low.is_integer() and high.is_integer()):
        least = math.ceil(low)
        fix = f"'{key}=interval({least},{max(math.floor(high), least + 1)})'"
        raise refuse(given, f"{key} must be an integer.", fix)
    log = "log" in value.tags or ("linear" not in value.tags and low > 0 and high / low >= LOG_FROM)
    if log and low <= 0:
        positive = "1" if whole and high > 1 else number(high / LOG_FROM)
        fix = f"'{key}=tag(log,interval({positive},{last}))'" if high > 0 else f"'{key}=interval({first},{last})'"
        raise refuse(given, "A log scale needs positive numbers.", fix)
    if whole:
        return Parameter(key, low=int(low), high=int(high), step=1, whole=True, log=log)
    return Parameter(key, low=low, high=high, log=log)


def _range(key: str, given: str, value: Any) -> Parameter:
    start, stop, step = (Decimal(str(number)) for number in (value.start, value.stop, value.step))
    count = 0 if step == 0 else math.ceil((stop - start) / step)
    if count < 1:
        raise refuse(
            given,
            "A range goes from its start up to, but not including, its stop; this one is empty.",
            f"'{key}=range(1,10)'",
        )
    if count > _MANY:
        low, high = sorted((value.start, value.stop))
        raise refuse(given, f"This range has {count:,} numbers.", f"'{key}=interval({low},{high})'")
    ends = sorted((start, start + (count - 1) * step))
    whole = all(isinstance(one, int) for one in (value.start, value.stop, value.step))
    low, high, apart = (int(one) if whole else float(one) for one in (*ends, abs(step)))
    return Parameter(key, low=low, high=high, step=apart, whole=whole)


def without(parameter: Parameter, refused: set[str]) -> Parameter:
    """Return the parameter without some of its choices."""
    return replace(parameter, choices=tuple(choice for choice in parameter.choices if choice not in refused))
