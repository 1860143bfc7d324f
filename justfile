# Play a commit, a dry run, a change, a deletion, and what is said of modules that fail, on the embedded controller
demo:
    cargo demo

# Pass the tests
test:
    cargo verify

# Check formatting, lints and dependencies
lint:
    cargo fmt --all --check && cargo lint && cargo deny check bans licenses sources

# Measure
bench:
    cargo bench --workspace

# Measure how late commits are answered whose modules never end by themselves
late:
    cargo test -p confine --test hostile -- --bench

# Fuzz one target for a minute: framing, message, xml, path, edit-xml, yang, settings, http
fuzz target:
    mkdir -p tests/fuzz/target/found/{{target}}
    cd tests/fuzz && cargo +nightly fuzz run {{ if target =~ "^(http|settings)$" { "--features program" } else { "" } }} {{target}} target/found/{{target}} corpus/{{target}} -- -max_total_time=60

# Build the Debian package, and try it in a Debian system of its own (needs cargo-deb, debootstrap and root)
deb:
    packaging/build-deb
    packaging/try-deb target/debian/confine_*.deb "$(mktemp -d)"

# All that a submission must pass
ci:
    .ci/run
