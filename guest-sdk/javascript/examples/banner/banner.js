// The login banner of every device.

import { service } from "confine";

export const handler = service({
  services: ["banner:banner"],
  version: "0.1.0",
  prefixes: { banner: "urn:example:banner", "oc-sys": "http://openconfig.net/yang/system" },
  reads: ["/devices/device/name"],
  writes: ["/devices/device/config/oc-sys:system/config/login-banner"],

  apply(view) {
    const text = view.require("text");
    for (const device of view.list("/devices/device")) {
      device.set("config/oc-sys:system/config/login-banner", text);
    }
  },
});
