/** The completion for fish: a line for each option and command, with the condition under which it counts. */
import { type CompletedCommand, type CompletedOption, type Value, withAllBelow } from './command-tree.ts';

export function fishScript(program: CompletedCommand): string {
  const commands = withAllBelow(program);
  const paths = commands.flatMap((command) =>
    command.commands.flatMap((each) => each.names.map((name) => quoted(`${pathOf(command)} ${name}`))),
  );
  return `# Completion of sluice for fish, made by "sluice completion fish".
function __sluice_at --description 'whether the command line is at this command'
    set -l path sluice
    set -l words (commandline -opc)
    for word in $words[2..-1]
        switch "$path $word"
            case ${paths.join(' ')}
                set path "$path $word"
        end
    end
    test "$path" = "$argv"
end
function __sluice_servers
    sluice config list 2>/dev/null | string replace -r ' +' ':\\t'
end
complete -c sluice -f
${commands.flatMap(linesOf).join('\n')}
`;
}

const pathOf = ({ path }: CompletedCommand): string => path.join(' ');
const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

function linesOf(command: CompletedCommand): readonly string[] {
  const at = `complete -c sluice -n ${quoted(`__sluice_at ${pathOf(command)}`)}`;
  const value = command.values[0];
  return [
    ...command.commands.flatMap(({ names, description }) =>
      names.map((name) => `${at} -a ${quoted(name)} -d ${quoted(description)}`),
    ),
    ...(value === undefined || value.kind === 'anything' ? [] : [`${at} ${fill(value)}`]),
    ...command.options.map((option) => `${at} ${optionWords(option)} -d ${quoted(option.description)}`),
  ];
}

function optionWords({ names, value }: CompletedOption): string {
  const named = names.map((name) =>
    name.startsWith('--') ? `-l ${quoted(name.slice(2))}` : `-s ${quoted(name.slice(1))}`,
  );
  if (value === null) return named.join(' ');
  return [...named, value.kind === 'files' ? '-r -F' : `-x ${fill(value)}`].join(' ').trimEnd();
}

function fill(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `-a ${quoted(value.words.join(' '))}`;
    case 'files':
      return '-F';
    case 'folders':
      return "-a '(__fish_complete_directories)'";
    case 'servers':
      return "-a '(__sluice_servers)'";
    case 'anything':
      return '';
  }
}
