"""Sentiment with five architectures."""

import keras
from plain import train

L = keras.layers

MODELS = {
    "simple-rnn": (10, [L.SimpleRNN(32), L.Dropout(0.4)]),
    "lstm": (5, [L.LSTM(32), L.Dropout(0.4)]),
    "gru": (4, [L.GRU(32, reset_after=False), L.Dropout(0.4)]),
    "bidirectional-lstm": (4, [L.Bidirectional(L.LSTM(32)), L.Dropout(0.4)]),
    "stacked-lstm": (4, [L.LSTM(32, return_sequences=True), L.LSTM(32), L.Dropout(0.5)]),
}

for name, (epochs, layers) in MODELS.items():
    head = [L.Embedding(8_000, 32), L.SpatialDropout1D(0.4)]
    train(
        f"sentiment-{name}",
        "imdb-8k-200",
        [*head, *layers, L.Dense(1, activation="sigmoid")],
        optimizer="rmsprop",
        loss="binary_crossentropy",
        batch_size=128,
        epochs=epochs,
    )
