import assert from "node:assert/strict";
import test from "node:test";

import { path, xml } from "./text.js";

test("path quotes every value", () => {
  assert.equal(path`/devices/device[name=${"r1"}]/user[name=${"it's"}]`, `/devices/device[name='r1']/user[name="it's"]`);
  assert.equal(path`user[name=${`7" o'clock`}]`, `user[name='7" o''clock']`);
  assert.throws(() => path`device[name='${"r1"}']`, /without quotes: they are added/);
});

test("xml escapes every value", () => {
  assert.equal(xml`<a b="${`"'`}">${"<c/>&\r"}</a>`, `<a b="&quot;&apos;">&lt;c/&gt;&amp;&#13;</a>`);
  assert.equal(xml`<mtu>${9000}</mtu>`, "<mtu>9000</mtu>");
});
