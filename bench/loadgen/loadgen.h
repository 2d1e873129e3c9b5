/* The load generator: one thread, one epoll, one server on the loopback interface.
 *
 * In C because it shares the machine with what it measures: a client that is slower than the server
 * measures itself. A run is
 *
 *     connect, one exchange on every connection, a warm-up, wait until nothing is under way,
 *     print "ready", read a line, load for some seconds, wait again, print the result as JSON.
 *
 * Nothing is under way when the caller reads the server's CPU clock, before the line and after the
 * result, so that the CPU time belongs to exactly the answers that are counted.
 *
 * Every answer is checked whole; the first wrong one ends the run with {"error": ...}.
 */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int fd;
    void *tls;            /* SSL, or NULL */
    unsigned char *in;    /* what was read and not used yet */
    size_t have, room;
    const unsigned char *out; /* what the socket did not take yet */
    size_t left;
    size_t head, body;    /* of the answer at the start of `in`, once its head is known */
    int open;             /* the first exchange is done */
    int waiting;          /* answers or messages still to come */
    uint64_t since;       /* when the one under way was asked, or should have been */
    long events;          /* of the event stream */
    int match;            /* characters of "\ndata:" seen at the end of what was read */
    unsigned char tail[5];
} Conn;

/* How one protocol is spoken. */
typedef struct {
    void (*greet)(Conn *); /* the first exchange: sets `open` when done, perhaps at once */
    void (*ask)(Conn *);   /* begin one exchange; the caller counts what is waited for */
    void (*input)(Conn *); /* look at `in` */
} Mode;

typedef struct {
    const char *mode;
    int port, connections, depth, sources, volley, hold, tls, message;
    double warmup, seconds, rate;
    long count; /* events of a stream */
    unsigned char *request, *expected;
    size_t request_size, expected_size;
} Options;

extern Options options;
extern Conn *conns;
extern int stopping; /* nothing new is begun: what is under way may end */
extern const Mode http_mode, echo_mode, broadcast_mode, events_mode;

/* main.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now(void);
void opened(Conn *c);
void done(Conn *c, int count); /* `count` of the things waited for have come */

/* net.c */
void net_start(void);
void net_open(Conn *c, int number);
void net_send(Conn *c, const void *data, size_t size);
void net_used(Conn *c, size_t size); /* forget the first bytes of `in` */
int net_poll(int milliseconds, const Mode *mode);

/* histogram.c */
void latency_add(uint64_t nanoseconds);
void latency_reset(void);
double latency_us(double share);

#endif
