#!/usr/bin/env python3
"""Two revisions of a real deployment as directory trees, for the simulated incidents.

    states.py DIR

DIR/tree          the checkout of the large fixture (a git repository with both revisions), deployed by the real batou
                  and zc.buildout: first revision 1, then revision 2 on top of it
DIR/before, DIR/after
                  what lay on the host after each of them, below the tree's own absolute path
DIR/revisions     the two commits, one a line

Revision 2 changes templates and plain files, upgrades packages (Django 4.2 to 5.0 among them), has one more file and one
less, and meanwhile the users wrote data.  Needs what fixtures/deployments/large/deploy.sh needs; only the first run asks
PyPI.  What is there stays: remove DIR to begin anew.
"""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
LARGE = TOP / "fixtures/deployments/large"
# The big package tree, and one small package that is upgraded beside it.
WHEELS = ["Django==4.2.16", "Django==5.0.9", "asgiref==3.8.1", "sqlparse==0.5.1", "tabulate==0.8.10"]

PORTAL = '''"""A second virtual environment, with one big package."""

from batou.component import Component
from batou.lib.file import File
from batou.lib.python import Package, VirtualEnv


class Portal(Component):
    def configure(self):
        venv = VirtualEnv("3")
        self += venv
        for package, version in [("asgiref", "3.8.1"), ("sqlparse", "0.5.1"), ("Django", "{django}")]:
            venv += Package(package, version=version, check_package_is_module=False)
        for number in range({sites}):
            self += File(f"site-{{number:03}}.conf", source="site.conf.j2", template_context=None)
'''

SITE = '''# Virtual host of the portal, written by the deployment.
{% for n in range(60) %}
location /part-{{n}} { proxy_pass http://127.0.0.1:PORT/part-{{n}}; proxy_read_timeout {{n}}s; }
{% endfor %}
'''


def run(*argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def edit(path, *changes):
    text = path.read_text()
    for old, new in changes:
        if old not in text:
            sys.exit(f"{path}: there is no {old!r} to change")
        text = text.replace(old, new)
    path.write_text(text)


def commit(tree, message):
    run("git", "add", "-A", cwd=tree)
    run("git", "-c", "user.name=states", "-c", "user.email=states@localhost", "commit", "-q", "-m", message, cwd=tree)
    return run("git", "rev-parse", "HEAD", cwd=tree).strip()


def keep(tree, state):
    """The deployed part of the host, at its own absolute path, with times and owners."""
    target = pathlib.Path(f"{state}{tree}")
    target.mkdir(parents=True)
    run("cp", "-a", "--", str(tree / "work"), str(target))


def portal(tree, django, port, sites):
    place = tree / "components/portal"
    place.mkdir(exist_ok=True)
    text = PORTAL.format(django=django, sites=sites).replace(", template_context=None", "")
    (place / "component.py").write_text(text)
    (place / "site.conf.j2").write_text(SITE.replace("PORT", str(port)))


def users_work(tree, seed):
    """What happens to data and logs in ordinary operation."""
    dice = random.Random(seed)
    var = tree / "work/store/var"
    with (var / "journal.log").open("a") as journal:
        journal.write("".join(f"order {dice.randrange(10**9)} accepted\n" for _ in range(2000)))
    database = sqlite3.connect(var / "orders.sqlite")
    database.executemany("insert into orders (item) values (?)", [(f"{dice.random()}",) for _ in range(500)])
    database.execute("update orders set item = item || '!' where id % 7 = 0")
    database.commit()
    database.close()
    for number in range(8):
        (var / "blobs" / f"{seed}-{number:04}.bin").write_bytes(dice.randbytes(dice.randrange(100, 60000)))
    with (tree / "work/app/var/log/app.log").open("a") as log:
        log.write("".join(f"{dice.random()} request\n" for _ in range(3000)))


def wheels(cache, tree):
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "complete").exists():
        # One at a time: two versions of one package are two requests.
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        for wheel in WHEELS:
            run(*pip, "-d", str(cache), wheel)
        (cache / "complete").touch()
    for wheel in cache.glob("*.whl"):
        shutil.copy2(wheel, tree / "upstream/wheels")


def main(place):
    place = pathlib.Path(place).resolve()
    if (place / "revisions").exists():
        return
    prepared = pathlib.Path(os.environ.get("RECTIFY_CONVERGENCE", TOP / ".cache/convergence"))
    if "RECTIFY_FIXTURE_CACHE" not in os.environ and (prepared / "cache").is_dir():
        os.environ["RECTIFY_FIXTURE_CACHE"] = str(prepared / "cache")
    cache = pathlib.Path(os.environ.get("RECTIFY_FIXTURE_CACHE", place / "cache"))
    for name in ("tree", "before", "after"):
        shutil.rmtree(place / name, ignore_errors=True)
    tree = place / "tree"
    run("sh", str(LARGE / "deploy.sh"), str(tree))
    wheels(cache / "incidents", tree)
    run("git", "init", "-q", cwd=tree)
    (tree / ".gitignore").write_text("/work\n/upstream\n/.appenv\n/.fixture-complete\n__pycache__\n/.batou-lock\n")
    portal(tree, "4.2.16", 8080, 40)
    edit(tree / "environments/large/environment.cfg", ("store, frontend", "store, portal, frontend"))
    edit(tree / "components/pyenv/component.py", ('("tabulate", "0.9.0")', '("tabulate", "0.8.10")'))
    (tree / "components/settings/static/old.html").write_text("<p>This page goes away with revision 2.</p>\n" * 40)
    commits = [commit(tree, "Revision 1")]
    run(str(tree / "batou"), "deploy", "large")
    users_work(tree, 1)
    keep(tree, place / "before")

    portal(tree, "5.0.9", 9090, 44)
    edit(tree / "components/pyenv/component.py", ('("tabulate", "0.8.10")', '("tabulate", "0.9.0")'))
    edit(tree / "components/settings/long.txt.j2", ("quick brown fox", "slow grey wolf"))
    edit(tree / "environments/large/environment.cfg", ("Good morning", "Good evening"), ("8081", "8082"))
    (tree / "components/settings/static/old.html").unlink()
    (tree / "components/settings/static/new.html").write_text("<p>This page comes with revision 2.</p>\n" * 200)
    (tree / "components/settings/static/css/site.css").write_text(".row { margin: 1em }\n" * 900)
    commits.append(commit(tree, "Revision 2"))
    run(str(tree / "batou"), "deploy", "large")
    users_work(tree, 2)
    keep(tree, place / "after")
    (place / "revisions").write_text("\n".join(commits) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
