"""Layers on random sequences with random labels."""

import keras
from plain import train

L = keras.layers

MODELS = {
    "simple-rnn": [L.SimpleRNN(32, activation="relu")],
    "stacked-simple-rnn": [
        L.SimpleRNN(32, activation="relu", return_sequences=True),
        L.SimpleRNN(32, activation="relu"),
    ],
    "lstm": [L.LSTM(32)],
    "gru": [L.GRU(32)],
    "time-distributed-lstm": [L.TimeDistributed(L.Dense(16, activation="relu")), L.LSTM(32)],
}

for name, layers in MODELS.items():
    train(
        f"random-{name}",
        "random-labels-10x8" if name.startswith("time") else "random-labels-10x1",
        [*layers, L.Dense(1, activation="sigmoid")],
        optimizer="adam",
        loss="binary_crossentropy",
        batch_size=32,
        epochs=10,
    )
