//! Displays messages in the log: indented, bounded, and with secrets masked.

use std::fmt;

use quick_xml::{
    events::{BytesStart, Event},
    name::{Namespace, NamespaceResolver, ResolveResult},
    reader::Reader,
};

use crate::secret_names::is_secret;

/// The most bytes of a message that are shown.
const MAX_MESSAGE: usize = 64 << 10;

/// The most bytes of a value that are shown.
const MAX_VALUE: usize = 1 << 10;

/// The replacement of a secret.
const MASK: &str = "***";

/// Displays a message, one element a line. Values in nodes that have secrets according to their
/// name, or to [the models](crate::mask_in_log), are masked. That is a guess, not a guarantee. A message that is not XML is shown
/// up to the first error.
pub(crate) struct MessageDisplay<'a>(pub(crate) &'a [u8]);

impl fmt::Display for MessageDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        let mut page = DisplayPage {
            out: f,
            room: MAX_MESSAGE,
            depth: 0,
            secret: None,
            scope: NamespaceResolver::default(),
        };
        let mut reader = Reader::from_str(&text);
        match page.lay_out(&mut reader)? {
            DisplayProgress::Complete => Ok(()),
            DisplayProgress::Cut => write!(f, "\n… ({} bytes in all)", self.0.len()),
            DisplayProgress::Malformed => write!(f, "\n… (not well formed, {} bytes in all)", self.0.len()),
        }
    }
}

/// How the display of a message ended.
enum DisplayProgress {
    Complete,
    Cut,
    Malformed,
}

struct DisplayPage<'f, 'o> {
    out: &'f mut fmt::Formatter<'o>,
    /// Bytes that may still be written.
    room: usize,
    /// The number of open elements.
    depth: usize,
    /// The depth of the outermost open element with the name of a secret.
    secret: Option<usize>,
    scope: NamespaceResolver,
}

impl DisplayPage<'_, '_> {
    fn lay_out(&mut self, reader: &mut Reader<&[u8]>) -> Result<DisplayProgress, fmt::Error> {
        // The text of the last opened element, until another tag follows.
        let mut value: Option<String> = None;
        let mut is_first = true;
        loop {
            if self.room == 0 {
                return Ok(DisplayProgress::Cut);
            }
            let Ok(event) = reader.read_event() else { return Ok(DisplayProgress::Malformed) };
            match event {
                Event::Start(start) => {
                    self.text(value.take())?;
                    self.line(&mut is_first)?;
                    self.tag("<", &start, ">")?;
                    self.enter(&start);
                    value = Some(String::new());
                }
                Event::Empty(start) => {
                    self.text(value.take())?;
                    self.line(&mut is_first)?;
                    self.tag("<", &start, "/>")?;
                }
                Event::End(end) => {
                    let is_leaf = value.is_some();
                    self.text(value.take())?;
                    self.leave();
                    if !is_leaf {
                        self.line(&mut is_first)?;
                    }
                    self.put("</")?;
                    self.put(end.name().into_inner())?;
                    self.put(">")?;
                }
                Event::Text(text) => self.add(&mut value, &text),
                Event::CData(text) => self.add(&mut value, &text),
                Event::GeneralRef(reference) => self.add(&mut value, &format!("&{};", &*reference)),
                // Not part of NETCONF (RFC 6241, section 3).
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => return Ok(DisplayProgress::Complete),
            }
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>) {
        self.depth += 1;
        // A declaration that cannot be read leaves the namespace that the name has without it.
        let _ = self.scope.push(start);
        let (namespace, name) = self.scope.resolve_element(start.name());
        let namespace =
            if let ResolveResult::Bound(Namespace(namespace)) = namespace { namespace } else { "" };
        if self.secret.is_none() && is_secret(namespace, name.into_inner()) {
            self.secret = Some(self.depth);
        }
    }

    fn leave(&mut self) {
        if self.secret == Some(self.depth) {
            self.secret = None;
        }
        self.scope.pop();
        self.depth = self.depth.saturating_sub(1);
    }

    fn line(&mut self, is_first: &mut bool) -> fmt::Result {
        if !std::mem::take(is_first) && self.room > 0 {
            self.room -= 1;
            self.out.write_str("\n")?;
        }
        for _ in 0..self.depth {
            self.put("  ")?;
        }
        Ok(())
    }

    fn tag(&mut self, open: &str, start: &BytesStart<'_>, close: &str) -> fmt::Result {
        self.put(open)?;
        self.put(start.trim_ascii_end())?;
        self.put(close)
    }

    /// Appends to a value, up to the length that is shown.
    fn add(&self, value: &mut Option<String>, text: &str) {
        if let Some(value) = value
            && value.len() <= MAX_VALUE
        {
            value.push_str(text);
        }
    }

    /// Writes the value of an element. White space between elements is not a value.
    fn text(&mut self, value: Option<String>) -> fmt::Result {
        let Some(value) = value.filter(|value| !value.trim_ascii().is_empty()) else { return Ok(()) };
        if self.secret.is_some() {
            return self.put(MASK);
        }
        let shown = value.get(..value.floor_char_boundary(MAX_VALUE)).unwrap_or_default();
        self.put(shown)?;
        if shown.len() < value.len() { self.put("…") } else { Ok(()) }
    }

    /// Writes part of a line, up to the limit. Line breaks and control characters are escaped.
    fn put(&mut self, text: &str) -> fmt::Result {
        let part = text.get(..text.floor_char_boundary(self.room)).unwrap_or_default();
        self.room = if part.len() < text.len() { 0 } else { self.room - part.len() };
        part.chars().try_for_each(|character| {
            let is_plain = character == '\\' || character == '"' || character == '\'';
            if is_plain || character.escape_debug().len() == 1 {
                write!(self.out, "{character}")
            } else {
                write!(self.out, "{}", character.escape_default())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(message: &str) -> String {
        MessageDisplay(message.as_bytes()).to_string()
    }

    #[test]
    fn message_is_shown_one_element_a_line() {
        let message = "<rpc xmlns=\"urn:x\" message-id='1'><edit-config><target ><running/></target>\
             <config>\n <name>a &amp; <![CDATA[b]]></name><!-- no --><empty></empty></config></edit-config></rpc>";
        insta::assert_snapshot!(shown(message), @r#"
        <rpc xmlns="urn:x" message-id='1'>
          <edit-config>
            <target>
              <running/>
            </target>
            <config>
              <name>a &amp; b</name>
              <empty></empty>
            </config>
          </edit-config>
        </rpc>
        "#);
    }

    #[test]
    fn secrets_are_masked_in_the_log() {
        let message = "<users><user><name>kalle</name><password-hashed>$6$x</password-hashed>\
             <oc:Auth_Password xmlns:oc='o'>p</oc:Auth_Password><ssh-key>public</ssh-key></user>\
             <shared-secret><cleartext>a</cleartext><nested><value>b</value></nested></shared-secret>\
             <psk>c</psk><community>d</community><password/><after>e</after></users>";
        insta::assert_snapshot!(shown(message), @r"
        <users>
          <user>
            <name>kalle</name>
            <password-hashed>***</password-hashed>
            <oc:Auth_Password xmlns:oc='o'>***</oc:Auth_Password>
            <ssh-key>public</ssh-key>
          </user>
          <shared-secret>
            <cleartext>***</cleartext>
            <nested>
              <value>***</value>
            </nested>
          </shared-secret>
          <psk>***</psk>
          <community>***</community>
          <password/>
          <after>e</after>
        </users>
        ");
    }

    #[test]
    fn keys_of_aaa_servers_and_nodes_of_models_are_masked() {
        crate::mask_in_log([("urn:display-test", "pin"), ("urn:display-test", "vault")]);
        let message = "<config xmlns:t='urn:display-test'><radius><server><address>10.0.0.1</address><key>a</key></server></radius>\
             <tacacs><host><key><encryption>7</encryption><key>b</key></key></host></tacacs><t:pin>c</t:pin><pin>shown</pin>\
             <vault xmlns='urn:display-test'><inner><name>d</name></inner></vault><vault><name>shown</name></vault></config>";
        insta::assert_snapshot!(shown(message), @"
        <config xmlns:t='urn:display-test'>
          <radius>
            <server>
              <address>10.0.0.1</address>
              <key>***</key>
            </server>
          </radius>
          <tacacs>
            <host>
              <key>
                <encryption>***</encryption>
                <key>***</key>
              </key>
            </host>
          </tacacs>
          <t:pin>***</t:pin>
          <pin>shown</pin>
          <vault xmlns='urn:display-test'>
            <inner>
              <name>***</name>
            </inner>
          </vault>
          <vault>
            <name>shown</name>
          </vault>
        </config>
        ");
    }

    #[test]
    fn control_characters_in_values_are_escaped() {
        insta::assert_snapshot!(shown("<a><b>one\nERROR two\u{1b}[31m\u{202e}</b></a>"), @r"
        <a>
          <b>one\nERROR two\u{1b}[31m\u{202e}</b>
        </a>
        ");
    }

    #[test]
    fn long_and_malformed_messages_are_cut_with_a_note() {
        let tag = shown(&format!("<a b='{}'/>", "c".repeat(2 * MAX_MESSAGE)));
        assert!(tag.len() < MAX_MESSAGE + 100 && tag.ends_with("bytes in all)"), "{}", tag.len());
        insta::assert_snapshot!(shown("<a><b>text</a>"), @r"
        <a>
          <b>
        … (not well formed, 14 bytes in all)
        ");
        let long = shown(&format!("<a>{}</a>", "<b>value</b>".repeat(MAX_MESSAGE)));
        assert!(long.len() < MAX_MESSAGE + 100, "{}", long.len());
        insta::assert_snapshot!(long.lines().last().unwrap(), @"… (786439 bytes in all)");
        let value = shown(&format!("<a>{}</a>", "ä".repeat(MAX_MESSAGE)));
        assert_eq!(value, format!("<a>{}…</a>", "ä".repeat(MAX_VALUE / 2)));
    }

    proptest! {
        /// Any received octets are displayed without a panic and within bounds.
        #[test]
        fn any_bytes_are_shown_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[<>/a-c &;\"']{0,60}") {
            let most = 10 * 200 + 100;
            prop_assert!(MessageDisplay(&bytes).to_string().len() <= 20 * most);
            prop_assert!(shown(&text).len() <= 20 * most);
        }

        #[test]
        fn secret_value_is_never_shown(value in "[0-9]{6,12}", name in "(admin-)?(password|shared-secret|Private_Key)(-hash)?") {
            let text = shown(&format!("<x><{name}>{value}</{name}><{name}><deep>{value}</deep></{name}></x>"));
            prop_assert!(!text.contains(&value), "{text}");
        }
    }
}
