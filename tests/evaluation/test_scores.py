"""Scores: by hand where a hand can, by Keras and scikit-learn where it cannot."""

from typing import Any

import keras
import numpy as np
import pytest

from rnnbench.evaluation.classification import (
    count_confusions,
    score_classifier,
    score_each_class,
    score_majority_class,
)
from rnnbench.evaluation.frames import (
    copy_last_frame,
    count_pixels,
    score_each_horizon,
    score_frames,
)
from rnnbench.models.outputs import probabilities_from_outputs


def test_one_output_is_the_probability_of_the_second_class() -> None:
    outputs = np.array([[0.25], [1.0]], dtype=np.float32)
    probabilities = probabilities_from_outputs(outputs, from_logits=False)
    np.testing.assert_allclose(probabilities, [[0.75, 0.25], [0.0, 1.0]])


@pytest.mark.parametrize("width", [1, 10])
def test_the_loss_from_logits_is_that_of_keras(width: int) -> None:
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((50, width)).astype(np.float32)
    labels = generator.integers(0, max(width, 2), 50)
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if width == 1
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    expected = float(loss(labels[:, None], logits))
    scores = score_classifier(probabilities_from_outputs(logits, from_logits=True), labels)
    assert scores["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_certain_error_has_a_finite_loss() -> None:
    scores = score_classifier(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 0]))
    assert scores["accuracy"] == 0.5
    assert np.isfinite(scores["loss"])


def test_macro_f1_by_hand() -> None:
    probabilities = np.eye(3)[[0, 0, 1, 1]]
    # Class 0: F1 0.8, class 1: 2/3, class 2 is never predicted: 0.
    labels = np.array([0, 0, 1, 2])
    expected = (1.0 + 2 / 3 + 0.0) / 3
    assert score_classifier(probabilities, labels)["macro_f1"] == pytest.approx(expected)


def test_the_majority_class_is_that_of_training() -> None:
    scores = score_majority_class(np.array([1, 3]), np.array([0, 0, 0, 1]))
    assert scores["accuracy"] == 0.25
    assert scores["loss"] == pytest.approx(-(3 * np.log(0.25) + np.log(0.75)) / 4)


def test_each_class_and_each_confusion_is_counted() -> None:
    probabilities = np.eye(2)[[0, 1, 1]]
    labels = np.array([0, 0, 1])
    table = score_each_class(probabilities, labels, ["no", "yes"])
    assert table["recall"].tolist() == [0.5, 1.0]
    assert table["precision"].tolist() == [1.0, 0.5]
    assert table["test_examples"].tolist() == [2, 1]
    confusions = count_confusions(probabilities, labels, ["no", "yes"])
    rows = [tuple(row) for row in confusions.itertuples(index=False)]
    assert rows == [("no", "no", 1), ("no", "yes", 1), ("yes", "no", 0), ("yes", "yes", 1)]


def frames(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((2, 3, 16, 16, 1)).astype(np.float32)


def test_a_mean_per_pixel_and_a_sum_per_frame_differ_by_the_pixels() -> None:
    scores = score_frames(frames(0), frames(1))
    for name in ("bce", "mse", "mae"):
        per_pixel, per_frame = scores[f"{name}_per_pixel"], scores[f"{name}_per_frame"]
        assert per_pixel.shape == (2, 3)
        np.testing.assert_allclose(per_frame, 256 * per_pixel)


def test_frame_scores_by_hand() -> None:
    actual = np.zeros((1, 1, 16, 16, 1), dtype=np.float32)
    predicted = np.full_like(actual, 0.1)
    scores = score_frames(predicted, actual)
    assert scores["mse_per_pixel"][0, 0] == pytest.approx(0.01)
    assert scores["mae_per_pixel"][0, 0] == pytest.approx(0.1)
    assert scores["psnr"][0, 0] == pytest.approx(20.0)
    assert scores["bce_per_pixel"][0, 0] == pytest.approx(-np.log(0.9))


def test_frame_loss_is_that_of_keras() -> None:
    predicted, actual = frames(0), frames(1)
    expected = float(keras.losses.BinaryCrossentropy()(actual, predicted))
    assert score_frames(predicted, actual)["bce_per_pixel"].mean() == pytest.approx(
        expected, rel=1e-5
    )


def test_a_frame_predicted_exactly_is_similar_and_its_psnr_is_finite() -> None:
    scores = score_frames(frames(0), frames(0))
    np.testing.assert_allclose(scores["ssim"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(scores["psnr"], 100.0)


def test_similarity_is_that_of_its_definition_with_gaussian_windows() -> None:
    """SSIM of Wang et al. 2004 written out with SciPy's Gaussian filter."""
    from scipy.ndimage import gaussian_filter

    predicted, actual = frames(0), frames(1)
    expected = np.empty((2, 3))
    for index in np.ndindex(2, 3):
        x, y = (array[index][..., 0].astype(np.float64) for array in (predicted, actual))

        def mean(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            # Eleven pixels wide; only windows that lie in the image.
            blurred: np.ndarray[Any, Any] = gaussian_filter(values, 1.5, truncate=5 / 1.5)
            return blurred[5:-5, 5:-5]

        variance_x, variance_y = mean(x * x) - mean(x) ** 2, mean(y * y) - mean(y) ** 2
        covariance = mean(x * y) - mean(x) * mean(y)
        c1, c2 = 0.01**2, 0.03**2
        similarity = ((2 * mean(x) * mean(y) + c1) * (2 * covariance + c2)) / (
            (mean(x) ** 2 + mean(y) ** 2 + c1) * (variance_x + variance_y + c2)
        )
        expected[index] = similarity.mean()
    np.testing.assert_allclose(score_frames(predicted, actual)["ssim"], expected, atol=1e-4)


def test_the_baseline_repeats_the_last_frame_seen() -> None:
    inputs = frames(0)
    copied = copy_last_frame(inputs, 4)
    assert copied.shape == (2, 4, 16, 16, 1)
    for ahead in range(4):
        np.testing.assert_array_equal(copied[:, ahead], inputs[:, -1])


def test_a_row_a_frame_ahead_has_the_model_and_the_baseline() -> None:
    model, baseline = score_frames(frames(0), frames(1)), score_frames(frames(2), frames(1))
    table = score_each_horizon(model, baseline)
    assert table["frames_ahead"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(table["ssim"], model["ssim"].mean(axis=0))
    np.testing.assert_allclose(table["copy_last_frame_ssim"], baseline["ssim"].mean(axis=0))


def test_pixels_are_counted_by_ink_and_background() -> None:
    actual = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    predicted = np.array([0.2, 0.9, 0.1, 0.8, 0.7])
    assert count_pixels(predicted, actual).tolist() == [[1, 1], [1, 2]]
