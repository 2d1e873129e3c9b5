/* Event streams: each is read to its end, its events counted, and asked for again. */
#define _GNU_SOURCE
#include <string.h>

#include "loadgen.h"

static const char PATTERN[] = "\ndata:";
enum { LENGTH = sizeof PATTERN - 1 };

static void keep_tail(Conn *c, const unsigned char *data, size_t size) {
    size_t keep = sizeof c->tail;
    if (size >= keep) {
        memcpy(c->tail, data + size - keep, keep);
        return;
    }
    memmove(c->tail, c->tail + size, keep - size);
    memcpy(c->tail + keep - size, data, size);
}

/* Counts events over any cutting of the bytes; sizes of chunks in between do no harm, because an
 * event is written in one piece. */
static int count(Conn *c, const unsigned char *data, size_t size) {
    int found = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == (unsigned char)PATTERN[c->match])
            c->match++;
        else
            c->match = data[i] == '\n';
        if (c->match == LENGTH) {
            found++;
            c->match = 0;
        }
    }
    keep_tail(c, data, size);
    return found;
}

static size_t read_head(Conn *c) {
    const char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(c->in, "HTTP/1.1 200", 12)) fail("wrong status: %.40s", (const char *)c->in);
    return (size_t)(end + 4 - (const char *)c->in);
}

static void input(Conn *c) {
    if (!c->head) {
        size_t head = read_head(c);
        if (!head) return;
        net_used(c, head);
        c->head = head;
        c->match = 1; /* the line end before the first event is the head's */
    }
    int found = count(c, c->in, c->have);
    c->have = 0;
    c->events += found;
    if (c->events > options.count) fail("too many events");
    int complete = c->events == options.count && !memcmp(c->tail, "0\r\n\r\n", 5);
    if (complete) c->head = 0;
    if (found || complete) done(c, found + complete);
}

static void ask(Conn *c) {
    c->events = 0;
    net_send(c, options.request, options.request_size);
}

static void greet(Conn *c) { opened(c); }

const Mode events_mode = {greet, ask, input};
