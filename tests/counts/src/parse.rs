//! Reading a reply of the controller into a tree: framing, envelope, configuration.

use std::{fmt::Write as _, fs, hint::black_box, time::Duration};

use confine_backend::config_tree;
use confine_netconf::{FrameDecoder, IncomingMessage, encode};
use confine_tree::Tree;
use quick_xml::events::Event;

/// Octets that are read from the socket at once.
const READ_SIZE: usize = 64 * 1024;

/// How often times are measured. The least of them counts: whatever else the machine does only adds to it.
const ROUNDS: usize = 5;

/// How often the reply is read in each round: the kernel counts processor time in steps of milliseconds.
const READINGS: u32 = 5;

const BEFORE: &str = r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="7"><data><devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><interfaces xmlns="http://openconfig.net/yang/interfaces">"#;

const AFTER: &str = "</interfaces></config></device></devices></data></rpc-reply>";

/// Reads the interfaces of a device with so many of them, and returns the nodes.
pub(crate) fn run(interfaces: usize) -> usize {
    read(&encode(reply(interfaces).as_bytes()).unwrap()).len()
}

/// Only makes the reply that [`run`] reads. Returns its bytes.
pub(crate) fn make(interfaces: usize) -> usize {
    encode(reply(interfaces).as_bytes()).unwrap().len()
}

/// Reads the same with nothing but `quick_xml`, and returns what it reads.
pub(crate) fn run_quick_xml(interfaces: usize) -> usize {
    let framed = encode(reply(interfaces).as_bytes()).unwrap();
    let start = framed.iter().position(|&octet| octet == b'<').unwrap();
    events(&framed[start..framed.len() - "\n##\n".len()])
}

/// Compares the time that reading takes with that of `quick_xml`, and the memory that it takes with the size of the reply.
pub(crate) fn compare(interfaces: usize) -> String {
    let bytes = BEFORE.len() + AFTER.len() + (0..interfaces).map(|n| interface(n).len()).sum::<usize>();
    let before = status("VmRSS");
    // The reply as a whole is never there, but for what is measured.
    let mut decoder = FrameDecoder::new();
    decoder.push(format!("\n#{bytes}\n").as_bytes());
    decoder.push(BEFORE.as_bytes());
    let mut octets = String::new();
    for number in 0..interfaces {
        octets += &interface(number);
        if octets.len() > READ_SIZE || number + 1 == interfaces {
            decoder.push(octets.as_bytes());
            octets.clear();
        }
    }
    decoder.push(AFTER.as_bytes());
    decoder.push(b"\n##\n");
    let tree = parse(&mut decoder);
    let peak = status("VmHWM") - before;
    let nodes = tree.len();
    drop(tree);

    let text = reply(interfaces);
    let framed = encode(text.as_bytes()).unwrap();
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        theirs = theirs.min(timed(|| _ = black_box(events(text.as_bytes()))));
        ours = ours.min(timed(|| _ = black_box(read(&framed))));
    }
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let memory = peak as f64 / bytes as f64;
    format!(
        "{bytes} bytes, {nodes} nodes: {ours:.1?} of processor time, {ratio:.2} times the {theirs:.1?} of quick_xml; at \
         most {peak} bytes of memory, {memory:.2} for each byte"
    )
}

fn reply(interfaces: usize) -> String {
    let mut reply = String::from(BEFORE);
    reply.extend((0..interfaces).map(interface));
    reply + AFTER
}

fn interface(number: usize) -> String {
    let mut text = String::new();
    write!(
        text,
        r#"<interface><name>ge-0/0/{number}</name><config><name>ge-0/0/{number}</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><mtu>9000</mtu><description>to site {number} &amp; back</description><enabled>true</enabled></config></interface>"#
    )
    .unwrap();
    text
}

fn read(framed: &[u8]) -> Tree {
    let mut decoder = FrameDecoder::new();
    framed.chunks(READ_SIZE).for_each(|octets| decoder.push(octets));
    parse(&mut decoder)
}

fn parse(decoder: &mut FrameDecoder) -> Tree {
    let message = decoder.next().unwrap().unwrap();
    let IncomingMessage::Reply(reply) = IncomingMessage::parse(message).unwrap() else {
        panic!("not a reply")
    };
    config_tree(&reply.into_body().unwrap().into_data().unwrap()).unwrap()
}

fn events(text: &[u8]) -> usize {
    let mut reader = quick_xml::Reader::from_str(str::from_utf8(text).unwrap());
    let mut count = 0;
    while !matches!(black_box(reader.read_event().unwrap()), Event::Eof) {
        count += 1;
    }
    count
}

/// Returns the processor time that one reading takes.
fn timed(mut reading: impl FnMut()) -> Duration {
    let used = || {
        let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(statistics.split_whitespace().next().unwrap().parse().unwrap())
    };
    let before = used();
    (0..READINGS).for_each(|_| reading());
    (used() - before) / READINGS
}

/// Returns an amount of memory of this process in bytes.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
