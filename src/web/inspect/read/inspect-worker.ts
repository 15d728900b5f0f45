/** The worker: reads captures away from the page, so that the page stays awake. */
import { SHOWN_BYTES } from '../data/limits.ts';
import type { PageUpdate } from '../data/page-data.ts';
import { blobCapture } from './blob-capture.ts';
import { followSide } from './follow-side.ts';
import { inspectOptionsOf } from './framing.ts';
import type { Ask, FollowAsk, ReadAsk, Tell } from './messages.ts';
import { readCapture } from './read-capture.ts';

/** Milliseconds between two words of how far it is. */
const PROGRESS_MS = 100;

interface Worker {
  postMessage(message: Tell, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Ask>) => void) | null;
}
const worker = globalThis as unknown as Worker;
const tell = (message: Tell, transfer: Transferable[] = []): void => worker.postMessage(message, transfer);

let taken = true;
let read = 0;
let told = 0;

worker.onmessage = ({ data }) => {
  if (data.type === 'taken') {
    taken = true;
    return;
  }
  const done = data.type === 'read' ? readAll(data) : follow(data);
  done.catch((thrown: unknown) => {
    tell({ type: 'refused', message: thrown instanceof Error ? thrown.message : String(thrown) });
  });
};

function onRead(bytes: number): void {
  read = bytes;
  const now = performance.now();
  if (now - told < PROGRESS_MS) return;
  told = now;
  tell({ type: 'progress', read });
}

async function readAll({ file, framing }: ReadAsk): Promise<void> {
  await readCapture(blobCapture(file, file.name, onRead), inspectOptionsOf(framing), {
    update: (update) => {
      taken = false;
      tell({ type: 'update', update, read }, buffersOf(update));
    },
    isTaken: () => taken,
    now: () => performance.now(),
  });
  tell({ type: 'over' });
}

async function follow({ file, conversation, side }: FollowAsk): Promise<void> {
  const capture = blobCapture(file, file.name, onRead);
  const { blob, first, note } = await followSide(capture, conversation, side, SHOWN_BYTES);
  tell({ type: 'followed', blob, first, note });
}

/** The memory of the rows, which goes over to the page. */
function buffersOf({ conversations }: PageUpdate): Transferable[] {
  const buffers: Transferable[] = [];
  for (const { sides } of conversations) {
    for (const side of [sides.client, sides.server]) {
      for (const list of [side.chunks, side.frames, side.chunkBytes, side.frameBytes])
        if (list.length > 0) buffers.push(list.buffer);
    }
  }
  return buffers;
}
