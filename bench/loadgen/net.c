/* Sockets: connecting, reading and writing without blocking, with TLS if asked for. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WITH_TLS
#include <openssl/ssl.h>
static SSL_CTX *context;
#endif

#include "loadgen.h"

static int epoll_fd;

void net_start(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
#ifdef WITH_TLS
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL); /* the certificate was made for this run */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
#else
    if (options.tls) fail("built without OpenSSL");
#endif
}

static void watch(Conn *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, operation, c->fd, &event);
}

static void handshake(Conn *c) {
#ifdef WITH_TLS
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, c->fd);
    if (SSL_connect(tls) != 1) fail("TLS handshake failed"); /* the socket still blocks */
    c->tls = tls;
#else
    (void)c;
#endif
}

/* Several source addresses: one has fewer ports than a server may have idle connections. */
static void bind_source(Conn *c, int number) {
    struct sockaddr_in source = {.sin_family = AF_INET};
    int one = 1;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number % options.sources));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&source, sizeof source)) fail("bind: %s", strerror(errno));
}

void net_open(Conn *c, int number) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket: %s", strerror(errno));
    if (options.sources > 1) bind_source(c, number);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server))
        fail("connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (options.tls) handshake(c);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->have = c->head = c->body = c->left = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

/* Both return what read(2) and write(2) would: -1 with EAGAIN when nothing can be done now. */
static ssize_t tls_result(Conn *c, int result) {
#ifdef WITH_TLS
    if (result > 0) return result;
    int error = SSL_get_error(c->tls, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    return 0;
#else
    (void)c;
    return result;
#endif
}

static ssize_t get(Conn *c, void *data, size_t size) {
#ifdef WITH_TLS
    if (c->tls) return tls_result(c, SSL_read(c->tls, data, (int)size));
#endif
    (void)tls_result;
    return read(c->fd, data, size);
}

static ssize_t put(Conn *c, const void *data, size_t size) {
#ifdef WITH_TLS
    if (c->tls) return tls_result(c, SSL_write(c->tls, data, (int)size));
#endif
    return send(c->fd, data, size, MSG_NOSIGNAL);
}

static void flush(Conn *c, int registered) {
    while (c->left) {
        ssize_t sent = put(c, c->out, c->left);
        if (sent <= 0) {
            if (sent == 0 || errno != EAGAIN) fail("the server closed a connection");
            if (!registered) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        c->out += sent;
        c->left -= (size_t)sent;
    }
    if (registered) watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* `data` is not copied: it has to stay as it is until it is sent. */
void net_send(Conn *c, const void *data, size_t size) {
    if (c->left) fail("the server answers before it has read the request");
    c->out = data;
    c->left = size;
    flush(c, 0);
}

void net_used(Conn *c, size_t size) {
    c->have -= size;
    memmove(c->in, c->in + size, c->have);
    c->head = c->body = 0;
}

static void make_room(Conn *c) {
    if (c->have < c->room) return;
    c->room = c->room ? c->room * 2 : 4096;
    c->in = realloc(c->in, c->room);
    if (!c->in) fail("out of memory");
}

static void receive(Conn *c, const Mode *mode) {
    make_room(c);
    for (;;) {
        ssize_t size = get(c, c->in + c->have, c->room - c->have);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) fail("the server closed a connection");
        c->have += (size_t)size;
        mode->input(c);
        /* epoll tells about a socket that is not empty, not about what TLS holds back. */
        if (!c->tls) return;
        make_room(c);
    }
}

int net_poll(int milliseconds, const Mode *mode) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll_fd, events, 256, milliseconds);
    for (int i = 0; i < count; i++) {
        Conn *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) flush(c, 1);
        if (events[i].events & ~(uint32_t)EPOLLOUT) receive(c, mode);
    }
    return count;
}
