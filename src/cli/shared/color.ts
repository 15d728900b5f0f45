/** Whether and how a command colours what it prints. */
import { styleText } from 'node:util';

export const COLOR_CHOICES = ['auto', 'always', 'never'] as const;
export type ColorChoice = (typeof COLOR_CHOICES)[number];

/**
 * Whether stdout gets colours. With `auto` a terminal does, unless `NO_COLOR` is set (https://no-color.org), or `TERM`
 * says that it knows none.
 */
export function usesColor(
  choice: ColorChoice,
  { NO_COLOR, TERM }: Readonly<Record<string, string | undefined>> = process.env,
  isTerminal: boolean = process.stdout.isTTY === true,
): boolean {
  if (choice !== 'auto') return choice === 'always';
  return isTerminal && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
}

/** What a text is; each has its colour. */
const STYLES = {
  heading: 'bold',
  names: 'dim',
  client: 'cyan',
  server: 'green',
  fault: 'red',
  warning: 'yellow',
  match: ['bold', 'red'],
} as const satisfies Readonly<Record<string, Parameters<typeof styleText>[0]>>;

/** Colours a text that is laid out already, as the escapes take no room. */
export type Paint = (what: keyof typeof STYLES, text: string) => string;

export const painter = (colored: boolean): Paint =>
  colored ? (what, text) => styleText(STYLES[what] as never, text, FOR_ANY_STREAM) : (_, text) => text;

/** `usesColor` has decided: Node need not look at its own stdout. */
const FOR_ANY_STREAM = { validateStream: false } as const;
