/* The command: options, the course of a run, the result. See loadgen.h. */
#define _GNU_SOURCE
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loadgen.h"

enum { STALL = 5000, AT_ONCE = 16 }; /* ms without any news; connections opened without an answer */

Options options = {.mode = "http", .depth = 1, .connections = 1, .sources = 1, .message = 64};
Conn *conns;
int stopping;

static const Mode *mode;
static int ready;              /* connections that are open */
static long under_way;         /* answers waited for, on all connections */
static uint64_t answers;
static Conn **unused;          /* open loop: connections that wait for work */
static int unused_count;
static uint64_t due;           /* open loop: when the next request has to leave */

void fail(const char *format, ...) {
    va_list arguments;
    char message[200];
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    for (char *p = message; *p; p++) /* it goes into JSON */
        if (*p < ' ' || *p == '"' || *p == '\\') *p = ' ';
    printf("{\"error\": \"%s\"}\n", message);
    exit(1);
}

uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- exchanges ----------------------------------------------------------------------------- */

static void ask(Conn *c, uint64_t since) {
    int is_events = mode == &events_mode;
    c->since = since;
    c->waiting = is_events ? (int)options.count + 1 : options.depth; /* and the stream's end */
    under_way += c->waiting;
    mode->ask(c);
}

/* A broadcast is one exchange with everybody. */
static void tell_all(void) {
    for (int i = 0; i < options.connections; i++) conns[i].waiting = 1;
    under_way = options.connections;
    conns[0].since = now();
    mode->ask(&conns[0]);
}

static void ask_all(void) {
    if (mode == &broadcast_mode)
        tell_all();
    else
        for (int i = 0; i < options.connections; i++) ask(&conns[i], now());
}

void opened(Conn *c) {
    c->open = 1;
    ready++;
}

static void finished(Conn *c) {
    if (options.rate > 0)
        unused[unused_count++] = c;
    else if (!stopping && !options.volley && mode != &broadcast_mode)
        ask(c, now());
}

void done(Conn *c, int count) {
    if (!count) return;
    if (c->waiting < count) fail("an answer that nobody asked for");
    c->waiting -= count;
    under_way -= count;
    answers += (uint64_t)count;
    if (mode == &events_mode && !c->waiting) answers--; /* the end of a stream is no event */
    if (mode == &broadcast_mode ? !under_way : !c->waiting)
        latency_add(now() - (mode == &broadcast_mode ? conns : c)->since);
    if (!c->waiting) finished(c);
}

/* --- open loop: requests leave when they are due, whatever the server does ----------------- */

/* Independent clients: exponential gaps, from the same seed for every server. */
static uint64_t gap(void) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    double uniform = ((double)(state >> 11) + 1) / 9007199254740993.0;
    return (uint64_t)(-log(uniform) / options.rate * 1e9);
}

/* What finds no connection waits here and its latency goes on: a slow answer delays nobody's
 * clock. */
static void send_due(uint64_t time) {
    while (!stopping && unused_count && due <= time) {
        ask(unused[--unused_count], due);
        due += gap();
    }
}

/* --- a run ---------------------------------------------------------------------------------- */

static void step(int milliseconds) {
    static uint64_t last;
    uint64_t time = now();
    if (net_poll(milliseconds, mode) > 0 || !last)
        last = time;
    else if (under_way && time - last > (uint64_t)STALL * 1000000u)
        fail("no answer within %d s", STALL / 1000);
}

static double load(double seconds) {
    uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9);
    answers = 0;
    stopping = 0;
    due = start;
    latency_reset();
    if (options.rate <= 0) ask_all();
    while (now() < end) {
        if (options.rate > 0) {
            send_due(now());
            step(0); /* asleep, it would wake up too late for the next request */
            continue;
        }
        step(100);
        if (!under_way) ask_all();
    }
    stopping = 1;
    while (under_way) step(STALL);
    return (double)(now() - start) / 1e9;
}

static void connect_all(void) {
    conns = calloc((size_t)options.connections, sizeof *conns);
    unused = calloc((size_t)options.connections, sizeof *unused);
    stopping = 1;
    for (int i = 0; i < options.connections || ready < options.connections;) {
        /* A few at a time, so that no backlog of a listening socket overflows. */
        while (i < options.connections && i - ready < AT_ONCE) {
            net_open(&conns[i], i);
            unused[unused_count++] = &conns[i];
            mode->greet(&conns[i++]);
        }
        if (ready < i && !net_poll(STALL, mode)) fail("no answer within %d s", STALL / 1000);
    }
}

static void wait_for_line(void) {
    char line[16];
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(0);
}

static double own_cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* --- the command ----------------------------------------------------------------------------- */

static unsigned char *read_file(const char *path, size_t *size, int times) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot read a file");
    fseek(file, 0, SEEK_END);
    size_t once = (size_t)ftell(file);
    unsigned char *data = malloc(once * (size_t)times + 1);
    rewind(file);
    if (fread(data, 1, once, file) != once) fail("cannot read a file");
    fclose(file);
    for (int i = 1; i < times; i++) memcpy(data + once * (size_t)i, data, once);
    *size = once * (size_t)times;
    return data;
}

static void parse(int argc, char **argv) {
    static const struct option known[] = {
        {"mode", 1, 0, 'm'},    {"port", 1, 0, 'p'},     {"connections", 1, 0, 'c'},
        {"warmup", 1, 0, 'w'},  {"seconds", 1, 0, 's'},  {"request", 1, 0, 'r'},
        {"expect", 1, 0, 'e'},  {"depth", 1, 0, 'd'},    {"rate", 1, 0, 'R'},
        {"sources", 1, 0, 'S'}, {"message", 1, 0, 'M'},  {"count", 1, 0, 'n'},
        {"volley", 0, 0, 'v'},  {"hold", 0, 0, 'h'},     {"tls", 0, 0, 't'},
        {0, 0, 0, 0}};
    const char *request = NULL, *expected = NULL;
    for (int name; (name = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (name) {
        case 'm': options.mode = optarg; break;
        case 'p': options.port = atoi(optarg); break;
        case 'c': options.connections = atoi(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'r': request = optarg; break;
        case 'e': expected = optarg; break;
        case 'd': options.depth = atoi(optarg); break;
        case 'R': options.rate = atof(optarg); break;
        case 'S': options.sources = atoi(optarg); break;
        case 'M': options.message = atoi(optarg); break;
        case 'n': options.count = atol(optarg); break;
        case 'v': options.volley = 1; break;
        case 'h': options.hold = 1; break;
        case 't': options.tls = 1; break;
        default: exit(2);
    }
    if (request) options.request = read_file(request, &options.request_size, options.depth);
    if (expected) options.expected = read_file(expected, &options.expected_size, 1);
}

static const Mode *mode_named(const char *name) {
    if (!strcmp(name, "http")) return &http_mode;
    if (!strcmp(name, "echo")) return &echo_mode;
    if (!strcmp(name, "broadcast")) return &broadcast_mode;
    if (!strcmp(name, "events")) return &events_mode;
    fail("no mode %s", name);
}

int main(int argc, char **argv) {
    parse(argc, argv);
    mode = mode_named(options.mode);
    net_start();
    connect_all();
    if (options.hold) {
        wait_for_line();
        return 0;
    }
    if (options.warmup > 0) load(options.warmup);
    wait_for_line();
    double cpu = own_cpu(), seconds = load(options.seconds);
    printf("{\"answers\": %llu, \"seconds\": %.6f, \"p50\": %.0f, \"p99\": %.0f, \"client\": %.3f}\n",
           (unsigned long long)answers, seconds, latency_us(.5), latency_us(.99),
           (own_cpu() - cpu) / seconds);
    return 0;
}
