/** The user's own module as what answers, and the command line that makes a test again. */
import { existsSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { LengthFieldOptions } from '../../../wire/length-field.ts';

export interface OwnPipeline {
  /** A path, or the name of a package. */
  readonly module: string;
  /** The name of its export; null for the default one. */
  readonly name: string | null;
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Parses `MODULE#NAME`. */
export function ownPipeline(text: string): OwnPipeline {
  const hash = text.lastIndexOf('#');
  // `#name` alone is an import of the user's own package.
  const [module, name] = hash > 0 ? [text.slice(0, hash), text.slice(hash + 1)] : [text, null];
  if (module === '') throw new InvalidArgumentError('It must be MODULE#NAME, such as src/chat.ts#chat.');
  if (name !== null && !IDENTIFIER.test(name)) {
    throw new InvalidArgumentError(`"${name}" is no name of an export.`);
  }
  if (isFile(module)) return { module: isPath(module) ? module : `./${module}`, name };
  if (isPath(module) || /\.[cm]?[jt]sx?$/.test(module)) {
    throw new InvalidArgumentError(`There is no file ${module}.`);
  }
  return { module, name };
}

const isPath = (module: string): boolean => isAbsolute(module) || module.startsWith('.');

/** Whether there is such a file; also by the name of what it is compiled to, or without its ending. */
const isFile = (module: string): boolean =>
  [module, module.replace(/\.([cm]?)js$/, '.$1ts'), `${module}.ts`, `${module}.js`].some((path) =>
    existsSync(path),
  );

interface CommandFlags {
  readonly writeTest: string;
  readonly only?: readonly (number | string)[];
  readonly preset?: string;
  readonly lengthField?: LengthFieldOptions;
  readonly with?: string;
  readonly pipeline?: OwnPipeline;
}

/** The command that writes the same test again. An absolute path is shortened to its name. */
export function commandLine(file: string, flags: CommandFlags): string {
  const { writeTest, only = [], preset, lengthField, pipeline } = flags;
  const words = [
    'npx',
    'sluice',
    'replay',
    shown(file),
    ...only.flatMap((one) => ['--only', String(one)]),
    ...(preset === undefined ? [] : ['--preset', preset]),
    ...(lengthField === undefined ? [] : ['--length-field', lengthFieldText(lengthField)]),
    ...(flags.with === undefined ? [] : ['--with', shown(flags.with)]),
    ...(pipeline === undefined
      ? []
      : ['--pipeline', shown(pipeline.module) + (pipeline.name === null ? '' : `#${pipeline.name}`)]),
    '--write-test',
    shown(writeTest),
    '--force',
  ];
  return words.map(quotedWord).join(' ');
}

const shown = (path: string): string => (isAbsolute(path) ? basename(path) : path);

/** The keys of `--length-field` that are named otherwise in the options. */
const KEYS: Readonly<Record<string, string>> = { maxLength: 'max' };

const lengthFieldText = (options: LengthFieldOptions): string =>
  Object.entries(options)
    .map(([name, value]) => `${KEYS[name] ?? name}=${String(value)}`)
    .join(',');

const quotedWord = (word: string): string =>
  /^[\w./:@=,+#-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
