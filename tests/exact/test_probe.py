"""The probe against the real batou: what it says must be what `batou deploy` puts on disk.

    python3 -m unittest tests/exact/test_probe.py        (or pytest)

RECTIFY_TEST_BATOU          directory for one venv per batou version, kept between runs (default: below the temp directory)
RECTIFY_TEST_BATOU_VERSIONS default "2.7.1 2.3.1"; CI may name more
RECTIFY_TEST_BATOU_PYTHON   interpreter for the venvs (default: this one)
RECTIFY_TEST_APPENV         1: also deploy an AppEnv (needs the package index, slow)
RECTIFY_TEST_EXAMPLES       directory with batou's own examples (in its sdist); tested when given

Tests that need age, gpg or strace are skipped where these are not installed.
"""
import base64
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
import unittest

PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/definition/batou/exact/probe.py")
VERSIONS = os.environ.get("RECTIFY_TEST_BATOU_VERSIONS", "2.7.1 2.3.1").split()
VENVS = os.environ.get("RECTIFY_TEST_BATOU") or os.path.join(tempfile.gettempdir(), "rectify-test-batou")
PYTHON = os.environ.get("RECTIFY_TEST_BATOU_PYTHON", sys.executable)
EXAMPLES = os.environ.get("RECTIFY_TEST_EXAMPLES")


def python_of(version):
    """The Python of a venv with this batou; made when missing."""
    home = os.path.join(VENVS, version)
    python = os.path.join(home, "bin/python")
    done = os.path.join(home, "rectify.ready")
    if not os.path.exists(done):
        subprocess.run([PYTHON, "-m", "venv", "--clear", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "batou==" + version,
                        "setuptools<81"], check=True)
        open(done, "w").close()
    return python


class Project:
    """A batou project in a temporary directory."""

    def __init__(self, files, version=None):
        self.version = version or VERSIONS[0]
        self.base = os.path.realpath(tempfile.mkdtemp(prefix="rectify-probe-"))
        migrated = 2303 if self.version.startswith("2.3") else 2400
        self.write({".batou.json": '{"migration": {"version": %d}}' % migrated})
        self.write(files)

    def write(self, files):
        for name, content in files.items():
            path = os.path.join(self.base, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(content, str):
                content = textwrap.dedent(content).encode("utf-8")
            with open(path, "wb") as f:
                f.write(content)

    def path(self, *names):
        return os.path.join(self.base, *names)

    def deploy(self, environment="prod", env=None):
        python = python_of(self.version)
        p = subprocess.run(
            [os.path.join(os.path.dirname(python), "batou"), "deploy", environment], cwd=self.base,
            env=dict(os.environ, APPENV_BASEDIR=self.base, **(env or {})), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert p.returncode == 0, p.stdout.decode("utf-8", "replace")[-3000:]

    def probe(self, *options, environment="prod", env=None, rc=0, wrap=(), cwd=None):
        with open(PROBE, "rb") as f:
            source = f.read()
        p = subprocess.run([*wrap, python_of(self.version), "-B", "-I", "-", *options, environment], input=source,
                           cwd=cwd or self.base, env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        self.stdout, self.stderr = p.stdout.decode(), p.stderr.decode("utf-8", "replace")
        doc = json.loads(self.stdout)
        assert rc is None or p.returncode == rc, (p.returncode, doc["errors"], self.stderr[-2000:])
        return doc

    def snapshot(self):
        out = {}
        for folder, dirs, files in os.walk(self.base):
            for name in dirs + files:
                s = os.lstat(os.path.join(folder, name))
                out[os.path.join(folder, name)] = (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)
        return out

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)


def nodes(doc, root=None):
    def walk(node):
        for s in node.get("sub", ()):
            yield from walk(s)
        yield node

    for r in doc["roots"]:
        if r["tree"] and root in (None, r["id"], r["name"]):
            yield from walk(r["tree"])


def contents(doc, root=None):
    return {n["path"]: n["content"] for n in nodes(doc, root) if n["kind"] == "Content"}


def text(content):
    return base64.b64decode(content["b64"]).decode()


KITCHEN = {
    "environments/prod/environment.cfg": """\
        [environment]
        connect_method = local
        [hosts]
        localhost = base, web:blue, jobs
        [component:web]
        port = 8081
        """,
    "components/base/component.py": """\
        import os
        from batou.component import Attribute, Component
        from batou.lib.file import (
            BinaryFile, Content, Directory, File, JSONContent, Mode, Presence, Purge, Symlink, YAMLContent)
        from batou.lib.cron import CronJob, CronTab
        from batou.lib.logrotate import Logrotate, RotatedLogfile


        class Base(Component):
            names = Attribute("list", default="")

            def configure(self):
                self.backends = sorted(self.require("backend"), key=str)
                self += File("plain.txt", content="umlaut \\u00e4 {{component.workdir}} {{environment.base_dir}}\\n")
                self += File("paths.txt", is_template=False,
                             content=os.getcwd() + " " + self.defdir + " " + os.path.abspath("x") + "\\n")
                self += File("template.conf", mode=0o640)
                self += File("crlf.txt", source="crlf.txt")
                self += File("verbatim.txt", source="verbatim.txt", is_template=False, mode="600")
                self += BinaryFile("image.bin", source="image.bin", mode="rwxr-x---")
                self += File("empty", content="")
                self += File("deep/er/file", content="deep", leading=True)
                self += File("latin", content="\\u00e4\\u00f6", encoding="latin-1")
                self += Directory("tree", source="tree")
                self += Symlink("link", source="plain.txt")
                self += File("link2", ensure="symlink", link_to="template.conf")
                self += Presence("data.json")
                self += JSONContent("data.json", data={"b": [1, 2], "a": self.workdir})
                self += Presence("data.yaml")
                self += YAMLContent("data.yaml", data={"b": [1, 2], "a": 1})
                self += Purge("gone*")
                self += CronJob("run {{component.workdir}}/x", args="--fast", timing="0 3 * * *", logger="x")
                self += RotatedLogfile("app.log", args="weekly, rotate 4")
                assert self.root.host.fqdn == "localhost"
                with open(os.path.join(self.environment.base_dir, "shared.txt")) as f:
                    self += File("shared", content=f.read())
                self += Nested("inner")


        class Jobs(Component):
            def configure(self):
                self += CronTab()
                self += Logrotate()


        class Nested(Component):
            namevar = "what"

            def configure(self):
                self.workdir = self.workdir + "/nested"
                self += File("name", content="{{component.what}}")
        """,
    "components/base/template.conf":
        "{# comment #}\n@@ for b in component.backends:\nserver {{b}}\n@@ endfor\nhost {{host.fqdn}}\n\n",
    "components/base/crlf.txt": b"one\r\ntwo {{host.name}}\r\n",
    "components/base/verbatim.txt": "{{not.rendered}}\n",
    "components/base/image.bin": bytes(range(256)),
    "components/base/tree/a/b.txt": "synced",
    "components/web/component.py": """\
        from batou.component import Attribute, Component
        from batou.lib.file import File
        from batou.utils import Address


        class Web(Component):
            port = Attribute(int, default=80)
            features = ["red", "blue"]

            def configure(self):
                self.address = Address("localhost", self.port)
                self.provide("backend", self.address.connect)
                self += File("web.conf", content="listen {{component.address.listen}} {{component.features}}\\n")


        class Marker(Component):
            def verify(self):
                assert False

            def update(self):
                pass
        """,
    "shared.txt": "shared {{host.name}}\n",
}


class Case(unittest.TestCase):
    def project(self, files, version=None):
        p = Project(files, version)
        self.addCleanup(p.remove)
        return p

    def assert_deployed(self, doc):
        """Every content, mode and link of the dump is what is on disk."""
        checked = 0
        for n in nodes(doc):
            self.assertIsNone(n["attrs"].get("probe_error"), n)
            if n["kind"] == "Content":
                c = n["content"]
                self.assertIsNone(c["unknown"], n)
                with open(n["path"], "rb") as f:
                    disk = f.read()
                if c["b64"] is not None:
                    self.assertEqual(base64.b64decode(c["b64"]), disk, n["path"])
                else:
                    self.assertTrue(c["secret"], n)
                self.assertEqual(hashlib.sha256(disk).hexdigest(), c["sha256"])
                self.assertEqual(len(disk), c["size"])
            elif n["kind"] == "Mode":
                self.assertEqual(stat.S_IMODE(os.stat(n["path"]).st_mode), n["attrs"]["mode"], n["path"])
            elif n["kind"] == "Symlink":
                self.assertEqual(os.readlink(n["path"]), n["attrs"]["source"])
            elif n["kind"] in ("File", "Presence", "Directory", "SyncDirectory"):
                self.assertTrue(os.path.lexists(n["path"]), n["path"])
            else:
                continue
            checked += 1
        self.assertGreater(checked, 0)
        return checked


class Deployed(Case):
    def test_every_version(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.project(KITCHEN, version)
                before = p.probe()
                p.deploy()
                self.assertGreater(self.assert_deployed(before), 35)
                after = p.probe()
                for key in ("timing", "side_effects"):
                    before.pop(key), after.pop(key)
                self.assertEqual(before, after, "the live tree changed the model")
                self.assertEqual(before["batou_version"], version)
                web = next(r for r in before["roots"] if r["name"] == "web")
                self.assertEqual(web["features"], ["blue"])
                self.assertEqual(web["assigned_at"]["line"], 4)
                self.assertEqual(web["overrides"][0]["at"]["line"], 6)
                conf = next(n for n in nodes(before) if (n["path"] or "").endswith("plain.txt") and n["kind"] == "File")
                line = KITCHEN["components/base/component.py"].split("\n").index(
                    next(x for x in KITCHEN["components/base/component.py"].split("\n") if "plain.txt" in x)) + 1
                self.assertEqual(conf["declared_at"][0], {"file": "components/base/component.py", "line": line})
                self.assertEqual(next(e for e in before["edges"] if e["key"] == "backend"), {
                    "key": "backend", "requirer": "localhost/base", "provider": "localhost/web", "reverse": False,
                    "dirty": False, "strict": True, "host": None})
                self.assertEqual(before["deploy_order"], ["localhost/web", "localhost/base", "localhost/jobs"])
                self.assertEqual(next(n for n in nodes(before) if n["kind"] == "CronJob")["attrs"]["line"][:9], "0 3 * * *")
                read = {i["path"]: i["sha256"] for i in before["inputs"]}
                self.assertEqual(read["shared.txt"], hashlib.sha256(KITCHEN["shared.txt"].encode()).hexdigest())
                self.assertIn("components/base/image.bin", read)

    def test_target_base_equals_a_deployment_there(self):
        here, there = self.project(KITCHEN), self.project(KITCHEN)
        there.deploy()
        doc = here.probe("--target-base", there.base)
        self.assert_deployed(doc)
        self.assertNotIn(here.base, here.stdout)
        self.assertFalse(any(c["rebased"] for c in contents(doc).values()))

    def test_ssh_uses_the_target_directory(self):
        p = self.project(dict(KITCHEN, **{"environments/prod/environment.cfg": """\
            [environment]
            service_user = s-app
            [hosts]
            localhost = base, web, jobs
            """}))
        doc = p.probe()
        self.assertEqual(doc["target"], {"base": "/home/s-app/deployment", "base_source": "guess", "home": "/home/s-app"})
        self.assertIn("/home/s-app/deployment/work/base/plain.txt", contents(doc))
        doc = p.probe("--target-home", "/srv/s-app")
        self.assertEqual(doc["target"]["base"], "/srv/s-app/deployment")
        self.assertEqual(doc["target"]["base_source"], "target_home")

    def test_sandboxes(self):
        component = """\
            from batou.component import Component
            from batou.lib.file import File


            class App(Component):
                def configure(self):
                    self += File("/etc/app/%s.conf", content="x", leading=True)
            """ % "app"
        for vfs, path in (("sandbox = Developer", "work/_/etc/app/app.conf"),
                          ("sandbox = Map\n/etc = {base}/mapped", "mapped/app/app.conf")):
            with self.subTest(vfs):
                p = self.project({"components/app/component.py": component})
                p.write({"environments/prod/environment.cfg":
                         "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n[vfs]\n" + vfs.format(base=p.base)})
                doc = p.probe()
                self.assertFalse(os.path.exists(p.path("work")), "the sandbox made directories")
                self.assertIn(p.path(path), contents(doc))
                p.deploy()
                self.assert_deployed(doc)

    @unittest.skipUnless(EXAMPLES, "RECTIFY_TEST_EXAMPLES is not set")
    def test_batous_own_examples(self):
        for example, environment in (("tutorial-helloworld", "tutorial"), ("largetempl", None), ("durations", None),
                                     ("ignores", None), ("sync_async", None)):
            source = os.path.join(EXAMPLES, example)
            if not os.path.isdir(source):
                continue
            environment = environment or sorted(os.listdir(os.path.join(source, "environments")))[0]
            with self.subTest(example):
                p = self.project({})
                shutil.rmtree(p.base)
                shutil.copytree(source, p.base, symlinks=True, ignore=shutil.ignore_patterns("work", ".appenv"))
                p.write({".batou.json": '{"migration": {"version": 2400}}'})
                doc = p.probe(environment=environment)
                p.deploy(environment)
                for r in doc["roots"]:
                    if r["ignore"]:
                        r["tree"] = None
                if any(True for _ in nodes(doc)):
                    for n in nodes(doc):
                        if n["kind"] == "Content":
                            with open(n["path"], "rb") as f:
                                self.assertEqual(hashlib.sha256(f.read()).hexdigest(), n["content"]["sha256"])

    def test_live_tree_is_hidden(self):
        p = self.project({
            "environments/prod/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app, env\n",
            "components/env/component.py": """\
                from batou.component import Component
                from batou.lib.appenv import AppEnv

                class Env(Component):
                    def configure(self):
                        self += AppEnv("3")
                """,
            "components/env/requirements.lock": "# nothing\n",
            "components/app/component.py": """\
                import os
                from batou.component import Component
                from batou.lib.file import File

                class App(Component):
                    def configure(self):
                        first = not os.path.exists(self.workdir + "/made")
                        self += File("made", content="first=%s" % first)
                        self += File("generated", content="late {{host.name}}", is_template=True)
                        self += File("copy", source=self.workdir + "/generated")
                """})
        clean = p.probe()
        p.write({"work/app/made": "x", "work/app/generated": "damaged"})
        os.makedirs(p.path("work/env/.appenv"))
        with open(p.path("work/env/.appenv/current"), "w") as f:
            f.write("not a link: batou's own configure() dies of it")
        doc = p.probe()
        clean.pop("timing"), doc.pop("timing")
        self.assertEqual(clean, doc)
        c = contents(doc)
        self.assertEqual(text(c[p.path("work/app/made")]), "first=True")
        self.assertEqual(c[p.path("work/app/made")]["doubts"], ["reads_live_tree"])
        self.assertEqual(c[p.path("work/app/copy")]["unknown"], "delayed")
        env = next(n for n in nodes(doc) if n["kind"] == "AppEnv")
        self.assertTrue(env["reads_live_tree"])
        self.assertEqual(text(env["attrs"]["ready"]), "Ready or not, here I come, you can't hide\n")
        self.assertEqual(text(env["attrs"]["lock"]), "# nothing\n")
        if os.environ.get("RECTIFY_TEST_APPENV"):
            shutil.rmtree(p.path("work"))
            p.write({"environments/prod/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = env\n"})
            p.deploy()
            self.assert_deployed(p.probe())


class Doubts(Case):
    def test_names_places_and_leaks(self):
        outside = tempfile.NamedTemporaryFile("w", suffix=".outside")
        self.addCleanup(outside.close)
        outside.write("from outside")
        outside.flush()
        p = self.project({
            "environments/prod/environment.cfg": """\
                [environment]
                target_directory = /srv/deployment
                require_v6 = True
                [hosts]
                app01 = app
                [resolver]
                known.example = 192.0.2.7
                """,
            "components/app/component.py": """\
                import os
                from batou.component import Component
                from batou.lib.file import File
                from batou.utils import Address

                class App(Component):
                    def configure(self):
                        self.known = Address("known.example", 80)
                        self.stub = Address("unknown.example", 80)
                        self += File("known", content="{{component.known.listen}}")
                        self += File("stub", content="{{component.stub.listen}} {{component.stub.listen_v6}}")
                        self += File("outside", content=open(%r).read())
                        self += File("leak", content=os.environ["LEAK"])
                        self += File("direct", source=%r)
                """ % (outside.name, outside.name)})
        doc = p.probe(env={"LEAK": p.path("components/app/x")})
        c = {os.path.basename(k): v for k, v in contents(doc).items()}
        self.assertEqual(text(c["known"]), "192.0.2.7:80")
        self.assertEqual(c["stub"]["dns"], ["unknown.example"])
        self.assertIn("dns", c["stub"]["doubts"])
        self.assertEqual(doc["target"]["base_source"], "target_directory")
        self.assertEqual((text(c["leak"]), c["leak"]["rebased"]), ("/srv/deployment/components/app/x", True))
        self.assertEqual(c["leak"]["doubts"], ["reads_outside", "rebased"])
        self.assertIn("reads_outside", c["outside"]["doubts"])
        self.assertIn("reads_outside", c["direct"]["doubts"])
        self.assertNotIn(p.base, p.stdout)

    def test_a_checkout_around_the_target(self):
        p = self.project(dict(KITCHEN))
        doc = p.probe("--target-base", p.path("deployment"))
        self.assertEqual(doc["settings"]["base_dir"], p.path("deployment"))
        c = contents(doc)[p.path("deployment/work/base/paths.txt")]
        self.assertEqual(text(c), "{0} {0} {0}/x\n".format(p.path("deployment/components/base")))
        self.assertEqual(c["doubts"], [])

    def test_what_component_files_read_concerns_everything(self):
        p = self.project({
            "environments/prod/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\na = app\n",
            "components/app/component.py": """\
                from batou.component import Component
                from batou.lib.file import File

                NAME = open("/etc/hostname").read() if __import__("os").path.exists("/etc/hostname") else ""

                class App(Component):
                    def configure(self):
                        self += File("x", content="x")
                """})
        doc = p.probe()
        self.assertEqual(doc["read_while_loading"], ["/etc/hostname"])
        self.assertEqual(contents(doc)[p.path("work/app/x")]["doubts"], ["reads_outside"])

    def test_shown_to_one_host_only(self):
        p = self.project({
            "environments/prod/environment.cfg": "[environment]\nhost_domain = example\n[hosts]\na = app\n!b = app, !none\n",
            "components/app/component.py": "from batou.component import Component\n\nclass App(Component):\n    pass\n\n\n"
                                           "class NoNe(Component):\n    pass\n"})
        doc = p.probe("--host", "b.example")
        self.assertEqual([(r["id"], r["ignore"]) for r in doc["roots"]], [("b/app", False), ("b/none", True)])
        self.assertEqual([(h["name"], h["fqdn"], h["ignore"]) for h in doc["hosts"]],
                         [("a", "a.example", False), ("b", "b.example", True)])


class Guarded(Case):
    ATTEMPTS = {
        "write": "open(os.path.join(self.defdir, 'evil'), 'w').write('x')",
        "write_live": "open(os.path.join(self.environment.workdir_base, 'evil'), 'w')",
        "mkdir": "os.makedirs('evil/directory')",
        "remove": "os.remove(__file__ if '__file__' in globals() else 'component.py')",
        "chmod": "os.chmod('component.py', 0o777)",
        "spawn": "self.cmd('lsb_release -a')",
        "system": "os.system('true')",
        "fork": "os.fork()",
        "connect": "__import__('socket').create_connection(('192.0.2.1', 80), 1)",
        "fetch": "__import__('urllib.request').request.urlopen('http://192.0.2.1/')",
        "temporary": "__import__('tempfile').mkdtemp()",
        "fifo": "os.mkfifo('evil-fifo')",
        "database": "__import__('sqlite3').connect(self.defdir + '/evil.db')",
    }

    def test_attempts_are_refused_and_the_others_go_on(self):
        files = {"environments/prod/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = good, swallow, "
                 + ", ".join("bad" + k.replace("_", "") for k in self.ATTEMPTS) + "\n",
                 "components/good/component.py": """\
                    from batou.component import Component
                    from batou.lib.file import File

                    print("noise on stdout")

                    class Good(Component):
                        def configure(self):
                            print("more noise")
                            self += File("good", content="good")
                    """,
                 "components/swallow/component.py": """\
                    import subprocess
                    from batou.component import Component
                    from batou.lib.file import File

                    class Swallow(Component):
                        def configure(self):
                            try:
                                out = subprocess.check_output(["id"]).decode()
                            except Exception:
                                out = "none"
                            self += File("id", content=out)
                    """}
        for name, code in self.ATTEMPTS.items():
            files["components/%s/component.py" % name] = (
                "import os\nfrom batou.component import Component\n\n\nclass Bad%s(Component):\n"
                "    def configure(self):\n        %s\n" % (name.replace("_", "").title(), code))
        for version in VERSIONS:
            with self.subTest(version):
                p = self.project(files, version)
                before = p.snapshot()
                doc = p.probe(rc=3)
                self.assertEqual(before, p.snapshot())
                for name in self.ATTEMPTS:
                    root = "localhost/bad" + name.replace("_", "")
                    errors = [e for e in doc["errors"] if e["root"] == root]
                    self.assertEqual(len(errors), 1, (name, doc["errors"]))
                    self.assertEqual(errors[0]["at"], {"file": "components/%s/component.py" % name, "line": 7}, errors)
                    if name != "temporary":  # tempfile tries several directories and then says that there is none
                        self.assertIn("refused", errors[0]["message"])
                    self.assertTrue([s for s in doc["side_effects"] if s["root"] == root and s["at"]["line"] == 7], name)
                good = contents(doc, "good")[p.path("work/good/good")]
                self.assertEqual((text(good), good["doubts"]), ("good", []))
                swallowed = contents(doc, "swallow")[p.path("work/swallow/id")]
                self.assertEqual((text(swallowed), swallowed["doubts"]), ("none", ["side_effects"]))

    def test_a_library_that_looks_for_ipv6_when_it_is_imported_is_no_side_effect(self):
        for version in VERSIONS:
            with self.subTest(version):
                p = self.project({
                    "environments/prod/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n",
                    "components/app/component.py": """\
                        from batou.component import Component
                        from batou.lib.download import Download  # imports requests with urllib3


                        class App(Component):
                            pass
                        """})
                self.assertEqual(p.probe()["side_effects"], [])

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_no_system_call_writes(self):
        p = self.project(KITCHEN)
        p.deploy()
        log = tempfile.NamedTemporaryFile(suffix=".strace")
        self.addCleanup(log.close)
        before = p.snapshot()
        p.probe(wrap=["strace", "-f", "-o", log.name, "-e",
                      "trace=%file,%desc,%process,%network", "-s", "120"])
        self.assertEqual(before, p.snapshot())
        with open(log.name) as f:
            lines = f.read().splitlines()
        calls = [line.split(None, 1)[1] for line in lines if "(" in line]
        bad = [c for c in calls if c.startswith((
            "mkdir", "rename", "unlink", "rmdir", "chmod", "fchmod", "chown", "fchown", "lchown", "link", "symlink", "truncate",
            "ftruncate", "utime", "futimes", "mknod", "setxattr", "connect", "sendto", "bind", "fork", "vfork", "flock"))]
        bad += [c for c in calls if c.startswith(("open", "creat")) and any(w in c for w in ("O_WRONLY", "O_RDWR", "O_CREAT"))
                and "/dev/null" not in c]
        bad += [c for c in calls if c.startswith("write") and not c.startswith(("write(1,", "write(2,", "write(3,"))]
        bad += [c for c in calls[1:] if c.startswith("execve") and " = 0" in c]
        self.assertEqual(bad, [])


class Orders(Case):
    def test_dependent_content_differs_and_runs_repeat(self):
        files = {"environments/prod/environment.cfg":
                 "[environment]\nconnect_method = local\n[hosts]\nlocalhost = lb, " + ", ".join("b%d" % i for i in range(5)) + "\n",
                 "components/lb/component.py": """\
                    from batou.component import Component
                    from batou.lib.file import File

                    class Lb(Component):
                        def configure(self):
                            self.found = self.require("backend")
                            self += File("raw", content=" ".join(self.found))
                            self += File("sorted", content=" ".join(sorted(self.found)))
                    """}
        for i in range(5):
            files["components/b%d/component.py" % i] = """\
                from batou.component import Component

                class B%d(Component):
                    def configure(self):
                        self.provide("backend", "b%d")
                """ % (i, i)
        for version in VERSIONS:
            with self.subTest(version):
                p = self.project(files, version)
                runs = [contents(p.probe("--order", n)) for n in ("0", "1", "0", "7", "7")]
                raw, ordered = p.path("work/lb/raw"), p.path("work/lb/sorted")
                self.assertEqual(text(runs[0][raw]), "b0 b1 b2 b3 b4")
                self.assertEqual(text(runs[1][raw]), "b4 b3 b2 b1 b0")
                self.assertEqual(runs[0], runs[2])
                self.assertEqual(runs[3], runs[4])
                self.assertEqual(len({json.dumps(r[ordered]) for r in runs}), 1)


SECRET = "correct-horse-battery"
SECRET_FILES = {
    "environments/prod/environment.cfg": """\
        [environment]
        connect_method = local
        [hosts]
        localhost = app, other
        """,
    "components/app/component.py": """\
        import hashlib
        from batou.component import Attribute, Component
        from batou.lib.file import File

        class App(Component):
            password = None
            port = Attribute(int, default=1)

            def configure(self):
                self.provide("dsn", "app:%s" % self.password)
                self += File("direct", content="password={{component.password}}")
                self += File("hashed", content=hashlib.sha256(str(self.password).encode()).hexdigest())
                self += File("file", content=self.environment.secret_files["note"], is_template=False)
                self += File("port", content="{{component.port}}")
                self += File("data", content=self.host.data["token"])
                self += File("free", content="nothing secret")
                self += Custom(self.password)

        class Custom(Component):
            namevar = "secret"

            def verify(self):
                pass
        """,
    "components/other/component.py": """\
        from batou.component import Component
        from batou.lib.file import File

        class Other(Component):
            def configure(self):
                self += File("dsn", content=self.require_one("dsn"))
                self += File("free", content="nothing secret")
        """,
}
CLEAR = "[batou]\nmembers = x\n\n[app]\npassword = %s\nport = 4711\n\n[host:localhost]\ndata-token = tok-en-of-host\n" % SECRET
NOTE = "first line of note\nsecond line\n"


class Secret(Case):
    def encrypted(self, kind, version):
        """(project, environment variables with the key, without)."""
        p = self.project(SECRET_FILES, version)
        home = os.path.realpath(tempfile.mkdtemp(prefix="rk"))
        self.addCleanup(shutil.rmtree, home, True)
        where = p.path("environments/prod")
        if kind == "gpg":
            gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
            subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "a@example.com", "default", "default"], check=True,
                           stderr=subprocess.DEVNULL)
            self.addCleanup(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"])

            def encrypt(data):
                return subprocess.run([*gpg, "--trust-model", "always", "-r", "a@example.com", "--encrypt"],
                                      input=data.encode(), stdout=subprocess.PIPE, check=True).stdout
            having, lacking = {"GNUPGHOME": home}, {"GNUPGHOME": home + "/none"}
            old = version.startswith("2.3")
            names = ("secrets.cfg", "secret-note") if old else ("secrets.cfg.gpg", "secret-note.gpg")
        else:
            subprocess.run(["age-keygen", "-o", home + "/key"], check=True, stderr=subprocess.DEVNULL)
            with open(home + "/key") as f:
                recipient = next(line.split()[-1] for line in f if "public key" in line)

            def encrypt(data):
                return subprocess.run(["age", "-r", recipient], input=data.encode(), stdout=subprocess.PIPE, check=True).stdout
            having, lacking = {"BATOU_AGE_IDENTITIES": home + "/key"}, {"BATOU_AGE_IDENTITIES": home + "/none"}
            names = ("secrets.cfg." + kind, "secret-note.age")
        config = encrypt(CLEAR)
        if kind == "age-diffable":
            config = "".join(
                line if "=" not in line or line.startswith("members") else "%s = %s\n" % (
                    line.split(" = ")[0], base64.b64encode(encrypt(line.split(" = ")[1].rstrip("\n"))).decode())
                for line in CLEAR.splitlines(True)).encode()
        for name, data in zip(names, (config, encrypt(NOTE))):
            with open(os.path.join(where, name), "wb") as f:
                f.write(data)
        return p, having, lacking

    def check_kind(self, kind, version):
        p, having, lacking = self.encrypted(kind, version)
        before = p.snapshot()
        doc = p.probe(env=having)
        self.assertEqual(before, p.snapshot())
        self.assertEqual(doc["secrets"]["status"], "decrypted")
        for word in (SECRET, "tok-en-of-host", "second line", hashlib.sha256(SECRET.encode()).hexdigest()):
            self.assertNotIn(word, p.stdout)
            self.assertNotIn(base64.b64encode(word.encode()).decode(), p.stdout)
        c = {k[len(p.base) + 6:]: v for k, v in contents(doc).items()}
        self.assertEqual({k for k, v in c.items() if v["secret"]},
                         {"app/direct", "app/hashed", "app/file", "app/port", "app/data", "other/dsn"})
        self.assertEqual(text(c["app/free"]), "nothing secret")
        p.deploy(env=having)
        self.assert_deployed(doc)

        for options, env in (((), lacking), (("--secrets", "skip"), having)):
            doc = p.probe(*options, env=env)
            self.assertEqual(doc["secrets"]["status"], "keys-only" if kind == "age-diffable" else "opaque")
            c = {k[len(p.base) + 6:]: v for k, v in contents(doc).items()}
            for name, content in c.items():
                with open(p.path("work", name), "rb") as f:
                    disk = hashlib.sha256(f.read()).hexdigest()
                if content["unknown"] is None and not content["doubts"]:
                    self.assertEqual(content["sha256"], disk, "sure and wrong: " + name)
            for name in ("app/direct", "app/hashed", "app/file", "app/data", "other/dsn"):
                self.assertEqual(c[name]["unknown"], "secret", name)
            self.assertEqual(text(c["other/free"]), "nothing secret")
            self.assertNotIn("RectifySecret", p.stdout)

    @unittest.skipUnless(shutil.which("age"), "age is not installed")
    def test_age(self):
        for version in VERSIONS:
            if version.startswith("2.3"):
                continue
            with self.subTest(version):
                self.check_kind("age", version)

    @unittest.skipUnless(shutil.which("age"), "age is not installed")
    def test_age_diffable(self):
        for version in VERSIONS:
            if version.startswith(("2.3", "2.4")):
                continue
            with self.subTest(version):
                self.check_kind("age-diffable", version)

    @unittest.skipUnless(shutil.which("age") and shutil.which("ssh-keygen"), "age or ssh-keygen is not installed")
    def test_age_with_a_passphrase(self):
        p = self.project(SECRET_FILES)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", p.path("id")], check=True)
        for name, data in (("secrets.cfg.age", CLEAR), ("secret-note.age", NOTE)):
            with open(p.path("environments/prod", name), "wb") as f:
                subprocess.run(["age", "-R", p.path("id.pub")], input=data.encode(), stdout=f, check=True)
        env = {"BATOU_AGE_IDENTITIES": p.path("id"), "BATOU_AGE_IDENTITY_PASSPHRASE": "open sesame"}
        doc = p.probe(env=env)
        self.assertEqual(doc["secrets"]["status"], "decrypted")
        self.assertEqual(p.probe(env=dict(env, BATOU_AGE_IDENTITY_PASSPHRASE="wrong"))["secrets"]["status"], "opaque")
        del env["BATOU_AGE_IDENTITY_PASSPHRASE"]
        self.assertEqual(p.probe(env=env)["secrets"]["status"], "opaque")
        # batou itself races with age about the terminal's echo, so the deployment to compare with has no passphrase
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "open sesame", "-N", "", "-f", p.path("id")], check=True,
                       stdout=subprocess.DEVNULL)
        p.deploy(env=env)
        self.assert_deployed(doc)

    @unittest.skipUnless(shutil.which("gpg"), "gpg is not installed")
    def test_gpg(self):
        for version in VERSIONS:
            with self.subTest(version):
                self.check_kind("gpg", version)


class Errors(Case):
    def test_all_are_collected_and_the_rest_is_given(self):
        p = self.project({
            "environments/prod/environment.cfg": """\
                [environment]
                connect_method = local
                [hosts]
                one = good, broken, wanting, nowhere
                two = good, broken
                [component:good]
                nosuch = 1
                [component:ghost]
                x = 1
                """,
            "components/good/component.py": "from batou.component import Component\n\nclass Good(Component):\n    pass\n",
            "components/broken/component.py": """\
                from batou.component import Component
                from batou.lib.file import File

                class Broken(Component):
                    def configure(self):
                        self += File("before", content="x")
                        self += File("undefined", content="{{nosuch}}")
                """,
            "components/wanting/component.py": """\
                from batou.component import Component

                class Wanting(Component):
                    def configure(self):
                        self.require("nothing")
                """,
            "components/syntax/component.py": "class:\n",
        })
        doc = p.probe(rc=3)
        classes = sorted(e["class"] for e in doc["errors"])
        for name in ("ComponentLoadingError", "MissingComponent", "SuperfluousComponentSection", "MissingOverrideAttributes",
                     "UnsatisfiedResources"):
            self.assertIn(name, classes)
        broken = {e["host"]: e for e in doc["errors"] if e["root"] and e["root"].endswith("/broken")}
        self.assertEqual(set(broken), {"one", "two"})
        self.assertEqual(broken["one"]["at"], {"file": "components/broken/component.py", "line": 7})
        self.assertIn(p.path("work/broken/before"), contents(doc, "one/broken"))
        self.assertFalse(next(r for r in doc["roots"] if r["id"] == "one/broken")["configured"])

    def test_missing_environment(self):
        p = self.project({})
        doc = p.probe(environment="nowhere", rc=3)
        self.assertEqual(doc["errors"][0]["class"], "MissingEnvironment")


if __name__ == "__main__":
    unittest.main()
