/** The completion scripts, read and asked by the shells that they are for. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { need } from '../../support/install-tools.ts';
import { main } from '../../support/processes/cli.ts';
import { tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

/** A folder with files and named servers, where shells find `sluice`. */
function place() {
  const folder = tempFolder();
  const servers = { work: { address: ':1' }, 'far-away': { address: ':2' } };
  writeTree(folder, {
    'notes.txt': '',
    'photos/a': '',
    'config/sluice/servers.json': JSON.stringify({ servers }),
  });
  const bin = join(folder, 'bin');
  writeTree(folder, { 'bin/sluice': '' });
  const line = `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`;
  writeFileSync(join(bin, 'sluice'), line);
  execFileSync('chmod', ['+x', join(bin, 'sluice')]);
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    XDG_CONFIG_HOME: join(folder, 'config'),
    HOME: folder,
    TERM: 'dumb',
  };
  const run = (shell: string, args: readonly string[], script: string) => {
    const file = join(folder, 'config/script');
    writeFileSync(file, script);
    return execFileSync(shell, [...args, file], { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
  };
  return { run };
}

/** The words of a command line, the last of which is asked for, and what it may become. */
const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['compl'], ['completion']],
  [['co'], ['completion', 'config', 'copy']],
  [
    ['config', ''],
    ['help', 'list', 'remove', 'set', 'show'],
  ],
  [
    ['config', 'show', ''],
    ['far-away:', 'work:'],
  ],
  [['put', '--to', 'w'], ['work:']],
  [
    ['sync', 'a', 'b', '--from', ''],
    ['far-away:', 'work:'],
  ],
  [['put', '--verify', ''], ['sha256']],
  [
    ['put', '--no'],
    ['--no-acks', '--no-clobber', '--no-resume'],
  ],
  [['put', '--as', 'get', '--upd'], ['--update']],
  [['put', 'no'], ['notes.txt']],
  [
    ['serve', '--durability', ''],
    ['fsync', 'os'],
  ],
  [
    ['completion', ''],
    ['bash', 'fish', 'zsh'],
  ],
  [['mv', 'no'], []],
  [['put', '--as', 'no'], []],
  [['put', '--', '--'], []],
  [['put', '--', '-'], []],
  [['put', '--', 'no'], ['notes.txt']],
  [['put', '--', '--to', 'no'], ['notes.txt']],
  [
    ['inspect', '--list', '--sort', 'client-'],
    ['client-bytes', 'client-frames'],
  ],
];

const wanted = cases.map(([words, completed]) => `${words.join(' ')} => ${completed.join(' ')}`.trim());

describe('a script of sluice completion', () => {
  test('bash completes commands, options, words, files and servers with it', () => {
    const asked = cases.map(([words]) => `try sluice ${words.map((word) => `'${word}'`).join(' ')}`);
    const said = place().run(
      'bash',
      ['--norc'],
      `source <(sluice completion bash)
try() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _sluice
  shift
  echo "$* =>" $(printf '%s\\n' "\${COMPREPLY[@]}" | LC_ALL=C sort)
}
${asked.join('\n')}
try sluice put --to = w
try sluice put --to =
try sluice inspect --sort -dur
complete -p sluice
`,
    );
    expect(said.split('\n').filter(Boolean)).toEqual([
      ...wanted,
      'put --to = w => work:',
      'put --to = => far-away: work:',
      'inspect --sort -dur => -duration',
      'complete -F _sluice sluice',
    ]);
  });

  test.skipIf(!need('fish'))('fish completes the same with it, and says what each is', () => {
    const asked = cases.map(([words]) => {
      const line = ['sluice', ...words].join(' ');
      return `echo '${words.join(' ')} =>' (complete -C '${line}' | string replace -r '\\t.*' '' | env LC_ALL=C sort)`;
    });
    const said = place().run(
      'fish',
      ['--no-config'],
      `source (sluice completion fish | psub)
${asked.join('\n')}
complete -C 'sluice config sh'
complete -C 'sluice put --to=w'
complete -C 'sluice inspect --sort=-dur' | string replace -r '\\t.*' ''
`,
    );
    const lines = said.split('\n').filter(Boolean);
    expect(lines).toEqual([
      ...wanted,
      'show\tshow what is known of a server',
      '--to=work:\t:1',
      '--sort=-duration',
    ]);
  });

  test.skipIf(!need('zsh'))('zsh completes lines that are typed with it', () => {
    // One way only, so that it is typed out: the line as it is typed, and what then stands there.
    const typed = [
      ['sluice compl', 'sluice completion'],
      ['sluice config sh', 'sluice config show'],
      ['sluice config show f', 'sluice config show far-away:'],
      ['sluice put --to w', 'sluice put --to work:'],
      ['sluice put --to=f', 'sluice put --to=far-away:'],
      ['sluice put --upd', 'sluice put --update'],
      ['sluice put no', 'sluice put notes.txt'],
      ['sluice serve ph', 'sluice serve photos'],
      ['sluice serve --durability=f', 'sluice serve --durability=fsync'],
      ['sluice put -- no', 'sluice put -- notes.txt'],
      ['sluice inspect --sort prot', 'sluice inspect --sort protocol'],
      ['sluice inspect --sort=-prot', 'sluice inspect --sort=-protocol'],
    ];
    const said = place().run(
      'zsh',
      ['-f'],
      `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT=">"; unsetopt beep; autoload -U compinit; compinit -u -D; source <(sluice completion zsh); print REA''DY'
zpty -r shell out '*READY*'
${typed
  .map(
    ([line, whole]) => `zpty -w -n shell '${line}'$'\\t'
zpty -r shell out '*${whole}*' && print -r -- '${whole}'
zpty -w -n shell $'\\x15'`,
  )
  .join('\n')}
# What stays as it was shows by what is typed behind it.
zpty -w -n shell 'sluice put -- --upd'$'\\t''x'
zpty -r shell out '*--updx*' && print -r -- 'no option behind --'
zpty -d shell
`,
    );
    expect(said.split('\n').filter(Boolean)).toEqual([
      ...typed.map(([, whole]) => whole),
      'no option behind --',
    ]);
  });
});
