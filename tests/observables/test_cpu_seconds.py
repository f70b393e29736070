from __future__ import annotations

import json
import time

import pytest

from langevin_sgd.observables.cpu_seconds import CPU_SECONDS, CpuSeconds, cpu_seconds, summed


def test_seconds_are_those_of_the_processor_and_go_on_after_a_stop():
    counted = CpuSeconds()
    with counted.of("probe waits"):
        time.sleep(0.05)
    with counted.of("probe works"):
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
    found = cpu_seconds(counted.attributes())
    assert found["probe waits"] < 0.04
    assert found["probe works"] >= 0.05
    later = CpuSeconds()
    later.restore(counted.state())
    later.add("probe works", 1.0)
    assert cpu_seconds(later.attributes())["probe works"] == pytest.approx(1.0 + found["probe works"], abs=2e-4)


def test_what_fails_is_counted_too():
    counted = CpuSeconds()
    with pytest.raises(ValueError), counted.of("probe fails"):
        raise ValueError
    assert "probe fails" in cpu_seconds(counted.attributes())


def test_parts_are_added_up():
    parts = [{CPU_SECONDS: json.dumps({"training": 1.0})}, {"backend": "torch"}]
    parts.append({CPU_SECONDS: json.dumps({"training": 2.0, "probe a": 0.5})})
    assert cpu_seconds(summed(parts)) == {"training": 3.0, "probe a": 0.5}
    assert summed([{"backend": "torch"}]) == {}
