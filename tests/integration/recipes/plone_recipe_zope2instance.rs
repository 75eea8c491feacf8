//! `plone.recipe.zope2instance`, held against the real one.

use super::kept_eggs::{Pinned, with_kept_eggs};
use super::known::{assert_known, assert_unknown};
use super::tree::{self, Tree};
use super::{Case, Run, check};

const PINS: &str = "
AccessControl = 7.5
Acquisition = 6.4
AuthEncoding = 6.1
BTrees = 6.5
Chameleon = 4.6.0
DateTime = 6.0
DocumentTemplate = 5.4
ExtensionClass = 6.5
MultiMapping = 5.1
Paste = 3.10.1
PasteDeploy = 3.1.0
Persistence = 5.5
RestrictedPython = 9.0
WSGIProxy2 = 0.5.1
WebOb = 1.8.11
WebTest = 3.0.7
ZConfig = 4.3
ZEO = 6.2
ZODB = 6.4
Zope = 5.14.2
ZopeUndo = 6.1
beautifulsoup4 = 4.15.0
cffi = 2.1.1
multipart = 2.0.1
persistent = 6.9
pycparser = 3.12
python-dotenv = 1.2.4
python-gettext = 5.0
pytz = 2026.6
roman = 5.2
six = 1.17.0
soupsieve = 4.1.2
transaction = 5.1
typing_extensions = 4.16.0
waitress = 3.0.2
z3c.pt = 5.2
zExceptions = 6.0
zc.lockfile = 4.0
zc.recipe.egg = 6.0.0
zdaemon = 5.2.1
zodbpickle = 4.5
zope.annotation = 6.0
zope.browser = 4.0
zope.browsermenu = 6.0
zope.browserpage = 6.0
zope.browserresource = 6.0
zope.cachedescriptors = 6.0
zope.component = 7.1
zope.configuration = 7.1
zope.container = 7.3
zope.contentprovider = 7.1
zope.contenttype = 6.0
zope.datetime = 6.0
zope.deferredimport = 6.1.1
zope.deprecation = 6.0
zope.dottedname = 7.1
zope.event = 6.2
zope.exceptions = 6.0
zope.filerepresentation = 7.0
zope.globalrequest = 3.0
zope.hookable = 8.4
zope.i18n = 6.0
zope.i18nmessageid = 8.4
zope.interface = 8.7
zope.lifecycleevent = 6.0
zope.location = 6.0
zope.pagetemplate = 6.1
zope.processlifetime = 4.0
zope.proxy = 7.3
zope.ptresource = 6.0
zope.publisher = 8.1
zope.schema = 8.1
zope.security = 8.4
zope.sequencesort = 6.0
zope.site = 6.0
zope.size = 6.0
zope.structuredtext = 6.0
zope.tal = 6.0
zope.tales = 7.0
zope.testbrowser = 8.1
zope.testing = 6.2
zope.traversing = 6.0
zope.viewlet = 6.0
";

const PARTS: &str = "
[instance]
recipe = plone.recipe.zope2instance
user = admin:s3cret-word
eggs = Zope

[client]
recipe = plone.recipe.zope2instance
user = admin:s3cret-word
eggs =
    Zope
    WebTest
scripts =
relative-paths = true
http-address = 127.0.0.1:8081 8082
http-fast-listen = off
effective-user = zope
zeo-client = on
zeo-address = 127.0.0.1:8100 127.0.0.1:8101
shared-blob = on
blob-storage = ${buildout:directory}/data/blobs
zeo-client-cache-size = 256MB
zeo-client-client = cache
zeo-var = ${buildout:directory}/run
min-disconnect-poll = 5
zodb-cache-size = 5000
zodb-cache-size-bytes = 10MB
threads = 3
debug-mode = on
debug-exceptions = on
verbose-security = on
environment-vars =
    A 1
    B two words
event-log = ${buildout:directory}/log/event.log
event-log-level = WARN
event-log-max-size = 5 MB
event-log-old-files = 3
event-log-handler = logging.handlers.RotatingFileHandler
event-log-args = (r'{0}', 'a')
event-log-kwargs = {'maxBytes': 5}
access-log = disable
zodb-temporary-storage = off
products = ${buildout:directory}/products/../products
var = ${buildout:directory}/data
client-home = ${buildout:directory}/home
python-check-interval = 500
zope-conf-imports = zc.x
zope-conf-additional =
    <extra>
      key value
    </extra>
zcml =
    demo
    demo.sub-meta # why
    other:own.zcml
    third-overrides
zcml-additional = <include package='x' />
locales = ${buildout:directory}/locales
resources = ${buildout:directory}/resources
zopectl-umask = 002
control-script = ctl
initialization =
    import os
    os.environ['A'] = 'b'
extra-paths = lib
max-request-body-size = 1000
clear-untrusted-proxy-headers = true
asyncore-use-poll = on
pipeline =
    egg:Zope#httpexceptions
    translogger
sentry_dsn = http://key@example.com/1
profile = on
mailinglogger = x

[plain]
recipe = plone.recipe.zope2instance
user = admin:s3cret-word
eggs = WebTest
interpreter = plainpy
http-address = 8083
blob-storage =
file-storage = store/Main.fs
zlib-storage = active
environment-vars = A 1 B 2
template-cache = off
event-log = disable
zodb-temporary-storage = on
site-zcml = <configure />
pid-file = ${buildout:directory}/run/plain.pid
wsgi = own.ini

[opaque]
recipe = plone.recipe.zope2instance
user = admin:s3cret-word
eggs = Zope
scripts =
http-address = 8084
demo-storage = on
zope-conf-additional =
";

/// A template of one's own for `wsgi.ini` stays in use for later parts with version 6.
const OF_NINE: &str = "
[template]
recipe = plone.recipe.zope2instance
user = admin:s3cret-word
eggs = Zope
scripts =
http-address = 8085
zope-conf = own.conf
wsgi-ini-template = own.in

[logging]
recipe = plone.recipe.zope2instance
user = admin:s3cret-word
eggs = Zope
scripts =
http-address = 8086
wsgi-logging-ini-template = logging.in
";

/// The newest version, and the oldest one that is modelled.
const VERSIONS: [(&str, &str, &str); 2] = [
    ("9.1.0", "instance client plain opaque template logging", OF_NINE),
    ("6.13.0", "instance client plain opaque", ""),
];

fn configurations(python: &str) -> Vec<String> {
    let configurations = VERSIONS.map(|(version, parts, more)| {
        let pins = format!("{PINS}plone.recipe.zope2instance = {version}\n");
        let text =
            format!("[buildout]\n{{buildout}}\nversions = versions\nparts = {parts}\n[versions]{pins}{PARTS}{more}");
        Pinned { pins, eggs: "plone.recipe.zope2instance\n    WebTest", text }
    });
    with_kept_eggs(python, "zope2instance", &configurations)
}

fn tree_of(python: &str, configuration: &str) -> Tree {
    let files = [
        ("own.in", "[server:main]\n%(server_main)s\n# 100%% %(pipeline)s\n"),
        ("logging.in", "[loggers]\nkeys = %(eventlog_level)s\n"),
        ("buildout.cfg", configuration),
    ];
    Tree::of(python, &files)
}

#[test]
fn a_fresh_zope_instance_is_sound_and_known_byte_for_byte() {
    for python in tree::pythons() {
        for ((version, parts, _), configuration) in VERSIONS.iter().zip(configurations(&python)) {
            let name = format!("{python}: {version}");
            let tree = tree_of(&python, &configuration);
            let judged = tree.judge();
            assert_eq!(judged.problems(), Vec::<String>::new(), "{name}");
            for part in parts.split(' ') {
                let files = ["etc/wsgi.ini", "etc/site.zcml", "bin/interpreter"];
                let files = files.map(|file| format!("parts/{part}/{file}"));
                assert_known(&tree, &judged, &files.each_ref().map(String::as_str), &name);
                assert_unknown(&tree, &judged, &format!("parts/{part}/inituser"), "secret");
            }
            for part in ["instance", "client", "plain"] {
                assert_known(&tree, &judged, &[&format!("parts/{part}/etc/zope.conf")], &name);
            }
            assert_unknown(&tree, &judged, "parts/opaque/etc/zope.conf", "demo-storage");
            let slugs = [
                "001-locales-configure",
                "002-demo-configure",
                "003-demo.sub-meta",
                "004-other-configure",
                "005-third-overrides",
                "998-resources-configure",
                "999-additional-overrides",
            ];
            let slugs = slugs.map(|slug| format!("parts/client/etc/package-includes/{slug}.zcml"));
            assert_known(&tree, &judged, &slugs.each_ref().map(String::as_str), &name);
            let scripts = ["bin/instance", "bin/ctl", "bin/plain", "bin/opaque", "bin/runwsgi", "bin/plainpy"];
            assert_known(&tree, &judged, &scripts, &name);
        }
    }
}

fn lose_start(tree: &Tree, path: &str) {
    tree.edit("parts/instance/etc/zope.conf");
    tree.remove(path);
}

const CASES: &[Case] = &[
    Case { name: "edited conf", path: "parts/instance/etc/zope.conf", damage: Tree::edit, run: Run::Repairs },
    Case { name: "random ini", path: "parts/instance/etc/wsgi.ini", damage: Tree::scramble, run: Run::Repairs },
    Case { name: "lost conf", path: "parts/client/etc/zope.conf", damage: Tree::remove, run: Run::Repairs },
    Case { name: "edited script", path: "bin/instance", damage: Tree::edit, run: Run::Repairs },
    Case { name: "lost script", path: "bin/ctl", damage: Tree::remove, run: Run::Repairs },
    Case { name: "script without x", path: "bin/plain", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "random script", path: "bin/opaque", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "zeroed interpreter", path: "parts/instance/bin/interpreter", damage: Tree::zero, run: Run::Repairs },
    Case { name: "random interpreter", path: "parts/plain/bin/interpreter", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "edited skeleton", path: "parts/instance/etc/site.zcml", damage: Tree::edit, run: Run::Ignores },
    Case { name: "lost skeleton", path: "parts/client/bin/README.txt", damage: Tree::remove, run: Run::Ignores },
    Case { name: "edited own site", path: "parts/plain/etc/site.zcml", damage: Tree::edit, run: Run::Repairs },
    Case {
        name: "edited slug",
        path: "parts/client/etc/package-includes/002-demo-configure.zcml",
        damage: Tree::edit,
        run: Run::Repairs,
    },
    Case { name: "lost slugs", path: "parts/client/etc/package-includes", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost part", path: "parts/instance", damage: lose_start, run: Run::Repairs },
];

#[test]
fn buildout_repairs_a_zope_instance_as_we_say_it_does() {
    for python in tree::pythons() {
        for ((version, _, _), configuration) in VERSIONS.iter().zip(configurations(&python)) {
            let tree = tree_of(&python, &configuration);
            // The versions agree; a few cases show it.
            let step = if *version == VERSIONS[0].0 { 1 } else { 5 };
            for case in CASES.iter().step_by(step) {
                check(&tree, case, case.path, &format!("{python}: {version}: {}", case.name));
            }
        }
    }
}

#[test]
fn an_inituser_that_zope_has_read_and_removed_is_no_finding() {
    for python in tree::pythons() {
        let tree = tree_of(&python, &configurations(&python)[0]);
        tree.remove("parts/instance/inituser");
        assert_eq!(tree.judge().problems(), Vec::<String>::new(), "{python}");
    }
}
