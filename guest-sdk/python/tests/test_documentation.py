"""The examples in the documentation of `clixon`."""

import doctest

from clixon import datastore_path, element, event, helpers, parser, scan, xml_text


def load_tests(_loader, tests, _pattern):
    """Adds the examples to what `unittest` runs."""
    for module in (datastore_path, element, event, helpers, parser, scan, xml_text):
        tests.addTests(doctest.DocTestSuite(module))
    return tests
