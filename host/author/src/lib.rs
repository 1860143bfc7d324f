//! Building and playing services: build, inspect, demo.
