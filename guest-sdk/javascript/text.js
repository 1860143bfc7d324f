// Paths and XML with values in them.

import { ConfineError } from "./error.js";

/**
 * A path with values, which it quotes: no value can change which node a path means. A value stands where
 * a key has its own and nowhere else.
 *
 *     path`/devices/device[name=${name}]/config`
 */
export function path(strings, ...values) {
  return strings.reduce((before, after, i) => {
    if (!before.endsWith("=") || !after.startsWith("]")) {
      throw new ConfineError("a value in a path stands as [key=${value}]: its quotes come with it");
    }
    return before + quote(String(values[i - 1])) + after;
  });
}

/**
 * XML with values, which it escapes: no value can become markup. For `View.editXml`.
 *
 *     xml`<user><username>${name}</username></user>`
 */
export function xml(strings, ...values) {
  return strings.reduce((before, after, i) => before + escape(String(values[i - 1])) + after);
}

function quote(value) {
  if (!value.includes("'")) return `'${value}'`;
  return value.includes('"') ? `'${value.replaceAll("'", "''")}'` : `"${value}"`;
}

// A parser turns a carriage return into a line feed, unless it is written as a reference.
const ESCAPES = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&apos;", "\r": "&#13;" };

function escape(value) {
  return value.replace(/[<>&"'\r]/g, (character) => ESCAPES[character]);
}
