//! Reading datastores: patterns become one request, its reply a tree.

use confine_backend::{ConfigRequest, Datastore, RequestUser, union_of};
use confine_tree::{NodeId, Pattern, PrefixTable, ReadSet, Tree};
use confine_view::{Fetch, Source, SourceError};
use tokio::runtime::Handle;
use tracing::Instrument as _;

use crate::{Error, controller::SharedBackend, modules::membership::SERVICES};

/// Reads all that any of the patterns matches. Without patterns, makes no request.
pub(crate) async fn read(
    backend: &SharedBackend,
    source: Datastore,
    wanted: &[Pattern],
    user: &RequestUser,
) -> Result<Tree, Error> {
    request(backend, source, wanted, user, false).await
}

/// Like [`read`], from `running` as the host user, with defaults for leaves that are not set.
pub(crate) async fn read_running(backend: &SharedBackend, wanted: &[Pattern]) -> Result<Tree, Error> {
    request(backend, Datastore::Running, wanted, &RequestUser::Host, true).await
}

async fn request(
    backend: &SharedBackend,
    source: Datastore,
    wanted: &[Pattern],
    user: &RequestUser,
    defaults: bool,
) -> Result<Tree, Error> {
    if wanted.is_empty() {
        return Ok(Tree::new());
    }
    let mut prefixes = PrefixTable::new();
    let xpath = union_of(wanted, &mut prefixes);
    let namespaces: Vec<_> = prefixes.iter().collect();
    let request = ConfigRequest { source, xpath: &xpath, namespaces: &namespaces, depth: None, defaults };
    let payload = backend.lock().await.get_config(request, user).await?;
    // Whoever waits for the connection has it while the reply is parsed.
    let mut tree = confine_backend::config_tree(&payload).map_err(Error::Datastore)?;
    merge_services(&mut tree);
    Ok(tree)
}

/// Puts what is in several containers `services` into the first one. If the expressions of a union lead into `/services`, then
/// elsewhere, and into `/services` again, controller 1.8.0 returns the container twice, as it does with `devices`. (Loading
/// merges devices, because it knows the keys of everything in them.)
fn merge_services(tree: &mut Tree) {
    let all: Vec<NodeId> = tree.children(Tree::ROOT).filter(|&node| tree.qname(node) == SERVICES).collect();
    let Some((&first, others)) = all.split_first() else { return };
    for &other in others {
        let children: Vec<NodeId> = tree.children(other).collect();
        for child in children {
            tree.detach(child);
            tree.attach(child, first, None);
        }
        tree.detach(other);
    }
}

/// Returns the patterns of one request for all that is wanted (see [`ReadSet`]). They may match more than `wanted`; what
/// a module may see of that is decided when it reads.
pub(crate) fn condense(wanted: Vec<Pattern>) -> Vec<Pattern> {
    wanted.into_iter().collect::<ReadSet>().patterns()
}

/// The datastore from which the views of a commit read on demand.
pub(crate) struct DatastoreSource {
    pub(crate) backend: SharedBackend,
    pub(crate) datastore: Datastore,
    pub(crate) user: RequestUser,
    /// The runtime of the session. A request is completed there even if the guest that waits for it is stopped, so
    /// that its reply does not remain on the wire.
    pub(crate) runtime: Handle,
}

impl Source for DatastoreSource {
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a> {
        let (backend, datastore, user) = (self.backend.clone(), self.datastore, self.user.clone());
        let wanted = condense(wanted.to_vec());
        let request = async move { read(&backend, datastore, &wanted, &user).await };
        let request = self.runtime.spawn(request.instrument(tracing::Span::current()));
        Box::pin(async move {
            match request.await {
                Ok(Ok(tree)) => Ok(tree),
                Ok(Err(error)) => Err(failed(error)),
                Err(ended) => Err(failed(ended)),
            }
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError { message: "cannot read from the controller".into(), source: Some(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use confine_tree::{CONTROLLER, PatternStep, QName};

    use super::*;

    fn entry(list: &str, key: Option<&str>, leaf: Option<&str>) -> Pattern {
        let mut steps = vec![PatternStep::new(QName::new(CONTROLLER, "services"))];
        let mut step = PatternStep::new(QName::new("urn:x", list));
        step.keys.extend(key.map(|key| ("name".into(), Some(key.to_owned()))));
        steps.push(step);
        steps.extend(leaf.map(|leaf| PatternStep::new(QName::new("urn:x", leaf))));
        Pattern { steps }
    }

    #[test]
    fn what_another_covers_is_not_asked_for() {
        let (list, one, leaf) =
            (entry("l", None, None), entry("l", Some("1"), None), entry("l", Some("1"), Some("a")));
        let other = entry("m", Some("1"), None);
        assert_eq!(
            condense(vec![one.clone(), other.clone(), leaf.clone(), one.clone()]),
            [one.clone(), other.clone()]
        );
        assert_eq!(condense(vec![leaf, list.clone(), one]), [list]);
        assert_eq!(condense(vec![]), []);
    }

    #[test]
    fn the_expressions_of_one_request_have_an_end() {
        let leaf = |n: usize| entry("l", Some("1"), Some(&format!("x{n}")));
        let few = || entry("m", Some("1"), Some("x"));
        let wanted = |count: usize| (0..count).map(leaf).chain([few()]).collect::<Vec<_>>();
        assert_eq!(condense(wanted(ReadSet::MAX_PATTERNS - 1)).len(), ReadSet::MAX_PATTERNS);
        assert_eq!(condense(wanted(ReadSet::MAX_PATTERNS)), [entry("l", Some("1"), None), few()]);
    }

    #[test]
    fn very_many_entries_of_a_list_are_asked_for_as_the_list() {
        let many = |count: usize| {
            (0..count).map(|n| entry("l", Some(&n.to_string()), Some("a"))).collect::<Vec<_>>()
        };
        assert_eq!(condense(many(ReadSet::MAX_ENTRIES)).len(), ReadSet::MAX_ENTRIES);
        let mut wanted = many(ReadSet::MAX_ENTRIES + 1);
        wanted.push(entry("l", Some("1"), None));
        let paths: Vec<String> = condense(wanted).iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["/services/l[name]/a", "/services/l[name='1']"]);
    }
}
