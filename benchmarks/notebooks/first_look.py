"""Sentiment, moving digits and topics: SimpleRNN, GRU, LSTM and ConvLSTM2D."""

import keras
from plain import train

L = keras.layers

RECURRENT = {"simple-rnn": L.SimpleRNN, "gru": L.GRU, "lstm": L.LSTM}

for name, layer in RECURRENT.items():
    train(
        f"imdb-{name}",
        "imdb-20k-200",
        [L.Embedding(20_000, 128), layer(32), L.Dense(1, activation="sigmoid")],
        optimizer="adam",
        loss="binary_crossentropy",
        batch_size=64,
        epochs=3,
    )
train(
    "moving-mnist-conv-lstm",
    "moving-mnist-1k",
    [
        keras.Input((10, 64, 64, 1)),
        L.ConvLSTM2D(40, 3, activation="tanh", padding="same", return_sequences=True),
        L.BatchNormalization(),
        L.Conv3D(1, 3, activation="sigmoid", padding="same"),
    ],
    optimizer="adam",
    loss="binary_crossentropy",
    batch_size=8,
    epochs=5,
)
for name, layer in RECURRENT.items():
    train(
        f"reuters-{name}",
        "reuters-10k-200",
        [L.Embedding(10_000, 128), layer(32), L.Dense(46, activation="softmax")],
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        batch_size=64,
        epochs=5,
    )
