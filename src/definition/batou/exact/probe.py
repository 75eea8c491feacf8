"""Ask the project's own batou what one environment would deploy; print it as JSON.

Run by the project's batou Python with the project directory as working directory:

    python -B -I - [options] ENVIRONMENT < probe.py

The model is configured as the deployment on the target would configure it, but nothing is written, started or
connected, and the live work directory cannot influence the result.  PROTOCOL.md describes the output.

How that is done, in the order of this file:

  Guard      an audit hook that refuses writes, processes and network and notes who tried
  View       file access is redirected: the project *appears* at its place on the target (so no path has to be rewritten
             afterwards), is *read* from the checkout, and `work` appears empty (as in a first deployment)
  Secrets    own decryption without temporary files; missing values become markers
  quiet_*    batou's own harmless side effects (hostmap.json, sandbox directories, DNS, `which`) are taken away
  Run        one load + configure.  With secrets there are two runs that differ in the secrets only: what differs between
             them stems from a secret, however it was transformed
  Dump       turns a configured environment into plain data
  settle     compares the two runs and removes what must not or cannot be told

Standard library only, Python 3.8 or newer, one file.
"""
import argparse
import ast
import base64
import builtins
import configparser
import errno
import hashlib
import io
import ipaddress
import json
import os
import posixpath
import re
import sys
import time
import traceback
from types import SimpleNamespace

PROBE_FORMAT = 1
STARTED = time.time()
ME = __name__  # our own frames are recognised by their globals, the file has no name when it comes from stdin

# The real functions, for our own use after View has replaced them.
REAL = SimpleNamespace(
    open=io.open, getcwd=os.getcwd, stat=os.stat, chdir=os.chdir, path_exists=os.path.exists,
    environ=dict(os.environ),
)


def arguments(argv):
    """The command line; see PROTOCOL.md."""
    p = argparse.ArgumentParser(prog="probe")
    p.add_argument("environment")
    p.add_argument("--host", help="dump only the roots of this host (the whole model is configured anyway)")
    p.add_argument("--target-base", help="directory of the deployment on the target, symlinks resolved")
    p.add_argument("--target-home", help="home directory of the service user on the target")
    p.add_argument("--platform", help="as the option of batou deploy")
    p.add_argument("--timeout", help="as the option of batou deploy")
    p.add_argument("--secrets", default="auto", choices=["auto", "skip"])
    p.add_argument("--order", type=int, default=0, help="0 sorted, 1 reversed, n a fixed shuffle")
    p.add_argument("--content", default="full", choices=["full", "digest"])
    p.add_argument("--max-inline", type=int, default=1 << 20)
    p.add_argument("--pretty", action="store_true")
    args = p.parse_args(argv)
    for name in ("target_base", "target_home"):
        if not (getattr(args, name) or "/").startswith("/"):
            p.error("--%s must be absolute" % name.replace("_", "-"))
    return args


def inside(path, directory):
    return path == directory or path.startswith(directory.rstrip("/") + "/")


class Denied(PermissionError):
    """Raised where a component tried something that a probe must not do."""


class Current:
    """The component that is being configured right now; reads and attempts are charged to it."""

    def __init__(self):
        self.stack, self.project = [], None
        self.loading = {}  # the same for the top level of component files: any component may depend on it

    @property
    def component(self):
        return self.stack[-1] if self.stack else None

    def note(self, what, value):
        """Charge `value` to the current component; the sets are read by Dump."""
        if self.stack:
            self.stack[-1].__dict__.setdefault("_probe_notes", {}).setdefault(what, set()).add(value)
        elif called_by_project(self.project):
            self.loading.setdefault(what, set()).add(value)


class Guard:
    """Refuse writes, processes and network; remember every attempt, also when the caller swallows the error.

    It is no sandbox: C extensions that do not raise audit events get through.  Rust adds bubblewrap where there is one.
    """

    WRITE = {
        "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.chmod", "os.chown", "os.chflags",
        "os.truncate", "os.utime", "os.setxattr", "os.removexattr", "os.lchmod", "os.lchown", "shutil.rmtree",
        "shutil.copyfile", "shutil.copymode", "shutil.copystat", "shutil.copytree", "shutil.move", "shutil.chown",
        "shutil.make_archive", "shutil.unpack_archive", "tempfile.mkstemp", "tempfile.mkdtemp", "ensurepip.bootstrap",
    }
    PROCESS = {
        "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn",
        "os.kill", "os.killpg", "os.startfile", "webbrowser.open",
    }
    NETWORK = {
        "socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
        "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request", "http.client.connect", "ftplib.connect",
        "smtplib.connect", "poplib.connect", "imaplib.open", "telnetlib.Telnet.open", "nntplib.connect",
    }
    WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def __init__(self, checkout, current):
        self.checkout, self.current = checkout, current
        self.phase = "import"
        self.project = checkout  # where the project appears; set once the target is known
        self.attempts, self.files, self.directories = {}, set(), set()
        self.decrypting = self.busy = False

    def install(self):
        sys.addaudithook(self.hook)
        for name in ("mkfifo", "mknod"):  # no audit events
            setattr(os, name, lambda *a, _n=name, **k: self.refuse("write", "os." + _n, a[:1]))

    def hook(self, event, args):
        if self.busy or self.phase == "done":
            return
        if event == "open":
            path, mode, flags = (tuple(args) + (None, None, None))[:3]
            if not isinstance(path, (str, bytes)):
                return
            path = os.fsdecode(path)
            writing = bool(flags and flags & self.WRITING) or bool(mode and set(mode) & set("wax+"))
            if not writing:
                self.files.add(path)
            elif path != os.devnull:
                self.refuse("write", "open", (path,))
        elif event in ("os.listdir", "os.scandir"):
            if isinstance(args[0], (str, bytes)):
                self.directories.add(os.fsdecode(args[0]))
        elif event in self.WRITE:
            self.refuse("write", event, args)
        elif event in self.PROCESS:
            program = os.path.basename(os.fsdecode(args[0])) if event in ("subprocess.Popen", "os.exec") else "age"
            if not (self.decrypting and program in ("age", "rage", "gpg", "gpg2") and event in (
                    "subprocess.Popen", "os.forkpty", "os.exec", "os.posix_spawn", "os.fork")):
                self.refuse("process", event, args)
        elif event in self.NETWORK:
            self.refuse("network", event, args)
        elif event == "sqlite3.connect" and args and args[0] != ":memory:":
            self.refuse("write", event, args)

    def refuse(self, kind, event, args):
        self.busy = True
        try:
            component = self.current.component
            if self.phase == "import" or imported_by_library(event):  # it is refused, that is all
                raise Denied(errno.EPERM, "rectify probe: %s refused during import: %s" % (kind, event))
            site = project_sites(self.project, 1)
            key = (self.phase, kind, event, repr(args[:2])[:300], root_id(component), json.dumps(site))
            self.attempts.setdefault(key, {
                "phase": self.phase, "kind": kind, "event": event, "detail": repr(args[:2])[:300],
                "root": root_id(component), "component": crumbs(component), "at": site[0] if site else None,
            })
            self.current.note("side_effects", kind)
        finally:
            self.busy = False
        raise Denied(errno.EPERM, "rectify probe: %s refused during %s: %s" % (kind, self.phase, event))

    def inputs(self):
        """Project files that were read, with digests: provenance and cache key."""
        out = []
        for path in sorted(self.files):
            relative = self.relative(path)
            if relative is None:
                continue
            try:
                with REAL.open(path, "rb") as f:
                    out.append({"path": relative, "sha256": hashlib.sha256(f.read()).hexdigest()})
            except OSError:
                pass
        return out

    def input_directories(self):
        """Project directories that were listed: a new file in one may change the model."""
        return sorted({r for r in map(self.relative, self.directories) if r is not None})

    def relative(self, path):
        path = os.path.normpath(os.path.join(self.checkout, path))
        if not inside(path, self.checkout) or path.endswith(".pyc"):
            return None
        relative = os.path.relpath(path, self.checkout)
        library = inside(path, sys.prefix) and sys.prefix != self.checkout or "/site-packages/" in path
        return None if library or relative.split("/")[0] in (".appenv", ".batou", ".git", ".hg") else relative


def project_sites(base, limit):
    """[{file, line}] of the stack frames inside the project, innermost first."""
    out, frame = [], sys._getframe(1)
    while frame is not None and len(out) < limit:
        name = frame.f_code.co_filename
        if frame.f_globals.get("__name__") != ME and inside(name, base) and not inside(name, base + "/.appenv"):
            out.append({"file": os.path.relpath(name, base), "line": frame.f_lineno})
        frame = frame.f_back
    return out


def imported_by_library(event):
    """Whether this is urllib3 that tries an IPv6 socket when it is imported: whether it may does not decide anything here."""
    frame = sys._getframe(3) if event == "socket.bind" else None
    return frame is not None and frame.f_code.co_name == "_has_ipv6" and frame.f_globals.get(
        "__name__", "").endswith("urllib3.util.connection")


def called_by_project(base):
    """Whether the nearest caller outside the standard library is project code."""
    library, frame = os.path.dirname(os.__file__), sys._getframe(2)
    while frame is not None and (frame.f_globals.get("__name__") == ME or (
            inside(frame.f_code.co_filename, library) and "-packages/" not in frame.f_code.co_filename)):
        frame = frame.f_back
    return base is not None and frame is not None and inside(frame.f_code.co_filename, base)


def root_id(component):
    try:
        root = component.root
        return "%s/%s" % (root.host.name, root.name)
    except Exception:
        return None


def crumbs(component):
    try:
        return component._breadcrumbs
    except Exception:
        return type(component).__name__ if component is not None else None


class View:
    """Let the project appear at `base`, where it is on the target, while it is read from `checkout`.

    base_dir, workdir, defdir, getcwd() and the file names of component modules are the target's from the start, so content
    needs no textual replacement.  `work` below either place does not exist for readers: what is deployed, perhaps damaged,
    must not decide what should be deployed.
    """

    def __init__(self, checkout, base, current):
        self.checkout, self.base, self.current = checkout, base, current
        library = [p for p in sys.path if p.startswith("/")] + [os.path.dirname(os.__file__)]
        library += [sys.prefix] if sys.prefix != sys.base_prefix else []
        self.library = tuple({*library, *map(os.path.realpath, library)})
        # An earlier revision is evaluated in an export, by the Python of the project at `base`: that one stays where it is, but
        # not what else of the project is on its path.
        own = [os.path.dirname(os.__file__)]
        if sys.prefix != sys.base_prefix:
            own += [sys.prefix] + [p for p in sys.path if inside(p, sys.prefix) and p.endswith("-packages")]
        own = {*own, *map(os.path.realpath, own)}
        self.interpreter = tuple(p for p in own if not inside(base, p) and not inside(checkout, p))
        self.missing = set()

    def locate(self, path, writing=False):
        """The path to hand to the system; FileNotFoundError for the live tree."""
        if not isinstance(path, (str, bytes)) and not hasattr(path, "__fspath__"):
            return path
        given = os.fspath(path)
        text = os.fsdecode(given)
        full = posixpath.normpath(text if text.startswith("/") else posixpath.join(os.getcwd(), text))
        if any(inside(full, p) for p in self.interpreter):
            return os.fsencode(full) if isinstance(given, bytes) else full
        for top in sorted((self.checkout, self.base), key=len, reverse=True):
            if inside(full, top):
                tail = full[len(top):]
                if inside(tail, "/work"):
                    if writing:
                        return path
                    self.current.note("reads_live_tree", full)
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), text)
                real = self.checkout + tail
                return os.fsencode(real) if isinstance(given, bytes) else real
        if not full.startswith(("/dev/", "/proc/self/")) and not any(inside(full, p) for p in self.library) \
                and not inside(self.base, full) and not inside(self.checkout, full):
            self.current.note("reads_outside", full)
        return path

    def install(self):
        import pathlib  # noqa: F401  before the functions are replaced, see below
        import tarfile  # noqa: F401
        import tokenize  # noqa: F401

        def redirect(module, name):
            real = getattr(module, name)

            def call(path=".", *a, **kw):
                if kw.get("dir_fd") is not None or path is None:
                    return real(path, *a, **kw)
                where = self.locate(path)
                try:
                    return real(where, *a, **kw)
                except FileNotFoundError:
                    if isinstance(where, str) and inside(where, self.checkout):
                        self.missing.add(os.path.relpath(where, self.checkout))
                    raise
            call.__name__ = name
            replaced[real] = call
            setattr(module, name, call)

        replaced = {}

        for name in ("stat", "lstat", "listdir", "scandir", "readlink", "access", "chdir", "statvfs"):
            redirect(os, name)
        real_os_open, real_getcwd = os.open, REAL.getcwd

        def os_open(path, flags, *a, **kw):
            if kw.get("dir_fd") is None:
                path = self.locate(path, bool(flags & Guard.WRITING))
            return real_os_open(path, flags, *a, **kw)

        def any_open(file, mode="r", *a, **kw):
            return REAL.open(self.locate(file, bool(set(mode) & set("wax+"))), mode, *a, **kw)

        def getcwd():
            here = real_getcwd()
            return self.base + here[len(self.checkout):] if inside(here, self.checkout) else here

        os.open, os.getcwd = os_open, getcwd
        os.getcwdb = lambda: os.fsencode(getcwd())
        builtins.open = io.open = any_open
        replaced[real_os_open], replaced[REAL.open] = os_open, any_open
        # Modules that took copies at their import; pathlib did until Python 3.10, without binding them as methods.
        for module, owner in (("tarfile", None), ("tokenize", None), ("pathlib", "_NormalAccessor")):
            namespace = sys.modules[module] if owner is None else getattr(sys.modules[module], owner, None)
            for name in dir(namespace) if namespace else ():
                try:
                    new = replaced.get(getattr(namespace, name))
                except TypeError:  # unhashable
                    continue
                if new is not None:
                    setattr(namespace, name, staticmethod(new) if owner else new)


class Names:
    """Name look-ups get addresses that are never real; who used one is remembered."""

    def __init__(self, current):
        self.current, self.stubs = current, {}

    def address(self, host, v6):
        # By name, not by turn: the second run and the other order must see the same addresses.
        n = int.from_bytes(hashlib.sha256(host.encode("utf-8", "replace")).digest()[:4], "big")
        address = "2001:db8:ffff::%x:%x" % (n >> 16, n & 0xFFFF) if v6 else "198.%d.%d.%d" % (
            18 + (n >> 16 & 1), n >> 8 & 255, n & 255)
        self.stubs[address] = host
        self.current.note("dns", host)
        return address

    def install(self):
        import socket

        def numeric(host):
            try:
                return str(ipaddress.ip_address(host))
            except ValueError:
                return None

        def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
            host = os.fsdecode(host) if isinstance(host, bytes) else (host or "localhost")
            out = []
            for fam, v6 in ((socket.AF_INET, False), (socket.AF_INET6, True)):
                if family not in (0, fam):
                    continue
                address = numeric(host)
                if address is not None and (":" in address) != v6:
                    continue
                if address is None:
                    if host in ("localhost", "ip6-localhost"):
                        address = "::1" if v6 else "127.0.0.1"
                    else:
                        address = self.address(host, v6)
                number = int(port) if str(port or 0).isdigit() else 0
                out.append((fam, type or socket.SOCK_STREAM, proto or 6, "",
                            (address, number, 0, 0) if v6 else (address, number)))
            if not out:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return out

        def here():
            self.current.note("reads_outside", "hostname")
            return os.uname().nodename

        socket.getaddrinfo = getaddrinfo
        socket.gethostbyname = lambda h: getaddrinfo(h, 0, socket.AF_INET)[0][4][0]
        socket.gethostbyname_ex = lambda h: (h, [], [socket.gethostbyname(h)])
        socket.gethostname = here
        socket.getfqdn = lambda name="": name or here()


class Secrets:
    """What the environment's encrypted files say, as far as the keys at hand allow.

    `overrides` {(component, key): text or None}, `host_data` {(host, key): ...}, `files` {name: ...}; None is "there is a
    value and we cannot read it".  `opaque` is true when not even the names of the overrides are known.
    """

    def __init__(self, checkout, environment, mode, old_style, guard):
        self.directory = os.path.join(checkout, "environments", environment)
        self.mode, self.old_style, self.guard = mode, old_style, guard
        self.overrides, self.host_data, self.files = {}, {}, {}
        self.opaque, self.problems, self.provider = False, [], None

    @property
    def status(self):
        values = [*self.overrides.values(), *self.host_data.values(), *self.files.values()]
        if self.opaque:
            return "opaque"
        if not values:
            return "none"
        return "decrypted" if all(v is not None for v in values) else "keys-only"

    @property
    def incomplete(self):
        return self.status in ("opaque", "keys-only")

    def read(self):
        names = sorted(os.listdir(self.directory)) if os.path.isdir(self.directory) else []
        configs = ["secrets.cfg"] if self.old_style else [
            "secrets.cfg." + k for k in ("age", "age-diffable", "gpg")]
        configs = [c for c in configs if c in names]
        if len(configs) > 1:
            raise ValueError("Multiple secret providers found: " + ", ".join(configs))
        if not configs:
            return
        self.provider = "gpg" if self.old_style else configs[0].split(".", 2)[2]
        tool = "gpg" if self.provider == "gpg" else "age"
        suffix = "" if self.old_style else "." + tool
        for name in names:
            if name.startswith("secret-") and name.endswith(suffix):
                data = self.decrypt(tool, name)
                short = name[len("secret-"):len(name) - len(suffix)]
                self.files[short] = None if data is None else data.decode("utf-8")
        if self.provider == "age-diffable":
            return self.take(self.diffable(configs[0]))
        data = self.decrypt(tool, configs[0])
        if data is None:
            self.opaque = True
        else:
            self.take(self.parse(data.decode("utf-8")))

    @staticmethod
    def parse(text):
        from configupdater import ConfigUpdater

        return ConfigUpdater().read_string(text)

    def diffable(self, name):
        """Decrypt value by value, exactly as batou does (multi-line values are indented and read again)."""
        with REAL.open(os.path.join(self.directory, name), encoding="utf-8") as f:
            config = self.parse(f.read())
        self.guard.files.add(os.path.join(self.directory, name))
        unreadable = set()
        for section in config.sections():
            if section == "batou":
                continue
            for option in list(config[section]):
                entry = config[section][option]
                try:
                    cipher = base64.b64decode(entry.value)
                except ValueError as e:
                    self.problems.append("%s: %s.%s: %s" % (name, section, option, e))
                    cipher = None
                data = None if cipher is None else self.decrypt("age", name, cipher, quiet=bool(unreadable))
                if data is None:
                    unreadable.add((section, option))
                elif b"\n" in data:
                    entry.set_values(data.decode("utf-8").split("\n"), prepend_newline=False)
                else:
                    entry.value = data.decode("utf-8")
        config = self.parse(str(config))
        for section, option in unreadable:
            config[section][option].value = None
        return config

    def take(self, config):
        for section in config.sections():
            for key, option in config[section].items():
                if section == "batou":
                    continue
                elif section.startswith("host:"):
                    if key.startswith("data-") or not self.old_style:
                        self.host_data[section[len("host:"):], key.replace("data-", "", 1)] = option.value
                else:
                    self.overrides[section.replace("component:", ""), key] = option.value

    def decrypt(self, tool, name, data=None, quiet=False):
        """Plain bytes of one encrypted file (or of `data`), through pipes only; None without a usable key."""
        path = os.path.join(self.directory, name)
        if data is None:
            with REAL.open(path, "rb") as f:
                data = f.read()
            self.guard.files.add(path)
            if not data:
                return b""
        if self.mode == "skip":
            return None
        if tool == "gpg":
            home = REAL.environ.get("GNUPGHOME") or REAL.environ.get("HOME", "/") + "/.gnupg"
            quiet_gpg = ["--batch", "--quiet", "--no-tty", "--lock-never", "--no-random-seed-file", "--no-auto-check-trustdb"]
            # without a home gpg would create one
            commands = [[b, *quiet_gpg, "--decrypt"] for b in ("gpg", "gpg2")] if REAL.path_exists(home) else []
        else:
            commands = [[b, "-d", "-i", i] for i in self.identities() for b in ("age", "rage")]
        reasons = [] if commands else ["no %s here" % ("GnuPG home" if tool == "gpg" else "age identity")]
        for command in commands:
            found, plain, reason = self.call(command, data)
            if plain is not None:
                return plain
            if found:
                reasons.append(reason)
        if not quiet:
            self.problems.append("%s: cannot decrypt: %s" % (name, "; ".join(reasons) or "no %s program" % tool))
        return None

    def call(self, command, data):
        """(program exists, plain bytes or None, reason).  The only processes the guard lets through."""
        import shutil
        import subprocess

        if not shutil.which(command[0], path=REAL.environ.get("PATH")):
            return False, None, ""
        passphrase = REAL.environ.get("BATOU_AGE_IDENTITY_PASSPHRASE")
        self.guard.decrypting = True
        try:
            if command[0] in ("age", "rage") and passphrase:
                if passphrase.startswith("op://"):
                    return True, None, "passphrases from 1Password (op://) are not fetched by the probe"
                return (True,) + self.call_with_terminal(command, data, passphrase)
            p = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                               start_new_session=True, env=REAL.environ)  # a new session has no terminal to ask on
        finally:
            self.guard.decrypting = False
        if p.returncode == 0:
            return True, p.stdout, ""
        return True, None, p.stderr.decode("utf-8", "replace").strip()[-300:]

    @staticmethod
    def call_with_terminal(command, data, passphrase):
        """age asks for passphrases on its terminal only: give it one, while data goes through pipes."""
        import pty
        import select

        (in_r, in_w), (out_r, out_w) = os.pipe(), os.pipe()
        pid, terminal = pty.fork()
        if pid == 0:
            os.dup2(in_r, 0)
            os.dup2(out_w, 1)
            for fd in (in_r, in_w, out_r, out_w):
                os.close(fd)
            os.execvpe(command[0], command, REAL.environ)
        os.close(in_r)
        os.close(out_w)
        os.set_blocking(in_w, False)
        talk, plain, rest, deadline = b"", b"", memoryview(data), time.time() + 60
        answered = False
        while time.time() < deadline:
            ready, writable, _ = select.select([out_r, terminal], [in_w] if in_w is not None else [], [], 1)
            if in_w in writable:
                try:
                    rest = rest[os.write(in_w, rest[:65536]):]
                except OSError:
                    rest = rest[:0]
                if not rest:
                    os.close(in_w)
                    in_w = None
            if terminal in ready:
                try:
                    talk += os.read(terminal, 1024)
                except OSError:
                    pass
                if b"assphrase" in talk and not answered:
                    os.write(terminal, passphrase.encode() + b"\n")
                    answered = True
            if out_r in ready:
                chunk = os.read(out_r, 65536)
                if not chunk:
                    break
                plain += chunk
        else:
            os.kill(pid, 9)
        status = os.waitpid(pid, 0)[1]
        for fd in (in_w, out_r, terminal):
            if fd is not None:
                os.close(fd)
        return (plain, "") if status == 0 else (None, "%s failed (passphrase?)" % command[0])

    @staticmethod
    def identities():
        """As batou: BATOU_AGE_IDENTITIES, else ssh's default keys; only files that exist."""
        given = [x.strip() for x in REAL.environ.get("BATOU_AGE_IDENTITIES", "").split(",") if x.strip()]
        given = given or ["~/.ssh/id_" + k for k in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "dsa")]
        home = REAL.environ.get("HOME", "/")
        paths = [home + p[1:] if p.startswith("~/") else p for p in given]
        return [p for p in paths if REAL.path_exists(p)]

    def needles(self):
        """(every word, whole values): texts to look for in messages, and in everything else.

        Only messages need the words: what else stems from a secret is found by comparing the two runs, and words such as
        `localhost` in a secret file would mask half of the model.
        """
        words, wholes = set(), set()
        for value in [*self.overrides.values(), *self.host_data.values(), *self.files.values()]:
            if value:
                words.update([value.strip(), *value.split(), *value.splitlines()])
                wholes.add(value.strip())
        for name, value in self.files.items():
            wholes.update(line.strip() for line in (value or "").splitlines() if len(line) >= 16)
        for texts in (words, wholes):
            for t in list(texts):
                raw = t.encode("utf-8")
                texts.update([json.dumps(t)[1:-1], base64.b64encode(raw).decode(), raw.hex()])
        return {t for t in words if len(t) >= 4}, {t for t in wholes if len(t) >= 8}


class Config:
    """Line numbers of environment.cfg, for declaration sites."""

    def __init__(self, checkout, environment):
        self.file = "environments/%s/environment.cfg" % environment
        self.lines = []
        try:
            with REAL.open(os.path.join(checkout, self.file), encoding="utf-8", errors="replace") as f:
                self.lines = f.read().splitlines()
        except OSError:
            pass

    def find(self, section, words):
        """Line of the last of `words` found, in this order, inside the section."""
        here, found, words = None, None, list(words)
        for number, line in enumerate(self.lines, 1):
            if line.startswith("["):
                here = line.split("]")[0][1:]
                if here == section:
                    found = number
            elif here == section and words and not line.lstrip().startswith(("#", ";")):
                tokens = line.replace("=", " ").replace(",", " ").replace("!", " ").replace(":", " ").split()
                while words and words[0] in tokens:
                    words.pop(0)
                    found = number
        return None if found is None or words else {"file": self.file, "line": found}

    def assignment(self, host, component):
        return self.find("host:" + host, [component]) or self.find("hosts", [host, component])


def sorted_set(order):
    """A set class with a chosen iteration order of roots, to take the place of `set` inside batou.

    batou iterates sets of objects hashed by identity, so its order is an accident of memory addresses.  Order 0 and order 1
    are opposite; content that differs between them depends on that accident.
    """

    def key(item):
        root = getattr(item, "root", item)  # a Subscription has a root
        host = getattr(getattr(root, "host", None), "name", "")
        text = "%s/%s/%r" % (host, getattr(root, "name", root), (
            getattr(item, "strict", 0), getattr(item, "reverse", 0), getattr(item, "dirty", 0)))
        return text if order < 2 else hashlib.sha256(("%d:%s" % (order, text)).encode()).hexdigest()

    class SortedSet(set):
        def __iter__(self):
            return iter(sorted(set.__iter__(self), key=key, reverse=order == 1))

        def copy(self):
            return SortedSet(set.__iter__(self))

        def pop(self):
            item = next(iter(self))
            self.remove(item)
            return item

        __hash__ = None

    return SortedSet


class MissingData(dict):
    """host.data while its secret part is unreadable: a missing key may well be one of the unreadable ones."""

    def __init__(self, known, marker, current):
        super().__init__(known)
        self.marker, self.current = marker, current

    def __missing__(self, key):
        self.current.note("secrets", "host data")
        return self.marker("data", key)

    def get(self, key, default=None):
        if key not in self:
            self.current.note("secrets", "host data")
        return super().get(key, default)


def import_batou(guard):
    """Import batou without the processes and temporary files of its import (`which osascript`, a TemporaryFile)."""
    import subprocess
    import tempfile

    def no_process(*a, **kw):
        raise OSError("rectify probe: no processes")

    saved = subprocess.check_output, tempfile.TemporaryFile
    subprocess.check_output = no_process
    tempfile.TemporaryFile = lambda *a, **kw: REAL.open(os.devnull, "rb")
    try:
        import batou
        import batou.component
        import batou.environment
        import batou.resources
        import batou.secrets
        import batou.template
        import batou.utils
        import batou.vfs
    finally:
        subprocess.check_output, tempfile.TemporaryFile = saved
    return batou


def quiet_batou(batou, current, guard, order):
    """Take away batou's own side effects and make its set order ours."""
    environment = batou.environment
    chosen = sorted_set(order)
    environment.set = batou.resources.set = chosen

    # hostmap.json is rewritten or removed by load_hosts()
    def load_hosts(self, config):
        self._load_hosts_single_section(config)
        self._load_hosts_multi_section(config)

    environment.Environment.load_hosts = load_hosts

    # the Developer sandbox creates directories in map()
    batou.vfs.os = SimpleNamespace(path=SimpleNamespace(
        isabs=posixpath.isabs, join=posixpath.join, dirname=posixpath.dirname, exists=lambda p: True), makedirs=None)

    # who is being configured, and where things were declared
    Component, Root = batou.component.Component, batou.component.RootComponent
    init, prepare, root_prepare = Component.__init__, Component.prepare, Root.prepare

    def __init__(self, *a, **kw):
        self.__dict__["_probe_sites"] = project_sites(guard.project, 4)
        init(self, *a, **kw)

    def prepare_component(self, parent):
        current.stack.append(self)
        self.__dict__.pop("_probe_notes", None)
        try:
            return prepare(self, parent)
        finally:
            current.stack.pop()

    def prepare_root(self):
        self._probe_failure = None
        try:
            return root_prepare(self)
        except Exception as e:
            del current.stack[:]
            self._probe_failure = {"error": e, "class": type(e).__name__, "at": site_of(e, guard.project)}
            raise

    Component.__init__, Component.prepare, Root.prepare = __init__, prepare_component, prepare_root

    # where a component file could not be loaded
    load_file = environment.load_components_from_file

    def load_components_from_file(filename):
        try:
            return load_file(filename)
        except Exception as e:
            at = site_of(e, guard.project)
            if isinstance(e, SyntaxError) and e.filename == filename:
                at = {"file": os.path.relpath(filename, guard.project), "line": e.lineno}
            LOAD_FAILURES[filename] = {"class": type(e).__name__, "at": at}
            raise

    environment.load_components_from_file = load_components_from_file

    # batou compiles every template again in every round: more than half of its time.  Compiled templates have no state.
    engine, compiled = batou.template.Jinja2Engine, {}
    engine_init = engine.__init__

    def init_engine(self, *a, **kw):
        engine_init(self, *a, **kw)
        compile_template = self.env.from_string
        fingerprint = (frozenset(self.env.filters.items()), frozenset(self.env.tests.items()), frozenset(self.env.globals))

        def from_string(source, *a, **kw):
            if a or kw or not isinstance(source, str):
                return compile_template(source, *a, **kw)
            key = (source, fingerprint)
            if key not in compiled:
                compiled[key] = compile_template(source)
            return compiled[key]

        self.env.from_string = from_string

    engine.__init__ = init_engine

    # batou shows the outermost foreign frame of a stack, which would be ours
    shorten = getattr(batou, "prepare_traceback_from_stack", None)
    if shorten:
        own = quiet_batou.__code__.co_filename
        batou.prepare_traceback_from_stack = lambda stack: shorten([f for f in stack if f[0] != own])


LOAD_FAILURES = {}


def site_of(error, base):
    """{file, line} of the innermost project frame that an exception passed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if inside(f.filename, base)]
    return {"file": os.path.relpath(frames[-1].filename, base), "line": frames[-1].lineno} if frames else None


class Collector:
    """batou's output: warnings are kept, the rest is dropped."""

    def __init__(self):
        self.messages = []

    def line(self, message, **kw):
        if kw.get("red") or kw.get("yellow"):
            self.messages.append(str(message).strip())

    def sep(self, sep, title, **kw):
        pass

    def write(self, content, **kw):
        pass


class Run:
    """One load and configure of the environment."""

    def __init__(self, batou, args, secrets, shadow, place, current, guard, fill=()):
        self.fill = fill  # components that cannot be configured without the attributes that secrets may set
        self.batou, self.args, self.secrets, self.shadow = batou, args, secrets, shadow
        self.place, self.current, self.guard = place, current, guard
        self.errors, self.warnings, self.dynamic_hosts, self.used_markers = [], [], set(), set()
        self.loaded = False
        self.config = Config(place.checkout, args.environment)

    # -- markers in place of secrets

    def marker(self, kind, *name, attribute=None):
        """A value that no project contains, different in both runs, of the type that the attribute can convert."""
        n = int(hashlib.sha256(repr((kind, name, self.shadow)).encode()).hexdigest()[:6], 16)
        conversion = getattr(attribute, "conversion", None)
        conversion = getattr(conversion, "__name__", "")
        if conversion in ("int", "float", "convert_literal"):
            text = str(730000000 + n)
        elif conversion == "Address":
            text = "rectify-secret-%06x.invalid:%d" % (n, 40000 + n % 10000)
        else:
            text = "RectifySecret%06x%s" % (n, "Shadow" if self.shadow else "")
        self.used_markers.add(text)
        return text

    def value(self, known, kind, *name, attribute=None):
        """The secret itself, or a marker: always in the shadow run, else when it cannot be read."""
        return known if known is not None and not self.shadow else self.marker(kind, *name, attribute=attribute)

    def inject(self, env):
        """What batou's load_secrets() does."""
        batou, secrets, seen = self.batou, self.secrets, {}
        for (host, key), known in secrets.host_data.items():
            if host not in env.hosts:
                seen[host] = "host"
                continue
            env.hosts[host].data[key] = self.value(known, "data", key)
        for host in sorted(h for h, k in seen.items() if k == "host"):
            problem = getattr(batou, "UnknownHostSecretsSection", None)
            self.error(problem.from_context(host) if problem else ValueError("Secret for unknown host: " + host), "secrets")
        for (component, key), known in secrets.overrides.items():
            if component not in env.components and component not in seen:
                seen[component] = "component"
                self.error(batou.SuperfluousSecretsSection.from_context(component), "secrets")
            overrides = env.overrides.setdefault(component, {})
            if key in overrides:
                self.error(batou.DuplicateOverride.from_context(component, key), "secrets")
                continue
            factory = getattr(env.components.get(component), "factory", None)
            overrides[key] = self.value(known, "override", component, key, attribute=getattr(factory, key, None))
            if overrides[key] is not None:
                env.secret_data.update(overrides[key].split())
        for name, known in secrets.files.items():
            env.secret_files[name] = self.value(known, "file", name)
            env.secret_data.update(env.secret_files[name].splitlines())
        if secrets.incomplete:
            for host in env.hosts.values():
                if secrets.opaque or any(h == host.name for h, _ in secrets.host_data):
                    host.data = MissingData(host.data, self.marker, self.current)
        if secrets.opaque:
            self.guess_overrides(env)

    def guess_overrides(self, env):
        """The names of secret overrides are encrypted.  An attribute without default must be among them; one whose default
        is None probably is, so the shadow run sets it: what changes then is unknown."""
        for name, definition in env.components.items():
            overrides = env.overrides.setdefault(name, {})
            for key, attribute, default in overridable(self.batou, definition.factory):
                if key in overrides:
                    continue
                if default is REQUIRED or (default is None and (self.shadow or name in self.fill)):
                    overrides[key] = self.marker("override", name, key, attribute=attribute)

    # -- the run

    def go(self):
        batou, args = self.batou, self.args
        collector = Collector()
        batou._output.output.backend = collector
        batou.component.Component._instances = []
        env = batou.environment.Environment(args.environment, args.timeout, args.platform)
        self.env = env
        env.deployment = SimpleNamespace(
            environment=env, env_name=args.environment, host_name=None, dirty=True, timeout=args.timeout,
            platform=args.platform)
        batou.environment.Repository.from_environment = staticmethod(
            lambda e: SimpleNamespace(root=self.place.repository_root, environment=e))
        self.patch_provisioners(env)
        self.guard.phase = "load"
        self.loaded = self.step("load", env.load)
        if self.loaded:
            self.step("secrets", lambda: self.inject(env))
            self.guard.phase = "configure"
            self.step("configure", env.configure)
        os.chdir(self.place.checkout)
        self.guard.phase = "dump"
        self.warnings = list(dict.fromkeys(collector.messages))

    @property
    def failed(self):
        """Names of components that are not configured on some host."""
        return {r.name for r in self.env.root_components
                if not getattr(getattr(r, "component", None), "_prepared", False)} if self.loaded else set()

    def step(self, phase, function):
        try:
            function()
            return True
        except Exception as e:
            self.error(e, phase)
            return False
        finally:
            for e in self.env.exceptions:
                self.error(e, phase)
            self.env.exceptions = []

    def patch_provisioners(self, env):
        """A host name that only provisioning would find out is not known here; say so instead of inventing one."""
        original = env.load_provisioners

        def load(config):
            original(config)
            for provisioner in env.provisioners.values():
                provisioner.suggest_name = lambda name: self.dynamic_hosts.add(name) or name

        env.load_provisioners = load

    def error(self, e, phase):
        """One error as plain data, with the place in the project when there is one."""
        # GetAddressInfoError and friends have a __str__; the bases raise NotImplementedError
        try:
            text = str(e)
        except Exception:
            text = repr(e)
        text = re.sub(r" at 0x[0-9a-f]+\b", "", text)  # the address of an object: no two runs have the same
        root_name = getattr(e, "component_root_name", None) or getattr(e, "root_name", None)
        host = getattr(e, "affected_hostname", None) or getattr(e, "root_host_name", None)
        if root_name is None and getattr(e, "component_breadcrumbs", None):
            names = [r.name for r in self.env.root_components if r.host.name == host and getattr(r, "component", None)
                     and e.component_breadcrumbs.startswith(type(r.component).__name__)]
            root_name = names[0] if len(names) == 1 else None
        for r in self.env.root_components:
            if (getattr(r, "_probe_failure", None) or {}).get("error") is e:
                root_name, host = r.name, r.host.name
        extra = {}
        for name in ("key", "filename", "exception_str", "resources", "unused_resources", "roots_that_did_not_converge",
                     "attributes", "conversion_name"):
            v = getattr(e, name, None)
            if v:
                extra[name] = v if isinstance(v, (str, int)) else repr(v)
        at, inner = None, None
        for r in self.env.root_components:
            if r.name == root_name and r.host.name == host and getattr(r, "_probe_failure", None):
                at, inner = r._probe_failure["at"], r._probe_failure["class"]
        if phase == "load" and getattr(e, "filename", None) in LOAD_FAILURES:
            at, inner = LOAD_FAILURES[e.filename]["at"], LOAD_FAILURES[e.filename]["class"]
        if at is None and root_name:  # an override that does not fit
            at = self.config.find("component:" + root_name, [
                k for k in [getattr(e, "key", None), *(getattr(e, "attributes", None) or ())[:1]] if k])
        self.errors.append({
            "phase": phase, "class": type(e).__name__, "cause": inner if inner != type(e).__name__ else None,
            "message": text, "root": "%s/%s" % (host, root_name) if root_name and host else None, "host": host,
            "at": at, "details": extra,
            "traceback": None if hasattr(e, "report") else "".join(
                traceback.format_exception(type(e), e, e.__traceback__))[-2000:],
        })


REQUIRED = object()


def overridable(batou, cls):
    """(name, Attribute or None, default) of what environment.cfg or secrets may set on a root of this class."""
    base = batou.component.Component
    seen = set()
    for c in cls.__mro__:
        if c is base:
            break
        for name, value in vars(c).items():
            if name.startswith("_") or name in seen or name in vars(base) or name in ("namevar", "features"):
                continue
            seen.add(name)
            if isinstance(value, batou.component.Attribute):
                missing = value.default is batou.component.NO_DEFAULT
                yield name, value, REQUIRED if missing else value.default
            elif not callable(value) and not isinstance(value, (property, classmethod, staticmethod)):
                yield name, None, value


class Blob:
    """Bytes whose fate (shown, digest only, unknown) is decided by settle()."""

    def __init__(self, data, sensitive=False, unknown=None):
        self.data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        self.sensitive, self.unknown = sensitive, unknown


# kind: (module, class, attributes, name of the path attribute).  A component gets the kind of its nearest ancestor here.
KINDS = {
    "File": ("file", "File", "ensure source is_template encoding owner group mode link_to leading sensitive_data", "path"),
    "Presence": ("file", "Presence", "leading", "path"),
    "SyncDirectory": ("file", "SyncDirectory", "source exclude verify_opts sync_opts", "path"),
    "Directory": ("file", "Directory", "leading source exclude verify_opts sync_opts", "path"),
    "Content": ("file", "ManagedContentBase", "source encoding is_template sensitive_data", "path"),
    "Owner": ("file", "Owner", "owner", "path"),
    "Group": ("file", "Group", "group", "path"),
    "Mode": ("file", "Mode", "mode", "path"),
    "Symlink": ("file", "Symlink", "source", "target"),
    "Purge": ("file", "Purge", "", "pattern"),
    "Download": ("download", "Download", "uri checksum checksum_function", "target"),
    "Extract": ("archive", "Extract", "archive strip create_target_dir", "target"),
    "Extractor": ("archive", "Extractor", "archive strip create_target_dir exclude", "target"),
    "Configure": ("cmmi", "Configure", "args prefix build_environment", "path"),
    "Make": ("cmmi", "Make", "build_environment", "path"),
    "Build": ("cmmi", "Build", "uri checksum configure_args prefix build_environment", None),
    "VirtualEnv": ("python", "VirtualEnv", "version executable python", None),
    "VirtualEnvBase": ("python", "VirtualEnvPyBase", "venv_version venv_checksum installer", None),
    "VirtualEnvDownload": ("python", "VirtualEnvDownload", "version checksum venv_cmd", None),
    "Package": ("python", "Package",
                "package version check_package_is_module timeout dependencies env install_options", None),
    "Buildout": ("buildout", "Buildout", "config_file_name python executable distribute setuptools wheel pip version "
                 "timeout use_default build_env", None),
    "AppEnv": ("appenv", "AppEnv", "python_version pip_version env_hash env_dir env_ready", None),
    "AppEnvVirtualEnv": ("appenv", "VirtualEnv", "python_version pip_version", None),
    "AppEnvRequirements": ("appenv", "LockedRequirements", "", None),
    "AppEnvCleanup": ("appenv", "CleanupUnused", "", None),
    "GitClone": ("git", "Clone", "url revision branch tag vcs_update clobber", "target"),
    "HgClone": ("mercurial", "Clone", "url revision branch vcs_update", "target"),
    "SvnCheckout": ("svn", "Checkout", "url revision", "target"),
    "CronJob": ("cron", "CronJob", "command args timing logger", None),
    "CronTab": ("cron", "CronTab", "mailto purge env", None),
    "InstallCrontab": ("cron", "InstallCrontab", "", None),
    "RotatedLogfile": ("logrotate", "RotatedLogfile", "args prerotate postrotate", "path"),
    "Logrotate": ("logrotate", "Logrotate", "", None),
    "NagiosService": ("nagios", "Service", "description command args notes_url servicegroups contact_groups", None),
    "NagiosServer": ("nagios", "NagiosServer", "", None),
    "NRPEHost": ("nagios", "NRPEHost", "", None),
    "Service": ("service", "Service", "executable pidfile", None),
    "Supervisor": ("supervisor", "Supervisor", "enable deployment_mode pidfile socketpath loglevel buildout_version "
                   "setuptools_version wheel_version", None),
    "Program": ("supervisor", "Program",
                "name command args priority directory enable options deployment config", None),
    "RunningSupervisor": ("supervisor", "RunningSupervisor", "", None),
    "StoppedSupervisor": ("supervisor", "StoppedSupervisor", "", None),
    "DPKG": ("package", "DPKG", "package", None),
    "MySQLCommand": ("mysql", "Command", "db unless statement hostname port admin_user", None),
}


class Dump:
    """A configured environment as plain data with Blobs."""

    def __init__(self, run, names):
        self.run, self.env, self.names, self.batou = run, run.env, names, run.batou
        self.Component = self.batou.component.Component
        self.sequence = 0
        self.seen = set()
        self.kinds = {}
        for kind, (module, name, attributes, path) in KINDS.items():
            loaded = sys.modules.get("batou.lib." + module)  # never imported: no instance of it can exist
            if hasattr(loaded, name):
                self.kinds[getattr(loaded, name)] = (kind, attributes.split(), path)
        self.kinds[self.batou.component.HookComponent] = ("Hook", ["key"], None)

    def plain(self, value, depth=0):
        """A JSON value; bytes as Blob, foreign objects as {"repr"}, components as {"component"}."""
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else repr(value)  # JSON has no NaN
        if isinstance(value, str):
            return str(value)
        if isinstance(value, bytes):
            return Blob(value)
        if isinstance(value, self.Component):
            return {"component": crumbs(value), "root": root_id(value)}
        if depth < 4 and isinstance(value, (set, frozenset)):
            value = sorted(value, key=repr)
        if depth < 4 and isinstance(value, (list, tuple)):
            return [self.plain(v, depth + 1) for v in value]
        if depth < 4 and isinstance(value, dict):
            return {str(k): self.plain(v, depth + 1) for k, v in value.items()}
        if type(value).__module__ == "batou.utils":  # Address, NetLoc
            return str(value)
        return {"repr": type(value).__module__ + "." + type(value).__name__}

    def attribute(self, component, name):
        try:
            return self.plain(getattr(component, name, None))
        except Exception as e:
            return {"error": type(e).__name__}

    def opaque(self, component, kind):
        """Why Rust cannot know from the kind what verify and update do; None when it can."""
        cls = type(component)
        for name in ("verify", "update", "deploy", "__enter__", "__exit__"):
            for c in cls.__mro__:
                if name in vars(c):
                    break
            module = c.__module__
            ours = c is self.Component or c is object or module.startswith("batou.lib.") or module == "batou.component"
            if not ours:
                return "%s.%s.%s" % (module, c.__qualname__, name)
            if kind is None and c is not self.Component and c is not object:
                return "%s.%s.%s" % (module, c.__qualname__, name)
        return None

    def component(self, c, doubts):
        """One component after its sub-components: the order of deployment."""
        if id(c) in self.seen:
            return {"order": None, "kind": "Repeated", "class": type(c).__name__, "breadcrumb": crumbs(c)}
        self.seen.add(id(c))
        cls = type(c)
        notes = c.__dict__.get("_probe_notes", {})
        library = cls.__module__.startswith("batou.lib.")
        doubts = set(doubts)
        if notes.get("reads_outside"):
            doubts.add("reads_outside")
        if notes.get("reads_live_tree") and not library:
            doubts.add("reads_live_tree")
        if notes.get("side_effects"):
            doubts.add("side_effects")
        if notes.get("dns"):
            doubts.add("dns")
        if notes.get("secrets"):
            doubts.add("secrets")
        kind, attributes, path_name = next((self.kinds[k] for k in cls.__mro__ if k in self.kinds), (None, [], None))
        known_as = next((k for k in cls.__mro__ if k in self.kinds), None)
        sub = [self.component(s, doubts) for s in getattr(c, "sub_components", None) or ()]
        self.sequence += 1
        opaque = self.opaque(c, None if kind == "Hook" else kind)
        if kind is None:
            kind = "Opaque" if opaque else "Container"
        node = {
            "order": self.sequence, "kind": kind, "class": cls.__module__ + "." + cls.__qualname__,
            "known_as": known_as and known_as.__module__ + "." + known_as.__qualname__,
            "breadcrumb": crumbs(c), "workdir": getattr(c, "workdir", None),
            "declared_at": c.__dict__.get("_probe_sites", []), "prepared": bool(c._prepared), "opaque": opaque,
            "path": None, "attrs": {n: self.attribute(c, n) for n in attributes}, "content": None,
            "reads_live_tree": bool(notes.get("reads_live_tree")), "reads_outside": sorted(notes.get("reads_outside", ())),
            "doubts": sorted(doubts), "sub": sub,
        }
        if opaque:
            own = {k for k in c.__dict__ if not k.startswith("_")}
            own -= {"parent", "workdir", "sub_components", "timer", "changed", "features"}
            for name in sorted(own | {n for n, _, _ in overridable(self.batou, cls)}):
                node["attrs"].setdefault(name, self.attribute(c, name))
        path = path_name and getattr(c, path_name, None)
        if isinstance(path, str):
            node["path"] = posixpath.normpath(posixpath.join(c.workdir or "/", path))
        special = getattr(self, "add_" + kind.lower(), None)
        if special:
            try:
                special(c, node)
            except Exception as e:
                node["attrs"]["probe_error"] = "%s: %s" % (type(e).__name__, e)
        return node

    # -- what a kind needs beyond its attributes

    def add_file(self, c, node):
        node["attrs"]["manages_content"] = any(isinstance(s, self.base("file", "ManagedContentBase"))
                                               for s in getattr(c, "sub_components", ()))
        node["attrs"]["mode"] = self.mode_number(c.mode)

    def add_mode(self, c, node):
        node["attrs"]["mode"] = self.mode_number(c.mode)

    def mode_number(self, mode):
        if isinstance(mode, str):
            try:
                return int(mode, 8)
            except ValueError:
                convert = getattr(sys.modules["batou.lib.file"], "convert_mode", None)
                return convert(mode) if convert else None
        return mode

    def add_content(self, c, node):
        names = {k.__name__: v for k, v in (
            (self.base("file", n), r) for n, r in (("Content", "text"), ("JSONContent", "json"), ("YAMLContent", "yaml")))
            if k is not None}
        renderer = next((names[k.__name__] for k in type(c).__mro__ if names.get(k.__name__)
                         and k.__module__ == "batou.lib.file"), "custom")
        if renderer == "text":
            renderer = "template" if c.is_template else "verbatim"
        own = next(k for k in type(c).__mro__ if "render" in vars(k))
        node["attrs"]["renderer"] = renderer if own.__module__ == "batou.lib.file" else "custom"
        node["attrs"]["delayed"] = bool(c._delayed)
        unknown = "delayed" if c._delayed else None if c._prepared else "failed"
        data = c.content if not unknown else None
        if data is None and not unknown:
            unknown = "none"
        node["content"] = Blob(data if data is not None else b"", bool(c.sensitive_data), unknown)
        source = getattr(c, "source", None)
        if source:
            node["attrs"]["source"] = posixpath.normpath(posixpath.join(c.defdir, source))

    def add_symlink(self, c, node):
        node["attrs"]["target"] = node["path"]

    def add_download(self, c, node):
        if isinstance(c.checksum, str) and not hasattr(c, "checksum_function"):
            node["attrs"]["checksum_function"] = None

    def add_extract(self, c, node):
        self.archive(c, node)

    def add_extractor(self, c, node):
        self.archive(c, node)

    def archive(self, c, node):
        node["attrs"]["archive"] = posixpath.normpath(posixpath.join(c.workdir, c.archive))

    def add_appenv(self, c, node):
        for name, attr in (("requirements.lock", "lock"), ("appenv.ready", "ready")):
            for s in c.sub_components:
                if isinstance(s, self.base("file", "File")) and s.path.endswith("/" + name):
                    node["attrs"][attr] = Blob(s.content)

    def add_buildout(self, c, node):
        node["attrs"]["config_files"] = [s.path for s in c.config or () if isinstance(getattr(s, "path", None), str)]
        node["attrs"]["config_file"] = posixpath.normpath(posixpath.join(c.workdir, c.config_file_name))

    def add_cronjob(self, c, node):
        node["attrs"]["line"] = c.format()

    def add_installcrontab(self, c, node):
        node["attrs"]["crontab"] = c.crontab.path
        node["attrs"]["text"] = Blob(c.crontab.content)

    def add_logrotate(self, c, node):
        node["attrs"]["text"] = Blob(c.logrotate_conf.content)

    def add_program(self, c, node):
        for s in c.sub_components:
            if getattr(s, "path", None) == c.config:
                node["attrs"]["text"] = Blob(s.content)

    def base(self, module, name):
        return getattr(sys.modules.get("batou.lib." + module), name, None)

    # -- environment

    def id(self, root):
        return "%s/%s" % (root.host.name, root.name)

    def classes(self):
        """{component name: {file, line}} of the class statements, read from the source."""
        out = {}
        for name, definition in self.env.components.items():
            line = None
            try:
                with open(definition.filename, encoding="utf-8") as f:
                    for node in ast.walk(ast.parse(f.read())):
                        if isinstance(node, ast.ClassDef) and node.name == definition.factory.__name__:
                            line = node.lineno
            except Exception:
                pass
            out[name] = {"file": os.path.relpath(definition.filename, self.env.base_dir), "line": line}
        return out

    def document(self):
        env, run = self.env, self.run
        config = run.config
        sites = self.classes()
        secret_keys = {k for k in run.secrets.overrides}
        doc = {"settings": {k: self.plain(getattr(env, k, None)) for k in (
            "service_user", "require_sudo", "host_domain", "branch", "connect_method", "update_method", "platform", "timeout",
            "target_directory", "jobs", "require_v4", "require_v6", "repository_url", "repository_root", "base_dir",
            "workdir_base", "deployment_base")}}
        doc["vfs"] = env.vfs_sandbox and {
            "class": type(env.vfs_sandbox).__name__, "map": self.plain(getattr(env.vfs_sandbox, "_map", []))}
        doc["resolver"] = {"v4": dict(getattr(env, "_resolve_override", {})),
                           "v6": dict(getattr(env, "_resolve_v6_override", {}))}
        doc["hosts"] = [{
            "name": h.name, "fqdn": h.fqdn, "ignore": bool(h.ignore), "platform": h.platform,
            "service_user": h.service_user, "require_sudo": self.plain(getattr(h, "require_sudo", None)),
            "data_keys": sorted(map(str, h.data)), "dynamic_name": h._name in run.dynamic_hosts,
            "at": config.find("host:" + h._name, []) or config.find("hosts", [h._name]),
        } for h in sorted(env.hosts.values(), key=lambda h: h.name)]
        doc["components_defined"] = dict(sorted(sites.items()))
        graph = {self.id(r): sorted(self.id(d) for d in ds) for r, ds in env.root_dependencies().items()}
        doc["dependencies"] = dict(sorted(graph.items()))
        doc["deploy_order"] = deploy_order(graph)
        doc["resources"], doc["edges"] = self.resources()
        reach = self.secret_reach(doc["edges"])
        doc["read_while_loading"] = sorted(
            p for k in ("reads_outside", "reads_live_tree") for p in run.current.loading.get(k, ()))
        doc["roots"] = []
        for root in sorted(env.root_components, key=self.id):
            if run.args.host not in (None, root.host.name, root.host.fqdn):
                continue
            me = self.id(root)
            top = getattr(root, "component", None)
            doc["roots"].append({
                "id": me, "host": root.host.name, "name": root.name, "class": "%s.%s" % (
                    root.factory.__module__, root.factory.__qualname__),
                "features": self.plain(root.features), "ignore": bool(root.ignore), "defdir": root.defdir,
                "workdir": getattr(top, "workdir", None) or root.workdir, "declared_at": sites.get(root.name),
                "assigned_at": config.assignment(root.host._name, root.name),
                "overrides": [{"key": k, "origin": "secrets" if (root.name, k) in secret_keys else "environment",
                               "at": config.find("component:" + root.name, [k])}
                              for k in sorted(env.overrides.get(root.name, {}))
                              if not (run.secrets.opaque and env.overrides[root.name][k] in run.used_markers)],
                "configured": bool(top is not None and top._prepared), "may_depend_on_secrets": reach.get(me),
                "tree": None if top is None or not hasattr(top, "sub_components") else self.component(
                    top, [k for k in run.current.loading if k != "dns"] + (["secrets"] if reach.get(me) else [])),
            })
        return doc

    def resources(self):
        """(resources by key, edges requirer to provider) from batou's registry."""
        table, edges, registry = {}, [], self.env.resources
        for key, providers in registry.resources.items():
            table[str(key)] = {"provided_by": sorted(
                ({"root": self.id(r), "count": len(v), "types": sorted({type(x).__module__ + "." + type(x).__name__ for x in v})}
                 for r, v in providers.items()), key=lambda p: p["root"]), "required": False}
        for key, subscribers in registry.subscribers.items():
            entry = table.setdefault(str(key), {"provided_by": [], "required": False})
            entry["required"] = True
            for s in subscribers:
                providers = [r for r in registry.resources.get(key, {}) if s.host is None or s.host is r.host]
                for provider in providers or [None]:
                    edges.append({
                        "key": str(key), "requirer": self.id(s.root), "provider": provider and self.id(provider),
                        "reverse": bool(s.reverse), "dirty": bool(s.dirty), "strict": bool(s.strict),
                        "host": s.host.name if s.host else None})
        # batou keeps a subscription for every attempt to configure a root
        edges = [json.loads(e) for e in sorted({json.dumps(e, sort_keys=True) for e in edges})]
        return dict(sorted(table.items())), edges

    def secret_reach(self, edges):
        """{root: why} of roots whose model may hang on a secret that could not be read, also through resources."""
        secrets = self.run.secrets
        if not secrets.incomplete:
            return {}
        reach = {}
        unread = {c for (c, _), v in secrets.overrides.items() if v is None}
        for root in self.env.root_components:
            if root.name in unread:
                reach[self.id(root)] = "override"
            elif secrets.opaque and any(k not in self.env.overrides.get(root.name, {}) or
                                        self.env.overrides[root.name][k] in self.run.used_markers
                                        for k, _, _ in overridable(self.batou, root.factory)):
                reach[self.id(root)] = "overridable"
        grown = True
        while grown:
            grown = False
            for e in edges:
                if e["provider"] in reach and e["requirer"] not in reach:
                    reach[e["requirer"]], grown = "via " + e["provider"], True
        return reach


def deploy_order(graph):
    """One valid order of all roots, alphabetical where batou leaves it to chance; None when there is a cycle."""
    order, state = [], {}

    def visit(node):
        if state.get(node) == 1:
            raise ValueError
        if node not in state:
            state[node] = 1
            for other in graph.get(node, ()):
                visit(other)
            state[node] = 2
            order.append(node)

    try:
        for node in sorted(graph):
            visit(node)
    except ValueError:
        return None
    return order


MISSING = object()


class Settle:
    """Turn the first run's data into the output: compare with the shadow run, mask, rebase, encode."""

    def __init__(self, args, place, secrets, names, markers, have_shadow):
        self.args, self.place, self.names, self.have_shadow = args, place, names, have_shadow
        self.words, self.wholes = secrets.needles()
        self.words |= markers
        self.wholes |= markers
        self.lost = {"unknown": "secret"} if secrets.incomplete else {"secret": True}
        self.unknown = "secret" if secrets.incomplete else None

    def text(self, s, needles=None):
        """A text without secrets and without the checkout's path."""
        for needle in sorted(needles if needles is not None else self.wholes, key=len, reverse=True):
            if needle in s:
                s = s.replace(needle, "***")
        if "://" in s and "@" in s:
            s = re.sub(r"(://[^/\s:@]*:)[^/\s@]+@", r"\1***@", s)
        return self.rebase(s)

    def rebase(self, s):
        """The target's place for the checkout's, which only what bypasses View can still mention."""
        p = self.place
        if p.checkout == p.base or p.checkout not in s:
            return s
        keep = [p.base] if inside(p.base, p.checkout) else []
        pattern = "|".join(["(%s)" % re.escape(k) for k in keep] + [re.escape(p.checkout) + r"(?![\w-]|\.\w)"])
        return re.sub(pattern, lambda m: p.base, s)

    def value(self, a, b):
        """A settled attribute value."""
        if isinstance(a, Blob):
            return self.blob(a, b, set())
        if isinstance(a, dict):
            other = b if isinstance(b, dict) else {}
            return {self.text(k): self.value(v, b if b is MISSING else other.get(k, None)) for k, v in a.items()}
        if isinstance(a, list):
            if b is not MISSING and (not isinstance(b, list) or len(a) != len(b)):
                return dict(self.lost)
            return [self.value(x, MISSING if b is MISSING else b[i]) for i, x in enumerate(a)]
        if b is not MISSING and a != b:
            return dict(self.lost)
        return self.text(a) if isinstance(a, str) else a

    def blob(self, a, b, doubts):
        """A settled Blob: {sha256, size, b64, secret, unknown, doubts, rebased, dns}."""
        out = {"sha256": None, "size": None, "b64": None, "secret": False, "unknown": a.unknown, "rebased": False,
               "doubts": [], "dns": []}
        if a.unknown:
            return out
        data = a.data
        differs = self.have_shadow and (not isinstance(b, Blob) or b.unknown or b.data != data)
        text = data.decode("utf-8", "surrogateescape")
        if differs and self.unknown:
            return dict(out, unknown=self.unknown)
        moved = self.rebase(text)
        if moved != text:
            data, out["rebased"] = moved.encode("utf-8", "surrogateescape"), True
            doubts = {*doubts, "rebased"}
        out["dns"] = sorted({h for address, h in self.names.stubs.items() if address in text})
        out["doubts"] = sorted(set(doubts) | ({"dns"} if out["dns"] else set()))
        out["secret"] = bool(a.sensitive or differs or any(n in text for n in self.wholes))
        out["sha256"], out["size"] = hashlib.sha256(data).hexdigest(), len(data)
        if not out["secret"] and self.args.content == "full" and len(data) <= self.args.max_inline:
            out["b64"] = base64.b64encode(data).decode()
        return out

    def node(self, a, b):
        """A settled component.  `b` is MISSING without a shadow run, None when the shadow has no such component."""
        if b is not MISSING and (b is None or b["class"] != a["class"]):
            b = None
        out = {}
        for key, v in a.items():
            if key == "sub":
                others = MISSING if b is MISSING else (b or {}).get("sub", [])
                same = others is MISSING or len(others) == len(v)
                out[key] = [self.node(s, MISSING if others is MISSING else others[i] if same else None)
                            for i, s in enumerate(v)]
            elif key == "content":
                out[key] = v and self.blob(v, b if b is MISSING else b and b["content"], set(a["doubts"]))
            elif key == "path":
                lost = b is not MISSING and b is not None and b["path"] != v
                # A path is no secret to anybody who can list the directory, and Rust needs it; only flagged.
                out[key] = None if lost and self.unknown else v and self.rebase(v)
                out["path_secret"] = lost
            elif key == "attrs":
                out[key] = {n: self.value(x, MISSING if b is MISSING else (b or {"attrs": {}})["attrs"].get(n))
                            for n, x in v.items()}
            else:
                out[key] = self.masked(v)
        return out

    def masked(self, v, needles=None):
        if isinstance(v, str):
            return self.text(v, needles)
        if isinstance(v, dict):
            return {k: self.masked(x, needles) for k, x in v.items()}
        if isinstance(v, list):
            return [self.masked(x, needles) for x in v]
        return v

    def document(self, a, b):
        """The settled document; `b` is the shadow's or None."""
        shadow = {r["id"]: r for r in b["roots"]} if b else {}
        roots = []
        for r in a.pop("roots"):
            tree, r = r["tree"], dict(r, tree=None)
            r = self.masked(r)
            other = shadow.get(r["id"], {}).get("tree") if b else MISSING
            r["tree"] = tree and self.node(tree, other)
            roots.append(r)
        out = self.masked(a)
        out["roots"] = roots
        return out


def find_place(args, checkout):
    """Where the deployment is on the target, before batou is asked, because everything is rendered with it.

    batou configures on the target in `<target_directory>/<path of the deployment inside its repository>`; with
    connect_method local in the checkout itself.
    """
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    try:
        with REAL.open(os.path.join(checkout, "environments", args.environment, "environment.cfg"), encoding="utf-8") as f:
            parser.read_string(f.read())
        settings = dict(parser.items("environment")) if parser.has_section("environment") else {}
    except (OSError, configparser.Error, UnicodeDecodeError):
        settings = {}  # batou will say what is wrong
    method, update = settings.get("connect_method", "ssh"), settings.get("update_method", "rsync")
    top = settings.get("repository_root") or "."
    if method != "local" and update.split("-")[0] in ("git", "hg") and "repository_root" not in settings:
        folder, mark = checkout, "." + update.split("-")[0]
        while folder != "/" and not REAL.path_exists(os.path.join(folder, mark)):
            folder = os.path.dirname(folder)
        top = folder if folder != "/" else "."
    deployment_base = os.path.relpath(checkout, os.path.join(checkout, top))
    home, source = args.target_home, "argument"
    directory = settings.get("target_directory") or "~/deployment"
    if args.target_base:
        base = args.target_base
    elif method == "local":
        base, source = checkout, "local"
    else:
        if directory.startswith("~/") or directory == "~":
            user = settings.get("service_user")
            source = "target_home" if home else "guess"
            directory = (home or ("/home/" + user if user else os.path.expanduser("~"))) + directory[1:]
        else:
            source = "target_directory"
        base = os.path.join(directory, deployment_base)
    base = os.path.normpath(base)
    if home is None and source == "guess":
        home = directory.rsplit("/", 1)[0] if settings.get("service_user") is None else "/home/" + settings["service_user"]
    root = "." if deployment_base == "." else os.path.normpath(os.path.join(base, os.path.relpath(
        os.path.join(checkout, top), checkout)))
    return SimpleNamespace(checkout=checkout, base=base, base_source=source, home=home, repository_root=root)


def forget_project_modules(place):
    """The second run must execute the project's own modules again."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith("batou.c.") or (file and inside(file, place.checkout) and "site-packages" not in file
                                           and not inside(file, sys.prefix)):
            del sys.modules[name]


def produce(args, doc, state):
    """Fill `doc`; what is there when an exception escapes is still printed."""
    if not hasattr(sys, "addaudithook"):
        raise RuntimeError("Python 3.8 or newer is needed: older ones have no audit hooks")
    checkout = os.path.realpath(REAL.getcwd())
    place = find_place(args, checkout)
    doc["target"] = {"base": place.base, "base_source": place.base_source, "home": place.home}
    current = Current()
    guard = state["guard"] = Guard(checkout, current)
    guard.install()
    clock = time.time()
    view = View(checkout, place.base, current)
    view.install()
    batou = import_batou(guard)
    guard.phase = "configure"
    names = Names(current)
    names.install()
    doc["batou_version"] = getattr(batou, "__version__", None)
    doc["batou_path"] = os.path.dirname(batou.__file__)
    guard.project = current.project = place.base
    if not args.platform:
        args.platform = None
    quiet_batou(batou, current, guard, args.order)
    sys.path.insert(0, "")  # as in the interpreter that batou starts; -I removed it
    doc["timing"]["import"] = time.time() - clock

    clock = time.time()
    guard.phase = "secrets"
    secrets = state["secrets"] = Secrets(
        checkout, args.environment, args.secrets, not hasattr(batou.secrets, "SecretProvider"), guard)
    try:
        secrets.read()
    except Exception as e:
        secrets.opaque = True
        secrets.problems.append("%s: %s" % (type(e).__name__, e))
    doc["secrets"] = {
        "provider": secrets.provider, "status": secrets.status, "problems": secrets.problems,
        "override_keys": sorted("%s.%s" % k for k in secrets.overrides),
        "host_data_keys": sorted("%s.%s" % k for k in secrets.host_data), "files": sorted(secrets.files)}
    doc["timing"]["secrets"] = time.time() - clock
    if place.home:
        os.environ["HOME"] = place.home
    os.environ["PWD"] = place.base

    clock = time.time()

    environ = dict(os.environ)

    def one_run(shadow, fill=()):
        forget_project_modules(place)
        os.environ.clear()
        os.environ.update(environ)
        run = Run(batou, args, secrets, shadow, place, current, guard, fill)
        run.go()
        return run

    run = one_run(False)
    if secrets.opaque and run.failed:
        run = one_run(False, run.failed)
    runs = [(run, Dump(run, names).document() if run.loaded else None)]
    if secrets.status != "none":
        run = one_run(True)
        runs.append((run, Dump(run, names).document() if run.loaded else None))
    doc["timing"]["configure"] = time.time() - clock

    first, first_doc = runs[0]
    markers = set().union(*(r.used_markers for r, _ in runs))
    settle = state["settle"] = Settle(args, place, secrets, names, markers, len(runs) > 1)
    doc["errors"] = settle.masked(first.errors, settle.words)
    doc["warnings"] = settle.masked(first.warnings, settle.words)
    if first_doc is not None:
        doc.update(settle.document(first_doc, runs[1][1] if len(runs) > 1 else None))
    doc["secrets"]["problems"] = settle.masked(doc["secrets"]["problems"], settle.words)
    doc["dns"] = [{"host": h, "stub": a} for a, h in sorted(names.stubs.items())]
    doc["side_effects"] = settle.masked(list(guard.attempts.values()), settle.words)
    guard.phase = "done"
    doc["inputs"] = guard.inputs()
    doc["input_directories"] = guard.input_directories()
    doc["inputs_absent"] = sorted(view.missing)


def main():
    sys.dont_write_bytecode = True
    args = arguments(sys.argv[1:])
    stdout = os.dup(1)
    os.dup2(2, 1)  # what components print must not end up in the JSON
    doc = {"probe_format": PROBE_FORMAT, "environment": args.environment, "order": args.order,
           "python_version": sys.version.split()[0], "python": sys.executable, "errors": [], "warnings": [], "timing": {}}
    state, code = {}, 4
    try:
        produce(args, doc, state)
        code = 3 if doc["errors"] else 0
    except BaseException as e:
        text = "".join(traceback.format_exception(type(e), e, e.__traceback__))[-4000:]
        crash = {"phase": "probe", "class": type(e).__name__, "cause": None, "message": str(e), "root": None, "host": None,
                 "at": None, "details": {}, "traceback": text}
        settle = state.get("settle")
        if settle is None and state.get("secrets") and state["secrets"].status != "none":
            crash.update(message="(withheld: may hold secrets)", traceback=None)
        doc["errors"].append(settle.masked(crash, settle.words) if settle else crash)
    if "guard" in state:
        state["guard"].phase = "done"
    doc["timing"]["total"] = time.time() - STARTED
    doc["timing"] = {k: round(v, 3) for k, v in doc["timing"].items()}
    data = json.dumps(doc, indent=1 if args.pretty else None, ensure_ascii=False,
                      default=lambda o: {"repr": type(o).__name__})
    with REAL.open(stdout, "wb") as f:
        f.write(data.encode("utf-8", "replace") + b"\n")  # lone surrogates are no JSON for strict readers
    sys.stderr.flush()
    os._exit(code)


main()
