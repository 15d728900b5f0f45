/**
 * Reading captures: putting their streams together, finding the frames in them, and writing a stream to a file. Beside
 * tshark and tcpflow, each a whole process on one core.
 *
 * node test/bench/captures.mjs (after npm run build); with `--run DIR FILE` it is the process that is measured.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { load, measuredHere, ownBuild } from './support/build.mjs';
import { makeCapture, makeManyConversations } from './support/capture-made.mjs';
import { installed } from './support/install.mjs';
import { endedChildrenSeconds, watchPeak } from './support/process-facts.mjs';
import { figure, median, printSummary, printTable, shown, shownBytes } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { byTurns } from './support/turns.mjs';

const GIB = 2 ** 30;
const MiB = 2 ** 20;
const size = Number(process.env.SLUICE_BENCH_BIG ?? GIB);
const rounds = Number(process.env.SLUICE_BENCH_ROUNDS ?? 3);
const one = (fields) => (path, size) => makeCapture(path, { size, ...fields });
/** `atMost` bounds the memory of reading: MiB, besides half of tshark's. */
const shapes = [
  { name: '64 KB packets, 64 KiB frames', make: one({ packet: 65_160, frame: 65_536 }) },
  { name: '1,448 B packets, 64 KiB frames', make: one({ packet: 1448, frame: 65_536 }) },
  { name: '1,448 B packets, 256 B frames', make: one({ packet: 1448, frame: 256 }) },
  {
    name: '1,448 B, 2 % sent again',
    make: one({ packet: 1448, frame: 65_536, lost: 'resent' }),
    atMost: 100,
  },
  {
    name: '1,448 B, 2 % not captured',
    make: one({ packet: 1448, frame: 65_536, lost: 'never' }),
    // Behind a gap no frame is found.
    gaps: true,
    atMost: 100,
  },
  {
    name: '50,000 conversations at once',
    make: (path) => makeManyConversations(path, 50_000),
    many: true,
    atMost: 100,
  },
];

const here = fileURLToPath(import.meta.url);
const hasTaskset = spawnSync('taskset', ['-V']).status === 0;

/** Runs a command on one core. Answers what it took and printed; into a file when there is one. */
async function onOneCore(command, args, into = null) {
  const [program, ...rest] = hasTaskset ? ['taskset', '-c', '1', command, ...args] : [command, ...args];
  const before = endedChildrenSeconds();
  const started = performance.now();
  const file = into === null ? null : openSync(into, 'w');
  const child = spawn(program, rest, { stdio: ['ignore', file ?? 'pipe', 'pipe'] });
  const peak = watchPeak(child.pid, 10);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const seconds = (performance.now() - started) / 1000;
  const memory = peak.stop();
  if (file !== null) closeSync(file);
  return { seconds, cpu: endedChildrenSeconds() - before, memory, stdout, stderr, status };
}

async function succeeded(command, args, into) {
  const ran = await onOneCore(command, args, into);
  if (ran.status !== 0) throw new Error(`${command} failed: ${ran.stderr}`);
  return ran;
}

/** One build reads the capture in a process of its own, and must find what is in it. */
async function readBy(build, path, made, { gaps = false } = {}) {
  const ran = await succeeded(process.execPath, [here, '--run', build.dir, path]);
  const said = JSON.parse(ran.stdout);
  if ((!gaps && said.frames !== made.frames) || said.bytes !== made.bytes)
    throw new Error(`found ${ran.stdout}`);
  return { ...ran, memory: said.rss };
}

const medianOf = (list, what) => median(list.map((each) => each[what]));

/** `sluice inspect --follow` and tcpflow write the client's bytes to files. */
async function follow(path, folder, { gaps = false }) {
  const to = join(folder, 'tcpflow');
  const out = join(folder, 'followed');
  const contestants = [
    async () => {
      const args = [ownBuild.main, 'inspect', path, '--follow', '0:client'];
      const ran = await onOneCore(process.execPath, args, out);
      rmSync(out);
      // It says with this status that bytes are missing.
      if (ran.status !== (gaps ? 1 : 0)) throw new Error(`inspect --follow failed: ${ran.stderr}`);
      return ran;
    },
    async () => {
      mkdirSync(to);
      const ran = await succeeded('tcpflow', ['-r', path, '-o', to]);
      rmSync(to, { recursive: true });
      return ran;
    },
  ];
  const [ours, theirs] = await byTurns(contestants, rounds, (turn) => turn());
  return [medianOf(ours, 'seconds'), medianOf(theirs, 'seconds')];
}

export async function run() {
  console.log(
    `\ncaptures: files of ${shownBytes(size)} of payload, and one of 50,000 conversations, on one core`,
  );
  const folder = removeAtExit(mkdtempSync(join(process.env.BENCH_MEMORY ?? tmpdir(), 'sluice-bench-')));
  const path = join(folder, 'made.pcap');
  const hasTshark = installed('tshark');
  const hasTcpflow = installed('tcpflow');
  const rows = [];
  const figures = [];
  for (const shape of shapes) {
    const { name, atMost, gaps, many } = shape;
    const made = shape.make(path, size);
    const mb = statSync(path).size / 1e6;
    const contestants = [
      () => readBy(ownBuild, path, made, shape),
      () => succeeded(process.execPath, [ownBuild.main, 'inspect', '--frames', '0', path]),
    ];
    const [library, command] = await byTurns(contestants, rounds, (turn) => turn());
    // Once is enough for what takes that long.
    const theirs = hasTshark ? [await succeeded('tshark', ['-r', path, '-q', '-z', 'conv,tcp'])] : undefined;
    const cpu = [library, command, theirs].map((list) => (list ? medianOf(list, 'cpu') : null));
    const memory = [library, command, theirs].map((list) =>
      list ? Math.max(...list.map((each) => each.memory)) / MiB : null,
    );
    figures.push(figure(`captures, ${name}`, mb / medianOf(library, 'seconds'), 'MB/s'));
    rows.push([name, ...cpu, ...memory].map((cell) => cell ?? 'not there'));
    for (const [i, who] of ['readStreams', 'sluice inspect'].entries()) {
      if (hasTshark) {
        figures.push(
          figure(`${name}: ${who}, CPU / tshark`, cpu[i] / cpu[2], '×', { atMost: 1 / 3 }),
          figure(`${name}: ${who}, memory / tshark`, memory[i] / memory[2], '×', { atMost: 0.5 }),
        );
      }
      if (atMost !== undefined) figures.push(figure(`${name}: ${who}, memory`, memory[i], 'MiB', { atMost }));
    }
    // tcpflow takes minutes where packets never come.
    if (hasTcpflow && !many && !gaps) {
      const [ours, beside] = await follow(path, folder, shape);
      console.log(`  ${name}: a side to a file, ${shown(ours)} s; tcpflow ${shown(beside)} s`);
      figures.push(figure(`${name}: inspect --follow / tcpflow`, ours / beside, '×', { atMost: 2 }));
    }
    rmSync(path);
  }
  const who = ['readStreams', 'inspect', 'tshark'];
  printTable(['', ...who.map((each) => `${each} CPU s`), ...who.map((each) => `${each} MiB`)], rows);
  console.log('  whole processes, their start included; sluice inspect --frames 0, tshark -q -z conv,tcp');
  return figures;
}

/** The process that is measured. It imports what a program that reads captures does. */
async function measured(build, path) {
  const files = build.files.filter((file) => /\/(capture|index)\.js$/.test(file));
  const { captureFile, readStreams, initialDeframeState, deframeStep, lengthField } = await load(
    { ...build, files },
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
  for await (const events of readStreams(captureFile(path, { reuse: true }))) {
    for (const event of events) {
      if (event.type === 'close')
        for (const side of [0, 1]) sides.delete(event.conversation.index * 2 + side);
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

/** The same of two builds, with a quarter of the payload. */
export function contests() {
  return shapes.map((shape) => ({
    name: `captures, ${shape.name}`,
    figures: { 'MB/s': 'more', 'CPU s': 'less', 'resident MiB': 'less' },
    fresh: true,
    open(build, dir) {
      const path = join(dir, 'made.pcap');
      const made = shape.make(path, GIB / 4);
      const mb = statSync(path).size / 1e6;
      const turn = async () => {
        const { seconds, cpu, memory } = await readBy(build, path, made, shape);
        return { 'MB/s': mb / seconds, 'CPU s': cpu, 'resident MiB': memory / MiB };
      };
      return { turn, close: () => rmSync(path) };
    },
  }));
}

const apart = measuredHere(import.meta.url);
if (apart !== undefined) await measured(apart.build, ...apart.args);
else if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) printSummary(await run());
