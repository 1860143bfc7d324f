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
 * What an instance made before and does not make this time is taken away by the host: there is nothing
 * to undo and nothing to delete. Whatever is thrown fails the whole commit, and its user reads the message.
 */

import host from "confine:service/log";

import { ConfineError } from "./error.js";

export { ConfineError } from "./error.js";
export { path, xml } from "./text.js";

/**
 * Makes the `handler` that a module exports of a service: what it needs as properties, and
 * `apply(view, instance, commit)`.
 *
 * - `services`: the lists under `/services` that the module serves, each as `prefix:name`. At least one.
 * - `version`: the module's own, for people.
 * - `prefixes`: prefix and namespace of each YANG module that paths and identityref values name.
 * - `reads`: what `apply` reads besides its instance, and no more.
 * - `writes`: what it writes: writes anywhere else are refused. Empty leaves it to the host's rules.
 */
export function service({ services, version, prefixes, reads = [], writes = [], apply }) {
  return {
    describe: () => ({ services, version, reads, writes, prefixes: Object.entries(prefixes), options: [] }),
    apply(commit, instance, view) {
      try {
        apply(new View(view), instance, commit);
      } catch (error) {
        throw asHostError(error);
      }
    },
  };
}

/** What was thrown, as the contract's record `error`. */
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
 * A place in the configuration tree, and everything at and below it.
 *
 * The one that `apply` is handed stands at the instance; `at` and `list` make others from it. Paths are
 * relative to the place, unless they begin with `/`. Each method throws a `ConfineError` where the host
 * refuses.
 */
export class View {
  #host;

  constructor(host, path = ".") {
    this.#host = host;
    this.path = path;
  }

  /** `path` as seen from the root or the instance. */
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

  /** The place at `path`. Nothing need be there. */
  at(path) {
    return new View(this.#host, this.resolve(path));
  }

  /** The value that the last step of the place's own path gives to a key. */
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

  /** The value of a leaf as a string, null where there is none. An empty leaf has the value `""`. */
  get(path) {
    return this.#call("get", this.resolve(path));
  }

  /** The value of a leaf that must be there. */
  require(path) {
    const value = this.get(path);
    if (value === null || value === undefined) {
      path = this.resolve(path);
      throw new ConfineError(`\`${path}\` has no value`, { tag: "data-missing", path });
    }
    return value;
  }

  /** The values of all leaves or leaf-list entries that match, in document order. */
  values(path) {
    return this.read(path)
      .filter(({ depth, value }) => depth === 0 && typeof value === "string")
      .map(({ value }) => value);
  }

  /** Whether anything matches. */
  exists(path) {
    return this.#call("exists", this.resolve(path));
  }

  /** The places of all list entries that match, in document order, each with its keys in its path. */
  list(path) {
    return this.#call("find", this.resolve(path)).map((found) => new View(this.#host, found));
  }

  /** The subtrees of all nodes that match, as `{ depth, name, namespace, value }`. */
  read(path) {
    return this.#call("read", this.resolve(path));
  }

  /** The same as XML, which is several times faster. */
  readXml(path) {
    return this.#call("readXml", this.resolve(path));
  }

  /** Sets a leaf, and makes what is missing above it. */
  set(path, value) {
    this.#call("set", this.resolve(path), String(value));
  }

  /** Makes a presence container, an empty leaf, or a list entry with its keys. */
  create(path) {
    this.#call("create", this.resolve(path));
  }

  /** Takes away every node that matches, with all below it. There need be none. */
  remove(path) {
    this.#call("remove", this.resolve(path));
  }

  /**
   * Makes the edits that `edits` adds, in one call of the host: all of them or, after an error, none.
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

  /** Merges a fragment of XML from the root of the tree, whatever this view's place is: see `xml`. */
  editXml(config) {
    this.#call("editXml", config);
  }
}

/** Writes a line to the host's log. Level is `error`, `warn`, `info`, `debug` or `trace`. */
export function log(level, message, fields = {}) {
  host.log(level, message, Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

const PREDICATE = /\[([^\]='"]+)(?:=('(?:[^']|'')*'|"(?:[^"]|"")*"))?\]/g;
const LAST_STEP = new RegExp(`[^/[]*(?:${PREDICATE.source})*$`);
