/**
 * A sweep of drawn captures, judged by tshark: protocols, losses, snap lengths, tunnels, link types and beginnings, in
 * whatever combination. `npm test` draws a few, and the long form hundreds.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asFollowedLike, recordedConversations } from '../support/captures/recorded-sides.ts';
import { sweptCapture } from '../support/captures/sweep/swept-capture.ts';
import { told } from '../support/captures/tshark.ts';
import { need } from '../support/install-tools.ts';
import { cases, isLongest, testSeed } from '../support/random/cases.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

/** tshark takes most of a second to start. */
const CAPTURES = isLongest ? cases(15) : 4;

const pair = (a: string, b: string): string => [a, b].sort().join(' ');

describe.skipIf(!need('tshark'))('drawn captures', () => {
  test.each(Array.from({ length: CAPTURES }, (_, n) => (testSeed + n) >>> 0))(
    'each side of each conversation of a drawn capture has the bytes and gaps that tshark finds: seed %i',
    async (seed) => {
      const { bytes, conversations, drawn } = sweptCapture(seed);
      const file = join(tempFolder(), 'swept.pcapng');
      writeFileSync(file, bytes);
      const ours = await recordedConversations(file);
      expect(ours.length, drawn).toBe(conversations);
      const theirs = await told(file, { streams: conversations }, { decodeAs: ['udp.port==8472,vxlan'] });
      for (const { index, client, server } of ours) {
        const { nodes, bytes: sent } = theirs.followed[index]!;
        expect(pair(client.node, server.node), drawn).toBe(pair(...nodes));
        const first = nodes.indexOf(client.node);
        for (const [side, its] of [
          [client, sent[first]!],
          [server, sent[1 - first]!],
        ] as const) {
          const mine = asFollowedLike(side, its);
          const where = `conversation ${index}, ${side.node}: ${mine.length} bytes, and tshark has ${its.length}`;
          expect(Buffer.compare(mine, its), `${drawn}\n${where}`).toBe(0);
        }
      }
    },
  );
});
