/** The help of every command. */
import { afterEach, expect, test } from 'vitest';
import { endAll, sluiceInRunner } from '../../support/processes/cli.ts';

afterEach(endAll);

const helpOf = async (command: readonly string[]): Promise<string> => {
  const { status, stdout } = await sluiceInRunner([...command, '--help']);
  expect(status).toBe(0);
  return stdout;
};

/** A command, and all below it, by their words. */
async function withAllBelow(command: readonly string[]): Promise<readonly (readonly string[])[]> {
  const [, listed = ''] = /\nCommands:\n((?: .*\n)+)/.exec(await helpOf(command)) ?? [];
  const names = [...listed.matchAll(/^ {2}(\w+)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
  const below = await Promise.all(names.map((name) => withAllBelow([...command, name])));
  return [command, ...below.flat()];
}

test('no line of a help is wider than 80 columns', async () => {
  const commands = await withAllBelow([]);
  expect(commands.map((words) => words.join(' '))).toEqual(expect.arrayContaining(['', 'put', 'config set']));
  const wide: string[] = [];
  for (const command of commands)
    for (const line of (await helpOf(command)).split('\n'))
      if ([...line].length > 80) wide.push(`${command.join(' ')}: ${line}`);
  expect(wide).toEqual([]);
});
