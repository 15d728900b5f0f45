/** The help of `sluice replay`. */
import { exitStatusHelp } from '../shared/exit-status.ts';

export const replayHelp = `
FILE is a pcap or pcapng, as tcpdump, Wireshark and "sluice serve --record"
write them; - is stdin. What its clients have sent is sent again, in the same
order:

  sluice replay FILE             to a session of its own, which stores in
                                 memory: prints what a server would have stored
  sluice replay FILE --verify    to the same, and compares its replies with
                                 those of the recording
  sluice replay FILE --to SERVER to a server, over connections of its own; each
                                 chunk when the replies before it are there
  sluice replay FILE --write-test out.test.ts
                                 nothing is sent: writes a test for vitest, and
                                 the capture that it replays

Replies are compared field by field, but for what differs from run to run
(mtime, durable, progress, and in the answer to hello version, limits and who
asks), and bodies byte by byte. What is different is printed with the packet of
the recorded reply and its time. "incomplete" is a conversation of which the
recording lacks something, and what there is is the same; that is no failure
unless nothing could be compared at all.

With --to, --preset says how the server frames its replies: by default as Sluice
does if the recorded client speaks its wire, else as the recorded server's port
says. --length-field says it by a length, as for "sluice inspect". With "none"
they are compared, and waited for, by their bytes alone.

--with DIR puts the files of a folder where the recorded server had its own:
those that were there before. They, and what is stored, are held in memory.

--write-test makes a test of each conversation, and beside it out.test.pcapng
with nothing but their bytes: addresses are replaced, tokens hidden, and at most
16 MiB kept. It replays them against the file server, in the files of --with;
or, with --pipeline MODULE#NAME, against an actor or a pipeline that a module of
yours exports. Other protocols are named by --preset or --length-field, unless
their port says which, and are read as frames. A test that would fail is not
written; files that are there already are replaced with --force only.

--only takes the number of a conversation, an address, a host or a :PORT of one
of its ends, and may be given again. --speed and --max-idle say when: as fast as
possible, as recorded, or so many times as fast, with pauses no longer than
that. --chunking cuts what is sent anew; what comes of it must be the same.

--json prints one object a line, told apart by "event": conversation or, without
--to and --verify, stored, served, refused and so on; and at the end summary.
With --write-test it is one test-written.

Examples:
  sudo tcpdump -i lo -U -w trace.pcap port 8080        records
  sluice replay trace.pcap
  sluice replay trace.pcap --verify --chunking bytes
  sluice replay trace.pcap --verify --with backup/uploads
  sluice replay trace.pcap --only 3 --write-test test/trace.test.ts
  sluice replay chat.pcap --pipeline chat.ts#chat --write-test chat.test.ts
  sluice replay trace.pcap --to :8080 --only 3 --speed recorded --max-idle 1
  sluice replay dns.pcap --to 127.0.0.1:53 --preset dns
${exitStatusHelp}`;
