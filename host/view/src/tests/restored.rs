//! What instances had removed is made again.

use confine_tree::HashSet;

use super::*;
use crate::{
    ConcernedInstances, Original,
    originals::{owner_name, path_text},
};

#[test]
fn restored_entry_has_what_is_in_it_in_its_order() {
    let rules =
        "list rule { key name; leaf name { type string; } leaf-list tag { type string; ordered-by user; }
        list ace { key id; ordered-by user; leaf id { type string; } leaf text { type string; } } }";
    let stands = r#"<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config>
        <system xmlns="urn:sys"/></config></device></devices>"#;
    let mut commit = Commit::with(system_with(rules), stands, open_scope());
    let place = commit.resolved("/devices/device[name='r1']/config/sys:system/rule[name='a']");
    let inside = "<name>a</name><tag>m</tag><tag>z</tag><tag>b</tag>\
                  <ace><id>ssh</id><text>1</text></ace><ace><id>all</id><text>2</text></ace>";
    let original = Original {
        place: place.clone(),
        before: format!("<rule xmlns='urn:sys'>{inside}</rule>"),
        written: None,
        owners: [owner_name(&instance("s1"))].into(),
        wanted_by: [].into(),
    };
    let mut owners = OwnerIndex::new();
    owners.change_originals([(path_text(&place).unwrap(), Some(original))]);
    let gone = instance("s1");
    let draft = commit.draft();
    draft.keep_originals();
    let whole = Pattern { steps: place.steps.iter().take(2).cloned().collect() };
    block(draft.read(&[whole])).unwrap();
    let of_commit = ConcernedInstances {
        run: HashSet::default(),
        deleted: HashSet::from_iter([&gone]),
        may_write: &|_, _| true,
        unseen: &HashSet::default(),
    };
    draft.restore_originals(&owners, &of_commit).unwrap();
    let sent: String = commit.finish(&["s1"], &owners).lines().map(str::trim).collect();
    assert!(sent.contains(inside), "{sent}");
}
