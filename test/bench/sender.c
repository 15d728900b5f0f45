/*
 * The benchmark's sender: the same sendfile loop for every peer, so that what differs is the server.
 *
 *   sender wire|http|mute PORT WINDOW DIR COUNT
 *
 * Sends DIR/f00000 ... to 127.0.0.1 on one connection, at most WINDOW requests ahead of their replies, reads and
 * checks each reply while it sends, and prints the seconds from connect to the last reply. `mute` speaks Sluice's
 * wire but never reads a reply: it ends when the last byte was taken by the operating system. Exit status 1, with
 * the reason, when a reply is missing, out of order or not a success.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WIRE, HTTP, MUTE } mode;
static char in[1 << 16];
static size_t have;
static long replies;

static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Is there one whole reply at the start of what we have? Its length, or 0. Dies unless it is a success. */
static size_t wire_reply(char *at, size_t n) {
    int head;
    char name[32];
    if (n < 4) return 0;
    memcpy(&head, at, 4);
    if (head < 2 || head > 4096) die("reply %ld: header length %d", replies, head);
    if (n < 4 + (size_t)head) return 0;
    snprintf(name, sizeof name, "\"f%05ld\"", replies);
    if (memmem(at + 4, head, "\"error\"", 7) || !memmem(at + 4, head, "\"ack\"", 5) ||
        !memmem(at + 4, head, name, strlen(name)))
        die("reply %ld: %.*s", replies, head, at + 4);
    return 4 + head;
}

static size_t http_reply(char *at, size_t n) {
    char *end = memmem(at, n, "\r\n\r\n", 4);
    if (!end) return 0;
    if (strncmp(at, "HTTP/1.1 201", 12) && strncmp(at, "HTTP/1.1 204", 12))
        die("reply %ld: %.*s", replies, (int)(end - at), at);
    if (memmem(at, end - at, "chunked", 7)) die("reply %ld is chunked", replies);
    char *length = memmem(at, end - at, "Content-Length: ", 16);
    size_t whole = end + 4 - at + (length ? strtoul(length + 16, NULL, 10) : 0);
    return n < whole ? 0 : whole;
}

static void read_replies(int sock) {
    ssize_t got = recv(sock, in + have, sizeof in - have, MSG_DONTWAIT);
    if (got == 0) die("the server closed after %ld replies", replies);
    if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        die("recv after %ld replies: %s", replies, strerror(errno));
    }
    have += got;
    size_t at = 0, length;
    while ((length = mode == HTTP ? http_reply(in + at, have - at) : wire_reply(in + at, have - at))) {
        at += length;
        replies++;
    }
    memmove(in, in + at, have -= at);
}

static size_t make_header(char *to, size_t room, long i, off_t size) {
    if (mode == HTTP)
        return snprintf(to, room, "PUT /f%05ld HTTP/1.1\r\nHost: b\r\nContent-Length: %ld\r\n\r\n", i, (long)size);
    /* An id says that we read the replies; a plain script has none, and acks to it may wait until it is done. */
    char id[32] = "";
    if (mode == WIRE) snprintf(id, sizeof id, ", \"id\": %ld", i);
    int head = snprintf(to + 4, room - 4, "{\"cmd\": \"put\", \"filename\": \"f%05ld\", \"filesize\": %ld%s}", i,
                        (long)size, id);
    memcpy(to, &head, 4);
    return 4 + head;
}

int main(int argc, char **argv) {
    if (argc != 6) die("usage: sender wire|http|mute PORT WINDOW DIR COUNT");
    mode = !strcmp(argv[1], "http") ? HTTP : !strcmp(argv[1], "mute") ? MUTE : WIRE;
    long window = atol(argv[3]), count = atol(argv[5]), sent = 0;
    int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1, file = -1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    double start = now();
    if (connect(sock, (struct sockaddr *)&to, sizeof to)) die("connect: %s", strerror(errno));
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(sock, F_SETFL, O_NONBLOCK);

    char header[512], path[4096];
    size_t header_left = 0, header_length = 0;
    off_t body_left = 0;
    while (mode == MUTE ? sent < count : replies < count) {
        int may_send = sent < count && (file >= 0 || mode == MUTE || sent - replies < window);
        struct pollfd p = {.fd = sock, .events = (mode == MUTE ? 0 : POLLIN) | (may_send ? POLLOUT : 0)};
        if (poll(&p, 1, 60000) == 0) die("nothing happened for 60 s: %ld sent, %ld replies", sent, replies);
        if (mode != MUTE && p.revents & (POLLIN | POLLERR | POLLHUP)) read_replies(sock);
        if (mode == MUTE && p.revents & (POLLERR | POLLHUP)) die("the server closed");
        if (!may_send || !(p.revents & POLLOUT)) continue;
        /* As much as the socket takes: a poll for each small file would measure the sender. */
        for (int burst = 0; burst < 64 && sent < count && (file >= 0 || mode == MUTE || sent - replies < window); burst++) {
            if (file < 0) {
                struct stat s;
                snprintf(path, sizeof path, "%s/f%05ld", argv[4], sent);
                if ((file = open(path, O_RDONLY)) < 0 || fstat(file, &s)) die("%s: %s", path, strerror(errno));
                body_left = s.st_size;
                header_left = header_length = make_header(header, sizeof header, sent, s.st_size);
            }
            ssize_t n = header_left
                ? send(sock, header + header_length - header_left, header_left, MSG_NOSIGNAL | (body_left ? MSG_MORE : 0))
                : sendfile(sock, file, NULL, body_left > 1 << 20 ? 1 << 20 : body_left);
            if (n < 0 && errno != EAGAIN && errno != EINTR) die("send %s: %s", path, strerror(errno));
            if (n < 0) break;
            if (header_left) header_left -= n;
            else if (n == 0) die("%s became shorter", path);
            else body_left -= n;
            if (header_left == 0 && body_left == 0) {
                close(file);
                file = -1;
                sent++;
            }
        }
    }
    printf("%.6f\n", now() - start);
    return 0;
}
