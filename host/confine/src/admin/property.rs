//! What holds of any bytes in the place of a request.

use super::http::{self, BODY};

/// What is no request is refused in words without what a terminal obeys; what is one is bounded.
///
/// # Panics
/// Where it is otherwise. For fuzz targets and tests.
#[allow(clippy::expect_used, reason = "as it says")]
pub fn any_request(octets: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut stream = octets;
    match runtime.block_on(http::receive(&mut stream)) {
        Ok(None) => assert!(octets.is_empty()),
        Ok(Some(request)) => {
            assert!(request.body.len() <= BODY);
            let words = request.method + &request.path;
            assert!(!words.contains(|c: char| c.is_whitespace() || c.is_control()), "{words:?}");
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.contains(char::is_control), "{told:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn requests_come_of_any_bytes_or_an_error_does() {
        confine_properties::try_out("http", super::any_request);
    }
}
