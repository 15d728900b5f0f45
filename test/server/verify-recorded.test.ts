/** What a server has recorded of itself verifies without a difference, whatever happened in it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filter, firstValueFrom, lastValueFrom, map, mergeMap, ReplaySubject, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import { record } from '../../src/capture/record/record.ts';
import { assertSameInAnyChunking } from '../../src/capture/replay/chunking-invariance.ts';
import { replay } from '../../src/capture/replay/replay.ts';
import { bytesContent } from '../../src/client/content/content.ts';
import { createUploads } from '../../src/client/transfers/uploads.ts';
import { requestFraming } from '../../src/files/session/dispatch.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import { serve } from '../../src/server/serve.ts';
import { verifyReplay } from '../../src/server/verify-replay.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { deframe } from '../../src/wire/deframe/deframe.ts';
import { presetNamed } from '../../src/wire/presets.ts';
import { conversationEvents } from '../support/captures/stream-events.ts';
import { pcapOfEvents } from '../support/captures/stream-pcap.ts';
import { converse, frame, putFrame, rawFrame } from '../support/network/peer.ts';
import { bytesFrom } from '../support/random/seeded.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

/** Serves and records into a file while `use` is under way. */
async function recording(use: (port: number) => Promise<void>) {
  const path = join(tempFolder(), 'session.pcapng');
  const recorder = record(path);
  const store = memoryStore();
  const events$ = new ReplaySubject<ServerEvent>();
  const connections$ = listenTcp({ port: 0 }).pipe(
    map((event) =>
      event.type === 'connection' ? { ...event, connection: recorder.wrap(event.connection) } : event,
    ),
  );
  const serving = serve({ connections$, store }).subscribe(events$);
  const { port } = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
  await use(port);
  let open = 0;
  events$.subscribe(({ type }) => {
    open += type === 'opened' ? 1 : type === 'closed' ? -1 : 0;
  });
  await expect.poll(() => open).toBe(0);
  serving.unsubscribe();
  await recorder.close();
  return { capture: captureFile(path), store };
}

const verified = (...given: Parameters<typeof verifyReplay>) =>
  lastValueFrom(verifyReplay(...given).pipe(toArray()));

describe('what a server has recorded', () => {
  test('the recording of a server verifies without a difference: parallel uploads, refusals, invalid bytes, silent scripts', async () => {
    const { capture, store } = await recording(async (port) => {
      const connect = () => connectTcp({ host: '127.0.0.1', port });
      const uploads = createUploads({ connect, parallel: 3, token: 'a-secret-of-16-characters' });
      const sizes = [0, 10, 5_000, 300_000, 2_000_000, 12_000_000];
      await Promise.all(
        sizes.map((size, i) => lastValueFrom(uploads.upload(`up/${i}`, bytesContent(bytesFrom(i, size))))),
      );
      uploads.end();
      await converse(
        port,
        putFrame('a', 'hello', { id: 1, sha256: '0'.repeat(64) }),
        putFrame('b', 'x', { id: 2, mtime: 5 }),
        frame({ cmd: 'get', filename: 'up/4', id: 3 }),
        frame({ cmd: 'list', id: 4 }),
        frame({ cmd: 'rename', filename: 'b', to: 'c', id: 5 }),
        frame({ cmd: 'nothing', filesize: 4, id: 6 }, 'skip'),
      );
      await converse(port, putFrame('plain', 'script'), rawFrame('no json'));
      await converse(port, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    });
    for (const chunking of ['recorded', 'whole', { seed: 2 }] as const) {
      const again = memoryStore();
      const results = await verified(capture, { store: again, chunking });
      expect(results.filter(({ same, fault }) => same !== true || fault !== null)).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(5);
      expect([...again.contents.keys()].sort()).toEqual([...store.contents.keys()].sort());
      for (const [name, { bytes }] of store.contents) {
        expect(Buffer.from(again.contents.get(name)!.bytes).equals(bytes)).toBe(true);
      }
    }
  });

  test('the recording of a server gives the same frames however it is cut', async () => {
    const { capture } = await recording(async (port) => {
      await converse(port, putFrame('a', bytesFrom(1, 20_000)), putFrame('b', ''), frame({ cmd: 'list' }));
    });
    await assertSameInAnyChunking(capture, ({ chunks$ }) => chunks$.pipe(deframe(requestFraming())));
  });
});

describe('captures of other protocols', () => {
  const golden = (name: string) =>
    captureFile(new URL(`../golden/captures/${name}`, import.meta.url).pathname);

  test.each([
    ['dns.pcap', 'dns'],
    ['postgresql.pcap', 'postgresql'],
    ['mysql.pcap', 'mysql'],
    ['bgp.pcap', 'bgp'],
  ])('%s has the same frames however it is cut, in both directions', async (file, preset) => {
    const framing = presetNamed(preset)!.framing();
    for (const side of ['server', 'client'] as const) {
      await assertSameInAnyChunking(golden(file), ({ chunks$ }) => chunks$.pipe(deframe(framing)), {
        side,
        chunkings: ['bytes', 'whole', { seed: 1, max: 100 }],
      });
    }
  });
});

test('a capture of another protocol is replayed with its own bytes', async () => {
  const { open, send, end, close } = conversationEvents();
  const events = [
    open(),
    send('client', 'ab', 1),
    send('server', 'x', 2),
    send('client', 'c', 3),
    end('client'),
    end('server'),
    close(),
  ];
  const path = join(tempFolder(), 'made.pcap');
  writeFileSync(path, pcapOfEvents(events));
  for (const capture of [captureFile(path), captureOf(pcapOfEvents(events))]) {
    const chunks$ = replay(capture).pipe(
      mergeMap(({ connection }) => connection.chunks$),
      toArray(),
    );
    expect((await lastValueFrom(chunks$)).map((chunk) => Buffer.from(chunk).toString())).toEqual(['ab', 'c']);
  }
});
