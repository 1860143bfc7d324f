//! What holds of any text in the place of the operator's file.

use std::path::Path;

use super::{ControllerFile, OperatorFile, OperatorFileError, Settings};
use crate::cli::SettingsArgs;

/// Each text is refused at a place in it, on one line and without what a terminal obeys, or it comes to settings that
/// are shown as a file that says the same.
///
/// # Panics
/// Where it is otherwise. For fuzz targets and tests.
pub fn any_settings(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let read = |text: &str| OperatorFile::parse(Path::new("confine.toml"), text);
    let file = match read(text) {
        Ok(file) => file,
        Err(error) => {
            let told = error.to_string();
            assert!(!told.contains(char::is_control), "{told:?}");
            if let OperatorFileError::Content { line, .. } = error {
                assert!((1..=1 + text.matches('\n').count()).contains(&line), "{told}");
            }
            return;
        }
    };
    // What a file alone cannot say: a socket's path may be too long.
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

/// Without the comments, which say who says it.
fn plain(shown: &str) -> String {
    shown.lines().map(|line| line.split("  # ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn settings_come_from_any_text_or_a_place_in_it() {
        confine_properties::try_out("settings", super::any_settings);
    }
}
