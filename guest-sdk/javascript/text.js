// Paths and XML that contain values.

import { ConfineError } from "./error.js";

/**
 * Returns a path with the values in quotes, so that no value can change which node the path selects. A
 * value may be the value of a key, and nothing else.
 *
 *     path`/devices/device[name=${name}]/config`
 */
export function path(strings, ...values) {
  return strings.reduce((before, after, i) => {
    if (!before.endsWith("=") || !after.startsWith("]")) {
      throw new ConfineError("write a value in a path as [key=${value}], without quotes: they are added");
    }
    return before + quote(String(values[i - 1])) + after;
  });
}

/**
 * Returns XML with the values escaped, so that no value can become markup. For `View.editXml`.
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

// An XML parser converts a carriage return to a line feed, unless it is a character reference.
const ESCAPES = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&apos;", "\r": "&#13;" };

function escape(value) {
  return value.replace(/[<>&"'\r]/g, (character) => ESCAPES[character]);
}
