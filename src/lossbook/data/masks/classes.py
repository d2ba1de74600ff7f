"""Which value of a mask is which class, and what the classes are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lossbook.data.masks.decoding import LARGEST_VALUE
from lossbook.errors import refuse, typed

_SHOWN = 20


@dataclass(frozen=True)
class MaskClasses:
    """The classes of a set of masks.

    Args:
        names: of the classes.
        values: of each class in the masks.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]


def mask_classes(
    found: Sequence[int],
    names: str | Sequence[str] | None,
    values: Sequence[int] | None,
    ignored: int | None,
    known: Sequence[str] = (),
) -> MaskClasses:
    """Return the classes of masks.

    Args:
        found: all values that occur in the masks, ascending.
        names: of the classes, or a text file with one a line; None: their values.
        values: of each class; None: 0, 1, 2, ... as far as there are names, or what is found.
        ignored: the value of pixels without a class; None for none.
        known: names of a checkpoint's classes, which stay.

    Raises:
        UserError: names and values do not fit each other, or the masks.
    """
    given = _names(names)
    inside = [value for value in found if value != ignored]
    if values is None and not given and known and all(name.isdecimal() for name in known):
        values = [int(name) for name in known]  # named for their values
    if values is None:
        values = _values(inside, len(given or known), ignored, ignored in found)
    if not all(type(value) is int and 0 <= value <= LARGEST_VALUE for value in values) or len({*values}) < len(values):
        rule = f"They must be different whole numbers from 0 to {LARGEST_VALUE}, one a class."
        raise refuse(f"data.values={typed(list(values))}", rule, "data.values=[0,255]")
    if ignored in values:
        rule = "A value is a class, or ignored."
        raise refuse(f"data.values={typed(list(values))} data.ignored={ignored}", rule, "data.ignored=null")
    called = given or tuple(known) or tuple(map(str, values))
    if len(called) != len(values):
        rule = f"There are {len(values)} values ({_listed(values)}): each is a class and needs a name."
        raise refuse(f"data.class_names with {len(called)} names", rule, "as many names as values, in their order")
    if known and tuple(known) != called:
        rule = f"The checkpoint's classes are {_listed(known)}."
        raise refuse(f"data.class_names: {_listed(called)}", rule, f"data.class_names={typed(list(known))}")
    if unknown := [value for value in inside if value not in values]:
        rule = f"The masks' values {_listed(unknown)} are none of the classes' ({_listed(values)})."
        raise refuse("the masks hold other values than those of the classes", rule,
                     f"correct data.class_names or data.values, or data.ignored={unknown[0]}")  # fmt: skip
    if len(values) < 2:
        only = f"{_listed(values) or 'no value'}{f' beside the ignored {ignored}' if ignored in found else ''}"
        rule = f"Segmentation needs at least two classes; the masks hold {only}."
        raise refuse("the masks have one class", rule, "data.ignored=null" if ignored in found else "add classes")
    return MaskClasses(called, tuple(values))


def _values(inside: Sequence[int], count: int, ignored: int | None, occurs: bool) -> list[int]:
    """Return the value of each of ``count`` classes (0: as many as there are), where the user does not say them."""
    in_a_row = not inside or inside[-1] < max(count, len(inside))
    if count and in_a_row:
        return list(range(count))
    if occurs and not in_a_row:  # is 255 white, or no class?
        rule = f"The values {_listed(inside)} are not 0, 1, 2, ..., so that {ignored} may be a class as well."
        fix = f"data.ignored=null, or data.values={typed(list(inside))}"
        raise refuse(f"data.ignored={ignored} occurs in the masks", rule, fix)
    return list(inside)


def _names(names: str | Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if isinstance(names, str):
        path = Path(names).expanduser()
        try:
            names = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            rule = f"It must be a list of names, or a text file with one a line ({error})."
            raise refuse(f"data.class_names={path}", rule, "data.class_names=[background,road]") from error
        while names and not names[-1].strip():
            names.pop()
    found = tuple(str(name).strip() for name in names)
    if "" in found or len(set(found)) < len(found):
        rule = "Each class needs a name of its own."
        raise refuse(f"data.class_names: {_listed(found)}", rule, "data.class_names=[background,road]")
    return found


def _listed(values: Sequence[object] | Mapping[object, object]) -> str:
    shown = ", ".join(map(str, list(values)[:_SHOWN]))
    return shown + (f" and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else "")
