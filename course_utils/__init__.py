"""What the lessons of "Seven Weeks of Spikes" share.

Importing this package loads neither torch nor TensorFlow: a lesson imports the module that it uses.
"""

__version__ = "0.1.0"
