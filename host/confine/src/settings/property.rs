//! What holds for any text as the operator's file.

use std::path::Path;

use super::{ControllerFile, OperatorFile, OperatorFileError, Settings};
use crate::cli::SettingsArgs;

/// Any text is refused with its line, in one line that a terminal can show, or gives settings that are shown as a file
/// with the same settings.
///
/// # Panics
/// If this does not hold. For fuzz targets and tests.
pub fn any_settings(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let read = |text: &str| OperatorFile::parse(Path::new("confine.toml"), text);
    let file = match read(text) {
        Ok(file) => file,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "{message:?}");
            if let OperatorFileError::Content { line, .. } = error {
                assert!((1..=1 + text.matches('\n').count()).contains(&line), "{message}");
            }
            return;
        }
    };
    // The path of a socket may be too long.
    let Ok(shown) = shown(&file) else { return };
    let again = read(&shown).map_err(|error| error.to_string());
    assert_eq!(again.map(|file| shown_plain(&file)), Ok(plain(&shown)), "{shown}");
}

fn shown(file: &OperatorFile) -> Result<String, super::SettingsError> {
    Settings::merge(&SettingsArgs::default(), |_| None, file, &ControllerFile::default())
        .map(|settings| settings.to_string())
}

fn shown_plain(file: &OperatorFile) -> String {
    shown(file).map_or_else(|error| error.to_string(), |text| plain(&text))
}

/// Without the comments, which name the origin.
fn plain(shown: &str) -> String {
    shown.lines().map(|line| line.split("  # ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_text_is_settings_or_an_error_with_its_line() {
        confine_properties::try_out("settings", super::any_settings);
    }
}
