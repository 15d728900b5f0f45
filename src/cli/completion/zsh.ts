/** The completion for zsh: a function for each command, which `_arguments` of zsh reads. */
import { type CompletedCommand, type CompletedOption, type Value, withAllBelow } from './command-tree.ts';

export const zshScript = (program: CompletedCommand): string => `#compdef sluice
# Completion of sluice for zsh, made by "sluice completion zsh".
_sluice_servers() {
  local -a names
  names=(\${(f)"$(sluice config list 2>/dev/null | sed 's/ .*/:/')"})
  compadd -a names
}
${withAllBelow(program).map(commandFunction).join('')}# Read by autoload, or by source.
if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi
`;

const functionOf = ({ path }: CompletedCommand): string => `_${path.join('_')}`;
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Text in an `_arguments` specification, where these characters end a part of it. */
const inSpec = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&');

function commandFunction(command: CompletedCommand): string {
  const specs = [...command.options.map(optionSpec), ...argumentSpecs(command)];
  const lines = specs.map((spec) => ` \\\n    ${spec}`).join('');
  if (command.commands.length === 0) return `${functionOf(command)}() {\n  _arguments -s -S${lines}\n}\n`;
  const described = command.commands.flatMap(({ names, description }) =>
    names.map((name) => `    ${quoted(`${name.replaceAll(':', '\\:')}:${description}`)}\n`),
  );
  const cases = command.commands.map(
    (each) => `    ${each.names.map(quoted).join('|')}) ${functionOf(each)} ;;\n`,
  );
  return `${functionOf(command)}() {
  local line state
  local -a commands
  commands=(
${described.join('')}  )
  _arguments -C -s -S${lines}
  case $state in
    command) _describe command commands ;;
    rest) case $line[1] in
${cases.join('')}    esac ;;
  esac
}
`;
}

function optionSpec({ names, description, value }: CompletedOption): string {
  const isLong = (name: string) => name.startsWith('--');
  const shown = names.map((name) => (value === null ? name : `${name}${isLong(name) ? '=' : '+'}`));
  // Some that take a value may be given many times; commander does not say which.
  const exclusive = value !== null ? '*' : names.length > 1 ? `(${names.join(' ')})` : '';
  const text = `[${inSpec(description)}]${value === null ? '' : `:value:${fill(value)}`}`;
  return shown.map((name) => quoted(`${exclusive}${name}${text}`)).join(' ');
}

function argumentSpecs({ commands, values, repeats }: CompletedCommand): readonly string[] {
  if (commands.length > 0) return [quoted('1: :->command'), quoted('*:: :->rest')];
  return values.map((value, at) => {
    const isLast = at === values.length - 1;
    return quoted(`${repeats && isLast ? '*' : at + 1}: :${fill(value)}`);
  });
}

function fill(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `(${value.words.join(' ')})`;
    case 'files':
      return '_files';
    case 'folders':
      return '_files -/';
    case 'servers':
      return '_sluice_servers';
    case 'anything':
      return ' ';
  }
}
