"""Measure sweeps: overhead per job, memory, two processes, faults, SIGKILL, every pairing.

    python benchmarks/sweep.py cost        # seconds of a job beyond its training, memory over 200 jobs, joblib's gain
    python benchmarks/sweep.py faults      # 60 jobs, five of which must fail; resumed when the causes are gone
    python benchmarks/sweep.py killed      # ten SIGKILLs at random moments, against the undisturbed sweep
    python benchmarks/sweep.py pairings    # every loss with every optimizer, two steps each

Each prints its results and exits with 1 if they are not as promised. Nothing else should run during ``cost``; all use
one thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

TRAIN = Path(__file__).resolve().parents[1] / "scripts" / "train.py"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

# A loss that fails in five ways, by the seed and with one optimizer, until a file exists.
FAULTY = '''
"""Cross entropy that fails after its first epoch."""
import os, signal, time
from pathlib import Path
import torch
from torch.nn import functional as F

steps = {}

def faulty(input, target, optimizer: str):
    seed = torch.initial_seed()
    steps[optimizer, seed] = steps.get((optimizer, seed), 0) + 1
    loss = F.cross_entropy(input, target)
    early = steps[optimizer, seed] < 60 or not torch.is_grad_enabled()
    if early or not optimizer.endswith("SGD") or Path("fixed").exists():
        return loss
    if seed == 0:
        return loss * float("nan")
    if seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 2:
        time.sleep(1e6)
    if seed == 3:
        return loss + torch.empty(2**50).sum()
    raise ZeroDivisionError("the user's own mistake")
'''
REASONS = ("is nan", "SIGKILL", "No end after", "can't allocate memory", "ZeroDivisionError")  # by seed
FAULTY_YAML = """
criterion: {_target_: faulty.faulty, optimizer: "${optim._target_}"}
accepts: {class: index}
"""


def sweep(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ``train.py -m`` in this folder; its output goes to ``sweep.log``."""
    with (folder / "sweep.log").open("ab") as log:
        command = [sys.executable, str(TRAIN), "-m", *arguments]
        return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT)


def runs(folder: Path) -> dict[int, dict[str, Any]]:
    """Return ``metrics.json`` of every job of a sweep."""
    found = {}
    for path in folder.glob("*/metrics.json"):
        found[int(path.parent.name)] = json.loads(path.read_text())
    return found


def states(folder: Path) -> Counter[str]:
    return Counter(str(values["status"]) for values in runs(folder).values())


def cost(folder: Path) -> bool:
    """Measure the overhead of a job, the memory over many jobs, and the speedup by two processes."""
    good = True
    short, long = 2, 10
    seeds = ",".join(map(str, range(12)))
    sweep(folder, f"trainer.max_epochs={short},{long}", f"seed={seeds}", "hydra.sweep.dir=cost").wait()
    ends = {number: (folder / f"cost/{number}/metrics.json").stat().st_mtime for number in runs(folder / "cost")}
    order = sorted(ends, key=lambda number: ends[number])
    took: dict[int, list[float]] = {short: [], long: []}
    for before, number in pairwise(order):
        took[runs(folder / "cost")[number]["epochs"]].append(ends[number] - ends[before])
    good &= states(folder / "cost") == {"completed": 24}
    medians = {epochs: statistics.median(seconds) for epochs, seconds in took.items()}
    epoch = (medians[long] - medians[short]) / (long - short)
    beyond = medians[short] - short * epoch
    print(f"each additional job: {beyond:.3f} s beyond its training ({epoch:.3f} s an epoch); at most 0.2")
    good &= beyond <= 0.2

    many = ["seed=range(200)", "trainer.max_epochs=1", "data.limit=128", "hydra.sweep.dir=many"]
    sweep(folder, *many).wait()
    memory = [values["memory_mb"] for _, values in sorted(runs(folder / "many").items())]
    early, late = statistics.median(memory[10:30]), statistics.median(memory[-20:])
    print(f"memory of the process: {early:.0f} MB in jobs 11 to 30, {late:.0f} MB in jobs 181 to 200")
    grown = max(memory[20:]) - max(memory[:20])
    print(f"  the highest of jobs 21 to 200 is {grown:+.0f} MB above the highest of the first 20; at most 2 %")
    good &= states(folder / "many") == {"completed": 200} and grown < 0.02 * early

    seconds = {}
    for workers in (1, 2, 1, 2, 1, 2):  # in turns, for a machine that slows down
        name = f"workers-{len(seconds)}"
        launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}"]
        began = time.perf_counter()
        sweep(folder, "seed=range(16)", f"hydra.sweep.dir={name}", *launcher).wait()
        seconds[name] = time.perf_counter() - began
        good &= states(folder / name) == {"completed": 16}
        print(f"16 digits runs, joblib with n_jobs={workers}: {seconds[name]:.1f} s, {dict(states(folder / name))}")
    one, two = list(seconds.values())[::2], list(seconds.values())[1::2]
    gain = statistics.median(alone / beside for alone, beside in zip(one, two, strict=True))
    print(f"two workers are {gain:.2f} times as fast as one, median of three rounds; at least 1.7")
    return good and gain >= 1.7


def faults(folder: Path) -> bool:
    """Run 60 jobs of which five must fail, and resume the sweep."""
    (folder / "mine" / "loss").mkdir(parents=True)
    (folder / "faulty.py").write_text(FAULTY)
    (folder / "mine" / "loss" / "faulty.yaml").write_text(FAULTY_YAML)
    arguments = ["--config-dir", "mine", "loss=cross_entropy,mse,nll,multi_margin,kl_div,faulty", "optim=adam,sgd",
                 "seed=range(5)", "data=digits", "trainer.max_epochs=4", "hydra.sweep.dir=faults",
                 "sweep.timeout=60"]  # fmt: skip
    sweep(folder, *arguments).wait()
    first = states(folder / "faults")
    names = {job["number"]: job["name"] for job in json.loads((folder / "faults/sweep.json").read_text())["jobs"]}
    good = first == {"completed": 55, "failed": 5} and recounted(folder / "faults")
    for number, values in sorted(runs(folder / "faults").items()):
        if values["status"] == "failed":
            print(f"  {names[number]}: {values['message'].splitlines()[0]}")
            kind = int(names[number].rpartition("=")[2])
            good &= names[number].startswith("loss=faulty,optim=sgd") and REASONS[kind] in values["message"]
    print(f"60 jobs, five of which must fail: {dict(first)}")
    (folder / "fixed").touch()
    sweep(folder, "sweep.resume=faults", "sweep.retry=true").wait()
    print(f"resumed without the causes: {dict(states(folder / 'faults'))}")
    return good and states(folder / "faults") == {"completed": 60} and recounted(folder / "faults")


def recounted(folder: Path) -> bool:
    """Check that the leaderboard's means, standard deviations and numbers of seeds match the files of the runs."""
    plan = json.loads((folder / "sweep.json").read_text())
    by_setting: dict[str, list[float]] = {}
    for number, values in runs(folder).items():
        if values["status"] == "completed":
            name = re.sub(r",?seed=\d+", "", plan["jobs"][number]["name"])
            by_setting.setdefault(name, []).append(values["metrics"][values["primary"]])
    with (folder / "report" / "leaderboard.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["seeds"])]  # others failed with all their seeds
    print(f"leaderboard.csv: {len(rows)} rows, recounted {len(by_setting)} settings")
    for row in rows:
        name = ",".join(f"{key}={row[key]}" for key in plan["varied"] if key != "seed")
        mine = by_setting.get(name, [])
        counted = (statistics.mean(mine), statistics.stdev(mine) if len(mine) > 1 else 0.0, len(mine))
        stated = (float(row["mean"]), float(row["deviation"] or 0), int(row["seeds"]))
        if not all(math.isclose(*pair, rel_tol=1e-6, abs_tol=1e-9) for pair in zip(counted, stated, strict=True)):
            print(f"  {name}: {stated} in the leaderboard, {counted} recounted")
            return False
    return len(rows) == len(by_setting)


def killed(folder: Path) -> bool:
    """Send ten SIGKILLs at random moments; the metrics must equal those of an undisturbed sweep."""
    task = ["loss=cross_entropy,mse,triplet_margin", "optim=adam,sgd", "seed=0,1", "data=digits"]
    began = time.perf_counter()
    sweep(folder, *task, "hydra.sweep.dir=quiet").wait()
    whole = time.perf_counter() - began
    wanted = {number: values["metrics"] for number, values in runs(folder / "quiet").items()}
    print(f"undisturbed: {dict(states(folder / 'quiet'))}, {whole:.0f} s")
    first = min(path.stat().st_ctime for path in (folder / "quiet").glob("*/config.yaml"))
    starting = first - (folder / "quiet" / "sweep.json").stat().st_mtime
    if states(folder / "quiet") != {"completed": 12}:
        return False
    chance, hits = random.Random(0), 0
    arguments = [*task, "hydra.sweep.dir=killed"]
    for number in range(10):
        process = sweep(folder, *arguments)
        time.sleep(chance.uniform(0.0, 2 * starting + whole / 5))
        busy = any(not (path.parent / "metrics.json").exists() for path in (folder / "killed").glob("*/config.yaml"))
        hits += busy and process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (folder / "killed" / "sweep.json").exists():
            arguments = ["sweep.resume=killed"]
        begun = len(list((folder / "killed").glob("*/config.yaml")))
        print(f"  SIGKILL {number + 1}: {begun} jobs begun, {states(folder / 'killed')['completed']} completed")
    sweep(folder, *arguments).wait()
    found = {number: values["metrics"] for number, values in runs(folder / "killed").items()}
    different = [number for number in wanted if found.get(number) != wanted[number]]
    ended = dict(states(folder / "killed"))
    print(f"resumed: {ended}; {len(different)} of {len(wanted)} jobs differ {different or ''}")
    print(f"{hits} of the ten hit a job while it trained; at least half is wanted of this measurement")
    return not different and len(found) == 12 and hits >= 5 and recounted(folder / "killed")


def pairings(folder: Path) -> bool:
    """Run every loss with every optimizer: allowed pairings must succeed, others be refused with a reason."""
    began = time.perf_counter()
    sweep(folder, "loss=glob(*)", "optim=glob(*)", "trainer.max_steps=2", "data.limit=64",
          "hydra.sweep.dir=pairings").wait()  # fmt: skip
    seconds = time.perf_counter() - began
    plan = json.loads((folder / "pairings" / "sweep.json").read_text())
    refused = [job for job in plan["jobs"] if job["refused"] is not None]
    found = states(folder / "pairings")
    for number, values in runs(folder / "pairings").items():
        if values["status"] != "completed":
            print(f"  {plan['jobs'][number]['name']}: {values['message']}")
    print(f"{len(plan['jobs'])} pairings: {dict(found)}, {len(refused)} refused, {seconds:.0f} s; at most 900")
    good = found == {"completed": len(plan["jobs"]) - len(refused)} and all(job["refused"].strip() for job in refused)
    # sparse gradients come with a task of their own, which only the default loss leaves to the optimizer
    losses = {path.stem for path in (TRAIN.parents[1] / "conf" / "loss").glob("*.yaml")} - {"cross_entropy"}
    wanted = {f"loss={loss},optim=sparse_adam" for loss in losses}
    return good and {job["name"] for job in refused} == wanted and seconds <= 900


PARTS: dict[str, Callable[[Path], bool]] = {"cost": cost, "faults": faults, "killed": killed, "pairings": pairings}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS, nargs="+")
    parser.add_argument("--keep", type=Path, help="an empty folder for the sweeps, kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = given.keep or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        good = [PARTS[part](place) for part in given.part]
    sys.exit(0 if all(good) else 1)
