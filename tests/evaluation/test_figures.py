"""Figures: drawn from what tables hold, the same bytes for the same content."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rnnbench.evaluation.classification import confusion_table
from rnnbench.evaluation.figures import (
    draw_confusion_matrix,
    draw_frames,
    draw_horizons,
    draw_learning_curves,
    save_figure,
)

HISTORY = pd.DataFrame(
    {
        "seed": [1, 1, 2, 2],
        "epoch": [1, 2, 1, 2],
        "loss": [0.9, 0.5, 0.8, 0.4],
        "accuracy": [0.5, 0.8, 0.6, 0.9],
        "validation_loss": [1.0, 0.6, 0.9, 0.5],
    }
)
CONFUSIONS = confusion_table(np.array([[90, 10], [20, 80]]), ["negative", "positive"])
HORIZONS = pd.DataFrame(
    {
        "frames_ahead": [1, 2],
        "mse_per_pixel": [0.02, 0.03],
        "copy_last_frame_mse_per_pixel": [0.05, 0.06],
        "ssim": [0.8, 0.7],
        "copy_last_frame_ssim": [0.6, 0.5],
    }
)
FRAMES = np.random.default_rng(0).random((10, 16, 16, 1))

DRAWINGS: dict[str, Callable[[], Figure]] = {
    "learning curves": lambda: draw_learning_curves(HISTORY, "title"),
    "confusion matrix": lambda: draw_confusion_matrix(CONFUSIONS, "title"),
    "horizons": lambda: draw_horizons(HORIZONS, "title"),
    "frames": lambda: draw_frames(FRAMES, FRAMES, FRAMES, "title"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_same_content_is_the_same_file(name: str, tmp_path: Path) -> None:
    files = [tmp_path / "first.png", tmp_path / "second.png"]
    for file in files:
        save_figure(DRAWINGS[name](), file)
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_learning_curves_have_a_line_a_seed_and_split() -> None:
    loss, accuracy = draw_learning_curves(HISTORY, "title").axes
    labels = [str(line.get_label()) for line in loss.lines]
    assert labels == [
        "training, seed 1",
        "validation, seed 1",
        "training, seed 2",
        "validation, seed 2",
    ]
    assert np.asarray(loss.lines[1].get_ydata()).tolist() == [1.0, 0.6]
    assert len(accuracy.lines) == 2, "no validation accuracy was given"


def test_a_confusion_matrix_shows_counts_and_the_classes() -> None:
    axis = draw_confusion_matrix(CONFUSIONS, "title").axes[0]
    assert [text.get_text() for text in axis.texts] == ["90", "10", "20", "80"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["negative", "positive"]


def test_fewer_frames_than_columns_are_drawn_without_complaint() -> None:
    figure = draw_frames(FRAMES[:2], FRAMES[:2], FRAMES[:2], "title")
    assert sum(bool(axis.images) for axis in figure.axes) == 6
