//! Rule `git-checkout`: the files of a working copy, from the repository on the target.
//!
//! The tree of `HEAD` vouches for the files (git's objects are named by their digest) if `HEAD` is what the definition
//! declares, as far as that can be known without the network. What the repository cannot vouch for is told as broken or
//! unknown.

use super::Rule;
use crate::{
    expect::{claims::Claim, umask},
    model::{
        artifact::{Aborts, Authority, Content, Durability, Expected, Force, Mend, Ownership, Piece, Vigilance},
        code::LOSES_DATA,
        content::Blob,
        eval::{Eval, Why, WhyKind},
        manifest::{Broken, Derivation, Manifest, Noted, Proof},
        observation::{Checkout, Kind, Member, Scan},
        origin::Origin,
        path::TargetPath,
        plan::Hazard,
    },
};
use serde::{Deserialize, Serialize};

/// Name of the rule.
pub const RULE: &str = "git-checkout";

/// Input of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of the definition, independent of the others")]
pub struct Input {
    /// The directory of the working copy.
    pub target: TargetPath,
    /// Where it is cloned from; `None` if that is not known.
    pub url: Option<String>,
    /// The declared commit.
    pub revision: Option<String>,
    /// The declared branch.
    pub branch: Option<String>,
    /// The declared tag.
    pub tag: Option<String>,
    /// Whether batou overwrites changes; otherwise they stop the deployment.
    pub clobber: bool,
    /// Whether batou looks at the working copy at all once it is there (`vcs_update`).
    pub follows: bool,
    /// Whether mr.developer keeps it instead of batou: it clones only where there is no directory at all.
    #[serde(default)]
    pub mr_developer: bool,
    /// Whether nobody deploys it: files come from its own repository.
    #[serde(default)]
    pub by_itself: bool,
    /// Where it is declared.
    pub origin: Option<Origin>,
}

/// The rule.
#[derive(Debug)]
pub struct GitCheckoutRule;

impl Rule for GitCheckoutRule {
    fn name(&self) -> &'static str {
        RULE
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input(derivation, manifest) else { return };
        if let Err(why) = (Deriver { input: &input, derivation, scan, manifest }).derive() {
            super::unknown(manifest, &derivation.unit, why);
        }
    }

    fn says(&self, derivation: &Derivation, noted: &Noted) -> bool {
        let Ok(Input { target, revision: Some(revision), .. }) = serde_json::from_value(derivation.input.clone())
        else {
            return false;
        };
        target.to_string() == noted.subject && noted.value.as_ref().is_some_and(|head| head.starts_with(&revision))
    }
}

struct Deriver<'a> {
    input: &'a Input,
    derivation: &'a Derivation,
    scan: &'a Scan,
    manifest: &'a mut Manifest,
}

impl Deriver<'_> {
    fn derive(mut self) -> Result<(), Why> {
        let git = self.input.target.join(".git");
        let absent = self.scan.checkouts.get(&self.input.target).cloned();
        let checkout = absent.unwrap_or_default();
        let repository = self
            .claim(Expected::Directory { ownership: Ownership::Shared }, &checkout)
            .noticed(Vigilance::Absence)
            .aborting(Aborts::OnWrongKind)
            .forced_by([Force::Remove(self.input.target.clone())])
            // Without `.git` batou empties the whole directory before it clones.
            .replacing([self.input.target.clone()]);
        let repository = if self.input.mr_developer {
            // A directory without a repository makes git fail, and buildout with it.
            Claim { mend: Mend { aborts: Aborts::Always, ..self.clone_again(&checkout) }, ..repository }
        } else {
            repository
        };
        self.push(git.clone(), repository);
        if !self.scan.checkouts.contains_key(&self.input.target) {
            return Err(Why::new(WhyKind::LiveTree, format!("there is no repository in {} to ask", self.input.target)));
        }
        self.broken(&git, &checkout);
        self.ignored(&checkout);
        self.noted(&git, &checkout);
        self.agrees(&checkout)?;
        self.tree(&checkout);
        Ok(())
    }

    /// Whether `HEAD` is what is declared.
    fn agrees(&self, checkout: &Checkout) -> Result<(), Why> {
        let differs = |what: &str, declared: &str, found: Option<&str>| {
            let text = format!("its {what} is {}, declared is {declared}", found.unwrap_or("unreadable"));
            Err(Why::new(WhyKind::LiveTree, text))
        };
        let Some(head) = checkout.head.as_deref() else {
            return differs("HEAD", self.input.revision.as_deref().unwrap_or("a commit"), None);
        };
        if let (Some(url), Some(remote)) = (&self.input.url, &checkout.remote)
            && url != remote
        {
            return differs("remote", url, Some(remote));
        }
        if let Some(revision) = &self.input.revision
            && !head.starts_with(revision.as_str())
        {
            return differs("HEAD", revision, Some(head));
        }
        match (&self.input.branch, checkout.branch.as_deref()) {
            (Some(branch), found) if found != Some(branch) => differs("branch", branch, found),
            _ => Ok(()),
        }
    }

    /// Another commit than the declared one: an earlier revision may have declared it. batou gets the declared one, as long as it
    /// looks.
    fn noted(&mut self, git: &TargetPath, checkout: &Checkout) {
        let Input { target, url, revision, follows, mr_developer, by_itself, .. } = self.input;
        let (Some(head), Some(revision)) = (&checkout.head, revision) else { return };
        // Of another repository batou makes a new clone.
        let is_elsewhere = url.is_some() && checkout.remote.is_some() && *url != checkout.remote;
        if is_elsewhere || *mr_developer || *by_itself || head.starts_with(revision.as_str()) {
            return;
        }
        let mend = if *follows { self.updated(checkout) } else { self.clone_again(checkout) };
        let mend = self.manifest.add_mend(mend);
        self.manifest.noted.push(Noted {
            host: self.derivation.host.clone(),
            rule: RULE.to_owned(),
            deployed: self.derivation.unit.clone(),
            subject: target.to_string(),
            option: Some("revision".to_owned()),
            value: Some(head.clone()),
            fact: format!("{head} is checked out"),
            unit: self.derivation.unit.clone(),
            path: git.join("HEAD"),
            mend,
        });
    }

    /// Damage of the repository itself: only a new clone helps.
    fn broken(&mut self, git: &TargetPath, checkout: &Checkout) {
        for (path, problem) in &checkout.broken {
            let inner = path.as_ref().map(|path| path.0.as_slice()).unwrap_or_default();
            let mut mend = self.clone_again(checkout);
            if !inner.starts_with(b"objects/") {
                // A damaged HEAD, index or configuration makes `git status` fail, and batou with it.
                mend.aborts = Aborts::Always;
            }
            let broken = Broken {
                host: self.derivation.host.clone(),
                unit: self.derivation.unit.clone(),
                path: git.join(inner),
                mend: self.manifest.add_mend(mend),
                evidence: problem.clone(),
                expected: None,
                proof: Proof::Record,
            };
            self.manifest.broken.push(broken);
        }
    }

    /// Files that git ignores: whatever they are, no clone brings them back.
    fn ignored(&mut self, checkout: &Checkout) {
        for path in &checkout.ignored {
            let why = Why::new(WhyKind::NoReference, "git ignores it, so the repository does not have it");
            let claim = Claim {
                durability: if is_bytecode(path) { Durability::Derived } else { Durability::Durable },
                authority: Authority::Record,
                ..self.claim(Expected::File(Content::Unknown(why)), checkout)
            };
            let claim = claim.noticed(Vigilance::Nothing).aborting(Aborts::Never).forced_by([]).replacing([]);
            self.push(self.input.target.join(&path.0), claim);
        }
    }

    /// The files of `HEAD`'s tree.
    fn tree(&mut self, checkout: &Checkout) {
        let place = |member: &Member| self.input.target.join(&member.path.0);
        let executable = |member: &Member| if member.mode & 0o111 == 0 { 0o666 } else { 0o777 };
        let files = || checkout.tree.iter().filter(|member| member.kind == Kind::File);
        let seen = |member: &Member| Some((executable(member), self.scan.seen(&place(member))?.mode));
        let umask = umask::infer(&files().filter_map(seen).collect::<Vec<_>>());
        for member in &checkout.tree {
            let path = self.input.target.join(&member.path.0);
            let mut claim = self.claim(expected(member), checkout);
            claim.mode = umask.filter(|_| member.kind == Kind::File).map(|mask| executable(member) & !mask);
            self.push(path, claim);
        }
    }

    /// A claim with what batou notices of a change to the working copy.
    ///
    /// Damage below the file system keeps size and times, and by these git decides whether to read a file; so content
    /// counts as not noticed and a removal makes sure.
    fn claim(&self, expected: Expected, checkout: &Checkout) -> Claim {
        let mut claim = Claim::new(self.derivation.unit.clone(), self.input.origin.clone(), expected);
        claim.authority = Authority::Vendor;
        if self.input.clobber && self.input.follows {
            return claim.noticed(Vigilance::Absence);
        }
        claim.mend = if self.input.by_itself { self.out_of_repository() } else { self.clone_again(checkout) };
        claim
    }

    /// git takes files whose size and times are those of the index for unchanged, so they are removed first.
    fn out_of_repository(&self) -> Mend {
        let target = self.input.target.clone();
        let argv = ["git", "-C", &target.to_string(), "checkout", "HEAD", "--"].map(str::to_owned).to_vec();
        Mend { piece: Some(Piece { argv, base: target }), ..Mend::new(Vigilance::Nothing, Vigilance::Nothing) }
    }

    /// batou gets another commit by itself: it deletes files that git does not know, and resets the rest. Where it is not to
    /// clobber, it refuses before.
    fn updated(&self, checkout: &Checkout) -> Mend {
        let mut hazards = self.unpushed(checkout);
        if self.input.clobber {
            let text = format!("files and changes in {} that git does not know are lost", self.input.target);
            hazards.push(Hazard::new(LOSES_DATA, text));
        }
        Mend { hazards, ..Mend::new(Vigilance::Content, Vigilance::Content) }
    }

    /// That commits are lost.
    fn unpushed(&self, checkout: &Checkout) -> Vec<Hazard> {
        let text = || format!("{} commits exist only in {} and are lost with it", checkout.unpushed, self.input.target);
        (checkout.unpushed > 0).then(|| Hazard::new(LOSES_DATA, text())).into_iter().collect()
    }

    /// The way out where batou refuses or does not look: remove the working copy, so that it is cloned again.
    fn clone_again(&self, checkout: &Checkout) -> Mend {
        let target = self.input.target.clone();
        let mut hazards = self.unpushed(checkout);
        if !self.input.clobber {
            let text =
                format!("changes that somebody made in {target} are lost; the deployment was told not to clobber them");
            hazards.push(Hazard::new(LOSES_DATA, text));
        }
        Mend {
            force: vec![Force::Remove(target.clone())],
            aborts: if self.input.follows && !self.input.clobber { Aborts::Always } else { Aborts::Never },
            replaces: vec![target],
            hazards,
            ..Mend::new(Vigilance::Nothing, Vigilance::Nothing)
        }
    }

    fn push(&mut self, path: TargetPath, claim: Claim) {
        let artifact = claim.into_artifact(self.derivation.host.clone(), path, self.manifest);
        self.manifest.artifacts.push(artifact);
    }
}

fn expected(member: &Member) -> Expected {
    let unread = || Why::new(WhyKind::Unreadable, "the object could not be read from the repository");
    match member.kind {
        Kind::File => Expected::File(match &member.digest {
            Some(digest) => Content::Digest { digest: digest.clone(), size: member.size },
            None => Content::Unknown(unread()),
        }),
        Kind::Link => {
            Expected::Link { target: member.target.clone().map_or_else(|| Eval::Unknown(unread()), Eval::Known) }
        }
        Kind::Directory => Expected::Directory { ownership: Ownership::Shared },
        Kind::Fifo | Kind::Socket | Kind::Device => Expected::Present,
    }
}

fn is_bytecode(path: &Blob) -> bool {
    path.0.ends_with(b".pyc")
}

#[cfg(test)]
mod tests;
