"""What the lessons of "Seven Weeks of Spikes" share.

Importing this package loads neither torch nor TensorFlow: a lesson imports the module that it uses.

What lies outside the shape or the range that a docstring gives is refused with a `ValueError` that names the argument,
its value and what is allowed (see `data.require`). A section "Raises" says what else may happen.
"""

__version__ = "0.1.0"
