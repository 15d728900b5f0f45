/*
 * The benchmark's sender: the same sendfile loop for every peer, so that what differs is the server.
 *
 *   sender wire|http|mute ADDRESS WINDOW DIR COUNT [PREFIX]
 *
 * Sends DIR/f00000 ... on one connection under those names, or with PREFIX before them, at most WINDOW requests ahead
 * of their replies, reads and checks each reply while it sends, and prints the seconds from connect to the last reply,
 * and its own processor seconds. `mute` ends when the last byte was taken by the operating system. Exit status 1, with
 * the reason, when a reply is missing, out of order or not a success.
 */
#include "client.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static enum protocol protocol;
static const char *prefix = "";
static char in[1 << 16];
static size_t have;
static long replies;

static const char *name_of(long i) {
    static char name[64];
    snprintf(name, sizeof name, "%sf%05ld", prefix, i);
    return name;
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
    while ((length = put_reply(protocol, in + at, have - at, name_of(replies)))) {
        at += length;
        replies++;
    }
    memmove(in, in + at, have -= at);
}

int main(int argc, char **argv) {
    if (argc < 6) die("usage: sender wire|http|mute ADDRESS WINDOW DIR COUNT [PREFIX]");
    protocol = protocol_of(argv[1]);
    if (argc > 6) prefix = argv[6];
    long window = atol(argv[3]), count = atol(argv[5]), sent = 0;
    int file = -1, mute = protocol == MUTE;
    struct moment start = now();
    int sock = connect_to(argv[2]);
    fcntl(sock, F_SETFL, O_NONBLOCK);

    char header[512], path[4096];
    size_t header_left = 0, header_length = 0;
    off_t body_left = 0;
    while (mute ? sent < count : replies < count) {
        int may_send = sent < count && (file >= 0 || mute || sent - replies < window);
        struct pollfd p = {.fd = sock, .events = (mute ? 0 : POLLIN) | (may_send ? POLLOUT : 0)};
        if (poll(&p, 1, 60000) == 0) die("nothing happened for 60 s: %ld sent, %ld replies", sent, replies);
        if (!mute && p.revents & (POLLIN | POLLERR | POLLHUP)) read_replies(sock);
        if (mute && p.revents & (POLLERR | POLLHUP)) die("the server closed");
        if (!may_send || !(p.revents & POLLOUT)) continue;
        /* As much as the socket takes: a poll for each small file would measure the sender. */
        for (int burst = 0; burst < 64 && sent < count && (file >= 0 || mute || sent - replies < window); burst++) {
            if (file < 0) {
                struct stat s;
                snprintf(path, sizeof path, "%s/f%05ld", argv[4], sent);
                if ((file = open(path, O_RDONLY)) < 0 || fstat(file, &s)) die("%s: %s", path, strerror(errno));
                body_left = s.st_size;
                header_left = header_length = put_head(protocol, header, sizeof header, name_of(sent), s.st_size);
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
    report(start);
    return 0;
}
