# Run a guided demo against a built-in controller: commit, dry run, change, delete, failing modules
demo:
    cargo demo

# Run all tests of the host
test:
    cargo verify

# Check formatting, lints and dependencies
lint:
    cargo fmt --all --check && cargo lint && cargo deny check bans licenses sources

# Run the benchmarks
bench:
    cargo bench --workspace

# Measure commits of 1,000 and 5,000 instances beside a client that computes nothing; `--against SOCKET`: on a running controller
bench-commit *arguments:
    cargo bench -p confine-tests --bench commit -- {{arguments}}

# Count the instructions of a commit and of reading a reply, and compare them with what they were (needs valgrind)
counts:
    tests/counts/check

# Print how many steps the host's own loops take for n and for 4 n
steps:
    cargo test -p confine-view -p confine-tree -- --nocapture finishing linear cost_of 2>&1 | grep -E 'steps|visits'

# Measure how late Confine answers commits whose modules never end, how fast it answers others meanwhile, and what many objects cost
late:
    cargo test -p confine-tests --test hostile -- --bench

# Fuzz one target for a minute: framing, message, xml, path, edit-xml, yang, settings
fuzz target:
    mkdir -p tests/fuzz/target/found/{{target}}
    cd tests/fuzz && cargo +nightly fuzz run {{ if target == "settings" { "--features program" } else { "" } }} {{target}} target/found/{{target}} corpus/{{target}} -- -max_total_time=60

# Check that what the documents name exists: links, files, types, tests (needs python3)
docs:
    docs/check

# Render the book to target/book (needs mdbook)
book: docs
    mdbook build docs

# Build the Debian package and try it in a separate Debian system (needs cargo-deb, debootstrap and root)
deb:
    packaging/build-deb
    packaging/try-deb target/debian/confine_*.deb "$(mktemp -d)"

# Run all checks that a submission must pass
ci:
    .ci/run
