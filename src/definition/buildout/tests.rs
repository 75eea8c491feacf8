//! What resolving promises beyond parity: unknown where it cannot know, every error with its place, no panic.

use super::*;
use crate::model::{
    code::{BUILDOUT_CONDITION, BUILDOUT_LINT, BUILDOUT_MISSING_FILE, BUILDOUT_SYNTAX, BUILDOUT_UNPINNED},
    content::Algorithm,
    diagnostic::Severity,
    eval::WhyKind,
    hasher::digest_of,
};
use proptest::prelude::*;

struct Project {
    sources: MemorySources,
    facts: TargetFacts,
    command_line: Vec<(String, String, String)>,
    assume: BTreeMap<String, bool>,
    dialect: Dialect,
}

impl Project {
    fn new(buildout_cfg: &str) -> Self {
        Self {
            sources: MemorySources::new().with("/d/buildout.cfg", buildout_cfg),
            facts: TargetFacts::default(),
            command_line: Vec::new(),
            assume: BTreeMap::new(),
            dialect: Dialect::V6,
        }
    }

    fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.sources = self.sources.with(&format!("/d/{name}"), content);
        self
    }

    fn resolve_with(&self, recipes: &dyn RecipeOptions) -> (Resolved, Vec<Diagnostic>) {
        let request = Request {
            directory: "/d",
            config: "buildout.cfg",
            command_line: &self.command_line,
            facts: &self.facts,
            dialect: self.dialect,
            user_defaults: None,
            assume: &self.assume,
            recipes,
        };
        resolve(&request, &self.sources)
    }

    fn resolve(&self) -> (Resolved, Vec<Diagnostic>) {
        self.resolve_with(&NoRecipes)
    }
}

fn known<'a>(resolved: &'a Resolved, section: &str, option: &str) -> Option<&'a str> {
    resolved.value(section, option).and_then(Eval::known).map(String::as_str)
}

fn why(resolved: &Resolved, section: &str, option: &str) -> Option<WhyKind> {
    resolved.value(section, option).and_then(Eval::why).map(|why| why.kind)
}

fn lints(diagnostics: &[Diagnostic]) -> Vec<&str> {
    let lints = diagnostics.iter().filter(|found| found.code == BUILDOUT_LINT);
    lints.map(|lint| lint.message.as_str()).collect()
}

#[test]
fn what_only_the_recipe_knows_taints_what_is_made_from_it() {
    let project =
        Project::new("[buildout]\nparts = p\n[p]\nrecipe = r\nx = ${q:location}/x\ny = ${:x}/y\n[q]\nrecipe = q.q\n");
    let (resolved, diagnostics) = project.resolve();
    assert!(diagnostics.iter().all(|found| found.severity == Severity::Note), "{diagnostics:?}");
    assert_eq!(why(&resolved, "p", "y"), Some(WhyKind::Code));
    assert_eq!(resolved.parts, ["q", "p"]);
    assert_eq!(resolved.parts_doubt, None);
}

#[test]
fn a_known_recipe_tells_its_options_in_buildouts_syntax() {
    struct Locations;
    impl RecipeOptions for Locations {
        fn option(&self, recipe: &str, section: &str, option: &str) -> Option<String> {
            (recipe == "q.q" && option == "location").then(|| format!("${{buildout:parts-directory}}/{section}"))
        }
    }
    let project = Project::new("[buildout]\nparts = p\n[p]\nrecipe = r\nx = ${q:location}/x\n[q]\nrecipe = q.q\n");
    let (resolved, _) = project.resolve_with(&Locations);
    assert_eq!(known(&resolved, "p", "x"), Some("/d/parts/q/x"));
}

/// A recipe `asks` that takes the sections `env`, and `other` by default, from the buildout.
struct Asking;
impl RecipeOptions for Asking {
    fn option(&self, _recipe: &str, _section: &str, _option: &str) -> Option<String> {
        None
    }

    fn asks(&self, recipe: &str) -> &'static [Asked] {
        const ASKED: &[Asked] = &[
            Asked { option: "env", default: "", stops: false },
            Asked { option: "other", default: "default", stops: true },
        ];
        if recipe == "asks" { ASKED } else { &[] }
    }
}

#[test]
fn sections_that_a_recipe_asks_for_become_parts_before_its_own() {
    let project = Project::new(
        "[buildout]\nparts = p\n[p]\nrecipe = asks\nenv = e\n[default]\nrecipe = r\nx = ${last:recipe}\n[e]\nrecipe = r\n\
         [last]\nrecipe = r\n",
    );
    let (resolved, diagnostics) = project.resolve_with(&Asking);
    assert!(diagnostics.iter().all(|found| found.severity == Severity::Note), "{diagnostics:?}");
    assert_eq!(resolved.parts, ["e", "last", "default", "p"]);
    let edges = resolved.part_edges().expect("they are few");
    let of_p = edges.iter().filter(|edge| edge.from == "p").map(|edge| (edge.to.as_str(), edge.option.as_str()));
    assert_eq!(of_p.collect::<Vec<_>>(), [("default", "other"), ("e", "env")]);
    assert_eq!(project.resolve().0.parts, ["p"]);
}

#[test]
fn a_recipe_that_asks_for_a_section_that_does_not_exist_is_an_error_where_buildout_stops() {
    let project = Project::new("[buildout]\nparts = p\n[p]\nrecipe = asks\nenv = gone\nother = lost\n");
    let (resolved, diagnostics) = project.resolve_with(&Asking);
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|found| (found.message.as_str(), found.origin.clone())).collect();
    let message = "the recipe `asks` needs the section `lost`, which does not exist";
    assert_eq!(errors, [(message, Some(Origin::line("buildout.cfg", 6)))]);
    assert_eq!(resolved.parts, ["p"]);
}

#[test]
fn the_order_of_parts_is_in_doubt_when_a_recipe_asks_for_a_section_whose_name_is_not_known() {
    let project = Project::new(
        "[buildout]\nparts = p\n[p]\nrecipe = asks\nenv = ${q:set-by-code}\nother =\n[q]\nrecipe = r\n[e]\nrecipe = r\n",
    );
    let (resolved, _) = project.resolve_with(&Asking);
    assert_eq!(resolved.parts_doubt.map(|why| why.kind), Some(WhyKind::Code));
}

#[test]
fn a_missing_option_of_a_section_without_recipe_is_an_error_with_the_nearest_name() {
    let project = Project::new("[buildout]\nparts =\n[a]\nx =\n    1\n    ${b:lenght}\n[b]\nlength = 2\n");
    let (resolved, diagnostics) = project.resolve();
    let [error] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(error.message, "`${b:lenght}` names an option that `[b]` does not have; is it `length`?");
    assert_eq!(error.origin, Some(Origin::line("buildout.cfg", 6)));
    let excerpt = error.excerpt.as_ref().expect("the line");
    assert_eq!(&excerpt.text[excerpt.start..excerpt.end], "${b:lenght}");
    assert_eq!(why(&resolved, "a", "x"), Some(WhyKind::BrokenDefinition));
    assert_eq!(known(&resolved, "b", "length"), Some("2"));
}

#[test]
fn a_remote_file_that_is_not_at_hand_makes_unknown_what_it_may_set_and_nothing_else() {
    let project = Project::new(
        "[buildout]\nextends = base.cfg http://x/y.cfg late.cfg\nparts = p\nbin-directory = b\n[p]\nrecipe = r\nx += 1\nz = ${new:opt}\n",
    )
    .with("base.cfg", "[p]\nx = 0\ny = 0\n[old]\no = 1\n")
    .with("late.cfg", "[p]\nw = known\nv += 1\n");
    let (resolved, diagnostics) = project.resolve();
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    assert_eq!((diagnostics[0].code, diagnostics[0].severity), (BUILDOUT_MISSING_FILE, Severity::Warning));
    for (section, option) in
        [("p", "x"), ("p", "y"), ("p", "z"), ("p", "v"), ("old", "o"), ("buildout", "eggs-directory")]
    {
        assert_eq!(why(&resolved, section, option), Some(WhyKind::Unreadable), "{section}:{option}");
    }
    assert_eq!(known(&resolved, "p", "w"), Some("known"));
    assert_eq!(known(&resolved, "p", "recipe"), Some("r"));
    assert_eq!(resolved.parts, ["p"]);
    assert!(resolved.open.is_some());
}

#[test]
fn the_extends_cache_stands_in_for_remote_files() {
    let project = Project::new("[buildout]\nextends = http://x/y.cfg\nextends-cache = cache\nparts =\n")
        .with("cache/f01c30f2dd4f92ec7baad4a1aa5a2ba3", "[a]\nx = wrong\n")
        .with(&format!("cache/{}", md5_hex("http://x/y.cfg")), "[buildout]\nextends = z.cfg\n[a]\nx = 1\n")
        .with(&format!("cache/{}", md5_hex("http://x/z.cfg")), "[a]\ny = 2\n");
    let (resolved, diagnostics) = project.resolve();
    assert_eq!(diagnostics, []);
    assert_eq!(known(&resolved, "a", "x"), Some("1"));
    assert_eq!(known(&resolved, "a", "y"), Some("2"));
    assert_eq!(resolved.files, ["/d/buildout.cfg", "http://x/y.cfg", "http://x/z.cfg"]);
}

fn md5_hex(text: &str) -> String {
    digest_of(Algorithm::Md5, text.as_bytes()).hex()
}

#[test]
fn an_undecidable_section_taints_only_what_it_sets_until_somebody_tells() {
    let text = "[buildout]\nparts =\n[a]\nx = 1\ny = ${:x}\nz = 3\n[a:linux]\nx = 2\n";
    let mut project = Project::new(text);
    let (resolved, diagnostics) = project.resolve();
    assert_eq!(why(&resolved, "a", "y"), Some(WhyKind::TargetFact));
    assert_eq!(known(&resolved, "a", "z"), Some("3"));
    assert_eq!(diagnostics[0].code, BUILDOUT_CONDITION);
    project.assume.insert("linux".to_owned(), true);
    let (resolved, diagnostics) = project.resolve();
    assert_eq!((known(&resolved, "a", "y"), diagnostics.len()), (Some("2"), 0));
}

#[test]
fn facts_that_are_not_given_are_not_taken_from_this_machine() {
    let (resolved, _) = Project::new("[buildout]\nparts =\neggs-directory = ~/eggs\n").resolve();
    assert_eq!(why(&resolved, "buildout", "executable"), Some(WhyKind::TargetFact));
    assert_eq!(why(&resolved, "buildout", "eggs-directory"), Some(WhyKind::TargetFact));
    assert!(resolved.versions["zc-buildout"].why().is_some());
}

#[test]
fn a_file_that_is_no_text_is_named_with_its_line() {
    let project = Project::new("[buildout]\nextends = b.cfg\nparts =\n").with("b.cfg", b"[a]\nx = \xff\n".to_vec());
    let (resolved, diagnostics) = project.resolve();
    assert_eq!(diagnostics[0].code, BUILDOUT_SYNTAX);
    assert_eq!(diagnostics[0].origin, Some(Origin::line("b.cfg", 2)));
    assert!(resolved.open.is_some());
}

#[test]
fn the_eggs_directory_has_a_subdirectory_since_version_5() {
    let mut project = Project::new("[buildout]\nparts =\n");
    for (dialect, eggs) in [(Dialect::V3, "/d/eggs"), (Dialect::V4, "/d/eggs"), (Dialect::V5, "/d/eggs/v5")] {
        project.dialect = dialect;
        let (resolved, _) = project.resolve();
        assert_eq!(resolved.directories.eggs, Eval::Known(eggs.to_owned()));
    }
}

#[test]
fn pins_have_canonical_names() {
    let (resolved, _) = Project::new("[buildout]\nparts =\n[versions]\nZope_Interface..x = 5\n").resolve();
    assert_eq!(resolved.versions["zope-interface-x"], Eval::Known("5".to_owned()));
}

#[test]
fn parts_need_each_other_also_through_other_sections() {
    let project = Project::new(
        "[buildout]\nparts = p\n[p]\nrecipe = r\nx = ${s:x}\n=> t\n[s]\nx = ${q:y}\n[q]\nrecipe = r\ny = 1\n[t]\nrecipe = r\n",
    );
    let (resolved, _) = project.resolve();
    let edges: Vec<_> =
        resolved.part_edges().expect("few edges").into_iter().map(|edge| (edge.from, edge.to, edge.option)).collect();
    let edge = |to: &str, option: &str| ("p".to_owned(), to.to_owned(), option.to_owned());
    assert_eq!(edges, [edge("q", "x"), edge("t", "<part-dependencies>")]);
    assert_eq!(resolved.parts, ["q", "t", "p"]);
}

#[test]
fn more_edges_between_parts_than_can_be_told_are_not_told() {
    let parts =
        |name: &str, line: &str| (0..1_100).map(|n| format!("[{name}{n}]\nrecipe = r\n{line}")).collect::<String>();
    let hub: String = (0..1_100).map(|n| format!("x{n} = ${{b{n}:recipe}}\n")).collect();
    let (names, sections) = ((0..1_100).map(|n| format!(" a{n}")), parts("a", "x = ${hub:x0}\n") + &parts("b", ""));
    let text = format!("[buildout]\nparts ={}\n{sections}[hub]\n{hub}", names.collect::<String>());
    let (resolved, _) = Project::new(&text).resolve();
    assert_eq!(resolved.parts.len(), 2_200);
    assert_eq!(resolved.part_edges(), None);
}

#[test]
fn surprises_are_pointed_out() {
    let project = Project::new(
        "[buildout]\nextends = b.cfg c.cfg\nextends += x.cfg\nparts =\n[n]\nopt+=1\n[m]\ny += 2\n[i]\nx = 1 # c\ny =\n    # d\n",
    )
    .with("b.cfg", "[buildout]\nextends = d.cfg\n[a]\nx += b\n[base]\ny = 1\n[m]\n<= base\n")
    .with("c.cfg", "[buildout]\nextends = d.cfg\n")
    .with("d.cfg", "[a]\nx = d\nz += 1\n");
    let (_, diagnostics) = project.resolve();
    let found = lints(&diagnostics);
    for lint in [
        "`extends +=` loads no file",
        "`opt+=` defines the option `op` of `[n]`, not `opt`",
        "the value that `y` of `[m]` gets from its macro is lost",
        "this `+=` on `x` of `[a]` is lost: d.cfg:2 sets it again afterwards",
        "this file is merged twice, so `z +=` of `[a]` is added twice",
        "there are no comments behind a value: this is part of it",
        "an indented `#` starts no comment: this is a line of the value",
    ] {
        assert!(found.iter().any(|text| text.replace("/d/", "") == lint), "{lint}: {found:#?}");
    }
}

#[test]
fn the_history_tells_who_set_a_value() {
    let mut project = Project::new("[buildout]\nextends = b.cfg\nparts =\n[a]\nx += 2\n").with("b.cfg", "[a]\nx = 1\n");
    project.command_line.push(("a".to_owned(), "x-".to_owned(), "1".to_owned()));
    let (resolved, _) = project.resolve();
    let steps: Vec<_> =
        resolved.sections["a"].options["x"].history.iter().map(|step| (step.operation, step.source.clone())).collect();
    assert_eq!(
        steps,
        [
            (Operation::Set, Source::File(Origin::line("b.cfg", 2))),
            (Operation::Add, Source::File(Origin::line("buildout.cfg", 5))),
            (Operation::Remove, Source::CommandLine),
        ]
    );
    assert_eq!(known(&resolved, "a", "x"), Some("2"));
}

/// The underlined text and the hint of the diagnostic that has these words.
fn shown<'a>(diagnostics: &'a [Diagnostic], words: &str) -> (&'a str, Option<&'a str>) {
    let found = diagnostics.iter().find(|found| found.message.contains(words));
    let found = found.unwrap_or_else(|| panic!("{words}: {diagnostics:#?}"));
    let excerpt = found.excerpt.as_ref().map(|excerpt| &excerpt.text[excerpt.start..excerpt.end]);
    (excerpt.unwrap_or("no excerpt"), found.hint.as_deref())
}

#[test]
fn every_surprise_shows_its_line_and_says_what_to_do() {
    let project = Project::new(
        "[buildout]\nextends = b.cfg c.cfg s/o.cfg\nextends += x.cfg\nparts = p\n[n]\nopt+=1\n[m]\ny += 2\n[i]\nx = 1 # c\ny =\n    # d\n[p]\nrecipe = r\nx = ${q:z}\n[q]\nrecipe = r\nz = 1\n",
    )
    .with("b.cfg", "[buildout]\nextends = d.cfg\n[a]\nx += b\n[base]\ny = 1\n[m]\n<= base\n")
    .with("c.cfg", "[buildout]\nextends = d.cfg\n")
    .with("d.cfg", "[a]\nx = d\nz += 1\n")
    .with("s/o.cfg", "[buildout]\noptional-extends = local.cfg\n");
    let (_, diagnostics) = project.resolve();
    for (words, excerpt) in [
        ("loads no file", "extends += x.cfg"),
        ("defines the option `op`", "opt+=1"),
        ("gets from its macro is lost", "y += 2"),
        ("is lost: /d/d.cfg:2 sets it again", "x += b"),
        ("is added twice", "z += 1"),
        ("no comments behind a value", "# c"),
        ("starts no comment", "# d"),
        ("`optional-extends` looks in the directory", "optional-extends = local.cfg"),
        ("`[q]` is not among `parts`, but gets installed: `x` of `[p]` refers to it", "${q:"),
    ] {
        let (shown, hint) = shown(&diagnostics, words);
        assert_eq!((shown, hint.is_some()), (excerpt, true), "{words}");
    }
}

#[test]
fn a_missing_section_is_an_error_with_the_nearest_name() {
    let (_, diagnostics) = Project::new("[buildout]\nparts =\n[a]\nx = ${instnce:y}\n[instance]\ny = 1\n").resolve();
    let message = "`${instnce:y}` names the section `instnce`, which does not exist; is it `instance`?";
    assert_eq!(shown(&diagnostics, message).0, "${instnce:y}");
}

#[test]
fn eggs_without_a_pin_are_named_where_others_are_pinned() {
    let text = |versions: &str, develop: &str| {
        format!(
            "[buildout]\nparts = p q\ndevelop = {develop}\n[p]\nrecipe = r\neggs =\n    Pinned_One\n    free [x]\n    own.pkg\n    exact == 1\n[q]\nrecipe = r\neggs = ${{p:eggs}}\n    other\n[versions]\n{versions}"
        )
    };
    let notes = |text: &str| -> Vec<String> {
        let (_, diagnostics) = Project::new(text).resolve();
        diagnostics.into_iter().filter(|found| found.code == BUILDOUT_UNPINNED).map(|found| found.message).collect()
    };
    assert_eq!(
        notes(&text("pinned-one = 1\n", "src/own.pkg")),
        [
            "`eggs` of `[p]` names an egg that is not pinned: `free`",
            "`eggs` of `[q]` names an egg that is not pinned: `other`"
        ]
    );
    assert_eq!(notes(&text("", "src/own.pkg")), Vec::<String>::new());
    assert_eq!(notes(&text("pinned-one = 1\n", "src/*")), Vec::<String>::new());
    let (_, diagnostics) = Project::new(&text("pinned-one = 1\n", "src/own.pkg")).resolve();
    let (shown, hint) = shown(&diagnostics, "`free`");
    assert_eq!((shown, hint.is_some()), ("free", true));
}

#[test]
fn a_profile_for_slapos_is_an_error_that_says_so() {
    for section in ["[a]\n", "[a]\nrecipe = slapos.recipe.template\n"] {
        let text = format!("[buildout]\nparts = a\n{section}x = ${{:_profile_base_location_}}/t\n");
        let (resolved, diagnostics) = Project::new(&text).resolve();
        let (shown, _) = shown(&diagnostics, "needs slapos.buildout");
        assert_eq!(shown, "${:_profile_base_location_}");
        assert_eq!(why(&resolved, "a", "x"), Some(WhyKind::BrokenDefinition));
    }
}

/// A recipe sets its options only when the references of its section have been worked out.
#[test]
fn a_section_cannot_refer_to_what_its_own_recipe_will_set() {
    let (resolved, diagnostics) = Project::new("[buildout]\nparts = p\n[p]\nrecipe = r\nx = ${:location}\n").resolve();
    shown(&diagnostics, "`${:location}` names an option that `[p]` does not have before its recipe runs");
    assert_eq!(why(&resolved, "p", "x"), Some(WhyKind::BrokenDefinition));
}

/// Inputs that would take minutes, or the stack, if anything grew with the square or with the depth.
#[test]
fn hostile_configurations_take_little_time_and_no_stack() {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let start = "[buildout]\nparts =\n";
    for text in [
        format!("{start}[a]\nx =\n{}", "    line\n".repeat(100_000)),
        format!("{start}[a]\n{}", "x += 1\n".repeat(100_000)),
        format!("{start}[a]\n{}", "garbage\n".repeat(200_000)),
        "garbage\n".repeat(200_000),
        format!("{start}{}", lines(5_000, &|n| format!("[a{n}: open({n})]\nx = 1\n"))),
        format!("{start}{}", lines(10_000, &|n| format!("[a{n}]\nx = ${{a{}:x}}\n", n + 1))),
        format!("{start}{}", lines(1_500, &|n| format!("[a{n}]\n<= a{}\nx{n} = 1\n", n + 1))),
        format!(
            "{start}[a]\nx0 = {}\n{}",
            "y".repeat(1000),
            lines(40, &|n| format!("x{} = ${{:x{n}}}${{:x{n}}}\n", n + 1))
        ),
        format!("{start}[a]\n{}", lines(10_000, &|n| format!("x{n} = ${{b:y{n}}}\n"))),
        format!("{start}[a]\nx = {}\n", "${".repeat(200_000)),
        format!("{start}[a]\nx = {}\n", "${:x}".repeat(20_000)),
        format!("{start}[a:{}]\n", "(".repeat(200_000)),
        format!("{start}[{}\n", "[".repeat(1_000_000)),
        format!("{start}[a]\n{}=\n", "x ".repeat(500_000)),
        format!("[buildout]\nextends = {}\nparts =\n", "b.cfg ".repeat(50_000)),
    ] {
        let (resolved, _) = Project::new(&text).resolve();
        assert!(!resolved.sections.is_empty());
    }
}

#[test]
fn diamonds_upon_diamonds_are_cut_off() {
    let mut project = Project::new("[buildout]\nextends = f0.cfg f0.cfg\nparts =\n");
    for level in 0..40 {
        let next = level + 1;
        project = project.with(
            &format!("f{level}.cfg"),
            format!("[buildout]\nextends = f{next}.cfg f{next}.cfg\n[a]\nx += {level}\n"),
        );
    }
    let (_, diagnostics) = project.with("f40.cfg", "[a]\ny = 1\n").resolve();
    assert!(diagnostics.iter().any(|found| found.code == BUILDOUT_MISSING_FILE));
}

fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[a]\n".to_owned()),
        Just("[buildout]\n".to_owned()),
        Just("[a:python3]\n".to_owned()),
        Just("x = ${b:y}\n".to_owned()),
        Just("y += 1\n".to_owned()),
        Just("<= b\n".to_owned()),
        Just("[b]\n".to_owned()),
        Just("extends = b.cfg\n".to_owned()),
        "[a-c]{0,2} ?[-+]?=.{0,12}\n",
        "\\[[a-c]?:?.{0,12}\\]\n",
        "\\PC{0,20}",
        "[ \t\r\x0c]{0,3}.{0,10}\n",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_resolver_panic(first in lines(), second in lines()) {
        let (resolved, _) = Project::new(&first).with("b.cfg", second).resolve();
        prop_assert!(resolved.sections.contains_key("buildout"));
    }

    #[test]
    fn no_bytes_make_the_reader_of_installed_cfg_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (installed, _) = installed::parse(&bytes, "f");
        prop_assert!(!installed.sections.contains_key("buildout"));
    }

    #[test]
    fn every_cut_of_a_file_gives_only_known_values_of_the_whole(cut in 0usize..120) {
        let whole = "[buildout]\nparts = p q\n\n[p]\nrecipe = r.r\nx = 1\n\t2\n\n[q]\nrecipe = q\n__buildout_installed__ = /a\n\t/b\n";
        let cut = cut.min(whole.len());
        let (full, _) = installed::parse(whole.as_bytes(), "f");
        let (torn, diagnostics) = installed::parse(&whole.as_bytes()[..cut], "f");
        prop_assert!(cut == whole.len() || !diagnostics.is_empty() || whole.as_bytes()[cut - 1] == b'\n');
        for (name, part) in torn.sections.iter().filter(|(name, _)| full.sections.contains_key(*name)) {
            for (option, value) in &part.options {
                if let (Eval::Known(value), false) = (value, whole.as_bytes()[..cut].ends_with(b"\n")) {
                    prop_assert_eq!(Some(value), full.sections[name].options[option].known());
                }
            }
        }
    }
}
