"""Which of two classes counts as the positive one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lossbook.data.schema import Schema
from lossbook.errors import nearest, refuse, typed


def with_positive(schema: Schema, name: Any) -> Schema:
    """The schema with the class of this name as the positive one; itself where None, and the last class is.

    Args:
        schema: of the data.
        name: ``data.positive_class`` as it stands in the config, where numbers and booleans are no texts.

    Raises:
        UserError: there are not two classes, or none of this name.
    """
    if name is None:
        return schema
    given = f"data.positive_class={typed(name)}"
    if schema.target != "class" or schema.classes != 2:
        what = f"{schema.classes} classes" if schema.classes else f"targets of the kind '{schema.target}'"
        rule = f"One of two classes may be the positive one; here are {what}, and it would have no effect."
        raise refuse(given, rule, "leave it out")
    names = class_names(schema)
    index = next((i for i, known in enumerate(names) if known in (str(name), typed(name))), None)
    if index is None:
        fix = nearest(str(name), names) or names[-1]
        raise refuse(given, f"The classes are {' and '.join(names)}.", f"'data.positive_class={fix}'")
    return replace(schema, positive=index)


def class_names(schema: Schema) -> tuple[str, ...]:
    """A name for each class, its number where the data has none."""
    return schema.class_names or tuple(map(str, range(schema.classes or 0)))
