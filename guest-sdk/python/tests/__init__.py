"""Tests of `clixon` and of what compiles its modules: `python3 -m unittest discover -s tests -t .`"""
