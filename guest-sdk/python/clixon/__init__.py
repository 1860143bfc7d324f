"""The API of the Clixon controller's Python server, for its service modules on Confine.

A module of the Python server is a file with `SERVICE` and `setup(root, log, **kwargs)`. It runs unchanged: `root` is a
tree over Confine's view that reads what the module looks at, and what the module has changed in it is written when
`setup` returns. `docs/src/modules/python-server-modules.md` is the guide.
"""
