/*
 * The benchmark's receiver: asks for a file and discards it, the same for every peer.
 *
 *   receiver wire|http ADDRESS NAME
 *
 * The system discards the body without a copy (MSG_TRUNC), so that the server is what is measured; over a Unix socket,
 * which has no such flag, it is copied. Prints the seconds from connect to the last byte, and its own processor
 * seconds. Exit status 1, with the reason, when the answer is no success or ends too early.
 */
#include "client.h"

static char in[1 << 18];

int main(int argc, char **argv) {
    if (argc != 4) die("usage: receiver wire|http ADDRESS NAME");
    enum protocol protocol = protocol_of(argv[1]);
    int flags = strchr(argv[2], '/') ? 0 : MSG_TRUNC;
    size_t room = flags ? 1 << 20 : sizeof in, have = 0, head = 0;
    struct moment start = now();
    int sock = connect_to(argv[2]);
    char request[512];
    size_t length = get_head(protocol, request, sizeof request, argv[3]);
    if (send(sock, request, length, MSG_NOSIGNAL) != (ssize_t)length) die("send: %s", strerror(errno));
    long left = 0;
    while (!head) {
        /* Little at once, so that the body is left to be discarded. */
        ssize_t got = have < 4096 ? recv(sock, in + have, 4096 - have, 0) : 0;
        if (got <= 0) die("the head of the answer did not come: %.200s", in);
        have += got;
        head = get_reply(protocol, in, have, &left);
    }
    left -= have - head;
    while (left > 0) {
        ssize_t got = recv(sock, flags ? NULL : in, left < (long)room ? (size_t)left : room, flags);
        if (got <= 0) die("the body ended too early");
        left -= got;
    }
    report(start);
    return 0;
}
