"""The positive one of two classes, which F1 refers to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lossbook.data.schema import Schema
from lossbook.errors import nearest, refuse, typed


def with_positive(schema: Schema, name: Any) -> Schema:
    """Return the schema with the positive class set by name; unchanged for None, where the last class is positive.

    Args:
        schema: of the data.
        name: ``data.positive_class`` from the config, where it may be parsed as a number or boolean.

    Raises:
        UserError: there are not two classes, or none has this name.
    """
    if name is None:
        return schema
    given = f"data.positive_class={typed(name)}"
    if schema.target != "class" or schema.classes != 2:
        what = f"{schema.classes} classes" if schema.classes else f"targets of the kind '{schema.target}'"
        rule = f"A positive class needs data with two classes; this data has {what}."
        raise refuse(given, rule, "leave it out")
    names = class_names(schema)
    index = next((i for i, known in enumerate(names) if known in (str(name), typed(name))), None)
    if index is None:
        fix = nearest(str(name), names) or names[-1]
        raise refuse(given, f"The classes are {' and '.join(names)}.", f"'data.positive_class={fix}'")
    return replace(schema, positive=index)


def class_names(schema: Schema) -> tuple[str, ...]:
    """Return the names of the classes; their indices where the data has no names."""
    return schema.class_names or tuple(map(str, range(schema.classes or 0)))
