//! The contract of a released version does not change: authors have compiled against it.
//!
//! `wit/versions.txt` lists each version with the digest of its contract without comments and white space. A change of the
//! contract needs a new version in the `package` line of `wit/confine-service.wit` and a new line in that file.

use std::fs;

use confine_test_support::repository;

use sha2::{Digest, Sha256};

fn wit(file: &str) -> String {
    let path = repository().join("wit").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Returns the contract's version and digest.
fn identity(contract: &str) -> (String, String) {
    let code: String = contract
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ");
    let version = code.split(['@', ';']).nth(1).expect("a package line with a version").to_owned();
    let digest = Sha256::digest(code).iter().map(|byte| format!("{byte:02x}")).collect();
    (version, digest)
}

/// Checks a contract against these versions.
fn check(contract: &str, versions: &str) -> Result<(), String> {
    let (version, digest) = identity(contract);
    let known = versions.lines().filter_map(|line| line.split_once(' ')).find(|(known, _)| *known == version);
    match known {
        Some((_, known)) if known == digest => Ok(()),
        Some(_) => Err(format!(
            "the contract changed and its version, {version}, did not: give it a new one in its `package` line"
        )),
        None => {
            Err(format!("version {version} is new: add the line `{version} {digest}` to wit/versions.txt"))
        }
    }
}

#[test]
fn contract_matches_the_digest_of_its_version() {
    check(&wit("confine-service.wit"), &wit("versions.txt")).unwrap();
}

#[test]
fn changed_contract_needs_a_new_version() {
    let contract = "package a:b@1.2.0; /// says\ninterface i { f: func(); }";
    let versions = format!("1.1.0 0\n1.2.0 {}", identity(contract).1);
    assert_eq!(check(contract, &versions), Ok(()));
    assert_eq!(check(&contract.replace("says", "says more"), &versions), Ok(()), "a comment is no change");
    assert_eq!(
        check(&contract.replace("f:", "g:"), &versions).unwrap_err(),
        "the contract changed and its version, 1.2.0, did not: give it a new one in its `package` line"
    );
    let renewed = check(&contract.replace("1.2.0", "1.3.0"), &versions).unwrap_err();
    assert!(renewed.starts_with("version 1.3.0 is new: add the line `1.3.0 "), "{renewed}");
}
