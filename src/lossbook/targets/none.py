"""No target: inputs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbook.targets.embeddings import Embedding
from lossbook.targets.kind import TargetKind

if TYPE_CHECKING:
    from lossbook.data.schema import Schema


class NoTarget(TargetKind):
    """Data without a target."""

    name = "none"
    promise = "no target"
    views = True
    encodings = {"embedding": Embedding}  # noqa: RUF012
    roles = {"views": "embedding"}  # noqa: RUF012

    def shape(self, schema: Schema) -> None:
        return None


KIND = NoTarget()
