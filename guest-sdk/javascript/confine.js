/**
 * Write service modules for Confine in JavaScript.
 *
 * A service module turns a service instance, an entry of a list under `/services`, into device
 * configuration. It exports a `handler`:
 *
 *     import { service } from "confine";
 *
 *     export const handler = service({
 *       services: ["banner:banner"],
 *       version: "1.0.0",
 *       prefixes: { banner: "urn:example:banner", "oc-sys": "http://openconfig.net/yang/system" },
 *       reads: ["/devices/device/name"],
 *       writes: ["/devices/device/config/oc-sys:system/config/login-banner"],
 *
 *       apply(view) {
 *         const text = view.require("text");
 *         for (const device of view.list("/devices/device")) {
 *           device.set("config/oc-sys:system/config/login-banner", text);
 *         }
 *       },
 *     });
 *
 * The module undoes and deletes nothing: the host removes what an instance created in an earlier commit
 * and does not create in this one. An exception fails the whole commit, and the committing user reads its
 * message.
 */

import host from "confine:service/log";

import { ConfineError } from "./error.js";

export { ConfineError } from "./error.js";
export { path, xml } from "./text.js";

/**
 * Returns the `handler` that a module exports. The properties describe the service:
 *
 * - `services`: the lists under `/services` that the module serves, each as `prefix:name`. At least one.
 * - `version`: the module's own version, for people.
 * - `prefixes`: prefix and namespace of each YANG module that paths and identityref values use.
 * - `reads`: the paths that `apply` reads besides its instance and `writes`; the host refuses all others.
 * - `writes`: the paths that `apply` writes; the host refuses all others. If empty, the module may write,
 *   and so read, all configuration of all devices.
 * - `sharesWith`: the lists, as in `services`, whose instances may own objects together with those of this
 *   module; their modules must name its lists, too. An operator may let lists share in confine.toml, whatever
 *   modules say (`shares_with` in `[service.LIST]`).
 * - `commitTime`: whether `Date` shows when the commit began, the same in all its calls. If not, it shows 2000-01-01.
 * - `apply(view, instance, commit)`: creates the configuration of the instance. `crypto.getRandomValues` is secret and the
 *   same in every run of an instance: fit for a key. `Math.random` is not secret.
 */
export function service({
  services,
  version,
  prefixes,
  reads = [],
  writes = [],
  sharesWith = [],
  commitTime = false,
  apply,
}) {
  const options = sharesWith.map((list) => ["shares-with", list]);
  if (commitTime) {
    options.push(["wall-clock", "commit"]);
  }
  return {
    describe: () => ({ services, version, reads, writes, prefixes: Object.entries(prefixes), options }),
    apply(commit, instance, view) {
      try {
        apply(new View(view), instance, commit);
      } catch (error) {
        throw asHostError(error);
      }
    },
  };
}

/** Converts an exception to the contract's record `error`. */
function asHostError(error) {
  if (error instanceof ConfineError) {
    return { tag: error.tag, message: error.message, path: error.path };
  }
  if (error?.stack) {
    log("error", `${error}\n${error.stack}`);
  }
  return { tag: "operation-failed", message: String(error), path: null };
}

/**
 * A view of the configuration tree from one node.
 *
 * The view that `apply` receives is at the instance; `at` and `list` return views of other nodes. A path
 * that does not start with `/` is relative to the view's node. A method throws a `ConfineError` if the host
 * refuses the call.
 */
export class View {
  #host;

  constructor(host, path = ".") {
    this.#host = host;
    this.path = path;
  }

  /** Returns `path` as a path from the root or from the instance. */
  resolve(path) {
    if (path.startsWith("/") || this.path === ".") return path;
    return path === "." ? this.path : `${this.path.replace(/\/$/, "")}/${path}`;
  }

  #call(name, ...parameters) {
    try {
      return this.#host[name](...parameters);
    } catch (error) {
      throw error?.tag === undefined ? error : new ConfineError(error.message, error);
    }
  }

  /** Returns a view of the node at `path`, whether or not it exists. */
  at(path) {
    return new View(this.#host, this.resolve(path));
  }

  /** Returns the value of a key in the last step of the view's own path. */
  key(name) {
    const step = this.path.match(LAST_STEP)[0];
    for (const [, key, value] of step.matchAll(PREDICATE)) {
      if (value !== undefined && key.replace(/^.*:/, "") === name) {
        return value.slice(1, -1).replaceAll(value[0] + value[0], () => value[0]);
      }
    }
    throw new ConfineError(`\`${this.path}\` gives no value to key \`${name}\``, {
      tag: "missing-element",
      path: this.path,
    });
  }

  /** Returns the value of a leaf, or its default if it is not set, as a string; else null. A leaf of type `empty` has the value `""`. */
  get(path) {
    return this.#call("get", this.resolve(path));
  }

  /** Returns the value of a leaf that must be set or have a default. */
  require(path) {
    const value = this.get(path);
    if (value === null || value === undefined) {
      path = this.resolve(path);
      throw new ConfineError(`\`${path}\` has no value`, { tag: "data-missing", path });
    }
    return value;
  }

  /** Returns the values of all leaves or leaf-list entries that match, in document order. */
  values(path) {
    return this.read(path)
      .filter(({ depth, value }) => depth === 0 && typeof value === "string")
      .map(({ value }) => value);
  }

  /** Returns whether any node matches. */
  exists(path) {
    return this.#call("exists", this.resolve(path));
  }

  /** Returns views of all list entries that match, in document order, with their keys in their paths. */
  list(path) {
    return this.#call("find", this.resolve(path)).map((found) => new View(this.#host, found));
  }

  /** Returns the subtrees of all nodes that match, as `{ depth, name, namespace, value }`. */
  read(path) {
    return this.#call("read", this.resolve(path));
  }

  /** Returns the same as XML, which is several times faster. */
  readXml(path) {
    return this.#call("readXml", this.resolve(path));
  }

  /** Sets a leaf, and creates missing nodes above it. */
  set(path, value) {
    this.#call("set", this.resolve(path), String(value));
  }

  /** Creates a presence container, a leaf of type `empty`, or a list entry with its keys. */
  create(path) {
    this.#call("create", this.resolve(path));
  }

  /** Removes every node that matches, with its subtree. Succeeds if no node matches. */
  remove(path) {
    this.#call("remove", this.resolve(path));
  }

  /**
   * Makes the edits that `edits` adds, in one call of the host: all of them, or none if one fails.
   *
   *     view.batch((edits) => {
   *       for (const { id, name } of vlans) edits.set(path`vlans/vlan[vlan-id=${id}]/config/name`, name);
   *     });
   */
  batch(edits) {
    const all = [];
    const add = (operation, path, value = null) =>
      all.push({ operation, path: this.resolve(path), value, options: [] });
    edits({
      set: (path, value) => add("set", path, String(value)),
      create: (path) => add("create", path),
      remove: (path) => add("remove", path),
    });
    this.#call("edit", all);
  }

  /** Merges an XML fragment that starts at the root of the tree, whatever the view's own node. See `xml`. */
  editXml(config) {
    this.#call("editXml", config);
  }
}

/** Writes a line to the host's log. The level is `error`, `warn`, `info`, `debug` or `trace`. */
export function log(level, message, fields = {}) {
  host.log(level, message, Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

const PREDICATE = /\[([^\]='"]+)(?:=('(?:[^']|'')*'|"(?:[^"]|"")*"))?\]/g;
const LAST_STEP = new RegExp(`[^/[]*(?:${PREDICATE.source})*$`);
