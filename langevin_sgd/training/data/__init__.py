"""Data sets: each a section that loads its samples; split and label noise are common to all.

To add one, write its section and its function, and add its line to `DATA`. One of the user's own is a function that
returns a `DataSet`, named in a config as "module:function"; an entry point may be such a function, or a section.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast

from langevin_sgd import import_path
from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.training.data.own import OwnData
from langevin_sgd.training.data.section import DataSection


class _DataFamily(Family[type[DataSection]]):
    """Members are sections, and functions: a section that calls it stands for one of those."""

    def __getitem__(self, name: str) -> type[DataSection]:
        found: Any = super().__getitem__(name)
        return cast(type[DataSection], found) if isinstance(found, type) else OwnData

    def function(self, name: str) -> Callable[..., Any]:
        """What `OwnData` calls: a function by its path, or by its entry point. Raises `UserError` as a family does."""
        found: Any = import_path.load(name) if ":" in name else super().__getitem__(name)
        return cast(Callable[..., Any], found)


DATA = _DataFamily(
    "data set",
    {
        "digits": "langevin_sgd.training.data.digits:DigitsData",
        "breast_cancer": "langevin_sgd.training.data.breast_cancer:BreastCancerData",
        "wine": "langevin_sgd.training.data.wine:WineData",
        "iris": "langevin_sgd.training.data.iris:IrisData",
        "diabetes": "langevin_sgd.training.data.diabetes:DiabetesData",
        "sample_image": "langevin_sgd.training.data.sample_image:SampleImageData",
        "mnist": "langevin_sgd.training.data.mnist:MnistData",
        "fashion_mnist": "langevin_sgd.training.data.fashion_mnist:FashionMnistData",
        "kmnist": "langevin_sgd.training.data.kmnist:KmnistData",
        "cifar10": "langevin_sgd.training.data.cifar10:Cifar10Data",
        "cifar100": "langevin_sgd.training.data.cifar100:Cifar100Data",
        "gaussian_mixture": "langevin_sgd.training.data.gaussian_mixture:GaussianMixtureData",
        "circle": "langevin_sgd.training.data.circle:CircleData",
        "spiral": "langevin_sgd.training.data.spiral:SpiralData",
        "linear_regression": "langevin_sgd.training.data.linear_regression:LinearRegressionData",
        "teacher_student": "langevin_sgd.training.data.teacher_student:TeacherStudentData",
        "sinusoids": "langevin_sgd.training.data.sinusoids:SinusoidsData",
        "harmonics": "langevin_sgd.training.data.harmonics:HarmonicsData",
        "npz": "langevin_sgd.training.data.npz:NpzData",
        "csv": "langevin_sgd.training.data.csv:CsvData",
    },
    group="langevin_sgd.data",
    is_member=lambda found: subclass_of(DataSection)(found) or (callable(found) and not isinstance(found, type)),
    needed="a function that returns a langevin_sgd.DataSet, or a subclass of langevin_sgd.training.DataSection,",
)
DATA_KINDS = Kinds(DATA, DataSection, key="name", named="digits", functions=OwnData, unread=True)
DataKind = Annotated[DataSection, DATA_KINDS]
