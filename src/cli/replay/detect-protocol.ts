/** Which protocol a capture's conversations speak, as far as their first bytes and ports tell. */
import type { Capture } from '../../capture/capture.ts';
import { isCaptureFault } from '../../capture/capture-fault.ts';
import { type Selection, selects } from '../../capture/inspect/selection.ts';
import { looksLikeSluice, SLUICE_PREFIX_BYTES } from '../../capture/inspect/sluice-wire.ts';
import { readStreams } from '../../capture/read-streams.ts';
import { presets } from '../../wire/presets.ts';

/** `sluice` or the name of another preset; `unknown`; null when no client sent enough to tell. */
export type Spoken = string | null;

/** Conversations, and bytes of them, after which it is not looked any further. */
const [mostConversations, mostBytes] = [100, 64 * 1024 * 1024];

/**
 * Looks at the first conversations of a capture, until one of them speaks Sluice's wire. What is wrong with the capture
 * is for the replay itself to say.
 */
export async function spokenIn(capture: Capture, only: Selection | undefined): Promise<Spoken> {
  const isWanted = selects(only);
  let spoken: Spoken = null;
  let looked = 0;
  let bytes = 0;
  try {
    for await (const events of readStreams(capture)) {
      for (const event of events) {
        if (event.type !== 'chunk') continue;
        bytes += event.bytes.length;
        if (event.from !== 'client' || event.position !== 0 || !isWanted(event.conversation)) continue;
        if (event.bytes.length < SLUICE_PREFIX_BYTES || looksLikeSluice(event.bytes)) return 'sluice';
        const { server } = event.conversation;
        const port = Number(server.slice(server.lastIndexOf(':') + 1));
        spoken ??= presets.find(({ ports }) => ports.includes(port))?.name ?? 'unknown';
        looked++;
      }
      if (looked >= mostConversations || bytes > mostBytes) break;
    }
  } catch (thrown) {
    if (!isCaptureFault(thrown)) throw thrown;
  }
  return spoken;
}
