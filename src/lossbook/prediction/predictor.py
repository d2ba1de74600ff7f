"""A trained network at work: from files or objects to predictions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbook.checkpoints.file import checkpoint_in
from lossbook.config.compose import compose
from lossbook.config.paths import meant
from lossbook.config.resolve import plain
from lossbook.data.reader import NewInputs, Reader
from lossbook.data.schema import Schema
from lossbook.errors import Problem, refuse
from lossbook.losses.objective import Objective
from lossbook.prediction.batches import run
from lossbook.prediction.inputs import InputFile, find_inputs, in_list
from lossbook.prediction.names import with_ids
from lossbook.prediction.network import CheckpointNetwork, Network
from lossbook.prediction.reader import reader_of
from lossbook.prediction.result import Predictions, joined
from lossbook.targets.embeddings import embedding_rows
from lossbook.targets.encoding import Prediction
from lossbook.targets.rows import PredictionRows

BATCH_SIZE = 64


class Predictor:
    """Predicts for new inputs, which are read as those of the training data were.

    Args:
        network: of a checkpoint, or of another format.
        reader: of its inputs.
    """

    def __init__(self, network: Network, reader: Reader) -> None:
        self.network, self.reader = network, reader

    @property
    def schema(self) -> Schema:
        """What the training data promised: classes, columns, shapes."""
        return self.network.fitted.schema

    def predict(
        self,
        inputs: Any,
        *,
        batch_size: int = BATCH_SIZE,
        num_workers: int = 0,
        top_k: int | None = None,
        id_column: str | None = None,
    ) -> Predictions:
        """Predict for all inputs.

        Args:
            inputs: paths of files or folders, one or a list; or objects as the reader takes them: PIL images, arrays,
                tensors, a data frame of polars or pandas.
            batch_size: samples at once; fewer where memory does not suffice.
            num_workers: processes that read files.
            top_k: list so many of the most probable classes in the table, in place of all.
            id_column: of a table, which names the samples.

        Returns:
            The predictions for what could be read; ``bad`` says what could not.

        Raises:
            UserError: nothing could be read, or the inputs are of another kind than the network's.
        """
        self.require_top(top_k)
        read = self._read(inputs, id_column)
        names: list[str] = []
        bad = list(read.bad)
        heads: dict[str, list[PredictionRows]] = {name: [] for name in self.network.heads}
        for places, rows, wrong in self.rows(read, batch_size, num_workers, top_k):
            names += [read.names[place] for place in places]
            bad += [problem for _, problem in wrong]
            for head, one in rows.items():
                heads[head].append(one)
        if not names:
            raise nothing_read(bad)
        return Predictions(names, {head: joined(rows) for head, rows in heads.items()}, bad, read.notes)

    def files(self, files: Sequence[InputFile], id_column: str | None = None) -> NewInputs:
        """Read files; what cannot be read is found here, or when it is asked for."""
        read = self.reader.files([one.path for one in files], [one.name for one in files])
        return with_ids(read, self.reader, files, id_column)

    def rows(
        self, inputs: NewInputs, batch_size: int, num_workers: int, top_k: int | None
    ) -> Iterator[tuple[Sequence[int], dict[str, PredictionRows], Sequence[tuple[str, Problem]]]]:
        """Yield places among the inputs, what is written down of each head, and (name, problem) of what is bad."""
        for chunk in run(self.network, inputs, batch_size, num_workers):
            rows = {head: self._written(head, one, top_k) for head, one in chunk.predictions.items()}
            wrong = [(inputs.names[place], problem) for place, problem in chunk.bad]
            yield chunk.places, rows, wrong

    def require_top(self, most: int | None) -> None:
        """Refuse a number of classes to list where there are not so many, or none.

        Raises:
            UserError: it has no effect, or is out of range.
        """
        if most is None:
            return
        ranked = [one for one in self.network.heads.values() if self._ranks(one)]
        if not ranked:
            rule = "Only classes with probabilities can be ranked, and this network gives none."
            raise refuse(f"top_k={most}", rule, "leave it out")
        largest = min(one.schema.classes or 0 for one in ranked)
        if not 1 <= most <= largest:
            raise refuse(f"top_k={most}", f"It must be from 1 to {largest}, the number of classes.", "top_k=1")

    def _ranks(self, objective: Objective) -> bool:
        embeds = objective.encoding.role == "embedding"
        return objective.kind.ranks_classes and objective.to_probabilities is not None and not embeds

    def _written(self, head: str, prediction: Prediction, most: int | None) -> PredictionRows:
        objective = self.network.heads[head]
        if objective.encoding.role == "embedding":
            return embedding_rows(prediction.decision)
        return objective.kind.rows(prediction, objective.schema, most if self._ranks(objective) else None)

    def _read(self, inputs: Any, id_column: str | None) -> NewInputs:
        several = isinstance(inputs, (list, tuple)) and bool(inputs)
        if isinstance(inputs, (str, os.PathLike)):
            return self.files(find_inputs(os.fspath(inputs), self.reader.suffixes), id_column)
        if several and all(isinstance(one, (str, os.PathLike)) for one in inputs):
            return self.files(in_list(inputs, self.reader.suffixes), id_column)
        return with_ids(self.reader.objects(inputs), self.reader, inputs, id_column)


def load(run: str | os.PathLike[str], *, device: str = "auto", trust: Sequence[str] = ()) -> Predictor:
    """Load a trained network.

    Args:
        run: folder of a run, of which ``checkpoints/best.ckpt`` is taken; a checkpoint; or a file that
            ``lossbook export format=onnx`` wrote.
        device: ``auto``, ``cpu`` or ``cuda``.
        trust: classes and functions of your own that the checkpoint names.

    Raises:
        UserError: there is no such run, or its checkpoint cannot be used.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise refuse(f"device={device}", "The device is auto, cpu or cuda.", "device=auto")
    path = checkpoint_in(Path(meant(os.fspath(run))))
    if path.suffix == ".onnx":
        from lossbook.export.onnx_network import OnnxNetwork

        if device == "cuda":
            raise refuse(f"device=cuda with ckpt={path}", "An ONNX file runs on the CPU here.", "device=cpu")
        network = OnnxNetwork(path)
        return Predictor(network, reader_of(network.fitted, str(path)))
    trusted = [f"+trust=[{','.join(trust)}]"] if trust else []
    return of_config(plain(compose(f"ckpt={path}", *trusted)), device)


def of_config(values: Mapping[str, Any], device: str = "auto") -> Predictor:
    """Return what predicts with the checkpoint of a config, resolved, as plain containers."""
    network = CheckpointNetwork(values, device)
    return Predictor(network, reader_of(network.fitted, values["ckpt"], values["data"]["source"].get("_target_")))


def nothing_read(bad: Sequence[Problem]) -> Exception:
    """Return the error for inputs of which none could be read, with the first three mistakes."""
    from lossbook.errors import UserError

    if not bad:
        return refuse("The input holds no samples.", "At least one is needed.", "another input")
    more = [refuse(f"... and {len(bad) - 3:,} more.", "Nothing could be read.").problems[0]] if len(bad) > 3 else []
    return UserError(*bad[:3], *more)
