// Write service modules for Confine in C.
//
// A service module turns a service instance, an entry of a list under `/services`, into device
// configuration. It defines two things, `confine_service` and `confine_apply`:
//
//     #include "confine.h"
//
//     const confine_service_t confine_service = {
//         .version = "1.0.0",
//         .services = confine_list_of("banner:banner"),
//         .prefixes = confine_list_of("banner", "urn:example:banner",
//                                     "oc-sys", "http://openconfig.net/yang/system"),
//         .reads = confine_list_of("/devices/device/name"),
//         .writes = confine_list_of("/devices/device/config/oc-sys:system/config/login-banner"),
//     };
//
//     bool confine_apply(confine_view_t *view) {
//         const char *text = confine_require(view, "text");
//         const char *const *device = confine_list(view, "/devices/device");
//         if (!text || !device) return false;
//         for (; *device; device++) {
//             const char *leaf = confine_join(*device, "config/oc-sys:system/config/login-banner");
//             if (!confine_set(view, leaf, text)) return false;
//         }
//         return true;
//     }
//
// What an instance made before and does not make this time is taken away by the host: there is nothing
// to undo and nothing to delete. A function that fails keeps the error in the view; `confine_apply`
// returns false then, the whole commit fails, and its user reads the message.
//
// Strings are UTF-8 and end in NUL. Nothing that a function returns needs to be freed: each call of
// `confine_apply` has a sandbox of its own, and the memory goes with it.

#ifndef CONFINE_H
#define CONFINE_H

#include "service.h"

// Texts, with NULL after the last.
#define confine_list_of(...) ((const char *const[]){__VA_ARGS__, NULL})

// What a module is and needs. Each list ends in NULL; one that is NULL is empty.
typedef struct {
    const char *version;          // the module's own, for people
    const char *const *services;  // the lists under `/services` that it serves, each as `prefix:name`
    const char *const *prefixes;  // prefix, namespace, prefix, namespace, … of the YANG modules it names
    const char *const *reads;     // what it reads besides the instance, and no more
    const char *const *writes;    // what it writes: writes anywhere else are refused
} confine_service_t;

// The configuration tree, as the module may see it. Paths are absolute or relative to the instance.
typedef struct {
    const confine_service_types_commit_t *commit;
    const confine_service_types_instance_t *instance;
    confine_service_tree_borrow_view_t host;  // for what the functions here do not offer
    confine_service_types_error_t error;
    bool failed;
} confine_view_t;

// The module defines these two.
extern const confine_service_t confine_service;
bool confine_apply(confine_view_t *view);

// The value of a leaf, in `value`: NULL where there is none, "" for an empty leaf.
bool confine_get(confine_view_t *view, const char *path, const char **value);

// The value of a leaf that must be there. NULL after an error.
const char *confine_require(confine_view_t *view, const char *path);

// The values of all leaves or leaf-list entries that match, then NULL. NULL after an error.
const char *const *confine_values(confine_view_t *view, const char *path);

// Whether anything matches, in `found`.
bool confine_exists(confine_view_t *view, const char *path, bool *found);

// The paths of all list entries that match, with their keys, then NULL. NULL after an error.
const char *const *confine_list(confine_view_t *view, const char *path);

// Sets a leaf, and makes what is missing above it.
bool confine_set(confine_view_t *view, const char *path, const char *value);

// Makes a presence container, an empty leaf, or a list entry with its keys.
bool confine_create(confine_view_t *view, const char *path);

// Takes away every node that matches, with all below it. There need be none.
bool confine_remove(confine_view_t *view, const char *path);

// Merges a fragment of XML from the root of the tree.
bool confine_edit_xml(confine_view_t *view, const char *config);

// Fails with the texts as one message. Returns false: `return confine_fail(view, "no device ", name);`.
#define confine_fail(view, ...) confine_fail_with(view, confine_list_of(__VA_ARGS__))
bool confine_fail_with(confine_view_t *view, const char *const *texts);

// A line in the host's log, of the texts. Level is `error`, `warn`, `info`, `debug` or `trace`.
#define confine_log(level, ...) confine_log_with(level, confine_list_of(__VA_ARGS__))
void confine_log_with(const char *level, const char *const *texts);

// `below` as seen from `path`. An absolute `below` stands for itself, `.` for `path`.
const char *confine_join(const char *path, const char *below);

// `pattern` with the values for its `{}`, which it quotes: no value can change which node a path means.
// `confine_path("interface[name={}]/config", name)`. As many values as places, or it traps; a place
// stands as `[key={}]`, or it traps.
#define confine_path(pattern, ...) confine_path_with(pattern, confine_list_of(__VA_ARGS__))
const char *confine_path_with(const char *pattern, const char *const *values);

// The value that the last step of `path` gives to `key`. NULL where it gives none.
const char *confine_key(const char *path, const char *key);

#endif
