/** Guesses the protocol of a capture's conversations by their first bytes and ports. */
import type { Capture } from '../../capture/capture.ts';
import { isCaptureFault } from '../../capture/capture-fault.ts';
import { presetAt } from '../../capture/inspect/framing-choice.ts';
import { type Selection, selects } from '../../capture/inspect/selection.ts';
import { looksLikeSluice, SLUICE_PREFIX_BYTES } from '../../capture/inspect/sluice-wire.ts';
import { readStreams } from '../../capture/read-streams.ts';

/** `sluice` or the name of another preset; `unknown`; null when no client sent any bytes. */
export type DetectedProtocol = string | null;

/** The search ends after so many conversations, or bytes of them. */
const [CONVERSATIONS_MAX, BYTES_MAX] = [100, 64 * 1024 * 1024];

/**
 * Looks at the first conversations of a capture, until one of them speaks Sluice's protocol. Errors of the capture are
 * ignored here: the replay reports them.
 */
export async function detectProtocol(
  capture: Capture,
  only: Selection | undefined,
): Promise<DetectedProtocol> {
  const isWanted = selects(only);
  let detected: DetectedProtocol = null;
  let conversations = 0;
  let bytes = 0;
  try {
    for await (const events of readStreams(capture)) {
      for (const event of events) {
        if (event.type !== 'chunk') continue;
        bytes += event.bytes.length;
        if (event.from !== 'client' || event.position !== 0 || !isWanted(event.conversation)) continue;
        if (event.bytes.length < SLUICE_PREFIX_BYTES || looksLikeSluice(event.bytes)) return 'sluice';
        detected ??= presetAt(event.conversation.server)?.name ?? 'unknown';
        conversations++;
      }
      if (conversations >= CONVERSATIONS_MAX || bytes > BYTES_MAX) break;
    }
  } catch (thrown) {
    if (!isCaptureFault(thrown)) throw thrown;
  }
  return detected;
}
