"""What a user's own code sets for the whole process is put back: other models' numbers do not depend on it."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd import import_path, user_code
from langevin_sgd.errors import UserError

SETTINGS = {
    "dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "device": (lambda: torch.set_default_device("meta"), lambda: (torch.zeros(1).device, torch.get_default_device())),
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), torch.get_num_threads),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True),
        torch.are_deterministic_algorithms_enabled,
    ),
    "hooks": (
        lambda: nn.modules.module.register_module_forward_hook(lambda module, inputs, output: 1.5 * output),
        lambda: float(nn.Identity()(torch.ones(()))),
    ),
    "numpy": (lambda: np.seterr(all="raise"), np.geterr),
    "directory": (lambda: os.chdir("/"), os.getcwd),
}


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_put_back(name, raises):
    change, read = SETTINGS[name]
    before, inside = read(), []

    def own() -> None:
        change()
        inside.append(read())
        if raises:
            raise ValueError("as it is")

    try:
        user_code.call("it failed", own)
    except UserError:
        assert raises
    assert inside != [before]
    assert read() == before


def test_so_is_what_an_import_sets(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "sets_as_it_is_imported.py").write_text(
        "import torch\ntorch.set_default_dtype(torch.float64)\n\n\ndef make():\n    return torch.zeros(1).dtype\n"
    )
    make = import_path.load("sets_as_it_is_imported:make")
    assert make() == torch.get_default_dtype() == torch.float32


def test_other_models_have_the_same_bits_whatever_one_sets_and_whatever_was_set_before(monkeypatch):
    made = types.ModuleType("sets_much")
    labels = np.arange(24) % 3
    made.data = lambda: lsgd.DataSet(np.random.default_rng(0).normal(size=(24, 4)), labels, classes=3)

    def sets_much() -> nn.Module:
        for name in ("dtype", "gradients", "hooks", "threads"):
            SETTINGS[name][0]()
        return nn.Linear(4, 3)

    made.sets_much = sets_much
    monkeypatch.setitem(sys.modules, "sets_much", made)
    plain = {
        "kind": "network", "data": {"name": "sets_much:data", "test_fraction": 0}, "replicas": 2, "steps": 3,
        "record_times": 2, "precision": "float64", "architecture": {"kind": "softmax"},
    }  # fmt: skip
    own = {**plain, "architecture": {"kind": "module", "factory": "sets_much:sets_much"}}
    study = {
        "name": "settings",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 4},
        "models": {"first": plain, "own": own, "last": plain},
        "checks": [],
    }
    tree = lsgd.simulate(study, device="cpu")
    assert tree["own"].attrs["status"] == "done"
    assert tree["first"].to_dataset().identical(tree["last"].to_dataset())
    torch.set_default_dtype(torch.float64)
    try:
        again = lsgd.simulate({**study, "models": {"first": plain}}, device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    assert again["first"].to_dataset().equals(tree["first"].to_dataset())


def test_torch_is_not_imported_for_it_and_put_back_if_the_code_imports_it(tmp_path):
    """In a process of its own, where nothing has imported torch before."""
    (tmp_path / "sets_threads.py").write_text(
        "import torch\ntorch.set_num_threads(7)\ntorch.set_default_dtype(torch.float64)\n\n\ndef make():\n    pass\n"
    )
    program = (
        "import sys\nfrom langevin_sgd import import_path, user_code\n"
        "finders = list(sys.meta_path)\n"
        "user_code.call('', int)\nassert 'torch' not in sys.modules\n"
        "import_path.load('sets_threads:make')\nimport torch\n"
        "assert torch.get_num_threads() != 7\nassert torch.get_default_dtype() == torch.float32\n"
        "assert sys.meta_path == finders"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    assert ran.returncode == 0, ran.stderr
