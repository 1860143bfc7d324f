# What the build scripts of the languages share. Sourced, from the language's directory.
#
# A build script takes the directory of a service (the example `banner` if none is given), puts the
# component in the language's target/ and prints its file on standard output; all else goes to standard
# error. It installs what it needs beside itself, in directories that git ignores. Exit status: 0 built;
# 69 (EX_UNAVAILABLE of sysexits.h) a tool is missing and could not be installed, standard error says which;
# anything else the build failed.

exec 3>&1 1>&2

# missing WHAT: ends the build.
missing() {
    echo "missing: $1"
    exit 69
}

# need COMMAND WHAT: ends the build unless COMMAND is there.
need() {
    command -v "$1" >/dev/null || missing "$2"
}

# One build at a time: they share what is installed.
lock() {
    mkdir -p target
    if command -v flock >/dev/null; then
        exec 9>target/.lock
        flock 9
    fi
}

# python_tools: target/venv with what requirements.txt names, installed again where that has changed.
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

# built FILE: the end of a build.
built() {
    echo "$PWD/$1" >&3
}
