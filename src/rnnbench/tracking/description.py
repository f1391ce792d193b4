"""The description of a run in MLflow, with links to its experiment, commit and report."""

from collections.abc import Mapping
from typing import Any

from rnnbench.data.dataset import DATASETS
from rnnbench.layout import REPORT_FILE, REPORT_FOLDER
from rnnbench.tracking.identity import repository_url

REPORT = f"{REPORT_FOLDER}/{REPORT_FILE}"


def describe_run(record: Mapping[str, Any], experiment_page: str) -> str:
    """Return a run's description, in Markdown.

    Parameters
    ----------
    record : mapping
        The content of `run.json`.
    experiment_page : str
        Address of its experiment's page.
    """
    name, seed = record["experiment"], record["seed"]
    return f"[{name}]({experiment_page}) trained with seed {seed}. {_origin(record)}"


def describe_experiment(record: Mapping[str, Any]) -> str:
    """Return an experiment's description: what its runs have in common, in Markdown."""
    return f"Means over the seeds of {record['experiment']}. {_origin(record)}"


def _origin(record: Mapping[str, Any]) -> str:
    """Return sentences on the data, the stage, the commit and the report of a run."""
    repository = repository_url()
    commit = record.get("git_commit")
    citation = DATASETS[record["dataset"]].citation
    made = f"Data: {record['view']} ({citation}). Stage: `{record['stage']}`"
    if commit:
        address = f"{repository}/commit/{commit}" if repository else None
        changed = ", with changes" if record.get("git_dirty") else ""
        made += f" at commit {_link(commit[:10], address)}{changed}"
    address = f"{repository}/blob/HEAD/{REPORT}" if repository else None
    return f"{made}. Report: {_link(REPORT, address)}."


def _link(text: str, address: str | None) -> str:
    return f"[{text}]({address})" if address else f"`{text}`"
