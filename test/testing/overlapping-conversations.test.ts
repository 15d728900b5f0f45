/** A recorded chat of three is a test: what one is given depends on what the others have said before. */
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { framed } from '../../src/actor/framed/framed.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import { record } from '../../src/capture/record/record.ts';
import { chat } from '../../src/demo/chat.ts';
import { matchers } from '../../src/testing.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

expect.extend(matchers);

/** Each says its lines in turn, when all have what was said before. */
async function recordedChat(names: readonly string[], rounds: number): Promise<string> {
  const path = `${tempFolder()}/chat.pcapng`;
  const recorder = record(path, { redact: null });
  const connections$ = new Subject<ListenEvent>();
  const served = serveActors({ connections$, actor: chat() }).subscribe();
  const clients = names.map(() => {
    const [here, there] = memoryPair();
    connections$.next({ type: 'connection', connection: recorder.wrap(there) });
    return framed(here, lines({ maxLength: 1000 }));
  });
  for (const client of clients) expect(await client.next()).toBe('What is your name?');
  for (const [at, client] of clients.entries()) {
    await client.send(names[at]!);
    for (const other of clients.slice(0, at + 1))
      expect(await other.next()).toBe(`* ${names[at]} is in lobby`);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [at, client] of clients.entries()) {
      await client.send(`round ${round}`);
      for (const other of clients) expect(await other.next()).toBe(`${names[at]}: round ${round}`);
    }
  }
  for (const [at, client] of clients.entries()) {
    client.end();
    for (const other of clients.slice(at + 1)) expect(await other.next()).toBe(`* ${names[at]} has left`);
    expect(await client.next()).toBeUndefined();
  }
  await recorder.close();
  served.unsubscribe();
  return path;
}

test('each conversation of a recorded chat replays the same, in any cuts, and not in a chat of other words', async () => {
  const capture = captureFile(await recordedChat(['ann', 'bob', 'cy'], 4));
  await expect(capture).toReplayTheSame(chat, { runs: 10 });
  for (const conversation of [0, 1, 2]) await expect(capture).toReplayTheSame(chat, { conversation });
  const changed = () => {
    const actor = chat();
    const encode = (message: string) => actor.codec.encode(message.replace('round 3', 'round three'));
    return { ...actor, codec: { ...actor.codec, encode } };
  };
  await expect(capture).not.toReplayTheSame(changed, { conversation: 1, stall: 300 });
});
