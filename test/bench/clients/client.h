/*
 * What the benchmark's clients share: the time, a connection, requests, and the heads of answers.
 *
 * A PROTOCOL is `wire` (Sluice's), `http`, or `mute`: Sluice's wire from one that never reads a reply. An ADDRESS is a
 * port of 127.0.0.1, or the path of a Unix socket.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum protocol { WIRE, HTTP, MUTE };

static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    exit(1);
}

struct moment {
    double time, cpu;
};

/* The time, and the seconds of the processor that this program has taken. */
static struct moment now(void) {
    struct timespec t;
    struct rusage used;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &used);
    struct moment moment = {
        .time = t.tv_sec + t.tv_nsec / 1e9,
        .cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
    };
    return moment;
}

/* Prints the seconds since `start`, and those of the processor that this program took meanwhile. */
static void report(struct moment start) {
    struct moment end = now();
    printf("%.6f %.6f\n", end.time - start.time, end.cpu - start.cpu);
}

static enum protocol protocol_of(const char *name) {
    return !strcmp(name, "http") ? HTTP : !strcmp(name, "mute") ? MUTE : WIRE;
}

static int connect_to(const char *address) {
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(atoi(address)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int is_path = strchr(address, '/') != NULL, one = 1, sock = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    if (is_path && strlen(address) >= sizeof path.sun_path) die("%s: too long for a Unix socket", address);
    strncpy(path.sun_path, address, sizeof path.sun_path - 1);
    struct sockaddr *to = is_path ? (struct sockaddr *)&path : (struct sockaddr *)&port;
    if (connect(sock, to, is_path ? sizeof path : sizeof port)) die("connect to %s: %s", address, strerror(errno));
    if (!is_path) setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return sock;
}

/* Puts the length of the JSON behind `to` before it. */
static size_t wire_head(char *to, int length) {
    memcpy(to, &length, 4);
    return 4 + length;
}

/* The head of a put. An id says that we read the replies; a plain script has none, and acks to it may wait until it is done. */
static inline size_t put_head(enum protocol protocol, char *to, size_t room, const char *name, long size) {
    if (protocol == HTTP)
        return snprintf(to, room, "PUT /%s HTTP/1.1\r\nHost: b\r\nContent-Length: %ld\r\n\r\n", name, size);
    return wire_head(to, snprintf(to + 4, room - 4, "{\"cmd\": \"put\", \"filename\": \"%s\", \"filesize\": %ld%s}", name, size,
                                  protocol == MUTE ? "" : ", \"id\": 1"));
}

static inline size_t get_head(enum protocol protocol, char *to, size_t room, const char *name) {
    if (protocol == HTTP) return snprintf(to, room, "GET /%s HTTP/1.1\r\nHost: b\r\n\r\n", name);
    return wire_head(to, snprintf(to + 4, room - 4, "{\"cmd\": \"get\", \"filename\": \"%s\", \"id\": 1}", name));
}

/* How long the head of Sluice's answer at `at` is, or 0 when it has not all come. */
static size_t wire_head_length(const char *at, size_t have) {
    int length;
    if (have < 4) return 0;
    memcpy(&length, at, 4);
    if (length < 2 || length > 4096) die("an answer's header of %d bytes", length);
    return have < 4 + (size_t)length ? 0 : 4 + length;
}

static size_t http_head_length(const char *at, size_t have) {
    const char *end = memmem(at, have, "\r\n\r\n", 4);
    return end ? end + 4 - at : 0;
}

/* The number behind `label` in a head of that length, or `otherwise`. */
static long number_in(const char *at, size_t length, const char *label, long otherwise) {
    const char *found = memmem(at, length, label, strlen(label));
    return found ? atol(found + strlen(label)) : otherwise;
}

/* The length of the whole reply to a put of that name, or 0 when it has not all come. Dies unless it is a success. */
static inline size_t put_reply(enum protocol protocol, const char *at, size_t have, const char *name) {
    if (protocol == HTTP) {
        size_t length = http_head_length(at, have);
        if (!length) return 0;
        if ((strncmp(at, "HTTP/1.1 201", 12) && strncmp(at, "HTTP/1.1 204", 12)) || memmem(at, length, "chunked", 7))
            die("%s: %.*s", name, (int)length, at);
        length += number_in(at, length, "Content-Length: ", 0);
        return have < length ? 0 : length;
    }
    char quoted[128];
    size_t length = wire_head_length(at, have), quotes = snprintf(quoted, sizeof quoted, "\"%s\"", name);
    if (length && (memmem(at, length, "\"error\"", 7) || !memmem(at, length, "\"ack\"", 5) || !memmem(at, length, quoted, quotes)))
        die("%s: %.*s", name, (int)length - 4, at + 4);
    return length;
}

/* The length of the head of the answer to a get, or 0 when it has not all come; `body` becomes the length of what follows. */
static inline size_t get_reply(enum protocol protocol, const char *at, size_t have, long *body) {
    size_t length = protocol == HTTP ? http_head_length(at, have) : wire_head_length(at, have);
    if (!length) return 0;
    if (protocol == HTTP && strncmp(at, "HTTP/1.1 200", 12)) die("refused: %.*s", (int)length, at);
    *body = number_in(at, length, protocol == HTTP ? "Content-Length: " : "\"body\":", -1);
    if (*body < 0) die("the answer has no length: %.*s", (int)length, at);
    return length;
}
