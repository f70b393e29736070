"""Results that somebody put together, without the study that they are of, are drawn and not asked."""

import xarray as xr

from langevin_sgd.study.answers import answered_all


def test_results_without_a_study_are_as_they_are():
    made = {"m": xr.Dataset(attrs={"kind": "network", "status": "done"})}
    assert answered_all({}, made) == made
