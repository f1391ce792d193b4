"""The machine's load is known of every run, however short."""

import time

from rnnbench.training.load import MachineLoad


def test_a_run_shorter_than_any_interval_has_a_sample() -> None:
    with MachineLoad() as load:
        until = time.perf_counter() + 0.2
        while time.perf_counter() < until:
            pass
    (sample,) = load.samples
    assert 0.2 <= sample["seconds"] < 0.5
    assert sample["cpu_utilization_percentage"] > 0
    assert sample["system_memory_usage_megabytes"] > 0


def test_samples_follow_each_other_until_the_end() -> None:
    with MachineLoad() as load:
        time.sleep(1.2)
    moments = [sample["seconds"] for sample in load.samples]
    assert len(moments) == 3
    assert moments == sorted(moments)
    assert moments[-1] >= 1.2
