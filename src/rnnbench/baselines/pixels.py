"""Logistic regression on all pixels of an image."""

import numpy as np

from rnnbench.baselines.baseline import BASELINES, Baseline, Predict
from rnnbench.baselines.classes import for_all_classes, has_classes
from rnnbench.data.prepared import Array, Manifest, TrainingData
from rnnbench.models.inputs import scaled

ITERATIONS = 1000  # more than needed; scikit-learn's default stops too early
IMAGE_DIMENSIONS = 2  # steps, features


def is_image(manifest: Manifest) -> bool:
    """Return whether a view is for classification of rows of pixels, which are stored as bytes."""
    are_bytes = manifest.splits["train"]["inputs"]["dtype"] == "uint8"
    return are_bytes and len(manifest.input_shape) == IMAGE_DIMENSIONS and has_classes(manifest)


def fit(data: TrainingData) -> Predict:
    """Fit multinomial logistic regression with scikit-learn's penalty to pixels from 0 to 1."""
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(max_iter=ITERATIONS)
    regression.fit(_flat(data.train.inputs), np.asarray(data.train.targets))

    def predict(inputs: Array) -> Array:
        probabilities = regression.predict_proba(_flat(inputs))
        return for_all_classes(probabilities, regression.classes_, data.manifest)

    return predict


def _flat(images: Array) -> Array:
    return scaled(images).reshape(len(images), -1)


BASELINES.add("pixels", Baseline("logistic regression on all pixels", is_image, fit))
