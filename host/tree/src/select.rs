//! XPath filters of `get` and `get-config` (RFC 6241, section 8.9), as far as anyone sends them.
//!
//! A filter is a union of paths from the root, with a prefix at each step and at each key:
//! `/ctrl:services | /ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config`. As with the controller, a
//! step without a prefix and a name that no node has select nothing. A path that ends in `/*` selects what is
//! in the nodes of the path before that.

use std::collections::{HashMap, HashSet};

use crate::{
    ChildIndex, Error, ModelPlace, NodeId, Path, PathError, Pattern, PatternStep, Predicate, QName, Tree,
    TreeModel,
};

/// A filter that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XPathFilterError {
    /// One of its paths.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A prefix that is not bound where the filter stands.
    #[error("the prefix `{prefix}` in the filter `{path}` is not bound to a namespace")]
    UnboundPrefix {
        /// The prefix.
        prefix: String,
        /// The path that uses it.
        path: String,
    },
}

/// What a filter selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XPathFilter {
    branches: Vec<UnionBranch>,
}

/// One path of the union.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnionBranch {
    pattern: Pattern,
    /// Whether what is in the nodes is selected, and not they.
    inside: bool,
}

impl XPathFilter {
    /// Reads the value of `select`. `namespaces` are the prefixes that are bound where it stands.
    pub fn parse(select: &str, namespaces: &[(&str, &str)]) -> Result<Self, XPathFilterError> {
        let namespaces: HashMap<&str, &str> = namespaces.iter().copied().collect();
        let mut branches = Vec::new();
        for path in union(select) {
            let path = path.trim_matches([' ', '\t', '\n', '\r']);
            let (path, inside) = path.strip_suffix("/*").map_or((path, false), |above| (above, true));
            let pattern = match path {
                // What is in the root.
                "" if inside => Some(Pattern::default()),
                path => resolve(&Path::parse_xpath(path)?, &namespaces)?,
            };
            branches.extend(pattern.map(|pattern| UnionBranch { pattern, inside }));
        }
        Ok(Self { branches })
    }

    /// The nodes that it selects, each once; the root stands for everything. [`prune`] has them in
    /// document order.
    pub fn select(&self, tree: &Tree) -> Vec<NodeId> {
        let mut index = ChildIndex::new();
        let mut seen = HashSet::new();
        let selected = self.branches.iter().flat_map(|UnionBranch { pattern, inside }| {
            let nodes = matches(tree, &mut index, pattern);
            match inside {
                true => nodes.into_iter().flat_map(|node| tree.children(node)).collect(),
                false => nodes,
            }
        });
        selected.filter(|&node| seen.insert(node)).collect()
    }
}

/// The paths of a union: what is between `|` outside of quotes.
fn union(select: &str) -> impl Iterator<Item = &str> {
    let mut open = None;
    select.split(move |character| {
        match open {
            Some(quote) if quote == character => open = None,
            None if matches!(character, '\'' | '"') => open = Some(character),
            _ => {}
        }
        open.is_none() && character == '|'
    })
}

/// The path with namespaces for prefixes; none where it can't match anything.
fn resolve(path: &Path, namespaces: &HashMap<&str, &str>) -> Result<Option<Pattern>, XPathFilterError> {
    let namespace = |prefix: &Option<Box<str>>| match prefix.as_deref() {
        None => Ok(""),
        Some(prefix) => namespaces
            .get(prefix)
            .copied()
            .ok_or_else(|| XPathFilterError::UnboundPrefix { prefix: prefix.into(), path: path.to_string() }),
    };
    let mut can_match = true;
    let mut pattern = Pattern::default();
    for step in &path.steps {
        let mut resolved = PatternStep::new(QName::new(namespace(&step.prefix)?, &step.name));
        can_match &= step.prefix.is_some();
        for predicate in &step.predicates {
            match predicate {
                Predicate::Key { prefix, name, value } => {
                    // The keys of a list are in its own namespace.
                    can_match &= prefix.is_some() && namespace(prefix)? == &*resolved.namespace;
                    resolved.keys.push((name.clone(), value.clone()));
                }
                Predicate::Entry { value } => resolved.entry = Some(value.clone()),
            }
        }
        pattern.steps.push(resolved);
    }
    Ok(can_match.then_some(pattern))
}

/// The nodes that a pattern matches. The tables that make it fast are kept in `index`.
fn matches(tree: &Tree, index: &mut ChildIndex, pattern: &Pattern) -> Vec<NodeId> {
    let mut nodes = vec![Tree::ROOT];
    for step in &pattern.steps {
        let Some(name) = tree.names().get(step.name()) else { return Vec::new() };
        let keys = step.keys.iter().filter_map(|(local, value)| Some((local, value.as_deref()?)));
        let keys =
            keys.map(|(local, value)| Some((tree.names().get(QName::new(&step.namespace, local))?, value)));
        let Some(keys) = keys.collect::<Option<Vec<_>>>() else { return Vec::new() };
        let mut below = Vec::new();
        for parent in nodes {
            match (&step.entry, &*keys) {
                (Some(Some(value)), _) => below.extend(index.values(tree, parent, name, value)),
                (_, []) => below.extend(index.children(tree, parent, name)),
                (_, keys) => below.extend(index.matches(tree, parent, name, keys)),
            }
        }
        nodes = below;
    }
    nodes
}

/// The answer to a filter: the selected nodes with all below them, in document order, and what they are
/// in: every element above, with the keys of list entries. With `depth` no more than so many levels from
/// the top; 1 is only the top-level nodes. A value is a level of its own, as Clixon counts: nodes of the last
/// level have none.
pub fn prune(
    tree: &Tree,
    selected: &[NodeId],
    model: &TreeModel<'_>,
    depth: Option<usize>,
) -> Result<Tree, Error> {
    let mut pruning = Pruning { tree, model, marks: HashMap::new(), pruned: Tree::new() };
    for &node in selected {
        pruning.marks.insert(node, SelectionMark::Selected);
        let mut at = tree.parent(node);
        while let Some(above) = at {
            if pruning.marks.contains_key(&above) {
                break;
            }
            pruning.marks.insert(above, SelectionMark::Above);
            at = tree.parent(above);
        }
    }
    let levels = depth.unwrap_or(usize::MAX);
    match pruning.marks.get(&Tree::ROOT) {
        _ if levels == 0 => {}
        None => {}
        Some(SelectionMark::Selected) => {
            for child in tree.children(Tree::ROOT) {
                pruning.pruned.append_copy_to(Tree::ROOT, tree, child, levels - 1)?;
            }
        }
        Some(SelectionMark::Above) => pruning.children(Tree::ROOT, Tree::ROOT, model.root(), levels)?,
    }
    let mut pruned = pruning.pruned;
    if let Some(depth) = depth {
        let last = pruned.descendants(Tree::ROOT).filter(|&(_, at)| at == depth).map(|(node, _)| node);
        let last: Vec<NodeId> = last.filter(|&node| pruned.value(node).is_some()).collect();
        last.into_iter().try_for_each(|node| pruned.set_value(node, "", &[]))?;
    }
    Ok(pruned)
}

/// Why a node is in the answer.
#[derive(Clone, Copy)]
enum SelectionMark {
    Selected,
    /// Something below it is selected.
    Above,
}

struct Pruning<'a> {
    tree: &'a Tree,
    model: &'a TreeModel<'a>,
    marks: HashMap<NodeId, SelectionMark>,
    pruned: Tree,
}

impl Pruning<'_> {
    fn children(&mut self, from: NodeId, to: NodeId, place: ModelPlace, levels: usize) -> Result<(), Error> {
        let Some(levels) = levels.checked_sub(1) else { return Ok(()) };
        let tree = self.tree;
        for child in tree.children(from) {
            match self.marks.get(&child) {
                None => {}
                Some(SelectionMark::Selected) => drop(self.pruned.append_copy_to(to, tree, child, levels)?),
                Some(SelectionMark::Above) => {
                    let qname = tree.qname(child);
                    let name = self.pruned.intern(qname);
                    let copy = self.pruned.append(to, name)?;
                    let list = self.model.child(place, qname);
                    let mut values = Vec::new();
                    for key in self.model.keys(list) {
                        let Some(key) = tree.child(child, QName::new(qname.namespace, key)) else { continue };
                        values.push(tree.value(key).unwrap_or_default());
                        // A key that is selected itself comes among the children.
                        if levels > 0 && !self.marks.contains_key(&key) {
                            self.pruned.append_copy(copy, tree, key)?;
                        }
                    }
                    let below = if values.is_empty() { list } else { self.model.entry(list, &values) };
                    self.children(child, copy, below, levels)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        CONTROLLER, ListKeys, NoSchema, PrefixTable,
        testing::{TEST, choices, content, meaning, random_tree, test_schema},
        xml,
    };

    const BENCH: &str = "http://example.com/bench";

    fn datastore() -> Tree {
        let bench = |name: &str| {
            format!("<bench xmlns='{BENCH}'><service-name>{name}</service-name><mtu>1500</mtu></bench>")
        };
        let device = |name: &str| {
            let config = "<config><a xmlns='urn:a'><b>1</b><c>|</c></a></config>";
            format!("<device><name>{name}</name><port>830</port>{config}</device>")
        };
        let text = format!(
            "<services xmlns='{CONTROLLER}'>{}{}</services><devices xmlns='{CONTROLLER}'>{}{}</devices>",
            bench("s1"),
            bench("it's"),
            device("r1"),
            device("r2"),
        );
        xml::parse(&text).unwrap()
    }

    fn answer(select: &str, depth: Option<usize>) -> String {
        let namespaces =
            [("ctrl", CONTROLLER), ("co", CONTROLLER), ("b", BENCH), ("x", "urn:a"), ("u", "urn:u")];
        let (tree, mut keys) = (datastore(), ListKeys::new());
        keys.learn_service(QName::new(BENCH, "bench"), &["service-name"]).unwrap();
        match XPathFilter::parse(select, &namespaces) {
            Err(error) => error.to_string(),
            Ok(filter) => {
                let model = TreeModel::new(&NoSchema, &keys);
                let pruned = prune(&tree, &filter.select(&tree), &model, depth).unwrap();
                xml::XmlTreeWriter::new().scope(&[("", CONTROLLER)]).write(&pruned, [Tree::ROOT]).unwrap()
            }
        }
    }

    #[test]
    fn all_that_is_in_an_entry_is_the_entry() {
        for path in ["/ctrl:services/b:bench[b:service-name='s1']", "/ctrl:devices/ctrl:device", ""] {
            let inside = answer(&format!("{path}/*"), None);
            assert_eq!(inside, answer(if path.is_empty() { "/" } else { path }, None));
            assert!(inside.contains("name"), "{inside}");
        }
        insta::assert_snapshot!(answer("/ctrl:devices/ctrl:device/ctrl:name/*", None), @"");
        insta::assert_snapshot!(answer("/ctrl:devices/*/ctrl:name", None), @"the path `/ctrl:devices/*/ctrl:name` cannot be read at character 15: `*` is not known: name the step, and leave its keys out to mean every entry");
    }

    #[test]
    fn answers_hold_what_was_asked_for_and_what_it_is_in() {
        let answers = [
            "/ctrl:devices/ctrl:device/ctrl:name",
            "co:devices/co:device[co:name='r2']/ctrl:config/x:a/x:b | co:devices/co:device[co:name='r1']/co:port",
            "/ctrl:services/b:bench[b:service-name=\"it's\"]",
            "/ctrl:services/b:bench[b:mtu='1500']/b:mtu | /ctrl:services/b:bench",
            "/ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='830']/ctrl:config/x:a[x:c='|']/x:b[.='1']",
            "/ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='22']",
            "/devices/device",
            "/ctrl:devices/ctrl:device[name='r1']",
            "/ctrl:nothing | /u:devices",
            "/nope:devices",
            "/ctrl:devices[",
            "/ctrl:devices/ctrl:device[ctrl:name='it''s']",
        ]
        .map(|select| format!("{select}\n  = {}", answer(select, None)));
        insta::assert_snapshot!(answers.join("\n"), @r#"
        /ctrl:devices/ctrl:device/ctrl:name
          = <devices><device><name>r1</name></device><device><name>r2</name></device></devices>
        co:devices/co:device[co:name='r2']/ctrl:config/x:a/x:b | co:devices/co:device[co:name='r1']/co:port
          = <devices><device><name>r1</name><port>830</port></device><device><name>r2</name><config><a xmlns="urn:a"><b>1</b></a></config></device></devices>
        /ctrl:services/b:bench[b:service-name="it's"]
          = <services><bench xmlns="http://example.com/bench"><service-name>it's</service-name><mtu>1500</mtu></bench></services>
        /ctrl:services/b:bench[b:mtu='1500']/b:mtu | /ctrl:services/b:bench
          = <services><bench xmlns="http://example.com/bench"><service-name>s1</service-name><mtu>1500</mtu></bench><bench xmlns="http://example.com/bench"><service-name>it's</service-name><mtu>1500</mtu></bench></services>
        /ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='830']/ctrl:config/x:a[x:c='|']/x:b[.='1']
          = <devices><device><name>r1</name><config><a xmlns="urn:a"><b>1</b></a></config></device></devices>
        /ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='22']
          = 
        /devices/device
          = 
        /ctrl:devices/ctrl:device[name='r1']
          = 
        /ctrl:nothing | /u:devices
          = 
        /nope:devices
          = the prefix `nope` in the filter `/nope:devices` is not bound to a namespace
        /ctrl:devices[
          = the path `/ctrl:devices[` cannot be read at character 15: a name is missing here: a step is `name` or `prefix:name`
        /ctrl:devices/ctrl:device[ctrl:name='it''s']
          = the path `/ctrl:devices/ctrl:device[ctrl:name='it''s']` cannot be read at character 41: a predicate is one `[key='value']`: for several keys write several, as in `[a='1'][b='2']`
        "#);
    }

    #[test]
    fn the_root_is_everything_and_depth_counts_from_the_top() {
        let tree = datastore();
        let filter = XPathFilter::parse("/", &[]).unwrap();
        let keys = ListKeys::new();
        let all = prune(&tree, &filter.select(&tree), &TreeModel::new(&NoSchema, &keys), None).unwrap();
        assert_eq!(content(&all, Tree::ROOT), content(&tree, Tree::ROOT));
        assert_eq!(answer("/", Some(0)), "");
        let answers = [
            answer("/", Some(1)),
            answer("/", Some(2)),
            answer("/ctrl:devices/ctrl:device/ctrl:config", Some(2)),
            answer("/ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config", Some(3)),
            answer("/ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config", Some(4)),
        ];
        insta::assert_snapshot!(answers.join("\n"), @r#"
        <services/><devices/>
        <services><bench xmlns="http://example.com/bench"/><bench xmlns="http://example.com/bench"/></services><devices><device/><device/></devices>
        <devices><device/><device/></devices>
        <devices><device><name/><config/></device></devices>
        <devices><device><name>r1</name><config><a xmlns="urn:a"/></config></device></devices>
        "#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Asking for each node by the XPath of its pattern gives the whole tree.
        #[test]
        fn patterns_select_what_they_name(choices in choices()) {
            let (schema, keys) = (test_schema(), ListKeys::new());
            let model = TreeModel::new(&schema, &keys);
            let tree = random_tree(&schema, &choices);
            let mut prefixes = PrefixTable::new();
            let mut paths = Vec::new();
            for (node, _) in tree.descendants(Tree::ROOT).skip(1) {
                let pattern = model.pattern(&tree, node).unwrap();
                paths.push(pattern.xpath(&mut prefixes));
                let namespaces: Vec<_> = prefixes.iter().collect();
                let filter = XPathFilter::parse(paths.last().unwrap(), &namespaces).unwrap();
                prop_assert_eq!(&filter.branches, &[UnionBranch { pattern, inside: false }]);
                prop_assert_eq!(filter.select(&tree), [node]);
            }
            let namespaces: Vec<_> = prefixes.iter().collect();
            prop_assert!(namespaces.iter().all(|(_, namespace)| *namespace == TEST));
            if !paths.is_empty() {
                let selected = XPathFilter::parse(&paths.join(" | "), &namespaces).unwrap().select(&tree);
                let pruned = prune(&tree, &selected, &model, None).unwrap();
                prop_assert_eq!(meaning(&model, &pruned), meaning(&model, &tree));
                let leaves: Vec<_> =
                    selected.into_iter().filter(|&node| tree.first_child(node).is_none()).collect();
                let pruned = prune(&tree, &leaves, &model, None).unwrap();
                prop_assert_eq!(meaning(&model, &pruned), meaning(&model, &tree));
            }
        }
    }
}
