/** The kinds of values that only the settings of events have. */
import { readAddressRules } from '../../server/sinks/address-rules.ts';
import { type Kind, text } from './setting-types.ts';

const readCommand = (value: string): readonly [string, ...string[]] | undefined => {
  if (!value.startsWith('[')) return /^\S+$/.test(value) ? [value] : undefined;
  try {
    return commandIn(JSON.parse(value));
  } catch {
    return undefined;
  }
};

function commandIn(value: unknown): readonly [string, ...string[]] | undefined {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string' && !each.includes('\0')))
    return undefined;
  const [program, ...given] = value as readonly string[];
  return program === undefined || program === '' ? undefined : [program, ...given];
}

const printCommand = (command: readonly string[]): string => JSON.stringify(command);

/** A program and its arguments, as a list in JSON, or a program alone. No shell reads them. */
export const command: Kind<readonly [string, ...string[]]> = {
  placeholder: 'COMMAND',
  mustBe:
    'a program without blanks, or a list in JSON of a program and its arguments, such as ["notify","--now"]',
  read: readCommand,
  readJson: (value) => (typeof value === 'string' ? readCommand(value) : commandIn(value)),
  print: printCommand,
  show: printCommand,
};

/** Networks that are allowed or not. */
export const addresses: Kind<string> = text(
  'LIST',
  'addresses and networks with commas between them, those that are not allowed with a !, such as 10.0.0.0/8,!10.0.0.1',
  (value) => readAddressRules(value) !== undefined,
);

export const NATS_URLS =
  'nats://HOST:PORT or tls://HOST:PORT, more with commas between them, without a password';

/** A user or a password is refused: everybody could see it in the list of processes. */
export const areNatsUrls = (list: string): boolean =>
  list
    .split(',')
    .every(
      (url) => /^(nats|tls):\/\/[^/@?#]+$/.test(url) && URL.canParse(url) && new URL(url).hostname !== '',
    );

export const isSubject = (text: string): boolean =>
  /^[\x21-\x7e]{1,255}$/.test(text) && text.split('.').every((token) => /^[^*>]+$/.test(token));
