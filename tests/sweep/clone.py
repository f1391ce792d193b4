"""A clone of this project whose stages cost next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from rnnbench.demo import lay_out, only, write_params
from tests.small_budget import time_only

NAMES = ("adding-20-lstm", "adding-20-gru", "random-gru")
RATE = "suites.adding.training.learning_rate"
EPOCHS = "suites.adding.training.epochs"
# The validation loss follows from the learning rate, the epoch and the seed; a rate above 1 fails,
# and one of exactly 1 waits until it is killed.
TRAIN = """
import os, sys, time
from pathlib import Path
import own_source
from rnnbench.params import load_params
name = sys.argv[1]
experiment = load_params().experiments[name]
rate = experiment.training.learning_rate
Path(os.environ.get("TRAININGS", os.devnull)).open("a").write(f"{name} {rate}\\n")
if rate > 1:
    raise SystemExit("the rate is above 1")
while rate == 1:
    time.sleep(0.1)
folder = Path("runs", experiment.suite, name)
folder.mkdir(parents=True, exist_ok=True)
(folder / "model").write_text(str(rate))
results = Path("results", experiment.suite, name)
results.mkdir(parents=True, exist_ok=True)
lines = ["seed,epoch,loss,validation_loss"]
for seed in experiment.seeds:
    for epoch in range(1, experiment.training.epochs + 1):
        lines.append(f"{seed},{epoch},0.5,{100 * rate / epoch + 0.001 * (seed % 3)}")
(results / "history.csv").write_text("\\n".join(lines) + "\\n")
"""
EVALUATE = """
import json, sys
from pathlib import Path
import numpy as np
import own_source
rate = float(Path("runs", sys.argv[1], "model").read_text())
results = Path("results", sys.argv[1])
(results / "evaluation" / "predictions").mkdir(parents=True, exist_ok=True)
for seed in (42, 43, 44):
    score = np.full(20, 100 * rate) + 0.001 * (seed % 3) + np.arange(20) % 3 * 0.01
    np.savez(results / "evaluation" / "predictions" / f"seed-{seed}.npz", score=score)
(results / "metrics.json").write_text(json.dumps({"loss": 100 * rate}))
(results / "confusion_matrix.csv").write_text("actual,predicted,count\\n0,0,1\\n")
"""
OTHERS = {
    "fetch": 'Path("data/raw", name).mkdir(parents=True)\n'
    'Path("data/raw", f"{name}.origin.json").write_text("{}")\n',
    "prepare": 'for part in ("fit", "test"):\n'
    '    Path("data/prepared", name, part).mkdir(parents=True)\n'
    '    Path("data/prepared", name, part, "data").write_text(name)\n',
}


def make_clone(root: Path, folder: Path) -> Path:
    """Make the clone with two experiments that have a validation split, and one that has none."""
    lay_out(root, folder)
    content = only(YAML(typ="safe").load((root / "params.yaml").read_text()), NAMES)
    content["suites"]["adding"]["training"]["epochs"] = 2
    write_params({**content, "seeds": 3}, folder / "params.yaml")
    time_only(NAMES[:1], folder)
    (folder / ".dvc" / "config.local").unlink()
    scripts = {"train": TRAIN, "evaluate": EVALUATE, **OTHERS}
    for name, script in scripts.items():
        head = "" if name in ("train", "evaluate") else "import sys\nfrom pathlib import Path\n"
        head += "name = sys.argv[1]\n" if head else ""
        (folder / "stages" / f"{name}.py").write_text(head + script)
    run(folder, sys.executable, "-m", "dvc", "repro", "--quiet", "prepare@adding-20")
    commit(folder, "toys")
    return folder


def commit(folder: Path, message: str) -> None:
    """Commit all files."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of commands: no TensorFlow, and a file that counts trainings."""
    changed = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KERAS_BACKEND": "jax",
        "TRAININGS": str(folder.parent / "trainings"),
        "PYTHONPATH": str(folder / "src"),
    }
    for role in ("AUTHOR", "COMMITTER"):
        changed |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.org"}
    left_out = ("MLFLOW_TRACKING_URI",)
    return {key: value for key, value in os.environ.items() if key not in left_out} | changed


def run(folder: Path, *command: str, code: int = 0) -> str:
    """Run a command in the clone; return what it prints."""
    answer = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    assert answer.returncode == code, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def sweep(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run `rnnbench sweep` in the clone."""
    return run(folder, sys.executable, "-m", "rnnbench.cli", "sweep", *arguments, code=code)


def trainings(folder: Path) -> list[str]:
    """Return which experiments were trained with which rate, in order."""
    path = folder.parent / "trainings"
    return path.read_text().splitlines() if path.exists() else []
