"""Figures: drawn from what tables hold, the same bytes for the same content."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
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
@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<svg ")])
def test_the_same_content_is_the_same_file(
    name: str, suffix: str, start: bytes, tmp_path: Path
) -> None:
    files = [tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"]
    for file in files:
        save_figure(DRAWINGS[name](), file)
    assert files[0].read_bytes().startswith(start)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_vector_keeps_its_texts_numbers_and_lines(tmp_path: Path) -> None:
    figure, axis = plt.subplots(figsize=(4.0, 3.0))
    axis.plot([0.0, 1.0], [0.123, 0.456], color="#123456")
    axis.set(title="0.12345 & <more>", xticks=[0.25], xlabel="0.000123 [0.00, 0.1]")
    save_figure(figure, tmp_path / "drawn.svg")
    drawn = ElementTree.parse(tmp_path / "drawn.svg").getroot()  # noqa: S314
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"0.12345 & <more>", "0.25", "0.000123 [0.00, 0.1]"} <= texts
    written = (tmp_path / "drawn.svg").read_text()
    assert written.count("#123456") == 1
    assert "<metadata" not in written
    used = set(re.findall(r'class="([^"]*)"', written))
    assert used == set(re.findall(r"\.(s[0-9a-f]{6})\{", written))


def test_learning_curves_have_a_line_for_each_split() -> None:
    loss, accuracy = draw_learning_curves(HISTORY, "title").axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert np.asarray(loss.lines[1].get_ydata()).tolist() == [1.0, 0.6]
    assert len(accuracy.lines) == 1, "no validation accuracy was given"


def test_a_confusion_matrix_shows_counts_and_the_classes() -> None:
    axis = draw_confusion_matrix(CONFUSIONS, "title").axes[0]
    assert [text.get_text() for text in axis.texts] == ["90", "10", "20", "80"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["negative", "positive"]
