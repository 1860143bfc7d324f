// Write service modules for Confine in C.
//
// A service module turns a service instance, an entry of a list under `/services`, into device
// configuration. It defines `confine_service` and `confine_apply`:
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
// The module undoes and deletes nothing: the host removes what an instance created in an earlier commit and
// does not create in this one. A function that fails stores its error in the view. `confine_apply` then
// returns false, the whole commit fails, and the committing user reads the message.
//
// `getentropy` is secret and the same in every run of an instance: fit for a key.
//
// Strings are UTF-8 and end with NUL. Do not free what a function returns: each call of `confine_apply`
// runs in a fresh sandbox, whose memory is discarded afterwards.

#ifndef CONFINE_H
#define CONFINE_H

#include "service.h"

// A list of strings, with NULL after the last.
#define confine_list_of(...) ((const char *const[]){__VA_ARGS__, NULL})

// What a module is and needs. Each list ends with NULL; NULL is an empty list.
typedef struct {
    const char *version;          // the module's own version, for people
    const char *const *services;  // the lists under `/services` that it serves, each as `prefix:name`
    const char *const *prefixes;  // prefix, namespace, prefix, namespace, … of the YANG modules in its paths
    const char *const *reads;     // the paths that it reads besides the instance and `writes`; the host
                                  // refuses all others
    const char *const *writes;    // the paths that it writes; the host refuses all others. If empty, the
                                  // module may write, and so read, all configuration of all devices
    const char *const *shares_with;  // the lists, as in `services`, whose instances may own objects together with
                                     // those of this module; their modules must name its lists, too. An operator
                                     // may let lists share in confine.toml: `shares_with` in `[service.LIST]`
    bool commit_time;                // whether the clock shows when the commit began, the same in all its calls; if
                                     // not, it shows 2000-01-01
} confine_service_t;

// The part of the configuration tree that the module may see. Paths are absolute or relative to the instance.
typedef struct {
    const confine_service_types_commit_t *commit;
    const confine_service_types_instance_t *instance;
    confine_service_tree_borrow_view_t host;  // for functions of the contract that are not declared here
    confine_service_types_error_t error;
    bool failed;
} confine_view_t;

// The module defines these two.
extern const confine_service_t confine_service;
bool confine_apply(confine_view_t *view);

// Stores the value of a leaf in `value`, or its default if it is not set: NULL if there is neither, "" for a leaf of type `empty`.
bool confine_get(confine_view_t *view, const char *path, const char **value);

// Returns the value of a leaf that must be set or have a default. NULL after an error.
const char *confine_require(confine_view_t *view, const char *path);

// Returns the values of all leaves or leaf-list entries that match, then NULL. NULL after an error.
const char *const *confine_values(confine_view_t *view, const char *path);

// Stores in `found` whether any node matches.
bool confine_exists(confine_view_t *view, const char *path, bool *found);

// Returns the paths of all list entries that match, with their keys, then NULL. NULL after an error.
const char *const *confine_list(confine_view_t *view, const char *path);

// Sets a leaf, and creates missing nodes above it.
bool confine_set(confine_view_t *view, const char *path, const char *value);

// Creates a presence container, a leaf of type `empty`, or a list entry with its keys.
bool confine_create(confine_view_t *view, const char *path);

// Removes every node that matches, with its subtree. Succeeds if no node matches.
bool confine_remove(confine_view_t *view, const char *path);

// Merges an XML fragment that starts at the root of the tree.
bool confine_edit_xml(confine_view_t *view, const char *config);

// Fails with the strings as one message. Returns false: `return confine_fail(view, "no device ", name);`.
#define confine_fail(view, ...) confine_fail_with(view, confine_list_of(__VA_ARGS__))
bool confine_fail_with(confine_view_t *view, const char *const *texts);

// Writes the strings as one line to the host's log. The level is `error`, `warn`, `info`, `debug` or `trace`.
#define confine_log(level, ...) confine_log_with(level, confine_list_of(__VA_ARGS__))
void confine_log_with(const char *level, const char *const *texts);

// Returns `path` with the steps of `below` appended. An absolute `below` is returned unchanged; for `.`, `path` is.
const char *confine_join(const char *path, const char *below);

// Returns `pattern` with each `{}` replaced by a value in quotes, so that no value can change which node a path
// selects: `confine_path("interface[name={}]/config", name)`. Traps if a `{}` is not in the form `[key={}]`, or
// if the number of values differs from the number of `{}`.
#define confine_path(pattern, ...) confine_path_with(pattern, confine_list_of(__VA_ARGS__))
const char *confine_path_with(const char *pattern, const char *const *values);

// Returns the value of `key` in the last step of `path`. NULL if the step does not name the key.
const char *confine_key(const char *path, const char *key);

#endif
