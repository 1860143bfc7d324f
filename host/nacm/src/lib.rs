//! RFC 8341: access control rules, and the decision for a path.
//!
//! [`Nacm`] is the configuration of the operator. [`Nacm::user_access`] selects the rules for one user,
//! [`Nacm::module_access`] those for one service module. The result is [`AccessRules`], which decides for a path.
//!
//! A rule that cannot be resolved (its path has an unknown prefix, or the module of a namespace is not known) never
//! permits anything, and denies every node that it may match.
//!
//! ```
//! use confine_nacm::{AccessOperation, NACM, Nacm};
//! use confine_tree::{NoSchema, Pattern, PatternStep, QName, Tree, xml};
//!
//! let tree = xml::parse(&format!(
//!     "<nacm xmlns='{NACM}'><groups><group><name>noc</name><user-name>alice</user-name></group></groups>
//!      <rule-list><name>noc</name><group>noc</group><rule><name>lamps</name>
//!      <path xmlns:l='urn:lamp'>/l:lamps</path><action>permit</action></rule></rule-list></nacm>"
//! ))?;
//! let (nacm, problems) = Nacm::read(&tree, tree.child(Tree::ROOT, QName::new(NACM, "nacm")).unwrap());
//! assert!(problems.is_empty());
//!
//! let (rules, _) = nacm.user_access("alice", &["noc"]);
//! let lamps = Pattern { steps: vec![PatternStep::new(QName::new("urn:lamp", "lamps"))] };
//! let decision = rules.decide(&NoSchema, &lamps, AccessOperation::Update);
//! assert!(decision.permitted);
//! assert_eq!(decision.reason.to_string(), "rule `lamps` of rule-list `noc`");
//! # Ok::<(), confine_tree::Error>(())
//! ```

mod access;
mod read;
mod rules;

pub use access::{AccessDecision, AccessRules, DecisionReason, MODULES_GROUP, module_group};
pub use read::{NACM, RuleProblem};
pub use rules::{AccessOperation, AccessOperations, Nacm, NacmModel, Rule, RuleAction, RuleList, RuleTarget};
