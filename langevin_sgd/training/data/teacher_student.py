"""The `teacher_student` data set: what a network of two layers with random weights answers."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Inputs, Needs, SyntheticSection


class TeacherStudentData(SyntheticSection):
    """y = (1/sqrt(h)) sum_j a_j tanh(w_j x/sqrt(d)), j = 1 ... h: x, w and a standard normal, w and a fixed."""

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_targets:teacher_student"
    name: Literal["teacher_student"]
    """Always `teacher_student`."""
    inputs: Inputs = 10
    """d, numbers of a sample."""
    hidden: PositiveWholeNumber = 4
    """h, hidden units of the teacher."""

    def needs(self) -> Needs:
        """The inputs, and the teacher."""
        return Needs(0, self.inputs, (self.inputs + 1) * self.hidden)

    def shape(self) -> DataShape:
        """One real target."""
        return DataShape(samples=self.samples, inputs=self.inputs)
