#!/usr/bin/env node
/** The command line. Each subcommand is in its own file; what all have in common is here. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { exitStatus, exitStatusHelp } from './exit-status.ts';
import { addGet } from './get.ts';
import { addInspect } from './inspect.ts';
import { addLs } from './ls.ts';
import { addMv } from './mv.ts';
import { addPut } from './put.ts';
import { addReplay } from './replay.ts';
import { addRm } from './rm.ts';
import { addServe } from './serve.ts';
import { addStat } from './stat.ts';
import { addSticky } from './sticky.ts';
import { isStop } from './stop.ts';
import { addUpper } from './upper.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const program = new Command('sluice')
  .description(
    'Sends and receives files over TCP: atomically, verified, in bounded memory. Looks into recorded traffic.',
  )
  .version(version)
  .showHelpAfterError('(--help says more)')
  .addHelpText('after', exitStatusHelp)
  .exitOverride();

const subcommands = [
  ...[addServe, addPut, addGet, addLs, addStat, addRm, addMv],
  ...[addInspect, addReplay],
  ...[addUpper, addSticky],
];
for (const add of subcommands) add(program);
for (const each of program.commands) each.copyInheritedSettings(program);

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = told(thrown);
}

/** Says what went wrong, where that was not said yet, and answers the exit status. */
function told(thrown: unknown): number {
  // Commander has printed its own message, or the help or version that was asked for.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitStatus.success : exitStatus.misuse;
  if (!isStop(thrown)) throw thrown;
  if (thrown.message !== null) process.stderr.write(`sluice: ${thrown.message}\n`);
  return thrown.status;
}
