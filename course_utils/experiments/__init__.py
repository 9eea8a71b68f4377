"""Trainings over several seeds that take longer than a lesson may. `course-experiment --list` names them."""
