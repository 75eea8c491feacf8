"""One deployment of the claims project by the real batou.

Needs batou 2.7.1 beside this Python, git, rsync, tar, unzip, make, and no network.
"""

import os
import shutil
import subprocess
import sys

import sources

HERE = os.path.dirname(os.path.abspath(__file__))

OVERRIDES = """
[component:archives]
base = file://{base}
tar = {sums[sample.tar]}
zip = {sums[sample.zip]}

[component:builds]
base = file://{base}
tar = {sums[cmmi-1.0.tar]}

[component:clones]
base = file://{base}
"""


class Deployment:
    """A checkout of the project in `directory`; batou deploys it in place."""

    def __init__(self, directory, base=None):
        """`base` is where the environment says the sources are; they are made below `directory`."""
        self.top, self.project = directory, directory + "/project"
        sums = sources.make(directory + "/sources")
        shutil.copytree(HERE + "/project", self.project, symlinks=True)
        with open(self.project + "/environments/claims/environment.cfg", "a") as f:
            f.write(OVERRIDES.format(base=base or directory + "/sources", sums=sums))
        self.environment = {
            **os.environ,
            "APPENV_BASEDIR": self.project,
            "PATH": os.path.dirname(sys.executable) + ":" + os.environ["PATH"],
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": directory + "/sources",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def deploy(self):
        """(whether batou was content, its output)"""
        done = subprocess.run(
            [os.path.dirname(sys.executable) + "/batou", "deploy", "claims"],
            cwd=self.project, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode == 0, done.stdout
