//! Scans for tests: trees written down as path and text.

use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;
use crate::model::observation::{Kind, Scan, Seen, SeenContent, Sighting};
use crate::model::observations::Observations;
use crate::model::path::TargetPath;
use base64::Engine as _;

/// A scan that looked at everything below `/`, and kept all bytes.
pub(crate) fn scan(files: &[(&str, &str)]) -> Scan {
    let mut observations = Observations::new();
    for (path, text) in files {
        let path = TargetPath::new(path);
        for directory in path.ancestors().skip(1) {
            observations.insert(directory, seen(Kind::Directory, None));
        }
        observations.insert(path, seen(Kind::File, Some(text)));
    }
    Scan { observations, ..Scan::new("h".into(), 0) }
}

fn seen(kind: Kind, text: Option<&str>) -> Sighting {
    let content = text.map(|text| SeenContent::Read {
        digests: vec![digest_of(Algorithm::Sha256, text.as_bytes())],
        captured: Some(text.into()),
        closer: None,
    });
    Sighting::Present(Box::new(Seen {
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: text.map_or(0, str::len) as u64,
        mtime: 0,
        ctime: 0,
        content,
        target: None,
        listed: kind == Kind::Directory,
    }))
}

/// A row of RECORD.
pub(crate) fn row(path: &str, text: &str) -> String {
    let digest = digest_of(Algorithm::Sha256, text.as_bytes());
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&*digest.bytes);
    format!("{path},sha256={encoded},{}\n", text.len())
}
