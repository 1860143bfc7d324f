//! Each fuzz target that needs nothing but this crate, for a moment. That of the operator's file is tried out where it
//! is read.

use confine_properties::try_out;

#[test]
fn framing() {
    try_out("framing", confine_properties::framing);
}

#[test]
fn markup() {
    try_out("markup", confine_properties::markup);
}

#[test]
fn message() {
    try_out("message", confine_properties::message);
}

#[test]
fn path() {
    try_out("path", confine_properties::path);
}

#[test]
fn xml() {
    try_out("xml", confine_properties::xml);
}

#[test]
fn edit_xml() {
    try_out("edit-xml", confine_properties::edit_xml);
}

#[test]
fn yang() {
    try_out("yang", confine_properties::yang);
}
