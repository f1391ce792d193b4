"""Digits read row by row: two SimpleRNN, two LSTM, two GRU."""

import keras
from plain import train

L = keras.layers

MODELS = {
    "mnist-simple-rnn": [L.SimpleRNN(256, return_sequences=True), L.SimpleRNN(256), L.Dense(10)],
    "mnist-lstm": [
        L.LSTM(256, activation="relu", return_sequences=True),
        L.Dropout(0.2),
        L.LSTM(256),
        L.Dropout(0.2),
        L.Dense(10),
    ],
    "mnist-gru": [
        L.GRU(256, activation="relu", return_sequences=True),
        L.Dropout(0.3),
        L.GRU(128),
        L.Dense(10),
    ],
}

for name, layers in MODELS.items():
    decay = 0.0 if name == "mnist-simple-rnn" else 1e-5
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-3, decay_steps=1, decay_rate=decay)
    train(
        name,
        "mnist-rows",
        layers,
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        batch_size=64,
        epochs=10,
    )
