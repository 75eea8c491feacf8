//! Tickets: their golden form, and fingerprints that stay while the trouble stays.

use crate::golden::assert_golden;
use crate::sample;
use rectify::model::finding::{Class, Damage};
use rectify::report::view::{Kind, View};
use rectify::tickets::{BUILT_IN, write};

#[test]
fn each_host_and_root_unit_gets_one_ticket_a_kind_of_action() {
    let tickets = write(&sample::view(Kind::Plan), BUILT_IN).expect("the built-in template works");
    let names: Vec<&str> = tickets.iter().map(|ticket| ticket.file_name.as_str()).collect();
    assert_eq!(names, ["01-app01-zodb.md", "02-app02-nginx.md", "03-app01-zope.md", "04-app02-nginx.md"]);
    for ticket in &tickets {
        assert_golden(&format!("report/tickets/{}", ticket.file_name), &ticket.body);
    }
}

#[test]
fn a_fingerprint_stays_when_counts_and_times_change() {
    let prints = |view: &View| -> Vec<String> {
        write(view, BUILT_IN).expect("it renders").into_iter().map(|ticket| ticket.fingerprint).collect()
    };
    let mut found = sample::findings();
    let path = "/srv/shop/etc/more.conf";
    let more = sample::finding("f8", "app01", "app01/zope", path, Damage::Edited, Class::Drift);
    found.findings.push(more);
    let mut plan = sample::plan();
    plan.steps[3].findings.push("f8".into());
    let meta = rectify::report::view::Meta { created_at: 0, ..sample::meta() };
    let later = View::new(&sample::manifest(), &found, &plan, &meta, Kind::Plan);
    assert_eq!(prints(&sample::view(Kind::Plan)), prints(&later));
}

#[test]
fn a_ticket_names_at_most_twenty_paths_and_counts_the_rest() {
    let mut found = sample::findings();
    found.findings.clear();
    for index in 0..30 {
        let path = format!("/srv/{index:02}");
        found.findings.push(sample::finding(
            &format!("g{index}"),
            "app02",
            "app02/nginx",
            path,
            Damage::Random,
            Class::Damage,
        ));
    }
    let view = View::new(&sample::manifest(), &found, &sample::plan(), &sample::meta(), Kind::Plan);
    let tickets = write(&view, BUILT_IN).expect("it renders");
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].body.matches("- `/srv/").count(), 20);
    assert!(tickets[0].body.contains("… and 10 more"));
}

#[test]
fn nothing_wrong_gives_no_ticket() {
    assert!(write(&sample::clean(), BUILT_IN).expect("it renders").is_empty());
}
