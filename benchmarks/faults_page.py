"""Write docs/faults.md from what faults.py and places.py measured."""

from pathlib import Path

import pandas as pd
from killing import ALL, GROUP

from results import read_csv
from rnnbench.files import write_text
from rnnbench.tables import to_markdown

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
EQUAL = "equal"

TEXT = """# Faults on purpose

What was done to the project's commands, how often, and what came out. `python benchmarks/faults.py`
and `python benchmarks/places.py` measure it, `python benchmarks/faults_page.py` writes this page from
their figures, and a short form of the first is [a test](../tests/test_faults.py).

## Killed at drawn moments

Each command runs in a clone whose only experiment trains two seeds on synthetic data. A kill is
SIGKILL, with which a process can do nothing more. Its moment is drawn from a seed ({seeds}): after so
many changes of files by the command and all Python processes that it started (a rename, a removal, a
file opened to be written), at once or up to half a second later. It takes the command's process group,
as a terminal that closes does, or all that it started, as a container that ends does. Then the command
is started again, and may be killed again, until it has run to its end. That is a round.

{kills}

A round is equal to an undisturbed run when, at its end,

- the command has succeeded, none of its processes is left and no temporary file;
- `dvc.lock` records the same stages, and the same hashes of the outputs that say the same in each run
  (data, histories, scores, confusions); the hashes of files are those that it records, and each object in
  DVC's cache is what its name says;
- MLflow has a finished run for each seed and their parent with the same losses and scores, and no run
  that is said to be running; after `dvc repro` it may take `rnnbench track sync` to end those of a
  training that was killed, `rnnbench repro` does it itself.

{failures}

## What makes it so

| what | how |
|---|---|
| files and folders that a stage writes | written beside their place and renamed; an older folder is exchanged for the new one in one step (`renameat2`), or, where the system has no such call, put aside and brought back by the next writer |
| what a killed process had begun | carries a lock that ends with its process; the next writer of the same file removes what has none, and git and DVC ignore it |
| downloads | continued where they stopped; what was continued and has another hash is fetched anew |
| `mlflow.db` | made beside its place and renamed: MLflow makes its tables in many steps and cannot go on between two |
| runs in MLflow | a note beside the repository says which trainings run, and is locked while they do; `rnnbench track sync`, `track status` and `rnnbench repro` end the runs of notes without a lock as KILLED |
| a model logged in part | is marked as failed and logged again; figures come before scores, so that a run with its scores is whole |
| stages of `rnnbench repro` | end within seconds once the command that started them is gone |

`dvc repro` itself writes `dvc.lock` and `.dvc/tmp/rwlock` in place. If it is killed in that moment, DVC
says that the file is corrupted, each time. `rnnbench repro` repairs both; or remove `.dvc/tmp/rwlock`, take
`git checkout dvc.lock` and run `dvc repro`: DVC's run cache restores what was trained. `rnnbench repro` does
not write them so: its `dvc.lock` is whole at any moment.

## Places

Training one experiment, unless something else is said.

{places}
"""


def page() -> str:
    """Return the page."""
    kills, places = read_csv("kills"), read_csv("places")
    return TEXT.format(
        seeds=", ".join(str(seed) for seed in sorted(set(kills["seed"]))),
        kills=to_markdown(_summary(kills)),
        failures=_failures(kills),
        places=to_markdown(places[["place", "outcome"]]),
    )


def _summary(kills: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for command, part in kills.groupby("command", sort=False):
        rows.append(
            {
                "command": f"`{command}`" if " " in str(command) else str(command),
                "kills": len(part),
                "of the process group": int((part["what"] == GROUP).sum()),
                "of all processes": int((part["what"] == ALL).sum()),
                "rounds": part["round"].nunique(),
                "rounds equal to an undisturbed run": _equal_rounds(part),
            }
        )
    table = pd.DataFrame(rows)
    total = {"command": "all", **table.sum(numeric_only=True).to_dict()}
    return pd.concat([table, pd.DataFrame([total])], ignore_index=True).astype(str)


def _equal_rounds(kills: pd.DataFrame) -> int:
    return int(kills.groupby("round")["outcome"].first().eq(EQUAL).sum())


def _failures(kills: pd.DataFrame) -> str:
    different = kills[kills["outcome"] != EQUAL].groupby(["command", "round"])["outcome"].first()
    if different.empty:
        return "No round was different."
    return "\n".join(f"- `{command}`: {text}" for (command, _), text in different.items())


if __name__ == "__main__":
    write_text(PAGE, page())
