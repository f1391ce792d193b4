"""Scores of frames: by hand, by Keras, and by the definition of SSIM."""

from typing import Any

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rnnbench.data.prepared import Split
from rnnbench.tasks.task import TASKS, TrainedModel
from rnnbench.tasks.video import METRICS, copy_last_frame, draw_frames, score_each_horizon
from tests.tasks.manifests import make_manifest


def frames(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((2, 3, 16, 16, 1)).astype(np.float32)


def test_a_mean_per_pixel_and_a_sum_per_frame_differ_by_the_pixels() -> None:
    scores = METRICS.measure(frames(0), frames(1))
    for name in ("bce", "mse", "mae"):
        per_pixel, per_frame = scores[f"{name}_per_pixel"], scores[f"{name}_per_frame"]
        assert per_pixel.shape == (2, 3)
        np.testing.assert_allclose(per_frame, 256 * per_pixel)


def test_frame_scores_by_hand() -> None:
    actual = np.zeros((1, 1, 16, 16, 1), dtype=np.float32)
    scores = METRICS.measure(np.full_like(actual, 0.1), actual)
    assert scores["mse_per_pixel"][0, 0] == pytest.approx(0.01)
    assert scores["mae_per_pixel"][0, 0] == pytest.approx(0.1)
    assert scores["psnr"][0, 0] == pytest.approx(20.0)
    assert scores["bce_per_pixel"][0, 0] == pytest.approx(-np.log(0.9))


def test_frame_loss_is_that_of_keras() -> None:
    predicted, actual = frames(0), frames(1)
    expected = float(keras.losses.BinaryCrossentropy()(actual, predicted))
    cross_entropy = METRICS["bce_per_pixel"](predicted, actual)
    assert cross_entropy.mean() == pytest.approx(expected, rel=1e-5)


def test_a_frame_predicted_exactly_is_similar_and_its_psnr_is_finite() -> None:
    scores = METRICS.measure(frames(0), frames(0))
    np.testing.assert_allclose(scores["ssim"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(scores["psnr"], 100.0)


def test_similarity_is_that_of_its_definition_with_gaussian_windows() -> None:
    """SSIM of Wang et al. 2004 written out with SciPy's Gaussian filter."""
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
    np.testing.assert_allclose(METRICS["ssim"](predicted, actual), expected, atol=1e-4)


def test_the_baseline_repeats_the_last_frame_seen() -> None:
    inputs = frames(0)
    copied = copy_last_frame(inputs, 4)
    assert copied.shape == (2, 4, 16, 16, 1)
    for ahead in range(4):
        np.testing.assert_array_equal(copied[:, ahead], inputs[:, -1])


def test_a_row_per_frame_ahead_has_the_model_and_the_baseline() -> None:
    model, baseline = (METRICS.measure(frames(seed), frames(1)) for seed in (0, 2))
    table = score_each_horizon(model, baseline)
    assert table["frames_ahead"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(table["ssim"], model["ssim"].mean(axis=0))
    np.testing.assert_allclose(table["copy_last_frame_ssim"], baseline["ssim"].mean(axis=0))


def test_a_model_that_copies_the_last_frame_scores_as_the_baseline_in_batches_of_any_size() -> None:
    seen, actual = ((255 * np.concatenate([frames(seed)] * 2)).astype(np.uint8) for seed in (0, 1))
    manifest = make_manifest("video", seen.shape[1:], actual.shape[1:], dtype="uint8")

    def copying(inputs: Any) -> Any:
        return copy_last_frame(inputs.astype(np.float32) / np.float32(255.0), 3)

    for batch_size in (3, 4):
        model = TrainedModel(copying, manifest, from_logits=False, batch_size=batch_size)
        scored = TASKS["video"].evaluate(model, Split(seen, actual))
        baseline = {name: scored.metrics[name] for name in scored.baseline}
        assert baseline == pytest.approx(scored.baseline)
        np.testing.assert_array_equal(scored.shown["seen"], seen[0, ..., 0])
        np.testing.assert_array_equal(scored.shown["predicted"], seen[0, [-1] * 3, ..., 0])
        np.testing.assert_array_equal(scored.shown["actual"], actual[0, ..., 0])
        counts = scored.confusions.set_index(["actual", "predicted"])["count"]
        assert counts.sum() == actual.size
        assert counts["ink"].sum() == (actual > 127).sum()


def test_fewer_frames_than_columns_are_drawn_without_complaint() -> None:
    figure = draw_frames({name: frames(0)[0, :2] for name in ("seen", "predicted")}, "title")
    assert sum(bool(axis.images) for axis in figure.axes) == 4
