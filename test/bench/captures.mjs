/**
 * Reading a capture, putting its streams together and finding the frames in them, on one core; tshark beside it.
 *
 * node test/bench/captures.mjs (after npm run build); with `--run DIR FILE` it is the process that is measured.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { load, measuredHere, ownBuild } from './build.mjs';
import { makeCapture } from './capture-made.mjs';
import { figure, median, printSummary, printTable } from './table.mjs';
import { removeAtExit } from './tidy.mjs';

const GIB = 2 ** 30;
const ROUNDS = 3;
const shapes = [
  { name: '64 KB packets, 64 KiB frames', packet: 65_160, frame: 65_536 },
  { name: '1,448 B packets, 64 KiB frames', packet: 1448, frame: 65_536 },
  { name: '1,448 B packets, 256 B frames', packet: 1448, frame: 256 },
];

const here = fileURLToPath(import.meta.url);
const hasTaskset = spawnSync('taskset', ['-V']).status === 0;

/** Runs a command on one core, and answers its seconds and what it printed. */
function onOneCore(command, args) {
  const [program, ...rest] = hasTaskset ? ['taskset', '-c', '1', command, ...args] : [command, ...args];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return { seconds: (performance.now() - started) / 1000, stdout };
}

/** One build reads the capture in a process of its own, and must find what is in it. */
function readBy(build, path, made) {
  const { seconds, stdout } = onOneCore(process.execPath, [here, '--run', build.dir, path]);
  const said = JSON.parse(stdout);
  if (said.frames !== made.frames || said.bytes !== made.bytes) throw new Error(`found ${stdout}`);
  return { seconds, said };
}

export async function run() {
  console.log('\ncaptures: a file of 1 GiB of payload, read, reassembled and deframed on one core');
  const folder = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  const path = join(folder, 'made.pcap');
  const hasTshark = spawnSync('tshark', ['--version']).status === 0;
  const rows = [];
  const figures = [];
  for (const { name, packet, frame } of shapes) {
    const made = makeCapture(path, { size: GIB, packet, frame });
    const mb = statSync(path).size / 1e6;
    const ours = [];
    const theirs = [];
    let rss = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { seconds, said } = readBy(ownBuild, path, made);
      ours.push(seconds);
      rss = Math.max(rss, said.rss);
      // Once is enough for what takes that long.
      if (hasTshark && round === 0)
        theirs.push(onOneCore('tshark', ['-r', path, '-q', '-z', 'conv,tcp']).seconds);
    }
    const rate = mb / median(ours);
    const beside = theirs.length === 0 ? null : mb / median(theirs);
    rows.push([name, rate, beside ?? 'not there', beside === null ? '' : rate / beside, rss / 2 ** 20]);
    const target = packet > 10_000 ? { atLeast: 500 } : {};
    figures.push(figure(`captures, ${name}`, rate, 'MB/s', target));
  }
  printTable(['', 'Sluice MB/s', 'tshark MB/s', 'ratio', 'MiB resident'], rows);
  console.log('  whole processes, the start of Node and of tshark included; tshark: -q -z conv,tcp');
  return figures;
}

/** The process that is measured. */
async function measured(build, path) {
  const { captureFile, readStreams, initialDeframeState, deframeStep, lengthField } = await load(
    build,
    'captureFile',
    'readStreams',
    ['initialDeframeState', 'initialState'],
    ['deframeStep', 'step'],
    'lengthField',
  );
  const framing = lengthField({ width: 4, maxLength: 2 ** 20, delivery: () => 'stream' });
  const sides = new Map();
  let frames = 0;
  let bytes = 0;
  for await (const events of readStreams(captureFile(path))) {
    for (const event of events) {
      if (event.type !== 'chunk') continue;
      const key = event.conversation.index * 2 + (event.from === 'client' ? 0 : 1);
      const stepped = deframeStep(framing, sides.get(key) ?? initialDeframeState(), event.bytes);
      sides.set(key, stepped.state);
      bytes += event.bytes.length;
      for (const { type } of stepped.events) if (type === 'end' || type === 'frame') frames++;
    }
  }
  console.log(JSON.stringify({ frames, bytes, rss: process.resourceUsage().maxRSS * 1024 }));
}

/** The same of two builds, with a file of 256 MiB of payload. */
export function contests() {
  return shapes.map(({ name, packet, frame }) => ({
    name: `captures, ${name}`,
    figures: { 'MB/s': 'more', 'resident MiB': 'less' },
    fresh: true,
    open(build, dir) {
      const path = join(dir, 'made.pcap');
      const made = makeCapture(path, { size: GIB / 4, packet, frame });
      const mb = statSync(path).size / 1e6;
      const turn = () => {
        const { seconds, said } = readBy(build, path, made);
        return { 'MB/s': mb / seconds, 'resident MiB': said.rss / 2 ** 20 };
      };
      return { turn, close: () => rmSync(path) };
    },
  }));
}

const apart = measuredHere(import.meta.url);
if (apart !== undefined) await measured(apart.build, ...apart.args);
else if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) printSummary(await run());
