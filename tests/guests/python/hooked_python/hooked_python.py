"""Serves `probe` with nothing, and has a hook that says what it sees."""

from confine import CommitHooks, Error, Service, template


class Handler(Service):
    services = ["p:probe"]
    version = "0.1.0"
    prefixes = {"p": "urn:example:probe", "oc-sys": "http://openconfig.net/yang/system"}

    def apply(self, commit, instance, view):
        """What an instance says is nothing that this one does."""


class Hooks(CommitHooks):
    def pre_commit(self, commit, instance, view):
        for line in view.values("also"):
            raise Error(template("{{LINE}} {{USER}}", LINE=line, USER=commit.user))
