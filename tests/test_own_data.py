"""From a person's file to a prediction, as they would run it: real dvc, in a scratch clone."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from rnnbench.demo import lay_out, only, write_params

pytestmark = pytest.mark.slow

Project = Callable[..., str]


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Run commands in a clone whose parameters are those of one small experiment."""
    folder = tmp_path / "clone"
    lay_out(root, folder)
    (folder / ".dvc" / "config.local").unlink()
    content = YAML(typ="safe").load((root / "params.yaml").read_text())
    small = {**only(content, ["random-gru"]), "seeds": 1, "compiled_loops": False}
    write_params(small, folder / "params.yaml")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder / "src"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*command: str) -> str:
        answer = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    return run


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def test_texts_go_from_a_table_to_a_report_and_a_prediction(project: Project) -> None:
    words = {"good": "fine lovely warm", "bad": "dull weak cold"}
    generator = np.random.default_rng(0)
    with Path("reviews.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["review", "stars"])
        for number in range(300):
            label = list(words)[number % 2]
            shown = generator.choice(words[label].split(), 3)
            writer.writerow([f"film {number} was {' '.join(shown)}", label])
    project("rnnbench.cli", "new", "text", "reviews.csv", "--text", "review", "--label", "stars")
    target = ("evaluate@reviews-gru", "baselines@reviews")
    ran = project("dvc", "repro", *target)
    assert "train@reviews-gru" in ran
    assert "random" not in ran  # nothing of another suite
    project("dvc", "repro", "--single-item", "members", "compare@reviews", "report")
    assert json.loads(read("results/reviews/reviews-gru/metrics.json"))["accuracy"] > 0.9
    table = read("comparisons/reviews/table.md")
    assert "NB-SVM" in table
    assert "reviews-lstm (not run)" in table
    assert "reviews.csv" in read("report/index.html")
    (answer,) = project(
        "rnnbench.cli", "predict", "reviews-gru", "A lovely, \u201cfine\u201d film."
    ).splitlines()
    assert answer.startswith("good")
    assert "up to date" in project("dvc", "repro", *target)
    # A change of the file makes what follows from it out of date, and nothing else.
    with Path("reviews.csv").open("a") as stream:
        stream.write("film 300 was fine,good\n")
    changed = json.loads(project("dvc", "status", "--json", "prepare@reviews", "fetch_file"))
    assert changed == {"fetch_file@texts-reviews": [{"changed deps": {"reviews.csv": "modified"}}]}


def test_series_go_from_a_table_elsewhere_to_a_registered_model(
    project: Project, tmp_path: Path
) -> None:
    hours = np.arange(600)
    noise = np.random.default_rng(0).normal(size=(2, 600))
    table = pd.DataFrame(
        {
            "hour": pd.date_range("2024-01-01", periods=600, freq="h"),
            "load": 1000 + 100 * np.sin(2 * np.pi * hours / 24) + 5 * noise[0],
            "wind": 5 + np.cos(2 * np.pi * hours / 24) + 0.05 * noise[1],
        }
    )
    path = tmp_path / "some where" / "power.parquet"
    path.parent.mkdir()
    table.to_parquet(path)
    columns = ("--time", "hour", "--value", "load", "--value", "wind", "--horizon", "6")
    found = project("rnnbench.cli", "new", "series", str(path), *columns)
    assert "The season was estimated as 24 steps" in found
    project("dvc", "repro", "evaluate@power-gru", "baselines@power")
    project("dvc", "repro", "--single-item", "members", "compare@power", "report")
    scores = json.loads(read("results/power/power-gru/evaluation/scores.json"))
    run = scores["runs"]["seed-42"]
    # The series are a season and noise: below the noise's own error of a repeated season.
    assert run["mase"] < run["seasonal_naive_mase"] < 1.2
    steps = pd.read_csv("comparisons/power/steps_ahead.csv")
    assert steps["steps_ahead"].tolist() == [one for one in range(1, 7) for _ in range(2)]
    page = read("report/index.html")
    assert "Error by steps ahead" in page
    assert "linear regression on the window" in page
    given, *lines = project("rnnbench.cli", "predict", "power-gru", str(path)).splitlines()
    assert given == f"{path}: after its last step"
    loads = [float(line.split()[2]) for line in lines]
    expected = 1000 + 100 * np.sin(2 * np.pi * np.arange(600, 606) / 24)
    assert np.abs(np.array(loads) - expected).max() < 30
    assert "power-gru version 1" in project("rnnbench.cli", "register", "power-gru")
    code = (
        "import mlflow, pandas as pd; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
        "model = mlflow.pyfunc.load_model('models:/power-gru@best');"
        f"rows = pd.read_parquet({str(path)!r})[['load', 'wind']].to_numpy()[-48:];"
        "print(model.predict(rows[None]).ravel().tolist())"
    )
    served = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert json.loads(served.splitlines()[-1])[::2] == pytest.approx(loads, rel=1e-3)
