/* Requests and answers on keep-alive connections, several requests at once if `depth` says so. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "loadgen.h"

static const char *text(const Conn *c) { return (const char *)c->in; }

/* The value of a header field in the head, which ends at `head`; NULL if it is not there. */
static const char *field(const Conn *c, const char *name) {
    size_t length = strlen(name);
    const char *line = text(c), *end = text(c) + c->head;
    while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line + length < end)
        if (line[length] == ':' && !strncasecmp(line, name, length))
            return line + length + 1 + strspn(line + length + 1, " \t");
    return NULL;
}

static int read_head(Conn *c) {
    const char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    if (!end) return 0;
    c->head = (size_t)(end - text(c)) + 4;
    if (memcmp(c->in, "HTTP/1.1 200", 12)) fail("wrong status: %.40s", text(c));
    const char *length = field(c, "content-length");
    if (length)
        c->body = strtoul(length, NULL, 10);
    else if (!field(c, "transfer-encoding"))
        fail("an answer without length");
    else
        c->body = SIZE_MAX; /* chunked */
    return 1;
}

static void check(const unsigned char *data, size_t size, size_t at) {
    if (at + size > options.expected_size || memcmp(data, options.expected + at, size))
        fail("wrong body");
}

/* The whole size of the chunked answer at the start of `in`, or 0 if it is not complete. */
static size_t chunked(const Conn *c) {
    size_t at = c->head, body = 0;
    for (;;) {
        const char *end = memmem(c->in + at, c->have - at, "\r\n", 2);
        if (!end) return 0;
        size_t size = strtoul(text(c) + at, NULL, 16);
        at = (size_t)(end - text(c)) + 2;
        if (c->have < at + size + 2) return 0;
        if (!size) {
            if (body != options.expected_size) fail("wrong length of the body");
            return at + 2;
        }
        check(c->in + at, size, body);
        at += size + 2;
        body += size;
    }
}

static size_t answer(Conn *c) {
    if (!c->head && !read_head(c)) return 0;
    if (c->body == SIZE_MAX) return chunked(c);
    if (c->have < c->head + c->body) return 0;
    if (c->body != options.expected_size) fail("wrong length of the body");
    check(c->in + c->head, c->body, 0);
    return c->head + c->body;
}

static void input(Conn *c) {
    size_t size;
    int count = 0;
    while (c->have && (size = answer(c))) {
        net_used(c, size);
        count++;
    }
    if (!count) return;
    if (!c->open)
        opened(c);
    else
        done(c, count);
}

/* Where a request has the place holder it gets the next number: no two requests are the same, and
 * what a server remembers of whole requests does not help it. */
static void number(void) {
    static const char place[] = "############";
    static unsigned char *at;
    static uint64_t next;
    if (!next++) at = memmem(options.request, options.request_size, place, sizeof place - 1);
    if (!at) return;
    uint64_t rest = next;
    for (int i = sizeof place - 2; i >= 0; i--, rest /= 10) at[i] = (unsigned char)('0' + rest % 10);
}

static void greet(Conn *c) {
    number();
    net_send(c, options.request, options.request_size / (size_t)options.depth);
}

static void ask(Conn *c) {
    number();
    net_send(c, options.request, options.request_size);
}

const Mode http_mode = {greet, ask, input};
