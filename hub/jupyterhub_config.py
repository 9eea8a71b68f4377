"""A hub for a class on one machine, started by root: `jupyterhub -f hub/jupyterhub_config.py`. See docs/teaching.md.

Whoever has an account on the machine logs in with its password. Each starts with private copies of the lessons in
`~/course`; the checkout itself, and the environment that runs this file, may be read-only.
"""

import os
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
c = get_config()  # noqa: F821 (JupyterHub defines it)

c.JupyterHub.bind_url = "http://:8000"  # behind a web server with a certificate, or in a network that you trust
# The proxy in Python of the same lock: no Node is needed.
c.ConfigurableHTTPProxy.command = [str(BIN / "configurable-http-proxy")]
c.Authenticator.allow_all = True  # of those who can log in

# Writes what is missing of the student's copies, then becomes the student's server; `course-view` overwrites no work.
START = '"$0" -m course_utils.tools.views student --to ~/course; exec "$0" -m jupyterhub.singleuser "$@"'
c.Spawner.cmd = ["sh", "-c", START, sys.executable]
c.Spawner.notebook_dir = "~"
c.Spawner.default_url = "/lab/tree/course/00_start_here.ipynb"
c.Spawner.http_timeout = c.Spawner.start_timeout = 120  # twenty start at once
c.Spawner.environment = {
    "COURSE_RESULTS": "~/course/results",
    "OMP_NUM_THREADS": "1",  # twenty kernels share the cores; more threads than cores wait for each other
}
c.Spawner.env_keep = ["PATH", "LANG", "LC_ALL", "COURSE_DATA"]

# A kernel that nobody has used for a class and a half is ended, also if its page is still open; the notebook is kept.
c.Spawner.args = [
    "--MappingKernelManager.cull_idle_timeout=8100",
    "--MappingKernelManager.cull_connected=True",
    "--ServerApp.shutdown_no_activity_timeout=10800",
]

# Where the votes are found while an instructor runs them, in a terminal of her own server, with
# `python -m course_utils.classroom.votes TOPIC --address https://HUB/services/votes`.
c.JupyterHub.services = [{"name": "votes", "url": os.environ.get("COURSE_VOTES_URL", "http://127.0.0.1:8766")}]
