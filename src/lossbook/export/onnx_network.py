"""A network in an ONNX file, run by onnxruntime, and decoded as the checkpoint's would be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lossbook.data.fitted import FittedData
from lossbook.errors import refuse
from lossbook.export.formats import ENTRY, require_onnx, session_of
from lossbook.export.metadata import Metadata
from lossbook.export.network import INPUT, LENGTHS
from lossbook.losses.objective import Objective


class OnnxNetwork:
    """Gives the outputs of a network for batches as a reader gives them.

    Args:
        path: of the file.

    Attributes:
        fitted: what the data was fitted to.
        heads: what decodes each output, by the head's name.
        thresholds: those chosen on validation, by the metric's name, behind the head's.

    Raises:
        UserError: it is no such file, it is damaged, or Lossbook did not write it.
    """

    def __init__(self, path: Path) -> None:
        require_onnx()
        if not path.is_file():
            raise refuse(f"ckpt={path} does not exist.", "ckpt must be a checkpoint, or a file that export wrote.")
        try:
            self._session: Any = session_of(path)
        except Exception as error:  # of onnxruntime's, of many classes
            first = str(error).strip().partition("\n")[0][:200]
            raise refuse(
                f"ckpt={path}", f"onnxruntime cannot load it: {first}", "export the checkpoint again"
            ) from error
        text = self._session.get_modelmeta().custom_metadata_map.get(ENTRY)
        if text is None:
            rule = "It has no metadata of Lossbook, which say how to read inputs, and what its outputs mean."
            raise refuse(f"ckpt={path}", rule, "a file that lossbook export wrote")
        metadata = Metadata.read(text, f"ckpt={path}")
        self.fitted: FittedData = metadata.fitted
        self.heads: Mapping[str, Objective] = metadata.objectives()
        self.thresholds = {name: torch.tensor(value) for name, value in metadata.thresholds.items()}
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = [one.name for one in self._session.get_outputs()]

    def outputs(self, batch: Mapping[str, Any]) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Return the network's output, and the lengths of sequences, by head.

        Args:
            batch: with ``input``, not yet scaled nor normalised, and ``input_lengths`` where lines have different ones.
        """
        column = batch[INPUT]
        images = column.float() / 255 if column.dtype == torch.uint8 else column
        images = images.long() if self.fitted.schema.vocabulary is not None else images.float()
        lengths = batch.get(LENGTHS)
        whole = torch.full((images.shape[0],), images.shape[-1]) if lengths is None else lengths.long()
        given = {INPUT: images, LENGTHS: whole}
        found = self._session.run(self._outputs, {name: given[name].numpy() for name in self._inputs})
        named = {name: torch.from_numpy(value) for name, value in zip(self._outputs, found, strict=True)}
        heads = {head: f"{head}_" if head else "" for head in self.heads}
        return {head: (named[f"{before}output"], named.get(f"{before}lengths")) for head, before in heads.items()}
