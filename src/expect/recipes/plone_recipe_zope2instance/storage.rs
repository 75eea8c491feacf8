//! The storage in `zope.conf`: a file, with blobs or without, or a ZEO server.

use super::templates::{BLOB_STORAGE, FILE_STORAGE, ZEO_AUTHENTICATION, ZEO_BLOB_STORAGE, ZEO_STORAGE, ZLIB_STORAGE};
use super::{Part, is_one_of, not_modelled};
use crate::expect::python_format::{fill, join, split};
use crate::model::eval::Why;

impl Part<'_> {
    /// Its text. Notes the directories that are made for it.
    pub(super) fn storage(&self, places: &mut Vec<String>) -> Result<String, Why> {
        let options = &self.options;
        for option in ["rel-storage", "before-storage", "storage-wrapper"] {
            if !options.get_or(option, "")?.is_empty() {
                return Err(not_modelled(option));
            }
        }
        if !["off", "disable", "false"].contains(&options.get_or("demo-storage", "off")?.as_str()) {
            return Err(not_modelled("demo-storage"));
        }
        let client = is_one_of(&options.get_or("zeo-client", "")?, &["yes", "true", "on", "1"]);
        let shared = options.get_or("shared-blob", "no")?;
        // The real blobs are no cache.
        let blobs = join(&self.var, if client && shared == "no" { "blobcache" } else { "blobstorage" });
        let blobs = options.get_or("blob-storage", &blobs)?;
        let file = self.file_storage(&blobs, places)?;
        if client { self.zeo_storage(&blobs, &shared) } else { Ok(file) }
    }

    /// `render_file_storage`, which makes its directories for a ZEO client as well.
    fn file_storage(&self, blobs: &str, places: &mut Vec<String>) -> Result<String, Why> {
        let file = self.options.get_or("file-storage", "filestorage/Data.fs")?;
        let storage = if file.is_empty() {
            "    <demostorage />".to_owned()
        } else {
            let file = join(&self.var, &file);
            places.push(split(&file).0.to_owned());
            let storage = fill(FILE_STORAGE, &[("path", &file)])?;
            match self.options.get("zlib-storage")?.as_deref() {
                None => storage,
                Some("active") => zlib("true", &storage)?,
                Some("passive") => zlib("false", &storage)?,
                Some(_) => return Err(not_modelled("zlib-storage")),
            }
        };
        if blobs.is_empty() {
            return Ok(storage);
        }
        let blobs = join(&self.base, blobs);
        let text = fill(BLOB_STORAGE, &[("blobs", &blobs), ("storage", &indented(&storage))])?;
        places.push(blobs);
        Ok(text)
    }

    fn zeo_storage(&self, blobs: &str, shared: &str) -> Result<String, Why> {
        let options = &self.options;
        let addresses = options.get_or("zeo-address", "8100")?;
        let addresses = addresses.split(' ').filter(|address| !address.is_empty());
        let addresses: String = addresses.map(|address| format!("\n      server {address}\n")).collect();
        let client = self.prefixed("zeo-client-client", "", "client")?;
        let var = match options.get_or("zeo-var", "")?.as_str() {
            _ if client.is_empty() => String::new(),
            "" => "var $(ZEO_TMP)".to_owned(),
            var => format!("var {var}"),
        };
        fill(
            if blobs.is_empty() { ZEO_STORAGE } else { ZEO_BLOB_STORAGE },
            &[
                ("blob_storage", blobs),
                ("shared_blob_dir", shared),
                ("zeo_address_list", &addresses),
                ("zeo_client_cache_size", &options.get_or("zeo-client-cache-size", "128MB")?),
                ("zeo_client_blob_cache_size", &self.prefixed("zeo-client-blob-cache-size", "", "blob-cache-size")?),
                (
                    "zeo_client_blob_cache_size_check",
                    &self.prefixed("zeo-client-blob-cache-size-check", "", "blob-cache-size-check")?,
                ),
                ("zeo_authentication", &self.zeo_authentication()?),
                ("zeo_client_client", &client),
                ("zeo_storage", &options.get_or("zeo-storage", "1")?),
                ("zeo_var_dir", &var),
                (
                    "zeo_client_drop_cache_rather_verify",
                    &self.prefixed("zeo-client-drop-cache-rather-verify", "", "drop-cache-rather-verify")?,
                ),
                ("zeo_client_min_disconnect_poll", &self.prefixed("min-disconnect-poll", "", "min-disconnect-poll")?),
                ("zeo_client_max_disconnect_poll", &self.prefixed("max-disconnect-poll", "", "max-disconnect-poll")?),
                ("read_only", &options.get_or("read-only", "false")?),
                (
                    "zeo_client_read_only_fallback",
                    &self.prefixed("zeo-client-read-only-fallback", "false", "read-only-fallback")?,
                ),
            ],
        )
    }

    fn zeo_authentication(&self) -> Result<String, Why> {
        let user = self.options.get_or("zeo-username", "")?;
        if user.is_empty() {
            return Ok(user);
        }
        let password = self.options.get_or("zeo-password", "")?;
        let realm = self.options.get_or("zeo-realm", "ZEO")?;
        fill(ZEO_AUTHENTICATION, &[("realm", &realm), ("username", &user), ("password", &password)])
    }
}

fn zlib(compress: &str, storage: &str) -> Result<String, Why> {
    fill(ZLIB_STORAGE, &[("compress", compress), ("storage", &indented(storage))])
}

/// `indent(snippet, 2)`.
fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { String::new() } else { format!("  {line}") };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
