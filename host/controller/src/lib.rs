//! An embedded controller for demo, development and tests, on the same wire as the real one.
