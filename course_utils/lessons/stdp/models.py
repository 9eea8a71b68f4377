"""The windows with which the lesson on STDP takes the timing away, piece by piece."""

from course_utils.spiking.plasticity import PairSTDP

ENDLESS_MS = 1e12
WINDOWS = {
    "full rule": PairSTDP(),
    "no depression": PairSTDP(a_minus=0.0),
    "endless memory": PairSTDP(a_minus=0.0, tau_plus_ms=ENDLESS_MS),
    "both sides alike": PairSTDP(a_minus=-1e-3),
    "turned round": PairSTDP(a_plus=0.0, a_minus=-1e-3),
    "counts only": PairSTDP(a_minus=-1e-3, tau_plus_ms=ENDLESS_MS, tau_minus_ms=ENDLESS_MS),
}
