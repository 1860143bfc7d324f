"""A module of `probe` that creates nothing, with a hook that fails with what it sees."""

from confine import CommitHooks, Error, Service, template


class Handler(Service):
    services = ["p:probe"]
    version = "0.1.0"
    prefixes = {"p": "urn:example:probe", "oc-sys": "http://openconfig.net/yang/system"}

    def apply(self, commit, instance, view):
        """Creates nothing."""


class Hooks(CommitHooks):
    def pre_commit(self, commit, instance, view):
        for line in view.values("also"):
            raise Error(template("{{LINE}} {{USER}}", LINE=line, USER=commit.user))
