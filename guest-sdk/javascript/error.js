/** An error that fails the commit. `tag` is an error-tag of RFC 6241, `path` the node that the error is about. */
export class ConfineError extends Error {
  constructor(message, { tag = "operation-failed", path = null } = {}) {
    super(message);
    this.name = "ConfineError";
    this.tag = tag;
    this.path = path;
  }
}
