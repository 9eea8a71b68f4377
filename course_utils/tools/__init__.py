"""The commands: experiments, views, the state of the machine."""

import sys


def any_console() -> None:
    """Let every console show what the commands print: what it has no letter for becomes "?", and nothing breaks off."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
