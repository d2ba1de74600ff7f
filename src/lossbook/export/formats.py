"""The formats of exported networks: how a graph is written to a file, and how the file runs."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from lossbook.errors import UserError, refuse
from lossbook.export.check import Run
from lossbook.export.quiet import quiet
from lossbook.export.trace import Graph

ENTRY = "lossbook"  # of the metadata of an ONNX file
FILE = "lossbook.json"  # the same in a file of torch.export


class Format(ABC):
    """A kind of file."""

    name: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def write(self, path: Path, graph: Graph, text: str) -> None:
        """Write a graph.

        Args:
            path: of the file.
            graph: of the network.
            text: the metadata, as JSON.

        Raises:
            UserError: the graph cannot be written in this format.
        """

    @abstractmethod
    def load(self, path: Path) -> Run:
        """Return the function that a file holds, on as many threads as torch has."""


class Onnx(Format):
    """ONNX, which onnxruntime and many other programs run."""

    name, suffix = "onnx", ".onnx"

    def write(self, path: Path, graph: Graph, text: str) -> None:
        try:
            with torch.no_grad(), quiet():
                made = torch.onnx.export(
                    graph.program, input_names=list(graph.inputs), output_names=list(graph.outputs), dynamo=True
                )
                assert made is not None
                model = made.model_proto
        except Exception as error:  # of torch's and onnxscript's, of many classes
            raise _unwritable(self.name, "torch_export", error) from error
        _state_sizes(model.graph, graph)
        del model.metadata_props[:]
        model.metadata_props.add(key=ENTRY, value=text)
        try:
            content = model.SerializeToString()
        except Exception as error:  # of protobuf: more than 2 GB
            raise _unwritable(self.name, "torch_export", error) from error
        path.write_bytes(content)

    def load(self, path: Path) -> Run:
        session = session_of(path)
        names = [one.name for one in session.get_inputs()]

        def run(*inputs: Tensor) -> list[Tensor]:
            given = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
            return [torch.from_numpy(value) for value in session.run(None, given)]

        return run


class TorchExport(Format):
    """A program of torch.export, which torch runs without the network's code, and compiles ahead of time."""

    name, suffix = "torch_export", ".pt2"

    def write(self, path: Path, graph: Graph, text: str) -> None:
        content = io.BytesIO()  # writing to a full disk, torch would raise a RuntimeError
        try:
            with quiet():
                torch.export.save(graph.program, content, extra_files={FILE: text})
        except Exception as error:
            raise _unwritable(self.name, "onnx", error) from error
        path.write_bytes(content.getbuffer())

    def load(self, path: Path) -> Run:
        with quiet():
            program: Run = torch.export.load(path).module()

        def run(*inputs: Tensor) -> Sequence[Tensor]:
            with torch.no_grad():
                return program(*inputs)

        return run


FORMATS: Mapping[str, Format] = {one.name: one for one in (Onnx(), TorchExport())}


def format_of(name: str) -> Format:
    """Return a format by its name.

    Raises:
        UserError: what it needs is not installed.
    """
    if name == Onnx.name:
        require_onnx()
    return FORMATS[name]


def require_onnx() -> None:
    """Check that the packages of the extra ``onnx`` are installed.

    Raises:
        UserError: one of them is missing.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            with quiet():
                __import__(package)
        except ImportError as error:
            rule = f"ONNX files need the package {package}, which is not installed."
            raise refuse("format=onnx", rule, "pip install 'lossbook[onnx]'") from error


def session_of(path: Path) -> Any:
    """Return onnxruntime's session of a file, on the CPU, on as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised, too
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _state_sizes(written: Any, graph: Graph) -> None:
    """State which sizes are free by name, and none in between: torch states some that are wrong."""
    del written.value_info[:]
    for one in (*written.input, *written.output):
        sizes = {**graph.inputs, **graph.outputs}[one.name].shape
        for stated, size in zip(one.type.tensor_type.shape.dim, sizes, strict=True):
            if isinstance(size, str):
                stated.dim_param = size
            else:
                stated.dim_value = size


def _unwritable(name: str, other: str, error: Exception) -> UserError:
    cause: BaseException = error
    while cause.__cause__ is not None:  # the first one says which operation it is
        cause = cause.__cause__
    first = f"{type(cause).__name__}: {cause}".strip().partition("\n")[0][:200]
    return refuse(f"format={name}", f"The network's graph cannot be written in it: {first}", f"format={other}")
