"""Training a case with PyTorch's own recurrent layers, with the step of its tutorials."""

import statistics
import time
from typing import Any

import torch
from cases import DIGITS, VOCABULARY, WORD_FEATURES, Case

from rnnbench.timing.losses import COMPARED_STEPS

LAYERS = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


class Model(torch.nn.Module):  # type: ignore[misc]
    """An embedding (of words only), the recurrent layers, and a dense layer."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        words = case.inputs == "words"
        self.embedding = torch.nn.Embedding(VOCABULARY, WORD_FEATURES) if words else None
        self.recurrent = LAYERS[case.layer](
            case.features,
            case.units,
            num_layers=case.layers,
            batch_first=True,
            bidirectional=case.bidirectional,
        )
        directions = 2 if case.bidirectional else 1
        self.dense = torch.nn.Linear(directions * case.units, 1 if words else DIGITS)

    def forward(self, inputs: Any) -> Any:
        """Return logits."""
        if self.embedding is not None:
            inputs = self.embedding(inputs)
        return self.dense(self.recurrent(inputs)[0][:, -1])


class Training:
    """A case's model, ready to be timed."""

    def __init__(self, case: Case, _: str) -> None:
        self.case = case
        inputs, targets = case.data()
        self.inputs, self.targets = torch.from_numpy(inputs), torch.from_numpy(targets)
        torch.manual_seed(1)
        self.model = Model(case)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        words = case.inputs == "words"
        self.loss = torch.nn.BCEWithLogitsLoss() if words else torch.nn.CrossEntropyLoss()

    def round(self) -> dict[str, Any]:
        """Train once over the data; return its loss and the milliseconds of each step."""
        losses, milliseconds = [], []
        loop_start = time.perf_counter()
        for begin in range(0, len(self.inputs), self.case.batch_size):
            start = time.perf_counter()
            batch = slice(begin, begin + self.case.batch_size)
            self.optimizer.zero_grad()
            loss = self.loss(self.model(self.inputs[batch]), self.targets[batch])
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            milliseconds.append(1000 * (time.perf_counter() - start))
        return {
            "loss": statistics.mean(losses),
            "early_loss": statistics.mean(losses[:COMPARED_STEPS]),
            "milliseconds": milliseconds,
            "loop_milliseconds": 1000 * (time.perf_counter() - loop_start),
        }
