"""Draws docs/curves.png: real curves of several losses on the same digits, read from TensorBoard's event files.

python docs/curves.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

HERE = Path(__file__).resolve().parent
RUNS = {  # loss -> the metric that it watches
    "cross_entropy": "acc",
    "mse": "acc",
    "multi_margin": "acc",
    "triplet_margin": "recall_at_1",
    "info_nce": "recall_at_1",
}
EPOCHS = 20


def curves(loss: str) -> dict[str, list[float]]:
    """The metrics of each epoch by tag."""
    with tempfile.TemporaryDirectory() as folder:
        script = [sys.executable, str(HERE.parent / "scripts" / "train.py")]
        data = "digit_views" if loss == "info_nce" else "digits"
        arguments = [f"loss={loss}", f"data={data}", f"trainer.max_epochs={EPOCHS}", "scheduler=none", "optim.lr=0.001"]
        subprocess.run([*script, *arguments, "data.batch_size=64", f"hydra.run.dir={folder}"], check=True)
        events = EventAccumulator(folder).Reload()
        return {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def main() -> None:
    plt.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), constrained_layout=True)
    found = {loss: curves(loss) for loss in RUNS}
    epochs = range(1, EPOCHS + 1)
    for number, (loss, watched) in enumerate(RUNS.items()):
        name = "top-1 accuracy" if watched == "acc" else "recall at 1"
        left.plot(epochs, found[loss][f"val/{watched}"], color=f"C{number}", label=f"loss={loss}  ({name})")
    left.set(xlabel="epoch", title="What is watched, on validation", ylim=(0.85, 1.002))
    left.legend(frameon=False, fontsize=9.5, loc="lower right")
    for stage, style in (("train", "-"), ("val", "--")):
        right.plot(epochs, found["cross_entropy"][f"{stage}/loss"], style, color="C0", label=f"{stage}/loss")
    right.set(xlabel="epoch", title="loss=cross_entropy, training and validation", yscale="log")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.set_xticks([1, 5, 10, 15, 20])
    figure.savefig(HERE / "curves.png", dpi=130)


if __name__ == "__main__":
    main()
