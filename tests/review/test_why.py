"""What `rnnbench why` says, and which commit it names, in real git histories."""

from pathlib import Path

import pytest

from tests.review.project import GRU, MATCHED, SUITE, VIEW, Project, noisy


def why(project: Project, stage: str) -> str:
    answer = project.run("why", stage)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_a_stage_that_is_up_to_date_says_since_when(project: Project) -> None:
    recorded = project.git("rev-parse", "--short=9", "HEAD")
    with project.parameters() as content:
        content["experiments"][MATCHED]["epochs"] = 9
    project.record()
    project.commit("The lock file changes, this stage does not")
    text = why(project, f"train@{GRU}")
    assert text.startswith(f"train@{GRU} is up to date")
    assert f"since {recorded} (" in text
    assert text.rstrip().endswith("Results)")


def test_a_parameter_is_named_with_the_commit_that_changed_it_last(project: Project) -> None:
    for rate, message in ((0.2, "Faster"), (0.3, "Faster still")):
        with project.parameters() as content:
            content["suites"][SUITE]["training"]["learning_rate"] = rate
        commit = project.commit(message)[:9]
    with project.parameters() as content:
        content["margin"] = 0.5
    project.commit("Another key of the same file")
    line = f"- parameter suites.{SUITE}.training.learning_rate: 0.001 → 0.3, changed in {commit} ("
    text = why(project, f"train@{GRU}")
    assert line in text
    assert "Faster still" in text
    assert "margin" not in text


def test_a_parameter_that_is_not_committed_is_said_to_be(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"][GRU]["epochs"] = 9
    text = why(project, f"train@{GRU}")
    assert f"- parameter experiments.{GRU}.epochs: 5 → 9, not committed yet" in text


def test_changed_code_is_named_with_every_commit_since_the_stage_ran(project: Project) -> None:
    path = "src/rnnbench/training"
    project.write(f"{path}/module.py", "changed = 1\n")
    first = project.commit("First change")[:9]
    project.write("src/rnnbench/evaluation/module.py", "changed = 1\n")
    project.commit("Elsewhere")
    project.write(f"{path}/loop.py", "new = 1\n")
    second = project.commit("Second change")[:9]
    project.write(f"{path}/open.py", "draft = 1\n")
    text = why(project, f"time@{GRU}")
    assert f"{path} changed since the stage ran:" in text
    assert f"- in {first} (" in text
    assert f"First change): {path}/module.py" in text
    assert f"- in {second} (" in text
    assert f"- not committed yet: {path}/open.py" in text
    assert "Elsewhere" not in text
    assert "Results" not in text


def test_code_that_ran_before_it_was_committed_is_said_to_have_no_commit(project: Project) -> None:
    path = "src/rnnbench/training/module.py"
    project.write(path, "tried = 1\n")
    project.record()
    project.write(path, "kept = 1\n")
    project.commit("Kept")
    assert "so it ran with files that were not committed" in why(project, f"train@{GRU}")


def test_a_stage_that_only_needs_others_names_them_and_their_reasons_once(
    project: Project,
) -> None:
    project.write("src/rnnbench/evaluation/module.py", "changed = 1\n")
    commit = project.commit("Scores")[:9]
    text = why(project, "report")
    assert text.startswith("report itself is unchanged, but stages that it needs are out of date:")
    assert text.count(f"- in {commit}") == 1
    assert f"evaluate@{MATCHED}, evaluate@{GRU}, out of date:" in text


def test_data_that_were_made_anew_name_their_stage_and_its_commit(project: Project) -> None:
    project.write(f"data/prepared/{VIEW}/fit/file", "other data")
    with project.in_folder() as repo:
        repo.commit(f"prepare@{VIEW}", force=True)
    commit = project.commit("Prepared anew")[:9]
    text = why(project, f"train@{GRU}")
    assert f"- data/prepared/{VIEW}/fit changed, written by prepare@{VIEW} since" in text
    assert f"recorded in {commit} (" in text


def test_an_output_that_was_changed_by_hand_is_said_to_be(project: Project) -> None:
    project.write(f"results/{SUITE}/{GRU}/metrics.json", "{}")
    text = why(project, f"evaluate@{GRU}")
    assert f"- its output results/{SUITE}/{GRU}/metrics.json is not what it wrote" in text


def test_a_changed_command_names_the_commit_of_the_pipeline(project: Project) -> None:
    path = project.folder / "dvc.yaml"
    path.write_text(path.read_text().replace("python stages/report.py", "python stages/page.py"))
    assert "dvc.yaml has changes that are not committed" in why(project, "report")
    commit = project.commit("Another script")[:9]
    assert f"its command changed; dvc.yaml was last changed in {commit}" in why(project, "report")


def test_a_stage_that_never_ran_names_the_commit_that_added_it(project: Project) -> None:
    with project.parameters() as content:
        content["experiments"]["new"] = dict(content["experiments"][GRU])
    text = why(project, "train@new")
    assert "- it never ran: dvc.lock has no entry; experiments.new is not committed yet" in text
    commit = project.commit("One more")[:9]
    assert f"experiments.new was added in {commit}" in why(project, "train@new")


def test_what_is_not_here_is_told_apart_from_what_changed(project: Project, tmp_path: Path) -> None:
    text = why(project.clone(tmp_path / "clone"), f"train@{GRU}")
    assert text.startswith(f"train@{GRU} is up to date")
    assert f"Missing: data/prepared/{VIEW}/fit, runs/{SUITE}/{GRU}" in text
    assert "Missing" not in why(project, f"train@{GRU}")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("train@mnist-matched-gur", f"did you mean train@{GRU}?"),
        (GRU, f"did you mean train@{GRU} or time@{GRU} or evaluate@{GRU}?"),
        ("zzz", "`dvc stage list` shows all 16"),
    ],
)
def test_an_unknown_stage_says_what_was_meant(original: Project, given: str, meant: str) -> None:
    answer = original.run("why", given)
    assert answer.exit_code == 1
    assert f"there is no stage '{given}'" in answer.output
    assert meant in answer.output


def test_a_worse_result_does_not_make_a_stage_out_of_date(project: Project) -> None:
    project.evaluated(GRU, noisy(0.5))
    project.compare()
    project.record()
    assert "evaluate@mnist-matched-gru is up to date" in why(project, f"evaluate@{GRU}")
