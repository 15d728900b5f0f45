#!/usr/bin/env node
/** The entry of the command line. It loads the subcommand, and turns an `ExitError` into a message and a status. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { isExitError } from './shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from './shared/exit-status.ts';
import { createOutput } from './shared/output.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

// A message that stderr does not take is lost, and the command goes on.
process.stderr.on('error', () => {});

// An empty variable counts as not set: `SLUICE_SERVER=$NOWHERE` sets an empty one.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith('SLUICE_') && value === '') delete process.env[name];
}

const program = new Command('sluice')
  .description(
    'Sends and receives files over TCP: atomically, verified, in bounded memory. Looks into recorded traffic.',
  )
  .version(version)
  .showHelpAfterError('(--help says more)')
  .addHelpText('after', exitStatusHelp)
  // A description is wrapped behind long names of options as well.
  .configureHelp({ minWidthToWrap: 30 })
  .configureOutput({ writeOut: (text) => createOutput().line(text.replace(/\n$/, '')) })
  .exitOverride();

const subcommands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  serve: async () => (await import('./serve/serve.ts')).addServe,
  put: async () => (await import('./client-commands.ts')).addPut,
  get: async () => (await import('./client-commands.ts')).addGet,
  cat: async () => (await import('./client-commands.ts')).addCat,
  sync: async () => (await import('./client-commands.ts')).addSync,
  ls: async () => (await import('./client-commands.ts')).addLs,
  du: async () => (await import('./client-commands.ts')).addDu,
  stat: async () => (await import('./client-commands.ts')).addStat,
  rm: async () => (await import('./client-commands.ts')).addRm,
  mv: async () => (await import('./client-commands.ts')).addMv,
  copy: async () => (await import('./copy/copy.ts')).addCopy,
  config: async () => (await import('./config/config.ts')).addConfig,
  completion: async () => (await import('./completion/completion.ts')).addCompletion,
  events: async () => (await import('./events/events.ts')).addEvents,
  inspect: async () => (await import('./inspect/inspect.ts')).addInspect,
  replay: async () => (await import('./replay/replay.ts')).addReplay,
  demo: async () => (await import('./demo.ts')).addDemo,
  upper: async () => (await import('./upper.ts')).addUpper,
  sticky: async () => (await import('./sticky.ts')).addSticky,
};
// Only the subcommand that is run is loaded: it starts sooner and takes less memory. The help loads all of them, as does
// the completion, which is made from them, and the version none.
const [asked = ''] = process.argv.slice(2);
const isVersion = asked === '--version' || asked === '-V';
const wantsAll = asked === 'completion';
const wanted =
  Object.hasOwn(subcommands, asked) && !wantsAll ? [asked] : isVersion ? [] : Object.keys(subcommands);
for (const name of wanted) (await subcommands[name]!())(program);
for (const each of program.commands) each.copyInheritedSettings(program);

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = printFailure(thrown);
}

/** Prints the message that was not printed yet, and answers the exit status. */
function printFailure(thrown: unknown): number {
  // Commander has printed its own message, or the help or version that was asked for.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitStatus.success : exitStatus.usage;
  if (!isExitError(thrown)) throw thrown;
  if (thrown.said !== null) process.stderr.write(`sluice: ${thrown.said}\n`);
  return thrown.status;
}
