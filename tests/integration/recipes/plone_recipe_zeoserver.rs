//! `plone.recipe.zeoserver`, held against the real one.

use super::kept_eggs::{Pinned, with_kept_eggs};
use super::known::{assert_known, assert_unknown};
use super::tree::{self, Tree};
use super::{Case, Run, check};

const PINS: &str = "
BTrees = 6.5
ZConfig = 4.3
ZEO = 6.2
ZODB = 6.4
ZopeUndo = 6.1
cffi = 2.1.1
persistent = 6.9
pycparser = 3.12
transaction = 5.1
zc.lockfile = 4.0
zc.recipe.egg = 3.0.0
zdaemon = 5.2.1
zodbpickle = 4.5
zope.deferredimport = 6.1.1
zope.interface = 8.7
zope.mkzeoinstance = 6.0
zope.proxy = 7.3
";

const PARTS: &str = "
[zeo]
recipe = plone.recipe.zeoserver

[full]
recipe = plone.recipe.zeoserver
eggs = ZEO
relative-paths = true
zeo-address = 127.0.0.1:8101
effective-user = zope
monitor-address = 8102
invalidation-queue-size = 500
zeo-log = logs/zeo.log
zeo-log-level = debug
zeo-log-max-size = 5 MB
zeo-log-old-files = 3
zeo-log-format = %(message)s
file-storage = store/Main.fs
blob-storage = blobs
pack-gc = False
pack-keep-old = true
pack-days = 7
pack-user = admin
authentication-database = ${buildout:directory}/zeo.passwd
authentication-realm = Zope
var = ${buildout:directory}/data
socket-name = ${buildout:directory}/run/zeo.sock
pid-file = ${buildout:directory}/run/zeo.pid
extra-paths =
    ${buildout:directory}/more
    lib
initialization =
    import os
    os.environ['A'] = 'b'
zeopack-script-name = pack-full
repozo-script-name = repozo-full
zeo-conf-additional =
    <extra>
      key value
    </extra>
read-only = true
storage-number = 2

[socket]
recipe = plone.recipe.zeoserver
zeo-address = ${buildout:directory}/var/zeo.sock
blob-storage =
pack-gc = true
zeo-log-custom = <syslog></syslog>
zeopack =
repozo = ${buildout:directory}/own/my.repozo.py
repozo-script-name = repozo-socket

[own]
recipe = plone.recipe.zeoserver
zeo-conf = etc/../own.conf
pack-user = admin
pack-password = s3cret-word
zeopack-script-name = pack-own
repozo-script-name = repozo-own
";

/// Only version 4 can do this.
const OF_FOUR: &str = "
[packing]
recipe = plone.recipe.zeoserver
zeo-address = 127.0.0.1:8103
zeopack = own/my_pack.py
zeopack-script-name = pack-packing
repozo-script-name = repozo-packing

[lacking]
recipe = plone.recipe.zeoserver
zeo-address = 127.0.0.1:8104
zeopack = own/missing.py
zeopack-script-name = pack-lacking
repozo-script-name = repozo-lacking
";

/// The newest version and the oldest one that works with this buildout.
const VERSIONS: [(&str, &str, &str); 2] =
    [("4.0.1", "zeo full socket own packing lacking", OF_FOUR), ("3.0.5", "zeo full socket own", "")];

fn configurations(python: &str) -> Vec<String> {
    let configurations = VERSIONS.map(|(version, parts, more)| {
        let pins = format!("{PINS}plone.recipe.zeoserver = {version}\n");
        let text =
            format!("[buildout]\n{{buildout}}\nversions = versions\nparts = {parts}\n[versions]{pins}{PARTS}{more}");
        Pinned { pins, eggs: "plone.recipe.zeoserver", text }
    });
    with_kept_eggs(python, "zeoserver", &configurations)
}

fn tree_of(python: &str, configuration: &str) -> Tree {
    Tree::of(
        python,
        &[("own/my_pack.py", ""), ("own/my.repozo.py", ""), ("own.conf", ""), ("buildout.cfg", configuration)],
    )
}

#[test]
fn a_fresh_zeo_server_is_sound_and_known_byte_for_byte() {
    for python in tree::pythons() {
        for ((version, parts, _), configuration) in VERSIONS.iter().zip(configurations(&python)) {
            let name = format!("{python}: {version}");
            let tree = tree_of(&python, &configuration);
            let judged = tree.judge();
            assert_eq!(judged.problems(), Vec::<String>::new(), "{name}");
            for part in parts.split(' ') {
                let inside = ["etc/.eggs", "etc/zeo.conf", "bin/runzeo", "bin/zeoctl"];
                let inside = inside.map(|file| format!("parts/{part}/{file}"));
                assert_known(&tree, &judged, &inside.each_ref().map(String::as_str), &name);
                assert_known(&tree, &judged, &[&format!("bin/{part}")], &name);
                for script in ["bin/runzeo", "bin/zeoctl"] {
                    let path = tree.path(&format!("parts/{part}/{script}"));
                    assert_eq!(judged.artifact(&path).mode, Some(0o755), "{name}: {path}");
                }
            }
            let scripts = ["zeopack", "pack-full", "repozo", "repozo-full", "repozo-socket", "repozo-own"];
            assert_known(
                &tree,
                &judged,
                &scripts.map(|script| format!("bin/{script}")).each_ref().map(String::as_str),
                &name,
            );
            assert_unknown(&tree, &judged, "bin/pack-own", "secret");
            if parts.contains("packing") {
                assert_known(&tree, &judged, &["bin/pack-packing", "bin/repozo-lacking"], &name);
            }
            let bin = tree.path("bin");
            let made = judged.manifest.artifacts.iter().filter(|artifact| artifact.path.is_below(&bin));
            let lacking: Vec<_> = made.filter(|artifact| tree.lacks(&artifact.path.to_string())).collect();
            assert!(lacking.is_empty(), "{name}: {lacking:?}");
        }
    }
}

/// Damage while `update` finds no list of eggs, and so does nothing.
fn edit_without_list(tree: &Tree, path: &str) {
    tree.edit(path);
    tree.remove("parts/zeo/etc/.eggs");
}

fn scramble_without_list(tree: &Tree, path: &str) {
    tree.scramble(path);
    tree.remove("parts/zeo/etc/.eggs");
}

const CASES: &[Case] = &[
    Case { name: "edited conf", path: "parts/zeo/etc/zeo.conf", damage: Tree::edit, run: Run::Repairs },
    Case { name: "random conf", path: "parts/zeo/etc/zeo.conf", damage: Tree::scramble, run: Run::Repairs },
    Case { name: "zeroed starter", path: "parts/zeo/bin/runzeo", damage: Tree::zero, run: Run::Repairs },
    Case { name: "lost starter", path: "parts/zeo/bin/zeoctl", damage: Tree::remove, run: Run::Repairs },
    Case { name: "starter without x", path: "parts/full/bin/runzeo", damage: Tree::forbid, run: Run::Repairs },
    Case { name: "edited script", path: "bin/zeo", damage: Tree::edit, run: Run::Repairs },
    Case { name: "lost script", path: "bin/pack-full", damage: Tree::remove, run: Run::Repairs },
    Case { name: "random script", path: "bin/repozo-full", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "script without x", path: "bin/zeopack", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "edited list of eggs", path: "parts/zeo/etc/.eggs", damage: Tree::edit, run: Run::Repairs },
    Case { name: "random list of eggs", path: "parts/zeo/etc/.eggs", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "lost list of eggs", path: "parts/zeo/etc/.eggs", damage: Tree::remove, run: Run::Ignores },
    Case { name: "conf without list", path: "parts/zeo/etc/zeo.conf", damage: edit_without_list, run: Run::Ignores },
    Case { name: "script without list", path: "bin/zeo", damage: scramble_without_list, run: Run::Ignores },
    Case { name: "lost directory of starters", path: "parts/zeo/bin", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost part", path: "parts/zeo", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost place of data", path: "data/store", damage: Tree::remove, run: Run::Repairs },
];

#[test]
fn buildout_repairs_a_zeo_server_as_we_say_it_does() {
    for python in tree::pythons() {
        for ((version, _, _), configuration) in VERSIONS.iter().zip(configurations(&python)) {
            let tree = tree_of(&python, &configuration);
            // The versions agree; a few cases show it.
            let step = if *version == VERSIONS[0].0 { 1 } else { 4 };
            for case in CASES.iter().step_by(step) {
                check(&tree, case, case.path, &format!("{python}: {version}: {}", case.name));
            }
        }
    }
}
