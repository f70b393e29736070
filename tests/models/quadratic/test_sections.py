"""Sections of H and C: what each makes of a Hessian's modes, against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from pydantic import TypeAdapter

from langevin_sgd.models.quadratic.covariance import Covariance, CovarianceSection
from langevin_sgd.models.quadratic.hessian import Hessian, HessianSection

COVARIANCE: TypeAdapter[CovarianceSection] = TypeAdapter(Covariance)
HESSIAN: TypeAdapter[HessianSection] = TypeAdapter(Hessian)
H = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 3.0]])
C = np.array([[1.0, 0.2, 0.1], [0.2, 2.0, 0.0], [0.1, 0.0, 0.5]])
K, V = (each[..., ::-1] for each in np.linalg.eigh(H))
LENT = {
    "net": xr.Dataset(
        {
            "hessian_eigenvalue": ("mode", K),
            "hessian_eigenvector": (("parameter", "mode"), V),
            "noise_covariance": (("parameter", "parameter_2"), C),
        }
    )
}


class Lender:
    """A model of three parameters."""

    def parameters(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("written", "matrix"),
    [
        ({"from": "net"}, H),
        ({"kind": "full", "matrix": H.tolist()}, H),
        ({"kind": "diagonal", "eigenvalues": [1.0, 3.0, 2.0]}, np.diag([1.0, 3.0, 2.0])),
    ],
)
def test_a_hessian_is_its_eigenbasis(written: dict[str, Any], matrix: np.ndarray) -> None:
    section = HESSIAN.validate_python(written)
    eigenvalues, vectors = section.eigenbasis(LENT)
    assert np.all(np.diff(eigenvalues) < 0)
    np.testing.assert_allclose(vectors @ np.diag(eigenvalues) @ vectors.T, matrix, atol=1e-14)
    assert section.size({"net": Lender()}) == 3  # type: ignore[dict-item]
    assert section.source() == written.get("from")


IN_MODES = V.T @ C @ V


@pytest.mark.parametrize(
    ("written", "expected", "size"),
    [
        ({"from": "net"}, IN_MODES, ("from", 3)),
        ({"kind": "full", "matrix": C.tolist()}, IN_MODES, ("matrix", 3)),
        ({"kind": "diagonal", "variances": [1.0, 2.0, 0.5]}, V.T @ np.diag([1.0, 2.0, 0.5]) @ V, ("variances", 3)),
        ({"kind": "diagonal", "from": "net"}, np.diag(np.diag(IN_MODES)), ("from", 3)),
        ({"kind": "isotropic", "scale": 1.5}, 2.25 * np.eye(3), ("scale", None)),
        ({"kind": "isotropic", "from": "net"}, np.trace(C) / 3 * np.eye(3), ("scale", None)),
    ],
)
def test_a_covariance_in_modes(written: dict[str, Any], expected: np.ndarray, size: tuple[str, int | None]) -> None:
    """V^T C V, symmetric; a measured diagonal one without what couples modes; an isotropic one with the same trace."""
    section = COVARIANCE.validate_python(written)
    found = section.in_modes(V, LENT)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    np.testing.assert_array_equal(found, found.T)
    assert section.size({"net": Lender()}) == size  # type: ignore[dict-item]
    assert section.source() == written.get("from")
    assert (written == {"from": "net"}) == section.AS_MEASURED


def test_strengths_are_the_diagonal_as_far_as_it_is_known() -> None:
    """Known before anything runs; of what is measured and not isotropic nothing is."""
    for written in ({"kind": "full", "matrix": C.tolist()}, {"kind": "diagonal", "variances": [1.0, 0.0, 0.5]}):
        section = COVARIANCE.validate_python(written)
        np.testing.assert_allclose(section.strengths(V, 3), np.diag(section.in_modes(V, {})), atol=1e-15)
        np.testing.assert_array_equal(section.strengths(None, 3), np.diag(section.in_modes(np.eye(3), {})))
    for written, known in (({"kind": "isotropic", "from": "net"}, 1.0), ({"from": "net"}, 0.0)):
        assert COVARIANCE.validate_python(written).strengths(V, 3).tolist() == [known] * 3
    assert COVARIANCE.validate_python({"kind": "diagonal", "from": "net"}).strengths(V, 3).tolist() == [0.0] * 3


def test_of_two_sources_the_one_that_was_chosen_is_written() -> None:
    for written in ({"from": "net"}, {"kind": "isotropic", "scale": 1.0}, {"kind": "diagonal", "from": "net"}):
        assert COVARIANCE.validate_python(written).model_dump(by_alias=True) == written
