//! What one module sees and does: scope, ownership, edits.
