//! `djangorecipe`, held against the real one.

use super::tree::{Tree, pythons};
use super::{Case, Run, assert_sound, check_all};

const CONFIGURATION: &str = "\
[buildout]
versions = versions
parts = django other

[versions]
djangorecipe = VERSION
Django = 4.2.16
asgiref = 3.8.1
sqlparse = 0.5.1

[django]
recipe = djangorecipe
eggs =
project = shop
test = shop cart
wsgi = true
deploy-script-extra =
    import os
    x = 1

[other]
recipe = djangorecipe:default
eggs = sqlparse
control-script = manage
dotted-settings-path = shop.settings.live
relative-paths = true
testrunner = test-other
test = one
coverage = TRUE
wsgi = TRUE
wsgi-script = application.py
logfile = /var/log/x.log
extra-paths =
    /opt/x
    ${buildout:directory}/lib
initialization =
    import os
    os.x = 1
";

const CASES: &[Case] = &[
    Case { name: "edited script", path: "bin/django", damage: Tree::edit, run: Run::Repairs },
    Case { name: "lost script", path: "bin/application.py", damage: Tree::remove, run: Run::Repairs },
    Case { name: "undecodable script", path: "bin/test", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "zeroed script", path: "bin/django.wsgi", damage: Tree::zero, run: Run::Repairs },
];

#[test]
fn what_djangorecipe_writes_is_known_byte_for_byte_and_healed_as_we_say() {
    for python in pythons() {
        for version in ["2.1.2", "2.2.1"] {
            let tree = Tree::of(&python, &[("buildout.cfg", &CONFIGURATION.replace("VERSION", version))]);
            let judged = tree.judge();
            let scripts = ["django", "test", "django.wsgi", "manage", "test-other", "application.py"];
            let scripts = scripts.map(|name| format!("bin/{name}"));
            assert_sound(&tree, &judged, &scripts.each_ref().map(String::as_str));
            if version == "2.2.1" {
                check_all(&tree, CASES);
            }
        }
    }
}
