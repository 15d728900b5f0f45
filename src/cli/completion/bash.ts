/** The completion for bash. It needs no other package, and runs in the bash 3.2 of macOS too. */
import { type CompletedCommand, type Value, withAllBelow } from './command-tree.ts';

export function bashScript(program: CompletedCommand): string {
  const commands = withAllBelow(program);
  return `# Completion of sluice for bash, made by "sluice completion bash".
_sluice_words() { while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$@" -- "$cur"); }
_sluice_files() { compopt -o filenames 2>/dev/null; _sluice_words "$@"; }
_sluice_servers() { _sluice_words -W "$(sluice config list 2>/dev/null | sed 's/ .*/:/')"; }
_sluice() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path=sluice rest= i
  COMPREPLY=()
  # Behind "--" there are no options. "=" is a word of its own: in --to=work it stands between the option and the value.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == -- ]]; then rest=1; break; fi
    case "$path \${COMP_WORDS[i]}" in
${commands.flatMap(pathCases).join('\n')}
    esac
  done
  [[ $rest ]] || case "$path $prev" in
${commands.flatMap(optionCases).join('\n')}
  esac
  case "$path" in
${commands.map(commandCase).join('\n')}
  esac
}
complete -F _sluice sluice
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const pathOf = ({ path }: CompletedCommand): string => path.join(' ');

const pathCases = (command: CompletedCommand): readonly string[] =>
  command.commands.map((each) => {
    const patterns = each.names.map((name) => quoted(`${pathOf(command)} ${name}`));
    return `      ${patterns.join('|')}) path=${quoted(pathOf(each))} ;;`;
  });

const optionCases = (command: CompletedCommand): readonly string[] =>
  command.options.flatMap(({ names, value }) => {
    if (value === null) return [];
    const patterns = names.map((name) => quoted(`${pathOf(command)} ${name}`));
    return [`    ${patterns.join('|')}) ${fill(value)}; return ;;`];
  });

function commandCase(command: CompletedCommand): string {
  const options = command.options.flatMap(({ names }) => names).join(' ');
  const names = command.commands.flatMap((each) => each.names);
  const value = names.length > 0 ? ({ kind: 'words', words: names } as const) : command.values[0];
  const arguments_ = value === undefined ? ':' : fill(value);
  return `    ${quoted(pathOf(command))}) if [[ ! $rest && $cur == -* ]]; then _sluice_words -W ${quoted(options)}; else ${arguments_}; fi ;;`;
}

function fill(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `_sluice_words -W ${quoted(value.words.join(' '))}`;
    case 'files':
      return '_sluice_files -f';
    case 'folders':
      return '_sluice_files -d';
    case 'servers':
      return '_sluice_servers';
    case 'anything':
      return ':';
  }
}
