"""What the workflows of a forge may do with a pull request."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

NAMES = ("review", "review-comment")


@pytest.fixture(scope="module")
def workflows(root: Path) -> dict[str, Any]:
    """The workflows of the review as they are written."""
    folder = root / ".github" / "workflows"
    return {name: YAML(typ="safe").load(folder / f"{name}.yaml") for name in NAMES}


def steps(workflow: Any) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_what_runs_the_contributor_s_code_may_only_read(workflows: dict[str, Any]) -> None:
    review = workflows["review"]
    assert review["on"] == "pull_request"
    assert review["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in review["jobs"].values())
    checkout = next(step for step in steps(review) if "checkout" in step.get("uses", ""))
    assert checkout["with"]["persist-credentials"] is False
    assert "secrets." not in str(review)


def test_what_may_comment_runs_nothing_of_the_pull_request(workflows: dict[str, Any]) -> None:
    comment = workflows["review-comment"]
    assert list(comment["on"]) == ["workflow_run"]
    assert comment["on"]["workflow_run"]["workflows"] == [workflows["review"]["name"]]
    assert comment["permissions"] == {}
    assert comment["jobs"]["comment"]["permissions"] == {
        "actions": "read",
        "pull-requests": "write",
    }
    assert not any("uses" in step for step in steps(comment))


def test_no_script_takes_text_of_others_other_than_by_the_environment(
    workflows: dict[str, Any],
) -> None:
    scripts = [step["run"] for one in workflows.values() for step in steps(one) if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


def test_actions_are_pinned_by_commit(workflows: dict[str, Any]) -> None:
    used = [step["uses"] for one in workflows.values() for step in steps(one) if "uses" in step]
    assert used
    assert all(len(action.partition("@")[2]) == 40 for action in used)


# Answers as the forge's client does, and notes what it is asked to write.
CLIENT = """#!/usr/bin/env bash
if [ "$1 $2" = "run download" ]; then
  mkdir -p "${@: -1}" && cp "$REVIEW" "${@: -1}/review.md"
elif [[ "$*" == *pulls* ]]; then
  echo "$PULL"
elif [[ "$*" == *PATCH* || "$*" == *POST* ]]; then
  echo "$*" > "$CALLS" && last="${@: -1}" && cp "${last#body=@}" "$BODY"
else
  echo "$EARLIER"
fi
"""


@pytest.mark.parametrize(
    ("earlier", "called"),
    [
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("55", "--method PATCH repos/o/r/issues/comments/55"),
    ],
)
def test_one_comment_is_written_and_later_renewed(
    workflows: dict[str, Any], tmp_path: Path, earlier: str, called: str
) -> None:
    answered = run_comment(workflows["review-comment"], tmp_path, "# Review\n", earlier)
    assert called in (tmp_path / "calls").read_text()
    assert answered == "<!-- rnnbench review -->\n# Review\n"


def test_a_review_that_is_too_long_for_a_comment_is_cut(
    workflows: dict[str, Any], tmp_path: Path
) -> None:
    answered = run_comment(workflows["review-comment"], tmp_path, "x" * 70_000, "")
    assert len(answered) < 65_536
    assert answered.rstrip().endswith("the whole review is in the summary of the run.")


def run_comment(workflow: Any, folder: Path, review: str, earlier: str) -> str:
    """Run the steps' scripts in order with a client that answers from the environment."""
    (folder / "gh").write_text(CLIENT)
    (folder / "gh").chmod(0o755)
    (folder / "given.md").write_text(review)
    job = workflow["jobs"]["comment"]
    constants = {key: value for key, value in job["env"].items() if "${{" not in value}
    environment = {
        **os.environ,
        **constants,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GH_REPO": "o/r",
        **dict.fromkeys(("RUN", "COMMIT", "OWNER", "BRANCH"), "given"),
        "RUNNER_TEMP": str(folder),
        "GITHUB_OUTPUT": str(folder / "output"),
        "NUMBER": "7",
        "PULL": "7",
        "EARLIER": earlier,
        "REVIEW": str(folder / "given.md"),
        "CALLS": str(folder / "calls"),
        "BODY": str(folder / "body"),
    }
    for step in job["steps"]:
        subprocess.run(["bash", "-euo", "pipefail", "-c", step["run"]], env=environment, check=True)
    assert (folder / "output").read_text() == "found=true\nnumber=7\n"
    return (folder / "body").read_text()
