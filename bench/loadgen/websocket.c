/* WebSocket messages: each connection's own come back, or one is sent to all. */
#define _GNU_SOURCE
#include <string.h>

#include "loadgen.h"

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, LIMIT = 60000 };

static unsigned char frame[LIMIT + 8], payload[LIMIT];
static size_t frame_size;

/* A masked text frame, made once: the same bytes for every message. */
static void make_frame(void) {
    const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char *p = frame;
    int size = options.message;
    if (size > LIMIT) fail("the message is too long");
    *p++ = 0x80 | TEXT;
    if (size < 126) {
        *p++ = (unsigned char)(0x80 | size);
    } else {
        *p++ = 0x80 | 126;
        *p++ = (unsigned char)(size >> 8);
        *p++ = (unsigned char)size;
    }
    memcpy(p, mask, 4);
    p += 4;
    for (int i = 0; i < size; i++) {
        payload[i] = (unsigned char)('a' + i % 26);
        *p++ = payload[i] ^ mask[i % 4];
    }
    frame_size = (size_t)(p - frame);
}

static void check(const unsigned char *head, const unsigned char *data, size_t size) {
    if (head[0] != (0x80 | TEXT)) fail("not a whole text message: first byte %#x", head[0]);
    if (size != (size_t)options.message || memcmp(data, payload, size)) fail("wrong message");
}

/* The number of messages at the start of `in`, which are taken out of it. */
static int messages(Conn *c) {
    size_t at = 0;
    int count = 0;
    while (c->have - at >= 2) {
        const unsigned char *p = c->in + at;
        size_t size = p[1], head = 2;
        if (size == 126) {
            if (c->have - at < 4) break;
            size = (size_t)p[2] << 8 | p[3];
            head = 4;
        } else if (size > 126) {
            fail("a frame that is masked or too long");
        }
        if (c->have - at < head + size) break;
        if ((p[0] & 15) != PING) {
            check(p, p + head, size);
            count++;
        }
        at += head + size;
    }
    net_used(c, at);
    return count;
}

static void upgraded(Conn *c) {
    const char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    if (!end) return;
    if (memcmp(c->in, "HTTP/1.1 101", 12)) fail("not upgraded: %.40s", (const char *)c->in);
    net_used(c, (size_t)(end + 4 - (const char *)c->in));
    opened(c);
}

static void input(Conn *c) {
    if (!c->open)
        upgraded(c);
    else
        done(c, messages(c));
}

static void greet(Conn *c) {
    if (!frame_size) make_frame();
    net_send(c, options.request, options.request_size);
}

static void ask(Conn *c) { net_send(c, frame, frame_size); }

/* The first connection alone speaks; main.c waits until everybody has heard it. */
static void tell(Conn *c) {
    if (c == conns) net_send(c, frame, frame_size);
}

const Mode echo_mode = {greet, ask, input};
const Mode broadcast_mode = {greet, tell, input};
