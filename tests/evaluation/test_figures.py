"""Figures: drawn from what tables hold, the same bytes for the same content."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rnnbench.evaluation.figures import draw_confusion_matrix, draw_learning_curves
from rnnbench.figures import save_figure
from rnnbench.tasks.regression import draw_sums
from rnnbench.tasks.video import draw_frames, draw_horizons

HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "loss": [0.9, 0.5], "accuracy": [0.5, 0.8], "validation_loss": [1.0, 0.6]}
)
CONFUSIONS = pd.DataFrame(
    {
        "actual": ["negative", "negative", "positive", "positive"],
        "predicted": ["negative", "positive"] * 2,
        "count": [90, 10, 20, 80],
    }
)
HORIZONS = pd.DataFrame(
    {
        "frames_ahead": [1, 2],
        "mse_per_pixel": [0.02, 0.03],
        "copy_last_frame_mse_per_pixel": [0.05, 0.06],
        "ssim": [0.8, 0.7],
        "copy_last_frame_ssim": [0.6, 0.5],
    }
)
FRAMES = np.random.default_rng(0).random((5, 16, 16, 1))
SUMS = np.linspace(0.0, 2.0, 20)

DRAWINGS: dict[str, Callable[[], Figure]] = {
    "learning curves": lambda: draw_learning_curves(HISTORY, "title"),
    "confusion matrix": lambda: draw_confusion_matrix(CONFUSIONS, "title"),
    "horizons": lambda: draw_horizons(HORIZONS, "title"),
    "frames": lambda: draw_frames({"seen": FRAMES, "predicted": FRAMES}, "title"),
    "sums": lambda: draw_sums(SUMS, SUMS[::-1], "title"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_same_content_is_the_same_file(name: str, tmp_path: Path) -> None:
    files = [tmp_path / "first.png", tmp_path / "second.png"]
    for file in files:
        save_figure(DRAWINGS[name](), file)
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_learning_curves_have_a_line_for_each_split() -> None:
    loss, accuracy = draw_learning_curves(HISTORY, "title").axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert np.asarray(loss.lines[1].get_ydata()).tolist() == [1.0, 0.6]
    assert len(accuracy.lines) == 1, "no validation accuracy was given"


def test_a_confusion_matrix_shows_counts_and_the_classes() -> None:
    axis = draw_confusion_matrix(CONFUSIONS, "title").axes[0]
    assert [text.get_text() for text in axis.texts] == ["90", "10", "20", "80"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["negative", "positive"]
