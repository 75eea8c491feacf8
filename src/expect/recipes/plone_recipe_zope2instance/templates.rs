//! The texts that the recipe fills in (`recipe.py`); one without a name in it was given one.

/// `file_storage_template`.
pub(super) const FILE_STORAGE: &str = "
    # FileStorage database
    <filestorage>
      path %(path)s
    </filestorage>
";

/// `zlib_storage_template`.
pub(super) const ZLIB_STORAGE: &str = "
    %%import zc.zlibstorage
    # ZlibStorage wrapper
    <zlibstorage>
      compress %(compress)s
%(storage)s
    </zlibstorage>
";

/// `blob_storage_template`.
pub(super) const BLOB_STORAGE: &str = "
    # Blob-enabled FileStorage database
    <blobstorage>
      blob-dir %(blobs)s
%(storage)s
    </blobstorage>
";

/// `zeo_authentication_template`.
pub(super) const ZEO_AUTHENTICATION: &str = "realm %(realm)s
      username %(username)s
      password %(password)s";

/// `zeo_storage_template`.
pub(super) const ZEO_STORAGE: &str = "# ZEOStorage database
    <zeoclient>
      read-only %(read_only)s
      %(zeo_client_read_only_fallback)s
      %(zeo_address_list)s
      storage %(zeo_storage)s
      name zeostorage
      cache-size %(zeo_client_cache_size)s
      %(zeo_authentication)s
      %(zeo_var_dir)s
      %(zeo_client_client)s
      %(zeo_client_min_disconnect_poll)s
      %(zeo_client_max_disconnect_poll)s
      %(zeo_client_drop_cache_rather_verify)s
    </zeoclient>";

/// `zeo_blob_storage_template`.
pub(super) const ZEO_BLOB_STORAGE: &str = "# Blob-enabled ZEOStorage database
    <zeoclient>
      read-only %(read_only)s
      %(zeo_client_read_only_fallback)s
      blob-dir %(blob_storage)s
      shared-blob-dir %(shared_blob_dir)s
      %(zeo_address_list)s
      storage %(zeo_storage)s
      name zeostorage
      cache-size %(zeo_client_cache_size)s
      %(zeo_client_blob_cache_size)s
      %(zeo_client_blob_cache_size_check)s
      %(zeo_authentication)s
      %(zeo_var_dir)s
      %(zeo_client_client)s
      %(zeo_client_min_disconnect_poll)s
      %(zeo_client_max_disconnect_poll)s
      %(zeo_client_drop_cache_rather_verify)s
    </zeoclient>";

/// `zodb_temporary_storage_template`.
pub(super) const TEMPORARY_STORAGE: &str = "<zodb_db temporary>
    # Temporary storage database (for sessions)
    <temporarystorage>
      name temporary storage for sessioning
    </temporarystorage>
    mount-point /temp_folder
    container-class Products.TemporaryFolder.TemporaryContainer
</zodb_db>";

/// `environment_template`.
pub(super) const ENVIRONMENT: &str = "
<environment>
    %(variables)s
</environment>
";

/// `wsgi_conf_template`.
pub(super) const ZOPE_CONF: &str = "%(imports_lines)s
%%define INSTANCEHOME %(instance_home)s
instancehome $INSTANCEHOME
%%define CLIENTHOME %(client_home)s
clienthome $CLIENTHOME
%(products_lines)s
debug-mode %(debug_mode)s
%(debug_exceptions)s
security-policy-implementation %(security_implementation)s
verbose-security %(verbose_security)s
%(default_zpublisher_encoding)s
%(port_base)s
%(environment_vars)s

%(mailinglogger_import)s

<zodb_db main>
    # Main database
    %(zodb_cache_size)s
    %(zodb_cache_size_bytes)s
%(storage_snippet)s
    mount-point /
</zodb_db>

%(zodb_tmp_storage)s

%(python_check_interval)s

%(zope_conf_additional)s
";

/// `resources_zcml`.
pub(super) const RESOURCES: &str = r#"<configure xmlns="http://namespaces.zope.org/zope"
           xmlns:plone="http://namespaces.plone.org/plone">
    <include package="plone.resource" file="meta.zcml"/>
    <plone:static directory="%(directory)s"/>
</configure>
"#;

/// `locales_zcml`.
pub(super) const LOCALES: &str = r#"<configure xmlns="http://namespaces.zope.org/zope"
           xmlns:i18n="http://namespaces.zope.org/i18n">
    <i18n:registerTranslations directory="%(directory)s" />
</configure>
"#;

/// `additional_zcml_template`.
pub(super) const ADDITIONAL: &str = r#"<configure xmlns="http://namespaces.zope.org/zope">
    %(zcml)s
</configure>
"#;

/// `default_wsgi_ini_template`.
pub(super) const WSGI_INI: &str = "[server:main]
%(server_main)s

[app:zope]
use = egg:Zope#main
zope_conf = %(location)s/etc/zope.conf

[filter:translogger]
use = egg:Paste#translogger
setup_console_handler = False

[filter:sentry]
use = egg:plone.recipe.zope2instance#sentry
dsn = %(sentry_dsn)s
level = %(sentry_level)s
event_level = %(sentry_event_level)s
ignorelist = %(sentry_ignore)s
max_value_length = %(sentry_max_value_length)s

[filter:profile]
use = egg:repoze.profile
log_filename = %(profile_log_filename)s
cachegrind_filename = %(profile_cachegrind_filename)s
discard_first_request = %(profile_discard_first_request)s
path = %(profile_path)s
flush_at_shutdown = %(profile_flush_at_shutdown)s
unwind = %(profile_unwind)s

[pipeline:main]
pipeline =
    %(pipeline)s

";

/// `default_wsgi_logging_ini_template`.
pub(super) const WSGI_LOGGING: &str = "[loggers]
keys = root, plone, waitress.queue, waitress, wsgi

[handlers]
keys = console, accesslog, eventlog

[formatters]
keys = generic, message

[logger_root]
level = %(eventlog_level)s
handlers = %(root_handlers)s

[logger_plone]
level = %(eventlog_level)s
handlers = %(event_handlers)s
qualname = plone

[logger_waitress.queue]
level = INFO
handlers = eventlog
qualname = waitress.queue
propagate = 0

[logger_waitress]
level = %(eventlog_level)s
handlers = %(event_handlers)s
qualname = waitress

[logger_wsgi]
level = %(accesslog_level)s
handlers = accesslog
qualname = wsgi
propagate = 0

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[handler_accesslog]
class = %(accesslog_handler)s
args = %(accesslog_args)s
kwargs = %(accesslog_kwargs)s
level = %(accesslog_level)s
formatter = message

[handler_eventlog]
class = %(eventlog_handler)s
args = %(eventlog_args)s
kwargs = %(eventlog_kwargs)s
level = NOTSET
formatter = generic

[formatter_generic]
format = %%(asctime)s %%(levelname)-7.7s [%%(name)s:%%(lineno)s][%%(threadName)s] %%(message)s

[formatter_message]
format = %%(message)s
";

/// `wsgi_server_main_templates["default"]`.
pub(super) const SERVER: &str = "paste.server_factory = plone.recipe.zope2instance:main
use = egg:plone.recipe.zope2instance#main
%(fast-listen)slisten = %(http_address)s
threads = %(threads)s
clear_untrusted_proxy_headers = %(clear_untrusted_proxy_headers)s
max_request_body_size = %(max_request_body_size)s
asyncore_use_poll = %(asyncore_use_poll)s
";
