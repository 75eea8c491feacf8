//! `wsgi.ini`.

use super::templates::{SERVER, WSGI_INI, WSGI_LOGGING};
use super::{NAMES, Part, Version, is_one_of, not_modelled};
use crate::expect::python_format::fill;
use crate::expect::recipes::Options;
use crate::model::artifact::Content;
use crate::model::content::Blob;
use crate::model::eval::{Eval, Why, WhyKind};

/// Names and values of a template.
type Values = Vec<(&'static str, String)>;

impl Part<'_> {
    pub(super) fn wsgi_ini(&self) -> Result<Content, Why> {
        let template = self.wsgi_template()?;
        let values = self.wsgi_values()?;
        let mut values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = fill(SERVER, &values)?;
        values.push(("server_main", &server));
        Ok(Content::Bytes(Blob::from(fill(&template, &values)?)))
    }

    fn wsgi_template(&self) -> Result<String, Why> {
        let whole = self.options.get_or("wsgi-ini-template", "")?;
        let logging = self.options.get_or("wsgi-logging-ini-template", "")?;
        if self.version == Version::Six && whole.is_empty() && self.others_have_template() {
            let text = "the template of another part stays in use for those that follow";
            return Err(Why::new(WhyKind::OrderDependent, text));
        }
        Ok(match (whole.as_str(), logging.as_str()) {
            ("", "") => format!("{WSGI_INI}{WSGI_LOGGING}"),
            ("", _) if self.version == Version::Six => format!("{WSGI_INI}{WSGI_LOGGING}"),
            ("", path) => format!("{WSGI_INI}{}", self.text_of(path)?),
            (path, _) => self.text_of(path)?,
        })
    }

    /// Whether another part of this recipe has a template of its own, or may have one.
    fn others_have_template(&self) -> bool {
        let configuration = self.buildout.configuration();
        configuration.parts.iter().filter(|part| *part != self.name).any(|part| {
            let ours = match configuration.option(part, "recipe") {
                Some(Eval::Known(recipe)) => NAMES.contains(&recipe.as_str()),
                Some(Eval::Unknown(_)) => true,
                None => false,
            };
            ours && !matches!(Options::of(part, configuration).get("wsgi-ini-template"), Ok(None))
        })
    }

    fn text_of(&self, path: &str) -> Result<String, Why> {
        let path = self.path(path);
        let trouble = |what: &str| Why::new(WhyKind::LiveTree, format!("the template `{path}` {what}"));
        let bytes = self.buildout.input(&path)?.ok_or_else(|| trouble("is missing"))?;
        let text = bytes.text().ok_or_else(|| trouble("is no text"))?;
        // Python reads all ends of lines as one.
        if text.contains('\r') { Err(trouble("has unusual ends of lines")) } else { Ok(text.to_owned()) }
    }

    fn wsgi_values(&self) -> Result<Values, Why> {
        let options = &self.options;
        let listen = options.get_or("http-address", "0.0.0.0:8080")?;
        let listen = listen
            .split_whitespace()
            .map(|part| if part.contains(':') { part.to_owned() } else { format!("0.0.0.0:{part}") });
        let fast = is_one_of(&options.get_or("http-fast-listen", "on")?, &["on", "true"]);
        let poll = is_one_of(&options.get_or("asyncore-use-poll", "false")?, &["on", "true"]);
        let mut values = vec![
            ("fast-listen", if fast { "fast-" } else { "" }.to_owned()),
            ("http_address", listen.collect::<Vec<_>>().join(" ")),
            ("asyncore_use_poll", poll.to_string()),
            ("location", self.location.clone()),
        ];
        for (name, option, default) in [
            ("clear_untrusted_proxy_headers", "clear-untrusted-proxy-headers", "false"),
            ("max_request_body_size", "max-request-body-size", "1073741824"),
            ("threads", "threads", "4"),
            ("sentry_dsn", "sentry_dsn", ""),
            ("sentry_level", "sentry_level", "INFO"),
            ("sentry_event_level", "sentry_event_level", "ERROR"),
            ("sentry_ignore", "sentry_ignore", ""),
            ("sentry_max_value_length", "sentry_max_value_length", ""),
            ("profile_discard_first_request", "profile_discard_first_request", "true"),
            ("profile_path", "profile_path", "/__profile__"),
            ("profile_flush_at_shutdown", "profile_flush_at_shutdown", "true"),
            ("profile_unwind", "profile_unwind", "false"),
        ] {
            values.push((name, options.get_or(option, default)?));
        }
        for (name, start, end) in
            [("profile_log_filename", "profile-", ".raw"), ("profile_cachegrind_filename", "cachegrind.out.", "")]
        {
            values.push((name, options.get_or(name, &self.log(&format!("{start}{}{end}", self.name)))?));
        }
        self.logs(&mut values)?;
        Ok(values)
    }

    /// `os.path.sep.join((var_dir, "log", name))`.
    fn log(&self, name: &str) -> String {
        format!("{}/log/{name}", self.var)
    }

    fn logs(&self, values: &mut Values) -> Result<(), Why> {
        let options = &self.options;
        let event = options.get_or("event-log", &self.log(&format!("{}.log", self.name)))?;
        let access = options.get_or("access-log", &self.log(&format!("{}-access.log", self.name)))?;
        let access = options.get_or("z2-log", &access)?;
        let no_event = event.to_lowercase() == "disable";
        let no_access = access.to_lowercase() == "disable";
        let (mut handler, mut arguments) =
            (options.get_or("access-log-handler", "FileHandler")?, self.log_arguments("access-log-args", &access)?);
        if no_access {
            (handler, arguments) = ("NullHandler".to_owned(), "()".to_owned());
        }
        let level = options.get_or("access-log-level", &options.get_or("z2-log-level", "INFO")?)?;
        values.extend([
            ("root_handlers", if no_event { "console" } else { "console, eventlog" }.to_owned()),
            ("event_handlers", if no_event || no_access { "" } else { "eventlog" }.to_owned()),
            ("eventlog_args", self.log_arguments("event-log-args", &event)?),
            ("eventlog_handler", options.get_or("event-log-handler", "FileHandler")?),
            ("eventlog_kwargs", options.get_or("event-log-kwargs", "{}")?),
            ("eventlog_level", options.get_or("event-log-level", "INFO")?),
            ("eventlog_name", event),
            ("accesslog_args", arguments),
            ("accesslog_handler", handler),
            ("accesslog_kwargs", options.get_or("access-log-kwargs", "{}")?),
            ("accesslog_level", level),
            ("accesslog_name", access),
            ("pipeline", self.pipeline(no_access)?),
        ]);
        Ok(())
    }

    /// `args.format(name)`.
    fn log_arguments(&self, option: &str, name: &str) -> Result<String, Why> {
        match self.options.get_or(option, "")?.as_str() {
            "" => Ok(format!("(r'{name}', 'a')")),
            text => {
                let rest = text.replace("{0}", "").replace("{}", "");
                if rest.contains(['{', '}']) || (text.contains("{}") && text.contains("{0}")) {
                    return Err(not_modelled(option));
                }
                // A second `{}` has no value, which Python refuses.
                if text.matches("{}").count() > 1 {
                    return Err(not_modelled(option));
                }
                Ok(text.replace("{0}", name).replace("{}", name))
            }
        }
    }

    fn pipeline(&self, no_access: bool) -> Result<String, Why> {
        let options = &self.options;
        let text = options.get_or("pipeline", "translogger egg:Zope#httpexceptions zope")?;
        let mut pipeline: Vec<&str> = text.split_whitespace().collect();
        if no_access {
            pipeline.retain(|filter| *filter != "translogger");
        }
        let mut filters = Vec::new();
        if !options.get_or("sentry_dsn", "")?.is_empty() {
            filters.push("sentry");
        }
        if options.get_or("profile", "")?.trim() == "on" {
            filters.push("profile");
        }
        for filter in filters {
            let place = pipeline.iter().position(|other| *other == "zope").unwrap_or(pipeline.len());
            pipeline.insert(place, filter);
        }
        if !pipeline.contains(&"zope") {
            pipeline.push("zope");
        }
        Ok(pipeline.join("\n    "))
    }
}
