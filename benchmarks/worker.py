"""A process that trains cases in one way, one round per question.

    python worker.py WAY

A question with a `case` builds its model and warms it up; an empty question trains one round.
"""

import importlib
import sys
from typing import Any

from cases import TORCH, Case

from rnnbench.timing.worker import questions

ROUNDS_TO_WARM_UP = 2


def main(way: str) -> None:
    """Answer questions until the connection is closed."""
    asked, answer = questions()
    framework = importlib.import_module("torch_steps" if way == TORCH else "keras_steps")
    training: Any = None
    for question in asked:
        if "case" in question:
            training = framework.Training(Case(**question["case"]), way)
            first, *others = [training.round() for _ in range(ROUNDS_TO_WARM_UP)]
            answer({**first, "losses": [one["loss"] for one in (first, *others)]})
        else:
            answer(training.round())


if __name__ == "__main__":
    main(sys.argv[1])
