"""Long reviews: SimpleRNN and LSTM."""

import keras
from plain import train

L = keras.layers

for name, layer, batch_size in (("simple-rnn", L.SimpleRNN, 32), ("lstm", L.LSTM, 128)):
    train(
        f"long-{name}",
        "imdb-10k-500",
        [L.Embedding(10_000, 32), layer(32), L.Dense(1, activation="sigmoid")],
        optimizer="rmsprop",
        loss="binary_crossentropy",
        batch_size=batch_size,
        epochs=10,
    )
