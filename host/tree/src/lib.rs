//! The configuration tree: names, paths, nodes, overlay, merge, diff, XML in and out.
