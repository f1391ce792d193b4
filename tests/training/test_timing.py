"""Timing adds up, and keeps what compiles apart from what trains."""

import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from rnnbench.training.timing import OtherPrograms, TimingCallback


class Sleeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Makes each training step last."""

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        time.sleep(0.02)


def fitted(validate: bool, epochs: int = 2, callbacks: int = 1) -> tuple[TimingCallback, float]:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((40, 3), np.float32), np.zeros((40, 1), np.float32)
    timing = TimingCallback()
    # The timer's clock starts before the sleeper's, as it is first in the list.
    begun = time.perf_counter()
    model.fit(
        x,
        y,
        batch_size=8,
        epochs=epochs,
        verbose=0,
        callbacks=[timing, *[Sleeper()] * callbacks],
        validation_data=(x, y) if validate else None,
    )
    return timing, time.perf_counter() - begun


def test_a_step_is_timed_by_its_own_clock() -> None:
    summary = fitted(validate=False)[0].summary(40)
    assert summary["step_milliseconds"]["p50"] >= 20.0
    assert summary["step_milliseconds"]["p50"] <= summary["step_milliseconds"]["p95"]


def test_steps_that_compile_are_not_among_the_steps() -> None:
    timing = TimingCallback()
    begin_and_end(timing, [3.0, 0.1, 0.1, 0.6])  # a smaller batch ends the epoch
    begin_and_end(timing, [0.1, 0.1, 0.1, 0.1])
    summary = timing.summary(40)
    assert summary["first_step_seconds"] == 3.0
    assert summary["compile_seconds"] == pytest.approx(2.9 + 0.5)
    assert summary["step_milliseconds"]["p99"] == pytest.approx(100)


def begin_and_end(timing: TimingCallback, steps: list[float]) -> None:
    """As an epoch with steps of these times does."""
    timing.on_epoch_begin(0)
    timing.step_seconds += steps
    timing.loop_seconds.append(sum(steps))
    timing.on_epoch_end(0)


def test_steps_add_up_to_epochs_and_epochs_to_the_loop() -> None:
    timing, total = fitted(validate=True)
    for epoch, spent in enumerate(timing.epoch_seconds):
        steps = timing.step_seconds[5 * epoch : 5 * (epoch + 1)]
        assert 5 * 0.02 <= sum(steps) <= spent
    parts = sum(timing.epoch_seconds) + sum(timing.validation_seconds)
    assert timing.summary(40)["training_seconds"] == parts <= total
    assert len(timing.epoch_seconds) == len(timing.validation_seconds) == 2


def test_without_validation_its_time_is_absent_not_zero() -> None:
    assert "validation_seconds" not in fitted(validate=False)[0].summary(40)


def test_times_that_nothing_disturbed_are_fit_for_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherPrograms, "cores", lambda _: 0.0)
    assert fitted(validate=True)[0].summary(40)["timing_warnings"] == []


def test_times_taken_while_other_programs_work_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherPrograms, "cores", lambda _: 1.3)
    [reason] = fitted(validate=False)[0].summary(40)["timing_warnings"]
    assert reason.startswith("other programs used 1.3 of ")


def test_a_program_that_works_beside_this_one_is_counted() -> None:
    others = OtherPrograms()
    busy = "import time; end = time.monotonic() + 1\nwhile time.monotonic() < end: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    cores = others.cores()
    assert cores is None or cores > 0.5


def test_a_loop_whose_steps_do_not_add_up_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OtherPrograms, "cores", lambda _: 0.0)
    timing = TimingCallback()
    timing.step_seconds, timing.loop_seconds, timing.epoch_seconds = [1.0, 1.0], [2.5], [2.5]
    assert timing.summary(8)["timing_warnings"] == ["20.0 % of the loop's time is in no step"]


def test_one_step_alone_has_no_percentiles() -> None:
    timing = TimingCallback()
    timing.step_seconds, timing.loop_seconds, timing.epoch_seconds = [1.5], [1.5], [1.6]
    summary = timing.summary(8)
    assert "step_milliseconds" not in summary
    assert "compile_seconds" not in summary
    assert summary["examples_per_second"] == pytest.approx(5.0)
