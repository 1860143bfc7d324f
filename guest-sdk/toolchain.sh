# Functions that the build scripts of the languages share. A script sources this file from its own directory.
#
# A build script takes the directory of a service (default: the example `banner`), writes the component to the
# language's target/ and prints its path on standard output. Everything else goes to standard error. The script
# installs what it needs beside itself, in directories that git ignores. Exit status: 0 the component was built;
# 69 (EX_UNAVAILABLE in sysexits.h) a tool is missing and could not be installed, standard error names it; any
# other status: the build failed.

exec 3>&1 1>&2

# missing WHAT: ends the build with status 69.
missing() {
    echo "missing: $1"
    exit 69
}

# need COMMAND WHAT: ends the build if COMMAND is not installed.
need() {
    command -v "$1" >/dev/null || missing "$2"
}

# lock: allows one build at a time, because builds share the installed tools.
lock() {
    mkdir -p target
    if command -v flock >/dev/null; then
        exec 9>target/.lock
        flock 9
    fi
}

# python_tools: installs requirements.txt into target/venv, again whenever the file changes.
python_tools() {
    need python3 "python3 with its module venv"
    if ! cmp -s requirements.txt target/venv/requirements.txt; then
        rm -rf target/venv
        python3 -m venv target/venv || missing "python3's module venv (on Debian: python3-venv)"
        target/venv/bin/python -m pip install --quiet --disable-pip-version-check \
            --only-binary :all: --requirement requirements.txt ||
            missing "$(tr '\n' ' ' <requirements.txt)from PyPI"
        cp requirements.txt target/venv/
    fi
}

# built FILE: prints the path of the component.
built() {
    echo "$PWD/$1" >&3
}
