"""Measure the peak memory of training on a large Parquet file, above that of the same command on 1,000 rows.

    python benchmarks/tables_memory.py                  # ten million rows of 32 numbers: some minutes, 3 GB of disk
    python benchmarks/tables_memory.py --rows 1000000

It prints both peaks, their difference, and how often that is the size of the inputs as float32; it exits with 1 above
1.3.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COLUMNS = 32
MOST = 1.3
GROUP = 500_000  # rows of a row group
TRAIN = Path(__file__).parents[1] / "scripts" / "train.py"


def main() -> int:
    """Write both files, train on each, and print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", default=None, help="for the files")
    rows = (options := parser.parse_args()).rows
    with tempfile.TemporaryDirectory(prefix="lossbook-tables-", dir=options.folder) as place:
        peaks = []
        for count in (1000, rows):
            path = Path(place) / f"{count}.parquet"
            write(path, count)
            start = time.perf_counter()
            peaks.append(peak(path))
            print(
                f"{count:>12,} rows: {peaks[-1] / 1e9:.3f} GB at most, {time.perf_counter() - start:.0f} s", flush=True
            )
    size = rows * COLUMNS * 4
    share = (peaks[1] - peaks[0]) / size
    print(f"{share:.2f} times the {size / 1e9:.2f} GB of the inputs as float32 (at most {MOST})")
    return int(share > MOST)


def write(path: Path, rows: int) -> None:
    """Write random columns and a target, in a process of its own: a child's peak includes its parent's memory."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import tables_memory as m; m.written({str(path)!r}, {rows})"  # noqa: E501
    subprocess.run([sys.executable, "-c", code], check=True)


def written(path: str, rows: int) -> None:
    """Write random columns and a target in row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, GROUP):
        count = min(GROUP, rows - start)
        block = {f"x{n}": random.standard_normal(count, np.float32) for n in range(COLUMNS)}
        block["y"] = block["x0"] + random.standard_normal(count, np.float32)
        table = pa.table(block)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def peak(path: Path) -> int:
    """Return the peak memory, in bytes, of a process that trains two steps on a file, validates and tests."""
    command = [
        sys.executable, str(TRAIN), "loss=mse", "data=table", f"data.root={path}", "data.target=value",
        "data.target_columns=[y]", "data.batch_size=8192", "trainer=cpu", "trainer.max_steps=2",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=os.environ)
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return used.ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
