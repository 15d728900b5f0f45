/** What is often given by mistake is refused with what to do instead. */
import { firstValueFrom, lastValueFrom, of } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import * as library from '../support/library.ts';

const nothing = () => {};
const webSocket = { readyState: 1, addEventListener: nothing, send: nothing, close: nothing };
const codec = library.lines({ maxLength: 9 });
const actor = library.defineActor()({ codec, reduce: (state) => ({ state }) });
const connection = () => library.memoryPair()[0];

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return String(error);
  }
  throw expect.unreachable('it was taken');
}

describe('a refusal says what to do with', () => {
  test('a codec where a framing is wanted', async () => {
    expect(await refusal(() => library.deframe(codec as never))).toMatch(
      /it is a codec: use frames\(codec\)$/,
    );
  });

  test('a codec of text where one of bytes is wanted', async () => {
    const json = library.jsonMessages(codec as never);
    const decoded$ = of(new TextEncoder().encode('{"a":1}\n')).pipe(library.frames(json));
    expect(await refusal(() => firstValueFrom(decoded$))).toMatch(
      /must hand on bytes, as lengthField and delimited do, and hands on the string/,
    );
  });

  test('an outcome where a store is wanted', async () => {
    const outcome = { ok: true, value: library.memoryStore() };
    expect(await refusal(() => library.startServer({ store: outcome as never }))).toMatch(
      /check its `ok`, and give its `value`$/,
    );
  });

  test('a WebSocket or a socket where a connection is wanted', async () => {
    expect(await refusal(() => library.createClient(webSocket as never))).toMatch(
      /fromWebSocket makes one of a WebSocket$/,
    );
    const upload$ = library
      .createUploads({ connect: () => of<library.Connection>(webSocket as never) })
      .upload('a', library.bytesContent(Uint8Array.of(1)));
    expect(await refusal(() => lastValueFrom(upload$))).toMatch(
      /^ClientError: .*fromWebSocket makes one of a WebSocket/,
    );
  });

  test('a bare connection where events are wanted', async () => {
    const connections$ = of<ListenEvent>(connection() as never);
    const store = library.memoryStore();
    for (const served$ of [
      library.serve({ connections$, store }),
      library.serveActors({ connections$, actor }),
    ])
      expect(await refusal(() => lastValueFrom(served$ as never))).toMatch(
        /must be an event, such as \{ type: 'connection', connection \}, and is an object$/,
      );
  });

  test('a definition that is given to defineActor at once', async () => {
    const once = library.defineActor as unknown as (definition: object) => never;
    const served = () => library.serveActors({ connections$: of(), actor: once({ codec, reduce: nothing }) });
    expect(await refusal(served)).toMatch(/call defineActor twice: defineActor\(\)\(\{ … \}\)$/);
  });

  test('an option that is missing because its name is misspelt', async () => {
    expect(await refusal(() => library.serve({ stor: 1, connections$: of() } as never))).toMatch(
      /did you mean store\?$/,
    );
  });
});
