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

let runs = 0;
process.on('message', async ({ args, cwd, env }) => {
  const [stdout, stderr] = [gathered(process.stdout), gathered(process.stderr)];
  process.argv = [process.argv[0], main, ...args];
  process.exitCode = undefined;
  process.chdir(cwd ?? folder);
  setVariables({ ...variables, ...env });
  // The query makes it a module of its own, so that it runs again. What it imports is loaded once.
  await import(`${main}?${++runs}`);
  // What a command has printed last is written in the next turn of the event loop.
  for (let turn = 0; turn < 3; turn++) await turnOfTheLoop();
  process.send({ status: process.exitCode ?? 0, stdout: stdout(), stderr: stderr() });
});
process.on('disconnect', () => process.exit());
