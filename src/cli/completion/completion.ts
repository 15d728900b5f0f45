/** `sluice completion`: prints what has a shell complete command lines of sluice. */
import { Argument, type Command } from 'commander';
import { exitStatusHelp } from '../shared/exit-status.ts';
import { createOutput } from '../shared/output.ts';
import { bashScript } from './bash.ts';
import { commandTree } from './command-tree.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

const help = `
Completed are commands, options, the values of those that have only some, files
and folders of this machine, and the servers that "sluice config" has names for.
"sluice" must be found by the shell: npm install --global sluice, or an alias.

Examples:
  echo 'source <(sluice completion bash)' >> ~/.bashrc
  echo 'source <(sluice completion zsh)' >> ~/.zshrc       behind compinit
  sluice completion zsh > ~/.zfunc/_sluice                 in a folder of $fpath
  sluice completion fish > ~/.config/fish/completions/sluice.fish
${exitStatusHelp}`;

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .summary('completion for a shell')
    .description('Prints a script that has a shell complete command lines of sluice.')
    .addArgument(
      new Argument('<SHELL>', 'the shell').choices(Object.keys(scripts) as readonly string[] as string[]),
    )
    .addHelpText('after', help)
    .action((shell: keyof typeof scripts) => {
      createOutput().line(scripts[shell](commandTree(program)).trimEnd());
    });
}
