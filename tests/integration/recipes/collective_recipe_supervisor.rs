//! `collective.recipe.supervisor`, held against the real one.

use super::tree::{Tree, pythons};
use super::{Case, Run, assert_sound, check_all};
use rectify::model::artifact::{Content, Expected};
use rectify::model::eval::WhyKind;

const CONFIGURATION: &str = "\
[buildout]
versions = versions
parts = super socket few secret

[versions]
collective.recipe.supervisor = VERSION
supervisor = 4.3.0
superlance = 2.0.0

[super]
recipe = collective.recipe.supervisor
port = 9123
user = me
loglevel = debug
supervisord-user = nobody
supervisord-environment = A=\"b\"
env-path = /bin:/usr/bin
plugins = superlance
programs =
    10 zeo (autostart=false startsecs=10 x) ${buildout:bin-directory}/zeo [fg -x] ${buildout:directory} true root
    20 web /usr/bin/web [console]
    30 job (a=b)/job true
    40 plain plain
eventlisteners =
    Memmon TICK_60 ${buildout:bin-directory}/memmon [-p web=200MB]
    Crash (buffer_size=5) PROCESS_STATE /bin/crash
groups =
    10 all zeo,web
include = a.conf
    b/*.conf

[socket]
recipe = collective.recipe.supervisor:default
http-socket = unix
file = ${buildout:directory}/var/s.sock
chown = a:b
logfile = log/here/supervisord.log
supervisord-conf = ${buildout:directory}/etc/socket.conf

[few]
recipe = collective.recipe.supervisor
sections = ctl services
serverurl = http://x:1

[secret]
recipe = collective.recipe.supervisor
sections = ctl http
password = hunter22
";

const CASES: &[Case] = &[
    Case { name: "edited script", path: "bin/superctl", damage: Tree::edit, run: Run::Repairs },
    Case { name: "lost script", path: "bin/superd", damage: Tree::remove, run: Run::Repairs },
    Case { name: "undecodable script", path: "bin/socketd", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "edited configuration", path: "parts/super/supervisord.conf", damage: Tree::edit, run: Run::Ignores },
    Case { name: "random configuration", path: "etc/socket.conf", damage: Tree::scramble, run: Run::Ignores },
    Case { name: "lost configuration", path: "parts/super/supervisord.conf", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost directory of logs", path: "log/here", damage: Tree::remove, run: Run::Ignores },
];

#[test]
fn what_collective_recipe_supervisor_writes_is_known_byte_for_byte_and_healed_as_we_say() {
    for python in pythons() {
        for version in ["0.20", "2.0.0"] {
            let tree = Tree::of(&python, &[("buildout.cfg", &CONFIGURATION.replace("VERSION", version))]);
            let judged = tree.judge();
            assert_sound(
                &tree,
                &judged,
                &[
                    "bin/superd",
                    "bin/superctl",
                    "bin/socketd",
                    "bin/fewctl",
                    "bin/memmon",
                    "parts/super/supervisord.conf",
                    "etc/socket.conf",
                    "parts/few/supervisord.conf",
                ],
            );
            let secret = judged.artifact(&tree.path("parts/secret/supervisord.conf"));
            assert!(
                secret.secret
                    && matches!(&secret.expected, Expected::File(Content::Unknown(why)) if why.kind == WhyKind::Secret)
            );
            if version == "2.0.0" {
                check_all(&tree, CASES);
            }
        }
    }
}
