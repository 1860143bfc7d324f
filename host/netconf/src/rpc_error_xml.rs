//! Reads and writes the element `rpc-error`.

use crate::{
    Error, ErrorSeverity, ErrorType, Payload, RpcError, XmlElement, XmlWriter, replace_invalid_characters,
};

impl RpcError {
    pub(crate) fn read(element: &XmlElement<'_>) -> Result<Self, Error> {
        let mut error = Self::default();
        for field in element.children() {
            let field = field?;
            match field.name() {
                "error-type" => error.error_type = ErrorType::parse(field.text()?.trim()).unwrap_or_default(),
                "error-tag" => error.tag = field.text()?.trim().to_owned(),
                "error-severity" => {
                    error.severity = ErrorSeverity::parse(field.text()?.trim()).unwrap_or_default()
                }
                "error-app-tag" => error.app_tag = Some(field.text()?.trim().to_owned()),
                "error-path" => error.path = Some(field.text()?.trim().to_owned()),
                "error-message" => error.message = Some(field.text()?),
                "error-info" => error.info = info(field.content())?,
                _ => {}
            }
        }
        Ok(error)
    }

    /// Writes the element. Characters that XML does not allow are replaced, so that an error can always be sent.
    pub(crate) fn write(&self, xml: &mut XmlWriter) -> Result<(), Error> {
        let leaf = |xml: &mut XmlWriter, name: &str, text: &str| {
            xml.leaf(name, &[], &replace_invalid_characters(text))
        };
        let optional = |xml: &mut XmlWriter, name: &str, text: &Option<String>| match text {
            Some(text) => leaf(xml, name, text),
            None => Ok(()),
        };
        xml.element("rpc-error", &[], |xml| {
            leaf(xml, "error-type", self.error_type.as_str())?;
            leaf(xml, "error-tag", &self.tag)?;
            leaf(xml, "error-severity", self.severity.as_str())?;
            optional(xml, "error-app-tag", &self.app_tag)?;
            optional(xml, "error-path", &self.path)?;
            optional(xml, "error-message", &self.message)?;
            if self.info.is_empty() {
                return Ok(());
            }
            xml.element("error-info", &[], |xml| {
                self.info.iter().try_for_each(|(name, text)| leaf(xml, name, text))
            })
        })
    }
}

fn info(content: &Payload<'_>) -> Result<Vec<(String, String)>, Error> {
    let field = |element: XmlElement<'_>| {
        let text = element.text().unwrap_or_else(|_| element.content().as_str().to_owned());
        (element.name().to_owned(), text)
    };
    content.children().map(|element| element.map(field)).collect()
}
