/**
 * The deframer alone, through the operator, on one core.
 *
 * node test/bench/deframe.mjs (after npm run build)
 */
import { Buffer } from 'node:buffer';
import { pathToFileURL } from 'node:url';
import { load, measureApart, measuredHere, ownBuild } from './support/build.mjs';
import { figure, printSummary } from './support/table.mjs';

const here = measuredHere(import.meta.url);
const { rxjs, deframe, lengthField, jsonHeader, encodeJsonHeader } = await load(
  here?.build ?? ownBuild,
  'deframe',
  'lengthField',
  'jsonHeader',
  'encodeJsonHeader',
);

const CHUNK = 64 * 1024;
const ROUNDS = 5;

/** Feeds the chunks over and over for `ms`, and says how many rounds of them went through in a second of the processor. */
function roundsPerSecond(framing, first, chunks, ms) {
  const source$ = new rxjs.Subject();
  let bytes = 0;
  let frames = 0;
  let touched = 0;
  source$.pipe(deframe(framing)).subscribe((event) => {
    if (event.type === 'data') {
      bytes += event.bytes.length;
      touched += event.bytes[0];
    } else if (event.type === 'frame') {
      frames++;
      bytes += event.body.length;
      touched += event.body[0];
    } else if (event.type === 'end') frames++;
    else if (event.type === 'fault' && event.fault.code !== 'truncated') throw new Error(event.fault.message);
  });
  if (first !== null) source$.next(first);
  const before = process.cpuUsage();
  const until = process.hrtime.bigint() + BigInt(ms) * 1_000_000n;
  let rounds = 0;
  while (process.hrtime.bigint() < until) {
    for (const chunk of chunks) source$.next(chunk);
    rounds++;
  }
  // Of the processor, so that what others do meanwhile does not count.
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  source$.complete();
  if (touched < 0) throw new Error('unreachable, but the bodies had to be looked at to know');
  return { frames: frames / seconds, bytes: bytes / seconds, rounds: rounds / seconds };
}

/** The best of a few: what the code can do when nobody else wants the core. */
function best(measure) {
  return Math.max(...Array.from({ length: ROUNDS }, measure));
}

/** `count` frames one after another, cut into chunks as a socket would. */
function cut(frame, count) {
  const all = Buffer.concat(Array.from({ length: count }, () => frame));
  const chunks = [];
  for (let at = 0; at < all.length; at += CHUNK) chunks.push(all.subarray(at, at + CHUNK));
  return chunks;
}

function smallFrames(ms) {
  const framing = lengthField({ width: 4, maxLength: 1024 });
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 60]), Buffer.alloc(60)]);
  // A number of frames that does not fill the chunks evenly, so that heads and bodies are cut too.
  const chunks = cut(Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), ...Array(4096).fill(frame)]), 4);
  return best(() => roundsPerSecond(framing, null, chunks, ms).frames);
}

function smallRequests(ms) {
  const framing = jsonHeader({ bodyLength: (header) => header.filesize });
  const header = encodeJsonHeader({ cmd: 'put', filename: 'folder/file-000001.txt', filesize: 16 });
  const chunks = cut(Buffer.concat([header.bytes, Buffer.alloc(16)]), 4096);
  return best(() => roundsPerSecond(framing, null, chunks, ms).frames);
}

function largeBody(ms) {
  const framing = lengthField({ width: 8, maxLength: Number.MAX_SAFE_INTEGER, delivery: () => 'stream' });
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64BE(2n ** 52n);
  const chunks = Array.from({ length: 64 }, () => Buffer.alloc(CHUNK));
  return best(() => roundsPerSecond(framing, prefix, chunks, ms).bytes);
}

/**
 * @param ms how long each of a few rounds of each measurement takes, in milliseconds.
 * @returns frames of 64 bytes a second, requests (a JSON header and 16 bytes) a second, and bytes a second of one
 *   large body in chunks of 64 KiB, handed on as views.
 */
export function run(ms = 200) {
  const figures = [
    figure('deframe, 64-byte frames, whole', smallFrames(ms) / 1e6, 'million/s', { atLeast: 2 }),
    figure('deframe, JSON header and 16 bytes', smallRequests(ms) / 1e6, 'million/s'),
    figure('deframe, one body in 64 KiB chunks', largeBody(ms) / 1e9, 'GB/s', { atLeast: 20 }),
  ];
  console.log('\nThe deframer alone, through its operator');
  printSummary(figures);
  return figures;
}

/** The same of two builds, each turn in a process of its own. */
export function contests() {
  const figures = {
    'million frames/s of 64 B': 'more',
    'million requests/s': 'more',
    'GB/s of one body': 'more',
  };
  const open = (build) => ({ turn: () => measureApart(new URL(import.meta.url), build) });
  return [{ name: 'deframe', figures, fresh: true, open }];
}

if (here !== undefined) {
  const figures = {
    'million frames/s of 64 B': smallFrames(100) / 1e6,
    'million requests/s': smallRequests(100) / 1e6,
    'GB/s of one body': largeBody(100) / 1e9,
  };
  console.log(JSON.stringify(figures));
} else if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) run();
