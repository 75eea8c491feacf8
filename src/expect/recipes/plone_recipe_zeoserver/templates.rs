//! The texts that the recipe fills in (`recipe.py`, and `mkzeoinstance.py` for the shell scripts).

/// What `bin/zeopack` passes on.
pub(super) const PACK_CALL: &str = "host, port, unix, days, username, password, realm, blob_dir, storage";

/// How `bin/zeopack` reads its command line.
pub(super) const PACK_ARGUMENTS: &str = "\
import getopt; opts = getopt.getopt(sys.argv[1:], 'S:B:D:W1')[0];
opts = dict(opts)
storage = opts.get('-S') and opts['-S'] or storage
blob_dir = opts.get('-B') and opts['-B'] or blob_dir
days = opts.get('-D') and opts['-D'] or days
";

/// `z_log_file`.
pub(super) const LOG_FILE: &str = "\
<logfile>
      path %(filename)s
      format %(logformat)s
      %(zeo_log_rotate)s
    </logfile>";

/// `authentication_template`.
pub(super) const AUTHENTICATION: &str = "
  authentication-protocol digest
  authentication-database %(database)s
  authentication-realm %(realm)s
";

/// `zeo_conf_template`.
pub(super) const ZEO_CONF: &str = "\
%%define INSTANCE %(instance_home)s

<zeo>
  address %(zeo_address)s
  read-only %(read_only)s
  invalidation-queue-size %(invalidation_queue_size)s
  pid-filename %(pid_file)s
  %(authentication)s
  %(monitor_address)s
</zeo>

%(storage)s

<eventlog>
  level %(zeo_log_level)s
  %(z_log)s
</eventlog>

<runner>
  program $INSTANCE/bin/runzeo
  socket-name %(socket_name)s
  daemon true
  forever false
  backoff-limit 10
  exit-codes 0, 2
  directory $INSTANCE
  default-to-interactive true
  %(effective_user)s

  # This logfile should match the one in the zeo.conf file.
  # It is used by zdctl's logtail command, zdrun/zdctl doesn't write it.
  logfile %(z_log_filename)s
</runner>

%(zeo_conf_additional)s
";

/// `RUNZEO_TEMPLATE` for ZEO.
pub(super) const RUNZEO: &str = r#"#!/bin/sh
# ZEO instance start script

PYTHON="%(python)s"
INSTANCE_HOME="%(instance_home)s"
ZODB3_HOME="%(zodb_home)s"

CONFIG_FILE="%(instance_home)s/etc/zeo.conf"

PYTHONPATH="$ZODB3_HOME"
export PYTHONPATH INSTANCE_HOME

exec "$PYTHON" -m ZEO.runzeo -C "$CONFIG_FILE" ${1+"$@"}
"#;

/// `ZEOCTL_TEMPLATE` for ZEO.
pub(super) const ZEOCTL: &str = r#"#!/bin/sh
# ZEO instance control script

# The following two lines are for chkconfig.  On Red Hat Linux (and
# some other systems), you can copy or symlink this script into
# /etc/rc.d/init.d/ and then use chkconfig(8) to automatically start
# ZEO at boot time.

# chkconfig: 345 90 10
# description: start a ZEO server

PYTHON="%(python)s"
INSTANCE_HOME="%(instance_home)s"
ZODB3_HOME="%(zodb_home)s"

CONFIG_FILE="%(instance_home)s/etc/zeo.conf"

PYTHONPATH="$ZODB3_HOME"
export PYTHONPATH INSTANCE_HOME

exec "$PYTHON" -m ZEO.zeoctl -C "$CONFIG_FILE" ${1+"$@"}
"#;
