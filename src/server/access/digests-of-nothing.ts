/**
 * What is hashed in place of a token when it is not there: the SHA-256 looks like any other, and lets everybody in.
 */

const unset = (command: string) => `as \`${command} | sha256sum\` gives it when TOKEN is not set`;
const quoted = 'as single quotes around "$TOKEN" keep the shell from putting the token there';
const missing = 'as a script or jq puts it in place of a token that is missing';

/** Texts, and what the SHA-256 of each is. */
const texts: readonly (readonly [string, string])[] = [
  ['', `the SHA-256 of nothing, ${unset('printf %s "$TOKEN"')}`],
  ['\n', `the SHA-256 of an empty line, ${unset('echo "$TOKEN"')}`],
  ['\r\n', `the SHA-256 of an empty line, ${unset('echo "$TOKEN"')}`],
  ['$TOKEN', `the SHA-256 of the word $TOKEN, ${quoted}`],
  ['$TOKEN\n', `the SHA-256 of the word $TOKEN, ${quoted}`],
  ['null', `the SHA-256 of the word null, ${missing}`],
  ['null\n', `the SHA-256 of the word null, ${missing}`],
  ['undefined', `the SHA-256 of the word undefined, ${missing}`],
  ['undefined\n', `the SHA-256 of the word undefined, ${missing}`],
];

/**
 * By each such SHA-256, in 64 lower case hexadecimal digits, what it is and how it comes about.
 *
 * @param sha256 gives that of a text in UTF-8.
 */
export const digestsOfNothing = (sha256: (text: string) => string): ReadonlyMap<string, string> =>
  new Map(texts.map(([text, how]) => [sha256(text), how]));
