"""What models will hold, told before they start, and refused where it cannot fit."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc

import pytest
from made_up_models import basins, interpolation, langevin, network, ou, potential, scanned

import langevin_sgd
from langevin_sgd import cli, machine_memory
from langevin_sgd.models import memory as estimates
from langevin_sgd.models.langevin import memory as langevin_memory
from langevin_sgd.models.memory import Factor, Held
from langevin_sgd.study import loading as config
from langevin_sgd.study.estimate import held_by

FREE = 16_000_000_000


@pytest.fixture
def sixteen_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_memory, "available", lambda: FREE)


def check(given: dict, device: str = "cpu") -> list[str]:
    return estimates.check(config.parse(given), held_by, devices=dict.fromkeys(given["models"], device))


def refusal(given: dict, device: str = "cpu") -> str:
    with pytest.raises(estimates.TooLarge) as caught:
        check(given, device)
    return str(caught.value)


TOO_LARGE = [
    (ou(replicas=10**7), "models.m.replicas"),
    (ou(replicas=10**7, start="stationary", record_times=2, sample_every=500), None),  # 16 GB would do
    (ou(steps=10**9, sample_every=1), "models.m.sample_every"),
    (ou(replicas=100_000, record_times=100_000), "models.m.replicas"),
    (network(replicas=10**7), "models.m.replicas"),
    (network(architecture={"kind": "mlp", "hidden": [10**9]}), "models.m.architecture"),
    (network(start="minimum", steps=10**9, sample_every=1), "models.m.sample_every"),
    (langevin(replicas=10**7), "models.m.replicas"),
    (langevin(steps=10**6, record_times=100_000, histogram={"x": [0.0, 1.0, 100_000]}), "models.m.record_times"),
    (scanned(langevin(replicas=100_000), "models.m.temperature", 200), "scan"),
    (basins(replicas=10**9), "models.m.replicas"),
    (interpolation(replicas=10**9), "models.m.replicas"),
    (interpolation(architecture={"kind": "mlp", "hidden": [10**8]}), "models.m.architecture"),
    (potential(disorders=10**7), "models.m.disorders"),
    (potential(half_width=10**7), "models.m.half_width"),
    (potential(dimension=3, half_width=300), "models.m.half_width"),
    (potential(method="sde", walkers=10**8), "models.m.walkers"),
    (potential(dimension=1000, features=1 << 20, ln_time=[-2.0, -1.0]), "models.m.features"),
]


@pytest.mark.usefixtures("sixteen_gigabytes")
@pytest.mark.parametrize(("given", "key"), TOO_LARGE)
def test_what_cannot_fit_is_refused_at_the_key_to_blame(given, key):
    if key is None:
        check(given)
        return
    text = refusal(given)
    assert text.startswith(f"<config>: {key}: m needs about ")
    assert "\n" not in text
    assert "16 GB are free; " in text


@pytest.mark.usefixtures("sixteen_gigabytes")
@pytest.mark.parametrize(
    ("given", "path"),
    [
        (ou(replicas=10**8), ("replicas",)),
        (langevin(replicas=10**9), ("replicas",)),
        (potential(disorders=10**8), ("disorders",)),
        (potential(half_width=10**7), ("half_width",)),
        (network(replicas=10**7), ("replicas",)),
    ],
)
def test_what_is_advised_fits_and_little_more_does(given, path):
    advised = int(refusal(given).rpartition("give at most ")[2].replace(",", ""))
    refused = given["models"]["m"][path[-1]]
    given["models"]["m"][path[-1]] = advised
    check(given)
    given["models"]["m"][path[-1]] = min(round(1.35 * advised), refused)  # more may be beyond what the key can be
    assert path[-1] in refusal(given)


def test_the_size_is_that_of_the_arrays_and_the_key_the_one_that_would_free_the_most():
    replicas = Factor(("models", "m", "replicas"), "replicas", 1e6, 100)
    times = Factor(("models", "m", "record_times"), "times", 1e3, 10)
    modes = Factor(("models", "m", "hessian"), "modes", 1e3, 1e3)
    held = [Held("records", 8.0, (replicas, times)), Held("matrices", 16.0, (modes, modes))]
    assert estimates.total(held) == 8e9 + 16e6
    with pytest.raises(estimates.TooLarge, match="replicas") as caught:
        estimates.refuse_too_large("m", held, free=1e9)
    # 0.9e9 = 16e6 + 8e3 R at R = 110,500, to two digits
    expected = "m needs about 8 GB of memory, 8 GB of it for records, and 1 GB are free; give at most 110,000"
    assert caught.value.message == expected
    estimates.refuse_too_large("m", held, free=8.1e9)
    assert list(estimates.warnings("m", held, free=17e9)) == []
    assert len(list(estimates.warnings("m", held, free=15e9))) == 1


@pytest.mark.usefixtures("sixteen_gigabytes")
def test_what_earlier_models_leave_behind_counts():
    given = langevin(replicas=2_000_000)  # 6.7 GB, of which 2 x 8 x 65 x 2e6 B = 2.1 GB stay
    check(given)
    given["models"] = {f"m{number}": given["models"]["m"] for number in range(5)}
    check(given)
    given["models"]["m5"] = given["models"]["m0"]
    assert refusal(given).startswith("<config>: models.m5.replicas: m5 needs about 17 GB")


def test_what_lies_on_a_device_must_fit_there_too(monkeypatch):
    monkeypatch.setattr(machine_memory, "available_on", lambda device: FREE // 1000)
    given = network(replicas=10_000)  # 0.16 GB of weights with gradients and copies
    check(given)
    assert refusal(given, "cuda:0").startswith("<config>: models.m.replicas: m on cuda:0 needs about ")


@pytest.mark.usefixtures("sixteen_gigabytes")
def test_a_refusal_is_one_line_with_the_place_and_leaves_nothing(home, capsys):
    sound = (home / "study.yaml").read_text(encoding="utf-8")
    too_large = sound.replace("256", "100000000")
    (home / "study.yaml").write_text(too_large, encoding="utf-8")
    assert cli.main(["simulate", "study.yaml"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("study.yaml:10: models.ou.replicas: ou needs about ")
    assert shown.err.count("\n") == 1
    assert [file.name for file in home.iterdir()] == ["study.yaml"]

    (home / "study.yaml").write_text(sound, encoding="utf-8")
    assert cli.main(["simulate", "study.yaml", "--set", "models.ou.replicas=100000000"]) == 2
    assert capsys.readouterr().err.startswith("--set models.ou.replicas=100000000: ou needs about ")
    (home / "study.yaml").write_text(too_large, encoding="utf-8")
    with pytest.raises(config.ConfigError, match=r"study.yaml:10: models.ou.replicas"):
        langevin_sgd.simulate("study.yaml")


def test_more_than_half_of_the_memory_is_said_also_to_the_quiet(home, capsys, monkeypatch):
    needed = estimates.total(held_by(config.load("study.yaml"), "ou"))
    monkeypatch.setattr(machine_memory, "available", lambda: int(1.5 * needed))
    assert cli.main(["simulate", "study.yaml", "--quiet"]) == 0
    assert capsys.readouterr().err.startswith("ou needs about ")
    monkeypatch.setattr(machine_memory, "available", lambda: int(3 * needed))
    assert cli.main(["simulate", "study.yaml", "--quiet", "--overwrite"]) == 0
    assert capsys.readouterr().err == ""


def traced_peak(given: dict) -> int:
    tracemalloc.start()
    try:
        langevin_sgd.simulate(given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_estimate_agrees_with_what_numpy_allocates():
    # tracemalloc sees the arrays of numpy and not the machine code, so small sizes will do
    few = {"steps": 20, "record_times": 3, "sample_every": 5}
    small, large = ou(2, replicas=64, **few), ou(40, replicas=8000, **few)
    measured = traced_peak(large) - traced_peak(small)
    sizes = [estimates.total(held_by(config.parse(given), "m")) for given in (small, large)]
    assert 0.5 < (sizes[1] - sizes[0]) / measured < 2.0


@pytest.mark.usefixtures("sixteen_gigabytes")
def test_a_scan_is_kept_as_a_whole_and_worked_on_a_launch_at_a_time():
    small = langevin(replicas=64, steps=100, record_times=64)
    check(scanned(small, "models.m.temperature", 100_000))  # 2 x 16 x 64 x 65 x 1e5 B = 13 GB, and a launch
    assert refusal(scanned(small, "models.m.temperature", 300_000)).startswith("<config>: scan: m needs about 4")
    looked_at = scanned(basins(steps=10**4), "models.m.temperature", 100_000)
    assert estimates.total(held_by(config.parse(looked_at), "m")) < 1e9  # 64 x 2 x 65 x 1e5 B of occupancies


@pytest.mark.validate
def test_the_estimate_of_a_scan_agrees_with_what_numpy_allocates(monkeypatch):
    monkeypatch.setattr(langevin_memory, "AT_ONCE", 1 << 22)
    small = langevin(replicas=2000, steps=20, record_times=20)
    few, many = (scanned(small, "models.m.temperature", points) for points in (4, 60))
    measured = traced_peak(many) - traced_peak(few)
    sizes = [estimates.total(held_by(config.parse(given), "m")) for given in (few, many)]
    assert 0.5 < (sizes[1] - sizes[0]) / measured < 2.0


# VmHWM and not ru_maxrss, which a child takes over from its parent: after many tests that is more than it needs itself.
_CHILD = """
import json, re, sys
import langevin_sgd, torch
langevin_sgd.simulate(json.loads(sys.argv[1]))
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]))
"""


def resident_peak(given: dict) -> int:
    done = subprocess.run([sys.executable, "-c", _CHILD, json.dumps(given)], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


_TINY = {"steps": 20, "replicas": 16}


def twin(**changed) -> dict:
    own = {"kind": "langevin_twin", "of": "n", "time_step_fraction": 1.0, **changed}
    given = network(replicas=2, steps=2, record_times=2)
    return {**given, "models": {"n": given["models"]["m"], "m": own}}


MIDDLE = {
    "twin replicas": (twin(replicas=16), twin(replicas=6000)),
    "ou replicas": (ou(20, **_TINY), ou(20, replicas=50_000, steps=20, record_times=3, sample_every=5)),
    "ou modes": (ou(20, **_TINY), ou(1200, replicas=64, steps=20, record_times=3)),
    "langevin replicas": (langevin(steps=200, replicas=64), langevin(steps=200, replicas=200_000)),
    "disorders": (
        potential(disorders=16, half_width=100, ln_time=[0.0, 0.5]),
        potential(disorders=60_000, half_width=100, ln_time=[0.0, 0.5]),
    ),
    "langevin histogram": (
        langevin(steps=1000, replicas=64),
        langevin(steps=1000, replicas=64, histogram={"x": [-3.0, 3.0, 100_000]}),
    ),
}


@pytest.mark.validate
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are counted in other units elsewhere")
@pytest.mark.parametrize("case", MIDDLE)
def test_estimates_agree_with_the_peak_of_a_process(case):
    small, large = MIDDLE[case]
    measured = resident_peak(large) - resident_peak(small)
    sizes = [estimates.total(held_by(config.parse(given), "m")) for given in (small, large)]
    assert measured > 50e6
    assert 0.5 < (sizes[1] - sizes[0]) / measured < 2.0
