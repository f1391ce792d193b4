"""Sweeps in a clone of this project with toy stages: experiments of DVC, and what stops them."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from rnnbench.errors import RnnbenchError
from rnnbench.params import Params
from rnnbench.sweep.combinations import grid
from rnnbench.sweep.sweep import plan
from tests.conftest import ROOT
from tests.sweep.clone import EPOCHS, RATE, environment, make_clone, run, sweep, trainings

ENDS = ["difference_lower", "difference_upper"]
LSTM, GRU = "adding-20-lstm", "adding-20-gru"


@pytest.fixture(scope="module")
def clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which each test has a sweep of its own name."""
    return make_clone(root, tmp_path_factory.mktemp("sweep") / "clone")


def git(clone: Path, *arguments: str) -> str:
    return run(clone, "git", *arguments)


def dvc(clone: Path, *arguments: str) -> str:
    return run(clone, sys.executable, "-m", "dvc", *arguments)


def table(clone: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(clone / "sweeps" / name / "table.csv").set_index("combination")


def experiments(clone: Path, name: str) -> list[str]:
    listed = git(clone, "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps").split()
    return [one for one in listed if one.startswith(f"{name}-")]


def ref(clone: Path, name: str) -> str:
    head = git(clone, "rev-parse", "HEAD").strip()
    return f"refs/exps/{head[:2]}/{head[2:]}/{name}"


def copies(clone: Path) -> list[Path]:
    return list((clone / ".dvc/tmp/exps").glob(".sweep*"))


@pytest.mark.slow
def test_combinations_are_experiments_of_dvc_and_the_same_sweep_goes_on(clone: Path) -> None:
    before = git(clone, "status", "--porcelain")
    values = f"{RATE}=0.001,0.002,2"
    output = sweep(clone, values, "--experiments", LSTM, "--name", "lr", code=1)
    assert "the rate is above 1" in output
    assert experiments(clone, "lr") == ["lr-1", "lr-2"], "what is done is kept beside a failure"
    assert git(clone, "status", "--porcelain") == f"{before}?? sweeps/\n"
    assert not copies(clone)
    done = trainings(clone)
    output = sweep(clone, f"{RATE}=0.003,0.002,0.001", "--experiments", LSTM, "--name", "lr")
    assert trainings(clone) == [*done, f"{LSTM} 0.003"], "only what is not there is trained"
    assert experiments(clone, "lr") == ["lr-1", "lr-2", "lr-3"]

    # The losses of three seeds after the last epoch: 50 times the rate plus 0, 1 and 2 thousandths.
    found = table(clone, "lr")
    assert found.loc["lr-3", "score"] == pytest.approx(0.151)
    assert found.loc["lr-1", "difference"] == pytest.approx(-0.1)
    assert found.loc["lr-1", "verdict"] == "better"
    lower, upper = found.loc[["lr-1"], ENDS].to_numpy(dtype=float)[0]
    assert lower < -0.1 < upper
    small, large = sorted(found["p_value"].dropna())
    assert found["p_holm"].dropna().max() == pytest.approx(max(2 * small, large))
    assert "test_score" not in found
    assert "2 of 2 differences from lr-3 are beyond chance" in output
    assert "| lr-1 | 0.001 | 3 | 0.0510 [" in (clone / "sweeps/lr/table.md").read_text()

    shown = json.loads(dvc(clone, "exp", "diff", "HEAD", "lr-2", "--json"))
    assert shown["params"]["params.yaml"][RATE]["new"] == 0.002
    metrics = shown["metrics"]["sweeps/lr/validation.json"]
    assert metrics[f"{LSTM}.validation_loss"]["new"] == pytest.approx(0.101)
    rows = dvc(clone, "exp", "show", "--csv", "--only-changed").splitlines()
    assert any("lr-2" in row and "0.002" in row for row in rows)
    assert ".dvc/tmp" not in git(clone, "show", "--name-only", "--format=", ref(clone, "lr-2"))

    dvc(clone, "exp", "remove", "lr-3")
    assert experiments(clone, "lr") == ["lr-1", "lr-2"]
    sweep(clone, f"{RATE}=0.003", "--experiments", LSTM, "--name", "lr")
    assert trainings(clone) == [*done, f"{LSTM} 0.003"], "DVC's run cache has what was removed"


@pytest.mark.slow
def test_the_test_split_is_opened_only_when_it_is_asked_for(clone: Path) -> None:
    arguments = (f"{RATE}=0.011,0.012", "--experiments", f"{LSTM},{GRU}", "--name", "both")
    sweep(clone, *arguments)
    metrics = f"results/adding/{LSTM}/metrics.json"
    assert metrics not in git(clone, "ls-tree", "-r", "--name-only", ref(clone, "both-1"))
    done = trainings(clone)
    sweep(clone, *arguments, "--test")
    assert trainings(clone) == done, "scoring trains nothing"
    found = table(clone, "both")
    assert found[found["experiment"] == GRU].loc["both-2", "test_score"] == pytest.approx(
        1.2 + 0.001 + 0.0095
    )
    assert found["test_p_holm"].notna().sum() == 2
    assert metrics in git(clone, "ls-tree", "-r", "--name-only", ref(clone, "both-1"))


@pytest.mark.slow
def test_halving_drops_the_worse_combinations_which_stay_experiments_of_dvc(clone: Path) -> None:
    before = len(trainings(clone))
    common = (f"{EPOCHS}=3", "--experiments", LSTM, "--name", "halved", "--halving", "--test")
    output = sweep(clone, f"{RATE}=0.004,0.001,0.003,0.002,2", *common, code=1)
    assert "halved: dropped after rung 1: halved-3" in output
    scored = re.findall(r"^(\S+): evaluate@", output, re.MULTILINE)
    assert sorted(scored) == ["halved-1", "halved-2", "halved-4"], "only in the last rung"
    done = trainings(clone)
    rates = [float(line.split()[1]) for line in done[before:]]
    assert sorted(rates[:5]) == [0.001, 0.002, 0.003, 0.004, 2]
    assert sorted(rates[5:]) == [0.001, 0.002, 0.004]

    found = table(clone, "halved")
    assert found[RATE].to_dict() == {"halved-1": 0.004, "halved-2": 0.001, "halved-4": 0.002}
    assert found["baseline"].unique() == ["halved-1"], "it stays in spite of the worst score"
    assert found.loc["halved-2", "score"] == pytest.approx(0.1 / 3 + 0.001)
    small, large = sorted(found["p_value"].dropna())
    assert found["p_holm"].dropna().max() == pytest.approx(max(3 * small, 2 * large))
    page = (clone / "sweeps/halved/table.md").read_text()
    assert "| halved-3 | 0.003 | 3 | 1 | 1 | adding-20-lstm | validation loss | 0.3010 |" in page
    assert "Failed, and not in the table: halved-5.epochs-1." in page

    sweep(clone, f"{RATE}=0.004,0.001,0.003,0.002", *common)
    assert trainings(clone) == done
    assert table(clone, "halved").equals(found)

    assert "epochs: 1\n" in git(clone, "show", f"{ref(clone, 'halved-3.epochs-1')}:params.yaml")
    dvc(clone, "exp", "remove", "halved-3.epochs-1")
    last = ["halved-1", "halved-2", "halved-4"]
    assert experiments(clone, "halved") == sorted([*last, *(f"{one}.epochs-1" for one in last)])


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_changes_of_the_workspace_count(clone: Path) -> None:
    arguments = (f"{RATE}=0.021,1", "--experiments", LSTM, "--name", "stopped", "--jobs", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnbench.cli", "sweep", *arguments],
        cwd=clone,
        env=environment(clone),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 600
    while f"{LSTM} 1.0" not in trainings(clone):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130, output
    assert experiments(clone, "stopped") == ["stopped-1"]
    assert not copies(clone)
    assert "refs/rnnbench" not in git(clone, "for-each-ref")

    # Another state of the sources makes another experiment of the same values.
    script = clone / "stages" / "train.py"
    script.write_text(script.read_text() + "# changed\n")
    sweep(clone, f"{RATE}=0.021", "--experiments", LSTM, "--name", "stopped")
    git(clone, "checkout", "--quiet", "stages")
    assert experiments(clone, "stopped") == ["stopped-1", "stopped-2"]
    assert "# changed" in git(clone, "show", f"{ref(clone, 'stopped-2')}:stages/train.py")


@pytest.mark.slow
def test_a_source_that_git_does_not_know_is_refused(clone: Path) -> None:
    new = clone / "src" / "rnnbench" / "new.py"
    new.touch()
    output = sweep(clone, f"{RATE}=0.031", "--experiments", LSTM, "--name", "new", code=1)
    new.unlink()
    assert "git does not know src/rnnbench/new.py" in output


def test_experiments_are_those_that_the_values_change(params: Params) -> None:
    planned = plan(
        grid(
            [
                "models.digits-gru-75.layer_1.units=10,20",
                "+views.mnist-rows.validation_fraction=0.1",
            ]
        ),
        root=ROOT,
    )
    on_rows = [name for name, one in params.experiments.items() if one.view == "mnist-rows"]
    assert planned.experiments == on_rows
    assert plan(grid([f"{RATE}=0.1"]), ["adding"], ROOT).experiments == (
        params.experiment_names("adding")
    )


@pytest.mark.parametrize(
    ("values", "names", "reason"),
    [
        ([f"{RATE}=0.1"], ["adding-20-lstn"], "did you mean 'adding-20-lstm'"),
        ([f"{RATE}=0.1"], ["imdb-lstm"], "change nothing of imdb-lstm; they change adding-20"),
        ([f"{RATE}=-1"], [], r"params.yaml with .*=-1 cannot be used:\n.*learning_rate"),
        (["margin=0.1"], [], "no experiment depends on these keys"),
        (
            ["experiments.random-gru.model=lstm"],
            [],
            r"random-gru: no validation split.*\+views.random-labels-10x1.validation_fraction=0.1",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(
    values: list[str], names: list[str], reason: str
) -> None:
    with pytest.raises(RnnbenchError, match=reason):
        plan(grid(values), names, ROOT)
