"""Models in one line."""

import pytest

from rnnbench.models.describe import describe_model
from rnnbench.params import Params
from tests.models.manifests import manifest_of


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("imdb-lstm", "Embedding 128 → LSTM 32 → Dense 1 sigmoid"),
        (
            "sentiment-gru",
            "Embedding 32 → SpatialDropout1D 0.4 → GRU 32 reset_after=False → Dropout 0.4"
            " → Dense 1 sigmoid",
        ),
        (
            "imdb-rnn-stacked-cells",
            "Embedding 128 → RNN(StackedRNNCells(LSTMCell 32, LSTMCell 32)) → Dense 1 sigmoid",
        ),
        (
            "random-time-distributed-lstm",
            "TimeDistributed(Dense 16 relu) → LSTM 32 → Dense 1 sigmoid",
        ),
        ("mnist-simple-rnn", "SimpleRNN 256 tanh → SimpleRNN 256 → Dense 10"),
        (
            "moving-mnist-conv-lstm",
            "ConvLSTM2D 40 kernel_size=3 padding=same tanh → BatchNormalization"
            " → Conv3D 1 kernel_size=3 padding=same sigmoid",
        ),
        ("copying-5-lstm", "LSTM 32 → Dense 6 softmax"),
    ],
)
def test_a_model_is_written_in_keras_s_names(name: str, line: str, params: Params) -> None:
    experiment = params.experiments[name]
    manifest = manifest_of(experiment.view)
    assert describe_model(experiment.layers, manifest, experiment.training.from_logits) == line


def test_without_a_view_the_line_ends_before_the_output_layer(params: Params) -> None:
    assert describe_model(params.models["text-lstm"]) == "Embedding 128 → LSTM 32"
