// See confine.h.

#include "confine.h"

#include <stdlib.h>
#include <string.h>

// --- strings

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (!memory) __builtin_trap();
    return memory;
}

static const char *copy(const char *text, size_t length) {
    char *out = allocate(length + 1);
    memcpy(out, text, length);
    out[length] = 0;
    return out;
}

// Converts a string of the host to one that ends with NUL. The pointer of an empty string is arbitrary.
static const char *from_host(service_string_t text) {
    return text.len ? copy((const char *)text.ptr, text.len) : "";
}

// Converts a string for an import: the host reads it during the call.
static service_string_t lend(const char *text) {
    return (service_string_t){(uint8_t *)text, strlen(text)};
}

// Converts a string for a result: the bindings free it after the host has read it.
static service_string_t give(const char *text) {
    service_string_t out;
    service_string_dup(&out, text);
    return out;
}

static const char *concatenate(const char *const *texts) {
    size_t length = 0;
    for (const char *const *text = texts; *text; text++) length += strlen(*text);
    char *out = allocate(length + 1);
    char *end = out;
    for (const char *const *text = texts; *text; text++) {
        size_t part = strlen(*text);
        memcpy(end, *text, part);
        end += part;
    }
    *end = 0;
    return out;
}

// --- errors and log

static bool fail(confine_view_t *view, const char *tag, const char *message, const char *path) {
    // Keep the first error: later ones are its consequences.
    if (!view->failed) {
        view->failed = true;
        view->error = (confine_service_types_error_t){
            .tag = give(tag),
            .message = give(message),
            .path = {.is_some = path != NULL, .val = give(path ? path : "")},
        };
    }
    return false;
}

bool confine_fail_with(confine_view_t *view, const char *const *texts) {
    return fail(view, "operation-failed", concatenate(texts), NULL);
}

// Records the result of a call of the host. Its error is passed on unchanged.
static bool outcome(confine_view_t *view, bool ok, const confine_service_types_error_t *error) {
    if (!ok && !view->failed) {
        view->failed = true;
        view->error = *error;
    }
    return ok;
}

void confine_log_with(const char *level, const char *const *texts) {
    service_string_t host_level = lend(level), message = lend(concatenate(texts));
    service_list_tuple2_string_string_t fields = {NULL, 0};
    confine_service_log_log(&host_level, &message, &fields);
}

// --- the view

bool confine_get(confine_view_t *view, const char *path, const char **value) {
    service_string_t host_path = lend(path);
    service_option_string_t found = {0};
    confine_service_tree_error_t error;
    *value = NULL;
    if (!outcome(view, confine_service_tree_method_view_get(view->host, &host_path, &found, &error), &error))
        return false;
    if (found.is_some) *value = from_host(found.val);
    return true;
}

const char *confine_require(confine_view_t *view, const char *path) {
    const char *value;
    if (confine_get(view, path, &value) && !value)
        fail(view, "data-missing", concatenate(confine_list_of("`", path, "` has no value")), path);
    return value;
}

const char *const *confine_values(confine_view_t *view, const char *path) {
    service_string_t host_path = lend(path);
    confine_service_tree_list_node_t nodes = {0};
    confine_service_tree_error_t error;
    if (!outcome(view, confine_service_tree_method_view_read(view->host, &host_path, &nodes, &error), &error))
        return NULL;
    const char **values = allocate((nodes.len + 1) * sizeof *values), **end = values;
    for (size_t i = 0; i < nodes.len; i++)
        if (nodes.ptr[i].depth == 0 && nodes.ptr[i].value.is_some)
            *end++ = from_host(nodes.ptr[i].value.val);
    *end = NULL;
    return values;
}

bool confine_exists(confine_view_t *view, const char *path, bool *found) {
    service_string_t host_path = lend(path);
    confine_service_tree_error_t error;
    *found = false;
    return outcome(view, confine_service_tree_method_view_exists(view->host, &host_path, found, &error), &error);
}

const char *const *confine_list(confine_view_t *view, const char *path) {
    service_string_t host_path = lend(path);
    confine_service_tree_list_path_t found = {0};
    confine_service_tree_error_t error;
    if (!outcome(view, confine_service_tree_method_view_find(view->host, &host_path, &found, &error), &error))
        return NULL;
    const char **paths = allocate((found.len + 1) * sizeof *paths);
    for (size_t i = 0; i < found.len; i++) paths[i] = from_host(found.ptr[i]);
    paths[found.len] = NULL;
    return paths;
}

bool confine_set(confine_view_t *view, const char *path, const char *value) {
    service_string_t host_path = lend(path), host_value = lend(value);
    confine_service_tree_error_t error;
    return outcome(
        view, confine_service_tree_method_view_set(view->host, &host_path, &host_value, &error), &error);
}

bool confine_create(confine_view_t *view, const char *path) {
    service_string_t host_path = lend(path);
    confine_service_tree_error_t error;
    return outcome(view, confine_service_tree_method_view_create(view->host, &host_path, &error), &error);
}

bool confine_remove(confine_view_t *view, const char *path) {
    service_string_t host_path = lend(path);
    confine_service_tree_error_t error;
    return outcome(view, confine_service_tree_method_view_remove(view->host, &host_path, &error), &error);
}

bool confine_edit_xml(confine_view_t *view, const char *config) {
    service_string_t host_config = lend(config);
    confine_service_tree_error_t error;
    return outcome(view, confine_service_tree_method_view_edit_xml(view->host, &host_config, &error), &error);
}

// --- paths

const char *confine_join(const char *path, const char *below) {
    if (*below == '/' || strcmp(path, ".") == 0) return below;
    if (strcmp(below, ".") == 0) return path;
    return concatenate(confine_list_of(path, path[strlen(path) - 1] == '/' ? "" : "/", below));
}

// Quotes a key's value with the quote that it does not hold. If it holds both, `'` is used and doubled inside.
static const char *quote(const char *value) {
    if (!strchr(value, '\'')) return concatenate(confine_list_of("'", value, "'"));
    if (!strchr(value, '"')) return concatenate(confine_list_of("\"", value, "\""));
    char *out = allocate(2 * strlen(value) + 3), *end = out;
    *end++ = '\'';
    for (; *value; value++) {
        if (*value == '\'') *end++ = '\'';
        *end++ = *value;
    }
    *end++ = '\'';
    *end = 0;
    return out;
}

const char *confine_path_with(const char *pattern, const char *const *values) {
    const char *out = "";
    const char *place;
    for (; (place = strstr(pattern, "{}")); pattern = place + 2) {
        if (!*values || place == pattern || place[-1] != '=' || place[2] != ']') __builtin_trap();
        out = concatenate(confine_list_of(out, copy(pattern, (size_t)(place - pattern)), quote(*values++)));
    }
    if (*values) __builtin_trap();
    return concatenate(confine_list_of(out, pattern));
}

// Reads a quoted value into `value`, and returns what follows it.
static const char *unquote(const char *text, const char **value) {
    char quote = *text++;
    char *out = allocate(strlen(text) + 1), *end = out;
    for (; *text && (*text != quote || text[1] == quote); text++) {
        if (*text == quote) text++;
        *end++ = *text;
    }
    *end = 0;
    *value = out;
    return *text ? text + 1 : text;
}

const char *confine_key(const char *path, const char *key) {
    const char *found = NULL;
    while ((path = strpbrk(path, "/["))) {
        if (*path++ == '/') {
            found = NULL;
            continue;
        }
        const char *name = path, *colon;
        path += strcspn(path, "=]");
        if (*path != '=') continue;
        if ((colon = memchr(name, ':', (size_t)(path - name)))) name = colon + 1;
        size_t length = (size_t)(path - name);
        const char *value;
        path = unquote(path + 1, &value);
        if (strlen(key) == length && memcmp(name, key, length) == 0) found = value;
    }
    return found;
}

// --- the exports

static service_list_string_t give_list(const char *const *texts) {
    service_list_string_t out = {NULL, 0};
    while (texts && texts[out.len]) out.len++;
    out.ptr = allocate(out.len * sizeof *out.ptr + 1);
    for (size_t i = 0; i < out.len; i++) out.ptr[i] = give(texts[i]);
    return out;
}

void exports_confine_service_handler_describe(exports_confine_service_handler_description_t *out) {
    service_list_string_t reads = give_list(confine_service.reads);
    service_list_string_t writes = give_list(confine_service.writes);
    // A list of pairs has the same layout in memory as a list of alternating prefixes and namespaces.
    service_list_string_t prefixes = give_list(confine_service.prefixes);
    service_list_string_t shares_with = give_list(confine_service.shares_with);
    service_tuple2_string_string_t *options = allocate((shares_with.len + 1) * sizeof *options);
    for (size_t i = 0; i < shares_with.len; i++) {
        options[i].f0 = give("shares-with");
        options[i].f1 = shares_with.ptr[i];
    }
    size_t count = shares_with.len;
    if (confine_service.commit_time) {
        options[count].f0 = give("wall-clock");
        options[count++].f1 = give("commit");
    }
    *out = (exports_confine_service_handler_description_t){
        .services = give_list(confine_service.services),
        .version = give(confine_service.version),
        .reads = {reads.ptr, reads.len},
        .writes = {writes.ptr, writes.len},
        .prefixes = {(service_tuple2_string_string_t *)prefixes.ptr, prefixes.len / 2},
        .options = {options, count},
    };
}

bool exports_confine_service_handler_apply(exports_confine_service_handler_commit_t *commit,
                                           exports_confine_service_handler_instance_t *instance,
                                           exports_confine_service_handler_own_view_t host,
                                           exports_confine_service_handler_error_t *error) {
    confine_view_t view = {
        .commit = commit,
        .instance = instance,
        .host = confine_service_tree_borrow_view(host),
    };
    bool ok = confine_apply(&view);
    confine_service_tree_view_drop_own(host);
    if (!ok) {
        confine_fail(&view, "the module failed without an error message");
        *error = view.error;
    }
    return ok;
}
