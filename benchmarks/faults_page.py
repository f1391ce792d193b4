"""Write docs/faults.md from the measurements of faults.py and places.py."""

from pathlib import Path

import pandas as pd
from killing import ALL, GROUP

from results import read_csv
from rnnbench.files import write_text
from rnnbench.tables import to_markdown

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
EQUAL = "equal"

TEMPLATE = Path(__file__).with_suffix(".md")


def page() -> str:
    """Return the page."""
    kills, places = read_csv("kills"), read_csv("places")
    return TEMPLATE.read_text(encoding="utf-8").format(
        seeds=", ".join(str(seed) for seed in sorted(set(kills["seed"]))),
        kills=to_markdown(_summary(kills)).rstrip(),
        failures=_failures(kills),
        places="\n".join(f"- {row.place}: {row.outcome}" for row in places.itertuples()),
    )


def _summary(kills: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for command in kills["command"].unique():
        part = kills[kills["command"] == command]
        rows.append(
            {
                "command": f"`{command}`" if " " in command else command,
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
    different = kills[kills["outcome"] != EQUAL].drop_duplicates(["command", "round"])
    if different.empty:
        return "No round was different."
    lines = zip(different["command"], different["outcome"], strict=True)
    return "\n".join(f"- `{command}`: {outcome}" for command, outcome in lines)


if __name__ == "__main__":
    write_text(PAGE, page())
