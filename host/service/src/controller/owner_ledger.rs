//! What each instance has created, as far as this host knows, in a file that outlives the daemon.
//!
//! Each line is a record in JSON: an instance and what it has created. A later record replaces an earlier one of the same
//! instance. The file is written anew when most of it is replaced. Memory has one hash of each record.

use std::{
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use confine_tree::{HashMap, Pattern, PatternStep, QName};
use confine_view::{CreatedObject, InstanceRef};
use serde::{Deserialize, Serialize};

use crate::modules::membership::SERVICES;

/// The bytes of replaced records that are kept in any case.
const FEW: u64 = 1 << 20;

/// The most bytes of records that are written together.
const TOGETHER: usize = 256 << 10;

/// The most bytes that are read of the file.
const LONGEST: u64 = 1 << 30;

/// The file and what is known of it.
#[derive(Debug)]
pub(crate) struct OwnerLedger {
    path: PathBuf,
    file: File,
    records: HashMap<InstanceRef, KnownRecord>,
    end: u64,
    replaced: u64,
    /// Records at the end that are not in the file yet.
    unwritten: Vec<u8>,
}

/// Where the record of an instance is.
#[derive(Clone, Copy, Debug)]
struct KnownRecord {
    hash: u64,
    at: u64,
    length: u64,
}

/// The first line of the file.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    /// The socket of the controller that the records are about.
    controller: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    namespace: String,
    list: String,
    keys: Vec<(String, Option<String>)>,
    created: Vec<String>,
    /// What of it the instance left when it was deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<String>,
    /// What of it a device may have refused to remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

/// An object that an instance has created, as far as is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordedObject {
    pub(crate) object: CreatedObject,
    /// Whether the instance was found to be deleted when the object was still there. One of the same name that is made later
    /// does not own it.
    pub(crate) is_left: bool,
    /// Whether a commit that removed the object has failed, perhaps after `running` had changed: its device may still have it,
    /// and a pull brings it back.
    pub(crate) is_refused: bool,
}

impl From<CreatedObject> for RecordedObject {
    fn from(object: CreatedObject) -> Self {
        Self { object, is_left: false, is_refused: false }
    }
}

impl Record {
    fn new(instance: &InstanceRef, created: &[RecordedObject]) -> Option<Self> {
        let entry = instance.path().steps.last()?;
        Some(Self {
            namespace: entry.namespace.to_string(),
            list: entry.local.to_string(),
            keys: entry.keys.iter().map(|(key, value)| (key.to_string(), value.clone())).collect(),
            created: texts(created, |object| !object.is_left && !object.is_refused),
            left: texts(created, |object| object.is_left && !object.is_refused),
            refused: texts(created, |object| object.is_refused),
        })
    }

    fn instance(&self) -> InstanceRef {
        let mut entry = PatternStep::new(QName::new(&self.namespace, &self.list));
        entry.keys.extend(self.keys.iter().map(|(key, value)| (key.as_str().into(), value.clone())));
        InstanceRef::new(Pattern { steps: vec![PatternStep::new(SERVICES), entry] })
    }

    fn created(&self) -> Vec<RecordedObject> {
        let object = |record: &String, is_left, is_refused| RecordedObject {
            object: CreatedObject::from_record(record),
            is_left,
            is_refused,
        };
        let created = self.created.iter().map(|record| object(record, false, false));
        let left = self.left.iter().map(|record| object(record, true, false));
        let refused = self.refused.iter().map(|record| object(record, false, true));
        created.chain(left).chain(refused).collect()
    }
}

fn texts(objects: &[RecordedObject], which: impl Fn(&RecordedObject) -> bool) -> Vec<String> {
    objects.iter().filter(|object| which(object)).map(|object| object.object.record()).collect()
}

/// Returns the name of the file for the controller at a socket.
pub(crate) fn file_name(controller: &str) -> String {
    format!("owners-{}.jsonl", controller.replace('%', "%25").replace('/', "%2F"))
}

/// Returns a number for what an instance has created, whatever the order and whether or not namespaces are known.
fn hash_of(created: &[RecordedObject]) -> u64 {
    let hash = |recorded: &RecordedObject| {
        let mut hasher = DefaultHasher::new();
        (&recorded.object.path, recorded.is_left, recorded.is_refused).hash(&mut hasher);
        hasher.finish()
    };
    created.iter().map(hash).fold(created.len() as u64, u64::wrapping_add)
}

impl OwnerLedger {
    /// Opens the file, or creates it. Lines that cannot be read are dropped, and all if they are about another controller.
    pub(crate) fn open(path: &Path, controller: &str) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut ledger = Self {
            path: path.to_owned(),
            file,
            records: HashMap::default(),
            end: 0,
            replaced: 0,
            unwritten: Vec::new(),
        };
        if !ledger.load(controller)? {
            ledger.write_anew(controller)?;
        }
        Ok(ledger)
    }

    /// Reads the file. Returns whether its records are about this controller and it can be appended to.
    fn load(&mut self, controller: &str) -> io::Result<bool> {
        let mut lines = BufReader::new(self.file.try_clone()?.take(LONGEST));
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line)? as u64;
            let is_whole = line.last() == Some(&b'\n');
            let at = self.end;
            if at == 0 {
                let header = serde_json::from_slice::<Header>(&line).ok().filter(|_| is_whole);
                if header.is_none_or(|header| header.controller != controller) {
                    return Ok(false);
                }
                self.end = length;
                continue;
            }
            match serde_json::from_slice::<Record>(&line) {
                Ok(record) if is_whole => self.note(&record.instance(), &record.created(), at, length),
                _ if length == 0 => return Ok(true),
                // The daemon or the machine died while it was written.
                _ => self.replaced += length,
            }
            self.end = at + length;
            if !is_whole {
                return Ok(false);
            }
        }
    }

    fn note(&mut self, instance: &InstanceRef, created: &[RecordedObject], at: u64, length: u64) {
        let before = match created {
            [] => {
                self.replaced += length;
                self.records.remove(instance)
            }
            _ => {
                let record = KnownRecord { hash: hash_of(created), at, length };
                self.records.insert(instance.clone(), record)
            }
        };
        self.replaced += before.map_or(0, |before| before.length);
    }

    /// Returns the instances of which there is a record.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &InstanceRef> {
        self.records.keys()
    }

    /// Returns whether the record of an instance has these objects.
    pub(crate) fn is_recorded(&self, instance: &InstanceRef, created: &[RecordedObject]) -> bool {
        match self.records.get(instance) {
            Some(record) => record.hash == hash_of(created),
            None => created.is_empty(),
        }
    }

    /// Returns what an instance has created according to its record.
    pub(crate) fn created(&self, instance: &InstanceRef) -> io::Result<Vec<RecordedObject>> {
        let Some(known) = self.records.get(instance) else { return Ok(Vec::new()) };
        let written = self.end - self.unwritten.len() as u64;
        if let Some(from) = known.at.checked_sub(written) {
            let line = self.unwritten.get(from as usize..(from + known.length) as usize);
            return Ok(serde_json::from_slice::<Record>(line.unwrap_or_default())?.created());
        }
        let mut file = &self.file;
        file.seek(SeekFrom::Start(known.at))?;
        let mut line = Vec::new();
        file.take(known.length).read_to_end(&mut line)?;
        Ok(serde_json::from_slice::<Record>(&line)?.created())
    }

    /// Writes records that are not in the file yet.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.unwritten.is_empty() {
            (&self.file).write_all(&self.unwritten)?;
            // One instance may have made very much: its memory is given back.
            self.unwritten = Vec::new();
        }
        Ok(())
    }

    /// Records what an instance has created, unless that is recorded already. [`flush`](Self::flush) writes it, with others: a write
    /// for each takes as long as all else.
    pub(crate) fn record(&mut self, instance: &InstanceRef, created: &[RecordedObject]) -> io::Result<()> {
        if self.is_recorded(instance, created) {
            return Ok(());
        }
        let Some(record) = Record::new(instance, created) else { return Ok(()) };
        let before = self.unwritten.len();
        serde_json::to_writer(&mut self.unwritten, &record)?;
        self.unwritten.push(b'\n');
        let (at, length) = (self.end, (self.unwritten.len() - before) as u64);
        self.end += length;
        if self.unwritten.len() > TOGETHER {
            self.flush()?;
        }
        self.note(instance, created, at, length);
        if self.replaced > FEW && self.replaced > self.end / 2 {
            self.flush()?;
            let mut first = String::new();
            (&self.file).seek(SeekFrom::Start(0))?;
            BufReader::new(&self.file).read_line(&mut first)?;
            let header: Header = serde_json::from_str(&first)?;
            self.write_anew(&header.controller)?;
        }
        Ok(())
    }

    /// Writes the records that count into a new file.
    fn write_anew(&mut self, controller: &str) -> io::Result<()> {
        let aside = self.path.with_extension("new");
        let mut records: Vec<(InstanceRef, KnownRecord)> =
            self.records.iter().map(|(instance, record)| (instance.clone(), *record)).collect();
        records.sort_by_key(|(_, record)| record.at);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        let mut new = BufWriter::new(file);
        let mut header = serde_json::to_vec(&Header { controller: controller.to_owned() })?;
        header.push(b'\n');
        new.write_all(&header)?;
        let mut end = header.len() as u64;
        for (_, record) in &mut records {
            let mut file = &self.file;
            file.seek(SeekFrom::Start(record.at))?;
            io::copy(&mut file.take(record.length), &mut new)?;
            record.at = end;
            end += record.length;
        }
        new.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&aside, &self.path)?;
        self.file = OpenOptions::new().read(true).append(true).open(&self.path)?;
        (self.records, self.end, self.replaced) = (records.into_iter().collect(), end, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(name: &str) -> InstanceRef {
        let record = Record {
            namespace: "urn:x".into(),
            list: "l".into(),
            keys: vec![("name".into(), Some(name.into()))],
            created: Vec::new(),
            left: Vec::new(),
            refused: Vec::new(),
        };
        record.instance()
    }

    fn objects(names: &[&str]) -> Vec<RecordedObject> {
        let object = |name: &&str| {
            RecordedObject::from(CreatedObject::from_record(&format!(
                "/devices/device[name=\"r1\"]/config/x[k=\"{name}\"]"
            )))
        };
        names.iter().map(object).collect()
    }

    fn record_now(ledger: &mut OwnerLedger, instance: &InstanceRef, created: &[RecordedObject]) {
        ledger.record(instance, created).unwrap();
        ledger.flush().unwrap();
    }

    #[test]
    fn ledger_has_the_last_record_of_each_instance() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("owners");
        let (a, b) = (instance("a"), instance("b\n'\""));
        let mut ledger = OwnerLedger::open(&path, "/s").unwrap();
        record_now(&mut ledger, &a, &objects(&["1"]));
        record_now(&mut ledger, &b, &objects(&["2", "3"]));
        record_now(&mut ledger, &a, &objects(&["4"]));
        let length = fs::metadata(&path).unwrap().len();
        record_now(&mut ledger, &b, &objects(&["3", "2"]));
        assert_eq!(fs::metadata(&path).unwrap().len(), length);
        for ledger in [&ledger, &OwnerLedger::open(&path, "/s").unwrap()] {
            assert_eq!(ledger.created(&a).unwrap(), objects(&["4"]));
            assert_eq!(ledger.created(&b).unwrap(), objects(&["2", "3"]));
        }
        let mut left = objects(&["2", "3"]);
        left[0].is_left = true;
        left[1].is_refused = true;
        record_now(&mut ledger, &b, &left);
        assert_eq!(OwnerLedger::open(&path, "/s").unwrap().created(&b).unwrap(), left);
        record_now(&mut ledger, &a, &[]);
        let ledger = OwnerLedger::open(&path, "/s").unwrap();
        assert_eq!(ledger.instances().collect::<Vec<_>>(), [&b]);
        // What is known of another controller does not count.
        assert_eq!(OwnerLedger::open(&path, "/t").unwrap().instances().count(), 0);
        assert_eq!(OwnerLedger::open(&path, "/s").unwrap().instances().count(), 0);
    }

    #[test]
    fn ledger_knows_records_that_are_not_written_yet() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("owners");
        let (a, b) = (instance("a"), instance("b"));
        let mut ledger = OwnerLedger::open(&path, "/s").unwrap();
        record_now(&mut ledger, &a, &objects(&["1"]));
        ledger.record(&b, &objects(&["2"])).unwrap();
        ledger.record(&a, &objects(&["3", "4"])).unwrap();
        assert_eq!(OwnerLedger::open(&path, "/s").unwrap().created(&a).unwrap(), objects(&["1"]));
        for _ in 0..2 {
            assert_eq!(ledger.created(&a).unwrap(), objects(&["3", "4"]));
            assert_eq!(ledger.created(&b).unwrap(), objects(&["2"]));
            ledger.flush().unwrap();
        }
        assert_eq!(OwnerLedger::open(&path, "/s").unwrap().created(&a).unwrap(), objects(&["3", "4"]));
    }

    #[test]
    fn torn_line_loses_no_other_record() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("owners");
        record_now(&mut OwnerLedger::open(&path, "/s").unwrap(), &instance("a"), &objects(&["1"]));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"namespace\":\"urn").unwrap();
        let mut ledger = OwnerLedger::open(&path, "/s").unwrap();
        record_now(&mut ledger, &instance("b"), &objects(&["2"]));
        let ledger = OwnerLedger::open(&path, "/s").unwrap();
        assert_eq!(ledger.created(&instance("a")).unwrap(), objects(&["1"]));
        assert_eq!(ledger.created(&instance("b")).unwrap(), objects(&["2"]));
    }

    #[test]
    fn file_is_written_anew_when_most_of_it_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("owners");
        let mut ledger = OwnerLedger::open(&path, "/s").unwrap();
        record_now(&mut ledger, &instance("kept"), &objects(&["k"]));
        let long = "x".repeat(10_000);
        for n in 0..300 {
            record_now(&mut ledger, &instance("a"), &objects(&[&format!("{long}{n}")]));
        }
        assert!(fs::metadata(&path).unwrap().len() < 2 * FEW);
        let ledger = OwnerLedger::open(&path, "/s").unwrap();
        assert_eq!(ledger.created(&instance("kept")).unwrap(), objects(&["k"]));
        assert_eq!(ledger.created(&instance("a")).unwrap(), objects(&[&format!("{long}299")]));
    }
}
