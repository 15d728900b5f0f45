/**
 * The SHA-256 of texts that scripts hash by mistake when a token is missing. Such a SHA-256 looks like any
 * other, and it would let every peer in.
 */

const unsetVariable = (command: string) => `as \`${command} | sha256sum\` gives it when TOKEN is not set`;
const SINGLE_QUOTED = 'as single quotes around "$TOKEN" keep the shell from putting the token there';
const MISSING_VALUE = 'as a script or jq puts it in place of a token that is missing';

/** The texts, each with a description of its SHA-256. */
const PLACEHOLDERS: readonly (readonly [string, string])[] = [
  ['', `the SHA-256 of nothing, ${unsetVariable('printf %s "$TOKEN"')}`],
  ['\n', `the SHA-256 of an empty line, ${unsetVariable('echo "$TOKEN"')}`],
  ['\r\n', `the SHA-256 of an empty line, ${unsetVariable('echo "$TOKEN"')}`],
  ['$TOKEN', `the SHA-256 of the word $TOKEN, ${SINGLE_QUOTED}`],
  ['$TOKEN\n', `the SHA-256 of the word $TOKEN, ${SINGLE_QUOTED}`],
  ['null', `the SHA-256 of the word null, ${MISSING_VALUE}`],
  ['null\n', `the SHA-256 of the word null, ${MISSING_VALUE}`],
  ['undefined', `the SHA-256 of the word undefined, ${MISSING_VALUE}`],
  ['undefined\n', `the SHA-256 of the word undefined, ${MISSING_VALUE}`],
];

/**
 * The descriptions by SHA-256 (64 lower case hexadecimal digits).
 *
 * @param sha256 gives that of a text in UTF-8.
 */
export const placeholderDigests = (sha256: (text: string) => string): ReadonlyMap<string, string> =>
  new Map(PLACEHOLDERS.map(([text, how]) => [sha256(text), how]));
