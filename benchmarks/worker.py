"""A process that trains cases in one way, a round at a time, when it is told to.

    python worker.py WAY

reads a line of JSON for each thing to do and answers with one: `{"kind": "Case", "case": {…}}`
builds a model and warms it up, `{}` trains a round.
"""

import importlib
import json
import os
import sys
from typing import Any

from cases import TORCH, Case, OfMatrix

ROUNDS_TO_WARM_UP = 2
KINDS = {kind.__name__: kind for kind in (Case, OfMatrix)}


def main(way: str) -> None:
    """Answer until the other side hangs up."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    framework = importlib.import_module("torch_steps" if way == TORCH else "keras_steps")
    training: Any = None
    for line in sys.stdin:
        told = json.loads(line)
        if "case" in told:
            training = framework.Training(KINDS[told["kind"]](**told["case"]), way)
            first, *others = [training.round() for _ in range(ROUNDS_TO_WARM_UP)]
            answer = {**first, "losses": [one["loss"] for one in (first, *others)]}
        else:
            answer = training.round()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
