"""What `rnnbench review` says of changes in real git histories."""

import json
import re
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from dvc.repo import Repo

from rnnbench.cli import main
from tests.comparison.made_up import shares
from tests.review.project import (
    EXPERIMENTS,
    GRU,
    MATCHED,
    SIMPLE,
    SUITE,
    VIEW,
    Project,
    noisy,
)

NEW_LINE = {"suite": SUITE, "view": VIEW, "model": "digits-gru-75", "epochs": 2, "seeds": 4}


def section(text: str, title: str) -> str:
    return re.split(r"^### ", text.split(f"### {title}\n", 1)[1], flags=re.M)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the body of a section's table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_without_a_change_nothing_runs_and_no_score_changed(project: Project) -> None:
    text = project.review()
    assert "No parameter changed." in text
    assert "Nothing: all 16 stages are up to date with `dvc.lock`." in text
    assert "No score changed." in text
    assert "Equal on both sides: 3 scores." in text
    assert "### Time" not in text


def test_a_clone_without_data_and_models_reviews_as_one_that_has_them(
    project: Project, tmp_path: Path
) -> None:
    project.git("branch", "earlier")
    with project.parameters() as content:
        content["suites"][SUITE]["training"]["learning_rate"] = 0.5
    project.commit("Faster")
    text = project.review("earlier")
    assert project.clone(tmp_path / "clone").review("origin/earlier") == text
    assert "of 16 stages run again" in text


def test_a_changed_parameter_is_one_row_and_runs_what_depends_on_it(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"][GRU]["epochs"] = 9
    text = project.review()
    assert rows(section(text, "Parameters")) == [[f"`experiments.{GRU}.epochs`", "`5`", "`9`"]]
    change = f"`experiments.{GRU}.epochs`: `5` → `9`"
    hit = [change, f"`train@{GRU}`, `members`", f"`{GRU}`"]
    assert rows(section(text, "What runs again")) == [hit]
    assert "**6 of 16 stages run again, and 1 of 3 experiments are trained again.**" in text
    assert f"`time@{GRU}`, `evaluate@{GRU}`, `compare@{SUITE}`, `report`" in text
    kept = (
        f"Not run again: 10 stages, including all stages of 2 experiments: `{SIMPLE}`, `{MATCHED}`."
    )
    assert kept in text


def test_the_parameters_are_those_of_dvc_params_diff(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"]["new"] = NEW_LINE
        del content["experiments"][SIMPLE]
        content["models"]["digits-gru-75"]["layer_1"]["units"] = 80
        content["deterministic"] = False
    with Repo(str(project.folder)) as repo:
        difference: dict[str, Any] = repo.params.diff("HEAD")["diff"]["params.yaml"]
    written = [
        [f"`{key}`"] + [f"`{_text(values.get(side))}`" for side in ("old", "new")]
        for key, values in difference.items()
    ]
    assert sorted(rows(section(project.review(), "Parameters"))) == sorted(written)


def _text(value: Any) -> str:
    if value is None:
        return "absent"
    return value if isinstance(value, str) else json.dumps(value)


def test_training_time_is_that_of_an_epoch_times_epochs_and_seeds(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"][GRU] |= {"epochs": 500, "seeds": 4}
    text = section(project.review(), "Time")
    # 1,000 examples in steps of 64 at 10 ms: 0.16 s an epoch, times 500 epochs and 4 seeds.
    assert "on 2 cores of Test processor, training takes about 5 minutes" in text
    assert "How long 5 other stages would take is not known here." in text


def test_a_model_that_was_never_timed_has_no_estimate(project: Project) -> None:
    with project.parameters() as content:
        content["models"]["digits-gru-75"]["layer_1"]["units"] = 300
    text = section(project.review(), "Time")
    assert "No earlier run of the same view, model and batch size was timed" in text
    assert f"for 1 experiment: `{GRU}`." in text
    assert "training takes" not in text


def test_other_stages_take_what_they_took_in_this_checkout(project: Project) -> None:
    project.write(".dvc/tmp/stage_seconds.json", json.dumps({"evaluate@x": 120.0, "report": 60.0}))
    project.write("src/rnnbench/evaluation/module.py", "changed = True\n")
    text = section(project.review(), "Time")
    assert "The other stages take about 7 minutes" in text  # three evaluations and a report
    assert "How long 1 other stage would take is not known here." in text


def test_an_added_experiment_never_ran_and_leaves_the_others_alone(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"]["new"] = NEW_LINE
    text = project.review()
    assert "- added: `new`" in text
    assert "never ran: `dvc.lock` has no entry" in text
    assert "1 of 4 experiments are trained again" in text
    assert "Without results on one side or both: 1 experiment: `new`." in text
    assert "training takes less than a minute" in text  # the same model was timed


def test_a_removed_experiment_is_named_and_trains_nothing(project: Project) -> None:
    with project.parameters() as content:
        del content["experiments"][SIMPLE]
    text = project.review()
    assert f"- removed: `{SIMPLE}`" in text
    assert "0 of 2 experiments are trained again" in text
    assert "`members`" in section(text, "What runs again")


def test_a_renamed_experiment_is_recognised_and_runs_again(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"]["better-name"] = content["experiments"].pop(GRU)
    text = project.review()
    assert f"- renamed: `{GRU}` is now `better-name`" in text
    assert "- added" not in text
    assert "- removed" not in text
    assert "1 of 3 experiments are trained again" in text


def test_a_renamed_experiment_that_ran_is_compared_with_its_former_self(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"]["better-name"] = content["experiments"].pop(GRU)
    project.evaluated("better-name", noisy(0.80))
    project.compare()
    project.record()
    (row,) = rows(section(project.review(), "Scores"))
    assert row[0] == "`better-name`"
    assert row[5] == "**worse**"


def test_changed_code_names_the_files_and_every_stage_that_reads_them(project: Project) -> None:
    project.write("src/rnnbench/training/loop.py", "new = True\n")
    project.write("src/rnnbench/training/module.py", "changed = True\n")
    (row,) = rows(section(project.review(), "What runs again"))
    assert row[0] == "`src/rnnbench/training` changed: `module.py`, `loop.py`"
    assert row[1] == "3 of `train`, 3 of `time`"
    assert all(f"`{name}`" in row[2] for name in EXPERIMENTS)


def test_what_was_out_of_date_before_is_told_apart(project: Project) -> None:
    project.write("src/rnnbench/evaluation/module.py", "changed = True\n")
    project.commit("New scores, not run")
    with project.parameters() as content:
        content["margin"] = 0.5
    causes = {row[0] for row in rows(section(project.review(), "What runs again"))}
    assert causes == {
        "`src/rnnbench/evaluation` changed (before this change already)",
        "`margin`: `0.01` → `0.5`",
    }


def test_a_result_that_was_written_by_hand_makes_its_stage_run(project: Project) -> None:
    project.write(f"results/{SUITE}/{GRU}/metrics.json", '{"accuracy": 0.999}')
    text = project.review()
    assert f"`results/{SUITE}/{GRU}/metrics.json` is not what the stage wrote" in text
    (row,) = rows(section(text, "Scores"))
    assert row[5].startswith("no verdict: ")
    assert f"These scores are out of date, so their stages run again: `{GRU}`." in text


def test_missing_results_are_named_and_not_guessed(project: Project) -> None:
    (project.folder / f"results/{SUITE}/{GRU}/metrics.json").unlink()
    text = project.review()
    assert f"Without results on one side or both: 1 experiment: `{GRU}`." in text
    assert "Equal on both sides: 2 scores." in text
    assert f"`results/{SUITE}/{GRU}/metrics.json` is not what the stage wrote" in text


def changed_scores(project: Project, right: Any, name: str = GRU, **facts: int) -> None:
    project.evaluated(name, right, **facts)
    project.compare()
    project.record()


def test_a_worse_score_has_a_paired_verdict_comes_first_and_has_an_exit_code(
    project: Project,
) -> None:
    project.evaluated(SIMPLE, shares(0.99))
    changed_scores(project, noisy(0.90))
    answer = project.run("review", "--fail-if-worse")
    assert answer.exit_code == 3
    worse, better = rows(section(answer.output, "Scores"))
    assert worse[0] == f"`{GRU}`"
    assert worse[4].startswith("-0.04")
    assert worse[5] == "**worse**"
    assert worse[7] == "paired: other seeds and other test examples"
    assert [better[0], better[5]] == [f"`{SIMPLE}`", "**better**"]
    assert "Of 2 changed scores: 1 better, 1 worse" in answer.output
    assert project.run("review").exit_code == 0


def test_without_predictions_the_stated_standard_errors_give_a_wider_interval(
    project: Project, tmp_path: Path
) -> None:
    changed_scores(project, noisy(0.90))
    project.commit("Worse")
    (paired,) = rows(section(project.review("HEAD~1"), "Scores"))
    (stated,) = rows(section(project.clone(tmp_path / "clone").review("HEAD~1"), "Scores"))
    assert stated[7] == "stated standard errors: other seeds and other test examples"
    assert stated[5] == "**worse**"
    assert stated[2:4] == paired[2:4]
    width = {
        row[7][:6]: np.ptp([float(end) for end in re.findall(r"[-+][\d.]+", row[4])[1:]])
        for row in (paired, stated)
    }
    assert width["stated"] > width["paired"]


def test_scores_without_a_stated_error_have_no_verdict(project: Project, tmp_path: Path) -> None:
    changed_scores(project, noisy(0.90))
    shutil.rmtree(project.folder / "comparisons" / SUITE)
    project.commit("Worse, not compared")
    answer = project.clone(tmp_path / "clone").run("review", "HEAD~1", "--fail-if-worse")
    assert answer.exit_code == 0
    (row,) = rows(section(answer.output, "Scores"))
    assert row[5] == "no verdict: the standard error now is not stated in `comparisons/`"
    assert row[4] == row[7] == "-"


def test_a_change_that_makes_every_seed_diverge_fails(project: Project) -> None:
    changed_scores(project, np.empty((0, 2_000)), diverged=3)
    answer = project.run("review", "--fail-if-worse")
    assert answer.exit_code == 3
    (row,) = rows(section(answer.output, "Scores"))
    assert row[3] == "every seed diverged"
    assert row[5] == "no verdict: every seed diverges now"


def test_results_that_a_change_brings_are_compared_with_those_before(project: Project) -> None:
    changed_scores(project, noisy(0.99))
    project.commit("Better")
    text = project.run("review", "HEAD~1", "--fail-if-worse").output
    assert "**better**" in text
    assert "Nothing: all 16 stages are up to date" in text
    assert f"Run in this change, with results in `dvc.lock`: `train@{GRU}`" in text


def test_the_base_is_the_merge_base_or_head_if_the_workspace_has_changes(project: Project) -> None:
    start = project.git("rev-parse", "--short=9", "HEAD")
    project.git("checkout", "--quiet", "-b", "work")
    with project.parameters() as content:
        content["margin"] = 0.5
    last = project.commit("Wider margin")[:9]
    project.git("checkout", "--quiet", "main")
    project.write("notes.txt", "later")
    project.commit("Later on main")
    project.git("checkout", "--quiet", "work")
    text = project.review()
    assert f"Compared with `{start}` (`Results`), the merge base with main." in text
    assert "`margin`" in text
    project.write("literature.yaml", (project.folder / "literature.yaml").read_text() + "\n")
    text = project.review()
    assert f"Compared with `{last}` (`Wider margin`), the last commit" in text
    assert "`margin`" not in section(text, "Parameters")


def test_without_a_main_branch_a_base_is_asked_for(project: Project) -> None:
    project.git("branch", "--move", "trunk")
    answer = project.run("review")
    assert answer.exit_code == 1
    assert "there is no main branch to compare with" in answer.output
    assert project.run("review", "trunk").exit_code == 0


def test_a_base_that_does_not_exist_names_what_was_meant(project: Project) -> None:
    answer = project.run("review", "mian")
    assert answer.exit_code == 1
    assert "there is no commit 'mian' in this repository (did you mean 'main'?)" in answer.output
    assert "Traceback" not in answer.output


def test_an_option_of_git_is_not_taken_for_a_commit(project: Project) -> None:
    answer = project.run("review", "--", "--all")
    assert answer.exit_code == 1
    assert "there is no commit '--all'" in answer.output


def test_a_folder_outside_git_is_an_error_in_words(tmp_path: Path) -> None:
    with chdir(tmp_path):
        answer = CliRunner().invoke(main, ["review"])
    assert answer.exit_code == 1
    assert "is not in a git repository" in answer.output


def test_parameters_that_cannot_be_used_say_what_is_wrong(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"][GRU]["epoch"] = 3
    answer = project.run("review")
    assert answer.exit_code == 1
    assert "did you mean 'epochs'" in answer.output


def test_an_earlier_pipeline_that_dvc_cannot_read_is_said(project: Project) -> None:
    text = (project.folder / "dvc.yaml").read_text()
    project.write("dvc.yaml", "stages: {train: {command: true}}\n")
    project.commit("Broken")
    project.write("dvc.yaml", text)
    assert "DVC cannot read the pipeline of the base commit" in project.review()


def test_text_of_others_is_neither_markup_nor_a_mention(project: Project) -> None:
    project.write("notes.txt", "x")
    project.commit("@team `look` | [here](http://example.org)")
    assert "(`@team 'look' \\| [here](http://example.org)`)" in project.review("HEAD")
