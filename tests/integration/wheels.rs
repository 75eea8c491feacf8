//! Wheels for the real pip, made without any network.

use crate::tools::tool;
use std::path::Path;

/// A wheel of the distribution `demo` with one module for each text; gives its path.
pub(crate) fn wheel(directory: &Path, version: &str, modules: &[&str]) -> String {
    let names: Vec<String> = (0..modules.len()).map(|number| format!("demo/part{number}.py")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(modules.iter().copied()).collect();
    wheel_of(directory, version, &files)
}

/// A wheel of the distribution `demo` with these files; gives its path. A name after `?` has no digest in RECORD.
pub(crate) fn wheel_of(directory: &Path, version: &str, files: &[(&str, &str)]) -> String {
    const MAKE: &str = r#"
import base64, hashlib, sys, zipfile
path, version, *words = sys.argv[1:]
info = "demo-%s.dist-info/" % version
files = dict(zip(words[::2], words[1::2]))
files[info + "METADATA"] = "Metadata-Version: 2.1\nName: demo\nVersion: %s\n" % version
files[info + "WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
rows = [name[1:] + ",,\n" if name[0] == "?" else "%s,sha256=%s,%d\n" % (name, digest(text), len(text.encode()))
        for name, text in files.items()]
files[info + "RECORD"] = "".join(rows) + info + "RECORD,,\n"
with zipfile.ZipFile(path, "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name.lstrip("?"), text)
"#;
    let path = directory.join(format!("demo-{version}-py3-none-any.whl")).to_string_lossy().into_owned();
    let words = files.iter().flat_map(|(name, text)| [*name, *text]);
    let command: Vec<&str> = ["python3", "-c", MAKE, &path, version].into_iter().chain(words).collect();
    tool(directory, &command);
    path
}
