//! Many lists that are `ordered-by user` in one container.

use super::*;

#[test]
fn reordering_many_lists_of_one_container_is_linear() {
    let [once, four] = [50, 200].map(|count| {
        let lists: String =
            (0..count).map(|n| format!("leaf-list l{n} {{ type string; ordered-by user; }} ")).collect();
        let entries: String = (0..count).map(|n| format!("<l{n}>a</l{n}><l{n}>b</l{n}>")).collect();
        let stands = format!(
            r#"<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config>
            <system xmlns="urn:sys">{entries}</system></config></device></devices>"#
        );
        let mut commit = Commit::with(system_with(&lists), &stands, open_scope());
        commit.draft().keep_originals();
        commit.run("s1", async |view| {
            let system = "/devices/device[name='r1']/config/sys:system";
            view.read(system).await.unwrap();
            for n in 0..count {
                for entry in ["a", "b"] {
                    view.remove(&format!("{system}/l{n}[.='{entry}']")).await.unwrap();
                }
                for entry in ["b", "a"] {
                    view.set(&format!("{system}/l{n}[.='{entry}']"), entry).await.unwrap();
                }
            }
        });
        let before = commit.draft().steps().taken();
        let sent = commit.finish(&["s1"], &OwnerIndex::new());
        assert_eq!(sent.matches("insert=").count(), count, "{sent}");
        commit.draft().steps().taken() - before
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}
