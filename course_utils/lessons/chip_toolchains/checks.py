"""The exercises of the lesson on the tools of real chips."""

from collections.abc import Sequence

from course_utils.classroom.exercise import Exercise


def _towards_zero(x: int) -> int:
    return (x > 0) - (x < 0)


def _leaked(v: int, b: int) -> int:
    return v - (v >> b or _towards_zero(v))


check_leaked = Exercise(
    right=_leaked,
    cases=[(103, 2), (-103, 2), (8, 3), (7, 3), (-1, 3), (3, 2), (0, 2), (1, 15), (-5, 0), (5, 0), (32767, 4)],
    draw=lambda rng: (int(rng.integers(-400, 400)), int(rng.integers(0, 6))),
    tolerance=1e-9,
    wrong={
        "A small potential never leaks away: 3 >> 2 is 0. The least loss is 1, towards 0.": lambda v, b: v - (v >> b),
        "That is what is lost. Asked for is what is left.":
            [lambda v, b: v >> b, lambda v, b: v >> b or _towards_zero(v)],
        "Right but for negative potentials: Python's `int` cuts towards 0, a shift of bits rounds down.":
            lambda v, b: v - (int(v / 2**b) or _towards_zero(v)),
        "This is a multiplication, and the result is no whole number. Use `>>`.": lambda v, b: v * (1 - 2**-b),
        "Negative potentials do not leak in yours. A shift rounds down: −1 >> b is −1.":
            lambda v, b: v - max(v >> b, int(v > 0)),
        "Only what the shift leaves without loss needs the least loss of 1.":
            lambda v, b: v - (v >> b) - _towards_zero(v),
        "At v = 0 nothing is lost.": lambda v, b: v - ((v >> b) or 1),
    },
    otherwise="What is lost is v >> b, but at least 1 towards 0.",
    solved="A shift and a subtraction: no multiplier is needed.",
)

STEP = 0.1  # Δt/τ of the exercise's membrane


def _spikes(
    x: Sequence[float],
    reset: float,
    refractory: int,
    silent: int = 0,
    frozen: bool = True,
    subtracts: bool = False,
) -> list[int]:
    """Spikes of the exercise's neuron; `silent` steps more, or fewer; `frozen`: held at the reset, not only silent."""
    v, left, spikes = 0.0, 0, []
    for now in x:
        v = v if left > 0 and frozen else v + STEP * (now - v)
        fires = v > 1 and left <= 0
        spikes.append(int(fires))
        v, left = (v - 1 if subtracts else reset, refractory + silent) if fires else (v, left - 1)
    return spikes


check_refractory_spikes = Exercise(
    right=_spikes,
    cases=[([5.0] * 20, 0.0, 0), ([5.0] * 20, 0.0, 2), ([5.0] * 20, -0.5, 0), ([0.9] * 20, 0.0, 1)],
    draw=lambda rng: (rng.uniform(0, 9, 30).tolist(), rng.uniform(-0.6, 0.2), int(rng.integers(0, 6))),
    wrong={
        "You leave out the refractory time.": lambda x, reset, refractory: _spikes(x, reset, 0),
        "The reset goes to `reset`, not to 0.": lambda x, reset, refractory: _spikes(x, 0.0, refractory),
        "One step too short: the step of the spike itself does not count.":
            lambda x, reset, refractory: _spikes(x, reset, max(refractory - 1, 0)),
        "One step too long.": {"silent": 1},
        "During the refractory time the membrane is held at `reset`. Yours goes on charging and only keeps silent.":
            {"frozen": False},
        "Subtracting 1 is another reset. This chip sets the membrane to `reset`.": {"subtracts": True},
    },
    otherwise="Hold v at `reset` for `refractory` steps after the step of the spike.",
    solved="The same input, fewer spikes: that is what two numbers of a calibration file can do.",
)
