//! Many lists that are `ordered-by user` in one container.

use super::*;

/// Returns a schema whose devices have so many leaf-lists in one container.
fn models(count: usize) -> Arc<dyn Schema> {
    let lists: String =
        (0..count).map(|n| format!("leaf-list l{n} {{ type string; ordered-by user; }} ")).collect();
    let modules = [
        r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
          container services { list bench { key id; leaf id { type string; } } }
          container devices { list device { key name; leaf name { type string; } container config { } } } }"#
            .to_owned(),
        format!(
            "module sys {{ namespace urn:sys; prefix s; import ctrl {{ prefix c; }}
              augment /c:devices/c:device/c:config {{ container system {{ {lists} }} }} }}"
        ),
    ];
    let mut set = ModuleSet::default();
    for module in &modules {
        set.add("test.yang", module.as_bytes()).unwrap();
    }
    Arc::new(MountedSchema::new(Arc::new(set.compile()), "none"))
}

#[test]
fn reordering_many_lists_of_one_container_is_linear() {
    let [once, four] = [50, 200].map(|count| {
        let entries: String = (0..count).map(|n| format!("<l{n}>a</l{n}><l{n}>b</l{n}>")).collect();
        let stands = format!(
            r#"<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config>
            <system xmlns="urn:sys">{entries}</system></config></device></devices>"#
        );
        let mut commit = Commit::with(models(count), &stands, open_scope());
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
