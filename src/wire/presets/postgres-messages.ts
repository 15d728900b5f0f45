/**
 * The messages of PostgreSQL by their first byte.
 *
 * The two sides use some letters for different messages. Where the length does not show which, the name is both: the
 * client's first.
 */

const NAMES: Readonly<Record<string, string>> = {
  '1': 'ParseComplete',
  '2': 'BindComplete',
  '3': 'CloseComplete',
  A: 'NotificationResponse',
  B: 'Bind',
  C: 'Close or CommandComplete',
  D: 'Describe or DataRow',
  E: 'Execute or ErrorResponse',
  F: 'FunctionCall',
  G: 'CopyInResponse',
  H: 'CopyOutResponse',
  I: 'EmptyQueryResponse',
  K: 'BackendKeyData',
  N: 'NoticeResponse',
  P: 'Parse',
  Q: 'Query',
  R: 'Authentication',
  S: 'ParameterStatus',
  T: 'RowDescription',
  V: 'FunctionCallResponse',
  W: 'CopyBothResponse',
  X: 'Terminate',
  Z: 'ReadyForQuery',
  c: 'CopyDone',
  d: 'CopyData',
  f: 'CopyFail',
  n: 'NoData',
  p: 'PasswordMessage',
  s: 'PortalSuspended',
  t: 'ParameterDescription',
  v: 'NegotiateProtocolVersion',
};

/** Messages without a body, which only the client sends. */
const EMPTY_MESSAGES: Readonly<Record<string, string>> = { H: 'Flush', S: 'Sync' };

/** The name of the message whose first byte is `type`, with a body of `length` bytes; null when there is none. */
export function messageName(type: number, length: number): string | null {
  const letter = String.fromCharCode(type);
  return (length === 0 ? EMPTY_MESSAGES[letter] : undefined) ?? NAMES[letter] ?? null;
}

/** The name of a message without a type byte, by the number after its length. */
export function startupName(code: number): string | null {
  if (code === 80_877_102) return 'CancelRequest';
  if (code === 80_877_103) return 'SSLRequest';
  if (code === 80_877_104) return 'GSSENCRequest';
  return code >>> 16 === 3 ? 'StartupMessage' : null;
}
