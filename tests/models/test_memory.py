"""What models will hold and how long they will take, told before they start."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

import langevin_sgd
from langevin_sgd import cli, machine_memory, progress
from langevin_sgd.models import memory as estimates
from langevin_sgd.models.context import Context
from langevin_sgd.models.memory import Factor, Held
from langevin_sgd.models.network import points as network_scan
from langevin_sgd.reporting import html as html_report
from langevin_sgd.study import loading as config
from langevin_sgd.study.run_model import held_by

FREE = 16_000_000_000


def study(**model) -> dict:
    sgd = {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.1}
    return {"name": "large", "seed": 1, "sgd": sgd, "models": {"m": model}}


def ou(modes: int = 3, **changed) -> dict:
    hessian = {"kind": "diagonal", "eigenvalues": [1.0 - 0.5 * i / modes for i in range(modes)]}
    noise = {"kind": "isotropic", "scale": 0.4}
    return study(**{"kind": "ornstein_uhlenbeck", "hessian": hessian, "noise": noise, "steps": 1000, **changed})


def langevin(**changed) -> dict:
    potential = {"kind": "expression", "energy": "x**2/2", "variables": ["x"]}
    own = {"kind": "langevin", "potential": potential, "start": [0.0], "temperature": 0.5, "steps": 1000}
    return study(**{**own, **changed})


def basins(**changed) -> dict:
    return study(**{"kind": "basins", "potential": {"kind": "quartic"}, "temperature": 0.5, "steps": 1000, **changed})


def network(**changed) -> dict:
    own = {"kind": "network", "data": {"name": "digits"}, "architecture": {"kind": "softmax"}, "steps": 1000}
    return study(**{**own, **changed})


def interpolation(**changed) -> dict:
    end = {"batch_size": 4, "learning_rate": 0.1, "steps": 10}
    own = {"kind": "interpolation", "architecture": {"kind": "mlp", "hidden": [2]}, "endpoints": {"a": end, "b": end}}
    return study(**{**own, **changed})


def potential(**changed) -> dict:
    return study(**{"kind": "random_potential", "alpha": 1.0, "ln_time": [0.0, 2.0], **changed})


def scanned(config_of: dict, key: str, points: int) -> dict:
    return {**config_of, "scan": {key: {"linear": [0.1, 1.0, points]}}}


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
    given["models"]["m"][path[-1]] = advised
    check(given)
    given["models"]["m"][path[-1]] = round(1.35 * advised)
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


CONFIG = """\
name: large
seed: 1
sgd: {learning_rate: 0.1, batch_size: 4}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 0.5]}
    noise: {kind: isotropic, scale: 0.4}
    steps: 1000
    replicas: 256
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    (tmp_path / "study.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("sixteen_gigabytes")
def test_a_refusal_is_one_line_with_the_place_and_leaves_nothing(home, capsys):
    (home / "study.yaml").write_text(CONFIG.replace("256", "100000000"), encoding="utf-8")
    assert cli.main(["simulate", "study.yaml"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("study.yaml:10: models.ou.replicas: ou needs about ")
    assert shown.err.count("\n") == 1
    assert [file.name for file in home.iterdir()] == ["study.yaml"]

    (home / "study.yaml").write_text(CONFIG, encoding="utf-8")
    assert cli.main(["simulate", "study.yaml", "--set", "models.ou.replicas=100000000"]) == 2
    assert capsys.readouterr().err.startswith("--set models.ou.replicas=100000000: ou needs about ")
    (home / "study.yaml").write_text(CONFIG.replace("256", "100000000"), encoding="utf-8")
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


# the memory of the machine


def test_the_least_of_all_limits_counts(tmp_path):
    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="ascii")

    write("one", "4:cpu:/a\n3:memory:/a/b\n")
    write("memory/a/b/memory.limit_in_bytes", "9223372036854771712\n")  # no limit
    write("memory/a/b/memory.usage_in_bytes", "7\n")
    write("memory/a/memory.limit_in_bytes", "4000\n")
    write("memory/a/memory.usage_in_bytes", "3000\n")
    write("memory/a/memory.stat", "cache 5\ninactive_file 300\ntotal_inactive_file 500\n")
    assert list(machine_memory._left_in_groups(tmp_path / "one", tmp_path)) == [1500]

    write("two", "0::/job\n")
    write("job/memory.max", "2000\n")
    write("job/memory.current", "1900\n")
    write("job/memory.stat", "anon 5\ninactive_file 50\n")
    write("memory.max", "max\n")
    assert list(machine_memory._left_in_groups(tmp_path / "two", tmp_path)) == [150]
    assert list(machine_memory._left_in_groups(tmp_path / "none", tmp_path)) == []
    assert 0 < machine_memory.available() < 1 << 50


def test_an_address_space_that_is_limited_counts():
    resource = pytest.importorskip("resource")
    code = (
        "import resource\n"
        "from langevin_sgd import machine_memory as memory\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, resource.RLIM_INFINITY))\n"
        "print(memory.available())"
    )
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 3 << 30


# against what is held


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


_CHILD = """
import json, resource, sys
import langevin_sgd, torch
langevin_sgd.simulate(json.loads(sys.argv[1]))
print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def resident_peak(given: dict) -> int:
    done = subprocess.run([sys.executable, "-c", _CHILD, json.dumps(given)], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


_TINY = {"steps": 20, "replicas": 16}
_FEW_TIMES = {"ln_time": [0.0, 1.0], "record_times": 3}
MIDDLE = {
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


# how long it will take


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_takes_long_is_said_once_at_the_measured_rate():
    clock, stream = Clock(), io.StringIO()
    shown = progress.Forecast(progress.QuietProgress(stream), "m", clock)
    shown.begin("m")
    for second, done in enumerate([0, 10, 110, 210, 310, 410, 510]):  # the first ten while it was compiled
        clock.now = float(second)
        shown.update(done, 1_000_000)
    # measured from second 1 to 4: 100 a second; the 999,690 that are left take 9,997 s
    assert stream.getvalue() == "m: about 2 h 46 min to go, for 1,000,000 steps at 100 a second\n"
    shown.begin("m: Hessian", unit="columns")
    for second in range(10, 20):
        clock.now = float(second)
        shown.update(second, 500)
    assert stream.getvalue().count("\n") == 1  # eight minutes
    shown.begin("m: probe", unit="replicas")
    for second in range(10_000, 10_020, 5):  # when all was to be over
        clock.now = float(second)
        shown.update(second, 11_000)
    assert stream.getvalue().splitlines()[1:] == [
        "m: probe: about 16 min 30 s to go, for 11,000 replicas at 1.0 a second"
    ]


def test_a_scan_of_networks_is_foretold_as_a_whole_and_once(monkeypatch):
    clock, stream = Clock(), io.StringIO()

    def run(model, sgd, *, name, progress, **_others):
        progress.begin(name)
        for step in range(301):
            clock.now += 1.0
            progress.update(step, 300)

    monkeypatch.setattr(network_scan, "run", run)
    study_of_three = scanned(network(steps=300), "sgd.learning_rate", 3)
    study = config.parse(study_of_three)
    points = [(point.models["m"], point.effective_sgd("m")) for point in study.points("m")]
    forecast = progress.Forecast(progress.QuietProgress(stream), "m", clock)
    network_scan.run_points(points, Context(study, "m", progress=forecast))
    # by the fifth second 4 of 3 x 300 steps are done
    assert stream.getvalue() == "m: point 1 of 3: about 14 min 56 s to go, for 900 steps at 1.0 a second\n"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_long_model_gives_notice_on_the_command_line(home, capsys, monkeypatch, quiet):
    monkeypatch.setattr(progress, "SECONDS_OF_PROBE", 0.0)
    monkeypatch.setattr(progress, "SECONDS_WORTH_A_NOTICE", 0.0)
    assert cli.main(["simulate", "study.yaml", *(["--quiet"] if quiet else [])]) == 0
    assert [line[:21] for line in capsys.readouterr().err.splitlines()] == ["ou: exact jumps: about"[:21]]


def test_a_billion_steps_that_cost_nothing_are_no_long_run(home, capsys):
    assert cli.main(["simulate", "study.yaml", "--quiet", "--set", "models.ou.steps=1000000000"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("given", [langevin(steps=10**9), basins(steps=10**9, laws=False)])
def test_a_billion_steps_never_start_silently(given, monkeypatch):
    """The first word comes within seconds, not after a hundredth of the run."""

    class Heard(Exception):
        pass

    class Listening(progress.NullProgress):
        def notice(self, text: str) -> None:
            raise Heard(text)

    monkeypatch.setattr(progress, "SECONDS_OF_PROBE", 0.2)
    monkeypatch.setattr(progress, "SECONDS_WORTH_A_NOTICE", 5.0)  # a large machine may be done in ten minutes
    with pytest.raises(Heard, match="1,000,000,000 steps"):
        langevin_sgd.simulate(given, progress=Listening())


def test_ten_million_disorders_never_start_silently(monkeypatch):
    class Heard(Exception):
        pass

    class Listening(progress.NullProgress):
        def notice(self, text: str) -> None:
            raise Heard(text)

    monkeypatch.setattr(progress, "SECONDS_OF_PROBE", 0.2)
    monkeypatch.setattr(progress, "SECONDS_WORTH_A_NOTICE", 5.0)  # a large machine may be done in ten minutes
    monkeypatch.setattr(machine_memory, "available", lambda: 1 << 50)
    given = potential(disorders=10**7, half_width=100, ln_time=[0.0, 0.5], record_times=2)
    with pytest.raises(Heard, match="10,000,000 disorders"):
        langevin_sgd.simulate(given, progress=Listening())
