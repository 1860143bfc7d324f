// The login banner of every device.

#include "confine.h"

const confine_service_t confine_service = {
    .version = "0.1.0",
    .services = confine_list_of("banner:banner"),
    .prefixes = confine_list_of("banner", "urn:example:banner",
                                "oc-sys", "http://openconfig.net/yang/system"),
    .reads = confine_list_of("/devices/device/name"),
    .writes = confine_list_of("/devices/device/config/oc-sys:system/config/login-banner"),
};

bool confine_apply(confine_view_t *view) {
    const char *text = confine_require(view, "text");
    const char *const *device = confine_list(view, "/devices/device");
    if (!text || !device) return false;
    for (; *device; device++) {
        const char *leaf = confine_join(*device, "config/oc-sys:system/config/login-banner");
        if (!confine_set(view, leaf, text)) return false;
    }
    return true;
}
