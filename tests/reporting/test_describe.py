"""Models in one line."""

import pytest

from rnnbench.params import Params
from rnnbench.reporting.describe import describe_model


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
        (
            "mnist-simple-rnn",
            "SimpleRNN 256 tanh sequences → SimpleRNN 256 → Dense 10",
        ),
    ],
)
def test_a_model_is_written_in_keras_s_names(name: str, line: str, params: Params) -> None:
    assert describe_model(params.experiments[name].model) == line
