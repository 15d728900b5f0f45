/**
 * Runs many command lines of the built `sluice` in one process, one after the other: each message is one, each answer
 * what it printed and its exit status. For commands that come to an end by themselves; starting node for each of
 * them would take longer than what they do.
 */
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const [folder, variables] = [process.cwd(), { ...process.env }];
// Each run listens for errors of both.
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);

function setVariables(wanted) {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(wanted, name)) delete process.env[name];
  Object.assign(process.env, wanted);
}

const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

/** Has a stream gather what is written to it, as text. */
function gathered(stream) {
  const pieces = [];
  stream.write = (piece, ...rest) => {
    pieces.push(typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece));
    const taken = rest.find((it) => typeof it === 'function');
    if (taken !== undefined) setImmediate(taken);
    return true;
  };
  return () => Buffer.concat(pieces).toString();
}

/** Turns of the event loop without a word, after which a command has said all. */
const QUIET_TURNS = 20;

let runs = 0;
process.on('message', async ({ args, cwd, env }) => {
  const [stdout, stderr] = [gathered(process.stdout), gathered(process.stderr)];
  process.argv = [process.argv[0], main, ...args];
  process.exitCode = undefined;
  process.chdir(cwd ?? folder);
  setVariables({ ...variables, ...env });
  // The query makes it a module of its own, so that it runs again. What it imports is loaded once.
  await import(`${main}?${++runs}`);
  // What a command has printed last is written when what was before it has been taken, some turns of the event loop later.
  let [printed, quiet] = [-1, 0];
  while (quiet < QUIET_TURNS) {
    await turnOfTheLoop();
    const now = stdout().length + stderr().length;
    quiet = now === printed ? quiet + 1 : 0;
    printed = now;
  }
  process.send({ status: process.exitCode ?? 0, stdout: stdout(), stderr: stderr() });
});
process.on('disconnect', () => process.exit());
