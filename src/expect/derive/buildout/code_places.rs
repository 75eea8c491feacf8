//! The directories with the code of a distribution, as `importlib.metadata` leads to them.
//!
//! `_dist_locations` of zc.recipe.testrunner 4.2 and 5.0. A develop egg of zc.buildout 6 has its notes in `develop-eggs`
//! and its code where a `.pth` file beside them says.

use super::Buildout;
use super::catalog::{Dist, Source};
use crate::expect::distribution::Layout;
use crate::expect::evidence;
use crate::model::eval::{Why, WhyKind};
use crate::model::path::TargetPath;

impl Buildout<'_> {
    /// Where a distribution was found: its place in `sys.path`.
    ///
    /// # Errors
    /// When links lead there, because some tools follow them and others do not.
    pub(crate) fn found_place(&self, dist: &Dist) -> Result<TargetPath, Why> {
        if evidence::real_path(self.scan, &dist.location).as_ref() == Some(&dist.location) {
            return Ok(dist.location.clone());
        }
        let text = format!("`{}` is or may be reached by links", dist.location);
        Err(Why::new(WhyKind::NotModelled, text))
    }

    /// Where the code of a distribution is.
    ///
    /// # Errors
    /// When that is not known.
    pub(crate) fn code_places(&self, dist: &Dist) -> Result<Vec<TargetPath>, Why> {
        let place = self.found_place(dist)?;
        if dist.source == Source::Egg || dist.layout == Layout::EggInfo {
            return Ok(vec![place]);
        }
        let unknown = |what: &str| Why::new(WhyKind::NotModelled, format!("where the code of {} is {what}", dist.key));
        if dist.source == Source::Site {
            return Err(unknown("depends on how it was installed beside buildout"));
        }
        let claims = self.catalog.claims.get(&dist.info).and_then(Option::as_ref);
        let claims = claims.ok_or_else(|| unknown("is not known, because its RECORD is damaged or missing"))?;
        let mut files = claims.keys().filter(|path| path.name().ends_with(b".pth"));
        match (files.next(), files.next()) {
            (Some(file), None) => self.pth_lines(file, &dist.location),
            _ => Err(unknown("is not told by a `.pth` file")),
        }
    }
}
