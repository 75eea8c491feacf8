"""The exact model against public deployments: what `rectify manifest` says must be what batou's own file components write.

    python3 tests/exact/public.py [options] CHECKOUT...

    --rectify PROGRAM   default: target/debug/rectify of this repository
    --batou VERSION     for all projects; may be repeated, then the first that configures the environment counts
                        (default: 2.7.1, 2.3.1)
    --with REQUIREMENT  a further package for batou's venv, `batou_ext` for most (may be repeated)
    --venvs DIR         where the venvs are kept (default: below the temp directory)
    --keep DIR          keep the copies that were compared there
    -v                  name every file that is not equal

A CHECKOUT is a directory with `environments` and `components`, or one that contains such directories. It is copied and
never written to. No part of CI: it needs checkouts and the package index.

For every environment

* a layout of before 2.3 is brought up by batou's own `batou migrate`,
* `connect_method` becomes `local` in the copy, as nobody can reach the hosts: the copy is base directory and target.
  Where files lie outside of it, batou's `Developer` sandbox is switched on as well, so that this machine is not touched,
* `WRITER` below runs plain batou (no probe): load, load_secrets, configure, then `deploy` of every root in batou's
  order; only components whose verify and update are those of `batou.lib.file` act, all others are passed over. Names that
  cannot be resolved here get an address of 192.0.2.0/24,
* what is on disk then is compared with the manifest:
  equal, different (must be 0), unknown (rectify says that it does not know), unlisted (on disk and not in the manifest),
  unwritten (known, but made by a component that was passed over).

The exit code is 1 if anything is different or unlisted.
"""
import argparse
import base64
import collections
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

WRITER = r'''
import functools, json, os, shutil, socket, sys
name, wanted, out = sys.argv[1], sys.argv[2], os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
base = os.getcwd()
real = socket.getaddrinfo

def getaddrinfo(host, port, family=0, *a, **kw):
    try:
        return real(host, port, family, *a, **kw)
    except socket.gaierror:
        if family == socket.AF_INET6:
            raise
        number = int(port) if str(port or 0).isdigit() else 0
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", number))]

socket.getaddrinfo = getaddrinfo
socket.gethostbyname = lambda host: getaddrinfo(host, 0, socket.AF_INET)[0][4][0]
import batou.component, batou.environment, batou.lib.file
from types import SimpleNamespace

report = {"errors": [], "passed_over": {}, "outside": [], "hosts": [], "deployed": 0}

def error(e):
    try:
        text = str(e)
    except Exception:
        text = repr(e)
    report["errors"].append("%s: %s" % (type(e).__name__, " ".join(text.split())[:300]))

def done():
    json.dump(report, out)
    out.flush()
    os._exit(0)

env = batou.environment.Environment(name)
env.deployment = SimpleNamespace(environment=env, env_name=name, host_name=None, dirty=True, timeout=None, platform=None)
env.repository = SimpleNamespace(root=base, environment=env)
for step in ("load", "load_secrets", "configure"):
    try:
        env_errors = getattr(env, step)()
    except Exception as e:
        error(e)
        done()
    for e in list(env_errors or []) if step == "configure" else []:
        error(e)
    for e in getattr(env, "exceptions", []):
        error(e)
    env.exceptions = []
report["hosts"] = sorted(env.hosts)
if not wanted:
    done()

def inside(path):
    path = os.path.normpath(os.path.join(base, path))
    return path.startswith(base + "/")

def plain(function):
    return getattr(function, "__module__", None) in ("batou.lib.file", "batou.component")

def limit(component):
    """Leaves a component to act only if it is one of batou's file components and stays below `base`."""
    for sub in component.sub_components:
        limit(sub)
    kind = type(component)
    paths = [getattr(component, a) for a in ("path", "target", "pattern") if isinstance(getattr(component, a, None), str)]
    acts = kind.verify is not batou.component.Component.verify
    outside = [p for p in paths if not inside(p)]
    if acts and plain(kind.verify) and outside:
        report["outside"].extend(outside)
    owner = kind.__name__ in ("Owner", "Group") and plain(kind.verify)
    if not plain(kind.verify) or not plain(kind.update) or owner or (acts and outside):
        report["passed_over"][kind.__name__] = report["passed_over"].get(kind.__name__, 0) + 1
        component.verify = component.update = lambda *a, **kw: None
    elif acts:
        component.verify, component.update = lenient(component.verify), lenient(component.update)

def lenient(function):
    """Goes on past what fails here, because what was passed over is missing."""
    def call(*a, **kw):
        try:
            return function(*a, **kw)
        except AssertionError:
            raise
        except Exception as e:
            error(e)
    return functools.wraps(function)(call)

order, ready = [], set()
graph = env.root_dependencies()
graph = {root: set(v.get("dependencies", v) if isinstance(v, dict) else v) for root, v in graph.items()}
while graph:
    free = [r for r in env.root_components if r in graph and not graph[r] - ready]
    if not free:
        report["errors"].append("the dependencies have a cycle")
        break
    for root in free:
        graph.pop(root)
        ready.add(root)
        order.append(root)
for root in order:
    if root.host.name != wanted or not getattr(root.component, "_prepared", False) or root.ignore or root.host.ignore:
        continue
    limit(root.component)
    os.umask(0o026)
    try:
        os.chdir(root.defdir)
        root.component.deploy()
        report["deployed"] += 1
    except Exception as e:
        error(e)
done()
'''


def python_of(version, extras, venvs):
    """The Python of a venv with this batou; made when missing."""
    key = hashlib.sha256(repr(sorted(extras)).encode()).hexdigest()[:6] if extras else "bare"
    home = os.path.join(venvs, "%s-%s" % (version, key))
    python, done = os.path.join(home, "bin/python"), os.path.join(home, "rectify.ready")
    if not os.path.exists(done):
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "batou==" + version,
                        "setuptools<81", *extras], check=True)
        open(done, "w").close()
    return python


def projects(checkout):
    """Every directory at or below with a batou project in it."""
    for folder, dirs, _ in os.walk(checkout):
        dirs[:] = sorted(d for d in dirs if d not in (".git", ".hg", ".appenv", "work"))
        if "environments" in dirs:
            yield folder
            dirs[:] = []


def environments(project):
    folder = os.path.join(project, "environments")
    for name in sorted(os.listdir(folder)):
        if os.path.exists(os.path.join(folder, name, "environment.cfg")):
            yield name
        elif name.endswith(".cfg"):
            yield name[:-4]


def localise(project, name, sandbox):
    """Lets the environment be deployed to the copy itself."""
    path = os.path.join(project, "environments", name, "environment.cfg")
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    out, section, seen = [], None, False
    for line in lines:
        if line.startswith("["):
            section = line.split("]")[0][1:].strip()
            seen |= section == "environment"
        key = re.split("[=:]", line)[0].strip()
        if section == "environment" and key in ("connect_method", "target_directory", "update_method", "require_sudo"):
            continue
        if section == "vfs" and sandbox:
            continue
        out.append(line)
        if line.startswith("[") and section == "environment":
            out.append("connect_method = local")
    if not seen:
        out[:0] = ["[environment]", "connect_method = local"]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out + (["[vfs]", "sandbox = Developer"] if sandbox else [])) + "\n")


def run(command, cwd):
    # A copy of the environment without what a batou around us would have set.
    env = {k: v for k, v in os.environ.items() if not k.startswith("APPENV")}
    return subprocess.run(command, cwd=cwd, env=dict(env, APPENV_BASEDIR=cwd), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def write(python, project, name, host):
    p = run([python, "-B", "-c", WRITER, name, host], project)
    try:
        return json.loads(p.stdout)
    except ValueError:
        return {"errors": ["it crashed: " + " ".join(p.stderr.decode("utf-8", "replace").split()[-30:])], "hosts": []}


def prepare(source, name, python, sandbox, work):
    """A fresh copy of the project; None with the reason if batou cannot bring it up."""
    project = os.path.join(work, "project")
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(source, project, symlinks=True, ignore=shutil.ignore_patterns(".git", ".hg", ".appenv", "work"))
    batou = os.path.join(os.path.dirname(python), "batou")
    p = run([batou, "migrate"], project)
    if not os.path.exists(os.path.join(project, "environments", name, "environment.cfg")):
        said = (p.stderr or p.stdout).decode("utf-8", "replace").split("\n")
        return None, "batou migrate did not bring up the layout: " + (said[-2] if len(said) > 1 else said[0])
    localise(project, name, sandbox)
    return project, None


def snapshot(project):
    found = {}
    for folder, dirs, files in os.walk(project):
        for entry in dirs + files:
            found[os.path.join(folder, entry)] = os.lstat(os.path.join(folder, entry)).st_ino
    return found


def text_bytes(text):
    return base64.b64decode(text[1:]) if text.startswith("\0") else text.encode("utf-8")


def judge(path, artifact):
    """equal, different or unknown; with the reason."""
    (kind, value), = artifact["expected"].items() if isinstance(artifact["expected"], dict) else [(artifact["expected"], None)]
    try:
        s = os.lstat(path)
    except FileNotFoundError:
        return ("equal", "") if kind == "absent" else ("unwritten", "")
    mode = artifact.get("mode")
    if mode is not None and not stat.S_ISLNK(s.st_mode) and stat.S_IMODE(s.st_mode) != mode:
        return "different", "mode %o, expected %o" % (stat.S_IMODE(s.st_mode), mode)
    if kind == "absent":
        return "different", "it is there"
    if kind == "directory":
        return ("equal", "") if os.path.isdir(path) else ("different", "no directory")
    if kind == "link":
        target = value["target"].get("known")
        if not isinstance(target, str):
            return "unknown", json.dumps(value)
        there = os.fsencode(os.readlink(path)) if os.path.islink(path) else None
        return ("equal", "") if there == text_bytes(target) else ("different", "link to %r, not %r" % (there, target))
    if kind != "file":
        return "unknown", kind
    if not os.path.isfile(path):
        return "different", "no file"
    with open(path, "rb") as f:
        disk = f.read()
    if "unknown" in value:
        return "unknown", json.dumps(value["unknown"])
    if "bytes" in value:
        return ("equal", "") if text_bytes(value["bytes"]) == disk else ("different", "bytes")
    if "digest" in value:
        algorithm, _, digest = value["digest"]["digest"].partition(":")
        return ("equal", "") if hashlib.new(algorithm, disk).hexdigest() == digest else ("different", "digest")
    return "unknown", json.dumps(value)[:200]


def compare(manifest, host, project, before):
    """Counts, and [(path, verdict, reason)] of what is not equal."""
    counts, notes, listed = collections.Counter(), [], set()
    by_path = {}
    for artifact in manifest["artifacts"]:
        if artifact["host"] == host:
            by_path.setdefault(artifact["path"], []).append(artifact)
    for path, claims in sorted(by_path.items()):
        listed.add(path)
        verdicts = [judge(path, claim) for claim in claims]
        # Several roots may claim one path; the last one deployed has it.
        verdict = min(verdicts, key=lambda v: ["equal", "unknown", "unwritten", "different"].index(v[0]))
        if all("directory" in claim["expected"] for claim in claims) and verdict[0] == "equal":
            counts["directories"] += 1
            continue
        counts[verdict[0]] += 1
        if verdict[0] != "equal":
            notes.append((path, *verdict))
    for path, inode in snapshot(project).items():
        # batou keeps the differences that it showed
        own = "/work/.batou-diffs/" in path
        if before.get(path) != inode and path not in listed and not os.path.isdir(path) and not own:
            counts["unlisted"] += 1
            notes.append((path, "unlisted", ""))
    return counts, notes


def check(source, name, args, work):
    """(batou version, counts, notes, remarks) of one environment."""
    reasons, best = [], None
    for version in args.batou or ["2.7.1", "2.3.1"]:
        python = python_of(version, args.extra, args.venvs)
        project, why = prepare(source, name, python, False, work)
        if why:
            reasons.append("%s: %s" % (version, why))
            continue
        report = write(python, project, name, "")
        if report["errors"] or not report["hosts"]:
            reasons.append("%s: %s" % (version, "; ".join(dict.fromkeys(report["errors"])) or "no hosts"))
        if report["hosts"] and (best is None or len(report["errors"]) < best[0]):
            best = (len(report["errors"]), version, python)
        if best and best[0] == 0:
            break
    if best is None:
        return None, None, [], reasons
    errors, version, python = best
    remarks = []
    if errors:
        remarks.append("configured in part: " + next(r for r in reasons if r.startswith(version)))
    for sandbox in (False, True):
        project, _ = prepare(source, name, python, sandbox, work)
        hosts = write(python, project, name, "")["hosts"]
        total, notes, outside, passed = collections.Counter(), [], [], set()
        spec = os.path.join(work, "manifest.json")
        p = run([args.rectify, "manifest", name, "--python", python, "--evaluate", "exact", "-o", spec], project)
        if not os.path.exists(spec):
            return version, None, [], remarks + ["rectify: " + p.stderr.decode("utf-8", "replace").strip()[:300]]
        with open(spec) as f:
            manifest = json.load(f)
        os.unlink(spec)
        for host in hosts:
            shutil.rmtree(os.path.join(project, "work"), ignore_errors=True)
            before = snapshot(project)
            report = write(python, project, name, host)
            counts, found = compare(manifest, host, project, before)
            total += counts
            notes += found
            outside += report.get("outside", [])
            if not errors and report["errors"]:
                remarks.append("%s: %s" % (host, "; ".join(dict.fromkeys(report["errors"]))))
            passed |= set(report.get("passed_over", ()))
        if not outside:
            break
        if sandbox:
            remarks.append("outside even in the sandbox: " + ", ".join(sorted(set(outside))))
    if sandbox:
        remarks.append("Developer sandbox")
    if passed:
        remarks.append("passed over: " + ", ".join(sorted(passed)))
    for diagnostic in manifest["diagnostics"]:
        remarks.append("rectify says: %s %s" % (diagnostic["code"], diagnostic["message"]))
    return version, total, [(os.path.relpath(p, project), *rest) for p, *rest in notes], remarks


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("checkouts", nargs="+", metavar="CHECKOUT")
    p.add_argument("--rectify", default=os.path.join(TOP, "target/debug/rectify"))
    p.add_argument("--batou", action="append")
    p.add_argument("--with", action="append", dest="extra", default=[])
    p.add_argument("--venvs", default=os.path.join(tempfile.gettempdir(), "rectify-public-venvs"))
    p.add_argument("--keep")
    p.add_argument("-v", action="store_true", dest="verbose")
    args = p.parse_args()
    bad = 0
    columns = ("equal", "unknown", "different", "unlisted", "unwritten", "directories")
    print("%-44s %-7s %s" % ("project, environment", "batou", " ".join("%11s" % c for c in columns)))
    for checkout in args.checkouts:
        checkout = os.path.abspath(checkout)
        for source in projects(checkout):
            label = os.path.relpath(source, os.path.dirname(checkout))
            for name in environments(source):
                work = os.path.realpath(tempfile.mkdtemp(prefix="rectify-public-"))
                try:
                    version, counts, notes, remarks = check(source, name, args, work)
                    if args.keep:
                        shutil.copytree(work, os.path.join(args.keep, label.replace("/", "-"), name), symlinks=True)
                finally:
                    shutil.rmtree(work, ignore_errors=True)
                title = "%s, %s" % (label, name)
                if counts is None:
                    why = "not compared" if version else "batou itself does not configure it"
                    print("%-44s %-7s %s" % (title, version or "-", why))
                else:
                    print("%-44s %-7s %s" % (title, version, " ".join("%11d" % counts[c] for c in columns)))
                    bad += counts["different"] + counts["unlisted"]
                for remark in remarks:
                    print("    " + remark)
                for path, verdict, reason in notes:
                    if args.verbose or verdict in ("different", "unlisted"):
                        print("    %-10s %s %s" % (verdict, path, reason))
                sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
